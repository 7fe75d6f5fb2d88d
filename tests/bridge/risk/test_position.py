from decimal import Decimal

import pytest
from msgspec.structs import replace

from bridge.interfaces import Borrow, Mark
from bridge.orders.events import Scope
from bridge.risk.limits import broker_rows
from fixspec.enums import Side

D = Decimal


@pytest.mark.parametrize(("qty", "said"), [(399, "pass"), (500, "warn"), (501, "MAX_POSITION")])
def test_r09_limits_the_value_of_a_position(world, qty, said):
    assert world.says("MaxPosition", Side.BUY, "AAPL", qty, 100) == said


def test_r09_counts_what_is_held_and_what_works_on_the_same_side(world):
    world.hold(200)
    world.place(Side.BUY, "AAPL", 100, 99, check=False)
    world.place(Side.SELL, "AAPL", 50, 101, check=False)
    assert world.explain(Side.BUY, "AAPL", 200, 100)["MaxPosition"].value == D(50000)
    assert world.says("MaxPosition", Side.BUY, "AAPL", 201, 100) == "MAX_POSITION"


def test_r09_limits_shorts_as_well(world):
    world.hold(-200)
    world.place(Side.SELL_SHORT, "AAPL", 100, 101, check=False)
    assert world.says("MaxPosition", Side.SELL_SHORT, "AAPL", 200, 100) == "warn"
    assert world.says("MaxPosition", Side.SELL_SHORT, "AAPL", 201, 100) == "MAX_POSITION"


def test_r09_uses_the_brokers_mark_when_that_is_higher_and_fresh(world):
    world.hold(100)
    world.desk.marks["ACC1", "AAPL"] = Mark(D(125), world.desk.now_ns)
    assert world.explain(Side.BUY, "AAPL", 300, 100)["MaxPosition"].value == D(50000)
    world.desk.marks["ACC1", "AAPL"] = Mark(D(125), world.desk.now_ns - 60_000_000_001)
    assert world.explain(Side.BUY, "AAPL", 300, 100)["MaxPosition"].value == D(40000)


def test_r09_in_units_comes_from_a_brokers_descriptor(make_world):
    world = make_world(rows=broker_rows("paper", {"maxPositionSize": 300, "positionLimits": {"MSFT": 10}}))
    assert world.says("MaxPosition", Side.BUY, "AAPL", 300, 100) == "warn"
    assert world.says("MaxPosition", Side.BUY, "AAPL", 301, 100) == "MAX_POSITION"
    assert world.says("MaxPosition", Side.SELL_SHORT, "AAPL", 301, 100) == "MAX_POSITION"
    assert world.says("MaxPosition", Side.BUY, "MSFT", 10, 400) == "warn"
    assert world.says("MaxPosition", Side.BUY, "MSFT", 11, 400) == "MAX_POSITION"


def test_r09_counts_the_larger_of_old_and_new_terms_of_a_replace(world):
    order_id = world.place(Side.BUY, "AAPL", 200, 100)
    verdicts = world.chain.explain(world.replaced(order_id, order_qty=100, price="100.5"), world.desk)
    assert {v.name: v.value for v in verdicts}["MaxPosition"] == D(20000)
    verdicts = world.chain.explain(world.replaced(order_id, order_qty=501), world.desk)
    assert {v.name: world.word(v) for v in verdicts}["MaxPosition"] == "MAX_POSITION"


def test_r09_refuses_without_a_price(world):
    del world.prices.quotes["AAPL"]
    assert world.says("MaxPosition", Side.BUY, "AAPL", 1, 100) == "NO_REFERENCE_PRICE"


def test_tightening_below_what_is_held_only_blocks_opening(world):
    world.hold(400)
    world.set("R09", "100")
    assert world.code(Side.BUY, "AAPL", 1, 100) == "R09 MAX_POSITION"
    assert world.check(Side.SELL, "AAPL", 400, 100) is None


