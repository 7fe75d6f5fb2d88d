"""How old an order may be: R26."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case
from bridge.risk.times import EPOCH, MICROSECOND

SECOND = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class StaleOrder:
    """R26: now − TransactTime(60) > age, or TransactTime further ahead than clocks may differ."""

    rule: ClassVar[str] = "R26"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """STALE_ORDER."""
        oldest = view.limits.get("R26")
        if oldest is None:
            return view.unset("R26")
        age_ns = view.now_ns - (order.transact_time - EPOCH) // MICROSECOND * 1000  # utc_ns without a call
        if 0 <= age_ns <= view.table.stale_warn and not view.explaining:
            return None
        age = age_ns / SECOND
        if age >= 0:
            return view.weigh("R26", ReasonCode.STALE_ORDER, "seconds since TransactTime(60)", age, oldest)
        ahead = view.limits.get("R26.ahead")
        if ahead is None:
            return view.unset("R26", "R26.ahead")
        return view.weigh("R26", ReasonCode.STALE_ORDER, "seconds TransactTime(60) is ahead", -age, ahead)
