"""What is counted over time: message tokens, look-alikes, fills, refusals, order sizes, the day's sums.

Plain data with the one step that moves each; `bridge.risk.portfolio` drives them with entries. Times are UTC ns.
"""

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from collections.abc import Hashable
from decimal import Decimal

import msgspec

from bridge.orders.order import ZERO

SIZES = 100  # orders of a strategy that its median is taken from (R30)
DAYS = 5  # trading days that day trades are counted over (R28)
LOOKALIKE_MEMORY_NS = 3_600_000_000_000  # an order older than this resembles nothing, whatever the window


class Rate(msgspec.Struct, frozen=True):
    """A message rate: `interval` ns until a token comes back, `slack` ns between a full bucket and an empty one."""

    interval: int
    slack: int
    where: str
    per_second: Decimal
    burst: int


class Bucket:
    """Tokens as the time at which the bucket would be full again (generic cell rate algorithm): exact in integers."""

    __slots__ = ("full_at", "rate", "slack", "version")

    def __init__(self, rate: Rate, version: int, full_at: int = 0) -> None:
        self.rate = rate
        self.slack = rate.slack
        self.version = version  # of the limits that `rate` is from
        self.full_at = full_at

    def has_token(self, now: int) -> bool:
        """True when one more message may pass at `now`."""
        return self.full_at - now <= self.slack

    def take(self, now: int) -> None:
        """A message came. One that found no token takes none, else a flood would never end."""
        if self.full_at - now <= self.slack:
            self.full_at = (self.full_at if self.full_at > now else now) + self.rate.interval


class Window:
    """How many times something happened within the last `span` ns."""

    __slots__ = ("times",)

    def __init__(self) -> None:
        self.times: deque[int] = deque()

    def add(self, now: int, span: int) -> int:
        """Count one more; how many there are now."""
        times = self.times
        times.append(now)
        oldest = now - span
        while times[0] < oldest:
            times.popleft()
        return len(times)


class LookAlikes:
    """When an order with exactly these terms was last sent."""

    __slots__ = ("seen",)

    def __init__(self) -> None:
        self.seen: OrderedDict[Hashable, int] = OrderedDict()  # oldest first

    def add(self, terms: Hashable, now: int) -> None:
        """An order with these terms was sent; what is too old to matter is forgotten, oldest first."""
        seen = self.seen
        seen[terms] = now
        seen.move_to_end(terms)
        if next(iter(seen.values())) < now - LOOKALIKE_MEMORY_NS:
            seen.popitem(last=False)

    def last(self, terms: Hashable) -> int | None:
        """When it was last sent, or None."""
        return self.seen.get(terms)


class Sizes:
    """The last hundred order quantities of a strategy and their median, kept in order."""

    __slots__ = ("last", "ordered")

    def __init__(self) -> None:
        self.last: deque[Decimal] = deque()
        self.ordered: list[Decimal] = []

    def add(self, qty: Decimal) -> None:
        """One more order."""
        self.last.append(qty)
        insort(self.ordered, qty)
        if len(self.last) > SIZES:
            del self.ordered[bisect_left(self.ordered, self.last.popleft())]

    @property
    def median(self) -> Decimal | None:
        """The middle one (the lower of two), None until there are a hundred."""
        return self.ordered[(SIZES - 1) // 2] if len(self.last) == SIZES else None


class Day:
    """What an account did since its trading day began."""

    __slots__ = ("fills", "messages", "orders", "turnover")

    def __init__(self) -> None:
        self.orders = 0
        self.messages = 0
        self.fills = 0
        self.turnover = ZERO
