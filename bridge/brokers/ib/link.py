"""One connection to TWS or IB Gateway at a time: dial, hold, notice that it is dead, dial again.

Nothing here blocks the loop: the library's blocking calls are not used, and every wait has an end.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from bridge.brokers.ib.options import IbOptions
from bridge.brokers.ib.pacer import Lane, Pacer, Ticket
from bridge.brokers.ib.questions import Questions
from bridge.brokers.ib.tap import Hears, Tap
from bridge.interfaces import BrokerUnreachable

log = structlog.get_logger("bridge.brokers.ib")

USER_TIMEOUT = 0.6
"""Share of `settle` after which unacknowledged bytes are given up (TCP_USER_TIMEOUT): a healed network must not
deliver an old order after its absence was proven (DURABILITY section 7)."""


class NotAllowed(Exception):
    """The login is not the one that was configured: dialling again will not change that."""


class Link:
    """`open` raises BrokerUnreachable when the first login fails; dialling goes on until `close`."""

    def __init__(
        self,
        hears: Hears,
        options: IbOptions,
        host: str,
        port: int,
        *,
        logged_in: Callable[[Tap], Awaitable[None]],
        lost: Callable[[str], None],
        failed: Callable[[str], None],
    ) -> None:
        """`logged_in` is awaited after every login; `lost` is told the end of every connection that had a login, at
        once; `failed` why there is none now.
        """
        self._hears = hears
        self._options = options
        self._host, self._port = host, port
        self._logged_in = logged_in
        self._lost = lost
        self._failed = failed
        self._had_login = False
        self.questions = Questions(options.query_timeout, self.give_up)
        self.tap = Tap(hears, self.questions, self._closed)
        self.client: Any = None
        self.pacer: Pacer | None = None
        self.logins = 0
        self._task: asyncio.Task[None] | None = None
        self._down: asyncio.Event = asyncio.Event()
        self._first: asyncio.Future[None] | None = None
        self._why = ""

    @property
    def up(self) -> bool:
        """Messages can be sent."""
        return self.client is not None and bool(self.client.isReady()) and not self._down.is_set()

    async def open(self) -> None:
        """Log in. Raises BrokerUnreachable (dialling goes on) or NotAllowed (it does not)."""
        self._first = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep())
        await asyncio.shield(self._first)

    async def close(self) -> None:
        """Disconnect; orders stay at IB."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._hang_up(flush=True)
        self.questions.lose("stopped")

    def give_up(self, why: str) -> None:
        """The connection is not to be trusted any more: end it, a new one follows."""
        if not self._down.is_set():
            log.warning("connection to IB given up", reason=why)
            self._closed(why)

    def put(self, lane: Lane, send: Callable[[Any], None]) -> Ticket:
        """Send by the library's client as soon as the pace allows. Raises BrokerUnreachable when there is none."""
        if not self.up or self.pacer is None:
            raise BrokerUnreachable("not connected to IB")
        client = self.client

        def leave() -> None:
            if client.isConnected():
                send(client)

        return self.pacer.put(lane, leave)

    async def ask(self, send: Callable[[Any, int], None]) -> list[Any]:
        """Ask with an id. Raises BrokerUnreachable or IbRefused."""
        self._reachable()
        return await self.questions.by_id(
            lambda number, started: self._put_question(started, lambda client: send(client, number))
        )

    async def ask_for(self, kind: str, send: Callable[[Any], None]) -> Any:
        """Ask without an id. Raises BrokerUnreachable."""
        self._reachable()
        return await self.questions.by_kind(kind, lambda started: self._put_question(started, send))

    def _put_question(self, started: Callable[[], None], send: Callable[[Any], None]) -> None:
        def leave(client: Any) -> None:
            started()
            send(client)

        self.put(Lane.QUESTION, leave)

    def _reachable(self) -> None:
        if not self.up:
            raise BrokerUnreachable(self._why or "not connected to IB")

    # --- the life of connections -------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        pause = self._options.retry
        while True:
            try:
                await self._dial()
            except (BrokerUnreachable, NotAllowed) as error:
                self._closed(str(error))
                self._hang_up()
                self._why = str(error)
                self._tell_first(error)
                self._failed(str(error))
                if isinstance(error, NotAllowed):
                    log.error("IB login refused by us", reason=str(error))
                    return
                log.warning("IB not reached", reason=str(error), again_in=round(pause, 1))
                await asyncio.sleep(pause)
                pause = min(pause * 2, self._options.retry_most)
                continue
            pause = self._options.retry
            self._tell_first(None)
            await self._hold()

    def _tell_first(self, error: Exception | None) -> None:
        if self._first is not None and not self._first.done():
            if error is None:
                self._first.set_result(None)
            else:
                self._first.set_exception(error)

    async def _dial(self) -> None:
        from bridge.brokers.ib import transport

        options = self._options
        self._down = asyncio.Event()
        self._why = ""
        self.tap = Tap(self._hears, self.questions, self._closed)
        client: Any = transport.client(self.tap, options.timezone)
        self.client = client
        self.pacer = Pacer(options.rate, asyncio.get_running_loop().time)
        dialling = asyncio.create_task(client.connectAsync(self._host, self._port, options.client_id, 0))
        ended = asyncio.create_task(self._down.wait())
        try:
            await asyncio.wait({dialling, ended}, timeout=options.connect_timeout, return_when=asyncio.FIRST_COMPLETED)
            if not dialling.done():
                raise BrokerUnreachable(
                    self._why or self.tap.refusal or f"no answer to the login in {options.connect_timeout:g} s"
                )
            if (failure := dialling.exception()) is not None:
                raise BrokerUnreachable(f"{self._host}:{self._port}: {self._why or failure}")
        finally:
            for task in (dialling, ended):
                task.cancel()
            await asyncio.gather(dialling, ended, return_exceptions=True)
        self._keep_alive_options()
        self._had_login = True
        self.logins += 1
        try:
            await self._logged_in(self.tap)
        except BrokerUnreachable as error:
            raise BrokerUnreachable(f"not compared after the login: {error}") from error

    def _keep_alive_options(self) -> None:
        transport = self.client.conn.transport
        sock = transport.get_extra_info("socket") if transport is not None else None
        if sock is None:
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            milliseconds = int(self._options.settle * USER_TIMEOUT * 1000)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)

    async def _hold(self) -> None:
        """Until the connection ends. One that says nothing for a while is asked for the time."""
        while not self._down.is_set():
            heard = self.tap.last_heard
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.heartbeat):
                    await self._down.wait()
            if not self._down.is_set() and heard == self.tap.last_heard:
                with contextlib.suppress(BrokerUnreachable):
                    await self.ask_for("time", lambda client: client.reqCurrentTime())
        self._hang_up()

    def _closed(self, why: str) -> None:
        if self._down.is_set():
            return
        self._why = why or "IB closed the connection"
        self._down.set()
        self.questions.lose(self._why)
        if self._had_login:
            self._had_login = False
            self._lost(self._why)

    def _hang_up(self, flush: bool = False) -> None:
        """End the connection and hear nothing more of it; `flush` lets written bytes leave."""
        self._down.set()
        if self.pacer is not None:
            self.pacer.clear()
        if self.client is not None:
            client, self.client = self.client, None
            transport = client.conn.transport
            client.conn.disconnected -= client._onSocketDisconnected
            client.conn.hasData -= client._onSocketHasData
            client.reset()
            if transport is not None:
                if flush:
                    transport.close()
                else:
                    transport.abort()
