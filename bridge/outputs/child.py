"""The engine's side of the outputs process: start it, wake it, start it again when it ends, stop it. Never wait for
it."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Sequence

import msgspec
import structlog

from bridge.outputs.process import WAKE_FD, Outputs, OutputsFailed, Started
from bridge.outputs.tail import WakeSocket
from bridge.settings import Settings
from bridge.settings.tree import Outputs as Where

START_WITHIN = 20.0  # seconds until the first process must have told that it runs
STOP_WITHIN = 8.0  # seconds for a clean stop before it is killed
STEADY = 60.0  # seconds of life after which the pause before a new start is short again

_log = structlog.get_logger("bridge.outputs")


class OutputsChild:
    """One outputs process at a time, restarted with growing pauses.

    `config` is `Settings.dump()`. `waker(fd)` tells the journal's HeadWriter which descriptor wakes the reader, None
    while there is no reader. FIX goes on whatever happens here.
    """

    def __init__(
        self, config: str, waker: Callable[[int | None], None], *, command: Sequence[str] | None = None
    ) -> None:
        self._config = config.encode()
        self._waker = waker
        self._command = list(command or (sys.executable, "-m", "bridge.outputs.process"))
        self._process: asyncio.subprocess.Process | None = None
        self._wake: socket.socket | None = None
        self._watch: asyncio.Task[None] | None = None
        self.restarts = 0
        self.started = Started()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> Started:
        """Start and wait for its word. `error` in it says in one line why it cannot run; then nothing runs."""
        self.started = await self._launch()
        if self.started.error is None:
            self._watch = asyncio.create_task(self._keep_running(), name="outputs child")
        return self.started

    async def stop(self) -> None:
        """Let it tell what was released and end; kill it when it takes too long."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(STOP_WITHIN):
                    await process.wait()
            except TimeoutError:
                _log.error("outputs did not end in time and are killed")
                process.kill()
                await process.wait()
        self._close()

    def _close(self) -> None:
        self._waker(None)
        if self._wake is not None:
            self._wake.close()
            self._wake = None

    async def _launch(self) -> Started:
        self._close()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, WAKE_FD: str(theirs.fileno())},
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            return Started(error=f"outputs: {error.strerror or error}")
        finally:
            theirs.close()
        self._wake = ours
        self._waker(ours.fileno())
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(self._config)
            await self._process.stdin.drain()
        self._process.stdin.close()
        try:
            async with asyncio.timeout(START_WITHIN):
                line = await self._process.stdout.readline()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            return Started(error=f"outputs did not start within {START_WITHIN:.0f} s")
        if not line:
            code = await self._process.wait()
            return Started(error=f"outputs ended with code {code} before they ran")
        started = msgspec.json.decode(line, type=Started)
        if started.error is not None:
            await self._process.wait()
        return started

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        pause = 0.5
        while True:
            assert self._process is not None
            began = loop.time()
            code = await self._process.wait()
            if loop.time() - began > STEADY:
                pause = 0.5
            self._close()
            _log.error("outputs ended, starting them again", code=code, pause_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, 30.0)
            self.restarts += 1
            self.started = await self._launch()
            if self.started.error is not None:
                _log.error("outputs do not start", error=self.started.error)


class InlineOutputs:
    """The same outputs in the engine's own loop, for tests and small machines: rendering and JSON then delay orders.

    `settings` have their secrets resolved already. A part that fails is started again with growing pauses.
    """

    def __init__(self, settings: Settings, waker: Callable[[int | None], None]) -> None:
        self._settings = settings
        self._waker = waker
        self._outputs: Outputs | None = None
        self._pair: tuple[socket.socket, WakeSocket] | None = None
        self._watch: asyncio.Task[None] | None = None
        self.started = Started()

    async def start(self) -> Started:
        """Open ports and begin; `error` says in one line why not."""
        try:
            self.started = await self._launch()
        except OutputsFailed as error:
            self.started = Started(error=str(error))
        else:
            self._watch = asyncio.create_task(self._keep_running(), name="inline outputs")
        return self.started

    async def stop(self) -> None:
        """Tell what was released and end."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        await self._end()

    async def _launch(self) -> Started:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._pair = ours, WakeSocket(theirs.detach())
        try:
            self._outputs = Outputs(self._settings, engine_pid=os.getpid(), wake=self._pair[1])
            started = await self._outputs.start()
        except OutputsFailed:
            self._outputs = None
            await self._end()
            raise
        self._waker(ours.fileno())
        return started

    async def _end(self) -> None:
        self._waker(None)
        outputs, self._outputs = self._outputs, None
        if outputs is not None:
            await outputs.stop()
        if self._pair is not None:
            self._pair[0].close()
            self._pair[1].close()
            self._pair = None

    async def _keep_running(self) -> None:
        pause = 0.5
        while True:
            if self._outputs is not None:
                try:
                    await asyncio.shield(self._outputs.failure)
                except asyncio.CancelledError:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it was, they are made anew from the cursors
                    _log.error("outputs ended, starting them again", error=str(error), pause_s=pause)
            await self._end()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 30.0)
            try:
                self.started = await self._launch()
            except OutputsFailed as error:
                _log.error("outputs do not start", error=str(error))


def outputs_for(settings: Settings, waker: Callable[[int | None], None]) -> OutputsChild | InlineOutputs | None:
    """What `outputs:` asks for, not yet started; None when it is off."""
    if settings.outputs is Where.OFF:
        return None
    if settings.outputs is Where.INLINE:
        return InlineOutputs(settings, waker)
    return OutputsChild(settings.dump(), waker)
