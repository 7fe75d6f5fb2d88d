"""The stream underneath: connects, subscribes, comes back with jitter, and resumes where it was."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from bridge.outputs.http.documents import OutwardEntry
from bridge.problems import problem
from bridge.sdk.errors import NotFound, Unauthorized, unavailable

MAX_SIZE = 16 * 1024 * 1024
UNAUTHORIZED = (401, 403, 4401, 4403)


class Frame(msgspec.Struct):
    """As much of a frame as decides what it is."""

    op: str | None = None
    seq: int | None = None
    kind: str | None = None
    items: list[Any] = []
    snapshot: bool = False
    more: bool = False
    heartbeat_s: float = 5.0
    status: int | None = None
    detail: str | None = None


class Feed:
    """One subscription over as many connections as it takes. `cursor` is how far it has come.

    `on_entry` gets every entry once and in order; `on_state(kind, items, snapshot)` gets states; `on_cursor` is told
    when a heartbeat says that nothing was missed up to there.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        on_entry: Callable[[OutwardEntry], None],
        on_state: Callable[[str, list[Any], bool], None] | None = None,
        on_cursor: Callable[[int], None] | None = None,
        after: int | None = None,
        types: Sequence[str] | None = None,
        accounts: Sequence[str] | None = None,
        symbols: Sequence[str] | None = None,
        states: Sequence[str] = (),
        ssl: Any = None,
    ) -> None:
        self.cursor = after
        self.ready = asyncio.Event()
        self._url = url.replace("http", "ws", 1).rstrip("/") + "/v1/stream"
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self._on_entry = on_entry
        self._on_state = on_state
        self._on_cursor = on_cursor
        self._filter = {
            name: value
            for name, value in (("types", types), ("accounts", accounts), ("symbols", symbols))
            if value is not None
        }
        self._states = list(states)
        self._ssl = ssl
        self._task: asyncio.Task[None] | None = None

    def start(self, ended: Callable[[], None] | None = None) -> None:
        """Begin; `ended` is called when it has ended, for whatever reason."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="bridge feed")
            if ended is not None:
                self._task.add_done_callback(lambda _: ended())

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def wait_ready(self, within: float) -> None:
        """Return once subscribed. Raises what ended it, or Unavailable after `within` seconds."""
        assert self._task is not None
        ready = asyncio.create_task(self.ready.wait())
        await asyncio.wait({ready, self._task}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._task.done():
            self._task.result()
        if not self.ready.is_set():
            raise unavailable(f"{self._url} cannot be reached")

    @property
    def failed(self) -> BaseException | None:
        """Why it has ended for good, None while it runs."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()

    async def _run(self) -> None:
        pause = 0.05
        while True:
            try:
                await self._follow()
                pause = 0.05
            except InvalidStatus as error:
                if error.response.status_code in UNAUTHORIZED:
                    raise Unauthorized(problem("unauthenticated", "the stream was refused")) from error
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd is not None else 1006
                reason = closed.rcvd.reason if closed.rcvd is not None else ""
                if code in UNAUTHORIZED:
                    raise Unauthorized(problem("unauthenticated", reason)) from closed
                if code == 4410:
                    raise NotFound(problem("cursor-gone", reason)) from closed
                if self.ready.is_set():
                    pause = 0.05
            except (OSError, InvalidHandshake, TimeoutError):
                pass  # not reachable just now: tried again below, and `wait_ready` gives up in its own time
            self.ready.clear()
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - jitter, no secret
            pause = min(2 * pause, 5.0)

    async def _follow(self) -> None:
        """One connection, from hello to its end."""
        decode = msgspec.json.Decoder(Frame).decode
        entry_of = msgspec.json.Decoder(OutwardEntry).decode
        async with connect(
            self._url, additional_headers=self._headers, max_size=MAX_SIZE, compression=None, ssl=self._ssl
        ) as socket:
            silence = 15.0
            while True:
                async with asyncio.timeout(silence):
                    data = await socket.recv(decode=False)
                frame = decode(data)
                match frame.op:
                    case None:
                        self._take(entry_of(data))
                    case "hello":
                        silence = 2 * frame.heartbeat_s + 5
                        await socket.send(self._subscribe())
                    case "subscribed":
                        if self.cursor is None:
                            self.cursor = msgspec.json.decode(data)["from"] - 1
                        self.ready.set()
                    case "state":
                        if self._on_state is not None and frame.kind is not None:
                            self._on_state(frame.kind, frame.items, frame.snapshot)
                    case "heartbeat":
                        self._beat(frame.seq or 0)
                    case "problem":
                        raise Unauthorized(problem("forbidden", frame.detail))

    def _subscribe(self) -> str:
        request: dict[str, Any] = {"op": "subscribe", "id": 1, "states": self._states, **self._filter}
        if self.cursor is not None:
            request["after"] = self.cursor
        return msgspec.json.encode(request).decode()

    def _take(self, entry: OutwardEntry) -> None:
        if self.cursor is not None and entry.seq <= self.cursor:
            return  # at least once: the rest is a repetition
        self.cursor = entry.seq
        self._on_entry(entry)

    def _beat(self, seq: int) -> None:
        if self.cursor is None or seq > self.cursor:
            self.cursor = seq
        if self._on_cursor is not None:
            self._on_cursor(self.cursor)


class Entries:
    """An async iterator over entries with a place to go on from; the place is saved after the loop's body."""

    def __init__(
        self, feed: Callable[[Callable[[OutwardEntry], None], Callable[[int], None]], Feed], checkpoint: Any
    ) -> None:
        self._queue: asyncio.Queue[OutwardEntry] = asyncio.Queue()
        self._checkpoint = checkpoint
        self._feed = feed(self._queue.put_nowait, self._idle)
        self._working = False
        self._saved = -1

    def _idle(self, seq: int) -> None:
        if not self._working and self._queue.empty():
            self._save(seq)

    def _save(self, seq: int) -> None:
        if self._checkpoint is not None and seq > self._saved:
            self._checkpoint.save(seq)
            self._saved = seq

    async def run(self) -> AsyncIterator[OutwardEntry]:
        """The entries, until the loop is left. Raises what ends the stream for good."""
        self._feed.start()
        task = self._feed._task
        assert task is not None
        try:
            while True:
                getting = asyncio.ensure_future(self._queue.get())
                await asyncio.wait({getting, task}, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    task.result()
                    return
                entry = getting.result()
                self._working = True
                yield entry
                self._working = False
                self._save(entry.seq)
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await self._feed.stop()
