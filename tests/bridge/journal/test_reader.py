import os
from pathlib import Path

import pytest

from bridge.journal.errors import JournalDamaged, JournalTrimmed
from bridge.journal.format import segments
from bridge.journal.reader import JournalReader
from tests.bridge.journal.model_disk import ModelDisk
from tests.bridge.journal.stand import Stand, seqs


def test_a_reader_follows_a_live_journal_across_segments_and_gives_each_entry_once(tmp_path):
    stand = Stand(directory=tmp_path, segment_bytes=1500)
    reader = JournalReader(tmp_path)
    seen: list[int] = seqs(list(reader.read(0, stand.journal.durable)))
    for count in (1, 3, 2, 7, 1, 4, 4):
        stand.append(count, "x" * 90)
        seen += seqs(list(reader.read(seen[-1], stand.journal.durable)))
    assert seen == list(range(1, stand.journal.next_seq))
    assert len(segments(os.listdir(tmp_path))) > 2
    stand.journal.close()


def test_nothing_above_the_released_number_is_given():
    disk = ModelDisk()
    stand = Stand(disk)
    first = stand.append(3)[-1].seq
    stand.append(3)
    reader = JournalReader(Path(), storage=disk)
    assert seqs(list(reader.read(0, first))) == list(range(1, first + 1))
    assert seqs(list(reader.read(first - 1, first))) == [first]
    assert not list(reader.read(first, first))
    assert seqs(list(reader.read(first))) == [first + 1, first + 2, first + 3]


def test_a_reader_can_go_back_and_can_be_left_in_the_middle():
    disk = ModelDisk()
    stand = Stand(disk, segment_bytes=600)
    for _ in range(6):
        stand.append(3, "x" * 30)
    reader = JournalReader(Path(), storage=disk)
    last = stand.journal.next_seq - 1
    for after in (last - 1, 0, 5, 4, last, 9, 1):
        assert seqs(list(reader.read(after))) == list(range(after + 1, last + 1))
        entries = reader.read(after)
        next(entries, None)


def test_reading_from_anywhere_finds_the_place_by_halves(monkeypatch):
    monkeypatch.setattr("bridge.journal.recovery.SEARCH_BELOW", 2048)
    disk = ModelDisk()
    stand = Stand(disk, mode="sync", allocate_bytes=1 << 20, segment_bytes=1 << 20)
    for count in (1, 2, 3, 4, 5) * 40:
        stand.append(count, "x" * (count * 13))
    stand.settle()
    last = stand.journal.next_seq - 1
    for after in range(0, last, 7):
        assert next(iter(JournalReader(Path(), storage=disk).read(after))).seq == after + 1


def test_a_batch_that_is_not_whole_is_not_given():
    disk = ModelDisk()
    stand = Stand(disk)
    stand.append(2)
    whole = list(JournalReader(Path(), storage=disk).read())
    entries = stand.append(3)
    name = segments(disk.names())[0]
    data = disk.contents()[name]
    end = data.rstrip(b"\n").rindex(b"\n") + 1
    for cut in range(data.index(b'"seq":%d,' % entries[0].seq), end + 10):
        assert list(JournalReader(Path(), storage=ModelDisk({name: data[:cut]})).read()) == whole


def test_a_bad_line_is_never_skipped():
    disk = ModelDisk()
    stand = Stand(disk)
    for _ in range(3):
        stand.append(2)
    name = segments(disk.names())[0]
    data = bytearray(disk.contents()[name])
    data[len(data) // 2] ^= 4
    reader = JournalReader(Path(), storage=ModelDisk({name: bytes(data)}))
    with pytest.raises(JournalDamaged, match="does not check out"):
        list(reader.read())


def test_entries_deleted_by_retention_are_told_as_such():
    disk = ModelDisk()
    stand = Stand(disk, segment_bytes=500)
    for _ in range(6):
        stand.append(2, "x" * 60)
    first, second = segments(disk.names())[:2]
    disk.remove(first)
    reader = JournalReader(Path(), storage=disk)
    kept_after = int(second[:16]) - 1
    with pytest.raises(JournalTrimmed, match=f"entries 1 to {kept_after} were deleted") as trimmed:
        list(reader.read())
    assert trimmed.value.kept_after == kept_after
    assert seqs(list(reader.read(kept_after)))[0] == kept_after + 1


def test_a_directory_without_a_journal_has_no_entries(tmp_path):
    assert list(JournalReader(tmp_path).read()) == []
