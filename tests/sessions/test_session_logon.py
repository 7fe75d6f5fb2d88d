"""Logon(A): SESSION.md section 1."""

import pytest

from fixspec.enums import CancelOnDisconnectType
from sessions.config import CancelOnDisconnect, OutgoingCredential, SessionId
from sessions.events import Closed, LoggedOn, LoggedOut, NumbersReset
from sessions.interfaces import NotLoggedOn
from sessions.states import Closing, Disconnected, Established
from tests.sessions.peer import Peer, an_order, frame


def closed(peer):
    return next((event.reason for event in peer.take_events() if isinstance(event, Closed)), None)


def test_a_logon_is_answered_with_its_own_heartbeat_and_number():
    peer = Peer()
    peer.connect()
    peer.say("35=A|98=0|108=17")
    answer = peer.hear_one()
    assert (answer[35], answer[34], answer[49], answer[56], answer[98], answer[108]) == (
        *("A", "1", "BRIDGE", "CLIENT", "0", "17"),
    )
    assert 141 not in answer
    assert peer.take_events() == [LoggedOn(17)]


def test_the_first_message_must_be_a_logon_or_the_connection_ends_in_silence():
    peer = Peer()
    peer.connect()
    peer.say("35=0")
    assert peer.hear() == []
    assert "not a Logon" in closed(peer)
    assert peer.store.next_target == 1


def test_comp_ids_of_another_session_end_the_connection_in_silence():
    peer = Peer()
    peer.connect()
    peer.say("35=A|98=0|108=30", t49="SOMEBODY")
    assert peer.hear() == []
    assert closed(peer)
    assert (peer.store.next_sender, peer.store.next_target) == (1, 1)


def test_a_logon_without_heartbeat_interval_is_a_logout_that_says_so():
    peer = Peer()
    peer.connect()
    peer.say("35=A|98=0")
    logout = peer.hear_one()
    assert logout[35] == "5"
    assert "108" in logout[58]
    assert closed(peer)


@pytest.mark.parametrize("heartbeat", ["-10", "3601", "999999999"])
def test_an_absurd_heartbeat_interval_is_a_logout_that_says_so(heartbeat):
    peer = Peer()
    peer.connect()
    peer.say(f"35=A|98=0|108={heartbeat}")
    logout = peer.hear_one()
    assert logout[35] == "5"
    assert "108" in logout[58]
    assert closed(peer)


def test_heartbeat_interval_zero_means_no_heartbeats_and_no_busy_loop():
    peer = Peer()
    peer.logon(heartbeat=0)
    peer.wait(1000)
    assert peer.hear() == []
    assert peer.session.established
    assert peer.session.due > peer.clock.monotonic()


def test_heartbeat_interval_zero_can_be_forbidden():
    peer = Peer(allow_no_heartbeat=False)
    peer.connect()
    peer.say("35=A|98=0|108=0")
    assert peer.hear_one()[35] == "5"


def test_encryption_is_rejected_as_a_decryption_problem_then_logged_out():
    peer = Peer()
    peer.connect()
    peer.say("35=A|98=1|108=30")
    reject, logout = peer.hear()
    assert (reject[35], reject[373], reject[372], reject[45]) == ("3", "7", "A", "1")
    assert 371 not in reject
    assert (logout[35], logout[34]) == ("5", "2")
    assert closed(peer)


def test_a_refused_logon_in_sequence_counts_so_that_the_next_one_fits():
    peer = Peer()
    peer.connect()
    peer.say("35=A|98=0|108=-1")
    assert isinstance(peer.session.phase, Closing)
    peer.lose()
    assert isinstance(peer.session.phase, Disconnected)
    assert peer.store.next_target == 2
    peer.hear()
    peer.logon()
    assert peer.session.established


