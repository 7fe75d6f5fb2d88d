"""An order that is kept true by the stream."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.journal.encoding import OrderState
from bridge.orders.events import CancelRejected, Cost, OrderFilled, OrderRejected
from bridge.outputs.http.documents import OutwardEntry
from bridge.problems import problem
from bridge.sdk.errors import Refused
from fixspec.enums import OrdStatus

if TYPE_CHECKING:
    from bridge.sdk.bridge import Bridge

ENDED = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED})


class Order:
    """One order. `state` is its newest state; words and numbers of it are there as attributes."""

    def __init__(self, bridge: "Bridge", state: OrderState, *, complete: bool) -> None:
        self._bridge = bridge
        self.state = state
        self.entries: list[OutwardEntry] = []  # what happened to it since we know it, oldest first
        self._complete = complete  # whether `entries` reaches back to the beginning, as far as fills go
        self._moved = asyncio.Event()

    def __repr__(self) -> str:
        state = self.state
        return (
            f"<Order {state.order_id} {state.cl_ord_id} {state.side.value} {state.order_qty} {state.symbol} "
            f"{self.ord_status} {state.cum_qty}>"
        )

    @property
    def order_id(self) -> int:
        """OrderID(37)."""
        return self.state.order_id

    @property
    def cl_ord_id(self) -> str:
        """ClOrdID(11), the last accepted one."""
        return self.state.cl_ord_id

    @property
    def ord_status(self) -> str:
        """OrdStatus(39) as a word: new, partially_filled, filled, …"""
        return str(self.state.ord_status.value)

    @property
    def cum_qty(self) -> Decimal:
        """CumQty(14)."""
        return self.state.cum_qty

    @property
    def leaves_qty(self) -> Decimal:
        """LeavesQty(151)."""
        return self.state.leaves_qty

    @property
    def avg_px(self) -> Decimal:
        """AvgPx(6), 0 while nothing is filled."""
        return self.state.avg_px

    @property
    def ended(self) -> bool:
        """Nothing more will happen by right."""
        return self.state.ord_status in ENDED

    def take(self, entry: OutwardEntry) -> None:
        """The stream's word about this order. Older entries than the state change nothing."""
        if self.entries and entry.seq <= self.entries[-1].seq:
            return
        self.entries.append(entry)
        if entry.order is not None and entry.order.last_seq >= self.state.last_seq:
            self.state = entry.order
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def wake(self) -> None:
        """Look again: the stream has ended for good."""
        self._moved.set()

    def renew(self, state: OrderState) -> None:
        """A newer state from REST."""
        if state.last_seq >= self.state.last_seq:
            self.state = state
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()

    async def done(self, within: float | None = None) -> "Order":
        """Return once the order has ended. TimeoutError after `within` seconds."""
        async with asyncio.timeout(within):
            while not self.ended:
                self._bridge._check()
                await self._moved.wait()
        return self

    async def working(self, within: float | None = None) -> "Order":
        """Return once the broker has said something about it. Raises Refused when that was no."""
        async with asyncio.timeout(within):
            while self.state.ord_status is OrdStatus.PENDING_NEW:
                self._bridge._check()
                await self._moved.wait()
        if self.state.ord_status is OrdStatus.REJECTED:
            raise self._refusal()
        return self

    async def fills(self) -> AsyncIterator[OrderFilled]:
        """Every fill, from the first on; ends when the order has ended. `cost` is always there, perhaps empty."""
        if not self._complete:
            await self._look_back()
        place = 0
        while True:
            moved = self._moved
            while place < len(self.entries):
                event = self.entries[place].event
                place += 1
                if isinstance(event, OrderFilled):
                    yield event if event.cost is not None else msgspec.structs.replace(event, cost=Cost())
            if self.ended and self.entries and self.entries[-1].seq >= self.state.last_seq:
                return
            self._bridge._check()
            await moved.wait()

    async def _look_back(self) -> None:
        """Read what happened before we knew the order."""
        earlier = await self._bridge.order_entries(self.order_id)
        known = {entry.seq for entry in self.entries}
        self.entries = sorted(
            [*self.entries, *(entry for entry in earlier if entry.seq not in known)], key=lambda entry: entry.seq
        )
        self._complete = True

    async def replace(self, **terms: Any) -> "Order":
        """Ask for new terms; see `Bridge.replace`."""
        return await self._bridge.replace(self, **terms)

    async def cancel(self) -> "Order":
        """Ask for the remainder to be cancelled."""
        return await self._bridge.cancel(self)

    def _refusal(self) -> Refused:
        for entry in reversed(self.entries):
            if isinstance(entry.event, (OrderRejected, CancelRejected)):
                event = entry.event
                return Refused(
                    problem(
                        "refused",
                        event.text,
                        code=event.code,
                        rule=event.rule,
                        limit=event.limit,
                        value=event.value,
                        order_id=self.order_id,
                        seq=entry.seq,
                    )
                )
        return Refused(problem("refused", "the order was refused", order_id=self.order_id))
