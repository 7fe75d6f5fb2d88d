from decimal import Decimal

import pytest

from bridge.interfaces import Mark
from bridge.orders.events import Scope
from bridge.orders.market import QuoteSource
from fixspec.enums import Side

D = Decimal


@pytest.mark.parametrize(
    ("side", "price", "said"),
    [
        (Side.BUY, 105, "warn"),
        (Side.BUY, "105.01", "PRICE_COLLAR"),
        (Side.BUY, 104, "pass"),
        (Side.SELL_SHORT, 95, "warn"),
        (Side.SELL_SHORT, "94.99", "PRICE_COLLAR"),
        (Side.SELL_SHORT, 150, "pass"),
        (Side.BUY, 1, "pass"),
    ],
)
def test_r04_is_five_percent_for_shares_from_25(world, side, price, said):
    assert world.says("PriceCollar", side, "AAPL", 1, price) == said


@pytest.mark.parametrize(("symbol", "at", "over"), [("MID", 11, "11.01"), ("PENNY", "0.625", "0.6251")])
def test_r04_is_wider_where_prices_are_lower(world, symbol, at, over):
    assert world.says("PriceCollar", Side.BUY, symbol, 1, at) == "warn"
    assert world.says("PriceCollar", Side.BUY, symbol, 1, over) == "PRICE_COLLAR"


def test_r04_knows_futures_fx_and_crypto(world):
    assert world.says("PriceCollar", Side.BUY, "ESZ6", 1, 5100) == "warn"
    assert world.says("PriceCollar", Side.BUY, "ESZ6", 1, "5100.25") == "PRICE_COLLAR"
    assert world.says("PriceCollar", Side.BUY, "EUR/USD", 1000, "1.111") == "warn"
    assert world.says("PriceCollar", Side.BUY, "EUR/USD", 1000, "1.11101") == "PRICE_COLLAR"
    assert world.says("PriceCollar", Side.BUY, "BTC/USD", 1, 52500) == "warn"
    assert world.says("PriceCollar", Side.BUY, "BTC/USD", 1, "52500.01") == "PRICE_COLLAR"


def test_r04_is_never_narrower_than_twenty_ticks_of_a_future(world):
    world.quote("ESZ6", 100, width="0.25")
    assert world.says("PriceCollar", Side.BUY, "ESZ6", 1, 105) == "pass"
    assert world.says("PriceCollar", Side.BUY, "ESZ6", 1, "105.25") == "PRICE_COLLAR"


def test_r04_wants_a_stop_on_the_right_side_and_not_too_far(world):
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, stop=100) == "PRICE_COLLAR"
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, stop="100.01") == "pass"
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, stop=115) == "warn"
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, stop="115.01") == "PRICE_COLLAR"
    assert world.says("PriceCollar", Side.SELL_SHORT, "AAPL", 1, stop=100) == "PRICE_COLLAR"
    assert world.says("PriceCollar", Side.SELL_SHORT, "AAPL", 1, stop=85) == "warn"
    assert world.says("PriceCollar", Side.SELL_SHORT, "AAPL", 1, stop="84.99") == "PRICE_COLLAR"


def test_r04_judges_the_limit_of_a_stop_limit_too(world):
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, 104, 102) == "pass"
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, 106, 102) == "PRICE_COLLAR"


def test_r04_refuses_a_market_order_on_a_wide_or_missing_quote(world):
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1) == "pass"
    world.quote("AAPL", 100, width=5)
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1) == "pass"
    world.quote("AAPL", 100, width="5.02")
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1) == "NO_REFERENCE_PRICE"
    world.trade("AAPL", 100)
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1) == "NO_REFERENCE_PRICE"
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, 100) == "pass"


@pytest.mark.parametrize(
    "fields",
    [
        {"bid_px": None},
        {"ask_px": None},
        {"bid_px": D(101)},
        {"bid_px": D(0)},
        {"bid_px": D(-1)},
        {"bid_px": D("NaN")},
        {"ask_px": D("NaN")},
        {"ask_px": D("Infinity")},
    ],
)
def test_a_quote_that_is_one_sided_crossed_zero_negative_or_no_number_is_no_price(world, fields):
    world.quote("AAPL", 100, **fields)
    for order in ((Side.BUY, "AAPL", 1, 100), (Side.BUY, "AAPL", 1)):
        assert world.says("PriceCollar", *order) == "NO_REFERENCE_PRICE"
        assert world.says("MaxPosition", *order) == "NO_REFERENCE_PRICE"


