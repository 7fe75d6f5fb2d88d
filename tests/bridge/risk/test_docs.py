"""docs/risk.md says what the code does: every parameter with its values, every code, and an example that runs."""

import re
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from bridge.orders.reasons import ReasonCode
from bridge.plugins import create
from bridge.risk.limits import parse_limit, row
from bridge.risk.profiles import PARAMETERS
from bridge.risk.selftest import self_test
from bridge.risk.standard import standard_checks
from fixspec.enums import Side

PAGE = (Path(__file__).parents[3] / "docs" / "risk.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def parameter_texts() -> dict[str, str]:
    return dict(re.findall(r"`((?:R\d\d|PX)(?:\.\w+)?)`: (.+?)(?=; `|\s*\|)", PAGE))


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_every_parameter_is_told_with_its_values(parameter):
    text = parameter_texts()[parameter.name]
    values, _, classes = text.partition(" (")
    starter, professional = values.split(", ")
    assert parse_limit(starter, parameter.unit) == parse_limit(parameter.starter, parameter.unit)
    assert parse_limit(professional, parameter.unit) == parse_limit(parameter.professional, parameter.unit)
    told = dict(part.split("=") for part in classes.rstrip(")").split("; ") if part)
    assert {name: tuple(pair.split(", ")) for name, pair in told.items()} == {
        asset_class.value: pair for asset_class, pair in parameter.classes.items()
    }


def test_no_parameter_is_told_that_there_is_none_of():
    assert parameter_texts().keys() == {parameter.name for parameter in PARAMETERS}


def test_every_rule_is_told_with_its_class_and_codes_there_are():
    rows = {
        line.split("|")[1].split()[0]: line.split("|") for line in PAGE.splitlines() if re.match(r"\| R\d\d ", line)
    }
    assert list(rows) == [f"R{number:02}" for number in range(1, 31)]
    for check in standard_checks():
        assert rows[check.rule][2].strip() == ("O" if check.opening else "A")
    for cells in rows.values():
        for code in re.findall(r"[A-Z]+_[A-Z_]+|[A-Z]{4,}", cells[-2]):
            assert ReasonCode(code)


def test_the_configuration_in_the_page_can_be_read():
    for kind, text in BLOCKS:
        if kind == "yaml":
            for limit in yaml.safe_load(text)["risk"].get("limits", ()):
                from bridge.orders.events import Scope

                row(limit["rule"], limit["limit"], Scope(limit.get("scope", "global")), limit.get("name", ""))


def test_the_rule_in_the_page_is_one_file_and_one_line_of_configuration(make_world, tmp_path, monkeypatch):
    code = next(text for kind, text in BLOCKS if kind == "python")
    name = re.match(r"# (\w+)\.py", code).group(1)
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    spec = next(yaml.safe_load(text) for kind, text in BLOCKS if "checks" in text and kind == "yaml")["risk"]["checks"][
        0
    ]
    check = create(spec.pop("use"), spec)
    world = make_world(checks=[check])
    assert world.check(Side.BUY, "AAPL", 200, 100) is None
    rejection = world.check(Side.BUY, "AAPL", 150, 100)
    assert (rejection.rule, rejection.limit, rejection.value) == ("X01", Decimal(100), Decimal(150))
    fired = [result for result in self_test(world.chain, "ACC1", "paper", world.desk.now_ns) if result.rule == "X01"]
    assert [(result.fired, result.outcome.value) for result in fired] == [(True, "refuse")]
