"""What is held, reserved and counted, as the entries so far made it: a pure fold, so a restart loses nothing.

Every order under way is a `Line` with what it may still execute at worst; `Holding` and `AccountBook` carry the sums.
They move by differences, never by loops, so a decision costs the same with one working order as with five thousand.
Source: RISK-TCA sections 1 and 2.5.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import msgspec

from bridge.orders.events import (
    CancelRejected,
    CancelRequested,
    DayOpened,
    Entry,
    LimitChanged,
    MarkoutsTaken,
    OrderAccepted,
    OrderAdopted,
    OrderReceived,
    OrderReplaced,
    OrderRestated,
    OrderRouted,
    OutcomeUnknown,
    PositionAdopted,
    ReplaceRequested,
    Scope,
    TradingHalted,
    TradingResumed,
    TradingState,
)
from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.counters import Bucket, Day, LookAlikes, Sizes
from bridge.risk.day import DayRoll
from bridge.risk.holdings import AccountBook, Holding, Line, Rates, day_traded, meeting_px, reserved_qty
from bridge.risk.limits import Limits
from bridge.risk.members import ACCOUNT, BROKER, BUY, SESSION, SYMBOL
from bridge.risk.proof import discrepancies
from bridge.risk.states import States
from bridge.risk.times import utc_ns
from bridge.risk.triggers import Triggers
from fixspec.enums import CxlRejResponseTo

LATCHES = frozenset({"R11", "R12"})  # halts by these last at least until the next trading day
STEADY = frozenset({OrderRouted, OrderAccepted, OutcomeUnknown, MarkoutsTaken, CancelRequested})
"""Events after which an order may execute no more and no less than before, at the same price."""
BUSTABLE = 10_000  # filled orders whose value is remembered, in case a bust brings them back


class Portfolio:
    """The fold. Not thread-safe: the engine's one writer drives it, and rules only read it.

    `rolls` say when an account's trading day begins. `one_cancels_other` names the sessions whose ClOrdLinkID(583)
    means that one leg cancels the other at the broker: of such legs only the largest is reserved.
    """

    def __init__(
        self,
        limits: Limits,
        rolls: Mapping[str, DayRoll] | None = None,
        one_cancels_other: frozenset[str] = frozenset(),
    ) -> None:
        self.seq = 0
        self._time: datetime | None = None  # of the entry being folded
        self._now = 0  # the same, UTC ns
        self.limits = limits
        self.rolls = rolls or {}
        self.states = States()
        self.triggers = Triggers(limits, self.states)
        self.holdings: dict[tuple[str, str], Holding] = {}
        self.lines: dict[int, Line] = {}
        self.accounts: dict[str, AccountBook] = {}
        self.touched: dict[Holding, None] = {}  # holdings that moved since the marks last looked
        self.sessions: dict[str, Bucket] = {}
        self.account_buckets: dict[str, Bucket] = {}
        self.symbols: dict[str, Bucket] = {}
        self.brokers: dict[str, Bucket] = {}
        self.lookalikes = LookAlikes()
        self.sizes: dict[str, Sizes] = {}
        self.done: OrderedDict[int, Rates] = OrderedDict()  # of filled orders, newest last
        self._linked = one_cancels_other
        self._folds: dict[type[Any], Callable[[Entry, Any, Order | None], None]] = {
            OrderReceived: self._received,
            OrderRouted: self._routed,
            OrderAccepted: self._accepted,
            OrderAdopted: self._adopted,
            OrderReplaced: self._replaced,
            ReplaceRequested: self._replace_requested,
            CancelRejected: self._cancel_rejected,
            TradingHalted: self._state,
            TradingResumed: self._state,
            LimitChanged: self._limit,
            DayOpened: self._day,
            PositionAdopted: self._position_adopted,
        }

    # --- the fold ----------------------------------------------------------------------------------------------------

    def on_entry(self, entry: Entry, before: Order | None, after: Order | None) -> None:
        """Fold one entry; `before` and `after` are the order's states around it, None for entries about no order.

        Everything about quantity comes from the difference of the two states, so fills, corrections, busts, replaces,
        refusals and unknown outcomes need no cases of their own.
        """
        self.seq = entry.seq
        time, event = entry.time, entry.event
        if time is not self._time:  # the entries of one turn share it
            self._time = time
            self._now = utc_ns(time)
        kind = type(event)
        if after is not None and after is not before:
            line = self.lines.get(after.order_id)
            if line is not None and kind in STEADY and before is not None and after.held is before.held:
                line.order = after
            else:
                self._moved(line, before, after)
                if before is not None and kind is OrderRestated:
                    self._restated(entry, before, after)
        fold = self._folds.get(kind)
        if fold is not None:
            fold(entry, event, after)
        trigger = self.triggers.folds.get(kind)
        if trigger is not None:
            trigger(event, before, after, self._now)

    def _holding(self, account: str, symbol: str) -> Holding:
        key = (account, symbol)
        holding = self.holdings.get(key)
        if holding is None:
            holding = self.holdings[key] = Holding(*key)
            self.account(account).holdings.append(holding)
        return holding

    def _moved(self, line: Line | None, before: Order | None, after: Order) -> None:
        if line is not None:
            holding = line.holding
        else:
            holding = self.holdings.get((after.account, after.symbol)) or self._holding(after.account, after.symbol)
        book = self.accounts[after.account]
        if before is None:
            filled, cost = after.cum_qty, after.gross
        else:
            filled = ZERO if after.cum_qty is before.cum_qty else after.cum_qty - before.cum_qty
            cost = ZERO if after.gross is before.gross else after.gross - before.gross
            if after.commission is not before.commission:
                book.fees += after.commission - before.commission
        if filled:
            self._filled(book, holding, after, filled)
        if cost:
            cost *= after.multiplier
            holding.paid += cost if after.side is BUY else -cost
            self.touched[holding] = None
        qty = reserved_qty(after)
        if line is None:
            if not qty:
                if filled:
                    book.pair(holding)
                return
            line = self._opened(book, holding, after)
        line.order = after
        px = meeting_px(after) if qty else None
        if px != line.px:
            holding.rest(line, px)
        if qty != line.qty:
            holding.reserve(line, qty)
            self.touched[holding] = None
            if line.rated or line.next is not None:  # before risk has said what it is worth there is nothing to reckon
                book.reckon(line, self._now, bool(filled))
            if not qty:
                self._closed(book, holding, line)
        book.pair(holding)

    def _filled(self, book: AccountBook, holding: Holding, order: Order, filled: Decimal) -> None:
        """A fill, or with a negative quantity a bust or correction, moves the position."""
        was = holding.pos
        now = was + filled if order.side is BUY else was - filled
        holding.pos = now
        self.touched[holding] = None
        if filled < ZERO:
            return
        book.day.fills += 1
        if day_traded(order):
            grows = not was or (was > ZERO) == (now > was)
            if not grows and holding.opened_today:
                book.day_trades += 1
                holding.opened_today = False
            if grows or (now and (was > ZERO) != (now > ZERO)):
                holding.opened_today = True

    def _opened(self, book: AccountBook, holding: Holding, order: Order) -> Line:
        link = order.cl_ord_link_id if self.linked(order) else None
        line = self.lines[order.order_id] = Line(order, holding, link)
        if order.routed:  # it was filled and a bust brings it back, at the value it had
            line.now = self.done.pop(order.order_id) if order.order_id in self.done else Rates(None, order)
            line.rated = True
            book.unvalued += line.unvalued
        if line.buy:
            holding.buys += 1
        else:
            holding.sells += 1
        book.working += 1
        return line

    def _closed(self, book: AccountBook, holding: Holding, line: Line) -> None:
        if line.buy:
            holding.buys -= 1
        else:
            holding.sells -= 1
        book.working -= 1
        book.unvalued -= line.unvalued
        order = line.order
        del self.lines[order.order_id]
        if order.closed is None:  # completely filled: a bust may bring it back
            done = self.done
            done[order.order_id] = line.now
            if len(done) > BUSTABLE:
                done.popitem(last=False)

    def _received(self, entry: Entry, event: OrderReceived, after: Order | None) -> None:
        self._message(self._now, event.session_id, event.account, event.symbol, event.broker)

    def _routed(self, entry: Entry, event: OrderRouted, after: Order | None) -> None:
        assert after is not None
        now, reserved = self._now, event.reserved
        book = self.account(after.account)
        book.broker = after.broker
        line = self.lines.get(after.order_id)
        if line is not None:
            self._value(book, line, Rates(reserved, after, line.qty))
        day = book.day
        if reserved is not None and reserved.value is not None:
            day.turnover += reserved.value
        day.orders += 1
        self.lookalikes.add(terms(after), now)
        if after.order_qty is not None:
            strategy = after.strategy or after.session_id
            sizes = self.sizes.get(strategy)
            if sizes is None:
                sizes = self.sizes[strategy] = Sizes()
            sizes.add(after.order_qty)

    def _adopted(self, entry: Entry, event: OrderAdopted, after: Order | None) -> None:
        assert after is not None
        book = self.account(after.account)
        line = self.lines.get(after.order_id)
        if line is not None:
            self._value(book, line, Rates(event.reserved, after, line.qty))
            book.acknowledged(line, self._now)

    def _value(self, book: AccountBook, line: Line, rates: Rates) -> None:
        book.unvalued -= line.unvalued
        line.now = rates
        line.rated = True
        book.unvalued += line.unvalued
        book.reckon(line, self._now, filled=False)

    def _accepted(self, entry: Entry, event: OrderAccepted, after: Order | None) -> None:
        line = self.lines.get(event.order_id)
        if line is not None:
            self.accounts[line.holding.account].acknowledged(line, self._now)

    def _replace_requested(self, entry: Entry, event: ReplaceRequested, after: Order | None) -> None:
        assert after is not None
        now = self._now
        self._message(now, event.session_id, after.account, after.symbol, after.broker)
        line = self.lines.get(after.order_id)
        if line is not None:
            book = self.accounts[after.account]
            asked = event.order_qty - after.cum_qty
            value = event.reserved.value if event.reserved is not None else None
            standing = line.now.of(after.leaves_qty)[0]
            if value is not None and value > standing:
                book.day.turnover += value - standing
            wanted = msgspec.structs.replace(after, price=event.price, stop_px=event.stop_px)
            line.next = Rates(event.reserved, wanted, asked)
            book.reckon(line, now, filled=False)

    def _replaced(self, entry: Entry, event: OrderReplaced, after: Order | None) -> None:
        line = self.lines.get(event.order_id)
        if line is not None and line.next is not None:
            book = self.accounts[line.holding.account]
            book.unvalued -= line.unvalued
            line.now = line.next
            book.unvalued += line.unvalued
            self._answered(line, self._now)

    def _restated(self, entry: Entry, before: Order, after: Order) -> None:
        """The broker changed the price by itself: at a worse one the order is worth more."""
        line = self.lines.get(after.order_id)
        old, new = (order.price if order.price is not None else order.stop_px for order in (before, after))
        if line is not None and old and new is not None and new > old:
            line.now = line.now.scaled(new / old)
            self.accounts[after.account].reckon(line, self._now, filled=False)

    def _cancel_rejected(self, entry: Entry, event: CancelRejected, after: Order | None) -> None:
        """A refused G frees what it reserved; one that we refused was a message too. F has its own lane."""
        if event.response_to is not CxlRejResponseTo.ORDER_CANCEL_REPLACE_REQUEST:
            return
        now = self._now
        line = self.lines.get(event.order_id)
        if line is not None and line.next is not None:
            if line.order.pending_replace is None:
                self._answered(line, now)
        elif event.broker_code is None and event.msg_seq_num:
            account, symbol, broker = (after.account, after.symbol, after.broker) if after is not None else ("", "", "")
            self._message(now, event.session_id, account, symbol, broker)

    def _answered(self, line: Line, now_ns: int) -> None:
        """A replace was answered: one set of terms is left."""
        line.next = None
        book = self.accounts[line.holding.account]
        book.reckon(line, now_ns, filled=False)
        book.acknowledged(line, now_ns)

    def _message(self, now: int, session_id: str, account: str, symbol: str, broker: str) -> None:
        """One D or G: a token from each bucket that it falls into, if there is one."""
        limits = self.limits
        version, stale = limits.version, now >= limits.until
        for buckets, scope, name in (
            (self.sessions, SESSION, session_id),
            (self.account_buckets, ACCOUNT, account),
            (self.symbols, SYMBOL, symbol),
        ):
            bucket = buckets.get(name)
            if bucket is None or stale or bucket.version != version:
                bucket = self.bucket(buckets, scope, name, now)
            if bucket is not None:
                bucket.take(now)
        if broker in limits.rated_brokers:
            bucket = self.bucket(self.brokers, BROKER, broker, now)
            if bucket is not None:
                bucket.take(now)
        if account:
            self.account(account).day.messages += 1

    def _state(self, entry: Entry, event: TradingHalted | TradingResumed, after: Order | None) -> None:
        self.states.on_entry(entry)

    def _limit(self, entry: Entry, event: LimitChanged, after: Order | None) -> None:
        self.limits.on_entry(entry)

    def _position_adopted(self, entry: Entry, event: PositionAdopted, after: Order | None) -> None:
        """The difference comes in at the mark, so that the day's profit does not move by it."""
        holding = self._holding(event.account, event.symbol)
        px = event.mark if event.mark is not None else event.avg_px
        holding.paid += (event.qty - holding.pos) * px * event.multiplier
        holding.pos = event.qty
        self.touched[holding] = None
        self.accounts[event.account].pair(holding)

    def _day(self, entry: Entry, event: DayOpened, after: Order | None) -> None:
        """A trading day begins; a second entry of the same day only tells a new high."""
        book = self.account(event.account)
        today = event.day.toordinal()
        if book.today == today:
            if event.high is not None and (book.day_high is None or event.high > book.day_high):
                book.day_high = event.high
            return
        if book.today is not None:
            book.past_day_trades.append(book.day_trades)
        book.today = today
        book.day = Day()
        book.day_trades = 0
        book.opening_equity = book.day_high = event.equity
        book.day_start_ns = self._now
        book.day_end_ns = self.roll(event.account).end_ns(event.day)
        for holding in book.holdings:
            holding.opened_today = False
            book.pair(holding)

    # --- what rules ask ----------------------------------------------------------------------------------------------

    def account(self, account: str) -> AccountBook:
        """What is reserved and counted for an account."""
        book = self.accounts.get(account)
        if book is None:
            book = self.accounts[account] = AccountBook(account)
        return book

    def holding(self, account: str, symbol: str) -> Holding | None:
        """Position and working sums, None when the account never had an order in the symbol."""
        return self.holdings.get((account, symbol))

    def line(self, order_id: int) -> Line | None:
        """What is reserved for an order, None when nothing is."""
        return self.lines.get(order_id)

    def linked(self, order: Order) -> bool:
        """True when the order is a leg that cancels, or is cancelled by, others of the same ClOrdLinkID(583)."""
        return order.cl_ord_link_id is not None and order.session_id in self._linked

    def roll(self, account: str) -> DayRoll:
        """When the account's trading day begins."""
        return self.rolls.get(account) or DayRoll(UTC, time(0))

    def resume(
        self,
        scope: Scope,
        name: str,
        *,
        who: str,
        reason: str,
        now: datetime,
        state: TradingState = TradingState.ACTIVE,
    ) -> TradingResumed | Rejection:
        """The event that loosens a scope, or why it may not be. As `States.resume`, and an account that a loss limit
        holds stays held until its next trading day, whoever asks.
        """
        halt = self.states.halts.get((scope, name))
        if halt is not None and halt.who in LATCHES and scope is Scope.ACCOUNT:
            book = self.account(name)
            if utc_ns(halt.since) >= book.day_start_ns and utc_ns(now) < book.day_end_ns:
                text = f"account {name} is held by {halt.who} until its next trading day"
                return Rejection(ReasonCode.DAILY_LOSS, text, halt.who)
        return self.states.resume(scope, name, who=who, reason=reason, now=now, state=state)

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

    def discrepancies(self, orders: Iterable[Order]) -> list[str]:
        """Where the sums differ from `orders`, which are all working orders (`bridge.risk.proof`)."""
        return discrepancies(self.lines, self.holdings, self.accounts, orders, self.linked)


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
