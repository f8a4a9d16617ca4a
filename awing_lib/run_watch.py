"""What watches a run step by step: is the loss a number, has anyone asked to stop, the curves, what was skipped."""

import json
import math
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from lightning_fabric import Fabric
from safetensors.torch import save
from torch import Tensor, distributed

from awing_lib.loading import Batch
from awing_lib.run_devices import TrainingError, together
from awing_lib.weights import write_bytes


class Look:
    """What a step came to, to be read later: numbers that travel from the device while it goes on."""

    def __init__(self, fabric: Fabric, step: int, rounds: list[Batch], loss: Tensor, length: Tensor, stop) -> None:
        self.step, self.rounds = step, rounds
        numbers = torch.stack([loss, length])
        concern_all = torch.stack([(~numbers.isfinite().all()).float(), loss.new_tensor(stop.asked)])
        if fabric.world_size > 1:  # one device's trouble is everyone's, after the same step
            distributed.all_reduce(concern_all, distributed.ReduceOp.MAX)
        self.numbers = torch.cat([concern_all, numbers]).to("cpu", non_blocking=True)
        self.arrived = torch.cuda.Event() if loss.is_cuda else None
        if self.arrived:
            self.arrived.record()

    def read(self, fabric: Fabric, folder: Path) -> float:
        """Who has asked to stop, as in ``StopSignal.asked``.

        Raises:
            TrainingError: loss or gradient of some device are no number; each keeps what it saw.
        """
        if self.arrived:
            self.arrived.synchronize()
        broken, asked, loss, length = self.numbers.tolist()
        if not broken:
            return asked
        place = f"-device-{fabric.global_rank}" if fabric.world_size > 1 else ""
        path, seen = folder / f"bad-batch-step-{self.step + 1}{place}.safetensors", self.rounds
        tensors = {"images": torch.cat([b.images for b in seen]), "landmarks": torch.cat([b.landmarks for b in seen])}
        keys = {"keys": json.dumps([key for b in seen for key in b.keys])}
        with together(fabric):
            write_bytes(path, save(tensors, keys))
            if fabric.is_global_zero:
                found = f"the loss is {loss:g} and the gradient's length {length:g} at step {self.step + 1}"
                raise TrainingError(f"{found}; its batch is in {path}; try a smaller learning_rate, or clip")
        return asked


class StopSignal:
    """Ctrl-C and SIGTERM become a wish that is granted after the step; a second Ctrl-C is granted at once."""

    PLANNED, URGENT = 1.0, 2.0

    def __init__(self, minutes: float | None, loud: bool) -> None:
        self.signalled, self.loud = None, loud
        self.deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes

    @property
    def asked(self) -> float:
        """0: nobody has asked to stop; PLANNED: the minutes are over; URGENT: a signal came."""
        if self.signalled is not None:
            return self.URGENT
        return self.PLANNED if time.monotonic() > self.deadline else 0.0

    def __enter__(self) -> "StopSignal":
        self.before = {}
        if threading.current_thread() is threading.main_thread():  # elsewhere signals cannot be caught
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._ask)
        return self

    def _ask(self, number, frame) -> None:
        now = time.monotonic()
        if self.signalled is None:
            self.signalled = now
            if self.loud:  # not print: the signal may have come in the middle of one
                os.write(2, b"\nleaving after this step, with a checkpoint; Ctrl-C again: at once, without\n")
        elif number == signal.SIGINT and now > self.signalled + 1:  # torchrun hands on the one that we had already
            raise KeyboardInterrupt

    def __exit__(self, *_) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


class Curves:
    """Curves for TensorBoard; what a run that was killed had written after its checkpoint is taken back."""

    def __init__(self, folder: Path | None, step: int) -> None:
        self.writer = None
        if folder:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def add(self, step: int, values: dict[str, float]) -> None:
        if self.writer:
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)

    def flush(self) -> None:
        if self.writer:
            self.writer.flush()

    def __enter__(self) -> "Curves":
        return self

    def __exit__(self, *_) -> None:
        if self.writer:
            self.writer.close()


def note_skipped(
    texts: Iterable[str], root: str | os.PathLike | None, skipped: Counter, say: Callable[[str], None]
) -> None:
    """Count images that were left out, and say so at the first time of each; ``root`` is left out of what is said."""
    for text in texts:
        text = text.replace(f"{Path(root)}{os.sep}", "") if root is not None else text
        if text not in skipped:
            say(f"skipped: {text}")
        skipped[text] += 1


def progress_text(loss: float, history: dict) -> str:
    """What stands beside the progress bar."""
    known = [row["val_nme"] for row in history["epochs"] if "val_nme" in row]
    return f"loss {loss:.4g}" + (f", NME {known[-1]:.2f} %" if known else "")
