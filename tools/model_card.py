"""Write the card of a model: what it is, what it learned from, how good it is, and what it is bad at.

    python tools/model_card.py data/weights/faces68-nano.safetensors --run data/runs/faces68-nano \\
        --evaluation test.json --notes notes.md --out data/weights/faces68-nano.md

Every number is read: from the model file, from the run's ``run.json``, and from what ``awing evaluate --format json``
wrote (give ``--evaluation`` several times for several data sets). The notes are for what no record knows, such as where
the photos come from. Exit code 2: the parts do not belong together, and no card is written.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import torch

from awing_lib.customs import FULL
from awing_lib.errors import AwingError
from awing_lib.inference import SHIPPED
from awing_lib.licences import HEADING, data_and_licence
from awing_lib.scores import Scores
from awing_lib.weights import ModelInfo, load_model, write_bytes

ROOT = Path(__file__).resolve().parent.parent
WORST = 3
"""How many regions and landmarks are named as those with the greatest error."""


class CardError(AwingError):
    """Parts of a card that do not belong together, or one that cannot be read."""


def read_json(path: Path) -> dict:
    """A JSON file; CardError if there is none."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CardError(f"{path}: cannot be read as JSON: {error}") from error


def check_origin(model: Path, state: dict, info: ModelInfo, folder: Path, run: dict) -> None:
    """CardError unless the model is the network that the run left behind, at most in another precision."""
    if info.about.get("recipe") != run.get("recipe"):
        raise CardError(f"{model} was not made by the run {folder}: its recipe is another one")
    if not (folder / "model.safetensors").is_file():
        return
    theirs = load_model(folder / "model.safetensors")[0].state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.equal(tensor.half(), theirs[name].half()):
            raise CardError(f"{model} was not made by the run {folder}: {name} differs")


def entry_of(path: Path, model: Path, folder: Path) -> dict:
    """What an evaluation says of the model: of several, the one with its file's name or its run's.

    Raises:
        CardError: the file is no evaluation, or it has several models of which none is called so.
    """
    try:
        entries = read_json(path)["models"]
        named = [entry for entry in entries if entry["name"] in (model.stem, folder.resolve().name)]
        (entry,) = entries if len(entries) == 1 else named
        entry["scores"][FULL]["nme"]
    except (KeyError, TypeError, ValueError) as error:
        raise CardError(f"{path}: expected what awing evaluate --format json writes, of {model.stem}") from error
    return entry


def percent(fraction: float) -> str:
    """0.04712 -> "4.71 %"."""
    return f"{100 * float(fraction):.2f} %"


def with_interval(interval) -> str:
    """A fraction and its interval, in per cent."""
    return f"{100 * interval.value:.2f} ({100 * interval.low:.2f} to {100 * interval.high:.2f})"


def one_line(fields: dict) -> str:
    """The fields of one part of a recipe."""
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in fields.items())


def about_model(model: Path, state: dict, info: ModelInfo) -> list[str]:
    """Title, what the model is, and how to use it."""
    parameters = sum(tensor.numel() for tensor in state.values() if tensor.is_floating_point())
    size, network = model.stat().st_size, info.network
    shipped = model.stem if model.stem in SHIPPED else f"data/weights/{model.name}"
    return [
        f"# {model.stem}",
        f"A stacked hourglass that finds the {info.layout.count} landmarks of {info.layout.name}: "
        f"{network.stacks} stack{'s' * (network.stacks > 1)} of depth {network.depth} with {network.features} "
        f"features, {parameters:,} numbers, for crops of {info.size}x{info.size} pixels.",
        f"File: `{model.name}`, {size:,} bytes, SHA-256 `{hashlib.sha256(model.read_bytes()).hexdigest()}`.",
        "## Use",
        "```python\nfrom awing_lib.inference import FaceAligner\n\n"
        f"aligner = FaceAligner.from_pretrained({json.dumps(shipped)})\n"
        "for face in aligner(image):  # (H, W, 3) uint8 RGB\n"
        f"    face.landmarks, face.scores  # ({info.layout.count}, 2) pixels, ({info.layout.count},) heights of the "
        "peaks\n```",
        f"The box of a face is the tight box of its landmarks; {100 * info.padding:g} % of its longer side are added "
        "in all. Without boxes, a detector looks for faces that look at the camera.",
    ]


