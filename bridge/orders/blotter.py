"""The fold: every order, execution, position and trading state, as the entries so far made them.

`Blotter.apply` is the only thing that changes one. The engine has one, the outputs process another; both come out equal
because they fold the same entries.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from bridge.orders.events import (
    CancelRejected,
    CancelRequested,
    CommissionReported,
    DayRolled,
    DuplicateRefused,
    Entry,
    MarkoutsTaken,
    MassCancelRequested,
    OrderAccepted,
    OrderAdopted,
    OrderEvent,
    OrderFilled,
    OrderReceived,
    OrderReplaced,
    OrderRestated,
    OrderRouted,
    PositionAdopted,
    ReplaceRequested,
    Reserved,
    Scope,
    SessionReset,
    TradeBusted,
    TradeCorrected,
    TradeDoubted,
    TradingHalted,
    TradingResumed,
    TradingState,
    event_account,
)
from bridge.orders.order import ZERO, Execution, Order, adopted, apply, received
from bridge.orders.position import Position, Working
from fixspec.enums import Side

AVERAGE = Context(prec=15, rounding=ROUND_HALF_EVEN)  # what every border takes: at most 15 significant digits
NO_WORKING = Working()
BUY = Side.BUY
DISTANT = datetime(1970, 1, 1, tzinfo=UTC)
SILENT = frozenset({OrderRouted, MarkoutsTaken})  # no client is ever told of these


def signed(side: Side, qty: Decimal) -> Decimal:
    """`qty` with the side's sign: + buy, − sell of any kind."""
    return qty if side is BUY else -qty


def traded(position: Position, qty: Decimal, px: Decimal, multiplier: Decimal) -> Position:
    """The position after one signed execution, by average cost. Realised profit is in the instrument's currency.

    A bust is the opposite execution at the same price: cash flows cancel exactly, so realised plus unrealised is right,
    while the split between them follows average cost from there on.
    """
    held = position.qty
    now = held + qty
    avg, realised = position.avg_px, position.realised
    if not held:
        avg = px
    elif (held > 0) == (qty > 0):
        avg = AVERAGE.divide(avg * held + px * qty, now)
    else:
        closing = min(abs(qty), abs(held))
        gain = (px - avg) * closing * multiplier
        realised += gain if held > 0 else -gain
        if not now:
            avg = ZERO
        elif (now > 0) != (held > 0):
            avg = px
    return Position(
        account=position.account,
        symbol=position.symbol,
        qty=now,
        avg_px=avg,
        realised=realised,
        bought=position.bought + qty if qty > 0 else position.bought,
        sold=position.sold - qty if qty < 0 else position.sold,
        fees=position.fees,
    )


def charged(position: Position, fee: Decimal) -> Position:
    """The position with a fee (a rebate is negative) added."""
    return replace(position, fees=position.fees + fee) if fee else position


def without(sums: Working, order: Order) -> Working:
    """The sums as if this open order did not work."""
    qty = order.reserved_qty
    if order.side is Side.BUY:
        return Working(sums.buy_qty - qty, sums.sell_qty, sums.buy_orders - 1, sums.sell_orders)
    return Working(sums.buy_qty, sums.sell_qty - qty, sums.buy_orders, sums.sell_orders - 1)


