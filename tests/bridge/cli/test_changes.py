"""`fixbridge diff` against a real daemon, and how configurations are compared."""

import json

from bridge.cli.changes import differences
from tests.bridge.cli.conftest import Running, fixbridge, rows


def keys(pairs) -> dict[str, tuple[object, object]]:
    return {each["key"]: (each["running"], each["would_be"]) for each in pairs}


def test_what_would_change_is_told_key_by_key_and_exits_6(daemon, tmp_path):
    file = tmp_path / "new.yaml"
    file.write_text("kind: BridgeConfig\nrisk:\n  limits:\n  - {rule: R03, limit: 10000}\nhttp: {port: 9090}\n")
    started = ("--set", "listeners.fix.port=0", "--set", "outputs=off")
    same = daemon.run("diff", *started)
    assert (same.returncode, same.stderr) == (0, "nothing would change\n"), same.stdout
    said = daemon.run("diff", str(file), *started, "--csv")
    assert said.returncode == 6
    assert keys(rows(said.stdout)) == {
        "http.port": ("8080", "9090"),
        "risk.limits": ("[]", ""),
        "risk.limits[R03 global].limit": ("", "10000"),
        "risk.limits[R03 global].name": ("", ""),
        "risk.limits[R03 global].rule": ("", "R03"),
        "risk.limits[R03 global].scope": ("", "global"),
    }
    told = [json.loads(line) for line in daemon.run("diff", str(file), *started, "--json").stdout.splitlines()]
    assert {"key": "http.port", "running": 8080, "would_be": 9090} in told


def test_a_wrong_configuration_is_exit_2_and_no_daemon_is_exit_5(daemon, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("kind: BridgeConfig\nhttp: {port: many}\n")
    assert daemon.run("diff", str(wrong)).returncode == 2
    assert fixbridge("diff", "--data-dir", str(tmp_path)).returncode == 5


def test_no_secret_is_in_what_the_daemon_tells(tmp_path):
    (tmp_path / "hash").write_text("$argon2id$very-secret")
    (tmp_path / "hash").chmod(0o600)
    text = "authentication: {username: alpha, password_hash: {file: %s}}" % (tmp_path / "hash")
    (tmp_path / "c.yaml").write_text(f"kind: BridgeConfig\nsessions:\n- comp_id: ALPHA\n  {text}\n")
    running = Running(tmp_path, "--config", str(tmp_path / "c.yaml"))
    try:
        said = running.run("diff", "--json")
        assert said.returncode == 6
        assert "very-secret" not in said.stdout
        assert str(tmp_path / "hash") in said.stdout
    finally:
        running.stop()


def test_entries_of_lists_are_told_by_name_wherever_they_stand():
    old = {"sessions": [{"comp_id": "A", "x": 1}, {"comp_id": "B", "x": 2}]}
    new = {"sessions": [{"comp_id": "B", "x": 2}, {"comp_id": "A", "x": 3}]}
    assert keys(differences(old, new)) == {"sessions[A].x": (1, 3)}
    brokers = [{"metadata": {"name": "paper"}, "live": False}]
    assert keys(differences({"brokers": brokers}, {"brokers": []}))["brokers[paper].live"] == (False, None)
