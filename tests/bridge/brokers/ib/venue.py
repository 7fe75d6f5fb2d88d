"""Interactive Brokers as a venue of the contract: the adapter over ib_async's client, and our TWS on a local port."""

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bridge.brokers.ib import IbBroker, IbOptions
from bridge.instruments import Instruments
from bridge.interfaces import BrokerUnreachable
from bridge.orders.market import AssetClass, Instrument
from bridge.orders.order import Order
from bridge.orders.reports import BrokerOrder, Report
from bridge.sandbox.ib import TwsSandbox
from bridge.sandbox.ib_faults import Fault, How, On
from sessions.clock import ManualClock
from tests.contract.venue import LONG_AGO, TIME

OPTIONS = {
    "connect_timeout": 2.0,
    "answer_timeout": 1.0,
    "query_timeout": 0.3,
    "heartbeat": 60.0,
    "retry": 0.02,
    "retry_most": 0.05,
    "patience": 0.05,
}


class IbVenue:
    """IbBroker, TwsSandbox, one symbol, one account."""

    symbol = "AAPL"
    account = "DU1000001"
    time, long_ago = TIME, LONG_AGO

    def __init__(self, directory: Path) -> None:
        pytest.importorskip("ib_async", reason="the extra `ib` is not installed")
        self.directory = directory
        self.clock = ManualClock(int(TIME.timestamp() * 1e9))
        self.instruments = Instruments.starter(date(2024, 1, 2))
        self.reports: list[Report] = []
        self.sandbox = TwsSandbox(clock=self.clock, accounts=(self.account,))
        self.adapter: IbBroker

    def _broker(self) -> IbBroker:
        return IbBroker(
            clock=self.clock,
            instrument=self.instruments.get,
            directory=self.directory,
            address=f"127.0.0.1:{self.sandbox.port}",
            options=IbOptions(**OPTIONS),
        )

    async def start(self) -> None:
        await self.sandbox.start()
        self.adapter = self._broker()
        await self.adapter.start(self.reports.append)
        await self.price("99.00", "101.00")

    async def restart(self) -> None:
        await self.adapter.stop()
        await self._until(lambda: not self.sandbox.peers)
        self.reports.clear()
        self.adapter = self._broker()
        await self.adapter.start(self.reports.append)

    async def close(self) -> None:
        await self.adapter.stop()
        await self.sandbox.stop()

    async def price(self, bid: str, ask: str, size: int = 1000) -> None:
        self.sandbox.quote(self.symbol, bid, ask, size)

    async def settle(self) -> None:
        """Nothing is under way when the adapter is as it should be and a question that was asked last is answered."""
        for _ in range(3):
            if self.sandbox.faults.down or self.sandbox.faults.silent or self.adapter.unready == "stopped":
                await asyncio.sleep(0)
                return
            await self._until(lambda: self.adapter.unready is None and not self.adapter._resolving)
            try:
                await self.adapter.link.ask_for("time", lambda client: client.reqCurrentTime())
            except BrokerUnreachable:
                continue

    def arrived(self) -> list[str]:
        return [each.ref for each in self.sandbox.placed]

    async def drop_stream(self) -> None:
        self.sandbox.faults.down = True
        self.sandbox.drop()
        await self._until(lambda: self.adapter.unready is not None)

    async def heal_stream(self) -> None:
        self.sandbox.faults.down = False
        await self._until(lambda: self.adapter.unready is None)

    async def go_silent(self) -> None:
        self.sandbox.faults.silent = True

    async def answer_again(self) -> None:
        self.sandbox.faults.silent = False
        self.sandbox.drop()
        await self._until(lambda: self.adapter.unready is None and self.adapter.link.up)

    async def lose_next_answer(self) -> None:
        self.sandbox.faults.arm(Fault(on=On.PLACE, how=How.TAKEN_THEN_DROP))

    async def fill_late(self, order: Order, qty: int, px: str) -> None:
        self.sandbox.fill(order.broker_client_id or "", qty, px)

    async def second_door(self) -> BaseException | None:
        other = self._broker()
        try:
            await other.start(lambda report: None)
        except BrokerUnreachable as error:
            return error
        finally:
            await other.stop()
        return None

    # --- more to play with, for the adapter's own tests --------------------------------------------------------------

    def arm(self, on: On, how: How, **more: Any) -> None:
        """The next request of this kind meets this fault."""
        self.sandbox.faults.arm(Fault(on=on, how=how, **more))

    async def sent(self, order: Order) -> Order:
        """Submit and wait until everything about it was told."""
        self.adapter.submit(order)
        await self.settle()
        return order

    def told(self, kind: type[Report]) -> list[Any]:
        """Reports of one kind."""
        return [report for report in self.reports if isinstance(report, kind)]

    async def until(self, true: Callable[[], Any], seconds: float = 2.0) -> None:
        """Wait for something that comes by a timer of the adapter's."""
        await self._until(true, seconds)

    async def linger(self, seconds: float) -> None:
        """Give a timer of the adapter's, that must not do anything, its time."""
        await asyncio.sleep(seconds)

    def option(self, symbol: str) -> Instrument:
        """An option's row of the symbol master."""
        return Instrument(
            symbol=symbol,
            asset_class=AssetClass.OPTION,
            security_type="OPT",
            currency="USD",
            tick_size=Decimal("0.01"),
            lot_size=Decimal(1),
            multiplier=Decimal(100),
        )

    def external(self, listed: BrokerOrder) -> Order:
        """A listed order as the engine adopts it."""
        return Order(
            order_id=999,
            session_id="",
            cl_ord_id="EXT-999",
            account=listed.account,
            symbol=listed.symbol,
            side=listed.side,
            ord_type=listed.ord_type,
            time_in_force=listed.time_in_force,
            order_qty=listed.order_qty,
            price=listed.price,
            broker="ib",
            broker_client_id=listed.broker_client_id,
            broker_order_id=listed.broker_order_id,
            transact_time=TIME,
            received=TIME,
            routed=True,
            accepted=True,
            external=True,
        )

    async def _until(self, true: Callable[[], Any], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 - whatever it waits for tells nobody
                await asyncio.sleep(0.002)
