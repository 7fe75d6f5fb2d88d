from datetime import UTC, datetime

import pytest

from bridge.interfaces import JournalError
from bridge.journal.memory import MemoryJournal
from bridge.orders.events import Entry, OrderDoneForDay

T0 = datetime(2026, 11, 23, tzinfo=UTC)


def entries(first: int, count: int = 1) -> list[Entry]:
    return [Entry(seq, T0, OrderDoneForDay(order_id=1)) for seq in range(first, first + count)]


def test_what_was_appended_is_durable_at_once_and_read_back_in_order():
    journal = MemoryJournal()
    journal.append(entries(1, 2))
    journal.append(entries(3))
    assert (journal.next_seq, journal.durable) == (4, 3)
    assert list(journal.read(1)) == entries(2, 2)


def test_a_held_journal_is_durable_only_after_a_flush_and_tells_so():
    journal = MemoryJournal(held=True)
    told: list[int] = []
    journal.on_durable(told.append)
    journal.append(entries(1, 3))
    assert journal.durable == 0
    journal.flush(2)
    journal.flush(2)
    journal.flush()
    assert told == [2, 3]
    assert journal.durable == 3


def test_a_number_out_of_order_is_refused_and_nothing_of_the_batch_kept():
    journal = MemoryJournal()
    with pytest.raises(ValueError, match="entry 3 where 2 is next"):
        journal.append([*entries(1), *entries(3)])
    assert journal.next_seq == 1
    assert list(journal.read()) == []


def test_after_a_failure_nothing_is_taken_any_more():
    journal = MemoryJournal()
    journal.fail("disk gone")
    with pytest.raises(JournalError, match="disk gone"):
        journal.append(entries(1))
