"""The day's reconciliation, from the journal alone: orders by how they ended, executions, positions from one end of the
day to the other, fees, differences with brokers, refusals.

Everything is counted from entries and then checked against the book: what was held, plus what was bought, less what was
sold, must be what is held.
"""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from bridge.interfaces import Position
from bridge.orders.blotter import Blotter
from bridge.orders.events import (
    BreakFound,
    CancelRejected,
    CommissionReported,
    Entry,
    OrderAdopted,
    OrderFilled,
    OrderReceived,
    OrderRejected,
    PositionAdopted,
    Reconciled,
    TradeBusted,
    TradeCorrected,
)
from bridge.orders.order import ZERO, Closed, Execution, Order
from fixspec.enums import Side


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """Orders by how they stand at the end of the day: those entered in it and those that had worked before."""

    end: str
    orders: int
    of_these_entered: int
    of_these_external: int


class Traded(msgspec.Struct, frozen=True, kw_only=True):
    """Executions of one account in one symbol. `value` is signed cash, − bought, + sold, in the instrument's currency;
    `fees` in the account's. Busts and corrections of the day are counted in.
    """

    account: str
    symbol: str
    executions: int = 0
    busted: int = 0
    corrected: int = 0
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    value: Decimal = ZERO
    fees: Decimal = ZERO


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A position from one end of the day to the other. `adopted` is what was taken over from the broker without an
    execution, signed; `difference` is what neither explains, 0 always.
    """

    account: str
    symbol: str
    start: Decimal
    bought: Decimal
    sold: Decimal
    adopted: Decimal
    end: Decimal
    avg_px: Decimal
    realised: Decimal
    fees: Decimal
    difference: Decimal


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """A difference with a broker that was found in the day."""

    seq: int
    time: datetime
    broker: str
    kind: str
    account: str | None = None
    symbol: str | None = None
    ours: str | None = None
    theirs: str | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Refusals of one reason: of orders, or of cancels and replaces."""

    code: str
    source: str
    count: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One day. `after` and `upto` are the entries it covers; `open` orders still work at its end."""

    day: date
    after: int
    upto: int
    comparisons: int
    orders: tuple[Ended, ...]
    executions: tuple[Traded, ...]
    positions: tuple[Held, ...]
    breaks: tuple[Break, ...]
    refusals: tuple[Refused, ...]

    @property
    def good(self) -> bool:
        """Executions and what was adopted explain every position, and no broker differed."""
        return not self.breaks and all(not each.difference for each in self.positions)


def bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """When a calendar day of a zone begins and ends."""
    return datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)


def statement(day: date, end: datetime, book: Blotter, entries: Iterable[Entry]) -> Statement:
    """`book` is the one just before the day, `entries` are those after it; reading stops at the first from `end` on."""
    folding = _Day(book)
    for entry in entries:
        if entry.time >= end:
            break
        folding.take(entry)
    return folding.told(day)


class _Day:
    """The fold of one day over the book."""

    def __init__(self, book: Blotter) -> None:
        self.book = book
        self.after = book.seq
        self.start = {(each.account, each.symbol): each for each in book.positions()}
        self.concerned = {order.order_id for order in book.open_orders()}
        self.entered: set[int] = set()
        self.traded: dict[tuple[str, str], Traded] = {}
        self.adopted: dict[tuple[str, str], Decimal] = {}
        self.breaks: list[Break] = []
        self.refused: dict[tuple[str, str], int] = {}
        self.comparisons = 0

    def take(self, entry: Entry) -> None:
        """Count one entry, then fold it."""
        event = entry.event
        was = self._execution(event) if isinstance(event, (TradeBusted, TradeCorrected, CommissionReported)) else None
        order = self.book.apply(entry)
        match event:
            case OrderReceived() | OrderAdopted():
                self.entered.add(event.order_id)
            case OrderFilled() if order is not None:
                self._count(order, event.last_qty, event.last_px, executions=1, fee=event.commission or ZERO)
            case TradeBusted() if order is not None and was is not None:
                self._count(order, -was.last_qty, was.last_px, busted=1)
            case TradeCorrected() if order is not None and was is not None:
                self._count(order, -was.last_qty, was.last_px, corrected=1)
                self._count(order, event.last_qty, event.last_px)
            case CommissionReported() if order is not None:
                self._count(order, ZERO, ZERO, fee=event.commission)
            case OrderRejected() | CancelRejected():
                key = (event.code, event.source if isinstance(event, OrderRejected) else "cancel or replace")
                self.refused[key] = self.refused.get(key, 0) + 1
            case PositionAdopted():
                place = (event.account, event.symbol)
                self.adopted[place] = self.adopted.get(place, ZERO) + event.qty - event.was
            case BreakFound():
                fields = ("broker", "kind", "account", "symbol", "ours", "theirs")
                told = {name: getattr(event, name) for name in fields}
                self.breaks.append(Break(seq=entry.seq, time=entry.time, **told))
            case Reconciled():
                self.comparisons += 1
            case _:
                pass
        if order is not None:
            self.concerned.add(order.order_id)

    def _execution(self, event: TradeBusted | TradeCorrected | CommissionReported) -> Execution | None:
        executions = self.book.executions(event.order_id)
        return next((each for each in executions if each.exec_id == event.exec_ref_id), None)

    def _count(
        self,
        order: Order,
        qty: Decimal,
        px: Decimal,
        *,
        executions: int = 0,
        busted: int = 0,
        corrected: int = 0,
        fee: Decimal = ZERO,
    ) -> None:
        key = (order.account, order.symbol)
        sums = self.traded.get(key) or Traded(account=order.account, symbol=order.symbol)
        buy = order.side is Side.BUY
        worth = qty * px * order.multiplier
        self.traded[key] = replace(
            sums,
            executions=sums.executions + executions,
            busted=sums.busted + busted,
            corrected=sums.corrected + corrected,
            bought=sums.bought + (qty if buy else ZERO),
            sold=sums.sold + (ZERO if buy else qty),
            value=sums.value + (-worth if buy else worth),
            fees=sums.fees + fee,
        )

    def told(self, day: date) -> Statement:
        """What was counted."""
        return Statement(
            day=day,
            after=self.after,
            upto=self.book.seq,
            comparisons=self.comparisons,
            orders=tuple(self._ended()),
            executions=tuple(self.traded[key] for key in sorted(self.traded)),
            positions=tuple(self._held()),
            breaks=tuple(self.breaks),
            refusals=tuple(
                Refused(code=code, source=source, count=count)
                for (code, source), count in sorted(self.refused.items(), key=lambda item: (-item[1], item[0]))
            ),
        )

    def _ended(self) -> list[Ended]:
        counts: dict[str, list[Order]] = {}
        for order_id in self.concerned:
            order = self.book.order(order_id)
            if order is not None:
                counts.setdefault(end_of(order), []).append(order)
        return [
            Ended(
                end=end,
                orders=len(counts[end]),
                of_these_entered=sum(order.order_id in self.entered for order in counts[end]),
                of_these_external=sum(order.external for order in counts[end]),
            )
            for end in ENDS
            if end in counts
        ]

    def _held(self) -> list[Held]:
        rows = []
        for position in sorted(self.book.positions(), key=lambda each: (each.account, each.symbol)):
            key = (position.account, position.symbol)
            before = self.start.get(key) or Position(*key)
            sums = self.traded.get(key) or Traded(account=key[0], symbol=key[1])
            adopted = self.adopted.get(key, ZERO)
            if not (position.qty or before.qty or adopted or key in self.traded):
                continue
            rows.append(
                Held(
                    account=position.account,
                    symbol=position.symbol,
                    start=before.qty,
                    bought=sums.bought,
                    sold=sums.sold,
                    adopted=adopted,
                    end=position.qty,
                    avg_px=position.avg_px,
                    realised=position.realised - before.realised,
                    fees=position.fees - before.fees,
                    difference=position.qty - (before.qty + sums.bought - sums.sold + adopted),
                )
            )
        return rows


ENDS = ("filled", "partly filled, canceled", "canceled", "expired", "rejected", "unknown outcome", "working")


def end_of(order: Order) -> str:
    """How an order stands, as one of ENDS."""
    if order.unknown is not None:
        return "unknown outcome"
    if order.filled:
        return "filled"
    if order.closed is None:
        return "working"
    if order.cum_qty:
        return "partly filled, canceled"
    return {Closed.CANCELED: "canceled", Closed.EXPIRED: "expired", Closed.REJECTED: "rejected"}[order.closed]
