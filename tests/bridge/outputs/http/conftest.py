"""A door with everything behind it in one loop: a scripted engine on a real control socket."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.control import ControlClient, ControlServer
from bridge.control_commands import Engine
from bridge.outputs.http.app import create_app
from bridge.outputs.http.door import Access
from bridge.outputs.http.services import Services
from bridge.outputs.http.tokens import TokenStore

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


@dataclass
class House:
    """What a test can turn: commands of the engine, what is missing, what the metrics page says."""

    server: ControlServer
    client: ControlClient
    tokens: TokenStore
    missing: list[str] = field(default_factory=list)
    observed: list[tuple[str, str, int]] = field(default_factory=list)

    def render(self, accept: str) -> tuple[bytes, str]:
        return f"# {accept}\n".encode(), "text/plain; version=1.0.0"

    def app(self, **access: Any) -> Any:
        services = Services(
            engine=Engine(self.client), render_metrics=self.render, missing=lambda: self.missing, tokens=self.tokens
        )
        return create_app(
            services,
            Access(**{"open_loopback": True, **access}),
            self.tokens,
            observe=lambda route, method, status, seconds: self.observed.append((route, method, status)),
        )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    server = ControlServer(tmp_path / "control.sock")
    await server.serve()
    async with ControlClient(server.path, timeout=5) as client:
        await client.wait_connected(5)
        yield House(server, client, TokenStore(tmp_path / "tokens.json", lambda: NOW))
    await server.close()


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
