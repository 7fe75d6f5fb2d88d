"""What a request over the control socket stands for as a FIX message, and how orders and verdicts are answered."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from bridge.control_answers import OrderChange, RuleVerdict
from bridge.desk import Desk
from bridge.journal.encoding import order_state, to_json
from bridge.orders.identity import render_order_id
from bridge.orders.order import Order
from bridge.problems import refuse
from bridge.risk.chain import RiskChain
from fixspec.messages import OrderCancelReplaceRequest, OrderCancelRequest


def shown(order: Order | None) -> dict[str, Any] | None:
    """An order in a problem: the same document as everywhere."""
    if order is None:
        return None
    document: dict[str, Any] = msgspec.json.decode(to_json(order_state(order)))
    return document


def _text(value: Decimal | str | None) -> str | None:
    return f"{value:f}" if isinstance(value, Decimal) else value


def unchanged_since(order: Order, if_match: int | None) -> None:
    """ProblemError `changed` unless the order is still at the entry the client has seen."""
    if if_match is not None and if_match != order.last_seq:
        raise refuse("changed", f"the order is at {order.last_seq} by now", order_id=order.order_id, order=shown(order))


def replacing(order: Order, change: OrderChange, now: datetime) -> OrderCancelReplaceRequest:
    """The OrderCancelReplaceRequest(G) a PATCH stands for: what it leaves out stays as it is."""

    def kept(value: Any, old: Any) -> Any:
        return old if value is None else value

    return OrderCancelReplaceRequest(
        orig_cl_ord_id="NONE",
        order_id=render_order_id(order.order_id),
        cl_ord_id=change.cl_ord_id,
        account=order.account,
        symbol=order.symbol,
        side=kept(change.side, order.side),
        transact_time=now,
        order_qty=kept(change.order_qty, order.order_qty),
        ord_type=kept(change.ord_type, order.ord_type),
        price=kept(change.price, order.price),
        stop_px=kept(change.stop_px, order.stop_px),
        time_in_force=kept(change.time_in_force, order.time_in_force),
        expire_date=kept(change.expire_date, order.expire_date),
        expire_time=kept(change.expire_time, order.expire_time),
        exec_inst=kept(change.exec_inst, order.exec_inst),
        text=change.text,
    )


def cancelling(order: Order, cl_ord_id: str, now: datetime) -> OrderCancelRequest:
    """The OrderCancelRequest(F) a DELETE stands for."""
    return OrderCancelRequest(
        orig_cl_ord_id="NONE",
        order_id=render_order_id(order.order_id),
        cl_ord_id=cl_ord_id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        transact_time=now,
    )


def explained(chain: RiskChain | None, order: Order, desk: Desk) -> tuple[RuleVerdict, ...]:
    """Every rule's word; none about an order whose instrument or account is unknown: no rule can weigh that."""
    if chain is None or desk.instrument(order.symbol) is None or order.account not in desk.accounts:
        return ()
    return tuple(
        RuleVerdict(
            rule=said.rule,
            name=said.name,
            outcome=said.outcome.value,
            limit=_text(said.limit),
            value=_text(said.value),
            headroom=_text(said.headroom),
            utilisation=_text(said.utilisation),
            code=said.code.value if said.code is not None else None,
            text=said.text,
        )
        for said in chain.explain(order, desk)
    )
