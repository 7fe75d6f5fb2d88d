"""Small state of the outputs that outlives a restart: cursors and day totals, one JSON file each.

Replaced whole by rename, so a reader finds the old or the new content. Not flushed: losing the last write to a power
failure means that some entries are told again, which every reader of ours survives by `seq`.
"""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def load(path: Path, kind: type[T]) -> T | None:
    """The stored value; None when there is none or it cannot be read (then everything is told again)."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def save(path: Path, value: object, mode: int = 0o600) -> None:
    """Replace the file's content. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(value))
    temporary.replace(path)
