import asyncio
import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest

from bridge import faults
from bridge.interfaces import Journal, JournalError
from bridge.journal.encoding import encode
from bridge.journal.errors import JournalDamaged, JournalLocked, JournalUnflushable
from bridge.journal.file import FileJournal
from bridge.journal.format import segments
from bridge.journal.head import HeadReader
from bridge.journal.reader import JournalReader
from bridge.journal.snapshot import write_snapshot
from bridge.journal.storage import file_system
from bridge.orders.events import Entry, Opened, Reserved
from sessions.clock import ManualClock, SystemClock
from tests.bridge.journal.model_disk import ModelDisk, ModelFile
from tests.bridge.journal.stand import T0, Stand, batch, seqs

MODES = pytest.mark.parametrize("mode", ["write", "sync"])


def operations(disk: ModelDisk, verb: str) -> int:
    return sum(operation[0] == verb for operation in disk.log)


# --- what a batch waits for ------------------------------------------------------------------------------------------


def test_in_write_mode_a_batch_is_in_the_file_and_durable_when_append_returns(tmp_path):
    stand = Stand(directory=tmp_path)
    entries = stand.append(3)
    assert stand.journal.durable == entries[-1].seq
    assert list(JournalReader(tmp_path).read(entries[0].seq - 1)) == entries
    stand.journal.close()


def test_in_sync_mode_a_batch_is_durable_only_when_its_flush_has_returned_to_the_loop():
    disk = ModelDisk()
    stand = Stand(disk, mode="sync")
    told: list[int] = []
    stand.journal.on_durable(told.append)
    before = stand.journal.durable
    entries = stand.append(2)
    assert stand.journal.durable == before
    stand.turn()
    assert stand.journal.durable == before
    stand.disk()
    assert stand.journal.durable == before, "the thread may not move what the loop looks at"
    stand.turn()
    assert stand.journal.durable == entries[-1].seq
    assert told == [entries[-1].seq]


def test_everything_of_one_turn_shares_one_flush():
    disk = ModelDisk()
    stand = Stand(disk, mode="sync")
    flushes = operations(disk, "flush")
    writes = operations(disk, "write")
    for _ in range(5):
        stand.append(2)
    stand.settle()
    assert operations(disk, "flush") == flushes + 1
    assert operations(disk, "write") == writes + 1


def test_what_arrives_during_a_flush_goes_with_the_next_one_without_waiting_for_a_timer():
    disk = ModelDisk()
    stand = Stand(disk, mode="sync")
    stand.append()
    stand.turn()  # the flush is under way
    second, third = stand.append(), stand.append()
    assert not stand.calls, "nobody is called before the flush returns"
    stand.disk()
    stand.turn()
    assert stand.workers["journal"].jobs, "the next flush began in the turn that ended the last one"
    stand.disk()
    stand.turn()
    assert stand.journal.durable == third[-1].seq
    assert second[-1].seq + 1 == third[0].seq


def test_an_entry_committed_by_who_was_told_of_durability_rides_on_the_next_flush():
    disk = ModelDisk()
    stand = Stand(disk, mode="sync")
    once = iter([True])
    stand.journal.on_durable(lambda durable: stand.append() if next(once, False) else None)
    stand.append()
    stand.settle()
    assert stand.journal.durable == stand.journal.next_seq - 1


@MODES
def test_an_end_line_never_calls_its_own_batch_flushed(mode):
    disk = ModelDisk()
    stand = Stand(disk, mode=mode)
    stand.append(2)
    stand.settle()
    stand.append(2)
    stand.settle()
    for read in JournalReader(Path(), storage=disk).batches():
        assert read.durable < int(read.records[-1].split(b",")[0].removeprefix(b'{"seq":'))


async def test_threads_and_a_real_loop_make_batches_durable_in_order(tmp_path):
    loop = asyncio.get_running_loop()
    journal = FileJournal(
        tmp_path, mode="sync", clock=SystemClock(), loop=loop, segment_bytes=4096, allocate_bytes=8192
    )
    told: list[int] = []
    done = asyncio.Event()
    first = journal.next_seq
    last = first + 299

    def durable(seq: int) -> None:
        told.append(seq)
        if seq == last:
            done.set()

    journal.on_durable(durable)
    for seq in range(first, last, 3):
        journal.append(batch(seq, 3))
        await asyncio.sleep(0)
    await asyncio.wait_for(done.wait(), 20)
    assert told == sorted(told)
    assert HeadReader(tmp_path / "head").seq == last
    journal.close()
    assert seqs(list(JournalReader(tmp_path).read(first - 1))) == list(range(first, last + 1))
    assert len(segments(os.listdir(tmp_path))) > 3
    assert "next.segment" not in os.listdir(tmp_path)


