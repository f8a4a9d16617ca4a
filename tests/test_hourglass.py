"""The stacked hourglass: its size against the original's, its wiring, and what people do with a model."""

import copy
import doctest

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from awing_lib import hourglass
from awing_lib.coordconv import CoordConv2d
from awing_lib.hourglass import StackedHourglass, describe
from awing_lib.layouts import IBUG_68, WFLW_98
from awing_lib.losses import adaptive_wing_loss

# stacks: parameters in millions with 98 points and with 68, multiply-adds at 256x256 with 98 points in billions
ORIGINAL = {1: (6.334, 6.326, 8.73), 2: (12.273, 12.250, 14.72), 3: (18.213, 18.175, 20.72), 4: (24.153, 24.099, 26.71)}


def tiny(stacks=2, depth=1, features=8, seed=0, **options):
    """A model of a few thousand parameters, always the same, for images whose sides are multiples of 8."""
    generator = torch.Generator().manual_seed(seed)
    return StackedHourglass(4, stacks, depth, features, generator=generator, **options)


def images(count=2, height=16, width=16, seed=1):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def count_parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def unbounded(outputs):
    return sum(output.square().sum() for output in outputs)


@pytest.mark.parametrize("stacks", ORIGINAL)
def test_parameters_and_multiply_adds_are_the_originals(stacks):
    with torch.device("meta"):  # shapes only
        model, model68 = StackedHourglass(WFLW_98, stacks), StackedHourglass(IBUG_68, stacks)
        batch = torch.empty(1, 3, 256, 256)
    parameters, parameters68, multiply_adds = ORIGINAL[stacks]
    assert round(count_parameters(model) / 1e6, 3) == parameters
    assert round(count_parameters(model68) / 1e6, 3) == parameters68
    with FlopCounterMode(display=False) as counter:  # 2 per multiply-add, and in this model only convolutions have any
        outputs = model.eval()(batch)
    assert round(counter.get_total_flops() / 2e9, 2) == multiply_adds
    assert [output.shape for output in outputs] == [(1, 99, 64, 64)] * stacks
    parts = describe(model)
    assert sum(part.multiply_adds for part in parts) * 2 == counter.get_total_flops()
    assert sum(part.parameters for part in parts) == count_parameters(model)


@pytest.mark.parametrize("layout, count", [(WFLW_98, 98), (IBUG_68, 68), (5, 5)])
@pytest.mark.parametrize("boundary", [True, False])
def test_output_shapes(layout, count, boundary):
    model = StackedHourglass(layout, stacks=2, depth=2, features=16, boundary=boundary).eval()
    outputs = model(images(3, 32, 48))
    assert isinstance(outputs, list)
    assert [output.shape for output in outputs] == [(3, count + boundary, 8, 12)] * 2


def test_nano_of_the_docstring():
    model = StackedHourglass(98, stacks=1, depth=3, features=32)
    assert round(count_parameters(model) / 1e6, 3) == 0.086
    assert model(images(1, 128, 128))[0].shape == (1, 99, 32, 32)


def test_first_convolutions_see_coordinates():
    model = tiny(stacks=3)
    assert model.stem.conv.weight.shape == (2, 3 + 3, 7, 7)
    entries = [stack.entry for stack in model.stacks]
    assert [entry.weight.shape[1] for entry in entries] == [8 + 3, 8 + 5, 8 + 5]
    assert [entry.boundary for entry in (model.stem.conv, *entries)] == [False, False, True, True]
    assert sum(isinstance(module, CoordConv2d) for module in model.modules()) == 4


def test_options_leave_out_coordinates():
    plain = tiny(coordconv=False)
    assert not any(isinstance(module, CoordConv2d) for module in plain.modules())
    assert [stack.entry.weight.shape[1] for stack in plain.stacks] == [8, 8]
    for options in ({"boundary": False}, {"boundary_threshold": None}):
        model = tiny(**options)
        assert [stack.entry.weight.shape[1] for stack in model.stacks] == [8 + 3, 8 + 3]
        assert model(images())[1].shape[1] == 4 + model.boundary


