"""Dataclasses back from the keys and values that they were written as."""

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, fields

from awing_lib.errors import AwingError


def known_entries(cls, entries: Mapping) -> Mapping:
    """The entries, if they are a dataclass's fields and nothing else; those with a default may be missing.

    Raises:
        AwingError: a key is unknown (the nearest known one is named), or missing.
    """
    if not isinstance(entries, Mapping):
        raise AwingError(f"{cls.__name__}: expected keys and values, got {type(entries).__name__}")
    names = [field.name for field in fields(cls)]
    for key in entries:
        if key not in names:
            nearest = difflib.get_close_matches(str(key), names, n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else f"; it has {', '.join(names)}"
            raise AwingError(f"{cls.__name__} has no {key!r}{hint}")
    missing = [field.name for field in fields(cls) if field.default is MISSING and field.name not in entries]
    if missing:
        raise AwingError(f"{cls.__name__}: missing {', '.join(missing)}")
    return entries
