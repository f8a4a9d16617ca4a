"""Choose the learning rates of the four losses of the chapter on training, and repeat its experiment with other seeds.

    python tools/record_nano_rates.py          (about ten minutes on one core)

Runs the chapter's own cells with SEED changed, and writes data/results/nano-rates.json. No seed that rates are chosen
with is one that results are shown of; each seed has faces and first weights of its own. Runs that the record has
already are not repeated; delete it after a change of the cells.
"""

import json
import re
from pathlib import Path

import nbformat
import numpy as np

from awing_lib.run_record import environment
from awing_lib.weights import write_bytes

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "book/train-and-measure/training.ipynb"
RECORD = ROOT / "data/results/nano-rates.json"
NAMES = ["MSE", "MSE + weights", "AWing", "AWing + weights"]
CELLS = ("setup", "nano-faces", "nano-recipe", "held-out", "train")
RATES = [0.001, 0.003, 0.01, 0.03, 0.1]
TUNING_SEEDS = [100]
SEEDS = [1, 2, 3]  # the page has seed 0


def page_of(seed: int) -> dict:
    """What the chapter's cells define, with another seed."""
    cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    cells["nano-faces"], count = re.subn(
        r"SEED, TRAIN, TEST = \d+,", f"SEED, TRAIN, TEST = {seed},", cells["nano-faces"]
    )
    assert count == 1, "cell nano-faces no longer starts as expected"
    page = {}
    for name in CELLS:
        exec(compile(cells[name], name, "exec"), page)
    return page


def last_row(page: dict, name: str, rate: float) -> list[float]:
    """NME (a fraction), mean height at the landmark and mean width of one training."""
    _, _, film = page["train_watched"](name, rate)
    row = [round(float(values[-1]), 6) for values in (film.nme, film.height, film.width)]
    print(
        f"seed {page['SEED']}, {name}, {rate:g}: NME {row[0]:.2%}, height {row[1]:.2f}, width {row[2]:.2f}", flush=True
    )
    return row


def main() -> None:
    record = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {"rows": {}, "runs": []}
    system = environment()
    hardware = system["hardware"]
    record |= {
        "what": "NME (in 'tuning' per cent, elsewhere fractions), mean height at the landmark, mean width in pixels",
        "commit": system["commit"] if system["commit"] and not system["commit"].endswith("+") else None,
        "versions": system["versions"] | {"awing_lib": system["awing_lib"], "python": system["python"]},
        "hardware": f"{hardware['cpu']}, 1 thread",
        "rates": RATES,
        "tuning_seeds": TUNING_SEEDS,
    }

    def save() -> None:
        write_bytes(RECORD, (json.dumps(record, indent=1) + "\n").encode())

    for seed in TUNING_SEEDS:
        page = None
        for rate in RATES:
            for name in NAMES:
                key = f"{seed}, {name}, {rate:g}"
                if key not in record["rows"]:
                    page = page or page_of(seed)
                    record["rows"][key] = last_row(page, name, rate)
                    save()
    record["tuning"] = {
        name: [
            round(100 * float(np.mean([record["rows"][f"{seed}, {name}, {rate:g}"][0] for seed in TUNING_SEEDS])), 3)
            for rate in RATES
        ]
        for name in NAMES
    }
    record["chosen"] = {name: RATES[int(np.argmin(row))] for name, row in record["tuning"].items()}
    record["runs"] = [run for run in record["runs"] if run["chosen"] == record["chosen"]]
    for seed in SEEDS:
        if any(run["seed"] == seed for run in record["runs"]):
            continue
        page = page_of(seed)
        last = {name: last_row(page, name, rate) for name, rate in record["chosen"].items()}
        record["runs"].append({"seed": seed, "chosen": record["chosen"], "last": last})
        save()
    save()


if __name__ == "__main__":
    main()
