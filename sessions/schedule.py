"""Session hours: is it open now, since when, until when, and when next?

A schedule yields *windows* in UTC. Numbers belong to a window: a restart inside one keeps them, the first moment of the
next one resets them. Local times are resolved per day by their zone, so windows are 23 or 25 hours long when clocks
change; a local time that a change skips is taken with the offset before the change, one that occurs twice is the first.
"""

from datetime import UTC, datetime, time, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


class Weekday(Enum):
    """Monday is 0, as `date.weekday` counts."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


class Window(msgspec.Struct, frozen=True):
    """One session: `begin_ns` <= t < `end_ns`, UTC nanoseconds."""

    begin_ns: int
    end_ns: int

    def __contains__(self, at_ns: int) -> bool:
        return self.begin_ns <= at_ns < self.end_ns


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Daily or weekly hours, or with `begin=None` always open.

    Daily: opens at `begin` on each of `days` and closes at the next `end`; begin = end means around the clock with one
    boundary a day. Weekly (`begin_day` and `end_day` given): one window from begin_day begin to end_day end.
    """

    begin: time | None = None
    end: time | None = None
    zone: str = "UTC"
    end_zone: str = ""
    """Zone of `end` where it differs from `zone`."""
    days: tuple[Weekday, ...] = tuple(Weekday)
    """Days of the week, in `zone`, on which a daily session opens."""
    begin_day: Weekday | None = None
    end_day: Weekday | None = None

    def __post_init__(self) -> None:
        if (self.begin is None) != (self.end is None):
            raise ValueError("a schedule needs both begin and end, or neither")
        if (self.begin_day is None) != (self.end_day is None):
            raise ValueError("a weekly schedule needs both begin_day and end_day")
        if self.begin_day is not None and self.begin is None:
            raise ValueError("a weekly schedule needs begin and end")
        if not self.days:
            raise ValueError("a schedule without days never opens")
        for name in (self.zone, self.end_zone or self.zone):
            try:
                ZoneInfo(name)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(f"unknown time zone {name!r}") from error


ALWAYS = Schedule()


def window_at(schedule: Schedule, at_ns: int) -> Window | None:
    """The window that is open at `at_ns`, or None outside the hours. Always-open has one endless window."""
    if schedule.begin is None:
        return Window(0, 2**63 - 1)
    for window in _windows(schedule, at_ns, back=9, ahead=1):
        if at_ns in window:
            return window
    return None


def next_window(schedule: Schedule, at_ns: int) -> Window:
    """The first window that begins after `at_ns`."""
    if schedule.begin is None:
        return Window(2**63 - 1, 2**63 - 1)
    return next(window for window in _windows(schedule, at_ns, back=1, ahead=16) if window.begin_ns > at_ns)


def same_window(schedule: Schedule, a_ns: int, b_ns: int) -> bool:
    """Whether both moments lie in one window: numbers made at one are good at the other."""
    window = window_at(schedule, b_ns)
    return window is not None and a_ns in window


def _windows(schedule: Schedule, at_ns: int, *, back: int, ahead: int) -> list[Window]:
    """All windows that open between `back` days before and `ahead` days after `at_ns`, in order."""
    assert schedule.begin is not None
    assert schedule.end is not None
    zone = ZoneInfo(schedule.zone)
    end_zone = ZoneInfo(schedule.end_zone or schedule.zone)
    today = (_EPOCH + timedelta(microseconds=at_ns // 1000)).astimezone(zone).date()
    days = [day.value for day in schedule.days] if schedule.begin_day is None else [schedule.begin_day.value]
    found = []
    for offset in range(-back, ahead + 1):
        day = today + offset * _DAY
        if day.weekday() not in days:
            continue
        begin = datetime.combine(day, schedule.begin, zone)
        end_date = begin.astimezone(end_zone).date()
        if schedule.end_day is not None:
            end_date += ((schedule.end_day.value - end_date.weekday()) % 7) * _DAY
        end = datetime.combine(end_date, schedule.end, end_zone)
        # Compared as moments, not as clock readings: the two may be in different zones.
        if end.astimezone(UTC) <= begin.astimezone(UTC):
            end = datetime.combine(end_date + (_DAY if schedule.end_day is None else 7 * _DAY), schedule.end, end_zone)
        found.append(Window(_ns(begin), _ns(end)))
    return found


def _ns(moment: datetime) -> int:
    since = moment.astimezone(UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


class Hours:
    """A schedule asked often: remembers the present window, or closure, until it ends."""

    __slots__ = ("_from_ns", "_schedule", "_until_ns", "_window")

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._window: Window | None = None
        self._from_ns, self._until_ns = 1, 0

    def window(self, at_ns: int) -> Window | None:
        """As `window_at`, quickly. A clock that is set back is noticed."""
        if not self._from_ns <= at_ns < self._until_ns:
            self._window = window_at(self._schedule, at_ns)
            if self._window is not None:
                self._from_ns, self._until_ns = self._window.begin_ns, self._window.end_ns
            else:
                self._from_ns, self._until_ns = at_ns, next_window(self._schedule, at_ns).begin_ns
        return self._window

    def seconds_left(self, at_ns: int) -> float:
        """Until the present window ends or the next one begins."""
        self.window(at_ns)
        return (self._until_ns - at_ns) / 1e9
