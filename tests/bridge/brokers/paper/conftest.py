"""A paper broker over a quote book, with an order desk that speaks in short sentences."""

import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.brokers.paper import FillModel, PaperBroker
from bridge.brokers.paper.book import FileBook
from bridge.instruments import Instruments
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.market import Aggressor, Quote, Trade
from bridge.orders.order import Order, PendingReplace
from bridge.orders.reports import Acknowledged, Executed, Report
from fixspec.enums import OrdType, Side, TimeInForce
from sessions.clock import ManualClock

TIME = datetime(2024, 1, 2, 15, tzinfo=UTC)


class Desk:
    """What the engine does, in a test: orders out, reports in."""

    def __init__(self, directory: Path | None, **settings: Any) -> None:
        self.clock = settings.pop("clock", None) or ManualClock()
        self.quotes = QuoteBook()
        self.instruments = Instruments.starter(date(2024, 1, 2))
        self.directory = directory
        self.kind = settings.pop("kind", PaperBroker)
        self.settings = settings
        self.reports: list[Report] = []
        self.orders: dict[str, Order] = {}
        self.broker = self._broker()
        self._count = 0

    def _broker(self) -> PaperBroker:
        return self.kind(
            quotes=self.quotes,
            clock=self.clock,
            instrument=self.instruments.get,
            directory=self.directory,
            **self.settings,
        )

    async def start(self) -> "Desk":
        await self.broker.start(self.reports.append)
        return self

    async def crash(self) -> None:
        """The process dies: nobody closes anything; a new broker opens the same book, before any quote."""
        book = self.broker._book
        self.broker._silence()
        self.broker._unready = "killed"
        if isinstance(book, FileBook):
            book._map.close()
            os.close(book._fd)
        memory = self.broker._memory
        self.quotes = QuoteBook()
        self.broker = self._broker()
        self.broker._memory = memory
        self.reports.clear()
        await self.start()

    def later(self, seconds: float) -> None:
        """Time passes, and the broker's timer rings."""
        self.clock.advance(seconds)
        self.broker.wake()

    def quote(self, symbol: str, bid: str | None, bid_sz: Any, ask: str | None, ask_sz: Any) -> None:
        def number(value: Any) -> Decimal | None:
            return None if value is None else Decimal(str(value))

        now = self.clock.utc_ns()
        self.quotes.publish(Quote(symbol, number(bid), number(bid_sz), number(ask), number(ask_sz), TIME, now))

    def trade(self, symbol: str, price: str, size: Any, aggressor: str = "none") -> None:
        now = self.clock.utc_ns()
        tick = Trade(symbol, Decimal(price), Decimal(str(size)), TIME, now, Aggressor(aggressor))
        self.quotes.publish(tick)

    def order(
        self,
        side: str,
        qty: Any,
        symbol: str = "AAPL",
        *,
        limit: str | None = None,
        stop: str | None = None,
        tif: str = "day",
        **others: Any,
    ) -> str:
        """Submit; returns our id at the broker."""
        self._count += 1
        client_id = others.pop("client_id", f"f{self._count}")
        kind = {(False, False): "market", (True, False): "limit", (False, True): "stop", (True, True): "stop_limit"}
        order = Order(
            order_id=self._count,
            session_id="S",
            cl_ord_id=f"C{self._count}",
            account=others.pop("account", "PAPER"),
            symbol=symbol,
            side=Side(side),
            ord_type=others.pop("ord_type", None) or OrdType(kind[limit is not None, stop is not None]),
            time_in_force=TimeInForce(tif),
            order_qty=Decimal(str(qty)),
            price=None if limit is None else Decimal(limit),
            stop_px=None if stop is None else Decimal(stop),
            broker="paper",
            broker_client_id=client_id,
            transact_time=TIME,
            received=TIME,
            routed=True,
            **others,
        )
        self.orders[client_id] = order
        self.broker.submit(order)
        return client_id

    def resubmit(self, client_id: str) -> None:
        self.broker.submit(self.orders[client_id])

    def cancel(self, client_id: str) -> None:
        self.broker.cancel(self.orders[client_id])

    def replace(self, client_id: str, *, new_id: str | None = None, **terms: Any) -> str:
        """Ask for other terms; returns the id of the request."""
        order = self.orders[client_id]
        new_id = new_id or f"{client_id}r"
        pending = PendingReplace(
            cl_ord_id=f"{order.cl_ord_id}R",
            session_id="S",
            broker_client_id=new_id,
            side=order.side,
            ord_type=terms.get("ord_type", order.ord_type),
            time_in_force=terms.get("time_in_force", order.time_in_force),
            order_qty=Decimal(str(terms.get("qty", order.order_qty))),
            price=Decimal(terms["limit"]) if "limit" in terms else order.price,
            stop_px=Decimal(terms["stop"]) if "stop" in terms else order.stop_px,
        )
        asked = replace(order, pending_replace=pending)
        self.orders[new_id] = replace(
            order,
            broker_client_id=new_id,
            order_qty=pending.order_qty,
            price=pending.price,
            stop_px=pending.stop_px,
        )
        self.broker.replace(asked)
        return new_id

    def match(self) -> None:
        """What the next turn of the loop would do."""
        self.broker._match()

    def fills(self, client_id: str | None = None) -> list[tuple[str, str]]:
        """(quantity, price) of every execution reported so far."""
        return [
            (str(report.last_qty), str(report.last_px))
            for report in self.reports
            if isinstance(report, Executed) and client_id in (None, report.broker_client_id)
        ]

    def said(self, client_id: str | None = None) -> list[str]:
        """The kinds of the reports so far, as words."""
        return [type(report).__name__ for report in self.reports if client_id in (None, report.broker_client_id)]

    def last(self) -> Report:
        return self.reports[-1]

    def acknowledged(self) -> Acknowledged:
        return next(report for report in self.reports if isinstance(report, Acknowledged))


MakeDesk = Callable[..., Any]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk whose broker keeps its book in memory."""
    made = await Desk(None).start()
    yield made
    await made.broker.stop()


@pytest.fixture
async def filed(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose broker keeps its book in a file."""
    made = await Desk(tmp_path).start()
    yield made
    await made.broker.stop()


@pytest.fixture
async def make_desk() -> AsyncIterator[MakeDesk]:
    """A desk with settings of its own: `await make_desk(model=FillModel(...))`."""
    made: list[Desk] = []

    async def make(directory: Path | None = None, **settings: Any) -> Desk:
        assert isinstance(settings.get("model", FillModel()), FillModel)
        made.append(await Desk(directory, **settings).start())
        return made[-1]

    yield make
    for one in made:
        await one.broker.stop()
