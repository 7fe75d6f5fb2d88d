"""The engine's figures as rows: what `status`, `sessions`, `brokers` and `top` show."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from bridge.cli.engine import answered, ask
from bridge.cli.remote import Remote
from bridge.control_commands import Status
from bridge.settings import Settings
from bridge.vitals import Histogram

Rows = list[dict[str, Any]]
BAR = 10
USED = ("account", "rule", "used", "limit", "ratio")


class Glance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The daemon at one moment. `limits` are those in use, `journal` is not told by a daemon elsewhere."""

    status: Status
    sessions: Rows
    brokers: Rows
    accounts: dict[str, dict[str, Any]]
    limits: Rows
    breaks: int
    journal: dict[str, Any] = {}


def look(found: Settings | Remote) -> Glance:
    """Ask a daemon here or elsewhere."""
    status = ask(found, "status", Status)
    if isinstance(found, Remote):
        with answered(found):
            brokers_there = list(found.items("brokers"))
            return Glance(
                status=status,
                sessions=sessions_of(found.items("sessions")),
                brokers=brokers_of(brokers_there),
                accounts={each["account"]: each for each in found.items("accounts")},
                limits=found.get("risk/states")["used"],
                breaks=sum(sum(each["breaks"].values()) for each in brokers_there),
            )
    vitals = ask(found, "vitals", dict[str, Any])
    return Glance(
        status=status,
        sessions=sessions(vitals),
        brokers=brokers(vitals),
        accounts=vitals["accounts"],
        limits=[dict(zip(USED, row, strict=True)) for row in vitals["utilisation"]],
        breaks=sum(sum(broker["breaks"].values()) for broker in vitals["brokers"].values()),
        journal={key: vitals["journal"][key] for key in ("seq", "durable", "bytes", "free_bytes")},
    )


def sessions_at(found: Settings | Remote) -> Rows:
    """The FIX sessions of a daemon here or elsewhere."""
    if isinstance(found, Remote):
        with answered(found):
            return sessions_of(found.items("sessions"))
    return sessions(ask(found, "vitals", dict[str, Any]))


def brokers_at(found: Settings | Remote) -> Rows:
    """The broker connections of a daemon here or elsewhere."""
    if isinstance(found, Remote):
        with answered(found):
            return brokers_of(found.items("brokers"))
    return brokers(ask(found, "vitals", dict[str, Any]))


def sessions(vitals: dict[str, Any]) -> Rows:
    """A row per FIX session."""
    return [
        {
            "session": name,
            "state": "logged on" if told["up"] else "down" if told["in_hours"] else "closed",
            "in": told["next_in"],
            "out": told["next_out"],
            "queue": told["queue"],
            "last": _ago(told["last_received_ns"], vitals["time_ns"]),
            "logged_on": _stamp(told["logon_ns"]) if told["up"] else None,
            "peer": told["peer"] or None,
            "last_reject": told["last_reject"] or None,
        }
        for name, told in vitals["sessions"].items()
    ]


def sessions_of(items: Iterable[dict[str, Any]]) -> Rows:
    """The same out of what a daemon elsewhere tells of its sessions."""
    return [
        {
            "session": told["session_id"],
            "state": "logged on" if told["up"] else "down" if told["in_hours"] else "closed",
            "in": told["next_in"],
            "out": told["next_out"],
            "queue": told["queue"],
            "last": told.get("last_received"),
            "logged_on": told.get("logon_time") if told["up"] else None,
            "peer": told.get("peer"),
            "last_reject": told.get("last_reject"),
        }
        for told in items
    ]


def brokers_of(items: Iterable[dict[str, Any]]) -> Rows:
    """The same out of what a daemon elsewhere tells of its brokers; it does not tell how fast they answer."""
    return [
        {
            "broker": told["broker"],
            "mode": told["mode"],
            "state": told.get("unready") or "ready",
            "budget": f"{told['budget_ratio']:.0%}" if told["budget_ratio"] else None,
            "snapshot_age": f"{max(told['snapshot_age_s'].values()):.0f} s" if told["snapshot_age_s"] else None,
            "breaks": ", ".join(f"{kind} {count}" for kind, count in told["breaks"].items()) or None,
        }
        for told in items
    ]


def brokers(vitals: dict[str, Any]) -> Rows:
    """A row per broker connection."""
    acks = {broker: stage for stage_name, broker, stage in vitals["stages"] if stage_name == "wire_to_ack"}
    return [
        {
            "broker": name,
            "mode": told["mode"],
            "state": told["unready"] or "ready",
            "ack_p50": quantile(acks.get(name), 0.5),
            "ack_p99": quantile(acks.get(name), 0.99),
            "budget": f"{told['budget_ratio']:.0%}" if told["budget_ratio"] else None,
            "snapshot_age": f"{max(told['snapshot_age'].values()):.0f} s" if told["snapshot_age"] else None,
            "breaks": ", ".join(f"{kind} {count}" for kind, count in told["breaks"].items()) or None,
        }
        for name, told in vitals["brokers"].items()
    ]


def limits(vitals: dict[str, Any]) -> Rows:
    """A row per limit in use, the fullest first."""
    return [
        {
            "account": account,
            "rule": rule,
            "used": amount(used),
            "limit": amount(limit),
            "ratio": f"{ratio:.0%}",
            "bar": "█" * round(min(ratio, 1) * BAR),
        }
        for account, rule, used, limit, ratio in sorted(vitals["utilisation"], key=lambda row: -row[4])
    ]


def latencies(vitals: dict[str, Any]) -> Rows:
    """A row per stage that has been timed, by name: upper bounds of the buckets the quantiles are in."""
    rows = [
        {
            "stage": name.replace("_", " "),
            "broker": broker or None,
            "count": sum(stage["counts"]),
            "p50": quantile(stage, 0.5),
            "p99": quantile(stage, 0.99),
            "max": quantile(stage, 1.0),
        }
        for name, broker, stage in (*vitals["stages"], ("loop_lag", "", vitals["loop_lag"]))
        if any(stage["counts"])
    ]
    return sorted(rows, key=lambda row: (str(row["stage"]), str(row["broker"])))


def quantile(stage: dict[str, Any] | None, share: float) -> str | None:
    """A quantile of a stage in words: the bound of the bucket it is in."""
    if stage is None:
        return None
    histogram = Histogram()
    histogram.counts = stage["counts"]
    bound = histogram.quantile(share)
    return f"≤ {bound / 1e6:g} ms" if bound else None


def amount(text: str) -> str:
    """A number with its thousands parted."""
    return f"{Decimal(text):,.2f}".removesuffix(".00")


def _ago(then_ns: int, now_ns: int) -> str | None:
    return f"{max(0, now_ns - then_ns) / 1e9:.1f} s" if then_ns else None


def _stamp(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).strftime("%H:%M:%S")
