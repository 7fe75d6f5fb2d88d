"""How the paper exchange fills: every choice that can be made, with its default (docs/paper.md has the formulas)."""

from decimal import Decimal
from enum import Enum

import msgspec

from bridge.brokers.paper.ledger import MarginTerms
from bridge.orders.market import AssetClass


class Taking(Enum):
    """What a marketable order does when the size displayed at the touch is used up."""

    WAIT = "wait"  # for the next display
    WALK = "walk"  # on through the book as the impact model assumes it


class Resting(Enum):
    """When a limit that waits at its price is filled without the other side of the quote coming to it."""

    THROUGH = "through"  # a trade prints beyond its price
    TOUCH = "touch"  # a trade prints at its price
    QUEUE = "queue"  # trades at its price have used up what was displayed in front of it


class StopTrigger(Enum):
    """Which price triggers a stop."""

    LAST = "last"  # a printed trade
    QUOTE = "quote"  # the ask for a buy, the bid for a sell
    AUTO = "auto"  # QUOTE for currency pairs and where no trade was ever printed, else LAST


UNTOLD_SIZE = {AssetClass.FX: Decimal(1_000_000)}


class FillModel(msgspec.Struct, frozen=True, kw_only=True):
    """The fill model.

    `participation`: the share of displayed and of printed size our orders may have. `walk_depth`: each of the
    `walk_levels` ticks behind the touch is assumed to show that many times the touch's size. `untold_size` stands for
    a size the feed does not tell, 0 where absent: no fill. A quote older than `max_quote_age` seconds is nobody's
    price any more: orders wait for the next one.
    """

    taking: Taking = Taking.WAIT
    resting: Resting = Resting.QUEUE
    stop_trigger: StopTrigger = StopTrigger.AUTO
    participation: Decimal = Decimal(1)
    walk_levels: int = 5
    walk_depth: Decimal = Decimal(1)
    untold_size: dict[AssetClass, Decimal] = msgspec.field(default_factory=UNTOLD_SIZE.copy)
    max_quote_age: float = 60.0

    def __post_init__(self) -> None:
        """ValueError for a share, depth or age that makes no sense."""
        if not 0 < self.participation <= 1:
            raise ValueError(f"participation {self.participation} must be above 0 and at most 1")
        if self.walk_levels < 1 or not self.walk_depth > 0:
            raise ValueError(f"walk_levels {self.walk_levels} and walk_depth {self.walk_depth} must be above 0")
        if not self.max_quote_age > 0:
            raise ValueError(f"max_quote_age {self.max_quote_age} must be above 0 seconds")


class AccountTerms(msgspec.Struct, frozen=True, kw_only=True):
    """An account of the exchange. `cash` is what a new book starts with; later the book knows better."""

    name: str = "PAPER"
    currency: str = "USD"
    cash: Decimal = Decimal(1_000_000)
    margin: MarginTerms = MarginTerms()


class Imitated(Enum):
    """Whose words and codes a refusal has."""

    NONE = "none"
    ALPACA = "alpaca"
    INTERACTIVE_BROKERS = "interactive-brokers"


class HouseRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker in front of the exchange does not take.

    `price_bands`: how far beyond the reference price (last trade, else mid) a limit may be, by asset class, as a share.
    `hold_when_closed`: orders for the next session are kept; else refused. `hard_to_borrow` cannot be sold short; other
    shares pay `borrow_rate` a year on the value sold short, by the day. `reject_share` of the orders are refused for no
    reason, chosen by `seed` and id. `close_cutoff`: seconds before the close up to which at-close orders are taken.
    """

    imitate: Imitated = Imitated.NONE
    price_bands: dict[AssetClass, Decimal] = msgspec.field(default_factory=dict)
    allow_wash_trades: bool = True
    hold_when_closed: bool = True
    hard_to_borrow: frozenset[str] = frozenset()
    borrow_rate: Decimal = Decimal("0.003")
    reject_share: float = 0.0
    close_cutoff: float = 600.0
    seed: int = 1

    def __post_init__(self) -> None:
        """ValueError for a share outside 0 to 1."""
        if not 0 <= self.reject_share <= 1:
            raise ValueError(f"reject_share {self.reject_share} must be from 0 to 1")
