"""Model files: what is saved comes back, nothing damaged is taken for a model, and nothing is ever run."""

import json
import os
import pickle
import warnings
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save, save_file

from awing_lib import weights
from awing_lib.layouts import IBUG_68, LandmarkLayout
from awing_lib.recipes import NetworkRecipe, Recipe
from awing_lib.weights import ModelInfo, WeightsError, load_model, save_model, write_bytes

DOTS = LandmarkLayout("dots", ("left", "right", "ß middle"), mirror_pairs=((0, 1),))
NETWORK = NetworkRecipe(stacks=2, depth=1, features=8)
ABOUT = {"recipe": {"name": "mine"}, "val_nme": 4.2, "licence": "CC0 – free", "list": [1, None, True]}
INFO = ModelInfo(DOTS, NETWORK, size=64, padding=0.25, sigma=1.5, normalizer="box", about=ABOUT)


@pytest.fixture(scope="module")
def model():
    """A network whose batch norms have seen something."""
    network = INFO.build(torch.Generator().manual_seed(0))
    network(torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)))
    return network.eval()


@pytest.fixture
def path(tmp_path, model):
    save_model(tmp_path / "a.safetensors", model.state_dict(), INFO)
    return tmp_path / "a.safetensors"


@pytest.fixture
def images():
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))


def contents(path):
    """Header and tensors of a model file."""
    with safe_open(path, framework="pt") as file:
        return file.metadata(), load_file(path)


def refused(path, message):
    with pytest.raises(WeightsError, match=message) as caught:
        load_model(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


# -- what is saved comes back ----------------------------------------------------------------------------------------


def test_a_loaded_model_gives_the_same_maps(path, model, images):
    loaded, info = load_model(path)
    assert info == INFO and not loaded.training
    with torch.no_grad():
        for ours, theirs in zip(loaded(images), model(images), strict=True):
            assert torch.equal(ours, theirs)
    state = loaded.state_dict()
    assert list(state) == list(model.state_dict())
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in loaded.parameters())  # it can be trained on


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_load_as_float32(tmp_path, model, dtype):
    save_model(tmp_path / "a.safetensors", model.state_dict(), INFO, dtype)
    stored = contents(tmp_path / "a.safetensors")[1]
    loaded, _ = load_model(tmp_path / "a.safetensors")
    for name, tensor in loaded.state_dict().items():
        counts = name.endswith("num_batches_tracked")
        assert (stored[name].dtype, tensor.dtype) == ((torch.int64,) * 2 if counts else (dtype, torch.float32))
        assert torch.equal(tensor, model.state_dict()[name].to(dtype if not counts else None).to(tensor.dtype))


def test_what_lies_elsewhere_or_otherwise_in_memory_can_be_saved(tmp_path, model):
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    name = next(name for name, tensor in state.items() if tensor.ndim == 4)
    state[name] = state[name].to(memory_format=torch.channels_last).requires_grad_()
    save_model(tmp_path / "a.safetensors", state, INFO)
    assert torch.equal(load_model(tmp_path / "a.safetensors")[0].state_dict()[name], model.state_dict()[name])


def test_the_header_says_where_a_model_comes_from_but_no_paths(tmp_path):
    secret = tmp_path / "home" / "dots.yaml"
    recipe = Recipe().updated(
        {"dataset": "table", "layout": str(secret), "stacks": 1, "depth": 1, "features": 8, "size": 64, "sigma": 2}
    )
    info = ModelInfo.of_run(DOTS, recipe, {"val_nme": 3.0})
    save_model(tmp_path / "a.safetensors", info.build().state_dict(), info)
    text = (tmp_path / "a.safetensors").read_bytes().decode("latin-1")
    assert "dots.yaml" in text and str(tmp_path) not in text and "home" not in text
    loaded = load_model(tmp_path / "a.safetensors")[1]
    assert loaded == info and loaded.layout == DOTS  # the layout itself is in the header
    assert (loaded.size, loaded.sigma, loaded.about["val_nme"]) == (64, 2, 3.0)
    assert loaded.about["recipe"]["network"]["stacks"] == 1


