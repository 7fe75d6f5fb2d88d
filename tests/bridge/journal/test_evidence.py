import os
from datetime import timedelta

import pytest

from bridge.journal.evidence import Filter, cat, ls, replay, seq_at, verify
from bridge.journal.file import FileJournal
from bridge.journal.payload import pack
from bridge.journal.snapshot import write_snapshot
from bridge.journal.state import blotter_at, fold, take_snapshot
from bridge.orders.blotter import freeze
from bridge.orders.events import OrderFilled, TradingHalted
from sessions.clock import SystemClock
from tests.bridge.journal.stand import T0, Stand, seqs
from tests.bridge.journal.trading import day_of_trading


def test_segments_and_snapshots_are_listed_with_their_numbers(tmp_path):
    last = day_of_trading(tmp_path, orders=30, segment_bytes=9_000, this_boot="b")
    take_snapshot(tmp_path, last // 2)
    listing = ls(tmp_path)
    assert len(listing.segments) > 2
    for segment, following in zip(listing.segments, listing.segments[1:], strict=False):
        assert segment.last_seq == following.first_seq - 1
    assert listing.segments[0].began == T0
    assert (listing.segments[-1].last_seq, listing.segments[-1].epoch, listing.segments[-1].boot_id) == (None, 1, "b")
    assert [(row.seq, row.valid) for row in listing.snapshots] == [(last // 2, True)]
    assert listing.released == last


def test_entries_are_found_by_kind_order_number_and_time(tmp_path):
    last = day_of_trading(tmp_path, orders=30)
    fills = list(cat(tmp_path, Filter(types=frozenset({"order_filled"}))))
    assert fills
    assert all(isinstance(entry.event, OrderFilled) for entry in fills)
    one = list(cat(tmp_path, Filter(order_id=fills[0].event.order_id)))
    assert seqs(one) == list(range(one[0].seq, one[0].seq + len(one)))
    assert seqs(list(cat(tmp_path, Filter(after=10, upto=12)))) == [11, 12]
    within = list(cat(tmp_path, Filter(since=T0 + timedelta(seconds=5), until=T0 + timedelta(seconds=6))))
    assert {entry.time for entry in within} == {T0 + timedelta(seconds=5)}
    assert isinstance(next(cat(tmp_path, Filter(types=frozenset({"trading_halted"})))).event, TradingHalted)
    assert seqs(list(cat(tmp_path))) == list(range(1, last + 1))


def test_a_journal_in_use_can_be_verified(tmp_path):
    stand = Stand(directory=tmp_path, segment_bytes=900)
    for _ in range(8):
        stand.append(2, "x" * 60)
    stand.settle()
    stand.append()
    verdict = verify(tmp_path)
    assert verdict.good
    assert verdict.entries == verdict.last_seq == stand.journal.next_seq - 1
    assert verdict.durable < verdict.last_seq
    assert not verdict.clean
    stand.journal.close()
    verdict = verify(tmp_path)
    assert verdict.clean
    assert verdict.durable == verdict.last_seq


def test_every_fault_is_named_with_its_place(tmp_path):
    day_of_trading(tmp_path, orders=40, segment_bytes=9_000)
    names = [row.name for row in ls(tmp_path).segments]
    assert len(names) > 4
    for name in (names[0], names[2]):
        path = tmp_path / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    verdict = verify(tmp_path)
    assert not verdict.good
    assert [fault.file for fault in verdict.faults] == [names[0], names[2]]
    for fault in verdict.faults:
        assert 0 < fault.offset <= (tmp_path / fault.file).stat().st_size // 2
        assert fault.text == "a line that does not check out" or "were flushed" in fault.text


def test_a_missing_segment_and_a_wrong_number_are_faults(tmp_path):
    day_of_trading(tmp_path, orders=30, segment_bytes=9_000)
    names = [row.name for row in ls(tmp_path).segments]
    (tmp_path / names[1]).unlink()
    faults = verify(tmp_path).faults
    assert [fault.file for fault in faults] == [names[2]]
    assert "it follows entry" in faults[0].text


def test_a_bad_first_record_and_damage_in_the_last_segment_are_named_once_each(tmp_path):
    day_of_trading(tmp_path, orders=40, segment_bytes=9_000)
    names = [row.name for row in ls(tmp_path).segments]
    for name, at in ((names[1], 30), (names[-1], 1500)):
        path = tmp_path / name
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(data)
    faults = verify(tmp_path).faults
    assert [(fault.file, fault.offset <= 1500) for fault in faults] == [(names[1], True), (names[-1], True)]
    assert faults[0].text == "the first record does not check out"
    assert "were flushed and are not all there" in faults[1].text


def test_a_torn_tail_is_no_fault(tmp_path):
    day_of_trading(tmp_path, orders=5)
    path = tmp_path / "0000000000000001.journal"
    path.write_bytes(path.read_bytes() + b"0a1b2c3d half a li")
    verdict = verify(tmp_path)
    assert verdict.good
    assert verdict.torn == 18


def test_snapshots_are_checked_and_folded_again(tmp_path):
    last = day_of_trading(tmp_path, orders=20)
    take_snapshot(tmp_path, last // 2)
    assert verify(tmp_path, fold=fold).good
    write_snapshot(tmp_path, last - 1, pack(freeze(blotter_at(tmp_path, last // 3))))
    assert [fault.text for fault in verify(tmp_path, fold=fold).faults] == [
        "the snapshot differs from a fold of the journal"
    ]
    path = tmp_path / f"{last // 2:016}.snapshot"
    path.write_bytes(path.read_bytes()[:-3])
    assert [fault.text for fault in verify(tmp_path).faults] == ["the snapshot is damaged"]
    write_snapshot(tmp_path, last + 100, b"from where?")
    assert "the snapshot is newer than the journal" in [fault.text for fault in verify(tmp_path).faults]


def test_the_book_at_a_moment_is_the_fold_up_to_it(tmp_path):
    last = day_of_trading(tmp_path, orders=20)
    moment = T0 + timedelta(seconds=10)
    seq = seq_at(tmp_path, moment)
    assert 0 < seq < last
    expected = freeze(blotter_at(tmp_path, seq))
    assert freeze(replay(tmp_path, until=moment)) == expected
    assert freeze(replay(tmp_path, upto=seq)) == expected
    take_snapshot(tmp_path, last)
    assert freeze(replay(tmp_path, upto=seq)) == expected, "a snapshot behind the moment is not used"
    assert len(list(replay(tmp_path).orders())) == 20
    assert not list(replay(tmp_path, until=T0).orders())


def test_nothing_of_this_needs_the_lock_or_changes_a_file(tmp_path):
    day_of_trading(tmp_path, orders=5)
    journal = FileJournal(tmp_path, clock=SystemClock())
    before = {name: os.stat(tmp_path / name).st_mtime_ns for name in os.listdir(tmp_path)}
    ls(tmp_path)
    list(cat(tmp_path))
    assert verify(tmp_path, fold=fold).good
    replay(tmp_path)
    assert before == {name: os.stat(tmp_path / name).st_mtime_ns for name in os.listdir(tmp_path)}
    journal.close()


def test_an_empty_directory_is_an_empty_journal(tmp_path):
    assert verify(tmp_path).good
    assert ls(tmp_path).segments == ()
    assert ls(tmp_path).released is None
    assert list(replay(tmp_path).orders()) == []
    with pytest.raises(FileNotFoundError):
        ls(tmp_path / "nowhere")
