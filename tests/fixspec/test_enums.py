"""The enumerations against the dictionary."""

import inspect

import msgspec
import pytest

from fixspec import enums
from fixspec.dictionary import FIX44
from fixspec.enums import ExecType, FixEnum, MsgType, OrdStatus, Side, TimeInForce
from fixspec.messages import CUSTOM_FIELDS

ENUMS = [
    cls for _, cls in inspect.getmembers(enums, inspect.isclass) if issubclass(cls, FixEnum) and cls is not FixEnum
]
TAGS = {field.name: tag for tag, field in FIX44.fields.items()}
LATER = {"OrdRejReason": {"12", "16", "18"}, "ExecRestatementReason": {"12", "13"}}
"""Values of later versions we may send where agreed."""


@pytest.mark.parametrize("cls", ENUMS, ids=lambda cls: cls.__name__)
def test_an_enumeration_has_exactly_the_values_of_its_field(cls: type[FixEnum]) -> None:
    tag = TAGS[cls.__name__]
    if tag not in CUSTOM_FIELDS:
        wires = {member.wire.decode() for member in cls}
        assert wires == FIX44.fields[tag].values | LATER.get(cls.__name__, set())


@pytest.mark.parametrize("cls", ENUMS, ids=lambda cls: cls.__name__)
def test_words_and_wire_values_name_one_member_each(cls: type[FixEnum]) -> None:
    for member in cls:
        assert cls(member.value) is member
        assert cls.by_wire[member.wire] is member
        assert cls.from_wire(member.wire) is member
        assert msgspec.json.decode(msgspec.json.encode(member), type=cls) is member
    assert len(cls.by_wire) == len(cls)
    assert cls.__doc__ is not None
    assert f"{cls.__name__}({TAGS[cls.__name__]})" in cls.__doc__


@pytest.mark.parametrize("cls", ENUMS, ids=lambda cls: cls.__name__)
def test_words_are_the_names_in_lower_case_but_for_good_till_cancel(cls: type[FixEnum]) -> None:
    for member in cls:
        assert member.value == ("gtc" if member is TimeInForce.GTC else member.name.lower())


def test_an_unknown_value_is_no_member() -> None:
    with pytest.raises(ValueError, match="no Side"):
        Side.from_wire(b"?")


def test_good_till_cancel_has_two_names() -> None:
    assert TimeInForce.GTC is TimeInForce.GOOD_TILL_CANCEL


def test_all_93_message_types_are_known() -> None:
    assert {member.wire.decode() for member in MsgType} == set(FIX44.messages)
    assert len(MsgType) == 93


def test_status_and_exec_type_share_their_words() -> None:
    for status in OrdStatus:
        if status.name in ExecType.__members__:
            assert ExecType[status.name].wire == status.wire
