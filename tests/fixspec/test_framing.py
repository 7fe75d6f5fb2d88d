"""The framer: pieces wait, whole frames come out, garbled bytes are skipped and counted."""

import random

import pytest

from fixspec.framing import Framer, begin_string, checksum
from tests.fixspec.strategies import NEW_ORDER, framed, message_of

HEARTBEAT = message_of("0")
ORDER = message_of("D", *NEW_ORDER)
LONG = message_of("B", (148, "h"), (33, "1"), (58, "x" * 3000))
ACCENTED = message_of("B", (148, "h"), (33, "1"), (58, "é" * 3000))
DATA = message_of("D", *NEW_ORDER, (354, "33"), (355, b"\x0110=000\x018=FIX.4.4\x019=5\x0135=0\x0110=1"))
OTHER_VERSION = framed(b"35=A\x0134=1\x01", b"FIX.4.2")


def frames(*pieces: bytes, framer: Framer | None = None) -> list[bytes]:
    framer = framer or Framer()
    out = []
    for piece in pieces:
        framer.feed(piece)
        while (frame := framer.next_frame()) is not None:
            out.append(frame)
    return out


def test_several_messages_in_one_read_come_out_in_order() -> None:
    stream = [HEARTBEAT, ORDER, LONG, ACCENTED, DATA, OTHER_VERSION, HEARTBEAT]
    assert frames(b"".join(stream)) == stream


def test_a_message_may_be_cut_at_every_byte() -> None:
    stream = b"".join([HEARTBEAT, DATA, ORDER])
    for at in range(len(stream)):
        framer = Framer()
        assert frames(stream[:at], stream[at:], framer=framer) == [HEARTBEAT, DATA, ORDER]
        assert framer.garbled == 0


def test_a_message_may_come_byte_by_byte() -> None:
    stream = HEARTBEAT + DATA + LONG
    assert frames(*(stream[at : at + 1] for at in range(len(stream)))) == [HEARTBEAT, DATA, LONG]


def test_an_incomplete_message_waits_without_being_garbled() -> None:
    framer = Framer()
    assert frames(ORDER[:-1], framer=framer) == []
    assert (framer.garbled, framer.pending) == (0, len(ORDER) - 1)


def test_another_version_comes_through_for_the_session_to_refuse() -> None:
    (frame,) = frames(OTHER_VERSION)
    assert begin_string(frame) == b"FIX.4.2"


BODY = b"35=0\x0134=1\x01"
GARBLED = {
    "bytes before the first message": b"hello",
    "half a BeginString": b"8=FI",
    "no BodyLength": b"8=FIX.4.4\x0135=0\x0110=000\x01",
    "a BodyLength that is no number": b"8=FIX.4.4\x019=1x\x0135=0\x0110=000\x01",
    "a negative BodyLength": b"8=FIX.4.4\x019=-5\x0135=0\x0110=000\x01",
    "an empty BodyLength": b"8=FIX.4.4\x019=\x0135=0\x0110=000\x01",
    "an endless BodyLength": b"8=FIX.4.4\x019=" + b"0" * 60,
    "an absurd BodyLength": b"8=FIX.4.4\x019=999999999\x0135=0\x01",
    "an absurd BodyLength in another version": b"8=FIX.4.2\x019=999999999\x0135=0\x01",
    "a BodyLength too short": b"8=FIX.4.4\x019=4\x01" + BODY + b"10=000\x01",
    "a BodyLength of zero": framed(b""),
    "a wrong CheckSum": framed(BODY)[:-4] + b"%03d\x01" % ((int(framed(BODY)[-4:-1]) + 1) % 256),
    "a CheckSum of letters": framed(BODY)[:-4] + b"abc\x01",
    "a CheckSum with a sign": framed(BODY)[:-4] + b"+01\x01",
    "no MsgType third": framed(b"34=1\x0135=0\x01"),
    "an empty MsgType": framed(b"35=\x0134=1\x01"),
    "a body without end": framed(b"35=0\x0134=1"),
    "an endless BeginString": b"8=FIX.4.4" + b"4" * 80,
    "nul bytes": b"\x00" * 100,
}


@pytest.mark.parametrize("garbled", GARBLED.values(), ids=GARBLED.keys())
def test_the_message_after_a_garbled_one_is_found(garbled: bytes) -> None:
    framer = Framer()
    assert frames(garbled + ORDER, framer=framer) == [ORDER]
    assert framer.garbled == 1
    (reason,) = framer.take_garbled()
    assert f"skipped {len(garbled)} bytes" in reason
    assert framer.take_garbled() == ()


@pytest.mark.parametrize("garbled", GARBLED.values(), ids=GARBLED.keys())
def test_the_cut_of_a_garbled_stream_changes_nothing(garbled: bytes) -> None:
    stream = HEARTBEAT + garbled + ORDER
    for at in range(len(stream)):
        assert frames(stream[:at], stream[at:]) == [HEARTBEAT, ORDER]


def test_a_body_length_too_long_swallows_only_its_own_message() -> None:
    wrong = HEARTBEAT.replace(b"\x019=", b"\x019=1", 1)
    framer = Framer()
    assert frames(wrong, ORDER, ORDER, ORDER, framer=framer) == [ORDER, ORDER, ORDER]
    assert framer.garbled == 1


def test_garbage_in_pieces_counts_once() -> None:
    framer = Framer()
    assert frames(*[b"x"] * 100, ORDER, framer=framer) == [ORDER]
    assert framer.garbled == 1


def test_reasons_keep_passwords_to_themselves() -> None:
    framer = Framer()
    logon = message_of("A", (98, "0"), (108, "30"), (553, "me"), (554, "secret"))
    frames(logon[:-4] + b"xyz\x01", b"8=FIX.4.4\x01554=secret\x0110=000\x01", ORDER, framer=framer)
    reasons = framer.take_garbled()
    assert len(reasons) == 2
    assert "secret" not in " ".join(reasons)


def test_what_is_kept_of_an_unfinished_message_is_bounded() -> None:
    framer = Framer(max_message=1000)
    for _ in range(10_000):
        framer.feed(b"y" * 100)
        assert framer.next_frame() is None
        assert framer.pending < 10
    assert frames(b"8=FIX.4.4\x019=1001\x01", framer=framer) == []
    assert framer.pending < 50
    framer.feed(b"8=FIX.4.4\x019=1000\x0135=D\x01" + b"y" * 900)
    assert framer.next_frame() is None
    assert framer.pending < 1050


def test_only_the_last_reasons_are_kept() -> None:
    framer = Framer()
    frames((GARBLED["a wrong CheckSum"] + HEARTBEAT) * 100, framer=framer)
    assert framer.garbled == 100
    assert len(framer.take_garbled()) == 32


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 258, 514, 515, 516, 5000])
def test_the_checksum_is_the_sum_of_the_bytes(size: int) -> None:
    for data in (b"\xff" * size, b"\x7f" * size, bytes(random.Random(size).choices(range(256), k=size))):
        assert checksum(data) == sum(data) % 256
