"""One symbol at the paper exchange: what is displayed, what of it we have used, and the orders that wait there."""

from decimal import Decimal

from bridge.brokers.paper.records import Accepted
from bridge.orders.market import Instrument, Quote
from fixspec.enums import OrdStatus, OrdType, Side, TimeInForce

ZERO = Decimal(0)
NEVER_ABOVE = Decimal("Infinity")
NEVER_BELOW = Decimal("-Infinity")


class PaperOrder:
    """An order at the exchange. Mutable: only `Exchange` changes it, only by a record."""

    __slots__ = (
        "account",
        "ahead",
        "aliases",
        "buy",
        "closed",
        "cum",
        "exec_inst",
        "executions",
        "expires",
        "gross",
        "id",
        "left",
        "no",
        "ord_type",
        "place",
        "price",
        "qty",
        "reserve",
        "session",
        "side",
        "stop_px",
        "symbol",
        "time_in_force",
        "triggered",
    )

    def __init__(self, record: Accepted) -> None:
        self.no = record.no
        self.id = record.id
        self.aliases: list[str] = []  # ids it had before it was replaced
        self.account = record.account
        self.symbol = record.symbol
        self.side = record.side
        self.buy = record.side is Side.BUY
        self.ord_type = record.ord_type
        self.time_in_force = record.time_in_force
        self.qty = record.qty
        self.price = record.price
        self.stop_px = record.stop_px
        self.exec_inst = record.exec_inst
        self.expires = record.expires
        self.session = record.session
        self.cum = ZERO
        self.gross = ZERO
        self.left = record.qty
        self.executions: list[tuple[Decimal, Decimal, int, int]] = []  # quantity, price, revision, time
        self.closed: OrdStatus | None = None
        self.triggered = record.ord_type not in STOPS
        self.place: Ladder | list[PaperOrder] | None = None  # where it waits
        self.ahead = ZERO  # quantity displayed in front of it when it joined
        self.reserve = ZERO

    @property
    def status(self) -> OrdStatus:
        """OrdStatus(39) as the exchange states it."""
        if self.closed is not None:
            return self.closed
        return OrdStatus.PARTIALLY_FILLED if self.cum else OrdStatus.NEW

    @property
    def at_once(self) -> bool:
        """Immediate or cancel, fill or kill: what is not filled on arrival is cancelled."""
        return self.time_in_force is TimeInForce.IOC or self.time_in_force is TimeInForce.FOK


STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})


class Ladder:
    """Orders by price and then time. `best` is the price served first, an infinity no price reaches when empty.

    Adding to a known price and removing cost a dictionary access; a new price is sorted in by bisection.
    """

    __slots__ = ("_highest_first", "_prices", "best", "levels")

    def __init__(self, *, highest_first: bool) -> None:
        self._highest_first = highest_first
        self._prices: list[Decimal] = []  # ascending
        self.levels: dict[Decimal, dict[int, PaperOrder]] = {}
        self.best = NEVER_BELOW if highest_first else NEVER_ABOVE

    def add(self, price: Decimal, order: PaperOrder) -> None:
        """Behind all orders of that price."""
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = {}
            _insert(self._prices, price)
            self._reset()
        level[order.no] = order
        order.place = self

    def remove(self, price: Decimal, order: PaperOrder) -> None:
        """Take an order out; KeyError when it is not there (a bug)."""
        level = self.levels[price]
        del level[order.no]
        if not level:
            del self.levels[price]
            del self._prices[_find(self._prices, price)]
            self._reset()
        order.place = None

    def first(self) -> PaperOrder:
        """The order served first; KeyError when empty."""
        return next(iter(self.levels[self.best].values()))

    def __len__(self) -> int:
        return sum(map(len, self.levels.values()))

    def _reset(self) -> None:
        prices = self._prices
        if self._highest_first:
            self.best = prices[-1] if prices else NEVER_BELOW
        else:
            self.best = prices[0] if prices else NEVER_ABOVE


def _find(prices: list[Decimal], price: Decimal) -> int:
    low, high = 0, len(prices)
    while low < high:
        middle = (low + high) // 2
        if prices[middle] < price:
            low = middle + 1
        else:
            high = middle
    return low


