"""The paper broker's configuration as one document: what a settings file says, checked and turned into parts."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from bridge.brokers.paper.broker import PaperBroker
from bridge.brokers.paper.difficult import DifficultBroker
from bridge.brokers.paper.fees import SCHEDULES
from bridge.brokers.paper.latency import Latency
from bridge.brokers.paper.ledger import MarginTerms
from bridge.brokers.paper.model import AccountTerms, FillModel, HouseRules
from bridge.brokers.paper.scenario import Scenario
from bridge.interfaces import Clock
from bridge.marketdata.hours import AlwaysOpen, ExchangeHours
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.market import Instrument


class OpenHours(Enum):
    """When the markets of the paper exchange are open."""

    ALWAYS = "always"
    CALENDAR = "calendar"  # as each instrument's calendar says; needs the extra `calendars`


class MarginKind(Enum):
    """Which margin terms the accounts have."""

    INTRADAY = "intraday"
    OVERNIGHT = "overnight"
    CASH = "cash"


class PaperOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be chosen about the paper exchange; `fees` is one of none, alpaca, ib-fixed, ib-tiered,
    maker-taker. Numbers of money and quantity are strings in YAML, or are read as written.
    """

    fill: FillModel = FillModel()
    fees: str = "none"
    latency: Latency = Latency()
    house: HouseRules = HouseRules()
    hours: OpenHours = OpenHours.ALWAYS
    margin: MarginKind = MarginKind.INTRADAY
    scenario: str | None = None  # a file of faults to rehearse with

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "PaperOptions":
        """From a mapping, as YAML gives it. ValueError naming the key, what was found and what is allowed."""
        try:
            options = msgspec.convert(_plain(document), cls, strict=False)
        except msgspec.ValidationError as error:
            raise ValueError(f"paper: {error}") from error
        if options.fees not in SCHEDULES:
            raise ValueError(f"paper: fees: found {options.fees!r}, allowed are {', '.join(SCHEDULES)}")
        return options

    def account(self, name: str, currency: str, cash: Decimal) -> AccountTerms:
        """An account with these margin terms."""
        if self.margin is MarginKind.CASH:
            return AccountTerms(name=name, currency=currency, cash=cash, margin=MarginTerms.cash_account())
        if self.margin is MarginKind.OVERNIGHT:
            return AccountTerms(name=name, currency=currency, cash=cash, margin=MarginTerms.overnight())
        return AccountTerms(name=name, currency=currency, cash=cash)

    def build(
        self,
        *,
        quotes: QuoteBook,
        clock: Clock,
        instrument: Callable[[str], Instrument | None],
        directory: Path | None,
        name: str,
        accounts: Sequence[AccountTerms],
    ) -> PaperBroker:
        """The broker; a difficult one when a scenario is named. Raises ScenarioError, OSError."""
        settings: dict[str, Any] = {
            "quotes": quotes,
            "clock": clock,
            "instrument": instrument,
            "directory": directory,
            "name": name,
            "accounts": accounts,
            "model": self.fill,
            "fees": SCHEDULES[self.fees],
            "latency": self.latency,
            "house": self.house,
            "hours": AlwaysOpen() if self.hours is OpenHours.ALWAYS else ExchangeHours(),
        }
        if self.scenario is None:
            return PaperBroker(**settings)
        return DifficultBroker(scenario=Scenario.load(self.scenario), **settings)


def _plain(value: Any) -> Any:
    """Floats as their shortest text, so that a Decimal read from YAML is the number that was written."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
