"""One TCP connection of the sandbox: HTTP/1.1 requests, or a websocket once it asks for one. Real sockets, and real
ways to break them.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as UpgradeRequest
from websockets.server import ServerProtocol

LIMIT = 1 << 20
"""Most bytes of a request."""


class Request(msgspec.Struct, frozen=True):
    """A request as it came. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """A status and a body: JSON, or text as it stands (`content_type` says which)."""

    status: int
    body: Any = None
    content_type: str = "application/json"

    def encoded(self) -> bytes:
        """The body's bytes."""
        if self.body is None:
            return b""
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body, separators=(",", ":")).encode()


class Break(Exception):
    """End the connection now: `reset` without the courtesies of TCP."""

    def __init__(self, *, reset: bool = False, partial: bytes = b"") -> None:
        super().__init__("connection broken on purpose")
        self.reset = reset
        self.partial = partial


class Socket(Protocol):
    """What a websocket route gets."""

    closed: bool

    def send(self, data: str | bytes) -> None:
        """A text frame for str, a binary one for bytes."""
        ...

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye and end."""
        ...

    def abort(self) -> None:
        """End without a word."""
        ...


class WebSocket:
    """An open websocket; messages come out of `messages`, None at its end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: ServerProtocol) -> None:
        self._reader, self._writer, self._protocol = reader, writer, protocol
        self.messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.closed = False
        self.mute = False  # frames are swallowed, pings are answered

    def send(self, data: str | bytes) -> None:
        """A text frame for str, a binary one for bytes; nothing when it has ended."""
        if self.closed or self.mute:
            return
        if isinstance(data, str):
            self._protocol.send_text(data.encode())
        else:
            self._protocol.send_binary(data)
        self._flush()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye."""
        if not self.closed:
            self._protocol.send_close(code, reason)
            self._flush()
            self._end()

    def abort(self) -> None:
        """End as a lost network does, except that the peer is told by a reset."""
        if not self.closed:
            self._end()
            reset(self._writer)

    async def pump(self) -> None:
        """Read until the peer ends."""
        try:
            while not self.closed and (data := await self._reader.read(65536)):
                self._protocol.receive_data(data)
                for event in self._protocol.events_received():
                    if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY):
                        text = event.opcode is Opcode.TEXT
                        self.messages.put_nowait(bytes(event.data).decode() if text else bytes(event.data))
                self._flush()
                if self._protocol.close_expected():
                    break
        except OSError:
            self.closed = True  # the peer is gone, however it went
        finally:
            self._end()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data and not self._writer.is_closing():
                self._writer.write(data)

    def _end(self) -> None:
        if not self.closed:
            self.closed = True
        self.messages.put_nowait(None)
        self._writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as a machine that lost the connection's state would."""
    found = writer.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


Respond = Callable[[Request], Awaitable[tuple[Answer, dict[str, str]]]]
Admit = Callable[[Request], Answer | None]
Serve = Callable[[Request, WebSocket], Coroutine[Any, Any, None]]


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond, admit: Admit, talk: Serve
) -> None:
    """Answer requests until the peer ends. `admit` gives None to accept a websocket, or the answer that refuses it."""
    try:
        while (request := await _read(reader)) is not None:
            if request.headers.get("upgrade", "").lower() == "websocket":
                await _upgrade(reader, writer, request, admit, talk)
                return
            try:
                answer, headers = await respond(request)
            except Break as broken:
                if broken.reset:
                    reset(writer)
                    return
                writer.write(broken.partial)
                return
            writer.write(_encoded(answer, headers))
            await writer.drain()
            if request.headers.get("connection", "").lower() == "close":
                return
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return  # the peer went away or talks nonsense: its connection ends
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length") or 0)
    if length > LIMIT:
        raise ConnectionError("request too large")
    body = await reader.readexactly(length) if length else b""
    return Request(method, target, headers, body)


def _encoded(answer: Answer, headers: dict[str, str]) -> bytes:
    body = answer.encoded()
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    if body:
        lines.append(f"Content-Type: {answer.content_type}")
    if answer.status != 204:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def _upgrade(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request, admit: Admit, talk: Serve
) -> None:
    refusal = admit(request)
    if refusal is not None:
        writer.write(_encoded(refusal, {"Connection": "close"}))
        await writer.drain()
        return
    protocol = ServerProtocol()
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    protocol.receive_data(f"GET {request.target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
    (asked,) = protocol.events_received()
    assert isinstance(asked, UpgradeRequest)
    protocol.send_response(protocol.accept(asked))
    for data in protocol.data_to_send():
        writer.write(data)
    opened = WebSocket(reader, writer, protocol)
    talking = asyncio.create_task(talk(request, opened))
    try:
        await opened.pump()
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
