"""How a journal is opened: recovered, continued under a new term, and that flushed before anything else happens."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bridge import faults
from bridge.journal.chain import Chain, Heading, MakeHeading, write_all
from bridge.journal.encoding import encode
from bridge.journal.errors import JournalDamaged
from bridge.journal.format import segments
from bridge.journal.group import SPARE
from bridge.journal.head import released
from bridge.journal.recovery import Recovered, machine_stopped, missing, recover
from bridge.journal.snapshot import newest_seq
from bridge.journal.storage import Storage, WritableFile
from bridge.orders.events import Entry, Opened, Reserved


class Start(NamedTuple):
    """An open journal: everything up to `last` is flushed, `file` stands where the next line goes."""

    found: Recovered
    epoch: int
    chain: Chain
    file: WritableFile
    head: MakeHeading
    last: int
    limit: int  # numbers below it are reserved


def start(
    storage: Storage,
    *,
    directory: Path | None,
    now: datetime,
    this_boot: str,
    segment_bytes: int,
    partition: int,
    block: int,
) -> Start:
    """Recover, append `Opened` (and with a `block` of numbers a `Reserved`), flush. Raises JournalDamaged, OSError.

    `directory` is where a `head` page may tell how far effects had left.
    """
    if SPARE in storage.names():
        storage.remove(SPARE)
    newest = newest_seq(storage)
    found = recover(storage, flushed=newest)
    _check_complete(found, newest, directory, this_boot)
    first = found.seq + 1
    # Only the machine's stop can lose what was written; then numbers beyond the last one seen may have been shown.
    if machine_stopped(found, this_boot):
        first = max(first, found.seq_limit)
    epoch = found.epoch + 1
    chain = Chain(segment_bytes, now)
    limit = found.seq_limit

    def head(time: datetime, seq_limit: int) -> Heading:
        return chain.head(time, partition=partition, epoch=epoch, boot_id=this_boot, seq_limit=seq_limit)

    file = _continue(storage, found, chain, head, now)
    batch = [Entry(first, now, Opened(epoch=epoch, clean=found.clean, boot_id=this_boot))]
    if block:
        limit = max(first + block, found.seq_limit)
        batch.append(Entry(first + 1, now, Reserved(seq_limit=limit)))
    last = batch[-1].seq
    write_all(file, chain.lay([encode(entry) for entry in batch], last, found.seq))
    faults.point("journal.opened")
    file.flush()
    storage.flush_names()
    faults.point("journal.opened.flushed")
    return Start(found, epoch, chain, file, head, last, limit)


def _check_complete(found: Recovered, snapshot: int, directory: Path | None, this_boot: str) -> None:
    """What is known from elsewhere to have been flushed or released must be there. Raises JournalDamaged."""
    where = found.segment or str(directory or "the journal")
    if snapshot > found.seq:
        raise JournalDamaged(where, found.offset, found.seq, f"a snapshot holds {snapshot}")
    told = None if directory is None else released(directory)
    if told is not None and missing(found, told, this_boot):
        raise JournalDamaged(where, found.offset, found.seq, f"entries up to {told} were released")


def _continue(storage: Storage, found: Recovered, chain: Chain, head: MakeHeading, now: datetime) -> WritableFile:
    """The file to go on in: the recovered one, or a new one where that is full, of another day, or missing.

    What was recovered is flushed first, names included: the next line calls it flushed.
    """
    for name in found.scanned:
        old = storage.open(name, storage.size(name))
        old.flush()
        old.close()
    if found.scanned:
        storage.flush_names()
    chain.before = sum(storage.size(name) for name in segments(storage.names()) if name != found.segment)
    if found.segment is not None:
        chain.resume(found.began, found.seq, found.crc, found.offset, found.began_at or now)
        if not chain.full(now):
            return storage.open(found.segment, found.offset)
    heading = head(now, found.seq_limit)
    file = storage.create(heading.name)
    write_all(file, heading.line)
    return file
