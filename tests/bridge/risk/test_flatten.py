from decimal import Decimal

from bridge.risk.flatten import ClosingOrder, flatten
from fixspec.enums import Side

D = Decimal


def test_positions_are_closed_at_the_collars_edge_and_never_beyond(world):
    world.hold(100)
    world.hold(-50, "XOM", 50)
    assert list(flatten(world.portfolio, world.desk, "ACC1")) == [
        ClosingOrder("ACC1", "AAPL", Side.SELL, D(100), D("95.00")),
        ClosingOrder("ACC1", "XOM", Side.BUY, D(50), D("52.50")),
    ]


def test_what_a_working_order_closes_already_is_left_to_it(world):
    world.hold(100)
    world.place(Side.SELL, "AAPL", 60, 101)
    (order,) = flatten(world.portfolio, world.desk, "ACC1")
    assert order.qty == 40
    world.place(Side.SELL, "AAPL", 40, 102)
    assert list(flatten(world.portfolio, world.desk, "ACC1")) == []


def test_without_a_price_an_operator_has_to(world):
    world.hold(100)
    del world.prices.quotes["AAPL"]
    (order,) = flatten(world.portfolio, world.desk, "ACC1")
    assert order.price is None
    assert "no price of AAPL" in order.missing


def test_a_closing_order_passes_the_chain(world):
    world.hold(100)
    (order,) = flatten(world.portfolio, world.desk, "ACC1")
    assert world.check(order.side, order.symbol, order.qty, order.price) is None
