"""Dictionaries: the built-in one, and one a user brings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fixspec import fix44
from fixspec.codec import Inbound, SessionReject, decode
from fixspec.dictionary import FIX44, Dictionary
from fixspec.enums import SessionRejectReason as Reason
from fixspec.errors import DictionaryError
from fixspec.generate import read, source
from fixspec.messages import NewOrderSingle, Unserved
from tests.fixspec.strategies import NEW_ORDER, message_of

PUBLISHED = Path(os.environ.get("FIXBRIDGE_TEST_DATA", "recordings")) / "FIX44.xml"
needs_published = pytest.mark.skipif(not PUBLISHED.exists(), reason=f"{PUBLISHED} is not there")

FIELDS = """
  <field number='8' name='BeginString' type='STRING'/><field number='9' name='BodyLength' type='LENGTH'/>
  <field number='35' name='MsgType' type='STRING'/><field number='49' name='SenderCompID' type='STRING'/>
  <field number='56' name='TargetCompID' type='STRING'/><field number='34' name='MsgSeqNum' type='SEQNUM'/>
  <field number='52' name='SendingTime' type='UTCTIMESTAMP'/><field number='10' name='CheckSum' type='STRING'/>
  <field number='11' name='ClOrdID' type='STRING'/><field number='55' name='Symbol' type='STRING'/>
  <field number='54' name='Side' type='char'>
    <value enum='1' description='BUY'/><value enum='2' description='SELL'/></field>
  <field number='60' name='TransactTime' type='UTCTIMESTAMP'/><field number='40' name='OrdType' type='CHAR'/>
  <field number='38' name='OrderQty' type='STRING'/><field number='44' name='Price' type='PRICE'/>
  <field number='98' name='EncryptMethod' type='INT'/><field number='108' name='HeartBtInt' type='INT'/>
  <field number='9100' name='NoLots' type='NUMINGROUP'/><field number='9101' name='LotID' type='STRING'/>
  <field number='9102' name='LotQty' type='QTY'/><field number='9200' name='Desk' type='STRING'>
    <value enum='NY' description='NEW_YORK'/></field>
  <field number='5736' name='House' type='INT'/>
"""
HEADER = "".join(
    f"<field name='{name}' required='Y'/>"
    for name in ("BeginString", "BodyLength", "MsgType", "SenderCompID", "TargetCompID", "MsgSeqNum", "SendingTime")
)
ORDER = """
  <message name='NewOrderSingle' msgtype='D' msgcat='app'>
    <field name='ClOrdID' required='Y'/><component name='Instrument' required='Y'/><field name='Side' required='Y'/>
    <field name='TransactTime' required='Y'/><field name='OrderQty' required='Y'/><field name='OrdType' required='Y'/>
    <field name='Price' required='N'/><component name='Lots' required='N'/><field name='Desk' required='N'/>
  </message>
"""
COMPONENTS = """
  <component name='Instrument'><field name='Symbol' required='Y'/></component>
  <component name='Lots'><group name='NoLots' required='N'>
    <field name='LotID' required='Y'/><field name='LotQty' required='N'/></group></component>
