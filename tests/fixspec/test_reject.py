"""What decode refuses, with which SessionRejectReason(373) and RefTagID(371)."""

import pytest

from fixspec.codec import Decoded, Inbound, SessionReject, decode
from fixspec.dictionary import FIX44, LENIENT, STRICT, Validation
from fixspec.enums import OrdRejReason, Side
from fixspec.enums import SessionRejectReason as Reason
from fixspec.messages import ExecutionReport, NewOrderSingle, Unserved
from tests.fixspec.strategies import NEW_ORDER, frame, message_of, without

HEADER: tuple[tuple[int, str | bytes], ...] = (
    (35, "D"),
    (49, "CLIENT"),
    (56, "BRIDGE"),
    (34, "7"),
    (52, "20260302-14:30:00.250"),
)


def order(*extra: tuple[int, str | bytes], less: int = 0) -> bytes:
    return message_of("D", *without(NEW_ORDER, less), *extra)


def changed(tag: int, value: str) -> bytes:
    return message_of("D", *[(t, value if t == tag else v) for t, v in NEW_ORDER])


def refusal(decoded: Decoded) -> tuple[Reason, int | None]:
    assert isinstance(decoded, SessionReject), decoded
    assert decoded.text
    return decoded.reason, decoded.ref_tag_id


def accepted(decoded: Decoded) -> Inbound:
    assert isinstance(decoded, Inbound), decoded
    return decoded


PARTIES = ((448, "X"), (447, "D"), (452, "3"))

