"""The rate limit, kept ahead of time: cancels first, then orders, then questions."""

import pytest

from bridge.brokers.alpaca.budget import Budget, Use
from bridge.orders.events import OrderRejected
from fixspec.enums import OrdStatus


def spend(budget, use, count, now=0.0):
    return [budget.take(use, now) for _ in range(count)]


def test_questions_stop_first_then_orders_and_cancels_use_all_of_it():
    budget = Budget(10)
    assert spend(budget, Use.READ, 7) == [0.0] * 7
    assert budget.take(Use.READ, 0.0) > 0
    assert spend(budget, Use.ORDER, 2) == [0.0] * 2
    assert budget.take(Use.ORDER, 0.0) > 0
    assert budget.take(Use.CANCEL, 0.0) == 0.0
    assert budget.take(Use.CANCEL, 0.0) > 0


def test_no_window_of_a_minute_ever_holds_more_than_the_limit():
    budget, sent, now = Budget(20), [], 0.0
    while now < 300:
        wait = budget.take(Use.CANCEL, now)
        if wait == 0.0:
            sent.append(now)
        now += max(wait, 0.37)
    assert max(sum(1 for at in sent if begin <= at < begin + 60) for begin in sent) == 20
    assert len(sent) > 80  # and it is used


def test_the_wait_told_is_long_enough_and_no_longer():
    budget = Budget(10)
    for second in range(9):
        budget.take(Use.ORDER, float(second))
    assert budget.take(Use.ORDER, 9.0) == pytest.approx(51.0)
    assert budget.take(Use.ORDER, 60.0) == 0.0


def test_what_other_programs_use_of_the_same_account_counts():
    budget = Budget(200)
    budget.take(Use.ORDER, 0.0)
    budget.told(200, 21, 30.0, 0.0)  # 179 used, one of them by us
    assert budget.used(0.0) == pytest.approx(0.895)
    assert budget.take(Use.ORDER, 0.0) == 0.0
    assert budget.take(Use.ORDER, 0.0) > 0
    assert budget.take(Use.ORDER, 31.0) == 0.0  # their minute is over


def test_the_limit_alpaca_tells_wins():
    budget = Budget(200)
    budget.told(1000, None, None, 0.0)
    assert budget.limit == 1000


def test_after_a_429_nothing_leaves_before_the_reset_not_even_cancels():
    budget = Budget(200)
    budget.refused(12.0, 100.0)
    assert budget.take(Use.CANCEL, 101.0) == pytest.approx(11.0)
    assert budget.take(Use.CANCEL, 112.0) == 0.0
    assert budget.throttled == 1


async def test_an_order_that_the_limit_holds_too_long_is_refused_and_was_not_sent(desks):
    desk = await desks()
    desk.adapter.budget.limit = 1
    desk.adapter.budget.told = lambda *headers: None
    cl_ord_id = desk.send("buy", "1", limit="98.00")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.REJECTED)
    (rejected,) = desk.events(cl_ord_id, OrderRejected)
    assert rejected.code == "THROTTLE"
    assert "POST /orders" not in desk.sandbox.requests


async def test_two_hundred_requests_a_minute_are_never_passed(desks):
    desk = await desks(limit=200)
    for _ in range(220):
        desk.send("buy", "1", limit="90.00")
    await desk.settle()
    assert desk.adapter.budget.throttled == 0
    assert len(desk.sandbox.requests) <= 200
    first = next(order for order in desk.desk.blotter.orders() if order.accepted)
    desk.cancel(first.cl_ord_id)  # there is room left for it
    await desk.until(lambda: desk.status(first.cl_ord_id) is OrdStatus.CANCELED)
