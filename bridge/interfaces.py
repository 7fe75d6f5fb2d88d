"""Every plug point on one page: what the engine needs from outside, and what may be plugged into it.

Adapters, sinks, market data sources and risk checks implement these and know nothing of each other.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Protocol

import msgspec

from bridge.orders.events import Entry, Mode, Reservation, Scope, TradingState
from bridge.orders.market import Instrument, Quote, Tick, Trade
from bridge.orders.order import Order
from bridge.orders.position import Position as Position
from bridge.orders.position import Working as Working
from bridge.orders.reasons import Rejection
from bridge.orders.reports import BrokerAccount, BrokerOrder, BrokerPosition, Executed, Report
from fixspec.enums import OrdType, TimeInForce


class Clock(Protocol):
    """Time from outside. `utc_ns` is nanoseconds since 1970 UTC, `monotonic` seconds that only grow."""

    def utc_ns(self) -> int:
        """Wall clock, ns since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...


# --- journal and sinks -----------------------------------------------------------------------------------------------


class JournalError(Exception):
    """The journal cannot take or give entries: a write failed (final, rule 7), it is locked, damaged, trimmed."""


class Journal(Protocol):
    """The log of entries (DURABILITY.md). `append` numbers nothing: the engine numbers from `next_seq`, the journal
    checks.
    """

    @property
    def next_seq(self) -> int:
        """`seq` of the next entry."""
        ...

    @property
    def durable(self) -> int:
        """Highest `seq` that is durable at the configured level."""
        ...

    @property
    def epoch(self) -> int:
        """The owner's term; grows with every start."""
        ...

    @property
    def failed(self) -> str | None:
        """Why nothing can be written any more, or None. A failed flush is final (rule 7)."""
        ...

    def append(self, entries: Sequence[Entry]) -> None:
        """Add one batch, all or nothing. Never blocks; in `write` mode the batch is written when this returns.

        Raises JournalError when the journal has failed; nothing of the batch is kept then.
        """
        ...

    def on_durable(self, callback: Callable[[int], None]) -> None:
        """Call `callback(durable)` on the loop, whenever `durable` has moved later than within `append`."""
        ...

    def read(self, after: int = 0) -> Iterator[Entry]:
        """All entries with `seq` above `after`, in order, decoded from what is stored."""
        ...


class EventSink(Protocol):
    """Somebody who is shown every entry once it is durable. Returns at once and never raises into the writer.

    A sink that has `events`, a frozenset of classes of events, is shown entries of these kinds alone.
    """

    @property
    def name(self) -> str:
        """For logs and metrics."""
        ...

    @property
    def cursor(self) -> int:
        """At start the sink gets exactly the entries above this `seq`."""
        ...

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """`order` is the state after the entry, None for entries that are about no order."""
        ...


# --- brokers ---------------------------------------------------------------------------------------------------------


class Fence(Enum):
    """How absence is proven after a submit without an answer (DURABILITY section 7)."""

    IDEMPOTENT_ID = "idempotent_id"
    EXCLUSIVE_SESSION = "exclusive_session"
    NONE = "none"


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a broker takes, checked before anything is sent (R01)."""

    ord_types: frozenset[OrdType]
    times_in_force: frozenset[TimeInForce]
    replace: bool = True
    fractional: bool = False
    notional: bool = False
    short: bool = False
    extended_hours: bool = False
    exec_insts: frozenset[str] = frozenset()
    max_orders_per_second: float | None = None
    notes: tuple[str, ...] = ()


class BrokerUnreachable(Exception):
    """A query got no answer: neither found nor proven absent. State stays as it is (ADAPTERS A.2)."""


class Unprovable(BrokerUnreachable):
    """The broker answers, but can no longer tell what became of this one order; others can be asked for."""


class BrokerAdapter(Protocol):
    """One connection to one broker. Translates orders to calls and callbacks to reports; holds no order of record.

    `submit`, `replace` and `cancel` return at once, send at most once, and never raise for the broker's answer: that
    comes as
    a report. They may call `report` before they return; the engine queues it.
    """

    @property
    def name(self) -> str:
        """The BrokerSpec's metadata.name."""
        ...

    @property
    def mode(self) -> Mode:
        """Paper or live; belongs to the credentials."""
        ...

    @property
    def fence(self) -> Fence:
        """How absence is proven."""
        ...

    @property
    def settle(self) -> float:
        """Seconds between two lists that prove absence where `fence` is NONE."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What may be sent."""
        ...

    @property
    def unready(self) -> str | None:
        """Why opening orders are refused now (stream down, reconciling), or None when ready (ADAPTERS A.8)."""
        ...

    async def start(self, report: Callable[[Report], None]) -> None:
        """Connect; from now on reports may arrive. Raises BrokerUnreachable when it cannot."""
        ...

    async def stop(self) -> None:
        """Disconnect, orders stay."""
        ...

    def submit(self, order: Order) -> None:
        """Send a new order under `order.broker_client_id`."""
        ...

    def replace(self, order: Order) -> None:
        """Ask for the terms in `order.pending_replace`."""
        ...

    def cancel(self, order: Order) -> None:
        """Ask for the remainder to be cancelled. May be repeated."""
        ...

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Everything that works at the broker now, external orders included. Raises BrokerUnreachable."""
        ...

    async def find(self, order: Order) -> BrokerOrder | None:
        """The order by our id, in any state; None means the broker answered that it does not know it. Raises
        BrokerUnreachable.
        """
        ...

    async def executions(self, since: datetime) -> Sequence[Executed]:
        """Every execution since then, oldest first. Raises BrokerUnreachable."""
        ...

    async def positions(self) -> Sequence[BrokerPosition]:
        """All positions. Raises BrokerUnreachable."""
        ...

    async def accounts(self) -> Sequence[BrokerAccount]:
        """The accounts behind these credentials. Raises BrokerUnreachable."""
        ...


# --- market data -----------------------------------------------------------------------------------------------------


class MarketData(Protocol):
    """One source of quotes and trades. `publish` is called on the loop, in event order."""

    async def start(self, publish: Callable[[Tick], None]) -> None:
        """Begin."""
        ...

    async def stop(self) -> None:
        """End."""
        ...

    def watch(self, symbols: Iterable[str]) -> None:
        """Subscribe to more symbols; repeated ones are ignored."""
        ...


class Quotes(Protocol):
    """The freshest quote and trade per symbol (bridge.marketdata.quotes keeps it)."""

    def quote(self, symbol: str) -> Quote | None:
        """The newest quote, however old; the caller judges its age from `received_ns`."""
        ...

    def last_trade(self, symbol: str) -> Trade | None:
        """The newest printed trade."""
        ...


# --- risk ------------------------------------------------------------------------------------------------------------


class Mark(msgspec.Struct, frozen=True, gc=False):
    """The broker's own price of a position, per unit; `taken_ns` is our clock (UTC ns) when it was told."""

    price: Decimal
    taken_ns: int


