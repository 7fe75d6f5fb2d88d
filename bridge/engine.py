"""The single writer: decide, commit. Nothing else changes state.

`commit` journals a batch, folds it and shows it to the sinks through the gate. One call is finished before the next
begins:
what arrives meanwhile (an adapter that reports from inside `submit`) waits its turn.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from bridge import decide
from bridge.costs import arrival
from bridge.desk import Desk
from bridge.gate import Gate, Shown, concerned
from bridge.interfaces import Clock, EventSink, Journal, JournalError, RiskLayer
from bridge.orders.blotter import Blotter
from bridge.orders.events import Entry, Event, Initiator, OrderEvent, OrderFilled, SessionReset, event_account
from bridge.orders.order import Order
from bridge.orders.reasons import Rejection
from bridge.orders.reports import Report
from bridge.stages import Stages
from fixspec.messages import (
    Header,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMassCancelRequest,
)


class CancelLane(Protocol):
    """The part of the router that cancels use when they cannot wait for the journal."""

    def withdraw(self, order: Order) -> None:
        """Do not submit it when its turn comes."""
        ...

    def cancel_ahead(self, order: Order, seq: int) -> None:
        """Send the cancel of entry `seq` now, where the broker can take it already."""
        ...

    def cancel_again(self, order: Order) -> None:
        """Send a cancel now, whatever else is under way."""
        ...


class Follower(Protocol):
    """Somebody who folds along inside the engine's turn, before any sink: risk sums. As a sink it may have `events`."""

    def on_entry(self, entry: Entry, before: Order | None, after: Order | None) -> None:
        """One entry with the order before and after it."""
        ...


Follow = Callable[[Entry, Order | None, Order | None], None]


