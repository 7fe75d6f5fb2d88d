"""A disk that remembers what was written and what was flushed, and can lose power at any moment.

`ModelDisk` is a Storage. It logs every operation; `after(index, ...)` gives the disk as a crash behind that operation
left it: a killed process loses nothing that was written, a machine without power keeps flushed bytes and, of each
512-byte sector written since, the new bytes, the old ones, or zeros, in any combination; of names not flushed, any
subset. A sector is written whole or not at all, and zeros stand only where nothing was flushed: in blocks that a file
was given and whose data never came.
"""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO

SECTOR = 512
NEW, OLD, ZERO = "new", "old", "zero"


class Node:
    """One file: what a reader sees, and what is on the medium."""

    def __init__(self) -> None:
        self.seen = bytearray()
        self.stable = bytearray()
        self.dirty: set[int] = set()

    def write(self, offset: int, data: bytes) -> None:
        if offset > len(self.seen):
            self.seen += bytes(offset - len(self.seen))
        self.seen[offset : offset + len(data)] = data
        self.dirty.update(range(offset // SECTOR, (offset + len(data) - 1) // SECTOR + 1) if data else ())

    def truncate(self, size: int) -> None:
        low, high = sorted((size, len(self.seen)))
        del self.seen[size:]
        self.seen += bytes(size - len(self.seen))
        if low != high:
            self.dirty.update(range(low // SECTOR, (high - 1) // SECTOR + 1))

    def flush(self) -> None:
        self.stable = bytearray(self.seen)
        self.dirty.clear()

    def left(self, fate: dict[int, str]) -> bytes:
        """What the medium holds when each dirty sector met its fate."""
        out = bytearray()
        last = (max(len(self.seen), len(self.stable)) + SECTOR - 1) // SECTOR
        for sector in range(last):
            part = slice(sector * SECTOR, (sector + 1) * SECTOR)
            met = fate.get(sector, OLD)
            piece = self.stable[part] if met == OLD else self.seen[part]
            if met == ZERO:
                kept = self.stable[part]
                piece = kept + bytes(max(0, len(piece) - len(kept)))
            if piece:
                out += bytes(sector * SECTOR - len(out)) if len(out) < sector * SECTOR else b""
                out += piece
        return bytes(out)


class ModelFile:
    def __init__(self, disk: "ModelDisk", node: int, offset: int) -> None:
        self._disk, self._node, self._offset = disk, node, offset
        self._open = True

    def write(self, data: bytes) -> int:
        assert self._open
        self._disk.do("write", self._node, self._offset, bytes(data))
        self._offset += len(data)
        return len(data)

    def flush(self) -> None:
        assert self._open
        self._disk.do("flush", self._node)

    def truncate(self, size: int) -> None:
        self._disk.do("truncate", self._node, size)
        self._offset = size

    def seek(self, offset: int) -> None:
        self._offset = offset

    def close(self) -> None:
        self._open = False


class ModelDisk:
    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.first = dict(files or {})
        self.log: list[tuple] = []
        self.state = State(self.first)

    def do(self, *operation) -> None:
        self.log.append(operation)
        self.state.apply(operation)

    def note(self, durable: int, flushed: int) -> None:
        """What the journal promised by now: `durable` over a kill, `flushed` over a power loss."""
        self.log.append(("note", durable, flushed))

    # --- Storage ---

    def names(self) -> list[str]:
        return sorted(self.state.names)

    def size(self, name: str) -> int:
        return len(self.state.node(name).seen)

    def read(self, name: str) -> BytesIO:
        return BytesIO(bytes(self.state.node(name).seen))

    def create(self, name: str) -> ModelFile:
        if name in self.state.names:
            raise FileExistsError(name)
        self.do("create", name)
        return ModelFile(self, self.state.names[name], 0)

    def open(self, name: str, offset: int) -> ModelFile:
        return ModelFile(self, self.state.names[name], offset)

    def rename(self, old: str, new: str) -> None:
        self.do("rename", old, new)

    def remove(self, name: str) -> None:
        self.do("remove", name)

    def flush_names(self) -> None:
        self.do("flush_names")

    # --- crashes ---

    def contents(self) -> dict[str, bytes]:
        return {name: bytes(self.state.node(name).seen) for name in self.state.names}

    def killed(self, index: int, cut: int | None = None) -> "ModelDisk":
        """The process died behind operation `index`, or inside it when it is a write cut after `cut` bytes."""
        state = self._until(index, cut)
        return ModelDisk({name: bytes(state.node(name).seen) for name in state.names})

    def _until(self, index: int, cut: int | None) -> "State":
        state = State(self.first)
        for operation in self.log[:index]:
            state.apply(operation)
        operation = self.log[index]
        if cut is not None:
            operation = (*operation[:3], operation[3][:cut])
        state.apply(operation)
        return state

    def promised(self, index: int) -> tuple[int, int]:
        """(durable, flushed) as told before or at operation `index`."""
        for operation in reversed(self.log[: index + 1]):
            if operation[0] == "note":
                return operation[1], operation[2]
        return 0, 0

    def unplugged(
        self, index: int, chooser: random.Random, limit: int, cut: int | None = None
    ) -> Iterator["ModelDisk"]:
        """Disks that a power loss behind operation `index` may leave: all of them if at most `limit`, else so many."""
        state = self._until(index, cut)
        nodes = sorted({*state.names.values(), *state.stable_names.values()})
        slots = [(node, sector) for node in nodes for sector in sorted(state.nodes[node].dirty)]
        pending = len(state.pending)
        total = 3 ** len(slots) * 2**pending
        choices: Iterable[tuple[tuple[str, ...], tuple[bool, ...]]]
        if total <= limit:
            choices = itertools.product(
                itertools.product((NEW, OLD, ZERO), repeat=len(slots)), itertools.product((True, False), repeat=pending)
            )
        else:
            choices = (
                (
                    tuple(chooser.choice((NEW, OLD, ZERO)) for _ in slots),
                    tuple(chooser.random() < 0.5 for _ in range(pending)),
                )
                for _ in range(limit)
            )
        for fates, kept in choices:
            yield ModelDisk(state.left(dict(zip(slots, fates, strict=True)), kept))


class State:
    """All files after some operations."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.nodes: list[Node] = []
        self.names: dict[str, int] = {}
        for name, data in files.items():
            node = Node()
            node.seen = bytearray(data)
            node.flush()
            self.names[name] = len(self.nodes)
            self.nodes.append(node)
        self.stable_names = dict(self.names)
        self.pending: list[Callable[[dict[str, int]], None]] = []

    def node(self, name: str) -> Node:
        return self.nodes[self.names[name]]

    def apply(self, operation: tuple) -> None:
        verb, *arguments = operation
        if verb == "write":
            self.nodes[arguments[0]].write(arguments[1], arguments[2])
        elif verb == "truncate":
            self.nodes[arguments[0]].truncate(arguments[1])
        elif verb == "flush":
            self.nodes[arguments[0]].flush()
        elif verb == "flush_names":
            self.stable_names = dict(self.names)
            self.pending.clear()
        elif verb == "create":
            self.nodes.append(Node())
            number = len(self.nodes) - 1
            self._name(lambda names: names.__setitem__(arguments[0], number))
        elif verb == "rename":
            number = self.names[arguments[0]]

            def rename(names: dict[str, int]) -> None:
                names.pop(arguments[0], None)
                names[arguments[1]] = number

            self._name(rename)
        elif verb == "remove":
            self._name(lambda names: names.pop(arguments[0], None))
        else:
            assert verb == "note"

    def _name(self, change: Callable[[dict[str, int]], object]) -> None:
        change(self.names)
        self.pending.append(change)

    def left(self, fate: dict[tuple[int, int], str], kept: tuple[bool, ...]) -> dict[str, bytes]:
        names = dict(self.stable_names)
        for change, keep in zip(self.pending, kept, strict=True):
            if keep:
                change(names)
        out = {}
        for name, number in names.items():
            sectors = {sector: met for (node, sector), met in fate.items() if node == number}
            out[name] = self.nodes[number].left(sectors)
        return out
