from datetime import timedelta
from decimal import Decimal

import pytest

from bridge.orders.events import Entry, LimitChanged, Scope
from bridge.orders.market import AssetClass
from bridge.risk.limits import Limit, LimitError, LimitMode, Limits, broker_rows, parse_limit, row
from bridge.risk.profiles import ALWAYS_ON, BY_NAME, PARAMETERS, PROFILES, Unit
from fixspec.enums import Side

D = Decimal


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("25000", Limit(D(25000))),
        ("0.5 warn", Limit(D("0.5"), mode=LimitMode.WARN)),
        ("25000 block 0.9", Limit(D(25000), warn_at=D("0.9"))),
        ("off", Limit(mode=LimitMode.OFF)),
    ],
)
def test_a_limit_is_read_as_it_is_written(text, limit):
    assert parse_limit(text) == limit
    assert parse_limit(str(limit)) == limit


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-1",
        "1e5",
        "NaN",
        "Infinity",
        "1_000",
        "unlimited",
        "none",
        "5 maybe",
        "5 off",
        "5 warn 0",
        "5 warn 2",
        "off 3",
    ],
)
def test_what_is_no_limit_is_refused_with_a_word(text):
    with pytest.raises(LimitError):
        parse_limit(text)


def test_names_are_a_set(world):
    limit = parse_limit("MSFT,AAPL warn", Unit.NAMES)
    assert limit.names == {"AAPL", "MSFT"}
    assert str(limit) == "AAPL,MSFT warn"


def bound(limits, name, **order):
    values = {"broker": "paper", "account": "ACC1", "strategy": None, "session_id": "S1", "symbol": "AAPL"} | order
    limits.table(type("Key", (), values), AssetClass.EQUITY, 1)
    return limits.resolve(*values.values(), AssetClass.EQUITY).bounds.get(name)


def test_the_tightest_of_all_levels_wins():
    places = [
        (Scope.GLOBAL, "", 900),
        (Scope.BROKER, "paper", 800),
        (Scope.ACCOUNT, "ACC1", 700),
        (Scope.STRATEGY, "slow", 600),
        (Scope.SESSION, "S1", 500),
        (Scope.SYMBOL, "AAPL", 400),
        (Scope.SYMBOL, "AAPL@paper", 300),
        (Scope.SYMBOL, "AAPL@ACC1", 200),
    ]
    rows = []
    for scope, name, value in places:
        rows.append(row("R03", str(value), scope, name))
        found = bound(Limits(rows=rows), "R03", strategy="slow")
        assert (found.block, found.where) == (value, f"{scope.value} {name}".strip())
    assert bound(Limits(rows=list(reversed(rows))), "R03", strategy="slow").block == 200
    assert bound(Limits(rows=rows), "R03", symbol="MSFT", strategy="slow").block == 500
    assert bound(Limits(rows=rows), "R03", symbol="MSFT", session_id="S2", broker="ib", account="X").block == 900


def test_of_windows_the_longest_is_the_tightest():
    rows = [row("R08", "2"), row("R08", "1", Scope.SESSION, "S1")]
    assert bound(Limits(rows=rows), "R08").block == 2


def test_blank_is_the_profiles_value_never_unlimited():
    for profile, value in (("starter", 25000), ("professional", 1000000)):
        assert bound(Limits(profile), "R03").block == value
    assert bound(Limits("none"), "R03") is None


def test_an_explicit_limit_takes_the_place_of_the_built_in_one():
    limits = Limits(rows=[row("R03", "100000", Scope.BROKER, "paper")])
    assert bound(limits, "R03").block == 100000
    assert bound(limits, "R03", broker="ib").block == 25000


def test_off_is_only_off_where_nothing_else_is_set():
    limits = Limits(rows=[row("R03", "off", Scope.ACCOUNT, "ACC1"), row("R03", "100000", Scope.SYMBOL, "MSFT")])
    assert bound(limits, "R03") is None
    assert bound(limits, "R03", symbol="MSFT").block == 100000


def test_a_warning_limit_warns_beside_a_blocking_one():
    limits = Limits(rows=[row("R03", "100 warn"), row("R03", "1000 block 0.9", Scope.ACCOUNT, "ACC1")])
    found = bound(limits, "R03")
    assert (found.block, found.warn) == (1000, 100)
    only = bound(limits, "R03", account="ACC2")
    assert not only.block.is_finite()
    assert only.warn == 100


def test_what_must_not_be_switched_off_is_not():
    for rule in ALWAYS_ON:
        for text in ("off", "1 warn"):
            with pytest.raises(LimitError):
                row(rule, text)
        assert bound(Limits("none"), rule) is not None


@pytest.mark.parametrize(
    ("rule", "scope", "name"),
    [("R03.nothing", Scope.GLOBAL, ""), ("R03", Scope.GLOBAL, "ACC1"), ("R03", Scope.ACCOUNT, "")],
)
def test_a_limit_nobody_can_mean_is_refused(rule, scope, name):
    with pytest.raises(LimitError):
        row(rule, "5", scope, name)


def test_a_rule_of_ones_own_may_have_a_limit():
    limits = Limits(rows=[row("X01", "5", Scope.ACCOUNT, "ACC1")])
    assert bound(limits, "X01").block == 5
    assert bound(limits, "X01", account="ACC2") is None
    assert "X01" not in limits.resolve("paper", "ACC2").off


