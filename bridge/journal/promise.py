"""What the journal has promised so far, and who is told: the state that the loop and the journal's thread share.

Only the loop moves `durable`; the thread moves `flushed` and may set `failed`. Each is one assignment, and a failure is
never taken back (rule 7).
"""

import asyncio
from collections import deque
from collections.abc import Callable

from bridge.interfaces import Clock, JournalError
from bridge.journal.head import HeadWriter

Call = Callable[[Callable[[], None]], object]


class Promise:
    """See the module. `head` is the page for other processes, when there is one."""

    def __init__(self, clock: Clock, call_soon: Call | None, call_soon_threadsafe: Call | None) -> None:
        self.clock = clock
        self.durable = 0
        self.flushed = 0
        self.failed: str | None = None
        self.flush_began: float | None = None  # `clock.monotonic` when the flush under way began
        self.head: HeadWriter | None = None
        self.on_flush: Callable[[float, int], None] | None = None
        self.durable_callbacks: list[Callable[[int], None]] = []
        self.failed_callbacks: list[Callable[[str], None]] = []
        self.closed = False
        self._call_soon = call_soon
        self._call_threadsafe = call_soon_threadsafe
        self.later: deque[Callable[[], None]] = deque()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Callbacks run on `loop` from now on."""
        self._call_soon = loop.call_soon
        self._call_threadsafe = loop.call_soon_threadsafe

    def soon(self, call: Callable[[], None]) -> None:
        """Call at the end of this turn. Raises JournalError without a loop."""
        if self._call_soon is None:
            raise JournalError("a journal in sync mode needs a loop: attach one before the first append")
        self._call_soon(call)

    def threadsafe(self, call: Callable[[], None]) -> None:
        """From the thread: have the loop call. Without a loop the next `append` does, so that nothing runs twice at
        once.
        """
        if self._call_threadsafe is None:
            self.later.append(call)
            return
        try:
            self._call_threadsafe(call)
        except RuntimeError:
            if not self.closed:  # a loop that is gone before its journal hears nothing more, and misses nothing
                raise

    def catch_up(self) -> None:
        """On the loop's side: what `threadsafe` could not hand over."""
        while self.later:
            self.later.popleft()()

    def settle(self, durable: int) -> None:
        """`durable` moved outside `append`: tell everybody, then other processes."""
        if durable <= self.durable:
            return
        self.durable = durable
        for callback in self.durable_callbacks:
            callback(durable)
        if self.head is not None:
            self.head.write(durable)

    def fail(self, reason: str) -> None:
        """On the loop: nothing can be written any more."""
        if self.failed is None:
            self.failed = reason
            self._tell(reason)

    def fail_from_thread(self, reason: str) -> None:
        """On the thread: the same; the loop is told."""
        self.flush_began = None
        if self.failed is None:
            self.failed = reason
            self.threadsafe(lambda: self._tell(reason))

    def _tell(self, reason: str) -> None:
        for callback in self.failed_callbacks:
            callback(reason)

    @property
    def flush_age(self) -> float:
        """Seconds that the flush under way has taken, 0 when none is."""
        began = self.flush_began
        return 0.0 if began is None else max(0.0, self.clock.monotonic() - began)
