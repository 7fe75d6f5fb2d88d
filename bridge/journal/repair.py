"""The way out of a damaged journal, for people: look first, then cut, keeping everything that is taken away.

A repair gives up entries that were promised to be kept, so it is never done by itself. Whatever is readable behind the
damage is written to a file beside the journal, and no number that may have been used is used again.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from bridge import faults
from bridge.interfaces import JournalError
from bridge.journal.chain import Chain, write_all
from bridge.journal.encoding import decode, encode
from bridge.journal.errors import JournalDamaged
from bridge.journal.format import Batches, Ending, look_on, segments, seq_of
from bridge.journal.head import released
from bridge.journal.recovery import facts, head_of, missing, recover
from bridge.journal.snapshot import SUFFIX as SNAPSHOT
from bridge.journal.snapshot import snapshots
from bridge.journal.storage import DiskStorage, Lock, boot_id
from bridge.orders.events import Entry, Opened, Reserved, Segment

REPAIRED = "repaired"  # as a boot_id: no machine has it, so the next start takes nothing in memory for kept


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a repair would do, or did: entries behind `kept_seq` are given up, `salvaged` of them can still be read.

    `next_seq` is the first number that was surely never used. `moved` names the files that go aside besides a copy of
    `file`, `aside` the directory they went to once it is done.
    """

    file: str
    offset: int
    reason: str
    kept_seq: int
    next_seq: int
    salvaged: int
    moved: tuple[str, ...]
    aside: str | None = None


class _Found(NamedTuple):
    """The end of what is good."""

    at: int  # index of the segment
    offset: int
    seq: int
    crc: int
    reason: str


def plan(directory: Path) -> Plan | None:
    """Where the journal is damaged and what would be given up; None when a start would accept it as it is.

    Looks at the whole journal, also where a start does not. Raises JournalError where nothing is left to keep.
    """
    storage = DiskStorage(directory)
    found = _damage(directory, storage)
    return None if found is None else _plan(directory, storage, found)[0]


def repair(directory: Path, *, now: datetime) -> Plan | None:
    """Cut the journal behind the last whole batch before the damage. What was done; None when nothing is damaged.

    The damaged segment (a copy) and everything newer (moved) go to `damaged-<time>/`, with `salvaged.jsonl`: every
    entry behind the damage whose line still checks out. Reconciliation with the brokers must follow. Raises
    JournalLocked while a daemon runs, JournalError, OSError.
    """
    lock = Lock(directory, "fixbridge journal repair")
    try:
        storage = DiskStorage(directory)
        found = _damage(directory, storage)
        if found is None:
            return None
        done, salvaged, epoch = _plan(directory, storage, found)
        aside = directory / f"damaged-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        aside.mkdir(mode=0o700, exist_ok=True)
        _keep(aside / done.file, (directory / done.file).read_bytes())
        _keep(aside / "salvaged.jsonl", b"".join(record + b"\n" for record in salvaged))
        for name in done.moved:
            if not (aside / name).exists():
                os.link(directory / name, aside / name)
        DiskStorage(aside).flush_names()
        faults.point("repair.copied")
        # A snapshot of what is given up would be believed, so it goes first; a segment that hangs on nothing never is,
        # and it proves the damage until the cut is made, so it goes last.
        for name in reversed(done.moved):
            if name.endswith(SNAPSHOT):
                storage.remove(name)
        storage.flush_names()
        _cut(storage, done, found, epoch, now)
        faults.point("repair.cut")
        for name in reversed(done.moved):
            if not name.endswith(SNAPSHOT):
                storage.remove(name)
        storage.flush_names()
        return msgspec.structs.replace(done, aside=str(aside))
    finally:
        lock.release()


