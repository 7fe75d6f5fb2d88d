"""Where a session keeps what it sent and its two next numbers: in memory, or in files that survive a kill.

A `FileStore` is a directory with three files.
- `numbers`: one mapped page. Two slots of words; the selector says which counts, so that a reset is one word's change.
- `messages.G`: records `seq u64, origin u64, length u32, crc32 u32, bytes`, appended by one unbuffered write each.
- `index.G`: mapped pairs `seq, offset`, in order of seq.
G is a generation: a reset begins new files and removes the old ones only when the selector points to the new.

A mapped page belongs to the kernel as soon as it is written, so a killed process loses nothing. After a crash of the
*machine* pages may be older or newer than each other: then (other boot id, no clean close) the index is rebuilt from
the records that check out, and the numbers can be too low; DURABILITY.md section 5 has the journal's larger say.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

from sessions.interfaces import StoreFailed

_HEAD = struct.Struct("<QQI")
_CRC = struct.Struct("<I")
_WHOLE_HEAD = struct.Struct("<QQII")
_PREFIX = _HEAD.size + _CRC.size
_PAGE = 4096
_MAGIC = int.from_bytes(b"FXBSTOR1", "little")
_READ = 64 * 1024
_PAIR = 16
_GROWTH = 4 * 1024 * 1024
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC

# Words of the page, and of a slot within it.
_W_MAGIC, _W_SELECTOR, _W_BOOT, _W_CLEAN = 0, 1, 2, 4
_SLOT, _SLOT_WORDS = 8, 8
_SENDER, _TARGET, _ORIGIN, _GENERATION, _CREATED, _COUNT, _CARRIED = range(7)


class MemoryStore:
    """Keeps everything in memory: tests, and sessions that reset at every Logon(A)."""

    __slots__ = ("_messages", "_next_sender", "_seqs", "created_ns", "last_origin", "next_target")

    def __init__(self, created_ns: int = 0) -> None:
        self.created_ns = created_ns
        self.last_origin = 0
        self.next_target = 1
        self._next_sender = 1
        self._messages: dict[int, bytes] = {}
        self._seqs: list[int] = []

    @property
    def next_sender(self) -> int:
        """The next outbound MsgSeqNum(34)."""
        return self._next_sender

    @next_sender.setter
    def next_sender(self, seq_num: int) -> None:
        while self._seqs and self._seqs[-1] >= seq_num:
            del self._messages[self._seqs.pop()]
        self._next_sender = seq_num

    def save(self, seq_num: int, data: bytes, origin: int) -> None:
        """Keep one message; ValueError for a number already used."""
        if seq_num < self._next_sender:
            raise ValueError(f"MsgSeqNum(34) {seq_num} is below the next one, {self._next_sender}")
        self._messages[seq_num] = data
        self._seqs.append(seq_num)
        self._next_sender = seq_num + 1
        if origin:
            self.last_origin = origin

    def get(self, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield kept messages of the range in order."""
        first = bisect_left(self._seqs, begin)
        for seq_num in self._seqs[first : bisect_right(self._seqs, end)]:
            yield seq_num, self._messages[seq_num]

    def reset(self, at_ns: int = 0) -> None:
        """Forget all messages, both numbers are 1 again."""
        self._messages.clear()
        self._seqs.clear()
        self._next_sender = self.next_target = 1
        self.created_ns = at_ns

    def close(self) -> None:
        """Nothing to let go of."""


