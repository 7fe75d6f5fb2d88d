"""Everything that watches, put together over one journal directory: tail, MQTT, metrics, HTTP (OUTPUTS.md section 9).

In the outputs process (`bridge.outputs.process`), and with `outputs: inline` in the engine's own loop.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import msgspec
import structlog

from bridge.control_client import ControlClient
from bridge.control_commands import Engine
from bridge.instruments import InstrumentFileError, Instruments
from bridge.interfaces import EventSink
from bridge.journal.head import HeadReader
from bridge.outputs.http.app import create_app
from bridge.outputs.http.book import Book
from bridge.outputs.http.door import Access
from bridge.outputs.http.engine_vitals import EngineVitals
from bridge.outputs.http.series import Charts
from bridge.outputs.http.server import HttpServer, ListenError, serve
from bridge.outputs.http.services import About, Services
from bridge.outputs.http.tokens import TokenStore
from bridge.outputs.metrics import Metrics
from bridge.outputs.mqtt import MqttSink
from bridge.outputs.mqtt_board import Board
from bridge.outputs.mqtt_broker import BrokerChild, BrokerError, Choice, Kind, choose
from bridge.outputs.mqtt_topics import Topics
from bridge.outputs.states import States
from bridge.outputs.stream import Stream
from bridge.outputs.tail import JournalSource, PlacedSource, Tail, WakeSocket
from bridge.settings import Settings

HISTORY = 100_000  # entries before the cursors that are folded again at a start, for queries about the recent past
KEEP_EVERY = 5.0  # seconds between two writes of the day's totals
FIRST_VITALS = 2.0  # seconds that the tail waits for the engine's first vitals, so that rates are known

_log = structlog.get_logger("bridge.outputs")


class OutputsFailed(Exception):
    """The outputs cannot start; the text is one clear line for the operator."""


class Started(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the parent is told once: the real HTTP port, MQTT in a sentence and a line to paste; or why it failed."""

    http_port: int | None = None
    mqtt: str = "off"
    watch: str = ""
    error: str | None = None


def mqtt_choice(settings: Settings) -> Choice:
    """Which MQTT broker these settings mean on this machine. Raises OSError, ValueError."""
    mqtt = settings.mqtt
    return choose(
        mqtt.broker,
        port=mqtt.port,
        name=settings.name,
        directory=settings.data_dir.absolute() / "mqtt",
        protocol=mqtt.protocol,
        username=mqtt.username,
        password=mqtt.password.reveal() if mqtt.password is not None else None,
        ca=_text(mqtt.tls.ca),
        certificate=_text(mqtt.tls.certificate),
        key=_text(mqtt.tls.key),
    )


