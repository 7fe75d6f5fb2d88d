"""The portfolio at market: exposure, margin and liquidation value per account, kept as sums.

Prices move without entries, so this is no fold. A holding is marked when it moved, or when its price has become too
old; what is due is found by a heap, so a decision touches what changed since the last one and not all that is held. A
sum with a holding in it that has no fresh price is no sum: `Totals.unpriced` says so, and rules refuse. Source:
RISK-TCA sections 1 and 3.
"""

from decimal import Decimal
from heapq import heappop, heappush

from bridge.interfaces import View
from bridge.orders.market import AssetClass, Instrument, Quote
from bridge.orders.order import ZERO
from bridge.orders.reports import BrokerAccount
from bridge.risk.holdings import AccountBook, Holding
from bridge.risk.limits import Limits, Table
from bridge.risk.members import CRYPTO, FUTURE, OPTION
from bridge.risk.portfolio import Portfolio
from bridge.risk.pricing import ONE, NoPrice, Reference, reference

UNCLASSIFIED = "UNCLASSIFIED"
FOREVER = 1 << 62


def margin_rate(asset_class: AssetClass, short: bool, cash_account: bool, table: Table) -> Decimal:
    """Initial margin as a part of value: in full for cash accounts, spot crypto and options, else R10's rates."""
    if cash_account or asset_class is CRYPTO or asset_class is OPTION:
        return ONE
    return table.short_rate if short else table.long_rate


class Price:
    """What one unit of a holding is worth, in the account's base currency, and what that was learnt from.

    `value` R·m·fx, `at_bid` and `at_ask` the same with the two sides, where there are two; `contract` the margin of one
    where R10 has a table of them, else `long_rate` and `short_rate` are parts of value.
    """

    __slots__ = (
        "at_ask", "at_bid", "contract", "currency", "fx", "good_until", "long_rate", "product", "quote", "sector",
        "short_rate", "statement", "value", "version",
    )  # fmt: skip

    def __init__(
        self,
        ref: Reference,
        fx: Decimal,
        product: Instrument,
        statement: BrokerAccount | None,
        table: Table,
        version: int,
        quote: Quote | None,
    ) -> None:
        """`quote` is None where the price depends on more than it: on a rate, or on a trade in its place."""
        unit = product.multiplier if fx is ONE else product.multiplier * fx
        self.value = unit * ref.price
        self.at_bid = unit * ref.bid if ref.bid is not None else None
        self.at_ask = unit * ref.ask if ref.ask is not None else None
        self.fx = fx
        self.good_until = ref.good_until
        self.product = product
        self.statement = statement
        self.version = version
        self.quote = quote if ref.bid is not None else None
        self.sector = product.sector or UNCLASSIFIED
        self.currency = "" if statement is not None and statement.currency == product.currency else product.currency
        contract = table.bounds.get("R10.margin") if product.asset_class is FUTURE else None
        self.contract = contract.block if contract is not None else None
        cash = statement is not None and not statement.margin_account
        self.long_rate = margin_rate(product.asset_class, False, cash, table)
        self.short_rate = margin_rate(product.asset_class, True, cash, table)

    def stands(self, holding: Holding, view: View, limits: Limits) -> bool:
        """True when looking again would give the same."""
        now, quote = view.now_ns, self.quote
        return (
            quote is not None
            and quote is view.quote(holding.symbol)
            and now <= self.good_until
            and now < limits.until
            and self.version == limits.version
            and self.statement is view.account(holding.account)
            and self.product is view.instrument(holding.symbol)
        )


class Marked:
    """One holding at market, in the account's base currency: what it adds to each sum."""

    __slots__ = (
        "currency",
        "exit",
        "good_until",
        "gross",
        "held",
        "holding",
        "long",
        "margin",
        "paid",
        "price",
        "sector",
        "short",
    )

    def __init__(self, holding: Holding, sector: str = UNCLASSIFIED, currency: str = "") -> None:
        self.holding = holding
        self.sector = sector
        self.currency = currency
        self.price: Price | None = None
        self.good_until = 0
        self.long = self.short = self.gross = self.held = self.exit = self.margin = self.paid = ZERO


NOTHING = Marked(Holding("", ""), "", "")


