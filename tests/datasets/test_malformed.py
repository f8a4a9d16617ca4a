"""Broken, hostile and nonsensical files: each ends in an AwingError that names the file; nothing outside is read."""

import io
import os
import re
import struct
import tarfile

import cv2
import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from official_files import (
    picture,
    pts,
    wflw_line,
    write_aflw,
    write_cofw,
    write_cofw68,
    write_table,
    write_w300,
    write_wflw,
)

from awing_lib.datasets import AFLW, COFW, COFW68, W300, WFLW, DataError, FaceTable, files
from awing_lib.datasets import aflw as aflw_module
from awing_lib.datasets.files import Folder, clean_name, decode_image, read_file
from awing_lib.errors import AwingError

CLIMBERS = ["../secret.jpg", "a/../../secret.jpg", "/etc/passwd", "C:/secret.jpg", "a\\..\\b.jpg", "..", "a/.."]


def cases(count):
    """Many quick, repeatable cases."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@st.composite
def mutations(draw):
    """A function that damages bytes: cut, changed, removed, doubled, or with something put in."""
    kind = draw(st.sampled_from(["cut", "change", "remove", "double", "insert", "replace"]))
    place, length = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(1, 40))
    texts = [
        b"nan",
        b"inf",
        b"-1e999",
        b"1_0",
        b"eye",
        b" ",
        b"\n",
        b"\r\n",
        b",",
        b'"',
        b"\x00",
        b"\xff\xfe",
        b"../",
        b"/",
    ]
    token = draw(st.sampled_from(texts) | st.binary(min_size=1, max_size=8))

    def damage(data):
        at = int(place * len(data))
        return {
            "cut": data[:at],
            "change": data[:at] + bytes(b ^ 1 << length % 8 for b in data[at : at + 1]) + data[at + 1 :],
            "remove": data[:at] + data[at + length :],
            "double": data[: at + length] + data[at:],
            "insert": data[:at] + token + data[at:],
            "replace": data[:at] + token + data[at + len(token) :],
        }[kind]

    return damage


def survives(build, path):
    """Builds and decodes, or raises an AwingError that names the file."""
    try:
        for sample in build():
            assert np.isfinite(sample.landmarks).all() and np.isfinite(sample.box).all()
    except AwingError as error:
        assert path.name in str(error) or path.stem in str(error), error
        assert "\n" not in str(error) and len(str(error)) < 800


def damaged(path, damage, build):
    good = path.read_bytes()
    try:
        path.write_bytes(damage(good))
        survives(build, path)
    finally:
        path.write_bytes(good)


# -- mutation: 2650 cases --------------------------------------------------------------------------------------------


@cases(500)
@given(damage=mutations())
def test_damaged_wflw(tmp_path, damage):
    path = write_wflw(tmp_path)
    damaged(path, damage, lambda: WFLW(tmp_path, "test"))


@cases(400)
@given(damage=mutations(), which=st.sampled_from(["ibug/image_0001.pts", "ibug/image_092 _01.pts"]))
def test_damaged_w300(tmp_path, damage, which):
    if not (tmp_path / "ibug").exists():
        write_w300(tmp_path)
    damaged(tmp_path / which, damage, lambda: W300(tmp_path, "challenging"))


@cases(500)
@given(damage=mutations())
def test_damaged_table(tmp_path, damage):
    if not (tmp_path / "landmarks.csv").exists():
        write_table(tmp_path)
    damaged(tmp_path / "landmarks.csv", damage, lambda: FaceTable(tmp_path))


@cases(300)
@given(damage=mutations())
def test_damaged_tar(tmp_path, damage):
    if not (tmp_path / "landmarks.csv").exists():
        write_table(tmp_path, count=2, tar=True)
    path = tmp_path / "images.tar"
    good = path.read_bytes()
    head = 512 * 4  # damage the headers, not the padding at the end, most of the time
    try:
        path.write_bytes(damage(good[:head]) + good[head:])
        survives(lambda: FaceTable(tmp_path), path)
    finally:
        path.write_bytes(good)


@cases(200)
@given(damage=mutations())
def test_damaged_cofw(tmp_path, damage):
    path = tmp_path / "COFW_test_color.mat"
    if not path.exists():
        write_cofw(tmp_path, "test", 2)
    damaged(path, damage, lambda: COFW(tmp_path, "test"))


@cases(200)
@given(damage=mutations(), which=st.sampled_from(["cofw68_test_bboxes.mat", "test_annotations/2_points.mat"]))
def test_damaged_cofw68(tmp_path, damage, which):
    path = tmp_path / "COFW68_Data" / which
    if not path.exists():
        write_cofw68(tmp_path, 2)
    damaged(path, damage, lambda: COFW68(tmp_path))


@cases(200)
@given(damage=mutations(), split=st.sampled_from(["train", "full"]))
def test_damaged_aflw(tmp_path, damage, split):
    path = tmp_path / "AFLWinfo_release.mat"
    if not path.exists():
        write_aflw(tmp_path, 5)
    whole, aflw_module.TRAINING = aflw_module.TRAINING, 3
    try:
        damaged(path, damage, lambda: AFLW(tmp_path, split))
    finally:
        aflw_module.TRAINING = whole


@cases(350)
@given(damage=mutations(), suffix=st.sampled_from([".jpg", ".png", ".bmp", ".webp"]))
def test_damaged_images(tmp_path, damage, suffix):
    path = tmp_path / f"face{suffix}"
    if not path.exists():
        picture(path, 16, 12)
    try:
        image = decode_image(damage(path.read_bytes()), path.name)
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    except AwingError as error:
        assert path.name in str(error)


# -- WFLW ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        (5, "nan", "line 2, field 6: 'nan', expected a number"),
        (5, "inf", "line 2, field 6: 'inf', expected a number"),
        (5, "1_0", "line 2, field 6: '1_0', expected a number"),
        (5, "left", "line 2, field 6: 'left', expected a number"),
        (5, "1e300", "line 2, field 6: '1e300', expected a coordinate"),
        (201, "2", "line 2, field 202: '2' for attribute expression, expected 0 or 1"),
        (198, "-40", "line 2: box from .* has no area"),
        (206, "no/such.jpg", "line 2: no image .*such.jpg"),
        (206, "1--Parade", "line 2: no image"),
        (100, "1 2", "line 2: 208 fields, expected 207"),
        *((206, name, "line 2, field 207: file name") for name in CLIMBERS),
    ],
)
def test_wflw_names_the_place(tmp_path, field, text, message):
    (tmp_path / "secret.jpg").write_text("secret")
    lines = [wflw_line(seed, "1--Parade/a.jpg").split() for seed in range(3)]
    lines[1][field] = text
    path = write_wflw(tmp_path, lines=[" ".join(line) for line in lines])
    with pytest.raises(DataError, match=re.escape(str(path)) + ", " + message):
        WFLW(tmp_path, "test")


def test_wflw_encodings_and_emptiness(tmp_path):
    path = write_wflw(tmp_path)
    text = path.read_text()
    for data, message in [
        (text.encode("utf-16"), "line 1: byte 0xff, expected ASCII"),
        ((text + "ü").encode("latin-1"), "line 5: byte 0xfc"),
        (b"", "empty"),
        (b"\n", "line 1: 0 fields"),
    ]:
        path.write_bytes(data)
        with pytest.raises(DataError, match=message):
            WFLW(tmp_path, "test")
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert len(WFLW(tmp_path, "test")) == 4


def test_files_and_folders_in_each_others_place(tmp_path):
    with pytest.raises(DataError, match=r"does not exist"):
        WFLW(tmp_path / "none", "test")
    path = write_wflw(tmp_path / "wflw")
    with pytest.raises(DataError, match=r"is not a folder"):
        WFLW(path, "test")
    with pytest.raises(DataError, match=r"list_98pt_rect_attr_train.txt: cannot be read: No such file"):
        WFLW(tmp_path / "wflw", "train")
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match=r"expected a file, found a folder"):
        WFLW(tmp_path / "wflw", "test")
    write_table(tmp_path / "table")
    (tmp_path / "table/images/person 2.jpg").unlink()
    (tmp_path / "table/images/person 2.jpg").mkdir()
    with pytest.raises(DataError, match=r"landmarks.csv, line 4: no image .*person 2.jpg"):
        FaceTable(tmp_path / "table")
    for name in ("COFW_test_color.mat", "AFLWinfo_release.mat"):
        (tmp_path / "mat" / name).mkdir(parents=True)
    with pytest.raises(DataError, match=r"COFW_test_color.mat: no such file"):
        COFW(tmp_path / "mat", "test")
    with pytest.raises(DataError, match=r"AFLWinfo_release.mat: expected a file"):
        AFLW(tmp_path / "mat", "full")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(DataError, match=r"expected a file"):
            read_file(tmp_path / "pipe")


@pytest.mark.parametrize("build", [lambda root: WFLW(root, "val"), lambda root: WFLW(root, "test", "beard"),
                                   lambda root: W300(root, "Full"), lambda root: COFW(root, ""),
                                   lambda root: AFLW(root, "test")])  # fmt: skip
def test_unknown_splits_are_refused_with_those_that_exist(tmp_path, build):
    with pytest.raises(DataError, match=r"is unknown; there are .*, "):
        build(tmp_path)


# -- links and names that lead out -----------------------------------------------------------------------------------


def test_links_out_of_the_tree_are_not_followed(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    picture(outside / "a.jpg")
    write_wflw(root)
    image = root / "WFLW_images/2--Rain/b.jpg"
    image.unlink()
    image.symlink_to(outside / "a.jpg")
    with pytest.raises(DataError, match=r"leads out of .* through a link"):
        WFLW(root, "test")
    with pytest.raises(DataError, match=r"leads out of"):  # also if it is put there later
        WFLW(root, "test", check_images=False)[2]
    image.unlink()
    image.symlink_to("c_1.jpg")  # a link inside is fine
    assert len(list(WFLW(root, "test"))) == 4
    (root / "WFLW_images/1--Parade/a.jpg").unlink()
    (root / "WFLW_images/1--Parade").rmdir()
    (root / "WFLW_images/1--Parade").symlink_to(outside)
    with pytest.raises(DataError, match=r"leads out of"):
        WFLW(root, "test")


@pytest.mark.parametrize(
    ("write", "build", "name"),
    [
        (write_wflw, lambda root: WFLW(root, "test"), "WFLW_annotations"),
        (write_wflw, lambda root: WFLW(root, "test"), "WFLW_images"),
        (write_w300, lambda root: W300(root, "challenging"), "ibug"),
        (write_w300, lambda root: W300(root, "challenging"), "ibug/image_0001.pts"),
        (write_cofw, lambda root: COFW(root, "test"), "COFW_test_color.mat"),
        (write_cofw68, lambda root: COFW68(root), "COFW68_Data/test_annotations/1_points.mat"),
        (lambda root: write_aflw(root, 5), lambda root: AFLW(root, "train"), "AFLWinfo_release.mat"),
        (write_table, FaceTable, "landmarks.csv"),
        (write_table, FaceTable, "images"),
        (lambda root: write_table(root, tar=True), FaceTable, "images.tar"),
    ],
)
def test_whatever_is_linked_from_outside_is_refused(tmp_path, write, build, name):
    write(tmp_path / "root")
    build(tmp_path / "root")
    (tmp_path / "root" / name).rename(tmp_path / "elsewhere")
    (tmp_path / "root" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"leads out of"):
        build(tmp_path / "root")
    (tmp_path / "linked").symlink_to(tmp_path / "root")  # but the root itself may be a link
    (tmp_path / "root" / name).unlink()
    (tmp_path / "elsewhere").rename(tmp_path / "root" / name)
    assert len(build(tmp_path / "linked")) > 0


@cases(200)
@given(name=st.text(st.sampled_from("ab./\\: ~\x00\n\ud800"), max_size=12) | st.sampled_from(CLIMBERS))
def test_no_name_leaves_its_folder(tmp_path, name):
    folder = Folder(tmp_path)
    try:
        path = folder.locate(name)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert os.path.realpath(path).startswith(os.path.realpath(tmp_path))


# -- images ----------------------------------------------------------------------------------------------------------


def huge(kind, side=30_000):
    if kind == "png":
        return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", side, side, 8, 2, 0, 0, 0) + b"....IEND"
    if kind == "bmp":
        return b"BM" + struct.pack("<IIIIiiHHIIiiII", 70, 0, 54, 40, side, -side, 1, 24, 0, 0, 0, 0, 0, 0)
    if kind == "jpeg":
        return b"\xff\xd8\xff\xff\xc0" + struct.pack(">HBHHB", 8, 8, side, side, 0) + b"\xff\xda\0\2\xff\xd9"
    if kind == "webp-x":
        return b"RIFF....WEBPVP8X" + bytes(8) + (side - 1).to_bytes(3, "little") * 2
    bits = (side // 2 - 1) | (side // 2 - 1) << 14
    return b"RIFF....WEBPVP8L" + bytes(4) + b"/" + struct.pack("<I", bits)


@pytest.mark.parametrize("kind", ["png", "bmp", "jpeg", "webp-x", "webp-l"])
def test_a_huge_header_is_refused_by_name_before_decoding(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    write_wflw(tmp_path)
    (tmp_path / "WFLW_images/2--Rain/b.jpg").write_bytes(huge(kind))
    with pytest.raises(DataError, match=r"b\.jpg: an image of (30000 x 30000|15000 x 15000) pixels, expected 1 to"):
        WFLW(tmp_path, "test")[2]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_every_cut_of_an_image_is_noticed(tmp_path, suffix):
    picture(tmp_path / f"a{suffix}", 32, 32)
    data = (tmp_path / f"a{suffix}").read_bytes()
    assert decode_image(data + b"trailing bytes are harmless", "a").shape == (32, 32, 3)
    for end in range(0, len(data) - 8, 7):
        with pytest.raises(DataError, match=r"^a: "):
            decode_image(data[:end], "a")


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".jpg"])
def test_grey_alpha_and_16_bits_become_rgb(tmp_path, suffix):
    ramp = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    colour = np.stack([ramp, 255 - ramp, ramp // 2], -1)
    arrays = [(ramp, np.stack([ramp] * 3, -1)), (colour[..., ::-1], colour)]
    if suffix == ".png":
        arrays += [
            (np.dstack([colour[..., ::-1], ramp]), colour),
            (ramp.astype(np.uint16) * 257, np.stack([ramp] * 3, -1)),
            (colour[..., ::-1].astype(np.uint16) * 257, colour),
        ]
    for stored, expected in arrays:
        options = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
        image = decode_image(cv2.imencode(suffix, stored, options)[1].tobytes(), "a")
        assert image.shape == expected.shape and image.dtype == np.uint8
        if suffix != ".jpg":
            np.testing.assert_array_equal(image, expected)


def test_the_orientation_a_camera_notes_is_not_applied(tmp_path):
    picture(tmp_path / "a.jpg", 12, 6)
    data = (tmp_path / "a.jpg").read_bytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (12, 6, 3)  # the note is understood
    np.testing.assert_array_equal(decode_image(turned, "a"), decode_image(data, "a"))


def test_files_over_the_limit_are_not_read(tmp_path, monkeypatch):
    path = tmp_path / "big.jpg"
    with open(path, "wb") as file:
        file.truncate(files.FILE_LIMIT + 1)  # takes no space on the disk
    with pytest.raises(DataError, match=r"big.jpg: \d+ bytes; at most"):
        Folder(tmp_path).read("big.jpg")


# -- 300W ------------------------------------------------------------------------------------------------------------

GOOD = pts(np.arange(136.0).reshape(68, 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("version: 1", "versio: 1"), "line 1: 'versio: 1', expected 'version: 1'"),
        (GOOD.replace("n_points:  68", "n_points: 49"), "line 2: n_points: 49, expected 68"),
        (GOOD.replace("{", ""), "line 4: '0.000000 1.000000', expected '{'"),
        (GOOD.replace("}", ""), "line 71: '134.000000 135.000000', expected '}' at the end"),
        (GOOD.replace("0.000000 1.000000\n", "", 1), "67 points, expected 68"),
        (GOOD.replace("2.000000 3.000000", "2.0", 1), "line 5: '2.0', expected two numbers"),
        (GOOD.replace("2.000000 3.000000", "2.0 nan", 1), "line 5, field 2: 'nan', expected a number"),
        (GOOD.replace("2.000000 3.000000", "x 3", 1), "line 5, field 1: 'x', expected a number"),
        (GOOD + "ä", "line 72: byte 0xc3, expected ASCII"),
        ("", "line 1: '', expected 'version: 1'"),
    ],
)
def test_pts_name_the_line(tmp_path, text, message):
    write_w300(tmp_path)
    path = tmp_path / "ibug/image_0001.pts"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError) as caught:
        W300(tmp_path, "full")
    assert str(path) in str(caught.value) and message in str(caught.value)


def test_w300_images_and_folders(tmp_path):
    write_w300(tmp_path)
    picture(tmp_path / "ibug/image_0001.png")
    with pytest.raises(DataError, match=r"two images"):
        W300(tmp_path, "full")
    (tmp_path / "ibug/image_0001.png").unlink()
    (tmp_path / "ibug/image_0001.jpg").unlink()
    with pytest.raises(DataError, match=r"image_0001.pts: no image of that name"):
        W300(tmp_path, "full")
    for path in (tmp_path / "ibug").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"ibug: no .pts files"):
        W300(tmp_path, "full")
    (tmp_path / "ibug").rmdir()
    with pytest.raises(DataError, match=r"ibug: expected a folder: No such file"):
        W300(tmp_path, "full")


# -- COFW and AFLW ---------------------------------------------------------------------------------------------------


def with_nan(shape, place):
    array = np.ones(shape)
    array[place] = np.nan
    return array


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phis": np.zeros((58, 5))}, r"phisT: \(58, 5\), expected 87 x 5"),
        ({"phis": np.zeros((87, 4))}, r"phisT: \(87, 4\), expected 87 x 5"),
        ({"phis": with_nan((87, 5), (3, 2))}, r"phisT, element \[2, 3\]: nan, expected a finite number"),
        ({"phis": np.full((87, 5), 7.0)}, r"phisT, rows 58 to 86, element \[0, 0\]: 7, expected 0 or 1"),
        ({"bboxes": np.zeros((4, 5))}, r"bboxesT, face 1: box .* has no area"),
        ({"images": [np.zeros((3, 4, 4), np.float32)] * 5}, "IsT, image 1: expected an array of uint8"),
        ({"images": [np.zeros((4, 4, 4), np.uint8)] * 5}, r"IsT, image 1: \(4, 4, 4\), expected 3 x W x H"),
        ({"images": [np.zeros((3, 4, 0), np.uint8)] * 5}, "IsT, image 1: an image of 4 x 0 pixels"),
    ],
)
def test_cofw_names_the_variable(tmp_path, changes, message):
    path = write_cofw(tmp_path, "test", 5, **changes)["path"]
    with pytest.raises(DataError, match=re.escape(str(path)) + ", " + message):
        COFW(tmp_path, "test")


def test_cofw_does_not_follow_hdf5_into_other_files(tmp_path):
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        file["bboxesT"] = np.ones((4, 5))
    (tmp_path / "raw").write_bytes(bytes(4 * 5 * 8))
    for kind in ("link", "soft", "external", "virtual", "missing", "group"):
        path = write_cofw(tmp_path / kind)["path"]
        with h5py.File(path, "r+") as file:
            del file["bboxesT"]
            if kind == "link":
                file["bboxesT"] = h5py.ExternalLink(str(tmp_path / "outside.h5"), "bboxesT")
            elif kind == "soft":
                file["bboxesT"] = h5py.SoftLink("/phisT")
            elif kind == "external":
                file.create_dataset("bboxesT", (4, 5), "f8", external=[(str(tmp_path / "raw"), 0, 160)])
            elif kind == "virtual":
                virtual = h5py.VirtualLayout((4, 5), "f8")
                virtual[:] = h5py.VirtualSource(str(tmp_path / "outside.h5"), "bboxesT", (4, 5))
                file.create_virtual_dataset("bboxesT", virtual)
            elif kind == "group":
                file.create_group("bboxesT")
        with pytest.raises(DataError, match=r"no variable|another file|is a group"):
            COFW(tmp_path / kind, "test")


def test_cofw_huge_image_is_refused_unread(tmp_path):
    path = write_cofw(tmp_path)["path"]
    with h5py.File(path, "r+") as file:
        big = file.create_dataset("#refs#/big", (3, 30_000, 30_000), "u1", chunks=True)  # nothing is stored
        file["IsT"][0, 2] = big.ref
    with pytest.raises(DataError, match=r"IsT, image 3: an image of 30000 x 30000 pixels"):
        COFW(tmp_path, "test")


def test_matlab_files_of_the_other_kind_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "COFW_train_color.mat", {"IsTr": 1})
    with pytest.raises(DataError, match=r"COFW_train_color.mat: cannot be read as a MATLAB 7.3 file"):
        COFW(tmp_path, "train")
    write_cofw(tmp_path)["path"].rename(tmp_path / "AFLWinfo_release.mat")
    with pytest.raises(DataError, match=r"AFLWinfo_release.mat: cannot be read as a MATLAB 5 file"):
        AFLW(tmp_path, "full")


def test_cofw68_counts(tmp_path):
    write_cofw68(tmp_path)
    (tmp_path / "COFW68_Data/test_annotations/5_points.mat").unlink()
    with pytest.raises(DataError, match=r"5_points.mat: cannot be read: No such file"):
        COFW68(tmp_path)
    write_cofw(tmp_path, "test", 6)
    with pytest.raises(DataError, match=r"cofw68_test_bboxes.mat, bboxes: 5 x 4 int16 found, 6 x 4 numbers expected"):
        COFW68(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": np.zeros((5, 36))}, "data: 5 x 36 float64 found, 5 x 38 numbers expected"),
        ({"data": with_nan((5, 38), (4, 1))}, r"data, element \[4, 1\]: nan"),
        ({"bbox": np.ones((5, 4))}, "bbox, row 0: box .* has no area"),
        ({"mask_new": np.full((5, 19), 3)}, r"mask_new, element \[0, 0\]: 3, expected 0 or 1"),
        ({"ra": np.array([[1, 2, 3, 4, 4]])}, "ra: expected each of 1 to 5 once"),
        ({"ra": np.array([[0, 1, 2, 3, 4]])}, "ra: expected each of 1 to 5 once"),
        ({"nameList": np.ones((5, 1))}, "nameList: expected a cell of names"),
        ({"nameList": np.array([["0/no.jpg"]] * 5, object)}, r"nameList, row 0: no image .*no.jpg \(5 of 5"),
        ({"nameList": np.array([[1.5]] * 5, object)}, "nameList, row 0: .*, expected a name"),
        *(({"nameList": np.array([[name]] * 5, object)}, "nameList, row 0: file name") for name in CLIMBERS),
    ],
)
def test_aflw_names_the_variable(tmp_path, changes, message):
    write_aflw(tmp_path, 5)
    good = scipy.io.loadmat(tmp_path / "AFLWinfo_release.mat")
    contents = {key: good[key] for key in ("nameList", "data", "bbox", "mask_new")} | {"ra": np.arange(1, 6)[None]}
    scipy.io.savemat(tmp_path / "AFLWinfo_release.mat", contents | changes)
    with pytest.raises(DataError, match=f"AFLWinfo_release.mat, {message}"):
        AFLW(tmp_path, "train")


def test_aflw_without_test_faces(tmp_path):
    write_aflw(tmp_path, 5)
    with pytest.raises(DataError, match=r"5 faces, none of them in split 'full'"):
        AFLW(tmp_path, "full")


# -- FaceTable -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name,", "file,", "line 1: no column name"),
        ("identity", "name", "line 1: column 'name' occurs twice"),
        ("x18", "x20", "line 1: no column x18"),
        (",x0,y0", "", "line 1: 18 points; without a layout"),
        ("person 1.jpg", "person 9.jpg", "line 3: no image .*person 9.jpg"),
        ("person 1.jpg", "", "line 3, column name: file name ''"),
        ("Zoë 1", "Zoë, 1", "line 3: 42 fields, expected 41"),
        ("Zoë 1", '"Zoë', "line 5: "),
        ("Zoë 1", "\udcff", "line 3: byte 0xff, expected UTF-8"),
        *(("person 1.jpg", name, "line 3, column name: file name") for name in CLIMBERS),
    ],
)
def test_table_names_the_place(tmp_path, old, new, message):
    write_table(tmp_path)
    path = tmp_path / "landmarks.csv"
    text = path.read_text("utf-8").replace(old, new, 1)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=re.escape(str(path)) + ", " + message):
        FaceTable(tmp_path)


def test_table_numbers_and_splits(tmp_path):
    write_table(tmp_path)
    path = tmp_path / "landmarks.csv"
    lines = path.read_text("utf-8").splitlines()
    for text in ("nan", "", "left", "1e9"):
        fields = lines[2].split(",")
        fields[4] = text
        path.write_text("\n".join([*lines[:2], ",".join(fields), *lines[3:]]), "utf-8")
        with pytest.raises(DataError, match=f"line 3, column y0: '{text}', expected a"):
            FaceTable(tmp_path)
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(DataError, match=r"no faces in split 'val'; there are 'test', 'train'"):
        FaceTable(tmp_path, "val")
    path.write_text("\n".join(line.replace("split", "part") for line in lines), "utf-8")
    with pytest.raises(DataError, match=r"no column split"):
        FaceTable(tmp_path, "test")
    path.write_text(lines[0], "utf-8")
    with pytest.raises(DataError, match=r"no faces$"):
        FaceTable(tmp_path)
    path.write_text("", "utf-8")
    with pytest.raises(DataError, match=r"no column name"):
        FaceTable(tmp_path)


def add_member(tar, name, kind=tarfile.REGTYPE, data=b"", link=""):
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, len(data), link
    tar.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("name", CLIMBERS)
def test_tar_members_that_climb_out_are_refused(tmp_path, name):
    write_table(tmp_path, tar=True)
    with tarfile.open(tmp_path / "images.tar", "a") as tar:
        add_member(tar, name, data=b"evil")
    with pytest.raises(DataError, match=r"images.tar, member .*: file name"):
        FaceTable(tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_tar_links_and_devices_are_refused(tmp_path, kind):
    write_table(tmp_path, tar=True)
    with tarfile.open(tmp_path / "images.tar", "a") as tar:
        add_member(tar, "images/x.jpg", kind, link="/etc/passwd")
    with pytest.raises(DataError, match=r"images.tar, member 'images/x.jpg': expected a plain file"):
        FaceTable(tmp_path)


def test_tar_missing_cut_and_compressed(tmp_path):
    write_table(tmp_path, tar=True)
    path = tmp_path / "images.tar"
    good = path.read_bytes()
    dataset = FaceTable(tmp_path)
    path.write_bytes(good[:2000])
    with pytest.raises(DataError, match=r"landmarks.csv, line \d: no image|images.tar.* cut off|images.tar: cannot"):
        FaceTable(tmp_path)
    with pytest.raises(DataError, match=r"images.tar: \d+ bytes expected from byte \d+, found 0: the file is cut off"):
        dataset[3]
    path.write_bytes(b"\x1f\x8b" + good)
    with pytest.raises(DataError, match=r"images.tar: cannot be read as an uncompressed tar"):
        FaceTable(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=r"images: does not exist"):
        FaceTable(tmp_path)


def test_clean_names_are_kept():
    for name in ("a.jpg", "image_092 _01.jpg", "37--Soccer/x.jpg", "日本/顔.png", "..a/b..jpg"):
        assert clean_name(name, "") == name
