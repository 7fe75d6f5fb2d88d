"""The case under decision: an order and everything the rules ask about it, each computed once.

A `Case` is the `View` that a rule is given, so a rule of one's own needs to know nothing more than interfaces.View; the
built-in rules read the derived values beside it.
"""

from decimal import Decimal

import msgspec

from bridge.interfaces import BrokerAdapter, View
from bridge.orders.events import Reservation
from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.orders.reports import BrokerAccount
from bridge.risk.limits import Bound, Table
from bridge.risk.look import Look
from bridge.risk.marks import UNCLASSIFIED, Marks, Totals, margin_rate
from bridge.risk.members import BUY, FUTURE, MARKET
from bridge.risk.portfolio import Portfolio
from bridge.risk.pricing import ONE, NoPrice, Reference, reference, valuation

CENT = Decimal("0.01")


def show(value: Decimal) -> str:
    """A number for people: thousands apart, at most six significant digits after the point, no exponent."""
    if not value.is_finite():
        return "unlimited"
    text = f"{value:,.6f}" if value != value.to_integral_value() else f"{value:,.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What a rule weighed, for the verdict."""

    value: Decimal
    block: Decimal
    warn: Decimal

    @property
    def tightest(self) -> Decimal:
        """What refuses above, or where nothing refuses what warns above."""
        return self.block if self.block.is_finite() else self.warn


class Exposure:
    """The account with the order at its worst, in its base currency: gross, the order's sector, and net in the order's
    direction, with what net is without the order.
    """

    __slots__ = ("gross", "net", "sector", "was_net")

    def __init__(self, case: "Case", totals: Totals, stake: Decimal, value: Decimal, sector: str) -> None:
        own = totals.marked.get(case.order.symbol)
        more = stake if own is None else stake - own.gross
        self.gross = totals.gross + more
        self.sector = totals.sectors.get(sector, ZERO) + more
        if case.buy:
            self.was_net = was = totals.long
            now = case.worst_long * value
            self.net = was + (now if own is None else now - own.long)
        else:
            self.was_net = was = totals.short
            now = case.worst_short * value
            self.net = was + (now if own is None else now - own.short)


