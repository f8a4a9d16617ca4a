"""The aligner: what the maps show comes back in pixels of the picture, whatever the picture, box, batch or model."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from awing_lib import inference
from awing_lib.datasets import SyntheticFaces
from awing_lib.datasets.files import DataError
from awing_lib.detection import DetectionError
from awing_lib.errors import AwingError
from awing_lib.heatmaps import decode_heatmaps, render_heatmaps, resize_landmarks
from awing_lib.inference import FaceAligner, InferenceError, resolve_model, whole_box
from awing_lib.layouts import IBUG_68, LandmarkLayout
from awing_lib.photos import Picture, read_photo
from awing_lib.recipes import NetworkRecipe
from awing_lib.weights import ModelInfo, WeightsError, save_model

SIZE = 128
DOTS = LandmarkLayout("dots", ("red", "green", "blue", "yellow", "magenta"), ())
COLORS = [(230, 20, 20), (20, 200, 30), (30, 30, 230), (240, 230, 20), (230, 20, 220)]
GREYS = [(level,) * 3 for level in (250, 205, 160, 110, 60)]
BOX = np.array([60, 50, 220, 190])
POINTS = np.array([[80.3, 71.8], [198.6, 68.2], [140.1, 120.7], [96.4, 168.9], [188.75, 160.5]])


class DotFinder(nn.Module):
    """Finds a dot of each colour in the crops, as a network that has learned nothing else would."""

    def __init__(self, colors=COLORS, boundary=True):
        super().__init__()
        self.register_buffer("colors", torch.tensor(colors)[:, :, None, None] / 255)
        self.boundary, self.batches = boundary, []

    def forward(self, images):
        assert images.dtype == torch.float32 and not torch.is_grad_enabled() and not self.training
        side = images.shape[-1]
        assert images.shape[1:] == (3, side, side)
        self.batches.append(len(images))
        difference = (images[:, None] - self.colors).abs().amax(2)  # (B, L, S, S)
        # where most of a neighbourhood is alike; edges of other dots pass through the colour in a thin line
        index = F.avg_pool2d((difference < 0.08).float(), 5, 1, 2).flatten(2).argmax(2)
        column, row = (part[..., None, None] for part in (index % side, index // side))
        y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        contrast = (self.colors - 15 / 255).abs().amax(1)  # how much of a pixel at its edge is the dot
        dot = (1 - difference / contrast).relu() * ((x - column).abs().maximum((y - row).abs()) < 16)
        centers = torch.stack([(dot * each).sum((2, 3)) / dot.sum((2, 3)) for each in (x, y)], -1)
        maps = render_heatmaps(resize_landmarks(centers.nan_to_num(-99), side, side // 4), side // 4)
        if self.boundary:
            maps = torch.cat([maps, torch.ones_like(maps[:, :1])], 1)
        return [torch.zeros_like(maps), maps]  # an earlier stack that knows nothing


def dots(points=POINTS, colors=COLORS, size=(240, 280), radius=6):
    """A picture with a dot at each point, to a sixteenth of a pixel."""
    image = np.full((*size, 3), 15, np.uint8)
    for (x, y), color in zip(np.rint(16 * np.asarray(points)).astype(int).tolist(), colors, strict=True):
        cv2.circle(image, (x, y), 16 * radius, color, cv2.FILLED, cv2.LINE_AA, 4)
    return image


def dot_aligner(colors=COLORS, boundary=True, **options):
    return FaceAligner(DotFinder(colors, boundary), ModelInfo(DOTS, NetworkRecipe(), SIZE), device="cpu", **options)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """In networks as small as these, threads do nothing but wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def info():
    return ModelInfo(IBUG_68, NetworkRecipe(stacks=1, depth=2, features=16), 64)


@pytest.fixture(scope="module")
def model(info):
    torch.manual_seed(0)
    return info.build()


@pytest.fixture
def aligner(model, info):
    return FaceAligner(model, info, device="cpu")


