"""Trained networks as ONNX files: for programs in other languages, and for machines without PyTorch.

    exported = export_onnx("faces68-nano", "faces68-nano.onnx")

A file holds everything: the weights, what the network expects of a picture, and how its heatmaps become landmarks. Its
one input ``images`` is (N, 3, S, S) float32, RGB in [0, 1]; its one output ``heatmaps`` is (N, L + 1, S / 4, S / 4)
float32, the last stack's maps with the boundary last, or (N, L, S / 4, S / 4) of a network without a boundary. The rest
is said in its metadata:

``awing``
    JSON: the layout with the names of its points and how they mirror, ``size``, ``padding``, ``sigma`` and whatever
    else :class:`awing_lib.weights.ModelInfo` knows, and of the input and output ``stride``, ``channels``, ``range``,
    ``box`` and ``boundary_last``.
``preprocessing``, ``postprocessing``
    In words: from a picture and a box to ``images``, and from ``heatmaps`` to points of the picture.
``data_and_licence``
    What the model has learned from and what may be done with it, as far as its file or its card says.
``warp_image``, ``numpy_landmarks``
    The source of two functions that do this: :func:`awing_lib.transforms.warp_image`, which is what the library itself
    makes its crops with and needs NumPy and OpenCV, and :func:`numpy_landmarks`, which needs NumPy alone.

Whoever has the file needs nothing else of this library:

.. code-block:: python

    import json
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession("faces68-nano.onnx")
    metadata = session.get_modelmeta().custom_metadata_map
    about = json.loads(metadata["awing"])
    print(metadata["warp_image"], metadata["numpy_landmarks"])  # copy these two functions into your program

    x0, y0, x1, y1 = box  # of one face in the picture, (H, W, 3) uint8 RGB
    size, scale = about["size"], about["size"] / (max(x1 - x0, y1 - y0) * (1 + about["padding"]))
    shift = [(size - 1) / 2 - scale * (x0 + x1) / 2, (size - 1) / 2 - scale * (y0 + y1) / 2]
    crop = warp_image([[scale, 0, shift[0]], [0, scale, shift[1]]], picture, size)
    images = crop.transpose(2, 0, 1)[None].astype(np.float32) / 255
    heatmaps = session.run(["heatmaps"], {"images": images})[0]
    settings = {"count": len(about["layout"]["points"]), "padding": about["padding"], "sigma": about["sigma"]}
    landmarks, scores = numpy_landmarks(heatmaps, [box], **settings)
"""

import copy
import importlib
import inspect
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from awing_lib import licences
from awing_lib.datasets.sample import FaceDataset, tight_boxes
from awing_lib.datasets.synthetic import SyntheticFaces
from awing_lib.errors import AwingError
from awing_lib.heatmaps import decode_heatmaps, resize_landmarks
from awing_lib.inference import resolve_model
from awing_lib.transforms import CropProtocol, to_tensor, warp_image
from awing_lib.weights import ModelInfo, load_model, write_bytes

OPSET = 18
"""Version of ONNX's operators that a file is written in."""
TOLERANCE = 1e-4
"""Greatest difference between a heatmap of the file and PyTorch's."""
CALIBRATION_FACES = 48
"""Faces that int8 looks at: two of three to choose its ranges, the third to be measured."""

_LARGEST = 2**31 - 2**24  # bytes of weights; a protobuf ends at 2 GiB
_NEAR = 1e-5  # a boundary value so near to the threshold may fall on either side of it, by rounding


class ExportError(AwingError):
    """A model that cannot be written as ONNX, or one that was and does not say what PyTorch says."""


@dataclass(frozen=True)
class Exported:
    """A file that was written."""

    path: Path
    bytes: int
    opset: int
    inputs: Mapping[str, tuple[int | str, ...]]
    """Name -> shape; a dimension of any size is a word."""
    outputs: Mapping[str, tuple[int | str, ...]]
    difference: float | None
    """Greatest between its heatmaps and PyTorch's on random images; None: not compared, for want of onnxruntime, or
    because it is int8."""
    shift: float | None = None
    """Of int8: mean distance between its landmarks and PyTorch's, pixels of the crop."""
    largest_shift: float | None = None
    """Of int8: the largest of these distances, over all landmarks of all faces that were measured."""


