"""What the market and the symbol master tell: plain values that risk, paper trading, cost and decisions share."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum

import msgspec

from fixspec.enums import ArrivalSource as QuoteSource


class AssetClass(Enum):
    """Asset class of an instrument, as risk defaults and metrics group it."""

    EQUITY = "equity"
    ETF = "etf"
    FUTURE = "future"
    OPTION = "option"
    FX = "fx"
    CRYPTO = "crypto"


class Instrument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the symbol master.

    `tick_size` and prices are in `currency` per unit; `lot_size` in units of OrderQty(38); `multiplier` is the value of
    one price unit for one contract (1 for shares); `calendar` names a trading calendar, "24/7" for always open.
    """

    symbol: str
    asset_class: AssetClass
    security_type: str  # SecurityType(167): CS, FUT, FOR, OPT
    currency: str
    tick_size: Decimal
    lot_size: Decimal
    multiplier: Decimal = Decimal(1)
    sector: str = "UNCLASSIFIED"
    exchange: str | None = None
    calendar: str = "24/7"
    description: str | None = None
    min_qty: Decimal | None = None
    max_qty: Decimal | None = None
    active: bool = True
    shortable: bool = True
    maturity: date | None = None
    underlying: str | None = None


class Quote(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Top of book. Sizes are in units of OrderQty(38); None means the source tells no size.

    `time` is the source's event time, `received_ns` our clock (UTC ns) when it arrived: age is measured from the
    latter.
    """

    symbol: str
    bid_px: Decimal | None
    bid_sz: Decimal | None
    ask_px: Decimal | None
    ask_sz: Decimal | None
    time: datetime
    received_ns: int
    source: QuoteSource = QuoteSource.BBO

    @property
    def two_sided(self) -> bool:
        """True when bid and ask are present, positive and not crossed: only such a quote has a mid."""
        bid, ask = self.bid_px, self.ask_px
        return bid is not None and ask is not None and 0 < bid <= ask

    @property
    def mid(self) -> Decimal | None:
        """(bid + ask) / 2, or None when the quote is not two-sided."""
        bid, ask = self.bid_px, self.ask_px
        return (bid + ask) / 2 if bid is not None and ask is not None and 0 < bid <= ask else None


class Aggressor(Enum):
    """Who crossed the spread in a printed trade."""

    BUY = "buy"
    SELL = "sell"
    NONE = "none"


class Trade(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One printed trade. `price` per unit, `size` in units of OrderQty(38)."""

    symbol: str
    price: Decimal
    size: Decimal
    time: datetime
    received_ns: int
    aggressor: Aggressor = Aggressor.NONE


Tick = Quote | Trade

__all__ = ["Aggressor", "AssetClass", "Instrument", "Quote", "QuoteSource", "Tick", "Trade"]
