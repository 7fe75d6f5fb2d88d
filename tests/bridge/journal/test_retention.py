from datetime import timedelta
from pathlib import Path

import pytest

from bridge import faults
from bridge.interfaces import JournalError
from bridge.journal.format import segments
from bridge.journal.payload import pack
from bridge.journal.reader import JournalReader
from bridge.journal.recovery import recover
from bridge.journal.retention import Archive, retain
from bridge.journal.snapshot import write_snapshot
from tests.bridge.journal.model_disk import ModelDisk
from tests.bridge.journal.stand import T0, Stand, seqs

STATE = pack(b"\xc0")


class Died(BaseException):
    """The process ends here."""


def die() -> None:
    raise Died


def ten_days(storage=None, directory: Path = Path("model")) -> Stand:
    """A journal with one segment a day, two entries each."""
    stand = Stand(storage, directory=directory)
    for day in range(10):
        stand.append(2, time=T0 + timedelta(days=day))
    stand.settle()
    return stand


def test_segments_older_than_the_days_and_than_the_second_newest_snapshot_are_deleted():
    disk = ModelDisk()
    ten_days(disk)
    names = segments(disk.names())
    write_snapshot(disk, 9, STATE)  # within the fourth day
    assert retain(disk, keep_days=2, now=T0 + timedelta(days=9)) == [], "one snapshot is not enough"
    write_snapshot(disk, 19, STATE)
    assert retain(disk, keep_days=None, now=T0 + timedelta(days=9)) == [], "for ever is the default"
    assert retain(disk, keep_days=7, now=T0 + timedelta(days=9)) == names[:2]
    assert retain(disk, keep_days=2, now=T0 + timedelta(days=9)) == names[2:3], "the snapshot at 9 needs the rest"
    reader = JournalReader(Path(), storage=disk)
    assert seqs(list(reader.read(9)))[0] == 10
    assert Stand(disk).journal.recovered.clean is False


def test_a_damaged_snapshot_does_not_count():
    disk = ModelDisk()
    ten_days(disk)
    write_snapshot(disk, 15, STATE)
    write_snapshot(disk, 19, STATE)
    disk.open("0000000000000019.snapshot", 60).write(b"x")
    assert retain(disk, keep_days=1, now=T0 + timedelta(days=90)) == []


def test_a_snapshot_of_a_version_that_a_start_cannot_read_does_not_count():
    disk = ModelDisk()
    ten_days(disk)
    write_snapshot(disk, 15, b"state of another version")
    write_snapshot(disk, 19, STATE)
    assert retain(disk, keep_days=1, now=T0 + timedelta(days=90)) == []


def test_a_crash_between_two_deletions_leaves_what_hangs_together():
    disk = ModelDisk()
    ten_days(disk)
    for seq in (17, 19):
        write_snapshot(disk, seq, STATE)
    with faults.arming("journal.retain", die, 3), pytest.raises(Died):
        retain(disk, keep_days=1, now=T0 + timedelta(days=9))
    assert recover(disk, flushed=19)[:7] == recover(disk)[:7]
    left = int(segments(disk.names())[0][:16])
    assert seqs(list(JournalReader(Path(), storage=disk).read(left - 1))) == list(range(left, 23))
    assert retain(disk, keep_days=1, now=T0 + timedelta(days=9))
    assert seqs(list(Stand(disk).journal.read(17)))[0] == 18


def test_finished_segments_are_copied_once_in_order_and_not_the_open_one(tmp_path):
    place, copy = tmp_path / "journal", tmp_path / "copy"
    copy.mkdir()
    ten_days(directory=place).journal.close()
    archive = Archive(place, f"cp {{path}} {copy}")
    assert archive.last is None
    names = segments([file.name for file in place.iterdir()])
    assert archive.copy() == names[:-1]
    assert archive.copy() == []
    assert archive.last == names[-2]
    assert sorted(file.name for file in copy.iterdir()) == names[:-1]
    assert (copy / names[0]).read_bytes() == (place / names[0]).read_bytes()


def test_what_is_not_copied_is_not_deleted(tmp_path):
    place = tmp_path / "journal"
    ten_days(directory=place).journal.close()
    for seq in (17, 19):
        write_snapshot(place, seq, STATE)
    now = T0 + timedelta(days=9)
    archive = Archive(place, "false {path}")
    with pytest.raises(JournalError, match=r"archiving 0000000000000001.journal failed"):
        archive.copy()
    assert retain(place, keep_days=1, now=now, archive=archive) == []
    names = segments([file.name for file in place.iterdir()])
    Archive(place, "true {path}").copy()
    assert retain(place, keep_days=1, now=now, archive=archive) == names[:7]


def test_an_archive_command_that_does_not_name_the_segment_is_refused(tmp_path):
    with pytest.raises(JournalError, match=r"needs \{path\}"):
        Archive(tmp_path, "cp segment /backup")