def test_a_too_low_number_is_a_logout_with_both_numbers_never_a_silent_close():
    peer = Peer()
    peer.session.set_next(target=10)
    peer.connect()
    peer.say("35=A|98=0|108=30", seq=3)
    logout = peer.hear_one()
    assert logout[35] == "5"
    assert logout[58] == "MsgSeqNum too low, expecting 10 but received 3"
    assert closed(peer)
    assert peer.store.next_target == 10


def test_a_too_high_number_is_answered_first_and_asked_for_after():
    peer = Peer()
    peer.connect()
    peer.say("35=A|98=0|108=30", seq=5)
    answer, request = peer.hear()
    assert answer[35] == "A"
    assert (request[35], request[7], request[16]) == ("2", "1", "0")
    assert peer.session.established


def test_a_queued_logon_only_counts_once_the_gap_is_filled():
    peer = Peer()
    peer.connect()
    peer.say("35=A|98=0|108=30", seq=5)
    peer.hear()
    peer.say("35=4|123=Y|36=5", seq=1, t43="Y")
    assert peer.hear() == []
    assert peer.store.next_target == 6


def test_a_reset_logon_sets_both_numbers_and_is_answered_with_number_one_and_the_flag():
    peer = Peer()
    peer.session.send(an_order())
    peer.session.set_next(target=50)
    peer.connect()
    peer.say("35=A|98=0|108=30|141=Y", seq=1)
    answer = peer.hear_one()
    assert (answer[34], answer[141]) == ("1", "Y")
    assert (peer.store.next_sender, peer.store.next_target) == (2, 2)
    assert list(peer.store.get(1, 100)) == []
    events = peer.take_events()
    assert [type(event) for event in events] == [NumbersReset, LoggedOn]


def test_a_reset_logon_must_bear_number_one():
    peer = Peer()
    peer.connect()
    peer.say("35=A|98=0|108=30|141=Y", seq=5)
    assert peer.hear_one()[35] == "5"
    assert closed(peer)


def test_a_reset_can_be_forbidden():
    peer = Peer(accept_reset=False)
    peer.session.set_next(sender=7, target=7)
    peer.connect()
    peer.say("35=A|98=0|108=30|141=Y", seq=1)
    assert peer.hear_one()[35] == "5"
    assert peer.store.next_target == 7


def test_a_reset_in_session_begins_both_numbers_again():
    peer = Peer()
    peer.logon()
    peer.order("a")
    peer.say("35=A|98=0|108=30|141=Y", seq=1)
    answer = peer.hear_one()
    assert (answer[35], answer[34], answer[141]) == ("A", "1", "Y")
    assert (peer.store.next_sender, peer.store.next_target) == (2, 2)
    peer.take_events()
    peer.order("b", seq=2)
    assert peer.delivered() == ["b"]


def test_we_can_ask_for_a_reset_in_session():
    peer = Peer()
    peer.logon()
    peer.order("a")
    peer.hear()
    peer.session.reset_in_session()
    peer.pump()
    ours = peer.hear_one()
    assert (ours[35], ours[34], ours[141]) == ("A", "1", "Y")
    peer.say("35=A|98=0|108=30|141=Y", seq=1)
    assert peer.hear() == []
    assert (peer.store.next_sender, peer.store.next_target) == (2, 2)


def test_a_second_logon_without_reset_is_a_logout():
    peer = Peer()
    peer.logon()
    peer.say("35=A|98=0|108=30")
    assert peer.hear_one()[35] == "5"
    assert any(isinstance(event, LoggedOut) and not event.clean for event in peer.take_events())


def test_a_connection_without_logon_is_closed_in_time():
    peer = Peer(logon_timeout_seconds=10)
    peer.connect()
    peer.wait(9.5)
    assert closed(peer) is None
    peer.wait(1)
    assert "Logon" in closed(peer)
    assert peer.hear() == []


def test_no_application_message_leaves_before_the_logon_answer():
    peer = Peer()
    peer.connect()
    peer.session.send(an_order())
    peer.pump()
    assert peer.hear() == []
    peer.say("35=A|98=0|108=30")
    assert [message[35] for message in peer.hear()] == ["A"]


