"""Answers to questions: they tell the state and change nothing (FIX-APP section 4)."""

from collections.abc import Iterable
from datetime import datetime

from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.orders.terms import SessionTerms
from bridge.outputs.reports import status as told
from bridge.outputs.reports import unknown_status
from fixspec.enums import ExecType, MassStatusReqType, OrdStatus, Side
from fixspec.messages import ExecutionReport, OrderMassStatusRequest, OrderStatusRequest


def status(message: OrderStatusRequest, order: Order | None, terms: SessionTerms) -> ExecutionReport:
    """The answer to an OrderStatusRequest(H)."""
    if order is None:
        return unknown_status(
            message.cl_ord_id, message.symbol, message.side, ord_status_req_id=message.ord_status_req_id
        )
    return told(order, terms, seq=order.last_seq, ord_status_req_id=message.ord_status_req_id)


def mass_status(
    message: OrderMassStatusRequest, orders: Iterable[Order], terms: SessionTerms, now: datetime
) -> list[ExecutionReport] | str:
    """The answers to an OrderMassStatusRequest(AF): one report per order, the last marked; or what is missing in it."""
    kind = message.mass_status_req_type
    if kind is MassStatusReqType.STATUS_FOR_ORDERS_FOR_A_SECURITY and message.symbol is None:
        return "Symbol(55) is required with MassStatusReqType(585)=1"
    if kind is MassStatusReqType.STATUS_FOR_ORDERS_FOR_A_SECURITY_TYPE and message.security_type is None:
        return "SecurityType(167) is required with MassStatusReqType(585)=5"
    chosen = [order for order in orders if _asked(message, order, terms, now)]
    if not chosen:
        return [
            unknown_status(
                None,
                message.symbol or "[N/A]",
                message.side or Side.UNDISCLOSED,
                mass_status_req_id=message.mass_status_req_id,
                tot_num_reports=0,
                last_rpt_requested=True,
            )
        ]
    last = chosen[-1]
    return [
        told(
            order,
            terms,
            seq=order.last_seq,
            mass_status_req_id=message.mass_status_req_id,
            tot_num_reports=len(chosen),
            last_rpt_requested=True if order is last else None,
        )
        for order in chosen
    ]


def _asked(message: OrderMassStatusRequest, order: Order, terms: SessionTerms, now: datetime) -> bool:
    if order.account not in terms.accounts:
        return False
    if not order.open and not (message.include_closed and order.received.date() == now.date()):
        return False
    return (
        (message.account is None or order.account == message.account)
        and (message.symbol is None or order.symbol == message.symbol)
        and (message.security_type is None or order.security_type is message.security_type)
        and (message.side is None or order.side is message.side)
    )


def dry_run(order: Order, rejection: Rejection | None, terms: SessionTerms, now: datetime) -> ExecutionReport:
    """The answer to DryRun(5746): 150=8 39=8 with `DRYRUN_PASS` or the code that would refuse; nothing was recorded."""
    verdict = rejection or Rejection(ReasonCode.DRYRUN_PASS, "every check passes")
    return ExecutionReport(
        order_id="NONE",
        cl_ord_id=order.cl_ord_id,
        exec_id="0",
        exec_type=ExecType.REJECTED,
        ord_status=OrdStatus.REJECTED,
        ord_rej_reason=verdict.ord_rej_reason,
        text=f"{verdict.code.value}: {verdict.text}",
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        order_qty=order.order_qty,
        ord_type=order.ord_type,
        price=order.price,
        stop_px=order.stop_px,
        time_in_force=order.time_in_force,
        leaves_qty=ZERO,
        cum_qty=ZERO,
        avg_px=ZERO,
        transact_time=now,
        risk_code=verdict.code.value if terms.custom_tags else None,
        risk_rule_id=verdict.rule if terms.custom_tags else None,
    )
