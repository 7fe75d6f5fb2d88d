"""Whatever a peer sends, a session neither raises nor grows nor lowers a number."""

import random

import pytest

from sessions.config import Limits
from tests.sessions.peer import Peer, frame, stamp

TYPES = ["0", "1", "2", "3", "4", "5", "A", "D", "F", "8", "ZZ", "B", "j"]
VALUES = [
    "",
    "0",
    "1",
    "2",
    "3",
    "7",
    "-1",
    "99999999999999999999",
    "Y",
    "N",
    "x",
    "\xff",
    "20240101-00:00:00",
    "=",
    "1|",
]
TAGS = [34, 43, 36, 7, 16, 123, 122, 52, 49, 56, 108, 98, 141, 789, 112, 45, 58, 11, 55, 95, 96, 97, 115, 128, 10, 8, 9]


def message(random, peer):
    """A message that is right in most of its parts."""
    fields = {
        "49": "CLIENT",
        "56": "BRIDGE",
        "34": str(max(0, peer.session.next_target + random.choice([0] * 8 + [-2, 1, 5]))),
    }
    fields["52"] = stamp(peer.clock)
    body = {
        "0": "",
        "1": "112=x",
        "2": f"7={random.randint(-1, 12)}|16={random.randint(-1, 12)}",
        "4": f"123={random.choice('YN')}|36={random.randint(0, 40)}",
        "A": f"98=0|108=30|141={random.choice('YN')}",
        "D": "11=a|55=IBM|54=1|60=20240101-00:00:00|38=10|40=1",
    }
    kind = random.choice(TYPES)
    pairs = [f"{tag}={value}" for tag, value in fields.items()] + body.get(kind, "58=x").split("|")
    if random.random() < 0.3:
        pairs += ["43=Y", f"122={stamp(peer.clock, random.choice([-5, 0, 5]))}"]
    for _ in range(random.choice([0, 0, 0, 1, 3])):
        spot = random.randrange(len(pairs))
        change = random.random()
        if change < 0.3:
            del pairs[spot]
        elif change < 0.6:
            pairs.insert(spot, f"{random.choice(TAGS)}={random.choice(VALUES)}")
        else:
            pairs[spot] = pairs[spot].split("=")[0] + "=" + random.choice(VALUES)
        if not pairs:
            break
    text = "|".join([f"35={kind}", *pairs])
    try:
        return frame(text)
    except (ValueError, UnicodeEncodeError):
        return b"8=FIX.4.4\x01" + text.encode("latin-1", "replace")


def spoil(random, data):
    """Flip, cut, repeat or insert bytes."""
    data = bytearray(data)
    for _ in range(random.choice([0, 0, 1, 4])):
        spot = random.randrange(len(data) or 1)
        change = random.random()
        if change < 0.4 and data:
            data[spot] = random.randrange(256)
        elif change < 0.7:
            del data[spot : spot + random.randrange(20)]
        else:
            data[spot:spot] = bytes(random.randrange(256) for _ in range(random.randrange(8)))
    return bytes(data)


def storm(seed, messages):
    random_ = random.Random(seed)
    limits = Limits(max_early_messages=20, max_early_bytes=5_000, max_message_bytes=4_096, resend_slice=5)
    peer = Peer(limits=limits, initiator=seed % 2 == 1, third_party_routing=seed % 3 == 0)
    handled, resets = 1, 0
    for _ in range(messages):
        if not peer.session.connected:
            peer.lose()
            peer.connect()
            peer.say("35=A|98=0|108=30", seq=peer.session.next_target)
        data = spoil(random_, message(random_, peer))
        cut = random_.randrange(len(data) + 1)
        for piece in (data[:cut], data[cut:]):
            if piece and peer.session.connected:
                peer.raw(piece)
        if random_.random() < 0.1:
            peer.wait(random_.choice([0.5, 11, 31]))
        resets = sum(type(event).__name__ == "NumbersReset" for event in peer.events)
        peer.events.clear()
        assert peer.store.next_target >= handled or resets
        handled = peer.store.next_target
        assert len(peer.session._sequence.early) <= 20
        peer.hear()


def test_no_storm_of_nonsense_harms_a_session():
    for seed in range(25):
        storm(seed, 60)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_million_messages_of_nonsense_do_not_either():
    for seed in range(5_000):
        storm(seed, 200)


def test_a_flood_without_an_end_is_not_kept():
    peer = Peer(limits=Limits(max_message_bytes=4_096))
    peer.logon()
    for _ in range(200):
        peer.raw(b"8=FIX.4.4\x019=4000\x0135=0\x01" + b"x" * 3_000)
        assert peer.session._framer.pending < 20_000
    peer.raw(b"y" * 1_000_000)
    assert peer.session._framer.pending < 20_000


def test_a_length_beyond_the_bound_is_skipped_and_the_next_message_read():
    peer = Peer(limits=Limits(max_message_bytes=4_096))
    peer.logon()
    peer.raw(b"8=FIX.4.4\x019=999999999\x0135=0\x01")
    peer.order("a")
    assert peer.delivered() == ["a"]
