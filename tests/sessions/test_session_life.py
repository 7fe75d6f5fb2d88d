"""Liveness, time, Logout(5), rejects, routing, cancel on disconnect, hours. SESSION.md section 1, FIX-APP 9."""

from datetime import time

import pytest

from fixspec.dictionary import LENIENT, Validation
from fixspec.enums import CancelOnDisconnectType
from sessions.clock import ManualClock
from sessions.config import CancelOnDisconnect, SendingTimeFault
from sessions.events import (
    CancelOnDisconnectDue,
    Closed,
    LoggedOut,
    MessageReceived,
    NumbersReset,
    RejectReceived,
    RejectSent,
)
from sessions.outbound import reverse_route
from sessions.schedule import Schedule
from sessions.states import Closing, LogoutAnswered
from sessions.store import MemoryStore
from tests.sessions.peer import Peer, an_order, stamp


def kinds(peer, *wanted):
    return [event for event in peer.take_events() if isinstance(event, wanted)]


# --- liveness


def test_a_heartbeat_goes_after_the_interval_of_own_silence_and_any_message_stands_for_it():
    peer = Peer()
    peer.logon(heartbeat=10)
    for _ in range(3):
        peer.wait(6)
        peer.say("35=0")
        assert [message[35] for message in peer.hear()] in ([], ["0"])
    peer.wait(5)
    peer.session.send(an_order())
    peer.pump()
    peer.hear()
    peer.say("35=0")
    peer.wait(9)
    assert peer.hear() == []
    peer.say("35=0")
    peer.wait(1)
    assert peer.hear_one()[35] == "0"


def test_silence_is_asked_about_once_and_then_the_connection_is_given_up():
    peer = Peer()
    peer.logon(heartbeat=10)
    peer.wait(13)
    asked = [message for message in peer.hear() if message[35] == "1"]
    assert len(asked) == 1
    peer.wait(10.5)
    assert not [message for message in peer.hear() if message[35] == "1"]
    assert peer.session.established
    peer.wait(1)
    assert isinstance(peer.session.phase, Closing)
    assert "nothing received" in peer.session.reason
    assert [event.clean for event in kinds(peer, LoggedOut)] == [False]


def test_each_test_request_has_an_id_of_its_own():
    peer = Peer()
    peer.logon(heartbeat=10)
    ids = []
    for _ in range(3):
        peer.wait(13)
        ids += [message[112] for message in peer.hear() if message[35] == "1"]
        peer.say("35=0|112=" + ids[-1])
    assert len(set(ids)) == 3


def test_any_valid_message_is_life_also_one_behind_a_gap():
    peer = Peer(gap_timeout_seconds=10_000)
    peer.logon(heartbeat=10)
    for number in range(5, 15):
        peer.wait(8)
        peer.say("35=0", seq=number)
        assert not [message for message in peer.hear() if message[35] == "1"]
    assert peer.session.established


