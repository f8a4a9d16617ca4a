"""Static figures of errors, intervals and runs."""

import numpy as np
from matplotlib.figure import Figure

from awing_lib.figure_style import AMBER, BLUE, INK, MODEL_STYLES, RED, new_figure
from awing_lib.intervals import Interval
from awing_lib.metrics import area_under_curve, cumulative_error_distribution, failure_rate


def error_distributions(errors: dict[str, np.ndarray], limit: float = 0.10, threshold: float | None = None) -> Figure:
    """The CED of one or several models with their AUC; errors up to ``limit``.

    Args:
        errors: name of the model -> (N,) error of each face, fractions; NaN where nothing was measured.
        limit: fraction.
        threshold: from where a face has failed, fraction: a vertical line, and the failure rate beside the AUC.

    Raises:
        ValueError: a model has no measured face, or a number is out of range.
    """
    figure, axes = new_figure(7.2, 4.2)
    for index, (name, values) in enumerate(errors.items()):
        values = values[~np.isnan(values)]
        label = f"{name}, AUC {area_under_curve(values, limit):.3f}"
        if threshold is not None:
            label += f", FR {100 * failure_rate(values, threshold):.1f} %"
        x, y = cumulative_error_distribution(values, limit)
        axes.step(100 * x, 100 * y, where="post", label=label, **MODEL_STYLES[index % len(MODEL_STYLES)])
    if threshold is not None and threshold < limit:
        axes.axvline(100 * threshold, color=INK, linewidth=1, linestyle=":")
    axes.set(xlim=(0, 100 * limit), ylim=(0, 100), xlabel="NME, %", ylabel="faces with at most that error, %")
    axes.legend(loc="lower right", frameon=False)
    return figure


def interval_rows(intervals: dict[str, dict[str, Interval]], xlabel: str) -> Figure:
    """Values with their intervals, in per cent: one line a name, and on it one bar for each kind of interval.

    Args:
        intervals: name -> kind -> fraction with its interval; the same kinds, at most five, for each name.
        xlabel: what the axis shows.
    """
    kinds = list(next(iter(intervals.values())))
    figure, axes = new_figure(5.2, 0.55 * len(intervals) + 0.9)
    for index, kind in enumerate(kinds):
        shift = 0.28 * (index - (len(kinds) - 1) / 2)
        each = [rows[kind] for rows in intervals.values()]
        value, low, high = (100 * np.array([getattr(i, end) for i in each]) for end in ("value", "low", "high"))
        place, color = np.arange(len(each)) + shift, MODEL_STYLES[index]["color"]
        axes.hlines(place, low, high, color=color, lw=3)
        axes.plot(value, place, "osD^v"[index], markersize=8, color=color, label=kind)
    axes.set(
        xlabel=xlabel, yticks=range(len(intervals)), yticklabels=list(intervals), ylim=(len(intervals) - 0.5, -0.5)
    )
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(kinds))
    return figure


def relative_changes(changes: dict[str, float], published: dict[str, float], xlabel: str) -> Figure:
    """Relative changes as bars, with those published below them in another colour; fractions, drawn in per cent."""
    figure, axes = new_figure(5.2, 0.7 + 0.34 * (len(changes) + len(published)))
    everything = {**changes, **published}
    values = 100 * np.array(list(everything.values()))
    hatch = [""] * len(changes) + ["///"] * len(published)
    colors = [BLUE] * len(changes) + [AMBER] * len(published)
    axes.barh(range(len(values)), values, color=colors, hatch=hatch, edgecolor=INK, linewidth=0.5, height=0.7)
    for row, value in enumerate(values):
        text = f"{value:+.1f}".replace("-", "−")
        axes.annotate(text, (value, row), (4 if value >= 0 else -4, 0), textcoords="offset points",
                      va="center", ha="left" if value >= 0 else "right", fontsize=10)  # fmt: skip
    axes.axvline(0, color=INK, linewidth=1)
    axes.set(xlabel=xlabel, yticks=range(len(values)), yticklabels=list(everything), ylim=(len(values) - 0.4, -0.6))
    axes.margins(x=0.3)
    low, high = axes.get_xlim()  # a number at the end of a bar keeps off the names of the rows
    axes.set_xlim(low - 0.06 * (high - low) * (values.min() < 0), high)
    return figure


def intervals_and_seeds(intervals: dict[str, Interval], seeds: dict[str, list[float]], xlabel: str) -> Figure:
    """Means over runs, with an interval each, and the single runs as rings below it; fractions, drawn in per cent.

    If anything is below 0, these are differences, and a line marks 0.

    Args:
        intervals: name -> mean over the runs, with its interval.
        seeds: name -> the value of each run.
        xlabel: what the axis shows.
    """
    figure, axes = new_figure(5.2, 0.5 * len(intervals) + 1.3)
    places = np.arange(len(intervals))
    value, low, high = (
        100 * np.array([getattr(each, end) for each in intervals.values()]) for end in ("value", "low", "high")
    )
    axes.hlines(places - 0.12, low, high, color=BLUE, lw=3, label="interval by person")
    axes.plot(value, places - 0.12, "o", markersize=6, color=BLUE, label="mean of the seeds")
    single = [(100 * each, place + 0.2) for place, name in zip(places, intervals, strict=True) for each in seeds[name]]
    axes.plot(*zip(*single, strict=True), "o", markersize=6, color=RED, fillstyle="none", mew=1.5, label="single seeds")
    ends = np.concatenate([low, high, [x for x, _ in single]])
    if ends.min() < 0:
        axes.axvline(0, color=INK, linewidth=1)
    axes.set(xlabel=xlabel, yticks=places, yticklabels=list(intervals), ylim=(len(intervals) - 0.5, -0.6))
    axes.locator_params(axis="x", nbins=6)  # more of them would touch where differences are below -10
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def learning_rates(rates: dict[str, np.ndarray], xlabel: str = "epoch") -> Figure:
    """Learning rates (E,) over the epochs of one or several recipes, on a logarithmic axis; what is 0 is not drawn."""
    figure, axes = new_figure(6.2, 3.2)
    for index, (name, values) in enumerate(rates.items()):
        epochs = np.arange(len(values) + 1)  # the last value holds to the end
        heights = np.where(values > 0, values, np.nan)
        axes.step(epochs, [*heights, heights[-1]], where="post", label=name, **MODEL_STYLES[index % len(MODEL_STYLES)])
    axes.set(xlabel=xlabel, ylabel="learning rate", yscale="log", xlim=(0, max(map(len, rates.values()))))
    axes.minorticks_off()
    if len(rates) > 1:
        axes.legend(loc="lower left", frameon=False)
    return figure
