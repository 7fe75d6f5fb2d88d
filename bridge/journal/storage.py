"""The few things the journal asks of a file system, as a seam: the proof runs recovery on a disk that forgets.

Everything is relative to one directory. A written byte survives the process, a flushed one the machine; a name survives
the machine only once the directory is flushed.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from bridge import faults
from bridge.journal.errors import JournalError, JournalLocked, JournalUnflushable

LOCK = "lock"
_NOT_FLUSHABLE = frozenset({"tmpfs", "ramfs"})
_NOT_LOCAL = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "afs", "ceph", "lustre", "glusterfs", "fuse.glusterfs"})


class WritableFile(Protocol):
    """One open file, written from where it stands."""

    def write(self, data: bytes, /) -> int:
        """Write some of `data`, tell how many bytes. Raises OSError."""
        ...

    def flush(self) -> None:
        """Return when everything written is on the medium. Raises OSError; then nothing is known (rule 7)."""
        ...

    def truncate(self, size: int) -> None:
        """Cut or extend with zeros to `size` bytes and stand at the end."""
        ...

    def seek(self, offset: int) -> None:
        """Stand at `offset` bytes."""
        ...

    def close(self) -> None:
        """Let go; does not flush."""
        ...


class Storage(Protocol):
    """One directory."""

    def names(self) -> list[str]:
        """All file names."""
        ...

    def size(self, name: str) -> int:
        """Bytes."""
        ...

    def read(self, name: str) -> BinaryIO:
        """Open for reading."""
        ...

    def create(self, name: str) -> WritableFile:
        """A new, empty file; FileExistsError when the name is taken."""
        ...

    def open(self, name: str, offset: int) -> WritableFile:
        """An existing file, standing at `offset`."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Replace `new`."""
        ...

    def remove(self, name: str) -> None:
        """Delete."""
        ...

    def flush_names(self) -> None:
        """Return when created, renamed and removed names are on the medium."""
        ...


def read_exactly(file: BinaryIO, count: int) -> bytes:
    """`count` bytes, or what there is: an unbuffered read may give less, and one call never more than 2 GiB."""
    pieces = []
    while count and (piece := file.read(min(count, 1 << 30))):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


class DiskFile:
    """A file descriptor. `write` is write(2) and nothing around it: every batch goes through it."""

    __slots__ = ("_fd", "write")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.write: Callable[[bytes], int] = partial(os.write, fd)

    def flush(self) -> None:
        """fdatasync(2); lets other threads run meanwhile."""
        os.fdatasync(self._fd)

    def truncate(self, size: int) -> None:
        """ftruncate(2)."""
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, size, os.SEEK_SET)

    def seek(self, offset: int) -> None:
        """lseek(2)."""
        os.lseek(self._fd, offset, os.SEEK_SET)

    def close(self) -> None:
        """close(2)."""
        os.close(self._fd)


class DiskStorage:
    """A directory of a local file system."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def names(self) -> list[str]:
        """All file names, sorted."""
        return sorted(os.listdir(self.directory))

    def size(self, name: str) -> int:
        """Bytes."""
        return (self.directory / name).stat().st_size

    def read(self, name: str) -> BinaryIO:
        """Open for reading, unbuffered: a live file is read again where it had ended."""
        return open(self.directory / name, "rb", buffering=0)

    def create(self, name: str) -> DiskFile:
        """A new file that only we may read."""
        return DiskFile(os.open(self.directory / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def open(self, name: str, offset: int) -> DiskFile:
        """An existing file."""
        file = DiskFile(os.open(self.directory / name, os.O_RDWR | os.O_CLOEXEC))
        file.seek(offset)
        return file

    def rename(self, old: str, new: str) -> None:
        """rename(2)."""
        os.rename(self.directory / old, self.directory / new)

    def remove(self, name: str) -> None:
        """unlink(2)."""
        os.unlink(self.directory / name)

    def flush_names(self) -> None:
        """fsync(2) of the directory."""
        fd = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


class Lock:
    """flock(2) on `lock` for the life of the process. The kernel frees it whatever way the process ends."""

    def __init__(self, directory: Path, purpose: str) -> None:
        """Take it. Raises JournalLocked naming the holder."""
        path = directory / LOCK
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(os.pread(self._fd, 4096, 0))
            os.close(self._fd)
            raise JournalLocked(f"the journal in {directory} is in use by {holder}") from None
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps({"pid": os.getpid(), "purpose": purpose, "since": since}).encode(), 0)

    def release(self) -> None:
        """Let others in. The file stays: removing it would let two processes lock two files of one name."""
        os.ftruncate(self._fd, 0)
        os.close(self._fd)


def _holder(raw: bytes) -> str:
    try:
        told = json.loads(raw)
        return f"process {told['pid']} ({told['purpose']}) since {told['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"


def file_system(directory: Path) -> str:
    """Type of the file system `directory` is on, as the kernel names it; "unknown" where it does not tell."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    device = directory.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for mount in reversed(mounts):
        left, _, right = mount.partition(" - ")
        if left.split()[2] == wanted:
            return right.split()[0]
    return "unknown"


def check_file_system(directory: Path, *, flushed: bool) -> None:
    """Refuse a place that cannot keep the promise: network file systems, and where flushes count, memory.

    Raises JournalUnflushable.
    """
    kind = file_system(directory)
    if kind in _NOT_LOCAL:
        raise JournalUnflushable(f"{directory} is on {kind}: the journal needs a local file system")
    if flushed and kind in _NOT_FLUSHABLE:
        raise JournalUnflushable(
            f"{directory} is on {kind}, which keeps nothing over a power loss: durability sync is void"
        )


def make_directory(directory: Path) -> None:
    """Create the journal's directory, only for us. Raises JournalError when that is not possible."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"cannot create the journal directory {directory}: {error.strerror}") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise JournalError(f"cannot write in the journal directory {directory}")


def boot_id() -> str:
    """The kernel's identity since its start: when it is the same as then, what was written then is still there."""
    if "machine.stopped" in faults.armed:
        return "after a stop of the machine"
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
