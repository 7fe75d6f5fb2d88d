"""Putting the demo together: connect, trade, draw, leave in order."""

import asyncio
import contextlib
import signal

from rich.console import Console

from bridge.demo.client import ConnectionEnded, FixClient
from bridge.demo.screen import Screen
from bridge.demo.strategy import Strategy
from bridge.demo.trader import Trader


async def trade(
    *,
    host: str,
    port: int,
    sender: str,
    target: str,
    orders: int = 0,
    seed: int = 1,
    pace: float = 1.0,
    username: str | None = None,
    password: str | None = None,
    console: Console,
) -> str:
    """Trade until `orders` were entered, or a signal comes. Gives "" after a clean end, else why it ended.

    Raises OSError when nobody listens at `host:port`, ConnectionEnded when the Logon(A) is refused.
    """
    client = FixClient(sender=sender, target=target, username=username, password=password)
    with Screen(console, f"{sender} at {host}:{port}") as screen:
        await client.connect(host, port)
        trader = Trader(client, screen.told)
        screen.trader, screen.wanted = trader, orders
        screen.told(f"logged on as {sender} at {target}")
        strategy = Strategy(trader, orders=orders, seed=seed, pace=pace)
        why = await _until_over(client, trader, strategy)
        if client.logged_on:
            await strategy.wind_down()
            await client.logout("demo is over")
            screen.told("logged out")
        else:
            await client.close()
    screen.summary()
    return why


async def _until_over(client: FixClient, trader: Trader, strategy: Strategy) -> str:
    """Run the strategy and the reading of reports until one of them ends or the user has had enough."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    reading = asyncio.create_task(_read(client, trader), name="demo reports")
    trading = asyncio.create_task(strategy.run(), name="demo strategy")
    waiting = asyncio.create_task(interrupted.wait(), name="demo interrupt")
    try:
        done, _ = await asyncio.wait({reading, trading, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if trading in done:
            await trading
            return strategy.stopped
        if reading in done:
            return await reading
        return ""
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        # The reports of the wind-down still have to be read, so `reading` lives until the client is closed.
        for task in (trading, waiting):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _read(client: FixClient, trader: Trader) -> str:
    try:
        async for message in client.messages():
            trader.take(message)
    except ConnectionEnded as ended:
        return str(ended)
    return ""
