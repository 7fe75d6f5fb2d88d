"""Recovery: messages that came too early, gaps to ask for, and what the peer asks us to send again.

FIX 4.4 volume 2, "Message recovery"; SESSION.md section 1, ResendRequest and Gap handling. Everything here is bounded:
early messages by count and bytes, resend requests by merging them, a resend by slices.
"""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Generic, TypeVar

import msgspec

from sessions.interfaces import Store
from sessions.states import Gap

T = TypeVar("T")

_SLICE_BYTES = 256 * 1024


class Early(Generic[T]):
    """Inbound messages whose MsgSeqNum(34) is too high, by number, until the gap before them is filled."""

    __slots__ = ("_bytes", "_held", "_max_bytes", "_max_messages", "_order")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._held: dict[int, tuple[T | None, int]] = {}
        self._order: list[int] = []
        """A heap of the numbers held, and of some already taken."""
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, seq_num: int) -> bool:
        return seq_num in self._held

    def put(self, seq_num: int, message: T | None, size: int) -> bool:
        """Keep a message, or with None only the fact that it was seen and acted upon; False if there is no room.

        What finds no room is dropped: the numbers go on after the gap and it is asked for again then.
        """
        if seq_num in self._held:
            return True
        if len(self._held) >= self._max_messages or self._bytes + size > self._max_bytes:
            return False
        self._held[seq_num] = (message, size)
        heappush(self._order, seq_num)
        self._bytes += size
        return True

    def take(self, seq_num: int) -> T | None:
        """Remove and return the message, None if it only counts; KeyError if it is not here."""
        message, size = self._held.pop(seq_num)
        self._bytes -= size
        return message

    def first(self, begin: int) -> int | None:
        """The lowest number held from `begin` on, None if there is none; forgets what is below."""
        self.drop_below(begin)
        return self._order[0] if self._order else None

    def drop_below(self, seq_num: int) -> int:
        """Forget everything below; how many that were."""
        dropped = 0
        while self._order and (self._order[0] < seq_num or self._order[0] not in self._held):
            lowest = heappop(self._order)
            if lowest in self._held:
                self.take(lowest)
                dropped += 1
        return dropped

    def clear(self) -> None:
        """Forget everything: it belongs to the connection it came by (quickfix-j 1243)."""
        self._held.clear()
        self._order.clear()
        self._bytes = 0


def ask(begin: int, end: int, chunk: int, now: float) -> Gap:
    """A gap from `begin` to `end`, to be asked for in pieces of `chunk` numbers (0 = whole)."""
    return Gap(begin, end, min(end, begin + chunk - 1) if chunk else end, now, 1)


def ask_on(gap: Gap, expected: int, chunk: int, now: float) -> Gap | None:
    """What to ask for after the answer reached `expected`: the next piece, or None while the piece is not complete."""
    return ask(expected, gap.end, chunk, now) if gap.asked_to < expected <= gap.end else None


class Wanted(msgspec.Struct):
    """One range the peer asked for; `hole` <= `cursor` is where the next gap fill would begin."""

    cursor: int
    end: int
    hole: int


class Resends:
    """Ranges still to be sent again, in the order they were asked for, served slice by slice.

    A request inside what is still to come is already answered by it. More than `limit` pending ranges become one.
    """

    __slots__ = ("_limit", "_ranges")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ranges: deque[Wanted] = deque()

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def __len__(self) -> int:
        return len(self._ranges)

    def want(self, begin: int, end: int) -> None:
        """Add begin <= n <= end."""
        for wanted in self._ranges:
            if wanted.hole <= begin and end <= wanted.end:
                return
        if len(self._ranges) > self._limit:
            # The one under way stays as it is; the rest becomes one range that covers them all.
            waiting = [self._ranges.pop() for _ in range(len(self._ranges) - 1)]
            begin = min(begin, *(wanted.cursor for wanted in waiting))
            end = max(end, *(wanted.end for wanted in waiting))
        self._ranges.append(Wanted(begin, end, begin))

    def clear(self) -> None:
        """Forget everything: the connection it was asked on is gone, or numbers begin again."""
        self._ranges.clear()

    def slice(
        self,
        store: Store,
        limit: int,
        *,
        allowed: Callable[[bytes], bool],
        again: Callable[[bytes], bytes],
        fill: Callable[[int, int], bytes],
    ) -> list[bytes]:
        """The next at most `limit` stored messages as they go on the wire.

        `again(stored)` stamps a message anew, `fill(begin, next)` is the gap fill that takes the peer from `begin` to
        `next`; numbers that are not stored (administrative messages) or not `allowed` are filled. A fill never reaches
        beyond what was asked for (quickfixn 309).
        """
        wanted = self._ranges[0]
        out: list[bytes] = []
        seen = size = 0
        for seq_num, data in store.get(wanted.cursor, wanted.end):
            if seen == limit or size > _SLICE_BYTES:
                return out
            seen += 1
            wanted.cursor = seq_num + 1
            if not allowed(data):
                continue
            if wanted.hole < seq_num:
                out.append(fill(wanted.hole, seq_num))
            out.append(again(data))
            size += len(data)
            wanted.hole = seq_num + 1
        if wanted.hole <= wanted.end:
            out.append(fill(wanted.hole, wanted.end + 1))
        self._ranges.popleft()
        return out
