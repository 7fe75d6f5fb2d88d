"""`run`: the daemon in the foreground."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import uvloop

from bridge import banner, log
from bridge.cli.loading import Config, DataDir, Set, files, settings
from bridge.cli.output import ExitCode, console, fail
from bridge.journal.errors import JournalDamaged
from bridge.settings import Settings
from bridge.settings.preflight import obstacles

if TYPE_CHECKING:
    from bridge.daemon import Daemon


def run(
    config: Config = None,
    data_dir: DataDir = None,
    set_: Set = None,
    live: Annotated[
        bool, typer.Option("--live", help="Allow real money: needed as well as `live: true` in the BrokerSpec.")
    ] = False,
    plain_asyncio: Annotated[
        bool, typer.Option("--asyncio", help="Run on asyncio's own event loop instead of uvloop.")
    ] = False,
) -> None:
    """Run the daemon in the foreground until Ctrl-C or SIGTERM.

    Without a configuration: FIX on 127.0.0.1:9878 for SenderCompID STRATEGY, a paper broker with a million dollars,
    invented prices, risk on, everything bound to loopback. The banner shows all of it and how to change it.

    Ctrl-C drains: no new orders, sessions logged out with a reason, outputs flushed, journal closed. A second Ctrl-C
    ends at once; nothing that was acknowledged is lost either way.
    """
    found = settings(config, data_dir, set_, live=live, here=True)
    log.set_up(level=found.log.level.value, format=found.log.format.value)
    hindered = obstacles(found)
    for obstacle in hindered:
        console(stderr=True).print(str(obstacle), markup=False)
    if hindered:
        fail("cannot start")
    sys.exit(start(found, files(config), plain_asyncio=plain_asyncio))


def start(found: Settings, sources: list[Path], *, plain_asyncio: bool = False) -> int:
    """Run until stopped; gives the exit code."""
    # Only a daemon needs all of it, and the other commands should answer at once.
    from bridge import daemon
    from bridge.assembly import StartFailed

    def announce(running: "Daemon") -> None:
        watching = running.watching
        started = banner.Started(
            fix_port=running.acceptor.port,
            http_port=watching.http_port,
            mqtt=watching.mqtt,
            watch=watching.watch,
            notes=tuple(running.notes),
        )
        banner.show(found, started, files=sources, console=console())

    loop_factory = None if plain_asyncio else uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(daemon.run(found, announce))
    except StartFailed as error:
        fail(str(error), ExitCode.REFUSED if isinstance(error.__cause__, JournalDamaged) else ExitCode.ERROR)
    except JournalDamaged as error:
        fail(str(error), ExitCode.REFUSED)
