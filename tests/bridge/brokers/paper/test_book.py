from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from bridge.brokers.paper.book import BookError, FileBook
from bridge.interfaces import BrokerUnreachable
from bridge.orders.reports import Executed
from fixspec.enums import OrdStatus

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_after_a_kill_every_acknowledged_order_execution_and_position_is_there(filed):
    filed.quote("AAPL", "100.00", 300, "100.02", 500)
    part, resting, gone = (
        filed.order("buy", 600),
        filed.order("sell", 50, limit="101.00"),
        filed.order("buy", 1, limit="1"),
    )
    filed.match()
    filed.cancel(gone)
    before = [report for report in filed.reports if isinstance(report, Executed)]
    accounts, positions = await filed.broker.accounts(), await filed.broker.positions()
    await filed.crash()
    open_orders = await filed.broker.open_orders()
    assert {order.broker_client_id: order.cum_qty for order in open_orders} == {part: 500, resting: 0}
    assert [e.broker_exec_id for e in await filed.broker.executions(LONG_AGO)] == [e.broker_exec_id for e in before]
    assert (await filed.broker.find(filed.orders[gone])).ord_status is OrdStatus.CANCELED
    (account,) = await filed.broker.accounts()
    assert account.cash == accounts[0].cash
    assert [(p.symbol, p.qty, p.avg_px) for p in await filed.broker.positions()] == [
        (p.symbol, p.qty, p.avg_px) for p in positions
    ]


async def test_orders_go_on_working_after_a_kill(filed):
    filed.quote("AAPL", "100.00", 300, "100.02", 500)
    market, limit, stop = (
        filed.order("buy", 600),
        filed.order("sell", 50, limit="101.00"),
        filed.order("sell", 5, stop="99"),
    )
    filed.match()
    await filed.crash()
    filed.quote("AAPL", "101.00", 300, "101.02", 500)
    assert filed.fills(market) == [("100", "101.02")]
    assert filed.fills(limit) == [("50", "101.00")]
    filed.quote("AAPL", "98.00", 300, "98.02", 500)
    assert filed.fills(stop) == [("5", "98.00")]


async def test_an_acknowledged_order_that_was_killed_before_its_match_is_matched_later(filed):
    filed.quote("AAPL", "100.00", 300, "100.02", 500)
    order, at_once = filed.order("buy", 100), filed.order("buy", 100, tif="ioc")
    await filed.crash()
    filed.quote("AAPL", "100.00", 300, "100.02", 500)
    assert filed.fills(order) == [("100", "100.02")]
    assert (await filed.broker.find(filed.orders[at_once])).ord_status is OrdStatus.CANCELED


async def test_a_known_id_is_never_a_second_order(filed):
    filed.quote("AAPL", "100.00", 300, "100.02", 500)
    order = filed.order("buy", 100)
    filed.match()
    first = [report.broker_exec_id for report in filed.reports if isinstance(report, Executed)]
    await filed.crash()
    filed.quote("AAPL", "100.00", 300, "100.02", 500)
    filed.resubmit(order)
    filed.match()
    assert [report.broker_exec_id for report in filed.reports if isinstance(report, Executed)] == first
    (position,) = await filed.broker.positions()
    assert position.qty == 100


async def test_a_refused_id_is_refused_again_with_the_same_words(filed):
    order = filed.order("buy", 100, "NOPE")
    text = filed.last().text
    await filed.crash()
    filed.resubmit(order)
    assert filed.last().text == text
    assert (await filed.broker.find(filed.orders[order])).ord_status is OrdStatus.REJECTED


async def test_an_order_that_never_came_is_not_found(filed):
    filed.quote("AAPL", "100.00", 300, "100.02", 500)
    order = filed.order("buy", 100)
    assert await filed.broker.find(replace(filed.orders[order], broker_client_id="never")) is None


async def test_ended_orders_leave_memory_but_are_found_in_the_book(make_desk, tmp_path):
    desk = await make_desk(tmp_path)
    desk.broker.exchange.state.keep_closed = 2
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    ids = [desk.order("buy", 10) for _ in range(5)]
    desk.match()
    assert len(desk.broker.exchange.state.orders) == 2
    found = await desk.broker.find(desk.orders[ids[0]])
    assert (found.ord_status, found.cum_qty) == (OrdStatus.FILLED, 10)
    desk.resubmit(ids[0])
    assert desk.said()[-1] == "NoAnswer"
    assert len(await desk.broker.executions(LONG_AGO)) == 5


async def test_a_torn_last_line_is_cut_and_damage_before_it_is_refused(filed, tmp_path):
    filed.quote("AAPL", "100.00", 300, "100.02", 500)
    filed.order("buy", 100)
    await filed.broker.stop()
    path = tmp_path / "paper.book"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    book = FileBook(path)
    assert len(list(book.read())) == whole.count(b"\n") - 1
    book.close()
    damaged = bytearray(whole)
    damaged[30] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(BookError, match=r"paper\.book:1: damaged"):
        FileBook(path)
    path.write_bytes(whole)


async def test_a_second_process_does_not_get_the_book(filed, tmp_path):
    with pytest.raises(BookError, match="another process"):
        FileBook(tmp_path / "paper.book")


async def test_when_the_disk_is_full_the_order_is_refused_and_nothing_is_taken_on(filed, monkeypatch):
    filed.quote("AAPL", "100.00", 300, "100.02", 500)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bridge.brokers.paper.book.os.posix_fallocate", full)
    monkeypatch.setattr("bridge.brokers.paper.book.GROWTH", 1)
    filed.broker._book._room = 0
    order = filed.order("buy", 100)
    assert filed.said() == ["Refused"]
    assert "No space left" in filed.broker.unready
    filed.order("buy", 100)
    filed.cancel(order)
    assert filed.said() == ["Refused", "Refused", "NoAnswer"]
    with pytest.raises(BrokerUnreachable, match="No space left"):
        await filed.broker.find(filed.orders[order])


async def test_a_book_grows_and_is_cut_to_its_length_when_it_is_closed(filed, tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.brokers.paper.book.GROWTH", 4096)
    filed.quote("AAPL", "100.00", 300, "100.02", 5000)
    for _ in range(100):
        filed.order("buy", 1)
    filed.match()
    await filed.broker.stop()
    whole = (tmp_path / "paper.book").read_bytes()
    assert whole.count(b'"is":"accepted"') == whole.count(b'"is":"filled"') == 100
    assert whole.endswith(b"}\n")


async def test_a_new_book_never_repeats_an_old_id(filed, tmp_path):
    filed.quote("AAPL", "100.00", 300, "100.02", 500)
    filed.order("buy", 100)
    first = filed.acknowledged().broker_order_id
    await filed.broker.stop()
    (tmp_path / "paper.book").unlink()
    filed.clock.advance(1)
    await filed.start()
    filed.reports.clear()
    filed.order("buy", 100, client_id="other")
    assert filed.acknowledged().broker_order_id != first
