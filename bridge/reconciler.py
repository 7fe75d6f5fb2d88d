"""Asks the brokers and feeds what they say through the engine: at start, after a reconnect, on a timer, on demand.

`BrokerUnreachable` is no answer and changes nothing: the broker is asked again later, and until then new orders for
it are
refused (ADAPTERS A.2, A.8).
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import structlog

from bridge import reconcile
from bridge.desk import Desk, utc
from bridge.engine import Engine
from bridge.interfaces import BrokerAdapter, BrokerUnreachable, Clock, Fence, Unprovable
from bridge.orders.events import BreakFound, Entry, Event, PositionAdopted, Reconciled, Request, Reservation
from bridge.orders.identity import is_ours
from bridge.orders.order import Order, adopted
from bridge.orders.reports import BrokerOrder, BrokerPosition, NoAnswer
from bridge.unanswered import Unanswered

log = structlog.get_logger("bridge.reconciler")

LOOK_BACK = timedelta(hours=36)
"""Executions are asked for this far back: over a day's end, a night and a late restart."""

AFTER_LOGIN = frozenset({"start", "reconnect"})
"""Runs that follow a fresh login, so that nothing of an older connection is under way any more."""

UNASKED = frozenset({"timer", "unknown outcome"})
"""Runs that come by themselves, again and again."""

IN_FLIGHT = 5.0
"""Seconds during which an unanswered submit is under way rather than missing, except after a login."""


def nothing_set_aside(order: Order, desk: Desk) -> Reservation | None:
    """For an engine without risk: orders found at the broker reserve nothing."""
    return None


class Acceptance(NamedTuple):
    """A person's word that the broker's positions are right."""

    who: str
    reason: str


