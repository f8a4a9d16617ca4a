"""ONNX files: they hold all of it, agree with PyTorch, and say enough for someone who has nothing but the file."""

import errno
import inspect
import json
import logging
import os
import sys
import textwrap
import warnings
from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from torch import nn

from awing_lib import export
from awing_lib.datasets import SyntheticFaces
from awing_lib.export import ExportError, export_onnx, numpy_landmarks
from awing_lib.heatmaps import decode_heatmaps, render_heatmaps
from awing_lib.inference import FaceAligner, InferenceError
from awing_lib.layouts import COFW_29, IBUG_68
from awing_lib.recipes import NetworkRecipe
from awing_lib.transforms import CropProtocol
from awing_lib.weights import ModelInfo, save_model

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

SIZE = 64
INFO = ModelInfo(COFW_29, NetworkRecipe(stacks=2, depth=1, features=8), SIZE, padding=0.25, sigma=1.5)


def made(info=INFO):
    """A small network, the same each time, with statistics that it has seen."""
    generator = torch.Generator().manual_seed(3)
    model = info.build(generator).train()
    with torch.no_grad():
        model(torch.rand(4, 3, info.size, info.size, generator=generator))
    return model.eval()


def session_of(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """In networks as small as these, threads do nothing but wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A model file exported once, with what was said meanwhile, and what the exporter made of it."""
    folder, made_of, said = tmp_path_factory.mktemp("export"), [], []
    save_model(folder / "tiny.safetensors", made().state_dict(), INFO)
    traced = export._traced
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        patch.setattr(export, "_traced", lambda *arguments: made_of.append(traced(*arguments)) or made_of[0])
        exported = export_onnx(folder / "tiny.safetensors", folder / "tiny.onnx", say=said.append)
    assert not caught
    return exported, made_of[0], said


@pytest.fixture
def quick(written, monkeypatch):
    """The exporter's work is done already: what is tested is what comes before and after."""

    def traced(model, size, dynamic_batch):
        assert size == SIZE and dynamic_batch
        return copy_of(written[1])

    monkeypatch.setattr(export, "_traced", traced)


def copy_of(proto):
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    return copied


# -- the file -----------------------------------------------------------------------------------------------------


def test_the_file_is_one_and_is_described(written):
    exported, _, said = written
    folder = exported.path.parent
    assert sorted(path.name for path in folder.iterdir()) == ["tiny.onnx", "tiny.safetensors"]
    assert exported.bytes == exported.path.stat().st_size
    assert exported.inputs == {"images": ("batch", 3, SIZE, SIZE)}
    assert exported.outputs == {"heatmaps": ("batch", COFW_29.count + 1, SIZE // 4, SIZE // 4)}
    assert 0 <= exported.difference < export.TOLERANCE and exported.shift is exported.largest_shift is None
    assert said == ["exporting", "comparing with PyTorch"]
    proto = onnx.load(exported.path)
    onnx.checker.check_model(proto, full_check=True)
    assert [(each.domain, each.version) for each in proto.opset_import] == [("", exported.opset)]
    assert not any(each.external_data for each in proto.graph.initializer)


def test_the_file_says_nothing_of_the_machine(written):
    assert b".py" not in written[0].path.read_bytes() and b"/" + b"awing_lib" not in written[0].path.read_bytes()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_heatmaps_are_those_of_the_last_stack(written, count):
    images = torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(count))
    found = session_of(written[0].path).run(["heatmaps"], {"images": images.numpy()})[0]
    with torch.no_grad():
        expected = made()(images)
    np.testing.assert_allclose(found, expected[-1], atol=1e-5)
    assert np.abs(found - expected[0].numpy()).max() > 1e-2  # and no other's


def test_metadata_is_the_model_info_and_more(written):
    metadata = session_of(written[0].path).get_modelmeta().custom_metadata_map
    assert set(metadata) == {"awing", "preprocessing", "postprocessing", "warp_image", "numpy_landmarks"}
    about = json.loads(metadata["awing"])
    assert about.items() >= json.loads(json.dumps(INFO.to_dict())).items()
    assert about["layout"]["points"][8] == "left eye outer corner" and about["flip"] == list(COFW_29.mirror)
    assert (about["stride"], about["channels"], about["range"], about["boundary_last"]) == (4, "RGB", [0, 1], True)
    assert "1.25 * max(x1 - x0, y1 - y0), brought to 64 x 64 pixels" in metadata["preprocessing"]
    assert "the last map is the face's boundary" in metadata["postprocessing"]
    assert "count 29, padding 0.25, sigma 1.5" in metadata["postprocessing"]
    plain = replace(INFO, network=replace(INFO.network, boundary=False))
    shapes = {"images": ("batch", 3, 64, 64)}, {"heatmaps": ("batch", 29, 16, 16)}
    without = export._metadata(plain, *shapes)
    assert json.loads(without["awing"])["boundary_last"] is False and "boundary" not in without["postprocessing"]


def test_whoever_has_only_the_file_finds_the_landmarks(written):
    """Picture and box to points of the picture by what the file says alone, against FaceAligner."""
    face = SyntheticFaces(1, COFW_29, seed=5)[0]
    session = session_of(written[0].path)
    metadata = session.get_modelmeta().custom_metadata_map
    about, own = json.loads(metadata["awing"]), {}
    exec(metadata["numpy_landmarks"], own)  # the file is ours

    x0, y0, x1, y1 = map(float, face.box)
    crop = CropProtocol(padding=about["padding"])(face.image, box=face.box, size=about["size"])
    side = max(x1 - x0, y1 - y0) * (1 + about["padding"])  # the crop is the one that preprocessing describes
    for column, middle in ((0, (x0 + x1) / 2), (1, (y0 + y1) / 2)):
        expected = (crop.matrix[column, :2].sum() * middle + crop.matrix[column, 2], crop.matrix[column, column])
        np.testing.assert_allclose(expected, ((SIZE - 1) / 2, SIZE / side), rtol=1e-6)
    images = crop.image.transpose(2, 0, 1)[None].astype(np.float32) / 255
    heatmaps = session.run(["heatmaps"], {"images": images})[0]
    settings = {"count": len(about["layout"]["points"]), "padding": about["padding"], "sigma": about["sigma"]}
    landmarks, scores = own["numpy_landmarks"](heatmaps, face.box[None], **settings)

    (right,) = FaceAligner(made(), INFO, device="cpu")(face.image, face.box[None])
    np.testing.assert_allclose(landmarks[0], right.landmarks, atol=1e-3 * side / SIZE)  # 1/1000 pixel of the crop
    np.testing.assert_allclose(scores[0], right.scores, atol=1e-5)
    np.testing.assert_array_equal(landmarks, numpy_landmarks(heatmaps, face.box[None], **settings)[0])


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A shipped model as ONNX file, by its own name."""
    return export_onnx("faces68-nano", tmp_path_factory.mktemp("shipped") / "faces68-nano.onnx").path


def enlarged(scale):
    """The astronaut, so many times as large, and the box of her face."""
    picture = cv2.resize(skimage.data.astronaut(), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return picture, [(edge + 0.5) * scale - 0.5 for edge in (173.9, 85.3, 279.5, 186.5)]


def test_a_file_says_what_may_be_done_with_it(shipped):
    metadata = session_of(shipped).get_modelmeta().custom_metadata_map
    text = metadata["data_and_licence"]
    assert text.startswith("Trained on 2,944 faces of `youtube-faces-68`; ") and "For research use only" in text
    assert json.loads(metadata["awing"])["about"]["data_and_licence"] == text


@pytest.mark.parametrize("scale", [1, 4])
def test_the_programs_in_docstring_and_file_find_what_the_library_finds(shipped, monkeypatch, scale):
    """Word for word, with OpenCV, NumPy and onnxruntime alone."""
    picture, box = enlarged(scale)
    program = inspect.getdoc(export).split(".. code-block:: python\n")[1]
    metadata, own = session_of(shipped).get_modelmeta().custom_metadata_map, {"picture": picture, "box": box}
    for name in ("warp_image", "numpy_landmarks"):
        exec(metadata[name], own)  # the file is ours
    monkeypatch.chdir(shipped.parent)
    exec(textwrap.dedent(program), own)
    (right,) = FaceAligner.from_pretrained("faces68-nano", device="cpu")(picture, [box])
    np.testing.assert_allclose(own["landmarks"][0], right.landmarks, atol=1e-3)  # pixels of the picture
    np.testing.assert_allclose(own["scores"][0], right.scores, atol=1e-5)


@pytest.mark.parametrize("scale", [1, 4])
def test_the_words_say_how_the_library_makes_its_crops(written, scale):
    """A program by the words of ``preprocessing``, in NumPy alone: its crop is the library's but for rounding."""
    words = session_of(written[0].path).get_modelmeta().custom_metadata_map["preprocessing"]
    assert "side is 1.25 * max(x1 - x0, y1 - y0), brought to 64 x 64 pixels" in words
    assert "as long as side is 128 or more, the whole picture is halved" in words
    picture, box = enlarged(scale)
    crop = CropProtocol(padding=0.25)(picture, box=box, size=64).image

    (x0, y0, x1, y1), pixels = box, picture.astype(float)
    cx, cy, side = (x0 + x1) / 2, (y0 + y1) / 2, 1.25 * max(x1 - x0, y1 - y0)
    while side >= 128:
        pixels = pixels[: len(pixels) // 2 * 2, : pixels.shape[1] // 2 * 2]
        four = pixels[::2, ::2] + pixels[::2, 1::2] + pixels[1::2, ::2] + pixels[1::2, 1::2]
        pixels = np.floor(four / 4 + 0.5)
        side, cx, cy = side / 2, (cx + 0.5) / 2 - 0.5, (cy + 0.5) / 2 - 0.5
    for axis, middle in ((0, cy), (1, cx)):
        place = (np.arange(64) - 31.5) * side / 64 + middle
        first = np.floor(place).astype(int)  # all of them lie in the picture
        share = (place - first)[:, None, None] if axis == 0 else (place - first)[:, None]
        pixels = pixels.take(first, axis) * (1 - share) + pixels.take(first + 1, axis) * share
    assert np.abs(np.floor(pixels + 0.5) - crop).max() <= 1


# -- landmarks with NumPy alone -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.0])
def test_numpy_landmarks_are_those_of_dark(sigma):
    """Clean peaks, peaks at and beyond the border, plateaus, empty maps, and noise."""
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(3, 40, 2, generator=generator) * 26 - 3  # some of them outside
    maps = render_heatmaps(points, 20, sigma)
    maps[1] += 0.1 * torch.randn(40, 20, 20, generator=generator)
    maps[2, :3] = torch.tensor([0.0, 1.0, -1.0])[:, None, None]
    maps[2, 3, 4:9, 4:9] = maps[2, 3].max() + 1
    maps[2, 4] = torch.randn(20, 20, generator=generator)
    whole = [[-0.5, -0.5, 19.5, 19.5]] * 3  # a crop whose pixels are those of the maps
    found, scores = numpy_landmarks(maps.numpy(), whole, count=40, padding=0, sigma=sigma)
    expected, heights = decode_heatmaps(maps.double(), "dark", sigma=sigma)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    np.testing.assert_array_equal(scores, heights)
    assert np.abs(found[0] - points[0].numpy()).max() > 0.5  # border and all
    inside = ((points[0] > 3 * sigma + 2) & (points[0] < 17 - 3 * sigma)).all(-1).numpy()
    np.testing.assert_allclose(found[0][inside], points[0].numpy()[inside], atol=0.05)


def test_numpy_landmarks_come_back_to_the_picture():
    maps = render_heatmaps(torch.tensor([[[7.5, 3.5], [11.5, 3.5]]]), (8, 16))  # not square: width counts for x
    maps = torch.cat([maps, torch.ones(1, 1, 8, 16)], 1).numpy()  # a boundary, which is left out
    landmarks, scores = numpy_landmarks(maps, [[100, 40, 140, 60]], count=2, padding=0.5)
    assert landmarks.shape == (1, 2, 2) and scores.shape == (1, 2)
    np.testing.assert_allclose(landmarks[0], [[120, 50], [120 + 60 * 4 / 16, 50]], atol=1e-6)


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"heatmaps": np.ones((3, 8, 8))},
            r"heatmaps must be \(N, C, h, w\) with h and w of 3 or more, got \(3, 8, 8\)",
        ),
        ({"heatmaps": np.ones((2, 3, 2, 8))}, r"with h and w of 3 or more, got \(2, 3, 2, 8\)"),
        ({"heatmaps": np.full((2, 3, 8, 8), np.nan)}, "heatmaps are not finite: the network's weights are broken"),
        ({"count": 4}, "count must be from 1 to the 3 maps of a face, got 4"),
        ({"count": 0}, "count must be from 1 to the 3 maps of a face, got 0"),
        ({"boxes": [[0, 0, 9, 9]]}, r"boxes must be \(2, 4\), x0 y0 x1 y1 of each face, got \(1, 4\)"),
        ({"boxes": [0, 0, 9, 9]}, r"boxes must be \(2, 4\), x0 y0 x1 y1 of each face, got \(4,\)"),
        ({"boxes": [[0, 0, 9, 9], [5, 0, 5, 9]]}, "box 1 must be finite with x0 < x1 and y0 < y1, got 5 0 5 9"),
        ({"boxes": [[0, 0, np.inf, 9], [0, 0, 5, 9]]}, "box 0 must be finite with x0 < x1 and y0 < y1, got 0 0 inf 9"),
        ({"padding": -0.1}, "padding must be a finite number of at least 0, got -0.1"),
        ({"padding": "0.25"}, "padding must be a finite number of at least 0, got '0.25'"),
        ({"sigma": 0}, "sigma must be a finite number of at least 0.01, got 0"),
    ],
)
def test_numpy_landmarks_says_what_it_cannot_use(changes, message):
    right = {"heatmaps": np.ones((2, 3, 8, 8)), "boxes": [[0, 0, 9, 9]] * 2, "count": 2, "padding": 0}
    with pytest.raises(ValueError, match=f"{message}$"):
        numpy_landmarks(**right | changes)
    assert numpy_landmarks(np.ones((0, 3, 8, 8)), [], count=2, padding=0)[0].shape == (0, 2, 2)


