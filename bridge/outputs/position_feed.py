"""Subscriptions to positions (263=1 in RequestForPositions(AN)): a PositionReport(AP) on each change, at most one a
second.
"""

from collections.abc import Callable

from bridge.desk import Desk
from bridge.orders.events import Entry, OrderFilled, TradeBusted, TradeCorrected
from bridge.orders.order import Order
from bridge.outputs.answers import position_report
from fixspec.messages import Message, RequestForPositions

CHANGES = frozenset({OrderFilled, TradeCorrected, TradeBusted})


class PositionFeed:
    """A sink: it sees which positions change, and `tick`, once a second, tells who subscribed."""

    name = "positions"
    cursor = 0
    events = CHANGES

    def __init__(self, desk: Desk, send: Callable[[str, Message], None]) -> None:
        self._desk = desk
        self._send = send
        self._subscriptions: dict[str, dict[str, RequestForPositions]] = {}
        self._changed: dict[tuple[str, str], None] = {}

    def begin(self, session_id: str, request: RequestForPositions) -> None:
        """Subscribe under PosReqID(710)."""
        self._subscriptions.setdefault(session_id, {})[request.pos_req_id] = request

    def end(self, session_id: str, pos_req_id: str | None = None) -> None:
        """End one subscription, or all of a session."""
        if pos_req_id is None:
            self._subscriptions.pop(session_id, None)
        else:
            self._subscriptions.get(session_id, {}).pop(pos_req_id, None)

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """Remember what changed, when anybody wants to know."""
        if self._subscriptions and order is not None and type(entry.event) in CHANGES:
            self._changed[order.account, order.symbol] = None

    def tick(self) -> None:
        """Tell the changes since the last tick, one report per symbol."""
        changed, self._changed = self._changed, {}
        for account, symbol in changed:
            position = self._desk.position(account, symbol)
            for session_id, requests in self._subscriptions.items():
                for request in requests.values():
                    if request.account == account and request.symbol in (None, symbol):
                        self._send(session_id, position_report(position, self._desk, request, 1, unsolicited=True))
