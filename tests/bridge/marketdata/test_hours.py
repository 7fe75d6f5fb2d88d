import sys
from datetime import UTC, date, datetime, timedelta

import pytest

from bridge.marketdata.hours import (
    AlwaysOpen,
    ExchangeHours,
    Phase,
    Schedule,
    UnknownCalendar,
    trading_day,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ns(text):
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) * 1000


def xnys(*days):
    """Trading days of New York in July 2024: (day, open, close) in UTC."""
    return Schedule(
        [trading_day("XNYS", date.fromisoformat(day), ns(opens), ns(closes)) for day, opens, closes in days]
    )


JULY = xnys(
    ("2024-07-02", "2024-07-02T13:30", "2024-07-02T20:00"),
    ("2024-07-03", "2024-07-03T13:30", "2024-07-03T17:00"),  # half day
    ("2024-07-05", "2024-07-05T13:30", "2024-07-05T20:00"),
)


@pytest.fixture
def hours():
    asked = []

    def load(calendar, now):
        asked.append(calendar)
        if calendar != "XNYS":
            raise UnknownCalendar(calendar)
        return JULY

    made = ExchangeHours(load)
    made.asked = asked
    return made


@pytest.mark.parametrize(
    ("at", "phase", "until"),
    [
        ("2024-07-02T08:00", Phase.EARLY, "2024-07-02T13:30"),
        ("2024-07-02T13:30", Phase.OPEN, "2024-07-02T20:00"),
        ("2024-07-02T19:59:59", Phase.OPEN, "2024-07-02T20:00"),
        ("2024-07-02T20:00", Phase.LATE, "2024-07-03T00:00"),
        ("2024-07-03T00:00", Phase.CLOSED, "2024-07-03T08:00"),
        ("2024-07-03T17:00", Phase.LATE, "2024-07-03T21:00"),
        ("2024-07-04T15:00", Phase.CLOSED, "2024-07-05T08:00"),
    ],
)
def test_a_day_has_an_early_an_open_and_a_late_phase_and_holidays_have_none(hours, at, phase, until):
    session = hours.at("XNYS", ns(at))
    assert (session.phase, session.until) == (phase, ns(until))


def test_while_closed_the_session_is_the_next_one(hours):
    session = hours.at("XNYS", ns("2024-07-04T15:00"))
    assert (session.day, session.opens) == (date(2024, 7, 5), ns("2024-07-05T13:30"))


def test_a_schedule_is_loaded_once_and_again_when_it_ends(hours):
    hours.at("XNYS", ns("2024-07-02T13:30"))
    hours.at("XNYS", ns("2024-07-05T13:30"))
    assert hours.asked == ["XNYS"]
    assert not JULY.covers(ns("2024-07-06T01:00"))


def test_index_futures_pause_for_an_hour():
    day = trading_day("CMES", date(2024, 7, 2), ns("2024-07-01T22:00"), ns("2024-07-02T22:00"))
    assert (day.begins, day.closes, day.ends) == (
        ns("2024-07-01T22:00"),
        ns("2024-07-02T21:00"),
        ns("2024-07-02T21:00"),
    )


def test_currencies_trade_from_sunday_to_friday_evening_in_new_york(hours):
    for at, phase, until in (
        ("2024-07-05T20:59", Phase.OPEN, "2024-07-05T21:00"),
        ("2024-07-05T21:00", Phase.CLOSED, "2024-07-07T21:00"),
        ("2024-07-06T12:00", Phase.CLOSED, "2024-07-07T21:00"),
        ("2024-07-07T21:00", Phase.OPEN, "2024-07-08T21:00"),
    ):
        session = hours.at("24/5", ns(at))
        assert (session.phase, session.until) == (phase, ns(until)), at


def test_coins_never_close(hours):
    assert hours.at("24/7", ns("2024-07-06T12:00")).phase is Phase.OPEN


def test_always_open_ends_its_day_at_five_in_new_york_through_the_change_of_clocks():
    always = AlwaysOpen()
    assert always.at("XNYS", ns("2024-03-08T12:00")).closes == ns("2024-03-08T22:00")
    assert always.at("XNYS", ns("2024-03-11T12:00")).closes == ns("2024-03-11T21:00")
    late = always.at("XNYS", ns("2024-07-05T21:00"))
    assert (late.day, late.opens, late.closes) == (date(2024, 7, 6), ns("2024-07-05T21:00"), ns("2024-07-06T21:00"))


def test_without_the_library_the_refusal_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(UnknownCalendar, match=r"pip install 'fixbridge\[calendars\]'"):
        ExchangeHours().at("XNYS", ns("2024-07-02T13:30"))


def test_the_real_library_knows_the_half_day_and_the_holiday():
    pytest.importorskip("exchange_calendars", reason="the extra `calendars` is not installed")
    real = ExchangeHours()
    assert real.at("XNYS", ns("2024-07-03T17:00")).phase is Phase.LATE
    assert real.at("XNYS", ns("2024-07-04T15:00")).phase is Phase.CLOSED
    assert real.at("CMES", ns("2024-07-02T21:30")).phase is Phase.CLOSED
    with pytest.raises(UnknownCalendar, match="does not know it"):
        real.at("NOPE", ns("2024-07-02T13:30"))
