"""FIX 4.4 by hand, with simplefix: messages to build and read, and a small session for scripts and tests.

    async with FixClient("127.0.0.1", 9878) as client:
        await client.send(new_order_single("A-1", "AAPL", "buy", "100", price="187.25", account="PAPER"))
        async for message in client.messages():
            print(describe(message))

The session keeps its numbers in memory and starts at 1 (ResetSeqNumFlag(141)=Y): for tools. A trading system uses an
engine that stores what it sent.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import simplefix

from bridge.sdk.wire import amount
from fixspec.enums import OrdType, Side, TimeInForce

ADMIN = frozenset({b"0", b"1", b"2", b"3", b"4", b"5", b"A"})


def timestamp(now: datetime | None = None) -> str:
    """UTCTimestamp with milliseconds."""
    at = (now or datetime.now(UTC)).astimezone(UTC)
    return at.strftime("%Y%m%d-%H:%M:%S.") + f"{at.microsecond // 1000:03d}"


def wire_value(kind: Any, value: Any) -> str:
    """`buy`, Side.BUY or `1` as the character on the wire."""
    if isinstance(value, kind):
        return str(value.wire.decode())
    for member in kind:
        if value in (member.value, member.wire.decode()):
            return str(member.wire.decode())
    raise ValueError(f"{value!r} is no {kind.__name__}: {', '.join(member.value for member in kind)}")


def new_order_single(
    cl_ord_id: str,
    symbol: str,
    side: Any,
    qty: Any,
    *,
    price: Any = None,
    stop: Any = None,
    account: str | None = None,
    time_in_force: Any = None,
    more: tuple[tuple[int, str], ...] = (),
) -> simplefix.FixMessage:
    """NewOrderSingle(D): market, or with `price` and `stop` limit, stop, stop limit. TypeError for a float."""
    message = simplefix.FixMessage()
    message.append_pair(35, "D")
    message.append_pair(11, cl_ord_id)
    _append(message, 1, account)
    message.append_pair(55, symbol)
    message.append_pair(54, wire_value(Side, side))
    message.append_pair(60, timestamp())
    message.append_pair(38, amount(qty, "qty"))
    kinds = {
        (False, False): OrdType.MARKET,
        (True, False): OrdType.LIMIT,
        (False, True): OrdType.STOP,
        (True, True): OrdType.STOP_LIMIT,
    }
    message.append_pair(40, kinds[price is not None, stop is not None].wire)
    _append(message, 44, amount(price, "price"))
    _append(message, 99, amount(stop, "stop"))
    if time_in_force is not None:
        message.append_pair(59, wire_value(TimeInForce, time_in_force))
    for tag, value in more:
        message.append_pair(tag, value)
    return message


def order_cancel_request(
    cl_ord_id: str, orig_cl_ord_id: str, symbol: str, side: Any, *, account: str | None = None
) -> simplefix.FixMessage:
    """OrderCancelRequest(F)."""
    message = simplefix.FixMessage()
    message.append_pair(35, "F")
    message.append_pair(41, orig_cl_ord_id)
    message.append_pair(11, cl_ord_id)
    _append(message, 1, account)
    message.append_pair(55, symbol)
    message.append_pair(54, wire_value(Side, side))
    message.append_pair(60, timestamp())
    return message


def order_cancel_replace_request(
    cl_ord_id: str,
    orig_cl_ord_id: str,
    symbol: str,
    side: Any,
    qty: Any,
    *,
    price: Any = None,
    stop: Any = None,
    account: str | None = None,
    time_in_force: Any = None,
) -> simplefix.FixMessage:
    """OrderCancelReplaceRequest(G): restates the whole order; `qty` is the new total."""
    message = new_order_single(
        cl_ord_id, symbol, side, qty, price=price, stop=stop, account=account, time_in_force=time_in_force
    )
    message.remove(35)
    message.append_pair(35, "G", header=True)
    message.append_pair(41, orig_cl_ord_id)
    return message


def _append(message: simplefix.FixMessage, tag: int, value: str | None) -> None:
    if value is not None:
        message.append_pair(tag, value)


def describe(message: simplefix.FixMessage) -> str:
    """One line: `35=8 150=F 39=1 11=A-1 …` without the header's counts and times."""
    skipped = {b"8", b"9", b"10", b"49", b"56", b"52"}
    return " ".join(f"{tag.decode()}={value.decode()}" for tag, value in message.pairs if tag not in skipped)


class LoggedOut(ConnectionError):
    """The counterparty logged us out, or the connection is gone; the text is its Text(58)."""


