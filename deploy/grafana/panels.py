"""What the five dashboards show: every panel's title, sentence, unit, thresholds and expressions, as data.

Expressions are written without the prefix `bridge_` and without the matchers for job and instance: `promql` adds
both. `[R]` stands for `[$__rate_interval]`, `$b`, `$a`, `$s` for the filters by broker, account and session, and
`q(p, metric, labels)` for a quantile of a histogram. Thresholds are the alerts' (deploy/prometheus/alerts.yml).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

MATCHERS = 'job=~"$job", instance=~"$instance"'
FOREIGN = (
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "scrape_samples_scraped",
)
RECORDED = re.compile(r"\b[a-z]+:bridge_[a-z0-9_]+:[a-z0-9_]+")
NAME = re.compile(
    r"(?<![\w:$\"])("
    + "|".join(FOREIGN)
    + r"|[a-z]+:bridge_[a-z0-9_]+:[a-z0-9_]+"
    + r"|(?:account|adapter|broker|build|duplicate|effective|event|fees|fills|fix|gc|halts|http|journal|kill|late"
    + r"|markout|metrics|mqtt|orders|overfills|process|reconciliation|risk|sink|slippage|stage|tca|traded|vitals|ws)"
    + r"_[a-z_]+)"
    + r"(\{[^}]*\})?(?![\w(:])"
)
FILTERS = {"$b": 'broker=~"$broker"', "$a": 'account=~"$account"', "$s": 'session=~"$session"'}
OVERVIEW, ORDERS, COST, SESSIONS, DAEMON = "overview", "orders", "cost", "sessions", "daemon"


class Query(NamedTuple):
    """One expression and how its series are called."""

    expr: str
    legend: str = "__auto"
    instant: bool = False
    exemplar: bool = False


class Panel(NamedTuple):
    """One panel. `steps` are thresholds as (from, colour); the base is the first colour. `words` name values of a
    state."""

    kind: str  # stat, series, bars, timeline, gauge, bargauge, heatmap, table, barchart
    title: str
    about: str
    unit: str
    queries: Sequence[Query]
    width: int = 12
    height: int = 8
    steps: Sequence[tuple[float, str]] = ()
    base: str = "text"
    words: Sequence[tuple[str, str, str]] = ()  # (value, word, colour)
    repeat: str | None = None
    stacked: bool = False
    field: str | None = None  # stat: show the series' name, coloured by its last word, instead of a number
    low: float | None = None
    high: float | None = None
    decimals: int | None = None


class Row(NamedTuple):
    """A row of panels with a title."""

    title: str
    panels: Sequence[Panel]


def promql(short: str) -> str:
    """The full expression: prefixes, matchers, quantiles, intervals."""
    text = re.sub(r"q\(([\d.]+), ([a-z_]+)(\{[^}]*\})?((?:, [a-z_]+)*)\)", _quantile, short)
    text = text.replace("[R]", "[$__rate_interval]")
    text = re.sub(r"\$[bas]\b", lambda match: FILTERS[match[0]], text)
    return NAME.sub(_matched, text)


def _quantile(match: re.Match[str]) -> str:
    share, metric, labels, by = match.groups()
    grouped = ", ".join(["le", *re.findall(r"[a-z_]+", by)])
    return f"histogram_quantile({share}, sum by ({grouped}) (rate({metric}_bucket{labels or ''}[R])))"


def _matched(match: re.Match[str]) -> str:
    name, labels = match.groups()
    if name not in FOREIGN and not RECORDED.fullmatch(name):
        name = f"bridge_{name}"
    own = f", {labels[1:-1].strip()}" if labels and labels[1:-1].strip() else ""
    return f"{name}{{{MATCHERS}{own}}}"


RED, AMBER, GREEN = "red", "orange", "green"
UP_DOWN = (("0", "down", RED), ("1", "up", GREEN))
STATES = (
    ("active", "active", GREEN),
    ("reduce_only", "reduce only", AMBER),
    ("cancel_only", "cancel only", RED),
    ("locked", "locked", RED),
)

DASHBOARDS: dict[str, tuple[str, str, Sequence[Row]]] = {
    OVERVIEW: (
        "fixbridge / Overview",
        "Is money at risk, is anything down? The answer is in the first row.",
        (
            Row(
                "Is money at risk, is anything down?",
                (
                    Panel(
                        "stat",
                        "Trading state",
                        "Every scope and the state that holds there; anything but active is a restriction.",
                        "none",
                        [
                            Query(
                                "max by (scope, name, state) (risk_state == 1)",
                                "{{scope}} {{name}} {{state}}",
                                instant=True,
                            )
                        ],
                        width=5,
                        height=5,
                        field="state",
                        words=STATES,
                        base=GREEN,
                    ),
                    Panel(
                        "stat",
                        "Unknown outcome",
                        "Requests to brokers without an answer: each may be a live order.",
                        "none",
                        [Query("sum(orders_unknown_outcome)")],
                        width=3,
                        height=5,
                        steps=((1, RED),),
                        base=GREEN,
                    ),
                    Panel(
                        "stat",
                        "Day P&L",
                        "Equity less equity at the start of the day, all accounts, in USD.",
                        "currencyUSD",
                        [Query("sum(account_day_pnl_usd{$a})")],
                        width=4,
                        height=5,
                    ),
                    Panel(
                        "stat",
                        "Equity",
                        "Equity of all accounts, in USD.",
                        "currencyUSD",
                        [Query("sum(account_equity_usd{$a})")],
                        width=4,
                        height=5,
                    ),
                    Panel(
                        "stat",
                        "Open orders",
                        "Orders that may still be executed.",
                        "none",
                        [Query("sum(orders_open{$b})")],
                        width=3,
                        height=5,
                    ),
                    Panel(
                        "stat",
                        "Sessions up of those in hours",
                        "FIX sessions logged on, of those that should be now.",
                        "none",
                        [
                            Query("sum(fix_session_up{$s} * fix_session_scheduled{$s})", "up"),
                            Query("sum(fix_session_scheduled{$s})", "in hours"),
                        ],
                        width=5,
                        height=5,
                    ),
                ),
            ),
            Row(
                "Where it presses",
                (
                    Panel(
                        "timeline",
                        "Brokers",
                        "Whether each broker takes opening orders.",
                        "none",
                        [Query("min by (broker) (adapter_up{$b})", "{{broker}}")],
                        width=8,
                        words=UP_DOWN,
                        steps=((1, GREEN),),
                        base=RED,
                    ),
                    Panel(
                        "bargauge",
                        "Nearest limits",
                        "The eight risk limits that are used up most.",
                        "percentunit",
                        [
                            Query(
                                "topk(8, max by (account, rule) (risk_utilisation_ratio{$a}))",
                                "{{account}} {{rule}}",
                                instant=True,
                            )
                        ],
                        width=8,
                        steps=((0.8, AMBER), (0.9, RED)),
                        base=GREEN,
                        low=0,
                        high=1,
                    ),
                    Panel(
                        "table",
                        "Firing alerts",
                        "Alerts of fixbridge that fire now; the runbook is in docs/runbooks.",
                        "none",
                        [
                            Query(
                                f'ALERTS{{alertstate="firing", alertname=~"Fixbridge.*", {MATCHERS}}}',
                                instant=True,
                            )
                        ],
                        width=8,
                    ),
                ),
            ),
            Row(
                "How it runs",
                (
                    Panel(
                        "series",
                        "Orders, fills, refusals",
                        "Orders taken in, executions and refusals per second.",
                        "ops",
                        [
                            Query("sum(rate(orders_total{$b}[R]))", "orders"),
                            Query("sum(rate(fills_total{$b}[R]))", "fills"),
                            Query("sum(rate(orders_rejected_total[R]))", "refusals"),
                        ],
                    ),
                    Panel(
                        "series",
                        "Acknowledgement p50, p99",
                        "Time from the bytes read until the order is on its way, or refused.",
                        "s",
                        [
                            Query('q(0.5, stage_duration_seconds{stage="recv_to_wire"})', "p50"),
                            Query('q(0.99, stage_duration_seconds{stage="recv_to_wire"})', "p99", exemplar=True),
                        ],
                        steps=((0.005, RED),),
                    ),
                    Panel(
                        "gauge",
                        "Error budget left, 6 h",
                        "Share of the budget of 0.1 % late acknowledgements that six hours have left.",
                        "percentunit",
                        [Query("1 - (1 - job:bridge_ack_under_5ms:ratio_rate6h) / 0.001")],
                        width=6,
                        steps=((0, AMBER), (0.5, GREEN)),
                        base=RED,
                        low=-1,
                        high=1,
                    ),
                    Panel(
                        "stat",
                        "Net cost today",
                        "Cost less gain against the arrival mid in 24 hours, in USD.",
                        "currencyUSD",
                        [
                            Query(
                                'sum(increase(slippage_cost_usd_total{benchmark="arrival", $b}[1d]))'
                                ' - sum(increase(slippage_gain_usd_total{benchmark="arrival", $b}[1d]))'
                            )
                        ],
                        width=6,
                    ),
                    Panel(
                        "stat",
                        "Mode and version",
                        "What runs: paper or live, and its version.",
                        "none",
                        [Query("build_info", "{{mode}} {{version}}", instant=True)],
                        width=12,
                        height=8,
                        field="version",
                    ),
                ),
            ),
        ),
    ),
    ORDERS: (
        "fixbridge / Orders and risk",
        "What was ordered, how it ended, what was refused and how much of each limit is left.",
        (
            Row(
                "Limits and states",
                (
                    Panel(
                        "timeline",
                        "Trading state",
                        "The state of every scope over time.",
                        "none",
                        [Query("max by (scope, name, state) (risk_state) == 1", "{{scope}} {{name}} {{state}}")],
                        width=12,
                        steps=((1, AMBER),),
                    ),
                    Panel(
                        "series",
                        "Limits in use",
                        "Used share of every limit, by account and rule.",
                        "percentunit",
                        [Query("max by (account, rule) (risk_utilisation_ratio{$a})", "{{account}} {{rule}}")],
                        steps=((0.8, AMBER), (0.9, RED)),
                        low=0,
                    ),
                    Panel(
                        "series",
                        "Halts and kills",
                        "Trading states made stricter, and orders a kill has not proven to be gone.",
                        "none",
                        [
                            Query("sum by (scope, state) (increase(halts_total[R]))", "{{scope}} {{state}}"),
                            Query("kill_incomplete", "kill incomplete"),
                        ],
                        steps=((1, RED),),
                    ),
                    Panel(
                        "bars",
                        "Late fills, overfills, duplicates held back",
                        "Executions that came late, beyond the order, or twice.",
                        "none",
                        [
                            Query("sum by (broker) (increase(late_fills_total{$b}[R]))", "late {{broker}}"),
                            Query("sum by (broker) (increase(overfills_total{$b}[R]))", "over {{broker}}"),
                            Query(
                                "sum by (broker) (increase(duplicate_fills_suppressed_total{$b}[R]))",
                                "held back {{broker}}",
                            ),
                        ],
                        steps=((1, RED),),
                    ),
                ),
            ),
            Row(
                "Orders",
                (
                    Panel(
                        "series",
                        "Orders by broker and type",
                        "Orders taken in per second.",
                        "ops",
                        [Query("sum by (broker, ord_type) (rate(orders_total{$b}[R]))", "{{broker}} {{ord_type}}")],
                    ),
                    Panel(
                        "series",
                        "How orders ended",
                        "Share of orders filled, part filled, cancelled, refused and expired.",
                        "percentunit",
                        [
                            Query(
                                "sum by (result) (rate(orders_done_total{$b}[R]))"
                                " / scalar(sum(rate(orders_done_total{$b}[R])))",
                                "{{result}}",
                            )
                        ],
                        stacked=True,
                        low=0,
                        high=1,
                    ),
                    Panel(
                        "series",
                        "Refusals by code",
                        "Refused orders as a share of all, by reason code.",
                        "percentunit",
                        [Query("code:bridge_orders_rejected:ratio_rate5m", "{{code}}")],
                        stacked=True,
                        steps=((0.2, AMBER),),
                        low=0,
                    ),
                    Panel(
                        "table",
                        "Decisions by rule",
                        "How often each risk rule passed, warned and refused in the time shown.",
                        "none",
                        [Query("sum by (rule, outcome) (increase(risk_decisions_total[$__range]))", instant=True)],
                    ),
                    Panel(
                        "series",
                        "Risk check p99 by rule",
                        "Time in each risk rule.",
                        "s",
                        [Query("q(0.99, risk_check_duration_seconds, rule)", "{{rule}}")],
                    ),
                ),
            ),
            Row(
                "Accounts",
                (
                    Panel(
                        "series",
                        "Day P&L",
                        "Equity less equity at the start of the day, in USD.",
                        "currencyUSD",
                        [Query("account_day_pnl_usd{$a}", "{{account}}")],
                    ),
                    Panel(
                        "series",
                        "Buying power",
                        "What each account may still open, in USD.",
                        "currencyUSD",
                        [Query("account_buying_power_usd{$a}", "{{account}}")],
                    ),
                ),
            ),
        ),
    ),
    COST: (
        "fixbridge / Execution cost",
        "What execution costs against arrival and decision, what the market did afterwards, by broker and asset class.",
        (
            Row(
                "Against the benchmark",
                (
                    Panel(
                        "series",
                        "Net cost against arrival",
                        "Cost less gain over all fills of an hour, in basis points.",
                        "suffix: bp",
                        [Query("1e4 * broker:bridge_slippage_ratio:mean_1h{$b}", "{{broker}}")],
                    ),
                    Panel(
                        "series",
                        "Cost p50, p90",
                        "Fills that cost something: half, and nine of ten, cost at most this.",
                        "percentunit",
                        [
                            Query("q(0.5, slippage_cost_ratio{$b}, broker, benchmark)", "p50 {{broker}} {{benchmark}}"),
                            Query(
                                "q(0.9, slippage_cost_ratio{$b}, broker, benchmark)",
                                "p90 {{broker}} {{benchmark}}",
                                exemplar=True,
                            ),
                        ],
                        decimals=4,
                    ),
                    Panel(
                        "heatmap",
                        "Distribution of cost",
                        "How many fills cost how much against arrival.",
                        "percentunit",
                        [Query('sum by (le) (rate(slippage_cost_ratio_bucket{benchmark="arrival", $b}[R]))', "{{le}}")],
                    ),
                    Panel(
                        "bars",
                        "Cost less gain by type",
                        "Money paid beyond the arrival mid in the time shown, by order type, in USD.",
                        "currencyUSD",
                        [
                            Query(
                                "sum by (ord_type)"
                                ' (increase(slippage_cost_usd_total{$b, benchmark="arrival"}[$__range]))'
                                " - sum by (ord_type)"
                                ' (increase(slippage_gain_usd_total{$b, benchmark="arrival"}[$__range]))',
                                "{{ord_type}}",
                                instant=True,
                            )
                        ],
                    ),
                ),
            ),
            Row(
                "Spread and markout",
                (
                    Panel(
                        "series",
                        "Effective spread p50",
                        "Twice the distance of the fill from the mid, over the mid.",
                        "percentunit",
                        [Query("q(0.5, effective_spread_ratio{$b}, broker)", "{{broker}}")],
                        decimals=4,
                    ),
                    Panel(
                        "barchart",
                        "Markout by horizon",
                        "Realised spread after 1 to 300 s: what stays a cost once the market moved, in basis points.",
                        "suffix: bp",
                        [
                            Query(
                                "1e4 * (sum by (horizon) (increase(markout_cost_ratio_sum{$b}[$__range]))"
                                " - sum by (horizon) (increase(markout_gain_ratio_sum{$b}[$__range])))"
                                " / (sum by (horizon) (increase(markout_cost_ratio_count{$b}[$__range]))"
                                " + sum by (horizon) (increase(markout_gain_ratio_count{$b}[$__range])))",
                                "{{horizon}}",
                                instant=True,
                            )
                        ],
                    ),
                    Panel(
                        "series",
                        "Time to first fill p50",
                        "From the order to its first execution.",
                        "s",
                        [Query('q(0.5, stage_duration_seconds{stage="recv_to_first_fill", $b}, broker)', "{{broker}}")],
                    ),
                    Panel(
                        "series",
                        "Traded value, fees",
                        "Value traded and fees paid, in USD.",
                        "currencyUSD",
                        [
                            Query("sum by (broker) (increase(traded_notional_usd_total{$b}[R]))", "traded {{broker}}"),
                            Query("sum by (broker) (increase(fees_usd_total{$b}[R]))", "fees {{broker}}"),
                        ],
                    ),
                    Panel(
                        "series",
                        "Samples without a fresh quote",
                        "Fills that could not be measured, as a share of all, by reason.",
                        "percentunit",
                        [
                            Query(
                                "sum by (reason) (rate(tca_samples_dropped_total[R]))"
                                " / scalar(sum(rate(fills_total[R])))",
                                "{{reason}}",
                            )
                        ],
                        stacked=True,
                        low=0,
                    ),
                ),
            ),
        ),
    ),
    SESSIONS: (
        "fixbridge / Sessions and adapters",
        "Who is connected on both sides, how far the numbers are, and whether our book and the brokers' agree.",
        (
            Row(
                "Who is up",
                (
                    Panel(
                        "timeline",
                        "Sessions",
                        "FIX sessions: out of hours, down, up.",
                        "none",
                        [Query("fix_session_scheduled{$s} * (1 + fix_session_up{$s})", "{{session}}")],
                        words=(("0", "out of hours", "text"), ("1", "down", RED), ("2", "up", GREEN)),
                        steps=((1, RED), (2, GREEN)),
                    ),
                    Panel(
                        "timeline",
                        "Broker ready",
                        "Whether each broker takes opening orders.",
                        "none",
                        [Query("adapter_up{$b}", "{{broker}}")],
                        words=UP_DOWN,
                        steps=((1, GREEN),),
                        base=RED,
                    ),
                    Panel(
                        "bars",
                        "Breaks",
                        "Differences between our book and the broker's, by kind.",
                        "none",
                        [Query("sum by (broker, kind) (reconciliation_breaks{$b})", "{{broker}} {{kind}}")],
                        steps=((1, RED),),
                    ),
                    Panel(
                        "series",
                        "Oldest unknown outcome",
                        "How long the oldest request has waited for a broker's answer.",
                        "s",
                        [Query("orders_unknown_outcome_oldest_seconds{$b}", "{{broker}}")],
                        steps=((30, RED),),
                    ),
                ),
            ),
            Row(
                "FIX",
                (
                    Panel(
                        "table",
                        "Next numbers",
                        "Next MsgSeqNum(34) of every session, both ways.",
                        "none",
                        [Query("fix_session_seqnum{$s}", instant=True)],
                    ),
                    Panel(
                        "series",
                        "Messages",
                        "FIX messages per second, by session, direction and type.",
                        "ops",
                        [
                            Query(
                                "sum by (session, direction, msg_type) (rate(fix_messages_total{$s}[R]))",
                                "{{session}} {{direction}} {{msg_type}}",
                            )
                        ],
                    ),
                    Panel(
                        "series",
                        "Resends, rejects",
                        "ResendRequests(2) and rejects per second.",
                        "ops",
                        [
                            Query("rate(fix_resend_requests_total{$s}[R])", "resend {{session}} {{direction}}"),
                            Query("rate(fix_rejects_total{$s}[R])", "reject {{session}} {{reason}}"),
                        ],
                    ),
                    Panel(
                        "series",
                        "Outbound queue",
                        "Messages that wait for a client that does not read.",
                        "none",
                        [Query("fix_outbound_queue_messages{$s}", "{{session}}")],
                    ),
                ),
            ),
            Row(
                "Brokers",
                (
                    Panel(
                        "series",
                        "Broker acknowledgement p50, p99",
                        "From the order on the wire to the broker's word.",
                        "s",
                        [
                            Query('q(0.5, stage_duration_seconds{stage="wire_to_ack", $b}, broker)', "p50 {{broker}}"),
                            Query(
                                'q(0.99, stage_duration_seconds{stage="wire_to_ack", $b}, broker)',
                                "p99 {{broker}}",
                                exemplar=True,
                            ),
                        ],
                    ),
                    Panel(
                        "series",
                        "Snapshot age",
                        "Age of the broker's last whole statement, by account.",
                        "s",
                        [Query("adapter_snapshot_age_seconds{$b, $a}", "{{broker}} {{account}}")],
                        steps=((60, RED),),
                    ),
                    Panel(
                        "series",
                        "Broker rate limit used",
                        "Used share of each broker's published rate limit.",
                        "percentunit",
                        [Query("broker_budget_ratio{$b}", "{{broker}}")],
                        steps=((0.9, AMBER),),
                        low=0,
                        high=1,
                    ),
                ),
            ),
        ),
    ),
    DAEMON: (
        "fixbridge / Daemon health",
        "Where the time goes, what the disk and the outputs do, what the processes use.",
        (
            Row(
                "Alive",
                (
                    Panel(
                        "stat",
                        "Vitals age",
                        "How long ago the engine last told its vitals.",
                        "s",
                        [Query("time() - vitals_timestamp_seconds")],
                        width=6,
                        height=5,
                        steps=((5, RED),),
                        base=GREEN,
                    ),
                    Panel(
                        "stat",
                        "Disk full in",
                        "When the journal's disk is full at the pace of the last hour.",
                        "s",
                        [Query("journal_free_bytes / clamp_min(-deriv(journal_free_bytes[1h]), 1)")],
                        width=6,
                        height=5,
                        steps=((14_400, GREEN),),
                        base=RED,
                    ),
                    Panel(
                        "stat",
                        "Series",
                        "Series of this process in a scrape; the budget is 5,000.",
                        "none",
                        [Query("scrape_samples_scraped")],
                        width=6,
                        height=5,
                        steps=((5000, AMBER),),
                        base=GREEN,
                    ),
                    Panel(
                        "stat",
                        "WebSocket clients",
                        "Clients connected now.",
                        "none",
                        [Query("ws_clients")],
                        width=6,
                        height=5,
                    ),
                ),
            ),
            Row(
                "Latency",
                (
                    Panel(
                        "series",
                        "Stages p99",
                        "Time in each stage of the order path.",
                        "s",
                        [Query("q(0.99, stage_duration_seconds, stage)", "{{stage}}")],
                    ),
                    Panel(
                        "series",
                        "Loop lag p99",
                        "How late the engine's event loop begins a turn.",
                        "s",
                        [Query("q(0.99, event_loop_lag_seconds)", "lag")],
                        steps=((0.05, AMBER),),
                    ),
                    Panel(
                        "series",
                        "Collector pause p99",
                        "How long the garbage collector stops the engine.",
                        "s",
                        [Query("q(0.99, gc_pause_seconds)", "pause")],
                    ),
                    Panel(
                        "series",
                        "Journal flush p99",
                        "How long the disk takes for a flush.",
                        "s",
                        [Query("q(0.99, journal_flush_seconds)", "flush")],
                    ),
                    Panel(
                        "heatmap",
                        "Stage: $stage",
                        "How many orders took how long in this stage.",
                        "s",
                        [Query('sum by (le) (rate(stage_duration_seconds_bucket{stage="$stage"}[R]))', "{{le}}")],
                        repeat="stage",
                        width=8,
                    ),
                ),
            ),
            Row(
                "Journal and outputs",
                (
                    Panel(
                        "series",
                        "Journal growth",
                        "Bytes the journal grows by per second.",
                        "Bps",
                        [Query("deriv(journal_bytes[10m])", "growth")],
                    ),
                    Panel(
                        "series",
                        "Sinks behind",
                        "Age of the oldest entry that each output has still to tell.",
                        "s",
                        [Query("sink_behind_seconds", "{{sink}}")],
                        steps=((10, AMBER),),
                    ),
                    Panel(
                        "series",
                        "MQTT connected, behind",
                        "1 while connected, and the entries the broker has not acknowledged.",
                        "none",
                        [Query("mqtt_connected", "connected"), Query("mqtt_outbox_messages", "behind")],
                    ),
                    Panel(
                        "series",
                        "MQTT refused, unheard",
                        "Publishes refused, and fills without a subscriber, per second.",
                        "ops",
                        [
                            Query("rate(mqtt_refused_total[R])", "refused {{reason}}"),
                            Query("rate(mqtt_unheard_total[R])", "unheard"),
                        ],
                        steps=((0.0001, RED),),
                    ),
                ),
            ),
            Row(
                "HTTP and the machine",
                (
                    Panel(
                        "series",
                        "HTTP rate and errors",
                        "Requests per second, by route and class of status.",
                        "reqps",
                        [Query("sum by (route, status) (rate(http_requests_total[R]))", "{{route}} {{status}}")],
                    ),
                    Panel(
                        "series",
                        "HTTP p99",
                        "Time to answer, by route.",
                        "s",
                        [Query("q(0.99, http_request_duration_seconds, route)", "{{route}}")],
                    ),
                    Panel(
                        "series",
                        "Slow WebSocket clients",
                        "Clients closed because they did not read.",
                        "none",
                        [Query("increase(ws_slow_closed_total[R])", "closed")],
                    ),
                    Panel(
                        "series",
                        "CPU by process",
                        "Share of one core.",
                        "percentunit",
                        [Query("rate(process_cpu_seconds_total[R])", "{{process}}")],
                        low=0,
                    ),
                    Panel(
                        "series",
                        "Memory by process",
                        "Resident memory.",
                        "bytes",
                        [Query("process_resident_memory_bytes", "{{process}}")],
                        low=0,
                    ),
                ),
            ),
        ),
    ),
}

VARIABLES: tuple[tuple[str, str], ...] = (
    ("job", "label_values(bridge_build_info, job)"),
    ("instance", 'label_values(bridge_build_info{job=~"$job"}, instance)'),
    ("broker", f"label_values(bridge_adapter_up{{{MATCHERS}}}, broker)"),
    ("account", f"label_values(bridge_risk_utilisation_ratio{{{MATCHERS}}}, account)"),
    ("session", f"label_values(bridge_fix_session_up{{{MATCHERS}}}, session)"),
)
STAGE_VARIABLE = ("stage", f"label_values(bridge_stage_duration_seconds_count{{{MATCHERS}}}, stage)")

ANNOTATIONS: tuple[tuple[str, str, str], ...] = (
    ("Halts and kills", promql("sum by (scope, state) (increase(halts_total[1m])) > 0"), "red"),
    ("Restarts", promql('changes(process_start_time_seconds{process="engine"}[1m]) > 0'), "orange"),
    ("Broker reconnects", promql("changes(adapter_up[1m]) > 0"), "blue"),
)
