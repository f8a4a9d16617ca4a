"""Landmarks of faces in any picture: a trained network, put to use.

    aligner = FaceAligner.from_pretrained("faces68")
    for face in aligner(image):
        print(face.landmarks, face.scores)

A **box is the tight box of the landmarks**, x0 y0 x1 y1 in pixels. The square around it, with the padding that the
network was trained with, becomes the network's input; the peaks of its heatmaps come back as pixels of the picture.
"""

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from awing_lib.arguments import as_whole
from awing_lib.datasets.files import PIXEL_LIMIT
from awing_lib.detection import CascadeDetector
from awing_lib.errors import AwingError
from awing_lib.heatmaps import DECODERS, decode_heatmaps, resize_landmarks
from awing_lib.photos import Picture, as_rgb
from awing_lib.transforms import CropProtocol, invert, map_landmarks, to_tensor
from awing_lib.weights import ModelInfo, load_model

SHIPPED = ("faces68", "faces68-nano", "synthetic98-nano")
"""Models that come with the library."""
SMALLEST_BOX = 8
"""Longer side of the smallest box, pixels: fewer show no face."""
LEAST_SHARE = 0.01
"""Of a box's area, at least this share must lie inside the picture."""

_PACKAGE = Path(__file__).parent
_SHELVES = (_PACKAGE.parent / "data" / "weights", _PACKAGE / "model_files")  # of a clone, and of an installed package

Detector = Callable[[np.ndarray], np.ndarray]


class InferenceError(AwingError):
    """A model, picture or box that no landmarks can come from."""


@dataclass(frozen=True, eq=False)
class Face:
    """What was found of one face."""

    landmarks: np.ndarray
    """(L, 2) float32, x and y in pixels of the picture; they may lie outside it."""
    scores: np.ndarray
    """(L,) float32, the highest value of each heatmap: about 1 where the network is sure, about 0 where it saw nothing.
    No probability."""
    box: np.ndarray
    """(4,) float32, x0 y0 x1 y1 in pixels: where it was looked for, not the box of the landmarks found."""
    heatmaps: np.ndarray
    """(L + 1 or L, H, W) float32, the network's last maps of the crop; the boundary, where it has one, comes last."""


def whole_box(image: np.ndarray) -> np.ndarray:
    """(1, 4) the box of a picture that is a face crop already: its outer edges."""
    height, width = image.shape[:2]
    return np.array([[-0.5, -0.5, width - 0.5, height - 0.5]])


def resolve_model(path_or_name: str | os.PathLike) -> Path:
    """The model file that is meant.

    Args:
        path_or_name: a model file; the folder of a run, with ``model.safetensors`` in it; or one of :data:`SHIPPED`.

    Returns:
        Where the file is.

    Raises:
        InferenceError: there is no such file; the message says where it was looked for.
    """
    name, path = str(path_or_name), Path(path_or_name)
    if name and path.is_dir():  # the path of an empty name is the folder that one is in
        file = path / "model.safetensors"
        if not file.is_file():
            raise InferenceError(f"{path}: no model.safetensors in it, expected the folder of a training run")
        return file
    if name and path.exists():
        return path
    if name in SHIPPED:
        for shelf in _SHELVES:
            if (shelf / f"{name}.safetensors").is_file():
                return shelf / f"{name}.safetensors"
        raise InferenceError(f"model {name!r}: its weights are not in {' or '.join(map(str, _SHELVES))}")
    close = difflib.get_close_matches(name, SHIPPED, 1, 0.6)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    raise InferenceError(
        f"model {name!r}: no such file or folder, and the models by name are {', '.join(SHIPPED)}{meant}"
    )


def check_finite(maps: Tensor) -> None:
    """InferenceError if a network's maps are no numbers: their peaks would be landmarks like any other."""
    if not maps.isfinite().all():
        raise InferenceError("the network's maps are not finite: its weights are broken")


class _Crop(NamedTuple):
    """A face on its way to the network."""

    image: np.ndarray  # (size, size, 3) uint8
    matrix: np.ndarray  # (2, 3) picture to crop
    box: np.ndarray  # (4,) float32


