"""Replaces: a new order at Alpaca each time, with everything that can happen between asking and being in force."""

from decimal import Decimal

import pytest

from bridge.orders.events import CancelRejected, OrderReplaced, OrderRestated, OutcomeUnknown
from bridge.sandbox.alpaca import How
from fixspec.enums import CxlRejReason, OrdStatus
from tests.bridge.brokers.alpaca.test_requests import SOME, UNANSWERED


async def working(desk, qty="10", limit="97.00"):
    cl_ord_id = desk.send("buy", qty, limit=limit)
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    return cl_ord_id


def theirs(desk, cl_ord_id):
    return desk.sandbox.order(desk.order(cl_ord_id).broker_client_id)


async def test_a_replace_is_a_new_order_under_the_requests_own_id(desk):
    cl_ord_id = await working(desk)
    old = theirs(desk, cl_ord_id)
    own = desk.replace(cl_ord_id, qty="20", limit="98.00")
    await desk.until(lambda: desk.events(own, OrderReplaced))
    new = theirs(desk, own)
    assert (new.replaces, old.replaced_by, new.qty, new.limit_price) == (old.id, new.id, 20, 98)
    order = desk.order(own)
    assert (order.broker_order_id, order.order_qty, order.price) == (new.id, 20, 98)
    assert desk.facts(own).count("order_replaced") == 1
    desk.agree()


@pytest.mark.parametrize("carry", [False, True], ids=["counts from zero", "carries"])
async def test_a_chain_counts_its_fills_once_whether_or_not_alpaca_carries_them(desk, carry):
    desk.sandbox.book.carry = carry
    cl_ord_id = await working(desk, limit="98.00")
    await desk.price("97.00", "98.00", 4)
    await desk.until(lambda: desk.order(cl_ord_id).cum_qty == 4)
    own = desk.replace(cl_ord_id, qty="12", limit="97.50")
    await desk.until(lambda: desk.events(own, OrderReplaced))
    await desk.price("97.00", "97.50", 3)
    await desk.until(lambda: desk.order(own).cum_qty == 7)
    found = await desk.adapter.find(desk.order(own))
    assert (found.cum_qty, found.order_qty, found.ord_status) == (7, 12, OrdStatus.PARTIALLY_FILLED)
    await desk.reconcile()
    assert desk.reconciler.breaks["alpaca"] == []
    await desk.price("97.00", "97.50", 100)
    await desk.until(lambda: desk.status(own) is OrdStatus.FILLED)
    assert desk.order(own).cum_qty == 12
    await desk.settle()
    desk.agree()


@pytest.mark.parametrize("fault", UNANSWERED, ids=lambda fault: fault["how"].name)
async def test_a_replace_that_was_taken_without_an_answer_is_found_and_never_sent_again(desk, fault):
    cl_ord_id = await working(desk)
    desk.sandbox.fault(at="PATCH /orders", carried_out=True, **fault)
    own = desk.replace(cl_ord_id, limit="98.00")
    await desk.until(lambda: desk.events(own, OrderReplaced))
    await desk.settle()
    assert desk.order(own).price == 98
    assert sum(each.startswith("PATCH") for each in desk.sandbox.requests) == 1
    desk.agree()


@pytest.mark.parametrize("fault", SOME, ids=lambda fault: fault["how"].name)
async def test_a_replace_that_never_arrived_is_refused_after_asking_for_it_by_its_own_id(desk, fault):
    cl_ord_id = await working(desk)
    desk.sandbox.fault(at="PATCH /orders", **fault)
    own = desk.replace(cl_ord_id, limit="98.00")
    await desk.until(lambda: desk.events(own, CancelRejected), 5.0)
    assert desk.events(own, OutcomeUnknown)
    order = desk.order(cl_ord_id)
    assert (order.price, order.ord_status, order.cl_ord_id) == (97, OrdStatus.NEW, cl_ord_id)
    assert sum(each.startswith("PATCH") for each in desk.sandbox.requests) == 1
    desk.agree()