def _damage(directory: Path, storage: DiskStorage) -> _Found | None:
    """The first place that does not check out, and that a start would not cut as a torn tail by itself."""
    names = segments(storage.names())
    found: _Found | None = None
    for index, name in enumerate(names):
        head = head_of(storage, name)
        if found is not None and head is not None:
            if (head.segment.prev_seq, head.segment.prev_crc) != (found.seq, f"{found.crc:08x}"):
                return _unless_torn(storage, names, found._replace(reason=f"{name} does not follow"))
        elif head is None:
            if found is None:
                raise JournalError(
                    f"{name}: nothing before the damage is left to keep; restore the journal from a copy"
                )
            return _unless_torn(storage, names, found._replace(reason=f"the first record of {name} does not check out"))
        assert head is not None
        found = _Found(index, head.offset, head.segment.prev_seq, head.crc, "")
        with storage.read(name) as file:
            batches = Batches(file, head.offset, head.crc)
            for batch in batches:
                seq = seq_of(batch.records[-1]) if batch.records else found.seq
                found = _Found(index, batch.end, seq, batch.crc, "")
        if batches.stop.ending not in (Ending.END, Ending.NUL) or batches.stop.records:
            return _unless_torn(storage, names, found._replace(reason=batches.stop.ending.value))
    if found is not None:
        newer = [name for number, name in snapshots(storage.names()) if number > found.seq]
        if newer:
            return found._replace(reason=f"{newer[0]} is newer than the journal")
    told = released(directory) or 0
    if missing(recover(storage, change=False), told, boot_id()):
        if found is None:
            raise JournalError(f"all segments are gone: restore them from a copy, or remove {directory} to begin anew")
        return found._replace(reason=f"entries up to {told} were released")
    return None


def _unless_torn(storage: DiskStorage, names: list[str], found: _Found) -> _Found | None:
    try:
        accepted = recover(storage, change=False)
    except JournalDamaged:
        return found
    return None if (accepted.segment, accepted.offset) == (names[found.at], found.offset) else found


def _plan(directory: Path, storage: DiskStorage, found: _Found) -> tuple[Plan, list[bytes], int]:
    """The plan, what can be salvaged, and the newest term seen anywhere."""
    names = segments(storage.names())
    salvaged: list[bytes] = []
    used = found.seq
    for number in range(found.at, len(names)):
        with storage.read(names[number]) as file:
            if number == found.at:
                later = look_on(file, found.offset, found.crc, salvaged)
            else:
                later = look_on(file, 0, 0, salvaged)
        used = max(used, later.seq, later.durable)
    taken = [(number, name) for number, name in snapshots(storage.names()) if number > found.seq]
    used = max([used, released(directory) or 0, *(number for number, _ in taken)])
    epoch, limit = _terms(storage, names[found.at], found, salvaged)
    entries = [record for record in salvaged if b'"event":{"type":"segment"' not in record]
    return (
        Plan(
            file=names[found.at],
            offset=found.offset,
            reason=found.reason,
            kept_seq=found.seq,
            next_seq=max(used + 1, limit),
            salvaged=len(entries),
            moved=(*names[found.at + 1 :], *(name for _, name in taken)),
        ),
        entries,
        epoch,
    )


def _terms(storage: DiskStorage, name: str, found: _Found, salvaged: list[bytes]) -> tuple[int, int]:
    """The newest epoch and the highest reserved limit in what is kept and what is salvaged."""
    head = head_of(storage, name)
    assert head is not None
    opened, reserved = facts(storage, name, head.offset, found.offset)
    epoch = max(head.segment.epoch, opened.epoch if opened else 0)
    limit = max(head.segment.seq_limit, reserved.seq_limit if reserved else 0)
    for record in salvaged:
        if any(kind in record for kind in (b'"type":"opened"', b'"type":"segment"', b'"type":"reserved"')):
            event = decode(record).event
            if isinstance(event, Opened | Segment):
                epoch = max(epoch, event.epoch)
            if isinstance(event, Segment | Reserved):
                limit = max(limit, event.seq_limit)
    return epoch, limit


def _keep(path: Path, data: bytes) -> None:
    """Write a file and flush it: from here on it is the only copy."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _cut(storage: DiskStorage, done: Plan, found: _Found, epoch: int, now: datetime) -> None:
    """Cut the segment, and let its last entry be a start under a number that nobody used."""
    head = head_of(storage, done.file)
    assert head is not None
    chain = Chain(done.offset, now)
    chain.resume(head.segment.prev_seq, found.seq, found.crc, found.offset, head.time)
    opened = Entry(done.next_seq, now, Opened(epoch=epoch + 1, clean=False, boot_id=REPAIRED))
    file = storage.open(done.file, done.offset)
    try:
        file.truncate(done.offset)
        file.flush()
        write_all(file, chain.lay([encode(opened)], opened.seq, found.seq))
        file.flush()
    finally:
        file.close()
    storage.flush_names()
