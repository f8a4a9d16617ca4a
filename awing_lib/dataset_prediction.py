"""What a network finds on every face of a data set, to be measured. (Photos of one's own: awing_lib.predicting.)"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from awing_lib.datasets.sample import FaceDataset
from awing_lib.errors import AwingError
from awing_lib.heatmaps import decode_heatmaps, resize_landmarks
from awing_lib.hourglass import StackedHourglass
from awing_lib.inference import check_finite, resolve_model
from awing_lib.layouts import LandmarkLayout, LayoutError
from awing_lib.loading import one_thread
from awing_lib.transforms import CropProtocol, invert
from awing_lib.weights import ModelInfo, load_model


def load_models(names: Sequence[str | os.PathLike]) -> list[tuple[str, StackedHourglass, ModelInfo]]:
    """Models, each with a short name that no other has: that of its file, or of the run that made it.

    Args:
        names: model files, folders of runs, or names of shipped models; :func:`awing_lib.inference.resolve_model`.

    Raises:
        InferenceError: there is no such model.
        WeightsError: one is damaged, or not a model file.
    """
    paths = [resolve_model(name) for name in names]
    short = [path.absolute().parent.name if path.name == "model.safetensors" else path.stem for path in paths]
    called = [name if short.count(name) == 1 else str(path) for name, path in zip(short, paths, strict=True)]
    return [(name, *load_model(path)) for name, path in zip(called, paths, strict=True)]


def crop_of(info: ModelInfo, box: str | None = None, padding: float | None = None) -> CropProtocol:
    """The square of a photo that a model was trained on, as far as its file says, but for what is given.

    Args:
        info: what the file says.
        box: "given" by the data set, "landmarks" (their tight box), or "official-wflw" (the official code's rule).
        padding: share of the box that is added in all.

    Raises:
        TransformError: a value is out of range.
    """
    recipe = info.about.get("recipe")
    data = recipe.get("data") if isinstance(recipe, Mapping) else None
    data = data if isinstance(data, Mapping) else {}
    if box is None:
        box = "official-wflw" if data.get("official_wflw") else data.get("box", "given")
    padding = info.padding if padding is None else padding
    official = box == "official-wflw"
    return CropProtocol(padding, "given" if official else box, official)


def predict_faces(
    model: nn.Module,
    faces: FaceDataset,
    *,
    protocol: CropProtocol,
    size: int,
    layout: LandmarkLayout | None = None,
    decode: str = "dark",
    sigma: float = 1.0,
    flip: bool = False,
    batch: int = 32,
    workers: int = 0,
    refuse_broken: bool = True,
    progress: Callable[[Iterable], Iterable] = iter,
) -> tuple[np.ndarray, np.ndarray]:
    """What a network finds on every face of a data set.

    Args:
        model: images (B, 3, size, size) float32 in [0, 1] -> list of maps (B, L or L + 1, h, w), of which the last
            count and the boundary channel is left out. It runs in evaluation mode, without gradient, on the device of
            its parameters; afterwards each of its modules is in the mode that it was in.
        faces: N faces; anything with a length whose items are :class:`FaceSample`.
        protocol: which square of a photo is the face.
        size: side of the crop, pixels.
        layout: of the landmarks that the model finds; None: that of the faces.
        decode: method of :func:`awing_lib.heatmaps.decode_heatmaps`.
        sigma: of the Gaussians that the model was trained on, pixels of the map; for "dark".
        flip: run each crop's mirror image too, mirror its maps back, and decode the mean of both.
        batch: crops that the model sees at once.
        workers: processes that read and crop; 0: this one.
        refuse_broken: stop at maps that are not finite. False, for runs that go on all the same: the peaks of such maps
            are taken like any others, and have nothing to do with the faces.
        progress: wraps the places 0 to N - 1 that are gone through, such as ``tqdm``.

    Returns:
        landmarks (N, L, 2) float64, pixels of the photos, and scores (N, L) float64, the peak of each map. No random
        number is drawn.

    Raises:
        DataError, TransformError: a photo cannot be read or cropped; the message names it.
        LayoutError: the model's maps do not fit the layout.
        InferenceError: the model's maps are not finite.
    """
    layout = faces.layout if layout is None else layout
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    mirror = list(layout.mirror)
    loader = DataLoader(
        _Crops(faces, protocol, size),
        batch,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=device.type == "cuda",
        worker_init_fn=one_thread,
        generator=torch.Generator(),  # its own, so that a run which validates draws the numbers of one that does not
    )

    def landmark_maps(images: Tensor) -> Tensor:
        """(B, L, h, w) of the last stack."""
        maps = model(images)[-1]
        if maps.shape[1] not in (layout.count, layout.count + 1):
            raise LayoutError(
                f"the model has {maps.shape[1]} maps; layout {layout.name} needs {layout.count}, and one more if there "
                "is a boundary"
            )
        if refuse_broken:
            check_finite(maps)
        return maps[:, : layout.count]

    modes = [(module, module.training) for module in model.modules()]
    landmarks, scores = np.empty((len(faces), layout.count, 2)), np.empty((len(faces), layout.count))
    batches: Iterator = iter(loader)
    model.eval()
    try:
        with torch.no_grad():
            for first in progress(range(len(faces))):
                if first % batch:
                    continue  # found with the face that its batch began with
                found = next(batches)
                if isinstance(found, AwingError):
                    raise found
                pixels, matrices = found
                images = pixels.to(device).float().div_(255)  # (B, 3, size, size)
                maps = landmark_maps(images)
                if flip:
                    # pixel centres: column x of the mirrored map is column w - 1 - x, nothing is shifted by half
                    maps = (maps + landmark_maps(images.flip(-1)).flip(-1)[:, mirror]) / 2
                points, peaks = decode_heatmaps(maps, decode, sigma=sigma)
                points = resize_landmarks(points.double(), tuple(maps.shape[-2:]), size).cpu().numpy()  # of the crop
                back = np.stack([invert(matrix) for matrix in matrices])  # (B, 2, 3)
                rows = slice(first, first + len(points))
                landmarks[rows] = points @ back[:, :, :2].swapaxes(1, 2) + back[:, None, :, 2]
                scores[rows] = peaks.double().cpu().numpy()
    finally:
        del batches  # ends the processes now, and not when an error's traceback is forgotten
        for module, mode in modes:
            module.training = mode
    return landmarks, scores


class _Crops(Dataset):
    """Crops of a data set without augmentation: (3, S, S) uint8, and the matrix (2, 3) that made it."""

    def __init__(self, faces: FaceDataset, protocol: CropProtocol, size: int) -> None:
        self.faces, self.protocol, self.size = faces, protocol, size

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: int) -> tuple[Tensor, np.ndarray] | AwingError:
        try:
            face = self.faces[index]
        except AwingError as error:  # returned, because raised in another process it would drag a traceback along
            return error
        try:
            crop = self.protocol(face.image, face.landmarks, box=face.box, size=self.size)
        except AwingError as error:
            return type(error)(f"{face.name}, face {index}: {error}")
        return torch.from_numpy(crop.image).permute(2, 0, 1), crop.matrix


def _collate(crops: list) -> tuple[Tensor, np.ndarray] | AwingError:
    for crop in crops:
        if isinstance(crop, AwingError):
            return crop
    images, matrices = zip(*crops, strict=True)
    return torch.stack(images), np.stack(matrices)  # (B, 3, S, S), (B, 2, 3)