class Case(Look):
    """One order before its decision. Built for each order, never kept."""

    __slots__ = (
        "_equity",
        "_exposure",
        "_priced",
        "_stake",
        "_totals",
        "book",
        "broker",
        "buy",
        "explaining",
        "fx",
        "holding",
        "leaves",
        "lessening",
        "limits",
        "line",
        "marks",
        "missing",
        "order",
        "others_buy",
        "others_sell",
        "portfolio",
        "pos",
        "price",
        "product",
        "reducing",
        "ref",
        "seen",
        "statement",
        "table",
        "unit",
        "value",
        "warnings",
        "worst_long",
        "worst_qty",
        "worst_short",
    )

    def __init__(self, order: Order, view: View, portfolio: Portfolio, marks: Marks) -> None:
        self.order = order
        self.portfolio = portfolio
        self.marks = marks
        self._totals: Totals | None = None
        self._priced: Totals | None = None
        self._equity: Decimal | None = None
        self._stake: Decimal | None = None
        self._exposure: Exposure | None = None
        self.view = view  # as Look does; a call would cost a tenth of a microsecond
        self.now_ns = now = view.now_ns
        self.seen: Seen | None = None
        self.explaining = False
        self.warnings: list[tuple[str, Rejection | None]] | None = None  # rules that warn, and what they say if asked
        account, symbol = order.account, order.symbol
        self.product = product = view.instrument(symbol)
        self.broker: BrokerAdapter | None = view.adapter(order.broker)
        self.table: Table = portfolio.limits.table(order, product.asset_class if product is not None else None, now)
        self.limits: dict[str, Bound] = self.table.bounds
        self.missing: Rejection | None = None
        self.buy = buy = order.side is BUY

        # what is worth what
        ref = reference(account, symbol, view, self.table, now)
        if isinstance(ref, NoPrice):
            self.missing = Rejection(ref.code, ref.text)
            self.ref: Reference | None = None
        else:
            self.ref = ref
        self.price: Decimal | None = valuation(order, self.ref, self.table)

        # how much of it
        leaves = order.order_qty
        if leaves is None:
            leaves = self._cash_qty()
        elif order.cum_qty:
            leaves -= order.cum_qty
        self.leaves: Decimal | None = leaves
        self.line = line = portfolio.lines.get(order.order_id)
        self.book = portfolio.accounts.get(account) or portfolio.account(account)
        self.holding = holding = portfolio.holdings.get((account, symbol))
        if holding is None:
            self.pos = pos = ZERO
            bought = sold = ZERO
        else:
            self.pos = pos = holding.pos
            bought, sold = holding.buy, holding.sell
            if line is not None and line.link is None:
                if line.buy:
                    bought -= line.qty
                else:
                    sold -= line.qty
        self.others_buy = bought
        self.others_sell = sold
        qty = leaves if leaves is not None else ZERO
        if line is not None and line.qty > qty:
            qty = line.qty  # a replace counts the larger of old and new until it is answered
        if order.cl_ord_link_id is not None and holding is not None:
            # of legs that cancel each other only the largest counts
            legs = holding.groups.get((buy, order.cl_ord_link_id))
            if legs is not None and portfolio.linked(order):
                largest = max(legs.values())
                if buy:
                    self.others_buy = bought = bought - largest
                else:
                    self.others_sell = sold = sold - largest
                others = max((leg for order_id, leg in legs.items() if order_id != order.order_id), default=ZERO)
                qty = max(qty, others)
        self.worst_qty = qty
        if buy:
            self.worst_long = pos + bought + qty
            self.worst_short = pos - sold
            self.reducing = pos < ZERO and leaves is not None and leaves <= -pos - bought
        else:
            self.worst_long = pos + bought
            self.worst_short = pos - sold - qty
            self.reducing = pos > ZERO and leaves is not None and leaves <= pos - sold
        if self.reducing and self.price is None and order.price is not None:
            self.price = order.price  # a reducing limit order passes on its own limit (RISK-TCA 2.3)

        # in the account's currency
        self.statement: BrokerAccount | None = view.account(account)
        self.fx: Decimal | None = None
        self.unit: Decimal | None = None
        self.value: Decimal | None = None
        if product is not None:
            statement = self.statement
            if statement is not None and statement.currency == product.currency:
                self.fx = ONE
                self.unit = product.multiplier
            else:
                self.fx = fx = view.fx_rate(product.currency, account)
                if fx is not None:
                    self.unit = product.multiplier * fx
            if self.unit is not None and self.price is not None and leaves is not None:
                self.value = leaves * self.price * self.unit
        self.lessening = line is not None and self._lessens()

    def _cash_qty(self) -> Decimal | None:
        """Units of a CashOrderQty(152) order at the bid, the lower price and so the larger quantity."""
        order, ref, product = self.order, self.ref, self.product
        if order.cash_order_qty is None or ref is None or product is None:
            return None
        px = ref.bid if ref.bid is not None else ref.price
        left = order.cash_order_qty - order.gross * product.multiplier
        return max(left, ZERO) / (px * product.multiplier)

    def _lessens(self) -> bool:
        """A replace that asks for no more quantity, at terms that are worth no more, opens nothing."""
        line, order = self.line, self.order
        assert line is not None
        old = line.order
        if self.leaves is None or self.leaves > line.qty or order.ord_type is not old.ord_type:
            return False
        if order.ord_type is MARKET:
            return True
        for new, was in ((order.price, old.price), (order.stop_px, old.stop_px)):
            if (new is None) != (was is None) or (new is not None and was is not None and new > was):
                return False
        return True

    # --- the account -------------------------------------------------------------------------------------------------

    @property
    def totals(self) -> Totals:
        """The account's portfolio at market."""
        if self._totals is None:
            self._totals = self.marks.totals(self.order.account, self)
        return self._totals

    @property
    def equity(self) -> Decimal | None:
        """E for ratios: the broker's fresh net liquidation value, at least `PX.equity_floor`; None when too old."""
        if self._equity is None:
            statement = self.statement
            if statement is None or self.now_ns > statement.taken_ns + self.table.equity_age:
                return None
            equity, floor = statement.equity, self.table.equity_floor
            self._equity = equity if equity > floor else floor
        return self._equity

    def no_equity(self, rule: str) -> Rejection:
        """The refusal when the account's statement is missing or too old."""
        account = self.order.account
        if self.statement is None:
            return self.no(rule, ReasonCode.NO_EQUITY, f"the broker has told nothing about account {account} yet")
        age = (self.now_ns - self.statement.taken_ns) / 1_000_000_000
        return self.no(rule, ReasonCode.NO_EQUITY, f"the broker's statement of account {account} is {age:.0f} s old")

    @property
    def priced(self) -> Totals | None:
        """The account's portfolio at market; None when a price or a rate in it is not known, which `unpriced` says."""
        priced = self._priced
        if priced is None:
            totals = self.totals
            if not totals.unpriced and (
                not totals.currencies or self.marks.fresh_rates(totals, self.order.account, self) is None
            ):
                priced = self._priced = totals
        return priced

    @property
    def stake(self) -> Decimal | None:
        """max(|WL'|, |WS'|)·R·m·fx of the order's symbol, None when it cannot be valued."""
        stake = self._stake
        if stake is None and self.ref is not None and self.unit is not None and self.leaves is not None:
            long, short = self.worst_long, -self.worst_short  # WL is never below WS, so no absolute values are needed
            stake = self._stake = (long if long >= short else short) * self.ref.price * self.unit
        return stake

    @property
    def exposure(self) -> Exposure | None:
        """The account's exposure with the order; None when it is not known, which `unexposed` says."""
        exposure = self._exposure
        if exposure is None:
            stake, totals, product = self.stake, self.priced, self.product
            if stake is not None and totals is not None and product is not None:
                assert self.ref is not None
                assert self.unit is not None
                value = self.ref.price * self.unit
                sector = product.sector or UNCLASSIFIED
                exposure = self._exposure = Exposure(self, totals, stake, value, sector)
        return exposure

    def unexposed(self, rule: str) -> Rejection:
        """The refusal when a ratio of exposure to equity cannot be computed."""
        if self.stake is None:
            return self.unknown(rule)
        if self.equity is None:
            return self.no_equity(rule)
        return self.unpriced(rule)

    def unpriced(self, rule: str) -> Rejection:
        """The refusal when a sum over the account is not known: a holding without a price or a rate."""
        totals = self.totals
        if totals.unpriced:
            symbol = next(iter(totals.unpriced))
            text = f"the exposure of account {self.order.account} is not known: no fresh price or rate of {symbol}"
            return self.no(rule, ReasonCode.NO_REFERENCE_PRICE, text)
        currency = self.marks.fresh_rates(totals, self.order.account, self)
        text = f"the exposure of account {self.order.account} is not known: no fresh rate of {currency}"
        return self.no(rule, ReasonCode.NO_REFERENCE_PRICE, text)

    def reservation(self) -> Reservation:
        """What is set aside when the order passes, as far as it can be valued (RISK-TCA 2.5)."""
        value = self.value
        if value is None:
            return Reservation(price=self.price)
        margin, funds = self.needs(value) if self.opening else (ZERO, ZERO)
        return Reservation(price=self.price, value=value, margin=margin, funds=funds)

    def needs(self, value: Decimal) -> tuple[Decimal, Decimal]:
        """What an order of this value takes of our own buying power and of the broker's.

        Cash accounts: value and expected fees. Margin accounts: initial margin of ours, value of the broker's, which
        states its buying power as the value it still takes. Futures with a table margin: that of both.
        """
        product, table = self.product, self.table
        assert product is not None
        cash = self.statement is None or not self.statement.margin_account
        if product.asset_class is FUTURE:
            contract = table.bounds.get("R10.margin")
            if contract is None:
                return value, value
            need = contract.block * (self.leaves or ZERO)
            return need, need
        if cash:
            need = value * table.fees_up
            return need, need
        return value * margin_rate(product.asset_class, not self.buy, cash, table), value

    # --- for rules ---------------------------------------------------------------------------------------------------

    @property
    def opening(self) -> bool:
        """True unless the order only reduces a position or only takes back a part of itself."""
        return not (self.reducing or self.lessening)

    def no(self, rule: str, code: ReasonCode, text: str) -> Rejection:
        """A refusal without a number."""
        return Rejection(code, f"{rule} {text}", rule)

    def unset(self, rule: str, name: str | None = None) -> Rejection | None:
        """What a rule answers when `limits` lacks its limit: nothing when somebody switched it off, else NO_LIMIT."""
        name = name or rule
        if name in self.table.off:
            return None
        return Rejection(ReasonCode.NO_LIMIT, f"{rule} has no limit: set {name}, or switch it off by name", rule)

    def unknown(self, rule: str) -> Rejection:
        """The refusal for the first datum that is missing to value the order."""
        order, product = self.order, self.product
        if product is None:
            return self.no(rule, ReasonCode.SYMBOL_UNKNOWN, f"Symbol(55) {order.symbol} is not in the symbol master")
        if self.missing is not None:
            return self.no(rule, self.missing.code, self.missing.text)
        if self.leaves is None:
            return self.no(rule, ReasonCode.QTY_FORMAT, "the order has neither OrderQty(38) nor CashOrderQty(152)")
        if self.price is None:
            return self.no(
                rule, ReasonCode.NO_REFERENCE_PRICE, f"a market order needs a fresh two-sided quote of {order.symbol}"
            )
        return self.no(
            rule, ReasonCode.NO_REFERENCE_PRICE, f"no fresh rate of {product.currency} for account {order.account}"
        )

    def weigh(
        self, rule: str, code: ReasonCode, what: str, value: Decimal, bound: Bound, *numbers: Decimal
    ) -> Rejection | None:
        """Compare a value with its limit: refuse above `block`, remember a warning above `warn`. None may pass.

        `what` names the value for people, with `numbers` in place of its braces.
        """
        if self.explaining:
            self.seen = Seen(value, bound.block, bound.warn)
        if value <= bound.warn:
            return None
        over = value > bound.block
        if not over and not self.explaining:
            self.warn(rule)
            return None
        limit = bound.block if over else bound.warn
        what = what.format(*map(show, numbers))
        text = f"{rule} {what} {show(value)} {'over limit' if over else 'above'} {show(limit)} ({bound.where})"
        rejection = Rejection(code, text, rule, limit, value)
        if over:
            return rejection
        self.warn(rule, rejection)
        return None

    def afresh(self) -> None:
        """Forget what the rule before weighed and warned of."""
        self.seen = None
        self.warnings = None

    def warn(self, rule: str, warning: Rejection | None = None) -> None:
        """Let pass, and say so."""
        if self.warnings is None:
            self.warnings = []
        self.warnings.append((rule, warning))
