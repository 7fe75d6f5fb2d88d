"""The journal's writing end: lines hung one on the other, segments that follow each other, bytes on their way to a
file.
"""

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zlib import crc32

from bridge import faults
from bridge.journal.encoding import encode
from bridge.journal.format import VERSION, lay_record, segment_name
from bridge.journal.storage import WritableFile
from bridge.orders.events import Entry, Segment


class Heading(NamedTuple):
    """A segment that is to begin: its file's name and first line."""

    name: str
    line: bytes


MakeHeading = Callable[[datetime, int], Heading]
"""Begin the next segment at a time, with the limit of numbers that is in force."""


class Chain:
    """Where the next line goes. Belongs to the loop: it is decided there what is written, whoever writes it."""

    __slots__ = ("_bytes", "_day_end", "_durable", "_end", "before", "began", "crc", "offset", "seq")

    def __init__(self, segment_bytes: int, now: datetime) -> None:
        self._bytes = segment_bytes
        self._day_end = end_of_day(now)
        self._durable = 0  # what the last end line said, and its text: many batches share one flush
        self._end = b".0"
        self.before = 0  # bytes of all segments before this one
        self.began = 0  # `seq` before this segment
        self.seq = 0
        self.crc = 0
        self.offset = 0

    def resume(self, began: int, seq: int, crc: int, offset: int, began_at: datetime) -> None:
        """Go on behind the last whole batch of a segment that began at `began_at`, whatever a wrong clock made of
        that.
        """
        self.began, self.seq, self.crc, self.offset = began, seq, crc, offset
        self._day_end = min(self._day_end, end_of_day(began_at))

    def full(self, time: datetime) -> bool:
        """A new segment is due: this one has its size, or the UTC day is over. An empty one stays."""
        return (self.offset >= self._bytes or time >= self._day_end) and self.seq > self.began

    def lay(self, records: list[bytes], last_seq: int, durable: int) -> bytes:
        """The lines of one batch."""
        if durable != self._durable:
            self._durable, self._end = durable, b".%d" % durable
        end, crc = self._end, self.crc
        if len(records) == 1:  # most batches: one formatting
            body = b" " + records[0]
            crc = crc32(body, crc)
            self.crc = crc32(end, crc)
            data = b"%08x%b\n%08x%b\n" % (crc, body, self.crc, end)
        else:
            lines = []
            for record in records:
                body = b" " + record
                crc = crc32(body, crc)
                lines.append(b"%08x%b\n" % (crc, body))
            self.crc = crc32(end, crc)
            lines.append(b"%08x%b\n" % (self.crc, end))
            data = b"".join(lines)
        self.seq = last_seq
        self.offset += len(data)
        return data

    def head(self, time: datetime, *, partition: int, epoch: int, boot_id: str, seq_limit: int) -> Heading:
        """Begin the next segment."""
        segment = Segment(
            version=VERSION,
            partition=partition,
            epoch=epoch,
            boot_id=boot_id,
            prev_seq=self.seq,
            prev_crc=f"{self.crc:08x}",
            seq_limit=seq_limit,
        )
        line, self.crc = lay_record(encode(Entry(self.seq, time, segment)), 0)
        self.before += self.offset
        self.began = self.seq
        self.offset = len(line)
        self._day_end = end_of_day(time)
        return Heading(segment_name(self.seq + 1), line)


def end_of_day(time: datetime) -> datetime:
    """The next midnight UTC."""
    return datetime(time.year, time.month, time.day, tzinfo=UTC) + timedelta(days=1)


def write_all(file: WritableFile, data: bytes) -> None:
    """Write all of `data`; the kernel may take it in pieces. Raises OSError, and then an unknown part is written."""
    written = faults.write("journal.write", file.write, data) if faults.armed else file.write(data)
    while written < len(data):
        if not written:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        data = data[written:]
        written = file.write(data)
