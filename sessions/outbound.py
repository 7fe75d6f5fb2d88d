"""The outbound half of a session: number, encode, store, and only then put on the wire, always in order of number.

While something stands before them (no Logon(A) yet, a resend under way, a peer that does not read) application
messages are numbered and stored but not sent: the store is the queue, so memory stays bounded. Administrative messages
then wait without a number. `work` lets both go, in order, once the way is free. Each number goes on the wire at its
turn or is asked for again by the peer; nothing is ever numbered twice.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import msgspec

from fixspec.codec import Encoder, encode, restamp
from fixspec.fields import parse_utc_timestamp, utc_timestamp_ns
from fixspec.framing import checksum
from fixspec.messages import Header, Message, SequenceReset
from fixspec.sparse import Sparse
from sessions.config import SessionConfig
from sessions.interfaces import Clock, ResendPolicy, Store
from sessions.recovery import Resends

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_DEFERRED = 1_000
_MARK = b"\x0152="
_SECONDS = len("20240101-00:00:00")
_TRAILER = len(b"10=000\x01")
_DIGITS = {17: 0, 21: 3, 24: 6, 27: 9}
"""Fraction digits of a UTCTimestamp by its length."""


class Route(msgspec.Struct, frozen=True):
    """Third-party addressing of an answer: OnBehalfOf and DeliverTo fields, already as we write them."""

    on_behalf_of_comp_id: str | None = None
    on_behalf_of_sub_id: str | None = None
    on_behalf_of_location_id: str | None = None
    deliver_to_comp_id: str | None = None
    deliver_to_sub_id: str | None = None
    deliver_to_location_id: str | None = None


_NO_ROUTE = Route()


def reverse_route(header: Header) -> Route | None:
    """The route of an answer to a message with `header`: both ends swapped; None without third-party addressing."""
    route = Route(
        header.deliver_to_comp_id,
        header.deliver_to_sub_id,
        header.deliver_to_location_id,
        header.on_behalf_of_comp_id,
        header.on_behalf_of_sub_id,
        header.on_behalf_of_location_id,
    )
    return None if route == _NO_ROUTE else route


def utc_datetime(ns: int, digits: int = 6) -> datetime:
    """UTC nanoseconds as an aware datetime, cut to `digits` of its fraction, microseconds at most."""
    unit = 10 ** (6 - min(digits, 6))
    return _EPOCH + timedelta(microseconds=ns // 1000 // unit * unit)


def send_later(stored: bytes, now_ns: int) -> bytes:
    """A stored message that was never on the wire, with SendingTime(52) set to now: it is no possible duplicate."""
    at = stored.index(_MARK) + len(_MARK)
    end = stored.index(b"\x01", at)
    # As many digits as before, so that BodyLength(9) stays right.
    stamp = utc_timestamp_ns(now_ns, _DIGITS[end - at])
    body = b"".join((stored[:at], stamp, stored[end:-_TRAILER]))
    return b"%b10=%03d\x01" % (body, checksum(body))


class Outbound:
    """Numbers, stores and orders what one session sends; `take` yields the bytes for the transport."""

    __slots__ = (
        "_clock", "_config", "_deferred", "_digits", "_encode", "_ended", "_flowing", "_logged_on", "_may_resend",
        "_output", "_paused", "_resends", "_second", "_sent", "_store", "_wire", "next", "overrun", "processed",
        "resent",
    )  # fmt: skip

    def __init__(self, config: SessionConfig, store: Store, clock: Clock, may_resend: ResendPolicy) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._may_resend = may_resend
        self._digits = config.timestamp_digits
        self._encode = Encoder(
            config.id.sender_comp_id,
            config.id.target_comp_id,
            sender_sub_id=config.sender_sub_id,
            sender_location_id=config.sender_location_id,
            target_sub_id=config.target_sub_id,
            target_location_id=config.target_location_id,
            timestamp_digits=min(config.timestamp_digits, 6),
        ).encode
        self._output: list[bytes] = []
        self._deferred: list[tuple[Message, Route | None, bool]] = []
        self._resends = Resends(config.limits.max_resend_requests)
        self._logged_on = self._ended = self._paused = self._flowing = False
        self.next = store.next_sender
        """The next MsgSeqNum(34)."""
        self._wire = self.next
        """While not flowing: the lowest number not yet written, or where the peer is left to ask."""
        self.processed: int | None = None
        """LastMsgSeqNumProcessed(369), where it is sent."""
        self._second = (b"", 0)
        """The last second read from a stored message, as text and as UTC nanoseconds."""
        self._sent: defaultdict[type[Message], int] = defaultdict(int)
        self.resent = 0
        """Stored messages put on the wire again."""
        self.overrun = False
        """More administrative messages wait than a peer that reads could cause."""

    # --- what stands before the wire

    @property
    def unsent(self) -> int:
        """Numbered messages that wait for the way to be free, or for the next connection."""
        return 0 if self._flowing else self.next - self._wire

    @property
    def last_sent(self) -> int:
        """The highest number the peer may ask for."""
        return (self.next if self._flowing else self._wire) - 1

    @property
    def resending(self) -> bool:
        """Whether the peer still waits for messages it asked for again."""
        return bool(self._resends)

    @property
    def has_work(self) -> bool:
        """Whether `work` would get on."""
        if not self._logged_on or self._paused or self._flowing:
            return False
        return bool(self._resends or self._deferred or (not self._ended and self._wire < self.next))

    def sent(self) -> dict[str, int]:
        """Messages numbered so far, by MsgType(35)."""
        return {cls.msg_type.wire.decode(): count for cls, count in self._sent.items()}

    def take(self) -> bytes:
        """All bytes to write now."""
        output = self._output
        if not output:
            return b""
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return data

    def close(self) -> None:
        """The connection is over: its requests and bytes go with it, numbers stay."""
        if self._flowing:
            self._wire = self.next
        self._logged_on = self._ended = self._paused = self._flowing = self.overrun = False
        self._resends.clear()
        self._deferred.clear()
        self._output.clear()

    def reset(self) -> None:
        """Numbers begin again at 1; the store has been reset. Nothing of the old numbering may go out."""
        self._flowing = False
        self._resends.clear()
        self._deferred.clear()
        self.next = self._wire = self._store.next_sender

    def renumber(self) -> None:
        """An operator moved the store's next number."""
        self.next = self._wire = self._store.next_sender

    def begin(self) -> None:
        """Both Logon(A) are exchanged: what was numbered since ours may go."""
        self._logged_on = True
        self._go()

    def end(self) -> None:
        """Our Logout(5) is out: application messages wait for the next connection, the peer may still ask again."""
        self._stop()
        self._ended = True

    def pause(self) -> None:
        """The peer does not read: keep everything back."""
        self._stop()
        self._paused = True

    def resume(self) -> None:
        """The peer reads again; `work` goes on."""
        self._paused = False
        self._go()

    def want(self, begin: int, end: int) -> None:
        """The peer asks for begin <= MsgSeqNum(34) <= end again. One slice goes at once, the rest by `work`."""
        self._stop()
        first = not self._resends
        self._resends.want(begin, end)
        if first:
            self.work()

    def work(self) -> None:
        """Send one slice of what waits: resends first, then what was never sent, then administrative messages."""
        if not self.has_work:
            return
        if self._resends:
            self._output += self._resends.slice(
                self._store, self._config.limits.resend_slice, allowed=self._allowed, again=self._again, fill=self._fill
            )
        elif self._wire < self.next and not self._ended:
            self._send_unsent()
        if not self._resends and (self._ended or self._wire == self.next):
            deferred, self._deferred = self._deferred, []
            for message, route, keep in deferred:
                self._send_now(message, route, keep)
        self._go()

    def _stop(self) -> None:
        if self._flowing:
            self._wire = self.next
            self._flowing = False

    def _go(self) -> None:
        waits = self._resends or self._deferred or self._wire < self.next
        self._flowing = self._logged_on and not self._ended and not self._paused and not waits

    # --- messages

    def send(
        self, message: Message | Sparse, origin: int = 0, poss_resend: bool = False, route: Route | None = None
    ) -> int:
        """Number, store and if the way is free send an application message; its MsgSeqNum(34).

        Works without a connection. StoreFailed if the store cannot keep it: then nothing is sent and no number used.
        """
        seq_num = self.next
        if route is None:
            stamp = utc_timestamp_ns(self._clock.utc_ns(), self._digits)
            data = self._encode(
                message, seq_num, stamp, poss_resend=poss_resend, last_msg_seq_num_processed=self.processed
            )
        else:
            whole = message.whole() if isinstance(message, Sparse) else message
            data = self._with_header(whole, seq_num, route, poss_resend=poss_resend)
        self._store.save(seq_num, data, origin)
        self.next = seq_num + 1
        self._sent[message.cls if isinstance(message, Sparse) else type(message)] += 1
        if self._flowing:
            self._output.append(data)
        return seq_num

    def send_admin(self, message: Message, route: Route | None = None, *, keep: bool = False) -> None:
        """Send an administrative message, or let it wait its turn. What is kept, Reject(3), may be resent."""
        if self._flowing or (self._ended and not self._resends and not self._paused):
            self._send_now(message, route, keep)
        elif len(self._deferred) < _MAX_DEFERRED:
            self._deferred.append((message, route, keep))
        else:
            self.overrun = True

    def send_urgent(self, message: Message, route: Route | None = None) -> None:
        """Logon(A) and Logout(5): at once, past everything that waits; the peer will ask for what it is missing."""
        self._stop()
        self._send_now(message, route, keep=False)

    def _send_now(self, message: Message, route: Route | None, keep: bool) -> None:
        seq_num = self.next
        if route is None:
            data = self._encode(message, seq_num, self._stamp(), last_msg_seq_num_processed=self.processed)
        else:
            data = self._with_header(message, seq_num, route)
        if keep:
            self._store.save(seq_num, data, 0)
        else:
            self._store.next_sender = seq_num + 1
        self.next = self._wire = seq_num + 1
        self._sent[type(message)] += 1
        self._output.append(data)

    def _send_unsent(self) -> None:
        now_ns = self._clock.utc_ns()
        room = self._config.limits.resend_slice
        for seq_num, data in self._store.get(self._wire, self.next - 1):
            if not room:
                return
            room -= 1
            if self._wire < seq_num:
                self._output.append(self._fill(self._wire, seq_num))
            self._output.append(send_later(data, now_ns) if self._allowed(data) else self._fill(seq_num, seq_num + 1))
            self._wire = seq_num + 1
        if self._wire < self.next:
            self._output.append(self._fill(self._wire, self.next))
            self._wire = self.next

    def _allowed(self, stored: bytes) -> bool:
        """Whether a stored message may go (again): the policy sees its type and age."""
        at = stored.index(b"\x0135=") + 4
        msg_type = stored[at : stored.index(b"\x01", at)].decode()
        at = stored.index(_MARK) + len(_MARK)
        end = stored.index(b"\x01", at)
        second, fraction = stored[at : at + _SECONDS], stored[at + _SECONDS + 1 : end]
        if second != self._second[0]:
            since = parse_utc_timestamp(second.decode()) - _EPOCH
            self._second = (second, since // _MICROSECOND * 1000)
        made_ns = self._second[1] + (int(fraction.ljust(9, b"0")[:9]) if fraction else 0)
        return self._may_resend(self._config.name, msg_type, self._clock.utc_ns() - made_ns)

    def _again(self, stored: bytes) -> bytes:
        self.resent += 1
        return restamp(stored, self._stamp())

    def _fill(self, begin: int, next_number: int) -> bytes:
        """SequenceReset(4) gap fill from `begin`; takes no number of its own."""
        return self._with_header(SequenceReset(gap_fill_flag=True, new_seq_no=next_number), begin, None, poss_dup=True)

    def _stamp(self) -> bytes:
        return utc_timestamp_ns(self._clock.utc_ns(), self._digits)

    def _with_header(
        self, message: Message, seq_num: int, route: Route | None, *, poss_resend: bool = False, poss_dup: bool = False
    ) -> bytes:
        config = self._config
        now = utc_datetime(self._clock.utc_ns(), self._digits)
        header = Header(
            msg_type=message.msg_type.wire.decode(),
            msg_seq_num=seq_num,
            sender_comp_id=config.id.sender_comp_id,
            target_comp_id=config.id.target_comp_id,
            sending_time=now,
            poss_dup_flag=poss_dup,
            poss_resend=poss_resend,
            orig_sending_time=now if poss_dup else None,
            sender_sub_id=config.sender_sub_id,
            sender_location_id=config.sender_location_id,
            target_sub_id=config.target_sub_id,
            target_location_id=config.target_location_id,
            last_msg_seq_num_processed=self.processed,
            **({} if route is None else msgspec.structs.asdict(route)),
        )
        return encode(header, message)
