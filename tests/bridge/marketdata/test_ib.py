"""Interactive Brokers' ticks from our TWS, through the real client."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import pytest

pytest.importorskip("ib_async", reason="the extra `ib` is not installed")

from bridge.instruments import Instruments
from bridge.marketdata.ib import IbSource
from bridge.orders.market import Quote, Tick, Trade
from bridge.sandbox.ib import TwsSandbox
from sessions.clock import ManualClock

TODAY = date(2024, 1, 2)


class Feed:
    """A source over a sandbox, and what it published."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sandbox = TwsSandbox(clock=self.clock, today=TODAY)
        self.ticks: list[Tick] = []

    async def start(self) -> None:
        await self.sandbox.start()
        self.sandbox.quote("AAPL", "99.00", "101.00", 500)
        self.source = IbSource(
            clock=self.clock,
            instruments=Instruments.starter(TODAY),
            address=f"127.0.0.1:{self.sandbox.port}",
            symbols=["AAPL"],
            retry=0.02,
        )
        await self.source.start(self.ticks.append)

    async def until(self, true) -> None:
        async with asyncio.timeout(3):
            while not true():  # noqa: ASYNC110 - it is told by no event
                await asyncio.sleep(0.002)

    def newest(self, symbol: str) -> Quote | None:
        return next((t for t in reversed(self.ticks) if isinstance(t, Quote) and t.symbol == symbol), None)

    def says(self, symbol: str, bid: str, ask: str) -> bool:
        quote = self.newest(symbol)
        return quote is not None and (quote.bid_px, quote.ask_px) == (Decimal(bid), Decimal(ask))


@pytest.fixture
async def feed() -> AsyncIterator[Feed]:
    made = Feed()
    await made.start()
    yield made
    await made.source.stop()
    await made.sandbox.stop()


async def test_the_top_of_the_book_is_quoted_with_its_sizes(feed):
    await feed.until(lambda: feed.says("AAPL", "99.00", "101.00"))
    quote = feed.newest("AAPL")
    assert (quote.bid_sz, quote.ask_sz, quote.received_ns) == (500, 500, feed.clock.utc_ns())
    feed.sandbox.quote("AAPL", "98.50", "98.60")
    await feed.until(lambda: feed.says("AAPL", "98.50", "98.60"))


async def test_a_trade_is_its_price_and_its_size(feed):
    await feed.until(lambda: feed.says("AAPL", "99.00", "101.00"))
    feed.sandbox.trade("AAPL", "100.25", 7)
    await feed.until(lambda: any(isinstance(t, Trade) for t in feed.ticks))
    (trade,) = [t for t in feed.ticks if isinstance(t, Trade)]
    assert (trade.price, trade.size) == (Decimal("100.25"), 7)


async def test_more_symbols_are_watched_once(feed):
    feed.sandbox.quote("EUR/USD", "1.08500", "1.08505")
    feed.source.watch(["EUR/USD", "EUR/USD", "AAPL"])
    await feed.until(lambda: feed.says("EUR/USD", "1.08500", "1.08505"))
    (peer,) = feed.sandbox.peers.values()
    assert len(peer.watched) == 2


async def test_prices_that_are_none_are_not_quoted(feed):
    await feed.until(lambda: feed.says("AAPL", "99.00", "101.00"))
    feed.source.price(1, 1, Decimal(-1), Decimal(0))
    assert feed.newest("AAPL").bid_px is None
    assert feed.newest("AAPL").ask_px == Decimal("101.00")


async def test_delayed_prices_are_not_published(feed):
    await feed.until(lambda: feed.says("AAPL", "99.00", "101.00"))
    feed.source.kind(1, 3)
    before = len(feed.ticks)
    feed.source.price(1, 1, Decimal(98), Decimal(1))
    assert len(feed.ticks) == before


async def test_after_a_drop_everything_is_subscribed_again(feed):
    await feed.until(lambda: feed.says("AAPL", "99.00", "101.00"))
    feed.sandbox.drop()
    feed.sandbox.quote("AAPL", "97.00", "97.10")
    await feed.until(lambda: feed.says("AAPL", "97.00", "97.10"))


async def test_after_1101_everything_is_subscribed_again(feed):
    await feed.until(lambda: feed.says("AAPL", "99.00", "101.00"))
    feed.sandbox.find_servers(data_lost=True)
    await feed.until(lambda: next(iter(feed.sandbox.peers.values())).watched)
    feed.sandbox.quote("AAPL", "97.00", "97.10")
    await feed.until(lambda: feed.says("AAPL", "97.00", "97.10"))


async def test_a_symbol_without_prices_is_remembered_with_the_reason(feed):
    feed.source.watch(["NOSUCH"])
    await feed.until(lambda: "NOSUCH" in feed.source.refused)
