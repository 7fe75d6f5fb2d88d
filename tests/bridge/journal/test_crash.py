"""Crash points of DURABILITY.md section 14, as far as they are the journal's, in real processes on a real disk."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import faults
from bridge.journal.reader import JournalReader
from bridge.orders.events import Opened, Reserved
from tests.bridge.journal.stand import seqs

ROOT = Path(__file__).parents[3]


def child(directory: Path, mode: str, fault: str, batches: int = 60) -> tuple[int, list[int], str]:
    """Run the writer with a fault armed: exit code, the numbers it showed, its last words."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bridge.journal.crash_child", str(directory), mode, str(batches), "4000"],
        env={**os.environ, faults.VARIABLE: fault},
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, [int(line) for line in done.stdout.splitlines()], done.stderr.decode()


def after_the_crash(directory: Path, mode: str, shown: int) -> None:
    """Recover in a process without faults: all that was shown is there, nothing twice, the chain whole."""
    code, told, words = child(directory, mode, "", batches=5)
    assert code == 0, words
    entries = list(JournalReader(directory).read())
    numbers = seqs(entries)
    assert numbers == list(range(1, told[-1] + 1)), "no machine stopped, so no number is skipped"
    assert told[0] > shown, "a number that was shown would be used again"
    opened = [entry for entry in entries if isinstance(entry.event, Opened)]
    assert [entry.event.epoch for entry in opened] == list(range(1, len(opened) + 1))
    assert opened[-1].seq > shown, "what was shown comes before the new start"


# where, how often it is passed before, and what is expected of the exit code
POINTS = [
    ("journal.append", "2: appended, before the write"),
    ("journal.written", "4: written, before the flush"),
    ("journal.flush", "4: about to flush"),
    ("journal.flushed", "5: flushed, before the loop is told"),
    ("journal.durable", "6: durable, before the first effect"),
    ("journal.roll", "20: new segment made, directory not flushed"),
    ("journal.roll.flushed", "20: new segment flushed, directory not"),
    ("journal.opened", "27: the start written, not flushed"),
    ("journal.opened.flushed", "27: the start flushed, nothing else begun"),
]


SYNC_ONLY = {"journal.durable", "journal.roll.flushed"}


@pytest.mark.parametrize(
    ("point", "what", "mode"),
    [
        (point, what, mode)
        for point, what in POINTS
        for mode in ("write", "sync")
        if mode == "sync" or point not in SYNC_ONLY
    ],
)
def test_nothing_shown_is_lost_when_the_process_dies(point, what, mode, tmp_path):
    passes = 1 if point.startswith("journal.opened") else 2 if "roll" in point else 7
    code, told, _ = child(tmp_path, mode, f"{point}=kill@{passes}")
    assert code == -signal.SIGKILL, what
    after_the_crash(tmp_path, mode, told[-1] if told else 0)


@pytest.mark.parametrize("mode", ["write", "sync"])
@pytest.mark.parametrize("size", [0, 1, 8, 9, 60, 107, 108, 109, 200, 330])
def test_a_kill_inside_a_write_leaves_whole_batches(size, mode, tmp_path):
    code, told, _ = child(tmp_path, mode, f"journal.write=cut:{size}@9")
    assert code == -signal.SIGKILL
    after_the_crash(tmp_path, mode, told[-1])


@pytest.mark.parametrize("mode", ["write", "sync"])
@pytest.mark.parametrize(
    "fault", ["journal.write=error:ENOSPC@9", "journal.flush=error:EIO@3", "journal.write=error:EIO@12"]
)
def test_a_failed_write_or_flush_ends_the_process_with_words_and_the_next_one_goes_on(fault, mode, tmp_path):
    code, told, words = child(tmp_path, mode, fault)
    assert code == 4
    assert "(injected)" in words
    assert "Traceback" not in words
    after_the_crash(tmp_path, mode, told[-1])


@pytest.mark.parametrize("mode", ["write", "sync"])
@pytest.mark.parametrize("fault", ["journal.write=short:13@9", "journal.flush=stall:0.3@3", "journal.flush=stop:0.3@3"])
def test_a_short_write_a_slow_flush_and_a_stopped_process_lose_nothing(fault, mode, tmp_path):
    code, told, words = child(tmp_path, mode, fault)
    assert code == 0, words
    after_the_crash(tmp_path, mode, told[-1])


@pytest.mark.parametrize("point", ["recovery.cut", "recovery.done"])
def test_a_recovery_that_dies_is_repeated(point, tmp_path):
    code, told, _ = child(tmp_path, "write", "journal.write=cut:60@9")
    assert code == -signal.SIGKILL
    for _ in range(2):
        code, none, _ = child(tmp_path, "write", f"{point}=kill")
        if code == 0:
            break  # the tail was cut already, so that the place is not passed again
        assert (code, none) == (-signal.SIGKILL, [])
    after_the_crash(tmp_path, "write", told[-1])


def test_a_reservation_that_was_due_and_not_flushed_is_made_again(tmp_path):
    code, told, _ = child(tmp_path, "write", "journal.flush=kill@2", batches=200)
    assert code == -signal.SIGKILL
    limits = [entry.event.seq_limit for entry in JournalReader(tmp_path).read() if isinstance(entry.event, Reserved)]
    assert all(number < limits[-1] for number in told)
    after_the_crash(tmp_path, "write", told[-1])


def test_many_kills_in_a_row_lose_nothing(tmp_path):
    shown = 0
    for kill in range(6):
        mode = ("write", "sync")[kill % 2]
        code, told, _ = child(tmp_path, mode, f"journal.written=kill@{3 + 2 * kill}")
        assert code == -signal.SIGKILL
        assert told[0] > shown
        shown = told[-1]
    after_the_crash(tmp_path, "sync", shown)
