"""OrderCancelRequest(F) and OrderCancelReplaceRequest(G): FIX-APP sections 3, 6 and the matrices of section 7."""

from datetime import datetime

from msgspec.structs import replace as exchange

from bridge.decide.orders import SERVED_INSTRUCTIONS, prices
from bridge.desk import Desk
from bridge.interfaces import RiskLayer
from bridge.orders.events import (
    CancelRejected,
    CancelRequested,
    DuplicateRefused,
    Event,
    Initiator,
    OrderReplaced,
    ReplaceRequested,
)
from bridge.orders.identity import broker_client_id, render_order_id
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.orders.terms import SessionTerms
from fixspec.enums import CxlRejReason, CxlRejResponseTo, OrdType, Side, TimeInForce
from fixspec.messages import Header, OrderCancelReplaceRequest, OrderCancelRequest

SELLS = frozenset({Side.SELL, Side.SELL_SHORT, Side.SELL_SHORT_EXEMPT})
INTERCHANGEABLE = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})
Change = OrderCancelRequest | OrderCancelReplaceRequest


def response_to(message: Change) -> CxlRejResponseTo:
    """CxlRejResponseTo(434) of a refusal of this message."""
    if isinstance(message, OrderCancelRequest):
        return CxlRejResponseTo.ORDER_CANCEL_REQUEST
    return CxlRejResponseTo.ORDER_CANCEL_REPLACE_REQUEST


def refused(
    terms: SessionTerms,
    header: Header,
    message: Change,
    order: Order | None,
    reason: CxlRejReason,
    rejection: Rejection,
) -> tuple[Event, ...]:
    """OrderCancelReject(9) as an event. The refused ClOrdID(11) is not consumed when no order was found."""
    return (
        CancelRejected(
            order_id=order.order_id if order is not None else 0,
            session_id=terms.session_id,
            msg_seq_num=header.msg_seq_num,
            cl_ord_id=message.cl_ord_id,
            orig_cl_ord_id=order.cl_ord_id if order is not None else message.orig_cl_ord_id,
            response_to=response_to(message),
            cxl_rej_reason=reason,
            code=rejection.code.value,
            text=rejection.text,
            rule=rejection.rule,
            limit=None if rejection.limit is None else str(rejection.limit),
            value=None if rejection.value is None else str(rejection.value),
        ),
    )


def target(desk: Desk, terms: SessionTerms, message: Change) -> Order | None:
    """The order a change means: by OrigClOrdID(41), or by OrderID(37) where 41 says NONE."""
    order = desk.blotter.find(terms.session_id, message.orig_cl_ord_id)
    if order is None and message.order_id is not None and message.orig_cl_ord_id in ("", "NONE"):
        number = int(message.order_id) if message.order_id.isdigit() else 0
        order = desk.blotter.order(number)
        if order is not None and order.account not in terms.accounts:
            return None
    return order


def objection(
    desk: Desk, terms: SessionTerms, message: Change, order: Order | None
) -> tuple[CxlRejReason, Rejection] | None:
    """What is wrong with a change whatever it asks for: unknown order, contradiction, order over."""
    if order is None:
        text = f"OrigClOrdID(41) {message.orig_cl_ord_id} is no order of this session"
        return CxlRejReason.UNKNOWN_ORDER, Rejection(ReasonCode.UNKNOWN_ORDER, text)
    if message.order_id not in (None, "NONE", render_order_id(order.order_id)):
        text = f"OrderID(37) {message.order_id} is not the order of OrigClOrdID(41) {message.orig_cl_ord_id}"
        return CxlRejReason.UNKNOWN_ORDER, Rejection(ReasonCode.UNKNOWN_ORDER, text)
    if desk.blotter.knows(terms.session_id, message.cl_ord_id):
        text = f"ClOrdID(11) {message.cl_ord_id} was used before"
        return CxlRejReason.DUPLICATE_CL_ORD_ID, Rejection(ReasonCode.DUP_CLORDID, text)
    if message.symbol != order.symbol:
        return CxlRejReason.OTHER, Rejection(ReasonCode.MISMATCH, f"Symbol(55) is {order.symbol} in the order")
    if message.account is not None and message.account != order.account:
        return CxlRejReason.OTHER, Rejection(ReasonCode.MISMATCH, f"Account(1) is {order.account} in the order")
    asked = message.orig_ord_mod_time
    if asked is not None and asked != order.transact_time:
        return CxlRejReason.ORIG_ORD_MOD_TIME, Rejection(
            ReasonCode.ORDER_MODIFIED, "OrigOrdModTime(586) is not the last"
        )
    if not order.open:
        text = f"Order is {order.settled_status.value.replace('_', ' ')}"
        return CxlRejReason.TOO_LATE_TO_CANCEL, Rejection(ReasonCode.TOO_LATE, text)
    if order.pending_cancel is not None:
        text = "A cancel of this order is pending"
        return CxlRejReason.ORDER_ALREADY_IN_PENDING_STATUS, Rejection(ReasonCode.ALREADY_PENDING, text)
    return None


