"""`sandbox`: a broker on this machine to rehearse against, without an account."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import typer

from bridge.cli.output import console, fail
from bridge.cli.sandbox_ib import ib

sandbox_app = typer.Typer(no_args_is_help=True, help="Brokers to rehearse against, on this machine.")
sandbox_app.command()(ib)


@sandbox_app.command()
def alpaca(
    port: Annotated[int, typer.Option(help="Port to listen on, 0 = any free one.")] = 9100,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    cash: Annotated[int, typer.Option(min=1, help="Cash of the account, in US dollars.")] = 1_000_000,
    limit: Annotated[int, typer.Option(min=1, help="Requests a minute.")] = 200,
    text: Annotated[
        bool, typer.Option("--text", help="Text frames, as Alpaca live sends; paper sends binary.")
    ] = False,
    still: Annotated[
        bool, typer.Option("--still", help="No market of its own: quotes only by POST /sandbox/quote.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the invented market.")] = 1,
) -> None:
    """Run a local Alpaca: REST v2, order stream and market data, strict as the real one, failing when told to.

    It prints the BrokerSpec to use. `curl -X POST localhost:9100/sandbox/fault -d '{"how": "504", "at": "POST /orders",
    "carried_out": true}'` makes the next order's answer get lost; docs/alpaca.md lists everything that can go wrong.
    """
    try:
        asyncio.run(_alpaca(host, port, Decimal(cash), limit, binary=not text, still=still, seed=seed))
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {error.strerror or error}")


async def _alpaca(host: str, port: int, cash: Decimal, limit: int, *, binary: bool, still: bool, seed: int) -> None:
    # Other commands should not wait for what only a sandbox needs.
    from bridge.instruments import Instruments
    from bridge.marketdata.synthetic import SyntheticSource
    from bridge.orders.market import AssetClass, Quote, Tick
    from bridge.sandbox.alpaca import KEY, SECRET, AlpacaSandbox
    from sessions.clock import SystemClock

    sandbox = AlpacaSandbox(cash=cash, requests_per_minute=limit, binary=binary)
    await sandbox.start(host, port)

    def publish(tick: Tick) -> None:
        if isinstance(tick, Quote) and tick.bid_px is not None and tick.ask_px is not None:
            sizes = tick.bid_sz or Decimal(1000), tick.ask_sz or Decimal(1000)
            sandbox.quote(tick.symbol, f"{tick.bid_px:f}", f"{tick.ask_px:f}", f"{sizes[0]:f}", f"{sizes[1]:f}")

    known = Instruments.starter(datetime.now(UTC).date())
    shares = {AssetClass.EQUITY, AssetClass.ETF, AssetClass.CRYPTO}
    traded = [name for name in known.symbols if (row := known.get(name)) is not None and row.asset_class in shares]
    market = SyntheticSource(known, clock=SystemClock(), seed=seed, symbols=traded)
    if not still:
        await market.start(publish)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    symbols = "no quotes yet" if still else f"{len(traded)} symbols"
    console().print(
        f"Alpaca sandbox at http://{shown}:{sandbox.port}, {symbols}.\n\n"
        f"  export ALPACA_KEY={KEY} ALPACA_SECRET={SECRET}\n"
        f"  broker:\n    type: alpaca\n    endpoint: http://{shown}:{sandbox.port}\n"
        "    credentials: {apiKey: {env: ALPACA_KEY}, apiSecret: {env: ALPACA_SECRET}}\n\n"
        f"POST http://{shown}:{sandbox.port}/sandbox/ moves it: quote, fault, stream, market, fill, cancel, clear. "
        "Ctrl-C ends it.",
        markup=False,
    )
    try:
        await asyncio.Event().wait()
    finally:
        await market.stop()
        await sandbox.stop()
