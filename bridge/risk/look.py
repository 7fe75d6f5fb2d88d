"""A View that looks through another: what a rule of one's own sees of the engine."""

from collections.abc import Iterable
from decimal import Decimal

from bridge.interfaces import Borrow, BrokerAdapter, Mark, Position, View, Working
from bridge.orders.events import Scope, TradingState
from bridge.orders.market import Instrument, Quote, Trade
from bridge.orders.order import Order
from bridge.orders.reports import BrokerAccount


class Look:
    """interfaces.View, every question passed on to `view`. The time stands still in it."""

    __slots__ = ("now_ns", "view")

    def __init__(self, view: View) -> None:
        self.view = view
        self.now_ns = view.now_ns

    def instrument(self, symbol: str) -> Instrument | None:
        """The symbol master's row."""
        return self.view.instrument(symbol)

    def adapter(self, broker: str) -> BrokerAdapter | None:
        """The broker connection by name."""
        return self.view.adapter(broker)

    def quote(self, symbol: str) -> Quote | None:
        """Newest quote of any age."""
        return self.view.quote(symbol)

    def last_trade(self, symbol: str) -> Trade | None:
        """Newest printed trade of any age."""
        return self.view.last_trade(symbol)

    def mark(self, account: str, symbol: str) -> Mark | None:
        """The broker's own price of a position."""
        return self.view.mark(account, symbol)

    def market_open(self, symbol: str) -> bool | None:
        """Is the market taking orders?"""
        return self.view.market_open(symbol)

    def average_volume(self, symbol: str) -> Decimal | None:
        """20-day average volume."""
        return self.view.average_volume(symbol)

    def borrow(self, broker: str, symbol: str) -> Borrow | None:
        """The broker's borrow flag."""
        return self.view.borrow(broker, symbol)

    def fx_rate(self, currency: str, account: str) -> Decimal | None:
        """One unit of `currency` in the account's base currency."""
        return self.view.fx_rate(currency, account)

    def account(self, account: str) -> BrokerAccount | None:
        """The broker's last statement."""
        return self.view.account(account)

    def position(self, account: str, symbol: str) -> Position:
        """Position from confirmed fills."""
        return self.view.position(account, symbol)

    def positions(self, account: str) -> Iterable[Position]:
        """All positions of the account."""
        return self.view.positions(account)

    def working(self, account: str, symbol: str) -> Working:
        """Sums over working orders, this one excluded."""
        return self.view.working(account, symbol)

    def open_orders(self, account: str) -> Iterable[Order]:
        """Working orders of the account."""
        return self.view.open_orders(account)

    def open_count(self, account: str, symbol: str | None = None) -> int:
        """Number of working orders."""
        return self.view.open_count(account, symbol)

    def count_since(self, session_id: str, ns: int) -> int:
        """D and G received from the session since `ns`."""
        return self.view.count_since(session_id, ns)

    def knows(self, session_id: str, cl_ord_id: str) -> bool:
        """True when the session has used this ClOrdID(11)."""
        return self.view.knows(session_id, cl_ord_id)

    def state(self, scope: Scope, name: str) -> TradingState:
        """The trading state of one scope."""
        return self.view.state(scope, name)
