"""Where everything stands: the two folds that the engine goes on from, the book and what risk counts.

A start takes them from the newest snapshot that can be read and folds what came after it; a child process does the
same now and then and writes the next one, so the loop never pauses (DURABILITY.md section 3):

    python -m bridge.standing DIRECTORY UPTO < terms.json
"""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import structlog

from bridge.journal.payload import pack, unpack
from bridge.journal.snapshot import valid_snapshots
from bridge.journal.state import take_snapshot
from bridge.orders import blotter as book
from bridge.orders.blotter import Blotter
from bridge.orders.events import Entry, Opened, Reserved
from bridge.orders.order import Order
from bridge.risk import snapshot as risk
from bridge.risk.day import DayRoll
from bridge.risk.limits import Limits, Row
from bridge.risk.portfolio import Portfolio

log = structlog.get_logger("bridge.standing")

OWN = frozenset({Opened, Reserved})
"""The journal's own facts: they say nothing about when anybody traded."""


class RiskTerms(msgspec.Struct, frozen=True):
    """What the risk fold depends on besides the entries: the configured limits, and whose linked orders cancel each
    other.
    """

    profile: str
    rows: tuple[Row, ...] = ()
    one_cancels_other: frozenset[str] = frozenset()
    days: tuple[tuple[str, str, str], ...] = ()
    """(account, time zone, local time HH:MM) where a trading day begins elsewhere than at 00:00 UTC."""

    def limits(self) -> Limits:
        """The limits as configured, without any change."""
        return Limits(self.profile, self.rows)

    def portfolio(self) -> Portfolio:
        """The empty fold."""
        return Portfolio(self.limits(), self.rolls(), self.one_cancels_other)

    def rolls(self) -> dict[str, DayRoll]:
        """When each account's trading day begins. Raises ZoneInfoNotFoundError, ValueError."""
        return {account: DayRoll(ZoneInfo(zone), time.fromisoformat(at)) for account, zone, at in self.days}


class Standing:
    """Both folds after the entry `seq`. `moved` is the time of the newest entry that is not the journal's own."""

    def __init__(self, blotter: Blotter, portfolio: Portfolio, moved: datetime | None = None) -> None:
        self.blotter = blotter
        self.portfolio = portfolio
        self.moved = moved

    @property
    def seq(self) -> int:
        """The last entry folded."""
        return self.blotter.seq

    def apply(self, entry: Entry) -> Order | None:
        """Fold one entry; the order after it."""
        before, after = self.blotter.fold(entry)
        self.portfolio.on_entry(entry, before, after)
        if type(entry.event) not in OWN:
            self.moved = entry.time
        return after


def freeze(standing: Standing) -> bytes:
    """Both folds as the payload of a snapshot."""
    return pack(book.freeze(standing.blotter), risk.freeze(standing.portfolio), standing.moved)


def thaw(payload: bytes, terms: RiskTerms) -> Standing:
    """What `freeze` wrote, with the limits as configured now and their changes since.

    Raises msgspec.DecodeError for another version or a snapshot without the risk part.
    """
    parts = unpack(payload)
    if not parts.whole:
        raise msgspec.DecodeError("the snapshot holds no risk part")
    blotter = book.thaw(parts.blotter)
    try:
        portfolio = risk.thaw(parts.risk, blotter.order, terms.limits(), terms.rolls(), terms.one_cancels_other)
    except (KeyError, ValueError) as error:
        raise msgspec.DecodeError(f"the risk part does not fit the book: {error!r}") from error
    return Standing(blotter, portfolio, parts.moved)


def newest(directory: Path, terms: RiskTerms, upto: int) -> Standing:
    """From the newest snapshot at or below entry `upto` that can be read; empty where there is none. One that cannot
    be read is told and passed over.
    """
    for seq, payload in valid_snapshots(directory):
        if seq <= upto:
            try:
                return thaw(payload, terms)
            except msgspec.DecodeError as error:
                log.warning("snapshot passed over", seq=seq, reason=str(error))
    return Standing(Blotter(), terms.portfolio())


def folding(terms: RiskTerms) -> Callable[[bytes | None, Iterator[Entry]], bytes]:
    """The fold for `take_snapshot`."""

    def fold(payload: bytes | None, entries: Iterator[Entry]) -> bytes:
        standing = Standing(Blotter(), terms.portfolio()) if payload is None else thaw(payload, terms)
        for entry in entries:
            standing.apply(entry)
        return freeze(standing)

    return fold


@contextmanager
def uncollected() -> Iterator[None]:
    """The fold makes no cycles: looking for them among a million orders again and again is most of its time. What it
    made is never looked through again.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def main(arguments: list[str], terms: bytes) -> int:
    """The child's work, at low priority."""
    os.nice(10)
    gc.disable()
    take_snapshot(Path(arguments[0]), int(arguments[1]), folding(msgspec.json.decode(terms, type=RiskTerms)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin.buffer.read()))