def test_garbled_input_is_no_life():
    peer = Peer()
    peer.logon(heartbeat=10)
    for _ in range(8):
        peer.wait(3)
        peer.raw(b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01")
    assert not peer.session.established


def test_a_test_request_is_echoed_byte_for_byte_and_waits_its_turn_behind_a_gap():
    peer = Peer()
    peer.logon()
    peer.say("35=1|112=a b=c é~")
    assert peer.hear_one()[112].encode("latin-1") == "a b=c é~".encode()
    peer.say("35=1|112=early", seq=5)
    assert [message[35] for message in peer.hear()] == ["2"]
    peer.say("35=4|123=Y|36=5", seq=3, t43="Y")
    assert peer.hear_one()[112] == "early"


def test_a_probe_asks_now_and_ends_a_connection_that_does_not_answer():
    peer = Peer()
    peer.logon(heartbeat=0)
    peer.session.probe()
    peer.pump()
    assert peer.hear_one()[35] == "1"
    peer.wait(3)
    peer.session.probe()
    peer.wait(2)
    assert peer.hear() == []
    assert isinstance(peer.session.phase, Closing)


def test_a_probe_that_is_answered_changes_nothing():
    peer = Peer()
    peer.logon()
    peer.session.probe()
    peer.pump()
    peer.say(f"35=0|112={peer.hear_one()[112]}")
    peer.wait(10)
    assert peer.session.established


# --- time


def test_a_sending_time_far_from_our_clock_is_rejected_counted_and_ends_the_session():
    for seconds in (-121, 121):
        peer = Peer()
        peer.logon()
        peer.say("35=0", t52=stamp(peer.clock, seconds))
        reject, logout = peer.hear()
        assert (reject[35], reject[373], reject[45]) == ("3", "10", "2")
        assert 371 not in reject
        assert logout[35] == "5"
        assert peer.store.next_target == 3


def test_a_sending_time_within_the_latency_is_taken():
    peer = Peer()
    peer.logon()
    peer.say("35=0", t52=stamp(peer.clock, -119))
    peer.say("35=0", t52=stamp(peer.clock, +119))
    assert peer.hear() == []


def test_a_wrong_sending_time_can_be_a_reject_only():
    peer = Peer(sending_time_fault=SendingTimeFault.REJECT)
    peer.logon()
    peer.say("35=0", t52=stamp(peer.clock, -500))
    assert peer.hear_one()[373] == "10"
    peer.order("a")
    assert peer.session.established
    assert len(kinds(peer, MessageReceived)) == 1


def test_sending_time_need_not_be_checked():
    peer = Peer(max_latency_seconds=0)
    peer.logon()
    peer.say("35=0", t52="20010101-00:00:00")
    assert peer.hear() == []


@pytest.mark.parametrize("digits", [0, 3, 6])
def test_sending_time_may_have_these_fraction_digits(digits):
    peer = Peer()
    peer.logon()
    peer.say("35=0", t52=stamp(peer.clock, digits=digits))
    peer.say("35=0", t52=stamp(peer.clock, digits=6) + "000")
    peer.say("35=0", t52=stamp(peer.clock, digits=6) + "000000")
    assert peer.hear() == []
    assert peer.store.next_target == 5


def test_a_leap_second_is_a_time():
    peer = Peer(clock=ManualClock(1_483_228_799_000_000_000))
    peer.logon()
    peer.say("35=0", t52="20161231-23:59:60.500")
    assert peer.hear() == []


# --- Logout(5)


def test_a_logout_is_answered_and_the_peer_has_ten_seconds_to_close():
    peer = Peer()
    peer.logon()
    peer.say("35=5|58=good night")
    assert peer.hear_one()[35] == "5"
    assert isinstance(peer.session.phase, LogoutAnswered)
    ended = kinds(peer, LoggedOut, Closed)
    assert ended == [LoggedOut("Logout(5) received: good night", True)]
    peer.wait(9.5)
    assert kinds(peer, Closed) == []
    peer.wait(1)
    assert len(kinds(peer, Closed)) == 1
    assert peer.store.next_target == 3


def test_our_logout_waits_for_its_answer_and_serves_requests_meanwhile():
    peer = Peer()
    peer.logon()
    peer.session.send(an_order("a"))
    peer.session.logout("closing time")
    peer.pump()
    assert [message[35] for message in peer.hear()] == ["D", "5"]
    peer.say("35=2|7=2|16=0")
    again = peer.hear()
    assert [(message[35], message[34]) for message in again] == [("D", "2"), ("4", "3")]
    peer.order("b")
    assert len(kinds(peer, MessageReceived)) == 1
    peer.say("35=5")
    assert kinds(peer, LoggedOut, Closed) == [LoggedOut("closing time", True), Closed("closing time")]
    assert peer.hear() == []


def test_what_is_sent_after_our_logout_waits_for_the_next_connection():
    peer = Peer()
    peer.logon()
    peer.session.logout("closing time")
    peer.session.send(an_order("late"))
    peer.pump()
    assert [message[35] for message in peer.hear()] == ["5"]


def test_an_unanswered_logout_ends_in_time_and_is_not_clean():
    peer = Peer(logout_timeout_seconds=10)
    peer.logon()
    peer.session.logout("closing time")
    peer.wait(9.5)
    assert kinds(peer, Closed) == []
    peer.wait(1)
    ended = kinds(peer, LoggedOut, Closed)
    assert [type(event) for event in ended] == [LoggedOut, Closed]
    assert not ended[0].clean


def test_a_logout_behind_a_gap_is_answered_after_the_gap_is_filled():
    peer = Peer()
    peer.logon()
    peer.say("35=5", seq=4)
    assert [message[35] for message in peer.hear()] == ["2"]
    peer.order("a", seq=2)
    peer.order("b", seq=3)
    assert peer.hear_one()[35] == "5"
    assert len(kinds(peer, MessageReceived)) == 2
    assert peer.store.next_target == 5


def test_a_logout_behind_a_gap_that_nobody_fills_is_answered_in_time_and_nothing_is_counted():
    peer = Peer()
    peer.logon()
    peer.say("35=5", seq=4)
    assert [message[35] for message in peer.hear()] == ["2"]
    peer.wait(2.5)
    assert peer.hear() == []
    peer.wait(1)
    assert peer.hear_one()[35] == "5"
    assert kinds(peer, LoggedOut)[0].clean
    peer.lose()
    assert peer.store.next_target == 2


def test_the_answer_to_our_logout_behind_a_gap_is_asked_about_first():
    peer = Peer()
    peer.logon()
    peer.session.logout("closing time")
    peer.pump()
    peer.hear()
    peer.say("35=5", seq=4)
    assert [message[35] for message in peer.hear()] == ["2"]
    peer.order("a", seq=2)
    peer.say("35=4|123=Y|36=4", seq=3)
    assert [type(event) for event in kinds(peer, MessageReceived, LoggedOut, Closed)] == [
        *(MessageReceived, LoggedOut, Closed),
    ]


def test_a_logout_with_a_fault_is_still_a_logout():
    peer = Peer()
    peer.logon()
    peer.say("35=5|45=3")
    assert peer.hear_one()[35] == "5"
    assert kinds(peer, LoggedOut)[0].clean


def test_an_answered_logout_still_serves_a_request():
    peer = Peer()
    peer.logon()
    peer.session.send(an_order("a"))
    peer.say("35=5")
    peer.hear()
    peer.say("35=2|7=2|16=2")
    assert peer.hear_one()[11] == "a"


def test_numbers_can_be_reset_at_logout_and_at_disconnect():
    peer = Peer(reset_on_logout=True)
    peer.logon()
    peer.say("35=5")
    peer.lose()
    assert (peer.store.next_sender, peer.store.next_target) == (1, 1)
    peer = Peer(reset_on_logout=True)
    peer.logon()
    peer.lose()
    assert peer.store.next_target == 2
    peer = Peer(reset_on_disconnect=True)
    peer.logon()
    peer.lose()
    assert peer.store.next_target == 1


# --- Reject(3), CompIDs, routing


def test_a_reject_from_the_peer_is_counted_shown_and_never_answered():
    peer = Peer()
    peer.logon()
    peer.say("35=3|45=7|58=no")
    assert peer.hear() == []
    assert [event.reject.text for event in kinds(peer, RejectReceived)] == ["no"]
    peer.say("35=3|45=seven|58=no")
    assert peer.hear() == []
    assert peer.store.next_target == 4


def test_foreign_comp_ids_are_rejected_counted_and_end_the_session():
    for header in ({"t49": "OTHER"}, {"t56": "OTHER"}):
        peer = Peer()
        peer.logon()
        peer.say("35=0", **header)
        reject, logout = peer.hear()
        assert (reject[35], reject[373], reject[45]) == ("3", "9", "2")
        assert logout[35] == "5"
        assert peer.store.next_target == 3


def test_an_unknown_type_is_rejected_and_a_known_one_not_served_reaches_the_application():
    peer = Peer()
    peer.logon()
    peer.say("35=ZZ")
    reject = peer.hear_one()
    assert (reject[373], reject[372]) == ("11", "ZZ")
    peer.say("35=B|148=head|33=1|58=text")
    assert peer.hear() == []
    assert [event.header.msg_type for event in kinds(peer, MessageReceived)] == ["B"]


def test_every_rejected_message_is_shown_to_the_operator():
    peer = Peer()
    peer.logon()
    peer.say("35=D|11=x|55=IBM|54=1|60=20240101-00:00:00|38=ten|40=1")
    assert [(event.ref_seq_num, event.ref_msg_type) for event in kinds(peer, RejectSent)] == [(2, "D")]


def test_user_defined_tags_are_taken_unless_the_session_is_strict():
    body = "35=D|11=x|55=IBM|54=1|60=20240101-00:00:00|38=10|40=1|9999=mine"
    peer = Peer()
    peer.logon()
    peer.say(body)
    assert len(kinds(peer, MessageReceived)) == 1
    strict = Peer(validation=Validation(user_defined_tags="reject"))
    strict.logon()
    strict.say(body)
    assert strict.hear_one()[373] == "0"


def test_a_lenient_session_takes_a_report_with_a_surprise_in_it():
    peer = Peer(validation=LENIENT, initiator=True)
    peer.connect()
    peer.hear()
    peer.say("35=A|98=0|108=30")
    report = "35=8|37=1|17=1|150=F|39=2|55=IBM|54=1|151=0|14=10|6=1.5|32=10|31=1.5|4711=new|1094=3"
    peer.say(report)
    assert peer.hear() == []
    assert len(kinds(peer, MessageReceived)) == 1


def test_third_party_addressing_is_refused_as_a_comp_id_problem_unless_offered():
    peer = Peer()
    peer.logon()
    peer.order("a", t115="CUSTOMER")
    reject = peer.hear_one()
    assert (reject[373], reject[45]) == ("9", "2")
    assert "115" in reject[58]
    assert peer.session.established
    assert kinds(peer, MessageReceived) == []


def test_answers_to_third_party_messages_carry_the_route_reversed():
    peer = Peer(third_party_routing=True)
    peer.logon()
    peer.say(
        "35=D|11=x|55=IBM|54=1|60=20240101-00:00:00|38=ten|40=1", t115="CUST", t116="TRADER", t144="NY", t128="VENUE"
    )
    reject = peer.hear_one()
    assert (reject[128], reject[129], reject[145], reject[115]) == ("CUST", "TRADER", "NY", "VENUE")
    peer.say("35=1|112=x", t115="CUST")
    assert peer.hear_one()[128] == "CUST"
    peer.take_events()
    peer.order("good", t115="CUST")
    header = kinds(peer, MessageReceived)[0].header
    peer.session.send(an_order("answer"), 0, False, reverse_route(header))
    peer.pump()
    assert peer.hear_one()[128] == "CUST"


def test_an_empty_routing_field_is_a_tag_without_a_value():
    peer = Peer(third_party_routing=True)
    peer.logon()
    peer.order("a", t115="")
    assert peer.hear_one()[373] == "4"


def test_a_logout_can_name_the_message_that_caused_it():
    peer = Peer(logout_ref_seq_num=True)
    peer.logon()
    peer.order("a", seq=1)
    assert peer.hear_one()[45] == "1"


# --- cancel on disconnect


def with_cancel(on, **more):
    peer = Peer(cancel_on_disconnect=CancelOnDisconnect(on=on, grace_ms=10_000, **more))
    peer.logon()
    return peer


def test_cancel_on_disconnect_is_due_after_the_grace_and_only_once():
    peer = with_cancel(CancelOnDisconnectType.DISCONNECT)
    peer.lose()
    peer.wait(9.5)
    assert kinds(peer, CancelOnDisconnectDue) == []
    peer.wait(1)
    assert [event.reason for event in kinds(peer, CancelOnDisconnectDue)] == ["cut"]
    peer.wait(60)
    assert kinds(peer, CancelOnDisconnectDue) == []


def test_a_logon_within_the_grace_stops_it():
    peer = with_cancel(CancelOnDisconnectType.BOTH)
    peer.lose()
    peer.wait(9)
    peer.logon()
    peer.wait(20)
    assert kinds(peer, CancelOnDisconnectDue) == []


def test_a_logon_that_is_refused_does_not_stop_it():
    peer = with_cancel(CancelOnDisconnectType.DISCONNECT)
    peer.lose()
    peer.connect()
    peer.say("35=A|98=0|108=-1")
    peer.lose()
    peer.wait(11)
    assert len(kinds(peer, CancelOnDisconnectDue)) == 1


@pytest.mark.parametrize(
    ("on", "by_logout", "by_loss"),
    [
        (CancelOnDisconnectType.OFF, 0, 0),
        (CancelOnDisconnectType.DISCONNECT, 0, 1),
        (CancelOnDisconnectType.LOGOUT, 1, 0),
        (CancelOnDisconnectType.BOTH, 1, 1),
    ],
)
def test_a_clean_logout_is_no_disconnect_and_the_other_way_round(on, by_logout, by_loss):
    peer = with_cancel(on)
    peer.say("35=5")
    peer.lose()
    peer.wait(11)
    assert len(kinds(peer, CancelOnDisconnectDue)) == by_logout
    peer = with_cancel(on)
    peer.lose()
    peer.wait(11)
    assert len(kinds(peer, CancelOnDisconnectDue)) == by_loss


def test_lost_heartbeats_start_the_grace_too():
    peer = Peer(cancel_on_disconnect=CancelOnDisconnect(on=CancelOnDisconnectType.DISCONNECT, grace_ms=1000))
    peer.logon(heartbeat=10)
    peer.wait(24)
    peer.lose()
    peer.wait(2)
    assert len(kinds(peer, CancelOnDisconnectDue)) == 1


def test_a_logon_may_choose_its_own_terms_until_the_next_one():
    peer = Peer(cancel_on_disconnect=CancelOnDisconnect(on=CancelOnDisconnectType.OFF))
    peer.logon("5741=1|5742=2000")
    peer.lose()
    peer.wait(3)
    assert len(kinds(peer, CancelOnDisconnectDue)) == 1
    peer.logon()
    peer.lose()
    peer.wait(30)
    assert kinds(peer, CancelOnDisconnectDue) == []


def test_a_logon_may_not_choose_where_that_is_fixed():
    peer = Peer(cancel_on_disconnect=CancelOnDisconnect(on=CancelOnDisconnectType.BOTH, peer_may_choose=False))
    peer.logon("5741=0")
    peer.lose()
    peer.wait(11)
    assert len(kinds(peer, CancelOnDisconnectDue)) == 1


# --- hours

NINE_TO_FIVE = Schedule(begin=time(9), end=time(17))
MIDNIGHT_2024 = 1_704_067_200_000_000_000
HOUR = 3_600_000_000_000


def at(hour, schedule=NINE_TO_FIVE, store=None, **more):
    clock = ManualClock(MIDNIGHT_2024 + round(hour * HOUR))
    return Peer(clock=clock, schedule=schedule, store=store, **more)


def test_a_logon_outside_the_hours_is_refused_with_a_text():
    peer = at(8)
    peer.connect()
    peer.say("35=A|98=0|108=30")
    logout = peer.hear_one()
    assert logout[35] == "5"
    assert "hours" in logout[58]


def test_the_end_of_the_hours_is_a_logout():
    peer = at(16.99)
    peer.logon(heartbeat=0)
    peer.wait(40)
    assert peer.hear_one()[35] == "5"
    peer.say("35=5")
    assert kinds(peer, LoggedOut)[0].clean


def test_a_restart_within_the_hours_keeps_the_numbers_and_one_in_the_next_session_does_not():
    store = MemoryStore()
    peer = at(10, store=store)
    peer.logon()
    peer.lose()
    again = at(12, store=store)
    again.connect()
    assert store.next_target == 2
    tomorrow = at(24 + 10, store=store)
    tomorrow.connect()
    assert (store.next_sender, store.next_target) == (1, 1)
    assert [type(event) for event in tomorrow.take_events()] == [NumbersReset]


def test_numbers_are_reset_once_per_session_day_not_per_connection():
    peer = at(24 + 10, store=MemoryStore())
    peer.logon()
    peer.lose()
    peer.hear()
    peer.logon()
    assert kinds(peer, NumbersReset) == []


def test_around_the_clock_sessions_end_and_begin_anew_at_the_boundary():
    peer = at(16.99, schedule=Schedule(begin=time(17), end=time(17)))
    peer.logon(heartbeat=0)
    peer.wait(40)
    assert peer.hear_one()[35] == "5"
    peer.say("35=5")
    peer.lose()
    peer.wait(1)
    assert (peer.store.next_sender, peer.store.next_target) == (1, 1)


def test_messages_for_a_closed_session_wait_until_its_day_is_over():
    store = MemoryStore()
    peer = at(18, store=store)
    assert peer.session.send(an_order()) == 1
    peer.wait(3600, step=10)
    assert store.next_sender == 2
