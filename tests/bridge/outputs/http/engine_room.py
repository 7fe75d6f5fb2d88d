"""A real engine over a journal in memory, with a broker that does what the test tells it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.brokers.router import Router
from bridge.commands import EngineCommands
from bridge.control_orders import ControlOrders
from bridge.desk import AccountTerms, Desk, utc
from bridge.engine import Engine
from bridge.interfaces import Capabilities, Fence
from bridge.journal.memory import MemoryJournal
from bridge.marketdata.push import PushSource
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.blotter import Blotter
from bridge.orders.events import Entry, Mode
from bridge.orders.market import AssetClass, Instrument, Quote, QuoteSource
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.orders.reports import (
    Acknowledged,
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    Canceled,
    Executed,
    Replaced,
    Report,
)
from bridge.orders.terms import SessionTerms
from bridge.reconciler import Reconciler
from bridge.risk.chain import RiskChain
from bridge.risk.changes import ChangeTerms
from bridge.risk_door import RiskDesk
from bridge.vitals import Vitals
from fixspec.enums import OrdType, TimeInForce
from sessions.clock import ManualClock

D = Decimal
START_NS = 1_795_442_400_000_000_000  # 2026-11-23T14:00:00Z


class ScriptedBroker:
    """Acknowledges at once and fills market orders at 187.25, unless told to keep quiet."""

    name = "paper"
    mode = Mode.PAPER
    fence = Fence.IDEMPOTENT_ID
    settle = 0.0
    unready: str | None = None
    capabilities = Capabilities(
        ord_types=frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT}),
        times_in_force=frozenset(TimeInForce),
    )

    def __init__(self) -> None:
        self.quiet = False
        self.refuse_cancels = False
        self.report: Callable[[Report], None]
        self.submitted: list[Order] = []
        self._executions = 0

    async def start(self, report: Callable[[Report], None]) -> None:
        self.report = report

    async def stop(self) -> None:
        return

    def submit(self, order: Order) -> None:
        self.submitted.append(order)
        if not self.quiet:
            self.acknowledge(order)
            if order.ord_type is OrdType.MARKET:
                self.fill(order)

    def replace(self, order: Order) -> None:
        if not self.quiet:
            self.report(Replaced(broker=self.name, broker_client_id=order.broker_client_id))

    def cancel(self, order: Order) -> None:
        if not self.quiet:
            self.report(Canceled(broker=self.name, broker_client_id=order.broker_client_id))

    def acknowledge(self, order: Order) -> None:
        self.report(
            Acknowledged(
                broker=self.name, broker_client_id=order.broker_client_id, broker_order_id=f"B{order.order_id}"
            )
        )

    def fill(self, order: Order, qty: str | None = None, px: str = "187.25") -> None:
        self._executions += 1
        self.report(
            Executed(
                broker=self.name,
                broker_client_id=order.broker_client_id,
                broker_exec_id=f"X{self._executions}",
                last_qty=D(qty) if qty is not None else order.leaves_qty,
                last_px=D(px),
            )
        )

    async def open_orders(self) -> Sequence[BrokerOrder]:
        return ()

    async def find(self, order: Order) -> BrokerOrder | None:
        return None

    async def executions(self, since: datetime) -> Sequence[Executed]:
        return ()

    async def positions(self) -> Sequence[BrokerPosition]:
        return ()

    async def accounts(self) -> Sequence[BrokerAccount]:
        return ()


class MaxValue:
    """R03 at 25,000."""

    rule = "R03"
    opening = True

    def check(self, order: Order, view: Any) -> Any:
        price = order.price or D("187.25")
        value = (order.order_qty or D(0)) * price
        if value > 25000:
            return Rejection(
                ReasonCode.MAX_VALUE, f"order value {value} over limit 25000", "R03", limit=D(25000), value=value
            )
        return None


class ScriptedSessions:
    """The acceptor's side, with one session ALPHA1 that is logged out."""

    def __init__(self) -> None:
        self.did: list[tuple[Any, ...]] = []
        self._numbers = {"ALPHA1": (7, 9)}
        self.logged_on = False

    def _do(self, session_id: str, *what: Any) -> None:
        if session_id not in self._numbers:
            raise KeyError(session_id)
        self.did.append((session_id, *what))

    def disconnect(self, session_id: str, reason: str) -> None:
        self._do(session_id, "disconnect", reason)

    def reset(self, session_id: str) -> None:
        if self.logged_on:
            raise ValueError(f"{session_id} is logged on")
        self._do(session_id, "reset")
        self._numbers[session_id] = (1, 1)

    def set_next(self, session_id: str, sender: int | None = None, target: int | None = None) -> None:
        out, into = self._numbers[session_id]
        self._do(session_id, "set_next", sender, target)
        self._numbers[session_id] = (sender or out, target or into)

    def enable(self, session_id: str) -> None:
        self._do(session_id, "enable")

    def disable(self, session_id: str, reason: str = "") -> None:
        self._do(session_id, "disable", reason)

    def numbers(self, session_id: str) -> tuple[int, int]:
        return self._numbers[session_id]


