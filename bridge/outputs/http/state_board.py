"""States for all streams together: each document is built and encoded once, whoever listens.

Every document has a key and the number of its last change; a stream remembers the number it has seen and asks for what
is newer. The newest of a key wins, so a slow reader costs nothing and misses nothing but what is out of date.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from bridge.control_commands import MarketState
from bridge.journal.encoding import order_state, to_json
from bridge.orders.events import Entry
from bridge.orders.order import Order
from bridge.outputs.http.book import Book

RECENT_ORDERS = 1000  # ended orders that a snapshot shows beside the working ones


class Item(msgspec.Struct, frozen=True, gc=False):
    """One document as JSON; `account` and `symbol` are empty where it is of none."""

    version: int
    key: str
    account: str
    symbol: str
    data: bytes


class StateBoard:
    """Changed documents by kind. `refresh` and `refresh_orders` are called by a timer while anybody listens."""

    def __init__(self, book: Book, now: Callable[[], float]) -> None:
        self._book = book
        self._now = now
        self.version = 0
        self.active = False
        self._items: dict[str, dict[str, Item]] = {}
        self._dirty: dict[int, None] = {}
        book.listen(self._on_entry)

    # --- what changed ------------------------------------------------------------------------------------------------

    def _on_entry(self, entry: Entry, order: Order | None) -> None:
        if order is not None and self.active:
            self._dirty[order.order_id] = None

    def begin(self) -> None:
        """Somebody listens: note changes from now on. What there is already is no change: a snapshot tells it."""
        if not self.active:
            self.active = True
            self.refresh()

    def end(self) -> None:
        """Nobody listens any more: forget everything."""
        self.active = False
        self._dirty.clear()
        self._items.clear()

    def refresh_orders(self) -> None:
        """Put up the orders that changed since the last call."""
        blotter = self._book.blotter
        dirty, self._dirty = self._dirty, {}
        for order_id in dirty:
            order = blotter.order(order_id)
            if order is not None:
                self._put("orders", str(order_id), order.account, order.symbol, to_json(order_state(order)))

    def refresh(self) -> None:
        """Put up every other document that differs from the one before."""
        for kind in ("positions", "accounts", "risk", "sessions", "brokers", "alerts"):
            found = {key: (account, symbol, data) for key, account, symbol, data in self._documents(kind)}
            for key, (account, symbol, data) in found.items():
                self._put(kind, key, account, symbol, data)
            if kind == "alerts":
                self._over(found)

    def _over(self, found: dict[str, Any]) -> None:
        """Alerts that are gone are said to be over, once."""
        for key, item in list(self._items.get("alerts", {}).items()):
            if key not in found and b'"over":true' not in item.data:
                document = msgspec.json.decode(item.data, type=dict[str, Any])
                self._put("alerts", key, item.account, "", to_json({**document, "over": True}))

    def market(self, states: Iterable[MarketState]) -> None:
        """Put up quotes that differ from the ones before."""
        for each in states:
            if each.quote is not None or each.trade is not None:
                self._put("quotes", each.symbol, "", each.symbol, to_json(each))

    def _put(self, kind: str, key: str, account: str, symbol: str, data: bytes) -> None:
        items = self._items.setdefault(kind, {})
        known = items.get(key)
        if known is not None and known.data == data:
            return
        self.version += 1
        items.pop(key, None)  # so that the newest stand at the end
        items[key] = Item(self.version, key, account, symbol, data)

    # --- what is asked -----------------------------------------------------------------------------------------------

    def changed(self, kind: str, since: int) -> list[Item]:
        """Documents of a kind that changed after `since`, oldest change first."""
        found: list[Item] = []
        for item in reversed(self._items.get(kind, {}).values()):
            if item.version <= since:
                break
            found.append(item)
        found.reverse()
        return found

    def snapshot(self, kind: str) -> Iterator[Item]:
        """All documents of a kind as they are now."""
        if kind == "orders":
            yield from self._orders()
        elif kind == "quotes":
            yield from list(self._items.get("quotes", {}).values())
        else:
            for key, account, symbol, data in self._documents(kind):
                yield Item(self.version, key, account, symbol, data)

    def _orders(self) -> Iterator[Item]:
        """Working orders and the newest that have ended, oldest first."""
        shown: dict[int, Order] = {}
        for count, order in enumerate(self._book.orders_below(None)):
            if count >= RECENT_ORDERS:
                break
            shown[order.order_id] = order
        for order in self._book.blotter.open_orders():
            shown[order.order_id] = order
        for order_id, order in sorted(shown.items()):
            yield Item(self.version, str(order_id), order.account, order.symbol, to_json(order_state(order)))

    def _documents(self, kind: str) -> Iterator[tuple[str, str, str, bytes]]:
        """(key, account, symbol, JSON) of every document of a kind."""
        states = self._book.states
        match kind:
            case "positions":
                for document in states.positions():
                    account, symbol = document["account"], document["symbol"]
                    yield f"{account} {symbol}", account, symbol, to_json(document)
            case "accounts":
                for account in states.accounts():
                    yield account, account, "", to_json(states.account(account))
            case "risk":
                for account in states.accounts():
                    yield f"state {account}", account, "", to_json(states.trading(account))
                for document in states.limits():
                    account = document["account"]
                    yield f"limit {account} {document['rule']}", account, "", to_json(document)
            case "sessions":
                for document in states.sessions():
                    yield document["session_id"], "", "", to_json(document)
            case "brokers":
                for document in states.brokers():
                    yield document["broker"], "", "", to_json(document)
            case "alerts":
                for (account, code), document in states.alerts(self._now()).items():
                    yield f"{account} {code}", account, "", to_json(document)
