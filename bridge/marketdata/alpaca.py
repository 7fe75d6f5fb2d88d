"""Quotes and trades from Alpaca's market data streams: shares (IEX, SIP) and crypto, one connection each.

alpaca-py speaks the wire; connecting again, subscribing and noticing silence is done here. Prices arrive as binary
floats (that is the wire format) and become the shortest decimal that means the same float.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import structlog

from bridge.interfaces import Clock
from bridge.orders.market import Quote, QuoteSource, Tick, Trade

log = structlog.get_logger("bridge.marketdata.alpaca")

EXTRA = "Alpaca needs its client library: pip install fixbridge[alpaca]"
ENDPOINT = "wss://stream.data.alpaca.markets"
FEEDS = ("iex", "sip", "delayed_sip")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEADY = 10.0
BATCH = 200
"""Symbols per subscription message: a frame may not be large."""
REFUSALS = {402: "the broker refuses these credentials", 406: "another market data connection with this key is open"}

Credentials = Callable[[str], tuple[str, str]]
"""Name of a BrokerSpec → its key and secret. Raises LookupError."""


class Unusable(ValueError):
    """A message that is no quote and no trade."""


class Refused(ConnectionError):
    """The server said no, with its code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{REFUSALS.get(code, text)} (code {code})")
        self.code = code


class AlpacaSource:
    """Implements `bridge.interfaces.MarketData`. A symbol with a slash is crypto (BTC/USD), all others are shares."""

    def __init__(
        self,
        *,
        clock: Clock,
        credentials: Credentials,
        broker: str = "alpaca",
        symbols: tuple[str, ...] = (),
        feed: str = "iex",
        endpoint: str = ENDPOINT,
        silence: float = 120.0,
        backoff: tuple[float, float] = (0.5, 30.0),
        ping: float = 5.0,
    ) -> None:
        """`broker` names the BrokerSpec whose key is used; the free plan takes 30 symbols and the feed iex.

        `silence`: seconds without any message after which a connection is made anew. Raises ValueError, LookupError,
        and ImportError without alpaca-py.
        """
        try:
            import alpaca.data.live.websocket  # noqa: F401 - asked for now, so that the start says what is missing
        except ImportError as error:
            raise ImportError(EXTRA) from error
        if feed not in FEEDS:
            raise ValueError(f"feed {feed}: {', '.join(FEEDS)}")
        key, secret = credentials(broker)
        base = endpoint.rstrip("/")
        self._clock = clock
        self._publish: Callable[[Tick], None] | None = None
        self._feeds = {
            False: _Feed(f"{base}/v2/{feed}", key, secret, self._heard, silence=silence, backoff=backoff, ping=ping),
            True: _Feed(
                f"{base}/v1beta3/crypto/us", key, secret, self._heard, silence=silence, backoff=backoff, ping=ping
            ),
        }
        self.unusable = 0
        self.watch(symbols)

    @property
    def unready(self) -> dict[str, str]:
        """Address → why it tells nothing now; empty when all is well."""
        return {feed.endpoint: feed.down for feed in self._feeds.values() if feed.symbols and feed.down is not None}

    async def start(self, publish: Callable[[Tick], None]) -> None:
        """Connect in the background; quotes come when they come, and until then risk refuses."""
        self._publish = publish
        for feed in self._feeds.values():
            feed.start()

    async def stop(self) -> None:
        """End both connections."""
        for feed in self._feeds.values():
            await feed.stop()
        self._publish = None

    def watch(self, symbols: Iterable[str]) -> None:
        """Subscribe to more symbols; repeated ones are ignored."""
        for symbol in symbols:
            self._feeds["/" in symbol].watch(symbol)

    def _heard(self, message: Mapping[str, Any]) -> None:
        if self._publish is None:
            return
        try:
            tick = read(message, self._clock.utc_ns())
        except Unusable as error:
            self.unusable += 1
            log.debug("market data not usable", error=str(error))
            return
        if tick is not None:
            self._publish(tick)


