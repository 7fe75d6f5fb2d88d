"""The client's end of a FIX 4.4 session in one small class, built on simplefix: enough to trade by, and to read.

It knows nothing of the daemon's own codec and session layer. It keeps no store: each Logon(A) begins with
ResetSeqNumFlag(141)=Y, and a ResendRequest(2) is answered with a gap fill, for orders must not be sent twice.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from simplefix import FixMessage, FixParser

LOGON, HEARTBEAT, TEST_REQUEST, RESEND_REQUEST, REJECT, SEQUENCE_RESET, LOGOUT = "A", "0", "1", "2", "3", "4", "5"

Value = str | int | Decimal


class ConnectionEnded(Exception):
    """The session is over; the message says why."""


def utc_now() -> str:
    """UTCTimestamp of now, with milliseconds."""
    return datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]


def field(message: FixMessage, tag: int) -> str | None:
    """A field's value as text, None when it is absent."""
    value = message.get(tag)
    return None if value is None else value.decode("latin-1")


class FixClient:
    """One session. `heartbeat` is HeartBtInt(108) in seconds."""

    def __init__(
        self,
        *,
        sender: str,
        target: str,
        heartbeat: int = 10,
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        self.sender = sender
        self.target = target
        self.heartbeat = heartbeat
        self.username = username
        self._password = password
        self.logged_on = False
        self._next_out = 1
        self._next_in = 1
        self._test_ids = itertools.count(1)
        self._messages: asyncio.Queue[FixMessage | None] = asyncio.Queue()
        self._why = "not connected"
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = 0.0
        self._sent = 0.0

    async def connect(self, host: str, port: int, *, within: float = 10.0) -> None:
        """Connect and log on. Raises OSError when nobody listens, ConnectionEnded when the Logon(A) is refused."""
        loop = asyncio.get_running_loop()
        self._reader, self._writer = await asyncio.open_connection(host, port)
        self._heard = self._sent = loop.time()
        answered = loop.create_future()
        self._tasks = [
            asyncio.create_task(self._read(answered), name="fix read"),
            asyncio.create_task(self._beat(), name="fix heartbeat"),
        ]
        logon: dict[int, Value] = {98: 0, 108: self.heartbeat, 141: "Y"}
        if self.username is not None:
            logon |= {553: self.username, 554: self._password or ""}
        self.send(LOGON, logon)
        try:
            async with asyncio.timeout(within):
                await answered
        except TimeoutError:
            self._why = f"no answer to the Logon(A) within {within:g} s"
        if not self.logged_on:
            await self.close()
            raise ConnectionEnded(self._why)

    def send(self, msg_type: str, fields: Mapping[int, Value]) -> int:
        """Send a message with the standard header; gives its MsgSeqNum(34)."""
        number = self._next_out
        self._next_out += 1
        self._write(msg_type, number, fields)
        return number

    async def messages(self) -> AsyncIterator[FixMessage]:
        """Every application message and every Reject(3), until the session ends. Raises ConnectionEnded then."""
        while (message := await self._messages.get()) is not None:
            yield message
        raise ConnectionEnded(self._why)

    async def logout(self, text: str = "", *, within: float = 3.0) -> None:
        """Say Logout(5), wait for the answer, close."""
        if self.logged_on:
            self.send(LOGOUT, {58: text} if text else {})
            self.logged_on = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._tasks[0]
        await self.close()

    async def close(self) -> None:
        """Close without a word."""
        self.logged_on = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def _write(self, msg_type: str, number: int, fields: Mapping[int, Value], *, poss_dup: bool = False) -> None:
        message = FixMessage()
        message.append_pair(8, "FIX.4.4", header=True)
        message.append_pair(35, msg_type, header=True)
        message.append_pair(49, self.sender, header=True)
        message.append_pair(56, self.target, header=True)
        message.append_pair(34, number, header=True)
        now = utc_now()
        if poss_dup:
            message.append_pair(43, "Y", header=True)
        message.append_pair(52, now, header=True)
        if poss_dup:
            message.append_pair(122, now, header=True)
        for tag, value in fields.items():
            message.append_pair(tag, format(value, "f") if isinstance(value, Decimal) else value)
        self._writer.write(message.encode())
        self._sent = asyncio.get_running_loop().time()

    async def _read(self, answered: "asyncio.Future[None]") -> None:
        parser = FixParser()
        try:
            while data := await self._reader.read(65536):
                self._heard = asyncio.get_running_loop().time()
                parser.append_buffer(data)
                while (message := parser.get_message()) is not None:
                    self._take(message, answered)
            self._end("the daemon closed the connection")
        except OSError as error:
            self._end(f"connection lost: {error.strerror or error}")
        finally:
            self._end("closed")
            if not answered.done():
                answered.set_result(None)
            self._messages.put_nowait(None)

    def _take(self, message: FixMessage, answered: "asyncio.Future[None]") -> None:
        number = int(field(message, 34) or 0)
        if number > self._next_in and field(message, 35) != LOGON:
            # A gap; everything since is dropped here and comes again in order.
            self.send(RESEND_REQUEST, {7: self._next_in, 16: 0})
            return
        if number < self._next_in:
            return
        self._next_in = number + 1
        match field(message, 35):
            case "A":
                self.logged_on = True
                self._why = "logged on"
                if not answered.done():
                    answered.set_result(None)
            case "0":
                return
            case "1":
                self.send(HEARTBEAT, {112: field(message, 112) or ""})
            case "2":
                begin = int(field(message, 7) or 1)
                self._write(SEQUENCE_RESET, begin, {123: "Y", 36: self._next_out}, poss_dup=True)
            case "4":
                self._next_in = int(field(message, 36) or self._next_in)
            case "5":
                if self.logged_on or not answered.done():
                    self._end(f"logged out: {field(message, 58) or 'no reason given'}")
                    self.send(LOGOUT, {})
                    self.logged_on = False
                self._writer.close()
            case _:
                self._messages.put_nowait(message)

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, self.heartbeat / 4))
            if not self.logged_on:
                continue
            now = loop.time()
            if now - self._heard > 2 * self.heartbeat:
                self._end(f"nothing heard for {2 * self.heartbeat} s")
                self._writer.close()
                return
            if now - self._heard > 1.2 * self.heartbeat:
                self.send(TEST_REQUEST, {112: f"DEMO-{next(self._test_ids)}"})
            elif now - self._sent >= self.heartbeat:
                self.send(HEARTBEAT, {})

    def _end(self, why: str) -> None:
        if self._why in ("not connected", "logged on"):
            self._why = why
