"""How the time of a piece of code is taken, on a CPU and on a GPU."""

import os
import statistics
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

import cv2
import torch

Moment = float | torch.cuda.Event
"""A point in time; on a GPU a mark in its queue."""


def medians(
    variants: dict[str, Callable[[], object]],
    repeats: int,
    device: str = "cpu",
    clock: Callable[[], float] = time.perf_counter,
    on_host: Collection[str] = (),
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[str, float]:
    """Median seconds of each variant. They take turns, so that a slow moment of the machine hits all of them alike.

    Args:
        variants: name -> what to run.
        repeats: how often each is timed, after two rounds to warm up.
        device: "cpu", or "cuda" for the time that the GPU works, with its caches empty and its queue never dry.
        clock: of what runs on the CPU.
        on_host: variants that run on the CPU although the device is "cuda".
        progress: wraps the rounds, such as ``tqdm``.
    """
    seconds = {name: [] for name in variants}
    for repeat in progress(range(repeats + 2)):
        for name, run in variants.items():
            if device == "cuda" and name not in on_host:
                _occupy_gpu()
                clock_here = _mark
            else:
                clock_here = clock
            start = clock_here()
            run()
            taken = between(start, clock_here())
            if repeat >= 2:
                seconds[name].append(taken)
    return {name: statistics.median(times) for name, times in seconds.items()}


def moment(device: str) -> Moment:
    """Now, as the device sees it."""
    return _mark() if device == "cuda" else time.perf_counter()


def between(start: Moment, end: Moment) -> float:
    """Seconds from one moment to another; on a GPU this waits until it has come to the second."""
    if isinstance(start, torch.cuda.Event):
        end.synchronize()
        return start.elapsed_time(end) / 1e3
    return end - start


def _mark() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _occupy_gpu() -> None:
    """Give a GPU a millisecond or so of other work.

    Meanwhile the host queues up what is timed: starting a kernel takes it longer than many a kernel runs, which in
    training, where it works ahead, does not matter. And what the caches held is overwritten.
    """
    other = torch.empty(2**28, device="cuda")  # 1 GiB, many times what a cache holds
    for _ in range(4):
        other.zero_()


def bytes_kept(loss: Callable[[], object]) -> int:
    """Bytes that autograd keeps between forward and backward, inputs included when they are kept."""
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.setdefault(_memory(t), t), lambda t: t):
        loss()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _memory(tensor: torch.Tensor) -> int:
    """Names the memory of a tensor, which others may share; its address would not do, as it is 0 on "meta"."""
    return tensor.untyped_storage()._cdata


def profiled(run: Callable[[], object], repeats: int, gpu: bool = False, shapes: bool = False) -> Iterable:
    """What PyTorch's profiler says of each operator, and on a GPU of each kernel, while something runs a few times.

    Args:
        run: what to run.
        repeats: how often.
        gpu: whether kernels are looked at.
        shapes: tell an operator's calls apart by the shapes that it is given.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # else the profiler tells stderr that it has begun, and has ended
    kinds = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[kinds.CPU, *[kinds.CUDA] * gpu], record_shapes=shapes) as profile:
        for _ in range(repeats):
            run()
        if gpu:
            torch.cuda.synchronize()
    return profile.key_averages(group_by_input_shape=shapes)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """PyTorch and OpenCV use so many threads."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    try:
        cv2.setNumThreads(count)
        torch.set_num_threads(count)
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
