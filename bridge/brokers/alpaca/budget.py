"""Alpaca's requests per minute, kept ahead of time: what cancels may use, orders may not, and reads least of all.

A window of the last 60 s over all requests of this process, corrected by what the broker itself says is left (other
programs use the same account). Pure: time comes in from outside.
"""

from collections import deque
from enum import Enum

WINDOW = 60.0
LIMIT = 200
"""Requests per minute and account that Alpaca publishes."""


class Use(Enum):
    """What a request is for, and the share of the limit at which it stops."""

    CANCEL = 1.0
    ORDER = 0.9
    READ = 0.7


class Budget:
    """Requests left in this minute. Times are seconds of one monotonic clock."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.throttled = 0  # answers 429
        self.waited = 0  # requests that had to wait here
        self._sent: deque[float] = deque()
        self._others = 0
        self._others_until = 0.0
        self._closed_until = 0.0

    def take(self, use: Use, now: float) -> float:
        """0.0 when the request may leave now, and is counted; else the seconds after which to ask again."""
        if now < self._closed_until:
            self.waited += 1
            return self._closed_until - now
        sent = self._sent
        while sent and sent[0] <= now - WINDOW:
            sent.popleft()
        allowed = max(1, int(self.limit * use.value)) - self._foreign(now)
        if len(sent) < allowed:
            sent.append(now)
            return 0.0
        self.waited += 1
        first = sent[len(sent) - allowed] + WINDOW - now if 0 < allowed <= len(sent) else self._others_until - now
        return max(0.001, first)

    def told(self, limit: int | None, remaining: int | None, reset_in: float | None, now: float) -> None:
        """The headers of an answer: requests per minute, how many are left, seconds until they are given anew."""
        if limit is not None and limit > 0:
            self.limit = limit
        if remaining is None or reset_in is None:
            return
        recent = sum(1 for at in self._sent if at > now - WINDOW)
        self._others = max(0, self.limit - remaining - recent)
        self._others_until = now + min(max(reset_in, 0.0), WINDOW)

    def refused(self, reset_in: float | None, now: float) -> None:
        """An answer 429: nothing may leave until the broker's window ends."""
        self.throttled += 1
        wait = 1.0 if reset_in is None else min(max(reset_in, 0.05), WINDOW)
        self._closed_until = max(self._closed_until, now + wait)

    def used(self, now: float) -> float:
        """The used share of the limit, 0 to 1."""
        recent = sum(1 for at in self._sent if at > now - WINDOW)
        return min(1.0, (recent + self._foreign(now)) / self.limit)

    def _foreign(self, now: float) -> int:
        return self._others if now < self._others_until else 0
