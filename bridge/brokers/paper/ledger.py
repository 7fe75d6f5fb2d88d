"""Money at the paper exchange: cash, positions, equity, margin and what is left to trade with."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from bridge.orders.market import AssetClass, Instrument

ZERO = Decimal(0)
REVALUE_NS = 1_000_000_000

INITIAL_MARGIN = {
    AssetClass.EQUITY: Decimal("0.25"),
    AssetClass.ETF: Decimal("0.25"),
    AssetClass.FUTURE: Decimal("0.06"),
    AssetClass.OPTION: Decimal(1),
    AssetClass.FX: Decimal("0.02"),
    AssetClass.CRYPTO: Decimal(1),
}


class MarginTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a position of 1 of value must be covered with, by asset class; a cash account covers everything with 1.

    Equity 0.25 is the intraday requirement of a US margin account (four times equity), FX 0.02 the 50:1 of CFTC 5.9.
    """

    rates: dict[AssetClass, Decimal] = msgspec.field(default_factory=INITIAL_MARGIN.copy)
    margin_account: bool = True
    shorting: bool = True

    def rate(self, asset_class: AssetClass) -> Decimal:
        """Share of the value."""
        if not self.margin_account and asset_class is not AssetClass.FUTURE:
            return Decimal(1)
        return self.rates[asset_class]


class Holding:
    """A position: `qty` signed, `cost` its signed cost (average cost method), `value` qty × mark × multiplier."""

    __slots__ = ("buying", "cost", "instrument", "mark", "qty", "realised", "requirement", "selling")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.qty = ZERO
        self.cost = ZERO
        self.realised = ZERO
        self.mark = ZERO
        self.requirement = ZERO
        self.buying = ZERO  # leaves of working buys
        self.selling = ZERO

    @property
    def avg_px(self) -> Decimal | None:
        """Average entry price per unit."""
        return self.cost / self.qty if self.qty else None

    def trade(self, qty: Decimal, px: Decimal) -> Decimal:
        """One signed execution; returns the realised profit in the instrument's currency."""
        held = self.qty
        realised = ZERO
        if not held or (held > 0) == (qty > 0):
            self.cost += qty * px
        else:
            closing = -held if abs(qty) > abs(held) else qty  # signed as the trade
            avg = self.cost / held
            realised = (avg - px) * closing * self.instrument.multiplier
            self.cost = ZERO if closing == -held else self.cost + avg * closing
            self.cost += (qty - closing) * px
        self.qty = held + qty
        self.realised += realised
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
        "requirement",
        "reserved",
        "terms",
        "valued_ns",
    )

    def __init__(self, name: str, currency: str, terms: MarginTerms) -> None:
        self.name = name
        self.currency = currency
        self.terms = terms
        self.cash = ZERO
        self.fees = ZERO
        self.holdings: dict[str, Holding] = {}
        self.equity = ZERO
        self.requirement = ZERO
        self.reserved = ZERO
        self.valued_ns = -REVALUE_NS

    def holding(self, instrument: Instrument) -> Holding:
        """The position, made when first asked for."""
        found = self.holdings.get(instrument.symbol)
        if found is None:
            found = self.holdings[instrument.symbol] = Holding(instrument)
        return found

    def fill(self, instrument: Instrument, qty: Decimal, px: Decimal, fee: Decimal) -> None:
        """One signed execution: cash moves by the value, a future's only by profit and fee."""
        holding = self.holding(instrument)
        realised = holding.trade(qty, px)
        if instrument.asset_class is AssetClass.FUTURE:
            self.cash += realised - fee
        else:
            self.cash -= qty * px * instrument.multiplier + fee
        self.fees += fee
        self.equity -= fee
        rate = self.terms.rate(instrument.asset_class)
        requirement = abs(holding.qty) * px * instrument.multiplier * rate
        self.requirement += requirement - holding.requirement
        holding.requirement = requirement

    def revalue(self, now_ns: int, mark: Callable[[str], Decimal | None]) -> None:
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
            value = holding.qty * holding.mark * instrument.multiplier
            if instrument.asset_class is AssetClass.FUTURE:
                equity += value - holding.cost * instrument.multiplier
            else:
                equity += value
            holding.requirement = abs(value) * self.terms.rate(instrument.asset_class)
            requirement += holding.requirement
        self.equity, self.requirement, self.valued_ns = equity, requirement, now_ns

    def opening(self, instrument: Instrument, qty: Decimal, *, buy: bool) -> Decimal:
        """How much of an order would open or add to a position, other working orders of its side counted first."""
        holding = self.holdings.get(instrument.symbol)
        if holding is None:
            return qty
        closable = -holding.qty - holding.buying if buy else holding.qty - holding.selling
        return qty if closable <= 0 else qty - closable if qty > closable else ZERO

    def excess(self) -> Decimal:
        """Equity that nothing needs."""
        return self.equity - self.requirement - self.reserved

    @property
    def buying_power(self) -> Decimal:
        """What may still be bought of the asset class that needs least cover of the shares': excess over its rate."""
        excess = self.excess()
        return excess / self.terms.rate(AssetClass.EQUITY) if excess > 0 else ZERO