async def test_the_thread_of_write_mode_flushes_behind(tmp_path):
    loop = asyncio.get_running_loop()
    journal = FileJournal(tmp_path, clock=SystemClock(), loop=loop, flush_interval=0.01)
    flushed: asyncio.Future[int] = loop.create_future()
    journal.on_flush = lambda seconds, count: flushed.set_result(count)
    journal.append(batch(journal.next_seq, 4))
    assert await asyncio.wait_for(flushed, 20) == 4
    assert journal.flushed == journal.next_seq - 1
    journal.close()


# --- opening and closing ---------------------------------------------------------------------------------------------


@MODES
def test_the_journal_is_what_the_engine_asks_for(tmp_path, mode):
    journal: Journal = Stand(directory=tmp_path, mode=mode).journal
    assert (journal.epoch, journal.failed) == (1, None)


def test_a_second_process_is_refused_and_told_who_holds_the_directory(tmp_path):
    first = Stand(directory=tmp_path, purpose="fixbridge run").journal
    with pytest.raises(JournalLocked, match=rf"in use by process {os.getpid()} \(fixbridge run\) since 20"):
        Stand(directory=tmp_path)
    first.close()
    Stand(directory=tmp_path).journal.close()


@MODES
def test_each_start_is_an_entry_with_a_term_of_its_own_that_says_how_the_last_one_ended(mode):
    disk = ModelDisk()
    stand = Stand(disk, mode=mode)
    stand.append()
    stand.settle()
    stand.journal.close()
    Stand(disk, mode=mode)  # never closed
    third = Stand(disk, mode=mode)
    opened = [entry.event for entry in third.journal.read() if isinstance(entry.event, Opened)]
    assert [(event.epoch, event.clean) for event in opened] == [(1, True), (2, True), (3, False)]
    assert third.journal.epoch == 3


@MODES
def test_the_start_is_flushed_before_it_returns(mode):
    disk = ModelDisk()
    Stand(disk, mode=mode)
    log = [operation[0] for operation in disk.log]
    last_write = len(log) - 1 - log[::-1].index("write")
    assert "flush" in log[last_write:]
    assert "flush_names" in log[last_write:]


@MODES
def test_closing_makes_everything_durable_and_says_so(mode, tmp_path):
    stand = Stand(directory=tmp_path, mode=mode, allocate_bytes=4096)
    told: list[int] = []
    stand.journal.on_durable(told.append)
    entries = stand.append(2)
    stand.journal.close()
    stand.journal.close()
    assert stand.journal.durable == stand.journal.flushed == entries[-1].seq
    assert told == ([entries[-1].seq] if mode == "sync" else [])
    raw = (tmp_path / "0000000000000001.journal").read_bytes()
    assert raw.endswith(b".%d\n" % entries[-1].seq)
    with pytest.raises(JournalError, match="closed"):
        stand.append()


def test_an_unwritable_place_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"cannot create the journal directory .*file/journal: Not a directory"):
        Stand(directory=tmp_path / "file" / "journal")


def test_a_disk_that_is_full_at_the_start_is_one_clear_sentence_and_frees_the_directory(tmp_path):
    with (
        faults.arming("journal.write", "error:ENOSPC"),
        pytest.raises(JournalError, match=r"cannot open the journal in .*: \[Errno 28\] No space left"),
    ):
        Stand(directory=tmp_path)
    Stand(directory=tmp_path).journal.close()


def test_sync_mode_needs_a_loop_and_write_mode_does_not(tmp_path):
    journal = FileJournal(tmp_path / "a", mode="sync", clock=SystemClock(), allocate_bytes=0)
    with pytest.raises(JournalError, match="attach one"):
        journal.append(batch(journal.next_seq))
    journal.close()
    told: list[int] = []
    journal = FileJournal(tmp_path / "b", clock=SystemClock(), seq_block=4, flush_interval=0.001)
    journal.on_durable(told.append)
    for _ in range(20):
        journal.append(batch(journal.next_seq, 2))
    journal.close()
    assert journal.durable == journal.next_seq - 1 == told[-1]


def test_sync_mode_refuses_a_file_system_in_memory_unless_told_to(tmp_path):
    memory = Path("/dev/shm")
    if not memory.is_dir() or file_system(memory) != "tmpfs":
        pytest.skip("no tmpfs at /dev/shm")
    place = memory / f"fixbridge-{os.getpid()}"
    try:
        with pytest.raises(JournalUnflushable, match="is on tmpfs"):
            Stand(directory=place, mode="sync")
        Stand(directory=place, mode="sync", any_file_system=True).journal.close()
        Stand(directory=place, mode="write").journal.close()
    finally:
        for file in place.iterdir():
            file.unlink()
        place.rmdir()


