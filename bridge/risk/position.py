"""How large a position may become: R09 position, and the order that would cross zero."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case, show


@dataclass(frozen=True, slots=True)
class MaxPosition:
    """R09: max(WL', 0) > long limit or max(−WS', 0) > short limit, in units and in value |W|·max(R, mark)·m·fx.

    Worst case: every other working order on the order's side fills, and so does this one.
    """

    rule: ClassVar[str] = "R09"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """MAX_POSITION."""
        worst = view.worst_long if view.buy else -view.worst_short
        if worst <= 0:
            return None
        limits = view.limits
        units = limits.get("R09.long" if view.buy else "R09.short")
        if units is not None:
            what = "worst long position" if view.buy else "worst short position"
            rejection = view.weigh("R09", ReasonCode.MAX_POSITION, what, worst, units)
            if rejection is not None:
                return rejection
        bound = limits.get("R09")
        if bound is None:
            return view.unset("R09")
        px = self._price(order, view)
        if px is None or view.unit is None:
            return view.unknown("R09")
        return view.weigh("R09", ReasonCode.MAX_POSITION, "worst position value", worst * px * view.unit, bound)

    def _price(self, order: Order, view: Case) -> Decimal | None:
        """The higher of R and a broker mark that is fresh."""
        if view.ref is None:
            return None
        price = view.ref.price
        if view.pos:
            mark = view.view.mark(order.account, order.symbol)
            if mark is not None and mark.price > price and view.now_ns <= mark.taken_ns + view.table.mark_age:
                return mark.price
        return price


@dataclass(frozen=True, slots=True)
class CrossZero:
    """R09: one order may not both close what is held and open the opposite; send two."""

    rule: ClassVar[str] = "R09"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """CROSS_ZERO."""
        bound = view.limits.get("R09.cross")
        pos = view.pos
        if bound is None or not pos or (pos > 0) == view.buy:
            return None
        room = -pos - view.others_buy if view.buy else pos - view.others_sell
        if room <= ZERO or view.leaves is None:
            return None
        text = f"R09 order of {show(view.leaves)} closes {show(room)} and opens the rest; send it as two orders"
        rejection = Rejection(ReasonCode.CROSS_ZERO, text, "R09", room, view.leaves)
        if bound.block.is_finite():
            return rejection
        view.warnings.append(rejection)
        return None
