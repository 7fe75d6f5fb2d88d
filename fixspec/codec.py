"""Frames into messages and messages into frames.

`decode` never raises: it answers with the message, or with the SessionReject the session layer is to send. `encode`
raises EncodeError for a message that cannot be written, which is a bug of whoever made it. Strings are ISO 8859-1 on
the wire; characters outside it are sent as `?`, for which FIX has EncodedText(355).
"""

import re
from datetime import datetime
from functools import cache
from typing import Final, TypeAlias

import msgspec

from fixspec.dictionary import FIX44, STRICT, Dictionary, Validation
from fixspec.enums import SessionRejectReason
from fixspec.errors import EncodeError, FieldError
from fixspec.fields import timestamp_text
from fixspec.framing import checksum
from fixspec.messages import Header, Message, Unserved
from fixspec.plans import Timestamp, Writer, others, plan
from fixspec.reading import Item, Reader
from fixspec.rules import Rules
from fixspec.shapes import SURPRISES, Shapes, split
from fixspec.sparse import Sparse
from fixspec.tokens import Refused


class Inbound(msgspec.Struct, frozen=True, gc=False):
    """A sound message."""

    header: Header
    message: Message | Unserved


class SessionReject(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What is wrong with a message, as Reject(3) tells it.

    `header` is there whenever the header could be read, so that the session can apply its own rules (MsgSeqNum,
    CompIDs, PossDupFlag) first; `ref_seq_num` is None when MsgSeqNum(34) is absent or no number. A message of another
    version has `ref_tag_id` 8.
    """

    reason: SessionRejectReason
    ref_seq_num: int | None
    ref_msg_type: str
    ref_tag_id: int | None
    text: str
    header: Header | None = None


Decoded: TypeAlias = Inbound | SessionReject

_USUAL_START: Final = b"8=FIX.4.4\x019="
_TRAILER: Final = 7
_DUPLICATE = re.compile(rb"(?<=\x01)43=[^\x01]*\x01")
_AFTER_SENDING_TIME = re.compile(rb"(43|97|122)=([^\x01]*)\x01")
_CHECKSUMS = [b"10=%03d\x01" % value for value in range(256)]


class Decoder:
    """`decode` under one dictionary and one strictness; it learns the sequences of tags it is fed, and nothing else."""

    __slots__ = ("_learn", "_rules", "_shapes", "dictionary", "validation")

    def __init__(self, dictionary: Dictionary = FIX44, validation: Validation = STRICT, *, learn: bool = True) -> None:
        """With `learn` False every message takes the exact reader, which is several times slower."""
        self.dictionary = dictionary
        self.validation = validation
        self._rules = Rules(dictionary, validation)
        self._shapes = Shapes(Inbound)
        self._learn = learn

    def decode(self, frame: bytes) -> Decoded:
        """The message in `frame`, or why it is refused.

        BodyLength(9) and CheckSum(10) are not looked at again: `Framer` lets only sound frames pass.
        """
        parts = split(frame)
        if parts is None or not frame.startswith(_USUAL_START):
            return self._decode_exactly(frame, None)
        shape = f"{parts[5]}={'='.join(parts[::2])}" if len(parts) > 5 else ""
        build = self._shapes.known.get(shape)
        if build is not None:
            try:
                return build(parts)  # type: ignore[no-any-return]
            except SURPRISES:
                shape = ""
        return self._decode_exactly(frame, shape)

    def _decode_exactly(self, frame: bytes, shape: str | None) -> Decoded:
        text = frame.decode("latin-1")
        reader = Reader(self._rules, text)
        items, fault = reader.header()
        header = self._header(reader, items)
        msg_type = reader.tokens[2].text if len(reader.tokens) > 2 else ""
        try:
            if items and reader.tokens[0].text != self.dictionary.begin_string:
                raise Refused(
                    SessionRejectReason.VALUE_IS_INCORRECT,
                    8,
                    f"BeginString(8) {reader.tokens[0].text[:20]!r} is not {self.dictionary.begin_string}",
                )
            if fault is not None:
                raise fault
            if msg_type not in self.dictionary.messages:
                raise Refused(
                    SessionRejectReason.INVALID_MSG_TYPE, 35, f"MsgType(35) {msg_type[:20]!r} is not in FIX 4.4"
                )
            block = self._rules.body(msg_type)
            body = reader.body(block, items)
            header = reader.assemble(plan(Header), items)
            if block.plan is None:
                message = Unserved(msg_type=msg_type, other=reader.other(body))
            else:
                message = reader.assemble(block.plan, body)
        except Refused as refused:
            return SessionReject(
                reason=refused.reason,
                ref_seq_num=header.msg_seq_num if header is not None else _seq_num(reader),
                ref_msg_type=msg_type,
                ref_tag_id=refused.tag,
                text=refused.text,
                header=header,
            )
        if shape and self._learn and reader.learnable:
            self._shapes.learn(shape, reader, items, block.plan, body)
        return Inbound(header, message)

    def _header(self, reader: Reader, items: list[Item]) -> Header | None:
        try:
            header: Header = reader.assemble(plan(Header), items)
        except Refused:
            return None
        return header


def _seq_num(reader: Reader) -> int | None:
    """MsgSeqNum(34) of a message whose header is not complete."""
    for token in reader.tokens:
        if token.tag == 34:
            return int(token.text) if token.text.isdecimal() and len(token.text) <= 18 else None
    return None


@cache
def _decoder(dictionary: Dictionary, validation: Validation) -> Decoder:
    return Decoder(dictionary, validation)


_FIX44_STRICT = Decoder()


def decode(frame: bytes, dictionary: Dictionary = FIX44, validation: Validation = STRICT) -> Decoded:
    """The message in `frame`, or why it is refused; see Decoder.decode."""
    if dictionary is FIX44 and validation is STRICT:
        return _FIX44_STRICT.decode(frame)
    return _decoder(dictionary, validation).decode(frame)


def _exact(value: datetime) -> str:
    return timestamp_text(value, None)


_MISTAKES = (FieldError, KeyError, TypeError, AttributeError)
"""What a value of the wrong type or kind does to a writer."""
_TIMESTAMPS: dict[int | None, Timestamp] = {
    None: _exact,
    0: lambda value: timestamp_text(value, 0),
    3: lambda value: timestamp_text(value, 3),
    6: lambda value: timestamp_text(value, 6),
}


def encode(header: Header, message: Message | Unserved, timestamp_digits: int | None = None) -> bytes:
    """`message` under `header` as a frame.

    Times have `timestamp_digits` (0, 3 or 6) fraction digits; None: 6 where 3 would lose something, else 3. MsgType(35)
    comes from the message, whatever the header says. Raises EncodeError.
    """
    timestamp = _TIMESTAMPS[timestamp_digits]
    try:
        _, _, fields = plan(Header).write(header, timestamp).partition("\x01")
        return _framed(_latin(f"35={_msg_type(message)}\x01{fields}{_writer(type(message))(message, timestamp)}"))
    except _MISTAKES as error:
        raise EncodeError(f"{type(message).__name__}: {error}") from error


class Encoder:
    """`encode` for one direction of one session, with everything that does not change written beforehand.

    `timestamp_digits` (0, 3 or 6) is the precision of the times inside messages; None writes what each time has.
    """

    __slots__ = ("_rest", "_starts", "_timestamp")

    def __init__(
        self,
        sender_comp_id: str,
        target_comp_id: str,
        *,
        sender_sub_id: str | None = None,
        sender_location_id: str | None = None,
        target_sub_id: str | None = None,
        target_location_id: str | None = None,
        timestamp_digits: int | None = 3,
    ) -> None:
        """Raises EncodeError for an id that is empty or holds the field delimiter."""
        ids = (
            (49, sender_comp_id),
            (56, target_comp_id),
            (50, sender_sub_id),
            (142, sender_location_id),
            (57, target_sub_id),
            (143, target_location_id),
        )
        fixed = _latin(others(tuple((tag, _latin(value)) for tag, value in ids if value is not None)))
        self._rest = fixed
        self._starts: dict[type[Message | Unserved], tuple[bytes, Writer]] = {}
        self._timestamp = _TIMESTAMPS[timestamp_digits]

    def encode(
        self,
        message: Message | Unserved | Sparse,
        msg_seq_num: int,
        sending_time: bytes,
        *,
        poss_resend: bool = False,
        last_msg_seq_num_processed: int | None = None,
    ) -> bytes:
        """`message` as a frame; `sending_time` as `utc_timestamp_ns` gives it. Raises EncodeError."""
        cls: type[Message | Unserved] = message.cls if isinstance(message, Sparse) else type(message)
        try:
            start, write = self._starts.get(cls) or self._start(cls, message)
            text = message.write(self._timestamp) if isinstance(message, Sparse) else write(message, self._timestamp)
        except _MISTAKES as error:
            raise EncodeError(f"{cls.__name__}: {error}") from error
        try:
            body = text.encode("latin-1")
        except UnicodeEncodeError:
            body = _latin(text)
        if poss_resend:
            start += b"97=Y\x01"
        if last_msg_seq_num_processed is not None:
            start += b"369=%d\x01" % last_msg_seq_num_processed
        return _framed(b"%b34=%d\x0152=%b\x01%b" % (start, msg_seq_num, sending_time, body))

    def _start(self, cls: type[Message | Unserved], message: Message | Unserved | Sparse) -> tuple[bytes, Writer]:
        """What comes before MsgSeqNum(34), and the writer of the body."""
        start = b"35=%b\x01%b" % (_latin(_msg_type(message)), self._rest), _writer(cls)
        if cls is not Unserved:
            self._starts[cls] = start
        return start


def restamp(raw: bytes, sending_time: bytes) -> bytes:
    """A sent message as it is sent again (FIX 4.4 volume 2, "Message recovery").

    PossDupFlag(43) is Y, OrigSendingTime(122) the time it was first sent, SendingTime(52) the new one; BodyLength(9)
    and CheckSum(10) follow, everything else stays. Raises EncodeError when `raw` has no SendingTime(52).
    """
    start = raw.find(b"\x0135=") + 1
    begin, found, rest = raw[start:-_TRAILER].partition(b"\x0152=")
    if not (start and found):
        raise EncodeError("no MsgType(35) or no SendingTime(52) to restamp")
    sent, _, rest = rest.partition(b"\x01")
    begin = _DUPLICATE.sub(b"", begin + b"\x01")
    at = 0
    while (field := _AFTER_SENDING_TIME.match(rest, at)) is not None:
        if field[1] == b"122":
            sent = field[2]
        if field[1] in {b"43", b"122"}:
            rest = rest[:at] + rest[field.end() :]
        else:
            at = field.end()
    return _framed(b"%b43=Y\x0152=%b\x01122=%b\x01%b" % (begin, sending_time, sent, rest))


def _framed(body: bytes) -> bytes:
    """BeginString(8) and BodyLength(9) before, CheckSum(10) after."""
    message = b"8=FIX.4.4\x019=%d\x01%b" % (len(body), body)
    return message + _CHECKSUMS[checksum(message)]


def _latin(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _msg_type(message: Message | Unserved | Sparse) -> str:
    if not isinstance(message, Unserved):
        return message.msg_type.wire.decode()
    if not message.msg_type or "\x01" in message.msg_type:
        raise EncodeError(f"{message.msg_type!r} is no MsgType(35)")
    return message.msg_type


def _writer(cls: type[Message | Unserved]) -> Writer:
    return _write_unserved if cls is Unserved else plan(cls).write


def _write_unserved(message: Unserved, _: Timestamp) -> str:
    return others(message.other)
