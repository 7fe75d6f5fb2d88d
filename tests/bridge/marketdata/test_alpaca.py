"""Alpaca's market data through the real client library, from the sandbox."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

pytest.importorskip("alpaca", reason="the extra `alpaca` is not installed")

from bridge.marketdata.alpaca import AlpacaSource, Unusable, read
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.market import Quote, Trade
from bridge.sandbox.alpaca import KEY, SECRET, AlpacaSandbox
from sessions.clock import SystemClock


@pytest.fixture
async def sandbox():
    made = AlpacaSandbox()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def sources(sandbox):
    made = []

    async def make(*symbols, keys=(KEY, SECRET), **settings):
        source = AlpacaSource(
            clock=SystemClock(),
            credentials=lambda name: keys,
            symbols=symbols,
            endpoint=sandbox.data_url,
            backoff=(0.02, 0.1),
            **settings,
        )
        book = QuoteBook()
        made.append(source)
        await source.start(book.publish)
        return source, book

    yield make
    for source in made:
        await source.stop()


async def until(condition, longest=3.0):
    loop = asyncio.get_running_loop()
    end = loop.time() + longest
    while not condition():
        assert loop.time() < end, "it did not come about"
        await asyncio.sleep(0.005)


async def test_quotes_and_trades_of_shares_and_crypto_arrive_exactly(sandbox, sources):
    _, book = await sources("AAPL", "BTC/USD")
    sandbox.quote("AAPL", "187.2", "187.25", "300", "500")
    sandbox.quote("BTC/USD", "60000.1", "60000.3", "0.123456789", "2")
    await until(lambda: book.quote("AAPL") and book.quote("BTC/USD"))
    quote = book.quote("AAPL")
    assert (quote.bid_px, quote.ask_px, quote.bid_sz) == (Decimal("187.2"), Decimal("187.25"), 300)
    assert book.quote("BTC/USD").bid_sz == Decimal("0.123456789")
    await until(lambda: sandbox.data._subscribers)
    sandbox.data.trade("AAPL", Decimal("187.21"), Decimal(5), sandbox.now())
    await until(lambda: book.last_trade("AAPL"))
    assert book.last_trade("AAPL").price == Decimal("187.21")


async def test_symbols_watched_later_are_subscribed_on_the_open_connection(sandbox, sources):
    source, book = await sources("AAPL")
    await until(lambda: not source.unready)
    source.watch(["MSFT", "AAPL"])
    await until(lambda: "MSFT" in sandbox.data._subscribers["/v2/iex"].quotes)
    sandbox.quote("MSFT", "402.1", "402.2")
    await until(lambda: book.quote("MSFT"))


async def test_a_lost_connection_is_made_anew_and_subscribes_to_everything(sandbox, sources):
    source, book = await sources("AAPL", "MSFT")
    await until(lambda: not source.unready)
    sandbox.data.drop()
    await until(lambda: source.unready)
    await until(lambda: not source.unready and sandbox.data._subscribers)
    sandbox.quote("MSFT", "402.1", "402.2")
    await until(lambda: book.quote("MSFT"))


async def test_a_connection_that_is_silent_too_long_is_made_anew(sandbox, sources):
    source, _ = await sources("AAPL", silence=0.1)
    await until(lambda: source._feeds[False].connections >= 2)


async def test_wrong_keys_are_told_as_such(sandbox, sources):
    source, _ = await sources("AAPL", keys=("PKWRONG", "x"))
    await until(lambda: "auth failed" in str(source.unready))


async def test_a_second_connection_of_one_key_is_told_as_such(sandbox, sources):
    first, _ = await sources("AAPL")
    await until(lambda: not first.unready)
    second, _ = await sources("AAPL")
    await until(lambda: "connection limit" in str(second.unready))
    assert not first.unready


async def test_too_many_symbols_leave_those_subscribed_before(sandbox, sources):
    source, book = await sources(*[f"S{number}" for number in range(30)])
    await until(lambda: not source.unready)
    source.watch(["ONE.MORE"])
    sandbox.quote("S1", "10", "11")
    await until(lambda: book.quote("S1"))


async def test_crypto_alone_opens_no_connection_for_shares(sandbox, sources):
    await sources("BTC/USD")
    await until(lambda: "/v1beta3/crypto/us" in sandbox.data._subscribers)
    assert "/v2/iex" not in sandbox.data._subscribers


def test_floats_of_the_wire_become_the_shortest_decimal_that_means_the_same():
    at = datetime(2026, 11, 24, 15, tzinfo=UTC)
    message = {"T": "q", "S": "AAPL", "bp": 0.1, "bs": 3, "ap": 0.30000000000000004, "as": 1, "t": at}
    assert read(message, 7) == Quote(
        "AAPL", Decimal("0.1"), Decimal(3), Decimal("0.30000000000000004"), Decimal(1), at, 7
    )


def test_a_price_of_nothing_is_no_price():
    quote = read({"T": "q", "S": "AAPL", "bp": 0, "bs": 0, "ap": 10, "as": 1}, 1_000)
    assert (quote.bid_px, quote.bid_sz, quote.ask_px) == (None, None, 10)
    assert not quote.two_sided


def test_the_librarys_timestamps_are_read():
    at = SimpleNamespace(seconds=1_700_000_000, nanoseconds=123_456_789)
    trade = read({"T": "t", "S": "AAPL", "p": 1.5, "s": 2, "t": at}, 1)
    assert isinstance(trade, Trade)
    assert trade.time.isoformat() == "2023-11-14T22:13:20.123456+00:00"


@pytest.mark.parametrize(
    "message",
    [
        {"T": "q", "bp": 1, "ap": 2},
        {"T": "q", "S": "A", "bp": -1, "ap": 2},
        {"T": "q", "S": "A", "bp": float("nan"), "ap": 2},
        {"T": "q", "S": "A", "bp": 0, "ap": 0},
        {"T": "q", "S": "A", "bp": "1", "ap": 2},
        {"T": "t", "S": "A", "p": 0, "s": 1},
    ],
)
def test_what_is_no_quote_and_no_trade_is_unusable(message):
    with pytest.raises(Unusable):
        read(message, 1)


def test_other_kinds_of_messages_are_none_of_its_business():
    assert read({"T": "b", "S": "AAPL"}, 1) is None


def test_an_unknown_feed_and_an_unknown_broker_are_refused_at_start():
    with pytest.raises(ValueError, match="iex, sip"):
        AlpacaSource(clock=SystemClock(), credentials=lambda name: (KEY, SECRET), feed="nyse")
    with pytest.raises(KeyError):
        AlpacaSource(clock=SystemClock(), credentials={}.__getitem__)
