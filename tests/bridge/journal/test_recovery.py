"""Damage is refused with its place, a torn tail is cut; no bad byte is ever taken for an entry."""

from pathlib import Path

import pytest

from bridge.journal.errors import JournalDamaged, JournalError
from bridge.journal.format import Ending, look_on, segment_name, segments
from bridge.journal.reader import JournalReader
from bridge.journal.recovery import recover
from bridge.journal.snapshot import write_snapshot
from bridge.orders.events import Segment
from tests.bridge.journal.model_disk import ModelDisk
from tests.bridge.journal.stand import Stand

FIRST = "0000000000000001.journal"


def a_journal(mode: str = "write", *, closed: bool = True, batches: int = 4, **options) -> ModelDisk:
    disk = ModelDisk()
    stand = Stand(disk, mode=mode, **options)
    for _ in range(batches):
        stand.append(2, "x" * 20)
        stand.settle()
    if closed:
        stand.journal.close()
    return disk


def records(disk: ModelDisk) -> list[bytes]:
    return [record for _, record in JournalReader(Path(), storage=disk).records()]


def changed(disk: ModelDisk, name: str, at: int, flip: int) -> ModelDisk:
    contents = disk.contents()
    data = bytearray(contents[name])
    data[at] ^= flip
    contents[name] = bytes(data)
    return ModelDisk(contents)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0x2A])
def test_any_changed_byte_of_a_cleanly_closed_journal_is_found_and_nothing_flushed_is_given_up(flip):
    disk = a_journal()
    whole = records(disk)
    data = disk.contents()[FIRST]
    mark = data.rstrip(b"\n").rindex(b"\n") + 1  # the clean mark, the only line that nothing after it vouches for
    for at in range(len(data)):
        bad = changed(disk, FIRST, at, flip)
        if at < mark:
            with pytest.raises(JournalDamaged) as damage:
                recover(bad)
            assert damage.value.file == FIRST
            assert damage.value.offset <= at
            assert bad.contents() == changed(disk, FIRST, at, flip).contents(), "nothing may be changed"
        else:
            found = recover(bad)
            assert not found.clean
            assert records(bad) == whole


def test_lines_lost_swapped_or_repeated_are_found():
    disk = a_journal()
    lines = disk.contents()[FIRST].splitlines(keepends=True)
    variants = {
        "lost": lines[:4] + lines[5:],
        "swapped": [*lines[:4], lines[5], lines[4], *lines[6:]],
        "repeated": lines[:5] + lines[4:],
        "batch lost": lines[:4] + lines[7:],
        "batch repeated": lines[:7] + lines[4:],
    }
    for kept in variants.values():
        with pytest.raises(JournalDamaged):
            recover(ModelDisk({FIRST: b"".join(kept)}))


def test_a_hole_with_whole_lines_behind_it_is_a_torn_tail_when_nothing_of_it_was_promised():
    disk = ModelDisk()
    stand = Stand(disk)
    kept = records(disk)
    stand.append(3, "x" * 600)  # never flushed
    stand.append(2)
    stand.append(2)
    data = disk.contents()[FIRST]
    hole = data.index(b"x" * 600)
    torn = ModelDisk({FIRST: data[:hole] + bytes(512) + data[hole + 512 :]})
    with torn.read(FIRST) as file:
        assert look_on(file, hole, 0).seq == stand.journal.next_seq - 1, "whole lines follow"
    found = recover(torn)
    assert found.torn > 0
    assert found.torn_at.startswith(f"{FIRST} at byte ")
    assert records(torn) == kept


def test_a_hole_in_what_a_later_line_calls_flushed_is_damage():
    disk = ModelDisk()
    stand = Stand(disk)
    stand.append(3, "x" * 600)
    stand.settle()
    stand.append(2)
    data = disk.contents()[FIRST]
    hole = data.index(b"x" * 600)
    with pytest.raises(JournalDamaged, match="entries up to 5 were flushed and are not all there") as damage:
        recover(ModelDisk({FIRST: data[:hole] + bytes(512) + data[hole + 512 :]}))
    assert damage.value.seq == 2


