"""What a FIX session needs from outside: time, a memory of what it sent, and somebody to hand messages to."""

from collections.abc import Callable, Iterator
from typing import Protocol

from fixspec.messages import Header, Message, Reject, Unserved


class Clock(Protocol):
    """The only source of time below the engine; tests move it by hand."""

    def utc_ns(self) -> int:
        """Wall clock, nanoseconds since 1970 UTC: SendingTime(52), schedules."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump: heartbeats, timeouts, grace periods."""
        ...


class Store(Protocol):
    """Sent messages by MsgSeqNum(34) and the two next numbers of one session.

    Every change must survive a kill of the process once the call has returned. A store may be older than the
    journal, never newer (DURABILITY.md section 1 rule 4). A failed write raises `StoreFailed` and is final.
    """

    next_sender: int
    """The next outbound MsgSeqNum(34). Setting it also covers messages that are not kept (heartbeats)."""

    next_target: int
    """The next inbound MsgSeqNum(34) to *handle*: moves only after the application returned."""

    @property
    def last_origin(self) -> int:
        """Journal seq of the newest message saved with an origin, 0 if none: the FIX output's cursor.

        It outlives `reset`: numbers begin again, the journal does not.
        """
        ...

    @property
    def created_ns(self) -> int:
        """When these numbers began (creation or last reset), UTC nanoseconds, 0 if unknown."""
        ...

    def save(self, seq_num: int, data: bytes, origin: int) -> None:
        """Keep a message that may be resent and set `next_sender` to `seq_num + 1`.

        Numbers come in rising order; saving below `next_sender` is a bug and raises ValueError.
        """
        ...

    def get(self, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Yield kept messages with begin <= MsgSeqNum(34) <= end in order; numbers without one are skipped."""
        ...

    def reset(self, at_ns: int = 0) -> None:
        """Forget all messages and set both numbers to 1, as one step; `at_ns` becomes `created_ns`."""
        ...

    def close(self) -> None:
        """Flush and let go of the files; the store must not be used afterwards."""
        ...


class Application(Protocol):
    """Receives what the sessions hear. Called synchronously in the loop's turn; must return at once, never await.

    `session_id` is `SessionConfig.name`. Returning from a call confirms it: only then does the store's
    `next_target` move past the message. An exception from any of these is taken for a bug: the connection ends
    and the message stays unconfirmed, so that the peer is asked for it again.
    """

    def on_logon(self, session_id: str) -> None:
        """The session is established; its Logon(A) answer leaves in this turn, before anything sent from here."""
        ...

    def on_message(self, session_id: str, header: Header, message: Message | Unserved) -> None:
        """An application message in sequence. `header.poss_dup_flag`, `header.poss_resend`: look before acting."""
        ...

    def on_reject(self, session_id: str, header: Header, reject: Reject) -> None:
        """The peer refused a message of ours at session level, Reject(3). It is never answered."""
        ...

    def on_logout(self, session_id: str, reason: str, clean: bool) -> None:
        """An established session ended. `clean`: by a complete exchange of Logout(5)."""
        ...

    def on_reset(self, session_id: str, reason: str) -> None:
        """Both numbers are 1 again; called before any message of the new numbering leaves or arrives."""
        ...

    def on_cancel_on_disconnect(self, session_id: str, reason: str) -> None:
        """The grace period passed without a new Logon: cancel what `CancelOnDisconnect.scope` says (FIX-APP 9)."""
        ...


ResendPolicy = Callable[[str, str, int], bool]
"""(session_id, MsgType(35), age in nanoseconds) -> may this stored message be sent again?

What may not is gap-filled. Stale orders and cancels must not be replayed; reports always may.
"""


class WireLog(Protocol):
    """Takes every line in and out, for people. It masks secrets itself and never raises into the session."""

    def write(self, session_id: str, direction: str, data: bytes, at_ns: int) -> None:
        """`direction` is "in", "out" or "note" (then `data` is text); `data` holds whole messages or pieces."""
        ...

    def flush(self) -> None:
        """Write out what was gathered; called about once a second."""
        ...


class StoreFailed(Exception):
    """The store could not keep its promise (disk full, write error, damaged record); the session must stop."""


class NotLoggedOn(Exception):
    """The call needs an established session."""
