"""`demo`: a strategy to look at."""

import asyncio
import os
from typing import Annotated

import typer

from bridge.cli.loading import Config, Set, settings
from bridge.cli.output import ExitCode, console, fail
from bridge.demo.client import ConnectionEnded
from bridge.demo.run import trade


def demo(
    orders: Annotated[int, typer.Option("--orders", "-n", min=0, help="Stop after so many orders, 0 = never.")] = 0,
    host: Annotated[str | None, typer.Option(help="Where the daemon listens.")] = None,
    port: Annotated[int | None, typer.Option(help="Its FIX port.")] = None,
    sender: Annotated[str | None, typer.Option(help="SenderCompID(49) to log on with.")] = None,
    target: Annotated[str | None, typer.Option(help="TargetCompID(56), the daemon's CompID.")] = None,
    username: Annotated[str | None, typer.Option(help="Username(553), with FIXBRIDGE_DEMO_PASSWORD set.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the strategy's choices.")] = 1,
    pace: Annotated[float, typer.Option(min=0.01, help="Seconds between two steps.")] = 1.0,
    config: Config = None,
    set_: Set = None,
) -> None:
    """Trade over FIX against a running daemon and show orders, fills and positions live.

    A small strategy without any edge: it buys a little, leaves by limit, stop, stop-limit or market, replaces and
    cancels, and now and then sends an order that is far too large, to show how risk refuses it. Address and CompIDs
    come from the same settings as the daemon's.

    [b]fixbridge demo --orders 20[/b] ends by itself; else Ctrl-C cancels what still works and logs out.
    """
    found = settings(config, None, set_)
    fix = found.listeners.fix
    address = host or ("127.0.0.1" if fix.host in ("0.0.0.0", "::") else fix.host)  # noqa: S104 - compared, not bound
    where = f"{address}:{port or fix.port}"
    try:
        why = asyncio.run(
            trade(
                host=address,
                port=port or fix.port,
                sender=sender or found.sessions[0].comp_id,
                target=target or found.sessions[0].our_comp_id or fix.comp_id,
                orders=orders,
                seed=seed,
                pace=pace,
                username=username,
                password=os.environ.get("FIXBRIDGE_DEMO_PASSWORD"),
                console=console(),
            )
        )
    except ConnectionEnded as ended:
        fail(f"no session at {where}: {ended}", ExitCode.NOT_REACHABLE)
    except OSError as error:
        fail(
            f"nobody listens at {where} ({error.strerror or error}); start the daemon with `make run`",
            ExitCode.NOT_REACHABLE,
        )
    if why:
        fail(f"ended early: {why}")