def read(message: Mapping[str, Any], received_ns: int) -> Tick | None:
    """A message of the stream as a tick; None for kinds that are no quote and no trade. Raises Unusable.

    A price or size of 0 means that there is none.
    """
    kind = message.get("T")
    if kind not in ("q", "t"):
        return None
    symbol = message.get("S")
    if not isinstance(symbol, str) or not symbol:
        raise Unusable("no symbol")
    time = _time(message.get("t"), received_ns)
    if kind == "t":
        price, size = _number(message, "p"), _number(message, "s")
        if price is None or size is None:
            raise Unusable(f"{symbol}: a trade without price or size")
        return Trade(symbol, price, size, time, received_ns)
    bid, ask = _number(message, "bp"), _number(message, "ap")
    if bid is None and ask is None:
        raise Unusable(f"{symbol}: a quote without prices")
    bid_size = _number(message, "bs") if bid is not None else None
    ask_size = _number(message, "as") if ask is not None else None
    return Quote(symbol, bid, bid_size, ask, ask_size, time, received_ns, QuoteSource.BBO)


def _number(message: Mapping[str, Any], key: str) -> Decimal | None:
    value = message.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unusable(f"{key}: {value!r}")
    found = Decimal(repr(value))
    if not found.is_finite() or found < 0:
        raise Unusable(f"{key}: {value!r}")
    return found or None


def _time(value: Any, received_ns: int) -> datetime:
    if isinstance(value, datetime):
        return value
    if hasattr(value, "seconds") and hasattr(value, "nanoseconds"):  # msgpack's Timestamp
        return EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanoseconds // 1000)
    return EPOCH + timedelta(microseconds=received_ns // 1000)


class _Feed:
    """One websocket: connected while there is anything to hear."""

    def __init__(
        self,
        endpoint: str,
        key: str,
        secret: str,
        heard: Callable[[Mapping[str, Any]], None],
        *,
        silence: float,
        backoff: tuple[float, float],
        ping: float,
    ) -> None:
        from alpaca.data.live.websocket import DataStream

        self.endpoint = endpoint
        self.symbols: dict[str, None] = {}
        self.down: str | None = "not started"
        self.connections = 0
        self._heard = heard
        self._silence, self._backoff = silence, backoff
        self._wire: Any = DataStream(
            endpoint,
            key,
            secret,
            raw_data=True,
            websocket_params={
                "ping_interval": ping,
                "ping_timeout": ping,
                "max_queue": 4096,
                "open_timeout": 10.0,
                "close_timeout": 1.0,
            },
        )
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._later: set[asyncio.Task[None]] = set()

    def watch(self, symbol: str) -> None:
        if symbol in self.symbols:
            return
        self.symbols[symbol] = None
        self._wanted.set()
        if self._task is not None and self.down is None:
            task = asyncio.get_running_loop().create_task(self._subscribe([symbol]))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"market data {self.endpoint}")

    async def stop(self) -> None:
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=0.1)
        self.down = "stopped"
        await self._close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        await self._wanted.wait()
        attempt = 0
        while True:
            since: float | None = None
            try:
                async with asyncio.timeout(15.0):
                    await self._wire._start_ws()
                    self.down = None
                    await self._subscribe(list(self.symbols))
                since = loop.time()
                self.connections += 1
                while True:
                    async with asyncio.timeout(self._silence):
                        packed = await self._wire._ws.recv()
                    for message in msgspec.msgpack.decode(packed):
                        self._take(message)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever ended it is told, and the stream is made anew
                self.down = _reason(error, self._silence if since is not None else None)
            await self._close()
            log.warning("market data lost", endpoint=self.endpoint, reason=self.down)
            if since is not None and loop.time() - since >= STEADY:
                attempt = 0
            await asyncio.sleep(min(self._backoff[0] * 2**attempt, self._backoff[1]))
            attempt = min(attempt + 1, 16)

    async def _subscribe(self, symbols: list[str]) -> None:
        wire = self._wire._ws
        if wire is None:
            return  # the next connection subscribes to everything
        for begin in range(0, len(symbols), BATCH):
            some = symbols[begin : begin + BATCH]
            await wire.send(msgspec.msgpack.encode({"action": "subscribe", "quotes": some, "trades": some}))

    def _take(self, message: Any) -> None:
        if not isinstance(message, dict):
            raise ConnectionError("a message that is no object")
        if message.get("T") == "error":
            code, text = int(message.get("code") or 0), str(message.get("msg"))
            if code in REFUSALS:
                raise Refused(code, text)
            # 405 and the like concern one subscription; what was subscribed before goes on
            log.error("market data refused", endpoint=self.endpoint, code=code, text=text, symbols=len(self.symbols))
            return
        self._heard(message)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(2.0):
                await self._wire.close()
        except Exception as error:  # noqa: BLE001 - it is being given up either way
            log.debug("market data not closed cleanly", error=str(error))


def _reason(error: Exception, silence: float | None) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time" if silence is None else f"silent for {silence:g} s"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
