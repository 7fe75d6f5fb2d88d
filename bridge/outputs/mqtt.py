"""Entries and states over MQTT. The journal is the outbox; what is kept here is a cursor (OUTPUTS.md section 1).

`MqttSink` connects, publishes birth, states and the entries above its cursor, and comes back when the connection is
lost. At most `window` publishes are unacknowledged. The cursor moves over the unbroken run of acknowledged entries,
so what the broker has not confirmed is sent again: at least once, in order per topic. While the broker is away
nothing is buffered.
"""

import asyncio
import contextlib
import random
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import structlog

from bridge.journal.encoding import to_json
from bridge.outputs.files import load, save
from bridge.outputs.mqtt_board import Board
from bridge.outputs.mqtt_endpoint import Endpoint, publish_properties, reason_word, will_properties
from bridge.outputs.mqtt_topics import Topics
from bridge.outputs.mqtt_window import REFUSED, UNHEARD, Window
from bridge.outputs.stream import Outward, Stream

WINDOW = 100
KEEPALIVE = 10  # seconds; a frozen broker is noticed after twice that
HEARTBEAT = 10.0  # seconds between two status messages
SAVE_EVERY = 0.25  # seconds between two writes of a moving cursor
DAY = 86_400

_log = structlog.get_logger("bridge.outputs.mqtt")


class Kept(msgspec.Struct):
    """What outlives a restart: the cursor, and how often we connected."""

    cursor: int = 0
    connection: int = 0


class Counters:
    """What metrics tell about this sink."""

    def __init__(self) -> None:
        self.connected = False
        self.published = 0
        self.reconnects = 0
        self.refused: dict[str, int] = {}
        self.unheard = 0


