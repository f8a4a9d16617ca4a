"""What is known of each data set: terms, where to ask, the tree expected on disk, and what of it is there."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from awing_lib.datasets import aflw, wflw
from awing_lib.datasets.aflw import AFLW
from awing_lib.datasets.checking import check
from awing_lib.datasets.cofw import COFW, COFW68
from awing_lib.datasets.facetable import FaceTable
from awing_lib.datasets.files import DataError
from awing_lib.datasets.sample import FaceDataset
from awing_lib.datasets.w300 import W300
from awing_lib.datasets.wflw import WFLW
from awing_lib.errors import AwingError
from awing_lib.layouts import LandmarkLayout

_COMMON = ("images/*", "images.tar")  # many a folder has these
_RESEARCH = "for non-commercial research only; not to be passed on"


@dataclass(frozen=True)
class CatalogueEntry:
    """One data set, as its authors give it out."""

    title: str
    faces: str
    """How many there are and what is marked, in words."""
    terms: str
    """Licence in a few words; the authors' own text is what counts."""
    source: str
    """Where to ask for it."""
    tree: dict[str, int | None]
    """Files expected below its root: pattern -> number of them, None where it does not matter or is not known."""
    splits: dict[str, Callable[..., FaceDataset]] = field(default_factory=dict)
    """Split -> how to open it at a root without looking for its images; together they are every face once."""


CATALOGUE = {
    "wflw": CatalogueEntry(
        title="WFLW, Wider Facial Landmarks in the Wild (Wu et al., CVPR 2018)",
        faces="7500 for training, 2500 for testing; 98 points, six attributes",
        terms=_RESEARCH,
        source="the project page of the paper Look at Boundary (LAB): one archive of images, one of annotations",
        tree={
            "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_train.txt": 1,
            "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt": 1,
            "WFLW_images/*/*.jpg": None,
        },
        splits={split: lambda root, s=split: WFLW(root, s, check_images=False) for split in wflw.COUNTS},
    ),
    "300w": CatalogueEntry(
        title="300W, 300 Faces in the Wild (Sagonas et al., 2013 and 2016)",
        faces="3148 for training, 689 (554 common, 135 challenging) and 600 (private) for testing; 68 points",
        terms=_RESEARCH,
        source="the page of the iBUG group's challenge; a .pts file beside each image",
        tree={
            f"{folder}/*.{suffix}": number
            for folder, suffix, number in (
                ("afw", "jpg", 337),
                ("helen/trainset", "jpg", 2000),
                ("lfpw/trainset", "png", 811),
                ("helen/testset", "jpg", 330),
                ("lfpw/testset", "png", 224),
                ("ibug", "jpg", 135),
                ("300W/01_Indoor", "png", 300),
                ("300W/02_Outdoor", "png", 300),
            )
        },
        splits={
            split: lambda root, s=split: W300(root, s, check_images=False)
            for split in ("train", "common", "challenging", "test")  # "full" is the two in the middle
        },
    ),
    "cofw": CatalogueEntry(
        title="COFW, Caltech Occluded Faces in the Wild (Burgos-Artizzu et al., ICCV 2013)",
        faces="1345 for training, 507 for testing; 29 points with occlusion",
        terms=_RESEARCH,
        source="the authors' page at Caltech; take the colour version",
        tree={"COFW_train_color.mat": 1, "COFW_test_color.mat": 1},
        splits={split: lambda root, s=split: COFW(root, s) for split in ("train", "test")},
    ),
    "cofw68": CatalogueEntry(
        title="COFW-68 (Ghiasi and Fowlkes, 2015)",
        faces="COFW's 507 test images; 68 points with occlusion",
        terms=_RESEARCH,
        source="the repository cofw68-benchmark, beside COFW's own test file",
        tree={
            "COFW_test_color.mat": 1,
            "COFW68_Data/cofw68_test_bboxes.mat": 1,
            "COFW68_Data/test_annotations/*_points.mat": 507,
        },
        splits={"test": lambda root: COFW68(root)},
    ),
    "aflw": CatalogueEntry(
        title="AFLW-19, Annotated Facial Landmarks in the Wild (Köstinger et al., 2011; points: Zhu et al., CVPR 2016)",
        faces="20000 for training, 4386 for testing; 19 points with visibility",
        terms=_RESEARCH,
        source="images: Graz University of Technology, on request; points: the authors of the CVPR 2016 paper",
        tree={aflw.FILE: 1, **{f"flickr/{number}/*.*": None for number in (0, 2, 3)}},
        splits={split: lambda root, s=split: AFLW(root, s, check_images=False) for split in ("train", "full")},
    ),
    "table": CatalogueEntry(
        title="Your own photos (FaceTable)",
        faces="as many as you have; 98, 68, 29 or 19 points, or a layout of your own",
        terms="whatever you have agreed with the people in them",
        source="you",
        tree={"landmarks.csv": 1, "images/*": None, "images.tar": None},
        splits={"all": lambda root, layout=None: FaceTable(root, layout=layout, check_images=False)},
    ),
}


