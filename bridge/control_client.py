"""The other end of the control socket: a connection that comes back by itself, and one blocking call for the CLI.

A call that never reached the engine (`Unreachable`) and one that did and was not answered (`NoAnswer`) are different
things: only the first may be repeated without thought.
"""

import asyncio
import contextlib
import getpass
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import structlog

from bridge.control_frames import (
    Answer,
    Call,
    FrameError,
    Frames,
    NoAnswer,
    Push,
    Refusal,
    Subscribe,
    Unreachable,
    Unsubscribe,
    connect,
    decode_reply,
    encode,
    frame,
)
from bridge.problems import ProblemError

_log = structlog.get_logger("bridge.control")

T = TypeVar("T")


def caller_name(channel: str) -> str:
    """`cli:alice`: who asks, for the audit trail."""
    try:
        return f"{channel}:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"{channel}:{os.getuid()}"


class _Link(asyncio.Protocol):
    """The client's end of one connection."""

    def __init__(self, client: "ControlClient") -> None:
        self._client = client
        self._frames = Frames()
        self.transport: asyncio.Transport
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._frames.feed(data)
        try:
            for whole in self._frames:
                self._client._take(decode_reply(whole))
        except (FrameError, msgspec.DecodeError) as error:
            _log.error("control server sent garbage", error=str(error))
            self.transport.abort()


