"""GET /v2/account/activities/FILL: the only list of single executions, read page by page and kept for the next time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from bridge.brokers.alpaca import wire
from bridge.brokers.alpaca.wire import Json, Unreadable

PAGE = 100
OVERLAP = timedelta(minutes=2)
"""Read again each time: rows may appear late, and those of one millisecond come in any order."""
KEEP = timedelta(days=4)

Get = Callable[[str, dict[str, Any]], Awaitable[Any]]


class Row(msgspec.Struct, frozen=True):
    """One execution. `cum_qty` is the order's total after it."""

    id: str
    execution_id: str
    order_id: str
    at: datetime
    symbol: str
    body: Json
    qty: Decimal
    px: Decimal
    cum_qty: Decimal | None


class Activities:
    """Rows by time. `since` costs one request when little has happened since the last call."""

    def __init__(self, get: Get) -> None:
        """`get` raises NoReply or Denied."""
        self._get = get
        self._rows: dict[str, Row] = {}
        self._from: datetime | None = None
        self._newest: datetime | None = None
        self._lock = asyncio.Lock()
        self.pages = 0

    async def since(self, since: datetime) -> list[Row]:
        """Every execution from then on, oldest first; those of one moment by their order's total.

        Raises what `get` raises, and Unreadable; then nothing is known anew.
        """
        async with self._lock:
            begin = since
            if self._from is not None and self._newest is not None and since >= self._from:
                begin = max(since, self._newest - OVERLAP)
            else:
                self._from = None
            found = await self._read(begin)
            self._rows.update(found)
            if self._from is None:
                self._from = since
            if self._rows:
                self._newest = max(row.at for row in self._rows.values())
                self._forget(self._newest - KEEP)
        rows = [row for row in self._rows.values() if row.at >= since]
        rows.sort(key=lambda row: (row.at, row.cum_qty or 0))
        return rows

    async def _read(self, begin: datetime) -> dict[str, Row]:
        found: dict[str, Row] = {}
        # `after` excludes its own moment, and times are cut to milliseconds in ids: begin a second earlier
        after = (begin - timedelta(seconds=1)).astimezone(UTC).isoformat().replace("+00:00", "Z")
        query: dict[str, Any] = {"after": after, "direction": "asc", "page_size": PAGE}
        while True:
            page = await self._get("/account/activities/FILL", query)
            self.pages += 1
            if not isinstance(page, list):
                raise Unreadable("activities are no list")
            rows = [_row(each) for each in page]
            fresh = {row.id: row for row in rows if row.id not in found}
            found.update(fresh)
            if len(page) < PAGE:
                return found
            if not fresh:
                raise Unreadable("the same page of activities came twice")
            query = {**query, "page_token": rows[-1].id}

    def _forget(self, before: datetime) -> None:
        if self._from is not None and self._from < before:
            self._rows = {key: row for key, row in self._rows.items() if row.at >= before}
            self._from = before


def _row(body: Any) -> Row:
    if not isinstance(body, dict):
        raise Unreadable("an activity is no object")
    key = wire.word(body, "id")
    at = wire.moment(body.get("transaction_time"))
    if at is None:
        raise Unreadable("an activity without its time")
    return Row(
        id=key,
        execution_id=key.partition("::")[2] or key,
        order_id=wire.word(body, "order_id"),
        at=at,
        symbol=wire.word(body, "symbol"),
        body=body,
        qty=wire.decimal(body, "qty"),
        px=wire.decimal(body, "price"),
        cum_qty=wire.optional(body, "cum_qty"),
    )
