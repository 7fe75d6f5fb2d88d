"""Orders: enter, change, cancel, look up. Entry is the FIX path: the body becomes the FIX message it stands for."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import Response
from litestar.params import FromPath
from msgspec import Meta

from bridge.control_commands import CancelAfterAnswer, MassCancelAnswer, OrderAnswer, Verdict
from bridge.journal.encoding import OrderState, order_state
from bridge.orders.order import Order
from bridge.outputs.http import ordering
from bridge.outputs.http.bodies import CancelAfterIn, CancelAllIn, NewOrderIn, OrderChangeIn, aware
from bridge.outputs.http.documents import OrderPage
from bridge.outputs.http.endpoint import Asked, answered, body_of, endpoint, if_match, query_of, state
from bridge.outputs.http.paging import LIMIT, SCAN, Cursor, Limit, below, cursor
from bridge.outputs.http.principal import Role
from bridge.outputs.http.services import Behind, Services, Who
from bridge.outputs.http.text import ClOrdIdText

MAX_WAIT = 30.0  # seconds
PREFER = {"Prefer": "`wait=2`: answer after the broker's word, or after so many seconds (at most 30)"}
IF_MATCH = {"If-Match": '`"<last_seq>"`: only if the order has not changed since'}
CHANGE_PROBLEMS = ("duplicate-cl-ord-id", "already-pending", "refused", "unavailable", "outcome-unknown")


class Shown(Enum):
    """Which orders a list shows."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


class OrdersQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters of a list of orders; all given ones must match."""

    account: str | None = None
    symbol: str | None = None
    session: str | None = None
    strategy: str | None = None
    status: Shown = Shown.ALL
    since: Annotated[datetime, Meta(description="Received at or after")] | None = None
    limit: Limit = LIMIT
    cursor: Cursor | None = None


class EntryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an order is entered."""

    dry_run: Annotated[bool, Meta(description="Only say what every rule says; nothing is recorded")] = False


class CancelQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cancel's own ClOrdID(11)."""

    cl_ord_id: ClOrdIdText


class OwnerQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose ClOrdID(11): a session's, the token's own when absent."""

    session: str | None = None


@endpoint(
    "POST",
    "/orders",
    role=Role.TRADE,
    tag="orders",
    answer=OrderState,
    status=201,
    query=EntryQuery,
    problems=CHANGE_PROBLEMS,
    headers={"Location": "Where the order is", "ETag": "Its `last_seq`", "Idempotency-Replayed": "`true` with 200"},
    request_headers=PREFER,
    also={200: "The same request was taken before (`Idempotency-Replayed: true`), or the verdict of a dry run"},
    also_answers=(Verdict,),
    body=NewOrderIn,
)
async def new_order(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Enter an order, as NewOrderSingle(D) does.

    `cl_ord_id` makes it idempotent: the same id with the same terms answers 200 and the order as it is now, with other
    terms 409. Any request may be repeated.
    """
    data = await body_of(request, NewOrderIn)
    query = query_of(request, EntryQuery)
    if query.dry_run:
        return answered(await ordering.dry_run(services, principal, data))
    return await _ordered(request, services, await ordering.enter(services, principal, data), 201, _worked)


