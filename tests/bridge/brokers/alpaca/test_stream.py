"""The trade_updates stream: framing, outages, lost, doubled, disordered, unreadable and unknown updates."""

import asyncio

import pytest

from bridge.brokers.alpaca import AlpacaBroker
from bridge.interfaces import BrokerUnreachable
from bridge.orders.events import OrderAccepted, OrderAdopted, OrderCanceled, OrderFilled, TradeBusted, TradeCorrected
from bridge.sandbox.alpaca import KEY, How
from fixspec.enums import OrdStatus
from sessions.clock import SystemClock


@pytest.mark.parametrize("binary", [True, False], ids=["binary frames as from paper", "text as from live"])
async def test_both_framings_are_read(desks, binary):
    desk = await desks(sandbox={"binary": binary})
    cl_ord_id = desk.send("buy", "10")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    assert desk.adapter._stream.frames >= 2


async def test_doubled_updates_are_told_once(desk):
    desk.sandbox.stream_faults.repeat = 3
    cl_ord_id = desk.send("buy", "10", limit="101.00")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    await desk.settle()
    assert desk.facts(cl_ord_id) == ["order_received", "order_routed", "order_accepted", "order_filled"]
    assert desk.adapter.listener.duplicates == 2


async def test_updates_in_the_wrong_order_come_to_the_same(desk):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.sandbox.stream_faults.reorder = 3
    await desk.price("97.00", "98.00", 3)
    await desk.price("97.00", "98.00", 3)
    await desk.price("97.00", "98.00", 4)
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    await desk.settle()
    assert len(desk.events(cl_ord_id, OrderFilled)) == 3
    desk.agree()


async def test_a_fill_that_comes_before_the_acknowledgement_skips_it(desk):
    desk.sandbox.stream_faults.reorder = 2
    cl_ord_id = desk.send("buy", "10")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    await desk.settle()
    assert desk.events(cl_ord_id, OrderAccepted) == []
    desk.agree()


async def test_a_lost_fill_shows_at_the_next_one_and_is_fetched(desk):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.sandbox.stream_faults.skip = ["partial_fill"]
    await desk.price("97.00", "98.00", 6)
    await desk.price("97.00", "98.00", 10)
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    assert sorted(each.last_qty for each in desk.events(cl_ord_id, OrderFilled)) == [4, 6]
    desk.agree()


async def test_a_fill_without_an_execution_id_is_taken_from_the_activities(desk):
    desk.sandbox.stream_faults.without_execution_id = True
    cl_ord_id = desk.send("buy", "10")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    (fill,) = desk.events(cl_ord_id, OrderFilled)
    assert fill.broker_exec_id == desk.sandbox.book.fills[0]["id"].partition("::")[2]


async def test_a_cancel_tells_the_lost_fill_first(desk):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.sandbox.stream_faults.skip = ["partial_fill"]
    await desk.price("97.00", "98.00", 6)
    desk.sandbox.book.end(desk.sandbox.order(desk.order(cl_ord_id).broker_client_id), "canceled")
    await desk.until(lambda: desk.events(cl_ord_id, OrderCanceled))
    assert desk.facts(cl_ord_id)[-2:] == ["order_filled", "order_canceled"]
    desk.agree()


async def test_executions_that_no_list_has_are_not_made_up_from_a_total(desk):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.sandbox.stream_faults.skip = ["partial_fill"]
    await desk.price("97.00", "98.00", 6)
    hidden = desk.sandbox.book.fills.pop()
    await desk.reconcile()
    assert desk.order(cl_ord_id).cum_qty == 0
    (broken, *_) = desk.reconciler.breaks["alpaca"]
    assert (broken.kind, broken.ours, broken.theirs) == ("fills", "0", "6")
    desk.sandbox.book.fills.append(hidden)
    await desk.until(lambda: desk.order(cl_ord_id).cum_qty == 6)


async def test_an_unreadable_frame_loses_nothing_because_everything_is_compared(desk):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.sandbox.stream_faults.skip = ["fill"]
    await desk.price("97.00", "98.00")
    desk.sandbox.stream_faults.garble = 1
    desk.send("buy", "1", limit="90.00")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    assert desk.adapter.garbled == 1


