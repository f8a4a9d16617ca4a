"""A table of times, each held to what the machine can do: as text for people, as plain values for a record."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from awing_lib.benchmarks.floors import Floors


@dataclass(frozen=True)
class Row:
    """One way to do a task, and how long it takes. :meth:`measured` computes the ratios.

    Raises:
        ValueError: the time is no positive number.
    """

    name: str
    seconds: float
    ratio: float
    """Seconds / seconds of the baseline: smaller is faster."""
    bytes: int | None = None
    """Read and written at least, in whichever way the task is done."""
    operations: int | None = None
    """Done at least."""
    precision: str = "float32"
    """Whose matrix rate counts."""
    floor_seconds: float | None = None
    """What bytes and operations take at least; None if it is not known, or not of this device."""
    reached: float | None = None
    """Share of what the machine can do: floor / seconds."""
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"seconds of {self.name!r} must be a positive number, got {self.seconds!r}")

    @classmethod
    def measured(
        cls,
        name: str,
        seconds: float,
        baseline: float,
        floors: Floors | None,
        *,
        bytes: int | None = None,
        operations: int | None = None,
        precision: str = "float32",
        more: Mapping[str, Any] | None = None,
    ) -> "Row":
        """A row of what was measured, with ratio and floor; ``floors`` None: those of the table are not its own."""
        floor = None
        if floors is not None and (bytes is not None or operations is not None):
            floor = floors.seconds(bytes or 0, operations or 0, precision)
        reached = None if floor is None else floor / seconds
        return cls(name, seconds, seconds / baseline, bytes, operations, precision, floor, reached, more or {})


@dataclass(frozen=True)
class Column:
    """A column of a printed table."""

    heading: str
    width: int
    show: Callable[[Row], str]


@dataclass(frozen=True)
class Table:
    """What a benchmark has measured.

    Raises:
        ValueError: there is no row, or two have one name.
    """

    name: str
    """Of the benchmark, "loss" for example."""
    title: str
    per: str
    """What the seconds are of: "call", "face", "sample" or "step"."""
    floors: Floors
    settings: Mapping[str, Any]
    rows: tuple[Row, ...]
    columns: tuple[Column, ...] = field(repr=False, compare=False)
    """What is printed of a row between its name and its floor."""
    notes: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"rows must have names of their own, and there must be one, got {names}")

    @property
    def device(self) -> str:
        """ "cpu" or "cuda"."""
        return self.floors.device

    def row(self, name: str) -> Row:
        """The row of a name."""
        return next(row for row in self.rows if row.name == name)

    def as_text(self) -> str:
        """The table for people."""
        width = max(22, *(len(row.name) + 2 for row in self.rows))
        columns = (*self.columns, _FLOOR, _REACHED)
        lines = [f"{self.title}, {self.device}"]
        lines.append(f"{'':<{width}}" + "".join(f"{each.heading:>{each.width}}" for each in columns))
        for row in self.rows:
            lines.append(f"{row.name:<{width}}" + "".join(f"{each.show(row):>{each.width}}" for each in columns))
        return "\n".join([*lines, *self.notes, self.floors.as_text()])

    def as_dict(self) -> dict:
        """Plain values, for a record (:mod:`awing_lib.benchmarks`)."""
        return {
            "title": self.title,
            "device": self.device,
            "device_name": self.floors.name,
            "per": self.per,
            "floors": self.floors.key,
            "settings": dict(self.settings),
            "rows": [dataclasses.asdict(row) for row in self.rows],
            "notes": list(self.notes),
            "more": dict(self.more),
        }


def show_seconds(seconds: float) -> str:
    """In the unit that suits it."""
    unit, factor = next((each for each in (("s ", 1), ("ms", 1e3)) if seconds * each[1] >= 1), ("us", 1e6))
    digits = 2 if seconds * factor < 10 else 1
    return f"{seconds * factor:.{digits}f} {unit}"


_FLOOR = Column("floor", 11, lambda row: "" if row.floor_seconds is None else show_seconds(row.floor_seconds))
_REACHED = Column("reached", 9, lambda row: "" if row.reached is None else f"{row.reached:.1%}")
