from bridge.held_store import HeldStore
from sessions.store import MemoryStore


class Disk:
    """Collects what waits for the journal."""

    def __init__(self):
        self.waiting = []

    def __call__(self, call):
        self.waiting.append(call)

    def flush(self):
        for call in self.waiting:
            call()
        self.waiting.clear()


def test_a_message_is_stored_as_handled_only_once_its_entries_are_durable():
    kept, disk = MemoryStore(), Disk()
    store = HeldStore(kept, disk)
    store.next_target = 5
    assert store.next_target == 5
    assert kept.next_target == 1
    disk.flush()
    assert kept.next_target == 5


def test_a_reset_forgets_what_waited_of_the_old_numbers():
    kept, disk = MemoryStore(), Disk()
    store = HeldStore(kept, disk)
    store.next_target = 5
    store.reset(7)
    disk.flush()
    assert (store.next_target, kept.next_target, kept.created_ns) == (1, 1, 7)


def test_everything_else_passes_through():
    kept = MemoryStore()
    store = HeldStore(kept, Disk())
    store.save(1, b"x", 9)
    store.next_sender = 4
    assert (kept.next_sender, store.next_sender, store.last_origin, list(store.get(1, 9))) == (4, 4, 9, [(1, b"x")])
