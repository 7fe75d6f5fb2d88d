"""The bytes of a segment (DURABILITY.md section 3), read and written without any file.

Two kinds of line: a record `cccccccc {json}` and the end of a batch `cccccccc.{durable}`, where `durable` is the
highest `seq` known to be flushed when the line was written. `cccccccc` is the CRC-32 of the rest of the line (without
the newline), seeded with the line before; the first line of a segment, its `Segment` record, is seeded with 0 and
names its predecessor's CRC instead, so that every segment checks out alone and all of them together. That record
carries the number before it: it heads the file and is no entry. An end line without records before it, naming the
last `seq`, is a clean close: nothing else can know its own batch to be flushed.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import BinaryIO, NamedTuple
from zlib import crc32

VERSION = 1
SUFFIX = ".journal"
CHUNK = 1 << 17
LINE_LIMIT = 16 << 20  # a longer line is no line of ours: it bounds what damage makes a reader hold

_NAME = re.compile(r"(\d{16})\.journal")
_SEQ = re.compile(rb'\{"seq":(\d+),')
_STORED = re.compile(rb"[0-9a-f]{8}")
_END_LINE = re.compile(rb"[0-9a-f]{8}\.\d{1,19}")
_END_AT_END = re.compile(rb"[0-9a-f]{8}\.\d{1,19}\Z")


def segment_name(first_seq: int) -> str:
    """File name of the segment whose first entry has this number."""
    return f"{first_seq:016}{SUFFIX}"


def first_seq(name: str) -> int | None:
    """The number in a segment's file name, None when it is no segment."""
    match = _NAME.fullmatch(name)
    return None if match is None else int(match[1])


def segments(names: list[str]) -> list[str]:
    """The segments among `names`, oldest first."""
    return sorted(name for name in names if _NAME.fullmatch(name))


def seq_of(record: bytes) -> int:
    """`seq` of a record without decoding it. Raises ValueError when it does not begin as an entry does."""
    if record[:7] != b'{"seq":':
        raise ValueError(f"not an entry: {record[:60]!r}")
    return int(record[7 : record.index(b",", 7)])


def lay_record(record: bytes, crc: int) -> tuple[bytes, int]:
    """A record as a line, and its CRC for the next one."""
    body = b" " + record
    crc = crc32(body, crc)
    return b"%08x%b\n" % (crc, body), crc


def lay_end(durable: int, crc: int) -> tuple[bytes, int]:
    """The end of a batch as a line, and its CRC for the next one."""
    body = b".%d" % durable
    crc = crc32(body, crc)
    return b"%08x%b\n" % (crc, body), crc


class Ending(Enum):
    """Why reading stopped."""

    END = "end of file"
    NUL = "zeros where a line should start"
    PARTIAL = "an unfinished line"
    BAD = "a line that does not check out"


class Batch(NamedTuple):
    """A whole batch. `records` is its JSON, `durable` what its end line says, `end` and `crc` where the next one
    begins.
    """

    records: list[bytes]
    durable: int
    end: int
    crc: int


class Stop(NamedTuple):
    """Where and why reading stopped: at `offset` begins the first line that is not there or does not check out."""

    offset: int
    ending: Ending
    records: int  # records read since the last whole batch


class Batches:
    """Whole batches of a file from `offset`, where the line before had `crc`, as long as the chain holds.

    After the iteration `stop` says where and why it ended. Reads on while the file grows only when iterated anew.
    """

    def __init__(self, file: BinaryIO, offset: int, crc: int, chunk: int = CHUNK) -> None:
        self._file = file
        self._offset = offset
        self._crc = crc
        self._chunk = chunk
        self.stop = Stop(offset, Ending.END, 0)
        self.end = offset
        self.crc = crc
        """Where the last whole batch ends, and its CRC."""

    def __iter__(self) -> Iterator[Batch]:
        file, crc, offset, size = self._file, self._crc, self._offset, self._chunk
        records: list[bytes] = []
        rest = b""
        file.seek(offset)
        while chunk := file.read(size):
            size = CHUNK
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            for line in lines:
                crc = crc32(line[8:], crc)
                if line[:8] != b"%08x" % crc:
                    self.stop = Stop(offset, Ending.NUL if line.startswith(b"\0") else Ending.BAD, len(records))
                    return
                if line[8:9] == b" ":
                    records.append(line[9:])
                elif line[8:9] == b"." and line[9:].isdigit():
                    end = offset + len(line) + 1
                    self.end, self.crc = end, crc
                    yield Batch(records, int(line[9:]), end, crc)
                    records = []
                else:
                    self.stop = Stop(offset, Ending.BAD, len(records))
                    return
                offset += len(line) + 1
            if rest.startswith(b"\0"):
                self.stop = Stop(offset, Ending.NUL, len(records))
                return
            if len(rest) > LINE_LIMIT:
                self.stop = Stop(offset, Ending.BAD, len(records))
                return
        self.stop = Stop(offset, Ending.PARTIAL if rest else Ending.END, len(records))


