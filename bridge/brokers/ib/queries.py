"""Questions to IB and their answers in the words of reports: found, proven absent, or no answer.

Open orders are those of every client; ended orders and executions are those since midnight of the account's day, which
is all that IB Gateway keeps (ADAPTERS B.2).
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from bridge.brokers.ib import wire
from bridge.brokers.ib.book import Book
from bridge.brokers.ib.contracts import Contracts
from bridge.brokers.ib.link import Link
from bridge.brokers.ib.listener import Listener
from bridge.brokers.ib.questions import IbRefused
from bridge.brokers.ib.tap import OrderStatus
from bridge.interfaces import BrokerUnreachable, Clock, Unprovable
from bridge.orders.events import Source
from bridge.orders.order import Order
from bridge.orders.reports import BrokerAccount, BrokerOrder, BrokerPosition, Executed
from fixspec.enums import OrdStatus

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENDED = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED})
TAGS = "NetLiquidation,TotalCashValue,BuyingPower"


class Queries:
    """Every question the adapter asks. All raise BrokerUnreachable when IB does not answer, or not completely."""

    def __init__(
        self,
        link: Link,
        book: Book,
        listener: Listener,
        contracts: Contracts,
        clock: Clock,
        zone: str,
        account: Callable[[str], str],
    ) -> None:
        """`zone`: the account's, whose midnight ends the day; `account`: our name of one of IB's."""
        self._account = account
        self._link = link
        self._book = book
        self._listener = listener
        self._contracts = contracts
        self._clock = clock
        self._zone = ZoneInfo(zone)

    async def open_orders(self) -> list[BrokerOrder]:
        """Everything that works, whoever made it."""
        rows = await self._link.ask_for("open", lambda client: client.reqAllOpenOrders())
        stated: dict[Any, tuple[Any, Any, Any]] = {}
        words: dict[int, OrderStatus] = {}
        for row in rows:
            if isinstance(row, OrderStatus):
                words[row.perm_id] = row
            else:
                stated[row[1].permId or (row[1].clientId, row[1].orderId)] = row
        listed = []
        for contract, order, state in stated.values():
            said = words.get(order.permId)
            status = wire.STATES.get(said.status if said is not None else state.status, OrdStatus.NEW)
            if status in ENDED:
                continue
            known = self._book.find(order.orderRef, order.clientId, order.orderId, order.permId)
            cum = said.filled if said is not None else known.cum if known is not None else Decimal(0)
            ref = known.ref if known is not None else order.orderRef or None
            average = said.average if said is not None and cum else None
            listed.append(self._order(contract, order, ref, status, cum, average))
        return listed

    async def completed(self) -> list[tuple[Any, Any, Any]]:
        """Today's ended orders as IB lists them."""
        return list(await self._link.ask_for("completed", lambda client: client.reqCompletedOrders(False)))

    async def fills(self, since: datetime | None = None) -> list[tuple[Any, Any]]:
        """Today's executions as IB lists them, of every client; `since` leaves earlier ones out."""
        from bridge.brokers.ib.transport import ExecutionFilter

        try:
            wanted = ExecutionFilter(time="" if since is None else f"{since.astimezone(UTC):%Y%m%d-%H:%M:%S}")
            return await self._link.ask(lambda client, number: client.reqExecutions(number, wanted))
        except IbRefused as error:
            raise BrokerUnreachable(f"executions: {error}") from error

    async def find(self, order: Order) -> BrokerOrder | None:
        """By orderRef over open orders, ended orders and executions. None: all three were told and it is in none.

        An order of an earlier day whose acceptance was never seen cannot be proven absent: IB does not tell what ended
        before midnight. That is no answer. One that was accepted and works no more is not at IB any more.
        """
        for listed in await self.open_orders():
            if self._is(order, listed.broker_client_id, listed.broker_order_id):
                return listed
        for contract, theirs, state in await self.completed():
            if self._is(order, theirs.orderRef, str(theirs.permId)):
                return self._ended(order, contract, theirs, state)
        fills = [
            said
            for said in self._latest(await self.fills())
            if self._is(order, said.broker_client_id, said.broker_order_id)
        ]
        if fills:
            return self._by_fills(order, fills)
        if not order.accepted and order.received < self._midnight():
            raise Unprovable("IB tells only what ended today, and this order is of an earlier day")
        return None

    def _is(self, order: Order, ref: str | None, perm: str | None) -> bool:
        """By our id; by permId only where no other id of ours contradicts. A change keeps the order's reference at IB,
        so its own id names the order only while the change is under way.
        """
        wanted = order.broker_client_id
        if wanted is not None and ref == wanted:
            return True
        if not perm or perm != order.broker_order_id:
            return False
        if wanted is None or not ref:
            return True
        known = self._book.by_perm(int(perm)) if perm.isdigit() else None
        asked = known.asked_for.pending_replace if known is not None and known.asked_for is not None else None
        return asked is not None and asked.broker_client_id == wanted and known is not None and not known.change_lost

    def _midnight(self) -> datetime:
        now = (EPOCH + timedelta(microseconds=self._clock.utc_ns() // 1000)).astimezone(self._zone)
        return now.replace(hour=0, minute=0, second=0, microsecond=0)

    def _ended(self, order: Order, contract: Any, theirs: Any, state: Any) -> BrokerOrder:
        cum = wire.quantity(theirs.filledQuantity)
        status = wire.STATES.get(state.status, OrdStatus.CANCELED)
        if status is OrdStatus.SUSPENDED:  # Inactive and ended: it was refused
            status = OrdStatus.CANCELED if cum else OrdStatus.REJECTED
        elif status is OrdStatus.CANCELED and "expire" in state.completedStatus.lower():
            status = OrdStatus.EXPIRED
        known = self._book.find(theirs.orderRef, 0, 0, theirs.permId)
        return self._order(
            contract, theirs, known.ref if known is not None else theirs.orderRef or None, status, cum, None, order
        )

    def _by_fills(self, order: Order, fills: Sequence[Executed]) -> BrokerOrder:
        cum = sum((each.last_qty for each in fills), Decimal(0))
        assert order.order_qty is not None
        return BrokerOrder(
            broker_client_id=order.broker_client_id,
            broker_order_id=fills[0].broker_order_id or "",
            account=fills[0].account or order.account,
            symbol=order.symbol,
            side=order.side,
            ord_type=order.ord_type,
            time_in_force=order.time_in_force,
            order_qty=order.order_qty,
            price=order.price,
            stop_px=order.stop_px,
            cum_qty=cum,
            avg_px=sum((each.last_qty * each.last_px for each in fills), Decimal(0)) / cum if cum else None,
            ord_status=OrdStatus.FILLED if cum >= order.order_qty else OrdStatus.PARTIALLY_FILLED,
        )

    def _order(
        self,
        contract: Any,
        order: Any,
        ref: str | None,
        status: OrdStatus,
        cum: Decimal,
        average: Decimal | None,
        ours: Order | None = None,
    ) -> BrokerOrder:
        terms = wire.terms_of(order)
        qty = terms.qty
        if not qty and ours is not None and ours.order_qty is not None:
            qty = ours.order_qty  # ended orders are listed without their quantity
        if status is OrdStatus.NEW and cum:
            status = OrdStatus.PARTIALLY_FILLED
        return BrokerOrder(
            broker_client_id=ref,
            broker_order_id=str(order.permId) if order.permId else "",
            account=self._account(order.account),
            symbol=self._contracts.symbol(contract),
            side=ours.side if ours is not None else wire.side_of(order.action),
            ord_type=wire.ord_type_of(order.orderType),
            time_in_force=wire.tif_of(order.orderType, order.tif),
            order_qty=qty or cum,
            price=terms.price,
            stop_px=terms.stop_px,
            cum_qty=cum,
            avg_px=average,
            ord_status=status,
        )

    async def executions(self, since: datetime) -> list[Executed]:
        """Since then, as far back as IB tells, oldest first; of corrected ones the newest form. IB's times are whole
        seconds, so the second in which `since` lies is part of it.
        """
        told = self._latest(await self.fills())
        first = since.replace(microsecond=0)
        recent = [each for each in told if each.transact_time is None or each.transact_time >= first]
        return sorted(recent, key=lambda each: each.transact_time or first)

    def _latest(self, rows: Sequence[tuple[Any, Any]]) -> list[Executed]:
        newest: dict[str, Executed] = {}
        for contract, said in rows:
            report = self._listener.executed(contract, said, Source.RECON)
            root = report.exec_root or report.broker_exec_id
            before = newest.get(root)
            if before is None or before.revision < report.revision:
                newest[root] = report
        return list(newest.values())

    async def positions(self) -> list[BrokerPosition]:
        """All accounts'. IB's average cost of a future or option is per contract, here it is per price unit."""
        rows = await self._link.ask_for("positions", lambda client: client.reqPositions())
        newest = {(account, contract.conId): (account, contract, qty, cost) for account, contract, qty, cost in rows}
        marks = self._link.tap.marks
        return [
            BrokerPosition(
                account=self._account(account),
                symbol=self._contracts.symbol(contract),
                qty=qty,
                avg_px=cost / self._contracts.multiplier(contract),
                mark=marks.get((account, contract.conId)),
            )
            for account, contract, qty, cost in newest.values()
            if qty
        ]

    async def accounts(self) -> list[BrokerAccount]:
        """Cash, equity and buying power of every account under the login. An account counts as a margin account when
        its buying power is above its equity: IB names no other sign of it.
        """
        numbers: list[int] = []

        def send(client: Any, number: int) -> None:
            numbers.append(number)
            client.reqAccountSummary(number, "All", TAGS)

        try:
            rows = await self._link.ask(send)
        except IbRefused as error:
            raise BrokerUnreachable(f"account summary: {error}") from error
        finally:
            self._end_summaries(numbers)
        now = self._clock.utc_ns()
        figures: dict[str, dict[str, tuple[str, str]]] = {}
        for account, tag, value, currency in rows:
            figures.setdefault(account, {})[tag] = (value, currency)
        stated = []
        for account, told in figures.items():
            if not all(tag in told for tag in TAGS.split(",")):
                raise BrokerUnreachable(f"account summary of {account} is not complete: {', '.join(sorted(told))}")
            equity, buying_power = wire.quantity(told["NetLiquidation"][0]), wire.quantity(told["BuyingPower"][0])
            margin = buying_power > equity > 0
            stated.append(
                BrokerAccount(
                    account=self._account(account),
                    currency=told["NetLiquidation"][1],
                    cash=wire.quantity(told["TotalCashValue"][0]),
                    equity=equity,
                    buying_power=buying_power,
                    taken_ns=now,
                    margin_account=margin,
                    shorting_allowed=margin,
                )
            )
        return stated

    def _end_summaries(self, numbers: Sequence[int]) -> None:
        from bridge.brokers.ib.pacer import Lane

        def end(client: Any) -> None:
            for number in numbers:
                client.cancelAccountSummary(number)

        if self._link.up:
            self._link.put(Lane.QUESTION, end)