class FileStore:
    """Keeps everything in files under one directory, locked for one process.

    Raises StoreFailed when the directory is in use, is something else, or cannot be written; after a failed write every
    further one fails too (DURABILITY.md section 1 rule 7).
    """

    __slots__ = (
        "_base", "_count", "_directory", "_end", "_fd", "_index", "_index_map", "_next_sender", "_numbers",
        "_numbers_map", "_room", "_usable", "recovered",
    )  # fmt: skip

    _base: int
    """Word where the slot that counts begins."""
    _count: int
    """Records indexed."""
    _room: int
    """Records the mapped index can take."""
    _end: int
    """Where the next record goes."""
    _fd: int
    _index: memoryview
    _index_map: mmap.mmap
    _numbers: memoryview
    _numbers_map: mmap.mmap
    _next_sender: int

    def __init__(self, directory: str | Path, created_ns: int = 0, origin: int = 0) -> None:
        """Open or create; `created_ns` dates a new store, `origin` is the journal seq it begins behind: nothing of
        before is owed to it. `recovered` says what was cut off or rebuilt, if anything.
        """
        self._directory = Path(directory)
        self.recovered = ""
        self._usable = True
        with _as_store_failed(f"cannot open the store {directory}"):
            self._directory.mkdir(parents=True, exist_ok=True)
            trusted = self._open_numbers(created_ns, origin)
            self._open_generation()
            self._catch_up(trusted)

    # --- the two numbers

    @property
    def next_sender(self) -> int:
        """The next outbound MsgSeqNum(34)."""
        return self._next_sender

    @next_sender.setter
    def next_sender(self, seq_num: int) -> None:
        if not self._usable:
            raise StoreFailed("the store failed before")
        if seq_num < self._next_sender:
            self._forget_from(seq_num)
        self._numbers[self._base + _SENDER] = self._next_sender = seq_num

    @property
    def next_target(self) -> int:
        """The next inbound MsgSeqNum(34) to handle."""
        return self._numbers[self._base + _TARGET]

    @next_target.setter
    def next_target(self, seq_num: int) -> None:
        self._numbers[self._base + _TARGET] = seq_num

    @property
    def last_origin(self) -> int:
        """Journal seq of the newest message saved with an origin."""
        return self._numbers[self._base + _ORIGIN]

    @property
    def created_ns(self) -> int:
        """When the numbers began, UTC nanoseconds."""
        return self._numbers[self._base + _CREATED]

    # --- messages

    def save(self, seq_num: int, data: bytes, origin: int) -> None:
        """Keep one message: one write, then the index and the numbers. StoreFailed if the disk does not take it."""
        if seq_num < self._next_sender:
            raise ValueError(f"MsgSeqNum(34) {seq_num} is below the next one, {self._next_sender}")
        if not self._usable:
            raise StoreFailed("the store failed before")
        length = len(data)
        crc = crc32(_HEAD.pack(seq_num, origin, length) + data)
        record = _WHOLE_HEAD.pack(seq_num, origin, length, crc) + data
        end = self._end
        count = self._count
        try:
            if count == self._room:
                self._grow_index()
            written = os.pwrite(self._fd, record, end)
        except OSError as error:
            self._usable = False
            raise StoreFailed(f"writing {self._directory} failed: {error}") from error
        if written != _PREFIX + length:
            self._usable = False
            with contextlib.suppress(OSError):  # the record is whole or it is not there; at open it is cut anyway
                os.ftruncate(self._fd, end)
            raise StoreFailed(f"writing {self._directory} failed: only {written} of {len(record)} bytes")
        index, position = self._index, 2 * count
        index[position] = seq_num
        index[position + 1] = end
        numbers = self._numbers
        base = self._base
        numbers[base + _COUNT] = self._count = count + 1
        self._end = end + written
        if origin:
            numbers[base + _ORIGIN] = origin
        numbers[base + _SENDER] = self._next_sender = seq_num + 1

    def get(self, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield kept messages of the range in order; StoreFailed on a damaged record."""
        position = self._find(begin)
        stop = self._find(end + 1)
        while position < stop:
            start = self._index[2 * position + 1]
            last = position
            while last < stop and self._offset(last + 1) - start <= _READ:
                last += 1
            last = max(last, position + 1)
            block = os.pread(self._fd, self._offset(last) - start, start)
            at = 0
            for entry in range(position, last):
                record = _record(block, at)
                if record is None or record[0] != self._index[2 * entry]:
                    raise StoreFailed(f"{self._directory}: the record at offset {start + at} is damaged")
                seq_num, _, data = record
                at += _PREFIX + len(data)
                yield seq_num, data
            position = last

    def reset(self, at_ns: int = 0) -> None:
        """New files, then one word says they count, then the old ones go. `last_origin` is carried over."""
        if not self._usable:
            raise StoreFailed("the store failed before")
        with _as_store_failed(f"cannot reset the store {self._directory}"):
            numbers = self._numbers
            selector = 1 - numbers[_W_SELECTOR]
            base = _SLOT + selector * _SLOT_WORDS
            generation = numbers[self._base + _GENERATION] + 1
            for word, value in (
                (_SENDER, 1), (_TARGET, 1), (_ORIGIN, self.last_origin),
                (_GENERATION, generation), (_CREATED, at_ns), (_COUNT, 0), (_CARRIED, self.last_origin),
            ):  # fmt: skip
                numbers[base + word] = value
            for name in ("messages", "index"):
                self._path(name, generation).unlink(missing_ok=True)
            self._close_generation()
            numbers[_W_SELECTOR] = selector
            self._base = base
            self._open_generation()
            self._end = self._count = 0
            self._next_sender = 1
            self._sweep(generation)

    def close(self) -> None:
        """Flush to the disk, mark the close as clean and unlock."""
        if self._fd < 0:
            return
        with _as_store_failed(f"cannot flush the store {self._directory}"):
            os.fsync(self._fd)
            self._index_map.flush()
            self._numbers_map.flush()
            if self._usable:
                self._numbers[_W_CLEAN] = 1
                self._numbers_map.flush()
        self._usable = False
        self._close_generation()
        self._numbers.release()
        self._numbers_map.close()

    # --- opening

    def _open_numbers(self, created_ns: int, origin: int) -> bool:
        """Lock and map the page; True if index and records can be trusted to agree."""
        fd = os.open(self._directory / "numbers", _FLAGS, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StoreFailed(f"the store {self._directory} is in use by another process") from error
            if os.fstat(fd).st_size < _PAGE:
                os.posix_fallocate(fd, 0, _PAGE)
            self._numbers_map = mmap.mmap(fd, _PAGE)
        finally:
            # The mapping holds a duplicate, and with it the lock.
            os.close(fd)
        self._numbers = numbers = memoryview(self._numbers_map).cast("Q")
        if numbers[_W_MAGIC] == 0:
            numbers[_SLOT + _SENDER] = numbers[_SLOT + _TARGET] = 1
            numbers[_SLOT + _CREATED] = created_ns
            numbers[_SLOT + _ORIGIN] = numbers[_SLOT + _CARRIED] = origin
            numbers[_W_SELECTOR] = 0
            numbers[_W_CLEAN] = 1
            numbers[_W_MAGIC] = _MAGIC
            self._keep_birth()
        if numbers[_W_MAGIC] != _MAGIC or numbers[_W_SELECTOR] > 1:
            raise StoreFailed(f"{self._directory}/numbers is not a session store of this version")
        boot = _boot_id()
        trusted = numbers[_W_CLEAN] == 1 or (numbers[_W_BOOT], numbers[_W_BOOT + 1]) == boot != (0, 0)
        numbers[_W_BOOT], numbers[_W_BOOT + 1] = boot
        numbers[_W_CLEAN] = 0
        self._base = _SLOT + numbers[_W_SELECTOR] * _SLOT_WORDS
        self._sweep(numbers[self._base + _GENERATION])
        return trusted

    def _keep_birth(self) -> None:
        """Flush a new store: a power loss that forgot it would begin it again, behind what happened meanwhile."""
        self._numbers_map.flush()
        for directory in (self._directory, self._directory.parent):
            fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _open_generation(self) -> None:
        self._fd = os.open(self._path("messages"), _FLAGS, 0o600)
        self._map_index(_PAGE)

    def _catch_up(self, trusted: bool) -> None:
        """Agree on what is there: the indexed records, whole records behind them, and nothing else."""
        numbers, base = self._numbers, self._base
        self._count = numbers[base + _COUNT]
        self._next_sender = numbers[base + _SENDER]
        size = os.fstat(self._fd).st_size
        end = self._indexed_end() if trusted and self._count <= self._room else None
        rebuild = end is None
        if end is None:
            self.recovered = f"index rebuilt from {size} bytes"
            end = self._count = 0
        self._end = end
        # What a crash of the machine took from the records must not be taken for sent: the cursor goes back with them.
        origin = numbers[base + (_CARRIED if rebuild else _ORIGIN)]
        if size > self._end:
            origin = max(origin, self._scan(size))
        if size > self._end:
            self.recovered = f"{self.recovered}; cut {size - self._end} bytes of torn tail".lstrip("; ")
            os.ftruncate(self._fd, self._end)
        if self._count:
            self._next_sender = max(self._next_sender, self._index[2 * self._count - 2] + 1)
        numbers[base + _COUNT] = self._count
        numbers[base + _SENDER], numbers[base + _ORIGIN] = self._next_sender, origin

    def _scan(self, size: int) -> int:
        """Index whole records from `_end` on, stop at the first that is not; the highest origin seen."""
        origin = 0
        previous = self._index[2 * self._count - 2] if self._count else 0
        with mmap.mmap(self._fd, size, access=mmap.ACCESS_READ) as data:
            while (record := _record(data, self._end)) is not None and record[0] > previous:
                if self._count == self._room:
                    self._grow_index()
                previous = record[0]
                self._index[2 * self._count], self._index[2 * self._count + 1] = previous, self._end
                self._count += 1
                self._end += _PREFIX + len(record[2])
                origin = max(origin, record[1])
        return origin

    def _indexed_end(self) -> int | None:
        """Where the newest indexed record ends, None if it is not where the index says."""
        if not self._count:
            return 0
        seq_num, offset = self._index[2 * self._count - 2], self._index[2 * self._count - 1]
        head = os.pread(self._fd, _PREFIX, offset)
        if len(head) < _PREFIX:
            return None
        length = _HEAD.unpack_from(head)[2]
        record = _record(head + os.pread(self._fd, length, offset + _PREFIX), 0)
        return offset + _PREFIX + length if record is not None and record[0] == seq_num else None

    # --- the index

    def _find(self, seq_num: int) -> int:
        index = self._index
        return bisect_left(range(self._count), seq_num, key=lambda position: index[2 * position])

    def _offset(self, position: int) -> int:
        return self._index[2 * position + 1] if position < self._count else self._end

    def _forget_from(self, seq_num: int) -> None:
        """An operator lowers the number: messages from there on must not be resent under a second meaning."""
        position = self._find(seq_num)
        if position == self._count:
            return
        with _as_store_failed(f"cannot shorten the store {self._directory}"):
            end = self._offset(position)
            os.ftruncate(self._fd, end)
            self._numbers[self._base + _COUNT] = self._count = position
            self._end = end

    def _grow_index(self) -> None:
        size = self._room * _PAIR
        index, index_map = self._index, self._index_map
        self._map_index(size + min(size, _GROWTH))
        index.release()
        index_map.close()

    def _map_index(self, least: int) -> None:
        fd = os.open(self._path("index"), _FLAGS, 0o600)
        try:
            size = os.fstat(fd).st_size & ~(_PAGE - 1)
            if size < least:
                # Allocated, not sparse: a full disk must show here, not as a signal at the first touch of a page.
                os.posix_fallocate(fd, size, least - size)
                size = least
            self._index_map = mmap.mmap(fd, size)
        finally:
            os.close(fd)
        self._index = memoryview(self._index_map).cast("Q")
        self._room = size // _PAIR

    # --- files

    def _path(self, name: str, generation: int | None = None) -> Path:
        counts = self._numbers[self._base + _GENERATION]
        return self._directory / f"{name}.{counts if generation is None else generation}"

    def _close_generation(self) -> None:
        self._index.release()
        self._index_map.close()
        os.close(self._fd)
        self._fd = -1

    def _sweep(self, generation: int) -> None:
        """Remove files of other generations, left over by a reset or by one that did not finish."""
        for name in ("messages", "index"):
            for path in self._directory.glob(f"{name}.*"):
                if path.name != f"{name}.{generation}":
                    path.unlink(missing_ok=True)


def _record(data: bytes | mmap.mmap, at: int) -> tuple[int, int, bytes] | None:
    """The record at `at` as (seq, origin, bytes), None if it is not whole."""
    if at + _PREFIX > len(data):
        return None
    head = data[at : at + _HEAD.size]
    seq_num, origin, length = _HEAD.unpack(head)
    body_at = at + _PREFIX
    if body_at + length > len(data):
        return None
    body = data[body_at : body_at + length]
    (crc,) = _CRC.unpack(data[at + _HEAD.size : body_at])
    return (seq_num, origin, body) if crc == crc32(body, crc32(head)) else None


def _boot_id() -> tuple[int, int]:
    """The kernel's id of this boot as two words; zeros where there is none, which nothing equals."""
    try:
        raw = bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return 0, 0
    return int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:16], "little")


@contextlib.contextmanager
def _as_store_failed(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        note = " (disk full)" if error.errno == errno.ENOSPC else ""
        raise StoreFailed(f"{what}: {error}{note}") from error
