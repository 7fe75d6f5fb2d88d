"""A shorter book folds to the same state."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bridge.brokers.paper import interventions
from bridge.brokers.paper.book import FileBook
from bridge.brokers.paper.records import Funded, Opened
from bridge.interfaces import BrokerUnreachable
from bridge.orders.reports import Executed
from fixspec.enums import ExecInst, OrdStatus

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DAY = 24 * 3600.0


@pytest.fixture
async def grown(make_desk, tmp_path):
    """A desk with a history: ended orders of 40 days ago, orders that work since then, and some of today."""
    desk = await make_desk(tmp_path, compact_bytes=1_000)
    desk.quote("AAPL", "100.00", 3000, "100.02", 5000)
    desk.trade("AAPL", "100.01", 1)
    for number in range(50):
        desk.order("buy" if number % 3 else "sell", 10)
    desk.match()
    desk.working = desk.order("buy", 5000, limit="100.02", tif="gtc")
    desk.match()
    desk.working = desk.replace(desk.working, qty=6000)
    desk.stop = desk.order("sell", 5, stop="90.00", tif="gtc", exec_inst=(ExecInst.DO_NOT_INCREASE,))
    desk.busted = desk.order("buy", 20, limit="100.03", tif="gtc")
    desk.match()
    desk.quote("AAPL", "100.00", 3000, "100.03", 10)
    known = desk.broker.exchange.find(desk.busted)
    if known.executions:
        interventions.bust(desk.broker.exchange, known.no, 1, desk.clock.utc_ns())
        desk.broker._told()
    desk.later(40 * DAY)
    desk.quote("AAPL", "100.00", 3000, "100.05", 5000)
    desk.today = desk.order("sell", 7)
    desk.match()
    return desk


async def state(desk):
    orders = sorted(
        (o.broker_client_id, o.broker_order_id, o.order_qty, o.cum_qty, o.avg_px, o.price, o.stop_px, o.ord_status)
        for o in await desk.broker.open_orders()
    )
    positions = [(p.symbol, p.qty, p.avg_px) for p in await desk.broker.positions()]
    (account,) = await desk.broker.accounts()
    fees = desk.broker.exchange.accounts["PAPER"].fees
    return orders, positions, account.cash, fees, desk.broker.exchange.state.next_no


async def test_orders_positions_money_and_numbers_are_as_before(grown, tmp_path):
    before, length = await state(grown), (tmp_path / "paper.book").read_bytes().count(b"\n")
    await grown.crash()
    assert await state(grown) == before
    assert (tmp_path / "paper.book").read_bytes().count(b"\n") < length / 3
    assert not (tmp_path / "paper.new").exists()


async def test_what_works_keeps_its_ids_its_executions_and_its_instructions(grown):
    grown.reports.clear()
    listed = {e.broker_exec_id for e in await grown.broker.executions(LONG_AGO) if e.broker_client_id == grown.working}
    await grown.crash()
    again = {e.broker_exec_id for e in await grown.broker.executions(LONG_AGO) if e.broker_client_id == grown.working}
    assert again == listed != set()
    old_id = replace(grown.orders[grown.working], broker_client_id=grown.working.removesuffix("r"))
    assert (await grown.broker.find(old_id)).broker_client_id == grown.working
    assert grown.broker.exchange.find(grown.stop).reduce_only


async def test_what_ended_long_ago_is_no_answer_rather_than_absent(grown):
    await grown.crash()
    ended = replace(grown.orders["f1"], received=datetime(2024, 1, 1, tzinfo=UTC))
    with pytest.raises(BrokerUnreachable, match="forgotten"):
        await grown.broker.find(ended)
    young = replace(ended, received=datetime(2025, 1, 1, tzinfo=UTC))
    assert await grown.broker.find(young) is None
    assert (await grown.broker.find(grown.orders[grown.today])).ord_status is OrdStatus.FILLED


async def test_it_goes_on_as_if_nothing_had_been(grown):
    await grown.crash()
    grown.quote("AAPL", "100.00", 3000, "100.02", 5000)
    order = grown.order("buy", 5)
    grown.match()
    assert grown.fills(order) == [("5", "100.02")]
    ids = [r.broker_exec_id for r in grown.reports if isinstance(r, Executed)]
    assert len(ids) == len(set(ids))
    before = await state(grown)
    await grown.crash()
    assert await state(grown) == before


async def test_a_young_book_is_left_alone(make_desk, tmp_path):
    desk = await make_desk(tmp_path, compact_bytes=10)
    desk.quote("AAPL", "100.00", 3000, "100.02", 5000)
    order = desk.order("buy", 10)
    desk.match()
    await desk.crash()
    assert (await desk.broker.find(desk.orders[order])).ord_status is OrdStatus.FILLED


def test_a_rewrite_that_fails_leaves_the_book_as_it_was(tmp_path):
    book = FileBook(tmp_path / "paper.book")
    book.append([Opened(1, "P1"), Funded(1, "PAPER", Decimal(5), "USD")])

    def broken():
        yield Opened(1, "P2")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        book.rewrite(broken())
    assert [record.at for record in book.read()] == [1, 1]
    book.append([Funded(2, "PAPER", Decimal(5), "USD")])
    book.close()
    again = FileBook(tmp_path / "paper.book")
    assert len(list(again.read())) == 3
    again.close()
