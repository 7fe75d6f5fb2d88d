"""The paper broker as a venue of the contract: its exchange is the counterparty."""

import os
from datetime import date
from decimal import Decimal
from pathlib import Path

from bridge.brokers.paper import DifficultBroker, PaperBroker, Scenario, interventions
from bridge.brokers.paper.book import BookError, FileBook
from bridge.brokers.paper.records import Accepted
from bridge.brokers.paper.scenario import Fault, Step
from bridge.instruments import Instruments
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.market import Quote
from bridge.orders.order import Order
from bridge.orders.reports import Report
from sessions.clock import ManualClock
from tests.contract.venue import TIME


class CountingBroker(DifficultBroker):
    """Counts what reaches the exchange."""

    def __init__(self, came: list[str], **settings) -> None:
        super().__init__(**settings)
        self.came = came

    def submit(self, order: Order) -> None:
        if self.unready is None:
            self.came.append(order.broker_client_id or "")
        super().submit(order)


class PaperVenue:
    """PaperBroker over its own book in a temporary directory."""

    symbol = "AAPL"
    account = "PAPER"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = ManualClock()
        self.instruments = Instruments.starter(date(2024, 1, 2))
        self.reports: list[Report] = []
        self.came: list[str] = []
        self.quotes = QuoteBook()
        self.adapter = self._broker()

    def _broker(self) -> CountingBroker:
        return CountingBroker(
            self.came,
            scenario=Scenario(),
            quotes=self.quotes,
            clock=self.clock,
            instrument=self.instruments.get,
            directory=self.directory,
        )

    async def start(self) -> None:
        await self.adapter.start(self.reports.append)
        await self.price("99.00", "101.00")

    async def restart(self) -> None:
        book = self.adapter._book
        assert isinstance(book, FileBook)
        self.adapter._silence()
        self.adapter._unready = "killed"
        book._map.close()
        os.close(book._fd)
        self.reports.clear()
        self.adapter = self._broker()
        await self.adapter.start(self.reports.append)

    async def close(self) -> None:
        await self.adapter.stop()

    async def price(self, bid: str, ask: str, size: int = 1000) -> None:
        now = self.clock.utc_ns()
        self.quotes.publish(Quote(self.symbol, Decimal(bid), Decimal(size), Decimal(ask), Decimal(size), TIME, now))

    async def settle(self) -> None:
        self.adapter._match()

    def arrived(self) -> list[str]:
        return list(self.came)

    async def drop_stream(self) -> None:
        self.adapter._connection(Step(fault=Fault.STREAM_DROP, at=0, seconds=1e6))

    async def heal_stream(self) -> None:
        self.adapter._back(Step(fault=Fault.STREAM_DROP, at=0, seconds=1))

    async def go_silent(self) -> None:
        self.adapter._connection(Step(fault=Fault.UNREACHABLE, at=0, seconds=1e6))

    async def answer_again(self) -> None:
        self.adapter._back(Step(fault=Fault.UNREACHABLE, at=0, seconds=1))

    async def lose_next_answer(self) -> None:
        count = self.adapter._counts["submit"] + 1
        self.adapter._scenario = Scenario(faults=(Step(fault=Fault.AMBIGUOUS_SUBMIT, nth=count),))

    async def fill_late(self, order: Order, qty: int, px: str) -> None:
        exchange = self.adapter.exchange
        known = exchange.find(order.broker_client_id or "")
        interventions.fill(exchange, known.no, Decimal(qty), Decimal(px), self.clock.utc_ns())
        self.adapter._told()

    async def second_door(self) -> BaseException | None:
        other = PaperBroker(
            quotes=self.quotes, clock=self.clock, instrument=self.instruments.get, directory=self.directory
        )
        try:
            await other.start(lambda report: None)
        except BookError as error:
            return error
        await other.stop()
        return None

    def book(self) -> list[Accepted]:
        """Orders in the book, for tests of this venue alone."""
        return [record for record in self.adapter._book.read() if isinstance(record, Accepted)]
