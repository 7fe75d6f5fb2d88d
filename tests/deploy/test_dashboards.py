"""The dashboards: as built, as the public linter wants them, and with data in every panel on a real Prometheus."""

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.outputs.metrics import Metrics
from tests.bridge.outputs.script import Script, needs
from tests.deploy.conftest import DEPLOY, Prometheus

GRAFANA = DEPLOY / "grafana"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}
UNITS = {"none", "s", "ops", "reqps", "percentunit", "currencyUSD", "bytes", "Bps", "suffix: bp"}
FILLED = {
    "$__rate_interval": "6s",
    "$__range": "10s",
    "$job": ".+",
    "$instance": ".+",
    "$broker": ".+",
    "$account": ".+",
    "$session": ".+",
    "$stage": "recv_to_wire",
}
RECORDED = re.compile(r"[a-z]+:bridge_[a-z0-9_]+:[a-z0-9_]+")
FOREIGN = {"scrape_samples_scraped", "ALERTS", "process_cpu_seconds_total", "process_resident_memory_bytes"}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, board in BOARDS.items():
        for panel in board["panels"]:
            if panel["type"] != "row":
                yield f"{name}: {panel['title']}", panel


PANELS = dict(panels())


def expressions() -> Iterator[tuple[str, str]]:
    for name, panel in PANELS.items():
        for target in panel["targets"]:
            yield f"{name} {target['refId']}", target["expr"]
    for name, board in BOARDS.items():
        for annotation in board["annotations"]["list"]:
            yield f"{name}: annotation {annotation['name']}", annotation["expr"]


EXPRESSIONS = dict(expressions())


def filled(expr: str) -> str:
    for variable, value in FILLED.items():
        expr = expr.replace(variable, value)
    return expr


# --- as built --------------------------------------------------------------------------------------------------------


def sdk() -> bool:
    return importlib.util.find_spec("grafana_foundation_sdk") is not None


@pytest.mark.skipif(not sdk() and os.environ.get("CI") != "true", reason="not installed: grafana-foundation-sdk")
def test_the_files_are_what_the_builder_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(GRAFANA / "build.py"), str(tmp_path)], check=True)
    built = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    assert built == {path.name: path.read_text() for path in (GRAFANA / "dashboards").glob("*.json")}


@pytest.mark.skipif(not sdk() and os.environ.get("CI") != "true", reason="not installed: grafana-foundation-sdk")
def test_the_files_are_dashboards_of_grafanas_schema() -> None:
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

    for board in BOARDS.values():
        again = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
        assert again == board


def test_the_five_dashboards_have_their_uids_and_link_to_each_other() -> None:
    uids = {f"fixbridge-{name}" for name in ("overview", "orders", "cost", "sessions", "daemon")}
    assert {board["uid"] for board in BOARDS.values()} == uids
    for board in BOARDS.values():
        assert {link["url"].removeprefix("/d/") for link in board["links"]} >= uids
        assert any(link["title"] == "Console" for link in board["links"])
        assert (board["graphTooltip"], board["refresh"]) == (1, "10s")
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_no_two_panels_of_a_dashboard_overlap() -> None:
    for board in BOARDS.values():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
            assert not cells & taken, panel["title"]
            assert place["x"] + place["w"] <= 24
            taken |= cells


# --- the public linter's rules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_data_source_job_and_instance_are_variables(name: str) -> None:
    variables = {variable["name"]: variable for variable in BOARDS[name]["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["label"]) == ("datasource", "Data source")
    for one, label in (("job", "Job"), ("instance", "Instance")):
        variable = variables[one]
        assert (variable["type"], variable["label"]) == ("query", label)
        assert (variable["multi"], variable["allValue"], variable["refresh"]) == (True, ".+", 2)
        assert variable["datasource"]["uid"] == "${datasource}"
    assert {"broker", "account", "session"} <= variables.keys()
    assert BOARDS[name]["editable"] is False


@pytest.mark.parametrize("name", sorted(PANELS))
def test_a_panel_says_what_it_shows_in_which_unit_and_when_it_is_bad(name: str) -> None:
    panel = PANELS[name]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["title"]
    assert panel["description"].endswith(".")
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"] in UNITS
    assert defaults["thresholds"]["steps"]
    assert panel["targets"]


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_an_expression_has_both_matchers_and_the_rate_interval(name: str) -> None:
    expr = EXPRESSIONS[name]
    for selector in re.findall(r"\{[^}]*\}", expr):
        assert 'job=~"$job"' in selector
        assert 'instance=~"$instance"' in selector
    if "annotation" not in name:
        for window in re.findall(r"\brate\([^\[]*\[([^\]]*)\]", expr):
            assert window == "$__rate_interval"


def test_only_exported_names_are_used() -> None:
    script = Script()
    metrics = Metrics(lambda: script.blotter, asset_class=str, mode="paper", version="0", engine_pid=os.getppid())
    rules = (DEPLOY / "prometheus" / "rules.yml").read_text()
    exported = {*metrics.families.names(), *FOREIGN, *re.findall(r"record: (\S+)", rules), "process_start_time_seconds"}
    alerts = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    used = set()
    for text in (*EXPRESSIONS.values(), *re.findall(r"expr: \|\n((?: {10,}.*\n)+)", rules + alerts)):
        for name in re.findall(r"[a-zA-Z_:][\w:]*(?=\{)|bridge_\w+|[a-z]+:bridge_\w+:\w+", text):
            used.add(name)
    used = {name for name in used if not any(name != other and name in other and ":" in other for other in used)}
    assert used - exported - {"up"} == set()


# --- with data -------------------------------------------------------------------------------------------------------


@needs("prometheus")
def test_every_expression_has_data_on_a_prometheus_that_scraped_a_day(prometheus: Prometheus) -> None:
    empty = []
    for name, expr in EXPRESSIONS.items():
        series = prometheus.query(filled(expr))
        values = [float(one["value"][1]) for one in series]
        if "annotation Restarts" in name or "annotation Broker reconnects" in name:
            continue  # evaluated without error; nothing restarted
        if not values or all(math.isnan(value) for value in values):
            empty.append(f"{name}: {filled(expr)}")
    assert empty == []


@needs("prometheus")
def test_every_variable_finds_values(prometheus: Prometheus) -> None:
    for board in BOARDS.values():
        for variable in board["templating"]["list"]:
            if variable["type"] != "query":
                continue
            match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            assert match is not None
            found = prometheus.get(f"/api/v1/label/{match[2]}/values", **{"match[]": filled(match[1])})
            assert found["data"], variable["name"]


@needs("prometheus")
def test_every_rule_is_healthy_and_the_unknown_outcome_alert_fires(prometheus: Prometheus) -> None:
    groups = prometheus.get("/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"] for rule in rules if rule["health"] != "ok"} == set()
    assert len(rules) == 34
    firing = {rule["name"] for rule in rules if rule.get("state") == "firing"}
    assert "FixbridgeOutcomeUnknown" in firing


@needs("prometheus")
def test_prometheus_keeps_the_sequence_numbers_as_exemplars(prometheus: Prometheus) -> None:
    found = prometheus.get(
        "/api/v1/query_exemplars", query="bridge_slippage_cost_ratio_bucket", start="0", end="9999999999"
    )
    labels = [exemplar["labels"] for series in found["data"] for exemplar in series["exemplars"]]
    assert labels
    assert all(list(one) == ["seq"] for one in labels)
