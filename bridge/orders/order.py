"""An order as its events left it, and the pure function that folds one more event.

Facts are stored, views are derived: OrdStatus(39), LeavesQty(151) and AvgPx(6) are computed from fills, pending
requests and
the way the order ended, by the precedence rules of FIX 4.4 (ExecutionReport, OrdStatus precedence table).
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import Enum
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from bridge.orders.events import (
    Arrival,
    CancelRejected,
    CancelRequested,
    CommissionReported,
    Entry,
    Event,
    Initiator,
    MarkoutsTaken,
    Mode,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderDoneForDay,
    OrderExpired,
    OrderFilled,
    OrderReceived,
    OrderRejected,
    OrderReplaced,
    OrderRestated,
    OrderRouted,
    OrderSuspended,
    OutcomeUnknown,
    Party,
    ReplaceRequested,
    Request,
    TradeBusted,
    TradeCorrected,
)
from fixspec.enums import (
    CxlRejResponseTo,
    ExecInst,
    OrderCapacity,
    OrdStatus,
    OrdType,
    PositionEffect,
    SecurityType,
    Side,
    TimeInForce,
)

T = TypeVar("T")

ZERO = Decimal(0)
EIGHT_PLACES = Decimal("0.00000001")


class Closed(Enum):
    """Why an order ended, as a fact. A completely filled order has no such fact: its fills say so."""

    REJECTED = "rejected"
    CANCELED = "canceled"
    EXPIRED = "expired"


class PendingCancel(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A cancel that waits for its answer."""

    cl_ord_id: str
    session_id: str
    initiator: Initiator = Initiator.CLIENT
    mass_id: int = 0


