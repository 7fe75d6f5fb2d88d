"""Our book against the broker's: what has to be told, what is missing, what does not fit. Pure, and idempotent.

Everything found goes back through `decide.report`, where a fact known already says nothing: a second run changes
nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import TypedDict

import msgspec

from bridge.desk import Desk
from bridge.orders.events import BreakFound, Event, Mode, OrderAdopted, PositionAdopted, Request, Source
from bridge.orders.order import ZERO, Order, PendingReplace
from bridge.orders.reports import (
    Absent,
    Acknowledged,
    BrokerOrder,
    BrokerPosition,
    Canceled,
    Executed,
    Expired,
    NoAnswer,
    Refused,
    Replaced,
    ReplaceRefused,
    Report,
    Restated,
)
from fixspec.enums import ExecRestatementReason, OrdStatus


class _About(TypedDict):
    """What every report of a comparison begins with."""

    broker: str
    broker_client_id: str | None
    source: Source


def _about(broker: str, order: Order) -> _About:
    return {"broker": broker, "broker_client_id": order.broker_client_id, "source": Source.RECON}


class Compared(msgspec.Struct, frozen=True):
    """The outcome of a comparison: reports to feed back in this order, orders the broker did not list, listed orders
    that nobody here knows, and the executions of those. `doubtful` are orders that changed while the broker was asked.
    """

    reports: tuple[Report, ...]
    missing: tuple[Order, ...]
    unknown: tuple[BrokerOrder, ...]
    strange: tuple[Executed, ...]
    doubtful: frozenset[int]


def compare(
    desk: Desk, broker: str, listed: Sequence[BrokerOrder], executions: Sequence[Executed], upto: int
) -> Compared:
    """Executions first (a fill explains most differences), then every listed order, then what is not listed.

    `upto` is the newest entry when the broker was asked. Of an order that changed since, the list may tell what was
    before: nothing follows from it, the next run will know. Executions are facts whenever they are told.
    """
    reports: list[Report] = []
    unknown: list[BrokerOrder] = []
    seen: set[int] = set()
    doubtful: set[int] = set()
    for theirs in listed:
        order = desk.blotter.by_broker(broker, theirs.broker_client_id, theirs.broker_order_id)
        if order is None:
            unknown.append(theirs)
            continue
        seen.add(order.order_id)
        if order.last_seq > upto:
            doubtful.add(order.order_id)
        else:
            reports.extend(listed_order(broker, order, theirs))
    told, strange = parted(executions, unknown)
    missing = tuple(
        order for order in desk.blotter.at_broker(broker) if order.order_id not in seen and order.order_id <= upto
    )
    return Compared((*told, *reports), missing, tuple(unknown), tuple(strange), frozenset(doubtful))


def parted(executions: Sequence[Executed], unknown: Sequence[BrokerOrder]) -> tuple[list[Executed], list[Executed]]:
    """The executions, those of unknown listed orders apart: they belong to nobody until their order is adopted."""
    client_ids = {each.broker_client_id for each in unknown if each.broker_client_id is not None}
    order_ids = {each.broker_order_id for each in unknown}
    told: list[Executed] = []
    strange: list[Executed] = []
    for each in executions:
        theirs = each.broker_client_id in client_ids or each.broker_order_id in order_ids
        (strange if theirs else told).append(msgspec.structs.replace(each, source=Source.RECON))
    return told, strange


def listed_order(broker: str, order: Order, theirs: BrokerOrder) -> Iterable[Report]:
    """What the broker's listing tells about a working order of ours."""
    ids = _about(broker, order)
    if not order.accepted:
        yield Acknowledged(**ids, broker_order_id=theirs.broker_order_id)
    pending = order.pending_replace
    if pending is not None and replaced_already(order, pending, theirs):
        yield Replaced(
            broker=broker,
            broker_client_id=theirs.broker_client_id,
            broker_order_id=theirs.broker_order_id,
            source=Source.RECON,
        )
    elif not same_terms(theirs, order.order_qty, order.price, order.stop_px) and pending is None:
        yield Restated(
            **ids,
            broker_order_id=theirs.broker_order_id,
            reason=ExecRestatementReason.OTHER,
            order_qty=theirs.order_qty,
            price=theirs.price,
            stop_px=theirs.stop_px,
            text="terms at the broker differ",
        )


