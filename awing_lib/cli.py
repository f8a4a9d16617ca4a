"""Command line of the library: ``awing ...``. Heavy imports happen inside the commands, so that --help is quick."""

import sys
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
