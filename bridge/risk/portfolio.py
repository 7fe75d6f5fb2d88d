"""What is held, reserved and counted, as the entries so far made it: a pure fold, so a restart loses nothing.

Every order under way is a `Line` with what it may still execute at worst. `Holding` sums the lines of one account and
symbol and adds the position from fills; sums move by differences, never by loops, so a decision costs the same with one
working order as with five thousand. Source: RISK-TCA sections 1 and 2.5.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from bridge.orders.events import (
    CancelRejected,
    DayOpened,
    Entry,
    LimitChanged,
    OrderReceived,
    OrderRouted,
    ReplaceRequested,
    Scope,
    TradingHalted,
    TradingResumed,
)
from bridge.orders.order import ZERO, Order
from bridge.risk.counters import Bucket, Day, LookAlikes, Sizes
from bridge.risk.limits import Limits, utc_ns
from bridge.risk.states import States
from fixspec.enums import CxlRejResponseTo, OrdType, Side, TimeInForce

ANY_PRICE_BUY = Decimal("Infinity")  # a market order meets every price
STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})


def reserved_qty(order: Order) -> Decimal:
    """What an order may still execute at worst: the larger of old and requested leaves until a replace is answered, in
    full while a cancel is pending or an outcome unknown, nothing once it has ended or is a day order done for the day.

    A CashOrderQty(152) order has no quantity; it is reckoned at the bid it met on arrival (the lower price, the larger
    quantity), which is in the journal.
    """
    if order.closed is not None or (order.done_for_day and order.time_in_force is TimeInForce.DAY):
        return ZERO
    if order.order_qty is not None:
        return order.reserved_qty
    if order.cash_order_qty is None:
        return ZERO
    left = order.cash_order_qty - order.gross * order.multiplier
    arrival = order.arrival
    px = (arrival.bid or arrival.mid if arrival is not None else None) or order.price
    if left <= 0 or px is None or px <= 0:
        return ZERO
    return left / (px * order.multiplier)


def meeting_px(order: Order) -> Decimal | None:
    """The price at which a working order may meet an own opposite one: the more aggressive of old and requested terms.

    None for a stop, which rests in no book until it is triggered.
    """
    if order.ord_type is OrdType.STOP or (order.ord_type is OrdType.STOP_LIMIT and order.held):
        return None
    buy = order.side is Side.BUY
    px = order.price if order.price is not None else (ANY_PRICE_BUY if buy else ZERO)
    pending = order.pending_replace
    if pending is not None and pending.price is not None:
        px = max(px, pending.price) if buy else min(px, pending.price)
    return px


class Line:
    """One working order, as it is reserved."""

    __slots__ = ("buy", "holding", "order", "px", "qty")

    def __init__(self, order: Order, holding: "Holding", qty: Decimal, px: Decimal | None) -> None:
        self.order = order
        self.holding = holding
        self.buy = order.side is Side.BUY
        self.qty = qty
        self.px = px


class Holding:
    """One account and symbol: signed position from fills, and the sums over working orders."""

    __slots__ = ("account", "bids", "buy", "buys", "offers", "pos", "sell", "sells", "symbol")

    def __init__(self, account: str, symbol: str) -> None:
        self.account = account
        self.symbol = symbol
        self.pos = ZERO
        self.buy = ZERO  # B, sum of leaves of working buys
        self.sell = ZERO  # S, sum of leaves of working sells
        self.buys = 0
        self.sells = 0
        self.bids: list[Decimal] = []  # prices of working buys, ascending: the last is the best
        self.offers: list[Decimal] = []  # prices of working sells, ascending: the first is the best

    @property
    def worst_long(self) -> Decimal:
        """WL = pos + B."""
        return self.pos + self.buy

    @property
    def worst_short(self) -> Decimal:
        """WS = pos − S."""
        return self.pos - self.sell


class AccountBook:
    """What is counted per account."""

    __slots__ = ("day", "working")

    def __init__(self) -> None:
        self.working = 0
        self.day = Day()


class Portfolio:
    """The fold. Not thread-safe: the engine's one writer drives it, and rules only read it."""

    def __init__(self, limits: Limits) -> None:
        self.seq = 0
        self.limits = limits
        self.states = States()
        self.holdings: dict[tuple[str, str], Holding] = {}
        self.lines: dict[int, Line] = {}
        self.accounts: dict[str, AccountBook] = {}
        self.sessions: dict[str, Bucket] = {}
        self.account_buckets: dict[str, Bucket] = {}
        self.symbols: dict[str, Bucket] = {}
        self.brokers: dict[str, Bucket] = {}
        self.lookalikes = LookAlikes()
        self.sizes: dict[str, Sizes] = {}
        self._folds: dict[type[Any], Callable[[Entry, Any, Order | None], None]] = {
            OrderReceived: self._received,
            OrderRouted: self._routed,
            ReplaceRequested: self._replace_requested,
            CancelRejected: self._cancel_rejected,
            TradingHalted: self._state,
            TradingResumed: self._state,
            LimitChanged: self._limit,
            DayOpened: self._day,
        }

    # --- the fold ----------------------------------------------------------------------------------------------------

    def on_entry(self, entry: Entry, before: Order | None, after: Order | None) -> None:
        """Fold one entry; `before` and `after` are the order's states around it, None for entries about no order.

        Everything about quantity comes from the difference of the two states, so fills, corrections, busts, replaces,
        refusals and unknown outcomes need no cases of their own.
        """
        self.seq = entry.seq
        if after is not None and after is not before:
            self._moved(before, after)
        fold = self._folds.get(type(entry.event))
        if fold is not None:
            fold(entry, entry.event, after)

    def _moved(self, before: Order | None, after: Order) -> None:
        key = (after.account, after.symbol)
        holding = self.holdings.get(key)
        if holding is None:
            holding = self.holdings[key] = Holding(*key)
        filled = after.cum_qty - before.cum_qty if before is not None else after.cum_qty
        if filled:
            holding.pos += filled if after.side is Side.BUY else -filled
        line = self.lines.get(after.order_id)
        qty = reserved_qty(after)
        if line is None:
            if qty:
                self._add(holding, after, qty)
            return
        line.order = after
        px = meeting_px(after)
        if qty == line.qty and px == line.px:
            return
        if not qty:
            self._remove(line)
            return
        if line.buy:
            holding.buy += qty - line.qty
        else:
            holding.sell += qty - line.qty
        line.qty = qty
        if px != line.px:
            self._unrest(line)
            line.px = px
            self._rest(line)

    def _add(self, holding: Holding, order: Order, qty: Decimal) -> None:
        line = self.lines[order.order_id] = Line(order, holding, qty, meeting_px(order))
        if line.buy:
            holding.buy += qty
            holding.buys += 1
        else:
            holding.sell += qty
            holding.sells += 1
        self._rest(line)
        self.account(order.account).working += 1

    def _remove(self, line: Line) -> None:
        holding = line.holding
        if line.buy:
            holding.buy -= line.qty
            holding.buys -= 1
        else:
            holding.sell -= line.qty
            holding.sells -= 1
        self._unrest(line)
        self.account(holding.account).working -= 1
        del self.lines[line.order.order_id]

    def _rest(self, line: Line) -> None:
        if line.px is not None:
            insort(line.holding.bids if line.buy else line.holding.offers, line.px)

    def _unrest(self, line: Line) -> None:
        if line.px is not None:
            prices = line.holding.bids if line.buy else line.holding.offers
            del prices[bisect_left(prices, line.px)]

    def _received(self, entry: Entry, event: OrderReceived, after: Order | None) -> None:
        self._message(utc_ns(entry.time), event.session_id, event.account, event.symbol, event.broker)

    def _replace_requested(self, entry: Entry, event: ReplaceRequested, after: Order | None) -> None:
        assert after is not None
        self._message(utc_ns(entry.time), event.session_id, after.account, after.symbol, after.broker)

    def _cancel_rejected(self, entry: Entry, event: CancelRejected, after: Order | None) -> None:
        """A refused G was a message too; a refused F has its own lane."""
        refused_by_us = event.broker_code is None and event.msg_seq_num
        if refused_by_us and event.response_to is CxlRejResponseTo.ORDER_CANCEL_REPLACE_REQUEST:
            account, symbol, broker = (after.account, after.symbol, after.broker) if after is not None else ("", "", "")
            self._message(utc_ns(entry.time), event.session_id, account, symbol, broker)

    def _message(self, now: int, session_id: str, account: str, symbol: str, broker: str) -> None:
        """One D or G: a token from each bucket that it falls into, if there is one."""
        for buckets, scope, name in (
            (self.sessions, Scope.SESSION, session_id),
            (self.account_buckets, Scope.ACCOUNT, account),
            (self.symbols, Scope.SYMBOL, symbol),
            (self.brokers, Scope.BROKER, broker),
        ):
            bucket = self.bucket(buckets, scope, name, now)
            if bucket is not None:
                bucket.take(now)
        if account:
            self.account(account).day.messages += 1

    def _routed(self, entry: Entry, event: OrderRouted, after: Order | None) -> None:
        assert after is not None
        self.account(after.account).day.orders += 1
        self.lookalikes.add(terms(after), utc_ns(entry.time))
        if after.order_qty is not None:
            self.sizes.setdefault(after.strategy or after.session_id, Sizes()).add(after.order_qty)

    def _state(self, entry: Entry, event: TradingHalted | TradingResumed, after: Order | None) -> None:
        self.states.on_entry(entry)

    def _limit(self, entry: Entry, event: LimitChanged, after: Order | None) -> None:
        self.limits.on_entry(entry)

    def _day(self, entry: Entry, event: DayOpened, after: Order | None) -> None:
        self.account(event.account).day = Day()

    # --- what rules ask ----------------------------------------------------------------------------------------------

    def account(self, account: str) -> AccountBook:
        """What is counted for an account."""
        book = self.accounts.get(account)
        if book is None:
            book = self.accounts[account] = AccountBook()
        return book

    def holding(self, account: str, symbol: str) -> Holding | None:
        """Position and working sums, None when the account never had an order in the symbol."""
        return self.holdings.get((account, symbol))

    def line(self, order_id: int) -> Line | None:
        """What is reserved for an order, None when nothing is."""
        return self.lines.get(order_id)

    def bucket(self, buckets: dict[str, Bucket], scope: Scope, name: str, now_ns: int) -> Bucket | None:
        """The message bucket of one session, account, symbol or broker, at its present rate; None without a rate."""
        bucket = buckets.get(name)
        limits = self.limits
        if bucket is not None and bucket.version == limits.version and now_ns < limits.until:
            return bucket
        rate = limits.rate(scope, name, now_ns) if name else None
        if rate is None:
            buckets.pop(name, None)
            return None
        full_at = bucket.full_at if bucket is not None else 0
        bucket = buckets[name] = Bucket(rate, limits.version, full_at)
        return bucket

    # --- proof -------------------------------------------------------------------------------------------------------

    def discrepancies(self, orders: Iterable[Order]) -> list[str]:
        """Where the sums differ from `orders`, which are all working orders: empty, or a bug. Costs their number."""
        expected: dict[tuple[str, str], list[Decimal | int]] = {}
        seen = 0
        for order in orders:
            qty = reserved_qty(order)
            if qty:
                seen += 1
                sums = expected.setdefault((order.account, order.symbol), [ZERO, ZERO, 0, 0])
                side = 0 if order.side is Side.BUY else 1
                sums[side] += qty
                sums[side + 2] += 1
        found = [] if seen == len(self.lines) else [f"{len(self.lines)} lines for {seen} working orders"]
        for key, holding in self.holdings.items():
            ours = [holding.buy, holding.sell, holding.buys, holding.sells]
            theirs = expected.pop(key, [ZERO, ZERO, 0, 0])
            if ours != theirs:
                found.append(f"{key[0]} {key[1]}: reserved {ours}, working {theirs}")
        found.extend(
            f"{account} {symbol}: nothing reserved, working {sums}" for (account, symbol), sums in expected.items()
        )
        return found


def terms(order: Order) -> tuple[Any, ...]:
    """What makes two orders look alike (R08)."""
    return (
        order.session_id,
        order.account,
        order.symbol,
        order.side,
        order.order_qty,
        order.cash_order_qty,
        order.ord_type,
        order.price,
        order.stop_px,
        order.time_in_force,
    )
