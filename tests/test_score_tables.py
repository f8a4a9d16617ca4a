"""Tables of text, Markdown and JSON against the numbers that they are of."""

import dataclasses
import json

import pytest
from measured_faces import PLAIN, made, off_by

from awing_lib.evaluation import evaluate
from awing_lib.intervals import paired_difference
from awing_lib.layouts import WFLW_98
from awing_lib.score_tables import as_json, markdown_table, text_table
from awing_lib.scores import Scores


def test_text_table_of_two_models():
    faces = made(count=40, age=["old", "young"] * 20)
    first = evaluate("first", off_by(faces, *[4, 6] * 20), faces, PLAIN, by="age")
    second = evaluate("second", off_by(faces, *[3, 12] * 20), faces, PLAIN, by="age")
    lines = text_table([first, second]).splitlines()
    assert lines[0] == "WFLW test, NME by inter-ocular, FR > 10 %, AUC to 10 %, crop: given box, no flip test"
    assert max(map(len, lines)) <= 88
    rows = [[cell for cell in line.split("  ") if cell] for line in lines[2:9]]
    below = [[cell for cell in line.split("  ") if cell] for line in lines[10:17]]  # the columns that did not fit
    assert [row[:2] for row in rows] == [row[:2] for row in below]
    rows = [[cell.strip() for cell in [*row, *more[2:]]] for row, more in zip(rows, below, strict=True)]
    assert rows[0] == ["subset", "model", "faces", "NME, %", "FR, %", "AUC", "NME, % minus that of first"]
    assert [row[:3] for row in rows[3:]] == [
        ["age=old", "first", "20"],
        ["age=old", "second", "20"],
        ["age=young", "first", "20"],
        ["age=young", "second", "20"],
    ]
    assert [row[6].split(" ")[0] for row in rows[1:]] == ["-", "+2.50", "-", "-1.00", "-", "+6.00"]
    assert rows[2][3].startswith("7.50 [") and rows[2][4].startswith("50.00 [") and rows[4][5].startswith("0.7000 [")
    difference = second.difference(first)
    assert difference == paired_difference(second.errors, first.errors)
    assert rows[2][6] == f"+2.50 [{100 * difference.low:+.2f}, {100 * difference.high:+.2f}]"
    assert "In brackets: 95 % intervals, from 2000 resamples of faces." in lines


def test_markdown_and_json_say_the_same():
    faces = made(pose=[True] * 3 + [False])
    first = evaluate("a|b", off_by(faces, 2, 4, 6, 8), faces, PLAIN, by="pose")
    second = evaluate("c", off_by(faces, 1, 3, 5, 7), faces, dataclasses.replace(PLAIN, crop="tight"), by="pose")
    table = markdown_table([first, second])
    assert f"a|b: {PLAIN}" in table and "c: WFLW test, NME by inter-ocular" in table  # two protocols, so both are told
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert rows[1] == "| --- | --- | --- | --- | --- | --- | --- |"
    assert rows[2].startswith("| full | a\\|b | 4 | 5.00 [")
    models = json.loads(as_json([first, second]))["models"]
    assert [model["name"] for model in models] == ["a|b", "c"]
    scores = Scores.from_dict(models[0]["scores"]["pose=yes"])
    assert scores == first.scores["pose=yes"] and scores.protocol.subset == "pose=yes"
    assert models[0]["landmarks"].keys() == set(WFLW_98.points) and "nme_minus_first" not in models[0]
    assert models[1]["nme_minus_first"]["full"]["value"] == pytest.approx(-0.01, abs=1e-6)