class ControlClient:
    """A connection to the engine that comes back by itself. Times are in seconds.

    `timeout` is how long an answer is waited for unless a call says otherwise.
    """

    def __init__(self, path: str | os.PathLike[str], *, caller: str = "", timeout: float = 5.0) -> None:
        self.path = Path(path)
        self.caller = caller
        self.timeout = timeout
        self._link: _Link | None = None
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._next_id = 0
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._listeners: dict[str, list[Callable[[msgspec.Raw], None]]] = {}

    async def __aenter__(self) -> "ControlClient":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def connected(self) -> bool:
        """Whether a call would be handed over now."""
        return self._link is not None

    async def start(self) -> None:
        """Begin to connect, and connect again whenever the connection is lost. Does not wait for the first success."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_connected(), name="control client")

    async def stop(self) -> None:
        """End the connection; calls without an answer raise NoAnswer."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._disconnected()

    async def wait_connected(self, within: float | None = None) -> None:
        """Return once connected; Unreachable after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                await self._connected.wait()
        except TimeoutError:
            raise Unreachable(f"no engine answers on {self.path}") from None

    async def call(self, name: str, /, **arguments: Any) -> Any:
        """Run a command and give its result as plain values. Raises as `ask` does."""
        return msgspec.msgpack.decode(await self._exchange(name, arguments, self.caller, self.timeout))

    async def ask(
        self,
        name: str,
        answer: type[T],
        arguments: Mapping[str, Any],
        *,
        caller: str | None = None,
        within: float | None = None,
    ) -> T:
        """Run a command and give its result as an `answer`.

        Raises ProblemError (refused), Unreachable (not handed over), NoAnswer (handed over, no answer in `within`
        seconds, `timeout` unless given).
        """
        raw = await self._exchange(
            name, arguments, self.caller if caller is None else caller, self.timeout if within is None else within
        )
        return msgspec.msgpack.decode(raw, type=answer)

    async def _exchange(self, name: str, arguments: Mapping[str, Any], caller: str, within: float) -> msgspec.Raw:
        link = self._link
        if link is None:
            raise Unreachable(f"no engine answers on {self.path}")
        self._next_id += 1
        number = self._next_id
        body = frame(Call(number, name, caller, msgspec.Raw(encode(arguments))))
        future: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        link.transport.write(body)
        try:
            async with asyncio.timeout(within):
                return await future
        except TimeoutError:
            raise NoAnswer(f"the engine took {name} and did not answer in time") from None
        finally:
            self._waiting.pop(number, None)

    def subscribe(self, topic: str, kind: type[T], callback: Callable[[T], None]) -> Callable[[], None]:
        """Call `callback` with everything published on `topic`, over reconnects too; the result ends it."""
        decode = msgspec.msgpack.Decoder(kind).decode

        def listener(payload: msgspec.Raw) -> None:
            callback(decode(payload))

        listeners = self._listeners.setdefault(topic, [])
        listeners.append(listener)
        if len(listeners) == 1:
            self._tell(Subscribe(topic))

        def unsubscribe() -> None:
            if listener in listeners:
                listeners.remove(listener)
                if not listeners:
                    self._listeners.pop(topic, None)
                    self._tell(Unsubscribe(topic))

        return unsubscribe

    def _tell(self, request: Subscribe | Unsubscribe) -> None:
        if self._link is not None:
            self._link.transport.write(frame(request))

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        pause = 0.02
        while True:
            try:
                sock = connect(self.path, 0)
            except Unreachable:
                await asyncio.sleep(pause)
                pause = min(2 * pause, 1.0)
                continue
            _, link = await loop.create_unix_connection(lambda: _Link(self), sock=sock)
            pause = 0.02
            self._link = link
            for topic in self._listeners:
                self._tell(Subscribe(topic))
            self._connected.set()
            try:
                await link.lost
            finally:
                self._disconnected()

    def _disconnected(self) -> None:
        link, self._link = self._link, None
        self._connected.clear()
        if link is not None:
            link.transport.abort()
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(NoAnswer("the connection to the engine was lost before it answered"))

    def _take(self, reply: Answer | Refusal | Push) -> None:
        match reply:
            case Answer(id=number, result=result):
                future = self._waiting.get(number)
                if future is not None and not future.done():
                    future.set_result(result)
            case Refusal(id=number, problem=refusal):
                future = self._waiting.get(number)
                if future is not None and not future.done():
                    future.set_exception(ProblemError(refusal))
            case Push(topic=topic, payload=payload):
                for listener in tuple(self._listeners.get(topic, ())):
                    try:
                        listener(payload)
                    except Exception:  # noqa: BLE001 - one listener's defect must not end the others' stream
                        _log.exception("control listener failed", topic=topic)


def ask_once(
    path: str | os.PathLike[str],
    name: str,
    answer: type[T],
    arguments: Mapping[str, Any],
    *,
    caller: str | None = None,
    timeout: float = 5.0,
) -> T:
    """One command over a connection of its own, blocking; for the CLI. Raises as `ControlClient.ask` does."""
    raw = _exchange_once(Path(path), name, arguments, caller_name("cli") if caller is None else caller, timeout)
    return msgspec.msgpack.decode(raw, type=answer)


def call_once(path: str | os.PathLike[str], name: str, /, *, timeout: float = 5.0, **arguments: Any) -> Any:
    """`ask_once` with plain values."""
    return msgspec.msgpack.decode(_exchange_once(Path(path), name, arguments, caller_name("cli"), timeout))


def _exchange_once(path: Path, name: str, arguments: Mapping[str, Any], caller: str, timeout: float) -> msgspec.Raw:
    deadline = time.monotonic() + timeout
    with contextlib.closing(connect(path, timeout)) as sock:
        try:
            sock.sendall(frame(Call(1, name, caller, msgspec.Raw(encode(arguments)))))
            frames = Frames()
            while True:
                sock.settimeout(max(deadline - time.monotonic(), 0.001))
                data = sock.recv(65536)
                if not data:
                    raise NoAnswer(f"the engine closed the connection before it answered {name}")
                frames.feed(data)
                for whole in frames:
                    match decode_reply(whole):
                        case Answer(id=1, result=result):
                            return result
                        case Refusal(id=1, problem=refusal):
                            raise ProblemError(refusal)
        except (OSError, FrameError, msgspec.DecodeError) as error:
            raise NoAnswer(f"the engine was asked for {name} and gave no answer: {error}") from error