def test_a_snapshot_of_entries_that_are_gone_is_damage():
    disk = ModelDisk()
    Stand(disk).journal.close()
    write_snapshot(disk, 900, b"state")
    with pytest.raises(JournalDamaged, match="a snapshot holds 900"):
        Stand(disk)


def test_released_entries_that_are_gone_while_the_machine_ran_on_are_damage(tmp_path):
    stand = Stand(directory=tmp_path)
    kept = (tmp_path / "0000000000000001.journal").read_bytes()
    released = stand.append(2)[-1].seq
    stand.journal.close()
    (tmp_path / "0000000000000001.journal").write_bytes(kept)
    with pytest.raises(JournalDamaged, match=f"after seq 2: entries up to {released} were released"):
        Stand(directory=tmp_path)
    Stand(directory=tmp_path, this_boot="boot-2").journal.close()  # a power loss may take them back
    (tmp_path / "0000000000000001.journal").unlink()
    with pytest.raises(JournalDamaged, match="were released"):
        Stand(directory=tmp_path)


def test_the_size_is_that_of_all_segments(tmp_path):
    stand = Stand(directory=tmp_path, segment_bytes=800)
    for _ in range(6):
        stand.append(2, "x" * 90)
    sizes = sum(path.stat().st_size for path in tmp_path.glob("*.journal"))
    assert stand.journal.size == sizes
    stand.journal.close()
    again = Stand(directory=tmp_path, segment_bytes=800)
    assert again.journal.size == sum(path.stat().st_size for path in tmp_path.glob("*.journal"))
    again.journal.close()


def test_a_start_on_a_damaged_journal_changes_nothing_and_frees_the_directory(tmp_path):
    stand = Stand(directory=tmp_path)
    stand.append(5)
    stand.journal.close()
    path = tmp_path / "0000000000000001.journal"
    path.write_bytes(path.read_bytes().replace(b"order_done_for_day", b"order_done_for_daX", 1))
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(JournalDamaged, match=r"0000000000000001.journal is damaged at byte \d+, after seq 2"):
            Stand(directory=tmp_path)
    assert path.read_bytes() == before


# --- numbers ---------------------------------------------------------------------------------------------------------


@MODES
def test_a_number_that_is_not_the_next_one_is_a_bug_and_nothing_of_the_batch_is_kept(mode):
    disk = ModelDisk()
    stand = Stand(disk, mode=mode)
    at = stand.journal.next_seq
    with pytest.raises(ValueError, match=f"entry {at + 2} where {at + 1} is next"):
        stand.journal.append([*batch(at), *batch(at + 2)])
    assert stand.journal.next_seq == at
    stand.settle()
    assert not list(stand.journal.read(at - 1))


def test_after_a_kill_numbers_go_on_and_after_a_power_loss_they_jump_to_the_reserved_limit():
    for boot, jumps in (("boot-1", False), ("boot-2", True)):
        disk = ModelDisk()
        first = Stand(disk, seq_block=100)
        last = first.append(3)[-1].seq
        again = Stand(disk, seq_block=100, this_boot=boot)
        opened = next(entry for entry in again.journal.read(last))
        assert opened.seq == (first.journal.seq_limit if jumps else last + 1)
        assert again.journal.seq_limit > opened.seq


def test_in_sync_mode_no_number_is_shown_before_its_flush_so_none_is_skipped_after_a_power_loss():
    disk = ModelDisk()
    stand = Stand(disk, mode="sync")
    last = stand.append(3)[-1].seq
    stand.settle()
    again = Stand(disk, mode="sync", this_boot="boot-2")
    assert next(iter(again.journal.read(last))).seq == last + 1


def test_a_clean_stop_is_followed_by_the_next_number_on_any_machine():
    disk = ModelDisk()
    stand = Stand(disk, seq_block=100)
    last = stand.append(3)[-1].seq
    stand.journal.close()
    again = Stand(disk, seq_block=100, this_boot="boot-2")
    assert next(iter(again.journal.read(last))).seq == last + 1


