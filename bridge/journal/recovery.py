"""What is on the disk, after whatever happened: read, judge, and cut a torn tail (DURABILITY.md section 3).

A torn tail is what the mode never promised to keep; it is cut after the last whole batch. A record that was flushed and
does not check out is damage, and nothing is changed: JournalDamaged says where. The two are told apart by the end lines
behind the bad place: one that names a `durable` above the last good number proves that what is missing was promised.
"""

from datetime import datetime
from typing import BinaryIO, NamedTuple

from bridge import faults
from bridge.interfaces import JournalError
from bridge.journal.encoding import decode
from bridge.journal.errors import JournalDamaged
from bridge.journal.format import (
    VERSION,
    Batches,
    Ending,
    Found,
    Later,
    backwards,
    find_batch,
    first_seq,
    look_on,
    read_header,
    segments,
    seq_of,
)
from bridge.journal.storage import Storage
from bridge.orders.events import Opened, Reserved, Segment

SEARCH_BELOW = 1 << 20  # a stretch this short is read, not searched


class Recovered(NamedTuple):
    """Where the journal stands. `segment` is None for a journal without any; `torn` counts bytes cut from the tail."""

    segment: str | None = None
    offset: int = 0
    crc: int = 0
    seq: int = 0  # of the last entry
    epoch: int = 0
    boot_id: str = ""
    seq_limit: int = 0  # no number from here on was ever used
    clean: bool = True
    torn: int = 0
    torn_at: str = ""
    began: int = 0  # `seq` before the last segment
    began_at: datetime | None = None
    scanned: tuple[str, ...] = ()  # segments whose flush is not proven


def machine_stopped(found: Recovered, this_boot: str) -> bool:
    """The machine went down under the last owner, so what it had only written may be gone and numbers beyond the last
    one seen may have been shown.
    """
    return not found.clean and (not this_boot or found.boot_id != this_boot)


class Head(NamedTuple):
    """The first line of a segment, what is behind it and its CRC."""

    name: str
    time: datetime
    segment: Segment
    offset: int
    crc: int


class _End(NamedTuple):
    """The last whole batch seen, and what follows it in that file."""

    at: int  # index of the segment
    offset: int
    crc: int
    seq: int
    clean: bool


def head_of(storage: Storage, name: str) -> Head | None:
    """The Segment record of a file, None when it is not whole. Raises JournalError for a version not known."""
    with storage.read(name) as file:
        line = read_header(file)
    if line is None:
        return None
    record, offset, crc = line
    entry = decode(record)
    event = entry.event
    if not isinstance(event, Segment):
        return None
    if event.version > VERSION:
        raise JournalError(f"{name} has format version {event.version}; this program reads up to {VERSION}")
    return Head(name, entry.time, event, offset, crc)


def nearest(file: BinaryIO, size: int, head: Head, after: int) -> Found:
    """A place between two batches of a segment, at or below entry `after` and near to it, found by halves."""
    place = Found(head.offset, head.crc, head.segment.prev_seq)
    low, high = head.offset, size
    while high - low > SEARCH_BELOW:
        middle = (low + high) // 2
        found = find_batch(file, middle, high)
        if found is None or found.seq > after:
            high = middle
        else:
            place, low = found, found.offset
    return place


def recover(storage: Storage, *, change: bool = True, flushed: int = 0) -> Recovered:
    """Find the end of the journal and cut what is torn behind it; with `change` False only look.

    Entries up to `flushed` are known to be on the medium (a snapshot says so): they are not read here.

    May be repeated, and interrupted, any number of times: later segments go before the tail is cut, so that at each
    step the same end is found again. Raises JournalDamaged, JournalError.
    """
    names = segments(storage.names())
    while True:
        if not names:
            return Recovered()
        start, heads = _start(storage, names, flushed)
        end = _last_batch(storage, names, start, heads, flushed)
        torn = _torn(storage, names, end)
        keep = end.at + 1
        if change:
            _cut(storage, names, keep, end, torn)
        if keep:
            break
        names = []
    name = names[end.at]
    head = heads[end.at]
    assert head is not None
    opened, reserved = facts(storage, name, head.offset, end.offset)
    return Recovered(
        segment=name,
        offset=end.offset,
        crc=end.crc,
        seq=end.seq,
        epoch=max(head.segment.epoch, opened.epoch if opened else 0),
        boot_id=opened.boot_id if opened else head.segment.boot_id,
        seq_limit=max(head.segment.seq_limit, reserved.seq_limit if reserved else 0),
        clean=end.clean,
        torn=torn.size,
        torn_at=f"{name} at byte {end.offset}" if torn.size else "",
        began=head.segment.prev_seq,
        began_at=head.time,
        scanned=tuple(names[start:keep]),
    )