def _insert(prices: list[Decimal], price: Decimal) -> None:
    prices.insert(_find(prices, price), price)


class Market:
    """One symbol. `bid`, `ask` are the usable touch or None; crossed and zero quotes leave both unusable.

    `used_bid`, `used_ask` say how much of the size displayed at a price our fills have used. A price's entry lives as
    long as that price may still be displayed: when the touch moves past it, everything there has gone and the entry
    with it.
    """

    __slots__ = (
        "ask",
        "ask_sz",
        "bid",
        "bid_sz",
        "buy_stops",
        "buys",
        "halted",
        "instrument",
        "last",
        "quoted",
        "received_ns",
        "sell_stops",
        "sells",
        "taking_buys",
        "taking_sells",
        "used_ask",
        "used_bid",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.bid: Decimal | None = None
        self.ask: Decimal | None = None
        self.bid_sz: Decimal | None = None
        self.ask_sz: Decimal | None = None
        self.received_ns = 0
        self.quoted = False
        self.last: Decimal | None = None
        self.halted = False
        self.used_bid: dict[Decimal, Decimal] = {}
        self.used_ask: dict[Decimal, Decimal] = {}
        self.buys = Ladder(highest_first=True)
        self.sells = Ladder(highest_first=False)
        self.buy_stops = Ladder(highest_first=False)
        self.sell_stops = Ladder(highest_first=True)
        self.taking_buys: list[PaperOrder] = []  # marketable, waiting for more displayed size
        self.taking_sells: list[PaperOrder] = []

    def show(self, quote: Quote) -> None:
        """Take a quote in; O(1) unless prices that we used have gone."""
        bid, ask = quote.bid_px, quote.ask_px
        if bid is not None and not bid > 0:
            bid = None
        if ask is not None and not ask > 0:
            ask = None
        if bid is not None and ask is not None and bid > ask:
            bid = ask = None  # crossed: nobody can tell at which price anything could be done
        self.bid, self.ask = bid, ask
        self.bid_sz, self.ask_sz = quote.bid_sz, quote.ask_sz
        self.received_ns = quote.received_ns
        self.quoted = True
        if self.used_ask and ask is not None:
            for price in [price for price in self.used_ask if price < ask]:
                del self.used_ask[price]
        if self.used_bid and bid is not None:
            for price in [price for price in self.used_bid if price > bid]:
                del self.used_bid[price]

    def printed(self, price: Decimal, size: Decimal, *, bought: bool) -> None:
        """A trade printed. It took size from the touch, which the next quote will show and is taken off until then; and
        of what we had counted as used there, `size` is truly gone: as much of what is shown next is new.
        """
        if bought:
            used = self.used_ask
            if self.ask is not None and self.ask_sz is not None and price >= self.ask:
                self.ask_sz = self.ask_sz - size if price == self.ask else ZERO
        else:
            used = self.used_bid
            if self.bid is not None and self.bid_sz is not None and price <= self.bid:
                self.bid_sz = self.bid_sz - size if price == self.bid else ZERO
        if used and (before := used.get(price)) is not None:
            if before > size:
                used[price] = before - size
            else:
                del used[price]

    def available(self, *, buy: bool, untold: Decimal) -> Decimal:
        """What a taker may still have at the touch: displayed minus used. `untold` stands for a size nobody tells."""
        price, size, used = (self.ask, self.ask_sz, self.used_ask) if buy else (self.bid, self.bid_sz, self.used_bid)
        if price is None:
            return ZERO
        left = untold if size is None else size
        if used:
            left -= used.get(price, ZERO)
        return left if left > 0 else ZERO

    def use(self, *, buy: bool, price: Decimal, qty: Decimal) -> None:
        """Count displayed size as used."""
        used = self.used_ask if buy else self.used_bid
        used[price] = used.get(price, ZERO) + qty

    @property
    def mark(self) -> Decimal | None:
        """Mid of the touch, else the last trade, else the side there is: for valuation only."""
        if self.bid is not None and self.ask is not None:
            return (self.bid + self.ask) / 2
        return self.last if self.last is not None else self.bid if self.bid is not None else self.ask