def test_the_reservation_is_renewed_at_half_as_an_entry_of_its_own():
    disk = ModelDisk()
    stand = Stand(disk, seq_block=20)
    limit = stand.journal.seq_limit
    while stand.journal.seq_limit == limit:
        stand.append()
    assert limit - stand.journal.next_seq >= 20 // 2 - 2
    entries = list(stand.journal.read())
    assert isinstance(entries[-1].event, Reserved)
    assert entries[-1].seq == stand.journal.next_seq - 1
    assert stand.workers["journal"].hurried


def test_entries_at_the_limit_are_not_durable_before_the_new_limit_is_flushed():
    disk = ModelDisk()
    stand = Stand(disk, seq_block=10)
    told: list[int] = []
    stand.journal.on_durable(told.append)
    limit = stand.journal.seq_limit
    while stand.journal.next_seq <= limit:
        stand.append(2)
    assert stand.journal.durable < limit
    assert told == []
    stand.settle()
    assert told == [stand.journal.next_seq - 1]


def test_a_reservation_of_the_engine_is_flushed_without_the_usual_delay():
    disk = ModelDisk()
    stand = Stand(disk)
    seq = stand.journal.next_seq
    stand.journal.append([Entry(seq, T0, Reserved(seq_limit=stand.journal.seq_limit, sender_limits={"ALPHA1": 1001}))])
    assert stand.workers["journal"].hurried
    stand.disk()
    assert stand.journal.flushed == seq


# --- segments --------------------------------------------------------------------------------------------------------


@MODES
def test_a_segment_ends_at_its_size_and_the_next_one_is_named_by_its_first_entry(mode):
    disk = ModelDisk()
    stand = Stand(disk, mode=mode, segment_bytes=900)
    entries: list[Entry] = []
    for _ in range(6):
        entries += stand.append(2, "x" * 100)
        stand.settle()
    names = segments(disk.names())
    assert len(names) > 2
    for name in names[1:]:
        begun = next(iter(JournalReader(Path(), storage=disk).read(int(name[:16]) - 1)))
        assert begun.seq == int(name[:16])
    read = list(JournalReader(Path(), storage=disk).read(entries[0].seq - 1))
    assert [entry for entry in read if not isinstance(entry.event, Reserved)] == entries


@MODES
def test_a_new_day_begins_a_new_segment_and_a_day_without_entries_does_not(mode):
    disk = ModelDisk()
    clock = ManualClock(int(T0.timestamp()) * 10**9)
    stand = Stand(disk, mode=mode, clock=clock)
    stand.append(time=T0 + timedelta(hours=9, minutes=59))
    stand.settle()
    assert len(segments(disk.names())) == 1
    stand.append(time=T0 + timedelta(hours=10))
    stand.append(time=T0 + timedelta(hours=11))
    stand.settle()
    assert len(segments(disk.names())) == 2
    stand.append(time=T0 + timedelta(days=5))
    stand.settle()
    assert len(segments(disk.names())) == 3
    stand.journal.close()
    clock.advance(86_400 * 9)
    Stand(disk, mode=mode, clock=clock)
    assert len(segments(disk.names())) == 4


def test_a_segment_that_ends_while_the_thread_begins_to_flush_is_flushed_once_and_let_go():
    disk = ModelDisk()
    stand = Stand(disk, segment_bytes=600)
    stand.append(2, "x" * 300)

    def roll() -> None:
        stand.append(2)
        stand.append(2)

    with faults.arming("journal.flush", roll):
        stand.disk()
    assert len(segments(disk.names())) == 2
    stand.settle()
    assert stand.journal.failed is None
    assert stand.journal.flushed == stand.journal.next_seq - 1
    stand.journal.close()
    assert Stand(disk, segment_bytes=600).journal.recovered.clean


def test_a_wall_clock_that_was_wrong_does_not_end_the_daily_segments():
    disk = ModelDisk()
    clock = ManualClock(int(T0.timestamp()) * 10**9)
    clock.step_utc(86_400 * 3_650)
    Stand(disk, clock=clock).journal.close()
    clock.step_utc(-86_400 * 3_650)
    stand = Stand(disk, clock=clock)
    stand.append()
    assert len(segments(disk.names())) == 1
    stand.append(time=T0 + timedelta(days=1))
    assert len(segments(disk.names())) == 2
    assert Stand(disk, clock=clock).journal.epoch == 3


def test_the_next_segment_is_zeros_ready_ahead_of_need_and_a_finished_one_ends_with_its_last_line():
    disk = ModelDisk()
    stand = Stand(disk, mode="sync", segment_bytes=2000, allocate_bytes=2000)
    assert disk.size("0000000000000001.journal") == 2000
    stand.allocate()
    assert disk.size("next.segment") == 2000
    stand.append(5, "x" * 500)
    stand.settle()
    stand.append()
    stand.settle()
    first, second = segments(disk.names())
    assert disk.contents()[first].endswith(b"\n")
    assert disk.size(second) == 2000
    assert disk.contents()[second].endswith(b"\0")
    stand.journal.close()
    assert disk.contents()[second].endswith(b"\n")


