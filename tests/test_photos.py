"""Reading pictures: every kind of file and array becomes the uint8 RGB that one sees, or one clear error."""

import io
import os
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from awing_lib.datasets.files import DataError
from awing_lib.photos import PhotoError, as_rgb, read_photo, read_video

STORED = {  # orientation -> what a camera that was held so stores of the upright picture
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.fixture(scope="module")
def scene():
    """(40, 60, 3) uint8, smooth, no two quadrants alike."""
    rows, columns = np.mgrid[:40, :60]
    return np.stack([4 * columns, 6 * rows, 2 * rows + columns], -1).astype(np.uint8)


def encoded(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def written(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("format, options", [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True})])
def test_lossless_files_come_back_to_the_bit(scene, format, options, tmp_path):
    path = written(tmp_path, "picture", encoded(Image.fromarray(scene), format, **options))  # the suffix says nothing
    image = read_photo(path)
    assert image.dtype == np.uint8 and image.flags["C_CONTIGUOUS"]
    assert np.array_equal(image, scene)


def test_jpeg_is_rgb_in_that_order(scene, tmp_path):
    image = read_photo(written(tmp_path, "a.jpg", encoded(Image.fromarray(scene), "JPEG", quality=95)))
    assert np.abs(image.astype(int) - scene).mean() < 3


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
def test_grey_alpha_and_palette(scene, mode, tmp_path):
    picture = Image.fromarray(scene).convert(mode)
    if "A" in mode:
        picture.putalpha(Image.fromarray(np.tile(np.uint8([0, 255]), (40, 30))))  # dropped, also where nothing is seen
    image = read_photo(written(tmp_path, "a.png", encoded(picture, "PNG")))
    assert np.array_equal(image, np.array(picture.convert("RGB")))


def test_palette_with_a_transparent_color(scene, tmp_path):
    picture = Image.fromarray(scene).convert("P")
    image = read_photo(written(tmp_path, "a.png", encoded(picture, "PNG", transparency=7)))
    assert np.array_equal(image, np.array(picture.convert("RGB")))


def test_cmyk_jpeg(scene, tmp_path):
    image = read_photo(written(tmp_path, "a.jpg", encoded(Image.fromarray(scene).convert("CMYK"), "JPEG", quality=95)))
    assert image.shape == scene.shape
    assert np.abs(image.astype(int) - scene).mean() < 3


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_scaled_by_the_type_not_by_the_brightest(channels, tmp_path):
    deep = np.arange(0, 40_000, 25, dtype=np.uint16).reshape(40, 40, 1).repeat(channels, 2)
    image = read_photo(written(tmp_path, "a.png", cv2.imencode(".png", deep)[1].tobytes()))
    assert np.array_equal(image, np.repeat(deep[..., :1] // 256, 3, 2))
    assert np.array_equal(as_rgb(deep), image)  # arrays go the same way


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("format, options", [("PNG", {}), ("JPEG", {"quality": 95}), ("WEBP", {"lossless": True})])
def test_the_picture_is_upright(scene, format, options, orientation, tmp_path):
    stored = Image.fromarray(scene)
    if STORED[orientation] is not None:
        stored = stored.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, format, exif=exif, **options)
    assert ImageOps.exif_transpose(Image.open(io.BytesIO(data))).size == (60, 40)  # the test stores what it means to
    image = read_photo(written(tmp_path, "a", data))
    assert image.shape == scene.shape
    assert np.abs(image.astype(int) - scene).mean() < (3 if format == "JPEG" else 1e-9)


def test_a_single_pixel(tmp_path):
    image = read_photo(written(tmp_path, "a.png", encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")))
    assert image.tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("format", ["PNG", "BMP", "WEBP", "JPEG"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.98])
def test_a_file_that_is_cut_off_is_named(scene, format, share, tmp_path):
    data = encoded(Image.fromarray(scene), format)
    path = written(tmp_path, "half.jpg", data[: int(share * len(data))])
    with pytest.raises(DataError, match=r"half\.jpg: "):
        read_photo(path)


def test_other_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"notes\.jpg: begins with b'not an i', expected a JPEG, PNG, BMP or WebP"):
        read_photo(written(tmp_path, "notes.jpg", b"not an image"))
    with pytest.raises(DataError, match="found a folder"):
        read_photo(tmp_path)
    with pytest.raises(DataError, match=r"absent\.jpg: cannot be read"):
        read_photo(tmp_path / "absent.jpg")
    with pytest.raises(DataError, match="expected a file"):
        os.mkfifo(tmp_path / "pipe")
        read_photo(tmp_path / "pipe")


def png_header(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_001, 10_000), (2**31 - 1, 2**31 - 1), (0, 5)])
def test_more_than_100_megapixels_are_refused_unread(size, tmp_path):
    with pytest.raises(DataError, match=f"huge.png: an image of {size[0]} x {size[1]} pixels, expected 1 to 100,000,"):
        read_photo(written(tmp_path, "huge.png", png_header(*size)))


def test_100_megapixels_fit_in_bounded_memory(tmp_path):
    path = tmp_path / "large.png"
    cv2.imwrite(str(path), np.zeros((10_000, 10_000), np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    code = (
        "import resource, sys\n"
        "from awing_lib.photos import read_photo\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert read_photo(sys.argv[1]).shape == (10_000, 10_000, 3)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    result = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert int(result.stdout) * 1024 < 700e6  # the image takes 300 MB


# -- arrays -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_arrays_of_any_number_of_channels(scene, channels):
    alpha = np.full((40, 60, 1), 9, np.uint8)
    array = {
        None: scene[..., 0],
        1: scene[..., :1],
        2: np.concatenate([scene[..., :1], alpha], 2),
        3: scene,
        4: np.concatenate([scene, alpha], 2),
    }[channels]
    expected = scene if channels in (3, 4) else np.repeat(scene[..., :1], 3, 2)
    assert np.array_equal(as_rgb(array), expected)


def test_arrays_of_other_types(scene):
    assert as_rgb(scene) is not None and np.shares_memory(as_rgb(scene), scene)
    assert np.array_equal(as_rgb(scene > 100), np.where(scene > 100, 255, 0))
    assert np.array_equal(as_rgb(scene.astype(np.uint16) * 257), scene)


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros((4, 4, 3)), "float64, of which the white point is not known"),
        (np.zeros((4, 4, 3), np.int32), "got int32"),
        (np.zeros((4, 4, 5), np.uint8), r"got shape \(4, 4, 5\)"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"got shape \(1, 4, 4, 3\)"),
        (np.zeros(4, np.uint8), r"got shape \(4,\)"),
        (np.zeros((0, 4, 3), np.uint8), "an image of 4 x 0 pixels"),
        (np.broadcast_to(np.uint8(0), (10_001, 10_000, 3)), "expected 1 to 100,000,000 pixels"),
        ([[0]], "got list"),
        (None, "got NoneType"),
    ],
)
def test_arrays_that_are_no_picture(array, message):
    with pytest.raises(DataError, match=message):
        as_rgb(array)


# -- video ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Ten frames, 96 x 64, each brighter than the one before."""
    path = tmp_path_factory.mktemp("video") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5, (96, 64))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no video")
    for frame in range(10):
        noise = np.random.default_rng(frame).integers(-20, 21, (64, 96, 1))  # so that the file has some length
        writer.write((noise + np.array([20, 20, 20 + 20 * frame])).astype(np.uint8))  # blue, green, red
    writer.release()
    return path


