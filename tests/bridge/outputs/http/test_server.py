"""The listener: on our loop, without signals, with clear errors."""

import asyncio
import signal
import socket
import ssl

import httpx
import pytest
import trustme

from bridge.outputs.http.server import ListenError, serve

from .conftest import House


async def test_it_serves_on_the_running_loop_and_leaves_signals_alone(house: House) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    server = await serve(house.app(), "127.0.0.1", 0)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    async with httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.get("/healthz")
        assert answer.json() == {"status": "alive"}
        assert "server" not in answer.headers
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_a_port_in_use_is_one_clear_line(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            await serve(house.app(), "127.0.0.1", port)


async def test_an_address_that_is_not_ours_is_one_clear_line(house: House) -> None:
    with pytest.raises(ListenError, match="HTTP: "):
        await serve(house.app(), "203.0.113.7", 0, plain=True)


async def test_outside_loopback_it_wants_tls(house: House) -> None:
    with pytest.raises(ListenError, match="certificate"):
        await serve(house.app(), "0.0.0.0", 0)


async def test_it_speaks_tls(house: House) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    server = await serve(house.app(), "127.0.0.1", 0, context)
    async with httpx.AsyncClient(base_url=server.url, verify=trust) as client:
        assert server.url.startswith("https://")
        assert (await client.get("/healthz")).status_code == 200
    await server.stop()
