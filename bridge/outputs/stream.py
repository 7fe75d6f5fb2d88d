"""The outward entries: encoded once, kept in memory for a while, folded again from the journal when older.

Every channel reads from here at its own pace. Nothing is queued per reader: a reader is a position, the journal is
the queue (OUTPUTS.md sections 0 and 1). `Stream` holds the newest entries; `Follower` gives what is above its
position, from memory when it is there and otherwise by folding the journal once more from the snapshot before it.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime
from operator import attrgetter
from typing import Protocol

import msgspec

from bridge.journal.encoding import outward
from bridge.orders.blotter import Blotter
from bridge.orders.events import AnyEvent, Entry, event_account
from bridge.orders.order import Order

CAPACITY = 20_000  # entries kept in memory, at about 1 kB each
SLICE = 128  # entries folded before other tasks get their turn

_seq = attrgetter("seq")


class Source(Protocol):
    """Where entries come from: the journal directory, or a journal in memory."""

    def read(self, after: int, upto: int) -> Iterator[Entry]:
        """Entries with `after` < seq <= `upto`, in order."""
        ...

    def fold(self, upto: int) -> Blotter:
        """The newest stored fold at or below `upto`; an empty blotter when there is none."""
        ...


class Outward(msgspec.Struct, frozen=True, gc=False):
    """One entry as every channel carries it. `data` is the JSON of OUTPUTS.md section 0; absent parts are empty, 0."""

    seq: int
    time: datetime
    type: str
    account: str
    symbol: str
    order_id: int
    data: bytes


def kind(event: AnyEvent) -> str:
    """`order_filled`: the event's name outside."""
    return str(event.__struct_config__.tag)


def render(entry: Entry, order: Order | None) -> Outward:
    """The outward form of an entry and the order after it."""
    event = entry.event
    if order is not None:
        return Outward(
            entry.seq, entry.time, kind(event), order.account, order.symbol, order.order_id, outward(entry, order)
        )
    account = event_account(event)
    symbol: str | None = getattr(event, "symbol", None)
    return Outward(entry.seq, entry.time, kind(event), account or "", symbol or "", 0, outward(entry, None))


class Stream:
    """The newest outward entries. `append` and reading happen on one loop.

    Everything with `floor` < seq <= `last` is in memory. `seq` may jump (DURABILITY.md section 5), so entries are
    found by search and not by counting.
    """

    def __init__(self, source: Source, capacity: int = CAPACITY) -> None:
        self.source = source
        self.floor = 0
        self.last = 0
        self._capacity = capacity
        self._items: list[Outward] = []
        self._waiting: list[asyncio.Future[None]] = []

    def begin(self, seq: int) -> None:
        """Say that entries will come from here on: what is at or below `seq` has to be folded from the journal."""
        self.floor = self.last = seq
        self._wake()

    def append(self, item: Outward) -> None:
        """Add the next entry and wake who waits for it."""
        items = self._items
        items.append(item)
        self.last = item.seq
        if len(items) >= 2 * self._capacity:
            self.floor = items[self._capacity - 1].seq
            del items[: self._capacity]
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def after(self, seq: int, limit: int) -> list[Outward]:
        """Up to `limit` entries above `seq` from memory. ValueError when `seq` is below `floor`: follow it instead."""
        if seq < self.floor:
            raise ValueError(f"entries from {seq + 1} are no longer in memory, which begins at {self.floor + 1}")
        first = bisect_right(self._items, seq, key=_seq)
        return self._items[first : first + limit]

    def behind(self, seq: int, now: datetime) -> tuple[int, float]:
        """How far a reader at `seq` is behind: in `seq`, and in seconds since the first entry it has not got.

        What is no longer in memory counts from the oldest entry that is.
        """
        if seq >= self.last:
            return 0, 0.0
        items = self._items
        place = bisect_right(items, seq, key=_seq)
        since = items[place].time if place < len(items) else now
        return self.last - seq, max((now - since).total_seconds(), 0.0)

    async def beyond(self, seq: int) -> None:
        """Return as soon as there is an entry above `seq`."""
        while self.last <= seq:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def follow(self, after: int, wanted: Callable[[Outward], bool] | None = None) -> "Follower":
        """A reader that starts above `after`; `wanted` filters, and a filtered reader still moves on."""
        return Follower(self, after, wanted)


class Follower:
    """One reader of a stream: a position and, while it is far behind, a fold of its own."""

    def __init__(self, stream: Stream, after: int, wanted: Callable[[Outward], bool] | None = None) -> None:
        self.position = after
        self._stream = stream
        self._wanted = wanted
        self._blotter: Blotter | None = None
        self._reading: Iterator[Entry] | None = None
        self._upto = 0

    @property
    def behind(self) -> bool:
        """True when there is something above the position."""
        return self.position < self._stream.last

    def seek(self, after: int) -> None:
        """Go on above `after`, which may lie behind: what was read but not delivered comes again."""
        if after < self.position:
            self._blotter = self._reading = None
        self.position = after

    async def next(self, limit: int) -> list[Outward]:
        """Between 1 and `limit` entries above the position; waits until there is one. The position moves past them.

        Raises JournalError when the journal cannot be read.
        """
        while True:
            if self.position >= self._stream.floor:
                self._blotter = self._reading = None
                items = self._stream.after(self.position, limit)
                if not items:
                    await self._stream.beyond(self.position)
                    continue
                self.position = items[-1].seq
            else:
                items = await self._folded(limit)
            if self._wanted is not None:
                items = [item for item in items if self._wanted(item)]
            if items:
                return items
            await asyncio.sleep(0)

    async def _folded(self, limit: int) -> list[Outward]:
        """Up to `limit` entries above the position from the journal; gives way to other tasks while it skips."""
        if self._blotter is None:
            self._blotter = self._stream.source.fold(self.position)
            self._reading = None
        if self._reading is None:
            self._upto = self._stream.last
            self._reading = self._stream.source.read(self._blotter.seq, self._upto)
        items: list[Outward] = []
        for count, entry in enumerate(self._reading, 1):
            order = self._blotter.apply(entry)
            if entry.seq > self.position:
                items.append(render(entry, order))
                if len(items) >= limit:
                    self.position = entry.seq
                    return items
            if count % SLICE == 0:
                await asyncio.sleep(0)
        self._reading = None
        self.position = max(self.position, self._upto)
        return items
