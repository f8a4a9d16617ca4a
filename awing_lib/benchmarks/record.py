"""The record of the benchmarks of one machine: a JSON file to which tables are added (:mod:`awing_lib.benchmarks`)."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from awing_lib.benchmarks.floors import Floors
from awing_lib.benchmarks.table import Table
from awing_lib.errors import AwingError
from awing_lib.run_record import environment
from awing_lib.weights import write_bytes


class SpeedRecordError(AwingError):
    """A record of benchmarks that cannot be read, or is of another machine."""


def read_record(path: str | os.PathLike) -> dict:
    """A record of benchmarks.

    Raises:
        SpeedRecordError: the file is missing, or no such record.
    """
    try:
        record = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SpeedRecordError(f"{path}: cannot be read as JSON: {error}") from error
    parts = ("environment", "floors", "tables")
    for part in parts:
        if not isinstance(record, dict) or not isinstance(record.get(part), dict):
            raise SpeedRecordError(f"{path}: no record of benchmarks, which has {', '.join(parts)}; {part} is missing")
    return record


def known_floors(path: str | os.PathLike) -> dict[str, Floors]:
    """The floors of a record, by their keys, so that all its tables are held to the same; none if it is yet to be made.

    Raises:
        SpeedRecordError: there is no such folder, or the file is no record, or that of another machine: better said
            before one measures what cannot be added.
    """
    floors = _opened(Path(path), environment())["floors"]
    try:
        return {key: Floors(**each) for key, each in floors.items()}
    except (TypeError, ValueError) as error:
        raise SpeedRecordError(f"{path}: floors cannot be read: {error}") from error


def add_table(path: str | os.PathLike, table: Table, name: str | None = None) -> None:
    """Add a table to a record, in place of one of its name and device; the file is made if it is not there.

    Args:
        path: the record.
        table: what was measured.
        name: of the table in the record; None: the benchmark's.

    Raises:
        SpeedRecordError: as :func:`known_floors`, or the table is held to other floors than the record's.
        OSError: the file cannot be written; it is as it was.
    """
    path, here = Path(path), environment()
    record = _opened(path, here)
    entry, floors = table.as_dict(), table.floors.as_dict()
    if record["floors"].setdefault(table.floors.key, floors) != floors:
        raise SpeedRecordError(f"{path}: {table.name} is held to other floors than those of {table.floors.key} there")
    entry |= {"commit": here["commit"], "measured": datetime.now(UTC).isoformat(timespec="seconds")}
    record["environment"] = here
    record["tables"].setdefault(name or table.name, {})[table.device] = entry
    write_bytes(path, (json.dumps(record, indent=1) + "\n").encode())


def _opened(path: Path, here: dict) -> dict:
    if not path.absolute().parent.is_dir():
        raise SpeedRecordError(f"{path}: there is no folder {path.absolute().parent}")
    if not path.exists():
        return {"environment": here, "floors": {}, "tables": {}}
    record = read_record(path)
    known, found = _machine(record["environment"]), _machine(here)
    for part, value in found.items():
        if known.get(part) != value:
            raise SpeedRecordError(f"{path} is of another machine: {part} {known.get(part)!r} there, {value!r} here")
    return record


def _machine(system: dict) -> dict:
    """What must not change within a record; how many threads were used, each table's floors say."""
    hardware = {name: value for name, value in system.get("hardware", {}).items() if name != "threads"}
    return {"python": system.get("python"), **hardware, **system.get("versions", {})}
