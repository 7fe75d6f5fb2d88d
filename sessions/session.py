"""One FIX 4.4 session: bytes in, events out, bytes out. No I/O, no clock of its own, either role.

The driver feeds what it read (`receive_data`), pulls events until None (`next_event`), writes `take_output`, and calls
`tick` when `due` has come and `work` while `has_work`. A session outlives its connections: `connect` begins one,
`connection_lost` ends it. Numbers are in the store; what belongs to one connection (framing, gap, early messages,
requests to resend) goes with it.

Rules: FIX 4.4 volume 2, and the FIX Trading Community's session layer test cases (v1.0, June 2020), cited as TC n.x.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from functools import cache

from fixspec.codec import Decoder, Inbound, SessionReject
from fixspec.enums import CancelOnDisconnectType, EncryptMethod, SessionRejectReason
from fixspec.framing import Framer
from fixspec.messages import (
    Header,
    Heartbeat,
    Logon,
    Logout,
    Reject,
    ResendRequest,
    SequenceReset,
    TestRequest,
)
from sessions.config import SendingTimeFault, SequenceTooLow, SessionConfig, SessionStatus, Traffic
from sessions.events import (
    CancelOnDisconnectDue,
    Closed,
    Event,
    LoggedOn,
    LoggedOut,
    MessageReceived,
    Noticed,
    NumbersReset,
    RejectReceived,
    RejectSent,
)
from sessions.interfaces import Clock, NotLoggedOn, ResendPolicy, Store
from sessions.liveness import NEVER, Due, Liveness
from sessions.logon import Refusal, chosen_cancel, refusal
from sessions.outbound import Outbound, reverse_route, utc_datetime
from sessions.schedule import Hours
from sessions.sequence import GAP_TRIES, Arrival, Sequence, poss_dup_fault
from sessions.states import (
    ADMINISTRATIVE,
    APPLICATION,
    PHASE_NAMES,
    RULES,
    AwaitingLogon,
    Closing,
    Disconnected,
    Established,
    Gap,
    LogonSent,
    LogoutAnswered,
    LogoutSent,
    Phase,
    Rule,
    Unheard,
)

_TOO_LOW = "MsgSeqNum too low, expecting %d but received %d"
_BEGIN = b"8=FIX.4.4\x01"
_ROUTING = (
    (115, "on_behalf_of_comp_id"),
    (116, "on_behalf_of_sub_id"),
    (144, "on_behalf_of_location_id"),
    (128, "deliver_to_comp_id"),
    (129, "deliver_to_sub_id"),
    (145, "deliver_to_location_id"),
)
_REQUESTS = frozenset(
    "D E F G H J K R S Z AB AC AF AN BB c e f g i k n o p q s t u x z".split(" "),
)
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


class Session:
    """One session in the role of acceptor or initiator. Not thread-safe; all methods return at once."""

    __slots__ = (
        "_bounds_ns", "_calm", "_cancel", "_cancel_at", "_cancel_reason", "_clean", "_decode", "_earliest", "_events",
        "_first", "_framer", "_garbled", "_garbled_total", "_hours", "_initiator", "_latest", "_liveness", "_me",
        "_now", "_out", "_paused_at", "_peer", "_phase", "_received", "_reported", "_resetting", "_sequence", "_sign",
        "_test_requests", "clock", "config", "due", "reason", "send", "store",
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
        self._received: defaultdict[str, int] = defaultdict(int)
        self._garbled_total = 0

    # --- one connection

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

    def connect(self, framer: Framer | None = None, first: bytes | None = None) -> None:
        """A transport is there. An initiator says its Logon(A); an acceptor waits for one.

        An acceptor that had to read the Logon(A) to know whose session it is hands over its framer and that frame.
        ValueError if the last connection has not ended.
        """
        self._only_disconnected()
        config = self.config
        self._now = self.clock.monotonic()
        self._move_bounds(self.clock.utc_ns())
        self._roll_over()
        self._out.close()
        self._sequence.reload()
        self._framer = framer or Framer(config.limits.max_message_bytes)
        self._garbled = self._framer.garbled
        self._first = first
        self._liveness = Liveness(self._now)
        self._reported, self._clean, self._resetting = True, False, False
        self._paused_at = NEVER
        self.reason = ""
        deadline = self._now + config.logon_timeout_seconds
        if self._initiator:
            if config.reset_on_logon:
                self._reset("ResetSeqNumFlag(141)=Y sent")
            self._enter(LogonSent(deadline, config.reset_on_logon))
            self._out.send_urgent(self._own_logon(config.heartbeat, config.reset_on_logon, config.next_expected))
        else:
            self._enter(AwaitingLogon(deadline))

    def connection_lost(self, reason: str) -> None:
        """The transport is gone. Pull the remaining events; then the session may `connect` again."""
        if isinstance(self._phase, Disconnected):
            return
        self._now = self.clock.monotonic()
        self.reason = self.reason or reason
        self._report_end(self.reason)
        self._first = None
        self._enter(Disconnected())
        self._out.close()
        self._sequence.forget()
        if self.config.reset_on_disconnect or (self.config.reset_on_logout and self._clean):
            self._reset("configured to reset at the end of a session")

    def abandon(self, reason: str) -> None:
        """The application failed on the last message: it stays unconfirmed, so the peer will be asked for it again."""
        self._sequence.reload()
        self._close(reason)
        self._recalculate()

    # --- bytes in, events out, bytes out

    def receive_data(self, data: bytes) -> None:
        """Take what was read from the transport, in pieces of any size."""
        self._framer.feed(data)
        self._now = self.clock.monotonic()
        now_ns = self.clock.utc_ns()
        if not 0 <= now_ns - self._bounds_ns < 100_000_000:
            self._move_bounds(now_ns)

    def next_event(self) -> Event | None:
        """The next thing that happened, None when more data is needed.

        Asking for the next one confirms the last: only then does the store's `next_target` move past a message.
        """
        events = self._events
        if events:
            return events.popleft()
        sequence = self._sequence
        if sequence.next != sequence.handled:
            self._confirm()
        while True:
            if not self._calm:
                if isinstance(self._phase, Disconnected | Closing):
                    return None
                if self._first is not None:
                    frame: bytes | None
                    frame, self._first = self._first, None
                    self._take(frame)
                    if events:
                        return events.popleft()
                elif self._recover():
                    if events:
                        return events.popleft()
                    continue
            frame = self._framer.next_frame()
            if frame is None:
                if self._framer.garbled != self._garbled:
                    self._note_garbled()
                    return events.popleft()
                if sequence.next != sequence.handled:
                    self._confirm()
                return None
            if self._calm and frame.startswith(_BEGIN):
                decoded = self._decode(frame)
                header = decoded.header
                if (
                    type(decoded) is Inbound
                    and header is not None
                    and header.msg_seq_num == sequence.next
                    and header.msg_type not in ADMINISTRATIVE
                    and not header.poss_dup_flag
                    and header.sender_comp_id == self._peer
                    and header.target_comp_id == self._me
                    and self._earliest <= header.sending_time <= self._latest
                    and header.on_behalf_of_comp_id is None
                    and header.deliver_to_comp_id is None
                ):
                    # The usual message; the long way is for the others.
                    sequence.next += 1
                    self._received[header.msg_type] += 1
                    liveness = self._liveness
                    liveness.heard = self._now
                    liveness.unheard = None
                    return MessageReceived(header, decoded.message)
                self._arrive(decoded, len(frame))
            else:
                self._take(frame)
            if events:
                return events.popleft()

    def _confirm(self) -> None:
        """What has been read has been handled."""
        sequence = self._sequence
        sequence.handled = self.store.next_target = sequence.next
        if self.config.last_processed:
            self._out.processed = sequence.handled - 1

    def _take(self, frame: bytes) -> None:
        if frame.startswith(_BEGIN):
            self._arrive(self._decode(frame), len(frame))
        elif isinstance(self._phase, AwaitingLogon):
            self._close("BeginString(8) is not FIX.4.4")
        else:
            self._fail("BeginString(8) is not FIX.4.4")

    def take_output(self) -> bytes:
        """What to write to the transport now; b"" if nothing."""
        data = self._out.take()
        if data:
            self._liveness.sent = self.clock.monotonic()
        return data

    # --- from our side

    @property
    def has_work(self) -> bool:
        """Whether messages wait that `work` would put out."""
        return self._out.has_work

    def work(self) -> None:
        """One slice of a resend, or of what waited for one."""
        self._out.work()

    def pause(self) -> None:
        """The transport's buffer is full: the peer does not read."""
        self._paused_at = self.clock.monotonic()
        self._out.pause()
        self.due = 0.0

    def resume(self) -> None:
        """The transport takes more."""
        self._paused_at = NEVER
        self._out.resume()

    def logout(self, text: str) -> None:
        """Begin the end: Logout(5) now, then wait for the answer. Before the Logon(A) is answered: just close."""
        self._now = self.clock.monotonic()
        if isinstance(self._phase, Established):
            self._out.send_urgent(Logout(text=text))
            self._out.end()
            self.reason = text
            self._enter(LogoutSent(self._now + self.config.logout_timeout_seconds, text))
        elif isinstance(self._phase, AwaitingLogon | LogonSent):
            self._close(text)

    def probe(self) -> None:
        """Ask the peer for a sign of life now; without one the connection ends in a few seconds."""
        if isinstance(self._phase, Established):
            now = self.clock.monotonic()
            if self._liveness.unheard is None:
                self._send_test_request(now)
            if not self._liveness.probed:
                assert self._liveness.unheard is not None
                self._liveness.unheard = Unheard(self._liveness.unheard.test_req_id, now)
                self._liveness.probed = True
            self.due = 0.0

    def _send_test_request(self, now: float) -> None:
        self._test_requests += 1
        test_req_id = f"{self.clock.utc_ns() // 1_000_000}-{self._test_requests}"
        self._liveness.unheard = Unheard(test_req_id, now)
        self._out.send_admin(TestRequest(test_req_id=test_req_id))

    def reset_in_session(self) -> None:
        """Ask the peer to begin both numbers again at 1, by a Logon(A) with ResetSeqNumFlag(141)=Y."""
        if not isinstance(self._phase, Established):
            raise NotLoggedOn(self.config.name)
        self._reset("ResetSeqNumFlag(141)=Y sent")
        self._resetting = True
        self._out.send_urgent(self._own_logon(self._phase.heartbeat, reset=True, next_expected=False))
        self._out.begin()

    def reset(self, reason: str) -> None:
        """Both numbers to 1 and forget all messages, without a connection; ValueError with one."""
        self._only_disconnected()
        self._reset(reason)

    def set_next(self, sender: int | None = None, target: int | None = None) -> None:
        """Set either next number without a connection, by order of an operator; ValueError with one."""
        self._only_disconnected()
        if (sender is not None and sender < 1) or (target is not None and target < 1):
            raise ValueError("MsgSeqNum(34) begins at 1")
        if sender is not None:
            self.store.next_sender = sender
            self._out.renumber()
        if target is not None:
            self.store.next_target = target
            self._sequence.reload()

    def _only_disconnected(self) -> None:
        if not isinstance(self._phase, Disconnected):
            raise ValueError(f"{self.config.name} is connected")

    def status(self, peer: str, enabled: bool) -> SessionStatus:
        """The session as an operator sees it."""
        phase = self._phase
        heartbeat, since_ns = (phase.heartbeat, phase.since_ns) if isinstance(phase, Established) else (0, 0)
        return SessionStatus(
            session_id=self.config.name,
            comp_ids=str(self.config.id),
            state=PHASE_NAMES[type(phase)],
            enabled=enabled,
            in_hours=self.in_hours,
            next_sender=self._out.next,
            next_target=self._sequence.next,
            unsent=self._out.unsent,
            early=len(self._sequence.early),
            resending=self._out.resending,
            heartbeat=heartbeat,
            last_received_ns=self._utc_of(self._liveness.heard),
            last_sent_ns=self._utc_of(self._liveness.sent),
            logged_on_since_ns=since_ns,
            peer=peer,
            reason=self.reason,
        )

    def traffic(self) -> Traffic:
        """What was counted since the session was made."""
        return Traffic(
            received=dict(self._received),
            sent=self._out.sent(),
            resent=self._out.resent,
            garbled=self._garbled_total,
        )

    def _utc_of(self, monotonic: float) -> int:
        """A moment of this connection on the wall clock; 0 if it never was."""
        if not monotonic:
            return 0
        return self.clock.utc_ns() - round((self.clock.monotonic() - monotonic) * 1e9)

    # --- time

    def tick(self) -> None:
        """Do what the clock asks for; events and bytes may follow. Sets `due`."""
        self._now = now = self.clock.monotonic()
        now_ns = self.clock.utc_ns()
        phase = self._phase
        if now >= self._cancel_at:
            self._cancel_at = NEVER
            self._events.append(CancelOnDisconnectDue(self._cancel_reason))
        if isinstance(phase, AwaitingLogon | LogonSent):
            if now >= phase.deadline:
                self._close("no Logon(A) in time")
        elif isinstance(phase, LogoutSent) and now >= phase.deadline:
            self._close(f"Logout(5) was not answered; it said: {phase.reason}")
        elif isinstance(phase, LogoutAnswered) and now >= phase.deadline:
            self._close("the peer did not close after Logout(5)")
        elif isinstance(phase, Disconnected):
            self._roll_over()
        elif isinstance(phase, Established | LogoutSent):
            self._tick_established(now, now_ns)
        self.due = self._next_due(now, now_ns)

    def _tick_established(self, now: float, now_ns: int) -> None:
        if (slow := self._too_slow(now)) is not None:
            self._close(f"slow consumer: {slow}")
            return
        for due in self._liveness.check(now):
            if due is Due.GIVE_UP:
                self._close(f"nothing received for {now - self._liveness.heard:.1f} s")
                return
            if due is Due.ASK:
                self._send_test_request(now)
            elif isinstance(self._phase, Established) and not self._out.has_work and self._paused_at == NEVER:
                self._out.send_admin(Heartbeat())
        gap = self._sequence.again(now, self.config.gap_timeout_seconds)
        if gap is not None:
            if gap.times > GAP_TRIES:
                self._fail(f"messages {gap.begin} to {gap.end} were not resent")
                return
            self._ask(gap)
        if isinstance(self._phase, Established):
            window = self._hours.window(now_ns)
            if window is None or self.store.created_ns not in window:
                self.logout("the session's hours are over")

    def _too_slow(self, now: float) -> str | None:
        limits = self.config.limits
        if now - self._paused_at >= limits.max_stalled_seconds:
            return f"has not read for {now - self._paused_at:.0f} s"
        if self._paused_at != NEVER and self._out.unsent > limits.max_unsent_messages:
            return f"{self._out.unsent} messages unsent"
        return "too many answers unsent" if self._out.overrun else None

    def _next_due(self, now: float, now_ns: int) -> float:
        phase = self._phase
        # A schedule is a matter of the wall clock, which may be set: look again at least once a minute.
        due = min(self._cancel_at, now + min(60.0, max(0.0, self._hours.seconds_left(now_ns))))
        if isinstance(phase, AwaitingLogon | LogonSent | LogoutSent | LogoutAnswered):
            due = min(due, phase.deadline)
        if isinstance(phase, Established | LogoutSent):
            due = min(due, self._liveness.deadline())
            if (gap := self._sequence.gap) is not None:
                due = min(due, gap.asked_at + self.config.gap_timeout_seconds)
            if self._paused_at != NEVER or self._out.overrun:
                due = min(due, now + 1.0)
        return due

    def _roll_over(self) -> None:
        """Numbers of another session day are void: once per window, not per connection."""
        window = self._hours.window(self.clock.utc_ns())
        if window is not None and self.store.created_ns not in window:
            self._reset("a new session day began")

    def _move_bounds(self, now_ns: int) -> None:
        """Between which SendingTime(52) is believed; kept ready so that a message costs two comparisons."""
        self._bounds_ns = now_ns
        latency_ns = int(self.config.max_latency_seconds * 1e9) or 10**18
        self._earliest, self._latest = utc_datetime(now_ns - latency_ns), utc_datetime(now_ns + latency_ns)

    # --- arrival: whose, when, and is it its turn

    def _arrive(self, decoded: Arrival, size: int) -> None:
        """A sound frame came. The order of checks is that of FIX 4.4 volume 2."""
        phase = self._phase
        header = decoded.header
        message = decoded.message if isinstance(decoded, Inbound) else None
        rule = self._rule(decoded)
        if rule is Rule.IGNORE:
            return
        if rule is Rule.NOT_LOGON:
            self._close("the first message was not a Logon(A)")
            return
        if header is None:
            self._arrive_without_header(decoded, rule, size)
            self._recalculate()
            return
        self._liveness.hear(self._now)
        self._received[header.msg_type] += 1
        if header.sender_comp_id != self._peer or header.target_comp_id != self._me:
            if isinstance(phase, AwaitingLogon | LogonSent):
                self._close("CompIDs of another session")
            else:
                text = f"CompIDs {header.sender_comp_id}->{header.target_comp_id} are not this session's"
                self._refuse_and_end(header, SessionRejectReason.COMP_ID_PROBLEM, None, text)
        elif not self._earliest <= header.sending_time <= self._latest:
            self._refuse_sending_time(header)
        elif rule is Rule.LOGON:
            self._on_logon(header, decoded)
        elif rule is Rule.LOGON_ANSWER:
            self._on_logon_answer(header, decoded)
        elif rule is Rule.LOGON_REFUSED:
            self._on_logon_refused(header, decoded)
        elif isinstance(message, Logon) and message.reset_seq_num_flag:
            self._on_reset_in_session(header, message)
        elif isinstance(message, SequenceReset) and not message.gap_fill_flag:
            self._on_sequence_reset(header, message)
        elif header.msg_seq_num == self._sequence.next:
            self._in_order(header, decoded, rule)
        elif header.msg_seq_num > self._sequence.next:
            self._too_high(header, decoded, rule, size)
        else:
            self._too_low(header, rule)
        self._recalculate()

    def _rule(self, decoded: Arrival) -> Rule:
        rules = RULES[type(self._phase)]
        msg_type = decoded.ref_msg_type if isinstance(decoded, SessionReject) else decoded.header.msg_type
        return rules.get(msg_type) or rules[APPLICATION]

    def _recalculate(self) -> None:
        self._calm = isinstance(self._phase, Established | LogoutSent) and self._sequence.calm

    def _recover(self) -> bool:
        """Take an early message whose turn has come, or ask for what is missing; True if something happened."""
        sequence = self._sequence
        before = sequence.next
        arrival = sequence.in_turn()
        if arrival is not None:
            self._turn(arrival, self._rule(arrival))
        elif isinstance(self._phase, Established | LogoutSent):
            gap = sequence.to_ask(self._now)
            if gap is not None:
                self._ask(gap)
        self._recalculate()
        return arrival is not None or sequence.next != before

    def _ask(self, gap: Gap) -> None:
        self._out.send_admin(ResendRequest(begin_seq_no=gap.begin, end_seq_no=gap.asked_to))
        self._sequence.asked(gap)
        self._events.append(Noticed(f"asked for messages {gap.begin} to {gap.asked_to}, missing up to {gap.end}"))

    def _arrive_without_header(self, decoded: Arrival, rule: Rule, size: int) -> None:
        """The header itself could not be read; perhaps its MsgSeqNum(34) could."""
        assert isinstance(decoded, SessionReject)
        seq_num = decoded.ref_seq_num
        if not isinstance(self._phase, Established | LogoutSent):
            self._close(f"unreadable Logon(A): {decoded.text}")
        elif seq_num is None:
            self._fail("MsgSeqNum(34) is missing or no number")
        elif seq_num == self._sequence.next:
            self._turn(decoded, rule)
        elif seq_num > self._sequence.next:
            self._sequence.keep(seq_num, decoded, size)
        else:
            self._fail(_TOO_LOW % (self._sequence.next, seq_num), seq_num)

    def _in_order(self, header: Header, decoded: Arrival, rule: Rule) -> None:
        fault = poss_dup_fault(header, self.config.require_orig_sending_time) if header.poss_dup_flag else None
        if fault is None:
            self._turn(decoded, rule)
        else:
            self._sequence.next += 1
            self._refuse(header, fault.reason, fault.ref_tag, fault.text)

    def _too_high(self, header: Header, decoded: Arrival, rule: Rule, size: int) -> None:
        """Keep it for its turn; what cannot wait is done now and only counts then."""
        seq_num = header.msg_seq_num
        kept: Arrival | None = decoded
        if isinstance(decoded, Inbound) and seq_num not in self._sequence.early:
            if isinstance(decoded.message, ResendRequest):
                self._on_resend_request(header, decoded.message)
                kept = None
            elif isinstance(decoded.message, TestRequest):
                self._answer_test_request(header, decoded.message)
                kept = None
        if not self._sequence.keep(seq_num, kept, size):
            self._events.append(Noticed(f"no room for early message {seq_num}; it will be asked for later"))

    def _too_low(self, header: Header, rule: Rule) -> None:
        if not header.poss_dup_flag:
            if rule is Rule.LOGOUT_ANSWER:
                self._end_clean(None)
            else:
                self._fail(_TOO_LOW % (self._sequence.next, header.msg_seq_num), header.msg_seq_num)
            return
        fault = poss_dup_fault(header, self.config.require_orig_sending_time)
        if fault is not None:
            self._refuse(header, fault.reason, fault.ref_tag, fault.text)

    def _turn(self, decoded: Arrival, rule: Rule) -> None:
        """A message at the expected number: count it, then do what it says."""
        self._sequence.next += 1
        if isinstance(decoded, SessionReject):
            self._turn_refused(decoded, rule)
            return
        header, message = decoded.header, decoded.message
        routed = header.on_behalf_of_comp_id is not None or header.deliver_to_comp_id is not None
        if routed and not self.config.third_party_routing:
            self._refuse_routing(header)
            return
        if rule is Rule.DELIVER:
            self._events.append(MessageReceived(header, message))
        elif rule is Rule.HEARTBEAT:
            pass
        elif isinstance(message, TestRequest):
            self._answer_test_request(header, message)
        elif isinstance(message, ResendRequest):
            self._on_resend_request(header, message)
        elif isinstance(message, Reject):
            self._events.append(RejectReceived(header, message))
        elif isinstance(message, SequenceReset):
            self._on_gap_fill(header, message)
        elif isinstance(message, Logout):
            self._on_logout(message.text, rule, header)
        elif isinstance(message, Logon) and not header.poss_dup_flag:
            self._fail("a second Logon(A) without ResetSeqNumFlag(141)=Y", header.msg_seq_num)

    def _turn_refused(self, decoded: SessionReject, rule: Rule) -> None:
        if rule is Rule.REJECT:
            # A Reject(3) is never answered by one; the operator shall see it.
            self._events.append(Noticed(f"unreadable Reject(3) received: {decoded.text}"))
        elif rule in (Rule.LOGOUT, Rule.LOGOUT_ANSWER):
            # A formality must not keep alive what the peer wants to end.
            self._events.append(Noticed(f"Logout(5) with a fault received: {decoded.text}"))
            self._on_logout(None, rule, decoded.header)
        else:
            self._send_reject(
                Reject(
                    ref_seq_num=decoded.ref_seq_num or 0,
                    ref_tag_id=decoded.ref_tag_id,
                    ref_msg_type=decoded.ref_msg_type,
                    session_reject_reason=decoded.reason,
                    text=decoded.text,
                ),
                decoded.header,
            )

    # --- Logon(A)

    def _on_logon(self, header: Header, decoded: Arrival) -> None:
        """Acceptor: the first message. Whoever calls has already verified the peer's credentials."""
        config, sequence = self.config, self._sequence
        fault = self._logon_fault(header, decoded)
        if fault is not None:
            self._refuse_logon(header, fault)
            return
        assert isinstance(decoded, Inbound)
        logon = decoded.message
        assert isinstance(logon, Logon)
        reset = bool(logon.reset_seq_num_flag)
        if reset:
            self._reset("ResetSeqNumFlag(141)=Y received")
        elif config.reset_on_logon:
            self._reset("configured to reset at Logon(A)")
        seq_num = header.msg_seq_num
        if seq_num < sequence.next:
            self._refuse_logon(header, Refusal(_TOO_LOW % (sequence.next, seq_num)))
            return
        if not self._takes_next_expected(header, logon, self._out.next):
            return
        # Answered first, asked after (FIX 4.4 volume 2, "Logon": a too high number is no reason to refuse).
        if seq_num == sequence.next:
            sequence.next += 1
        both_tell = logon.next_expected_msg_seq_num is not None
        before = self._out.next
        self._out.send_urgent(self._own_logon(logon.heart_bt_int, reset, config.next_expected or both_tell))
        self._establish(logon)
        self._resend_expected(logon, before)
        self._count_logon(seq_num, told=both_tell)

    def _logon_fault(self, header: Header, decoded: Arrival) -> Refusal | None:
        if isinstance(decoded, SessionReject):
            if decoded.ref_tag_id == 108:
                return Refusal(f"HeartBtInt(108): {decoded.text}")
            return Refusal(decoded.text, decoded.reason, decoded.ref_tag_id)
        assert isinstance(decoded.message, Logon)
        if self._hours.window(self.clock.utc_ns()) is None:
            return Refusal("outside the session's hours")
        return refusal(self.config, decoded.message, header.msg_seq_num)

    def _refuse_logon(self, header: Header, fault: Refusal) -> None:
        if header.msg_seq_num == self._sequence.next:
            self._sequence.next += 1
        if fault.reason is not None:
            reject = Reject(
                ref_seq_num=header.msg_seq_num,
                ref_tag_id=fault.ref_tag,
                ref_msg_type=header.msg_type,
                session_reject_reason=fault.reason,
                text=fault.text,
            )
            self._out.send_urgent(reject)
            self._events.append(RejectSent(header.msg_seq_num, header.msg_type, fault.text))
        self._out.send_urgent(self._caused_logout(fault.text, header.msg_seq_num))
        self._close(f"Logon(A) refused: {fault.text}")

    def _on_logon_answer(self, header: Header, decoded: Arrival) -> None:
        """Initiator: the peer took our Logon(A)."""
        assert isinstance(self._phase, LogonSent)
        sequence, seq_num = self._sequence, header.msg_seq_num
        if isinstance(decoded, SessionReject):
            self._fail(f"the Logon(A) answer is faulty: {decoded.text}", seq_num)
            return
        logon = decoded.message
        assert isinstance(logon, Logon)
        if logon.reset_seq_num_flag and not self._phase.reset:
            # The acceptor begins anew unasked; what we sent so far counts for nothing, so the Logon(A) is said again.
            if seq_num != 1:
                self._fail(f"ResetSeqNumFlag(141)=Y needs MsgSeqNum(34) 1, received {seq_num}", seq_num)
                return
            self._reset("ResetSeqNumFlag(141)=Y received")
            self._out.send_urgent(self._own_logon(logon.heart_bt_int, reset=True, next_expected=False))
        if seq_num < sequence.next:
            self._fail(_TOO_LOW % (sequence.next, seq_num), seq_num)
            return
        if self._phase.reset and seq_num != 1:
            self._fail(f"ResetSeqNumFlag(141)=Y was answered with MsgSeqNum(34) {seq_num}", seq_num)
            return
        before = self._out.next
        if not self._takes_next_expected(header, logon, before):
            return
        if seq_num == sequence.next:
            sequence.next += 1
        self._establish(logon)
        self._resend_expected(logon, before)
        told = self.config.next_expected and logon.next_expected_msg_seq_num is not None
        self._count_logon(seq_num, told=told)

    def _on_logon_refused(self, header: Header, decoded: Arrival) -> None:
        """Initiator: a Logout(5) or Reject(3) instead of an answer."""
        if header.msg_seq_num == self._sequence.next:
            self._sequence.next += 1
        message = decoded.message if isinstance(decoded, Inbound) else None
        text = message.text if isinstance(message, Logout | Reject) else None
        if isinstance(message, Reject):
            self._events.append(RejectReceived(header, message))
        self._close(f"the peer refused our Logon(A): {text or 'without a text'}")

    def _establish(self, logon: Logon) -> None:
        heartbeat = logon.heart_bt_int
        self._cancel_at = NEVER
        self._cancel = chosen_cancel(self.config, logon)
        self._liveness.begin(heartbeat, self._now)
        self._reported = False
        self._enter(Established(self.clock.utc_ns(), heartbeat))
        self._out.begin()
        self._events.append(LoggedOn(heartbeat))

    def _count_logon(self, seq_num: int, *, told: bool) -> None:
        """A Logon(A) above the expected number opens a gap and only counts when that is filled."""
        sequence = self._sequence
        if seq_num > sequence.next:
            sequence.keep(seq_num, None, 0)
            gap = sequence.to_ask(self._now)
            if gap is not None and told:
                # With NextExpectedMsgSeqNum(789) on both sides the peer sends without being asked.
                sequence.asked(gap)
            elif gap is not None:
                self._ask(gap)

    def _takes_next_expected(self, header: Header, logon: Logon, ours: int) -> bool:
        theirs = logon.next_expected_msg_seq_num
        if theirs is None or theirs <= ours:
            return True
        text = f"NextExpectedMsgSeqNum too high, expecting {ours} but received {theirs}"
        if isinstance(self._phase, AwaitingLogon):
            self._refuse_logon(header, Refusal(text))
        else:
            self._fail(text, header.msg_seq_num)
        return False

    def _resend_expected(self, logon: Logon, ours: int) -> None:
        theirs = logon.next_expected_msg_seq_num
        if theirs is not None and theirs < ours:
            self._out.want(max(theirs, 1), ours - 1)

    def _own_logon(self, heartbeat: int, reset: bool, next_expected: bool) -> Logon:
        config = self.config
        outgoing = config.outgoing
        raw_data, password = None, None
        if outgoing is not None and outgoing.sign:
            if self._sign is None:
                raise ValueError(f"{config.name}: a signed Logon(A) needs somebody to sign it")
            raw_data, password = self._sign(self._out.next)
        elif outgoing is not None:
            password = outgoing.password or None
        cancel = config.cancel_on_disconnect
        ask_cancel = self._initiator and cancel.peer_may_choose and cancel.on is not CancelOnDisconnectType.OFF
        return Logon(
            encrypt_method=EncryptMethod.NONE,
            heart_bt_int=heartbeat,
            raw_data=raw_data,
            reset_seq_num_flag=True if reset else None,
            next_expected_msg_seq_num=self._sequence.next if next_expected else None,
            test_message_indicator=config.test_message if self._initiator else None,
            username=(outgoing.username or None) if outgoing is not None else None,
            password=password,
            cancel_on_disconnect_type=cancel.on if ask_cancel else None,
            cod_grace_ms=cancel.grace_ms if ask_cancel else None,
        )

    def _on_reset_in_session(self, header: Header, logon: Logon) -> None:
        """ResetSeqNumFlag(141)=Y while established: the answer to ours, or the peer's wish."""
        if not isinstance(self._phase, Established):
            return
        if header.msg_seq_num != 1:
            text = f"ResetSeqNumFlag(141)=Y needs MsgSeqNum(34) 1, received {header.msg_seq_num}"
            self._fail(text, header.msg_seq_num)
        elif self._resetting:
            self._resetting = False
            self._sequence.next = 2
        elif not self.config.accept_reset:
            self._fail("ResetSeqNumFlag(141)=Y is not allowed here", header.msg_seq_num)
        else:
            self._reset("ResetSeqNumFlag(141)=Y received")
            self._sequence.next = 2
            tells = logon.next_expected_msg_seq_num is not None
            self._out.send_urgent(self._own_logon(logon.heart_bt_int, reset=True, next_expected=tells))
            self._liveness.begin(logon.heart_bt_int, self._now)
            self._enter(Established(self._phase.since_ns, logon.heart_bt_int))
            self._out.begin()

    # --- the other administrative messages

    def _answer_test_request(self, header: Header, message: TestRequest) -> None:
        self._out.send_admin(Heartbeat(test_req_id=message.test_req_id), reverse_route(header))

    def _on_resend_request(self, header: Header, message: ResendRequest) -> None:
        """Clamp to what exists; what asks for nothing is refused, never filled downwards."""
        begin, end, last = message.begin_seq_no, message.end_seq_no, self._out.last_sent
        if begin < 1 or begin > last:
            text = f"BeginSeqNo(7) {begin} is not within 1..{last}"
            self._refuse(header, SessionRejectReason.VALUE_IS_INCORRECT, 7, text)
        elif end != 0 and end < begin:
            text = f"EndSeqNo(16) {end} is below BeginSeqNo(7) {begin}"
            self._refuse(header, SessionRejectReason.VALUE_IS_INCORRECT, 16, text)
        else:
            self._out.want(begin, last if end == 0 else min(end, last))

    def _on_gap_fill(self, header: Header, message: SequenceReset) -> None:
        """In sequence and counted already: NewSeqNo(36) must lie above it (TC 10.e)."""
        if message.new_seq_no <= header.msg_seq_num:
            text = f"NewSeqNo(36) {message.new_seq_no} does not lie above MsgSeqNum(34) {header.msg_seq_num}"
            self._refuse(header, SessionRejectReason.VALUE_IS_INCORRECT, 36, text)
        else:
            self._sequence.fill(message.new_seq_no)

    def _on_sequence_reset(self, header: Header, message: SequenceReset) -> None:
        """Reset mode ignores MsgSeqNum(34); numbers never go back by it."""
        expected, new = self._sequence.next, message.new_seq_no
        if new < expected:
            text = f"NewSeqNo(36) {new} is below the expected MsgSeqNum(34) {expected}"
            self._refuse(header, SessionRejectReason.VALUE_IS_INCORRECT, 36, text)
            return
        dropped = self._sequence.jump(new)
        same = " (as expected anyway)" if new == expected else ""
        self._events.append(Noticed(f"SequenceReset(4): {expected} to {new}{same}, {dropped} early messages dropped"))

    def _on_logout(self, text: str | None, rule: Rule, header: Header | None) -> None:
        if rule is Rule.LOGOUT_ANSWER:
            self._end_clean(text)
            return
        reason = f"Logout(5) received: {text or 'without a text'}"
        self._out.send_urgent(Logout(), None if header is None else reverse_route(header))
        self._out.end()
        self._clean = True
        self.reason = reason
        self._report_end(reason)
        self._enter(LogoutAnswered(self._now + self.config.logout_timeout_seconds, reason))

    def _end_clean(self, text: str | None) -> None:
        """Our Logout(5) is answered."""
        self._clean = True
        self._close(self.reason + (f" (answered: {text})" if text else ""))

    # --- refusing and ending

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

    def _refuse_and_end(self, header: Header, reason: SessionRejectReason, ref_tag: int | None, text: str) -> None:
        """Reject(3) then Logout(5), as the session test cases want for CompIDs (2.k) and SendingTime(52) (2.o)."""
        if header.msg_seq_num == self._sequence.next:
            self._sequence.next += 1
        self._refuse(header, reason, ref_tag, text)
        self._fail(text, header.msg_seq_num)

    def _refuse_sending_time(self, header: Header) -> None:
        text = f"SendingTime(52) is over {self.config.max_latency_seconds:g} s from our clock"
        reason = SessionRejectReason.SENDING_TIME_ACCURACY_PROBLEM
        if isinstance(self._phase, AwaitingLogon):
            self._refuse_logon(header, Refusal(text, reason, 52))
        elif self.config.sending_time_fault is SendingTimeFault.LOGOUT or isinstance(self._phase, LogonSent):
            self._refuse_and_end(header, reason, 52, text)
        elif header.msg_seq_num >= self._sequence.next:
            if header.msg_seq_num == self._sequence.next:
                self._sequence.next += 1
            self._refuse(header, reason, 52, text)

    def _refuse_routing(self, header: Header) -> None:
        tag = next(tag for tag, name in _ROUTING if getattr(header, name) is not None)
        text = f"third-party addressing, tag {tag}, is not offered on this session"
        self._refuse(header, SessionRejectReason.COMP_ID_PROBLEM, tag, text)

    def _caused_logout(self, text: str, ref_seq_num: int | None) -> Logout:
        """A Logout(5) that names what caused it in RefSeqNum(45)."""
        if ref_seq_num is None or not self.config.logout_ref_seq_num:
            return Logout(text=text)
        return Logout(text=text, other=((45, b"%d" % ref_seq_num),))

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

    def _reset(self, reason: str) -> None:
        self.store.reset(self.clock.utc_ns())
        self._out.reset()
        self._sequence.reload()
        self._events.append(NumbersReset(reason))

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._calm = False
        self.due = 0.0
        self._recalculate()

    def _note_garbled(self) -> None:
        self._garbled_total += self._framer.garbled - self._garbled
        self._garbled = self._framer.garbled
        self._events.extend(Noticed(f"garbled input: {reason}") for reason in self._framer.take_garbled())
        if not self._events:
            self._events.append(Noticed("garbled input"))
