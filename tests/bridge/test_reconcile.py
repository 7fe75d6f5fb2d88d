"""Book against book, as pure functions: what a listing, a targeted answer and a position tell."""

from decimal import Decimal
from typing import Any

import pytest

from bridge import reconcile
from bridge.orders.events import PositionAdopted, Source
from bridge.orders.order import Order
from bridge.orders.reports import (
    Absent,
    Acknowledged,
    BrokerPosition,
    Canceled,
    Executed,
    Expired,
    NoAnswer,
    Refused,
    Replaced,
    ReplaceRefused,
    Report,
)
from fixspec.enums import OrdStatus
from tests.bridge.desk.rig import Rig

D = Decimal


def working(rig: Rig, accepted: bool = True) -> Order:
    cl_ord_id = rig.order()
    if accepted:
        rig.broker.ack(rig.of(cl_ord_id))
    return rig.of(cl_ord_id)


def names(reports: Any) -> list[str]:
    return [type(each).__name__ for each in reports]


def execution(order: Order, exec_id: str = "X1", **more: Any) -> Executed:
    fields = {"broker": "street", "broker_client_id": order.broker_client_id}
    return Executed(**(fields | {"broker_exec_id": exec_id, "last_qty": D(10), "last_px": D(10)} | more))


def position(qty: str, account: str = "ACC1", symbol: str = "AAPL", **more: Any) -> BrokerPosition:
    return BrokerPosition(account=account, symbol=symbol, qty=D(qty), **more)


# --- compare ---------------------------------------------------------------------------------------------------------


def test_orders_are_listed_missing_or_unknown_and_executions_are_told_first():
    rig = Rig()
    one, two = working(rig), working(rig)
    stranger = rig.broker.shows(one, broker_client_id=None, broker_order_id="WEB")
    listed = [rig.broker.shows(one, price=D("9.00")), stranger]
    told, strange = execution(one), execution(one, "W", broker_client_id=None, broker_order_id="WEB")
    found = reconcile.compare(rig.desk, "street", listed, [strange, told], rig.desk.blotter.seq)
    assert names(found.reports) == ["Executed", "Restated"]
    assert [order.order_id for order in found.missing] == [two.order_id]
    assert found.unknown == (stranger,)
    assert [each.broker_exec_id for each in found.strange] == ["W"]
    assert {each.source for each in (*found.reports, *found.strange)} == {Source.RECON}
    assert found.doubtful == frozenset()


def test_of_orders_that_changed_since_the_broker_was_asked_the_list_says_nothing():
    rig = Rig()
    upto = rig.desk.blotter.seq
    one = working(rig)
    found = reconcile.compare(rig.desk, "street", [rig.broker.shows(one, price=D("9.00"))], [], upto)
    assert (found.reports, found.doubtful) == ((), frozenset({one.order_id}))
    assert reconcile.compare(rig.desk, "street", [], [], upto).missing == ()


def test_an_order_that_was_never_sent_or_is_at_another_broker_is_not_missing():
    rig = Rig()
    working(rig)
    seq = rig.desk.blotter.seq
    assert len(reconcile.compare(rig.desk, "street", [], [], seq).missing) == 1
    assert reconcile.compare(rig.desk, "elsewhere", [], [], seq).missing == ()


# --- a listing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "changes", "expected"),
    [
        (True, {}, []),
        (False, {}, ["Acknowledged"]),
        (True, {"order_qty": D(90)}, ["Restated"]),
        (True, {"price": D("9.99")}, ["Restated"]),
        (True, {"price": None}, []),
        (True, {"stop_px": D(8)}, []),
        (False, {"price": D("9.99")}, ["Acknowledged", "Restated"]),
    ],
)
def test_a_listed_order_is_acknowledged_once_and_restated_when_its_terms_differ(accepted, changes, expected):
    rig = Rig()
    order = working(rig, accepted)
    assert names(reconcile.listed_order("street", order, rig.broker.shows(order, **changes))) == expected


@pytest.mark.parametrize(
    ("qty", "price", "listed", "expected"),
    [
        ("60", "10.00", {"order_qty": D(60)}, ["Replaced"]),
        ("60", "10.00", {}, []),
        ("60", "10.00", {"order_qty": D(70)}, []),
        ("60", "9.00", {"order_qty": D(60), "price": D("9.00")}, ["Replaced"]),
        ("60", "9.00", {"order_qty": D(60)}, []),
        ("100", "10.00", {}, []),
    ],
)
def test_a_replace_under_way_is_proven_by_terms_that_were_not_there_before(qty, price, listed, expected):
    rig = Rig()
    order = working(rig)
    rig.replace(order.cl_ord_id, qty, price, t59="1")
    order = rig.of(order.cl_ord_id)
    assert order.pending_replace is not None
    assert names(reconcile.listed_order("street", order, rig.broker.shows(order, **listed))) == expected


def test_a_replace_under_way_is_proven_by_its_own_id():
    rig = Rig()
    order = working(rig)
    rig.replace(order.cl_ord_id, "100", t59="1")
    order = rig.of(order.cl_ord_id)
    client_id = order.pending_replace.broker_client_id
    (said,) = reconcile.listed_order("street", order, rig.broker.shows(order, broker_client_id=client_id))
    assert isinstance(said, Replaced)
    assert said.broker_client_id == client_id


