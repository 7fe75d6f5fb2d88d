"""When a market is open: trading days, sessions before and after them, half days and holidays.

Holidays and half days come from exchange_calendars (the extra `calendars`); the clock-round calendars `24/7` and `24/5`
need nothing. Every answer says how long it holds, so that it is asked for once per phase and not once per order.
"""

import importlib
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec

NEW_YORK = ZoneInfo("America/New_York")
CHICAGO = ZoneInfo("America/Chicago")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SUNDAY, FRIDAY, SATURDAY = 6, 4, 5
LATE_TRADING = timedelta(hours=4)  # US shares trade four hours after the close, on half days too

# Where the first orders before the open are taken, and that there is trading after the close.
EARLY_TRADING = {"XNYS": (time(4), NEW_YORK)}
# exchange_calendars gives CMES no daily break; equity index futures pause from 16:00 to 17:00 Chicago.
EARLIER_CLOSE = {"CMES": (time(16), CHICAGO)}


class Phase(Enum):
    """What may be traded now."""

    CLOSED = "closed"
    EARLY = "early"  # before the open, for orders that ask for extended hours
    OPEN = "open"
    LATE = "late"  # after the close, likewise


class Session(msgspec.Struct, frozen=True, gc=False):
    """The phase of a calendar at a moment, and the trading day that runs or comes next. Times in UTC ns."""

    phase: Phase
    until: int  # when this phase ends
    day: date
    opens: int
    closes: int
    ends: int  # when trading after the close ends


class Hours(Protocol):
    """Somebody who knows the hours of every calendar."""

    def at(self, calendar: str, now: int) -> Session:
        """The session at `now` (UTC ns). Raises UnknownCalendar."""
        ...


class UnknownCalendar(ValueError):
    """Nobody knows this calendar, or the library that does is not installed. The text says what to do."""


class AlwaysOpen:
    """Every market is open at every moment; the trading day ends at `day_end` in `zone`, weekends included."""

    def __init__(self, day_end: time = time(17), zone: ZoneInfo = NEW_YORK) -> None:
        self._day_end = day_end
        self._zone = zone

    def at(self, calendar: str, now: int) -> Session:
        """Always OPEN."""
        local = _local(now, self._zone)
        day = local.date() if local.time() < self._day_end else local.date() + timedelta(days=1)
        opens = _ns(day - timedelta(days=1), self._day_end, self._zone)
        closes = _ns(day, self._day_end, self._zone)
        return Session(Phase.OPEN, closes, day, opens, closes, closes)


class ExchangeHours:
    """The hours of real exchanges. `24/7` is always open, `24/5` from Sunday to Friday 17:00 New York (spot
    currencies).
    """

    def __init__(self, load: Callable[[str, int], "Schedule"] | None = None) -> None:
        """`load(calendar, now)` gives the trading days around `now`; by default from exchange_calendars."""
        self._load = load or _from_exchange_calendars
        self._always = AlwaysOpen()
        self._schedules: dict[str, Schedule] = {}

    def at(self, calendar: str, now: int) -> Session:
        """The session at `now`. Raises UnknownCalendar."""
        if calendar == "24/7":
            return self._always.at(calendar, now)
        if calendar == "24/5":
            return _currency_week(now)
        schedule = self._schedules.get(calendar)
        if schedule is None or not schedule.covers(now):
            schedule = self._schedules[calendar] = self._load(calendar, now)
        return schedule.at(now)


class TradingDay(msgspec.Struct, frozen=True, gc=False):
    """One trading day: regular hours, and the wider ones where there is trading around them. UTC ns."""

    day: date
    begins: int
    opens: int
    closes: int
    ends: int


class Schedule:
    """Consecutive trading days of one calendar."""

    def __init__(self, days: list[TradingDay]) -> None:
        """`days` in order; ValueError when there are none."""
        if not days:
            raise ValueError("a schedule needs at least one day")
        self._days = days
        self._ends = [day.ends for day in days]

    def covers(self, now: int) -> bool:
        """Is a day known that has not ended, after one that had?"""
        return self._days[0].begins <= now < self._ends[-1]

    def at(self, now: int) -> Session:
        """The session at `now`, which must be covered."""
        day = self._days[bisect_right(self._ends, now)]
        if now < day.begins:
            phase, until = Phase.CLOSED, day.begins
        elif now < day.opens:
            phase, until = Phase.EARLY, day.opens
        elif now < day.closes:
            phase, until = Phase.OPEN, day.closes
        else:
            phase, until = Phase.LATE, day.ends
        return Session(phase, until, day.day, day.opens, day.closes, day.ends)


def trading_day(calendar: str, day: date, opens: int, closes: int) -> TradingDay:
    """A day with the trading around its regular hours, as usual for the calendar."""
    begins, ends = opens, closes
    if calendar in EARLIER_CLOSE:
        at, zone = EARLIER_CLOSE[calendar]
        closes = ends = min(closes, _ns(_local(closes, zone).date(), at, zone))
    if calendar in EARLY_TRADING:
        at, zone = EARLY_TRADING[calendar]
        begins = min(opens, _ns(_local(opens, zone).date(), at, zone))
        ends = closes + LATE_TRADING // timedelta(microseconds=1) * 1000
    return TradingDay(day, begins, opens, closes, ends)


def _from_exchange_calendars(calendar: str, now: int) -> Schedule:
    try:
        exchange_calendars: Any = importlib.import_module("exchange_calendars")
    except ImportError:
        raise UnknownCalendar(
            f"calendar {calendar}: trading hours need exchange_calendars: pip install 'fixbridge[calendars]',"
            " or leave the hours at `always`"
        ) from None
    today = (EPOCH + timedelta(microseconds=now // 1000)).date()
    start, end = today - timedelta(days=20), today + timedelta(days=200)
    try:
        known: Any = exchange_calendars.get_calendar(calendar, start=start.isoformat(), end=end.isoformat())
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise UnknownCalendar(f"calendar {calendar}: exchange_calendars does not know it") from error
    days = zip(known.sessions, known.opens_nanos.tolist(), known.closes_nanos.tolist(), strict=True)
    return Schedule([trading_day(calendar, session.date(), opens, closes) for session, opens, closes in days])


def _currency_week(now: int) -> Session:
    local = _local(now, NEW_YORK)
    day = local.date() if local.time() < time(17) else local.date() + timedelta(days=1)
    closed = day.weekday() in (SATURDAY, SUNDAY)
    while day.weekday() in (SATURDAY, SUNDAY):
        day += timedelta(days=1)
    opens = _ns(day - timedelta(days=1), time(17), NEW_YORK)
    closes = _ns(day, time(17), NEW_YORK)
    return Session(Phase.CLOSED if closed else Phase.OPEN, opens if closed else closes, day, opens, closes, closes)


def _local(now: int, zone: ZoneInfo) -> datetime:
    return (EPOCH + timedelta(microseconds=now // 1000)).astimezone(zone)


def _ns(day: date, at: time, zone: ZoneInfo) -> int:
    return (datetime.combine(day, at, zone) - EPOCH) // timedelta(microseconds=1) * 1000
