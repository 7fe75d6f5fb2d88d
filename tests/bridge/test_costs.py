"""Execution cost against worked examples of others, and the identities between the measures.

Sources, by test: Madhavan, Treynor, Wagner, "Execution of Portfolio Decisions", in Managing Investment Portfolios,
3rd ed. (CFA Institute 2007); Hanke, Kissell, Lee, Ragusin, "Trade Strategy and Execution" (CFA Program reading),
after Kissell, "The Expanded Implementation Shortfall", Journal of Trading 1(3), 2006; Huang and Stoll, Journal of
Financial Economics 41, 1996.
"""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.costs import (
    arrival,
    bps,
    delay,
    effective_spread,
    end_cost,
    fill_cost,
    impact,
    limit_give,
    price_improvement,
    quoted_spread,
    realised_spread,
    reversion,
    shortfall,
    slippage,
)
from bridge.orders.events import Arrival
from bridge.orders.market import Quote
from bridge.orders.order import Order
from fixspec.enums import ArrivalSource, OrdType, Side, TimeInForce

D = Decimal
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
NS = 1_000_000_000
T0 = round(NOW.timestamp()) * NS
FRESH = 5 * NS


def quote(bid: str, ask: str, *, age: int = 0, source: ArrivalSource = ArrivalSource.BBO) -> Quote:
    return Quote("AAPL", D(bid), D(100), D(ask), D(100), NOW, T0 - age, source)


def order(side: Side = Side.BUY, qty: str = "100", met: Arrival | None = None, **more: object) -> Order:
    terms = {
        "order_id": 1,
        "session_id": "S",
        "cl_ord_id": "A-1",
        "account": "ACC1",
        "symbol": "AAPL",
        "side": side,
        "ord_type": OrdType.MARKET,
        "time_in_force": TimeInForce.DAY,
        "order_qty": D(qty),
        "transact_time": NOW,
        "received": NOW,
        "routed": True,
        "arrival": met,
        **more,
    }
    return Order(**terms)  # type: ignore[arg-type]


# --- worked examples -------------------------------------------------------------------------------------------------


def test_the_impulse_robotics_example_gives_87_basis_points() -> None:
    """Madhavan, Treynor, Wagner 2007: decide at 10.00; 1,000 wanted, 700 bought at 10.07 a day later, when the market
    is at 10.05; fees 14; the last 300 are given up at 10.08. Paper gain 80, real gain -7: 87 of 10,000.
    """
    found = shortfall(
        Side.BUY,
        D(1000),
        [(D(700), D("10.07"))],
        decision_px=D("10.00"),
        arrival_mid=D("10.05"),
        end_mid=D("10.08"),
        fees=D(14),
    )
    assert found is not None
    assert (found.total, found.paper, bps(found.ratio)) == (D("87.00"), D("10000.00"), D("87.00"))
    assert found.benchmark == "decision"
    assert (found.trading, found.fees) == (D("14.00"), D(14))
    # The example counts the delay of what was filled (35) and the whole way of what was missed (24); we count the delay
    # of everything (50) and the missed part's way since arrival (9). The sum is the same.
    assert found.delay * D("0.7") == D(35)
    assert found.opportunity + found.delay * D("0.3") == D(24)


def test_the_rlk_example_gives_145_basis_points_in_kissells_four_parts() -> None:
    """Hanke, Kissell et al.: decide at 30.00, released at 30.10, 80,000 of 100,000 filled, close 30.65, 2 cents a
    share."""
    fills = [(D(10_000), D("30.20")), (D(30_000), D("30.30")), (D(20_000), D("30.40")), (D(20_000), D("30.50"))]
    found = shortfall(
        Side.BUY,
        D(100_000),
        fills,
        decision_px=D("30.00"),
        arrival_mid=D("30.10"),
        end_mid=D("30.65"),
        fees=D(1600),
    )
    assert found is not None
    assert found.total == D(43_600)
    assert bps(found.ratio) == D("145.33")
    assert bps(found.trading / found.paper) == D("70.00")
    assert bps(found.fees / found.paper) == D("5.33")
    assert bps(found.delay * D("0.8") / found.paper) == D("26.67")  # Kissell's delay is that of the filled shares
    assert bps((found.opportunity + found.delay * D("0.2")) / found.paper) == D("43.33")


def test_a_sale_that_falls_away_is_a_cost() -> None:
    """The older CFA example: sell 50,000 decided at 43.00, sold at 40.25 with 5 cents commission: 2.80 a share."""
    found = shortfall(
        Side.SELL,
        D(50_000),
        [(D(50_000), D("40.25"))],
        decision_px=D("43.00"),
        arrival_mid=D("41.00"),
        end_mid=None,
        fees=D(2500),
    )
    assert found is not None
    assert found.total / 50_000 == D("2.80")
    assert (found.delay, found.trading, found.opportunity) == (D(100_000), D(37_500), D(0))