class Borrow(msgspec.Struct, frozen=True, gc=False):
    """Whether an instrument can be borrowed easily for a short sale; `taken_ns` is our clock (UTC ns) when told."""

    easy: bool
    taken_ns: int


class View(Protocol):
    """What a decision may look at. Everything is as of the last committed entry."""

    @property
    def now_ns(self) -> int:
        """The time of this decision, UTC ns."""
        ...

    def instrument(self, symbol: str) -> Instrument | None:
        """The symbol master's row."""
        ...

    def quote(self, symbol: str) -> Quote | None:
        """Newest quote of any age."""
        ...

    def last_trade(self, symbol: str) -> Trade | None:
        """Newest printed trade of any age."""
        ...

    def mark(self, account: str, symbol: str) -> Mark | None:
        """The broker's newest price of the symbol in its position feed, of any age; None when it never told one."""
        ...

    def market_open(self, symbol: str) -> bool | None:
        """Is the market taking orders at `now_ns`? None when that is not known, which refuses."""
        ...

    def average_volume(self, symbol: str) -> Decimal | None:
        """Average daily volume of the last 20 sessions, in units of OrderQty(38); None when not known."""
        ...

    def borrow(self, broker: str, symbol: str) -> Borrow | None:
        """The broker's newest borrow flag, of any age; None when it never told one, which refuses a short sale."""
        ...

    def fx_rate(self, currency: str, account: str) -> Decimal | None:
        """One unit of `currency` in the account's base currency; None when no fresh rate is known."""
        ...

    def account(self, account: str) -> BrokerAccount | None:
        """The broker's last statement of the account, of any age."""
        ...

    def position(self, account: str, symbol: str) -> Position:
        """Position from confirmed fills."""
        ...

    def positions(self, account: str) -> Iterable[Position]:
        """All positions of the account that were ever traded."""
        ...

    def working(self, account: str, symbol: str) -> Working:
        """Sums over working orders, the order under decision excluded."""
        ...

    def open_orders(self, account: str) -> Iterable[Order]:
        """Working orders of the account. Costs their number: not for the order path."""
        ...

    def open_count(self, account: str, symbol: str | None = None) -> int:
        """Number of working orders."""
        ...

    def count_since(self, session_id: str, ns: int) -> int:
        """D and G received from the session since `ns` (UTC ns)."""
        ...

    def knows(self, session_id: str, cl_ord_id: str) -> bool:
        """True when the session has used this ClOrdID(11) before, within its retention."""
        ...

    def adapter(self, broker: str) -> BrokerAdapter | None:
        """The broker connection by name."""
        ...

    def state(self, scope: Scope, name: str) -> TradingState:
        """The trading state of one scope; ACTIVE when nothing was said."""
        ...


class RiskLayer(Protocol):
    """All controls together, in their order (bridge.risk.chain)."""

    def check(self, order: Order, view: View) -> Rejection | None:
        """None when the order may pass; the first hard failure otherwise. Synchronous, reserves nothing itself."""
        ...

    def reservation(self) -> Reservation | None:
        """What to set aside for the order that `check` let pass last: it goes into the event that sends it."""
        ...


class RiskCheck(Protocol):
    """One control, one file, one line of configuration. Pure: it keeps no state, counts come from the view."""

    @property
    def rule(self) -> str:
        """RiskRuleId(5701)."""
        ...

    @property
    def opening(self) -> bool:
        """True when reducing orders skip it (RISK-TCA 2.2)."""
        ...

    def check(self, order: Order, view: View) -> Rejection | None:
        """None when the order may pass. `order` is the order as it would be: new, or with its replaced terms.

        A missing, stale or unusable datum is a Rejection, never a pass.
        """
        ...
