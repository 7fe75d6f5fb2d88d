"""A message given by the fields it has.

An ExecutionReport(8) has a hundred fields, a report of an order sets two dozen of them, and one is written for every
event of every order. To make the Struct and to look at each of its fields costs several times what writing the two
dozen costs. A `Sparse` is written byte for byte as its Struct would be, by a function generated for its set of fields;
that function gives up on any surprise (None, a text with the delimiter, a number that needs an exponent), and then the
Struct is made and written after all.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

from fixspec.enums import MsgType
from fixspec.fields import date_text
from fixspec.messages import Message
from fixspec.plans import Kind, Slot, Timestamp, plan

Part: TypeAlias = "Callable[[dict[str, Any], Timestamp], str | None]"

_SHAPES = 512
"""Sets of fields that have a function; whatever comes beyond that is written by way of its Struct."""
_PLAIN = {Kind.STRING, Kind.INT, Kind.DECIMAL, Kind.TIMESTAMP, Kind.DATE, Kind.BOOLEAN, Kind.ENUM}
_SURPRISES = (KeyError, TypeError, AttributeError)
"""What a None, or a value of the wrong type, does to a generated function."""


class Sparse:
    """`cls(**fields)`, without making it. `fields` must not be changed any more."""

    __slots__ = ("cls", "fields")

    def __init__(self, cls: type[Message], fields: dict[str, Any]) -> None:
        self.cls = cls
        self.fields = fields

    @property
    def msg_type(self) -> MsgType:
        """MsgType(35)."""
        return self.cls.msg_type

    def whole(self) -> Message:
        """The Struct; TypeError for a field that it has not."""
        return self.cls(**self.fields)

    def write(self, timestamp: Timestamp) -> str:
        """Its fields as text, as `plan(cls).write` gives them; EncodeError when a value cannot be sent."""
        fields = self.fields
        names = (self.cls, *fields)
        part = _parts.get(names)
        if part is None:
            part = _learned(self.cls, names)
        try:
            text = part(fields, timestamp)
        except _SURPRISES:
            text = None
        return plan(self.cls).write(self.whole(), timestamp) if text is None else text


_parts: dict[tuple[object, ...], Part] = {}


def _learned(cls: type[Message], names: tuple[object, ...]) -> Part:
    part = _generated(cls, frozenset(names[1:]))
    if len(_parts) < _SHAPES:
        _parts[names] = part
    return part


def _give_up(fields: dict[str, Any], timestamp: Timestamp) -> None:
    return None


def _generated(cls: type[Message], names: frozenset[Any]) -> Part:
    """The function for one set of fields; one that always gives up where a field is a group, data or unknown."""
    slots = [slot for slot in plan(cls).slots if slot.attr in names]
    if len(slots) != len(names) or not all(slot.kind in _PLAIN for slot in slots):
        return _give_up
    scope: dict[str, Any] = {"date_text": date_text, "text": Decimal.__str__}
    lines = ["def part(f, timestamp):"]
    numbers = [f"d{slot.tag}" for slot in slots if slot.kind is Kind.DECIMAL]
    lines += [f"    d{slot.tag} = text(f[{slot.attr!r}])" for slot in slots if slot.kind is Kind.DECIMAL]
    if numbers:
        # an exponent, an infinity or NaN
        lines += [
            f"    n = ''.join(({', '.join(numbers)},))",
            "    if 'E' in n or 'I' in n or 'N' in n: return None",
        ]
    pieces = [piece for slot in slots for piece in _pieces(slot, scope)]
    lines += [
        f"    b = ''.join(({', '.join(_joined(pieces))},))",
        # a text that holds the delimiter, or an empty one
        f"    return b if b.count('\\x01') == {len(slots)} and '=\\x01' not in b else None",
    ]
    exec(compile("\n".join(lines), f"<sparse {cls.__name__}>", "exec"), scope)  # noqa: S102  # our names and numbers
    part: Part = scope["part"]
    return part


def _pieces(slot: Slot, scope: dict[str, Any]) -> list[str]:
    """Expressions that make up the field; those that are not a str fail in `join`."""
    tag, value, here = slot.tag, f"f[{slot.attr!r}]", f"x{slot.tag}"
    match slot.kind:
        case Kind.ENUM:
            assert slot.enum is not None
            scope[here] = {member: f"{tag}={member.wire.decode()}\x01" for member in slot.enum}
            return [f"{here}[{value}]"]
        case Kind.BOOLEAN:
            scope[here] = {True: f"{tag}=Y\x01", False: "" if slot.quiet else f"{tag}=N\x01"}
            return [f"{here}[{value}]"]
        case Kind.DECIMAL:
            value = f"d{tag}"
        case Kind.INT:
            value = f"'%d' % {value}"
        case Kind.TIMESTAMP:
            value = f"timestamp({value})"
        case Kind.DATE:
            value = f"date_text({value})"
    return [repr(f"{tag}="), value, repr("\x01")]


def _joined(pieces: list[str]) -> list[str]:
    """Neighbouring literals as one."""
    out: list[str] = []
    for piece in pieces:
        if out and piece[0] == "'" == out[-1][0] and piece[-1] == "'" == out[-1][-1] and "%" not in piece + out[-1]:
            out[-1] = out[-1][:-1] + piece[1:]
        else:
            out.append(piece)
    return out
