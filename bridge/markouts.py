"""Looks at the mid 1, 10, 60 and 300 s after each fill, and after an order's end, and tells it as one entry each.

Pure: it is shown the entries, holds what is due when, and is asked with the time from outside. The caller looks every
100 ms or so, or at `next_due_ns`; how much later it looks is the error of the horizon. What is pending at a stop is
lost and the samples with it: they are statistics, not facts about orders. Memory is bounded by `limit`; beyond it
samples are dropped.
"""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from msgspec import Struct

from bridge.costs import HORIZONS, bps, fresh_mid, impact, realised_spread, reversion
from bridge.orders.events import Entry, Markout, MarkoutsTaken, OrderCanceled, OrderExpired, OrderFilled
from bridge.orders.market import Quote
from bridge.orders.order import Order
from fixspec.enums import ArrivalSource, Side

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000_000
LIMIT = 50_000
TARDY = SECOND  # ns after which a look that comes too late is no sample of its horizon any more


class _Pending(Struct, gc=False):
    """One fill, or the end of one order, whose later mids are looked up."""

    order_id: int
    exec_id: str
    symbol: str
    side: Side
    source: ArrivalSource | None
    px: Decimal | None  # the fill's price
    mid: Decimal | None  # the mid at the fill
    avg_px: Decimal | None  # of the order, when it ended here
    since_ns: int
    taken: tuple[Markout, ...] = ()


class Markouts:
    """See the module. `quote(symbol)` gives the newest quote; `max_age_ns` is how old a fresh one may be."""

    name = "markouts"
    cursor = 0
    events = frozenset({OrderFilled, OrderCanceled, OrderExpired})

    def __init__(
        self,
        quote: Callable[[str], Quote | None],
        max_age_ns: int,
        *,
        horizons: tuple[int, ...] = HORIZONS,
        limit: int = LIMIT,
    ) -> None:
        self._quote = quote
        self._max_age_ns = max_age_ns
        self._horizons = horizons
        self._limit = limit
        self._due: list[tuple[int, int, _Pending]] = []
        self._count = 0
        self.dropped = 0

    @property
    def next_due_ns(self) -> int | None:
        """When to look next, UTC ns; None while nothing is pending."""
        return self._due[0][0] if self._due else None

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """Remember fills and ends. An EventSink of the engine; fills told late or again by a recovery are too old to
        follow."""
        event = entry.event
        if order is None:
            return
        if isinstance(event, OrderFilled):
            if event.cost is None or event.cost.mid is None or event.late:
                return
            ended = not order.open
            self._add(
                _Pending(
                    order_id=event.order_id,
                    exec_id=event.exec_id,
                    symbol=order.symbol,
                    side=order.side,
                    source=event.cost.source,
                    px=event.last_px,
                    mid=event.cost.mid,
                    avg_px=order.avg_px if ended else None,
                    since_ns=_ns(entry),
                )
            )
        elif isinstance(event, (OrderCanceled, OrderExpired)) and order.cum_qty and event.cost is not None:
            self._add(
                _Pending(
                    order_id=event.order_id,
                    exec_id="",
                    symbol=order.symbol,
                    side=order.side,
                    source=event.cost.source,
                    px=None,
                    mid=None,
                    avg_px=order.avg_px,
                    since_ns=_ns(entry),
                )
            )

    def due(self, now_ns: int) -> list[MarkoutsTaken]:
        """Take the mids that are due, and give the entries that are complete with them. `now_ns` is UTC ns."""
        complete = []
        while self._due and self._due[0][0] <= now_ns:
            due, _, pending = heapq.heappop(self._due)
            seconds = self._horizons[len(pending.taken)]
            late = now_ns - due > TARDY
            pending.taken += (Markout(seconds, dropped="late") if late else self._take(pending, seconds, now_ns),)
            if len(pending.taken) < len(self._horizons):
                self._push(pending)
            else:
                complete.append(
                    MarkoutsTaken(order_id=pending.order_id, exec_id=pending.exec_id, markouts=pending.taken)
                )
        return complete

    def _take(self, pending: _Pending, seconds: int, now_ns: int) -> Markout:
        quote = self._quote(pending.symbol)
        mid, missing = fresh_mid(quote, now_ns, self._max_age_ns)
        if mid is not None and quote is not None and pending.source not in (None, quote.source):
            mid, missing = None, "source"
        if mid is None:
            return Markout(seconds, dropped=missing)
        realised = realised_spread(pending.side, pending.px, pending.mid, mid) if pending.px is not None else None
        back = reversion(pending.side, pending.avg_px, mid) if pending.avg_px is not None else None
        moved = impact(pending.side, pending.mid, mid)
        return Markout(seconds, mid, bps(realised), bps(moved), bps(back))

    def _add(self, pending: _Pending) -> None:
        if len(self._due) >= self._limit:
            self.dropped += 1
            return
        self._push(pending)

    def _push(self, pending: _Pending) -> None:
        self._count += 1
        due = pending.since_ns + self._horizons[len(pending.taken)] * SECOND
        heapq.heappush(self._due, (due, self._count, pending))


def _ns(entry: Entry) -> int:
    since = entry.time - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000