def missing(found: Recovered, released: int, this_boot: str) -> bool:
    """Entries were released, as `head` says, and are not there, although nothing that was written can be lost.

    In `write` mode a power loss may take back what was released; a machine that still runs, or a missing file, not.
    """
    return released > found.seq and (found.segment is None or (bool(this_boot) and found.boot_id == this_boot))


def _start(storage: Storage, names: list[str], flushed: int) -> tuple[int, dict[int, Head | None]]:
    """From which segment on to look: the newest before which everything is known to be flushed, by a snapshot or by
    the segment's own end lines.
    """
    heads: dict[int, Head | None] = {}
    for index in range(len(names) - 1, -1, -1):
        head = heads[index] = head_of(storage, names[index])
        if head is None or index == 0:
            continue
        if head.segment.prev_seq <= flushed:
            return index, heads
        with storage.read(names[index]) as file:
            for batch in Batches(file, head.offset, head.crc):
                if batch.durable >= head.segment.prev_seq:
                    return index, heads
    return 0, heads


def _last_batch(storage: Storage, names: list[str], start: int, heads: dict[int, Head | None], flushed: int) -> _End:
    """Follow the chain from the segment at `start` to the last whole batch that hangs on it."""
    end: _End | None = None
    for index in range(start, len(names)):
        head = heads[index]
        if end is None:
            number = first_seq(names[index])
            if head is None or head.segment.prev_seq + 1 != number:
                if index == 0 and number == 1:
                    return _End(-1, 0, 0, 0, clean=True)
                raise JournalDamaged(names[index], 0, (number or 1) - 1, "the first record does not check out")
        elif head is None or (head.segment.prev_seq, head.segment.prev_crc) != (end.seq, f"{end.crc:08x}"):
            return end
        with storage.read(names[index]) as file:
            place = nearest(file, storage.size(names[index]), head, flushed)
            end = _End(index, place.offset, place.crc, place.seq, clean=False)
            batches = Batches(file, place.offset, place.crc)
            for batch in batches:
                seq = seq_of(batch.records[-1]) if batch.records else end.seq
                end = _End(index, batch.end, batch.crc, seq, clean=not batch.records and batch.durable == seq)
        if batches.stop.ending is not Ending.END and batches.stop.ending is not Ending.NUL:
            return end
        if batches.stop.records:
            return end
    assert end is not None
    return end


def _torn(storage: Storage, names: list[str], end: _End) -> Later:
    """What lies behind the last whole batch. Raises JournalDamaged when it proves that a flushed record is missing."""
    durable = seq = size = 0
    for index in range(max(end.at, 0), len(names)):
        with storage.read(names[index]) as file:
            later = look_on(file, end.offset, end.crc) if index == end.at else look_on(file, 0, 0)
        durable, seq, size = max(durable, later.durable), max(seq, later.seq), size + later.size
    if durable > end.seq:
        name = names[max(end.at, 0)]
        raise JournalDamaged(name, end.offset, end.seq, f"entries up to {durable} were flushed and are not all there")
    return Later(durable, seq, size)


def _cut(storage: Storage, names: list[str], keep: int, end: _End, torn: Later) -> None:
    """Remove segments that hang on nothing, newest first, then everything behind the last whole batch."""
    for name in reversed(names[keep:]):
        storage.remove(name)
        storage.flush_names()
        faults.point("recovery.removed")
    if keep and storage.size(names[end.at]) > end.offset:
        file = storage.open(names[end.at], end.offset)
        try:
            file.truncate(end.offset)
            faults.point("recovery.cut")
            file.flush()
        finally:
            file.close()
    faults.point("recovery.done")


def facts(storage: Storage, name: str, start: int, end: int) -> tuple[Opened | None, Reserved | None]:
    """The last Opened and the last Reserved with a limit in one segment, looked for from its end."""
    opened: Opened | None = None
    reserved: Reserved | None = None
    with storage.read(name) as file:
        for record in backwards(file, start, end, b'"event":{"type":"opened"', b'"event":{"type":"reserved"'):
            event = decode(record).event
            if opened is None and isinstance(event, Opened):
                opened = event
            elif reserved is None and isinstance(event, Reserved) and event.seq_limit:
                reserved = event
            if opened is not None and reserved is not None:
                break
    return opened, reserved
