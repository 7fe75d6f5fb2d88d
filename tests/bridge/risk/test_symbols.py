from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bridge.interfaces import Capabilities
from bridge.orders.events import Scope
from fixspec.enums import ExecInst, OrdType, Side, TimeInForce

D = Decimal


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol": "NOPE"}, "SYMBOL_UNKNOWN"),
        ({"price": "100.005"}, "TICK_SIZE"),
        ({"price": 0}, "TICK_SIZE"),
        ({"price": -1}, "TICK_SIZE"),
        ({"price": None, "stop": "101.005"}, "TICK_SIZE"),
        ({"qty": "1.5"}, "LOT_SIZE"),
        ({"qty": 0}, "QTY_FORMAT"),
        ({"qty": -5}, "QTY_FORMAT"),
        ({"qty": None}, "QTY_FORMAT"),
    ],
)
def test_r01_refuses_what_is_not_well_formed(world, fields, code):
    order = {"side": Side.BUY, "symbol": "AAPL", "qty": 1, "price": 100} | fields
    assert world.says("Validation", **order) == code


def test_r01_passes_at_tick_and_lot(world):
    assert world.says("Validation", Side.BUY, "AAPL", 1, "100.01") == "pass"
    assert world.says("Validation", Side.BUY, "EUR/USD", 1000, "1.10001") == "pass"
    assert world.says("Validation", Side.BUY, "EUR/USD", 1500, "1.1") == "LOT_SIZE"
    assert world.says("Validation", Side.BUY, "ESZ6", 1, "5000.1") == "TICK_SIZE"


def test_r01_lets_parts_of_a_share_pass_where_the_broker_takes_them(world):
    world.adapter.capabilities = Capabilities(
        ord_types=frozenset(OrdType), times_in_force=frozenset(TimeInForce), fractional=True
    )
    assert world.says("Validation", Side.BUY, "AAPL", "0.5", 100) == "pass"
    assert world.says("Validation", Side.BUY, "BTC/USD", "0.00005", 50000) == "LOT_SIZE"


def test_r01_knows_smallest_and_largest_quantities(world):
    world.instruments["AAPL"] = replace(world.instruments["AAPL"], min_qty=D(10), max_qty=D(20))
    assert world.says("Validation", Side.BUY, "AAPL", 9, 100) == "MIN_QTY"
    assert world.says("Validation", Side.BUY, "AAPL", 10, 100) == "pass"
    assert world.says("Validation", Side.BUY, "AAPL", 20, 100) == "pass"
    assert world.says("Validation", Side.BUY, "AAPL", 21, 100) == "MAX_QTY"


def test_r01_refuses_inactive_expired_and_closed_markets(world):
    world.instruments["AAPL"] = replace(world.instruments["AAPL"], active=False)
    assert world.says("Validation", Side.BUY, "AAPL", 1, 100) == "SYMBOL_INACTIVE"
    world.instruments["ESZ6"] = replace(world.instruments["ESZ6"], maturity=date(2026, 11, 23))
    assert world.says("Validation", Side.BUY, "ESZ6", 1, 5000) == "pass"
    world.instruments["ESZ6"] = replace(world.instruments["ESZ6"], maturity=date(2026, 11, 22))
    assert world.says("Validation", Side.BUY, "ESZ6", 1, 5000) == "SYMBOL_INACTIVE"
    for said in (False, None):
        world.desk.opening_hours = lambda instrument, now, said=said: said
        assert world.says("Validation", Side.BUY, "MSFT", 1, 400) == "MARKET_CLOSED"


def test_r01_refuses_what_the_broker_does_not_take(world):
    world.adapter.capabilities = Capabilities(
        ord_types=frozenset({OrdType.LIMIT}), times_in_force=frozenset({TimeInForce.DAY})
    )
    assert world.says("Validation", Side.BUY, "AAPL", 1, 100) == "pass"
    assert world.says("Validation", Side.BUY, "AAPL", 1) == "CAPABILITY"
    assert world.says("Validation", Side.BUY, "AAPL", 1, 100, time_in_force=TimeInForce.GTC) == "CAPABILITY"
    assert world.says("Validation", Side.SELL_SHORT, "AAPL", 1, 100) == "CAPABILITY"
    assert world.says("Validation", Side.BUY, "AAPL", None, 100, cash_order_qty=D(100)) == "CAPABILITY"
    assert world.says("Validation", Side.BUY, "AAPL", 1, 100, broker="gone") == "BROKER_UNAVAILABLE"


def test_r01_do_not_increase_may_only_reduce(world):
    only = {"exec_inst": (ExecInst.DO_NOT_INCREASE,)}
    assert world.says("Validation", Side.BUY, "AAPL", 1, 100, **only) == "EXECINST"
    world.hold(10)
    assert world.says("Validation", Side.SELL, "AAPL", 10, 100, **only) == "pass"
    assert world.says("Validation", Side.SELL, "AAPL", 11, 100, **only) == "EXECINST"


def test_r23_restricted_symbols_are_refused_at_every_level(world):
    assert world.says("AllowList", Side.BUY, "AAPL", 1, 100) == "off"
    world.set("R23.deny", "MSFT")
    world.set("R23.deny", "AAPL", Scope.ACCOUNT, "ACC1")
    assert world.says("AllowList", Side.BUY, "AAPL", 1, 100) == "RESTRICTED_SYMBOL"
    assert world.says("AllowList", Side.BUY, "MSFT", 1, 400) == "RESTRICTED_SYMBOL"
    assert world.says("AllowList", Side.BUY, "AAPL", 1, 100, account="ACC2") == "pass"


def test_r23_only_what_all_allow_lists_name_is_allowed(world):
    world.set("R23.allow", "AAPL,MSFT")
    world.set("R23.allow", "MSFT,XOM", Scope.STRATEGY, "slow")
    assert world.says("AllowList", Side.BUY, "AAPL", 1, 100) == "pass"
    assert world.says("AllowList", Side.BUY, "XOM", 1, 50) == "RESTRICTED_SYMBOL"
    assert world.says("AllowList", Side.BUY, "AAPL", 1, 100, strategy="slow") == "RESTRICTED_SYMBOL"
    assert world.says("AllowList", Side.BUY, "MSFT", 1, 400, strategy="slow") == "pass"


def test_r23_knows_classes_sides_and_types(world):
    world.set("R23.classes", "equity")
    world.set("R23.sides", "buy,sell")
    world.set("R23.ord_types", "limit")
    assert world.says("AllowList", Side.BUY, "AAPL", 1, 100) == "pass"
    assert world.says("AllowList", Side.BUY, "ESZ6", 1, 5000) == "RESTRICTED_SYMBOL"
    assert world.says("AllowList", Side.SELL_SHORT, "AAPL", 1, 100) == "RESTRICTED_SYMBOL"
    assert world.says("AllowList", Side.BUY, "AAPL", 1) == "RESTRICTED_SYMBOL"
    assert world.says("AllowList", Side.BUY, "NOPE", 1, 100) == "RESTRICTED_SYMBOL"


def test_r23_may_only_warn(world):
    world.set("R23.deny", "AAPL warn")
    assert world.says("AllowList", Side.BUY, "AAPL", 1, 100) == "warn"
