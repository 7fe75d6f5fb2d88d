"""Submits and cancels whose answers go wrong in every way a network and a broker know."""

from decimal import Decimal

import pytest

from bridge.orders.events import CancelRejected, OrderFilled, OrderRejected, OutcomeUnknown
from bridge.sandbox.alpaca import How
from fixspec.enums import CxlRejReason, OrdStatus

UNANSWERED = [
    {"how": How.RESET},
    {"how": How.CLOSE},
    {"how": How.SILENCE},
    {"how": How.PARTIAL},
    {"how": How.GARBAGE},
    {"how": How.STATUS_500},
    {"how": How.STATUS_502},
    {"how": How.STATUS_503},
    {"how": How.STATUS_504},
]

SOME = UNANSWERED[:1] + UNANSWERED[2:3] + UNANSWERED[-1:]


@pytest.mark.parametrize("fault", UNANSWERED, ids=lambda fault: fault["how"].name)
async def test_an_order_that_was_taken_without_an_answer_is_found_and_never_sent_again(desk, fault):
    desk.sandbox.fault(at="POST /orders", carried_out=True, **fault)
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.events(cl_ord_id, OutcomeUnknown) or desk.order(cl_ord_id).accepted)
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.NEW)
    await desk.settle()
    assert desk.sandbox.requests.count("POST /orders") == 1
    assert desk.status(cl_ord_id) is OrdStatus.NEW
    desk.agree()


@pytest.mark.parametrize("fault", SOME, ids=lambda fault: fault["how"].name)
async def test_an_order_that_never_arrived_is_refused_only_when_two_lists_prove_it(desk, fault):
    desk.sandbox.fault(at="POST /orders", **fault)
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.events(cl_ord_id, OutcomeUnknown))
    await desk.settle()
    assert desk.status(cl_ord_id) is OrdStatus.PENDING_NEW  # the adapter has looked for it, which proves nothing
    await desk.reconcile("reconnect")
    assert desk.status(cl_ord_id) is OrdStatus.PENDING_NEW
    desk.a_while_passes()
    await desk.reconcile("reconnect")
    (rejected,) = desk.events(cl_ord_id, OrderRejected)
    assert rejected.code == "NOT_AT_BROKER"
    assert desk.sandbox.requests.count("POST /orders") == 1


async def test_a_lost_answer_of_an_order_that_filled_at_once_ends_with_its_fills(desk):
    desk.sandbox.stream_faults.skip = ["new", "fill"]
    desk.sandbox.fault(How.STATUS_504, "POST /orders", carried_out=True)
    cl_ord_id = desk.send("buy", "10")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    await desk.settle()
    assert len(desk.events(cl_ord_id, OrderFilled)) == 1
    desk.agree()


async def test_a_rate_limit_answer_is_a_refusal_and_the_order_is_not_sent_again(desk):
    desk.sandbox.fault(How.STATUS_429, "POST /orders")
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.events(cl_ord_id, OrderRejected))
    (rejected,) = desk.events(cl_ord_id, OrderRejected)
    assert (rejected.code, rejected.broker_code) == ("THROTTLE", "42910000")
    assert desk.sandbox.requests.count("POST /orders") == 1
    assert desk.adapter.budget.throttled == 1


async def test_no_connection_at_all_proves_that_nothing_was_sent(desk):
    desk.sandbox._server.close()
    desk.adapter._rest.close()
    desk.adapter._rest = type(desk.adapter._rest)(
        "http://127.0.0.1:1",
        "k",
        "s",
        paper=True,
        connect_timeout=0.2,
        read_timeout=0.2,
        user_timeout=1.0,
        told=desk.adapter._told,
    )
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.events(cl_ord_id, OrderRejected))
    (rejected,) = desk.events(cl_ord_id, OrderRejected)
    assert rejected.code == "BROKER_UNAVAILABLE"
    assert rejected.text.startswith("not sent: ")


