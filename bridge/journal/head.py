"""`head`: sixteen mapped bytes by which another process learns, without a system call, how far the journal is released.

Bytes 0 to 7 are the highest released `seq`, little endian; byte 8 is the reader's *asleep* flag. Writing costs a store;
only when the reader said that it sleeps does the writer send a byte on `wake_fd`, since waking a process costs 25 µs
(OUTPUTS.md section 9). The reader sets the flag, looks once more, and waits with a timeout: between two processors a
store and the load after it may pass each other, and the timeout bounds what that can cost.
"""

import mmap
import os
import sys
from pathlib import Path

NAME = "head"
SIZE = 16
_ASLEEP = 8


def _map(path: Path, *, create: bool) -> mmap.mmap:
    flags = os.O_RDWR | (os.O_CREAT if create else 0)
    fd = os.open(path, flags, 0o600)
    try:
        if os.fstat(fd).st_size < SIZE:
            if not create:
                raise FileNotFoundError(f"{path} is not a journal head")
            os.ftruncate(fd, SIZE)
        return mmap.mmap(fd, SIZE)
    finally:
        os.close(fd)


def released(directory: Path) -> int | None:
    """The number on the page in `directory`, None without a page."""
    try:
        raw = (directory / NAME).read_bytes()
    except FileNotFoundError:
        return None
    return int.from_bytes(raw[:8], "little")


class HeadWriter:
    """The journal's side of the page. `wake_fd` is a non-blocking socket or pipe to the reader, when there is one."""

    __slots__ = ("_bytes", "_map", "_seq", "wake_fd")

    def __init__(self, path: Path, wake_fd: int | None = None) -> None:
        self._map = _map(path, create=True)
        self._bytes = memoryview(self._map)
        # One aligned store of eight bytes; struct's "<Q" would write them one by one and could be read half done.
        self._seq = self._bytes[:8].cast("Q")
        self.wake_fd = wake_fd

    def write(self, seq: int) -> None:
        """Release everything up to `seq`."""
        self._seq[0] = seq
        if self._bytes[_ASLEEP] and self.wake_fd is not None:
            self._wake(self.wake_fd)

    def _wake(self, fd: int) -> None:
        self._bytes[_ASLEEP] = 0
        try:
            os.write(fd, b"\0")
        except BlockingIOError:
            pass  # bytes wait there already, so the reader will wake
        except OSError:
            self.wake_fd = None  # the reader is gone; whoever starts the next one sets a new descriptor

    def close(self) -> None:
        """Unmap; the file and its number stay."""
        self._seq.release()
        self._bytes.release()
        self._map.close()


class HeadReader:
    """The reader's side of the page. Raises FileNotFoundError while no journal was ever opened in the directory."""

    __slots__ = ("_bytes", "_map", "_seq")

    def __init__(self, path: Path) -> None:
        self._map = _map(path, create=False)
        self._bytes = memoryview(self._map)
        self._seq = self._bytes[:8].cast("Q")

    @property
    def seq(self) -> int:
        """Highest released `seq`."""
        return self._seq[0]

    def sleep(self, seen: int) -> bool:
        """Say that a wake-up is wanted. False, and nothing is said, when there is more than `seen` already."""
        self._bytes[_ASLEEP] = 1
        if self._seq[0] != seen:
            self._bytes[_ASLEEP] = 0
            return False
        return True

    def awake(self) -> None:
        """No wake-up is wanted."""
        self._bytes[_ASLEEP] = 0

    def close(self) -> None:
        """Unmap."""
        self._seq.release()
        self._bytes.release()
        self._map.close()


if sys.byteorder != "little":  # pragma: no cover
    raise ImportError("the head page is little endian; this machine is not")
