"""Replaces and cancels: same id and the whole order, refusals that end nothing, races with fills (B.2, B.4)."""

from decimal import Decimal

import pytest

from bridge.orders.events import Request
from bridge.orders.reports import (
    Acknowledged,
    Canceled,
    CancelRefused,
    Executed,
    NoAnswer,
    Refused,
    Replaced,
    ReplaceRefused,
    Restated,
)
from bridge.sandbox.ib_faults import How, On
from fixspec.enums import CxlRejReason


async def resting(venue, orders, **terms):
    return await venue.sent(orders.new("buy", 10, **{"limit": "97.00", **terms}))


async def test_a_replace_is_the_whole_order_under_the_same_id(venue, orders):
    order = await resting(venue, orders)
    venue.adapter.replace(orders.asking(order, qty=20, limit="98.00"))
    await venue.settle()
    first, second = venue.sandbox.placed
    assert second.order_id == first.order_id
    assert (second.ref, second.qty, second.price, second.tif) == (order.broker_client_id, 20, 98, "DAY")
    (replaced,) = venue.told(Replaced)
    assert (replaced.broker_client_id, replaced.order_qty, replaced.price) == (order.broker_client_id, 20, 98)


async def test_a_replace_of_a_partly_filled_order_asks_for_the_total(venue, orders):
    await venue.price("99.00", "101.00", 4)
    order = await venue.sent(orders.new("buy", 10, limit="101.00"))
    venue.adapter.replace(orders.asking(order, qty=6, limit="100.00"))
    await venue.settle()
    (listed,) = await venue.adapter.open_orders()
    assert (listed.order_qty, listed.cum_qty, listed.price) == (6, 4, 100)
    assert len(venue.told(Replaced)) == 1


@pytest.mark.parametrize("code", [104, 105, 110, 135, 201, 321, 329, 103])
async def test_a_refused_change_leaves_the_order_alive(venue, orders, code):
    order = await resting(venue, orders)
    venue.arm(On.REPLACE, How.ERROR, code=code, text="No")
    venue.adapter.replace(orders.asking(order, qty=20))
    await venue.settle()
    (refused,) = venue.told(ReplaceRefused)
    assert refused.broker_code == str(code)
    assert [r for r in venue.reports if isinstance(r, Refused | Canceled)] == []
    venue.adapter.cancel(order)
    await venue.settle()
    assert len(venue.told(Canceled)) == 1


async def test_a_change_that_a_fill_overtakes_is_too_late(venue, orders):
    order = await resting(venue, orders)
    venue.arm(On.REPLACE, How.LOST)
    venue.adapter.replace(orders.asking(order, qty=20))
    await venue.price("96.00", "97.00")
    await venue.settle()
    (refused,) = venue.told(ReplaceRefused)
    assert refused.cxl_rej_reason is CxlRejReason.TOO_LATE_TO_CANCEL
    assert [r.last_qty for r in venue.told(Executed)] == [10]


async def test_a_change_without_a_word_is_unknown(venue, orders):
    order = await resting(venue, orders)
    venue.arm(On.REPLACE, How.LOST)
    venue.adapter.replace(orders.asking(order, qty=20))
    await venue.until(lambda: venue.told(NoAnswer), seconds=4)
    assert venue.told(NoAnswer)[0].request is Request.REPLACE


async def test_a_change_off_the_increment_is_not_sent(venue, orders):
    order = await resting(venue, orders)
    venue.adapter.replace(orders.asking(order, limit="97.001"))
    await venue.settle()
    assert len(venue.told(ReplaceRefused)) == 1
    assert len(venue.sandbox.placed) == 1


async def test_a_change_in_tws_is_restated(venue, orders):
    order = await resting(venue, orders)
    working = venue.sandbox.by_ref(order.broker_client_id)
    working.price = Decimal("96.50")
    venue.sandbox._state(working)
    await venue.settle()
    (restated,) = venue.told(Restated)
    assert restated.price == Decimal("96.50")


async def test_filled_beats_the_cancel_and_its_answer_comes_before_the_execution(venue, orders):
    order = await resting(venue, orders)
    venue.arm(On.CANCEL, How.FILLED_FIRST)
    venue.adapter.cancel(order)
    await venue.settle()
    (refused,) = venue.told(CancelRefused)
    assert (refused.broker_code, refused.cxl_rej_reason) == ("10148", CxlRejReason.TOO_LATE_TO_CANCEL)
    assert [r.last_qty for r in venue.told(Executed)] == [10]
    assert venue.told(Canceled) == []


@pytest.mark.parametrize(("code", "reason"), [(161, CxlRejReason.OTHER), (10147, CxlRejReason.UNKNOWN_ORDER)])
async def test_a_refused_cancel_leaves_the_order_alive_and_asks(venue, orders, code, reason):
    order = await resting(venue, orders)
    venue.arm(On.CANCEL, How.ERROR, code=code, text="No")
    venue.adapter.cancel(order)
    await venue.settle()
    (refused,) = venue.told(CancelRefused)
    assert refused.cxl_rej_reason is reason
    assert [r for r in venue.reports if isinstance(r, Refused | Canceled)] == []
    assert len(await venue.adapter.open_orders()) == 1


async def test_a_cancel_refused_for_an_order_that_was_cancelled_finds_that_out(venue, orders):
    order = await resting(venue, orders)
    working = venue.sandbox.by_ref(order.broker_client_id)
    working.told = False
    venue.sandbox.market.cancel(working, "")
    venue.adapter.cancel(order)
    await venue.until(lambda: venue.told(Canceled))
    assert len(venue.told(CancelRefused)) == 1


async def test_a_cancel_without_a_word_is_unknown_and_may_be_repeated(venue, orders):
    order = await resting(venue, orders)
    venue.arm(On.CANCEL, How.LOST)
    venue.adapter.cancel(order)
    await venue.until(lambda: venue.told(NoAnswer), seconds=4)
    venue.adapter.cancel(order)
    await venue.settle()
    assert len(venue.told(Canceled)) == 1


async def test_an_order_whose_contract_is_being_asked_for_is_withdrawn(venue, orders):
    orders.symbol = "MSFT"
    order = orders.new("buy", 10)
    venue.adapter.submit(order)
    venue.adapter.cancel(order)
    await venue.settle()
    assert venue.arrived() == []
    assert [type(r) for r in venue.reports] == [Canceled]


async def test_a_cancel_nobody_asked_for_has_its_reason(venue, orders):
    order = await resting(venue, orders)
    venue.sandbox.market.cancel(venue.sandbox.by_ref(order.broker_client_id), "by IB")
    await venue.settle()
    (canceled,) = venue.told(Canceled)
    assert canceled.reason is not None


async def test_orders_of_other_clients_and_by_hand_are_listed_and_not_ours_to_cancel(venue, orders):
    venue.sandbox.by_hand("AAPL", "BUY", 5, "97.00", client_id=7)
    venue.sandbox.by_hand("AAPL", "SELL", 6, "120.00")
    other, by_hand = await venue.adapter.open_orders()
    assert (other.broker_client_id, by_hand.broker_client_id) == (None, None)
    assert len({other.broker_order_id, by_hand.broker_order_id}) == 2
    for listed in (other, by_hand):
        venue.adapter.cancel(venue.external(listed))
    await venue.settle()
    seven, hand = venue.told(CancelRefused)
    assert "client id 7" in seven.text
    assert "by hand" in hand.text
    assert venue.sandbox.canceled == []
    assert venue.told(Acknowledged) == []
