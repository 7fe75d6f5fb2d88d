from datetime import timedelta
from decimal import Decimal

import pytest

from bridge.orders.events import Scope
from bridge.risk.changes import ChangeTerms, change_limit
from bridge.risk.limits import LimitError
from fixspec.enums import Side

D = Decimal
ACC1 = {"scope": Scope.ACCOUNT, "name": "ACC1"}


def change(world, rule, new, **fields):
    values = {"scope": Scope.GLOBAL, "name": "", "who": "ann", "reason": "test", "now": world.now} | fields
    return change_limit(world.limits, rule=rule, new=new, **values)


def waits(world, rule, new, **fields):
    return change(world, rule, new, **fields).effective != world.now


@pytest.mark.parametrize(
    ("rule", "new", "late"),
    [
        ("R03", "10000", False),
        ("R03", "25000", False),
        ("R03", "25000 block 0.5", False),
        ("R03", "25000.01", True),
        ("R03", "10000 warn", True),
        ("R03", "off", True),
        ("R08", "1", False),
        ("R08", "0.1", True),
        ("R08", "off", True),
        ("R02", "10", False),
        ("R02", "100", True),  # ten contracts of a future are less
        ("R12", "5000", False),
        ("R23.deny", "GME", False),
        ("R23.allow", "AAPL", False),
        ("R10.margin", "20000", False),
    ],
)
def test_tightening_holds_at_once_and_loosening_waits(world, rule, new, late):
    assert waits(world, rule, new) is late


def test_loosening_waits_for_a_minute(world):
    event = change(world, "R03", "50000")
    assert event.effective == world.now + timedelta(seconds=60)
    assert (event.old, event.new, event.who, event.reason) == (None, "50000", "ann", "test")


def test_the_second_change_is_judged_against_the_first(world):
    world.commit(change(world, "R03", "1000"))
    assert waits(world, "R03", "2000")
    assert change(world, "R03", "2000").old == "1000"
    assert not waits(world, "R03", "500")
    assert waits(world, "R03", None)


def test_a_limit_beside_a_global_one_can_only_tighten(world):
    world.commit(change(world, "R03", "1000"))
    assert not waits(world, "R03", "90000", **ACC1)
    assert waits(world, "R03", "off", **ACC1)
    assert world.says("MaxOrderValue", Side.BUY, "AAPL", 11, 100) == "MAX_VALUE"


def test_a_first_limit_above_the_built_in_value_loosens(world):
    assert waits(world, "R03", "90000", **ACC1)
    world.commit(change(world, "R03", "1000", scope=Scope.SYMBOL, name="MSFT"))
    assert waits(world, "R03", "90000", **ACC1)


def test_names_tighten_by_fewer_allowed_and_more_denied(world):
    world.commit(change(world, "R23.allow", "AAPL,MSFT"))
    assert not waits(world, "R23.allow", "AAPL")
    assert waits(world, "R23.allow", "AAPL,MSFT,GME")
    world.commit(change(world, "R23.deny", "GME"))
    assert not waits(world, "R23.deny", "GME,AMC")
    assert waits(world, "R23.deny", "AMC")
    assert waits(world, "R23.deny", "GME warn")


@pytest.mark.parametrize("fields", [{"who": " "}, {"reason": ""}, {"name": "ACC1"}, {"scope": Scope.ACCOUNT}])
def test_a_change_without_a_person_a_reason_or_a_place_is_refused(world, fields):
    with pytest.raises(LimitError):
        change(world, "R03", "1000", **fields)


@pytest.mark.parametrize(("rule", "new"), [("R03.x", "1"), ("R03", "many"), ("R27", "off"), ("R01", "1 warn")])
def test_a_change_that_means_nothing_is_refused(world, rule, new):
    with pytest.raises(LimitError):
        change(world, rule, new)


def test_an_override_lasts_a_day_at_most(world):
    for seconds in (0, -1, 86401):
        with pytest.raises(LimitError):
            change(world, "R03", "50000", expiry=world.now + timedelta(seconds=seconds))
    event = change(world, "R03", "50000", expiry=world.now + timedelta(days=1))
    assert event.expiry == world.now + timedelta(days=1)


def test_loosening_may_need_a_second_person(world):
    terms = ChangeTerms(second_person=True)
    for approver in (None, "", "ann"):
        with pytest.raises(LimitError):
            change(world, "R03", "50000", terms=terms, approver=approver)
    assert change(world, "R03", "50000", terms=terms, approver="bob").approver == "bob"
    assert change(world, "R03", "100", terms=terms).approver is None
