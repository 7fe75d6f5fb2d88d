"""uvicorn on the loop that is already running, without its signal handlers and without its own idea of logging."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn

BACKLOG = 256
USER_TIMEOUT_MS = 60_000


class ListenError(Exception):
    """The listener cannot be opened; the text is one line for the operator."""


class _Server(uvicorn.Server):
    """Signals belong to the process, not to one of its listeners."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """A running listener: `port` is the real one, `await stop()` ends it."""

    def __init__(
        self, app: Any, server: uvicorn.Server, task: "asyncio.Task[None]", host: str, port: int, secure: bool
    ) -> None:
        self._app = app
        self._server = server
        self._task = task
        self.host = host
        self.port = port
        self.url = f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    async def stop(self) -> None:
        """Stop listening, let running requests end within five seconds, close streams with 1001."""
        close = getattr(self._app, "close", None)
        if close is not None:
            await close()
        self._server.should_exit = True
        await self._task


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; ListenError says what stands in the way."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ListenError(f"HTTP: {host} is no address of this machine: {error}") from error
    sock = socket.socket(family, kind, proto)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # connections inherit it: the kernel ends one whose peer acknowledges nothing, or keeps its window shut
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ListenError(f"HTTP: cannot listen on {host}:{port}: {error.strerror}") from error
    sock.setblocking(False)
    return sock


def loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def serve(
    app: Any, host: str, port: int, ssl_context: ssl.SSLContext | None = None, *, plain: bool = False
) -> HttpServer:
    """Serve an ASGI application on the running loop; returns once it listens.

    `port` 0 takes a free one. Raises ListenError when the port is in use, and for a listener without TLS that other
    machines can reach, unless `plain` says that a proxy in front does TLS.
    """
    if ssl_context is None and not plain and not loopback(host):
        raise ListenError(f"HTTP: {host} can be reached from outside: give a certificate, or put a TLS proxy in front")
    sock = listen(host, port)
    config = uvicorn.Config(
        app,
        loop="none",
        lifespan="off",
        http="h11",
        ws="websockets-sansio",
        ws_max_size=16 * 1024,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=16 * 1024,
        ssl_context_factory=None if ssl_context is None else lambda config, default: ssl_context,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]), name="http")
    listening = asyncio.create_task(server.listening.wait())
    await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        listening.cancel()
        sock.close()
        await task
        raise ListenError(f"HTTP: the listener on {host}:{port} ended at once")
    return HttpServer(app, server, task, host, sock.getsockname()[1], ssl_context is not None)