class Engine:
    """See the module. `perf_ns` is a clock for durations, ns; `failed` is told once when the journal has failed; `due`
    says what risk wants committed because of what was.
    """

    def __init__(
        self,
        *,
        desk: Desk,
        journal: Journal,
        risk: RiskLayer,
        clock: Clock,
        sinks: Iterable[EventSink],
        router: CancelLane,
        sink_failed: Callable[[EventSink, Entry, Exception], None],
        journal_failed: Callable[[str], None],
        followers: Sequence[Follower] = (),
        stages: Stages | None = None,
        due: Callable[[], Sequence[Event]] = tuple,
    ) -> None:
        self.desk = desk
        self._blotter: Blotter = desk.blotter
        self._journal = journal
        self._risk = risk
        self._clock = clock
        self._router = router
        self._stages = stages
        self._followers: tuple[Follower, ...] = (*followers, stages) if stages is not None else tuple(followers)
        self._following: dict[type[Event], tuple[Follow, ...]] = {}  # by kind of event, made when first seen
        self._journal_failed = journal_failed
        self._due = due
        self.gate = Gate(journal, sinks, sink_failed)
        self._queue: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._busy = False
        desk.next_seq = journal.next_seq

    # --- turns -------------------------------------------------------------------------------------------------------

    def turn(self, work: Callable[..., None], *args: Any) -> None:
        """Run `work(*args)` now, or after the running call when there is one. The view's time is set once per piece of
        work, and what follows from it (`due`: a strategy disabled for what it did) is committed with it.
        """
        queue = self._queue
        if self._busy:
            queue.append((work, args))
            return
        self._busy = True
        desk, journal, utc_ns, due = self.desk, self._journal, self._clock.utc_ns, self._due
        try:
            while True:
                desk.now_ns = utc_ns()
                desk.next_seq = journal.next_seq
                work(*args)
                events = due()
                if events and desk.unavailable is None:
                    desk.next_seq = journal.next_seq
                    self.commit(events)
                if not queue:
                    return
                work, args = queue.popleft()
        finally:
            self._busy = False

    def refresh(self) -> None:
        """Bring the view's time up to now, for who looks at it between pieces of work."""
        if not self._busy:
            self._begin()

    def _begin(self) -> None:
        desk = self.desk
        desk.now_ns = self._clock.utc_ns()
        desk.next_seq = self._journal.next_seq

    # --- the client's side -------------------------------------------------------------------------------------------

    def new_order(self, session_id: str, header: Header, message: NewOrderSingle) -> None:
        """NewOrderSingle(D)."""
        self.turn(self._new_order, session_id, header, message)

    def _new_order(self, session_id: str, header: Header, message: NewOrderSingle) -> None:
        desk, stages = self.desk, self._stages
        began = stages.since() if stages is not None else 0
        desk.count_message(session_id)
        met = arrival(desk.quotes.quote(message.symbol), desk.now_ns, desk.quote_max_age_ns)
        order_id = desk.next_seq
        shown = self.commit(decide.new_order(desk, desk.sessions[session_id], header, message, self._risk, met))
        if stages is not None:
            entry, order = shown[-1]
            mine = order is not None and order.order_id == order_id
            stages.handed_over(began, order if mine else None, entry.seq)

    def verdict(self, session_id: str, header: Header, message: NewOrderSingle) -> tuple[Order, Rejection | None]:
        """DryRun(5746): the order as it would be and why it would be refused; nothing is recorded."""
        self._begin()
        return decide.verdict(self.desk, self.desk.sessions[session_id], header, message, self._risk)

    def replace(self, session_id: str, header: Header, message: OrderCancelReplaceRequest) -> None:
        """OrderCancelReplaceRequest(G)."""

        def work() -> None:
            self.desk.count_message(session_id)
            terms = self.desk.sessions[session_id]
            self.commit(decide.replace(self.desk, terms, header, message, self._risk))

        self.turn(work)

    def cancel(self, session_id: str, header: Header, message: OrderCancelRequest) -> None:
        """OrderCancelRequest(F): meets no risk rule and waits for nothing."""

        def work() -> None:
            events = decide.cancel(self.desk, self.desk.sessions[session_id], header, message)
            self._commit_cancels(events)

        self.turn(work)

    def mass_cancel(self, session_id: str, header: Header, message: OrderMassCancelRequest) -> None:
        """OrderMassCancelRequest(q)."""

        def work() -> None:
            self._commit_cancels(decide.mass_cancel(self.desk, self.desk.sessions[session_id], header, message))

        self.turn(work)

    def cancel_orders(
        self, orders: Iterable[Order], initiator: Initiator, *, mass_id: int = 0, text: str, again: bool = False
    ) -> None:
        """Cancels of our own making: disconnect, operator, kill, mass cancel.

        One that is pending already is left alone, or with `again` sent once more: that harms nothing. All are tried
        even when the journal takes no entry any more; JournalError is raised after the last.
        """
        chosen = list(orders)

        def work() -> None:
            failed: JournalError | None = None
            for order in chosen:
                now = self._blotter.order(order.order_id)
                if now is None or not now.open:
                    continue
                if now.pending_cancel is not None:
                    if again:
                        self._router.cancel_again(now)
                    continue
                self.desk.next_seq = self._journal.next_seq
                try:
                    self._commit_cancels(decide.cancel_for(now, initiator, mass_id=mass_id, text=text))
                except JournalError as error:
                    failed = error
            if failed is not None:
                raise failed

        self.turn(work)

    def _commit_cancels(self, events: Sequence[Event]) -> None:
        """Commit cancels; what the journal still flushes is sent ahead, what it cannot write any more is sent
        anyway.
        """
        if not events:
            return
        try:
            self.commit(events)
        except JournalError:
            # Nothing can be recorded or said any more, but a cancel only takes risk away: it goes out (rule 2).
            for event in events:
                order = self._blotter.order(event.order_id) if isinstance(event, OrderEvent) else None
                if order is not None and order.open:
                    self._router.cancel_again(order)
            raise
        if self._journal.durable >= self._journal.next_seq - 1:
            return
        for event in events:
            order = self._blotter.order(event.order_id) if isinstance(event, OrderEvent) else None
            if order is None or order.pending_cancel is None:
                continue
            if self.gate.holds_submit(order.order_id):
                self._router.withdraw(order)
            else:
                self._router.cancel_ahead(order, self._blotter.seq)

    # --- the broker's side -------------------------------------------------------------------------------------------

    def on_report(self, report: Report) -> None:
        """A broker's word. May be called from inside an adapter's `submit`: it waits its turn."""
        self.turn(self._on_report, report)

    def _on_report(self, report: Report) -> None:
        stages = self._stages
        if stages is None:
            self.commit(decide.report(self.desk, report))
            return
        began = stages.perf_ns()
        for entry, order in self.commit(decide.report(self.desk, report)):
            if type(entry.event) is OrderFilled:
                stages.reported(began, order, entry)

    # --- operators and sessions --------------------------------------------------------------------------------------

    def record(self, *events: Event) -> None:
        """Commit events that need no decision: halts, days, limit changes, reconciliation results."""

        def work() -> None:
            self.commit(events)

        self.turn(work)

    def session_reset(self, session_id: str, reason: str) -> None:
        """Both numbers of the session are 1 again."""
        self.record(SessionReset(session_id=session_id, reason=reason))

    def answer(self, call: Callable[[Desk], None]) -> None:
        """A query: `call` sees the state as of now and runs once all of it is durable, so nothing undurable is told."""

        def work() -> None:
            self.gate.when_durable(self._blotter.seq, lambda: call(self.desk))

        self.turn(work)

    # --- the writer --------------------------------------------------------------------------------------------------

    def commit(self, events: Sequence[Event]) -> Sequence[Shown]:
        """Journal one batch, fold it, show it; the entries with the order after each.

        Raises JournalError when it cannot be written: then nothing of it happened.
        """
        if not events:
            return ()
        entries = self._entries(events)
        stages = self._stages
        began = stages.perf_ns() if stages is not None else 0
        try:
            self._journal.append(entries)
        except JournalError as error:
            if self.desk.unavailable is None:
                self.desk.unavailable = f"the journal has failed: {error}"
                self._journal_failed(str(error))
            raise
        if stages is not None:
            stages.journalled(began, entries[-1].seq)
        blotter, following = self._blotter, self._following
        shown: list[Shown] = []
        for entry in entries:
            before, after = blotter.fold(entry)
            kind = type(entry.event)
            follows = following.get(kind)
            if follows is None:
                follows = following[kind] = tuple(each.on_entry for each in concerned(self._followers, kind))
            for follow in follows:
                follow(entry, before, after)
            shown.append((entry, after))
        self.gate.show(shown)
        return shown

    def _entries(self, events: Sequence[Event]) -> list[Entry]:
        """Number the events and tell each the entry of its account before it."""
        blotter, seq, time = self._blotter, self._journal.next_seq, self.desk.now
        previous: dict[str, int] = {}
        accounts: dict[int, str] = {}  # of orders that begin in this batch
        entries: list[Entry] = []
        for event in events:
            account = None
            if isinstance(event, OrderEvent):
                order_id = event.order_id
                known = blotter.order(order_id)
                account = known.account if known is not None else accounts.get(order_id)
                if account is None:
                    account = event_account(event)
                    if account is not None and order_id:
                        accounts[order_id] = account
            else:
                account = event_account(event)
            if account is None:
                prev = 0
            else:
                prev = previous.get(account) or blotter.account_seq(account)
                previous[account] = seq
            entries.append(Entry(seq, time, event, prev))  # type: ignore[arg-type]
            seq += 1
        return entries
