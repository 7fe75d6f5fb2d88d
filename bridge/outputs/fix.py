"""The sink that tells FIX sessions: every entry of an order to the session that owns it, and copies to drop copy.

Its cursor is kept per session by the session's store (`Store.last_origin`): after a restart each session gets
exactly the
reports above what its store has, marked PossResend(97)=Y because the client may have seen them under another number.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace as exchange

from bridge.orders.events import (
    CancelRejected,
    CancelRequested,
    DuplicateRefused,
    Entry,
    MassCancelRequested,
    OrderReceived,
    ReplaceRequested,
)
from bridge.orders.order import Order
from bridge.orders.terms import SessionKind, SessionTerms
from bridge.outputs.reports import TELLING, Answer, report
from fixspec.messages import Message
from fixspec.sparse import Sparse

Send = Callable[[str, Message | Sparse, int, bool], None]
"""(session_id, message, origin seq, possible resend)"""


class FixReports:
    """ExecutionReport(8) and OrderCancelReject(9) for order entry sessions and drop copies.

    A session's cursor is the journal `seq` of the newest report its store holds.
    """

    name = "fix"

    def __init__(self, terms: Iterable[SessionTerms], send: Send) -> None:
        self._terms = {each.session_id: each for each in terms}
        self._copies = [each for each in self._terms.values() if each.kind is not SessionKind.ORDER_ENTRY]
        self._send = send
        self._cursors: dict[str, int] = {}
        self.replaying = False
        acknowledged = any(each.ack_pending_new for each in self._terms.values())
        self.events = TELLING | {OrderReceived} if acknowledged else TELLING

    def resume(self, cursors: Mapping[str, int]) -> None:
        """From now on entries are shown again; each session is told only those above its own cursor."""
        self._cursors = dict(cursors)
        self.replaying = True

    @property
    def cursor(self) -> int:
        """The oldest of the sessions' cursors."""
        return min((self._cursors.get(name, 0) for name in self._terms), default=0)

    def missing(self, told: Mapping[tuple[str, str], int]) -> int | None:
        """The oldest cursor of a session with something to be told above it; None when each has what concerns it.

        `told` is `Blotter.told`. A session that was idle for a year has an old cursor and misses nothing.
        """
        cursors = (
            (self._cursors.get(name, 0), max((told[key] for key in told if concerns(terms, *key)), default=0))
            for name, terms in self._terms.items()
        )
        return min((cursor for cursor, newest in cursors if cursor < newest), default=None)

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """Tell whoever is concerned."""
        terms = self._terms.get(asked_by(entry, order))
        if terms is not None and terms.kind is SessionKind.ORDER_ENTRY:
            self._tell(entry, order, terms)
        if self._copies and order is not None:
            for copy in self._copies:
                if wants(copy, order):
                    self._tell(entry, order, copy)

    def _tell(self, entry: Entry, order: Order | None, terms: SessionTerms) -> None:
        if self.replaying and entry.seq <= self._cursors.get(terms.session_id, 0):
            return
        answer: Answer | None = report(entry, order, terms)
        if answer is None:
            return
        if terms.kind is not SessionKind.ORDER_ENTRY:
            answer = copied(answer)
        self._send(terms.session_id, answer, entry.seq, self.replaying)


ANSWERS = frozenset({MassCancelRequested, CancelRejected, CancelRequested, ReplaceRequested, DuplicateRefused})


def asked_by(entry: Entry, order: Order | None) -> str:
    """The session to be told: who asked, where the entry answers a request; else the owner of the order."""
    event = entry.event
    if type(event) in ANSWERS:
        asked: str = event.session_id  # type: ignore[union-attr]
        if asked or isinstance(event, MassCancelRequested):
            return asked
    return order.session_id if order is not None else ""


def copied(answer: Answer) -> Answer:
    """The answer marked as a copy, CopyMsgIndicator(797)=Y."""
    if isinstance(answer, Sparse):
        return Sparse(answer.cls, {**answer.fields, "copy_msg_indicator": True})
    return exchange(answer, copy_msg_indicator=True)


def wants(copy: SessionTerms, order: Order) -> bool:
    """Does this drop copy take reports of the order's account and session?"""
    return takes(copy, order.session_id, order.account)


def takes(copy: SessionTerms, session_id: str, account: str) -> bool:
    """Does this drop copy take reports of an account's orders from a session?"""
    if copy.drop_accounts and account not in copy.drop_accounts:
        return False
    return not copy.drop_sessions or session_id in copy.drop_sessions


def concerns(terms: SessionTerms, session_id: str, account: str) -> bool:
    """Are these terms told of orders of this session and account? An empty account stands for answers to requests,
    of which there are no copies.
    """
    if terms.kind is SessionKind.ORDER_ENTRY:
        return session_id == terms.session_id
    return bool(account) and takes(terms, session_id, account)
