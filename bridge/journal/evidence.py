"""What people ask a journal: list, show, verify, replay. Nothing here locks or changes anything.

All functions take the journal's directory and may be used while the daemon writes in it.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from bridge.interfaces import JournalError
from bridge.journal.encoding import decode
from bridge.journal.errors import JournalDamaged
from bridge.journal.format import Batches, Ending, look_on, segments
from bridge.journal.head import released
from bridge.journal.payload import readable, unpack
from bridge.journal.reader import EVERYTHING, JournalReader
from bridge.journal.recovery import Head, head_of, recover
from bridge.journal.snapshot import read_snapshot, snapshots
from bridge.journal.state import Fold, blotter_at
from bridge.journal.storage import DiskStorage
from bridge.orders.blotter import Blotter
from bridge.orders.events import Entry, OrderEvent, snake_case


class SegmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One segment, as `fixbridge journal ls` shows it. `last_seq` None while it is the open one; sizes in bytes."""

    name: str
    first_seq: int
    last_seq: int | None
    size: int
    began: datetime | None
    epoch: int
    boot_id: str


class SnapshotRow(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot and whether it checks out."""

    name: str
    seq: int
    size: int
    valid: bool


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the directory. `released` is how far effects have left, None where no daemon ever ran."""

    segments: tuple[SegmentRow, ...]
    snapshots: tuple[SnapshotRow, ...]
    released: int | None


def ls(directory: Path) -> Listing:
    """Segments, oldest first, and snapshots, newest first."""
    storage = DiskStorage(directory)
    names = segments(storage.names())
    heads = [head_of(storage, name) for name in names]
    following: list[Head | None] = [*heads[1:], None][: len(heads)]
    rows = [
        SegmentRow(
            name=name,
            first_seq=int(name[:16]),
            last_seq=None if after is None else after.segment.prev_seq,
            size=storage.size(name),
            began=None if head is None else head.time,
            epoch=0 if head is None else head.segment.epoch,
            boot_id="" if head is None else head.segment.boot_id,
        )
        for name, head, after in zip(names, heads, following, strict=True)
    ]
    kept = [
        SnapshotRow(name=name, seq=seq, size=storage.size(name), valid=read_snapshot(storage, name) is not None)
        for seq, name in snapshots(storage.names())
    ]
    return Listing(segments=tuple(rows), snapshots=tuple(kept), released=released(directory))


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are wanted: all that is given must fit. `types` are names as in JSON, `order_filled`."""

    after: int = 0
    upto: int = EVERYTHING
    since: datetime | None = None
    until: datetime | None = None
    types: frozenset[str] = frozenset()
    order_id: int | None = None

    def wants(self, entry: Entry) -> bool:
        """Numbers are left to the reader."""
        event = entry.event
        if self.since is not None and entry.time < self.since:
            return False
        if self.until is not None and entry.time >= self.until:
            return False
        if self.types and snake_case(type(event).__name__) not in self.types:
            return False
        return self.order_id is None or (isinstance(event, OrderEvent) and event.order_id == self.order_id)


def cat(directory: Path, wanted: Filter = Filter()) -> Iterator[Entry]:  # noqa: B008 - frozen
    """The entries that are wanted, in order. Raises JournalDamaged, JournalTrimmed."""
    return filter(wanted.wants, JournalReader(directory).read(wanted.after, wanted.upto))


def cat_records(directory: Path, after: int = 0, upto: int = EVERYTHING) -> Iterator[bytes]:
    """The JSON of each entry as it stands in the file."""
    for _, record in JournalReader(directory).records(after, upto):
        yield record


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that does not check out, and where: a file, a byte in it, the last good entry before."""

    file: str
    offset: int
    seq: int
    text: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify` found. `good` when there is no fault; a torn tail of `torn` bytes is none, a start will cut it."""

    segments: int
    batches: int
    entries: int
    last_seq: int
    durable: int
    clean: bool
    torn: int
    snapshots: tuple[SnapshotRow, ...]
    faults: tuple[Fault, ...]

    @property
    def good(self) -> bool:
        """Nothing is wrong."""
        return not self.faults


def verify(directory: Path, *, fold: Fold | None = None) -> Verdict:
    """Check every line, the chain across all segments, that every entry can be read and numbers rise, every snapshot.

    With `fold` each snapshot is also compared with a fold of the journal from its start, as far as that is kept. Goes
    on behind a fault with the next segment, so that one run tells all of them.
    """
    storage = DiskStorage(directory)
    names = segments(storage.names())
    found: list[Fault] = []
    batches = entries = durable = last_seq = 0
    crc: int | None = None
    for name in names:
        head = head_of(storage, name)
        if head is None:
            if name != names[-1]:
                found.append(Fault(file=name, offset=0, seq=last_seq, text="the first record does not check out"))
            crc = None
            continue
        if crc is not None and (head.segment.prev_seq, head.segment.prev_crc) != (last_seq, f"{crc:08x}"):
            text = f"it follows entry {head.segment.prev_seq}, the segment before ends with {last_seq}"
            found.append(Fault(file=name, offset=0, seq=last_seq, text=text))
        last_seq, crc = head.segment.prev_seq, head.crc
        with storage.read(name) as file:
            lines = Batches(file, head.offset, head.crc)
            for batch in lines:
                batches += 1
                for record in batch.records:
                    last_seq, fault = _entry(record, last_seq, name, batch.end)
                    entries += 1
                    if fault is not None:
                        found.append(fault)
                durable = max(durable, batch.durable)
                crc = batch.crc
            stop = lines.stop
            if stop.ending not in (Ending.END, Ending.NUL) or stop.records:
                promised = look_on(file, lines.end, lines.crc).durable
                if promised > last_seq:
                    text = f"entries up to {promised} were flushed and are not all there"
                    found.append(Fault(file=name, offset=stop.offset, seq=last_seq, text=text))
                elif name != names[-1]:
                    found.append(Fault(file=name, offset=stop.offset, seq=last_seq, text=stop.ending.value))
                crc = None
    torn, clean = 0, False
    if not found:
        try:
            tail = recover(storage, change=False)
            torn, clean = tail.torn, tail.clean
        except JournalDamaged as damage:
            found.append(Fault(file=damage.file, offset=damage.offset, seq=damage.seq, text=damage.reason))
    kept = ls(directory).snapshots
    found += [
        Fault(file=row.name, offset=0, seq=row.seq, text="the snapshot is damaged") for row in kept if not row.valid
    ]
    found += [
        Fault(file=row.name, offset=0, seq=row.seq, text="the snapshot is newer than the journal")
        for row in kept
        if row.valid and row.seq > last_seq
    ]
    if fold is not None and not found:
        found += _compared(directory, kept, fold)
    return Verdict(
        segments=len(names),
        batches=batches,
        entries=entries,
        last_seq=last_seq,
        durable=durable,
        clean=clean,
        torn=torn,
        snapshots=kept,
        faults=tuple(found),
    )


def _entry(record: bytes, before: int, name: str, offset: int) -> tuple[int, Fault | None]:
    """The number of a record, and what is wrong with it although its line checks out."""
    try:
        seq = decode(record).seq
    except JournalError as error:
        return before, Fault(file=name, offset=offset, seq=before, text=str(error))
    if seq <= before:
        return before, Fault(file=name, offset=offset, seq=before, text=f"entry {seq} after entry {before}")
    return seq, None


def _compared(directory: Path, kept: tuple[SnapshotRow, ...], fold: Fold) -> Iterator[Fault]:
    storage = DiskStorage(directory)
    first = int((segments(storage.names()) or ["1"])[0][:16])
    if first > 1:
        return
    for row in kept:
        payload = read_snapshot(storage, row.name)
        if payload is None or not readable(payload):
            continue  # one of another version is passed over by a start as well
        again = fold(None, JournalReader(directory).read(0, row.seq))
        if bytes(unpack(again).blotter) != bytes(unpack(payload).blotter):
            text = "the snapshot differs from a fold of the journal"
            yield Fault(file=row.name, offset=0, seq=row.seq, text=text)


def seq_at(directory: Path, moment: datetime) -> int:
    """The last entry before `moment`, 0 when there is none: what `journal replay --until` means."""
    last = 0
    for entry in JournalReader(directory).read(_kept_after(directory)):
        if entry.time >= moment:
            break
        last = entry.seq
    return last


def replay(directory: Path, *, upto: int | None = None, until: datetime | None = None) -> Blotter:
    """The book as it was after entry `upto`, or just before the moment `until`. Raises JournalTrimmed,
    JournalDamaged.
    """
    if until is not None:
        upto = min(seq_at(directory, until), EVERYTHING if upto is None else upto)
    return blotter_at(directory, EVERYTHING if upto is None else upto)


def _kept_after(directory: Path) -> int:
    names = segments(DiskStorage(directory).names())
    return int(names[0][:16]) - 1 if names else 0
