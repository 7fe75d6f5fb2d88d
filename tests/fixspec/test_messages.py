"""The message Structs against the dictionary."""

from typing import get_type_hints

import msgspec
import pytest

from fixspec.dictionary import FIX44
from fixspec.messages import CUSTOM_FIELDS, EXTENSIONS, SERVED, Group, Header, Message
from fixspec.plans import Kind, attribute, plan

TYPES = {
    Kind.INT: {"INT", "SEQNUM", "LENGTH", "NUMINGROUP"},
    Kind.DECIMAL: {"QTY", "PRICE", "PRICEOFFSET", "AMT", "PERCENTAGE", "FLOAT"},
    Kind.TIMESTAMP: {"UTCTIMESTAMP"},
    Kind.DATE: {"LOCALMKTDATE"},
    Kind.BOOLEAN: {"BOOLEAN"},
    Kind.DATA: {"DATA"},
    Kind.ENUMS: {"MULTIPLEVALUESTRING"},
    Kind.ENUM: {"CHAR", "INT", "STRING"},
    Kind.STRING: {"STRING", "CURRENCY", "EXCHANGE", "COUNTRY", "MONTHYEAR", "CHAR"},
    Kind.GROUP: {"NUMINGROUP"},
}


def structs() -> list[type[msgspec.Struct]]:
    return [Header, *Group.__subclasses__(), *SERVED.values()]


@pytest.mark.parametrize("cls", structs(), ids=lambda cls: cls.__name__)
def test_every_field_holds_what_its_fix_type_says(cls: type[msgspec.Struct]) -> None:
    for slot in plan(cls).slots:
        field = FIX44.fields[slot.tag]
        assert field.type in TYPES[slot.kind]
        if slot.kind is Kind.GROUP:
            assert field.name.startswith("No")
        else:
            assert attribute(field.name) == slot.attr
        if slot.enum is not None:
            assert slot.enum.__name__ == field.name or field.name == "SecurityAltIDSource"


@pytest.mark.parametrize("cls", structs(), ids=lambda cls: cls.__name__)
def test_other_is_the_last_field(cls: type[msgspec.Struct]) -> None:
    assert cls.__struct_fields__[-1] == "other"
    assert not cls.__struct_config__.gc
    assert cls.__struct_config__.frozen


@pytest.mark.parametrize(("msg_type", "cls"), SERVED.items())
def test_every_field_of_a_message_is_one_of_its_type(msg_type: str, cls: type[Message]) -> None:
    layout = FIX44.layout(msg_type)
    assert cls.msg_type.wire.decode() == msg_type
    assert FIX44.messages[msg_type] == cls.__name__
    for slot in plan(cls).slots:
        assert slot.tag in layout.positions
        assert (slot.kind is Kind.GROUP) == (slot.tag in layout.groups)


@pytest.mark.parametrize(("msg_type", "cls"), SERVED.items())
def test_what_the_dictionary_requires_has_no_default(msg_type: str, cls: type[Message]) -> None:
    slots = plan(cls).by_tag
    for tag in FIX44.layout(msg_type).required:
        assert slots[tag].required or slots[tag].kind is Kind.GROUP
    ours = {slot.tag for slot in slots.values() if slot.required} - FIX44.layout(msg_type).required
    assert ours <= {55, 909}, "beyond the dictionary only Symbol(55) is required where an Instrument is"


def test_every_custom_field_is_on_some_message() -> None:
    used = {slot.tag for cls in SERVED.values() for slot in plan(cls).slots}
    assert set(CUSTOM_FIELDS) <= used
    for msg_type, tags in EXTENSIONS.items():
        assert set(tags) <= set(plan(SERVED[msg_type]).by_tag)


def test_groups_of_one_number_are_modelled_once() -> None:
    counts = [cls.count_tag for cls in Group.__subclasses__()]
    assert len(counts) == len(set(counts))


@pytest.mark.parametrize("cls", structs(), ids=lambda cls: cls.__name__)
def test_no_binary_float_is_anywhere(cls: type[msgspec.Struct]) -> None:
    assert "float" not in str(get_type_hints(cls).values())
