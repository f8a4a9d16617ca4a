"""Command line of the library: ``awing ...``. Heavy imports happen inside the commands, so that --help is quick."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

_UsageError = typer.BadParameter.__base__  # the parent of every complaint about the command line

app = typer.Typer(
    name="awing",
    help="Adaptive Wing loss for robust face alignment. Example: awing benchmark loss",
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
    """Adaptive Wing loss for robust face alignment.

    Example: awing benchmark loss
    """


@benchmark.command("loss")
def benchmark_loss(
    shape: Annotated[str, typer.Option(help="Batch x channels x height x width of the heatmaps.")] = "8x69x64x64",
    repeats: Annotated[int, typer.Option(min=3, max=1000, help="Timed runs of each variant; the median counts.")] = 15,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Time and memory of the loss, forward plus backward, against the formula as written.

    Example: awing benchmark loss --shape 8x69x64x64 --repeats 15
    """
    from awing_lib.benchmarks import loss_table

    typer.echo(loss_table(_shape(shape), repeats, _device(device)))


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
) -> None:
    """Augmented 256x256 samples per second on one core, and what decoding, warping and the rest take of it.

    Example: awing benchmark data --photo 512 --repeats 15
    """
    from awing_lib.benchmarks import data_table

    typer.echo(data_table(photo, repeats))


@benchmark.command("targets")
def benchmark_targets(
    batch: Annotated[int, typer.Option(min=1, max=1024, help="Faces in a batch.")] = 16,
    repeats: Annotated[int, typer.Option(min=3, max=1000, help="Timed runs of each variant; the median counts.")] = 9,
    device: Annotated[str, typer.Option(help="cpu or cuda, for ours; the others run on the CPU.")] = "cpu",
) -> None:
    """Heatmaps, boundary and weights of a batch of faces, against making them one face at a time; one CPU thread.

    Example: awing benchmark targets --batch 16 --repeats 9
    """
    from awing_lib.benchmarks import targets_table

    device = _device(device)
    try:
        typer.echo(targets_table(batch, repeats, device))
    except RuntimeError as error:
        raise _bad(str(error)) from error


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
    from awing_lib.errors import AwingError

    try:
        typer.echo(describe(root))
    except AwingError as error:
        raise _bad(str(error)) from error


@data.command("check")
def data_check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="wflw, 300w, cofw, cofw68, aflw or table.")],
    root: Annotated[
        Path, typer.Argument(metavar="ROOT", help="The folder of the data set, called ROOT by awing data list.")
    ],
) -> None:
    """Open every split, decode every image, compare the numbers with the official ones, list what is wrong.

    Exit code 0: all is well; 1: there are problems; 2: the command line is wrong.

    Example: awing data check wflw data/wflw
    """
    from awing_lib.datasets.catalogue import CATALOGUE, examine

    if name not in CATALOGUE:
        raise _bad(f"data set {name!r} is unknown; there are {', '.join(CATALOGUE)}")
    if not os.path.isdir(root):
        raise _bad(f"{root}: {'is not a folder' if os.path.exists(root) else 'does not exist'}")
    problems = examine(name, root, lambda indices, split: _progress(indices, desc=split), typer.echo)
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
    from awing_lib.errors import AwingError

    try:
        sizes = making.plan_splits(layout, count, test_count)
        faces = datasets.SyntheticFaces(sum(sizes.values()), seed=seed)
        workers = workers or making.available_cores()
        making.write_splits(faces, root, layout, sizes, workers=workers, overwrite=overwrite, progress=_progress)
    except AwingError as error:
        raise _bad(str(error)) from error
    for split, size in sizes.items():
        typer.echo(f"wrote {size} faces: {making.opening_line(root, layout, split)}")


def _progress(items, **options):
    """A bar on stderr for what takes longer than two seconds."""
    from tqdm import tqdm

    return tqdm(items, unit="face", delay=2, **options)


def _shape(text: str) -> tuple[int, int, int, int]:
    try:
        sizes = tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        sizes = ()
    if len(sizes) != 4 or min(sizes) < 1:
        raise _bad(f"--shape must look like 8x69x64x64, got {text!r}")
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