def test_prices_count_until_they_are_too_old_quote_then_trade_then_mark(world):
    world.wait(3600)
    world.quote("AAPL", 100, age=5)
    assert world.explain(Side.BUY, "AAPL", 1, 104)["PriceCollar"].value == D("0.04")
    world.quote("AAPL", 100, age="5.000001")
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, 104) == "STALE_REFERENCE_PRICE"
    world.trade("AAPL", 80, age=60)
    assert world.explain(Side.BUY, "AAPL", 1, 84)["PriceCollar"].value == D("0.05")
    world.trade("AAPL", 80, age="60.000001")
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, 84) == "STALE_REFERENCE_PRICE"
    world.desk.marks["ACC1", "AAPL"] = Mark(D(50), world.desk.now_ns - 60_000_000_000)
    assert world.explain(Side.BUY, "AAPL", 1, 51)["PriceCollar"].value == D("0.02")
    world.desk.marks["ACC1", "AAPL"] = Mark(D(50), world.desk.now_ns - 60_000_000_001)
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, 51) == "STALE_REFERENCE_PRICE"


def test_quotes_of_fx_and_crypto_are_stale_after_two_seconds(world):
    world.wait(3600)
    world.quote("BTC/USD", 50000, width=2, age=2)
    assert world.says("PriceCollar", Side.BUY, "BTC/USD", 1, 50000) == "pass"
    world.quote("BTC/USD", 50000, width=2, age="2.000001")
    assert world.says("PriceCollar", Side.BUY, "BTC/USD", 1, 50000) == "STALE_REFERENCE_PRICE"


def test_a_reducing_limit_order_passes_on_its_own_limit_and_nothing_else_does(world):
    world.hold(100)
    del world.prices.quotes["AAPL"]
    assert world.check(Side.SELL, "AAPL", 100, 1) is None
    assert world.code(Side.SELL, "AAPL", 100) == "R04 NO_REFERENCE_PRICE"
    assert world.code(Side.SELL, "AAPL", 100, stop=90) == "R04 NO_REFERENCE_PRICE"
    assert world.code(Side.BUY, "AAPL", 1, 1) == "R04 NO_REFERENCE_PRICE"


def test_r05_warns_of_a_limit_far_on_the_passive_side(world):
    assert world.says("PassiveCollar", Side.BUY, "AAPL", 1, 50) == "pass"
    assert world.says("PassiveCollar", Side.BUY, "AAPL", 1, "49.99") == "warn"
    assert world.says("PassiveCollar", Side.SELL_SHORT, "AAPL", 1, "150.01") == "warn"
    world.set("R05", "0.5")
    assert world.says("PassiveCollar", Side.BUY, "AAPL", 1, 50) == "warn"
    assert world.says("PassiveCollar", Side.BUY, "AAPL", 1, "49.99") == "PRICE_COLLAR"


def test_a_collar_set_by_somebody_holds_in_every_price_band(world):
    world.set("R04", "0.03")
    assert world.says("PriceCollar", Side.BUY, "PENNY", 1, "0.515") == "warn"
    assert world.says("PriceCollar", Side.BUY, "PENNY", 1, "0.5151") == "PRICE_COLLAR"
    world.set("R04.below_1", "0.5")
    assert world.says("PriceCollar", Side.BUY, "PENNY", 1, "0.6") == "pass"


def test_a_collar_that_only_warns_lets_pass(world):
    world.set("R04", "0.05 warn")
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, 120) == "warn"
    assert world.chain.check(world.order(Side.BUY, "AAPL", 1, 120), world.desk) is None
    assert world.chain.warned == {"R04": 1}


def test_the_refusal_names_rule_limit_and_value(world):
    rejection = world.check(Side.BUY, "AAPL", 1, 110)
    assert (rejection.rule, rejection.limit, rejection.value) == ("R04", D("0.05"), D("0.1"))
    assert "110" in rejection.text
    assert "starter profile" in rejection.text


def test_the_source_of_the_reference_does_not_matter_to_the_collar(world):
    world.quote("AAPL", 100, source=QuoteSource.NBBO)
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, 105) == "warn"


def test_a_switched_off_collar_is_off_by_name(world):
    for name in ("R04", "R04.below_25", "R04.below_1"):
        world.set(name, "off", Scope.GLOBAL, "")
    assert world.says("PriceCollar", Side.BUY, "AAPL", 1, 1000) == "off"


def test_r05_leaves_prices_alone_that_are_near_the_market_or_beyond_it(world):
    world.set("R05", "0.5")
    for side, price in ((Side.BUY, 60), (Side.BUY, 104), (Side.SELL_SHORT, 140), (Side.SELL_SHORT, 97)):
        assert world.says("PassiveCollar", side, "AAPL", 1, price) == "pass"


def test_r05_without_a_reference_price_refuses_unless_it_only_warns_or_the_order_reduces(world):
    world.hold(10)
    del world.prices.quotes["AAPL"]
    assert world.says("PassiveCollar", Side.BUY, "AAPL", 1, 100) == "pass"
    world.set("R05", "0.5")
    assert world.says("PassiveCollar", Side.BUY, "AAPL", 1, 100) == "NO_REFERENCE_PRICE"
    assert world.says("PassiveCollar", Side.SELL, "AAPL", 1, 100) == "pass"