async def test_a_replace_that_the_fill_overtakes_is_refused_after_the_fill(desk):
    """An accepted PATCH promises nothing: the old order fills, and the new one is rejected."""
    cl_ord_id = await working(desk, limit="98.00")
    desk.sandbox.book.manual = True
    own = desk.replace(cl_ord_id, limit="97.50")
    await desk.until(lambda: any(each.startswith("PATCH") for each in desk.sandbox.requests))
    await desk.price("97.00", "98.00")
    await desk.until(lambda: desk.events(own, CancelRejected))
    assert desk.facts(own)[-2:] == ["order_filled", "cancel_rejected"]
    (rejected,) = desk.events(own, CancelRejected)
    assert (rejected.cl_ord_id, rejected.cxl_rej_reason) == (own, CxlRejReason.TOO_LATE_TO_CANCEL)
    assert desk.status(own) is OrdStatus.FILLED


async def test_a_replace_of_a_filled_order_is_too_late_and_the_untold_fill_comes_first(desk):
    cl_ord_id = await working(desk, limit="98.00")
    desk.sandbox.stream_faults.skip = ["fill"]
    await desk.price("97.00", "98.00")
    own = desk.replace(cl_ord_id, limit="97.50")
    await desk.until(lambda: desk.events(own, CancelRejected))
    assert desk.facts(own)[-2:] == ["order_filled", "cancel_rejected"]
    assert desk.events(own, CancelRejected)[0].cxl_rej_reason is CxlRejReason.TOO_LATE_TO_CANCEL
    desk.agree()


@pytest.mark.parametrize("lost", [["replaced"], ["new"], ["replaced", "new"]], ids=" and ".join)
async def test_a_replace_whose_events_are_lost_is_found_by_asking(desk, lost):
    cl_ord_id = await working(desk)
    desk.sandbox.stream_faults.skip = list(lost)
    own = desk.replace(cl_ord_id, limit="98.00")
    await desk.until(lambda: desk.events(own, OrderReplaced))
    await desk.settle()
    assert desk.facts(own).count("order_replaced") == 1
    desk.agree()


async def test_a_replace_to_the_filled_quantity_cancels_the_rest_and_fills_the_order(desk):
    cl_ord_id = await working(desk, limit="98.00")
    await desk.price("97.00", "98.00", 4)
    await desk.until(lambda: desk.order(cl_ord_id).cum_qty == 4)
    own = desk.replace(cl_ord_id, qty="3")
    await desk.until(lambda: desk.events(own, OrderReplaced))
    order = desk.order(own)
    assert (order.order_qty, order.cum_qty, order.ord_status) == (4, 4, OrdStatus.FILLED)
    assert not any(each.startswith("PATCH") for each in desk.sandbox.requests)
    await desk.settle()
    assert desk.facts(own)[-1] == "order_replaced"
    assert theirs(desk, cl_ord_id).status == "canceled"


async def test_fractional_orders_and_orders_by_value_are_not_replaced(desk):
    cl_ord_id = await working(desk, qty="1.5")
    own = desk.replace(cl_ord_id, qty="2")
    (rejected,) = desk.events(own, CancelRejected)
    assert rejected.text.startswith("not sent: ")
    assert not any(each.startswith("PATCH") for each in desk.sandbox.requests)


async def test_a_cancel_asked_during_a_replace_follows_the_order_to_its_new_id(desk):
    cl_ord_id = await working(desk)
    desk.sandbox.book.manual = True
    own = desk.replace(cl_ord_id, limit="98.00")
    await desk.until(lambda: any(each.startswith("PATCH") for each in desk.sandbox.requests))
    desk.cancel(own)
    await desk.settle()
    desk.sandbox.book.manual = False
    old = next(each for each in desk.sandbox.book.orders.values() if each.status == "pending_replace")
    desk.sandbox.book.replaced(old, desk.sandbox.book.orders[old.replaced_by])
    await desk.until(lambda: desk.status(own) is OrdStatus.CANCELED)
    assert desk.facts(own)[-3:-1] == ["order_replaced", "order_canceled"] or "order_canceled" in desk.facts(own)
    desk.agree()


