"""Drops, floods, restarts, half answers: nothing is lost, nothing is concluded from silence (ADAPTERS A, B.4 17-20)."""

import asyncio
from decimal import Decimal

import pytest

from bridge.brokers.ib import IbBroker, IbOptions
from bridge.brokers.ib.link import NotAllowed
from bridge.interfaces import BrokerUnreachable
from bridge.orders.events import Mode, Request
from bridge.orders.reasons import ReasonCode
from bridge.orders.reports import Acknowledged, Canceled, Executed, NoAnswer, Refused, Replaced, ReplaceRefused
from bridge.sandbox.ib import TwsSandbox
from bridge.sandbox.ib_faults import How, On
from fixspec.enums import OrdStatus
from tests.bridge.brokers.ib.venue import OPTIONS


async def resting(venue, orders):
    return await venue.sent(orders.new("buy", 10, limit="97.00"))


# --- submits without an answer ---------------------------------------------------------------------------------------


async def test_a_drop_after_placeorder_is_unknown_and_the_next_login_finds_the_order(venue, orders):
    venue.arm(On.PLACE, How.TAKEN_THEN_DROP)
    order = await resting(venue, orders)
    assert [type(r) for r in venue.reports if isinstance(r, NoAnswer | Acknowledged)] == [NoAnswer, Acknowledged]
    assert venue.arrived() == [order.broker_client_id]


async def test_an_order_that_was_filled_during_the_drop_is_filled_by_the_next_login(venue, orders):
    venue.arm(On.PLACE, How.TAKEN_THEN_DROP)
    await venue.sent(orders.new("buy", 10))
    assert [r.last_qty for r in venue.told(Executed)] == [10]
    assert venue.told(Refused) == []


async def test_an_order_that_never_arrived_is_unknown_and_then_proven_absent(venue, orders):
    venue.arm(On.PLACE, How.DROP)
    order = await resting(venue, orders)
    (unknown,) = venue.told(NoAnswer)
    assert unknown.request is Request.SUBMIT
    assert await venue.adapter.find(order) is None


async def test_a_mute_submit_is_unknown_after_the_time_for_answers(venue, orders):
    venue.arm(On.PLACE, How.LOST)
    await resting(venue, orders)
    assert venue.told(NoAnswer) == []
    await venue.until(lambda: venue.told(NoAnswer))


async def test_the_same_order_is_never_sent_twice(venue, orders):
    order = await resting(venue, orders)
    venue.adapter.submit(order)
    await venue.settle()
    assert venue.arrived() == [order.broker_client_id]
    assert [r.request for r in venue.told(NoAnswer)] == [Request.SUBMIT]


async def test_while_not_connected_orders_are_refused_with_the_reason(venue, orders):
    await venue.drop_stream()
    venue.adapter.submit(orders.new("buy", 10))
    (refused,) = venue.told(Refused)
    assert refused.code is ReasonCode.BROKER_UNAVAILABLE
    assert "not sent" in refused.text


async def test_a_cancel_during_a_drop_is_sent_after_the_login(venue, orders):
    order = await resting(venue, orders)
    await venue.drop_stream()
    venue.adapter.cancel(order)
    assert [r.request for r in venue.told(NoAnswer)] == [Request.CANCEL]
    await venue.heal_stream()
    await venue.until(lambda: venue.told(Canceled))


# --- answers that are none -------------------------------------------------------------------------------------------


async def test_each_list_that_find_needs_must_have_been_told(venue, orders):
    absent = orders.new("buy", 10)
    assert await venue.adapter.find(absent) is None
    for kind in ("open", "completed", "executions"):
        venue.sandbox.faults.deaf = {kind}
        with pytest.raises(BrokerUnreachable):
            await venue.adapter.find(absent)
        venue.sandbox.faults.deaf = set()
        await venue.until(lambda: venue.adapter.unready is None)


async def test_found_in_open_orders_in_ended_ones_and_in_executions_alone(venue, orders):
    working = await resting(venue, orders)
    ended = await resting(venue, orders)
    venue.adapter.cancel(ended)
    filled = await venue.sent(orders.new("buy", 10))
    venue.sandbox.market.orders.remove(venue.sandbox.by_ref(filled.broker_client_id))
    statuses = [(await venue.adapter.find(order)).ord_status for order in (working, ended, filled)]
    assert statuses == [OrdStatus.NEW, OrdStatus.CANCELED, OrdStatus.FILLED]


async def test_an_unanswered_order_of_yesterday_cannot_be_proven_absent(venue, orders):
    order = orders.new("buy", 10)
    venue.clock.advance(86_400)
    with pytest.raises(BrokerUnreachable, match="earlier day"):
        await venue.adapter.find(order)