class FaceAligner:
    """Finds the landmarks of the faces in a picture.

    Args:
        model: images (B, 3, size, size) float32 in [0, 1] -> a list of maps (B, L or L + 1, h, w), of which the last
            counts. It is moved to the device and put in evaluation mode.
        info: what the model expects and finds.
        detector: a function from a picture (H, W, 3) uint8 RGB to the tight boxes of its faces' landmarks (N, 4); None:
            :class:`awing_lib.detection.CascadeDetector`, which needs scikit-image, and only when it is first needed.
        decode: method of :func:`awing_lib.heatmaps.decode_heatmaps`.
        device: for example "cpu", "cuda" or "cuda:1"; None: CUDA if PyTorch has it.
        batch: how many faces the network sees at once, at least 1. Results do not depend on it, but for rounding.

    Raises:
        InferenceError: an argument is not as described.
    """

    def __init__(
        self,
        model: nn.Module,
        info: ModelInfo,
        *,
        detector: Detector | None = None,
        decode: str = "dark",
        device: str | torch.device | None = None,
        batch: int = 16,
    ) -> None:
        if not isinstance(info, ModelInfo):
            raise InferenceError(f"info must be a ModelInfo, got {type(info).__name__}")
        if decode not in DECODERS:
            raise InferenceError(f"decode must be one of {', '.join(DECODERS)}; got {decode!r}")
        if not as_whole(batch) >= 1:
            raise InferenceError(f"batch must be a whole number of at least 1, got {batch!r}")
        if detector is not None and not callable(detector):
            raise InferenceError(f"detector must be a function from image to boxes, got {type(detector).__name__}")
        try:
            self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
            self.model = model.to(self.device).eval()
        except (RuntimeError, AssertionError) as error:
            raise InferenceError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from error
        self.info, self.decode, self.batch = info, decode, int(batch)
        self._detector = detector

    @classmethod
    def from_pretrained(cls, path_or_name: str | os.PathLike, **options) -> "FaceAligner":
        """An aligner with the model of a file, of a run's folder, or of a name: see :func:`resolve_model`.

        Args:
            path_or_name: which model.
            **options: keyword arguments of :class:`FaceAligner`.

        Returns:
            The aligner, ready for use.

        Raises:
            InferenceError: there is no such model, or an option is not as described.
            WeightsError: the file is not a model of this library.
        """
        return cls(*load_model(resolve_model(path_or_name)), **options)

    def __call__(self, image: np.ndarray, boxes: ArrayLike | None = None) -> list[Face]:
        """The faces of one picture.

        Args:
            image: (H, W, 3) uint8 RGB; for what else is understood see :func:`awing_lib.photos.as_rgb`.
            boxes: (N, 4) x0 y0 x1 y1, pixels, the tight boxes of the landmarks: an array, a tensor or lists. They may
                reach beyond the picture. None: the detector finds them.

        Returns:
            One face for each box, in the order of the boxes; none if there are no boxes.

        Raises:
            PhotoError: the image is none.
            InferenceError: a box is not finite, empty, smaller than 8 pixels or not in the picture; the message names
                it by its place, counted from 0. Or the network's maps fit no landmarks.
            DetectionError: the detector is needed and cannot be had.
        """
        return self._align(self._crops(image, boxes))

    def stream(
        self, pictures: Iterable[Picture], failed: Callable[[Picture, AwingError], None] | None = None
    ) -> Iterator[tuple[Picture, list[Face]]]:
        """The faces of many pictures, several pictures going through the network together.

        Pictures are taken from the iterable as they are needed. Until there are enough faces for a batch, at most
        200,000,000 pixels of them are held.

        Args:
            pictures: for example frames of a video.
            failed: called for a picture with a bad image or box, which is then left out; None: that is raised.

        Yields:
            Each picture and its faces, in the order of the pictures.

        Raises:
            AwingError: as :meth:`__call__`, with the picture's name.
        """
        waiting: list[tuple[Picture, list[_Crop]]] = []
        for picture in pictures:
            try:
                waiting.append((picture, self._crops(picture.image, picture.boxes)))
            except AwingError as error:
                error = type(error)(f"{picture.name}: {error}")
                if failed is None:
                    raise error from None
                failed(picture, error)
                continue
            pixels = sum(each.image.shape[0] * each.image.shape[1] for each, _ in waiting)
            if sum(len(crops) for _, crops in waiting) >= self.batch or pixels >= PIXEL_LIMIT:
                yield from self._finish(waiting)
                waiting = []
        yield from self._finish(waiting)

    def _finish(self, waiting: list[tuple[Picture, list[_Crop]]]) -> Iterator[tuple[Picture, list[Face]]]:
        faces = iter(self._align([crop for _, crops in waiting for crop in crops]))
        for picture, crops in waiting:
            yield picture, [next(faces) for _ in crops]

    def _crops(self, image: np.ndarray, boxes) -> list[_Crop]:
        image = as_rgb(image)
        protocol = CropProtocol(padding=self.info.padding)
        source = ""
        if boxes is None:
            self._detector = self._detector or CascadeDetector()
            boxes, source = self._detector(image), " of the detector"
        crops = []
        for place, box in enumerate(_checked_boxes(boxes, image, source)):
            try:
                crop = protocol(image, box=box, size=self.info.size)
            except AwingError as error:
                raise InferenceError(f"box {place}{source}: {str(error).removeprefix('box: ')}") from error
            crops.append(_Crop(crop.image, crop.matrix, box.astype(np.float32)))
        return crops

    def _align(self, crops: Sequence[_Crop]) -> list[Face]:
        faces = []
        for start in range(0, len(crops), self.batch):
            some = crops[start : start + self.batch]
            images = torch.stack([to_tensor(crop.image) for crop in some]).to(self.device)  # (B, 3, size, size)
            with torch.no_grad():
                maps = self._checked_maps(self.model(images)[-1])
                points, scores = decode_heatmaps(maps[:, : self.info.layout.count], self.decode, sigma=self.info.sigma)
                points = resize_landmarks(points.double(), tuple(maps.shape[-2:]), self.info.size)
            for crop, *found in zip(some, points.cpu().numpy(), scores.cpu().numpy(), maps.cpu().numpy(), strict=True):
                faces.append(Face(map_landmarks(invert(crop.matrix), found[0]), found[1], crop.box, found[2]))
        return faces

    def _checked_maps(self, maps: Tensor) -> Tensor:
        """(B, L or L + 1, h, w) float32."""
        layout = self.info.layout
        if maps.ndim != 4 or maps.shape[1] not in (layout.count, layout.count + 1):
            raise InferenceError(
                f"the network's maps are {tuple(maps.shape)}; layout {layout.name} needs (B, {layout.count}, h, w), "
                "and one channel more for a boundary"
            )
        check_finite(maps)
        return maps.float()