def describe(root: str | os.PathLike) -> str:
    """Every data set: terms, where to ask, the tree expected, and what of it is in ``root`` or one of its folders.

    Raises:
        DataError: ``root`` exists and is no folder, or cannot be looked into.
    """
    root = Path(root)
    try:
        if root.exists() and not root.is_dir():
            raise DataError(f"{root}: is not a folder")
        folders = [root, *sorted(path for path in root.iterdir() if path.is_dir())] if root.exists() else []
    except OSError as error:
        raise DataError(f"{root}: cannot be looked into: {error.strerror}") from error
    blocks = []
    for name, entry in CATALOGUE.items():
        lines = [f"{name}: {entry.title}", f"  faces   {entry.faces}", f"  terms   {entry.terms}"]
        lines.append(f"  ask     {entry.source}")
        counts = {folder: found(entry, folder) for folder in folders}
        places = [
            folder for folder, count in counts.items() if any(n for key, n in count.items() if key not in _COMMON)
        ]
        for at, (pattern, number) in enumerate(entry.tree.items()):
            expected = f"   ({number})" if number and number > 1 else ""
            lines.append(f"  {'expect' if at == 0 else '':<8}ROOT/{pattern}{expected}")
        if not places:
            lines.append(f"  found   nothing in {root}" + ("" if root.exists() else ", which does not exist"))
        for folder in places:
            lines.append(f"  found   ROOT = {folder}")
            for pattern, number in entry.tree.items():
                wanted = f" of {number}" if number and number > 1 else ""
                here = counts[folder][pattern]
                count = f"{here}{wanted}" if here else "missing" if number else "none"
                lines.append(f"          {count:>12}  {pattern}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def found(entry: CatalogueEntry, root: Path) -> dict[str, int]:
    """Pattern of the tree -> number of files and folders there are in ``root``."""
    return {pattern: sum(1 for _ in root.glob(pattern)) for pattern in entry.tree}


def examine(
    name: str,
    root: str | os.PathLike,
    progress: Callable[[Iterable, str], Iterable] = lambda indices, split: indices,
    say: Callable[[str], object] = lambda line: None,
    *,
    layout: LandmarkLayout | None = None,
) -> list[str]:
    """What is missing or broken in a data set: every split is opened and every image decoded.

    Args:
        name: a key of ``CATALOGUE``.
        root: the folder of the data set.
        progress: wraps the indices of a split, whose name it is told.
        say: is told of each split when it has been looked at.
        layout: what the points of a table are; None takes the known layout with as many.

    Returns:
        One line per problem, each beginning with the split; empty if there is none.

    Raises:
        DataError: a layout is given, and the data set has its own.
    """
    if layout is not None and name != "table":
        raise DataError(f"layout is for a table; {name} has its own")
    options = {} if layout is None else {"layout": layout}
    problems = []
    for split, open_split in CATALOGUE[name].splits.items():
        try:
            faces = open_split(Path(root), **options)
        except AwingError as error:
            trouble, size = [str(error)], "cannot be opened"
        else:
            trouble = check(faces, lambda indices, s=split: progress(indices, s)) + _subsets(name, split, faces)
            size = f"{len(faces)} faces"
        say(f"{split}: {size}, {len(trouble) or 'no'} problem{'' if len(trouble) == 1 else 's'}")
        problems += [f"{split}: {line}" for line in trouble]
    return problems


def _subsets(name: str, split: str, faces: FaceDataset) -> list[str]:
    """WFLW's six test subsets that do not have their official number of faces."""
    if (name, split) != ("wflw", "test"):
        return []
    sizes = {attribute: int(faces.attributes[attribute].sum()) for attribute in wflw.ATTRIBUTES}
    return [
        f"subset {attribute}: {size} faces, the official number is {wflw.SUBSET_COUNTS[attribute]}"
        for attribute, size in sizes.items()
        if size != wflw.SUBSET_COUNTS[attribute]
    ]
