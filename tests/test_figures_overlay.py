"""The overlay of heatmaps and boundary on a face: everything lies where the landmarks are."""

import numpy as np
import pytest
import torch

from awing_lib.boundaries import render_boundaries
from awing_lib.figures import OVERLAY_COLORS, face_overlay, overlay_heatmaps, show_photos
from awing_lib.heatmaps import render_heatmaps, resize_landmarks
from awing_lib.layouts import LandmarkLayout

TRIANGLE = LandmarkLayout("triangle", ("a", "b", "c"), (), {"line": (0, 1, 2)})
LANDMARKS = np.array([[40.3, 61.0], [101.8, 30.2], [203.1, 170.6]])
GREY = np.full((200, 256, 3), 90, np.uint8)


def maps(landmarks=LANDMARKS, size=(50, 64)):
    placed = resize_landmarks(torch.from_numpy(landmarks), GREY.shape[:2], size)
    return torch.cat([render_heatmaps(placed, size), render_boundaries(placed, TRIANGLE, size)])


def strength(image):
    """How far each pixel (H, W) has moved from grey."""
    return np.abs(image.astype(float) - GREY).sum(-1)


@pytest.mark.parametrize("index", range(3))
def test_a_peak_lies_where_its_landmark_is_drawn(index):
    alone = maps()[:3].numpy() * (np.arange(3) == index)[:, None, None]
    figure = face_overlay(GREY, LANDMARKS, alone, layout=TRIANGLE)
    (panel,) = figure.axes
    moved = strength(panel.images[0].get_array())
    y, x = (np.average(axis, weights=moved) for axis in np.indices(moved.shape))
    drawn = np.concatenate([line.get_xydata() for line in panel.lines])
    assert np.abs(drawn - [x, y]).max(-1).min() < 0.5
    np.testing.assert_allclose([x, y], LANDMARKS[index], atol=0.5)
    left, right, bottom, top = panel.images[0].get_extent()
    assert (left, right, bottom, top) == (-0.5, 255.5, 199.5, -0.5)


def test_a_pixel_of_the_map_covers_four_by_four_of_the_crop():
    one = np.zeros((3, 50, 64))
    one[1, 7, 20] = 1
    moved = strength(overlay_heatmaps(GREY, one, layout=TRIANGLE)) > 0
    assert moved.sum() == 16 and moved[28:32, 80:84].all()


def test_heatmaps_and_boundary_have_their_colours_and_the_higher_is_more_opaque():
    flat = np.zeros((4, 50, 64))
    flat[0, :10], flat[1, :10], flat[2, 10:20], flat[3, 20:30] = 0.5, 1.0, 0.5, 1.0
    image = overlay_heatmaps(GREY, flat, layout=TRIANGLE).astype(float)
    high, low, line, rest = image[0, 0], image[40, 0], image[80, 0], image[120, 0]

    def rgb(name):
        return np.array([int(OVERLAY_COLORS[name][k : k + 2], 16) for k in (1, 3, 5)])

    np.testing.assert_array_equal(rest, GREY[0, 0])
    for pixel, name, opacity in ((high, "heatmaps", 0.8), (low, "heatmaps", 0.4), (line, "boundary", 0.8)):
        np.testing.assert_allclose(pixel, rest + opacity * (rgb(name) - rest), atol=0.5)


def test_the_boundary_lies_on_its_curve():
    moved = strength(overlay_heatmaps(GREY, maps().numpy() * np.array([0, 0, 0, 1])[:, None, None], layout=TRIANGLE))
    on_curve = [moved[round(y), round(x)] for x, y in LANDMARKS]
    assert min(on_curve) > 0.8 * moved.max() and moved[190, 10] == 0


def test_a_networks_output_and_every_part_left_out():
    raw = maps().float().requires_grad_()
    np.testing.assert_array_equal(
        face_overlay(GREY, heatmaps=raw * 1.0, layout=TRIANGLE).axes[0].images[0].get_array(),
        overlay_heatmaps(GREY, raw.detach().numpy(), layout=TRIANGLE),
    )
    wild = np.stack([np.full((50, 64), value) for value in (-3.0, np.nan, -1.0)])
    np.testing.assert_array_equal(overlay_heatmaps(GREY, wild, layout=TRIANGLE), GREY)
    np.testing.assert_array_equal(face_overlay(GREY, layout=TRIANGLE).axes[0].images[0].get_array(), GREY)
    html = show_photos(
        face_overlay(GREY, LANDMARKS, raw, layout=TRIANGLE), "A grey picture with three landmarks on a curve."
    )
    assert 'aria-label="A grey picture' in html.data and html.data.count("data:image/jpeg") == 1


@pytest.mark.parametrize("shape", [(2, 8, 8), (5, 8, 8), (8, 8), (3, 0, 8)])
def test_heatmaps_of_another_layout_are_refused(shape):
    with pytest.raises(ValueError, match=r"heatmaps must have shape \(3 or 4, h, w\), got "):
        face_overlay(GREY, heatmaps=np.zeros(shape), layout=TRIANGLE)
