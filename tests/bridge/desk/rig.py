"""A desk in one process without a network: a FIX client (simplefix), a real session, the engine, a broker that does
as told.

`Rig` is what the tests drive: `rig.order(...)` sends a NewOrderSingle(D) as bytes, `rig.broker` holds what the broker
was asked and says what the test makes it say, `rig.heard()` gives the messages the client received since last asked,
as dicts of tag → text.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import simplefix

from bridge.brokers.router import Router
from bridge.desk import AccountTerms, Desk
from bridge.engine import Engine
from bridge.gateway import Gateway
from bridge.interfaces import BrokerUnreachable, Capabilities, Fence
from bridge.journal.memory import MemoryJournal
from bridge.marketdata.quotes import QuoteBook
from bridge.orders import reports
from bridge.orders.blotter import Blotter
from bridge.orders.events import Entry, Mode
from bridge.orders.market import AssetClass, Instrument, Quote
from bridge.orders.order import Order
from bridge.orders.reasons import Rejection
from bridge.orders.terms import SessionTerms
from bridge.outputs.fix import FixReports
from bridge.outputs.position_feed import PositionFeed
from bridge.risk.chain import RiskChain
from bridge.risk.limits import Limits
from bridge.risk.portfolio import Portfolio
from bridge.risk.watch import Watch
from fixspec.enums import OrdType, Side, TimeInForce
from fixspec.messages import Message
from fixspec.sparse import Sparse
from sessions.clock import ManualClock
from sessions.config import SessionConfig, SessionId
from sessions.events import CancelOnDisconnectDue, MessageReceived, NumbersReset
from sessions.session import Session
from sessions.store import MemoryStore

Fields = dict[int, str]

AAPL = Instrument(
    symbol="AAPL",
    asset_class=AssetClass.EQUITY,
    security_type="CS",
    currency="USD",
    tick_size=Decimal("0.01"),
    lot_size=Decimal(1),
    sector="Technology",
)
ES = Instrument(
    symbol="ESZ6",
    asset_class=AssetClass.FUTURE,
    security_type="FUT",
    currency="USD",
    tick_size=Decimal("0.25"),
    lot_size=Decimal(1),
    multiplier=Decimal(50),
)


class ScriptedBroker:
    """Records what it is asked and says only what the test makes it say."""

    name = "street"
    mode = Mode.PAPER

    def __init__(self) -> None:
        self.fence = Fence.NONE
        self.settle = 30.0
        self.capabilities = Capabilities(
            ord_types=frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT}),
            times_in_force=frozenset(TimeInForce),
            short=True,
            exec_insts=frozenset({"6", "E", "G"}),
        )
        self.unready: str | None = None
        self.asked: list[tuple[str, Order]] = []
        self.raises: Exception | None = None
        self.say: Any = None
        self._ids = 0
        self.unreachable: str | None = None
        self.questions: list[str] = []
        self.meanwhile: dict[str, Any] = {}  # question → what happens while it is under way, once
        self.listed: list[reports.BrokerOrder] = []
        self.known: dict[str | None, reports.BrokerOrder] = {}  # what `find` knows besides, by our id
        self.executed: list[reports.Executed] = []
        self.held: list[reports.BrokerPosition] = []
        self.stated: list[reports.BrokerAccount] = []

    # --- questions ---------------------------------------------------------------------------------------------------

    def _question(self, what: str) -> None:
        self.questions.append(what)
        if self.unreachable == what or self.unreachable == "all":
            raise BrokerUnreachable(f"{what}: no answer")

    def _happens(self, what: str) -> None:
        work = self.meanwhile.pop(what, None)
        if work is not None:
            work()

    async def open_orders(self) -> Sequence[reports.BrokerOrder]:
        """As set in `listed`."""
        self._question("open_orders")
        answer = list(self.listed)
        self._happens("open_orders")
        return answer

    async def executions(self, since: datetime) -> Sequence[reports.Executed]:
        """As set in `executed`, those since then."""
        self._question("executions")
        answer = [each for each in self.executed if each.transact_time is None or each.transact_time >= since]
        self._happens("executions")
        return answer

    async def positions(self) -> Sequence[reports.BrokerPosition]:
        """As set in `held`."""
        self._question("positions")
        answer = list(self.held)
        self._happens("positions")
        return answer

    async def accounts(self) -> Sequence[reports.BrokerAccount]:
        """As set in `stated`."""
        self._question("accounts")
        return list(self.stated)

    async def find(self, order: Order) -> reports.BrokerOrder | None:
        """One of `known`, or of `listed`."""
        self._question(f"find {order.order_id}")
        by_id = {each.broker_client_id: each for each in self.listed} | self.known
        answer = by_id.get(order.broker_client_id)
        self._happens("find")
        return answer

    def shows(self, order: Order, broker_order_id: str | None = None, **changes: Any) -> reports.BrokerOrder:
        """The order as the broker would list it; `changes` differ."""
        return reports.BrokerOrder(
            **{
                "broker_client_id": order.broker_client_id,
                "broker_order_id": broker_order_id or order.broker_order_id or "B1",
                "account": order.account,
                "symbol": order.symbol,
                "side": order.side,
                "ord_type": order.ord_type,
                "time_in_force": order.time_in_force,
                "order_qty": order.order_qty,
                "price": order.price,
                "stop_px": order.stop_px,
                "cum_qty": order.cum_qty,
                **changes,
            }
        )

    # --- requests ----------------------------------------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        """Remember it."""
        self._take("submit", order)

    def replace(self, order: Order) -> None:
        """Remember it."""
        self._take("replace", order)

    def cancel(self, order: Order) -> None:
        """Remember it."""
        self._take("cancel", order)

    def _take(self, what: str, order: Order) -> None:
        self.asked.append((what, order))
        if self.raises is not None:
            raise self.raises

    @property
    def calls(self) -> list[str]:
        """The requests by name, in order."""
        return [what for what, _ in self.asked]

    def _about(self, order: Order | None) -> dict[str, Any]:
        order = order or next(each for what, each in reversed(self.asked) if what == "submit")
        return {"broker": self.name, "broker_client_id": order.broker_client_id}

    def ack(self, order: Order | None = None, broker_order_id: str = "B1", **more: Any) -> None:
        """The broker works it."""
        self.say(reports.Acknowledged(**self._about(order), broker_order_id=broker_order_id, **more))

    def fill(
        self, qty: str, px: str, exec_id: str | None = None, order: Order | None = None, revision: int = 0, **more: Any
    ) -> str:
        """One execution; its id."""
        self._ids += 1
        exec_id = exec_id or f"X{self._ids}"
        self.say(
            reports.Executed(
                **self._about(order),
                broker_exec_id=f"{exec_id}.{revision}" if revision else exec_id,
                exec_root=exec_id,
                revision=revision,
                last_qty=Decimal(qty),
                last_px=Decimal(px),
                **more,
            )
        )
        return exec_id

    def bust(self, exec_id: str, order: Order | None = None) -> None:
        """It takes an execution back."""
        self.say(reports.Busted(**self._about(order), exec_root=exec_id, broker_exec_id=f"{exec_id}-bust"))

    def tell(self, kind: type[reports.Report], order: Order | None = None, **fields: Any) -> None:
        """Any other report."""
        self.say(kind(**self._about(order), **fields))


class NoRisk:
    """Lets everything pass, or refuses with what the test sets."""

    def __init__(self) -> None:
        self.refusal: Rejection | None = None

    def check(self, order: Order, view: Any) -> Rejection | None:
        """As set."""
        return self.refusal

    def reservation(self) -> None:
        """Nothing is reserved."""
        return


class Watcher:
    """Keeps what the gateway tells about sessions."""

    def __init__(self) -> None:
        self.refusals: list[tuple[str, str]] = []

    def logged_on(self, session_id: str) -> None:
        """Not looked at."""

    def logged_out(self, session_id: str, reason: str, clean: bool) -> None:
        """Not looked at."""

    def refused(self, session_id: str, reason: str, text: str) -> None:
        """Kept."""
        self.refusals.append((reason, text))


class Rig:
    """See the module. `terms` are the session's; `sync` makes effects wait until `rig.journal.flush()`; `adapter` makes
    another broker than the scripted one, from quotes and clock: who asks for it starts it.
    """

    def __init__(
        self,
        *,
        sync: bool = False,
        extra: Iterable[SessionTerms] = (),
        journal: MemoryJournal | None = None,
        adapter: Callable[[QuoteBook, ManualClock], Any] | None = None,
        **terms: Any,
    ) -> None:
        self.clock = ManualClock(1_795_500_000_000_000_000)
        self.journal = journal or MemoryJournal(held=sync)
        self.risk = NoRisk()
        self.quotes = QuoteBook()
        self.broker = ScriptedBroker()
        self.watcher = Watcher()
        everyone = [SessionTerms(session_id="ALPHA", accounts=("ACC1",), **terms), *extra]
        self.terms = everyone[0]
        self.adapter = self.broker if adapter is None else adapter(self.quotes, self.clock)
        adapters = {"street": self.adapter}
        self.desk = Desk(
            blotter=Blotter(),
            quotes=self.quotes,
            instruments={"AAPL": AAPL, "ESZ6": ES},
            adapters=adapters,  # type: ignore[dict-item]
            accounts=[AccountTerms(account="ACC1", broker="street")],
            sessions=everyone,
            opening_hours=lambda instrument, now_ns: True,
        )
        self.sent: list[tuple[str, Message]] = []
        self.origins: dict[str, int] = {}  # session → entry of the newest report it was told
        self.failures: list[str] = []
        self.fix = FixReports(everyone, self._tell)
        self.router = Router(adapters, self._said, self.clock.utc_ns)  # type: ignore[arg-type]
        self.feed = PositionFeed(self.desk, self._answer)
        self.chain = chain = RiskChain((), Portfolio(Limits("none")))
        self.engine = Engine(
            desk=self.desk,
            journal=self.journal,
            risk=self.risk,
            clock=self.clock,
            sinks=(self.router, self.fix, self.feed),
            router=self.router,
            sink_failed=self._sink_failed,
            journal_failed=self.failures.append,
            followers=(chain.portfolio,),
            due=Watch(chain).due,
        )
        self.broker.say = self.engine.on_report
        self.gateway = Gateway(self.engine, self._answer, self.watcher, self.feed, [AAPL, ES])
        config = SessionConfig(name="ALPHA", id=SessionId("BRIDGE", "CLIENT"))
        self.session = Session(config, MemoryStore(), self.clock)
        self._parser = simplefix.FixParser()
        self._seq = 0
        self._ids = 0
        self._heard: list[Fields] = []
        self.session.connect()
        self.send("A", (98, "0"), (108, "30"))
        self.heard()

    def _said(self, report: reports.Report) -> None:
        self.engine.on_report(report)

    def _sink_failed(self, sink: Any, entry: Entry, error: Exception) -> None:
        raise error

    def _tell(self, session_id: str, message: Message | Sparse, origin: int, poss_resend: bool) -> None:
        self.sent.append((session_id, message.whole() if isinstance(message, Sparse) else message))
        if origin:
            self.origins[session_id] = origin
        if session_id == "ALPHA":
            self.session.send(message, origin, poss_resend, None)

    def _answer(self, session_id: str, message: Message) -> None:
        self._tell(session_id, message, 0, False)

    # --- the client --------------------------------------------------------------------------------------------------

    def send(self, msg_type: str, *fields: tuple[int, str], **header: str) -> None:
        """Send one message as bytes and let the session and the engine work through it."""
        self._seq += 1
        message = simplefix.FixMessage()
        message.append_pair(8, "FIX.4.4")
        message.append_pair(35, msg_type)
        message.append_pair(49, "CLIENT")
        message.append_pair(56, "BRIDGE")
        message.append_pair(34, str(self._seq))
        message.append_pair(52, self.stamp())
        for tag, value in header.items():
            message.append_pair(int(tag[1:]), value)
        for tag, value in fields:
            message.append_pair(tag, value)
        self.session.receive_data(message.encode())
        self.pump()

    def pump(self) -> None:
        """Work through what the session has read."""
        while (event := self.session.next_event()) is not None:
            if isinstance(event, MessageReceived):
                self.gateway.on_message("ALPHA", event.header, event.message)
            elif isinstance(event, NumbersReset):
                self.gateway.on_reset("ALPHA", event.reason)
            elif isinstance(event, CancelOnDisconnectDue):
                self.gateway.on_cancel_on_disconnect("ALPHA", event.reason)

    def stamp(self, ahead: float = 0.0) -> str:
        """TransactTime(60) of now."""
        at = datetime.fromtimestamp(self.clock.utc_ns() / 1e9, UTC) + timedelta(seconds=ahead)
        return at.strftime("%Y%m%d-%H:%M:%S.") + f"{at.microsecond // 1000:03d}"

    def next_id(self) -> str:
        """A fresh ClOrdID(11)."""
        self._ids += 1
        return f"C{self._ids}"

    def order(self, qty: str = "100", price: str | None = "10.00", cl_ord_id: str | None = None, **more: str) -> str:
        """A NewOrderSingle(D) to buy AAPL; its ClOrdID(11). `more` sets tags as t54="2"; an empty value leaves one
        out.
        """
        cl_ord_id = cl_ord_id or self.next_id()
        fields = {11: cl_ord_id, 55: "AAPL", 54: "1", 60: self.stamp(), 38: qty, 40: "2" if price else "1"}
        if price:
            fields[44] = price
        header = {}
        for name, value in more.items():
            tag = int(name[1:])
            if tag in (43, 50, 97, 122):
                header[name] = value
            else:
                fields[tag] = value
        self.send("D", *[(tag, value) for tag, value in fields.items() if value], **header)
        return cl_ord_id

    def cancel(self, orig: str, cl_ord_id: str | None = None, **more: str) -> str:
        """An OrderCancelRequest(F); its ClOrdID(11)."""
        cl_ord_id = cl_ord_id or self.next_id()
        fields = {41: orig, 11: cl_ord_id, 55: "AAPL", 54: "1", 60: self.stamp()}
        header = {name: value for name, value in more.items() if int(name[1:]) in (43, 97, 122)}
        fields |= {int(name[1:]): value for name, value in more.items() if name not in header}
        self.send("F", *[(tag, value) for tag, value in fields.items() if value], **header)
        return cl_ord_id

    def replace(
        self, orig: str, qty: str, price: str | None = "10.00", cl_ord_id: str | None = None, **more: str
    ) -> str:
        """An OrderCancelReplaceRequest(G); its ClOrdID(11)."""
        cl_ord_id = cl_ord_id or self.next_id()
        fields = {41: orig, 11: cl_ord_id, 55: "AAPL", 54: "1", 60: self.stamp(), 38: qty, 40: "2" if price else "1"}
        if price:
            fields[44] = price
        fields |= {int(name[1:]): value for name, value in more.items()}
        self.send("G", *[(tag, value) for tag, value in fields.items() if value])
        return cl_ord_id

    def heard(self) -> list[Fields]:
        """What the client received since last asked, session messages left out."""
        self._parser.append_buffer(self.session.take_output())
        while (message := self._parser.get_message()) is not None:
            fields = {int(tag): value.decode() for tag, value in message.pairs}
            if fields[35] not in ("A", "0", "1"):
                self._heard.append(fields)
        heard, self._heard = self._heard, []
        return heard

    # --- the state ---------------------------------------------------------------------------------------------------

    def of(self, cl_ord_id: str) -> Order:
        """The order a ClOrdID(11) belongs to."""
        order = self.desk.blotter.find("ALPHA", cl_ord_id)
        assert order is not None
        return order

    def quote(self, bid: str, ask: str) -> None:
        """A quote of AAPL, now."""
        now = self.clock.utc_ns()
        at = datetime.fromtimestamp(now / 1e9, UTC)
        self.quotes.publish(Quote("AAPL", Decimal(bid), Decimal(500), Decimal(ask), Decimal(500), at, now))


def told(heard: Sequence[Fields]) -> list[str]:
    """Reports in short: `F/1` for ExecType(150)=F, OrdStatus(39)=1; `9 102=0/2` for an OrderCancelReject(9); else the
    type.
    """
    short = []
    for fields in heard:
        if fields[35] == "8":
            short.append(f"{fields[150]}/{fields[39]}")
        elif fields[35] == "9":
            short.append(f"9 102={fields[102]}/{fields[39]}")
        else:
            short.append(fields[35])
    return short


def check_invariants(fields: Fields) -> None:
    """I1 to I3 of FIX-APP section 5, as far as one report shows them."""
    if fields[35] != "8" or fields[37] == "NONE":
        return
    cum, leaves, avg = Decimal(fields[14]), Decimal(fields[151]), Decimal(fields[6])
    qty, status, tif = Decimal(fields.get(38, "0")), fields[39], fields.get(59, "0")
    assert cum >= 0
    assert (avg == 0) == (cum == 0)
    if status in "01" or (status in "6AE9" and cum <= qty):
        assert leaves == max(qty - cum, Decimal(0)), fields
    if status in ("4", "8", "C") or (status == "3" and tif == "0"):
        assert leaves == 0, fields
    if status == "3" and tif != "0":
        assert leaves == qty - cum, fields
    if status == "2":
        assert leaves == 0
        assert cum >= qty
    assert fields[55] == "AAPL"


__all__ = ["AAPL", "Rig", "ScriptedBroker", "Side", "check_invariants", "told"]
