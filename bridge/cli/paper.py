"""`paper`: what the paper broker's accounts hold, and beginning anew with one."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec
import typer

from bridge.cli.engine import ask
from bridge.cli.loading import Config, DataDir, Set, settings
from bridge.cli.orders import number
from bridge.cli.output import Csv, ExitCode, Json, Watch, Yes, confirm, console, fail, form, listed
from bridge.control_commands import PaperAccount
from bridge.settings import Settings

paper_app = typer.Typer(invoke_without_command=True, help="Accounts of the paper broker: show, reset.")


@paper_app.callback()
def paper(
    context: typer.Context,
    positions: Annotated[bool, typer.Option("--positions", "-p", help="A row for each position instead.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    watch: Watch = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the paper accounts as their broker keeps them: cash, equity, buying power, positions."""
    context.obj = found = settings(config, data_dir, set_)
    if context.invoked_subcommand is not None:
        return
    columns: tuple[str, ...] = (
        "account",
        "broker",
        "currency",
        "cash",
        "equity",
        "buying_power",
        "open_orders",
        "held",
    )
    if positions:
        columns = ("account", "symbol", "qty", "avg_px", "mark", "value")
    elif as_json:
        columns = ()
    listed(
        columns,
        (lambda: _positions(found)) if positions else (lambda: _accounts(found, as_json=as_json)),
        form=form(as_json=as_json, as_csv=as_csv),
        right=("cash", "equity", "buying_power", "open_orders", "qty", "avg_px", "mark", "value"),
        empty="no position" if positions else "no account is at a paper broker",
        watch=watch,
    )


@paper_app.command()
def reset(
    context: typer.Context,
    account: str,
    cash: Annotated[str | None, typer.Option("--cash", help="What it begins with; absent means as configured.")] = None,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it is journalled with your name.")] = "begin anew",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Begin anew: cancel the account's orders, take its positions out, give it cash. Cannot be undone.

    The journal keeps what was; that there are no positions any more is taken over from the broker, with your reason.
    """
    found: Settings = context.obj
    amount = number("--cash", cash) if cash is not None else _configured(found, account)
    assert amount is not None
    confirm(
        f"This cancels every order of {account}, drops its positions and leaves it {amount:,.2f} in cash.",
        account,
        yes=yes,
    )
    told = ask(found, "paper_reset", PaperAccount, within=20.0, account=account, cash=amount, reason=reason)
    if as_json:
        print(msgspec.json.encode(told).decode())
        return
    console().print(f"{told.account}: {told.cash:,.2f} {told.currency}, no position, no order", markup=False)


def _configured(found: Settings, account: str) -> Decimal:
    known = {row.name: found.broker(row.broker) for row in found.accounts}
    if account not in known:
        fail(f"{account} is not in the configuration; give --cash", ExitCode.USAGE)
    return known[account].paper.cash


def _accounts(found: Settings, *, as_json: bool) -> list[dict[str, Any]]:
    told = ask(found, "paper_accounts", tuple[PaperAccount, ...])
    if as_json:
        return [msgspec.to_builtins(each) for each in told]
    return [
        {
            **{name: getattr(each, name) for name in ("account", "broker", "currency", "open_orders")},
            **{name: f"{getattr(each, name):.2f}" for name in ("cash", "equity", "buying_power")},
            "held": ", ".join(f"{position.qty:f} {position.symbol}" for position in each.positions) or None,
        }
        for each in told
    ]


def _positions(found: Settings) -> list[dict[str, Any]]:
    return [
        {
            "account": each.account,
            **msgspec.structs.asdict(position),
            "value": position.qty * position.mark if position.mark is not None else None,
        }
        for each in ask(found, "paper_accounts", tuple[PaperAccount, ...])
        for position in each.positions
    ]
