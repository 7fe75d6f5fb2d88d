"""Mutated messages: decoder and framer answer whatever comes, and what was learnt never changes an answer."""

import random
from collections.abc import Iterator

import pytest

from fixspec.codec import Decoder, Encoder, Inbound, SessionReject, encode
from fixspec.dictionary import FIX44, LENIENT, STRICT
from fixspec.framing import Framer
from tests.fixspec.strategies import NEW_ORDER, framed, message_of

REPORT = [(37, "1"), (11, "A"), (17, "E1"), (150, "0"), (39, "0"), (55, "AAPL"), (54, "1"), (38, "10")]
SEEDS = [
    message_of("D", *NEW_ORDER),
    message_of("D", *NEW_ORDER, (453, "2"), (448, "X"), (447, "D"), (452, "3"), (448, "Y"), (802, "1"), (523, "s")),
    message_of("D", *NEW_ORDER, (18, "6 G"), (59, "6"), (432, "20260302"), (354, "5"), (355, b"a\x01=bc"), (9001, "z")),
    message_of(
        "8", *REPORT, (151, "10"), (14, "0"), (6, "0"), (60, "20260302-14:30:00.123456"), (136, "1"), (137, "1")
    ),
    message_of("F", (41, "A"), *NEW_ORDER[:5]),
    message_of(
        "A", (98, "0"), (108, "30"), (141, "Y"), (384, "1"), (372, "D"), (385, "R"), (95, "2"), (96, b"\x01\x01")
    ),
    message_of(
        "AE",
        (571, "R"),
        (570, "N"),
        (55, "A"),
        (32, "1"),
        (31, "2"),
        (75, "20260302"),
        (60, "20260302-10:00:00"),
        (552, "1"),
        (54, "1"),
        (37, "O"),
        (453, "1"),
        (448, "X"),
        (58, "t"),
    ),
    message_of("B", (148, "h"), (33, "2"), (58, "a"), (58, "b"), (95, "3"), (96, b"x=\x01")),
    message_of("0"),
    message_of(
        "AP",
        (721, "P"),
        (728, "0"),
        (715, "20260302"),
        (453, "1"),
        (448, "X"),
        (1, "A"),
        (581, "1"),
        (730, "1"),
        (731, "1"),
        (734, "1"),
        (702, "2"),
        (703, "TOT"),
        (704, "5"),
        (539, "1"),
        (524, "n"),
        (525, "D"),
        (703, "FIN"),
        (9001, "u"),
        (705, "1"),
        (753, "1"),
        (707, "CASH"),
        (708, "2.5"),
        (5750, "1"),
    ),
    message_of(
        "y",
        (320, "R"),
        (322, "S"),
        (560, "0"),
        (146, "2"),
        (55, "A"),
        (362, "3"),
        (363, b"i\x01="),
        (58, "t"),
        (55, "B"),
        (541, "20260302"),
        (711, "1"),
        (311, "U"),
        (15, "USD"),
    ),
]
TOKENS = [
    b"=",
    b"\x01",
    b"10=",
    b"9=",
    b"8=FIX.4.4\x01",
    b"453=2\x01",
    b"448=",
    b"354=3\x01",
    b"35=D\x01",
    b"-",
    b"9" * 20,
    b"\xff",
    b"\x00",
    b"58=\x01",
    b"0",
    b"1e5",
    b"78=1\x01",
    b"34=2\x01",
    b"43=Y\x01",
    b"122=x\x01",
]


def mutated(rng: random.Random, raw: bytes) -> bytes:
    """`raw` with one to four changes to bytes or whole fields, mostly framed anew so that it reaches the decoder."""
    body = bytearray(raw[raw.index(b"\x0135=") + 1 : -7])
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(8)
        at = rng.randrange(len(body) + 1)
        if kind == 0 and body:
            body[at % len(body)] = rng.randrange(256)
        elif kind == 1:
            body[at:at] = rng.choice(TOKENS)
        elif kind == 2:
            del body[at : at + rng.randint(1, 6)]
        else:
            fields = bytes(body).split(b"\x01")
            first, second = rng.randrange(len(fields)), rng.randrange(len(fields))
            if kind == 3:
                fields[first], fields[second] = fields[second], fields[first]
            elif kind == 4:
                fields.insert(first, fields[second])
            elif kind == 5:
                del fields[first]
            else:
                tag, _, value = fields[first].partition(b"=")
                fields[first] = (
                    tag + b"=" + rng.choice([b"0", b"X", b"", b"1.5", b"20260302-14:30:00", value + b"0", value[:-1]])
                )
            body = bytearray(b"\x01".join(fields))
    return framed(bytes(body)) if rng.random() < 0.95 else bytes(body)


def decoders() -> Iterator[tuple[Decoder, Decoder]]:
    for validation in (STRICT, LENIENT):
        learning = Decoder(FIX44, validation)
        for raw in SEEDS * 10:
            learning.decode(raw)
        yield learning, Decoder(FIX44, validation, learn=False)


def fuzz(cases: int, seed: int) -> None:
    rng = random.Random(seed)
    pairs = list(decoders())
    encoder = Encoder("A", "B", timestamp_digits=None)
    accepted = 0
    for case in range(cases):
        raw = mutated(rng, rng.choice(SEEDS))
        learning, exact = pairs[case % 2]
        decoded = learning.decode(raw)
        assert decoded == exact.decode(raw), raw
        if isinstance(decoded, SessionReject):
            assert decoded.text
            assert len(decoded.text) < 200
            continue
        accepted += 1
        assert isinstance(decoded, Inbound)
        if case % 2 == 0:
            again = exact.decode(encode(decoded.header, decoded.message))
            # a required group of no entries is taken, and is no different from one that is not there
            none = isinstance(again, SessionReject) and b"\x01%d=0\x01" % (again.ref_tag_id or 0) in raw
            assert none or again == decoded, raw
            encoder.encode(decoded.message, 1, b"20260302-14:30:00")
    assert cases / 20 < accepted < cases


def fuzz_framer(streams: int, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(streams):
        pieces = [rng.choice(SEEDS) if rng.random() < 0.6 else mutated(rng, rng.choice(SEEDS)) for _ in range(6)]
        for at in range(6):
            if rng.random() < 0.3:
                pieces[at] = pieces[at][: rng.randrange(len(pieces[at]) + 1)]
        stream = b"".join(pieces) + SEEDS[0]
        whole, cut = Framer(), Framer()
        whole.feed(stream)
        expected = list(iter(whole.next_frame, None))
        found = []
        at = 0
        while at < len(stream):
            size = rng.randint(1, 200)
            cut.feed(stream[at : at + size])
            found.extend(iter(cut.next_frame, None))
            at += size
        assert found == expected
        for frame in found:
            assert sum(frame[:-7]) % 256 == int(frame[-4:-1])
        assert whole.pending == cut.pending


def test_twenty_thousand_mutated_messages() -> None:
    fuzz(20_000, seed=44)


def test_two_thousand_broken_streams_frame_the_same_however_they_are_cut() -> None:
    fuzz_framer(2_000, seed=44)


def test_random_bytes() -> None:
    rng = random.Random(44)
    decoder, framer = Decoder(), Framer()
    for _ in range(5_000):
        raw = rng.randbytes(rng.randrange(80))
        assert isinstance(decoder.decode(raw), SessionReject)
        framer.feed(raw)
        assert framer.next_frame() is None
        assert framer.pending < 100_000


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_a_million_mutated_messages(seed: int) -> None:
    fuzz(100_000, seed=1000 + seed)
    fuzz_framer(10_000, seed=1000 + seed)
