"""The order state matrices of FIX 4.4 (volume 7, "Order state change matrices") as our dialect has them, row by row.

Each test is named after its row. The client speaks real FIX bytes through a real session; the broker does as the row
says.
"""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rig import Rig, check_invariants, told

from bridge.orders import reports
from bridge.orders.events import Request, Scope, TradingState
from bridge.orders.reasons import ReasonCode, Rejection
from fixspec.enums import CxlRejReason, ExecRestatementReason, Side


@pytest.fixture
def rig():
    return Rig()


def heard(rig):
    """What the client was told, every report checked against the invariants first."""
    messages = rig.heard()
    for fields in messages:
        check_invariants(fields)
    return messages


def accepted(rig, qty="100", price="10.00", **more):
    """An order the broker works, New already told."""
    cl_ord_id = rig.order(qty, price, **more)
    rig.broker.ack()
    heard(rig)
    return cl_ord_id


def test_a_1_a_an_order_is_accepted_and_filled(rig):
    a = rig.order("100")
    assert rig.broker.calls == ["submit"]
    assert heard(rig) == []
    rig.broker.ack()
    (new,) = heard(rig)
    assert (new[150], new[39], new[11], new[38], new[151], new[14], new[6]) == ("0", "0", a, "100", "100", "0", "0")
    assert new[37] == "1"
    assert new[198] == "B1"
    assert new[17].startswith("E")
    rig.broker.fill("40", "10.00")
    rig.broker.fill("60", "9.95")
    first, second = heard(rig)
    assert (first[150], first[39], first[32], first[31], first[14], first[151], first[6]) == (
        "F", "1", "40", "10.00", "40", "60", "10.00",
    )  # fmt: skip
    assert (second[150], second[39], second[14], second[151], second[6]) == ("F", "2", "100", "0", "9.97")
    assert first[17].startswith("T")
    assert first[17] != second[17]


def test_a_1_a_an_acknowledgement_by_pending_new_is_an_option():
    rig = Rig(ack_pending_new=True)
    rig.order()
    (pending,) = heard(rig)
    assert (pending[150], pending[39], pending[151]) == ("A", "A", "100")
    rig.broker.ack()
    assert told(heard(rig)) == ["0/0"]


def test_a_1_b_a_part_filled_day_order_is_done_for_day(rig):
    accepted(rig)
    rig.broker.fill("40", "10.00")
    rig.broker.tell(reports.DoneForDay)
    part, done = heard(rig)
    assert (part[39], part[151]) == ("1", "60")
    assert (done[150], done[39], done[14], done[151]) == ("3", "3", "40", "0")


def test_a_1_b_a_part_filled_day_order_expires(rig):
    accepted(rig)
    rig.broker.fill("40", "10.00")
    rig.broker.tell(reports.Expired)
    _, expired = heard(rig)
    assert (expired[150], expired[39], expired[14], expired[151]) == ("C", "C", "40", "0")


def test_b_1_a_an_unfilled_order_is_cancelled(rig):
    a = accepted(rig)
    f = rig.cancel(a)
    (pending,) = heard(rig)
    assert (pending[150], pending[39], pending[11], pending[41], pending[151]) == ("6", "6", f, a, "100")
    assert rig.broker.calls == ["submit", "cancel"]
    rig.broker.tell(reports.Canceled)
    (canceled,) = heard(rig)
    assert (canceled[150], canceled[39], canceled[11], canceled[41], canceled[151]) == ("4", "4", f, a, "0")
    assert 378 not in canceled


def test_b_1_b_fills_while_the_cancel_is_pending_carry_the_live_id(rig):
    a = accepted(rig)
    f = rig.cancel(a)
    heard(rig)
    rig.broker.fill("30", "10.00")
    rig.broker.tell(reports.Canceled)
    fill, canceled = heard(rig)
    assert (fill[150], fill[39], fill[11], fill[14], fill[151]) == ("F", "6", a, "30", "70")
    assert 41 not in fill
    assert (canceled[150], canceled[39], canceled[11], canceled[14], canceled[151]) == ("4", "4", f, "30", "0")


