"""`token`: who may use HTTP and WebSocket. The secret is shown once and stored nowhere."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from bridge.cli.loading import Config, DataDir, Set, settings
from bridge.cli.output import Csv, Json, Yes, console, fail, form, rows
from bridge.outputs.http.principal import Role
from bridge.outputs.http.tokens import TokenError, TokenStore
from bridge.settings import Settings

token_app = typer.Typer(no_args_is_help=True, help="Tokens for HTTP and WebSocket: make, list, revoke.")


@token_app.command()
def new(
    name: str,
    role: Annotated[Role, typer.Option("--role", "-r", help="What it may do.")],
    account: Annotated[list[str] | None, typer.Option("--account", "-a", help="Only this account; repeatable.")] = None,
    cidr: Annotated[list[str] | None, typer.Option(help="Only from this network; repeatable.")] = None,
    days: Annotated[float | None, typer.Option(min=0.001, help="Days until it ends; absent = never.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
) -> None:
    """Make a token and print its secret: once, it is stored nowhere."""
    found = settings(config, data_dir, set_)
    known = {row.name for row in found.accounts}
    if unknown := [each for each in account or () if each not in known]:
        fail(f"unknown account {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    try:
        found.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret, _ = _store(found).create(
            name,
            role,
            accounts=tuple(account or ()),
            cidrs=tuple(cidr or ()),
            expires=_now() + timedelta(days=days) if days is not None else None,
        )
    except (TokenError, OSError) as error:
        fail(str(error))
    print(secret)


@token_app.command("ls")
def list_(
    config: Config = None, data_dir: DataDir = None, set_: Set = None, as_json: Json = False, as_csv: Csv = False
) -> None:
    """List the tokens, without their secrets."""
    try:
        tokens = _store(settings(config, data_dir, set_)).all()
    except (TokenError, OSError) as error:
        fail(str(error))
    rows(
        ("name", "role", "accounts", "cidrs", "created", "expires"),
        [
            {
                "name": token.name,
                "role": token.role,
                "accounts": ", ".join(token.accounts) or "all",
                "cidrs": ", ".join(token.cidrs) or "any",
                "created": token.created,
                "expires": token.expires or "never",
            }
            for token in tokens
        ],
        form=form(as_json=as_json, as_csv=as_csv),
        empty="no token; without one only loopback may use HTTP, and only on paper",
    )


@token_app.command()
def revoke(name: str, config: Config = None, data_dir: DataDir = None, set_: Set = None, yes: Yes = False) -> None:
    """Forget a token; in force with the next request."""
    found = settings(config, data_dir, set_)
    if not yes and typer.prompt(f"Type {name} to revoke it") != name:
        fail("nothing was done")
    try:
        gone = _store(found).revoke(name)
    except (TokenError, OSError) as error:
        fail(str(error))
    if not gone:
        fail(f"there is no token {name}")
    console().print(f"{name} revoked", markup=False)


def _store(found: Settings) -> TokenStore:
    return TokenStore(found.data_dir / "tokens.json", _now)


def _now() -> datetime:
    return datetime.now(UTC)
