"""`fixbridge doctor`: each thing it looks at, found right and found wrong."""

import json
import os
import resource
import shutil
import socket
import subprocess
import time

import pytest

from bridge import settings
from bridge.cli import examination
from bridge.cli.examination import Outcome
from tests.bridge.cli.conftest import fixbridge, rows

OURS = {"listeners.fix.port": "0", "http.port": "0", "mqtt.broker": "off"}


def configured(tmp_path, **more):
    """Settings with a data directory of their own and no fixed port."""
    overrides = (
        OURS | {"data_dir": str(tmp_path / "var")} | {key.replace("__", "."): each for key, each in more.items()}
    )
    return settings.load([], {}, overrides=overrides)


@pytest.fixture
def fit(tmp_path):
    return configured(tmp_path)


def test_a_fit_machine_passes_and_nothing_is_left_behind(tmp_path):
    said = fixbridge("doctor", "--csv", "-d", str(tmp_path / "var"), *flags(), cwd=tmp_path)
    assert said.returncode == 0, said.stdout
    checks = {row["check"]: row["outcome"] for row in rows(said.stdout)}
    assert {"control socket", "journal lock", "FIX port", "disk flush", "free space", "file limit"} <= checks.keys()
    assert "fail" not in checks.values()
    assert list(tmp_path.iterdir()) == []


def flags() -> list[str]:
    return [part for key, value in OURS.items() for part in ("--set", f"{key}={value}")]


def test_beside_a_running_daemon_the_lock_is_the_daemons_and_its_socket_answers(daemon):
    said = daemon.run("doctor", "--json", "--set", f"listeners.fix.port={daemon.port}", "--set", "outputs=off")
    assert said.returncode == 0, said.stdout
    told = {row["check"]: row for row in map(json.loads, said.stdout.splitlines())}
    assert told["journal lock"]["found"] == f"held by the daemon, process {daemon.process.pid}"
    assert told["control socket"]["found"].startswith(f"process {daemon.process.pid} answers in")
    assert told["FIX port"]["found"] == f"127.0.0.1:{daemon.port} answers"


def test_a_port_of_somebody_else_exits_6_and_says_what_to_do(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = fixbridge("doctor", "-d", str(tmp_path), *flags(), "--set", f"listeners.fix.port={port}")
    assert said.returncode == 6
    assert f"port {port} on 127.0.0.1 is in use by another process" in said.stdout
    assert "choose another port" in said.stdout
    assert said.stderr == "1 problem\n"


def test_a_journal_that_somebody_holds_who_does_not_answer_is_a_failure(fit):
    fit.journal_dir.mkdir(parents=True)
    held = examination.Lock(fit.journal_dir, "a test")
    try:
        finding = examination.lock(fit, None)
        assert (finding.outcome, f"process {os.getpid()} (a test)" in finding.found) == (Outcome.FAIL, True)
    finally:
        held.release()
    assert examination.lock(fit, None).outcome is Outcome.OK


def test_a_socket_path_that_is_too_long_is_a_failure(tmp_path):
    status, finding = examination.control(configured(tmp_path / ("deep" * 40)))
    assert (status, finding.outcome) == (None, Outcome.FAIL)
    assert "shorter data directory" in (finding.hint or "")


def test_an_engine_that_hangs_is_a_failure(fit):
    fit.data_dir.mkdir()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(fit.control_socket))
        silent.listen()
        began = time.monotonic()
        status, finding = examination.control(fit)
        assert time.monotonic() - began < 10
    assert (status, finding.outcome) == (None, Outcome.FAIL)


def test_a_data_directory_others_can_read_is_a_warning(fit):
    fit.data_dir.mkdir(mode=0o755)
    fit.data_dir.chmod(0o755)
    assert examination.directory(fit).outcome is Outcome.WARN
    fit.data_dir.chmod(0o700)
    assert examination.directory(fit).outcome is Outcome.OK


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="no memory file system here")
def test_sync_mode_on_a_file_system_that_keeps_nothing_is_a_failure(tmp_path):
    found = configured(tmp_path, data_dir="/dev/shm/fixbridge-none", journal__durability="sync")
    assert examination.directory(found).outcome is Outcome.FAIL
    assert examination.directory(configured(tmp_path, data_dir="/dev/shm/fixbridge-none")).outcome is Outcome.WARN