def test_b_1_c_the_order_fills_completely_before_the_cancel(rig):
    a = accepted(rig)
    f = rig.cancel(a)
    heard(rig)
    rig.broker.fill("100", "10.00")
    (fill,) = heard(rig)
    assert (fill[150], fill[39], fill[14], fill[151]) == ("F", "6", "100", "0")
    rig.broker.tell(reports.CancelRefused, cxl_rej_reason=CxlRejReason.TOO_LATE_TO_CANCEL, text="filled")
    (reject,) = heard(rig)
    assert (reject[35], reject[102], reject[39], reject[434], reject[11], reject[41]) == ("9", "0", "2", "1", f, a)


def test_b_1_d_a_cancel_before_the_acknowledgement_waits_for_it(rig):
    a = rig.order()
    rig.cancel(a)
    assert told(heard(rig)) == ["6/6"]
    assert rig.broker.calls == ["submit"]
    rig.broker.ack()
    assert rig.broker.calls == ["submit", "cancel"]
    rig.broker.tell(reports.Canceled)
    assert told(heard(rig)) == ["0/6", "4/4"]


def test_b_1_e_a_cancel_crosses_the_acknowledgement(rig):
    a = rig.order()
    rig.broker.ack()
    rig.cancel(a)
    rig.broker.tell(reports.Canceled)
    assert told(heard(rig)) == ["0/0", "6/6", "4/4"]


def test_b_1_f_a_cancel_of_an_unknown_order_is_refused_and_consumes_no_id(rig):
    f = rig.cancel("NOBODY")
    (reject,) = heard(rig)
    assert (reject[35], reject[102], reject[37], reject[39], reject[11], reject[41]) == (
        "9", "1", "NONE", "8", f, "NOBODY",
    )  # fmt: skip
    rig.order(cl_ord_id=f)
    rig.broker.ack()
    assert told(heard(rig)) == ["0/0"]


def test_c_1_a_the_quantity_is_increased(rig):
    a = accepted(rig)
    g = rig.replace(a, "150")
    (pending,) = heard(rig)
    assert (pending[150], pending[39], pending[11], pending[41], pending[38]) == ("E", "E", g, a, "100")
    rig.broker.tell(reports.Replaced)
    (done,) = heard(rig)
    assert (done[150], done[39], done[11], done[41], done[38], done[151]) == ("5", "0", g, a, "150", "150")


def test_c_1_b_fills_race_an_increase(rig):
    a = accepted(rig)
    g = rig.replace(a, "150")
    heard(rig)
    rig.broker.fill("40", "10.00")
    rig.broker.tell(reports.Replaced)
    fill, done = heard(rig)
    assert (fill[150], fill[39], fill[11], fill[151]) == ("F", "E", a, "60")
    assert (done[150], done[39], done[11], done[38], done[14], done[151]) == ("5", "1", g, "150", "40", "110")


def test_c_1_c_an_increase_of_a_filled_order_is_refused(rig):
    a = accepted(rig)
    rig.broker.fill("100", "10.00")
    heard(rig)
    rig.replace(a, "150")
    assert told(heard(rig)) == ["9 102=0/2"]
    assert rig.broker.calls == ["submit"]


def test_c_2_a_a_price_change_of_an_order_filled_meanwhile_is_refused(rig):
    a = accepted(rig)
    g = rig.replace(a, "100", "10.05")
    heard(rig)
    rig.broker.fill("100", "10.00")
    rig.broker.tell(reports.ReplaceRefused, cxl_rej_reason=CxlRejReason.TOO_LATE_TO_CANCEL, text="filled")
    fill, reject = heard(rig)
    assert (fill[150], fill[39], fill[151]) == ("F", "E", "0")
    assert (reject[102], reject[39], reject[434], reject[11], reject[41]) == ("0", "2", "2", g, a)


