"""Writes the journals of a release that later releases must still read and fold.

    python -m tests.bridge.journal.golden tests/golden/journals/0.1.0

`trading` is a day of orders in several segments; `kinds` holds one of each kind of event with every field filled;
`expected.json` is what the fold made of `trading` then. Golden files are never written again, only added to.
"""

import json
import shutil
import sys
import types
import typing
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from bridge.journal.encoding import order_state, to_json
from bridge.journal.file import FileJournal
from bridge.journal.format import segments
from bridge.journal.state import blotter_at
from bridge.orders.events import AnyEvent, Entry, Segment
from sessions.clock import ManualClock
from tests.bridge.journal.stand import T0
from tests.bridge.journal.trading import day_of_trading


def sample(kind: Any) -> Any:
    """Some value of a type, not its default."""
    if kind in (int, str, bool, bytes):
        return {int: 7, str: 'text "1E-7" ü', bool: True, bytes: b"raw"}[kind]
    if kind is Decimal:
        return Decimal("0.0000001")
    if kind is datetime:
        return T0
    if kind is date:
        return T0.date()
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return sample(next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return (sample(arguments[0]),)
        return tuple(sample(argument) for argument in arguments)
    if origin is dict:
        return {sample(arguments[0]): sample(arguments[1])}
    if issubclass(kind, Enum):
        return list(kind)[-1]
    return filled(kind)


def filled(kind: type[msgspec.Struct]) -> Any:
    """A Struct with every field given."""
    return kind(**{field.name: sample(field.type) for field in msgspec.structs.fields(kind)})


def every_kind(directory: Path) -> None:
    journal = FileJournal(directory, clock=ManualClock(int(T0.timestamp()) * 10**9), this_boot="golden")
    for kind in AnyEvent.__args__:
        if kind is not Segment:
            journal.append([Entry(journal.next_seq, T0, filled(kind), 3)])
    journal.close()


def told(directory: Path) -> dict[str, Any]:
    """Orders and positions as the outside sees them."""
    blotter = blotter_at(directory)
    return {
        "orders": [json.loads(to_json(order_state(order))) for order in blotter.orders()],
        "positions": [json.loads(to_json(position)) for position in blotter.positions()],
    }


def write(target: Path) -> None:
    target.mkdir(parents=True)
    day_of_trading(target / "trading", orders=24, segment_bytes=16_000, this_boot="golden")
    every_kind(target / "kinds")
    (target / "expected.json").write_text(json.dumps(told(target / "trading"), indent=1) + "\n")
    for place in (target / "trading", target / "kinds"):
        for file in place.iterdir():
            if file.name not in segments([file.name]):
                file.unlink()


if __name__ == "__main__":
    if Path(sys.argv[1]).exists():
        sys.exit(f"{sys.argv[1]} exists; golden files are never written again")
    try:
        write(Path(sys.argv[1]))
    except BaseException:
        shutil.rmtree(sys.argv[1])
        raise
