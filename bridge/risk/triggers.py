"""Automatic rules: what happened too often disables who did it, until a named person says otherwise.

R06 collar failures, R19 repeated automated execution (RTS 6 art. 15), R20 runaway loops, and an overfill. A pure fold:
it says which halts are `due`; the engine commits them as TradingHalted, and that entry clears what was due.
"""

from bridge.orders.events import (
    CancelRejected,
    Entry,
    Initiator,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    Scope,
    TradingHalted,
    TradingResumed,
    TradingState,
)
from bridge.orders.order import Order
from bridge.risk.counters import Window
from bridge.risk.limits import Limits, utc_ns
from bridge.risk.states import SEVERITY, States

Place = tuple[Scope, str]


class Triggers:
    """Windows of what happened, and the halts that follow from it."""

    def __init__(self, limits: Limits, states: States) -> None:
        self._limits = limits
        self._states = states
        self._windows: dict[tuple[str, ...], Window] = {}
        self._owners: dict[Place, set[tuple[str, ...]]] = {}
        self.due: dict[Place, TradingHalted] = {}

    def on_entry(self, entry: Entry, before: Order | None, after: Order | None) -> None:
        """Fold one entry, after `States` has folded it."""
        event = entry.event
        if isinstance(event, OrderFilled):
            if after is not None:
                self._filled(entry, event, after)
        elif isinstance(event, OrderRejected):
            if after is not None:
                self._refused(entry, after, event.rule)
                self._cycle(entry, after)
        elif isinstance(event, CancelRejected):
            if after is not None and event.rule is not None:
                self._refused(entry, after, event.rule)
        elif isinstance(event, OrderCanceled):
            if after is not None:
                self._canceled(entry, before, after)
        elif isinstance(event, TradingHalted):
            self.due.pop((event.scope, event.name), None)
        elif isinstance(event, TradingResumed):
            place = (event.scope, event.name)
            self.due.pop(place, None)
            for key in self._owners.pop(place, ()):  # a fresh start, else the next fill would disable it again
                self._windows.pop(key, None)

    def _filled(self, entry: Entry, event: OrderFilled, order: Order) -> None:
        place = owner(order)
        self._count(entry, order, "R19", place, ("R19", *place_key(place), order.symbol, order.side.value), "fills")
        if order.order_qty is not None and order.cum_qty > order.order_qty:
            text = f"order {order.order_id} is overfilled by {order.cum_qty - order.order_qty:f}"
            self._due((Scope.ACCOUNT, order.account), TradingState.REDUCE_ONLY, "overfill", text)

    def _refused(self, entry: Entry, order: Order, rule: str | None) -> None:
        if rule == "R04":
            place = owner(order)
            if not self._count(entry, order, "R06", place, ("R06", *place_key(place)), "collar failures"):
                self._count(
                    entry, order, "R06", place, ("R06", "symbol", order.symbol), f"collar failures on {order.symbol}"
                )

    def _canceled(self, entry: Entry, before: Order | None, order: Order) -> None:
        """Sent and cancelled unfilled within the window is a cycle of the loop; what others cancelled is not."""
        asked = before.pending_cancel if before is not None else None
        by_client = asked is None or (asked.initiator is Initiator.CLIENT and not asked.mass_id)
        if by_client and not order.cum_qty:
            span = self._limits.table(order, None, utc_ns(entry.time)).ns("R20.window")
            if utc_ns(entry.time) - utc_ns(order.received) <= span:
                self._cycle(entry, order)

    def _cycle(self, entry: Entry, order: Order) -> None:
        if order.session_id:
            place = (Scope.SESSION, order.session_id)
            self._count(entry, order, "R20", place, ("R20", *place_key(place)), "refusals and cancels without a fill")

    def _count(self, entry: Entry, order: Order, rule: str, place: Place, key: tuple[str, ...], what: str) -> bool:
        """Count one more; halt `place` when there are more than the rule allows."""
        now = utc_ns(entry.time)
        table = self._limits.table(order, None, now)
        bound = table.bounds.get(rule)
        if bound is None or not place[1]:
            return False
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window()
            self._owners.setdefault(place, set()).add(key)
        count = window.add(now, table.ns(f"{rule}.window"))
        if count <= bound.block:
            return False
        seconds = table.number(f"{rule}.window")
        text = f"{count} {what} in {seconds:f} s, limit {bound.block:f} ({bound.where})"
        return self._due(place, TradingState.CANCEL_ONLY, rule, text)

    def _due(self, place: Place, state: TradingState, rule: str, text: str) -> bool:
        if SEVERITY[self._states.of(*place)] >= SEVERITY[state]:
            return False
        if place not in self.due or SEVERITY[self.due[place].state] < SEVERITY[state]:
            self.due[place] = TradingHalted(scope=place[0], name=place[1], state=state, who=rule, reason=text)
        return True


def owner(order: Order) -> Place:
    """Who is disabled for an order's behaviour: its strategy, or where it names none its session."""
    return (Scope.STRATEGY, order.strategy) if order.strategy else (Scope.SESSION, order.session_id)


def place_key(place: Place) -> tuple[str, str]:
    """A place as words, to be part of a key."""
    return place[0].value, place[1]
