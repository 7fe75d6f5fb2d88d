"""`sync` mode: group commit (DURABILITY.md section 4).

The loop decides what is written (numbers, CRC, where a segment begins), one thread writes and flushes it. There is no
timer: while a flush runs everything that arrives is collected, and goes with the next one.
"""

import threading
from datetime import datetime

from bridge import faults
from bridge.journal.chain import Chain, Heading, MakeHeading, write_all
from bridge.journal.format import lay_end
from bridge.journal.promise import Promise
from bridge.journal.storage import Storage, WritableFile
from bridge.journal.threads import Worker

SPARE = "next.segment"
FILL = 1 << 20

Step = bytes | Heading


class GroupCommit:
    """The loop's side: what is appended while a flush runs goes with the next one."""

    def __init__(
        self,
        promise: Promise,
        chain: Chain,
        writer: "Writer",
        worker: Worker,
        head: MakeHeading,
        *,
        limit: int,
    ) -> None:
        self._promise = promise
        self._chain = chain
        self._writer = writer
        self._worker = worker
        self._head = head
        self.limit = limit  # what an earlier run in `write` mode reserved; here no number is shown before its flush
        self._open: list[tuple[list[bytes], int, datetime]] = []
        self._flushing = False

    @property
    def spare_error(self) -> str | None:
        """Why space for the next segment is not certain."""
        return self._writer.spare_error

    def append(self, records: list[bytes], next_seq: int, time: datetime, *, reserved: bool) -> int:
        """Take one batch for the next flush; the number after it."""
        if not self._flushing:
            self._promise.soon(self._kick)
            self._flushing = True
        self._open.append((records, next_seq - 1, time))
        return next_seq

    def _kick(self) -> None:
        """At the end of the turn: hand over everything that was appended in it."""
        if self._promise.failed is None and self._open and not self._promise.closed:
            self._hand_over()
        else:
            self._flushing = False

    def _hand_over(self) -> None:
        batches, self._open = self._open, []
        promise, chain = self._promise, self._chain
        promise.flush_began = promise.clock.monotonic()
        if faults.armed:
            faults.point("journal.append")
        steps: list[Step] = []
        pieces: list[bytes] = []
        before = chain.seq
        for records, last_seq, time in batches:
            if chain.full(time):
                steps += [b"".join(pieces), self._head(time, self.limit)]
                pieces = []
            pieces.append(chain.lay(records, last_seq, promise.flushed))
        steps.append(b"".join(pieces))
        last, count = chain.seq, chain.seq - before
        self._worker.submit(lambda: self._commit(steps, last, count))

    def _commit(self, steps: list[Step], last_seq: int, count: int) -> None:
        """On the thread."""
        promise = self._promise
        if promise.failed is not None:
            return
        began = promise.clock.monotonic()
        try:
            self._writer.commit(steps)
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing more may be called durable
            promise.fail_from_thread(f"the journal could not be made durable: {error}")
            return
        promise.flushed = last_seq
        seconds = promise.clock.monotonic() - began
        promise.threadsafe(lambda: self._done(last_seq, seconds, count))

    def _done(self, last_seq: int, seconds: float, count: int) -> None:
        """On the loop: release, then flush what came meanwhile."""
        promise = self._promise
        promise.flush_began = None
        if faults.armed:
            faults.point("journal.durable")
        try:
            promise.settle(last_seq)
            if promise.on_flush is not None:
                promise.on_flush(seconds, count)
        finally:
            self._kick()

    def close(self) -> None:
        """Write and flush what is left, mark the stop as clean, let go. Raises OSError."""
        if self._open and self._promise.failed is None:
            self._hand_over()
        self._worker.close()
        if self._promise.failed is None:
            self._writer.close(lay_end(self._chain.seq, self._chain.crc)[0])
            self._promise.settle(self._chain.seq)
        else:
            self._writer.drop()


