from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from bridge.risk.day import DayRoll
from bridge.risk.times import utc_ns

NEW_YORK = ZoneInfo("America/New_York")
SHARES = DayRoll(NEW_YORK, time(0))
FUTURES = DayRoll(NEW_YORK, time(17))
CRYPTO = DayRoll(UTC, time(0))


def at(*clock, zone=NEW_YORK):
    return utc_ns(datetime(*clock, tzinfo=zone))


@pytest.mark.parametrize(
    ("roll", "now", "day"),
    [
        (SHARES, at(2026, 11, 23, 0, 0), date(2026, 11, 23)),
        (SHARES, at(2026, 11, 22, 23, 59, 59), date(2026, 11, 22)),
        (FUTURES, at(2026, 11, 23, 16, 59, 59), date(2026, 11, 23)),
        (FUTURES, at(2026, 11, 23, 17, 0), date(2026, 11, 24)),
        (CRYPTO, at(2026, 11, 23, 0, 0, zone=UTC), date(2026, 11, 23)),
        (CRYPTO, at(2026, 11, 22, 19, 0), date(2026, 11, 23)),
        (DayRoll(UTC, time(6)), at(2026, 11, 23, 5, 59, zone=UTC), date(2026, 11, 22)),
    ],
)
def test_a_trading_day_begins_in_its_own_zone_at_its_own_hour(roll, now, day):
    assert roll.day(now) == day


@pytest.mark.parametrize("roll", [SHARES, FUTURES, CRYPTO, DayRoll(UTC, time(6))])
@pytest.mark.parametrize("day", [date(2026, 11, 23), date(2026, 3, 8), date(2026, 11, 1)])
def test_a_day_ends_exactly_when_the_next_begins_also_across_a_clock_change(roll, day):
    end = roll.end_ns(day)
    assert roll.day(end - 1000) == day
    assert roll.day(end) == date.fromordinal(day.toordinal() + 1)
