"""The façade without await, from a thread as a notebook would use it."""

import asyncio
from decimal import Decimal

import pytest

from bridge.outputs.http.server import HttpServer
from bridge.sdk import Refused, Unavailable
from bridge.sdk.sync import Bridge


async def test_a_script_without_await(server: HttpServer) -> None:
    def script() -> None:
        with Bridge(server.url, account="ACC1") as bridge:
            order = bridge.buy("AAPL", "100", limit="187.25")
            order.working(within=5)
            assert [each.order_id for each in bridge.orders()] == [order.order_id]
            bridge.replace(order, price="187.30", wait=5)
            assert order.state.price == Decimal("187.30")
            order.cancel().done(within=5)
            assert order.ord_status == "canceled"
            assert [fill.last_qty for fill in bridge.buy("AAPL", "5").fills()] == [Decimal(5)]
            with pytest.raises(Refused):
                bridge.buy("AAPL", "1000", limit="187.25")
            with pytest.raises(TimeoutError):
                bridge.buy("AAPL", "1", limit="187.25").done(within=0.05)
            for entry in bridge.entries(types=["order_filled"], after=0):
                assert entry.order.cum_qty == Decimal(5)
                break
            assert bridge.positions()[0].qty == Decimal(5)
            assert bridge.risk.limits()

    await asyncio.to_thread(script)


async def test_it_works_inside_a_running_loop_and_leaves_it_alone(server: HttpServer) -> None:
    def cell() -> str:
        async def notebook() -> str:
            bridge = Bridge(server.url, account="ACC1")
            with bridge:
                status: str = bridge.buy("AAPL", "1", wait=5).ord_status
            return status

        return asyncio.run(notebook())

    assert await asyncio.to_thread(cell) == "filled"


def test_nobody_there_is_said_at_once() -> None:
    with pytest.raises(Unavailable), Bridge("http://127.0.0.1:9", timeout=0.2):
        pass
