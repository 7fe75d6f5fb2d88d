"""Who a session is and by which rules it runs. Plain frozen data: settings are read elsewhere.

All `*_seconds` are seconds; a HeartBtInt(108) is whole seconds. `SessionId` is from *our* point of view.
"""

from enum import Enum
from typing import TypeAlias

import msgspec

from fixspec.dictionary import STRICT, Validation
from fixspec.enums import CancelOnDisconnectType
from sessions.schedule import ALWAYS, Schedule


class SessionId(msgspec.Struct, frozen=True, order=True):
    """The pair of CompIDs as we write them: ours in SenderCompID(49), the peer's in TargetCompID(56).

    `qualifier` tells apart sessions of equal CompIDs to different hosts; it never goes on the wire.
    """

    sender_comp_id: str
    target_comp_id: str
    qualifier: str = ""

    def __str__(self) -> str:
        tail = f"/{self.qualifier}" if self.qualifier else ""
        return f"{self.sender_comp_id}->{self.target_comp_id}{tail}"


class Kind(Enum):
    """What a session may be used for (FIX-APP 1); the session layer only carries it."""

    ORDER_ENTRY = "order_entry"
    DROP_COPY = "drop_copy"
    ADMIN = "admin"


class CancelScope(Enum):
    """Whose orders cancel on disconnect takes (FIX-APP 9)."""

    SESSION_ORDERS = "session_orders"
    ACCOUNT_ORDERS = "account_orders"


class CancelOnDisconnect(msgspec.Struct, frozen=True):
    """Cancel on disconnect, FIX-APP section 9. `scope` and `exclude_gt` are for the application to heed."""

    on: CancelOnDisconnectType = CancelOnDisconnectType.OFF
    """Which endings start the grace: `disconnect` is any but a complete Logout(5) exchange, `logout` is that."""
    grace_ms: int = 10_000
    scope: CancelScope = CancelScope.SESSION_ORDERS
    exclude_gt: bool = True
    peer_may_choose: bool = True
    """A Logon(A) may set CancelOnDisconnectType(5741) and CodGraceMs(5742) for the time until the next Logon."""


class PasswordCredential(msgspec.Struct, frozen=True):
    """Username(553) must match and Password(554) verify against an argon2 hash (`$argon2id$...`)."""

    username: str
    argon2_hash: str = msgspec.field(default="")

    def __repr__(self) -> str:
        return f"PasswordCredential(username={self.username!r}, argon2_hash=***)"


class HmacCredential(msgspec.Struct, frozen=True):
    """Logon signed with a shared secret, safe against replay: see `sessions.authentication`."""

    username: str
    secret: bytes = msgspec.field(default=b"")
    window_seconds: float = 30.0
    """How far the nonce's timestamp may be from our clock."""

    def __repr__(self) -> str:
        return f"HmacCredential(username={self.username!r}, secret=***, window_seconds={self.window_seconds})"


Credential: TypeAlias = PasswordCredential | HmacCredential


class OutgoingCredential(msgspec.Struct, frozen=True):
    """What an initiator puts into its Logon(A): Username(553) and Password(554), or with `sign` an HMAC signature."""

    username: str = ""
    password: str = ""
    sign: bool = False
    """True: `password` is the shared secret, sent as a signature over a fresh nonce in RawData(96)."""

    def __repr__(self) -> str:
        return f"OutgoingCredential(username={self.username!r}, password=***, sign={self.sign})"


class SendingTimeFault(Enum):
    """What follows the Reject(3) 373=10 of a SendingTime(52) that is too far from our clock."""

    LOGOUT = "logout"
    """The session ends, as the FIX session test cases want (2.o)."""
    REJECT = "reject"
    """Only the message is refused."""


class SequenceTooLow(Enum):
    """How a message with a too low MsgSeqNum(34) and no PossDupFlag(43) ends the session."""

    LOGOUT = "logout"
    REJECT = "reject"
    """Reject(3) and disconnect, which some brokers want (quickfix 700)."""


class Limits(msgspec.Struct, frozen=True):
    """Bounds on everything the peer can make us hold or do."""

    max_message_bytes: int = 65_536
    max_early_messages: int = 10_000
    """Messages kept while a gap is open; beyond, they are dropped and asked for again later."""
    max_early_bytes: int = 16 * 1024 * 1024
    max_unsent_messages: int = 100_000
    """Stored messages that wait because the peer does not read; beyond, it is cut off as a slow consumer."""
    max_stalled_seconds: float = 30.0
    """How long the peer may leave its socket full."""
    write_buffer_bytes: int = 1024 * 1024
    """Bytes handed to the transport before we hold back."""
    messages_per_second: float = 0.0
    """Inbound messages a second on average, 0 = no limit; beyond, we read slower (TCP pushes back)."""
    messages_burst: int = 1_000
    resend_slice: int = 200
    """Messages resent per turn, so that nobody waits for a resend of millions."""
    max_resend_requests: int = 8
    """Pending ResendRequests kept apart; more are merged."""


class SessionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One session. `name` is what journal, operators and `session_id: str` elsewhere call it."""

    name: str
    id: SessionId
    kind: Kind = Kind.ORDER_ENTRY
    enabled: bool = True

    # liveness
    heartbeat: int = 30
    """HeartBtInt(108) an initiator offers. An acceptor takes the peer's within the two bounds below."""
    min_heartbeat: int = 1
    max_heartbeat: int = 3_600
    allow_no_heartbeat: bool = True
    """Accept 108=0: no heartbeats either way."""
    logon_timeout_seconds: float = 10.0
    logout_timeout_seconds: float = 10.0
    gap_timeout_seconds: float = 30.0
    """A gap that makes no progress for so long is asked for again, three times, then the session ends."""

    # hours and numbers
    schedule: Schedule = ALWAYS
    reset_on_logon: bool = False
    """An initiator sends ResetSeqNumFlag(141)=Y with every Logon(A)."""
    reset_on_logout: bool = False
    reset_on_disconnect: bool = False
    accept_reset: bool = True
    """An acceptor honours ResetSeqNumFlag(141)=Y; otherwise such a Logon(A) is answered with Logout(5)."""
    next_expected: bool = False
    """Send NextExpectedMsgSeqNum(789). A peer's is always understood."""
    last_processed: bool = False
    """Send LastMsgSeqNumProcessed(369) in every header."""
    resend_chunk: int = 0
    """Most messages asked for by one ResendRequest(2); 0 = all from the first missing one on, EndSeqNo(16)=0."""
    resend_requests_max_age_seconds: float = 10.0
    """Stored orders, cancels and other requests of ours older than this are gap-filled; reports are always resent."""

    # rules
    validation: Validation = STRICT
    """`LENIENT` towards brokers, so that no fill is lost to a formality."""
    dictionary: str = ""
    """Path of a dictionary in the QuickFIX XML form instead of FIX 4.4's."""
    max_latency_seconds: float = 120.0
    """How far SendingTime(52) may be from our clock, 0 = not checked."""
    require_orig_sending_time: bool = True
    """Refuse PossDupFlag(43)=Y without OrigSendingTime(122), 373=1; a SequenceReset(4) never needs it."""
    logout_ref_seq_num: bool = False
    """A Logout(5) caused by a message names it in RefSeqNum(45), as some suites want. Off, because FIX 4.4 lists no
    such field there and a QuickFIX peer with its dictionary then drops the Logout(5), text and all."""
    sending_time_fault: SendingTimeFault = SendingTimeFault.LOGOUT
    too_low: SequenceTooLow = SequenceTooLow.LOGOUT
    third_party_routing: bool = False
    """Hub session: OnBehalfOfCompID(115) and DeliverToCompID(128) are taken, and swapped in answers; else 373=9."""
    test_message: bool | None = None
    """TestMessageIndicator(464) a Logon(A) must carry: True = Y, False = N or absent, None = any (FIX-APP 1)."""
    timestamp_digits: int = 3
    """Fraction digits of SendingTime(52) we write: 0, 3, 6 or 9."""
    sender_sub_id: str | None = None
    target_sub_id: str | None = None
    sender_location_id: str | None = None
    target_location_id: str | None = None

    # who may come
    credential: Credential | None = None
    outgoing: OutgoingCredential | None = None
    allowed_addresses: tuple[str, ...] = ()
    """Networks in CIDR form the peer may come from; empty = any."""
    tls_peer_names: tuple[str, ...] = ()
    """Names (common name or subject alternative name) of which the client certificate must bear one; empty = any."""

    cancel_on_disconnect: CancelOnDisconnect = CancelOnDisconnect()
    limits: Limits = Limits()


class SessionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One session as an operator sees it now."""

    session_id: str
    comp_ids: str
    state: str
    """The phase, in lower snake case: disconnected, awaiting_logon, logged_on, logout_sent, ..."""
    enabled: bool
    in_hours: bool
    next_sender: int
    next_target: int
    unsent: int
    """Numbered messages not yet handed to the transport."""
    early: int
    """Messages that wait behind a gap."""
    resending: bool
    heartbeat: int
    last_received_ns: int
    """UTC nanoseconds of the last valid message, 0 = none since start."""
    last_sent_ns: int
    logged_on_since_ns: int
    peer: str
    reason: str
    """Why the last connection ended."""


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one session since its process started, for metrics."""

    received: dict[str, int]
    """Messages by MsgType(35), administrative ones included, possible duplicates that were dropped too."""
    sent: dict[str, int]
    """Messages by MsgType(35), each when it was numbered."""
    resent: int
    """Stored messages put on the wire again."""
    garbled: int
    """Stretches of bytes that were no message."""
