"""Landmark layouts: flip permutations, normalisers, boundary curves, conversions, layouts of one's own."""

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from awing_lib.layouts import (
    AFLW_19,
    COFW_29,
    CONVERSIONS,
    IBUG_68,
    LAYOUTS,
    WFLW_98,
    LandmarkLayout,
    LayoutError,
    convert,
)

layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)


def random_face(layout, seed=0, faces=()):
    return np.random.default_rng(seed).uniform(0, 256, (*faces, layout.count, 2))


@layouts
def test_counts_and_midline(layout):
    midline = {
        "WFLW-98": {16, 51, 52, 53, 54, 57, 79, 85, 90, 94},
        "iBUG-68": {8, 27, 28, 29, 30, 33, 51, 57, 62, 66},
        "COFW-29": {20, 21, *range(24, 29)},
        "AFLW-19": {13, 16, 18},
    }[layout.name]
    assert layout.count == int(layout.name.split("-")[1])
    assert {index for index, partner in enumerate(layout.mirror) if index == partner} == midline


@layouts
def test_mirror_is_its_own_inverse_and_swaps_left_and_right(layout):
    assert [layout.mirror[partner] for partner in layout.mirror] == list(range(layout.count))
    for left, right in layout.mirror_pairs:
        sides = {layout.points[left].split()[0], layout.points[right].split()[0]}
        assert sides == {"left", "right"} or "left" not in " ".join(sides)


@layouts
@settings(deadline=None)
@given(width=st.integers(1, 5000), seed=st.integers(0, 99))
def test_flip_is_an_involution_for_arrays_and_tensors(layout, width, seed):
    face = random_face(layout, seed, (2,))
    flipped = layout.flip(face, width)
    np.testing.assert_allclose(layout.flip(flipped, width), face, atol=1e-9)
    np.testing.assert_array_equal(layout.flip(torch.from_numpy(face), width).numpy(), flipped)
    np.testing.assert_array_equal(flipped[..., 1], face[..., list(layout.mirror), 1])


def test_flip_keeps_pixel_centres_on_pixel_centres():
    face = np.zeros((19, 2))
    assert set(AFLW_19.flip(face, 256)[:, 0]) == {255}  # the first column becomes the last


@layouts
def test_boundaries_are_mirror_images_of_boundaries(layout):
    if layout.boundaries:
        runs = {frozenset(run) for run in layout.boundaries.values()}
        assert {frozenset(layout.mirror[index] for index in run) for run in runs} == runs


def test_normalizers_by_hand():
    face = random_face(IBUG_68)
    assert IBUG_68.normalizer(face) == pytest.approx(np.linalg.norm(face[36] - face[45]))
    pupils = np.linalg.norm(face[36:42].mean(0) - face[42:48].mean(0))
    assert IBUG_68.normalizer(face, "inter-pupil") == pytest.approx(pupils)
    width, height = np.ptp(face, axis=0)
    assert IBUG_68.normalizer(face, "box") == pytest.approx((width * height) ** 0.5)
    face = random_face(WFLW_98)
    assert WFLW_98.normalizer(face) == pytest.approx(np.linalg.norm(face[60] - face[72]))


@layouts
@pytest.mark.parametrize("kind", ["inter-ocular", "inter-pupil", "box"])
def test_normalizers_of_batches_tensors_and_flipped_faces(layout, kind):
    faces = random_face(layout, faces=(3, 2))
    sizes = layout.normalizer(faces, kind)
    assert sizes.shape == (3, 2) and (sizes > 0).all()
    np.testing.assert_allclose(layout.normalizer(torch.from_numpy(faces), kind).numpy(), sizes)
    np.testing.assert_allclose(layout.normalizer(layout.flip(faces, 256), kind), sizes)


def test_missing_points_make_only_what_needs_them_missing():
    face = random_face(COFW_29)
    face[28] = np.nan
    assert np.isfinite(COFW_29.normalizer(face)) and np.isfinite(COFW_29.normalizer(face, "box"))
    face[8] = np.nan
    assert np.isnan(COFW_29.normalizer(face))
    tensor_box = COFW_29.normalizer(torch.from_numpy(face), "box")
    assert tensor_box.item() == pytest.approx(COFW_29.normalizer(face, "box"))
    nothing = np.full((29, 2), np.nan)
    assert np.isnan(COFW_29.normalizer(nothing, "box")) and COFW_29.normalizer(torch.from_numpy(nothing), "box").isnan()


@pytest.mark.parametrize("pair", CONVERSIONS, ids=" to ".join)
def test_conversion_commutes_with_flip_and_affine_maps(pair):
    source, target = (LAYOUTS[name] for name in pair)
    faces = random_face(source, faces=(2,))
    converted = convert(faces, source, target)
    assert converted.shape == (2, target.count, 2)
    flipped = convert(source.flip(faces, 256), source, target)
    np.testing.assert_allclose(flipped, target.flip(converted, 256), atol=1e-9)
    np.testing.assert_allclose(convert(2 * faces + 5, source, target), 2 * converted + 5, atol=1e-9)
    undefined = {4, 5, 6, 7} if pair == ("iBUG-68", "COFW-29") else set()
    assert set(np.flatnonzero(np.isnan(converted[0, :, 0]))) == undefined


