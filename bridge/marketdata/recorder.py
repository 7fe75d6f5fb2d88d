"""Writes what the quote book was told as CSV files in the form the replay reads: one of quotes, one of trades, per day.

Lines are gathered in memory and written by `flush`, which the shell calls on a timer from a thread of its own: a slow
disk delays nobody. What is gathered is bounded; when the disk does not keep up, ticks are dropped and counted.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bridge.marketdata.quotes import QuoteBook
from bridge.marketdata.replay import QUOTES, TRADES
from bridge.orders.market import Quote, Tick

HEADERS = {"quotes": ",".join(QUOTES), "trades": ",".join(TRADES)}


class Recorder:
    """Records every tick of a book, in the order it came, under its event time or, where that runs back, the last one.

    Files are `<directory>/<UTC day>_<quotes|trades>.csv`, appended to over restarts. `dropped` counts lost ticks,
    `failed` says why writing stopped.
    """

    def __init__(self, directory: Path, quotes: QuoteBook, *, interval: float = 1.0, limit: int = 200_000) -> None:
        """`interval`: seconds between writes; `limit`: lines kept in memory at most."""
        self._directory = directory
        self._quotes = quotes
        self._interval = interval
        self._limit = limit
        self._lines: list[tuple[str, str, str]] = []  # day, kind, line
        self._last = {"quotes": datetime.min.replace(tzinfo=UTC), "trades": datetime.min.replace(tzinfo=UTC)}
        self._task: asyncio.Task[None] | None = None
        self.recorded = 0
        self.dropped = 0
        self.failed: str | None = None
        self._silence: Callable[[], None] = lambda: None
        self._paths: dict[tuple[str, str], Path] = {}

    async def start(self) -> None:
        """Listen from now on. OSError when the directory cannot be made."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._silence = self._quotes.listen(self._on_tick)
        self._task = asyncio.get_running_loop().create_task(self._run(), name="recorder")

    async def stop(self) -> None:
        """Write what is left."""
        self._silence()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await asyncio.to_thread(self.flush, self._taken())

    def flush(self, lines: list[tuple[str, str, str]]) -> None:
        """Append lines to their files; a failure is kept in `failed` and ends the recording."""
        files: dict[tuple[str, str], list[str]] = {}
        for day, kind, line in lines:
            files.setdefault((day, kind), []).append(line)
        try:
            for (day, kind), some in files.items():
                path = self._paths.get((day, kind))
                if path is None:
                    path = self._paths[day, kind] = self._unused(day, kind)
                    some.insert(0, f"{HEADERS[kind]}\n")
                with path.open("a", encoding="utf-8") as file:
                    file.write("".join(some))
        except OSError as error:
            self.failed = f"{self._directory}: {error.strerror or error}"
            self.dropped += len(lines)
            self._silence()
        else:
            self.recorded += len(lines)

    def _on_tick(self, tick: Tick) -> None:
        if len(self._lines) >= self._limit:
            self.dropped += 1
            return
        quote = type(tick) is Quote
        kind = "quotes" if quote else "trades"
        time = self._last[kind] = max(tick.time, self._last[kind])
        day = time.date().isoformat()
        stamp = f"{day}T{time:%H:%M:%S.%f}000Z"
        if isinstance(tick, Quote):
            cells = ",".join(
                "" if n is None else f"{n:f}" for n in (tick.bid_px, tick.bid_sz, tick.ask_px, tick.ask_sz)
            )
            line = f"{stamp},{tick.symbol},{cells}\n"
        else:
            line = f"{stamp},{tick.symbol},{tick.price:f},{tick.size:f},{tick.aggressor.value}\n"
        self._lines.append((day, kind, line))

    def _unused(self, day: str, kind: str) -> Path:
        path, number = self._directory / f"{day}_{kind}.csv", 1
        while path.exists():
            number += 1
            path = self._directory / f"{day}_{kind}_{number}.csv"
        return path

    def _taken(self) -> list[tuple[str, str, str]]:
        lines, self._lines = self._lines, []
        return lines

    async def _run(self) -> None:
        while self.failed is None:
            await asyncio.sleep(self._interval)
            lines = self._taken()
            if lines:
                await asyncio.to_thread(self.flush, lines)
