"""What a fill costs, by the published schedules of brokers. Money in the instrument's currency; a rebate is negative.

Rates are those of 2025 and change: every number is a field. A charge is the schedule's total for the order so far minus
what the order was charged before, so that minimums and maximums per order come out right over partial fills.
"""

from decimal import ROUND_UP, Decimal
from typing import Protocol

import msgspec

from bridge.orders.market import AssetClass, Instrument

ZERO = Decimal(0)
CENT = Decimal("0.01")
SHARES = frozenset({AssetClass.EQUITY, AssetClass.ETF})


class Executed(msgspec.Struct, frozen=True, gc=False):
    """An order's fills so far, the newest included: quantities, value (Σ quantity × price × multiplier), split by
    role.
    """

    buy: bool
    qty: Decimal
    value: Decimal
    made_value: Decimal = ZERO


class Fees(Protocol):
    """A fee schedule."""

    def total(self, instrument: Instrument, done: Executed) -> Decimal:
        """Everything an order with these fills costs."""
        ...


class NoFees(msgspec.Struct, frozen=True):
    """Nothing costs anything."""

    def total(self, instrument: Instrument, done: Executed) -> Decimal:
        """0."""
        return ZERO


class MakerTaker(msgspec.Struct, frozen=True, kw_only=True):
    """Basis points of the value by role, as crypto exchanges charge: value_made × maker + value_taken × taker."""

    maker_bps: Decimal = Decimal(15)
    taker_bps: Decimal = Decimal(25)

    def total(self, instrument: Instrument, done: Executed) -> Decimal:
        """Σ value × rate / 10 000."""
        return (done.made_value * self.maker_bps + (done.value - done.made_value) * self.taker_bps) / 10_000


class RegulatoryFees(msgspec.Struct, frozen=True, kw_only=True):
    """What US regulators take from sellers of shares: SEC section 31 by value, FINRA's TAF by share with a maximum.

    Each is rounded up to the cent per order, as brokers pass it on.
    """

    sec_rate: Decimal = Decimal("0.0000278")
    taf_per_share: Decimal = Decimal("0.000166")
    taf_max: Decimal = Decimal("8.30")

    def total(self, instrument: Instrument, done: Executed) -> Decimal:
        """0 for buys and for anything but shares."""
        if done.buy or instrument.asset_class not in SHARES:
            return ZERO
        taf = min(done.qty * self.taf_per_share, self.taf_max)
        return (done.value * self.sec_rate).quantize(CENT, ROUND_UP) + taf.quantize(CENT, ROUND_UP)


class AlpacaFees(msgspec.Struct, frozen=True, kw_only=True):
    """Alpaca: no commission on shares, regulatory fees on sales; crypto 15 / 25 bps in the first tier."""

    regulatory: RegulatoryFees = RegulatoryFees()
    crypto: MakerTaker = MakerTaker()

    def total(self, instrument: Instrument, done: Executed) -> Decimal:
        """By asset class."""
        if instrument.asset_class is AssetClass.CRYPTO:
            return self.crypto.total(instrument, done)
        return self.regulatory.total(instrument, done)


class InteractiveBrokersFees(msgspec.Struct, frozen=True, kw_only=True):
    """Interactive Brokers, fixed pricing by default (`tiered()` gives the other).

    Shares: per share, at least `minimum` an order, at most `maximum` of its value; futures per contract; currencies by
    value with a minimum. `venue_per_share` and `clearing_per_share` are passed on in tiered pricing only.
    """

    per_share: Decimal = Decimal("0.005")
    minimum: Decimal = Decimal("1.00")
    maximum: Decimal = Decimal("0.01")
    venue_per_share: Decimal = ZERO
    clearing_per_share: Decimal = ZERO
    pass_through: Decimal = ZERO  # share of the commission: NYSE and FINRA pass-through fees
    per_contract: Decimal = Decimal("2.25")  # 0.85 and the exchange's fees
    per_micro_contract: Decimal = Decimal("0.62")
    currency_bps: Decimal = Decimal("0.20")
    currency_minimum: Decimal = Decimal("2.00")
    crypto_bps: Decimal = Decimal(18)
    crypto_minimum: Decimal = Decimal("1.75")
    regulatory: RegulatoryFees = RegulatoryFees()

    @classmethod
    def tiered(cls) -> "InteractiveBrokersFees":
        """Tiered pricing below 300 000 shares a month, taking liquidity."""
        return cls(
            per_share=Decimal("0.0035"),
            minimum=Decimal("0.35"),
            venue_per_share=Decimal("0.0030"),
            clearing_per_share=Decimal("0.00020"),
            pass_through=Decimal("0.000738"),
        )

    def total(self, instrument: Instrument, done: Executed) -> Decimal:
        """By asset class."""
        kind = instrument.asset_class
        if kind in SHARES:
            commission = min(max(done.qty * self.per_share, self.minimum), done.value * self.maximum)
            passed = commission * self.pass_through + done.qty * (self.venue_per_share + self.clearing_per_share)
            return commission + passed + self.regulatory.total(instrument, done)
        if kind is AssetClass.FX:
            return max(done.value * self.currency_bps / 10_000, self.currency_minimum)
        if kind is AssetClass.CRYPTO:
            return max(done.value * self.crypto_bps / 10_000, min(self.crypto_minimum, done.value * self.maximum))
        micro = instrument.underlying is not None and instrument.underlying.startswith("M")
        return done.qty * (self.per_micro_contract if micro else self.per_contract)


SCHEDULES: dict[str, Fees] = {
    "none": NoFees(),
    "alpaca": AlpacaFees(),
    "ib-fixed": InteractiveBrokersFees(),
    "ib-tiered": InteractiveBrokersFees.tiered(),
    "maker-taker": MakerTaker(),
}