# -- what cannot be saved --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"size": 0}, "size must be a whole number from 8 to 4,096, got 0"),
        ({"size": 64.0}, "size must be"),
        ({"padding": -1}, "padding must be"),
        ({"sigma": float("nan")}, "sigma must be"),
        ({"normalizer": "inter-occular"}, "normalizer must be one of .* did you mean 'inter-ocular'"),
        ({"layout": "dots"}, "layout must be a LandmarkLayout"),
        ({"network": {}}, "network must be a NetworkRecipe"),
        ({"about": "mine"}, "about must be a Mapping"),
    ],
)
def test_info_is_checked(changes, message):
    with pytest.raises(WeightsError, match=message):
        ModelInfo(**{"layout": DOTS, "network": NETWORK} | changes)


def test_weights_of_another_network_are_not_saved(tmp_path, model):
    state, path = model.state_dict(), tmp_path / "a.safetensors"
    first = next(iter(state))
    for wrong, info, message in (
        ({f"_orig_mod.{name}": tensor for name, tensor in state.items()}, INFO, r"\(and \d+ more\) is missing"),
        ({name: tensor for name, tensor in state.items() if name != first}, INFO, f"{first} is missing"),
        (state | {"more": torch.zeros(1)}, INFO, "more is unknown"),
        (state, ModelInfo(IBUG_68, NETWORK), r"predict.* has the shape \[4, .*expected \[69, "),
        (state, ModelInfo(DOTS, NETWORK, about={"model": model}), "not JSON serializable"),
    ):
        with pytest.raises(WeightsError, match=message):
            save_model(path, wrong, info)
    with pytest.raises(WeightsError, match=r"a\.pt: a model file ends in \.safetensors"):
        save_model(tmp_path / "a.pt", state, INFO)
    with pytest.raises(OSError, match="No such file"):
        save_model(tmp_path / "nowhere" / "a.safetensors", state, INFO)
    assert not list(tmp_path.iterdir())


# -- what is no model file -------------------------------------------------------------------------------------------


