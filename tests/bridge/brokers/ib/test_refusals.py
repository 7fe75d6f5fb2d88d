"""What IB says no to, what only sounds like it, and what proves nothing (ADAPTERS B.3, B.4 1 to 5 and 15)."""

from decimal import Decimal

import pytest

from bridge.orders.events import Request
from bridge.orders.reasons import ReasonCode
from bridge.orders.reports import Acknowledged, Canceled, Executed, NoAnswer, Refused, Restated, Suspended
from bridge.sandbox.ib_faults import How, On

REFUSALS = [How.ERROR_THEN_INACTIVE, How.INACTIVE_THEN_ERROR, How.CANCELLED_THEN_ERROR, How.ERROR]


@pytest.mark.parametrize("how", REFUSALS, ids=[how.value for how in REFUSALS])
async def test_a_refusal_is_one_refusal_in_whatever_order_its_parts_come(venue, orders, how):
    venue.arm(On.PLACE, how, code=201, text="Order rejected - reason:INSUFFICIENT AVAILABLE FUNDS")
    order = await venue.sent(orders.new("buy", 10, limit="98.00"))
    await venue.until(lambda: venue.told(Refused))
    await venue.settle()
    (refused,) = venue.told(Refused)
    assert (refused.broker_client_id, refused.broker_code) == (order.broker_client_id, "201")
    assert refused.code is ReasonCode.BUYING_POWER
    assert "AVAILABLE FUNDS" in refused.text
    assert venue.told(Canceled) == []
    assert venue.told(Acknowledged) == []


async def test_inactive_without_a_word_of_why_is_a_refusal_after_a_moment(venue, orders):
    venue.arm(On.PLACE, How.INACTIVE, text="x")
    await venue.sent(orders.new("buy", 10, limit="98.00"))
    assert venue.told(Refused) == []
    await venue.until(lambda: venue.told(Refused))


async def test_inactive_while_shares_are_located_is_alive(venue, orders):
    venue.arm(On.PLACE, How.LOCATE)
    order = await venue.sent(orders.new("sell", 10, limit="110.00"))
    await venue.linger(0.4)
    assert venue.told(Refused) == []
    working = venue.sandbox.by_ref(order.broker_client_id)
    working.status = "Submitted"
    venue.sandbox._state(working)
    await venue.settle()
    assert len(venue.told(Acknowledged)) == 1


async def test_an_accepted_order_that_turns_inactive_is_suspended_and_may_come_back(venue, orders):
    order = await venue.sent(orders.new("buy", 10, limit="98.00"))
    working = venue.sandbox.by_ref(order.broker_client_id)
    for status in ("Inactive", "Submitted"):
        working.status, working.completed_text = status, "x"
        venue.sandbox._state(working)
        await venue.linger(0.4)
    assert len(venue.told(Suspended)) == 1
    assert len(venue.told(Restated)) == 1
    assert venue.told(Refused) == []


@pytest.mark.parametrize("code", [399, 404, 2109, 2161, 10349, 10167])
async def test_a_warning_is_no_refusal(venue, orders, code):
    venue.arm(On.PLACE, How.WARNED, code=code, text="Order Message: something to know")
    await venue.sent(orders.new("buy", 10, limit="98.00"))
    assert len(venue.told(Acknowledged)) == 1
    assert venue.told(Refused) == []
    assert venue.told(Canceled) == []


async def test_an_order_that_waits_for_the_session_is_new_and_held(venue, orders):
    venue.arm(On.PLACE, How.HELD)
    await venue.sent(orders.new("buy", 10, limit="98.00"))
    (ack,) = venue.told(Acknowledged)
    assert ack.held


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (110, ReasonCode.TICK_SIZE),
        (200, ReasonCode.SYMBOL_UNKNOWN),
        (203, ReasonCode.RESTRICTED_SYMBOL),
        (321, ReasonCode.BROKER_REJECT),
        (434, ReasonCode.QTY_FORMAT),
        (435, ReasonCode.ACCOUNT_UNKNOWN),
        (460, ReasonCode.RESTRICTED_SYMBOL),
        (10243, ReasonCode.LOT_SIZE),
    ],
)
async def test_an_error_alone_refuses_an_order_that_was_never_accepted(venue, orders, code, reason):
    venue.arm(On.PLACE, How.ERROR, code=code, text="No")
    await venue.sent(orders.new("buy", 10, limit="98.00"))
    (refused,) = venue.told(Refused)
    assert (refused.code, refused.broker_code) == (reason, str(code))


