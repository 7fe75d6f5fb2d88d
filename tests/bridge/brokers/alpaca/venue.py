"""AlpacaBroker over the real client library against the sandbox: a venue of the contract, and more to play with."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.brokers.alpaca import AlpacaBroker, DoorTaken
from bridge.interfaces import BrokerUnreachable
from bridge.orders.order import Order
from bridge.orders.reports import Report
from bridge.sandbox.alpaca import KEY, SECRET, AlpacaSandbox, How
from sessions.clock import SystemClock

FAST = {
    "connect_timeout": 0.2,
    "read_timeout": 0.4,
    "settle": 0.8,
    "quiet": 0.15,
    "backoff": (0.02, 0.2),
    "order_patience": 0.1,
    "read_patience": 0.3,
    "ping": 1.0,
}


class AlpacaVenue:
    """One sandbox and one adapter on it."""

    symbol = "AAPL"
    account = "ALPACA"

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.sandbox = AlpacaSandbox(requests_per_minute=settings.pop("limit", 2000), **settings.pop("sandbox", {}))
        self.settings = FAST | settings
        self.reports: list[Report] = []
        self.adapter: AlpacaBroker = None  # type: ignore[assignment]

    def broker(self, **settings: Any) -> AlpacaBroker:
        return AlpacaBroker(
            name="alpaca",
            account=self.account,
            key=KEY,
            secret=SECRET,
            clock=SystemClock(),
            endpoint=self.sandbox.url,
            requests_per_minute=2000,
            **(self.settings | settings),
        )

    async def start(self) -> None:
        pytest.importorskip("alpaca", reason="the extra `alpaca` is not installed")
        await self.sandbox.start()
        await self.price("99.00", "101.00")
        self.adapter = self.broker()
        await self.adapter.start(self.reports.append)

    async def restart(self) -> None:
        await self.kill()
        self.adapter = self.broker()
        await self.adapter.start(self.reports.append)

    async def kill(self) -> None:
        """The process dies: nothing is said, sockets are closed by the kernel."""
        dead = self.adapter
        dead._report = None
        await dead.stop()
        await self.until(lambda: not self.sandbox.orders.listening)
        self.reports.clear()

    async def close(self) -> None:
        self.sandbox.speak()
        await self.adapter.stop()
        await self.sandbox.stop()

    async def price(self, bid: str, ask: str, size: int = 1000) -> None:
        self.sandbox.quote(self.symbol, bid, ask, str(size), str(size))

    async def settle(self) -> None:
        """Until nothing is under way: no request, no follow-up, every frame read."""
        await self.idle()

    async def idle(self, longest: float = 3.0) -> None:
        adapter, loop = self.adapter, asyncio.get_running_loop()
        until, calm, before = loop.time() + longest, 0, -1
        while calm < 4 and loop.time() < until:
            names = {task.get_name() for task in adapter._tasks} - {"alpaca warmth and calendar"}
            heard = adapter._stream.frames if adapter._stream is not None else 0
            calm = calm + 1 if not names and heard == before else 0
            before = heard
            await asyncio.sleep(0.005)

    async def until(self, condition: Callable[[], Any], longest: float = 3.0) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + longest
        while not condition():
            assert loop.time() < until, "it did not come about"
            await asyncio.sleep(0.005)

    def arrived(self) -> list[str]:
        return list(self.sandbox.submitted)

    async def drop_stream(self) -> None:
        self.sandbox.stream_faults.refuse = 429
        self.sandbox.orders.drop()
        await self.until(lambda: self.adapter.unready)

    async def heal_stream(self) -> None:
        self.sandbox.stream_faults.refuse = None
        await self.until(lambda: self.adapter.unready is None)

    async def go_silent(self) -> None:
        self.sandbox.silence()

    async def answer_again(self) -> None:
        self.sandbox.speak()

    async def lose_next_answer(self) -> None:
        self.sandbox.fault(How.CLOSE, "POST /orders", carried_out=True)

    async def fill_late(self, order: Order, qty: int, px: str) -> None:
        self.sandbox.book.fill(self.sandbox.order(order.broker_client_id or ""), Decimal(qty), Decimal(px))

    async def second_door(self) -> BaseException | None:
        other = self.broker()
        try:
            await other.start(lambda report: None)
        except (DoorTaken, BrokerUnreachable) as error:
            return error
        finally:
            await other.stop()
        return None
