"""Reading entries in order, also from a journal that another process is writing (OUTPUTS.md section 9).

The reader keeps its place between calls, so following a live journal costs one small read per call. Nothing is
yielded that is not part of a whole batch whose lines all check out; a bad line is JournalDamaged, never skipped. A
reader of a live journal passes `upto`, the released number from `head`: behind it bytes may be half written, or taken
back by a recovery.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bridge.journal.encoding import decode
from bridge.journal.errors import JournalDamaged, JournalTrimmed
from bridge.journal.format import (
    Batch,
    Batches,
    Ending,
    first_seq,
    segments,
    seq_of,
)
from bridge.journal.recovery import head_of, nearest
from bridge.journal.storage import DiskStorage, Storage
from bridge.orders.events import Entry

FIRST_READ = 8 << 10  # most often a few lines wait; more are then read in large pieces
EVERYTHING = (1 << 63) - 1


class _Place(NamedTuple):
    """Behind a whole batch: the file, the byte, the chain's CRC there, and the last number before it."""

    name: str
    offset: int
    crc: int
    seq: int


class JournalReader:
    """Reads the journal in `directory` without locking or changing anything."""

    def __init__(self, directory: Path, *, storage: Storage | None = None) -> None:
        self._storage = DiskStorage(directory) if storage is None else storage
        self._place: _Place | None = None
        self._file: BinaryIO | None = None
        self._name = ""

    def read(self, after: int = 0, upto: int = EVERYTHING) -> Iterator[Entry]:
        """The entries with `after` < `seq` <= `upto`. Ends early where the journal does.

        Raises JournalTrimmed when some of them were deleted by retention, JournalDamaged, JournalError.
        """
        for batch in self.batches(after, upto):
            for record in batch.records:
                entry = decode(record)
                if entry.seq > upto:
                    return
                if entry.seq > after:
                    yield entry

    def records(self, after: int = 0, upto: int = EVERYTHING) -> Iterator[tuple[int, bytes]]:
        """As `read`, but each entry as its number and its JSON."""
        for batch in self.batches(after, upto):
            for record in batch.records:
                seq = seq_of(record)
                if seq > upto:
                    return
                if seq > after:
                    yield seq, record

    def batches(self, after: int = 0, upto: int = EVERYTHING) -> Iterator[Batch]:
        """The whole batches that hold such entries. The reader's place moves behind each that lies at or below
        `upto`.
        """
        place = self._place
        if place is None or place.seq > after:
            place = self._locate(after)
        again = -1
        while place is not None and place.seq < upto:
            file = self._open(place.name)
            name, seq = place.name, place.seq
            batches = Batches(file, place.offset, place.crc, FIRST_READ)
            for batch in batches:
                if batch.records:
                    seq = seq_of(batch.records[-1])
                    if seq > after:
                        if seq <= upto:
                            self._place = _Place(name, batch.end, batch.crc, seq)
                        yield batch
                        if seq >= upto:
                            return
            place = _Place(name, batches.end, batches.crc, seq)
            if seq <= upto:
                self._place = place
            stop = batches.stop
            ended = stop.ending in (Ending.END, Ending.NUL) and not stop.records
            following = self._following(place.name)
            if following is None:
                if stop.ending is Ending.BAD:
                    raise JournalDamaged(place.name, stop.offset, place.seq, stop.ending.value)
                return
            if not ended and again != stop.offset:
                again = stop.offset  # the writer may have ended this segment meanwhile: look once more
                continue
            if not ended:
                raise JournalDamaged(place.name, stop.offset, place.seq, f"{stop.ending.value}, and segments follow")
            place, again = self._hang(following, place), -1
            if place is not None:
                self._place = place

    def close(self) -> None:
        """Let go of the file; the place is forgotten."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._name = ""
        self._place = None

    def _open(self, name: str) -> BinaryIO:
        if self._file is None or self._name != name:
            if self._file is not None:
                self._file.close()
            self._file, self._name = self._storage.read(name), name
        return self._file

    def _locate(self, after: int) -> _Place | None:
        """The place behind a batch at or below `after`, as near to it as a search by halves finds. None: no journal."""
        names = segments(self._storage.names())
        if not names:
            return None
        kept_after = (first_seq(names[0]) or 1) - 1
        if after < kept_after:
            raise JournalTrimmed(after, kept_after)
        name = next(name for name in reversed(names) if (first_seq(name) or 0) <= after + 1)
        head = head_of(self._storage, name)
        if head is None:
            if name == names[-1]:
                return None  # it is only being made
            raise JournalDamaged(name, 0, (first_seq(name) or 1) - 1, "the first record does not check out")
        return _Place(name, *nearest(self._open(name), self._storage.size(name), head, after))

    def _following(self, name: str) -> str | None:
        """The segment behind this one."""
        return next((other for other in segments(self._storage.names()) if other > name), None)

    def _hang(self, name: str, place: _Place) -> _Place | None:
        """The beginning of a segment that must hang on `place`; None when it is only being made."""
        head = head_of(self._storage, name)
        if head is None:
            if self._following(name) is None:
                return None
            raise JournalDamaged(name, 0, place.seq, "the first record does not check out")
        if (head.segment.prev_seq, head.segment.prev_crc) != (place.seq, f"{place.crc:08x}"):
            raise JournalDamaged(name, 0, place.seq, f"it follows {head.segment.prev_seq}, not {place.seq}")
        return _Place(name, head.offset, head.crc, head.segment.prev_seq)
