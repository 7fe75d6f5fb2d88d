"""A small world to test risk in: real blotter, desk, portfolio and chain; only the adapter and prices stand in."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace as exchange

from bridge.desk import AccountTerms, Desk
from bridge.interfaces import Capabilities
from bridge.orders.blotter import Blotter
from bridge.orders.events import (
    DayOpened,
    Entry,
    Event,
    Mode,
    OrderAccepted,
    OrderCanceled,
    OrderEvent,
    OrderFilled,
    OrderReceived,
    OrderRejected,
    OrderReplaced,
    OrderRouted,
    ReplaceRequested,
)
from bridge.orders.market import AssetClass, Instrument, Quote, Trade
from bridge.orders.order import Order, received
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.orders.reports import BrokerAccount
from bridge.risk.chain import Outcome, RiskChain, Rule, Verdict
from bridge.risk.limits import Limits, Row, row
from bridge.risk.portfolio import Portfolio
from bridge.risk.standard import standard_checks
from fixspec.enums import OrdType, Side, TimeInForce

D = Decimal
START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMBERS = frozenset({"order_qty", "price", "stop_px"})


def ns(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1) * 1000


class StandInAdapter:
    """What risk sees of a broker connection."""

    def __init__(self, name: str = "paper") -> None:
        self.name = name
        self.mode = Mode.PAPER
        self.unready: str | None = None
        self.capabilities = Capabilities(
            ord_types=frozenset(OrdType), times_in_force=frozenset(TimeInForce), short=True, notional=True
        )


class Prices:
    """Newest quote and trade per symbol (interfaces.Quotes)."""

    def __init__(self) -> None:
        self.quotes: dict[str, Quote] = {}
        self.trades: dict[str, Trade] = {}

    def quote(self, symbol: str) -> Quote | None:
        return self.quotes.get(symbol)

    def last_trade(self, symbol: str) -> Trade | None:
        return self.trades.get(symbol)


def instrument(symbol: str, **fields: Any) -> Instrument:
    values: dict[str, Any] = {
        "asset_class": AssetClass.EQUITY,
        "security_type": "CS",
        "currency": "USD",
        "tick_size": D("0.01"),
        "lot_size": D(1),
        "sector": "Technology",
    }
    return Instrument(symbol=symbol, **(values | fields))


UNIVERSE = (
    instrument("AAPL"),
    instrument("MSFT"),
    instrument("XOM", sector="Energy"),
    instrument("PENNY", tick_size=D("0.0001"), sector="UNCLASSIFIED"),
    instrument("MID", sector="Energy"),
    instrument(
        "ESZ6",
        asset_class=AssetClass.FUTURE,
        security_type="FUT",
        tick_size=D("0.25"),
        multiplier=D(50),
        sector="Index",
    ),
    instrument(
        "EUR/USD", asset_class=AssetClass.FX, security_type="FOR", tick_size=D("0.00001"), lot_size=D(1000), sector="FX"
    ),
    instrument("BTC/USD", asset_class=AssetClass.CRYPTO, security_type="FOR", lot_size=D("0.0001"), sector="Crypto"),
    instrument("SAP", currency="EUR", sector="Technology"),
)


class World:
    def __init__(
        self,
        profile: str = "starter",
        rows: Iterable[Row] = (),
        checks: Iterable[Rule] = (),
        linked: frozenset[str] = frozenset(),
    ) -> None:
        self.prices = Prices()
        self.adapter = StandInAdapter()
        self.instruments = {item.symbol: item for item in UNIVERSE}
        self.blotter = Blotter()
        self.desk = Desk(
            blotter=self.blotter,
            quotes=self.prices,
            instruments=self.instruments,
            adapters={"paper": self.adapter},  # type: ignore[dict-item]
            accounts=[AccountTerms(account="ACC1", broker="paper"), AccountTerms(account="ACC2", broker="paper")],
            sessions=[],
        )
        self.desk.now_ns = ns(START)
        self.limits = Limits(profile, rows)
        self.portfolio = Portfolio(self.limits, one_cancels_other=linked)
        self.chain = RiskChain((*standard_checks(), *checks), self.portfolio)
        self.ids = 0
        self.entries: list[Entry] = []
        for account in ("ACC1", "ACC2"):
            self.state_account(account)
            self.open_day(account)
        for symbol, price in (("AAPL", 100), ("MSFT", 400), ("XOM", 50), ("MID", 10), ("PENNY", "0.5")):
            self.quote(symbol, price)
        self.quote("ESZ6", 5000, width="0.25")
        self.quote("EUR/USD", "1.1", width="0.00002")
        self.quote("BTC/USD", 50000, width="2")
        self.quote("SAP", 100)

    # --- the world around --------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.desk.now

    def wait(self, seconds: float | str) -> None:
        self.desk.now_ns += int(D(str(seconds)) * 1_000_000_000)

    def quote(self, symbol: str, mid: Any, width: Any = "0.02", age: Any = 0, **fields: Any) -> None:
        mid, half = D(str(mid)), D(str(width)) / 2
        values: dict[str, Any] = {
            "symbol": symbol,
            "bid_px": mid - half,
            "bid_sz": D(1000),
            "ask_px": mid + half,
            "ask_sz": D(1000),
            "time": self.now,
            "received_ns": self.desk.now_ns - int(D(str(age)) * 1_000_000_000),
        }
        self.prices.quotes[symbol] = Quote(**(values | fields))

    def trade(self, symbol: str, price: Any, age: Any = 0) -> None:
        at = self.desk.now_ns - int(D(str(age)) * 1_000_000_000)
        self.prices.trades[symbol] = Trade(symbol, D(str(price)), D(100), self.now, at)

    def state_account(self, account: str = "ACC1", **fields: Any) -> None:
        values: dict[str, Any] = {
            "account": account,
            "currency": "USD",
            "cash": D(1_000_000),
            "equity": D(1_000_000),
            "buying_power": D(1_000_000),
            "taken_ns": self.desk.now_ns,
            "margin_account": True,
            "shorting_allowed": True,
        }
        self.desk.state_account(BrokerAccount(**(values | fields)))

    def open_day(self, account: str = "ACC1", equity: Any = 1_000_000) -> None:
        day = self.portfolio.roll(account).day(self.desk.now_ns)
        self.commit(DayOpened(account=account, day=day, equity=D(str(equity))))

    # --- the engine, in short ----------------------------------------------------------------------------------------

    def commit(self, *events: Event) -> None:
        for event in events:
            entry = Entry(self.blotter.seq + 1, self.now, event)  # type: ignore[arg-type]
            before = self.blotter.order(event.order_id) if isinstance(event, OrderEvent) else None
            after = self.blotter.apply(entry)
            self.portfolio.on_entry(entry, before, after)
            self.entries.append(entry)

    def received(
        self,
        side: Side = Side.BUY,
        symbol: str = "AAPL",
        qty: Any = 100,
        price: Any = None,
        stop: Any = None,
        *,
        account: str = "ACC1",
        session: str = "S1",
        **fields: Any,
    ) -> OrderReceived:
        self.ids += 1
        kinds = {
            (False, False): OrdType.MARKET,
            (True, False): OrdType.LIMIT,
            (False, True): OrdType.STOP,
            (True, True): OrdType.STOP_LIMIT,
        }
        known = self.instruments.get(symbol)
        values: dict[str, Any] = {
            "order_id": self.blotter.seq + 1,
            "session_id": session,
            "cl_ord_id": f"C{self.ids}",
            "account": account,
            "symbol": symbol,
            "side": side,
            "ord_type": kinds[price is not None, stop is not None],
            "order_qty": None if qty is None else D(str(qty)),
            "price": None if price is None else D(str(price)),
            "stop_px": None if stop is None else D(str(stop)),
            "transact_time": self.now,
            "broker": "paper",
            "multiplier": known.multiplier if known is not None else D(1),
        }
        return OrderReceived(**(values | fields))

    def order(self, *args: Any, **fields: Any) -> Order:
        event = self.received(*args, **fields)
        return received(Entry(event.order_id, self.now, event), event)

    def check(self, *args: Any, **fields: Any) -> Rejection | None:
        return self.chain.check(self.order(*args, **fields), self.desk)

    def code(self, *args: Any, **fields: Any) -> str | None:
        rejection = self.check(*args, **fields)
        return None if rejection is None else f"{rejection.rule} {rejection.code.value}"

    def explain(self, *args: Any, **fields: Any) -> dict[str, Verdict]:
        verdicts = self.chain.explain(self.order(*args, **fields), self.desk)
        found: dict[str, Verdict] = {}
        for verdict in verdicts:
            found.setdefault(verdict.name, verdict)
        return found

    def says(self, name: str, *args: Any, **fields: Any) -> str:
        """What one rule by itself says: `pass`, `warn`, `off`, `skip`, or the code of its refusal."""
        return self.word(self.explain(*args, **fields)[name])

    @staticmethod
    def word(verdict: Verdict) -> str:
        if verdict.outcome is Outcome.REFUSE:
            assert verdict.code is not None
            return verdict.code.value
        return verdict.outcome.value

    def replaced(self, order_id: int, **terms: Any) -> Order:
        """An order as a replace would make it."""
        order = self.blotter.order(order_id)
        assert order is not None
        changes = {key: D(str(value)) if key in NUMBERS else value for key, value in terms.items()}
        return exchange(order, transact_time=self.now, **changes)

    def replace(self, order_id: int, check: bool = True, **terms: Any) -> Rejection | None:
        """Ask for new terms, through the chain."""
        wanted = self.replaced(order_id, **terms)
        rejection = self.chain.check(wanted, self.desk) if check else None
        if rejection is not None:
            return rejection
        self.ids += 1
        self.commit(
            ReplaceRequested(
                order_id=order_id,
                session_id=wanted.session_id,
                cl_ord_id=f"R{self.ids}",
                orig_cl_ord_id=wanted.cl_ord_id,
                broker_client_id=f"g{self.ids}",
                side=wanted.side,
                ord_type=wanted.ord_type,
                time_in_force=wanted.time_in_force,
                order_qty=wanted.order_qty or D(0),
                price=wanted.price,
                stop_px=wanted.stop_px,
                transact_time=self.now,
                reserved=self.chain.reservation() if check else None,
            )
        )
        return None

    def confirm(self, order_id: int) -> None:
        """The broker works the terms that were asked for."""
        order = self.blotter.order(order_id)
        assert order is not None
        pending = order.pending_replace
        assert pending is not None
        self.commit(
            OrderReplaced(
                order_id=order_id,
                cl_ord_id=pending.cl_ord_id,
                orig_cl_ord_id=order.cl_ord_id,
                order_qty=pending.order_qty,
                price=pending.price,
                stop_px=pending.stop_px,
                ord_type=pending.ord_type,
                side=pending.side,
            )
        )

    def place(self, *args: Any, accept: bool = True, check: bool = True, **fields: Any) -> int:
        """Send an order through the chain and commit what follows; its OrderID."""
        event = self.received(*args, **fields)
        order = received(Entry(event.order_id, self.now, event), event)
        rejection = self.chain.check(order, self.desk) if check else None
        if rejection is not None:
            self.commit(event, self.refusal(event.order_id, rejection))
            return event.order_id
        reserved = self.chain.reservation() if check else self.chain.estimate(order, self.desk)
        client_id = f"f{event.order_id}"
        self.commit(
            event,
            OrderRouted(order_id=event.order_id, broker=event.broker, broker_client_id=client_id, reserved=reserved),
        )
        if accept:
            self.commit(OrderAccepted(order_id=event.order_id, broker_order_id=f"B{event.order_id}"))
        return event.order_id

    def routed(self, order_id: int) -> OrderRouted:
        """As a journal of the time before reservations has it."""
        return OrderRouted(order_id=order_id, broker="paper", broker_client_id=f"f{order_id}")

    def refusal(self, order_id: int, rejection: Rejection) -> OrderRejected:
        return OrderRejected(
            order_id=order_id,
            code=rejection.code.value,
            ord_rej_reason=rejection.ord_rej_reason,
            text=rejection.text,
            rule=rejection.rule,
        )

    def fill(self, order_id: int, qty: Any, price: Any, exec_id: str | None = None) -> str:
        self.ids += 1
        exec_id = exec_id or f"T{self.ids}"
        self.commit(
            OrderFilled(
                order_id=order_id,
                exec_id=exec_id,
                broker_exec_id=exec_id,
                last_qty=D(str(qty)),
                last_px=D(str(price)),
                transact_time=self.now,
            )
        )
        return exec_id

    def cancel(self, order_id: int) -> None:
        self.commit(OrderCanceled(order_id=order_id))

    def hold(self, qty: Any, symbol: str = "AAPL", price: Any = 100, account: str = "ACC1") -> None:
        """Hold a position, bought or sold without asking risk."""
        qty = D(str(qty))
        order_id = self.place(
            Side.BUY if qty > 0 else Side.SELL_SHORT, symbol, abs(qty), price, account=account, session="H", check=False
        )
        self.fill(order_id, abs(qty), price)

    def set(self, rule: str, text: str, *place: Any) -> None:
        """Change the configuration as it would have been from the start."""
        item = row(rule, text, *place)
        self.limits.configured[item.rule, item.scope, item.name] = item.limit
        self.limits.until = 0


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def make_world() -> type[World]:
    return World


__all__ = ["ReasonCode", "World"]
