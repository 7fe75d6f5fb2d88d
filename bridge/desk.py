"""Everything a decision may look at: the engine's own `View`, as of the last committed entry.

The engine sets `now_ns` before each decision; nothing here reads a clock.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

import msgspec

from bridge.interfaces import Borrow, BrokerAdapter, Mark, Position, Quotes, Working
from bridge.orders.blotter import Blotter, without
from bridge.orders.events import Mode, Scope, TradingState
from bridge.orders.market import Instrument, Quote, Trade
from bridge.orders.order import Order
from bridge.orders.reports import BrokerAccount, BrokerOrder, BrokerPosition
from bridge.orders.terms import SessionTerms

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONE = Decimal(1)


def utc(ns: int) -> datetime:
    """UTC ns since 1970 as an aware datetime, to the microsecond."""
    return EPOCH + timedelta(0, 0, ns // 1000)


class SymbolMaster(Protocol):
    """Instruments by symbol (bridge.instruments)."""

    def get(self, symbol: str, /) -> Instrument | None:
        """The symbol master's row, None for an unknown symbol."""
        ...


OpeningHours = Callable[[Instrument, int], bool | None]
"""(instrument, UTC ns) → is its market open? None when not known."""


def around_the_clock(instrument: Instrument, now_ns: int) -> bool | None:
    """Open for instruments whose calendar says so; of the others nothing is known."""
    return True if instrument.calendar == "24/7" else None


class AccountTerms(msgspec.Struct, frozen=True, kw_only=True):
    """An account we trade: at which broker, in which currency, paper or live."""

    account: str
    broker: str
    currency: str = "USD"
    mode: Mode = Mode.PAPER


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """Where orders go: ExDestination(100) by name, else by symbol, else the account's own broker."""

    by_symbol: Mapping[str, str] = {}

    def broker(self, account: AccountTerms, symbol: str, ex_destination: str | None) -> str:
        """The broker's name; the caller checks that it exists."""
        return ex_destination or self.by_symbol.get(symbol) or account.broker