def _checked_boxes(boxes, image: np.ndarray, source: str) -> np.ndarray:
    """(N, 4) float64, each of them one that a face can be in; :func:`awing_lib.transforms.crop_matrix` has the rest."""
    try:
        # NumPy itself cannot read tensors that want a gradient or live on a GPU
        boxes = np.asarray(boxes.tolist() if isinstance(boxes, Tensor) else boxes, np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InferenceError(f"boxes{source}: expected numbers (N, 4), x0 y0 x1 y1: {error}") from error
    if boxes.size == 0:
        return np.empty((0, 4))
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InferenceError(f"boxes{source}: expected (N, 4), x0 y0 x1 y1 of each face; got shape {boxes.shape}")
    height, width = image.shape[:2]
    for place, box in enumerate(boxes):
        x0, y0, x1, y1 = box.tolist()
        if not (np.isfinite(box).all() and x0 < x1 and y0 < y1):
            continue  # refused with its crop
        where = f"box {place}{source}: x0 {x0:g} y0 {y0:g} x1 {x1:g} y1 {y1:g}"
        if max(x1 - x0, y1 - y0) < SMALLEST_BOX:
            raise InferenceError(f"{where} is {x1 - x0:g} x {y1 - y0:g} pixels; expected {SMALLEST_BOX} or more a side")
        inside = max(0.0, min(x1, width - 0.5) - max(x0, -0.5)) * max(0.0, min(y1, height - 0.5) - max(y0, -0.5))
        if inside < LEAST_SHARE * (x1 - x0) * (y1 - y0):
            raise InferenceError(
                f"{where} has less than {LEAST_SHARE:.0%} of its area inside the picture of {width} x {height} pixels"
            )
    return boxes