# -- the way of the coordinates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", [True, False])
def test_a_face_is_what_design_says(boundary):
    (face,) = dot_aligner(boundary=boundary)(dots(), [BOX])
    assert face.landmarks.shape == (5, 2) and face.scores.shape == (5,)
    assert face.box.tolist() == BOX.tolist()
    assert face.heatmaps.shape == (5 + boundary, SIZE // 4, SIZE // 4)
    assert {value.dtype for value in vars(face).values()} == {np.dtype(np.float32)}
    assert face.landmarks == pytest.approx(POINTS, abs=0.5)
    assert (face.scores > 0.7).all()  # a Gaussian between four pixels leaves 0.78 on each
    assert np.array_equal(face.scores, face.heatmaps[:5].max((1, 2)))


@pytest.mark.parametrize(
    "box",
    [
        (60, 50, 220, 190),
        (70.37, 58.91, 205.2, 177.7),
        (0, 0, 279, 239),
        (-40, 40, 210, 200),  # reaches beyond the picture on the left, and its square above and below
        (76, -20, 204, 260),
    ],
)
@pytest.mark.parametrize("decode", ["dark", "soft-argmax"])
def test_landmarks_do_not_depend_on_the_box(box, decode):
    (face,) = dot_aligner(decode=decode)(dots(radius=9), [box])
    assert face.landmarks == pytest.approx(POINTS, abs=0.5 if decode == "dark" else 15)  # which the background pulls


@pytest.mark.parametrize("scale", [0.5, 3, 11])
def test_landmarks_follow_the_scale_of_the_picture(scale):
    points = (POINTS + 0.5) * scale - 0.5
    image = dots(points, size=(int(240 * scale), int(280 * scale)), radius=max(4, int(6 * scale)))
    (face,) = dot_aligner()(image, [(BOX + 0.5) * scale - 0.5])
    assert face.landmarks == pytest.approx(
        points, abs=max(0.5, 0.06 * 5.5 * scale)
    )  # a pixel of the map is 5.5 * scale


def test_the_padding_is_the_models():
    finder = DotFinder()
    aligner = FaceAligner(finder, ModelInfo(DOTS, NetworkRecipe(), SIZE, padding=1.0), device="cpu")
    (face,) = aligner(dots(), [(75, 60, 205, 180)])
    assert face.landmarks == pytest.approx(POINTS, abs=0.6)
    # the square is twice the box's longer side: 260 pixels around (140, 120)
    expected = (POINTS[0] - [140, 120]) * 32 / 260 + 15.5
    assert np.argwhere(face.heatmaps[0] == face.heatmaps[0].max())[0][::-1] == pytest.approx(expected, abs=0.6)


def test_the_sigma_is_the_models(model, info):
    box = (-0.5, -0.5, 99.5, 99.5)
    image = cv2.resize(dots(), (100, 100))
    (face,) = FaceAligner(model, replace(info, sigma=2.0, padding=0.0), device="cpu")(image, [box])
    maps = torch.from_numpy(face.heatmaps[:68])
    expected, other = (decode_heatmaps(maps, "dark", sigma=sigma)[0].numpy() for sigma in (2.0, 1.0))
    assert np.allclose(face.landmarks, (expected + 0.5) * 100 / 16 - 0.5, atol=1e-3)
    assert not np.allclose(expected, other, atol=0.05)


def encoded(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def camera(image, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270, 3: Image.Transpose.ROTATE_180}[orientation]
    return encoded(Image.fromarray(image).transpose(turned), "JPEG", quality=95, subsampling=0, exif=exif)


KINDS = {
    "png": lambda image: encoded(Image.fromarray(image), "PNG"),
    "jpeg": lambda image: encoded(Image.fromarray(image), "JPEG", quality=95, subsampling=0),
    "cmyk": lambda image: encoded(Image.fromarray(image).convert("CMYK"), "JPEG", quality=95),
    "palette": lambda image: encoded(Image.fromarray(image).convert("P", palette=Image.Palette.ADAPTIVE), "PNG"),
    "alpha": lambda image: encoded(Image.fromarray(np.dstack([image, image[..., 0]])), "PNG"),
    "16 bit": lambda image: cv2.imencode(".png", image[..., ::-1].astype(np.uint16) * 257)[1].tobytes(),
    "held upright": lambda image: camera(image, 6),
    "held the other way": lambda image: camera(image, 8),
    "upside down": lambda image: camera(image, 3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_landmarks_lie_where_one_sees_them_in_files_of_every_kind(kind, tmp_path):
    (tmp_path / "photo").write_bytes(KINDS[kind](dots()))
    image = read_photo(tmp_path / "photo")
    assert image.shape == (240, 280, 3)
    (face,) = dot_aligner()(image, [BOX])
    assert face.landmarks == pytest.approx(POINTS, abs=0.5)


@pytest.mark.parametrize(
    "kind",
    {
        "grey": lambda grey: grey,
        "one channel": lambda grey: grey[..., None],
        "grey and alpha": lambda grey: np.dstack([grey, 255 - grey]),
        "16 bit": lambda grey: grey.astype(np.uint16) * 257,
    }.items(),
    ids=lambda kind: kind[0],
)
def test_landmarks_of_grey_pictures(kind):
    grey = np.ascontiguousarray(dots(colors=GREYS)[..., 0])
    (face,) = dot_aligner(GREYS)(kind[1](grey), [BOX])
    assert face.landmarks == pytest.approx(POINTS, abs=0.5)


def test_100_megapixels_with_a_face_in_the_corner():
    image = np.zeros((10_000, 10_000, 3), np.uint8)  # takes memory only where it is touched
    image[-240:, -280:] = dots()
    corner = np.array([9720, 9760])
    (face,) = dot_aligner()(image, [BOX + np.tile(corner, 2)])
    assert face.landmarks == pytest.approx(POINTS + corner, abs=0.5)


def test_the_whole_picture_as_a_box():
    image = dots()
    assert whole_box(image).tolist() == [[-0.5, -0.5, 279.5, 239.5]]
    (face,) = dot_aligner()(image, whole_box(image))
    assert face.landmarks == pytest.approx(POINTS, abs=0.5)


# -- how many ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd():
    """Ten faces side by side in one picture, their boxes, and their own pictures."""
    faces = list(SyntheticFaces(10))
    side = max(max(face.image.shape[:2]) for face in faces)
    image = np.zeros((2 * side, 5 * side, 3), np.uint8)
    boxes = []
    for index, face in enumerate(faces):
        row, column = side * (index // 5), side * (index % 5)
        height, width = face.image.shape[:2]
        image[row : row + height, column : column + width] = face.image
        boxes.append(face.box + np.tile([column, row], 2))
    return image, np.array(boxes), faces


def test_ten_faces_give_ten_in_the_order_of_the_boxes(aligner, crowd):
    image, boxes, faces = crowd
    found = aligner(image, boxes)
    assert len(found) == 10
    assert np.array_equal([face.box for face in found], boxes.astype(np.float32))
    for face, own, box in zip(found, faces, boxes, strict=True):
        (alone,) = aligner(own.image, [own.box])
        assert np.abs(face.heatmaps - alone.heatmaps).max() < 1e-3  # those of two faces differ by 0.05 and more
        assert np.allclose(face.landmarks, alone.landmarks + box[:2] - own.box[:2], atol=0.01)
    backwards = aligner(image, boxes[::-1])
    assert np.allclose([face.landmarks for face in backwards[::-1]], [face.landmarks for face in found], atol=0.01)


@pytest.mark.parametrize("batch", [1, 3, 10, 100])
def test_the_batch_changes_nothing(model, info, crowd, batch):
    image, boxes, _ = crowd
    expected = FaceAligner(model, info, device="cpu", batch=4)(image, boxes)
    found = FaceAligner(model, info, device="cpu", batch=batch)(image, boxes)
    for name in ("landmarks", "scores", "heatmaps"):
        pair = [np.stack([getattr(face, name) for face in faces]) for faces in (found, expected)]
        assert np.allclose(*pair, atol=1e-2 if name == "landmarks" else 1e-4)


def test_no_boxes_no_faces_and_the_network_is_not_asked():
    aligner = dot_aligner()
    for boxes in ([], np.empty((0, 4)), ()):
        assert aligner(dots(), boxes) == []
    assert aligner.model.batches == []


def test_pictures_go_through_the_network_together():
    aligner = dot_aligner(batch=4)
    offsets = [(0, 0), (5, 3), (9, -4), (-7, 8), (2, 2), (1, -1)]
    pictures = [
        Picture(f"picture {index}", dots(POINTS + offset), [BOX, BOX] if index == 1 else [] if index == 2 else [BOX])
        for index, offset in enumerate(offsets)
    ]
    taken = []
    stream = aligner.stream(taken.append(picture.name) or picture for picture in pictures)
    first, _ = next(stream)
    assert first is pictures[0] and len(taken) == 4  # one, two, none and one face make a batch
    found = [(first, _), *stream]
    assert [picture.name for picture, _ in found] == [picture.name for picture in pictures]
    assert [len(faces) for _, faces in found] == [1, 2, 0, 1, 1, 1]
    assert aligner.model.batches == [4, 2]
    for (_, faces), offset in zip(found, offsets, strict=True):
        for face in faces:
            assert face.landmarks == pytest.approx(POINTS + offset, abs=0.5)


def test_a_stream_of_large_pictures_does_not_pile_up(monkeypatch):
    monkeypatch.setattr(inference, "PIXEL_LIMIT", 2 * 240 * 280)
    taken = []
    stream = dot_aligner(batch=100).stream(taken.append(k) or Picture(str(k), dots(), [BOX]) for k in range(5))
    next(stream)
    assert taken == [0, 1]
    assert len(list(stream)) == 4


def test_a_stream_passes_over_what_it_is_told_to():
    bad = [(5, 5, 5, 5)]
    pictures = [Picture(name, dots(), bad if name == "b" else [BOX]) for name in "abc"]
    failed = []
    found = dot_aligner().stream(pictures, lambda picture, error: failed.append((picture.name, str(error))))
    assert [picture.name for picture, _ in found] == ["a", "c"]
    assert (
        len(failed) == 1 and failed[0][0] == "b" and failed[0][1].startswith("b: box 0: x0 5 y0 5 x1 5 y1 5 is empty")
    )
    with pytest.raises(InferenceError, match=r"^b: box 0: "):
        list(dot_aligner().stream(pictures))


# -- the detector -----------------------------------------------------------------------------------------------------


def test_any_detector_will_do():
    seen = []

    def detector(image):
        seen.append(image)
        return [BOX.tolist()]

    (face,) = dot_aligner(detector=detector)(np.dstack([dots(), dots()[..., :1]]))
    assert face.landmarks == pytest.approx(POINTS, abs=0.5)
    assert seen[0].dtype == np.uint8 and seen[0].shape == (240, 280, 3)  # not what the caller passed
    dot_aligner(detector=detector)(dots(), [BOX])
    assert len(seen) == 1


def test_a_bad_box_of_the_detector_is_the_detectors():
    with pytest.raises(InferenceError, match="box 0 of the detector: x0 9"):
        dot_aligner(detector=lambda image: [(9, 9, 9, 9)])(dots())
    with pytest.raises(InferenceError, match=r"boxes of the detector: expected .* got shape \(2, 5\)"):
        dot_aligner(detector=lambda image: np.zeros((2, 5)))(dots())


def test_the_detector_that_is_there(aligner):
    data = pytest.importorskip("skimage.data")
    (face,) = aligner(data.astronaut())
    assert face.box == pytest.approx([176, 86, 278, 187], abs=12)  # marked by eye
    assert aligner(np.zeros((300, 300, 3), np.uint8)) == []
    assert aligner(np.zeros((1, 1), np.uint8)) == []


def test_scikit_image_is_missed_only_when_needed(aligner, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skimage.feature", None)
    assert len(aligner(np.zeros((99, 99, 3), np.uint8), [(10, 10, 80, 80)])) == 1
    with pytest.raises(DetectionError, match="pip install scikit-image"):
        aligner(np.zeros((99, 99, 3), np.uint8))


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "box, message",
    [
        ((10, 10, 10, 50), "box 1: x0 10 y0 10 x1 10 y1 50 is empty"),
        ((50, 10, 10, 50), "is empty; expected x0 < x1 and y0 < y1"),
        ((10, 10, 13, 17.9), r"box 1: .* is 3 x 7.9 pixels; expected 8 or more a side"),
        ((0, 0, float("nan"), 5), "box 1: .* not finite"),
        ((0, 0, float("inf"), 5), "box 1: .* not finite"),
        ((0, 0, 1e9, 1e9), "box 1: x0 0 y0 0 x1 1e.09 y1 1e.09"),
        ((0, 0, 5000, 5000), "box 1: .* less than 1% of its area inside the picture of 280 x 240 pixels"),
        ((300, 50, 400, 150), "box 1: .* less than 1%"),
        ((-500, -500, -20, -20), "box 1: .* less than 1%"),
    ],
)
def test_wild_and_tiny_boxes_are_named(box, message):
    with pytest.raises(InferenceError, match=message):
        dot_aligner()(dots(), [BOX, box])


@pytest.mark.parametrize("boxes", [BOX, [BOX[:3]], "boxes", [["a", 1, 2, 3]], [[1, 2, 3, 4], [1]], np.zeros((2, 5))])
def test_boxes_of_another_shape(boxes):
    with pytest.raises(InferenceError, match=r"boxes: expected (numbers )?\(N, 4\), x0 y0 x1 y1"):
        dot_aligner()(dots(), boxes)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.int64])
def test_boxes_as_a_tensor_with_or_without_gradient(dtype):
    boxes = torch.tensor(np.array([BOX, BOX]), dtype=dtype).requires_grad_(dtype.is_floating_point)
    faces = dot_aligner()(dots(), boxes)
    assert [face.box.tolist() for face in faces] == [BOX.tolist()] * 2
    assert dot_aligner()(dots(), boxes[:0]) == []
    if dtype.is_floating_point:
        with pytest.raises(InferenceError, match=r"boxes: expected numbers \(N, 4\), x0 y0 x1 y1: "):
            dot_aligner()(dots(), [boxes[0], boxes[1]])


def test_a_single_pixel_has_no_face(aligner):
    pixel = np.zeros((1, 1, 3), np.uint8)
    assert aligner(pixel, []) == []
    with pytest.raises(InferenceError, match=r"box 0: .* is 1 x 1 pixels"):
        aligner(pixel, whole_box(pixel))


def test_no_picture(aligner):
    with pytest.raises(DataError, match="float32, of which the white point is not known"):
        aligner(np.zeros((9, 9, 3), np.float32), [])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"decode": "best"}, "decode must be one of argmax, quarter, soft-argmax, dark; got 'best'"),
        ({"batch": 0}, "batch must be a whole number of at least 1, got 0"),
        ({"batch": 2.0}, "batch"),
        ({"detector": "cascade"}, "detector must be a function from image to boxes, got str"),
        ({"device": "toaster"}, "device 'toaster' cannot be used"),
    ],
)
def test_bad_options(model, info, options, message):
    with pytest.raises(InferenceError, match=message):
        FaceAligner(model, info, **options)
    with pytest.raises(InferenceError, match="info must be a ModelInfo, got NoneType"):
        FaceAligner(model, None)


