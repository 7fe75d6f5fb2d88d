"""What the daemon is now, as numbers: brings the gauges of `Vitals` up to date, once a second before they are told."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.desk import Desk
from bridge.interfaces import BrokerAdapter, Clock
from bridge.journal.file import FileJournal
from bridge.orders.order import ZERO
from bridge.outputs.answers import mark_of
from bridge.reconciler import Reconciler
from bridge.risk.chain import RiskChain
from bridge.risk.usage import usage
from bridge.vitals import AccountVitals, Vitals

if TYPE_CHECKING:
    from sessions.acceptor import Acceptor


class Gauges:
    """See the module. Reads everything, changes nothing but the vitals."""

    def __init__(
        self,
        *,
        desk: Desk,
        journal: FileJournal,
        acceptor: "Acceptor",
        adapters: Mapping[str, BrokerAdapter],
        reconciler: Reconciler,
        chain: RiskChain,
        clock: Clock,
        directory: Path,
    ) -> None:
        self._desk = desk
        self._journal = journal
        self._acceptor = acceptor
        self._adapters = adapters
        self._reconciler = reconciler
        self._chain = chain
        self._clock = clock
        self._directory = directory

    def __call__(self, vitals: Vitals) -> None:
        """Bring all gauges up to date."""
        vitals.journal_seq = self._journal.next_seq - 1
        vitals.journal_durable = self._journal.durable
        vitals.journal_bytes = self._journal.size
        vitals.journal_free_bytes = shutil.disk_usage(self._directory).free
        self._sessions(vitals)
        for name, adapter in self._adapters.items():
            self._broker(vitals, name, adapter)
        for account, terms in self._desk.accounts.items():
            gauge = vitals.account(account, terms.currency)
            self._account(gauge, account)
            gauge.usd_rate = self._desk.fx_rate("USD", account) if terms.currency != "USD" else gauge.usd_rate
        self._rules(vitals)

    def _sessions(self, vitals: Vitals) -> None:
        for status in self._acceptor.status():
            gauge = vitals.session(status.session_id)
            gauge.up = status.state == "logged_on"
            gauge.in_hours = status.in_hours
            gauge.next_in, gauge.next_out = status.next_target, status.next_sender
            gauge.queue = status.unsent
            gauge.peer = status.peer
            gauge.logon_ns = status.logged_on_since_ns
            gauge.last_received_ns = status.last_received_ns
            traffic = self._acceptor.endpoints[status.session_id].traffic()
            gauge.messages_in, gauge.messages_out = dict(traffic.received), dict(traffic.sent)
            gauge.resends_in = traffic.received.get("2", 0)
            gauge.resends_out = traffic.sent.get("2", 0)

    def _broker(self, vitals: Vitals, name: str, adapter: BrokerAdapter) -> None:
        gauge = vitals.broker(name)
        gauge.mode = adapter.mode.value
        gauge.unready = adapter.unready or ""
        # what only adapters with a connection and a published limit can tell
        gauge.budget_ratio = getattr(adapter, "budget_ratio", 0.0)
        gauge.reconnects = getattr(adapter, "reconnects", 0)
        finished = self._reconciler.finished.get(name)
        accounts: Iterable[str] = [each.account for each in self._desk.accounts.values() if each.broker == name]
        age = self._clock.monotonic() - finished if finished is not None else 0.0
        gauge.snapshot_age = dict.fromkeys(accounts, age) if finished is not None else {}
        kinds: dict[str, int] = {}
        for each in self._reconciler.breaks.get(name, ()):
            kinds[each.kind] = kinds.get(each.kind, 0) + 1
        gauge.breaks = kinds
        now = self._desk.now
        unknown = [order for order in self._desk.blotter.unknown() if order.broker == name]
        gauge.oldest_unknown = max(((now - order.received).total_seconds() for order in unknown), default=0.0)

    def _account(self, gauge: AccountVitals, account: str) -> None:
        statement = self._desk.account(account)
        if statement is not None:
            gauge.equity, gauge.cash, gauge.buying_power = statement.equity, statement.cash, statement.buying_power
            opening = self._chain.portfolio.account(account).opening_equity
            gauge.day_pnl = statement.equity - opening - statement.net_transfers if opening is not None else None
        positions: dict[str, dict[str, str]] = {}
        for position in self._desk.positions(account):
            instrument = self._desk.instrument(position.symbol)
            multiplier = instrument.multiplier if instrument is not None else 1
            mark = mark_of(self._desk, position)
            unrealised = (mark - position.avg_px) * position.qty * multiplier if position.qty else ZERO
            positions[position.symbol] = {
                "qty": f"{position.qty:f}",
                "avg_px": f"{position.avg_px:f}",
                "mark": f"{mark:f}",
                "unrealised": f"{unrealised:.2f}",
                "realised": f"{position.realised:.2f}",
            }
        gauge.positions = positions

    def _rules(self, vitals: Vitals) -> None:
        """How rules decided, and how much of each limit is used."""
        for rule, count in self._chain.refused.items():
            vitals.rule(rule).decisions["refuse"] = count
        for rule, count in self._chain.warned.items():
            vitals.rule(rule).decisions["warn"] = count
        vitals.rule("all").decisions["pass"] = self._chain.passed
        for account in self._desk.accounts:
            for used in usage(self._chain, self._desk, account):
                if used.value is not None:
                    vitals.use(account, used.rule, used.value, used.limit)
