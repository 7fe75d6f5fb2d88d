"""`fixbridge completion`, and that the scripts really complete."""

import shutil
import subprocess
import sys

import pytest

from tests.bridge.cli.conftest import environment, fixbridge


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script(shell):
    said = fixbridge("completion", shell)
    assert said.returncode == 0
    assert "_FIXBRIDGE_COMPLETE" in said.stdout
    assert said.stdout.startswith("#compdef fixbridge") is (shell == "zsh")


def test_an_unknown_shell_is_wrong_usage():
    assert fixbridge("completion", "tcsh").returncode == 2


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [("stat", {"statement", "status"}), ("orders re", {"replace"}), ("journal ver", {"verify"})],
)
def test_bash_completes_commands(tmp_path, typed, expected):
    command = tmp_path / "fixbridge"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m bridge "$@"\n')
    command.chmod(0o755)
    script = fixbridge("completion", "bash").stdout
    words = ["fixbridge", *typed.split()]
    ask = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _fixbridge_completion {command}"
    said = subprocess.run(
        ["bash", "-c", f'{script}\n{ask}\nprintf "%s\\n" "${{COMPREPLY[@]}}"'],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
    )
    assert set(said.stdout.split()) == expected, said.stderr
