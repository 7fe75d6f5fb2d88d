"""The paper exchange: requests, ticks and time in, records out. Nothing waits and no clock is read: `now` is handed in.

What happens is a record. It is put on `out` and folded into the state by the functions that fold it again after a
restart; the caller writes `out` to the book and only then tells anybody. Orders that arrive are acknowledged at once
and matched by `match`, which every tick and every further request does first: an acknowledgement never waits for a
fill, and the order of things is the order in which they came.

What is due later (the end of a day, a delayed request) is on a heap; `due` says when `advance` has something to do.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from heapq import heappop, heappush
from typing import Any

from bridge.brokers.paper import rules
from bridge.brokers.paper.acceptance import Acceptance
from bridge.brokers.paper.fees import Fees, NoFees
from bridge.brokers.paper.latency import Latency
from bridge.brokers.paper.ledger import Account
from bridge.brokers.paper.market import Market
from bridge.brokers.paper.matching import Matching
from bridge.brokers.paper.model import AccountTerms, FillModel, HouseRules
from bridge.brokers.paper.orders import PaperOrder
from bridge.brokers.paper.records import (
    ONE,
    ZERO,
    Accepted,
    Answer,
    Canceled,
    CancelRefusal,
    Expired,
    Funded,
    Opened,
    Record,
    Rejected,
    Repeated,
    Replaced,
    ReplaceRefusal,
)
from bridge.brokers.paper.state import State
from bridge.marketdata.hours import AlwaysOpen, Hours, Phase, Session
from bridge.orders.market import AssetClass, Instrument, Quote, Trade
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection
from fixspec.enums import CxlRejReason, TimeInForce

NEVER = 1 << 63
# Looked up once: until Python 3.12 an attribute of an Enum class costs more than a call.
CLOSE = TimeInForce.CLOSE
OPEN = Phase.OPEN
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OPENING_WINDOW = 300_000_000_000  # an at-open order waits five minutes for the first quote
UNKNOWN_SYMBOL = Rejection(ReasonCode.SYMBOL_UNKNOWN, "The symbol is not traded here")


class Exchange:
    """Matching, accounts and orders. One caller, no locks; every method takes `now` in UTC nanoseconds."""

    def __init__(
        self,
        *,
        instrument: Callable[[str], Instrument | None],
        accounts: Sequence[AccountTerms] = (AccountTerms(),),
        model: FillModel | None = None,
        fees: Fees | None = None,
        latency: Latency | None = None,
        house: HouseRules | None = None,
        hours: Hours | None = None,
        keep_closed: int = 50_000,
    ) -> None:
        """`keep_closed`: how many ended orders are kept in memory to answer for; older ones are in the book alone."""
        self._instrument = instrument
        self._terms = tuple(accounts)
        self._house = house or HouseRules()
        self._hours = hours or AlwaysOpen()
        self._latency = latency or Latency()
        self._delayed = bool(self._latency)
        self.out: list[Record | Answer] = []
        self.state = State(market=self._open_market, accounts=self._terms, keep_closed=keep_closed)
        self._acceptance = Acceptance(self.state, self._house, self._hours)
        self._matching = Matching(
            self.state,
            model=model or FillModel(),
            fees=fees or NoFees(),
            happened=self.happened,
            told=self._told,
        )
        self.arrivals: deque[PaperOrder] = deque()  # what has arrived and was not matched yet
        self._heap: list[tuple[int, int, str, Any]] = []
        self._ending: dict[int, list[int]] = {}  # orders by the time at which their time in force ends
        self._sequence = 0
        self._sessions: dict[str, Session] = {}
        self._now = 0
        self.due = NEVER

    # --- life --------------------------------------------------------------------------------------------------------

    def open(self, book: str, now: int) -> None:
        """Start a new book; `book` must differ from every earlier book's."""
        self._now = now
        self.happened(Opened(now, book))
        self._begin(now)

    def restore(self, records: Iterable[Record], now: int) -> None:
        """Fold a book again. Orders for immediate execution that were caught by the stop are cancelled."""
        self._now = now
        state = self.state
        state.restore(records)
        self._begin(now)
        for order in list(state.orders.values()):
            if order.closed is not None:
                continue
            if order.expires is not None:
                self._ends(order.expires, order.no)
            if order.at_once and order.triggered:
                self.happened(Canceled(now, order.no, None, "The exchange was restarted"))
            else:
                self.place(order)
        self.advance(now)

    def _begin(self, now: int) -> None:
        for terms in self._terms:
            if terms.name not in self.state.funded:
                self.happened(Funded(now, terms.name, terms.cash, terms.currency))
        self._at(AlwaysOpen().at("", now).closes, "borrow", None)

    # --- requests ----------------------------------------------------------------------------------------------------

    def submit(self, order: Order, now: int) -> None:
        """A new order: Accepted, Rejected or, when its id is known, Repeated; at once unless it is delayed."""
        if now >= self.due:
            self.advance(now)
        if self._delayed:
            self._at(now + self._latency.to_book("submit", order.broker_client_id or ""), "submit", order)
            self.advance(now)
        else:
            self._submit(order, now)

    def cancel(self, order: Order, now: int) -> None:
        """Cancel the remainder: Canceled or CancelRefusal."""
        if now >= self.due:
            self.advance(now)
        if self._delayed:
            self._at(now + self._latency.to_book("cancel", order.broker_client_id or ""), "cancel", order)
            self.advance(now)
        else:
            self._cancel(order, now)

    def replace(self, order: Order, now: int) -> None:
        """Put `order.pending_replace` in force: Replaced, or ReplaceRefusal and the old terms stay."""
        if now >= self.due:
            self.advance(now)
        assert order.pending_replace is not None
        if self._delayed:
            key = order.pending_replace.broker_client_id
            self._at(now + self._latency.to_book("replace", key), "replace", order)
            self.advance(now)
        else:
            self._replace(order, now)

    def _submit(self, order: Order, now: int) -> None:
        state = self.state
        client_id = order.broker_client_id or ""
        known = state.by_id.get(client_id)
        if known is not None:
            self.out.append(Repeated(client_id, known.no))
            return
        if client_id in state.rejected:
            self.out.append(state.rejected[client_id])
            return
        if client_id in state.spent:
            self.out.append(Repeated(client_id, 0))
            return
        market = state.markets.get(order.symbol) or state.market(order.symbol)
        account = state.accounts.get(order.account)
        if market is None:
            self._reject(order, UNKNOWN_SYMBOL, now)
            return
        if account is None:
            self._reject(
                order, Rejection(ReasonCode.ACCOUNT_UNKNOWN, f"Account(1) {order.account} is not kept here"), now
            )
            return
        need, refusal = self._acceptance.check(market, account, order, now)
        if refusal is not None:
            self._reject(order, refusal, now)
            return
        assert order.order_qty is not None
        expires = self._acceptance.expires(market, order.time_in_force, order, now)
        record = Accepted(
            now,
            state.next_no,
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
            expires,
            order.trading_session_id == "EXT",
            order.peg_offset_value,
        )
        self.out.append(record)
        accepted = state.accept(record, need)
        if expires is not None:
            self._ends(expires, record.no)
        if self._awake(market, accepted):
            self.arrivals.append(accepted)
        else:
            self._sleep(market, accepted)

    def _cancel(self, order: Order, now: int) -> None:
        if self.arrivals:
            self.match(now)
        client_id = order.broker_client_id or ""
        known = self.state.by_id.get(client_id)
        if known is None:
            late = client_id in self.state.spent
            reason = CxlRejReason.TOO_LATE_TO_CANCEL if late else CxlRejReason.UNKNOWN_ORDER
            self.out.append(CancelRefusal(client_id, reason, "There is no working order of that id"))
        elif known.closed is not None:
            text = f"The order is {known.closed.value}"
            self.out.append(CancelRefusal(client_id, CxlRejReason.TOO_LATE_TO_CANCEL, text))
        else:
            self.happened(Canceled(now, known.no))

    def _replace(self, order: Order, now: int) -> None:
        if self.arrivals:
            self.match(now)
        pending = order.pending_replace
        assert pending is not None
        known = self.state.by_id.get(order.broker_client_id or "")
        new_id = pending.broker_client_id
        if known is None:
            text = "There is no working order of that id"
            self.out.append(ReplaceRefusal(new_id, CxlRejReason.UNKNOWN_ORDER, text))
            return
        if new_id == known.id or new_id in known.aliases:
            self.out.append(Repeated(new_id, known.no))
            return
        if known.closed is not None:
            text = f"The order is {known.closed.value}"
            self.out.append(ReplaceRefusal(new_id, CxlRejReason.TOO_LATE_TO_CANCEL, text))
            return
        market = self.state.markets[known.symbol]
        refusal = self._acceptance.check_replace(market, known, pending, now)
        if refusal is not None:
            text, _ = rules.worded(self._house, refusal)
            self.out.append(ReplaceRefusal(new_id, CxlRejReason.BROKER_OPTION, text))
            return
        keeps_place = (
            pending.ord_type is known.ord_type
            and pending.price == known.price
            and pending.stop_px == known.stop_px
            and pending.time_in_force is known.time_in_force
            and pending.order_qty <= known.qty
        )
        expires = known.expires
        if pending.time_in_force is not known.time_in_force or pending.time_in_force is TimeInForce.GTD:
            expires = self._acceptance.expires(market, pending.time_in_force, pending, now, extended=known.extended)
            if expires is not None:
                self._ends(expires, known.no)
        self.happened(
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
                expires,
            )
        )
        if known.left > 0 and not keeps_place and known.place is not market.sleeping:
            self.state.leave(known)
            self.arrivals.append(known)

    # --- market data and time ----------------------------------------------------------------------------------------

    def quote(self, quote: Quote, now: int) -> None:
        """A new top of book."""
        if now >= self.due:
            self.advance(now)
        if self.arrivals:
            self.match(now)
        market = self.state.markets.get(quote.symbol) or self.state.market(quote.symbol)
        if market is not None:
            self._matching.quote(market, quote, now)

    def trade(self, trade: Trade, now: int) -> None:
        """A printed trade."""
        if now >= self.due:
            self.advance(now)
        if self.arrivals:
            self.match(now)
        market = self.state.markets.get(trade.symbol) or self.state.market(trade.symbol)
        if market is not None:
            self._matching.trade(market, trade, now)

    def match(self, now: int) -> None:
        """Match what has arrived, in the order it came."""
        arrivals, markets = self.arrivals, self.state.markets
        while arrivals:
            order = arrivals.popleft()
            if order.closed is None:
                self._matching.arrive(markets[order.symbol], order, now)

    def advance(self, now: int) -> None:
        """Do what is due, each thing at its own time. Time never runs back."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            at, _, kind, what = heappop(heap)
            if self.arrivals:
                self.match(at)
            self._now = max(self._now, at)
            self._DUE[kind](self, what, at)
        self._now = max(self._now, now)
        self.due = heap[0][0] if heap else NEVER

    def place(self, order: PaperOrder) -> None:
        """Put a working order back where it waits, after its terms were changed."""
        market = self.state.markets[order.symbol]
        if self._awake(market, order):
            self._matching.rest(market, order)
        else:
            self._sleep(market, order)

    def _at(self, when: int, kind: str, what: Any) -> None:
        self._sequence += 1
        heappush(self._heap, (when, self._sequence, kind, what))
        if when < self.due:
            self.due = when

    def _ends(self, when: int, no: int) -> None:
        """An order's time in force ends then: one date for all whose ends then, a day's orders mostly."""
        ending = self._ending.get(when)
        if ending is None:
            ending = self._ending[when] = []
            self._at(when, "expire", None)
        ending.append(no)

    # --- questions ---------------------------------------------------------------------------------------------------

    @property
    def accounts(self) -> dict[str, Account]:
        """Accounts by name."""
        return self.state.accounts

    def order(self, no: int) -> PaperOrder:
        """An order of this book that is still in memory; KeyError when not."""
        return self.state.orders[no]

    def find(self, client_id: str) -> PaperOrder | Rejected | None:
        """By our id; None when unknown, or no longer in memory."""
        return self.state.by_id.get(client_id) or self.state.rejected.get(client_id)

    def open_orders(self) -> list[PaperOrder]:
        """Everything that works."""
        return [order for order in self.state.orders.values() if order.closed is None]

    def revalue(self, account: Account, now: int) -> None:
        """Mark the account at the market."""
        account.revalue(now, self.state.mark, self.state.rate)

    def session(self, symbol: str) -> Session | None:
        """The trading session of a symbol as of the last moment the exchange was told; None if unknown."""
        market = self.state.market(symbol)
        return None if market is None else market.session

    # --- acceptance --------------------------------------------------------------------------------------------------

    def _open_market(self, symbol: str) -> Market | None:
        instrument = self._instrument(symbol)
        if instrument is None:
            return None
        calendar = instrument.calendar
        session = self._sessions.get(calendar)
        if session is None:
            session = self._sessions[calendar] = self._hours.at(calendar, self._now)
            self._at(session.until, "phase", calendar)
        return Market(instrument, session)

    def _reject(self, order: Order, refusal: Rejection, now: int) -> None:
        text, code = rules.worded(self._house, refusal)
        self.happened(
            Rejected(
                now,
                order.broker_client_id or "",
                order.account,
                order.symbol,
                order.side,
                order.ord_type,
                order.order_qty or ZERO,
                refusal.code,
                text,
                code,
            )
        )

    # --- the trading day ---------------------------------------------------------------------------------------------

    def _awake(self, market: Market, order: PaperOrder) -> bool:
        """May the order be executed in this phase?"""
        phase = market.session.phase
        if phase is OPEN:
            return order.time_in_force is not CLOSE
        return order.extended and phase is not Phase.CLOSED

    def _sleep(self, market: Market, order: PaperOrder) -> None:
        market.sleeping[order.no] = order
        order.place = market.sleeping

    def _phase(self, calendar: str, now: int) -> None:
        """The phase of a calendar changes: orders fall asleep or wake."""
        session = self._sessions[calendar] = self._hours.at(calendar, now)
        self._at(session.until, "phase", calendar)
        markets = [market for market in self.state.markets.values() if market.instrument.calendar == calendar]
        for market in markets:
            market.session = session
        for order in self.open_orders():
            market = self.state.markets[order.symbol]
            if market.instrument.calendar != calendar or (order.expires is not None and order.expires <= now):
                continue
            asleep = order.place is market.sleeping
            if asleep and self._awake(market, order):
                self.state.leave(order)
                self.arrivals.append(order)
            elif not asleep and not self._awake(market, order):
                self.state.leave(order)
                self._sleep(market, order)
        self.match(now)

    def _expire_all(self, _: None, now: int) -> None:
        for no in self._ending.pop(now):
            self._expire(no, now)

    def _expire(self, no: int, now: int) -> None:
        order = self.state.orders.get(no)
        if order is None or order.closed is not None or order.expires is None or order.expires > now:
            return
        if order.time_in_force is TimeInForce.CLOSE and order.place is not None:
            market = self.state.markets[order.symbol]
            self.state.leave(order)
            self._matching.arrive(market, order, now)  # what it does not get, it has expired with
            return
        self.happened(Expired(now, no))

    def _borrow(self, _: None, now: int) -> None:
        """The daily charge for shares sold short: value × rate / 360."""
        self._at(AlwaysOpen().at("", now).closes, "borrow", None)
        for account in self.state.accounts.values():
            account.transfers = ZERO
        if not self._house.borrow_rate:
            return
        for account in self.state.accounts.values():
            for symbol, holding in account.holdings.items():
                instrument = holding.instrument
                if holding.qty < 0 and instrument.asset_class in {AssetClass.EQUITY, AssetClass.ETF}:
                    mark = self.state.mark(symbol) or holding.mark
                    rate = self.state.rate(instrument.currency, account.currency) or ONE
                    charge = -holding.qty * mark * rate * self._house.borrow_rate / 360
                    amount = -charge.quantize(Decimal("0.01"))
                    if amount:
                        self.happened(Funded(now, account.name, amount, account.currency, f"borrow {symbol}"))

    # --- records -----------------------------------------------------------------------------------------------------

    def happened(self, record: Record) -> None:
        """Keep a record for the book and fold it."""
        self.out.append(record)
        self.state.apply(record)

    def _told(self, record: Record) -> None:
        self.out.append(record)

    _DUE: dict[str, Callable[["Exchange", Any, int], None]] = {  # noqa: RUF012  a table, never changed
        "submit": _submit,
        "cancel": _cancel,
        "replace": _replace,
        "expire": _expire_all,
        "phase": _phase,
        "borrow": _borrow,
    }
