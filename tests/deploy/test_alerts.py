"""Every alert fires when it should and is silent when it should be (`promtool test rules`); rules and runbooks fit."""

import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.bridge.outputs.script import needs

DEPLOY = Path(__file__).parents[2] / "deploy"
RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
ALERTS = {
    rule["alert"]: rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}
RECORDED = [
    rule["record"]
    for group in yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
WHO = {"job": "fixbridge", "instance": "desk"}
HERE = 'job="fixbridge",instance="desk"'
HOUR = "x240"  # samples of an hour at 15 s


class Case(NamedTuple):
    """Series by name (in promtool's notation), when to look, the alert's own labels and what it says then."""

    firing: dict[str, str]
    quiet: dict[str, str]
    labels: dict[str, str]
    says: str
    at: str = "30m"


def stage(within: str, outside: str) -> dict[str, str]:
    """recv_to_wire: so many a step within 5 ms, so many in all."""
    return {
        f'bridge_stage_duration_seconds_bucket{{{HERE},stage="recv_to_wire",broker="paper",le="0.005"}}': within,
        f'bridge_stage_duration_seconds_count{{{HERE},stage="recv_to_wire",broker="paper"}}': outside,
    }


def lag(fast: str, slow: str) -> dict[str, str]:
    return {
        f'bridge_event_loop_lag_seconds_bucket{{{HERE},le="0.05"}}': fast,
        f'bridge_event_loop_lag_seconds_bucket{{{HERE},le="0.1"}}': slow,
        f'bridge_event_loop_lag_seconds_bucket{{{HERE},le="+Inf"}}': slow,
    }


def flat(metric: str, value: float, /, **labels: str) -> dict[str, str]:
    """A series that stays as it is."""
    return series(metric, f"{value}{HOUR}", **labels)


def series(metric: str, values: str, /, **labels: str) -> dict[str, str]:
    own = "".join(f',{key}="{value}"' for key, value in labels.items())
    return {f"{metric}{{{HERE}{own}}}": values}


STEP = "0x100 1x140"  # a counter born at 0 that rises once, after 25 minutes
CASES: dict[str, Case] = {
    "Down": Case(flat("up", 0), flat("up", 1), {}, "desk of job fixbridge has not answered for a minute."),
    "EngineSilent": Case(
        flat("bridge_vitals_timestamp_seconds", 1680),
        series("bridge_vitals_timestamp_seconds", "0+15x240"),
        {},
        "desk: last vitals 2m 0s ago.",
    ),
    "SessionDown": Case(
        flat("bridge_fix_session_up", 0, session="A") | flat("bridge_fix_session_scheduled", 1, session="A"),
        flat("bridge_fix_session_up", 0, session="A") | flat("bridge_fix_session_scheduled", 0, session="A"),
        {"session": "A"},
        "Session A at desk is not logged on.",
    ),
    "OutcomeUnknown": Case(
        flat("bridge_orders_unknown_outcome_oldest_seconds", 45, broker="ib"),
        flat("bridge_orders_unknown_outcome_oldest_seconds", 12, broker="ib"),
        {"broker": "ib"},
        "ib at desk: the oldest has waited 45s.",
    ),
    "KillIncomplete": Case(
        flat("bridge_kill_incomplete", 3),
        flat("bridge_kill_incomplete", 0),
        {},
        "desk: 3 orders may still be working at a broker.",
    ),
    "ReconciliationBreak": Case(
        flat("bridge_reconciliation_breaks", 2, broker="ib", kind="position"),
        flat("bridge_reconciliation_breaks", 0, broker="ib", kind="position"),
        {"broker": "ib", "kind": "position"},
        "ib at desk: 2 breaks of kind position.",
    ),
    "BrokerDown": Case(
        flat("bridge_adapter_up", 0, broker="ib") | flat("bridge_adapter_scheduled", 1, broker="ib"),
        flat("bridge_adapter_up", 0, broker="ib") | flat("bridge_adapter_scheduled", 0, broker="ib"),
        {"broker": "ib"},
        "ib at desk is not ready.",
    ),
    "SnapshotStale": Case(
        flat("bridge_adapter_snapshot_age_seconds", 90, broker="ib", account="ACC1")
        | flat("bridge_adapter_scheduled", 1, broker="ib"),
        flat("bridge_adapter_snapshot_age_seconds", 20, broker="ib", account="ACC1")
        | flat("bridge_adapter_scheduled", 1, broker="ib"),
        {"broker": "ib", "account": "ACC1"},
        "ib, account ACC1 at desk: 1m 30s old.",
    ),
    "Overfill": Case(
        series("bridge_overfills_total", STEP, broker="ib"),
        flat("bridge_overfills_total", 1, broker="ib"),
        {"broker": "ib"},
        "ib at desk: 1 executions beyond OrderQty(38) in five minutes.",
        at="29m",
    ),
    "JournalDiskFull": Case(
        flat("bridge_journal_free_bytes", 536_870_912),
        series("bridge_journal_free_bytes", "50000000000-1000x240"),
        {},
        "desk: 512MiB left, now or at this pace in four hours.",
    ),
    "MqttRefused": Case(
        series("bridge_mqtt_refused_total", STEP, reason="not_authorised"),
        flat("bridge_mqtt_refused_total", 0, reason="not_authorised"),
        {"reason": "not_authorised"},
        "desk: 1 refusals (not_authorised) in five minutes.",
        at="29m",
    ),
    "AckBurnFast": Case(
        stage("0+90x480", "0+100x480"),
        stage("0+99x480", "0+100x480"),
        {},
        "desk: 10% of orders took more than 5 ms in the last hour.",
        at="1h30m",
    ),
    "LimitNearlyUsed": Case(
        flat("bridge_risk_utilisation_ratio", 0.93, account="ACC1", rule="R09"),
        flat("bridge_risk_utilisation_ratio", 0.9, account="ACC1", rule="R09"),
        {"account": "ACC1", "rule": "R09"},
        "R09 of ACC1 at desk is used to 93%.",
    ),
    "SinkBehind": Case(
        flat("bridge_sink_behind_seconds", 75, sink="mqtt"),
        flat("bridge_sink_behind_seconds", 2, sink="mqtt"),
        {"sink": "mqtt"},
        "mqtt at desk is 1m 15s behind.",
    ),
    "MqttUnheard": Case(
        series("bridge_mqtt_unheard_total", "0+1x240") | flat("bridge_build_info", 1, mode="live"),
        series("bridge_mqtt_unheard_total", "0+1x240") | flat("bridge_build_info", 1, mode="paper"),
        {},
        "desk: 60 fills without a subscriber in a quarter of an hour.",
        at="50m",
    ),
    "LoopLag": Case(
        lag("0+1x240", "0+100x240"),
        lag("0+100x240", "0+100x240"),
        {},
        "desk: 99 % of turns begin within 99.49ms.",
    ),
    "RejectsHigh": Case(
        series("bridge_orders_rejected_total", "0+1x240", source="risk", code="MAX_VALUE")
        | series("bridge_orders_total", "0+4x240", broker="paper", ord_type="limit"),
        series("bridge_orders_rejected_total", "0+1x240", source="risk", code="MAX_VALUE")
        | series("bridge_orders_total", "0+10x240", broker="paper", ord_type="limit"),
        {},
        "desk: 25% of the orders of five minutes.",
    ),
    "LateFill": Case(
        series("bridge_late_fills_total", STEP, broker="ib"),
        flat("bridge_late_fills_total", 4, broker="ib"),
        {"broker": "ib"},
        "ib at desk: 1 in a quarter of an hour.",
    ),
    "ResendStorm": Case(
        series("bridge_fix_resend_requests_total", "0+1x240", session="A", direction="in"),
        series("bridge_fix_resend_requests_total", STEP, session="A", direction="in"),
        {"session": "A", "direction": "in"},
        "A (in) at desk: 20 ResendRequests(2) in five minutes.",
    ),
    "CostHigh": Case(
        series("broker:bridge_slippage_cost_ratio:p90_1h", f"0.003{HOUR}", broker="ib")
        | series("broker:bridge_slippage_cost_ratio:p90_1d", f"0.001{HOUR}", broker="ib")
        | series("bridge_fills_total", "0+1x240", broker="ib", liquidity="removed_liquidity"),
        series("broker:bridge_slippage_cost_ratio:p90_1h", f"0.0015{HOUR}", broker="ib")
        | series("broker:bridge_slippage_cost_ratio:p90_1d", f"0.001{HOUR}", broker="ib")
        | series("bridge_fills_total", "0+1x240", broker="ib", liquidity="removed_liquidity"),
        {"broker": "ib"},
        "ib at desk: nine of ten fills cost up to 0.3%.",
    ),
    "BrokerBudget": Case(
        flat("bridge_broker_budget_ratio", 0.95, broker="ib"),
        flat("bridge_broker_budget_ratio", 0.4, broker="ib"),
        {"broker": "ib"},
        "ib at desk: 95% used.",
    ),
    "AckBurnSlow": Case(
        stage("0+990x480", "0+1000x480"),
        stage("0+995x480", "0+1000x480"),
        {},
        "desk: 1% of orders took more than 5 ms in the last six hours.",
        at="1h30m",
    ),
    "TradingRestricted": Case(
        flat("bridge_risk_state", 1, scope="account", name="ACC1", state="reduce_only"),
        flat("bridge_risk_state", 1, scope="account", name="ACC1", state="active")
        | flat("bridge_risk_state", 0, scope="account", name="ACC1", state="locked"),
        {"scope": "account", "name": "ACC1", "state": "reduce_only"},
        "account ACC1 at desk is reduce_only.",
    ),
    "Restarted": Case(
        series("process_start_time_seconds", "100x100 1500x140", process="engine"),
        flat("process_start_time_seconds", 100, process="engine"),
        {"process": "engine"},
        "desk: 1 starts in a quarter of an hour.",
    ),
}


def test_every_alert_has_its_cases_and_every_case_its_alert() -> None:
    assert {f"Fixbridge{name}" for name in CASES} == set(ALERTS)


def group(name: str, case: Case, fires: bool) -> dict[str, Any]:
    rule = ALERTS[f"Fixbridge{name}"]
    expected = []
    if fires:
        annotations = {**rule["annotations"], "description": case.says}
        labels = {**WHO, **case.labels, "severity": rule["labels"]["severity"]}
        expected.append({"exp_labels": labels, "exp_annotations": annotations})
    return {
        "interval": "15s",
        "name": f"{name} {'fires' if fires else 'is quiet'}",
        "input_series": [
            {"series": one, "values": values} for one, values in (case.firing if fires else case.quiet).items()
        ],
        "alert_rule_test": [{"eval_time": case.at, "alertname": f"Fixbridge{name}", "exp_alerts": expected}],
    }


@needs("promtool")
def test_each_alert_fires_and_is_quiet_under_promtool(tmp_path: Path) -> None:
    tests = {
        "rule_files": [str(DEPLOY / "prometheus" / "rules.yml"), str(DEPLOY / "prometheus" / "alerts.yml")],
        "evaluation_interval": "1m",
        "tests": [group(name, case, fires) for name, case in CASES.items() for fires in (True, False)],
    }
    for test in tests["tests"]:
        del test["name"]
    path = tmp_path / "cases.yml"
    path.write_text(yaml.safe_dump(tests))
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs("promtool")
def test_configuration_and_rules_check_out() -> None:
    for command in (
        ["promtool", "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml")],
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", str(DEPLOY / "prometheus" / "rules.yml")],
        ["promtool", "check", "rules", "--lint=all", "--lint-fatal", str(DEPLOY / "prometheus" / "alerts.yml")],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_says_what_is_wrong_and_where_to_read_on(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url", "dashboard_uid"}
    assert rule["annotations"]["summary"].endswith((".", "?"))
    assert rule["annotations"]["dashboard_uid"].startswith("fixbridge-")
    runbook = RUNBOOKS / f"{name}.md"
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
    text = runbook.read_text()
    assert text.startswith(f"# {name}\n")
    for part in ("## What it means", "## Look first", "## Do", "## When it is over"):
        assert part in text, f"{runbook.name} has no {part!r}"


def test_no_runbook_is_without_its_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("Fixbridge*.md")} == set(ALERTS)


def test_recorded_names_say_level_metric_and_operation() -> None:
    assert len(RECORDED) == len(set(RECORDED)) == 10
    assert all(name.count(":") == 2 for name in RECORDED)
