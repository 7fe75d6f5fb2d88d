"""The paper broker: the adapter between the engine and the paper exchange.

The exchange beside it is a counterparty of its own, with its own durable book: it knows its orders, executions,
positions and money whatever happens to the engine, and is asked for them like any broker.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path

from bridge.brokers.paper.book import Book, BookError, FileBook, MemoryBook
from bridge.brokers.paper.exchange import Exchange
from bridge.brokers.paper.market import PaperOrder
from bridge.brokers.paper.model import AccountTerms, FillModel
from bridge.brokers.paper.records import (
    Accepted,
    Answer,
    Canceled,
    CancelRefusal,
    Filled,
    Record,
    Rejected,
    Repeated,
    Replaced,
    ReplaceRefusal,
    Triggered,
)
from bridge.brokers.paper.rules import ORD_TYPES, TIMES_IN_FORCE
from bridge.interfaces import BrokerUnreachable, Capabilities, Clock, Fence
from bridge.marketdata.quotes import QuoteBook
from bridge.orders import reports
from bridge.orders.events import Mode, Request
from bridge.orders.market import Instrument, Quote, Tick
from bridge.orders.order import Order
from bridge.orders.reports import (
    Acknowledged,
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    CancelRefused,
    Executed,
    NoAnswer,
    Refused,
    ReplaceRefused,
    Report,
)
from fixspec.enums import LastLiquidityInd, OrdStatus

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class PaperBroker:
    """Implements `bridge.interfaces.BrokerAdapter`; `mode` is always paper."""

    mode = Mode.PAPER
    fence = Fence.IDEMPOTENT_ID
    settle = 0.0
    capabilities = Capabilities(
        ord_types=ORD_TYPES,
        times_in_force=TIMES_IN_FORCE,
        fractional=True,
        short=True,
        notes=("Simulated: fills are made from the market data, see docs/paper.md",),
    )

    def __init__(
        self,
        *,
        quotes: QuoteBook,
        clock: Clock,
        instrument: Callable[[str], Instrument | None],
        directory: Path | None,
        name: str = "paper",
        accounts: Sequence[AccountTerms] = (AccountTerms(),),
        model: FillModel | None = None,
    ) -> None:
        """`directory` holds the book (`paper.book`); None keeps it in memory, which is for tests."""
        self._name = name
        self._quotes = quotes
        self._clock = clock
        self._path = None if directory is None else directory / f"{name}.book"
        self._instrument, self._accounts, self._model = instrument, tuple(accounts), model
        self.exchange = self._build()
        self._book: Book | None = None
        self._memory: MemoryBook | None = None
        self._report: Callable[[Report], None] | None = None
        self._silence: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scheduled = False
        self._unready: str | None = "not started"
        self._stamp = (0, EPOCH)

    def _build(self) -> Exchange:
        return Exchange(instrument=self._instrument, accounts=self._accounts, model=self._model)

    @property
    def name(self) -> str:
        """The BrokerSpec's metadata.name."""
        return self._name

    @property
    def unready(self) -> str | None:
        """Why orders are refused now, or None."""
        return self._unready

    async def start(self, report: Callable[[Report], None]) -> None:
        """Open the book and the market. Raises BookError when the book is damaged or in use."""
        self._loop = asyncio.get_running_loop()
        self._report = report
        self.exchange = self._build()
        now = self._clock.utc_ns()
        if self._path is not None:
            self._book = FileBook(self._path)
        else:
            self._book = self._memory = self._memory or MemoryBook()
        records = iter(self._book.read())
        first = next(records, None)
        if first is None:
            self.exchange.open(_book_name(now), now)
        else:
            self.exchange.restore(chain((first,), records), now)
        self._unready = None
        for symbol in self._quotes.symbols:
            if (quote := self._quotes.quote(symbol)) is not None:
                self.exchange.quote(quote, now)
        self._told()
        self._silence = self._quotes.listen(self._on_tick)

    async def stop(self) -> None:
        """Close the book; orders stay in it."""
        if self._silence is not None:
            self._silence()
            self._silence = None
        if self._book is not None:
            self._match()
            self._book.close()
            self._book = None
        self._report = None
        self._unready = "stopped"

    # --- requests ----------------------------------------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        """Acknowledged or Refused before this returns; fills follow in a later turn of the loop."""
        if self._unready is not None:
            self._say(Refused(broker=self._name, broker_client_id=order.broker_client_id, text=self._unready))
            return
        self.exchange.submit(order, self._clock.utc_ns())
        if self._told() and self.exchange.waiting:
            self._schedule()

    def replace(self, order: Order) -> None:
        """Replaced or ReplaceRefused before this returns."""
        pending = order.pending_replace
        assert pending is not None
        if self._unready is not None:
            self._unanswered(pending.broker_client_id, Request.REPLACE, self._unready)
            return
        self.exchange.replace(order, self._clock.utc_ns())
        if self._told() and self.exchange.waiting:
            self._schedule()

    def cancel(self, order: Order) -> None:
        """Canceled or CancelRefused before this returns, after the fills that came first."""
        if self._unready is not None:
            self._unanswered(order.broker_client_id, Request.CANCEL, self._unready)
            return
        self.exchange.cancel(order, self._clock.utc_ns())
        self._told()

    # --- questions ---------------------------------------------------------------------------------------------------

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Everything that works."""
        self._reachable()
        return [self._stated(order) for order in self.exchange.open_orders()]

    async def find(self, order: Order) -> BrokerOrder | None:
        """By our id, in any state, from memory or the book."""
        book = self._reachable()
        client_id = order.broker_client_id or ""
        found = self.exchange.find(client_id)
        if isinstance(found, PaperOrder):
            return self._stated(found)
        if isinstance(found, Rejected):
            return _stated_rejection(found)
        return await asyncio.to_thread(self._looked_up, book, client_id)

    async def executions(self, since: datetime) -> Sequence[Executed]:
        """Every execution since then, oldest first, from the book."""
        book = self._reachable()
        return await asyncio.to_thread(self._executed_since, book, (since - EPOCH) // timedelta(microseconds=1) * 1000)

    async def positions(self) -> Sequence[BrokerPosition]:
        """All positions that are not flat."""
        self._reachable()
        return [
            BrokerPosition(
                account=account.name,
                symbol=symbol,
                qty=holding.qty,
                avg_px=holding.avg_px,
                mark=self.exchange.mark(symbol) or holding.mark,
            )
            for account in self.exchange.accounts.values()
            for symbol, holding in account.holdings.items()
            if holding.qty
        ]

    async def accounts(self) -> Sequence[BrokerAccount]:
        """Every account, marked at the market now."""
        self._reachable()
        now = self._clock.utc_ns()
        stated = []
        for account in self.exchange.accounts.values():
            self.exchange.revalue(account, now)
            stated.append(
                BrokerAccount(
                    account=account.name,
                    currency=account.currency,
                    cash=account.cash,
                    equity=account.equity,
                    buying_power=account.buying_power,
                    taken_ns=now,
                    margin_account=account.terms.margin_account,
                    shorting_allowed=account.terms.shorting,
                )
            )
        return stated

    # --- the loop ----------------------------------------------------------------------------------------------------

    def _on_tick(self, tick: Tick) -> None:
        if self._unready is not None:
            return
        exchange = self.exchange
        if type(tick) is Quote:
            exchange.quote(tick, tick.received_ns)
        else:
            exchange.trade(tick, tick.received_ns)  # type: ignore[arg-type]
        if exchange.out:
            self._told()

    def _schedule(self) -> None:
        if not self._scheduled:
            assert self._loop is not None
            self._scheduled = True
            self._loop.call_soon(self._match)

    def _match(self) -> None:
        self._scheduled = False
        if self._unready is None:
            self.exchange.match(self._clock.utc_ns())
            self._told()

    def _told(self) -> bool:
        """Write what happened, then report it. False when it could not be written: then nobody is told, ever."""
        out = self.exchange.out
        if not out:
            return True
        self.exchange.out = []
        assert self._book is not None
        records = [happened for happened in out if isinstance(happened, Record)]
        if records:
            try:
                self._book.append(records)
            except (OSError, BookError) as error:
                self._fail(records, error)
                return False
        for happened in out:
            self._tell(happened)
        self.exchange.trim()
        return True

    def _fail(self, records: Sequence[Record], error: Exception) -> None:
        """The exchange in memory is ahead of its book now. Only the book counts, so nothing is taken on or answered any
        more; an order that is surely not in the book is refused, of any other the outcome is unknown.
        """
        self._unready = text = f"the paper book cannot be written: {error}"
        self._book = None
        for happened in records:
            if isinstance(happened, Accepted):
                if isinstance(error, OSError):
                    self._say(Refused(broker=self._name, broker_client_id=happened.id, text=text))
                else:
                    self._unanswered(happened.id, Request.SUBMIT, text)

    def _unanswered(self, client_id: str | None, request: Request, text: str) -> None:
        self._say(NoAnswer(broker=self._name, broker_client_id=client_id, request=request, text=text))

    def _say(self, report: Report) -> None:
        if self._report is not None:
            self._report(report)

    def _tell(self, happened: Record | Answer) -> None:
        if isinstance(happened, Filled):
            self._say(self._executed(happened, self.exchange.order(happened.no)))
        elif isinstance(happened, Accepted):
            order = self.exchange.order(happened.no)
            self._say(
                Acknowledged(
                    broker=self._name,
                    broker_client_id=happened.id,
                    broker_order_id=self._order_id(happened.no),
                    transact_time=self._time(happened.at),
                    held=not order.triggered,
                )
            )
        elif isinstance(happened, Rejected):
            self._say(
                Refused(
                    broker=self._name,
                    broker_client_id=happened.id,
                    transact_time=self._time(happened.at),
                    code=happened.code,
                    text=happened.text,
                )
            )
        elif isinstance(happened, Canceled):
            order = self.exchange.order(happened.no)
            self._say(
                reports.Canceled(
                    broker=self._name,
                    broker_client_id=order.id,
                    broker_order_id=self._order_id(order.no),
                    transact_time=self._time(happened.at),
                    reason=happened.reason,
                    text=happened.text,
                )
            )
        elif isinstance(happened, Replaced):
            self._say(
                reports.Replaced(
                    broker=self._name,
                    broker_client_id=happened.id,
                    broker_order_id=self._order_id(happened.no),
                    transact_time=self._time(happened.at),
                    order_qty=happened.qty,
                    price=happened.price,
                    stop_px=happened.stop_px,
                )
            )
        elif isinstance(happened, Triggered):
            order = self.exchange.order(happened.no)
            self._say(
                Acknowledged(
                    broker=self._name,
                    broker_client_id=order.id,
                    broker_order_id=self._order_id(order.no),
                    transact_time=self._time(happened.at),
                )
            )
        elif isinstance(happened, CancelRefusal):
            self._say(
                CancelRefused(
                    broker=self._name,
                    broker_client_id=happened.id,
                    cxl_rej_reason=happened.reason,
                    text=happened.text,
                )
            )
        elif isinstance(happened, ReplaceRefusal):
            self._say(
                ReplaceRefused(
                    broker=self._name,
                    broker_client_id=happened.id,
                    cxl_rej_reason=happened.reason,
                    text=happened.text,
                )
            )
        elif isinstance(happened, Repeated):
            self._tell_again(happened)

    def _tell_again(self, repeated: Repeated) -> None:
        """The same answers as the first time, with the same ids."""
        if not repeated.no:
            self._unanswered(repeated.id, Request.SUBMIT, "The id was used long ago: the order must be asked for")
            return
        order = self.exchange.order(repeated.no)
        self._say(
            Acknowledged(
                broker=self._name,
                broker_client_id=order.id,
                broker_order_id=self._order_id(order.no),
                held=not order.triggered,
            )
        )
        for number, (qty, px, revision, at) in enumerate(order.executions, 1):
            self._say(self._execution(order, number, qty, px, revision, at))
        if order.closed is OrdStatus.CANCELED:
            self._say(
                reports.Canceled(
                    broker=self._name,
                    broker_client_id=order.id,
                    broker_order_id=self._order_id(order.no),
                )
            )

    # --- words -------------------------------------------------------------------------------------------------------

    def _executed(self, filled: Filled, order: PaperOrder) -> Executed:
        exec_id = f"{self.exchange.book}-{filled.no}-{filled.execution}"
        return Executed(
            broker=self._name,
            broker_client_id=order.id,
            broker_order_id=self._order_id(filled.no),
            transact_time=self._time(filled.at),
            broker_exec_id=exec_id,
            exec_root=exec_id,
            symbol=order.symbol,
            side=order.side,
            account=order.account,
            last_qty=filled.qty,
            last_px=filled.px,
            liquidity=LastLiquidityInd.ADDED_LIQUIDITY if filled.made else LastLiquidityInd.REMOVED_LIQUIDITY,
            commission=filled.fee,
        )

    def _execution(self, order: PaperOrder, number: int, qty: Decimal, px: Decimal, revision: int, at: int) -> Executed:
        root = f"{self.exchange.book}-{order.no}-{number}"
        return Executed(
            broker=self._name,
            broker_client_id=order.id,
            broker_order_id=self._order_id(order.no),
            transact_time=self._time(at),
            broker_exec_id=f"{root}.{revision}" if revision else root,
            exec_root=root,
            revision=revision,
            symbol=order.symbol,
            side=order.side,
            account=order.account,
            last_qty=qty,
            last_px=px,
        )

    def _order_id(self, no: int) -> str:
        return f"{self.exchange.book}-{no}"

    def _time(self, ns: int) -> datetime:
        if self._stamp[0] != ns:
            self._stamp = (ns, EPOCH + timedelta(microseconds=ns // 1000))
        return self._stamp[1]

    def _stated(self, order: PaperOrder) -> BrokerOrder:
        return BrokerOrder(
            broker_client_id=order.id,
            broker_order_id=self._order_id(order.no),
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            ord_type=order.ord_type,
            time_in_force=order.time_in_force,
            order_qty=order.qty,
            price=order.price,
            stop_px=order.stop_px,
            cum_qty=order.cum,
            avg_px=order.gross / order.cum if order.cum else None,
            ord_status=order.status,
        )

    def _reachable(self) -> Book:
        if self._book is None:
            raise BrokerUnreachable(self._unready or "not started")
        return self._book

    def _looked_up(self, book: Book, client_id: str) -> BrokerOrder | None:
        """An order that memory has let go: the book is folded for it alone."""
        order: PaperOrder | None = None
        for record in book.read():
            if isinstance(record, Accepted) and record.id == client_id:
                order = PaperOrder(record)
            elif isinstance(record, Rejected) and record.id == client_id:
                return _stated_rejection(record)
            elif order is None:
                continue
            elif isinstance(record, Filled) and record.no == order.no:
                order.cum += record.qty
                order.gross += record.qty * record.px
                if order.cum >= order.qty:
                    order.closed = OrdStatus.FILLED
            elif isinstance(record, Canceled) and record.no == order.no:
                order.closed = OrdStatus.CANCELED
        return None if order is None else self._stated(order)

    def _executed_since(self, book: Book, since_ns: int) -> list[Executed]:
        orders: dict[int, PaperOrder] = {}
        found: list[Executed] = []
        for record in book.read():
            if isinstance(record, Accepted):
                orders[record.no] = PaperOrder(record)
            elif isinstance(record, Replaced):
                orders[record.no].id = record.id
            elif isinstance(record, Filled) and record.at >= since_ns:
                found.append(self._executed(record, orders[record.no]))
        return found


def _stated_rejection(record: Rejected) -> BrokerOrder:
    return BrokerOrder(
        broker_client_id=record.id,
        broker_order_id="",
        account=record.account,
        symbol=record.symbol,
        side=record.side,
        ord_type=record.ord_type,
        order_qty=record.qty,
        ord_status=OrdStatus.REJECTED,
    )


def _book_name(now_ns: int) -> str:
    """Milliseconds in base 36: different for every book that is ever opened in one place."""
    number, name = now_ns // 1_000_000, ""
    while number:
        number, digit = divmod(number, 36)
        name = DIGITS[digit] + name
    return f"P{name or '0'}"
