"""Order ids of one client id: above everything ever used, whatever IB says after a restart (ADAPTERS B.2).

IB wants every id to be above all ids it has seen from this client, but remembers only those it saw: after a restart
nextValidId may fall back below ids that were burned on orders it never got, and an id given twice lets callbacks hit
two orders. So ids are reserved in blocks, and the end of the block is on disk before any of them is used.
"""

import os
from pathlib import Path

BLOCK = 10_000
HIGHEST = 1_499_999_999  # above it are the ids of our questions
QUESTIONS = 1_500_000_000
"""Ids of questions share IB's number space with order ids: they start here, so that an error names one or the other."""


class OrderIds:
    """Next order id. `path` None keeps nothing, which is for tests."""

    def __init__(self, path: Path | None) -> None:
        """Raises ValueError when the file is damaged, OSError when it cannot be read."""
        self._path = path
        self._next = 1
        self._limit = 0  # ids up to here are reserved on disk
        if path is not None and path.exists():
            text = path.read_text(encoding="ascii", errors="replace").strip()
            if not text.isdigit():
                raise ValueError(f"{path}: expected the highest order id, found {text[:40]!r}")
            self._limit = int(text)
            self._next = self._limit + 1

    def login(self, next_valid_id: int) -> None:
        """IB's nextValidId at a login, and every id it is seen to know: ids never fall back."""
        self._next = max(self._next, next_valid_id)
        self._reserve()

    def seen(self, order_id: int) -> None:
        """IB knows this id of ours."""
        if order_id >= self._next:
            self._next = order_id + 1

    def take(self) -> int:
        """An id nobody has used. Raises OSError when it cannot be reserved: nothing may be sent then."""
        if self._next > self._limit:
            self._reserve()
        taken = self._next
        if taken > HIGHEST:
            raise OSError(f"order ids of this client id are used up at {taken}: choose another client_id")
        self._next = taken + 1
        return taken

    def _reserve(self) -> None:
        if self._next + BLOCK // 2 <= self._limit:
            return
        limit = self._next + BLOCK - 1
        if self._path is not None:
            draft = self._path.with_suffix(".new")
            with draft.open("w", encoding="ascii") as file:
                file.write(f"{limit}\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            directory = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        self._limit = limit
