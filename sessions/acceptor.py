"""Listens, finds out whose Logon(A) it has before it, verifies it, and hands the connection to that session.

Nothing touches a session before its peer is authenticated: until then a connection is only a framer and a deadline.
Every refusal looks the same from outside, a close after a fixed time, whether the CompIDs are unknown, the session is
connected already, the address is not allowed or the password is wrong.
"""

import asyncio
import contextlib
import ssl as tls
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import structlog

from fixspec.codec import Decoder, Inbound, SessionReject
from fixspec.dictionary import FIX44, Dictionary
from fixspec.framing import Framer
from fixspec.messages import Header, Logon, Message
from fixspec.sparse import Sparse
from sessions.admission import Admission, AdmissionLimits, address_allowed
from sessions.authentication import Authenticator
from sessions.config import SessionConfig, SessionStatus
from sessions.connection import Connection
from sessions.endpoint import Endpoint
from sessions.interfaces import Application, Clock, ResendPolicy, Store, WireLog
from sessions.outbound import Route
from sessions.session import Session
from sessions.tls import certificate_names

TICK_SECONDS = 0.1
FLUSH_EVERY = 10
"""Ticks between two flushes of the wire log."""


class Waiting:
    """A connection that has not shown a verified Logon(A) yet."""

    __slots__ = ("deadline", "framer", "read", "refused", "verifying")

    def __init__(self, framer: Framer, deadline: float) -> None:
        self.framer = framer
        self.read = b""
        """All bytes so far, for the wire log once they belong to a session."""
        self.deadline = deadline
        self.refused = False
        self.verifying: asyncio.Task[None] | None = None


