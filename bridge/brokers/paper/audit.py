"""An auditor that believes nothing: it reads the tape and the exchange's records, and says which fill the tape forbids.

It shares no code with the matching. Slow and plain on purpose: every rule of docs/paper.md that a fill must keep is
written here a second time.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from bridge.brokers.paper.records import (
    Accepted,
    Answer,
    Canceled,
    Expired,
    Filled,
    Record,
    Replaced,
    Restated,
    Triggered,
)
from bridge.orders.market import Aggressor, Quote, Tick, Trade
from fixspec.enums import OrdType, Side, TimeInForce

ZERO = Decimal(0)
PLAIN = frozenset({OrdType.MARKET, OrdType.LIMIT})


class Audited(msgspec.Struct):
    """An order as the auditor knows it."""

    record: Accepted
    qty: Decimal
    price: Decimal | None
    buy: bool
    triggered: bool
    filled: Decimal = ZERO
    open: bool = True


class Tape(msgspec.Struct):
    """What the tape shows of one symbol, and what our fills have used of it."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_sz: Decimal | None = None
    ask_sz: Decimal | None = None
    used: dict[tuple[bool, Decimal], Decimal] = msgspec.field(default_factory=dict)  # (taken by buyers, price)
    trade: Trade | None = None  # the print that was just read
    sold: bool = False
    bought: bool = False
    given: Decimal = ZERO  # of that print, to orders of ours


