"""The exchange's own durable record: an append-only file of checksummed lines, written before anybody is told.

A line is eight hex digits of CRC-32, a space, and the record as JSON. `write` hands it to the operating system, so
that whatever happens to the process, `kill -9` included, what was told is in the file. A torn last line is what the
kill left of a record that nobody was told about; anything else that does not check is damage, and the book does not
open.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol
from zlib import crc32

import msgspec

from bridge.brokers.paper.records import AnyRecord, Record

ENCODE = msgspec.json.Encoder(decimal_format="string").encode
DECODE = msgspec.json.Decoder(AnyRecord).decode


class BookError(Exception):
    """The book is damaged, of another version, or another process has it open."""


class Book(Protocol):
    """Where the exchange keeps its records."""

    def read(self) -> Iterator[Record]:
        """All records, oldest first."""
        ...

    def append(self, records: Iterable[Record]) -> None:
        """Keep them. OSError when none of them was kept, BookError when nobody knows what was."""
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
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise BookError(f"{path} is open in another process") from error
        try:
            self._length = self._sound_length()
        except BookError:
            os.close(self._fd)
            raise
        os.ftruncate(self._fd, self._length)

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
        """One write. OSError when it fails, after cutting off what had reached the file; BookError when that fails
        too.
        """
        parts: list[bytes] = []
        for record in records:
            line = ENCODE(record)
            parts.append(b"%08x %b\n" % (crc32(line), line))
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        try:
            if os.pwrite(self._fd, data, self._length) != len(data):
                raise OSError(f"{self.path}: the disk took only a part")
        except OSError as error:
            try:
                os.ftruncate(self._fd, self._length)
            except OSError as second:
                raise BookError(f"{self.path}: {error}, and then {second}") from second
            raise
        self._length += len(data)

    def close(self) -> None:
        """Flush to the disk and let go."""
        os.fsync(self._fd)
        os.close(self._fd)

    def _sound_length(self) -> int:
        length = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    _decoded(self.path, number, line)
                except BookError:
                    if file.read(1):
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