def test_boundary_coordinates_come_from_the_previous_stack():
    model, seen = tiny(stacks=3).eval(), []
    for stack in model.stacks:
        stack.entry.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1:]))
    outputs = model(images())
    assert seen[0] == ()  # nothing before stack 1
    assert torch.equal(seen[1][0], outputs[0][:, -1:])
    assert torch.equal(seen[2][0], outputs[1][:, -1:])


def test_only_the_boundary_map_moves_boundary_coordinates():
    model = tiny().eval()
    first, second = model.stacks
    with torch.no_grad():
        first.carry_maps.weight.zero_()  # leaves boundary coordinates as the only way from maps to stack 2
        first.predict.weight[-1].zero_()
        first.predict.bias[-1] = 0.04

    def last_maps(channel, bias):
        with torch.no_grad():
            first.predict.bias[channel] = bias
            return model(images())[1]

    below = last_maps(-1, 0.04)
    assert torch.equal(last_maps(-1, 0.0), below) and torch.equal(last_maps(0, 3.0), below)
    above = last_maps(-1, 0.06)
    assert not torch.equal(above, below)
    assert torch.equal(last_maps(-1, 9.0), above)
    second.entry.threshold = 0.01
    assert torch.equal(last_maps(-1, 0.04), above)


def test_no_gradient_through_the_mask():
    model = tiny().eval()
    first = model.stacks[0]
    with torch.no_grad():
        first.carry_maps.weight[:, -1] = 0  # the other way from the boundary map to stack 2
    unbounded(model(images())[1:]).backward()
    assert not first.predict.bias.grad[-1].any()
    assert first.predict.bias.grad[:-1].all()


def test_every_parameter_learns():
    model = tiny(stacks=3)
    unbounded(model(images())).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_evaluation_is_deterministic_and_per_image():
    model, batch = tiny().eval(), images(3)
    once, again = model(batch), model(batch)
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    torch.testing.assert_close([output[1:2] for output in once], model(batch[1:2]), atol=1e-6, rtol=1e-5)


def test_weights_follow_the_generator_and_the_documented_range():
    same, again, other = tiny(seed=0), tiny(seed=0), tiny(seed=1)
    torch.testing.assert_close(same.state_dict(), again.state_dict(), atol=0, rtol=0)
    assert not torch.equal(same.stem.conv.weight, other.stem.conv.weight)
    torch.manual_seed(3)
    first = StackedHourglass(4, 1, 1, 8).stem.conv.weight
    torch.manual_seed(3)
    assert torch.equal(first, StackedHourglass(4, 1, 1, 8).stem.conv.weight)
    conv = StackedHourglass(98, 1, 1, 64).stacks[0].predict
    for parameter in (conv.weight, conv.bias):
        assert 0.9 / 8 < parameter.abs().max() <= 1 / 8
    assert conv.weight.std().item() == pytest.approx(1 / 8 / 3**0.5, rel=0.05)  # of a uniform distribution


def test_state_dict_names_are_stable():
    names = list(tiny().state_dict())
    assert len(names) == len(set(names))
    for name in (
        "stem.conv.weight",
        "stem.block1.shortcut.2.weight",
        "stacks.0.entry.weight",
        "stacks.0.hourglass.inner.conv3.weight",
        "stacks.1.top.norm1.running_mean",
        "stacks.0.carry_maps.bias",
        "stacks.1.predict.bias",
    ):
        assert name in names
    assert "stacks.1.carry_maps.bias" not in names  # the last stack hands nothing on
    assert not any("coordinate" in name for name in names)


