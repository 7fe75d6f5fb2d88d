"""One symbol at the paper exchange: what is displayed, what of it we have used, and the orders that wait there."""

from decimal import Decimal

from bridge.brokers.paper.orders import Ladder, PaperOrder
from bridge.brokers.paper.records import ZERO
from bridge.marketdata.hours import Session
from bridge.orders.market import Instrument, Quote


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
        "prints",
        "quoted",
        "received_ns",
        "sell_stops",
        "sells",
        "session",
        "sleeping",
        "taking_buys",
        "taking_sells",
        "trailing",
        "used_ask",
        "used_bid",
    )

    def __init__(self, instrument: Instrument, session: Session) -> None:
        self.instrument = instrument
        self.session = session
        self.bid: Decimal | None = None
        self.ask: Decimal | None = None
        self.bid_sz: Decimal | None = None
        self.ask_sz: Decimal | None = None
        self.received_ns = 0
        self.quoted = False
        self.last: Decimal | None = None
        self.prints = False  # trades of it are printed
        self.halted = False
        self.used_bid: dict[Decimal, Decimal] = {}
        self.used_ask: dict[Decimal, Decimal] = {}
        self.buys = Ladder(highest_first=True)
        self.sells = Ladder(highest_first=False)
        self.buy_stops = Ladder(highest_first=False)
        self.sell_stops = Ladder(highest_first=True)
        self.taking_buys: dict[int, PaperOrder] = {}  # marketable, waiting for more displayed size
        self.taking_sells: dict[int, PaperOrder] = {}
        self.trailing: dict[int, PaperOrder] = {}  # stops that follow the market, also in a ladder of stops
        self.sleeping: dict[int, PaperOrder] = {}  # not to be executed in this phase of the day

    def show(self, quote: Quote) -> None:
        """Take a quote in; O(1) unless prices that we used have gone."""
        bid, ask = quote.bid_px, quote.ask_px
        if bid is not None and not bid > 0:
            bid = None
        if ask is not None and not ask > 0:
            ask = None
        if (bid is not None and ask is not None and bid > ask) or self.halted:
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

    def forget_quote(self) -> None:
        """What was displayed is nobody's price any more (halt, split)."""
        self.quoted = False
        self.bid = self.ask = None
        self.used_bid.clear()
        self.used_ask.clear()

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
