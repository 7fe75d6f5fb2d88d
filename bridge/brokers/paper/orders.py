"""Orders at the paper exchange, and where they wait: by price and then time."""

from decimal import Decimal

import msgspec

from bridge.brokers.paper.records import ZERO, Accepted
from fixspec.enums import ExecInst, OrdStatus, OrdType, Side, TimeInForce

HIGHEST = Decimal("Infinity")
LOWEST = Decimal("-Infinity")
STOPPED = frozenset({OrdType.STOP, OrdType.STOP_LIMIT, OrdType.PEGGED})
# Looked up once: until Python 3.12 an attribute of an Enum class costs more than a call.
BUY = Side.BUY
IOC = TimeInForce.IOC
FOK = TimeInForce.FOK


class PaperOrder(msgspec.Struct, eq=False, gc=False):
    """An order at the exchange. Mutable: only records change it, and the matching its place in the queue.

    The garbage collector does not follow it: there is one per order, and its one cycle, with the place where it waits,
    ends when it leaves there.
    """

    no: int
    id: str
    aliases: tuple[str, ...]  # ids it had before it was replaced
    account: str
    symbol: str
    side: Side
    buy: bool
    ord_type: OrdType
    time_in_force: TimeInForce
    qty: Decimal
    left: Decimal
    price: Decimal | None
    stop_px: Decimal | None
    expires: int | None
    extended: bool
    trail: Decimal | None
    triggered: bool
    post_only: bool = False
    reduce_only: bool = False
    cancel_on_halt: bool = False
    cum: Decimal = ZERO
    gross: Decimal = ZERO
    made_value: Decimal = ZERO
    fees: Decimal = ZERO
    reserve: Decimal = ZERO
    executions: "tuple[Execution, ...]" = ()
    closed: OrdStatus | None = None
    place: "Ladder | dict[int, PaperOrder] | None" = None
    ahead: Decimal = ZERO  # displayed quantity in front of it, as far as it is known

    @classmethod
    def of(cls, record: Accepted) -> "PaperOrder":
        """The order as it was taken in."""
        side, ord_type, qty = record.side, record.ord_type, record.qty
        order = cls(
            record.no,
            record.id,
            record.aliases,
            record.account,
            record.symbol,
            side,
            side is BUY,
            ord_type,
            record.time_in_force,
            qty,
            qty,
            record.price,
            record.stop_px,
            record.expires,
            record.extended,
            record.trail,
            ord_type not in STOPPED,
        )
        if record.exec_inst:
            order.instruct(record.exec_inst)
        return order

    def instruct(self, exec_inst: tuple[ExecInst, ...]) -> None:
        """Take the instructions ExecInst(18) over."""
        self.post_only = ExecInst.PARTICIPATE_DO_NOT_INITIATE in exec_inst
        self.cancel_on_halt = ExecInst.CANCEL_ON_TRADING_HALT in exec_inst
        self.reduce_only = ExecInst.DO_NOT_INCREASE in exec_inst

    @property
    def status(self) -> OrdStatus:
        """OrdStatus(39) as the exchange states it."""
        if self.closed is not None:
            return self.closed
        return OrdStatus.PARTIALLY_FILLED if self.cum else OrdStatus.NEW

    @property
    def at_once(self) -> bool:
        """Immediate or cancel, fill or kill: what is not filled on arrival is cancelled."""
        return self.time_in_force is IOC or self.time_in_force is FOK

    def crosses(self, touch: Decimal) -> bool:
        """Would it trade at `touch`, the other side's best price? A market order always, a limit at its price or
        better.
        """
        price = self.price
        if price is None:
            return True
        return touch <= price if self.buy else touch >= price


class Execution(msgspec.Struct, gc=False):
    """One execution of an order, as it stands after corrections. `at` UTC ns; a busted one has quantity 0."""

    at: int
    qty: Decimal
    px: Decimal
    fee: Decimal
    made: bool
    rate: Decimal
    revision: int = 0


class Level:
    """The orders of one price. `low` is the least size displayed there since it was last settled, None when untold.

    In the order of time what is ahead of an order never falls: whoever came later has at least as much in front. So
    what the display has shrunk to is applied from the back, and stops at the first order that has no more than that
    anyway.
    """

    __slots__ = ("low", "orders")

    def __init__(self) -> None:
        self.orders: dict[int, PaperOrder] = {}
        self.low: Decimal | None = None

    def settle(self) -> None:
        """Nobody can have more in front of him than was displayed."""
        low = self.low
        if low is not None:
            for order in reversed(self.orders.values()):
                if order.ahead <= low:
                    break
                order.ahead = low
            self.low = None


class Ladder:
    """Orders by price and then time. `best` is the price served first, an infinity no price reaches when empty.

    Adding to a known price and removing cost a dictionary access; a new price is sorted in by bisection.
    """

    __slots__ = ("_highest_first", "best", "levels", "prices")

    def __init__(self, *, highest_first: bool) -> None:
        self._highest_first = highest_first
        self.prices: list[Decimal] = []  # ascending
        self.levels: dict[Decimal, Level] = {}
        self.best = LOWEST if highest_first else HIGHEST

    def add(self, price: Decimal, order: PaperOrder) -> None:
        """Behind all orders of that price."""
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level()
            self.prices.insert(_find(self.prices, price), price)
            self._reset()
        elif level.low is not None:
            level.settle()
        level.orders[order.no] = order
        order.place = self

    def remove(self, price: Decimal, order: PaperOrder) -> None:
        """Take an order out; KeyError when it is not there (a bug)."""
        level = self.levels[price]
        del level.orders[order.no]
        if not level.orders:
            del self.levels[price]
            del self.prices[_find(self.prices, price)]
            self._reset()
        order.place = None

    def first(self) -> PaperOrder:
        """The order served first; KeyError when empty."""
        return next(iter(self.levels[self.best].orders.values()))

    def served(self, limit: Decimal | None = None) -> list[Level]:
        """Levels in the order they are served, up to the price `limit`."""
        prices = reversed(self.prices) if self._highest_first else iter(self.prices)
        found = []
        for price in prices:
            if limit is not None and ((price < limit) if self._highest_first else (price > limit)):
                break
            found.append(self.levels[price])
        return found

    def __len__(self) -> int:
        return sum(len(level.orders) for level in self.levels.values())

    def _reset(self) -> None:
        prices = self.prices
        if self._highest_first:
            self.best = prices[-1] if prices else LOWEST
        else:
            self.best = prices[0] if prices else HIGHEST


def _find(prices: list[Decimal], price: Decimal) -> int:
    low, high = 0, len(prices)
    while low < high:
        middle = (low + high) // 2
        if prices[middle] < price:
            low = middle + 1
        else:
            high = middle
    return low
