"""How much of equity may be at stake: R13 concentration, R14 sector, R15 net, R16 gross.

All count the portfolio at its worst: every working order on the side in question fills. The sums are kept by
`bridge.risk.marks`; each rule exchanges the order's own symbol for what it would be with the order.
"""

from dataclasses import dataclass
from typing import ClassVar

from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case
from bridge.risk.limits import Bound
from bridge.risk.marks import UNCLASSIFIED


@dataclass(frozen=True, slots=True)
class Concentration:
    """R13: max(|WL'|, |WS'|)·R·m·fx / max(E, floor) > limit."""

    rule: ClassVar[str] = "R13"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """CONCENTRATION."""
        bound = view.limits.get("R13")
        if bound is None:
            return view.unset("R13")
        stake, equity = view.stake, view.equity
        if stake is None or equity is None:
            return view.unexposed("R13")
        if stake <= bound.warn * equity and not view.explaining:
            return None
        what = "part of equity in one symbol"
        return view.weigh("R13", ReasonCode.CONCENTRATION, what, stake / equity, bound)


@dataclass(frozen=True, slots=True)
class SectorExposure:
    """R14: Σ over the sector of max(|WL|, |WS|)·R·m·fx / E > limit; instruments without a sector share a cap."""

    rule: ClassVar[str] = "R14"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """SECTOR."""
        sector = (view.product.sector if view.product is not None else "") or UNCLASSIFIED
        name = "R14.unclassified" if sector == UNCLASSIFIED else "R14"
        bound = view.limits.get(name)
        if bound is None:
            return view.unset("R14", name)
        exposure, equity = view.exposure, view.equity
        if exposure is None or equity is None:
            return view.unexposed("R14")
        value = exposure.sector
        if value <= bound.warn * equity and not view.explaining:
            return None
        what = f"part of equity in sector {sector}".replace("{", "{{").replace("}", "}}")
        return view.weigh("R14", ReasonCode.SECTOR, what, value / equity, bound)


@dataclass(frozen=True, slots=True)
class NetExposure:
    """R15: |Σ worst signed value in the order's direction| / E > limit: Σ WL·R·m·fx for buys, Σ WS·R·m·fx for sells.

    An order that brings the sum nearer to zero is not refused for a sum that is still too large.
    """

    rule: ClassVar[str] = "R15"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """NET_EXPOSURE."""
        bound = view.limits.get("R15")
        if bound is None:
            return view.unset("R15")
        exposure, equity = view.exposure, view.equity
        if exposure is None or equity is None:
            return view.unexposed("R15")
        size = abs(exposure.net)
        if size <= bound.warn * equity and not view.explaining:
            return None
        if size <= abs(exposure.was_net):
            bound = Bound(max(bound.block, size / equity), max(bound.warn, size / equity), bound.where)
        return view.weigh("R15", ReasonCode.NET_EXPOSURE, "net exposure, a part of equity", size / equity, bound)


@dataclass(frozen=True, slots=True)
class GrossExposure:
    """R16: Σ max(|WL|, |WS|)·R·m·fx / E > limit; cash accounts have their own."""

    rule: ClassVar[str] = "R16"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """GROSS_EXPOSURE."""
        statement = view.statement
        cash = statement is not None and not statement.margin_account
        name = "R16.cash" if cash else "R16"
        bound = view.limits.get(name)
        if bound is None:
            return view.unset("R16", name)
        exposure, equity = view.exposure, view.equity
        if exposure is None or equity is None:
            return view.unexposed("R16")
        gross = exposure.gross
        if gross <= bound.warn * equity and not view.explaining:
            return None
        return view.weigh("R16", ReasonCode.GROSS_EXPOSURE, "gross exposure, a part of equity", gross / equity, bound)