@pytest.mark.parametrize(
    ("order", "code", "broker_code"),
    [
        ({"side": "buy", "qty": "1000000"}, "BUYING_POWER", "40310000"),
        ({"side": "buy", "qty": "1", "symbol": "MSFT"}, "SYMBOL_UNKNOWN", "40010001"),
    ],
    ids=["buying power", "unknown asset"],
)
async def test_a_refusal_has_our_code_alpacas_code_and_its_text(desk, order, code, broker_code):
    side, qty = order.pop("side"), order.pop("qty")
    cl_ord_id = desk.send(side, qty, **order)
    await desk.until(lambda: desk.events(cl_ord_id, OrderRejected))
    (rejected,) = desk.events(cl_ord_id, OrderRejected)
    assert (rejected.code, rejected.broker_code) == (code, broker_code)
    assert rejected.text
    assert desk.adapter.errors[broker_code] == 1


async def test_an_order_that_would_trade_with_our_own_is_refused_as_such(desk):
    desk.send("sell", "10", limit="102.00")
    await desk.settle()
    cl_ord_id = desk.send("buy", "10", limit="103.00")
    await desk.until(lambda: desk.events(cl_ord_id, OrderRejected))
    assert desk.events(cl_ord_id, OrderRejected)[0].code == "SELF_MATCH"


async def test_wrong_keys_refuse_orders_with_alpacas_word_although_it_has_no_code(desk):
    desk.sandbox.fault(How.STATUS_401, "POST /orders")
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.events(cl_ord_id, OrderRejected))
    (rejected,) = desk.events(cl_ord_id, OrderRejected)
    assert (rejected.code, rejected.broker_code, rejected.text) == ("ACCOUNT_NOT_ENTITLED", "HTTP 401", "unauthorized.")


async def test_what_alpaca_would_refuse_is_refused_before_it_is_sent(desk):
    for order in (
        {"qty": "1", "limit": "98.001"},
        {"qty": "1.5", "tif": "gtc"},
        {"qty": "1", "stop": "105.00", "extended": True},
        {"qty": None, "cash": "0.50"},
    ):
        cl_ord_id = desk.send("buy", **order)
        (rejected,) = desk.events(cl_ord_id, OrderRejected)
        assert rejected.text.startswith("not sent: "), order
    assert "POST /orders" not in desk.sandbox.requests


# --- cancels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("fault", UNANSWERED, ids=lambda fault: fault["how"].name)
async def test_a_cancel_without_an_answer_is_repeated_until_the_order_is_gone(desk, fault, carried_out):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.sandbox.fault(at="DELETE /orders", carried_out=carried_out, **fault)
    desk.cancel(cl_ord_id)
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.CANCELED)
    await desk.settle()
    desk.agree()


async def test_a_cancel_is_tried_again_when_the_rate_limit_allows_it(desk):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.adapter.budget.refused = lambda reset_in, now: None  # the sandbox's window would end in up to a minute
    desk.sandbox.fault(How.STATUS_429, "DELETE /orders", times=2)
    desk.cancel(cl_ord_id)
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.CANCELED)


async def test_an_order_filled_before_its_cancel_is_filled_and_the_cancel_too_late(desk):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.sandbox.stream_faults.skip = ["fill"]  # so that only the refusal of the cancel leads to it
    await desk.price("97.00", "98.00")
    own = desk.cancel(cl_ord_id)
    await desk.until(lambda: desk.events(cl_ord_id, CancelRejected))
    assert desk.facts(cl_ord_id)[-2:] == ["order_filled", "cancel_rejected"]
    (rejected,) = desk.events(cl_ord_id, CancelRejected)
    assert (rejected.cl_ord_id, rejected.cxl_rej_reason) == (own, CxlRejReason.TOO_LATE_TO_CANCEL)
    assert desk.status(cl_ord_id) is OrdStatus.FILLED
    desk.agree()


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
async def test_a_cancel_that_was_taken_and_overtaken_by_the_fill_is_answered_too_late(desk, told):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.sandbox.book.manual = True
    desk.cancel(cl_ord_id)
    await desk.until(lambda: desk.sandbox.order(desk.order(cl_ord_id).broker_client_id).cancel_wanted)
    await desk.settle()
    if not told:
        desk.sandbox.stream_faults.skip = ["fill"]
    await desk.price("97.00", "98.00")
    await desk.until(lambda: desk.events(cl_ord_id, CancelRejected))
    assert desk.facts(cl_ord_id)[-2:] == ["order_filled", "cancel_rejected"]
    assert desk.status(cl_ord_id) is OrdStatus.FILLED