CASES: list[tuple[str, bytes, Reason, int | None]] = [
    ("a tag FIX does not have", order((2999, "x")), Reason.INVALID_TAG_NUMBER, 2999),
    (
        "a tag that is no number",
        message_of("D", *NEW_ORDER)[:-7] + b"x=1\x0110=000\x01",
        Reason.INVALID_TAG_NUMBER,
        None,
    ),
    ("tag 0", order((0, "x")), Reason.INVALID_TAG_NUMBER, 0),
    (
        "a tag with a leading zero",
        order((58, "x")).replace(b"\x0158=", b"\x01058="),
        Reason.INVALID_TAG_NUMBER,
        58,
    ),
    ("no ClOrdID", order(less=11), Reason.REQUIRED_TAG_MISSING, 11),
    ("no Symbol, which the Struct requires", order(less=55), Reason.REQUIRED_TAG_MISSING, 55),
    ("no OrdType", order(less=40), Reason.REQUIRED_TAG_MISSING, 40),
    ("a field of another message", order((150, "0")), Reason.TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE, 150),
    ("an empty value", order((58, "")), Reason.TAG_SPECIFIED_WITHOUT_A_VALUE, 58),
    ("an empty user-defined value", order((6001, "")), Reason.TAG_SPECIFIED_WITHOUT_A_VALUE, 6001),
    ("a Side nobody knows", changed(54, "X"), Reason.VALUE_IS_INCORRECT, 54),
    ("an ExecInst nobody knows", order((18, "6 *")), Reason.VALUE_IS_INCORRECT, 18),
    ("an enumerated int out of range", order((423, "77")), Reason.VALUE_IS_INCORRECT, 423),
    ("a listed value of an unused field", order((303, "7")), Reason.TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE, 303),
    ("an unused field with a wrong value", order((481, "Q")), Reason.VALUE_IS_INCORRECT, 481),
    ("an unused field of wrong type", order((640, "ten")), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 640),
    ("a Side of two characters", changed(54, "12"), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 54),
    ("a quantity with an exponent", changed(38, "1e3"), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 38),
    ("a price that is no number", changed(44, "NaN"), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 44),
    ("a price with a comma", changed(44, "1,5"), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 44),
    ("more digits than FIX carries", changed(44, "1.234567890123456"), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 44),
    ("a date that does not exist", changed(60, "20260230-10:00:00"), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 60),
    (
        "a time with two fraction digits",
        changed(60, "20260302-10:00:00.12"),
        Reason.INCORRECT_DATA_FORMAT_FOR_VALUE,
        60,
    ),
    ("a Boolean that is neither", order((114, "1")), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 114),
    ("an int with a plus sign", order((847, "+1")), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 847),
    ("two spaces between values", order((18, "6  G")), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 18),
    ("a month that does not exist", order((200, "202613")), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 200),
    ("our own field in a wrong format", order((5710, "cheap")), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 5710),
    ("a length that is no number", order((354, "x"), (355, "abc")), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 354),
    ("a length that is too short", order((354, "2"), (355, "abc")), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 354),
    ("a length beyond the message", order((354, "99"), (355, "abc")), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 354),
    ("a length without its data", order((354, "3"), (58, "abc")), Reason.REQUIRED_TAG_MISSING, 355),
    ("data without its length", order((355, "abc")), Reason.REQUIRED_TAG_MISSING, 354),
    ("an unknown message type", message_of("ZZ"), Reason.INVALID_MSG_TYPE, 35),
    ("a field twice", order((38, "200")), Reason.TAG_APPEARS_MORE_THAN_ONCE, 38),
    ("an equal field twice", order((38, "100")), Reason.TAG_APPEARS_MORE_THAN_ONCE, 38),
    ("a header field twice", frame(*HEADER, (49, "CLIENT"), *NEW_ORDER), Reason.TAG_APPEARS_MORE_THAN_ONCE, 49),
    ("a header field in the body", order((50, "X")), Reason.TAG_SPECIFIED_OUT_OF_REQUIRED_ORDER, 50),
    (
        "a body field after the signature",
        order((93, "3"), (89, "abc"), (58, "x")),
        Reason.TAG_SPECIFIED_OUT_OF_REQUIRED_ORDER,
        58,
    ),
    ("a CheckSum before the end", order((10, "000"), (58, "x")), Reason.TAG_SPECIFIED_OUT_OF_REQUIRED_ORDER, 58),
    (
        "a group whose first field is not first",
        order((453, "1"), (447, "D"), (448, "X"), (452, "3")),
        Reason.REPEATING_GROUP_FIELDS_OUT_OF_ORDER,
        447,
    ),
    (
        "a group out of order",
        order((453, "1"), (448, "X"), (452, "3"), (447, "D")),
        Reason.REPEATING_GROUP_FIELDS_OUT_OF_ORDER,
        447,
    ),
    ("a group's field without its group", order((447, "D")), Reason.REPEATING_GROUP_FIELDS_OUT_OF_ORDER, 447),
    ("fewer entries than counted", order((453, "2"), *PARTIES), Reason.INCORRECT_NUM_IN_GROUP_COUNT, 453),
    ("more entries than counted", order((453, "1"), *PARTIES, *PARTIES), Reason.INCORRECT_NUM_IN_GROUP_COUNT, 453),
    ("entries under a count of none", order((453, "0"), *PARTIES), Reason.INCORRECT_NUM_IN_GROUP_COUNT, 453),
    (
        "fewer nested entries than counted",
        order((453, "1"), *PARTIES, (802, "2"), (523, "a"), (803, "2")),
        Reason.INCORRECT_NUM_IN_GROUP_COUNT,
        802,
    ),
    ("a count below zero", order((453, "-1"), *PARTIES), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 453),
    ("a field twice in an entry", order((453, "1"), *PARTIES, (452, "3")), Reason.TAG_APPEARS_MORE_THAN_ONCE, 452),
    (
        "a group twice",
        order((453, "1"), *PARTIES, (58, "x"), (453, "1"), *PARTIES),
        Reason.TAG_APPEARS_MORE_THAN_ONCE,
        453,
    ),
    ("a wrong value in an entry", order((453, "1"), (448, "X"), (452, "99")), Reason.VALUE_IS_INCORRECT, 452),
    (
        "SOH inside a value",
        order((58, "a\x01b"), (100, "X")),
        Reason.NON_DATA_VALUE_INCLUDES_FIELD_DELIMITER,
        58,
    ),
    ("no SenderCompID", frame(*without(HEADER, 49), *NEW_ORDER), Reason.REQUIRED_TAG_MISSING, 49),
    ("no SendingTime", frame(*without(HEADER, 52), *NEW_ORDER), Reason.REQUIRED_TAG_MISSING, 52),
    ("an empty SenderCompID", frame((35, "D"), (49, ""), *HEADER[2:]), Reason.TAG_SPECIFIED_WITHOUT_A_VALUE, 49),
    (
        "a MsgSeqNum that is no number",
        frame(*HEADER[:3], (34, "two"), HEADER[4]),
        Reason.INCORRECT_DATA_FORMAT_FOR_VALUE,
        34,
    ),
    (
        "required parties missing",
        message_of("AN", (710, "R"), (724, "0"), (1, "A"), (581, "1"), (715, "20260302"), (60, "20260302-10:00:00")),
        Reason.REQUIRED_TAG_MISSING,
        453,
    ),
    (
        "a required field of an entry missing",
        message_of(
            "AE",
            *((571, "R"), (570, "N"), (55, "AAPL"), (32, "1"), (31, "2"), (75, "20260302"), (60, "20260302-10:00:00")),
            *((552, "1"), (54, "1"), (11, "A")),
        ),
        Reason.REQUIRED_TAG_MISSING,
        37,
    ),
    ("another version", frame(*HEADER, *NEW_ORDER, begin=b"FIX.4.2"), Reason.VALUE_IS_INCORRECT, 8),
]


