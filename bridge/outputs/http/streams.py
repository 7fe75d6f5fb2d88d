"""`/v1/stream`: entries in order with resume, states conflated, order entry, over one WebSocket (OUTPUTS.md section 5).

Nothing is queued per client. A subscription is a position in the journal and a client that reads slowly is simply
further behind; states have one newest value per key. One that takes nothing for 30 s is closed with its cursor.
"""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from bridge.control import Unreachable
from bridge.control_commands import MarketState
from bridge.outputs.http import stream_frames as frames
from bridge.outputs.http.door import Receive, Scope, Send
from bridge.outputs.http.services import Services
from bridge.outputs.http.state_board import StateBoard
from bridge.outputs.http.stream_connection import PATH, Connection
from bridge.problems import ProblemError

__all__ = ["PATH", "Streams"]

CLIENTS = 200
ORDERS_EVERY = 0.25
STATES_EVERY = 1.0
QUOTES_EVERY = 0.5

_log = structlog.get_logger("bridge.http")


class Streams:
    """All stream connections of this process; an ASGI application for the one path.

    `take(name)` gives the seconds a request of a token has to wait; `watch(clients, slow)` is told how many clients
    there are and how many were closed for not reading, whenever that changes.
    """

    def __init__(
        self, services: Services, take: Callable[[str], float], watch: Callable[[int, int], None] | None = None
    ) -> None:
        self.services = services
        self.take = take
        self._watch = watch
        self.board = StateBoard(services.book, lambda: services.now().timestamp())
        self.connections: set[Connection] = set()
        self.slow = 0
        self._timer: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection from its first frame to its last."""
        await receive()
        if len(self.connections) >= CLIENTS:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1013, "reason": "too many clients"})
            return
        connection = Connection(self, scope, receive, send)
        self.connections.add(connection)
        self._changed()
        if self._timer is None:
            self._timer = asyncio.create_task(self._tick(), name="streams")
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)
            self._changed()

    def _changed(self) -> None:
        if self._watch is not None:
            self._watch(len(self.connections), self.slow)

    async def close(self) -> None:
        """Close every connection: 1012 when the engine is gone, else 1001."""
        code = 1001 if self.services.engine.connected else 1012
        for connection in tuple(self.connections):
            connection.end(code, frames.CLOSES[code])
        if self._timer is not None:
            self._timer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._timer
            self._timer = None

    async def _tick(self) -> None:
        """Keep the board up to date while anybody looks at it."""
        loop = asyncio.get_running_loop()
        states = quotes = 0.0
        while True:
            await asyncio.sleep(ORDERS_EVERY)
            wanted = {kind for connection in self.connections for kind in connection.kinds}
            if not wanted:
                if self.board.active:
                    self.board.end()
                continue
            now = loop.time()
            version = self.board.version
            try:
                self.board.refresh_orders()
                if now - states >= STATES_EVERY:
                    states = now
                    self.board.refresh()
                if "quotes" in wanted and now - quotes >= QUOTES_EVERY:
                    quotes = now
                    await self._quotes()
            except (ProblemError, Unreachable):
                pass  # the engine is away for a moment: readyz and the heartbeat of the vitals say so
            except Exception:  # noqa: BLE001 - one bad document must not end everybody's states
                _log.exception("states cannot be refreshed")
            if self.board.version != version:
                for connection in self.connections:
                    connection.moved.set()

    async def _quotes(self) -> None:
        symbols = sorted({symbol for connection in self.connections for symbol in connection.quoted})
        if symbols:
            self.board.market(await self.services.engine.ask("market", tuple[MarketState, ...], symbols=symbols))
