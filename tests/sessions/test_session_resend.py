"""What the peer asks for again, and what of ours waits. SESSION.md section 1, ResendRequest."""

import pytest

from sessions.config import Limits
from sessions.session import resend_fresh_requests
from tests.sessions.peer import Peer, an_order, frame, stamp


def with_sent(names, **settings):
    """A session that has sent an order per name, from number 2 on, one second ago."""
    peer = Peer(**settings)
    peer.logon()
    for name in names:
        peer.session.send(an_order(name))
    peer.pump()
    peer.hear()
    peer.clock.advance(1)
    return peer


def numbers(messages):
    return [(message[35], int(message[34])) for message in messages]


def test_application_messages_come_again_as_they_were_with_poss_dup_and_both_times():
    peer = with_sent("ab")
    first = stamp(peer.clock, -1)
    peer.say("35=2|7=2|16=3")
    again = peer.hear()
    assert numbers(again) == [("D", 2), ("D", 3)]
    for message in again:
        assert (message[43], message[122], message[52]) == ("Y", first, stamp(peer.clock))
    assert [message[11] for message in again] == ["a", "b"]


def test_a_run_of_administrative_messages_is_one_gap_fill():
    peer = with_sent("a")
    for name in "xyz":
        peer.say(f"35=1|112={name}")
    peer.session.send(an_order("b"))
    peer.pump()
    peer.hear()
    peer.say("35=2|7=1|16=0")
    again = peer.hear()
    assert numbers(again) == [("4", 1), ("D", 2), ("4", 3), ("D", 6)]
    fill = again[2]
    assert (fill[123], fill[36], fill[43]) == ("Y", "6", "Y")
    assert 122 in fill


def test_a_resend_takes_no_numbers():
    peer = with_sent("ab")
    peer.say("35=2|7=1|16=0")
    peer.hear()
    assert peer.session.send(an_order()) == 4


def test_a_gap_fill_never_reaches_beyond_what_was_asked_for():
    peer = with_sent("")
    for name in "wxyz":
        peer.say(f"35=1|112={name}")
    peer.hear()
    peer.say("35=2|7=2|16=3")
    fill = peer.hear_one()
    assert (fill[34], fill[36]) == ("2", "4")


def test_a_reject_is_the_one_administrative_message_that_is_resent():
    peer = with_sent("")
    peer.say("35=D|11=x|55=IBM|54=1|60=20240101-00:00:00|38=ten|40=1")
    peer.hear()
    peer.say("35=2|7=1|16=0")
    fill, reject = peer.hear()
    assert (fill[35], fill[36]) == ("4", "2")
    assert (reject[35], reject[34], reject[43], reject[371]) == ("3", "2", "Y", "38")


@pytest.mark.parametrize(
    ("asked", "tag"), [("7=0|16=0", "7"), ("7=5|16=9", "7"), ("7=3|16=1", "16"), ("7=9|16=0", "7"), ("7=3|16=2", "16")]
)
def test_a_request_for_nothing_is_rejected_and_never_filled_downwards(asked, tag):
    peer = with_sent("ab")
    peer.say(f"35=2|{asked}")
    reject = peer.hear_one()
    assert (reject[35], reject[373], reject[371]) == ("3", "5", tag)
    assert peer.session.established


def test_a_request_beyond_what_exists_is_clamped():
    peer = with_sent("ab")
    peer.say("35=2|7=2|16=999999")
    assert numbers(peer.hear()) == [("D", 2), ("D", 3)]


def test_a_too_high_request_is_served_at_once_its_gap_asked_for_and_itself_only_counted():
    peer = with_sent("ab")
    peer.say("35=2|7=2|16=0", seq=4)
    again = peer.hear()
    assert [message[35] for message in again] == ["D", "D", "2"]
    assert (again[2][7], again[2][16]) == ("2", "0")
    peer.say("35=4|123=Y|36=4", seq=2, t43="Y")
    assert peer.hear() == []
    assert peer.store.next_target == 5


def test_a_long_resend_goes_in_slices_and_new_messages_follow_it():
    peer = with_sent([f"n{n}" for n in range(25)], limits=Limits(resend_slice=10))
    session = peer.session

    session.receive_data(frame(peer.text("35=2|7=1|16=0")))
    while session.next_event() is not None:
        pass
    peer.output += session.take_output()
    assert len(peer.hear()) == 11
    assert session.has_work
    assert session.send(an_order("new")) == 27
    assert session.take_output() == b""
    peer.pump()
    rest = peer.hear()
    assert numbers(rest) == [("D", n) for n in range(12, 28)]
    assert 43 not in rest[-1]
    assert rest[-1][11] == "new"


def test_answers_to_the_peer_wait_for_the_end_of_a_resend_and_then_take_their_numbers():
    peer = with_sent([f"n{n}" for n in range(25)], limits=Limits(resend_slice=10))

    peer.session.receive_data(frame(peer.text("35=2|7=2|16=0")) + frame(peer.text("35=1|112=ping")))
    peer.pump()
    heard = peer.hear()
    assert numbers(heard) == [("D", n) for n in range(2, 27)] + [("0", 27)]
    assert heard[-1][112] == "ping"


