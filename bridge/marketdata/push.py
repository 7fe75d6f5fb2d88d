"""Ticks handed in from outside, over HTTP or MQTT: `{"quotes": [...], "trades": [...]}`, checked strictly.

Numbers are strings (`"187.20"`): a binary float would have lost the price before it got here. A tick that is not
believable (crossed, zero, negative, no number, unknown symbol) is refused with the reason; the others of the same call
are taken.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from bridge.interfaces import Clock
from bridge.orders.market import Aggressor, Instrument, Quote, QuoteSource, Tick, Trade

NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUOTE_KEYS = {"symbol", "bid_px", "bid_sz", "ask_px", "ask_sz", "time"}
TRADE_KEYS = {"symbol", "price", "size", "aggressor", "time"}


class TickRefused(ValueError):
    """A tick that cannot be believed, and why."""


class Refused(msgspec.Struct, frozen=True):
    """One refused item: its place in the list it came in, the symbol as far as it was readable, the reason."""

    list: str
    index: int
    symbol: str | None
    reason: str


class Pushed(msgspec.Struct, frozen=True):
    """What became of one call."""

    accepted: int
    refused: tuple[Refused, ...] = ()


class Lookup(Protocol):
    """As much of the symbol master as is needed here."""

    def get(self, symbol: str) -> Instrument | None:
        """The instrument, or None."""
        ...


def quote_from(row: Mapping[str, Any], received_ns: int) -> Quote:
    """A quote from `symbol, bid_px, bid_sz, ask_px, ask_sz[, time]`; an empty or absent size is unknown.

    One side may be missing, with its size. Raises TickRefused.
    """
    symbol = _symbol(row, QUOTE_KEYS)
    bid, ask = _price(row, "bid_px"), _price(row, "ask_px")
    if bid is None and ask is None:
        raise TickRefused("bid_px, ask_px: at least one is needed")
    if bid is not None and ask is not None and bid > ask:
        raise TickRefused(f"crossed: bid_px {bid} is above ask_px {ask}")
    bid_size, ask_size = _size(row, "bid_sz"), _size(row, "ask_sz")
    if (bid is None and bid_size is not None) or (ask is None and ask_size is not None):
        raise TickRefused("a size without its price")
    return Quote(symbol, bid, bid_size, ask, ask_size, _time(row, received_ns), received_ns, QuoteSource.BBO)


def trade_from(row: Mapping[str, Any], received_ns: int) -> Trade:
    """A trade from `symbol, price, size[, aggressor, time]`. Raises TickRefused."""
    symbol = _symbol(row, TRADE_KEYS)
    price, size = _price(row, "price"), _size(row, "size")
    if price is None:
        raise TickRefused("price: missing")
    if not size:
        raise TickRefused("size: must be above zero")
    try:
        aggressor = Aggressor(row.get("aggressor") or "none")
    except ValueError:
        raise TickRefused(f"aggressor: found {row['aggressor']!r}, allowed are buy, sell, none") from None
    return Trade(symbol, price, size, _time(row, received_ns), received_ns, aggressor)


class PushSource:
    """The market data source whose ticks come in through `push`. Between `start` and `stop` only."""

    def __init__(self, *, clock: Clock, instruments: Lookup | None = None) -> None:
        """With `instruments` a symbol they do not know is refused."""
        self._clock = clock
        self._instruments = instruments
        self._publish: Callable[[Tick], None] | None = None
        self.watched: dict[str, None] = {}

    async def start(self, publish: Callable[[Tick], None]) -> None:
        """Take ticks from now on."""
        self._publish = publish

    async def stop(self) -> None:
        """Take no more."""
        self._publish = None

    def watch(self, symbols: Iterable[str]) -> None:
        """Remembered only: whoever pushes decides what comes."""
        self.watched.update(dict.fromkeys(symbols))

    def push(self, quotes: Iterable[Any] = (), trades: Iterable[Any] = ()) -> Pushed:
        """Check and publish, quotes first. Every item is answered: accepted, or in `refused` with its reason."""
        accepted, refused = 0, []
        for name, rows, build in (("quotes", quotes, quote_from), ("trades", trades, trade_from)):
            for index, row in enumerate(rows):
                symbol = None
                try:
                    if self._publish is None:
                        raise TickRefused("the source is not running")
                    if not isinstance(row, Mapping):
                        raise TickRefused(f"expected an object, found {type(row).__name__}")
                    symbol = row["symbol"] if isinstance(row.get("symbol"), str) else None
                    tick = build(row, self._clock.utc_ns())
                    if self._instruments is not None and self._instruments.get(tick.symbol) is None:
                        raise TickRefused(f"symbol: {tick.symbol!r} is not in the symbol master")
                except TickRefused as error:
                    refused.append(Refused(name, index, symbol, str(error)))
                else:
                    self._publish(tick)
                    accepted += 1
        return Pushed(accepted, tuple(refused))


def _symbol(row: Mapping[str, Any], allowed: set[str]) -> str:
    unknown = set(row) - allowed
    if unknown:
        raise TickRefused(
            f"unknown keys {', '.join(sorted(map(str, unknown)))}, allowed are {', '.join(sorted(allowed))}"
        )
    symbol = row.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise TickRefused("symbol: missing")
    return symbol


def _decimal(row: Mapping[str, Any], key: str) -> Decimal | None:
    value = row.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise TickRefused(f'{key}: found {value!r}, allowed are plain decimals as strings, "187.20"')
    return Decimal(value)


def _price(row: Mapping[str, Any], key: str) -> Decimal | None:
    price = _decimal(row, key)
    if price is not None and not price:
        raise TickRefused(f"{key}: must be above zero")
    return price


_size = _decimal


def _time(row: Mapping[str, Any], received_ns: int) -> datetime:
    value = row.get("time")
    if value is None or value == "":
        return EPOCH + timedelta(microseconds=received_ns // 1000)
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise TickRefused(f"time: found {value!r}, allowed is ISO 8601 with an offset, 2024-07-01T14:30:00Z") from None
    if time.tzinfo is None:
        raise TickRefused(f"time: {value!r} has no offset from UTC")
    return time.astimezone(UTC)
