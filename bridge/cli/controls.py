"""`halt`, `kill`, `resume`, `risk`: all go to the engine's own socket, so they work when HTTP does not."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import typer

from bridge.cli.book import halts
from bridge.cli.engine import ask
from bridge.cli.loading import Config, DataDir, Set, target
from bridge.cli.output import Csv, ExitCode, Json, Watch, Yes, confirm, console, fail, form, listed, rows
from bridge.control_commands import KillReport, LimitState, RiskState, Verdict
from bridge.orders.events import Scope, TradingState

Account = Annotated[str | None, typer.Option("--account", "-a", help="Only this account.", rich_help_panel="Scope")]
Broker = Annotated[str | None, typer.Option("--broker", "-b", help="Only this broker.", rich_help_panel="Scope")]
Session = Annotated[str | None, typer.Option("--session", "-s", help="Only this session.", rich_help_panel="Scope")]
Strategy = Annotated[str | None, typer.Option("--strategy", help="Only this strategy.", rich_help_panel="Scope")]
Symbol = Annotated[str | None, typer.Option("--symbol", help="Only this symbol.", rich_help_panel="Scope")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it is journalled with your name.")]

risk_app = typer.Typer(
    no_args_is_help=True, help="Limits in force and in use, changes, and why an order passes or not."
)


def halt(
    reason: Reason,
    state: Annotated[
        TradingState, typer.Option(help="reduce_only, cancel_only, or locked (no resume for a while).")
    ] = TradingState.CANCEL_ONLY,
    account: Account = None,
    broker: Broker = None,
    session: Session = None,
    strategy: Strategy = None,
    symbol: Symbol = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
) -> None:
    """Refuse new orders from now on; what works stays at the broker. Without a scope: everywhere."""
    found = target(config, data_dir, set_)
    scope, name = _scope(account, broker, session, strategy, symbol)
    _state(ask(found, "halt", RiskState, scope=scope, name=name, state=state, reason=reason))


def resume(
    reason: Reason,
    state: Annotated[TradingState, typer.Option(help="active or reduce_only.")] = TradingState.ACTIVE,
    account: Account = None,
    broker: Broker = None,
    session: Session = None,
    strategy: Strategy = None,
    symbol: Symbol = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    yes: Yes = False,
) -> None:
    """Take a halt back. Never happens by itself: a named person, a reason."""
    found = target(config, data_dir, set_)
    scope, name = _scope(account, broker, session, strategy, symbol)
    confirm(f"This lets {_where(scope, name)} trade again ({state.value}).", name or "resume", yes=yes)
    _state(ask(found, "resume", RiskState, scope=scope, name=name, state=state, reason=reason))


def kill(
    reason: Reason,
    flatten: Annotated[bool, typer.Option("--flatten", help="Close positions as well, by reducing orders.")] = False,
    account: Account = None,
    broker: Broker = None,
    session: Session = None,
    strategy: Strategy = None,
    symbol: Symbol = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the proof that nothing is left.")] = 60.0,
    yes: Yes = False,
) -> None:
    """Refuse new orders, cancel everything that works, and prove it by the broker's own list.

    Without a scope: everywhere. Done when that list was empty twice; what is left otherwise is named, exit code 1.
    """
    found = target(config, data_dir, set_)
    scope, name = _scope(account, broker, session, strategy, symbol)
    rest = "Positions are closed at the market." if flatten else "Positions stay."
    confirm(f"This refuses new orders and cancels all of {_where(scope, name)}. {rest}", name or "kill", yes=yes)
    began = time.monotonic()
    report = ask(found, "kill", KillReport, scope=scope, name=name, reason=reason, flatten=flatten)
    shown = 0
    while True:
        for step in report.steps[shown:]:
            told = " ".join([f"{step.count}"] * (step.count is not None) + [step.text or ""]).strip()
            colon = f": {told}" if told else ""
            console().print(f"{step.name}{colon}  ({time.monotonic() - began:.1f} s)", markup=False)
        shown = len(report.steps)
        if report.complete:
            console().print("killed, nothing left", style="bold green")
            return
        if report.incomplete or time.monotonic() - began > wait:
            left = ", ".join(map(str, report.left)) or "unknown"
            fail(f"kill incomplete after {time.monotonic() - began:.0f} s; still at the broker: {left}")
        time.sleep(0.25)
        report = ask(found, "kill_report", KillReport, kill_id=report.kill_id)


@risk_app.command()
def limits(
    account: Account = None,
    used: Annotated[bool, typer.Option("--used", "-u", help="Only those in use.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    watch: Watch = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show every limit in force, where it comes from, and how much of it is used."""
    found = target(config, data_dir, set_)

    def read() -> list[dict[str, object]]:
        return [
            _limit(state)
            for state in ask(found, "risk_limits", tuple[LimitState, ...])
            if (not used or state.ratio) and (account is None or state.name in ("", account))
        ]

    listed(
        ("rule", "scope", "name", "value", "used", "ratio", "bar", "title", "source"),
        read,
        form=form(as_json=as_json, as_csv=as_csv),
        right=("value", "used", "ratio"),
        empty="no limit is in force",
        watch=watch,
    )