async def test_a_code_nobody_knows_proves_nothing(venue, orders):
    venue.arm(On.PLACE, How.ERROR, code=10999, text="Something new")
    await venue.sent(orders.new("buy", 10, limit="98.00"))
    (unknown,) = venue.told(NoAnswer)
    assert unknown.request is Request.SUBMIT
    assert "10999" in unknown.text
    assert venue.told(Refused) == []
    assert venue.adapter.listener.unknown == {10999: 1}


async def test_a_duplicate_id_is_tried_once_more_under_a_fresh_one(venue, orders):
    venue.sandbox.highest[1] = 50  # ids IB has seen and did not tell
    venue.adapter.ids._next = 50
    order = await venue.sent(orders.new("buy", 10, limit="98.00"))
    assert [each.order_id for each in venue.sandbox.placed] == [50, 51]
    assert venue.arrived() == [order.broker_client_id] * 2
    assert len(venue.told(Acknowledged)) == 1


async def test_a_second_duplicate_is_a_refusal(venue, orders):
    venue.sandbox.highest[1] = 1_000_000
    await venue.sent(orders.new("buy", 10, limit="98.00"))
    (refused,) = venue.told(Refused)
    assert refused.broker_code == "103"
    assert len(venue.sandbox.placed) == 2


async def test_an_order_that_works_after_its_refusal_is_cancelled(venue, orders):
    venue.arm(On.PLACE, How.INACTIVE, text="x")
    order = await venue.sent(orders.new("buy", 10, limit="98.00"))
    await venue.until(lambda: venue.told(Refused))
    working = venue.sandbox.by_ref(order.broker_client_id)
    working.status = "Submitted"
    venue.sandbox._state(working)
    await venue.until(lambda: working.status == "Cancelled")


async def test_an_order_refused_after_its_acceptance_is_refused(venue, orders):
    order = await venue.sent(orders.new("buy", 10, limit="98.00"))
    working = venue.sandbox.by_ref(order.broker_client_id)
    working.status, working.completed_text = "Cancelled", "x"
    peer = venue.sandbox.peers[1]
    peer.error(working.order_id, 201, "Order rejected - reason:exchange says no")
    venue.sandbox._state(working)
    await venue.settle()
    assert len(venue.told(Acknowledged)) == 1
    assert len(venue.told(Refused)) == 1


# --- what is not sent ------------------------------------------------------------------------------------------------


async def test_a_price_off_the_market_rule_is_refused_before_it_is_sent(venue, orders):
    await venue.sent(orders.new("buy", 10, limit="98.005"))
    (refused,) = venue.told(Refused)
    assert refused.code is ReasonCode.TICK_SIZE
    assert venue.arrived() == []


async def test_below_one_dollar_the_finer_increment_holds(venue, orders):
    await venue.sent(orders.new("buy", 10, limit="0.9805"))
    assert venue.told(Refused) == []
    assert venue.sandbox.placed[0].price == Decimal("0.9805")


async def test_account_time_in_force_and_hours_are_always_named(venue, orders):
    await venue.sent(orders.new("buy", 10, limit="98.00"))
    (sent,) = venue.sandbox.placed
    assert (sent.account, sent.tif, sent.outside_rth) == (venue.account, "DAY", False)
    assert (sent.qty, sent.price, sent.kind) == (10, 98, "LMT")


async def test_an_account_under_another_login_is_refused(venue, orders):
    orders.account = "DU7"
    await venue.sent(orders.new("buy", 10))
    (refused,) = venue.told(Refused)
    assert refused.code is ReasonCode.ACCOUNT_UNKNOWN


async def test_the_unknown_the_ambiguous_and_crypto_are_refused(venue, orders):
    for symbol, code in (
        ("NOSUCH", ReasonCode.SYMBOL_UNKNOWN),
        ("BTC/USD", ReasonCode.CAPABILITY),
    ):
        orders.symbol = symbol
        venue.reports.clear()
        await venue.sent(orders.new("buy", 10))
        (refused,) = venue.told(Refused)
        assert refused.code is code
    assert venue.arrived() == []


async def test_a_market_order_for_the_close_is_moc_and_for_the_open_opg(venue, orders):
    for tif in ("close", "opening"):
        await venue.sent(orders.new("buy", 10, tif=tif))
    assert [(each.kind, each.tif) for each in venue.sandbox.placed] == [("MOC", "DAY"), ("MKT", "OPG")]
    assert venue.told(Executed)
