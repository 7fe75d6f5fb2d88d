"""What is answered: the bodies of responses, the same documents that MQTT publishes and WebSocket streams.

Positions, accounts, sessions and brokers are built by `bridge.outputs.states`; the Structs here describe them.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from bridge.control_answers import KillReport, LimitState, MarketState, RiskState
from bridge.journal.encoding import OrderState
from bridge.orders.events import Cost, Entry, Mode, Scope, Source, TradingState
from bridge.orders.market import Instrument
from bridge.outputs.http.principal import Role
from fixspec.enums import LastLiquidityInd, Side


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Absent members are unknown or do not apply; more may be added."""


class OutwardEntry(Entry, frozen=True, kw_only=True, omit_defaults=True):
    """A journal entry with `order`, the order's state after it."""

    order: OrderState | None = None


class OrderPage(Document, frozen=True, kw_only=True):
    """Orders, newest first. A page may be short, even empty, while `next` is there."""

    items: tuple[OrderState, ...]
    next: str | None = None
    seq: int


class EntryPage(Document, frozen=True, kw_only=True):
    """Entries in order. `next` is the `after` to go on with; ask again while it is below `seq`."""

    items: tuple[OutwardEntry, ...]
    next: int
    seq: int


class ExecutionState(Document, frozen=True, kw_only=True):
    """One execution as it stands: corrected and busted ones say so, `exec_id` is the newest ExecID(17)."""

    seq: int
    time: datetime
    exec_id: str
    exec_ref_id: str | None = None
    order_id: int
    session_id: str
    cl_ord_id: str
    account: str
    symbol: str
    side: Side
    strategy: str | None = None
    broker: str
    broker_exec_id: str
    last_qty: Decimal
    last_px: Decimal
    transact_time: datetime
    liquidity: LastLiquidityInd | None = None
    last_mkt: str | None = None
    commission: Decimal | None = None
    mode: Mode = Mode.PAPER
    source: Source = Source.LIVE
    late: bool = False
    busted: bool = False
    revision: int = 0
    cost: Cost | None = None


class ExecutionPage(Document, frozen=True, kw_only=True):
    """Executions, newest first. A page may be short, even empty, while `next` is there.

    Those before entry `since` are not in memory: find them with `/v1/entries?type=order_filled`.
    """

    items: tuple[ExecutionState, ...]
    next: str | None = None
    since: int
    seq: int


class PositionState(Document, frozen=True, kw_only=True):
    """A position from confirmed fills: `qty` signed, profit in the instrument's currency, fees apart."""

    account: str
    symbol: str
    qty: Decimal
    avg_px: Decimal
    mark: Decimal | None = None
    unrealised: Decimal | None = None
    realised: Decimal
    day_realised: Decimal
    fees: Decimal


class PositionPage(Document, frozen=True, kw_only=True):
    """All positions that were asked for."""

    items: tuple[PositionState, ...]
    seq: int


class BookState(Document, frozen=True, kw_only=True):
    """A strategy's part of a position."""

    strategy: str
    account: str
    symbol: str
    qty: Decimal
    avg_px: Decimal
    realised: Decimal
    fees: Decimal


class BookPage(Document, frozen=True, kw_only=True):
    """Positions by strategy; they add up to the account's."""

    items: tuple[BookState, ...]
    seq: int


class AccountState(Document, frozen=True, kw_only=True):
    """An account's money as its broker states it, and its day so far. `seq` is the account's newest entry."""

    account: str
    currency: str | None = None
    equity: Decimal | None = None
    cash: Decimal | None = None
    buying_power: Decimal | None = None
    day_pnl: Decimal | None = None
    seq: int
    day: date | None = None
    fills: int
    traded: Decimal


class AccountPage(Document, frozen=True, kw_only=True):
    """All accounts the token covers."""

    items: tuple[AccountState, ...]
    seq: int


class InstrumentPage(Document, frozen=True, kw_only=True):
    """The symbol master, by symbol."""

    items: tuple[Instrument, ...]


class MarketPage(Document, frozen=True, kw_only=True):
    """Freshest quotes and trades of the symbols asked for."""

    items: tuple[MarketState, ...]


class SessionState(Document, frozen=True, kw_only=True):
    """A FIX session. `next_in` and `next_out` are the next MsgSeqNum(34) each way, `queue` is in messages."""

    session_id: str
    up: bool
    in_hours: bool
    next_in: int
    next_out: int
    queue: int
    disconnects: int
    resends_in: int
    resends_out: int
    logon_time: datetime | None = None
    last_received: datetime | None = None
    peer: str | None = None
    last_reject: str | None = None


