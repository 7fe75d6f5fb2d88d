"""Encoding, the per-session encoder, restamping, and how much a hostile message may cost."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from fixspec.codec import Decoder, Encoder, Inbound, SessionReject, decode, encode, restamp
from fixspec.dictionary import FIX44, LENIENT
from fixspec.enums import EncryptMethod, OrdType, Side, UserRequestType
from fixspec.errors import EncodeError
from fixspec.framing import Framer
from fixspec.messages import (
    BusinessMessageReject,
    Header,
    Heartbeat,
    Logon,
    NewOrderSingle,
    Party,
    TestRequest,
    Unserved,
    UserRequest,
)
from tests.fixspec.strategies import NEW_ORDER, SENDING_TIME, frame, message_of

HEADER = Header(
    msg_type="?", msg_seq_num=3, sender_comp_id="BRIDGE", target_comp_id="CLIENT", sending_time=SENDING_TIME
)
ORDER = NewOrderSingle(
    cl_ord_id="A1",
    symbol="AAPL",
    side=Side.BUY,
    transact_time=SENDING_TIME,
    ord_type=OrdType.LIMIT,
    order_qty=Decimal(100),
    price=Decimal("187.25"),
)
SENT = b"20260302-14:30:00.250"


def read(raw: bytes) -> Inbound:
    framer = Framer()
    framer.feed(raw)
    assert framer.next_frame() == raw
    decoded = decode(raw)
    assert isinstance(decoded, Inbound), decoded
    return decoded


def test_a_heartbeat_is_written_byte_for_byte() -> None:
    raw = Encoder("BRIDGE", "CLIENT").encode(Heartbeat(test_req_id="T"), 3, SENT)
    assert raw == frame((35, "0"), (49, "BRIDGE"), (56, "CLIENT"), (34, "3"), (52, SENT), (112, "T"))


def test_the_type_comes_from_the_message() -> None:
    assert read(encode(HEADER, Heartbeat())).header.msg_type == "0"


def test_ids_of_the_session_go_into_every_message() -> None:
    encoder = Encoder(
        "BRIDGE",
        "CLIENT",
        sender_sub_id="S",
        sender_location_id="SL",
        target_sub_id="T",
        target_location_id="TL",
    )
    header = read(encoder.encode(ORDER, 9, SENT, poss_resend=True, last_msg_seq_num_processed=41)).header
    assert header == Header(
        msg_type="D",
        msg_seq_num=9,
        sender_comp_id="BRIDGE",
        target_comp_id="CLIENT",
        sending_time=SENDING_TIME,
        poss_resend=True,
        sender_sub_id="S",
        sender_location_id="SL",
        target_sub_id="T",
        target_location_id="TL",
        last_msg_seq_num_processed=41,
    )


@pytest.mark.parametrize("comp_id", ["", "A\x01B"])
def test_a_session_needs_ids_that_can_be_written(comp_id: str) -> None:
    with pytest.raises(EncodeError):
        Encoder(comp_id, "CLIENT")


@pytest.mark.parametrize(("digits", "text"), [(0, ""), (3, ".123"), (6, ".123456"), (None, ".123456")])
def test_times_are_written_with_the_digits_of_the_session(digits: int | None, text: str) -> None:
    order = msgspec.structs.replace(ORDER, transact_time=datetime(2026, 3, 2, 1, 2, 3, 123456, tzinfo=UTC))
    raw = Encoder("BRIDGE", "CLIENT", timestamp_digits=digits).encode(order, 1, SENT)
    assert f"\x0160=20260302-01:02:03{text}\x01".encode() in raw


def test_characters_fix_cannot_carry_become_question_marks() -> None:
    raw = Encoder("BRIDGE", "CLIENT").encode(BusinessMessageReject(**REJECT, text="5 € → 6 é"), 1, SENT)
    assert read(raw).message.text == "5 ? ? 6 é"  # type: ignore[union-attr]


REJECT: dict[str, Any] = {
    "ref_msg_type": "B",
    "business_reject_reason": msgspec.convert("other", BusinessMessageReject.__annotations__["business_reject_reason"]),
}


def test_a_delimiter_in_somebody_elses_words_becomes_a_space() -> None:
    raw = encode(HEADER, BusinessMessageReject(**REJECT, text="no\x0135=8"))
    assert read(raw).message.text == "no 35=8"  # type: ignore[union-attr]


def test_an_empty_optional_text_is_not_sent() -> None:
    assert read(encode(HEADER, BusinessMessageReject(**REJECT, text=""))).message.text is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "message",
    [
        TestRequest(test_req_id=""),
        TestRequest(test_req_id="a\x0135=5"),
        msgspec.structs.replace(ORDER, account="A\x01B"),
        msgspec.structs.replace(ORDER, price=Decimal("NaN")),
        msgspec.structs.replace(ORDER, transact_time=datetime(2026, 3, 2)),
        msgspec.structs.replace(ORDER, side="1"),
        msgspec.structs.replace(ORDER, order_qty=100.5),
        msgspec.structs.replace(ORDER, parties=(Party(party_id=""),)),
        msgspec.structs.replace(ORDER, other=((6001, b""),)),
        msgspec.structs.replace(ORDER, other=((6001, b"a\x01b"),)),
        msgspec.structs.replace(ORDER, other=((0, b"a"),)),
        Unserved(msg_type="B\x0134=1"),
        Unserved(msg_type=""),
    ],
)
def test_what_cannot_be_written_is_an_error(message: Any) -> None:
    with pytest.raises(EncodeError):
        encode(HEADER, message)
    with pytest.raises(EncodeError):
        Encoder("BRIDGE", "CLIENT").encode(message, 1, SENT)


def test_a_message_not_served_is_written_as_it_came() -> None:
    message = Unserved(msg_type="B", other=((148, b"h"), (33, b"1"), (58, b"t"), (95, b"3"), (96, b"a\x01b")))
    assert read(encode(HEADER, message)).message == message
    assert read(Encoder("BRIDGE", "CLIENT").encode(message, 1, SENT)).message == message


def test_fields_of_a_group_entry_which_we_do_not_use_return_to_their_place() -> None:
    entries = (
        *((702, "2"), (703, "TOT"), (704, "5"), (539, "1"), (524, "n"), (525, "D")),
        *((703, "FIN"), (9001, "u"), (705, "1")),
    )
    before = ((721, "P"), (728, "0"), (715, "20260302"), (453, "1"), (448, "X"), (1, "A"), (581, "1"))
    prices = ((730, "1"), (731, "1"), (734, "1"))
    message = read(message_of("AP", *before, *prices, *entries, (753, "1"), (707, "CASH"), (708, "2.5"))).message
    assert message.positions[0].other == ((539, b"1"), (524, b"n"), (525, b"D"))  # type: ignore[union-attr]
    assert message.positions[1].other == ((9001, b"u"),)  # type: ignore[union-attr]
    assert read(encode(HEADER, message)).message == message


def test_a_resent_message_keeps_everything_but_its_times() -> None:
    raw = Encoder("BRIDGE", "CLIENT").encode(ORDER, 3, SENT, poss_resend=True)
    again = restamp(raw, b"20260302-15:00:00.000")
    assert again.count(b"\x01") == raw.count(b"\x01") + 2
    header = read(again).header
    assert header.poss_dup_flag
    assert header.poss_resend
    assert header.orig_sending_time == SENDING_TIME
    assert read(again).message == ORDER


def test_a_message_resent_twice_still_tells_when_it_was_first_sent() -> None:
    raw = Encoder("BRIDGE", "CLIENT").encode(ORDER, 3, SENT)
    once = restamp(raw, b"20260302-15:00:00.000")
    assert restamp(once, b"20260302-16:00:00.000") == restamp(raw, b"20260302-16:00:00.000")
    flagged = encode(msgspec.structs.replace(HEADER, poss_dup_flag=True, orig_sending_time=SENDING_TIME), ORDER)
    assert read(restamp(flagged, b"20260302-16:00:00.000")).header.orig_sending_time == SENDING_TIME


@pytest.mark.parametrize("raw", [b"", b"8=FIX.4.4\x01", frame((35, "0"), (34, "1"))])
def test_only_a_sent_message_can_be_restamped(raw: bytes) -> None:
    with pytest.raises(EncodeError):
        restamp(raw, SENT)


def test_secrets_of_a_logon_stay_out_of_its_repr() -> None:
    logon = Logon(
        encrypt_method=EncryptMethod.NONE, heart_bt_int=30, username="me", password="hunter2", raw_data=b"nonce"
    )
    assert "hunter2" not in repr(logon)
    assert "nonce" not in repr(Inbound(HEADER, logon))
    assert read(encode(HEADER, logon)).message == logon


def test_secrets_of_a_user_request_stay_out_of_its_repr() -> None:
    request = UserRequest(
        user_request_id="1", user_request_type=UserRequestType.LOG_ON_USER, username="me", password="hunter2"
    )
    assert "hunter2" not in repr(request)


def test_learning_changes_nothing_but_speed() -> None:
    learning, exact = Decoder(), Decoder(learn=False)
    for number in range(40):
        for fields in (NEW_ORDER, NEW_ORDER[:3] + NEW_ORDER[4:], (*NEW_ORDER, (453, "1"), (448, f"P{number}"))):
            raw = message_of("D", *fields, (9001, str(number)), seq_num=number)
            assert learning.decode(raw) == exact.decode(raw)
    wrong = [*NEW_ORDER[:4], (38, "1e5"), *NEW_ORDER[5:], (9001, "0")]
    assert learning.decode(message_of("D", *wrong)) == exact.decode(message_of("D", *wrong))


@pytest.mark.parametrize("count", ["2", "0", "01"])
def test_a_learnt_message_with_another_group_count_is_read_anew(count: str) -> None:
    decoder = Decoder()
    fields = (*NEW_ORDER, (453, "1"), (448, "X"))
    for _ in range(10):
        decoder.decode(message_of("D", *fields))
    raw = message_of("D", *NEW_ORDER, (453, count), (448, "X"))
    assert decoder.decode(raw) == Decoder(learn=False).decode(raw)


@pytest.mark.parametrize("text", ["a=b", "a\x0158=b", "=", "55=MSFT"])
def test_a_learnt_message_with_an_equals_sign_is_read_anew(text: str) -> None:
    decoder = Decoder()
    for _ in range(10):
        decoder.decode(message_of("D", *NEW_ORDER, (58, "x"), (55, "y")))
        decoder.decode(message_of("D", *NEW_ORDER, (58, "x")))
    raw = message_of("D", *NEW_ORDER, (58, text))
    assert decoder.decode(raw) == Decoder(learn=False).decode(raw)


def test_memory_for_learnt_messages_is_bounded() -> None:
    decoder = Decoder()
    for shape in range(300):
        for _ in range(8):
            decoder.decode(message_of("D", *NEW_ORDER, (6000 + shape, "x")))
    for shape in range(6000):
        decoder.decode(message_of("D", *NEW_ORDER, (6000 + shape % 3000, "x"), (9000 + shape % 700, "y")))
    shapes = decoder._shapes
    assert len(shapes.known) == 256
    assert len(shapes._seen) <= 4096


HOSTILE = {
    "a field repeated": b"6001=x\x01" * 9000,
    "tags of one digit": b"1=\x01" * 16000,
    "tags of nine digits": b"".join(b"%d=x\x01" % (10**8 + n) for n in range(5000)),
    "a huge count": b"453=999999999999999999\x01448=x\x01",
    "entries without end": b"453=9000\x01" + b"448=x\x01" * 9000,
    "nested counts": b"453=900\x01" + b"448=x\x01802=2\x01523=a\x01523=b\x01" * 900,
    "unknown fields in groups": b"453=9000\x01" + b"448=x\x016001=y\x01" * 4500,
    "a run of unknown fields after groups": b"453=2\x01448=x\x01448=y\x01" + b"6001=z\x01" * 9000,
    "no equals signs": b"\x01" * 60000,
    "nothing but equals signs": b"=" * 60000,
    "a long tag": b"1" * 60000 + b"=x\x01",
    "one long value": b"58=" + b"x" * 60000 + b"\x01",
    "lengths of data": b"354=5\x01355=aaaaa\x01" * 3000,
    "lengths that lie": b"354=999999999\x01" * 3000,
    "long numbers": b"38=" + b"9" * 60000 + b"\x01",
    "long lists": b"18=" + b"6 " * 30000 + b"6\x01",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("decoder", [Decoder(), Decoder(FIX44, LENIENT)], ids=["strict", "lenient"])
def test_a_hostile_message_costs_little(body: bytes, decoder: Decoder) -> None:
    raw = message_of("D", *NEW_ORDER)[:-7] + body + b"10=000\x01"
    began = time.process_time()
    decoded = decoder.decode(raw)
    assert time.process_time() - began < 1  # the slowest takes some 0.05 s; what is quadratic takes minutes
    assert isinstance(decoded, Inbound | SessionReject)
    if isinstance(decoded, SessionReject):
        assert len(decoded.text) < 200
