"""Alpaca's market calendar: when shares can be traded, regular and extended, as the broker itself says."""

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from bridge.brokers.alpaca.wire import Unreadable

NEW_YORK = ZoneInfo("America/New_York")
OPENS_EARLY, CLOSES_LATE = time(4), time(20)


class Day(msgspec.Struct, frozen=True):
    """One trading day; times in UTC ns. Extended hours begin at `early` and end at `late`."""

    day: date
    early: int
    opens: int
    closes: int
    late: int


class Calendar:
    """The days known so far. What lies outside them is not known, which is not the same as closed."""

    def __init__(self) -> None:
        self._days: list[Day] = []
        self._first = 0
        self._last = 0

    def take(self, rows: Iterable[Any], first: date, last: date) -> None:
        """Rows of GET /v2/calendar for the days from `first` to `last`, both included. Raises Unreadable."""
        self._days = [_day(row) for row in rows]
        self._first = _ns(first, time())
        self._last = _ns(date.fromordinal(last.toordinal() + 1), time())

    def open_at(self, now_ns: int, *, extended: bool = False) -> bool | None:
        """Whether shares trade at this moment; None where the calendar says nothing about it."""
        if not self._first <= now_ns < self._last:
            return None
        if extended:
            return any(day.early <= now_ns < day.late for day in self._days)
        return any(day.opens <= now_ns < day.closes for day in self._days)


def _day(row: Any) -> Day:
    try:
        day = date.fromisoformat(row["date"])
        opens, closes = _clock(row["open"]), _clock(row["close"])
        early = _clock(row["session_open"]) if row.get("session_open") else OPENS_EARLY
        late = _clock(row["session_close"]) if row.get("session_close") else CLOSES_LATE
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"calendar: {error}") from None
    return Day(day, _ns(day, early), _ns(day, opens), _ns(day, closes), _ns(day, late))


def _clock(text: str) -> time:
    plain = text.replace(":", "")
    return time(int(plain[:2]), int(plain[2:4]))


def _ns(day: date, at: time) -> int:
    return int(datetime.combine(day, at, NEW_YORK).timestamp()) * 1_000_000_000
