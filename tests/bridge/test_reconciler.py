"""The comparison with a broker: found, proven absent, no answer; nothing guessed, nothing said twice."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.desk import utc
from bridge.interfaces import BrokerUnreachable, Fence, Unprovable
from bridge.orders.events import (
    BreakFound,
    CancelRejected,
    DayRolled,
    Entry,
    OrderAdopted,
    OrderReplaced,
    OrderRestated,
    Reconciled,
    Request,
    Reservation,
    Source,
)
from bridge.orders.identity import broker_client_id
from bridge.orders.order import Order
from bridge.orders.reports import BrokerAccount, BrokerOrder, BrokerPosition, Executed, Replaced
from bridge.reconciler import Acceptance, Reconciler, reconcile_since
from fixspec.enums import OrdStatus, OrdType, Side
from tests.bridge.desk.rig import Rig, told

D = Decimal


class Desk(Rig):
    """A rig and its reconciler; `compare` runs it and gives the entries it made, the last word (`Reconciled`) apart."""

    def __init__(self, fence: Fence = Fence.NONE, **more: Any) -> None:
        super().__init__(**more)
        self.broker.fence = fence
        self.reconciler = Reconciler(
            self.engine,
            {"street": self.broker},
            self.clock,
            estimate=lambda order, desk: Reservation(value=D(777)),
        )

    async def compare(self, trigger: str = "timer", accept: Acceptance | None = None) -> list[Any]:
        before = self.journal.next_seq - 1
        await self.reconciler.run("street", trigger, accept)
        return [entry.event for entry in self.journal.read(before) if not isinstance(entry.event, Reconciled)]

    def entries(self) -> list[Entry]:
        return list(self.journal.read())

    def working(self, qty: str = "100", **more: str) -> Order:
        """An accepted order that the broker lists."""
        cl_ord_id = self.order(qty, **more)
        order = self.of(cl_ord_id)
        self.broker.ack(order, f"B{order.order_id}")
        order = self.of(cl_ord_id)
        self.broker.listed.append(self.broker.shows(order))
        self.heard()
        return order

    def unanswered(self) -> Order:
        """An order that was sent and got no answer, old enough to be missed."""
        order = self.of(self.order())
        self.heard()
        self.clock.advance(6.0)
        return order

    def now(self, order: Order) -> Order:
        found = self.desk.blotter.order(order.order_id)
        assert found is not None
        return found

    def execution(self, order: Order, qty: str, exec_id: str, **more: Any) -> Executed:
        """As the broker's list of executions tells it."""
        fields = {
            "broker": "street",
            "broker_client_id": order.broker_client_id,
            "broker_exec_id": exec_id,
            "last_qty": D(qty),
            "last_px": D("10.00"),
            "account": order.account,
            "symbol": order.symbol,
            "side": order.side,
            "transact_time": utc(self.clock.utc_ns()),
        }
        return Executed(**(fields | more))


def external(**changes: Any) -> BrokerOrder:
    """An order that somebody made on the broker's web page."""
    fields: dict[str, Any] = {
        "broker_client_id": None,
        "broker_order_id": "WEB1",
        "account": "ACC1",
        "symbol": "AAPL",
        "side": Side.BUY,
        "ord_type": OrdType.LIMIT,
        "order_qty": D(500),
        "price": D("9.50"),
    }
    return BrokerOrder(**(fields | changes))


def held(qty: str, px: str = "10.00", account: str = "ACC1") -> BrokerPosition:
    return BrokerPosition(account=account, symbol="AAPL", qty=D(qty), avg_px=D(px), mark=D(px))


