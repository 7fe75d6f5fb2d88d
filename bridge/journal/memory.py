"""A journal without a disk: for tests and for the outputs of a replay."""

from collections.abc import Callable, Iterator, Sequence

from bridge.interfaces import JournalError
from bridge.journal.encoding import decode, encode
from bridge.orders.events import Entry


class MemoryJournal:
    """Keeps encoded records in a list, so that what is read back went through the encoding as in a file.

    With `held` nothing is durable until `flush`, which is how a test plays a disk that takes its time.
    """

    def __init__(self, *, held: bool = False, next_seq: int = 1, epoch: int = 1) -> None:
        self.held = held
        self.failed: str | None = None
        self._next_seq = next_seq
        self._durable = next_seq - 1
        self._epoch = epoch
        self._records: list[tuple[int, bytes]] = []
        self._callbacks: list[Callable[[int], None]] = []

    @property
    def next_seq(self) -> int:
        """`seq` of the next entry."""
        return self._next_seq

    @property
    def durable(self) -> int:
        """Highest `seq` whose effects may leave."""
        return self._durable

    @property
    def epoch(self) -> int:
        """The owner's term, as given."""
        return self._epoch

    @property
    def flush_age(self) -> float:
        """Seconds a flush has been under way: nothing is ever flushed here."""
        return 0.0

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep one batch. Raises JournalError after `fail`, ValueError for numbers out of order."""
        if self.failed is not None:
            raise JournalError(self.failed)
        seq = self._next_seq
        records = []
        for entry in entries:
            if entry.seq != seq:
                raise ValueError(f"entry {entry.seq} where {seq} is next")
            records.append((seq, encode(entry)))
            seq += 1
        self._records += records
        self._next_seq = seq
        if not self.held:
            self._durable = seq - 1

    def on_durable(self, callback: Callable[[int], None]) -> None:
        """Call `callback(durable)` at each `flush` that moves it."""
        self._callbacks.append(callback)

    def flush(self, upto: int | None = None) -> None:
        """Make the entries up to `upto` (default all) durable and tell who waits. Raises JournalError after `fail`."""
        if self.failed is not None:
            raise JournalError(self.failed)
        durable = self._next_seq - 1 if upto is None else min(upto, self._next_seq - 1)
        if durable > self._durable:
            self._durable = durable
            for callback in self._callbacks:
                callback(durable)

    def fail(self, reason: str) -> None:
        """From now on nothing can be written: what a broken disk looks like to the engine."""
        self.failed = reason

    def read(self, after: int = 0) -> Iterator[Entry]:
        """All entries above `after`, decoded."""
        for seq, record in list(self._records):
            if seq > after:
                yield decode(record)

    def close(self) -> None:
        """Nothing to let go of."""
