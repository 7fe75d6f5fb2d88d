"""`write` mode: a batch is in the kernel when `append` returns, a thread flushes behind (DURABILITY.md sections 2, 5).

What is shown may be lost with the machine, its number must not be shown again. So numbers are reserved ahead in the
journal itself: below a limit that is flushed they may be used at once; at the limit effects wait for the flush.
"""

from datetime import datetime

from bridge import faults
from bridge.interfaces import JournalError
from bridge.journal.chain import Chain, MakeHeading, write_all
from bridge.journal.encoding import encode
from bridge.journal.format import lay_end
from bridge.journal.promise import Promise
from bridge.journal.storage import Storage, WritableFile
from bridge.journal.threads import Worker
from bridge.orders.events import Entry, Reserved


class WriteThrough:
    """Writes on the loop, flushes on the thread. `block` numbers are reserved at a time, renewed at half."""

    spare_error: str | None = None

    def __init__(
        self,
        promise: Promise,
        chain: Chain,
        storage: Storage,
        file: WritableFile,
        worker: Worker,
        head: MakeHeading,
        *,
        limit: int,
        block: int,
        interval: float,
    ) -> None:
        self._promise = promise
        self._chain = chain
        self._storage = storage
        self._file = file
        self._worker = worker
        self._head = head
        self.limit = limit
        self._granted = limit  # the limit that is flushed
        self._block = block
        self._delay = interval / 2  # the flush itself may take the other half
        self._retired: list[WritableFile] = []
        self._names_changed = False
        self._flush_asked = False

    def append(self, records: list[bytes], next_seq: int, time: datetime, *, reserved: bool) -> int:
        """Write one batch; the number after it. Raises JournalError when that failed."""
        limit = self.limit
        if limit - next_seq < self._block >> 1:
            # The entry is the journal's own and joins the batch, so that no caller can forget it.
            limit = next_seq + self._block
            records.append(encode(Entry(next_seq, time, Reserved(seq_limit=limit))))
            reserved = True
            next_seq += 1
        if faults.armed:
            faults.point("journal.append")
        promise, chain, last_seq = self._promise, self._chain, next_seq - 1
        try:
            if chain.full(time):
                self._roll(time)
            data = chain.lay(records, last_seq, promise.flushed)
            if faults.armed:
                write_all(self._file, data)
            else:
                written = self._file.write(data)
                if written != len(data):
                    write_all(self._file, data[written:])
        except OSError as error:
            promise.fail(f"writing the journal failed: {error}")
            raise JournalError(promise.failed) from error
        if faults.armed:
            faults.point("journal.written")
        self.limit = limit  # after the write: the thread grants what it finds here once it has flushed
        if last_seq < self._granted:
            promise.durable = last_seq
            if promise.head is not None:
                promise.head.write(last_seq)
        if not self._flush_asked:
            self._flush_asked = True
            self._worker.submit(self._flush_behind, self._delay)
        if reserved:
            self._worker.hurry()
        return next_seq

    def _roll(self, time: datetime) -> None:
        heading = self._head(time, self.limit)
        self._retired.append(self._file)
        self._file = self._storage.create(heading.name)
        self._names_changed = True
        faults.point("journal.roll")
        write_all(self._file, heading.line)

    def _flush_behind(self) -> None:
        """On the thread: make what is written until now durable."""
        promise = self._promise
        self._flush_asked = False
        upto, limit = self._chain.seq, self.limit
        if promise.failed is not None or upto == promise.flushed:
            return
        began = promise.flush_began = promise.clock.monotonic()
        try:
            self._flush_files()
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing more may be called flushed
            promise.fail_from_thread(f"flushing the journal failed: {error}")
            return
        promise.flush_began = None
        count, promise.flushed = upto - promise.flushed, upto
        seconds = promise.clock.monotonic() - began
        promise.threadsafe(lambda: self._flushed(upto, limit, seconds, count))

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

    def _flushed(self, upto: int, limit: int, seconds: float, count: int) -> None:
        """On the loop: numbers at and above the limit waited for its flush."""
        promise = self._promise
        self._granted = max(self._granted, limit)
        written = self._chain.seq
        promise.settle(written if written < self._granted else upto)
        if promise.on_flush is not None:
            promise.on_flush(seconds, count)

    def close(self) -> None:
        """Flush, mark the stop as clean, let go. Raises OSError."""
        self._worker.submit(self._flush_behind)
        self._worker.close()
        if self._promise.failed is None:
            self._flush_files()
            write_all(self._file, lay_end(self._chain.seq, self._chain.crc)[0])
            self._file.flush()
            self._promise.flushed = self._chain.seq
            self._promise.settle(self._chain.seq)
        self._file.close()
