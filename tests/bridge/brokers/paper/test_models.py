from decimal import Decimal

import pytest

from bridge.brokers.paper import FillModel, Resting, StopTrigger, Taking


def test_at_the_touch_a_limit_waits_behind_what_was_displayed_when_it_came(desk):
    desk.quote("AAPL", "99.99", 300, "100.02", 500)
    order = desk.order("buy", 100, limit="99.99")
    desk.match()
    desk.trade("AAPL", "99.99", 200, "sell")
    assert desk.fills(order) == []
    desk.trade("AAPL", "99.99", 150, "sell")
    assert desk.fills(order) == [("50", "99.99")]
    desk.trade("AAPL", "99.99", 10, "sell")
    assert desk.fills(order)[1:] == [("10", "99.99")]


def test_cancels_in_front_shorten_the_queue_to_what_is_displayed(desk):
    desk.quote("AAPL", "99.99", 300, "100.02", 500)
    order = desk.order("buy", 100, limit="99.99")
    desk.match()
    desk.quote("AAPL", "99.99", 40, "100.02", 500)
    desk.quote("AAPL", "99.99", 900, "100.02", 500)
    desk.trade("AAPL", "99.99", 60, "sell")
    assert desk.fills(order) == [("20", "99.99")]


def test_a_price_better_than_the_touch_is_first_in_line(desk):
    desk.quote("AAPL", "99.99", 300, "100.02", 500)
    order = desk.order("buy", 100, limit="100.00")
    desk.match()
    desk.trade("AAPL", "100.00", 30, "sell")
    assert desk.fills(order) == [("30", "100.00")]


def test_behind_the_touch_the_queue_is_unknown_until_the_price_is_the_touch(desk):
    desk.quote("AAPL", "99.99", 300, "100.02", 500)
    order = desk.order("buy", 100, limit="99.98")
    desk.match()
    desk.quote("AAPL", "99.98", 70, "100.00", 500)
    desk.trade("AAPL", "99.98", 90, "sell")
    assert desk.fills(order) == [("20", "99.98")]


def test_when_the_touch_falls_below_a_price_nothing_is_in_front_there(desk):
    desk.quote("AAPL", "99.99", 300, "100.02", 500)
    order = desk.order("buy", 100, limit="99.99")
    desk.match()
    desk.quote("AAPL", "99.97", 300, "100.02", 500)
    desk.trade("AAPL", "99.99", 30, "sell")
    assert desk.fills(order) == [("30", "99.99")]


def test_one_print_is_shared_out_in_the_order_of_the_queue(desk):
    desk.quote("AAPL", "99.99", 100, "100.02", 500)
    first = desk.order("buy", 50, limit="99.99")
    desk.match()
    desk.quote("AAPL", "99.99", 300, "100.02", 500)
    second = desk.order("buy", 50, limit="99.99")
    desk.match()
    desk.trade("AAPL", "99.99", 200, "sell")
    assert (desk.fills(first), desk.fills(second)) == ([("50", "99.99")], [])
    desk.trade("AAPL", "99.99", 120, "sell")
    assert desk.fills(second) == [("20", "99.99")]


def test_a_buyers_print_at_a_bid_fills_no_resting_buy(desk):
    desk.quote("AAPL", "99.99", 0, "100.02", 500)
    order = desk.order("buy", 50, limit="99.99")
    desk.match()
    desk.trade("AAPL", "99.99", 200, "buy")
    assert desk.fills(order) == []


async def test_walking_goes_on_at_the_ticks_behind_the_touch(make_desk):
    desk = await make_desk(model=FillModel(taking=Taking.WALK, walk_levels=2, walk_depth=Decimal("0.5")))
    desk.quote("AAPL", "100.00", 300, "100.02", 100)
    order = desk.order("buy", 500)
    desk.match()
    assert desk.fills(order) == [("100", "100.02"), ("50", "100.03"), ("50", "100.04")]


async def test_walking_stops_at_the_limit_and_makes_fill_or_kill_possible(make_desk):
    desk = await make_desk(model=FillModel(taking=Taking.WALK))
    desk.quote("AAPL", "100.00", 300, "100.02", 100)
    too_much, enough = (
        desk.order("buy", 201, limit="100.03", tif="fok"),
        desk.order("buy", 200, limit="100.03", tif="fok"),
    )
    desk.match()
    assert desk.said(too_much) == ["Acknowledged", "Canceled"]
    assert desk.fills(enough) == [("100", "100.02"), ("100", "100.03")]


async def test_what_was_walked_through_is_used_when_it_becomes_the_touch(make_desk):
    desk = await make_desk(model=FillModel(taking=Taking.WALK))
    desk.quote("AAPL", "100.00", 300, "100.02", 100)
    desk.order("buy", 200)
    desk.match()
    desk.quote("AAPL", "100.00", 300, "100.03", 120)
    late = desk.order("buy", 50, limit="100.03")
    desk.match()
    assert desk.fills(late) == [("20", "100.03")]


async def test_participation_caps_displayed_and_printed_size(make_desk):
    desk = await make_desk(model=FillModel(participation=Decimal("0.25"), resting=Resting.TOUCH))
    desk.quote("AAPL", "99.99", 300, "100.02", 400)
    taker, maker = desk.order("buy", 200), desk.order("buy", 200, limit="99.99")
    desk.match()
    assert (desk.fills(taker), desk.fills(maker)) == ([("100", "100.02")], [])
    desk.cancel(taker)
    desk.trade("AAPL", "99.98", 100, "sell")
    assert desk.fills(maker) == [("25", "99.99")]


def test_a_taker_that_waits_for_size_meets_the_sellers_print_first_and_pays_the_touch(desk):
    desk.quote("AAPL", "99.99", 300, "100.02", 400)
    taker, keener, maker = (
        desk.order("buy", 500, limit="100.02"),
        desk.order("buy", 50),
        desk.order("buy", 9, limit="99.99"),
    )
    desk.match()
    desk.trade("AAPL", "99.99", 120, "sell")
    assert desk.fills(keener) == [("50", "100.02")]
    assert desk.fills(taker) == [("400", "100.02"), ("70", "100.02")]
    assert desk.fills(maker) == []


async def test_the_trigger_can_be_chosen(make_desk):
    for trigger, by_quote, by_trade in ((StopTrigger.LAST, [], ["10"]), (StopTrigger.QUOTE, ["10"], ["10"])):
        desk = await make_desk(model=FillModel(stop_trigger=trigger))
        desk.quote("AAPL", "100.00", 300, "100.02", 500)
        order = desk.order("buy", 10, stop="100.05")
        desk.match()
        desk.quote("AAPL", "100.03", 300, "100.05", 500)
        assert [qty for qty, _ in desk.fills(order)] == by_quote
        desk.trade("AAPL", "100.05", 1, "buy")
        assert [qty for qty, _ in desk.fills(order)] == by_trade


@pytest.mark.parametrize(
    "wrong",
    [
        {"participation": Decimal(0)},
        {"participation": Decimal("1.01")},
        {"walk_levels": 0},
        {"walk_depth": Decimal(0)},
        {"max_quote_age": 0},
    ],
)
def test_senseless_models_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FillModel(**wrong)
