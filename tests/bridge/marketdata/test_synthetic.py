import asyncio
from datetime import date

from bridge.instruments import Instruments
from bridge.marketdata.synthetic import SyntheticSource
from bridge.orders.market import Quote, Trade
from sessions.clock import ManualClock

INSTRUMENTS = Instruments.starter(date(2024, 7, 1))


def turns(count, **settings):
    source = SyntheticSource(INSTRUMENTS, clock=ManualClock(), **settings)
    return [tick for _ in range(count) for tick in source.turn()]


def test_the_first_turn_quotes_every_instrument():
    quoted = {tick.symbol for tick in turns(1) if isinstance(tick, Quote)}
    assert quoted == set(INSTRUMENTS.symbols)


def test_quotes_are_two_sided_on_the_tick_near_the_reference_and_they_move():
    by_symbol = {}
    for tick in turns(300):
        if isinstance(tick, Quote):
            by_symbol.setdefault(tick.symbol, []).append(tick)
    for symbol, quotes in by_symbol.items():
        instrument, reference = INSTRUMENTS[symbol], INSTRUMENTS.reference_px(symbol)
        assert all(quote.two_sided and quote.bid_px < quote.ask_px for quote in quotes)
        assert all(quote.bid_px % instrument.tick_size == 0 for quote in quotes)
        assert all(quote.bid_sz > 0 and quote.ask_sz % instrument.lot_size == 0 for quote in quotes)
        assert all(abs(quote.mid - reference) < reference / 20 for quote in quotes)
        assert len({quote.bid_px for quote in quotes}) > 3


def test_trades_print_at_the_touch_and_within_its_size():
    seen, touch = 0, {}
    for tick in turns(300):
        if isinstance(tick, Trade):
            seen += 1
            quote = touch[tick.symbol]
            size = quote.ask_sz if tick.price == quote.ask_px else quote.bid_sz
            assert tick.price in (quote.bid_px, quote.ask_px)
            assert 0 < tick.size <= size
        else:
            touch[tick.symbol] = tick
    assert seen > 300


def test_the_same_seed_gives_the_same_market_whatever_else_is_watched():
    alone = turns(100, symbols=["AAPL"])
    among = [tick for tick in turns(100) if tick.symbol == "AAPL"]
    assert alone == among
    assert turns(100, symbols=["AAPL"], seed=2) != alone


def test_time_is_the_clocks():
    clock = ManualClock()
    source = SyntheticSource(INSTRUMENTS, clock=clock, symbols=["AAPL"])
    (first,) = source.turn()
    clock.advance(5)
    later = next(tick for _ in range(50) for tick in source.turn())
    assert later.received_ns - first.received_ns == 5_000_000_000
    assert (later.time - first.time).total_seconds() == 5


def test_a_symbol_watched_later_is_quoted_from_its_next_turn_and_unknown_ones_are_not():
    source = SyntheticSource(INSTRUMENTS, clock=ManualClock(), symbols=["AAPL"])
    source.turn()
    source.watch(["ESU4", "NOPE", "AAPL"])
    assert source.symbols == ("AAPL", "ESU4")
    assert "ESU4" in {tick.symbol for tick in source.turn()}


async def test_it_runs_on_the_loop_until_it_is_stopped():
    heard = asyncio.Queue()
    source = SyntheticSource(INSTRUMENTS, clock=ManualClock(), interval=0.001, symbols=["AAPL"])
    await source.start(heard.put_nowait)
    async with asyncio.timeout(10):
        ticks = [await heard.get() for _ in range(5)]
    assert {tick.symbol for tick in ticks} == {"AAPL"}
    await source.stop()
    assert source._task is None
