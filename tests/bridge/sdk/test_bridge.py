"""The client: orders as live objects, errors typed, nothing doubled, nothing missed."""

import asyncio
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.control_answers import Entrant
from bridge.orders.events import OrderFilled
from bridge.orders.reports import Refused as BrokerRefused
from bridge.outputs.http.principal import Role
from bridge.outputs.http.server import HttpServer, serve
from bridge.sdk import (
    BadRequest,
    Bridge,
    Conflict,
    FileCheckpoint,
    NotFound,
    OutcomeUnknown,
    Refused,
    Unauthorized,
    Unavailable,
)
from fixspec.enums import Side, TimeInForce
from fixspec.messages import NewOrderSingle
from tests.bridge.outputs.http.conftest import House
from tests.bridge.test_control_orders import limit

D = Decimal


# --- orders ----------------------------------------------------------------------------------------------------------


async def test_an_order_is_entered_and_its_fills_are_awaited_in_five_lines(bridge: Bridge) -> None:
    order = await bridge.buy("AAPL", "100")
    fills = [fill async for fill in order.fills()]
    assert [(fill.last_qty, fill.last_px) for fill in fills] == [(D(100), D("187.25"))]
    assert fills[0].cost is not None
    assert (order.ord_status, order.cum_qty, order.avg_px) == ("filled", D(100), D("187.25"))


async def test_fills_come_as_they_happen_and_end_with_the_order(house: House, bridge: Bridge) -> None:
    order = await bridge.buy("AAPL", 100, limit=D("187.25"), time_in_force=TimeInForce.GTC)
    seen: list[Decimal] = []

    async def watch() -> None:
        seen.extend([fill.last_qty async for fill in order.fills()])

    watching = asyncio.ensure_future(watch())
    for qty in ("40", "60"):
        house.room.broker.fill(house.room.desk.blotter.order(order.order_id), qty)  # type: ignore[arg-type]
    await asyncio.wait_for(watching, 5)
    assert seen == [D(40), D(60)]


async def test_an_order_that_was_waited_for_has_its_fills_too(bridge: Bridge) -> None:
    order = await bridge.sell("AAPL", "10", wait=5)
    assert order.ord_status == "filled"
    assert [fill.last_qty async for fill in order.fills()] == [D(10)]


async def test_an_order_found_later_has_its_earlier_fills(bridge: Bridge, server: HttpServer) -> None:
    order_id = (await bridge.buy("AAPL", "10")).order_id
    async with Bridge(server.url) as other:
        found = await other.order(order_id)
        assert [fill.last_qty async for fill in found.fills()] == [D(10)]


async def test_there_is_one_live_object_per_order(bridge: Bridge) -> None:
    order = await bridge.buy("AAPL", "100", limit="187.25", cl_ord_id="desk/7")
    assert await bridge.order(order.order_id) is order
    assert await bridge.order_by_cl_ord_id("desk/7") is order
    assert (await bridge.orders())[0] is order


async def test_replace_and_cancel_change_the_live_order(bridge: Bridge) -> None:
    order = await bridge.buy("AAPL", "100", limit="187.25")
    await order.replace(price="187.30", wait=5)
    assert order.state.price == D("187.30")
    await order.cancel()
    await order.done(within=5)
    assert order.ord_status == "canceled"


async def test_a_change_of_an_order_that_moved_on_is_a_conflict(house: House, bridge: Bridge) -> None:
    order = await bridge.buy("AAPL", "100", limit="187.25", wait=5)
    old = order.state
    house.room.broker.fill(house.room.desk.blotter.order(order.order_id), "1")  # type: ignore[arg-type]
    order.state = old
    with pytest.raises(Conflict) as caught:
        await bridge.cancel(order, unless_changed=True)
    assert caught.value.problem.order is not None
    assert caught.value.problem.order["cum_qty"] == "1"


async def test_a_refusal_has_code_limit_and_value(bridge: Bridge) -> None:
    with pytest.raises(Refused) as caught:
        await bridge.buy("AAPL", "1000", limit="187.25")
    why = caught.value
    assert (why.code, why.rule, why.limit, why.value) == ("MAX_VALUE", "R03", "25000", "187250.00")


async def test_a_brokers_refusal_is_told_when_it_is_waited_for(house: House, bridge: Bridge) -> None:
    house.room.broker.quiet = True
    order = await bridge.buy("AAPL", "100", limit="187.25")
    house.room.broker.report(
        BrokerRefused(broker="paper", broker_client_id=order.state.broker_client_id, text="no such account")
    )
    with pytest.raises(Refused, match="no such account"):
        await order.working(within=5)


@pytest.mark.parametrize("wrong", [{"qty": 100.0}, {"qty": "1", "limit": 187.25}, {"qty": True}])
async def test_a_float_is_a_type_error_and_reaches_nobody(house: House, bridge: Bridge, wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="not the"):
        await bridge.buy("AAPL", **wrong)
    assert house.room.entries() == []