def replaced_already(order: Order, pending: PendingReplace, theirs: BrokerOrder) -> bool:
    """Does the listing prove that a replace under way was executed: by its own id, or by terms that the order did not
    have before? One that changes neither quantity nor price shows in no list.
    """
    if theirs.broker_client_id == pending.broker_client_id != order.broker_client_id:
        return True
    before = same_terms(theirs, order.order_qty, order.price, order.stop_px)
    return not before and same_terms(theirs, pending.order_qty, pending.price, pending.stop_px)


def same_terms(theirs: BrokerOrder, qty: Decimal | None, price: Decimal | None, stop_px: Decimal | None) -> bool:
    """True when the broker works these terms; a price that it does not list says nothing."""
    return (
        (qty is None or theirs.order_qty == qty)
        and (price is None or theirs.price is None or theirs.price == price)
        and (stop_px is None or theirs.stop_px is None or theirs.stop_px == stop_px)
    )


def found(broker: str, order: Order, theirs: BrokerOrder) -> Iterable[Report]:
    """The targeted answer about one order that was not listed as working (rows X3 and X7).

    Fills beyond ours are reported by their executions, never made up from a total.
    """
    ids = _about(broker, order)
    status = theirs.ord_status
    if status is OrdStatus.REJECTED:
        yield Refused(**ids, text="refused, as the broker's record says")
        return
    if not order.accepted and not theirs.cum_qty:
        yield Acknowledged(**ids, broker_order_id=theirs.broker_order_id)
    if status is OrdStatus.CANCELED:
        yield Canceled(**ids, reason=ExecRestatementReason.OTHER, text="found cancelled at the broker")
    elif status is OrdStatus.EXPIRED:
        yield Expired(**ids, text="found expired at the broker")


def not_found(broker: str, order: Order, *, proven: bool) -> Iterable[Report]:
    """The broker says that it does not know the order. Whether that proves its absence is the caller's to say: it
    depends on the fence (DURABILITY section 7).
    """
    ids = _about(broker, order)
    if proven and order.accepted:
        # it was there and is gone without a word: cancelled, as row X7 has it
        yield Canceled(**ids, reason=ExecRestatementReason.OTHER, text="no longer at the broker")
    elif proven:
        yield Absent(**ids, text="the broker has never had it")
    elif not order.accepted and order.unknown is not Request.SUBMIT:
        yield NoAnswer(**ids, request=Request.SUBMIT, text="not listed by the broker, absence is not proven yet")


def replace_lost(broker: str, order: Order) -> ReplaceRefused:
    """A replace that a broker with a fence has not executed by our login will not be executed any more."""
    return ReplaceRefused(
        broker=broker,
        broker_client_id=order.broker_client_id,
        source=Source.RECON,
        text="the broker works the old terms",
    )


def adopt(desk: Desk, broker: str, theirs: BrokerOrder, order_id: int) -> OrderAdopted:
    """An order that nobody here sent: kept as external, counted in risk (row X8)."""
    instrument = desk.instrument(theirs.symbol)
    adapter = desk.adapters.get(broker)
    return OrderAdopted(
        order_id=order_id,
        account=theirs.account,
        symbol=theirs.symbol,
        side=theirs.side,
        ord_type=theirs.ord_type,
        time_in_force=theirs.time_in_force,
        order_qty=theirs.order_qty,
        price=theirs.price,
        stop_px=theirs.stop_px,
        broker=broker,
        broker_order_id=theirs.broker_order_id,
        broker_client_id=theirs.broker_client_id,
        multiplier=instrument.multiplier if instrument is not None else Decimal(1),
        currency=instrument.currency if instrument is not None else None,
        mode=adapter.mode if adapter is not None else Mode.LIVE,
    )


