"""Fills and orders grouped by any dimension: the table of `fixbridge costs`.

Means of basis points are weighted by traded value, those of the shortfall by the paper portfolio Q·D·m. Values of
different currencies are never added: the currency is always part of the group.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from statistics import median
from typing import Any

import msgspec

from bridge.cost_rows import CostRows, FillRow, OrderRow
from bridge.costs import HORIZONS

DIMENSIONS: tuple[str, ...] = (
    "broker", "symbol", "side", "ord_type", "strategy", "account", "session", "day", "mode",
)  # fmt: skip
PLACES = Decimal("0.01")
BPS = Decimal(10_000)


class CostGroup(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One row of the table. Ratios are 0 to 1, times seconds, `cost` money in `currency` against the arrival mid."""

    key: dict[str, str]
    currency: str
    orders: int
    fills: int
    value: Decimal
    fees: Decimal
    measured: int
    slippage_bps: Decimal | None = None
    cost: Decimal | None = None
    decision_slippage_bps: Decimal | None = None
    effective_spread_bps: Decimal | None = None
    effective_over_quoted: Decimal | None = None
    improvement_bps: Decimal | None = None
    realised_bps: dict[int, Decimal] = {}
    impact_bps: dict[int, Decimal] = {}
    reversion_bps: dict[int, Decimal] = {}
    shortfall_bps: Decimal | None = None
    delay_bps: Decimal | None = None
    trading_bps: Decimal | None = None
    opportunity_bps: Decimal | None = None
    fees_bps: Decimal | None = None
    fill_ratio: Decimal | None = None
    reject_ratio: Decimal | None = None
    rejects: dict[str, int] = {}
    cancel_success: Decimal | None = None
    to_first_fill_s: float | None = None
    to_end_s: float | None = None
    late_fills: int = 0
    unknown: int = 0
    unknown_s: float | None = None
    dropped: dict[str, int] = {}


class UnknownDimension(ValueError):
    """A name by which nothing can be grouped."""


def table(rows: CostRows, by: Sequence[str]) -> list[CostGroup]:
    """Groups in the order of their keys. Raises UnknownDimension."""
    for name in by:
        if name not in DIMENSIONS:
            raise UnknownDimension(f"{name} is none of {', '.join(DIMENSIONS)}")
    fills: dict[tuple[str, ...], list[FillRow]] = {}
    orders: dict[tuple[str, ...], list[OrderRow]] = {}
    for fill in rows.fills.values():
        fills.setdefault(_key(fill, by), []).append(fill)
    for order in rows.orders.values():
        orders.setdefault(_key(order, by), []).append(order)
    return [_group(by, key, fills.get(key, []), orders.get(key, [])) for key in sorted({*fills, *orders})]


def worst(rows: CostRows, count: int = 20) -> list[FillRow]:
    """The fills that cost most against arrival, in basis points."""
    measured = [(row.slippage_bps, row) for row in rows.fills.values() if row.slippage_bps is not None]
    return [row for _, row in sorted(measured, key=lambda pair: (pair[0], pair[1].seq), reverse=True)[:count]]


def _key(row: FillRow | OrderRow, by: Sequence[str]) -> tuple[str, ...]:
    return (*(row.time.date().isoformat() if name == "day" else str(getattr(row, name)) for name in by), row.currency)


def _group(by: Sequence[str], key: tuple[str, ...], fills: list[FillRow], orders: list[OrderRow]) -> CostGroup:
    ended = [order for order in orders if order.result != "open"]
    rejected = [order for order in orders if order.result == "rejected"]
    asked = [order for order in orders if order.cancel_s is not None or order.cancel_refused]
    unknown = [order.unknown_s for order in orders if order.unknown_s is not None]
    quoted = [fill for fill in fills if fill.effective_spread_bps is not None and fill.quoted_spread_bps]
    measured = [fill for fill in fills if fill.slippage_bps is not None]
    whole = [order for order in ended if order.result != "rejected" and order.order_qty]
    return CostGroup(
        key=dict(zip(by, key, strict=False)),
        currency=key[-1],
        orders=len(orders),
        fills=len(fills),
        value=sum((fill.value for fill in fills), Decimal(0)),
        fees=sum((fill.commission or Decimal(0) for fill in fills), Decimal(0)),
        measured=len(measured),
        slippage_bps=_mean(fills, lambda fill: fill.slippage_bps),
        cost=_money(measured),
        decision_slippage_bps=_mean(fills, lambda fill: fill.decision_slippage_bps),
        effective_spread_bps=_mean(fills, lambda fill: fill.effective_spread_bps),
        effective_over_quoted=_over(
            _mean(quoted, lambda fill: fill.effective_spread_bps), _mean(quoted, lambda fill: fill.quoted_spread_bps)
        ),
        improvement_bps=_mean(fills, lambda fill: fill.improvement_bps),
        realised_bps=_by_horizon(fills, "realised_bps"),
        impact_bps=_by_horizon(fills, "impact_bps"),
        reversion_bps=_by_horizon(orders, "reversion_bps"),
        shortfall_bps=_mean(orders, lambda order: order.shortfall_bps),
        delay_bps=_mean(orders, lambda order: order.delay_bps),
        trading_bps=_mean(orders, lambda order: order.trading_bps),
        opportunity_bps=_mean(orders, lambda order: order.opportunity_bps),
        fees_bps=_mean(orders, lambda order: order.fees_bps),
        fill_ratio=_over(
            sum((order.cum_qty for order in whole), Decimal(0)),
            sum((order.order_qty or Decimal(0) for order in whole), Decimal(0)),
        ),
        reject_ratio=_over(Decimal(len(rejected)), Decimal(len(orders))),
        rejects=_counts(order.code for order in rejected),
        cancel_success=_over(Decimal(sum(order.cancel_s is not None for order in asked)), Decimal(len(asked))),
        to_first_fill_s=_median(order.to_first_fill_s for order in orders),
        to_end_s=_median(order.to_end_s for order in orders),
        late_fills=sum(order.late_fills for order in orders),
        unknown=len(unknown),
        unknown_s=_median(unknown),
        dropped=_counts(fill.dropped for fill in fills),
    )


def _mean(rows: Sequence[Any], figure: Callable[[Any], Decimal | None]) -> Decimal | None:
    total = weight = Decimal(0)
    for row in rows:
        value = figure(row)
        if value is not None:
            share = row.value if isinstance(row, FillRow) else (row.paper or Decimal(0))
            total, weight = total + value * share, weight + share
    return (total / weight).quantize(PLACES) if weight else None


def _money(fills: Iterable[FillRow]) -> Decimal | None:
    """Σ s(p - M)qm, from the prices and not from rounded basis points."""
    total, any_of_them = Decimal(0), False
    for fill in fills:
        if fill.arrival_mid is not None and fill.px:
            sign = 1 if fill.side.startswith("buy") else -1
            total += sign * (fill.px - fill.arrival_mid) * (fill.value / fill.px)
            any_of_them = True
    return total.quantize(PLACES) if any_of_them else None


def _by_horizon(rows: Sequence[Any], field: str) -> dict[int, Decimal]:
    found = {}
    for horizon in HORIZONS:
        mean = _mean(rows, lambda row, horizon=horizon: getattr(row, field).get(horizon))  # type: ignore[misc]
        if mean is not None:
            found[horizon] = mean
    return found


def _over(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    return (part / whole).quantize(Decimal("0.0001")) if part is not None and whole else None


def _counts(values: Iterable[str | None]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    return dict(sorted(counts.items()))


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 6) if known else None
