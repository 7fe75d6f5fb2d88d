"""What a Struct of fixspec.messages means on the wire: one slot per field, and a function that writes it.

The plan of a class is worked out once, from its field names (ClOrdID(11) is `cl_ord_id`) and their Python types. Its
writer is generated source: straight-line code with the tags in it is several times faster than a loop over slots, and
an ExecutionReport(8) is written for every event of every order.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from operator import itemgetter
from types import NoneType, UnionType
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

import msgspec

from fixspec.enums import FixEnum
from fixspec.errors import EncodeError
from fixspec.fields import date_text, decimal_text
from fixspec.fix44 import COMPONENTS, FIELDS, MESSAGES
from fixspec.generate import Members
from fixspec.messages import CUSTOM_FIELDS, Fields, Group

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_FREE_TEXT = frozenset({"text", "user_status_text", "issuer", "security_desc", "broker_code"})
"""Fields whose words come from somebody else: SOH in them becomes a space, elsewhere it is an error."""

Timestamp: TypeAlias = "Callable[[datetime], str]"
Writer: TypeAlias = "Callable[[Any, Timestamp], str]"


def attribute(name: str) -> str:
    """A FIX field name as attribute: `ClOrdID` → `cl_ord_id`."""
    return _WORD.sub("_", name).lower()


TAGS = {attribute(name): tag for tag, (name, _) in (FIELDS | CUSTOM_FIELDS).items()}
"""Attribute → tag."""
NAMES = {tag: name for tag, (name, _) in (FIELDS | CUSTOM_FIELDS).items()}
_LENGTH_TAGS = {
    TAGS[base]: TAGS[length]
    for base in TAGS
    for length in (f"{base}_len", f"{base}_length")
    if length in TAGS and FIELDS.get(TAGS[base], ("", ""))[1] == "DATA"
}
"""Data field → its length field, for example RawData(96) → RawDataLength(95)."""


class Kind(StrEnum):
    """How the value of a slot is held in Python."""

    STRING = "str"
    INT = "int"
    DECIMAL = "Decimal"
    TIMESTAMP = "datetime"
    DATE = "date"
    BOOLEAN = "bool"
    DATA = "bytes"
    ENUM = "FixEnum"
    ENUMS = "tuple of FixEnum"
    GROUP = "tuple of Group"


_KINDS: dict[type, Kind] = {
    str: Kind.STRING,
    int: Kind.INT,
    Decimal: Kind.DECIMAL,
    datetime: Kind.TIMESTAMP,
    date: Kind.DATE,
    bool: Kind.BOOLEAN,
    bytes: Kind.DATA,
}


class Slot(msgspec.Struct, frozen=True):
    """One field of a Struct: `tag` is the NumInGroup tag when it is a repeating group."""

    attr: str
    tag: int
    kind: Kind
    required: bool
    quiet: bool = False
    """A Boolean whose default is False: N is not written."""
    enum: type[FixEnum] | None = None
    group: type[Group] | None = None


class Plan(msgspec.Struct, frozen=True):
    """The slots of a Struct in wire order, and the same by tag."""

    cls: type[msgspec.Struct]
    slots: tuple[Slot, ...]
    by_tag: dict[int, Slot]
    write: Writer
    """(Struct, timestamp formatter) → its fields as text, `other` included; EncodeError when a value cannot be sent."""


@cache
def plan(cls: type[msgspec.Struct]) -> Plan:
    """The plan of a message or group class."""
    hints = get_type_hints(cls)
    fields = [field for field in msgspec.structs.fields(cls) if field.name != "other"]
    slots = tuple(_slot(field.name, hints[field.name], field.required, field.default is False) for field in fields)
    return Plan(cls, slots, {slot.tag: slot for slot in slots}, _writer(cls, slots))


def _slot(attr: str, hint: Any, required: bool, quiet: bool) -> Slot:
    if get_origin(hint) is UnionType:
        (hint,) = [part for part in get_args(hint) if part is not NoneType]
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if issubclass(item, Group):
            return Slot(attr, item.count_tag, Kind.GROUP, required, group=item)
        return Slot(attr, TAGS[attr], Kind.ENUMS, required, enum=item)
    if issubclass(hint, FixEnum):
        return Slot(attr, TAGS[attr], Kind.ENUM, required, enum=hint)
    return Slot(attr, TAGS[attr], _KINDS[hint], required, quiet)


def _writer(cls: type[msgspec.Struct], slots: tuple[Slot, ...]) -> Writer:
    """Generate the function that writes the fields of a Struct."""
    scope: dict[str, Any] = {
        "decimal_text": decimal_text,
        "date_text": date_text,
        "clean": _clean,
        "data": _data,
        "others": others,
        "merged": _merged,
    }
    written = [(slot.tag, _statements(slot, scope)) for slot in slots]
    whole = [line for _, lines in written for line in lines]
    if issubclass(cls, Group):
        scope["order"] = _order(cls.count_tag, frozenset(slot.tag for slot in slots))
        pieces = [line for tag, lines in written for line in ("b = ''", *lines, f"a(({tag}, b))")]
        _define(cls, "pieces", ["out = []", "a = out.append", *pieces, "return out"], scope)
        special = ["if m.other:", "    return merged(pieces(m, timestamp), m.other, order)"]
        _define(cls, "write", [*special, "b = ''", *whole, "return b"], scope)
    else:
        _define(cls, "write", ["b = ''", *whole, "if m.other:", "    b += others(m.other)", "return b"], scope)
    write: Writer = scope["write"]
    return write


def _define(cls: type, name: str, lines: list[str], scope: dict[str, Any]) -> None:
    source = "\n    ".join([f"def {name}(m, timestamp):", *lines])
    exec(compile(source, f"<{name} {cls.__name__}>", "exec"), scope)  # noqa: S102  # made of our own names and numbers


def _statements(slot: Slot, scope: dict[str, Any]) -> list[str]:
    condition, body = _lines(slot, scope)
    if slot.required:
        return [f"v = m.{slot.attr}", *body]
    return [f"v = m.{slot.attr}", f"if {condition}:", *(f"    {line}" for line in body)]


def _merged(pieces: list[tuple[int, str]], other: Fields, order: dict[int, int]) -> str:
    """A group entry with `other`: every field in its place, an unknown one behind the field it came after.

    Behind the last field of the last entry nobody could tell that it belongs to the group, so it never stays there.
    """
    placed = [(order[tag], text) for tag, text in pieces]
    place = 0
    for field in other:
        place = order.get(field[0], place)
        placed.append((place, others((field,))))
    return "".join([text for _, text in sorted(placed, key=itemgetter(0))])


def _order(count_tag: int, tags: frozenset[int]) -> dict[int, int]:
    """Tag → place within an entry of the group counted by `count_tag` which has all of `tags`.

    Fields of a nested group share its place. NoSides(552) and others count different groups in different messages.
    """
    for _, _, group in _groups((*COMPONENTS.values(), *(members for _, _, members in MESSAGES.values())), count_tag):
        order: dict[int, int] = {}
        _place(group, order, None)
        if tags <= set(order):
            return order
    raise KeyError(count_tag)


def _place(members: Members, order: dict[int, int], at: int | None) -> None:
    for member in members:
        if isinstance(member[0], str):
            _place(COMPONENTS[member[0]], order, at)
            continue
        order.setdefault(member[0], len(order) if at is None else at)
        if len(member) == 3:
            _place(member[2], order, order[member[0]])


def _groups(blocks: Iterable[Members], count_tag: int) -> Iterator[tuple[int, bool, Members]]:
    for members in blocks:
        for member in members:
            if len(member) == 3:
                if member[0] == count_tag:
                    yield member
                yield from _groups([member[2]], count_tag)


def _lines(slot: Slot, scope: dict[str, Any]) -> tuple[str, list[str]]:
    """When an optional slot is written, and the statements that append `v` to `b`."""
    tag, here = slot.tag, f"x{slot.tag}"
    usual = "v is not None"
    match slot.kind:
        case Kind.STRING:
            guard = "if '\\x01' in v or not v:" if slot.required else "if '\\x01' in v:"
            return "v", [guard, f"    v = clean({slot.attr!r}, v)", f"b += f'{tag}={{v}}\\x01'"]
        case Kind.INT:
            return usual, [f"b += f'{tag}={{v}}\\x01'"]
        case Kind.DECIMAL:
            return usual, [f"b += f'{tag}={{decimal_text(v)}}\\x01'"]
        case Kind.TIMESTAMP:
            return usual, [f"b += f'{tag}={{timestamp(v)}}\\x01'"]
        case Kind.DATE:
            return usual, [f"b += f'{tag}={{date_text(v)}}\\x01'"]
        case Kind.BOOLEAN:
            return "v" if slot.quiet else usual, [f"b += '{tag}=Y\\x01' if v else '{tag}=N\\x01'"]
        case Kind.DATA:
            return "v", [f"b += data({_LENGTH_TAGS[tag]}, {tag}, v)"]
        case Kind.ENUM:
            assert slot.enum is not None
            scope[here] = {member: f"{tag}={member.wire.decode()}\x01" for member in slot.enum}
            return usual, [f"b += {here}[v]"]
        case Kind.ENUMS:
            assert slot.enum is not None
            scope[here] = {member: member.wire.decode() for member in slot.enum}
            return "v", [f"b += f'{tag}={{\" \".join([{here}[x] for x in v])}}\\x01'"]
        case Kind.GROUP:
            assert slot.group is not None
            scope[here] = plan(slot.group).write
            return "v", [
                f"b += f'{tag}={{len(v)}}\\x01'",
                "for x in v:",
                f"    b += {here}(x, timestamp)",
            ]


def _clean(attr: str, value: str) -> str:
    """A string as it may be sent: EncodeError unless SOH in it can be replaced."""
    if not value:
        raise EncodeError(f"{NAMES[TAGS[attr]]}({TAGS[attr]}) is required and empty")
    if attr in _FREE_TEXT:
        return value.replace("\x01", " ")
    raise EncodeError(f"{NAMES[TAGS[attr]]}({TAGS[attr]}) holds the field delimiter")


def _data(length_tag: int, tag: int, value: bytes) -> str:
    return f"{length_tag}={len(value)}\x01{tag}={value.decode('latin-1')}\x01"


def others(fields: Fields) -> str:
    """Fields given as (tag, value) pairs; EncodeError for a value that holds SOH without being a data field."""
    for tag, value in fields:
        if tag < 1 or not value or (b"\x01" in value and tag not in _LENGTH_TAGS):
            raise EncodeError(f"{NAMES.get(tag, 'tag')}({tag}) is no tag, is empty or holds the field delimiter")
    return "".join([f"{tag}={value.decode('latin-1')}\x01" for tag, value in fields])