@pytest.mark.parametrize(
    ("filled", "status", "qty", "leaves"),
    [
        pytest.param("30", "5/1", "60", "30", id="c_3_a_above_what_is_filled"),
        pytest.param("60", "5/2", "60", "0", id="c_3_b_equal_to_what_is_filled"),
        pytest.param("80", "5/2", "80", "0", id="c_3_c_below_what_is_filled"),
    ],
)
def test_c_3_a_decrease_races_fills(rig, filled, status, qty, leaves):
    a = accepted(rig)
    rig.replace(a, "60")
    rig.broker.fill(filled, "10.00")
    rig.broker.tell(reports.Replaced)
    done = heard(rig)[-1]
    assert (f"{done[150]}/{done[39]}", done[38], done[14], done[151]) == (status, qty, filled, leaves)


def test_c_3_b_a_decrease_to_what_is_filled_already_asks_the_broker_to_stop(rig):
    a = accepted(rig)
    rig.broker.fill("60", "10.00")
    rig.replace(a, "50")
    what, order = rig.broker.asked[-1]
    assert (what, order.pending_replace.order_qty) == ("replace", order.cum_qty)
    rig.broker.tell(reports.Replaced)
    done = heard(rig)[-1]
    assert (done[150], done[39], done[38], done[151]) == ("5", "2", "60", "0")


def test_d_1_a_chains_of_replaces_quote_the_last_accepted_id(rig):
    a = accepted(rig)
    b = rig.replace(a, "110")
    rig.broker.tell(reports.Replaced)
    c = rig.replace(b, "120")
    rig.broker.tell(reports.Replaced)
    reports_ = heard(rig)
    assert told(reports_) == ["E/E", "5/0", "E/E", "5/0"]
    assert [(r[11], r[41]) for r in reports_] == [(b, a), (b, a), (c, b), (c, b)]
    assert {r[37] for r in reports_} == {"1"}


def test_d_1_b_a_chain_with_fills_keeps_its_sums(rig):
    a = accepted(rig)
    rig.broker.fill("10", "10.00")
    b = rig.replace(a, "120")
    rig.broker.tell(reports.Replaced)
    rig.broker.fill("20", "9.90")
    rig.replace(b, "130")
    rig.broker.tell(reports.Replaced)
    last = heard(rig)[-1]
    assert (last[14], last[151], last[38], last[6]) == ("30", "100", "130", "9.93333333")


def test_d_1_c_after_a_refusal_the_next_replace_quotes_the_old_id(rig):
    a = accepted(rig)
    b = rig.replace(a, "110")
    rig.broker.tell(reports.ReplaceRefused, text="no")
    c = rig.replace(a, "120")
    rig.broker.tell(reports.Replaced)
    pending, reject, pending2, done = heard(rig)
    assert (reject[35], reject[11], reject[41], reject[102], reject[39]) == ("9", b, a, "2", "0")
    assert (pending[11], pending2[11], done[11], done[41]) == (b, c, c, a)


def test_d_2_c_a_second_replace_while_one_is_pending_is_refused(rig):
    a = accepted(rig)
    b = rig.replace(a, "110")
    rig.replace(b, "120")
    pending, reject = heard(rig)
    assert pending[150] == "E"
    assert (reject[102], reject[39], reject[41]) == ("3", "E", a)
    assert rig.broker.calls == ["submit", "replace"]


def test_e_1_a_a_rejected_order(rig):
    rig.order()
    rig.broker.tell(reports.Refused, text="insufficient buying power", broker_code="40310000")
    (reject,) = heard(rig)
    assert (reject[150], reject[39], reject[103], reject[151]) == ("8", "8", "0", "0")
    assert reject[58] == "BROKER_REJECT: insufficient buying power"
    assert reject[5738] == "40310000"


