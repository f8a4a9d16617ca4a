"""Benchmarks of the library: ratios measured in one run, each held to what the machine itself can do.

Machines differ and share their cores, so a time alone says little. Each table gives the ratio of every row to a
baseline measured in the same run, and a *floor*: the time that the least bytes and the least operations of the task
would take at the copy bandwidth and the matrix rate measured on this machine. ``reached`` is floor / time.

``awing benchmark {loss,targets,data,train,all} --json FILE`` adds a table to a record::

    {"environment": {...},                      awing_lib.run_record.environment(), of the latest table
     "floors": {KEY: {                          KEY: "cpu-1" (one thread), "cpu-2" (two), ..., or "cuda"
        "device": "cuda", "name": "NVIDIA H200", "threads": null,
        "bytes_per_second": 3.9e12,             copying: bytes read + bytes written
        "operations_per_second": {"float32": 4.8e13, "tf32": 3.5e14, "bfloat16": 6.5e14},
        "settings": {...}}},
     "tables": {NAME: {DEVICE: {                NAME: "loss", "targets", "data", "train", or what --as says
        "title": "32x99x64x64 float32, forward + backward",
        "device": "cuda", "device_name": "NVIDIA H200",
        "per": "call",                          what `seconds` are of: "call", "face", "sample" or "step"
        "floors": "cuda",                       which of the floors the rows are held to
        "settings": {"shape": [32, 99, 64, 64], "repeats": 15, ...},
        "rows": [{
            "name": "fused kernel",
            "seconds": 5.1e-05,                 median
            "ratio": 0.08,                      seconds / seconds of the baseline; smaller is faster
            "bytes": 155713536,                 read + written at least, in whichever way it is done; null: not said
            "operations": 285474816,            at least; a multiply-add is 2; null: not said
            "precision": "float32",             which of operations_per_second counts
            "floor_seconds": 4.0e-05,           max(bytes / bytes_per_second, operations / operations_per_second)
            "reached": 0.78,                    floor_seconds / seconds; both are null if it ran on another device
            "more": {...}}],
        "notes": ["..."], "more": {...},
        "commit": "...", "measured": "2026-01-31T12:00:00+00:00"}}}}

(The numbers are examples.) What stands in ``more`` is said where each table is made: :func:`~awing_lib.benchmarks.loss.
loss_table`, ``targets_table``, ``data_table``, ``train_table``. The whole record of a machine is one command::

    awing benchmark all --json data/results/speed-cpu.json
    awing benchmark all --device cuda --check-steps 200 --profile --json data/results/speed-cuda.json
"""

import importlib

_PLACES = {
    "add_table": "record",
    "data_table": "data",
    "figures_table": "figures",
    "loss_table": "loss",
    "measure_floors": "floors",
    "read_record": "record",
    "targets_table": "targets",
    "train_table": "train",
}


def __getattr__(name: str):
    """What the modules hold, imported when it is asked for: each needs other packages."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