def test_the_test_message_indicator_must_match_the_account():
    live, paper = Peer(test_message=False), Peer(test_message=True)
    for peer, more, fits in [
        (live, "", True),
        (Peer(test_message=False), "|464=N", True),
        (Peer(test_message=False), "|464=Y", False),
        (paper, "|464=Y", True),
        (Peer(test_message=True), "", False),
    ]:
        peer.connect()
        peer.say(f"35=A|98=0|108=30{more}")
        assert peer.session.established == fits
        assert peer.hear_one()[35] == ("A" if fits else "5")


def test_another_begin_string_at_logon_ends_in_silence_and_later_in_a_logout():
    peer = Peer()
    peer.connect()
    foreign = frame(peer.text("35=A|98=0|108=30")).replace(b"FIX.4.4", b"FIX.4.2")
    foreign = foreign[:-4] + b"%03d\x01" % (sum(foreign[: foreign.rindex(b"10=")]) % 256)
    peer.raw(foreign)
    assert peer.hear() == []
    assert closed(peer)

    peer = Peer()
    peer.logon()
    peer.raw(foreign)
    assert peer.hear_one()[35] == "5"
    assert closed(peer)


def test_a_faulty_logon_is_rejected_and_logged_out():
    peer = Peer()
    peer.connect()
    peer.say("35=A|98=0|108=30|141=X")
    reject, logout = peer.hear()
    assert (reject[35], reject[371], reject[45]) == ("3", "141", "1")
    assert logout[35] == "5"


def test_next_expected_equal_to_ours_needs_nothing():
    peer = Peer()
    peer.session.set_next(sender=4)
    peer.connect()
    peer.say("35=A|98=0|108=30|789=4")
    answer = peer.hear_one()
    assert (answer[34], answer[789]) == ("4", "2")


def test_next_expected_below_ours_is_resent_right_after_the_answer_without_a_request():
    peer = Peer()
    for name in "abc":
        peer.session.send(an_order(name))
    peer.connect()
    peer.say("35=A|98=0|108=30|789=2")
    answer, *again = peer.hear()
    assert answer[35] == "A"
    assert [(message[34], message[11], message[43]) for message in again] == [("2", "b", "Y"), ("3", "c", "Y")]
    assert peer.session.send(an_order("d")) == 5


def test_next_expected_above_ours_is_a_logout_with_both_numbers():
    peer = Peer()
    peer.connect()
    peer.say("35=A|98=0|108=30|789=9")
    logout = peer.hear_one()
    assert logout[58] == "NextExpectedMsgSeqNum too high, expecting 1 but received 9"
    assert closed(peer)


def test_with_next_expected_on_both_sides_no_request_is_made_for_the_logon_gap():
    peer = Peer(next_expected=True)
    peer.connect()
    peer.say("35=A|98=0|108=30|789=1", seq=5)
    answer = peer.hear_one()
    assert (answer[35], answer[789]) == ("A", "1")
    peer.say("35=4|123=Y|36=5", seq=1, t43="Y")
    assert peer.store.next_target == 6
    assert peer.hear() == []


def test_a_gap_told_by_next_expected_is_asked_for_if_nothing_comes():
    peer = Peer(next_expected=True, gap_timeout_seconds=20)
    peer.connect()
    peer.say("35=A|98=0|108=0|789=1", seq=5)
    peer.hear()
    peer.wait(21)
    request = peer.hear_one()
    assert (request[35], request[7], request[16]) == ("2", "1", "0")


def test_with_a_reset_next_expected_is_one_in_and_two_out():
    peer = Peer()
    peer.connect()
    peer.say("35=A|98=0|108=30|141=Y|789=1", seq=1)
    answer = peer.hear_one()
    assert (answer[34], answer[141], answer[789]) == ("1", "Y", "2")