class PendingReplace(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A replace that waits for its answer, with the terms it asks for."""

    cl_ord_id: str
    session_id: str
    broker_client_id: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    order_qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    expire_date: date | None = None
    expire_time: datetime | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    transact_time: datetime | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One order through its whole replace chain. Quantities in units of OrderQty(38), prices per unit."""

    order_id: int
    session_id: str
    cl_ord_id: str  # the last accepted one of the chain
    orig_cl_ord_id: str | None = None
    account: str
    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    order_qty: Decimal | None
    cash_order_qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    expire_date: date | None = None
    expire_time: datetime | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    min_qty: Decimal | None = None
    max_floor: Decimal | None = None
    peg_offset_value: Decimal | None = None  # PegOffsetValue(211): how far a trailing stop follows
    trading_session_id: str | None = None
    security_type: SecurityType | None = None
    currency: str | None = None
    multiplier: Decimal = Decimal(1)
    position_effect: PositionEffect | None = None
    locate_reqd: bool | None = None
    secondary_cl_ord_id: str | None = None
    cl_ord_link_id: str | None = None
    parties: tuple[Party, ...] = ()
    order_capacity: OrderCapacity | None = None
    strategy: str | None = None
    broker: str = ""
    broker_client_id: str | None = None
    broker_order_id: str | None = None
    transact_time: datetime
    received: datetime
    routed: bool = False
    accepted: bool = False
    held: bool = False
    suspended: bool = False
    done_for_day: bool = False
    external: bool = False
    cum_qty: Decimal = ZERO
    gross: Decimal = ZERO  # sum of last_qty * last_px over live fills
    commission: Decimal = ZERO
    fills: int = 0
    unknown: Request | None = None  # the request whose outcome nobody has told
    pending_cancel: PendingCancel | None = None
    pending_replace: PendingReplace | None = None
    closed: Closed | None = None
    arrival: Arrival | None = None
    decision_px: Decimal | None = None
    decision_time: datetime | None = None
    allow_duplicate: bool = False
    poss_resend: bool = False
    mode: Mode = Mode.PAPER
    last_seq: int = 0

    @property
    def ord_status(self) -> OrdStatus:
        """OrdStatus(39): the true state of highest precedence (invariant I5)."""
        if self.pending_cancel is not None:
            return OrdStatus.PENDING_CANCEL
        if self.pending_replace is not None:
            return OrdStatus.PENDING_REPLACE
        return self.settled_status

    @property
    def settled_status(self) -> OrdStatus:
        """OrdStatus(39) without pending requests: what stays when they are refused."""
        cum = self.cum_qty
        if self.closed is Closed.REJECTED and not cum:
            return OrdStatus.REJECTED
        if self.done_for_day:
            return OrdStatus.DONE_FOR_DAY
        if cum and self.order_qty is not None and cum >= self.order_qty:
            return OrdStatus.FILLED
        if self.suspended:
            return OrdStatus.SUSPENDED
        if self.closed is Closed.CANCELED or self.closed is Closed.REJECTED:
            # executions of an order the broker had refused: it was not refused, and nothing of it works any more
            return OrdStatus.CANCELED
        if self.closed is Closed.EXPIRED:
            return OrdStatus.EXPIRED
        if cum:
            return OrdStatus.PARTIALLY_FILLED
        return OrdStatus.NEW if self.accepted else OrdStatus.PENDING_NEW

    @property
    def open(self) -> bool:
        """True while anything can still be executed by right: neither closed nor completely filled."""
        qty = self.order_qty
        return self.closed is None and (qty is None or self.cum_qty < qty)

    @property
    def filled(self) -> bool:
        """CumQty(14) has reached OrderQty(38)."""
        return self.order_qty is not None and self.cum_qty >= self.order_qty

    @property
    def leaves_qty(self) -> Decimal:
        """LeavesQty(151): 0 when the order has ended, also 0 when a day order is done for the day (invariant I3)."""
        if self.closed is not None or self.order_qty is None:
            return ZERO
        if (
            self.done_for_day
            and self.time_in_force is TimeInForce.DAY
            and self.pending_cancel is None
            and self.pending_replace is None
        ):
            return ZERO
        left = self.order_qty - self.cum_qty
        return left if left > 0 else ZERO

    @property
    def avg_px(self) -> Decimal:
        """AvgPx(6), exact to 8 places, half even; 0 while nothing is filled (invariant I2)."""
        cum = self.cum_qty
        if not cum:
            return ZERO
        exact = self.gross / cum
        rounded = exact.quantize(EIGHT_PLACES, ROUND_HALF_EVEN)
        # a quotient that needs no rounding has no trailing zeros already
        return exact if rounded == exact else rounded

    @property
    def reserved_qty(self) -> Decimal:
        """What the order may still execute at worst: the larger of the old and the requested leaves."""
        qty = self.order_qty
        if self.closed is not None or qty is None:
            return ZERO
        pending = self.pending_replace
        if pending is not None and pending.order_qty > qty:
            qty = pending.order_qty
        left = qty - self.cum_qty
        return left if left > 0 else ZERO


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent when printed, except below 1E-6."""
    value = value.normalize()
    return value.quantize(Decimal(1)) if value.as_tuple().exponent > 0 else value  # type: ignore[operator]


_newest: tuple[OrderReceived | None, datetime | None, Order | None] = (None, None, None)
"""What `received` was asked last: the decision and the fold ask for the same order, one after the other."""


def received(entry: Entry, event: OrderReceived) -> Order:
    """The order that an OrderReceived brings to life."""
    global _newest
    known, at, made = _newest
    if known is event and at is entry.time and made is not None and made.last_seq == entry.seq:
        return made
    made = _received(entry, event)
    _newest = (event, entry.time, made)
    return made


def _received(entry: Entry, event: OrderReceived) -> Order:
    return Order(
        order_id=event.order_id,
        session_id=event.session_id,
        cl_ord_id=event.cl_ord_id,
        account=event.account,
        symbol=event.symbol,
        side=event.side,
        ord_type=event.ord_type,
        time_in_force=event.time_in_force,
        order_qty=event.order_qty,
        cash_order_qty=event.cash_order_qty,
        price=event.price,
        stop_px=event.stop_px,
        expire_date=event.expire_date,
        expire_time=event.expire_time,
        exec_inst=event.exec_inst,
        min_qty=event.min_qty,
        max_floor=event.max_floor,
        trading_session_id=event.trading_session_id,
        security_type=event.security_type,
        currency=event.currency,
        multiplier=event.multiplier,
        position_effect=event.position_effect,
        locate_reqd=event.locate_reqd,
        secondary_cl_ord_id=event.secondary_cl_ord_id,
        cl_ord_link_id=event.cl_ord_link_id,
        parties=event.parties,
        order_capacity=event.order_capacity,
        strategy=event.strategy,
        broker=event.broker,
        transact_time=event.transact_time,
        received=entry.time,
        arrival=event.arrival,
        decision_px=event.decision_px,
        decision_time=event.decision_time,
        allow_duplicate=event.allow_duplicate,
        poss_resend=event.poss_resend,
        last_seq=entry.seq,
    )


def adopted(entry: Entry, event: OrderAdopted) -> Order:
    """An external order, as the broker lists it. It belongs to no session."""
    return Order(
        order_id=event.order_id,
        session_id="",
        cl_ord_id=f"EXT-{event.order_id}",
        account=event.account,
        symbol=event.symbol,
        side=event.side,
        ord_type=event.ord_type,
        time_in_force=event.time_in_force,
        order_qty=event.order_qty,
        price=event.price,
        stop_px=event.stop_px,
        broker=event.broker,
        broker_client_id=event.broker_client_id,
        broker_order_id=event.broker_order_id,
        multiplier=event.multiplier,
        currency=event.currency,
        mode=event.mode,
        transact_time=entry.time,
        received=entry.time,
        routed=True,
        accepted=True,
        external=True,
        last_seq=entry.seq,
    )


# One short function per event: the order after it.


def _rejected(order: Order, event: OrderRejected, seq: int) -> Order:
    return replace(order, last_seq=seq, closed=Closed.REJECTED, unknown=None, pending_cancel=None, pending_replace=None)


def _routed(order: Order, event: OrderRouted, seq: int) -> Order:
    return replace(order, last_seq=seq, routed=True, broker=event.broker, broker_client_id=event.broker_client_id)


def _accepted(order: Order, event: OrderAccepted, seq: int) -> Order:
    unknown = None if order.unknown is Request.SUBMIT else order.unknown
    return replace(
        order, last_seq=seq, accepted=True, held=event.held, broker_order_id=event.broker_order_id, unknown=unknown
    )


def _unknown(order: Order, event: OutcomeUnknown, seq: int) -> Order:
    return replace(order, last_seq=seq, unknown=event.request)


def _filled(order: Order, event: OrderFilled, seq: int) -> Order:
    commission = event.commission
    return replace(
        order,
        last_seq=seq,
        cum_qty=order.cum_qty + event.last_qty,
        gross=order.gross + event.last_qty * event.last_px,
        commission=order.commission + commission if commission else order.commission,
        fills=order.fills + 1,
        held=False,
        mode=event.mode,
        unknown=None if order.unknown is Request.SUBMIT else order.unknown,
    )


def _commission(order: Order, event: CommissionReported, seq: int) -> Order:
    return replace(order, last_seq=seq, commission=order.commission + event.commission)


def _cancel_requested(order: Order, event: CancelRequested, seq: int) -> Order:
    pending = PendingCancel(event.cl_ord_id, event.session_id, event.initiator, event.mass_id)
    return replace(order, last_seq=seq, pending_cancel=pending)


def _replace_requested(order: Order, event: ReplaceRequested, seq: int) -> Order:
    pending = PendingReplace(
        cl_ord_id=event.cl_ord_id,
        session_id=event.session_id,
        broker_client_id=event.broker_client_id,
        side=event.side,
        ord_type=event.ord_type,
        time_in_force=event.time_in_force,
        order_qty=event.order_qty,
        price=event.price,
        stop_px=event.stop_px,
        expire_date=event.expire_date,
        expire_time=event.expire_time,
        exec_inst=event.exec_inst,
        transact_time=event.transact_time,
    )
    return replace(order, last_seq=seq, pending_replace=pending)


def _cancel_rejected(order: Order, event: CancelRejected, seq: int) -> Order:
    """Ends the pending request of that id; a refusal of an id that is not pending changes nothing."""
    cancel, pending = order.pending_cancel, order.pending_replace
    unknown = left = order.unknown
    if event.response_to is CxlRejResponseTo.ORDER_CANCEL_REQUEST:
        if cancel is not None and cancel.cl_ord_id == event.cl_ord_id:
            left = None if unknown is Request.CANCEL else unknown
            return replace(order, last_seq=seq, pending_cancel=None, unknown=left)
    elif pending is not None and pending.cl_ord_id == event.cl_ord_id:
        left = None if unknown is Request.REPLACE else unknown
        return replace(order, last_seq=seq, pending_replace=None, unknown=left)
    return replace(order, last_seq=seq)


def _replaced(order: Order, event: OrderReplaced, seq: int) -> Order:
    return replace(
        order,
        last_seq=seq,
        cl_ord_id=event.cl_ord_id,
        orig_cl_ord_id=event.orig_cl_ord_id,
        side=event.side,
        ord_type=event.ord_type,
        time_in_force=event.time_in_force,
        order_qty=event.order_qty,
        price=event.price,
        stop_px=event.stop_px,
        expire_date=event.expire_date,
        expire_time=event.expire_time,
        exec_inst=event.exec_inst,
        pending_replace=None,
        unknown=None if order.unknown is Request.REPLACE else order.unknown,
        broker_order_id=_told(event.broker_order_id, order.broker_order_id),
        broker_client_id=_told(event.broker_client_id, order.broker_client_id),
    )


def _restated(order: Order, event: OrderRestated, seq: int) -> Order:
    return replace(
        order,
        last_seq=seq,
        suspended=False,
        done_for_day=False,
        held=order.held and not event.released,
        order_qty=_told(event.order_qty, order.order_qty),
        price=_told(event.price, order.price),
        stop_px=_told(event.stop_px, order.stop_px),
        broker_order_id=_told(event.broker_order_id, order.broker_order_id),
    )


def _told(new: T, old: T) -> T:
    """What the event tells, else what stands."""
    return old if new is None else new


def _ended(closed: Closed) -> Callable[[Order, Event, int], Order]:
    def ended(order: Order, event: Event, seq: int) -> Order:
        return replace(
            order,
            last_seq=seq,
            closed=closed,
            pending_cancel=None,
            pending_replace=None,
            suspended=False,
            done_for_day=False,
            held=False,
            unknown=None,
        )

    return ended


def _unchanged(order: Order, event: Event, seq: int) -> Order:
    return replace(order, last_seq=seq)


def _done_for_day(order: Order, event: OrderDoneForDay, seq: int) -> Order:
    return replace(order, last_seq=seq, done_for_day=True)


def _suspended(order: Order, event: OrderSuspended, seq: int) -> Order:
    return replace(order, last_seq=seq, suspended=True)


_APPLY: dict[type[Event], Callable[[Order, Any, int], Order]] = {
    OrderRejected: _rejected,
    OrderRouted: _routed,
    OrderAccepted: _accepted,
    OutcomeUnknown: _unknown,
    OrderFilled: _filled,
    CommissionReported: _commission,
    MarkoutsTaken: _unchanged,
    CancelRequested: _cancel_requested,
    ReplaceRequested: _replace_requested,
    CancelRejected: _cancel_rejected,
    OrderReplaced: _replaced,
    OrderRestated: _restated,
    OrderCanceled: _ended(Closed.CANCELED),
    OrderExpired: _ended(Closed.EXPIRED),
    OrderDoneForDay: _done_for_day,
    OrderSuspended: _suspended,
}


class Execution(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A live fill, kept so that a correction or bust can undo exactly what it did.

    `exec_id` is the newest ExecID(17) of the execution, the one a later correction names in ExecRefID(19).
    """

    order_id: int
    exec_id: str
    last_qty: Decimal
    last_px: Decimal
    revision: int = 0
    busted: bool = False
    commission: Decimal | None = None
    transact_time: datetime | None = None
    seq: int = 0
    broker_exec_id: str = ""


def corrected(order: Order, was: Execution, event: TradeCorrected, seq: int) -> Order:
    """CumQty and the gross sum with one execution exchanged."""
    return replace(
        order,
        last_seq=seq,
        cum_qty=order.cum_qty - was.last_qty + event.last_qty,
        gross=order.gross - was.last_qty * was.last_px + event.last_qty * event.last_px,
    )


def busted(order: Order, was: Execution, event: TradeBusted, seq: int) -> Order:
    """CumQty and the gross sum with one execution taken out."""
    return replace(
        order,
        last_seq=seq,
        cum_qty=order.cum_qty - was.last_qty,
        gross=order.gross - was.last_qty * was.last_px,
        fills=order.fills - 1,
    )


def apply(order: Order, entry: Entry, was: Execution | None = None) -> Order:
    """The order after `entry`. `was` is the execution that a correction or bust is about.

    Pure: reads no clock, raises KeyError for an event that is not about an order (a bug).
    """
    event = entry.event
    if was is not None:
        if isinstance(event, TradeCorrected):
            return corrected(order, was, event, entry.seq)
        assert isinstance(event, TradeBusted)
        return busted(order, was, event, entry.seq)
    return _APPLY[type(event)](order, event, entry.seq)
