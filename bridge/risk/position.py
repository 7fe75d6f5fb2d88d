"""What a position may become: R09 size and crossing zero, R24 short marking, R28 day trades."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from bridge.orders.market import AssetClass
from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case, show
from bridge.risk.members import CRYPTO, SELL

SHARES = frozenset({AssetClass.EQUITY, AssetClass.ETF})
MARKED = SHARES | {AssetClass.CRYPTO}


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
        if worst <= ZERO:
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
        value = worst * px * view.unit
        if value <= bound.warn and not view.explaining:
            return None
        return view.weigh("R09", ReasonCode.MAX_POSITION, "worst position value", value, bound)

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
        if bound is None or not pos or (pos > ZERO) == view.buy:
            return None
        room = -pos - view.others_buy if view.buy else pos - view.others_sell
        if room <= ZERO or view.leaves is None:
            return None
        text = f"R09 order of {show(view.leaves)} closes {show(room)} and opens the rest; send it as two orders"
        rejection = Rejection(ReasonCode.CROSS_ZERO, text, "R09", room, view.leaves)
        if bound.block.is_finite():
            return rejection
        view.warn("R09", rejection)
        return None


@dataclass(frozen=True, slots=True)
class ShortMarking:
    """R24: Side(54)=2 sells what is held, 5 and 6 what is not; a short sale needs permission and a borrow.

    Shares only: futures and FX are sold without a mark, spot crypto is never sold short.
    """

    rule: ClassVar[str] = "R24"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """SHORT_MARKING, NO_LOCATE."""
        product = view.product
        if view.buy or product is None or product.asset_class not in MARKED:
            return None
        bound = view.limits.get("R24")
        if bound is None:
            return view.unset("R24")
        rejection = self._mark(order, view)
        if rejection is None or bound.block.is_finite():
            return rejection
        view.warn("R24", rejection)
        return None

    def _mark(self, order: Order, view: Case) -> Rejection | None:
        held = view.pos - view.others_sell
        held = held if held > ZERO else ZERO
        if order.side is SELL:
            if view.leaves is None:
                return view.unknown("R24")
            if view.leaves > held:
                text = f"R24 Side(54)=2 sells {show(view.leaves)} and {show(held)} are held; mark a short sale 5"
                return Rejection(ReasonCode.SHORT_MARKING, text, "R24", held, view.leaves)
            return None
        if held:
            text = f"R24 Side(54) says short and {show(held)} are held; sell those with Side(54)=2 first"
            return Rejection(ReasonCode.SHORT_MARKING, text, "R24", ZERO, held)
        return self._borrow(order, view)

    def _borrow(self, order: Order, view: Case) -> Rejection | None:
        product, statement = view.product, view.statement
        if product is None or product.asset_class is CRYPTO or not product.shortable:
            return view.no("R24", ReasonCode.NO_LOCATE, f"{order.symbol} cannot be sold short")
        if statement is None or not statement.shorting_allowed:
            return view.no("R24", ReasonCode.NO_LOCATE, f"account {order.account} may not sell short")
        borrow = view.view.borrow(order.broker, order.symbol)
        if borrow is None or view.now_ns > borrow.taken_ns + view.table.ns("R24.borrow_age"):
            return view.no("R24", ReasonCode.NO_LOCATE, f"no fresh borrow flag of {order.symbol} at {order.broker}")
        if not borrow.easy:
            return view.no("R24", ReasonCode.NO_LOCATE, f"{order.symbol} is hard to borrow at {order.broker}")
        if order.locate_reqd is None and "R24.locate" in view.limits:
            return view.no("R24", ReasonCode.NO_LOCATE, "LocateReqd(114) is required with a short sale")
        return None


@dataclass(frozen=True, slots=True)
class DayTrades:
    """R28: a fourth day trade in five days while equity is below 25,000, counting pairs that are only working yet."""

    rule: ClassVar[str] = "R28"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """DAILY_TURNOVER, by default a warning only; NO_EQUITY when equity is not known."""
        bound = view.limits.get("R28")
        if bound is None:
            return view.unset("R28")
        holding, product = view.holding, view.product
        if holding is None or product is None:
            return None
        against = holding.sells if view.buy else holding.buys
        closes = holding.opened_today and ((holding.pos > ZERO) != view.buy) and holding.pos
        if not (closes or against) or product.asset_class not in SHARES:
            return None
        statement = view.statement
        if statement is None or view.now_ns > statement.taken_ns + view.table.equity_age:
            return view.no_equity("R28") if bound.block.is_finite() else None
        if statement.equity >= view.table.number("R28.equity"):
            return None
        book = view.book
        count = sum(book.past_day_trades) + book.day_trades + book.pairs + (0 if holding.paired else 1)
        return view.weigh("R28", ReasonCode.DAILY_TURNOVER, "day trades in five days", Decimal(count), bound)
