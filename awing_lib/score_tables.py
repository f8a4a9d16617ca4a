"""The numbers of one or several models as a table of text or Markdown, or as JSON, with the protocol they stand for."""

import json
import math
import textwrap
from collections.abc import Callable, Sequence

from awing_lib.customs import FULL
from awing_lib.evaluation import Evaluation
from awing_lib.intervals import Interval

WIDTH = 88  # characters of a line of text: what a terminal and a page of the book show without scrolling


def text_table(evaluations: Sequence[Evaluation]) -> str:
    """The numbers of one or several models on the same faces, for a terminal: protocol, subsets, regions, notes.

    No line is longer than 88 characters as long as the names are short; columns that do not fit come below.
    """
    return _document(evaluations, _plain_rows, _in_lines)


def markdown_table(evaluations: Sequence[Evaluation]) -> str:
    """The same in Markdown."""
    return _document(evaluations, _markdown_rows, str)


def as_json(evaluations: Sequence[Evaluation]) -> str:
    """The same and the error of each landmark, in JSON; fractions, not per cent; infinity and NaN are "inf", "nan"."""
    first = evaluations[0]
    models = []
    for each in evaluations:
        entry = {
            "name": each.name,
            "protocol": each.protocol.as_dict(),
            "note": each.note,
            "scores": {subset: scores and scores.as_dict() for subset, scores in each.scores.items()},
            "regions": {name: _finite(value) for name, value in each.per_region.items()},
            "landmarks": dict(zip(each.layout.points, map(_finite, each.per_landmark.tolist()), strict=True)),
        }
        if each is not first:
            differences = {subset: each.difference(first, subset) for subset in each.subsets}
            entry["nme_minus_first"] = {name: value and value.as_dict() for name, value in differences.items()}
        models.append(entry)
    return json.dumps({"models": models}, indent=1, allow_nan=False)


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _document(
    evaluations: Sequence[Evaluation], drawn: Callable[[list[list[str]], int], str], told: Callable[[str], str]
) -> str:
    protocols = [each.protocol for each in evaluations]
    if all(protocol == protocols[0] for protocol in protocols):
        head = str(protocols[0])
    else:
        head = "\n\n".join(f"{each.name}: {each.protocol}" for each in evaluations)
    tables = [drawn(_score_rows(evaluations), 2), drawn(_region_rows(evaluations), 1)]
    return "\n\n".join([told(head), *tables, *_notes(evaluations)])


def _score_rows(evaluations: Sequence[Evaluation]) -> list[list[str]]:
    first = evaluations[0]
    several = len(evaluations) > 1
    rows = [["subset", "model", "faces", "NME, %", "FR, %", "AUC"]]
    if several:
        rows[0].append(f"NME, % minus that of {first.name}")
    for subset in first.subsets:
        for each in evaluations:
            scores = each.scores[subset]
            row = [subset, each.name]
            if scores is None:
                row += ["0", "-", "-", "-"]
            else:
                row += [str(scores.faces), _percent(scores.nme), _percent(scores.failure_rate), _shown(scores.auc)]
            if several:
                difference = None if each is first or scores is None else each.difference(first, subset)
                row.append("-" if difference is None else _percent(difference, sign="+"))
            rows.append(row)
    return rows


def _region_rows(evaluations: Sequence[Evaluation]) -> list[list[str]]:
    regions = list(evaluations[0].per_region)
    rows = [["NME, % of", *regions]]
    rows += [[each.name, *(f"{100 * each.per_region[name]:.2f}" for name in regions)] for each in evaluations]
    return rows


def _notes(evaluations: Sequence[Evaluation]) -> list[str]:
    lines = []
    for each in evaluations:
        scores = each.scores[FULL]
        if each.note:
            lines.append(f"{each.name}: {each.note}.")
        if scores and scores.skipped:
            lines.append(f"{each.name}: {scores.skipped} faces have nothing to measure, and are left out.")
        if scores and scores.not_found:
            lines.append(
                f"{each.name}: {scores.not_found} faces were not found; each has failed, and the NME is infinite."
            )
    scores = next((each.scores[FULL] for each in evaluations if each.scores[FULL]), None)
    if scores:
        drawn = "faces" if scores.people is None else f"{scores.people} people with all their faces"
        lines.append(f"In brackets: {100 * scores.level:g} % intervals, from {scores.resamples} resamples of {drawn}.")
    return lines


def _percent(interval: Interval, sign: str = "") -> str:
    return _shown(Interval(100 * interval.value, 100 * interval.low, 100 * interval.high), f"{sign}.2f")


def _shown(interval: Interval, spec: str = ".4f") -> str:
    return f"{interval.value:{spec}}" if math.isnan(interval.low) else format(interval, spec)


def _in_lines(text: str) -> str:
    long_words = {"break_long_words": False, "break_on_hyphens": False}
    return "\n".join(textwrap.fill(line, WIDTH, **long_words) for line in text.split("\n"))


def _plain_rows(rows: list[list[str]], keys: int) -> str:
    """Rows in aligned columns; those that do not fit beside the first ``keys`` columns make a table of their own."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    tables = [[]]
    for index in range(keys, len(columns)):
        shown = [*range(keys), *tables[-1], index]
        if tables[-1] and sum(widths[i] + 2 for i in shown) - 2 > WIDTH:
            tables.append([])
        tables[-1].append(index)
    return "\n\n".join(_aligned([[row[i] for i in (*range(keys), *table)] for row in rows]) for table in tables)


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _markdown_rows(rows: list[list[str]], keys: int) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [escaped[0], ["---"] * len(rows[0]), *escaped[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
