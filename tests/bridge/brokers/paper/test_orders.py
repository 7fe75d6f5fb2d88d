"""Order types and instructions beyond the plain ones."""

from decimal import Decimal

from bridge.brokers.paper.broker import PaperBroker
from bridge.orders.reports import Canceled, Refused
from fixspec.enums import ExecInst, OrdType

POST_ONLY, REDUCE_ONLY = (ExecInst.PARTICIPATE_DO_NOT_INITIATE,), (ExecInst.DO_NOT_INCREASE,)
TRAILING = (ExecInst.TRAILING_STOP_PEG,)


def trailing(desk, side, qty, offset, **terms):
    return desk.order(side, qty, ord_type=OrdType.PEGGED, exec_inst=TRAILING, peg_offset_value=Decimal(offset), **terms)


def test_a_post_only_order_never_takes(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.order("buy", 100, limit="100.02", exec_inst=POST_ONLY)
    assert isinstance(desk.last(), Refused)
    assert "post-only" in desk.last().text
    order = desk.order("buy", 100, limit="100.01", exec_inst=POST_ONLY)
    desk.match()
    desk.quote("AAPL", "99.99", 300, "100.01", 500)
    assert desk.fills(order) == [("100", "100.01")]


def test_post_only_needs_a_limit_that_can_wait(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    for terms in ({}, {"limit": "99.00", "tif": "ioc"}):
        desk.order("buy", 100, exec_inst=POST_ONLY, **terms)
        assert desk.last().code.value == "EXECINST"


def test_a_reduce_only_order_may_not_open(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.order("sell", 10, exec_inst=REDUCE_ONLY)
    assert isinstance(desk.last(), Refused)
    desk.order("buy", 50)
    desk.match()
    desk.order("sell", 51, exec_inst=REDUCE_ONLY)
    assert isinstance(desk.last(), Refused)
    order = desk.order("sell", 50, exec_inst=REDUCE_ONLY)
    desk.match()
    assert desk.fills(order) == [("50", "100.00")]


def test_a_reduce_only_order_ends_when_there_is_nothing_left_to_reduce(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.order("buy", 50)
    desk.match()
    resting = desk.order("sell", 50, limit="101.00", exec_inst=REDUCE_ONLY)
    desk.match()
    desk.order("sell", 30)
    desk.match()
    desk.quote("AAPL", "101.00", 300, "101.02", 500)
    assert desk.fills(resting) == [("20", "101.00")]
    desk.quote("AAPL", "101.00", 900, "101.02", 500)
    assert isinstance(desk.last(), Canceled)
    assert desk.last().broker_client_id == resting


def test_a_trailing_stop_follows_the_market_and_never_back(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.trade("AAPL", "100.00", 1)
    order = trailing(desk, "sell", 10, "-0.50")
    desk.match()
    assert desk.acknowledged().held
    for price in ("101.00", "100.60", "100.51"):
        desk.trade("AAPL", price, 1)
    assert desk.fills(order) == []
    desk.quote("AAPL", "100.49", 300, "100.51", 500)
    desk.trade("AAPL", "100.50", 1)
    assert desk.fills(order) == [("10", "100.49")]


def test_a_trailing_buy_follows_downwards_by_the_quote_of_a_currency_pair(desk):
    desk.quote("EUR/USD", "1.10000", None, "1.10010", None)
    order = trailing(desk, "buy", 1000, "0.00100", symbol="EUR/USD")
    desk.match()
    desk.quote("EUR/USD", "1.09500", None, "1.09510", None)
    desk.quote("EUR/USD", "1.09590", None, "1.09600", None)
    assert desk.fills(order) == []
    desk.quote("EUR/USD", "1.09600", None, "1.09610", None)
    assert desk.fills(order) == [("1000", "1.09610")]


def test_a_trailing_stop_that_has_seen_no_price_waits_for_one(desk):
    desk.quote("AAPL", "100.00", 300, None, None)
    order = trailing(desk, "buy", 10, "0.50")
    desk.match()
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.cancel(order)
    assert desk.said(order) == ["Acknowledged", "Canceled"]


def test_other_pegs_and_offsets_off_the_tick_are_refused(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.order("buy", 10, ord_type=OrdType.PEGGED)
    assert desk.last().code.value == "ORDTYPE"
    trailing(desk, "buy", 10, "0.005")
    assert desk.last().code.value == "TICK_SIZE"


async def test_a_trailing_stop_keeps_its_trigger_over_a_restart(filed):
    filed.quote("AAPL", "100.00", 300, "100.02", 500)
    filed.trade("AAPL", "101.00", 1)
    order = trailing(filed, "sell", 10, "0.50")
    filed.match()
    await filed.crash()
    filed.quote("AAPL", "100.40", 300, "100.42", 500)
    filed.trade("AAPL", "100.51", 1)
    assert filed.fills(order) == []
    filed.trade("AAPL", "100.50", 1)
    assert filed.fills(order) == [("10", "100.40")]


def test_instructions_nobody_offers_are_refused(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.order("buy", 10, exec_inst=(ExecInst.ALL_OR_NONE,))
    assert desk.last().code.value == "EXECINST"


def test_capabilities_are_what_is_really_taken(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    for ord_type in OrdType:
        terms = {"limit": "100.00", "stop": "100.00"} if ord_type is OrdType.STOP_LIMIT else {}
        terms |= {"limit": "100.00"} if ord_type is OrdType.LIMIT else {}
        terms |= {"stop": "100.00"} if ord_type is OrdType.STOP else {}
        if ord_type is OrdType.PEGGED:
            trailing(desk, "buy", 1, "0.50")
        else:
            desk.order("buy", 1, ord_type=ord_type, **terms)
        refused = isinstance(desk.last(), Refused) and desk.last().code.value == "ORDTYPE"
        assert refused is (ord_type not in PaperBroker.capabilities.ord_types)
