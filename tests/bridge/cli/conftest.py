"""A real daemon in a process of its own for the commands to talk to, and a runner for those that need none."""

import csv
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app

ROOT = Path(__file__).resolve().parents[3]


def environment(**more: str) -> dict[str, str]:
    """Ours without settings and contexts of the developer's, and where the project is."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FIXBRIDGE_")}
    ours = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "XDG_CONFIG_HOME": "/nonexistent"}
    return kept | ours | more


class Running:
    """A daemon under test: `port` is its FIX port."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.data_dir = directory / "var"
        self.log = directory / "daemon.log"
        command = [sys.executable, "-m", "bridge", "run", "--data-dir", str(self.data_dir)]
        quiet = ["--set", "listeners.fix.port=0", "--set", "outputs=off"]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, *quiet, *options], stdout=out, stderr=subprocess.STDOUT, env=environment(), cwd=directory
            )
        self.port = self._port()

    def _port(self) -> int:
        with self.log.open() as log:
            text = ""
            while self.process.poll() is None:
                text += log.read()
                if found := re.search(r"FIX 4\.4 +127\.0\.0\.1:(\d+)", text):
                    return int(found[1])
        raise AssertionError(f"the daemon ended: {self.log.read_text()}")

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """One `fixbridge` command against it, in this process: a hundred interpreters would only cost time."""
        said = CliRunner().invoke(
            app, arguments, input=stdin, prog_name="fixbridge", env={"FIXBRIDGE_DATA_DIR": str(self.data_dir)}
        )
        if said.exception is not None and not isinstance(said.exception, SystemExit):
            raise said.exception
        return subprocess.CompletedProcess(arguments, said.exit_code, said.stdout, said.stderr)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Drain it; gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(20)


def fixbridge(
    *arguments: str, stdin: str = "", cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """One command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(**env),
        cwd=cwd,
    )


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("daemon"))
    yield running
    running.stop()
    running.process.kill()


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Run a command in this process, in an empty directory and with no settings in the environment."""
    for key in list(os.environ):
        if key.startswith("FIXBRIDGE_"):
            monkeypatch.delenv(key)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-contexts"))
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, stdin: str | None = None):
        return CliRunner().invoke(app, list(arguments), input=stdin, prog_name="fixbridge")

    return invoke


def rows(text: str) -> list[dict[str, str]]:
    """`--csv` output by column."""
    return list(csv.DictReader(io.StringIO(text)))
