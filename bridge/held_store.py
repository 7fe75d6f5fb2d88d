"""A session's store that never runs ahead of the journal (DURABILITY section 1, rule 4).

A message counts as handled once what followed from it is durable. In `sync` mode that is later than the application's
return: the number moves in memory at once, so the session goes on, and in the store when the journal has flushed.
Were it stored sooner, a crash in between would lose the message: the store would say it was handled, and nobody would
ask for it again.
"""

from collections.abc import Callable, Iterator

from sessions.interfaces import Store

WhenDurable = Callable[[Callable[[], None]], None]
"""Run something once everything committed so far is durable."""


class HeldStore:
    """Wraps a store; only the moving of `next_target` waits."""

    def __init__(self, store: Store, when_durable: WhenDurable) -> None:
        self._store = store
        self._when_durable = when_durable
        self._handled = store.next_target
        self._numbering = 0

    @property
    def next_target(self) -> int:
        """The next inbound MsgSeqNum(34) to handle, as this process knows it."""
        return self._handled

    @next_target.setter
    def next_target(self, seq_num: int) -> None:
        self._handled = seq_num
        numbering = self._numbering

        def store() -> None:
            if numbering == self._numbering:
                self._store.next_target = seq_num

        self._when_durable(store)

    @property
    def next_sender(self) -> int:
        """The next outbound MsgSeqNum(34)."""
        return self._store.next_sender

    @next_sender.setter
    def next_sender(self, seq_num: int) -> None:
        self._store.next_sender = seq_num

    @property
    def last_origin(self) -> int:
        """Journal seq of the newest report kept."""
        return self._store.last_origin

    @property
    def created_ns(self) -> int:
        """When these numbers began, UTC ns."""
        return self._store.created_ns

    def save(self, seq_num: int, data: bytes, origin: int) -> None:
        """Keep a message that may be resent."""
        self._store.save(seq_num, data, origin)

    def get(self, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Kept messages of a range."""
        return self._store.get(begin, end)

    def reset(self, at_ns: int = 0) -> None:
        """Both numbers 1 again, at once; what waits of the old numbering is forgotten."""
        self._numbering += 1
        self._store.reset(at_ns)
        self._handled = self._store.next_target

    def close(self) -> None:
        """Let go of the files."""
        self._store.close()
