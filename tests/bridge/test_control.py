"""The control socket: what the engine offers, how refusals look, and what silence means."""

import asyncio
import os
import socket
import stat
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from bridge.control import ControlClient, ControlServer, NoAnswer, SocketInUseError, Unreachable, ask_once, call_once
from bridge.control_frames import MAX_FRAME
from bridge.problems import ProblemError, refuse
from fixspec.enums import OrdType, Side
from fixspec.messages import NewOrderSingle


class Sum(msgspec.Struct, frozen=True):
    total: Decimal
    caller: str


class Engine:
    """A few commands with every shape of argument and ending."""

    def __init__(self) -> None:
        self.orders: list[NewOrderSingle] = []
        self.release = asyncio.Event()

    def add(self, amounts: tuple[Decimal, ...], start: Decimal = Decimal(0), *, caller: str) -> Sum:
        return Sum(sum(amounts, start), caller)

    async def new_order(self, order: NewOrderSingle) -> int:
        await asyncio.sleep(0)
        self.orders.append(order)
        return len(self.orders)

    def refuse(self) -> None:
        raise refuse("refused", "too much", code="MAX_VALUE", rule="R03", limit="25000", value="187250.00")

    def fail(self) -> None:
        raise ZeroDivisionError("the secret is 42")

    async def wait(self) -> str:
        await self.release.wait()
        return "released"

    def big(self, size: int) -> bytes:
        return bytes(size)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
async def server(tmp_path: Path, engine: Engine) -> AsyncIterator[ControlServer]:
    server = ControlServer(tmp_path / "control.sock")
    for name in ("add", "new_order", "refuse", "fail", "wait", "big"):
        server.command(name, getattr(engine, name))
    await server.serve()
    yield server
    engine.release.set()
    await server.close()


@pytest.fixture
async def client(server: ControlServer) -> AsyncIterator[ControlClient]:
    async with ControlClient(server.path, caller="REST:alice") as client:
        await client.wait_connected(5)
        yield client


ORDER = NewOrderSingle(
    cl_ord_id="A-1",
    symbol="AAPL",
    side=Side.BUY,
    transact_time=datetime(2026, 11, 23, 14, tzinfo=UTC),
    order_qty=Decimal("100.50"),
    ord_type=OrdType.MARKET,
    other=((9999, b"\x00raw"),),
)


async def test_the_socket_belongs_to_its_user_only(server: ControlServer) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600


async def test_arguments_are_decoded_by_the_functions_own_types(client: ControlClient) -> None:
    total = await client.ask("add", Sum, {"amounts": (Decimal("1.10"), Decimal("2.20"))})
    assert total == Sum(Decimal("3.30"), "REST:alice")


async def test_a_call_may_name_another_caller(client: ControlClient) -> None:
    total = await client.ask("add", Sum, {"amounts": ()}, caller="REST:bob")
    assert total.caller == "REST:bob"


async def test_a_fix_message_arrives_as_it_was_sent(client: ControlClient, engine: Engine) -> None:
    assert await client.call("new_order", order=ORDER) == 1
    assert engine.orders == [ORDER]


