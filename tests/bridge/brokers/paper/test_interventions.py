from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bridge.brokers.paper import interventions
from bridge.orders.reports import Busted, Canceled, Executed, Restated, Suspended
from fixspec.enums import ExecInst, ExecRestatementReason


def test_a_halt_suspends_orders_and_nothing_is_filled_until_the_quote_after_it(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.trade("AAPL", "100.00", 1)
    order = desk.order("buy", 100, limit="99.00")
    leaves = desk.order("buy", 100, limit="99.00", exec_inst=(ExecInst.CANCEL_ON_TRADING_HALT,))
    desk.match()
    desk.broker.halt("AAPL", "News pending")
    assert isinstance(desk.last(), Canceled)
    assert (desk.last().broker_client_id, desk.last().reason) == (leaves, ExecRestatementReason.CANCEL_ON_TRADING_HALT)
    assert any(isinstance(r, Suspended) and r.broker_client_id == order for r in desk.reports)
    desk.quote("AAPL", "98.00", 300, "98.02", 500)
    desk.trade("AAPL", "98.00", 500, "sell")
    late = desk.order("buy", 10)
    desk.match()
    assert desk.fills() == []
    desk.broker.resume("AAPL")
    assert isinstance(desk.last(), Restated)
    assert desk.fills() == []
    desk.quote("AAPL", "98.00", 300, "98.02", 500)
    assert desk.fills(order) == [("100", "99.00")]
    assert desk.fills(late) == [("10", "98.02")]


def test_an_unknown_symbol_cannot_be_halted(desk):
    with pytest.raises(KeyError):
        desk.broker.halt("NOPE")


async def test_a_halt_survives_a_restart(filed):
    filed.quote("AAPL", "100.00", 300, "100.02", 500)
    order = filed.order("buy", 100, limit="99.00", tif="gtc")
    filed.match()
    filed.broker.halt("AAPL")
    await filed.crash()
    filed.quote("AAPL", "98.00", 300, "98.02", 500)
    assert filed.fills(order) == []


async def test_a_split_changes_positions_and_orders_and_keeps_the_money(desk):
    desk.quote("AAPL", "100.00", 300, "100.00", 500)
    desk.order("buy", 100)
    desk.match()
    order = desk.order("buy", 50, limit="90.05", tif="gtc")
    stop = desk.order("sell", 50, stop="80.01", tif="gtc")
    desk.match()
    (before,) = await desk.broker.accounts()
    desk.broker.split("AAPL", 2, 1)
    told = {r.broker_client_id: r for r in desk.reports if isinstance(r, Restated)}
    assert (told[order].order_qty, str(told[order].price)) == (100, "45.02")
    assert (told[stop].order_qty, str(told[stop].stop_px)) == (100, "40.01")
    assert told[order].reason is ExecRestatementReason.GT_CORPORATE_ACTION
    (position,) = await desk.broker.positions()
    assert (position.qty, position.avg_px) == (200, 50)
    desk.quote("AAPL", "50.00", 300, "50.00", 500)
    (after,) = await desk.broker.accounts()
    assert (after.cash, after.equity) == (before.cash, before.equity)
    desk.quote("AAPL", "45.00", 300, "45.02", 500)
    assert desk.fills(order) == [("100", "45.02")]


def test_a_reverse_split_that_leaves_less_than_a_lot_cancels(desk):
    desk.quote("AAPL", "100.00", 300, "100.00", 500)
    order = desk.order("buy", 5, limit="90.00", tif="gtc")
    desk.match()
    desk.broker.split("AAPL", 1, 10)
    assert desk.said(order) == ["Acknowledged", "Canceled"]
    with pytest.raises(ValueError, match="a split"):
        desk.broker.split("AAPL", 0, 10)


async def test_a_bust_takes_a_fill_back_and_the_filled_order_ends(desk):
    desk.quote("AAPL", "100.00", 300, "100.00", 500)
    order = desk.order("buy", 100)
    desk.match()
    interventions.bust(desk.broker.exchange, 1, 1, desk.clock.utc_ns())
    desk.broker._told()
    assert desk.said(order) == ["Acknowledged", "Executed", "Busted", "Canceled"]
    executed = next(r for r in desk.reports if isinstance(r, Executed))
    busted = next(r for r in desk.reports if isinstance(r, Busted))
    assert busted.exec_root == executed.broker_exec_id != busted.broker_exec_id
    assert desk.last().reason is ExecRestatementReason.MARKET
    assert await desk.broker.positions() == []
    (account,) = await desk.broker.accounts()
    assert account.cash == 1_000_000


async def test_a_bust_of_a_working_order_is_worked_again(desk):
    desk.quote("AAPL", "100.00", 300, "100.00", 60)
    order = desk.order("buy", 100, limit="100.00")
    desk.match()
    interventions.bust(desk.broker.exchange, 1, 1, desk.clock.utc_ns())
    desk.broker._told()
    desk.quote("AAPL", "99.00", 300, "99.50", 500)
    assert desk.fills(order) == [("60", "100.00"), ("100", "99.50")]


async def test_a_correction_is_a_revision_of_the_same_execution(filed):
    filed.quote("AAPL", "100.00", 300, "100.00", 500)
    order = filed.order("buy", 100)
    filed.match()
    interventions.correct(filed.broker.exchange, 1, 1, Decimal(90), Decimal("99.50"), 5)
    filed.broker._told()
    first, second = (r for r in filed.reports if isinstance(r, Executed))
    assert (second.exec_root, second.revision, second.last_qty) == (first.broker_exec_id, 1, 90)
    await filed.crash()
    (listed,) = await filed.broker.executions(datetime(2020, 1, 1, tzinfo=UTC))
    assert (listed.broker_exec_id, str(listed.last_px)) == (second.broker_exec_id, "99.50")
    (position,) = await filed.broker.positions()
    assert position.qty == 90
    assert (await filed.broker.find(filed.orders[order])).cum_qty == 90


async def test_a_late_fill_counts_after_the_cancel(desk):
    desk.quote("AAPL", "100.00", 300, "100.00", 500)
    order = desk.order("buy", 100, limit="99.00")
    desk.match()
    desk.cancel(order)
    interventions.fill(desk.broker.exchange, 1, Decimal(100), Decimal("99.00"), desk.clock.utc_ns())
    desk.broker._told()
    assert desk.said(order) == ["Acknowledged", "Canceled", "Executed"]
    (position,) = await desk.broker.positions()
    assert position.qty == 100