# -- what is refused ------------------------------------------------------------------------------------------------


class Scaled(nn.Module):
    """The network that was exported, but for a factor: PyTorch says something else than the file."""

    def __init__(self, factor):
        super().__init__()
        self.model, self.factor = made(), factor

    def forward(self, images):
        return [maps * self.factor for maps in self.model(images)]


@pytest.mark.parametrize(
    "factor, message",
    [(1.01, "differ from PyTorch's by up to 0.0"), (np.nan, "maps are not finite: its weights are broken")],
)
def test_a_file_that_says_something_else_is_not_written(tmp_path, quick, factor, message):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"before")
    with pytest.raises(ExportError, match=message):
        export_onnx(Scaled(factor), path, info=INFO)
    assert path.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


def test_a_file_without_numbers_is_not_written(tmp_path, quick, monkeypatch):
    monkeypatch.setattr(export, "_difference", lambda *_: np.nan)
    with pytest.raises(ExportError, match="differ from PyTorch's by up to nan"):
        export_onnx(made(), tmp_path / "x.onnx", info=INFO)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_run_is_not_written(tmp_path, quick, monkeypatch):
    def refuse(*arguments, **options):
        raise onnxruntime.capi.onnxruntime_pybind11_state.Fail("unsupported version\nand more")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    with pytest.raises(ExportError, match=r"^onnxruntime \d\S+ cannot run the file: unsupported version$"):
        export_onnx(made(), tmp_path / "x.onnx", info=INFO)
    assert not list(tmp_path.iterdir())