def about_training(run: dict) -> list[str]:
    """Data, licence, recipe, and how the run went."""
    recipe, environment, tuned = run["recipe"], run["environment"], run.get("fine_tuned", False)
    hardware, seconds = environment["hardware"], sum(session["seconds"] for session in run["sessions"])
    machine = ", ".join(hardware.get("gpus", [])) if run["device"] == "cuda" else hardware["cpu"]
    threads = "" if run["device"] == "cuda" else f", {hardware['threads']} of {hardware['cores']} cores"
    validated = run["final"].get("val_nme")
    # of a commit from which files differed, records say so with a plus
    commit = (environment["commit"] or "not known").replace("+", " and changes that are not in it")
    return [
        HEADING,
        data_and_licence(recipe, run["data"], tuned),
        "## Training",
        f"{len(run['epochs'])} epochs, {run['steps']:,} steps of {recipe['training']['batch']} faces, "
        f"{seconds / 60:.1f} minutes on {run['devices']} x {run['device']} ({machine}{threads}); finished "
        f"{run['finished']}."
        + ("" if validated is None else f" NME on the faces looked at: {validated:.2f} %.")
        + (" It began with the weights of another model." if tuned else ""),
        f"awing_lib {environment['awing_lib']}, commit {commit}, torch "
        f"{environment['versions']['torch']}, Python {environment['python']}. The recipe, `{recipe['name']}`:",
        "\n".join(f"- **{name}**: {one_line(part)}" for name, part in recipe.items() if isinstance(part, dict)),
    ]


def about_scores(entry: dict) -> list[str]:
    """One data set: the protocol, the table, and what the model is bad at."""
    scores = {subset: Scores.from_dict(each) for subset, each in entry["scores"].items() if each}
    full = scores[FULL]
    people = "" if full.people is None else f" of {full.people} people, who are what the intervals draw from"
    rows = ["| subset | faces | NME, % | FR, % | AUC |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| {subset} | {each.faces} | {with_interval(each.nme)} | {with_interval(each.failure_rate)} "
        f"| {each.auc.value:.3f} ({each.auc.low:.3f} to {each.auc.high:.3f}) |"
        for subset, each in scores.items()
    ]
    note = [f"Note: {entry['note']}."] if entry.get("note") else []
    return [
        f"### {full.protocol.data}",
        f"{full.protocol}. {full.faces} faces{people}; intervals of {100 * full.level:g} %.",
        "\n".join(rows),
        *note,
        "Worst at:",
        "\n".join(f"- {line}" for line in weaknesses(entry, scores)),
    ]


def weaknesses(entry: dict, scores: dict[str, Scores]) -> list[str]:
    """What is worse than the rest: subsets, regions, landmarks; all computed."""
    full, lines = scores[FULL], []
    worse = [name for name, each in scores.items() if name != FULL and each.nme.low > full.nme.value]
    if worse:
        worse.sort(key=lambda name: -scores[name].nme.value)
        told = ", ".join(f"{name} ({percent(scores[name].nme.value)})" for name in worse)
        lines.append(f"subsets whose whole interval lies above the NME of all faces: {told}")
    elif len(scores) > 1:
        lines.append("no subset's whole interval lies above the NME of all faces")
    threshold = 100 * full.protocol.failure_threshold
    lines.append(f"{percent(full.failure_rate.value)} of the faces have an error above {threshold:g} %")
    for what in ("regions", "landmarks"):
        measured = {name: float(error) for name, error in entry[what].items() if error != "nan"}
        worst = sorted(measured, key=lambda name: -measured[name])[:WORST]
        lines.append(f"{what}, worst first: " + ", ".join(f"{name} ({percent(measured[name])})" for name in worst))
    return lines


def card(model: Path, folder: Path, evaluations: list[Path], notes: str) -> str:
    """The whole card, Markdown.

    Raises:
        CardError: the model, the run and the evaluations do not belong together, or one cannot be read.
    """
    network, info = load_model(model)
    state, run = network.state_dict(), read_json(folder / "run.json")
    check_origin(model, state, info, folder, run)
    parts = about_model(model, state, info) + about_training(run)
    parts += ["## Numbers"] + [line for path in evaluations for line in about_scores(entry_of(path, model, folder))]
    parts += ["## Notes", notes.strip()] if notes.strip() else []
    return "\n\n".join(parts) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL", help="the model file that is given to others")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run, with its run.json")
    parser.add_argument("--evaluation", type=Path, action="append", required=True, help="may be repeated")
    parser.add_argument("--notes", type=Path, help="Markdown, to stand at the end")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    try:
        notes = given.notes.read_text("utf-8") if given.notes else ""
        write_bytes(given.out, card(given.model, given.run, given.evaluation, notes).encode())
    except (AwingError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
