"""The one pass over a plain order and the rules: what the pass lets through every rule lets through without a word."""

import random
from decimal import Decimal
from typing import Any

import pytest

from bridge.interfaces import Mark
from bridge.orders.events import Reservation, Scope, TradingHalted
from bridge.orders.order import Order
from bridge.risk.chain import RiskChain
from bridge.risk.limits import Limits, row
from bridge.risk.profiles import BY_NAME
from bridge.risk.scene import Scene
from bridge.risk.selftest import PROBES
from bridge.risk.standard import standard_checks
from bridge.risk.usual import AUDIT
from fixspec.enums import ExecInst, OrdType, Side, TimeInForce
from tests.bridge.risk.conftest import START, World, ns

D = Decimal
SYMBOLS = {"AAPL": 100, "MSFT": 400, "XOM": 50, "MID": 10, "PENNY": "0.5", "ESZ6": 5000, "EUR/USD": "1.1", "SAP": 100}
TIGHT = [
    ("R02", "150"), ("R02.adv", "0.1"), ("R03", "20000"), ("R04", "0.01"), ("R04.below_25", "0.02"),
    ("R04.below_1", "0.03"), ("R05", "0.05"), ("R08", "2"), ("R09", "90000"), ("R09.long", "500"), ("R09.short", "300"),
    ("R09.cross", "1"), ("R10", "0.5"), ("R11", "0.001"), ("R11.amount", "500"), ("R12", "400"), ("R13", "0.05"),
    ("R14", "0.08"), ("R14.unclassified", "0.02"), ("R15", "0.1"), ("R16", "0.12"), ("R16.cash", "0.1"), ("R17", "9"),
    ("R17.symbol", "3"), ("R18", "2"), ("R18.burst", "5"), ("R21", "3"), ("R21.after", "5"), ("R22", "150000"),
    ("R22.orders", "40"), ("R23.deny", "MSFT"), ("R23.allow", "AAPL,XOM"), ("R24", "1"), ("R25", "1"), ("R26", "3"),
    ("R28", "1"), ("R28.equity", "2000000"), ("R30", "3"), ("PX.quote_age", "1"), ("PX.spread", "0.0003"),
    ("PX.equity_age", "3"), ("R04.ticks", "40"), ("R10.margin", "20000"), ("R10.long_rate", "0.9"),
]  # fmt: skip


def plain_world(profile: str = "professional", **cash: Any) -> World:
    world = World(profile)
    world.chain = RiskChain(standard_checks(), world.portfolio, one_pass=True)
    world.quote("SAP", 100)
    world.quote("EUR/USD", "1.1", width="0.00002")
    world.state_account(**cash)
    return world


def both(world: World, order: Order) -> tuple[Reservation | None, Any, Reservation | None]:
    """What the pass says, what the rules say (a refusal, a warning or None), and what they set aside."""
    chain = world.chain
    passed = chain._in_one_pass(order, world.desk)
    chain._one_pass = False
    warned = sum(chain.warned.values())
    said = chain.check(order, world.desk)
    if said is None and sum(chain.warned.values()) > warned:
        said = "a warning"
    reserved = chain.reservation()
    chain._one_pass = True
    return passed, said, reserved


def some_order(world: World, chance: random.Random) -> Order:
    symbol = chance.choice([*SYMBOLS, "AAPL", "AAPL", "AAPL"])
    tick = world.instruments[symbol].tick_size
    bid = world.prices.quotes[symbol].bid_px or D(str(SYMBOLS[symbol]))
    price: Decimal | None = bid // tick * tick + tick * chance.randint(-40, 40)
    qty = D(chance.choice([1, 10, 100, 140, 1000])) * world.instruments[symbol].lot_size
    if chance.random() < 0.15:
        price = None
    if chance.random() < 0.03:
        qty = chance.choice([D(0), D("0.5"), D(-5)])
    if chance.random() < 0.03 and price is not None:
        price += tick / 3
    fields: dict[str, Any] = {}
    if chance.random() < 0.1:
        fields = chance.choice(
            [
                {"poss_resend": True},
                {"allow_duplicate": True},
                {"exec_inst": (ExecInst.DO_NOT_INCREASE,)},
                {"cl_ord_link_id": "L"},
                {"time_in_force": TimeInForce.OPENING},
                {"time_in_force": TimeInForce.IOC},
                {"stop": price},
                {"cl_ord_id": "C1"},
                {"strategy": "alpha"},
                {"broker": "nowhere"},
                {"ord_type": OrdType.PEGGED},
            ]
        )
    side = chance.choice([Side.BUY, Side.BUY, Side.SELL, Side.SELL, Side.SELL_SHORT])
    return world.order(side, symbol, qty, price, account=chance.choice(["ACC1", "ACC1", "ACC2"]), **fields)


