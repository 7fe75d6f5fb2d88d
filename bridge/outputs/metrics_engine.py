"""What the engine counts about itself, as Prometheus families: taken over whole from its vitals once a second."""

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from bridge.outputs.metrics_families import Families
from bridge.vitals import BATCH_ENTRIES

NS = 1_000_000_000


class EngineMetrics:
    """Stages, sessions, brokers, risk, accounts, journal, loop. `fx` are the newest rates into USD.

    `stages` also takes what others time: a stage belongs to one of them.
    """

    def __init__(self, made: Families) -> None:
        self.fx: dict[str, float] = {"USD": 1.0}
        counter, gauge, histogram = made.counter, made.gauge, made.histogram
        self.stages = histogram("stage_duration_seconds", "Time in each stage of the order path.", "stage", "broker")
        self._vitals_time = gauge("vitals_timestamp_seconds", "When the engine last told its vitals, Unix time.")
        self._session_up = gauge("fix_session_up", "1 while the FIX session is logged on.", "session")
        self._session_hours = gauge(
            "fix_session_scheduled", "1 in the hours in which the FIX session should be on.", "session"
        )
        self._seqnum = gauge("fix_session_seqnum", "Next MsgSeqNum(34).", "session", "direction")
        self._messages = counter("fix_messages", "FIX messages.", "session", "direction", "msg_type")
        self._resends = counter("fix_resend_requests", "ResendRequests(2).", "session", "direction")
        self._fix_rejects = counter("fix_rejects", "Rejects(3) and BusinessMessageRejects(j).", "session", "reason")
        self._queue = gauge("fix_outbound_queue_messages", "Messages waiting for a slow FIX client.", "session")
        self._decisions = counter("risk_decisions", "Decisions of each risk rule.", "rule", "outcome")
        self._checks = histogram("risk_check_duration_seconds", "Time in each risk rule.", "rule")
        self._utilisation = gauge("risk_utilisation_ratio", "Used share of a limit.", "account", "rule")
        self._kill_incomplete = gauge("kill_incomplete", "Orders that a kill has not proven to be gone.")
        self._equity = gauge("account_equity_usd", "Equity.", "account")
        self._pnl = gauge("account_day_pnl_usd", "Equity less equity at the start of the day.", "account")
        self._power = gauge("account_buying_power_usd", "Buying power.", "account")
        self._adapter_up = gauge("adapter_up", "1 while the broker connection takes opening orders.", "broker")
        self._trading_hours = gauge(
            "adapter_scheduled", "1 in the hours in which the broker should be connected.", "broker"
        )
        self._snapshot_age = gauge(
            "adapter_snapshot_age_seconds", "Age of the broker's last whole statement.", "broker", "account"
        )
        self._breaks = gauge(
            "reconciliation_breaks", "Differences between our book and the broker's.", "broker", "kind"
        )
        self._broker_budget = gauge("broker_budget_ratio", "Used share of the broker's rate limit.", "broker")
        self._journal_seq = gauge("journal_seq", "Number of the last entry.")
        self._journal_bytes = gauge("journal_bytes", "Size of the journal.")
        self._journal_free = gauge("journal_free_bytes", "Space left where the journal is.")
        self._journal_lag = gauge("journal_lag_entries", "Entries written and not yet flushed.")
        self._flush = histogram("journal_flush_seconds", "Time of a flush to disk.")
        self._batch = histogram("journal_batch_entries", "Entries in a flush.", bounds=BATCH_ENTRIES, scale=1.0)
        self._lag = histogram("event_loop_lag_seconds", "How late the engine's event loop runs.")
        self._gc = histogram("gc_pause_seconds", "Pauses of the engine's garbage collector.")
        self._duplicates = counter(
            "duplicate_fills_suppressed", "Executions a broker told again and that were not booked again.", "broker"
        )

    def take(self, vitals: Mapping[str, Any]) -> None:
        """Take over the engine's newest counts and gauges."""
        self.fx = {currency: float(rate) for currency, rate in vitals["fx"].items()}
        self._vitals_time.set(to=vitals["time_ns"] / NS)
        self.stages.replace(((name, broker), snapshot) for name, broker, snapshot in vitals["stages"])
        self._lag.replace([((), vitals["loop_lag"])])
        self._gc.replace([((), vitals["gc_pause"])])
        journal = vitals["journal"]
        self._journal_seq.set(to=journal["seq"])
        for gauge, size in ((self._journal_bytes, journal["bytes"]), (self._journal_free, journal["free_bytes"])):
            if size is not None:
                gauge.set(to=size)
        self._journal_lag.set(to=max(journal["seq"] - journal["durable"], 0))
        self._flush.replace([((), journal["flush"])])
        self._batch.replace([((), journal["batch"])])
        self._kill_incomplete.set(to=vitals["kill_incomplete"])
        self._duplicates.replace(((name,), count) for name, count in vitals["duplicates_suppressed"].items())
        self._take_sessions(vitals["sessions"])
        self._take_brokers(vitals["brokers"])
        self._take_risk(vitals)

    def _take_sessions(self, sessions: Mapping[str, Mapping[str, Any]]) -> None:
        self._session_up.replace(((name,), float(one["up"])) for name, one in sessions.items())
        self._session_hours.replace(((name,), float(one["in_hours"])) for name, one in sessions.items())
        self._queue.replace(((name,), one["queue"]) for name, one in sessions.items())
        self._seqnum.replace(
            ((name, direction), one[f"next_{direction}"])
            for name, one in sessions.items()
            for direction in ("in", "out")
        )
        self._messages.replace(
            ((name, direction, kind), count)
            for name, one in sessions.items()
            for direction in ("in", "out")
            for kind, count in one[f"messages_{direction}"].items()
        )
        self._resends.replace(
            ((name, direction), one[f"resends_{direction}"])
            for name, one in sessions.items()
            for direction in ("in", "out")
        )
        self._fix_rejects.replace(
            ((name, reason), count) for name, one in sessions.items() for reason, count in one["rejects"].items()
        )

    def _take_brokers(self, brokers: Mapping[str, Mapping[str, Any]]) -> None:
        self._adapter_up.replace(((name,), float(not one["unready"])) for name, one in brokers.items())
        self._trading_hours.replace(((name,), float(one["in_hours"])) for name, one in brokers.items())
        self._broker_budget.replace(((name,), one["budget_ratio"]) for name, one in brokers.items())
        self._snapshot_age.replace(
            ((name, account), age) for name, one in brokers.items() for account, age in one["snapshot_age"].items()
        )
        self._breaks.replace(
            ((name, kind), count) for name, one in brokers.items() for kind, count in one["breaks"].items()
        )

    def _take_risk(self, vitals: Mapping[str, Any]) -> None:
        rules: Mapping[str, Mapping[str, Any]] = vitals["rules"]
        self._decisions.replace(
            ((rule, outcome), count) for rule, one in rules.items() for outcome, count in one["decisions"].items()
        )
        self._checks.replace(((rule,), one["duration"]) for rule, one in rules.items())
        self._utilisation.replace(((account, rule), ratio) for account, rule, _, _, ratio in vitals["utilisation"])
        accounts: Mapping[str, Mapping[str, Any]] = vitals["accounts"]
        for gauge, field in ((self._equity, "equity"), (self._pnl, "day_pnl"), (self._power, "buying_power")):
            gauge.replace(
                ((account,), float(one[field]) * self.fx[one["currency"]])
                for account, one in accounts.items()
                if one[field] is not None and one["currency"] in self.fx
            )


class Processes(Collector):
    """`process_*` of several processes, told apart by a label."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._collectors = {
            name: ProcessCollector(pid=lambda pid=pid: pid, registry=None)  # type: ignore[misc]
            for name, pid in pids.items()
        }

    def collect(self) -> Iterable[Metric]:
        """The metrics of each process that still runs."""
        merged: dict[str, Metric] = {}
        for name, collector in self._collectors.items():
            for metric in collector.collect():
                whole = merged.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    whole.add_sample(sample.name, {**sample.labels, "process": name}, sample.value)
        return merged.values()
