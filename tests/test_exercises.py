"""Every exercise of the book: the stub is "not yet", the solution passes, typical mistakes get their own hint."""

import ast

import nbformat
import pytest
from conftest import NOTEBOOKS

from awing_lib.exercises import EXERCISES, NotQuite, Verdict, call, check, load_exercises, number

load_exercises()


def cells_marked(mark):
    """(exercise name, notebook path, code of its setup cell, code of the marked cell) for each marked cell."""
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        setup = "\n".join(cell.source for cell in cells if "setup" in cell.metadata.get("tags", []))
        for cell in cells:
            if mark in cell.metadata:
                yield cell.metadata[mark], path, setup, cell.source


def verdict_of(setup, code):
    """Value of the last expression of a cell that is run after the notebook's setup cell alone."""
    *statements, last = ast.parse(code).body
    namespace = {}
    exec(compile(setup, "setup", "exec"), namespace)
    exec(compile(ast.Module(statements, []), "cell", "exec"), namespace)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)


STUBS, SOLUTIONS = ({name: rest for name, *rest in cells_marked(mark)} for mark in ("exercise", "solution"))


def test_each_exercise_has_one_stub_and_one_solution_in_the_same_chapter():
    names = [name for name, *_ in cells_marked("exercise")]
    assert sorted(names) == sorted(EXERCISES)
    assert sorted(name for name, *_ in cells_marked("solution")) == sorted(names)
    assert {name: rest[0] for name, rest in STUBS.items()} == {name: rest[0] for name, rest in SOLUTIONS.items()}


def test_each_chapter_has_three_to_five_exercises():
    for path in NOTEBOOKS:
        if path.parent.name != "start":
            assert 3 <= sum(rest[0] == path for rest in STUBS.values()) <= 5, path.stem


@pytest.mark.parametrize("name", sorted(STUBS))
def test_an_empty_stub_is_not_yet(name):
    _, setup, code = STUBS[name]
    assert verdict_of(setup, code).status == "not yet"


@pytest.mark.parametrize("name", sorted(SOLUTIONS))
def test_the_printed_solution_passes(name):
    _, setup, code = SOLUTIONS[name]
    verdict = verdict_of(setup, code)
    assert verdict.status == "correct", verdict
    assert len(verdict.message.split()) > 4  # it says why


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_typical_mistakes_get_their_own_hint(name):
    mistakes = EXERCISES[name].mistakes
    verdicts = {idea: check(name, answer) for idea, answer in mistakes.items()}
    assert len(mistakes) >= 2
    assert all(verdict.status == "not quite" for verdict in verdicts.values()), verdicts
    assert len({verdict.message for verdict in verdicts.values()}) == len(mistakes), verdicts


def test_check_never_raises_for_an_answer():
    for name in EXERCISES:
        for answer in (None, ..., "a word", float("nan"), [], {}, object(), lambda *a, **k: 1 / 0, lambda: None):
            assert check(name, answer).status in ("not yet", "not quite"), (name, answer)
    with pytest.raises(ValueError, match="no exercise is called 'nothing'; there are: "):
        check("nothing", 1)


def test_hints_for_errors_in_the_readers_code():
    with pytest.raises(NotQuite, match="raised ZeroDivisionError"):
        call(lambda: 1 / 0)
    with pytest.raises(NotQuite, match="should be a function, not int"):
        call(3)
    with pytest.raises(NotQuite, match="one number, not str"):
        number("seven")


def test_a_verdict_is_readable_as_text_and_as_html():
    verdict = Verdict("not quite", "1 < 2")
    assert repr(verdict) == "Not quite: 1 < 2"
    assert "<strong>Not quite:</strong> 1" in verdict._repr_html_()  # what follows does not begin with a capital
    assert 'class="verdict verdict-not-quite"' in verdict._repr_html_() and "1 &lt; 2" in verdict._repr_html_()
