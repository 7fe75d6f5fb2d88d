"""Execution quality per fill and per order, from the journal's entries: what `fixbridge costs` tabulates (RISK-TCA
section 5).

Everything is computed by `bridge.costs` from what the entries say; a missing figure stays missing. Basis points, cost
positive, except `improvement_bps` and `limit_give_bps`, where a gain is positive. Times are in seconds.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from bridge.costs import bps, delay, limit_give, shortfall_of, slippage
from bridge.orders.blotter import Blotter
from bridge.orders.events import (
    CancelRejected,
    CancelRequested,
    Cost,
    Entry,
    MarkoutsTaken,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OutcomeUnknown,
    TradeBusted,
    TradeCorrected,
)
from bridge.orders.order import Order


class FillRow(msgspec.Struct, kw_only=True):
    """One execution that stands. `realised_bps` and `impact_bps` are by horizon in seconds; `value` is q·p·m."""

    seq: int
    time: datetime
    account: str
    broker: str
    symbol: str
    side: str
    ord_type: str
    strategy: str
    session: str
    mode: str
    currency: str
    order_id: int
    exec_id: str
    qty: Decimal
    px: Decimal
    value: Decimal
    commission: Decimal | None
    late: bool
    arrival_mid: Decimal | None = None
    mid: Decimal | None = None
    slippage_bps: Decimal | None = None
    decision_slippage_bps: Decimal | None = None
    effective_spread_bps: Decimal | None = None
    quoted_spread_bps: Decimal | None = None
    improvement_bps: Decimal | None = None
    limit_give_bps: Decimal | None = None
    stop_slippage_bps: Decimal | None = None
    realised_bps: dict[int, Decimal] = {}
    impact_bps: dict[int, Decimal] = {}
    dropped: str | None = None


class OrderRow(msgspec.Struct, kw_only=True):
    """One order as far as it went. The four parts of the shortfall are over Q·D and add up to it; `paper` is Q·D·m."""

    order_id: int
    cl_ord_id: str
    time: datetime
    account: str
    broker: str
    symbol: str
    side: str
    ord_type: str
    strategy: str
    session: str
    mode: str
    currency: str
    order_qty: Decimal | None
    cum_qty: Decimal = Decimal(0)
    fill_ratio: Decimal | None = None
    avg_px: Decimal | None = None
    result: str = "open"
    code: str | None = None  # why it was refused
    arrival_mid: Decimal | None = None
    decision_px: Decimal | None = None
    end_mid: Decimal | None = None
    client_delay_bps: Decimal | None = None
    slippage_bps: Decimal | None = None
    benchmark: str | None = None
    paper: Decimal | None = None
    delay_bps: Decimal | None = None
    trading_bps: Decimal | None = None
    opportunity_bps: Decimal | None = None
    fees_bps: Decimal | None = None
    shortfall_bps: Decimal | None = None
    reversion_bps: dict[int, Decimal] = {}
    to_first_fill_s: float | None = None
    to_end_s: float | None = None
    cancel_s: float | None = None
    cancel_refused: bool = False
    unknown_s: float | None = None  # how long an outcome was unknown
    late_fills: int = 0


class CostRows:
    """Collects rows while entries are folded; shown entries as any sink is."""

    name = "costs"
    cursor = 0

    def __init__(self) -> None:
        self.fills: dict[str, FillRow] = {}
        self.orders: dict[int, OrderRow] = {}
        self._cancels: dict[int, datetime] = {}
        self._unknown: dict[int, datetime] = {}

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """Take one entry and the order after it."""
        event = entry.event
        if order is None or order.external:
            return
        row = self.orders.get(order.order_id)
        if row is None:
            row = self.orders[order.order_id] = _begin(order)
        match event:
            case OrderFilled():
                self._filled(entry, event, order, row)
            case TradeCorrected():
                self._corrected(event, order)
            case TradeBusted():
                self.fills.pop(event.exec_ref_id, None)
            case MarkoutsTaken():
                self._markouts(event, row)
            case OrderRejected():
                row.result, row.code = "rejected", event.code
            case CancelRequested():
                self._cancels[order.order_id] = entry.time
            case CancelRejected():
                row.cancel_refused = row.cancel_refused or order.order_id in self._cancels
            case OutcomeUnknown():
                self._unknown.setdefault(order.order_id, entry.time)
            case OrderCanceled() | OrderExpired():
                row.result = "canceled" if isinstance(event, OrderCanceled) else "expired"
                asked = self._cancels.pop(order.order_id, None)
                if asked is not None:
                    row.cancel_s = (entry.time - asked).total_seconds()
                _end(entry, event.cost, order, row)
        if order.unknown is None and order.order_id in self._unknown:
            row.unknown_s = (entry.time - self._unknown.pop(order.order_id)).total_seconds()

    def _filled(self, entry: Entry, event: OrderFilled, order: Order, row: OrderRow) -> None:
        cost = event.cost or Cost(dropped="no_quote")
        self.fills[event.exec_id] = FillRow(
            seq=entry.seq,
            time=entry.time,
            **_common(order),
            order_id=order.order_id,
            exec_id=event.exec_id,
            qty=event.last_qty,
            px=event.last_px,
            value=event.last_qty * event.last_px * order.multiplier,
            commission=event.commission,
            late=event.late,
            arrival_mid=cost.arrival_mid,
            mid=cost.mid,
            slippage_bps=cost.slippage_bps,
            decision_slippage_bps=cost.decision_slippage_bps,
            effective_spread_bps=cost.effective_spread_bps,
            quoted_spread_bps=cost.quoted_spread_bps,
            improvement_bps=cost.improvement_bps,
            limit_give_bps=bps(limit_give(order.side, event.last_px, order.price)),
            stop_slippage_bps=bps(slippage(order.side, event.last_px, order.stop_px)),
            realised_bps={},
            impact_bps={},
            dropped=cost.dropped,
        )
        row.late_fills += event.late
        if order.fills == 1:
            row.to_first_fill_s = (entry.time - order.received).total_seconds()
        if order.filled and row.result == "open":
            row.result = "filled"
        if order.filled:
            _end(entry, cost, order, row)
        else:
            _progress(order, row)

    def _corrected(self, event: TradeCorrected, order: Order) -> None:
        was = self.fills.pop(event.exec_ref_id, None)
        if was is None:
            return
        self.fills[event.exec_id] = msgspec.structs.replace(
            was,
            exec_id=event.exec_id,
            qty=event.last_qty,
            px=event.last_px,
            value=event.last_qty * event.last_px * order.multiplier,
            slippage_bps=bps(slippage(order.side, event.last_px, was.arrival_mid)),
            decision_slippage_bps=bps(slippage(order.side, event.last_px, order.decision_px)),
            effective_spread_bps=bps(_double(slippage(order.side, event.last_px, was.mid))),
        )

    def _markouts(self, event: MarkoutsTaken, row: OrderRow) -> None:
        fill = self.fills.get(event.exec_id)
        for markout in event.markouts:
            if markout.reversion_bps is not None:
                row.reversion_bps[markout.seconds] = markout.reversion_bps
            if fill is not None and markout.realised_bps is not None and markout.impact_bps is not None:
                fill.realised_bps[markout.seconds] = markout.realised_bps
                fill.impact_bps[markout.seconds] = markout.impact_bps


def collect(entries: Iterable[Entry], blotter: Blotter | None = None) -> CostRows:
    """Fold entries from `blotter` on (the beginning when there is none) and collect their rows."""
    rows, blotter = CostRows(), blotter or Blotter()
    for entry in entries:
        rows.on_entry(entry, blotter.apply(entry))
    return rows


def _common(order: Order) -> dict[str, Any]:
    return {
        "account": order.account,
        "broker": order.broker,
        "symbol": order.symbol,
        "side": order.side.value,
        "ord_type": order.ord_type.value,
        "strategy": order.strategy or "",
        "session": order.session_id,
        "mode": order.mode.value,
        "currency": order.currency or "",
    }


def _begin(order: Order) -> OrderRow:
    met = order.arrival.mid if order.arrival is not None else None
    return OrderRow(
        order_id=order.order_id,
        cl_ord_id=order.cl_ord_id,
        time=order.received,
        **_common(order),
        order_qty=order.order_qty,
        arrival_mid=met,
        decision_px=order.decision_px,
        client_delay_bps=bps(delay(order.side, met, order.decision_px)),
        reversion_bps={},
    )


def _progress(order: Order, row: OrderRow) -> None:
    row.broker, row.order_qty, row.cum_qty = order.broker, order.order_qty, order.cum_qty
    row.fill_ratio = order.cum_qty / order.order_qty if order.order_qty else None
    row.avg_px = order.avg_px if order.cum_qty else None
    row.slippage_bps = (
        bps(slippage(order.side, order.gross / order.cum_qty, row.arrival_mid)) if order.cum_qty else None
    )


def _end(entry: Entry, cost: Cost | None, order: Order, row: OrderRow) -> None:
    """The order is over: the shortfall and its parts."""
    _progress(order, row)
    row.to_end_s = (entry.time - order.received).total_seconds()
    row.end_mid = cost.mid if cost is not None else None
    if order.order_qty is None or not order.routed:
        return
    whole = shortfall_of(
        order.side,
        order.order_qty,
        order.cum_qty,
        order.gross,
        arrival_mid=row.arrival_mid,
        end_mid=row.end_mid,
        decision_px=order.decision_px,
        fees=order.commission / order.multiplier,
    )
    if whole is None or not whole.paper:
        return
    row.benchmark, row.paper = whole.benchmark, whole.paper * order.multiplier
    row.shortfall_bps = bps(whole.total / whole.paper)
    row.delay_bps, row.trading_bps = bps(whole.delay / whole.paper), bps(whole.trading / whole.paper)
    row.opportunity_bps, row.fees_bps = bps(whole.opportunity / whole.paper), bps(whole.fees / whole.paper)


def _double(value: Decimal | None) -> Decimal | None:
    return None if value is None else 2 * value
