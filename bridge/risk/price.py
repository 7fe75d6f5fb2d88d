"""What price an order may name: R04 collar, R05 passive collar."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case, show
from bridge.risk.limits import Bound
from bridge.risk.members import LIMIT, MARKET
from bridge.risk.pricing import collar


@dataclass(frozen=True, slots=True)
class PriceCollar:
    """R04: a limit s·(P_lim − R)/R > c; a trigger on the wrong side of R or beyond 3c; a market order without a fresh
    two-sided quote of sensible width. A reducing limit order may pass without a reference price, on its own limit.
    """

    rule: ClassVar[str] = "R04"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """PRICE_COLLAR; NO_REFERENCE_PRICE or STALE_REFERENCE_PRICE without R."""
        ref, product = view.ref, view.product
        if ref is None or product is None:
            if "R04" in view.table.off:
                return None
            if view.reducing and order.ord_type is LIMIT and product is not None:
                return None
            return view.unknown("R04")
        bound = collar(ref.price, product.tick_size, view.table)
        if bound is None:
            return view.unset("R04")
        if order.ord_type is MARKET:
            if ref.bid is None:
                text = f"a market order needs a fresh two-sided quote of {order.symbol}, not only {ref.source.value}"
                return view.no("R04", ReasonCode.NO_REFERENCE_PRICE, text)
            return None
        if order.stop_px is not None:
            rejection = self._trigger(order.stop_px, ref.price, bound, view)
            if rejection is not None:
                return rejection
        if order.price is None:
            return None
        gap = order.price - ref.price if view.buy else ref.price - order.price
        if gap <= bound.warn * ref.price and not view.explaining:
            return None
        what = "Price(44) {} against reference {}, a part of"
        return view.weigh("R04", ReasonCode.PRICE_COLLAR, what, gap / ref.price, bound, order.price, ref.price)

    def _trigger(self, stop_px: Decimal, reference: Decimal, bound: Bound, view: Case) -> Rejection | None:
        gap = stop_px - reference if view.buy else reference - stop_px
        if gap <= ZERO:
            text = f"StopPx(99) {show(stop_px)} is on the wrong side of reference {show(reference)}"
            return Rejection(ReasonCode.PRICE_COLLAR, f"R04 {text}", "R04", reference, stop_px)
        reach = view.table.number("R04.stop")
        wide = Bound(bound.block * reach, bound.warn * reach, bound.where)
        what = "StopPx(99) {} against reference {}, a part of"
        return view.weigh("R04", ReasonCode.PRICE_COLLAR, what, gap / reference, wide, stop_px, reference)


@dataclass(frozen=True, slots=True)
class PassiveCollar:
    """R05: −s·(P_lim − R)/R > c_p: a limit so far from the market that it is a typing error."""

    rule: ClassVar[str] = "R05"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """PRICE_COLLAR, by default a warning only."""
        bound = view.limits.get("R05")
        if bound is None:
            return view.unset("R05")
        if order.price is None:
            return None
        ref = view.ref
        if ref is None:
            only_warns = not bound.block.is_finite()
            return None if only_warns or view.reducing else view.unknown("R05")
        gap = ref.price - order.price if view.buy else order.price - ref.price
        if gap <= ZERO:
            return None
        what = "Price(44) {} away from reference {}, a part of"
        return view.weigh("R05", ReasonCode.PRICE_COLLAR, what, gap / ref.price, bound, order.price, ref.price)
