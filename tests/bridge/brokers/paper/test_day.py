"""The trading day: what sleeps, wakes and ends when."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from bridge.brokers.paper import HouseRules
from bridge.marketdata.hours import ExchangeHours, Schedule, trading_day
from bridge.orders.reports import Acknowledged, Expired, Refused
from sessions.clock import ManualClock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ns(text):
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) * 1000


DAYS = ("2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05")


def load(calendar, now):
    return Schedule([trading_day("XNYS", date.fromisoformat(d), ns(f"{d}T13:30"), ns(f"{d}T20:00")) for d in DAYS])


@pytest.fixture
async def open_at(make_desk):
    """A desk on New York hours at a UTC time, with AAPL quoted."""

    async def make(at, directory=None, **settings):
        desk = await make_desk(directory, hours=ExchangeHours(load), clock=ManualClock(ns(at)), **settings)
        desk.quote("AAPL", "100.00", 300, "100.02", 500)
        return desk

    return make


def until(desk, at):
    desk.later((ns(at) - desk.clock.utc_ns()) / 1e9)


async def test_a_day_order_expires_at_the_close(open_at):
    desk = await open_at("2024-07-02T15:00")
    order = desk.order("buy", 100, limit="99.00")
    desk.match()
    until(desk, "2024-07-02T19:59:59")
    assert desk.said(order) == ["Acknowledged"]
    until(desk, "2024-07-02T20:00")
    assert desk.said(order) == ["Acknowledged", "Expired"]
    assert desk.last().transact_time == datetime(2024, 7, 2, 20, tzinfo=UTC)


async def test_the_first_tick_after_the_close_finds_it_expired(open_at):
    desk = await open_at("2024-07-02T15:00")
    order = desk.order("buy", 100, limit="99.00")
    desk.match()
    desk.clock.advance(6 * 3600)
    desk.quote("AAPL", "98.00", 300, "98.02", 500)
    assert desk.said(order) == ["Acknowledged", "Expired"]


async def test_an_order_for_the_next_session_is_held_and_filled_at_its_first_quote(open_at):
    desk = await open_at("2024-07-02T21:00")
    order = desk.order("buy", 100)
    assert desk.acknowledged().held
    desk.match()
    desk.quote("AAPL", "100.00", 300, "100.03", 500)
    assert desk.fills(order) == []
    until(desk, "2024-07-03T13:30")
    desk.quote("AAPL", "100.10", 300, "100.12", 500)
    assert desk.fills(order) == [("100", "100.12")]
    late = desk.order("buy", 100, limit="99.00")
    until(desk, "2024-07-03T20:00")
    assert desk.said(late)[-1] == "Expired"


async def test_a_good_till_cancel_order_sleeps_overnight(open_at):
    desk = await open_at("2024-07-02T15:00")
    order = desk.order("buy", 100, limit="99.00", tif="gtc")
    desk.match()
    until(desk, "2024-07-02T20:30")
    desk.quote("AAPL", "98.00", 300, "98.02", 500)
    assert desk.fills(order) == []
    until(desk, "2024-07-03T13:31")
    desk.quote("AAPL", "98.50", 300, "98.52", 500)
    assert desk.fills(order) == [("100", "98.52")]


async def test_extended_hours_orders_work_before_and_after_and_end_with_the_day(open_at):
    desk = await open_at("2024-07-02T20:30")
    order = desk.order("buy", 100, limit="99.00", trading_session_id="EXT")
    assert not desk.acknowledged().held
    desk.match()
    desk.quote("AAPL", "98.00", 300, "98.02", 60)
    assert desk.fills(order) == [("60", "99.00")]
    until(desk, "2024-07-03T00:00")
    assert isinstance(desk.last(), Expired)


async def test_extended_hours_take_limits_only(open_at):
    desk = await open_at("2024-07-02T20:30")
    desk.order("buy", 100, trading_session_id="EXT")
    assert desk.last().code.value == "ORDTYPE"


async def test_immediate_orders_are_refused_while_the_market_is_closed(open_at):
    desk = await open_at("2024-07-02T21:00")
    desk.order("buy", 100, tif="ioc")
    assert desk.last().code.value == "MARKET_CLOSED"


async def test_a_house_may_refuse_everything_while_closed(open_at):
    desk = await open_at("2024-07-04T15:00", house=HouseRules(hold_when_closed=False))
    desk.order("buy", 100)
    assert desk.last().code.value == "MARKET_CLOSED"


async def test_an_at_open_order_takes_the_first_quote_and_ends(open_at):
    desk = await open_at("2024-07-02T10:00")
    order, far = desk.order("buy", 100, tif="opening"), desk.order("buy", 100, limit="90.00", tif="opening")
    assert [report.held for report in desk.reports if isinstance(report, Acknowledged)] == [True, True]
    until(desk, "2024-07-02T13:30")
    assert desk.fills() == []
    desk.quote("AAPL", "101.00", 300, "101.02", 60)
    assert desk.said(order) == ["Acknowledged", "Executed", "Expired"]
    assert desk.said(far) == ["Acknowledged", "Expired"]


async def test_an_at_open_order_without_a_quote_ends_after_five_minutes(open_at):
    desk = await open_at("2024-07-02T10:00")
    order = desk.order("buy", 100, tif="opening")
    until(desk, "2024-07-02T13:35")
    assert desk.said(order) == ["Acknowledged", "Expired"]


async def test_an_at_open_order_is_too_late_when_the_market_is_open(open_at):
    desk = await open_at("2024-07-02T15:00")
    desk.order("buy", 100, tif="opening")
    assert desk.last().code.value == "TIF_CUTOFF"


async def test_an_at_close_order_takes_the_last_touch_at_the_close(open_at):
    desk = await open_at("2024-07-02T15:00")
    order = desk.order("buy", 100, tif="close")
    assert desk.acknowledged().held
    desk.match()
    until(desk, "2024-07-02T19:59:50")
    desk.quote("AAPL", "102.00", 300, "102.02", 60)
    assert desk.fills(order) == []
    until(desk, "2024-07-02T20:00")
    assert desk.fills(order) == [("60", "102.02")]
    assert desk.said(order)[-1] == "Expired"


async def test_an_at_close_order_has_a_cutoff(open_at):
    desk = await open_at("2024-07-02T19:51")
    desk.order("buy", 100, tif="close")
    assert desk.last().code.value == "TIF_CUTOFF"


@pytest.mark.parametrize(
    ("terms", "ends"),
    [
        ({"expire_date": date(2024, 7, 3)}, "2024-07-03T20:00"),
        ({"expire_time": datetime(2024, 7, 2, 18, tzinfo=UTC)}, "2024-07-02T18:00"),
        ({"expire_date": date(2024, 7, 4)}, "2024-07-04T16:00"),
    ],
)
async def test_a_good_till_date_order_ends_on_its_date(open_at, terms, ends):
    desk = await open_at("2024-07-02T15:00")
    order = desk.order("buy", 100, limit="99.00", tif="gtd", **terms)
    desk.match()
    desk.later((ns(ends) - desk.clock.utc_ns()) / 1e9 - 1)
    assert desk.said(order) == ["Acknowledged"]
    desk.later(1)
    assert desk.said(order) == ["Acknowledged", "Expired"]


async def test_a_date_that_has_passed_or_is_missing_is_refused(open_at):
    desk = await open_at("2024-07-02T15:00")
    desk.order("buy", 100, limit="99.00", tif="gtd", expire_time=datetime(2024, 7, 2, 14, tzinfo=UTC))
    assert desk.last().code.value == "TIF_CUTOFF"
    desk.order("buy", 100, limit="99.00", tif="gtd")
    assert isinstance(desk.last(), Refused)
    assert desk.last().code.value == "TIF"


async def test_expiry_is_not_forgotten_over_a_restart(open_at, tmp_path):
    desk = await open_at("2024-07-02T15:00", tmp_path)
    day = desk.order("buy", 100, limit="99.00")
    night = desk.order("buy", 100, limit="98.00", tif="gtc")
    desk.match()
    desk.clock.advance(6 * 3600)
    await desk.crash()
    assert desk.said(day) == ["Expired"]
    assert [order.broker_client_id for order in await desk.broker.open_orders()] == [night]


async def test_without_hours_the_day_ends_at_five_in_new_york(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100, limit="99.00")
    desk.match()
    until(desk, "2024-01-01T22:00")
    assert desk.said(order) == ["Acknowledged", "Expired"]


async def test_the_timer_of_the_loop_expires_without_any_tick(make_desk):
    class Hurry(ManualClock):
        """A clock that stands one millisecond before the end of the day, and is past it when asked again."""

        asked = 0

        def utc_ns(self):
            self.asked += 1
            return ns("2024-07-02T21:00") + (-1_000_000 if self.asked < 20 else 1_000_000)

    desk = await make_desk(clock=Hurry())
    told = asyncio.Event()
    desk.broker._report = lambda report: told.set() if isinstance(report, Expired) else None
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.order("buy", 100, limit="99.00")
    async with asyncio.timeout(10):
        await told.wait()
