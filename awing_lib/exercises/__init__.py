"""Exercises of the book: ``check("name", answer)`` says whether an answer is right and, if not, why.

One module per chapter defines its exercises with :func:`exercise`. An answer is a number, a word, a tensor or a
function that the reader writes; an empty one (``...`` or a function that returns nothing) is "not yet", never an error.
"""

import importlib
import math
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape


class NotYet(Exception):
    """The answer is still empty."""


class NotQuite(Exception):
    """The answer is wrong; the message says why, without giving the solution away."""


@dataclass(frozen=True)
class Verdict:
    """What :func:`check` found: ``status`` is "correct", "not yet" or "not quite"; ``message`` says why."""

    status: str
    message: str

    def __repr__(self) -> str:
        return f"{self.status.capitalize()}: {self.message}"

    def _repr_html_(self) -> str:
        kind = self.status.replace(" ", "-")
        return (
            f'<div class="verdict verdict-{kind}" role="status"><strong>{escape(self.status.capitalize())}:</strong> '
            f"{escape(self.message)}</div>"
        )


@dataclass
class Exercise:
    """An exercise: how an answer is checked, and the mistakes people make.

    ``check`` returns what to say about a right answer and raises :class:`NotYet` or :class:`NotQuite`.
    ``mistakes`` maps a typical wrong idea, in words, to an answer that has it.
    """

    name: str
    check: Callable[[object], str]
    mistakes: dict[str, object] = field(default_factory=dict)


EXERCISES: dict[str, Exercise] = {}


def exercise(name: str, **mistakes: object) -> Callable[[Callable[[object], str]], Callable[[object], str]]:
    """Register the decorated function as the check of the exercise ``name``; ``mistakes``: idea=wrong answer."""

    def register(function: Callable[[object], str]) -> Callable[[object], str]:
        if name in EXERCISES:
            raise ValueError(f"exercise {name!r} is defined twice")
        EXERCISES[name] = Exercise(name, function, {k.replace("_", " "): v for k, v in mistakes.items()})
        return function

    return register


def load_exercises() -> dict[str, Exercise]:
    """All exercises of all chapters, by name."""
    for chapter in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{chapter.name}")
    return EXERCISES


def check(name: str, answer: object) -> Verdict:
    """Check ``answer`` to the exercise ``name``. Never raises for a wrong answer, so that a page always runs through.

    Raises:
        ValueError: no exercise has this name.
    """
    exercises = load_exercises()
    if name not in exercises:
        raise ValueError(f"no exercise is called {name!r}; there are: {', '.join(sorted(exercises))}")
    try:
        if answer is None or answer is ...:
            raise NotYet
        return Verdict("correct", exercises[name].check(answer))
    except NotYet:
        return Verdict("not yet", "replace the dots by your answer and run the cell again.")
    except NotQuite as why:
        return Verdict("not quite", str(why))


def call(function: object, *arguments: object, **keywords: object) -> object:
    """What the reader's function returns; its errors become hints and an empty body is "not yet"."""
    if not callable(function):
        raise NotQuite(f"the answer should be a function, not {type(function).__name__}.")
    try:
        result = function(*arguments, **keywords)
    except Exception as error:  # whatever the reader's code does wrong is reported to the reader
        raise NotQuite(f"your function raised {type(error).__name__}: {error}") from error
    if result is None or result is ...:
        raise NotYet
    return result


def number(answer: object) -> float:
    """The answer as a float; a hint if it is none."""
    try:
        value = float(answer)
    except (TypeError, ValueError):
        raise NotQuite(f"the answer should be one number, not {type(answer).__name__}.") from None
    if not math.isfinite(value):
        raise NotQuite(f"the answer is {value}, which is not a finite number.")
    return value