class SessionPage(Document, frozen=True, kw_only=True):
    """All FIX sessions."""

    items: tuple[SessionState, ...]
    seq: int


class BrokerState(Document, frozen=True, kw_only=True):
    """A broker connection: ready, or why not; ages in seconds by account, open differences by kind."""

    broker: str
    ready: bool
    unready: str | None = None
    mode: str
    in_hours: bool
    budget_ratio: float
    reconnects: int
    breaks: dict[str, int]
    snapshot_age_s: dict[str, float]


class BrokerPage(Document, frozen=True, kw_only=True):
    """All broker connections."""

    items: tuple[BrokerState, ...]
    seq: int


class Reconciliation(Document, frozen=True, kw_only=True):
    """A comparison with a broker that has ended, and the differences it found first."""

    seq: int
    time: datetime
    broker: str
    trigger: str
    orders: int = 0
    executions: int = 0
    positions: int = 0
    breaks: int = 0
    found: tuple[dict[str, Any], ...] = ()


class ReconciliationPage(Document, frozen=True, kw_only=True):
    """The newest comparisons, newest first."""

    items: tuple[Reconciliation, ...]
    seq: int


class LimitPage(Document, frozen=True, kw_only=True):
    """Every limit in force."""

    items: tuple[LimitState, ...]


class UsedLimit(Document, frozen=True, kw_only=True):
    """How much of a limit an account uses; `ratio` 1 is all of it."""

    account: str
    rule: str
    used: str
    limit: str
    ratio: float


class AccountTrading(Document, frozen=True, kw_only=True):
    """An account's effective trading state, the strictest of its scopes."""

    account: str
    state: TradingState
    scopes: tuple[RiskState, ...] = ()


class RiskStates(Document, frozen=True, kw_only=True):
    """Every scope that is not active, every account's effective state, and what is used of the limits."""

    scopes: tuple[RiskState, ...]
    accounts: tuple[AccountTrading, ...]
    used: tuple[UsedLimit, ...]
    seq: int


class KillPage(Document, frozen=True, kw_only=True):
    """Kills of this run of the daemon."""

    items: tuple[KillReport, ...]


class CostRow(Document, frozen=True, kw_only=True):
    """Execution cost of a group of fills; bps are weighted by traded value, cost positive."""

    key: dict[str, str]
    fills: int
    orders: int
    qty: Decimal
    traded: Decimal
    commission: Decimal
    measured: int
    slippage_bps: Decimal | None = None
    effective_spread_bps: Decimal | None = None
    cost: Decimal | None = None
    best_bps: Decimal | None = None
    worst_bps: Decimal | None = None


class CostTable(Document, frozen=True, kw_only=True):
    """Cost by the dimensions asked for, and the worst fills; over executions from entry `since` on."""

    by: tuple[str, ...]
    items: tuple[CostRow, ...]
    worst: tuple[ExecutionState, ...]
    since: int
    seq: int


class Series(Document, frozen=True, kw_only=True):
    """Chart points, oldest first; `times` in seconds since 1970, a missing value is null."""

    name: str
    unit: str
    step: int
    times: tuple[int, ...]
    values: tuple[float | None, ...]


class SeriesNames(Document, frozen=True, kw_only=True):
    """What can be charted."""

    items: tuple[str, ...]


class TokenState(Document, frozen=True, kw_only=True):
    """A token without its secret."""

    name: str
    role: Role
    accounts: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()
    created: datetime
    expires: datetime | None = None


class TokenMade(TokenState, frozen=True, kw_only=True):
    """A new token; `secret` is shown this once."""

    secret: str


class TokenPage(Document, frozen=True, kw_only=True):
    """All tokens by name."""

    items: tuple[TokenState, ...]


class Whoami(Document, frozen=True, kw_only=True):
    """Who asks, and what the daemon is: for the console's header."""

    name: str
    role: Role
    roles: tuple[Role, ...]
    accounts: tuple[str, ...] = ()
    anonymous: bool = False
    bridge: str
    mode: str
    version: str


class Alert(Document, frozen=True, kw_only=True):
    """Something that needs a person."""

    code: str
    severity: str
    account: str | None = None
    detail: dict[str, Any] = {}


class AlertPage(Document, frozen=True, kw_only=True):
    """What needs a person now."""

    items: tuple[Alert, ...]
    seq: int


class ScopeKey(Document, frozen=True, kw_only=True):
    """A scope by kind and name."""

    scope: Scope
    name: str = ""
