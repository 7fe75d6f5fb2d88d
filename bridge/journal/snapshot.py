"""Snapshots: the fold so far in one file, so that a restart reads little (DURABILITY.md section 3).

A snapshot is a cache of the journal: it may be older, never newer, and every one can be thrown away. What is in it is
the core's matter (opaque bytes); here it gets a first line `cccccccc {json}` with its number, length and CRC, and is
written so that it exists whole or not at all: under a temporary name, flushed, renamed, directory flushed.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zlib import crc32

import msgspec

from bridge import faults
from bridge.journal.chain import write_all
from bridge.journal.format import lay_record
from bridge.journal.storage import DiskStorage, Storage, read_exactly

SUFFIX = ".snapshot"
TEMPORARY = ".snapshot.tmp"
KEPT = 2

_NAME = re.compile(r"(\d{16})\.snapshot")


class _Label(msgspec.Struct, frozen=True):
    version: int
    seq: int
    length: int
    crc: str


class Snapshot(NamedTuple):
    """State after the entry `seq`."""

    seq: int
    payload: bytes


def snapshot_name(seq: int) -> str:
    """File name of the snapshot taken after this entry."""
    return f"{seq:016}{SUFFIX}"


def snapshots(names: list[str]) -> list[tuple[int, str]]:
    """Numbers and names of the snapshot files among `names`, newest first. Says nothing about what is in them."""
    return sorted(((int(match[1]), name) for name in names if (match := _NAME.fullmatch(name))), reverse=True)


def write_snapshot(directory: Path | Storage, seq: int, payload: bytes) -> None:
    """Keep `payload` as the state after entry `seq`, which must be flushed, and forget all but the newest two.

    Raises OSError; then what was there before still is.
    """
    storage = _storage(directory)
    for name in storage.names():
        if name.endswith(TEMPORARY):
            storage.remove(name)
    label = msgspec.json.encode(_Label(1, seq, len(payload), f"{crc32(payload):08x}"))
    temporary = f"{seq:016}{TEMPORARY}"
    file = storage.create(temporary)
    try:
        write_all(file, lay_record(label, 0)[0] + payload)
        file.flush()
    finally:
        file.close()
    faults.point("snapshot.written")
    storage.rename(temporary, snapshot_name(seq))
    faults.point("snapshot.renamed")
    storage.flush_names()
    for _, name in snapshots(storage.names())[KEPT:]:
        faults.point("snapshot.forgotten")
        storage.remove(name)


def valid_snapshots(directory: Path | Storage) -> Iterator[Snapshot]:
    """Every snapshot that checks out, newest first; a caller that cannot use one takes the next, or reads from the
    start.
    """
    storage = _storage(directory)
    for seq, name in snapshots(storage.names()):
        payload = read_snapshot(storage, name)
        if payload is not None:
            yield Snapshot(seq, payload)


def newest_snapshot(directory: Path | Storage) -> Snapshot | None:
    """The newest snapshot that checks out."""
    return next(valid_snapshots(directory), None)


def newest_seq(storage: Storage) -> int:
    """Number of the newest snapshot whose first line and length check out, 0 without one.

    That is enough to know that the journal was flushed up to it; the payload is not read.
    """
    for seq, name in snapshots(storage.names()):
        with storage.read(name) as file:
            if _label(file, name, storage.size(name)) is not None:
                return seq
    return 0


def read_snapshot(storage: Storage, name: str) -> bytes | None:
    """What is in a snapshot file; None when it does not check out."""
    with storage.read(name) as file:
        label = _label(file, name, storage.size(name))
        if label is None:
            return None
        payload = read_exactly(file, label.length)
    return payload if label.crc == f"{crc32(payload):08x}" else None


def _label(file: BinaryIO, name: str, size: int) -> _Label | None:
    """The first line, when it checks out and tells the file's own name and length; the file then stands behind it."""
    line, newline, _ = file.read(4096).partition(b"\n")
    if not newline or lay_record(line[9:], 0)[0] != line + b"\n":
        return None
    try:
        label = msgspec.json.decode(line[9:], type=_Label)
    except msgspec.DecodeError:
        return None
    if label.version != 1 or snapshot_name(label.seq) != name or label.length + len(line) + 1 != size:
        return None
    file.seek(len(line) + 1)
    return label


def _storage(directory: Path | Storage) -> Storage:
    return DiskStorage(directory) if isinstance(directory, Path) else directory
