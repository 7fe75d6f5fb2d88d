"""Positions that no execution of ours explains."""

from decimal import Decimal

from bridge.orders.events import PositionAdopted
from bridge.reconciler import Acceptance
from bridge.sandbox.alpaca_book import Holding
from fixspec.enums import OrdStatus


def adopted(desk):
    return [entry.event for entry in desk.entries() if isinstance(entry.event, PositionAdopted)]


async def holding(desks, qty):
    """A desk that first meets an account that has held something for longer than any list goes back."""
    desk = await desks()
    desk.sandbox.book.holdings["AAPL"] = Holding(Decimal(qty), Decimal(95))
    return desk


async def test_what_an_account_held_before_us_is_ours_and_may_be_sold(desks):
    desk = await holding(desks, 10)
    await desk.reconcile("start")
    (event,) = adopted(desk)
    assert (event.symbol, event.qty, event.was, event.who) == ("AAPL", 10, 0, "bridge")
    position = desk.desk.blotter.position(desk.account, "AAPL")
    assert (position.qty, position.avg_px, position.realised) == (10, 95, 0)
    assert desk.portfolio.holdings[desk.account, "AAPL"].pos == 10
    assert desk.reconciler.breaks["alpaca"] == []
    sold = desk.send("sell", "10")
    await desk.until(lambda: desk.order(sold).ord_status is OrdStatus.FILLED)
    assert desk.held() == 0


async def test_it_is_taken_over_once_and_survives_a_restart(desks):
    desk = await holding(desks, 10)
    await desk.reconcile("start")
    await desk.restart()
    await desk.reconcile("start")
    assert len(adopted(desk)) == 1
    assert desk.held() == 10


async def test_a_later_difference_stays_one_until_a_person_accepts_it(desks):
    desk = await desks()
    bought = desk.send("buy", "5")
    await desk.until(lambda: desk.order(bought).ord_status is OrdStatus.FILLED)
    desk.sandbox.book.holdings["AAPL"].qty = Decimal(20)  # a split
    await desk.reconcile()
    assert [each.kind for each in desk.reconciler.breaks["alpaca"]] == ["position"]
    assert adopted(desk) == []
    await desk.reconciler.run("alpaca", "asked by ann", Acceptance("ann", "4:1 split"))
    (event,) = adopted(desk)
    assert (event.qty, event.was, event.who, event.reason) == (20, 5, "ann", "4:1 split")
    assert desk.held() == 20
    assert desk.reconciler.breaks["alpaca"] == []
    assert sum(book.qty for _, book in desk.desk.blotter.books()) == 20


async def test_a_symbol_with_an_open_order_is_left_alone(desks):
    desk = await desks()
    bought = desk.send("buy", "5")
    await desk.until(lambda: desk.order(bought).ord_status is OrdStatus.FILLED)
    resting = desk.send("buy", "5", limit="90")
    await desk.until(lambda: desk.order(resting).ord_status is OrdStatus.NEW)
    desk.sandbox.book.holdings["AAPL"].qty = Decimal(20)
    await desk.reconciler.run("alpaca", "asked by ann", Acceptance("ann", "4:1 split"))
    assert adopted(desk) == []
    assert len(desk.reconciler.breaks["alpaca"]) == 1
