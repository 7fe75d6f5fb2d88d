from decimal import Decimal

import pytest

from bridge.orders.events import Scope
from fixspec.enums import Side, TimeInForce

D = Decimal


@pytest.mark.parametrize(("qty", "said"), [(9999, "warn"), (10000, "warn"), (10001, "MAX_QTY"), (8000, "pass")])
def test_r02_refuses_more_than_the_largest_quantity(world, qty, said):
    assert world.says("MaxOrderQty", Side.BUY, "PENNY", qty, "0.5") == said


def test_r02_is_ten_contracts_for_futures(world):
    assert world.says("MaxOrderQty", Side.BUY, "ESZ6", 10, 5000) == "warn"
    assert world.says("MaxOrderQty", Side.BUY, "ESZ6", 11, 5000) == "MAX_QTY"


def test_r02_counts_a_part_of_average_volume_where_that_is_known(world):
    assert world.says("MaxOrderQty", Side.BUY, "AAPL", 101, 100) == "pass"
    world.desk.volumes["AAPL"] = D(10000)
    assert world.says("MaxOrderQty", Side.BUY, "AAPL", 100, 100) == "warn"
    assert world.says("MaxOrderQty", Side.BUY, "AAPL", 101, 100) == "MAX_QTY"


def test_r02_judges_what_is_left_of_a_replaced_order(world):
    order_id = world.place(Side.BUY, "PENNY", 9000, "0.5", check=False)
    world.fill(order_id, 9000 - 1, "0.5")
    verdicts = world.chain.explain(world.replaced(order_id, order_qty=18999), world.desk)
    assert {v.name: world.word(v) for v in verdicts}["MaxOrderQty"] == "warn"
    verdicts = world.chain.explain(world.replaced(order_id, order_qty=19000), world.desk)
    assert {v.name: world.word(v) for v in verdicts}["MaxOrderQty"] == "MAX_QTY"


@pytest.mark.parametrize(("qty", "said"), [(199, "pass"), (249, "warn"), (250, "warn"), (251, "MAX_VALUE")])
def test_r03_refuses_more_than_the_largest_value(world, qty, said):
    assert world.says("MaxOrderValue", Side.BUY, "AAPL", qty, 100) == said


def test_r03_counts_the_multiplier(world):
    assert world.says("MaxOrderValue", Side.BUY, "ESZ6", 1, 5000) == "MAX_VALUE"
    world.set("R03", "250000", Scope.SYMBOL, "ESZ6")
    assert world.says("MaxOrderValue", Side.BUY, "ESZ6", 1, 5000) == "warn"
    assert world.says("MaxOrderValue", Side.BUY, "ESZ6", 2, 5000) == "MAX_VALUE"


def test_r03_values_in_the_accounts_currency(world):
    world.quote("EUR/USD", "1.25", width="0.00002")
    assert world.says("MaxOrderValue", Side.BUY, "SAP", 200, 100) == "warn"
    assert world.says("MaxOrderValue", Side.BUY, "SAP", 201, 100) == "MAX_VALUE"


def test_r03_refuses_without_a_rate(world):
    del world.prices.quotes["EUR/USD"]
    assert world.says("MaxOrderValue", Side.BUY, "SAP", 1, 100) == "NO_REFERENCE_PRICE"


def test_r03_values_a_market_buy_at_the_ask_and_a_buffer(world):
    verdict = world.explain(Side.BUY, "AAPL", 10)["MaxOrderValue"]
    assert verdict.value == D("100.01") * D("1.02") * 10


def test_r03_values_a_sell_at_the_better_of_limit_and_bid(world):
    assert world.explain(Side.SELL_SHORT, "AAPL", 10, 98)["MaxOrderValue"].value == D("999.90")
    assert world.explain(Side.SELL_SHORT, "AAPL", 10, 103)["MaxOrderValue"].value == D(1030)


def test_r03_refuses_a_market_order_without_a_quote(world):
    del world.prices.quotes["AAPL"]
    assert world.says("MaxOrderValue", Side.BUY, "AAPL", 1) == "NO_REFERENCE_PRICE"
    world.trade("AAPL", 100)
    assert world.says("MaxOrderValue", Side.BUY, "AAPL", 1) == "NO_REFERENCE_PRICE"


def test_r03_is_skipped_by_a_reducing_order(world):
    world.hold(400)
    assert world.says("MaxOrderValue", Side.SELL, "AAPL", 400, 100) == "skip"
    assert world.check(Side.SELL, "AAPL", 400, 100) is None


def test_r30_warns_above_ten_times_the_median_of_the_last_hundred_orders(world):
    assert world.says("FatFinger", Side.BUY, "PENNY", 1000, "0.5") == "pass"
    for _ in range(100):
        world.place(Side.BUY, "PENNY", 5, "0.5", check=False)
    assert world.says("FatFinger", Side.BUY, "PENNY", 50, "0.5") == "pass"
    assert world.says("FatFinger", Side.BUY, "PENNY", 51, "0.5") == "warn"
    world.set("R30", "10")
    assert world.says("FatFinger", Side.BUY, "PENNY", 50, "0.5") == "warn"
    assert world.says("FatFinger", Side.BUY, "PENNY", 51, "0.5") == "MAX_QTY"


def test_r30_knows_each_strategy_by_itself(world):
    for _ in range(100):
        world.place(Side.BUY, "PENNY", 5, "0.5", check=False, strategy="slow")
    assert world.says("FatFinger", Side.BUY, "PENNY", 51, "0.5", strategy="slow") == "warn"
    assert world.says("FatFinger", Side.BUY, "PENNY", 51, "0.5", strategy="new") == "pass"


def test_an_order_for_the_opening_auction_is_valued_with_twice_the_buffer(world):
    verdict = world.explain(Side.BUY, "AAPL", 10, time_in_force=TimeInForce.OPENING)["MaxOrderValue"]
    assert verdict.value == 10 * 104


@pytest.mark.parametrize(
    ("side", "stop", "value"),
    [
        (Side.BUY, 105, "1071"),
        (Side.BUY, 95, "1020.102"),
        (Side.SELL_SHORT, 95, "999.9"),
        (Side.SELL_SHORT, 105, "1050"),
    ],
)
def test_a_stop_is_valued_at_the_worse_of_trigger_and_touch(world, side, stop, value):
    assert world.explain(side, "AAPL", 10, stop=stop)["MaxOrderValue"].value == D(value)