@endpoint("GET", "/orders", role=Role.READ, tag="orders", answer=OrderPage, query=OrdersQuery)
async def orders(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Orders, newest first."""
    query = query_of(request, OrdersQuery)
    since = aware(query.since, "since")
    start = below("o", query.cursor)
    book = services.book
    found: list[OrderState] = []
    following: str | None = None
    if query.status is Shown.OPEN:
        working = sorted(book.blotter.open_orders(query.account), key=lambda order: -order.order_id)
        rows: Any = (order for order in working if start is None or order.order_id < start)
    else:
        rows = book.orders_below(start)
    for looked, order in enumerate(rows):
        if looked >= SCAN:
            following = cursor("o", order.order_id + 1)
            break
        if _wanted(order, query, since) and principal.sees(order.account):
            if len(found) >= query.limit:
                following = cursor("o", found[-1].order_id)
                break
            found.append(order_state(order))
    return answered(OrderPage(items=tuple(found), next=following, seq=book.seq))


def _wanted(order: Order, query: OrdersQuery, since: datetime | None) -> bool:
    return (
        (query.account is None or order.account == query.account)
        and (query.symbol is None or order.symbol == query.symbol)
        and (query.session is None or order.session_id == query.session)
        and (query.strategy is None or order.strategy == query.strategy)
        and (query.status is Shown.ALL or order.open is (query.status is Shown.OPEN))
        and (since is None or order.received >= since)
    )


@endpoint(
    "GET",
    "/orders/{order_id:int}",
    role=Role.READ,
    tag="orders",
    answer=OrderState,
    problems=("not-found", "unavailable"),
    state=True,
)
async def order_by_id(request: Asked, order_id: FromPath[int], services: Behind, principal: Who) -> Response[bytes]:
    """The order as it is now."""
    order = await ordering.visible(services, principal, order_id)
    return state(request, order_state(order), str(order.last_seq))


@endpoint(
    "GET",
    "/orders/by-cl-ord-id/{cl_ord_id:path}",
    role=Role.READ,
    tag="orders",
    answer=OrderState,
    query=OwnerQuery,
    problems=("not-found", "unavailable"),
    state=True,
)
async def order_by_cl_ord_id(
    request: Asked, cl_ord_id: FromPath[str], services: Behind, principal: Who
) -> Response[bytes]:
    """The order whose chain a ClOrdID(11) belongs to: what to ask after 504."""
    query = query_of(request, OwnerQuery)
    found = await ordering.by_cl_ord_id(
        services, principal, query.session or principal.session_id, cl_ord_id.removeprefix("/")
    )
    return state(request, order_state(found), str(found.last_seq))


@endpoint(
    "PATCH",
    "/orders/{order_id:int}",
    role=Role.TRADE,
    tag="orders",
    answer=OrderState,
    status=202,
    problems=("not-found", "changed", *CHANGE_PROBLEMS),
    headers={"ETag": "Its `last_seq`", "Idempotency-Replayed": "`true` when it was taken before"},
    request_headers={**PREFER, **IF_MATCH},
    also={200: "The same request was taken before (`Idempotency-Replayed: true`)"},
    body=OrderChangeIn,
)
async def replace_order(request: Asked, order_id: FromPath[int], services: Behind, principal: Who) -> Response[bytes]:
    """Ask for new terms, as OrderCancelReplaceRequest(G) does, except that what is left out stays as it is."""
    data = await body_of(request, OrderChangeIn)
    answer = await ordering.replace(services, principal, order_id, data, if_match(request))
    return await _ordered(request, services, answer, 202, _settled)


@endpoint(
    "DELETE",
    "/orders/{order_id:int}",
    role=Role.TRADE,
    tag="orders",
    answer=OrderState,
    status=202,
    query=CancelQuery,
    problems=("not-found", "changed", *CHANGE_PROBLEMS),
    headers={"ETag": "Its `last_seq`", "Idempotency-Replayed": "`true` when it was taken before"},
    request_headers={**PREFER, **IF_MATCH},
    also={200: "The same request was taken before (`Idempotency-Replayed: true`)"},
)
async def cancel_order(request: Asked, order_id: FromPath[int], services: Behind, principal: Who) -> Response[bytes]:
    """Ask for the remainder to be cancelled, as OrderCancelRequest(F) does."""
    query = query_of(request, CancelQuery)
    answer = await ordering.cancel(services, principal, order_id, query.cl_ord_id, if_match(request))
    return await _ordered(request, services, answer, 202, _settled)


@endpoint(
    "POST",
    "/orders/cancel-all",
    role=Role.TRADE,
    tag="orders",
    answer=MassCancelAnswer,
    status=202,
    problems=("duplicate-cl-ord-id", "unavailable", "outcome-unknown"),
    body=CancelAllIn,
)
async def cancel_all(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Cancel every working order of the token's accounts that matches, as OrderMassCancelRequest(q) does."""
    data = await body_of(request, CancelAllIn)
    return answered(await ordering.cancel_all(services, principal, data), 202)


@endpoint(
    "PUT",
    "/cancel-after",
    role=Role.TRADE,
    tag="orders",
    answer=CancelAfterAnswer,
    problems=("unavailable",),
    body=CancelAfterIn,
)
async def cancel_after(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """A dead man's switch: the token's orders are cancelled in `seconds` unless this is called again before."""
    data = await body_of(request, CancelAfterIn)
    answer = await services.engine.ask(
        "cancel_after",
        CancelAfterAnswer,
        principal.session_id,
        seconds=data.seconds,
        entrant=ordering.entrant(principal),
    )
    return answered(answer)


@endpoint(
    "GET",
    "/orders/{order_id:int}/verdict",
    role=Role.READ,
    tag="orders",
    answer=Verdict,
    problems=("not-found", "unavailable"),
)
async def order_verdict(order_id: FromPath[int], services: Behind, principal: Who) -> Response[bytes]:
    """What every risk rule says about the order as it stands."""
    await ordering.visible(services, principal, order_id)
    return answered(await services.engine.ask("explain", Verdict, principal.session_id, order_id=order_id))


async def _ordered(
    request: Asked, services: Services, answer: OrderAnswer, status: int, done: Callable[[Order], bool]
) -> Response[bytes]:
    """The order as answered, or after the broker's word when `Prefer` asks for that."""
    wait = _prefer_wait(request)
    document = answer.order
    if wait:
        order = await _until(services, document.order_id, done, wait)
        if order is not None:
            document = order_state(order)
    headers = {"ETag": f'"{document.last_seq}"', "Location": f"/v1/orders/{quote(str(document.order_id))}"}
    if wait:
        headers["Preference-Applied"] = f"wait={wait:g}"
    if answer.replayed:
        headers["Idempotency-Replayed"] = "true"
        status = 200
    return answered(document, status, headers)


def _prefer_wait(request: Asked) -> float:
    """Seconds of `Prefer: wait=N` (RFC 7240), 0 without it; what cannot be read is ignored, as the RFC wants."""
    for part in request.headers.get("prefer", "").split(","):
        name, _, value = part.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            text = value.strip().strip('"')
            if text.isascii() and text.isdigit() and len(text) <= 6:
                return min(float(text), MAX_WAIT)
    return 0.0


async def _until(services: Services, order_id: int, done: Callable[[Order], bool], wait: float) -> Order | None:
    """The order when `done` says so, or as it is after `wait` seconds."""
    book = services.book
    try:
        async with asyncio.timeout(wait):
            while True:
                seq = book.stream.last
                order = book.blotter.order(order_id)
                if order is not None and done(order):
                    return order
                await book.stream.beyond(seq)
    except TimeoutError:
        return book.blotter.order(order_id)


def _worked(order: Order) -> bool:
    """The broker has said something about a new order."""
    return order.accepted or order.closed is not None or bool(order.fills)


def _settled(order: Order) -> bool:
    """Nothing is pending any more."""
    return order.pending_cancel is None and order.pending_replace is None