def disturb(world: World, chance: random.Random) -> None:
    """Something changes: prices, time, statements, limits, the broker."""
    what = chance.randint(0, 13)
    symbol = chance.choice([*SYMBOLS])
    if what <= 4:
        world.wait(chance.choice(["0.001", "0.3", "2"]))
    elif what <= 7:
        mid = D(str(SYMBOLS[symbol])) * (1 + D(chance.randint(-30, 30)) / 1000)
        tick = world.instruments[symbol].tick_size
        world.quote(symbol, mid // tick * tick, width=tick * chance.choice([2, 2, 2, 4, 60]), age=chance.choice([0, 2]))
    elif what == 8:
        money = D(chance.choice([20_000, 300_000, 1_000_000]))
        margin = chance.random() < 0.7
        world.state_account(equity=money, cash=money, buying_power=money, margin_account=margin)
    elif what == 9:
        world.state_account("ACC2", currency=chance.choice(["USD", "EUR"]))
    elif what == 10:
        name, text = chance.choice(TIGHT)
        world.set(name, text if BY_NAME[name].aside else chance.choice([text, text, f"{text} warn", "off"]))
    elif what == 11:
        world.adapter.unready = chance.choice([None, None, None, "asleep"])
    elif what == 12:
        world.desk.marks["ACC1", symbol] = Mark(D(str(SYMBOLS[symbol])) * 2, world.desk.now_ns)
        world.desk.volumes[symbol] = D(chance.choice([0, 50, 100_000]))
    else:
        world.quote(symbol, SYMBOLS[symbol], **chance.choice([{}, {"bid_px": None}, {"ask_px": D(0)}]))


@pytest.mark.parametrize("seed", range(24))
def test_what_passes_at_once_passes_every_rule_without_a_word(seed: int) -> None:
    chance = random.Random(seed)
    world = plain_world(chance.choice(["professional", "professional", "starter", "none"]))
    for name, text in chance.sample(TIGHT, chance.randint(0, 4)):
        world.set(name, text)
    for _ in range(250):
        disturb(world, chance)
        if chance.random() < 0.5:
            for symbol, price in SYMBOLS.items():
                world.quote(symbol, price, width=world.instruments[symbol].tick_size * 2)
            world.state_account()
        order = some_order(world, chance)
        at_once, said, reserved = both(world, order)
        if at_once is not None:
            assert said is None, (order, said)
            assert at_once == reserved
        if said is None and order.side is not Side.SELL_SHORT and chance.random() < 0.6:
            order_id = world.place(
                order.side, order.symbol, order.order_qty, order.price, account=order.account, check=False
            )
            if chance.random() < 0.6:
                world.fill(order_id, order.order_qty, order.price or SYMBOLS[order.symbol])
    assert world.portfolio.discrepancies(world.blotter.open_orders()) == []


def test_most_plain_orders_pass_at_once() -> None:
    world = plain_world()
    assert world.check(Side.BUY, "AAPL", 1, 100) is None  # the first order makes its buckets, by the rules
    for number in range(20):
        world.wait(1)
        world.quote("AAPL", 100)
        side = Side.BUY if number % 2 else Side.SELL
        if side is Side.SELL and number < 4:
            world.hold(1000)
        at_once, said, reserved = both(world, world.order(side, "AAPL", 10, "100.01" if number % 2 else "99.99"))
        assert at_once is not None
        assert (at_once, None) == (reserved, said)


@pytest.mark.parametrize("rule", PROBES)
@pytest.mark.parametrize("profile", ["starter", "professional"])
def test_an_order_made_for_a_rule_to_refuse_does_not_pass(profile: str, rule: str) -> None:
    scene = Scene(Limits(profile), "ACC1", "paper", ns(START))
    order = PROBES[rule](scene)
    if order is not None:
        assert RiskChain(standard_checks(), scene.portfolio, one_pass=True)._in_one_pass(order, scene) is None


@pytest.mark.parametrize(("name", "text"), TIGHT)
def test_each_number_counts_for_the_pass_as_for_its_rule(name: str, text: str) -> None:
    for seed in range(12):
        chance = random.Random(seed)
        world = plain_world("none")
        for rule, loose in (("R18", "1000000"), ("R18.burst", "1000000"), ("R10", "0.01"), ("R04", "0.5")):
            world.set(rule, loose)
        for rule in ("R13", "R14", "R15", "R16", "R16.cash", "R14.unclassified"):
            world.set(rule, "1000")
        world.set(name, text)
        for _ in range(40):
            world.wait(chance.choice(["0.01", "1.5"]))
            if chance.random() < 0.7:
                world.quote("AAPL", 100 + chance.randint(-3, 3))
                world.state_account(margin_account=chance.random() < 0.8)
            order = world.order(
                chance.choice([Side.BUY, Side.BUY, Side.SELL]),
                "AAPL",
                chance.choice([1, 100, 200]),
                chance.choice([None, "99.5", "100", "101.5"]),
                transact_time=world.now if chance.random() < 0.9 else world.entries[0].time,
            )
            at_once, said, reserved = both(world, order)
            assert at_once is None or (said is None and at_once == reserved)
            if chance.random() < 0.5:
                order_id = world.place(order.side, "AAPL", order.order_qty, order.price, check=False)
                if chance.random() < 0.7:
                    world.fill(order_id, order.order_qty, order.price or 100)


def test_a_halt_ends_it() -> None:
    world = plain_world()
    order = world.order(Side.BUY, "AAPL", 10, 100)
    assert world.chain.check(order, world.desk) is None
    assert world.chain._in_one_pass(order, world.desk) is not None
    world.commit(TradingHalted(scope=Scope.SYMBOL, name="MSFT", who="desk", reason="news"))
    assert world.chain._in_one_pass(order, world.desk) is None
    assert world.chain.check(order, world.desk) is None


def test_limits_of_one_place_hold_in_it_alone() -> None:
    world = World("professional", [row("R02", "5", Scope.SYMBOL, "MSFT")])
    world.chain = RiskChain(standard_checks(), world.portfolio, one_pass=True)
    assert [world.check(Side.BUY, symbol, 1, price) for symbol, price in (("AAPL", 100), ("MSFT", 400))] == [None] * 2
    assert world.chain._in_one_pass(world.order(Side.BUY, "AAPL", 10, 100), world.desk) is not None
    assert world.chain._in_one_pass(world.order(Side.BUY, "MSFT", 10, 400), world.desk) is None


def test_numbers_that_are_none_are_for_the_rules_to_refuse() -> None:
    world = plain_world()
    world.state_account(equity=D("NaN"))
    rejection = world.chain.check(world.order(Side.BUY, "AAPL", 10, 100), world.desk)
    assert rejection is not None


def test_orders_are_audited_and_a_disagreement_leaves_judging_to_the_rules() -> None:
    world = plain_world()
    chain = world.chain
    order = world.order(Side.BUY, "AAPL", 10, 100)
    for _ in range(2 * AUDIT):
        assert chain.check(order, world.desk) is None
    assert (chain.disagreed, chain._one_pass) == (0, True)
    usual = world.limits.table(order, world.instruments["AAPL"].asset_class, world.desk.now_ns).usual
    world.set("R02", "5")
    world.limits.table(order, world.instruments["AAPL"].asset_class, world.desk.now_ns).usual = usual  # as a bug would
    answers = [chain.check(order, world.desk) for _ in range(AUDIT)]
    assert answers[-1] is not None
    assert answers[-1].rule == "R02"
    assert (chain.disagreed, chain._one_pass) == (1, False)
