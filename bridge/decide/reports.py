"""A broker's word: what does it change? Repeats, late and early reports give nothing or what is missing, never twice.

Rows cited are those of FIX-APP section 7.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.costs import end_cost, fill_cost
from bridge.desk import Desk
from bridge.orders.events import (
    CancelRejected,
    CommissionReported,
    Event,
    Initiator,
    Mode,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderDoneForDay,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderRestated,
    OrderSuspended,
    OutcomeUnknown,
    Request,
    TradeBusted,
    TradeCorrected,
)
from bridge.orders.identity import fill_exec_id
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode
from bridge.orders.reports import (
    Absent,
    Acknowledged,
    Busted,
    Canceled,
    CancelRefused,
    CommissionKnown,
    DoneForDay,
    Executed,
    Expired,
    NoAnswer,
    Refused,
    Replaced,
    ReplaceRefused,
    Report,
    Restated,
    Suspended,
)
from fixspec.enums import CxlRejReason, CxlRejResponseTo, ExecRestatementReason, OrdType

Events = tuple[Event, ...]


def report(desk: Desk, said: Report) -> Events:
    """The events that follow from a report; empty when it tells nothing new."""
    order = desk.blotter.by_broker(said.broker, said.broker_client_id, said.broker_order_id)
    if order is None:
        return unmatched(desk, said)
    return _RULES[type(said)](desk, order, said)


def unmatched(desk: Desk, said: Report) -> Events:
    """A report about no order of ours. An execution is never dropped: it makes an external order (ADAPTERS A.4)."""
    if not isinstance(said, Executed):
        return ()
    if said.symbol is None or said.side is None or said.account is None:
        raise ValueError(f"execution {said.broker_exec_id} of an unknown order tells no symbol, side or account")
    exec_id = fill_exec_id(said.broker, said.account, said.exec_root or said.broker_exec_id)
    happened = said.transact_time
    if desk.blotter.execution(exec_id) is not None or (happened is not None and happened < desk.blotter.kept_from):
        return ()  # of an order that ended so long ago that it is forgotten
    adapter = desk.adapters.get(said.broker)
    instrument = desk.instrument(said.symbol)
    adopted = OrderAdopted(
        order_id=desk.next_seq,
        account=said.account,
        symbol=said.symbol,
        side=said.side,
        ord_type=OrdType.MARKET,
        order_qty=said.last_qty,
        broker=said.broker,
        broker_order_id=said.broker_order_id or said.broker_exec_id,
        broker_client_id=said.broker_client_id,
        multiplier=instrument.multiplier if instrument is not None else Decimal(1),
        currency=instrument.currency if instrument is not None else None,
        mode=adapter.mode if adapter is not None else Mode.LIVE,
    )
    return (adopted, fill(desk, None, adopted.order_id, said, exec_id))


def _when(desk: Desk, said: Report) -> datetime:
    return said.transact_time or desk.now


def acknowledged(desk: Desk, order: Order, said: Acknowledged) -> Events:
    """A first acknowledgement makes the order New; a repeated one says nothing, but that a held order works now (a
    stop's trigger): restated with WorkingIndicator(636)=Y again.
    """
    if order.closed is not None:
        return ()
    if order.accepted:
        if order.held and not said.held:
            return (
                OrderRestated(
                    order_id=order.order_id,
                    reason=ExecRestatementReason.OTHER,
                    text="triggered",
                    released=True,
                    source=said.source,
                ),
            )
        return ()
    return (
        OrderAccepted(
            order_id=order.order_id,
            broker_order_id=said.broker_order_id or said.broker_client_id or "",
            transact_time=said.transact_time,
            held=said.held,
            source=said.source,
        ),
    )


def refused(desk: Desk, order: Order, said: Refused) -> Events:
    """The broker refuses the order (X2 when it had acknowledged it), or the new terms of a pending replace."""
    pending = order.pending_replace
    if pending is not None and said.broker_client_id == pending.broker_client_id != order.broker_client_id:
        return (replace_rejected(order, CxlRejReason.BROKER_OPTION, said.text, said.broker_code),)
    if not order.open:
        return ()
    if order.cum_qty:
        ended: Event = OrderCanceled(
            order_id=order.order_id,
            reason=ExecRestatementReason.BROKER_OPTION,
            text=said.text,
            transact_time=said.transact_time,
            source=said.source,
        )
    else:
        ended = OrderRejected(
            order_id=order.order_id,
            code=said.code.value,
            ord_rej_reason=said.code.ord_rej_reason,
            text=said.text,
            source="broker",
            broker_code=said.broker_code,
            transact_time=said.transact_time,
        )
    return (ended, *unanswered(order))


def unanswered(order: Order) -> Events:
    """Requests that were pending when the order ended by itself: each gets its refusal, too late."""
    text = "Order ended before the request"
    events: list[Event] = []
    if order.pending_replace is not None:
        events.append(replace_rejected(order, CxlRejReason.TOO_LATE_TO_CANCEL, text))
    if order.pending_cancel is not None:
        events.append(cancel_rejected(order, CxlRejReason.TOO_LATE_TO_CANCEL, text))
    return tuple(events)


def cancel_rejected(order: Order, reason: CxlRejReason, text: str, broker_code: str | None = None) -> CancelRejected:
    """OrderCancelReject(9) of the pending cancel."""
    assert order.pending_cancel is not None
    return CancelRejected(
        order_id=order.order_id,
        session_id=order.pending_cancel.session_id,
        cl_ord_id=order.pending_cancel.cl_ord_id,
        orig_cl_ord_id=order.cl_ord_id,
        response_to=CxlRejResponseTo.ORDER_CANCEL_REQUEST,
        cxl_rej_reason=reason,
        code=_CODES.get(reason, ReasonCode.BROKER_REJECT).value,
        text=text,
        broker_code=broker_code,
    )


def replace_rejected(order: Order, reason: CxlRejReason, text: str, broker_code: str | None = None) -> CancelRejected:
    """OrderCancelReject(9) of the pending replace."""
    assert order.pending_replace is not None
    return CancelRejected(
        order_id=order.order_id,
        session_id=order.pending_replace.session_id,
        cl_ord_id=order.pending_replace.cl_ord_id,
        orig_cl_ord_id=order.cl_ord_id,
        response_to=CxlRejResponseTo.ORDER_CANCEL_REPLACE_REQUEST,
        cxl_rej_reason=reason,
        code=_CODES.get(reason, ReasonCode.BROKER_REJECT).value,
        text=text,
        broker_code=broker_code,
    )


_CODES = {
    CxlRejReason.TOO_LATE_TO_CANCEL: ReasonCode.TOO_LATE,
    CxlRejReason.UNKNOWN_ORDER: ReasonCode.UNKNOWN_ORDER,
    CxlRejReason.ORDER_ALREADY_IN_PENDING_STATUS: ReasonCode.ALREADY_PENDING,
}


def fill(
    desk: Desk, order: Order | None, order_id: int, said: Executed, exec_id: str, late: bool = False
) -> OrderFilled:
    """One execution as a fact, with its cost against the quotes of now."""
    adapter = desk.adapters.get(said.broker)
    cost = None
    if order is not None:
        quote = desk.quote(order.symbol)
        cost = fill_cost(order, said.last_qty, said.last_px, quote, desk.now_ns, desk.quote_max_age_ns, said.commission)
    return OrderFilled(
        order_id=order_id,
        exec_id=exec_id,
        broker_exec_id=said.broker_exec_id,
        last_qty=said.last_qty,
        last_px=said.last_px,
        transact_time=_when(desk, said),
        mode=adapter.mode if adapter is not None else Mode.LIVE,
        source=said.source,
        revision=said.revision,
        liquidity=said.liquidity,
        last_mkt=said.last_mkt,
        commission=said.commission,
        late=late,
        cost=cost,
    )


def executed(desk: Desk, order: Order, said: Executed) -> Events:
    """A new execution fills, also after the order has ended (X4); a known one says nothing (X10); a higher revision
    corrects it (J.1.a). An order filled before its acknowledgement skips New.
    """
    root = said.exec_root or said.broker_exec_id
    exec_id = fill_exec_id(said.broker, order.account, root)
    known = desk.blotter.execution(exec_id)
    if known is None:
        return (fill(desk, order, order.order_id, said, exec_id, late=order.closed is not None),)
    if said.revision <= known.revision or known.busted:
        return ()
    return (
        TradeCorrected(
            order_id=order.order_id,
            exec_id=fill_exec_id(said.broker, order.account, root, said.revision),
            exec_ref_id=known.exec_id,
            broker_exec_id=said.broker_exec_id,
            last_qty=said.last_qty,
            last_px=said.last_px,
            transact_time=_when(desk, said),
            mode=order.mode,
            source=said.source,
            revision=said.revision,
        ),
    )


def busted(desk: Desk, order: Order, said: Busted) -> Events:
    """The broker took an execution back (J.1); once."""
    known = desk.blotter.execution(fill_exec_id(said.broker, order.account, said.exec_root))
    if known is None or known.busted:
        return ()
    return (
        TradeBusted(
            order_id=order.order_id,
            exec_id=fill_exec_id(said.broker, order.account, said.exec_root, known.revision + 1),
            exec_ref_id=known.exec_id,
            broker_exec_id=said.broker_exec_id,
            transact_time=_when(desk, said),
            mode=order.mode,
            source=said.source,
        ),
    )


def commission(desk: Desk, order: Order, said: CommissionKnown) -> Events:
    """A commission told later, once per execution."""
    known = desk.blotter.execution(fill_exec_id(said.broker, order.account, said.exec_root))
    if known is None or known.commission is not None:
        return ()
    return (
        CommissionReported(
            order_id=order.order_id,
            exec_ref_id=known.exec_id,
            commission=said.commission,
            currency=said.currency,
        ),
    )


def replaced(desk: Desk, order: Order, said: Replaced) -> Events:
    """The broker works the new terms (C.1 to C.3): the total never falls below what is filled."""
    pending = order.pending_replace
    if pending is None:
        if order.closed is not None or said.broker_order_id in (None, order.broker_order_id):
            return ()
        # somebody else replaced it, on the broker's web page for instance
        return (
            OrderRestated(
                order_id=order.order_id,
                reason=ExecRestatementReason.OTHER,
                order_qty=said.order_qty,
                price=said.price,
                stop_px=said.stop_px,
                broker_order_id=said.broker_order_id,
                source=said.source,
            ),
        )
    return (
        OrderReplaced(
            order_id=order.order_id,
            cl_ord_id=pending.cl_ord_id,
            orig_cl_ord_id=order.cl_ord_id,
            order_qty=max(said.order_qty or pending.order_qty, order.cum_qty),
            price=said.price if said.price is not None else pending.price,
            stop_px=said.stop_px if said.stop_px is not None else pending.stop_px,
            ord_type=pending.ord_type,
            time_in_force=pending.time_in_force,
            expire_date=pending.expire_date,
            expire_time=pending.expire_time,
            exec_inst=pending.exec_inst,
            side=pending.side,
            broker_order_id=said.broker_order_id,
            broker_client_id=said.broker_client_id,
            emulated=said.emulated,
            transact_time=said.transact_time,
            source=said.source,
        ),
    )


def restated(desk: Desk, order: Order, said: Restated) -> Events:
    """The broker changed terms by itself, or took an order up again (E.1.c, E.1.d, H.1, K.1.a)."""
    return (
        OrderRestated(
            order_id=order.order_id,
            reason=said.reason,
            order_qty=said.order_qty,
            price=said.price,
            stop_px=said.stop_px,
            broker_order_id=said.broker_order_id,
            text=said.text,
            source=said.source,
        ),
    )


OWN_REASONS = {
    Initiator.DISCONNECT: ExecRestatementReason.CANCEL_ON_SYSTEM_FAILURE,
    Initiator.OPERATOR: ExecRestatementReason.BROKER_OPTION,
    Initiator.KILL: ExecRestatementReason.BROKER_OPTION,
    Initiator.RISK: ExecRestatementReason.BROKER_OPTION,
}
"""ExecRestatementReason(378) of a cancel the client did not ask for; a client's own cancel has none."""


def canceled(desk: Desk, order: Order, said: Canceled) -> Events:
    """The remainder is gone (B.1, E.1.b, I.1). A pending replace of it is refused as too late."""
    if order.closed is not None or order.filled:
        return unanswered(order) if order.filled else ()
    pending = order.pending_cancel
    reason = said.reason if pending is None else OWN_REASONS.get(pending.initiator)
    ended = OrderCanceled(
        order_id=order.order_id,
        cl_ord_id=pending.cl_ord_id if pending is not None else None,
        orig_cl_ord_id=order.cl_ord_id if pending is not None and pending.cl_ord_id != order.cl_ord_id else None,
        reason=reason,
        text=said.text,
        transact_time=said.transact_time,
        source=said.source,
        cost=end_cost(order, desk.quote(order.symbol), desk.now_ns, desk.quote_max_age_ns),
    )
    if order.pending_replace is None:
        return (ended,)
    return (ended, replace_rejected(order, CxlRejReason.TOO_LATE_TO_CANCEL, "Order was cancelled before the request"))


def cancel_refused(desk: Desk, order: Order, said: CancelRefused) -> Events:
    """The cancel is refused (B.1.c, X6); when nothing is pending any more it says nothing."""
    if order.pending_cancel is None:
        return ()
    return (cancel_rejected(order, said.cxl_rej_reason, said.text, said.broker_code),)


def replace_refused(desk: Desk, order: Order, said: ReplaceRefused) -> Events:
    """The replace is refused (C.2.a); the order keeps its terms and its ClOrdID(11)."""
    if order.pending_replace is None:
        return ()
    return (replace_rejected(order, said.cxl_rej_reason, said.text, said.broker_code),)


def expired(desk: Desk, order: Order, said: Expired) -> Events:
    """The time in force ended (B of A.1.b); requests under way come too late."""
    if order.closed is not None or order.filled:
        return ()
    ended = OrderExpired(order_id=order.order_id, transact_time=said.transact_time, text=said.text, source=said.source)
    return (ended, *unanswered(order))


def done_for_day(desk: Desk, order: Order, said: DoneForDay) -> Events:
    """No more work today (A.1.b, H.1.a)."""
    if not order.open or order.done_for_day:
        return ()
    return (OrderDoneForDay(order_id=order.order_id, transact_time=said.transact_time, source=said.source),)


def suspended(desk: Desk, order: Order, said: Suspended) -> Events:
    """The broker suspended the order (K.1.a)."""
    if not order.open or order.suspended:
        return ()
    return (OrderSuspended(order_id=order.order_id, transact_time=said.transact_time, text=said.text),)


def no_answer(desk: Desk, order: Order, said: NoAnswer) -> Events:
    """Outcome unknown (X3): held, reserved, and asked for; never turned into an answer by time."""
    waiting = {
        Request.SUBMIT: not order.accepted and order.open and not order.cum_qty,
        Request.CANCEL: order.pending_cancel is not None,
        Request.REPLACE: order.pending_replace is not None,
    }[said.request]
    if not waiting or order.unknown is said.request:
        return ()
    return (OutcomeUnknown(order_id=order.order_id, request=said.request, text=said.text),)


def absent(desk: Desk, order: Order, said: Absent) -> Events:
    """The broker proved that it never had the order: only now may a submit of unknown outcome be called refused."""
    if order.accepted or not order.open or order.cum_qty:
        return ()
    ended = OrderRejected(
        order_id=order.order_id,
        code=ReasonCode.NOT_AT_BROKER.value,
        ord_rej_reason=ReasonCode.NOT_AT_BROKER.ord_rej_reason,
        text=said.text,
        source="broker",
        transact_time=said.transact_time,
    )
    return (ended, *unanswered(order))


_RULES: dict[type[Report], Callable[[Desk, Order, Any], Events]] = {
    Acknowledged: acknowledged,
    Refused: refused,
    Executed: executed,
    Busted: busted,
    CommissionKnown: commission,
    Replaced: replaced,
    Restated: restated,
    Canceled: canceled,
    CancelRefused: cancel_refused,
    ReplaceRefused: replace_refused,
    Expired: expired,
    DoneForDay: done_for_day,
    Suspended: suspended,
    NoAnswer: no_answer,
    Absent: absent,
}
