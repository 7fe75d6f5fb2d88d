"""Money at the paper exchange: cash, positions, equity, margin and what is left to trade with."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from bridge.brokers.paper.records import ONE, ZERO
from bridge.orders.market import AssetClass, Instrument

REVALUE_NS = 1_000_000_000

INITIAL_MARGIN = {
    AssetClass.EQUITY: Decimal("0.25"),
    AssetClass.ETF: Decimal("0.25"),
    AssetClass.FUTURE: Decimal("0.06"),
    AssetClass.OPTION: ONE,
    AssetClass.FX: Decimal("0.02"),
    AssetClass.CRYPTO: ONE,
}
CASH_ACCOUNT = {**dict.fromkeys(AssetClass, ONE), AssetClass.FUTURE: INITIAL_MARGIN[AssetClass.FUTURE]}
OVERNIGHT = {**INITIAL_MARGIN, AssetClass.EQUITY: Decimal("0.5"), AssetClass.ETF: Decimal("0.5")}


class MarginTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The share of its value that a position must be covered with, by asset class.

    By default the intraday terms of a US margin account: shares 0.25 (four times equity), futures 0.06, currencies 0.02
    (50:1), crypto 1. `cash_account` and `overnight` (Regulation T: shares 0.5) are the usual alternatives.
    """

    rates: dict[AssetClass, Decimal] = msgspec.field(default_factory=INITIAL_MARGIN.copy)
    margin_account: bool = True
    shorting: bool = True

    @classmethod
    def cash_account(cls) -> "MarginTerms":
        """Everything is paid in full and nothing is sold short; futures have their margin."""
        return cls(rates=CASH_ACCOUNT.copy(), margin_account=False, shorting=False)

    @classmethod
    def overnight(cls) -> "MarginTerms":
        """Twice equity for shares."""
        return cls(rates=OVERNIGHT.copy())


class Holding:
    """A position: `qty` signed, `cost` Σ quantity × price of what is held, by average cost; instrument's currency.

    `buying`, `selling` are the leaves of working orders, `margin` the share of the value that must be covered,
    `unit_margin` that share of one unit at a price of 1.
    """

    __slots__ = (
        "buying",
        "cost",
        "future",
        "instrument",
        "margin",
        "mark",
        "qty",
        "realised",
        "requirement",
        "selling",
        "unit_margin",
    )

    def __init__(self, instrument: Instrument, margin: Decimal) -> None:
        self.instrument = instrument
        self.future = instrument.asset_class is AssetClass.FUTURE
        self.margin = margin
        self.unit_margin = instrument.multiplier * margin
        self.qty = ZERO
        self.cost = ZERO
        self.realised = ZERO
        self.mark = ZERO
        self.requirement = ZERO
        self.buying = ZERO
        self.selling = ZERO

    @property
    def avg_px(self) -> Decimal | None:
        """Average entry price per unit."""
        return self.cost / self.qty if self.qty else None

    def trade(self, qty: Decimal, px: Decimal, value: Decimal) -> Decimal:
        """One signed execution of `value` = quantity × price; returns the realised profit. Instrument's currency."""
        held = self.qty
        realised = ZERO
        if not held or (held > ZERO) is (qty > ZERO):
            self.cost += value
        else:
            closing = -held if abs(qty) > abs(held) else qty  # signed as the trade
            avg = self.cost / held
            realised = (avg - px) * closing * self.instrument.multiplier
            self.cost = (ZERO if closing == -held else self.cost + avg * closing) + (qty - closing) * px
            self.realised += realised
        self.qty = held + qty
        self.mark = px
        return realised


class Account:
    """One account. Revalued at most once a second, and always before anything is refused for lack of money."""

    __slots__ = (
        "cash",
        "currency",
        "equity",
        "fees",
        "holdings",
        "name",
        "rates",
        "requirement",
        "reserved",
        "terms",
        "transfers",
        "valued_ns",
    )

    def __init__(self, name: str, currency: str, terms: MarginTerms) -> None:
        self.name = name
        self.currency = currency
        self.terms = terms
        self.rates = terms.rates
        self.cash = ZERO
        self.fees = ZERO
        self.transfers = ZERO  # money moved in less moved out since the trading day began
        self.holdings: dict[str, Holding] = {}
        self.equity = ZERO
        self.requirement = ZERO
        self.reserved = ZERO
        self.valued_ns = -REVALUE_NS

    def holding(self, instrument: Instrument) -> Holding:
        """The position, made when first asked for."""
        found = self.holdings.get(instrument.symbol)
        if found is None:
            found = self.holdings[instrument.symbol] = Holding(instrument, self.rates[instrument.asset_class])
        return found

    def fill(self, holding: Holding, qty: Decimal, px: Decimal, value: Decimal, fee: Decimal, rate: Decimal) -> None:
        """One signed execution, `value` = quantity × price: cash −= value × multiplier + fee; a future's moves by
        profit − fee.
        """
        realised = holding.trade(qty, px, value)
        change = realised if holding.future else -value * holding.instrument.multiplier
        requirement = abs(holding.qty) * px * holding.unit_margin
        if rate is not ONE:
            change *= rate
            requirement *= rate
        if fee:
            fee *= rate
            change -= fee
            self.fees += fee
            self.equity -= fee
        self.cash += change
        self.requirement += requirement - holding.requirement
        holding.requirement = requirement

    def revalue(
        self,
        now_ns: int,
        mark: Callable[[str], Decimal | None],
        rate: Callable[[str, str], Decimal | None],
    ) -> None:
        """Mark every position. Equity = cash + Σ value, for futures Σ (mark − average) × quantity × multiplier."""
        equity, requirement = self.cash, ZERO
        for symbol, holding in self.holdings.items():
            if not holding.qty:
                holding.requirement = ZERO
                continue
            price = mark(symbol)
            if price is not None:
                holding.mark = price
            instrument = holding.instrument
            worth = rate(instrument.currency, self.currency) or ONE
            value = holding.qty * holding.mark * instrument.multiplier * worth
            if instrument.asset_class is AssetClass.FUTURE:
                equity += value - holding.cost * instrument.multiplier * worth
            else:
                equity += value
            holding.requirement = abs(value) * holding.margin
            requirement += holding.requirement
        self.equity, self.requirement, self.valued_ns = equity, requirement, now_ns

    def opening(self, instrument: Instrument, qty: Decimal, *, buy: bool) -> Decimal:
        """How much of an order would open or add to a position, other working orders of its side counted first."""
        holding = self.holdings.get(instrument.symbol)
        if holding is None:
            return qty
        closable = -holding.qty - holding.buying if buy else holding.qty - holding.selling
        return qty if closable <= ZERO else qty - closable if qty > closable else ZERO

    @property
    def excess(self) -> Decimal:
        """Equity that neither positions nor working orders need: equity − requirement − reserved."""
        return self.equity - self.requirement - self.reserved

    @property
    def buying_power(self) -> Decimal:
        """Shares that may still be bought: excess / rate of shares, never below 0."""
        excess = self.excess
        return excess / self.rates[AssetClass.EQUITY] if excess > 0 else ZERO

    def empty(self, cash: Decimal) -> None:
        """No positions, no fees, this cash; no order may work."""
        self.transfers += cash - self.equity
        self.cash = self.equity = cash
        self.fees = self.requirement = self.reserved = ZERO
        self.holdings.clear()