class Totals:
    """The sums of one account, all in its base currency.

    `long` Σ WL·R·m·fx, `short` Σ WS·R·m·fx, `gross` Σ max(|WL|, |WS|)·R·m·fx, `sectors` the same by sector; `held`
    Σ pos·R·m·fx, `exit` the same with bid for longs and ask for shorts, `margin` what positions need, `paid` what all
    fills cost, so that held − paid is the profit since the first of them.
    """

    __slots__ = (
        "anchor",
        "anchored_ns",
        "currencies",
        "due",
        "exit",
        "gross",
        "held",
        "long",
        "margin",
        "marked",
        "paid",
        "sectors",
        "short",
        "unpriced",
    )

    def __init__(self) -> None:
        self.long = self.short = self.gross = self.held = self.exit = self.margin = self.paid = ZERO
        self.anchor = ZERO  # held − paid when the statement of `anchored_ns` was taken
        self.anchored_ns = 0
        self.sectors: dict[str, Decimal] = {}
        self.marked: dict[str, Marked] = {}
        self.unpriced: dict[str, Holding] = {}
        self.currencies: dict[str, int] = {}  # foreign currencies of marked holdings, and how many have each
        self.due: list[tuple[int, str]] = []  # (good_until, symbol), a heap; entries of older marks are skipped