def test_video_frames_in_order_and_rgb(video):
    frames = list(read_video(video))
    assert len(frames) == 10 and {frame.shape for frame in frames} == {(64, 96, 3)}
    assert [frame[..., 0].mean() for frame in frames] == pytest.approx([20 + 20 * k for k in range(10)], abs=5)
    assert all(abs(frame[..., 2].mean() - 20) < 8 for frame in frames)


def test_a_video_can_be_left_early(video):
    assert next(iter(read_video(video))).shape == (64, 96, 3)


def test_a_video_that_is_cut_off_or_none(video, tmp_path):
    whole = video.read_bytes()
    frames = read_video(written(tmp_path, "half.avi", whole[: len(whole) // 2]))
    count = 0
    with pytest.raises(PhotoError, match=r"half\.avi: \d frames, but it states 10: the video is cut off"):
        for _ in frames:
            count += 1
    assert 0 < count < 9
    with pytest.raises(PhotoError, match=r"none\.mp4: no frame can be decoded; expected a video"):
        list(read_video(written(tmp_path, "none.mp4", b"no video" * 100)))
    with pytest.raises(PhotoError, match=r"absent\.mp4: does not exist"):
        list(read_video(tmp_path / "absent.mp4"))
    with pytest.raises(PhotoError, match="is not a file"):
        list(read_video(tmp_path))