class Writer:
    """The thread's side: the open segment, and a spare one prepared ahead of need.

    A spare is filled with zeros to its full size: flushing into allocated blocks takes a quarter to a half less time
    than growing a file, and space for the next segment is then certain. It is filled by a thread of its own, flushed
    piece by piece, so that no batch waits behind a quarter of a gigabyte.
    """

    def __init__(self, storage: Storage, file: WritableFile, size: int) -> None:
        self._storage = storage
        self._file = file
        self._size = size
        self._spare_bytes = 0
        self._filler: Worker | None = None
        self._spare: WritableFile | None = None
        self._stop = threading.Event()
        self.spare_error: str | None = None

    def prepare_ahead(self, size: int, filler: Worker) -> None:
        """From now on keep a spare segment of `size` bytes ready, made by `filler`."""
        self._spare_bytes, self._filler = size, filler
        self._prepare()

    def commit(self, steps: list[Step]) -> None:
        """Write the steps in order and flush. Raises OSError."""
        for step in steps:
            if isinstance(step, bytes):
                write_all(self._file, step)
                self._size += len(step)
            else:
                self._roll(step)
        if faults.armed:
            faults.point("journal.written")
            faults.point("journal.flush")
        self._file.flush()
        if faults.armed:
            faults.point("journal.flushed")

    def _roll(self, heading: Heading) -> None:
        """Seal the segment, begin the next one. The old one is flushed first: no later line may prove a lost one."""
        self._file.truncate(self._size)
        self._file.flush()
        self._file.close()
        spare, self._spare = self._spare, None
        if spare is not None:
            self._storage.rename(SPARE, heading.name)
            spare.seek(0)
            self._file = spare
        else:
            self._file = self._storage.create(heading.name)
        faults.point("journal.roll")
        write_all(self._file, heading.line)
        self._file.flush()
        faults.point("journal.roll.flushed")
        self._storage.flush_names()
        self._size = len(heading.line)
        self._prepare()

    def fill(self, upto: int) -> None:
        """Allocate the open segment up to `upto` bytes. Raises OSError."""
        file = self._file
        if upto > self._size:
            file.seek(self._size)
            _zero(file, upto - self._size, None)
            file.seek(self._size)
            file.flush()

    def close(self, mark: bytes) -> None:
        """Cut the zeros behind the last line, write `mark`, flush, let go. Raises OSError."""
        self._abandon()
        self._file.truncate(self._size)
        self._file.flush()
        write_all(self._file, mark)
        self._file.flush()
        self._file.close()

    def drop(self) -> None:
        """Let go of the file as it is: something failed, and nothing more may be written."""
        self._abandon()
        self._file.close()

    def _abandon(self) -> None:
        self._stop.set()
        if self._filler is not None:
            self._filler.close()
        if self._spare is not None:
            self._spare.close()
            self._storage.remove(SPARE)

    def _prepare(self) -> None:
        if self._filler is not None and self._spare is None:
            self._filler.submit(self._fill_spare)

    def _fill_spare(self) -> None:
        if self._spare is not None or self._stop.is_set():
            return
        try:
            if SPARE in self._storage.names():
                self._storage.remove(SPARE)
            file = self._storage.create(SPARE)
            if _zero(file, self._spare_bytes, self._stop):
                self._storage.flush_names()
                self.spare_error = None
                self._spare = file
            else:
                file.close()
                self._storage.remove(SPARE)
        except OSError as error:  # no spare is no failure: the next segment grows instead, and the operator is told
            self.spare_error = str(error)


def _zero(file: WritableFile, count: int, stop: threading.Event | None) -> bool:
    """Write `count` zeros, flushed every eight pieces. False when told to stop. Raises OSError."""
    piece = bytes(FILL)
    done = 0
    while done < count:
        if stop is not None and stop.is_set():
            return False
        write_some = piece if count - done >= FILL else piece[: count - done]
        done += file.write(write_some)
        if done % (8 * FILL) == 0:
            file.flush()
    file.flush()
    return True