@pytest.mark.parametrize("reason", ["MARKET", "BROKER_OPTION", "CANCEL_ON_TRADING_HALT", "CANCEL_ON_SYSTEM_FAILURE"])
def test_e_1_b_the_broker_cancels_by_itself(rig, reason):
    a = accepted(rig)
    rig.broker.tell(reports.Canceled, reason=ExecRestatementReason[reason])
    (canceled,) = heard(rig)
    assert (canceled[150], canceled[39], canceled[11]) == ("4", "4", a)
    assert 41 not in canceled
    assert canceled[378] == ExecRestatementReason[reason].wire.decode()


def test_e_1_c_the_broker_changes_the_price(rig):
    accepted(rig)
    rig.broker.tell(reports.Restated, reason=ExecRestatementReason.REPRICING_OF_ORDER, price=Decimal("9.99"))
    (restated,) = heard(rig)
    assert (restated[150], restated[39], restated[378], restated[44]) == ("D", "0", "3", "9.99")


def test_e_1_d_the_broker_cuts_the_quantity(rig):
    accepted(rig)
    rig.broker.fill("40", "10.00")
    heard(rig)
    rig.broker.tell(reports.Restated, reason=ExecRestatementReason.PARTIAL_DECLINE_OF_ORDER_QTY, order_qty=Decimal(60))
    (restated,) = heard(rig)
    assert (restated[150], restated[39], restated[378], restated[38], restated[151]) == ("D", "1", "5", "60", "20")


def test_f_1_a_a_repeated_clordid_is_refused_with_the_live_orders_state(rig):
    a = accepted(rig)
    rig.broker.fill("40", "10.00")
    heard(rig)
    rig.order("500", "11.00", cl_ord_id=a)
    (reject,) = heard(rig)
    assert (reject[150], reject[103], reject[11], reject[37]) == ("8", "6", a, "1")
    assert (reject[39], reject[38], reject[14], reject[151], reject[6]) == ("1", "100", "40", "60", "10.00")
    assert rig.broker.calls == ["submit"]
    assert rig.of(a).open


def test_f_1_b_a_possible_resend_of_the_same_terms_is_answered_with_the_status(rig):
    a = accepted(rig)
    rig.order(cl_ord_id=a, t97="Y")
    (status,) = heard(rig)
    assert (status[150], status[39], status[17], status[11]) == ("I", "0", "0", a)
    assert rig.broker.calls == ["submit"]


def test_f_1_b_a_possible_resend_with_other_terms_is_refused(rig):
    a = accepted(rig)
    rig.order("200", cl_ord_id=a, t97="Y")
    (reject,) = heard(rig)
    assert (reject[150], reject[103]) == ("8", "6")


def test_f_1_b_a_possible_resend_of_an_unknown_id_is_a_new_order(rig):
    rig.order(t97="Y")
    rig.broker.ack()
    assert told(heard(rig)) == ["0/0"]


def test_g_1_a_the_status_of_a_working_order(rig):
    a = accepted(rig)
    rig.broker.fill("40", "10.00")
    heard(rig)
    rig.send("H", (11, a), (55, "AAPL"), (54, "1"), (790, "Q7"))
    (status,) = heard(rig)
    assert (status[150], status[39], status[14], status[151], status[6]) == ("I", "1", "40", "60", "10.00")
    assert (status[17], status[790]) == ("0", "Q7")
    assert 32 not in status
    assert 31 not in status


def test_g_1_b_the_status_of_an_order_that_is_over(rig):
    a = accepted(rig)
    rig.broker.tell(reports.Canceled)
    heard(rig)
    rig.send("H", (11, a), (55, "AAPL"), (54, "1"))
    assert told(heard(rig)) == ["I/4"]


def test_g_1_c_the_status_of_an_unknown_order(rig):
    rig.send("H", (11, "NOBODY"), (55, "AAPL"), (54, "1"))
    (status,) = heard(rig)
    assert (status[150], status[39], status[37], status[103]) == ("I", "8", "NONE", "5")
    assert (status[38], status[14], status[151], status[6]) == ("0", "0", "0", "0")


