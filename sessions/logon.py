"""Logon(A): what a peer's must be, what ours says, and what follows. SESSION.md section 1, Logon.

The second of four chapters of `Session`: conversation, logon, arrival, session.
"""

import msgspec

from fixspec.codec import Inbound, SessionReject
from fixspec.enums import CancelOnDisconnectType, EncryptMethod, SessionRejectReason
from fixspec.messages import Header, Logon, Logout, Reject
from sessions.config import CancelOnDisconnect, SessionConfig
from sessions.conversation import TOO_LOW, Conversation
from sessions.events import LoggedOn, RejectReceived, RejectSent
from sessions.liveness import NEVER
from sessions.sequence import Arrival
from sessions.states import AwaitingLogon, Established, LogonSent

MAX_GRACE_MS = 600_000


class Refusal(msgspec.Struct, frozen=True):
    """Why a Logon(A) is not taken: Logout(5) with `text`, after a Reject(3) where `reason` is given."""

    text: str
    reason: SessionRejectReason | None = None
    ref_tag: int | None = None


def refusal(config: SessionConfig, logon: Logon, msg_seq_num: int) -> Refusal | None:
    """What is wrong with a peer's Logon(A) apart from its number, or None. SESSION.md section 1, Logon."""
    if logon.encrypt_method is not EncryptMethod.NONE:
        text = f"EncryptMethod(98) {logon.encrypt_method.value} is not offered, only 0"
        return Refusal(text, SessionRejectReason.DECRYPTION_PROBLEM)
    heartbeat = logon.heart_bt_int
    if heartbeat == 0:
        if not config.allow_no_heartbeat:
            return Refusal("HeartBtInt(108) 0 is not allowed here")
    elif not config.min_heartbeat <= heartbeat <= config.max_heartbeat:
        return Refusal(f"HeartBtInt(108) {heartbeat} is not within {config.min_heartbeat}..{config.max_heartbeat}")
    if config.test_message is not None and bool(logon.test_message_indicator) != config.test_message:
        wanted = "Y" if config.test_message else "N or absent"
        return Refusal(f"TestMessageIndicator(464) must be {wanted}")
    if logon.reset_seq_num_flag:
        if not config.accept_reset:
            return Refusal("ResetSeqNumFlag(141)=Y is not allowed here")
        if msg_seq_num != 1:
            return Refusal(f"ResetSeqNumFlag(141)=Y needs MsgSeqNum(34) 1, received {msg_seq_num}")
    return None


def chosen_cancel(config: SessionConfig, logon: Logon) -> CancelOnDisconnect:
    """Cancel on disconnect as configured, with what the Logon(A) may and does choose: 5741 and 5742."""
    agreed = config.cancel_on_disconnect
    if not agreed.peer_may_choose:
        return agreed
    on: CancelOnDisconnectType = logon.cancel_on_disconnect_type or agreed.on
    grace_ms = agreed.grace_ms if logon.cod_grace_ms is None else min(max(logon.cod_grace_ms, 0), MAX_GRACE_MS)
    return msgspec.structs.replace(agreed, on=on, grace_ms=grace_ms)


class LogonRules(Conversation):
    """Establishing a session, in both roles, at the beginning of a connection and in the middle."""

    __slots__ = ()

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
            self._refuse_logon(header, Refusal(TOO_LOW % (sequence.next, seq_num)))
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
            self._fail(TOO_LOW % (sequence.next, seq_num), seq_num)
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
