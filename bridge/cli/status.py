"""`status`, `sessions`, `brokers`, `quotes`: the running daemon at a glance."""

import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bridge.cli import glance
from bridge.cli.engine import ask
from bridge.cli.glance import Glance
from bridge.cli.loading import Config, DataDir, Set, target
from bridge.cli.output import Csv, ExitCode, Json, Watch, Yes, cell, confirm, console, fail, form, listed, live
from bridge.control_commands import MarketState, ReconcileAnswer, SessionNumbers

sessions_app = typer.Typer(invoke_without_command=True, help="FIX sessions: list, disconnect, reset, numbers, enable.")
brokers_app = typer.Typer(invoke_without_command=True, help="Broker connections: list, reconcile.")


def status(
    config: Config = None, data_dir: DataDir = None, set_: Set = None, watch: Watch = None, as_json: Json = False
) -> None:
    """Show the daemon in one screen: trading state, sessions, brokers, accounts, nearest limits."""
    found = target(config, data_dir, set_)
    if as_json:
        print(json.dumps(msgspec.to_builtins(glance.look(found)), default=str))
        return
    if watch is None:
        console().print(_screen(glance.look(found)))
        return
    live(lambda: _screen(glance.look(found)), every=watch)


@sessions_app.callback()
def sessions(
    context: typer.Context,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    watch: Watch = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the FIX sessions with state, numbers, queue and last message."""
    context.obj = target(config, data_dir, set_)
    if context.invoked_subcommand is None:
        listed(
            ("session", "state", "in", "out", "queue", "last", "logged_on", "peer", "last_reject"),
            lambda: glance.sessions_at(context.obj),
            form=form(as_json=as_json, as_csv=as_csv),
            right=("in", "out", "queue", "last"),
            empty="no session is configured",
            watch=watch,
        )


Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it is journalled or logged with your name.")]


@sessions_app.command()
def disconnect(context: typer.Context, session: str, reason: Reason, yes: Yes = False) -> None:
    """Log a session out; it may log on again."""
    confirm(f"This logs {session} out.", session, yes=yes)
    _told(ask(context.obj, "session_disconnect", SessionNumbers, session_id=session, reason=reason))


@sessions_app.command()
def reset(context: typer.Context, session: str, reason: Reason, yes: Yes = False) -> None:
    """Begin both sequence numbers again at 1 and forget what could be resent. Not while logged on."""
    confirm(f"This sets both numbers of {session} to 1; nothing sent before can be resent any more.", session, yes=yes)
    _told(ask(context.obj, "session_reset", SessionNumbers, session_id=session, reason=reason))


@sessions_app.command("set-seq")
def set_seq(
    context: typer.Context,
    session: str,
    reason: Reason,
    next_in: Annotated[int | None, typer.Option("--in", min=1, help="Next MsgSeqNum(34) expected.")] = None,
    next_out: Annotated[int | None, typer.Option("--out", min=1, help="Next MsgSeqNum(34) sent.")] = None,
    yes: Yes = False,
) -> None:
    """Set a session's next numbers. Not while logged on."""
    if next_in is None and next_out is None:
        fail("give --in, --out or both", ExitCode.USAGE)
    confirm(f"This changes the numbers of {session}; a wrong one loses or repeats messages.", session, yes=yes)
    _told(
        ask(
            context.obj,
            "session_next_numbers",
            SessionNumbers,
            session_id=session,
            reason=reason,
            next_in=next_in,
            next_out=next_out,
        )
    )


@sessions_app.command()
def enable(context: typer.Context, session: str, reason: Reason) -> None:
    """Let a session log on again."""
    _told(ask(context.obj, "session_enable", SessionNumbers, session_id=session, enabled=True, reason=reason))


@sessions_app.command()
def disable(context: typer.Context, session: str, reason: Reason, yes: Yes = False) -> None:
    """Log a session out and refuse its Logon(A) from now on, until it is enabled."""
    confirm(f"This logs {session} out and keeps it out.", session, yes=yes)
    _told(ask(context.obj, "session_enable", SessionNumbers, session_id=session, enabled=False, reason=reason))


@brokers_app.callback()
def brokers(
    context: typer.Context,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    watch: Watch = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the broker connections: ready or why not, acknowledgement time, open differences."""
    context.obj = target(config, data_dir, set_)
    if context.invoked_subcommand is None:
        listed(
            ("broker", "mode", "state", "ack_p50", "ack_p99", "budget", "snapshot_age", "breaks"),
            lambda: glance.brokers_at(context.obj),
            form=form(as_json=as_json, as_csv=as_csv),
            right=("ack_p50", "ack_p99", "budget", "snapshot_age"),
            watch=watch,
        )


@brokers_app.command()
def reconcile(
    context: typer.Context,
    broker: str,
    accept_positions: Annotated[
        bool, typer.Option("--accept-positions", help="Where positions differ, the broker's become ours.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, for the journal; wanted with --accept-positions.")] = "",
    yes: Yes = False,
) -> None:
    """Compare our book with the broker's now.

    Positions can differ for what no execution tells: a split, a transfer, a trade made while nothing was connected.
    --accept-positions takes the broker's over, with your name and reason in the journal. Symbols with open orders are
    left alone: cancel those first.
    """
    if accept_positions:
        if not reason.strip():
            fail("--accept-positions wants --reason", ExitCode.USAGE)
        confirm(f"This makes {broker}'s positions ours where they differ.", broker, yes=yes)
    answer = ask(
        context.obj,
        "reconcile",
        ReconcileAnswer,
        within=60.0,
        broker=broker,
        accept_positions=reason.strip() if accept_positions else "",
    )
    compared = f"{answer.orders} orders, {answer.executions} executions, {answer.positions} positions compared"
    console().print(f"{broker}: {compared}, {answer.breaks} differences (seq {answer.seq})", markup=False)
    if answer.breaks:
        raise typer.Exit(ExitCode.PROBLEMS_FOUND)


def quotes(
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="SYMBOL…", help="Absent means all that were quoted.")
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    watch: Watch = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the freshest quote and trade of each symbol, with age and spread."""
    found = target(config, data_dir, set_)

    def read() -> list[dict[str, Any]]:
        states = ask(found, "market", tuple[MarketState, ...], symbols=tuple(symbols or ()))
        now = time.time_ns()
        return [_quote(state, now) for state in states]

    listed(
        ("symbol", "bid_sz", "bid", "ask", "ask_sz", "spread_bp", "age_ms", "last", "last_age_ms"),
        read,
        form=form(as_json=as_json, as_csv=as_csv),
        right=("bid_sz", "bid", "ask", "ask_sz", "spread_bp", "age_ms", "last", "last_age_ms"),
        empty="nothing was quoted yet",
        watch=watch,
    )


def _quote(state: MarketState, now_ns: int) -> dict[str, Any]:
    row: dict[str, Any] = {"symbol": state.symbol}
    if (quote := state.quote) is not None:
        row |= {"bid": quote.bid_px, "bid_sz": quote.bid_sz, "ask": quote.ask_px, "ask_sz": quote.ask_sz}
        row["age_ms"] = (now_ns - quote.received_ns) // 1_000_000
        if quote.mid and quote.bid_px is not None and quote.ask_px is not None:
            row["spread_bp"] = round((quote.ask_px - quote.bid_px) / quote.mid * 10_000, 2)
    if state.trade is not None:
        row |= {"last": state.trade.price, "last_age_ms": (now_ns - state.trade.received_ns) // 1_000_000}
    return row


# --- the screen -------------------------------------------------------------------------------------------------------


def _screen(seen: Glance) -> RenderableType:
    answer = seen.status
    up = datetime.now(UTC) - answer.since
    hours, minutes = divmod(int(up.total_seconds()) // 60, 60)
    live = answer.mode == "live"
    head = Text.assemble(
        f"fixbridge {answer.name}  ",
        (answer.mode.upper(), "bold white on red" if live else "bold green"),
        f"  {answer.version}  up {hours}h{minutes:02}m  seq {answer.seq:,}",
    )
    state = answer.trading.value
    pnl = [account["day_pnl"] for account in seen.accounts.values() if account.get("day_pnl") is not None]
    words = [f"DAY P&L  {sum(map(Decimal, pnl)):+,.2f}" if pnl else "DAY P&L  unknown"]
    words += [f"OPEN {answer.open_orders}", f"UNKNOWN {answer.unknown_orders}", f"BREAKS {seen.breaks}"]
    trading = Text.assemble(
        "TRADING  ", (state, "green" if state == "active" else "bold red"), "   ", "   ".join(words)
    )
    if answer.draining:
        trading.append("   DRAINING", style="bold yellow")
    parts: list[RenderableType] = [head, trading, Text()]
    parts.append(_table(("session", "state", "in", "out", "queue", "last"), seen.sessions))
    parts += [Text(), _table(("broker", "mode", "state", "ack_p50", "ack_p99", "budget", "breaks"), seen.brokers)]
    used = sorted(seen.limits, key=lambda each: -float(each["ratio"]))[:5]
    if used:
        parts.append(Text())
    for each in used:
        ratio = float(each["ratio"])
        bar = "█" * round(min(ratio, 1) * 20)
        style = "bold red" if ratio > 0.9 else "yellow" if ratio > 0.8 else ""
        of = f"{glance.amount(each['used'])} of {glance.amount(each['limit'])}"
        parts.append(
            Text(f"LIMIT  {each['rule']:<10} {each['account']:<10} {bar:░<20} {ratio:>4.0%}  {of}", style=style)
        )
    return Group(*parts)


def _table(columns: tuple[str, ...], items: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        right = column in ("in", "out", "queue", "last", "ack_p50", "ack_p99", "budget")
        table.add_column(column.replace("_", " ").upper(), justify="right" if right else "left")
    for item in items:
        table.add_row(*(cell(item.get(column)) or "–" for column in columns))
    return table


def _told(numbers: SessionNumbers) -> None:
    console().print(f"{numbers.session_id}: next in {numbers.next_in}, next out {numbers.next_out}", markup=False)
