"""`/v1/stream` over a real socket with a foreign client."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.control_commands import Entrant
from bridge.journal.errors import JournalTrimmed
from bridge.outputs.http import stream_connection, streams
from bridge.outputs.http.principal import Role
from bridge.outputs.http.server import HttpServer, serve
from fixspec.enums import OrdType, Side
from fixspec.messages import NewOrderSingle

from .conftest import House
from .test_orders import ORDER, entered

websockets = pytest.importorskip("websockets.asyncio.client", reason="websockets is not installed")
from websockets.exceptions import ConnectionClosed  # noqa: E402

Frame = dict[str, Any]


class Client:
    """A WebSocket client that speaks JSON."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket

    async def say(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def hear(self) -> Frame:
        async with asyncio.timeout(5):
            frame: Frame = json.loads(await self.socket.recv())
        return frame

    async def hear_until(self, wanted: Callable[[Frame], bool]) -> list[Frame]:
        heard = [await self.hear()]
        while not wanted(heard[-1]):
            heard.append(await self.hear())
        return heard

    async def closed(self) -> tuple[int, str]:
        try:
            async with asyncio.timeout(10):
                while True:
                    await self.socket.recv()
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (1006, "")


@pytest.fixture
async def server(house: House) -> AsyncIterator[HttpServer]:
    server = await serve(house.app(), "127.0.0.1", 0)
    yield server
    await server.stop()


Connect = Callable[..., Any]


@pytest.fixture
async def connect(server: HttpServer) -> AsyncIterator[Connect]:
    """`await connect(token=…)`: a client that has heard hello."""
    async with AsyncExitStack() as stack:

        async def open_client(*, token: str | None = None, hello: bool = True, **options: Any) -> Client:
            headers = {"authorization": f"Bearer {token}"} if token is not None else {}
            socket = await stack.enter_async_context(
                websockets.connect(
                    f"ws://127.0.0.1:{server.port}/v1/stream",
                    additional_headers={**headers, **options.pop("headers", {})},
                    compression=None,
                    **options,
                )
            )
            client = Client(socket)
            if hello:
                assert (await client.hear())["op"] == "hello"
            return client

        yield open_client


@pytest.fixture
async def rest(server: HttpServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url) as client:
        yield client


def seqs(frames: list[Frame]) -> list[int]:
    return [frame["seq"] for frame in frames if "event" in frame]


# --- letting in ------------------------------------------------------------------------------------------------------


async def test_hello_says_where_the_journal_is(connect: Connect, rest: httpx.AsyncClient) -> None:
    await entered(rest)
    client = await connect(hello=False)
    assert await client.hear() == {"op": "hello", "seq": 3, "heartbeat_s": 5.0, "name": "anonymous", "role": "admin"}


async def test_the_token_comes_by_header_cookie_or_first_frame(house: House, connect: Connect) -> None:
    secret, _ = house.tokens.create("desk", Role.READ)
    for options in ({"token": secret}, {"headers": {"cookie": f"fixbridge={secret}"}}):
        client = await connect(hello=False, **options)
        assert (await client.hear())["name"] == "desk"


async def test_without_a_token_the_first_frame_decides(house: House) -> None:
    secret, _ = house.tokens.create("desk", Role.READ)
    server = await serve(house.app(open_loopback=False), "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.port}/v1/stream"
    async with websockets.connect(url) as socket:
        client = Client(socket)
        await client.say(op="auth", token=secret)
        assert (await client.hear())["name"] == "desk"
        await client.say(op="auth", token=secret)
        assert (await client.hear())["op"] == "problem"
    for first in ({"op": "auth", "token": "fbt_wrong"}, {"op": "subscribe", "id": 1}, {"op": "dance"}):
        async with websockets.connect(url) as socket:
            client = Client(socket)
            await client.say(**first)
            assert (await client.closed())[0] == 4401
    await server.stop()


async def test_who_says_nothing_is_not_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_connection, "AUTH_WITHIN", 0.05)
    server = await serve(house.app(open_loopback=False), "127.0.0.1", 0)
    async with websockets.connect(f"ws://127.0.0.1:{server.port}/v1/stream") as socket:
        assert (await Client(socket).closed())[0] == 4401
    await server.stop()


async def test_a_foreign_page_is_not_let_in(server: HttpServer) -> None:
    with pytest.raises(Exception, match="403"):
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/v1/stream", origin="http://evil.example"):
            pass


async def test_a_feed_token_may_not_read(house: House, connect: Connect) -> None:
    secret, _ = house.tokens.create("feed", Role.FEED)
    client = await connect(token=secret, hello=False)
    assert (await client.closed())[0] == 4403


async def test_a_token_revoked_ends_its_streams(
    house: House, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_connection, "HEARTBEAT", 0.05)
    secret, _ = house.tokens.create("desk", Role.READ)
    client = await connect(token=secret)
    assert (await client.hear())["op"] == "heartbeat"
    house.tokens.revoke("desk")
    assert (await client.closed())[0] == 4401


# --- entries ---------------------------------------------------------------------------------------------------------


async def test_entries_come_in_order_from_where_the_client_was(connect: Connect, rest: httpx.AsyncClient) -> None:
    await entered(rest, cl_ord_id="A-1")
    client = await connect()
    await client.say(op="subscribe", id=1, after=1)
    assert await client.hear() == {"op": "subscribed", "id": 1, "from": 2}
    await entered(rest, cl_ord_id="A-2", ord_type="market", price=None)
    heard = await client.hear_until(lambda frame: frame.get("seq") == 7)
    assert seqs(heard) == [2, 3, 4, 5, 6, 7]
    stored = (await rest.get("/v1/entries", params={"after": 1})).json()["items"]
    assert heard == stored


async def test_without_after_the_stream_starts_now(connect: Connect, rest: httpx.AsyncClient) -> None:
    await entered(rest, cl_ord_id="A-1")
    client = await connect()
    await client.say(op="subscribe", id=1)
    assert (await client.hear())["from"] == 4
    await entered(rest, cl_ord_id="A-2")
    assert seqs(await client.hear_until(lambda frame: frame["seq"] == 6)) == [4, 5, 6]


async def test_filters_leave_out_and_the_heartbeat_moves_the_cursor(
    connect: Connect, rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_connection, "HEARTBEAT", 0.05)
    client = await connect()
    await client.say(op="subscribe", id=1, types=["order_filled"], symbols=["AAPL"], accounts=["ACC1"])
    await entered(rest, cl_ord_id="A-1", ord_type="market", price=None)
    await entered(rest, cl_ord_id="A-2", account="ACC2", ord_type="market", price=None)
    heard = await client.hear_until(lambda frame: frame.get("op") == "heartbeat" and frame["seq"] == 8)
    assert seqs(heard) == [4]


async def test_two_channels_of_one_account_see_the_same_entries_in_the_same_order(
    house: House, connect: Connect, rest: httpx.AsyncClient
) -> None:
    first, second = await connect(), await connect()
    for client in (first, second):
        await client.say(op="subscribe", id=1, after=0)
        await client.hear()
    for number in range(5):
        await entered(rest, cl_ord_id=f"R-{number}")
        await first.say(op="new_order", id=number, order={**ORDER, "cl_ord_id": f"W-{number}"})
    last = 30
    one = await first.hear_until(lambda frame: frame.get("seq") == last and "event" in frame)
    two = await second.hear_until(lambda frame: frame.get("seq") == last and "event" in frame)
    assert [frame for frame in one if "event" in frame] == [frame for frame in two if "event" in frame]
    assert seqs(two) == list(range(1, last + 1))


async def test_entries_older_than_memory_are_streamed_from_the_journal(
    house: House, connect: Connect, rest: httpx.AsyncClient
) -> None:
    house.stream._capacity = 4
    for number in range(8):
        await entered(rest, cl_ord_id=f"A-{number}")
    assert house.stream.floor > 4
    client = await connect()
    await client.say(op="subscribe", id=1, after=0)
    heard = await client.hear_until(lambda frame: frame.get("seq") == 24)
    assert seqs(heard) == list(range(1, 25))


async def test_a_narrow_token_hears_its_accounts_only(house: House, connect: Connect, rest: httpx.AsyncClient) -> None:
    secret, _ = house.tokens.create("narrow", Role.READ, accounts=("ACC2",))
    client = await connect(token=secret)
    await client.say(op="subscribe", id=1, accounts=["ACC1"])
    assert (await client.hear())["status"] == 403
    await client.say(op="subscribe", id=2, after=0, states=["orders", "positions"])
    await entered(rest, cl_ord_id="A-1", ord_type="market", price=None)
    await entered(rest, cl_ord_id="A-2", account="ACC2")
    heard = await client.hear_until(lambda frame: frame.get("seq") == 7 and "event" in frame)
    assert seqs(heard) == [5, 6, 7]
    shown = [item for frame in heard if frame.get("op") == "state" for item in frame["items"]]
    assert {item["account"] for item in shown} <= {"ACC2"}


async def test_a_cursor_older_than_the_journal_kept_is_told_to_take_snapshots(
    house: House, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trimmed(self: Any, limit: int) -> list[Any]:
        raise JournalTrimmed(0, 500)

    monkeypatch.setattr("bridge.outputs.stream.Follower.next", trimmed)
    client = await connect()
    await client.say(op="subscribe", id=1, after=0)
    code, reason = await client.closed()
    assert (code, "500" in reason) == (4410, True)


# --- states ----------------------------------------------------------------------------------------------------------


async def test_snapshots_first_and_then_exactly_the_entries_after_them(
    connect: Connect, rest: httpx.AsyncClient
) -> None:
    await entered(rest, cl_ord_id="A-1", ord_type="market", price=None)
    client = await connect()
    await client.say(op="subscribe", id=1, states=["orders", "positions", "accounts"])
    assert (await client.hear())["from"] == 5
    snapshots = [await client.hear() for _ in range(3)]
    assert [(frame["kind"], frame["seq"], frame["snapshot"]) for frame in snapshots] == [
        ("orders", 4, True),
        ("positions", 4, True),
        ("accounts", 4, True),
    ]
    assert snapshots[0]["items"] == (await rest.get("/v1/orders")).json()["items"]
    assert snapshots[1]["items"] == (await rest.get("/v1/positions")).json()["items"]
    await entered(rest, cl_ord_id="A-2")
    assert seqs(await client.hear_until(lambda frame: frame.get("seq") == 7))[0] == 5


async def test_states_that_change_are_told_with_their_newest_value(connect: Connect, rest: httpx.AsyncClient) -> None:
    client = await connect()
    await client.say(op="subscribe", id=1, types=[], states=["orders", "positions"])
    for _ in range(3):
        await client.hear()
    for number in range(3):
        await entered(rest, cl_ord_id=f"A-{number}", ord_type="market", price=None)
    heard = await client.hear_until(lambda frame: frame["kind"] == "positions" and frame["items"][0]["qty"] == "300")
    orders = [item for frame in heard if frame["kind"] == "orders" for item in frame["items"]]
    assert {order["cl_ord_id"]: order["ord_status"] for order in orders} == {
        "A-0": "filled",
        "A-1": "filled",
        "A-2": "filled",
    }
    assert len(orders) <= 6  # conflated: an order is told at most once per 250 ms, not once per entry


async def test_a_large_snapshot_comes_in_parts(
    house: House, connect: Connect, rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_connection, "SNAPSHOT_ITEMS", 2)
    for number in range(5):
        await entered(rest, cl_ord_id=f"A-{number}")
    client = await connect()
    await client.say(op="subscribe", id=1, types=[], states=["orders"])
    await client.hear()
    parts = await client.hear_until(lambda frame: not frame.get("more"))
    assert [len(part["items"]) for part in parts] == [2, 2, 1]


async def test_an_alert_that_is_over_is_said_to_be_over(house: House, connect: Connect) -> None:
    house.vitals(kill_incomplete=1, brokers={}, accounts={})
    client = await connect()
    await client.say(op="subscribe", id=1, types=[], states=["alerts"])
    assert (await client.hear_until(lambda frame: frame["op"] == "state"))[-1]["items"][0]["code"] == "kill_incomplete"
    house.vitals(brokers={}, accounts={})
    over = (await client.hear_until(lambda frame: frame["op"] == "state"))[-1]["items"][0]
    assert (over["code"], over["over"]) == ("kill_incomplete", True)


async def test_quotes_are_told_for_the_symbols_asked_for(house: House, connect: Connect) -> None:
    client = await connect()
    await client.say(op="subscribe", id=1, types=[], states=["quotes"])
    assert (await client.hear())["status"] == 400
    await client.say(op="subscribe", id=1, types=[], states=["quotes"], symbols=["AAPL"])
    heard = await client.hear_until(lambda frame: frame.get("op") == "state" and bool(frame["items"]))
    assert heard[-1]["items"][0]["quote"]["bid_px"] == "187.20"
    house.room.quote("AAPL", "187.30", "187.35")
    house.room.quote("MSFT", "1.00", "2.00")
    heard = await client.hear_until(lambda frame: frame["items"][0]["quote"]["bid_px"] == "187.30")
    assert {item["symbol"] for frame in heard for item in frame["items"]} == {"AAPL"}


async def test_unsubscribing_ends_it(connect: Connect, rest: httpx.AsyncClient) -> None:
    client = await connect()
    await client.say(op="subscribe", id=1)
    await client.hear()
    await client.say(op="unsubscribe", id=1)
    assert await client.hear() == {"op": "unsubscribed", "id": 1}
    await entered(rest)
    await client.say(op="unsubscribe", id=1)
    assert (await client.hear())["type"] == "/problems/not-found"


# --- orders ----------------------------------------------------------------------------------------------------------


async def test_orders_are_entered_replaced_and_cancelled(connect: Connect) -> None:
    client = await connect()
    await client.say(op="new_order", id=1, order=ORDER)
    done = await client.hear()
    assert (done["op"], done["id"], done["status"], done["order"]["session_id"]) == ("done", 1, 201, "REST:anonymous")
    order_id = done["order"]["order_id"]
    await client.say(op="new_order", id=2, order=ORDER)
    again = await client.hear()
    assert (again["status"], again["replayed"]) == (200, True)
    await client.say(op="replace_order", id=3, order_id=order_id, change={"cl_ord_id": "A-2", "price": "187.30"})
    assert (await client.hear())["status"] == 202
    await client.say(op="cancel_order", id=4, order_id=order_id, cl_ord_id="C-1", if_match=1)
    assert (await client.hear())["status"] == 412
    await client.say(op="cancel_all", id=5, request={"cl_ord_id": "M-1"})
    assert await client.hear() == {"op": "done", "id": 5, "status": 202, "mass_id": 6, "count": 1, "order_ids": [1]}
    await client.say(op="new_order", id=6, order={**ORDER, "cl_ord_id": "A-9"}, dry_run=True)
    assert (await client.hear())["verdict"]["code"] == "DRYRUN_PASS"


async def test_a_refusal_carries_the_reason_code(connect: Connect) -> None:
    client = await connect()
    await client.say(op="new_order", id=7, order={**ORDER, "order_qty": "1000"})
    problem = await client.hear()
    assert (problem["op"], problem["id"], problem["status"], problem["code"], problem["rule"]) == (
        "problem",
        7,
        422,
        "MAX_VALUE",
        "R03",
    )


async def test_requests_are_handed_over_in_the_order_they_came(house: House, connect: Connect) -> None:
    client = await connect()
    for number in range(50):
        await client.say(op="new_order", id=number, order={**ORDER, "cl_ord_id": f"A-{number}", "order_qty": "1"})
    for _ in range(50):
        assert (await client.hear())["status"] == 201
    assert [order.cl_ord_id for order in house.room.broker.submitted] == [f"A-{number}" for number in range(50)]


async def test_a_read_token_enters_nothing(house: House, connect: Connect) -> None:
    secret, _ = house.tokens.create("reader", Role.READ)
    client = await connect(token=secret)
    await client.say(op="new_order", id=1, order=ORDER)
    assert (await client.hear())["status"] == 403
    assert house.room.broker.submitted == []


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('{"op":"dance","id":3}', 3),
        ('{"op":"subscribe"}', None),
        ('{"op":"subscribe","id":4,"after":-1}', 4),
        ('{"op":"subscribe","id":5,"colour":"red"}', 5),
        ('{"op":"new_order","id":6,"order":{"symbol":"AAPL"}}', 6),
        ('{"op":"new_order","id":true,"order":{}}', None),
        ("[]", None),
        ("7", None),
    ],
)
async def test_a_frame_that_is_not_as_documented_is_a_problem_and_the_stream_goes_on(
    connect: Connect, text: str, number: int | None
) -> None:
    client = await connect()
    await client.socket.send(text)
    problem = await client.hear()
    assert (problem["op"], problem["status"], problem.get("id")) == ("problem", 400, number)
    await client.say(op="subscribe", id=1)
    assert (await client.hear())["op"] == "subscribed"


