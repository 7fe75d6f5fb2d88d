"""Order entry over the control socket is the FIX path: same decisions, same journal, answered when durable."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.control_commands import Entrant, OrderChange
from bridge.control_orders import ControlOrders
from bridge.problems import ProblemError
from fixspec.enums import OrdStatus, OrdType, Side, TimeInForce
from fixspec.messages import Header, NewOrderSingle
from tests.bridge.outputs.http.engine_room import EngineRoom

D = Decimal
ALICE = Entrant("REST:alice")
AT = datetime(2026, 11, 23, 14, tzinfo=UTC)


def limit(cl_ord_id: str = "A-1", qty: str = "100", price: str = "187.25", **terms: Any) -> NewOrderSingle:
    return NewOrderSingle(
        cl_ord_id=cl_ord_id,
        **{"account": "ACC1", "symbol": "AAPL", "side": Side.BUY, **terms},
        transact_time=AT,
        order_qty=D(qty),
        ord_type=OrdType.LIMIT,
        price=D(price),
    )


@pytest.fixture
def room() -> EngineRoom:
    return EngineRoom()


async def refusal(call: Any) -> Any:
    with pytest.raises(ProblemError) as caught:
        await call
    return caught.value.problem


async def test_an_order_is_answered_with_what_was_committed(room: EngineRoom) -> None:
    answer = await room.orders.new_order(limit(), ALICE, "REST:alice")
    assert answer.order.session_id == "REST:alice"
    assert answer.order.ord_status is OrdStatus.PENDING_NEW
    assert answer.seq == 2
    assert room.kinds() == ["order_received", "order_routed", "order_accepted"]


async def test_what_comes_by_rest_is_journalled_as_what_comes_by_fix(room: EngineRoom) -> None:
    message = limit(time_in_force=TimeInForce.GTC, text="hello")
    header = Header(
        msg_type="D",
        msg_seq_num=0,
        sender_comp_id="ALPHA1",
        target_comp_id="BRIDGE",
        sending_time=AT,
        sender_sub_id="S1",
    )
    room.engine.new_order("ALPHA1", header, message)
    by_fix = room.entries()[0].event
    await room.orders.new_order(message, Entrant("REST:alice", strategy="S1"), "REST:alice")
    by_rest = room.entries()[3].event

    def comparable(event: Any) -> dict[str, Any]:
        return {
            name: getattr(event, name) for name in event.__struct_fields__ if name not in ("order_id", "session_id")
        }

    assert comparable(by_rest) == comparable(by_fix)


async def test_the_answer_waits_until_it_is_durable() -> None:
    room = EngineRoom(held=True)
    answer = asyncio.ensure_future(room.orders.new_order(limit(), ALICE, "REST:alice"))
    await asyncio.sleep(0)
    assert not answer.done()
    room.journal.flush()
    assert (await answer).order.order_id == 1


async def test_a_refusal_has_code_rule_limit_value_and_the_numbers_to_find_it(room: EngineRoom) -> None:
    problem = await refusal(room.orders.new_order(limit(qty="1000"), ALICE, "REST:alice"))
    assert (problem.slug, problem.code, problem.rule) == ("refused", "MAX_VALUE", "R03")
    assert (problem.limit, problem.value) == ("25000", "187250.00")
    assert (problem.order_id, problem.seq) == (1, 2)
    assert problem.order["ord_status"] == "rejected"


async def test_the_same_request_again_is_answered_and_nothing_is_done_again(room: EngineRoom) -> None:
    first = await room.orders.new_order(limit(), ALICE, "REST:alice")
    again = await room.orders.new_order(limit(), ALICE, "REST:alice")
    assert not first.replayed
    assert again.replayed
    assert again.order.order_id == first.order.order_id
    assert again.order.ord_status is OrdStatus.NEW
    assert len(room.broker.submitted) == 1


async def test_a_refused_order_asked_again_is_refused_again(room: EngineRoom) -> None:
    first = await refusal(room.orders.new_order(limit(qty="1000"), ALICE, "REST:alice"))
    assert await refusal(room.orders.new_order(limit(qty="1000"), ALICE, "REST:alice")) == first
    assert room.kinds() == ["order_received", "order_rejected"]


async def test_two_copies_at_once_make_one_order() -> None:
    room = EngineRoom(held=True)
    both = [asyncio.ensure_future(room.orders.new_order(limit(), ALICE, "REST:alice")) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    room.journal.flush()
    first, second = await asyncio.gather(*both)
    assert (first.replayed, second.replayed) == (False, True)
    assert room.kinds().count("order_received") == 1


async def test_other_terms_under_a_known_id_are_a_duplicate_with_the_existing_order(room: EngineRoom) -> None:
    await room.orders.new_order(limit(), ALICE, "REST:alice")
    problem = await refusal(room.orders.new_order(limit(qty="99"), ALICE, "REST:alice"))
    assert (problem.slug, problem.code) == ("duplicate-cl-ord-id", "DUP_CLORDID")
    assert problem.order["order_qty"] == "100"
    assert len(room.broker.submitted) == 1


async def test_the_same_id_of_another_entrant_is_another_order(room: EngineRoom) -> None:
    first = await room.orders.new_order(limit(), ALICE, "REST:alice")
    second = await room.orders.new_order(limit(), Entrant("REST:bob"), "REST:bob")
    assert first.order.order_id != second.order.order_id


async def test_accounts_outside_the_entrants_scope_are_refused(room: EngineRoom) -> None:
    narrow = Entrant("REST:narrow", ("ACC2",))
    problem = await refusal(room.orders.new_order(limit(), narrow, "REST:narrow"))
    assert problem.code == "ACCOUNT_NOT_ENTITLED"
    order = (await room.orders.new_order(limit(), ALICE, "REST:alice")).order
    assert (await refusal(room.orders.cancel_order(order.order_id, "C-1", narrow, "x"))).slug == "forbidden"
    assert (await refusal(room.orders.cancel_all("C-2", narrow, "x", account="ACC1"))).slug == "forbidden"


async def test_a_replace_keeps_what_it_leaves_out(room: EngineRoom) -> None:
    order = (await room.orders.new_order(limit(time_in_force=TimeInForce.GTC), ALICE, "REST:alice")).order
    room.broker.quiet = True
    answer = await room.orders.replace_order(
        order.order_id, OrderChange(cl_ord_id="A-2", price=D("187.30")), ALICE, "REST:alice"
    )
    assert answer.order.ord_status is OrdStatus.PENDING_REPLACE
    pending = room.desk.blotter.order(order.order_id).pending_replace  # type: ignore[union-attr]
    assert pending is not None
    assert (pending.order_qty, pending.price, pending.time_in_force) == (D(100), D("187.30"), TimeInForce.GTC)


async def test_a_replace_is_refused_by_risk_as_in_fix(room: EngineRoom) -> None:
    order = (await room.orders.new_order(limit(), ALICE, "REST:alice")).order
    change = OrderChange(cl_ord_id="A-2", order_qty=D(1000))
    problem = await refusal(room.orders.replace_order(order.order_id, change, ALICE, "REST:alice"))
    assert (problem.slug, problem.code, problem.rule) == ("refused", "MAX_VALUE", "R03")


async def test_a_change_of_an_order_that_has_changed_since_is_not_done(room: EngineRoom) -> None:
    order = (await room.orders.new_order(limit(), ALICE, "REST:alice")).order
    for call in (
        room.orders.cancel_order(order.order_id, "C-1", ALICE, "x", if_match=order.last_seq),
        room.orders.replace_order(order.order_id, OrderChange(cl_ord_id="A-2"), ALICE, "x", if_match=order.last_seq),
    ):
        problem = await refusal(call)
        assert problem.slug == "changed"
        assert problem.order["last_seq"] == 3


async def test_a_second_replace_while_one_is_pending_is_already_pending(room: EngineRoom) -> None:
    order = (await room.orders.new_order(limit(), ALICE, "REST:alice")).order
    room.broker.quiet = True
    await room.orders.replace_order(order.order_id, OrderChange(cl_ord_id="A-2", price=D("187.30")), ALICE, "x")
    change = OrderChange(cl_ord_id="A-3", price=D("187.35"))
    assert (await refusal(room.orders.replace_order(order.order_id, change, ALICE, "x"))).slug == "already-pending"


async def test_a_cancel_repeated_is_answered_and_nothing_is_done_again(room: EngineRoom) -> None:
    order = (await room.orders.new_order(limit(), ALICE, "REST:alice")).order
    room.broker.quiet = True
    first = await room.orders.cancel_order(order.order_id, "C-1", ALICE, "x")
    assert first.order.ord_status is OrdStatus.PENDING_CANCEL
    assert (await room.orders.cancel_order(order.order_id, "C-1", ALICE, "x")).replayed
    assert room.kinds().count("cancel_requested") == 1


async def test_an_order_of_a_fix_session_can_be_cancelled_from_here(room: EngineRoom) -> None:
    header = Header(msg_type="D", msg_seq_num=7, sender_comp_id="ALPHA1", target_comp_id="BRIDGE", sending_time=AT)
    room.engine.new_order("ALPHA1", header, limit("F-1"))
    answer = await room.orders.cancel_order(1, "C-1", ALICE, "REST:alice")
    assert answer.order.session_id == "ALPHA1"
    assert room.desk.blotter.order(1).ord_status is OrdStatus.CANCELED  # type: ignore[union-attr]


async def test_a_finished_order_cannot_be_cancelled(room: EngineRoom) -> None:
    order = (await room.orders.new_order(limit(), ALICE, "REST:alice")).order
    await room.orders.cancel_order(order.order_id, "C-1", ALICE, "x")
    problem = await refusal(room.orders.cancel_order(order.order_id, "C-2", ALICE, "x"))
    assert (problem.slug, problem.code) == ("refused", "TOO_LATE")


async def test_an_unknown_order_is_not_found(room: EngineRoom) -> None:
    assert (await refusal(room.orders.cancel_order(99, "C-1", ALICE, "x"))).slug == "not-found"


async def test_cancel_all_takes_what_matches_whoever_entered_it(room: EngineRoom) -> None:
    header = Header(msg_type="D", msg_seq_num=7, sender_comp_id="ALPHA1", target_comp_id="BRIDGE", sending_time=AT)
    room.engine.new_order("ALPHA1", header, limit("F-1"))
    await room.orders.new_order(limit("A-1"), ALICE, "REST:alice")
    await room.orders.new_order(limit("A-2", symbol="MSFT", qty="10"), ALICE, "REST:alice")
    await room.orders.new_order(limit("A-3", side=Side.SELL), ALICE, "REST:alice")
    answer = await room.orders.cancel_all("M-1", ALICE, "REST:alice", symbol="AAPL", side=Side.BUY)
    assert answer.count == 2
    assert {order.cl_ord_id for order in room.desk.blotter.open_orders()} == {"A-2", "A-3"}
    assert await room.orders.cancel_all("M-1", ALICE, "REST:alice", symbol="AAPL", side=Side.BUY) == answer
    assert room.kinds().count("mass_cancel_requested") == 1
    mass = next(entry for entry in room.entries() if entry.seq == answer.mass_id)
    assert mass.event.order_ids == answer.order_ids  # type: ignore[union-attr]


async def test_cancel_after_cancels_the_entrants_own_orders_unless_renewed(room: EngineRoom) -> None:
    await room.orders.new_order(limit("A-1"), ALICE, "REST:alice")
    await room.orders.new_order(limit("B-1"), Entrant("REST:bob"), "REST:bob")
    answer = room.orders.cancel_after(60, ALICE, "REST:alice")
    assert answer.at == datetime(2026, 11, 23, 14, 1, tzinfo=UTC)
    room.orders._timers["REST:alice"].cancel()
    room.orders._not_renewed("REST:alice")
    assert [order.cl_ord_id for order in room.desk.blotter.open_orders()] == ["B-1"]


async def test_cancel_after_outlives_the_engine(room: EngineRoom, tmp_path: Path) -> None:
    room.orders._path = tmp_path / "cancel_after.json"
    await room.orders.new_order(limit("A-1"), ALICE, "REST:alice")
    await room.orders.new_order(limit("B-1"), Entrant("REST:bob"), "REST:bob")
    room.orders.cancel_after(60, ALICE, "REST:alice")
    room.orders.cancel_after(3600, Entrant("REST:bob"), "REST:bob")
    for timer in room.orders._timers.values():
        timer.cancel()
    after = ControlOrders(room.clock, path=tmp_path / "cancel_after.json")
    after.attach(room.engine)
    room.clock.advance(120)  # down for two minutes
    after.resume()
    await asyncio.sleep(0.01)
    assert [order.cl_ord_id for order in room.desk.blotter.open_orders()] == ["B-1"]
    assert list(after._timers) == ["REST:bob"]
    after._timers["REST:bob"].cancel()


async def test_cancel_after_zero_ends_it(room: EngineRoom) -> None:
    room.orders.cancel_after(60, ALICE, "x")
    timer = room.orders._timers["REST:alice"]
    assert room.orders.cancel_after(0, ALICE, "x").at is None
    assert timer.cancelled()


async def test_a_dry_run_says_what_every_rule_says_and_records_nothing(room: EngineRoom) -> None:
    verdict = room.orders.dry_run(limit(qty="1000"), ALICE)
    assert (verdict.code, verdict.passed) == ("MAX_VALUE", False)
    assert [(rule.rule, rule.outcome) for rule in verdict.rules] == [("R03", "refuse")]
    assert room.orders.dry_run(limit(), ALICE).code == "DRYRUN_PASS"
    assert room.entries() == []


async def test_a_dry_run_of_an_unknown_symbol_is_a_verdict_and_no_failure(room: EngineRoom) -> None:
    assert room.orders.dry_run(limit(symbol="NONE"), ALICE).code == "SYMBOL_UNKNOWN"


async def test_a_journal_that_has_failed_takes_nothing(room: EngineRoom) -> None:
    room.journal.fail("disk full")
    assert (await refusal(room.orders.new_order(limit(), ALICE, "x"))).slug == "unavailable"
    assert room.broker.submitted == []