def export_onnx(
    model_or_path: nn.Module | str | os.PathLike,
    path: str | os.PathLike,
    *,
    info: ModelInfo | None = None,
    dynamic_batch: bool = True,
    int8: bool = False,
    calibration: FaceDataset | None = None,
    say: Callable[[str], object] = lambda step: None,
) -> Exported:
    """Write a model as one ONNX file, and run the file to see that it does what PyTorch does.

    It is looked over by ``onnx.checker`` and, where onnxruntime is installed, run on random images, one and three at a
    time; only a file that passes is written.

    Args:
        model_or_path: as :func:`awing_lib.inference.resolve_model` takes it; or a network, which is left as it is.
        path: ends in .onnx; a file that is there is replaced.
        info: what a network expects and finds; not with a path, whose file says so itself.
        dynamic_batch: any number of images at once; else one.
        int8: weights and inputs of the convolutions in 8 bits (static quantisation, in QDQ form), for processors that
            are quicker with them. What it costs is measured, on faces, and not bounded: look at ``shift`` and
            ``largest_shift``.
        calibration: faces that are like those to come, for int8; of more than 48 an even selection is taken. None:
            synthetic ones.
        say: is told of each step as it begins.

    Raises:
        ExportError: a package is missing, an argument is not as described, no file can be written there, or the file
            does not agree with PyTorch.
        InferenceError, WeightsError: there is no such model, or it is damaged.
        DataError, TransformError: a face of ``calibration`` cannot be read or cropped.
        OSError: the file cannot be written after all, as on a full disk.
    """
    path = Path(path)
    check_target(path)
    onnx, runtime = _package("onnx"), _package("onnxruntime", needed=int8)
    _package("onnxscript")  # PyTorch's exporter stands on it
    if calibration is not None and not int8:
        raise ExportError("calibration is for int8")
    if isinstance(model_or_path, nn.Module):
        if not isinstance(info, ModelInfo):
            raise ExportError(f"info must be the network's ModelInfo, got {type(info).__name__}")
        model = copy.deepcopy(model_or_path).cpu().float().eval()
    elif info is not None:
        raise ExportError(f"info is for a network; {model_or_path} says so itself")
    else:
        model, info = load_model(resolve_model(model_or_path))
    if sum(4 * each.numel() for each in model.state_dict().values()) > _LARGEST:
        raise ExportError("the weights are more than the 2 GiB that one ONNX file can hold")

    images = _test_images(model, info, 3 if dynamic_batch else 1)
    crops = _calibration_crops(calibration, info) if int8 else None  # what is wrong with them shall show early
    say("exporting")
    proto = _traced(model, info.size, dynamic_batch)
    if int8:
        say("calibrating")
        proto = _quantized(proto, np.delete(crops, np.s_[::3], 0))
    shapes = [{each.name: _shape_of(each) for each in values} for values in (proto.graph.input, proto.graph.output)]
    onnx.helper.set_model_props(proto, _metadata(info, *shapes))
    onnx.checker.check_model(proto, full_check=True)
    data = proto.SerializeToString()

    difference = shift = largest_shift = None
    if runtime:
        say("comparing with PyTorch")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own have no other parent
            reason = str(error).splitlines()[0]
            raise ExportError(f"onnxruntime {runtime.__version__} cannot run the file: {reason}") from error

        def run(images: Tensor) -> Tensor:
            return torch.from_numpy(session.run(["heatmaps"], {"images": images.numpy()})[0])

        if int8:
            distances = _distances(run, model, torch.from_numpy(crops[::3]), info)
            shift, largest_shift = float(distances.mean()), float(distances.max())
        else:
            difference = max(_difference(run, model, images[:count]) for count in {1, len(images)})
            if not difference <= TOLERANCE:  # NaN fails here too
                raise ExportError(
                    f"the file's heatmaps differ from PyTorch's by up to {difference:.3g}, allowed is {TOLERANCE:g}; "
                    f"nothing was written (PyTorch {torch.__version__}, onnxruntime {runtime.__version__})"
                )
    write_bytes(path, data)
    return Exported(path, len(data), OPSET, *shapes, difference, shift, largest_shift)


def check_target(path: Path) -> None:
    """See before the work, and not after it, that a file can be written there.

    Raises:
        ExportError: it cannot, or its name is not that of an ONNX file.
    """
    if path.suffix != ".onnx":
        raise ExportError(f"{path}: an ONNX file ends in .onnx")
    if path.is_dir():
        raise ExportError(f"{path}: cannot be written: there is a folder of this name")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ExportError(f"{path}: there is no folder {folder}")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror}") from error