def test_h_1_a_a_gt_order_done_for_the_day_keeps_what_is_left(rig):
    accepted(rig, t59="1")
    rig.broker.fill("40", "10.00")
    rig.broker.tell(reports.DoneForDay)
    _, done = heard(rig)
    assert (done[150], done[39], done[14], done[151], done[59]) == ("3", "3", "40", "60", "1")
    rig.broker.tell(reports.Restated, reason=ExecRestatementReason.GT_RENEWAL)
    (renewed,) = heard(rig)
    assert (renewed[150], renewed[39], renewed[378], renewed[151]) == ("D", "1", "1", "60")


def test_h_1_d_a_split_restates_a_gt_order(rig):
    accepted(rig, t59="1")
    rig.broker.tell(
        reports.Restated,
        reason=ExecRestatementReason.GT_CORPORATE_ACTION,
        order_qty=Decimal(200),
        price=Decimal("5.00"),
    )
    (split,) = heard(rig)
    assert (split[150], split[39], split[378], split[38], split[44]) == ("D", "0", "0", "200", "5.00")


def test_i_1_a_a_fok_order_that_cannot_be_filled_is_cancelled(rig):
    accepted(rig, t59="4")
    rig.broker.tell(reports.Canceled)
    (canceled,) = heard(rig)
    assert (canceled[150], canceled[39], canceled[14], canceled[151]) == ("4", "4", "0", "0")
    assert 378 not in canceled


def test_i_1_b_an_ioc_order_is_filled_in_part_and_cancelled(rig):
    accepted(rig, t59="3")
    rig.broker.fill("40", "10.00")
    rig.broker.tell(reports.Canceled)
    fill, canceled = heard(rig)
    assert (fill[150], fill[39], fill[151]) == ("F", "1", "60")
    assert (canceled[150], canceled[39], canceled[14], canceled[151]) == ("4", "4", "40", "0")


def test_j_1_a_a_fill_is_busted_and_another_corrected(rig):
    accepted(rig)
    first = rig.broker.fill("50", "10.00")
    second = rig.broker.fill("50", "9.98")
    one, two = heard(rig)
    assert two[39] == "2"
    rig.broker.fill("40", "9.98", second, revision=1)
    rig.broker.bust(first)
    corrected, busted = heard(rig)
    assert (corrected[150], corrected[39], corrected[19], corrected[14], corrected[151], corrected[6]) == (
        "G", "1", two[17], "90", "10", "9.99111111",
    )  # fmt: skip
    assert (corrected[32], corrected[31]) == ("40", "9.98")
    assert (busted[150], busted[39], busted[19], busted[14], busted[151], busted[6]) == (
        "H", "1", one[17], "40", "60", "9.98",
    )  # fmt: skip
    assert len({one[17], two[17], corrected[17], busted[17]}) == 4


def test_j_1_a_a_second_correction_names_the_first(rig):
    accepted(rig)
    root = rig.broker.fill("50", "10.00")
    rig.broker.fill("50", "10.01", root, revision=1)
    rig.broker.fill("50", "10.02", root, revision=2)
    _, first, second = heard(rig)
    assert second[19] == first[17]
    assert (second[6], second[14]) == ("10.02", "50")


def test_j_1_b_a_bust_after_the_cancel_takes_the_fill_back(rig):
    accepted(rig)
    root = rig.broker.fill("50", "10.00")
    rig.broker.tell(reports.Canceled)
    heard(rig)
    rig.broker.bust(root)
    (busted,) = heard(rig)
    assert (busted[150], busted[39], busted[14], busted[151], busted[6]) == ("H", "4", "0", "0", "0")


def test_j_1_d_a_bust_after_done_for_day(rig):
    accepted(rig)
    root = rig.broker.fill("50", "10.00")
    rig.broker.tell(reports.DoneForDay)
    heard(rig)
    rig.broker.bust(root)
    (busted,) = heard(rig)
    assert (busted[150], busted[39], busted[14], busted[151]) == ("H", "3", "0", "0")


