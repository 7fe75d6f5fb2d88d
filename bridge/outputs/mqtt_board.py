"""Which retained states are due on MQTT: what changed, what is new to a connection, what has to be cleared.

Orders are told 50 ms after they changed at the latest, everything else once a second when it differs. An order's
state is cleared with an empty payload one hour after the order ended; a fading value alone (an age, a queue) is told
every ten seconds.
"""

import asyncio
import heapq
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from bridge.journal.encoding import order_state, to_json
from bridge.orders.blotter import Blotter
from bridge.orders.events import Entry, MarkoutsTaken
from bridge.orders.order import Order
from bridge.outputs.files import load, save
from bridge.outputs.mqtt_topics import Topics
from bridge.outputs.states import Document, States

GATHER = 0.05  # seconds over which changes of one order become one message
TICK = 1.0  # seconds between two looks at everything else
REPEAT = 12 * 3600.0  # seconds after which an unchanged state is told again
FADING = 10.0  # seconds between two messages when only a fading value moved
KEEP_ENDED = 3600.0  # seconds that the state of an ended order stays
HOUR, DAY = 3600, 86_400  # message expiry
CODES = ("outcome_unknown", "kill_incomplete", "reconciliation_break", "late_fill", "mqtt_refused")

_FADING_FIELDS = frozenset({"next_in", "next_out", "last_received", "snapshot_age_s", "budget_ratio", "queue"})

Due = tuple[str, bytes, int | None]  # topic, payload, expiry in seconds


class Ended(msgspec.Struct, array_like=True):
    """An order that has ended and whose state is still up."""

    time: float
    account: str


class Board:
    """Retained states, as far as they were published on the present connection. Shown every entry by the tail."""

    name = "mqtt_states"
    cursor = 0

    def __init__(
        self, states: States, topics: Topics, blotter: Callable[[], Blotter], path: Path | None = None
    ) -> None:
        self._states = states
        self._topics = topics
        self._blotter = blotter
        self._path = path
        self._told: dict[str, tuple[bytes, Any, float]] = {}  # topic → payload, what counts as change, when
        self._dirty: dict[int, None] = {}
        self._ended: dict[int, Ended] = (load(path, dict[int, Ended]) or {}) if path is not None else {}
        self._clear: list[tuple[float, int]] = sorted(
            (ended.time + KEEP_ENDED, key) for key, ended in self._ended.items()
        )
        self._alerts: set[tuple[str, str]] = set()
        self._moved = asyncio.Event()
        self._looked = 0.0
        self._repeated = 0.0

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """Note that an order changed."""
        if order is None or isinstance(entry.event, MarkoutsTaken):
            return
        self._dirty[order.order_id] = None
        if not order.open:
            ended = entry.time.timestamp()
            if order.order_id not in self._ended:
                heapq.heappush(self._clear, (ended + KEEP_ENDED, order.order_id))
            self._ended[order.order_id] = Ended(ended, order.account)
        self._moved.set()

    def begin(self) -> None:
        """A new connection: everything is due."""
        self._told.clear()
        self._looked = 0.0
        self._all_open()
        for order_id in self._ended:
            self._dirty[order_id] = None
        self._alerts = {(account, code) for account in ("", *self._states.accounts()) for code in CODES}

    def _all_open(self) -> None:
        self._repeated = time.monotonic()
        for order in self._blotter().open_orders():
            self._dirty[order.order_id] = None

    async def changed(self) -> None:
        """Return when an order has changed, or after a second; not more often than every 50 ms."""
        await asyncio.sleep(GATHER)
        if not self._dirty:
            self._moved.clear()
            try:
                async with asyncio.timeout(TICK - GATHER):
                    await self._moved.wait()
            except TimeoutError:
                return

    def refused(self, topic: str) -> None:
        """The broker did not take this state: it is due again with the next repetition at the latest."""
        told = self._told.get(topic)
        if told is not None:
            self._told[topic] = (told[0], None, told[2])

    def due(self) -> Iterator[Due]:
        """What to publish now. Whatever was yielded counts as told."""
        if time.monotonic() - self._repeated >= REPEAT:
            self._all_open()  # a working order outlives its message's expiry
        yield from self._orders()
        yield from self._cleared(time.time())
        now = time.monotonic()
        if now - self._looked >= TICK:
            self._looked = now
            yield from self._documents(now)

    def store(self) -> None:
        """Keep which ended orders are still to be cleared."""
        if self._path is not None:
            save(self._path, self._ended)

    def _orders(self) -> Iterator[Due]:
        blotter = self._blotter()
        while self._dirty:
            order_id = next(iter(self._dirty))
            del self._dirty[order_id]
            order = blotter.order(order_id)
            if order is not None:
                topic = self._topics.order(order.account, order_id)
                yield topic, to_json(order_state(order)), DAY if order.open else HOUR

    def _cleared(self, now: float) -> Iterator[Due]:
        while self._clear and self._clear[0][0] <= now:
            _, order_id = heapq.heappop(self._clear)
            ended = self._ended.get(order_id)
            if ended is None:
                continue
            if ended.time + KEEP_ENDED > now:  # corrected or busted since
                heapq.heappush(self._clear, (ended.time + KEEP_ENDED, order_id))
                continue
            del self._ended[order_id]
            yield self._topics.order(ended.account, order_id), b"", None

    def _documents(self, now: float) -> Iterator[Due]:
        states, topics = self._states, self._topics
        for document in states.positions():
            yield from self._differs(topics.position(document["account"], document["symbol"]), document, now, DAY)
        for account in states.accounts():
            yield from self._differs(topics.account(account), states.account(account), now, DAY)
            yield from self._differs(topics.trading(account), states.trading(account), now, DAY)
        for document in states.limits():
            yield from self._differs(topics.limit(document["account"], document["rule"]), document, now, DAY)
        for document in states.sessions():
            yield from self._differs(topics.session(document["session_id"]), document, now, None)
        for document in states.brokers():
            yield from self._differs(topics.broker(document["broker"]), document, now, None)
        alerts = states.alerts(time.time())
        for key, document in alerts.items():
            yield from self._differs(topics.alert(*key), document, now, None)
        for key in self._alerts - alerts.keys():
            self._told.pop(topics.alert(*key), None)
            yield topics.alert(*key), b"", None
        self._alerts = set(alerts)

    def _differs(self, topic: str, document: Document, now: float, expiry: int | None) -> Iterator[Due]:
        told = self._told.get(topic)
        payload = to_json(document)
        core = {name: value for name, value in document.items() if name not in _FADING_FIELDS}
        if told is not None:
            age = now - told[2]
            if age < REPEAT and (payload == told[0] or (core == told[1] and age < FADING)):
                return
        self._told[topic] = (payload, core, now)
        yield topic, payload, expiry