@pytest.mark.parametrize(
    ("seconds", "mode", "outcome"),
    [
        (0.001, "sync", Outcome.OK),
        (0.05, "write", Outcome.OK),
        (0.05, "sync", Outcome.WARN),
        (3.0, "write", Outcome.FAIL),
    ],
)
def test_flushes_are_judged_by_what_waits_for_them(tmp_path, monkeypatch, seconds, mode, outcome):
    monkeypatch.setattr(examination, "flush_times", lambda place: [seconds] * 10)
    assert examination.flushes(configured(tmp_path, journal__durability=mode)).outcome is outcome


def test_flushes_are_really_tried(tmp_path):
    assert all(0 < took < 30 for took in examination.flush_times(tmp_path, 3))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("gib", "outcome"), [(0.1, Outcome.FAIL), (1.0, Outcome.WARN), (50.0, Outcome.OK)])
def test_room_is_counted_in_segments(fit, monkeypatch, gib, outcome):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(examination.shutil, "disk_usage", lambda place: usage._replace(free=int(gib * (1 << 30))))
    assert examination.space(fit).outcome is outcome


def test_a_clock_that_nobody_keeps_is_a_warning_and_one_that_is_kept_is_told_with_its_error(fit, monkeypatch):
    monkeypatch.setattr(examination, "CLOCK_SAMPLE", 0.0)
    for kept, outcome in (((True, 0.01), Outcome.OK), ((False, 16.0), Outcome.WARN), (None, Outcome.WARN)):
        monkeypatch.setattr(examination, "synchronised", lambda kept=kept: kept)
        assert next(examination.clock(fit)).outcome is outcome
    monkeypatch.setattr(examination, "synchronised", lambda: (True, 0.0))
    monkeypatch.setattr(examination, "_journal_ahead", lambda settings: 3600.0)
    assert [finding.outcome for finding in examination.clock(fit)] == [Outcome.OK, Outcome.FAIL]


def test_the_kernels_clock_state_can_be_read_here():
    told = examination.synchronised()
    assert told is None or (isinstance(told[0], bool) and told[1] >= 0)


def test_a_clock_that_was_stepped_meanwhile_is_noticed(fit, monkeypatch):
    monkeypatch.setattr(examination, "CLOCK_SAMPLE", 0.0)
    monkeypatch.setattr(examination, "synchronised", lambda: (True, 0.0))
    wall = iter([1000.0, 1000.5])
    monkeypatch.setattr(examination.time, "time", lambda: next(wall))
    assert [finding.outcome for finding in examination.clock(fit)] == [Outcome.OK, Outcome.WARN]


def test_too_few_files_for_the_connections_that_are_taken_is_a_warning(fit, monkeypatch):
    monkeypatch.setattr(examination.resource, "getrlimit", lambda which: (256, 4096))
    finding = examination.files(fit)
    assert (finding.outcome, finding.hint) == (Outcome.WARN, "ulimit -n 2500, or fewer max_connections")
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(examination.resource, "getrlimit", lambda which: unlimited)
    assert examination.files(fit).outcome is Outcome.OK


def test_a_certificate_that_is_not_there_is_a_failure(tmp_path):
    said = fixbridge(
        "doctor", "-d", str(tmp_path), *flags(), "--set", "listeners.fix.tls={certificate: none.pem, key: none.key}"
    )
    assert said.returncode == 6
    assert "none.pem cannot be read" in said.stdout


MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
@pytest.mark.parametrize(("queue", "outcome"), [("", Outcome.FAIL), ("max_queued_messages 100000\n", Outcome.OK)])
def test_a_broker_that_drops_a_backlog_is_found_out(tmp_path, queue, outcome):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "m.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n{queue}")
    broker = subprocess.Popen([str(MOSQUITTO), "-c", str(tmp_path / "m.conf")], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not examination._accepts("127.0.0.1", port):
            assert time.monotonic() < deadline
        finding = examination.mqtt(configured(tmp_path, mqtt__broker=f"mqtt://127.0.0.1:{port}"), None)
        assert finding.outcome is outcome, finding
        assert ("max_queued_messages" in (finding.hint or "")) is (outcome is Outcome.FAIL)
    finally:
        broker.terminate()
        broker.wait(10)


def test_a_broker_that_cannot_be_reached_is_a_failure(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    finding = examination.mqtt(configured(tmp_path, mqtt__broker=f"mqtt://127.0.0.1:{port}"), None)
    assert finding.outcome is Outcome.FAIL
