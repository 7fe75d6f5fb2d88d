"""Everything that can happen, as immutable facts in the past tense. The journal is a list of these and nothing else.

Fields are only ever added, with defaults; events are never renamed: a journal of today must fold in ten years. The
JSON of
an `Entry` is the journal record and, with the order beside it, the MQTT payload and the REST item. Names are FIX's in
snake_case, `type` is the class's name in snake_case, absent means default.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

import msgspec

from fixspec.enums import (
    ArrivalSource,
    CxlRejReason,
    CxlRejResponseTo,
    ExecInst,
    ExecRestatementReason,
    LastLiquidityInd,
    MassCancelRejectReason,
    MassCancelRequestType,
    Mode,
    OrderCapacity,
    OrdRejReason,
    OrdType,
    PositionEffect,
    SecurityType,
    Side,
    TimeInForce,
)
from fixspec.enums import EventSource as Source
from fixspec.messages import Party


def snake_case(name: str) -> str:
    """`OrderFilled` → `order_filled`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Initiator(Enum):
    """Who asked for a cancel."""

    CLIENT = "client"
    MASS = "mass"
    DISCONNECT = "disconnect"
    OPERATOR = "operator"
    KILL = "kill"
    RISK = "risk"


class Request(Enum):
    """A request to the broker, as far as its outcome can be unknown."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    REPLACE = "replace"


class TradingState(Enum):
    """Trading state of a scope, least strict first (RISK-TCA section 4)."""

    ACTIVE = "active"
    REDUCE_ONLY = "reduce_only"
    CANCEL_ONLY = "cancel_only"
    LOCKED = "locked"


class Scope(Enum):
    """What a halt, a limit or a kill is for."""

    GLOBAL = "global"
    BROKER = "broker"
    ACCOUNT = "account"
    STRATEGY = "strategy"
    SESSION = "session"
    SYMBOL = "symbol"


class Arrival(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The quote an order met, tags 5704-5708. Prices in the instrument's currency."""

    bid: Decimal | None = None
    offer: Decimal | None = None
    mid: Decimal | None = None
    quote_age_us: int | None = None
    source: ArrivalSource = ArrivalSource.NONE