async def test_a_list_whose_end_is_late_does_not_close_the_next_one(venue, orders):
    await resting(venue, orders)
    venue.sandbox.faults.deaf = {"open"}
    with pytest.raises(BrokerUnreachable):
        await venue.adapter.open_orders()
    old = venue.adapter.link.tap
    venue.sandbox.faults.deaf = set()
    await venue.until(lambda: venue.adapter.unready is None and venue.adapter.link.tap is not old)
    assert len(await venue.adapter.open_orders()) == 1


async def test_two_that_ask_at_once_get_both_an_answer(venue, orders):
    await resting(venue, orders)
    first, second = await asyncio.gather(venue.adapter.open_orders(), venue.adapter.open_orders())
    assert len(first) == len(second) == 1


async def test_a_login_is_not_ready_before_it_has_compared(venue, orders):
    await venue.drop_stream()
    venue.sandbox.faults.deaf = {"completed"}
    venue.sandbox.faults.down = False
    await venue.until(lambda: venue.sandbox.peers)
    assert venue.adapter.unready is not None
    venue.sandbox.faults.deaf = set()
    await venue.until(lambda: venue.adapter.unready is None)


# --- 1100, 1101, 1102 ------------------------------------------------------------------------------------------------


async def test_1100_in_floods_refuses_orders_once_and_1102_compares(venue, orders):
    order = await resting(venue, orders)
    venue.sandbox.lose_servers(times=50)
    await venue.until(lambda: venue.adapter.unready is not None)
    venue.adapter.submit(orders.new("buy", 10))
    venue.adapter.replace(orders.asking(order, qty=20))
    assert len(venue.told(Refused)) == len(venue.told(ReplaceRefused)) == 1
    working = venue.sandbox.by_ref(order.broker_client_id)
    working.told = False  # what IB does meanwhile is never told again
    venue.sandbox.market.fill(working, Decimal(4), Decimal("97.00"))
    working.told = True
    venue.sandbox.find_servers()
    await venue.until(lambda: venue.adapter.unready is None)
    assert [r.last_qty for r in venue.told(Executed)] == [4]
    assert len(venue.sandbox.placed) == 1


async def test_cancels_are_tried_while_ib_has_lost_its_servers(venue, orders):
    order = await resting(venue, orders)
    venue.sandbox.lose_servers()
    await venue.until(lambda: venue.adapter.unready is not None)
    venue.adapter.cancel(order)
    await venue.until(lambda: venue.sandbox.canceled)


async def test_a_login_into_a_gateway_without_servers_stays_unready(venue, orders):
    venue.sandbox.servers_lost = True
    venue.sandbox.drop()
    await venue.until(lambda: venue.adapter.link.logins == 2 and not venue.adapter._comparing)
    assert venue.adapter.unready is not None
    venue.sandbox.find_servers(data_lost=True)
    await venue.until(lambda: venue.adapter.unready is None)


# --- restarts and ids ------------------------------------------------------------------------------------------------


async def test_ids_do_not_fall_back_with_ibs(venue, orders):
    await resting(venue, orders)
    venue.arm(On.PLACE, How.DROP)  # an id is burned on an order that IB never saw
    await resting(venue, orders)
    venue.sandbox.restart(next_valid_id=1)
    await venue.until(lambda: venue.adapter.link.logins >= 3 and venue.adapter.unready is None)
    await resting(venue, orders)
    numbers = [each.order_id for each in venue.sandbox.placed]
    assert len(set(numbers)) == len(numbers)
    await venue.restart()
    await resting(venue, orders)
    assert venue.sandbox.placed[-1].order_id > max(numbers)


async def test_an_order_of_the_process_before_can_be_cancelled_and_changed(venue, orders):
    order = await resting(venue, orders)
    await venue.restart()
    venue.adapter.replace(orders.asking(order, qty=20))
    await venue.settle()
    assert len(venue.told(Replaced)) == 1
    venue.adapter.cancel(order)
    await venue.settle()
    assert [r.broker_client_id for r in venue.told(Canceled)] == [order.broker_client_id]


async def test_a_change_lost_in_a_drop_is_over_when_two_lists_have_the_old_terms(venue, orders):
    venue.adapter.settle = 0.1
    order = await resting(venue, orders)
    venue.arm(On.REPLACE, How.DROP)
    venue.adapter.replace(orders.asking(order, qty=20))
    await venue.until(lambda: venue.told(NoAnswer))
    await venue.until(lambda: venue.adapter.unready is None)
    assert venue.told(ReplaceRefused) == []
    venue.clock.advance(0.2)
    await venue.until(lambda: venue.told(ReplaceRefused))


