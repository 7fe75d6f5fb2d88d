"""Market data streams `/v2/iex`, `/v2/sip`, `/v1beta3/crypto/us`: lists of messages, msgpack when asked for."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from bridge.sandbox.alpaca_connection import Request, WebSocket

PATHS = ("/v2/iex", "/v2/sip", "/v2/delayed_sip", "/v1beta3/crypto/us")


class Subscriber:
    """One connection: what it wants to hear, and how."""

    def __init__(self, opened: WebSocket, *, packed: bool, crypto: bool) -> None:
        self.opened = opened
        self.packed = packed
        self.crypto = crypto
        self.quotes: list[str] = []
        self.trades: list[str] = []

    def send(self, *messages: dict[str, Any]) -> None:
        """One frame."""
        if self.packed:
            self.opened.send(msgspec.msgpack.encode(list(messages)))
        else:
            self.opened.send(json.dumps(messages, default=_text))


class DataStreams:
    """One connection per key over all paths, so many symbols at most."""

    def __init__(self, key: str, secret: str, symbol_limit: int) -> None:
        self._key, self._secret = key, secret
        self._symbol_limit = symbol_limit
        self._subscribers: dict[str, Subscriber] = {}
        self._newest: dict[str, dict[str, Any]] = {}

    def serves(self, path: str) -> bool:
        """Whether there is such a stream."""
        return path in PATHS

    async def talk(self, request: Request, opened: WebSocket) -> None:
        """One client's connection, until it ends."""
        path = request.target.partition("?")[0]
        packed = "msgpack" in request.headers.get("content-type", "")
        client = Subscriber(opened, packed=packed, crypto="crypto" in path)
        client.send({"T": "success", "msg": "connected"})
        authenticated = False
        while (message := await opened.messages.get()) is not None:
            try:
                asked = (
                    msgspec.msgpack.decode(message) if isinstance(message, bytes) and packed else json.loads(message)
                )
                action = asked["action"]
            except (ValueError, KeyError, TypeError):
                client.send({"T": "error", "code": 400, "msg": "invalid syntax"})
                continue
            if action == "auth":
                authenticated = self._auth(path, client, asked)
            elif not authenticated:
                client.send({"T": "error", "code": 401, "msg": "not authenticated"})
            elif action in ("subscribe", "unsubscribe"):
                self._subscribe(client, asked, action)
            else:
                client.send({"T": "error", "code": 400, "msg": "invalid syntax"})
        if self._subscribers.get(path) is client:
            del self._subscribers[path]

    def drop(self) -> None:
        """Every connection is lost."""
        for client in list(self._subscribers.values()):
            client.opened.abort()
        self._subscribers.clear()

    def mute(self, muted: bool = True) -> None:
        """Connected, pings answered, and nothing is told."""
        for client in self._subscribers.values():
            client.opened.mute = muted

    def _auth(self, path: str, client: Subscriber, asked: dict[str, Any]) -> bool:
        if (asked.get("key"), asked.get("secret")) != (self._key, self._secret):
            client.send({"T": "error", "code": 402, "msg": "auth failed"})
            return False
        other = self._subscribers.get(path)
        if other is not None and not other.opened.closed:
            client.send({"T": "error", "code": 406, "msg": "connection limit exceeded"})
            return False
        self._subscribers[path] = client
        client.send({"T": "success", "msg": "authenticated"})
        return True

    def _subscribe(self, client: Subscriber, asked: dict[str, Any], action: str) -> None:
        wanted = {name: [str(each) for each in asked.get(name, ())] for name in ("quotes", "trades")}
        for name, symbols in wanted.items():
            mine: list[str] = getattr(client, name)
            if action == "unsubscribe":
                mine[:] = [each for each in mine if each not in symbols]
                continue
            fresh = [each for each in symbols if each not in mine]
            if not client.crypto and len(set(mine) | set(fresh)) > self._symbol_limit:
                client.send({"T": "error", "code": 405, "msg": "symbol limit exceeded"})
                return
            mine.extend(fresh)
        client.send({"T": "subscription", "trades": client.trades, "quotes": client.quotes, "bars": []})
        for symbol in wanted["quotes"]:
            if action == "subscribe" and symbol in self._newest:
                client.send(self._newest[symbol])

    def quote(self, symbol: str, bid: Decimal, ask: Decimal, bid_size: Decimal, ask_size: Decimal, now: int) -> None:
        """A quote for whoever subscribed."""
        message = {
            "T": "q",
            "S": symbol,
            "bp": float(bid),
            "bs": float(bid_size) if "/" in symbol else int(bid_size),
            "ap": float(ask),
            "as": float(ask_size) if "/" in symbol else int(ask_size),
            "t": datetime.fromtimestamp(now / 1e9, UTC),
        }
        if "/" not in symbol:
            message |= {"bx": "V", "ax": "V", "c": ["R"], "z": "C"}
        self._newest[symbol] = message
        self._tell("quotes", symbol, message)

    def trade(self, symbol: str, price: Decimal, size: Decimal, now: int) -> None:
        """A printed trade for whoever subscribed."""
        at = datetime.fromtimestamp(now / 1e9, UTC)
        self._tell("trades", symbol, {"T": "t", "S": symbol, "i": now, "p": float(price), "s": float(size), "t": at})

    def _tell(self, what: str, symbol: str, message: dict[str, Any]) -> None:
        for client in self._subscribers.values():
            wanted: list[str] = getattr(client, what)
            if (symbol in wanted or "*" in wanted) and client.crypto == ("/" in symbol):
                client.send(message)


def _text(value: Any) -> str:
    assert isinstance(value, datetime)
    return value.isoformat().replace("+00:00", "Z")
