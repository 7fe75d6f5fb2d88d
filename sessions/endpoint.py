"""One session in a running process: it pumps a `Session`, tells the application, and knows its connection if any."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fixspec.framing import Framer
from fixspec.messages import Message
from fixspec.sparse import Sparse
from sessions.config import SessionStatus, Traffic
from sessions.events import (
    CancelOnDisconnectDue,
    Closed,
    Event,
    LoggedOn,
    LoggedOut,
    MessageReceived,
    Noticed,
    NumbersReset,
    RejectReceived,
    RejectSent,
)
from sessions.interfaces import Application, StoreFailed, WireLog
from sessions.outbound import Route
from sessions.session import Session

if TYPE_CHECKING:
    from sessions.connection import Connection


class Endpoint:
    """Joins a session, the application and at most one connection. Everything happens in the loop's own turn."""

    __slots__ = (
        "_application", "_limited", "_log", "_loop", "_on_read", "_pumping", "_reset_reason", "_throttled", "_tokens",
        "_tokens_at", "_wire", "_work_due", "connection", "enabled", "name", "peer", "session",
    )  # fmt: skip

    def __init__(
        self,
        session: Session,
        application: Application,
        loop: asyncio.AbstractEventLoop,
        log: Any,
        wire: WireLog | None,
        on_read: Callable[[], None] | None = None,
    ) -> None:
        self.session = session
        self._on_read = on_read
        self.name = session.config.name
        self.enabled = session.config.enabled
        self.connection: Connection | None = None
        self.peer = ""
        self._application = application
        self._loop = loop
        self._log = log.bind(session_id=self.name)
        self._wire = wire
        self._pumping = self._work_due = self._throttled = False
        self._reset_reason = ""
        self._limited = session.config.limits.messages_per_second > 0
        self._tokens = float(session.config.limits.messages_burst)
        self._tokens_at = session.clock.monotonic()

    # --- the connection

    def attach(self, connection: "Connection", framer: Framer | None = None, first: bytes | None = None) -> None:
        """Begin a connection; an acceptor hands over the Logon(A) it has read and verified."""
        self.connection = connection
        self.peer = connection.peer
        connection.endpoint = self
        self._throttled = False
        with self._store_guard():
            self.session.connect(framer, first)
        self.pump()

    def received(self, data: bytes) -> None:
        """Bytes from the peer."""
        if self._on_read is not None:
            self._on_read()
        if self._wire is not None:
            self._wire.write(self.name, "in", data, self.session.clock.utc_ns())
        self.session.receive_data(data)
        if not self._throttled:
            self.pump()

    def lost(self, reason: str) -> None:
        """The connection is gone."""
        self.connection = None
        self._log.info("connection_closed", reason=reason, peer=self.peer)
        with self._store_guard():
            self._part(reason)
        self.pump()

    def paused(self) -> None:
        """The transport is full."""
        self.session.pause()

    def resumed(self) -> None:
        """The transport takes more."""
        self.session.resume()
        self.flush()

    # --- the pump

    def pump(self) -> None:
        """Pull events until more data is needed, then write everything they caused in one piece."""
        if self._pumping:
            return
        self._pumping = True
        session, name, on_message = self.session, self.name, self._application.on_message
        try:
            if self._limited:
                self._pump_limited()
            else:
                while (event := session.next_event()) is not None:
                    if type(event) is MessageReceived:
                        on_message(name, event.header, event.message)
                    else:
                        self._tell(event)
        except StoreFailed as error:
            session.abandon("the store failed")
            self.store_failed(error)
            self._tell_rest()
        except Exception:  # noqa: BLE001 - the application's bug must cost its session, not the others
            self._log.exception("application_failed")
            session.abandon("the application failed")
            self._tell_rest()
        finally:
            self._pumping = False
        self.flush()

    def flush(self) -> None:
        """Write what waits, and see to it that a resend goes on when the others have had their turn."""
        session = self.session
        data = session.take_output()
        connection = self.connection
        if connection is None:
            return
        if data:
            if self._wire is not None:
                self._wire.write(self.name, "out", data, session.clock.utc_ns())
            connection.write(data)
        if session.has_work and not self._work_due:
            self._work_due = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        self._work_due = False
        with self._store_guard():
            self.session.work()
        self.flush()

    def _pump_limited(self) -> None:
        """As `pump`, but only as many messages as the rate allows; the rest waits, and the peer is read slower."""
        limits = self.session.config.limits
        now = self.session.clock.monotonic()
        earned = (now - self._tokens_at) * limits.messages_per_second
        self._tokens = min(self._tokens + earned, float(limits.messages_burst))
        self._tokens_at = now
        while self._tokens >= 1 or not self.session.connected:
            event = self.session.next_event()
            if event is None:
                return
            if isinstance(event, MessageReceived):
                self._tokens -= 1
                self._application.on_message(self.name, event.header, event.message)
            else:
                self._tell(event)
        if self.connection is not None and not self._throttled:
            self._throttled = True
            self._log.info("throttled", messages_per_second=limits.messages_per_second)
            self.connection.pause_reading()
            self._loop.call_later(min(1.0, 10 / limits.messages_per_second), self._unthrottle, self.connection)

    def _unthrottle(self, connection: "Connection") -> None:
        if self.connection is not connection:
            return
        self._throttled = False
        self.pump()
        if not self._throttled and self.connection is connection:
            connection.resume_reading()

    def _tell(self, event: Event) -> None:
        """Everything but the usual message."""
        application, name = self._application, self.name
        if isinstance(event, LoggedOn):
            self._log.info("logged_on", peer=self.peer, heartbeat=event.heartbeat)
            application.on_logon(name)
        elif isinstance(event, LoggedOut):
            self._log.info("logged_out", reason=event.reason, clean=event.clean)
            application.on_logout(name, event.reason, event.clean)
        elif isinstance(event, RejectReceived):
            self._log.warning("reject_received", ref_seq_num=event.reject.ref_seq_num, text=event.reject.text)
            application.on_reject(name, event.header, event.reject)
        elif isinstance(event, RejectSent):
            self._log.warning(
                "reject_sent", ref_seq_num=event.ref_seq_num, ref_msg_type=event.ref_msg_type, text=event.text
            )
        elif isinstance(event, NumbersReset):
            self._log.warning("numbers_reset", reason=event.reason)
            application.on_reset(name, event.reason)
        elif isinstance(event, CancelOnDisconnectDue):
            self._log.warning("cancel_on_disconnect", reason=event.reason)
            application.on_cancel_on_disconnect(name, event.reason)
        elif isinstance(event, Noticed):
            self._log.info("noticed", text=event.text)
        elif isinstance(event, Closed):
            self._end(event.reason)

    def _end(self, reason: str) -> None:
        """The session is done with this connection: last bytes, then let the peer read them before it closes."""
        self.flush()
        connection, self.connection = self.connection, None
        self._log.info("connection_closed", reason=reason, peer=self.peer)
        if self._wire is not None:
            self._wire.write(self.name, "note", f"closed: {reason}".encode(), self.session.clock.utc_ns())
        if connection is not None:
            connection.close(at_once=reason.startswith("slow consumer"))
        self._part(reason)

    def _part(self, reason: str) -> None:
        """Session and connection are two again; what waited for that is done."""
        self.session.connection_lost(reason)
        if self._reset_reason:
            self.session.reset(self._reset_reason)
            self._reset_reason = ""

    def _tell_rest(self) -> None:
        """The last events of a connection that failed; what fails again is logged and left."""
        try:
            while (event := self.session.next_event()) is not None:
                self._tell(event)
        except Exception:  # noqa: BLE001 - it failed before; what remains is to close
            self._log.exception("application_failed")
        if self.connection is not None:
            self._end("the application failed")

    @contextmanager
    def _store_guard(self) -> Iterator[None]:
        try:
            yield
        except StoreFailed as error:
            self.store_failed(error)

    def store_failed(self, error: StoreFailed) -> None:
        """No number can be kept any more, so none may be used: end at once and stay ended until an operator acts."""
        self._log.error("store_failed", error=str(error))
        self.enabled = False
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close(at_once=True)
        self.session.connection_lost(f"the store failed: {error}")
        if not self._pumping:
            self._tell_rest()

    # --- from our side

    def send(self, message: Message | Sparse, origin: int, poss_resend: bool, route: Route | None) -> int:
        """Number, store and if possible write a message; its MsgSeqNum(34)."""
        try:
            seq_num: int = self.session.send(message, origin, poss_resend, route)
        except StoreFailed as error:
            self.store_failed(error)
            raise
        if not self._pumping and not self._work_due and self.connection is not None:
            # what else is sent in this turn of the loop leaves with it, in one system call
            self._work_due = True
            self._loop.call_soon(self._work)
        return seq_num

    def tick(self) -> None:
        """Let the clock have its say."""
        with self._store_guard():
            self.session.tick()
        self.pump()

    def probe(self) -> None:
        """Somebody else logs on as this peer: is the one we have still there?"""
        with self._store_guard():
            self.session.probe()
        self.flush()

    def logout(self, text: str) -> None:
        """Ask the peer to end."""
        with self._store_guard():
            self.session.logout(text)
        self.pump()

    def reset(self, reason: str) -> None:
        """Both numbers to 1: now without a connection, else after a Logout(5)."""
        if self.session.connected:
            self._reset_reason = reason
            self.logout(reason)
        else:
            self.session.reset(reason)
            self.pump()

    def traffic(self) -> Traffic:
        """What the session has counted since the process started."""
        return self.session.traffic()

    def status(self) -> SessionStatus:
        """The session as an operator sees it."""
        return self.session.status(self.peer if self.connection is not None else "", self.enabled)