def test_truncated_files(path):
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    lengths = {*range(12), *range(12, len(whole), len(whole) // 60), header - 1, header, header + 1, len(whole) - 1}
    for length in sorted(lengths):
        path.write_bytes(whole[:length])
        refused(path, "cannot be read as safetensors")
    path.write_bytes(whole + b"\0")
    refused(path, "cannot be read as safetensors")


def test_a_flipped_bit_anywhere_is_noticed(path):
    whole = bytearray(path.read_bytes())
    header = 8 + int.from_bytes(whole[:8], "little")
    generator = torch.Generator().manual_seed(0)
    places = [*range(8), *torch.randint(8, header, (150,), generator=generator).tolist()]
    places += torch.randint(header, len(whole), (20,), generator=generator).tolist()
    for place in places:
        bit = 1 << int(torch.randint(8, (1,), generator=generator))
        whole[place] ^= bit
        path.write_bytes(whole)
        # blanks that fill the header up to a multiple of eight say nothing, and may become another kind of blank
        if not (place < header and chr(whole[place] ^ bit).isspace()):
            refused(path, ".")
        whole[place] ^= bit


def test_a_damaged_weight_is_told_by_the_digest(path):
    whole = bytearray(path.read_bytes())
    whole[-100] ^= 1
    path.write_bytes(whole)
    refused(path, "it is damaged: it is not what was written")


class Payload:
    """Unpickled, it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def test_nothing_is_unpickled(tmp_path, model):
    trace, path = tmp_path / "trace", tmp_path / "a.safetensors"
    path.write_bytes(pickle.dumps(Payload(trace)))
    refused(path, "cannot be read as safetensors")
    torch.save({"weights": model.state_dict(), "more": Payload(trace)}, path)
    refused(path, "cannot be read as safetensors")
    assert not trace.exists()
    pickle.loads(pickle.dumps(Payload(trace)))
    assert trace.exists()  # so it would have been noticed


def test_files_that_are_something_else(tmp_path, model):
    path = tmp_path / "a.safetensors"
    refused(path, "no such file")
    (tmp_path / "folder.safetensors").mkdir()
    refused(tmp_path / "folder.safetensors", "no such file")
    for content in (b"", b"\x89PNG\r\n", b"{}", b"\xff" * 100, (2**62).to_bytes(8, "little") + b"{}"):
        path.write_bytes(content)
        refused(path, "cannot be read as safetensors")
    save_file(model.state_dict(), path)
    refused(path, "not a model file of this library: its header has nothing")
    save_file(model.state_dict(), path, {"format": "pt", "model": "another"})
    refused(path, "its header has (format|model), (format|model)$")


def change(fields, keys, value):
    """A copy of nested fields with one of them changed; ``del`` takes it away."""
    fields = json.loads(json.dumps(fields))
    inner = fields
    for key in keys[:-1]:
        inner = inner[key]
    if value is change:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    return fields


@pytest.mark.parametrize(
    "keys, value, message",
    [
        (["version"], 2, "of another version than 1"),
        (["version"], change, "not a model file of this library"),
        (["network"], change, "not a model file"),
        (["layout"], None, "not a model file"),
        (["layout", "points"], [], "points"),
        (["layout", "points"], ["a", "b"], r"not a model file|has the shape"),
        (["layout", "colour"], "red", "not a model file.*colour"),
        (["network", "stacks"], "2", "stacks must be a whole number"),
        (["network", "stacks"], 10**9, "stacks must be a whole number from 1 to 16"),
        (["network", "stacks"], 1, "is unknown in the network"),
        (["network", "stacks"], 3, "is missing in the network"),
        (["network", "features"], 16, "has the shape .* expected"),
        (["network", "coordconv"], False, "has the shape"),
        (["network", "more"], 1, "not a model file.*more"),
        (["size"], 1e9, "size must be a whole number"),
        (["padding"], None, "padding must be"),
        (["normalizer"], "eyes", "normalizer must be one of"),
        (["about"], 3, "about must be"),
        (["more"], 3, "not a model file.*more"),
    ],
)
def test_headers_that_do_not_fit(path, keys, value, message):
    header, tensors = contents(path)
    fields = change(json.loads(header["awing"]), keys, value)
    path.write_bytes(save(tensors, {"awing": json.dumps(fields)}))
    refused(path, message)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"text"', "{}", "[" * 100_000, '{"version": 1}', "NaN"])
def test_headers_that_are_no_fields(path, text):
    path.write_bytes(save(contents(path)[1], {"awing": text}))
    refused(path, "not a model file of this library")


def test_tensors_that_do_not_fit(path):
    header, tensors = contents(path)
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 4)
    count = next(name for name in tensors if name.endswith("num_batches_tracked"))
    for changed, message in (
        ({key: tensor for key, tensor in tensors.items() if key != name}, f"{name} is missing"),
        (tensors | {"more": torch.zeros(2)}, "more is unknown"),
        (tensors | {name: tensors[name][:1].clone()}, f"{name} has the shape"),
        (tensors | {name: tensors[name].flatten()}, f"{name} has the shape"),
        (tensors | {name: tensors[name].to(torch.int32)}, f"{name} is torch.int32, expected torch.float32"),
        (tensors | {count: tensors[count].float()}, f"{count} is torch.float32, expected torch.int64"),
        ({}, "is missing"),
    ):
        path.write_bytes(save(changed, {"awing": header["awing"]}))
        refused(path, message)


def test_a_header_cannot_ask_for_memory(path, monkeypatch):
    header, tensors = contents(path)
    fields = json.loads(header["awing"])
    fields["network"] |= {"stacks": 16, "depth": 1, "features": 1024}
    path.write_bytes(save(tensors, {"awing": json.dumps(fields)}))
    made, build = [], ModelInfo.build

    def watched(self, generator=None):
        network = build(self, generator)
        made.append({parameter.device.type for parameter in network.parameters()})
        return network

    monkeypatch.setattr(ModelInfo, "build", watched)
    refused(path, "is missing|has the shape")
    assert made == [{"meta"}]


# -- writing -----------------------------------------------------------------------------------------------------------


def test_write_bytes_writes_and_replaces(tmp_path):
    path = tmp_path / "a.bin"
    for data in (b"one", b"", bytes(range(256))):
        write_bytes(path, data)
        assert path.read_bytes() == data and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights.os, step, fail)
    with pytest.raises(OSError, match=r"No space left on device: '.*/a\.bin'$"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_called_by_its_own_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*/nowhere/a\.bin'$"):
        write_bytes(tmp_path / "nowhere/a.bin", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match=r"Is a directory: '.*/folder'$"):
        write_bytes(tmp_path / "folder", b"")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("step, expected", [("fsync", b"old"), ("replace", b"old"), ("sync_folder", b"new")])
def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path, step, expected):
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch has threads; the child uses none of it
        child = os.fork()
    if child == 0:
        try:
            setattr(weights if step == "sync_folder" else os, step, lambda *_: os._exit(9))
            write_bytes(path, b"new")
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert path.read_bytes() == expected
    write_bytes(path, b"after")
    assert path.read_bytes() == b"after"
