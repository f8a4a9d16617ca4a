"""Which faces a step sees, and what becomes of images that cannot be read."""

import multiprocessing
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from awing_lib.datasets.files import DataError
from awing_lib.datasets.sample import FaceSample
from awing_lib.errors import AwingError
from awing_lib.layouts import COFW_29
from awing_lib.loading import AugmentedFaces, CachedFaces, StepBatches, batch_loader, open_batches, worker_count
from awing_lib.transforms import Augmentation, CropProtocol

AUGMENTATION = Augmentation(COFW_29, CropProtocol(box="landmarks", padding=0.3), 32, translation=3.0)


class Faces:
    """Faces of noise in memory; those at ``broken`` cannot be read."""

    def __init__(self, count, broken=()):
        self.count, self.broken, self.reads = count, broken, []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.reads.append(index)
        if index in self.broken:
            raise DataError(f"images/{index}.png: cannot be decoded")
        generator = np.random.default_rng(index)
        landmarks = generator.uniform(10, 50, (29, 2)).astype(np.float32)
        image = generator.integers(0, 256, (60, 60, 3), np.uint8)
        box = np.concatenate([landmarks.min(0), landmarks.max(0)])
        return FaceSample(image, landmarks, box, np.ones(29, bool), f"{index}.png")


def batches_of(faces, batches, workers=0, **options):
    with open_batches(batch_loader(AugmentedFaces(faces, AUGMENTATION, 5, **options), batches, workers)) as opened:
        return list(opened)


# -- the order of the faces -------------------------------------------------------------------------------------------


def test_an_epoch_sees_each_face_once_in_an_order_of_its_own():
    rounds = list(StepBatches(12, 4, 9, seed=1))
    epochs = [[key for share in rounds[start : start + 3] for key in share] for start in (0, 3, 6)]
    for epoch, keys in enumerate(epochs):
        assert {known for known, _ in keys} == {epoch}
        assert sorted(place for _, place in keys) == list(range(12))
    orders = {tuple(place for _, place in keys) for keys in epochs}
    assert len(orders) == 3
    assert list(StepBatches(12, 4, 9, seed=2)) != rounds


def test_faces_left_over_are_seen_in_another_epoch():
    rounds = list(StepBatches(11, 4, 40, seed=0))  # two steps an epoch leave three faces out
    assert len(rounds) == 40
    for epoch in range(20):
        places = [place for known, place in chain(*rounds) if known == epoch]
        assert len(set(places)) == len(places) == 8
    assert {place for _, place in chain(*rounds)} == set(range(11))


@settings(deadline=None)
@given(
    count=st.integers(8, 40),
    start=st.integers(0, 30),
    accumulate=st.sampled_from([1, 2, 4]),
    devices=st.sampled_from([1, 2]),
    seed=st.integers(0, 9),
)
def test_a_run_goes_on_with_the_very_batches_and_shares_make_the_whole(count, start, accumulate, devices, seed):
    whole = list(StepBatches(count, 8, 30, seed))
    shares = [
        StepBatches(count, 8, 30, seed, start=start, accumulate=accumulate, rank=rank, devices=devices)
        for rank in range(devices)
    ]
    assert all(len(share) == len(list(share)) == (30 - start) * accumulate for share in shares)
    rounds = [[key for part in parts for key in part] for parts in zip(*shares, strict=True)]
    steps = [list(chain(*rounds[place : place + accumulate])) for place in range(0, len(rounds), accumulate)]
    assert steps == whole[start:]


def test_rounds_on_one_device_are_the_shares_of_several():
    rounds = list(StepBatches(16, 8, 4, 3, accumulate=2))
    first, second = (list(StepBatches(16, 8, 4, 3, devices=2, rank=rank)) for rank in (0, 1))
    assert rounds == [share for pair in zip(first, second, strict=True) for share in pair]


# -- crops ------------------------------------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_crop_in_any_process():
    plan = StepBatches(12, 4, 6, seed=1)
    here, elsewhere = batches_of(Faces(12), plan), batches_of(Faces(12), plan, workers=2)
    assert len(here) == len(elsewhere) == 6
    for one, other in zip(here, elsewhere, strict=True):
        assert torch.equal(one.images, other.images) and torch.equal(one.landmarks, other.landmarks)
        assert [tuple(key) for key in one.keys] == [tuple(key) for key in other.keys]
    later = batches_of(Faces(12), StepBatches(12, 4, 6, seed=1, start=4))
    assert torch.equal(later[0].images, here[4].images)


def test_a_face_looks_different_in_each_epoch_and_run():
    faces = AugmentedFaces(Faces(3), AUGMENTATION, 5)
    image = faces[0, 1][0]
    assert image.shape == (32, 32, 3) and image.dtype == np.uint8
    assert not np.array_equal(image, faces[1, 1][0])
    assert not np.array_equal(image, AugmentedFaces(Faces(3), AUGMENTATION, 6)[0, 1][0])
    assert np.array_equal(image, AugmentedFaces(Faces(3), AUGMENTATION, 5)[0, 1][0])


