"""Entry and order → ExecutionReport(8) or OrderCancelReject(9): one function per event (FIX-APP sections 5 and 7).

One event per report; a fill is never merged with another change. ExecID(17) is a fill's own id, else `E` and the
journal number,
so that the same entry gives the same report again.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from bridge.orders.events import (
    CancelRejected,
    CancelRequested,
    CommissionReported,
    DuplicateRefused,
    Entry,
    Initiator,
    MassCancelRequested,
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
    OrderSuspended,
    OutcomeUnknown,
    ReplaceRequested,
    Source,
    TradeBusted,
    TradeCorrected,
)
from bridge.orders.identity import entry_exec_id, render_order_id
from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode
from bridge.orders.terms import SessionTerms
from fixspec.enums import (
    CommType,
    CxlRejReason,
    ExecRestatementReason,
    ExecType,
    MassCancelResponse,
    OrdRejReason,
    OrdStatus,
    Origin,
    ReplaceMode,
    TimeInForce,
)
from fixspec.messages import AffectedOrder, ExecutionReport, OrderCancelReject, OrderMassCancelReport
from fixspec.sparse import Sparse

Fields = dict[str, Any]
Answer = Sparse | ExecutionReport | OrderCancelReject | OrderMassCancelReport

AFFECTED_MOST = 100
"""Orders named in an OrderMassCancelReport(r); of more only the count is told."""

# OrdRejReason values of later FIX versions, for sessions that know them (`extended_enums`)
EXTENDED = {
    ReasonCode.PRICE_COLLAR.value: OrdRejReason.PRICE_EXCEEDS_CURRENT_PRICE_BAND,
    ReasonCode.TICK_SIZE.value: OrdRejReason.INVALID_PRICE_INCREMENT,
}


def current(order: Order) -> Fields:
    """What every report of an order tells: its terms as they are, and the three invariant quantities."""
    fields: Fields = {
        "order_id": render_order_id(order.order_id),
        "cl_ord_id": order.cl_ord_id,
        "ord_status": order.ord_status,
        "account": order.account,
        "symbol": order.symbol,
        "side": order.side,
        "order_qty": order.order_qty,
        "ord_type": order.ord_type,
        "time_in_force": order.time_in_force,
        "leaves_qty": reported_leaves(order),
        "cum_qty": order.cum_qty,
        "avg_px": order.avg_px,
    }
    # what not every order has: what is None is left out, so that the report is written the short way (fixspec.sparse)
    if order.broker_order_id is not None:
        fields["secondary_order_id"] = order.broker_order_id
    if order.price is not None:
        fields["price"] = order.price
    if order.stop_px is not None:
        fields["stop_px"] = order.stop_px
    if order.cash_order_qty is not None:
        fields["cash_order_qty"] = order.cash_order_qty
    if order.secondary_cl_ord_id is not None:
        fields["secondary_cl_ord_id"] = order.secondary_cl_ord_id
    if order.cl_ord_link_id is not None:
        fields["cl_ord_link_id"] = order.cl_ord_link_id
    if order.parties:
        fields["parties"] = order.parties
    if order.exec_inst:
        fields["exec_inst"] = order.exec_inst
    if order.expire_date is not None:
        fields["expire_date"] = order.expire_date
    if order.expire_time is not None:
        fields["expire_time"] = order.expire_time
    if order.order_capacity is not None:
        fields["order_capacity"] = order.order_capacity
    if order.position_effect is not None:
        fields["position_effect"] = order.position_effect
    if order.security_type is not None:
        fields["security_type"] = order.security_type
    if order.held:
        fields["working_indicator"] = False
    return fields


def reported_leaves(order: Order) -> Decimal:
    """LeavesQty(151): a GT order done for the day keeps what is left (row H.1.a)."""
    if order.done_for_day and order.closed is None and order.time_in_force is not TimeInForce.DAY:
        assert order.order_qty is not None
        return order.order_qty - order.cum_qty
    return order.leaves_qty


def _new(entry: Entry, event: OrderAccepted, order: Order, fields: Fields) -> ExecType | None:
    if order.cum_qty or (order.closed is not None):
        return None  # New never follows a fill
    timing = event.timing
    if timing is not None:
        fields["wire_to_ack_micros"] = timing.wire_to_ack_us
        fields["recv_to_wire_micros"] = timing.recv_to_wire_us
    _arrived(order, fields)
    return ExecType.NEW


def _arrived(order: Order, fields: Fields) -> None:
    """ArrivalBid(5704) to ArrivalSource(5708)."""
    arrival = order.arrival
    if arrival is not None:
        if arrival.mid is not None:
            fields["arrival_bid"] = arrival.bid
            fields["arrival_offer"] = arrival.offer
            fields["arrival_mid"] = arrival.mid
        if arrival.quote_age_us is not None:
            fields["arrival_quote_age_micros"] = arrival.quote_age_us
        fields["arrival_source"] = arrival.source


def _rejected(entry: Entry, event: OrderRejected, order: Order, fields: Fields) -> ExecType:
    fields["ord_rej_reason"] = event.ord_rej_reason
    fields["text"] = f"{event.code}: {event.text}"
    fields["risk_code"] = event.code
    fields["risk_rule_id"] = event.rule
    fields["risk_limit"] = _number(event.limit)
    fields["risk_value"] = _number(event.value)
    fields["broker_code"] = event.broker_code
    return ExecType.REJECTED


def _number(text: str | None) -> Decimal | None:
    """A limit or value that is a number; risk may also name a word there."""
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _duplicate(entry: Entry, event: DuplicateRefused, order: Order, fields: Fields) -> ExecType:
    fields["cl_ord_id"] = event.cl_ord_id
    if event.same_terms and event.poss_resend:
        fields["exec_id"] = "0"
        fields["cl_ord_id"] = order.cl_ord_id
        return ExecType.ORDER_STATUS
    fields["ord_rej_reason"] = OrdRejReason.DUPLICATE_ORDER
    fields["text"] = f"{ReasonCode.DUP_CLORDID.value}: {event.text}"
    fields["risk_code"] = ReasonCode.DUP_CLORDID.value
    fields["risk_rule_id"] = "R07"
    return ExecType.REJECTED


def _fill(entry: Entry, event: OrderFilled, order: Order, fields: Fields) -> ExecType:
    fields["exec_id"] = event.exec_id
    fields["secondary_exec_id"] = event.broker_exec_id
    fields["last_qty"] = event.last_qty
    fields["last_px"] = event.last_px
    if event.last_mkt is not None:
        fields["last_mkt"] = event.last_mkt
    if event.liquidity is not None:
        fields["last_liquidity_ind"] = event.liquidity
    if event.commission is not None:
        fields["commission"] = order.commission
        fields["comm_type"] = CommType.ABSOLUTE
    if order.order_qty is not None and order.cum_qty > order.order_qty:
        fields["overfill_qty"] = order.cum_qty - order.order_qty
    if event.timing is not None:
        fields["exec_to_report_micros"] = event.timing.exec_to_report_us
    cost = event.cost
    if cost is not None:
        if cost.arrival_mid is not None:
            fields["arrival_mid"] = cost.arrival_mid
            fields["fill_slippage_bps"] = cost.slippage_bps
            fields["order_slippage_bps"] = cost.order_slippage_bps
        if cost.effective_spread_bps is not None:
            fields["effective_spread_bps"] = cost.effective_spread_bps
        if cost.shortfall_bps is not None:
            fields["shortfall_bps"] = cost.shortfall_bps
    return ExecType.TRADE


def _corrected(entry: Entry, event: TradeCorrected, order: Order, fields: Fields) -> ExecType:
    fields["exec_id"] = event.exec_id
    fields["exec_ref_id"] = event.exec_ref_id
    fields["secondary_exec_id"] = event.broker_exec_id
    fields["last_qty"] = event.last_qty
    fields["last_px"] = event.last_px
    return ExecType.TRADE_CORRECT


def _busted(entry: Entry, event: TradeBusted, order: Order, fields: Fields) -> ExecType:
    fields["exec_id"] = event.exec_id
    fields["exec_ref_id"] = event.exec_ref_id
    fields["secondary_exec_id"] = event.broker_exec_id
    return ExecType.TRADE_CANCEL


def _commission(entry: Entry, event: CommissionReported, order: Order, fields: Fields) -> ExecType:
    fields["exec_restatement_reason"] = ExecRestatementReason.OTHER
    fields["exec_ref_id"] = event.exec_ref_id
    fields["commission"] = order.commission
    fields["comm_type"] = CommType.ABSOLUTE
    fields["comm_currency"] = event.currency
    return ExecType.RESTATED


def _cancel_requested(entry: Entry, event: CancelRequested, order: Order, fields: Fields) -> ExecType | None:
    if event.initiator is Initiator.DISCONNECT:
        return None  # row X9: only the outcome is told
    if event.cl_ord_id != order.cl_ord_id:
        fields["cl_ord_id"] = event.cl_ord_id
        fields["orig_cl_ord_id"] = order.cl_ord_id
    if event.mass_id:
        fields["mass_cancel_ref"] = str(event.mass_id)
    return ExecType.PENDING_CANCEL


def _replace_requested(entry: Entry, event: ReplaceRequested, order: Order, fields: Fields) -> ExecType:
    fields["cl_ord_id"] = event.cl_ord_id
    fields["orig_cl_ord_id"] = order.cl_ord_id
    return ExecType.PENDING_REPLACE


def _replaced(entry: Entry, event: OrderReplaced, order: Order, fields: Fields) -> ExecType:
    fields["orig_cl_ord_id"] = event.orig_cl_ord_id
    fields["replace_mode"] = ReplaceMode.EMULATED if event.emulated else ReplaceMode.NATIVE
    return ExecType.REPLACED


def _restated(entry: Entry, event: OrderRestated, order: Order, fields: Fields) -> ExecType:
    fields["exec_restatement_reason"] = event.reason
    fields["text"] = event.text
    return ExecType.RESTATED


def _canceled(entry: Entry, event: OrderCanceled, order: Order, fields: Fields) -> ExecType:
    if event.cl_ord_id is not None and event.orig_cl_ord_id is not None:
        fields["cl_ord_id"] = event.cl_ord_id
        fields["orig_cl_ord_id"] = event.orig_cl_ord_id
    fields["exec_restatement_reason"] = event.reason
    fields["text"] = event.text
    _end_cost(event, fields)
    return ExecType.CANCELED


def _expired(entry: Entry, event: OrderExpired, order: Order, fields: Fields) -> ExecType:
    fields["text"] = event.text
    _end_cost(event, fields)
    return ExecType.EXPIRED


def _end_cost(event: OrderCanceled | OrderExpired, fields: Fields) -> None:
    if event.cost is not None:
        fields["order_slippage_bps"] = event.cost.order_slippage_bps
        fields["shortfall_bps"] = event.cost.shortfall_bps


def _done_for_day(entry: Entry, event: OrderDoneForDay, order: Order, fields: Fields) -> ExecType:
    return ExecType.DONE_FOR_DAY


def _suspended(entry: Entry, event: OrderSuspended, order: Order, fields: Fields) -> ExecType:
    fields["text"] = event.text
    return ExecType.SUSPENDED


def _unknown(entry: Entry, event: OutcomeUnknown, order: Order, fields: Fields) -> ExecType:
    """Row X3 for a submit; a cancel or replace of unknown outcome is told again as pending, with the mark."""
    fields["outcome_unknown"] = True
    fields["text"] = f"Outcome of the {event.request.value} is unknown: {event.text}"
    if order.pending_cancel is not None:
        fields["cl_ord_id"] = order.pending_cancel.cl_ord_id
        fields["orig_cl_ord_id"] = order.cl_ord_id
        return ExecType.PENDING_CANCEL
    if order.pending_replace is not None:
        fields["cl_ord_id"] = order.pending_replace.cl_ord_id
        fields["orig_cl_ord_id"] = order.cl_ord_id
        return ExecType.PENDING_REPLACE
    return ExecType.PENDING_NEW


def _adopted(entry: Entry, event: OrderAdopted, order: Order, fields: Fields) -> ExecType:
    """Row X8: for drop copy and admin, the order belongs to no session."""
    fields["exec_restatement_reason"] = ExecRestatementReason.OTHER
    fields["origin"] = Origin.EXT
    return ExecType.RESTATED


_BUILD: dict[type[Any], Callable[[Entry, Any, Order, Fields], ExecType | None]] = {
    OrderAccepted: _new,
    OrderRejected: _rejected,
    DuplicateRefused: _duplicate,
    OrderFilled: _fill,
    TradeCorrected: _corrected,
    TradeBusted: _busted,
    CommissionReported: _commission,
    CancelRequested: _cancel_requested,
    ReplaceRequested: _replace_requested,
    OrderReplaced: _replaced,
    OrderRestated: _restated,
    OrderCanceled: _canceled,
    OrderExpired: _expired,
    OrderDoneForDay: _done_for_day,
    OrderSuspended: _suspended,
    OutcomeUnknown: _unknown,
    OrderAdopted: _adopted,
}

# custom tags that go only to sessions which agreed to them; Mode(5736) is always sent on simulated reports
CUSTOM = (
    "risk_code", "risk_rule_id", "risk_limit", "risk_value", "arrival_bid", "arrival_offer", "arrival_mid",
    "arrival_quote_age_micros", "arrival_source", "fill_slippage_bps", "order_slippage_bps", "effective_spread_bps",
    "shortfall_bps", "recv_to_wire_micros", "wire_to_ack_micros", "exec_to_report_micros", "outcome_unknown",
    "overfill_qty", "origin", "replace_mode", "broker_code", "mass_cancel_ref",
)  # fmt: skip


def report(entry: Entry, order: Order | None, terms: SessionTerms) -> Answer | None:
    """What a session with these terms is told about an entry; None when it is told nothing."""
    event = entry.event
    build = _BUILD.get(type(event))
    if build is not None and order is not None:
        fields = current(order)
        kind = build(entry, event, order, fields)
        if kind is None:
            return None
        fields["exec_type"] = kind
        return finished(entry, order, terms, fields)
    if isinstance(event, CancelRejected):
        return cancel_reject(entry, event, order, terms)
    if isinstance(event, MassCancelRequested):
        return mass_cancel_report(entry, event, terms)
    if order is None:
        return unknown_duplicate(entry, event) if isinstance(event, DuplicateRefused) else None
    if isinstance(event, OrderReceived):
        return pending_new(entry, order, terms) if terms.ack_pending_new else None
    return None


TELLING = frozenset({*_BUILD, CancelRejected, MassCancelRequested})
"""Kinds of event that some session is told about; OrderReceived only where it wants to be (`ack_pending_new`)."""


def finished(entry: Entry, order: Order, terms: SessionTerms, fields: Fields) -> Sparse:
    """Ids, time and the custom tags a session agreed to."""
    event = entry.event
    if "exec_id" not in fields:
        fields["exec_id"] = entry_exec_id(entry.seq)
    fields["transact_time"] = getattr(event, "transact_time", None) or entry.time
    if order.mode is Mode.PAPER:
        fields["mode"] = Mode.PAPER
    if terms.custom_tags:
        fields["event_seq"] = entry.seq
        if order.broker:
            fields["broker_name"] = order.broker
        fields["mode"] = order.mode
        source = getattr(event, "source", None)
        if source is not None and source is not Source.LIVE and isinstance(source, Source):
            fields["event_source"] = source
    else:
        for name in CUSTOM:
            fields.pop(name, None)
    if terms.extended_enums and isinstance(event, OrderRejected) and event.code in EXTENDED:
        fields["ord_rej_reason"] = EXTENDED[event.code]
    return Sparse(ExecutionReport, fields)


def pending_new(entry: Entry, order: Order, terms: SessionTerms) -> Sparse:
    """A first acknowledgement, for sessions that want one (`ack_pending_new`)."""
    fields = current(order)
    fields["exec_type"] = ExecType.PENDING_NEW
    return finished(entry, order, terms, fields)


def status(order: Order, terms: SessionTerms, *, seq: int, **more: Any) -> ExecutionReport:
    """The state of an order as asked for by H or AF: ExecType(150)=I, ExecID(17)=0 (FIX 4.4, OrderStatusRequest)."""
    fields = current(order)
    fields["exec_type"] = ExecType.ORDER_STATUS
    fields["exec_id"] = "0"
    if order.mode is Mode.PAPER or terms.custom_tags:
        fields["mode"] = order.mode
    if terms.custom_tags:
        fields["event_seq"] = order.last_seq
        fields["broker_name"] = order.broker or None
        if order.unknown is not None:
            fields["outcome_unknown"] = True
        if order.external:
            fields["origin"] = Origin.EXT
    fields.update(more)
    return ExecutionReport(**fields)


def unknown_status(cl_ord_id: str | None, symbol: str, side: Any, **more: Any) -> ExecutionReport:
    """The answer about an order nobody knows: 150=I, 39=8, 37=NONE, 103=5 (row G.1)."""
    return ExecutionReport(
        order_id="NONE",
        cl_ord_id=cl_ord_id,
        exec_id="0",
        exec_type=ExecType.ORDER_STATUS,
        ord_status=OrdStatus.REJECTED,
        ord_rej_reason=OrdRejReason.UNKNOWN_ORDER,
        symbol=symbol,
        side=side,
        order_qty=ZERO,
        leaves_qty=ZERO,
        cum_qty=ZERO,
        avg_px=ZERO,
        **more,
    )


def unknown_duplicate(entry: Entry, event: DuplicateRefused) -> ExecutionReport:
    """A ClOrdID(11) that belonged to a request, not to an order: refused without an order to tell of."""
    return ExecutionReport(
        order_id="NONE",
        cl_ord_id=event.cl_ord_id,
        exec_id=entry_exec_id(entry.seq),
        exec_type=ExecType.REJECTED,
        ord_status=OrdStatus.REJECTED,
        ord_rej_reason=OrdRejReason.DUPLICATE_ORDER,
        text=f"{ReasonCode.DUP_CLORDID.value}: {event.text}",
        account=event.account or None,
        symbol=event.symbol,
        side=event.side,
        leaves_qty=ZERO,
        cum_qty=ZERO,
        avg_px=ZERO,
        transact_time=entry.time,
    )


def mass_cancel_report(entry: Entry, event: MassCancelRequested, terms: SessionTerms) -> OrderMassCancelReport:
    """OrderMassCancelReport(r), at once; each order's own reports follow with MassCancelRef(5748)."""
    asked = event.request_type
    fields: Fields = {
        "order_id": str(event.mass_id),
        "cl_ord_id": event.cl_ord_id,
        "mass_cancel_request_type": asked,
        "mass_cancel_response": MassCancelResponse.from_wire(asked.wire),
        "total_affected_orders": len(event.order_ids),
        "account": event.account,
        "symbol": event.symbol,
        "side": event.side,
        "transact_time": entry.time,
    }
    if event.refused is not None:
        fields["mass_cancel_response"] = MassCancelResponse.CANCEL_REQUEST_REJECTED
        fields["mass_cancel_reject_reason"] = event.refused
        fields["total_affected_orders"] = None
    elif len(event.order_ids) <= AFFECTED_MOST:
        fields["affected_orders"] = tuple(
            AffectedOrder(orig_cl_ord_id=cl_ord_id, affected_order_id=render_order_id(order_id))
            for order_id, cl_ord_id in zip(event.order_ids, event.cl_ord_ids, strict=True)
        )
    if terms.custom_tags:
        fields["event_seq"] = entry.seq
        fields["mass_cancel_ref"] = str(event.mass_id)
    return OrderMassCancelReport(**fields)


