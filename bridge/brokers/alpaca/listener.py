"""Alpaca's words → reports: trade updates, order bodies and activity rows, each possibly repeated, late or missing.

Executions make fills, one by one, by Alpaca's execution id. A status makes no fill: where it shows more filled than
was told, the executions are fetched (`missing`), and what ends the order is told after them. Rows cited are those of
the mapping in docs/alpaca.md.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import structlog

from bridge.brokers.alpaca import wire
from bridge.brokers.alpaca.seen import Orders, Seen
from bridge.brokers.alpaca.wire import Json, Unreadable
from bridge.orders.events import Source
from bridge.orders.reports import (
    Acknowledged,
    Busted,
    Canceled,
    CancelRefused,
    DoneForDay,
    Executed,
    Expired,
    Refused,
    Replaced,
    ReplaceRefused,
    Report,
    Restated,
    Suspended,
)
from fixspec.enums import CxlRejReason, ExecRestatementReason

log = structlog.get_logger("bridge.brokers.alpaca")

FILLS = frozenset({"fill", "partial_fill"})
SILENT = frozenset({"pending_new", "pending_cancel", "pending_replace", "calculated", "stopped"})
"""Events that need no report: the engine tells pending states itself when a client asked."""
HELD = frozenset({"accepted", "accepted_for_bidding", "held"})
STOPS = frozenset({"stop", "stop_limit", "trailing_stop"})


class Listener:
    """Turns what Alpaca says into reports, each once. Everything happens on the loop."""

    def __init__(
        self,
        name: str,
        account: str,
        *,
        say: Callable[[Report], None],
        missing: Callable[[Seen], None],
        ask: Callable[[Seen], None],
        clock: Callable[[], float],
    ) -> None:
        """`missing`: fetch this order's executions; `ask`: fetch its state. Both are asynchronous and answer by
        `executions` and `body`. `clock` gives monotonic seconds.
        """
        self._name = name
        self._account = account
        self._say = say
        self._missing = missing
        self._ask = ask
        self._clock = clock
        self.orders = Orders()
        self.expected: dict[str, str] = {}  # Alpaca id of an order → client id of the replacement we asked for
        self.duplicates = 0
        self.unknown: Counter[str] = Counter()
        self._roots: dict[str, tuple[str, int]] = {}  # id of a corrected execution → root, revision

    # --- the stream ---------------------------------------------------------------------------------------------------

    def update(self, data: Json) -> None:
        """One trade update. Raises Unreadable; then nothing of it has been told and the caller must compare."""
        body = data.get("order")
        if not isinstance(body, dict):
            raise Unreadable("an update without its order")
        event = wire.word(data, "event")
        seen = self._met(body)
        seen.heard += 1
        if event in FILLS:
            self._fill(seen, body, data, event)
        elif event == "replaced":
            self._replaced(seen, body, Source.LIVE)
        elif event == "order_replace_rejected":
            self._replacement_refused(seen, _why(data, body, "the replace was refused"))
        elif event == "order_cancel_rejected":
            text = _why(data, body, "the cancel was refused")
            if seen.stopping is not None:
                self._replacement_refused(seen, text)
            else:
                seen.canceling = False
                self.after_fills(seen, self._report(CancelRefused, seen, cxl_rej_reason=CxlRejReason.OTHER, text=text))
        elif event in {"trade_bust", "trade_correct"}:
            self._corrected(seen, body, data, event)
        elif event == "restated":
            self._restated(seen, body)
        elif event not in SILENT:
            self._state(seen, body, event, Source.LIVE, data)
        self._check(seen)

    def body(self, body: Json, source: Source = Source.LIVE) -> Seen:
        """An order as REST states it, which may be older or newer than what the stream said. Raises Unreadable."""
        seen = self._met(body)
        status = wire.word(body, "status")
        if status == "replaced":
            self._replaced(seen, body, source)
        elif status == "filled":
            self._in_force(seen)
            # fills acknowledge; only their executions end the order
            self.orders.end(seen)
            self._filled(seen)
        elif status == "partially_filled":
            self._acknowledge(seen, body, source)
        elif status not in SILENT:
            self._state(seen, body, status, source, {})
        self._check(seen)
        return seen

    def executions(self, rows: Iterable[Executed], asked: Iterable[Seen] = ()) -> None:
        """Executions as the list of activities has them; those told already say nothing. `asked`: orders of which
        these are all there are.
        """
        touched = {seen.id: seen for seen in asked}
        for row in rows:
            seen = self.orders.get(row.broker_order_id)
            if seen is None:
                continue
            touched[seen.id] = seen
            if row.broker_exec_id in seen.executions:
                continue
            self._executed(seen, row)
        for seen in touched.values():
            if seen in asked:
                seen.asked_at = self._clock()
            self._check(seen, again=False)

    def known_id(
        self, order_id: str, execution_id: str, place: tuple[Decimal | None, Decimal, Decimal], *, listed: bool
    ) -> str:
        """The id under which an execution was told first.

        Alpaca does not promise that the stream and the list of activities give it the same id, though they do. One
        that the other source gave another id is recognised by its `place`: its order's total after it, quantity and
        price. Two ids of one source are always two executions.
        """
        seen = self.orders.get(order_id)
        if seen is None or place[0] is None or execution_id in seen.executions:
            return execution_id
        told, from_list = seen.places.setdefault(place, (execution_id, listed))
        if told == execution_id or from_list == listed:
            return execution_id
        self.unknown["execution id differs between stream and list"] += 1
        return told

    # --- what is covered ----------------------------------------------------------------------------------------------

    def covered(self, seen: Seen) -> bool:
        """Every unit the broker calls filled has been told as an execution.

        Whether a replacement counts the fills of the order before it is not documented: both are taken, the second
        only once its own executions have been asked for.
        """
        if seen.filled_qty <= seen.executed:
            return True
        return seen.asked_at > 0 and seen.filled_qty == seen.executed + self.orders.earlier(seen)

    def give_up(self, seen: Seen) -> None:
        """The executions are nowhere to be found: what waits for them is told now, the difference is a break that
        reconciliation reports.
        """
        waiting, seen.waiting = seen.waiting, []
        for report in waiting:
            self._say(report)

    def _check(self, seen: Seen, *, again: bool = True) -> None:
        if self.covered(seen):
            self.give_up(seen)
        elif again:
            self._missing(seen)

    def after_fills(self, seen: Seen, report: Report) -> None:
        """Tell something once every fill of the order before it has been told."""
        if self.covered(seen):
            self._say(report)
        else:
            seen.waiting.append(report)

    # --- events -------------------------------------------------------------------------------------------------------

    def introduce(self, order_id: str, client_id: str | None) -> Seen:
        """An order of ours that Alpaca knows as `order_id`."""
        seen = self.orders.get(order_id) or self.orders.add(order_id, client_id)
        if seen.client_id is None:
            self.orders.rename(seen, client_id)
        return seen

    def _met(self, body: Json) -> Seen:
        order_id = wire.word(body, "id")
        client_id = body.get("client_order_id")
        before_id = body.get("replaces")
        seen = self.orders.get(order_id)
        if isinstance(before_id, str):
            before = self.orders.get(before_id) or self.orders.add(before_id, None)
            seen = seen or self.orders.add(order_id, None)
            seen.before = before.id
            if seen.client_id is None:
                self._place(seen, before, client_id, body)
        elif seen is None:
            seen = self.orders.add(order_id, client_id if isinstance(client_id, str) else None)
        elif seen.client_id is None and isinstance(client_id, str):
            self.orders.rename(seen, client_id)
        seen.notional = body.get("notional") is not None
        seen.created = body.get("created_at") or body.get("submitted_at") or seen.created
        filled = wire.optional(body, "filled_qty")
        if filled is not None and filled > seen.filled_qty:
            seen.filled_qty = filled
        replaced = self.orders.get(seen.before)
        if replaced is not None and replaced.after == seen.id:
            self._in_force(seen)
        return seen

    def _place(self, seen: Seen, before: Seen, client_id: Any, body: Json) -> None:
        """Whose replacement is it? The one we asked for bears its own id; any other stays under the id we know."""
        if before.client_id is None or self.expected.get(before.id) == client_id:
            self.orders.rename(seen, client_id if isinstance(client_id, str) else None)
        else:
            self.orders.rename(seen, before.client_id)
            seen.terms = {key: wire.optional(body, key) for key in ("qty", "limit_price", "stop_price")}

    def _acknowledge(self, seen: Seen, body: Json, source: Source, *, held: bool = False) -> None:
        self._in_force(seen)
        held = held or (body.get("type") in STOPS and body.get("status") != "partially_filled")
        if seen.ended or seen.executions or (seen.acked and (held or not seen.held)):
            return
        seen.acked, seen.held = True, held
        self._say(self._report(Acknowledged, seen, held=held, source=source, transact_time=_time(body)))

    def _state(self, seen: Seen, body: Json, word: str, source: Source, data: Json) -> None:
        at = wire.moment(data.get("timestamp")) or _time(body)
        if word == "new":
            self._acknowledge(seen, body, source)
        elif word in HELD:
            before = self.orders.get(seen.before)
            if before is not None and before.after != seen.id:
                return  # an accepted PATCH promises nothing yet
            self._acknowledge(seen, body, source, held=True)
        elif word == "rejected":
            self._rejected(seen, body, data, source, at)
        elif word in {"canceled", "expired"}:
            self._ended(seen, body, word, source, data, at)
        elif word == "done_for_day":
            self._in_force(seen)
            self.after_fills(seen, self._report(DoneForDay, seen, source=source, transact_time=at))
        elif word == "suspended":
            self._say(self._report(Suspended, seen, source=source, transact_time=at, text=_why(data, body, None)))
        else:
            self.unknown[word] += 1
            log.warning("unknown word of the broker", broker=self._name, word=word, order=seen.id)
            if source is Source.LIVE:
                self._ask(seen)

    def _ended(self, seen: Seen, body: Json, word: str, source: Source, data: Json, at: Any) -> None:
        self._in_force(seen)
        if seen.ended:
            return
        self.orders.end(seen)
        text = _why(data, body, None)
        if word == "expired":
            self.after_fills(seen, self._report(Expired, seen, source=source, transact_time=at, text=text))
            return
        if seen.stopping is not None:
            # a replace to what is filled already: the rest is gone, and so it is in force
            self.expected.pop(seen.id, None)
            self.after_fills(seen, self._report(Replaced, seen, source=source, transact_time=at, emulated=True))
            return
        # what nobody asked for needs a reason, except where the time in force is the reason
        immediate = body.get("time_in_force") in {"ioc", "fok"}
        reason = None if immediate else ExecRestatementReason.OTHER
        report = self._report(Canceled, seen, source=source, transact_time=at, text=text, reason=reason)
        self.after_fills(seen, report)

    def _rejected(self, seen: Seen, body: Json, data: Json, source: Source, at: Any) -> None:
        text = _why(data, body, "rejected by the broker")
        before = self.orders.get(seen.before)
        if before is not None and not seen.in_force:
            self.orders.end(seen)
            if before.after == seen.id:
                before.after = None
            self._replacement_refused(before, text)
            return
        if seen.ended:
            return
        self.orders.end(seen)
        self.after_fills(seen, self._report(Refused, seen, source=source, transact_time=at, text=text or "rejected"))

    # --- replaces -----------------------------------------------------------------------------------------------------

    def expect(self, order_id: str, client_id: str) -> None:
        """A replace of this order is on its way under our id `client_id`."""
        self.expected[order_id] = client_id

    def _replaced(self, seen: Seen, body: Json, source: Source) -> None:
        """The old order's word, with its old terms: it is over. Its replacement follows by itself, or is asked for."""
        self.orders.end(seen)
        later_id = body.get("replaced_by")
        if not isinstance(later_id, str):
            if source is Source.LIVE:
                self._ask(seen)  # once: the answer comes from another source
            return
        seen.after = later_id
        later = self.orders.get(later_id)
        if later is None:
            later = self.orders.add(later_id, None)
            later.before = seen.id
        if later.client_id is None:
            self._ask(later)  # whose it is and on what terms only it can say
        else:
            self._in_force(later)

    def _in_force(self, seen: Seen) -> None:
        """A replacement works, by any sign of life of its own or by the old order's `replaced`: told once."""
        before = self.orders.get(seen.before)
        if before is None or seen.in_force:
            return
        seen.in_force = seen.acked = True
        before.after = seen.id
        if seen.terms is None:
            self.expected.pop(before.id, None)
        if not before.ended:
            self.orders.end(before)
        terms = seen.terms or {}
        report = self._report(
            Replaced,
            seen,
            order_qty=terms.get("qty"),
            price=terms.get("limit_price"),
            stop_px=terms.get("stop_price"),
        )
        if self.covered(before):
            self._say(report)
        else:
            before.waiting.append(report)
            self._missing(before)

    def _replacement_refused(self, before: Seen, text: str | None) -> None:
        client_id = self.expected.pop(before.id, None)
        before.stopping = None
        if client_id is None:
            return
        reason = CxlRejReason.TOO_LATE_TO_CANCEL if before.ended else CxlRejReason.BROKER_OPTION
        report = ReplaceRefused(
            broker=self._name,
            broker_client_id=client_id,
            broker_order_id=before.id,
            cxl_rej_reason=reason,
            text=text or "the replace was refused",
        )
        self.after_fills(before, report)

    # --- executions ---------------------------------------------------------------------------------------------------

    def _fill(self, seen: Seen, body: Json, data: Json, event: str) -> None:
        self._in_force(seen)
        execution_id = data.get("execution_id")
        cum_qty = wire.optional(body, "filled_qty")
        if not isinstance(execution_id, str) or not execution_id:
            if cum_qty is None:
                raise Unreadable("a fill that says neither which nor how much")
            return  # no id, no execution: `_check` sees what is missing and fetches it
        last_qty, last_px = wire.decimal(data, "qty"), wire.decimal(data, "price")
        execution_id = self.known_id(seen.id, execution_id, (cum_qty, last_qty, last_px), listed=False)
        if execution_id in seen.executions:
            self.duplicates += 1
            return
        row = Executed(
            broker=self._name,
            broker_client_id=seen.client_id,
            broker_order_id=seen.id,
            broker_exec_id=execution_id,
            exec_root=execution_id,
            symbol=wire.word(body, "symbol"),
            side=wire.side(body),
            account=self._account,
            last_qty=last_qty,
            last_px=last_px,
            transact_time=wire.moment(data.get("timestamp")) or _time(body),
        )
        if event == "fill":
            self.orders.end(seen)
        self._executed(seen, row)
        if event == "fill":
            self._filled(seen)

    def _filled(self, seen: Seen) -> None:
        """Filled before a request of ours could do anything: it is refused as too late, after the last fill."""
        text = "filled before the request"
        if seen.canceling:
            seen.canceling = False
            reason = CxlRejReason.TOO_LATE_TO_CANCEL
            self.after_fills(seen, self._report(CancelRefused, seen, cxl_rej_reason=reason, text=text))
        if seen.stopping is not None:
            self._replacement_refused(seen, text)

    def _executed(self, seen: Seen, row: Executed) -> None:
        seen.executions[row.broker_exec_id] = row.last_qty
        seen.acked = True
        if seen.notional and seen.ended and not seen.restated and self.covered(seen):
            # An order by value has no quantity until it is filled: now it has, and its last fill completes it.
            seen.restated = True
            self._say(
                self._report(
                    Restated,
                    seen,
                    reason=ExecRestatementReason.OTHER,
                    order_qty=seen.executed,
                    text="CashOrderQty(152) came to this quantity",
                )
            )
        self._say(row)

    def _corrected(self, seen: Seen, body: Json, data: Json, event: str) -> None:
        """trade_bust and trade_correct: `previous_execution_id` names what they are about."""
        execution_id = wire.word(data, "execution_id")
        about = data.get("previous_execution_id") or execution_id
        root, revision = self._roots.get(about, (about, 0))
        self._roots[execution_id] = (root, revision + 1)
        at = wire.moment(data.get("timestamp"))
        if event == "trade_bust":
            seen.executions.pop(about, None)
            self._say(self._report(Busted, seen, exec_root=root, broker_exec_id=execution_id, transact_time=at))
            seen.filled_qty = min(seen.filled_qty, wire.optional(body, "filled_qty") or Decimal(0))
            return
        qty = wire.decimal(data, "qty")
        seen.executions.pop(about, None)
        seen.executions[execution_id] = qty
        seen.filled_qty = wire.optional(body, "filled_qty") or seen.filled_qty
        self._say(
            Executed(
                broker=self._name,
                broker_client_id=seen.client_id,
                broker_order_id=seen.id,
                broker_exec_id=execution_id,
                exec_root=root,
                revision=revision + 1,
                symbol=wire.word(body, "symbol"),
                side=wire.side(body),
                account=self._account,
                last_qty=qty,
                last_px=wire.decimal(data, "price"),
                transact_time=at,
            )
        )

    def _restated(self, seen: Seen, body: Json) -> None:
        self._say(
            self._report(
                Restated,
                seen,
                reason=ExecRestatementReason.OTHER,
                order_qty=wire.optional(body, "qty"),
                price=wire.optional(body, "limit_price"),
                stop_px=wire.optional(body, "stop_price"),
                text="restated by the broker",
            )
        )

    def _report(self, kind: type[Report], seen: Seen, **fields: Any) -> Report:
        return kind(broker=self._name, broker_client_id=seen.client_id, broker_order_id=seen.id, **fields)


def _time(body: Json) -> Any:
    return wire.moment(body.get("updated_at") or body.get("submitted_at") or body.get("created_at"))


def _why(data: Json, body: Json, fallback: str | None) -> str | None:
    for found in (data.get("reason"), body.get("reject_reason"), body.get("reason"), data.get("message")):
        if isinstance(found, str) and found:
            return found
    return fallback
