"""Numbers in: gaps, early messages, possible duplicates, SequenceReset(4). SESSION.md section 1."""

import pytest

from sessions.config import Limits, SequenceTooLow
from sessions.events import Closed, LoggedOut, MessageReceived, Noticed
from tests.sessions.peer import Peer, an_order, frame, stamp


def test_messages_in_sequence_are_delivered_and_counted():
    peer = Peer()
    peer.logon()
    peer.order("a")
    peer.order("b")
    assert peer.delivered() == ["a", "b"]
    assert peer.store.next_target == 4


def test_the_stores_number_moves_only_when_the_next_event_is_asked_for():
    peer = Peer()
    peer.logon()
    session = peer.session
    session.receive_data(b"".join(peer_frames(peer, ["a", "b"])))
    assert isinstance(session.next_event(), MessageReceived)
    assert peer.store.next_target == 2
    assert isinstance(session.next_event(), MessageReceived)
    assert peer.store.next_target == 3
    assert session.next_event() is None
    assert peer.store.next_target == 4


def peer_frames(peer, names):

    body = "35=D|11={}|55=IBM|54=1|60=20240101-00:00:00|38=10|40=1"
    return [frame(peer.text(body.format(name))) for name in names]


def test_a_message_the_application_failed_on_is_asked_for_again():
    peer = Peer()
    peer.logon()
    peer.session.receive_data(b"".join(peer_frames(peer, ["a"])))
    assert isinstance(peer.session.next_event(), MessageReceived)
    peer.session.abandon("the application failed")
    peer.pump()
    peer.lose()
    assert peer.store.next_target == 2
    peer.hear()
    peer.connect()
    peer.say("35=A|98=0|108=30")
    assert [(m[35], m[7]) for m in peer.hear() if m[35] == "2"] == [("2", "2")]


def test_messages_cut_anywhere_and_many_at_once_are_all_read():
    for size in (1, 2, 7, 50, 10_000):
        peer = Peer()
        peer.logon()
        data = b"".join(peer_frames(peer, ["a", "b", "c"]))
        for at in range(0, len(data), size):
            peer.raw(data[at : at + size])
        assert peer.delivered() == ["a", "b", "c"]


def test_garbled_input_is_dropped_counted_by_nobody_and_answered_by_nothing():
    peer = Peer()
    peer.logon()
    good, bad = peer_frames(peer, ["a", "b"])
    peer.raw(bad[:-4] + b"999\x01" + b"\x01\x01rubbish" + good)
    assert peer.hear() == []
    events = peer.take_events()
    assert [event.message.cl_ord_id for event in events if isinstance(event, MessageReceived)] == ["a"]
    assert any(isinstance(event, Noticed) and "garbled" in event.text for event in events)
    assert peer.store.next_target == 3


def test_a_gap_is_asked_for_once_and_what_came_early_waits_its_turn():
    peer = Peer()
    peer.logon()
    peer.order("d", seq=5)
    peer.order("e", seq=6)
    peer.order("f", seq=7)
    request = peer.hear_one()
    assert (request[35], request[7], request[16]) == ("2", "2", "0")
    assert peer.delivered() == []
    for number, name in ((2, "a"), (3, "b"), (4, "c")):
        peer.order(name, seq=number, t43="Y", t122=stamp(peer.clock))
    assert peer.delivered() == ["a", "b", "c", "d", "e", "f"]
    assert peer.hear() == []
    assert peer.store.next_target == 8


def test_what_a_partial_resend_leaves_out_is_asked_for_again():
    peer = Peer(resend_chunk=2)
    peer.logon()
    peer.order("z", seq=8)
    assert (peer.hear_one()[16]) == "3"
    peer.order("a", seq=2, t43="Y", t122=stamp(peer.clock))
    assert peer.hear() == []
    peer.order("b", seq=3, t43="Y", t122=stamp(peer.clock))
    request = peer.hear_one()
    assert (request[7], request[16]) == ("4", "5")
    peer.say("35=4|123=Y|36=6", seq=4, t43="Y")
    request = peer.hear_one()
    assert (request[7], request[16]) == ("6", "7")
    peer.say("35=4|123=Y|36=8", seq=6, t43="Y")
    assert peer.delivered() == ["a", "b", "z"]


def test_a_second_gap_behind_the_first_is_asked_for_when_its_turn_comes():
    peer = Peer()
    peer.logon()
    peer.order("d", seq=4)
    peer.order("h", seq=8)
    assert (peer.hear_one()[16]) == "0"
    peer.say("35=4|123=Y|36=4", seq=2, t43="Y")
    request = peer.hear_one()
    assert (request[7], request[16]) == ("5", "0")
    peer.say("35=4|123=Y|36=8", seq=5, t43="Y")
    assert peer.delivered() == ["d", "h"]


