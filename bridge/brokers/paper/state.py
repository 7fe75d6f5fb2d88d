"""The state of the paper exchange: the fold of its records. The same functions run when things happen and after a
restart.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from bridge.brokers.paper.ledger import Account, MarginTerms
from bridge.brokers.paper.market import Market
from bridge.brokers.paper.model import AccountTerms
from bridge.brokers.paper.orders import STOPPED, Execution, Ladder, PaperOrder
from bridge.brokers.paper.records import (
    ONE,
    ZERO,
    Accepted,
    Busted,
    Canceled,
    Carried,
    Corrected,
    Expired,
    Filled,
    Funded,
    Halted,
    Opened,
    Printed,
    Record,
    Rejected,
    Replaced,
    Reset,
    Restated,
    Resumed,
    Split,
    Suspended,
    Trailed,
    Triggered,
)
from bridge.brokers.paper.rules import worst_price
from fixspec.enums import OrdStatus

# Looked up once: until Python 3.12 an attribute of an Enum class costs more than a call.
FILLED = OrdStatus.FILLED
SPENT = 250_000
USED_NS = 60_000_000_000  # after a restart, displayed size is remembered as used for this long


class SymbolGone(ValueError):
    """The book needs an instrument that the symbol master no longer has."""


class State:
    """Orders, accounts, markets. Only `apply` changes them, and the matching an order's place."""

    def __init__(
        self,
        *,
        market: Callable[[str], Market | None],
        accounts: Sequence[AccountTerms],
        keep_closed: int,
    ) -> None:
        """`market` makes the market of a symbol nobody has asked for yet, or gives None for an unknown one."""
        self._make = market
        self.keep_closed = keep_closed
        self.book = ""
        self.dropped = 0  # before then the book has forgotten what has ended, UTC ns
        self.accounts = {terms.name: Account(terms.name, terms.currency, terms.margin) for terms in accounts}
        self.markets: dict[str, Market] = {}
        self.orders: dict[int, PaperOrder] = {}
        self.by_id: dict[str, PaperOrder] = {}
        self.rejected: dict[str, Rejected] = {}
        self.spent: dict[str, None] = {}
        self.funded: set[str] = set()
        self.next_no = 1
        self.last_at = 0
        self.closed: deque[int] = deque()
        self._recent: deque[tuple[int, int, int]] = deque()  # executions in memory: time, order, number
        self._used: deque[tuple[int, Market, bool, Decimal, Decimal]] = deque()
        self._recent_from = 0  # memory has every execution from then on
        self._restoring = False
        self._folds: dict[type[Any], Callable[[Any], None]] = {
            Opened: self._opened,
            Funded: self._fund,
            Carried: self._carried,
            Reset: self._reset,
            Accepted: self._accepted,
            Rejected: self._reject,
            Triggered: self._triggered,
            Trailed: self._trailed,
            Filled: self._filled,
            Corrected: self._corrected,
            Busted: self._busted,
            Replaced: self._replaced,
            Restated: self._restated,
            Suspended: self._suspended,
            Canceled: self._canceled,
            Expired: self._expired,
            Halted: self._halted,
            Resumed: self._resumed,
            Printed: self._printed,
            Split: self._split,
        }

    def apply(self, record: Record) -> None:
        """Fold one record. KeyError for an order the book does not have: damage, or a bug."""
        self._folds[type(record)](record)

    def restore(self, records: Iterable[Record]) -> None:
        """Fold a whole book; displayed size used in its last minute stays used."""
        self._restoring = True
        for record in records:
            self._folds[type(record)](record)
            self.last_at = record.at
        self._restoring = False
        for at, market, buy, level, qty in self._used:
            if at > self.last_at - USED_NS:
                market.use(buy=buy, price=level, qty=qty)
        self._used.clear()
        self.trim()

    def trim(self) -> None:
        """Let ended orders beyond `keep_closed` go from memory; to be called when what happened has been told."""
        while len(self.closed) > self.keep_closed:
            order = self.orders.pop(self.closed.popleft())
            for client_id in (order.id, *order.aliases):
                del self.by_id[client_id]
                self.spent[client_id] = None
            while len(self.spent) > SPENT:
                del self.spent[next(iter(self.spent))]
        while self._recent and len(self._recent) > 2 * self.keep_closed:
            self._recent_from = self._recent.popleft()[0] + 1

    def executed_since(self, since: int) -> list[tuple[PaperOrder, int]] | None:
        """(order, number of its execution) since then, oldest first; None when memory does not reach so far."""
        found: list[tuple[PaperOrder, int]] = []
        for at, no, number in reversed(self._recent):
            if at < since:
                break
            order = self.orders.get(no)
            if order is None:
                return None
            if order.executions[number - 1].qty:
                found.append((order, number))
        else:
            if since < self._recent_from:
                return None
        found.reverse()
        return found

    def market(self, symbol: str) -> Market | None:
        """The market of a symbol, made when first asked for."""
        market = self.markets.get(symbol)
        if market is None:
            market = self._make(symbol)
            if market is not None:
                self.markets[symbol] = market
        return market

    def mark(self, symbol: str) -> Decimal | None:
        """The valuation price of a symbol."""
        market = self.markets.get(symbol)
        return market.mark if market is not None else None

    def rate(self, currency: str, into: str) -> Decimal | None:
        """One unit of `currency` in `into`, from the pair's market or the inverse pair's; None when there is none."""
        if currency == into:
            return ONE
        price = self.mark(f"{currency}/{into}")
        if price is not None:
            return price
        price = self.mark(f"{into}/{currency}")
        return ONE / price if price else None

    # --- what an order reserves --------------------------------------------------------------------------------------

    def reserve(self, order: PaperOrder, need: Decimal | None = None) -> None:
        """Count an order's leaves as working, and the margin its opening part needs (worked out when not given)."""
        account = self.accounts[order.account]
        holding = account.holdings.get(order.symbol)
        if need is None or holding is None:
            market = self.markets[order.symbol]
            instrument = market.instrument
            holding = account.holding(instrument)
        if need is None:
            px = worst_price(market, order.price, order.stop_px, buy=order.buy)
            opening = account.opening(instrument, order.left, buy=order.buy)
            rate = self.rate(instrument.currency, account.currency) or ONE
            need = opening * (px or ZERO) * holding.unit_margin * rate
        order.reserve = need
        account.reserved += need
        if order.buy:
            holding.buying += order.left
        else:
            holding.selling += order.left

    def release(self, order: PaperOrder) -> None:
        """The opposite of `reserve`."""
        account = self.accounts[order.account]
        account.reserved -= order.reserve
        order.reserve = ZERO
        holding = account.holdings[order.symbol]
        if order.buy:
            holding.buying -= order.left
        else:
            holding.selling -= order.left

    def leave(self, order: PaperOrder) -> None:
        """Take an order out of where it waits."""
        place = order.place
        if isinstance(place, Ladder):
            key = order.price if order.triggered else order.stop_px
            assert key is not None
            place.remove(key, order)
            if order.trail is not None:
                self.markets[order.symbol].trailing.pop(order.no, None)
        elif place is not None:
            del place[order.no]
            order.place = None

    # --- the fold ----------------------------------------------------------------------------------------------------

    def _opened(self, record: Opened) -> None:
        self.book = record.book
        self.next_no = record.next_no
        self.dropped = record.dropped

    def _fund(self, record: Funded) -> None:
        self.funded.add(record.account)
        account = self.accounts.get(record.account)
        if account is None:  # no longer configured, but its orders and money are there
            account = self.accounts[record.account] = Account(record.account, record.currency, MarginTerms())
        account.cash += record.amount
        account.equity += record.amount

    def _carried(self, record: Carried) -> None:
        account = self.accounts[record.account]
        account.empty(record.cash)
        account.fees = record.fees
        for symbol, qty, cost, realised in record.holdings:
            holding = account.holding(self._known(symbol).instrument)
            holding.qty, holding.cost, holding.realised = qty, cost, realised
            holding.mark = cost / qty if qty else ZERO

    def _reset(self, record: Reset) -> None:
        self.accounts[record.account].empty(record.cash)

    def _known(self, symbol: str) -> Market:
        market = self.market(symbol)
        if market is None:
            raise SymbolGone(f"the paper book has orders in {symbol}, which the symbol master does not know: add it")
        return market

    def _accepted(self, record: Accepted) -> None:
        self._known(record.symbol)
        self.accept(record, None)

    def accept(self, record: Accepted, need: Decimal | None) -> PaperOrder:
        """The order that an Accepted brings to life."""
        order = PaperOrder.of(record)
        no = record.no
        self.next_no = no + 1
        self.orders[no] = order
        self.by_id[record.id] = order
        for client_id in record.aliases:
            self.by_id[client_id] = order
        self.reserve(order, need)
        return order

    def _reject(self, record: Rejected) -> None:
        self.rejected[record.id] = record
        if len(self.rejected) > self.keep_closed:
            del self.rejected[next(iter(self.rejected))]

    def _triggered(self, record: Triggered) -> None:
        order = self.orders[record.no]
        self.leave(order)
        order.triggered = True
        if order.trail is not None:
            order.stop_px = None

    def _trailed(self, record: Trailed) -> None:
        order = self.orders[record.no]
        self.leave(order)
        order.stop_px = record.stop_px

    def _filled(self, record: Filled) -> None:
        self.filled(record)

    def filled(self, record: Filled) -> PaperOrder:
        """One execution: order, reservation, account, and what of the display it used."""
        order = self.orders[record.no]
        market = self.markets[order.symbol]
        account = self.accounts[order.account]
        qty, px, fee = record.qty, record.px, record.fee
        holding = account.holdings.get(order.symbol) or account.holding(market.instrument)
        order.executions += (Execution(record.at, qty, px, fee, record.made, record.rate, record.revision),)
        self._recent.append((record.at, record.no, record.execution))
        order.cum += qty
        value = qty * px
        order.gross += value
        if record.made:
            order.made_value += value
        if fee:
            order.fees += fee
        if order.closed is None:
            left = order.left - qty
            if order.buy:
                holding.buying -= qty
            else:
                holding.selling -= qty
            reserve = order.reserve
            if reserve:
                release = reserve if not left else reserve * qty / order.left
                account.reserved -= release
                order.reserve = reserve - release if left else ZERO
            order.left = left
        if not record.carried:
            if order.buy:
                account.fill(holding, qty, px, value, fee, record.rate)
            else:
                account.fill(holding, -qty, px, -value, fee, record.rate)
        level = record.level
        if level is not None:
            if self._restoring:
                self._used.append((record.at, market, order.buy, level, qty))
                while self._used[0][0] < record.at - USED_NS:
                    self._used.popleft()
            else:
                market.use(buy=order.buy, price=level, qty=qty)
        if not order.left and order.closed is None:
            self.ended(order, FILLED)
        return order

    def _undo(self, order: PaperOrder, done: Execution) -> None:
        """The opposite execution at the same price, without its fee."""
        holding = self.accounts[order.account].holding(self.markets[order.symbol].instrument)
        qty = -done.qty if order.buy else done.qty
        self.accounts[order.account].fill(holding, qty, done.px, qty * done.px, ZERO, done.rate)
        order.cum -= done.qty
        order.gross -= done.qty * done.px
        if done.made:
            order.made_value -= done.qty * done.px

    def _corrected(self, record: Corrected) -> None:
        order = self.orders[record.no]
        done = order.executions[record.execution - 1]
        self._undo(order, done)
        done.qty, done.px, done.revision = record.qty, record.px, record.revision
        holding = self.accounts[order.account].holding(self.markets[order.symbol].instrument)
        qty = done.qty if order.buy else -done.qty
        self.accounts[order.account].fill(holding, qty, done.px, qty * done.px, ZERO, done.rate)
        order.cum += done.qty
        order.gross += done.qty * done.px
        if done.made:
            order.made_value += done.qty * done.px
        self._left(order)

    def _busted(self, record: Busted) -> None:
        order = self.orders[record.no]
        done = order.executions[record.execution - 1]
        self._undo(order, done)
        done.qty, done.revision = ZERO, record.revision
        self._left(order)

    def _left(self, order: PaperOrder) -> None:
        """What a working order may still execute after its fills changed; one that has ended stays ended."""
        if order.closed is None:
            self.release(order)
            order.left = order.qty - order.cum
            self.reserve(order)
            if not order.left > 0:
                self.ended(order, OrdStatus.FILLED)

    def _replaced(self, record: Replaced) -> None:
        order = self.orders[record.no]
        self.release(order)
        if (record.price, record.stop_px, record.ord_type) != (order.price, order.stop_px, order.ord_type):
            rearmed = record.ord_type in STOPPED and (
                record.stop_px != order.stop_px or record.ord_type is not order.ord_type
            )
            self.leave(order)
            if record.ord_type not in STOPPED:
                order.triggered = True
            elif rearmed:
                order.triggered = False
        order.ord_type, order.time_in_force = record.ord_type, record.time_in_force
        order.price, order.stop_px, order.expires = record.price, record.stop_px, record.expires
        order.instruct(record.exec_inst)
        order.aliases = (*order.aliases, order.id)
        order.qty, order.id = record.qty, record.id
        order.left = record.qty - order.cum
        self.by_id[record.id] = order
        self.reserve(order)
        if not order.left > 0:
            self.ended(order, OrdStatus.FILLED)

    def _restated(self, record: Restated) -> None:
        order = self.orders[record.no]
        if record.qty is None and record.price is None and record.stop_px is None:
            return
        self.release(order)
        self.leave(order)
        if record.qty is not None:
            order.qty = record.qty
            order.left = record.qty - order.cum
        if record.price is not None:
            order.price = record.price
        if record.stop_px is not None:
            order.stop_px = record.stop_px
        self.reserve(order)

    def _suspended(self, record: Suspended) -> None:
        """The market's halt is what stops it; the order itself stays as it is."""

    def _canceled(self, record: Canceled) -> None:
        order = self.orders[record.no]
        if order.closed is None:
            self.ended(order, OrdStatus.CANCELED)
        else:
            order.closed = OrdStatus.CANCELED  # filled, then a fill was taken back

    def _expired(self, record: Expired) -> None:
        self.ended(self.orders[record.no], OrdStatus.EXPIRED)

    def ended(self, order: PaperOrder, status: OrdStatus) -> None:
        """Out of the market for good."""
        if order.place is not None:
            self.leave(order)
        if order.left:
            self.release(order)
        order.closed = status
        self.closed.append(order.no)

    def _halted(self, record: Halted) -> None:
        market = self._known(record.symbol)
        market.halted = True
        market.forget_quote()

    def _resumed(self, record: Resumed) -> None:
        self._known(record.symbol).halted = False

    def _printed(self, record: Printed) -> None:
        market = self.market(record.symbol)
        if market is not None:
            market.prints = True

    def _split(self, record: Split) -> None:
        market = self._known(record.symbol)
        market.forget_quote()
        market.last = None
        for account in self.accounts.values():
            holding = account.holdings.get(record.symbol)
            if holding is not None and holding.qty:
                # cost stays: the same money bought other units
                holding.qty = holding.qty * record.new / record.old
                holding.mark = holding.mark * record.old / record.new