class DayMark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a day began: its ordinal, and the entry that says so."""

    day: int = 0
    seq: int = 0
    time: datetime = DISTANT


class Blotter:
    """All orders, executions, positions and halts. Not thread-safe: one writer.

    What ended long ago is forgotten as `DayRolled` says; with `everything` it is kept, for who exports a whole journal.
    """

    def __init__(self, *, everything: bool = False) -> None:
        self.seq = 0
        self._everything = everything
        self._days: list[DayMark] = []  # rolls that may yet be the one before which orders are forgotten
        self._kept_from = DayMark()  # what ended before it is forgotten
        self._orders: dict[int, Order] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._client_ids: dict[str, int] = {}
        self._broker_ids: dict[tuple[str, str], int] = {}
        self._executions: dict[str, Execution] = {}
        self._order_executions: dict[int, list[str]] = {}
        self._positions: dict[tuple[str, str], Position] = {}
        self._books: dict[tuple[str, str, str], Position] = {}
        self._working: dict[tuple[str, str], Working] = {}
        self._open: dict[str, dict[int, None]] = {}
        self._open_count: dict[tuple[str, str], int] = {}
        self._unknown: dict[int, None] = {}
        self._states: dict[tuple[Scope, str], TradingState] = {}
        self._halts: dict[tuple[Scope, str], TradingHalted] = {}
        self.kill_epoch = 0
        self._account_seq: dict[str, int] = {}
        self._told: dict[tuple[str, str], int] = {}  # (session, account) → newest entry that a client is told of
        self._inbound: dict[str, int] = {}
        self.sender_limits: dict[str, int] = {}  # session → MsgSeqNum(34) out that may be used below this
        self._order_folds: dict[type[Any], Callable[[Entry, Any, Order | None], Order | None]] = {
            **dict.fromkeys(OrderEvent.__subclasses__(), self._changed),
            OrderReceived: self._received,
            OrderAdopted: self._adopted,
            DuplicateRefused: self._duplicate,
            CancelRejected: self._cancel_rejected,
            OrderRouted: self._routed,
            OrderAccepted: self._accepted,
            OrderFilled: self._filled,
            TradeCorrected: self._corrected,
            TradeBusted: self._busted,
            CommissionReported: self._commission,
        }
        self._other_folds: dict[type[Any], Callable[[Entry, Any], None]] = {
            TradingHalted: self._halted,
            TradingResumed: self._resumed,
            SessionReset: self._session_reset,
            Reserved: self._reserved,
            MassCancelRequested: self._mass_cancel,
            TradeDoubted: self._doubted,
            PositionAdopted: self._position_adopted,
            DayRolled: self._day_rolled,
        }

    # --- the fold ----------------------------------------------------------------------------------------------------

    def apply(self, entry: Entry) -> Order | None:
        """Fold one entry; the order after it, or None when it is about no order. Entries at or below `seq` are refused.

        Raises ValueError for an entry out of order and KeyError for an order nobody received: both are bugs or damage.
        """
        return self.fold(entry)[1]

    def fold(self, entry: Entry) -> tuple[Order | None, Order | None]:
        """As `apply`, with the order before the entry and the order after it."""
        seq = entry.seq
        if seq <= self.seq:
            raise ValueError(f"entry {seq} after {self.seq}")
        self.seq = seq
        event = entry.event
        kind = type(event)
        fold = self._order_folds.get(kind)
        if fold is not None:
            before = self._orders.get(event.order_id)  # type: ignore[union-attr]
            after = fold(entry, event, before)
        else:
            before = after = None
            other = self._other_folds.get(kind)
            if other is not None:
                other(entry, event)
        if after is not None:
            account = after.account
            self._account_seq[account] = seq
            if kind not in SILENT:
                self._told[after.session_id, account] = seq
        else:
            named = event_account(event)
            if named is not None:
                self._account_seq[named] = seq
        return before, after

    def _received(self, entry: Entry, event: OrderReceived, before: Order | None) -> Order:
        order = received(entry, event)
        session_id, order_id = event.session_id, event.order_id
        self._ids[session_id, event.cl_ord_id] = order_id
        if event.msg_seq_num >= self._inbound.get(session_id, 1):
            self._inbound[session_id] = event.msg_seq_num + 1
        qty = event.order_qty
        if qty is not None and qty > ZERO:
            self._orders[order_id] = order
            self._reserve(None, order, ZERO, qty, False)
        else:
            self._keep(None, order)
        return order

    def _adopted(self, entry: Entry, event: OrderAdopted, before: Order | None) -> Order:
        order = adopted(entry, event)
        self._broker_ids[event.broker, event.broker_order_id] = event.order_id
        if event.broker_client_id is not None:
            self._client_ids[event.broker_client_id] = event.order_id
        self._keep(None, order)
        return order

    def _duplicate(self, entry: Entry, event: DuplicateRefused, before: Order | None) -> Order | None:
        self._answered(entry, event)
        return before

    def _cancel_rejected(self, entry: Entry, event: CancelRejected, before: Order | None) -> Order | None:
        self._answered(entry, event)
        return self._changed(entry, event, before) if before is not None else None

    def _routed(self, entry: Entry, event: OrderRouted, before: Order | None) -> Order:
        if before is None:
            raise KeyError(event.order_id)
        after = self._orders[event.order_id] = apply(before, entry)  # it reserves as much as before
        self._client_ids[event.broker_client_id] = event.order_id
        return after

    def _accepted(self, entry: Entry, event: OrderAccepted, before: Order | None) -> Order:
        if before is None or before.unknown is not None:
            return self._changed(entry, event, before)
        after = self._orders[event.order_id] = apply(before, entry)  # it reserves as much as before
        self._broker_ids[after.broker, event.broker_order_id] = event.order_id
        return after

    def _changed(self, entry: Entry, event: OrderEvent, before: Order | None) -> Order:
        if before is None:
            raise KeyError(event.order_id)
        after = apply(before, entry)
        if isinstance(event, (CancelRequested, ReplaceRequested)):
            self._ids[event.session_id, event.cl_ord_id] = event.order_id
            self._answered(entry, event)
            if isinstance(event, ReplaceRequested):
                self._client_ids[event.broker_client_id] = event.order_id
        elif isinstance(event, OrderReplaced) and event.session_id:
            self._ids[event.session_id, event.cl_ord_id] = event.order_id
            self._inbound_seen(event.session_id, event.msg_seq_num)
        elif isinstance(event, (OrderAccepted, OrderReplaced, OrderRestated)) and event.broker_order_id is not None:
            self._broker_ids[after.broker, event.broker_order_id] = event.order_id
        self._keep(before, after)
        return after

    def _filled(self, entry: Entry, event: OrderFilled, before: Order | None) -> Order:
        if before is None:
            raise KeyError(event.order_id)
        after = apply(before, entry)
        self._executions[event.exec_id] = Execution(
            event.order_id,
            event.exec_id,
            event.last_qty,
            event.last_px,
            event.revision,
            commission=event.commission,
            transact_time=event.transact_time,
            seq=entry.seq,
            broker_exec_id=event.broker_exec_id,
        )
        self._order_executions.setdefault(event.order_id, []).append(event.exec_id)
        self._trade(after, event.last_qty, event.last_px, event.commission or ZERO)
        self._keep(before, after)
        return after

    def _corrected(self, entry: Entry, event: TradeCorrected, before: Order | None) -> Order:
        if before is None:
            raise KeyError(event.order_id)
        base, was = self._execution(event.order_id, event.exec_ref_id)
        after = apply(before, entry, was)
        self._executions[base] = replace(
            was, exec_id=event.exec_id, last_qty=event.last_qty, last_px=event.last_px, revision=event.revision
        )
        self._trade(after, -was.last_qty, was.last_px, ZERO)
        self._trade(after, event.last_qty, event.last_px, ZERO)
        self._keep(before, after)
        return after

    def _busted(self, entry: Entry, event: TradeBusted, before: Order | None) -> Order:
        if before is None:
            raise KeyError(event.order_id)
        base, was = self._execution(event.order_id, event.exec_ref_id)
        after = apply(before, entry, was)
        self._executions[base] = replace(was, exec_id=event.exec_id, busted=True)
        self._trade(after, -was.last_qty, was.last_px, ZERO)
        self._keep(before, after)
        return after

    def _commission(self, entry: Entry, event: CommissionReported, before: Order | None) -> Order:
        if before is None:
            raise KeyError(event.order_id)
        after = apply(before, entry)
        base, was = self._execution(event.order_id, event.exec_ref_id)
        self._executions[base] = replace(was, commission=event.commission)
        self._charge(after, event.commission)
        self._keep(before, after)
        return after

    def _execution(self, order_id: int, exec_id: str) -> tuple[str, Execution]:
        """The key and the state of an execution by its newest ExecID."""
        for base in self._order_executions[order_id]:
            was = self._executions[base]
            if was.exec_id == exec_id:
                return base, was
        raise KeyError(exec_id)

    def _trade(self, order: Order, qty: Decimal, px: Decimal, fee: Decimal) -> None:
        """Book one execution to the account's position and to its strategy's."""
        amount = signed(order.side, qty)
        key = (order.account, order.symbol)
        position = self._positions.get(key) or Position(*key)
        own = (order.account, order.strategy or "", order.symbol)
        book = self._books.get(own) or Position(*key)
        # one strategy alone in a symbol has the account's position
        same = book is position or book == position
        position = self._positions[key] = charged(traded(position, amount, px, order.multiplier), fee)
        self._books[own] = position if same else charged(traded(book, amount, px, order.multiplier), fee)

    def _charge(self, order: Order, fee: Decimal) -> None:
        key = (order.account, order.symbol)
        self._positions[key] = charged(self.position(*key), fee)
        own = (order.account, order.strategy or "", order.symbol)
        self._books[own] = charged(self._books.get(own) or Position(*key), fee)

    def _keep(self, before: Order | None, after: Order) -> None:
        """Store the order and move the sums of working orders by what changed."""
        self._orders[after.order_id] = after
        now = after.reserved_qty
        if before is None:
            was, was_open = ZERO, False
            changed = bool(now) or after.open
        else:
            was, was_open = before.reserved_qty, before.open
            changed = was != now or was_open is not after.open or before.side is not after.side
        if changed:
            self._reserve(before, after, was, now, was_open)
        if after.unknown is not None:
            self._unknown[after.order_id] = None
        elif before is not None and before.unknown is not None:
            self._unknown.pop(after.order_id, None)

    def _reserve(self, before: Order | None, after: Order, was: Decimal, now: Decimal, was_open: bool) -> None:
        account, is_open = after.account, after.open
        key = (account, after.symbol)
        sums = self._working.get(key, NO_WORKING)
        buy, sell, buys, sells = sums.buy_qty, sums.sell_qty, sums.buy_orders, sums.sell_orders
        if before is not None and was_open:
            if before.side is BUY:
                buy, buys = buy - was, buys - 1
            else:
                sell, sells = sell - was, sells - 1
        if is_open:
            if after.side is BUY:
                buy, buys = buy + now, buys + 1
            else:
                sell, sells = sell + now, sells + 1
        if buys or sells:
            self._working[key] = Working(buy, sell, buys, sells)
        else:
            self._working.pop(key, None)
        mine = self._open.get(account)
        if mine is None:
            mine = self._open[account] = {}
        if is_open:
            mine[after.order_id] = None
        else:
            mine.pop(after.order_id, None)

    def _answered(
        self,
        entry: Entry,
        event: DuplicateRefused | CancelRejected | CancelRequested | ReplaceRequested | MassCancelRequested,
    ) -> None:
        """A request of a session: its number is used, and it is told what came of it, whoever owns the order."""
        self._inbound_seen(event.session_id, event.msg_seq_num)
        if event.session_id:
            self._told[event.session_id, ""] = entry.seq

    def _inbound_seen(self, session_id: str, msg_seq_num: int) -> None:
        if msg_seq_num >= self._inbound.get(session_id, 1):
            self._inbound[session_id] = msg_seq_num + 1

    def _halted(self, entry: Entry, event: TradingHalted) -> None:
        self._states[event.scope, event.name] = event.state
        self._halts[event.scope, event.name] = event
        self.kill_epoch = max(self.kill_epoch, event.kill_epoch)

    def _resumed(self, entry: Entry, event: TradingResumed) -> None:
        self._states[event.scope, event.name] = event.state
        if event.state is TradingState.ACTIVE:
            self._states.pop((event.scope, event.name), None)
            self._halts.pop((event.scope, event.name), None)

    def _session_reset(self, entry: Entry, event: SessionReset) -> None:
        self._inbound[event.session_id] = 1
        self.sender_limits.pop(event.session_id, None)

    def _reserved(self, entry: Entry, event: Reserved) -> None:
        self.sender_limits.update(event.sender_limits)

    def _mass_cancel(self, entry: Entry, event: MassCancelRequested) -> None:
        self._answered(entry, event)
        self._ids.setdefault((event.session_id, event.cl_ord_id), -entry.seq)  # it names no order

    def _position_adopted(self, entry: Entry, event: PositionAdopted) -> None:
        key = (event.account, event.symbol)
        held = self.position(*key)
        self._positions[key] = replace(held, qty=event.qty, avg_px=event.avg_px)
        # nobody's strategy has traded the difference
        own = (event.account, "", event.symbol)
        book = self._books.get(own) or Position(*key)
        qty = book.qty + event.qty - held.qty
        self._books[own] = replace(book, qty=qty, avg_px=event.avg_px if qty else Decimal(0))

    def _day_rolled(self, entry: Entry, event: DayRolled) -> None:
        days = self._days = [*self._days, DayMark(event.day.toordinal(), entry.seq, entry.time)][-event.keep_days - 1 :]
        if len(days) > event.keep_days:
            before, self._kept_from = self._kept_from, days[0]
            if not self._everything:
                self._forget(days[0].seq, before.seq)

    def _forget(self, below: int, executions_below: int) -> None:
        """Orders that ended with all their entries before `below`, and their ids; executions a roll later, because the
        broker's clock, by which they are asked for again, is not ours.

        Costs what is forgotten and what is older and still open: every table is in the order of entries, and stops at
        the first that belongs to an order younger than `below`.
        """
        orders = self._orders
        gone: set[int] = set()
        for order_id, order in orders.items():
            if order_id >= below:
                break
            if order.last_seq < below and not order.open:
                gone.add(order_id)
        for order_id in gone:
            del orders[order_id]
            self._order_executions.pop(order_id, None)
        for table in (self._ids, self._client_ids, self._broker_ids):
            _drop(table, gone, below)
        old: list[str] = []
        for exec_id, execution in self._executions.items():
            if execution.seq >= executions_below:
                break
            if execution.order_id not in orders:
                old.append(exec_id)
        for exec_id in old:
            del self._executions[exec_id]

    def _doubted(self, entry: Entry, event: TradeDoubted) -> None:
        self._inbound_seen(event.session_id, event.msg_seq_num)

    # --- what may be asked -------------------------------------------------------------------------------------------

    def order(self, order_id: int) -> Order | None:
        """By OrderID(37)."""
        return self._orders.get(order_id)

    def orders(self) -> Iterable[Order]:
        """All orders, oldest first."""
        return self._orders.values()

    def find(self, session_id: str, cl_ord_id: str) -> Order | None:
        """The order whose chain this session's ClOrdID(11) belongs to."""
        order_id = self._ids.get((session_id, cl_ord_id))
        return self._orders.get(order_id) if order_id is not None else None

    def knows(self, session_id: str, cl_ord_id: str) -> bool:
        """True when the session has used this ClOrdID(11), for whatever request."""
        return (session_id, cl_ord_id) in self._ids

    def by_broker(self, broker: str, client_id: str | None, broker_order_id: str | None) -> Order | None:
        """The order a broker's report is about: by our id first, by the broker's second (ADAPTERS A.1)."""
        order_id = self._client_ids.get(client_id) if client_id is not None else None
        if order_id is None and broker_order_id is not None:
            order_id = self._broker_ids.get((broker, broker_order_id))
        return self._orders.get(order_id) if order_id is not None else None

    def execution(self, exec_id: str) -> Execution | None:
        """An execution by the ExecID(17) it was first reported under."""
        return self._executions.get(exec_id)

    def executions(self, order_id: int) -> Iterator[Execution]:
        """Executions of one order, in the order they were told."""
        for exec_id in self._order_executions.get(order_id, ()):
            yield self._executions[exec_id]

    def all_executions(self) -> Iterator[Execution]:
        """Every execution of the orders held, in the order they were first told."""
        orders = self._orders
        return (execution for execution in self._executions.values() if execution.order_id in orders)

    def position(self, account: str, symbol: str) -> Position:
        """Position of an account; flat when never traded."""
        return self._positions.get((account, symbol)) or Position(account, symbol)

    def positions(self, account: str | None = None) -> Iterator[Position]:
        """Positions ever traded, of one account or all."""
        for (owner, _), position in self._positions.items():
            if account is None or owner == account:
                yield position

    def books(self) -> Iterator[tuple[str, Position]]:
        """(strategy, position) for every strategy's book; they add up to the account's positions."""
        for (_, strategy, _), position in self._books.items():
            yield strategy, position

    def working(self, account: str, symbol: str) -> Working:
        """Sums of what working orders may still execute at worst."""
        return self._working.get((account, symbol), NO_WORKING)

    def open_orders(self, account: str | None = None) -> Iterator[Order]:
        """Working orders, oldest first per account."""
        accounts = self._open if account is None else (account,)
        for name in list(accounts):
            for order_id in list(self._open.get(name, ())):
                yield self._orders[order_id]

    def open_count(self, account: str, symbol: str | None = None) -> int:
        """Number of working orders."""
        if symbol is None:
            return len(self._open.get(account, ()))
        sums = self.working(account, symbol)
        return sums.buy_orders + sums.sell_orders

    def at_broker(self, broker: str) -> Iterator[Order]:
        """Working orders routed to one broker."""
        for order in self.open_orders():
            if order.broker == broker and order.routed:
                yield order

    def unknown(self) -> Iterator[Order]:
        """Orders of which a request's outcome is unknown."""
        for order_id in list(self._unknown):
            yield self._orders[order_id]

    def state(self, scope: Scope, name: str) -> TradingState:
        """Trading state of one scope."""
        return self._states.get((scope, name), TradingState.ACTIVE)

    def states(self) -> dict[tuple[Scope, str], TradingHalted]:
        """Every scope that is not active, with the event that made it so."""
        return dict(self._halts)

    def account_seq(self, account: str) -> int:
        """`seq` of the account's newest entry, 0 for none."""
        return self._account_seq.get(account, 0)

    @property
    def day(self) -> int:
        """Ordinal of the newest day that was rolled to, 0 before the first."""
        return self._days[-1].day if self._days else 0

    @property
    def kept_from(self) -> datetime:
        """What ended before this is forgotten; every broker was compared then."""
        return self._kept_from.time

    def told(self) -> Mapping[tuple[str, str], int]:
        """By session and account of an order, the newest entry that a client is told of; by session and an empty
        account, the newest that answers a request of the session itself.
        """
        return self._told

    def next_inbound(self, session_id: str) -> int:
        """The next MsgSeqNum(34) the session may send as far as entries tell: 1 + the highest handled."""
        return self._inbound.get(session_id, 1)

    def accounts(self) -> Iterable[str]:
        """Accounts that have ever had an order."""
        return self._account_seq.keys()


