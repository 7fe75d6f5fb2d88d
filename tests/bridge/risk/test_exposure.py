from decimal import Decimal

import pytest

from bridge.orders.events import Scope
from fixspec.enums import Side

D = Decimal


@pytest.fixture
def small(world):
    """An account of 10,000, and no other limit in the way."""
    for rule in ("R02", "R03", "R09", "R10", "R22"):
        world.set(rule, "off")
    world.state_account(equity=D(10000))
    return world


def test_r13_limits_one_symbol_to_a_part_of_equity(small):
    assert small.says("Concentration", Side.BUY, "AAPL", 16, 100) == "pass"
    assert small.says("Concentration", Side.BUY, "AAPL", 20, 100) == "warn"
    assert small.says("Concentration", Side.BUY, "AAPL", 21, 100) == "CONCENTRATION"
    small.hold(-5)
    assert small.says("Concentration", Side.SELL_SHORT, "AAPL", 15, 100) == "warn"
    assert small.says("Concentration", Side.SELL_SHORT, "AAPL", 16, 100) == "CONCENTRATION"


def test_r13_divides_by_a_floor_when_equity_is_nearly_nothing(small):
    small.state_account(equity=D(1))
    assert small.says("Concentration", Side.BUY, "AAPL", 2, 100) == "warn"
    assert small.says("Concentration", Side.BUY, "AAPL", 3, 100) == "CONCENTRATION"
    small.state_account(equity=D(-5000))
    assert small.says("Concentration", Side.BUY, "AAPL", 3, 100) == "CONCENTRATION"


def test_r14_adds_up_a_sector_with_working_orders_at_their_worst(small):
    small.hold(4, "MSFT", 400)
    small.place(Side.BUY, "AAPL", 10, 99, check=False)
    assert small.explain(Side.BUY, "AAPL", 14, 100)["SectorExposure"].value == D("0.4")
    assert small.says("SectorExposure", Side.BUY, "AAPL", 14, 100) == "warn"
    assert small.says("SectorExposure", Side.BUY, "AAPL", 15, 100) == "SECTOR"
    assert small.says("SectorExposure", Side.BUY, "XOM", 80, 50) == "warn"


def test_r14_instruments_without_a_sector_share_a_cap_of_their_own(small):
    assert small.says("SectorExposure", Side.BUY, "PENNY", 4000, "0.5") == "warn"
    assert small.says("SectorExposure", Side.BUY, "PENNY", 4001, "0.5") == "SECTOR"


def test_r15_nets_longs_against_shorts_in_the_orders_direction(small):
    small.hold(-100, "XOM", 50)
    assert small.explain(Side.BUY, "AAPL", 150, 100)["NetExposure"].value == D(1)
    assert small.says("NetExposure", Side.BUY, "AAPL", 150, 100) == "warn"
    assert small.says("NetExposure", Side.BUY, "AAPL", 151, 100) == "NET_EXPOSURE"
    assert small.says("NetExposure", Side.SELL_SHORT, "AAPL", 50, 100) == "warn"
    assert small.says("NetExposure", Side.SELL_SHORT, "AAPL", 51, 100) == "NET_EXPOSURE"


def test_r15_a_working_sale_does_not_make_room_for_a_buy(small):
    small.place(Side.SELL_SHORT, "XOM", 100, 51, check=False)
    assert small.says("NetExposure", Side.BUY, "AAPL", 100, 100) == "warn"
    assert small.says("NetExposure", Side.BUY, "AAPL", 101, 100) == "NET_EXPOSURE"


def test_r15_what_brings_the_sum_nearer_to_zero_passes(small):
    small.hold(-400, "XOM", 50)
    assert small.says("NetExposure", Side.BUY, "AAPL", 10, 100) in ("pass", "warn")
    assert small.says("NetExposure", Side.SELL_SHORT, "AAPL", 1, 100) == "NET_EXPOSURE"


def test_r16_adds_up_everything(small):
    small.hold(100, "AAPL")
    small.hold(-100, "XOM", 50)
    assert small.says("GrossExposure", Side.SELL_SHORT, "XOM", 100, 50) == "warn"
    assert small.says("GrossExposure", Side.SELL_SHORT, "XOM", 101, 50) == "GROSS_EXPOSURE"


def test_r16_a_cash_account_has_half_as_much(small):
    small.state_account(equity=D(10000), margin_account=False)
    assert small.says("GrossExposure", Side.BUY, "AAPL", 100, 100) == "warn"
    assert small.says("GrossExposure", Side.BUY, "AAPL", 101, 100) == "GROSS_EXPOSURE"


def test_exposure_follows_prices_of_what_is_held(small):
    small.hold(100, "AAPL")
    assert small.explain(Side.BUY, "XOM", 20, 50)["GrossExposure"].value == D("1.1")
    small.wait("5.000001")
    small.state_account(equity=D(10000))
    small.quote("AAPL", 150)
    small.quote("XOM", 50)
    assert small.explain(Side.BUY, "XOM", 20, 50)["GrossExposure"].value == D("1.6")


@pytest.mark.parametrize("rule", ["SectorExposure", "NetExposure", "GrossExposure"])
def test_a_sum_with_a_holding_that_has_no_price_refuses(small, rule):
    small.hold(1, "XOM", 50)
    assert small.says(rule, Side.BUY, "AAPL", 1, 100) == "pass"
    small.wait("5.000001")
    small.state_account(equity=D(10000))
    small.quote("AAPL", 100)
    assert small.says(rule, Side.BUY, "AAPL", 1, 100) == "NO_REFERENCE_PRICE"
    small.quote("XOM", 50)
    assert small.says(rule, Side.BUY, "AAPL", 1, 100) == "pass"


@pytest.mark.parametrize("rule", ["SectorExposure", "NetExposure", "GrossExposure"])
def test_a_sum_with_a_currency_that_has_no_rate_refuses(small, rule):
    small.hold(1, "SAP")
    assert small.says(rule, Side.BUY, "AAPL", 1, 100) == "pass"
    del small.prices.quotes["EUR/USD"]
    assert small.says(rule, Side.BUY, "AAPL", 1, 100) == "NO_REFERENCE_PRICE"


@pytest.mark.parametrize("rule", ["Concentration", "SectorExposure", "NetExposure", "GrossExposure"])
def test_a_ratio_without_fresh_equity_or_a_price_refuses(small, rule):
    small.wait("60.000001")
    small.quote("AAPL", 100)
    assert small.says(rule, Side.BUY, "AAPL", 1, 100) == "NO_EQUITY"
    small.state_account()
    del small.prices.quotes["AAPL"]
    assert small.says(rule, Side.BUY, "AAPL", 1, 100) == "NO_REFERENCE_PRICE"


def test_reducing_orders_pass_whatever_the_exposure(small):
    small.hold(1000, "AAPL")
    assert small.check(Side.SELL, "AAPL", 1000, 100) is None


def test_limits_of_a_strategy_count_the_whole_account(small):
    small.set("R16", "0.5", Scope.STRATEGY, "slow")
    small.hold(40, "AAPL")
    assert small.says("GrossExposure", Side.BUY, "XOM", 21, 50, strategy="slow") == "GROSS_EXPOSURE"
    assert small.says("GrossExposure", Side.BUY, "XOM", 21, 50, strategy="other") == "pass"
