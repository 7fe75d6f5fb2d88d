from decimal import Decimal

from bridge.brokers.paper import FillModel, Resting
from bridge.orders.reports import Canceled, Refused


def test_a_market_order_is_acknowledged_first_and_filled_at_the_touch_in_the_next_turn(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 200)
    assert desk.said() == ["Acknowledged"]
    desk.match()
    assert desk.fills(order) == [("200", "100.02")]


def test_a_market_order_takes_the_displayed_size_and_waits_for_more(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 800)
    desk.match()
    assert desk.fills(order) == [("500", "100.02")]
    desk.quote("AAPL", "100.00", 300, "100.03", 200)
    assert desk.fills(order)[1:] == [("200", "100.03")]
    desk.quote("AAPL", "100.00", 300, "100.04", 900)
    assert desk.fills(order)[2:] == [("100", "100.04")]


def test_the_same_displayed_size_is_never_used_twice(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    first, second = desk.order("buy", 400), desk.order("buy", 400)
    desk.match()
    assert desk.fills(first) == [("400", "100.02")]
    assert desk.fills(second) == [("100", "100.02")]
    desk.quote("AAPL", "100.01", 300, "100.02", 500)
    assert desk.fills(second) == [("100", "100.02")]


def test_size_displayed_in_addition_is_new(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 700)
    desk.match()
    desk.quote("AAPL", "100.00", 300, "100.02", 600)
    assert desk.fills(order) == [("500", "100.02"), ("100", "100.02")]


def test_a_price_behind_a_better_touch_is_remembered_as_used(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.order("buy", 500)
    desk.match()
    desk.quote("AAPL", "100.00", 300, "100.01", 100)
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    late = desk.order("buy", 100)
    desk.match()
    assert desk.fills(late) == []
    desk.quote("AAPL", "100.00", 300, "100.03", 500)
    assert desk.fills(late) == [("100", "100.03")]
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    again = desk.order("buy", 100)
    desk.match()
    assert desk.fills(again) == [("100", "100.02")]


def test_a_print_at_a_used_price_makes_what_is_shown_next_new(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.order("buy", 500)
    desk.match()
    desk.trade("AAPL", "100.02", 200, "buy")
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    late = desk.order("buy", 500)
    desk.match()
    assert desk.fills(late) == [("200", "100.02")]


def test_size_that_has_just_printed_is_gone_before_the_next_quote_says_so(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.trade("AAPL", "100.02", 450, "buy")
    order = desk.order("buy", 100)
    desk.match()
    assert desk.fills(order) == [("50", "100.02")]


def test_a_limit_that_waits_is_filled_at_its_price_when_the_other_side_comes_to_it(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 200, limit="99.99")
    desk.match()
    desk.quote("AAPL", "99.95", 300, "99.97", 150)
    assert desk.fills(order) == [("150", "99.99")]
    desk.quote("AAPL", "99.95", 300, "99.96", 500)
    assert desk.fills(order) == [("150", "99.99"), ("50", "99.99")]


def test_a_marketable_limit_takes_the_better_price_and_never_more_than_its_own(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 100)
    order = desk.order("buy", 300, limit="100.03")
    desk.match()
    assert desk.fills(order) == [("100", "100.02")]
    desk.quote("AAPL", "100.00", 300, "100.05", 900)
    assert len(desk.fills(order)) == 1
    desk.quote("AAPL", "100.00", 300, "100.01", 900)
    assert desk.fills(order)[1:] == [("200", "100.03")]


def test_better_prices_are_served_first_and_equal_ones_by_time(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    low, first, second = (desk.order("buy", 100, limit=px) for px in ("99.98", "99.99", "99.99"))
    desk.match()
    desk.quote("AAPL", "99.90", 300, "99.98", 150)
    assert (desk.fills(first), desk.fills(second), desk.fills(low)) == ([("100", "99.99")], [("50", "99.99")], [])


def test_a_trade_through_fills_what_waited_before_it_and_no_more_than_was_printed(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 500, limit="99.99")
    desk.match()
    desk.trade("AAPL", "99.98", 120, "sell")
    assert desk.fills(order) == [("120", "99.99")]


async def test_a_trade_at_the_price_fills_only_in_the_touch_model(make_desk):
    for resting, expected in ((Resting.TOUCH, [("100", "99.99")]), (Resting.THROUGH, [])):
        desk = await make_desk(model=FillModel(resting=resting))
        desk.quote("AAPL", "99.99", 300, "100.02", 500)
        order = desk.order("buy", 100, limit="99.99")
        desk.match()
        desk.trade("AAPL", "99.99", 100, "sell")
        assert desk.fills(order) == expected


def test_immediate_or_cancel_takes_what_is_there_and_cancels_the_rest(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("sell", 400, limit="100.00", tif="ioc")
    desk.match()
    assert desk.said(order) == ["Acknowledged", "Executed", "Canceled"]
    assert desk.fills(order) == [("300", "100.00")]
    assert isinstance(desk.last(), Canceled)
    assert desk.last().reason is None


def test_fill_or_kill_is_all_or_nothing(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    kill, fill = desk.order("buy", 501, tif="fok"), desk.order("buy", 500, tif="fok")
    desk.match()
    assert desk.said(kill) == ["Acknowledged", "Canceled"]
    assert desk.fills(fill) == [("500", "100.02")]


def test_a_stop_waits_for_a_trade_at_its_price_and_takes_what_is_left_at_the_touch(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.trade("AAPL", "100.01", 10)
    order = desk.order("buy", 100, stop="100.03")
    desk.match()
    assert desk.acknowledged().held
    desk.quote("AAPL", "100.02", 300, "100.03", 60)
    assert desk.fills(order) == []
    desk.trade("AAPL", "100.03", 50, "buy")
    assert desk.fills(order) == [("10", "100.03")]
    desk.quote("AAPL", "100.02", 300, "100.04", 500)
    assert desk.fills(order)[1:] == [("90", "100.04")]


def test_without_prints_a_stop_is_triggered_by_the_quote(desk):
    desk.quote("EUR/USD", "1.09400", None, "1.09410", None)
    order = desk.order("sell", 1000, "EUR/USD", stop="1.09350")
    desk.match()
    desk.quote("EUR/USD", "1.09345", None, "1.09355", None)
    assert desk.fills(order) == [("1000", "1.09345")]


def test_a_stop_limit_becomes_a_limit(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100, stop="100.03", limit="100.04")
    desk.match()
    desk.quote("AAPL", "100.05", 300, "100.06", 500)
    assert desk.fills(order) == []
    desk.quote("AAPL", "100.01", 300, "100.02", 500)
    assert desk.fills(order) == [("100", "100.04")]


def test_crossed_and_zero_quotes_fill_nobody(desk):
    order = desk.order("buy", 100, limit="100.00")
    desk.quote("AAPL", "100.05", 300, "99.90", 500)
    desk.quote("AAPL", "0", 300, "0", 500)
    desk.match()
    assert desk.fills(order) == []


def test_an_old_quote_fills_nobody_but_the_next_one_does(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.clock.advance(61)
    order = desk.order("buy", 100)
    desk.match()
    assert desk.fills(order) == []
    desk.quote("AAPL", "100.00", 300, "100.05", 500)
    assert desk.fills(order) == [("100", "100.05")]


def test_a_size_nobody_tells_is_no_size_for_a_share(desk):
    desk.quote("AAPL", "100.00", None, "100.02", None)
    order = desk.order("buy", 100)
    desk.match()
    assert desk.fills(order) == []


def test_what_the_master_forbids_is_refused(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.quote("BTC/USD", "60000.00", "0.5", "60001.00", "0.5")
    for attempt, code in (
        (lambda: desk.order("buy", 100, "NOPE"), "SYMBOL_UNKNOWN"),
        (lambda: desk.order("buy", "1.5"), "LOT_SIZE"),
        (lambda: desk.order("buy", 100, limit="100.001"), "TICK_SIZE"),
        (lambda: desk.order("buy", 0), "QTY_FORMAT"),
        (lambda: desk.order("buy", 100, account="OTHER"), "ACCOUNT_UNKNOWN"),
        (lambda: desk.order("buy", 100, tif="gtx"), "TIF"),
        (lambda: desk.order("buy", 100, "MSFT"), "NO_REFERENCE_PRICE"),
        (lambda: desk.order("buy", 100_000), "BUYING_POWER"),
        (lambda: desk.order("buy", 20, "BTC/USD"), "BUYING_POWER"),
    ):
        attempt()
        assert isinstance(desk.last(), Refused)
        assert desk.last().code.value == code


async def test_positions_cash_and_equity_follow_the_fills(desk):
    desk.quote("AAPL", "100.00", 1000, "100.02", 1000)
    desk.order("buy", 200)
    desk.match()
    desk.quote("AAPL", "101.00", 1000, "101.02", 1000)
    (position,) = await desk.broker.positions()
    assert (position.qty, position.avg_px, position.mark) == (200, Decimal("100.02"), Decimal("101.01"))
    (account,) = await desk.broker.accounts()
    assert account.cash == Decimal("979996.00")
    assert account.equity == Decimal("1000198.00")
    assert account.buying_power == (account.equity - 200 * Decimal("101.01") / 4) * 4
    desk.order("sell", 300)
    desk.match()
    (position,) = await desk.broker.positions()
    assert (position.qty, position.avg_px) == (-100, Decimal("101.00"))


async def test_a_future_moves_cash_by_its_profit_alone(desk):
    desk.quote("ESU4", "5528.50", 20, "5528.75", 20)
    desk.order("buy", 2, "ESU4")
    desk.match()
    desk.quote("ESU4", "5530.75", 20, "5531.00", 20)
    desk.order("sell", 2, "ESU4")
    desk.match()
    (account,) = await desk.broker.accounts()
    assert account.cash == account.equity == Decimal(1_000_000) + 2 * 2 * 50