def test_sub_ids_and_locations_of_ours_are_in_every_header():
    peer = Peer(sender_sub_id="DESK", target_sub_id="ALGO", sender_location_id="NY", target_location_id="LN")
    peer.connect()
    peer.say("35=A|98=0|108=30")
    answer = peer.hear_one()
    assert (answer[50], answer[57], answer[142], answer[143]) == ("DESK", "ALGO", "NY", "LN")


def test_the_last_processed_number_is_told_where_configured():
    peer = Peer(last_processed=True)
    peer.logon()
    peer.say("35=1|112=x")
    assert peer.hear_one()[369] in ("1", "2")


# --- the other role


def test_an_initiator_says_logon_at_once_and_is_established_by_the_answer():
    peer = Peer(initiator=True, heartbeat=20)
    peer.connect()
    logon = peer.hear_one()
    assert (logon[35], logon[34], logon[98], logon[108]) == ("A", "1", "0", "20")
    assert not peer.session.established
    peer.say("35=A|98=0|108=20")
    assert isinstance(peer.session.phase, Established)
    assert peer.take_events() == [LoggedOn(20)]


def test_what_an_initiator_sent_before_the_answer_goes_out_after_it_as_new():
    peer = Peer(initiator=True)
    peer.connect()
    peer.hear()
    peer.session.send(an_order("early"))
    peer.pump()
    assert peer.hear() == []
    peer.clock.advance(1)
    peer.say("35=A|98=0|108=30")
    sent = peer.hear_one()
    assert (sent[34], sent[11]) == ("2", "early")
    assert 43 not in sent
    assert sent[52].endswith(":01.000")


def test_an_initiator_takes_a_logout_for_an_answer_as_a_refusal():
    peer = Peer(initiator=True)
    peer.connect()
    peer.say("35=5|58=not you")
    assert "not you" in closed(peer)
    assert peer.session.reason.endswith("not you")


def test_an_initiator_with_reset_expects_number_one():
    peer = Peer(initiator=True, reset_on_logon=True)
    peer.connect()
    assert peer.hear_one()[141] == "Y"
    peer.say("35=A|98=0|108=30|141=Y", seq=1)
    assert peer.session.established
    other = Peer(initiator=True, reset_on_logon=True)
    other.connect()
    other.hear()
    other.say("35=A|98=0|108=30|141=Y", seq=3)
    assert other.hear_one()[35] == "5"


def test_an_acceptor_that_resets_unasked_is_answered_by_a_new_logon():
    peer = Peer(initiator=True)
    peer.session.set_next(sender=8, target=9)
    peer.connect()
    assert peer.hear_one()[34] == "8"
    peer.say("35=A|98=0|108=30|141=Y", seq=1)
    again = peer.hear_one()
    assert (again[35], again[34], again[141]) == ("A", "1", "Y")
    assert (peer.store.next_sender, peer.store.next_target) == (2, 2)
    assert peer.session.established


def test_an_initiator_gives_up_without_an_answer():
    peer = Peer(initiator=True, logon_timeout_seconds=5)
    peer.connect()
    peer.wait(6)
    assert closed(peer)


def test_an_initiator_asks_for_what_the_answer_shows_missing():
    peer = Peer(initiator=True)
    peer.connect()
    peer.hear()
    peer.say("35=A|98=0|108=30", seq=4)
    request = peer.hear_one()
    assert (request[35], request[7], request[16]) == ("2", "1", "0")


def test_a_session_of_unequal_case_is_another_session():
    peer = Peer(id=SessionId("BRIDGE", "Client"))
    peer.connect()
    peer.say("35=A|98=0|108=30")
    assert peer.hear() == []


def test_an_acceptor_may_be_configured_to_reset_at_every_logon():
    peer = Peer(reset_on_logon=True)
    peer.session.send(an_order())
    peer.session.set_next(target=40)
    peer.connect()
    peer.say("35=A|98=0|108=30", seq=1)
    answer = peer.hear_one()
    assert answer[34] == "1"
    assert 141 not in answer
    assert (peer.store.next_sender, peer.store.next_target) == (2, 2)


