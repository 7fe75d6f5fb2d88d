"""The exchange's own durable record: an append-only file of checksummed lines, written before anybody is told.

A line is eight hex digits of CRC-32, a space, and the record as JSON; the file is mapped into memory and grown ahead of
need by allocated zeros. What is copied into the map belongs to the operating system: whatever happens to the process,
`kill -9` included, it is in the file. A torn last line is what the kill left of a record that nobody was told about;
anything else that does not check is damage, and the book does not open.
"""

import fcntl
import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol
from zlib import crc32

import msgspec

from bridge.brokers.paper.records import AnyRecord, Record

ENCODE = msgspec.json.Encoder(decimal_format="string").encode
DECODE = msgspec.json.Decoder(AnyRecord).decode
GROWTH = 1 << 20


class BookError(Exception):
    """The book is damaged, of another version, or another process has it open."""


class Book(Protocol):
    """Where the exchange keeps its records."""

    def read(self) -> Iterator[Record]:
        """All records, oldest first."""
        ...

    def append(self, records: Iterable[Record]) -> None:
        """Keep them. OSError when there is no room: none of them was kept then."""
        ...

    def close(self) -> None:
        """No more records."""
        ...


class MemoryBook:
    """A book that ends with the process: for tests and rehearsals."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def read(self) -> Iterator[Record]:
        """All records, oldest first."""
        return iter(tuple(self.records))

    def append(self, records: Iterable[Record]) -> None:
        """Keep them."""
        self.records.extend(records)

    def close(self) -> None:
        """Nothing to do: the list stays readable."""


class FileBook:
    """The book in a file, locked against a second process."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises BookError when it is locked or damaged, OSError when it cannot be opened."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise BookError(f"{path} is open in another process") from error
            self._length = self._sound_length()
            os.ftruncate(self._fd, self._length)  # what is torn goes, and the zeros of the last growth
            self._room = 0
            self._grow(1)
            self._map = mmap.mmap(self._fd, self._room)
        except BaseException:
            os.close(self._fd)
            raise

    def read(self) -> Iterator[Record]:
        """All records that were there when it began, oldest first; another thread may read while this one appends."""
        left = self._length
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                left -= len(line)
                if left < 0:
                    return
                yield _decoded(self.path, number, line)

    def append(self, records: Iterable[Record]) -> None:
        """One copy into the map. OSError when the disk has no room, before anything is copied."""
        lines = []
        for record in records:
            line = ENCODE(record)
            lines.append(b"%08x %b\n" % (crc32(line), line))
        data = b"".join(lines)
        end = self._length + len(data)
        if end > self._room:
            self._grow(len(data))
            self._map.resize(self._room)
        self._map[self._length : end] = data
        self._length = end

    @property
    def length(self) -> int:
        """Bytes of records."""
        return self._length

    def rewrite(self, records: Iterable[Record]) -> None:
        """Other records instead, all or nothing: a new file takes the old one's name. Raises OSError."""
        beside = self.path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        other = FileBook(beside)
        try:
            for record in records:
                other.append((record,))
            other.flush()
            beside.rename(self.path)
        except BaseException:
            other.close()
            beside.unlink(missing_ok=True)
            raise
        self._map.close()
        os.close(self._fd)
        self._fd, self._map, self._length, self._room = other._fd, other._map, other._length, other._room

    def flush(self) -> None:
        """To the disk."""
        self._map.flush()
        os.fsync(self._fd)

    def close(self) -> None:
        """Flush to the disk and let go."""
        self._map.flush()
        self._map.close()
        os.ftruncate(self._fd, self._length)
        os.fsync(self._fd)
        os.close(self._fd)

    def _grow(self, need: int) -> None:
        """Allocate, so that a full disk is an error here and not a signal at the copy."""
        room = (self._length + need + GROWTH - 1) // GROWTH * GROWTH
        os.posix_fallocate(self._fd, 0, room)
        self._room = room

    def _sound_length(self) -> int:
        length = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line[:1] == b"\0" and not line.strip(b"\0"):
                    break
                try:
                    _decoded(self.path, number, line)
                except BookError:
                    if line.endswith(b"\n") and file.read(1).strip(b"\0"):
                        raise
                    break
                length += len(line)
        return length


def _decoded(path: Path, number: int, line: bytes) -> Record:
    try:
        if line[-1:] != b"\n" or line[8:9] != b" " or int(line[:8], 16) != crc32(line[9:-1]):
            raise ValueError("the checksum does not fit")
        record: Record = DECODE(line[9:-1])
    except (ValueError, msgspec.ValidationError) as error:
        raise BookError(f"{path}:{number}: damaged: {error}") from error
    return record