def numpy_landmarks(heatmaps, boxes, *, count, padding, sigma=1.0):
    """Landmarks in pixels of the picture from the heatmaps of its faces. Needs NumPy only.

    What :func:`awing_lib.inference.FaceAligner` does with "dark" (Zhang et al., CVPR 2020): from the highest pixel of
    each map one Newton step to the peak of its logarithm.

    Args:
        heatmaps: (N, C, h, w), one row per face, C >= count; maps after the first ``count`` are no landmark's.
        boxes: (N, 4), x0 y0 x1 y1 in pixels of the picture, as they were when the crops were made.
        count: number of landmarks L.
        padding: share of the box's longer side that the crop has in addition, at least 0.
        sigma: of the Gaussians that the network was trained on, pixels of a map, at least 0.01.

    Returns:
        landmarks (N, L, 2), x and y in pixels of the picture, (0, 0) is the centre of its top-left pixel; and scores
        (N, L), the highest value of each map.

    Raises:
        ValueError: an argument is not as described; the message names it, and a box by its place, counted from 0.
    """
    heatmaps, boxes = np.asarray(heatmaps, np.float64), np.asarray(boxes, np.float64)
    if heatmaps.ndim != 4 or min(heatmaps.shape[2:]) < 3:
        raise ValueError(f"heatmaps must be (N, C, h, w) with h and w of 3 or more, got {heatmaps.shape}")
    if not np.isfinite(heatmaps).all():
        raise ValueError("heatmaps are not finite: the network's weights are broken")
    if not isinstance(count, (int, np.integer)) or not 1 <= count <= heatmaps.shape[1]:
        raise ValueError(f"count must be from 1 to the {heatmaps.shape[1]} maps of a face, got {count!r}")
    if boxes.shape != (len(heatmaps), 4) and (len(heatmaps) or boxes.size):
        raise ValueError(f"boxes must be ({len(heatmaps)}, 4), x0 y0 x1 y1 of each face, got {boxes.shape}")
    for place, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
        if not (np.isfinite(boxes[place]).all() and x0 < x1 and y0 < y1):
            raise ValueError(f"box {place} must be finite with x0 < x1 and y0 < y1, got {x0:g} {y0:g} {x1:g} {y1:g}")
    for name, value, low in (("padding", padding, 0), ("sigma", sigma, 0.01)):
        if not isinstance(value, (int, float)) or not low <= value < np.inf:
            raise ValueError(f"{name} must be a finite number of at least {low}, got {value!r}")

    def blur(centre, side):  # (3, side): makes of a line of pixels its smoothed values before, at and after the centre
        distance = np.arange(side) - (centre + np.arange(-1, 2)[:, None])
        radius = max(1, round(3 * sigma))
        if not radius < centre < side - 1 - radius:  # near the border it would be lopsided, so pixels as they are
            return (distance == 0).astype(float)
        weights = np.exp(-0.5 * (distance / sigma) ** 2) * (abs(distance) <= radius)
        return weights / weights.sum(1, keepdims=True)

    heatmaps = heatmaps[:, :count]
    height, width = heatmaps.shape[2:]
    landmarks = np.empty((len(heatmaps), count, 2))
    for face, k in np.ndindex(landmarks.shape[:2]):
        row, column = divmod(int(heatmaps[face, k].argmax()), width)
        i, j = min(max(row, 1), height - 2), min(max(column, 1), width - 2)  # so that it has neighbours
        v = blur(i, height) @ heatmaps[face, k] @ blur(j, width).T  # (3, 3)
        v = np.log(np.maximum(v, max(1e-30, 1e-6 * v[1, 1])))  # noise may be negative
        slope = np.array([v[1, 2] - v[1, 0], v[2, 1] - v[0, 1]]) / 2
        xx, yy = v[1, 2] - 2 * v[1, 1] + v[1, 0], v[2, 1] - 2 * v[1, 1] + v[0, 1]
        xy = (v[2, 2] - v[2, 0] - v[0, 2] + v[0, 0]) / 4
        peak = np.array([column, row], float)
        if xx < 0 and xx * yy - xy * xy > 1e-6:  # a maximum, and no plateau or ridge
            step = np.array([j - column, i - row]) - np.linalg.solve([[xx, xy], [xy, yy]], slope)
            peak += step.clip(-1, 1)
        x0, y0, x1, y1 = boxes[face]
        side = max(x1 - x0, y1 - y0) * (1 + padding)  # of the square that was cropped, about the centre of the box
        middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
        landmarks[face, k] = middle + side * ((peak + 0.5) / [width, height] - 0.5)
    return landmarks, heatmaps.max((2, 3))


