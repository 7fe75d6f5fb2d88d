"""The journal as it is told: entries after a number, one entry, everything that happened to an order."""

from typing import Annotated

import msgspec
from litestar import Response
from litestar.params import FromPath
from msgspec import Meta

from bridge.outputs.http.documents import EntryPage, OutwardEntry
from bridge.outputs.http.endpoint import JSON, Asked, endpoint, query_of
from bridge.outputs.http.ordering import visible
from bridge.outputs.http.paging import LIMIT, SCAN, Limit
from bridge.outputs.http.principal import Principal, Role
from bridge.outputs.http.services import Behind, Services, Who
from bridge.outputs.stream import Outward
from bridge.problems import refuse

SHOWN_TO_ALL = frozenset({"trading_halted", "trading_resumed", "opened"})
"""Entries of no account that a token for some accounts only may see as well: they hold for everybody."""


class EntriesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries. `type` and `account` may be lists, separated by commas."""

    after: Annotated[int, Meta(ge=0, le=10**18, description="Entries with a greater `seq`")] = 0
    limit: Limit = LIMIT
    account: str | None = None
    type: str | None = None
    symbol: str | None = None
    order_id: Annotated[int, Meta(ge=0, le=10**18)] | None = None


class OrderEntriesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to go on."""

    after: Annotated[int, Meta(ge=0, le=10**18)] = 0
    limit: Limit = LIMIT


def shown(item: Outward, principal: Principal) -> bool:
    """Whether the token may see an entry."""
    if not principal.accounts:
        return True
    return item.account in principal.accounts if item.account else item.type in SHOWN_TO_ALL


@endpoint("GET", "/entries", role=Role.READ, tag="entries", answer=EntryPage, query=EntriesQuery)
async def entries(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Entries in order. Those that are older than memory are folded again from the journal.

    `next` is the `after` to go on with; a rare filter may give a short or empty page while `next` is below `seq`.
    """
    query = query_of(request, EntriesQuery)
    accounts = None if query.account is None else set(query.account.split(","))
    types = None if query.type is None else set(query.type.split(","))

    def wanted(item: Outward) -> bool:
        return (
            (accounts is None or item.account in accounts)
            and (types is None or item.type in types)
            and (query.symbol is None or item.symbol == query.symbol)
            and (query.order_id is None or item.order_id == query.order_id)
            and shown(item, principal)
        )

    return await _page(services, query.after, query.limit, wanted)


@endpoint("GET", "/entries/{seq:int}", role=Role.READ, tag="entries", answer=OutwardEntry, problems=("not-found",))
async def entry_by_seq(seq: FromPath[int], services: Behind, principal: Who) -> Response[bytes]:
    """One entry."""
    stream = services.book.stream
    if 0 < seq <= stream.last:
        follower = stream.follow(seq - 1)
        item = (await follower.next(1))[0]
        if item.seq == seq and shown(item, principal):
            return Response(item.data, media_type=JSON)
    raise refuse("not-found", f"there is no entry {seq}")


@endpoint(
    "GET",
    "/orders/{order_id:int}/entries",
    role=Role.READ,
    tag="orders",
    answer=EntryPage,
    query=OrderEntriesQuery,
    problems=("not-found", "unavailable"),
)
async def order_entries(request: Asked, order_id: FromPath[int], services: Behind, principal: Who) -> Response[bytes]:
    """Everything that happened to an order, oldest first."""
    query = query_of(request, OrderEntriesQuery)
    order = await visible(services, principal, order_id)
    return await _page(
        services,
        max(query.after, order_id - 1),
        query.limit,
        lambda item: item.order_id == order_id,
        upto=order.last_seq,
    )


async def _page(services: Services, after: int, limit: int, wanted, upto: int | None = None) -> Response[bytes]:  # type: ignore[no-untyped-def]
    """A page of entries as JSON, built from their bytes. Looks at no more than SCAN entries."""
    stream = services.book.stream
    last = stream.last if upto is None else min(upto, stream.last)
    follower = stream.follow(after)
    found: list[bytes] = []
    position, looked = after, 0
    while position < last and len(found) < limit and looked < SCAN:
        for item in await follower.next(500):
            if item.seq > last:
                position = last
                break
            looked += 1
            position = item.seq
            if wanted(item):
                found.append(item.data)
                if len(found) >= limit:
                    break
    if position < last and len(found) < limit and looked < SCAN:
        position = last
    body = b'{"items":[' + b",".join(found) + b'],"next":%d,"seq":%d}' % (max(position, after), stream.last)
    return Response(body, media_type=JSON)
