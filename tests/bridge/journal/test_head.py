import os

import pytest

from bridge.journal.head import HeadReader, HeadWriter


def test_a_reader_sees_what_was_released(tmp_path):
    writer = HeadWriter(tmp_path / "head")
    reader = HeadReader(tmp_path / "head")
    writer.write(2**40 + 5)
    assert reader.seq == 2**40 + 5
    assert (tmp_path / "head").read_bytes()[:8] == (2**40 + 5).to_bytes(8, "little")
    writer.close()
    reader.close()


def test_only_a_sleeping_reader_is_woken_and_only_once(tmp_path):
    wake, fd = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(fd, False)
    writer = HeadWriter(tmp_path / "head", fd)
    reader = HeadReader(tmp_path / "head")
    writer.write(1)
    with pytest.raises(BlockingIOError):
        os.read(wake, 1)
    assert reader.sleep(seen=1)
    writer.write(2)
    writer.write(3)
    assert os.read(wake, 10) == b"\0"
    os.close(wake)
    os.close(fd)


def test_a_reader_does_not_fall_asleep_over_news(tmp_path):
    writer = HeadWriter(tmp_path / "head")
    reader = HeadReader(tmp_path / "head")
    writer.write(4)
    assert not reader.sleep(seen=3)
    assert (tmp_path / "head").read_bytes()[8] == 0


def test_a_vanished_reader_does_not_hurt_the_writer(tmp_path):
    wake, fd = os.pipe()
    writer = HeadWriter(tmp_path / "head", fd)
    reader = HeadReader(tmp_path / "head")
    reader.sleep(seen=0)
    os.close(wake)
    writer.write(1)
    assert writer.wake_fd is None
    assert reader.seq == 1
    os.close(fd)


def test_there_is_no_head_before_there_is_a_journal(tmp_path):
    with pytest.raises(FileNotFoundError):
        HeadReader(tmp_path / "head")