def _package(name: str, needed: bool = True) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if needed:
            raise ExportError(f"{name} is missing; pip install 'awing-lib[export]'") from error
        return None


class _LastMaps(nn.Module):
    """The maps that count: those of the last stack."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images)[-1]


def _traced(model: nn.Module, size: int, dynamic_batch: bool):
    """The network as an ``onnx.ModelProto``, without a word about the machine that it was made on."""
    batch = 2 if dynamic_batch else 1  # a batch of one would be taken for the only one
    shapes = {"images": {0: torch.export.Dim("batch")}} if dynamic_batch else None
    try:
        with _silenced():
            program = torch.onnx.export(
                _LastMaps(model).eval(),
                (torch.zeros(batch, 3, size, size),),
                dynamo=True,
                input_names=["images"],
                output_names=["heatmaps"],
                dynamic_shapes=shapes,
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ExportError(f"PyTorch {torch.__version__} cannot export it: {str(error).splitlines()[0]}") from error
    proto = program.model_proto
    graph = proto.graph
    for part in (proto, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]  # stack traces, with the paths of our files
        part.doc_string = ""
    return proto


@contextmanager
def _silenced() -> Iterator[None]:
    """What the exporter and the quantiser remark on themselves and each other is for their authors."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _shape_of(value) -> tuple[int | str, ...]:
    return tuple(each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim)


def _metadata(info: ModelInfo, inputs: Mapping[str, tuple], outputs: Mapping[str, tuple]) -> dict[str, str]:
    """What a file says of itself."""
    count, size = info.layout.count, info.size
    channels, _, width = outputs["heatmaps"][1:]
    box = "the tight box of the face's landmarks: x0 y0 x1 y1, pixels of the picture"
    about = info.to_dict() | {
        "stride": size // width,
        "channels": "RGB",
        "range": [0, 1],
        "box": box,
        "boundary_last": channels > count,
        "flip": list(info.layout.mirror),
    }
    before = f"""\
images: float32 {_in_words(inputs["images"])}, RGB, the picture's bytes divided by 255 and nothing else.
One image is one face. Its box is {box}; (0, 0) is the centre of the picture's top-left pixel.
The crop is the square about the box's centre cx = (x0 + x1) / 2, cy = (y0 + y1) / 2 whose side is \
{1 + info.padding:.12g} * max(x1 - x0, y1 - y0), brought to {size} x {size} pixels:
the picture's point (x, y) is the crop's ((x - cx) * {size} / side + {(size - 1) / 2:g}, (y - cy) * {size} / side + \
{(size - 1) / 2:g}).
warp_image is a function that makes it of the picture, with this as its matrix: [[{size} / side, 0, \
{(size - 1) / 2:g} - cx * {size} / side], [0, {size} / side, {(size - 1) / 2:g} - cy * {size} / side]].
What it does: as long as side is {2 * size} or more, the whole picture is halved. The half's pixel (i, j) is the mean \
of the picture's (2 i, 2 j), (2 i + 1, 2 j), (2 i, 2 j + 1) and (2 i + 1, 2 j + 1), rounded to a whole number, from \
.5 on up; a last column or row without a second one is left out. The half's side is side / 2, and its cx and cy are \
(cx + 0.5) / 2 - 0.5 and (cy + 0.5) / 2 - 0.5.
Then the crop's pixels are interpolated linearly and rounded to whole numbers; outside the picture, pixels are black."""
    boundary = "; the last map is the face's boundary and has no landmark" if channels > count else ""
    after = f"""\
heatmaps: float32 {_in_words(outputs["heatmaps"])}. Map k is landmark k of layout {info.layout.name}, k from 0 to \
{count - 1}{boundary}.
The peak (u, v) of a map, in its pixels, is the picture's point (cx + side * ((u + 0.5) / {width} - 0.5), \
cy + side * ((v + 0.5) / {width} - 0.5)), with cx, cy and side as in preprocessing.
The peak lies between the pixels; numpy_landmarks is a function that finds it (count {count}, padding \
{info.padding:.12g}, sigma {info.sigma:.12g}). Its height is about 1 where the network is sure and about 0 where it \
saw nothing; it is no probability.
Of a mirrored picture, landmark k is landmark flip[k] of the picture."""
    licence = {licences.KEY: str(info.about[licences.KEY])} if licences.KEY in info.about else {}
    return licence | {
        "awing": json.dumps(about),
        "preprocessing": before,
        "postprocessing": after,
        "warp_image": f"import cv2\nimport numpy as np\n\n\n{inspect.getsource(warp_image)}",
        "numpy_landmarks": f"import numpy as np\n\n\n{inspect.getsource(numpy_landmarks)}",
    }


