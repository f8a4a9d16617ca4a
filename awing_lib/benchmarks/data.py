"""Samples for training: from a photo to an augmented crop, on one core; and how many cores keep a device busy."""

import time
from collections.abc import Callable, Iterable, Mapping

import cv2
import numpy as np

from awing_lib import datasets
from awing_lib.benchmarks.floors import Floors, measure_floors
from awing_lib.benchmarks.table import Column, Row, Table, show_seconds
from awing_lib.benchmarks.timing import medians, threads
from awing_lib.datasets.files import decode_image
from awing_lib.layouts import WFLW_98
from awing_lib.transforms import CROP_SIZE, Augmentation

_SAMPLES, _MADE = 32, 8
_WORKERS = (1, 2, 4, 8, 16, 32)
_WAIT = 0.05
"""A device that waits less than this share of its time counts as busy."""


def data_table(
    side: int,
    repeats: int,
    *,
    images_per_second: float | None = None,
    floors: Floors | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Table:
    """Augmented 256x256 samples per second on one core, from a square photo of ``side`` pixels in memory.

    One row per form of the photo: JPEG, PNG, and pixels, where nothing is decoded. Shares of the time: decoding; the
    warp, with drawing its parameters and moving the landmarks; the rest (occlusion, blur, noise). The ratio is to
    ``cv2.warpAffine`` of the same photo to 256x256 pixels, and nothing else. Times are the processor's, so that
    other programs do not count.

    The least that any way must move: the file is read, or of pixels the square that becomes the crop, and the sample
    is written. In a record, ``more`` of a row has ``per_second`` and ``shares`` (null where there are none), that of
    the table ``workers`` (null without ``images_per_second``)::

        {"images_per_second": 300.0,
         "waits": {"JPEG": {"1": 0.83, ...}, ...},     workers, each on a core of its own -> share of time spent waiting
         "needed": {"JPEG": 6, ...}}                   fewest workers with which the device waits less than 5 %

    Args:
        side: of the photo, pixels.
        repeats: timed runs; the median counts.
        images_per_second: what the device takes while it trains; None: nothing is said of workers.
        floors: what the machine can do with one thread; None: it is measured.
        progress: wraps the rounds, such as ``tqdm``.

    Raises:
        ValueError: ``images_per_second`` is no positive number.
    """
    if images_per_second is not None and not 0 < images_per_second < float("inf"):
        raise ValueError(f"images_per_second must be a positive number, got {images_per_second!r}")
    rng = np.random.default_rng(0)
    # blotches and a little noise, so that the files are about as large as those of photos
    blotches = cv2.resize(rng.uniform(0, 255, (16, 16, 3)), (side, side), interpolation=cv2.INTER_CUBIC)
    photo = np.clip(blotches + rng.normal(0, 4, blotches.shape), 0, 255).astype(np.uint8)
    files = {suffix: cv2.imencode(suffix, photo)[1].tobytes() for suffix in (".jpg", ".png")}
    box = np.array([0.2, 0.2, 0.8, 0.8]) * side
    landmarks = rng.uniform(box[0], box[2], (WFLW_98.count, 2))
    full = Augmentation(WFLW_98)
    warp = Augmentation(WFLW_98, blur_probability=0, noise_probability=0, occlusion_probability=0)
    matrix = full.protocol.matrix(box, landmarks)

    def many(augment):
        generator = np.random.default_rng(0)
        return lambda: [augment(photo, landmarks, None, box, generator) for _ in range(_SAMPLES)]

    faces = iter(datasets.SyntheticFaces(_MADE * (repeats + 2)))
    variants = {
        "bare": lambda: [cv2.warpAffine(photo, matrix, (CROP_SIZE, CROP_SIZE)) for _ in range(_SAMPLES)],
        "warp": many(warp),
        "full": many(full),
        ".jpg": lambda: [decode_image(files[".jpg"], "photo") for _ in range(_SAMPLES)],
        ".png": lambda: [decode_image(files[".png"], "photo") for _ in range(_SAMPLES)],
        "face": lambda: [next(faces) for _ in range(_MADE)],
    }
    with threads(1):
        seconds = medians(variants, repeats, clock=time.process_time, progress=progress)
        floors = floors or measure_floors("cpu", 1)
    each = {name: taken / (_MADE if name == "face" else _SAMPLES) for name, taken in seconds.items()}

    # the crop's side, seen in the photo, is that of the crop over the warp's scale
    seen = 3 * min(side, round(CROP_SIZE / np.hypot(*matrix[0, :2]))) ** 2
    read = {"JPEG": len(files[".jpg"]), "PNG": len(files[".png"]), "pixels": seen, "bare warp": seen, "made face": 0}
    decoding = {"JPEG": each[".jpg"], "PNG": each[".png"], "pixels": 0.0}
    rows = []
    for name, bytes_read in read.items():
        shares = None
        if name in decoding:
            taken = decoding[name] + each["full"]
            parts = {"decode": decoding[name], "warp": each["warp"], "rest": each["full"] - each["warp"]}
            shares = {part: value / taken for part, value in parts.items()}
        else:
            taken = each["bare" if name == "bare warp" else "face"]
        more = {"per_second": 1 / taken, "shares": shares}
        moved = bytes_read + 3 * CROP_SIZE**2
        rows.append(Row.measured(name, taken, each["bare"], floors, bytes=moved, more=more))
    notes = [f"made face: one of SyntheticFaces, {CROP_SIZE}x{CROP_SIZE}"]
    notes.append("floor: the file, or the part of the pixels that is seen, is read, the sample is written")
    workers = None
    if images_per_second is not None:
        workers = keeping_busy({row.name: row.more["per_second"] for row in rows[:3]}, images_per_second)
        notes += _in_words(workers)
    return Table(
        name="data",
        title=f"photo of {side}x{side}, samples of {CROP_SIZE}x{CROP_SIZE}, one core, median of {repeats}",
        per="sample",
        floors=floors,
        settings={"photo": side, "repeats": repeats, "crop": CROP_SIZE, "images_per_second": images_per_second},
        rows=tuple(rows),
        columns=(
            Column("a sample", 11, lambda row: show_seconds(row.seconds)),
            Column("samples/s", 11, lambda row: f"{row.more['per_second']:.0f}"),
            Column("ratio", 8, lambda row: f"{row.ratio:.1f}"),
            *(Column(part, 8, lambda row, part=part: _share(row, part)) for part in ("decode", "warp", "rest")),
        ),
        notes=tuple(notes),
        more={"workers": workers},
    )


def keeping_busy(per_second: Mapping[str, float], images_per_second: float) -> dict:
    """How long a device waits for the workers that prepare its samples, as a share of the time.

    Workers on cores of their own make samples side by side, so ``n`` of them make ``n`` times as many in a second as
    one does; a device that takes more waits for the rest of the time.

    Args:
        per_second: form of the photo -> samples that one worker makes.
        images_per_second: what the device takes if it never waits.

    Returns:
        ``images_per_second``, ``waits`` (form -> workers -> share) and ``needed`` (form -> fewest workers with which it
        waits less than 5 %).
    """

    def wait(one: float, workers: int) -> float:
        return max(0.0, 1 - workers * one / images_per_second)

    def fewest(one: float) -> int:
        workers = max(1, int((1 - _WAIT) * images_per_second / one))
        return workers if wait(one, workers) < _WAIT else workers + 1

    return {
        "images_per_second": images_per_second,
        "waits": {form: {str(n): wait(one, n) for n in _WORKERS} for form, one in per_second.items()},
        "needed": {form: fewest(one) for form, one in per_second.items()},
    }


def _in_words(workers: dict) -> list[str]:
    taken = workers["images_per_second"]
    lines = [f"a device that takes {taken:.0f} images/s waits, with workers on cores of their own:"]
    for form, waits in workers["waits"].items():
        shares = ", ".join(f"{n}: {share:.0%}" for n, share in waits.items())
        lines.append(f"  {form:<8}{shares}; under {_WAIT:.0%} with {workers['needed'][form]}")
    return lines


def _share(row: Row, part: str) -> str:
    return f"{row.more['shares'][part]:.0%}" if row.more["shares"] else ""