def _drop(table: dict[Any, int], gone: set[int], below: int) -> None:
    """Forget what belongs to orders that are gone, and negative numbers, which stand for no order, above -below."""
    old = []
    for key, value in table.items():
        if value >= below or -value >= below:
            break
        if value in gone or value < 0:
            old.append(key)
    for key in old:
        del table[key]


class Snapshot(msgspec.Struct):
    """Everything a Blotter holds, in a form that can be stored: see `freeze` and `thaw`. Fields are only ever added,
    with defaults.
    """

    seq: int
    orders: list[Order]
    ids: list[tuple[str, str, int]]
    client_ids: list[tuple[str, int]]
    broker_ids: list[tuple[str, str, int]]
    executions: list[tuple[str, Execution]]
    positions: list[Position]
    books: list[tuple[str, Position]]
    halts: list[TradingHalted]
    states: list[tuple[Scope, str, TradingState]]
    kill_epoch: int
    account_seq: dict[str, int]
    told: list[tuple[str, str, int]]
    inbound: dict[str, int]
    sender_limits: dict[str, int] = {}
    days: list[DayMark] = []
    kept_from: DayMark = DayMark()


def freeze(blotter: Blotter) -> bytes:
    """The blotter as msgpack."""
    b = blotter
    return msgspec.msgpack.encode(
        Snapshot(
            seq=b.seq,
            orders=list(b._orders.values()),
            ids=[(s, c, o) for (s, c), o in b._ids.items()],
            client_ids=list(b._client_ids.items()),
            broker_ids=[(n, i, o) for (n, i), o in b._broker_ids.items()],
            executions=list(b._executions.items()),
            positions=list(b._positions.values()),
            books=[(strategy, p) for (_, strategy, _), p in b._books.items()],
            halts=list(b._halts.values()),
            states=[(scope, name, state) for (scope, name), state in b._states.items()],
            kill_epoch=b.kill_epoch,
            account_seq=b._account_seq,
            told=[(session, account, seq) for (session, account), seq in b._told.items()],
            inbound=b._inbound,
            sender_limits=b.sender_limits,
            days=b._days,
            kept_from=b._kept_from,
        )
    )