@pytest.mark.parametrize("told", [True, False], ids=["told", "found by reconciliation"])
async def test_a_replace_made_on_the_web_page_restates_our_order_under_its_own_id(desk, told):
    cl_ord_id = await working(desk)
    old = theirs(desk, cl_ord_id)
    if not told:
        desk.sandbox.orders.mute()
    desk.sandbox.rest.answer("PATCH", f"/orders/{old.id}", {}, {"qty": "15", "limit_price": "96"})
    if not told:
        await desk.settle()
        await desk.reconcile()
    await desk.until(lambda: desk.events(cl_ord_id, OrderRestated))
    order = desk.order(cl_ord_id)
    assert (order.cl_ord_id, order.order_qty, order.price) == (cl_ord_id, 15, 96)
    assert order.broker_order_id == old.replaced_by
    desk.sandbox.orders.mute(False)
    await desk.price("95.00", "96.00")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    assert desk.held() == 15
    assert len(list(desk.desk.blotter.orders())) == 1


async def test_a_chain_survives_a_restart(desk):
    cl_ord_id = await working(desk, limit="98.00")
    await desk.price("97.00", "98.00", 4)
    await desk.until(lambda: desk.order(cl_ord_id).cum_qty == 4)
    own = desk.replace(cl_ord_id, qty="12", limit="97.50")
    await desk.until(lambda: desk.events(own, OrderReplaced))
    await desk.kill()
    await desk.price("97.00", "97.50", 3)
    await desk._engine()
    assert desk.order(own).cum_qty == 7
    desk.cancel(own)
    await desk.until(lambda: desk.status(own) is OrdStatus.CANCELED)
    desk.agree()


async def test_a_replace_without_an_answer_before_a_crash_is_in_force_after_it(desk):
    cl_ord_id = await working(desk)
    desk.sandbox.orders.mute()
    desk.sandbox.fault(How.SILENCE, "PATCH /orders", carried_out=True)
    own = desk.replace(cl_ord_id, limit="98.00")
    await desk.until(lambda: any(each.startswith("PATCH") for each in desk.sandbox.requests))
    await desk.restart()
    assert desk.order(own).price == Decimal(98)
    assert desk.events(own, OrderReplaced)
    desk.agree()


async def test_a_replace_that_a_crash_swallowed_is_refused_after_two_answers_that_it_was_never_there(desk):
    cl_ord_id = await working(desk)
    desk.sandbox.fault(How.SILENCE, "PATCH /orders")
    own = desk.replace(cl_ord_id, limit="98.00")
    await desk.until(lambda: any(each.startswith("PATCH") for each in desk.sandbox.requests))
    await desk.restart()
    await desk.reconcile()
    assert desk.status(own) is OrdStatus.PENDING_REPLACE
    desk.a_while_passes()
    await desk.reconcile()
    assert desk.events(own, CancelRejected)
    assert desk.status(own) is OrdStatus.NEW
    desk.agree()


@pytest.mark.parametrize("what", ["cancel", "replace"])
async def test_a_request_that_a_crash_swallowed_is_too_late_when_the_order_has_filled_meanwhile(desk, what):
    cl_ord_id = await working(desk, limit="98.00")
    desk.sandbox.fault(How.SILENCE, "DELETE /orders" if what == "cancel" else "PATCH /orders")
    own = desk.cancel(cl_ord_id) if what == "cancel" else desk.replace(cl_ord_id, qty="20")
    await desk.until(lambda: not desk.sandbox.faults.armed)
    await desk.kill()
    await desk.price("97.00", "98.00")
    await desk._engine()
    desk.a_while_passes()
    await desk.reconcile()
    (rejected,) = desk.events(own, CancelRejected)
    assert rejected.cxl_rej_reason is CxlRejReason.TOO_LATE_TO_CANCEL
    assert desk.status(own) is OrdStatus.FILLED
    desk.agree()
