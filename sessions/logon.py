"""What a Logon(A) must be, and what ours says. Pure checks; the session acts on the verdict."""

import msgspec

from fixspec.enums import CancelOnDisconnectType, EncryptMethod, SessionRejectReason
from fixspec.messages import Logon
from sessions.config import CancelOnDisconnect, SessionConfig

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
        return Refusal(text, SessionRejectReason.DECRYPTION_PROBLEM, 98)
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
