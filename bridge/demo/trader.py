"""The client's own book: what it sent, what the ExecutionReports said, what it therefore holds."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal

from simplefix import FixMessage

from bridge.demo.client import FixClient, Value, field, utc_now

ZERO = Decimal(0)
BUY, SELL = "1", "2"
MARKET, LIMIT, STOP, STOP_LIMIT = "1", "2", "3", "4"
DAY, IOC = "0", "3"

TYPES = {MARKET: "market", LIMIT: "limit", STOP: "stop", STOP_LIMIT: "stop limit"}
STATUS = {
    "0": "new",
    "1": "partly filled",
    "2": "filled",
    "3": "done for day",
    "4": "canceled",
    "6": "pending cancel",
    "8": "rejected",
    "9": "suspended",
    "A": "pending new",
    "C": "expired",
    "E": "pending replace",
}
DONE = frozenset("248C")


class ClientOrder:
    """One order as the client knows it. `status` is OrdStatus(39), "" before any answer."""

    def __init__(self, cl_ord_id: str, symbol: str, side: str, ord_type: str, qty: Decimal) -> None:
        self.cl_ord_id = cl_ord_id
        self.symbol = symbol
        self.side = side
        self.ord_type = ord_type
        self.qty = qty
        self.price: Decimal | None = None
        self.stop_px: Decimal | None = None
        self.status = ""
        self.cum_qty = ZERO
        self.avg_px = ZERO
        self.arrival_mid: Decimal | None = None
        self.text = ""
        self.sent_ns = time.monotonic_ns()
        self.answer_us: int | None = None
        self.changed = asyncio.Event()

    @property
    def done(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in DONE

    def __str__(self) -> str:
        terms = [TYPES[self.ord_type]]
        if self.stop_px is not None:
            terms.append(f"stop {self.stop_px}")
        if self.price is not None:
            terms.append(f"at {self.price}")
        side = "buy" if self.side == BUY else "sell"
        return f"{self.cl_ord_id} {side} {self.qty} {self.symbol} {' '.join(terms)}"


class Holding:
    """A position from fills: average cost, realised profit, both in the instrument's currency."""

    def __init__(self) -> None:
        self.qty = ZERO
        self.avg_px = ZERO
        self.realised = ZERO
        self.last_px = ZERO

    def fill(self, side: str, qty: Decimal, px: Decimal) -> None:
        """Book one execution."""
        signed = qty if side == BUY else -qty
        closing = min(abs(self.qty), qty) if self.qty * signed < 0 else ZERO
        if closing:
            self.realised += closing * (px - self.avg_px) * (1 if self.qty > 0 else -1)
        after = self.qty + signed
        opening = qty - closing
        if opening:
            held = abs(self.qty) - closing
            self.avg_px = (self.avg_px * held + px * opening) / (held + opening)
        self.qty = after
        self.last_px = px


