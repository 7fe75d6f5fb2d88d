"""A real engine, router and reconciler over the Alpaca adapter and the sandbox: what a client would see."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bridge.brokers.router import Router
from bridge.desk import AccountTerms, Desk
from bridge.engine import Engine
from bridge.instruments import Instruments
from bridge.journal.memory import MemoryJournal
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.blotter import Blotter
from bridge.orders.events import Entry
from bridge.orders.order import Order
from bridge.orders.terms import SessionTerms
from bridge.reconciler import Reconciler
from bridge.risk.chain import RiskChain
from bridge.risk.limits import Limits
from bridge.risk.portfolio import Portfolio
from fixspec.enums import OrdStatus, OrdType, Side, TimeInForce
from fixspec.messages import (
    Header,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    TradingSession,
)
from sessions.clock import SystemClock
from tests.bridge.brokers.alpaca.venue import AlpacaVenue

KINDS = {(False, False): "market", (True, False): "limit", (False, True): "stop", (True, True): "stop_limit"}


class NoRisk:
    """Lets everything pass."""

    def check(self, order: Order, view: Any) -> None:
        return None

    def reservation(self) -> None:
        return None


class AlpacaDesk(AlpacaVenue):
    """Orders in, facts out. `facts(order)` are the names of the journal's entries about an order."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        super().__init__(directory, **settings)
        self.clock = SystemClock()
        self.instruments = Instruments.starter(datetime.now(UTC).date())
        self.journal = MemoryJournal()
        self._made = 0

    async def start(self) -> None:
        await self.sandbox.start()
        await self.price("99.00", "101.00")
        await self._engine()

    async def restart(self) -> None:
        """The process dies and comes back with its journal."""
        await self.kill()
        await self._engine()

    async def _engine(self) -> None:
        self.adapter = self.broker()
        self.desk = Desk(
            blotter=Blotter(),
            quotes=QuoteBook(),
            instruments=self.instruments,
            adapters={"alpaca": self.adapter},
            accounts=[AccountTerms(account=self.account, broker="alpaca")],
            sessions=[SessionTerms(session_id="S", accounts=(self.account,))],
            opening_hours=self.adapter.market_open,
        )
        for entry in self.journal.read():
            self.desk.blotter.apply(entry)
        self.router = Router({"alpaca": self.adapter}, lambda said: self.engine.on_report(said), self.clock.utc_ns)
        self.failures: list[Any] = []
        self.portfolio = Portfolio(Limits("none"))
        chain = RiskChain((), self.portfolio)
        self.engine = Engine(
            desk=self.desk,
            journal=self.journal,
            risk=NoRisk(),
            clock=self.clock,
            sinks=(self.router,),
            router=self.router,
            sink_failed=lambda sink, entry, error: self.failures.append(error),
            journal_failed=self.failures.append,
            followers=(self.portfolio,),
        )
        self.reconciler = Reconciler(self.engine, {"alpaca": self.adapter}, self.clock, estimate=chain.estimate)
        self.adapter.on_reconnected = lambda: self.reconciler.run("alpaca", "reconnect")
        await self.adapter.start(self._heard)

    def _heard(self, report: Any) -> None:
        self.reports.append(report)
        self.engine.on_report(report)

    def _header(self, kind: str) -> Header:
        self._made += 1
        return Header(
            msg_type=kind,
            msg_seq_num=self._made,
            sender_comp_id="CLIENT",
            target_comp_id="BRIDGE",
            sending_time=datetime.now(UTC),
        )

    def send(
        self,
        side: str,
        qty: str | None,
        *,
        symbol: str | None = None,
        limit: str | None = None,
        stop: str | None = None,
        tif: str = "day",
        cash: str | None = None,
        extended: bool = False,
    ) -> str:
        """A NewOrderSingle(D); its ClOrdID(11)."""
        header = self._header("D")
        cl_ord_id = f"C{header.msg_seq_num}"
        self.engine.new_order(
            "S",
            header,
            NewOrderSingle(
                cl_ord_id=cl_ord_id,
                account=self.account,
                symbol=symbol or self.symbol,
                side=Side(side),
                ord_type=OrdType(KINDS[limit is not None, stop is not None]),
                time_in_force=TimeInForce(tif),
                order_qty=None if qty is None else Decimal(qty),
                cash_order_qty=None if cash is None else Decimal(cash),
                price=None if limit is None else Decimal(limit),
                stop_px=None if stop is None else Decimal(stop),
                trading_sessions=(TradingSession(trading_session_id="EXT"),) if extended else (),
                transact_time=datetime.now(UTC),
            ),
        )
        return cl_ord_id

    def cancel(self, cl_ord_id: str) -> str:
        """An OrderCancelRequest(F); its ClOrdID(11)."""
        order, header = self.order(cl_ord_id), self._header("F")
        own = f"C{header.msg_seq_num}"
        self.engine.cancel(
            "S",
            header,
            OrderCancelRequest(
                orig_cl_ord_id=cl_ord_id,
                cl_ord_id=own,
                symbol=order.symbol,
                side=order.side,
                transact_time=datetime.now(UTC),
            ),
        )
        return own

    def replace(self, cl_ord_id: str, *, qty: str | None = None, limit: str | None = None) -> str:
        """An OrderCancelReplaceRequest(G); its ClOrdID(11)."""
        order, header = self.order(cl_ord_id), self._header("G")
        own = f"C{header.msg_seq_num}"
        self.engine.replace(
            "S",
            header,
            OrderCancelReplaceRequest(
                orig_cl_ord_id=cl_ord_id,
                cl_ord_id=own,
                symbol=order.symbol,
                side=order.side,
                ord_type=order.ord_type,
                order_qty=order.order_qty if qty is None else Decimal(qty),
                price=order.price if limit is None else Decimal(limit),
                stop_px=order.stop_px,
                time_in_force=order.time_in_force,
                transact_time=datetime.now(UTC),
            ),
        )
        return own

    def order(self, cl_ord_id: str) -> Order:
        found = self.desk.blotter.find("S", cl_ord_id)
        assert found is not None
        return found

    def status(self, cl_ord_id: str) -> OrdStatus:
        return self.order(cl_ord_id).ord_status

    def facts(self, cl_ord_id: str) -> list[str]:
        """What the journal says about an order, by the names of the events."""
        order_id = self.order(cl_ord_id).order_id
        return [
            str(entry.event.__struct_config__.tag)
            for entry in self.journal.read()
            if getattr(entry.event, "order_id", None) == order_id
        ]

    def events(self, cl_ord_id: str, kind: type) -> list[Any]:
        order_id = self.order(cl_ord_id).order_id
        return [
            entry.event
            for entry in self.journal.read()
            if isinstance(entry.event, kind) and entry.event.order_id == order_id
        ]

    def entries(self) -> list[Entry]:
        return list(self.journal.read())

    async def reconcile(self, trigger: str = "timer") -> Any:
        return await self.reconciler.run("alpaca", trigger)

    def a_while_passes(self) -> None:
        """The next list is taken more than `settle` after the last, as the daemon's timers would."""
        reconciler = self.reconciler
        for times in (*reconciler._absent.values(), *reconciler._unanswered._absent.values()):
            times[:] = [at - self.adapter.settle for at in times]

    def held(self, symbol: str | None = None) -> Decimal:
        return self.desk.blotter.position(self.account, symbol or self.symbol).qty

    def sandbox_held(self, symbol: str | None = None) -> Decimal:
        found = self.sandbox.book.holdings.get(symbol or self.symbol)
        return found.qty if found is not None else Decimal(0)

    def agree(self) -> None:
        """Our book is the broker's, nothing came twice, nothing failed."""
        assert self.failures == []
        assert self.held() == self.sandbox_held()
        assert [each for each, count in Counter(self.sandbox.submitted).items() if count > 1] == []
        for order in self.desk.blotter.orders():
            if order.broker_client_id in self.sandbox.book.by_client:
                theirs = self.sandbox.order(order.broker_client_id)
                assert order.cum_qty == theirs.filled_qty + theirs.before_qty, order
                assert order.open == theirs.open, (order, theirs)
