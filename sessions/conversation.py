"""One conversation between us and a peer: its state, and how it is refused and ended.

The first of four chapters of `Session`, each a class over the one before: conversation, logon, arrival, session.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from functools import cache

from fixspec.codec import Decoder
from fixspec.enums import CancelOnDisconnectType, SessionRejectReason
from fixspec.framing import Framer
from fixspec.messages import Header, Heartbeat, Logout, Reject, ResendRequest, TestRequest
from sessions.config import SequenceTooLow, SessionConfig
from sessions.events import Closed, Event, LoggedOut, Noticed, NumbersReset, RejectSent
from sessions.interfaces import Clock, ResendPolicy, Store
from sessions.liveness import NEVER, Liveness
from sessions.outbound import Outbound, reverse_route, utc_datetime
from sessions.schedule import Hours
from sessions.sequence import Sequence
from sessions.states import Closing, Disconnected, Established, Gap, LogoutSent, Phase, Unheard

TOO_LOW = "MsgSeqNum too low, expecting %d but received %d"
_REQUESTS = frozenset((
    "D", "E", "F", "G", "H", "J", "K", "R", "S", "Z", "AB", "AC", "AF", "AN", "BB", "c", "e", "f", "g", "i", "k", "n",
    "o", "p", "q", "s", "t", "u", "x", "z",
))  # fmt: skip
"""Message types that ask for something and grow stale; everything else is a report and is always resent."""

decoder_for = cache(lambda validation: Decoder(validation=validation))
"""One decoder per strictness, shared by sessions: what it learns of usual messages serves them all."""

Sign = Callable[[int], tuple[bytes, str]]
"""MsgSeqNum(34) -> RawData(96) and Password(554) of a signed Logon(A)."""


def resend_fresh_requests(config: SessionConfig) -> ResendPolicy:
    """The default policy: reports are resent, requests only while younger than the configured age."""
    limit_ns = int(config.resend_requests_max_age_seconds * 1e9)

    def may_resend(session_id: str, msg_type: str, age_ns: int) -> bool:
        return msg_type not in _REQUESTS or age_ns <= limit_ns

    return may_resend


class Conversation:
    """What a session knows between two calls. Not thread-safe; all methods return at once."""

    __slots__ = (
        "_bounds_ns", "_calm", "_cancel", "_cancel_at", "_cancel_reason", "_clean", "_decode", "_earliest", "_events",
        "_first", "_framer", "_garbled", "_garbled_total", "_hours", "_initiator", "_latest", "_liveness", "_logout_at",
        "_me", "_now", "_out", "_paused_at", "_peer", "_phase", "_received", "_reported", "_resetting", "_sequence",
        "_sign", "_test_requests", "clock", "config", "due", "reason", "send", "store",
    )  # fmt: skip

    def __init__(
        self,
        config: SessionConfig,
        store: Store,
        clock: Clock,
        *,
        initiator: bool = False,
        may_resend: ResendPolicy | None = None,
        decoder: Decoder | None = None,
        next_target: int = 0,
        sign: Sign | None = None,
    ) -> None:
        """`next_target` is the journal's word on the next number to handle; the higher of it and the store's counts."""
        self.config = config
        self.store = store
        self.clock = clock
        self.reason = ""
        """Why the last connection ended."""
        self.due = 0.0
        """Monotonic seconds at which `tick` wants to be called; moves earlier and later."""
        now_ns = clock.utc_ns()
        if store.created_ns == 0 and store.next_sender == store.next_target == 1:
            store.reset(now_ns)
        if next_target > store.next_target:
            store.next_target = next_target
        self._out = Outbound(config, store, clock, may_resend or resend_fresh_requests(config))
        self.send = self._out.send
        """send(message, origin=0, poss_resend=False, route=None) -> MsgSeqNum(34); see `Outbound.send`."""
        self._sequence = Sequence(config, store)
        self._initiator = initiator
        self._decode = (decoder or decoder_for(config.validation)).decode
        self._sign = sign
        self._me, self._peer = config.id.sender_comp_id, config.id.target_comp_id
        self._hours = Hours(config.schedule)
        self._events: deque[Event] = deque()
        self._phase: Phase = Disconnected()
        self._framer = Framer(config.limits.max_message_bytes)
        self._first: bytes | None = None
        self._garbled = 0
        self._now = clock.monotonic()
        self._liveness = Liveness(0.0)
        self._cancel = config.cancel_on_disconnect
        self._cancel_at, self._cancel_reason = NEVER, ""
        self._test_requests = 0
        self._move_bounds(now_ns)
        self._calm = False
        """Established, no gap, nothing early: the usual message may take the short way."""
        self._reported = True
        """`LoggedOut` has been reported, or there is nothing to report."""
        self._clean = self._resetting = False
        self._paused_at = NEVER
        self._logout_at = NEVER
        """When a Logout(5) that waits behind a gap is answered all the same."""
        self._received: defaultdict[str, int] = defaultdict(int)
        self._garbled_total = 0

    @property
    def phase(self) -> Phase:
        """Where the connection is."""
        return self._phase

    @property
    def connected(self) -> bool:
        """Whether a transport is attached and not about to be closed."""
        return not isinstance(self._phase, Disconnected | Closing)

    @property
    def established(self) -> bool:
        """Whether both Logon(A) are exchanged and no Logout(5) is."""
        return isinstance(self._phase, Established)

    @property
    def in_hours(self) -> bool:
        """Whether the schedule lets a session run now."""
        return self._hours.window(self.clock.utc_ns()) is not None

    @property
    def next_sender(self) -> int:
        """The next outbound MsgSeqNum(34)."""
        return self._out.next

    @property
    def next_target(self) -> int:
        """The next inbound MsgSeqNum(34) to be read."""
        return self._sequence.next

    # --- saying

    def _send_test_request(self, now: float) -> None:
        self._test_requests += 1
        test_req_id = f"{self.clock.utc_ns() // 1_000_000}-{self._test_requests}"
        self._liveness.unheard = Unheard(test_req_id, now)
        self._out.send_admin(TestRequest(test_req_id=test_req_id))

    def _answer_test_request(self, header: Header, message: TestRequest) -> None:
        self._out.send_admin(Heartbeat(test_req_id=message.test_req_id), reverse_route(header))

    def _ask(self, gap: Gap) -> None:
        end = gap.asked_to if self.config.resend_chunk else 0
        self._out.send_admin(ResendRequest(begin_seq_no=gap.begin, end_seq_no=end))
        self._sequence.asked(gap)
        self._events.append(Noticed(f"asked for messages {gap.begin} to {gap.asked_to}, missing up to {gap.end}"))

    def _refuse(self, header: Header, reason: SessionRejectReason, ref_tag: int | None, text: str) -> None:
        reject = Reject(
            ref_seq_num=header.msg_seq_num,
            ref_tag_id=ref_tag,
            ref_msg_type=header.msg_type,
            session_reject_reason=reason,
            text=text,
        )
        self._send_reject(reject, header)

    def _send_reject(self, reject: Reject, header: Header | None) -> None:
        self._out.send_admin(reject, None if header is None else reverse_route(header), keep=True)
        self._events.append(RejectSent(reject.ref_seq_num, reject.ref_msg_type or "", reject.text or ""))

    def _caused_logout(self, text: str, ref_seq_num: int | None) -> Logout:
        """A Logout(5) that names what caused it in RefSeqNum(45)."""
        if ref_seq_num is None or not self.config.logout_ref_seq_num:
            return Logout(text=text)
        return Logout(text=text, other=((45, b"%d" % ref_seq_num),))

    # --- ending

    def _fail(self, text: str, ref_seq_num: int | None = None) -> None:
        """The session cannot go on: say why, then close without waiting (the driver lingers until it is read)."""
        too_low = text.startswith("MsgSeqNum too low") and ref_seq_num is not None
        if too_low and self.config.too_low is SequenceTooLow.REJECT:
            assert ref_seq_num is not None
            reason = SessionRejectReason.VALUE_IS_INCORRECT
            self._out.send_urgent(
                Reject(ref_seq_num=ref_seq_num, ref_tag_id=34, session_reject_reason=reason, text=text)
            )
        else:
            self._out.send_urgent(self._caused_logout(text, ref_seq_num))
        self._out.end()
        self._close(text)

    def _close(self, reason: str) -> None:
        if isinstance(self._phase, Disconnected | Closing):
            return
        self.reason = reason
        self._report_end(reason)
        self._out.end()
        self._enter(Closing(reason))
        self._events.append(Closed(reason))

    def _report_end(self, reason: str) -> None:
        """Once per established session: it ended; cancel on disconnect counts from here."""
        if self._reported:
            return
        self._reported = True
        self._events.append(LoggedOut(reason, self._clean))
        on = self._cancel.on
        ending = CancelOnDisconnectType.LOGOUT if self._clean else CancelOnDisconnectType.DISCONNECT
        if on in (ending, CancelOnDisconnectType.BOTH):
            self._cancel_at = self._now + self._cancel.grace_ms / 1000
            self._cancel_reason = reason

    # --- state

    def _reset(self, reason: str) -> None:
        self.store.reset(self.clock.utc_ns())
        self._out.reset()
        self._sequence.reload()
        self._events.append(NumbersReset(reason))

    def _roll_over(self) -> None:
        """Numbers of another session day are void: once per window, not per connection."""
        window = self._hours.window(self.clock.utc_ns())
        if window is not None and self.store.created_ns not in window:
            self._reset("a new session day began")

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._calm = False
        self.due = 0.0
        self._recalculate()

    def _recalculate(self) -> None:
        self._calm = isinstance(self._phase, Established | LogoutSent) and self._sequence.calm

    def _move_bounds(self, now_ns: int) -> None:
        """Between which SendingTime(52) is believed; kept ready so that a message costs two comparisons."""
        self._bounds_ns = now_ns
        latency_ns = int(self.config.max_latency_seconds * 1e9) or 10**18
        self._earliest, self._latest = utc_datetime(now_ns - latency_ns), utc_datetime(now_ns + latency_ns)
