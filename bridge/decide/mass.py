"""OrderMassCancelRequest(q): which orders does it mean, and may it? (FIX-APP section 4)"""

from bridge.decide.changes import cancel_for
from bridge.desk import Desk
from bridge.orders.events import Event, Initiator, MassCancelRequested
from bridge.orders.order import Order
from bridge.orders.terms import SessionTerms
from fixspec.enums import MassCancelRejectReason, MassCancelRequestType
from fixspec.messages import Header, OrderMassCancelRequest

SERVED = frozenset(
    {
        MassCancelRequestType.CANCEL_ORDERS_FOR_A_SECURITY,
        MassCancelRequestType.CANCEL_ORDERS_FOR_A_SECURITY_TYPE,
        MassCancelRequestType.CANCEL_ALL_ORDERS,
    }
)


def mass_cancel(desk: Desk, terms: SessionTerms, header: Header, message: OrderMassCancelRequest) -> tuple[Event, ...]:
    """MassCancelRequested and a CancelRequested for every order meant, in one batch. All working orders of the
    session's accounts count, whoever entered them.
    """
    refused = refusal(desk, terms, message)
    mass_id = desk.next_seq
    chosen = [] if refused is not None else [order for order in _entitled(desk, terms) if meant(message, order)]
    request = MassCancelRequested(
        mass_id=mass_id,
        session_id=terms.session_id,
        msg_seq_num=header.msg_seq_num,
        cl_ord_id=message.cl_ord_id,
        request_type=message.mass_cancel_request_type,
        account=message.account,
        symbol=message.symbol,
        side=message.side,
        order_ids=tuple(order.order_id for order in chosen),
        cl_ord_ids=tuple(order.cl_ord_id for order in chosen),
        refused=refused,
    )
    events: list[Event] = [request]
    for order in chosen:
        events.extend(cancel_for(order, Initiator.MASS, mass_id=mass_id, text=f"mass cancel {message.cl_ord_id}"))
    return tuple(events)


def refusal(desk: Desk, terms: SessionTerms, message: OrderMassCancelRequest) -> MassCancelRejectReason | None:
    """MassCancelRejectReason(532), or None."""
    kind = message.mass_cancel_request_type
    if desk.knows(terms.session_id, message.cl_ord_id):
        return MassCancelRejectReason.OTHER
    if kind not in SERVED:
        return MassCancelRejectReason.MASS_CANCEL_NOT_SUPPORTED
    if message.account is not None and message.account not in terms.accounts:
        return MassCancelRejectReason.OTHER
    if kind is MassCancelRequestType.CANCEL_ORDERS_FOR_A_SECURITY and (
        message.symbol is None or desk.instrument(message.symbol) is None
    ):
        return MassCancelRejectReason.INVALID_OR_UNKNOWN_SECURITY
    if kind is MassCancelRequestType.CANCEL_ORDERS_FOR_A_SECURITY_TYPE and message.security_type is None:
        return MassCancelRejectReason.INVALID_OR_UNKNOWN_SECURITY_TYPE
    return None


def _entitled(desk: Desk, terms: SessionTerms) -> list[Order]:
    return [order for account in terms.accounts for order in desk.open_orders(account)]


def meant(message: OrderMassCancelRequest, order: Order) -> bool:
    """Does the request mean this order?"""
    return (
        (message.account is None or order.account == message.account)
        and (message.symbol is None or order.symbol == message.symbol)
        and (message.side is None or order.side is message.side)
        and (message.security_type is None or order.security_type is message.security_type)
    )
