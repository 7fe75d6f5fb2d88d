"""A made-up market, always open: seeded two-sided quotes that move, and now and then a trade.

The price of a symbol is a random walk in ticks that is pulled back to where it started, with a spread and sizes usual
for its asset class. Each symbol draws from a generator of its own, seeded with (seed, symbol): the same seed and the
same number of turns give the same prices, whatever else is watched and whatever the time is.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random

from bridge.instruments import Instruments
from bridge.interfaces import Clock
from bridge.orders.market import Aggressor, AssetClass, Instrument, Quote, QuoteSource, Tick, Trade

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PULL = 0.002  # share of the distance to the start that one step takes back
TRADE_SHARE = 0.15  # of the steps of a symbol print a trade
MOVE_BPS = 0.6  # standard deviation of one step, in basis points of the price
SPREAD_BPS = {
    AssetClass.EQUITY: 0.8,
    AssetClass.ETF: 0.4,
    AssetClass.FUTURE: 0.3,
    AssetClass.FX: 0.5,
    AssetClass.CRYPTO: 1.0,
    AssetClass.OPTION: 100.0,
}
# Smallest displayed unit of OrderQty(38) and the usual number of them at the touch.
SIZES = {
    AssetClass.EQUITY: (Decimal(100), 6),
    AssetClass.ETF: (Decimal(100), 15),
    AssetClass.FUTURE: (Decimal(1), 25),
    AssetClass.FX: (Decimal(100_000), 15),
    AssetClass.CRYPTO: (Decimal("0.01"), 80),
    AssetClass.OPTION: (Decimal(1), 20),
}


class SyntheticSymbol:
    """One symbol's market. `turn` may move it and gives the ticks: a quote, or a trade and the quote it left."""

    __slots__ = (
        "_ask",
        "_ask_n",
        "_bid",
        "_bid_n",
        "_home",
        "_move",
        "_opened",
        "_random",
        "_spread",
        "_symbol",
        "_tick",
        "_unit",
        "_usual",
    )

    def __init__(self, instrument: Instrument, price: Decimal, seed: int) -> None:
        """Start around `price` (in `instrument.currency` per unit)."""
        self._symbol = instrument.symbol
        self._random = Random(f"{seed}:{instrument.symbol}")  # noqa: S311  a market, not a secret
        self._tick = instrument.tick_size
        self._home = max(2, int((price / instrument.tick_size).quantize(Decimal(1), ROUND_HALF_EVEN)))
        self._move = max(self._home * MOVE_BPS / 10_000, 0.35)
        self._spread = max(1, round(self._home * SPREAD_BPS[instrument.asset_class] / 10_000))
        self._unit, self._usual = SIZES[instrument.asset_class]
        self._opened = False
        self._bid = self._home
        self._ask = self._home + self._spread
        self._bid_n = self._ask_n = self._usual

    def turn(self, now_ns: int, share: float) -> tuple[Tick, ...]:
        """With probability `share` the next ticks, stamped `now_ns` (UTC ns), else none; at first a quote for sure."""
        random = self._random
        if not self._opened:
            self._opened = True
            return (self._quote(now_ns),)
        if random.random() >= share:
            return ()
        if random.random() < TRADE_SHARE:
            trade = self._print(now_ns)
            return trade, self._quote(now_ns)
        move = round(random.gauss(0.0, self._move) - (self._bid - self._home) * PULL)
        self._bid = max(1, self._bid + move)
        self._ask = self._bid + self._spread + (random.random() < 0.2)
        if move or not self._bid_n:
            self._bid_n = self._size()
        if move or not self._ask_n:
            self._ask_n = self._size()
        elif random.random() < 0.5:
            self._ask_n = max(1, self._ask_n + random.choice((-2, -1, 1, 2)))
        else:
            self._bid_n = max(1, self._bid_n + random.choice((-2, -1, 1, 2)))
        return (self._quote(now_ns),)

    def _size(self) -> int:
        return max(1, round(self._random.lognormvariate(0.0, 0.6) * self._usual))

    def _print(self, now_ns: int) -> Trade:
        """Somebody takes part of the touch; when all of it, the next price is shown."""
        random = self._random
        buy = random.random() < 0.5
        size = max(1, round(random.expovariate(4.0) * (self._ask_n if buy else self._bid_n)))
        if buy:
            price, size = self._ask, min(size, self._ask_n)
            self._ask_n -= size
            if not self._ask_n:
                self._ask, self._ask_n = self._ask + 1, self._size()
        else:
            price, size = self._bid, min(size, self._bid_n)
            self._bid_n -= size
            if not self._bid_n:
                self._bid, self._bid_n = max(1, self._bid - 1), self._size()
        return Trade(
            self._symbol,
            price * self._tick,
            size * self._unit,
            _time(now_ns),
            now_ns,
            Aggressor.BUY if buy else Aggressor.SELL,
        )

    def _quote(self, now_ns: int) -> Quote:
        tick, unit = self._tick, self._unit
        return Quote(
            self._symbol,
            self._bid * tick,
            self._bid_n * unit,
            self._ask * tick,
            self._ask_n * unit,
            _time(now_ns),
            now_ns,
            QuoteSource.BBO,
        )


def _time(now_ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=now_ns // 1000)


class SyntheticSource:
    """The synthetic market as a source: each symbol moves every `interval` seconds with probability `share`.

    Open around the clock. Every watched instrument with a reference price has a market, quoted from its first turn.
    """

    def __init__(
        self,
        instruments: Instruments,
        *,
        clock: Clock,
        seed: int = 1,
        interval: float = 0.25,
        share: float = 0.5,
        symbols: Iterable[str] | None = None,
    ) -> None:
        """`symbols` limits the market at start; None is every listed instrument."""
        if not interval > 0 or not 0 < share <= 1:
            raise ValueError(f"synthetic: interval {interval} must be above 0, share {share} in (0, 1]")
        self._instruments = instruments
        self._clock = clock
        self._seed = seed
        self._interval = interval
        self._share = share
        self._markets: dict[str, SyntheticSymbol] = {}
        self._task: asyncio.Task[None] | None = None
        self.watch(instruments.symbols if symbols is None else symbols)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols that have a market."""
        return tuple(self._markets)

    def watch(self, symbols: Iterable[str]) -> None:
        """Open markets for more symbols; those unknown, or without a reference price, get none."""
        for symbol in symbols:
            if symbol in self._markets:
                continue
            instrument, price = self._instruments.get(symbol), self._instruments.reference_px(symbol)
            if instrument is not None and price is not None:
                self._markets[symbol] = SyntheticSymbol(instrument, price, self._seed)

    def turn(self) -> list[Tick]:
        """The ticks of one turn, stamped with the clock; deterministic by seed and number of turns."""
        now_ns, share = self._clock.utc_ns(), self._share
        ticks: list[Tick] = []
        for market in self._markets.values():
            ticks.extend(market.turn(now_ns, share))
        return ticks

    async def start(self, publish: Callable[[Tick], None]) -> None:
        """Quote every symbol at once, then go on in a task of its own."""
        for tick in self.turn():
            publish(tick)
        self._task = asyncio.get_running_loop().create_task(self._run(publish), name="synthetic market")

    async def stop(self) -> None:
        """Close the market."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self, publish: Callable[[Tick], None]) -> None:
        while True:
            await asyncio.sleep(self._interval)
            for tick in self.turn():
                publish(tick)
