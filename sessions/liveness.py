"""Heartbeats: when to send one, when to ask, when to give up. FIX 4.4 volume 2, "Heartbeat", "Test Request".

Any valid inbound message is life, also one that waits behind a gap; anything we send stands for our heartbeat.
"""

from enum import Enum

from sessions.states import Unheard

ASK_AFTER = 1.2
"""A TestRequest(1) goes out after this many heartbeat intervals of silence: one interval and some transmission time."""
GIVE_UP_AFTER = 2.4
"""The connection is given up after this many intervals of silence."""
PROBE_SECONDS = 5.0
"""A peer that seems to have come back on another connection has so long to show that it is still on this one."""
NEVER = float("inf")


class Due(Enum):
    """What the clock asks of the session."""

    HEARTBEAT = "send a Heartbeat(0)"
    ASK = "send a TestRequest(1)"
    GIVE_UP = "the peer is gone"


class Liveness:
    """Deadlines of one connection, in monotonic seconds; `interval` is HeartBtInt(108), 0 = none."""

    __slots__ = ("heard", "interval", "probed", "sent", "unheard")

    def __init__(self, now: float) -> None:
        self.interval = 0
        self.heard = now
        self.sent = now
        self.probed = False
        """The outstanding TestRequest(1) must be answered within `PROBE_SECONDS`, whatever the interval."""
        self.unheard: Unheard | None = None

    def begin(self, interval: int, now: float) -> None:
        """The Logon(A) exchange fixed the interval."""
        self.interval = interval
        self.heard = self.sent = now
        self.unheard = None
        self.probed = False

    def hear(self, now: float) -> None:
        """A valid message arrived."""
        self.heard = now
        self.unheard = None
        self.probed = False

    def check(self, now: float) -> list[Due]:
        """What is due at `now`."""
        if self.unheard is not None and self.probed and now - self.unheard.since >= PROBE_SECONDS:
            return [Due.GIVE_UP]
        if not self.interval:
            return []
        silence = now - self.heard
        if silence >= GIVE_UP_AFTER * self.interval:
            return [Due.GIVE_UP]
        due = []
        if self.unheard is None and silence >= ASK_AFTER * self.interval:
            due.append(Due.ASK)
        if now - self.sent >= self.interval:
            due.append(Due.HEARTBEAT)
        return due

    def deadline(self) -> float:
        """The earliest moment at which `check` may have something."""
        probe = self.unheard.since + PROBE_SECONDS if self.unheard is not None and self.probed else NEVER
        if not self.interval:
            return probe
        silence = ASK_AFTER if self.unheard is None else GIVE_UP_AFTER
        return min(probe, self.heard + silence * self.interval, self.sent + self.interval)
