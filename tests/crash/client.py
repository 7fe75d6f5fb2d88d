"""A FIX client that survives its counterparty: keeps what it sent and its numbers, resends, asks for gaps, connects
again.

It is the client's side of every crash test: simplefix and a socket, nothing of the bridge's own. `reports` are the
application messages in order of MsgSeqNum(34), each number once.
"""

import contextlib
import socket
import time
from datetime import UTC, datetime

import simplefix


class Client:
    """Synchronous; every wait is bounded. `sent` is all application messages by number, for resends."""

    def __init__(self, port: int, sender: str = "STRATEGY", target: str = "BRIDGE") -> None:
        self.port = port
        self.sender = sender
        self.target = target
        self.next_out = 1
        self.next_in = 1
        self.sent: dict[int, list[tuple[int, str]]] = {}
        self.stamps: dict[int, str] = {}
        self.reports: dict[int, dict[int, str]] = {}
        self.gaps: list[tuple[int, int]] = []
        self.logouts: list[str] = []
        self._early: dict[int, simplefix.FixMessage] = {}
        self._socket: socket.socket | None = None
        self._parser = simplefix.FixParser()
        self._on = False

    # --- the wire

    @staticmethod
    def now() -> str:
        return datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]

    def _raw(self, msg_type: str, number: int, fields: list[tuple[int, str]], original: str | None = None) -> bytes:
        message = simplefix.FixMessage()
        message.append_pair(8, "FIX.4.4")
        message.append_pair(35, msg_type)
        message.append_pair(49, self.sender)
        message.append_pair(56, self.target)
        message.append_pair(34, number)
        if original is not None:
            message.append_pair(43, "Y")
        message.append_pair(52, self.now())
        if original is not None:
            message.append_pair(122, original)
        for tag, value in fields:
            message.append_pair(tag, value)
        return message.encode()

    def _write(self, data: bytes) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendall(data)
        except OSError:
            self._drop()

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._on = False
        self._early.clear()

    def _admin(self, msg_type: str, *fields: tuple[int, str]) -> None:
        number, self.next_out = self.next_out, self.next_out + 1
        self._write(self._raw(msg_type, number, list(fields)))

    def send(self, msg_type: str, *fields: tuple[int, str]) -> None:
        """An application message: numbered and kept first, written when there is a session."""
        number, self.next_out = self.next_out, self.next_out + 1
        self.sent[number] = [(35, msg_type), *fields]
        self.stamps[number] = self.now()
        if self._on:
            self._write(self._raw(msg_type, number, list(fields)))

    # --- the session

    def connect(self, within: float = 10.0) -> bool:
        """Connect and log on; False when the other side went away meanwhile."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            try:
                self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=1.0)
            except OSError:
                time.sleep(0.02)
                continue
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._parser = simplefix.FixParser()
            self._admin("A", (98, "0"), (108, "5"))
            while self._socket is not None and not self._on and time.monotonic() < deadline:
                self.read(0.05)
            if self._on:
                return True
        return False

    @property
    def connected(self) -> bool:
        """Logged on."""
        return self._on

    def read(self, within: float) -> None:
        """Take in what comes for so long, until nothing more does."""
        if self._socket is None:
            return
        self._socket.settimeout(max(within, 0.001))
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            return
        except OSError:
            self._drop()
            return
        if not data:
            self._drop()
            return
        self._parser.append_buffer(data)
        while (message := self._parser.get_message()) is not None:
            self._take(message)

    def quiet(self, quiet: float = 0.3, within: float = 10.0) -> None:
        """Read until nothing has come for a while."""
        end = time.monotonic() + within
        last = time.monotonic()
        while time.monotonic() < end and time.monotonic() - last < quiet and self._socket is not None:
            seen = self.next_in
            self.read(0.02)
            if self.next_in != seen or self._early:
                last = time.monotonic()

    def _take(self, message: simplefix.FixMessage) -> None:
        msg_type = message.get(35).decode()
        number = int(message.get(34))
        if msg_type == "4" and message.get(123) != b"Y":
            self.next_in = int(message.get(36))
            return
        if number > self.next_in:
            if msg_type == "A":
                self._on = True
            elif msg_type == "2":
                # served at once: the gap fill that answers our own request will count it without showing it again
                self._resend(int(message.get(7)), int(message.get(16)))
            if not self._early:
                self.gaps.append((self.next_in, number))
                self._admin("2", (7, str(self.next_in)), (16, "0"))
            self._early[number] = message
            return
        if number < self.next_in:
            assert message.get(43) == b"Y", f"{number} again without PossDupFlag: {message}"
            return
        self._handle(msg_type, number, message)
        while (early := self._early.pop(self.next_in, None)) is not None:
            self._handle(early.get(35).decode(), self.next_in, early)
        self._early = {n: m for n, m in self._early.items() if n > self.next_in}

    def _handle(self, msg_type: str, number: int, message: simplefix.FixMessage) -> None:
        self.next_in = number + 1
        if msg_type == "4":
            self.next_in = int(message.get(36))
        elif msg_type == "A":
            self._on = True
        elif msg_type == "1":
            self._admin("0", (112, message.get(112).decode()))
        elif msg_type == "2":
            self._resend(int(message.get(7)), int(message.get(16)))
        elif msg_type == "5":
            self.logouts.append((message.get(58) or b"").decode())
            self._drop()
        elif msg_type not in ("0",):
            self.reports[number] = {int(tag): value.decode() for tag, value in message.pairs}

    def _resend(self, begin: int, end: int) -> None:
        last = end or self.next_out - 1
        number = begin
        while number <= min(last, self.next_out - 1):
            kept = self.sent.get(number)
            if kept is not None:
                (_, msg_type), *fields = kept
                self._write(self._raw(msg_type, number, fields, self.stamps[number]))
                number += 1
                continue
            first = number
            while number <= min(last, self.next_out - 1) and number not in self.sent:
                number += 1
            self._write(self._raw("4", first, [(123, "Y"), (36, str(number))], self.now()))

    def close(self) -> None:
        """Log out when there is somebody, then hang up."""
        if self._on:
            self._admin("5")
            with contextlib.suppress(OSError):
                self.quiet(0.1, 1.0)
        self._drop()