def test_one_order_may_not_close_and_open(world):
    world.hold(100)
    assert world.says("CrossZero", Side.SELL, "AAPL", 101, 100) == "CROSS_ZERO"
    assert world.says("CrossZero", Side.SELL, "AAPL", 100, 100) == "skip"
    world.set("R09.cross", "off")
    assert world.says("CrossZero", Side.SELL, "AAPL", 101, 100) == "pass"


def test_a_buy_against_a_short_may_not_cross_either(world):
    world.hold(-100)
    assert world.code(Side.BUY, "AAPL", 101, 100) == "R09 CROSS_ZERO"
    assert world.check(Side.BUY, "AAPL", 100, 100) is None


def test_what_closes_already_is_not_free_to_close_again(world):
    world.hold(100)
    world.place(Side.SELL, "AAPL", 60, 101)
    assert world.check(Side.SELL, "AAPL", 40, 101) is None
    assert world.code(Side.SELL, "AAPL", 41, 101) == "R24 SHORT_MARKING"


# --- R24 --------------------------------------------------------------------------------------------------------------


def test_r24_a_sale_of_what_is_not_held_is_marked_short(world):
    assert world.says("ShortMarking", Side.SELL, "AAPL", 1, 100) == "SHORT_MARKING"
    assert world.says("ShortMarking", Side.SELL_SHORT, "AAPL", 1, 100) == "pass"
    world.hold(10)
    assert world.says("ShortMarking", Side.SELL, "AAPL", 10, 100) == "pass"
    assert world.says("ShortMarking", Side.SELL, "AAPL", 11, 100) == "SHORT_MARKING"


def test_r24_a_short_sale_while_something_is_held_is_refused(world):
    world.hold(10)
    assert world.says("ShortMarking", Side.SELL_SHORT, "AAPL", 1, 100) == "SHORT_MARKING"
    world.place(Side.SELL, "AAPL", 10, 101)
    assert world.says("ShortMarking", Side.SELL_SHORT, "AAPL", 1, 100) == "pass"


def test_r24_needs_permission_and_a_fresh_borrow(world):
    world.state_account(shorting_allowed=False)
    assert world.says("ShortMarking", Side.SELL_SHORT, "AAPL", 1, 100) == "NO_LOCATE"
    world.state_account()
    now = world.desk.now_ns
    day = 86_400_000_000_000
    world.desk.borrows["paper", "AAPL"] = Borrow(easy=False, taken_ns=now)
    assert world.says("ShortMarking", Side.SELL_SHORT, "AAPL", 1, 100) == "NO_LOCATE"
    world.desk.borrows["paper", "AAPL"] = Borrow(easy=True, taken_ns=now - day)
    assert world.says("ShortMarking", Side.SELL_SHORT, "AAPL", 1, 100) == "pass"
    world.desk.borrows["paper", "AAPL"] = Borrow(easy=True, taken_ns=now - day - 1)
    assert world.says("ShortMarking", Side.SELL_SHORT, "AAPL", 1, 100) == "NO_LOCATE"


def test_r24_asks_for_locate_reqd_where_that_is_required(world):
    world.set("R24.locate", "1")
    assert world.says("ShortMarking", Side.SELL_SHORT, "AAPL", 1, 100) == "NO_LOCATE"
    assert world.says("ShortMarking", Side.SELL_SHORT, "AAPL", 1, 100, locate_reqd=False) == "pass"


def test_r24_futures_are_sold_without_a_mark_and_crypto_never_short(world):
    assert world.says("ShortMarking", Side.SELL, "ESZ6", 1, 5000) == "pass"
    assert world.says("ShortMarking", Side.SELL, "BTC/USD", 1, 50000) == "SHORT_MARKING"
    assert world.says("ShortMarking", Side.SELL_SHORT, "BTC/USD", 1, 50000) == "NO_LOCATE"


