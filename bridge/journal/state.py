"""Fold the journal into what a snapshot holds, and run that in a child so that the loop never pauses.

    python -m bridge.journal.state DIRECTORY UPTO

folds from the newest usable snapshot up to entry UPTO, which must be flushed, and writes the next snapshot.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import msgspec

from bridge.journal.reader import EVERYTHING, JournalReader
from bridge.journal.snapshot import snapshots, valid_snapshots, write_snapshot
from bridge.journal.storage import DiskStorage
from bridge.orders.blotter import Blotter, freeze, thaw
from bridge.orders.events import Entry

Fold = Callable[[bytes | None, Iterator[Entry]], bytes]
"""The state that a snapshot held (None at the start of the journal) and what came after it, to the state then."""


def fold(state: bytes | None, entries: Iterator[Entry]) -> bytes:
    """The blotter's fold, as opaque bytes."""
    blotter = Blotter() if state is None else thaw(state)
    for entry in entries:
        blotter.apply(entry)
    return freeze(blotter)


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
                blotter, after = thaw(payload), seq
            except msgspec.DecodeError:
                continue
            break
    for entry in reader.read(after, upto):
        blotter.apply(entry)
    return blotter


class SnapshotBuilder:
    """Starts the child when a snapshot is due. `tick` is called now and then, on the loop, and never waits."""

    def __init__(self, directory: Path, every: int = 100_000) -> None:
        self._directory = directory
        self._every = every
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
            command = [sys.executable, "-m", "bridge.journal.state", str(self._directory), str(flushed)]
            self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
        return None

    def stop(self) -> None:
        """End a child that runs; its unfinished file is removed with the next snapshot."""
        if self._child is not None:
            self._child.terminate()
            self._child.wait()
            self._child = None


def main(arguments: list[str]) -> int:
    """The child's work, at low priority."""
    os.nice(10)
    gc.disable()  # the fold makes no cycles, and walking a million orders again and again is most of its time
    take_snapshot(Path(arguments[0]), int(arguments[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