# --- a targeted answer -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "status", "cum", "expected"),
    [
        (False, OrdStatus.NEW, 0, [Acknowledged]),
        (True, OrdStatus.NEW, 0, []),
        (False, OrdStatus.REJECTED, 0, [Refused]),
        (False, OrdStatus.CANCELED, 0, [Acknowledged, Canceled]),
        (True, OrdStatus.CANCELED, 0, [Canceled]),
        (True, OrdStatus.EXPIRED, 0, [Expired]),
        (False, OrdStatus.CANCELED, 5, [Canceled]),
        (True, OrdStatus.FILLED, 100, []),
        (False, OrdStatus.FILLED, 100, []),
    ],
)
def test_what_a_targeted_answer_tells_is_never_a_fill(accepted, status, cum, expected):
    rig = Rig()
    order = working(rig, accepted)
    said = list(reconcile.found("street", order, rig.broker.shows(order, ord_status=status, cum_qty=D(cum))))
    assert [type(each) for each in said] == expected


@pytest.mark.parametrize(
    ("accepted", "proven", "expected"),
    [(False, False, NoAnswer), (False, True, Absent), (True, False, None), (True, True, Canceled)],
)
def test_an_order_the_broker_does_not_know_is_absent_only_when_that_is_proven(accepted, proven, expected):
    rig = Rig()
    said: list[Report] = list(reconcile.not_found("street", working(rig, accepted), proven=proven))
    assert [type(each) for each in said] == ([expected] if expected is not None else [])


def test_that_the_outcome_is_unknown_is_said_once():
    rig = Rig()
    order = working(rig, accepted=False)
    (said,) = reconcile.not_found("street", order, proven=False)
    rig.engine.on_report(said)
    assert list(reconcile.not_found("street", rig.of(order.cl_ord_id), proven=False)) == []


def test_a_lost_replace_is_refused_with_the_terms_as_they_were():
    rig = Rig()
    said = reconcile.replace_lost("street", working(rig))
    assert isinstance(said, ReplaceRefused)
    assert said.source is Source.RECON


# --- adoption --------------------------------------------------------------------------------------------------------


def test_an_adopted_order_has_the_multiplier_currency_and_mode_of_its_instrument_and_broker():
    rig = Rig()
    theirs = rig.broker.shows(working(rig), symbol="ESZ6", broker_client_id=None, broker_order_id="W")
    event = reconcile.adopt(rig.desk, "street", theirs, 77)
    assert (event.order_id, event.multiplier, event.currency, event.mode) == (77, 50, "USD", rig.broker.mode)
    other = reconcile.adopt(rig.desk, "gone", rig.broker.shows(working(rig), symbol="???"), 78)
    assert (other.multiplier, other.currency, other.mode.value) == (1, None, "live")


def adopted(rig: Rig, *theirs: BrokerPosition, accounts: tuple[str, ...] = ("ACC1",)) -> list[PositionAdopted]:
    return reconcile.adopt_positions(rig.desk, "street", theirs, accounts, who="ann", reason="x")


def test_positions_are_taken_over_where_they_differ_and_have_a_price():
    rig = Rig()
    first, second = adopted(
        rig,
        position("5", avg_px=D(9), mark=D(11)),
        position("-2", symbol="ESZ6", mark=D(4000)),
        position("7", symbol="MSFT"),
        position("7", account="ACC2", avg_px=D(1)),
    )
    assert (first.qty, first.was, first.avg_px, first.mark, first.multiplier) == (5, 0, 9, 11, 1)
    assert (second.qty, second.avg_px, second.multiplier, second.currency) == (-2, 4000, 50, "USD")
    rig.engine.record(first)
    assert adopted(rig, position("5", avg_px=D(9))) == []
    (gone,) = adopted(rig)
    assert (gone.qty, gone.was, gone.avg_px, gone.mark) == (0, 5, 0, 9)


def test_a_symbol_with_an_open_order_is_left_alone():
    rig = Rig()
    working(rig)
    assert adopted(rig, position("5", avg_px=D(9))) == []


def test_an_account_is_untraded_until_it_has_an_order_or_a_position():
    rig = Rig()
    assert reconcile.untraded(rig.desk, "ACC1")
    working(rig)
    assert not reconcile.untraded(rig.desk, "ACC1")
    assert reconcile.untraded(rig.desk, "ACC2")


# --- breaks ----------------------------------------------------------------------------------------------------------


def test_positions_differ_per_account_and_symbol_of_this_broker_only():
    rig = Rig()
    order = working(rig)
    rig.broker.fill("10", "10.00", order=order)
    breaks = reconcile.position_breaks(rig.desk, "street", [position("1.50", symbol="ESZ6")])
    assert [(each.symbol, each.ours, each.theirs) for each in breaks] == [("AAPL", "10", "0"), ("ESZ6", "0", "1.50")]
    assert reconcile.position_breaks(rig.desk, "street", [position("10.0")]) == []
    assert reconcile.position_breaks(rig.desk, "street", [], moved={("ACC1", "AAPL")}) == []
    assert reconcile.position_breaks(rig.desk, "elsewhere", []) == []


def test_fills_differ_for_orders_we_know_that_are_ours():
    rig = Rig()
    order = working(rig)
    theirs = rig.broker.shows(order, cum_qty=D(3))
    (found,) = reconcile.fill_breaks(rig.desk, "street", [theirs])
    assert (found.kind, found.order_id, found.ours, found.theirs) == ("fills", order.order_id, "0", "3")
    assert reconcile.fill_breaks(rig.desk, "street", [theirs], {order.order_id}) == []
    assert reconcile.fill_breaks(rig.desk, "street", [rig.broker.shows(order)]) == []
    stranger = rig.broker.shows(order, broker_client_id=None, broker_order_id="W", cum_qty=D(3))
    assert reconcile.fill_breaks(rig.desk, "street", [stranger]) == []
    rig.engine.record(reconcile.adopt(rig.desk, "street", stranger, rig.journal.next_seq))
    assert reconcile.fill_breaks(rig.desk, "street", [stranger]) == [], "of an external order there may be older ones"
