"""One suite over every adapter: what ADAPTERS.md part A promises, number by number."""

import inspect
from decimal import Decimal

import pytest

from bridge.interfaces import BrokerUnreachable, Fence
from bridge.orders.events import Mode, Request
from bridge.orders.reports import (
    Acknowledged,
    Canceled,
    CancelRefused,
    Executed,
    NoAnswer,
    Refused,
    Replaced,
    ReplaceRefused,
)
from fixspec.enums import CxlRejReason, OrdStatus, OrdType, TimeInForce
from tests.contract.venue import LONG_AGO


def of(venue, kind, order=None):
    """Reports of one kind, about one order."""
    ids = None if order is None else {order.broker_client_id}
    return [r for r in venue.reports if isinstance(r, kind) and (ids is None or r.broker_client_id in ids)]


async def sent(venue, order):
    venue.adapter.submit(order)
    await venue.settle()
    return order


# --- 1. our id first -------------------------------------------------------------------------------------------------


async def test_an_order_is_acknowledged_under_our_id_and_found_by_it(venue, orders):
    order = await sent(venue, orders.new("buy", 10, limit="98.00"))
    (ack,) = of(venue, Acknowledged, order)
    assert ack.broker == venue.adapter.name
    assert ack.broker_order_id
    found = await venue.adapter.find(order)
    assert (found.broker_client_id, found.broker_order_id) == (order.broker_client_id, ack.broker_order_id)
    assert (found.side, found.order_qty, found.price, found.ord_status) == (order.side, 10, 98, OrdStatus.NEW)
    assert [o.broker_client_id for o in await venue.adapter.open_orders()] == [order.broker_client_id]


async def test_every_report_names_the_order_by_our_id(venue, orders):
    order = await sent(venue, orders.new("buy", 10))
    resting = await sent(venue, orders.new("buy", 10, limit="98.00"))
    venue.adapter.cancel(resting)
    await venue.settle()
    assert {r.broker_client_id for r in venue.reports} == {order.broker_client_id, resting.broker_client_id}


# --- 2. three answers ------------------------------------------------------------------------------------------------


async def test_an_order_the_broker_never_saw_is_proven_absent(venue, orders):
    assert await venue.adapter.find(orders.new("buy", 10)) is None


async def test_silence_is_no_answer_and_never_an_empty_list(venue, orders):
    order = await sent(venue, orders.new("buy", 10, limit="98.00"))
    await venue.go_silent()
    for ask in (
        lambda: venue.adapter.open_orders(),
        lambda: venue.adapter.find(order),
        lambda: venue.adapter.executions(LONG_AGO),
        lambda: venue.adapter.positions(),
        lambda: venue.adapter.accounts(),
    ):
        with pytest.raises(BrokerUnreachable):
            await ask()
    await venue.answer_again()
    assert len(await venue.adapter.open_orders()) == 1


# --- 3. no blind retry -----------------------------------------------------------------------------------------------


async def test_a_submit_is_sent_once(venue, orders):
    order = await sent(venue, orders.new("buy", 10))
    assert venue.arrived() == [order.broker_client_id]


async def test_a_submit_without_an_answer_is_sent_once_and_reported_as_unknown(venue, orders):
    await venue.lose_next_answer()
    order = await sent(venue, orders.new("buy", 10, limit="98.00"))
    assert venue.arrived() == [order.broker_client_id]
    (unknown,) = of(venue, NoAnswer, order)
    assert unknown.request is Request.SUBMIT
    assert of(venue, Refused, order) == []
    assert (await venue.adapter.find(order)).ord_status is OrdStatus.NEW


async def test_where_ids_are_idempotent_a_second_submit_makes_no_second_order(venue, orders):
    if venue.adapter.fence is not Fence.IDEMPOTENT_ID:
        pytest.skip("this broker does not refuse a known id")
    order = await sent(venue, orders.new("buy", 10))
    (first,) = of(venue, Executed, order)
    await venue.restart()
    await sent(venue, order)
    assert {r.broker_exec_id for r in of(venue, Executed, order)} == {first.broker_exec_id}
    (position,) = await venue.adapter.positions()
    assert position.qty == 10


# --- 4. executions make fills ----------------------------------------------------------------------------------------


async def test_fills_are_reported_one_by_one_with_ids_of_their_own(venue, orders):
    await venue.price("99.00", "101.00", 6)
    order = await sent(venue, orders.new("buy", 10, limit="101.00"))
    await venue.price("99.00", "100.50", 10)
    await venue.settle()
    fills = of(venue, Executed, order)
    assert sum(r.last_qty for r in fills) == 10
    assert len({r.broker_exec_id for r in fills}) == len(fills) >= 2
    assert all(r.last_px <= Decimal("101.00") for r in fills)
    assert (await venue.adapter.find(order)).ord_status is OrdStatus.FILLED