def test_r24_what_cannot_be_shorted_is_not(world):
    world.instruments["AAPL"] = replace(world.instruments["AAPL"], shortable=False)
    assert world.says("ShortMarking", Side.SELL_SHORT, "AAPL", 1, 100) == "NO_LOCATE"


# --- R28 --------------------------------------------------------------------------------------------------------------


def round_trip(world, symbol="AAPL"):
    price = 100 if symbol == "AAPL" else 400
    bought = world.place(Side.BUY, symbol, 1, price, check=False)
    world.fill(bought, 1, price)
    sold = world.place(Side.SELL, symbol, 1, price, check=False)
    world.fill(sold, 1, price)


def test_r28_warns_of_the_fourth_day_trade_while_equity_is_small(world):
    world.state_account(equity=D(24999))
    for _ in range(3):
        round_trip(world)
    world.hold(1)
    assert world.says("DayTrades", Side.SELL, "AAPL", 1, 100) == "warn"
    world.set("R28", "3")
    assert world.says("DayTrades", Side.SELL, "AAPL", 1, 100) == "DAILY_TURNOVER"
    world.state_account(equity=D(25000))
    assert world.says("DayTrades", Side.SELL, "AAPL", 1, 100) == "pass"


def test_r28_counts_pairs_that_are_only_working_yet(world):
    world.set("R28", "1")
    world.state_account(equity=D(1000))
    round_trip(world)
    world.place(Side.BUY, "MSFT", 1, 399, check=False)
    assert world.says("DayTrades", Side.SELL_SHORT, "MSFT", 1, 401) == "DAILY_TURNOVER"


def test_r28_forgets_after_five_days(world):
    world.set("R28", "1")
    round_trip(world)
    for _ in range(4):
        world.wait(86400)
        world.open_day()
    assert sum(world.portfolio.account("ACC1").past_day_trades) == 1
    world.wait(86400)
    world.open_day()
    assert sum(world.portfolio.account("ACC1").past_day_trades) == 0


def test_what_was_bought_yesterday_is_no_day_trade(world):
    world.set("R28", "1")
    world.state_account(equity=D(1000))
    round_trip(world)
    world.hold(1)
    world.wait(86400)
    world.open_day()
    world.quote("AAPL", 100)
    world.state_account(equity=D(1000))
    assert world.says("DayTrades", Side.SELL, "AAPL", 1, 100) == "pass"


def test_scopes_may_be_named_for_one_broker_only(world):
    world.set("R09", "1000", Scope.SYMBOL, "AAPL@elsewhere")
    assert world.says("MaxPosition", Side.BUY, "AAPL", 100, 100) == "pass"
    world.set("R09", "1000", Scope.SYMBOL, "AAPL@paper")
    assert world.says("MaxPosition", Side.BUY, "AAPL", 100, 100) == "MAX_POSITION"


def test_r28_futures_make_no_day_trades(world):
    world.place(Side.BUY, "ESZ6", 1, 5000, check=False)
    for side in (Side.BUY, Side.SELL):
        order_id = world.place(side, "ESZ6", 1, 5000, check=False)
        world.fill(order_id, 1, 5000)
    assert world.portfolio.account("ACC1").day_trades == 0


def test_r28_a_closing_order_is_a_pair_only_with_what_was_opened_today(world):
    book = world.portfolio.account("ACC1")
    world.hold(10)
    world.place(Side.SELL, "AAPL", 5, 101)
    assert book.pairs == 1
    world.wait(86400)
    world.open_day()
    assert book.pairs == 0


def test_r28_turning_a_position_around_opens_it_anew(world):
    world.hold(10)
    order_id = world.place(Side.SELL_SHORT, "AAPL", 15, 100, check=False)
    world.fill(order_id, 15, 100)
    book = world.portfolio.account("ACC1")
    assert (book.day_trades, world.portfolio.holding("ACC1", "AAPL").opened_today) == (1, True)
