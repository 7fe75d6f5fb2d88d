"""One FIX session of the configuration, and the `SessionConfig` it becomes."""

from datetime import time
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bridge.settings.secret import Secret
from bridge.settings.section import CompId, Name, Seconds, Section
from fixspec.dictionary import Validation
from fixspec.enums import CancelOnDisconnectType
from sessions.config import (
    CancelOnDisconnect,
    CancelScope,
    Credential,
    HmacCredential,
    Kind,
    Limits,
    PasswordCredential,
    SendingTimeFault,
    SequenceTooLow,
    SessionConfig,
    SessionId,
)
from sessions.schedule import Schedule, Weekday


class UnknownTags(Enum):
    """What happens to fields FIX 4.4 does not define in a message."""

    value: Literal["ignore", "reject"]

    IGNORE = "ignore"
    REJECT = "reject"


class Day(Enum):
    """Days by name."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    @property
    def weekday(self) -> Weekday:
        """The schedule's word for it."""
        return Weekday[self.name]


class Hours(Section):
    """Session hours. Without `begin` and `end` the session is always open and its numbers are never reset by time."""

    begin: time | None = None
    """Opening, local time of `zone`."""
    end: time | None = None
    """Close, local time of `zone` or `end_zone`; equal to `begin` means around the clock with one reset a day."""
    zone: str = "UTC"
    """Time zone, e.g. America/New_York."""
    end_zone: str = ""
    """Time zone of `end` where it is another."""
    days: tuple[Day, ...] = tuple(Day)
    """Days on which a daily session opens."""
    begin_day: Day | None = None
    """First day of a weekly session."""
    end_day: Day | None = None
    """Last day of a weekly session."""

    @model_validator(mode="after")
    def _possible(self) -> "Hours":
        self.schedule()
        return self

    def schedule(self) -> Schedule:
        """The session layer's form. Raises ValueError for impossible hours."""
        return Schedule(
            begin=self.begin,
            end=self.end,
            zone=self.zone,
            end_zone=self.end_zone,
            days=tuple(day.weekday for day in self.days),
            begin_day=self.begin_day.weekday if self.begin_day else None,
            end_day=self.end_day.weekday if self.end_day else None,
        )


class Authentication(Section):
    """How the client proves itself in its Logon(A), beyond CompIDs, address and TLS certificate."""

    username: Annotated[str, Field(min_length=1)]
    """Username(553)."""
    password_hash: Secret | None = None
    """Argon2 hash that Password(554) must verify against; `fixbridge password` makes one."""
    hmac_secret: Secret | None = None
    """Shared secret of a signed Logon(A), safe against replay."""
    hmac_window_seconds: Seconds = 30.0
    """How far the signed nonce's time may be from our clock."""

    @model_validator(mode="after")
    def _one_way(self) -> "Authentication":
        if (self.password_hash is None) == (self.hmac_secret is None):
            raise ValueError("give exactly one of password_hash and hmac_secret")
        return self

    def credential(self) -> Credential:
        """The session layer's form; the secret must be resolved."""
        if self.password_hash is not None:
            return PasswordCredential(self.username, self.password_hash.reveal())
        assert self.hmac_secret is not None
        return HmacCredential(self.username, self.hmac_secret.reveal().encode(), self.hmac_window_seconds)


class CancelWhen(Enum):
    """Which endings of a session start cancel on disconnect."""

    OFF = "off"
    DISCONNECT = "disconnect"
    LOGOUT = "logout"
    BOTH = "both"


class CancelPolicy(Section):
    """Cancel on disconnect (FIX-APP section 9)."""

    when: CancelWhen = CancelWhen.OFF
    """Which ending of the session cancels its orders."""
    grace_ms: Annotated[int, Field(ge=0)] = 10_000
    """Milliseconds in which a new Logon(A) stops it."""
    scope: CancelScope = CancelScope.SESSION_ORDERS
    """Whose orders are cancelled."""
    exclude_gt: bool = True
    """Leave GTC and GTD orders alone."""
    client_may_choose: bool = True
    """A Logon(A) may set CancelOnDisconnectType(5741) and CodGraceMs(5742)."""


