"""`POST /sandbox/...`: how people move a running sandbox, with plain JSON. Nothing of this exists at Alpaca."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.sandbox.alpaca_connection import Answer
from bridge.sandbox.alpaca_faults import Fault

if TYPE_CHECKING:
    from bridge.sandbox.alpaca import AlpacaSandbox


class Controls:
    """The commands, by name."""

    def __init__(self, sandbox: "AlpacaSandbox") -> None:
        self._sandbox = sandbox
        self._commands: dict[str, Callable[[dict[str, Any]], Any]] = {
            "/quote": self._quote,
            "/fault": self._fault,
            "/clear": self._clear,
            "/stream": self._stream,
            "/market": self._market,
            "/fill": self._fill,
            "/cancel": self._cancel,
        }

    def respond(self, method: str, path: str, body: bytes) -> Answer:
        """Do what is asked; 400 says what was wrong, 404 lists the commands."""
        command = self._commands.get(path)
        if method != "POST" or command is None:
            return Answer(404, {"commands": [f"POST /sandbox{name}" for name in self._commands]})
        try:
            asked = json.loads(body or b"{}", parse_float=Decimal)
            if not isinstance(asked, dict):
                raise ValueError("expected an object")
            return Answer(200, {"done": path.strip("/"), **(command(asked) or {})})
        except (ValueError, KeyError, ArithmeticError, TypeError) as error:
            return Answer(400, {"message": f"{type(error).__name__}: {error}"})

    def _quote(self, asked: dict[str, Any]) -> None:
        """`symbol, bid, ask[, bid_size, ask_size]`."""
        sizes = str(asked.get("bid_size", 1000)), str(asked.get("ask_size", 1000))
        self._sandbox.quote(asked["symbol"], str(asked["bid"]), str(asked["ask"]), *sizes)

    def _fault(self, asked: dict[str, Any]) -> None:
        """`how[, at, carried_out, after, times, seconds]`: see bridge.sandbox.alpaca_faults."""
        plain = {key: float(value) if isinstance(value, Decimal) else value for key, value in asked.items()}
        self._sandbox.faults.arm(msgspec.convert(plain, Fault))

    def _clear(self, asked: dict[str, Any]) -> None:
        """No more faults, of requests and of the stream."""
        self._sandbox.faults.clear()
        self._sandbox.speak()
        faults = self._sandbox.stream_faults
        faults.__init__()  # type: ignore[misc]
        self._sandbox.orders.mute(False)

    def _stream(self, asked: dict[str, Any]) -> dict[str, Any]:
        """`{"drop": true}`, `{"mute": true}`, or any of the fields of StreamFaults."""
        for key, value in asked.items():
            if key == "drop":
                self._sandbox.orders.drop()
            elif key == "mute":
                self._sandbox.orders.mute(bool(value))
            elif key in vars(self._sandbox.stream_faults):
                setattr(self._sandbox.stream_faults, key, value)
            else:
                raise ValueError(f"unknown key {key}")
        return {"listening": self._sandbox.orders.listening}

    def _market(self, asked: dict[str, Any]) -> None:
        """`{"open": false}`."""
        if asked["open"]:
            self._sandbox.book.open()
        else:
            self._sandbox.book.close()

    def _fill(self, asked: dict[str, Any]) -> dict[str, Any]:
        """`client_order_id, qty, price`: an execution, also of an order that has ended."""
        order = self._sandbox.order(asked["client_order_id"])
        execution = self._sandbox.book.fill(order, Decimal(str(asked["qty"])), Decimal(str(asked["price"])))
        return {"execution_id": execution}

    def _cancel(self, asked: dict[str, Any]) -> None:
        """`client_order_id`: cancelled by the broker, asked by nobody."""
        self._sandbox.book.end(self._sandbox.order(asked["client_order_id"]), "canceled")
