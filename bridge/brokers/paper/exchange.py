"""The paper exchange: requests and ticks in, records out. Pure: time is handed in, nothing is random, nothing waits.

What happens is a record. It is put on `out` and folded into the state by the same functions that fold it again after
a restart; the caller writes `out` to the book and only then tells anybody. Orders that arrive are acknowledged at
once and matched by `match`, which every tick and every further request does first: an acknowledgement never waits for
a fill, and the order of things is the order in which they came.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from bridge.brokers.paper import rules
from bridge.brokers.paper.ledger import REVALUE_NS, Account
from bridge.brokers.paper.market import ZERO, Ladder, Market, PaperOrder
from bridge.brokers.paper.model import AccountTerms, FillModel, Resting, StopTrigger
from bridge.brokers.paper.records import (
    Accepted,
    Answer,
    Canceled,
    CancelRefusal,
    Filled,
    Funded,
    Opened,
    Record,
    Rejected,
    Repeated,
    Replaced,
    ReplaceRefusal,
    Triggered,
)
from bridge.orders.market import Aggressor, AssetClass, Instrument, Quote, Trade
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection
from fixspec.enums import CxlRejReason, OrdStatus, Side, TimeInForce


class Exchange:
    """Matching, accounts and orders. One caller, no locks; every method takes `now` in UTC nanoseconds."""

    def __init__(
        self,
        *,
        instrument: Callable[[str], Instrument | None],
        accounts: Sequence[AccountTerms] = (AccountTerms(),),
        model: FillModel | None = None,
        keep_closed: int = 50_000,
    ) -> None:
        """`keep_closed`: how many ended orders are kept in memory to answer for; older ones are in the book alone."""
        self._instrument = instrument
        self._model = model = model or FillModel()
        self._max_age_ns = int(model.max_quote_age * 1e9)
        self._keep_closed = keep_closed
        self.book = ""
        self.out: list[Record | Answer] = []
        self.accounts = {terms.name: Account(terms.name, terms.currency, terms.margin) for terms in accounts}
        self._terms = accounts
        self._markets: dict[str, Market] = {}
        self._orders: dict[int, PaperOrder] = {}
        self._by_id: dict[str, PaperOrder] = {}
        self._rejected: dict[str, Rejected] = {}
        self._spent: dict[str, None] = {}
        self._closed: deque[int] = deque()
        self._arrivals: deque[PaperOrder] = deque()
        self._next_no = 1
        self._funded: set[str] = set()
        self._folds: dict[type[Any], Callable[[Any], None]] = {
            Opened: self._fold_opened,
            Funded: self._fold_funded,
            Accepted: self._fold_accepted,
            Rejected: self._fold_rejected,
            Triggered: self._fold_triggered,
            Filled: self._fold_filled,
            Replaced: self._fold_replaced,
            Canceled: self._fold_canceled,
        }

    # --- life --------------------------------------------------------------------------------------------------------

    def open(self, book: str, now: int) -> None:
        """Start a new book; `book` must differ from every earlier book's."""
        self._happened(Opened(now, book))
        for terms in self._terms:
            self._happened(Funded(now, terms.name, terms.cash, terms.currency))

    def restore(self, records: Iterable[Record], now: int) -> None:
        """Fold a book again. Orders for immediate execution that were caught by the stop are cancelled."""
        for record in records:
            self._folds[type(record)](record)
        self.trim()
        for terms in self._terms:
            if terms.name not in self._funded:
                self._happened(Funded(now, terms.name, terms.cash, terms.currency))
        for order in list(self._orders.values()):
            if order.closed is None:
                if order.at_once:
                    self._happened(Canceled(now, order.no, None, "The exchange was restarted"))
                else:
                    self._rest(self._markets[order.symbol], order)

    # --- requests ----------------------------------------------------------------------------------------------------

    def submit(self, order: Order, now: int) -> None:
        """A new order: Accepted or Rejected is on `out` when this returns; Repeated when its id is known."""
        client_id = order.broker_client_id or ""
        known = self._by_id.get(client_id)
        if known is not None:
            self.out.append(Repeated(client_id, known.no))
            return
        if client_id in self._rejected:
            self.out.append(self._rejected[client_id])
            return
        if client_id in self._spent:
            self.out.append(Repeated(client_id, 0))
            return
        market = self._market(order.symbol)
        refusal = self._refusal(market, order, now) if market is not None else UNKNOWN_SYMBOL
        if refusal is not None:
            self._happened(
                Rejected(
                    now,
                    client_id,
                    order.account,
                    order.symbol,
                    order.side,
                    order.ord_type,
                    order.order_qty or ZERO,
                    refusal.code,
                    refusal.text,
                )
            )
            return
        assert order.order_qty is not None
        record = Accepted(
            now,
            self._next_no,
            client_id,
            order.account,
            order.symbol,
            order.side,
            order.ord_type,
            order.time_in_force,
            order.order_qty,
            order.price,
            order.stop_px,
            order.exec_inst,
            None,
            order.trading_session_id,
        )
        self.out.append(record)
        self._arrivals.append(self._accept(record))

    def cancel(self, order: Order, now: int) -> None:
        """Cancel the remainder: Canceled or CancelRefusal."""
        if self._arrivals:
            self.match(now)
        client_id = order.broker_client_id or ""
        known = self._by_id.get(client_id)
        if known is None:
            reason = CxlRejReason.TOO_LATE_TO_CANCEL if client_id in self._spent else CxlRejReason.UNKNOWN_ORDER
            self.out.append(CancelRefusal(client_id, 0, reason, "No working order of that id"))
        elif known.closed is not None:
            text = f"The order is {known.closed.value}"
            self.out.append(CancelRefusal(client_id, known.no, CxlRejReason.TOO_LATE_TO_CANCEL, text))
        else:
            self._happened(Canceled(now, known.no))

    def replace(self, order: Order, now: int) -> None:
        """Put `order.pending_replace` in force: Replaced, or ReplaceRefusal and the old terms stay."""
        if self._arrivals:
            self.match(now)
        pending = order.pending_replace
        assert pending is not None
        known = self._by_id.get(order.broker_client_id or "")
        new_id = pending.broker_client_id
        if known is None:
            self.out.append(ReplaceRefusal(new_id, 0, CxlRejReason.UNKNOWN_ORDER, "No working order of that id"))
            return
        if self._by_id.get(new_id) is known and known.id == new_id:
            self.out.append(Repeated(new_id, known.no))
            return
        if known.closed is not None:
            text = f"The order is {known.closed.value}"
            self.out.append(ReplaceRefusal(new_id, known.no, CxlRejReason.TOO_LATE_TO_CANCEL, text))
            return
        market = self._markets[known.symbol]
        refusal = rules.terms(
            market.instrument,
            pending.ord_type,
            pending.time_in_force,
            pending.order_qty,
            pending.price,
            pending.stop_px,
        )
        if refusal is None and (pending.side is Side.BUY) is not known.buy:
            refusal = Rejection(ReasonCode.NOT_CHANGEABLE, "Side(54) cannot be changed from buy to sell")
        if refusal is None:
            refusal = self._uncovered(market, known, pending.order_qty - known.cum, pending.price, pending.stop_px, now)
        if refusal is not None:
            self.out.append(ReplaceRefusal(new_id, known.no, CxlRejReason.BROKER_OPTION, refusal.text))
            return
        keeps_place = (
            pending.ord_type is known.ord_type
            and pending.price == known.price
            and pending.stop_px == known.stop_px
            and pending.time_in_force is known.time_in_force
            and pending.order_qty <= known.qty
        )
        self._happened(
            Replaced(
                now,
                known.no,
                new_id,
                pending.ord_type,
                pending.time_in_force,
                max(pending.order_qty, known.cum),
                pending.price,
                pending.stop_px,
                pending.exec_inst,
            )
        )
        if known.left > 0 and not keeps_place:
            self._leave(known)
            self._arrivals.append(known)

    # --- market data -------------------------------------------------------------------------------------------------

    def quote(self, quote: Quote, now: int) -> None:
        """A new top of book. Costs a few comparisons when it reaches no order."""
        if self._arrivals:
            self.match(now)
        market = self._markets.get(quote.symbol)
        if market is None:
            market = self._market(quote.symbol)
            if market is None:
                return
        market.show(quote)
        ask, bid = market.ask, market.bid
        if ask is not None:
            if market.taking_buys or ask <= market.buys.best:
                self._cross(market, ask, now, buy=True)
            if ask >= market.buy_stops.best and self._by_quote(market):
                self._trigger(market, market.buy_stops, ask, now)
        if bid is not None:
            if market.taking_sells or bid >= market.sells.best:
                self._cross(market, bid, now, buy=False)
            if bid <= market.sell_stops.best and self._by_quote(market):
                self._trigger(market, market.sell_stops, bid, now)

    def trade(self, trade: Trade, now: int) -> None:
        """A printed trade: fills who waits at or before its price, triggers stops, makes displayed size new again."""
        if self._arrivals:
            self.match(now)
        market = self._market(trade.symbol)
        if market is None:
            return
        price, size = trade.price, trade.size
        bought = trade.aggressor is Aggressor.BUY or (
            trade.aggressor is Aggressor.NONE and market.ask is not None and price >= market.ask
        )
        sold = trade.aggressor is Aggressor.SELL or (
            trade.aggressor is Aggressor.NONE and market.bid is not None and price <= market.bid
        )
        market.last = price
        if bought != sold:
            market.printed(price, size, bought=bought)
        if price <= market.buys.best:
            size = self._printed(market.buys, price, size, now, through=not sold)
        if price >= market.sells.best:
            self._printed(market.sells, price, size, now, through=not bought)
        if not self._by_quote(market):
            if price >= market.buy_stops.best:
                self._trigger(market, market.buy_stops, price, now)
            if price <= market.sell_stops.best:
                self._trigger(market, market.sell_stops, price, now)

    def match(self, now: int) -> None:
        """Match what has arrived, in the order it came."""
        arrivals = self._arrivals
        while arrivals:
            order = arrivals.popleft()
            if order.closed is None:
                self._arrive(self._markets[order.symbol], order, now)

    @property
    def waiting(self) -> bool:
        """True when something has arrived that was not matched yet."""
        return bool(self._arrivals)

    def trim(self) -> None:
        """Let ended orders beyond `keep_closed` go from memory; call it when what happened has been told."""
        while len(self._closed) > self._keep_closed:
            order = self._orders.pop(self._closed.popleft())
            for client_id in (order.id, *order.aliases):
                del self._by_id[client_id]
                self._spent[client_id] = None
            while len(self._spent) > SPENT:
                del self._spent[next(iter(self._spent))]

    # --- questions ---------------------------------------------------------------------------------------------------

    def order(self, no: int) -> PaperOrder:
        """An order of this book that is still in memory; KeyError when not."""
        return self._orders[no]

    def find(self, client_id: str) -> PaperOrder | Rejected | None:
        """By our id; None when unknown, or no longer in memory (`remembers` tells)."""
        return self._by_id.get(client_id) or self._rejected.get(client_id)

    def remembers(self, client_id: str) -> bool:
        """Was this id ever used, as far as memory goes?"""
        return client_id in self._by_id or client_id in self._rejected or client_id in self._spent

    def open_orders(self) -> list[PaperOrder]:
        """Everything that works."""
        return [order for order in self._orders.values() if order.closed is None]

    def revalue(self, account: Account, now: int) -> None:
        """Mark the account at the market."""
        account.revalue(now, self.mark)

    def mark(self, symbol: str) -> Decimal | None:
        """The valuation price of a symbol."""
        market = self._markets.get(symbol)
        return market.mark if market is not None else None

    # --- acceptance --------------------------------------------------------------------------------------------------

    def _market(self, symbol: str) -> Market | None:
        market = self._markets.get(symbol)
        if market is None:
            instrument = self._instrument(symbol)
            if instrument is None:
                return None
            market = self._markets[symbol] = Market(instrument)
        return market

    def _refusal(self, market: Market, order: Order, now: int) -> Rejection | None:
        account = self.accounts.get(order.account)
        instrument = market.instrument
        if account is None:
            return Rejection(ReasonCode.ACCOUNT_UNKNOWN, f"Account(1) {order.account} is not kept here")
        if order.side not in rules.SIDES:
            return Rejection(ReasonCode.CAPABILITY, f"Side(54) {order.side.value} is not traded here")
        if instrument.currency != account.currency:
            text = (
                f"{instrument.symbol} is traded in {instrument.currency}, account {account.name} in {account.currency}"
            )
            return Rejection(ReasonCode.CAPABILITY, text)
        refusal = rules.terms(
            instrument, order.ord_type, order.time_in_force, order.order_qty, order.price, order.stop_px
        )
        if refusal is not None:
            return refusal
        assert order.order_qty is not None
        buy = order.side is Side.BUY
        px = rules.worst_price(market, order.price, order.stop_px, buy=buy)
        if px is None:
            return Rejection(ReasonCode.NO_REFERENCE_PRICE, f"There is no market in {instrument.symbol}")
        opening = account.opening(instrument, order.order_qty, buy=buy)
        if not opening:
            return None
        return rules.short(account, instrument, order.side, opening) or self._margin(
            account, instrument, opening, px, now
        )

    def _uncovered(
        self,
        market: Market,
        order: PaperOrder,
        left: Decimal,
        price: Decimal | None,
        stop_px: Decimal | None,
        now: int,
    ) -> Rejection | None:
        """Would the order with these terms still be covered?"""
        account = self.accounts[order.account]
        px = rules.worst_price(market, price, stop_px, buy=order.buy)
        if px is None or left <= 0:
            return None
        self._release(account, order)
        opening = account.opening(market.instrument, left, buy=order.buy)
        refusal = self._margin(account, market.instrument, opening, px, now) if opening else None
        self._reserve(account, market, order)
        return refusal

    def _margin(
        self, account: Account, instrument: Instrument, opening: Decimal, px: Decimal, now: int
    ) -> Rejection | None:
        need = opening * px * instrument.multiplier * account.terms.rate(instrument.asset_class)
        if now - account.valued_ns > REVALUE_NS:
            account.revalue(now, self.mark)
        if need <= account.excess():
            return None
        account.revalue(now, self.mark)
        excess = account.excess()
        if need <= excess:
            return None
        text = f"Insufficient buying power: {need:.2f} {account.currency} of margin needed, {excess:.2f} free"
        return Rejection(ReasonCode.BUYING_POWER, text, None, f"{excess:.2f}", f"{need:.2f}")

    def _accept(self, record: Accepted) -> PaperOrder:
        order = PaperOrder(record)
        self._next_no = record.no + 1
        self._orders[record.no] = order
        self._by_id[record.id] = order
        self._reserve(self.accounts[record.account], self._markets[record.symbol], order)
        return order

    def _reserve(self, account: Account, market: Market, order: PaperOrder) -> None:
        instrument = market.instrument
        px = rules.worst_price(market, order.price, order.stop_px, buy=order.buy)
        if px is not None:
            opening = account.opening(instrument, order.left, buy=order.buy)
            order.reserve = opening * px * instrument.multiplier * account.terms.rate(instrument.asset_class)
            account.reserved += order.reserve
        holding = account.holding(instrument)
        if order.buy:
            holding.buying += order.left
        else:
            holding.selling += order.left

    def _release(self, account: Account, order: PaperOrder) -> None:
        account.reserved -= order.reserve
        order.reserve = ZERO
        holding = account.holdings[order.symbol]
        if order.buy:
            holding.buying -= order.left
        else:
            holding.selling -= order.left

    # --- matching ----------------------------------------------------------------------------------------------------

    def _arrive(self, market: Market, order: PaperOrder, now: int) -> None:
        """Trigger, take what the touch gives, then wait or end."""
        if not order.triggered:
            if not self._reached(market, order):
                self._rest(market, order)
                return
            self._happened(Triggered(now, order.no))
        fresh = market.quoted and now - market.received_ns <= self._max_age_ns and not market.halted
        if fresh:
            touch = market.ask if order.buy else market.bid
            if touch is not None and _crosses(order, touch):
                self._take(market, order, touch, now)
                if order.closed is not None:
                    return
        if order.at_once:
            self._happened(Canceled(now, order.no))
        else:
            self._rest(market, order, fresh=fresh)

    def _take(self, market: Market, order: PaperOrder, touch: Decimal, now: int) -> None:
        """As much of the displayed size as nobody here has used; all or nothing for FOK."""
        instrument = market.instrument
        untold = self._model.untold_size.get(instrument.asset_class, ZERO)
        qty = market.available(buy=order.buy, untold=untold)
        left = order.left
        if qty >= left:
            qty = left
        elif order.time_in_force is TimeInForce.FOK:
            return
        else:
            qty -= qty % instrument.lot_size
            if not qty:
                return
        self._fill(order, qty, touch, now, made=False, level=touch)

    def _cross(self, market: Market, touch: Decimal, now: int, *, buy: bool) -> None:
        """The touch reaches orders that wait: takers first, by time, then limits it came to, by price and time."""
        if taking := (market.taking_buys if buy else market.taking_sells):
            for order in tuple(taking):
                if _crosses(order, touch):
                    self._take(market, order, touch, now)
                else:
                    # the market has moved away from its limit: from now on it waits there and is not a taker any more
                    self._leave(order)
                    self._rest(market, order)
        ladder = market.buys if buy else market.sells
        untold = self._model.untold_size.get(market.instrument.asset_class, ZERO)
        lot = market.instrument.lot_size
        while (touch <= ladder.best) if buy else (touch >= ladder.best):
            qty = market.available(buy=buy, untold=untold)
            order = ladder.first()
            if qty >= order.left:
                qty = order.left
            else:
                qty -= qty % lot
            if not qty:
                return
            assert order.price is not None
            self._fill(order, qty, order.price, now, made=True, level=touch)

    def _printed(self, ladder: Ladder, price: Decimal, size: Decimal, now: int, *, through: bool) -> Decimal:
        """A trade at `price` fills orders that waited at better prices, and at its price unless `through`.

        The printed size is given out once. Returns what is left of it.
        """
        if self._model.resting is Resting.THROUGH:
            through = True
        while size > 0 and ladder.levels:
            best = ladder.best
            if best == price and through:
                break
            order = ladder.first()
            if (best < price) if order.buy else (best > price):
                break
            qty = size if size < order.left else order.left
            qty -= qty % self._markets[order.symbol].instrument.lot_size
            if not qty:
                break
            size -= qty
            self._fill(order, qty, best, now, made=True, level=None)
        return size

    def _trigger(self, market: Market, ladder: Ladder, price: Decimal, now: int) -> None:
        buy = ladder is market.buy_stops
        while (price >= ladder.best) if buy else (price <= ladder.best):
            order = ladder.first()
            self._leave(order)
            self._happened(Triggered(now, order.no))
            self._arrive(market, order, now)

    def _by_quote(self, market: Market) -> bool:
        trigger = self._model.stop_trigger
        if trigger is StopTrigger.AUTO:
            return market.last is None or market.instrument.asset_class is AssetClass.FX
        return trigger is StopTrigger.QUOTE

    def _reached(self, market: Market, order: PaperOrder) -> bool:
        price = (market.ask if order.buy else market.bid) if self._by_quote(market) else market.last
        assert order.stop_px is not None
        return price is not None and ((price >= order.stop_px) if order.buy else (price <= order.stop_px))

    def _rest(self, market: Market, order: PaperOrder, *, fresh: bool = True) -> None:
        """Put an order where it waits. Without a fresh quote nobody knows whether it is a taker: the next one tells."""
        if not order.triggered:
            assert order.stop_px is not None
            (market.buy_stops if order.buy else market.sell_stops).add(order.stop_px, order)
            return
        touch = market.ask if order.buy else market.bid
        if order.price is None or not fresh or (touch is not None and _crosses(order, touch)):
            waiting = market.taking_buys if order.buy else market.taking_sells
            waiting.append(order)
            order.place = waiting
        else:
            (market.buys if order.buy else market.sells).add(order.price, order)

    def _leave(self, order: PaperOrder) -> None:
        place = order.place
        if isinstance(place, Ladder):
            key = order.price if order.triggered else order.stop_px
            assert key is not None
            place.remove(key, order)
        elif place is not None:
            place.remove(order)
            order.place = None

    def _fill(
        self, order: PaperOrder, qty: Decimal, px: Decimal, now: int, *, made: bool, level: Decimal | None
    ) -> None:
        record = Filled(now, order.no, len(order.executions) + 1, qty, px, ZERO, made, level)
        self.out.append(record)
        self._fold_filled(record)

    # --- the fold ----------------------------------------------------------------------------------------------------

    def _happened(self, record: Record) -> None:
        self.out.append(record)
        self._folds[type(record)](record)

    def _fold_opened(self, record: Opened) -> None:
        self.book = record.book

    def _fold_funded(self, record: Funded) -> None:
        account = self.accounts.get(record.account)
        if account is not None:
            account.cash += record.amount
            account.equity += record.amount
        self._funded.add(record.account)

    def _fold_accepted(self, record: Accepted) -> None:
        self._market(record.symbol)
        self._accept(record)

    def _fold_rejected(self, record: Rejected) -> None:
        self._rejected[record.id] = record
        if len(self._rejected) > self._keep_closed:
            del self._rejected[next(iter(self._rejected))]

    def _fold_triggered(self, record: Triggered) -> None:
        self._orders[record.no].triggered = True

    def _fold_filled(self, record: Filled) -> None:
        order = self._orders[record.no]
        market = self._markets[order.symbol]
        account = self.accounts[order.account]
        qty, left = record.qty, order.left
        holding = account.holdings[order.symbol]
        if order.buy:
            holding.buying -= qty
        else:
            holding.selling -= qty
        order.executions.append((qty, record.px, 0, record.at))
        order.cum += qty
        order.gross += qty * record.px
        order.left = left = left - qty
        if not left:
            account.reserved -= order.reserve
            order.reserve = ZERO
        elif order.reserve:
            release = order.reserve * qty / (left + qty)
            account.reserved -= release
            order.reserve -= release
        account.fill(market.instrument, qty if order.buy else -qty, record.px, record.fee)
        if record.level is not None:
            market.use(buy=order.buy, price=record.level, qty=qty)
        if not left:
            self._ended(order, OrdStatus.FILLED)

    def _fold_replaced(self, record: Replaced) -> None:
        order = self._orders[record.no]
        market = self._markets[order.symbol]
        account = self.accounts[order.account]
        self._release(account, order)
        moves = order.place is not None and (record.price, record.stop_px) != (order.price, order.stop_px)
        if moves:
            self._leave(order)
        rearmed = record.ord_type in rules.STOPPED and (
            record.stop_px != order.stop_px or record.ord_type is not order.ord_type
        )
        order.ord_type, order.time_in_force = record.ord_type, record.time_in_force
        order.price, order.stop_px = record.price, record.stop_px
        order.exec_inst, order.expires = record.exec_inst, record.expires
        order.aliases.append(order.id)
        order.qty, order.id = record.qty, record.id
        order.left = record.qty - order.cum
        self._by_id[record.id] = order
        if record.ord_type not in rules.STOPPED:
            order.triggered = True
        elif rearmed:
            order.triggered = False
        self._reserve(account, market, order)
        if not order.left > 0:
            self._ended(order, OrdStatus.FILLED)

    def _fold_canceled(self, record: Canceled) -> None:
        self._ended(self._orders[record.no], OrdStatus.CANCELED)

    def _ended(self, order: PaperOrder, status: OrdStatus) -> None:
        if order.place is not None:
            self._leave(order)
        if order.left:
            self._release(self.accounts[order.account], order)
        order.closed = status
        self._closed.append(order.no)


SPENT = 250_000
UNKNOWN_SYMBOL = Rejection(ReasonCode.SYMBOL_UNKNOWN, "The symbol is not traded here")


def _crosses(order: PaperOrder, touch: Decimal) -> bool:
    """A market order always, a limit when the touch is at its price or better."""
    price = order.price
    if price is None:
        return True
    return touch <= price if order.buy else touch >= price