@pytest.mark.parametrize("word", ["accepted_by_aliens", "order_accepted_for_auction"])
async def test_an_unknown_event_is_counted_and_the_order_asked_for(desk, word):
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    desk.sandbox.stream_faults.skip = ["fill"]
    await desk.price("97.00", "98.00")
    order = desk.sandbox.order(desk.order(cl_ord_id).broker_client_id)
    desk.sandbox.orders.tell(word, order.body(), {})
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)
    assert desk.adapter.listener.unknown[word] == 1


async def test_an_unknown_status_loses_no_event(desk):
    """The client library's models raise on it, and the event is gone; raw data is read instead."""
    cl_ord_id = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(cl_ord_id).accepted)
    order = desk.sandbox.order(desk.order(cl_ord_id).broker_client_id)
    desk.sandbox.orders.tell("new", order.body() | {"status": "resting_in_peace", "type": "iceberg"}, {})
    await desk.price("97.00", "98.00")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)


async def test_an_update_that_makes_no_sense_is_logged_counted_and_everything_compared(desk):
    before = desk.sandbox.requests.count("GET /positions")
    desk.sandbox.orders.tell("fill", {"id": "x"}, {"price": "1"})
    await desk.until(lambda: desk.adapter.garbled == 1)
    await desk.until(lambda: desk.sandbox.requests.count("GET /positions") > before)
    assert desk.adapter._stream.connections == 1


# --- outages ---------------------------------------------------------------------------------------------------------


async def test_after_an_outage_it_is_ready_only_when_both_books_were_compared(desk):
    partly = desk.send("buy", "10", limit="98.00")
    gone = desk.send("buy", "10", limit="90.00")
    await desk.until(lambda: desk.order(gone).accepted)
    await desk.drop_stream()
    assert "order stream is down" in desk.adapter.unready
    await desk.price("97.00", "98.00", 4)
    desk.sandbox.book.end(desk.sandbox.order(desk.order(gone).broker_client_id), "canceled")
    seen = []
    plain = desk.adapter.on_reconnected

    async def watched():
        seen.append((desk.adapter.unready, desk.order(partly).cum_qty))
        await plain()
        seen.append((desk.adapter.unready, desk.order(partly).cum_qty))

    desk.adapter.on_reconnected = watched
    await desk.heal_stream()
    assert seen == [("comparing with the broker", 0), ("comparing with the broker", 4)]
    await desk.settle()
    assert desk.status(gone) is OrdStatus.CANCELED
    assert desk.adapter.reconnects == 1
    desk.agree()


async def test_while_the_stream_is_down_orders_are_refused_with_the_reason_and_cancels_are_tried(desk):
    working = desk.send("buy", "10", limit="98.00")
    await desk.until(lambda: desk.order(working).accepted)
    await desk.drop_stream()
    refused = desk.send("buy", "1")
    assert desk.status(refused) is OrdStatus.REJECTED
    desk.cancel(working)
    await desk.until(lambda: desk.status(working) is OrdStatus.CANCELED)
    assert len(desk.sandbox.submitted) == 1


async def test_a_comparison_without_an_answer_is_repeated_until_there_is_one(desk):
    await desk.drop_stream()
    desk.sandbox.fault(How.STATUS_502, "GET /orders", times=2)
    await desk.heal_stream()
    assert not desk.sandbox.faults.armed


@pytest.mark.parametrize("status", [406, 429])
async def test_a_handshake_refused_because_the_old_connection_still_counts_is_tried_again(desk, status):
    desk.sandbox.stream_faults.refuse = status
    desk.sandbox.orders.drop()
    await desk.until(lambda: "connection limit exceeded" in (desk.adapter.unready or ""))
    before = desk.sandbox.orders.handshakes
    await asyncio.sleep(0.3)
    assert desk.sandbox.orders.handshakes - before < 10  # with growing pauses
    await desk.heal_stream()


async def test_a_stream_that_tells_nothing_is_noticed_and_made_anew(desk):
    desk.sandbox.orders.mute()
    orders = [desk.send("buy", "1", limit="98.00") for _ in range(2)]
    await desk.until(lambda: all(desk.order(each).accepted for each in orders))
    await desk.until(lambda: desk.adapter.mute_streams == 1)
    await desk.until(lambda: desk.adapter.reconnects == 1 and desk.adapter.unready is None)
    cl_ord_id = desk.send("buy", "1")
    await desk.until(lambda: desk.status(cl_ord_id) is OrdStatus.FILLED)


