"""Messages of every served type, drawn from what their fields may hold, and frames for tests that write bytes."""

import string
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st

from fixspec.dictionary import FIX44
from fixspec.messages import CUSTOM_FIELDS, SERVED, Header, Message
from fixspec.plans import Kind, Slot, plan

SENDING_TIME = datetime(2026, 3, 2, 14, 30, 0, 250000, tzinfo=UTC)


def frame(*fields: tuple[int, str | bytes], begin: bytes = b"FIX.4.4") -> bytes:
    """A sound frame of `fields`, which start with MsgType(35)."""
    body = b"".join(
        b"%d=%b\x01" % (tag, value.encode("latin-1") if isinstance(value, str) else value) for tag, value in fields
    )
    return framed(body, begin)


def framed(body: bytes, begin: bytes = b"FIX.4.4") -> bytes:
    """A sound frame around `body`."""
    message = b"8=%b\x019=%d\x01%b" % (begin, len(body), body)
    return message + b"10=%03d\x01" % (sum(message) % 256)


def message_of(msg_type: str, *fields: tuple[int, str | bytes], seq_num: int = 7) -> bytes:
    """A frame with the usual header around `fields`."""
    return frame(
        (35, msg_type),
        (49, "CLIENT"),
        (56, "BRIDGE"),
        (34, str(seq_num)),
        (52, "20260302-14:30:00.250"),
        *fields,
    )


NEW_ORDER: tuple[tuple[int, str | bytes], ...] = (
    (11, "A1"),
    (55, "AAPL"),
    (54, "1"),
    (60, "20260302-14:30:00.249"),
    (38, "100"),
    (40, "2"),
    (44, "187.25"),
)


def without(fields: tuple[tuple[int, str | bytes], ...], tag: int) -> tuple[tuple[int, str | bytes], ...]:
    """`fields` less the one with `tag`."""
    return tuple(field for field in fields if field[0] != tag)


_characters = st.characters(min_codepoint=0x20, max_codepoint=0xFF)
_strings = st.one_of(
    st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=12),
    st.text(_characters, min_size=1, max_size=8),
)
decimals = st.builds(
    lambda number, places, negative: Decimal(number).scaleb(-places) * (-1 if negative and number else 1),
    st.integers(0, 10**15 - 1),
    st.integers(0, 12),
    st.booleans(),
)
timestamps = st.one_of(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 4 * 10**12).map(lambda ms: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)),
)
_month_years = st.sampled_from(["202603", "20260320", "202612w3"])


@cache
def values(slot: Slot) -> st.SearchStrategy[Any]:
    """What the field of `slot` may hold under the strict rules."""
    field = FIX44.fields[slot.tag]
    match slot.kind:
        case Kind.STRING:
            if field.values:
                return st.sampled_from(sorted(field.values))
            if field.type == "MONTHYEAR":
                return _month_years
            return _characters if field.type == "CHAR" else _strings
        case Kind.INT:
            if field.values:
                return st.sampled_from(sorted(field.values)).map(int)
            low = 0 if field.type in {"SEQNUM", "LENGTH", "NUMINGROUP"} else -(10**9)
            return st.integers(low, 10**9)
        case Kind.DECIMAL:
            return decimals
        case Kind.TIMESTAMP:
            return timestamps
        case Kind.DATE:
            return st.dates(date(1900, 1, 1), date(2999, 12, 31))
        case Kind.BOOLEAN:
            return st.booleans()
        case Kind.DATA:
            return st.binary(min_size=1, max_size=20)
        case Kind.ENUM | Kind.ENUMS:
            assert slot.enum is not None
            members = [m for m in slot.enum if not field.values or m.wire.decode() in field.values]
            one = st.sampled_from(members)
            return one if slot.kind is Kind.ENUM else st.lists(one, min_size=1, max_size=3).map(tuple)
        case Kind.GROUP:
            assert slot.group is not None
            return st.lists(structs(slot.group), min_size=1, max_size=2).map(tuple)


@cache
def structs(cls: type[msgspec.Struct], always: frozenset[int] = frozenset()) -> st.SearchStrategy[Any]:
    """Structs of `cls`: required fields and those in `always`, and any few of the others."""
    slots = plan(cls).slots
    needed = [slot for slot in slots if slot.required or slot.tag in always]
    others = [slot for slot in slots if slot not in needed]

    @st.composite
    def draw_struct(draw: st.DrawFn) -> Any:
        chosen = draw(st.lists(st.sampled_from(others), unique=True, max_size=8)) if others else []
        return cls(**{slot.attr: draw(values(slot)) for slot in [*needed, *chosen]})

    return draw_struct()


_user_fields = st.lists(
    st.tuples(
        st.integers(5000, 9999).filter(lambda tag: tag not in CUSTOM_FIELDS),
        st.binary(min_size=1, max_size=6).map(lambda raw: raw.replace(b"\x01", b"?")),
    ),
    max_size=3,
).map(tuple)


@st.composite
def messages(draw: st.DrawFn, msg_type: str | None = None) -> Message:
    """A message that passes the strict rules."""
    msg_type = msg_type or draw(st.sampled_from(sorted(SERVED)))
    message = draw(structs(SERVED[msg_type], FIX44.layout(msg_type).required))
    replaced: Message = msgspec.structs.replace(message, other=draw(_user_fields))
    return replaced


@st.composite
def headers(draw: st.DrawFn, msg_type: str) -> Header:
    """A header of a message of `msg_type`."""
    slots = [slot for slot in plan(Header).slots if slot.attr != "msg_type"]
    chosen = [slot for slot in slots if slot.required or draw(st.booleans())]
    return Header(msg_type=msg_type, **{slot.attr: draw(values(slot)) for slot in chosen})