def test_the_network_is_left_as_it_is(tmp_path, quick):
    model = made().double().train()
    export_onnx(model, tmp_path / "x.onnx", info=INFO)
    assert all(module.training for module in model.modules())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("x.pt", {"info": INFO}, "x.pt: an ONNX file ends in .onnx"),
        ("x.onnx", {}, "info must be the network's ModelInfo, got NoneType"),
        ("x.onnx", {"info": INFO, "calibration": SyntheticFaces(3)}, "calibration is for int8"),
        ("x.onnx", {"info": INFO, "int8": True, "calibration": SyntheticFaces(2)}, "at least 3 faces, got 2"),
        ("x.onnx", {"info": replace(INFO, size=60)}, "does not take images of its size 60: height .* divisible by 8"),
    ],
)
def test_bad_arguments(tmp_path, quick, name, options, message):
    with pytest.raises(ExportError, match=message):
        export_onnx(made(), tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name, message",
    [
        ("", "folder.onnx: cannot be written: there is a folder of this name"),
        ("nowhere/x.onnx", r"nowhere/x\.onnx: there is no folder .*/nowhere"),
        ("file/x.onnx", r"file/x\.onnx: there is no folder .*/file"),
        ("x.onnx", r"x\.onnx: cannot be written: Read-only file system"),
    ],
)
def test_where_nothing_can_be_written_no_work_is_done(tmp_path, monkeypatch, name, message):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "some other name")

    folder = tmp_path / "folder.onnx"
    folder.mkdir()
    (folder / "file").touch()
    monkeypatch.setattr(export, "_traced", None)
    if name == "x.onnx":
        monkeypatch.setattr(export.tempfile, "TemporaryFile", refuse)  # root may write to any folder
    with pytest.raises(ExportError, match=f"^{tmp_path}/.*{message}$"):
        export_onnx(made(), folder / name, info=INFO)
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_path_says_itself_what_it_is(tmp_path, written):
    with pytest.raises(ExportError, match=r"info is for a network; .*tiny\.safetensors says so itself"):
        export_onnx(written[0].path.with_suffix(".safetensors"), tmp_path / "x.onnx", info=INFO)
    with pytest.raises(InferenceError, match="model 'faces86': no such file"):
        export_onnx("faces86", tmp_path / "x.onnx")