class Outputs:
    """Everything that watches, put together over one journal directory.

    `engine_pid` is the process that trades, our own when inline. `wake` is absent when nobody can wake us.
    """

    def __init__(self, settings: Settings, *, engine_pid: int, wake: WakeSocket | None = None) -> None:
        self.settings = settings
        self.wake = wake
        self.directory = settings.data_dir / "outputs"
        self.mode = "live" if settings.live else "paper"
        self.version = version("fixbridge")
        source = JournalSource(settings.journal_dir)
        self.stream = Stream(source)
        self.vitals = EngineVitals(time.monotonic)
        self.states = States(lambda: self.tail.blotter, self.directory / "states.json")
        self.topics = Topics(settings.name)
        self.board = Board(self.states, self.topics, lambda: self.tail.blotter, self.directory / "mqtt_states.json")
        self.metrics = Metrics(
            lambda: self.tail.blotter,
            asset_class=_asset_classes(settings),
            mode=self.mode,
            version=self.version,
            path=self.directory / "metrics.json",
            symbols=settings.metrics.symbols,
            engine_pid=engine_pid,
        )
        try:
            self.head = HeadReader(settings.journal_dir / "head")
        except FileNotFoundError as error:
            raise OutputsFailed(f"no journal in {settings.journal_dir}: {error}") from error
        self.book = Book(self.stream, lambda: self.tail.blotter, self.states)
        self.charts = Charts()
        watchers: list[EventSink] = [self.board, self.book, self.charts]
        self.tail = Tail(
            PlacedSource(settings.journal_dir),
            self.head,
            self.stream,
            (self.states, self.metrics),
            wake,
            watchers=watchers,
            history=HISTORY,
        )
        self.engine = ControlClient(settings.control_socket, caller="outputs")
        self.mqtt: MqttSink | None = None
        self.http: HttpServer | None = None
        self._broker: BrokerChild | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._first_vitals = asyncio.Event()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # --- start and stop ----------------------------------------------------------------------------------------------

    async def start(self) -> Started:
        """Open ports and begin. Raises OutputsFailed with one line; what was started is stopped again."""
        try:
            return await self._start()
        except BaseException:
            await self.stop(flush=0.0)
            raise

    async def _start(self) -> Started:
        await self.engine.start()
        self.engine.subscribe("vitals", dict[str, Any], self._take)
        port = await self._serve()
        choice = await self._start_mqtt()
        self._run(self._follow(), "tail")
        self._run(self._tick(), "tick")
        words = choice.reason or f"{choice.kind.value} at {choice.endpoint!r}"
        return Started(
            http_port=port, mqtt=words if choice.kind is not Kind.OFF else f"off: {choice.reason}", watch=choice.watch
        )

    async def stop(self, *, flush: float = 2.0, lost: bool = False) -> None:
        """Tell what was released, say goodbye, close. `flush` seconds for the first, `lost` when the engine is gone."""
        if self.mqtt is not None and self._tasks:
            self.mqtt.farewell = "lost" if lost else "stopped"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(flush):
                    await self.stream.beyond(self.head.seq - 1)
                    if self.mqtt.counters.connected:
                        await self.mqtt.drained()
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self.http is not None:
            await self.http.stop()
        if self._broker is not None:
            await self._broker.stop()
        await self.engine.stop()
        self._keep()
        self.head.close()

    def _run(self, work: Awaitable[None], name: str) -> None:
        """Run as a task whose failure ends the process: a new one starts from the cursors."""

        async def guarded() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it was, the process ends and a new one begins
                _log.exception("outputs failed", part=name)
                if not self.failure.done():
                    self.failure.set_exception(error)

        self._tasks.append(asyncio.create_task(guarded(), name=name))

    async def _follow(self) -> None:
        """Fold and tell, once rates and gauges are known or do not come. Raises JournalError."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_VITALS):
                await self._first_vitals.wait()
        self.tail.begin()
        if self.mqtt is not None:
            self._run(self.mqtt.run(), "mqtt")
        await self.tail.run()

    # --- parts -------------------------------------------------------------------------------------------------------

    async def _serve(self) -> int | None:
        http = self.settings.http
        if not http.enabled:
            return None
        context = None
        try:
            if http.tls is not None:
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=_text(http.tls.client_ca))
                context.load_cert_chain(http.tls.certificate, http.tls.key)
                if http.tls.client_ca is not None:
                    context.verify_mode = ssl.CERT_REQUIRED
            self.http = await serve(self._app(), http.host, http.port, context)
        except (OSError, ssl.SSLError) as error:
            raise OutputsFailed(f"HTTP: certificate: {error}") from error
        except ListenError as error:
            raise OutputsFailed(str(error)) from error
        return self.http.port

    def _app(self) -> Any:
        """The HTTP application over everything here."""
        http = self.settings.http
        services = Services(
            engine=Engine(self.engine),
            book=self.book,
            vitals=self.vitals,
            tokens=TokenStore(self.settings.data_dir / "tokens.json", _utc),
            charts=self.charts,
            about=About(self.settings.name, self.mode, self.version, self._config),
            render_metrics=self.metrics.render,
            missing=self.vitals.missing,
            now=_utc,
        )
        access = Access(hosts=("localhost", http.host, *http.allowed_hosts), open_loopback=self.mode == "paper")
        return create_app(services, access, observe=self.metrics.http, watch_streams=self.metrics.websockets)

    def _config(self) -> dict[str, Any]:
        """The effective configuration; secrets stand in it as references."""
        return msgspec.json.decode(self.settings.dump(), type=dict[str, Any])

    async def _start_mqtt(self) -> Choice:
        try:
            choice = mqtt_choice(self.settings)
            if choice.managed:
                self._broker = BrokerChild(choice)
                await self._broker.start()
        except (BrokerError, OSError, ValueError) as error:
            self._broker = None
            _log.warning("mqtt is off", reason=str(error))
            return Choice(kind=Kind.OFF, reason=str(error))
        if choice.endpoint is None:
            _log.info("mqtt is off", reason=choice.reason)
            return choice
        self.mqtt = MqttSink(
            self.stream,
            self.board,
            self.topics,
            choice.endpoint,
            self.directory / "mqtt.json",
            client_id=f"fixbridge-{self.settings.name}",
            version=self.version,
            mode=self.mode,
            published=self.metrics.published,
            alarm=self.states.mqtt_refused,
        )
        return choice

    def _take(self, snapshot: dict[str, Any]) -> None:
        """The engine's vitals, once a second."""
        self.vitals.take(snapshot)
        self.states.vitals = snapshot
        self.metrics.on_vitals(snapshot)
        self._first_vitals.set()

    async def _tick(self) -> None:
        """Once a second: what this process knows about itself; now and then what outlives it."""
        kept = time.monotonic()
        self.metrics.watch("tail", lambda: (self.tail.behind, self._behind(self.tail.seq)[1]))
        while True:
            mqtt = self.mqtt
            if mqtt is not None:
                cursor, counters = mqtt.cursor, mqtt.counters
                self.metrics.watch("mqtt", lambda cursor=cursor: self._behind(cursor))  # type: ignore[misc]
                self.metrics.mqtt(
                    counters.connected, self._behind(cursor)[0], counters.refused, counters.unheard, counters.reconnects
                )
            self.metrics.refresh()
            if time.monotonic() - kept >= KEEP_EVERY:
                kept = time.monotonic()
                self._keep()
            self.charts.take(int(time.time()), self.vitals.snapshot)
            await asyncio.sleep(1.0)

    def _behind(self, seq: int) -> tuple[int, float]:
        return self.stream.behind(seq, _utc())

    def _keep(self) -> None:
        try:
            self.states.store()
            self.board.store()
        except OSError as error:
            _log.error("state of the outputs cannot be kept", error=str(error))


def _asset_classes(settings: Settings) -> Callable[[str], str]:
    """The asset class of a symbol, `unknown` where the symbol master has none."""
    try:
        instruments = Instruments.load(
            settings.instruments.files, today=datetime.now(UTC).date(), starter=settings.instruments.starter
        )
    except (InstrumentFileError, OSError) as error:
        raise OutputsFailed(f"instruments: {error}") from error

    def asset_class(symbol: str) -> str:
        row = instruments.get(symbol)
        return row.asset_class.value if row is not None else "unknown"

    return asset_class


def _utc() -> datetime:
    return datetime.now(UTC)


def _text(path: object) -> str | None:
    return str(path) if path is not None else None
