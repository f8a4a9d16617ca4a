"""Command line of the library: ``awing ...``. Heavy imports happen inside the commands, so that --help is quick."""

import math
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

_UsageError = typer.BadParameter.__base__  # the parent of every complaint about the command line

app = typer.Typer(
    name="awing",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
benchmark = typer.Typer(
    help="Measure speed as ratios within one run. Example: awing benchmark loss",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(benchmark, name="benchmark")
data = typer.Typer(
    help="Data sets: what there is, what you have, faces made to order. Example: awing data list",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(data, name="data")


_RecordOption = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Add the table to this record of the machine.")
]
_MODEL = "A model file, the folder of a run, or a model by name: faces68, faces68-nano, synthetic98-nano."
_NameOption = Annotated[str | None, typer.Option("--as", metavar="NAME", help="What the record calls the table.")]


def _version(wanted: bool) -> None:
    if wanted:
        from awing_lib import __version__

        typer.echo(f"awing {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and leave.")
    ] = False,
) -> None:
    """Adaptive Wing loss for robust face alignment: find landmarks, train networks that do, measure both.

    Example: awing predict faces68 my-photos/ --out landmarks --overlay
    """


@benchmark.command("loss")
def benchmark_loss(
    shape: Annotated[str, typer.Option(help="Batch x channels x height x width of the heatmaps.")] = "8x69x64x64",
    repeats: Annotated[int, typer.Option(min=3, max=1000, help="Timed runs of each variant; the median counts.")] = 15,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    weights: Annotated[bool, typer.Option("--weights", help="With a map of weights, as in training.")] = False,
    compile: Annotated[bool, typer.Option("--compile", help="Also the formula under torch.compile.")] = False,
    json: _RecordOption = None,
    name: _NameOption = None,
) -> None:
    """Time and memory of the loss, forward plus backward, against the formula as written.

    Example: awing benchmark loss --shape 8x69x64x64 --repeats 15
    """
    from awing_lib.benchmarks import loss_table

    sizes, device = _shape(shape), _device(device)
    _check_name(name, json)
    with _one_line("--shape"):
        how = {"weighted": weights, "compiled": compile, "floors": _floors(json, device), "progress": _rounds}
        _report(loss_table(sizes, repeats, device, **how), json, name)


@benchmark.command("figures")
def benchmark_figures(
    moves: Annotated[int, typer.Option(min=5, max=1000, help="Slider moves per figure.")] = 60,
) -> None:
    """Time that each interactive figure takes to redraw in headless Chromium after a slider moved.

    Example: awing benchmark figures --moves 60
    """
    from awing_lib.benchmarks import figures_table

    try:
        typer.echo(figures_table(moves))
    except RuntimeError as error:
        raise _bad(str(error)) from error


@benchmark.command("data")
def benchmark_data(
    photo: Annotated[int, typer.Option(min=64, max=4096, help="Side of the photo that is cropped, pixels.")] = 512,
    repeats: Annotated[int, typer.Option(min=3, max=1000, help="Timed runs of each variant; the median counts.")] = 15,
    images_per_second: Annotated[
        float | None,
        typer.Option(min=1e-3, max=1e9, help="What a device takes while it trains: how long does it wait for workers?"),
    ] = None,
    json: _RecordOption = None,
    name: _NameOption = None,
) -> None:
    """Augmented 256x256 samples per second on one core, and what decoding, warping and the rest take of it.

    Example: awing benchmark data --photo 512 --images-per-second 300
    """
    from awing_lib.benchmarks import data_table

    _check_name(name, json)
    with _one_line("--photo"):
        how = {"images_per_second": images_per_second, "floors": _floors(json, "cpu", 1), "progress": _rounds}
        _report(data_table(photo, repeats, **how), json, name)


@benchmark.command("targets")
def benchmark_targets(
    batch: Annotated[int, typer.Option(min=1, max=1024, help="Faces in a batch.")] = 16,
    repeats: Annotated[int, typer.Option(min=3, max=1000, help="Timed runs of each variant; the median counts.")] = 9,
    device: Annotated[str, typer.Option(help="cpu or cuda, for ours; the others run on the CPU.")] = "cpu",
    json: _RecordOption = None,
    name: _NameOption = None,
) -> None:
    """Heatmaps, boundary and weights of a batch of faces, against making them one face at a time; one CPU thread.

    Example: awing benchmark targets --batch 16 --repeats 9
    """
    from awing_lib.benchmarks import targets_table

    device = _device(device)
    _check_name(name, json)
    with _one_line("--batch"):
        floors = _floors(json, device, 1)
        _report(targets_table(batch, repeats, device, floors=floors, progress=_rounds), json, name)


