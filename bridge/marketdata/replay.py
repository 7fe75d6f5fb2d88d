"""Recorded quotes and trades, played again in event time: CSV files in the columns of the recorder.

`ts,symbol,bid_px,bid_sz,ask_px,ask_sz` is a file of quotes, `ts,symbol,price,size,aggressor` one of trades; `ts` is ISO
8601 in UTC with up to nanoseconds, empty prices and sizes are unknown. At equal times a trade comes before a quote: the
quote shows the book that the trade left behind.
"""

import asyncio
import csv
import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec

from bridge.interfaces import Clock
from bridge.orders.market import Aggressor, Quote, QuoteSource, Tick, Trade

NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUOTES = ["ts", "symbol", "bid_px", "bid_sz", "ask_px", "ask_sz"]
TRADES = ["ts", "symbol", "price", "size", "aggressor"]
PASS_GAP_NS = 1_000_000_000


class ReplayFileError(ValueError):
    """A recording cannot be read. The text names file, line, column, what was found and what is allowed."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """One line of a recording: event time in ns since the epoch UTC, and the tick with `received_ns` of that time."""

    time_ns: int
    tick: Tick


def read(path: Path | str) -> Iterator[Recorded]:
    """The lines of one file, which must be in event time. Raises ReplayFileError, OSError."""
    path = Path(path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if header == QUOTES:
            build: Callable[[_Row, str, int], Tick] = _quote
        elif header == TRADES:
            build = _trade
        else:
            allowed = f"{','.join(QUOTES)} or {','.join(TRADES)}"
            raise ReplayFileError(f"{path}:1: found the columns {','.join(header)!r}, allowed are {allowed}")
        last = 0
        for cells in rows:
            row = _Row(path, rows.line_num, header, cells)
            time_ns = row.time_ns()
            if time_ns < last:
                raise ReplayFileError(f"{path}:{rows.line_num}: ts: {cells[0]} is before the line above it")
            last = time_ns
            if not cells[1]:
                raise ReplayFileError(f"{path}:{rows.line_num}: symbol: empty")
            yield Recorded(time_ns, build(row, cells[1], time_ns))


def merged(files: Iterable[Path | str]) -> Iterator[Recorded]:
    """All files in event time; at equal times trades first, then in the order of the files. Lazy: a line per file."""
    return heapq.merge(*(read(path) for path in files), key=_order)


class ReplaySource:
    """Plays recordings through `publish`; event times are kept, `received_ns` is the clock's.

    `speed` 1 is as recorded, 10 ten times as fast, None as fast as possible. With `loop` it starts again at the end,
    event times moved by whole lengths of the recording so that they never run backwards.
    """

    def __init__(
        self,
        files: Sequence[Path | str],
        *,
        clock: Clock,
        speed: float | None = 1.0,
        loop: bool = False,
        batch: int = 200,
    ) -> None:
        """`batch`: ticks published before the event loop gets its turn when played as fast as possible."""
        if not files:
            raise ValueError("replay: at least one file is needed")
        if speed is not None and not speed > 0:
            raise ValueError(f"replay: speed {speed} must be above zero, or absent for as fast as possible")
        self._files = tuple(files)
        self._clock = clock
        self._speed = speed
        self._loop = loop
        self._batch = batch
        self._task: asyncio.Task[None] | None = None
        self.watched: dict[str, None] = {}
        self.finished = asyncio.Event()
        self.failed: str | None = None

    async def start(self, publish: Callable[[Tick], None]) -> None:
        """Check the first line of every file (ReplayFileError), then play in a task of its own."""
        for path in self._files:
            next(read(path), None)
        self._task = asyncio.get_running_loop().create_task(self._play(publish), name="replay")

    async def stop(self) -> None:
        """End, wherever it stands."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def watch(self, symbols: Iterable[str]) -> None:
        """Remembered only: a recording plays whole."""
        self.watched.update(dict.fromkeys(symbols))

    async def _play(self, publish: Callable[[Tick], None]) -> None:
        shift = 0
        try:
            while True:
                first, last = await self._pass(publish, shift)
                if not self._loop or first is None:
                    return
                shift += last - first + PASS_GAP_NS
        except (OSError, ReplayFileError) as error:
            self.failed = str(error)
        finally:
            self.finished.set()

    async def _pass(self, publish: Callable[[Tick], None], shift_ns: int) -> tuple[int | None, int]:
        clock, speed, batch = self._clock, self._speed, self._batch
        began = clock.monotonic()
        first: int | None = None
        last = 0
        shift = timedelta(microseconds=shift_ns // 1000)
        for count, recorded in enumerate(merged(self._files), 1):
            last = recorded.time_ns
            if first is None:
                first = last
            if speed is not None:
                wait = (last - first) / 1e9 / speed - (clock.monotonic() - began)
                if wait > 0:
                    await asyncio.sleep(wait)
            if count % batch == 0:
                await asyncio.sleep(0)
            publish(received(recorded.tick, clock.utc_ns(), shift))
        return first, last


def received(tick: Tick, received_ns: int, shift: timedelta = timedelta()) -> Tick:
    """The tick as it arrives now, its event time moved by `shift`."""
    if type(tick) is Quote:
        return Quote(
            tick.symbol,
            tick.bid_px,
            tick.bid_sz,
            tick.ask_px,
            tick.ask_sz,
            tick.time + shift,
            received_ns,
            tick.source,
        )
    return Trade(tick.symbol, tick.price, tick.size, tick.time + shift, received_ns, tick.aggressor)  # type: ignore[union-attr]


def _order(recorded: Recorded) -> tuple[int, bool]:
    return recorded.time_ns, type(recorded.tick) is Quote


class _Row:
    """One line with the place to cite in an error."""

    __slots__ = ("cells", "header", "line", "path")

    def __init__(self, path: Path, line: int, header: list[str], cells: list[str]) -> None:
        self.path, self.line, self.header, self.cells = path, line, header, cells
        if len(cells) != len(header):
            raise ReplayFileError(f"{path}:{line}: found {len(cells)} columns, expected {len(header)}")

    def time_ns(self) -> int:
        match = STAMP.fullmatch(self.cells[0])
        try:
            if match is None:
                raise ValueError
            seconds = (datetime.fromisoformat(match[1] + "+00:00") - EPOCH) // timedelta(seconds=1)
        except ValueError:
            raise self.error(0, "ISO 8601 in UTC, 2024-07-01T23:58:01.218218853Z") from None
        return seconds * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))

    def number(self, column: int, *, positive: bool, needed: bool = False) -> Decimal | None:
        text = self.cells[column]
        if not text and not needed:
            return None
        if not NUMBER.fullmatch(text):
            raise self.error(column, "plain decimals or nothing" if not needed else "plain decimals")
        value = Decimal(text)
        if positive and not value:
            raise self.error(column, "numbers above zero")
        return value

    def error(self, column: int, allowed: str) -> ReplayFileError:
        return ReplayFileError(
            f"{self.path}:{self.line}: {self.header[column]}: found {self.cells[column]!r}, allowed: {allowed}"
        )


def _quote(row: _Row, symbol: str, time_ns: int) -> Quote:
    # A zero price is kept: recordings have them, and what reads quotes must cope with them.
    return Quote(
        symbol,
        row.number(2, positive=False),
        row.number(3, positive=False),
        row.number(4, positive=False),
        row.number(5, positive=False),
        EPOCH + timedelta(microseconds=time_ns // 1000),
        time_ns,
        QuoteSource.BBO,
    )


def _trade(row: _Row, symbol: str, time_ns: int) -> Trade:
    price, size = row.number(2, positive=True, needed=True), row.number(3, positive=False, needed=True)
    assert price is not None
    assert size is not None
    try:
        aggressor = Aggressor(row.cells[4] or "none")
    except ValueError:
        raise row.error(4, "buy, sell, none") from None
    return Trade(symbol, price, size, EPOCH + timedelta(microseconds=time_ns // 1000), time_ns, aggressor)