async def test_a_cancel_refused_for_a_moment_is_tried_again(desk):
    """Alpaca refuses cancels while a replacement is pending."""
    cl_ord_id = desk.send("buy", "10", limit="97.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    theirs = desk.sandbox.order(desk.order(cl_ord_id).broker_client_id)
    theirs.status = "pending_replace"
    desk.cancel(cl_ord_id)
    await desk.until(lambda: "DELETE /orders/" + theirs.id in desk.sandbox.requests)
    theirs.status = "new"
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.CANCELED)
    assert desk.events(cl_ord_id, CancelRejected) == []


async def test_a_partial_fill_and_a_cancel_are_both_told_in_that_order(desk):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.sandbox.stream_faults.skip = ["partial_fill"]
    await desk.price("97.00", "98.00", 4)
    desk.cancel(cl_ord_id)
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.CANCELED)
    assert desk.facts(cl_ord_id)[-2:] == ["order_filled", "order_canceled"]
    assert desk.order(cl_ord_id).cum_qty == 4
    desk.agree()


async def test_cancels_do_not_wait_for_orders_that_wait_for_their_answers(desk):
    working = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(working).accepted)
    desk.sandbox.fault(How.SILENCE, "POST /orders", times=20, seconds=0.35)
    for _ in range(20):
        desk.send("buy", "1", limit="90.00")
    desk.cancel(working)
    await desk.until(lambda: desk.status(working) is OrdStatus.CANCELED, 0.3)


# --- kinds of orders -------------------------------------------------------------------------------------------------


async def test_an_order_by_value_becomes_a_quantity_and_is_filled(desk):
    cl_ord_id = desk.send("buy", None, cash="1000.00")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    order = desk.order(cl_ord_id)
    assert order.order_qty == order.cum_qty == Decimal("9.900990099")
    assert desk.facts(cl_ord_id)[-2:] == ["order_restated", "order_filled"]
    await desk.reconcile()
    assert desk.reconciler.breaks["alpaca"] == []


async def test_a_fractional_order_fills_to_the_last_digit(desk):
    cl_ord_id = desk.send("buy", "0.123456789")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    assert desk.order(cl_ord_id).cum_qty == Decimal("0.123456789")
    desk.agree()


async def test_extended_hours_are_asked_for_by_the_trading_session(desk):
    cl_ord_id = desk.send("buy", "1", limit="98.00", extended=True)
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    assert desk.sandbox.order(desk.order(cl_ord_id).broker_client_id).extended_hours is True


async def test_crypto_is_dealt_as_a_pair_and_held_as_one(desk):
    desk.sandbox.quote("BTC/USD", "60000", "60010", "5", "5")
    cl_ord_id = desk.send("buy", "0.5", symbol="BTC/USD", tif="gtc")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    (position,) = await desk.adapter.positions()
    assert position.symbol == "BTC/USD"
    assert position.qty == Decimal("0.49875")  # 25 basis points are taken in coin
    await desk.reconcile()
    (broken,) = desk.reconciler.breaks["alpaca"]
    assert (broken.kind, broken.ours, broken.theirs) == ("position", "0.5", "0.49875")


async def test_an_order_in_a_closed_market_waits_and_works_when_it_opens(desk):
    desk.sandbox.book.is_open = False
    cl_ord_id = desk.send("buy", "10", limit="98.00", tif="gtc")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    assert desk.order(cl_ord_id).held
    desk.sandbox.book.open()
    await desk.until(lambda: not desk.order(cl_ord_id).held)
    desk.sandbox.book.close()
    await desk.settle()
    assert desk.status(cl_ord_id) is OrdStatus.NEW


async def test_a_day_order_expires_at_the_close(desk):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.sandbox.book.close()
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.EXPIRED)
