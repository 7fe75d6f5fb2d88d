"""Questions to Alpaca: found, proven absent, or no answer. Everything that is no answer is BrokerUnreachable."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bridge.brokers.alpaca import rules, wire
from bridge.brokers.alpaca.activities import Activities, Row
from bridge.brokers.alpaca.answers import Denied
from bridge.brokers.alpaca.rules import Asset
from bridge.brokers.alpaca.wire import Json, Unreadable, json_object
from bridge.orders.reports import BrokerOrder, BrokerPosition, Executed

PAGE = 500
"""Most orders one page may have; the default of 50 would hide the rest."""
CHAIN = 200
"""Replaces in a row that are followed."""
REMEMBERED = 50_000

Get = Callable[[str, dict[str, Any] | None], Awaitable[Any]]


def ours(client_id: Any) -> bool:
    """Whether a client order id is one of ours (DURABILITY section 6); what Alpaca makes itself are UUIDs."""
    return isinstance(client_id, str) and client_id.startswith("f") and "-" not in client_id and len(client_id) <= 48


class Queries:
    """Alpaca's lists as ours. `get` asks once and raises NoReply or Denied, which pass through here unchanged."""

    def __init__(self, name: str, account: str, get: Get) -> None:
        self._name = name
        self._account = account
        self._get = get
        self.activities = Activities(get)
        self.assets: dict[str, Asset] = {}
        self._pairs: dict[str, str] = {}  # BTCUSD → BTC/USD
        self._owners: dict[str, str | None] = {}  # order id → the client id it is told under
        self._over: dict[str, Json] = {}  # bodies of replaced orders, which change no more

    # --- orders -------------------------------------------------------------------------------------------------------

    async def order(self, order_id: str) -> Json:
        """One order by Alpaca's id."""
        return self._remember(json_object(await self._get(f"/orders/{order_id}", None)))

    async def by_client_id(self, client_id: str) -> Json | None:
        """One order by our id; None only where Alpaca itself says that it has none."""
        try:
            found = await self._get("/orders:by_client_order_id", {"client_order_id": client_id})
        except Denied as denied:
            if denied.unknown_order:
                return None
            raise
        return self._remember(json_object(found))

    async def orders(self, status: str, after: datetime | None = None) -> list[Json]:
        """All orders of `open` or `all`, every page. Raises Unreadable when the pages do not get on."""
        found: dict[str, Json] = {}
        query: dict[str, Any] = {"status": status, "limit": PAGE, "direction": "asc", "nested": "false"}
        begin = after
        while True:
            page = await self._get("/orders", query if begin is None else {**query, "after": _rfc3339(begin)})
            if not isinstance(page, list):
                raise Unreadable("orders are no list")
            fresh = 0
            for each in page:
                body = self._remember(json_object(each))
                fresh += wire.word(body, "id") not in found
                found[body["id"]] = body
            if len(page) < PAGE:
                return list(found.values())
            last = wire.moment(page[-1].get("submitted_at"))
            if not fresh or last is None:
                raise Unreadable("more orders of one moment than a page holds")
            # `after` excludes its own moment: orders of the last one may be on the next page
            begin = last - timedelta(milliseconds=1)

    async def open_orders(self) -> tuple[list[Json], list[BrokerOrder]]:
        """Everything that works, as Alpaca lists it and as the interface wants it."""
        bodies = await self.orders("open")
        by_id = {body["id"]: body for body in bodies}
        stated = []
        for body in bodies:
            before = by_id.get(body.get("replaces") or "")
            if before is not None and before["status"] == "pending_replace":
                continue  # asked for, not in force: the order before it still stands for both
            stated.append(await self.stated(body))
        return bodies, stated

    async def stated(self, body: Json) -> BrokerOrder:
        """An order with the fills of those it took the place of, under the id we know it by."""
        return wire.listed(body, self._account, await self.owner(body), await self._cum_qty(body))

    async def newest(self, body: Json) -> Json:
        """The order that has taken this one's place, or the order itself."""
        for _ in range(CHAIN):
            later = body.get("replaced_by")
            if body.get("status") != "replaced" or not isinstance(later, str):
                return body
            body = await self.order(later)
        raise Unreadable("a chain of replaces without an end")

    async def owner(self, body: Json) -> str | None:
        """The client id an order is told under: its own, or that of the order of ours that somebody else replaced."""
        client_id = body.get("client_order_id")
        if ours(client_id):
            return str(client_id)
        own: str | None = client_id if isinstance(client_id, str) else None
        for _ in range(CHAIN):
            before = body.get("replaces")
            if not isinstance(before, str):
                return own
            body = await self._before(before)
            if ours(body.get("client_order_id")):
                return str(body["client_order_id"])
        raise Unreadable("a chain of replaces without an end")

    async def _before(self, order_id: str) -> Json:
        return self._over.get(order_id) or await self.order(order_id)

    async def _cum_qty(self, body: Json) -> Decimal:
        """The quantity filled over the chain. Whether a replacement counts earlier fills is not documented, so the
        executions are counted wherever there is more than one order.
        """
        own = wire.decimal(body, "filled_qty")
        chain, first = {wire.word(body, "id")}, body
        filled = own > 0
        while isinstance(before := first.get("replaces"), str) and len(chain) < CHAIN:
            first = await self._before(before)
            chain.add(before)
            filled = filled or wire.decimal(first, "filled_qty") > 0
        if len(chain) == 1 or not filled:
            return own
        began = wire.moment(first.get("created_at") or first.get("submitted_at"))
        if began is None:
            raise Unreadable("an order without its time")
        rows = await self.activities.since(began)
        return sum((row.qty for row in rows if row.order_id in chain), Decimal(0))

    def _remember(self, body: Json) -> Json:
        order_id = wire.word(body, "id")
        if body.get("status") == "replaced":
            self._over[order_id] = body
            _bound(self._over)
        client_id = body.get("client_order_id")
        if order_id not in self._owners and (ours(client_id) or not body.get("replaces")):
            self._owners[order_id] = client_id
            _bound(self._owners)
        return body

    # --- executions ---------------------------------------------------------------------------------------------------

    async def rows(self, since: datetime) -> list[Row]:
        """Executions as Alpaca lists them."""
        return await self.activities.since(since)

    async def owners(self, rows: Sequence[Row]) -> dict[str, str | None]:
        """The client id of every order in `rows`; many unknown ones (after a start) are asked for by the page."""
        unknown = {row.order_id for row in rows} - self._owners.keys()
        if len(unknown) > 3:
            await self.orders("all", after=min(row.at for row in rows) - timedelta(days=1))
            unknown -= self._owners.keys()
        for order_id in unknown:
            self._owners[order_id] = await self.owner(await self.order(order_id))
        return self._owners

    def executed(self, row: Row, execution_id: str, client_id: str | None) -> Executed:
        """One execution as a report."""
        return Executed(
            broker=self._name,
            broker_client_id=client_id,
            broker_order_id=row.order_id,
            broker_exec_id=execution_id,
            exec_root=execution_id,
            symbol=row.symbol,
            side=wire.side(row.body),
            account=self._account,
            last_qty=row.qty,
            last_px=row.px,
            transact_time=row.at,
        )

    # --- positions, assets --------------------------------------------------------------------------------------------

    async def positions(self) -> list[BrokerPosition]:
        """All positions; crypto is held as BTCUSD and dealt as BTC/USD."""
        rows = await self._get("/positions", None)
        if not isinstance(rows, list):
            raise Unreadable("positions are no list")
        return [wire.position(json_object(row), self._account, await self._dealt_as(row)) for row in rows]

    async def _dealt_as(self, row: Json) -> str:
        symbol = wire.word(row, "symbol")
        if row.get("asset_class") != "crypto" or rules.is_crypto(symbol):
            return symbol
        if symbol not in self._pairs:
            await self.all_assets("crypto")
        if symbol not in self._pairs:
            raise Unreadable(f"a position in {symbol}, which is no crypto pair of Alpaca's")
        return self._pairs[symbol]

    async def asset(self, symbol: str) -> Asset | None:
        """One row of the assets, asked for once; None where Alpaca has no such asset."""
        if symbol not in self.assets:
            try:
                found = await self._get(f"/assets/{symbol.replace('/', '%2F')}", None)
            except Denied as denied:
                if denied.status == 404:
                    return None
                raise
            self._asset(json_object(found))
        return self.assets.get(symbol)

    async def all_assets(self, asset_class: str) -> list[Asset]:
        """All active assets of `us_equity` or `crypto`."""
        rows = await self._get("/assets", {"status": "active", "asset_class": asset_class})
        if not isinstance(rows, list):
            raise Unreadable("assets are no list")
        return [self._asset(json_object(row)) for row in rows]

    def _asset(self, row: Json) -> Asset:
        found = wire.asset(row)
        self.assets[found.symbol] = found
        if found.crypto:
            self._pairs[found.symbol.replace("/", "")] = found.symbol
        return found

    async def calendar(self, first: date, last: date) -> list[Any]:
        """Rows of the market calendar."""
        rows = await self._get("/calendar", {"start": first.isoformat(), "end": last.isoformat()})
        if not isinstance(rows, list):
            raise Unreadable("the calendar is no list")
        return rows


def _rfc3339(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _bound(table: dict[str, Any]) -> None:
    if len(table) > REMEMBERED:
        for key in list(table)[: REMEMBERED // 10]:
            del table[key]