def test_a_batch_is_what_the_docstrings_say():
    (batch,) = batches_of(Faces(4), StepBatches(4, 4, 1, seed=0))
    assert batch.images.shape == (4, 3, 32, 32) and batch.images.dtype == torch.uint8 and batch.images.is_contiguous()
    assert batch.landmarks.shape == (4, 29, 2) and batch.landmarks.dtype == torch.float32
    assert batch.complete and batch.skipped == ()
    epoch, place = batch.keys[0]
    assert np.array_equal(batch.images[0].permute(1, 2, 0), AugmentedFaces(Faces(4), AUGMENTATION, 5)[epoch, place][0])


def test_a_batch_knows_of_landmarks_that_are_not_marked():
    class Unmarked(Faces):
        def __getitem__(self, index):
            face = super().__getitem__(index)
            face.landmarks[3] = np.nan
            return face

    (batch,) = batches_of(Unmarked(4), StepBatches(4, 4, 1, seed=0))
    assert not batch.complete
    assert batch.landmarks.isnan().any(-1).sum() == 4


# -- images that cannot be read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 1])
def test_the_next_face_takes_the_place_of_an_unreadable_one(workers):
    plan = StepBatches(6, 6, 1, seed=0)
    (batch,) = batches_of(Faces(6, broken=(5, 0)), plan, workers)
    (whole,) = batches_of(Faces(6), plan)
    # place 5 finds 0 broken too, so 1 takes both places, with their own random numbers
    assert sorted(batch.skipped) == ["images/0.png: cannot be decoded"] * 2 + ["images/5.png: cannot be decoded"]
    for row, (_, place) in enumerate(batch.keys):
        assert torch.equal(batch.images[row], whole.images[row]) == (place not in (0, 5))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    "broken, options, message",
    [
        ((2,), {"skip": False}, r"^images/2.png: cannot be decoded; mend it .* --set unreadable=skip$"),
        (range(4), {}, r"^none of the 4 images can be used; the first: images/\d.png: cannot be decoded$"),
    ],
)
def test_what_stops_a_run_is_one_line_from_any_process(workers, broken, options, message):
    with pytest.raises(AwingError, match=message) as caught:
        batches_of(Faces(4, broken), StepBatches(4, 4, 1, seed=0), workers, **options)
    assert "\n" not in str(caught.value)
    assert not multiprocessing.active_children()


def test_a_face_outside_its_photo_is_named():
    class Outside(Faces):
        def __getitem__(self, index):
            face = super().__getitem__(index)
            face.landmarks[:] += 1000.0 if index == 1 else 0.0
            return face

    (batch,) = batches_of(Outside(3), StepBatches(3, 3, 1, seed=0))
    assert len(batch.skipped) == 1 and batch.skipped[0].startswith("1.png, face 1: ")


def test_cached_faces_are_read_once():
    faces = Faces(5, broken=(3,))
    cached = CachedFaces(faces)
    assert len(cached) == 5 and faces.reads == [0, 1, 2, 3, 4]
    assert np.array_equal(cached[2].image, Faces(5)[2].image)
    with pytest.raises(DataError, match=r"images/3\.png"):
        cached[3]
    assert faces.reads == [0, 1, 2, 3, 4]
    plan = StepBatches(5, 5, 2, seed=0)
    for one, other in zip(batches_of(cached, plan), batches_of(faces, plan), strict=True):
        assert torch.equal(one.images, other.images) and one.skipped == other.skipped


def test_without_skipping_a_cache_says_at_once_what_is_broken():
    with pytest.raises(AwingError, match=r"images/3\.png: cannot be decoded; mend it .* --set unreadable=skip$"):
        CachedFaces(Faces(5, broken=(3,)), skip=False)


# -- processes --------------------------------------------------------------------------------------------------------


def test_processes_are_gone_after_an_error():
    loader = batch_loader(AugmentedFaces(Faces(8), AUGMENTATION, 5), StepBatches(8, 2, 40, seed=0), 2)
    error = None
    try:
        with open_batches(loader) as batches:
            next(batches)
            assert len(multiprocessing.active_children()) == 2
            raise KeyError("held")
    except KeyError as caught:
        error = caught  # refers to all that was alive
    assert error and not multiprocessing.active_children()


def test_worker_count(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(16), raising=False)
    assert [worker_count(wanted) for wanted in (0, 3, 64, -1)] == [0, 3, 64, 8]
    assert [worker_count(-1, beside=beside) for beside in (2, 4, 8, 16)] == [7, 3, 1, 0]
    assert worker_count(5, beside=8) == 5
