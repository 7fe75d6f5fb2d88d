"""FIX logs in words, whoever wrote them."""

from datetime import UTC, datetime

from bridge.fixlog import LogLine, read

HEADER = "8=FIX.4.4|9=99|35=D|34=2|49=STRATEGY|52=20260101-10:00:00.500|56=BRIDGE|"
ORDER = HEADER + "11=A-1|55=AAPL|54=1|38=10|40=2|44=1.5|10=000|"


def only(line: str) -> LogLine:
    (found,) = read([line])
    assert isinstance(found, LogLine)
    return found


def test_a_line_of_our_own_log_has_time_session_and_direction():
    found = only(f"20260101-10:00:01.000123 STRATEGY in   {ORDER}\n")
    assert found.time == datetime(2026, 1, 1, 10, 0, 1, 123, tzinfo=UTC)
    assert (found.session, found.direction, found.title) == ("STRATEGY", "in", "NewOrderSingle(D)")


def test_fields_have_names_and_values_meanings_in_the_messages_order():
    fields = list(only(ORDER).fields())
    assert fields[0] == ("ClOrdID(11)", "A-1", "")
    assert ("Side(54)", "1", "BUY") in fields
    assert ("OrdType(40)", "2", "LIMIT") in fields
    assert not any(name.startswith(("BeginString", "CheckSum", "MsgSeqNum")) for name, _, _ in fields)
    assert any(name == "CheckSum(10)" for name, _, _ in only(ORDER).fields(all_fields=True))


def test_a_quickfix_log_line_is_read_with_its_soh():
    found = only(f"20260101-10:00:00.123456789 : {ORDER}".replace("|", "\x01"))
    assert (found.get(11), found.session) == ("A-1", "STRATEGY->BRIDGE")
    assert found.time == datetime(2026, 1, 1, 10, 0, 0, 123456, tzinfo=UTC)


def test_a_bare_message_takes_its_time_from_sending_time():
    assert only(ORDER).time == datetime(2026, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    assert only(ORDER.replace("|", "^A")).get(55) == "AAPL"


def test_a_message_that_was_cut_off_is_shown_as_far_as_it_goes():
    assert only(ORDER.split("40=")[0]).get(38) == "10"


def test_our_own_fields_are_named():
    assert ("RiskRuleId(5701)", "R02", "") in list(only(ORDER.replace("10=000", "5701=R02|10=000")).fields())


def test_other_lines_are_given_as_they_stand_and_empty_ones_not_at_all():
    assert list(read(["", "20260101-10:00:00 STRATEGY note connection lost\n", "\n"])) == [
        "20260101-10:00:00 STRATEGY note connection lost"
    ]
