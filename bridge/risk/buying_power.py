"""Whether the account can pay for it: R10."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case
from bridge.risk.limits import Bound


@dataclass(frozen=True, slots=True)
class BuyingPower:
    """R10: what the order needs > what is free, with the broker and by our own sums, less a haircut.

    The broker's buying power less what its statement does not show yet: an order is shown once the statement is 2 s
    younger than its acknowledgement, a fill once it is 2 s younger than the fill. Our own: cash, or in a margin account
    equity less initial margin of positions, less the margin of every working order.
    """

    rule: ClassVar[str] = "R10"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """BUYING_POWER; NO_EQUITY without a fresh statement; NO_REFERENCE_PRICE when a value is not known."""
        haircut = view.limits.get("R10")
        if haircut is None:
            return view.unset("R10")
        statement = view.statement
        if statement is None or view.now_ns > statement.taken_ns + view.table.equity_age:
            return view.no_equity("R10")
        if view.value is None:
            return view.unknown("R10")
        book = view.book
        if book.unvalued:
            text = f"{book.unvalued} working orders of account {order.account} cannot be valued"
            return view.no("R10", ReasonCode.NO_REFERENCE_PRICE, text)
        margin, funds = view.needs(view.value)
        line = view.line
        own_margin, own_funds = (line.margin, line.funds) if line is not None else (ZERO, ZERO)
        if statement.margin_account:
            totals = view.priced
            if totals is None:
                return view.unpriced("R10")
            ours = statement.equity - totals.margin
        else:
            ours = statement.cash
        part = view.table.free_part
        theirs = statement.buying_power - book.unshown(statement.taken_ns)
        free_theirs = (theirs if theirs > ZERO else ZERO) * part
        ours -= book.margin - own_margin
        free_ours = (ours if ours > ZERO else ZERO) * part
        more = funds - own_funds  # what the broker holds for a replaced order already is not asked for again
        if more <= free_theirs and margin <= free_ours and not view.explaining:
            return None
        return self._weigh(view, more, free_theirs, f"broker {order.broker}") or self._weigh(
            view, margin, free_ours, "own sums"
        )

    def _weigh(self, view: Case, need: Decimal, free: Decimal, where: str) -> Rejection | None:
        if need <= free and not view.explaining:
            return None
        return view.weigh("R10", ReasonCode.BUYING_POWER, "buying power needed", need, Bound(free, free, where))