class SessionLimits(Section):
    """Bounds on what the client can make us hold or do."""

    max_message_bytes: Annotated[int, Field(ge=1024, le=16_777_216)] = 65_536
    """Longest message taken."""
    max_unsent_messages: Annotated[int, Field(ge=100)] = 100_000
    """Messages that may wait for a client that does not read; beyond, it is cut off."""
    max_stalled_seconds: Seconds = 30.0
    """How long a client may leave its socket full."""
    messages_per_second: Annotated[float, Field(ge=0)] = 0.0
    """Messages a second on average, 0 = no limit; beyond, we read slower."""
    messages_burst: Annotated[int, Field(ge=1)] = 1_000
    """Messages that may come at once."""


class DropCopy(Section):
    """What a `kind: drop_copy` session is shown; empty lists mean everything."""

    accounts: tuple[str, ...] = ()
    """Only reports of these accounts."""
    sessions: tuple[str, ...] = ()
    """Only reports of orders these sessions entered."""


class SessionSettings(Section):
    """One FIX session that clients log on to."""

    comp_id: CompId
    """The client's CompID: its SenderCompID(49), our TargetCompID(56)."""
    name: Name | None = None
    """What journal, metrics and commands call the session; absent means `comp_id`."""
    our_comp_id: CompId | None = None
    """Our CompID in this session; absent means the listener's."""
    qualifier: str = ""
    """Tells apart sessions of equal CompIDs; never on the wire."""
    kind: Kind = Kind.ORDER_ENTRY
    """What the session may do."""
    enabled: bool = True
    """False refuses its Logon(A)."""
    accounts: tuple[str, ...] = ()
    """Accounts it may trade; absent means the only account there is. With one, Account(1) may be left out."""
    strategies: tuple[str, ...] = ()
    """SenderSubID(50) values it may use, empty = any."""
    drop_copy: DropCopy = DropCopy()
    """Filter of a drop copy session."""

    # who may come
    authentication: Authentication | None = None
    """Username and password, or a signed Logon(A); absent is only allowed on loopback or with `tls_names`."""
    addresses: tuple[str, ...] = ()
    """Networks in CIDR form the client may come from, empty = any."""
    tls_names: tuple[str, ...] = ()
    """Names of which the client's certificate must bear one, empty = any."""
    test_message: bool | None = None
    """TestMessageIndicator(464) a Logon(A) must carry: true = Y, false = N or absent, absent = any."""

    # liveness, hours, numbers
    min_heartbeat: Annotated[int, Field(ge=1)] = 1
    """Smallest HeartBtInt(108) taken, seconds."""
    max_heartbeat: Annotated[int, Field(ge=1)] = 3_600
    """Largest HeartBtInt(108) taken, seconds."""
    allow_no_heartbeat: bool = True
    """HeartBtInt(108)=0, no heartbeats, is taken."""
    logout_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Wait for the answer to our Logout(5)."""
    hours: Hours = Hours()
    """When it is open and its numbers begin again."""
    accept_reset: bool = True
    """ResetSeqNumFlag(141)=Y in a Logon(A) is honoured."""
    reset_on_logout: bool = False
    """Numbers begin again after a Logout(5)."""
    reset_on_disconnect: bool = False
    """Numbers begin again with every connection."""
    next_expected: bool = False
    """Send NextExpectedMsgSeqNum(789); a client's is always understood."""
    last_processed: bool = False
    """Send LastMsgSeqNumProcessed(369)."""
    resend_chunk: Annotated[int, Field(ge=0)] = 0
    """Most messages asked for by one ResendRequest(2), 0 = the whole gap."""

    # rules of the wire
    unknown_tags: UnknownTags = UnknownTags.IGNORE
    """Fields FIX 4.4 does not define in a message: ignore and journal, or Reject(3)."""
    user_tags: UnknownTags = UnknownTags.IGNORE
    """The same for user-defined tags of 5000 and up."""
    dictionary: Path | None = None
    """A dictionary in the QuickFIX XML form instead of FIX 4.4's."""
    max_latency_seconds: Seconds = 120.0
    """How far SendingTime(52) may be from our clock, 0 = not checked."""
    require_orig_sending_time: bool = True
    """Refuse PossDupFlag(43)=Y without OrigSendingTime(122)."""
    sending_time_fault: SendingTimeFault = SendingTimeFault.LOGOUT
    """What follows the Reject(3) of a wrong SendingTime(52)."""
    too_low: SequenceTooLow = SequenceTooLow.LOGOUT
    """How a too low MsgSeqNum(34) ends the session."""
    hub: bool = False
    """OnBehalfOfCompID(115) and DeliverToCompID(128) are taken."""
    timestamp_digits: Annotated[int, Field(ge=0, le=9)] = 3
    """Fraction digits of the times we send: 0, 3, 6 or 9."""

    # rules of the orders
    custom_tags: bool | None = None
    """Send the tags 5700 to 5799; absent means on for paper, off for live."""
    extended_enums: bool = False
    """Send reason and status values of later FIX versions."""
    ack_pending_new: bool = False
    """Acknowledge with PendingNew (150=A) before the broker's word."""
    lenient_cancel: bool = True
    """OrderCancelRequest(F) may name any ClOrdID of a live chain."""
    replace_inherits_tif: bool = False
    """OrderCancelReplaceRequest(G) without TimeInForce(59) keeps the order's, instead of day."""
    cancel_on_disconnect: CancelPolicy = CancelPolicy()
    limits: SessionLimits = SessionLimits()

    @model_validator(mode="before")
    @classmethod
    def _name_is_comp_id(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("name") is None and isinstance(data.get("comp_id"), str):
            return {**data, "name": data["comp_id"]}
        return data

    @property
    def session_id(self) -> str:
        """The name everything calls the session by."""
        return self.name or self.comp_id

    def config(self, our_comp_id: str) -> SessionConfig:
        """The session layer's form. `our_comp_id` is the listener's; secrets must be resolved."""
        cod, limits = self.cancel_on_disconnect, self.limits
        return SessionConfig(
            name=self.session_id,
            id=SessionId(self.our_comp_id or our_comp_id, self.comp_id, self.qualifier),
            kind=self.kind,
            enabled=self.enabled,
            min_heartbeat=self.min_heartbeat,
            max_heartbeat=self.max_heartbeat,
            allow_no_heartbeat=self.allow_no_heartbeat,
            logout_timeout_seconds=self.logout_timeout_seconds,
            schedule=self.hours.schedule(),
            accept_reset=self.accept_reset,
            reset_on_logout=self.reset_on_logout,
            reset_on_disconnect=self.reset_on_disconnect,
            next_expected=self.next_expected,
            last_processed=self.last_processed,
            resend_chunk=self.resend_chunk,
            validation=Validation(
                unknown_tags=self.unknown_tags.value,
                misplaced_tags=self.unknown_tags.value,
                user_defined_tags=self.user_tags.value,
            ),
            dictionary=str(self.dictionary or ""),
            max_latency_seconds=self.max_latency_seconds,
            require_orig_sending_time=self.require_orig_sending_time,
            sending_time_fault=self.sending_time_fault,
            too_low=self.too_low,
            third_party_routing=self.hub,
            test_message=self.test_message,
            timestamp_digits=self.timestamp_digits,
            credential=self.authentication.credential() if self.authentication else None,
            allowed_addresses=self.addresses,
            tls_peer_names=self.tls_names,
            cancel_on_disconnect=CancelOnDisconnect(
                on=CancelOnDisconnectType[cod.when.name],
                grace_ms=cod.grace_ms,
                scope=cod.scope,
                exclude_gt=cod.exclude_gt,
                peer_may_choose=cod.client_may_choose,
            ),
            limits=Limits(
                max_message_bytes=limits.max_message_bytes,
                max_unsent_messages=limits.max_unsent_messages,
                max_stalled_seconds=limits.max_stalled_seconds,
                messages_per_second=limits.messages_per_second,
                messages_burst=limits.messages_burst,
            ),
        )
