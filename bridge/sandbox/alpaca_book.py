"""The sandbox's market and account: quotes that are set, orders that match them, money and positions.

Simple on purpose: a quote is a size at each side; orders take what is left of it, the oldest first, at the quote's
price. Nothing is random.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any
from uuid import uuid4

from bridge.sandbox.alpaca_orders import ZERO, SandboxOrder, number, timestamp

NANO = Decimal("0.000000001")
Tell = Callable[[str, SandboxOrder, dict[str, Any]], None]


@dataclass
class Market:
    """Top of book of one symbol; sizes are what is left of the quote."""

    symbol: str
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    name: str = ""
    crypto: bool = False
    fractionable: bool = True
    shortable: bool = True
    tradable: bool = True


@dataclass
class Holding:
    """A position: signed quantity, and what it cost per unit."""

    qty: Decimal = ZERO
    avg: Decimal = ZERO


class Book:
    """Orders, executions, positions, cash. `tell(event, order, more)` hears every event in order."""

    def __init__(
        self, now: Callable[[], int], tell: Tell, cash: Decimal, crypto_fee: Decimal = Decimal("0.0025")
    ) -> None:
        self._now = now
        self._tell = tell
        self._crypto_fee = crypto_fee
        self.cash = cash
        self.orders: dict[str, SandboxOrder] = {}
        self.by_client: dict[str, str] = {}
        self.markets: dict[str, Market] = {}
        self.holdings: dict[str, Holding] = {}
        self.fills: list[dict[str, Any]] = []
        self.is_open = True
        self.carry = False  # replacements tell what the replaced order had filled
        self.manual = False  # nothing becomes `new` or is replaced or cancelled by itself

    # --- orders come in -----------------------------------------------------------------------------------------------

    def add(self, order: SandboxOrder) -> None:
        """Take a valid order. Its answer says `pending_new`, or `accepted` while the market is closed."""
        self.orders[order.id] = order
        self.by_client[order.client_order_id] = order.id
        order.status = "pending_new" if self.trades(order) else "accepted"

    def work(self, order: SandboxOrder) -> None:
        """What follows at once: acknowledged, then matched."""
        if self.manual or order.status not in ("pending_new", "accepted"):
            return
        if not self.trades(order):
            self._event("accepted", order)
            return
        self.acknowledge(order)
        self.match(order.symbol)
        if order.time_in_force in ("ioc", "fok") and order.open:
            self.end(order, "canceled")

    def acknowledge(self, order: SandboxOrder) -> None:
        """It works from now on."""
        self._event("new", order, status="new")

    def trades(self, order: SandboxOrder) -> bool:
        """Whether it can be executed now."""
        return order.asset_class == "crypto" or self.is_open or order.extended_hours

    def end(self, order: SandboxOrder, status: str, reason: str | None = None) -> None:
        """canceled, expired, rejected, replaced."""
        order.ended_at = self._now()
        if reason is not None:
            order.reject_reason = reason
        self._event(status, order, {"reason": reason} if reason else {}, status=status)

    def replace(self, old: SandboxOrder, new: SandboxOrder) -> None:
        """A PATCH was taken; whether it comes about is another matter."""
        self.orders[new.id] = new
        self.by_client[new.client_order_id] = new.id
        new.carry = self.carry
        new.before_qty = old.before_qty + old.filled_qty
        old.replaced_by = new.id
        self._event("pending_replace", old, status="pending_replace")

    def replaced(self, old: SandboxOrder, new: SandboxOrder) -> None:
        """The replacement is in force. The event has the old order's terms; those of the new one are in its `new`."""
        new.before_qty = old.before_qty + old.filled_qty
        self.end(old, "replaced")
        if new.left <= 0:
            self.end(new, "canceled")
            return
        self.acknowledge(new)
        self.match(new.symbol)

    def replace_failed(self, old: SandboxOrder, new: SandboxOrder, reason: str) -> None:
        """Too late, or refused: the old order stays what it is."""
        old.replaced_by = None
        if old.status == "pending_replace":
            old.status = "partially_filled" if old.filled_qty else "new"
        self.end(new, "rejected", reason)

    def cancel(self, order: SandboxOrder) -> None:
        """A DELETE was taken."""
        self._event("pending_cancel", order, status="pending_cancel")
        order.cancel_wanted = True
        if not self.manual:
            self.end(order, "canceled")

    # --- the market moves ---------------------------------------------------------------------------------------------

    def quote(self, symbol: str, bid: Decimal, ask: Decimal, bid_size: Decimal, ask_size: Decimal) -> Market:
        """Set the quote; whoever it reaches is filled."""
        crypto = "/" in symbol
        market = self.markets.get(symbol)
        if market is None:
            market = self.markets[symbol] = Market(
                symbol, bid, ask, bid_size, ask_size, crypto=crypto, shortable=not crypto
            )
        market.bid, market.ask, market.bid_size, market.ask_size = bid, ask, bid_size, ask_size
        self.match(symbol)
        return market

    def open(self) -> None:
        """The market opens: what waited is acknowledged and matched."""
        self.is_open = True
        for order in list(self.orders.values()):
            if order.status == "accepted":
                self.work(order)

    def close(self) -> None:
        """The market closes: day orders end."""
        self.is_open = False
        for order in list(self.orders.values()):
            if order.open and order.asset_class != "crypto" and order.time_in_force != "gtc":
                self.end(order, "expired")

    def match(self, symbol: str) -> None:
        """Execute what the quote allows, the oldest order first."""
        market = self.markets.get(symbol)
        if market is None:
            return
        for order in [each for each in self.orders.values() if each.symbol == symbol]:
            if order.status in ("new", "partially_filled", "pending_cancel", "pending_replace") and self.trades(order):
                self._match(order, market)

    def _match(self, order: SandboxOrder, market: Market) -> None:
        buy = order.side == "buy"
        price, size = (market.ask, market.ask_size) if buy else (market.bid, market.bid_size)
        if order.stop_price is not None and not order.triggered:
            if price < order.stop_price if buy else price > order.stop_price:
                return
            order.triggered = True
        limit = order.price_limit
        if limit is not None and (price > limit if buy else price < limit):
            return
        if order.notional is not None and order.qty is None:
            qty = (order.notional / price).quantize(NANO, ROUND_DOWN)
            if qty > size:
                return
            order.qty = qty
        qty = min(order.left, size)
        if qty <= 0 or (order.time_in_force == "fok" and qty < order.left):
            return
        if buy:
            market.ask_size -= qty
        else:
            market.bid_size -= qty
        self.fill(order, qty, price)

    def fill(self, order: SandboxOrder, qty: Decimal, price: Decimal) -> str:
        """One execution, whatever the order's state. Returns its id."""
        order.filled_qty += qty
        order.filled_value += qty * price
        order.filled_at = self._now()
        done = order.left <= 0
        if order.open:
            pending = order.status in ("pending_cancel", "pending_replace")
            order.status = "filled" if done else order.status if pending else "partially_filled"
        self._move(order, qty, price)
        execution_id = str(uuid4())
        at = self._now()
        held = self.holdings.get(order.symbol, Holding()).qty
        self.fills.append(
            {
                "id": f"{_compact(at)}::{execution_id}",
                "activity_type": "FILL",
                "transaction_time": timestamp(at),
                "type": "fill" if done else "partial_fill",
                "price": number(price),
                "qty": number(qty),
                "side": order.side,
                "symbol": order.symbol,
                "leaves_qty": number(order.left),
                "order_id": order.id,
                "cum_qty": number(order.filled_qty),
                "order_status": "filled" if done else "partially_filled",
            }
        )
        more = {
            "execution_id": execution_id,
            "price": number(price),
            "qty": number(qty),
            "position_qty": number(held),
            "timestamp": timestamp(at),
        }
        self._event("fill" if done else "partial_fill", order, more)
        if done and order.replaced_by is not None and order.status == "filled":
            new = self.orders[order.replaced_by]
            if new.open:
                self.replace_failed(order, new, "original order was filled")
        return execution_id

    def _move(self, order: SandboxOrder, qty: Decimal, price: Decimal) -> None:
        signed = qty if order.side == "buy" else -qty
        self.cash -= signed * price
        if order.asset_class == "crypto" and order.side == "buy":
            signed -= qty * self._crypto_fee  # the fee is taken in coin
        holding = self.holdings.setdefault(order.symbol, Holding())
        after = holding.qty + signed
        if holding.qty == 0 or (holding.qty > 0) == (signed > 0):
            holding.avg = (holding.avg * abs(holding.qty) + price * abs(signed)) / abs(after)
        elif (after > 0) != (holding.qty > 0):
            holding.avg = price
        holding.qty = after
        if not after:
            del self.holdings[order.symbol]

    def _event(self, event: str, order: SandboxOrder, more: dict[str, Any] | None = None, *, status: str = "") -> None:
        if status:
            order.status = status
        order.updated = self._now()
        self._tell(event, order, {"timestamp": timestamp(order.updated), **(more or {})})

    # --- money --------------------------------------------------------------------------------------------------------

    def price(self, symbol: str) -> Decimal:
        """The middle of the quote, 0 when there is none."""
        market = self.markets.get(symbol)
        return ZERO if market is None else (market.bid + market.ask) / 2

    @property
    def equity(self) -> Decimal:
        """Cash and positions at the middle."""
        return self.cash + sum((held.qty * self.price(symbol) for symbol, held in self.holdings.items()), ZERO)

    @property
    def buying_power(self) -> Decimal:
        """Twice the equity, less what is held and what working orders may come to."""
        held = sum((abs(each.qty) * self.price(symbol) for symbol, each in self.holdings.items()), ZERO)
        working = sum((self.value(order) for order in self.orders.values() if order.open and self._opens(order)), ZERO)
        return max(ZERO, 2 * self.equity - held - working)

    def value(self, order: SandboxOrder) -> Decimal:
        """What the rest of an order may cost."""
        if order.notional is not None and order.qty is None:
            return order.notional
        market = self.markets.get(order.symbol)
        price = order.price_limit or order.stop_price or (market.ask if market else ZERO)
        return order.left * price

    def _opens(self, order: SandboxOrder) -> bool:
        held = self.holdings.get(order.symbol, Holding()).qty
        return held >= 0 if order.side == "buy" else held <= 0


def _compact(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%Y%m%d%H%M%S}{ns // 1_000_000 % 1000:03}"