def thaw(data: bytes | msgspec.Raw, *, everything: bool = False) -> Blotter:
    """The blotter that `freeze` wrote. Raises msgspec.DecodeError for anything else."""
    s = msgspec.msgpack.decode(data, type=Snapshot)
    b = Blotter(everything=everything)
    b.seq = s.seq
    b._ids = {(session, cl): o for session, cl, o in s.ids}
    b._client_ids = dict(s.client_ids)
    b._broker_ids = {(n, i): o for n, i, o in s.broker_ids}
    for exec_id, execution in s.executions:
        b._executions[exec_id] = execution
        b._order_executions.setdefault(execution.order_id, []).append(exec_id)
    b._positions = {(p.account, p.symbol): p for p in s.positions}
    b._books = {(p.account, strategy, p.symbol): p for strategy, p in s.books}
    b._halts = {(halt.scope, halt.name): halt for halt in s.halts}
    b._states = {(scope, name): state for scope, name, state in s.states}
    b.kill_epoch = s.kill_epoch
    b._account_seq = s.account_seq
    b._told = {(session, account): seq for session, account, seq in s.told}
    b._inbound = s.inbound
    b.sender_limits = s.sender_limits
    b._days = s.days
    b._kept_from = s.kept_from
    for order in s.orders:
        b._keep(None, order)
    return b