@pytest.mark.parametrize("frame", ["{", "nonsense", "", b"\x00\x01"])
async def test_what_is_not_json_ends_the_stream(connect: Connect, frame: str | bytes) -> None:
    client = await connect()
    await client.socket.send(frame)
    assert (await client.closed())[0] == 4400


async def test_a_frame_over_16_kib_ends_the_stream(connect: Connect) -> None:
    client = await connect()
    await client.socket.send("x" * 17_000)
    assert (await client.closed())[0] == 1009


async def test_twenty_subscriptions_are_all_there_can_be(connect: Connect) -> None:
    client = await connect()
    for number in range(20):
        await client.say(op="subscribe", id=number)
        assert (await client.hear())["op"] == "subscribed"
    for number in (20, 0):
        await client.say(op="subscribe", id=number)
        assert (await client.hear())["status"] == 409


async def test_one_client_too_many_is_told_so(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CLIENTS", 1)
    await connect()
    late = await connect(hello=False)
    assert (await late.closed())[0] == 1013


async def test_a_client_that_takes_nothing_is_closed_and_holds_up_nobody(
    house: House, connect: Connect, rest: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_connection, "STALLED", 0.5)
    lazy = await connect(max_queue=1, close_timeout=0.1)
    await lazy.say(op="subscribe", id=1, after=0)
    lazy.socket.transport.pause_reading()
    quick = await connect()
    await quick.say(op="subscribe", id=1, after=0)
    await quick.hear()
    text = "x" * 256
    for number in range(400):
        await house.room.orders.new_order(_order(f"A-{number}", text), _entrant(), "REST:test")
    heard = await quick.hear_until(lambda frame: frame.get("seq") == 1200)
    assert seqs(heard) == list(range(1, 1201))
    async with asyncio.timeout(10):
        while house_streams(house).slow == 0:
            for number in range(400):
                await house.room.orders.new_order(
                    _order(f"B-{house.room.desk.next_seq}-{number}", text), _entrant(), "REST:test"
                )
            await asyncio.sleep(0.05)
    lazy.socket.transport.abort()


def house_streams(house: House) -> Any:
    """The streams behind the house's application."""
    (door,) = house._apps.values()
    return door.closers[0].__self__  # type: ignore[attr-defined]


def _entrant() -> Entrant:
    return Entrant("REST:test")


def _order(cl_ord_id: str, text: str) -> NewOrderSingle:
    return NewOrderSingle(
        cl_ord_id=cl_ord_id,
        account="ACC1",
        symbol="AAPL",
        side=Side.BUY,
        transact_time=datetime(2026, 11, 23, 14, tzinfo=UTC),
        order_qty=Decimal(1),
        ord_type=OrdType.LIMIT,
        price=Decimal("187.25"),
        text=text,
    )


async def test_clients_are_counted_as_they_come_and_go(house: House, connect: Connect) -> None:
    first, second = await connect(), await connect()
    await second.socket.close()
    await first.socket.close()
    async with asyncio.timeout(5):
        while len(house.streams) < 4:  # noqa: ASYNC110 - the server sees the end in its own time
            await asyncio.sleep(0.01)
    assert house.streams == [(1, 0), (2, 0), (1, 0), (0, 0)]


async def test_stopping_says_goodbye(house: House, server: HttpServer, connect: Connect) -> None:
    client = await connect()
    stopping = asyncio.ensure_future(server.stop())
    assert (await client.closed())[0] == 1001
    await stopping


async def test_an_engine_that_is_gone_is_another_goodbye(house: House, server: HttpServer, connect: Connect) -> None:
    client = await connect()
    await house.client.stop()
    stopping = asyncio.ensure_future(server.stop())
    assert (await client.closed())[0] == 1012
    await stopping


# --- hostile frames --------------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)  # a lone surrogate is no JSON
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
OPS = st.sampled_from(
    ["auth", "subscribe", "unsubscribe", "new_order", "replace_order", "cancel_order", "cancel_all", "hello", "", "x"]
)
FIELDS = st.sampled_from(
    [
        "id",
        "after",
        "accounts",
        "types",
        "symbols",
        "states",
        "order",
        "order_id",
        "change",
        "cl_ord_id",
        "request",
        "token",
    ]
)
FRAMES = st.builds(lambda op, rest: {**rest, "op": op}, OPS, st.dictionaries(FIELDS, JUNK, max_size=6))


async def test_no_frame_breaks_the_stream_or_costs_more_than_an_answer(
    connect: Connect, rest: httpx.AsyncClient
) -> None:
    client = await connect()

    @settings(max_examples=1500, deadline=None, database=None)
    @given(FRAMES)
    def generate(frame: Frame) -> None:
        texts.append(json.dumps(frame))

    texts: list[str] = []
    await asyncio.to_thread(generate)
    ids = 0
    for text in texts:
        if len(text) > 16_000:
            continue
        await client.socket.send(text)
        ids += 1
        if ids % 25 == 0:
            await client.say(op="unsubscribe", id=10**9 + ids)
            heard = await client.hear_until(lambda frame: frame.get("id") == 10**9 + ids)  # noqa: B023
            assert all(frame.get("status", 0) != 500 for frame in heard)
    await entered(rest)
    await client.say(op="unsubscribe", id=7)
    await client.hear_until(lambda frame: frame.get("op") in ("problem", "unsubscribed") and frame.get("id") == 7)
