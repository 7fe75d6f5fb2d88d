"""FileJournal: the book of record on a local disk, in the modes `write` and `sync` (DURABILITY.md part A).

`write`  a batch is in the kernel when `append` returns, so it survives the process; a thread flushes behind. Numbers
         are reserved ahead, so that none is shown twice if the machine dies with the last fraction of a second.
`sync`   a batch waits for its flush; what arrives meanwhile shares the next one.

Nothing here waits for the disk on the loop, except opening and closing.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from bridge import faults
from bridge.interfaces import Clock, JournalError
from bridge.journal.chain import Chain, Heading, write_all
from bridge.journal.encoding import encode
from bridge.journal.errors import JournalDamaged
from bridge.journal.format import lay_end, segments
from bridge.journal.group import SPARE, Step, Writer
from bridge.journal.head import NAME as HEAD
from bridge.journal.head import HeadWriter, released
from bridge.journal.reader import JournalReader
from bridge.journal.recovery import Recovered, missing, recover
from bridge.journal.snapshot import newest_seq
from bridge.journal.storage import (
    DiskStorage,
    Lock,
    Storage,
    WritableFile,
    boot_id,
    check_file_system,
    make_directory,
)
from bridge.journal.threads import ThreadWorker, Worker
from bridge.orders.events import Entry, Opened, Reserved

Durability = Literal["write", "sync"]
Call = Callable[[Callable[[], None]], object]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SEGMENT_BYTES = 256 << 20
SEQ_BLOCK = 10_000


class FileJournal:
    """Implements `bridge.interfaces.Journal`. Opening recovers, numbers a new term and flushes that, before it
    returns.
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
        allocate_bytes: int = 32 << 20,
        partition: int = 0,
        any_file_system: bool = False,
        purpose: str = "fixbridge run",
        storage: Storage | None = None,
        worker: Callable[[str], Worker] = ThreadWorker,
        this_boot: str | None = None,
    ) -> None:
        """Open the journal in `directory`, creating it when there is none.

        `loop`, or the two callables in its place, is where `on_durable` is called; it may be given later by `attach`.
        `flush_interval` is seconds, `allocate_bytes` how much of a continued segment is allocated at once in `sync`
        mode. Raises JournalLocked, JournalDamaged, JournalUnflushable, JournalError.
        """
        self.directory = directory
        self.mode: Durability = mode
        self.failed: str | None = None
        self.flushed = 0
        """Highest `seq` known to be on the medium; in `sync` mode the same as `durable`."""
        self.on_flush: Callable[[float, int], None] | None = None
        """Called on the loop after each flush with its seconds and the number of entries it made durable."""
        self._clock = clock
        self._flush_interval = flush_interval
        self._seq_block = seq_block if mode == "write" else 0
        self._partition = partition
        self._segment_bytes = segment_bytes
        self._boot_id = boot_id() if this_boot is None else this_boot
        self._durable_callbacks: list[Callable[[int], None]] = []
        self._failed_callbacks: list[Callable[[str], None]] = []
        self._call_soon = call_soon
        self._call_threadsafe = call_soon_threadsafe
        self._later: deque[Callable[[], None]] = deque()
        if loop is not None:
            self.attach(loop)
        self._lock: Lock | None = None
        if storage is None:
            make_directory(directory)
            if not any_file_system:
                check_file_system(directory, flushed=mode == "sync")
            self._lock = Lock(directory, purpose)
            storage = DiskStorage(directory)
        self._storage = storage
        try:
            self._open(worker, allocate_bytes)
        except OSError as error:
            self._unlock()
            raise JournalError(f"cannot open the journal in {directory}: {error}") from error
        except BaseException:
            self._unlock()
            raise

    # --- opening and closing -----------------------------------------------------------------------------------------

    def _open(self, worker: Callable[[str], Worker], allocate_bytes: int) -> None:
        storage = self._storage
        if SPARE in storage.names():
            storage.remove(SPARE)
        newest = newest_seq(storage)
        found = recover(storage, flushed=newest)
        if newest > found.seq:
            raise JournalDamaged(found.segment or "the journal", found.offset, found.seq, f"a snapshot holds {newest}")
        told = released(self.directory) if self._lock is not None else None
        if told is not None and missing(found, told, self._boot_id):
            raise JournalDamaged(
                found.segment or str(self.directory), found.offset, found.seq, f"entries up to {told} were released"
            )
        self.recovered: Recovered = found
        self._epoch = found.epoch + 1
        # Only the machine's stop can lose what was written; then numbers beyond the last one seen may have been shown.
        machine_stopped = not found.clean and (not self._boot_id or found.boot_id != self._boot_id)
        first = found.seq + 1
        if machine_stopped:
            first = max(first, found.seq_limit)
        self._next_seq = first
        now = self._now()
        self._chain = Chain(self._segment_bytes, now)
        self._limit = found.seq_limit
        self._granted = 0
        file = self._open_segment(now)
        batch = [Entry(first, now, Opened(epoch=self._epoch, clean=found.clean, boot_id=self._boot_id))]
        if self._seq_block:
            self._limit = max(first + self._seq_block, found.seq_limit)
            batch.append(Entry(first + 1, now, Reserved(seq_limit=self._limit)))
        last = batch[-1].seq
        write_all(file, self._chain.lay([encode(entry) for entry in batch], last, found.seq))
        faults.point("journal.opened")
        file.flush()
        storage.flush_names()
        faults.point("journal.opened.flushed")
        self._next_seq = last + 1
        self.durable = last
        """Highest `seq` whose effects may leave."""
        self.flushed = last
        self._granted = self._limit
        self._flush_began: float | None = None
        self.head: HeadWriter | None = None
        if self._lock is not None:
            self.head = HeadWriter(self.directory / HEAD)
            self.head.write(last)
        self._worker = worker("journal")
        self._file = file
        self._writer: Writer | None = None
        if self.mode == "sync":
            spare = self._segment_bytes if allocate_bytes else 0
            filler = worker("journal-allocate") if spare else None
            self._writer = Writer(storage, file, self._chain.offset, spare, filler)
            if allocate_bytes:
                self._writer.fill(min(self._segment_bytes, self._chain.offset + allocate_bytes))
        self._open_batches: list[tuple[list[bytes], int, datetime]] = []
        self._flushing = False
        self._retired: list[WritableFile] = []
        self._names_changed = False
        self._flush_asked = False
        self._closed = False
        self._reader: JournalReader | None = None

    def _open_segment(self, now: datetime) -> WritableFile:
        """The file to go on in: the recovered one, flushed, or a new one where it is full, of another day, or
        missing.
        """
        found, chain = self.recovered, self._chain
        for name in found.scanned:
            old = self._storage.open(name, self._storage.size(name))
            old.flush()
            old.close()
        if found.scanned:
            self._storage.flush_names()  # before anything is written that calls these entries flushed
        others = [name for name in segments(self._storage.names()) if name != found.segment]
        chain.before = sum(self._storage.size(name) for name in others)
        if found.segment is not None:
            chain.resume(found.began, found.seq, found.crc, found.offset, found.began_at or now)
            if not chain.full(now):
                return self._storage.open(found.segment, found.offset)
        heading = self._head(now)
        file = self._storage.create(heading.name)
        write_all(file, heading.line)
        return file

    def close(self) -> None:
        """Write and flush everything, mark the stop as clean, let go. Waits for the disk. Repeating it does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._writer is not None and self._open_batches and self.failed is None:
            self._worker.submit(self._job(self._take()))
        elif self._writer is None:
            self._worker.submit(self._flush_behind)
        self._worker.close()
        try:
            self._let_go()
        except OSError as error:
            self._fail(f"closing the journal failed: {error}")
        finally:
            self.failed = self.failed or "the journal is closed"
            if self._reader is not None:
                self._reader.close()
            if self.head is not None:
                self.head.close()
            self._unlock()

    def _let_go(self) -> None:
        if self.failed is not None:
            if self._writer is not None:
                self._writer.drop()
            else:
                self._file.close()
            return
        if self._writer is not None:
            self._writer.close(self._clean_mark)
        else:
            self._flush_files()
            write_all(self._file, self._clean_mark())
            self._file.flush()
            self._file.close()
        self._settle(self._next_seq - 1)

    def _clean_mark(self) -> bytes:
        """An end line that knows its own last entry to be flushed: only a clean stop can write one."""
        return lay_end(self._next_seq - 1, self._chain.crc)[0]

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Callbacks run on `loop` from now on."""
        self._call_soon = loop.call_soon
        self._call_threadsafe = loop.call_soon_threadsafe

    # --- what a writer sees ------------------------------------------------------------------------------------------

    @property
    def next_seq(self) -> int:
        """`seq` of the next entry."""
        return self._next_seq

    @property
    def epoch(self) -> int:
        """The owner's term: one more than the last time the journal was opened."""
        return self._epoch

    @property
    def seq_limit(self) -> int:
        """Numbers below it are reserved; what a `Reserved` of the engine's own repeats. 0 in `sync` mode."""
        return self._limit

    @property
    def flush_age(self) -> float:
        """Seconds that the flush under way has taken, 0 when none is: above `stall_limit` D and G are refused."""
        began = self._flush_began
        return 0.0 if began is None else max(0.0, self._clock.monotonic() - began)

    @property
    def size(self) -> int:
        """Bytes of all segments, those not yet written to included."""
        return self._chain.before + self._chain.offset

    @property
    def spare_error(self) -> str | None:
        """Why space for the next segment is not certain, in `sync` mode."""
        return None if self._writer is None else self._writer.spare_error

    def on_durable(self, callback: Callable[[int], None]) -> None:
        """Call `callback(durable)` on the loop whenever `durable` moved later than within `append`."""
        self._durable_callbacks.append(callback)

    def on_failed(self, callback: Callable[[str], None]) -> None:
        """Call `callback(reason)` on the loop once nothing can be written any more."""
        self._failed_callbacks.append(callback)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add one batch, all or nothing; never waits for the disk.

        Raises JournalError when the journal has failed (rule 7), ValueError for numbers that are not the next ones.
        """
        if self._later:
            self._catch_up()
        if self.failed is not None:
            raise JournalError(self.failed)
        seq = self._next_seq
        records = []
        reserved = False
        for entry in entries:
            if entry.seq != seq:
                raise ValueError(f"entry {entry.seq} where {seq} is next")
            records.append(encode(entry))
            if entry.event.__class__ is Reserved:
                reserved = True
            seq += 1
        if not records:
            return
        if self._writer is not None:
            self._next_seq = seq
            self._open_batches.append((records, seq - 1, entry.time))
            if not self._flushing:
                self._flushing = True
                self._soon(self._kick)
            return
        limit = self._limit
        if limit - seq < self._seq_block >> 1:
            # Renewed at half. The entry is the journal's own and joins the batch, so that no caller can forget it.
            limit = seq + self._seq_block
            records.append(encode(Entry(seq, entry.time, Reserved(seq_limit=limit))))
            reserved = True
            seq += 1
        self._write(records, seq - 1, entry.time)
        self._next_seq = seq
        self._limit = limit  # after the write: the thread grants what it finds here once it has flushed
        if seq <= self._granted:
            self.durable = seq - 1
            if self.head is not None:
                self.head.write(seq - 1)
        if not self._flush_asked:
            self._flush_asked = True
            self._worker.submit(self._flush_behind, self._flush_interval / 2)
        if reserved:
            self._worker.hurry()

    def read(self, after: int = 0) -> Iterator[Entry]:
        """The durable entries above `after`, decoded from the files. Raises JournalTrimmed, JournalDamaged."""
        if self._reader is None:
            self._reader = JournalReader(self.directory, storage=self._storage)
        return self._reader.read(after, self.durable)

    # --- write mode --------------------------------------------------------------------------------------------------

    def _write(self, records: list[bytes], last_seq: int, time: datetime) -> None:
        if faults.armed:
            faults.point("journal.append")
        try:
            if self._chain.full(time):
                heading = self._head(time)
                self._retired.append(self._file)
                self._file = self._storage.create(heading.name)
                self._names_changed = True
                faults.point("journal.roll")
                write_all(self._file, heading.line)
            write_all(self._file, self._chain.lay(records, last_seq, self.flushed))
        except OSError as error:
            self._fail(f"writing the journal failed: {error}")
            raise JournalError(self.failed) from error
        if faults.armed:
            faults.point("journal.written")

    def _flush_behind(self) -> None:
        """On the journal thread: make what is written until now durable."""
        self._flush_asked = False
        upto = self._next_seq - 1
        limit = self._limit
        if self.failed is not None or upto == self.flushed:
            return
        began = self._flush_began = self._clock.monotonic()
        try:
            self._flush_files()
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing more may be called flushed
            self._fail_from_thread(f"flushing the journal failed: {error}")
            return
        self._flush_began = None
        count, self.flushed = upto - self.flushed, upto
        seconds = self._clock.monotonic() - began
        self._threadsafe(lambda: self._flushed_behind(upto, limit, seconds, count))

    def _flush_files(self) -> None:
        # The loop may retire the open file at any moment between these lines. It is looked at first, so that what was
        # written until now is in it or in one of the retired; when it is retired in between it is among those.
        file = self._file
        if faults.armed:
            faults.point("journal.flush")
        retired = list(self._retired)
        for old in retired:
            old.flush()
            old.close()
        del self._retired[: len(retired)]
        if self._names_changed:
            self._names_changed = False
            self._storage.flush_names()
        if file not in retired:
            file.flush()
        if faults.armed:
            faults.point("journal.flushed")

    def _flushed_behind(self, upto: int, limit: int, seconds: float, count: int) -> None:
        self._granted = max(self._granted, limit)
        # Numbers at and above the limit waited for its flush.
        self._settle(self._next_seq - 1 if self._next_seq <= self._granted else upto)
        if self.on_flush is not None:
            self.on_flush(seconds, count)

    # --- sync mode ---------------------------------------------------------------------------------------------------

    def _kick(self) -> None:
        """At the end of the turn: hand over everything that was appended in it."""
        if self.failed is None and self._open_batches and not self._closed:
            self._worker.submit(self._job(self._take()))
        else:
            self._flushing = False

    def _take(self) -> tuple[list[Step], int, int]:
        """The open batches as steps for the thread, their last number, and how many entries they are."""
        batches, self._open_batches = self._open_batches, []
        self._flush_began = self._clock.monotonic()
        if faults.armed:
            faults.point("journal.append")
        steps: list[Step] = []
        pieces: list[bytes] = []
        before = self._chain.seq
        for records, last_seq, time in batches:
            if self._chain.full(time):
                steps += [b"".join(pieces), self._head(time)]
                pieces = []
            pieces.append(self._chain.lay(records, last_seq, self.flushed))
        steps.append(b"".join(pieces))
        return steps, self._chain.seq, self._chain.seq - before

    def _job(self, taken: tuple[list[Step], int, int]) -> Callable[[], None]:
        steps, last_seq, count = taken
        writer = self._writer
        assert writer is not None

        def commit() -> None:
            if self.failed is not None:
                return
            began = self._clock.monotonic()
            try:
                writer.commit(steps)
            except Exception as error:  # noqa: BLE001 - whatever it was, nothing more may be called durable
                self._fail_from_thread(f"the journal could not be made durable: {error}")
                return
            self.flushed = last_seq
            seconds = self._clock.monotonic() - began
            self._threadsafe(lambda: self._done(last_seq, seconds, count))

        return commit

    def _done(self, last_seq: int, seconds: float, count: int) -> None:
        self._flush_began = None
        if faults.armed:
            faults.point("journal.durable")
        try:
            self._settle(last_seq)
            if self.on_flush is not None:
                self.on_flush(seconds, count)
        finally:
            if self._open_batches:
                self._kick()
            else:
                self._flushing = False

    # --- both --------------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self._clock.utc_ns() // 1000)

    def _soon(self, call: Callable[[], None]) -> None:
        if self._call_soon is None:
            raise JournalError("a journal in sync mode needs a loop: attach one before the first append")
        self._call_soon(call)

    def _threadsafe(self, call: Callable[[], None]) -> None:
        """Have the loop call; without a loop the next `append` does, so that nothing here runs on two threads at
        once.
        """
        if self._call_threadsafe is None:
            self._later.append(call)
            return
        try:
            self._call_threadsafe(call)
        except RuntimeError:
            if not self._closed:  # a loop that is gone before its journal hears nothing more, and misses nothing
                raise

    def _head(self, time: datetime) -> Heading:
        return self._chain.head(
            time,
            partition=self._partition,
            epoch=self._epoch,
            boot_id=self._boot_id,
            seq_limit=self._limit,
        )

    def _catch_up(self) -> None:
        while self._later:
            self._later.popleft()()

    def _settle(self, durable: int) -> None:
        """`durable` moved outside `append`: show it."""
        if durable <= self.durable:
            return
        self.durable = durable
        for callback in self._durable_callbacks:
            callback(durable)
        if self.head is not None:
            self.head.write(durable)

    def _fail(self, reason: str) -> None:
        if self.failed is None:
            self.failed = reason
            self._tell(reason)

    def _tell(self, reason: str) -> None:
        for callback in self._failed_callbacks:
            callback(reason)

    def _fail_from_thread(self, reason: str) -> None:
        self._flush_began = None
        if self.failed is None:
            self.failed = reason
            self._threadsafe(lambda: self._tell(reason))
