"""What the engine is asked with and answers over its control socket, as values: shared by REST, SDK and CLI."""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from bridge.journal.encoding import OrderState
from bridge.orders.events import Scope, TradingState
from bridge.orders.market import Quote, Trade
from fixspec.enums import ExecInst, OrdType, Side, TimeInForce


class Entrant(msgspec.Struct, frozen=True):
    """Who enters orders beside the FIX sessions: `REST:<token>`. Without `accounts` it is entitled to all.

    `strategy` stands for SenderSubID(50).
    """

    session_id: str
    accounts: tuple[str, ...] = ()
    strategy: str | None = None


class OrderChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A replace as REST has it: unlike in G, what is left out stays as it is. `order_qty` is the new total."""

    cl_ord_id: str
    order_qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    ord_type: OrdType | None = None
    time_in_force: TimeInForce | None = None
    expire_date: date | None = None
    expire_time: datetime | None = None
    exec_inst: tuple[ExecInst, ...] | None = None
    side: Side | None = None
    text: str | None = None


class OrderAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The order as committed. `replayed`: the same request had been taken before, nothing was done again."""

    order: OrderState
    seq: int
    replayed: bool = False


class MassCancelAnswer(msgspec.Struct, frozen=True):
    """The orders a cancel-all asks for; each is reported on its own."""

    mass_id: int
    count: int
    order_ids: tuple[int, ...]
    seq: int


class CancelAfterAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """When the entrant's orders will be cancelled unless renewed; without `at` never."""

    seconds: int
    at: datetime | None = None


class RuleVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one rule says: `outcome` pass, warn, refuse, skip or off. Numbers are text, in the rule's own unit.

    `headroom` is `limit` less `value`, `utilisation` their ratio, where both are numbers.
    """

    rule: str
    name: str
    outcome: str
    limit: str | None = None
    value: str | None = None
    headroom: str | None = None
    utilisation: str | None = None
    code: str | None = None
    text: str | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would become of an order now: `code` DRYRUN_PASS, or the first refusal's; nothing is reserved or sent."""

    code: str
    passed: bool
    text: str | None = None
    rules: tuple[RuleVerdict, ...] = ()


class LimitState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One limit in force. `id` is `<rule>:<scope>:<name>`; `value` is written as in the configuration."""

    id: str
    rule: str
    scope: Scope
    name: str = ""
    value: str
    title: str | None = None
    unit: str | None = None
    used: str | None = None
    ratio: float | None = None
    source: str | None = None  # profile, configuration, or who changed it
    who: str | None = None
    reason: str | None = None
    effective: datetime | None = None
    expiry: datetime | None = None


class RiskState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The trading state of one scope, who set it and why."""

    scope: Scope
    name: str = ""
    state: TradingState
    who: str | None = None
    reason: str | None = None
    seq: int | None = None
    time: datetime | None = None


class KillStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a kill: `fenced`, `cancels sent`, `broker list empty twice`, `flattened`."""

    name: str
    time: datetime
    count: int | None = None
    text: str | None = None


class KillReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A kill so far. `complete` only when the broker's own list was empty twice; `left` are the orders still there."""

    kill_id: int
    scope: Scope
    name: str = ""
    who: str
    reason: str
    flatten: bool = False
    seq: int
    steps: tuple[KillStep, ...] = ()
    complete: bool = False
    incomplete: bool = False
    left: tuple[int, ...] = ()


class ReconcileAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A comparison with the broker that has ended."""

    broker: str
    seq: int
    orders: int = 0
    executions: int = 0
    positions: int = 0
    breaks: int = 0


class SessionNumbers(msgspec.Struct, frozen=True):
    """The next MsgSeqNum(34) each way after a change."""

    session_id: str
    next_in: int
    next_out: int


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The daemon in one screen; the rest is in `vitals`."""

    name: str
    mode: str
    version: str
    since: datetime
    seq: int
    trading: TradingState
    open_orders: int
    unknown_orders: int
    draining: bool = False
    pid: int = 0


class MarketState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The freshest quote and trade of a symbol; absent when none has come."""

    symbol: str
    quote: Quote | None = None
    trade: Trade | None = None


class PaperHolding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A position at the paper exchange: `qty` signed, prices per unit."""

    symbol: str
    qty: Decimal
    avg_px: Decimal | None = None
    mark: Decimal | None = None


class PaperAccount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An account as the paper broker keeps it, in `currency`, marked at the market."""

    account: str
    broker: str
    currency: str
    cash: Decimal
    equity: Decimal
    buying_power: Decimal
    open_orders: int = 0
    positions: tuple[PaperHolding, ...] = ()
