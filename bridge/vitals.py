"""What the engine counts about itself: plain numbers and bucket lists, cheap enough for the order path.

The engine never calls prometheus_client (0.8 µs an observation); it adds to lists here (about 0.15 µs) and hands
`snapshot()` down the control socket once a second. `bridge.outputs.metrics` turns snapshots into families. All counts
only grow from the start of the process, so a lost snapshot loses nothing. Times are nanoseconds of the monotonic
clock, taken by the caller: this module reads no clock.

Who counts what, so that nothing is counted twice: stage times below come from here, except `recv_to_first_fill` and
`cancel_to_done`, which the journal's own times tell (they may span a restart), and `commit_to_published`, which only
the outputs process can see. Orders, fills, refusals, halts and cost are counted from the entry stream and not here.
"""

from bisect import bisect_left
from collections.abc import Callable
from decimal import Decimal
from typing import Any

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000

SECONDS_NS: tuple[int, ...] = (
    50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000,
    1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000, 30_000_000_000,
)  # fmt: skip
"""Upper bounds of time buckets in ns: 50 µs to 30 s (RISK-TCA section 6)."""

BATCH_ENTRIES: tuple[int, ...] = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Upper bounds of the journal's batch sizes, in entries."""

STAGES: tuple[str, ...] = ("decode", "risk", "journal", "route", "recv_to_wire", "wire_to_ack", "exec_to_report")
"""Stages the engine measures itself. decode: bytes to a valid message. risk: the whole chain. journal: append. route:
the adapter's call. recv_to_wire: bytes read until the order is handed to the broker's socket or its refusal to the
client's. wire_to_ack: from there to the broker's word. exec_to_report: the broker's execution read until its
report is written."""


