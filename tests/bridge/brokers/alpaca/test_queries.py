"""Lists with more than one page, chains, positions, assets, the account, the market's hours."""

import time
from datetime import date, timedelta
from decimal import Decimal

import pytest

from bridge.brokers.alpaca.hours import Calendar
from bridge.interfaces import BrokerUnreachable
from bridge.sandbox.alpaca import How
from fixspec.enums import OrdStatus
from tests.contract.venue import LONG_AGO


def made(desk, count, **terms):
    body = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "limit_price": "90", "time_in_force": "day"}
    for number in range(count):
        desk.sandbox.rest.answer("POST", "/orders", {}, body | {"client_order_id": f"x-{number}"} | terms)


async def test_every_page_of_open_orders_is_read_also_where_times_are_equal(desk):
    made(desk, 1203)
    moments = [order.created for order in desk.sandbox.book.orders.values()]
    for order in list(desk.sandbox.book.orders.values())[490:520]:
        order.created = moments[490]
    desk.sandbox.stream_faults.skip.extend(["new"] * 9)
    found = await desk.adapter.open_orders()
    assert len(found) == len({each.broker_order_id for each in found}) == 1203


async def test_every_page_of_executions_is_read_and_only_new_ones_again(desk):
    await desk.price("99.00", "101.00", 10_000)
    made(desk, 250, type="market", limit_price=None)
    assert len(await desk.adapter.executions(LONG_AGO)) == 250
    pages = desk.adapter.queries.activities.pages
    assert len(await desk.adapter.executions(LONG_AGO)) == 250
    assert desk.adapter.queries.activities.pages - pages <= 3


async def test_executions_of_one_millisecond_are_ordered_by_their_orders_total(desk):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    for size in (3, 3, 4):
        await desk.price("97.00", "98.00", size)
    await desk.settle()
    same = desk.sandbox.book.fills[0]["transaction_time"]
    for row, key in zip(desk.sandbox.book.fills, "cab", strict=True):
        row["transaction_time"], row["id"] = same, f"20261124150000000::{key}"
    desk.adapter.queries.activities._rows.clear()
    rows = await desk.adapter.queries.rows(LONG_AGO)
    assert [row.cum_qty for row in rows] == [3, 6, 10]


async def test_after_a_restart_executions_are_matched_by_our_id_although_nothing_is_remembered(desk):
    orders = [desk.send("buy", "1") for _ in range(8)]
    await desk.until(lambda: all(desk.status(each) is OrdStatus.FILLED for each in orders))
    entries = len(desk.entries())
    await desk.restart()
    await desk.reconcile()
    assert [each.event.type for each in desk.entries()[entries:] if "fill" in str(each.event)] == []
    assert {row.broker_client_id for row in await desk.adapter.executions(LONG_AGO)} == {
        desk.order(each).broker_client_id for each in orders
    }
    desk.agree()


async def test_an_unanswered_order_that_filled_during_a_crash_gets_its_fills_and_no_stranger_does(desk):
    desk.sandbox.orders.mute()
    desk.sandbox.fault(How.SILENCE, "POST /orders", carried_out=True)
    cl_ord_id = desk.send("buy", "10")
    await desk.until(lambda: desk.sandbox.submitted)
    await desk.restart()
    assert desk.status(cl_ord_id) is OrdStatus.FILLED
    assert not any(order.external for order in desk.desk.blotter.orders())
    desk.agree()


@pytest.mark.parametrize("how", [How.STATUS_502, How.GARBAGE, How.PARTIAL, How.RESET, How.SILENCE, How.STATUS_401])
async def test_half_a_list_is_no_list(desk, how):
    made(desk, 600)
    desk.sandbox.fault(how, "GET /orders", after=1)  # the second page
    with pytest.raises(BrokerUnreachable):
        await desk.adapter.open_orders()
    assert len(await desk.adapter.open_orders()) == 600


async def test_a_404_from_a_proxy_is_not_absence(desk):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    plain = desk.sandbox.rest.answer
    from bridge.sandbox.alpaca_connection import Answer

    desk.sandbox.rest.answer = lambda *asked: Answer(404, "<html>nginx</html>", "text/html")
    with pytest.raises(BrokerUnreachable):
        await desk.adapter.find(desk.order(cl_ord_id))
    desk.sandbox.rest.answer = plain


async def test_short_positions_are_negative_and_accounts_say_what_they_may(desk):
    cl_ord_id = desk.send("sell_short", "10")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    (position,) = await desk.adapter.positions()
    assert (position.qty, position.avg_px, position.mark) == (-10, 99, 100)
    (account,) = await desk.adapter.accounts()
    assert account.cash == Decimal(1_000_990)
    assert account.equity == Decimal(999_990)
    assert account.margin_account
    assert account.shorting_allowed


async def test_a_blocked_account_takes_no_orders_until_it_is_free_again(desk):
    desk.sandbox.rest.blocked = True
    await desk.reconcile()
    assert desk.adapter.unready == "Alpaca says trading_blocked"
    desk.sandbox.rest.blocked = False
    await desk.reconcile()
    assert desk.adapter.unready is None


async def test_assets_are_instruments_and_are_learnt_by_the_first_order(desk):
    desk.sandbox.quote("BTC/USD", "60000", "60010")
    rows = {row.symbol: row for row in await desk.adapter.instruments()}
    assert (rows["AAPL"].tick_size, rows["AAPL"].lot_size, rows["AAPL"].calendar) == (Decimal("0.01"), 1, "XNYS")
    assert (rows["BTC/USD"].security_type, rows["BTC/USD"].min_qty) == ("FOR", Decimal("0.0001"))
    desk.adapter.queries.assets.clear()
    desk.send("buy", "1")
    await desk.until(lambda: "AAPL" in desk.adapter.queries.assets)


async def test_the_market_clock_and_the_hours_are_alpacas(desk):
    assert (await desk.adapter.market_clock())["is_open"] is True
    await desk.until(lambda: desk.adapter.market_open(desk.instruments.get("AAPL"), time.time_ns()) is not None)
    assert desk.adapter.market_open(desk.instruments.get("AAPL"), time.time_ns() + 30 * 86_400 * 10**9) is None
    assert desk.adapter.market_open(desk.instruments.get("BTC/USD"), 0) is True


def test_hours_are_known_for_the_days_asked_for_and_for_no_others():
    calendar, day = Calendar(), date(2026, 11, 27)
    row = {"date": "2026-11-27", "open": "09:30", "close": "13:00", "session_open": "0400", "session_close": "1700"}
    calendar.take([row], day, day + timedelta(days=1))

    def at(hour, minute=0, days=0):  # New York is five hours behind in November
        return (1_795_755_600 + days * 86_400 + hour * 3600 + minute * 60) * 10**9

    assert calendar.open_at(at(9, 29)) is False
    assert calendar.open_at(at(9, 30)) is True
    assert calendar.open_at(at(13)) is False
    assert calendar.open_at(at(16, 59), extended=True) is True
    assert calendar.open_at(at(12, days=1)) is False
    assert calendar.open_at(at(12, days=2)) is None