class FixClient:
    """An initiator's session: logon, heartbeats, test requests, resend requests (answered by a gap fill), logout."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 9878,
        *,
        sender: str = "STRATEGY",
        target: str = "BRIDGE",
        username: str | None = None,
        password: str | None = None,
        heart_bt_int: int = 30,
        ssl: Any = None,
    ) -> None:
        self._address = (host, port, ssl)
        self._ids = (sender, target)
        self._login = (username, password)
        self._heart_bt_int = heart_bt_int
        self._next_out = 1
        self._parser = simplefix.FixParser()
        self._messages: asyncio.Queue[simplefix.FixMessage | LoggedOut] = asyncio.Queue()
        self._logged_on = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._handlers: dict[bytes, Callable[[simplefix.FixMessage], None]] = {
            b"A": lambda message: self._logged_on.set(),
            b"1": self._answer_test,
            b"2": self._resend,
        }

    async def __aenter__(self) -> "FixClient":
        """Connect and log on. LoggedOut with the reason when refused; TimeoutError after ten seconds."""
        host, port, ssl = self._address
        self._reader, self._writer = await asyncio.open_connection(host, port, ssl=ssl)
        username, password = self._login
        fields: list[tuple[int, Any]] = [(98, "0"), (108, self._heart_bt_int), (141, "Y")]
        if username is not None:
            fields += [(553, username), (554, password)]
        self._write("A", tuple(fields))
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._beat())]
        waiting = asyncio.create_task(self._logged_on.wait())
        try:
            async with asyncio.timeout(10):
                await asyncio.wait({waiting, self._tasks[0]}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not self._logged_on.is_set():
            ended = self._messages.get_nowait()
            await self._close()
            raise ended if isinstance(ended, LoggedOut) else LoggedOut("the logon was not answered")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Log out and disconnect."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            self._write("5")
            await self._writer.drain()
            async with asyncio.timeout(2):
                await self._tasks[0]
        await self._close()

    async def send(self, message: simplefix.FixMessage) -> int:
        """Send an application message; its header is ours. Returns its MsgSeqNum(34)."""
        pairs = [(int(tag), value) for tag, value in message.pairs if tag not in (b"8", b"9", b"10", b"35")]
        number = self._write((message.get(35) or b"").decode(), tuple(pairs))
        await self._writer.drain()
        return number

    async def messages(self) -> AsyncIterator[simplefix.FixMessage]:
        """Application messages and rejects as they come; ends when we are logged out."""
        while True:
            message = await self._messages.get()
            if isinstance(message, LoggedOut):
                return
            yield message

    async def receive(self, within: float = 10.0) -> simplefix.FixMessage:
        """The next one. LoggedOut when the session has ended; TimeoutError."""
        async with asyncio.timeout(within):
            message = await self._messages.get()
        if isinstance(message, LoggedOut):
            raise message
        return message

    def _write(self, msg_type: str, fields: tuple[tuple[int, Any], ...] = (), number: int | None = None) -> int:
        message = simplefix.FixMessage()
        message.append_pair(8, "FIX.4.4", header=True)
        message.append_pair(35, msg_type, header=True)
        message.append_pair(49, self._ids[0], header=True)
        message.append_pair(56, self._ids[1], header=True)
        used = self._next_out if number is None else number
        message.append_pair(34, used, header=True)
        message.append_pair(52, timestamp(), header=True)
        for tag, value in fields:
            if value is not None:
                message.append_pair(tag, value)
        if number is None:
            self._next_out += 1
        self._writer.write(message.encode())
        return used

    def _answer_test(self, message: simplefix.FixMessage) -> None:
        self._write("0", ((112, message.get(112)),))

    def _resend(self, message: simplefix.FixMessage) -> None:
        """Nothing is stored, so the whole range becomes a gap fill."""
        begin = int(message.get(7) or b"1")
        self._write("4", ((43, "Y"), (122, timestamp()), (123, "Y"), (36, self._next_out)), number=begin)

    async def _read(self) -> None:
        why = "the connection was closed"
        try:
            while data := await self._reader.read(65536):
                self._parser.append_buffer(data)
                while (message := self._parser.get_message()) is not None:
                    kind = message.get(35) or b""
                    if kind == b"5":
                        why = (message.get(58) or b"logged out").decode()
                        return
                    handler = self._handlers.get(kind)
                    if handler is not None:
                        handler(message)
                    elif kind not in ADMIN or kind == b"3":
                        self._messages.put_nowait(message)
        except OSError as error:
            why = str(error)
        finally:
            self._messages.put_nowait(LoggedOut(why))

    async def _beat(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await asyncio.sleep(self._heart_bt_int)
                self._write("0")
                await self._writer.drain()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