class Desk:
    """The View over blotter, quotes, instruments, accounts and adapters; and what decisions need besides."""

    def __init__(
        self,
        *,
        blotter: Blotter,
        quotes: Quotes,
        instruments: SymbolMaster,
        adapters: Mapping[str, BrokerAdapter],
        accounts: Iterable[AccountTerms],
        sessions: Iterable[SessionTerms],
        routing: Routing | None = None,
        opening_hours: OpeningHours = around_the_clock,
    ) -> None:
        self.blotter = blotter
        self.quotes = quotes
        self.instruments = instruments
        self.adapters = adapters
        self.accounts = {terms.account: terms for terms in accounts}
        self.sessions = {terms.session_id: terms for terms in sessions}
        self.routing = routing or Routing()
        self.statements: dict[str, BrokerAccount] = {}
        self.opening_hours = opening_hours
        self.marks: dict[tuple[str, str], Mark] = {}  # (account, symbol) → the broker's price of the position
        self.borrows: dict[tuple[str, str], Borrow] = {}  # (broker, symbol)
        self.volumes: dict[str, Decimal] = {}  # symbol → 20-day average volume
        self.quote_max_age_ns = 5_000_000_000
        self.now_ns = 0
        self.next_seq = 1
        self.unclaimed: dict[str, BrokerOrder] = {}  # found at a broker under an id of ours that the journal lost
        self.unavailable: str | None = None  # why new orders are refused as a whole: draining, journal failed
        self.excluded: Order | None = None  # the order a replace is decided for: its own reservation does not count
        self._messages: dict[str, deque[int]] = {}
        self._now = (0, EPOCH)

    @property
    def now(self) -> datetime:
        """`now_ns` as a datetime, the same object as long as it is the same time."""
        ns, now = self._now
        if ns != self.now_ns:
            ns, now = self._now = (self.now_ns, utc(self.now_ns))
        return now

    # --- interfaces.View ---------------------------------------------------------------------------------------------

    def instrument(self, symbol: str) -> Instrument | None:
        """The symbol master's row."""
        return self.instruments.get(symbol)

    def quote(self, symbol: str) -> Quote | None:
        """Newest quote of any age."""
        return self.quotes.quote(symbol)

    def last_trade(self, symbol: str) -> Trade | None:
        """Newest printed trade of any age."""
        return self.quotes.last_trade(symbol)

    def fx_rate(self, currency: str, account: str) -> Decimal | None:
        """One unit of `currency` in the account's base currency, from a quoted pair; None when none is known."""
        terms = self.accounts.get(account)
        if terms is None:
            return None
        base = terms.currency
        if currency == base:
            return ONE
        direct = self.quotes.quote(f"{currency}/{base}")
        if direct is not None and direct.mid is not None and self._fresh(direct):
            return direct.mid
        inverse = self.quotes.quote(f"{base}/{currency}")
        if inverse is not None and inverse.mid is not None and self._fresh(inverse):
            return ONE / inverse.mid
        return None

    def _fresh(self, quote: Quote, max_age_ns: int = 60_000_000_000) -> bool:
        return self.now_ns - quote.received_ns <= max_age_ns

    def account(self, account: str) -> BrokerAccount | None:
        """The broker's last statement of the account, of any age."""
        return self.statements.get(account)

    def mark(self, account: str, symbol: str) -> Mark | None:
        """The broker's newest price of the symbol in its position feed, of any age."""
        return self.marks.get((account, symbol))

    def market_open(self, symbol: str) -> bool | None:
        """Is the market taking orders now? None when that is not known."""
        instrument = self.instruments.get(symbol)
        if instrument is None:
            return None
        return self.opening_hours(instrument, self.now_ns)

    def average_volume(self, symbol: str) -> Decimal | None:
        """Average daily volume of the last 20 sessions, None when not known."""
        return self.volumes.get(symbol)

    def borrow(self, broker: str, symbol: str) -> Borrow | None:
        """The broker's newest borrow flag, of any age. A paper broker lends what the symbol master calls shortable."""
        told = self.borrows.get((broker, symbol))
        adapter = self.adapters.get(broker)
        if told is None and adapter is not None and adapter.mode is Mode.PAPER:
            instrument = self.instruments.get(symbol)
            return None if instrument is None else Borrow(instrument.shortable, self.now_ns)
        return told

    def knows(self, session_id: str, cl_ord_id: str) -> bool:
        """True when the session has used this ClOrdID(11) before."""
        return self.blotter.knows(session_id, cl_ord_id)

    def position(self, account: str, symbol: str) -> Position:
        """Position from confirmed fills."""
        return self.blotter.position(account, symbol)

    def positions(self, account: str) -> Iterable[Position]:
        """All positions of the account that were ever traded."""
        return self.blotter.positions(account)

    def working(self, account: str, symbol: str) -> Working:
        """Sums over working orders, the order under decision excluded."""
        sums = self.blotter.working(account, symbol)
        own = self.excluded
        if own is None or own.account != account or own.symbol != symbol or not own.open:
            return sums
        return without(sums, own)

    def open_orders(self, account: str) -> Iterable[Order]:
        """Working orders of the account."""
        return self.blotter.open_orders(account)

    def open_count(self, account: str, symbol: str | None = None) -> int:
        """Number of working orders."""
        return self.blotter.open_count(account, symbol)

    def count_since(self, session_id: str, ns: int) -> int:
        """D and G received from the session since `ns`."""
        times = self._messages.get(session_id)
        if times is None:
            return 0
        count = 0
        for at in reversed(times):
            if at < ns:
                break
            count += 1
        return count

    def adapter(self, broker: str) -> BrokerAdapter | None:
        """The broker connection by name."""
        return self.adapters.get(broker)

    def state(self, scope: Scope, name: str) -> TradingState:
        """The trading state of one scope."""
        return self.blotter.state(scope, name)

    # --- kept by the engine ------------------------------------------------------------------------------------------

    def count_message(self, session_id: str) -> None:
        """Remember that a D or G came now; the last minute is kept."""
        times = self._messages.setdefault(session_id, deque())
        times.append(self.now_ns)
        horizon = self.now_ns - 60_000_000_000
        while times[0] < horizon:
            times.popleft()

    def state_account(self, statement: BrokerAccount) -> None:
        """Keep the broker's newest word about an account."""
        self.statements[statement.account] = statement

    def state_positions(self, positions: Iterable[BrokerPosition]) -> None:
        """Keep the broker's marks."""
        for each in positions:
            if each.mark is not None:
                self.marks[each.account, each.symbol] = Mark(each.mark, self.now_ns)
