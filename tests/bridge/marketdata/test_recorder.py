import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bridge.marketdata.quotes import QuoteBook
from bridge.marketdata.recorder import Recorder
from bridge.marketdata.replay import merged
from bridge.orders.market import Aggressor, Quote, Trade

TIME = datetime(2024, 7, 1, 23, 59, 59, 999999, tzinfo=UTC)


def quote(at=TIME, bid="1.10", size="100"):
    return Quote("EUR/USD", Decimal(bid), None if size is None else Decimal(size), None, None, at, 7)


async def test_what_was_recorded_is_read_again_by_the_replay(tmp_path):
    book = QuoteBook()
    recorder = Recorder(tmp_path, book, interval=60)
    await recorder.start()
    ticks = [
        quote(),
        Trade("EUR/USD", Decimal("1.10"), Decimal("1E+3"), TIME + timedelta(seconds=1), 7, Aggressor.SELL),
        quote(TIME + timedelta(seconds=2), size=None),
    ]
    for tick in ticks:
        book.publish(tick)
    await recorder.stop()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2024-07-01_quotes.csv",
        "2024-07-02_quotes.csv",
        "2024-07-02_trades.csv",
    ]
    read = [line.tick for line in merged(sorted(tmp_path.iterdir()))]
    assert [(t.time, t.symbol) for t in read] == [(t.time, t.symbol) for t in ticks]
    assert (read[0].bid_sz, read[1].size, read[1].aggressor, read[2].bid_sz) == (100, 1000, Aggressor.SELL, None)
    assert (recorder.recorded, recorder.dropped, recorder.failed) == (3, 0, None)


async def test_every_run_has_files_of_its_own_so_that_time_never_runs_back_in_one(tmp_path):
    for _ in range(2):
        book = QuoteBook()
        recorder = Recorder(tmp_path, book)
        await recorder.start()
        book.publish(quote())
        await recorder.stop()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2024-07-01_quotes.csv", "2024-07-01_quotes_2.csv"]


async def test_time_that_runs_back_is_written_as_the_last_time(tmp_path):
    book = QuoteBook()
    recorder = Recorder(tmp_path, book)
    await recorder.start()
    book.publish(quote())
    book.publish(quote(TIME - timedelta(seconds=5)))
    await recorder.stop()
    assert [line.tick.time for line in merged(tmp_path.iterdir())] == [TIME, TIME]


async def test_more_than_can_be_kept_is_dropped_and_counted(tmp_path):
    book = QuoteBook()
    recorder = Recorder(tmp_path, book, limit=2, interval=60)
    await recorder.start()
    for _ in range(5):
        book.publish(quote())
    await recorder.stop()
    assert (recorder.recorded, recorder.dropped) == (2, 3)


async def test_a_disk_that_takes_nothing_ends_the_recording_and_says_so(tmp_path):
    book = QuoteBook()
    recorder = Recorder(tmp_path / "day", book, interval=60)
    await recorder.start()
    book.publish(quote())
    (tmp_path / "day").rmdir()
    await recorder.stop()
    assert "No such file" in recorder.failed
    assert recorder.dropped == 1


async def test_lines_are_written_in_between(tmp_path):
    book = QuoteBook()
    recorder = Recorder(tmp_path, book, interval=0.001)
    loop, written, flush = asyncio.get_running_loop(), asyncio.Event(), recorder.flush

    def flushed(lines):
        flush(lines)
        loop.call_soon_threadsafe(written.set)

    recorder.flush = flushed
    await recorder.start()
    book.publish(quote())
    async with asyncio.timeout(10):
        await written.wait()
    assert recorder.recorded == 1
    await recorder.stop()
