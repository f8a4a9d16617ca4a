"""From a data set to the batches of a run, so that which faces a step sees depends on the recipe and nothing else.

The order of an epoch follows from (seed, epoch), the augmentation of a face from (seed, epoch, place of the face). So a
run that was stopped goes on with the very batch that it would have seen, however many processes prepare the batches.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from awing_lib.datasets.sample import FaceDataset, FaceSample
from awing_lib.errors import AwingError
from awing_lib.transforms import Augmentation


class Batch(NamedTuple):
    """Faces for one round of training."""

    images: Tensor
    """(N, 3, S, S) uint8; they become float32 on the device, so that a quarter of the bytes travel."""
    landmarks: Tensor
    """(N, L, 2) float32, pixels of the crop; NaN where not marked."""
    complete: bool
    """Whether every landmark is marked: known here, so that the device need not be asked."""
    keys: tuple[tuple[int, int], ...]
    """Epoch and place in the data set of each face."""
    skipped: tuple[str, ...]
    """What could not be read, and why."""


def unusable(problem: str) -> AwingError:
    """What is wrong with a face, and how a run can be had all the same."""
    return AwingError(f"{problem}; mend it or take it out, or let the run go on without it: --set unreadable=skip")


class CachedFaces(Dataset):
    """A data set whose images have been read once and are kept in memory.

    Args:
        faces: the data set.
        progress: wraps the places that are gone through, such as ``tqdm``.
        skip: keep what is wrong with an image that cannot be read until it is asked for, instead of raising it now.

    Raises:
        AwingError: an image cannot be read.
    """

    def __init__(
        self, faces: FaceDataset, progress: Callable[[Iterable], Iterable] = iter, *, skip: bool = True
    ) -> None:
        self._samples: list[FaceSample | AwingError] = []
        for index in progress(range(len(faces))):
            try:
                self._samples.append(faces[index])
            except AwingError as error:
                if not skip:
                    raise unusable(str(error)) from error
                self._samples.append(error)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> FaceSample:
        sample = self._samples[index]
        if isinstance(sample, AwingError):
            raise sample
        return sample


class AugmentedFaces(Dataset):
    """Augmented crops of a data set, asked for by (epoch, place).

    Args:
        faces: the data set, or :class:`CachedFaces` of it.
        augmentation: what is done to each.
        seed: of the run.
        skip: whether the face after it takes the place of one that cannot be read, of which the batch tells.
    """

    def __init__(
        self, faces: FaceDataset | CachedFaces, augmentation: Augmentation, seed: int, *, skip: bool = True
    ) -> None:
        self.faces, self.augmentation, self.seed, self.skip = faces, augmentation, seed, skip

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(
        self, key: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray, tuple[int, int], list[str]] | AwingError:
        """Crop (S, S, 3) uint8, landmarks (L, 2) float32, the key, and what was skipped on the way.

        An error is returned, because raised in another process it would drag a traceback along.
        """
        epoch, place = key
        skipped: list[str] = []
        for index in (place + np.arange(len(self))) % len(self):
            generator = np.random.default_rng([self.seed, epoch, place])
            try:
                face = self.faces[int(index)]
            except AwingError as error:
                skipped.append(str(error))
            else:
                try:
                    crop = self.augmentation(face.image, face.landmarks, face.visible, face.box, generator)
                    return crop.image, crop.landmarks, key, skipped
                except AwingError as error:  # it does not know whose face that was
                    skipped.append(f"{face.name}, face {index}: {error}")
            if not self.skip:
                return unusable(skipped[0])
        return AwingError(f"none of the {len(self)} images can be used; the first: {skipped[0]}")


class StepBatches(Sampler):
    """For each round of each step, the (epoch, place) of the faces that this device works on.

    A step sees ``batch`` faces, in ``accumulate`` rounds, each split evenly over the devices. Faces that are left over
    at the end of an epoch, fewer than a batch, are not seen in it.

    Args:
        count: of faces in the data set.
        batch: faces in a step.
        steps: of the whole run.
        seed: of the run.
        start: the step to go on with.
        accumulate: rounds in a step.
        rank: which of the devices this is.
        devices: how many there are.
    """

    def __init__(
        self,
        count: int,
        batch: int,
        steps: int,
        seed: int,
        *,
        start: int = 0,
        accumulate: int = 1,
        rank: int = 0,
        devices: int = 1,
    ) -> None:
        self.count, self.batch, self.steps, self.seed, self.start = count, batch, steps, seed, start
        self.accumulate, self.rank, self.devices = accumulate, rank, devices

    def __len__(self) -> int:
        return (self.steps - self.start) * self.accumulate

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        known, order = -1, None
        for step in range(self.start, self.steps):
            epoch, place = divmod(step, self.count // self.batch)
            if epoch != known:
                known, order = epoch, np.random.default_rng([self.seed, epoch]).permutation(self.count)
            faces = order[place * self.batch : (place + 1) * self.batch]
            # (accumulate, devices, faces): neighbours form a round, whether on one device or on several
            for share in faces.reshape(self.accumulate, self.devices, -1)[:, self.rank]:
                yield [(epoch, int(index)) for index in share]


def batch_loader(faces: AugmentedFaces, batches: StepBatches, workers: int, pin: bool = False) -> DataLoader:
    """Batches in their order; to be opened by :func:`open_batches`.

    Args:
        faces: what to draw from.
        batches: which.
        workers: processes that prepare them; 0: this one.
        pin: keep them where a GPU can fetch them while it works.
    """
    return DataLoader(
        faces,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=pin,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_prepare_worker,
        # forked ones share cached faces with this process, and notice when it is gone
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
    )


@contextmanager
def open_batches(loader: DataLoader) -> Iterator[Iterator[Batch]]:
    """The batches of a loader; its processes are gone when the context is left.

    Raises:
        AwingError: from ``next``, if there is no batch because an image cannot be read.
    """
    batches = iter(loader)
    try:
        yield (_checked(batch) for batch in batches)
    finally:
        # Left to themselves they would go once nothing refers to them; an exception may hold on to them for long, and
        # Python would wait for them when it ends, as they do not listen to signals.
        if loader.num_workers:
            batches._shutdown_workers()


def _checked(batch: Batch | AwingError) -> Batch:
    if isinstance(batch, AwingError):
        raise batch
    return batch


def _collate(samples: list) -> Batch | AwingError:
    for sample in samples:
        if isinstance(sample, AwingError):
            return sample
    images, landmarks, keys, skipped = zip(*samples, strict=True)
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
    points = torch.from_numpy(np.stack(landmarks))
    return Batch(pixels, points, not bool(points.isnan().any()), keys, tuple(text for each in skipped for text in each))


def _prepare_worker(worker: int) -> None:
    # Ctrl-C, and what a batch system sends, reaches all processes: the run needs the batches of the step that it ends
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    one_thread(worker)


def one_thread(worker: int) -> None:
    """Set up a process that reads and crops: many side by side need no threads within."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def worker_count(wanted: int, beside: int = 1) -> int:
    """How many processes prepare batches.

    Args:
        wanted: so many; -1: as many as there are cores to spare, 8 at most.
        beside: processes on this machine that train, each with such helpers.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return wanted if wanted >= 0 else max(0, min(8, cores // beside - 1))
