"""The record of a run, ``run.json``: what was run, on what, and what came out."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import torch

from awing_lib import __version__

_PACKAGES = ("torch", "numpy", "opencv-python-headless", "albumentations", "lightning-fabric", "safetensors")


def environment() -> dict:
    """Versions and hardware; plain values."""
    versions = {name: _version(name) for name in _PACKAGES}
    hardware = {"cpu": processor_name(), "cores": os.cpu_count(), "threads": torch.get_num_threads()}
    if torch.cuda.is_available():
        devices = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
        hardware["gpus"] = [f"{each.name}, {each.total_memory / 2**30:.0f} GiB" for each in devices]
        hardware["cuda"] = torch.version.cuda
    return {
        "awing_lib": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "system": platform.system(),
        "versions": versions,
        "hardware": hardware,
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:  # such as opencv-python where we expect opencv-python-headless
        return None


def processor_name() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str | None:
    """Commit of the library's repository, with a plus if files differ from it; None if it is not run from one."""
    folder = Path(__file__).parent
    if not (folder.parent / ".git").exists():
        return None
    try:
        git = ["git", "-C", str(folder), "-c", "safe.directory=*"]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "-uno", "."], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "")
