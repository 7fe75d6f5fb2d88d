"""FIX in: message type → engine method; BusinessMessageReject(j) for what we do not take.

This is the sessions' Application. Each call is finished, commit included, when it returns: only then does the
session count the
message as handled.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from bridge import faults
from bridge.desk import Desk
from bridge.engine import Engine
from bridge.orders.events import Initiator, TradeDoubted
from bridge.orders.identity import parse_order_id
from bridge.orders.market import Instrument
from bridge.orders.order import Order
from bridge.orders.terms import SessionKind, SessionTerms
from bridge.outputs import answers, queries
from bridge.outputs.position_feed import PositionFeed
from bridge.stages import Stages
from fixspec.enums import BusinessRejectReason, SubscriptionRequestType, TimeInForce
from fixspec.messages import (
    BusinessMessageReject,
    CollateralInquiry,
    DontKnowTrade,
    Header,
    Message,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMassCancelRequest,
    OrderMassStatusRequest,
    OrderStatusRequest,
    Reject,
    RequestForPositions,
    SecurityListRequest,
    TradeCaptureReportRequest,
    Unserved,
)


class Answers(Protocol):
    """How the gateway sends what is not a report of an entry."""

    def __call__(self, session_id: str, message: Message) -> None:
        """Number, store and send."""
        ...


class Watcher(Protocol):
    """Who wants to know about sessions: log and vitals."""

    def logged_on(self, session_id: str) -> None:
        """Logon(A) exchanged."""
        ...

    def logged_out(self, session_id: str, reason: str, clean: bool) -> None:
        """The session ended."""
        ...

    def refused(self, session_id: str, reason: str, text: str) -> None:
        """We sent a BusinessMessageReject(j), or the peer sent a Reject(3)."""
        ...


class Gateway:
    """See the module. `send` answers queries; reports of entries go by the FIX sink."""

    def __init__(
        self,
        engine: Engine,
        send: Answers,
        watcher: Watcher,
        feed: PositionFeed,
        instruments: Iterable[Instrument] = (),
        stages: Stages | None = None,
    ) -> None:
        self._stages = stages
        self.feed = feed
        self._instruments = instruments
        self._engine = engine
        self._desk = engine.desk
        self._send = send
        self._watcher = watcher
        self._routes: dict[type[Any], Callable[[str, Header, Any], None]] = {
            NewOrderSingle: self._new_order,
            OrderCancelRequest: engine.cancel,
            OrderCancelReplaceRequest: engine.replace,
            OrderStatusRequest: self._status,
            OrderMassStatusRequest: self._mass_status,
            OrderMassCancelRequest: engine.mass_cancel,
            RequestForPositions: self._positions,
            CollateralInquiry: self._collateral,
            TradeCaptureReportRequest: self._trades,
            SecurityListRequest: self._securities,
            DontKnowTrade: self._dont_know,
        }

    # --- sessions.Application ----------------------------------------------------------------------------------------

    def on_message(self, session_id: str, header: Header, message: Message | Unserved) -> None:
        """One application message in sequence."""
        if faults.armed:
            faults.point("gateway.read")
        stages = self._stages
        if stages is not None:
            stages.decoded()
        terms = self._desk.sessions[session_id]
        route = self._routes.get(type(message))
        if route is None:
            what = f"MsgType(35)={header.msg_type} is not taken"
            self._refuse(session_id, header, BusinessRejectReason.UNSUPPORTED_MESSAGE_TYPE, what, None)
        elif terms.kind is SessionKind.DROP_COPY:
            what = "A drop copy session takes no requests"
            self._refuse(session_id, header, BusinessRejectReason.NOT_AUTHORIZED, what, _ref_id(message))
        else:
            route(session_id, header, message)
        if stages is not None:
            stages.handled()
        if faults.armed:
            faults.point("gateway.handled")

    def on_logon(self, session_id: str) -> None:
        """The session is up."""
        faults.point("gateway.logged_on")
        self._watcher.logged_on(session_id)

    def on_logout(self, session_id: str, reason: str, clean: bool) -> None:
        """The session is down; its subscriptions end with it."""
        self.feed.end(session_id)
        self._watcher.logged_out(session_id, reason, clean)

    def on_reject(self, session_id: str, header: Header, reject: Reject) -> None:
        """The client refused a message of ours: for people, never answered."""
        self._watcher.refused(session_id, "peer", reject.text or f"RefSeqNum(45)={reject.ref_seq_num}")

    def on_reset(self, session_id: str, reason: str) -> None:
        """Both numbers are 1 again: the journal must know, or it would ask for the old ones."""
        self._engine.session_reset(session_id, reason)
        faults.point("gateway.reset")

    def on_cancel_on_disconnect(self, session_id: str, reason: str) -> None:
        """FIX-APP section 9: the grace has passed."""
        terms = self._desk.sessions[session_id]
        orders = [order for order in self._desk.blotter.open_orders() if protects(terms, order)]
        self._engine.cancel_orders(orders, Initiator.DISCONNECT, text=reason)

    # --- messages ----------------------------------------------------------------------------------------------------

    def _new_order(self, session_id: str, header: Header, message: NewOrderSingle) -> None:
        if message.dry_run:
            order, rejection = self._engine.verdict(session_id, header, message)
            self._send(session_id, queries.dry_run(order, rejection, self._desk.sessions[session_id], self._desk.now))
        else:
            self._engine.new_order(session_id, header, message)

    def _status(self, session_id: str, header: Header, message: OrderStatusRequest) -> None:
        terms = self._desk.sessions[session_id]
        order = self._desk.blotter.find(session_id, message.cl_ord_id)
        if order is None and message.order_id is not None:
            order = self._desk.blotter.order(parse_order_id(message.order_id) or 0)
            if order is not None and order.account not in terms.accounts:
                order = None
        answer = queries.status(message, order, terms)
        self._engine.answer(lambda desk: self._send(session_id, answer))

    def _mass_status(self, session_id: str, header: Header, message: OrderMassStatusRequest) -> None:
        terms = self._desk.sessions[session_id]
        found = queries.mass_status(message, self._desk.blotter.orders(), terms, self._desk.now)
        if isinstance(found, str):
            reason = BusinessRejectReason.CONDITIONALLY_REQUIRED_FIELD_MISSING
            self._refuse(session_id, header, reason, found, message.mass_status_req_id)
            return

        self._tell(session_id, found)

    def _positions(self, session_id: str, header: Header, message: RequestForPositions) -> None:
        wanted = message.subscription_request_type
        if wanted is SubscriptionRequestType.DISABLE_PREVIOUS_SNAPSHOT:
            self.feed.end(session_id, message.pos_req_id)
            return
        found = answers.positions(message, self._now(), self._desk.sessions[session_id])
        if wanted is SubscriptionRequestType.SNAPSHOT_AND_UPDATES and message.account in self._accounts(session_id):
            self.feed.begin(session_id, message)
        self._tell(session_id, found)

    def _collateral(self, session_id: str, header: Header, message: CollateralInquiry) -> None:
        found = answers.collateral(message, self._now(), self._desk.sessions[session_id])
        if isinstance(found, str):
            reason = BusinessRejectReason.CONDITIONALLY_REQUIRED_FIELD_MISSING
            self._refuse(session_id, header, reason, found, message.coll_inquiry_id)
        else:
            self._tell(session_id, found)

    def _trades(self, session_id: str, header: Header, message: TradeCaptureReportRequest) -> None:
        self._tell(session_id, answers.trades(message, self._now(), self._desk.sessions[session_id]))

    def _securities(self, session_id: str, header: Header, message: SecurityListRequest) -> None:
        self._tell(session_id, answers.securities(message, self._instruments, self._now()))

    def _dont_know(self, session_id: str, header: Header, message: DontKnowTrade) -> None:
        """The client does not know a trade of ours: kept and shown, never undone by itself."""
        self._engine.record(
            TradeDoubted(
                order_id=parse_order_id(message.order_id) or 0,
                session_id=session_id,
                msg_seq_num=header.msg_seq_num,
                exec_id=message.exec_id,
                reason=message.dk_reason.value,
                symbol=message.symbol,
                text=message.text,
            )
        )
        self._watcher.refused(session_id, "dont_know_trade", f"ExecID(17) {message.exec_id}: {message.dk_reason.value}")

    def _accounts(self, session_id: str) -> tuple[str, ...]:
        return self._desk.sessions[session_id].accounts

    def _now(self) -> Desk:
        self._engine.refresh()
        return self._desk

    def _tell(self, session_id: str, found: Sequence[Message]) -> None:
        """Send answers, once everything they were computed from is durable."""

        def send(desk: Desk) -> None:
            for each in found:
                self._send(session_id, each)

        self._engine.answer(send)

    def _refuse(
        self, session_id: str, header: Header, reason: BusinessRejectReason, text: str, ref_id: str | None
    ) -> None:
        self._watcher.refused(session_id, reason.value, text)
        self._send(
            session_id,
            BusinessMessageReject(
                ref_seq_num=header.msg_seq_num,
                ref_msg_type=header.msg_type,
                business_reject_ref_id=ref_id,
                business_reject_reason=reason,
                text=text,
            ),
        )


def protects(terms: SessionTerms, order: Order) -> bool:
    """Is the order one that cancel on disconnect of this session takes?"""
    mine = order.account in terms.accounts if terms.cancel_account_orders else order.session_id == terms.session_id
    lasting = order.time_in_force in (TimeInForce.GOOD_TILL_CANCEL, TimeInForce.GTD)
    return mine and not (lasting and terms.cancel_excludes_gt)


REQUEST_IDS = (
    "cl_ord_id", "mass_status_req_id", "pos_req_id", "coll_inquiry_id", "trade_request_id", "security_req_id",
)  # fmt: skip


def _ref_id(message: Message | Unserved) -> str | None:
    """BusinessRejectRefID(379): the request's own id."""
    for name in (
        "cl_ord_id",
        "mass_status_req_id",
        "pos_req_id",
        "coll_inquiry_id",
        "trade_request_id",
        "security_req_id",
    ):
        found = getattr(message, name, None)
        if found is not None:
            return str(found)
    return None