@benchmark.command("train")
def benchmark_train(
    recipe: Annotated[
        str | None,
        typer.Option(help="Shipped recipe or YAML file; if left out, nano-synthetic on a CPU, paper-table on a GPU."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a field; as often as you like.")
    ] = None,
    batch: Annotated[int, typer.Option(min=2, max=4096, help="Images in a step.")] = 16,
    steps: Annotated[int, typer.Option(min=3, max=10_000, help="Timed steps of each row; the median counts.")] = 10,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    channels_last: Annotated[bool, typer.Option(help="A row with channels_last.")] = True,
    bf16: Annotated[bool | None, typer.Option(help="A row with bf16 autocast; on a GPU if left out.")] = None,
    compile: Annotated[bool | None, typer.Option(help="A row with torch.compile; on a GPU if left out.")] = None,
    fused: Annotated[bool | None, typer.Option(help="A row with the fused loss; on a GPU if left out.")] = None,
    check_steps: Annotated[
        int, typer.Option(min=0, max=100_000, help="Train first and last row so many steps, and compare the losses.")
    ] = 0,
    profile: Annotated[bool, typer.Option("--profile", help="Say what the time of the last row goes to.")] = False,
    json: _RecordOption = None,
    name: _NameOption = None,
) -> None:
    """Images per second of one training step, from eager float32 up; each row makes one more thing faster.

    Example: awing benchmark train --recipe nano-synthetic --batch 16 --steps 10 --check-steps 50
    """
    from awing_lib.benchmarks import train_table

    device = _device(device)
    _check_name(name, json)
    with _one_line("--batch"):
        chosen = _speed_recipe(recipe, settings, device)
        ladder = {"channels_last": channels_last, "bf16": bf16, "compiled": compile, "fused": fused}
        how = {"check_steps": check_steps, "profile": profile, "floors": _floors(json, device), "progress": _rounds}
        _report(train_table(chosen, batch, steps, device, **ladder, **how), json, name)


@benchmark.command("all")
def benchmark_all(
    json: Annotated[
        Path, typer.Option("--json", metavar="FILE", help="The record of this machine; it is made or added to.")
    ],
    recipe: Annotated[
        str | None,
        typer.Option(help="Shipped recipe or YAML file; if left out, nano-synthetic on a CPU, paper-table on a GPU."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a field; as often as you like.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    compile: Annotated[bool | None, typer.Option(help="With torch.compile; on a GPU if left out.")] = None,
    check_steps: Annotated[
        int, typer.Option(min=0, max=100_000, help="Train first and last row so many steps, and compare the losses.")
    ] = 0,
    profile: Annotated[bool, typer.Option("--profile", help="Say what the time of a training step goes to.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny sizes: to see that all works, not how fast.")] = False,
) -> None:
    """Loss, targets, training step and data in one go, into one record.

    On a GPU the record also has the tables loss-weighted and loss-large.

    Example: awing benchmark all --json data/results/speed-cpu.json
    """
    from awing_lib.benchmarks import data_table, loss_table, targets_table, train_table

    device = _device(device)
    gpu = device == "cuda"
    losses = {"loss": ((32, 99, 64, 64) if gpu else (8, 69, 64, 64), False)}
    if gpu:
        losses |= {"loss-weighted": ((32, 99, 64, 64), True), "loss-large": ((128, 99, 64, 64), False)}
    if quick:
        losses = {name: ((1, 2, 16, 16), weighted) for name, (_, weighted) in losses.items()}
    repeats, batch, steps, photo = (3, 2, 3, 64) if quick else (15, 16, 10, 512)
    with _one_line("network (--set features=64)"):
        chosen = _speed_recipe(recipe, settings, device)
        for name, (shape, weighted) in losses.items():
            how = {"weighted": weighted, "compiled": gpu if compile is None else compile}
            how |= {"floors": _floors(json, device), "progress": _rounds}
            _report(loss_table(shape, repeats, device, **how), json, name)
        how = {"floors": _floors(json, device, 1), "progress": _rounds}
        _report(targets_table(batch, repeats, device, **how), json)
        how = {"compiled": compile, "check_steps": check_steps, "profile": profile}
        how |= {"floors": _floors(json, device), "progress": _rounds}
        table = train_table(chosen, batch, steps, device, **how)
        _report(table, json)
        fastest = max(row.more["images_per_second"] for row in table.rows)
        _report(data_table(photo, repeats, images_per_second=fastest, floors=_floors(json, "cpu", 1)), json)


def _speed_recipe(recipe: str | None, settings: list[str] | None, device: str):
    """The recipe whose training step is measured."""
    from awing_lib import recipes

    recipe = recipe or ("paper-table" if device == "cuda" else "nano-synthetic")
    return recipes.load_recipe(recipe, recipes.parse_settings(settings or ()))


def _check_name(name: str | None, record: Path | None) -> None:
    if name and not record:
        raise _bad("--as has no meaning without --json, whose table it names")


def _floors(record: Path | None, device: str, threads: int | None = None):
    """What the device can do: as the record has it, so that all its tables are held to the same, or measured now."""
    import torch

    from awing_lib.benchmarks import measure_floors
    from awing_lib.benchmarks.record import known_floors

    known = known_floors(record) if record else {}
    key = device if device == "cuda" else f"{device}-{threads or torch.get_num_threads()}"
    return known.get(key) or measure_floors(device, threads)


def _report(table, record: Path | None, name: str | None = None) -> None:
    """Print what a benchmark has measured, and add it to the record."""
    from awing_lib.benchmarks import add_table

    typer.echo(table.as_text())
    if record:
        add_table(record, table, name)


def _rounds(items):
    return _progress(items, unit="round", leave=False)


@data.command("list")
def data_list(
    root: Annotated[
        Path, typer.Argument(metavar="ROOT", help="Where to look for them, there and one folder below.")
    ] = Path("data"),
) -> None:
    """Say for each data set: its terms, where to ask for it, the tree expected on disk, and what of it is found.

    Example: awing data list data
    """
    from awing_lib.datasets.catalogue import describe

    with _one_line():
        typer.echo(describe(root))


@data.command("check")
def data_check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="wflw, 300w, cofw, cofw68, aflw or table.")],
    root: Annotated[
        Path, typer.Argument(metavar="ROOT", help="The folder of the data set, called ROOT by awing data list.")
    ],
    layout: Annotated[
        Path | None, typer.Option(metavar="YAML", help="What the points of a table are, if no known layout.")
    ] = None,
) -> None:
    """Open every split, decode every image, compare the numbers with the official ones, list what is wrong.

    Exit code 0: all is well; 1: there are problems; 2: the command line is wrong.

    Example: awing data check wflw data/wflw
    """
    from awing_lib.datasets.catalogue import CATALOGUE, examine
    from awing_lib.layouts import LandmarkLayout

    if name not in CATALOGUE:
        raise _bad(f"data set {name!r} is unknown; there are {', '.join(CATALOGUE)}")
    if not os.path.isdir(root):
        raise _bad(f"{root}: {'is not a folder' if os.path.exists(root) else 'does not exist'}")
    if layout and name != "table":
        raise _bad(f"--layout is for a table; {name} has its own")
    with _one_line():
        known = LandmarkLayout.from_yaml(layout) if layout else None
        problems = examine(name, root, lambda indices, split: _progress(indices, desc=split), typer.echo, layout=known)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)


