"""What becomes of finished segments: copied away by a command, deleted once old (DURABILITY.md section 3)."""

import shlex
import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from bridge import faults
from bridge.interfaces import JournalError
from bridge.journal.chain import write_all
from bridge.journal.format import segments
from bridge.journal.payload import readable
from bridge.journal.recovery import head_of
from bridge.journal.snapshot import read_snapshot, snapshots
from bridge.journal.storage import DiskStorage, Storage

ARCHIVED = "archived"


class Archive:
    """Runs `command` once for each finished segment, in order; `{path}` in it stands for the segment's file.

    Runs in a thread or by hand, never on the loop. What was copied is remembered in the file `archived`, so that a
    restart goes on where it was; the command may see a segment twice.
    """

    def __init__(
        self,
        directory: Path,
        command: str,
        *,
        timeout: float = 600.0,
        run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run,
    ) -> None:
        """`timeout` in seconds. Raises JournalError when the command has no `{path}`."""
        if "{path}" not in command:
            raise JournalError(f"archive.command {command!r} does not say where the segment goes: it needs {{path}}")
        self._directory = directory
        self._storage = DiskStorage(directory)
        self._words: Sequence[str] = shlex.split(command)
        self._timeout = timeout
        self._run = run

    @property
    def last(self) -> str | None:
        """The newest segment that was copied, None when none was."""
        path = self._directory / ARCHIVED
        return path.read_text().strip() or None if path.exists() else None

    def copy(self) -> list[str]:
        """Copy what is finished and not yet copied; the names. Raises JournalError at the first that fails."""
        last = self.last or ""
        done: list[str] = []
        for name in segments(self._storage.names())[:-1]:
            if name <= last:
                continue
            words = [word.replace("{path}", str(self._directory / name)) for word in self._words]
            try:
                self._run(words, check=True, timeout=self._timeout, stdin=subprocess.DEVNULL, capture_output=True)
            except (OSError, subprocess.SubprocessError) as error:
                raise JournalError(f"archiving {name} failed: {error}") from error
            self._remember(name)
            done.append(name)
        return done

    def _remember(self, name: str) -> None:
        temporary = ARCHIVED + ".tmp"
        if temporary in self._storage.names():
            self._storage.remove(temporary)
        file = self._storage.create(temporary)
        try:
            write_all(file, name.encode() + b"\n")
            file.flush()
        finally:
            file.close()
        self._storage.rename(temporary, ARCHIVED)
        self._storage.flush_names()


def retain(
    directory: Path | Storage, *, keep_days: int | None, now: datetime, archive: Archive | None = None
) -> list[str]:
    """Delete whole finished segments that are older than `keep_days` and than the second-newest snapshot; their names.

    Only snapshots that this version reads count: the start after this one must find what it needs. `keep_days` None
    keeps everything. With an archive, nothing is deleted that it has not copied. The oldest goes first, so what is
    left always hangs together. Raises OSError.
    """
    if keep_days is None:
        return []
    storage: Storage = DiskStorage(directory) if isinstance(directory, Path) else directory
    kept = ((seq, read_snapshot(storage, name)) for seq, name in snapshots(storage.names()))
    valid = [seq for seq, payload in kept if payload is not None and readable(payload)]
    if len(valid) < 2:
        return []
    copied = None if archive is None else archive.last or ""
    deleted: list[str] = []
    for name, following in pairwise(segments(storage.names())):
        head = head_of(storage, following)
        if head is None or head.segment.prev_seq > valid[1] or now - head.time < timedelta(days=keep_days):
            break
        if copied is not None and name > copied:
            break
        storage.remove(name)
        storage.flush_names()  # one by one: no power loss may leave a gap between what is kept
        deleted.append(name)
        faults.point("journal.retain")
    return deleted
