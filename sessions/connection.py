"""The asyncio.Protocol under a session: no task, queue or await between bytes in and bytes out."""

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from sessions.endpoint import Endpoint

LINGER_SECONDS = 2.0
"""How long the peer may take to read our last bytes and close. Closing at once could send a reset that eats them."""


class Reception(Protocol):
    """Who deals with a connection that belongs to no session yet."""

    def connected(self, connection: "Connection") -> None:
        """A transport is there."""
        ...

    def received(self, connection: "Connection", data: bytes) -> None:
        """Bytes on a connection without a session."""
        ...

    def lost(self, connection: "Connection") -> None:
        """The transport is gone, with or without a session."""
        ...


class Connection(asyncio.Protocol):
    """Bytes between one transport and the endpoint it belongs to, once it belongs to one."""

    __slots__ = ("_closing", "_linger", "_loop", "_reception", "address", "endpoint", "peer", "transport")

    def __init__(self, reception: Reception, loop: asyncio.AbstractEventLoop) -> None:
        self._reception = reception
        self._loop = loop
        self._closing = False
        self._linger: asyncio.TimerHandle | None = None
        self.endpoint: Endpoint | None = None
        self.transport: asyncio.Transport
        self.address = ""
        """The peer's address without its port."""
        self.peer = ""
        """The peer's address and port, for people."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the transport is ready."""
        self.transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple):
            self.address = str(name[0])
            self.peer = f"[{name[0]}]:{name[1]}" if ":" in self.address else f"{name[0]}:{name[1]}"
        self._reception.connected(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes arrived."""
        endpoint = self.endpoint
        if endpoint is not None:
            endpoint.received(data)
        elif not self._closing:
            self._reception.received(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the transport is gone."""
        self._closing = True
        if self._linger is not None:
            self._linger.cancel()
        endpoint, self.endpoint = self.endpoint, None
        if endpoint is not None:
            endpoint.lost(f"connection lost: {exc}" if exc else "the peer closed the connection")
        self._reception.lost(self)

    def pause_writing(self) -> None:
        """asyncio: the peer does not read."""
        if self.endpoint is not None:
            self.endpoint.paused()

    def resume_writing(self) -> None:
        """asyncio: the peer reads again."""
        if self.endpoint is not None:
            self.endpoint.resumed()

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport."""
        self.transport.write(data)

    def pause_reading(self) -> None:
        """Let TCP slow the peer down."""
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    @property
    def closing(self) -> bool:
        """Whether this connection has ended or is about to."""
        return self._closing

    def close(self, *, at_once: bool = False) -> None:
        """End: what is written gets through, the peer has `LINGER_SECONDS` to close, then we do."""
        self.endpoint = None
        self._closing = True
        if self.transport.is_closing():
            return
        if at_once:
            self.transport.abort()
            return
        if not self.transport.can_write_eof():
            self.transport.close()  # TLS says goodbye itself
            return
        self.resume_reading()
        self.transport.write_eof()
        self._linger = self._loop.call_later(LINGER_SECONDS, self.transport.abort)
