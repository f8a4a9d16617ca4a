"""Model files: the weights of a network and all that is needed to use them, in one safetensors file.

The header of the file holds, as JSON, which network it is, which landmarks it finds, and which square of a photo it
expects, and the SHA-256 of all that. Nothing in such a file can run code.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from awing_lib import licences
from awing_lib.errors import AwingError
from awing_lib.fields import Within, check_fields
from awing_lib.hourglass import StackedHourglass
from awing_lib.layouts import LandmarkLayout
from awing_lib.recipes import NetworkRecipe, Recipe

_KEY, _DIGEST = "awing", "sha256"
_VERSION = 1


class WeightsError(AwingError):
    """A model file that is missing, damaged, or not one of ours."""


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says of its model.

    Raises:
        WeightsError: a field is of the wrong kind or out of range; the message names it.
    """

    layout: LandmarkLayout
    """The landmarks that it finds, in this order."""
    network: NetworkRecipe
    size: Annotated[int, Within(8, 4096)] = 256
    """Side of the crop that it expects, pixels."""
    padding: Annotated[float, Within(0, 2)] = 0.1
    """Share of the box's longer side that is added in all before the crop is made."""
    sigma: Annotated[float, Within(0.1, 100)] = 1.0
    """Of the targets that it was trained on, pixels of the map."""
    normalizer: Literal["inter-ocular", "inter-pupil", "box", "face-box"] = "inter-ocular"
    """What its errors are divided by."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from, for people: recipe, data, numbers, licence; plain values. ``data_and_licence`` is a text:
    what it learned from, and what may be done with it; see :mod:`awing_lib.licences`."""

    def __post_init__(self) -> None:
        check_fields(self, WeightsError)

    @classmethod
    def of_run(cls, layout: LandmarkLayout, recipe: Recipe, about: Mapping[str, Any] | None = None) -> "ModelInfo":
        """What there is to say of a model that a recipe made."""
        data = recipe.data
        about = {"recipe": recipe.to_record(), **(about or {})}
        return cls(layout, recipe.network, data.size, data.padding, recipe.loss.sigma, data.normalizer, about)

    def to_dict(self) -> dict:
        """All of it as plain values, for JSON."""
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return fields | {"layout": self.layout.to_dict(), "network": dataclasses.asdict(self.network)}

    def build(self, generator: torch.Generator | None = None) -> StackedHourglass:
        """The network, with new weights drawn from the generator."""
        return StackedHourglass(self.layout, **dataclasses.asdict(self.network), generator=generator)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that there is, at any moment and after a power cut, the old one or the new one, and whole.

    Raises:
        OSError: it could not be written (a full disk, no such folder); what was there before is still there. It names
            the file that was asked for.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # of the kind that its number stands for
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Have what was renamed in a folder survive a power cut."""
    if os.name == "posix":
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def save_model(
    path: str | os.PathLike, weights: Mapping[str, Tensor], info: ModelInfo, dtype: torch.dtype | None = None
) -> None:
    """Write a model file.

    Args:
        path: ends in .safetensors.
        weights: the ``state_dict`` of ``info.build()``.
        info: what to say of it.
        dtype: of the floating weights in the file, for example ``torch.float16``; None keeps theirs.

    Raises:
        WeightsError: the path does not end in .safetensors, the weights are not of this network, or ``info.about``
            holds more than plain values.
        OSError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path}: a model file ends in .safetensors")
    fields = info.to_dict() | {"version": _VERSION}
    tensors = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
        for name, tensor in weights.items()
    }
    try:
        text = json.dumps(fields)
        _check_shapes({name: tensor.shape for name, tensor in tensors.items()}, info)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be written: {error}") from error
    write_bytes(path, save(tensors, {_KEY: text, _DIGEST: _digest(text, tensors)}))


def take_weights(network: StackedHourglass, layout: LandmarkLayout, path: str | os.PathLike) -> list[str]:
    """Start a network from the weights of a model file, for fine-tuning, perhaps on other landmarks.

    What fits in name and shape is taken over; if the landmarks are others, all but the layers that make maps and read
    them.

    Args:
        network: it is changed.
        layout: the landmarks that it finds.
        path: the model file.

    Returns:
        names of the tensors that were left as they are.

    Raises:
        WeightsError: as :func:`load_model`, or nothing of it fits.
    """
    model, info = load_model(path)
    own = network.state_dict()
    taken = {
        name: tensor
        for name, tensor in model.state_dict().items()
        if name in own
        and own[name].shape == tensor.shape
        and (info.layout == layout or not any(part in name for part in (".predict.", ".carry_maps.")))
    }
    if not any(tensor.ndim == 4 for tensor in taken.values()):
        raise WeightsError(f"{path}: no convolution of it fits a network of this recipe")
    network.load_state_dict(taken, strict=False)
    return [name for name in own if name not in taken]


def load_model(path: str | os.PathLike) -> tuple[StackedHourglass, ModelInfo]:
    """The network of a model file in evaluation mode, on the CPU, in float32, and what the file says of it.

    If the file says nothing of data and licence, what its card says is in ``info.about["data_and_licence"]``: a card is
    a Markdown file of the same name beside it, with its SHA-256.

    Raises:
        WeightsError: the file is missing, damaged, or not a model file of this library.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            info = _parse(header)
            names = list(file.keys())
            # before anything is read: the header alone could ask for more memory than there is
            _check_shapes({name: file.get_slice(name).get_shape() for name in names}, info)
            tensors = {name: file.get_tensor(name) for name in names}
        if _DIGEST in header and header[_DIGEST] != _digest(header[_KEY], tensors):
            raise ValueError("it is damaged: it is not what was written, by its SHA-256")
        model = info.build()
        expected = model.state_dict()
        for name, tensor in tensors.items():
            if tensor.is_floating_point() != expected[name].is_floating_point():
                raise ValueError(f"{name} is {tensor.dtype}, expected {expected[name].dtype}")
        model.load_state_dict(tensors)  # copies, so float16 becomes float32
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: cannot be read as safetensors: {' '.join(str(error).split())}") from error
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from error
    if licences.KEY not in info.about and (text := licences.said_by_card(path)):
        info = dataclasses.replace(info, about={**info.about, licences.KEY: text})
    return model.eval(), info


def _parse(header: Mapping[str, str]) -> ModelInfo:
    """What a header says; ValueError if it is not one of ours."""
    if _KEY not in header or header.keys() - {_KEY, _DIGEST, "format"}:
        raise ValueError(f"not a model file of this library: its header has {', '.join(header) or 'nothing'}")
    try:
        fields = json.loads(header[_KEY])
        if fields.pop("version") != _VERSION:
            raise ValueError(f"it is of another version than {_VERSION}")
        fields["layout"] = LandmarkLayout(**fields["layout"])
        fields["network"] = NetworkRecipe(**fields["network"])
        return ModelInfo(**fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a model file of this library: {' '.join(str(error).split())}") from error


def _check_shapes(found: Mapping[str, Sequence[int]], info: ModelInfo) -> None:
    """ValueError unless tensors have the names and shapes of the network's; none is made for this."""
    with torch.device("meta"):
        expected = {name: list(tensor.shape) for name, tensor in info.build().state_dict().items()}
    for names, what in ((expected.keys() - found.keys(), "is missing"), (found.keys() - expected.keys(), "is unknown")):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise ValueError(f"{min(names)}{more} {what} in the network that it is said to be")
    for name, shape in expected.items():
        if list(found[name]) != shape:
            raise ValueError(f"{name} has the shape {list(found[name])}, expected {shape}")


def _digest(text: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of all that a model file says."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
