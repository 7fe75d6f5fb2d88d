"""A dictionary and its enforcement, compiled into what the reader looks up field by field."""

from collections.abc import Callable
from typing import Any

import msgspec

from fixspec.dictionary import Dictionary, Layout, Validation
from fixspec.fields import (
    PARSERS,
    parse_any_timestamp,
    parse_decimal,
    parse_long_decimal,
    parse_string,
    parse_utc_timestamp,
)
from fixspec.messages import SERVED, Header
from fixspec.plans import Kind, Plan, Slot, plan

MSG_TYPE = 35
"""An unknown type has a reason of its own: INVALID_MSG_TYPE(11)."""


class Field(msgspec.Struct, frozen=True):
    """How one field of a block is read: by `choices` when its values are listed, else by `parse`."""

    tag: int
    slot: Slot | None
    parse: Callable[[str], Any]
    choices: dict[str, Any] | None
    checked: bool
    """False: goes to `other` as it came."""
    group: "Block | None" = None


class Block(msgspec.Struct):
    """A header, body, trailer or group entry: its fields, and the plan of the Struct they fill, if any."""

    layout: Layout
    plan: Plan | None
    fields: dict[int, Field]
    nested: set[int]
    """Tags which belong inside a repeating group of this block."""


class Rules:
    """A dictionary and its enforcement, compiled per message type when first needed."""

    def __init__(self, dictionary: Dictionary, validation: Validation) -> None:
        self.dictionary = dictionary
        self.validation = validation
        self.header = self._block(dictionary.header, plan(Header))
        self.trailer = self._block(dictionary.trailer, None)
        self._bodies: dict[str, Block] = {}

    def body(self, msg_type: str) -> Block:
        """The body of a message type; KeyError when the dictionary does not have it."""
        block = self._bodies.get(msg_type)
        if block is None:
            served = SERVED.get(msg_type)
            block = self._block(self.dictionary.layout(msg_type), plan(served) if served else None)
            self._bodies[msg_type] = block
        return block

    def _block(self, layout: Layout, struct: Plan | None) -> Block:
        fields: dict[int, Field] = {}
        nested: set[int] = set()
        for tag in layout.positions:
            slot = struct.by_tag.get(tag) if struct else None
            group = None
            if slot is not None and (slot.kind is Kind.GROUP) != (tag in layout.groups):
                slot = None  # this dictionary uses the number for something else
            if tag in layout.groups:
                modelled = slot.group if slot else None
                group = self._block(layout.groups[tag], plan(modelled) if modelled else None)
                nested.update(group.fields, group.nested)
            fields[tag] = self._field(tag, slot, group)
        return Block(layout, struct, fields, nested)

    def _field(self, tag: int, slot: Slot | None, group: Block | None) -> Field:
        known = self.dictionary.fields[tag]
        parse = PARSERS.get(known.type, parse_string)
        listed = known.values if self.validation.enum_values == "reject" and tag != MSG_TYPE else ()
        choices: dict[str, Any] | None = None
        if slot is not None and slot.enum is not None:
            choices = {
                member.wire.decode(): member
                for member in slot.enum
                if not known.values or member.wire.decode() in known.values or self.validation.enum_values == "ignore"
            }
        elif listed:
            choices = {text: text for text in listed}
        if slot is not None and slot.enum is None and group is None:
            parse = _parser(slot.kind, parse, known.type)
            if slot.kind is not Kind.STRING and choices is not None:
                choices = {text: parse(text) for text in choices}
        if self.validation.formats == "ignore":
            parse = _TOLERANT.get(parse, parse)
        checked = slot is not None or self.validation.unmodelled_values == "reject"
        return Field(tag, slot, parse, choices, checked, group)


_TOLERANT: dict[Callable[[str], Any], Callable[[str], Any]] = {
    parse_decimal: parse_long_decimal,
    parse_utc_timestamp: parse_any_timestamp,
}
_OF_KIND = {
    Kind.INT: frozenset({"INT", "SEQNUM", "LENGTH", "NUMINGROUP", "DAYOFMONTH"}),
    Kind.DECIMAL: frozenset({"QTY", "PRICE", "PRICEOFFSET", "AMT", "PERCENTAGE", "FLOAT"}),
    Kind.TIMESTAMP: frozenset({"UTCTIMESTAMP"}),
    Kind.DATE: frozenset({"LOCALMKTDATE", "UTCDATEONLY", "UTCDATE"}),
    Kind.BOOLEAN: frozenset({"BOOLEAN"}),
    Kind.DATA: frozenset({"DATA", "XMLDATA"}),
}
_DEFAULTS = {
    Kind.INT: "INT",
    Kind.DECIMAL: "QTY",
    Kind.TIMESTAMP: "UTCTIMESTAMP",
    Kind.DATE: "LOCALMKTDATE",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATA: "DATA",
}


def _parser(kind: Kind, parse: Callable[[str], Any], known: str) -> Callable[[str], Any]:
    """The dictionary's parser where it makes what the Struct holds, else the Struct's own."""
    if kind is Kind.STRING:
        return parse if known in {"CHAR", "MONTHYEAR"} else parse_string
    return parse if known in _OF_KIND[kind] else PARSERS[_DEFAULTS[kind]]
