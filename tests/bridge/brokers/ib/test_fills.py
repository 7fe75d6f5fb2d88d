"""Executions make fills, whatever the statuses say, in whatever order both come (ADAPTERS B.4, 6, 7, 13, 14)."""

from decimal import Decimal

import pytest

from bridge.interfaces import BrokerUnreachable
from bridge.orders.reports import Acknowledged, Canceled, CommissionKnown, Executed
from bridge.sandbox.ib_faults import Fault, How, On


async def test_an_execution_before_any_status_fills_and_is_not_followed_by_new(venue, orders):
    venue.arm(On.PLACE, How.EXECUTION_FIRST)
    order = await venue.sent(orders.new("buy", 10))
    (fill,) = venue.told(Executed)
    assert (fill.broker_client_id, fill.last_qty, fill.last_px) == (order.broker_client_id, 10, Decimal("101.00"))
    assert venue.told(Acknowledged) == []


async def test_an_order_without_any_status_is_filled_by_its_executions(venue, orders):
    venue.arm(On.PLACE, How.ONLY_EXECUTIONS)
    order = await venue.sent(orders.new("buy", 10))
    assert [r.last_qty for r in venue.told(Executed)] == [10]
    assert (await venue.adapter.find(order)).cum_qty == 10


async def test_a_status_makes_no_fill_the_execution_is_asked_for_and_told_once(venue, orders):
    venue.arm(On.PLACE, How.ONLY_STATUS)
    await venue.sent(orders.new("buy", 10))
    assert venue.told(Executed) == []
    await venue.until(lambda: venue.told(Executed))
    await venue.settle()
    assert [r.last_qty for r in venue.told(Executed)] == [10]


async def test_doubled_statuses_say_nothing_twice(venue, orders):
    venue.arm(On.PLACE, How.DOUBLED)
    order = await venue.sent(orders.new("buy", 10, limit="98.00"))
    assert len(venue.told(Acknowledged)) == 1
    venue.adapter.cancel(order)
    await venue.settle()
    assert len(venue.told(Canceled)) == 1


async def test_a_correction_is_the_same_execution_in_a_higher_revision(venue, orders):
    await venue.sent(orders.new("buy", 10))
    venue.sandbox.market.correct(venue.sandbox.market.done[-1], Decimal(8), Decimal("100.50"))
    await venue.settle()
    first, corrected = venue.told(Executed)
    assert (first.revision, corrected.revision) == (0, 1)
    assert first.exec_root == corrected.exec_root
    assert first.broker_exec_id != corrected.broker_exec_id
    assert (corrected.last_qty, corrected.last_px) == (8, Decimal("100.50"))
    (listed,) = await venue.adapter.executions(venue.long_ago)
    assert (listed.revision, listed.last_qty) == (1, 8)


async def test_the_commission_comes_later_and_names_its_execution(venue, orders):
    await venue.sent(orders.new("buy", 10))
    (fill,) = venue.told(Executed)
    assert fill.commission is None
    (cost,) = venue.told(CommissionKnown)
    assert (cost.exec_root, cost.commission, cost.currency) == (fill.exec_root, Decimal("0.050"), "USD")


async def test_an_unset_commission_is_none(venue, orders):
    await venue.sent(orders.new("buy", 10))
    venue.reports.clear()
    venue.adapter.commission(venue.sandbox.market.done[-1].exec_id, Decimal("1.7976931348623157E308"), "USD")
    assert venue.reports == []


async def test_a_fill_after_the_cancel_is_told(venue, orders):
    order = await venue.sent(orders.new("buy", 10, limit="98.00"))
    venue.arm(On.CANCEL, How.LATE_FILL)
    venue.adapter.cancel(order)
    await venue.settle()
    assert [type(r) for r in venue.reports if isinstance(r, Canceled | Executed)] == [Canceled, Executed]


async def test_a_cancel_whose_fills_are_missing_waits_for_them(venue, orders):
    await venue.price("99.00", "101.00", 4)
    venue.arm(On.PLACE, How.ONLY_STATUS)
    await venue.sent(orders.new("buy", 10, limit="101.00", tif="ioc"))
    await venue.until(lambda: venue.told(Canceled))
    ends = [type(r) for r in venue.reports if isinstance(r, Canceled | Executed)]
    assert ends == [Executed, Canceled]


async def test_an_execution_of_another_client_with_our_order_id_is_not_ours(venue, orders):
    order = await venue.sent(orders.new("buy", 10, limit="98.00"))
    other = venue.sandbox.by_hand("AAPL", "BUY", 5, "97.00", client_id=7)
    other.order_id = venue.sandbox.by_ref(order.broker_client_id).order_id
    venue.sandbox.market.fill(other, Decimal(5), Decimal("97.00"))
    listed = await venue.adapter.executions(venue.long_ago)
    assert [(r.broker_client_id, r.broker_order_id) for r in listed] == [(None, str(other.perm_id))]
    assert venue.told(Executed) == []


async def test_positions_of_futures_are_priced_per_unit(venue, orders):
    symbol = next(iter(venue.instruments)).symbol
    venue.sandbox.quote(symbol, "4800.00", "4800.25")
    await venue.sent(orders.__class__(symbol, venue.account, "ib").new("buy", 2))
    (position,) = await venue.adapter.positions()
    assert (position.symbol, position.qty, position.avg_px) == (symbol, 2, Decimal("4800.25"))


@pytest.mark.parametrize("stamp", ["20240102 10:00:00 US/Eastern", "20240102-15:00:00", "20240102 10:00:00 XYZ"])
async def test_times_come_with_their_zone_and_are_read_without_one(venue, orders, stamp):
    venue.sandbox._stamp = lambda: stamp
    venue.sandbox.market._stamp = venue.sandbox._stamp
    await venue.sent(orders.new("buy", 10))
    (fill,) = venue.told(Executed)
    assert fill.transact_time == venue.time


async def test_a_message_that_cannot_be_read_makes_the_adapter_unready_until_everything_can_be(venue, orders):
    venue.sandbox.market._stamp = lambda: "yesterday"
    venue.adapter.submit(orders.new("buy", 10))
    await venue.until(lambda: venue.adapter.unready is not None)
    with pytest.raises(BrokerUnreachable):
        await venue.adapter.executions(venue.long_ago)
    assert venue.told(Executed) == []
    venue.sandbox.market.done[-1].time = "20240102 10:00:00 US/Eastern"
    await venue.until(lambda: venue.adapter.unready is None)
    assert [r.last_qty for r in venue.told(Executed)] == [10]


def test_faults_are_used_up(venue):
    venue.arm(On.PLACE, How.LOST)
    assert venue.sandbox.faults.take(On.CANCEL) is None
    assert isinstance(venue.sandbox.faults.take(On.PLACE), Fault)
    assert venue.sandbox.faults.take(On.PLACE) is None