@pytest.mark.parametrize(
    ("bid", "ask", "px", "spread"),
    [("10.00", "10.07", "9.98", "0.11"), ("9.90", "9.96", "9.92", "0.02"), ("9.88", "9.94", "9.91", "0")],
)
def test_effective_spreads_of_three_sales_as_in_the_cfa_readings_exercise(bid, ask, px, spread) -> None:
    """Twice the midquote less the execution price; the third sale is at the mid."""
    mid = (D(bid) + D(ask)) / 2
    found = effective_spread(Side.SELL, D(px), mid)
    assert found is not None
    assert found * mid == pytest.approx(D(spread), abs=D("1e-20"))


def test_a_dealer_who_improves_the_price_narrows_the_effective_spread() -> None:
    """Same reading: bid 40.40, ask 40.49, bought at 40.47: effective 0.05 against quoted 0.09, improved by 0.02."""
    mid = D("40.445")
    met = Arrival(D("40.40"), D("40.49"), mid, 0, ArrivalSource.BBO)
    effective, quoted = effective_spread(Side.BUY, D("40.47"), mid), quoted_spread(D("40.40"), D("40.49"))
    improved = price_improvement(order(met=met), D("40.47"), met)
    assert effective is not None
    assert quoted is not None
    assert improved is not None
    assert (effective * mid, quoted * mid, improved * mid) == pytest.approx((D("0.05"), D("0.09"), D("0.02")))


# --- identities ------------------------------------------------------------------------------------------------------

prices = st.decimals("0.0001", "99999", places=4)
quantities = st.decimals("0.0001", "1000000", places=4)
sides = st.sampled_from([Side.BUY, Side.SELL, Side.SELL_SHORT])


@given(sides, prices, prices, prices, st.lists(st.tuples(quantities, prices), max_size=20), quantities, quantities)
def test_the_parts_of_the_shortfall_add_up_exactly(side, decision, start, end, fills, left, fees) -> None:
    ordered = sum((qty for qty, _ in fills), D(0)) + left
    for benchmark in (decision, None):
        found = shortfall(side, ordered, fills, decision_px=benchmark, arrival_mid=start, end_mid=end, fees=fees)
        assert found is not None
        assert found.delay + found.trading + found.opportunity + found.fees == found.total
        if benchmark is None:
            assert (found.delay, found.benchmark) == (0, "arrival")


@given(sides, prices, st.lists(st.tuples(quantities, prices), min_size=1, max_size=8), quantities)
def test_the_parts_add_up_for_an_overfilled_order_too(side, start, fills, excess) -> None:
    ordered = max(sum((qty for qty, _ in fills), D(0)) - excess, D("0.0001"))
    found = shortfall(side, ordered, fills, decision_px=D(100), arrival_mid=start, end_mid=None if excess else start)
    assert found is not None
    assert found.delay + found.trading + found.opportunity + found.fees == found.total


@given(sides, prices, prices, prices)
def test_effective_spread_is_realised_spread_plus_impact(side, px, mid, later) -> None:
    """Huang and Stoll 1996: what the taker pays is what the maker keeps plus what the market moved."""
    effective, realised, moved = (
        effective_spread(side, px, mid),
        realised_spread(side, px, mid, later),
        impact(side, mid, later),
    )
    assert effective is not None
    assert realised is not None
    assert moved is not None
    assert abs(effective - realised - moved) <= D("1e-18") * max(abs(effective), 1)


@given(prices, prices)
def test_a_sale_costs_what_a_purchase_gains(px, benchmark) -> None:
    bought, sold = slippage(Side.BUY, px, benchmark), slippage(Side.SELL, px, benchmark)
    assert bought is not None
    assert sold is not None
    assert bought == -sold


# --- small rules -----------------------------------------------------------------------------------------------------


def test_delay_is_measured_from_the_decision_to_the_arrival_and_on_to_the_wire() -> None:
    assert delay(Side.BUY, D("100.10"), D("100.00")) == D("0.001")
    assert delay(Side.SELL, D("100.10"), D("100.00")) == D("-0.001")
    assert delay(Side.BUY, None, D(100)) is None


def test_reversion_is_positive_when_the_price_comes_back() -> None:
    assert reversion(Side.BUY, D("100.00"), D("99.80")) == D("0.002")
    assert reversion(Side.SELL, D("100.00"), D("99.80")) == D("-0.002")


def test_a_fill_below_the_buyers_limit_gives_something() -> None:
    assert limit_give(Side.BUY, D("99.90"), D("100.00")) == D("0.001")
    assert limit_give(Side.SELL, D("100.10"), D("100.00")) == D("0.001")
    assert limit_give(Side.BUY, D("99.90"), None) is None


