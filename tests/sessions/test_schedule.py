"""Session hours: daily and weekly, zones, changing clocks, boundaries."""

from datetime import UTC, datetime, time

import pytest

from sessions.schedule import ALWAYS, Hours, Schedule, Weekday, Window, next_window, same_window, window_at


def at(text):
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def told(window):
    return window and tuple(
        datetime.fromtimestamp(ns / 1e9, UTC).strftime("%a %d %H:%M") for ns in (window.begin_ns, window.end_ns)
    )


def test_always_is_one_endless_window():
    assert at("2024-01-01T00:00Z") in window_at(ALWAYS, at("2024-06-01T00:00Z"))
    assert same_window(ALWAYS, 1, at("2030-01-01T00:00Z"))


def test_a_daily_session_is_open_from_begin_to_end():
    schedule = Schedule(begin=time(9), end=time(17))
    assert window_at(schedule, at("2024-03-05T08:59:59Z")) is None
    assert told(window_at(schedule, at("2024-03-05T09:00Z"))) == ("Tue 05 09:00", "Tue 05 17:00")
    assert window_at(schedule, at("2024-03-05T17:00Z")) is None
    assert told(next_window(schedule, at("2024-03-05T17:00Z"))) == ("Wed 06 09:00", "Wed 06 17:00")


def test_a_session_over_midnight_belongs_to_the_day_it_began():
    schedule = Schedule(begin=time(22), end=time(4))
    assert told(window_at(schedule, at("2024-03-05T03:00Z"))) == ("Mon 04 22:00", "Tue 05 04:00")
    assert same_window(schedule, at("2024-03-04T23:00Z"), at("2024-03-05T03:00Z"))
    assert not same_window(schedule, at("2024-03-04T23:00Z"), at("2024-03-05T23:00Z"))


def test_weekdays_are_the_days_a_session_opens():
    weekdays = tuple(Weekday)[:5]
    schedule = Schedule(begin=time(22), end=time(4), days=weekdays)
    assert told(window_at(schedule, at("2024-03-09T03:00Z"))) == ("Fri 08 22:00", "Sat 09 04:00")
    assert window_at(schedule, at("2024-03-09T23:00Z")) is None
    assert told(next_window(schedule, at("2024-03-09T05:00Z"))) == ("Mon 11 22:00", "Tue 12 04:00")


def test_a_weekly_session_is_one_window():
    schedule = Schedule(
        begin=time(17), end=time(16), zone="America/New_York", begin_day=Weekday.SUNDAY, end_day=Weekday.FRIDAY
    )
    assert told(window_at(schedule, at("2024-01-10T12:00Z"))) == ("Sun 07 22:00", "Fri 12 21:00")
    assert window_at(schedule, at("2024-01-13T12:00Z")) is None
    assert told(next_window(schedule, at("2024-01-13T12:00Z"))) == ("Sun 14 22:00", "Fri 19 21:00")


def test_a_week_may_begin_and_end_on_the_same_day():
    schedule = Schedule(begin=time(18), end=time(17), begin_day=Weekday.SUNDAY, end_day=Weekday.SUNDAY)
    assert told(window_at(schedule, at("2024-01-10T12:00Z"))) == ("Sun 07 18:00", "Sun 14 17:00")
    assert window_at(schedule, at("2024-01-14T17:30Z")) is None


def test_a_daily_session_follows_its_zone_through_the_change_of_clocks():
    schedule = Schedule(begin=time(9, 30), end=time(16), zone="America/New_York")
    assert told(window_at(schedule, at("2024-03-08T15:00Z"))) == ("Fri 08 14:30", "Fri 08 21:00")
    assert told(window_at(schedule, at("2024-03-11T15:00Z"))) == ("Mon 11 13:30", "Mon 11 20:00")


def test_around_the_clock_is_an_hour_shorter_or_longer_when_clocks_change():
    schedule = Schedule(begin=time(17), end=time(17), zone="America/New_York")
    hour = 3_600_000_000_000
    spring = window_at(schedule, at("2024-03-10T12:00Z"))
    autumn = window_at(schedule, at("2024-11-03T12:00Z"))
    assert spring.end_ns - spring.begin_ns == 23 * hour
    assert autumn.end_ns - autumn.begin_ns == 25 * hour
    assert window_at(schedule, spring.end_ns).begin_ns == spring.end_ns


def test_a_local_time_that_does_not_exist_and_one_that_occurs_twice():
    schedule = Schedule(begin=time(2, 30), end=time(12), zone="America/New_York")
    assert told(window_at(schedule, at("2024-03-10T15:00Z")))[0] == "Sun 10 07:30"
    schedule = Schedule(begin=time(1, 30), end=time(12), zone="America/New_York")
    assert told(window_at(schedule, at("2024-11-03T15:00Z")))[0] == "Sun 03 05:30"


def test_begin_and_end_may_be_in_different_zones():
    schedule = Schedule(begin=time(8), end=time(17), zone="Asia/Tokyo", end_zone="America/New_York")
    assert told(window_at(schedule, at("2024-01-10T03:00Z"))) == ("Tue 09 23:00", "Wed 10 22:00")


@pytest.mark.parametrize(
    "wrong",
    [
        {"begin": time(9)},
        {"end": time(9)},
        {"begin_day": Weekday.MONDAY, "begin": time(9), "end": time(10)},
        {"begin_day": Weekday.MONDAY, "end_day": Weekday.FRIDAY},
        {"begin": time(9), "end": time(10), "zone": "Mars/Olympus"},
        {"begin": time(9), "end": time(10), "days": ()},
    ],
)
def test_half_a_schedule_is_a_mistake(wrong):
    with pytest.raises(ValueError, match=r"schedule|zone"):
        Schedule(**wrong)


def test_hours_remember_and_notice_a_clock_set_back():
    schedule = Schedule(begin=time(9), end=time(17))
    hours = Hours(schedule)
    noon = at("2024-03-05T12:00Z")
    assert hours.window(noon) == window_at(schedule, noon)
    assert hours.seconds_left(noon) == 5 * 3600
    night = at("2024-03-05T20:00Z")
    assert hours.window(night) is None
    assert hours.seconds_left(night) == 13 * 3600
    yesterday = at("2024-03-04T12:00Z")
    assert hours.window(yesterday) == window_at(schedule, yesterday)


def test_every_moment_of_a_year_is_in_the_window_that_claims_it():
    schedule = Schedule(begin=time(17), end=time(16, 45), zone="America/New_York", days=tuple(Weekday)[:4])
    hours = Hours(schedule)
    moment = at("2024-01-01T00:00Z")
    for _ in range(366 * 24):
        moment += 3_600_000_000_000
        window = window_at(schedule, moment)
        assert hours.window(moment) == window
        following = next_window(schedule, moment)
        assert following.begin_ns > moment
        assert isinstance(window, Window | None)
        assert window is None or window.end_ns <= following.begin_ns