async def test_what_if_says_what_the_rules_say(house: House, bridge: Bridge) -> None:
    assert (await bridge.what_if(Side.BUY, "AAPL", 1000, limit="187.25")).code == "MAX_VALUE"
    assert house.room.entries() == []


async def test_cancel_all_and_cancel_after(bridge: Bridge) -> None:
    orders = [await bridge.buy("AAPL", "1", limit="187.25") for _ in range(3)]
    await bridge.cancel_after(60)
    await bridge.cancel_after(0)
    assert (await bridge.cancel_all(symbol="AAPL", side="buy")).count == 3
    for order in orders:
        await order.done(within=5)


# --- nothing doubled -------------------------------------------------------------------------------------------------


class Losing(httpx.AsyncBaseTransport):
    """Hands requests on and loses the first answers, or the requests themselves."""

    def __init__(self, answers: int = 0, requests: int = 0) -> None:
        self._transport = httpx.AsyncHTTPTransport()
        self.answers = answers
        self.requests = requests
        self.seen: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.requests:
            self.requests -= 1
            raise httpx.ConnectError("unreachable")
        self.seen.append(await request.aread())
        response = await self._transport.handle_async_request(request)
        if self.answers:
            self.answers -= 1
            await response.aread()
            raise httpx.ReadTimeout("lost")
        return response


def losing(bridge: Bridge, **lost: int) -> Losing:
    transport = Losing(**lost)
    bridge._wire._client._transport = transport
    bridge._wire._client._mounts = {}
    return transport


async def test_a_lost_answer_is_asked_for_again_under_the_same_id(house: House, bridge: Bridge) -> None:
    transport = losing(bridge, answers=2)
    order = await bridge.buy("AAPL", "100", limit="187.25")
    assert len(set(transport.seen)) == 1
    assert len(transport.seen) == 3
    assert len(house.room.broker.submitted) == 1
    await order.working(within=5)


async def test_when_no_answer_ever_comes_the_outcome_is_unknown_and_can_be_asked_for(
    house: House, bridge: Bridge
) -> None:
    bridge._wire.retry_for = 0.2
    transport = losing(bridge, answers=1000)
    with pytest.raises(OutcomeUnknown) as caught:
        await bridge.buy("AAPL", "100", limit="187.25")
    transport.answers = 0
    assert caught.value.cl_ord_id is not None
    order = await bridge.order_by_cl_ord_id(caught.value.cl_ord_id)
    assert order.state.order_qty == D(100)
    assert len(house.room.broker.submitted) == 1


async def test_what_was_never_handed_over_is_unavailable(bridge: Bridge) -> None:
    bridge._wire.retry_for = 0.2
    losing(bridge, requests=1000)
    with pytest.raises(Unavailable):
        await bridge.buy("AAPL", "100")


async def test_an_engine_that_is_away_for_a_moment_is_waited_for(house: House, bridge: Bridge) -> None:
    await house.client.stop()
    asking = asyncio.ensure_future(bridge.buy("AAPL", "100"))
    await asyncio.sleep(0.1)
    await house.client.start()
    assert (await asyncio.wait_for(asking, 5)).order_id == 1


