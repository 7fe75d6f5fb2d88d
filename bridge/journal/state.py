"""Fold the journal into what a snapshot holds, and have a child do that so that the loop never pauses."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from bridge.journal.errors import JournalTrimmed
from bridge.journal.payload import pack, readable, unpack
from bridge.journal.reader import EVERYTHING, JournalReader
from bridge.journal.snapshot import snapshots, valid_snapshots, write_snapshot
from bridge.journal.storage import DiskStorage
from bridge.orders.blotter import Blotter, freeze, thaw
from bridge.orders.events import Entry

Fold = Callable[[bytes | None, Iterator[Entry]], bytes]
"""The state that a snapshot held (None at the start of the journal) and what came after it, to the state then."""


def fold(state: bytes | None, entries: Iterator[Entry]) -> bytes:
    """The book alone: enough for whoever watches, not for an engine to start from (`bridge.standing` has both)."""
    blotter = Blotter() if state is None else thaw(unpack(state).blotter)
    for entry in entries:
        blotter.apply(entry)
    return pack(freeze(blotter))


def take_snapshot(directory: Path, upto: int, fold: Fold = fold) -> int:
    """Write the snapshot after the last entry at or below `upto`; its `seq`, 0 when there is nothing new.

    A state that `fold` cannot read, of an older version, is passed over for an older one or the whole journal.
    Raises JournalError, OSError.
    """
    reader = JournalReader(directory)
    last = 0

    def counted(after: int) -> Iterator[Entry]:
        nonlocal last
        for entry in reader.read(after, upto):
            last = entry.seq
            yield entry

    for seq, state in chain(valid_snapshots(directory), [(0, None)]):
        if seq >= upto:
            return 0
        try:
            payload = fold(state, counted(seq))
        except (msgspec.DecodeError, ValueError):
            if state is None:
                raise
            continue
        if last > seq:
            write_snapshot(directory, last, payload)
            return last
        return 0
    raise AssertionError("the whole journal is always tried")


def blotter_at(directory: Path, upto: int = EVERYTHING) -> Blotter:
    """The book after entry `upto`, from the newest usable snapshot at or below it and the entries behind.

    Raises JournalTrimmed when both are gone.
    """
    reader = JournalReader(directory)
    blotter, after = Blotter(), 0
    for seq, payload in valid_snapshots(directory):
        if seq <= upto:
            try:
                blotter, after = thaw(unpack(payload).blotter), seq
            except msgspec.DecodeError:
                continue
            break
    for entry in reader.read(after, upto):
        blotter.apply(entry)
    return blotter


def whole_book(directory: Path, upto: int = EVERYTHING) -> Blotter:
    """As `blotter_at`, with the orders that ended so long ago that the engine has forgotten them: every order of the
    journal that is kept.
    """
    reader = JournalReader(directory)
    blotter = Blotter(everything=True)
    entries = reader.read(0, upto)
    try:
        first = next(entries, None)
    except JournalTrimmed:
        kept = [payload for seq, payload in valid_snapshots(directory) if seq <= upto and readable(payload)]
        if not kept:
            raise
        blotter = thaw(unpack(kept[-1]).blotter, everything=True)
        entries = reader.read(blotter.seq, upto)
        first = next(entries, None)
    for entry in chain([first] if first is not None else [], entries):
        blotter.apply(entry)
    return blotter


class SnapshotBuilder:
    """Starts the child when a snapshot is due. `tick` is called now and then, on the loop, and never waits.

    The child is `command` with the directory and the number of an entry behind it, and `terms` on its standard input:
    it folds from the newest usable snapshot up to that entry, which is flushed, and writes the next.
    """

    def __init__(self, directory: Path, every: int, command: Sequence[str], terms: bytes = b"") -> None:
        self._directory = directory
        self._every = every
        self._command = command
        self._terms = terms
        self._last = max((seq for seq, _ in snapshots(DiskStorage(directory).names())), default=0)
        self._child: subprocess.Popen[bytes] | None = None
        self._upto = 0

    def tick(self, flushed: int) -> str | None:
        """A child is started when `every` entries are `flushed` since the last snapshot; what there is to log, or
        None.
        """
        if self._child is not None:
            code = self._child.poll()
            if code is None:
                return None
            self._child = None
            if code != 0:
                self._last = self._upto  # the next attempt comes after as many entries again, not at once
                return f"the snapshot at {self._upto} failed with code {code}"
            self._last = self._upto
            return f"a snapshot was taken at {self._upto}"
        if flushed - self._last >= self._every:
            self._upto = flushed
            self._start(flushed)
        return None

    def _start(self, upto: int) -> None:
        command = [*self._command, str(self._directory), str(upto)]
        with tempfile.TemporaryFile() as terms:  # a pipe would have to be waited for when they are long
            terms.write(self._terms)
            terms.seek(0)
            self._child = subprocess.Popen(command, stdin=terms, start_new_session=True)  # noqa: S603 - our own words

    def stop(self) -> None:
        """End a child that runs; its unfinished file is removed with the next snapshot."""
        if self._child is not None:
            self._child.terminate()
            self._child.wait()
            self._child = None