def test_an_initiator_with_next_expected_is_resent_to_and_resends_without_requests():
    peer = Peer(initiator=True, next_expected=True)
    for name in "ab":
        peer.session.send(an_order(name))
    peer.connect()
    logon = peer.hear_one()
    assert (logon[34], logon[789]) == ("3", "1")
    peer.say("35=A|98=0|108=30|789=2", seq=4)
    again = peer.hear()
    assert [(message[35], message[34]) for message in again] == [("D", "2"), ("4", "3")]
    peer.say("35=4|123=Y|36=5", seq=1, t43="Y")
    assert peer.store.next_target == 5
    assert peer.hear() == []


def test_an_initiator_refuses_a_next_expected_above_its_own_number():
    peer = Peer(initiator=True)
    peer.connect()
    peer.hear()
    peer.say("35=A|98=0|108=30|789=9")
    assert peer.hear_one()[58] == "NextExpectedMsgSeqNum too high, expecting 2 but received 9"
    assert not peer.session.established


def test_an_initiator_does_not_take_a_faulty_answer():
    peer = Peer(initiator=True)
    peer.connect()
    peer.hear()
    peer.say("35=A|98=0")
    assert peer.hear_one()[35] == "5"
    assert "108" in closed(peer)


def test_an_acceptor_that_resets_unasked_must_begin_at_one():
    peer = Peer(initiator=True)
    peer.connect()
    peer.hear()
    peer.say("35=A|98=0|108=30|141=Y", seq=4)
    assert peer.hear_one()[35] == "5"


def test_an_initiator_takes_a_reject_for_an_answer_as_a_refusal():
    peer = Peer(initiator=True)
    peer.connect()
    peer.hear()
    peer.say("35=3|45=1|58=bad 98")
    assert "bad 98" in closed(peer)


def test_an_initiator_asks_for_its_own_terms_and_presents_itself():
    cancel = CancelOnDisconnect(on=CancelOnDisconnectType.BOTH, grace_ms=500)
    outgoing = OutgoingCredential("me", "secret")
    peer = Peer(initiator=True, cancel_on_disconnect=cancel, outgoing=outgoing, test_message=True)
    peer.connect()
    logon = peer.hear_one()
    assert (logon[553], logon[554], logon[464]) == ("me", "secret", "Y")
    assert (logon[5741], logon[5742]) == ("3", "500")


def test_a_signed_logon_needs_somebody_to_sign_it():
    peer = Peer(initiator=True, outgoing=OutgoingCredential("me", "secret", sign=True))
    with pytest.raises(ValueError, match="sign"):
        peer.session.connect()


def test_a_reset_in_session_must_bear_number_one_and_be_allowed():
    peer = Peer()
    peer.logon()
    peer.say("35=A|98=0|108=30|141=Y", seq=7)
    assert peer.hear_one()[35] == "5"
    peer = Peer(accept_reset=False)
    peer.logon()
    peer.say("35=A|98=0|108=30|141=Y", seq=1)
    assert peer.hear_one()[35] == "5"
    assert peer.store.next_target == 2


def test_a_reset_needs_an_established_session():
    with pytest.raises(NotLoggedOn):
        Peer().session.reset_in_session()


def test_a_logout_before_the_logon_answer_only_closes():
    peer = Peer(initiator=True)
    peer.connect()
    peer.hear()
    peer.session.logout("never mind")
    peer.pump()
    assert peer.hear() == []
    assert closed(peer) == "never mind"


def test_a_connection_begins_only_after_the_last_has_ended():
    peer = Peer()
    peer.connect()
    with pytest.raises(ValueError, match="connected"):
        peer.session.connect()


def test_numbers_begin_at_one():
    with pytest.raises(ValueError, match="begins at 1"):
        Peer().session.set_next(sender=0)