def again(
    desk: Desk, terms: SessionTerms, header: Header, message: Change, order: Order | None
) -> tuple[Event, ...] | None:
    """A possible repetition of a change that we have: answered with the order's status, nothing is done twice."""
    if not (header.poss_resend or header.poss_dup_flag) or order is None:
        return None
    if desk.blotter.find(terms.session_id, message.cl_ord_id) is not order:
        return None
    return (
        DuplicateRefused(
            order_id=order.order_id,
            session_id=terms.session_id,
            msg_seq_num=header.msg_seq_num,
            cl_ord_id=message.cl_ord_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            text=f"ClOrdID(11) {message.cl_ord_id} was received before",
            same_terms=True,
            poss_resend=True,
        ),
    )


def cancel(desk: Desk, terms: SessionTerms, header: Header, message: OrderCancelRequest) -> tuple[Event, ...]:
    """(CancelRequested,) or (CancelRejected,). A cancel never meets a risk rule."""
    order = target(desk, terms, message)
    repeated = again(desk, terms, header, message, order)
    if repeated is not None:
        return repeated
    wrong = objection(desk, terms, message, order)
    if wrong is None and order is not None and message.orig_cl_ord_id != order.cl_ord_id and not terms.lenient_cancel:
        text = f"OrigClOrdID(41) is {order.cl_ord_id} by now"
        wrong = CxlRejReason.UNKNOWN_ORDER, Rejection(ReasonCode.UNKNOWN_ORDER, text)
    if wrong is None and order is not None and message.side is not order.side:
        wrong = CxlRejReason.OTHER, Rejection(ReasonCode.MISMATCH, f"Side(54) is {order.side.value} in the order")
    if wrong is not None:
        return refused(terms, header, message, order, *wrong)
    assert order is not None
    return (
        CancelRequested(
            order_id=order.order_id,
            session_id=terms.session_id,
            msg_seq_num=header.msg_seq_num,
            cl_ord_id=message.cl_ord_id,
            orig_cl_ord_id=order.cl_ord_id,
            transact_time=message.transact_time,
            text=message.text,
        ),
    )


def cancel_for(
    order: Order, initiator: Initiator, *, cl_ord_id: str | None = None, mass_id: int = 0, text: str | None = None
) -> tuple[Event, ...]:
    """A cancel of our own making (mass cancel, disconnect, operator, kill); nothing when one is pending or it is
    over.
    """
    if not order.open or order.pending_cancel is not None:
        return ()
    return (
        CancelRequested(
            order_id=order.order_id,
            session_id=order.session_id,
            cl_ord_id=cl_ord_id or order.cl_ord_id,
            orig_cl_ord_id=order.cl_ord_id,
            initiator=initiator,
            mass_id=mass_id,
            text=text,
        ),
    )


def replace(
    desk: Desk, terms: SessionTerms, header: Header, message: OrderCancelReplaceRequest, risk: RiskLayer
) -> tuple[Event, ...]:
    """(ReplaceRequested,), (OrderReplaced,) when nothing changes, or (CancelRejected,)."""
    order = target(desk, terms, message)
    repeated = again(desk, terms, header, message, order)
    if repeated is not None:
        return repeated
    wrong = objection(desk, terms, message, order) or not_now(order) or not_changeable(desk, message, order)
    if wrong is not None:
        return refused(terms, header, message, order, *wrong)
    assert order is not None
    event = requested(terms, header, message, order)
    wanted = as_replaced(order, event)
    if unchanged(order, event):
        return (confirmed(order, event, message.transact_time, terms, header),)
    desk.excluded = order
    try:
        rejection = unavailable(desk, order) or risk.check(wanted, desk)
    finally:
        desk.excluded = None
    if rejection is not None:
        return refused(terms, header, message, order, CxlRejReason.BROKER_OPTION, rejection)
    return (exchange(event, reserved=risk.reservation()),)


def not_now(order: Order | None) -> tuple[CxlRejReason, Rejection] | None:
    """A G waits for nobody: refused while another is pending, before the broker's answer, while an outcome is
    unknown.
    """
    assert order is not None
    text = None
    if order.pending_replace is not None:
        text = "A replace of this order is pending"
    elif order.unknown is not None:
        text = f"The outcome of a {order.unknown.value} of this order is unknown"
    elif not order.accepted:
        text = "The broker has not acknowledged this order"
    if text is None:
        return None
    return CxlRejReason.ORDER_ALREADY_IN_PENDING_STATUS, Rejection(ReasonCode.ALREADY_PENDING, text)


