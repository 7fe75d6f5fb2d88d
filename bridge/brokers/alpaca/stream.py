"""The trade_updates stream, supervised by us: connect, authenticate, wait for the listen acknowledgement, read.

alpaca-py speaks the wire. Its own loop is not used: it retries for ever on wrong keys without telling, waits longer
and longer on a quiet account, never tells that it reconnected, and swallows cancellation on Python 3.11.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import structlog

from bridge.brokers.alpaca.rest import EXTRA

log = structlog.get_logger("bridge.brokers.alpaca")

STEADY = 10.0
"""Seconds after which a connection counts as good, and the next failure begins with the shortest wait again."""


class Stream:
    """One connection at a time. Callbacks run on the loop and must not raise: `heard` for each trade update,
    `up` when the broker has confirmed that it tells, `down` with the reason when it no longer does.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        secret: str,
        *,
        heard: Callable[[dict[str, Any]], None],
        garbled: Callable[[str], None],
        up: Callable[[], None],
        down: Callable[[str], None],
        backoff: tuple[float, float] = (0.5, 30.0),
        open_timeout: float = 10.0,
        ping: float = 5.0,
    ) -> None:
        """`backoff` is the first and the longest wait, `ping` the seconds within which a dead peer is noticed, twice.

        Raises ImportError with one clear sentence without alpaca-py.
        """
        try:
            from alpaca.trading.stream import TradingStream
        except ImportError as error:
            raise ImportError(EXTRA) from error
        self._wire: Any = TradingStream(
            key,
            secret,
            raw_data=True,
            url_override=endpoint,
            websocket_params={
                "ping_interval": ping,
                "ping_timeout": ping,
                "max_queue": 1024,
                "open_timeout": open_timeout,
                "close_timeout": 1.0,
            },
        )
        self._wire.subscribe_trade_updates(_unused)
        self._endpoint = endpoint
        self._heard, self._garbled, self._up, self._down = heard, garbled, up, down
        self._backoff = backoff
        self._open_timeout = open_timeout
        self._task: asyncio.Task[None] | None = None
        self.connections = 0
        self.frames = 0
        self.last_error: str | None = None
        self.first_try = asyncio.Event()  # set when the first attempt has come to something

    def start(self) -> None:
        """Connect, and again whenever it is lost, until `stop`."""
        self._task = asyncio.create_task(self._run(), name="alpaca trade_updates")

    async def stop(self) -> None:
        """Close the connection; nothing is heard after this."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=0.1)
        await self._close()

    async def renew(self) -> None:
        """Drop a connection that seems to lose frames; the next one is made at once."""
        await self._close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            since: float | None = None
            try:
                async with asyncio.timeout(self._open_timeout):
                    await self._wire._start_ws()
                    await self._listening()
                since = loop.time()
                self.connections += 1
                self.last_error = None
                self._up()
                self.first_try.set()
                while True:
                    self._take(await self._read())
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever ended it is told, and the stream is made anew
                self.last_error = _reason(error)
            await self._close()
            log.warning("order stream lost", endpoint=self._endpoint, reason=self.last_error)
            self._down(self.last_error)
            self.first_try.set()
            if since is not None and loop.time() - since >= STEADY:
                attempt = 0
            await asyncio.sleep(min(self._backoff[0] * 2**attempt, self._backoff[1]))
            attempt = min(attempt + 1, 16)

    async def _read(self) -> str | bytes:
        wire = self._wire._ws
        if wire is None:
            raise ConnectionError("closed by us")
        found: str | bytes = await wire.recv()
        return found

    async def _listening(self) -> None:
        """Until the broker confirms that it tells trade updates; those that come before count already."""
        while True:
            raw = await self._read()
            try:
                said = json.loads(raw)
            except ValueError:
                self._garbled(repr(raw[:80]))
                continue
            if said.get("stream") == "listening":
                if "trade_updates" not in (said.get("data") or {}).get("streams", ()):
                    raise ConnectionError("the broker does not tell trade_updates to this key")
                return
            self._take(raw)

    def _take(self, raw: str | bytes) -> None:
        self.frames += 1
        try:
            said = json.loads(raw)  # paper sends binary frames, live text: the same JSON
            data = said["data"] if said.get("stream") == "trade_updates" else None
        except (ValueError, AttributeError, KeyError):
            self._garbled(repr(raw[:80]))
            return
        if data is not None:
            self._heard(data)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(2.0):
                await self._wire.close()
        except Exception as error:  # noqa: BLE001 - it is being given up either way
            log.debug("order stream not closed cleanly", error=_reason(error))


async def _unused(update: Any) -> None:
    """alpaca-py subscribes only where a handler is set; frames are read by us."""


def _reason(error: BaseException) -> str:
    status = getattr(error, "status_code", None)
    if status in (406, 429):
        return (
            f"HTTP {status}: connection limit exceeded, another connection with this key is open or not yet timed out"
        )
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ValueError) and "authenticate" in str(error):
        return "the broker refuses these credentials"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
