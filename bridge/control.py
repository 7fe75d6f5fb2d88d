"""The Unix socket by which the outputs process and the CLI hand commands to the engine (OUTPUTS.md section 9).

Commands are functions of the engine, run in its loop in the order each peer sent them and answered with what was
committed; topics are pushed to whoever subscribed (`vitals` once a second, quotes on demand). The engine never waits
for a peer: one that does not read is not read from either, and misses pushes.
"""

import asyncio
import contextlib
import inspect
import os
import socket
import typing
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import structlog

from bridge.control_client import ControlClient, ask_once, call_once, caller_name
from bridge.control_frames import (
    Answer,
    Call,
    ControlError,
    FrameError,
    Frames,
    NoAnswer,
    Push,
    Refusal,
    SocketInUseError,
    Subscribe,
    Unreachable,
    Unsubscribe,
    address_of,
    connect,
    decode_request,
    encode,
    frame,
)
from bridge.problems import FieldFault, Problem, ProblemError, problem

__all__ = [
    "ControlClient",
    "ControlError",
    "ControlServer",
    "NoAnswer",
    "SocketInUseError",
    "Unreachable",
    "ask_once",
    "call_once",
    "caller_name",
]

MAX_CALLS = 256  # unanswered calls of one peer, after that it is not read from until some are answered
MAX_PEERS = 64
HIGH_WATER = 1024 * 1024  # unsent bytes after which a peer counts as slow

_log = structlog.get_logger("bridge.control")


class _Command:
    """A function with its arguments' types, read once from its signature."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        hints = typing.get_type_hints(function)
        fields: list[Any] = []
        self.takes_caller = False
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise TypeError(f"command {name}: parameter {parameter} cannot be given by name")
            if parameter.name == "caller":
                self.takes_caller = True
                continue
            if parameter.name not in hints:
                raise TypeError(f"command {name}: parameter {parameter.name} has no type")
            field = (parameter.name, hints[parameter.name])
            fields.append(field if parameter.default is parameter.empty else (*field, parameter.default))
        self.function = function
        self.names = tuple(field[0] for field in fields)
        arguments = msgspec.defstruct(
            f"{name}_arguments", fields, kw_only=True, forbid_unknown_fields=True, frozen=True
        )
        self.decode: Callable[[bytes | msgspec.Raw], Any] = msgspec.msgpack.Decoder(arguments).decode

    def __call__(self, call: Call) -> Any:
        """The function's result or awaitable; msgspec.ValidationError for arguments that do not fit."""
        arguments = self.decode(call.arguments)
        values = {name: getattr(arguments, name) for name in self.names}
        if self.takes_caller:
            values["caller"] = call.caller
        return self.function(**values)


class _Peer(asyncio.Protocol):
    """One connected client, seen from the engine."""

    def __init__(self, server: "ControlServer") -> None:
        self._server = server
        self._frames = Frames()
        self._transport: asyncio.Transport
        self.topics: set[str] = set()
        self.slow = False
        self._calls = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self._server._joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server._left(self)

    def pause_writing(self) -> None:
        self.slow = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.slow = False
        self._pump()

    def data_received(self, data: bytes) -> None:
        self._frames.feed(data)
        self._pump()

    def _pump(self) -> None:
        """Answer what has arrived, as long as the peer takes the answers."""
        try:
            for data in self._frames:
                self._take(decode_request(data))
                if self.slow or self._calls >= MAX_CALLS:
                    self._transport.pause_reading()
                    return
        except (FrameError, msgspec.DecodeError) as error:
            _log.warning("control peer sent garbage", error=str(error))
            self._transport.abort()
            return
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _take(self, request: Call | Subscribe | Unsubscribe) -> None:
        match request:
            case Call():
                self._call(request)
            case Subscribe(topic=topic):
                if topic not in self.topics:
                    self.topics.add(topic)
                    self._server._demand(topic)
            case Unsubscribe(topic=topic):
                if topic in self.topics:
                    self.topics.discard(topic)
                    self._server._demand(topic)

    def _call(self, call: Call) -> None:
        try:
            result = self._server._run(call)
        except Exception as error:  # noqa: BLE001 - every failure is told to the caller, and logged when it is ours
            self.send(Refusal(call.id, self._server._failed(call, error)))
            return
        if inspect.isawaitable(result):
            self._calls += 1
            task = asyncio.ensure_future(self._await(call, result))
            self._server._tasks.add(task)
            task.add_done_callback(self._server._tasks.discard)
        else:
            self._answer(call, result)

    async def _await(self, call: Call, result: Awaitable[Any]) -> None:
        try:
            self._answer(call, await result)
        except Exception as error:  # noqa: BLE001 - as in _call
            self.send(Refusal(call.id, self._server._failed(call, error)))
        finally:
            self._calls -= 1
            self._pump()

    def _answer(self, call: Call, result: Any) -> None:
        try:
            body = frame(Answer(call.id, msgspec.Raw(encode(result))))
        except Exception as error:  # noqa: BLE001 - a result that cannot be sent is our defect, told as such
            self.send(Refusal(call.id, self._server._failed(call, error)))
            return
        self.write(body)

    def send(self, reply: Refusal) -> None:
        self.write(frame(reply))

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        self._transport.close()


