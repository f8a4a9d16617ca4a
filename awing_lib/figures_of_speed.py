"""Static figures of times and floors, from the records of ``awing benchmark``."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from awing_lib.figure_style import AMBER, BLUE, GREEN, INK, MODEL_STYLES, PURPLE, RED, new_figure

# Parts of a bar in their order, with hatches: colour alone does not tell parts apart for everybody.
_SHARE_STYLES = [(RED, ""), (BLUE, "///"), (AMBER, "---"), (GREEN, "\\\\\\"), (PURPLE, "xxx")]


def speed_ladder(rows: list[dict], names: list[str] | None = None, title: str = "") -> Figure:
    """Times of a benchmark relative to its baseline, one bar a row, divided into its shares.

    Args:
        rows: of a table in the record of the benchmarks: each has ``name``, ``seconds`` and ``ratio``, and may have
            ``floor_seconds`` and ``more["shares"]``, without which its bar is one piece.
        names: the rows to show, in this order, those that were not measured included; None: the measured ones.
        title: above the figure.

    A stroke beside or in a bar is the floor: the time that the machine's memory or arithmetic needs at least.
    """
    measured = {row["name"]: row for row in rows}
    names = list(measured) if names is None else names
    figure, axes = new_figure(5.6, 1.7 + 0.42 * len(names))
    figure.suptitle(title, fontsize=11)
    parts = list(dict.fromkeys(part for row in rows for part in row.get("more", {}).get("shares") or {}))
    for place, name in enumerate(names):
        if name not in measured:
            axes.annotate("not measured", (0, place), (5, 0), textcoords="offset points", va="center", style="italic")
            continue
        row = measured[name]
        end = 0.0
        for part, share in (row.get("more", {}).get("shares") or {None: 1.0}).items():
            color, hatch = (BLUE, "") if part is None else _SHARE_STYLES[parts.index(part)]
            style = {"color": color, "hatch": hatch, "edgecolor": INK, "linewidth": 0.5, "height": 0.66}
            axes.barh(place, share * row["ratio"], left=end, **style)
            end += share * row["ratio"]
        if row.get("floor_seconds") is not None:
            floor = row["floor_seconds"] / row["seconds"] * row["ratio"]
            axes.vlines(floor, place - 0.45, place + 0.45, color=INK, linewidth=2.5)
            end = max(end, floor)
        faster = "" if row["ratio"] == 1 else f"{1 / row['ratio']:.3g}×"
        axes.annotate(faster, (end, place), (6, 0), textcoords="offset points", va="center")
    axes.set(
        xlabel="time, that of the row marked 1 is 1", yticks=range(len(names)), ylim=(len(names) - 0.4, -0.6), xlim=0
    )
    axes.set_yticklabels([f"{name} (1)" if measured.get(name, {}).get("ratio") == 1 else name for name in names])
    axes.margins(x=0.16)
    patches = [
        mpl.patches.Patch(facecolor=color, hatch=hatch, edgecolor=INK, linewidth=0.5, label=part)
        for part, (color, hatch) in zip(parts, _SHARE_STYLES, strict=False)
    ]
    if any(measured.get(name, {}).get("floor_seconds") is not None for name in names):
        patches.append(mpl.lines.Line2D([], [], color=INK, linewidth=2.5, label="floor"))
    if patches:
        axes.legend(handles=patches, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=10)
    return figure


def roofline(floors: dict, rows: dict[str, dict], title: str = "") -> Figure:
    """Operations a second over operations a byte: the roof of a machine, and what was measured under it.

    Args:
        floors: what a record of the benchmarks says of the machine: ``bytes_per_second``, and
            ``operations_per_second`` of each precision.
        rows: label -> row of such a record, at most ten; those without ``bytes`` or ``operations`` are not drawn. A
            thin line goes from each point up to the roof of the row's ``precision``.
        title: above the figure.
    """
    figure, axes = new_figure(5.6, 4.8)
    figure.suptitle(title, fontsize=11)
    bandwidth, peaks = floors["bytes_per_second"], floors["operations_per_second"]
    shown = {label: row for label, row in rows.items() if row.get("bytes") and row.get("operations")}
    places = [row["operations"] / row["bytes"] for row in shown.values()]
    places += [peak / bandwidth for peak in peaks.values()]
    low, high = min(places) / 3, max(places) * 6
    highest_first, above = sorted(peaks.items(), key=lambda item: -item[1]), np.inf
    for (precision, peak), dash in zip(highest_first, ("-", "--", ":"), strict=False):
        ridge = peak / bandwidth
        axes.plot([low, ridge, high], [low * bandwidth, peak, peak], color=INK, linestyle=dash, linewidth=1.5)
        axes.plot([low, ridge], [peak, peak], color=INK, linewidth=0.5, alpha=0.5)  # from its name to the roof
        # under its line where the line above is near
        shift, side = ((9, 3), "bottom") if above > 2.5 * peak else ((9, -4), "top")
        name = f"{precision}, {_rate(peak)}"
        axes.annotate(name, (low, peak), shift, textcoords="offset points", va=side, fontsize=10)
        above = peak
    for index, (label, row) in enumerate(shown.items()):
        intensity, rate = row["operations"] / row["bytes"], row["operations"] / row["seconds"]
        color = MODEL_STYLES[index % 5]["color"]
        style = {"marker": "osD^vP*Xhp"[index], "markersize": 9, "linestyle": "", "markeredgecolor": INK}
        # a row's precision can be one of which the machine's rate is not known: then the best of those known
        roof = min(intensity * bandwidth, peaks.get(row["precision"], max(peaks.values())))
        axes.plot([intensity, intensity], [rate, roof], color=color, linewidth=1, zorder=1)
        axes.plot(intensity, rate, color=color, label=label, markeredgewidth=0.5, **style)
    axes.set(xscale="log", yscale="log", xlabel="operations a byte", ylabel="operations a second", xlim=(low, high))
    axes.minorticks_off()
    if shown:
        figure.legend(loc="outside lower center", ncols=2, fontsize=10)
    return figure


def _rate(operations: float) -> str:
    size, unit = (1e12, "TFLOP/s") if operations >= 1e12 else (1e9, "GFLOP/s")
    return f"{operations / size:.3g} {unit}"
