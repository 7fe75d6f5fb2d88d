"""The sink that calls adapters: OrderRouted → submit, CancelRequested → cancel, ReplaceRequested → replace.

Its cursor is always the end of the journal: after a restart orders are reconciled with the broker by our id and never
submitted twice. A request that has to wait for the broker's answer to an earlier one is sent when that answer is there.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from bridge import faults
from bridge.interfaces import BrokerAdapter
from bridge.orders.events import (
    CancelRejected,
    CancelRequested,
    Entry,
    OrderAccepted,
    OrderReplaced,
    OrderRouted,
    ReplaceRequested,
    Request,
)
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode
from bridge.orders.reports import Canceled, NoAnswer, Refused, Report
from bridge.stages import Stages

# Looked up once: until Python 3.12 an attribute of an Enum class costs more than a call.
SUBMIT = Request.SUBMIT
CANCEL = Request.CANCEL
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Show = Callable[[Entry, Order], None]


class Router:
    """`report` takes what the router itself has to say; `now_ns` is the time of the release, not of the decision."""

    name = "router"

    def __init__(
        self,
        adapters: Mapping[str, BrokerAdapter],
        report: Callable[[Report], None],
        now_ns: Callable[[], int],
        *,
        max_order_age_ns: int = 10_000_000_000,
        cursor: int = 0,
        stages: Stages | None = None,
    ) -> None:
        self.cursor = cursor
        self._stages = stages
        self._adapters = adapters
        self._report = report
        self._now_ns = now_ns
        self._max_order_age_ns = max_order_age_ns
        self._withdrawn: set[int] = set()
        self._sent_ahead: set[int] = set()
        self._rules: dict[type[Any], Show] = {
            OrderRouted: self._routed,
            CancelRequested: self._cancel_requested,
            ReplaceRequested: self._replace_requested,
            OrderAccepted: self._answered,
            OrderReplaced: self._answered,
            CancelRejected: self._answered,
        }
        self.events = frozenset(self._rules)

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """Act on one entry; everything else is none of the router's business."""
        self.cursor = entry.seq
        rule = self._rules.get(type(entry.event))
        if rule is not None and order is not None:
            rule(entry, order)

    def withdraw(self, order: Order) -> None:
        """The order's submit still waits for its flush and a cancel came: it will not be sent."""
        self._withdrawn.add(order.order_id)

    def cancel_ahead(self, order: Order, seq: int) -> None:
        """Send a cancel before its entry is durable: it may be repeated without harm (DURABILITY rule 2)."""
        if self._may_cancel(order):
            self._sent_ahead.add(seq)
            self._call(order, CANCEL)

    def cancel_again(self, order: Order) -> None:
        """Send a cancel whatever else is under way: repeated, or because nothing can be recorded any more."""
        if order.routed and order.order_id not in self._withdrawn:
            self._call(order, CANCEL)

    def _may_cancel(self, order: Order) -> bool:
        # Queued behind the acknowledgement (row B.1.d) and behind a pending replace (FIX-APP 6): sent when it resolves.
        # An order of unknown outcome is asked for first, and cancelled by what the answer says.
        return (order.accepted or bool(order.cum_qty)) and order.pending_replace is None

    def _routed(self, entry: Entry, order: Order) -> None:
        if entry.event.claimed:  # type: ignore[union-attr]
            return
        if order.order_id in self._withdrawn:
            self._withdrawn.discard(order.order_id)
            self._report(Canceled(broker=order.broker, broker_client_id=order.broker_client_id))
            return
        age_ns = self._now_ns() - _ns(entry)
        if age_ns > self._max_order_age_ns:
            text = f"waited {age_ns / 1e9:.1f} s for the journal, more than max_order_age"
            self._report(
                Refused(
                    broker=order.broker, broker_client_id=order.broker_client_id, code=ReasonCode.STALE_ORDER, text=text
                )
            )
            return
        self._call(order, SUBMIT)

    def _cancel_requested(self, entry: Entry, order: Order) -> None:
        if entry.seq in self._sent_ahead:
            self._sent_ahead.discard(entry.seq)
        elif order.order_id not in self._withdrawn and self._may_cancel(order):
            self._call(order, CANCEL)

    def _replace_requested(self, entry: Entry, order: Order) -> None:
        if order.pending_replace is not None:
            self._call(order, Request.REPLACE)

    def _answered(self, entry: Entry, order: Order) -> None:
        """A cancel that waited for this answer goes out now."""
        if order.pending_cancel is not None and order.open and self._may_cancel(order):
            self._call(order, CANCEL)

    def _call(self, order: Order, request: Request) -> None:
        adapter = self._adapters.get(order.broker)
        if adapter is None:
            self._no_answer(order, request, f"{order.broker} is not configured")
            return
        try:
            if faults.armed:
                faults.point(f"router.{request.value}")
            if request is SUBMIT:
                stages = self._stages
                began = stages.perf_ns() if stages is not None else 0
                adapter.submit(order)
                if stages is not None:
                    stages.routed(began, order)
            elif request is CANCEL:
                adapter.cancel(order)
            else:
                adapter.replace(order)
        except Exception as error:  # noqa: BLE001 - whatever broke, bytes may have left: the outcome is unknown
            self._no_answer(order, request, f"{type(error).__name__}: {error}")
        if faults.armed:
            faults.point(f"router.{request.value}.sent")

    def _no_answer(self, order: Order, request: Request, text: str) -> None:
        self._report(NoAnswer(broker=order.broker, broker_client_id=order.broker_client_id, request=request, text=text))


def _ns(entry: Entry) -> int:
    since = entry.time - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
