"""A bridge to talk to: the house of the HTTP tests on a real port."""

from collections.abc import AsyncIterator

import pytest

from bridge.outputs.http.server import HttpServer, serve
from bridge.sdk import Bridge
from tests.bridge.outputs.http.conftest import House, house

__all__ = ["house"]


@pytest.fixture
async def server(house: House) -> AsyncIterator[HttpServer]:
    server = await serve(house.app(), "127.0.0.1", 0)
    yield server
    await server.stop()


@pytest.fixture
async def bridge(server: HttpServer) -> AsyncIterator[Bridge]:
    async with Bridge(server.url, account="ACC1", retry_for=2) as bridge:
        yield bridge