async def test_a_change_that_was_taken_before_the_drop_is_found(venue, orders):
    order = await resting(venue, orders)
    venue.arm(On.REPLACE, How.TAKEN_THEN_DROP)
    venue.adapter.replace(orders.asking(order, qty=20))
    await venue.until(lambda: venue.told(Replaced))
    assert venue.told(ReplaceRefused) == []


async def test_two_orders_of_one_reference_are_two_orders(venue, orders):
    order = await resting(venue, orders)
    first = venue.sandbox.by_ref(order.broker_client_id)
    venue.sandbox.by_hand("AAPL", "BUY", 10, "96.00", client_id=1, like=first)
    listed = await venue.adapter.open_orders()
    assert {each.broker_client_id for each in listed} == {order.broker_client_id, None}
    assert len({each.broker_order_id for each in listed}) == 2
    assert venue.adapter.book.twins == 1


# --- who may log in --------------------------------------------------------------------------------------------------


def another(venue, port, **more):
    options = IbOptions(**{**OPTIONS, "connect_timeout": 0.2, **more.pop("options", {})})
    return IbBroker(
        clock=venue.clock,
        instrument=venue.instruments.get,
        directory=None,
        address=f"127.0.0.1:{port}",
        options=options,
        **more,
    )


async def test_a_client_id_in_use_is_told_and_the_id_is_kept_until_it_is_free(venue):
    other = another(venue, venue.sandbox.port)
    with pytest.raises(BrokerUnreachable, match="326"):
        await other.start(lambda report: None)
    assert other.unready is not None
    await venue.adapter.stop()
    await venue.until(lambda: other.unready is None)
    await other.stop()


async def test_a_gateway_that_hangs_in_the_handshake_is_unreachable(venue):
    venue.sandbox.faults.silent = True
    other = another(venue, venue.sandbox.port, options={"client_id": 2})
    with pytest.raises(BrokerUnreachable, match="no answer to the login"):
        await other.start(lambda report: None)
    await other.stop()


async def test_nobody_listening_is_unreachable(venue):
    other = another(venue, 1)
    with pytest.raises(BrokerUnreachable):
        await other.start(lambda report: None)
    await other.stop()


@pytest.mark.parametrize(("accounts", "mode"), [(("U100",), Mode.PAPER), (("DU100",), Mode.LIVE)])
async def test_a_login_of_the_other_mode_is_left_at_once(venue, accounts, mode):
    sandbox = TwsSandbox(clock=venue.clock, accounts=accounts)
    await sandbox.start()
    other = another(venue, sandbox.port, mode=mode)
    with pytest.raises(NotAllowed):
        await other.start(lambda report: None)
    await venue.until(lambda: not sandbox.peers)
    await other.stop()
    await sandbox.stop()


async def test_an_account_that_is_not_under_the_login_is_told(venue):
    other = another(venue, venue.sandbox.port, account="DU2", options={"client_id": 2})
    with pytest.raises(NotAllowed, match="DU2"):
        await other.start(lambda report: None)
    await other.stop()


async def test_several_accounts_under_one_login_trade_and_are_stated_apart(venue, orders):
    sandbox = TwsSandbox(clock=venue.clock, accounts=("DU1", "DU2"))
    await sandbox.start()
    sandbox.quote("AAPL", "99", "101")
    other = another(venue, sandbox.port, options={"accounts": {"ALPHA": "DU1", "BETA": "DU2"}})
    told = []
    await other.start(told.append)
    orders.account = "BETA"
    other.submit(orders.new("buy", 10))
    await venue.until(lambda: any(isinstance(r, Executed) for r in told))
    assert [each.account for each in sandbox.placed] == ["DU2"]
    assert [r.account for r in told if isinstance(r, Executed)] == ["BETA"]
    assert [each.account for each in await other.accounts()] == ["ALPHA", "BETA"]
    assert [(each.account, each.qty) for each in await other.positions()] == [("BETA", 10)]
    await other.stop()
    await sandbox.stop()


async def test_a_dead_connection_is_noticed_by_its_silence(venue):
    other = another(venue, venue.sandbox.port, options={"client_id": 2, "heartbeat": 0.05})
    await other.start(lambda report: None)
    venue.sandbox.faults.silent = True
    await venue.until(lambda: other.unready is not None)
    await other.stop()


async def test_client_0_may_cancel_what_was_typed_by_hand(venue):
    by_hand = venue.sandbox.by_hand("AAPL", "BUY", 5, "97.00")
    other = another(venue, venue.sandbox.port, options={"client_id": 0})
    await other.start(lambda report: None)
    (listed,) = await other.open_orders()
    other.cancel(venue.external(listed))
    await venue.until(lambda: by_hand.status == "Cancelled")
    await other.stop()
