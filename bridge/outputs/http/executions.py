"""Executions, as they stand after corrections and busts."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response
from msgspec import Meta

from bridge.outputs.http.bodies import aware
from bridge.outputs.http.documents import ExecutionPage, ExecutionState
from bridge.outputs.http.endpoint import Asked, answered, endpoint, query_of
from bridge.outputs.http.paging import LIMIT, SCAN, Cursor, Limit, below, cursor
from bridge.outputs.http.principal import Role
from bridge.outputs.http.services import Behind, Who


class ExecutionsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters of a list of executions; all given ones must match. Times are those of the journal."""

    account: str | None = None
    symbol: str | None = None
    broker: str | None = None
    strategy: str | None = None
    order_id: Annotated[int, Meta(ge=0, le=10**18)] | None = None
    exec_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: Limit = LIMIT
    cursor: Cursor | None = None


@endpoint("GET", "/executions", role=Role.READ, tag="executions", answer=ExecutionPage, query=ExecutionsQuery)
async def executions(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Executions, newest first: the newest 200,000; older ones are in `/v1/entries?type=order_filled`."""
    query = query_of(request, ExecutionsQuery)
    since, until = aware(query.since, "since"), aware(query.until, "until")
    found: list[ExecutionState] = []
    following: str | None = None
    for looked, row in enumerate(services.book.executions_below(below("x", query.cursor))):
        if looked >= SCAN:
            following = cursor("x", row.seq + 1)
            break
        if since is not None and row.time < since:
            break
        if _wanted(row, query, until) and principal.sees(row.account):
            if len(found) >= query.limit:
                following = cursor("x", found[-1].seq)
                break
            found.append(row)
    return answered(ExecutionPage(items=tuple(found), next=following, since=services.book.since, seq=services.book.seq))


def _wanted(row: ExecutionState, query: ExecutionsQuery, until: datetime | None) -> bool:
    return (
        (query.account is None or row.account == query.account)
        and (query.symbol is None or row.symbol == query.symbol)
        and (query.broker is None or row.broker == query.broker)
        and (query.strategy is None or row.strategy == query.strategy)
        and (query.order_id is None or row.order_id == query.order_id)
        and (query.exec_id is None or query.exec_id in (row.exec_id, row.exec_ref_id))
        and (until is None or row.time < until)
    )
