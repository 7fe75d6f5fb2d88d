"""The client: orders as live objects, lists, risk, and the stream, over one base address."""

import os
import secrets
import weakref
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from bridge.control_answers import MarketState, MassCancelAnswer, Status, Verdict
from bridge.journal.encoding import OrderState
from bridge.orders.market import Instrument
from bridge.outputs.http.documents import (
    AccountState,
    CostTable,
    EntryPage,
    ExecutionPage,
    ExecutionState,
    InstrumentPage,
    MarketPage,
    OrderPage,
    OutwardEntry,
    PositionPage,
    PositionState,
)
from bridge.sdk.checkpoint import Checkpoint
from bridge.sdk.feed import Entries, Feed
from bridge.sdk.order import Order
from bridge.sdk.risk import Risk
from bridge.sdk.terms import Amount, new_order, query, word
from bridge.sdk.wire import Wire, amount, loop_call
from fixspec.enums import ExecInst, Side, TimeInForce

URL = "http://127.0.0.1:8080"
UNCLAIMED = 20_000  # entries kept for orders whose answer is still under way
Listener = Callable[[OutwardEntry], Any]


class Bridge:
    """A connection to one fixbridge. Use it as `async with Bridge(...) as bridge`.

    `url` and `token` come from FIXBRIDGE_URL and FIXBRIDGE_TOKEN when not given; on loopback in the default paper
    configuration no token is needed. `retry_for` seconds are spent on requests without an answer, which is safe because
    every order has its `cl_ord_id` before the first try. `verify` is httpx's: True, False, or an ssl.SSLContext.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        account: str | None = None,
        timeout: float = 10.0,
        retry_for: float = 10.0,
        verify: Any = True,
    ) -> None:
        if token is None and token_file is not None:
            token = Path(token_file).expanduser().read_text().strip()
        self.url = url or os.environ.get("FIXBRIDGE_URL") or URL
        self.account_name = account
        self._token = token or os.environ.get("FIXBRIDGE_TOKEN")
        self._verify = verify
        self._timeout = timeout
        self._wire = Wire(self.url, self._token, timeout=timeout, retry_for=retry_for, verify=verify)
        self._orders: weakref.WeakValueDictionary[int, Order] = weakref.WeakValueDictionary()
        self._unclaimed: OrderedDict[int, list[OutwardEntry]] = OrderedDict()
        self._listeners: dict[str, list[Listener]] = {}
        self._feed: Feed | None = None
        self._prefix = f"s{secrets.token_hex(5)}"
        self._number = 0
        self.risk = Risk(self._wire)

    async def __aenter__(self) -> "Bridge":
        """Connect the stream, so that no answer can be missed."""
        self._feed = Feed(self.url, self._token, on_entry=self._take, ssl=self._ssl())
        self._feed.start(self._wake)
        try:
            await self._feed.wait_ready(self._timeout)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect. Orders stay as they are."""
        if self._feed is not None:
            await self._feed.stop()
            self._feed = None
        await self._wire.close()

    def _ssl(self) -> Any:
        if not self.url.startswith("https"):
            return None
        if self._verify is False:
            import ssl

            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        return None if self._verify is True else self._verify

    def _check(self) -> None:
        """Raise what has ended the stream for good, so that nobody waits for it."""
        if self._feed is not None and self._feed.failed is not None:
            raise self._feed.failed

    def _wake(self) -> None:
        for order in list(self._orders.values()):
            order.wake()

    def _take(self, entry: OutwardEntry) -> None:
        order_id = entry.order.order_id if entry.order is not None else 0
        if order_id:
            known = self._orders.get(order_id)
            if known is not None:
                known.take(entry)
            else:
                self._unclaimed.setdefault(order_id, []).append(entry)
                while len(self._unclaimed) > UNCLAIMED:
                    self._unclaimed.popitem(last=False)
        kind = str(entry.event.__struct_config__.tag)
        for listener in (*self._listeners.get(kind, ()), *self._listeners.get("*", ())):
            loop_call(listener, entry)

    def _live(self, state: OrderState, *, fresh: bool = False) -> Order:
        """The one live object of an order."""
        order = self._orders.get(state.order_id)
        if order is None:
            order = Order(self, state, complete=fresh)
            self._orders[state.order_id] = order
            for entry in self._unclaimed.pop(state.order_id, ()):
                order.take(entry)
        else:
            order.renew(state)
        return order

    def next_id(self) -> str:
        """A ClOrdID(11) nobody has used: of this client and its count."""
        self._number += 1
        return f"{self._prefix}-{self._number}"

    # --- orders ------------------------------------------------------------------------------------------------------

    async def buy(self, symbol: str, qty: Amount, **terms: Any) -> Order:
        """Buy. Market, or with `limit=`, `stop=`, both; see `enter`."""
        return await self.enter(Side.BUY, symbol, qty, **terms)

    async def sell(self, symbol: str, qty: Amount, **terms: Any) -> Order:
        """Sell. Market, or with `limit=`, `stop=`, both; see `enter`."""
        return await self.enter(Side.SELL, symbol, qty, **terms)

    async def enter(
        self,
        side: Side | str,
        symbol: str,
        qty: Amount | None,
        *,
        limit: Amount | None = None,
        stop: Amount | None = None,
        account: str | None = None,
        time_in_force: TimeInForce | str | None = None,
        exec_inst: Sequence[ExecInst | str] = (),
        cl_ord_id: str | None = None,
        wait: float = 0,
        **more: Any,
    ) -> Order:
        """Enter an order; returns when the bridge has taken it, or after the broker's word with `wait` seconds.

        `more` are further fields of `POST /v1/orders`. TypeError for a float; Refused, Conflict, Unauthorized,
        Unavailable, OutcomeUnknown as they say.
        """
        name = cl_ord_id or self.next_id()
        body = new_order(
            side, symbol, qty, limit, stop, account or self.account_name, time_in_force, exec_inst, name, more
        )
        headers = {"prefer": f"wait={wait:g}"} if wait else {}
        state, response = await self._wire.request(
            "POST", "/v1/orders", OrderState, body=body, headers=headers, cl_ord_id=body["cl_ord_id"]
        )
        return self._live(state, fresh="idempotency-replayed" not in response.headers)

    async def what_if(
        self,
        side: Side | str,
        symbol: str,
        qty: Amount | None,
        *,
        limit: Amount | None = None,
        stop: Amount | None = None,
        account: str | None = None,
        time_in_force: TimeInForce | str | None = None,
        exec_inst: Sequence[ExecInst | str] = (),
        **more: Any,
    ) -> Verdict:
        """What every risk rule would say; nothing is entered."""
        name = self.next_id()
        body = new_order(
            side, symbol, qty, limit, stop, account or self.account_name, time_in_force, exec_inst, name, more
        )
        verdict, _ = await self._wire.request("POST", "/v1/orders", Verdict, body=body, params={"dry_run": "true"})
        return verdict

    async def replace(
        self,
        order: Order | int,
        *,
        qty: Amount | None = None,
        price: Amount | None = None,
        stop: Amount | None = None,
        time_in_force: TimeInForce | str | None = None,
        cl_ord_id: str | None = None,
        unless_changed: bool = False,
        wait: float = 0,
    ) -> Order:
        """Ask for new terms; what is not given stays as it is, `qty` is the new total.

        With `unless_changed` only if the order is still as we know it, else Conflict.
        """
        body = {
            "cl_ord_id": cl_ord_id or self.next_id(),
            "order_qty": amount(qty, "qty"),
            "price": amount(price, "price"),
            "stop_px": amount(stop, "stop"),
            "time_in_force": word(time_in_force),
        }
        headers = self._headers(order, unless_changed, wait)
        state, _ = await self._wire.request(
            "PATCH",
            f"/v1/orders/{_id(order)}",
            OrderState,
            body={name: value for name, value in body.items() if value is not None},
            headers=headers,
            cl_ord_id=body["cl_ord_id"],
        )
        return self._live(state)

    async def cancel(
        self, order: Order | int, *, cl_ord_id: str | None = None, unless_changed: bool = False, wait: float = 0
    ) -> Order:
        """Ask for the remainder to be cancelled."""
        name = cl_ord_id or self.next_id()
        state, _ = await self._wire.request(
            "DELETE",
            f"/v1/orders/{_id(order)}",
            OrderState,
            params={"cl_ord_id": name},
            headers=self._headers(order, unless_changed, wait),
            cl_ord_id=name,
        )
        return self._live(state)

    @staticmethod
    def _headers(order: Order | int, unless_changed: bool, wait: float) -> dict[str, str]:
        headers = {"prefer": f"wait={wait:g}"} if wait else {}
        if unless_changed and isinstance(order, Order):
            headers["if-match"] = f'"{order.state.last_seq}"'
        return headers

    async def cancel_all(
        self, *, account: str | None = None, symbol: str | None = None, side: Side | str | None = None
    ) -> MassCancelAnswer:
        """Cancel every working order that matches, whoever entered it."""
        body = {"cl_ord_id": self.next_id(), "account": account, "symbol": symbol, "side": word(side)}
        answer, _ = await self._wire.request(
            "POST",
            "/v1/orders/cancel-all",
            MassCancelAnswer,
            body={name: value for name, value in body.items() if value is not None},
            cl_ord_id=body["cl_ord_id"],
        )
        return answer

    async def cancel_after(self, seconds: int) -> None:
        """Have this token's orders cancelled unless this is called again within `seconds`; 0 ends it."""
        await self._wire.request("PUT", "/v1/cancel-after", dict[str, Any], body={"seconds": seconds})

    async def order(self, order_id: int) -> Order:
        """The order by OrderID(37)."""
        return self._live(await self._wire.get(f"/v1/orders/{order_id}", OrderState))

    async def order_by_cl_ord_id(self, cl_ord_id: str, session: str | None = None) -> Order:
        """The order by ClOrdID(11), of this token or of another session: what to ask after OutcomeUnknown."""
        from urllib.parse import quote

        path = f"/v1/orders/by-cl-ord-id/{quote(cl_ord_id, safe='')}"
        return self._live(await self._wire.get(path, OrderState, {"session": session}))

    async def orders(self, *, status: str = "open", most: int = 10_000, **filters: Any) -> list[Order]:
        """Orders, newest first: `status` open, closed or all; filters account, symbol, session, strategy, since."""
        found: list[Order] = []
        following: str | None = None
        while len(found) < most:
            params = {**filters, "status": status, "limit": min(500, most - len(found)), "cursor": following}
            page = await self._wire.get("/v1/orders", OrderPage, params)
            found += [self._live(state) for state in page.items]
            following = page.next
            if following is None:
                break
        return found

    async def order_entries(self, order_id: int) -> list[OutwardEntry]:
        """Everything that happened to an order so far."""
        return await self._all_entries(f"/v1/orders/{order_id}/entries", 0)

    async def _all_entries(self, path: str, after: int) -> list[OutwardEntry]:
        found: list[OutwardEntry] = []
        while True:
            page = await self._wire.get(path, EntryPage, {"after": after, "limit": 500})
            found += page.items
            if not page.items or page.next <= after:
                return found
            after = page.next

    # --- what is -----------------------------------------------------------------------------------------------------

    async def executions(self, *, most: int = 10_000, **filters: Any) -> list[ExecutionState]:
        """Executions, newest first; filters account, symbol, broker, strategy, order_id, exec_id, since, until."""
        found: list[ExecutionState] = []
        following: str | None = None
        while len(found) < most:
            params = {**query(filters), "limit": min(500, most - len(found)), "cursor": following}
            page = await self._wire.get("/v1/executions", ExecutionPage, params)
            found += page.items
            following = page.next
            if following is None:
                break
        return found

    async def positions(self, *, account: str | None = None, symbol: str | None = None) -> list[PositionState]:
        """Positions that are not flat."""
        page = await self._wire.get("/v1/positions", PositionPage, {"account": account, "symbol": symbol})
        return list(page.items)

    async def account(self, account: str | None = None) -> AccountState:
        """An account's money and its day so far."""
        return await self._wire.get(f"/v1/accounts/{account or self.account_name}", AccountState)

    async def instruments(self) -> list[Instrument]:
        """The symbol master."""
        return list((await self._wire.get("/v1/instruments", InstrumentPage)).items)

    async def quotes(self, *symbols: str) -> dict[str, MarketState]:
        """Freshest quotes and trades by symbol."""
        page = await self._wire.get("/v1/quotes", MarketPage, {"symbols": ",".join(symbols)})
        return {each.symbol: each for each in page.items}

    async def costs(self, *, by: str | Sequence[str] = ("broker", "symbol"), **filters: Any) -> CostTable:
        """Execution cost by dimensions; filters account, since, until."""
        names = by if isinstance(by, str) else ",".join(by)
        return await self._wire.get("/v1/costs", CostTable, {**query(filters), "by": names})

    async def status(self) -> Status:
        """The daemon in one screen."""
        return await self._wire.get("/v1/status", Status)

    # --- what happens ------------------------------------------------------------------------------------------------

    async def entries(
        self,
        *,
        types: Sequence[str] | None = None,
        accounts: Sequence[str] | None = None,
        symbols: Sequence[str] | None = None,
        after: int | None = None,
        resume: Checkpoint | None = None,
    ) -> AsyncIterator[OutwardEntry]:
        """Entries as they come, in order, over reconnects; from `after`, from where `resume` was, or from now on.

        The place is saved after the loop's body: at least once, in order.
        """
        start = after if resume is None else resume.load()
        if start is None and after is not None:
            start = after

        def feed(on_entry: Callable[[OutwardEntry], None], on_cursor: Callable[[int], None]) -> Feed:
            return Feed(
                self.url,
                self._token,
                on_entry=on_entry,
                on_cursor=on_cursor,
                after=start,
                types=types,
                accounts=accounts,
                symbols=symbols,
                ssl=self._ssl(),
            )

        async for entry in Entries(feed, resume).run():
            yield entry

    def on(self, kind: str, listener: Listener) -> Callable[[], None]:
        """Call `listener(entry)` for every entry of a type (`order_filled`), or of any (`*`); the result ends it."""
        listeners = self._listeners.setdefault(kind, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener) if listener in listeners else None


def _id(order: Order | int) -> int:
    return order.order_id if isinstance(order, Order) else order