def not_changeable(
    desk: Desk, message: OrderCancelReplaceRequest, order: Order | None
) -> tuple[CxlRejReason, Rejection] | None:
    """What a G may not touch, or asks for in a form that makes no sense."""
    assert order is not None

    def no(text: str, code: ReasonCode = ReasonCode.NOT_CHANGEABLE) -> tuple[CxlRejReason, Rejection]:
        return CxlRejReason.OTHER, Rejection(code, text)

    if message.orig_cl_ord_id not in (order.cl_ord_id, "", "NONE"):
        return CxlRejReason.UNKNOWN_ORDER, Rejection(
            ReasonCode.UNKNOWN_ORDER, f"OrigClOrdID(41) is {order.cl_ord_id} by now"
        )
    if message.side is not order.side and not (message.side in SELLS and order.side in SELLS):
        return no(f"Side(54) of a {order.side.value} order cannot become {message.side.value}")
    if message.ord_type is not order.ord_type and {message.ord_type, order.ord_type} != INTERCHANGEABLE:
        return no(f"OrdType(40) cannot change from {order.ord_type.value} to {message.ord_type.value}")
    if message.order_qty is None or message.order_qty <= 0:
        return no("OrderQty(38), the new total, must be above zero", ReasonCode.QTY_FORMAT)
    shape = prices(message.ord_type, message.price, message.stop_px)
    if shape is not None:
        return CxlRejReason.OTHER, shape
    for instruction in message.exec_inst:
        if instruction not in SERVED_INSTRUCTIONS:
            return no(f"ExecInst(18)={instruction.wire.decode()} is not taken", ReasonCode.EXECINST)
    adapter = desk.adapters.get(order.broker)
    if adapter is not None and not adapter.capabilities.replace:
        return no(f"{adapter.name} replaces no orders", ReasonCode.CAPABILITY)
    return None


def unavailable(desk: Desk, order: Order) -> Rejection | None:
    """Why the broker cannot be asked now."""
    if desk.unavailable is not None:
        return Rejection(ReasonCode.BROKER_UNAVAILABLE, desk.unavailable)
    adapter = desk.adapters.get(order.broker)
    if adapter is None:
        return Rejection(ReasonCode.BROKER_UNAVAILABLE, f"{order.broker} is not configured any more")
    if adapter.unready is not None:
        return Rejection(ReasonCode.BROKER_UNAVAILABLE, f"{adapter.name}: {adapter.unready}")
    return None


def requested(
    terms: SessionTerms, header: Header, message: OrderCancelReplaceRequest, order: Order
) -> ReplaceRequested:
    """The whole new terms: what a G leaves out is gone, an absent TimeInForce(59) means day unless it is inherited."""
    absent = order.time_in_force if terms.replace_inherits_tif else TimeInForce.DAY
    assert message.order_qty is not None
    return ReplaceRequested(
        order_id=order.order_id,
        session_id=terms.session_id,
        msg_seq_num=header.msg_seq_num,
        cl_ord_id=message.cl_ord_id,
        orig_cl_ord_id=order.cl_ord_id,
        broker_client_id=broker_client_id(terms.session_id, message.cl_ord_id, message.transact_time.date()),
        side=message.side,
        ord_type=message.ord_type,
        time_in_force=message.time_in_force or absent,
        # a total at or below what is filled means: stop executing (rows C.3.b and C.3.c)
        order_qty=max(message.order_qty, order.cum_qty),
        price=message.price,
        stop_px=message.stop_px,
        expire_date=message.expire_date,
        expire_time=message.expire_time,
        exec_inst=message.exec_inst,
        transact_time=message.transact_time,
        text=message.text,
    )


def as_replaced(order: Order, event: ReplaceRequested) -> Order:
    """The order as it would be, for risk."""
    return exchange(
        order,
        side=event.side,
        ord_type=event.ord_type,
        time_in_force=event.time_in_force,
        order_qty=event.order_qty,
        price=event.price,
        stop_px=event.stop_px,
        exec_inst=event.exec_inst,
        transact_time=event.transact_time,
    )


def unchanged(order: Order, event: ReplaceRequested) -> bool:
    """True when the G asks for exactly what stands."""
    return (
        event.side is order.side
        and event.ord_type is order.ord_type
        and event.time_in_force is order.time_in_force
        and event.order_qty == order.order_qty
        and event.price == order.price
        and event.stop_px == order.stop_px
        and event.expire_date == order.expire_date
        and event.expire_time == order.expire_time
        and event.exec_inst == order.exec_inst
    )


def confirmed(
    order: Order, event: ReplaceRequested, at: datetime, terms: SessionTerms, header: Header
) -> OrderReplaced:
    """A G without change is confirmed at once, the broker is not bothered."""
    return OrderReplaced(
        order_id=order.order_id,
        cl_ord_id=event.cl_ord_id,
        orig_cl_ord_id=order.cl_ord_id,
        order_qty=event.order_qty,
        price=event.price,
        stop_px=event.stop_px,
        ord_type=event.ord_type,
        time_in_force=event.time_in_force,
        expire_date=event.expire_date,
        expire_time=event.expire_time,
        exec_inst=event.exec_inst,
        side=event.side,
        transact_time=at,
        session_id=terms.session_id,
        msg_seq_num=header.msg_seq_num,
    )
