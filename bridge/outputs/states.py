"""What is: positions, accounts, limits, trading states, sessions, brokers and alerts as documents, newest wins.

Built from the folded journal and the engine's last vitals. MQTT publishes these documents, REST and WebSocket give
the same ones (OUTPUTS.md section 0). Quantities and prices are text; what is unknown is absent.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bridge.interfaces import Position
from bridge.orders.blotter import Blotter
from bridge.orders.events import DayOpened, Entry, OrderFilled, Scope, TradeBusted, TradeCorrected, TradingState
from bridge.orders.order import ZERO, Order
from bridge.outputs.files import load, save

STRICTNESS = {state: rank for rank, state in enumerate(TradingState)}
LATE_FILL_SHOWN = 3600.0  # seconds an alert about a late fill stays up

Document = dict[str, Any]


class DayTotals(msgspec.Struct, omit_defaults=True):
    """One account's trading day so far. `day` is the account's own when the engine opened it, else the UTC date."""

    day: date
    opened: bool = False
    fills: int = 0
    traded: Decimal = ZERO  # sum of quantity times price times multiplier, instruments' currencies as they are
    realised: dict[str, Decimal] = {}  # symbol → realised today


class Kept(msgspec.Struct):
    """What is stored between runs: the totals and up to which entry they are counted."""

    seq: int
    totals: dict[str, DayTotals]
    last_realised: dict[str, dict[str, Decimal]]
    late_fills: dict[str, float] = {}


def plain(value: Decimal) -> str:
    """A Decimal as digits, never with an exponent."""
    return f"{value:f}"


class States:
    """The documents. An EventSink of the tail for what only the entries tell, filled with vitals once a second.

    `blotter` gives the tail's blotter as it is after the entry under `on_entry`.
    """

    name = "states"

    def __init__(self, blotter: Callable[[], Blotter], path: Path | None = None) -> None:
        self._blotter = blotter
        self._path = path
        kept = load(path, Kept) if path is not None else None
        self.cursor = kept.seq if kept is not None else 0
        self.totals: dict[str, DayTotals] = kept.totals if kept is not None else {}
        self._last_realised: dict[str, dict[str, Decimal]] = kept.last_realised if kept is not None else {}
        self._late_fills: dict[str, float] = kept.late_fills if kept is not None else {}
        self._seq = self.cursor
        self.vitals: Document = {}
        self.raised: dict[tuple[str, str], Document] = {}  # alerts of the outputs themselves, by (account, code)

    # --- what changes them -------------------------------------------------------------------------------------------

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """Count fills, traded value and realised profit of the day."""
        self._seq = entry.seq
        event = entry.event
        if isinstance(event, DayOpened):
            totals = self.totals.get(event.account)
            if totals is None or not totals.opened or totals.day != event.day:
                self.totals[event.account] = DayTotals(event.day, opened=True)
        elif order is not None and isinstance(event, (OrderFilled, TradeCorrected, TradeBusted)):
            totals = self._today(order.account, entry.time)
            if isinstance(event, OrderFilled):
                totals.fills += 1
                totals.traded += event.last_qty * event.last_px * order.multiplier
                if event.late:
                    self._late_fills[order.account] = entry.time.timestamp()
            position = self._blotter().position(order.account, order.symbol)
            last = self._last_realised.setdefault(order.account, {})
            change = position.realised - last.get(order.symbol, ZERO)
            last[order.symbol] = position.realised
            if change:
                totals.realised[order.symbol] = totals.realised.get(order.symbol, ZERO) + change

    def _today(self, account: str, now: datetime) -> DayTotals:
        totals = self.totals.get(account)
        if totals is None or (not totals.opened and totals.day != now.date()):
            totals = self.totals[account] = DayTotals(now.date())
        return totals

    def mqtt_refused(self, reason: str | None) -> None:
        """The MQTT broker refuses entries for this reason; None when it takes them again."""
        key = ("", "mqtt_refused")
        if reason is None:
            self.raised.pop(key, None)
        else:
            self.raised[key] = {"code": "mqtt_refused", "severity": "critical", "reason": reason}

    def store(self) -> None:
        """Keep the day's totals for the next run."""
        if self._path is not None:
            save(self._path, Kept(self._seq, self.totals, self._last_realised, self._late_fills))

    # --- the documents -----------------------------------------------------------------------------------------------

    def position(self, position: Position) -> Document:
        """A position with its mark, when one is known; `day_realised` since the account's day began."""
        account, symbol = position.account, position.symbol
        totals = self.totals.get(account)
        document: Document = {
            "account": account,
            "symbol": symbol,
            "qty": plain(position.qty),
            "avg_px": plain(position.avg_px),
            "realised": plain(position.realised),
            "day_realised": plain(totals.realised.get(symbol, ZERO) if totals is not None else ZERO),
            "fees": plain(position.fees),
        }
        marked = self.vitals.get("accounts", {}).get(account, {}).get("positions", {}).get(symbol, {})
        for name in ("mark", "unrealised"):
            if marked.get(name) is not None:
                document[name] = marked[name]
        return document

    def positions(self, account: str | None = None) -> Iterator[Document]:
        """All positions ever traded, of one account or all."""
        for position in self._blotter().positions(account):
            yield self.position(position)

    def accounts(self) -> list[str]:
        """Accounts that traded or that the engine tells about."""
        return sorted({*self._blotter().accounts(), *self.vitals.get("accounts", {})})

    def account(self, account: str) -> Document:
        """Money, the account's last `seq`, fills and traded value today."""
        known = self.vitals.get("accounts", {}).get(account, {})
        totals = self.totals.get(account)
        document: Document = {"account": account}
        for name in ("currency", "equity", "cash", "buying_power", "day_pnl"):
            if known.get(name) is not None:
                document[name] = known[name]
        document["seq"] = self._blotter().account_seq(account)
        if totals is not None:
            document |= {"day": totals.day.isoformat(), "fills": totals.fills, "traded": plain(totals.traded)}
        else:
            document |= {"fills": 0, "traded": "0"}
        return document

    def limits(self) -> Iterator[Document]:
        """Used, limit and ratio of every account and rule the engine tells about."""
        for account, rule, used, limit, ratio in self.vitals.get("utilisation", ()):
            yield {"account": account, "rule": rule, "used": used, "limit": limit, "ratio": round(ratio, 6)}

    def trading(self, account: str) -> Document:
        """The account's effective trading state, the strictest of its own and the global one, and who made it so."""
        blotter = self._blotter()
        scopes = []
        strictest = TradingState.ACTIVE
        for (scope, name), halt in blotter.states().items():
            if scope is Scope.GLOBAL or (scope is Scope.ACCOUNT and name == account):
                if STRICTNESS[halt.state] > STRICTNESS[strictest]:
                    strictest = halt.state
            elif scope is Scope.ACCOUNT:
                continue
            scopes.append(
                {"scope": scope.value, "name": name, "state": halt.state.value, "who": halt.who, "reason": halt.reason}
            )
        return {"account": account, "state": strictest.value, "scopes": scopes}

    def session(self, session_id: str, known: Document) -> Document:
        """A FIX session: up, numbers, queue."""
        document: Document = {"session_id": session_id}
        for name in ("up", "in_hours", "next_in", "next_out", "queue", "disconnects", "resends_in", "resends_out"):
            document[name] = known[name]
        for name, source in (("logon_time", "logon_ns"), ("last_received", "last_received_ns")):
            if known[source]:
                document[name] = _time(known[source])
        for name in ("peer", "last_reject"):
            if known[name]:
                document[name] = known[name]
        return document

    def sessions(self) -> Iterator[Document]:
        """All FIX sessions."""
        for session_id, known in self.vitals.get("sessions", {}).items():
            yield self.session(session_id, known)

    def broker(self, name: str, known: Document) -> Document:
        """A broker connection: ready or why not, ages in seconds, breaks by kind."""
        document: Document = {"broker": name, "ready": not known["unready"]}
        if known["unready"]:
            document["unready"] = known["unready"]
        document |= {
            "mode": known["mode"],
            "in_hours": known["in_hours"],
            "budget_ratio": round(known["budget_ratio"], 4),
            "reconnects": known["reconnects"],
            "breaks": known["breaks"],
            "snapshot_age_s": {account: round(age, 1) for account, age in known["snapshot_age"].items()},
        }
        return document

    def brokers(self) -> Iterator[Document]:
        """All broker connections."""
        for name, known in self.vitals.get("brokers", {}).items():
            yield self.broker(name, known)

    def alerts(self, now: float) -> dict[tuple[str, str], Document]:
        """What needs a person, by (account, code); account is empty where none is concerned. `now` is UTC seconds."""
        found: dict[tuple[str, str], Document] = dict(self.raised)
        for order in self._blotter().unknown():
            alert = found.setdefault(
                (order.account, "outcome_unknown"),
                {"code": "outcome_unknown", "account": order.account, "severity": "critical", "orders": []},
            )
            alert["orders"].append(order.order_id)
        if self.vitals.get("kill_incomplete"):
            left = self.vitals["kill_incomplete"]
            found["", "kill_incomplete"] = {"code": "kill_incomplete", "severity": "critical", "left": left}
        for broker, known in self.vitals.get("brokers", {}).items():
            if sum(known["breaks"].values()):
                alert = found.setdefault(
                    ("", "reconciliation_break"),
                    {"code": "reconciliation_break", "severity": "critical", "brokers": {}},
                )
                alert["brokers"][broker] = known["breaks"]
        for account, when in self._late_fills.items():
            if now - when < LATE_FILL_SHOWN:
                since = datetime.fromtimestamp(when, UTC).isoformat().replace("+00:00", "Z")
                alert = {"code": "late_fill", "account": account, "severity": "warning", "time": since}
                found[account, "late_fill"] = alert
        return found


def _time(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
