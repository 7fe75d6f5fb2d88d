"""How much may be lost: R11 daily loss, R12 drawdown."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case
from bridge.risk.limits import Bound


@dataclass(frozen=True, slots=True)
class DailyLoss:
    """R11: E_now − E_SOD − net transfers ≤ −limit. Longs at the bid, shorts at the ask.

    A breach also latches the account to reduce-only (`bridge.risk.watch`); this refuses from the very order that would
    come between the breach and the latch.
    """

    rule: ClassVar[str] = "R11"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """DAILY_LOSS; NO_EQUITY without a fresh statement or without the day's opening equity."""
        fraction, amount = view.limits.get("R11"), view.limits.get("R11.amount")
        if fraction is None and amount is None:
            return view.unset("R11")
        book = view.book
        if book.opening_equity is None or view.now_ns >= book.day_end_ns:
            text = f"account {order.account} has no opening equity for this trading day yet"
            return view.no("R11", ReasonCode.NO_EQUITY, text)
        statement = view.statement
        if statement is None or view.now_ns > statement.taken_ns + view.table.equity_age:
            return view.no_equity("R11")
        now = view.marks.moved_on(statement, book, view.totals)
        loss = book.opening_equity + statement.net_transfers - now
        base = book.opening_equity
        if fraction is not None and (loss > fraction.warn * base or view.explaining):
            limit = Bound(fraction.block * base, fraction.warn * base, fraction.where)
            rejection = self._weigh(view, loss, limit)
            if rejection is not None:
                return rejection
        return self._weigh(view, loss, amount) if amount is not None else None

    def _weigh(self, view: Case, loss: Decimal, bound: Bound) -> Rejection | None:
        if loss >= bound.block:  # at the limit is over it
            text = f"R11 loss of the day {loss:,.2f} at or over limit {bound.block:,.2f} ({bound.where})"
            view.weigh("R11", ReasonCode.DAILY_LOSS, "loss of the day", loss, bound)
            return Rejection(ReasonCode.DAILY_LOSS, text, "R11", bound.block, loss)
        return view.weigh("R11", ReasonCode.DAILY_LOSS, "loss of the day", loss, bound)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """R12: E_high − E_now ≥ limit, from the highest equity of the day."""

    rule: ClassVar[str] = "R12"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """DAILY_LOSS; NO_EQUITY as R11."""
        bound = view.limits.get("R12")
        if bound is None:
            return view.unset("R12")
        book = view.book
        if book.day_high is None or view.now_ns >= book.day_end_ns:
            text = f"account {order.account} has no equity for this trading day yet"
            return view.no("R12", ReasonCode.NO_EQUITY, text)
        statement = view.statement
        if statement is None or view.now_ns > statement.taken_ns + view.table.equity_age:
            return view.no_equity("R12")
        now = view.marks.moved_on(statement, book, view.totals)
        fall = book.day_high - now
        if fall >= bound.block:
            text = f"R12 fall from the day's high {fall:,.2f} at or over limit {bound.block:,.2f} ({bound.where})"
            view.weigh("R12", ReasonCode.DAILY_LOSS, "fall from the day's high", fall, bound)
            return Rejection(ReasonCode.DAILY_LOSS, text, "R12", bound.block, fall)
        return view.weigh("R12", ReasonCode.DAILY_LOSS, "fall from the day's high", fall, bound)
