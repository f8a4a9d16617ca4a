"""A look at every face of a data set, images included."""

from collections.abc import Callable, Iterable

from awing_lib.datasets.sample import FaceDataset
from awing_lib.errors import AwingError


def check(dataset: FaceDataset, progress: Callable[[Iterable], Iterable] = iter) -> list[str]:
    """What is wrong with a data set: decodes every image and compares the number of faces with the official one.

    A reader refuses a data set with missing images; to have them all listed here, build it with ``check_images=False``.

    Args:
        dataset: the data set.
        progress: wraps the indices that are gone through, such as ``tqdm``.

    Returns:
        One line per problem, each naming the file; empty if there is none.
    """
    problems = []
    expected = dataset.official_count
    if expected is not None and len(dataset) != expected:
        problems.append(f"{type(dataset).__name__}: {len(dataset)} faces, the official number is {expected}")
    for index in progress(range(len(dataset))):
        try:
            sample = dataset[index]
        except AwingError as error:
            problems.append(str(error))
            continue
        height, width = sample.image.shape[:2]
        x0, y0, x1, y1 = sample.box.tolist()
        if x1 < 0 or y1 < 0 or x0 > width - 1 or y0 > height - 1:
            box = f"({x0:g}, {y0:g}) to ({x1:g}, {y1:g})"
            problems.append(f"{sample.name}, face {index}: box {box} lies outside the image of {width} x {height}")
    return list(dict.fromkeys(problems))  # a broken image with five faces is one problem
