"""Who gets filled, by how much and at which price. Records come out; the state they make is folded at once.

The rules with their formulas are in docs/paper.md. In short: nobody gets a better price than the tape showed, no
displayed or printed size is given out twice, better prices come before worse and earlier orders before later ones.
"""

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal

from bridge.brokers.paper.fees import Executed, Fees, NoFees
from bridge.brokers.paper.market import Market
from bridge.brokers.paper.model import FillModel, Resting, StopTrigger, Taking
from bridge.brokers.paper.orders import HIGHEST, LOWEST, Ladder, Level, PaperOrder
from bridge.brokers.paper.records import ONE, ZERO, Canceled, Expired, Filled, Printed, Record, Trailed, Triggered
from bridge.brokers.paper.state import State
from bridge.orders.market import Aggressor, AssetClass, Quote, Trade
from fixspec.enums import ExecRestatementReason, TimeInForce

# Looked up once: until Python 3.12 an attribute of an Enum class costs more than a call.
WALK = Taking.WALK
FOK = TimeInForce.FOK
FEE_PLACES = Decimal("0.00000001")


class Matching:
    """The fill model over a state. `happened` folds a record and keeps it for the book; `told` keeps one already
    folded.
    """

    def __init__(
        self,
        state: State,
        *,
        model: FillModel,
        fees: Fees,
        happened: Callable[[Record], None],
        told: Callable[[Record], None],
    ) -> None:
        self._state = state
        self._model = model
        self._fees = None if isinstance(fees, NoFees) else fees
        self._happened = happened
        self._told = told
        self._max_age_ns = int(model.max_quote_age * 1e9)
        self._queue = model.resting is Resting.QUEUE
        self._walks = model.taking is WALK
        self._share = model.participation
        self._whole_size = model.participation == ONE
        self._untold = model.untold_size

    # --- ticks -------------------------------------------------------------------------------------------------------

    def quote(self, market: Market, quote: Quote, now: int) -> None:
        """A new top of book. Costs a few comparisons when it reaches no order."""
        market.show(quote)
        ask, bid = market.ask, market.bid
        if bid is not None:
            if self._queue and bid <= market.buys.best:
                self._displayed(market, market.buys, bid, market.bid_sz)
            if market.taking_sells or bid >= market.sells.best:
                self._cross(market, bid, now, buy=False)
        if ask is not None:
            if self._queue and ask >= market.sells.best:
                self._displayed(market, market.sells, ask, market.ask_sz)
            if market.taking_buys or ask <= market.buys.best:
                self._cross(market, ask, now, buy=True)
            if ask >= market.buy_stops.best and self.by_quote(market):
                self._trigger(market, market.buy_stops, ask, now)
        if bid is not None and bid <= market.sell_stops.best and self.by_quote(market):
            self._trigger(market, market.sell_stops, bid, now)
        if market.trailing and self.by_quote(market):
            self._trail(market, now)

    def trade(self, market: Market, trade: Trade, now: int) -> None:
        """A printed trade: fills who waits at or before its price, triggers stops, makes displayed size new again."""
        if market.halted:
            return
        price = trade.price
        bought, sold = trade.aggressor is Aggressor.BUY, trade.aggressor is Aggressor.SELL
        if not bought and not sold:
            bought = market.ask is not None and price >= market.ask
            sold = market.bid is not None and price <= market.bid
        market.last = price
        if not market.prints:
            self._happened(Printed(now, trade.symbol))
        if bought is not sold:
            market.printed(price, trade.size, bought=bought)
        buying = price <= market.buys.best or market.taking_buys
        selling = price >= market.sells.best or market.taking_sells
        if buying or selling:
            size = trade.size if self._whole_size else trade.size * self._share
            if buying:
                size = self._printed(market, market.buys, price, trade.size, size, now, at_price=sold)
            if selling:
                self._printed(market, market.sells, price, trade.size, size, now, at_price=bought)
        if not self.by_quote(market):
            if price >= market.buy_stops.best:
                self._trigger(market, market.buy_stops, price, now)
            if price <= market.sell_stops.best:
                self._trigger(market, market.sell_stops, price, now)
            if market.trailing:
                self._trail(market, now)

    # --- arrival -----------------------------------------------------------------------------------------------------

    def arrive(self, market: Market, order: PaperOrder, now: int) -> None:
        """Trigger, take what the touch gives, then wait or end."""
        if not order.triggered:
            if order.trail is not None and order.stop_px is None:
                self._set_trail(market, order, now)
            price = self._trigger_price(market, buy=order.buy)
            stop = order.stop_px
            if price is None or stop is None or ((price < stop) if order.buy else (price > stop)):
                self.rest(market, order)
                return
            self._happened(Triggered(now, order.no))
        fresh = market.quoted and now - market.received_ns <= self._max_age_ns
        if fresh:
            touch = market.ask if order.buy else market.bid
            if touch is not None and order.crosses(touch):
                self._take(market, order, touch, now)
                if order.closed is not None:
                    return
        if order.at_once:
            self._happened(Canceled(now, order.no))
        elif order.time_in_force is TimeInForce.CLOSE or (order.time_in_force is TimeInForce.OPENING and fresh):
            self._happened(Expired(now, order.no))
        else:
            self.rest(market, order, fresh=fresh)

    def rest(self, market: Market, order: PaperOrder, *, fresh: bool = True) -> None:
        """Put an order where it waits. Without a fresh quote nobody knows whether it is a taker: the next one tells."""
        if not order.triggered:
            if order.trail is not None:
                market.trailing[order.no] = order
                if order.stop_px is None:  # no price was ever seen to trail: the first one sets the trigger
                    order.place = market.trailing
                    return
            assert order.stop_px is not None
            (market.buy_stops if order.buy else market.sell_stops).add(order.stop_px, order)
            return
        price = order.price
        touch = market.ask if order.buy else market.bid
        if price is None or not fresh or (touch is not None and order.crosses(touch)):
            waiting = market.taking_buys if order.buy else market.taking_sells
            waiting[order.no] = order
            order.place = waiting
            return
        ladder = market.buys if order.buy else market.sells
        ladder.add(price, order)
        if self._queue:
            order.ahead = self._in_front(market, order, price)

    # --- displayed size ----------------------------------------------------------------------------------------------

    def _available(self, market: Market, price: Decimal, size: Decimal | None, *, buy: bool) -> Decimal:
        """What may still be had of a displayed size: participation × displayed − used."""
        left = self._untold.get(market.instrument.asset_class, ZERO) if size is None else size
        if not self._whole_size:
            left *= self._share
        used = market.used_ask if buy else market.used_bid
        if used:
            left -= used.get(price, ZERO)
        return left if left > ZERO else ZERO

    def _in_front(self, market: Market, order: PaperOrder, price: Decimal) -> Decimal:
        """Queue position on joining: nothing at a better price than the touch, its displayed size at the touch, and
        unknown (infinite) behind it, until that price is the touch and shows its size.
        """
        touch, size = (market.bid, market.bid_sz) if order.buy else (market.ask, market.ask_sz)
        if touch is None:
            return HIGHEST
        if price == touch:
            return self._untold.get(market.instrument.asset_class, ZERO) if size is None else size
        return ZERO if ((price > touch) if order.buy else (price < touch)) else HIGHEST

    def _displayed(self, market: Market, ladder: Ladder, touch: Decimal, size: Decimal | None) -> None:
        """Orders of ours are at the touch or better: at the touch the queue is no longer than displayed, beyond it the
        market has nothing any more.
        """
        if touch != ladder.best:
            for price in reversed(ladder.prices) if ladder is market.buys else ladder.prices:
                if (price <= touch) if ladder is market.buys else (price >= touch):
                    break
                ladder.levels[price].low = ZERO
        level = ladder.levels.get(touch)
        if level is not None:
            if size is None:
                size = self._untold.get(market.instrument.asset_class, ZERO)
            if level.low is None or size < level.low:
                level.low = size

    # --- fills -------------------------------------------------------------------------------------------------------

    def _take(self, market: Market, order: PaperOrder, touch: Decimal, now: int) -> None:
        """What is left at the touch and, where the model walks, at the ticks behind it; all or nothing for FOK."""
        buy = order.buy
        size = market.ask_sz if buy else market.bid_sz
        found = [(touch, self._available(market, touch, size, buy=buy))]
        if self._walks and found[0][1] < order.left:
            tick = market.instrument.tick_size if buy else -market.instrument.tick_size
            shown = self._untold.get(market.instrument.asset_class, ZERO) if size is None else size
            depth = shown * self._model.walk_depth
            for step in range(1, self._model.walk_levels + 1):
                price = touch + step * tick
                if not price > 0 or not order.crosses(price):
                    break
                found.append((price, self._available(market, price, depth, buy=buy)))
        if order.time_in_force is FOK and not self._whole(market, order, found):
            return
        for price, qty in found:
            self._fill(market, order, qty, price, now, made=False, level=price)
            if order.closed is not None or not order.left:
                return

    def _whole(self, market: Market, order: PaperOrder, found: list[tuple[Decimal, Decimal]]) -> bool:
        """Would the order be filled completely, in whole lots and within what it may reduce?"""
        if order.reduce_only:
            holding = self._state.accounts[order.account].holding(market.instrument)
            if (-holding.qty if order.buy else holding.qty) < order.left:
                return False
        lot, left = market.instrument.lot_size, order.left
        for _, qty in found:
            if qty >= left:
                return True
            left -= qty // lot * lot
        return False

    def _cross(self, market: Market, touch: Decimal, now: int, *, buy: bool) -> None:
        """The touch reaches orders that wait: takers first, then limits it came to, all by price and time."""
        if taking := (market.taking_buys if buy else market.taking_sells):
            for order in _in_turn(taking):
                if order.crosses(touch):
                    self._take(market, order, touch, now)
                elif order.time_in_force is not TimeInForce.OPENING:
                    # the market has moved away from its limit: from now on it waits there and is not a taker any more
                    self._state.leave(order)
                    self.rest(market, order)
                if order.closed is None and order.time_in_force is TimeInForce.OPENING:
                    self._happened(Expired(now, order.no))
        ladder = market.buys if buy else market.sells
        size = market.ask_sz if buy else market.bid_sz
        while (touch <= ladder.best) if buy else (touch >= ladder.best):
            order = ladder.first()
            assert order.price is not None
            qty = self._available(market, touch, size, buy=buy)
            if not self._fill(market, order, qty, order.price, now, made=True, level=touch) and order.closed is None:
                return

    def _printed(
        self,
        market: Market,
        ladder: Ladder,
        price: Decimal,
        size: Decimal,
        share: Decimal,
        now: int,
        *,
        at_price: bool,
    ) -> Decimal:
        """A trade of `size` at `price` gives `share` to takers that wait for size, who pay the touch all the same; then
        to orders that waited at better prices, then to those at its price. Returns what is left of the share.
        """
        for order in _in_turn(market.taking_buys if ladder is market.buys else market.taking_sells):
            touch = market.ask if order.buy else market.bid
            px = touch if touch is not None and order.crosses(touch) else order.price
            if px is not None and share > 0 and ((px > price) if order.buy else (px < price)):
                share -= self._fill(market, order, share, px, now, made=True, level=None)
        while share > 0 and ladder.levels and ladder.best != price:
            if (ladder.best < price) if ladder is market.buys else (ladder.best > price):
                return share
            order = ladder.first()
            assert order.price is not None
            given = self._fill(market, order, share, order.price, now, made=True, level=None)
            if not given and order.closed is None:
                return share
            share -= given
        level = ladder.levels.get(price) if at_price else None
        if level is None or self._model.resting is Resting.THROUGH:
            return share
        if self._queue:
            level.settle()
        return self._at_price(market, level, price, size, share, now)

    def _at_price(
        self, market: Market, level: Level, price: Decimal, size: Decimal, share: Decimal, now: int
    ) -> Decimal:
        """Queue: a print of v gives an order with a in front of it max(0, v − a − what went to orders of ours before
        it); then a falls by v.
        """
        given = ZERO
        for order in tuple(level.orders.values()):
            ahead = order.ahead if self._queue else ZERO
            reach = size - ahead - given
            if reach > 0 and share > 0:
                done = self._fill(market, order, min(reach, share), price, now, made=True, level=None)
                given += done
                share -= done
            if self._queue:
                order.ahead = ahead - size if ahead > size else ZERO
            elif not share > 0:
                break
        return share

    def _fill(
        self,
        market: Market,
        order: PaperOrder,
        available: Decimal,
        px: Decimal,
        now: int,
        *,
        made: bool,
        level: Decimal | None,
    ) -> Decimal:
        """Fill up to `available`, in whole lots. Returns what was filled, 0 when it is less than a lot."""
        left = order.left
        instrument = market.instrument
        if order.reduce_only:
            holding = self._state.accounts[order.account].holding(instrument)
            closable = -holding.qty if order.buy else holding.qty
            if not closable > 0:
                text = "Reduce-only: there is no position left to reduce"
                self._happened(Canceled(now, order.no, ExecRestatementReason.BROKER_OPTION, text))
                return ZERO
            available = min(available, closable)
        if available >= left:
            qty = left
        else:
            qty = available // instrument.lot_size * instrument.lot_size
            if not qty:
                return ZERO
        account = self._state.accounts[order.account]
        rate = (
            ONE if instrument.currency == account.currency else self._state.rate(instrument.currency, account.currency)
        )
        if rate is None:
            return ZERO  # nobody knows what it costs in the account's currency: it waits until somebody does
        fee = ZERO if self._fees is None else self._fee(market, order, qty, px, made=made)
        record = Filled(now, order.no, len(order.executions) + 1, qty, px, fee, made, level, rate)
        self._told(record)
        self._state.filled(record)
        return qty

    def _fee(self, market: Market, order: PaperOrder, qty: Decimal, px: Decimal, *, made: bool) -> Decimal:
        assert self._fees is not None
        multiplier = market.instrument.multiplier
        value = qty * px
        done = Executed(
            order.buy,
            order.cum + qty,
            (order.gross + value) * multiplier,
            (order.made_value + (value if made else ZERO)) * multiplier,
        )
        return (self._fees.total(market.instrument, done) - order.fees).quantize(FEE_PLACES).normalize() + ZERO

    # --- stops -------------------------------------------------------------------------------------------------------

    def by_quote(self, market: Market) -> bool:
        """Is it the quote that triggers stops here?"""
        trigger = self._model.stop_trigger
        if trigger is StopTrigger.AUTO:
            return not market.prints or market.instrument.asset_class is AssetClass.FX
        return trigger is StopTrigger.QUOTE

    def _trigger_price(self, market: Market, *, buy: bool) -> Decimal | None:
        if self.by_quote(market):
            return market.ask if buy else market.bid
        return market.last

    def _trigger(self, market: Market, ladder: Ladder, price: Decimal, now: int) -> None:
        buy = ladder is market.buy_stops
        while (price >= ladder.best) if buy else (price <= ladder.best):
            order = ladder.first()
            self._happened(Triggered(now, order.no))
            self.arrive(market, order, now)

    def _trail(self, market: Market, now: int) -> None:
        """Trailing stops follow the market: a sell's trigger = highest price − offset, a buy's = lowest price +
        offset.
        """
        for order in tuple(market.trailing.values()):
            if order.closed is None and self._set_trail(market, order, now):
                self.rest(market, order)

    def _set_trail(self, market: Market, order: PaperOrder, now: int) -> bool:
        price = self._trigger_price(market, buy=order.buy)
        if price is None or order.trail is None:
            return False
        stop = price + abs(order.trail) if order.buy else price - abs(order.trail)
        tick = market.instrument.tick_size
        stop = (stop / tick).to_integral_value(ROUND_DOWN) * tick
        old = order.stop_px
        if not stop > 0 or (old is not None and ((stop >= old) if order.buy else (stop <= old))):
            return False
        self._happened(Trailed(now, order.no, stop))
        return True


def _in_turn(taking: dict[int, PaperOrder]) -> list[PaperOrder]:
    """Takers by price and time, those without a price first."""
    orders = list(taking.values())
    if len(orders) > 1:
        orders.sort(key=_urgency)
    return orders


def _urgency(order: PaperOrder) -> Decimal:
    if order.price is None:
        return LOWEST
    return -order.price if order.buy else order.price
