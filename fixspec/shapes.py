"""Reading again what was read before: a function per sequence of tags.

Which fields a message has, in which order and under which NumInGroup counts, decides everything about it but the
values. Clients send the same few sequences over and over. So once a sequence has passed the exact reader a few times, a
function is generated for it that only converts values, and that gives up on any surprise, which the exact reader then
judges. Results are the same either way; a message never depends on what came before it.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from fixspec.fields import parse_string
from fixspec.messages import Header, Unserved
from fixspec.plans import Kind, Plan, plan
from fixspec.reading import ENVELOPE, Item, Reader
from fixspec.rules import Field

Build: TypeAlias = "Callable[[list[str]], Any]"

SURPRISES = (KeyError, ValueError)
"""What a generated function raises when the message needs the exact reader; a FieldError is a ValueError."""

_SIGHTINGS = 8
_SHAPES = 256
_LONGEST = 256
_KEEP = bytes(code for code in range(256) if code not in b"=\x01")
_ALTERNATING = b"=\x01" * _LONGEST


def split(frame: bytes) -> list[str] | None:
    """Tags and values of a frame in turn; None when a value is empty or holds `=`, or for more than 256 fields."""
    parts = frame.decode("latin-1").replace("\x01", "=").split("=")
    if len(parts) > 2 * _LONGEST or frame.translate(None, _KEEP) != _ALTERNATING[: len(parts) - 1] or b"=\x01" in frame:
        return None
    return parts


def _surprise() -> None:
    raise ValueError


class Shapes:
    """The functions generated so far, at most 256, the oldest making room; a sequence gets one at its eighth sight."""

    def __init__(self, result: Callable[[Header, Any], Any]) -> None:
        self.result = result
        self.known: dict[str, Build] = {}
        self._seen: dict[str, int] = {}

    def learn(self, shape: str, reader: Reader, header: list[Item], struct: Plan | None, body: list[Item]) -> None:
        """Count a message that passed the exact reader, and generate its function when it is due."""
        seen = self._seen.get(shape, 0) + 1
        if seen < _SIGHTINGS:
            if len(self._seen) >= 16 * _SHAPES:
                self._seen.clear()
            self._seen[shape] = seen
            return
        del self._seen[shape]
        while len(self.known) >= _SHAPES:
            del self.known[next(iter(self.known))]
        self.known[shape] = _Source(reader).build(self.result, header, struct, body)


class _Source:
    """The source of one function, and the objects it refers to."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.scope: dict[str, Any] = {"surprise": _surprise}
        self.counts: list[str] = []

    def build(
        self, result: Callable[[Header, Any], Any], header: list[Item], struct: Plan | None, body: list[Item]
    ) -> Build:
        head = self._call(plan(Header), header)
        if struct is None:
            msg_type = self.reader.tokens[2].text
            message = f"{self._name(Unserved)}(msg_type={msg_type!r}, other={self._others(body)})"
        else:
            message = self._call(struct, body)
        lines = ["def build(p):"]
        if self.counts:
            lines.append(f"    if {' or '.join(self.counts)}: surprise()")
        lines.append(f"    return {self._name(result)}({head}, {message})")
        exec(compile("\n".join(lines), "<shape>", "exec"), self.scope)  # noqa: S102  # made of our names and numbers
        build: Build = self.scope["build"]
        return build

    def _name(self, thing: object) -> str:
        name = f"x{id(thing)}"
        self.scope[name] = thing
        return name

    def _call(self, struct: Plan, items: list[Item]) -> str:
        arguments = []
        other = []
        for item in items:
            slot = item.field.slot if item.field is not None else None
            if slot is None:
                other.append(item)
            elif item.entries is None:
                arguments.append(f"{slot.attr}={self._value(item)}")
            else:
                assert slot.group is not None
                self.counts.append(f"{self._part(item)} != {self.reader.tokens[item.at].text!r}")
                entries = "".join([self._call(plan(slot.group), entry) + ", " for entry in item.entries])
                arguments.append(f"{slot.attr}=({entries})")
        if other:
            arguments.append(f"other={self._others(other)}")
        return f"{self._name(struct.cls)}({', '.join(arguments)})"

    def _part(self, item: Item) -> str:
        return f"p[{2 * item.at + 1}]"

    def _value(self, item: Item) -> str:
        field, text = item.field, self._part(item)
        assert field is not None
        if field.choices is None:
            return text if field.parse is parse_string else f"{self._name(field.parse)}({text})"
        choices = self._name(field.choices)
        if field.slot is not None and field.slot.kind is Kind.ENUMS:
            return f"tuple([{choices}[v] for v in {self._name(field.parse)}({text})])"
        return f"{choices}[{text}]"

    def _others(self, items: list[Item]) -> str:
        out: list[str] = []
        for item in items:
            self._other(item, out)
        return f"({''.join(out)})"

    def _other(self, item: Item, out: list[str]) -> None:
        if item.tag in ENVELOPE:
            return
        text = self._part(item)
        field = item.field
        if field is None or field.group is not None or (field.choices is None and field.parse is parse_string):
            out.append(f"({item.tag}, {text}.encode('latin-1')), ")
        else:
            out.append(f"({item.tag}, {self._name(_keeper(field))}({text})), ")
        if item.entries is not None:
            self.counts.append(f"{text} != {self.reader.tokens[item.at].text!r}")
            for entry in item.entries:
                for inner in entry:
                    self._other(inner, out)


def _keeper(field: Field) -> Callable[[str], bytes]:
    """A function that checks a value of `field` and keeps it as it came."""
    parse, choices = field.parse, field.choices

    def keep(text: str) -> bytes:
        value = parse(text)
        if choices is not None and not (all(v in choices for v in value) if type(value) is tuple else text in choices):
            raise ValueError(text)
        return text.encode("latin-1")

    return keep
