"""`--context`: data directories and daemons elsewhere by name, and that the commands mean the same there."""

import json
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.app import hoisted
from tests.bridge.cli.conftest import Running, environment, fixbridge, rows


class Elsewhere:
    """A daemon with its HTTP on, reached by contexts only: `desk` may do all, `look` may read."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        quiet = ("--set", "outputs=inline", "--set", "http.port=0", "--set", "mqtt.broker=off")
        self.daemon = Running(directory, *quiet)
        found = re.search(r"HTTP +(http://127\.0\.0\.1:\d+)", self.daemon.log.read_text())
        assert found is not None
        self.url = found[1]
        for name, role in (("desk", "admin"), ("look", "read")):
            made = self.daemon.run("token", "new", name, "--role", role)
            assert made.returncode == 0, made.stderr
            token = directory / f"{name}.token"
            token.write_text(made.stdout)
            token.chmod(0o600)
            said = self.alone("context", "add", name, "--url", self.url, "--token-file", str(token))
            assert said.returncode == 0, said.stderr

    def alone(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A command in a process of its own that knows nothing but the contexts."""
        return fixbridge(*arguments, stdin=stdin, cwd=self.home.parent, XDG_CONFIG_HOME=str(self.home))

    def __call__(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.alone(*arguments, "--context", "desk", stdin=stdin)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Iterator[Elsewhere]:
    there = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    yield there
    there.daemon.stop()
    there.daemon.process.kill()


# --- the file --------------------------------------------------------------------------------------------------------


def test_contexts_are_kept_for_this_user_only_and_hold_no_token(elsewhere):
    file = elsewhere.home / "fixbridge" / "contexts.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "fbt_" not in file.read_text()
    listed = rows(elsewhere.alone("context", "ls", "--csv").stdout)
    assert [(row["name"], row["url"]) for row in listed] == [("desk", elsewhere.url), ("look", elsewhere.url)]


def test_a_context_of_a_data_directory_stands_for_it_and_use_makes_it_the_usual_one(daemon, tmp_path):
    def ask(*arguments: str):
        return fixbridge(*arguments, cwd=tmp_path, XDG_CONFIG_HOME=str(tmp_path / "home"))

    assert ask("status").returncode == 5
    assert ask("context", "add", "here", "--data-dir", str(daemon.data_dir)).returncode == 0
    assert ask("status", "--context", "here").returncode == 0
    assert ask("--context", "here", "status").returncode == 0
    assert ask("status").returncode == 5
    assert ask("context", "use", "here").returncode == 0
    assert ask("status").returncode == 0
    assert ask("status", "--data-dir", str(tmp_path)).returncode == 5
    assert rows(ask("context", "ls", "--csv").stdout)[0]["current"] == "*"
    assert ask("context", "use").returncode == 0
    assert ask("status").returncode == 5
    assert fixbridge("status", XDG_CONFIG_HOME=str(tmp_path / "home"), FIXBRIDGE_CONTEXT="here").returncode == 0
    assert ask("context", "rm", "here").returncode == 0
    assert ask("status", "--context", "here").returncode == 2
    assert ask("context", "rm", "here").returncode == 1


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        ("--url", "http://a:1", "--data-dir", "x"),
        ("--url", "desk.example:8080"),
        ("--url", "http://me:secret@desk.example"),
        ("--data-dir", "x", "--token-file", "y"),
    ],
)
def test_a_context_that_leads_nowhere_is_wrong_usage(invoke, monkeypatch, tmp_path, wrong):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert invoke("context", "add", "x", *wrong).exit_code == 2
    assert not (tmp_path / "fixbridge").exists()


def test_a_token_that_others_can_read_or_that_is_not_there_is_refused(invoke, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "t").write_text("fbt_x")
    (tmp_path / "t").chmod(0o644)
    said = invoke("context", "add", "x", "--url", "http://a:1", "--token-file", str(tmp_path / "t"))
    assert said.exit_code == 1
    assert "chmod 600" in said.stderr
    assert invoke("context", "add", "x", "--url", "http://a:1", "--token-file", str(tmp_path / "u")).exit_code == 1


def test_where_to_go_is_said_once(elsewhere):
    said = elsewhere("status", "--data-dir", "/tmp")
    assert said.returncode == 2
    assert "--context says where" in said.stderr


def test_a_file_that_is_no_list_of_contexts_is_said(invoke, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "fixbridge").mkdir()
    (tmp_path / "fixbridge" / "contexts.yaml").write_text("contexts: [1]\n")
    assert invoke("status").exit_code == 2


def test_the_roots_options_are_taken_wherever_they_stand():
    assert hoisted(["orders", "--context", "a", "--all"]) == ["--context", "a", "orders", "--all"]
    assert hoisted(["orders", "--context=a", "--no-color"]) == ["--context=a", "--no-color", "orders"]
    assert hoisted(["x", "--", "--context", "a"]) == ["x", "--", "--context", "a"]
    assert hoisted(["orders", "--context"]) == ["--context", "orders"]


# --- a daemon elsewhere ----------------------------------------------------------------------------------------------