async def test_an_execution_says_enough_to_be_booked_without_its_order(venue, orders):
    order = await sent(venue, orders.new("sell", 10))
    (fill,) = of(venue, Executed, order)
    assert (fill.symbol, fill.side, fill.account) == (venue.symbol, order.side, venue.account)
    assert fill.transact_time is not None
    assert fill.transact_time.tzinfo is not None


async def test_the_list_of_executions_has_the_ids_of_the_stream(venue, orders):
    for side in ("buy", "sell"):
        await sent(venue, orders.new(side, 10))
    streamed = [(r.broker_exec_id, r.exec_root, r.last_qty, r.last_px) for r in of(venue, Executed)]
    listed = await venue.adapter.executions(LONG_AGO)
    assert [(r.broker_exec_id, r.exec_root, r.last_qty, r.last_px) for r in listed] == streamed


# --- 5. and 6. outages and quiet streams -----------------------------------------------------------------------------


async def test_what_was_filled_while_the_stream_was_down_is_in_the_executions_after_it(venue, orders):
    order = await sent(venue, orders.new("buy", 10, limit="98.00"))
    await venue.drop_stream()
    await venue.price("96.00", "97.00")
    await venue.settle()
    assert of(venue, Executed, order) == []
    await venue.heal_stream()
    assert [r.broker_client_id for r in await venue.adapter.executions(LONG_AGO)] == [order.broker_client_id]
    assert (await venue.adapter.find(order)).cum_qty == 10
    assert await venue.adapter.open_orders() == []


# --- 7. cancels ------------------------------------------------------------------------------------------------------


async def test_a_cancel_ends_the_order_once_and_may_be_repeated(venue, orders):
    order = await sent(venue, orders.new("buy", 10, limit="98.00"))
    venue.adapter.cancel(order)
    await venue.settle()
    venue.adapter.cancel(order)
    await venue.settle()
    assert len(of(venue, Canceled, order)) == 1
    assert len(of(venue, CancelRefused, order)) == 1
    assert (await venue.adapter.find(order)).ord_status is OrdStatus.CANCELED


async def test_a_cancel_of_a_filled_order_is_too_late(venue, orders):
    order = await sent(venue, orders.new("buy", 10))
    venue.adapter.cancel(order)
    await venue.settle()
    (refused,) = of(venue, CancelRefused, order)
    assert refused.cxl_rej_reason is CxlRejReason.TOO_LATE_TO_CANCEL


async def test_a_fill_after_the_cancel_is_told_and_counts(venue, orders):
    order = await sent(venue, orders.new("buy", 10, limit="98.00"))
    venue.adapter.cancel(order)
    await venue.settle()
    await venue.fill_late(order, 4, "98.00")
    await venue.settle()
    (fill,) = of(venue, Executed, order)
    assert fill.last_qty == 4
    (position,) = await venue.adapter.positions()
    assert position.qty == 4


# --- replaces --------------------------------------------------------------------------------------------------------


async def test_a_replace_puts_the_new_terms_in_force(venue, orders):
    if not venue.adapter.capabilities.replace:
        pytest.skip("this broker replaces nothing")
    order = await sent(venue, orders.new("buy", 10, limit="97.00"))
    asking = orders.asking(order, qty=20, limit="98.00")
    venue.adapter.replace(asking)
    await venue.settle()
    assert len(of(venue, Replaced)) == 1
    (listed,) = await venue.adapter.open_orders()
    assert (listed.order_qty, listed.price) == (20, 98)


async def test_a_refused_replace_leaves_the_order_as_it_was(venue, orders):
    if not venue.adapter.capabilities.replace:
        pytest.skip("this broker replaces nothing")
    order = await sent(venue, orders.new("buy", 10))
    venue.adapter.replace(orders.asking(order, qty=20))
    await venue.settle()
    assert len(of(venue, ReplaceRefused)) == 1
    assert (await venue.adapter.find(order)).ord_status is OrdStatus.FILLED


# --- 8. ready or refused ---------------------------------------------------------------------------------------------


async def test_an_adapter_says_why_it_is_not_ready(venue, orders):
    assert venue.adapter.unready is None
    await venue.drop_stream()
    assert venue.adapter.unready
    await venue.heal_stream()
    assert venue.adapter.unready is None
    await venue.adapter.stop()
    assert venue.adapter.unready


