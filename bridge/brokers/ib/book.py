"""What is known of orders at IB, as far as translation needs it: ids, terms in force, what was told. No record.

An order has four names: our orderRef, (client id, order id) under which it was sent, and permId, which survives
restarts. Order ids of other clients may be equal to ours, ids of orders made by hand are zero.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import structlog

from bridge.brokers.ib.pacer import Ticket
from bridge.brokers.ib.wire import Terms
from bridge.orders.order import Order
from fixspec.enums import Side

log = structlog.get_logger("bridge.brokers.ib")

KEPT = 20_000
"""Ended orders that are remembered, so that late words about them find them."""


class Known:
    """One order at IB."""

    __slots__ = (
        "account",
        "acked",
        "asked",
        "asked_for",
        "asked_heard",
        "cancel_ticket",
        "canceling",
        "change_lost",
        "client_id",
        "contract",
        "doubts",
        "ended",
        "ending",
        "error",
        "fills",
        "heard",
        "held",
        "locating",
        "old_terms_since",
        "order",
        "order_id",
        "perm_id",
        "ref",
        "replace_ticket",
        "retried",
        "side",
        "stated",
        "submit_ticket",
        "suspended",
        "symbol",
        "terms",
    )

    def __init__(self, ref: str | None, client_id: int, order_id: int, perm_id: int) -> None:
        self.ref = ref or None
        self.client_id, self.order_id, self.perm_id = client_id, order_id, perm_id
        self.order: Order | None = None  # as this process submitted it
        self.contract: Any = None
        self.account = ""
        self.symbol = ""
        self.side: Side | None = None
        self.terms: Terms | None = None  # in force, as IB last stated them
        self.heard = False  # IB has said something about it: it has the order
        self.acked = False
        self.held = False
        self.locating = False  # IB looks for shares to borrow: Inactive is alive
        self.suspended = False
        self.ended: str | None = None
        self.ending: tuple[str, str | None] | None = None  # how it ended, told once its executions are here
        self.fills: dict[str, tuple[int, Decimal]] = {}  # root → revision, quantity
        self.stated = Decimal(0)  # what IB calls filled
        self.asked: Terms | None = None  # terms of a change under way
        self.asked_for: Order | None = None
        self.asked_heard = False
        self.change_lost = False  # the connection broke before an answer to the change
        self.old_terms_since: float | None = None
        self.canceling = False
        self.error: tuple[int, str] | None = None
        self.retried = False
        self.doubts = 0  # how often its executions were asked for without news
        self.submit_ticket: Ticket | None = None
        self.replace_ticket: Ticket | None = None
        self.cancel_ticket: Ticket | None = None

    @property
    def cum(self) -> Decimal:
        """Filled, by the executions that are here."""
        return sum((qty for _, qty in self.fills.values()), Decimal(0))

    @property
    def sent(self) -> bool:
        """The submit has left, as far as we can tell."""
        return self.submit_ticket is not None and self.submit_ticket.sent

    @property
    def unanswered(self) -> bool:
        """It was sent and nothing was heard."""
        return self.sent and not self.heard and self.ended is None


class Book:
    """All of them, by every name."""

    def __init__(self, client_id: int) -> None:
        self._client_id = client_id
        self._by_ref: dict[str, Known] = {}
        self._by_id: dict[int, Known] = {}
        self._by_perm: dict[int, Known] = {}
        self._ended: list[Known] = []
        self.twins = 0

    def __iter__(self) -> Iterator[Known]:
        """Every order that has not ended."""
        seen = {id(known): known for table in (self._by_ref, self._by_perm) for known in table.values()}
        return iter([known for known in seen.values() if known.ended is None])

    def add(self, known: Known) -> None:
        """An order that is about to be sent."""
        assert known.ref is not None
        self._by_ref[known.ref] = known
        self._by_id[known.order_id] = known

    def renumber(self, known: Known, order_id: int) -> None:
        """Another order id of ours for the same order."""
        self._by_id.pop(known.order_id, None)
        known.order_id = order_id
        self._by_id[order_id] = known

    def by_ref(self, ref: str | None) -> Known | None:
        """By our own id."""
        return None if ref is None else self._by_ref.get(ref)

    def by_perm(self, perm_id: int) -> Known | None:
        """By IB's permanent id."""
        return self._by_perm.get(perm_id)

    def by_order_id(self, order_id: int) -> Known | None:
        """By an order id of our client."""
        return self._by_id.get(order_id)

    def find(self, ref: str, client_id: int, order_id: int, perm_id: int) -> Known | None:
        """By the best name given: permId first, because an orderRef may turn up under two of them."""
        found = self._by_perm.get(perm_id) if perm_id else None
        if found is None and ref:
            found = self._by_ref.get(ref)
            if found is not None and perm_id and found.perm_id not in {0, perm_id}:
                return None
        if found is None and order_id and client_id == self._client_id:
            found = self._by_id.get(order_id)
            if found is not None and ((perm_id and found.perm_id not in {0, perm_id}) or (ref and found.ref != ref)):
                return None
        return found

    def met(self, ref: str, client_id: int, order_id: int, perm_id: int) -> Known:
        """The order that IB names so; a new entry when it is not known."""
        found = self.find(ref, client_id, order_id, perm_id)
        if found is None:
            twin = self._by_ref.get(ref) if ref else None
            if twin is not None:
                # A change that IB took during an outage can leave two living orders of one reference. The second one
                # is nobody's: it is adopted as external and counted in risk.
                self.twins += 1
                log.critical("one orderRef has two orders at IB", ref=ref, first=twin.perm_id, second=perm_id)
            found = Known(None if twin is not None else ref, client_id, order_id, perm_id)
            if found.ref is not None:
                self._by_ref[found.ref] = found
        if perm_id and found.perm_id != perm_id:
            found.perm_id = perm_id
        if found.perm_id:
            self._by_perm[found.perm_id] = found
        if order_id and client_id == self._client_id and found.order_id != order_id:
            found.order_id, found.client_id = order_id, client_id
        if found.order_id and found.client_id == self._client_id:
            self._by_id.setdefault(found.order_id, found)
        return found

    def end(self, known: Known, how: str) -> None:
        """Nothing works of it any more; the oldest ended ones are forgotten."""
        known.ended = how
        self._ended.append(known)
        if len(self._ended) > KEPT:
            for old in self._ended[: KEPT // 10]:
                self._forget(old)
            del self._ended[: KEPT // 10]

    def _forget(self, known: Known) -> None:
        if known.ref is not None and self._by_ref.get(known.ref) is known:
            del self._by_ref[known.ref]
        if self._by_id.get(known.order_id) is known:
            del self._by_id[known.order_id]
        if self._by_perm.get(known.perm_id) is known:
            del self._by_perm[known.perm_id]
