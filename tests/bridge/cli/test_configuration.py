"""`check`, `init`, `config`, `version`, `password`, and how the command line speaks of mistakes."""

import json
import subprocess
import sys

import pytest
from argon2 import PasswordHasher

from bridge.cli.app import app
from tests.bridge.cli.conftest import environment, fixbridge


def test_help_teaches_how_to_begin_and_what_the_exit_codes_mean(invoke):
    said = invoke("--help")
    assert said.exit_code == 0
    for word in ("fixbridge run", "fixbridge demo", "3 refused by risk", "5 daemon not reachable"):
        assert word in " ".join(said.output.split())


@pytest.mark.parametrize(
    "command", sorted({command.name or command.callback.__name__ for command in app.registered_commands})
)
def test_every_command_explains_itself(invoke, command):
    said = invoke(command, "--help")
    assert said.exit_code == 0
    assert len(said.output.split("Usage:")[1].splitlines()[2].strip()) > 20


def test_init_writes_a_file_that_check_finds_valid(invoke):
    assert invoke("init").exit_code == 0
    said = invoke("check", "fixbridge.yaml")
    assert said.exit_code == 0
    assert "fixbridge.yaml: valid; paper, 1 session(s), broker paper (paper)" in said.output


def test_init_does_not_overwrite_unless_it_is_told_to(invoke, tmp_path):
    (tmp_path / "fixbridge.yaml").write_text("mine")
    assert invoke("init").exit_code == 1
    assert (tmp_path / "fixbridge.yaml").read_text() == "mine"
    assert invoke("init", "--yes").exit_code == 0


def test_a_wrong_file_is_told_line_by_line_and_exits_2(invoke, tmp_path):
    (tmp_path / "bad.yaml").write_text("kind: BridgeConfig\nhttp: {prot: 1}\noutputs: maybe\n")
    said = invoke("check", "bad.yaml")
    assert said.exit_code == 2
    lines = said.stderr.splitlines()
    assert lines[0].startswith("bad.yaml:2: http.prot: unknown key; did you mean port?")
    assert lines[1].startswith("bad.yaml:3: outputs: not usable; found 'maybe'")
    assert lines[2] == "fixbridge: 2 problems in the configuration, nothing was started"


def test_files_may_be_named_by_the_environment(invoke, tmp_path, monkeypatch):
    (tmp_path / "a.yaml").write_text("kind: BridgeConfig\nname: from-a\n")
    (tmp_path / "b.yaml").write_text("kind: BridgeConfig\nhttp: {port: 4321}\n")
    monkeypatch.setenv("FIXBRIDGE_CONFIG", "a.yaml:b.yaml")
    shown = invoke("config", "show").output
    assert "name: from-a  # a.yaml:2" in shown
    assert "port: 4321  # b.yaml:2" in shown


def test_show_says_where_a_value_came_from_and_never_a_secret(invoke, monkeypatch, tmp_path):
    monkeypatch.setenv("MQTT_PASSWORD", "hunter2")
    monkeypatch.setenv("FIXBRIDGE_HTTP__PORT", "5555")
    (tmp_path / "a.yaml").write_text("kind: BridgeConfig\nmqtt: {username: u, password: {env: MQTT_PASSWORD}}\n")
    for form in ((), ("--json",)):
        said = invoke("config", "show", "--config", "a.yaml", *form)
        assert said.exit_code == 0
        assert "hunter2" not in said.output
    assert "port: 5555  # FIXBRIDGE_HTTP__PORT" in invoke("config", "show").output


def test_the_schema_is_json_and_knows_both_kinds(invoke):
    schema = json.loads(invoke("config", "schema").output)
    assert {"BridgeConfig", "BrokerSpec"} <= set(schema["$defs"])


def test_a_setting_option_without_a_value_is_wrong_usage(invoke):
    said = invoke("config", "show", "--set", "http.port")
    assert said.exit_code == 2
    assert "--set http.port: expected KEY=VALUE" in said.stderr


def test_an_unknown_setting_option_is_told_with_the_likely_one(invoke):
    said = invoke("config", "show", "--set", "htp.port=1")
    assert said.exit_code == 2
    assert "option htp.port: names no setting: did you mean http?" in said.stderr


def test_version_tells_what_it_stands_on(invoke):
    assert json.loads(invoke("version", "--json").output)["fixbridge"].count(".") == 2
    assert invoke("version").output.startswith("fixbridge ")


def test_password_prints_a_hash_that_verifies_and_nothing_else(invoke):
    said = invoke("password", stdin="correct horse\n")
    assert said.exit_code == 0
    assert "correct horse" not in said.output
    assert PasswordHasher().verify(said.output.strip(), "correct horse")
    assert invoke("password", stdin="\n").exit_code == 1


def test_output_that_nobody_reads_to_its_end_is_no_error():
    command = f"{sys.executable} -m bridge config schema | head -1"
    said = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, env=environment())
    assert said.stdout == "{\n"
    assert "Traceback" not in said.stderr


def test_an_unknown_command_exits_2_without_a_traceback():
    said = fixbridge("rnu")
    assert said.returncode == 2
    assert "No such command" in said.stderr
    assert "Traceback" not in said.stderr


def test_no_colours_where_nobody_wants_them():
    for said in (fixbridge("status", NO_COLOR="1"), fixbridge("--no-color", "status")):
        assert "\x1b" not in said.stdout + said.stderr