def test_more_than_a_file_can_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_LARGEST", 1000)
    with pytest.raises(ExportError, match="more than the 2 GiB"):
        export_onnx(made(), tmp_path / "x.onnx", info=INFO)


@pytest.mark.parametrize("name, int8", [("onnx", False), ("onnxscript", False), ("onnxruntime", True)])
def test_missing_packages_are_named(tmp_path, monkeypatch, name, int8):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ExportError, match=rf"^{name} is missing; pip install 'awing-lib\[export\]'$"):
        export_onnx(made(), tmp_path / "x.onnx", info=INFO, int8=int8)


def test_without_onnxruntime_it_is_written_and_not_compared(tmp_path, quick, monkeypatch, written):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    exported = export_onnx(made(), tmp_path / "x.onnx", info=INFO)
    assert exported.difference is None
    assert exported.path.read_bytes() == written[0].path.read_bytes()  # and the same model gives the same file


def test_images_of_the_comparison_keep_off_the_threshold(monkeypatch):
    images = export._test_images(made(), INFO, 3)
    assert images.shape == (3, 3, SIZE, SIZE) and not torch.equal(images[0], images[1])
    monkeypatch.setattr(export, "_NEAR", 1e-4)
    chosen = export._test_images(made(), INFO, 3)
    with torch.no_grad():
        assert (made()(chosen)[0][:, -1] - 0.05).abs().min() > 1e-4
    monkeypatch.setattr(export, "_NEAR", 1e3)  # none keeps so far off: then any will do
    assert export._test_images(made(), INFO, 3).shape == (3, 3, SIZE, SIZE)


