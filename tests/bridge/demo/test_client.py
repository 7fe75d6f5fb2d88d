"""The demo's FIX client against a scripted peer: logon, heartbeats, gaps, logout."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from simplefix import FixMessage, FixParser

from bridge.demo.client import ConnectionEnded, FixClient, field


class Peer:
    """The other end: reads whole messages, writes what the test says."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[FixMessage] = asyncio.Queue()
        self.closed = asyncio.Event()
        self._number = 0
        self.connected = asyncio.Event()

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.connected.set()
        parser = FixParser()
        while data := await reader.read(4096):
            parser.append_buffer(data)
            while (message := parser.get_message()) is not None:
                self.received.put_nowait(message)
        self.closed.set()
        writer.close()

    def send(self, msg_type: str, *fields: tuple[int, object], number: int | None = None) -> None:
        message = FixMessage()
        self._number = self._number + 1 if number is None else number
        head = ((8, "FIX.4.4"), (35, msg_type), (49, "BRIDGE"), (56, "STRATEGY"), (34, self._number))
        for tag, value in (*head, (52, "20260101-00:00:00.000")):
            message.append_pair(tag, value, header=True)
        for tag, value in fields:
            message.append_pair(tag, value)
        self.writer.write(message.encode())

    async def expect(self, msg_type: str) -> FixMessage:
        message = await asyncio.wait_for(self.received.get(), 5)
        assert field(message, 35) == msg_type
        return message


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    server = await peer.serve()
    yield peer
    server.close()


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[FixClient]:
    """A client that is logged on."""
    client = FixClient(sender="STRATEGY", target="BRIDGE", heartbeat=1)
    connecting = asyncio.create_task(client.connect("127.0.0.1", peer.port))
    await peer.expect("A")
    peer.send("A", (98, 0), (108, 1), (141, "Y"))
    await connecting
    yield client
    await client.close()


async def test_a_logon_resets_numbers_and_offers_the_heartbeat(peer):
    client = FixClient(sender="STRATEGY", target="BRIDGE", heartbeat=7, username="ann", password="pw")
    connecting = asyncio.create_task(client.connect("127.0.0.1", peer.port))
    logon = await peer.expect("A")
    assert [field(logon, tag) for tag in (34, 98, 108, 141, 553, 554)] == ["1", "0", "7", "Y", "ann", "pw"]
    peer.send("A", (98, 0), (108, 7), (141, "Y"))
    await connecting
    assert client.logged_on
    await client.close()


async def test_a_refused_logon_is_told_with_the_peers_reason(peer):
    client = FixClient(sender="STRATEGY", target="BRIDGE")
    connecting = asyncio.create_task(client.connect("127.0.0.1", peer.port))
    await peer.expect("A")
    peer.send("5", (58, "not today"))
    with pytest.raises(ConnectionEnded, match="not today"):
        await connecting


async def test_a_peer_that_closes_without_a_word_is_told_so(peer):
    client = FixClient(sender="STRATEGY", target="BRIDGE")
    connecting = asyncio.create_task(client.connect("127.0.0.1", peer.port))
    await peer.expect("A")
    peer.writer.close()
    with pytest.raises(ConnectionEnded, match="closed the connection"):
        await connecting


async def test_a_test_request_is_answered_with_its_id(peer, client):
    peer.send("1", (112, "hello"))
    assert field(await peer.expect("0"), 112) == "hello"


async def test_silence_is_filled_with_heartbeats(peer, client):
    await peer.expect("0")


async def test_a_resend_request_is_answered_with_a_gap_fill_and_never_with_orders(peer, client):
    client.send("D", {11: "A-1", 55: "AAPL"})
    await peer.expect("D")
    peer.send("2", (7, 1), (16, 0))
    fill = await peer.expect("4")
    assert [field(fill, tag) for tag in (34, 43, 123, 36)] == ["1", "Y", "Y", "3"]


async def test_a_gap_is_asked_for_and_what_came_early_is_dropped_until_it_comes_in_order(peer, client):
    peer.send("8", (11, "late"), number=4)
    request = await peer.expect("2")
    assert [field(request, tag) for tag in (7, 16)] == ["2", "0"]
    peer.send("4", (123, "Y"), (36, 4), number=2)
    peer.send("8", (11, "late"), number=4)
    message = await anext(client.messages())
    assert field(message, 11) == "late"


async def test_a_repeated_message_is_taken_once(peer, client):
    peer.send("8", (11, "one"), number=2)
    peer.send("8", (11, "one"), number=2)
    peer.send("8", (11, "two"), number=3)
    messages = client.messages()
    assert [field(await anext(messages), 11) for _ in range(2)] == ["one", "two"]


async def test_a_logout_by_the_peer_is_answered_and_ends_the_messages(peer, client):
    peer.send("5", (58, "draining"))
    await peer.expect("5")
    with pytest.raises(ConnectionEnded, match="draining"):
        async for _ in client.messages():
            pass


async def test_our_own_logout_waits_for_the_answer(peer, client):
    leaving = asyncio.create_task(client.logout("bye"))
    assert field(await peer.expect("5"), 58) == "bye"
    assert not leaving.done()
    peer.send("5")
    await leaving
    assert not client.logged_on
