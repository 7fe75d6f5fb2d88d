"""Where a reader of entries has come to, kept over restarts."""

import os
from pathlib import Path
from typing import Protocol


class Checkpoint(Protocol):
    """Any object with these two: a file, a row in your own database beside what you booked."""

    def load(self) -> int | None:
        """The last `seq` saved, None when there is none yet."""
        ...

    def save(self, seq: int) -> None:
        """Everything up to `seq` is done with."""
        ...


class FileCheckpoint:
    """A number in a file, replaced whole."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()

    def load(self) -> int | None:
        """The last `seq` saved. ValueError for a file that holds anything else."""
        try:
            return int(self.path.read_text())
        except FileNotFoundError:
            return None

    def save(self, seq: int) -> None:
        """Write it."""
        new = self.path.with_name(self.path.name + ".new")
        new.write_text(f"{seq}\n")
        new.replace(self.path)