def _in_words(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


# -- the comparison ---------------------------------------------------------------------------------------------------


def _test_images(model: nn.Module, info: ModelInfo, count: int) -> Tensor:
    """(count, 3, size, size) random images that leave no boundary value next to the threshold of the next stack.

    The network jumps there: what is rounding in one program would be another coordinate in the other, and no fault.
    """
    generator = torch.Generator().manual_seed(0)
    chosen: list[Tensor] = []
    for _ in range(20 * count):
        image = torch.rand(1, 3, info.size, info.size, generator=generator)
        try:
            with torch.no_grad():
                maps = model(image)
        except ValueError as error:
            raise ExportError(f"the network does not take images of its size {info.size}: {error}") from error
        if not all(each.isfinite().all() for each in maps):
            raise ExportError("the network's maps are not finite: its weights are broken")
        threshold = info.network.boundary_threshold if info.network.boundary and info.network.coordconv else None
        if threshold is None or all((each[:, -1] - threshold).abs().min() > _NEAR for each in maps[:-1]):
            chosen.append(image)
        if len(chosen) == count:
            break
    return torch.cat((chosen or [image]) * count)[:count]


def _difference(run: Callable[[Tensor], Tensor], model: nn.Module, images: Tensor) -> float:
    with torch.no_grad():
        return float((run(images) - model(images)[-1]).abs().max())


def _distances(run: Callable[[Tensor], Tensor], model: nn.Module, images: Tensor, info: ModelInfo) -> Tensor:
    """(N, L) between the landmarks of the file and PyTorch's, pixels of the crop."""
    points = []
    for each in (lambda image: model(image)[-1], run):
        with torch.no_grad():
            maps = torch.cat([each(image[None]) for image in images])
        found, _ = decode_heatmaps(maps[:, : info.layout.count], sigma=info.sigma)
        points.append(resize_landmarks(found.double(), tuple(maps.shape[-2:]), info.size))
    return (points[0] - points[1]).norm(dim=-1)


# -- int8 -------------------------------------------------------------------------------------------------------------


def _calibration_crops(faces: FaceDataset | None, info: ModelInfo) -> np.ndarray:
    """(N, 3, size, size) float32, crops as the network gets them."""
    faces = SyntheticFaces(CALIBRATION_FACES, seed=2**31 + 1) if faces is None else faces
    if len(faces) < 3:
        raise ExportError(f"calibration needs at least 3 faces, got {len(faces)}")
    crops = []
    for index in np.unique(np.linspace(0, len(faces) - 1, CALIBRATION_FACES).astype(int)):
        sample = faces[int(index)]
        box = tight_boxes(sample.landmarks[None])[0]
        crop = CropProtocol(padding=info.padding)(sample.image, box=box, size=info.size)
        crops.append(to_tensor(crop.image).numpy())
    return np.stack(crops)


class _Reader:
    """Hands crops to the quantiser, one at a time."""

    def __init__(self, crops: np.ndarray) -> None:
        self._crops = iter(crops)

    def get_next(self) -> dict[str, np.ndarray] | None:
        crop = next(self._crops, None)
        return None if crop is None else {"images": crop[None]}


def _quantized(proto, crops: np.ndarray):
    """The same network with convolutions of 8 bits."""
    import onnx
    from onnxruntime import quantization

    # the quantiser would warn that nobody has folded the constants; the exporter has
    quantization.quant_utils.add_pre_process_metadata(proto)
    with tempfile.TemporaryDirectory() as folder, _silenced():
        given, written = (Path(folder) / name for name in ("float.onnx", "int8.onnx"))
        onnx.save(proto, given)
        quantization.quantize_static(
            given,
            written,
            _Reader(crops),
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            reduce_range=True,  # 7 bits of the weights, or processors without VNNI overflow
        )
        return onnx.load(written)
