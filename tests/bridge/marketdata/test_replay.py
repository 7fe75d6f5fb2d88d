import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.marketdata.replay import ReplayFileError, ReplaySource, merged, read
from bridge.orders.market import Aggressor, Quote, Trade
from sessions.clock import ManualClock

DATA = Path(os.environ.get("FIXBRIDGE_TEST_DATA", "recordings"))
recorded = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recorded data is not in {DATA}")

QUOTES = """ts,symbol,bid_px,bid_sz,ask_px,ask_sz
2024-07-01T23:58:01.000000001Z,ESU4,5528.50,29,5528.75,6
2024-07-01T23:58:02.500000002Z,ESU4,5528.50,29,5528.75,4
2024-07-01T23:58:03Z,ESU4,5528.50,,,
"""
TRADES = """ts,symbol,price,size,aggressor
2024-07-01T23:58:02.500000002Z,ESU4,5528.75,2,buy
2024-07-01T23:58:02.500000003Z,ESU4,5528.75,1,none
"""


@pytest.fixture
def files(tmp_path):
    quotes, trades = tmp_path / "quotes.csv", tmp_path / "trades.csv"
    quotes.write_text(QUOTES)
    trades.write_text(TRADES)
    return [quotes, trades]


def test_quotes_and_trades_come_in_event_time_and_a_trade_before_the_quote_it_caused(files):
    kinds = [type(line.tick).__name__ for line in merged(files)]
    assert kinds == ["Quote", "Trade", "Quote", "Trade", "Quote"]
    assert [line.time_ns % 1_000_000_000 for line in merged(files)] == [1, 500000002, 500000002, 500000003, 0]


def test_lines_become_ticks_with_exact_decimals_and_unknown_sizes(files):
    first, *_, last = (line.tick for line in read(files[0]))
    assert first == Quote(
        "ESU4",
        Decimal("5528.50"),
        Decimal(29),
        Decimal("5528.75"),
        Decimal(6),
        datetime(2024, 7, 1, 23, 58, 1, tzinfo=UTC),
        1719878281000000001,
    )
    assert (last.bid_sz, last.ask_px, last.ask_sz) == (None, None, None)
    trade = next(read(files[1])).tick
    assert (trade.price, trade.size, trade.aggressor) == (Decimal("5528.75"), 2, Aggressor.BUY)


async def test_played_as_fast_as_possible_it_keeps_event_time_and_stamps_arrival(files):
    clock = ManualClock()
    heard = []
    source = ReplaySource(files, clock=clock, speed=None)
    await source.start(heard.append)
    await source.finished.wait()
    assert len(heard) == 5
    assert {tick.received_ns for tick in heard} == {clock.utc_ns()}
    assert heard[1].time == datetime(2024, 7, 1, 23, 58, 2, 500000, tzinfo=UTC)
    await source.stop()


async def test_speed_divides_the_recorded_pauses(files, monkeypatch):
    clock, slept = ManualClock(), []

    async def sleep(seconds):
        slept.append(round(seconds, 6))
        clock.advance(seconds)

    monkeypatch.setattr("bridge.marketdata.replay.asyncio.sleep", sleep)
    source = ReplaySource(files, clock=clock, speed=10)
    await source.start(lambda _: None)
    await source.finished.wait()
    assert sum(slept) == pytest.approx(0.2, abs=1e-6)


async def test_in_a_loop_event_time_never_runs_back(files):
    heard = []
    source = ReplaySource(files, clock=ManualClock(), speed=None, loop=True, batch=1)

    def publish(tick):
        heard.append(tick)
        if len(heard) == 15:
            source._task.cancel()

    await source.start(publish)
    await source.finished.wait()
    times = [tick.time for tick in heard]
    assert times == sorted(times)
    assert (heard[5].time - heard[0].time).total_seconds() == pytest.approx(3)
    await source.stop()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n", r"file.csv:1: found the columns 'a,b', allowed are ts,symbol"),
        (QUOTES + "2024-07-01T23:58:02Z,ESU4,1,1,1,1\n", r"file.csv:5: ts: .*before the line above"),
        (QUOTES + "2024-07-01 23:58:09,ESU4,1,1,1,1\n", r"file.csv:5: ts: found '2024-07-01 23:58:09'"),
        (QUOTES + "2024-13-01T23:58:09Z,ESU4,1,1,1,1\n", r"file.csv:5: ts: found"),
        (QUOTES + "2024-07-01T23:58:09Z,ESU4,nan,1,1,1\n", r"file.csv:5: bid_px: found 'nan'"),
        (QUOTES + "2024-07-01T23:58:09Z,ESU4,-1,1,1,1\n", r"file.csv:5: bid_px: found '-1'"),
        (QUOTES + "2024-07-01T23:58:09Z,ESU4,1\n", r"file.csv:5: found 3 columns, expected 6"),
        (QUOTES + "2024-07-01T23:58:09Z,,1,1,1,1\n", r"file.csv:5: symbol: empty"),
        (TRADES + "2024-07-01T23:58:09Z,ESU4,,1,buy\n", r"file.csv:4: price: found ''"),
        (
            TRADES + "2024-07-01T23:58:09Z,ESU4,1,1,both\n",
            r"file.csv:4: aggressor: found 'both', allowed: buy, sell, none",
        ),
    ],
)
def test_a_wrong_line_is_refused_by_file_line_and_column(tmp_path, text, says):
    file = tmp_path / "file.csv"
    file.write_text(text)
    with pytest.raises(ReplayFileError, match=says):
        list(read(file))


async def test_a_file_that_turns_wrong_ends_the_replay_and_says_why(tmp_path):
    file = tmp_path / "file.csv"
    file.write_text(QUOTES + "2024-07-01T23:58:09Z,ESU4,nan,1,1,1\n")
    source = ReplaySource([file], clock=ManualClock(), speed=None)
    await source.start(lambda _: None)
    await source.finished.wait()
    assert "file.csv:5" in source.failed


async def test_a_wrong_header_is_refused_at_start(tmp_path):
    file = tmp_path / "file.csv"
    file.write_text("a,b\n")
    with pytest.raises(ReplayFileError):
        await ReplaySource([file], clock=ManualClock()).start(lambda _: None)


def test_senseless_settings_are_refused():
    with pytest.raises(ValueError, match="speed"):
        ReplaySource(["x"], clock=ManualClock(), speed=0)
    with pytest.raises(ValueError, match="at least one file"):
        ReplaySource([], clock=ManualClock())


@recorded
def test_the_recorded_future_merges_into_2288_ticks_in_order():
    ticks = list(merged([DATA / "ESU4_2024-07-01_quotes.csv", DATA / "ESU4_2024-07-01_trades.csv"]))
    assert len(ticks) == 2288
    assert sum(isinstance(line.tick, Trade) for line in ticks) == 120
    assert [line.time_ns for line in ticks] == sorted(line.time_ns for line in ticks)


@recorded
def test_the_recorded_currency_pair_has_no_sizes():
    ticks = list(read(DATA / "EURUSD_2020-01-01_quotes.csv"))
    assert len(ticks) == 9500
    assert {line.tick.bid_sz for line in ticks} == {None}
