"""`sandbox ib`: TWS on this machine to rehearse against, without an account."""

import asyncio
import contextlib
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from bridge.cli.output import console, fail


def ib(
    port: Annotated[int, typer.Option(help="Port to listen on, 0 = any free one.")] = 4002,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    account: Annotated[list[str] | None, typer.Option(help="An account under the login; may be repeated.")] = None,
    still: Annotated[bool, typer.Option("--still", help="No market of its own: quotes only by `quote`.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the invented market.")] = 1,
) -> None:
    """Run a local TWS: the socket protocol, orders, executions, ticks, failing when told to.

    It prints the BrokerSpec to use, and takes commands on its standard input: `help` lists them, docs/ib.md explains
    what can go wrong.
    """
    try:
        asyncio.run(_ib(host, port, tuple(account or ["DU1000001"]), still=still, seed=seed))
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {error.strerror or error}")


async def _ib(host: str, port: int, accounts: tuple[str, ...], *, still: bool, seed: int) -> None:
    # Other commands should not wait for what only a sandbox needs.
    from bridge.instruments import Instruments
    from bridge.marketdata.synthetic import SyntheticSource
    from bridge.orders.market import AssetClass, Quote, Tick
    from bridge.sandbox.ib import TwsSandbox
    from bridge.sandbox.ib_commands import Commands
    from sessions.clock import SystemClock

    sandbox = TwsSandbox(accounts=accounts)
    await sandbox.start(host, port)

    def publish(tick: Tick) -> None:
        if isinstance(tick, Quote) and tick.bid_px is not None and tick.ask_px is not None:
            sandbox.quote(tick.symbol, f"{tick.bid_px:f}", f"{tick.ask_px:f}", f"{tick.ask_sz or 1000:f}")

    known = Instruments.starter(datetime.now(UTC).date())
    traded = [
        name
        for name in known.symbols
        if (row := known.get(name)) is not None and row.asset_class is not AssetClass.CRYPTO
    ]
    market = SyntheticSource(known, clock=SystemClock(), seed=seed, symbols=traded)
    if not still:
        await market.start(publish)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    console().print(
        f"TWS sandbox at {shown}:{sandbox.port}, accounts {', '.join(accounts)}.\n\n"
        f"  broker:\n    type: interactive-brokers\n    endpoint: {shown}:{sandbox.port}\n"
        f"    account: {accounts[0]}\n\n"
        "Type help for what can go wrong. Ctrl-C ends it.",
        markup=False,
    )
    commands = Commands(sandbox)
    loop = asyncio.get_running_loop()

    def typed() -> None:
        line = sys.stdin.readline()
        if not line:
            loop.remove_reader(sys.stdin)
            return
        answer = commands.do(line)
        if answer:
            console().print(answer, markup=False)

    with contextlib.suppress(OSError, ValueError):  # without an input that can be waited for it runs by itself
        loop.add_reader(sys.stdin, typed)
    try:
        await asyncio.Event().wait()
    finally:
        await market.stop()
        await sandbox.stop()