class Trader:
    """Enters orders and keeps the book. `told(line)` gets a sentence for each thing that happens."""

    def __init__(self, client: FixClient, told: Callable[[str], None]) -> None:
        self.client = client
        self.orders: dict[str, ClientOrder] = {}
        self.holdings: dict[str, Holding] = {}
        self.fills = 0
        self.refused = 0
        self.latencies_us: deque[int] = deque(maxlen=1000)
        self.last_refusal = ""
        self._told = told
        self._executions: set[str] = set()
        self._number = 0
        self._prefix = utc_now()[9:17].replace(":", "")

    def next_id(self) -> str:
        """A ClOrdID(11) that no earlier run of the demo used on this day."""
        self._number += 1
        return f"D{self._prefix}-{self._number}"

    def enter(
        self,
        symbol: str,
        side: str,
        qty: Decimal,
        ord_type: str = MARKET,
        *,
        price: Decimal | None = None,
        stop_px: Decimal | None = None,
        time_in_force: str = DAY,
    ) -> ClientOrder:
        """Send a NewOrderSingle(D)."""
        order = ClientOrder(self.next_id(), symbol, side, ord_type, qty)
        order.price, order.stop_px = price, stop_px
        self.orders[order.cl_ord_id] = order
        self.client.send("D", {11: order.cl_ord_id, **self._terms(order), 59: time_in_force})
        self._told(f"sent      {order}")
        return order

    def replace(self, order: ClientOrder, *, price: Decimal) -> None:
        """Send an OrderCancelReplaceRequest(G) with another price; the order answers to its new id from now on."""
        cl_ord_id = self.next_id()
        self.orders[cl_ord_id] = order
        terms = {**self._terms(order), 44: price}
        order.changed.clear()
        self.client.send("G", {11: cl_ord_id, 41: order.cl_ord_id, **terms, 59: DAY})
        self._told(f"replace   {order} to {price}")

    def cancel(self, order: ClientOrder) -> None:
        """Send an OrderCancelRequest(F)."""
        cl_ord_id = self.next_id()
        self.orders[cl_ord_id] = order
        fields: dict[int, Value] = {11: cl_ord_id, 41: order.cl_ord_id, 55: order.symbol, 54: order.side}
        order.changed.clear()
        self.client.send("F", {**fields, 60: utc_now(), 38: order.qty})
        self._told(f"cancel    {order}")

    async def settled(self, order: ClientOrder, seconds: float) -> bool:
        """Wait until the order is done, at most so long; tells whether it is."""
        try:
            async with asyncio.timeout(seconds):
                while not order.done:
                    order.changed.clear()
                    await order.changed.wait()
        except TimeoutError:
            return False
        return True

    def take(self, message: FixMessage) -> None:
        """Book what the daemon says."""
        order = self.orders.get(field(message, 11) or "")
        match field(message, 35):
            case "8" if order is not None:
                self._report(order, message)
            case "9" if order is not None:
                order.status = field(message, 39) or order.status
                self._told(f"refused   {field(message, 58) or 'the change'} ({order.cl_ord_id})")
                order.changed.set()
            case "3" | "j":
                self._told(f"rejected  {field(message, 58) or 'no reason given'}")

    @property
    def working(self) -> list[ClientOrder]:
        """Orders that may still trade."""
        return [order for order in dict.fromkeys(self.orders.values()) if not order.done]

    def holding(self, symbol: str) -> Holding:
        """The position in a symbol."""
        return self.holdings.setdefault(symbol, Holding())

    def _terms(self, order: ClientOrder) -> dict[int, Value]:
        terms: dict[int, Value] = {55: order.symbol, 54: order.side, 60: utc_now(), 38: order.qty, 40: order.ord_type}
        if order.price is not None:
            terms[44] = order.price
        if order.stop_px is not None:
            terms[99] = order.stop_px
        return terms

    def _report(self, order: ClientOrder, message: FixMessage) -> None:
        kind = field(message, 150)
        if order.answer_us is None:
            order.answer_us = (time.monotonic_ns() - order.sent_ns) // 1000
            self.latencies_us.append(order.answer_us)
        if (mid := field(message, 5706)) is not None:
            order.arrival_mid = Decimal(mid)
        if kind == "F":
            self._fill(order, message)
        order.status = field(message, 39) or order.status
        order.cum_qty = Decimal(field(message, 14) or "0")
        order.avg_px = Decimal(field(message, 6) or "0")
        match kind:
            case "5":
                order.cl_ord_id = field(message, 11) or order.cl_ord_id
                order.price = Decimal(field(message, 44) or "0")
                self._told(f"replaced  {order}")
            case "4" | "C":
                self._told(f"{STATUS[order.status]:<9} {order}")
            case "8":
                self.refused += 1
                order.text = self.last_refusal = field(message, 58) or "no reason given"
                self._told(f"refused   {order}: {order.text}")
        order.changed.set()

    def _fill(self, order: ClientOrder, message: FixMessage) -> None:
        execution = field(message, 17) or ""
        if execution in self._executions:
            return
        self._executions.add(execution)
        qty, px = Decimal(field(message, 32) or "0"), Decimal(field(message, 31) or "0")
        self.fills += 1
        self.holding(order.symbol).fill(order.side, qty, px)
        cost = field(message, 5712)
        told = f", {cost} bp from arrival" if cost else ""
        self._told(f"fill      {order}: {qty} at {px}{told}")
