"""The message log: one line per message, no secret, no forged line."""

from sessions.wirelog import FileWireLog, masked, readable

AT = 1_704_067_200_123_456_789


def wire(text):
    return text.replace("|", "\x01").encode("latin-1")


def test_a_message_is_one_line_with_time_session_and_direction(tmp_path):
    log = FileWireLog(tmp_path / "fix.log")
    log.write("S", "in", wire("8=FIX.4.4|9=5|35=0|10=163|8=FIX.4.4|9=5|35=0|10=163|"), AT)
    log.write("S", "out", wire("8=FIX.4.4|9=5|35=0|10=163|"), AT)
    log.write("S", "note", b"closed: done", AT)
    log.close()
    assert (tmp_path / "fix.log").read_text().splitlines() == [
        "20240101-00:00:00.123456 S in  8=FIX.4.4|9=5|35=0|10=163|",
        "20240101-00:00:00.123456 S in  8=FIX.4.4|9=5|35=0|10=163|",
        "20240101-00:00:00.123456 S out 8=FIX.4.4|9=5|35=0|10=163|",
        "20240101-00:00:00.123456 S notecloseddone".replace("notecloseddone", "noteclosed: done"),
    ]


def test_pieces_are_put_together(tmp_path):
    log = FileWireLog(tmp_path / "fix.log")
    data = wire("8=FIX.4.4|9=5|35=0|10=163|")
    for at in range(len(data)):
        log.write("S", "in", data[at : at + 1], AT)
    log.close()
    assert len((tmp_path / "fix.log").read_text().splitlines()) == 1


def test_passwords_and_signatures_are_masked_whatever_they_contain():
    logon = wire("8=FIX.4.4|9=5|35=A|553=me|554=secret|95=10|96=se|cret|xx|925=other|10=000|")
    assert masked(logon) == wire("8=FIX.4.4|9=5|35=A|553=me|554=***|95=***|96=***|925=***|10=000|")
    request = wire("8=FIX.4.4|9=5|35=BE|554=secret|925=other|10=000|")
    assert masked(request) == wire("8=FIX.4.4|9=5|35=BE|554=***|925=***|10=000|")
    order = wire("8=FIX.4.4|9=5|35=D|11=554|58=text|10=000|")
    assert masked(order) == order


def test_a_wrong_length_hides_too_much_rather_than_too_little():
    logon = wire("8=FIX.4.4|9=5|35=A|95=2|96=secret|554=secret|10=000|")
    assert b"secret" not in masked(logon)
    assert b"secret" not in masked(wire("8=FIX.4.4|9=5|35=A|95=900|96=secret|10=000|"))


def test_no_peer_can_forge_a_line():
    assert readable(wire("58=a\n20240101 S in  8=FIX|")) == b"58=a\\x0a20240101 S in  8=FIX|"


def test_an_endless_message_is_not_gathered(tmp_path):
    log = FileWireLog(tmp_path / "fix.log")
    for _ in range(100):
        log.write("S", "in", b"x" * 10_000, AT)
    log.close()
    assert (tmp_path / "fix.log").stat().st_size < 10_000


def test_files_are_rotated_and_the_oldest_dropped(tmp_path):
    log = FileWireLog(tmp_path / "fix.log", max_bytes=1_000, keep=2)
    for number in range(100):
        log.write("S", "in", wire(f"8=FIX.4.4|9=5|35=0|58={number:03d}|10=163|"), AT)
        log.flush()
    log.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["fix.log", "fix.log.1", "fix.log.2"]
    assert all(path.stat().st_size < 1_200 for path in tmp_path.iterdir())
    newest = (tmp_path / "fix.log.1").read_text() + (tmp_path / "fix.log").read_text()
    assert "58=099" in newest


def test_a_full_disk_loses_lines_and_nothing_else(tmp_path, monkeypatch):
    log = FileWireLog(tmp_path / "fix.log")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sessions.wirelog.os.write", full)
    log.write("S", "in", wire("8=FIX.4.4|9=5|35=0|10=163|"), AT)
    log.flush()
    assert log.lost == 1
    monkeypatch.undo()
    log.close()
