"""All 93 message types, with every field and group the dictionary gives them, whether we serve them or not."""

import random

import pytest

from fixspec.codec import Decoder, Inbound, SessionReject, encode
from fixspec.dictionary import FIX44, LENIENT, STRICT, Layout
from fixspec.enums import SessionRejectReason as Reason
from tests.fixspec.strategies import message_of

EXACT = {validation: Decoder(FIX44, validation, learn=False) for validation in (STRICT, LENIENT)}
VALUES = {
    "CHAR": ["x", "é"],
    "BOOLEAN": ["Y", "N"],
    "INT": ["0", "-7", "12"],
    "SEQNUM": ["1"],
    "LENGTH": ["9"],
    "QTY": ["100", "0.5"],
    "UTCTIMESTAMP": ["20260302-14:30:00", "20260302-14:30:00.123456"],
    "UTCTIMEONLY": ["14:30:00"],
    "UTCDATEONLY": ["20260302"],
    "LOCALMKTDATE": ["20260302"],
    "MONTHYEAR": ["202603", "202603w1"],
    "MULTIPLEVALUESTRING": ["a", "a b"],
    "CURRENCY": ["USD"],
    "EXCHANGE": ["XNAS"],
    "COUNTRY": ["US"],
    "STRING": ["text", "a=b"],
}
NUMBERS = {"PRICE", "AMT", "PERCENTAGE", "FLOAT", "PRICEOFFSET"}
Fields = list[tuple[int, str | bytes]]
LENGTH_OF = {data: length for length, data in FIX44.data_of.items()}
_SYMBOL = 55


def value(rng: random.Random, tag: int) -> str:
    field = FIX44.fields[22 if tag == 456 else tag]  # the dictionary leaves out that they share their values
    if field.values:
        return rng.choice(sorted(field.values))
    return rng.choice(VALUES["QTY" if field.type in NUMBERS else field.type])


def fields_of(rng: random.Random, layout: Layout, share: float, first: bool = False) -> Fields:
    """Fields of a layout in its order: what is required and a share of the rest; `first` for group entries."""
    out: Fields = []
    for place, tag in enumerate(layout.positions):
        wanted = tag in layout.required or (first and place == 0) or tag in {_SYMBOL, 708}
        if not wanted and rng.random() > share:
            continue
        if tag in layout.groups:
            count = rng.randint(1, 2)
            out.append((tag, str(count)))
            for _ in range(count):
                out.extend(fields_of(rng, layout.groups[tag], share, first=True))
        elif tag in LENGTH_OF:
            data = rng.choice([b"plain", b"\x01=\x0110=000\x01"])
            out.extend([(LENGTH_OF[tag], str(len(data))), (tag, data)])
        elif tag not in FIX44.data_of:
            out.append((tag, value(rng, tag)))
    return out


@pytest.mark.parametrize("msg_type", sorted(FIX44.messages))
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_a_message_with_any_of_its_fields_is_read_and_written_back(msg_type: str, share: float) -> None:
    rng = random.Random(f"{msg_type} {share}")
    for _ in range(3):
        raw = message_of(msg_type, *fields_of(rng, FIX44.layout(msg_type), share))
        for decoder in EXACT.values():
            decoded = decoder.decode(raw)
            assert isinstance(decoded, Inbound), decoded
            assert decoder.decode(encode(decoded.header, decoded.message)) == decoded


@pytest.mark.parametrize("msg_type", sorted(FIX44.messages))
def test_what_was_learnt_of_any_type_reads_the_same(msg_type: str) -> None:
    rng = random.Random(msg_type)
    learning = Decoder()
    for _ in range(5):
        fields = fields_of(rng, FIX44.layout(msg_type), 0.3)
        shape = [(tag, text) for tag, text in fields if not (isinstance(text, bytes) or tag in FIX44.data_of)]
        for _ in range(10):
            again = [(tag, text if tag in GROUPS else value(rng, tag)) for tag, text in shape]
            raw = message_of(msg_type, *again)
            assert learning.decode(raw) == EXACT[STRICT].decode(raw)
        spoiled = message_of(msg_type, *[(tag, text if tag in GROUPS else "?") for tag, text in shape])
        assert learning.decode(spoiled) == EXACT[STRICT].decode(spoiled)


GROUPS = {tag for tag, field in FIX44.fields.items() if field.type == "NUMINGROUP"}


@pytest.mark.parametrize("msg_type", sorted(FIX44.messages))
def test_every_required_field_is_missed(msg_type: str) -> None:
    rng = random.Random(msg_type)
    layout = FIX44.layout(msg_type)
    fields = fields_of(rng, layout, 0.0)
    for tag in layout.required - set(layout.groups):
        decoded = EXACT[STRICT].decode(message_of(msg_type, *[pair for pair in fields if pair[0] != tag]))
        assert isinstance(decoded, SessionReject)
        assert (decoded.reason, decoded.ref_tag_id) == (Reason.REQUIRED_TAG_MISSING, tag)


def inside(group: Layout) -> set[int]:
    return set(group.positions).union(*(inside(nested) for nested in group.groups.values()))


@pytest.mark.parametrize("msg_type", sorted(FIX44.messages))
def test_every_group_is_counted(msg_type: str) -> None:
    rng = random.Random(msg_type)
    layout = FIX44.layout(msg_type)
    for tag, group in layout.groups.items():
        base = [pair for pair in fields_of(rng, layout, 0.0) if pair[0] not in {tag, *inside(group)}]
        entry = fields_of(rng, group, 0.0, first=True)
        for count, entries in (("3", entry * 2), ("1", entry * 2), ("0", entry)):
            decoded = EXACT[STRICT].decode(message_of(msg_type, *base, (tag, count), *entries))
            assert isinstance(decoded, SessionReject)
            assert (decoded.reason, decoded.ref_tag_id) == (Reason.INCORRECT_NUM_IN_GROUP_COUNT, tag)
