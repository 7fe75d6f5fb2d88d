"""FIX message logs in words: lines of our own log, of QuickFIX's, or bare messages, read with simplefix."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec
from simplefix import FixMessage, FixParser

from fixspec.dictionary import FIX44
from fixspec.fix44 import VALUES

_LINE = re.compile(
    r"^(?:(?P<time>\d{8}-\d{2}:\d{2}:\d{2}(?:\.\d+)?)\s+)?(?P<words>.*?)(?P<message>8=FIX.*)$", re.DOTALL
)
_FIELD = re.compile(rb"(\d+)=([^\x01]*)\x01")
_NOISE = frozenset({8, 9, 10, 34, 35, 49, 52, 56})
"""Header and trailer fields that the head line already tells, or that nobody reads."""


class LogLine(msgspec.Struct, frozen=True):
    """One message of a log. `time` is the log's, or SendingTime(52); `direction` is in, out or empty."""

    time: datetime | None
    session: str
    direction: str
    message: FixMessage
    raw: bytes

    def get(self, tag: int) -> str:
        """A field's value as text, empty when it is absent."""
        value = self.message.get(tag)
        return "" if value is None else value.decode("latin-1")

    @property
    def msg_type(self) -> str:
        """MsgType(35)."""
        return self.get(35)

    @property
    def title(self) -> str:
        """`NewOrderSingle(D)`."""
        return f"{FIX44.messages.get(self.msg_type, 'unknown')}({self.msg_type})"

    def fields(self, *, all_fields: bool = False) -> Iterator[tuple[str, str, str]]:
        """(`Side(54)`, `1`, `BUY`) for each field as they come; header and trailer only with `all_fields`."""
        for raw_tag, raw_value in self.message:
            tag, value = int(raw_tag), raw_value.decode("latin-1")
            if not all_fields and tag in _NOISE:
                continue
            yield FIX44.label(tag), value, VALUES.get(tag, {}).get(value, "")


def read(lines: Iterable[str]) -> Iterator[LogLine | str]:
    """The messages of a log in order; a line without one, that is not empty, is given as it stands."""
    for line in lines:
        text = line.rstrip("\r\n")
        found = _LINE.match(text)
        if found is None:
            if text.strip():
                yield text
            continue
        raw = _soh(found["message"])
        message = _parse(raw)
        if message is None:
            yield text
            continue
        words = found["words"].replace(" - ", " ").strip(" :-").split()
        direction = next((word for word in words if word in ("in", "out")), "")
        session = next((word for word in words if word != direction), "")
        sent = message.get(52)
        time = _time(found["time"] or (sent or b"").decode("latin-1"))
        yield LogLine(time, session or _session(message), direction, message, raw)


def _soh(text: str) -> bytes:
    """A message with its real separators: logs write SOH as `|`, `^A` or itself."""
    data = text.encode("utf-8", "surrogateescape")
    if b"\x01" not in data:
        data = data.replace(b"^A", b"\x01").replace(b"|", b"\x01")
    return data if data.endswith(b"\x01") else data + b"\x01"


def _parse(raw: bytes) -> FixMessage | None:
    parser = FixParser(allow_empty_values=True)
    parser.append_buffer(raw)
    try:
        message = parser.get_message()
    except ValueError:
        message = None
    if message is None and _FIELD.match(raw):
        # Cut off or masked in the log: without its CheckSum(10) the parser would wait for ever.
        message = FixMessage()
        for tag, value in _FIELD.findall(raw):
            message.append_pair(int(tag), value)
    return message


def _session(message: FixMessage) -> str:
    sender, target = message.get(49), message.get(56)
    return f"{(sender or b'?').decode('latin-1')}->{(target or b'?').decode('latin-1')}"


def _time(text: str) -> datetime | None:
    head, _, fraction = text.partition(".")
    try:
        time = datetime.strptime(head, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return time.replace(microsecond=int(fraction[:6].ljust(6, "0"))) if fraction.isdecimal() else time
