"""What arrives, and what is done about it: whose is it, when was it sent, is it its turn, what does it say.

The third of four chapters of `Session`: conversation, logon, arrival, session.
"""

from fixspec.codec import Inbound, SessionReject
from fixspec.enums import SessionRejectReason
from fixspec.messages import Header, Logon, Logout, Reject, ResendRequest, SequenceReset, TestRequest
from sessions.config import SendingTimeFault
from sessions.conversation import TOO_LOW
from sessions.events import MessageReceived, Noticed, RejectReceived
from sessions.liveness import NEVER
from sessions.logon import LogonRules, Refusal
from sessions.outbound import reverse_route
from sessions.sequence import Arrival, poss_dup_fault
from sessions.states import (
    APPLICATION,
    RULES,
    AwaitingLogon,
    Established,
    LogonSent,
    LogoutAnswered,
    LogoutSent,
    Rule,
)

LOGOUT_GAP_SECONDS = 3.0
"""How long a Logout(5) waits for the gap before it. Then it is answered uncounted: what is missing stays missing, and
is asked for at the next Logon(A)."""
_ROUTING = (
    (115, "on_behalf_of_comp_id"),
    (116, "on_behalf_of_sub_id"),
    (144, "on_behalf_of_location_id"),
    (128, "deliver_to_comp_id"),
    (129, "deliver_to_sub_id"),
    (145, "deliver_to_location_id"),
)


class ArrivalRules(LogonRules):
    """One frame at a time, in the order of checks of FIX 4.4 volume 2."""

    __slots__ = ()

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
                self._refuse_and_end(header, SessionRejectReason.COMP_ID_PROBLEM, text)
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
        return self._rule_of(decoded.ref_msg_type if isinstance(decoded, SessionReject) else decoded.header.msg_type)

    def _rule_of(self, msg_type: str) -> Rule:
        rules = RULES[type(self._phase)]
        return rules.get(msg_type) or rules[APPLICATION]

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
            self._fail(TOO_LOW % (self._sequence.next, seq_num), seq_num)

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
            elif isinstance(decoded.message, Logout) and self._logout_at == NEVER:
                self._logout_at = self._now + LOGOUT_GAP_SECONDS
                self.due = 0.0
        if not self._sequence.keep(seq_num, kept, size):
            self._events.append(Noticed(f"no room for early message {seq_num}; it will be asked for later"))

    def _too_low(self, header: Header, rule: Rule) -> None:
        if not header.poss_dup_flag:
            if rule is Rule.LOGOUT_ANSWER:
                self._end_clean(None)
            else:
                self._fail(TOO_LOW % (self._sequence.next, header.msg_seq_num), header.msg_seq_num)
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

    # --- the other administrative messages

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

    # --- what is wrong with a header

    def _refuse_and_end(self, header: Header, reason: SessionRejectReason, text: str) -> None:
        """Reject(3) then Logout(5), as the session test cases want for CompIDs (2.k) and SendingTime(52) (2.o)."""
        if header.msg_seq_num == self._sequence.next:
            self._sequence.next += 1
        self._refuse(header, reason, None, text)
        self._fail(text, header.msg_seq_num)

    def _refuse_sending_time(self, header: Header) -> None:
        text = f"SendingTime(52) is over {self.config.max_latency_seconds:g} s from our clock"
        reason = SessionRejectReason.SENDING_TIME_ACCURACY_PROBLEM
        if isinstance(self._phase, AwaitingLogon):
            self._refuse_logon(header, Refusal(text, reason))
        elif self.config.sending_time_fault is SendingTimeFault.LOGOUT or isinstance(self._phase, LogonSent):
            self._refuse_and_end(header, reason, text)
        elif header.msg_seq_num >= self._sequence.next:
            if header.msg_seq_num == self._sequence.next:
                self._sequence.next += 1
            self._refuse(header, reason, None, text)

    def _refuse_routing(self, header: Header) -> None:
        tag = next(tag for tag, name in _ROUTING if getattr(header, name) is not None)
        text = f"third-party addressing, tag {tag}, is not offered on this session"
        self._refuse(header, SessionRejectReason.COMP_ID_PROBLEM, None, text)