def test_exporters_remarks_are_not_ours(caplog):
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    with export._silenced():
        warnings.warn("for their authors", FutureWarning, stacklevel=1)
        logging.getLogger("torch.onnx.exporter").warning("likewise")
    assert logger.level == before and not caplog.records


# -- int8 -----------------------------------------------------------------------------------------------------------


class Dots(nn.Module):
    """What a trained network's maps look like: a peak at the reddest, the greenest and the bluest place."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 5, 4, 2, bias=False)
        shape = torch.tensor([1.0, 2, 3, 2, 1])
        self.conv.weight.data = torch.eye(3)[:, :, None, None] * (shape * shape[:, None] / 81)

    def forward(self, images):
        return [self.conv(images)]


def test_int8_is_smaller_and_its_shift_is_measured(tmp_path, caplog, capfd):
    faces = SyntheticFaces(6, IBUG_68, seed=1)
    layout = replace(COFW_29, points=("red", "green", "blue"), mirror_pairs=(), boundaries={}, eyes={}, name="dots")
    info, said = ModelInfo(layout, NetworkRecipe(boundary=False), SIZE), []
    exported = export_onnx(
        Dots(), tmp_path / "x.onnx", info=info, dynamic_batch=False, int8=True, calibration=faces, say=said.append
    )
    assert said == ["exporting", "calibrating", "comparing with PyTorch"]
    assert exported.difference is None and exported.inputs == {"images": (1, 3, SIZE, SIZE)}
    proto = onnx.load(exported.path)
    assert {node.op_type for node in proto.graph.node} == {"QuantizeLinear", "DequantizeLinear", "Conv"}
    assert {each.key for each in proto.metadata_props} == {
        "awing",
        "preprocessing",
        "postprocessing",
        "warp_image",
        "numpy_landmarks",
    }
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert capfd.readouterr() == ("", "")

    # the shift is that of the faces that were not calibrated on: 0 and 3
    session, distances = session_of(exported.path), []
    for sample in (faces[0], faces[3]):
        crop = CropProtocol(padding=info.padding)(sample.image, box=sample.box, size=SIZE).image
        images = torch.from_numpy(crop).permute(2, 0, 1)[None] / 255
        found = torch.from_numpy(session.run(None, {"images": images.numpy()})[0])
        with torch.no_grad():
            both = [decode_heatmaps(maps)[0] for maps in (found, Dots()(images)[0])]
        distances.append(4 * (both[0] - both[1]).norm(dim=-1))  # pixels of the crop
    assert exported.shift == pytest.approx(float(torch.cat(distances).mean()), abs=1e-3)
    assert exported.largest_shift == pytest.approx(float(torch.cat(distances).max()), abs=1e-3)
    assert 0 < exported.shift < exported.largest_shift