class Audit:
    """Feed it ticks and records in the order they happened; `violations` stays empty or the exchange is wrong.

    A tick is fed before what it causes, after what was matched before it.
    """

    def __init__(self, *, participation: Decimal = Decimal(1), untold: Decimal = ZERO, walks: bool = False) -> None:
        """`participation`, `untold` as in the fill model; `walks`: takers may go behind the touch."""
        self._share = participation
        self._untold = untold
        self._walks = walks
        self.tapes: dict[str, Tape] = {}
        self.orders: dict[int, Audited] = {}
        self.fills = 0
        self.most_used = ZERO  # the largest share of a displayed size that fills had used when they happened
        self.violations: list[str] = []

    def tick(self, tick: Tick) -> None:
        """Something on the tape."""
        tape = self.tapes.setdefault(tick.symbol, Tape())
        if isinstance(tick, Quote):
            self._quote(tape, tick)
        else:
            self._trade(tape, tick)

    def records(self, records: Iterable[Record | Answer]) -> None:
        """What the exchange says has happened."""
        for record in records:
            if isinstance(record, Accepted):
                self.orders[record.no] = Audited(
                    record,
                    record.qty,
                    record.price,
                    record.side is Side.BUY,
                    record.ord_type in PLAIN,
                )
            elif isinstance(record, Filled):
                self._filled(record)
            elif isinstance(record, Triggered):
                self.orders[record.no].triggered = True
            elif isinstance(record, Replaced):
                order = self.orders[record.no]
                order.qty, order.price = record.qty, record.price
                if record.ord_type in PLAIN:
                    order.triggered = True
                elif record.stop_px != order.record.stop_px:
                    order.triggered = False
            elif isinstance(record, Restated):
                order = self.orders[record.no]
                order.qty, order.price = record.qty or order.qty, record.price or order.price
            elif isinstance(record, Canceled | Expired):
                self._ended(self.orders[record.no])

    def _quote(self, tape: Tape, quote: Quote) -> None:
        bid, ask = quote.bid_px, quote.ask_px
        if (bid is not None and ask is not None and bid > ask) or not (bid or ask):
            bid = ask = None
        tape.bid, tape.ask = bid or None, ask or None
        tape.bid_sz, tape.ask_sz = quote.bid_sz, quote.ask_sz
        tape.trade = None
        for buyers, price in list(tape.used):
            gone = tape.ask is not None and price < tape.ask if buyers else tape.bid is not None and price > tape.bid
            if gone:
                del tape.used[buyers, price]

    def _trade(self, tape: Tape, trade: Trade) -> None:
        bought, sold = trade.aggressor is Aggressor.BUY, trade.aggressor is Aggressor.SELL
        if not bought and not sold:
            bought = tape.ask is not None and trade.price >= tape.ask
            sold = tape.bid is not None and trade.price <= tape.bid
        tape.trade, tape.bought, tape.sold, tape.given = trade, bought, sold, ZERO
        if bought and not sold:
            if tape.ask is not None and tape.ask_sz is not None and trade.price >= tape.ask:
                tape.ask_sz = tape.ask_sz - trade.size if trade.price == tape.ask else ZERO
            self._freed(tape, buyers=True, trade=trade)
        elif sold and not bought:
            if tape.bid is not None and tape.bid_sz is not None and trade.price <= tape.bid:
                tape.bid_sz = tape.bid_sz - trade.size if trade.price == tape.bid else ZERO
            self._freed(tape, buyers=False, trade=trade)

    def _freed(self, tape: Tape, *, buyers: bool, trade: Trade) -> None:
        key = (buyers, trade.price)
        if key in tape.used:
            tape.used[key] = max(ZERO, tape.used[key] - trade.size)

    def _ended(self, order: Audited) -> None:
        order.open = False
        if order.record.time_in_force is TimeInForce.FOK and ZERO < order.filled < order.qty:
            self._wrong(order, "fill or kill was filled in part")

    def _filled(self, fill: Filled) -> None:
        self.fills += 1
        order = self.orders[fill.no]
        tape = self.tapes.get(order.record.symbol)
        if tape is None:
            self._wrong(order, "filled where nothing was ever displayed")
            return
        order.filled += fill.qty
        if not order.open:
            self._wrong(order, "filled after its end")
        if not order.triggered:
            self._wrong(order, "filled before its stop was triggered")
        if order.filled > order.qty:
            self._wrong(order, f"filled {order.filled} of {order.qty}")
        if order.price is not None and (fill.px > order.price if order.buy else fill.px < order.price):
            self._wrong(order, f"filled at {fill.px} beyond its limit {order.price}")
        if order.filled == order.qty:
            self._ended(order)
        if fill.level is None:
            self._from_print(order, tape, fill)
        else:
            self._from_display(order, tape, fill)

    def _from_display(self, order: Audited, tape: Tape, fill: Filled) -> None:
        touch, size = (tape.ask, tape.ask_sz) if order.buy else (tape.bid, tape.bid_sz)
        level = fill.level
        assert level is not None
        if touch is None:
            self._wrong(order, f"filled at {fill.px} where no usable price was displayed")
            return
        if fill.px < touch if order.buy else fill.px > touch:
            self._wrong(order, f"filled at {fill.px}, better than the touch {touch}")
        if fill.made and fill.px != order.price:
            self._wrong(order, f"filled at {fill.px} as a maker, away from its price {order.price}")
        if not fill.made and fill.px != level:
            self._wrong(order, f"took at {fill.px} what was displayed at {level}")
        if level != touch and not (self._walks and not fill.made):
            self._wrong(order, f"used the display at {level}, and the touch is {touch}")
        key = (order.buy, level)
        tape.used[key] = tape.used.get(key, ZERO) + fill.qty
        shown = (self._untold if size is None else size) * self._share
        if level == touch and shown:
            self.most_used = max(self.most_used, tape.used[key] / shown)
        if level == touch and tape.used[key] > shown:
            self._wrong(order, f"{tape.used[key]} used of {shown} displayed at {level}")
        if order.record.time_in_force in {TimeInForce.IOC, TimeInForce.FOK} and fill.made:
            self._wrong(order, "waited although it was for immediate execution")
        if fill.made:
            self._priority(order)

    def _from_print(self, order: Audited, tape: Tape, fill: Filled) -> None:
        trade = tape.trade
        if trade is None:
            self._wrong(order, f"filled at {fill.px} out of a print that there was not")
            return
        better = fill.px < trade.price if order.buy else fill.px > trade.price
        if better:
            self._wrong(order, f"filled at {fill.px}, better than the print at {trade.price}")
        if fill.px == trade.price and not (tape.sold if order.buy else tape.bought):
            self._wrong(order, f"filled at {fill.px} by a print of its own side")
        touch = tape.ask if order.buy else tape.bid
        if fill.px not in {order.price, touch}:
            self._wrong(order, f"filled at {fill.px} out of a print, away from its price {order.price}")
        tape.given += fill.qty
        if tape.given > trade.size * self._share:
            self._wrong(order, f"{tape.given} given out of a print of {trade.size}")
        self._priority(order)

    def _priority(self, order: Audited) -> None:
        """Nobody of the same side waits at a better price, or at the market."""
        if order.price is None:
            return
        tape = self.tapes[order.record.symbol]
        priced = (tape.ask if order.buy else tape.bid) is not None
        for other in self.orders.values():
            if other is order or not other.open or other.buy is not order.buy:
                continue
            if other.record.symbol != order.record.symbol or other.record.ord_type not in PLAIN:
                continue
            if other.price is None:
                better = priced  # without a touch nobody knows what a market order would pay
            else:
                better = other.price > order.price if order.buy else other.price < order.price
            if better:
                self._wrong(order, f"filled at {order.price} before order {other.record.no} at {other.price}")

    def _wrong(self, order: Audited, what: str) -> None:
        self.violations.append(f"order {order.record.no} {order.record.symbol}: {what}")
