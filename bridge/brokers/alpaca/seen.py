"""What was told so far about the broker's orders: just enough to tell each thing once and to notice what is missing.

No record of orders: it begins empty at every start, may forget what has ended, and whatever it has forgotten is told
again and recognised by the engine.
"""

from collections import OrderedDict
from decimal import Decimal

from bridge.orders.reports import Report

ZERO = Decimal(0)
KEEP_ENDED = 5_000


class Seen:
    """One order id of Alpaca's. Several of them, linked by `before` and `after`, are one order of ours."""

    __slots__ = (
        "acked",
        "after",
        "asked_at",
        "before",
        "canceling",
        "client_id",
        "created",
        "ended",
        "executions",
        "filled_qty",
        "heard",
        "held",
        "id",
        "in_force",
        "notional",
        "places",
        "restated",
        "stopping",
        "terms",
        "waiting",
    )

    def __init__(self, order_id: str, client_id: str | None) -> None:
        self.id = order_id
        self.client_id = client_id  # our id, under which it is reported
        self.before: str | None = None  # the order it replaces
        self.after: str | None = None  # the order that replaces it
        self.created: str | None = None  # the broker's time, as it wrote it
        self.acked = False
        self.held = False  # acknowledged, and waits for its trigger or for the session
        self.canceling = False  # the broker has taken a cancel
        self.stopping: str | None = None  # the replace under this id is carried out by cancelling the rest
        self.ended = False
        self.notional = False
        self.restated = False  # its value has been turned into a quantity
        self.in_force = False  # it is a replacement, and has been told as such
        self.terms: dict[str, Decimal | None] | None = None  # of a replacement that somebody else asked for
        self.heard = 0  # messages of the stream about it
        self.asked_at = 0.0  # when its executions were last asked for completely, monotonic; 0 for never
        self.filled_qty = ZERO  # the highest the broker said
        self.executions: dict[str, Decimal] = {}  # execution id → quantity
        # (order's total after it, quantity, price) → execution id told first, and whether by the list
        self.places: dict[tuple[Decimal | None, Decimal, Decimal], tuple[str, bool]] = {}
        self.waiting: list[Report] = []  # to be told once its fills are complete

    @property
    def waits(self) -> bool:
        """Something was asked of the broker, and what it came to has not been told."""
        if self.ended:
            return False
        if self.canceling or self.stopping is not None:
            return True
        return not self.in_force if self.before is not None else not (self.acked or self.executions)

    @property
    def progress(self) -> tuple[bool, bool, bool, int]:
        """Changes whenever something was learnt."""
        return self.acked, self.in_force, self.ended, len(self.executions)

    @property
    def executed(self) -> Decimal:
        """The sum of the executions told."""
        return sum(self.executions.values(), ZERO)


class Orders:
    """All order ids seen, by Alpaca's id and by the client order id."""

    def __init__(self, keep_ended: int = KEEP_ENDED) -> None:
        self._by_id: dict[str, Seen] = {}
        self._by_client: dict[str, str] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._keep_ended = keep_ended

    def get(self, order_id: str | None) -> Seen | None:
        """By Alpaca's id."""
        return None if order_id is None else self._by_id.get(order_id)

    def of_client(self, client_id: str | None) -> Seen | None:
        """By client order id: the newest order that bears it or has taken its place."""
        seen = None if client_id is None else self.get(self._by_client.get(client_id))
        while seen is not None and seen.after is not None and (later := self.get(seen.after)) is not None:
            seen = later
        return seen

    def add(self, order_id: str, client_id: str | None) -> Seen:
        """A new entry."""
        seen = Seen(order_id, client_id)
        self._by_id[order_id] = seen
        if client_id is not None:
            self._by_client.setdefault(client_id, order_id)
        return seen

    def rename(self, seen: Seen, client_id: str | None) -> None:
        """The order is told under this id of ours."""
        seen.client_id = client_id
        if client_id is not None:
            self._by_client.setdefault(client_id, seen.id)

    def end(self, seen: Seen) -> None:
        """It works no more; it may be forgotten when many others have ended since."""
        seen.ended = True
        self._ended[seen.id] = None
        self._ended.move_to_end(seen.id)
        while len(self._ended) > self._keep_ended:
            forgotten = self._by_id.pop(self._ended.popitem(last=False)[0], None)
            if forgotten is not None and forgotten.client_id is not None:
                self._by_client.pop(forgotten.client_id, None)

    def earlier(self, seen: Seen) -> Decimal:
        """Executions of the orders it took the place of."""
        total, before = ZERO, self.get(seen.before)
        while before is not None:
            total += before.executed
            before = self.get(before.before)
        return total

    def working(self) -> list[Seen]:
        """Those not known to have ended."""
        return [seen for seen in self._by_id.values() if not seen.ended]
