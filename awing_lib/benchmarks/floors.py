"""What the machine itself can do: how fast it copies, and how fast it multiplies matrices. Nothing can be faster."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from awing_lib.benchmarks.timing import between, moment, threads
from awing_lib.run_record import processor_name


@dataclass(frozen=True)
class Floors:
    """Two measured rates of a device, and the least time that follows from them.

    Raises:
        ValueError: a rate is no positive number, or that of float32 is missing.
    """

    device: str
    """ "cpu" or "cuda"."""
    name: str
    """What the hardware calls itself."""
    threads: int | None
    """Threads of the CPU; None for a GPU."""
    bytes_per_second: float
    """Of a copy in memory; bytes read and bytes written both count."""
    operations_per_second: Mapping[str, float]
    """Of a large matrix product in "float32", "tf32" and "bfloat16", as far as the device has them; a multiply-add is
    two operations."""
    settings: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rates = {"bytes_per_second": self.bytes_per_second, **self.operations_per_second}
        for name, rate in rates.items():
            if not 0 < rate < math.inf:
                raise ValueError(f"{name} must be a positive number, got {rate!r}")
        if "float32" not in self.operations_per_second:
            raise ValueError(f"operations_per_second lacks float32, it has {', '.join(self.operations_per_second)}")

    @property
    def key(self) -> str:
        """Names these floors in a record."""
        return self.device if self.threads is None else f"{self.device}-{self.threads}"

    def seconds(self, bytes: int, operations: int = 0, precision: str = "float32") -> float:
        """The least time for so many bytes and operations.

        A precision whose rate was not measured, as the device lacks the instructions, is held to float32's.
        """
        rate = self.operations_per_second.get(precision, self.operations_per_second["float32"])
        return max(bytes / self.bytes_per_second, operations / rate)

    def as_dict(self) -> dict:
        """Plain values, for a record."""
        return {
            "device": self.device,
            "name": self.name,
            "threads": self.threads,
            "bytes_per_second": self.bytes_per_second,
            "operations_per_second": dict(self.operations_per_second),
            "settings": dict(self.settings),
        }

    def as_text(self) -> str:
        """One line."""
        cores = "" if self.threads is None else f", {self.threads} thread{'s' if self.threads > 1 else ''}"
        rates = ", ".join(f"{rate / 1e9:,.0f} in {name}" for name, rate in self.operations_per_second.items())
        return f"{self.name}{cores}: copies {self.bytes_per_second / 1e9:,.1f} GB/s; matrix products, GFLOP/s: {rates}"


def measure_floors(
    device: str, cores: int | None = None, *, copied: int | None = None, side: int | None = None, repeats: int = 5
) -> Floors:
    """Measure a device: the best of a few runs, because a floor is what it can do and not what it usually does.

    Args:
        device: "cpu" or "cuda".
        cores: threads of the CPU; None: as many as PyTorch uses. With one, it is the processor's time that counts, so
            that other programs do not.
        copied: bytes of the tensor that is copied, far more than a cache holds; None: 256 MiB, on a GPU 1 GiB.
        side: of the square matrices; None: 2048, with one core 1024, on a GPU 8192.
        repeats: timed runs, after one to warm up.
    """
    gpu = device == "cuda"
    cores = None if gpu else cores or torch.get_num_threads()
    copied, side = copied or 2 ** (30 if gpu else 28), side or (8192 if gpu else 1024 if cores == 1 else 2048)
    clock = time.process_time if cores == 1 else lambda: moment(device)
    with threads(cores or torch.get_num_threads()):
        source = torch.ones(copied // 4, device=device)  # not zeros, of which Linux keeps one page for all
        target = torch.empty_like(source)
        copying, rates = _best(partial(target.copy_, source), repeats, clock), {}
        del source, target
        for name, dtype in _precisions(device).items():
            a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
            product = torch.empty_like(a)
            before = torch.get_float32_matmul_precision()
            try:
                torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
                rates[name] = 2 * side**3 / _best(partial(torch.mm, a, b, out=product), repeats, clock)
            finally:
                torch.set_float32_matmul_precision(before)
    settings = {"copied_bytes": copied // 4 * 4, "matrix_side": side, "repeats": repeats}
    return Floors(device, device_name(device), cores, 2 * (copied // 4 * 4) / copying, rates, settings)


def device_name(device: str) -> str:
    """What the hardware calls itself."""
    return torch.cuda.get_device_name() if device == "cuda" else processor_name()


def _best(run: Callable[[], object], repeats: int, clock: Callable[[], object]) -> float:
    times = []
    for _ in range(repeats + 1):
        start = clock()
        run()
        times.append(between(start, clock()))
    return min(times[1:])


def _precisions(device: str) -> dict[str, torch.dtype]:
    """What the device multiplies matrices in with instructions of its own."""
    known = {"float32": torch.float32}
    if device == "cuda" and torch.cuda.get_device_capability() >= (8, 0):
        known |= {"tf32": torch.float32, "bfloat16": torch.bfloat16}
    elif device == "cpu" and _cpu_has_bfloat16():
        known["bfloat16"] = torch.bfloat16
    return known


def _cpu_has_bfloat16() -> bool:
    """Without such instructions a product in bfloat16 is emulated, and takes seconds."""
    try:
        words = Path("/proc/cpuinfo").read_text("utf-8").split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(words)
