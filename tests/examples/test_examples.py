"""The examples run as a reader would run them: in a process of their own, against a real daemon."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bridge.cli.conftest import Running, environment

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
DATA = Path(os.environ.get("FIXBRIDGE_TEST_DATA", "recordings"))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("daemon"))
    yield running
    running.stop()
    running.process.kill()


def run(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    cwd.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, str(EXAMPLES / script), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=cwd,
        env=environment(),
    )


def test_the_simplefix_script_buys_and_prints_every_message(daemon, tmp_path):
    said = run("simplefix_order.py", str(daemon.port), cwd=tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "|35=D|" in said.stdout
    assert "|150=F|39=2|" in said.stdout


def test_the_simplefix_script_without_a_daemon_says_how_to_start_one(tmp_path):
    said = run("simplefix_order.py", "1", cwd=tmp_path)
    assert said.returncode == 1
    assert "make run" in said.stderr
    assert "Traceback" not in said.stderr


def test_the_quickfix_client_buys_offers_replaces_cancels_and_sells(daemon, tmp_path):
    pytest.importorskip("quickfix", reason="quickfix is not installed: it needs a C++ compiler")
    said = run("quickfix/trade.py", str(daemon.port), cwd=tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    words = [line.split()[0] for line in said.stdout.splitlines()]
    assert words == ["bought", "offered", "replaced", "canceled", "sold"]


def test_the_recorded_market_allows_every_fill_that_quickfix_got(tmp_path):
    pytest.importorskip("quickfix", reason="quickfix is not installed: it needs a C++ compiler")
    if not (DATA / "ESU4_2024-07-01_quotes.csv").is_file():
        pytest.skip(f"the recorded quotes are not in {DATA}")
    said = run("quickfix/replay_esu4.py", str(DATA), "--speed", "16", cwd=tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "8 orders, 7 fills, 0 faults" in said.stdout


def test_the_quickfix_client_also_logs_on_after_somebody_else_used_the_session(daemon, tmp_path):
    pytest.importorskip("quickfix", reason="quickfix is not installed: it needs a C++ compiler")
    assert run("simplefix_order.py", str(daemon.port), cwd=tmp_path).returncode == 0
    assert run("quickfix/trade.py", str(daemon.port), cwd=tmp_path / "fresh").returncode == 0


def test_the_replay_script_without_the_recording_says_what_is_missing(tmp_path):
    pytest.importorskip("quickfix", reason="quickfix is not installed: it needs a C++ compiler")
    said = run("quickfix/replay_esu4.py", str(tmp_path), cwd=tmp_path)
    assert said.returncode == 2
    assert f"{tmp_path} lacks ESU4_2024-07-01_quotes.csv and ESU4_2024-07-01_trades.csv" in said.stderr


@pytest.mark.parametrize("config", ["quickfix/client.cfg", "quickfixj/client.cfg"])
def test_both_engine_configurations_name_the_daemons_defaults(config):
    text = (EXAMPLES / config).read_text()
    for line in ("SenderCompID=STRATEGY", "TargetCompID=BRIDGE", "SocketConnectPort=9878", "BeginString=FIX.4.4"):
        assert line in text