def held(desk: Desk, broker: str) -> dict[tuple[str, str], Decimal]:
    """Our positions with this broker, by account and symbol."""
    accounts = (name for name, terms in desk.accounts.items() if terms.broker == broker)
    return {(each.account, each.symbol): each.qty for name in accounts for each in desk.blotter.positions(name)}


def position_breaks(
    desk: Desk, broker: str, theirs: Sequence[BrokerPosition], moved: Collection[tuple[str, str]] = ()
) -> list[Event]:
    """Positions that differ, per account and symbol of this broker; not those that `moved` while it was asked."""
    listed = {(each.account, each.symbol): each.qty for each in theirs}
    ours = held(desk, broker)
    breaks: list[Event] = []
    for account, symbol in sorted((listed.keys() | ours.keys()).difference(moved)):
        mine, other = ours.get((account, symbol), ZERO), listed.get((account, symbol), ZERO)
        if mine != other:
            breaks.append(
                BreakFound(
                    broker=broker,
                    kind="position",
                    account=account,
                    symbol=symbol,
                    ours=f"{mine:f}",
                    theirs=f"{other:f}",
                )
            )
    return breaks


def untraded(desk: Desk, account: str) -> bool:
    """True for an account that nobody has traded through this journal: what it holds was there before us."""
    blotter = desk.blotter
    if any(True for _ in blotter.positions(account)):
        return False
    return not any(order.account == account for order in blotter.orders())


def adopt_positions(
    desk: Desk, broker: str, theirs: Sequence[BrokerPosition], accounts: Collection[str], *, who: str, reason: str
) -> list[Event]:
    """Make the broker's positions ours where they differ.

    Left as breaks: a symbol in which an order is open (an execution may be under way), and a position without a price.
    """
    found: list[Event] = []
    busy = {(order.account, order.symbol) for order in desk.blotter.open_orders()}
    listed = {(each.account, each.symbol): each for each in theirs}
    ours = {(each.account, each.symbol) for account in accounts for each in desk.blotter.positions(account)}
    for account, symbol in sorted(listed.keys() | ours):
        held, mine = listed.get((account, symbol)), desk.blotter.position(account, symbol)
        qty = held.qty if held is not None else ZERO
        if account not in accounts or qty == mine.qty or (account, symbol) in busy:
            continue
        mark = held.mark if held is not None else None
        px = held.avg_px if held is not None and held.avg_px is not None else mark
        if px is None and qty:
            continue
        instrument = desk.instrument(symbol)
        found.append(
            PositionAdopted(
                account=account,
                symbol=symbol,
                qty=qty,
                was=mine.qty,
                avg_px=px if px is not None else ZERO,
                # what is gone leaves at its cost: nobody states its price
                mark=mark if qty else mine.avg_px,
                multiplier=instrument.multiplier if instrument is not None else Decimal(1),
                currency=instrument.currency if instrument is not None else None,
                broker=broker,
                who=who,
                reason=reason,
            )
        )
    return found


def doubt(order: Order, text: str) -> BreakFound:
    """An order of which the broker can no longer say what became of it."""
    return BreakFound(
        broker=order.broker,
        kind="outcome",
        account=order.account,
        symbol=order.symbol,
        ours=order.ord_status.name,
        order_id=order.order_id,
        text=text,
    )


def fill_breaks(desk: Desk, broker: str, listed: Sequence[BrokerOrder], doubtful: Collection[int] = ()) -> list[Event]:
    """Orders of which the broker has filled another quantity than its executions gave us; not the `doubtful`, of which
    the list may be older than what we know.
    """
    breaks: list[Event] = []
    for theirs in listed:
        order = desk.blotter.by_broker(broker, theirs.broker_client_id, theirs.broker_order_id)
        if order is None or order.external or order.order_id in doubtful:
            continue
        if order.cum_qty != theirs.cum_qty:
            breaks.append(
                BreakFound(
                    broker=broker,
                    kind="fills",
                    account=order.account,
                    symbol=order.symbol,
                    ours=f"{order.cum_qty:f}",
                    theirs=f"{theirs.cum_qty:f}",
                    order_id=order.order_id,
                )
            )
    return breaks
