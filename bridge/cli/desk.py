"""`fills`, `positions`: the desk, folded from the journal; no daemon is needed to look."""

from typing import Annotated, Any

import msgspec
import typer

from bridge.cli.book import executions, folded
from bridge.cli.engine import answered
from bridge.cli.loading import Config, DataDir, Set, target
from bridge.cli.output import Csv, Json, Watch, form, listed
from bridge.cli.remote import Remote

Account = Annotated[str | None, typer.Option("--account", "-a", help="Only this account.")]
Symbol = Annotated[str | None, typer.Option("--symbol", "-s", help="Only this symbol.")]


def fills(
    account: Account = None,
    symbol: Symbol = None,
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="Only so many, 0 = all.")] = 50,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    watch: Watch = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List executions, oldest first, with what each cost against the price at arrival."""
    found = target(config, data_dir, set_)

    def read() -> list[dict[str, Any]]:
        shown = [
            row
            for row in executions(found)
            if (account is None or row["account"] == account) and (symbol is None or row["symbol"] == symbol)
        ]
        return shown[-last:] if last else shown

    listed(
        (
            "seq",
            "time",
            "order_id",
            "cl_ord_id",
            "account",
            "symbol",
            "side",
            "qty",
            "px",
            "cost_bp",
            "broker",
            "exec_id",
        ),
        read,
        form=form(as_json=as_json, as_csv=as_csv),
        right=("seq", "order_id", "qty", "px", "cost_bp"),
        empty="no fill yet",
        watch=watch,
    )


def positions(
    account: Account = None,
    symbol: Symbol = None,
    every: Annotated[bool, typer.Option("--all", help="Closed ones as well.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    watch: Watch = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List positions from confirmed fills: quantity, average price, realised profit, fees."""
    found = target(config, data_dir, set_)

    def read() -> list[dict[str, Any]]:
        if isinstance(found, Remote):
            with answered(found):
                return list(found.items("positions", account=account, symbol=symbol, flat=every or None))
        return [
            msgspec.to_builtins(position) | {"qty": f"{position.qty:f}", "avg_px": f"{position.avg_px:f}"}
            for position in folded(found).positions(account)
            if (every or position.qty) and (symbol is None or position.symbol == symbol)
        ]

    listed(
        ("account", "symbol", "qty", "avg_px", "realised", "bought", "sold", "fees"),
        read,
        form=form(as_json=as_json, as_csv=as_csv),
        right=("qty", "avg_px", "realised", "bought", "sold", "fees"),
        empty="no position",
        watch=watch,
    )
