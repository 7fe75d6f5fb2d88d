"""What the outputs process knows: the folded blotter, every execution, the newest comparisons; for all reading routes.

An EventSink of the tail. It keeps what the blotter does not: the order of things, and executions with their time.
"""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from bridge.orders.blotter import Blotter
from bridge.orders.events import (
    BreakFound,
    CommissionReported,
    Entry,
    OrderAdopted,
    OrderFilled,
    OrderReceived,
    Reconciled,
    TradeBusted,
    TradeCorrected,
)
from bridge.orders.order import Order
from bridge.outputs.http.documents import ExecutionState, Reconciliation
from bridge.outputs.states import States
from bridge.outputs.stream import Stream

EXECUTIONS = 200_000  # kept in memory, at about 700 bytes each; older ones are in the entries
RECONCILIATIONS = 200


class Book:
    """The reading side. `blotter` gives the tail's blotter, which is at the newest entry shown."""

    name = "http"
    cursor = 0

    def __init__(self, stream: Stream, blotter: Callable[[], Blotter], states: States) -> None:
        self.stream = stream
        self.states = states
        self._blotter = blotter
        self._order_ids: list[int] | None = None
        self.executions: list[ExecutionState] = []
        self.dropped = 0  # executions that are no longer in memory
        self.since = 0  # `seq` of the first entry shown here: executions before it are in the entries only
        self._by_exec_id: dict[str, int] = {}
        self.reconciliations: deque[Reconciliation] = deque(maxlen=RECONCILIATIONS)
        self._found: dict[str, list[dict[str, Any]]] = {}
        self._listeners: list[Callable[[Entry, Order | None], None]] = []
        self._rules: dict[type[Any], Callable[[Entry, Any, Order | None], None]] = {
            OrderReceived: self._order,
            OrderAdopted: self._order,
            OrderFilled: self._filled,
            TradeCorrected: self._corrected,
            TradeBusted: self._busted,
            CommissionReported: self._commission,
            BreakFound: self._break,
            Reconciled: self._reconciled,
        }

    @property
    def blotter(self) -> Blotter:
        """The fold as of `seq`."""
        return self._blotter()

    @property
    def seq(self) -> int:
        """Up to where everything here is folded."""
        return self._blotter().seq

    @property
    def order_ids(self) -> list[int]:
        """All orders there are, ascending: those of the fold the tail began with, and those that came since."""
        if self._order_ids is None:
            self._order_ids = sorted(order.order_id for order in self._blotter().orders())
        return self._order_ids

    async def reached(self, seq: int, within: float = 1.0) -> bool:
        """Wait until entry `seq` is folded here, so that a client reads what it wrote; False when it took longer."""
        if self.stream.last >= seq:
            return True
        try:
            async with asyncio.timeout(within):
                await self.stream.beyond(seq - 1)
        except TimeoutError:
            return False
        return True

    def orders_below(self, order_id: int | None) -> Iterator[Order]:
        """Orders below an id, newest first; all of them with None."""
        ids = self.order_ids
        blotter = self._blotter()
        place = len(ids) if order_id is None else bisect_left(ids, order_id)
        while place:
            place -= 1
            order = blotter.order(ids[place])
            if order is not None:
                yield order

    def executions_below(self, seq: int | None) -> Iterator[ExecutionState]:
        """Executions below a `seq`, newest first; all of them with None."""
        rows = self.executions
        place = len(rows) if seq is None else bisect_left(rows, seq, key=lambda row: row.seq)
        while place:
            place -= 1
            yield rows[place]

    def listen(self, listener: Callable[[Entry, Order | None], None]) -> None:
        """Call `listener` for every entry, after it is folded here."""
        self._listeners.append(listener)

    # --- the fold ----------------------------------------------------------------------------------------------------

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """Take one entry."""
        if not self.since:
            self.since = entry.seq
        rule = self._rules.get(type(entry.event))
        if rule is not None:
            rule(entry, entry.event, order)
        for listener in self._listeners:
            listener(entry, order)

    def _order(self, entry: Entry, event: OrderReceived | OrderAdopted, order: Order | None) -> None:
        ids = self.order_ids
        if not ids or ids[-1] < event.order_id:
            ids.append(event.order_id)

    def _filled(self, entry: Entry, event: OrderFilled, order: Order | None) -> None:
        assert order is not None
        if len(self.executions) >= EXECUTIONS + EXECUTIONS // 10:
            gone = len(self.executions) - EXECUTIONS
            for row in self.executions[:gone]:
                self._by_exec_id.pop(row.exec_id, None)
            del self.executions[:gone]
            self.dropped += gone
        self._by_exec_id[event.exec_id] = self.dropped + len(self.executions)
        self.executions.append(
            ExecutionState(
                seq=entry.seq,
                time=entry.time,
                exec_id=event.exec_id,
                order_id=event.order_id,
                session_id=order.session_id,
                cl_ord_id=order.cl_ord_id,
                account=order.account,
                symbol=order.symbol,
                side=order.side,
                strategy=order.strategy,
                broker=order.broker,
                broker_exec_id=event.broker_exec_id,
                last_qty=event.last_qty,
                last_px=event.last_px,
                transact_time=event.transact_time,
                liquidity=event.liquidity,
                last_mkt=event.last_mkt,
                commission=event.commission,
                mode=event.mode,
                source=event.source,
                late=event.late,
                cost=event.cost,
            )
        )

    def _change(self, known_as: str, now: str, **changes: Any) -> None:
        """Exchange the row of an execution; one that is no longer in memory is left alone."""
        place = self._by_exec_id.pop(known_as, None)
        if place is None or place < self.dropped:
            return
        self._by_exec_id[now] = place
        row = self.executions[place - self.dropped]
        self.executions[place - self.dropped] = replace(row, **changes)

    def _corrected(self, entry: Entry, event: TradeCorrected, order: Order | None) -> None:
        self._change(
            event.exec_ref_id,
            event.exec_id,
            exec_id=event.exec_id,
            exec_ref_id=event.exec_ref_id,
            last_qty=event.last_qty,
            last_px=event.last_px,
            revision=event.revision,
        )

    def _busted(self, entry: Entry, event: TradeBusted, order: Order | None) -> None:
        self._change(
            event.exec_ref_id, event.exec_id, exec_id=event.exec_id, exec_ref_id=event.exec_ref_id, busted=True
        )

    def _commission(self, entry: Entry, event: CommissionReported, order: Order | None) -> None:
        self._change(event.exec_ref_id, event.exec_ref_id, commission=event.commission)

    def _break(self, entry: Entry, event: BreakFound, order: Order | None) -> None:
        found: dict[str, Any] = msgspec.to_builtins(event)
        self._found.setdefault(event.broker, []).append(found)

    def _reconciled(self, entry: Entry, event: Reconciled, order: Order | None) -> None:
        self.reconciliations.append(
            Reconciliation(
                seq=entry.seq,
                time=entry.time,
                broker=event.broker,
                trigger=event.trigger,
                orders=event.orders,
                executions=event.executions,
                positions=event.positions,
                breaks=event.breaks,
                found=tuple(self._found.pop(event.broker, ())),
            )
        )
