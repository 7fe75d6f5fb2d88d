import json
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import faults
from bridge.journal.file import FileJournal
from bridge.journal.payload import pack
from bridge.journal.snapshot import newest_seq, newest_snapshot, snapshots, valid_snapshots, write_snapshot
from bridge.journal.state import SnapshotBuilder, blotter_at, fold, take_snapshot
from bridge.journal.storage import DiskStorage
from bridge.orders.blotter import freeze
from sessions.clock import SystemClock
from tests.bridge.journal.model_disk import ModelDisk
from tests.bridge.journal.stand import Stand
from tests.bridge.journal.trading import day_of_trading

COMMAND = [sys.executable, "-m", "bridge.standing"]
TERMS = b'{"profile":"starter"}'


class Died(BaseException):
    """The process ends here."""


def die() -> None:
    raise Died


def test_the_newest_whole_snapshot_is_found_and_two_are_kept(tmp_path):
    for seq in (10, 20, 30):
        write_snapshot(tmp_path, seq, b"state %d" % seq)
    assert newest_snapshot(tmp_path) == (30, b"state 30")
    assert [seq for seq, _ in snapshots(DiskStorage(tmp_path).names())] == [30, 20]


def test_a_snapshot_that_does_not_check_out_is_passed_over(tmp_path):
    write_snapshot(tmp_path, 10, b"a" * 100)
    write_snapshot(tmp_path, 20, b"b" * 100)
    path = tmp_path / "0000000000000020.snapshot"
    good = path.read_bytes()
    for bad in (good[:-1], good[:-1] + b"x", b"", good.replace(b'"seq":20', b'"seq":21'), good + b"b"):
        path.write_bytes(bad)
        assert newest_snapshot(tmp_path) == (10, b"a" * 100)
    path.write_bytes(good)
    assert newest_seq(DiskStorage(tmp_path)) == 20
    (tmp_path / "0000000000000099.snapshot").write_bytes(good)
    assert newest_seq(DiskStorage(tmp_path)) == 20, "a snapshot is no other one's under its name"


@pytest.mark.parametrize("place", ["snapshot.written", "snapshot.renamed", "snapshot.forgotten"])
def test_a_crash_while_a_snapshot_is_made_leaves_the_old_or_the_new_one(place, tmp_path):
    for seq in (10, 20):
        write_snapshot(tmp_path, seq, b"state")
    with faults.arming(place, die), pytest.raises(Died):
        write_snapshot(tmp_path, 30, b"state")
    newest = newest_snapshot(tmp_path)
    assert newest is not None
    assert newest.seq == (20 if place == "snapshot.written" else 30)
    write_snapshot(tmp_path, 40, b"state")
    assert [snapshot.seq for snapshot in valid_snapshots(tmp_path)] == [40, newest.seq]
    assert not [name for name in DiskStorage(tmp_path).names() if name.endswith(".tmp")]


def test_a_power_loss_at_any_moment_leaves_two_states_or_one_whole():
    import random

    disk = ModelDisk()
    for seq in (10, 20):
        write_snapshot(disk, seq, b"s" * 700)
    start = len(disk.log)
    write_snapshot(disk, 30, b"t" * 700)
    for index in range(start, len(disk.log)):
        for left in disk.unplugged(index, random.Random(3), 500):
            newest = newest_snapshot(left)
            assert newest is not None
            assert newest.seq in (20, 30)


def test_the_fold_from_a_snapshot_equals_the_fold_of_everything(tmp_path):
    last = day_of_trading(tmp_path, orders=40)
    everything = freeze(blotter_at(tmp_path))
    for upto in (last // 3, last // 2):
        assert take_snapshot(tmp_path, upto) == upto
        assert freeze(blotter_at(tmp_path)) == everything
    assert take_snapshot(tmp_path, last // 2) == 0, "nothing is new"
    assert freeze(blotter_at(tmp_path, last // 4)) == freeze(blotter_at(tmp_path, last // 4))


def test_a_state_that_this_version_cannot_read_is_passed_over(tmp_path):
    last = day_of_trading(tmp_path, orders=10)
    write_snapshot(tmp_path, 20, b"of another time")
    assert take_snapshot(tmp_path, last) == last
    newest = newest_snapshot(tmp_path)
    assert newest is not None
    assert newest.payload == pack(freeze(blotter_at(tmp_path)))


def test_a_child_takes_the_snapshot_and_the_next_start_uses_it(tmp_path):
    last = day_of_trading(tmp_path, orders=30)
    builder = SnapshotBuilder(tmp_path, 50, COMMAND, TERMS)
    assert builder.tick(49) is None
    assert builder.tick(last) is None
    child = builder._child
    assert child is not None
    child.wait(60)
    assert builder.tick(last) == f"a snapshot was taken at {last}"
    assert builder.tick(last + 10) is None
    newest = newest_snapshot(tmp_path)
    assert newest is not None
    assert newest.seq == last
    journal = FileJournal(tmp_path, clock=SystemClock())
    assert next(iter(journal.read(last))).seq == last + 1
    assert SnapshotBuilder(tmp_path, 50, COMMAND)._last == last
    journal.close()


def test_a_child_that_fails_is_told_and_not_started_again_at_once(tmp_path):
    day_of_trading(tmp_path, orders=5)
    path = tmp_path / "0000000000000001.journal"
    path.write_bytes(path.read_bytes().replace(b"ACC1", b"ACC2", 1))
    builder = SnapshotBuilder(tmp_path, 5, COMMAND, TERMS)
    builder.tick(10)
    assert builder._child is not None
    builder._child.wait(60)
    assert builder.tick(10) == "the snapshot at 10 failed with code 1"
    builder.tick(12)
    assert builder._child is None
    assert newest_snapshot(tmp_path) is None


def test_the_child_reads_only_what_it_is_told_to(tmp_path):
    last = day_of_trading(tmp_path, orders=5)
    command = [sys.executable, "-m", "bridge.standing", str(tmp_path), str(last - 3)]
    subprocess.run(command, check=True, timeout=60, cwd=Path(__file__).parents[3], input=TERMS)
    newest = newest_snapshot(tmp_path)
    assert newest is not None
    assert newest.seq == last - 3
    label = (tmp_path / f"{newest.seq:016}.snapshot").read_bytes().split(b"\n")[0]
    assert json.loads(label[9:])["seq"] == last - 3


def test_folding_no_entries_is_the_empty_book():
    assert fold(None, iter([])) == fold(None, iter([]))
    assert Stand(ModelDisk()).journal.next_seq == 3