class MqttSink:
    """The MQTT output. `run` until cancelled, then `stopped` or `lost` is told and the connection closed.

    `published(item, seconds)` is called for each acknowledged entry with the time since its commit; `alarm(reason)`
    when the broker begins to refuse entries, `alarm(None)` when it takes them again.
    """

    name = "mqtt"

    def __init__(
        self,
        stream: Stream,
        board: Board,
        topics: Topics,
        endpoint: Endpoint,
        path: Path,
        *,
        client_id: str,
        version: str,
        mode: str,
        window: int = WINDOW,
        published: Callable[[Outward, float], None] | None = None,
        alarm: Callable[[str | None], None] | None = None,
    ) -> None:
        self.counters = Counters()
        self.farewell = "stopped"  # what the last status says; `lost` when the engine is gone
        self._stream = stream
        self._board = board
        self._topics = topics
        self._endpoint = endpoint
        self._path = path
        self._client_id = client_id
        self._about = {"mode": mode, "version": version, "since": _now()}
        self._size = window
        self._published = published
        self._alarm = alarm or (lambda reason: None)
        self._kept = load(path, Kept) or Kept()
        self._saved = msgspec.structs.replace(self._kept)
        self._saved_at = 0.0
        self._sent: deque[tuple[Outward, list[bool]]] = deque()
        self._refusal = ""
        self._refused = asyncio.Event()
        self._progress = asyncio.Event()
        v5 = endpoint.protocol == "5"
        self._v5 = v5
        self._plain = publish_properties(None) if v5 else None
        self._day = publish_properties(DAY) if v5 else None
        self._hour = publish_properties(3600) if v5 else None

    @property
    def cursor(self) -> int:
        """Every entry up to here is with the broker."""
        return self._kept.cursor

    async def run(self) -> None:
        """Publish until cancelled. Broker failures are retried for ever; a journal that cannot be read is raised."""
        _log.info("mqtt output", broker=repr(self._endpoint), protocol=self._endpoint.protocol, root=self._topics.root)
        if not self._v5:
            _log.warning("MQTT 3.1.1 does not tell when or why a publish was refused; prefer protocol 5")
        pause = 0.1
        try:
            while True:
                began = time.monotonic()
                try:
                    await self._connection()
                except (aiomqtt.MqttError, OSError, ssl.SSLError) as error:
                    was, self.counters.connected = self.counters.connected, False
                    if time.monotonic() - began > 30:
                        pause = 0.1
                    if was or pause <= 0.1:
                        _log.warning("mqtt connection lost", error=str(error), cursor=self.cursor)
                    self._save(now=True)
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret
                pause = min(2 * pause, 5.0)
        finally:
            self.counters.connected = False
            self._save(now=True)

    async def drained(self) -> None:
        """Return when every entry so far is with the broker. Waits for ever while there is no broker."""
        while self.cursor < self._stream.last:
            self._progress.clear()
            await self._progress.wait()

    # --- one connection ----------------------------------------------------------------------------------------------

    async def _connection(self) -> None:
        """Connect and publish until the connection ends, which raises MqttError."""
        self._kept.connection += 1
        self._save(now=True)
        number = self._kept.connection
        client = self._client(number)
        window = Window(client, self._size)
        self._sent.clear()
        async with client:
            self.counters.connected = True
            watch = asyncio.create_task(window.watch(), name="mqtt watch")
            publish = asyncio.create_task(self._publish(window, number), name="mqtt publish")
            try:
                await asyncio.wait({watch, publish}, return_when=asyncio.FIRST_COMPLETED)
                await _ended(publish)
            except asyncio.CancelledError:
                await _ended(publish)
                await self._say_farewell(window, number)
                raise
            finally:
                self.counters.connected = False
                self.counters.reconnects += 1
                await _ended(watch)
        raise aiomqtt.MqttError("connection closed")

    def _client(self, number: int) -> aiomqtt.Client:
        end = self._endpoint
        will = aiomqtt.Will(
            self._topics.status,
            to_json({"status": "lost", "connection": number}),
            qos=1,
            retain=True,
            properties=will_properties() if self._v5 else None,
        )
        return aiomqtt.Client(
            end.host,
            end.port,
            username=end.username,
            password=end.password,
            identifier=self._client_id,
            protocol=aiomqtt.ProtocolVersion.V5 if self._v5 else aiomqtt.ProtocolVersion.V311,
            will=will,
            clean_session=None if self._v5 else True,
            clean_start=True if self._v5 else 3,
            keepalive=KEEPALIVE,
            timeout=10,
            tls_context=end.tls_context(),
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )

    async def _publish(self, window: Window, number: int) -> None:
        """Birth, all states, then entries and changed states, each within its share of the window."""
        await self._status(window, number, "online")
        self._board.begin()
        await self._flush_board(window)
        _log.info("mqtt connected", connection=number, cursor=self.cursor, behind=self._stream.last - self.cursor)
        await _together(self._entries(window), self._states(window), self._heartbeat(window, number))

    async def _entries(self, window: Window) -> None:
        """Everything above the cursor, as fast as the window allows; after a refusal again from the cursor."""
        pause = 1.0
        while True:
            self._refused.clear()
            began = self.cursor
            sending = asyncio.create_task(self._send_all(window))
            refused = asyncio.create_task(self._refused.wait())
            try:
                await asyncio.wait({sending, refused}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                refused.cancel()
                await _ended(sending)
            window.forget()
            self._sent.clear()
            if self.cursor > began:
                pause = 1.0
            self._alarm(self._refusal)
            _log.error("mqtt broker refuses entries", reason=self._refusal, cursor=self.cursor, retry_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, 60.0)

    async def _send_all(self, window: Window) -> None:
        limit = max(window.size * 4 // 5, 1)
        follower = self._stream.follow(self.cursor)
        while True:
            for item in await follower.next(limit):
                await window.room(limit)
                self._send(window, item)

    def _send(self, window: Window, item: Outward) -> None:
        answered = [False]
        self._sent.append((item, answered))

        def acknowledged(reason: int) -> None:
            if reason >= REFUSED:
                self._count_refusal(reason)
                self._refusal = reason_word(reason)
                self._refused.set()
                return
            if reason == UNHEARD and item.type == "order_filled":
                self.counters.unheard += 1
            self.counters.published += 1
            answered[0] = True
            if self._refusal:
                self._refusal = ""
                self._alarm(None)
            if self._published is not None:
                self._published(item, (datetime.now(UTC) - item.time).total_seconds())
            self._move()

        window.publish(self._topics.event(item), item.data, acknowledged, retain=False, properties=self._day)

    def _move(self) -> None:
        """Advance the cursor over the unbroken run of acknowledged entries."""
        sent = self._sent
        moved = False
        while sent and sent[0][1][0]:
            self._kept.cursor = sent.popleft()[0].seq
            moved = True
        if moved:
            self._progress.set()
            self._save()

    def _save(self, now: bool = False) -> None:
        """Keep cursor and connection number on disk, a moving cursor at most every quarter of a second."""
        if self._saved == self._kept:
            return
        clock = time.monotonic()
        if now or clock - self._saved_at >= SAVE_EVERY:
            save(self._path, self._kept)
            self._saved = msgspec.structs.replace(self._kept)
            self._saved_at = clock

    def _count_refusal(self, reason: int) -> None:
        word = reason_word(reason)
        self.counters.refused[word] = self.counters.refused.get(word, 0) + 1

    # --- states and status -------------------------------------------------------------------------------------------

    async def _states(self, window: Window) -> None:
        while True:
            await self._board.changed()
            await self._flush_board(window)
            self._save(now=True)

    async def _flush_board(self, window: Window) -> None:
        """Publish what the board says has changed, within a fifth of the window."""
        for topic, payload, expiry in self._board.due():
            await window.room(window.size)

            def acknowledged(reason: int, topic: str = topic) -> None:
                if reason >= REFUSED:
                    self._count_refusal(reason)
                    self._board.refused(topic)

            properties = {None: self._plain, DAY: self._day}.get(expiry, self._hour)
            window.publish(topic, payload, acknowledged, retain=True, properties=properties)

    async def _heartbeat(self, window: Window, number: int) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            await self._status(window, number, "online")

    async def _status(self, window: Window, number: int, status: str) -> None:
        """Birth, heartbeat or farewell; `seq` is what the broker has, so silence with a fresh status is silence."""
        told: dict[str, object] = {"status": status, "connection": number, "time": _now()}
        if status == "online":
            told |= {"seq": self.cursor, "behind": max(self._stream.last - self.cursor, 0), **self._about}
        await self._tell(window, to_json(told))

    async def _tell(self, window: Window, payload: bytes) -> None:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def acknowledged(reason: int) -> None:
            if reason >= REFUSED:
                self._count_refusal(reason)
            if not answer.done():
                answer.set_result(reason)

        window.publish(self._topics.status, payload, acknowledged, retain=True, properties=self._plain)
        await window.answer(answer)

    async def _say_farewell(self, window: Window, number: int) -> None:
        """Tell the last status, for two seconds at the most."""
        with contextlib.suppress(TimeoutError, aiomqtt.MqttError):
            async with asyncio.timeout(2.0):
                await self._status(window, number, self.farewell)


async def _together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends or fails, then end the others; the first failure is raised as it is."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _ended(task: asyncio.Task[Any]) -> None:
    """Cancel the task unless it has ended, and raise what it raised."""
    if not task.done():
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
