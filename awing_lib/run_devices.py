"""The devices of a run: one process each, which fail together or not at all."""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import distributed

from awing_lib.errors import AwingError


class TrainingError(AwingError):
    """A run that cannot start, or cannot go on."""


class Elsewhere(TrainingError):
    """Another process of the run has failed or is gone; that one knows why."""


def open_fabric(accelerator: str, devices: int, nodes: int, precision: str) -> Fabric:
    """Lightning's view of the devices, with a process running for each."""
    gpus = torch.cuda.device_count()
    if accelerator == "auto":
        accelerator = "cuda" if gpus else "cpu"
    if accelerator == "cuda" and devices > gpus:
        raise TrainingError(f"{devices} GPUs are wanted, PyTorch finds {gpus} here")
    if os.environ.get("LOCAL_RANK", "0") != "0":
        threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets from each process
    strategy = "ddp" if devices * nodes > 1 else "auto"
    fabric = Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes, strategy=strategy, precision=precision)
    fabric.launch()
    return fabric


def _leave_with(parent: int) -> None:
    """End this process when the one that started it is gone, be it in the middle of waiting for it."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def out_of_memory(error: Exception) -> bool:
    """Whether it says that there is no memory left, on a GPU or on the host."""
    return isinstance(error, torch.cuda.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(error)


@contextmanager
def in_one_line(folder: Path) -> Iterator[None]:
    """Failures of machinery, which come as errors of many lines or of too few words, in one that says what to do."""
    again = "--resume goes on from the last checkpoint"
    try:
        yield
    except BrokenPipeError:  # who read what we say is gone
        raise
    except OSError as error:
        raise TrainingError(f"{folder}: {error}; once that is mended, {again}") from error
    except RuntimeError as error:
        text = " ".join(str(error).split())
        if out_of_memory(error):
            ways = "a greater accumulate, checkpointing=true or precision=bf16-mixed need less"
            raise TrainingError(f"the memory of the device is not enough; {ways}") from error
        if "DataLoader worker" in text:
            ways = "if memory was not enough, try fewer workers"
            raise TrainingError(f"a process that prepares batches has died ({text}); {again}; {ways}") from error
        if isinstance(error, distributed.DistError) or "gloo" in text:
            raise Elsewhere(f"another process of this run has failed or is gone; {again}") from error
        raise


@contextmanager
def together(fabric: Fabric) -> Iterator[None]:
    """What the first device does while the others wait at the end of it; if it fails, all leave."""
    failure = None
    try:
        yield
    except (AwingError, OSError) as error:
        failure = error
    if fabric.broadcast(failure is not None):
        raise failure or Elsewhere("the first process of this run has failed")


def sum_over_devices(fabric: Fabric, counts: Counter) -> dict[str, int]:
    """Sum of what each device has counted."""
    each = [counts]
    if fabric.world_size > 1:
        each = [None] * fabric.world_size
        distributed.all_gather_object(each, counts)
    return dict(sum(each, Counter()))
