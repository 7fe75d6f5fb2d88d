"""IB takes 50 messages a second and drops who sends more: ours go out below that, cancels before all others.

The library has a queue of its own, first in first out, in which a cancel waits behind every question. It never comes
to that here: what leaves this queue is below the library's limit.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import IntEnum

WINDOW = 1.02
"""Seconds in which `rate` messages may leave; a little more than one, so that jitter cannot make it one more."""


class Lane(IntEnum):
    """Who goes first."""

    CANCEL = 0
    ORDER = 1
    QUESTION = 2


class Ticket:
    """One message that waits or has left."""

    __slots__ = ("queued_at", "send", "sent", "withdrawn")

    def __init__(self, send: Callable[[], None], queued_at: float) -> None:
        self.send = send
        self.queued_at = queued_at
        self.sent = False
        self.withdrawn = False

    def withdraw(self) -> bool:
        """True when it had not left, and now never will."""
        if self.sent:
            return False
        self.withdrawn = True
        return True


class Pacer:
    """Sends at once while it may. `rate` messages in any second; questions and orders leave room for cancels."""

    def __init__(self, rate: int, now: Callable[[], float]) -> None:
        """`now` gives monotonic seconds, those of the loop's timers."""
        self._shares = {Lane.CANCEL: rate, Lane.ORDER: max(1, rate * 9 // 10), Lane.QUESTION: max(1, rate * 3 // 4)}
        self._now = now
        self._times: deque[float] = deque()
        self._queues: dict[Lane, deque[Ticket]] = {lane: deque() for lane in Lane}
        self._timer: asyncio.TimerHandle | None = None
        self.delayed = 0

    @property
    def waiting(self) -> int:
        """Messages that have not left."""
        return sum(len(queue) for queue in self._queues.values())

    def put(self, lane: Lane, send: Callable[[], None]) -> Ticket:
        """Send now or as soon as may be. `send` must not raise."""
        ticket = Ticket(send, self._now())
        self._queues[lane].append(ticket)
        self._pump()
        if not ticket.sent:
            self.delayed += 1
        return ticket

    def clear(self) -> None:
        """The connection is gone: nothing that waits will be sent."""
        for queue in self._queues.values():
            queue.clear()
        self._times.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pump(self) -> None:
        now = self._now()
        times = self._times
        while times and now - times[0] >= WINDOW:
            times.popleft()
        for lane in Lane:
            queue = self._queues[lane]
            while queue and (queue[0].withdrawn or len(times) < self._shares[lane]):
                ticket = queue.popleft()
                if ticket.withdrawn:
                    continue
                times.append(now)
                ticket.sent = True
                ticket.send()
        if self.waiting and self._timer is None and times:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, times[0] + WINDOW - now), self._again)

    def _again(self) -> None:
        self._timer = None
        self._pump()