class Reconciler:
    """One per engine. `run` is serialised per broker; `breaks` is the newest comparison's result per broker."""

    def __init__(
        self,
        engine: Engine,
        adapters: Mapping[str, BrokerAdapter],
        clock: Clock,
        *,
        estimate: Callable[[Order, Desk], Reservation | None] = nothing_set_aside,
        max_order_age: float = 10.0,
    ) -> None:
        self._engine = engine
        self._estimate = estimate  # what risk sets aside for an order that is adopted
        self._adapters = adapters
        self._unanswered = Unanswered(engine, clock)
        self._clock = clock
        self._max_order_age = max_order_age
        self._locks: dict[str, asyncio.Lock] = {}
        self._absent: dict[int, list[float]] = {}  # order → when lists without it were taken, monotonic seconds
        self.breaks: dict[str, list[BreakFound]] = {}
        self.finished: dict[str, float] = {}  # broker → monotonic time of the last complete run
        self.results: list[Reconciled] = []

    async def run(self, broker: str, trigger: str, accept: Acceptance | None = None) -> Reconciled:
        """Compare everything with one broker. Raises BrokerUnreachable, and then nothing has been concluded.

        `accept` makes the broker's positions ours where they differ. Those of an account that was never traded through
        this journal are taken over without anybody's word.
        """
        lock = self._locks.setdefault(broker, asyncio.Lock())
        async with lock:
            return await self._run(broker, trigger, accept)

    async def _run(self, broker: str, trigger: str, accept: Acceptance | None) -> Reconciled:
        adapter = self._adapters[broker]
        engine, desk = self._engine, self._engine.desk
        login = trigger in AFTER_LOGIN
        began, upto = self._clock.monotonic(), desk.blotter.seq
        own = [name for name, terms in desk.accounts.items() if terms.broker == broker]
        new = [name for name in own if reconcile.untraded(desk, name)]
        since = reconcile_since(engine, self._clock)
        # the list first: an order that ends between the two questions shows in the executions, not the other way round
        listed = await adapter.open_orders()
        executions = await adapter.executions(since)
        held = reconcile.held(desk, broker)
        positions = await adapter.positions()
        statements = await adapter.accounts()
        # from here to the breaks nothing is awaited, so nothing else can happen in between
        moved = {key for key, qty in reconcile.held(desk, broker).items() if held.get(key) != qty}
        compared = reconcile.compare(desk, broker, listed, executions, upto)
        for report in compared.reports:
            engine.on_report(report)
        waiting = [theirs for theirs in compared.unknown if self._unclaimed(theirs, trigger)]
        for theirs in compared.unknown:
            if theirs not in waiting:
                self.adopt(broker, theirs)
        for execution in reconcile.parted(compared.strange, waiting)[0]:
            engine.on_report(execution)
        for statement in statements:
            desk.state_account(statement)
        self._take_over(broker, positions, new, accept)
        breaks: list[Event] = [
            *reconcile.fill_breaks(desk, broker, listed, compared.doubtful),
            *reconcile.position_breaks(desk, broker, positions, moved),
        ]
        absent = {order.order_id for order in compared.missing}
        for order_id in [each for each in self._absent if each not in absent and self._at(each, broker)]:
            del self._absent[order_id]  # listed again, or ended: absence is counted anew
        for order in compared.missing:
            age = (utc(self._clock.utc_ns()) - order.received).total_seconds()
            if login or age >= IN_FLIGHT:
                breaks += await self._look_up(adapter, order, began, login=login)
        self._repeat_cancels(adapter)
        await self._unanswered.settle(adapter, listed, login=login)
        if login:
            self._settle_replaces(adapter, listed, compared.doubtful)
        return self._finish(broker, trigger, breaks, len(listed), len(executions), len(positions))

    def _at(self, order_id: int, broker: str) -> bool:
        order = self._engine.desk.blotter.order(order_id)
        return order is None or order.broker == broker

    async def _look_up(self, adapter: BrokerAdapter, asked: Order, began: float, *, login: bool) -> list[Event]:
        """Ask for one order that was not listed and conclude; the breaks that shows."""
        blotter = self._engine.desk.blotter
        upto = blotter.seq
        try:
            theirs = await adapter.find(asked)
        except Unprovable as error:
            # it keeps the outcome it has, which may be none, until a person knows better; the others go on
            return [reconcile.doubt(asked, str(error))]
        order = blotter.order(asked.order_id)
        changed = order is not None and order.last_seq > upto
        if changed and theirs is not None:
            return []  # it moved while the broker was asked: the next run will know
        self._conclude(adapter, asked, theirs, began, login=login)
        return reconcile.fill_breaks(self._engine.desk, adapter.name, [theirs] if theirs is not None else [])

    def _finish(
        self, broker: str, trigger: str, breaks: list[Event], orders: int, executions: int, positions: int
    ) -> Reconciled:
        known = {_key(each) for each in self.breaks.get(broker, [])}
        found = [each for each in breaks if isinstance(each, BreakFound)]
        fresh = [each for each in found if _key(each) not in known]
        result = Reconciled(
            broker=broker,
            trigger=trigger,
            orders=orders,
            executions=executions,
            positions=positions,
            breaks=len(found),
        )
        for each in fresh:
            log.warning(
                "break found", broker=broker, kind=each.kind, symbol=each.symbol, ours=each.ours, theirs=each.theirs
            )
        changed = {_key(each) for each in found} != known
        self.breaks[broker] = found
        self.finished[broker] = self._clock.monotonic()
        self.results = [*self.results[-99:], result]
        if fresh or changed or trigger not in UNASKED:
            # a run that nobody asked for and that finds what the last one found has nothing to tell
            self._engine.record(*fresh, result)
        return result

    def _unclaimed(self, theirs: BrokerOrder, trigger: str) -> bool:
        """An order under an id of ours that the journal does not know: its tail was lost with the machine, and the
        client will send the message again. Held for it after a login; adopted as external by the next timer run.
        """
        client_id = theirs.broker_client_id
        if client_id is None or not is_ours(client_id):
            return False
        unclaimed = self._engine.desk.unclaimed
        if trigger in AFTER_LOGIN:
            log.warning("order held until its client claims it", symbol=theirs.symbol, id=client_id)
            unclaimed[client_id] = theirs
        elif trigger == "timer":
            unclaimed.pop(client_id, None)
        return client_id in unclaimed

    def adopt(self, broker: str, theirs: BrokerOrder) -> None:
        """Keep an order that nobody here sent as external; one that is known by now is left alone."""
        desk = self._engine.desk

        def work() -> None:
            if desk.blotter.by_broker(broker, theirs.broker_client_id, theirs.broker_order_id) is None:
                log.warning("external order adopted", broker=broker, symbol=theirs.symbol, id=theirs.broker_order_id)
                event = reconcile.adopt(desk, broker, theirs, desk.next_seq)
                order = adopted(Entry(desk.next_seq, utc(desk.now_ns), event), event)
                self._engine.commit((msgspec.structs.replace(event, reserved=self._estimate(order, desk)),))

        self._engine.turn(work)

    def _take_over(
        self, broker: str, theirs: Sequence[BrokerPosition], new: Sequence[str], accept: Acceptance | None
    ) -> None:
        """Positions that no execution explains: an account's first ones, or those that a person accepts."""
        desk = self._engine.desk

        def work() -> None:
            events = reconcile.adopt_positions(
                desk, broker, theirs, new, who="bridge", reason="held before the bridge traded the account"
            )
            if accept is not None:
                rest = [name for name, terms in desk.accounts.items() if terms.broker == broker and name not in new]
                events += reconcile.adopt_positions(desk, broker, theirs, rest, who=accept.who, reason=accept.reason)
            for each in events:
                assert isinstance(each, PositionAdopted)
                log.warning(
                    "position taken over from the broker",
                    broker=broker,
                    account=each.account,
                    symbol=each.symbol,
                    ours=f"{each.was:f}",
                    theirs=f"{each.qty:f}",
                    who=each.who,
                )
            if events:
                self._engine.commit(tuple(events))

        self._engine.turn(work)

    def _conclude(
        self, adapter: BrokerAdapter, asked: Order, theirs: BrokerOrder | None, began: float, *, login: bool
    ) -> None:
        """What the targeted answer means for an order that was not listed."""
        engine = self._engine
        order = engine.desk.blotter.order(asked.order_id)
        if order is None or not order.open:
            self._absent.pop(asked.order_id, None)
            return
        if theirs is not None:
            self._absent.pop(order.order_id, None)
            for report in reconcile.found(adapter.name, order, theirs):
                engine.on_report(report)
            return
        seen = self._absent.setdefault(order.order_id, [])
        if not seen or began - seen[-1] >= adapter.settle:
            seen.append(began)
        age = (utc(self._clock.utc_ns()) - order.received).total_seconds()
        if adapter.fence is Fence.IDEMPOTENT_ID and not order.accepted and age < self._max_order_age and len(seen) == 1:
            # the broker refuses an id that it has ever known: sending again cannot double (DURABILITY section 7)
            log.info("submitting again", broker=adapter.name, order_id=order.order_id)
            self._ask(adapter.submit, order, Request.SUBMIT)
            return
        # a login ends what was under way before it; what was sent since may be under way still
        proven = len(seen) >= 2 or (login and adapter.fence is Fence.EXCLUSIVE_SESSION)
        if proven:
            del self._absent[order.order_id]
        for report in reconcile.not_found(adapter.name, order, proven=proven):
            engine.on_report(report)

    def _ask(self, call: Callable[[Order], None], order: Order, request: Request) -> None:
        """Ask the adapter for something; when that breaks bytes may have left, so the outcome is unknown."""
        try:
            call(order)
        except Exception as error:  # noqa: BLE001 - whatever broke
            text = f"{type(error).__name__}: {error}"
            self._engine.on_report(
                NoAnswer(broker=order.broker, broker_client_id=order.broker_client_id, request=request, text=text)
            )

    def _repeat_cancels(self, adapter: BrokerAdapter) -> None:
        """A cancel under way may have been lost: repeating it harms nothing."""
        for order in list(self._engine.desk.blotter.at_broker(adapter.name)):
            if order.pending_cancel is not None and order.accepted and order.pending_replace is None:
                self._ask(adapter.cancel, order, Request.CANCEL)

    def _settle_replaces(
        self, adapter: BrokerAdapter, listed: Sequence[BrokerOrder], doubtful: Collection[int]
    ) -> None:
        """Where a login ends the older session, what the broker has not executed of it by now it never will: a replace
        still pending on an order that works its old terms is over.
        """
        if adapter.fence is not Fence.EXCLUSIVE_SESSION:
            return
        working = {each.broker_client_id for each in listed}
        for order in list(self._engine.desk.blotter.at_broker(adapter.name)):
            if order.pending_replace is None or order.order_id in doubtful:
                continue
            if order.broker_client_id in working:
                self._engine.on_report(reconcile.replace_lost(adapter.name, order))

    async def settle_unknown(self) -> None:
        """Ask again about orders of unknown outcome, until the broker has answered. Called by a timer."""
        for broker, adapter in self._adapters.items():
            if any(order.broker == broker for order in self._engine.desk.blotter.unknown()):
                try:
                    await self.run(broker, "unknown outcome")
                except BrokerUnreachable as error:
                    log.warning("no answer about unknown outcomes", broker=broker, error=str(error))
                else:
                    log.info("asked about unknown outcomes", broker=adapter.name)


def reconcile_since(engine: Engine, clock: Clock) -> datetime:
    """From when executions are asked for: before the oldest working order, and at least `LOOK_BACK` ago; but of before
    the book begins everything is known, and forgotten.
    """
    blotter = engine.desk.blotter
    since = utc(clock.utc_ns()) - LOOK_BACK
    for order in blotter.open_orders():
        since = min(since, order.received)
    return max(since, blotter.kept_from)


def _key(each: BreakFound) -> tuple[Any, ...]:
    return (each.kind, each.account, each.symbol, each.order_id, each.ours, each.theirs)
