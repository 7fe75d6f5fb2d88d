"""A market, an account and a broker that do not exist, for orders that must be refused (`bridge.risk.selftest`).

A `Scene` is a View. It starts where nothing is wrong: a tight fresh quote, a rich account, a ready broker.
"""

from collections.abc import Iterable
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

import msgspec

from bridge.interfaces import Borrow, BrokerAdapter, Capabilities, Mark, Position, Working
from bridge.orders.events import DayOpened, Entry, Event, OrderReceived, Scope, TradingState
from bridge.orders.market import AssetClass, Instrument, Quote, Trade
from bridge.orders.order import ZERO, Order
from bridge.orders.reports import BrokerAccount
from bridge.risk.counters import Sizes
from bridge.risk.holdings import AccountBook, Holding
from bridge.risk.limits import Bound, Limits, Table
from bridge.risk.portfolio import Portfolio
from bridge.risk.times import EPOCH
from fixspec.enums import OrdType, Side, TimeInForce

PROBE = "PROBE"
PRICE = Decimal(100)
RICH = Decimal(10) ** 12
ONE = Decimal(1)


class NullAdapter:
    """A broker that takes everything and is asked for nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.unready: str | None = None
        self.capabilities = Capabilities(
            ord_types=frozenset(OrdType), times_in_force=frozenset(TimeInForce), short=True, notional=True
        )


class Scene:
    """One scene for one order. `warns` says that the bound looked at last only warns."""

    def __init__(self, limits: Limits, account: str, broker: str, now_ns: int) -> None:
        self.account_name = account
        self.broker_name = broker
        self.now_ns = now_ns
        self.limits = limits
        self.portfolio = Portfolio(limits)
        self.book: AccountBook = self.portfolio.account(account)
        self.venue = NullAdapter(broker)
        self.used = False
        self.warns = False
        self.product = Instrument(
            symbol=PROBE,
            asset_class=AssetClass.EQUITY,
            security_type="CS",
            currency="USD",
            tick_size=Decimal("0.01"),
            lot_size=ONE,
            sector="Probe",
        )
        self.tell(RICH)
        self.open_day(RICH)

    # --- setting the scene -------------------------------------------------------------------------------------------

    @property
    def sizes(self) -> Sizes:
        """The order sizes of the scene's session."""
        return self.portfolio.sizes.setdefault("self-test", Sizes())

    def tell(self, equity: Decimal) -> None:
        """Let the broker state this much of everything."""
        self.statement = BrokerAccount(
            account=self.account_name,
            currency="USD",
            cash=equity,
            equity=equity,
            buying_power=equity,
            taken_ns=self.now_ns,
            margin_account=True,
            shorting_allowed=True,
        )

    def open_day(self, equity: Decimal) -> None:
        """Let the trading day begin with this equity."""
        day = self.portfolio.roll(self.account_name).day(self.now_ns)
        self.book.today = None
        event = DayOpened(account=self.account_name, day=day, equity=equity)
        self.portfolio.on_entry(self.entry(event), None, None)

    def hold(self, qty: Decimal) -> Holding:
        """Hold a position in the probe's symbol."""
        holding = Holding(self.account_name, PROBE)
        holding.pos = qty
        self.portfolio.holdings[self.account_name, PROBE] = holding
        self.book.holdings.append(holding)
        self.portfolio.touched[holding] = None
        return holding

    def table(self) -> Table:
        """The limits in force for the scene's orders."""
        return self.limits.table(self.order(), AssetClass.EQUITY, self.now_ns)

    def bound(self, name: str) -> Bound | None:
        """One limit in force, None where it is off."""
        bound = self.table().bounds.get(name)
        self.warns = bound is not None and not bound.block.is_finite()
        return bound

    def level(self, bound: Bound) -> Decimal:
        """What has to be passed for the rule to say something."""
        return bound.block if bound.block.is_finite() else bound.warn

    def worth(self, bound: Bound, times: Decimal = ONE) -> Decimal:
        """A whole quantity worth more than twice the level, of `times`."""
        return (self.level(bound) * times * 2 / PRICE).to_integral_value(ROUND_CEILING) + 1

    def off(self, factor: Decimal) -> Decimal:
        """A price that many times the reference, on tick."""
        return (PRICE * factor).quantize(Decimal("0.01"))

    # --- orders ------------------------------------------------------------------------------------------------------

    def order(
        self, side: Side = Side.BUY, qty: Decimal = ONE, price: Decimal = PRICE, symbol: str = PROBE, **terms: Any
    ) -> Order:
        """An order that nothing is wrong with, but for what is asked for."""
        now = EPOCH + timedelta(microseconds=self.now_ns // 1000)
        values: dict[str, Any] = {
            "order_id": 1,
            "session_id": "self-test",
            "cl_ord_id": "self-test",
            "account": self.account_name,
            "symbol": symbol,
            "side": side,
            "ord_type": OrdType.LIMIT,
            "time_in_force": TimeInForce.DAY,
            "order_qty": qty,
            "price": price,
            "broker": self.broker_name,
            "transact_time": now,
            "received": now,
        }
        return Order(**(values | terms))

    def outside(self, word: str, allowed: frozenset[str]) -> Order | None:
        """An order whose asset class, side or type is not among those allowed; None where all are."""
        if word == "R23.classes":
            for asset_class in AssetClass:
                if asset_class.value not in allowed:
                    self.product = msgspec.structs.replace(self.product, asset_class=asset_class)
                    return self.order()
        if word == "R23.sides":
            for side in (Side.BUY, Side.SELL, Side.SELL_SHORT):
                if side.value not in allowed:
                    return self.order(side)
        if word == "R23.ord_types":
            for ord_type in (OrdType.LIMIT, OrdType.MARKET, OrdType.STOP, OrdType.STOP_LIMIT):
                if ord_type.value not in allowed:
                    return self.order(ord_type=ord_type)
        return None

    def received(self, order: Order) -> OrderReceived:
        """The message of an order."""
        return OrderReceived(
            order_id=order.order_id,
            session_id=order.session_id,
            cl_ord_id=order.cl_ord_id,
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            ord_type=order.ord_type,
            order_qty=order.order_qty,
            price=order.price,
            transact_time=order.transact_time,
            broker=order.broker,
        )

    def entry(self, event: Event) -> Entry:
        """An entry of this moment."""
        now = EPOCH + timedelta(microseconds=self.now_ns // 1000)
        return Entry(self.portfolio.seq + 1, now, event)  # type: ignore[arg-type]

    # --- interfaces.View ---------------------------------------------------------------------------------------------

    def instrument(self, symbol: str) -> Instrument | None:
        """The probe's instrument, under whatever symbol it is asked for."""
        return msgspec.structs.replace(self.product, symbol=symbol)

    def quote(self, symbol: str) -> Quote | None:
        """One tick wide around the probe's price, fresh."""
        half = Decimal("0.01")
        now = EPOCH + timedelta(microseconds=self.now_ns // 1000)
        return Quote(symbol, PRICE - half, ONE, PRICE + half, ONE, now, self.now_ns)

    def last_trade(self, symbol: str) -> Trade | None:
        """None."""
        return None

    def mark(self, account: str, symbol: str) -> Mark | None:
        """None."""
        return None

    def market_open(self, symbol: str) -> bool | None:
        """Open."""
        return True

    def average_volume(self, symbol: str) -> Decimal | None:
        """Not known."""
        return None

    def borrow(self, broker: str, symbol: str) -> Borrow | None:
        """Easy."""
        return Borrow(easy=True, taken_ns=self.now_ns)

    def fx_rate(self, currency: str, account: str) -> Decimal | None:
        """One."""
        return ONE

    def account(self, account: str) -> BrokerAccount | None:
        """What `tell` set."""
        return self.statement

    def position(self, account: str, symbol: str) -> Position:
        """What is held."""
        holding = self.portfolio.holdings.get((account, symbol))
        return Position(account, symbol, holding.pos if holding is not None else ZERO)

    def positions(self, account: str) -> Iterable[Position]:
        """What is held."""
        return [self.position(account, holding.symbol) for holding in self.book.holdings]

    def working(self, account: str, symbol: str) -> Working:
        """Nothing."""
        return Working()

    def open_orders(self, account: str) -> Iterable[Order]:
        """None."""
        return ()

    def open_count(self, account: str, symbol: str | None = None) -> int:
        """None."""
        return 0

    def count_since(self, session_id: str, ns: int) -> int:
        """None."""
        return 0

    def knows(self, session_id: str, cl_ord_id: str) -> bool:
        """As `used` says."""
        return self.used

    def adapter(self, broker: str) -> BrokerAdapter | None:
        """The null adapter."""
        return self.venue  # type: ignore[return-value]

    def state(self, scope: Scope, name: str) -> TradingState:
        """As the scene's portfolio says."""
        return self.portfolio.states.of(scope, name)
