"""The whole way: FIX messages into a real engine, our TWS at the other end, failures in between."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from bridge.orders.events import Mode
from bridge.sandbox.ib_faults import How, On
from fixspec.enums import OrdStatus
from tests.bridge.brokers.ib.desk import IbDesk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[IbDesk]:
    """A started desk: AAPL is 99.00 to 101.00."""
    made = IbDesk(tmp_path)
    await made.start()
    yield made
    await made.close()


async def test_accept_replace_fill_in_part_and_cancel(desk):
    first = desk.send("buy", 10, limit="97.00")
    await desk.settle()
    second = desk.ask_replace(first, 20, "98.00")
    await desk.settle()
    await desk.price("97.00", "98.00", 5)
    await desk.settle()
    desk.ask_cancel(second)
    await desk.settle()
    assert desk.status(second) is OrdStatus.CANCELED
    assert desk.order(second).cum_qty == 5
    assert desk.order(second).commission == Decimal("0.025")
    names = ["order_received", "order_routed", "order_accepted", "replace_requested", "order_replaced", "order_filled"]
    assert desk.facts(second) == [*names, "commission_reported", "cancel_requested", "order_canceled"]
    desk.agree()


async def test_a_drop_after_the_submit_ends_in_the_truth(desk):
    desk.arm(On.PLACE, How.TAKEN_THEN_DROP)
    bought = desk.send("buy", 10)
    await desk.settle()
    await desk.reconcile()
    assert desk.status(bought) is OrdStatus.FILLED
    assert "outcome_unknown" in desk.facts(bought)
    desk.agree()


async def test_an_order_that_never_arrived_is_refused_only_after_two_lists(desk):
    desk.arm(On.PLACE, How.DROP)
    lost = desk.send("buy", 10, limit="97.00")
    await desk.settle()
    assert desk.status(lost) is OrdStatus.PENDING_NEW
    desk.clock.advance(desk.adapter.settle + 1)
    await desk.reconcile()
    assert desk.status(lost) is OrdStatus.REJECTED
    assert [each.ref for each in desk.sandbox.placed] == [desk.order(lost).broker_client_id]


async def test_a_change_that_never_arrived_is_refused_only_after_two_lists(desk):
    order = desk.send("buy", 10, limit="97.00")
    await desk.settle()
    desk.arm(On.REPLACE, How.DROP)
    desk.ask_replace(order, 20, "98.00")
    await desk.settle()
    assert desk.status(order) is OrdStatus.PENDING_REPLACE
    desk.clock.advance(desk.adapter.settle + 1)
    await desk.reconcile()
    assert desk.status(order) is OrdStatus.NEW
    desk.agree()


async def test_a_change_whose_answer_a_dead_process_was_to_hear_is_settled(desk):
    order = desk.send("buy", 10, limit="97.00")
    await desk.settle()
    desk.arm(On.REPLACE, How.LOST)
    desk.ask_replace(order, 20, "98.00")
    await desk.restart()
    assert desk.status(order) is OrdStatus.PENDING_REPLACE
    for _ in range(2):
        desk.clock.advance(desk.adapter.settle + 1)
        await desk.reconcile()
    assert desk.status(order) is OrdStatus.NEW
    desk.agree()


async def test_a_change_that_ib_has_not_answered_yet_is_not_called_lost(desk):
    order = desk.send("buy", 10, limit="97.00")
    await desk.settle()
    desk.arm(On.REPLACE, How.LOST)
    desk.ask_replace(order, 20, "98.00")
    await desk.settle()
    for _ in range(2):
        desk.clock.advance(desk.adapter.settle + 1)
        await desk.reconcile()
    assert desk.status(order) is OrdStatus.PENDING_REPLACE


async def test_a_correction_changes_position_and_average(desk):
    bought = desk.send("buy", 10)
    await desk.settle()
    desk.sandbox.market.correct(desk.sandbox.market.done[-1], Decimal(8), Decimal("100.00"))
    await desk.settle()
    assert desk.order(bought).cum_qty == 8
    assert desk.order(bought).avg_px == 100
    desk.agree()


async def test_a_restart_takes_orders_and_fills_up_again(desk):
    resting = desk.send("buy", 10, limit="97.00")
    await desk.settle()
    await desk.adapter.stop()
    await desk.price("96.00", "97.00", 4)
    await desk.restart()
    await desk.reconcile("start")
    assert desk.order(resting).cum_qty == 4
    desk.ask_cancel(resting)
    await desk.settle()
    assert desk.status(resting) is OrdStatus.CANCELED
    desk.agree()


async def test_an_order_typed_into_tws_is_adopted_once_and_counted(desk):
    by_hand = desk.sandbox.by_hand("AAPL", "BUY", 5, "97.00")
    for _ in range(2):
        await desk.reconcile()
    (external,) = [order for order in desk.desk.blotter.orders() if order.external]
    assert (external.order_qty, external.price, external.mode) == (5, 97, Mode.PAPER)
    desk.sandbox.market.fill(by_hand, Decimal(5), Decimal("97.00"))
    for _ in range(2):
        await desk.reconcile()
    desk.agree()


async def test_a_nightly_restart_with_ids_that_fall_back_loses_nothing(desk):
    resting = desk.send("buy", 10, limit="97.00")
    await desk.settle()
    desk.sandbox.restart(next_valid_id=1)
    await desk.until(lambda: desk.adapter.link.logins == 2 and desk.adapter.unready is None)
    bought = desk.send("buy", 10)
    await desk.settle()
    assert desk.status(bought) is OrdStatus.FILLED
    assert desk.status(resting) is OrdStatus.NEW
    desk.agree()


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_goes_wrong_our_book_is_ibs_in_the_end(desk, seed):
    chance = Random(seed)
    places = [how for how in How if how not in {How.FILLED_FIRST, How.LATE_FILL, How.LOCATE, How.HELD, How.WARNED}]
    sent = []
    for _ in range(8):
        if chance.random() < 0.5:
            desk.arm(On.PLACE, chance.choice(places), text="Order rejected - reason: rehearsal")
        if chance.random() < 0.3:
            desk.arm(On.CANCEL, chance.choice([How.DROP, How.TAKEN_THEN_DROP, How.FILLED_FIRST, How.LATE_FILL]))
        if desk.adapter.unready is None:
            sent.append(
                desk.send(
                    chance.choice(["buy", "sell"]), chance.randint(1, 9), limit=chance.choice(["101", "99", "97"])
                )
            )
        if chance.random() < 0.2:
            desk.sandbox.drop()
        await desk.settle()
        if chance.random() < 0.4 and sent:
            victim = chance.choice(sent)
            if desk.order(victim).open and desk.order(victim).pending_cancel is None:
                desk.ask_cancel(victim)
                await desk.settle()
    desk.sandbox.faults.clear()
    for _ in range(4):
        await desk.settle()
        desk.clock.advance(desk.adapter.settle + 1)
        await desk.reconcile()
    await desk.settle()
    desk.agree()
    theirs = {each.ref: each for each in desk.sandbox.market.orders}
    for name in sent:
        order = desk.order(name)
        known = theirs.get(order.broker_client_id)
        assert order.cum_qty == (known.filled if known is not None else 0)
        assert order.open == (known is not None and known.working and known.status != "Inactive"), (order, known)
