"""Traps of alpaca-py that our use of it avoids, each shown with the library itself."""

import asyncio
import time

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import LimitOrderRequest

from bridge.brokers.alpaca.rest import Lane
from bridge.orders.events import OrderRejected, OutcomeUnknown
from bridge.sandbox.alpaca import KEY, SECRET, How


async def test_the_librarys_own_retry_posts_again_after_a_504_and_ours_is_off(desk, monkeypatch):
    client = TradingClient(KEY, SECRET, paper=True, url_override=desk.sandbox.url)
    monkeypatch.setattr(client, "_retry_wait", 0)
    desk.sandbox.fault(How.STATUS_504, "POST /orders", carried_out=True)
    asked = LimitOrderRequest(
        symbol="AAPL", qty=1, side="buy", time_in_force="day", limit_price=98, client_order_id="library"
    )
    with pytest.raises(APIError, match="must be unique"):
        await asyncio.to_thread(client.submit_order, asked)
    assert desk.sandbox.submitted.count("library") == 2
    assert all(client._retry == 0 for client in desk.adapter._rest._clients.values())


async def test_every_request_has_a_timeout_that_the_library_lacks(desk):
    desk.sandbox.silence()
    began = time.monotonic()
    with pytest.raises(Exception, match="timed out"):
        await desk.adapter._rest.call(Lane.READ, "GET", "/clock")
    assert time.monotonic() - began < 2.0
    desk.sandbox.speak()


async def test_the_loop_goes_on_while_every_request_waits(desk):
    desk.sandbox.silence()
    orders = [desk.send("buy", "1", limit="98.00") for _ in range(16)]
    turns = 0
    while not any(desk.events(each, OutcomeUnknown) for each in orders):  # the first timeout
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 10  # a call on the loop would have let none pass
    desk.sandbox.speak()


async def test_each_lane_has_connections_of_its_own_and_they_are_warm(desk):
    await desk.until(lambda: desk.sandbox.requests.count("GET /clock") >= 3)
    sessions = {id(client._session) for client in desk.adapter._rest._clients.values()}
    assert len(sessions) == 3


async def test_times_per_call_are_measured(desk):
    for _ in range(5):
        desk.send("buy", "1", limit="98.00")
    await desk.until(lambda: "POST orders" in desk.adapter.latency.wire)
    await desk.settle()
    (line,) = [line for line in desk.adapter.latency.lines() if line[0] == "POST orders"]
    assert line[1] == 5
    assert 0 < line[2] <= line[3]


async def test_html_from_a_proxy_is_no_refusal_although_it_is_a_403(desk):
    from bridge.sandbox.alpaca_connection import Answer

    plain = desk.sandbox.rest.answer
    desk.sandbox.rest.answer = lambda method, path, query, body: (
        Answer(403, "<html>denied</html>", "text/html") if method == "POST" else plain(method, path, query, body)
    )
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(
        lambda: "order_outcome_unknown" in " ".join(desk.facts(cl_ord_id)) or desk.order(cl_ord_id).unknown
    )
    assert desk.events(cl_ord_id, OrderRejected) == []


async def test_a_start_without_a_broker_goes_on_trying_until_there_is_one(desks, tmp_path):
    from bridge.interfaces import BrokerUnreachable
    from tests.bridge.brokers.alpaca.desk import AlpacaDesk

    late = AlpacaDesk(tmp_path)
    await late.sandbox.start()
    late.sandbox.stream_faults.refuse = 429
    with pytest.raises(BrokerUnreachable):
        await late._engine()
    assert late.adapter.unready
    late.sandbox.stream_faults.refuse = None
    await late.until(lambda: late.adapter.unready is None)
    assert late.reconciler.finished
    await late.close()


async def test_a_second_bridge_on_this_machine_with_the_same_key_does_not_start(desk):
    from bridge.brokers.alpaca import DoorTaken

    other = desk.broker()
    with pytest.raises(DoorTaken):
        await other.start(lambda report: None)
    await other.stop()