async def test_wrong_keys_are_told_as_such(desk):
    await desk.adapter.stop()
    broker = AlpacaBroker(
        name="alpaca",
        account="A",
        key="PKWRONG",
        secret="wrong",
        clock=SystemClock(),
        endpoint=desk.sandbox.url,
        **desk.settings,
    )
    with pytest.raises(BrokerUnreachable, match="refuses these credentials"):
        await broker.start(lambda report: None)
    assert "refuses these credentials" in broker.unready
    await broker.stop()


async def test_a_second_stream_of_one_key_is_refused_by_alpaca_itself(desk):
    other = desk.broker(one_door=False)
    with pytest.raises(BrokerUnreachable, match="connection limit exceeded"):
        await other.start(lambda report: None)
    await other.stop()
    assert desk.adapter.unready is None


async def test_the_stream_ends_at_once_and_for_good_whatever_arrives(desk):
    """On Python 3.11 asyncio.wait_for can swallow the cancellation of the library's own loop."""
    desk.sandbox.stream_faults.repeat = 50
    desk.send("buy", "1")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await desk.adapter.stop()
    assert loop.time() - began < 1.0
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "alpaca trade_updates"]


# --- executions taken back -------------------------------------------------------------------------------------------


async def test_busts_and_corrections_name_the_execution_they_are_about(desk):
    first = desk.send("buy", "10")
    await desk.until(lambda: desk.status(first) is OrdStatus.FILLED)
    order = desk.sandbox.order(desk.order(first).broker_client_id)
    (fill,) = desk.events(first, OrderFilled)
    about = {"previous_execution_id": fill.broker_exec_id, "timestamp": "2026-11-24T15:00:00.000000001Z"}
    correction = {"execution_id": "e2", "qty": "10", "price": "100.50", **about}
    desk.sandbox.orders.tell("trade_correct", order.body(), correction)
    await desk.until(lambda: desk.events(first, TradeCorrected))
    assert desk.order(first).avg_px == pytest.approx(100.5)
    bust = {"execution_id": "e3", "previous_execution_id": "e2", "timestamp": about["timestamp"]}
    desk.sandbox.orders.tell("trade_bust", order.body() | {"filled_qty": "0"}, bust)
    await desk.until(lambda: desk.events(first, TradeBusted))
    assert desk.order(first).cum_qty == 0
    assert desk.held() == 0


# --- orders made elsewhere -------------------------------------------------------------------------------------------


async def test_an_order_made_on_the_web_page_is_adopted_with_its_fills_and_can_be_cancelled(desk):
    body = {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "limit", "limit_price": "98", "time_in_force": "gtc"}
    desk.sandbox.rest.answer("POST", "/orders", {}, body)
    await desk.reconcile()
    (order,) = desk.desk.blotter.orders()
    assert order.external
    assert order.order_qty == 10
    event = next(entry.event for entry in desk.entries() if isinstance(entry.event, OrderAdopted))
    assert (event.reserved.price, event.reserved.value) == (98, 980)
    await desk.price("97.00", "98.00", 4)
    await desk.until(lambda: desk.held() == 4)
    (order,) = desk.desk.blotter.orders()
    desk.adapter.cancel(order)
    await desk.until(lambda: not next(iter(desk.desk.blotter.orders())).open)
    await desk.reconcile()
    assert desk.reconciler.breaks["alpaca"] == []


async def test_a_fill_of_an_order_made_elsewhere_is_never_dropped(desk):
    body = {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"}
    desk.sandbox.rest.answer("POST", "/orders", {}, body)
    await desk.until(lambda: desk.held() == 10)
    (order,) = desk.desk.blotter.orders()
    assert order.external


def test_the_key_is_nowhere_in_what_the_adapter_says_of_itself():
    broker = AlpacaBroker(name="a", account="A", key=KEY, secret="very-secret", clock=SystemClock())
    assert "very-secret" not in repr(broker) + str(broker.endpoints)