def test_early_messages_are_bounded_and_what_found_no_room_is_asked_for_later():
    peer = Peer(limits=Limits(max_early_messages=2))
    peer.logon()
    for number in range(5, 9):
        peer.order(f"n{number}", seq=number)
    peer.hear()
    assert len(peer.session._sequence.early) == 2
    peer.say("35=4|123=Y|36=5", seq=2, t43="Y")
    assert peer.delivered() == ["n5", "n6"]
    peer.order("n9", seq=9)
    request = peer.hear_one()
    assert (request[7], request[16]) == ("7", "0")


def test_a_gap_dies_with_its_connection():
    peer = Peer()
    peer.logon()
    peer.order("c", seq=4)
    peer.lose()
    peer.hear()
    assert peer.session.status("", True).early == 0
    peer.next = 2
    peer.logon()
    peer.order("b", seq=3)
    assert peer.delivered() == ["b"]
    assert peer.hear() == []


def test_an_unanswered_request_is_repeated_and_in_the_end_the_session_is_ended():
    peer = Peer(gap_timeout_seconds=10)
    peer.logon(heartbeat=0)
    peer.order("c", seq=4)
    peer.hear()
    for _ in range(2):
        peer.wait(10.5)
        assert peer.hear_one()[35] == "2"
    peer.wait(10.5)
    assert [message[35] for message in peer.hear()] == ["5"]
    assert any(isinstance(event, Closed) for event in peer.take_events())


def test_a_too_low_number_without_poss_dup_is_a_logout_with_both_numbers():
    peer = Peer()
    peer.logon()
    peer.order("a")
    peer.order("again", seq=2)
    logout = peer.hear_one()
    assert (logout[35], logout[58]) == ("5", "MsgSeqNum too low, expecting 3 but received 2")
    ended = [event for event in peer.take_events() if isinstance(event, LoggedOut)]
    assert [event.clean for event in ended] == [False]


def test_a_too_low_number_can_be_a_reject_for_brokers_that_want_that():
    peer = Peer(too_low=SequenceTooLow.REJECT)
    peer.logon()
    peer.order("a")
    peer.order("again", seq=2)
    reject = peer.hear_one()
    assert (reject[35], reject[45]) == ("3", "2")
    assert any(isinstance(event, Closed) for event in peer.take_events())


def test_a_too_low_possible_duplicate_is_dropped_without_a_word():
    peer = Peer()
    peer.logon()
    peer.order("a")
    peer.order("a", seq=2, t43="Y", t122=stamp(peer.clock))
    assert peer.delivered() == ["a"]
    assert peer.hear() == []
    assert peer.session.established


def test_a_too_low_possible_duplicate_from_the_future_is_rejected_for_its_time():
    peer = Peer()
    peer.logon()
    peer.order("a")
    peer.order("a", seq=2, t43="Y", t122=stamp(peer.clock, +1))
    reject = peer.hear_one()
    assert (reject[35], reject[373], reject[45], reject[372]) == ("3", "10", "2", "D")
    assert peer.store.next_target == 3


def test_a_too_low_possible_duplicate_without_orig_sending_time_is_rejected():
    peer = Peer()
    peer.logon()
    peer.order("a")
    peer.order("a", seq=2, t43="Y")
    reject = peer.hear_one()
    assert (reject[35], reject[373], reject[371], reject[45]) == ("3", "1", "122", "2")
    assert peer.session.established


def test_the_same_two_checks_hold_at_the_expected_number_which_is_then_counted():
    peer = Peer()
    peer.logon()
    peer.order("a", t43="Y")
    assert (peer.hear_one()[371]) == "122"
    peer.order("b", t43="Y", t122=stamp(peer.clock, +1))
    assert (peer.hear_one()[373]) == "10"
    peer.order("c", t43="Y", t122=stamp(peer.clock, -1))
    assert peer.delivered() == ["c"]
    assert peer.store.next_target == 5


def test_a_gap_fill_without_orig_sending_time_is_common_and_taken():
    peer = Peer()
    peer.logon()
    peer.say("35=4|123=Y|36=5", seq=2, t43="Y")
    assert peer.hear() == []
    assert peer.store.next_target == 5


