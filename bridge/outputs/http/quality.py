"""Execution quality: cost by any dimension, and the series behind the charts."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar import Response
from msgspec import Meta

from bridge.outputs.http.bodies import aware
from bridge.outputs.http.documents import CostRow, CostTable, ExecutionState, Series, SeriesNames
from bridge.outputs.http.endpoint import Asked, answered, endpoint, query_of
from bridge.outputs.http.principal import Role
from bridge.outputs.http.services import Behind, Who
from bridge.problems import refuse

DIMENSIONS = ("broker", "symbol", "side", "strategy", "account", "session", "liquidity", "day", "mode")
WORST = 20
PLACES = Decimal("0.01")
TEN_THOUSAND = Decimal(10_000)


class CostsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By what, separated by commas: broker, symbol, side, strategy, account, session, liquidity, day, mode."""

    by: Annotated[str, Meta(max_length=128)] = "broker,symbol"
    account: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class SeriesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which series, one point every `step` seconds; without `name` the names there are."""

    name: Annotated[str, Meta(max_length=128)] | None = None
    step: Annotated[int, Meta(ge=1, le=3600)] = 10


@endpoint("GET", "/costs", role=Role.READ, tag="quality", answer=CostTable, query=CostsQuery)
async def costs(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Execution cost of fills against their arrival price, and the twenty worst fills."""
    query = query_of(request, CostsQuery)
    by = tuple(query.by.split(","))
    unknown = [name for name in by if name not in DIMENSIONS]
    if unknown:
        raise refuse("malformed", f"by: {', '.join(unknown)} is none of {', '.join(DIMENSIONS)}")
    since, until = aware(query.since, "since"), aware(query.until, "until")
    rows = [
        row
        for row in services.book.executions
        if not row.busted
        and principal.sees(row.account)
        and (query.account is None or row.account == query.account)
        and (since is None or row.time >= since)
        and (until is None or row.time < until)
    ]
    table = await asyncio.to_thread(cost_table, rows, by)
    return answered(msgspec.structs.replace(table, since=services.book.since, seq=services.book.seq))


def cost_table(rows: Sequence[ExecutionState], by: tuple[str, ...]) -> CostTable:
    """Group fills; bps are means weighted by traded value over the fills whose cost could be measured."""
    groups: dict[tuple[str, ...], _Group] = {}
    for row in rows:
        key = tuple(_dimension(row, name) for name in by)
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group()
        group.add(row)
    items = tuple(group.row(dict(zip(by, key, strict=True))) for key, group in sorted(groups.items()))
    measured = [row for row in rows if row.cost is not None and row.cost.slippage_bps is not None]
    worst = sorted(measured, key=_slippage, reverse=True)[:WORST]
    return CostTable(by=by, items=items, worst=tuple(worst), since=0, seq=0)


def _slippage(row: ExecutionState) -> Decimal:
    assert row.cost is not None
    assert row.cost.slippage_bps is not None
    return row.cost.slippage_bps


def _dimension(row: ExecutionState, name: str) -> str:
    value: Any
    match name:
        case "day":
            value = row.time.date().isoformat()
        case "session":
            value = row.session_id
        case _:
            value = getattr(row, name)
    if value is None:
        return ""
    return str(getattr(value, "value", value))


class _Group:
    def __init__(self) -> None:
        self.fills = 0
        self.orders: set[int] = set()
        self.qty = self.traded = self.commission = Decimal(0)
        self.measured = 0
        self.weight = self.slippage = Decimal(0)
        self.spread_weight = self.spread = Decimal(0)
        self.best: Decimal | None = None
        self.worst: Decimal | None = None

    def add(self, row: ExecutionState) -> None:
        value = row.last_qty * row.last_px
        self.fills += 1
        self.orders.add(row.order_id)
        self.qty += row.last_qty
        self.traded += value
        self.commission += row.commission or 0
        cost = row.cost
        if cost is None:
            return
        if cost.slippage_bps is not None:
            bps = cost.slippage_bps
            self.measured += 1
            self.weight += value
            self.slippage += bps * value
            self.best = bps if self.best is None else min(self.best, bps)
            self.worst = bps if self.worst is None else max(self.worst, bps)
        if cost.effective_spread_bps is not None:
            self.spread_weight += value
            self.spread += cost.effective_spread_bps * value

    def row(self, key: dict[str, str]) -> CostRow:
        return CostRow(
            key=key,
            fills=self.fills,
            orders=len(self.orders),
            qty=self.qty,
            traded=self.traded,
            commission=self.commission,
            measured=self.measured,
            slippage_bps=_mean(self.slippage, self.weight),
            effective_spread_bps=_mean(self.spread, self.spread_weight),
            cost=(self.slippage / TEN_THOUSAND).quantize(PLACES) if self.measured else None,
            best_bps=self.best,
            worst_bps=self.worst,
        )


def _mean(total: Decimal, weight: Decimal) -> Decimal | None:
    return (total / weight).quantize(PLACES) if weight else None


@endpoint(
    "GET",
    "/series",
    role=Role.READ,
    tag="quality",
    answer=Series,
    also_answers=(SeriesNames,),
    query=SeriesQuery,
    problems=("not-found",),
)
async def series(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Chart points of the last hour."""
    query = query_of(request, SeriesQuery)
    charts = services.charts
    if query.name is None:
        return answered(SeriesNames(items=tuple(name for name in charts.names() if principal.sees(_account(name)))))
    points = charts.points(query.name, query.step)
    if points is None or not principal.sees(_account(query.name)):
        raise refuse("not-found", f"there is no series {query.name}")
    times, values = points
    return answered(
        Series(
            name=query.name,
            unit=charts.units[query.name],
            step=query.step,
            times=tuple(times),
            values=tuple(values),
        )
    )


def _account(name: str) -> str | None:
    """The account a series is about: `equity:ACC1`, `limit:ACC1:R09`."""
    parts = name.split(":")
    return parts[1] if len(parts) > 1 else None