def test_training_lowers_the_loss():
    torch.manual_seed(0)
    model = StackedHourglass(4, stacks=2, depth=2, features=16)
    batch = images(4, 32, 32)
    target = torch.rand(4, 5, 8, 8) ** 8
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(15):
        loss = sum(adaptive_wing_loss(output, target) for output in model(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_nano_trains_on_a_cpu():
    model = StackedHourglass(98, stacks=1, depth=3, features=32, generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    batch, target = images(8, 128, 128), torch.zeros(8, 99, 32, 32)
    losses = []
    for _ in range(3):
        loss = adaptive_wing_loss(model(batch)[0], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[2] < losses[0]


def gradients_and_statistics(model, batch, run=None):
    unbounded((model if run is None else run)(batch)).backward()
    return [parameter.grad for parameter in model.parameters()], list(model.buffers())


def bytes_kept(model, batch):
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.setdefault(t.data_ptr(), t), lambda t: t):
        model(batch)
    return sum(tensor.numel() * tensor.element_size() for tensor in kept.values())


def test_checkpointing_changes_nothing_but_memory():
    plain = tiny(stacks=3, depth=2, features=16)
    saving = tiny(stacks=3, depth=2, features=16, checkpointing=True)
    batch = images(4, 32, 32)
    for _ in range(2):
        expected, result = (gradients_and_statistics(model, batch) for model in (plain, saving))
        torch.testing.assert_close(result, expected, atol=1e-6, rtol=1e-6)
    assert plain.stem.norm.num_batches_tracked == saving.stem.norm.num_batches_tracked == 2
    assert saving.stem.norm.momentum == plain.stem.norm.momentum
    assert bytes_kept(saving, batch) < bytes_kept(plain, batch) / 5


def test_checkpointing_restores_batch_norms_after_a_failure():
    model = tiny(checkpointing=True)
    outputs = model(images())

    def fail(*_):
        raise RuntimeError("out of memory")

    hook = model.stacks[1].top.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        unbounded(outputs).backward()
    hook.remove()
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert all(norm.momentum == 0.1 and norm.num_batches_tracked == 1 for norm in norms)


def test_channels_last():
    model, batch = tiny().eval(), images()
    expected = model(batch)
    result = model.to(memory_format=torch.channels_last)(batch.to(memory_format=torch.channels_last))
    assert all(output.is_contiguous(memory_format=torch.channels_last) for output in result)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_autocast(checkpointing):
    # one stack: a value next to the threshold of the boundary may round to its other side
    model, batch = tiny(stacks=1, checkpointing=checkpointing), images()
    expected = model(batch)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = model(batch)[0]
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float(), expected, atol=0.05, rtol=0.05)
    adaptive_wing_loss(result, torch.zeros_like(result)).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("checkpointing, backend", [(False, "eager"), (True, "aot_eager")])
def test_compiles_without_graph_breaks(checkpointing, backend):
    model, batch = tiny(checkpointing=checkpointing), images()
    reference = copy.deepcopy(model)
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    result = gradients_and_statistics(model, batch, compiled)
    torch.testing.assert_close(result, gradients_and_statistics(reference, batch), atol=1e-5, rtol=1e-4)


def exported(model):
    batch = torch.export.Dim("batch")
    return torch.export.export(model, (images(),), dynamic_shapes={"images": {0: batch}}, strict=True)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # raised inside the exporter, not by us
def test_exports_with_dynamic_batch():
    model = tiny().eval()
    program = exported(model)
    for count in (1, 5):
        torch.testing.assert_close(program.module()(images(count)), model(images(count)))
    # ONNX has the aten operators that this leaves, but not what torch.hypot, for one, turns into
    nodes = program.run_decompositions().graph.nodes
    operators = {node.target for node in nodes if isinstance(node.target, torch._ops.OpOverload)}
    assert {operator.namespace for operator in operators} == {"aten"}


@pytest.mark.filterwarnings("ignore")  # raised inside the exporter, not by us
def test_onnx_agrees(tmp_path):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    model, path = tiny().eval(), tmp_path / "model.onnx"
    torch.onnx.export(exported(model), dynamo=True, verbose=False).save(path)
    session = onnxruntime.InferenceSession(path)
    batch = images(3)
    outputs = [torch.from_numpy(output) for output in session.run(None, {"images": batch.numpy()})]
    torch.testing.assert_close(outputs, model(batch), atol=1e-5, rtol=1e-4)


def test_describe_leaves_the_model_alone():
    model = tiny(checkpointing=True)
    model.stacks[0].top.eval()
    before, modes = copy.deepcopy(model.state_dict()), [module.training for module in model.modules()]
    parts = describe(model, (16, 24))
    torch.testing.assert_close(model.state_dict(), before, atol=0, rtol=0)
    assert [module.training for module in model.modules()] == modes
    assert not any(module._forward_hooks for module in model.modules())
    assert describe(model.eval(), (16, 24)) == parts
    with pytest.raises(ValueError, match="width of the images must be divisible by 8"):
        describe(model, (16, 20))
    assert not any(module._forward_hooks for module in model.modules())


def test_describe_names_parts_in_order():
    parts = describe(tiny(), (16, 24))
    assert [part.name for part in parts[:6]] == [
        f"stem.{x}" for x in ("conv", "norm", "block1", "pool", "block2", "block3")
    ]
    kinds = {part.name: part.kind for part in parts}
    assert kinds["stacks.1.entry"] == "CoordConv2d" and kinds["stacks.1.hourglass"] == "Hourglass"
    shapes = {part.name: part.shape for part in parts}
    assert shapes["stem.conv"] == (2, 8, 12) and shapes["stem.pool"] == (4, 4, 6)
    assert shapes["stacks.0.predict"] == shapes["stacks.1.predict"] == (5, 4, 6)
    assert parts[-1].name == "stacks.1.predict"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"layout_or_count": 0}, "layout_or_count must be a LandmarkLayout or a positive integer, got 0"),
        ({"layout_or_count": "wflw"}, "layout_or_count must be .* got 'wflw'"),
        ({"layout_or_count": True}, "layout_or_count must be .* got True"),
        ({"stacks": 0}, "stacks must be a positive integer, got 0"),
        ({"stacks": 1.5}, "stacks must be a positive integer, got 1.5"),
        ({"depth": -1}, "depth must be a positive integer, got -1"),
        ({"features": 0}, "features must be a positive integer, got 0"),
        ({"features": 36}, "features must be a multiple of 8, got 36"),
        ({"boundary_threshold": 0}, r"boundary_threshold must be a number in \(0, 1\], got 0"),
        ({"boundary_threshold": "0.05"}, "boundary_threshold must be"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        StackedHourglass(**{"layout_or_count": 4, "stacks": 1, "depth": 1, "features": 8, **arguments})


@pytest.mark.parametrize(
    "batch, message",
    [
        (
            torch.zeros(1, 3, 12, 16),
            r"height of the images must be divisible by 8 \(4 \* 2\*\*depth, depth 1\), got 12",
        ),
        (torch.zeros(1, 3, 16, 20), "width of the images must be divisible by 8"),
        (torch.zeros(1, 1, 16, 16), r"images must be \(N, 3, H, W\), got \(1, 1, 16, 16\)"),
        (torch.zeros(3, 16, 16), r"images must be \(N, 3, H, W\), got \(3, 16, 16\)"),
        (
            torch.zeros(1, 3, 16, 16, dtype=torch.uint8),
            r"images must be a floating tensor in \[0, 1\], got torch.uint8",
        ),
        ([1.0], "images must be a floating tensor .* got list"),
    ],
)
def test_bad_images_are_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        tiny()(batch)


def test_examples():
    result = doctest.testmod(hourglass, extraglobs={"torch": torch})
    assert result.attempted and not result.failed


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_agrees_with_cpu():
    model, batch = tiny(stacks=1, checkpointing=True), images()
    reference = copy.deepcopy(model)
    result = model.cuda()(batch.cuda())
    unbounded(result).backward()
    torch.testing.assert_close([output.cpu() for output in result], reference(batch), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(
        [buffer.cpu() for buffer in model.buffers()], list(reference.buffers()), atol=1e-3, rtol=1e-3
    )