"""


def xml(
    fields: str = FIELDS,
    header: str = HEADER,
    orders: str = ORDER,
    components: str = COMPONENTS,
    minor: str = "4",
    trailer: str = "<field name='CheckSum' required='Y'/>",
) -> str:
    return f"""<fix type='FIX' major='4' minor='{minor}'>
      <header>{header}</header><trailer>{trailer}</trailer>
      <messages>
        <message name='Heartbeat' msgtype='0' msgcat='admin'/>
        <message name='Logon' msgtype='A' msgcat='admin'><field name='EncryptMethod' required='Y'/>
          <field name='HeartBtInt' required='Y'/></message>
        <message name='HouseNews' msgtype='U1' msgcat='app'><field name='Desk' required='Y'/></message>
        {orders}
      </messages>
      <components>{components}</components><fields>{fields}</fields></fix>"""


def load(tmp_path: Path, text: str) -> Dictionary:
    path = tmp_path / "house.xml"
    path.write_text(text)
    return Dictionary.from_xml(path)


def reason(decoded: object) -> tuple[Reason, int | None]:
    assert isinstance(decoded, SessionReject)
    return decoded.reason, decoded.ref_tag_id


@needs_published
def test_the_tables_checked_in_are_what_the_generator_writes() -> None:
    written = source(read(PUBLISHED))
    assert Path(fix44.__file__).read_text() == written


@needs_published
def test_the_same_dictionary_loaded_from_xml_rules_the_same() -> None:
    loaded = Dictionary.from_xml(PUBLISHED)
    assert loaded.fields == FIX44.fields
    assert loaded.messages == FIX44.messages
    for msg_type in FIX44.messages:
        assert loaded.layout(msg_type) == FIX44.layout(msg_type)


def test_fix44_has_every_field_message_and_data_pair() -> None:
    assert len(fix44.FIELDS) == 912
    assert len(FIX44.messages) == 93
    assert FIX44.data_of == {
        93: 89, 90: 91, 95: 96, 212: 213, 348: 349, 350: 351, 352: 353, 354: 355, 356: 357,
        358: 359, 360: 361, 362: 363, 364: 365, 445: 446, 618: 619, 621: 622,
    }  # fmt: skip
    for msg_type in FIX44.messages:
        assert set(FIX44.layout(msg_type).positions) <= set(FIX44.fields)


def test_labels_are_for_people() -> None:
    assert FIX44.label(11) == "ClOrdID(11)"
    assert FIX44.label(5710) == "DecisionPx(5710)"
    assert FIX44.label(2999) == "tag 2999"


def test_a_users_dictionary_decides_what_is_required_and_allowed(tmp_path: Path) -> None:
    house = load(tmp_path, xml())
    decoded = decode(message_of("D", *NEW_ORDER), house)
    assert isinstance(decoded, Inbound)
    assert isinstance(decoded.message, NewOrderSingle)
    short = [field for field in NEW_ORDER if field[0] != 38]
    assert reason(decode(message_of("D", *short), house)) == (Reason.REQUIRED_TAG_MISSING, 38)
    assert reason(decode(message_of("D", *NEW_ORDER, (58, "hi")), house)) == (Reason.INVALID_TAG_NUMBER, 58)
    assert reason(decode(message_of("D", *NEW_ORDER, (9200, "LA")), house)) == (Reason.VALUE_IS_INCORRECT, 9200)
    assert reason(decode(message_of("F"), house)) == (Reason.INVALID_MSG_TYPE, 35)


def test_a_users_dictionary_may_narrow_an_enumeration_and_not_the_type(tmp_path: Path) -> None:
    house = load(tmp_path, xml())
    changed = {54: "5", 38: "lots"}
    for tag, expected in ((54, Reason.VALUE_IS_INCORRECT), (38, Reason.INCORRECT_DATA_FORMAT_FOR_VALUE)):
        fields = [(t, changed[t] if t == tag else v) for t, v in NEW_ORDER]
        assert reason(decode(message_of("D", *fields), house)) == (expected, tag)


def test_a_users_groups_are_validated_and_passed_through(tmp_path: Path) -> None:
    house = load(tmp_path, xml())
    lots = ((9100, "2"), (9101, "a"), (9102, "1"), (9101, "b"))
    decoded = decode(message_of("D", *NEW_ORDER, *lots), house)
    assert isinstance(decoded, Inbound)
    assert decoded.message.other == ((9100, b"2"), (9101, b"a"), (9102, b"1"), (9101, b"b"))
    wrong = decode(message_of("D", *NEW_ORDER, (9100, "2"), (9101, "a"), (9102, "x")), house)
    assert reason(wrong) == (Reason.INCORRECT_DATA_FORMAT_FOR_VALUE, 9102)
    assert reason(decode(message_of("D", *NEW_ORDER, *lots[:3]), house)) == (Reason.INCORRECT_NUM_IN_GROUP_COUNT, 9100)


def test_a_users_message_type_is_validated_and_passed_through(tmp_path: Path) -> None:
    house = load(tmp_path, xml())
    decoded = decode(message_of("U1", (9200, "NY")), house)
    assert isinstance(decoded, Inbound)
    assert decoded.message == Unserved(msg_type="U1", other=((9200, b"NY"),))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<fix", "no element|unclosed|syntax"),
        (xml(minor="2"), "FIX.4.2"),
        (xml(header=HEADER.replace("<field name='MsgSeqNum' required='Y'/>", "")), "incomplete"),
        (xml(trailer=""), "incomplete"),
        (xml(orders="<message name='X' msgtype='D'><field name='Nope'/></message>"), "Nope"),
        (xml(orders="<message name='X' msgtype='D'><component name='Nope'/></message>"), "Nope"),
        (xml(orders="<message name='X' msgtype='D'><widget name='Nope'/></message>"), "widget"),
        (xml(orders="<message msgtype='D'/>"), "name"),
        (xml(orders="<message name='X' msgtype='D'><group name='NoLots'/></message>"), "empty"),
        (
            xml(
                orders="<message name='X' msgtype='D'><component name='A'/></message>",
                components="<component name='A'><component name='B'/></component>"
                "<component name='B'><component name='A'/></component>",
            ),
            "itself",
        ),
        (
            xml(
                orders="<message name='X' msgtype='D'><component name='A'/></message>",
                components="<component name='A'><group name='NoLots'><field name='LotID'/><component name='A'/>"
                "</group></component>",
            ),
            "itself",
        ),
        (xml(fields=FIELDS + "<field number='11' name='Again' type='STRING'/>"), "twice"),
        (xml(fields=FIELDS + "<field number='9900' name='Side' type='STRING'/>"), "twice"),
        (xml(fields=FIELDS + "<field number='x' name='Odd' type='STRING'/>"), "not a number"),
        (xml(fields=FIELDS + "<field number='9900' name='Blob' type='DATA'/>"), "length"),
    ],
)
def test_a_wrong_dictionary_is_refused_with_what_is_wrong(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(DictionaryError, match=what):
        load(tmp_path, text)


def test_a_missing_dictionary_is_named(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match="absent"):
        Dictionary.from_xml(tmp_path / "absent.xml")


def test_the_generator_runs_as_a_module(tmp_path: Path) -> None:
    path = tmp_path / "house.xml"
    path.write_text(xml())
    run = [sys.executable, "-m", "fixspec.generate"]
    done = subprocess.run([*run, str(path)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == source(read(path))
    assert subprocess.run(run, capture_output=True, check=False, timeout=60).returncode != 0


def test_the_generator_writes_tables_that_read_back(tmp_path: Path) -> None:
    path = tmp_path / "house.xml"
    path.write_text(xml())
    tables = read(path)
    scope: dict[str, object] = {}
    exec(source(tables), scope)
    assert scope["FIELDS"] == tables.fields
    assert scope["VALUES"] == tables.values
    assert scope["MESSAGES"] == tables.messages
    assert scope["COMPONENTS"] == tables.components
    assert (scope["HEADER"], scope["TRAILER"]) == (tables.header, tables.trailer)
