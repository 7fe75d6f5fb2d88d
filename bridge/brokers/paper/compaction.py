"""A book that has grown too long is written anew: what is old becomes one balance, what still matters is kept.

Kept are the accounts as they stood, every order that works with its executions, and all records since the cutoff as
they are. What was dropped cannot be answered for any more: `Opened.dropped` says from when on the book knows
everything.
"""

from collections.abc import Iterable, Iterator

from bridge.brokers.paper.orders import PaperOrder
from bridge.brokers.paper.records import (
    Accepted,
    Carried,
    Filled,
    Funded,
    Halted,
    Opened,
    Printed,
    Record,
    Triggered,
)
from bridge.brokers.paper.state import State
from fixspec.enums import ExecInst, OrdType

PLAIN = frozenset({OrdType.MARKET, OrdType.LIMIT})


def compacted(records: Iterable[Record], state: State, cutoff: int) -> Iterator[Record]:
    """The records of a shorter book that folds to the same state. `state` is a new one, used to fold what is dropped.

    `cutoff` in UTC ns: records from then on stay as they are.
    """
    rest = iter(records)
    kept: Record | None = None
    for record in rest:
        if record.at >= cutoff:
            kept = record
            break
        state.apply(record)
        state.last_at = record.at
    yield from carried(state)
    if kept is not None:
        yield kept
    yield from rest


def carried(state: State) -> Iterator[Record]:
    """Everything a state consists of, as records."""
    at = state.last_at
    yield Opened(at, state.book, next_no=1, dropped=at + 1)
    for account in state.accounts.values():
        yield Funded(at, account.name, account.cash * 0, account.currency, "carried")
        holdings = tuple(
            (symbol, held.qty, held.cost, held.realised) for symbol, held in account.holdings.items() if held.qty
        )
        yield Carried(at, account.name, account.cash, account.fees, holdings)
    for symbol, market in state.markets.items():
        if market.prints:
            yield Printed(at, symbol)
        if market.halted:
            yield Halted(at, symbol, "Trading is halted")
    for order in state.orders.values():
        if order.closed is None:
            yield from _order(order, at)
    yield Opened(at, state.book, next_no=state.next_no, dropped=at + 1)


def _order(order: PaperOrder, at: int) -> Iterator[Record]:
    wanted = (
        (ExecInst.PARTICIPATE_DO_NOT_INITIATE, order.post_only),
        (ExecInst.DO_NOT_INCREASE, order.reduce_only),
        (ExecInst.CANCEL_ON_TRADING_HALT, order.cancel_on_halt),
    )
    yield Accepted(
        at,
        order.no,
        order.id,
        order.account,
        order.symbol,
        order.side,
        order.ord_type,
        order.time_in_force,
        order.qty,
        order.price,
        order.stop_px,
        tuple(instruction for instruction, asked in wanted if asked),
        order.expires,
        order.extended,
        order.trail,
        order.aliases,
    )
    for number, done in enumerate(order.executions, 1):
        yield Filled(
            done.at,
            order.no,
            number,
            done.qty,
            done.px,
            done.fee,
            done.made,
            None,
            done.rate,
            carried=True,
            revision=done.revision,
        )
    if order.triggered and order.ord_type not in PLAIN:
        yield Triggered(at, order.no)