def kinds(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


# --- a second run changes nothing ------------------------------------------------------------------------------------


async def test_a_run_that_finds_everything_as_it_is_says_nothing_on_the_timer_and_its_result_when_asked():
    desk = Desk()
    desk.working()
    seq = desk.journal.next_seq
    for _ in range(3):
        assert await desk.compare("timer") == []
        assert await desk.compare("unknown outcome") == []
    assert desk.journal.next_seq == seq, "no entry at all"
    assert await desk.compare("asked by ann") == []
    assert desk.entries()[-1].event == Reconciled(broker="street", trigger="asked by ann", orders=1)
    assert desk.heard() == []
    assert desk.reconciler.results[-1].trigger == "asked by ann"


async def test_whatever_a_run_finds_the_next_one_finds_nothing_new():
    desk = Desk(Fence.EXCLUSIVE_SESSION)
    order, lost, gone = desk.working(), desk.unanswered(), desk.working()
    desk.broker.listed = [desk.broker.shows(order, cum_qty=D(30)), external()]
    desk.broker.executed = [desk.execution(order, "30", "X1")]
    desk.broker.held = [held("31")]
    found = await desk.compare("start")
    assert kinds(found) == ["OrderFilled", "OrderAdopted", "OrderRejected", "OrderCanceled", "BreakFound"]
    assert desk.now(lost).ord_status is OrdStatus.REJECTED
    assert desk.now(gone).ord_status is OrdStatus.CANCELED
    seq = desk.journal.next_seq
    assert await desk.compare("timer") == []
    assert desk.journal.next_seq == seq
    assert await desk.compare("reconnect") == []


# --- no answer -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["open_orders", "executions", "positions", "accounts"])
async def test_no_answer_is_no_answer_and_changes_nothing(question):
    desk = Desk(Fence.EXCLUSIVE_SESSION)
    order, _ = desk.working(), desk.unanswered()
    desk.broker.executed = [desk.execution(order, "30", "X1")]
    desk.broker.unreachable = question
    seq = desk.journal.next_seq
    with pytest.raises(BrokerUnreachable):
        await desk.compare("start")
    assert desk.journal.next_seq == seq
    assert desk.reconciler.finished == {}
    desk.broker.unreachable = None
    assert kinds(await desk.compare("start"))[0] == "OrderFilled", "and the next run finds it all"


async def test_no_answer_about_one_order_proves_nothing_about_it():
    desk = Desk(Fence.EXCLUSIVE_SESSION)
    lost = desk.unanswered()
    desk.broker.unreachable = f"find {lost.order_id}"
    with pytest.raises(BrokerUnreachable):
        await desk.compare("start")
    assert desk.now(lost).open
    assert desk.reconciler.finished == {}


async def test_an_order_that_the_broker_can_no_longer_tell_of_is_a_break_and_holds_up_no_other():
    desk = Desk(Fence.EXCLUSIVE_SESSION)
    old, lost = desk.unanswered(), desk.unanswered()

    def told_no_more() -> None:
        raise Unprovable("of an earlier day")

    desk.broker.meanwhile["find"] = told_no_more
    await desk.compare("start")
    (found,) = desk.reconciler.breaks["street"]
    assert (found.kind, found.order_id, found.text) == ("outcome", old.order_id, "of an earlier day")
    assert desk.now(old).open, "silence is no answer"
    assert not desk.now(lost).open
    assert "street" in desk.reconciler.finished


async def test_orders_of_unknown_outcome_are_asked_about_until_the_broker_answers():
    desk = Desk()
    lost = desk.unanswered()
    await desk.reconciler.settle_unknown()
    assert desk.broker.questions == [], "nothing is unknown yet"
    assert kinds(await desk.compare("start")) == ["OutcomeUnknown"]
    desk.broker.unreachable = "all"
    await desk.reconciler.settle_unknown()
    assert desk.now(lost).unknown is Request.SUBMIT
    desk.broker.unreachable = None
    desk.broker.known[lost.broker_client_id] = desk.broker.shows(lost, "B7")
    await desk.reconciler.settle_unknown()
    assert (desk.now(lost).accepted, desk.now(lost).unknown, desk.now(lost).broker_order_id) == (True, None, "B7")
    asked = len(desk.broker.questions)
    await desk.reconciler.settle_unknown()
    assert len(desk.broker.questions) == asked


# --- absence, by each fence ------------------------------------------------------------------------------------------


async def test_without_a_fence_two_lists_settle_apart_prove_that_a_submit_never_arrived():
    desk = Desk(Fence.NONE)
    lost = desk.unanswered()
    assert kinds(await desk.compare("start")) == ["OutcomeUnknown"]
    assert told(desk.heard()) == ["A/A"]
    assert desk.desk.blotter.working("ACC1", "AAPL").buy_qty == 100, "reserved until it is proven"
    desk.clock.advance(29.0)
    assert await desk.compare("timer") == [], "too early: a request may be under way for so long"
    desk.clock.advance(2.0)
    found = await desk.compare("timer")
    assert kinds(found) == ["OrderRejected"]
    assert found[0].code == "NOT_AT_BROKER"
    assert told(desk.heard()) == ["8/8"]
    assert desk.now(lost).ord_status is OrdStatus.REJECTED
    assert desk.broker.calls == ["submit"], "and nothing was sent again"


async def test_an_order_that_was_listed_in_between_is_missed_anew():
    desk = Desk(Fence.NONE)
    order = desk.working()
    listed, desk.broker.listed = desk.broker.listed, []
    desk.clock.advance(6.0)
    assert await desk.compare() == []
    desk.broker.listed = listed
    desk.clock.advance(31.0)
    assert await desk.compare() == []
    desk.broker.listed = []
    assert await desk.compare() == []
    assert desk.now(order).open, "one list without it since it was seen"
    desk.clock.advance(31.0)
    assert kinds(await desk.compare()) == ["OrderCanceled"]


@pytest.mark.parametrize("trigger", ["start", "reconnect"])
async def test_where_a_login_ends_the_older_session_the_first_list_after_it_proves_absence(trigger):
    desk = Desk(Fence.EXCLUSIVE_SESSION)
    lost = desk.of(desk.order())
    assert kinds(await desk.compare(trigger)) == ["OrderRejected"]
    assert desk.now(lost).ord_status is OrdStatus.REJECTED


@pytest.mark.parametrize("trigger", ["timer", "unknown outcome", "asked by ann"])
async def test_what_was_sent_since_the_login_may_be_under_way_so_no_single_list_proves_its_absence(trigger):
    desk = Desk(Fence.EXCLUSIVE_SESSION)
    lost = desk.unanswered()
    assert kinds(await desk.compare(trigger)) == ["OutcomeUnknown"]
    desk.clock.advance(31.0)
    assert kinds(await desk.compare(trigger)) == ["OrderRejected"]
    assert desk.now(lost).ord_status is OrdStatus.REJECTED


async def test_a_broker_that_refuses_known_ids_for_good_is_sent_a_young_order_again_under_the_same_id():
    desk = Desk(Fence.IDEMPOTENT_ID)
    lost = desk.unanswered()
    assert await desk.compare("start") == []
    assert desk.broker.calls == ["submit", "submit"]
    first, second = (order for _, order in desk.broker.asked)
    assert first.broker_client_id == second.broker_client_id
    desk.clock.advance(5.0)
    assert kinds(await desk.compare("timer")) == ["OutcomeUnknown"], "older than max_order_age: as without a fence"
    desk.clock.advance(31.0)
    assert kinds(await desk.compare("timer")) == ["OrderRejected"]
    assert desk.broker.calls == ["submit", "submit"]
    assert not desk.now(lost).open


async def test_sending_again_that_breaks_leaves_the_outcome_unknown():
    desk = Desk(Fence.IDEMPOTENT_ID)
    lost = desk.unanswered()
    desk.broker.raises = OSError("the socket broke")
    assert kinds(await desk.compare("start")) == ["OutcomeUnknown"]
    assert desk.now(lost).unknown is Request.SUBMIT


async def test_an_order_under_way_is_not_missed_except_after_a_login():
    desk = Desk(Fence.NONE)
    order = desk.of(desk.order())
    desk.clock.advance(4.9)
    assert await desk.compare("timer") == []
    assert desk.broker.questions == ["open_orders", "executions", "positions", "accounts"]
    assert kinds(await desk.compare("reconnect")) == ["OutcomeUnknown"]
    assert desk.broker.questions[-1] == f"find {order.order_id}"


async def test_an_accepted_order_that_is_gone_without_a_word_is_cancelled_once_that_is_proven():
    desk = Desk(Fence.NONE)
    order = desk.working()
    desk.broker.listed = []
    desk.clock.advance(6.0)
    assert await desk.compare() == []
    assert desk.now(order).open
    desk.clock.advance(31.0)
    found = await desk.compare()
    assert kinds(found) == ["OrderCanceled"]
    assert (found[0].source, found[0].text) == (Source.RECON, "no longer at the broker")
    assert told(desk.heard()) == ["4/4"]


# --- found -----------------------------------------------------------------------------------------------------------


async def test_an_order_of_unknown_outcome_that_is_listed_works():
    desk = Desk()
    order = desk.unanswered()
    desk.broker.listed = [desk.broker.shows(order, "B9")]
    assert kinds(await desk.compare()) == ["OrderAccepted"]
    assert desk.now(order).broker_order_id == "B9"
    assert told(desk.heard()) == ["0/0"]


@pytest.mark.parametrize(
    ("status", "cum", "events", "ends"),
    [
        (OrdStatus.REJECTED, "0", ["OrderRejected"], OrdStatus.REJECTED),
        (OrdStatus.CANCELED, "0", ["OrderAccepted", "OrderCanceled"], OrdStatus.CANCELED),
        (OrdStatus.EXPIRED, "0", ["OrderAccepted", "OrderExpired"], OrdStatus.EXPIRED),
        (OrdStatus.NEW, "0", ["OrderAccepted"], OrdStatus.NEW),
        (OrdStatus.CANCELED, "40", ["OrderFilled", "OrderCanceled"], OrdStatus.CANCELED),
        (OrdStatus.FILLED, "100", ["OrderFilled"], OrdStatus.FILLED),
    ],
)
async def test_an_order_that_is_not_listed_is_asked_for_and_ends_as_the_broker_says(status, cum, events, ends):
    desk = Desk()
    order = desk.unanswered()
    desk.broker.known[order.broker_client_id] = desk.broker.shows(order, "B5", cum_qty=D(cum), ord_status=status)
    if cum != "0":
        desk.broker.executed = [desk.execution(order, cum, "X1")]
        desk.broker.held = [held(cum)]
    assert kinds(await desk.compare()) == events
    assert desk.now(order).ord_status is ends
    assert desk.now(order).cum_qty == D(cum)
    assert await desk.compare() == []


async def test_fills_come_first_and_are_told_as_found_by_comparison():
    desk = Desk()
    order = desk.working()
    desk.broker.listed = []
    desk.broker.known[order.broker_client_id] = desk.broker.shows(order, cum_qty=D(30), ord_status=OrdStatus.CANCELED)
    desk.broker.executed = [desk.execution(order, "10", "X1"), desk.execution(order, "20", "X2")]
    desk.broker.held = [held("30")]
    desk.clock.advance(6.0)
    found = await desk.compare()
    assert kinds(found) == ["OrderFilled", "OrderFilled", "OrderCanceled"]
    assert {each.source for each in found} == {Source.RECON}
    assert told(desk.heard()) == ["F/1", "F/1", "4/4"]
    assert desk.reconciler.breaks["street"] == []


async def test_terms_that_the_broker_changed_by_itself_are_restated():
    desk = Desk()
    order = desk.working()
    desk.broker.listed = [desk.broker.shows(order, price=D("9.90"), order_qty=D(80))]
    found = await desk.compare()
    assert kinds(found) == ["OrderRestated"]
    assert (desk.now(order).price, desk.now(order).order_qty) == (D("9.90"), D(80))
    assert await desk.compare() == []


# --- the list may be older than what happened meanwhile --------------------------------------------------------------


async def test_a_list_from_before_a_replace_does_not_take_the_new_terms_back():
    desk = Desk()
    order = desk.working()

    def replaced():
        desk.replace(order.cl_ord_id, "60", "9.80")
        desk.broker.tell(Replaced, desk.now(order))

    desk.broker.meanwhile["open_orders"] = replaced
    found = await desk.compare()
    assert not [each for each in found if isinstance(each, OrderRestated)]
    assert (desk.now(order).order_qty, desk.now(order).price) == (60, D("9.80"))


async def test_an_order_sent_while_the_broker_was_asked_is_not_missing_from_its_list():
    desk = Desk(Fence.EXCLUSIVE_SESSION)
    desk.broker.meanwhile["executions"] = desk.order
    found = await desk.compare("reconnect")
    assert kinds(found) == ["OrderReceived", "OrderRouted"]
    assert desk.of("C1").open
    assert not [each for each in desk.broker.questions if each.startswith("find")]


async def test_fills_told_while_the_broker_was_asked_are_no_breaks():
    desk = Desk()
    order = desk.working()
    desk.broker.meanwhile["open_orders"] = lambda: desk.broker.fill("10", "10.00", order=order)
    desk.broker.meanwhile["positions"] = lambda: desk.broker.fill("10", "10.00", order=order)
    found = await desk.compare()
    assert kinds(found) == ["OrderFilled", "OrderFilled"]
    assert desk.reconciler.breaks["street"] == []
    desk.broker.listed = [desk.broker.shows(desk.now(order))]
    desk.broker.held = [held("20")]
    assert await desk.compare() == []


async def test_an_order_that_moves_while_it_is_asked_for_is_left_to_the_next_run():
    desk = Desk()
    order = desk.unanswered()
    desk.broker.known[order.broker_client_id] = desk.broker.shows(order, "B5", ord_status=OrdStatus.CANCELED)
    desk.broker.meanwhile["find"] = lambda: desk.broker.ack(order, "B5")
    assert kinds(await desk.compare()) == ["OrderAccepted"]
    assert desk.now(order).open
    assert kinds(await desk.compare()) == ["OrderCanceled"]


# --- external orders -------------------------------------------------------------------------------------------------


async def test_an_order_made_elsewhere_is_adopted_as_external_and_reserved():
    desk = Desk()
    desk.broker.listed = [external()]
    (adopted,) = await desk.compare()
    assert isinstance(adopted, OrderAdopted)
    order = desk.desk.blotter.order(adopted.order_id)
    assert (order.external, order.session_id, order.order_qty, order.price) == (True, "", 500, D("9.50"))
    assert adopted.reserved == Reservation(value=D(777))
    assert desk.desk.blotter.working("ACC1", "AAPL").buy_qty == 500
    assert await desk.compare() == []


async def test_its_executions_come_with_it_whole_and_not_as_orders_of_their_own():
    desk = Desk()
    desk.broker.listed = [external(cum_qty=D(120))]
    mine = {"broker_client_id": None, "broker_order_id": "WEB1"}
    anybody = desk.working()
    desk.broker.listed = [external(cum_qty=D(120)), desk.broker.shows(anybody)]
    desk.broker.executed = [desk.execution(anybody, "100", "W1", **mine), desk.execution(anybody, "20", "W2", **mine)]
    desk.broker.held = [held("120")]
    found = await desk.compare()
    assert kinds(found) == ["OrderAdopted", "OrderFilled", "OrderFilled"]
    order = desk.desk.blotter.order(found[0].order_id)
    assert (order.ord_type, order.order_qty, order.cum_qty, order.leaves_qty) == (OrdType.LIMIT, 500, 120, 380)
    assert desk.desk.blotter.position("ACC1", "AAPL").qty == 120
    assert await desk.compare() == []


async def test_executions_of_an_order_that_is_over_make_an_external_order_that_is_filled():
    desk = Desk()
    anybody = desk.working()
    desk.broker.executed = [desk.execution(anybody, "7", "W1", broker_client_id=None, broker_order_id="WEB2")]
    desk.broker.held = [held("7")]
    found = await desk.compare()
    assert kinds(found) == ["OrderAdopted", "OrderFilled"]
    assert not desk.desk.blotter.order(found[0].order_id).open
    assert await desk.compare() == []


# --- orders under our mark that the journal lost ---------------------------------------------------------------------


def lost_order(desk: Desk, cl_ord_id: str = "L1", **changes: Any) -> BrokerOrder:
    """At the broker under the id that only the message `cl_ord_id` of ALPHA gives, and not in the journal."""
    day = datetime.fromtimestamp(desk.clock.utc_ns() / 1e9, UTC).date()
    mark = broker_client_id("ALPHA", cl_ord_id, day)
    return external(**({"broker_client_id": mark, "broker_order_id": "L1", "order_qty": D(100)} | changes))


async def test_an_order_of_ours_that_the_journal_lost_waits_for_its_client_and_is_not_sent_again():
    desk = Desk()
    desk.broker.listed = [lost_order(desk, price=D("10.00"), cum_qty=D(40))]
    mark = desk.broker.listed[0].broker_client_id
    anybody = {"broker_client_id": mark, "account": "ACC1", "symbol": "AAPL", "side": Side.BUY}
    desk.broker.executed = [
        Executed(
            **anybody, broker="street", broker_exec_id="X1", last_qty=D(40), last_px=D("10.00"), transact_time=None
        )
    ]
    assert await desk.compare("start") == []
    for _ in range(3):
        await desk.compare("unknown outcome")
        await desk.compare("asked by ann")
    assert mark in desk.desk.unclaimed, "only the timer gives it up"
    desk.order(cl_ord_id="L1")
    assert desk.broker.calls == [], "claimed, not sent"
    order = desk.of("L1")
    assert (order.accepted, order.broker_client_id, order.session_id) == (True, mark, "ALPHA")
    desk.broker.held = [held("40")]
    assert kinds(await desk.compare("timer")) == ["OrderFilled"]
    assert desk.of("L1").cum_qty == 40
    assert len(list(desk.desk.blotter.orders())) == 1


async def test_one_that_nobody_claims_becomes_external_with_the_next_timer_run_and_is_still_never_sent_again():
    desk = Desk()
    desk.broker.listed = [lost_order(desk)]
    await desk.compare("start")
    found = await desk.compare("timer")
    assert kinds(found) == ["OrderAdopted"]
    assert desk.desk.unclaimed == {}
    assert await desk.compare("timer") == []
    desk.order(cl_ord_id="L1")
    assert desk.broker.calls == []
    assert told(desk.heard()) == ["8/8"]


async def test_one_that_is_found_without_a_login_is_adopted_at_once():
    desk = Desk()
    desk.broker.listed = [lost_order(desk)]
    assert kinds(await desk.compare("timer")) == ["OrderAdopted"]


async def test_a_claim_with_other_terms_is_refused_and_the_order_stays_external():
    desk = Desk()
    desk.broker.listed = [lost_order(desk)]
    await desk.compare("start")
    desk.order("99", cl_ord_id="L1")
    assert told(desk.heard()) == ["8/8"]
    assert desk.broker.calls == []
    assert kinds(await desk.compare("timer")) == ["OrderAdopted"]


# --- requests under way ----------------------------------------------------------------------------------------------


async def test_a_cancel_under_way_is_repeated_and_one_behind_a_replace_or_before_the_answer_is_not():
    desk = Desk()
    order = desk.working()
    desk.cancel(order.cl_ord_id)
    early = desk.of(desk.order())
    desk.cancel(early.cl_ord_id)
    assert desk.broker.calls == ["submit", "cancel", "submit"]
    await desk.compare("timer")
    assert [(what, each.order_id) for what, each in desk.broker.asked[3:]] == [("cancel", order.order_id)]
    desk.broker.raises = OSError("broken")
    assert kinds(await desk.compare("timer")) == ["OutcomeUnknown"]
    assert desk.now(order).unknown is Request.CANCEL


@pytest.mark.parametrize("fence", [Fence.EXCLUSIVE_SESSION])
async def test_a_replace_under_way_is_over_after_a_login_that_ends_the_old_session(fence):
    desk = Desk(fence)
    order = desk.working()
    asked = desk.replace(order.cl_ord_id, "60")
    desk.heard()
    assert await desk.compare("timer") == [], "it may be under way"
    (refused,) = await desk.compare("reconnect")
    assert isinstance(refused, CancelRejected)
    assert refused.cl_ord_id == asked
    assert told(desk.heard()) == ["9 102=2/0"]
    assert desk.now(order).order_qty == 100


@pytest.mark.parametrize("fence", [Fence.NONE, Fence.IDEMPOTENT_ID])
async def test_elsewhere_a_replace_is_over_when_two_answers_settle_apart_do_not_know_it(fence):
    desk = Desk(fence)
    order = desk.working()
    desk.replace(order.cl_ord_id, "60")
    assert await desk.compare("reconnect") == []
    assert await desk.compare("reconnect") == []
    desk.clock.advance(31.0)
    assert kinds(await desk.compare("timer")) == ["CancelRejected"]
    assert desk.now(order).pending_replace is None


async def test_a_replace_sent_since_the_login_is_not_over():
    desk = Desk(Fence.EXCLUSIVE_SESSION)
    order = desk.working()
    desk.broker.meanwhile["open_orders"] = lambda: desk.replace(order.cl_ord_id, "60")
    assert kinds(await desk.compare("reconnect")) == ["ReplaceRequested"]
    assert desk.now(order).pending_replace is not None


async def test_a_replace_that_the_list_shows_is_confirmed():
    desk = Desk()
    order = desk.working()
    asked = desk.replace(order.cl_ord_id, "60", "9.90")
    desk.broker.listed = [desk.broker.shows(order, order_qty=D(60), price=D("9.90"))]
    (replaced,) = await desk.compare()
    assert isinstance(replaced, OrderReplaced)
    assert (desk.now(order).cl_ord_id, desk.now(order).order_qty) == (asked, 60)
    assert await desk.compare() == []


async def test_a_replace_that_changes_nothing_a_list_shows_is_not_confirmed_by_it():
    desk = Desk(Fence.EXCLUSIVE_SESSION)
    order = desk.working()
    desk.replace(order.cl_ord_id, "100", t59="1")
    assert desk.now(order).pending_replace is not None
    assert await desk.compare("timer") == []
    pending = desk.now(order).pending_replace
    desk.broker.listed = [desk.broker.shows(order, broker_client_id=pending.broker_client_id)]
    assert kinds(await desk.compare("timer")) == ["OrderReplaced"], "by its own id it is"


@pytest.mark.parametrize("fence", [Fence.NONE, Fence.EXCLUSIVE_SESSION])
async def test_requests_that_wait_on_an_order_filled_meanwhile_are_too_late(fence):
    desk = Desk(fence)
    one, two = desk.working(), desk.working()
    desk.cancel(one.cl_ord_id)
    desk.replace(two.cl_ord_id, "120")
    desk.broker.fill("100", "10.00", order=one)
    desk.broker.fill("100", "10.00", order=two)
    desk.broker.listed, desk.broker.held = [], [held("200")]
    desk.heard()
    for _ in range(2):
        await desk.compare("start")
        desk.clock.advance(31.0)
    assert sorted(told(desk.heard())) == ["9 102=0/2", "9 102=0/2"]
    assert desk.now(one).pending_cancel is None
    assert desk.now(two).pending_replace is None


async def test_a_replace_that_the_broker_knows_by_its_own_id_stays_until_the_adapter_tells_what_became_of_it():
    desk = Desk()
    order = desk.working()
    desk.replace(order.cl_ord_id, "60")
    pending = desk.now(order).pending_replace
    desk.broker.known[pending.broker_client_id] = desk.broker.shows(
        order, "B77", broker_client_id=pending.broker_client_id
    )
    for _ in range(3):
        assert await desk.compare("timer") == []
        desk.clock.advance(31.0)
    assert desk.now(order).pending_replace == pending


# --- breaks ----------------------------------------------------------------------------------------------------------


async def test_breaks_are_classified_counted_told_once_and_cleared():
    desk = Desk()
    order = desk.working()
    desk.broker.fill("10", "10.00", order=order)
    desk.broker.listed = [desk.broker.shows(order, cum_qty=D(15))]
    desk.broker.held = [held("15"), held("3", account="ACC9")]
    found = await desk.compare()
    assert found == [
        BreakFound(
            broker="street",
            kind="fills",
            account="ACC1",
            symbol="AAPL",
            ours="10",
            theirs="15",
            order_id=order.order_id,
        ),
        BreakFound(broker="street", kind="position", account="ACC1", symbol="AAPL", ours="10", theirs="15"),
        BreakFound(broker="street", kind="position", account="ACC9", symbol="AAPL", ours="0", theirs="3"),
    ]
    assert desk.entries()[-1].event.breaks == 3
    assert desk.reconciler.breaks["street"] == found
    seq = desk.journal.next_seq
    assert await desk.compare() == []
    assert desk.journal.next_seq == seq
    desk.broker.executed = [desk.execution(order, "5", "X9")]
    desk.broker.held = [held("15")]
    assert kinds(await desk.compare()) == ["OrderFilled"]
    assert desk.entries()[-1].event.breaks == 0, "that they are gone is told"
    assert desk.reconciler.breaks["street"] == []


async def test_a_break_that_changes_is_told_again():
    desk = Desk()
    order = desk.working()
    desk.broker.fill("10", "10.00", order=order)
    desk.broker.listed = [desk.broker.shows(desk.now(order))]
    for theirs in ("15", "16"):
        desk.broker.held = [held(theirs)]
        assert [each.theirs for each in await desk.compare()] == [theirs]


async def test_what_an_account_held_before_us_is_taken_over_and_a_persons_word_settles_a_difference():
    desk = Desk()
    desk.broker.held = [held("40", "9.00")]
    assert kinds(await desk.compare("start")) == ["PositionAdopted"]
    assert desk.desk.blotter.position("ACC1", "AAPL").qty == 40
    desk.broker.held = [held("80", "4.50")]
    assert kinds(await desk.compare("timer")) == ["BreakFound"]
    found = await desk.compare("asked by ann", Acceptance("ann", "a split"))
    assert kinds(found) == ["PositionAdopted"]
    assert (found[0].who, found[0].was, found[0].qty) == ("ann", 40, 80)
    assert desk.reconciler.breaks["street"] == []


# --- from when, and what is kept -------------------------------------------------------------------------------------


async def test_executions_are_asked_for_since_before_the_oldest_working_order_but_not_of_what_is_forgotten():
    desk = Desk()
    now = utc(desk.clock.utc_ns())
    assert reconcile_since(desk.engine, desk.clock) == now - timedelta(hours=36)
    order = desk.working()
    desk.clock.advance(10 * 86_400)
    assert reconcile_since(desk.engine, desk.clock) == order.received
    for _ in range(4):
        desk.clock.advance(86_400)
        day = utc(desk.clock.utc_ns())
        desk.engine.record(DayRolled(day=day.date(), keep_days=2))
    assert reconcile_since(desk.engine, desk.clock) == day - timedelta(days=2)


async def test_executions_of_a_forgotten_order_are_not_taken_for_new_ones():
    desk = Desk()
    old = desk.working()
    oldest = desk.working(t59="1")
    desk.clock.advance(60)
    desk.broker.fill("100", "10.00", "X1", order=old, transact_time=utc(desk.clock.utc_ns()))
    desk.broker.listed = [desk.broker.shows(oldest)]
    desk.broker.held = [held("100")]
    fills = [
        desk.execution(old, "100", "X1", transact_time=at)
        for at in (utc(desk.clock.utc_ns()), utc(desk.clock.utc_ns()) + timedelta(hours=20), None)
    ]
    for _ in range(8):
        desk.clock.advance(86_400 if _ else 30)
        desk.engine.record(DayRolled(day=utc(desk.clock.utc_ns()).date() + timedelta(days=1), keep_days=7))
    assert desk.desk.blotter.order(old.order_id) is None
    for each in fills:
        desk.broker.executed = [each]
        assert await desk.compare() == []
    for _ in range(2):
        desk.clock.advance(86_400)
        desk.engine.record(DayRolled(day=utc(desk.clock.utc_ns()).date() + timedelta(days=1), keep_days=7))
    seq = desk.journal.next_seq
    desk.broker.say(fills[0])
    assert desk.journal.next_seq == seq, "by then only its date tells that it was known"
    assert desk.desk.blotter.position("ACC1", "AAPL").qty == 100


async def test_statements_are_kept_for_risk():
    desk = Desk()
    said = BrokerAccount(
        account="ACC1", currency="USD", cash=D(5), equity=D(6), buying_power=D(7), taken_ns=desk.clock.utc_ns()
    )
    desk.broker.stated = [said]
    await desk.compare()
    assert desk.desk.account("ACC1") == said


async def test_an_engine_without_risk_adopts_without_a_reservation():
    desk = Desk()
    desk.reconciler = Reconciler(desk.engine, {"street": desk.broker}, desk.clock)
    desk.broker.listed = [external()]
    (adopted,) = await desk.compare()
    assert adopted.reserved is None


async def test_runs_of_one_broker_follow_each_other():
    desk = Desk()
    desk.working()
    await asyncio.gather(desk.compare("start"), desk.compare("timer"))
    assert desk.broker.questions == ["open_orders", "executions", "positions", "accounts"] * 2
