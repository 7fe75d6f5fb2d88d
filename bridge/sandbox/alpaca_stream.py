"""The trade_updates stream: JSON in binary frames (paper) or text (live); no numbers, no replay, no mercy."""

import json
import time
from collections.abc import Mapping
from typing import Any

from bridge.sandbox.alpaca_connection import Answer, WebSocket
from bridge.sandbox.alpaca_faults import StreamFaults


class OrderStreams:
    """At most one connection per key; what happens while nobody listens is told to nobody."""

    def __init__(self, key: str, secret: str, faults: StreamFaults, *, binary: bool) -> None:
        self._key, self._secret = key, secret
        self._faults = faults
        self._binary = binary
        self._open: WebSocket | None = None
        self._listening: WebSocket | None = None
        self._dead_until = 0.0
        self._held: list[str] = []
        self.handshakes = 0
        self.told = 0

    def admit(self) -> Answer | None:
        """None lets a handshake pass."""
        self.handshakes += 1
        if self._faults.refuse is not None:
            return Answer(self._faults.refuse, "connection limit exceeded", "text/plain")
        taken = self._open is not None and not self._open.closed
        if taken or time.monotonic() < self._dead_until:
            return Answer(406, "connection limit exceeded", "text/plain")
        return None

    async def talk(self, opened: WebSocket) -> None:
        """One client's connection, until it ends."""
        self._open = opened
        authorized = False
        while (message := await opened.messages.get()) is not None:
            try:
                asked = json.loads(message)
                action, data = asked["action"], asked.get("data") or {}
            except (ValueError, KeyError, TypeError, AttributeError):
                self._send(opened, {"stream": "error", "data": {"error": "invalid message"}})
                continue
            if action in ("authenticate", "auth"):
                given = (data.get("key_id") or asked.get("key"), data.get("secret_key") or asked.get("secret"))
                authorized = given == (self._key, self._secret)
                status = "authorized" if authorized else "unauthorized"
                self._send(opened, {"stream": "authorization", "data": {"status": status, "action": "authenticate"}})
            elif action == "listen" and authorized:
                streams = [each for each in data.get("streams", ()) if each == "trade_updates"]
                if streams:
                    self._listening = opened
                self._send(opened, {"stream": "listening", "data": {"streams": streams}})
            else:
                self._send(opened, {"stream": "authorization", "data": {"status": "unauthorized", "action": action}})
                opened.close(1008, "not authorized")

    def tell(self, event: str, order: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        """One trade update, with whatever is to go wrong with it."""
        faults = self._faults
        if event in faults.skip:
            faults.skip.remove(event)
            return
        data = {"event": event, **more, "order": order}
        if faults.without_execution_id:
            data.pop("execution_id", None)
        frame = json.dumps({"stream": "trade_updates", "data": data})
        if faults.reorder > 0:
            faults.reorder -= 1
            self._held.insert(0, frame)
            if faults.reorder:
                return
            frames, self._held = self._held, []
        else:
            frames = [frame]
        for each in frames:
            while faults.garble > 0:
                faults.garble -= 1
                self._raw('{"stream":"trade_upd')
            for _ in range(faults.repeat):
                self._raw(each)

    def drop(self, *, politely: bool = False) -> None:
        """The connection is lost; it may go on counting for a while."""
        self._dead_until = time.monotonic() + self._faults.keep_dead
        if self._open is not None:
            if politely:
                self._open.close(1001, "going away")
            else:
                self._open.abort()
        self._open = self._listening = None

    def mute(self, muted: bool = True) -> None:
        """Connected, pings answered, and nothing is told."""
        if self._open is not None:
            self._open.mute = muted

    @property
    def listening(self) -> bool:
        """Somebody hears."""
        return self._listening is not None and not self._listening.closed

    def _raw(self, text: str) -> None:
        if self._listening is not None and not self._listening.closed:
            self.told += 1
            self._listening.send(text.encode() if self._binary else text)

    def _send(self, opened: WebSocket, message: Mapping[str, Any]) -> None:
        text = json.dumps(message)
        opened.send(text.encode() if self._binary else text)
