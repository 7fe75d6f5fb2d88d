"""How large one order may be: R02 quantity, R03 value, R30 against the strategy's own habit."""

from dataclasses import dataclass
from typing import ClassVar

from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case


@dataclass(frozen=True, slots=True)
class MaxOrderQty:
    """R02: L > limit, or L > k × the 20-day average volume where that is known."""

    rule: ClassVar[str] = "R02"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """MAX_QTY."""
        bound = view.limits.get("R02")
        if bound is None:
            return view.unset("R02") or self._volume(order, view)
        if view.leaves is None:
            return view.unknown("R02")
        if view.leaves <= bound.warn and not view.explaining:
            return self._volume(order, view) if "R02.adv" in view.limits else None
        return view.weigh("R02", ReasonCode.MAX_QTY, "OrderQty(38)", view.leaves, bound) or self._volume(order, view)

    def _volume(self, order: Order, view: Case) -> Rejection | None:
        bound = view.limits.get("R02.adv")
        volume = view.view.average_volume(order.symbol) if bound is not None else None
        if bound is None or not volume or view.leaves is None:
            return None
        seen = view.seen
        rejection = view.weigh("R02", ReasonCode.MAX_QTY, "part of average volume", view.leaves / volume, bound)
        if rejection is None and seen is not None:
            view.seen = seen
        return rejection


@dataclass(frozen=True, slots=True)
class MaxOrderValue:
    """R03: V = L × P × m × fx > limit, in the account's currency."""

    rule: ClassVar[str] = "R03"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """MAX_VALUE; NO_REFERENCE_PRICE when the order cannot be valued."""
        bound = view.limits.get("R03")
        if bound is None:
            return view.unset("R03")
        if view.value is None:
            return view.unknown("R03")
        if view.value <= bound.warn and not view.explaining:
            return None
        return view.weigh("R03", ReasonCode.MAX_VALUE, "order value", view.value, bound)


@dataclass(frozen=True, slots=True)
class FatFinger:
    """R30: L > k × the median of the strategy's last hundred orders."""

    rule: ClassVar[str] = "R30"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """MAX_QTY, by default a warning only. Nothing while there are fewer than a hundred orders."""
        bound = view.limits.get("R30")
        if bound is None:
            return view.unset("R30")
        sizes = view.portfolio.sizes.get(order.strategy or order.session_id)
        median = sizes.median if sizes is not None else None
        if median is None or view.leaves is None:
            return None
        if view.leaves <= bound.warn * median and not view.explaining:
            return None
        what = "times the median of the last 100 orders:"
        return view.weigh("R30", ReasonCode.MAX_QTY, what, view.leaves / median, bound)
