"""What the contract needs from a counterparty to try an adapter on it: a market it can move, and faults it can make."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from bridge.interfaces import BrokerAdapter
from bridge.orders.order import Order, PendingReplace
from bridge.orders.reports import Report
from fixspec.enums import OrdType, Side, TimeInForce

TIME = datetime(2024, 1, 2, 15, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Venue(Protocol):
    """One adapter and its counterparty, in one symbol and one account. To add an adapter, implement this and list it in
    `conftest.py`; for a real broker the counterparty is a server of ours that behaves as the broker's documents say.
    """

    adapter: BrokerAdapter
    reports: list[Report]
    symbol: str
    account: str

    async def start(self) -> None:
        """Adapter and counterparty run; the market is 99.00 to 101.00, 1000 each."""

    async def restart(self) -> None:
        """The bridge's process dies and a new adapter starts, knowing nothing; `reports` is emptied."""

    async def close(self) -> None:
        """Everything ends."""

    async def price(self, bid: str, ask: str, size: int = 1000) -> None:
        """The market moves: whoever it reaches is filled at the counterparty."""

    async def settle(self) -> None:
        """Until everything that is under way has been told."""

    def arrived(self) -> list[str]:
        """Our ids of the submits that reached the counterparty, each as often as it came."""

    async def drop_stream(self) -> None:
        """From now on nothing is told; orders work on."""

    async def heal_stream(self) -> None:
        """Told again, from now on."""

    async def go_silent(self) -> None:
        """From now on no question is answered."""

    async def answer_again(self) -> None:
        """Questions are answered again."""

    async def lose_next_answer(self) -> None:
        """The next submit arrives, and its answer does not."""

    async def fill_late(self, order: Order, qty: int, px: str) -> None:
        """An execution of an order that has ended already is told."""

    async def second_door(self) -> BaseException | None:
        """Another adapter with the same credentials starts: what stopped it, None where two doors are allowed."""


@dataclass
class Orders:
    """Makes orders as the engine would hand them to an adapter."""

    symbol: str
    account: str
    broker: str
    made: int = 0

    def new(self, side: str, qty: int, *, limit: str | None = None, stop: str | None = None, tif: str = "day") -> Order:
        """A routed order that nobody has answered yet."""
        self.made += 1
        kinds = {(False, False): "market", (True, False): "limit", (False, True): "stop", (True, True): "stop_limit"}
        return Order(
            order_id=self.made,
            session_id="CONTRACT",
            cl_ord_id=f"C{self.made}",
            account=self.account,
            symbol=self.symbol,
            side=Side(side),
            ord_type=OrdType(kinds[limit is not None, stop is not None]),
            time_in_force=TimeInForce(tif),
            order_qty=Decimal(qty),
            price=None if limit is None else Decimal(limit),
            stop_px=None if stop is None else Decimal(stop),
            broker=self.broker,
            broker_client_id=f"fcontract{self.made:011}",
            transact_time=TIME,
            received=TIME,
            routed=True,
        )

    def asking(self, order: Order, *, qty: int | None = None, limit: str | None = None) -> Order:
        """The order with a pending replace."""
        self.made += 1
        return replace(
            order,
            accepted=True,
            pending_replace=PendingReplace(
                cl_ord_id=f"C{self.made}",
                session_id="CONTRACT",
                broker_client_id=f"fcontract{self.made:011}",
                side=order.side,
                ord_type=order.ord_type,
                time_in_force=order.time_in_force,
                order_qty=order.order_qty if qty is None else Decimal(qty),
                price=order.price if limit is None else Decimal(limit),
                stop_px=order.stop_px,
            ),
        )


MakeVenue = Callable[[Path], Venue]
