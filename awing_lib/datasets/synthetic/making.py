"""A whole synthetic data set, made by worker processes and written in an official layout."""

import math
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2

from awing_lib.datasets.sample import FaceDataset, FaceSample
from awing_lib.datasets.synthetic import writing
from awing_lib.datasets.synthetic.staging import WritingError, refuse_existing

LAYOUTS = ("wflw", "300w", "cofw", "aflw", "table")
_CHUNK = 4
_ALONE = 64
"""A worker takes a second to start; below this number of faces for each of them, fewer are started."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plan_splits(layout: str, count: int, test_count: int | None = None) -> dict[str, int]:
    """Split -> number of faces: ``count`` for training, ``test_count`` (a quarter of it) for testing.

    300W has three test splits, which share ``test_count`` as the official ones do: common, challenging, private.

    Raises:
        WritingError: too few for the layout, or a layout that there is not.
    """
    if layout not in LAYOUTS:
        raise WritingError(f"layout {layout!r} is unknown; there are {', '.join(LAYOUTS)}")
    tests = {"test": (600, 1)}
    if layout == "300w":  # the official size and the number of folders, each of which needs a face
        tests = {"common": (554, 2), "challenging": (135, 1), "test": (600, 2)}
    least = sum(folders for _, folders in tests.values())
    if test_count is None:
        test_count = max(count // 4, least)
    sizes = {"train": count}
    if test_count:
        parts = writing.share_out(test_count, [size for size, _ in tests.values()], [f for _, f in tests.values()])
        sizes |= dict(zip(tests, parts, strict=True))
    sizes = {split: size for split, size in sizes.items() if size}
    if not sizes or (layout == "aflw" and len(sizes) < 2):
        raise WritingError(f"layout {layout}: {count} faces for training and {test_count} for testing are too few")
    if layout == "300w" and 0 < count < 3:
        raise WritingError(f"layout 300w: {count} faces for training are too few for its three folders")
    return sizes


def write_splits(
    faces: FaceDataset,
    root: str | os.PathLike,
    layout: str,
    sizes: dict[str, int],
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: writing.Progress = iter,
) -> None:
    """Write the first faces as the first split, the next ones as the next: no face is in two splits.

    The files are the same, byte for byte, whatever the number of workers.

    Args:
        faces: at least as many faces as ``sizes`` adds up to; picklable if there are several workers.
        root: where the data set shall lie.
        layout: one of ``LAYOUTS``.
        sizes: split -> number of faces, as from :func:`plan_splits`.
        workers: processes that make faces, at most.
        overwrite: replace splits that exist.
        progress: wraps the faces of each split as they are gone through, such as ``tqdm``.

    Raises:
        WritingError: a split exists, a worker died, or the file system refuses.
    """
    if not overwrite:  # look before the first face is made; the writers look again
        for split in sizes:
            known = writing.TARGETS.get(layout, {})
            refuse_existing(root, known.get(split) or known.get("both") or (f"images/{split}",))
    workers = min(workers, math.ceil(sum(sizes.values()) / _ALONE))
    if workers <= 1:
        _write(_parts(faces, sizes, None), root, layout, overwrite, progress)
        return
    context = multiprocessing.get_context("spawn")  # forking a process that has threads can hang
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(faces,))
    try:
        _write(_parts(faces, sizes, pool, 8 * workers), root, layout, overwrite, progress)
    except BrokenProcessPool as error:
        raise WritingError(f"{root}: a process that made faces died, perhaps for want of memory") from error
    finally:
        pool.shutdown(cancel_futures=True)


def opening_line(root: str | os.PathLike, layout: str, split: str) -> str:
    """The line of Python that opens what was written."""
    reader = {"wflw": "WFLW", "300w": "W300", "cofw": "COFW", "aflw": "AFLW", "table": "FaceTable"}[layout]
    split = "full" if (layout, split) == ("aflw", "test") else split
    return f"from awing_lib.datasets import {reader}; faces = {reader}({os.fspath(Path(root))!r}, {split!r})"


def _parts(faces: FaceDataset, sizes: dict[str, int], pool, ahead: int = 1) -> dict[str, "_Part"]:
    start, parts = 0, {}
    for split, size in sizes.items():
        parts[split] = _Part(faces, range(start, start + size), pool, ahead)
        start += size
    return parts


def _write(parts: dict[str, "_Part"], root, layout: str, overwrite: bool, progress: writing.Progress) -> None:
    if layout == "aflw":
        writing.write_aflw(parts["train"], parts["test"], root, progress, overwrite=overwrite)
        return
    write = {
        "wflw": writing.write_wflw,
        "300w": writing.write_300w,
        "cofw": writing.write_cofw,
        "table": writing.write_table,
    }[layout]
    for split, part in parts.items():
        write(part, root, split, progress, overwrite=overwrite)


class _Part:
    """Some faces of a data set, in order, made by the processes of a pool if there is one."""

    def __init__(self, faces: FaceDataset, indices: range, pool: ProcessPoolExecutor | None, ahead: int) -> None:
        self.layout = faces.layout
        self._faces, self._indices, self._pool, self._ahead = faces, indices, pool, ahead

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[FaceSample]:
        if self._pool is None:
            yield from map(self._faces.__getitem__, self._indices)
            return
        chunks = (self._indices[at : at + _CHUNK] for at in range(0, len(self), _CHUNK))
        waiting: deque = deque()  # of bounded length, so that fast workers do not fill the memory
        for chunk in chunks:
            waiting.append(self._pool.submit(_make, chunk))
            if len(waiting) > self._ahead:
                yield from waiting.popleft().result()
        for chunk in waiting:
            yield from chunk.result()


_faces: FaceDataset


def _start(faces: FaceDataset) -> None:
    """Begin a worker process, which has one core to itself and is ended by the main one, also at Ctrl-C."""
    global _faces
    _faces = faces
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _make(indices: range) -> list[FaceSample]:
    return [_faces[index] for index in indices]
