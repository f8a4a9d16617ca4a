"""Dataclasses that check their own fields, each against its annotation.

``stacks: Annotated[int, Within(1, 16)] = 4`` takes whole numbers from 1 to 16 and nothing else. Annotations are bool,
int, float, str, Literal, tuple[int, ...], a class, or one of these ``| None``.
"""

import difflib
import types
import typing
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from awing_lib.errors import AwingError


@dataclass(frozen=True)
class Within:
    """Numbers from ``low`` to ``high``, both included; NaN is not one of them."""

    low: float
    high: float


def check_fields(instance, error: type[AwingError]) -> None:
    """Refuse values that do not fit; for ``__post_init__``.

    A whole number becomes a float where a float is meant, and a list a tuple.

    Raises:
        error: the message names the field, what it must be, and what was found.
    """
    for name, annotation in typing.get_type_hints(type(instance), include_extras=True).items():
        value = getattr(instance, name)
        kind, limits, optional = _taken_apart(annotation)
        if not (optional and value is None):
            if not _fits(value, kind, limits):
                wanted = _in_words(kind, limits) + (", or null" if optional else "")
                close = nearest(str(value), kind.__args__) if typing.get_origin(kind) is Literal else ""
                raise error(f"{name} must be {wanted}, got {shown(value)}{close}")
            if kind is float or typing.get_origin(kind) is tuple:
                value = (typing.get_origin(kind) or kind)(value)
        object.__setattr__(instance, name, value)


def nearest(name: str, known: Iterable[str]) -> str:
    """ ", did you mean 'stacks'?", where a known name is near; else nothing."""
    close = difflib.get_close_matches(name[:100], list(known), 1, 0.5)
    return f", did you mean {close[0]!r}?" if close else ""


def shown(value: Any) -> str:
    """A value in a message, in a few words whatever it is."""
    if isinstance(value, int) and abs(value) >= 10**20:  # Python refuses to print some of them
        return "a number of more than 20 digits"
    if not isinstance(value, int | float | str | None):
        return f"a {type(value).__name__}"
    return repr(value) if len(repr(value)) <= 100 else f"{repr(value)[:100]}..."


def _taken_apart(annotation) -> tuple[Any, Within | None, bool]:
    """What a field holds, within which limits, and whether it may be None."""
    optional = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    if optional:
        annotation = next(each for each in typing.get_args(annotation) if each is not types.NoneType)
    if typing.get_origin(annotation) is typing.Annotated:
        return *typing.get_args(annotation)[:2], optional
    return annotation, None, optional


def _fits(value: Any, kind: Any, limits: Within | None) -> bool:
    origin = typing.get_origin(kind)
    if origin is Literal:
        return isinstance(value, str) and value in kind.__args__
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(each, kind.__args__[0], limits) for each in value)
    if kind in (int, float):
        number = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
        return number and (limits is None or limits.low <= value <= limits.high)
    if kind is str:  # on one line, and such as can be written to a file
        return isinstance(value, str) and not any(unicodedata.category(each) in ("Cc", "Cs", "Zl") for each in value)
    return isinstance(value, origin or kind)


def _in_words(kind: Any, limits: Within | None) -> str:
    if typing.get_origin(kind) is Literal:
        return f"one of {', '.join(kind.__args__)}"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "one line of text"}
    if typing.get_origin(kind) is tuple:
        words[kind] = "a list of whole numbers"
    return words.get(kind, f"a {getattr(kind, '__name__', kind)}") + (
        f" from {_number(limits.low)} to {_number(limits.high)}" if limits else ""
    )


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