@data.command("synthesize")
def data_synthesize(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Folder to write to.")],
    layout: Annotated[str, typer.Option(help="wflw, 300w, cofw, aflw or table.")] = "wflw",
    count: Annotated[int, typer.Option(min=0, max=1_000_000, help="Faces for training.")] = 1000,
    test_count: Annotated[
        int | None, typer.Option(min=0, max=1_000_000, help="Faces for testing; a quarter of --count if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same files.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes that make faces; one per core if left out.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace splits that exist.")] = False,
) -> None:
    """Make faces with exact landmarks and write them in the official layout of a data set.

    Example: awing data synthesize data/synthetic --layout wflw --count 1000 --seed 0
    """
    from awing_lib import datasets
    from awing_lib.datasets.synthetic import making

    with _one_line():
        sizes = making.plan_splits(layout, count, test_count)
        faces = datasets.SyntheticFaces(sum(sizes.values()), seed=seed)
        workers = workers or making.available_cores()
        making.write_splits(faces, root, layout, sizes, workers=workers, overwrite=overwrite, progress=_progress)
    for split, size in sizes.items():
        typer.echo(f"wrote {size} faces: {making.opening_line(root, layout, split)}")


@app.command("evaluate")
def evaluate(
    context: typer.Context,
    dataset: Annotated[str, typer.Option(help="wflw, 300w, cofw, cofw68, aflw, table (one's own) or synthetic.")],
    models: Annotated[list[str] | None, typer.Argument(metavar="MODEL", help=f"{_MODEL} Several are compared.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="ROOT", help="Folder of the data set.")] = None,
    split: Annotated[
        str | None, typer.Option(help="test if left out, full for 300w and aflw; all is all of a table.")
    ] = None,
    layout: Annotated[
        Path | None, typer.Option(metavar="YAML", help="What the points of a table are, if no known layout.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many synthetic faces.")] = 500,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of synthetic faces; if left out, of ones that no recipe trains on.")
    ] = None,
    predictions: Annotated[
        list[Path] | None,
        typer.Option(metavar="CSV", help="Score what another program found, or was saved here. May be repeated."),
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="COLUMN", help="A row for each value of this column.")] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Who is on each photo: intervals by person.")
    ] = None,
    normalizer: Annotated[
        str | None, typer.Option(help="inter-ocular, inter-pupil, box (of the landmarks) or face-box (the data set's).")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=1e-3, max=1000, help="Percent; a face with a greater error has failed.")
    ] = None,
    limit: Annotated[float | None, typer.Option(min=1e-3, max=1000, help="Percent; where the AUC ends.")] = None,
    box: Annotated[
        str | None, typer.Option(help="given, landmarks or official-wflw; that of the model's training if left out.")
    ] = None,
    padding: Annotated[
        float | None, typer.Option(min=0, max=2, help="Share of the box added; that of training if left out.")
    ] = None,
    flip_test: Annotated[bool, typer.Option("--flip-test", help="Look at each face's mirror image too.")] = False,
    decode: Annotated[str, typer.Option(help="argmax, quarter, soft-argmax or dark.")] = "dark",
    format: Annotated[str, typer.Option(help="text, markdown or json (which has fractions, not per cent).")] = "text",
    ced: Annotated[Path | None, typer.Option(metavar="PICTURE", help="Draw the error distributions.")] = None,
    faces: Annotated[Path | None, typer.Option(metavar="PICTURE", help="Draw the worst and the best faces.")] = None,
    landmarks: Annotated[Path | None, typer.Option(metavar="PICTURE", help="Draw the error of each landmark.")] = None,
    save_predictions: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Save what the model found, and say how to score it again.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=4096, help="Faces that the model sees at once.")] = 32,
    workers: Annotated[
        int | None, typer.Option(min=0, max=256, help="Processes that read photos; for cuda up to 8 if left out.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; cuda where there is one if left out.")] = None,
) -> None:
    """Measure models on a data set: NME, FR and AUC for each of its subsets, with intervals and the protocol.

    Example: awing evaluate data/runs/paper-wflw --dataset wflw --data data/wflw --ced ced.png
    """
    if not models and not predictions:
        raise _bad("nothing to measure: name a MODEL, or a table with --predictions")
    for option, value, known in (
        ("format", format, ("text", "markdown", "json")),
        ("decode", decode, ("argmax", "quarter", "soft-argmax", "dark")),
        ("box", box or "given", ("given", "landmarks", "official-wflw")),
    ):
        if value not in known:
            raise _bad(f"--{option} must be one of {', '.join(known)}, got {value!r}")
    several = len(models or ()) + len(predictions or ()) > 1
    for option, path in (
        ("ced", ced),
        ("faces", faces),
        ("landmarks", landmarks),
        ("save-predictions", save_predictions),
    ):
        if path and not path.absolute().parent.is_dir():
            raise _bad(f"--{option} {path}: there is no folder {path.absolute().parent}")
        if path and option != "save-predictions" and path.suffix.lower() not in (".png", ".jpg", ".svg", ".pdf"):
            raise _bad(f"--{option} {path}: a picture ends in .png, .jpg, .svg or .pdf")
        if path and several and option in ("faces", "save-predictions"):
            raise _bad(f"--{option} takes one model at a time")
    if layout and dataset != "table":
        raise _bad(f"--layout is for a table; {dataset} has its own")
    device = _device(device) if device else None

    from functools import partial

    import numpy as np
    import torch

    from awing_lib import customs, dataset_prediction, evaluation, prediction_files, score_tables
    from awing_lib.datasets.synthetic.making import available_cores
    from awing_lib.inference import InferenceError
    from awing_lib.layouts import LAYOUTS, LandmarkLayout

    if dataset == "synthetic":
        _refuse(context, "with synthetic faces, which are made to order", "data")
    elif dataset in customs.CUSTOMS:
        _refuse(context, f"with data set {dataset}, only with synthetic faces", "count", "seed")
        if data is None:
            raise _bad(f"--data is missing: the folder of data set {dataset}")
    if not models:
        of_models = ("box", "padding", "flip_test", "decode", "save_predictions", "batch", "workers", "device")
        _refuse(context, "without a MODEL", *of_models)
    figures = _figures() if ced or faces or landmarks else None
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    workers = (min(8, available_cores()) if device == "cuda" else 0) if workers is None else workers
    measured = []
    with _one_line("--batch"):
        loaded = dataset_prediction.load_models(models or [])
        known = LandmarkLayout.from_yaml(layout) if layout else None
        found_by = [info.layout for _, _, info in loaded]
        if dataset == "synthetic":
            marked = [*found_by, *filter(None, map(prediction_files.known_layout, predictions or []))]
            # what the others find is converted to that of the fewest points
            known = min(marked, key=lambda each: each.count, default=None)
        elif known is None and loaded and found_by[0].name not in LAYOUTS:
            known = found_by[0]  # a table's columns do not say what a layout of one's own is
        chosen = {"layout": known, "count": count} | ({} if seed is None else {"seed": seed})
        photos, custom = customs.open_faces(dataset, data, split, **chosen)
        tables = [(path, *prediction_files.read_predictions(path, photos)) for path in predictions or []]
        fractions = {"threshold": threshold and threshold / 100, "limit": limit and limit / 100}

        def measure(name, found, points, crop, flip=False):
            protocol = customs.make_protocol(custom, crop, normalizer=normalizer, flip=flip, **fractions)
            return evaluation.evaluate(name, found, photos, protocol, layout=points, by=by, group=group)

        crops = [dataset_prediction.crop_of(info, box, padding) for _, _, info in loaded]
        told = [customs.crop_in_words(crop, photos) for crop in crops]
        for (name, _, info), words in zip(loaded, told, strict=True):
            # what does not fit together shall show now, and not after an hour of predictions
            measure(name, np.full((len(photos), info.layout.count, 2), np.nan), info.layout, words)
        for (name, model, info), crop, words in zip(loaded, crops, told, strict=True):
            try:
                found, _ = dataset_prediction.predict_faces(
                    model.to(device),
                    photos,
                    protocol=crop,
                    size=info.size,
                    layout=info.layout,
                    decode=decode,
                    sigma=info.sigma,
                    flip=flip_test,
                    batch=batch,
                    workers=workers,
                    progress=partial(_progress, desc=name),
                )
            except InferenceError as error:
                raise _bad(f"{name}: {error}") from error
            model.to("cpu")
            measured.append(measure(name, found, info.layout, words, flip_test))
        for path, found, points in tables:
            measured.append(measure(str(path), found, points, f"not known ({path.name})", flip=None))
    written = {"text": score_tables.text_table, "markdown": score_tables.markdown_table, "json": score_tables.as_json}
    typer.echo(written[format](measured))

    first = measured[0]
    if save_predictions:
        # points that the data set's layout has and the model's has not would be empty, which says "not found"
        kept = found if np.isnan(first.predicted).any() else first.predicted
        _saved(save_predictions, partial(prediction_files.save_predictions, faces=photos, landmarks=kept))
        which, how = ("dataset", "data", "split", "layout", "count", "seed"), ("normalizer", "threshold", "limit")
        again = ["awing", "evaluate", "--predictions", str(save_predictions), *_given(context, *which, *how)]
        if dataset == "table" and known and not layout:  # the model knew, which is not asked then
            again += ["--layout", f"{known.name}.yaml"]
        typer.echo(f"to score them again: {shlex.join(again)}", err=True)
    drawn = {}
    if ced:
        limits = {"limit": first.protocol.auc_limit, "threshold": first.protocol.failure_threshold}
        drawn[ced] = figures.error_distributions({each.name: each.errors for each in measured}, **limits)
    if faces:
        places = (rank(min(8, len(photos) // 2 or 1)) for rank in (first.worst, first.best))
        drawn[faces] = figures.worst_and_best_faces(*(evaluation.face_crops(first, photos, each) for each in places))
    if landmarks:
        errors = {each.name: each.per_landmark for each in measured}
        drawn[landmarks] = figures.landmark_errors_on_face(figures.mean_shape(first.target), errors)
    for path, figure in drawn.items():
        _saved(path, partial(figures.save_figure, figure))


@app.command("train")
def train_command(
    context: typer.Context,
    recipe: Annotated[
        str | None, typer.Option(help="A shipped recipe, or a YAML file; awing train --list names them.")
    ] = None,
    root: Annotated[Path | None, typer.Option("--data", metavar="ROOT", help="Folder of the data set.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; data/runs/ and the recipe's name if left out.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a field; as often as you like.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last good checkpoint.")] = False,
    start_from: Annotated[
        str | None, typer.Option("--from", metavar="MODEL", help="Fine-tune this model file, run, or shipped model.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, max=1024, help="How many of them, on this machine.")] = 1,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after so many, with a checkpoint to go on from.")
    ] = None,
    list_recipes: Annotated[bool, typer.Option("--list", help="Name the recipes that there are, and leave.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the recipe with every field, and leave.")] = False,
) -> None:
    """Train a network by a recipe. A run that was stopped, however that came about, goes on with --resume.

    In its log.csv and run.json, val_nme is the NME on the validation faces in per cent.

    Exit code 0: the run has reached its end, or --minutes are over; 130: it was stopped; 2: something is wrong.

    Example: awing train --recipe paper-wflw --data data/wflw --set stacks=2

    Several machines, each with 8 GPUs: torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d
    --rdzv-endpoint HOST:29500 -m awing_lib.cli train --recipe paper-wflw --data data/wflw --device cuda
    """
    from awing_lib import recipes

    if list_recipes:
        width = max(map(len, recipes.RECIPES))
        for name in recipes.RECIPES:
            typer.echo(f"{name:<{width}}  {recipes.load_recipe(name).about}")
        return
    if recipe is None:
        if not (resume and out):
            raise _bad("--recipe is missing; awing train --list names them (with --resume, --out alone will do)")
        if not (out / "recipe.yaml").exists():
            raise _bad(f"{out}: there is no run to go on with; --recipe begins one")
        recipe = str(out / "recipe.yaml")
    with _one_line():
        changes = recipes.parse_settings(settings or ())
        chosen = recipes.load_recipe(recipe, changes)
        recipes.check_settings(chosen, changes)
    if show:
        typer.echo(chosen.to_yaml(), nl=False)
        return
    if chosen.data.dataset == "synthetic":
        _refuse(context, f"with recipe {chosen.name}, whose faces are made to order", "root")
    elif root is None:
        raise _bad(f"--data is missing: the folder of data set {chosen.data.dataset}")
    if device not in ("auto", "cpu", "cuda"):
        raise _bad(f"--device must be auto, cpu or cuda, got {device!r}")
    if device == "cuda":
        _device(device)

    from awing_lib.run_devices import Elsewhere
    from awing_lib.training import Interrupted, train

    first = os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"  # of several processes, one speaks
    here = int(os.environ.get("LOCAL_WORLD_SIZE", devices))  # under torchrun, what that was told
    machines = int(os.environ.get("WORLD_SIZE", here)) // here
    out = out or Path("data/runs") / chosen.name
    running = {"accelerator": device, "devices": here, "nodes": machines, "minutes": minutes}
    with _one_line():
        if start_from:
            from awing_lib.inference import resolve_model

            start_from = resolve_model(start_from)
        try:
            train(chosen, root, out, resume=resume, start_from=start_from, **running)
        except Interrupted as error:
            if first:
                typer.echo(f"awing: {error}", err=True)
            raise typer.Exit(0 if error.planned or not first else 130) from error
        except Elsewhere as error:
            raise (_bad(str(error)) if first else typer.Exit(0)) from error
    if first:
        typer.echo(f"the network is in {out / 'model.safetensors'}, the record in {out / 'run.json'}")


@app.command("predict")
def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=_MODEL)],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Photos, videos, and folders of them.")],
    boxes: Annotated[
        Path | None,
        typer.Option(
            help="Table of the faces: name, box_x0, box_y0, box_x1, box_y1 (tight boxes of the landmarks). "
            "Without it, faces that look at the camera are found by a detector, which needs scikit-image."
        ),
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Each picture is one face, from edge to edge.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; without it, the table goes to stdout.")] = None,
    format: Annotated[
        str, typer.Option(help="csv, json, or pts: one file a face as 300W has them, counted from (1, 1).")
    ] = "csv",
    overlay: Annotated[bool, typer.Option("--overlay", help="Draw the landmarks into copies of the pictures.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    batch: Annotated[int, typer.Option(min=1, max=4096, help="Faces that the network sees at once.")] = 16,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; the best there is if left out.")] = None,
) -> None:
    """Find the landmarks of the faces in photos and videos.

    Coordinates are pixels of the picture as one sees it; (0, 0) is the centre of the top-left pixel (.pts: (1, 1)).

    Exit code 0: all is well; 1: some pictures could not be read, the others were done; 2: the command line is wrong.

    Example: awing predict faces68 photos/ --out found --overlay
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")  # its lines about broken pictures; ours name the file
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    from awing_lib import predicting
    from awing_lib.detection import CascadeDetector
    from awing_lib.inference import FaceAligner

    if boxes is not None and whole:
        raise _bad("--boxes and --whole both say where the faces are: give one of them")
    if overwrite and out is None:
        raise _bad("--overwrite has no meaning without --out")
    with _one_line("--batch"):
        found = sources = predicting.find_sources(paths)
        given = None if boxes is None else predicting.read_boxes(boxes)
        if given is not None:
            sources = predicting.with_boxes(sources, given)
        detector = CascadeDetector() if given is None and not whole else None
        aligner = FaceAligner.from_pretrained(
            model, detector=detector, batch=batch, device=None if device is None else _device(device)
        )
        results = predicting.Results(aligner.info.layout, format, out, overlay, overwrite)
        results.check(sources, paths)
        total = None if any(source.is_video for source in sources) else len(sources)
        summary = predicting.predict(
            aligner,
            sources,
            results,
            boxes=given,
            whole=whole,
            progress=lambda pictures: _progress(pictures, unit="picture", total=total),
        )
        if len(paths) == 1 and paths[0].is_file() and summary.problems and not summary.pictures:
            raise _bad(summary.problems[0])  # bad input, where among many pictures it is one that is left out
        table = results.finish()
    for problem in summary.problems:
        typer.echo(f"awing: {problem}", err=True)
    if len(sources) < len(found):
        left_out = len(found) - len(sources)
        typer.echo(f"awing: {left_out} of {len(found)} files are not in {boxes} and are left out", err=True)
    if summary.empty:
        named, more = ", ".join(summary.empty[:3]), len(summary.empty) - 3
        named += f" and {more} more" if more > 0 else ""
        typer.echo(f"awing: no face was found in {named}; --boxes or --whole can say where one is", err=True)
    if out is None:
        typer.echo(table, nl=False)
    else:
        empty = f", {len(summary.empty)} without a face" if summary.empty else ""
        typer.echo(f"{summary.faces} faces in {summary.pictures} pictures{empty}: {table or out}")
    if summary.problems:
        raise typer.Exit(1)


@app.command("export")
def export_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=_MODEL)],
    out: Annotated[
        Path | None, typer.Argument(metavar="OUT.onnx", help="File to write; MODEL's name, here, if left out.")
    ] = None,
    batch: Annotated[str, typer.Option(help="How many faces at once: any, or fixed to one.")] = "any",
    int8: Annotated[
        bool, typer.Option("--int8", help="Convolutions in 8 bits; says by how much that moves the landmarks.")
    ] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="ROOT", help="For --int8: a table of faces like those to come; else synthetic ones."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
) -> None:
    """Write a model as an ONNX file that says how to use it, and check that it finds what PyTorch finds.

    In its metadata: how a face becomes its input and its heatmaps become landmarks, in words and as a NumPy function.

    Example: awing export faces68-nano nano.onnx
    """
    if batch not in ("any", "fixed"):
        raise _bad(f"--batch must be any or fixed, got {batch!r}")
    if calibrate and not int8:
        raise _bad("--calibrate is for --int8")

    from awing_lib import export
    from awing_lib.dataset_prediction import load_models
    from awing_lib.datasets.opening import open_dataset
    from awing_lib.layouts import LAYOUTS

    with _one_line():
        name, network, info = load_models([model])[0]
        out = out or Path(f"{name}.onnx")
        export.check_target(out)
        if out.exists() and not overwrite:
            raise _bad(f"{out} exists; --overwrite replaces it")
        layout = None if info.layout.name in LAYOUTS else info.layout  # a table's columns do not say one's own
        written = export.export_onnx(
            network,
            out,
            info=info,
            dynamic_batch=batch == "any",
            int8=int8,
            calibration=open_dataset("table", calibrate, layout=layout) if calibrate else None,
            say=lambda step: typer.echo(f"{step} ...", err=True),
        )
    typer.echo(f"{out}: {written.bytes / 1e6:.2f} MB, opset {written.opset}")
    for each, shape in {**written.inputs, **written.outputs}.items():
        typer.echo(f"  {each} ({', '.join(map(str, shape))})")
    if int8:
        typer.echo(
            f"  8 bits move the landmarks by {written.shift:.2f} of the crop's {info.size} pixels on average, "
            f"by {written.largest_shift:.2f} at most"
        )
    elif written.difference is None:
        typer.echo("  not compared with PyTorch, since onnxruntime is missing; pip install 'awing-lib[export]'")
    else:
        typer.echo(f"  heatmaps differ from PyTorch's by at most {written.difference:.1g}")


@contextmanager
def _one_line(less: str = "") -> Iterator[None]:
    """Bad data, and what is more than the memory holds, as one line; ``less`` says which option makes that smaller."""
    from awing_lib.errors import AwingError

    try:
        yield
    except (typer.Exit, BrokenPipeError):  # said already; nobody reads on
        raise
    except (AwingError, OSError) as error:
        raise _bad(str(error)) from error
    except (RuntimeError, MemoryError) as error:
        from awing_lib.run_devices import out_of_memory  # which takes a second to import

        if not out_of_memory(error):
            raise
        raise _bad("there is too little memory for this" + f"; a smaller {less} needs less" * bool(less)) from error


def _given(context: typer.Context, *names: str) -> list[str]:
    """The options among these that stand on the command line, each before its value."""
    words = []
    for option in context.command.params:
        if option.name in names and context.get_parameter_source(option.name).name == "COMMANDLINE":
            words += [option.opts[0], str(context.params[option.name])]
    return words


def _refuse(context: typer.Context, why: str, *names: str) -> None:
    """Refuse options that would do nothing: who gives one wants something else than what would happen."""
    if given := _given(context, *names):
        raise _bad(f"{given[0]} has no meaning {why}")


def _figures():
    """The module that draws, whose packages are not there unless one asked for them."""
    try:
        from awing_lib import figures
    except ImportError as error:
        raise _bad(f"pictures need more packages: pip install 'awing-lib[figures]' ({error})") from error
    return figures


def _saved(path: Path, write) -> None:
    try:
        write(path=path)
    except OSError as error:
        raise _bad(f"{path}: cannot be written: {error.strerror}") from error


def _progress(items, **options):
    """A bar on stderr for what takes longer than two seconds."""
    from tqdm import tqdm

    return tqdm(items, **{"unit": "face", "delay": 2, **options})


def _shape(text: str) -> tuple[int, int, int, int]:
    try:
        sizes = tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        sizes = ()
    if len(sizes) != 4 or min(sizes) < 1:
        raise _bad(f"--shape must look like 8x69x64x64, got {text!r}")
    if math.prod(sizes) > 2**60:  # PyTorch could not even count the bytes
        raise _bad(f"--shape {text} is too large for the memory of any machine")
    return sizes


def _device(name: str) -> str:
    import torch

    if name not in ("cpu", "cuda"):
        raise _bad(f"--device must be cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise _bad("--device cuda: this machine has no CUDA device that PyTorch can use")
    return name


def _bad(message: str) -> typer.Exit:
    """Bad input: one line on stderr and exit code 2."""
    typer.echo(f"awing: {message}", err=True)
    return typer.Exit(2)


def main() -> None:
    try:
        sys.exit(app(standalone_mode=False))
    except _UsageError as error:
        message = error.format_message()
        # without arguments the "error" is the help text itself
        typer.echo(message if "\n" in message else f"awing: {message}", err=True)
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)


if __name__ == "__main__":
    main()