def test_an_impatient_peer_that_repeats_its_request_is_answered_once():
    peer = with_sent([f"n{n}" for n in range(30)], limits=Limits(resend_slice=5))

    peer.session.receive_data(
        frame(peer.text("35=2|7=1|16=0")) + b"".join(frame(peer.text("35=2|7=20|16=0")) for _ in range(50))
    )
    peer.pump()
    assert numbers(peer.hear()) == [("4", 1)] + [("D", n) for n in range(2, 32)]


def test_many_different_requests_are_merged_and_all_served():
    peer = with_sent([f"n{n}" for n in range(60)], limits=Limits(resend_slice=5, max_resend_requests=3))

    ranges = [(50, 55), (10, 12), (30, 33), (2, 4), (40, 41), (20, 20)]
    peer.session.receive_data(b"".join(frame(peer.text(f"35=2|7={b}|16={e}")) for b, e in ranges))
    peer.pump()
    sent = {int(message[34]) for message in peer.hear()}
    for begin, end in ranges:
        assert sent.issuperset(range(begin, end + 1))
    assert peer.session.send(an_order()) == 62
    peer.pump()
    assert 43 not in peer.hear_one()


def test_stale_requests_are_gap_filled_and_reports_are_always_resent():
    allowed = []

    def policy(session_id, msg_type, age_ns):
        allowed.append((session_id, msg_type, age_ns))
        return len(allowed) != 2

    peer = with_sent("abc", may_resend=policy)
    peer.say("35=2|7=2|16=0")
    again = peer.hear()
    assert numbers(again) == [("D", 2), ("4", 3), ("D", 4)]
    assert allowed[0] == ("S", "D", 1_000_000_000)


def test_the_default_policy_resends_reports_and_fresh_requests_only():
    policy = resend_fresh_requests(Peer(resend_requests_max_age_seconds=10).config)
    assert policy("S", "8", 10**15)
    assert policy("S", "3", 10**15)
    assert policy("S", "D", 10 * 10**9)
    assert not policy("S", "D", 10 * 10**9 + 1)
    assert not policy("S", "F", 10**11)
    assert not policy("S", "G", 10**11)


def test_messages_sent_while_the_peer_was_away_are_asked_for_at_the_next_logon():
    peer = Peer()
    for name in "abc":
        peer.session.send(an_order(name), origin=7)
    peer.connect()
    peer.say("35=A|98=0|108=30")
    assert peer.hear_one()[34] == "4"
    assert peer.store.last_origin == 7
    peer.say("35=2|7=1|16=3")
    assert [message[11] for message in peer.hear()] == ["a", "b", "c"]


def test_a_peer_that_does_not_read_finds_everything_in_order_when_it_does():
    peer = with_sent("")
    peer.session.pause()
    for name in "abc":
        peer.session.send(an_order(name))
    peer.say("35=1|112=x")
    assert peer.hear() == []
    assert peer.session.status("", True).unsent == 3
    peer.clock.advance(2)
    peer.session.resume()
    peer.pump()
    heard = peer.hear()
    assert numbers(heard) == [("D", 2), ("D", 3), ("D", 4), ("0", 5)]
    assert all(43 not in message and message[52] == stamp(peer.clock) for message in heard)


def test_a_slow_consumer_is_cut_off_by_name():
    peer = with_sent("", limits=Limits(max_stalled_seconds=5))
    peer.session.pause()
    peer.wait(4)
    assert peer.session.established
    peer.wait(2)
    assert peer.session.reason.startswith("slow consumer")


def test_a_consumer_too_far_behind_is_cut_off_by_name():
    peer = with_sent("", limits=Limits(max_unsent_messages=10))
    peer.session.pause()
    for _ in range(11):
        peer.session.send(an_order())
    peer.wait(1.5)
    assert peer.session.reason.startswith("slow consumer: 11 messages")


def test_a_peer_that_does_not_read_cannot_pile_up_answers():
    peer = with_sent("")
    peer.session.pause()
    for n in range(2000):
        peer.say(f"35=1|112={n}")
    peer.wait(1.5)
    assert peer.session.reason.startswith("slow consumer")


def test_poss_resend_is_carried_and_is_no_possible_duplicate():
    peer = with_sent("")
    peer.session.send(an_order("a"), origin=3, poss_resend=True)
    peer.pump()
    message = peer.hear_one()
    assert message[97] == "Y"
    assert 43 not in message


def test_microsecond_times_survive_a_resend():
    peer = with_sent("a", timestamp_digits=6)
    peer.say("35=2|7=2|16=2")
    message = peer.hear_one()
    assert len(message[52]) == len(message[122]) == len("20240101-00:00:00.000000")


def test_a_held_back_message_keeps_the_width_of_its_time():
    for digits in (0, 3, 6, 9):
        peer = with_sent("", timestamp_digits=digits)
        peer.session.pause()
        peer.session.send(an_order("a"))
        peer.session.resume()
        peer.pump()
        assert peer.hear_one()[11] == "a"
