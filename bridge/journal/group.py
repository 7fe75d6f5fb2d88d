"""Group commit for `sync` mode: what one thread does for the loop (DURABILITY.md section 4).

The loop decides what is written (numbers, CRC, where a segment begins), the thread writes and flushes it. There is no
timer: while a flush runs everything that arrives is collected, and goes with the next one.
"""

import threading
from collections.abc import Callable

from bridge import faults
from bridge.journal.chain import Heading, write_all
from bridge.journal.storage import Storage, WritableFile
from bridge.journal.threads import Worker

SPARE = "next.segment"
FILL = 1 << 20

Step = bytes | Heading


class Writer:
    """The thread's side: the open segment, and a spare one prepared ahead of need.

    A spare is filled with zeros to its full size: flushing into allocated blocks takes a quarter to a half less time
    than growing a file, and space for the next segment is then certain. It is filled by a thread of its own, flushed
    piece by piece, so that no batch waits behind a quarter of a gigabyte.
    """

    def __init__(
        self, storage: Storage, file: WritableFile, size: int, spare_bytes: int, filler: Worker | None
    ) -> None:
        self._storage = storage
        self._file = file
        self._size = size
        self._spare_bytes = spare_bytes
        self._filler = filler
        self._spare: WritableFile | None = None
        self._stop = threading.Event()
        self.spare_error: str | None = None
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

    def close(self, mark: Callable[[], bytes]) -> None:
        """Cut the zeros behind the last line, write `mark`, flush, let go. Raises OSError."""
        self._abandon()
        self._file.truncate(self._size)
        self._file.flush()
        write_all(self._file, mark())
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
        if self._filler is not None and self._spare is None and self._spare_bytes:
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
