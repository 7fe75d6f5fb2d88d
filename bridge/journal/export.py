"""The journal as a table for other tools: CSV and SQLite with what Python brings, Parquet where pyarrow is installed.

Quantities and prices stay decimal text, never binary floats; times stay RFC 3339 UTC. Nested values (arrival, timing,
cost, parties) are JSON text. Names are those of the journal, one column per field of any event.
"""

import csv
import importlib.util
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import msgspec

from bridge.interfaces import JournalError
from bridge.journal.encoding import order_state, to_json
from bridge.journal.evidence import cat_records
from bridge.journal.reader import EVERYTHING
from bridge.journal.state import whole_book
from bridge.orders.events import AnyEvent, Event

Format = Literal["csv", "sqlite", "parquet"]
BATCH = 10_000
_KINDS: tuple[type[Event], ...] = AnyEvent.__args__
_INTEGERS = frozenset(
    {"seq", "account_prev", "last_seq"}
    | {field.name for kind in _KINDS for field in msgspec.structs.fields(kind) if field.type is int}
)


def columns() -> list[str]:
    """`seq`, `time`, `type`, then every field of every event, in the order of their definition, then `account_prev`."""
    names = dict.fromkeys(["seq", "time", "type"])
    for kind in _KINDS:
        names |= dict.fromkeys(kind.__struct_fields__)
    names["account_prev"] = None
    return list(names)


def export(
    directory: Path,
    target: Path,
    kind: Format,
    *,
    after: int = 0,
    upto: int = EVERYTHING,
) -> int:
    """Write the entries with `after` < `seq` <= `upto` to a new file `target`; how many they are.

    SQLite gets a table `entries` and a table `orders`, the state of each order after the last entry. Raises
    JournalError when the target exists or pyarrow is missing, JournalDamaged, JournalTrimmed, OSError; a file that
    could not be finished is removed.
    """
    if target.exists():
        raise JournalError(f"{target} exists; an export never overwrites")
    write = _WRITERS[kind]
    try:
        return write(directory, target, rows(directory, after, upto), upto)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def rows(directory: Path, after: int = 0, upto: int = EVERYTHING) -> Iterator[dict[str, Any]]:
    """Each entry as a flat row; absent fields are missing in it."""
    for record in cat_records(directory, after, upto):
        entry = json.loads(record)
        event = entry.pop("event")
        yield {name: _cell(value) for name, value in (entry | event).items()}


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list | dict) else value


def _csv(directory: Path, target: Path, entries: Iterator[dict[str, Any]], upto: int) -> int:
    count = 0
    with open(target, "x", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns(), restval="")
        table.writeheader()
        for row in entries:
            table.writerow(row)
            count += 1
    return count


def _sqlite(directory: Path, target: Path, entries: Iterator[dict[str, Any]], upto: int) -> int:
    names = columns()
    database = sqlite3.connect(target)
    try:
        with database:
            count = _fill(database, "entries", "seq", names, entries)
            for name in ("order_id", "type"):
                database.execute(f'create index entries_{name} on entries ("{name}")')
            states = (json.loads(to_json(order_state(order))) for order in whole_book(directory, upto).orders())
            flat = ({name: _cell(value) for name, value in state.items()} for state in states)
            fields = list(order_state.__annotations__["return"].__struct_fields__)
            _fill(database, "orders", "order_id", fields, flat)
    finally:
        database.close()
    return count


def _fill(
    database: sqlite3.Connection, table: str, key: str, names: list[str], entries: Iterable[dict[str, Any]]
) -> int:
    """Create and fill one table. Names are fields of our own Structs, never data."""
    kinds = ", ".join(
        f'"{name}" {"integer" if name in _INTEGERS else "text"}{" primary key" if name == key else ""}'
        for name in names
    )
    database.execute(f"create table {table} ({kinds})")
    insert = f"insert into {table} values ({', '.join('?' * len(names))})"  # noqa: S608
    count = 0
    rows = iter(entries)
    while batch := [[row.get(name) for name in names] for row in islice(rows, BATCH)]:
        database.executemany(insert, batch)
        count += len(batch)
    return count


def _parquet(directory: Path, target: Path, entries: Iterator[dict[str, Any]], upto: int) -> int:
    if importlib.util.find_spec("pyarrow") is None:
        raise JournalError("Parquet needs pyarrow: pip install pyarrow, or export csv or sqlite")
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    names = columns()
    schema = arrow.schema([(name, arrow.int64() if name in _INTEGERS else arrow.string()) for name in names])
    count = 0
    with parquet.ParquetWriter(target, schema) as writer:
        while batch := list(islice(entries, BATCH)):
            table = {
                name: [
                    value if name in _INTEGERS or value is None else str(value)
                    for value in (row.get(name) for row in batch)
                ]
                for name in names
            }
            writer.write_table(arrow.table(table, schema=schema))
            count += len(batch)
    return count


_WRITERS: dict[Format, Callable[[Path, Path, Iterator[dict[str, Any]], int], int]] = {
    "csv": _csv,
    "sqlite": _sqlite,
    "parquet": _parquet,
}