class Timing(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Stage times in microseconds, from the monotonic clock (tags 5721-5724)."""

    risk_us: int | None = None
    recv_to_wire_us: int | None = None
    wire_to_ack_us: int | None = None
    exec_to_report_us: int | None = None


class Cost(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Execution cost of a fill in basis points, cost positive (RISK-TCA section 5; tags 5712-5715)."""

    arrival_mid: Decimal | None = None
    slippage_bps: Decimal | None = None
    order_slippage_bps: Decimal | None = None
    effective_spread_bps: Decimal | None = None
    shortfall_bps: Decimal | None = None
    benchmark: str | None = None
    mid: Decimal | None = None  # M(t), the fresh mid when it happened
    quoted_spread_bps: Decimal | None = None
    decision_slippage_bps: Decimal | None = None
    improvement_bps: Decimal | None = None  # against the far touch, marketable orders only, gain positive
    dropped: str | None = None  # why a sample is missing: no_quote, stale_quote, source
    source: ArrivalSource | None = None  # where `mid` comes from


class Reservation(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What risk set aside for an order when it let it pass, in the account's base currency (RISK-TCA 2.5).

    `price` is P, per unit in the instrument's currency; `value` L·P·m·fx; `margin` what it takes of our own buying
    power, `funds` what it takes of the broker's. In the journal, so that counters and reservations survive a restart.
    """

    price: Decimal | None = None
    value: Decimal | None = None
    margin: Decimal | None = None
    funds: Decimal | None = None


class Markout(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What the mid was some seconds after a fill, and what that says about it in basis points (RISK-TCA section 5).

    `reversion_bps` only where the order ended with that fill. `dropped` says why there is no fresh mid.
    """

    seconds: int
    mid: Decimal | None = None
    realised_bps: Decimal | None = None
    impact_bps: Decimal | None = None
    reversion_bps: Decimal | None = None
    dropped: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="type", tag=snake_case):
    """Root of all events."""


class OrderEvent(Event, frozen=True, kw_only=True):
    """An event of one order; `order_id` is OrderID(37), the `seq` of its OrderReceived; 0 where no order exists."""

    order_id: int


# --- the client's requests -------------------------------------------------------------------------------------------


class OrderReceived(OrderEvent, frozen=True, kw_only=True):
    """A NewOrderSingle(D) was taken in. What it asks for, resolved: account, symbol and route are final."""

    session_id: str
    cl_ord_id: str
    account: str
    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce = TimeInForce.DAY
    order_qty: Decimal | None = None
    cash_order_qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    transact_time: datetime
    msg_seq_num: int = 0  # MsgSeqNum(34) of the message, 0 when it came by another channel
    strategy: str | None = None  # SenderSubID(50)
    broker: str = ""
    expire_date: date | None = None
    expire_time: datetime | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    min_qty: Decimal | None = None
    max_floor: Decimal | None = None
    trading_session_id: str | None = None
    security_type: SecurityType | None = None
    currency: str | None = None
    multiplier: Decimal = Decimal(1)  # the instrument's, so that the journal alone gives the profit
    position_effect: PositionEffect | None = None
    locate_reqd: bool | None = None
    secondary_cl_ord_id: str | None = None
    cl_ord_link_id: str | None = None
    parties: tuple[Party, ...] = ()
    order_capacity: OrderCapacity | None = None
    text: str | None = None
    decision_px: Decimal | None = None
    decision_time: datetime | None = None
    allow_duplicate: bool = False
    poss_resend: bool = False
    arrival: Arrival | None = None
    other: tuple[tuple[int, str], ...] = ()  # tags we do not model, as received


class OrderRejected(OrderEvent, frozen=True, kw_only=True):
    """The order was refused, by us (`source` validation or risk) or by the broker. Terminal."""

    code: str  # reason code of FIX-APP section 8
    ord_rej_reason: OrdRejReason
    text: str
    source: str = "risk"
    rule: str | None = None
    limit: str | None = None
    value: str | None = None
    broker_code: str | None = None
    transact_time: datetime | None = None


class DuplicateRefused(OrderEvent, frozen=True, kw_only=True):
    """A NewOrderSingle repeated a ClOrdID(11) we know. `order_id` is the order that owns the id; it is untouched."""

    session_id: str
    msg_seq_num: int = 0
    cl_ord_id: str
    account: str
    symbol: str
    side: Side
    text: str
    same_terms: bool = False
    poss_resend: bool = False


class OrderRouted(OrderEvent, frozen=True, kw_only=True):
    """The order goes to a broker under our own id. Journalled before the first byte leaves."""

    broker: str
    broker_client_id: str
    timing: Timing | None = None
    claimed: bool = False  # the order was found at the broker under this id: nothing is sent
    reserved: Reservation | None = None


class CancelRequested(OrderEvent, frozen=True, kw_only=True):
    """A cancel of the whole remainder was asked for, by a client's OrderCancelRequest(F) or on its behalf."""

    session_id: str
    msg_seq_num: int = 0
    cl_ord_id: str
    orig_cl_ord_id: str
    transact_time: datetime | None = None
    initiator: Initiator = Initiator.CLIENT
    mass_id: int = 0
    text: str | None = None


class ReplaceRequested(OrderEvent, frozen=True, kw_only=True):
    """An OrderCancelReplaceRequest(G) was taken in: the whole new terms; `order_qty` is the new total."""

    session_id: str
    msg_seq_num: int = 0
    cl_ord_id: str
    orig_cl_ord_id: str
    broker_client_id: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce = TimeInForce.DAY
    order_qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    expire_date: date | None = None
    expire_time: datetime | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    transact_time: datetime
    text: str | None = None
    reserved: Reservation | None = None  # for the new terms


class CancelRejected(OrderEvent, frozen=True, kw_only=True):
    """An F or G was refused (OrderCancelReject(9)). A pending request of that id ends; the order lives on as it was."""

    session_id: str
    msg_seq_num: int = 0
    cl_ord_id: str
    orig_cl_ord_id: str
    response_to: CxlRejResponseTo
    cxl_rej_reason: CxlRejReason
    code: str
    text: str
    rule: str | None = None
    limit: str | None = None
    value: str | None = None
    broker_code: str | None = None


class MassCancelRequested(Event, frozen=True, kw_only=True):
    """An OrderMassCancelRequest(q) was taken in; the orders it meant follow as CancelRequested with this `mass_id`."""

    mass_id: int
    session_id: str
    msg_seq_num: int = 0
    cl_ord_id: str
    request_type: MassCancelRequestType
    account: str | None = None
    symbol: str | None = None
    side: Side | None = None
    order_ids: tuple[int, ...] = ()
    cl_ord_ids: tuple[str, ...] = ()  # of the same orders
    refused: MassCancelRejectReason | None = None


# --- the broker's word, made fact ------------------------------------------------------------------------------------


class OrderAccepted(OrderEvent, frozen=True, kw_only=True):
    """The broker works the order."""

    broker_order_id: str
    transact_time: datetime | None = None
    held: bool = False  # WorkingIndicator(636)=N: waits for its trigger or for the session to open
    source: Source = Source.LIVE
    timing: Timing | None = None


class OutcomeUnknown(OrderEvent, frozen=True, kw_only=True):
    """A request got no answer. It stays reserved and is resolved by asking the broker, never by time."""

    request: Request
    text: str


class OrderFilled(OrderEvent, frozen=True, kw_only=True):
    """One execution. `exec_id` is ExecID(17), derived from the broker's execution id, so a repeat has the same."""

    exec_id: str
    broker_exec_id: str
    last_qty: Decimal
    last_px: Decimal
    transact_time: datetime
    mode: Mode = Mode.PAPER
    source: Source = Source.LIVE
    revision: int = 0
    liquidity: LastLiquidityInd | None = None
    last_mkt: str | None = None
    commission: Decimal | None = None
    late: bool = False  # came after the order had ended
    timing: Timing | None = None
    cost: Cost | None = None


class TradeCorrected(OrderEvent, frozen=True, kw_only=True):
    """The broker changed an execution: `exec_ref_id` is the ExecID it replaces (ExecType G)."""

    exec_id: str
    exec_ref_id: str
    broker_exec_id: str
    last_qty: Decimal
    last_px: Decimal
    transact_time: datetime
    mode: Mode = Mode.PAPER
    source: Source = Source.LIVE
    revision: int = 1


class TradeBusted(OrderEvent, frozen=True, kw_only=True):
    """The broker took an execution back (ExecType H)."""

    exec_id: str
    exec_ref_id: str
    broker_exec_id: str
    transact_time: datetime
    mode: Mode = Mode.PAPER
    source: Source = Source.LIVE


class CommissionReported(OrderEvent, frozen=True, kw_only=True):
    """Commission of an execution became known later; `commission` is this execution's, in the account's currency."""

    exec_ref_id: str
    commission: Decimal
    currency: str | None = None


class MarkoutsTaken(OrderEvent, frozen=True, kw_only=True):
    """The mids after a fill were looked up, all horizons in one; after the order's end where `exec_id` is empty."""

    exec_id: str = ""
    markouts: tuple[Markout, ...] = ()


class OrderReplaced(OrderEvent, frozen=True, kw_only=True):
    """The broker confirmed a replace: these are the terms now."""

    cl_ord_id: str
    orig_cl_ord_id: str
    order_qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    ord_type: OrdType
    time_in_force: TimeInForce = TimeInForce.DAY
    expire_date: date | None = None
    expire_time: datetime | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    side: Side
    broker_order_id: str | None = None
    broker_client_id: str | None = None
    emulated: bool = False
    transact_time: datetime | None = None
    source: Source = Source.LIVE
    session_id: str = ""  # set when no ReplaceRequested came before: a G that changes nothing
    msg_seq_num: int = 0


class OrderRestated(OrderEvent, frozen=True, kw_only=True):
    """The broker changed terms by itself (ExecType D)."""

    reason: ExecRestatementReason
    order_qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    broker_order_id: str | None = None
    text: str | None = None
    released: bool = False  # a held order works from now on: its stop was triggered, its session opened
    source: Source = Source.LIVE


class OrderCanceled(OrderEvent, frozen=True, kw_only=True):
    """The remainder is cancelled. `cl_ord_id` is the request's when one asked, else absent (unsolicited)."""

    cl_ord_id: str | None = None
    orig_cl_ord_id: str | None = None
    reason: ExecRestatementReason | None = None
    text: str | None = None
    transact_time: datetime | None = None
    source: Source = Source.LIVE
    cost: Cost | None = None


class OrderExpired(OrderEvent, frozen=True, kw_only=True):
    """The time in force ended."""

    transact_time: datetime | None = None
    text: str | None = None
    source: Source = Source.LIVE
    cost: Cost | None = None


class OrderDoneForDay(OrderEvent, frozen=True, kw_only=True):
    """The broker works it no more today; a GTC order comes back tomorrow."""

    transact_time: datetime | None = None
    source: Source = Source.LIVE


class OrderSuspended(OrderEvent, frozen=True, kw_only=True):
    """The broker suspended the order (halt); `OrderRestated` reinstates it."""

    transact_time: datetime | None = None
    text: str | None = None


class OrderAdopted(OrderEvent, frozen=True, kw_only=True):
    """An order that somebody made elsewhere was found at the broker and is kept as external (Origin(5733)=EXT)."""

    account: str
    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce = TimeInForce.DAY
    order_qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    broker: str
    broker_order_id: str
    broker_client_id: str | None = None
    multiplier: Decimal = Decimal(1)
    currency: str | None = None
    mode: Mode = Mode.PAPER
    reserved: Reservation | None = None


class TradeDoubted(Event, frozen=True, kw_only=True):
    """A client sent DontKnowTrade(Q) about a report of ours. Nothing is undone by it: people look."""

    order_id: int = 0
    session_id: str
    msg_seq_num: int = 0
    exec_id: str
    reason: str
    symbol: str
    text: str | None = None


# --- trading states, limits, day -------------------------------------------------------------------------------------


class TradingHalted(Event, frozen=True, kw_only=True):
    """A scope became stricter: `state` is what holds from now on."""

    scope: Scope
    name: str = ""
    state: TradingState = TradingState.CANCEL_ONLY
    who: str
    reason: str
    kill_epoch: int = 0  # > 0 when this is a kill


class TradingResumed(Event, frozen=True, kw_only=True):
    """A scope became looser, by a named person."""

    scope: Scope
    name: str = ""
    state: TradingState = TradingState.ACTIVE
    who: str
    reason: str


class LimitChanged(Event, frozen=True, kw_only=True):
    """A risk limit was changed through the audited door; in force from `effective`, back at `expiry`."""

    rule: str
    scope: Scope
    name: str = ""
    old: str | None = None
    new: str | None = None
    who: str
    reason: str
    effective: datetime
    expiry: datetime | None = None
    approver: str | None = None  # the second person, where one is asked for


class DayOpened(Event, frozen=True, kw_only=True):
    """The account's trading day began with this equity (SOD), in the account's currency.

    A second entry of the same day tells only a new `high`, the day's highest equity (for drawdown).
    """

    account: str
    day: date
    equity: Decimal
    high: Decimal | None = None


class PositionAdopted(Event, frozen=True, kw_only=True):
    """The broker's position became ours without an execution: what an account held before the bridge came, or what a
    person accepted after a difference (a split, a transfer, a trade that no list shows any more).

    `qty` is the whole position, signed; `avg_px` and `mark` are per unit in the instrument's currency. No profit is
    realised by it.
    """

    account: str
    symbol: str
    qty: Decimal
    was: Decimal = Decimal(0)
    avg_px: Decimal
    mark: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    currency: str | None = None
    broker: str
    who: str
    reason: str


class DayRolled(Event, frozen=True, kw_only=True):
    """A calendar day (UTC) of the bridge itself began, with every broker compared just before.

    Orders that ended, and were not touched any more, before the roll `keep_days` rolls earlier leave the book with
    their ids (FIX-APP section 8): in the journal, so that every fold forgets the same. Rolls are counted, not dates,
    so that a wall clock that once was wrong forgets nothing too early.
    """

    day: date
    keep_days: int


class BreakFound(Event, frozen=True, kw_only=True):
    """Reconciliation found our book and the broker's to differ."""

    broker: str
    kind: str
    account: str | None = None
    symbol: str | None = None
    ours: str | None = None
    theirs: str | None = None
    order_id: int = 0
    text: str | None = None


class Reconciled(Event, frozen=True, kw_only=True):
    """A comparison with the broker ended."""

    broker: str
    trigger: str
    orders: int = 0
    executions: int = 0
    positions: int = 0
    breaks: int = 0


# --- the journal's and the sessions' own facts (DURABILITY.md) -------------------------------------------------------


class Segment(Event, frozen=True, kw_only=True):
    """First record of every journal segment."""

    version: int
    partition: int = 0
    epoch: int
    boot_id: str
    prev_seq: int
    prev_crc: str
    seq_limit: int = 0  # the reservation in force when it began


class Opened(Event, frozen=True, kw_only=True):
    """The daemon started on this journal; flushed before any port opens."""

    epoch: int
    clean: bool
    boot_id: str = ""


class Reserved(Event, frozen=True, kw_only=True):
    """Numbers below these limits may be used without waiting: `seq`, and MsgSeqNum(34) out per session."""

    seq_limit: int
    sender_limits: dict[str, int] = {}


class Sent(Event, frozen=True, kw_only=True):
    """Which MsgSeqNum(34) carried which entry: pairs (34, seq)."""

    session_id: str
    pairs: tuple[tuple[int, int], ...]


class SessionReset(Event, frozen=True, kw_only=True):
    """Both sequence numbers of a session are 1 again."""

    session_id: str
    reason: str


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One line of the journal. `account_prev` is the `seq` of the account's entry before this one, 0 for none."""

    seq: int
    time: datetime
    event: "AnyEvent"
    account_prev: int = 0


def event_account(event: Event) -> str | None:
    """The account an event belongs to by its own fields; None for what an order's other entries tell."""
    if isinstance(event, (TradingHalted, TradingResumed)):
        return event.name if event.scope is Scope.ACCOUNT else None
    return getattr(event, "account", None)


__all__ = ["Mode", "Party", "Source"]  # the rest is defined here

AnyEvent = (
    OrderReceived
    | OrderRejected
    | DuplicateRefused
    | OrderRouted
    | CancelRequested
    | ReplaceRequested
    | CancelRejected
    | MassCancelRequested
    | OrderAccepted
    | OutcomeUnknown
    | OrderFilled
    | TradeCorrected
    | TradeBusted
    | CommissionReported
    | MarkoutsTaken
    | OrderReplaced
    | OrderRestated
    | OrderCanceled
    | OrderExpired
    | OrderDoneForDay
    | OrderSuspended
    | OrderAdopted
    | TradeDoubted
    | TradingHalted
    | TradingResumed
    | LimitChanged
    | DayOpened
    | DayRolled
    | PositionAdopted
    | BreakFound
    | Reconciled
    | Segment
    | Opened
    | Reserved
    | Sent
    | SessionReset
)
