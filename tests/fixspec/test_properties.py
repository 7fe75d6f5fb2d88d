"""The codec against itself and against simplefix, over generated messages of every served type."""

from typing import Any

import msgspec
import pytest
import simplefix
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixspec.codec import Decoder, Encoder, Inbound, decode, encode, restamp
from fixspec.dictionary import FIX44, LENIENT, STRICT
from fixspec.fields import utc_timestamp
from fixspec.framing import Framer
from fixspec.messages import SERVED, Header, Message
from fixspec.plans import Kind, plan
from tests.fixspec.strategies import SENDING_TIME, headers, messages

MSG_TYPES = sorted(SERVED)
bounded = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LENGTHS = {data: length for length, data in FIX44.data_of.items()}


def pairs(struct: msgspec.Struct) -> list[tuple[int, bytes]]:
    """The fields of a Struct as FIX wants them, worked out without the code under test."""
    out: list[tuple[int, bytes]] = []
    for slot in plan(type(struct)).slots:
        value: Any = getattr(struct, slot.attr)
        if value is None or value == () or (slot.quiet and value is False):
            continue
        match slot.kind:
            case Kind.GROUP:
                out.append((slot.tag, b"%d" % len(value)))
                for entry in value:
                    out.extend(pairs(entry))
                continue
            case Kind.DATA:
                out.append((LENGTHS[slot.tag], b"%d" % len(value)))
                text = value
            case Kind.ENUM:
                text = value.wire
            case Kind.ENUMS:
                text = b" ".join([member.wire for member in value])
            case Kind.BOOLEAN:
                text = b"Y" if value else b"N"
            case Kind.TIMESTAMP:
                fraction = f"{value:%f}" if value.microsecond % 1000 else f"{value.microsecond // 1000:03d}"
                text = f"{value:%Y%m%d-%H:%M:%S}.{fraction}".encode()
            case Kind.DATE:
                text = f"{value:%Y%m%d}".encode()
            case Kind.DECIMAL:
                text = f"{value:f}".encode()
            case Kind.INT | Kind.STRING:
                text = str(value).encode("latin-1")
        out.append((slot.tag, text))
    out.extend(struct.other)  # type: ignore[attr-defined]
    return out


def by_simplefix(fields: list[tuple[int, bytes]]) -> bytes:
    message = simplefix.FixMessage()
    message.append_pair(8, b"FIX.4.4")
    for tag, value in fields:
        message.append_pair(tag, value)
    raw: bytes = message.encode()
    return raw


def read_by_simplefix(raw: bytes) -> list[tuple[int, bytes]]:
    parser = simplefix.FixParser()
    parser.append_buffer(raw)
    message = parser.get_message()
    assert message is not None
    return [(int(tag), value) for tag, value in message.pairs]


@pytest.mark.parametrize("msg_type", MSG_TYPES)
@bounded
@given(data=st.data())
def test_what_is_encoded_decodes_to_the_same_message(msg_type: str, data: st.DataObject) -> None:
    message = data.draw(messages(msg_type))
    header = data.draw(headers(msg_type))
    raw = encode(header, message)
    assert decode(raw) == Inbound(header, message)
    assert decode(raw, validation=LENIENT) == Inbound(header, message)


@pytest.mark.parametrize("msg_type", MSG_TYPES)
@bounded
@given(data=st.data())
def test_simplefix_writes_and_reads_the_same_bytes(msg_type: str, data: st.DataObject) -> None:
    message = data.draw(messages(msg_type))
    header = data.draw(headers(msg_type))
    fields = pairs(header) + pairs(message)
    raw = encode(header, message)
    assert raw == by_simplefix(fields)
    read = read_by_simplefix(raw)
    assert read[:2] == [(8, b"FIX.4.4"), (9, b"%d" % (len(raw) - raw.index(b"\x0135=") - 8))]
    assert read[2:-1] == fields


@bounded
@given(message=messages())
def test_the_encoder_writes_what_encode_writes(message: Message) -> None:
    encoder = Encoder("BRIDGE", "CLIENT", target_sub_id="DESK", timestamp_digits=None)
    raw = encoder.encode(message, 12, utc_timestamp(SENDING_TIME))
    decoded = decode(raw)
    assert decoded == Inbound(
        Header(
            msg_type=message.msg_type.wire.decode(),
            msg_seq_num=12,
            sender_comp_id="BRIDGE",
            target_comp_id="CLIENT",
            target_sub_id="DESK",
            sending_time=SENDING_TIME,
        ),
        message,
    )
    framer = Framer()
    framer.feed(raw)
    assert framer.next_frame() == raw


@bounded
@given(data=st.data())
def test_the_tenth_message_of_a_kind_reads_as_the_first(data: st.DataObject) -> None:
    message = data.draw(messages())
    raw = encode(data.draw(headers(message.msg_type.wire.decode())), message)
    for validation in (STRICT, LENIENT):
        decoder = Decoder(FIX44, validation)
        first = decoder.decode(raw)
        for _ in range(10):
            assert decoder.decode(raw) == first


@bounded
@given(data=st.data())
def test_a_resent_message_is_the_old_one_with_three_fields_changed(data: st.DataObject) -> None:
    message = data.draw(messages())
    header = data.draw(headers(message.msg_type.wire.decode()))
    header = msgspec.structs.replace(header, poss_dup_flag=False, orig_sending_time=None)
    again = decode(restamp(encode(header, message), b"20260302-15:00:00.000"))
    assert isinstance(again, Inbound)
    assert again.message == message
    assert again.header == msgspec.structs.replace(
        header,
        poss_dup_flag=True,
        orig_sending_time=header.sending_time,
        sending_time=SENDING_TIME.replace(hour=15, minute=0, microsecond=0),
    )


@bounded
@given(message=messages())
def test_a_message_survives_json(message: Message) -> None:
    assert msgspec.json.decode(msgspec.json.encode(message), type=type(message)) == message
