import json

import pytest

from bridge import faults
from bridge.interfaces import JournalError
from bridge.journal.errors import JournalDamaged, JournalLocked
from bridge.journal.evidence import ls, verify
from bridge.journal.reader import JournalReader
from bridge.journal.repair import plan, repair
from bridge.journal.snapshot import write_snapshot
from bridge.journal.state import take_snapshot
from tests.bridge.journal.stand import T0, Stand, seqs
from tests.bridge.journal.trading import day_of_trading


class Died(BaseException):
    """The process ends here."""


def die() -> None:
    raise Died


def damage(directory, name: str, part: float) -> int:
    path = directory / name
    data = bytearray(path.read_bytes())
    at = int(len(data) * part)
    data[at] ^= 1
    path.write_bytes(data)
    return at


def test_a_sound_journal_needs_no_repair_and_a_torn_tail_neither(tmp_path):
    day_of_trading(tmp_path, orders=5)
    assert plan(tmp_path) is None
    path = tmp_path / "0000000000000001.journal"
    path.write_bytes(path.read_bytes() + b"0a1b2c3d half a li")
    assert plan(tmp_path) is None
    assert repair(tmp_path, now=T0) is None
    assert path.read_bytes().endswith(b"half a li"), "a start cuts it, not a repair"


@pytest.mark.parametrize("segment", [0, 1, 2])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.97])
def test_a_repair_keeps_what_is_good_sets_the_rest_aside_and_uses_no_number_again(segment, part, tmp_path):
    last = day_of_trading(tmp_path, orders=30, segment_bytes=12_000)
    names = [row.name for row in ls(tmp_path).segments]
    whole = dict(JournalReader(tmp_path).records())
    at = damage(tmp_path, names[segment], part)
    looked = plan(tmp_path)
    assert looked is not None
    assert (looked.file, looked.offset <= at, looked.next_seq > last) == (names[segment], True, True)
    done = repair(tmp_path, now=T0)
    assert done is not None
    aside = tmp_path / "damaged-20261123T140000Z"
    assert done.aside == str(aside)
    salvaged = (aside / "salvaged.jsonl").read_bytes().splitlines()
    assert len(salvaged) == looked.salvaged
    assert all(whole[json.loads(record)["seq"]] == record for record in salvaged)
    assert len(salvaged) >= last - looked.kept_seq - 4, "all but the damaged line and its neighbour are readable"
    assert {path.name for path in aside.iterdir()} == {names[segment], "salvaged.jsonl", *names[segment + 1 :]}
    assert verify(tmp_path).good
    assert plan(tmp_path) is None
    stand = Stand(directory=tmp_path)
    entries = list(stand.journal.read())
    assert seqs(entries)[: looked.kept_seq] == list(range(1, looked.kept_seq + 1))
    assert seqs(entries)[looked.kept_seq] == looked.next_seq
    assert entries[looked.kept_seq].event.epoch == 2
    assert stand.journal.epoch == 3
    stand.journal.close()


def test_a_repair_that_dies_is_repeated(tmp_path):
    day_of_trading(tmp_path, orders=30, segment_bytes=12_000)
    names = [row.name for row in ls(tmp_path).segments]
    damage(tmp_path, names[0], 0.5)
    looked = plan(tmp_path)
    assert looked is not None
    with faults.arming("repair.copied", die), pytest.raises(Died):
        repair(tmp_path, now=T0)
    assert plan(tmp_path) == looked
    with faults.arming("repair.cut", die), pytest.raises(Died):
        repair(tmp_path, now=T0)
    again = repair(tmp_path, now=T0)
    assert again is not None
    assert again.kept_seq == looked.next_seq, "the start that was written is kept"
    stand = Stand(directory=tmp_path)
    assert next(iter(stand.journal.read(looked.kept_seq))).seq == looked.next_seq
    stand.journal.close()
    assert verify(tmp_path).good
    assert {path.name for path in (tmp_path / "damaged-20261123T140000Z").iterdir()} >= set(names)


def test_snapshots_of_what_is_given_up_go_aside_too(tmp_path):
    last = day_of_trading(tmp_path, orders=20)
    take_snapshot(tmp_path, last // 3)
    take_snapshot(tmp_path, last)
    damage(tmp_path, "0000000000000001.journal", 0.6)
    done = repair(tmp_path, now=T0)
    assert done is not None
    assert done.moved == (f"{last:016}.snapshot",)
    assert [row.seq for row in ls(tmp_path).snapshots] == [last // 3]
    Stand(directory=tmp_path).journal.close()


def test_a_journal_that_lost_its_end_is_repaired_too(tmp_path):
    last = day_of_trading(tmp_path, orders=5)
    write_snapshot(tmp_path, last + 50, b"state")
    with pytest.raises(JournalDamaged):
        Stand(directory=tmp_path)
    done = repair(tmp_path, now=T0)
    assert done is not None
    assert (done.kept_seq, done.salvaged, done.next_seq > last + 50) == (last, 0, True)
    Stand(directory=tmp_path).journal.close()


def test_a_journal_whose_last_file_is_gone_goes_on_behind_what_was_released(tmp_path):
    last = day_of_trading(tmp_path, orders=30, segment_bytes=12_000)
    names = [row.name for row in ls(tmp_path).segments]
    (tmp_path / names[-1]).unlink()
    looked = plan(tmp_path)
    assert looked is not None
    assert looked.reason == f"entries up to {last} were released"
    done = repair(tmp_path, now=T0)
    assert done is not None
    assert done.next_seq > last
    Stand(directory=tmp_path).journal.close()
    for path in tmp_path.glob("*.journal"):
        path.unlink()
    with pytest.raises(JournalError, match="all segments are gone"):
        plan(tmp_path)


def test_nothing_is_repaired_under_a_running_daemon_or_where_nothing_is_left(tmp_path):
    day_of_trading(tmp_path, orders=5)
    stand = Stand(directory=tmp_path)
    with pytest.raises(JournalLocked):
        repair(tmp_path, now=T0)
    stand.journal.close()
    damage(tmp_path, "0000000000000001.journal", 0.0)
    with pytest.raises(JournalError, match="restore the journal from a copy"):
        plan(tmp_path)
