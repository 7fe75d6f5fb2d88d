"""Cost tables and chart series."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx

from bridge.orders.events import Cost
from bridge.outputs.http.documents import ExecutionState
from bridge.outputs.http.quality import cost_table
from bridge.outputs.http.series import POINTS, Charts, quantile
from bridge.vitals import Vitals
from fixspec.enums import Side

from .conftest import House
from .test_orders import entered

D = Decimal


def fill(seq: int, symbol: str, qty: str, px: str, bps: str | None) -> ExecutionState:
    return ExecutionState(
        seq=seq,
        time=datetime(2026, 11, 23, 14, tzinfo=UTC) + timedelta(seconds=seq),
        exec_id=f"T{seq}",
        order_id=seq // 2,
        session_id="ALPHA1",
        cl_ord_id=f"A-{seq}",
        account="ACC1",
        symbol=symbol,
        side=Side.BUY,
        broker="paper",
        broker_exec_id=f"X{seq}",
        last_qty=D(qty),
        last_px=D(px),
        transact_time=datetime(2026, 11, 23, 14, tzinfo=UTC),
        commission=D("0.35"),
        cost=None if bps is None else Cost(slippage_bps=D(bps)),
    )


def test_cost_is_weighted_by_traded_value_over_what_was_measured() -> None:
    rows = [fill(2, "AAPL", "100", "100", "2"), fill(3, "AAPL", "300", "100", "-1"), fill(4, "AAPL", "1", "100", None)]
    (row,) = cost_table(rows, ("symbol",)).items
    assert row.key == {"symbol": "AAPL"}
    assert (row.fills, row.measured, row.orders, row.traded) == (3, 2, 2, D(40100))
    assert row.slippage_bps == D("-0.25")
    assert row.cost == D("-1.00")
    assert (row.best_bps, row.worst_bps, row.commission) == (D(-1), D(2), D("1.05"))


def test_the_worst_fills_come_first() -> None:
    rows = [fill(number, "AAPL", "1", "100", str(number % 7)) for number in range(40)]
    worst = cost_table(rows, ("symbol", "day")).worst
    assert len(worst) == 20
    assert [row.cost.slippage_bps for row in worst[:6]] == [D(6)] * 5 + [D(5)]  # type: ignore[union-attr]


async def test_costs_are_asked_by_dimension(http: httpx.AsyncClient) -> None:
    await entered(http, ord_type="market", price=None)
    table = (await http.get("/v1/costs", params={"by": "broker,symbol,side"})).json()
    assert table["items"][0]["key"] == {"broker": "paper", "symbol": "AAPL", "side": "buy"}
    assert (await http.get("/v1/costs", params={"by": "colour"})).status_code == 400


def test_charts_count_per_second_and_take_quantiles_of_what_is_new() -> None:
    charts, vitals = Charts(), Vitals()
    stage = vitals.stage("recv_to_wire", "paper")
    stage.observe(400_000)
    charts.take(100, vitals.snapshot(0))
    for _ in range(100):
        stage.observe(200_000)
    charts.take(101, vitals.snapshot(0))
    charts.take(102, vitals.snapshot(0))
    points = charts.points("recv_to_wire_p99", 1)
    assert points is not None
    times, values = points
    assert times == [100, 101, 102]
    assert values[0] is None
    assert values[1] is not None
    assert 0.1 < values[1] <= 0.25
    assert values[2] is None


def test_a_series_that_begins_later_or_stops_has_gaps_and_not_zeros() -> None:
    charts = Charts()
    charts.take(1, {})
    charts.take(2, {"accounts": {"ACC1": {"currency": "USD", "equity": "100.5"}}})
    charts.take(3, {})
    assert charts.points("equity:ACC1", 1) == ([1, 2, 3], [None, 100.5, None])
    assert charts.points("equity:ACC1", 3) == ([0, 3], [100.5, None])
    assert charts.units["equity:ACC1"] == "USD"
    assert charts.points("nothing", 1) is None


def test_an_hour_is_kept() -> None:
    charts = Charts()
    for second in range(POINTS + 10):
        charts.take(second, {})
    assert len(charts.times) == POINTS


def test_a_quantile_of_nothing_is_nothing() -> None:
    assert quantile([0, 0], 0.5) is None


async def test_series_are_named_and_read(http: httpx.AsyncClient, house: House) -> None:
    house.charts.take(1, {})
    house.charts.take(2, {})
    assert "orders" in (await http.get("/v1/series")).json()["items"]
    series = (await http.get("/v1/series", params={"name": "orders", "step": 1})).json()
    assert (series["unit"], series["times"], series["values"]) == ("per second", [1, 2], [None, 0.0])
    assert (await http.get("/v1/series", params={"name": "none"})).status_code == 404
