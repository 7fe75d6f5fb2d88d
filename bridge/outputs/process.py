"""The outputs process: `python -m bridge outputs`, beside the engine and started by it (OUTPUTS.md section 9).

The effective configuration comes as JSON on standard input. It reads the journal's directory, hands commands up and
takes vitals down by the control socket, and has a socketpair that wakes it and whose end says that the engine is
gone.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import uvloop

from bridge import log
from bridge.outputs.composition import Outputs, OutputsFailed, Started
from bridge.outputs.tail import WakeSocket
from bridge.settings import Settings

__all__ = ["WAKE_FD", "Outputs", "OutputsFailed", "Started", "main", "run"]

WAKE_FD = "FIXBRIDGE_WAKE_FD"


async def run(config: dict[str, Any], *, report: Callable[[Started], None] | None = None) -> int:
    """The outputs process from start to end; the exit code.

    Ends on SIGTERM (0), when the engine is gone (0, after saying `lost`), and 1 when a part failed. SIGINT is left to
    the engine, which stops us in its turn.
    """
    settings = Settings.model_validate(config)
    unresolved = settings.mqtt.password.resolve(os.environ) if settings.mqtt.password is not None else None
    tell = report or (lambda started: None)
    if unresolved is not None:
        tell(Started(error=f"mqtt.password: {unresolved}"))
        return 2
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    fd = os.environ.get(WAKE_FD)
    wake = WakeSocket(int(fd)) if fd is not None else None
    try:
        outputs = Outputs(settings, engine_pid=os.getppid(), wake=wake)
        tell(await outputs.start())
    except OutputsFailed as error:
        tell(Started(error=str(error)))
        return 2
    gone = asyncio.create_task(_engine_gone(wake))
    stopped = asyncio.create_task(stop.wait())
    ends: set[asyncio.Future[Any]] = {gone, stopped, outputs.failure}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    failed = outputs.failure.done()
    await outputs.stop(lost=not stopped.done())
    gone.cancel()
    stopped.cancel()
    if wake is not None:
        wake.close()
    if failed:
        outputs.failure.exception()
        return 1
    return 0


async def _engine_gone(wake: WakeSocket | None) -> None:
    """Return when the engine's process has ended, however it ended."""
    parent = os.getppid()
    while os.getppid() == parent:
        if wake is None:
            await asyncio.sleep(1.0)
            continue
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await wake.gone.wait()
                return


def main() -> int:
    """`python -m bridge outputs`: configuration on standard input, one line of `Started` on standard output."""
    config = msgspec.json.decode(sys.stdin.buffer.read(), type=dict[str, Any])
    settings = Settings.model_validate(config)
    log.set_up(level=settings.log.level.value, format=settings.log.format.value)
    told = False

    def report(started: Started) -> None:
        nonlocal told
        if not told:
            told = True
            sys.stdout.buffer.write(msgspec.json.encode(started) + b"\n")
            sys.stdout.flush()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(config, report=report))


if __name__ == "__main__":
    sys.exit(main())
