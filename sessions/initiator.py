"""Dials a counterparty, logs on, and dials again when the connection ends."""

import asyncio
import contextlib
import ssl as tls
from collections.abc import Sequence
from typing import Any

import structlog

from fixspec.codec import Decoder
from fixspec.dictionary import FIX44, Dictionary
from fixspec.messages import Message
from sessions.acceptor import FLUSH_EVERY, TICK_SECONDS
from sessions.authentication import signer
from sessions.config import SessionConfig, SessionStatus
from sessions.connection import Connection
from sessions.endpoint import Endpoint
from sessions.interfaces import Application, Clock, ResendPolicy, Store, WireLog
from sessions.outbound import Route
from sessions.session import Session

CONNECT_SECONDS = 10.0


class Initiator:
    """One FIX session of ours to a counterparty's acceptor. All methods must be called in the loop's thread.

    Addresses are tried in turn. Retries back off from `retry_seconds` to `max_retry_seconds`, doubling, and begin anew
    after a session was established; outside the schedule's hours nothing is dialled.
    """

    def __init__(
        self,
        config: SessionConfig,
        store: Store,
        application: Application,
        clock: Clock,
        *,
        addresses: Sequence[tuple[str, int]],
        ssl: tls.SSLContext | None = None,
        server_name: str | None = None,
        log: Any = None,
        wire: WireLog | None = None,
        may_resend: ResendPolicy | None = None,
        next_target: int = 0,
        retry_seconds: float = 1.0,
        max_retry_seconds: float = 30.0,
    ) -> None:
        """`server_name` is verified in the certificate instead of the host dialled."""
        if not addresses:
            raise ValueError("an initiator needs an address to dial")
        self._config = config
        self._store = store
        self._application = application
        self._clock = clock
        self._addresses = tuple(addresses)
        self._ssl, self._server_name = ssl, server_name
        self._log = log if log is not None else structlog.get_logger("sessions.initiator")
        self._wire = wire
        self._may_resend = may_resend
        self._next_target = next_target
        self._retry_seconds, self._max_retry_seconds = retry_seconds, max_retry_seconds
        self._tries = self._ticks = 0
        self._dialling: asyncio.Task[None] | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop
        self._endpoint: Endpoint

    def open(self) -> None:
        """Make the session without dialling: `send` and `status` work from here on. `start` does it too."""
        if hasattr(self, "_endpoint"):
            return
        self._loop = asyncio.get_running_loop()
        config = self._config
        dictionary = Dictionary.from_xml(config.dictionary) if config.dictionary else FIX44
        sign = signer(config, self._clock.utc_ns) if config.outgoing is not None and config.outgoing.sign else None
        session = Session(
            config,
            self._store,
            self._clock,
            initiator=True,
            may_resend=self._may_resend,
            decoder=Decoder(dictionary, config.validation),
            next_target=self._next_target,
            sign=sign,
        )
        self._endpoint = Endpoint(session, self._application, self._loop, self._log, self._wire)

    async def start(self) -> None:
        """Begin to dial; returns at once."""
        self.open()
        self._dialling = self._loop.create_task(self._dial())
        self._tick()

    async def stop(self, reason: str = "shutting down", timeout_seconds: float = 5.0) -> None:
        """End the session by Logout(5), wait for its answer that long, close the store."""
        self._stopping = True
        endpoint = self._endpoint
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.gather(self._dialling, return_exceptions=True)
        endpoint.logout(reason)
        if endpoint.connection is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await self._ended.wait()
        if self._ticker is not None:
            self._ticker.cancel()
        if endpoint.connection is not None:
            endpoint.connection.close(at_once=True)
            endpoint.lost("stopped before Logout(5) was answered")
        self._store.close()

    @property
    def session(self) -> Session:
        """The session, for its numbers and phase."""
        return self._endpoint.session

    @property
    def endpoint(self) -> Endpoint:
        """The session in this process."""
        return self._endpoint

    def send(self, message: Message, *, origin: int = 0, poss_resend: bool = False, route: Route | None = None) -> int:
        """Send, or keep for the next connection; the MsgSeqNum(34) used. StoreFailed if it cannot be kept."""
        return self._endpoint.send(message, origin, poss_resend, route)

    def status(self) -> SessionStatus:
        """The session as it is now."""
        return self._endpoint.status()

    def disconnect(self, reason: str) -> None:
        """End the connection by Logout(5); it will be dialled again unless disabled."""
        self._endpoint.logout(reason)

    def enable(self) -> None:
        """Dial again."""
        self._endpoint.enabled = True

    def disable(self, reason: str = "disabled by the operator") -> None:
        """End the connection and do not dial."""
        self._endpoint.enabled = False
        self._endpoint.logout(reason)

    # --- dialling

    async def _dial(self) -> None:
        """One attempt after another until stopped; a task of its own, off the path of messages."""
        session = self._endpoint.session
        while not self._stopping:
            if self._endpoint.enabled and session.in_hours:
                host, port = self._addresses[self._tries % len(self._addresses)]
                self._tries += 1
                try:
                    async with asyncio.timeout(CONNECT_SECONDS):  # wait_for can swallow a cancellation
                        await self._connect(host, port)
                except (OSError, TimeoutError) as error:
                    self._log.warning("dial_failed", host=host, port=port, error=str(error) or type(error).__name__)
                else:
                    await self._ended.wait()
            await asyncio.sleep(min(self._retry_seconds * 2 ** min(self._tries, 20), self._max_retry_seconds))

    async def _connect(self, host: str, port: int) -> None:
        self._ended.clear()
        await self._loop.create_connection(
            lambda: Connection(self, self._loop),
            host,
            port,
            ssl=self._ssl,
            server_hostname=(self._server_name or host) if self._ssl is not None else None,
        )

    def connected(self, connection: Connection) -> None:
        """A transport is there."""
        if self._stopping or self._endpoint.connection is not None:
            connection.close(at_once=True)
            return
        connection.transport.set_write_buffer_limits(high=self._config.limits.write_buffer_bytes)
        self._endpoint.attach(connection)

    def received(self, connection: Connection, data: bytes) -> None:
        """Bytes on a connection that is being closed: nobody reads them."""

    def lost(self, connection: Connection) -> None:
        """A transport is gone."""
        self._ended.set()

    def _tick(self) -> None:
        self._ticker = self._loop.call_later(TICK_SECONDS, self._tick)
        endpoint = self._endpoint
        if self._clock.monotonic() >= endpoint.session.due:
            endpoint.tick()
        if endpoint.session.established:
            self._tries = 0
        self._ticks += 1
        if self._wire is not None and self._ticks % FLUSH_EVERY == 0:
            self._wire.flush()
