"""The phases of a connection, the values that qualify them, and the table (phase, MsgType(35)) -> rule.

Numbers outlive connections and are no part of a phase; gap and liveness are separate values, because a session can be
in a gap and unheard-of at once.
"""

from enum import Enum
from typing import TypeAlias

import msgspec


class Disconnected(msgspec.Struct, frozen=True):
    """No transport. Messages may be sent: they are numbered, stored and wait."""


class AwaitingLogon(msgspec.Struct, frozen=True):
    """Acceptor: the peer has connected and owes a Logon(A) until `deadline` (monotonic seconds)."""

    deadline: float


class LogonSent(msgspec.Struct, frozen=True):
    """Initiator: our Logon(A) is out and unanswered."""

    deadline: float
    reset: bool
    """We sent ResetSeqNumFlag(141)=Y."""


class Established(msgspec.Struct, frozen=True):
    """Both Logon(A) are exchanged."""

    since_ns: int
    heartbeat: int


class LogoutSent(msgspec.Struct, frozen=True):
    """We asked for the end and wait for the peer's Logout(5), still serving what it asks for."""

    deadline: float
    reason: str


class LogoutAnswered(msgspec.Struct, frozen=True):
    """The peer asked for the end and has our answer; it should close, we do at `deadline` (TC 13.b)."""

    deadline: float
    reason: str


class Closing(msgspec.Struct, frozen=True):
    """`Closed` has been reported; whatever still arrives is not read."""

    reason: str


Phase: TypeAlias = Disconnected | AwaitingLogon | LogonSent | Established | LogoutSent | LogoutAnswered | Closing


class Gap(msgspec.Struct, frozen=True):
    """Messages `begin`..`end` are missing; asked for up to `asked_to`, last at `asked_at`, `times` without progress."""

    begin: int
    end: int
    asked_to: int
    asked_at: float
    times: int


class Unheard(msgspec.Struct, frozen=True):
    """The peer has been silent for too long: TestReqID(112) `test_req_id` went out at `since`."""

    test_req_id: str
    since: float


class Rule(Enum):
    """What an inbound message of one type means in one phase."""

    DELIVER = "an application message"
    HEARTBEAT = "life"
    TEST_REQUEST = "echo TestReqID(112)"
    RESEND_REQUEST = "send again"
    REJECT = "a message of ours was refused"
    SEQUENCE_RESET = "gap fill or reset"
    LOGON = "begin"
    LOGON_ANSWER = "our Logon(A) was taken"
    LOGON_AGAIN = "ResetSeqNumFlag(141)=Y in session, or a fault"
    LOGON_REFUSED = "our Logon(A) was not taken"
    LOGOUT = "the peer wants to end"
    LOGOUT_ANSWER = "our Logout(5) was taken"
    NOT_LOGON = "the first message was no Logon(A)"
    IGNORE = "too late"


APPLICATION = "*"
"""Key of the table for every MsgType(35) that is not administrative."""

ADMINISTRATIVE = frozenset(["0", "1", "2", "3", "4", "5", "A"])

_ESTABLISHED = {
    "0": Rule.HEARTBEAT,
    "1": Rule.TEST_REQUEST,
    "2": Rule.RESEND_REQUEST,
    "3": Rule.REJECT,
    "4": Rule.SEQUENCE_RESET,
    "5": Rule.LOGOUT,
    "A": Rule.LOGON_AGAIN,
    APPLICATION: Rule.DELIVER,
}
_NOTHING_BUT = dict.fromkeys((*_ESTABLISHED,), Rule.IGNORE)

RULES: dict[type[Phase], dict[str, Rule]] = {
    Disconnected: _NOTHING_BUT,
    AwaitingLogon: dict.fromkeys(_ESTABLISHED, Rule.NOT_LOGON) | {"A": Rule.LOGON},
    LogonSent: dict.fromkeys(_ESTABLISHED, Rule.NOT_LOGON)
    | {"A": Rule.LOGON_ANSWER, "5": Rule.LOGON_REFUSED, "3": Rule.LOGON_REFUSED},
    Established: _ESTABLISHED,
    LogoutSent: _ESTABLISHED | {"5": Rule.LOGOUT_ANSWER},
    LogoutAnswered: _NOTHING_BUT | {"2": Rule.RESEND_REQUEST},
    Closing: _NOTHING_BUT,
}

PHASE_NAMES: dict[type[Phase], str] = {
    Disconnected: "disconnected",
    AwaitingLogon: "awaiting_logon",
    LogonSent: "logon_sent",
    Established: "logged_on",
    LogoutSent: "logout_sent",
    LogoutAnswered: "logout_answered",
    Closing: "closing",
}