def cancel_reject(entry: Entry, event: CancelRejected, order: Order | None, terms: SessionTerms) -> OrderCancelReject:
    """OrderCancelReject(9): OrdStatus(39) is the state after the refusal; an unknown order has 37=NONE, 39=8."""
    fields: Fields = {
        "order_id": render_order_id(order.order_id) if order is not None else "NONE",
        "cl_ord_id": event.cl_ord_id,
        "orig_cl_ord_id": event.orig_cl_ord_id,
        "ord_status": order.ord_status if order is not None else OrdStatus.REJECTED,
        "account": order.account if order is not None else None,
        "transact_time": entry.time,
        "cxl_rej_response_to": event.response_to,
        "cxl_rej_reason": event.cxl_rej_reason,
        "text": f"{event.code}: {event.text}",
    }
    if order is not None:
        fields["secondary_order_id"] = order.broker_order_id
        if order.mode is Mode.PAPER:
            fields["mode"] = Mode.PAPER
    if event.cxl_rej_reason is CxlRejReason.UNKNOWN_ORDER and order is None:
        fields.pop("account")
    if terms.custom_tags:
        fields["event_seq"] = entry.seq
        fields["risk_code"] = event.code
        fields["risk_rule_id"] = event.rule
        fields["risk_limit"] = _number(event.limit)
        fields["risk_value"] = _number(event.value)
        fields["broker_code"] = event.broker_code
        if order is not None:
            fields["mode"] = order.mode
            fields["broker_name"] = order.broker or None
    return OrderCancelReject(**fields)