def test_a_brokers_risk_block_maps_unchanged():
    block = {
        "maxPositionSize": 500,
        "maxOrderValue": "75000.50",
        "maxDailyLoss": 0.1,
        "positionLimits": [{"symbol": "AAPL", "maxPositionSize": 100}, {"symbol": "BTC/USD", "limit": "0.5"}],
    }
    limits = Limits(rows=broker_rows("paper", block))
    assert bound(limits, "R03").block == D("75000.50")
    assert bound(limits, "R11.amount").block == D("0.1")
    assert bound(limits, "R09.long", symbol="MSFT").block == 500
    assert bound(limits, "R09.short", symbol="AAPL").block == 100
    assert bound(limits, "R09.long", symbol="BTC/USD").block == D("0.5")
    assert bound(limits, "R09.long", symbol="AAPL", broker="ib") is None


@pytest.mark.parametrize(
    "block",
    [
        {"maxOrderSize": 1},
        {"maxOrderValue": -1},
        {"maxOrderValue": "lots"},
        {"maxOrderValue": True},
        {"maxDailyLoss": float("nan")},
        {"maxDailyLoss": float("inf")},
        {"positionLimits": 5},
        {"positionLimits": [{"AAPL": 5}]},
        {"positionLimits": {"AAPL": {"a": 1, "b": 2}}},
    ],
)
def test_a_risk_block_that_cannot_be_read_is_refused(block):
    with pytest.raises(LimitError):
        broker_rows("paper", block)


def test_every_profile_gives_every_parameter_a_readable_value():
    for parameter in PARAMETERS:
        for text in (parameter.starter, parameter.professional, *sum(parameter.classes.values(), ())):
            parse_limit(text, parameter.unit)
        assert parameter.follows is None or parameter.follows in BY_NAME
    for profile in PROFILES:
        for asset_class in AssetClass:
            table = Limits(profile).resolve(asset_class=asset_class)
            assert table.quote_age > 0
            assert table.equity_age > 0
    with pytest.raises(LimitError):
        Limits("generous")


def test_professional_is_nowhere_tighter_than_starter_but_where_it_says_less():
    starter, professional = Limits("starter").resolve(), Limits("professional").resolve()
    for name in ("R02", "R03", "R09", "R13", "R14", "R15", "R16", "R17", "R18", "R22"):
        assert professional.bounds[name].block > starter.bounds[name].block


def change(world, rule, new, at=0, until=None, scope=Scope.GLOBAL, name=""):
    world.commit(
        LimitChanged(
            rule=rule,
            scope=scope,
            name=name,
            new=new,
            who="ann",
            reason="test",
            effective=world.now + timedelta(seconds=at),
            expiry=None if until is None else world.now + timedelta(seconds=until),
        )
    )


def test_a_change_holds_from_its_time_to_its_expiry(world):
    change(world, "R03", "50000", at=60, until=120)
    for wait, refused in (
        (0, True),
        ("59.999999", True),
        ("0.000001", False),
        ("59.999999", False),
        ("0.000001", True),
    ):
        world.wait(wait)
        world.quote("AAPL", 100)
        verdict = world.says("MaxOrderValue", Side.BUY, "AAPL", 300, 100)
        assert (verdict == "MAX_VALUE") is refused


def test_a_later_tightening_beats_an_earlier_loosening_that_waits(world):
    change(world, "R03", "50000", at=60)
    change(world, "R03", "10000")
    world.wait(61)
    world.quote("AAPL", 100)
    assert world.says("MaxOrderValue", Side.BUY, "AAPL", 101, 100) == "MAX_VALUE"


def test_a_change_of_nothing_goes_back_to_configuration(make_world):
    world = make_world(rows=[row("R03", "5000")])
    change(world, "R03", "1000")
    assert world.says("MaxOrderValue", Side.BUY, "AAPL", 11, 100) == "MAX_VALUE"
    change(world, "R03", None)
    assert world.says("MaxOrderValue", Side.BUY, "AAPL", 50, 100) == "warn"
    assert world.says("MaxOrderValue", Side.BUY, "AAPL", 51, 100) == "MAX_VALUE"


def test_changes_survive_a_restart(make_world, world):
    change(world, "R03", "1000", scope=Scope.ACCOUNT, name="ACC1")
    again = make_world()
    for entry in world.entries:
        if isinstance(entry, Entry) and entry.seq > 2:
            again.portfolio.on_entry(entry, None, None)
    assert again.says("MaxOrderValue", Side.BUY, "AAPL", 11, 100) == "MAX_VALUE"


def test_a_limit_that_nobody_set_refuses(world):
    from bridge.risk.case import Case

    case = Case(world.order(Side.BUY, "AAPL", 1, 100), world.desk, world.portfolio, world.chain.marks)
    assert case.unset("X01").code.value == "NO_LIMIT"
    world.set("R03", "off")
    case = Case(world.order(Side.BUY, "AAPL", 1, 100), world.desk, world.portfolio, world.chain.marks)
    assert case.unset("R03") is None


@pytest.mark.parametrize("rule", ["R10.long_rate", "R10.margin", "R10.fees"])
def test_a_margin_rate_cannot_only_warn(rule):
    with pytest.raises(LimitError, match="cannot only warn"):
        row(rule, "0.5 warn")
