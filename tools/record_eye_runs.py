"""Repeat the eye experiment of "What a loss must do" with other seeds, budgets and crop sizes.

    python tools/record_eye_runs.py          (about 20 minutes on one core)

Runs the chapter's own cells with SEED, STEPS and SIZE changed, and writes data/results/eye-runs.json after each run.
Runs that the record already has are not repeated.
"""

import contextlib
import io
import json
import os
import platform
import re
import subprocess
from pathlib import Path

import nbformat
import torch

from awing_lib import __version__

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "book/the-loss/what-a-loss-must-do.ipynb"
RECORD = ROOT / "data/results/eye-runs.json"
CELLS = ("setup", "foreground", "crops", "network", "train", "measured", "heatmaps-figure", "weighted")
PAGE = {"size": 40, "steps": 500}
SETTINGS = [(PAGE, range(4)), (PAGE | {"size": 48, "steps": 600}, range(4)), (PAGE | {"steps": 2000}, range(3))]


def run(size: int, steps: int, seed: int) -> dict:
    """Execute the chapter's cells with these values: peak, width and distance per loss, without and with weights."""
    cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    changes = {
        "crops": (r"SIZE, EYE = \d+,", f"SIZE, EYE = {size},"),
        "network": (r"SEED, STEPS = \d+, \d+", f"SEED, STEPS = {seed}, {steps}"),
    }
    page = {}
    for name in CELLS:
        source = cells[name]
        if name in changes:
            source, count = re.subn(*changes[name], source)
            assert count == 1, f"cell {name} no longer starts as expected"
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, name, "exec"), page)
    measured = {
        kind: {loss: page["measure"](maps, page["test_eye"]) for loss, maps in page[kind].items()}
        for kind in ("maps", "weighted")
    }
    return {"size": size, "steps": steps, "seed": seed, "step_sizes": page["chosen"], **measured}


def main() -> None:
    record = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {"runs": []}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    record |= {
        "what": "peak height, width at half height and distance from the eye, means over 256 crops; pixels of the crop",
        "commit": commit.stdout.strip(),
        "versions": {"awing_lib": __version__, "torch": torch.__version__, "python": platform.python_version()},
        "hardware": f"{platform.machine()} CPU, 1 thread",
    }
    for setting, seeds in SETTINGS:
        for seed in seeds:
            if any(r["seed"] == seed and all(r[k] == v for k, v in setting.items()) for r in record["runs"]):
                continue
            record["runs"].append(run(**setting, seed=seed))
            RECORD.with_suffix(".new").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
            os.replace(RECORD.with_suffix(".new"), RECORD)
            print(setting, "seed", seed, {k: [round(v, 2) for v in m] for k, m in record["runs"][-1]["maps"].items()})


if __name__ == "__main__":
    main()