async def test_what_is_sent_to_a_stopped_adapter_is_answered_and_raises_nothing(venue, orders):
    order = await sent(venue, orders.new("buy", 10, limit="98.00"))
    await venue.adapter.stop()
    late = orders.new("buy", 10)
    venue.adapter.submit(late)
    venue.adapter.cancel(order)
    assert venue.arrived() == [order.broker_client_id]
    with pytest.raises(BrokerUnreachable):
        await venue.adapter.open_orders()


async def test_a_broker_refuses_with_proof_and_a_text(venue, orders):
    order = await sent(venue, orders.new("buy", 1_000_000_000))
    (refused,) = of(venue, Refused, order)
    assert refused.text
    assert of(venue, Acknowledged, order) == []


# --- 9. reconciliation is idempotent ---------------------------------------------------------------------------------


async def test_asking_twice_and_after_a_restart_gives_the_same(venue, orders):
    await sent(venue, orders.new("buy", 10))
    resting = await sent(venue, orders.new("buy", 10, limit="98.00"))
    first = (
        await venue.adapter.executions(LONG_AGO),
        [o.broker_client_id for o in await venue.adapter.open_orders()],
    )
    for _ in range(2):
        await venue.restart()
        again = (
            await venue.adapter.executions(LONG_AGO),
            [o.broker_client_id for o in await venue.adapter.open_orders()],
        )
        assert again == first
    assert first[1] == [resting.broker_client_id]


async def test_executions_since_a_moment_are_those_from_then_on(venue, orders):
    await sent(venue, orders.new("buy", 10))
    (fill,) = await venue.adapter.executions(LONG_AGO)
    assert await venue.adapter.executions(fill.transact_time) == [fill]
    assert await venue.adapter.executions(fill.transact_time.replace(year=fill.transact_time.year + 1)) == []


# --- 10. one door per credential -------------------------------------------------------------------------------------


async def test_a_second_adapter_with_the_same_credentials_is_kept_out(venue):
    assert await venue.second_door() is not None
    assert venue.adapter.unready is None


# --- 11. the loop never waits ----------------------------------------------------------------------------------------


def test_requests_are_plain_calls_and_questions_are_awaited(venue):
    for name in ("submit", "replace", "cancel"):
        assert not inspect.iscoroutinefunction(getattr(venue.adapter, name))
    for name in ("start", "stop", "open_orders", "find", "executions", "positions", "accounts"):
        assert inspect.iscoroutinefunction(getattr(venue.adapter, name))


# --- 12. paper cannot reach live -------------------------------------------------------------------------------------


async def test_the_mode_belongs_to_the_adapter(venue):
    assert isinstance(venue.adapter.mode, Mode)
    before = venue.adapter.mode
    await venue.restart()
    assert venue.adapter.mode is before


# --- what it says of itself ------------------------------------------------------------------------------------------


async def test_capabilities_name_what_can_be_sent(venue):
    capabilities = venue.adapter.capabilities
    assert {OrdType.MARKET, OrdType.LIMIT} <= capabilities.ord_types
    assert TimeInForce.DAY in capabilities.times_in_force
    assert venue.adapter.settle >= 0


async def test_accounts_state_cash_equity_and_buying_power_with_their_time(venue, orders):
    await sent(venue, orders.new("buy", 10))
    (account,) = await venue.adapter.accounts()
    assert account.account == venue.account
    assert account.currency
    assert account.buying_power >= 0
    assert account.taken_ns > 0


async def test_immediate_or_cancel_ends_with_a_cancel_nobody_asked_for(venue, orders):
    if TimeInForce.IOC not in venue.adapter.capabilities.times_in_force:
        pytest.skip("this broker does not take IOC")
    await venue.price("99.00", "101.00", 4)
    order = await sent(venue, orders.new("buy", 10, limit="101.00", tif="ioc"))
    assert sum(r.last_qty for r in of(venue, Executed, order)) == 4
    assert len(of(venue, Canceled, order)) == 1


async def test_a_stop_is_held_until_its_price(venue, orders):
    if OrdType.STOP not in venue.adapter.capabilities.ord_types:
        pytest.skip("this broker does not take stops")
    order = await sent(venue, orders.new("buy", 10, stop="105.00"))
    assert of(venue, Acknowledged, order)[0].held
    await venue.price("104.00", "105.00")
    await venue.settle()
    assert sum(r.last_qty for r in of(venue, Executed, order)) == 10
