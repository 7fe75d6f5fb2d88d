"""The exchange's records in the words of broker reports, and what it says when it is asked."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bridge.brokers.paper.orders import Execution, PaperOrder
from bridge.brokers.paper.records import (
    ZERO,
    Accepted,
    Answer,
    Busted,
    Canceled,
    CancelRefusal,
    Corrected,
    Expired,
    Filled,
    Record,
    Rejected,
    Repeated,
    Replaced,
    ReplaceRefusal,
    Restated,
    Suspended,
    Triggered,
)
from bridge.brokers.paper.state import State
from bridge.orders import reports
from bridge.orders.events import Request
from bridge.orders.reports import BrokerOrder, Report
from fixspec.enums import LastLiquidityInd, OrdStatus

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ADDED, REMOVED = LastLiquidityInd.ADDED_LIQUIDITY, LastLiquidityInd.REMOVED_LIQUIDITY


class Teller:
    """Builds reports for one broker name.

    Ids: an order's is `<book>-<no>`, its k-th execution's `<book>-<no>-<k>`, a revision of that `<book>-<no>-<k>.<r>`.
    """

    def __init__(self, broker: str, state: State) -> None:
        self._broker = broker
        self._state = state
        self._stamp = (0, EPOCH)
        self._words: dict[type[Any], Callable[[Any], Iterable[Report]]] = {
            Accepted: self._accepted,
            Rejected: self._rejected,
            Triggered: self._triggered,
            Filled: self._filled,
            Corrected: self._corrected,
            Busted: self._busted,
            Replaced: self._replaced,
            Restated: self._restated,
            Suspended: self._suspended,
            Canceled: self._canceled,
            Expired: self._expired,
            CancelRefusal: self._cancel_refused,
            ReplaceRefusal: self._replace_refused,
            Repeated: self._repeated,
        }

    def about(self, happened: Record | Answer) -> Iterable[Report]:
        """What a client is told about it; nothing for what only the exchange needs to know."""
        words = self._words.get(type(happened))
        return () if words is None else words(happened)

    def order_id(self, no: int) -> str:
        """The exchange's own order id."""
        return f"{self._state.book}-{no}"

    def time(self, ns: int) -> datetime:
        """UTC ns as a datetime; the last one is remembered, because an acknowledgement's and its fill's are often
        equal.
        """
        stamp = self._stamp
        if stamp[0] != ns:
            micros = ns // 1000
            stamp = self._stamp = (ns, EPOCH + timedelta(0, micros // 1_000_000, micros % 1_000_000))
        return stamp[1]

    # --- reports -----------------------------------------------------------------------------------------------------

    def _accepted(self, record: Accepted) -> Iterable[Report]:
        state = self._state
        order = state.orders[record.no]
        return (
            reports.Acknowledged(
                broker=self._broker,
                broker_client_id=order.id,
                broker_order_id=f"{state.book}-{record.no}",
                transact_time=self.time(record.at),
                held=not order.triggered if order.place is None else self._held(order),
            ),
        )

    def _acknowledged(self, order: PaperOrder, at: int | None, *, held: bool) -> Report:
        return reports.Acknowledged(
            broker=self._broker,
            broker_client_id=order.id,
            broker_order_id=self.order_id(order.no),
            transact_time=None if at is None else self.time(at),
            held=held,
        )

    def _held(self, order: PaperOrder) -> bool:
        return not order.triggered or order.place is self._state.markets[order.symbol].sleeping

    def _rejected(self, record: Rejected) -> Iterable[Report]:
        return (
            reports.Refused(
                broker=self._broker,
                broker_client_id=record.id,
                transact_time=self.time(record.at),
                code=record.code,
                text=record.text,
                broker_code=record.broker_code,
            ),
        )

    def _triggered(self, record: Triggered) -> Iterable[Report]:
        return (self._acknowledged(self._state.orders[record.no], record.at, held=False),)

    def _filled(self, record: Filled) -> Iterable[Report]:
        state = self._state
        order = state.orders[record.no]
        order_id = f"{state.book}-{record.no}"
        exec_id = f"{order_id}-{record.execution}"
        return (
            reports.Executed(
                broker=self._broker,
                broker_client_id=order.id,
                broker_order_id=order_id,
                transact_time=self.time(record.at),
                broker_exec_id=exec_id,
                exec_root=exec_id,
                symbol=order.symbol,
                side=order.side,
                account=order.account,
                last_qty=record.qty,
                last_px=record.px,
                liquidity=ADDED if record.made else REMOVED,
                commission=record.fee * record.rate if record.fee else ZERO,
            ),
        )

    def executed(self, order: PaperOrder, number: int) -> reports.Executed:
        """The `number`th execution of an order as it stands now."""
        done = order.executions[number - 1]
        root = f"{self._state.book}-{order.no}-{number}"
        return reports.Executed(
            broker=self._broker,
            broker_client_id=order.id,
            broker_order_id=self.order_id(order.no),
            transact_time=self.time(done.at),
            broker_exec_id=f"{root}.{done.revision}" if done.revision else root,
            exec_root=root,
            revision=done.revision,
            symbol=order.symbol,
            side=order.side,
            account=order.account,
            last_qty=done.qty,
            last_px=done.px,
            liquidity=ADDED if done.made else REMOVED,
            commission=done.fee * done.rate,
        )

    def _corrected(self, record: Corrected) -> Iterable[Report]:
        return (self.executed(self._state.orders[record.no], record.execution),)

    def _busted(self, record: Busted) -> Iterable[Report]:
        order = self._state.orders[record.no]
        root = f"{self._state.book}-{record.no}-{record.execution}"
        return (
            reports.Busted(
                broker=self._broker,
                broker_client_id=order.id,
                broker_order_id=self.order_id(record.no),
                transact_time=self.time(record.at),
                exec_root=root,
                broker_exec_id=f"{root}.{record.revision}",
            ),
        )

    def _replaced(self, record: Replaced) -> Iterable[Report]:
        return (
            reports.Replaced(
                broker=self._broker,
                broker_client_id=record.id,
                broker_order_id=self.order_id(record.no),
                transact_time=self.time(record.at),
                order_qty=record.qty,
                price=record.price,
                stop_px=record.stop_px,
            ),
        )

    def _restated(self, record: Restated) -> Iterable[Report]:
        return (
            reports.Restated(
                broker=self._broker,
                broker_client_id=self._state.orders[record.no].id,
                broker_order_id=self.order_id(record.no),
                transact_time=self.time(record.at),
                reason=record.reason,
                order_qty=record.qty,
                price=record.price,
                stop_px=record.stop_px,
                text=record.text,
            ),
        )

    def _suspended(self, record: Suspended) -> Iterable[Report]:
        return (
            reports.Suspended(
                broker=self._broker,
                broker_client_id=self._state.orders[record.no].id,
                broker_order_id=self.order_id(record.no),
                transact_time=self.time(record.at),
                text=record.text,
            ),
        )

    def _canceled(self, record: Canceled) -> Iterable[Report]:
        return (
            reports.Canceled(
                broker=self._broker,
                broker_client_id=self._state.orders[record.no].id,
                broker_order_id=self.order_id(record.no),
                transact_time=self.time(record.at),
                reason=record.reason,
                text=record.text,
            ),
        )

    def _expired(self, record: Expired) -> Iterable[Report]:
        return (
            reports.Expired(
                broker=self._broker,
                broker_client_id=self._state.orders[record.no].id,
                broker_order_id=self.order_id(record.no),
                transact_time=self.time(record.at),
                text=record.text,
            ),
        )

    def _cancel_refused(self, answer: CancelRefusal) -> Iterable[Report]:
        return (
            reports.CancelRefused(
                broker=self._broker,
                broker_client_id=answer.id,
                cxl_rej_reason=answer.reason,
                text=answer.text,
            ),
        )

    def _replace_refused(self, answer: ReplaceRefusal) -> Iterable[Report]:
        return (
            reports.ReplaceRefused(
                broker=self._broker,
                broker_client_id=answer.id,
                cxl_rej_reason=answer.reason,
                text=answer.text,
            ),
        )

    def _repeated(self, answer: Repeated) -> Iterable[Report]:
        """The same answers as the first time, with the same ids."""
        if not answer.no:
            text = "The id was used long ago: the order must be asked for"
            return (self.unanswered(answer.id, Request.SUBMIT, text),)
        order = self._state.orders[answer.no]
        said: list[Report] = [self._acknowledged(order, None, held=self._held(order))]
        said.extend(self.executed(order, number) for number, done in enumerate(order.executions, 1) if done.qty)
        if order.closed is OrdStatus.CANCELED:
            said.append(self._ended(reports.Canceled, order))
        elif order.closed is OrdStatus.EXPIRED:
            said.append(self._ended(reports.Expired, order))
        return said

    def _ended(self, kind: type[reports.Canceled] | type[reports.Expired], order: PaperOrder) -> Report:
        return kind(
            broker=self._broker,
            broker_client_id=order.id,
            broker_order_id=self.order_id(order.no),
        )

    def unanswered(self, client_id: str | None, request: Request, text: str) -> Report:
        """Nobody knows what became of a request."""
        return reports.NoAnswer(broker=self._broker, broker_client_id=client_id, request=request, text=text)

    def refused(self, client_id: str | None, text: str) -> Report:
        """An order was surely not taken in."""
        return reports.Refused(broker=self._broker, broker_client_id=client_id, text=text)

    # --- answers to questions ----------------------------------------------------------------------------------------

    def stated(self, order: PaperOrder) -> BrokerOrder:
        """An order as the exchange lists it."""
        return BrokerOrder(
            broker_client_id=order.id,
            broker_order_id=self.order_id(order.no),
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

    def stated_rejection(self, record: Rejected) -> BrokerOrder:
        """A refused order as the exchange lists it."""
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


# The book, read again for what memory has let go. One pass, orders alone: no money, no markets.


def looked_up(read: Callable[[], Iterable[Record]], client_id: str) -> PaperOrder | Rejected | None:
    """The order that ever had this id, as the book leaves it."""
    for record in read():
        if isinstance(record, Rejected) and record.id == client_id:
            return record
        if isinstance(record, Accepted | Replaced) and record.id == client_id:
            return _orders(read(), only=record.no)[record.no]
    return None


def executed_since(records: Iterable[Record], since: int) -> list[tuple[PaperOrder, int]]:
    """(order, number of its execution) of every execution at or after `since` (UTC ns), oldest first."""
    found = [
        (done.at, order, number)
        for order in _orders(records).values()
        for number, done in enumerate(order.executions, 1)
        if done.at >= since and done.qty
    ]
    found.sort(key=lambda item: item[0])
    return [(order, number) for _, order, number in found]


def _orders(records: Iterable[Record], only: int | None = None) -> dict[int, PaperOrder]:
    orders: dict[int, PaperOrder] = {}
    for record in records:
        if isinstance(record, Accepted):
            if only is None or record.no == only:
                orders[record.no] = PaperOrder.of(record)
            continue
        order = orders.get(getattr(record, "no", 0))
        if order is None:
            continue
        if isinstance(record, Filled):
            order.executions += (
                Execution(record.at, record.qty, record.px, record.fee, record.made, record.rate, record.revision),
            )
            _sum(order)
        elif isinstance(record, Corrected):
            done = order.executions[record.execution - 1]
            done.qty, done.px, done.revision = record.qty, record.px, record.revision
            _sum(order)
        elif isinstance(record, Busted):
            done = order.executions[record.execution - 1]
            done.qty, done.revision = Decimal(0), record.revision
            _sum(order)
        elif isinstance(record, Replaced):
            order.aliases = (*order.aliases, order.id)
            order.id, order.qty = record.id, record.qty
            order.price, order.stop_px = record.price, record.stop_px
            _sum(order)
        elif isinstance(record, Canceled):
            order.closed = OrdStatus.CANCELED
        elif isinstance(record, Expired):
            order.closed = OrdStatus.EXPIRED
    return orders


def _sum(order: PaperOrder) -> None:
    order.cum = sum((done.qty for done in order.executions), ZERO)
    order.gross = sum((done.qty * done.px for done in order.executions), ZERO)
    if order.closed in {None, OrdStatus.FILLED}:
        order.closed = OrdStatus.FILLED if order.cum >= order.qty else None
