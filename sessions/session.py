"""One FIX 4.4 session: bytes in, events out, bytes out. No I/O, no clock of its own, either role.

The driver feeds what it read (`receive_data`), pulls events until None (`next_event`), writes `take_output`, and calls
`tick` when `due` has come and `work` while `has_work`. A session outlives its connections: `connect` begins one,
`connection_lost` ends it. Numbers are in the store; what belongs to one connection (framing, gap, early messages,
requests to resend) goes with it.

Rules: FIX 4.4 volume 2, and the FIX Trading Community's session layer test cases (v1.0, June 2020), cited as TC n.x.
"""

from fixspec.codec import Inbound
from fixspec.framing import Framer
from fixspec.messages import Heartbeat, Logout
from sessions.arrival import ArrivalRules
from sessions.config import SessionStatus, Traffic
from sessions.conversation import Sign, decoder_for, resend_fresh_requests
from sessions.events import CancelOnDisconnectDue, Event, MessageReceived, Noticed
from sessions.interfaces import NotLoggedOn
from sessions.liveness import NEVER, Due, Liveness
from sessions.sequence import GAP_TRIES
from sessions.states import (
    ADMINISTRATIVE,
    PHASE_NAMES,
    AwaitingLogon,
    Closing,
    Disconnected,
    Established,
    LogonSent,
    LogoutAnswered,
    LogoutSent,
    Unheard,
)

__all__ = ["Session", "Sign", "decoder_for", "resend_fresh_requests"]

_BEGIN = b"8=FIX.4.4\x01"


class Session(ArrivalRules):
    """One session in the role of acceptor or initiator: what its driver calls."""

    __slots__ = ()

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
        self._paused_at = self._logout_at = NEVER
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
        if now >= self._logout_at:
            self._logout_at = NEVER
            self._events.append(Noticed(f"Logout(5) answered though {self._sequence.next} and more are missing"))
            self._on_logout("behind a gap", self._rule_of("5"), None)
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
            due = min(due, self._liveness.deadline(), self._logout_at)
            if (gap := self._sequence.gap) is not None:
                due = min(due, gap.asked_at + self.config.gap_timeout_seconds)
            if self._paused_at != NEVER or self._out.overrun:
                due = min(due, now + 1.0)
        return due

    def _note_garbled(self) -> None:
        self._garbled_total += self._framer.garbled - self._garbled
        self._garbled = self._framer.garbled
        self._events.extend(Noticed(f"garbled input: {reason}") for reason in self._framer.take_garbled())
        if not self._events:
            self._events.append(Noticed("garbled input"))
