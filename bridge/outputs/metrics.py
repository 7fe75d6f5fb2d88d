"""Every metric of the bridge: counted from the entry stream, taken over from the engine's vitals, rendered on
request.

One registry for the outputs process (OUTPUTS.md section 2, RISK-TCA section 6). Counters begin at 0 with the process
and count on from the entry that the last scrape saw, so what happened in between is not lost. Money is in the
reporting currency, USD; what has no rate into it is not guessed but counted as dropped.
"""

import os
import platform
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bridge.orders.blotter import Blotter
from bridge.orders.events import (
    CancelRequested,
    Cost,
    Entry,
    Event,
    MarkoutsTaken,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderReceived,
    OrderRejected,
    OutcomeUnknown,
    Reconciled,
    Scope,
    TradingHalted,
    TradingState,
)
from bridge.orders.order import Order
from bridge.outputs.files import load, save
from bridge.outputs.metrics_engine import NS, EngineMetrics, Processes
from bridge.outputs.metrics_families import RATIO_BOUNDS, Families
from bridge.outputs.mqtt_endpoint import REASONS
from bridge.outputs.stream import Outward

BPS = 10_000.0


class Kept(msgspec.Struct):
    """The last entry that a scrape has seen."""

    cursor: int = 0


class Metrics:
    """An EventSink that counts. `render` may be called in a worker thread, everything else on the loop.

    `asset_class` gives an instrument's class by symbol, `mode` is paper or live.
    """

    name = "metrics"

    def __init__(
        self,
        blotter: Callable[[], Blotter],
        *,
        asset_class: Callable[[str], str],
        mode: str,
        version: str,
        path: Path | None = None,
        symbols: Iterable[str] = (),
        limit: int = 5000,
        engine_pid: int | None = None,
    ) -> None:
        self._blotter = blotter
        self._asset_class = asset_class
        self._path = path
        self._symbols = frozenset(symbols)
        kept = load(path, Kept) if path is not None else None
        self.cursor = kept.cursor if kept is not None else 0
        self._seq = self.cursor
        self._cancels: dict[int, datetime] = {}
        self._unknown: dict[int, datetime] = {}
        self._sinks: dict[str, Callable[[], tuple[int, float]]] = {}
        self.families = families = Families(limit)
        self._make_orders(families)
        self._make_cost(families)
        self.engine = EngineMetrics(families)
        self._make_outputs(families)
        self._build.set(version, platform.python_version(), mode, to=1.0)
        self._handlers: Mapping[type[Event], Callable[[Entry, Any, Order | None], None]] = {
            OrderReceived: self._received,
            OrderRejected: self._rejected,
            OrderFilled: self._filled,
            OrderCanceled: self._canceled,
            OrderExpired: self._expired,
            CancelRequested: self._cancel_requested,
            OutcomeUnknown: self._outcome_unknown,
            TradingHalted: self._halted,
            Reconciled: self._reconciled,
            MarkoutsTaken: self._markouts,
        }
        processes = {"outputs": os.getpid()}
        if engine_pid is not None:
            processes = {"engine": engine_pid} if engine_pid == os.getpid() else {"engine": engine_pid, **processes}
        families.also(Processes(processes))

    # --- the families ------------------------------------------------------------------------------------------------

    def _make_orders(self, made: Families) -> None:
        counter, gauge = made.counter, made.gauge
        self._orders = counter("orders", "Orders taken in.", "broker", "ord_type")
        self._rejects = counter("orders_rejected", "Orders refused, by whom and why.", "source", "code")
        self._done = counter("orders_done", "Orders that ended, by how they ended.", "broker", "result")
        self._open = gauge("orders_open", "Working orders.", "broker")
        self._unknowns = gauge("orders_unknown_outcome", "Orders with a request that got no answer.", "broker")
        self._oldest = gauge(
            "orders_unknown_outcome_oldest_seconds", "Age of the oldest request that got no answer.", "broker"
        )
        self._fills = counter("fills", "Executions.", "broker", "liquidity")
        self._notional = counter("traded_notional_usd", "Value traded, in USD.", "broker", "liquidity")
        self._fees = counter("fees_usd", "Commissions and fees, in USD.", "broker", "liquidity")
        self._late = counter("late_fills", "Executions told after their order had ended.", "broker")
        self._over = counter("overfills", "Executions beyond OrderQty(38).", "broker")
        self._halts = counter("halts", "Trading states made stricter, kills included.", "scope", "state")
        self._runs = counter("reconciliation_runs", "Comparisons with the broker that ended.", "broker")
        self._by_symbol = counter("symbol_fills", "Executions of the symbols that were asked for.", "symbol")

    def _make_cost(self, made: Families) -> None:
        counter = made.counter
        group = ("broker", "asset_class")

        def ratios(name: str, about: str, *labels: str) -> Any:
            return made.histogram(name, about, *labels, bounds=RATIO_BOUNDS, scale=1.0)

        self._cost = ratios(
            "slippage_cost_ratio", "Fills worse than their benchmark, by how much of it.", *group, "benchmark"
        )
        self._gain = ratios(
            "slippage_gain_ratio", "Fills better than their benchmark, by how much of it.", *group, "benchmark"
        )
        self._cost_usd = counter("slippage_cost_usd", "Cost against the benchmark.", *group, "ord_type", "benchmark")
        self._gain_usd = counter("slippage_gain_usd", "Gain against the benchmark.", *group, "ord_type", "benchmark")
        self._spread = ratios("effective_spread_ratio", "Twice the distance of fills from the mid, over it.", *group)
        self._spread_gain = counter("effective_spread_inside", "Fills at or better than the mid.", *group)
        self._mark_cost = ratios(
            "markout_cost_ratio", "Realised spread where the market moved our way after the fill.", *group, "horizon"
        )
        self._mark_gain = ratios(
            "markout_gain_ratio", "Realised spread where the market moved against us after the fill.", *group, "horizon"
        )
        self._dropped = counter("tca_samples_dropped", "Cost samples without what they need.", "reason")
        for reason in ("stale_quote", "no_quote", "source", "no_rate", "late"):
            self._dropped.add(reason, amount=0.0)

    def _make_outputs(self, made: Families) -> None:
        counter, gauge = made.counter, made.gauge
        self._states = gauge("risk_state", "1 for the trading state that holds.", "scope", "name", "state")
        self._behind = gauge("sink_behind_entries", "Entries an output has still to tell.", "sink")
        self._behind_s = gauge("sink_behind_seconds", "Age of the oldest entry an output has still to tell.", "sink")
        self._mqtt_up = gauge("mqtt_connected", "1 while the MQTT broker is connected.")
        self._outbox = gauge("mqtt_outbox_messages", "Entries the MQTT broker has not acknowledged.")
        self._mqtt_refused = counter("mqtt_refused", "Publishes the MQTT broker refused.", "reason")
        for word in (*REASONS.values(), "other"):
            self._mqtt_refused.add(word, amount=0.0)
        self._mqtt_unheard = counter("mqtt_unheard", "Fills acknowledged by an MQTT broker without a subscriber.")
        self._mqtt_reconnects = counter("mqtt_reconnects", "MQTT connections lost.")
        self._http = counter("http_requests", "HTTP requests.", "route", "method", "status")
        self._http_time = made.histogram("http_request_duration_seconds", "Time to answer a HTTP request.", "route")
        self._ws = gauge("ws_clients", "WebSocket clients.")
        self._ws_slow = counter("ws_slow_closed", "WebSocket clients closed because they did not read.")
        self._build = gauge("build_info", "1, with what is running.", "version", "python", "mode")
        self._collapsed = counter("metrics_collapsed", "Series counted under `other` to stay in the budget.")

    # --- entries -----------------------------------------------------------------------------------------------------

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """Count what the entry tells."""
        self._seq = entry.seq
        handler = self._handlers.get(type(entry.event))
        if handler is not None:
            handler(entry, entry.event, order)
        if order is not None and order.unknown is None and self._unknown:
            self._unknown.pop(order.order_id, None)

    def _received(self, entry: Entry, event: OrderReceived, order: Order | None) -> None:
        self._orders.add(event.broker or "none", event.ord_type.value)

    def _rejected(self, entry: Entry, event: OrderRejected, order: Order | None) -> None:
        self._rejects.add(event.source, event.code)
        self._done.add(_broker(order), "rejected")

    def _cancel_requested(self, entry: Entry, event: CancelRequested, order: Order | None) -> None:
        self._cancels[event.order_id] = entry.time

    def _canceled(self, entry: Entry, event: OrderCanceled, order: Order | None) -> None:
        asked = self._cancels.pop(event.order_id, None)
        if asked is not None:
            self.engine.stages.observe("cancel_to_done", _broker(order), value=_ns(asked, entry.time), seq=entry.seq)
        self._ended(event.cost, order, "canceled")

    def _expired(self, entry: Entry, event: OrderExpired, order: Order | None) -> None:
        self._ended(event.cost, order, "expired")

    def _ended(self, cost: Cost | None, order: Order | None, result: str) -> None:
        self._done.add(_broker(order), "part_filled" if order is not None and order.cum_qty else result)
        if cost is not None and cost.dropped is not None:
            self._dropped.add(cost.dropped)

    def _outcome_unknown(self, entry: Entry, event: OutcomeUnknown, order: Order | None) -> None:
        self._unknown.setdefault(event.order_id, entry.time)

    def _halted(self, entry: Entry, event: TradingHalted, order: Order | None) -> None:
        self._halts.add(event.scope.value, event.state.value)

    def _reconciled(self, entry: Entry, event: Reconciled, order: Order | None) -> None:
        self._runs.add(event.broker)

    def _filled(self, entry: Entry, event: OrderFilled, order: Order | None) -> None:
        if order is None:
            return
        broker = order.broker
        liquidity = event.liquidity.value if event.liquidity is not None else "unknown"
        self._fills.add(broker, liquidity)
        if self._symbols:
            self._by_symbol.add(order.symbol if order.symbol in self._symbols else "other")
        if event.late:
            self._late.add(broker)
        if order.order_qty is not None and order.cum_qty - event.last_qty < order.order_qty <= order.cum_qty:
            self._done.add(broker, "filled")
        if order.order_qty is not None and order.cum_qty > order.order_qty:
            self._over.add(broker)
        if order.fills == 1:
            waited = _ns(order.received, entry.time)
            self.engine.stages.observe("recv_to_first_fill", broker, value=waited, seq=entry.seq)
        rate = self.engine.fx.get(order.currency or "USD")
        if rate is None:
            self._dropped.add("no_rate")
        else:
            value = float(event.last_qty * event.last_px * order.multiplier) * rate
            self._notional.add(broker, liquidity, amount=value)
            if event.commission is not None and event.commission > 0:
                self._fees.add(broker, liquidity, amount=float(event.commission) * rate)
        if event.cost is None:
            self._dropped.add("no_quote")
        else:
            self._costed(entry, event, event.cost, order, rate)

    def _costed(self, entry: Entry, event: OrderFilled, cost: Cost, order: Order, rate: float | None) -> None:
        group = (order.broker, self._asset_class(order.symbol))
        if cost.dropped is not None:
            self._dropped.add(cost.dropped)
        quantity = float(event.last_qty * order.multiplier)
        for benchmark, slippage, price in (
            ("arrival", cost.slippage_bps, cost.arrival_mid),
            ("decision", cost.decision_slippage_bps, order.decision_px),
        ):
            if slippage is None or price is None:
                continue
            ratio = float(slippage) / BPS
            counted, other = (self._cost, self._gain) if ratio >= 0 else (self._gain, self._cost)
            counted.observe(*group, benchmark, value=abs(ratio), seq=entry.seq)
            other.touch(*group, benchmark)
            if rate is not None:
                paid, other_usd = (self._cost_usd, self._gain_usd) if ratio >= 0 else (self._gain_usd, self._cost_usd)
                labels = (*group, order.ord_type.value, benchmark)
                paid.add(*labels, amount=abs(ratio) * float(price) * quantity * rate)
                other_usd.add(*labels, amount=0.0)
        if cost.effective_spread_bps is not None:
            spread = float(cost.effective_spread_bps) / BPS
            if spread > 0:
                self._spread.observe(*group, value=spread, seq=entry.seq)
            else:
                self._spread_gain.add(*group)

    def _markouts(self, entry: Entry, event: MarkoutsTaken, order: Order | None) -> None:
        if order is None:
            return
        group = (order.broker, self._asset_class(order.symbol))
        for markout in event.markouts:
            if markout.realised_bps is None:
                self._dropped.add(markout.dropped or "no_quote")
                continue
            ratio = float(markout.realised_bps) / BPS
            counted, other = (self._mark_cost, self._mark_gain) if ratio >= 0 else (self._mark_gain, self._mark_cost)
            counted.observe(*group, f"{markout.seconds}s", value=abs(ratio), seq=entry.seq)
            other.touch(*group, f"{markout.seconds}s")

    def published(self, item: Outward, seconds: float) -> None:
        """An entry was acknowledged by the MQTT broker so long after its commit."""
        self.engine.stages.observe("commit_to_published", "", value=int(seconds * NS), seq=item.seq)

    def on_vitals(self, vitals: Mapping[str, Any]) -> None:
        """Take over the engine's newest counts and gauges."""
        self.engine.take(vitals)
        for name in vitals["brokers"]:
            for counter in (self._late, self._over):  # born at 0, or `increase` would not see the first one
                counter.add(name, amount=0.0)
        for name, (entries, seconds) in vitals["sinks"].items():
            self._behind.set(name, to=entries)
            self._behind_s.set(name, to=seconds)
        self.refresh()

    # --- this process ------------------------------------------------------------------------------------------------

    def watch(self, sink: str, behind: Callable[[], tuple[int, float]]) -> None:
        """Tell how far an output is behind: `behind()` gives entries and seconds."""
        self._sinks[sink] = behind

    def mqtt(self, connected: bool, outbox: int, refused: Mapping[str, int], unheard: int, reconnects: int) -> None:
        """The state and the counts of the MQTT output."""
        self._mqtt_up.set(to=float(connected))
        self._outbox.set(to=outbox)
        for reason, count in refused.items():
            self._mqtt_refused.set(reason, to=count)
        self._mqtt_unheard.set(to=unheard)
        self._mqtt_reconnects.set(to=reconnects)

    def http(self, route: str, method: str, status: int, seconds: float) -> None:
        """A HTTP request was answered."""
        self._http.add(route, method, f"{status // 100}xx")
        self._http_time.observe(route, value=int(seconds * NS))

    def websockets(self, clients: int, slow_closed: int) -> None:
        """WebSocket clients now, and how many were closed for not reading since the start."""
        self._ws.set(to=clients)
        self._ws_slow.set(to=slow_closed)

    def refresh(self) -> None:
        """Bring the gauges of this process up to date: working and unknown orders, trading states, outputs behind."""
        blotter = self._blotter()
        working: dict[str, int] = {}
        for order in blotter.open_orders():
            working[order.broker or "none"] = working.get(order.broker or "none", 0) + 1
        self._open.replace(((broker,), count) for broker, count in working.items())
        now = datetime.now(UTC)
        unknown: dict[str, int] = {}
        oldest: dict[str, float] = {}
        for order in blotter.unknown():
            broker = order.broker or "none"
            unknown[broker] = unknown.get(broker, 0) + 1
            age = (now - self._unknown.get(order.order_id, order.received)).total_seconds()
            oldest[broker] = max(oldest.get(broker, 0.0), age)
        brokers = {*working, *unknown}
        self._unknowns.replace(((broker,), unknown.get(broker, 0)) for broker in brokers)
        self._oldest.replace(((broker,), oldest.get(broker, 0.0)) for broker in brokers)
        self._states.replace(self._trading(blotter))
        for sink, behind in self._sinks.items():
            entries, seconds = behind()
            self._behind.set(sink, to=entries)
            self._behind_s.set(sink, to=seconds)
        self._collapsed.set(to=self.families.budget.collapsed)

    def _trading(self, blotter: Blotter) -> Iterable[tuple[tuple[str, ...], float]]:
        scopes = {(Scope.GLOBAL, ""): TradingState.ACTIVE}
        scopes |= {(Scope.ACCOUNT, account): TradingState.ACTIVE for account in blotter.accounts()}
        scopes |= {scope: halt.state for scope, halt in blotter.states().items()}
        for (scope, name), holds in scopes.items():
            for state in TradingState:
                yield (scope.value, name, state.value), float(state is holds)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type; keeps up to where it has counted. For a worker thread."""
        seq = self._seq
        page = self.families.render(accept)
        if self._path is not None:
            save(self._path, Kept(seq))
        return page


def _broker(order: Order | None) -> str:
    return (order.broker if order is not None else "") or "none"


def _ns(since: datetime, until: datetime) -> int:
    return max(int((until - since).total_seconds() * NS), 0)