def test_a_network_that_fits_no_landmarks(info):
    wrong = nn.Module()
    wrong.forward = lambda images: [torch.zeros(len(images), 7, 16, 16)]
    with pytest.raises(InferenceError, match=r"maps are \(1, 7, 16, 16\); layout iBUG-68 needs \(B, 68, h, w\)"):
        FaceAligner(wrong, info, device="cpu")(dots(), [BOX])
    broken = nn.Module()
    broken.forward = lambda images: [torch.full((len(images), 68, 16, 16), float("nan"))]
    with pytest.raises(InferenceError, match="not finite"):
        FaceAligner(broken, info, device="cpu")(dots(), [BOX])


# -- which model ------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path, model, info):
    path = tmp_path / "run/model.safetensors"
    path.parent.mkdir()
    save_model(path, model.state_dict(), info)
    return path


def test_a_model_from_a_file_or_the_folder_of_a_run(file, aligner):
    (expected,) = aligner(dots(), [BOX])
    for source in (file, str(file), file.parent):
        assert resolve_model(source) == file
        loaded = FaceAligner.from_pretrained(source, device="cpu", batch=2)
        assert loaded.batch == 2 and loaded.info.layout.name == "iBUG-68"
        (face,) = loaded(dots(), [BOX])
        assert np.array_equal(face.landmarks, expected.landmarks)


