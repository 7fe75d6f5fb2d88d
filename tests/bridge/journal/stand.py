"""What the journal tests share: entries, and a loop and a thread that move only when told."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bridge.journal.file import FileJournal
from bridge.orders.events import Entry, OrderDoneForDay, OrderSuspended
from sessions.clock import ManualClock

T0 = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


class StillWorker:
    """A thread's jobs, run only by `run`."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.jobs: list[Callable[[], None]] = []
        self.hurried = False

    def submit(self, job: Callable[[], None], delay: float = 0.0) -> None:
        self.jobs.append(job)

    def hurry(self) -> None:
        self.hurried = True

    def run(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()

    def close(self) -> None:
        self.run()


class Stand:
    """A journal with a hand-driven loop (`turn`) and disk thread (`disk`)."""

    def __init__(self, storage=None, directory: Path = Path("model"), **options) -> None:
        self.calls: list[Callable[[], None]] = []
        self.workers: dict[str, StillWorker] = {}
        options.setdefault("clock", ManualClock(int(T0.timestamp()) * 10**9))
        options.setdefault("this_boot", "boot-1")
        options.setdefault("allocate_bytes", 0)
        self.journal = FileJournal(
            directory,
            storage=storage,
            call_soon=self.calls.append,
            call_soon_threadsafe=self.calls.append,
            worker=self._worker,
            **options,
        )

    def _worker(self, name: str) -> StillWorker:
        return self.workers.setdefault(name, StillWorker(name))

    def turn(self) -> None:
        """One turn of the loop."""
        calls, self.calls[:] = list(self.calls), []
        for call in calls:
            call()

    def disk(self) -> None:
        """Let the disk thread do what it has."""
        self.workers["journal"].run()

    def allocate(self) -> None:
        """Let the thread that prepares the next segment do what it has."""
        if "journal-allocate" in self.workers:
            self.workers["journal-allocate"].run()

    def settle(self) -> None:
        """Turns and disk until nothing is left to do."""
        while self.calls or self.workers["journal"].jobs:
            self.turn()
            self.disk()

    def append(self, count: int = 1, text: str = "", time: datetime = T0) -> list[Entry]:
        """Append one batch of `count` entries."""
        entries = batch(self.journal.next_seq, count, text, time)
        self.journal.append(entries)
        return entries


def batch(first: int, count: int = 1, text: str = "", time: datetime = T0) -> list[Entry]:
    """Entries in order; `text` makes them longer."""
    if not text:
        return [Entry(seq, time, OrderDoneForDay(order_id=1)) for seq in range(first, first + count)]
    return [Entry(seq, time, OrderSuspended(order_id=1, text=text)) for seq in range(first, first + count)]


def seqs(entries: Sequence[Entry]) -> list[int]:
    """Their numbers."""
    return [entry.seq for entry in entries]