class Acceptor:
    """The FIX sessions whose peers connect to us. All methods must be called in the loop's thread."""

    def __init__(
        self,
        sessions: Sequence[SessionConfig],
        stores: Callable[[SessionConfig], Store],
        application: Application,
        clock: Clock,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: tls.SSLContext | None = None,
        log: Any = None,
        wire: WireLog | None = None,
        may_resend: ResendPolicy | None = None,
        next_target: Callable[[str], int] | None = None,
        admission: AdmissionLimits = AdmissionLimits(),  # noqa: B008 - frozen
        on_read: Callable[[], None] | None = None,
    ) -> None:
        """`next_target(session_id)` is the journal's word on the next inbound number; the higher one counts.
        `on_read` is called when bytes of a session come in, before they are looked at.

        ValueError for two sessions of one name or of the same CompIDs.
        """
        self._configs = tuple(sessions)
        names = [config.name for config in self._configs]
        pairs = [(config.id.sender_comp_id, config.id.target_comp_id) for config in self._configs]
        if len(set(names)) < len(names) or len(set(pairs)) < len(pairs):
            raise ValueError("session names and CompIDs must be unique")
        self._make_store = stores
        self._application = application
        self._clock = clock
        self._host, self._wanted_port, self._ssl = host, port, ssl
        self._log = log if log is not None else structlog.get_logger("sessions.acceptor")
        self._wire = wire
        self._may_resend = may_resend
        self._on_read = on_read
        self._next_target = next_target or (lambda _: 0)
        self._limits = admission
        self._admission = Admission(admission)
        self._max_message = max((config.limits.max_message_bytes for config in self._configs), default=65_536)
        self._decoder = Decoder()
        self._endpoints: dict[str, Endpoint] = {}
        self._by_comp_ids: dict[tuple[str, str], Endpoint] = {}
        self._waiting: dict[Connection, Waiting] = {}
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._ticks = 0
        self._stopping = False
        self._quiet = asyncio.Event()
        """No connection is left."""
        self._loop: asyncio.AbstractEventLoop
        self._authenticator: Authenticator

    # --- life

    async def start(self) -> None:
        """Open the stores, then listen. StoreFailed or OSError if that cannot be."""
        self._loop = asyncio.get_running_loop()
        self.open()
        self._server = await self._loop.create_server(
            lambda: Connection(self, self._loop),
            self._host,
            self._wanted_port,
            ssl=self._ssl,
            ssl_handshake_timeout=self._limits.logon_timeout_seconds if self._ssl is not None else None,
            backlog=512,
        )
        self._log.info("listening", host=self._host, port=self.port, tls=self._ssl is not None)
        self._tick()

    def open(self) -> None:
        """Open stores and sessions without listening: `send` and `status` work from here on. `start` does it too."""
        if self._endpoints:
            return
        self._loop = asyncio.get_running_loop()
        self._authenticator = Authenticator(self._clock.utc_ns())
        decoders: dict[Any, Decoder] = {}
        try:
            for config in self._configs:
                key = (config.dictionary, config.validation)
                if key not in decoders:
                    dictionary = Dictionary.from_xml(config.dictionary) if config.dictionary else FIX44
                    decoders[key] = Decoder(dictionary, config.validation)
                session = Session(
                    config,
                    self._make_store(config),
                    self._clock,
                    may_resend=self._may_resend,
                    decoder=decoders[key],
                    next_target=self._next_target(config.name),
                )
                endpoint = Endpoint(session, self._application, self._loop, self._log, self._wire, self._on_read)
                self._endpoints[config.name] = endpoint
                self._by_comp_ids[config.id.sender_comp_id, config.id.target_comp_id] = endpoint
        except BaseException:
            self._close_stores()
            raise

    @property
    def port(self) -> int:
        """The port listened on."""
        if self._server is None or not self._server.sockets:
            raise RuntimeError("not listening")
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self, reason: str = "shutting down", timeout_seconds: float = 5.0) -> None:
        """Stop listening, end every session by Logout(5) with `reason`, wait for the answers that long, close all."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        for connection, waiting in list(self._waiting.items()):
            if waiting.verifying is not None:
                waiting.verifying.cancel()
            connection.close(at_once=True)
        for endpoint in self._endpoints.values():
            endpoint.logout(reason)
        if self._connections:
            self._quiet.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await self._quiet.wait()
        if self._ticker is not None:
            self._ticker.cancel()
        for endpoint in self._endpoints.values():
            if endpoint.connection is not None:
                endpoint.connection.close(at_once=True)
                endpoint.lost("stopped before Logout(5) was answered")
        for connection in list(self._connections):
            connection.close(at_once=True)
        if self._endpoints:
            self._authenticator.close()
        self._close_stores()
        if self._wire is not None:
            self._wire.flush()
        self._log.info("stopped", reason=reason)

    def _close_stores(self) -> None:
        for endpoint in self._endpoints.values():
            endpoint.session.store.close()
        self._endpoints.clear()
        self._by_comp_ids.clear()

    def _tick(self) -> None:
        # First the next one: an error in one session must not stop the clock of the others.
        self._ticker = self._loop.call_later(TICK_SECONDS, self._tick)
        now = self._clock.monotonic()
        for endpoint in self._endpoints.values():
            if now >= endpoint.session.due:
                endpoint.tick()
        for connection, waiting in list(self._waiting.items()):
            if now >= waiting.deadline:
                if not waiting.refused:
                    self._log.info("logon_refused", peer=connection.peer, reason="no Logon(A) in time")
                connection.close()
                self._waiting.pop(connection, None)
        self._ticks += 1
        if self._wire is not None and self._ticks % FLUSH_EVERY == 0:
            self._wire.flush()

    # --- what the daemon does with sessions

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """By session name."""
        return MappingProxyType(self._endpoints)

    def send(
        self,
        session_id: str,
        message: Message | Sparse,
        *,
        origin: int = 0,
        poss_resend: bool = False,
        route: Route | None = None,
    ) -> int:
        """Send, or keep for the next connection; the MsgSeqNum(34) used.

        `origin` is the journal seq the message came from (`Store.last_origin`). KeyError for an unknown session,
        StoreFailed if it cannot be kept: then it is not sent.
        """
        return self._endpoints[session_id].send(message, origin, poss_resend, route)

    def last_origin(self, session_id: str) -> int:
        """The highest `origin` this session has taken."""
        return self._endpoints[session_id].session.store.last_origin

    def status(self) -> list[SessionStatus]:
        """All sessions as they are now."""
        return [endpoint.status() for endpoint in self._endpoints.values()]

    def disconnect(self, session_id: str, reason: str) -> None:
        """End the session's connection by Logout(5); it may come back."""
        self._endpoints[session_id].logout(reason)

    def reset(self, session_id: str, reason: str = "reset by the operator") -> None:
        """Both numbers to 1; a connected session is logged out first."""
        self._endpoints[session_id].reset(reason)

    def set_next(self, session_id: str, sender: int | None = None, target: int | None = None) -> None:
        """Set the next numbers of a session that is not connected; ValueError if it is."""
        self._endpoints[session_id].session.set_next(sender, target)

    def enable(self, session_id: str) -> None:
        """Let the session log on."""
        self._endpoints[session_id].enabled = True

    def disable(self, session_id: str, reason: str = "disabled by the operator") -> None:
        """End the session and refuse its Logon(A) from now on."""
        endpoint = self._endpoints[session_id]
        endpoint.enabled = False
        endpoint.logout(reason)

    # --- connections without a session

    def connected(self, connection: Connection) -> None:
        """A transport is there."""
        now = self._clock.monotonic()
        self._connections.add(connection)
        reason = self._admission.enter(connection.address, len(self._waiting), now)
        if reason is not None or self._stopping:
            self._log.warning("connection_refused", peer=connection.peer, reason=reason or "stopping")
            connection.close(at_once=True)
            return
        self._waiting[connection] = Waiting(Framer(self._max_message), now + self._limits.logon_timeout_seconds)

    def lost(self, connection: Connection) -> None:
        """A transport is gone."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._admission.leave(connection.address)
            if not self._connections:
                self._quiet.set()
        waiting = self._waiting.pop(connection, None)
        if waiting is not None and waiting.verifying is not None:
            waiting.verifying.cancel()

    def received(self, connection: Connection, data: bytes) -> None:
        """Bytes of somebody unknown: all that counts is the first message."""
        waiting = self._waiting.get(connection)
        if waiting is None or waiting.refused:
            return
        waiting.framer.feed(data)
        if self._wire is not None:
            waiting.read += data
        if waiting.verifying is not None:
            return
        frame = waiting.framer.next_frame()
        if frame is not None:
            self._admit(connection, waiting, frame)
        elif waiting.framer.garbled:
            self._refuse(connection, waiting, "garbled input instead of a Logon(A)")

    def _admit(self, connection: Connection, waiting: Waiting, frame: bytes) -> None:
        decoded = self._decoder.decode(frame)
        header = decoded.header
        msg_type = decoded.ref_msg_type if isinstance(decoded, SessionReject) else decoded.header.msg_type
        if msg_type != "A" or header is None:
            self._refuse(connection, waiting, "the first message was not a Logon(A) with a readable header")
            return
        endpoint = self._by_comp_ids.get((header.target_comp_id, header.sender_comp_id))
        if endpoint is None:
            text = f"unknown CompIDs {header.sender_comp_id[:40]!r}->{header.target_comp_id[:40]!r}"
            self._refuse(connection, waiting, text)
            return
        if (reason := self._barred(endpoint, connection)) is not None:
            self._refuse(connection, waiting, reason, counts=False)
            return
        config = endpoint.session.config
        if not isinstance(decoded, Inbound) or not isinstance(decoded.message, Logon):
            if config.credential is not None:
                self._refuse(connection, waiting, f"{config.name}: a faulty Logon(A) cannot be authenticated")
            else:
                self._attach(endpoint, connection, waiting, frame)
        elif self._authenticator.needs_time(config):
            # Reading on would only fill the buffer while the thread computes.
            connection.pause_reading()
            waiting.deadline = float("inf")  # the Logon(A) is here; how long it takes to verify is our affair
            waiting.verifying = self._loop.create_task(
                self._verify(endpoint, connection, waiting, header, decoded.message, frame)
            )
        elif self._authenticator.verify_at_once(config, header, decoded.message, self._clock.utc_ns()):
            self._attach(endpoint, connection, waiting, frame)
        else:
            self._refuse(connection, waiting, f"{config.name}: the signature is wrong, old or repeated")

    async def _verify(
        self, endpoint: Endpoint, connection: Connection, waiting: Waiting, header: Header, logon: Logon, frame: bytes
    ) -> None:
        right = await self._authenticator.verify(endpoint.session.config, logon)
        if connection.closing or self._stopping:
            return
        waiting.verifying = None
        connection.resume_reading()
        if right:
            self._attach(endpoint, connection, waiting, frame)
        else:
            self._refuse(connection, waiting, f"{endpoint.name}: Username(553) or Password(554) is wrong")

    def _barred(self, endpoint: Endpoint, connection: Connection) -> str | None:
        """Why this session may not be reached from this connection now, whoever it is."""
        config = endpoint.session.config
        if not endpoint.enabled:
            return f"{config.name} is disabled"
        if not address_allowed(config.allowed_addresses, connection.address):
            return f"{config.name} may not come from {connection.address}"
        if config.tls_peer_names:
            names = certificate_names(connection.transport.get_extra_info("peercert"))
            if not names.intersection(config.tls_peer_names):
                return f"{config.name}: the certificate names {sorted(names)}"
        return None

    def _attach(self, endpoint: Endpoint, connection: Connection, waiting: Waiting, frame: bytes) -> None:
        """The peer is who it says it is; the session is its, unless it has it already."""
        config = endpoint.session.config
        if not endpoint.enabled:
            self._refuse(connection, waiting, f"{config.name} is disabled", counts=False)
            return
        if endpoint.connection is not None:
            # The old connection may be dead and not know it: then the peer's next attempt shall succeed soon.
            endpoint.probe()
            reason = f"{config.name} is connected already, from {endpoint.peer}"
            self._refuse(connection, waiting, reason, counts=False)
            return
        del self._waiting[connection]
        connection.transport.set_write_buffer_limits(high=config.limits.write_buffer_bytes)
        waiting.framer.max_message = config.limits.max_message_bytes
        if self._wire is not None:
            self._wire.write(config.name, "in", waiting.read, self._clock.utc_ns())
        endpoint.attach(connection, waiting.framer, frame)

    def _refuse(self, connection: Connection, waiting: Waiting, reason: str, *, counts: bool = True) -> None:
        """Say nothing, close after a fixed time; what could be guessing `counts` against the address."""
        now = self._clock.monotonic()
        self._log.warning("logon_refused", peer=connection.peer, reason=reason)
        if counts:
            self._admission.fail(connection.address, now)
        waiting.refused = True
        waiting.deadline = now + self._limits.refusal_seconds
        if self._limits.refusal_seconds <= 0:
            self._waiting.pop(connection, None)
            connection.close()
