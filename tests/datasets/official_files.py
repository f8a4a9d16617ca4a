"""Small data sets in the form of the official files, and what the tests of the readers share."""

import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import scipy.io
from torch.utils.data import DataLoader

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
OFFICIAL = DATA / "official-annotations"
WFLW_LIST = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{}.txt"


def picture(path: Path, width=8, height=6, seed=0) -> np.ndarray:
    """Write a random image; gives its pixels, RGB, as they are before compression."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    ok, data = cv2.imencode(path.suffix, pixels[..., ::-1])
    assert ok
    path.write_bytes(data.tobytes())
    return pixels


def wflw_line(seed, name):
    rng = np.random.default_rng(seed)
    coordinates = " ".join(f"{value:.6f}" for value in rng.uniform(-5, 60, 196))
    return f"{coordinates} 3 4 {20 + seed} 50 {' '.join(map(str, rng.integers(0, 2, 6)))} {name}"


def write_wflw(root: Path, split="test", lines=None) -> Path:
    """Four faces on three images; gives the annotation file."""
    names = ["1--Parade/a.jpg", "1--Parade/a.jpg", "2--Rain/b.jpg", "2--Rain/c_1.jpg"]
    lines = lines or [wflw_line(seed, name) for seed, name in enumerate(names)]
    path = root / WFLW_LIST.format(split)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))
    for seed, name in enumerate(dict.fromkeys(names)):
        picture(root / "WFLW_images" / name, seed=seed)
    return path


def pts(points, dialect="lfpw") -> str:
    if dialect == "lfpw":
        rows = "\n".join(f"{x:.6f} {y:.6f}" for x, y in points)
        return f"version: 1\nn_points:  {len(points)}\n{{\n{rows}\n}}"
    rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
    return f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n"


def write_w300(root: Path) -> dict[str, np.ndarray]:
    """Two faces in every folder; gives name -> points as the files have them."""
    faces = {}
    folders = {
        "afw": ".jpg", "helen/trainset": ".jpg", "helen/testset": ".jpg", "lfpw/trainset": ".png",
        "lfpw/testset": ".png", "ibug": ".jpg", "300W/01_Indoor": ".png", "300W/02_Outdoor": ".png",
    }  # fmt: skip
    for seed, (folder, suffix) in enumerate(folders.items()):
        for stem in ("image_0001", "image_092 _01"):
            points = np.random.default_rng([seed, len(stem)]).uniform(-3, 300, (68, 2)).round(3)
            picture(root / folder / (stem + suffix), seed=seed)
            (root / folder / f"{stem}.pts").write_text(pts(points, "300w" if "300W" in folder else "lfpw"))
            faces[f"{folder}/{stem}{suffix}"] = points
    return faces


def write_cofw(root: Path, split="test", count=5, **changes) -> dict:
    """The HDF5 form of MATLAB 7.3, behind its 512 bytes of text; face 1 is grey. Gives what was written."""
    rng = np.random.default_rng(count)
    suffix = "Tr" if split == "train" else "T"
    images = [rng.integers(0, 256, (3, 7 + k % 3, 5), dtype=np.uint8) for k in range(count)]
    if count > 1:
        images[1] = images[1][0]
    phis = rng.uniform(-5, 200, (87, count))
    phis[58:] = rng.integers(0, 2, (29, count))
    boxes = rng.uniform(-4, 100, (4, count)).round()
    boxes[2:] = np.abs(boxes[2:]) + 1
    written = {"images": images, "phis": phis, "bboxes": boxes} | changes
    path = root / f"COFW_{split}_color.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        references = np.empty((1, count), dtype=h5py.ref_dtype)
        for k, image in enumerate(written["images"]):
            references[0, k] = file.create_dataset(f"#refs#/i{k}", data=image).ref
        file.create_dataset("Is" + suffix, data=references, dtype=h5py.ref_dtype)
        file["phis" + suffix], file["bboxes" + suffix] = written["phis"], written["bboxes"]
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))
    return written | {"path": path}


def write_cofw68(root: Path, count=5) -> dict:
    written = write_cofw(root, "test", count)
    rng = np.random.default_rng(68)
    folder = root / "COFW68_Data" / "test_annotations"
    folder.mkdir(parents=True, exist_ok=True)
    boxes = rng.integers(1, 300, (count, 4)).astype(np.int16)
    scipy.io.savemat(folder.parent / "cofw68_test_bboxes.mat", {"bboxes": boxes})
    points, occluded = rng.uniform(-17, 800, (count, 68, 2)), rng.integers(0, 2, (count, 1, 68)).astype(np.uint8)
    for k in range(count):
        scipy.io.savemat(folder / f"{k + 1}_points.mat", {"Points": points[k], "Occ": occluded[k]})
    return written | {"points": points, "occluded": occluded, "boxes68": boxes}


def write_aflw(root: Path, count, **changes) -> dict:
    rng = np.random.default_rng(19)
    names = [f"{(0, 2, 3)[k % 3]}/image{k % 7:05d}.{'png' if k % 7 == 3 else 'jpg'}" for k in range(count)]
    mask = rng.integers(0, 4, (count, 19)) > 0
    mask[::3] = True
    left, top = rng.integers(1, 200, (2, count))
    written = {
        "nameList": np.array(names, dtype=object)[:, None],
        "data": rng.uniform(1, 400, (count, 38)),
        "bbox": np.stack([left, left + 90, top, top + 80], 1).astype(np.uint16),
        "mask_new": mask.astype(np.uint8),
        "ra": (rng.permutation(count) + 1).astype(np.uint16)[None],
    } | changes
    root.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(root / "AFLWinfo_release.mat", written)
    for name in set(names):
        picture(root / "flickr" / name)
    return written


def write_table(root: Path, count=4, points=19, tar=False) -> np.ndarray:
    """A FaceTable of random faces in the splits train and test by turns; gives the landmarks."""
    landmarks = np.random.default_rng(points).uniform(0, 160, (count, points, 2)).round(3)
    header = ["name", "identity", "split", *(f"{axis}{k}" for k in range(points) for axis in "xy")]
    rows = [
        [f"person {k}.jpg", f"Zoë {k}", ("train", "test")[k % 2], *map(str, face.ravel())]
        for k, face in enumerate(landmarks)
    ]
    root.mkdir(parents=True, exist_ok=True)
    (root / "landmarks.csv").write_text("".join(",".join(row) + "\n" for row in [header, *rows]), "utf-8")
    for k in range(count):
        picture(root / "images" / f"person {k}.jpg", 170, 160, seed=k)
    if tar:
        shutil.make_archive(str(root / "images"), "tar", root, "images")
        shutil.rmtree(root / "images")
    return landmarks


def same_faces(first, second) -> None:
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        for key in ("image", "landmarks", "box", "visible"):
            np.testing.assert_array_equal(getattr(a, key), getattr(b, key))
        assert (a.name, a.attributes) == (b.name, b.attributes)


def through_workers(dataset) -> list:
    """Every face, read by two spawned worker processes."""
    loader = DataLoader(dataset, batch_size=2, num_workers=2, collate_fn=list, multiprocessing_context="spawn")
    return [sample for batch in loader for sample in batch]
