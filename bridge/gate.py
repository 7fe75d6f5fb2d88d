"""Holds each entry's effects until the journal says that the entry is durable (DURABILITY section 1, rule 1).

State moves at once, effects wait. In `write` mode an entry is durable when `append` returns, so nothing waits; in
`sync` mode
a batch is shown to the sinks when its flush has returned, in order.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from bridge import faults
from bridge.interfaces import EventSink, Journal
from bridge.orders.events import Entry, Event, OrderRouted
from bridge.orders.order import Order

Shown = tuple[Entry, Order | None]
Show = Callable[[Entry, Order | None], None]
T = TypeVar("T")


def concerned(parties: Iterable[T], kind: type[Event]) -> Iterator[T]:
    """Those who want to see this kind of event: all but who names in `events` what it wants and does not name it."""
    for party in parties:
        wanted: frozenset[type[Event]] | None = getattr(party, "events", None)
        if wanted is None or kind in wanted:
            yield party


class Gate:
    """Between the engine and its sinks. `failed` is told of a sink that raised; the others go on."""

    def __init__(
        self, journal: Journal, sinks: Iterable[EventSink], failed: Callable[[EventSink, Entry, Exception], None]
    ) -> None:
        self._journal = journal
        self._sinks = tuple(sinks)
        self._shows: dict[type[Event], tuple[tuple[EventSink, Show], ...]] = {}  # by kind of event, as it is first seen
        self._failed = failed
        self._held: deque[Shown] = deque()
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self.released = 0
        journal.on_durable(self.release)

    def show(self, shown: Iterable[Shown]) -> None:
        """Take entries in journal order; what is durable already goes on in this turn."""
        self._held.extend(shown)
        durable = self._journal.durable
        if self._held[0][0].seq <= durable:
            self.release(durable)

    def release(self, durable: int) -> None:
        """Show the sinks everything up to `durable`, in order, then run what waited for it."""
        held = self._held
        while held and held[0][0].seq <= durable:
            entry, order = held.popleft()
            if faults.armed:
                faults.point("gate.release")
            kind = type(entry.event)
            shows = self._shows.get(kind)
            if shows is None:
                sinks = concerned(self._sinks, kind)
                shows = self._shows[kind] = tuple((sink, sink.on_entry) for sink in sinks)
            for sink, show in shows:
                try:
                    show(entry, order)
                except Exception as error:  # noqa: BLE001 - one broken sink must not stop the others or the writer
                    self._failed(sink, entry, error)
                if faults.armed:
                    faults.point("gate.between")
            self.released = entry.seq
        waiting = self._waiting
        while waiting and waiting[0][0] <= durable:
            waiting.popleft()[1]()

    def when_durable(self, seq: int, call: Callable[[], None]) -> None:
        """Run `call` once everything up to `seq` is durable and shown: an answer to a query says nothing undurable."""
        if seq <= self._journal.durable and not self._held:
            call()
        else:
            self._waiting.append((seq, call))

    def holds_submit(self, order_id: int) -> bool:
        """True while the order's OrderRouted waits here, so that its submit can still be withdrawn."""
        return any(isinstance(entry.event, OrderRouted) and entry.event.order_id == order_id for entry, _ in self._held)

    @property
    def behind(self) -> int:
        """Entries that wait."""
        return len(self._held)
