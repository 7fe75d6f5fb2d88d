"""Cancels and replaces whose answer a dead process was to hear: the adapter of the new one knows nothing of them.

A replace is settled as a submit is, by its own id: found, the adapter tells what became of it; absence takes two
answers `settle` apart where no login ends what was under way (DURABILITY section 7). What waits on a filled order is
too late.
"""

from collections.abc import Sequence

from msgspec.structs import replace as exchange

from bridge import reconcile
from bridge.engine import Engine
from bridge.interfaces import BrokerAdapter, Clock, Fence
from bridge.orders.events import Source
from bridge.orders.order import Order
from bridge.orders.reports import BrokerOrder, CancelRefused
from fixspec.enums import CxlRejReason, OrdStatus

TEXT = "the order was filled before the request"


class Unanswered:
    """One per reconciler. `settle` raises BrokerUnreachable, and then nothing more has been concluded."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._filled: dict[str, set[int]] = {}  # broker → filled orders on which a request waits
        self._absent: dict[str, list[float]] = {}  # id of a replace → when the broker did not know it, monotonic

    async def settle(self, adapter: BrokerAdapter, listed: Sequence[BrokerOrder], *, login: bool) -> None:
        """After a comparison that `listed` is from. `login`: it followed a fresh login."""
        blotter, name = self._engine.desk.blotter, adapter.name
        if login:
            self._filled[name] = {
                order.order_id
                for order in blotter.orders()
                if order.broker == name and order.filled and (order.pending_replace or order.pending_cancel)
            }
        working = {each.broker_client_id for each in listed}
        waiting = [order for order in blotter.at_broker(name) if order.broker_client_id in working]
        if adapter.fence is Fence.EXCLUSIVE_SESSION:
            waiting = []  # the reconciler itself concludes, after a login
        filled = [blotter.order(order_id) for order_id in self._filled.get(name, ())]
        for order in (*waiting, *filled):
            if order is not None and order.pending_replace is not None:
                await self._replace(adapter, order)
            elif order is not None and order.filled and order.pending_cancel is not None:
                self._engine.on_report(
                    CancelRefused(
                        broker=name,
                        broker_client_id=order.broker_client_id,
                        source=Source.RECON,
                        cxl_rej_reason=CxlRejReason.TOO_LATE_TO_CANCEL,
                        text=TEXT,
                    )
                )

    async def _replace(self, adapter: BrokerAdapter, order: Order) -> None:
        wanted = order.pending_replace
        assert wanted is not None
        client_id = wanted.broker_client_id
        asked = self._clock.monotonic()
        found = await adapter.find(exchange(order, broker_client_id=client_id, pending_replace=None))
        if found is not None and found.ord_status is not OrdStatus.REJECTED:
            self._absent.pop(client_id, None)
            return
        times = self._absent.setdefault(client_id, [])
        if not times or asked - times[-1] >= adapter.settle:
            times.append(asked)
        if found is None and adapter.fence is not Fence.EXCLUSIVE_SESSION and len(times) < 2:
            return
        del self._absent[client_id]
        now = self._engine.desk.blotter.order(order.order_id)
        if now is not None and now.filled:
            reason = CxlRejReason.TOO_LATE_TO_CANCEL
            lost = exchange(reconcile.replace_lost(adapter.name, order), cxl_rej_reason=reason, text=TEXT)
        else:
            lost = reconcile.replace_lost(adapter.name, order)
        self._engine.on_report(lost)
