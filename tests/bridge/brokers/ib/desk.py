"""A real engine, router and reconciler over the IB adapter and our TWS: what a client would see."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bridge.brokers.router import Router
from bridge.desk import AccountTerms, Desk
from bridge.engine import Engine
from bridge.journal.memory import MemoryJournal
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.blotter import Blotter
from bridge.orders.order import Order
from bridge.orders.terms import SessionTerms
from bridge.reconciler import Reconciler
from bridge.risk.chain import RiskChain
from bridge.risk.limits import Limits
from bridge.risk.portfolio import Portfolio
from fixspec.enums import OrdStatus, OrdType, Side, TimeInForce
from fixspec.messages import Header, NewOrderSingle, OrderCancelReplaceRequest, OrderCancelRequest
from tests.bridge.brokers.ib.venue import IbVenue


class NoRisk:
    """Lets everything pass."""

    def check(self, order: Order, view: Any) -> None:
        return None

    def reservation(self) -> None:
        return None


class IbDesk(IbVenue):
    """Orders in, facts out. The clock stands still unless a test moves it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.journal = MemoryJournal()
        self._made = 0

    async def start(self) -> None:
        await self.sandbox.start()
        await self.price("99.00", "101.00")
        await self._engine()

    async def restart(self) -> None:
        """The process dies and comes back with its journal."""
        await self.adapter.stop()
        await self._until(lambda: not self.sandbox.peers)
        await self._engine()

    async def _engine(self) -> None:
        self.adapter = self._broker()
        self.desk = Desk(
            blotter=Blotter(),
            quotes=QuoteBook(),
            instruments=self.instruments,
            adapters={"ib": self.adapter},
            accounts=[AccountTerms(account=self.account, broker="ib")],
            sessions=[SessionTerms(session_id="S", accounts=(self.account,))],
            opening_hours=lambda instrument, now_ns: True,
        )
        for entry in self.journal.read():
            self.desk.blotter.apply(entry)
        self.failures: list[Any] = []
        router = Router({"ib": self.adapter}, lambda said: self.engine.on_report(said), self.clock.utc_ns)
        portfolio = Portfolio(Limits("none"))
        self.engine = Engine(
            desk=self.desk,
            journal=self.journal,
            risk=NoRisk(),
            clock=self.clock,
            sinks=(router,),
            router=router,
            sink_failed=lambda sink, entry, error: self.failures.append(error),
            journal_failed=self.failures.append,
            followers=(portfolio,),
        )
        chain = RiskChain((), portfolio)
        self.reconciler = Reconciler(self.engine, {"ib": self.adapter}, self.clock, estimate=chain.estimate)
        self.adapter.on_reconnected = lambda: self.reconciler.run("ib", "reconnect")
        await self.adapter.start(self._heard)

    def _heard(self, report: Any) -> None:
        self.reports.append(report)
        self.engine.on_report(report)

    def _header(self, kind: str) -> Header:
        self._made += 1
        now = datetime.fromtimestamp(self.clock.utc_ns() / 1e9, UTC)
        return Header(
            msg_type=kind, msg_seq_num=self._made, sender_comp_id="CLIENT", target_comp_id="BRIDGE", sending_time=now
        )

    def send(self, side: str, qty: int, *, limit: str | None = None, tif: str = "day") -> str:
        """A NewOrderSingle(D); its ClOrdID(11)."""
        header = self._header("D")
        cl_ord_id = f"C{header.msg_seq_num}"
        self.engine.new_order(
            "S",
            header,
            NewOrderSingle(
                cl_ord_id=cl_ord_id,
                account=self.account,
                symbol=self.symbol,
                side=Side(side),
                ord_type=OrdType.MARKET if limit is None else OrdType.LIMIT,
                time_in_force=TimeInForce(tif),
                order_qty=Decimal(qty),
                price=None if limit is None else Decimal(limit),
                transact_time=header.sending_time,
            ),
        )
        return cl_ord_id

    def ask_cancel(self, cl_ord_id: str) -> str:
        """An OrderCancelRequest(F); its ClOrdID(11)."""
        order, header = self.order(cl_ord_id), self._header("F")
        own = f"C{header.msg_seq_num}"
        asked = OrderCancelRequest(
            orig_cl_ord_id=cl_ord_id,
            cl_ord_id=own,
            symbol=order.symbol,
            side=order.side,
            transact_time=header.sending_time,
        )
        self.engine.cancel("S", header, asked)
        return own

    def ask_replace(self, cl_ord_id: str, qty: int, limit: str) -> str:
        """An OrderCancelReplaceRequest(G); its ClOrdID(11)."""
        order, header = self.order(cl_ord_id), self._header("G")
        own = f"C{header.msg_seq_num}"
        asked = OrderCancelReplaceRequest(
            orig_cl_ord_id=cl_ord_id,
            cl_ord_id=own,
            symbol=order.symbol,
            side=order.side,
            ord_type=order.ord_type,
            order_qty=Decimal(qty),
            price=Decimal(limit),
            time_in_force=order.time_in_force,
            transact_time=header.sending_time,
        )
        self.engine.replace("S", header, asked)
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

    async def reconcile(self, trigger: str = "timer") -> Any:
        return await self.reconciler.run("ib", trigger)

    def agree(self) -> None:
        """Our book is the broker's, nothing came twice, nothing failed."""
        assert self.failures == []
        found = self.sandbox.market.called(self.symbol)
        held, _ = self.sandbox.market.positions.get((self.account, found.con_id), (Decimal(0), Decimal(0)))
        assert self.desk.blotter.position(self.account, self.symbol).qty == held
        numbers = Counter((each.client_id, each.order_id) for each in self.sandbox.market.orders if each.order_id)
        assert [number for number, count in numbers.items() if count > 1] == []
        refs = Counter(each.ref for each in self.sandbox.market.orders if each.ref)
        assert [ref for ref, count in refs.items() if count > 1] == []