def test_a_model_by_name(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inference, "_SHELVES", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(InferenceError, match=r"model 'faces68': its weights are not in .*/a or .*/b"):
        resolve_model("faces68")
    (tmp_path / "b").mkdir()
    file.rename(tmp_path / "b/faces68.safetensors")
    assert resolve_model("faces68") == tmp_path / "b/faces68.safetensors"
    assert len(FaceAligner.from_pretrained("faces68", device="cpu")(dots(), [BOX])) == 1


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(InferenceError, match=r"no model\.safetensors in it, expected the folder of a training run"):
        resolve_model(tmp_path)
    with pytest.raises(
        InferenceError, match=r"models by name are faces68, faces68-nano, synthetic98-nano; did you mean 'faces68'\?"
    ):
        resolve_model("face68")
    with pytest.raises(InferenceError, match=r"^model '': no such file or folder, and the models by name are faces"):
        FaceAligner.from_pretrained("")
    with pytest.raises(InferenceError, match="no such file or folder"):
        resolve_model(tmp_path / "absent.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(WeightsError, match=r"text.safetensors"):
        FaceAligner.from_pretrained(tmp_path / "text.safetensors")
    assert issubclass(InferenceError, AwingError)


# read off the picture by eye: outer corners of the eyes, corners of the mouth
ASTRONAUT = np.array([[193, 102], [256, 104], [203, 143], [243, 144]])
CORNERS = {68: [36, 45, 48, 54], 98: [60, 72, 76, 82]}


@pytest.mark.parametrize("name", inference.SHIPPED)
def test_shipped_models_know_a_face(name):
    aligner = FaceAligner.from_pretrained(name, device="cpu")
    (face,) = aligner(skimage.data.astronaut(), [[172, 75, 277, 185]])
    found = face.landmarks[CORNERS[aligner.info.layout.count]]
    assert np.linalg.norm(found - ASTRONAUT, axis=1).max() < 8
