"""A local Alpaca: REST v2, the trade_updates stream and market data on one port, as Alpaca's documents describe them.

For rehearsals without an account and for our tests: the real client library talks to it over real sockets. It is
strict where Alpaca is, and fails where it is told to. `POST /sandbox/...` moves it (docs/alpaca.md).
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog

from bridge.sandbox import alpaca_connection
from bridge.sandbox.alpaca_book import Book
from bridge.sandbox.alpaca_connection import Answer, Break, Request, WebSocket
from bridge.sandbox.alpaca_controls import Controls
from bridge.sandbox.alpaca_faults import Fault, Faults, How, StreamFaults
from bridge.sandbox.alpaca_market_data import DataStreams
from bridge.sandbox.alpaca_orders import SandboxOrder, timestamp
from bridge.sandbox.alpaca_rest import RestApi
from bridge.sandbox.alpaca_rules import Refusal
from bridge.sandbox.alpaca_stream import OrderStreams

log = structlog.get_logger("bridge.sandbox.alpaca")

KEY, SECRET = "PKSANDBOX", "sandbox-secret"
BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)


class AlpacaSandbox:
    """One account behind one key. Everything runs on the loop it is started on; moving it is immediate."""

    def __init__(
        self,
        *,
        key: str = KEY,
        secret: str = SECRET,
        cash: Decimal = Decimal(1_000_000),
        requests_per_minute: int = 200,
        binary: bool = True,
        symbol_limit: int = 30,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """`binary` True: trade updates come in binary frames, as from the paper environment; else as text, as live."""
        self.key, self.secret = key, secret
        self.requests_per_minute = requests_per_minute
        self.now = now
        self.faults = Faults()
        self.stream_faults = StreamFaults()
        self.book = Book(now, self._event, cash)
        self.orders = OrderStreams(key, secret, self.stream_faults, binary=binary)
        self.data = DataStreams(key, secret, symbol_limit)
        self.rest = RestApi(self.book, now)
        self.controls = Controls(self)
        self.requests: list[str] = []  # `METHOD /path` of every request, as it came
        self.submitted: list[str] = []  # client order ids of POST /orders, as often as each came
        self._window = (0, 0)  # minute, requests in it
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._answering = asyncio.Event()
        self._answering.set()

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen. Raises OSError when the port cannot be had."""
        self._server = await asyncio.start_server(self._connected, host, port)

    async def stop(self) -> None:
        """End every connection."""
        if self._server is not None:
            self._server.close()
        self._answering.set()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """What goes into `broker.endpoint`; the order stream is at `/stream` of it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def data_url(self) -> str:
        """The market data streams' address."""
        return f"ws://127.0.0.1:{self.port}"

    # --- what people and tests do to it -------------------------------------------------------------------------------

    def quote(self, symbol: str, bid: str, ask: str, bid_size: str = "1000", ask_size: str = "1000") -> None:
        """The market moves."""
        sizes = Decimal(bid_size), Decimal(ask_size)
        self.data.quote(symbol, Decimal(bid), Decimal(ask), *sizes, self.now())
        self.book.quote(symbol, Decimal(bid), Decimal(ask), *sizes)

    def fault(self, how: How, at: str = "", **terms: Any) -> None:
        """Arm a fault."""
        self.faults.arm(Fault(how=how, at=at, **terms))

    def silence(self) -> None:
        """No request is answered until `speak`."""
        self._answering.clear()

    def speak(self) -> None:
        """Answer again, also what waits."""
        self._answering.set()

    def order(self, client_order_id: str) -> SandboxOrder:
        """An order by its client order id. KeyError when there is none."""
        return self.book.orders[self.book.by_client[client_order_id]]

    def _event(self, event: str, order: SandboxOrder, more: Mapping[str, Any]) -> None:
        self.orders.tell(event, order.body(), more)

    # --- connections --------------------------------------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await alpaca_connection.serve(reader, writer, self._respond, self._admit, self._talk)
        except asyncio.CancelledError:
            return  # the sandbox stops; asyncio's streams would log a cancelled connection as an error
        finally:
            self._connections.discard(task)

    def _admit(self, request: Request) -> Answer | None:
        path = urlsplit(request.target).path
        if path == "/stream":
            return self.orders.admit()
        if self.data.serves(path):
            return None
        return Answer(404, "no such stream", "text/plain")

    async def _talk(self, request: Request, opened: WebSocket) -> None:
        if urlsplit(request.target).path == "/stream":
            await self.orders.talk(opened)
        else:
            await self.data.talk(request, opened)

    async def _respond(self, request: Request) -> tuple[Answer, dict[str, str]]:
        parts = urlsplit(request.target)
        path = unquote(parts.path)
        if path.startswith("/sandbox/"):
            return self.controls.respond(request.method, path.removeprefix("/sandbox"), request.body), {}
        path = path.removeprefix("/v2")
        self.requests.append(f"{request.method} {path}")
        fault = self.faults.take(f"{request.method} {path}")
        headers = self._rate_headers()
        if not self._answering.is_set() or (fault is not None and fault.how is How.SILENCE and not fault.carried_out):
            await self._wait(fault)
            if fault is not None:
                raise Break
        if fault is None or fault.carried_out:
            answer = self._answer(request, path, dict(parse_qsl(parts.query)))
        else:
            answer = Answer(204)
        if fault is not None:
            answer = await self._broken(fault, answer)
        return answer, headers

    async def _wait(self, fault: Fault | None) -> None:
        if fault is not None:
            await asyncio.sleep(fault.seconds or 3600.0)
        else:
            await self._answering.wait()

    def _answer(self, request: Request, path: str, query: dict[str, str]) -> Answer:
        if (
            request.headers.get("apca-api-key-id") != self.key
            or request.headers.get("apca-api-secret-key") != self.secret
        ):
            return Answer(401, {"message": "unauthorized."})
        if self._window[1] > self.requests_per_minute:
            return _too_many()
        body: Any = None
        if request.body:
            try:
                body = json.loads(request.body, parse_float=Decimal)
            except ValueError:
                return Answer(400, {"code": 40010000, "message": "request body format is invalid"})
        if (request.method, path) == ("POST", "/orders") and isinstance(body, dict):
            self.submitted.append(str(body.get("client_order_id")))
        try:
            return self.rest.answer(request.method, path, query, body)
        except Refusal as refusal:
            return refusal.answer

    async def _broken(self, fault: Fault, answer: Answer) -> Answer:
        match fault.how:
            case How.RESET:
                raise Break(reset=True)
            case How.CLOSE | How.SILENCE:
                if fault.how is How.SILENCE:
                    await asyncio.sleep(fault.seconds or 3600.0)
                raise Break
            case How.PARTIAL:
                text = answer.encoded()
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text) + 9}\r\n\r\n"
                raise Break(partial=head.encode() + text[: len(text) // 2])
            case How.SLOW:
                await asyncio.sleep(fault.seconds)
                return answer
            case How.GARBAGE:
                return Answer(200, "<!doctype html>maintenance")
            case How.STATUS_502:
                return Answer(502, BAD_GATEWAY, "text/html")
            case How.STATUS_429:
                return _too_many()
            case How.STATUS_401:
                return Answer(401, {"message": "unauthorized."})
            case _:
                return Answer(int(fault.how.value), {"code": 50010000, "message": "internal server error occurred"})

    def _rate_headers(self) -> dict[str, str]:
        seconds = self.now() // 1_000_000_000
        minute = seconds // 60
        used = self._window[1] + 1 if self._window[0] == minute else 1
        self._window = (minute, used)
        return {
            "X-Request-ID": f"sandbox{len(self.requests)}",
            "X-Ratelimit-Limit": str(self.requests_per_minute),
            "X-Ratelimit-Remaining": str(max(0, self.requests_per_minute - used)),
            "X-Ratelimit-Reset": str((minute + 1) * 60),
        }


def _too_many() -> Answer:
    return Answer(429, {"code": 42910000, "message": "rate limit exceeded"})


__all__ = ["KEY", "SECRET", "AlpacaSandbox", "Fault", "How", "timestamp"]
