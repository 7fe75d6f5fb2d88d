"""Follows the journal up to its head and shows each entry to the sinks, from another process or from the engine's own
loop.

`head` names the last entry the gate has released, so nothing undurable is ever shown. The tail folds a blotter of its
own with the engine's `apply`; what a sink sees here is what the engine's sinks saw. The engine never waits for it: it
writes the head and, only when the flag says that we sleep, one byte to the wake socket (OUTPUTS.md section 9).
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from bridge.interfaces import EventSink
from bridge.journal.errors import JournalTrimmed
from bridge.journal.payload import unpack
from bridge.journal.reader import JournalReader
from bridge.journal.snapshot import valid_snapshots
from bridge.orders.blotter import Blotter, thaw
from bridge.orders.events import Entry
from bridge.outputs.stream import SLICE, Source, Stream, render

PATIENCE = 0.25  # seconds of sleep after which the head is looked at unasked

_log = structlog.get_logger("bridge.outputs")


class Head(Protocol):
    """How far the journal is released (bridge.journal.head)."""

    @property
    def seq(self) -> int:
        """Highest released `seq`."""
        ...

    def sleep(self, seen: int) -> bool:
        """Ask for a wake-up; False when there is more than `seen` already."""
        ...

    def awake(self) -> None:
        """No wake-up is wanted."""
        ...


class WakeSocket:
    """Our end of the socketpair to the engine: bytes wake us, the end of the stream means that the engine is gone."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._event = asyncio.Event()
        self.gone = asyncio.Event()
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
            self.gone.set()
        self._event.set()

    async def wait(self, within: float) -> None:
        """Return when woken, and after `within` seconds at the latest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._event.wait()
        self._event.clear()

    def close(self) -> None:
        """Stop listening and close."""
        asyncio.get_running_loop().remove_reader(self._fd)
        with contextlib.suppress(OSError):
            os.close(self._fd)


class Tail:
    """One pass over the journal for all sinks of this process.

    It starts at the newest stored fold at or below the lowest cursor of its sinks, shows each sink exactly the
    entries above its cursor, and after that every new one. A sink that raises is a defect: it is logged, shown no
    more, and its cursor stands still, which the metrics tell; the others go on.
    """

    def __init__(
        self,
        source: Source,
        head: Head,
        stream: Stream,
        sinks: Sequence[EventSink] = (),
        wake: WakeSocket | None = None,
        *,
        watchers: Sequence[EventSink] = (),
        history: int = 0,
    ) -> None:
        self.blotter = Blotter()
        self.stream = stream
        self._source = source
        self._head = head
        self._wake = wake
        self._history = history
        self._cursors = [sink.cursor for sink in sinks]
        self._sinks: list[tuple[EventSink, int]] = [(sink, sink.cursor) for sink in sinks]
        self._sinks += [(watcher, 0) for watcher in watchers]
        self._caught_up = asyncio.Event()
        self._begun = False
        self.failed: dict[str, str] = {}

    @property
    def seq(self) -> int:
        """The last entry shown."""
        return self.blotter.seq

    @property
    def behind(self) -> int:
        """How much there is above the last entry shown, in `seq`."""
        return max(self._head.seq - self.blotter.seq, 0)

    def begin(self) -> None:
        """Load the fold to start from. Called by `run`; earlier by who needs the blotter first."""
        start = min(*self._cursors, self._head.seq) if self._cursors else self._head.seq
        self.blotter = self._source.fold(max(start - self._history, 0))
        self.stream.begin(self.blotter.seq)
        self._begun = True

    async def caught_up(self) -> None:
        """Return once everything that was released when the tail began has been shown."""
        await self._caught_up.wait()

    async def run(self) -> None:
        """Follow until cancelled. Raises JournalError when the journal cannot be read."""
        if not self._begun:
            self.begin()
        try:
            while True:
                upto = self._head.seq
                if upto > self.seq:
                    await self._show(upto)
                self._caught_up.set()
                if self._head.sleep(upto):
                    await self._pause()
                self._head.awake()
        finally:
            self._head.awake()

    async def _pause(self) -> None:
        if self._wake is not None:
            await self._wake.wait(PATIENCE)
        else:
            await asyncio.sleep(0.005)

    async def _show(self, upto: int) -> None:
        """Fold and show everything up to `upto`, a slice at a time."""
        blotter, stream = self.blotter, self.stream
        for count, entry in enumerate(self._source.read(blotter.seq, upto), 1):
            order = blotter.apply(entry)
            stream.append(render(entry, order))
            for sink, cursor in self._sinks:
                if entry.seq > cursor:
                    try:
                        sink.on_entry(entry, order)
                    except Exception as error:  # noqa: BLE001 - one sink's defect must not end the others' stream
                        self._fail(sink, error)
            if count % SLICE == 0:
                await asyncio.sleep(0)

    def _fail(self, sink: EventSink, error: Exception) -> None:
        _log.exception("output failed and is shown no more entries", sink=sink.name)
        self.failed[sink.name] = f"{type(error).__name__}: {error}"
        self._sinks = [pair for pair in self._sinks if pair[0] is not sink]


class JournalSource:
    """A journal directory as a source: entries from its segments, folds from its snapshots.

    Every call of `read` has a reader of its own, so that a follower far behind does not disturb the tail's place.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, after: int, upto: int) -> Iterator[Entry]:
        """Entries with `after` < seq <= `upto`. Raises JournalError when they cannot be read."""
        reader = JournalReader(self._directory)
        try:
            yield from reader.read(after, upto)
        finally:
            reader.close()

    def fold(self, upto: int) -> Blotter:
        """The newest usable snapshot at or below `upto`; the empty blotter when there is none.

        Where retention has deleted what an empty blotter needs, the oldest snapshot, above `upto`: what lies between is
        no longer kept and is said to be missing.
        """
        usable = None
        for snapshot in valid_snapshots(self._directory):
            try:
                usable = thaw(unpack(snapshot.payload).blotter)
            except msgspec.DecodeError as error:
                _log.warning("snapshot of another version is not used", seq=snapshot.seq, error=str(error))
                continue
            if snapshot.seq <= upto:
                return usable
        try:
            next(self.read(0, 1), None)
        except JournalTrimmed as trimmed:
            if usable is None:
                raise
            _log.error("entries are no longer kept", after=upto, kept_after=trimmed.kept_after, next=usable.seq + 1)
            return usable
        return Blotter()


class PlacedSource(JournalSource):
    """As JournalSource, for one reader that only goes forward: its place in the file is kept between calls."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._reader = JournalReader(directory)

    def read(self, after: int, upto: int) -> Iterator[Entry]:
        """Entries with `after` < seq <= `upto`."""
        return self._reader.read(after, upto)