async def test_a_refusal_arrives_with_its_code_rule_limit_and_value(client: ControlClient) -> None:
    with pytest.raises(ProblemError) as caught:
        await client.call("refuse")
    refusal = caught.value.problem
    assert (refusal.status, refusal.slug) == (422, "refused")
    assert (refusal.code, refusal.rule, refusal.limit, refusal.value) == ("MAX_VALUE", "R03", "25000", "187250.00")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"amounts": ("x",)}, "amounts[0]"), ({}, ""), ({"amounts": (), "colour": "red"}, "")],
)
async def test_arguments_that_do_not_fit_are_malformed_and_name_the_field(
    client: ControlClient, arguments: dict[str, object], field: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        await client.call("add", **arguments)
    assert caught.value.problem.slug == "malformed"
    assert caught.value.problem.errors[0].field == field


async def test_an_unknown_command_is_not_found(client: ControlClient) -> None:
    with pytest.raises(ProblemError) as caught:
        await client.call("dance")
    assert caught.value.problem.status == 404


async def test_a_defect_is_told_without_its_text(client: ControlClient) -> None:
    with pytest.raises(ProblemError) as caught:
        await client.call("fail")
    assert caught.value.problem.status == 500
    assert "42" not in str(caught.value)
    assert await client.call("add", amounts=()) == {"total": "0", "caller": "REST:alice"}


async def test_a_result_that_is_too_large_is_an_error_of_that_call_alone(client: ControlClient) -> None:
    with pytest.raises(ProblemError) as caught:
        await client.call("big", size=MAX_FRAME + 1)
    assert caught.value.problem.slug == "internal"
    assert len(await client.call("big", size=1000)) == 1000


async def test_a_slow_command_does_not_hold_up_the_others(client: ControlClient, engine: Engine) -> None:
    waiting = asyncio.ensure_future(client.call("wait"))
    assert (await client.call("add", amounts=()))["total"] == "0"
    assert not waiting.done()
    engine.release.set()
    assert await waiting == "released"


async def test_no_answer_in_time_is_not_taken_for_a_refusal(client: ControlClient) -> None:
    with pytest.raises(NoAnswer):
        await client.ask("wait", str, {}, within=0.01)


async def test_a_call_while_the_engine_is_away_was_not_handed_over(tmp_path: Path) -> None:
    async with ControlClient(tmp_path / "control.sock") as client:
        with pytest.raises(Unreachable):
            await client.call("add", amounts=())
        with pytest.raises(Unreachable):
            await client.wait_connected(0.01)


async def test_a_connection_lost_before_the_answer_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_unix_server(hang_up, path), ControlClient(path) as client:
        await client.wait_connected(5)
        with pytest.raises(NoAnswer):
            await client.call("add", amounts=())


async def test_the_client_comes_back_and_subscribes_again_when_the_engine_does(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    got: asyncio.Queue[int] = asyncio.Queue()
    demand: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    async with ControlClient(path) as client:
        client.subscribe("vitals", int, got.put_nowait)
        for value in (1, 2):
            server = ControlServer(path, on_demand=lambda *told: demand.put_nowait(told))
            await server.serve()
            assert await asyncio.wait_for(demand.get(), 5) == ("vitals", 1)
            server.publish("vitals", value)
            assert await asyncio.wait_for(got.get(), 5) == value
            await server.close()
            assert await asyncio.wait_for(demand.get(), 5) == ("vitals", 0)


async def test_pushes_reach_subscribers_of_the_topic_only_and_end_when_asked(
    server: ControlServer, client: ControlClient
) -> None:
    got: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    end = client.subscribe("quotes/AAPL", dict[str, str], got.put_nowait)
    await client.call("add", amounts=())
    assert server.topics() == {"quotes/AAPL"}
    server.publish("quotes/MSFT", {"bid_px": "1"})
    server.publish("quotes/AAPL", {"bid_px": "2"})
    assert await asyncio.wait_for(got.get(), 5) == {"bid_px": "2"}
    end()
    await client.call("add", amounts=())
    assert server.subscribers("quotes/AAPL") == 0


async def test_a_peer_that_does_not_read_misses_pushes_and_holds_up_nobody(
    server: ControlServer, client: ControlClient
) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.setblocking(False)
        await loop.sock_connect(deaf, str(server.path))
        body = msgspec.msgpack.encode(["subscribe", "vitals"])
        await loop.sock_sendall(deaf, struct.pack(">I", len(body)) + body)
        while not server.subscribers("vitals"):
            await client.call("add", amounts=())
        for _ in range(64):
            server.publish("vitals", bytes(100_000))
        assert server.missed > 0
        assert (await client.call("add", amounts=()))["total"] == "0"


@pytest.mark.parametrize("data", [struct.pack(">I", MAX_FRAME + 1), struct.pack(">I", 3) + b"\xc1\xc1\xc1"])
async def test_a_peer_that_sends_garbage_is_cut_off(server: ControlServer, client: ControlClient, data: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(server.path)
    writer.write(data)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    assert (await client.call("add", amounts=()))["total"] == "0"


async def test_a_frame_may_arrive_byte_by_byte(server: ControlServer) -> None:
    reader, writer = await asyncio.open_unix_connection(server.path)
    body = msgspec.msgpack.encode(["call", 7, "add", "cli:bob", {"amounts": ["1"]}])
    for byte in struct.pack(">I", len(body)) + body:
        writer.write(bytes([byte]))
        await writer.drain()
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    assert msgspec.msgpack.decode(await reader.readexactly(length)) == [
        "answer",
        7,
        {"total": "1", "caller": "cli:bob"},
    ]
    writer.close()


async def test_many_unanswered_calls_are_all_answered_in_the_end(client: ControlClient, engine: Engine) -> None:
    waiting = [asyncio.ensure_future(client.call("wait")) for _ in range(600)]
    await asyncio.sleep(0)
    engine.release.set()
    assert await asyncio.gather(*waiting) == ["released"] * 600


async def test_a_second_server_on_a_live_socket_is_refused(server: ControlServer, client: ControlClient) -> None:
    with pytest.raises(SocketInUseError, match="another process answers"):
        await ControlServer(server.path).serve()
    assert (await client.call("add", amounts=()))["total"] == "0"


async def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = ControlServer(path)
    await server.serve()
    await server.close()
    assert not path.exists()


async def test_a_path_longer_than_a_socket_name_may_be_works_all_the_same(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    server = ControlServer(deep / "control.sock")
    server.command("add", Engine().add)
    await server.serve()
    async with ControlClient(server.path) as client:
        await client.wait_connected(5)
        assert (await client.call("add", amounts=("2",)))["total"] == "2"
    await server.close()
    assert os.listdir(deep) == []


async def test_the_cli_asks_without_a_loop_of_its_own(server: ControlServer) -> None:
    loop = asyncio.get_running_loop()
    total = await loop.run_in_executor(
        None, lambda: ask_once(server.path, "add", Sum, {"amounts": ("1",)}, caller="cli:x")
    )
    assert total == Sum(Decimal(1), "cli:x")
    with pytest.raises(ProblemError, match="too much"):
        await loop.run_in_executor(None, lambda: call_once(server.path, "refuse"))
    with pytest.raises(NoAnswer):
        await loop.run_in_executor(None, lambda: call_once(server.path, "wait", timeout=0.05))


def test_the_cli_says_when_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="no engine answers"):
        call_once(tmp_path / "control.sock", "status")


def test_a_command_needs_types_for_its_arguments(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "control.sock")
    with pytest.raises(TypeError, match="has no type"):
        server.command("untyped", lambda anything: anything)
    server.command("typed", Engine.refuse.__get__(object()))
    with pytest.raises(ValueError, match="twice"):
        server.command("typed", Engine.refuse.__get__(object()))