def test_k_1_a_a_halt_suspends_the_order_and_reinstates_it(rig):
    accepted(rig)
    rig.broker.tell(reports.Suspended)
    rig.broker.tell(reports.Restated, reason=ExecRestatementReason.MARKET)
    suspended, reinstated = heard(rig)
    assert (suspended[150], suspended[39], suspended[151]) == ("9", "9", "100")
    assert (reinstated[150], reinstated[39], reinstated[378], reinstated[151]) == ("D", "0", "8", "100")


def test_k_1_b_a_halt_cancels_the_order(rig):
    accepted(rig)
    rig.broker.tell(reports.Canceled, reason=ExecRestatementReason.CANCEL_ON_TRADING_HALT)
    (canceled,) = heard(rig)
    assert (canceled[150], canceled[39], canceled[378]) == ("4", "4", "6")


def test_x1_a_risk_refusal_is_one_report_and_reaches_no_broker(rig):
    rig.risk.refusal = Rejection(ReasonCode.MAX_VALUE, "order value 187,250 over limit 25,000", "R03", 25000, 187250)
    rig.order()
    (reject,) = heard(rig)
    assert (reject[150], reject[39], reject[103], reject[151]) == ("8", "8", "3", "0")
    assert reject[58] == "MAX_VALUE: order value 187,250 over limit 25,000"
    assert (reject[5700], reject[5701], reject[5702], reject[5703]) == ("MAX_VALUE", "R03", "25000", "187250")
    assert rig.broker.calls == []


def test_x1_a_risk_refusal_of_a_replace_leaves_the_order_as_it_was(rig):
    a = accepted(rig)
    rig.risk.refusal = Rejection(ReasonCode.MAX_QTY, "too much", "R02")
    rig.replace(a, "100000")
    (reject,) = heard(rig)
    assert (reject[102], reject[39], reject[434], reject[5700]) == ("2", "0", "2", "MAX_QTY")
    assert rig.broker.calls == ["submit"]


def test_x2_the_broker_refuses_after_it_acknowledged(rig):
    accepted(rig)
    rig.broker.tell(reports.Refused, text="halted")
    assert told(heard(rig)) == ["8/8"]


def test_x3_a_submit_without_an_answer_is_unknown_until_it_is_found(rig):
    a = rig.order()
    rig.broker.tell(reports.NoAnswer, request=Request.SUBMIT, text="timeout")
    (unknown,) = heard(rig)
    assert (unknown[150], unknown[39], unknown[5730], unknown[151]) == ("A", "A", "Y", "100")
    rig.clock.advance(86_400)
    assert rig.of(a).open
    rig.broker.ack()
    rig.broker.fill("100", "10.00")
    assert told(heard(rig)) == ["0/0", "F/2"]


def test_x3_a_submit_without_an_answer_is_refused_only_on_proof_of_absence(rig):
    a = rig.order()
    rig.broker.tell(reports.NoAnswer, request=Request.SUBMIT, text="timeout")
    heard(rig)
    rig.broker.tell(reports.Absent, text="two lists without it")
    (reject,) = heard(rig)
    assert (reject[150], reject[39], reject[103]) == ("8", "8", "99")
    assert reject[58].startswith("NOT_AT_BROKER")
    assert not rig.of(a).open


def test_x3_an_adapter_that_raises_leaves_the_outcome_unknown(rig):
    rig.broker.raises = ConnectionError("reset by peer")
    a = rig.order()
    (unknown,) = heard(rig)
    assert (unknown[150], unknown[5730]) == ("A", "Y")
    assert rig.of(a).unknown is Request.SUBMIT


def test_x4_a_fill_after_the_cancel_counts(rig):
    accepted(rig)
    rig.broker.tell(reports.Canceled)
    heard(rig)
    rig.broker.fill("40", "10.00")
    rig.broker.fill("60", "10.00")
    late, complete = heard(rig)
    assert (late[150], late[39], late[14], late[151]) == ("F", "4", "40", "0")
    assert (complete[150], complete[39], complete[14], complete[151]) == ("F", "2", "100", "0")


