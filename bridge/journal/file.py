"""FileJournal: the book of record on a local disk, in the modes `write` and `sync` (DURABILITY.md part A).

`write`  a batch is in the kernel when `append` returns, so it survives the process; a thread flushes behind.
`sync`   a batch waits for its flush; what arrives meanwhile shares the next one.

Nothing here waits for the disk on the loop, except opening and closing.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from bridge.interfaces import Clock, JournalError
from bridge.journal.behind import WriteThrough
from bridge.journal.encoding import encode
from bridge.journal.group import GroupCommit, Writer
from bridge.journal.head import NAME as HEAD
from bridge.journal.head import HeadWriter
from bridge.journal.opening import Start, start
from bridge.journal.promise import Call, Promise
from bridge.journal.reader import JournalReader
from bridge.journal.storage import DiskStorage, Lock, Storage, boot_id, check_file_system, make_directory
from bridge.journal.threads import ThreadWorker, Worker
from bridge.orders.events import Entry, Reserved

Durability = Literal["write", "sync"]

SEGMENT_BYTES = 256 << 20
SEQ_BLOCK = 10_000
ALLOCATE_BYTES = 32 << 20

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FileJournal:
    """Implements `bridge.interfaces.Journal`. Opening recovers, begins a new term and flushes that before it returns.

    In `write` mode the journal adds entries of its own to a batch now and then (`Reserved`), so `next_seq` is read
    before each batch.
    """

    def __init__(
        self,
        directory: Path,
        *,
        mode: Durability = "write",
        clock: Clock,
        loop: asyncio.AbstractEventLoop | None = None,
        call_soon: Call | None = None,
        call_soon_threadsafe: Call | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        flush_interval: float = 0.2,
        seq_block: int = SEQ_BLOCK,
        allocate_bytes: int = ALLOCATE_BYTES,
        partition: int = 0,
        any_file_system: bool = False,
        purpose: str = "fixbridge run",
        storage: Storage | None = None,
        worker: Callable[[str], Worker] = ThreadWorker,
        this_boot: str | None = None,
    ) -> None:
        """Open the journal in `directory`, creating it when there is none.

        `loop`, or the two callables in its place, is where callbacks run; `attach` gives it later. `flush_interval` is
        seconds; `seq_block` how many numbers are reserved at a time in `write` mode; `allocate_bytes` how much of a
        continued segment is allocated at once in `sync` mode, 0 for growing files. `purpose` is told to who finds the
        directory locked. `storage`, `worker` and `this_boot` are for tests. Raises JournalLocked, JournalDamaged,
        JournalUnflushable, JournalError.
        """
        self.directory = directory
        self.mode: Durability = mode
        self._promise = Promise(clock, call_soon, call_soon_threadsafe)
        if loop is not None:
            self.attach(loop)
        self._lock: Lock | None = None
        self._reader: JournalReader | None = None
        if storage is None:
            make_directory(directory)
            if not any_file_system:
                check_file_system(directory, flushed=mode == "sync")
            self._lock = Lock(directory, purpose)
        self._storage = DiskStorage(directory) if storage is None else storage
        try:
            opened = start(
                self._storage,
                directory=None if self._lock is None else directory,
                now=_EPOCH + timedelta(microseconds=clock.utc_ns() // 1000),
                this_boot=boot_id() if this_boot is None else this_boot,
                segment_bytes=segment_bytes,
                partition=partition,
                block=seq_block if mode == "write" else 0,
            )
            self.recovered = opened.found
            self._epoch = opened.epoch
            self._chain = opened.chain
            self._next_seq = opened.last + 1
            self._promise.durable = self._promise.flushed = opened.last
            if self._lock is not None:
                self._promise.head = HeadWriter(directory / HEAD)
                self._promise.head.write(opened.last)
            self._lane: WriteThrough | GroupCommit
            if mode == "write":
                self._lane = WriteThrough(
                    self._promise,
                    opened.chain,
                    self._storage,
                    opened.file,
                    worker("journal"),
                    opened.head,
                    limit=opened.limit,
                    block=seq_block,
                    interval=flush_interval,
                )
            else:
                self._lane = self._group_commit(opened, worker, segment_bytes, allocate_bytes)
        except BaseException as error:
            self._let_go()
            if isinstance(error, OSError):
                raise JournalError(f"cannot open the journal in {directory}: {error}") from error
            raise

    def _group_commit(
        self, opened: Start, worker: Callable[[str], Worker], segment_bytes: int, allocate_bytes: int
    ) -> GroupCommit:
        writer = Writer(self._storage, opened.file, opened.chain.offset)
        if allocate_bytes:
            writer.fill(min(segment_bytes, opened.chain.offset + allocate_bytes))
            writer.prepare_ahead(segment_bytes, worker("journal-allocate"))
        return GroupCommit(self._promise, opened.chain, writer, worker("journal"), opened.head, limit=opened.limit)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Callbacks run on `loop` from now on."""
        self._promise.attach(loop)

    def close(self) -> None:
        """Write and flush everything, mark the stop as clean, let go. Waits for the disk. Repeating it does nothing."""
        promise = self._promise
        if promise.closed:
            return
        promise.closed = True
        try:
            self._lane.close()
        except OSError as error:
            promise.fail(f"closing the journal failed: {error}")
        finally:
            promise.catch_up()
            promise.failed = promise.failed or "the journal is closed"
            self._let_go()

    def _let_go(self) -> None:
        if self._reader is not None:
            self._reader.close()
        if self._promise.head is not None:
            self._promise.head.close()
            self._promise.head = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # --- what a writer sees ------------------------------------------------------------------------------------------

    @property
    def next_seq(self) -> int:
        """`seq` of the next entry."""
        return self._next_seq

    @property
    def durable(self) -> int:
        """Highest `seq` whose effects may leave."""
        return self._promise.durable

    @property
    def flushed(self) -> int:
        """Highest `seq` known to be on the medium; in `sync` mode the same as `durable`. A snapshot goes no further."""
        return self._promise.flushed

    @property
    def epoch(self) -> int:
        """The owner's term: one more than the last time the journal was opened."""
        return self._epoch

    @property
    def failed(self) -> str | None:
        """Why nothing can be written any more, or None."""
        return self._promise.failed

    @property
    def head(self) -> HeadWriter | None:
        """The page that tells other processes how far the journal is released; its `wake_fd` may be set."""
        return self._promise.head

    @property
    def seq_limit(self) -> int:
        """Numbers below it are reserved; a `Reserved` of the engine's own repeats it."""
        return self._lane.limit

    @property
    def flush_age(self) -> float:
        """Seconds that the flush under way has taken, 0 when none is: above `stall_limit` D and G are refused."""
        return self._promise.flush_age

    @property
    def size(self) -> int:
        """Bytes of all segments, those not yet written to included."""
        return self._chain.before + self._chain.offset

    @property
    def spare_error(self) -> str | None:
        """Why space for the next segment is not certain, in `sync` mode."""
        return self._lane.spare_error

    @property
    def on_flush(self) -> Callable[[float, int], None] | None:
        """Called on the loop after each flush with its seconds and the number of entries it made durable."""
        return self._promise.on_flush

    @on_flush.setter
    def on_flush(self, callback: Callable[[float, int], None] | None) -> None:
        self._promise.on_flush = callback

    def on_durable(self, callback: Callable[[int], None]) -> None:
        """Call `callback(durable)` on the loop whenever `durable` moved later than within `append`."""
        self._promise.durable_callbacks.append(callback)

    def on_failed(self, callback: Callable[[str], None]) -> None:
        """Call `callback(reason)` on the loop once nothing can be written any more."""
        self._promise.failed_callbacks.append(callback)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add one batch, all or nothing; never waits for the disk.

        Raises JournalError when the journal has failed (rule 7), ValueError for numbers that are not the next ones.
        """
        promise = self._promise
        if promise.later:
            promise.catch_up()
        if promise.failed is not None:
            raise JournalError(promise.failed)
        seq = self._next_seq
        records = []
        reserved = False
        for entry in entries:
            if entry.seq != seq:
                raise ValueError(f"entry {entry.seq} where {seq} is next")
            records.append(encode(entry))
            if type(entry.event) is Reserved:
                reserved = True
            seq += 1
        if records:
            self._next_seq = self._lane.append(records, seq, entry.time, reserved=reserved)

    def read(self, after: int = 0) -> Iterator[Entry]:
        """The durable entries above `after`, decoded from the files. Raises JournalTrimmed, JournalDamaged."""
        if self._reader is None:
            self._reader = JournalReader(self.directory, storage=self._storage)
        return self._reader.read(after, self.durable)
