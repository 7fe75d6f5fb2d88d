from decimal import Decimal

from bridge.risk.limits import row
from bridge.risk.usage import usage
from fixspec.enums import Side

D = Decimal


def used(world, account="ACC1"):
    return {each.rule: each for each in usage(world.chain, world.desk, account)}


def test_an_idle_account_uses_nothing(world):
    assert {each.ratio for each in used(world).values()} == {0}


def test_usage_tells_how_much_of_each_limit_is_used_and_by_what(world):
    world.hold(100)
    world.place(Side.BUY, "AAPL", 100, 100)
    world.place(Side.BUY, "XOM", 100, 50)
    found = used(world)
    assert (found["R09"].value, found["R09"].ratio, found["R09"].what) == (20000, D("0.4"), "AAPL")
    assert (found["R13"].value, found["R13"].limit, found["R13"].what) == (20000, 200000, "AAPL")
    assert found["R15"].value == found["R16"].value == 25000
    assert found["R10"].value == 5000 + 5000 + 2500
    assert (found["R17"].value, found["R17.symbol"].value) == (2, 1)
    assert found["R22.orders"].value == 3
    assert found["R11"].value == 1  # longs are reckoned at the bid


def test_without_a_price_or_a_statement_nothing_is_said_about_what_needs_them(world):
    world.hold(100)
    del world.prices.quotes["AAPL"]
    found = used(world)
    assert "R16" not in found
    assert found["R10"].value is None
    world.desk.statements.clear()
    assert "R10" not in used(world)
    assert found["R17"].ratio == 0


def test_usage_follows_the_accounts_own_limits(make_world):
    world = make_world(rows=[row("R17", "4"), row("R12", "100"), row("R11.amount", "10")])
    world.place(Side.BUY, "AAPL", 1, 99)
    assert used(world)["R17"].ratio == D("0.25")
    assert {"R12", "R11.amount"} <= used(world).keys()
