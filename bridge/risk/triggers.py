"""Automatic rules: what happened too often disables who did it, until a named person says otherwise.

R06 collar failures, R19 repeated automated execution (RTS 6 art. 15), R20 runaway loops, and an overfill. A pure fold:
it says which halts are `due`; the engine commits them as TradingHalted, and that entry clears what was due.
"""

from collections.abc import Callable
from typing import Any

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
from bridge.risk.limits import Limits
from bridge.risk.members import BUY, SESSION, STRATEGY
from bridge.risk.states import SEVERITY, States
from bridge.risk.times import utc_ns

Place = tuple[Scope, str]


class Triggers:
    """Windows of what happened, and the halts that follow from it.

    `folds` is what `on_entry` does per kind of event, with the event in the entry's place.
    """

    def __init__(self, limits: Limits, states: States) -> None:
        self._limits = limits
        self._states = states
        self.windows: dict[tuple[str, ...], Window] = {}
        self.owners: dict[Place, set[tuple[str, ...]]] = {}
        self.due: dict[Place, TradingHalted] = {}
        self.folds: dict[type[Any], Callable[[Any, Order | None, Order | None, int], None]] = {
            OrderFilled: self._filled,
            OrderRejected: self._rejected,
            CancelRejected: self._change_refused,
            OrderCanceled: self._canceled,
            TradingHalted: self._halted,
            TradingResumed: self._resumed,
        }

    def on_entry(self, entry: Entry, before: Order | None, after: Order | None, now: int) -> None:
        """Fold one entry, after `States` has folded it; `now` is its time, UTC ns."""
        fold = self.folds.get(type(entry.event))
        if fold is not None:
            fold(entry.event, before, after, now)

    def _halted(self, event: TradingHalted, before: Order | None, after: Order | None, now: int) -> None:
        self.due.pop((event.scope, event.name), None)

    def _resumed(self, event: TradingResumed, before: Order | None, after: Order | None, now: int) -> None:
        place = (event.scope, event.name)
        self.due.pop(place, None)
        for key in self.owners.pop(place, ()):  # a fresh start, else the next fill would disable it again
            self.windows.pop(key, None)

    def _filled(self, event: OrderFilled, before: Order | None, order: Order | None, now: int) -> None:
        assert order is not None
        place = owner(order)
        side = "buy" if order.side is BUY else order.side.value
        self._count(order, "R19", place, ("R19", place[1], order.symbol, side), "fills", now)
        if order.order_qty is not None and order.cum_qty > order.order_qty:
            text = f"order {order.order_id} is overfilled by {order.cum_qty - order.order_qty:f}"
            self._due((Scope.ACCOUNT, order.account), TradingState.REDUCE_ONLY, "overfill", text)

    def _rejected(self, event: OrderRejected, before: Order | None, order: Order | None, now: int) -> None:
        if order is not None:
            self._refused(order, event.rule, now)
            self._cycle(order, now)

    def _change_refused(self, event: CancelRejected, before: Order | None, order: Order | None, now: int) -> None:
        if order is not None:
            self._refused(order, event.rule, now)

    def _refused(self, order: Order, rule: str | None, now: int) -> None:
        if rule == "R04":
            place, symbol = owner(order), order.symbol
            if not self._count(order, "R06", place, ("R06", place[1]), "collar failures", now):
                self._count(order, "R06", place, ("R06", "", symbol), f"collar failures on {symbol}", now)

    def _canceled(self, event: OrderCanceled, before: Order | None, order: Order | None, now: int) -> None:
        """Sent and cancelled unfilled within the window is a cycle of the loop; what others cancelled is not."""
        if order is None or order.cum_qty:
            return
        asked = before.pending_cancel if before is not None else None
        if asked is None or (asked.initiator is Initiator.CLIENT and not asked.mass_id):
            span = self._limits.table(order, None, now).ns("R20.window")
            if now - utc_ns(order.received) <= span:
                self._cycle(order, now)

    def _cycle(self, order: Order, now: int) -> None:
        name = order.session_id
        what = "refusals and cancels without a fill"
        self._count(order, "R20", (Scope.SESSION, name), ("R20", name), what, now)

    def _count(self, order: Order, rule: str, place: Place, key: tuple[str, ...], what: str, now: int) -> bool:
        """Count one more; halt `place` when there are more than the rule allows. True when it is, or was."""
        table = self._limits.table(order, None, now)
        bound = table.bounds.get(rule)
        if bound is None or not place[1]:
            return False
        window = self.windows.get(key)
        if window is None:
            window = self.windows[key] = Window()
            self.owners.setdefault(place, set()).add(key)
        count = window.add(now, table.ns(f"{rule}.window"))
        if count <= bound.block:
            return False
        if place not in self.due:
            seconds = table.number(f"{rule}.window")
            text = f"{count} {what} in {seconds:f} s, limit {bound.block:f} ({bound.where})"
            self._due(place, TradingState.CANCEL_ONLY, rule, text)
        return True

    def _due(self, place: Place, state: TradingState, rule: str, text: str) -> None:
        if SEVERITY[self._states.of(*place)] < SEVERITY[state]:
            self.due[place] = TradingHalted(scope=place[0], name=place[1], state=state, who=rule, reason=text)


def owner(order: Order) -> Place:
    """Who is disabled for an order's behaviour: its strategy, or where it names none its session."""
    return (STRATEGY, order.strategy) if order.strategy else (SESSION, order.session_id)
