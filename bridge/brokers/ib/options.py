"""What a BrokerSpec may say about an IB connection, with errors that name key, value and what is allowed."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bridge.orders.events import Mode

PORTS = {Mode.PAPER: 4002, Mode.LIVE: 4001}
"""IB Gateway's own ports; TWS has 7497 and 7496."""


class LibraryMissing(RuntimeError):
    """ib_async is not installed."""


class IbOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`broker.options` of `type: interactive-brokers`. Times in seconds, `rate` in messages a second.

    `patience` is how long a status waits for the executions it speaks of before they are asked for; `timezone` the zone
    of times that IB sends without one, and of the account's midnight; `accounts` maps our Account(1) to IB's where
    their names differ. `contracts` names the IB contract of a symbol where the symbol master's row is not enough:
    `{BRK.B: {symbol: "BRK B"}, ES: {conId: 495512563}}`.
    """

    client_id: int = 1
    connect_timeout: float = 10.0
    answer_timeout: float = 10.0
    query_timeout: float = 10.0
    heartbeat: float = 15.0
    retry: float = 1.0
    retry_most: float = 30.0
    settle: float = 30.0
    rate: int = 40
    max_order_age: float = 10.0
    timezone: str = "America/New_York"
    patience: float = 2.0
    accounts: dict[str, str] = {}
    contracts: dict[str, dict[str, str | int]] = {}

    def __post_init__(self) -> None:
        if not 0 <= self.client_id <= 2_147_483_647:
            raise ValueError(f"client_id: found {self.client_id}, allowed are 0 to 2147483647")
        if not 1 <= self.rate <= 45:
            raise ValueError(f"rate: found {self.rate}, allowed are 1 to 45 (IB disconnects above 50 a second)")
        for key in (
            "connect_timeout",
            "answer_timeout",
            "query_timeout",
            "heartbeat",
            "retry",
            "retry_most",
            "patience",
        ):
            if not getattr(self, key) > 0:
                raise ValueError(f"{key}: found {getattr(self, key)}, must be above 0 seconds")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"timezone: {self.timezone!r} is no time zone, write America/New_York") from None

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> "IbOptions":
        """Raises ValueError with one sentence."""
        try:
            return msgspec.convert(dict(options), cls, strict=False)
        except msgspec.ValidationError as error:
            raise ValueError(f"options: {error}") from error


def endpoint(text: str | None, mode: Mode) -> tuple[str, int]:
    """`host:port` or `host` → host and port; IB Gateway on this machine when absent. Raises ValueError."""
    host, colon, port = (text or "127.0.0.1").removeprefix("tcp://").rpartition(":")
    if not colon:
        return port, PORTS[mode]
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"endpoint: found {text!r}, allowed is host:port, 127.0.0.1:{PORTS[mode]}")
    return host, int(port)


def require_library() -> None:
    """Raises LibraryMissing when the extra is not installed."""
    if find_spec("ib_async") is None:
        raise LibraryMissing("type interactive-brokers needs ib_async: pip install 'fixbridge[ib]'")
