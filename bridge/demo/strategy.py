"""The strategy: no edge, every kind of order. It buys a little, then leaves by limit, stop or market, over and over."""

import asyncio
from collections import deque
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from bridge.demo.trader import BUY, LIMIT, SELL, STOP, STOP_LIMIT, ClientOrder, Trader

SYMBOLS = ("AAPL", "MSFT", "SPY", "NVDA")
CENT = Decimal("0.01")


class Strategy:
    """Trades all symbols at once, one story per symbol after the other, until `orders` were entered (0 = no end)."""

    def __init__(self, trader: Trader, *, orders: int = 0, seed: int = 1, pace: float = 1.0) -> None:
        """`pace` is how long to wait between steps, in seconds."""
        self.trader = trader
        self.wanted = orders
        self.entered = 0
        self.pace = pace
        self.stopped = ""
        self._random = Random(seed)  # noqa: S311 - which story comes next is no secret

    async def run(self) -> None:
        """Trade until the wanted number of orders was entered or risk has refused the day."""
        async with asyncio.TaskGroup() as group:
            for number, symbol in enumerate(SYMBOLS):
                group.create_task(self._trade(symbol, number))

    async def wind_down(self, seconds: float = 3.0) -> None:
        """Cancel what still works and wait for the answers."""
        for order in self.trader.working:
            if order.status:
                self.trader.cancel(order)
        await asyncio.gather(*(self.trader.settled(order, seconds) for order in self.trader.working))

    @property
    def _over(self) -> bool:
        return bool(self.stopped) or (self.wanted > 0 and self.entered >= self.wanted)

    async def _trade(self, symbol: str, number: int) -> None:
        """One story after the other, each symbol beginning with another one."""
        await asyncio.sleep(number * self.pace / 2)
        stories = deque([self._take_profit, self._stop_loss, self._stop_limit, self._too_large])
        stories.rotate(-number)
        while not self._over:
            bought = await self._open(symbol)
            if bought is not None and not self._over:
                await stories[0](symbol, bought)
                stories.rotate(-1)
            await self._close(symbol)

    async def _open(self, symbol: str) -> Decimal | None:
        """Buy a little at the market; gives the price paid."""
        order = self._enter(lambda: self.trader.enter(symbol, BUY, Decimal(self._random.randint(1, 3))))
        if order is None:
            return None
        await self.trader.settled(order, 10 * self.pace)
        if order.status == "8":
            self._judge(order)
            await asyncio.sleep(self.pace)
            return None
        await asyncio.sleep(self.pace)
        return order.avg_px if order.cum_qty else None

    async def _take_profit(self, symbol: str, paid: Decimal) -> None:
        """Offer above the market, come down once, then give up."""
        qty = self.trader.holding(symbol).qty
        order = self._enter(lambda: self.trader.enter(symbol, SELL, qty, LIMIT, price=away(paid, "0.0020")))
        if order is None or await self.trader.settled(order, 2 * self.pace) or order.status != "0":
            return
        self.trader.replace(order, price=away(paid, "0.0002"))
        if not await self.trader.settled(order, 3 * self.pace):
            self.trader.cancel(order)
            await self.trader.settled(order, 5 * self.pace)

    async def _stop_loss(self, symbol: str, paid: Decimal) -> None:
        """Protect the position closely; the market may or may not come."""
        qty = self.trader.holding(symbol).qty
        order = self._enter(lambda: self.trader.enter(symbol, SELL, qty, STOP, stop_px=away(paid, "-0.0010")))
        if order is not None and not await self.trader.settled(order, 4 * self.pace):
            self.trader.cancel(order)
            await self.trader.settled(order, 5 * self.pace)

    async def _stop_limit(self, symbol: str, paid: Decimal) -> None:
        """The same, but not at any price."""
        qty = self.trader.holding(symbol).qty
        stop, limit = away(paid, "-0.0008"), away(paid, "-0.0012")
        order = self._enter(lambda: self.trader.enter(symbol, SELL, qty, STOP_LIMIT, price=limit, stop_px=stop))
        if order is not None and not await self.trader.settled(order, 4 * self.pace):
            self.trader.cancel(order)
            await self.trader.settled(order, 5 * self.pace)

    async def _too_large(self, symbol: str, _paid: Decimal) -> None:
        """A slip of the finger, on purpose: risk refuses it and says why."""
        order = self._enter(lambda: self.trader.enter(symbol, BUY, Decimal(1_000_000)))
        if order is not None:
            await self.trader.settled(order, 5 * self.pace)
            await asyncio.sleep(self.pace)

    async def _close(self, symbol: str) -> None:
        """Sell what is left at the market."""
        qty = self.trader.holding(symbol).qty
        if qty <= 0:
            return
        order = self._enter(lambda: self.trader.enter(symbol, SELL, qty), last=True)
        if order is not None:
            await self.trader.settled(order, 10 * self.pace)
            if order.status == "8":
                self._judge(order)
            await asyncio.sleep(self.pace)

    def _enter(self, enter: Callable[[], ClientOrder], *, last: bool = False) -> ClientOrder | None:
        """Count an order; past the wanted number only the closing of a position goes out."""
        if self._over and not last:
            return None
        self.entered += 1
        return enter()

    def _judge(self, order: ClientOrder) -> None:
        """An ordinary order was refused: if it will be so for the rest of the day, end."""
        if order.text.split(":")[0] in ("DAILY_TURNOVER", "DAILY_LOSS", "HALTED", "KILL_SWITCH", "STRATEGY_DISABLED"):
            self.stopped = order.text


def away(price: Decimal, share: str) -> Decimal:
    """`price` moved by a share of itself, to the cent."""
    return (price * (1 + Decimal(share))).quantize(CENT, ROUND_HALF_UP)
