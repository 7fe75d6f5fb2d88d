"""Everything else a client may ask (FIX-APP section 4), and what is wrong with an order before risk sees it (section
2).
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rig import Rig, told

from bridge.orders import reports
from bridge.orders.events import Initiator
from bridge.orders.identity import broker_client_id
from bridge.orders.reports import BrokerAccount
from bridge.orders.terms import SessionKind, SessionTerms, UnknownTags
from fixspec.enums import OrdType, Side


@pytest.fixture
def rig():
    return Rig()


def accepted(rig, qty="100", price="10.00", **more):
    cl_ord_id = rig.order(qty, price, **more)
    rig.broker.ack(broker_order_id=f"B-{cl_ord_id}")
    rig.heard()
    return cl_ord_id


# --- orders that are wrong in themselves


@pytest.mark.parametrize(
    ("fields", "reason", "word"),
    [
        pytest.param({"t1": "ACC9"}, "15", "ACCOUNT_UNKNOWN", id="unknown_account"),
        pytest.param({"t55": "NOPE"}, "1", "SYMBOL_UNKNOWN", id="unknown_symbol"),
        pytest.param({"t21": "3"}, "11", "CAPABILITY", id="orders_to_be_worked_by_hand"),
        pytest.param({"t54": "7"}, "11", "CAPABILITY", id="sides_other_than_1_2_5_6"),
        pytest.param({"t40": "P", "t44": ""}, "11", "ORDTYPE", id="order_types_not_served"),
        pytest.param({"t44": ""}, "11", "ORDTYPE", id="a_limit_order_without_price"),
        pytest.param({"t40": "1"}, "11", "ORDTYPE", id="a_market_order_with_price"),
        pytest.param({"t40": "3", "t44": ""}, "11", "ORDTYPE", id="a_stop_order_without_stop_price"),
        pytest.param({"t40": "4"}, "11", "ORDTYPE", id="a_stop_limit_order_without_stop_price"),
        pytest.param({"t38": ""}, "13", "QTY_FORMAT", id="neither_quantity_nor_cash"),
        pytest.param({"t38": "0"}, "13", "QTY_FORMAT", id="a_quantity_of_zero"),
        pytest.param({"t152": "1000"}, "13", "QTY_FORMAT", id="both_quantity_and_cash"),
        pytest.param({"t38": "", "t152": "1000"}, "11", "CAPABILITY", id="cash_orders_where_the_broker_takes_none"),
        pytest.param({"t18": "1"}, "11", "EXECINST", id="instructions_not_served"),
        pytest.param({"t18": "Q"}, "11", "EXECINST", id="instructions_the_broker_cannot_follow"),
        pytest.param({"t59": "6"}, "11", "TIF", id="good_till_date_without_a_date"),
        pytest.param({"t432": "20271231"}, "11", "TIF", id="a_date_without_good_till_date"),
        pytest.param({"t847": "1001"}, "3", "", id="algorithms"),
        pytest.param({"t15": "EUR"}, "11", "CAPABILITY", id="another_currency"),
        pytest.param({"t100": "NOWHERE"}, "11", "CAPABILITY", id="an_unknown_route"),
        pytest.param({"t110": "10"}, "11", "CAPABILITY", id="a_minimum_quantity"),
    ],
)
def test_is_refused_with_its_reason(rig, fields, reason, word):
    rig.order(**fields)
    (refused,) = rig.heard()
    if refused[35] == "3":
        assert refused[371] == "847"
        return
    assert (refused[150], refused[39], refused[103]) == ("8", "8", reason)
    assert refused[58].startswith(word)
    assert rig.broker.calls == []


def test_an_order_for_an_account_of_somebody_else_is_refused():
    rig = Rig(extra=[SessionTerms(session_id="BETA", accounts=("ACC2",))])
    rig.desk.accounts["ACC2"] = rig.desk.accounts["ACC1"]
    rig.order(t1="ACC2")
    (refused,) = rig.heard()
    assert (refused[103], refused[5700]) == ("15", "ACCOUNT_NOT_ENTITLED")


def test_a_strategy_must_be_one_of_the_sessions():
    rig = Rig(strategies=("S1",))
    rig.order(t50="S2")
    rig.order(t50="S1")
    assert told(rig.heard()) == ["8/8"]
    assert rig.broker.calls == ["submit"]


def test_tags_we_do_not_model_are_journalled_and_ignored(rig):
    rig.order(t9999="x")
    received = next(entry.event for entry in rig.journal.read())
    assert received.other == ((9999, "x"),)
    assert rig.broker.calls == ["submit"]


def test_tags_we_do_not_model_are_refused_where_the_session_says_so():
    rig = Rig(unknown_tags=UnknownTags.REJECT)
    rig.order(t9999="x")
    assert told(rig.heard()) == ["8/8"]


def test_an_order_is_refused_while_the_broker_is_not_ready_and_cancels_are_tried(rig):
    a = accepted(rig)
    rig.broker.unready = "stream down"
    rig.order()
    rig.cancel(a)
    refused, pending = rig.heard()
    assert (refused[103], refused[5700]) == ("2", "BROKER_UNAVAILABLE")
    assert "stream down" in refused[58]
    assert pending[150] == "6"
    assert rig.broker.calls[-1] == "cancel"


def test_a_dry_run_tells_the_verdict_and_leaves_no_trace(rig):
    a = rig.order(t5746="Y")
    (verdict,) = rig.heard()
    assert (verdict[150], verdict[39], verdict[37]) == ("8", "8", "NONE")
    assert verdict[58].startswith("DRYRUN_PASS")
    assert rig.broker.calls == []
    assert rig.journal.next_seq == 1
    rig.order(cl_ord_id=a)
    assert rig.broker.calls == ["submit"]


# --- status


def test_a_mass_status_tells_every_open_order_and_marks_the_last(rig):
    first = accepted(rig)
    accepted(rig, "50")
    done = accepted(rig)
    rig.broker.tell(reports.Canceled, rig.of(done))
    rig.heard()
    rig.send("AF", (584, "M1"), (585, "7"))
    one, two = rig.heard()
    assert (one[150], one[584], one[911], one[11]) == ("I", "M1", "2", first)
    assert 912 not in one
    assert (two[911], two[912], two[38]) == ("2", "Y", "50")


def test_a_mass_status_includes_closed_orders_of_today_when_asked(rig):
    a = accepted(rig)
    rig.broker.tell(reports.Canceled)
    rig.heard()
    rig.send("AF", (584, "M1"), (585, "7"), (5747, "Y"))
    (one,) = rig.heard()
    assert (one[11], one[39]) == (a, "4")


def test_a_mass_status_of_nothing_says_so(rig):
    rig.send("AF", (584, "M1"), (585, "7"))
    (nothing,) = rig.heard()
    assert (nothing[150], nothing[39], nothing[37], nothing[103], nothing[911], nothing[912]) == (
        "I", "8", "NONE", "5", "0", "Y",
    )  # fmt: skip


def test_a_mass_status_by_security_needs_a_symbol(rig):
    rig.send("AF", (584, "M1"), (585, "1"))
    (refused,) = rig.heard()
    assert (refused[35], refused[372], refused[380], refused[379]) == ("j", "AF", "5", "M1")


# --- mass cancel


def test_a_mass_cancel_answers_at_once_and_then_order_by_order(rig):
    a, b = accepted(rig), accepted(rig)
    rig.send("q", (11, "Q1"), (530, "7"), (60, rig.stamp()))
    report, first, second = rig.heard()
    assert (report[35], report[11], report[530], report[531], report[533]) == ("r", "Q1", "7", "7", "2")
    assert (report[534], report[41]) == ("2", b)  # the parser keeps the last entry of a group
    assert [(each[150], each[39], each[11]) for each in (first, second)] == [("6", "6", a), ("6", "6", b)]
    assert first[5748] == report[37]
    assert rig.broker.calls[-2:] == ["cancel", "cancel"]
    rig.broker.tell(reports.Canceled, rig.of(a))
    (canceled,) = rig.heard()
    assert (canceled[150], canceled[11]) == ("4", a)
    assert 378 not in canceled


def test_a_mass_cancel_of_one_side_leaves_the_other(rig):
    a = accepted(rig)
    accepted(rig, t54="2")
    rig.send("q", (11, "Q1"), (530, "7"), (54, "1"), (60, rig.stamp()))
    report, pending = rig.heard()
    assert report[533] == "1"
    assert pending[11] == a


@pytest.mark.parametrize(
    ("fields", "reason"),
    [([(530, "1")], "1"), ([(530, "3")], "0"), ([(530, "5")], "5"), ([(530, "7"), (1, "ACC9")], "99")],
)
def test_a_mass_cancel_that_makes_no_sense_is_refused(rig, fields, reason):
    accepted(rig)
    rig.send("q", (11, "Q1"), *fields, (60, rig.stamp()))
    (report,) = rig.heard()
    assert (report[35], report[531], report[532]) == ("r", "0", reason)
    assert rig.broker.calls == ["submit"]


# --- positions, money, trades, instruments


def ask_positions(rig, req_id="P1", **more):
    fields = [(710, req_id), (724, "0"), (453, "1"), (448, "ME"), (447, "D"), (452, "3"), (1, "ACC1"), (581, "1")]
    fields += [(int(tag[1:]), value) for tag, value in more.items()]
    rig.send("AN", *fields, (715, "20261124"), (60, rig.stamp()))


def test_positions_are_told_per_symbol_with_mark_and_profit(rig):
    a = accepted(rig)
    rig.broker.fill("40", "10.00", order=rig.of(a))
    rig.quote("10.50", "10.52")
    rig.heard()
    ask_positions(rig)
    ack, report = rig.heard()
    assert (ack[35], ack[710], ack[728], ack[729], ack[727]) == ("AO", "P1", "0", "0", "1")
    assert (report[35], report[55], report[704], report[705]) == ("AP", "AAPL", "40", "0")
    assert (report[730], report[731], report[5750], report[5751], report[5753]) == (
        "10.51", "2", "10.00", "20.40", "60",
    )  # fmt: skip


def test_no_positions_is_an_answer(rig):
    ask_positions(rig)
    (ack,) = rig.heard()
    assert (ack[728], ack[729], ack[727]) == ("2", "0", "0")


def test_a_subscription_tells_each_change_once_a_second(rig):
    a = accepted(rig)
    rig.broker.fill("10", "10.00", order=rig.of(a))
    ask_positions(rig, t263="1")
    rig.heard()
    rig.broker.fill("10", "10.00", order=rig.of(a))
    rig.broker.fill("10", "10.00", order=rig.of(a))
    assert told(rig.heard()) == ["F/1", "F/1"]
    rig.feed.tick()
    (report,) = rig.heard()
    assert (report[35], report[704], report[325]) == ("AP", "30", "Y")
    rig.feed.tick()
    assert rig.heard() == []
    ask_positions(rig, t263="2")
    rig.broker.fill("10", "10.00", order=rig.of(a))
    rig.feed.tick()
    assert told(rig.heard()) == ["F/1"]


def test_buying_power_is_told_with_its_age(rig):
    taken = rig.clock.utc_ns()
    rig.desk.state_account(
        BrokerAccount(
            account="ACC1", currency="USD", cash=Decimal("900.129"), equity=Decimal(1000), buying_power=Decimal(2000),
            taken_ns=taken,
        )
    )  # fmt: skip
    rig.clock.advance(3)
    rig.send("BB", (909, "I1"))
    ack, report = rig.heard()
    assert (ack[35], ack[945], ack[946]) == ("BG", "2", "0")
    assert (report[35], report[899], report[900], report[901], report[910]) == (
        "BA",
        "2000.00",
        "1000.00",
        "900.13",
        "3",
    )
    assert "3.0 s" in report[58]


def test_buying_power_that_nobody_told_is_not_invented(rig):
    rig.send("BB", (909, "I1"))
    (ack,) = rig.heard()
    assert (ack[35], ack[945]) == ("BG", "4")


def test_trades_are_told_again_with_the_ids_they_had(rig):
    a = accepted(rig)
    rig.broker.fill("40", "10.00", order=rig.of(a))
    busted = rig.broker.fill("10", "10.00", order=rig.of(a))
    rig.broker.bust(busted, rig.of(a))
    fill = rig.heard()[0]
    rig.send("AD", (568, "T1"), (569, "0"))
    ack, trade = rig.heard()
    assert (ack[35], ack[748], ack[749], ack[750]) == ("AQ", "1", "0", "1")
    assert (trade[35], trade[17], trade[32], trade[31], trade[912]) == ("AE", fill[17], "40", "10.00", "Y")
    rig.send("AD", (568, "T2"), (569, "1"), (55, "ESZ6"))
    assert rig.heard()[0][748] == "0"


def test_instruments_are_listed_with_tick_and_lot(rig):
    rig.send("x", (320, "L1"), (559, "4"))
    (listed,) = rig.heard()
    assert (listed[35], listed[320], listed[560], listed[393], listed[893]) == ("y", "L1", "0", "2", "Y")
    rig.send("x", (320, "L2"), (559, "0"), (55, "NOPE"))
    assert rig.heard()[0][560] == "2"


def test_a_doubted_trade_is_kept_and_changes_nothing(rig):
    a = accepted(rig)
    rig.broker.fill("40", "10.00")
    fill = rig.heard()[0]
    rig.send("Q", (37, fill[37]), (17, fill[17]), (127, "C"), (55, "AAPL"), (54, "1"), (38, "100"))
    assert rig.heard() == []
    assert rig.of(a).cum_qty == 40
    assert [type(entry.event).__name__ for entry in rig.journal.read()][-1] == "TradeDoubted"


def test_a_message_that_is_not_served_is_told_so(rig):
    rig.send("R", (131, "QR1"), (146, "1"), (55, "AAPL"))
    (refused,) = rig.heard()
    assert (refused[35], refused[372], refused[380], refused[45]) == ("j", "R", "3", "2")


# --- drop copy


def test_a_drop_copy_sees_the_reports_of_its_accounts_marked_as_copies():
    copy = SessionTerms(session_id="DROP", kind=SessionKind.DROP_COPY, drop_accounts=("ACC1",))
    rig = Rig(extra=[copy])
    a = accepted(rig)
    rig.broker.fill("40", "10.00")
    rig.cancel(a)
    rig.broker.tell(reports.CancelRefused, text="no")
    copies = [message for session, message in rig.sent if session == "DROP"]
    assert [type(each).__name__ for each in copies] == ["ExecutionReport"] * 3 + ["OrderCancelReject"]
    assert all(each.copy_msg_indicator for each in copies)
    assert len({each.exec_id for each in copies[:3]}) == 3


def test_a_drop_copy_of_another_account_sees_nothing():
    rig = Rig(extra=[SessionTerms(session_id="DROP", kind=SessionKind.DROP_COPY, drop_accounts=("ACC9",))])
    accepted(rig)
    assert [session for session, _ in rig.sent if session == "DROP"] == []


def test_a_drop_copy_takes_no_requests():
    rig = Rig(kind=SessionKind.DROP_COPY)
    rig.order()
    (refused,) = rig.heard()
    assert (refused[35], refused[380]) == ("j", "6")
    assert rig.broker.calls == []


def test_an_order_that_waited_too_long_for_the_journal_is_not_sent():
    rig = Rig(sync=True)
    rig.order()
    assert rig.broker.calls == []
    rig.clock.advance(timedelta(seconds=11).total_seconds())
    rig.journal.flush()
    rig.journal.flush()
    (refused,) = rig.heard()
    assert (refused[150], refused[103], refused[5700]) == ("8", "8", "STALE_ORDER")
    assert rig.broker.calls == []


def test_a_cancel_of_an_order_that_waits_for_the_journal_withdraws_it():
    rig = Rig(sync=True)
    a = rig.order()
    rig.cancel(a)
    rig.journal.flush()
    rig.journal.flush()
    assert rig.broker.calls == []
    assert told(rig.heard()) == ["6/6", "4/4"]


def test_a_cancel_does_not_wait_for_the_journal_but_its_report_does():
    rig = Rig(sync=True)
    a = rig.order()
    rig.journal.flush()
    rig.broker.ack()
    rig.journal.flush()
    rig.heard()
    rig.cancel(a)
    assert rig.broker.calls == ["submit", "cancel"]
    assert rig.heard() == []
    rig.journal.flush()
    assert told(rig.heard()) == ["6/6"]
    assert rig.broker.calls == ["submit", "cancel"]


def test_nothing_is_told_before_it_is_durable():
    rig = Rig(sync=True)
    a = rig.order()
    assert rig.broker.calls == []
    rig.send("H", (11, a), (55, "AAPL"), (54, "1"))
    assert rig.heard() == []
    rig.journal.flush()
    assert rig.broker.calls == ["submit"]
    assert told(rig.heard()) == ["I/A"]


def test_a_journal_that_fails_refuses_orders_and_still_cancels():
    rig = Rig()
    a = accepted(rig)
    rig.journal.fail("disk full")
    with pytest.raises(Exception, match="disk full"):
        rig.order()
    rig.session.abandon("the application failed")
    assert rig.failures == ["disk full"]
    with pytest.raises(Exception, match="disk full"):
        rig.engine.cancel_orders([rig.of(a)], Initiator.KILL, text="x")
    assert rig.broker.calls == ["submit", "cancel"]
    assert rig.heard() == []


# --- orders whose journal was lost


def listed(rig, cl_ord_id, **more):
    """The broker's listing of an order we routed."""
    day = datetime.fromtimestamp(rig.clock.utc_ns() / 1e9, UTC).date()
    fields = {"order_qty": Decimal(100), "side": Side.BUY, "symbol": "AAPL"} | more
    return reports.BrokerOrder(
        broker_client_id=broker_client_id("ALPHA", cl_ord_id, day),
        broker_order_id="B77",
        account="ACC1",
        ord_type=OrdType.LIMIT,
        price=Decimal("10.00"),
        **fields,
    )


def test_a_resent_order_claims_what_the_lost_tail_of_the_journal_sent(rig):
    order = listed(rig, "LOST1")
    rig.desk.unclaimed[order.broker_client_id] = order
    rig.order(cl_ord_id="LOST1")
    (new,) = rig.heard()
    assert (new[150], new[39], new[198], new[5732]) == ("0", "0", "B77", "RECON")
    assert rig.broker.calls == []
    assert rig.desk.unclaimed == {}
    rig.broker.say(
        reports.Executed(
            broker="street", broker_client_id=order.broker_client_id, broker_exec_id="X", last_qty=Decimal(100),
            last_px=Decimal(10),
        )
    )  # fmt: skip
    assert told(rig.heard()) == ["F/2"]


def test_a_resent_order_of_other_terms_claims_nothing(rig):
    order = listed(rig, "LOST1", order_qty=Decimal(7))
    rig.desk.unclaimed[order.broker_client_id] = order
    rig.order(cl_ord_id="LOST1")
    (refused,) = rig.heard()
    assert (refused[150], refused[103]) == ("8", "6")
    assert rig.broker.calls == []
