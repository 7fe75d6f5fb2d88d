"""The same order twice, or both sides of one trade: R07, R08, R25."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case, show
from bridge.risk.members import BUY, STOP, STOP_LIMIT
from bridge.risk.portfolio import terms

SECOND = Decimal(1_000_000_000)
ANY_PRICE = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class DuplicateClOrdID:
    """R07: the session has used this ClOrdID(11) within its retention. The intake says so first; this stands behind."""

    rule: ClassVar[str] = "R07"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """DUP_CLORDID."""
        if view.line is not None or order.routed or not view.view.knows(order.session_id, order.cl_ord_id):
            return None  # a replace carries the id of the order it changes
        return view.no("R07", ReasonCode.DUP_CLORDID, f"ClOrdID(11) {order.cl_ord_id} was used before")


@dataclass(frozen=True, slots=True)
class LookAlike:
    """R08: the same account, symbol, side, quantity, type, price and time in force from the same session within w.

    AllowDuplicate(5745)=Y waives it for one order; PossResend(97)=Y widens w.
    """

    rule: ClassVar[str] = "R08"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """DUP_LOOKALIKE."""
        bound = view.limits.get("R08")
        if bound is None:
            return view.unset("R08")
        if order.allow_duplicate or view.line is not None or order.routed:
            return None
        last = view.portfolio.lookalikes.seen.get(terms(order))
        if last is None:
            return None
        window = view.table.number("R08.poss_resend") if order.poss_resend else ZERO
        gap = (view.now_ns - last) / SECOND
        for limit in (window, bound.block if bound.block.is_finite() else ZERO):
            if gap < limit:
                text = f"R08 the same order came {show(gap)} s ago, less than {show(limit)} s ({bound.where})"
                return Rejection(
                    ReasonCode.DUP_LOOKALIKE, f"{text}; AllowDuplicate(5745)=Y lets it pass", "R08", limit, gap
                )
        if gap < bound.warn and not bound.block.is_finite():
            text = f"R08 the same order came {show(gap)} s ago ({bound.where})"
            view.warn("R08", Rejection(ReasonCode.DUP_LOOKALIKE, text, "R08", bound.warn, gap))
        return None


@dataclass(frozen=True, slots=True)
class SelfMatch:
    """R25: the order would trade with an own working order on the other side: a buy at or above the own best sell, a
    market order with any. Stops rest in no book and meet nothing yet.
    """

    rule: ClassVar[str] = "R25"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """SELF_MATCH."""
        holding = view.holding
        if holding is None:
            return None
        bound = view.limits.get("R25")
        if bound is None:
            return view.unset("R25")
        if order.ord_type is STOP or order.ord_type is STOP_LIMIT:
            return None
        if order.side is BUY:
            if not holding.offers:
                return None
            best = holding.offers[0]
            meets = order.price is None or order.price >= best
        else:
            if not holding.bids:
                return None
            best = holding.bids[-1]
            meets = order.price is None or order.price <= best
        if not meets:
            return None
        own = "any price" if best in (ZERO, ANY_PRICE) else show(best)
        text = f"R25 the order would trade with an own working order of account {order.account} at {own}"
        rejection = Rejection(ReasonCode.SELF_MATCH, text, "R25", best, order.price)
        if bound.block.is_finite():
            return rejection
        view.warn("R25", rejection)
        return None
