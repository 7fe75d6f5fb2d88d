from dataclasses import dataclass
from typing import ClassVar

import pytest

from bridge.orders.events import Scope, TradingState
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.chain import Outcome, RiskChain
from bridge.risk.limits import row
from bridge.risk.selftest import PROBES, halt_for, self_test
from bridge.risk.size import MaxOrderValue
from bridge.risk.standard import standard_checks

ROWS = [
    row("R12", "1000"),
    row("R05", "1.5"),
    row("R23.deny", "GME,AMC"),
    row("R23.classes", "equity,etf", Scope.ACCOUNT, "ACC1"),
    row("R30", "3"),
    row("R28", "3"),
    row("R21", "10"),
    row("R09.long", "10"),
    row("R18", "1"),
    row("R18.burst", "1"),
]


def run(world):
    return self_test(world.chain, "ACC1", "paper", world.desk.now_ns)


@pytest.mark.parametrize("profile", ["starter", "professional", "none"])
@pytest.mark.parametrize("rows", [[], ROWS])
def test_every_rule_fires_or_is_off_by_name(make_world, profile, rows):
    world = make_world(profile, rows)
    results = run(world)
    assert [result for result in results if not result.fired] == []
    assert halt_for("ACC1", results) is None
    assert {result.rule for result in results} == {f"R{n:02}" for n in range(1, 31)}


def test_with_the_starter_profile_every_promised_control_really_refuses(world):
    outcomes = {(result.rule, result.outcome) for result in run(world)}
    for rule in ("R01", "R03", "R04", "R07", "R08", "R09", "R10", "R11", "R13", "R14", "R15"):
        assert (rule, Outcome.REFUSE) in outcomes


def test_the_self_test_changes_nothing(world):
    before = (world.portfolio.seq, dict(world.portfolio.states.halts), world.portfolio.account("ACC1").day.turnover)
    run(world)
    assert before == (
        world.portfolio.seq,
        dict(world.portfolio.states.halts),
        world.portfolio.account("ACC1").day.turnover,
    )


def test_every_standard_rule_has_a_probe():
    assert {type(check).__name__ for check in standard_checks()} == set(PROBES)


@dataclass(frozen=True, slots=True)
class Deaf:
    """A rule that lets everything pass."""

    rule: ClassVar[str] = "R03"
    opening: ClassVar[bool] = True

    def check(self, order, view):
        return None


def test_a_rule_that_does_not_fire_keeps_the_account_cancel_only(world):
    deaf = type("MaxOrderValue", (Deaf,), {})()
    checks = [deaf if isinstance(check, MaxOrderValue) else check for check in standard_checks()]
    halt = halt_for("ACC1", self_test(RiskChain(checks, world.portfolio), "ACC1", "paper", world.desk.now_ns))
    assert (halt.scope, halt.name, halt.state) == (Scope.ACCOUNT, "ACC1", TradingState.CANCEL_ONLY)
    assert "R03 MaxOrderValue" in halt.reason


@dataclass(frozen=True, slots=True)
class NoOddLots:
    rule: ClassVar[str] = "X01"
    opening: ClassVar[bool] = True

    def check(self, order, view):
        return Rejection(ReasonCode.LOT_SIZE, "X01 odd lot", "X01") if order.order_qty % 100 else None

    def probe(self, scene):
        return scene.order(qty=scene.order().order_qty)


def test_a_rule_of_ones_own_takes_part_with_a_probe(make_world):
    world = make_world(checks=[NoOddLots()])
    assert [(r.fired, r.outcome) for r in run(world) if r.rule == "X01"] == [(True, Outcome.REFUSE)]
