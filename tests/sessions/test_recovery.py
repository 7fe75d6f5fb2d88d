"""Bounded waiting rooms: early messages and requests to resend."""

from hypothesis import given
from hypothesis import strategies as st

from sessions.recovery import Early, Resends, ask, ask_on
from sessions.store import MemoryStore


def test_early_messages_are_bounded_by_bytes():
    early = Early(10, 100)
    assert early.put(1, "a", 60)
    assert not early.put(2, "b", 60)
    assert early.put(3, None, 0)
    assert early.take(1) == "a"
    assert early.put(2, "b", 60)


def test_the_first_from_a_number_on_forgets_what_is_below():
    early = Early(10, 1000)
    for number in (9, 3, 7, 5):
        early.put(number, str(number), 1)
    assert early.first(4) == 5
    assert 3 not in early
    assert early.take(5) == "5"
    assert early.first(4) == 7
    assert early.drop_below(8) == 1
    assert len(early) == 1


def test_a_gap_is_asked_for_in_pieces():
    gap = ask(5, 14, 4, 0.0)
    assert (gap.begin, gap.asked_to, gap.end) == (5, 8, 14)
    assert ask_on(gap, 8, 4, 1.0) is None
    assert ask_on(gap, 9, 4, 1.0).asked_to == 12
    assert ask_on(gap, 15, 4, 1.0) is None
    assert ask(5, 14, 0, 0.0).asked_to == 14


ranges = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 30)), min_size=1, max_size=12)


@given(st.sets(st.integers(1, 90)), ranges, st.integers(1, 7), st.integers(1, 4), st.sets(st.integers(1, 90)))
def test_all_that_was_asked_for_comes_as_message_or_fill_and_fills_stay_inside(kept, asked, size, limit, refused):
    store = MemoryStore()
    for number in sorted(kept):
        store.save(number, b"%d" % number, 0)
    resends = Resends(limit)
    for begin, length in asked:
        resends.want(begin, begin + length)
    assert len(resends) <= limit + 1
    sent = []
    while resends:
        sent += resends.slice(
            store,
            size,
            allowed=lambda data: int(data) not in refused,
            again=lambda data: (int(data), None),
            fill=lambda begin, end: (begin, end),
        )
    covered = set()
    for begin, end in sent:
        if end is None:
            assert begin in kept - refused
            covered.add(begin)
        else:
            assert end > begin
            assert not (kept - refused).intersection(range(begin, end))
            covered.update(range(begin, end))
    wanted = {number for begin, length in asked for number in range(begin, begin + length + 1)}
    assert wanted <= covered
    assert max(covered) <= max(wanted)