def test_conversion_keeps_named_points_and_spreads_nan_no_further_than_needed():
    face = random_face(WFLW_98)
    as_68 = convert(face, WFLW_98, IBUG_68)
    np.testing.assert_array_equal(as_68[[8, 30, 36, 45, 48]], face[[16, 54, 60, 72, 76]])
    face[61] = np.nan
    assert set(np.flatnonzero(np.isnan(convert(face, WFLW_98, IBUG_68)[:, 0]))) == {37}


def test_conversion_that_does_not_exist_names_those_that_do():
    with pytest.raises(LayoutError, match="no conversion AFLW-19 -> WFLW-98; there are WFLW-98 -> iBUG-68"):
        convert(random_face(AFLW_19), AFLW_19, WFLW_98)
    with pytest.raises(LayoutError, match=r"layout 'WFLW-98' has 98 points: landmarks must be .* got \(68, 2\)"):
        convert(random_face(IBUG_68), WFLW_98, IBUG_68)


@pytest.mark.parametrize(
    "layout, faces",
    [(WFLW_98, "wflw"), (IBUG_68, "300w"), (IBUG_68, "cofw68")],
    ids=["WFLW", "300W", "COFW-68"],
)
def test_the_mean_real_face_is_symmetric_under_the_permutation(layout, faces, real_faces):
    found = real_faces(faces)
    assert len(found) > 500
    size = layout.normalizer(found)[:, None, None]
    mean = ((found - found.mean(1, keepdims=True)) / size).mean(0)
    mirrored = layout.flip(mean, 1)  # x becomes -x
    wrong = mean * [-1, 1]  # a flip that forgets the permutation
    assert np.linalg.norm(mirrored - mean, axis=1).max() < 0.1
    assert np.linalg.norm(wrong - mean, axis=1).max() > 0.9


def test_yaml_round_trip(tmp_path):
    for layout in LAYOUTS.values():
        path = tmp_path / f"{layout.name}.yml"
        path.write_text(yaml.safe_dump(layout.to_dict()))
        assert LandmarkLayout.from_yaml(path) == layout


def test_a_layout_of_ones_own_from_a_few_lines(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text("name: my-3\npoints: [left eye, right eye, chin]\nmirror_pairs: [[0, 1]]\n")
    layout = LandmarkLayout.from_yaml(path)
    assert layout.count == 3 and layout.mirror == (1, 0, 2)
    with pytest.raises(LayoutError, match="has no normaliser 'inter-ocular'; it has box"):
        layout.normalizer(np.zeros((3, 2)))


GOOD = {"name": "x", "points": ["a", "b", "c"], "mirror_pairs": [[0, 1]]}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"points": []}, "points must be a list of names"),
        ({"points": ["a", 2, "c"]}, "points must be a list of names"),
        ({"points": ["a", "b", "a"]}, "points named twice: a"),
        ({"mirror_pairs": [[0, 3]]}, "mirror pairs: no point 3, points are 0 to 2"),
        ({"mirror_pairs": [[0, 0]]}, "mirror pair .* must be two different points"),
        ({"mirror_pairs": [[0, 1, 2]]}, "must be two different points"),
        ({"mirror_pairs": [[0, 1], [1, 2]]}, r"more than one mirror pair: \[1\]"),
        ({"mirror_pairs": [[0, True]]}, "no point True"),
        ({"mirror_pairs": 7}, "wrong form"),
        ({"boundaries": {"jaw": [0]}}, "boundary 'jaw' needs at least 2 points, has 1"),
        ({"boundaries": {"jaw": [0, -1]}}, "boundary 'jaw': no point -1"),
        ({"boundaries": [0, 1]}, "wrong form"),
        ({"eyes": {"ocular": [[0], [1]]}}, "eyes must map inter-ocular or inter-pupil to two lists"),
        ({"eyes": {"inter-ocular": [[0], []]}}, "two lists of points"),
        ({"eyes": {"inter-ocular": [[0], [9]]}}, "no point 9"),
        ({"colour": "red"}, "unknown field 'colour'; fields are name, points"),
        ({"points": None}, "wrong form"),
    ],
)
def test_wrong_fields_are_named_with_the_file(tmp_path, change, message):
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump(GOOD | change))
    with pytest.raises(LayoutError, match=message) as error:
        LandmarkLayout.from_yaml(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("text", ["name: [", "7", "", "- a", "name: x\n", "\x00"])
def test_files_that_are_no_layout(tmp_path, text):
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(LayoutError, match=r"mine\.yml"):
        LandmarkLayout.from_yaml(path)
    with pytest.raises(LayoutError, match=r"missing\.yml: cannot be read: No such file or directory$"):
        LandmarkLayout.from_yaml(tmp_path / "missing.yml")
    with pytest.raises(LayoutError, match="cannot be read as YAML: it is not a file"):
        LandmarkLayout.from_yaml(tmp_path)


def test_a_layout_is_plain_yaml(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text("name: x\npoints: &points [a, b]\nmirror_pairs: *points\n")  # nested, these grow to gigabytes
    with pytest.raises(LayoutError, match="aliases are not taken"):
        LandmarkLayout.from_yaml(path)
    path.write_text("name: x\npoints: [a]\npoints: [a, b]\nmirror_pairs: []\n")
    with pytest.raises(LayoutError, match="'points' occurs twice"):
        LandmarkLayout.from_yaml(path)
