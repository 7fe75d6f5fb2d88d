"""The whole house in one loop: a real engine, its control socket, the tail and the door."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.control import ControlClient, ControlServer
from bridge.control_commands import Engine, offer
from bridge.orders.blotter import Blotter
from bridge.orders.events import Entry
from bridge.outputs.http.app import create_app
from bridge.outputs.http.book import Book
from bridge.outputs.http.door import Access, Door
from bridge.outputs.http.engine_vitals import EngineVitals
from bridge.outputs.http.series import Charts
from bridge.outputs.http.services import About, Services
from bridge.outputs.http.tokens import TokenStore
from bridge.outputs.states import States
from bridge.outputs.stream import Stream
from bridge.outputs.tail import Tail

from .engine_room import EngineRoom

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


class MemorySource:
    """The journal in memory as the tail reads it; no stored folds."""

    def __init__(self, room: EngineRoom) -> None:
        self._room = room

    def read(self, after: int, upto: int) -> Iterator[Entry]:
        for entry in self._room.journal.read(after):
            if entry.seq > upto:
                return
            yield entry

    def fold(self, upto: int) -> Blotter:
        return Blotter()


class Released:
    """The journal's head, read straight from the gate. It wakes nobody: the tail looks again by itself."""

    def __init__(self, room: EngineRoom) -> None:
        self._room = room

    @property
    def seq(self) -> int:
        return self._room.engine.gate.released

    def sleep(self, seen: int) -> bool:
        return self.seq == seen

    def awake(self) -> None:
        return


class House:
    """What a test can turn, and the parts behind it."""

    def __init__(self, directory: Path) -> None:
        self.room = EngineRoom()
        self.server = ControlServer(directory / "control.sock")
        offer(self.server, self.room.commands())
        self.client = ControlClient(self.server.path, timeout=5)
        self.tokens = TokenStore(directory / "tokens.json", lambda: NOW)
        self.missing: list[str] = []
        self.observed: list[tuple[str, str, int]] = []
        self.streams: list[tuple[int, int]] = []
        source = MemorySource(self.room)
        self.stream = Stream(source)
        self.states = States(lambda: self.tail.blotter)
        self.book = Book(self.stream, lambda: self.tail.blotter, self.states)
        self.charts = Charts()
        self.tail = Tail(source, Released(self.room), self.stream, (self.states, self.book, self.charts))
        self.services = Services(
            engine=Engine(self.client),
            book=self.book,
            vitals=EngineVitals(lambda: 0.0),
            tokens=self.tokens,
            charts=self.charts,
            about=About("local", "paper", "0.1.0", lambda: {"name": "local", "password": "***"}),
            render_metrics=lambda accept: (f"# {accept}\n".encode(), "text/plain; version=1.0.0"),
            missing=lambda: self.missing,
            now=lambda: NOW,
        )
        self._apps: dict[Access, Door] = {}
        self._tail: asyncio.Task[None]

    async def start(self) -> None:
        await self.server.serve()
        await self.client.start()
        await self.client.wait_connected(5)
        self._tail = asyncio.create_task(self.tail.run())

    async def stop(self) -> None:
        self._tail.cancel()
        await self.client.stop()
        await self.server.close()

    def app(self, **access: Any) -> Door:
        """The application, one per way to set the door."""
        terms = Access(**{"open_loopback": True, "rate": 1e6, "burst": 1e6, **access})
        if terms not in self._apps:
            self._apps[terms] = create_app(
                self.services,
                terms,
                observe=lambda route, method, status, seconds: self.observed.append((route, method, status)),
                watch_streams=lambda clients, slow: self.streams.append((clients, slow)),
            )
        return self._apps[terms]

    def vitals(self, **parts: Any) -> None:
        """The engine's vitals as pushed."""
        self.services.vitals.take(parts)
        self.states.vitals = parts

    def script(self, name: str, function: Callable[..., Any]) -> None:
        """Let a command be what the test says."""
        del self.server._commands[name]
        self.server.command(name, function)

    async def settled(self) -> None:
        """Everything the engine has released is folded here."""
        assert await self.book.reached(self.room.engine.gate.released, 5)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.start()
    yield house
    await house.stop()


Browse = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def browse(house: House) -> AsyncIterator[Browse]:
    """`browse(address="10.1.2.3", token=..., open_loopback=False)`: a client of the application."""
    clients: list[httpx.AsyncClient] = []

    def open_client(*, address: str = "127.0.0.1", token: str | None = None, **access: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(house.app(**access), client=(address, 40000), raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {token}"} if token is not None else {}
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", headers=headers)
        clients.append(client)
        return client

    yield open_client
    for client in clients:
        await client.aclose()


@pytest.fixture
def http(browse: Browse) -> httpx.AsyncClient:
    """Somebody on this machine without a token."""
    return browse()
