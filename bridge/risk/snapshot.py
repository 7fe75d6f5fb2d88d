"""The portfolio as bytes and back: the risk part of a journal snapshot (DURABILITY section 3).

A snapshot holds orders, executions, positions *and risk counters, halts and limit changes*; without this part a start
from a snapshot would forget reservations, the day's counters and latched limits. `thaw(freeze(p))` is the portfolio
that a fold from the first entry gives.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from bridge.orders.events import Entry, LimitChanged, Scope, TradingHalted, TradingResumed
from bridge.orders.order import Order
from bridge.risk.counters import Bucket, Rate, Sizes, Window
from bridge.risk.day import DayRoll
from bridge.risk.holdings import AccountBook, Holding, Line, Rates
from bridge.risk.limits import Limits
from bridge.risk.portfolio import Portfolio
from bridge.risk.states import Halt
from bridge.risk.times import EPOCH
from fixspec.enums import OrdType, Side, TimeInForce

THAWED = Rate(1, 0, "snapshot", Decimal(0), 0)  # replaced by the rate in force at the first message


class FrozenRates(msgspec.Struct, array_like=True):
    """See Rates."""

    known: bool
    qty: Decimal
    value: Decimal
    margin: Decimal
    funds: Decimal


class FrozenLine(msgspec.Struct, array_like=True):
    """See Line."""

    order_id: int
    qty: Decimal
    px: Decimal | None
    link: str | None
    rated: bool
    now: FrozenRates
    next: FrozenRates | None
    value: Decimal
    margin: Decimal
    funds: Decimal
    fresh: Decimal
    acked: Decimal
    acked_ns: int


class FrozenHolding(msgspec.Struct, array_like=True):
    """See Holding; its sums are those of its lines."""

    account: str
    symbol: str
    pos: Decimal
    paid: Decimal
    opened_today: bool


class FrozenAccount(msgspec.Struct, array_like=True):
    """See AccountBook and Day."""

    account: str
    broker: str
    hidden: Decimal
    shown_ns: int
    acks: list[tuple[int, int]]
    spent: list[tuple[int, Decimal]]
    today: int | None
    orders: int
    messages: int
    fills: int
    turnover: Decimal
    day_start_ns: int
    day_end_ns: int
    opening_equity: Decimal | None
    day_high: Decimal | None
    day_trades: int
    past_day_trades: list[int]
    fees: Decimal


class FrozenTerms(msgspec.Struct, array_like=True):
    """The terms of a look-alike, and when they were sent."""

    session_id: str
    account: str
    symbol: str
    side: Side
    order_qty: Decimal | None
    cash_order_qty: Decimal | None
    ord_type: OrdType
    price: Decimal | None
    stop_px: Decimal | None
    time_in_force: TimeInForce
    sent_ns: int


class FrozenHalt(msgspec.Struct, array_like=True):
    """See Halt."""

    event: TradingHalted | TradingResumed
    since: datetime


class FrozenWindow(msgspec.Struct, array_like=True):
    """A window of the triggers, its key, and whom it disables."""

    key: list[str]
    scope: Scope
    name: str
    times: list[int]


class Frozen(msgspec.Struct):
    """Everything a Portfolio holds. Fields are only ever added, with defaults."""

    seq: int
    holdings: list[FrozenHolding]
    lines: list[FrozenLine]
    accounts: list[FrozenAccount]
    buckets: dict[str, dict[str, int]]
    lookalikes: list[FrozenTerms]
    sizes: dict[str, list[Decimal]]
    done: list[tuple[int, FrozenRates]]
    halts: list[FrozenHalt]
    kill_epoch: int
    changes: list[tuple[int, LimitChanged]]
    windows: list[FrozenWindow]
    due: list[TradingHalted]


def freeze(portfolio: Portfolio) -> bytes:
    """The portfolio as msgpack."""
    p = portfolio
    owners = {key: place for place, keys in p.triggers.owners.items() for key in keys}
    changes = [(change.seq, change.event) for found in p.limits.changes.values() for change in found]
    return msgspec.msgpack.encode(
        Frozen(
            seq=p.seq,
            holdings=[FrozenHolding(h.account, h.symbol, h.pos, h.paid, h.opened_today) for h in p.holdings.values()],
            lines=[_line(line) for line in p.lines.values()],
            accounts=[_account(book) for book in p.accounts.values()],
            buckets={
                kind: {name: bucket.full_at for name, bucket in buckets.items()}
                for kind, buckets in _buckets(p).items()
            },
            lookalikes=[FrozenTerms(*terms, sent_ns=at) for terms, at in p.lookalikes.seen.items()],  # type: ignore[misc]
            sizes={name: list(sizes.last) for name, sizes in p.sizes.items()},
            done=[(order_id, _rates(rates)) for order_id, rates in p.done.items()],
            halts=[FrozenHalt(halt.event, halt.since) for halt in p.states.halts.values()],
            kill_epoch=p.states.kill_epoch,
            changes=sorted(changes, key=lambda change: change[0]),
            windows=[
                FrozenWindow(list(key), *owners[key], list(window.times)) for key, window in p.triggers.windows.items()
            ],
            due=list(p.triggers.due.values()),
        )
    )


def thaw(
    data: bytes,
    orders: Callable[[int], Order | None],
    limits: Limits,
    rolls: Mapping[str, DayRoll] | None = None,
    one_cancels_other: frozenset[str] = frozenset(),
) -> Portfolio:
    """The portfolio that `freeze` wrote, with orders from the blotter of the same snapshot and limits as configured.

    Raises msgspec.DecodeError for anything else, KeyError when the blotter lacks a working order.
    """
    f = msgspec.msgpack.decode(data, type=Frozen)
    p = Portfolio(limits, rolls, one_cancels_other)
    p.seq = f.seq
    for seq, event in f.changes:
        limits.on_entry(Entry(seq, EPOCH, event))
    for account in f.accounts:
        _thaw_account(p.account(account.account), account)
    for frozen in f.holdings:
        holding = p.holdings[frozen.account, frozen.symbol] = Holding(frozen.account, frozen.symbol)
        holding.pos, holding.paid, holding.opened_today = frozen.pos, frozen.paid, frozen.opened_today
        p.account(frozen.account).holdings.append(holding)
        p.touched[holding] = None
    for line in f.lines:
        order = orders(line.order_id)
        if order is None:
            raise KeyError(line.order_id)
        _thaw_line(p, order, line)
    for book, account in zip(p.accounts.values(), f.accounts, strict=True):
        book.restore([(at, p.lines[order_id]) for at, order_id in account.acks if order_id in p.lines], account.spent)
        for holding in book.holdings:
            book.pair(holding)
    for kind, buckets in _buckets(p).items():
        for name, full_at in f.buckets.get(kind, {}).items():
            buckets[name] = Bucket(THAWED, -1, full_at)
    for terms in f.lookalikes:
        *key, at = msgspec.structs.astuple(terms)
        p.lookalikes.seen[tuple(key)] = at
    for name, last in f.sizes.items():
        sizes = p.sizes[name] = Sizes()
        for qty in last:
            sizes.add(qty)
    p.done.update((order_id, _thaw_rates(rates)) for order_id, rates in f.done)
    p.states.kill_epoch = f.kill_epoch
    for halt in f.halts:
        p.states.halts[halt.event.scope, halt.event.name] = Halt(halt.event, halt.since)
    for frozen_window in f.windows:
        names = tuple(frozen_window.key)
        window = p.triggers.windows[names] = Window()
        window.times.extend(frozen_window.times)
        p.triggers.owners.setdefault((frozen_window.scope, frozen_window.name), set()).add(names)
    p.triggers.due.update(((event.scope, event.name), event) for event in f.due)
    return p


def _buckets(p: Portfolio) -> dict[str, dict[str, Bucket]]:
    return {"session": p.sessions, "account": p.account_buckets, "symbol": p.symbols, "broker": p.brokers}


def _rates(rates: Rates) -> FrozenRates:
    return FrozenRates(rates.known, rates.qty, rates.value, rates.margin, rates.funds)


def _thaw_rates(frozen: FrozenRates) -> Rates:
    rates = Rates()
    rates.known, rates.qty = frozen.known, frozen.qty
    rates.value, rates.margin, rates.funds = frozen.value, frozen.margin, frozen.funds
    return rates


def _line(line: Line) -> FrozenLine:
    return FrozenLine(
        line.order.order_id,
        line.qty,
        line.px,
        line.link,
        line.rated,
        _rates(line.now),
        _rates(line.next) if line.next is not None else None,
        line.value,
        line.margin,
        line.funds,
        line.fresh,
        line.acked,
        line.acked_ns,
    )


def _thaw_line(p: Portfolio, order: Order, frozen: FrozenLine) -> None:
    holding = p.holdings[order.account, order.symbol]
    book = p.accounts[order.account]
    line = p.lines[order.order_id] = Line(order, holding, frozen.link)
    line.rated = frozen.rated
    line.now = _thaw_rates(frozen.now)
    line.next = _thaw_rates(frozen.next) if frozen.next is not None else None
    line.value, line.margin, line.funds = frozen.value, frozen.margin, frozen.funds
    line.fresh, line.acked, line.acked_ns = frozen.fresh, frozen.acked, frozen.acked_ns
    holding.reserve(line, frozen.qty)
    holding.rest(line, frozen.px)
    if line.buy:
        holding.buys += 1
    else:
        holding.sells += 1
    book.working += 1
    book.unvalued += line.unvalued
    book.value += line.value
    book.margin += line.margin
    book.funds += line.funds


def _account(book: AccountBook) -> FrozenAccount:
    day = book.day
    acks, spent = book.waiting()
    return FrozenAccount(
        book.account,
        book.broker,
        book.hidden,
        book.shown_ns,
        acks,
        spent,
        book.today,
        day.orders,
        day.messages,
        day.fills,
        day.turnover,
        book.day_start_ns,
        book.day_end_ns,
        book.opening_equity,
        book.day_high,
        book.day_trades,
        list(book.past_day_trades),
        book.fees,
    )


def _thaw_account(book: AccountBook, frozen: FrozenAccount) -> None:
    book.broker, book.hidden, book.shown_ns, book.fees = frozen.broker, frozen.hidden, frozen.shown_ns, frozen.fees
    book.today, book.day_start_ns, book.day_end_ns = frozen.today, frozen.day_start_ns, frozen.day_end_ns
    book.opening_equity, book.day_high = frozen.opening_equity, frozen.day_high
    book.day_trades = frozen.day_trades
    book.past_day_trades.extend(frozen.past_day_trades)
    day = book.day
    day.orders, day.messages, day.fills, day.turnover = frozen.orders, frozen.messages, frozen.fills, frozen.turnover