class ControlServer:
    """Listens in the engine's loop and runs commands there, in the order each peer sent them.

    `on_demand(topic, subscribers)` is called whenever the number of a topic's subscribers changes.
    """

    def __init__(self, path: str | os.PathLike[str], *, on_demand: Callable[[str, int], None] | None = None) -> None:
        self.path = Path(path)
        self._on_demand = on_demand
        self._commands: dict[str, _Command] = {}
        self._peers: set[_Peer] = set()
        self._tasks: set[asyncio.Future[None]] = set()
        self._server: asyncio.Server | None = None
        self._inode: tuple[int, int] = (0, 0)
        self.missed = 0  # pushes that a slow peer did not get

    def command(self, name: str, function: Callable[..., Any]) -> None:
        """Offer `function`, plain or async, under `name`.

        Its parameters are the command's arguments, decoded by their annotations; one named `caller` gets the caller's
        name. What it returns is encoded as msgpack; a ProblemError it raises is told to the caller. TypeError for a
        parameter without a type, ValueError for a name twice.
        """
        if name in self._commands:
            raise ValueError(f"command {name} is offered twice")
        self._commands[name] = _Command(name, function)

    @property
    def commands(self) -> tuple[str, ...]:
        """Names of the commands offered."""
        return tuple(sorted(self._commands))

    async def serve(self) -> None:
        """Listen from now on, readable and writable for our user only.

        A socket left behind by a process that died is replaced. SocketInUseError when a live one answers; OSError when
        the directory cannot be written.
        """
        with contextlib.suppress(Unreachable):
            connect(self.path, 1.0).close()
            raise SocketInUseError(f"another process answers on {self.path}")
        self.path.unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(sock.fileno(), 0o600)  # Linux gives the name this mode at bind, so it never stands open
            with address_of(self.path) as address:
                sock.bind(address)
            self.path.chmod(0o600)
            status = self.path.stat()
            self._inode = (status.st_dev, status.st_ino)
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(lambda: _Peer(self), sock=sock)
        except BaseException:
            sock.close()
            raise

    async def close(self) -> None:
        """Stop listening, let running commands end, close every connection, remove the socket."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in tuple(self._peers):
            peer.close()
        with contextlib.suppress(FileNotFoundError):
            status = self.path.stat()
            if (status.st_dev, status.st_ino) == self._inode:
                self.path.unlink()

    def subscribers(self, topic: str) -> int:
        """How many peers listen to `topic`: publish costs nothing when none does."""
        return sum(topic in peer.topics for peer in self._peers)

    def topics(self) -> frozenset[str]:
        """All topics somebody listens to."""
        return frozenset().union(*(peer.topics for peer in self._peers))

    def publish(self, topic: str, payload: Any) -> None:
        """Push `payload` to all subscribers of `topic`, encoded once. A slow peer misses it; the newest wins."""
        peers = [peer for peer in self._peers if topic in peer.topics]
        if not peers:
            return
        data = frame(Push(topic, msgspec.Raw(encode(payload))))
        for peer in peers:
            if peer.slow:
                self.missed += 1
            else:
                peer.write(data)

    def _joined(self, peer: _Peer) -> None:
        if len(self._peers) >= MAX_PEERS:
            _log.warning("control connection refused", peers=len(self._peers))
            peer.close()
        else:
            self._peers.add(peer)

    def _left(self, peer: _Peer) -> None:
        self._peers.discard(peer)
        for topic in peer.topics:
            self._demand(topic)

    def _demand(self, topic: str) -> None:
        if self._on_demand is not None:
            self._on_demand(topic, self.subscribers(topic))

    def _run(self, call: Call) -> Any:
        command = self._commands.get(call.name)
        if command is None:
            raise ProblemError(problem("not-found", f"there is no command {call.name}"))
        return command(call)

    def _failed(self, call: Call, error: Exception) -> Problem:
        match error:
            case ProblemError():
                return error.problem
            case msgspec.ValidationError():
                field, text = _fault(error)
                return problem("malformed", str(error), errors=(FieldFault(field, text),))
        _log.error("control command failed", command=call.name, caller=call.caller, exc_info=error)
        return problem("internal", f"command {call.name} failed: {type(error).__name__}")


def _fault(error: msgspec.ValidationError) -> tuple[str, str]:
    """msgspec's "Expected … - at `$.a.b`" as (path, text)."""
    text, _, where = str(error).partition(" - at `$")
    return where.rstrip("`").lstrip("."), text