async def test_another_daemons_answer_is_not_taken_for_the_bridges(bridge: Bridge) -> None:
    class Proxy(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(502, text="<html>bad gateway</html>", request=request)

    bridge._wire.retry_for = 0.1
    bridge._wire._client._transport = Proxy()
    with pytest.raises(Unavailable, match="502"):
        await bridge.buy("AAPL", "100")


# --- nothing missed --------------------------------------------------------------------------------------------------


async def test_entries_go_on_over_a_lost_connection_without_a_gap_or_a_repetition(house: House) -> None:
    server = await serve(house.app(), "127.0.0.1", 0)
    port = server.port
    async with Bridge(server.url, account="ACC1", retry_for=5) as bridge:
        seen: list[int] = []

        async def read() -> None:
            async for entry in bridge.entries(after=0):
                seen.append(entry.seq)
                if entry.seq == 12:
                    return

        reading = asyncio.ensure_future(read())
        await bridge.buy("AAPL", "1")
        await server.stop()
        for name in ("Z-1", "Z-2"):
            await house.room.orders.new_order(_limit(name), _entrant(), "x")
        server = await serve(house.app(), "127.0.0.1", port)
        order = await bridge.buy("AAPL", "1")
        await asyncio.wait_for(reading, 10)
        assert seen == list(range(1, 13))
        await order.done(within=5)
    await server.stop()


async def test_the_checkpoint_is_saved_after_the_body(bridge: Bridge, tmp_path: Path) -> None:
    checkpoint = FileCheckpoint(tmp_path / "book.seq")
    for number in range(3):
        await bridge.buy("AAPL", "1", cl_ord_id=f"A-{number}")
    booked: list[int] = []
    async for entry in bridge.entries(types=["order_filled"], after=0, resume=checkpoint):
        booked.append(entry.seq)
        if len(booked) == 2:
            break  # the body did not come to its end
    assert checkpoint.load() == 4
    async for entry in bridge.entries(types=["order_filled"], resume=checkpoint):
        assert isinstance(entry.event, OrderFilled)
        booked.append(entry.seq)
        if len(booked) == 4:
            break
    assert booked == [4, 8, 8, 12]


async def test_listeners_are_called_and_may_be_coroutines(bridge: Bridge) -> None:
    filled: asyncio.Queue[int] = asyncio.Queue()
    types: list[str] = []

    async def booked(entry: Any) -> None:
        await filled.put(entry.seq)

    end = bridge.on("order_filled", booked)
    bridge.on("*", lambda entry: types.append(entry.event.__struct_config__.tag))
    await bridge.buy("AAPL", "1")
    assert await asyncio.wait_for(filled.get(), 5) == 4
    assert types == ["order_received", "order_routed", "order_accepted", "order_filled"]
    end()
    order = await bridge.buy("AAPL", "1")
    await order.done(within=5)
    assert filled.empty()


async def test_who_waits_for_an_order_is_told_when_the_stream_ends_for_good(
    house: House, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.outputs.http.stream_connection.HEARTBEAT", 0.05)
    secret, _ = house.tokens.create("desk", Role.TRADE)
    async with Bridge(server.url, token=secret, account="ACC1") as bridge:
        order = await bridge.buy("AAPL", "100", limit="187.25")
        waiting = asyncio.ensure_future(order.done())
        await asyncio.sleep(0)
        house.tokens.revoke("desk")
        with pytest.raises(Unauthorized):
            await asyncio.wait_for(waiting, 5)


# --- what is ---------------------------------------------------------------------------------------------------------


async def test_lists_and_states(house: House, bridge: Bridge) -> None:
    await bridge.buy("AAPL", "100")
    await bridge.buy("MSFT", "10", limit="402.10", strategy="MOMO")
    assert [order.state.symbol for order in await bridge.orders(status="all")] == ["MSFT", "AAPL"]
    assert [order.state.strategy for order in await bridge.orders(strategy="MOMO")] == ["MOMO"]
    assert [row.last_qty for row in await bridge.executions(symbol="AAPL")] == [D(100)]
    assert [row.qty for row in await bridge.positions(account="ACC1")] == [D(100)]
    assert (await bridge.account()).fills == 1
    assert {each.symbol for each in await bridge.instruments()} == {"AAPL", "MSFT", "BTC/USD"}
    quote = (await bridge.quotes("AAPL", "MSFT"))["AAPL"].quote
    assert quote is not None
    assert quote.bid_px == D("187.20")
    assert (await bridge.costs(by=["broker"])).items[0].fills == 1
    assert (await bridge.status()).open_orders == 1
    assert any(each.rule == "R03" for each in await bridge.risk.limits())


async def test_risk_is_halted_resumed_and_killed(bridge: Bridge) -> None:
    await bridge.risk.halt(account="ACC1", reason="fire drill")
    with pytest.raises(Conflict):
        await bridge.risk.halt(account="ACC1", reason="again")
    assert (await bridge.risk.resume(account="ACC1", reason="over")).state.value == "active"
    report = await bridge.risk.kill(reason="runaway", account="ACC1")
    assert (await bridge.risk.kill_report(report.kill_id)).who == "REST:anonymous"
    assert (await bridge.risk.states()).scopes[0].reason == "runaway"


async def test_errors_are_typed(house: House, server: HttpServer, bridge: Bridge) -> None:
    with pytest.raises(NotFound):
        await bridge.order(99)
    with pytest.raises(BadRequest):
        await bridge.buy("AAPL", "1e2")
    with pytest.raises(Unauthorized):
        async with Bridge(server.url, token="fbt_wrong"):
            pass
    secret, _ = house.tokens.create("reader", Role.READ)
    async with Bridge(server.url, token=secret) as reader:
        with pytest.raises(Unauthorized):
            await reader.buy("AAPL", "1", account="ACC1")


async def test_nobody_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable):
        async with Bridge(f"http://127.0.0.1:{port}", timeout=0.2):
            pass


async def test_url_and_token_come_from_the_environment_or_a_file(
    house: House, server: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, _ = house.tokens.create("desk", Role.TRADE)
    (tmp_path / "token").write_text(secret + "\n")
    monkeypatch.setenv("FIXBRIDGE_URL", server.url)
    async with Bridge(token_file=tmp_path / "token", account="ACC1") as bridge:
        assert (await bridge.buy("AAPL", "1")).state.session_id == "REST:desk"
    monkeypatch.setenv("FIXBRIDGE_TOKEN", secret)
    async with Bridge(account="ACC1") as bridge:
        assert (await bridge.buy("AAPL", "1")).state.session_id == "REST:desk"


def _entrant() -> Entrant:
    return Entrant("REST:other")


def _limit(cl_ord_id: str) -> NewOrderSingle:
    return limit(cl_ord_id, qty="1")