def test_a_too_low_gap_fill_is_ignored_with_poss_dup_and_a_logout_without():
    peer = Peer()
    peer.logon()
    peer.order("a")
    peer.say("35=4|123=Y|36=9", seq=2, t43="Y")
    assert peer.hear() == []
    assert peer.store.next_target == 3
    peer.say("35=4|123=Y|36=9", seq=2)
    assert peer.hear_one()[35] == "5"


def test_a_gap_fill_that_does_not_lead_upwards_is_rejected_and_counted():
    peer = Peer()
    peer.logon()
    peer.say("35=4|123=Y|36=2", seq=2)
    reject = peer.hear_one()
    assert (reject[35], reject[373], reject[371], reject[45]) == ("3", "5", "36", "2")
    assert peer.store.next_target == 3


def test_a_gap_fill_beyond_the_gap_does_not_swallow_messages_that_are_here():
    peer = Peer()
    peer.logon()
    peer.order("e", seq=5)
    peer.order("g", seq=7)
    peer.hear()
    peer.say("35=4|123=Y|36=20", seq=2, t43="Y")
    assert peer.delivered() == ["e", "g"]
    assert peer.store.next_target == 20
    assert peer.hear() == []


def test_a_too_high_gap_fill_waits_for_its_turn():
    peer = Peer()
    peer.logon()
    peer.say("35=4|123=Y|36=9", seq=4)
    assert (peer.hear_one()[35]) == "2"
    peer.order("a", seq=2)
    peer.order("b", seq=3)
    assert peer.store.next_target == 9


def test_reset_mode_ignores_its_own_number_and_moves_up():
    peer = Peer()
    peer.logon()
    peer.order("early", seq=6)
    peer.hear()
    peer.say("35=4|123=N|36=10", seq=1)
    assert peer.hear() == []
    assert peer.store.next_target == 10
    peer.take_events()
    peer.order("j", seq=10)
    assert peer.delivered() == ["j"]


def test_reset_mode_to_the_expected_number_is_only_noticed():
    peer = Peer()
    peer.logon()
    peer.say("35=4|36=2", seq=77)
    assert peer.hear() == []
    assert any(isinstance(event, Noticed) for event in peer.take_events())
    assert peer.store.next_target == 2


def test_reset_mode_never_lowers_the_number():
    peer = Peer()
    peer.logon()
    peer.order("a")
    peer.order("b")
    peer.say("35=4|36=2")
    reject = peer.hear_one()
    assert (reject[35], reject[373], reject[371]) == ("3", "5", "36")
    assert peer.store.next_target == 4


def test_without_a_number_the_session_ends_with_a_logout():
    peer = Peer()
    peer.logon()
    peer.say("35=0", t34=None)
    logout = peer.hear_one()
    assert logout[35] == "5"
    assert "MsgSeqNum" in logout[58]


def test_a_number_that_is_none_ends_the_session_too():
    peer = Peer()
    peer.logon()
    peer.say("35=0", t34="two")
    assert peer.hear_one()[35] == "5"


def test_a_rejected_message_in_sequence_is_counted():
    peer = Peer()
    peer.logon()
    peer.say("35=D|11=x|55=IBM|54=1|60=20240101-00:00:00|38=ten|40=1")
    reject = peer.hear_one()
    assert (reject[35], reject[45], reject[372], reject[371], reject[373]) == ("3", "2", "D", "38", "6")
    peer.order("next")
    assert peer.delivered() == ["next"]


def test_a_faulty_message_behind_a_gap_is_rejected_in_its_turn():
    peer = Peer()
    peer.logon()
    peer.say("35=D|11=x|55=IBM|54=1|60=20240101-00:00:00|38=ten|40=1", seq=3)
    assert [message[35] for message in peer.hear()] == ["2"]
    peer.order("a", seq=2)
    reject = peer.hear_one()
    assert (reject[35], reject[45]) == ("3", "3")
    assert peer.store.next_target == 4


def test_a_message_whose_header_is_incomplete_still_counts():
    peer = Peer()
    peer.logon()
    peer.say("35=0", t52=None)
    reject = peer.hear_one()
    assert (reject[35], reject[45], reject[371], reject[373]) == ("3", "2", "52", "1")
    assert peer.store.next_target == 3


def test_the_journal_may_know_more_than_the_store():
    peer = Peer(next_target=12)
    assert peer.store.next_target == 12
    other = Peer(store=peer.store, next_target=5)
    assert other.store.next_target == 12


def test_an_operator_can_set_numbers_only_without_a_connection():
    peer = Peer()
    peer.logon()
    with pytest.raises(ValueError, match="connected"):
        peer.session.set_next(sender=5)
    peer.lose()
    peer.session.set_next(sender=5, target=6)
    assert peer.session.send(an_order()) == 5
