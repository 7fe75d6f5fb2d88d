"""The paper broker: the adapter between the engine and the paper exchange.

The exchange beside it is a counterparty of its own, with its own durable book: it knows its orders, executions,
positions and money whatever happens to the engine, and is asked for them like any broker.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from heapq import heappop, heappush
from itertools import chain
from pathlib import Path

from bridge.brokers.paper import interventions
from bridge.brokers.paper.book import Book, FileBook, MemoryBook
from bridge.brokers.paper.compaction import compacted
from bridge.brokers.paper.exchange import NEVER, Exchange
from bridge.brokers.paper.fees import Fees
from bridge.brokers.paper.latency import Latency
from bridge.brokers.paper.model import AccountTerms, FillModel, HouseRules
from bridge.brokers.paper.orders import PaperOrder
from bridge.brokers.paper.records import (
    Accepted,
    Answer,
    CancelRefusal,
    Filled,
    Record,
    Rejected,
    Repeated,
    ReplaceRefusal,
)
from bridge.brokers.paper.rules import EXEC_INSTS, ORD_TYPES, TIMES_IN_FORCE
from bridge.brokers.paper.tell import Teller, executed_since, looked_up
from bridge.interfaces import BrokerUnreachable, Capabilities, Clock, Fence
from bridge.marketdata.hours import Hours
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.events import Mode, Request
from bridge.orders.market import Instrument, Quote, Tick
from bridge.orders.order import Order
from bridge.orders.reports import BrokerAccount, BrokerOrder, BrokerPosition, Executed, Report

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ANSWERS: frozenset[type[Record | Answer]] = frozenset({CancelRefusal, ReplaceRefusal, Repeated})
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
        extended_hours=True,
        exec_insts=frozenset(instruction.wire.decode() for instruction in EXEC_INSTS),
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
        fees: Fees | None = None,
        latency: Latency | None = None,
        house: HouseRules | None = None,
        hours: Hours | None = None,
        compact_bytes: int = 64 << 20,
        keep_days: float = 30.0,
    ) -> None:
        """`directory` holds the book (`<name>.book`); None keeps it in memory, which is for tests. A book longer than
        `compact_bytes` forgets at the next start what ended more than `keep_days` ago.

        `hours` None: every market is open around the clock, day orders end at 17:00 New York.
        """
        self._name = name
        self._quotes = quotes
        self._clock = clock
        self._path = None if directory is None else directory / f"{name}.book"
        self._compact_bytes = compact_bytes
        self._keep_ns = int(keep_days * 86_400e9)
        self._latency = latency or Latency()
        self._delays = bool(self._latency.report)
        self._build: Callable[[], Exchange] = lambda: Exchange(
            instrument=instrument,
            accounts=accounts,
            model=model,
            fees=fees,
            latency=latency,
            house=house,
            hours=hours,
        )
        self.exchange: Exchange = self._build()
        self._teller = Teller(name, self.exchange.state)
        self._book: Book | None = None
        self._memory = MemoryBook()
        self._report: Callable[[Report], None] | None = None
        self._silence: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed = NEVER
        self._scheduled = False
        self._late: list[tuple[int, int, Report]] = []  # reports that are told later, by time
        self._late_until: dict[int, int] = {}
        self._sequence = 0
        self._unready: str | None = "not started"

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
        self._teller = Teller(self._name, self.exchange.state)
        now = self._clock.utc_ns()
        self._book = self._memory if self._path is None else FileBook(self._path)
        if isinstance(self._book, FileBook) and self._book.length > self._compact_bytes:
            self._book.rewrite(compacted(self._book.read(), self._build().state, now - self._keep_ns))
        records = iter(self._book.read())
        first = next(records, None)
        if first is None:
            self.exchange.open(_book_name(now), now)
        else:
            self.exchange.restore(chain((first,), records), now)
        self._unready = None
        self._told()
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
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._armed = NEVER
        if self._book is not None:
            self._match()
            self._book.close()
            self._book = None
        self._report = None
        self._unready = "stopped"

    # --- requests ----------------------------------------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        """Acknowledged or Refused before this returns (unless latency is modelled); fills in a later turn of the
        loop.
        """
        if self._unready is not None:
            self._say(self._teller.refused(order.broker_client_id, self._unready))
            return
        exchange = self.exchange
        exchange.submit(order, self._clock.utc_ns())
        self._told()
        if exchange.arrivals and not self._scheduled:
            self._schedule()

    def replace(self, order: Order) -> None:
        """Replaced or ReplaceRefused before this returns (unless latency is modelled)."""
        if self._unready is not None:
            assert order.pending_replace is not None
            client_id = order.pending_replace.broker_client_id
            self._say(self._teller.unanswered(client_id, Request.REPLACE, self._unready))
            return
        self.exchange.replace(order, self._clock.utc_ns())
        self._told()
        if self.exchange.arrivals:
            self._schedule()

    def cancel(self, order: Order) -> None:
        """Canceled or CancelRefused before this returns, after the fills that came first (unless latency is
        modelled).
        """
        if self._unready is not None:
            self._say(self._teller.unanswered(order.broker_client_id, Request.CANCEL, self._unready))
            return
        self.exchange.cancel(order, self._clock.utc_ns())
        self._told()

    # --- questions ---------------------------------------------------------------------------------------------------

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Everything that works."""
        self._reachable()
        return [self._teller.stated(order) for order in self.exchange.open_orders()]

    async def find(self, order: Order) -> BrokerOrder | None:
        """By our id, in any state, from memory or the book."""
        book = self._reachable()
        client_id = order.broker_client_id or ""
        found = self.exchange.find(client_id)
        if found is None:
            found = await asyncio.to_thread(looked_up, book.read, client_id)
        if isinstance(found, Rejected):
            return self._teller.stated_rejection(found)
        if found is None and (order.received - EPOCH) // timedelta(microseconds=1) * 1000 < self.exchange.state.dropped:
            raise BrokerUnreachable("the paper book has forgotten orders as old as this one")
        return None if found is None else self._teller.stated(found)

    async def executions(self, since: datetime) -> Sequence[Executed]:
        """Every execution since then, oldest first, from memory or the book."""
        book = self._reachable()
        since_ns = (since - EPOCH) // timedelta(microseconds=1) * 1000
        found: list[tuple[PaperOrder, int]] | None = self.exchange.state.executed_since(since_ns)
        if found is None:
            found = await asyncio.to_thread(lambda: executed_since(book.read(), since_ns))
        said: list[Executed] = []
        for order, number in found:
            said.append(self._teller.executed(order, number))
            if not len(said) % 1000:
                await asyncio.sleep(0)  # a day's executions must not hold up the order path
        return said

    async def positions(self) -> Sequence[BrokerPosition]:
        """All positions that are not flat."""
        self._reachable()
        return [
            BrokerPosition(
                account=account.name,
                symbol=symbol,
                qty=holding.qty,
                avg_px=holding.avg_px,
                mark=self.exchange.state.mark(symbol) or holding.mark,
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
                    net_transfers=account.transfers,
                )
            )
        return stated

    # --- an operator's door (`fixbridge paper`, rehearsals) ----------------------------------------------------------

    def reset(self, account: str, cash: Decimal) -> None:
        """Cancel the account's orders, drop its positions, give it this cash. KeyError when it is unknown."""
        self._intervene(lambda exchange, now: interventions.reset(exchange, account, cash, now))

    def halt(self, symbol: str, text: str = "Trading is halted") -> None:
        """Stop trading in a symbol. KeyError when it is unknown."""
        self._intervene(lambda exchange, now: interventions.halt(exchange, symbol, now, text))

    def resume(self, symbol: str) -> None:
        """Go on trading in a symbol. KeyError when it is unknown."""
        self._intervene(lambda exchange, now: interventions.resume(exchange, symbol, now))

    def split(self, symbol: str, new: int, old: int) -> None:
        """`old` shares become `new`. KeyError when the symbol is unknown, ValueError when it is no split."""
        self._intervene(lambda exchange, now: interventions.split(exchange, symbol, new, old, now))

    def _intervene(self, act: Callable[[Exchange, int], None]) -> None:
        self._reachable()
        act(self.exchange, self._clock.utc_ns())
        self._told()

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

    def wake(self) -> None:
        """Do what has become due: the timer calls it."""
        self._armed = NEVER
        self._timer = None
        if self._unready is not None:
            return
        now = self._clock.utc_ns()
        self.exchange.advance(now)
        self.exchange.match(now)
        while self._late and self._late[0][0] <= now:
            self._say(heappop(self._late)[2])
        self._told()

    def _arm(self, due: int) -> None:
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
        self._armed = due
        self._timer = self._loop.call_later(max(0.0, (due - self._clock.utc_ns()) / 1e9), self.wake)

    def _told(self) -> None:
        """Write what happened, then report it. When it cannot be written nobody is told, ever."""
        exchange = self.exchange
        out = exchange.out
        if out:
            exchange.out = []
            records = out if ANSWERS.isdisjoint(map(type, out)) else [each for each in out if type(each) not in ANSWERS]
            if not self._written(records):  # type: ignore[arg-type]
                return
            about, say = self._teller.about, self._report
            if self._delays:
                for happened in out:
                    for report in about(happened):
                        self._tell(happened, report)
            elif say is not None:
                for happened in out:
                    for report in about(happened):
                        say(report)
            state = exchange.state
            if len(state.closed) > state.keep_closed:
                state.trim()
        due = exchange.due
        if self._late and self._late[0][0] < due:
            due = self._late[0][0]
        if due < self._armed:
            self._arm(due)

    def _written(self, records: Sequence[Record]) -> bool:
        if not records:
            return True
        assert self._book is not None
        try:
            self._book.append(records)
        except OSError as error:
            # The exchange in memory is ahead of its book now. Only the book counts, so nothing is taken on or answered
            # any more, and an order that is not in the book was never taken in.
            self._unready = f"the paper book cannot be written: {error}"
            self._book.close()
            self._book = None
            for happened in records:
                if isinstance(happened, Accepted):
                    self._say(self._teller.refused(happened.id, self._unready))
            return False
        return True

    def _tell(self, happened: Record | Answer, report: Report) -> None:
        """Now, or later when reports take their time; reports about one order never overtake each other."""
        no = getattr(happened, "no", 0)
        now = self._clock.utc_ns()
        at = max(now, self._late_until.get(no, 0))
        if isinstance(happened, Filled):
            at = max(at, now + self._latency.to_client(f"{report.broker_client_id}:{happened.execution}"))
        if at <= now:
            self._late_until.pop(no, None)
            self._say(report)
            return
        self._late_until[no] = at
        self._sequence += 1
        heappush(self._late, (at, self._sequence, report))

    def _say(self, report: Report) -> None:
        if self._report is not None:
            self._report(report)

    def _reachable(self) -> Book:
        if self._book is None:
            raise BrokerUnreachable(self._unready or "not started")
        return self._book


def _book_name(now_ns: int) -> str:
    """Milliseconds in base 36: different for every book that is ever opened in one place."""
    number, name = now_ns // 1_000_000, ""
    while number:
        number, digit = divmod(number, 36)
        name = DIGITS[digit] + name
    return f"P{name or '0'}"
