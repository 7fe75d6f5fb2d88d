"""Metrics: counted from entries, taken from vitals, within a budget, in both formats."""

import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as classic

from bridge.outputs.metrics import Metrics
from bridge.vitals import Vitals
from fixspec.enums import OrdType, Side
from tests.bridge.outputs.day import CLASSES, busy_day, counted, show, vitals_of_the_day
from tests.bridge.outputs.script import Script, needs

OPEN = "application/openmetrics-text; version=1.0.0"


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    page, _ = metrics.render("")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in classic(page.decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[name, frozenset(labels.items())]


def metrics_of(script: Script, **options: object) -> Metrics:
    return counted(script, Vitals(), **options)


def test_orders_fills_refusals_and_ends_are_counted_from_the_entries() -> None:
    script = Script()
    script.quote("AAPL", "187.20", "187.30")
    order = script.working(ord_type=OrdType.MARKET)
    script.fill(order, "40", "187.30", commission="0.20")
    script.fill(order, "60", "187.30")
    script.cancel(script.working())
    script.reject(script.order())
    metrics = metrics_of(script)
    taken = "removed_liquidity"
    assert value(metrics, "bridge_orders_total", broker="paper", ord_type="market") == 1
    assert value(metrics, "bridge_orders_total", broker="paper", ord_type="limit") == 2
    assert value(metrics, "bridge_fills_total", broker="paper", liquidity=taken) == 2
    assert value(metrics, "bridge_traded_notional_usd_total", broker="paper", liquidity=taken) == 18730.0
    assert value(metrics, "bridge_fees_usd_total", broker="paper", liquidity=taken) == 0.2
    assert value(metrics, "bridge_orders_rejected_total", source="risk", code="MAX_VALUE") == 1
    for result in ("filled", "canceled", "rejected"):
        assert value(metrics, "bridge_orders_done_total", broker="paper", result=result) == 1


def test_a_fill_above_arrival_is_cost_and_one_below_is_gain() -> None:
    script = Script()
    script.quote("AAPL", "99.99", "100.01")
    script.fill(script.working(ord_type=OrdType.MARKET), "100", "100.01")
    script.fill(script.working(side=Side.SELL, price="100.02"), "100", "100.02")
    metrics = metrics_of(script)
    group = {"broker": "paper", "asset_class": "equity", "benchmark": "arrival"}
    assert value(metrics, "bridge_slippage_cost_ratio_sum", **group) == 0.0001
    assert value(metrics, "bridge_slippage_gain_ratio_sum", **group) == 0.0002
    assert value(metrics, "bridge_slippage_cost_usd_total", ord_type="market", **group) == 1.0
    assert value(metrics, "bridge_slippage_gain_usd_total", ord_type="limit", **group) == 2.0
    assert value(metrics, "bridge_effective_spread_ratio_sum", broker="paper", asset_class="equity") == 0.0002


def test_a_fill_without_a_fresh_quote_is_dropped_and_counted() -> None:
    script = Script()
    script.fill(script.working(), "100", "187.25")
    script.quote("MSFT", "402.10", "402.14")
    script.later(6)
    script.fill(script.working(symbol="MSFT", price="402.14"), "100", "402.14")
    metrics = metrics_of(script)
    assert value(metrics, "bridge_tca_samples_dropped_total", reason="no_quote") == 1
    assert value(metrics, "bridge_tca_samples_dropped_total", reason="stale_quote") == 1
    assert not [name for name, _ in samples(metrics) if name.startswith("bridge_slippage_cost_ratio")]


def test_money_without_a_rate_is_not_guessed() -> None:
    script = Script()
    script.fill(script.working(multiplier=Decimal(50)), "2", "100")
    metrics = counted(script, Vitals())
    before = value(metrics, "bridge_traded_notional_usd_total", broker="paper", liquidity="removed_liquidity")
    metrics.engine.fx = {}
    show(metrics, script, 0)
    after = value(metrics, "bridge_traded_notional_usd_total", broker="paper", liquidity="removed_liquidity")
    assert after == before
    assert value(metrics, "bridge_tca_samples_dropped_total", reason="no_rate") == 1


def test_stage_times_come_from_the_engine_and_from_the_journals_own_times() -> None:
    script = Script()
    order = script.working()
    script.later(2)
    script.fill(order, "100", "187.25")
    script.cancel(script.working())
    vitals = Vitals()
    vitals.stage("recv_to_wire", "paper").observe(900_000, 3)
    metrics = counted(script, vitals)
    labels = {"stage": "recv_to_wire", "broker": "paper"}
    assert value(metrics, "bridge_stage_duration_seconds_bucket", le="0.001", **labels) == 1
    assert value(metrics, "bridge_stage_duration_seconds_sum", **labels) == pytest.approx(0.0009)
    assert value(metrics, "bridge_stage_duration_seconds_sum", stage="recv_to_first_fill", broker="paper") == 2.0
    assert value(metrics, "bridge_stage_duration_seconds_count", stage="cancel_to_done", broker="paper") == 1


def test_exemplars_carry_the_sequence_number_and_nothing_else() -> None:
    page, kind = counted(busy_day(1), vitals_of_the_day()).render(OPEN)
    assert kind.startswith("application/openmetrics-text")
    found = [
        (family.name, sample.exemplar.labels)
        for family in open_metrics(page.decode())
        for sample in family.samples
        if sample.exemplar is not None
    ]
    assert {name for name, _ in found} >= {"bridge_stage_duration_seconds", "bridge_slippage_cost_ratio"}
    assert all(list(labels) == ["seq"] for _, labels in found)


def test_the_budget_of_series_holds_with_three_brokers_ten_sessions_and_ten_accounts() -> None:
    metrics = counted(busy_day(), vitals_of_the_day())
    assert metrics.families.budget.collapsed == 0
    assert len(samples(metrics)) <= 5000
    assert metrics.families.budget.series <= 5000


def test_beyond_the_budget_a_label_collapses_and_the_sums_stay_true() -> None:
    script = Script()
    for number in range(40):
        script.fill(script.working(broker=f"b{number}"), "1", "187.25")
    metrics = metrics_of(script, limit=600)
    series = samples(metrics)
    fills = {labels: count for (name, labels), count in series.items() if name == "bridge_fills_total"}
    assert sum(fills.values()) == 40
    assert any(("broker", "other") in labels for labels in fills)
    assert value(metrics, "bridge_metrics_collapsed_total") > 0
    assert len(series) < 800


def test_counting_goes_on_where_the_last_scrape_ended(tmp_path: Path) -> None:
    script = Script()
    script.fill(script.working(), "100", "187.25")
    first = metrics_of(script, path=tmp_path / "metrics.json")
    first.render("")
    script.fill(script.working(), "100", "187.25")
    second = Metrics(
        lambda: script.blotter,
        asset_class=CLASSES.__getitem__,
        mode="paper",
        version="1",
        path=tmp_path / "metrics.json",
    )
    assert second.cursor == 4
    show(second, script, second.cursor)
    assert value(second, "bridge_fills_total", broker="paper", liquidity="removed_liquidity") == 1


@needs("promtool")
def test_promtool_finds_nothing_to_say_about_the_page() -> None:
    page, _ = counted(busy_day(), vitals_of_the_day()).render("")
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
