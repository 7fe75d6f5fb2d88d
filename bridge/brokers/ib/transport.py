"""ib_async's socket client and decoder, and nothing else of it: the one module that imports the library.

Its `IB` and `Wrapper` keep an order state of their own that calls living orders cancelled (ADAPTERS B.4, 1 to 11).
Here the client's callbacks come to our own `Tap`, so none of that is in the way. Numbers arrive as the Decimals of
their text, and a message that cannot be decoded is told instead of being logged and forgotten.
"""

import dataclasses
import logging
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from types import SimpleNamespace
from typing import Any

from ib_async.client import Client
from ib_async.contract import Contract
from ib_async.decoder import Decoder
from ib_async.objects import ExecutionFilter
from ib_async.order import Order as IbOrder

from bridge.brokers.ib.wire import with_zone

__all__ = ["Contract", "ExecutionFilter", "IbOrder", "client"]

# Its text about connections repeats what we say ourselves; its debug text holds every order.
logging.getLogger("ib_async").setLevel(logging.CRITICAL)

EXEC_TIME = 15  # place of the time in an execDetails message


def _decimal(text: Any) -> Decimal:
    try:
        return Decimal(text or 0)
    except InvalidOperation:
        return Decimal(str(float(text)))  # "Infinity" and such in fields nobody trades by


_READ: dict[Any, Callable[[str], Any]] = {
    int: lambda text: int(text or 0),
    float: _decimal,
    bool: lambda text: bool(int(text or 0)),
    str: str,
}


class ExactDecoder(Decoder):
    """Decodes numbers exactly and lets nothing go unnoticed."""

    def __init__(self, tap: Any, zone: str) -> None:
        self._zone = zone
        super().__init__(tap, 0)

    def interpret(self, fields: list[str]) -> None:
        """One message; what cannot be read is told to the tap."""
        try:
            self.handlers[int(fields[0])](fields)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the tap has to know
            self.wrapper.unreadable(fields, error)  # type: ignore[attr-defined]

    def wrap(self, methodName: str, types: list[Any], skip: int = 2) -> Any:  # noqa: N803 - the library's
        """A message whose fields are the method's arguments."""

        def told(fields: list[str]) -> None:
            method = getattr(self.wrapper, methodName, None)
            if method is not None:
                method(*(_READ[kind](text) for kind, text in zip(types, fields[skip:], strict=False)))

        return told

    def parse(self, obj: Any) -> None:
        """Texts → the types of the fields' defaults, floats as exact Decimals."""
        for field in dataclasses.fields(obj):
            value = getattr(obj, field.name)
            kind = type(field.default)
            if kind is float:
                setattr(obj, field.name, _decimal(value) if value not in ("", None) else Decimal(str(field.default)))
            elif kind is int:
                setattr(obj, field.name, int(value) if value else field.default)
            elif kind is bool:
                setattr(obj, field.name, bool(int(value)) if value else field.default)

    def priceSizeTick(self, fields: list[str]) -> None:  # noqa: N802 - the library's
        """A price with its size; an empty price is none."""
        _, _, number, kind, price, size, *_ = fields
        if price:
            self.wrapper.priceSizeTick(int(number), int(kind), _decimal(price), _decimal(size))  # type: ignore[arg-type]

    def execDetails(self, fields: list[str]) -> None:  # noqa: N802 - the library's
        """An execution, with a time whose zone is known."""
        fields[EXEC_TIME] = with_zone(fields[EXEC_TIME], self._zone)
        super().execDetails(fields)  # type: ignore[no-untyped-call]


def client(tap: Any, zone: str) -> Client:
    """A client whose callbacks go to `tap`."""
    tap.ib = SimpleNamespace(TimezoneTWS=zone)
    made = Client(tap)  # type: ignore[no-untyped-call]
    made.decoder = ExactDecoder(tap, zone)
    return made
