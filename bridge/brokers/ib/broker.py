"""The adapter: orders → IB's calls, and the life of one login to TWS or IB Gateway.

IB keeps the orders. What is kept here translates: ids, terms asked for, requests without an answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog

from bridge.brokers.ib import codes, contracts, wire
from bridge.brokers.ib.book import Book, Known
from bridge.brokers.ib.contracts import Contracts, Resolved, Unresolved
from bridge.brokers.ib.ids import OrderIds
from bridge.brokers.ib.link import Link, NotAllowed
from bridge.brokers.ib.listener import Listener
from bridge.brokers.ib.options import IbOptions, endpoint, require_library
from bridge.brokers.ib.pacer import Lane
from bridge.brokers.ib.queries import Queries
from bridge.brokers.ib.questions import IbRefused
from bridge.brokers.ib.tap import OrderStatus, Tap
from bridge.interfaces import BrokerUnreachable, Capabilities, Clock, Fence
from bridge.orders.events import Mode, Request
from bridge.orders.market import Instrument
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode
from bridge.orders.reports import (
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    Canceled,
    CancelRefused,
    Executed,
    NoAnswer,
    Refused,
    ReplaceRefused,
    Report,
)
from fixspec.enums import CxlRejReason, TimeInForce

log = structlog.get_logger("bridge.brokers.ib")

MARGIN = timedelta(minutes=1)
LOOKS = 3
"""How often executions are asked for that a status spoke of, before IB is taken at its word that there are none."""


class IbBroker:
    """Implements `bridge.interfaces.BrokerAdapter`.

    `on_reconnected` is awaited after every login and outage, before the adapter is ready: who sets it compares our book
    with IB's.

    The fence is `none`: TWS refuses a client id that is in use, so a login does end the older connection, but what TWS
    has read of that and not yet passed on has not been measured at IB. Absence takes two lists, `settle` apart.
    """

    fence = Fence.NONE
    capabilities = Capabilities(
        ord_types=frozenset(wire.ORD_TYPES),
        times_in_force=frozenset({*wire.TIMES, TimeInForce.CLOSE}),
        short=True,
        extended_hours=True,
        exec_insts=frozenset({"E", "G", "min_qty"}),
        max_orders_per_second=36.0,
        notes=(
            "Stocks and ETFs by SMART, futures, forex at IDEALPRO, options by their OSI symbol; no crypto",
            "Prices on IB's increments (market rules); order types and times in force as the contract lists them",
            "TradingSessionID(336)=EXT: outsideRth; CLOSE: MOC and LOC; OPENING: OPG",
            "A replace keeps side and type; only the client id that made an order changes or cancels it",
            "Executions and ended orders can be asked for since midnight of the account's day",
            "40 messages a second for everything, cancels first",
        ),
    )

    def __init__(
        self,
        *,
        clock: Clock,
        instrument: Callable[[str], Instrument | None],
        directory: Path | None,
        name: str = "ib",
        mode: Mode = Mode.PAPER,
        address: str | None = None,
        account: str | None = None,
        options: IbOptions | None = None,
        symbols: Sequence[str] = (),
    ) -> None:
        """`address` is host:port; `account` must be under the login; `directory` keeps the order ids (None: nowhere,
        which is for tests); contracts of `symbols` are asked for at the login, those of others with their first order.

        Raises LibraryMissing, ValueError for a wrong address or a damaged id file.
        """
        require_library()
        self.name = name
        self.mode = mode
        self._options = options = options or IbOptions()
        self.settle = options.settle
        self._clock = clock
        self._theirs = dict(options.accounts)
        self._ours = {theirs: ours for ours, theirs in self._theirs.items()}
        self._account = account
        self.host, self.port = endpoint(address, mode)
        path = None if directory is None else directory / f"{name}-{options.client_id}.ids"
        self.ids = OrderIds(path)
        self.book = Book(options.client_id)
        self.link = Link(
            self,
            options,
            self.host,
            self.port,
            logged_in=self._logged_in,
            lost=self._lost_connection,
            failed=self._not_connected,
        )
        self._contracts = Contracts(
            instrument=instrument,
            named=options.contracts,
            ask=lambda wanted: self.link.ask(lambda client, number: client.reqContractDetails(number, wanted)),
            ask_rule=lambda rule: self.link.ask_for(f"rule {rule}", lambda client: client.reqMarketRule(rule)),
            clock=clock,
        )
        self.listener = Listener(
            name,
            self.book,
            say=self._say,
            symbol=self._contracts.symbol,
            check=self._doubt,
            again=self._again,
            cancel=self._cancel_now,
            later=self._later,
            account=self._our_account,
            patience=options.patience,
        )
        self._queries = Queries(
            self.link, self.book, self.listener, self._contracts, clock, options.timezone, self._our_account
        )
        self._symbols = tuple(symbols)
        self.on_reconnected: Callable[[], Awaitable[Any]] | None = None
        self._report: Callable[[Report], None] | None = None
        self._unready: str | None = "not started"
        self._servers_lost = False
        self._comparing = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._resolving: dict[str, Order] = {}  # our id → order whose contract is asked for
        self._learning: set[str] = set()
        self._doubts: dict[int, Known] = {}
        self._doubt_at: float | None = None
        self.unreadable_count = 0

    @property
    def unready(self) -> str | None:
        """Why opening orders are refused now, or None."""
        return self._unready

    async def start(self, report: Callable[[Report], None]) -> None:
        """Log in and compare. Raises BrokerUnreachable; then it goes on trying until `stop`. Raises NotAllowed when
        the login is not what was configured.
        """
        self._report = report
        self._unready = "connecting to IB"
        await self.link.open()

    async def stop(self) -> None:
        """Disconnect; orders stay at IB."""
        self._unready = "stopped"
        await self.link.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lost("stopped")
        self._unready = "stopped"
        self._report = None

    # --- requests ----------------------------------------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        """Acknowledged, Refused or NoAnswer comes later. What is refused here has not left."""
        ref = order.broker_client_id
        if self._unready is not None:
            self._refused(order, self._unready_code(), f"not sent: {self._unready}")
            return
        known = self.book.by_ref(ref)
        if known is not None or ref in self._resolving:
            # IB would take the same reference twice: it is sent once, and its outcome is asked for
            self._say(self._no_answer(order, Request.SUBMIT, "the order was sent before"))
            return
        rejection = contracts.unsupported(order)
        if rejection is not None:
            self._refused(order, rejection.code, rejection.text)
            return
        found = self._contracts.get(order.symbol)
        if found is not None:
            self._place(order, found)
            return
        assert ref is not None
        self._resolving[ref] = order
        self._spawn(self._resolve_and_place(order))

    async def _resolve_and_place(self, order: Order) -> None:
        ref = order.broker_client_id or ""
        began = self._clock.monotonic()
        code, text = ReasonCode.BROKER_UNAVAILABLE, ""
        found: Resolved | None = None
        try:
            found = await self._contracts.resolve(order.symbol)
        except Unresolved as error:
            code, text = error.code, str(error)
        except (BrokerUnreachable, IbRefused) as error:
            text = f"the contract is not known: {error}"
        if self._resolving.pop(ref, None) is None:
            return  # cancelled meanwhile
        if self._clock.monotonic() - began > self._options.max_order_age:
            code, text, found = ReasonCode.STALE_ORDER, "IB took too long to name the contract", None
        elif self._unready is not None:
            code, text, found = self._unready_code(), f"not sent: {self._unready}", None
        if found is None:
            self._refused(order, code, text)
        else:
            self._place(order, found)

    def _place(self, order: Order, found: Resolved) -> None:
        rejection = contracts.check(order, found)
        if rejection is not None:
            self._refused(order, rejection.code, rejection.text)
            return
        account = self._account_of(order)
        if account is None:
            self._refused(order, ReasonCode.ACCOUNT_UNKNOWN, f"{order.account} is not under this login")
            return
        try:
            order_id = self.ids.take()
        except OSError as error:
            self._refused(order, ReasonCode.INTERNAL, f"no order id can be recorded: {error}")
            return
        known = Known(order.broker_client_id, self._options.client_id, order_id, 0)
        known.order, known.contract, known.account = order, found.contract, account
        known.symbol, known.side, known.terms = order.symbol, order.side, wire.terms(order)
        self.book.add(known)
        self._send(known)

    def _send(self, known: Known) -> None:
        order = known.order
        assert order is not None
        sent_by = self._clock.monotonic() + self._options.max_order_age

        def leave(client: Any) -> None:
            if self._clock.monotonic() > sent_by:
                self.listener.refuse(known, ReasonCode.STALE_ORDER, "waited too long for IB's message rate")
                return
            client.placeOrder(known.order_id, known.contract, self._ib_order(known, order, order))
            self._later(self._options.answer_timeout, lambda: self._unanswered(known))

        try:
            known.submit_ticket = self.link.put(Lane.ORDER, leave)
        except BrokerUnreachable as error:
            self.listener.refuse(known, ReasonCode.BROKER_UNAVAILABLE, f"not sent: {error}")

    def _ib_order(self, known: Known, order: Order, now: Any) -> Any:
        from bridge.brokers.ib.transport import IbOrder

        return wire.fill(IbOrder(), order, now, known.account)

    def _again(self, known: Known) -> None:
        """103: the id was another order's; the same order under a fresh one."""
        try:
            self.book.renumber(known, self.ids.take())
        except OSError as error:
            self.listener.refuse(known, ReasonCode.INTERNAL, f"no order id can be recorded: {error}")
            return
        log.warning("order id was in use, sent under a fresh one", ref=known.ref, order_id=known.order_id)
        self._send(known)

    def replace(self, order: Order) -> None:
        """placeOrder under the same id with the whole new order. Replaced comes when IB states the new terms."""
        pending = order.pending_replace
        assert pending is not None
        known = self._known(order)
        refusal = self._cannot_replace(order, known)
        if refusal is not None:
            reason, text = refusal
            self._say(
                ReplaceRefused(
                    broker=self.name, broker_client_id=order.broker_client_id, cxl_rej_reason=reason, text=text
                )
            )
            return
        assert known is not None
        asked = wire.terms(pending)

        def leave(client: Any) -> None:
            client.placeOrder(known.order_id, known.contract, self._ib_order(known, order, pending))
            self._later(self._options.answer_timeout, lambda: self._change_unanswered(known, asked))

        known.asked, known.asked_for, known.asked_heard, known.change_lost = asked, order, False, False
        known.replace_ticket = self.link.put(Lane.ORDER, leave)

    def _cannot_replace(self, order: Order, known: Known | None) -> tuple[CxlRejReason, str] | None:
        pending = order.pending_replace
        assert pending is not None
        option = CxlRejReason.BROKER_OPTION
        if not self.link.up or self._servers_lost:
            # a change that IB takes during an outage can leave two living orders
            return option, f"not sent: {self._unready or 'IB lost its servers'}"
        if known is None or (known.client_id == self._options.client_id and known.order_id == 0):
            return CxlRejReason.UNKNOWN_ORDER, "IB does not list this order"
        if known.ended is not None:
            return CxlRejReason.TOO_LATE_TO_CANCEL, f"the order is {known.ended}"
        if known.client_id != self._options.client_id:
            return option, f"only client id {known.client_id} may change this order"
        if known.asked is not None:
            return CxlRejReason.ORDER_ALREADY_IN_PENDING_STATUS, "a change is under way"
        if pending.ord_type is not order.ord_type or pending.side is not order.side:
            return option, "IB keeps side and type of an order"
        if pending.order_qty <= known.cum:
            return CxlRejReason.TOO_LATE_TO_CANCEL, f"{known.cum:f} are filled"
        found = self._contracts.get(order.symbol)
        rejection = contracts.check(pending, found) if found is not None else None
        return None if rejection is None else (option, rejection.text)

    def cancel(self, order: Order) -> None:
        """Cancel by order id; may be repeated. One that has not left yet is withdrawn."""
        ref = order.broker_client_id
        if ref is not None and self._resolving.pop(ref, None) is not None:
            self._say(Canceled(broker=self.name, broker_client_id=ref))
            return
        known = self._known(order)
        ticket = known.submit_ticket if known is not None and known.ended is None else None
        if known is not None and ticket is not None and ticket.withdraw():
            self.book.end(known, "canceled")
            self._say(Canceled(broker=self.name, broker_client_id=ref))
            return
        if not self.link.up:
            if known is not None and known.ended is None:
                known.canceling = True
            self._say(self._no_answer(order, Request.CANCEL, f"not sent: {self._unready}"))
            return
        if known is None or (known.order_id == 0 and known.client_id == self._options.client_id):
            self._say(self._no_answer(order, Request.CANCEL, "IB has not listed this order"))
            return
        if known.ended is not None:
            self._cancel_refused(order, CxlRejReason.TOO_LATE_TO_CANCEL, f"the order is {known.ended}")
            self._doubt(known, 0.0)
        elif known.order_id == 0:
            self._cancel_refused(
                order, CxlRejReason.BROKER_OPTION, "made by hand in TWS: only client id 0 may cancel it"
            )
        elif known.client_id != self._options.client_id:
            self._cancel_refused(
                order, CxlRejReason.BROKER_OPTION, f"only client id {known.client_id} may cancel this order"
            )
        else:
            self._cancel_now(known)

    def _cancel_now(self, known: Known) -> None:
        known.canceling = True
        order_id = known.order_id

        def leave(client: Any) -> None:
            client.cancelOrder(order_id, "")
            self._later(self._options.answer_timeout, lambda: self._cancel_unanswered(known))

        try:
            known.cancel_ticket = self.link.put(Lane.CANCEL, leave)
        except BrokerUnreachable as error:
            self.listener.no_answer(known, Request.CANCEL, str(error))

    # --- questions ---------------------------------------------------------------------------------------------------

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """Everything that works, of every client and by hand."""
        listed = await self._queries.open_orders()
        self._settle_changes({each.broker_client_id for each in listed})
        return listed

    async def find(self, order: Order) -> BrokerOrder | None:
        """By orderRef over open orders, today's ended orders and executions."""
        return await self._queries.find(order)

    async def executions(self, since: datetime) -> Sequence[Executed]:
        """Since then, as far back as midnight of the account's day."""
        return await self._queries.executions(since)

    async def positions(self) -> Sequence[BrokerPosition]:
        """All positions of all accounts."""
        return await self._queries.positions()

    async def accounts(self) -> Sequence[BrokerAccount]:
        """Every account under the login."""
        return await self._queries.accounts()

    # --- the life of logins ------------------------------------------------------------------------------------------

    async def _logged_in(self, tap: Tap) -> None:
        self._may_trade(tap.accounts)
        try:
            self.ids.login(tap.next_valid_id)
        except OSError as error:
            raise NotAllowed(f"order ids cannot be recorded: {error}") from error
        if not self._servers_lost:
            self._unready = "comparing with IB after the login"
        if self._options.client_id == 0:
            # orders made by hand in TWS get an order id of ours, and can be cancelled
            self.link.put(Lane.QUESTION, lambda client: client.reqAutoOpenOrders(True))
        if len(tap.accounts) == 1:
            self.link.put(Lane.QUESTION, lambda client: client.reqAccountUpdates(True, tap.accounts[0]))
        await self._compare_until_ready()
        self._spawn(self._learn())
        log.info("logged in to IB", broker=self.name, accounts=len(tap.accounts), logins=self.link.logins)

    async def _learn(self) -> None:
        """Ask for contracts before they are needed: increments, and hours, without which orders are refused."""
        for symbol in self._symbols:
            await self._learn_one(symbol)

    async def _learn_one(self, symbol: str) -> None:
        if symbol in self._learning:
            return
        self._learning.add(symbol)
        try:
            await self._contracts.resolve(symbol)
        except Unresolved as error:
            log.info("IB has no such contract", symbol=symbol, reason=str(error))
        except (BrokerUnreachable, IbRefused) as error:
            log.warning("contract not learnt", symbol=symbol, reason=str(error))
        finally:
            self._learning.discard(symbol)

    def market_open(self, instrument: Instrument, now_ns: int) -> bool | None:
        """Whether IB can trade it now, extended hours included; None when IB has not told, and then it is asked."""
        found = self._contracts.get(instrument.symbol)
        known = None if found is None else contracts.is_open(found, now_ns)
        if known is None and found is None and self.link.up:
            self._spawn(self._learn_one(instrument.symbol))
        return known

    @property
    def reconnects(self) -> int:
        """Logins after the first."""
        return max(0, self.link.logins - 1)

    def _may_trade(self, accounts: tuple[str, ...]) -> None:
        """The login must be of the mode that was configured: IB's paper accounts begin with D."""
        paper = [name for name in accounts if name.startswith("D")]
        if self.mode is Mode.PAPER and len(paper) != len(accounts):
            raise NotAllowed("this login has live accounts, and the BrokerSpec is for paper")
        if self.mode is Mode.LIVE and paper:
            raise NotAllowed("this login has paper accounts, and the BrokerSpec is live")
        wanted = {*self._theirs.values(), *([self._account] if self._account else [])}
        missing = wanted - set(accounts)
        if missing:
            raise NotAllowed(f"account {', '.join(sorted(missing))} is not under this login")

    async def _compare(self) -> None:
        """Open orders, ended ones, executions: what they change is told as it comes; then cancels are repeated."""
        listed = await self._queries.open_orders()
        await self._queries.fills()
        for row in await self._queries.completed():
            self.listener.completed(*row)
        self.listener.caught_up = True
        self._settle_changes({each.broker_client_id for each in listed})
        for known in self.book:
            self.listener.conclude(known, at_last=True)
            if known.ended is None and known.canceling and known.order_id:
                self._cancel_now(known)

    def _settle_changes(self, listed: set[str | None]) -> None:
        """A change lost with a connection is over when two lists, `settle` apart, have the old terms."""
        now = self._clock.monotonic()
        for known in self.book:
            if known.asked is None or not known.change_lost or known.ref not in listed:
                continue
            if known.old_terms_since is None:
                known.old_terms_since = now
                self._later(self.settle, lambda known=known: self._doubt(known, 0.0))  # type: ignore[misc]
            elif now - known.old_terms_since >= self.settle:
                known.asked = known.asked_for = known.old_terms_since = None
                known.change_lost = False
                self._say(ReplaceRefused(broker=self.name, broker_client_id=known.ref, text="IB works the old terms"))

    def _not_connected(self, why: str) -> None:
        if self._unready != "stopped":
            self._unready = f"not connected to IB: {why}"

    def _lost_connection(self, why: str) -> None:
        self._servers_lost = False
        self._not_connected(why)
        self._lost(why)

    def _lost(self, why: str) -> None:
        """Whatever was under way has no answer; what had not left is refused."""
        for ref, order in list(self._resolving.items()):
            del self._resolving[ref]
            self._refused(order, ReasonCode.BROKER_UNAVAILABLE, f"not sent: {why}")
        for known in self.book:
            ticket = known.submit_ticket
            if ticket is not None and not ticket.sent and not ticket.withdrawn and not known.heard:
                ticket.withdraw()
                self.listener.refuse(known, ReasonCode.BROKER_UNAVAILABLE, f"not sent: {why}")
                continue
            if known.unanswered:
                self.listener.no_answer(known, Request.SUBMIT, why)
            if known.asked is not None:
                known.change_lost, known.old_terms_since = True, None
                self.listener.no_answer(known, Request.REPLACE, why)
            if known.canceling:
                self.listener.no_answer(known, Request.CANCEL, why)

    # --- what the tap hears ------------------------------------------------------------------------------------------

    def open_order(self, contract: Any, order: Any, state: Any) -> None:
        """tap.Hears."""
        if order.clientId == self._options.client_id:
            self.ids.seen(order.orderId)
        self.listener.open_order(contract, order, state)

    def order_status(self, status: OrderStatus) -> None:
        """tap.Hears."""
        self.listener.order_status(status)

    def execution(self, contract: Any, execution: Any, live: bool) -> None:
        """tap.Hears."""
        self.listener.execution(contract, execution, live)

    def commission(self, exec_id: str, commission: Decimal, currency: str) -> None:
        """tap.Hears."""
        self.listener.commission(exec_id, commission, currency)

    def order_error(self, order_id: int, code: int, text: str) -> None:
        """tap.Hears."""
        self.listener.order_error(order_id, code, text)

    def next_id(self, order_id: int) -> None:
        """tap.Hears."""
        self.ids.seen(order_id - 1)

    def unreadable(self, kind: str, text: str) -> None:
        """tap.Hears: something was said that is not known now, so everything is asked for again."""
        self.unreadable_count += 1
        if self._unready is None:
            self._spawn(self._compare_again())

    def notice(self, code: int, text: str) -> None:
        """Notices on no request: 1100 comes in floods, only its first changes anything."""
        if code in {codes.LOST, codes.SERVER_BROKEN}:
            if not self._servers_lost:
                self._servers_lost = True
                self._unready = "IB lost the connection to its servers (1100)"
                log.warning("IB lost its servers", code=code, text=text)
        elif code in {codes.BACK, codes.BACK_DATA_LOST}:
            log.warning("IB has its servers back", code=code, text=text)
            if self._servers_lost or self._unready is None:
                self._servers_lost = False
                self._unready = "comparing with IB after an outage"
                self._spawn(self._compare_again())
        elif code in codes.QUIET:
            log.info("notice of IB", code=code, text=text)
        else:
            self.listener.unknown[code] += 1
            log.warning("IB says", code=code, text=text)

    async def _compare_until_ready(self) -> None:
        """Ready when no comparison is under way any more and IB has its servers."""
        self._comparing += 1
        try:
            await self._compare()
            if self.on_reconnected is not None:
                await self.on_reconnected()
        finally:
            self._comparing -= 1
        if not self._comparing and not self._servers_lost and self.link.up:
            self._unready = None

    async def _compare_again(self) -> None:
        try:
            await self._compare_until_ready()
        except BrokerUnreachable as error:
            if self.link.up:
                self.link.give_up(f"not compared after an outage: {error}")

    # --- doubts ------------------------------------------------------------------------------------------------------

    def _doubt(self, known: Known, delay: float) -> None:
        """Ask for the order's executions and state in `delay` seconds; many doubts share the questions."""
        if delay and known.doubts >= LOOKS:
            return
        self._doubts[id(known)] = known
        at = asyncio.get_running_loop().time() + delay
        if self._doubt_at is None or at < self._doubt_at - 0.01:
            self._doubt_at = at
            self._later(delay, lambda: self._look(at))

    def _look(self, at: float) -> None:
        if self._doubt_at == at:
            self._doubt_at = None
            self._spawn(self._look_up())

    async def _look_up(self) -> None:
        doubted, self._doubts = list(self._doubts.values()), {}
        for known in doubted:
            known.doubts += 1
        try:
            await self._queries.fills(self._sent_since(doubted))
            if any(known.ended is None for known in doubted):
                listed = await self._queries.open_orders()
                for row in await self._queries.completed():
                    self.listener.completed(*row)
                self._settle_changes({each.broker_client_id for each in listed})
        except BrokerUnreachable as error:
            log.warning("IB did not answer about orders in doubt", orders=len(doubted), error=str(error))
            return
        for known in doubted:
            self.listener.conclude(known, at_last=known.doubts >= LOOKS)

    def _sent_since(self, doubted: Sequence[Known]) -> datetime | None:
        """When the oldest of them was sent: a busy day's executions need not be told again for each. None: all day."""
        times = [known.order.received for known in doubted if known.order is not None]
        return min(times) - MARGIN if times and len(times) == len(doubted) else None

    def _unanswered(self, known: Known) -> None:
        if known.unanswered:
            self.listener.no_answer(known, Request.SUBMIT, f"no word in {self._options.answer_timeout:g} s")

    def _change_unanswered(self, known: Known, asked: wire.Terms) -> None:
        if known.asked is asked and not known.asked_heard and known.ended is None:
            text = f"no word in {self._options.answer_timeout:g} s"
            self.listener.no_answer(known, Request.REPLACE, text)

    def _cancel_unanswered(self, known: Known) -> None:
        if known.canceling and known.ended is None:
            text = f"no word in {self._options.answer_timeout:g} s"
            self.listener.no_answer(known, Request.CANCEL, text)

    # --- small things ------------------------------------------------------------------------------------------------

    def _known(self, order: Order) -> Known | None:
        known = self.book.by_ref(order.broker_client_id)
        if known is None and order.broker_order_id and order.broker_order_id.isdigit():
            known = self.book.by_perm(int(order.broker_order_id))
        return known

    def _account_of(self, order: Order) -> str | None:
        """The account at IB, always named."""
        wanted = self._theirs.get(order.account, order.account)
        return wanted if wanted in self.link.tap.accounts else None

    def _our_account(self, theirs: str) -> str:
        return self._ours.get(theirs, theirs)

    def _unready_code(self) -> ReasonCode:
        comparing = self._unready is not None and self._unready.startswith("comparing")
        return ReasonCode.RECONCILING if comparing else ReasonCode.BROKER_UNAVAILABLE

    def _refused(self, order: Order, code: ReasonCode, text: str) -> None:
        self._say(Refused(broker=self.name, broker_client_id=order.broker_client_id, code=code, text=text))

    def _cancel_refused(self, order: Order, reason: CxlRejReason, text: str) -> None:
        self._say(
            CancelRefused(
                broker=self.name,
                broker_client_id=order.broker_client_id,
                broker_order_id=order.broker_order_id,
                cxl_rej_reason=reason,
                text=text,
            )
        )

    def _no_answer(self, order: Order, request: Request, text: str) -> NoAnswer:
        return NoAnswer(
            broker=self.name,
            broker_client_id=order.broker_client_id,
            broker_order_id=order.broker_order_id,
            request=request,
            text=text,
        )

    def _say(self, report: Report) -> None:
        if self._report is not None:
            self._report(report)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, call)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
