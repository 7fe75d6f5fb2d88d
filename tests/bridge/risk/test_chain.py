from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.interfaces import RiskCheck, View
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.chain import Outcome, RiskChain
from bridge.risk.limits import row
from bridge.risk.standard import standard_checks
from fixspec.enums import OrdRejReason, Side

D = Decimal
ALWAYS = {"R01", "R02", "R04", "R05", "R07", "R08", "R18", "R24", "R25", "R26", "R27", "R28"}


def test_the_first_hard_failure_refuses(world):
    rejection = world.check(Side.BUY, "AAPL", 20000, 200)
    assert rejection.rule == "R02"
    assert world.chain.refused == {"R02": 1}


def test_explain_runs_all_rules_with_their_headroom_and_places_nothing(world):
    before = world.blotter.seq
    verdicts = world.explain(Side.BUY, "AAPL", 20000, 200)
    assert [name for name, v in verdicts.items() if v.outcome is Outcome.REFUSE] == [
        *("MaxOrderQty", "PriceCollar", "MaxOrderValue", "Turnover", "MaxPosition", "BuyingPower"),
        *("Concentration", "SectorExposure", "NetExposure"),
    ]
    value = verdicts["MaxOrderValue"]
    assert (value.limit, value.value, value.headroom, value.utilisation) == (25000, 4000000, -3975000, 160)
    assert (world.blotter.seq, world.portfolio.lines) == (before, {})


def test_rules_of_the_opening_class_are_the_ones_a_reducing_order_skips():
    assert {check.rule for check in standard_checks() if not check.opening} == ALWAYS


def test_reducing_orders_pass_all_opening_rules_and_no_others(make_world):
    tight = ("R03", "R09", "R10.fees", "R11.amount", "R13", "R14", "R15", "R16", "R17", "R22", "R22.orders")
    world = make_world(rows=[row(name, "0") for name in tight])
    world.hold(100)
    world.adapter.unready = "reconciling"
    world.desk.statements.clear()
    assert world.check(Side.SELL, "AAPL", 100, 100) is None
    said = world.explain(Side.SELL, "AAPL", 100, 100)
    skipped = {v.rule for v in said.values() if v.outcome is Outcome.SKIP}
    assert skipped == {check.rule for check in standard_checks() if check.opening}
    assert world.code(Side.SELL, "AAPL", 100, 90) == "R04 PRICE_COLLAR"
    assert world.code(Side.SELL, "AAPL", "99.5", 100) == "R01 LOT_SIZE"
    assert world.code(Side.BUY, "AAPL", 1, 100) is not None


def test_an_order_that_only_takes_back_a_part_of_itself_opens_nothing(world):
    order_id = world.place(Side.BUY, "AAPL", 200, 100)
    world.set("R03", "100")
    assert world.chain.check(world.replaced(order_id, order_qty=100), world.desk) is None
    assert world.chain.check(world.replaced(order_id, price=99), world.desk) is None
    assert world.chain.check(world.replaced(order_id, price=101), world.desk).rule == "R03"
    assert world.chain.check(world.replaced(order_id, order_qty=201), world.desk).rule == "R03"


def test_the_rejection_says_what_to_change(world):
    rejection = world.check(Side.BUY, "AAPL", 1000, 100)
    assert rejection == Rejection(
        ReasonCode.MAX_VALUE,
        "R03 order value 100,000 over limit 25,000 (starter profile)",
        "R03",
        D(25000),
        D(100000),
    )
    assert rejection.ord_rej_reason is OrdRejReason.ORDER_EXCEEDS_LIMIT


def test_a_number_that_is_none_refuses(world):
    rejection = world.check(Side.BUY, "AAPL", "NaN", 100)
    assert rejection.code is ReasonCode.INTERNAL
    assert world.chain.reservation() is None


def test_explain_says_so_too(world):
    assert world.explain(Side.BUY, "AAPL", "NaN", 100)["MaxOrderQty"].code is ReasonCode.INTERNAL
    world.hold(-10)
    (only,) = world.chain.explain(world.order(Side.BUY, "AAPL", "NaN", 100), world.desk)
    assert (only.outcome, only.code) == (Outcome.REFUSE, ReasonCode.INTERNAL)
    world.state_account(equity=D("NaN"))
    verdicts = world.explain(Side.BUY, "AAPL", 1, 100)
    assert {v.code for v in verdicts.values() if v.outcome is Outcome.REFUSE} == {ReasonCode.INTERNAL}
    assert world.check(Side.BUY, "AAPL", 1, 100).code is ReasonCode.INTERNAL


def test_the_reservation_is_that_of_the_order_that_passed_last(world):
    assert world.chain.reservation() is None
    assert world.check(Side.BUY, "AAPL", 100, 100) is None
    reserved = world.chain.reservation()
    assert (reserved.price, reserved.value, reserved.margin, reserved.funds) == (100, 10000, 5000, 10000)
    assert world.check(Side.BUY, "AAPL", 100000, 100) is not None
    assert world.chain.reservation() is None


def test_a_reducing_order_reserves_no_buying_power(world):
    world.hold(100)
    assert world.check(Side.SELL, "AAPL", 100, 100) is None
    reserved = world.chain.reservation()
    assert (reserved.value, reserved.margin, reserved.funds) == (10000, 0, 0)


