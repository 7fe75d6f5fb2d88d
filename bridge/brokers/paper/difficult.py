"""The difficult broker: the paper broker with the faults that real ones have, as a scenario asks for them.

The exchange behind it stays right; what goes wrong is what is told, when, and whether anybody answers. So after every
scenario its book says what really happened, and whoever traded through it must have come to the same.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from bridge.brokers.paper import interventions
from bridge.brokers.paper.broker import PaperBroker
from bridge.brokers.paper.orders import PaperOrder
from bridge.brokers.paper.scenario import (
    ON_CANCEL,
    ON_EXECUTION,
    ON_REPLACE,
    ON_SUBMIT,
    TIMED,
    Fault,
    Scenario,
    Step,
)
from bridge.interfaces import BrokerUnreachable
from bridge.orders.events import Request
from bridge.orders.order import Order
from bridge.orders.reports import Acknowledged, BrokerAccount, BrokerOrder, BrokerPosition, Executed, NoAnswer, Report

Later = Callable[[float, Callable[[], None]], Any]


class Struck(msgspec.Struct, frozen=True):
    """A fault that was made: which, and the order's id or the time in words."""

    fault: Fault
    what: str


class DifficultBroker(PaperBroker):
    """A paper broker that follows a scenario. `struck` lists the faults it made."""

    def __init__(self, *, scenario: Scenario, later: Later | None = None, **settings: Any) -> None:
        """`later(seconds, callback)` is the timer, by default the loop's; the rest is PaperBroker's."""
        super().__init__(**settings)
        self._scenario = scenario
        self._later = later
        self._counts = dict.fromkeys(("submit", "cancel", "replace", "execution"), 0)
        self._client: Callable[[Report], None] | None = None
        self._mute: dict[str, float | None] = {}  # acknowledgement by id: seconds until it is told, None for never
        self._held: list[Report] = []
        self._down: str | None = None
        self._dropping = False
        self._deaf = False
        self._timed = False
        self._over = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.struck: list[Struck] = []

    @property
    def unready(self) -> str | None:
        """Why orders are refused now, or None."""
        return self._down or super().unready

    async def start(self, report: Callable[[Report], None]) -> None:
        """Open the book; faults of the connection are timed from the first start."""
        self._client = report
        self._over = False
        await super().start(self._pass)
        if not self._timed:
            self._timed = True
            for step in self._scenario.faults:
                if step.fault in TIMED:
                    assert step.at is not None
                    self._in(step.at, lambda step=step: self._connection(step))  # type: ignore[misc]

    async def stop(self) -> None:
        """Close the book; faults that are due later do not come any more."""
        self._over = True
        await super().stop()

    def submit(self, order: Order) -> None:
        """As the paper broker, and what the scenario makes of it."""
        client_id = order.broker_client_id or ""
        for step in self._striking("submit", ON_SUBMIT, client_id, order.symbol):
            self._strike(step, client_id)
            if step.fault is Fault.SLOW_ACK:
                self._mute[client_id] = step.seconds
                continue
            if step.fault is Fault.AMBIGUOUS_SUBMIT:
                self._unanswered(client_id, Request.SUBMIT, "the request timed out")
                if not step.reaches:
                    return
            self._mute[client_id] = None
        super().submit(order)

    def cancel(self, order: Order) -> None:
        """As the paper broker, and what the scenario makes of it."""
        client_id = order.broker_client_id or ""
        late: list[tuple[Step, PaperOrder, Decimal]] = []
        for step in self._striking("cancel", ON_CANCEL, client_id, order.symbol):
            known = self._working(client_id)
            if known is None:
                continue
            self._strike(step, client_id)
            if step.fault is Fault.CANCEL_TOO_LATE:
                self._fill(known, known.left)
            else:
                late.append((step, known, self._part(known, step)))
        super().cancel(order)
        for step, known, qty in late:
            self._in(step.seconds, lambda known=known, qty=qty: self._fill(known, qty))  # type: ignore[misc]

    def replace(self, order: Order) -> None:
        """As the paper broker, and what the scenario makes of it."""
        client_id = order.broker_client_id or ""
        for step in self._striking("replace", ON_REPLACE, client_id, order.symbol):
            known = self._working(client_id)
            if known is not None:
                self._strike(step, client_id)
                self._fill(known, self._part(known, step))
        super().replace(order)

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """As the paper broker; BrokerUnreachable while the scenario says so."""
        self._hears()
        return await super().open_orders()

    async def find(self, order: Order) -> BrokerOrder | None:
        """As the paper broker; BrokerUnreachable while the scenario says so."""
        self._hears()
        return await super().find(order)

    async def executions(self, since: datetime) -> Sequence[Executed]:
        """As the paper broker; BrokerUnreachable while the scenario says so."""
        self._hears()
        return await super().executions(since)

    async def positions(self) -> Sequence[BrokerPosition]:
        """As the paper broker; BrokerUnreachable while the scenario says so."""
        self._hears()
        return await super().positions()

    async def accounts(self) -> Sequence[BrokerAccount]:
        """As the paper broker; BrokerUnreachable while the scenario says so."""
        self._hears()
        return await super().accounts()

    # --- what is told ------------------------------------------------------------------------------------------------

    def _pass(self, report: Report) -> None:
        """Everything the paper broker says comes through here."""
        if self._dropping:
            return
        client_id = report.broker_client_id or ""
        if isinstance(report, Acknowledged) and client_id in self._mute:
            seconds = self._mute.pop(client_id)
            if seconds is not None:
                self._in(seconds, lambda: self._forward(report))
            return
        if not isinstance(report, Executed) or report.revision:
            self._forward(report)
            return
        held, self._held = self._held, []
        reordered = False
        for step in self._striking("execution", ON_EXECUTION, report.broker_exec_id, report.symbol):
            self._strike(step, report.broker_exec_id)
            if step.fault is Fault.REORDERED_EXECUTION:
                reordered = True
                self._held.append(report)
                self._in(step.seconds, self._release)
            elif step.fault is Fault.DUPLICATE_EXECUTION:
                self._forward(report)
            else:
                self._in(step.seconds, lambda step=step: self._revise(step, report))  # type: ignore[misc]
        if not reordered:
            self._forward(report)
        for earlier in held:
            self._forward(earlier)

    def _release(self) -> None:
        held, self._held = self._held, []
        for report in held:
            self._forward(report)

    def _forward(self, report: Report) -> None:
        if self._client is not None and not self._dropping:
            self._client(report)

    def _unanswered(self, client_id: str, request: Request, text: str) -> None:
        self._forward(NoAnswer(broker=self.name, broker_client_id=client_id, request=request, text=text))

    # --- what happens ------------------------------------------------------------------------------------------------

    def _revise(self, step: Step, report: Executed) -> None:
        if self._book is None:
            return
        _, no, number = report.broker_exec_id.rsplit("-", 2)
        order = self.exchange.state.orders.get(int(no))
        if order is None or not order.executions[int(number) - 1].qty:
            return
        now = self._clock.utc_ns()
        if step.fault is Fault.BUST:
            interventions.bust(self.exchange, order.no, int(number), now)
        else:
            done = order.executions[int(number) - 1]
            tick = self.exchange.state.markets[order.symbol].instrument.tick_size
            interventions.correct(self.exchange, order.no, int(number), done.qty, done.px + step.ticks * tick, now)
        self._told()

    def _working(self, client_id: str) -> PaperOrder | None:
        known = self.exchange.find(client_id)
        return known if isinstance(known, PaperOrder) and known.closed is None and known.left > 0 else None

    def _part(self, order: PaperOrder, step: Step) -> Decimal:
        lot = self.exchange.state.markets[order.symbol].instrument.lot_size
        return max(lot, order.left * Decimal(str(step.part)) // lot * lot)

    def _fill(self, order: PaperOrder, qty: Decimal) -> None:
        """An execution that the market would not have given: at the limit, else at the touch or the last price."""
        if self._book is None:
            return
        market = self.exchange.state.markets[order.symbol]
        touch = market.ask if order.buy else market.bid
        px = order.price or touch or market.mark
        if px is not None:
            interventions.fill(self.exchange, order.no, qty, px, self._clock.utc_ns())
            self._told()

    def _connection(self, step: Step) -> None:
        if self._over:
            return
        self._strike(step, f"{step.at:g} s after the start, for {step.seconds:g} s")
        if step.fault is Fault.STREAM_DROP:
            self._down, self._dropping = "the stream is down", True
        elif step.fault is Fault.UNREACHABLE:
            self._deaf = True
        else:
            self._down, self._dropping = "the broker restarts", True
            self._run(super().stop())
        self._in(step.seconds, lambda: self._back(step))

    def _back(self, step: Step) -> None:
        if self._over:
            return
        if step.fault is Fault.UNREACHABLE:
            self._deaf = False
        elif step.fault is Fault.STREAM_DROP:
            self._down, self._dropping = None, False
        else:
            self._run(self._restarted())

    async def _restarted(self) -> None:
        assert self._client is not None
        self._dropping = False
        await self.start(self._client)
        self._down = None

    def _hears(self) -> None:
        if self._deaf:
            raise BrokerUnreachable("the request timed out")

    # --- when --------------------------------------------------------------------------------------------------------

    def _striking(self, what: str, faults: frozenset[Fault], key: str, symbol: str | None) -> list[Step]:
        self._counts[what] += 1
        count, seed = self._counts[what], self._scenario.seed
        return [
            step
            for number, step in enumerate(self._scenario.faults)
            if step.fault in faults and step.strikes(count, f"{seed}:{number}:{key}", symbol)
        ]

    def _strike(self, step: Step, what: str) -> None:
        self.struck.append(Struck(step.fault, what))

    def _in(self, seconds: float, act: Callable[[], None]) -> None:
        if self._later is not None:
            self._later(seconds, act)
        else:
            asyncio.get_running_loop().call_later(seconds, act)

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
