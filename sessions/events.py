"""What a session tells its driver. Pulling the next event confirms the last one: see `Session.next_event`."""

from typing import TypeAlias

import msgspec

from fixspec.messages import Header, Message, Reject, Unserved


class LoggedOn(msgspec.Struct, frozen=True):
    """The Logon(A) exchange is complete."""

    heartbeat: int
    """HeartBtInt(108) agreed on, in seconds; 0 = none."""


class MessageReceived(msgspec.Struct, frozen=True, gc=False):
    """An application message in sequence."""

    header: Header
    message: Message | Unserved


class RejectReceived(msgspec.Struct, frozen=True, gc=False):
    """The peer's Reject(3) of one of our messages."""

    header: Header
    reject: Reject


class RejectSent(msgspec.Struct, frozen=True):
    """We refused a message of the peer at session level; operators must be able to see it."""

    ref_seq_num: int
    ref_msg_type: str
    text: str


class NumbersReset(msgspec.Struct, frozen=True):
    """Both MsgSeqNum(34) begin again at 1."""

    reason: str


class LoggedOut(msgspec.Struct, frozen=True):
    """An established session ended; `clean` if both Logout(5) were exchanged."""

    reason: str
    clean: bool


class Closed(msgspec.Struct, frozen=True):
    """The transport must be closed, after the bytes still to send. Comes once per connection, last."""

    reason: str


class Noticed(msgspec.Struct, frozen=True):
    """Something an operator may want to know and no rule acts on: garbled input, a gap, a dropped duplicate."""

    text: str


class CancelOnDisconnectDue(msgspec.Struct, frozen=True):
    """The grace period after the session ended is over and no Logon(A) came."""

    reason: str


Event: TypeAlias = (
    LoggedOn
    | MessageReceived
    | RejectReceived
    | RejectSent
    | NumbersReset
    | LoggedOut
    | CancelOnDisconnectDue
    | Closed
    | Noticed
)