def read_header(file: BinaryIO) -> tuple[bytes, int, int] | None:
    """The first line of a segment: its JSON, the offset behind it and its CRC. None when it is not whole."""
    file.seek(0)
    line, newline, _ = file.read(4096).partition(b"\n")
    if not newline or line[8:9] != b" ":
        return None
    crc = crc32(line[8:])
    if line[:8] != b"%08x" % crc:
        return None
    return line[9:], len(line) + 1, crc


class Later(NamedTuple):
    """What lies behind a bad place: the highest `durable` and `seq` of lines that check out, and bytes that are not
    zero.
    """

    durable: int
    seq: int
    size: int


def look_on(file: BinaryIO, offset: int, crc: int, salvaged: list[bytes] | None = None) -> Later:
    """Look behind the last whole batch, where the chain has `crc`, for lines that check out all the same.

    File systems write unflushed pages in any order, so whole lines may follow a hole; what they say tells a torn tail
    from damage. A line checks out against what the line before it has stored as its CRC, or should have stored; so a
    line that follows a damaged CRC is seen, and an end line whose own newline, or that of the line before, was lost.
    Records among them are added to `salvaged`.
    """
    durable = seq = size = 0
    before = {crc}  # what the line before may have as its CRC
    for raw, newline in _raw_lines(file, offset):
        line = raw.lstrip(b"\0")
        if not line and not newline:
            continue
        size += len(line) + newline
        stored = int(line[:8], 16) if _STORED.match(line) else None
        if stored is not None and any(_holds(line, known) for known in before):
            if _END_LINE.fullmatch(line):
                durable = max(durable, int(line[9:]))
            elif (match := _SEQ.match(line, 9)) is not None:
                seq = max(seq, int(match[1]))
                if salvaged is not None:
                    salvaged.append(line[9:])
            before = {stored}
            continue
        before = {crc32(line[8:], known) for known in before}
        if stored is not None:
            before.add(stored)
        tail = _END_AT_END.search(line)
        if tail is not None and any(_holds(tail[0], known) for known in before):
            durable = max(durable, int(tail[0][9:]))
            before = {int(tail[0][:8], 16)}
        elif len(before) > 4:
            before = {stored} if stored is not None else set()
    return Later(durable, seq, size)


def _holds(line: bytes, crc: int) -> bool:
    """`line` checks out when the one before it had `crc`."""
    return line[:8] == b"%08x" % crc32(line[8:], crc)


def _raw_lines(file: BinaryIO, offset: int) -> Iterator[tuple[bytes, bool]]:
    """Whatever stands between newlines from `offset`, and whether a newline ends it; long runs of zeros left out."""
    file.seek(offset)
    rest = b""
    while chunk := file.read(CHUNK):
        if not rest.strip(b"\0") and not chunk.strip(b"\0"):
            rest = b"\0"
            continue
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield line, True
        if len(rest) > LINE_LIMIT:
            yield rest, False
            rest = b""
    if rest:
        yield rest, False


def backwards(file: BinaryIO, start: int, end: int, *wanted: bytes) -> Iterator[bytes]:
    """The records between two line starts that hold any of `wanted`, newest first. The chain is not checked."""
    size = CHUNK
    while end > start:
        begin = max(start, end - size)
        file.seek(begin)
        chunk = file.read(end - begin)
        if begin > start:
            cut = chunk.find(b"\n") + 1
            if not cut or cut == len(chunk):
                size *= 2
                continue
            begin, chunk = begin + cut, chunk[cut:]
        if any(item in chunk for item in wanted):
            for line in reversed(chunk.split(b"\n")):
                if line[8:9] == b" " and any(item in line for item in wanted):
                    yield line[9:]
        end, size = begin, CHUNK


class Found(NamedTuple):
    """Behind an end line: where, its stored CRC, and the number before it."""

    offset: int
    crc: int
    seq: int


def find_batch(file: BinaryIO, offset: int, limit: int) -> Found | None:
    """The end of a whole batch between two bytes, its lines checked from the end line before it.

    None when there is none that checks out: zeros, a bad line, a batch that is too long.
    """
    file.seek(offset)
    rest = b""
    first = True
    crc: int | None = None
    seq: int | None = None
    while offset < limit and (chunk := file.read(min(1 << 16, limit - offset))):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        for line in lines:
            offset += len(line) + 1
            if first:
                first = False  # most likely the tail of a line
            elif crc is None:
                if _END_LINE.fullmatch(line):
                    crc = int(line[:8], 16)
            elif not _holds(line, crc):
                return None
            else:
                crc = int(line[:8], 16)
                if (match := _SEQ.match(line, 9)) is not None:
                    seq = int(match[1])
                elif seq is not None and _END_LINE.fullmatch(line):
                    return Found(offset, crc, seq)
        if rest.startswith(b"\0"):
            return None
    return None
