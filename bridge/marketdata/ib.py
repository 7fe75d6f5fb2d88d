"""Interactive Brokers' ticks, for risk and execution cost: top of book and last trade per symbol.

A connection of its own, under a client id of its own: market data never waits behind orders, and an error about it
never touches one. Prices that are no prices (-1 without size, 0, delayed ones) are not published: risk refuses without
a quote, and that is right.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import structlog

from bridge.brokers.ib.contracts import Contracts, Unresolved
from bridge.brokers.ib.link import Link
from bridge.brokers.ib.options import IbOptions, endpoint, require_library
from bridge.brokers.ib.pacer import Lane
from bridge.brokers.ib.questions import IbRefused
from bridge.brokers.ib.tap import OrderStatus, Tap
from bridge.interfaces import BrokerUnreachable, Clock
from bridge.orders.events import Mode
from bridge.orders.market import Instrument, Quote, Tick, Trade

log = structlog.get_logger("bridge.marketdata.ib")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BID_SIZE, BID, ASK, ASK_SIZE, LAST, LAST_SIZE = range(6)
LIVE_DATA, DATA_LOST = 1, 1101
FIRST = 1
"""Requests for ticks are numbered from here: this connection sends no orders, so its ids are free."""


class Master(Protocol):
    """The symbol master."""

    def get(self, symbol: str) -> Instrument | None:
        """Its row of a symbol."""
        ...


class _Watched:
    """One symbol: what is quoted now."""

    __slots__ = ("ask", "ask_size", "bid", "bid_size", "last", "live", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.live = True
        self.bid: Decimal | None = None
        self.ask: Decimal | None = None
        self.bid_size: Decimal | None = None
        self.ask_size: Decimal | None = None
        self.last: Decimal | None = None


class IbSource:
    """Implements `bridge.interfaces.MarketData`: `use: bridge.marketdata.ib:IbSource`."""

    def __init__(
        self,
        *,
        clock: Clock,
        instruments: Master,
        address: str | None = None,
        client_id: int = 101,
        symbols: Iterable[str] = (),
        live: bool = False,
        retry: float = 1.0,
        retry_most: float = 30.0,
    ) -> None:
        """`address` is host:port (IB Gateway here by default: 4002, or 4001 when `live`); `symbols` are watched from
        the start. Raises LibraryMissing, ValueError.
        """
        require_library()
        host, port = endpoint(address, Mode.LIVE if live else Mode.PAPER)
        options = IbOptions(client_id=client_id, retry=retry, retry_most=retry_most)
        self._clock = clock
        self._link = Link(
            self, options, host, port, logged_in=self._logged_in, lost=self._silence, failed=lambda why: None
        )
        self._contracts = Contracts(
            instrument=instruments.get,
            named={},
            ask=lambda wanted: self._link.ask(lambda client, number: client.reqContractDetails(number, wanted)),
            ask_rule=lambda rule: self._link.ask_for(f"rule {rule}", lambda client: client.reqMarketRule(rule)),
            clock=clock,
        )
        self._publish: Callable[[Tick], None] | None = None
        self._wanted: dict[str, None] = dict.fromkeys(symbols)
        self._watched: dict[int, _Watched] = {}
        self._numbers: dict[str, int] = {}
        self._next = FIRST
        self._tasks: set[asyncio.Task[None]] = set()
        self.refused: dict[str, str] = {}  # symbol → why IB gives no prices

    async def start(self, publish: Callable[[Tick], None]) -> None:
        """Connect; when IB cannot be reached, it is tried until `stop`, and no quote is known meanwhile."""
        self._publish = publish
        with contextlib.suppress(BrokerUnreachable):
            await self._link.open()

    async def stop(self) -> None:
        """Disconnect."""
        self._publish = None
        await self._link.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def watch(self, symbols: Iterable[str]) -> None:
        """Subscribe to more; repeated ones are ignored."""
        fresh = [symbol for symbol in symbols if symbol not in self._wanted]
        self._wanted.update(dict.fromkeys(fresh))
        if self._link.up:
            self._spawn(self._subscribe(fresh))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _logged_in(self, tap: Tap) -> None:
        tap.ticks = self
        self._watched.clear()
        self._numbers.clear()
        self._spawn(self._subscribe(list(self._wanted)))

    async def _subscribe(self, symbols: Iterable[str]) -> None:
        for symbol in symbols:
            try:
                found = await self._contracts.resolve(symbol)
                number = self._numbers.get(symbol)
                if number is None:
                    number, self._next = self._next, self._next + 1
                    self._watched[number] = _Watched(symbol)
                    self._numbers[symbol] = number
                self._link.put(Lane.QUESTION, _request(number, found.contract))
            except (Unresolved, IbRefused) as error:
                self.refused[symbol] = str(error)
                log.warning("IB gives no prices", symbol=symbol, reason=str(error))
            except BrokerUnreachable:
                return  # the next login subscribes to all

    def _silence(self, why: str) -> None:
        """Nothing is quoted while the connection is gone; ages tell it to whoever asks."""
        self._watched.clear()
        self._numbers.clear()

    # --- ticks -------------------------------------------------------------------------------------------------------

    def price(self, number: int, kind: int, price: Decimal, size: Decimal) -> None:
        """A price and the size with it. -1 with no size means that there is none; spreads may have real ones below."""
        watched = self._watched.get(number)
        if watched is None:
            return
        told = price if price > 0 else None
        if kind == BID:
            watched.bid, watched.bid_size = told, size if told is not None and size > 0 else None
        elif kind == ASK:
            watched.ask, watched.ask_size = told, size if told is not None and size > 0 else None
        elif kind == LAST:
            watched.last = told
            return
        else:
            return
        self._quote(watched)

    def size(self, number: int, kind: int, size: Decimal) -> None:
        """A size alone. After a trade's price its size makes the trade."""
        watched = self._watched.get(number)
        if watched is None:
            return
        if kind == BID_SIZE and size != watched.bid_size and watched.bid is not None:
            watched.bid_size = size if size > 0 else None
        elif kind == ASK_SIZE and size != watched.ask_size and watched.ask is not None:
            watched.ask_size = size if size > 0 else None
        elif kind == LAST_SIZE and watched.last is not None and size > 0:
            last, watched.last = watched.last, None
            self._trade(watched, last, size)
            return
        else:
            return
        self._quote(watched)

    def text(self, number: int, kind: int, text: str) -> None:
        """Times and such: our own clock says how old a quote is."""

    def kind(self, number: int, kind: int) -> None:
        """1 live, 2 frozen, 3 delayed, 4 delayed and frozen: only live prices may pass risk."""
        watched = self._watched.get(number)
        if watched is not None:
            watched.live = kind == LIVE_DATA
            if not watched.live:
                log.warning("IB sends no live prices", symbol=watched.symbol, kind=kind)

    def _quote(self, watched: _Watched) -> None:
        if self._publish is None or not watched.live or (watched.bid is None and watched.ask is None):
            return
        now = self._clock.utc_ns()
        self._publish(
            Quote(watched.symbol, watched.bid, watched.bid_size, watched.ask, watched.ask_size, moment(now), now)
        )

    def _trade(self, watched: _Watched, price: Decimal, size: Decimal) -> None:
        if self._publish is not None and watched.live:
            now = self._clock.utc_ns()
            self._publish(Trade(watched.symbol, price, size, moment(now), now))

    # --- tap.Hears: this connection has no orders --------------------------------------------------------------------

    def open_order(self, contract: Any, order: Any, state: Any) -> None:
        """Not asked for."""

    def order_status(self, status: OrderStatus) -> None:
        """Not asked for."""

    def execution(self, contract: Any, execution: Any, live: bool) -> None:
        """Not asked for."""

    def commission(self, exec_id: str, commission: Decimal, currency: str) -> None:
        """Not asked for."""

    def next_id(self, order_id: int) -> None:
        """Not used."""

    def unreadable(self, kind: str, text: str) -> None:
        """The next tick says it again."""

    def order_error(self, order_id: int, code: int, text: str) -> None:
        """An error on a request for ticks: no permission, a competing session, no such contract."""
        watched = self._watched.get(order_id)
        if watched is not None and not 2100 <= code < 2200:
            self.refused[watched.symbol] = f"{text} ({code})"
            log.warning("IB gives no prices", symbol=watched.symbol, code=code, reason=text)

    def notice(self, code: int, text: str) -> None:
        """1101: subscriptions are lost and have to be made again."""
        if code == DATA_LOST and self._link.up:
            self._spawn(self._subscribe(list(self._wanted)))


def _request(number: int, contract: Any) -> Callable[[Any], None]:
    return lambda client: client.reqMktData(number, contract, "", False, False, [])


def moment(ns: int) -> datetime:
    """UTC ns as a datetime."""
    return EPOCH + timedelta(microseconds=ns // 1000)
