"""A market source for load tests: quotes so deep that every marketable order is filled at once, twice a second."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bridge.instruments import Instruments
from bridge.interfaces import Clock
from bridge.orders.market import Quote, Tick

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEPTH = Decimal(10**9)


class DeepMarket:
    """`price` ± half a `spread`, the same for every symbol, `interval` seconds apart."""

    def __init__(
        self,
        *,
        clock: Clock,
        instruments: Instruments,
        price: Decimal = Decimal("100.25"),
        spread: Decimal = Decimal("0.02"),
        interval: float = 0.5,
    ) -> None:
        self._clock = clock
        self._symbols = tuple(instruments.symbols)
        self._bid = price - spread / 2
        self._ask = price + spread / 2
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    async def start(self, publish: Callable[[Tick], None]) -> None:
        """Publish once before returning, so that the first order finds its quote."""
        self._tell(publish)
        self._task = asyncio.create_task(self._run(publish))

    async def _run(self, publish: Callable[[Tick], None]) -> None:
        while True:
            await asyncio.sleep(self._interval)
            self._tell(publish)

    def _tell(self, publish: Callable[[Tick], None]) -> None:
        now = self._clock.utc_ns()
        time = EPOCH + timedelta(microseconds=now // 1000)
        for symbol in self._symbols:
            publish(Quote(symbol, self._bid, DEPTH, self._ask, DEPTH, time, now))

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()

    def watch(self, symbols: Iterable[str]) -> None:
        """Every symbol is told anyway."""
