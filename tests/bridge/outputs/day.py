"""A scripted day that makes every metric say something: entries, vitals, and what the outputs process counts itself."""

from decimal import Decimal
from typing import Any

from bridge.orders.events import (
    BreakFound,
    Markout,
    MarkoutsTaken,
    OrderExpired,
    OutcomeUnknown,
    Reconciled,
    Request,
    Scope,
    TradingHalted,
    TradingState,
)
from bridge.outputs.metrics import Metrics
from bridge.outputs.stream import render
from bridge.vitals import STAGES, Vitals
from fixspec.enums import OrdType, Side
from tests.bridge.outputs.script import NINE, Script

D = Decimal
CLASSES = {"AAPL": "equity", "EUR/USD": "fx", "ESZ6": "future"}
BROKERS = ("alpaca-paper", "ib", "paper")


def trade(script: Script, broker: str, symbol: str, number: int) -> None:
    """A buy that costs, a sell that gains, a cancel, an expiry, a refusal."""
    account = f"ACC{number % 10 + 1}"
    script.quote(symbol, "187.20", "187.26")
    terms = {"symbol": symbol, "broker": broker, "account": account, "session_id": f"ALPHA{number % 10}"}
    buy = script.working(**terms, decision_px="187.20", ord_type=OrdType.MARKET)
    script.later(0.3)
    script.fill(buy, "60", "187.26", commission="0.35")
    script.quote(symbol, "187.24", "187.30")
    bought = script.fill(buy, "40", "187.30")
    sell = script.working(**terms, side=Side.SELL, price="187.28", decision_px="187.30")
    sold = script.fill(sell, "100", "187.29")
    for order, exec_id, realised in ((buy, bought, D("2.1")), (sell, sold, D("-1.4"))):
        markouts = tuple(Markout(seconds, D("187.25"), realised, -realised) for seconds in (1, 10, 60, 300))
        script.add(MarkoutsTaken(order_id=order, exec_id=exec_id, markouts=markouts))
    script.cancel(script.working(**terms))
    script.add(OrderExpired(order_id=script.working(**terms)))
    script.reject(script.order(**terms), code=("MAX_VALUE", "PRICE_COLLAR", "MARKET_CLOSED")[number % 3])


def busy_day(rounds: int = 3) -> Script:
    """`rounds` of trading at three brokers in three asset classes, and the bad moments a day may have."""
    script = Script(start=NINE)
    number = 0
    for _ in range(rounds):
        for broker in BROKERS:
            for symbol in CLASSES:
                trade(script, broker, symbol, number)
                number += 1
                script.later(1)
    script.quotes.clear()
    unpriced = script.working(symbol="AAPL", broker="ib")
    script.fill(unpriced, "100", "187.30")
    late = script.working(broker="paper")
    script.cancel(late)
    script.fill(late, "10", "187.25", late=True)
    script.fill(script.working(qty="10"), "12", "187.25")
    unknown = script.order(broker="ib")
    script.route(unknown, "ib")
    script.add(OutcomeUnknown(order_id=unknown, request=Request.SUBMIT, text="no answer"))
    script.add(
        TradingHalted(scope=Scope.ACCOUNT, name="ACC2", state=TradingState.REDUCE_ONLY, who="R11", reason="daily loss")
    )
    script.add(BreakFound(broker="ib", kind="position", account="ACC3", symbol="AAPL", ours="100", theirs="90"))
    for broker in BROKERS:
        script.add(Reconciled(broker=broker, trigger="timer"))
    return script


def vitals_of_the_day(rounds: int = 1) -> Vitals:
    """The engine's counts after `rounds` of the same load: sessions, brokers, accounts, rules, stages."""
    vitals = Vitals()
    for number in range(10):
        session = vitals.session(f"ALPHA{number}")
        session.up = number != 9
        session.next_in, session.next_out = 100 + rounds, 300 + rounds
        for kind in ("0", "A", "D", "F", "G", "1", "2", "4"):
            session.messages_in[kind] = 10 * rounds
        for kind in ("0", "8", "9", "A", "1", "2", "4"):
            session.messages_out[kind] = 20 * rounds
        session.rejects["required_tag_missing"] = rounds
        session.resends_in, session.resends_out = rounds, rounds
    for broker in BROKERS:
        one = vitals.broker(broker)
        one.unready = "reconnecting" if broker == "ib" else ""
        one.budget_ratio = 0.12
        one.snapshot_age = {f"ACC{number}": 1.5 for number in range(1, 11)}
        one.breaks = {"position": 1 if broker == "ib" else 0}
        vitals.duplicates_suppressed[broker] = rounds
        for stage in STAGES[3:]:
            for step in range(50 * rounds):
                vitals.stage(stage, broker).observe(40_000 * (step % 40 + 1), step + 1)
    for stage in STAGES[:3]:
        for step in range(50 * rounds):
            vitals.stage(stage).observe(9_000 * (step % 20 + 1))
    for number in range(1, 11):
        account = vitals.account(f"ACC{number}")
        account.equity, account.buying_power, account.day_pnl = D("100000"), D("80000"), D("-120.5")
        for rule in ("R03", "R09", "R10", "R11", "R13", "R14", "R15", "R16", "R17", "R22"):
            vitals.use(f"ACC{number}", rule, D(number * 1000), D(12_000))
    for rule in range(1, 31):
        for _ in range(3 * rounds):
            vitals.rule(f"R{rule:02}").decided("pass", 2_000)
        vitals.rule(f"R{rule:02}").decided("refuse", 3_000)
    for step in range(20 * rounds):
        vitals.loop_lag.observe(300_000 * (step % 5 + 1))
        vitals.gc_pause.observe(100_000)
        vitals.journal_flush.observe(2_000_000)
        vitals.journal_batch.observe(4)
    vitals.journal_seq, vitals.journal_durable = 1000 * rounds, 1000 * rounds - 2
    vitals.journal_bytes, vitals.journal_free_bytes = 400_000 * rounds, 50_000_000_000 - 400_000 * rounds
    vitals.sinks = {"fix": (0, 0.0), "router": (0, 0.0)}
    return vitals


def counted(script: Script, vitals: Vitals, **options: Any) -> Metrics:
    """Metrics that have seen the whole day."""
    metrics = Metrics(
        lambda: script.blotter,
        asset_class=lambda symbol: CLASSES.get(symbol, "unknown"),
        mode="paper",
        version="0.1.0",
        engine_pid=1,
        **options,
    )
    show(metrics, script, 0)
    metrics.on_vitals(vitals.snapshot(1_700_000_000_000_000_000))
    outputs(metrics, 1)
    return metrics


def show(metrics: Metrics, script: Script, after: int) -> None:
    """Let `metrics` see the entries above `after` as the tail would show them."""
    blotter = script.fold(0)
    for entry in script.entries:
        order = blotter.apply(entry)
        if entry.seq > after:
            metrics.on_entry(entry, order)
            metrics.published(render(entry, order), 0.004)


def outputs(metrics: Metrics, rounds: int) -> None:
    """What the outputs process counts about itself."""
    metrics.watch("mqtt", lambda: (3, 0.2))
    metrics.mqtt(True, 3, {"not_authorised": 0}, 2 * rounds, rounds)
    for route in ("/v1/orders", "/v1/orders/{order_id}", "/v1/entries", "/v1/positions", "/metrics", "/healthz"):
        for _ in range(5 * rounds):
            metrics.http(route, "GET", 200, 0.003)
    metrics.http("/v1/orders", "POST", 422, 0.004)
    metrics.websockets(4, rounds)
    metrics.refresh()