def test_a_segment_missing_in_the_middle_is_damage_and_so_is_one_that_hangs_on_another():
    disk = a_journal(segment_bytes=700, batches=8)
    names = segments(disk.names())
    assert len(names) > 3
    contents = disk.contents()
    with pytest.raises(JournalDamaged):
        list(JournalReader(Path(), storage=ModelDisk({k: v for k, v in contents.items() if k != names[1]})).read())
    other = a_journal(segment_bytes=700, batches=8, this_boot="elsewhere").contents()
    with pytest.raises(JournalDamaged, match="it follows"):
        list(JournalReader(Path(), storage=ModelDisk({**contents, names[1]: other[names[1]]})).read())


def test_damage_in_an_old_segment_stops_whoever_reads_it():
    disk = a_journal(segment_bytes=700, batches=8)
    first = segments(disk.names())[0]
    bad = changed(disk, first, disk.size(first) - 30, 1)
    with pytest.raises(JournalDamaged, match="and segments follow"):
        list(JournalReader(Path(), storage=bad).read())


def test_a_segment_of_which_only_the_name_survived_is_removed():
    for empty in (b"", bytes(4096), b"3ddd"):
        disk = a_journal()
        whole = records(disk)
        again = ModelDisk({**disk.contents(), segment_name(11): empty})
        recover(again)
        assert segments(again.names()) == [FIRST]
        assert records(again) == whole
        only = ModelDisk({FIRST: empty})
        assert recover(only).segment is None
        assert only.names() == []


def test_a_tail_of_zeros_is_the_end():
    disk = a_journal(closed=False)
    contents = disk.contents()
    contents[FIRST] += bytes(3 << 20)
    found = recover(ModelDisk(contents))
    assert found.torn == 0
    assert records(disk) == records(ModelDisk(contents))


def test_only_looking_changes_nothing():
    disk = a_journal(closed=False)
    contents = {FIRST: disk.contents()[FIRST] + b"half a line"}
    looked = ModelDisk(contents)
    assert recover(looked, change=False).torn == len(b"half a line")
    assert looked.contents() == contents
    assert records(looked) == records(disk), "a reader stops before it"


def test_a_format_of_a_later_version_is_refused_in_words(monkeypatch):
    monkeypatch.setattr("bridge.journal.chain.VERSION", 2)
    disk = a_journal()
    monkeypatch.undo()
    with pytest.raises(JournalError, match="format version 2; this program reads up to 1"):
        recover(disk)


def test_a_snapshot_spares_recovery_the_entries_before_it(monkeypatch):
    monkeypatch.setattr("bridge.journal.recovery.SEARCH_BELOW", 4096)
    disk = ModelDisk()
    stand = Stand(disk)
    for _ in range(200):
        stand.append(2, "x" * 50)
    stand.settle()
    at = stand.journal.flushed
    write_snapshot(disk, at, b"state")
    stand.append(2)
    stand.journal.close()
    complete = recover(disk)
    assert recover(disk, flushed=at) == complete
    bad = changed(disk, FIRST, 5000, 1)
    assert recover(bad, flushed=at)[:5] == complete[:5]
    with pytest.raises(JournalDamaged):
        recover(bad)


def test_the_search_by_halves_does_not_trust_a_rotten_end_line(monkeypatch):
    monkeypatch.setattr("bridge.journal.recovery.SEARCH_BELOW", 512)
    disk = ModelDisk()
    stand = Stand(disk)
    for _ in range(30):
        stand.append(2, "x" * 50)
    stand.settle()
    at = stand.journal.flushed
    stand.journal.close()
    data = disk.contents()[FIRST]
    complete = recover(disk)
    last = data.rstrip(b"\n").rindex(b"\n") + 1
    for place in range(last - 3000, last):
        bad = changed(disk, FIRST, place, 1)
        try:
            found = recover(bad, flushed=at)
        except JournalDamaged:
            continue
        assert (found.seq, found.crc, found.offset) == (complete.seq, complete.crc, complete.offset)


def test_the_first_record_names_the_chain_it_hangs_on():
    disk = a_journal(segment_bytes=700, batches=8)
    for name in segments(disk.names())[1:]:
        with disk.read(name) as file:
            line = file.readline()
        assert b'"type":"segment"' in line
        assert b'"seq":%d,' % (int(name[:16]) - 1) in line
    assert Segment.__struct_fields__[:6] == ("version", "partition", "epoch", "boot_id", "prev_seq", "prev_crc")
    assert Ending.NUL.value
