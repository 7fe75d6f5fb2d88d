"""How the paper exchange fills: every choice that can be made, with its default (docs/paper.md has the formulas)."""

from decimal import Decimal
from enum import Enum

import msgspec

from bridge.brokers.paper.ledger import MarginTerms
from bridge.orders.market import AssetClass


class Resting(Enum):
    """When a limit that waits at its price is filled without the other side of the quote coming to it."""

    THROUGH = "through"  # a trade prints beyond its price
    TOUCH = "touch"  # a trade prints at its price


class StopTrigger(Enum):
    """Which price triggers a stop."""

    LAST = "last"  # a printed trade
    QUOTE = "quote"  # the ask for a buy, the bid for a sell
    AUTO = "auto"  # QUOTE for currency pairs and where no trade was ever printed, else LAST


UNTOLD_SIZE = {AssetClass.FX: Decimal(1_000_000)}


class FillModel(msgspec.Struct, frozen=True, kw_only=True):
    """The fill model. `untold_size` is what stands for a size the feed does not tell, 0 where absent: no fill.

    A quote older than `max_quote_age` seconds is nobody's price any more: orders wait for the next one.
    """

    resting: Resting = Resting.TOUCH
    stop_trigger: StopTrigger = StopTrigger.AUTO
    untold_size: dict[AssetClass, Decimal] = msgspec.field(default_factory=UNTOLD_SIZE.copy)
    max_quote_age: float = 60.0


class AccountTerms(msgspec.Struct, frozen=True, kw_only=True):
    """An account of the exchange. `cash` is what a new book starts with; later the book knows better."""

    name: str = "PAPER"
    currency: str = "USD"
    cash: Decimal = Decimal(1_000_000)
    margin: MarginTerms = MarginTerms()