@dataclass(frozen=True, slots=True)
class NoFridays:
    """A rule that knows nothing but interfaces.View."""

    day: int
    rule: ClassVar[str] = "X01"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: View) -> Rejection | None:
        weekday = (view.now_ns // 86_400_000_000_000 + 3) % 7
        instrument = view.instrument(order.symbol)
        held = view.position(order.account, order.symbol).qty
        if instrument is None or (weekday == self.day and not held):
            return Rejection(ReasonCode.MARKET_CLOSED, "X01 not on this day", "X01")
        return None


def test_a_rule_of_ones_own_sees_the_engines_view(make_world):
    check: RiskCheck = NoFridays(0)  # START is a Monday
    world = make_world(checks=[check])
    assert world.code(Side.BUY, "AAPL", 1, 100) == "X01 MARKET_CLOSED"
    world.wait(86400)
    world.open_day()
    world.state_account()
    world.quote("AAPL", 100)
    assert world.check(Side.BUY, "AAPL", 1, 100) is None


def test_a_chain_needs_nothing_but_its_checks(world):
    assert RiskChain(standard_checks()).check(world.order(Side.BUY, "AAPL", 10**7, 100), world.desk).rule == "R02"


DATA = {
    "quote": lambda world: world.prices.quotes.clear(),
    "stale quote": lambda world: world.quote("AAPL", 100, age=6),
    "crossed quote": lambda world: world.quote("AAPL", 100, width=-1),
    "zero quote": lambda world: world.quote("AAPL", 0),
    "statement": lambda world: world.desk.statements.clear(),
    "stale statement": lambda world: world.wait(61) or world.quote("AAPL", 100),
    "instrument": lambda world: world.instruments.clear(),
    "adapter": lambda world: world.desk.adapters.clear(),
    "opening equity": lambda world: setattr(world.portfolio.account("ACC1"), "opening_equity", None),
    "price of a holding": lambda world: world.hold(1, "XOM", 50) or world.prices.quotes.pop("XOM"),
    "opening hours": lambda world: setattr(world.desk, "opening_hours", lambda instrument, now: None),
}


@pytest.mark.parametrize("missing", DATA)
@pytest.mark.parametrize(
    ("side", "price", "stop"), [(Side.BUY, 100, None), (Side.BUY, None, None), (Side.SELL_SHORT, 100, None)]
)
def test_whatever_is_missing_or_stale_an_opening_order_is_refused(world, missing, side, price, stop):
    assert world.check(side, "AAPL", 1, price, stop) is None
    DATA[missing](world)
    assert world.check(side, "AAPL", 1, price, stop) is not None


@settings(max_examples=200, deadline=None)
@given(
    qty=st.integers(1, 2000),
    price=st.integers(5000, 20000).map(lambda cents: D(cents) / 100),
    held=st.sampled_from([-300, -100, 0, 100, 300]),
    side=st.sampled_from([Side.BUY, Side.SELL, Side.SELL_SHORT]),
)
def test_an_order_that_passes_exceeds_no_limit_whatever_fills(make_world, qty, price, held, side):
    world = make_world()
    if held:
        world.hold(held)
    if world.check(side, "AAPL", qty, price) is not None:
        return
    signed = qty if side is Side.BUY else -qty
    after = held + signed
    if abs(after) <= abs(held) and after * held >= 0:
        return  # it only reduces
    assert abs(after) * 100 <= 50000
    assert qty * max(price, D("99.99") if signed < 0 else price) <= 25000
    assert (price - 100 if signed > 0 else 100 - price) <= 5


def test_explain_and_check_agree(world):
    for qty, price in ((1, 100), (300, 100), (100, 110), (20000, 100), (100, "100.005")):
        refused = [v.rule for v in world.explain(Side.BUY, "AAPL", qty, price).values() if v.outcome is Outcome.REFUSE]
        rejection = world.check(Side.BUY, "AAPL", qty, price)
        assert (rejection.rule if rejection is not None else None) == (refused[0] if refused else None)


@pytest.mark.parametrize("held", [10, -10])
def test_reducing_is_no_more_than_other_working_orders_leave_of_the_position(world, held):
    world.set("R09", "9000000")
    for rule in ("R03", "R13", "R14", "R15", "R16", "R22"):
        world.set(rule, "off")
    world.hold(held, "ESZ6", 5000)
    side, price = (Side.SELL, 5010) if held > 0 else (Side.BUY, 4990)
    world.place(side, "ESZ6", 6, price, check=False)
    assert world.says("MaxPosition", side, "ESZ6", 4, price) == "skip"
    assert world.says("MaxPosition", side, "ESZ6", 5, price) != "skip"
    assert world.code(side, "ESZ6", 5, price) == "R09 CROSS_ZERO"


def test_a_rule_that_is_off_is_not_even_asked(world):
    class Loud:
        rule = "R03"
        opening = True

        def check(self, order, view):
            return Rejection(ReasonCode.MAX_VALUE, "asked", "R03")

    chain = RiskChain([Loud()], world.portfolio)
    order = world.order(Side.BUY, "AAPL", 1, 100)
    assert chain.check(order, world.desk) is not None
    assert world.chain.check(order, world.desk) is None
    assert chain.check(order, world.desk) is not None
    world.set("R03", "off")
    assert chain.check(order, world.desk) is None


def test_rules_are_timed_for_one_order_of_many(world):
    clock = iter(range(0, 10**9, 5))
    took = []
    world.chain.time_rules(lambda rule, ns: took.append((rule, ns)), lambda: next(clock))
    assert world.check(Side.BUY, "AAPL", 1, 100) is None
    first, timed = dict(took), len(took)
    assert {"R01", "R03", "R10"} <= first.keys()
    assert set(first.values()) == {5}
    assert world.check(Side.BUY, "AAPL", 1, 100) is None
    assert len(took) == timed