class Marks:
    """Marks of all accounts, refreshed on demand."""

    def __init__(self, portfolio: Portfolio) -> None:
        self._portfolio = portfolio
        self._accounts: dict[str, Totals] = {}

    def totals(self, account: str, view: View) -> Totals:
        """The sums as of now. Costs what changed or expired since the last call."""
        now = view.now_ns
        if self._portfolio.touched:
            self._follow(view)
        totals = self._accounts.get(account)
        if totals is None:
            totals = self._accounts[account] = Totals()
        due = totals.due
        while due and due[0][0] < now:
            good_until, symbol = heappop(due)
            marked = totals.marked.get(symbol)
            if marked is not None and marked.good_until == good_until:
                self._mark(totals, marked.holding, view)
        unpriced = totals.unpriced
        while unpriced:
            holding = next(iter(unpriced.values()))
            self._mark(totals, holding, view)
            if holding.symbol in unpriced:
                break  # one without a price is enough to know that there is no sum
        return totals

    def refresh(self, view: View, horizon_ns: int, most: int) -> int:
        """Mark at most `most` holdings whose price would become too old within `horizon_ns`, oldest first, so that
        decisions seldom have to; how many were marked. Called by the engine between decisions.
        """
        if self._portfolio.touched:
            self._follow(view)
        count = 0
        before = view.now_ns + horizon_ns
        for totals in self._accounts.values():
            due = totals.due
            again: list[tuple[int, str]] = []
            while due and due[0][0] < before and count < most:
                good_until, symbol = heappop(due)
                marked = totals.marked.get(symbol)
                if marked is None or marked.good_until != good_until:
                    continue
                count += 1
                self._mark(totals, marked.holding, view, again)
            for item in again:
                heappush(due, item)
        return count

    def equity(self, account: str, view: View) -> Decimal | None:
        """E_now: the broker's fresh equity, moved on by what our positions made or lost since, longs at the bid and
        shorts at the ask; None without a statement of at most `PX.equity_age`.

        While a holding has no price the broker's figure stands as it is.
        """
        statement = view.account(account)
        if statement is None:
            return None
        book = self._portfolio.account(account)
        if view.now_ns > statement.taken_ns + self._portfolio.limits.table(book, None, view.now_ns).equity_age:
            return None
        return self.moved_on(statement, book, self.totals(account, view))

    def moved_on(self, statement: BrokerAccount, book: AccountBook, totals: Totals) -> Decimal:
        """As `equity`, of a statement that is fresh."""
        if totals.unpriced:
            totals.anchored_ns = 0
            return statement.equity
        fees = book.fees
        if totals.anchored_ns != statement.taken_ns:
            totals.anchored_ns = statement.taken_ns
            totals.anchor = totals.held - totals.paid - fees
        return statement.equity + (totals.exit - totals.paid - fees - totals.anchor)

    def fresh_rates(self, totals: Totals, account: str, view: View) -> str | None:
        """The first foreign currency without a fresh rate, None when all are known."""
        for currency in totals.currencies:
            if view.fx_rate(currency, account) is None:
                return currency
        return None

    def _follow(self, view: View) -> None:
        touched = self._portfolio.touched
        for holding in touched:
            totals = self._accounts.get(holding.account)
            if totals is None:
                totals = self._accounts[holding.account] = Totals()
            self._mark(totals, holding, view)
        touched.clear()

    def _mark(self, totals: Totals, holding: Holding, view: View, later: list[tuple[int, str]] | None = None) -> None:
        """Take the holding out of the sums and put it back at its present price."""
        symbol, idle = holding.symbol, holding.idle
        old = totals.marked.pop(symbol, None)
        new: Marked | None = None
        if not idle or holding.paid:
            new = self._closed(holding, old, view) if idle else self._value(holding, old, view)
            if new is None:
                totals.unpriced[symbol] = holding
            else:
                totals.marked[symbol] = new
                if later is not None:
                    later.append((new.good_until, symbol))
                elif old is None or old.good_until != new.good_until:  # else it is due already
                    heappush(totals.due, (new.good_until, symbol))
        if totals.unpriced and (new is not None or idle):
            totals.unpriced.pop(symbol, None)
        if old is not None or new is not None:
            self._exchange(totals, old or NOTHING, new or NOTHING)

    def _exchange(self, totals: Totals, old: Marked, new: Marked) -> None:
        """Move the sums by the difference."""
        totals.long += new.long - old.long
        totals.short += new.short - old.short
        totals.gross += new.gross - old.gross
        totals.held += new.held - old.held
        totals.exit += new.exit - old.exit
        totals.margin += new.margin - old.margin
        totals.paid += new.paid - old.paid
        sectors = totals.sectors
        if old.sector == new.sector:
            sectors[new.sector] += new.gross - old.gross
        else:
            if old is not NOTHING:
                sectors[old.sector] -= old.gross
            if new is not NOTHING:
                sectors[new.sector] = sectors.get(new.sector, ZERO) + new.gross
        if old.currency != new.currency:
            currencies = totals.currencies
            if new.currency:
                currencies[new.currency] = currencies.get(new.currency, 0) + 1
            if old.currency:
                currencies[old.currency] -= 1
                if not currencies[old.currency]:
                    del currencies[old.currency]

    def _closed(self, holding: Holding, old: Marked | None, view: View) -> Marked:
        """A holding that is flat still counts what it made or lost; it needs no price any more."""
        marked = Marked(holding)
        marked.good_until = FOREVER
        marked.sector = old.sector if old is not None else UNCLASSIFIED
        fx = self._rate(holding, view)
        marked.paid = holding.paid * fx if fx is not None else old.paid if old is not None else ZERO
        return marked

    def _rate(self, holding: Holding, view: View) -> Decimal | None:
        product = view.instrument(holding.symbol)
        statement: BrokerAccount | None = view.account(holding.account)
        if product is None:
            return None
        if statement is not None and statement.currency == product.currency:
            return ONE
        return view.fx_rate(product.currency, holding.account)

    def _value(self, holding: Holding, old: Marked | None, view: View) -> Marked | None:
        price = old.price if old is not None else None
        if price is None or not price.stands(holding, view, self._portfolio.limits):
            price = self._look(holding, view)
            if price is None:
                return None
        marked = Marked(holding, price.sector, price.currency)
        marked.price = price
        marked.good_until = price.good_until
        pos, value, fx = holding.pos, price.value, price.fx
        marked.paid = holding.paid if fx is ONE else holding.paid * fx
        long, short = pos + holding.buy, pos - holding.sell
        marked.long = worth_long = long * value
        marked.short = worth_short = short * value
        # WL is never below WS, so the larger size is the larger of WL and −WS
        marked.gross = worth_long if long >= -short else -worth_short
        if pos:
            leaving = price.at_bid if pos > ZERO else price.at_ask
            marked.held = held = pos * value
            marked.exit = pos * leaving if leaving is not None else held
            if price.contract is not None:
                marked.margin = abs(pos) * price.contract
            else:
                marked.margin = abs(held) * (price.short_rate if pos < ZERO else price.long_rate)
        return marked

    def _look(self, holding: Holding, view: View) -> Price | None:
        """The present price of a holding; None without one, or without a rate."""
        account, symbol, now = holding.account, holding.symbol, view.now_ns
        product = view.instrument(symbol)
        if product is None:
            return None
        limits = self._portfolio.limits
        table = limits.table(holding, product.asset_class, now)
        ref = reference(account, symbol, view, table, now)
        if isinstance(ref, NoPrice):
            return None
        statement: BrokerAccount | None = view.account(account)
        home = statement is not None and statement.currency == product.currency
        fx = ONE if home else view.fx_rate(product.currency, account)
        if fx is None:
            return None
        return Price(ref, fx, product, statement, table, limits.version, view.quote(symbol) if home else None)