def equity(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        asset_class=AssetClass.EQUITY,
        security_type="CS",
        currency="USD",
        tick_size=D("0.01"),
        lot_size=D(1),
        sector="TECHNOLOGY",
    )


class EngineRoom:
    """Engine, desk, broker and the order commands, wired as the daemon does."""

    def __init__(self, *, held: bool = False) -> None:
        self.clock = ManualClock(START_NS)
        self.journal = MemoryJournal(held=held)
        self.quotes = QuoteBook()
        self.broker = ScriptedBroker()
        symbols = [equity("AAPL"), equity("MSFT")]
        pair = Instrument(
            symbol="BTC/USD",
            asset_class=AssetClass.CRYPTO,
            security_type="FOR",
            currency="USD",
            tick_size=D("0.01"),
            lot_size=D("0.0001"),
        )
        self.desk = Desk(
            blotter=Blotter(),
            quotes=self.quotes,
            instruments={each.symbol: each for each in (*symbols, pair)},
            adapters={"paper": self.broker},
            accounts=[AccountTerms(account="ACC1", broker="paper"), AccountTerms(account="ACC2", broker="paper")],
            sessions=[SessionTerms(session_id="ALPHA1", accounts=("ACC1",))],
        )
        self.risk = RiskChain([MaxValue()])
        self.router = Router({"paper": self.broker}, self._report, self.clock.utc_ns)
        self.orders = ControlOrders(self.clock, self.risk)
        self.failures: list[Exception] = []
        self.engine = Engine(
            desk=self.desk,
            journal=self.journal,
            risk=self.risk,
            clock=self.clock,
            sinks=(self.router, self.orders),
            router=self.router,
            sink_failed=lambda sink, entry, error: self.failures.append(error),
            journal_failed=lambda reason: None,
            followers=(self.risk.portfolio,),
        )
        self.orders.attach(self.engine)
        self.vitals = Vitals()
        self.reconciler = Reconciler(self.engine, self.desk.adapters, self.clock)
        self.sessions = ScriptedSessions()
        self.limits = RiskDesk(self.engine, self.risk, ChangeTerms(), self.desk.adapters, self.reconciler, self.clock)
        self.push = PushSource(clock=self.clock, instruments=self.desk.instruments)
        self.push._publish = self.quotes.publish
        self.stopped: list[str] = []
        self.broker.report = self._report
        self.quote("AAPL", "187.20", "187.25")
        self.quote("MSFT", "402.10", "402.15")

    def _report(self, report: Report) -> None:
        self.engine.on_report(report)

    def quote(self, symbol: str, bid: str, ask: str) -> None:
        now = self.clock.utc_ns()
        self.quotes.publish(Quote(symbol, D(bid), D(300), D(ask), D(500), utc(now), now, QuoteSource.BBO))

    def entries(self, after: int = 0) -> list[Entry]:
        return list(self.journal.read(after))

    def kinds(self, after: int = 0) -> list[str]:
        return [str(entry.event.__struct_config__.tag) for entry in self.entries(after)]

    def commands(self) -> EngineCommands:
        """What the daemon offers on its control socket."""
        return EngineCommands(
            engine=self.engine,
            clock=self.clock,
            vitals=self.vitals,
            reconciler=self.reconciler,
            sessions=self.sessions,
            risk=self.limits,
            orders=self.orders,
            instruments=self.desk.instruments.values(),
            push=self.push.push,
            stop=self.stopped.append,
            name="local",
            mode="paper",
            version="0.1.0",
        )
