"""Batch norm over the faces of all devices, so that a batch split over several is normalised as one.

PyTorch has it for GPUs; :class:`SyncedBatchNorm2d` is the same for CPUs.
"""

import torch
from torch import Tensor, distributed, nn


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm whose mean and variance in training are those of all processes' images, which are equally many."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) of this process, normalised over those of all."""
        if not self.training:
            return super().forward(x)
        wide = x.float()  # statistics of bfloat16 would be worth little
        mean = _MeanOverProcesses.apply(wide.mean((0, 2, 3)))  # (C,)
        centred = wide - mean[:, None, None]
        variance = _MeanOverProcesses.apply(centred.square().mean((0, 2, 3)))  # (C,), biased, as in training
        with torch.no_grad():
            count = x.numel() / x.shape[1] * distributed.get_world_size()
            if self.num_batches_tracked is not None:
                self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)  # (C,)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


class _MeanOverProcesses(torch.autograd.Function):
    """The mean of a tensor over all processes. Gradients pass: what one process does with it concerns all."""

    @staticmethod
    def forward(context, x: Tensor) -> Tensor:
        return _mean(x)

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:
        return _mean(gradient)


def _mean(x: Tensor) -> Tensor:
    x = x.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(x)
    return x / distributed.get_world_size()


def sync_batch_norms(model: nn.Module, cuda: bool) -> nn.Module:
    """The model with each batch norm replaced by one that sees all devices; weights and statistics are kept."""
    if cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for owner in list(model.modules()):
        for name, norm in list(owner.named_children()):
            if type(norm) is nn.BatchNorm2d:
                synced = SyncedBatchNorm2d(norm.num_features, norm.eps, norm.momentum)
                synced.load_state_dict(norm.state_dict())
                setattr(owner, name, synced)
    return model