def test_the_whole_desk_works_on_a_daemon_elsewhere(elsewhere):
    assert "fixbridge local  PAPER" in elsewhere("status").stdout
    bought = elsewhere("orders", "new", "buy", "MSFT", "3")
    assert bought.returncode == 0, bought.stderr
    assert "buy 3 MSFT market: filled, 3 filled at " in bought.stdout
    refused = elsewhere("orders", "new", "buy", "AAPL", "500000")
    assert refused.returncode == 3
    assert "refused  MAX_QTY" in refused.stderr
    placed = elsewhere("orders", "new", "buy", "KO", "10", "--limit", "65")
    order = placed.stdout.split(":")[0].removeprefix("order ")
    (row,) = rows(elsewhere("orders", "--csv").stdout)
    assert (row["order_id"], row["symbol"], row["price"], row["ord_status"]) == (order, "KO", "65", "new")
    assert "at 64: new" in elsewhere("orders", "replace", order, "--limit", "64").stdout
    shown = elsewhere("orders", "show", order).stdout
    assert "order_replaced" in shown
    assert "canceled" in elsewhere("orders", "cancel", order).stdout
    assert order in {row["order_id"] for row in rows(elsewhere("orders", "--all", "--csv").stdout)}
    (fill,) = rows(elsewhere("fills", "--csv").stdout)
    assert (fill["symbol"], fill["qty"]) == ("MSFT", "3")
    (position,) = rows(elsewhere("positions", "--csv").stdout)
    assert (position["symbol"], position["qty"]) == ("MSFT", "3")
    (account,) = rows(elsewhere("accounts", "--csv").stdout)
    assert (account["account"], account["held"]) == ("PAPER", "1")
    (session,) = rows(elsewhere("sessions", "--csv").stdout)
    assert (session["session"], session["state"]) == ("STRATEGY", "down")
    (broker,) = rows(elsewhere("brokers", "--csv").stdout)
    assert (broker["broker"], broker["state"]) == ("paper", "ready")
    assert float(json.loads(elsewhere("quotes", "AAPL", "--json").stdout)["bid"]) > 0
    assert "0 differences" in elsewhere("brokers", "reconcile", "paper").stdout
    accept = ("brokers", "reconcile", "paper", "--accept-positions", "--reason", "split", "--yes")
    assert elsewhere(*accept).returncode == 2


def test_controls_work_on_a_daemon_elsewhere(elsewhere):
    assert elsewhere("halt", "--symbol", "GE", "--reason", "test").returncode == 0
    (state,) = rows(elsewhere("risk", "states", "--csv").stdout)
    assert (state["name"], state["state"], state["reason"]) == ("GE", "cancel_only", "test")
    assert elsewhere("orders", "new", "buy", "GE", "1").returncode == 3
    assert elsewhere("resume", "--symbol", "GE", "--reason", "done", "--yes").returncode == 0
    killed = elsewhere("kill", "--symbol", "GE", "--reason", "test", "--yes", "--wait", "20")
    assert killed.returncode == 0, killed.stderr
    assert elsewhere("resume", "--symbol", "GE", "--reason", "done", "--yes").returncode == 0
    assert "R02 symbol CVX: 5" in elsewhere("risk", "set", "R02", "5", "--symbol", "CVX", "--reason", "t").stdout
    limits = rows(elsewhere("risk", "limits", "--csv").stdout)
    assert any((row["rule"], row["name"], row["value"]) == ("R02", "CVX", "5") for row in limits)
    numbers = elsewhere("sessions", "set-seq", "STRATEGY", "--in", "7", "--reason", "test", "--yes")
    assert "next in 7" in numbers.stdout
    dry = elsewhere("orders", "new", "buy", "AAPL", "1", "--dry-run", "--json")
    assert {"R02", "R03"} <= {json.loads(line)["rule"] for line in dry.stdout.splitlines()}


def test_a_token_that_may_only_read_is_refused_what_it_may_not(elsewhere):
    assert elsewhere.alone("orders", "--context", "look").returncode == 0
    said = elsewhere.alone("orders", "new", "buy", "AAPL", "1", "--context", "look")
    assert said.returncode == 1
    assert "role" in said.stderr


def test_tail_follows_a_daemon_elsewhere(elsewhere):
    command = [sys.executable, "-m", "bridge", "--context", "desk", "tail", "--json", "--type", "order_received"]
    tail = subprocess.Popen(
        [*command, "--after", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(XDG_CONFIG_HOME=str(elsewhere.home)),
    )
    assert tail.stdout is not None
    elsewhere("orders", "new", "buy", "HD", "1")
    assert any(json.loads(line)["order"]["symbol"] == "HD" for line in tail.stdout)
    tail.send_signal(signal.SIGINT)
    _, errors = tail.communicate(timeout=10)
    assert "go on with --after " in errors


@pytest.mark.parametrize("command", [("journal", "verify"), ("statement",), ("top",), ("doctor",), ("paper",)])
def test_what_reads_a_data_directory_says_where_to_run_it(elsewhere, command):
    said = elsewhere(*command)
    assert said.returncode == 2
    assert f"the context leads to {elsewhere.url}: run it on that machine" in said.stderr


def test_nobody_there_is_exit_5_and_no_answer_to_a_change_is_exit_4(elsewhere):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    elsewhere.alone("context", "add", "gone", "--url", f"http://127.0.0.1:{port}")
    assert elsewhere.alone("orders", "--context", "gone").returncode == 5
    with socket.create_server(("127.0.0.1", 0)) as silent:
        elsewhere.alone("context", "add", "gone", "--url", f"http://127.0.0.1:{silent.getsockname()[1]}")
        asking = subprocess.Popen(
            [sys.executable, "-m", "bridge", "--context", "gone", "orders", "new", "buy", "AAPL", "1"],
            stderr=subprocess.PIPE,
            text=True,
            env=environment(XDG_CONFIG_HOME=str(elsewhere.home)),
        )
        connection, _ = silent.accept()
        assert connection.recv(65536).startswith(b"POST /v1/orders")
        connection.close()
        _, errors = asking.communicate(timeout=20)
    assert asking.returncode == 4
    assert "whether it was done is unknown" in errors
