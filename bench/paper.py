"""What the paper exchange costs: `python bench/paper.py [--orders 10000] [--symbols 1000] [--seconds 2]`.

CPU time of this process, medians of repeated batches, the collector off while measuring; a line per figure, the last
one is all of them as JSON.
"""

import argparse
import asyncio
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

from bridge.brokers.paper import AccountTerms, PaperBroker
from bridge.instruments import Instruments
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.market import AssetClass, Instrument, Quote, Trade
from bridge.orders.order import Order
from fixspec.enums import OrdType, Side, TimeInForce
from sessions.clock import SystemClock

TIME = datetime(2024, 7, 1, 14, 30, tzinfo=UTC)
BATCH = 1000


def instrument(symbol: str) -> Instrument:
    """A share."""
    return Instrument(
        symbol=symbol,
        asset_class=AssetClass.EQUITY,
        security_type="CS",
        currency="USD",
        tick_size=Decimal("0.01"),
        lot_size=Decimal(1),
    )


class Bench:
    """One broker over many symbols, each around 100."""

    def __init__(self, directory: Path, symbols: int) -> None:
        self.symbols = [f"S{number:04}" for number in range(symbols)]
        self.quotes = QuoteBook()
        rows = ((instrument(symbol), None) for symbol in self.symbols)
        known = Instruments(rows, today=date(2024, 7, 1))
        self.broker = PaperBroker(
            quotes=self.quotes,
            clock=SystemClock(),
            instrument=known.get,
            directory=directory,
            accounts=[AccountTerms(cash=Decimal(10) ** 15)],
        )
        self.random = Random(1)  # noqa: S311  a market, not a secret
        self.made = 0
        self.fills = 0

    def order(self, symbol: str, side: Side, px: str | Decimal, qty: int = 100) -> Order:
        """A limit order."""
        self.made += 1
        return Order(
            order_id=self.made,
            session_id="BENCH",
            cl_ord_id=f"C{self.made}",
            account="PAPER",
            symbol=symbol,
            side=side,
            ord_type=OrdType.LIMIT,
            time_in_force=TimeInForce.DAY,
            order_qty=Decimal(qty),
            price=Decimal(px),
            broker="paper",
            broker_client_id=f"f{self.made:020}",
            transact_time=TIME,
            received=TIME,
            routed=True,
        )

    def quote(self, symbol: str, bid: Decimal, size: int = 1_000_000_000) -> Quote:
        """A cent wide."""
        now = time.time_ns()
        return Quote(symbol, bid, Decimal(size), bid + Decimal("0.01"), Decimal(size), TIME, now)


def cost(work: Callable[[], int], seconds: float) -> float:
    """Microseconds of CPU per unit, the median of batches for about `seconds`; `work` says how many units it did."""
    found = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(found) < 5:
        began = time.process_time_ns()
        count = work()
        found.append((time.process_time_ns() - began) / 1e3 / count)
    return statistics.median(found)


async def measure(orders: int, symbols: int, seconds: float, directory: Path) -> dict[str, float]:
    """All figures."""
    bench = Bench(directory, symbols)
    broker, publish = bench.broker, bench.quotes.publish
    await broker.start(lambda report: None)
    bids = {symbol: Decimal(100) for symbol in bench.symbols}
    for symbol in bench.symbols:
        publish(bench.quote(symbol, bids[symbol]))
    for number in range(orders):
        side = Side.BUY if number % 2 else Side.SELL
        away = Decimal(bench.random.randint(5, 400)) / 100
        px = 100 - away if side is Side.BUY else 100 + away
        broker.submit(bench.order(bench.symbols[number % symbols], side, px))
    broker._match()
    gc.collect()
    gc.freeze()
    gc.disable()
    figures: dict[str, float] = {}

    def still() -> int:
        """Quotes whose sizes change and whose prices reach nobody."""
        ticks = [
            bench.quote(bench.random.choice(bench.symbols), Decimal(100), bench.random.randint(1, 900))
            for _ in range(BATCH)
        ]
        began = time.process_time_ns()
        for tick in ticks:
            publish(tick)
        spent.append((time.process_time_ns() - began) / 1e3 / BATCH)
        return BATCH

    spent: list[float] = []
    cost(still, seconds)
    figures["quote that triggers nothing, us"] = statistics.median(spent)

    def moving() -> int:
        """Prices that walk, and fill those they reach; filled orders are replaced by new ones."""
        ticks = []
        for _ in range(BATCH):
            symbol = bench.random.choice(bench.symbols)
            bids[symbol] += Decimal(bench.random.choice((-1, 0, 0, 1))) / 100
            ticks.append(bench.quote(symbol, bids[symbol]))
        began = time.process_time_ns()
        for tick in ticks:
            publish(tick)
        spent.append((time.process_time_ns() - began) / 1e3 / BATCH)
        return BATCH

    spent = []
    cost(moving, seconds)
    figures["quote of a moving market, us"] = statistics.median(spent)
    figures["quotes a second"] = 1e6 / figures["quote of a moving market, us"]

    def prints() -> int:
        """Trades at the touch, where nobody of ours waits."""
        ticks = [
            Trade(bench.random.choice(bench.symbols), Decimal("100.00"), Decimal(100), TIME, time.time_ns())
            for _ in range(BATCH)
        ]
        began = time.process_time_ns()
        for tick in ticks:
            publish(tick)
        spent.append((time.process_time_ns() - began) / 1e3 / BATCH)
        return BATCH

    spent = []
    cost(prints, seconds)
    figures["print, us"] = statistics.median(spent)

    symbol = bench.symbols[0]
    for name, together in (("order, acknowledgement and fill, one at a time, us", 1), ("… 64 in one turn, us", 64)):
        publish(bench.quote(symbol, Decimal(100)))
        spent = []

        def trade(together: int = together, spent: list[float] = spent) -> int:
            wanted = [
                bench.order(symbol, Side.BUY if number % 2 else Side.SELL, "101.00" if number % 2 else "99.00", 1)
                for number in range(BATCH)
            ]
            publish(bench.quote(symbol, Decimal(100)))
            began = time.process_time_ns()
            for at in range(0, BATCH, together):
                broker._scheduled = True  # the turn of the loop is played by hand
                for order in wanted[at : at + together]:
                    broker.submit(order)
                broker._match()
            spent.append((time.process_time_ns() - began) / 1e3 / BATCH)
            return BATCH

        cost(trade, seconds)
        figures[name] = statistics.median(spent)
    await broker.stop()
    figures["working orders"] = orders
    figures["symbols"] = symbols
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--symbols", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=2.0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        figures = asyncio.run(measure(wanted.orders, wanted.symbols, wanted.seconds, Path(directory)))
    for name, figure in figures.items():
        print(f"{name:50} {figure:12,.2f}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