@risk_app.command()
def states(
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    watch: Watch = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show every scope that is not active: its state, since when, who made it so and why. Needs no daemon."""
    found = target(config, data_dir, set_)
    listed(
        ("scope", "name", "state", "time", "seq", "who", "reason", "kill"),
        lambda: halts(found),
        form=form(as_json=as_json, as_csv=as_csv),
        right=("seq",),
        empty="everything is active",
        watch=watch,
    )


def _limit(state: LimitState) -> dict[str, object]:
    row: dict[str, object] = msgspec.to_builtins(state)
    if state.ratio is not None:
        row["bar"] = "█" * round(min(state.ratio, 1) * 10)
        row["ratio"] = f"{state.ratio:.0%}"
    return row


@risk_app.command("set")
def set_limit(
    rule: Annotated[str, typer.Argument(help="Rule or parameter, e.g. R03.")],
    value: Annotated[str, typer.Argument(help="As in the configuration: 25000, '25000 warn', off, or `default`.")],
    reason: Reason,
    account: Account = None,
    broker: Broker = None,
    session: Session = None,
    strategy: Strategy = None,
    symbol: Symbol = None,
    hours: Annotated[float | None, typer.Option("--for", metavar="HOURS", help="Back to before after so long.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
) -> None:
    """Change a limit while the daemon runs. Tighter at once; looser after the configured delay."""
    found = target(config, data_dir, set_)
    scope, name = _scope(account, broker, session, strategy, symbol)
    state = ask(
        found,
        "risk_set",
        LimitState,
        rule=rule,
        scope=scope,
        name=name,
        value=None if value == "default" else value,
        reason=reason,
        expiry=datetime.now(UTC) + timedelta(hours=hours) if hours is not None else None,
    )
    until = f" until {state.expiry:%Y-%m-%d %H:%M:%S} UTC" if state.expiry else ""
    where = f"{state.rule} {_where(state.scope, state.name)}"
    if state.effective is not None and state.effective > datetime.now(UTC):
        text = f"{where}: {value} from {state.effective:%H:%M:%S} UTC{until}, for it may loosen; now {state.value}"
    else:
        text = f"{where}: {state.value}{until}"
    console().print(text, markup=False)


@risk_app.command()
def explain(
    order_id: Annotated[int, typer.Argument(metavar="ORDER", help="OrderID(37).")],
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Every rule's verdict on an order as it stands, with what is left of each limit."""
    verdict(ask(target(config, data_dir, set_), "explain", Verdict, order_id=order_id), as_json=as_json)


def verdict(found: Verdict, *, as_json: bool) -> None:
    """Print a verdict; exits 3 when the order would be refused."""
    rows(
        ("rule", "name", "outcome", "value", "limit", "headroom", "code", "text"),
        [msgspec.to_builtins(rule) for rule in found.rules],
        form=form(as_json=as_json),
        right=("value", "limit", "headroom"),
    )
    if not found.passed:
        fail(f"{found.code}: {found.text or 'would be refused'}", ExitCode.REFUSED)


def _scope(
    account: str | None, broker: str | None, session: str | None, strategy: str | None, symbol: str | None
) -> tuple[Scope, str]:
    given = [
        (scope, name)
        for scope, name in (
            (Scope.ACCOUNT, account),
            (Scope.BROKER, broker),
            (Scope.SESSION, session),
            (Scope.STRATEGY, strategy),
            (Scope.SYMBOL, symbol),
        )
        if name
    ]
    if len(given) > 1:
        fail("one scope at a time", ExitCode.USAGE)
    return given[0] if given else (Scope.GLOBAL, "")


def _where(scope: Scope, name: str) -> str:
    return f"{scope.value} {name}" if name else "everything"


def _state(state: RiskState) -> None:
    console().print(f"{_where(state.scope, state.name)}: {state.state.value} (seq {state.seq})", markup=False)