def test_x5_an_overfill_is_told_as_it_is(rig):
    accepted(rig)
    rig.broker.fill("130", "10.00")
    (fill,) = heard(rig)
    assert (fill[150], fill[39], fill[14], fill[151], fill[5731]) == ("F", "2", "130", "0", "30")


def test_x5_an_overfill_makes_the_account_reduce_only(rig):
    accepted(rig)
    rig.broker.fill("130", "10.00")
    assert rig.desk.state(Scope.ACCOUNT, "ACC1") is TradingState.REDUCE_ONLY


def test_x6_a_refused_cancel_leaves_the_order_alive(rig):
    a = accepted(rig)
    rig.cancel(a)
    rig.broker.tell(reports.CancelRefused, text="try later")
    _, reject = heard(rig)
    assert (reject[102], reject[39], reject[434]) == ("99", "0", "1")
    rig.cancel(a)
    assert rig.broker.calls == ["submit", "cancel", "cancel"]


def test_x8_an_execution_of_an_unknown_order_becomes_an_external_order(rig):
    rig.broker.say(
        reports.Executed(
            broker="street", broker_order_id="WEB-1", broker_exec_id="W1", symbol="AAPL", account="ACC1",
            side=Side.BUY, last_qty=Decimal(5), last_px=Decimal(10),
        )
    )  # fmt: skip
    assert heard(rig) == []
    (external,) = rig.desk.blotter.orders()
    assert (external.external, external.cl_ord_id, external.cum_qty) == (True, "EXT-1", 5)
    assert rig.desk.position("ACC1", "AAPL").qty == 5


def test_x9_cancel_on_disconnect_tells_only_the_outcome(rig):
    a = accepted(rig)
    g = accepted(rig, t59="1")
    rig.gateway.on_cancel_on_disconnect("ALPHA", "connection lost")
    assert rig.broker.calls[-1] == "cancel"
    assert rig.of(a).pending_cancel is not None
    assert rig.of(g).pending_cancel is None
    assert heard(rig) == []
    rig.broker.tell(reports.Canceled, rig.of(a))
    (canceled,) = heard(rig)
    assert (canceled[150], canceled[39], canceled[11], canceled[378]) == ("4", "4", a, "7")


def test_x10_a_fill_that_the_broker_tells_again_is_not_told_again(rig):
    accepted(rig)
    rig.broker.fill("40", "10.00", "X77")
    rig.broker.fill("40", "10.00", "X77")
    assert told(heard(rig)) == ["F/1"]
    assert rig.desk.position("ACC1", "AAPL").qty == 40


def test_a_cancel_while_a_replace_is_pending_goes_out_when_the_replace_is_answered(rig):
    a = accepted(rig)
    g = rig.replace(a, "150")
    f = rig.cancel(a)
    assert rig.broker.calls == ["submit", "replace"]
    rig.broker.tell(reports.Replaced)
    assert rig.broker.calls == ["submit", "replace", "cancel"]
    rig.broker.tell(reports.Canceled)
    e, p, r, c = heard(rig)
    assert told([e, p, r, c]) == ["E/E", "6/6", "5/6", "4/4"]
    assert (r[11], c[11], c[41]) == (g, f, g)


def test_a_second_cancel_while_one_is_pending_is_refused(rig):
    a = accepted(rig)
    rig.cancel(a)
    rig.cancel(a)
    assert told(heard(rig)) == ["6/6", "9 102=3/6"]


def test_a_replace_while_a_cancel_is_pending_is_refused(rig):
    a = accepted(rig)
    rig.cancel(a)
    rig.replace(a, "150")
    assert told(heard(rig)) == ["6/6", "9 102=3/6"]


def test_a_replace_before_the_acknowledgement_is_refused(rig):
    a = rig.order()
    rig.replace(a, "150")
    assert told(heard(rig)) == ["9 102=3/A"]