# --- a failed write or flush is final (rule 7) -----------------------------------------------------------------------


def test_a_full_disk_refuses_the_batch_and_everything_after_it():
    disk = ModelDisk()
    stand = Stand(disk)
    why: list[str] = []
    stand.journal.on_failed(why.append)
    at = stand.journal.next_seq
    with faults.arming("journal.write", "error:ENOSPC"), pytest.raises(JournalError, match="No space left"):
        stand.append(2)
    assert stand.journal.next_seq == at
    assert len(why) == 1
    with pytest.raises(JournalError, match="No space left"):
        stand.append(2)
    assert seqs(list(Stand(disk).journal.read()))[: at - 1] == list(range(1, at))


def test_a_batch_of_which_the_disk_took_a_part_is_not_there_after_the_restart(monkeypatch):
    disk = ModelDisk()
    stand = Stand(disk)
    at = stand.journal.next_seq
    write = ModelFile.write

    def some(file, data):
        write(file, data[:150])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ModelFile, "write", some)
    with pytest.raises(JournalError):
        stand.append(3)
    monkeypatch.undo()
    again = Stand(disk)
    assert again.journal.recovered.torn == 150
    assert isinstance(next(iter(again.journal.read(at - 1))).event, Opened)


def test_a_short_write_is_written_on(tmp_path):
    stand = Stand(directory=tmp_path)
    with faults.arming("journal.write", "short:17"):
        entries = stand.append(2)
    assert list(JournalReader(tmp_path).read(entries[0].seq - 1)) == entries
    stand.journal.close()


@MODES
def test_a_failed_flush_is_not_tried_again_and_nothing_more_becomes_durable(mode):
    disk = ModelDisk()
    stand = Stand(disk, mode=mode)
    why: list[str] = []
    told: list[int] = []
    stand.journal.on_failed(why.append)
    stand.journal.on_durable(told.append)
    flushed, durable = stand.journal.flushed, stand.journal.durable
    with faults.arming("journal.flush", "error:EIO"):
        stand.append(2)
        stand.turn()
        stand.disk()
    with pytest.raises(JournalError, match="Input/output error"):
        stand.append(2)
    stand.settle()
    assert len(why) == 1
    assert "Input/output error" in why[0]
    assert stand.journal.flushed == flushed
    assert told == []
    if mode == "sync":
        assert stand.journal.durable == durable
    flushes = operations(disk, "flush")
    stand.journal.close()
    assert operations(disk, "flush") == flushes


@MODES
def test_whatever_goes_wrong_on_the_thread_is_a_failure_of_the_journal_and_no_silence(mode):
    def bug() -> None:
        raise RuntimeError("a bug")

    stand = Stand(ModelDisk(), mode=mode)
    with faults.arming("journal.flush", bug):
        stand.append()
        stand.turn()
        stand.disk()
    with pytest.raises(JournalError, match="a bug"):
        stand.append()


def test_a_flush_that_hangs_is_seen_by_its_age():
    clock = ManualClock(int(T0.timestamp()) * 10**9)
    stand = Stand(ModelDisk(), mode="sync", clock=clock)
    assert stand.journal.flush_age == 0
    stand.append()
    stand.turn()
    clock.advance(2.5)
    assert stand.journal.flush_age == 2.5
    stand.disk()
    stand.turn()
    assert stand.journal.flush_age == 0


def test_the_next_segment_without_space_is_told_and_stops_nothing():
    disk = ModelDisk()
    stand = Stand(disk, mode="sync", segment_bytes=800, allocate_bytes=800)
    create = disk.create
    disk.create = lambda name: (
        (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")) if "next" in name else create(name)
    )
    stand.allocate()
    assert "No space left" in (stand.journal.spare_error or "")
    for _ in range(3):
        stand.append(3, "x" * 100)
        stand.settle()
    assert stand.journal.durable == stand.journal.next_seq - 1


def test_what_cannot_be_encoded_leaves_the_journal_as_it_was():
    disk = ModelDisk()
    stand = Stand(disk)
    at = stand.journal.next_seq
    with pytest.raises(UnicodeEncodeError):
        stand.append(2, "\ud800")
    entries = stand.append(2)
    assert entries[0].seq == at
    assert [encode(entry) for entry in stand.journal.read(at - 1)] == [encode(entry) for entry in entries]
