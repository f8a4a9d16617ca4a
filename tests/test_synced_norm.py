"""Batch norm over two processes against PyTorch's over the joined batch."""

import torch
from kill_and_resume import fork_server
from safetensors.torch import load_file, save_file
from torch import nn

from awing_lib.hourglass import StackedHourglass
from awing_lib.synced_norm import SyncedBatchNorm2d, sync_batch_norms


def batches():
    """Three batches (8, 5, 6, 7) whose channels lie far from 0, and what their loss pulls at."""
    generator = torch.Generator().manual_seed(0)
    offset = torch.tensor([0.0, 1.0, -3.0, 5.0, 10.0])[:, None, None]
    return [
        (torch.randn(8, 5, 6, 7, generator=generator) + offset, torch.randn(8, 5, 6, 7, generator=generator))
        for _ in range(3)
    ]


def norm_of(kind):
    norm = kind(5, eps=1e-4, momentum=0.3)
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 2, 5))
        norm.bias.copy_(torch.linspace(-1, 1, 5))
    return norm


def passes(norm, rows):
    """Outputs, gradients, statistics of each batch's ``rows``; then an output in evaluation mode."""
    found = {}
    for place, (x, pull) in enumerate(batches()):
        x = x[rows].clone().requires_grad_()
        y = norm(x)
        y.backward(pull[rows])
        found |= {f"{place} y": y.detach(), f"{place} x": x.grad}
    found |= {name: parameter.grad for name, parameter in norm.named_parameters()}
    found |= {name: buffer.clone() for name, buffer in norm.named_buffers()}
    return found | {"evaluated": norm.eval()(batches()[0][0][rows]).detach()}


def work(rank, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found = passes(
        sync_batch_norms(nn.Sequential(norm_of(nn.BatchNorm2d)), cuda=False)[0], slice(4 * rank, 4 * rank + 4)
    )
    half = norm_of(SyncedBatchNorm2d)(batches()[0][0][4 * rank : 4 * rank + 4].bfloat16())
    assert half.dtype == torch.bfloat16
    save_file(found | {"half": half.detach().float().contiguous()}, f"{folder}/{rank}.safetensors")


def test_two_processes_normalise_as_one(tmp_path):
    processes = [fork_server().Process(target=work, args=(rank, str(tmp_path))) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    expected = passes(norm_of(nn.BatchNorm2d), slice(None))
    found = [load_file(tmp_path / f"{rank}.safetensors") for rank in range(2)]
    for name, tensor in expected.items():
        halves = [each[name] for each in found]
        if tensor.ndim == 4:
            torch.testing.assert_close(torch.cat(halves), tensor, rtol=1e-5, atol=1e-5)
        elif name in ("weight", "bias"):  # what a process adds to the gradient of the parameters
            torch.testing.assert_close(sum(halves), tensor, rtol=1e-5, atol=1e-4)
        else:
            for half in halves:
                torch.testing.assert_close(half, tensor, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(torch.cat([each["half"] for each in found]), expected["0 y"], rtol=0.05, atol=2)


def test_every_batch_norm_of_the_network_is_replaced_and_nothing_else_changes():
    network = StackedHourglass(29, stacks=2, depth=2, features=8)
    with torch.no_grad():
        for buffer in network.buffers():
            buffer.add_(1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    count = sum(type(each) is nn.BatchNorm2d for each in network.modules())
    images = torch.rand(2, 3, 32, 32)
    expected = network.eval()(images)
    synced = sync_batch_norms(network, cuda=False)
    assert count > 0 and sum(type(each) is SyncedBatchNorm2d for each in synced.modules()) == count
    assert not any(type(each) is nn.BatchNorm2d for each in synced.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in synced.state_dict().items())
    assert synced.state_dict().keys() == before.keys()
    for maps, wanted in zip(synced.eval()(images), expected, strict=True):
        assert torch.equal(maps, wanted)