def test_a_replace_while_the_outcome_is_unknown_is_refused(rig):
    a = rig.order()
    rig.broker.tell(reports.NoAnswer, request=Request.SUBMIT, text="timeout")
    rig.replace(a, "150")
    assert told(heard(rig)) == ["A/A", "9 102=3/A"]


def test_a_cancel_while_the_outcome_is_unknown_waits_for_the_query(rig):
    a = rig.order()
    rig.broker.tell(reports.NoAnswer, request=Request.SUBMIT, text="timeout")
    rig.cancel(a)
    assert rig.broker.calls == ["submit"]
    rig.broker.ack()
    assert rig.broker.calls == ["submit", "cancel"]


def test_a_replace_without_a_change_is_confirmed_at_once(rig):
    a = accepted(rig)
    g = rig.replace(a, "100")
    (done,) = heard(rig)
    assert (done[150], done[39], done[11], done[41]) == ("5", "0", g, a)
    assert rig.broker.calls == ["submit"]
    rig.cancel(g)
    assert told(heard(rig)) == ["6/6"]


def test_a_replace_of_what_cannot_change_is_refused(rig):
    a = accepted(rig)
    rig.replace(a, "100", None)
    rig.replace(a, "100", t54="2")
    rig.replace(a, "100", t55="ESZ6")
    assert told(heard(rig)) == ["9 102=99/0"] * 3


def test_a_cancel_of_an_order_that_is_over_is_too_late(rig):
    a = accepted(rig)
    rig.broker.tell(reports.Canceled)
    heard(rig)
    rig.cancel(a)
    assert told(heard(rig)) == ["9 102=0/4"]


def test_a_cancel_may_name_any_id_of_a_live_chain(rig):
    a = accepted(rig)
    rig.replace(a, "150")
    rig.broker.tell(reports.Replaced)
    heard(rig)
    rig.cancel(a)
    assert told(heard(rig)) == ["6/6"]


def test_a_strict_session_must_name_the_last_id_of_the_chain():
    rig = Rig(lenient_cancel=False)
    a = accepted(rig)
    rig.replace(a, "150")
    rig.broker.tell(reports.Replaced)
    heard(rig)
    rig.cancel(a)
    assert told(heard(rig)) == ["9 102=1/0"]


def test_a_repeated_cancel_that_may_be_a_resend_is_answered_with_the_status(rig):
    a = accepted(rig)
    f = rig.cancel(a)
    rig.cancel(a, cl_ord_id=f, t97="Y")
    assert told(heard(rig)) == ["6/6", "I/6"]
    assert rig.broker.calls == ["submit", "cancel"]


def test_a_fill_before_the_acknowledgement_skips_new(rig):
    rig.order()
    rig.broker.fill("40", "10.00")
    rig.broker.ack()
    assert told(heard(rig)) == ["F/1"]


def test_the_order_ends_while_both_a_replace_and_a_cancel_are_pending_and_both_are_answered(rig):
    a = accepted(rig)
    rig.replace(a, "150")
    rig.cancel(a)
    heard(rig)
    rig.broker.tell(reports.Expired)
    assert told(heard(rig)) == ["C/C", "9 102=0/C", "9 102=0/C"]


def test_the_same_clock_gives_the_same_journal():
    """Determinism: the same messages and reports give the same entries."""

    def day():
        rig = Rig()
        a = accepted(rig)
        rig.broker.fill("40", "10.00")
        rig.cancel(a)
        rig.broker.tell(reports.Canceled, transact_time=datetime(2026, 11, 24, tzinfo=UTC))
        return list(rig.journal.read())

    assert day() == day()


def test_a_stop_that_is_held_and_then_triggered_says_so(rig):
    rig.order("100", None, t40="3", t99="11.00")
    rig.broker.ack(held=True)
    (held,) = heard(rig)
    assert (held[150], held[39], held[636]) == ("0", "0", "N")
    rig.broker.ack(held=False)
    rig.broker.ack(held=False)
    (triggered,) = heard(rig)
    assert (triggered[150], triggered[39], triggered[378]) == ("D", "0", "99")
    assert 636 not in triggered