@pytest.mark.parametrize(("raw", "reason", "tag"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_message_is_refused_for(raw: bytes, reason: Reason, tag: int | None) -> None:
    assert refusal(decode(raw)) == (reason, tag)


def test_every_reason_a_codec_can_find_has_a_case() -> None:
    theirs = {
        Reason.UNDEFINED_TAG,  # session test case 14.a asks for INVALID_TAG_NUMBER(0)
        Reason.DECRYPTION_PROBLEM,
        Reason.SIGNATURE_PROBLEM,
        Reason.COMP_ID_PROBLEM,
        Reason.SENDING_TIME_ACCURACY_PROBLEM,
        Reason.XML_VALIDATION_ERROR,
        Reason.OTHER,
    }
    assert {case[2] for case in CASES} == set(Reason) - theirs


def test_a_reject_names_the_message_it_refuses() -> None:
    decoded = decode(order((58, "")))
    assert isinstance(decoded, SessionReject)
    assert (decoded.ref_seq_num, decoded.ref_msg_type) == (7, "D")
    assert decoded.text == "Text(58) has no value"


def test_the_header_is_there_when_only_the_body_is_wrong() -> None:
    decoded = decode(frame(*HEADER, (43, "Y"), (122, "20260302-14:29:00"), (38, "abc")))
    assert isinstance(decoded, SessionReject)
    assert decoded.header is not None
    assert decoded.header.sender_comp_id == "CLIENT"
    assert decoded.header.poss_dup_flag


def test_the_header_is_there_when_an_optional_field_of_it_is_wrong() -> None:
    decoded = decode(frame(*HEADER, (43, "perhaps"), (50, "DESK"), *NEW_ORDER))
    assert isinstance(decoded, SessionReject)
    assert refusal(decoded) == (Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 43)
    assert decoded.header is not None
    assert decoded.header.sender_sub_id == "DESK"


def test_the_number_of_a_message_is_told_without_a_whole_header() -> None:
    decoded = decode(frame(*without(HEADER, 52)))
    assert isinstance(decoded, SessionReject)
    assert (decoded.header, decoded.ref_seq_num) == (None, 7)


def test_a_message_without_number_has_no_number_to_refer_to() -> None:
    decoded = decode(frame(*without(HEADER, 34), *NEW_ORDER))
    assert isinstance(decoded, SessionReject)
    assert (decoded.ref_seq_num, decoded.ref_tag_id) == (None, 34)


@pytest.mark.parametrize(
    "raw", [b"", b"\x01", b"=", b"8", b"8=FIX.4.4", b"8=FIX.4.4\x01", b"35=D\x018=FIX.4.4\x01", b"\xff" * 9]
)
def test_bytes_that_are_no_frame_are_refused_without_a_header(raw: bytes) -> None:
    decoded = decode(raw)
    assert isinstance(decoded, SessionReject)
    assert decoded.header is None


def test_a_known_type_we_do_not_serve_is_handed_over_unread() -> None:
    raw = message_of("B", (148, "Headline"), (33, "2"), (58, "a"), (58, "b"), (6001, "z"))
    assert accepted(decode(raw)).message == Unserved(
        msg_type="B", other=((148, b"Headline"), (33, b"2"), (58, b"a"), (58, b"b"), (6001, b"z"))
    )


def test_a_type_we_do_not_serve_is_still_held_to_the_dictionary() -> None:
    assert refusal(decode(message_of("B", (33, "1"), (58, "a")))) == (Reason.REQUIRED_TAG_MISSING, 148)


def test_user_defined_tags_pass_and_keep_their_order() -> None:
    message = accepted(decode(order((9001, "b"), (5001, "a"), (9001, "c")))).message
    assert message.other == ((9001, b"b"), (5001, b"a"), (9001, b"c"))


def test_fields_we_do_not_use_pass_with_their_groups() -> None:
    message = accepted(decode(order((78, "2"), (79, "a"), (80, "60"), (79, "b"), (80, "40"), (58, "t")))).message
    assert isinstance(message, NewOrderSingle)
    assert message.text == "t"
    assert message.other == ((78, b"2"), (79, b"a"), (80, b"60"), (79, b"b"), (80, b"40"))


def test_a_group_takes_its_own_fields_before_the_body_does() -> None:
    """TransactTime(60) of NoDates(580) is not the body's."""
    message = accepted(
        decode(message_of("AD", (568, "R"), (569, "0"), (580, "1"), (75, "20260302"), (60, "20260302-10:00:00")))
    ).message
    assert [day.transact_time is not None for day in message.dates] == [True]  # type: ignore[union-attr]


def test_data_may_hold_the_delimiter_and_an_equals_sign() -> None:
    message = accepted(decode(order((354, "9"), (355, b"a\x0158=\x01b=c")))).message
    assert isinstance(message, NewOrderSingle)
    assert message.encoded_text == b"a\x0158=\x01b=c"


def test_every_data_field_is_read_by_its_length() -> None:
    payload = b"\x01\x0110=000\x01="
    for length, data in FIX44.data_of.items():
        holders = [m for m in FIX44.messages if data in FIX44.layout(m).positions]
        pair = ((length, str(len(payload))), (data, payload))
        if data in FIX44.header.positions:
            raw = frame(*HEADER, *pair, *NEW_ORDER)
        elif data in FIX44.trailer.positions or "D" in holders:
            raw = order(*pair)
        else:
            continue
        decoded = accepted(decode(raw))
        kept = dict(decoded.header.other) | dict(decoded.message.other)
        assert kept.get(data, getattr(decoded.message, "encoded_text", None)) == payload
        assert (length in kept) == (data in kept)


def test_custom_fields_are_ours_by_name() -> None:
    message = accepted(decode(order((5710, "187.2"), (5711, "20260302-14:29:59.123456"), (5746, "Y")))).message
    assert isinstance(message, NewOrderSingle)
    assert (str(message.decision_px), message.dry_run, message.other) == ("187.2", True, ())


REPORT = (
    *((37, "1"), (17, "E1"), (150, "0"), (39, "0"), (55, "AAPL"), (54, "1")),
    *((151, "100"), (14, "0"), (6, "0")),
)


@pytest.mark.parametrize(
    "extra",
    [
        ((2999, "x"),),
        ((9001, "x"),),
        ((108, "30"),),
        ((447, "D"),),
        ((50, "LATE"),),
        ((640, "ten"),),
        ((453, "1"), (448, "X"), (452, "3"), (447, "D")),
        ((453, "1"), (452, "3"), (448, "X")),
        ((453, "1"), (448, "X"), (9001, "inside"), (452, "3")),
    ],
)
def test_a_surprise_from_a_broker_does_not_lose_the_report(extra: tuple[tuple[int, str], ...]) -> None:
    decoded = accepted(decode(message_of("8", *REPORT, *extra), validation=LENIENT))
    assert isinstance(decoded.message, ExecutionReport)
    assert decoded.message.side is Side.BUY


def test_a_reason_of_a_later_version_is_understood_from_a_broker() -> None:
    raw = message_of("8", *REPORT, (103, "16"))
    assert refusal(decode(raw)) == (Reason.VALUE_IS_INCORRECT, 103)
    message = accepted(decode(raw, validation=LENIENT)).message
    assert message.ord_rej_reason is OrdRejReason.PRICE_EXCEEDS_CURRENT_PRICE_BAND  # type: ignore[union-attr]


def test_an_unknown_value_from_a_broker_is_kept_aside() -> None:
    message = accepted(decode(message_of("8", *REPORT, (103, "77")), validation=LENIENT)).message
    assert isinstance(message, ExecutionReport)
    assert (message.ord_rej_reason, message.other) == (None, ((103, b"77"),))


@pytest.mark.parametrize(
    ("fields", "reason", "tag"),
    [
        (((39, "?"),), Reason.VALUE_IS_INCORRECT, 39),
        (((14, "lots"),), Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 14),
        (((14, "0"), (14, "5")), Reason.TAG_APPEARS_MORE_THAN_ONCE, 14),
        ((), Reason.REQUIRED_TAG_MISSING, 6),
    ],
)
def test_lenience_never_guesses_what_a_report_says(
    fields: tuple[tuple[int, str], ...], reason: Reason, tag: int
) -> None:
    kept = [pair for pair in REPORT if pair[0] not in {6, *dict(fields)}]
    rest = [(6, "0")] if fields else []
    assert refusal(decode(message_of("8", *kept, *fields, *rest), validation=LENIENT)) == (reason, tag)


def test_an_empty_value_may_be_taken_as_absent() -> None:
    message = accepted(decode(order((58, ""), (9001, "")), validation=Validation(empty_values="ignore"))).message
    assert isinstance(message, NewOrderSingle)
    assert (message.text, message.other) == (None, ())


def test_user_defined_tags_can_be_refused() -> None:
    validation = Validation(user_defined_tags="reject")
    assert refusal(decode(order((9001, "x")), validation=validation)) == (Reason.INVALID_TAG_NUMBER, 9001)
    accepted(decode(order((5710, "1")), validation=validation))


def test_each_rule_can_be_waived_alone() -> None:
    waivers: dict[str, bytes] = {
        "unknown_tags": order((2999, "x")),
        "misplaced_tags": order((150, "0")),
        "required_fields": message_of(
            "AN", (710, "R"), (724, "0"), (1, "A"), (581, "1"), (715, "20260302"), (60, "20260302-10:00:00")
        ),
        "empty_values": order((58, "")),
        "enum_values": order((423, "77")),
        "unmodelled_values": order((640, "ten")),
        "formats": changed(44, ".5"),
        "field_order": order((50, "LATE")),
        "group_order": order((447, "D")),
    }
    for rule, raw in waivers.items():
        refusal(decode(raw, validation=STRICT))
        accepted(decode(raw, validation=Validation(**{rule: "ignore"})))  # type: ignore[arg-type]
    assert set(waivers) == set(Validation.__struct_fields__) - {"user_defined_tags"}