def test_only_a_marketable_order_can_be_improved() -> None:
    met = Arrival(D("99.98"), D("100.02"), D("100.00"), 0, ArrivalSource.BBO)
    passive = order(ord_type=OrdType.LIMIT, price=D("99.99"), met=met)
    through = order(ord_type=OrdType.LIMIT, price=D("100.05"), met=met)
    stop = order(ord_type=OrdType.STOP, stop_px=D("101"), met=met)
    assert price_improvement(passive, D("99.99"), met) is None
    assert price_improvement(stop, D("101"), met) is None
    assert price_improvement(through, D("100.01"), met) == D("0.0001")
    assert price_improvement(order(Side.SELL, met=met), D("99.97"), met) == D("-0.0001")


# --- on events -------------------------------------------------------------------------------------------------------


def test_an_order_meets_a_fresh_two_sided_quote() -> None:
    met = arrival(quote("187.20", "187.26", age=NS), T0, FRESH)
    assert met == Arrival(D("187.20"), D("187.26"), D("187.23"), 1_000_000, ArrivalSource.BBO)


@pytest.mark.parametrize(
    ("seen", "met"),
    [
        (None, Arrival()),
        (quote("187.26", "187.20"), Arrival()),
        (quote("187.20", "187.26", age=FRESH + 1000), Arrival(quote_age_us=5_000_001)),
    ],
    ids=["none", "crossed", "stale"],
)
def test_a_missing_crossed_or_stale_quote_is_no_arrival_price(seen, met) -> None:
    assert arrival(seen, T0, FRESH) == met


def test_a_quote_from_the_future_has_age_zero() -> None:
    assert arrival(quote("1", "2", age=-NS), T0, FRESH).quote_age_us == 0


def test_the_cost_of_a_fill_as_the_specification_shows_it() -> None:
    met = arrival(quote("187.20", "187.26"), T0, FRESH)
    cost = fill_cost(order(met=met), D(40), D("187.25"), quote("187.22", "187.28"), T0, FRESH)
    assert (cost.arrival_mid, cost.slippage_bps) == (D("187.23"), D("1.07"))
    assert (cost.mid, cost.effective_spread_bps) == (D("187.25"), D("0.00"))
    assert cost.shortfall_bps is None  # not yet over
    assert cost.dropped is None


def test_the_last_fill_tells_the_orders_shortfall_with_commission_per_contract_value() -> None:
    met = Arrival(D("4999.75"), D("5000.25"), D("5000.00"), 0, ArrivalSource.BBO)
    start = order(
        qty="2", met=met, multiplier=D(50), decision_px=D("4999.00"), cum_qty=D(1), gross=D(5001), commission=D(2)
    )
    cost = fill_cost(start, D(1), D(5002), None, T0, FRESH, commission=D(2))
    # (5001 + 5002 - 2 * 4999 + 4/50) / (2 * 4999)
    assert cost.shortfall_bps == D("5.08")
    assert cost.benchmark == "decision"
    assert cost.order_slippage_bps == D("3.00")
    assert cost.dropped == "no_quote"


def test_what_a_cancelled_order_missed_is_charged_at_the_mid_of_its_end() -> None:
    met = Arrival(D("99.98"), D("100.02"), D("100.00"), 0, ArrivalSource.BBO)
    left = order(met=met, cum_qty=D(50), gross=D(5000))
    cost = end_cost(left, quote("100.98", "101.02"), T0, FRESH)
    assert cost is not None
    assert (cost.shortfall_bps, cost.benchmark, cost.order_slippage_bps) == (D("50.00"), "arrival", D("0.00"))


def test_mids_of_different_sources_are_never_compared() -> None:
    met = Arrival(D("99.98"), D("100.02"), D("100.00"), 0, ArrivalSource.NBBO)
    left = order(met=met, cum_qty=D(50), gross=D(5000))
    cost = end_cost(left, quote("100.98", "101.02", source=ArrivalSource.BROKER), T0, FRESH)
    assert cost is not None
    assert (cost.shortfall_bps, cost.dropped) == (None, "source")


def test_an_order_that_never_left_has_no_cost() -> None:
    assert end_cost(replace(order(), routed=False), quote("1", "2"), T0, FRESH) is None


@pytest.mark.parametrize(
    ("met", "reason"), [(None, "no_quote"), (Arrival(quote_age_us=9_000_000), "stale_quote")], ids=["none", "stale"]
)
def test_without_an_arrival_price_nothing_is_measured_and_the_reason_is_told(met, reason) -> None:
    cost = fill_cost(order(met=met), D(100), D(187), quote("187.20", "187.26"), T0, FRESH)
    assert (cost.slippage_bps, cost.shortfall_bps, cost.dropped) == (None, None, reason)
