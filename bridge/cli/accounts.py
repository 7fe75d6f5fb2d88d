"""`accounts`: the money of every account as its broker states it, and its day so far."""

from decimal import Decimal
from typing import Any

from bridge.cli.engine import answered, ask
from bridge.cli.loading import Config, DataDir, Set, target
from bridge.cli.output import Csv, Json, Watch, form, listed
from bridge.cli.remote import Remote

COLUMNS = ("account", "currency", "equity", "cash", "buying_power", "day_pnl", "unrealised", "realised", "held")


def accounts(
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    watch: Watch = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List the accounts: equity, cash, buying power, the day's profit, and how many positions are held.

    Money is in the account's currency as its broker last stated it; what no broker has stated yet is left empty.
    """
    found = target(config, data_dir, set_)
    listed(
        COLUMNS,
        lambda: _of_remote(found) if isinstance(found, Remote) else of_vitals(ask(found, "vitals", dict[str, Any])),
        form=form(as_json=as_json, as_csv=as_csv),
        right=COLUMNS[2:],
        empty="no account is known yet",
        watch=watch,
    )


def of_vitals(vitals: dict[str, Any]) -> list[dict[str, Any]]:
    """A row per account out of the engine's figures."""
    return [
        {
            "account": name,
            "currency": told["currency"],
            **{key: _money(told[key]) for key in ("equity", "cash", "buying_power", "day_pnl")},
            **{key: _money(_sum(told, key)) for key in ("unrealised", "realised")},
            "held": sum(1 for position in told["positions"].values() if Decimal(position["qty"])),
        }
        for name, told in vitals["accounts"].items()
    ]


def _of_remote(found: Remote) -> list[dict[str, Any]]:
    with answered(found):
        accounts, held = list(found.items("accounts")), list(found.items("positions"))
    return [
        {
            **account,
            **{
                key: _money(sum((Decimal(each.get(key) or 0) for each in mine), Decimal(0)))
                for key in ("unrealised", "realised")
            },
            "held": len(mine),
        }
        for account in accounts
        for mine in [[each for each in held if each["account"] == account["account"]]]
    ]


def _sum(account: dict[str, Any], key: str) -> Decimal:
    return sum((Decimal(position[key]) for position in account["positions"].values()), Decimal(0))


def _money(amount: Any) -> str | None:
    return f"{Decimal(amount):.2f}" if amount is not None else None