class Histogram:
    """Counts per bucket, their sum, and the last `seq` seen in each bucket as exemplar.

    `bounds` are inclusive upper bounds in ascending order; one more bucket holds what is above the last. `observe`
    takes the unit of the bounds, nanoseconds for times.
    """

    __slots__ = ("_seqs", "_values", "bounds", "counts", "total")

    def __init__(self, bounds: tuple[int, ...] = SECONDS_NS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0
        self._seqs = [0] * (len(bounds) + 1)  # of the exemplars, 0 for none
        self._values = [0] * (len(bounds) + 1)

    def observe(self, value: int, seq: int = 0) -> None:
        """Count one value; `seq` is the entry it belongs to, 0 for none."""
        place = bisect_left(self.bounds, value)
        self.counts[place] += 1
        self.total += value
        if seq:
            self._seqs[place] = seq
            self._values[place] = value

    @property
    def exemplars(self) -> dict[int, tuple[int, int]]:
        """(`seq`, value) last seen in each bucket, by its place; buckets that have seen none are left out."""
        return {place: (seq, self._values[place]) for place, seq in enumerate(self._seqs) if seq}

    @property
    def count(self) -> int:
        """Number of observations."""
        return sum(self.counts)

    def quantile(self, share: float) -> int:
        """Upper bound of the bucket that holds this share of all values; the last bound for what is above it, 0 if
        empty."""
        left = share * self.count
        if not left:
            return 0
        for place, count in enumerate(self.counts):
            left -= count
            if left <= 0:
                return self.bounds[min(place, len(self.bounds) - 1)]
        return self.bounds[-1]

    def snapshot(self) -> dict[str, Any]:
        """`{"counts": [...], "sum": n, "exemplars": {place: [seq, value]}}`; the bounds are known to the reader."""
        exemplars = {str(place): list(pair) for place, pair in self.exemplars.items()}
        return {"counts": list(self.counts), "sum": self.total, "exemplars": exemplars}


class SessionVitals:
    """One FIX session. `next_in` and `next_out` are the next MsgSeqNum(34) each way; `queue` is in messages.

    `messages_in`, `messages_out` count by MsgType(35); `rejects` counts Reject(3) and BusinessMessageReject(j) by
    reason.
    """

    __slots__ = (
        "disconnects", "in_hours", "last_received_ns", "last_reject", "logon_ns", "messages_in", "messages_out",
        "next_in", "next_out", "peer", "queue", "rejects", "resends_in", "resends_out", "up",
    )  # fmt: skip

    def __init__(self) -> None:
        self.up = False
        self.in_hours = True
        self.next_in = 1
        self.next_out = 1
        self.queue = 0
        self.peer = ""
        self.logon_ns = 0  # UTC ns of the last Logon(A), 0 for never
        self.last_received_ns = 0  # UTC ns of the last message in
        self.last_reject = ""
        self.disconnects = 0
        self.messages_in: dict[str, int] = {}
        self.messages_out: dict[str, int] = {}
        self.rejects: dict[str, int] = {}
        self.resends_in = 0
        self.resends_out = 0

    def received(self, msg_type: str) -> None:
        """Count a message in."""
        self.messages_in[msg_type] = self.messages_in.get(msg_type, 0) + 1

    def sent(self, msg_type: str) -> None:
        """Count a message out."""
        self.messages_out[msg_type] = self.messages_out.get(msg_type, 0) + 1

    def rejected(self, reason: str, text: str = "") -> None:
        """Count a session or business reject that we sent."""
        self.rejects[reason] = self.rejects.get(reason, 0) + 1
        self.last_reject = text

    def snapshot(self) -> dict[str, Any]:
        """All fields by name."""
        return {name: _copied(getattr(self, name)) for name in self.__slots__}


class BrokerVitals:
    """One broker connection. `unready` says why opening orders are refused, empty when ready; ages are in seconds.

    `snapshot_age` is the age of the last complete statement (orders, positions, account) per account; `breaks` counts
    the open differences by kind; `budget_ratio` is the used share (0-1) of the broker's published rate limit.
    """

    __slots__ = (
        "breaks",
        "budget_ratio",
        "in_hours",
        "mode",
        "oldest_unknown",
        "reconnects",
        "snapshot_age",
        "unready",
    )

    def __init__(self) -> None:
        self.mode = "paper"
        self.unready = "not started"
        self.in_hours = True
        self.oldest_unknown = 0.0
        self.budget_ratio = 0.0
        self.reconnects = 0
        self.snapshot_age: dict[str, float] = {}
        self.breaks: dict[str, int] = {}

    def snapshot(self) -> dict[str, Any]:
        """All fields by name."""
        return {name: _copied(getattr(self, name)) for name in self.__slots__}


class AccountVitals:
    """One account in its currency, as risk sees it; None is unknown. `day_pnl` is equity less start-of-day equity.

    `last_seq`, `fills_today` and `traded_today` let an MQTT subscriber check that it missed nothing. `positions` maps
    a symbol to `{"qty", "avg_px", "mark", "unrealised", "realised"}`, Decimals as text.
    """

    __slots__ = ("buying_power", "cash", "currency", "day_pnl", "equity", "positions", "usd_rate")

    def __init__(self, currency: str = "USD") -> None:
        self.currency = currency
        self.usd_rate: Decimal | None = Decimal(1)  # one unit of `currency` in the reporting currency
        self.equity: Decimal | None = None
        self.cash: Decimal | None = None
        self.buying_power: Decimal | None = None
        self.day_pnl: Decimal | None = None
        self.positions: dict[str, dict[str, str]] = {}

    def snapshot(self) -> dict[str, Any]:
        """All fields by name, Decimals as plain text."""
        return {name: _copied(getattr(self, name)) for name in self.__slots__}


class RuleVitals:
    """One risk rule: how often it passed, refused, warned or was skipped, and what it took."""

    __slots__ = ("decisions", "duration")

    def __init__(self) -> None:
        self.decisions: dict[str, int] = {}
        self.duration = Histogram()

    def decided(self, outcome: str, ns: int) -> None:
        """Count one decision: pass, refuse, warn or skip."""
        self.decisions[outcome] = self.decisions.get(outcome, 0) + 1
        self.duration.observe(ns)


class Utilisation:
    """Use of one limit by one account: `used` and `limit` in the rule's own unit, `ratio` 0-1 and above when over."""

    __slots__ = ("limit", "ratio", "used")

    def __init__(self, used: Decimal, limit: Decimal, ratio: float) -> None:
        self.used = used
        self.limit = limit
        self.ratio = ratio


class Vitals:
    """Everything the engine counts. One instance per process, filled from the loop only; no locks, no clock, no I/O.

    Hold on to what `stage`, `session`, `broker` and `rule` return: they make the object on first use and give it again.
    """

    def __init__(self) -> None:
        self.stages: dict[tuple[str, str], Histogram] = {}
        self.sessions: dict[str, SessionVitals] = {}
        self.brokers: dict[str, BrokerVitals] = {}
        self.accounts: dict[str, AccountVitals] = {}
        self.rules: dict[str, RuleVitals] = {}
        self.utilisation: dict[tuple[str, str], Utilisation] = {}  # (account, rule)
        self.fx: dict[str, Decimal] = {"USD": Decimal(1)}  # one unit of a currency in the reporting currency
        self.loop_lag = Histogram()
        self.gc_pause = Histogram()
        self.journal_flush = Histogram()
        self.journal_batch = Histogram(BATCH_ENTRIES)
        self.journal_seq = 0
        self.journal_durable = 0
        self.journal_bytes: int | None = None  # None until measured
        self.journal_free_bytes: int | None = None
        self.kill_incomplete = 0
        self.duplicates_suppressed: dict[str, int] = {}  # broker → fills told again and held back
        self.overfills: dict[str, int] = {}  # broker → fills beyond OrderQty(38)
        self.sinks: dict[str, tuple[int, float]] = {}  # engine-side sink → (entries, seconds) behind
        self.draining = False
        self.gauges: Callable[[Vitals], None] | None = None  # brings gauges up to date before a snapshot

    def stage(self, name: str, broker: str = "") -> Histogram:
        """The histogram of one stage, in ns; `broker` is empty where no broker is involved."""
        return self.stages.setdefault((name, broker), Histogram())

    def session(self, session_id: str) -> SessionVitals:
        """The counters of one FIX session."""
        return self.sessions.setdefault(session_id, SessionVitals())

    def broker(self, name: str) -> BrokerVitals:
        """The gauges of one broker connection."""
        return self.brokers.setdefault(name, BrokerVitals())

    def account(self, account: str, currency: str = "USD") -> AccountVitals:
        """The gauges of one account."""
        return self.accounts.setdefault(account, AccountVitals(currency))

    def rule(self, rule: str) -> RuleVitals:
        """The counters of one risk rule."""
        return self.rules.setdefault(rule, RuleVitals())

    def use(self, account: str, rule: str, used: Decimal, limit: Decimal) -> None:
        """Set the utilisation of one limit. A limit of zero is used up by anything."""
        ratio = float(used / limit) if limit else (0.0 if not used else 1.0)
        self.utilisation[account, rule] = Utilisation(used, limit, ratio)

    def snapshot(self, utc_ns: int) -> dict[str, Any]:
        """Everything as plain dicts, lists, numbers and text, fit for msgpack and JSON; `utc_ns` stamps it."""
        if self.gauges is not None:
            self.gauges(self)
        return {
            "time_ns": utc_ns,
            "stages": [[name, broker, stage.snapshot()] for (name, broker), stage in self.stages.items()],
            "loop_lag": self.loop_lag.snapshot(),
            "gc_pause": self.gc_pause.snapshot(),
            "journal": {
                "seq": self.journal_seq,
                "durable": self.journal_durable,
                "bytes": self.journal_bytes,
                "free_bytes": self.journal_free_bytes,
                "flush": self.journal_flush.snapshot(),
                "batch": self.journal_batch.snapshot(),
            },
            "sessions": {name: session.snapshot() for name, session in self.sessions.items()},
            "brokers": {name: broker.snapshot() for name, broker in self.brokers.items()},
            "accounts": {name: account.snapshot() for name, account in self.accounts.items()},
            "rules": {
                name: {"decisions": dict(rule.decisions), "duration": rule.duration.snapshot()}
                for name, rule in self.rules.items()
            },
            "utilisation": [
                [account, rule, f"{use.used:f}", f"{use.limit:f}", use.ratio]
                for (account, rule), use in self.utilisation.items()
            ],
            "fx": {currency: f"{rate:f}" for currency, rate in self.fx.items()},
            "kill_incomplete": self.kill_incomplete,
            "duplicates_suppressed": dict(self.duplicates_suppressed),
            "overfills": dict(self.overfills),
            "sinks": {name: list(behind) for name, behind in self.sinks.items()},
            "draining": self.draining,
        }


def _copied(value: Any) -> Any:
    """A copy that later counting leaves alone; Decimals become plain text."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return value
