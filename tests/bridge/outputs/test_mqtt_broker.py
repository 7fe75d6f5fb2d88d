"""Which broker `auto` means, and that each kind works: Mosquitto with rights, iotcore, an external one with TLS."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trustme

from bridge.outputs.mqtt_broker import BrokerChild, BrokerError, Kind, choose, password_line
from tests.bridge.outputs.script import Script, Subscriber, free_port, needs, until


def nothing(program: str) -> str | None:
    return None


def test_off_is_off(tmp_path: Path) -> None:
    assert choose("off", port=1883, name="local", directory=tmp_path).kind is Kind.OFF


def test_an_url_names_an_external_broker(tmp_path: Path) -> None:
    choice = choose("mqtts://mqtt.example.com", port=1, name="desk 1", directory=tmp_path, username="u", password="p")
    end = choice.endpoint
    assert end is not None
    assert (choice.kind, end.host, end.port, end.tls) == (Kind.EXTERNAL, "mqtt.example.com", 8883, True)
    assert choice.watch == "mosquitto_sub -h mqtt.example.com -p 8883 -t 'fixbridge/desk%201/#' -v"
    assert "p" not in repr(end).removeprefix("mqtts://mqtt.example.com")


@pytest.mark.parametrize("url", ["http://x", "mqtt://", "mosquitto"])
def test_anything_else_is_an_error(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not mqtt://host:port"):
        choose(url, port=1883, name="local", directory=tmp_path)


def test_auto_prefers_mosquitto_then_iotcore_then_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = choose("auto", port=1883, name="local", directory=tmp_path, find=lambda program: f"/usr/sbin/{program}")
    assert found.kind is Kind.MOSQUITTO
    users = json.loads((tmp_path / "users.json").read_text())
    assert found.watch == f"mosquitto_sub -p 1883 -u watch -P {users['watch']} -t 'fixbridge/local/#' -v"
    assert (tmp_path / "users.json").stat().st_mode & 0o077 == 0
    again = choose("auto", port=1883, name="local", directory=tmp_path, find=lambda program: program)
    assert again.watch == found.watch
    assert choose("auto", port=1883, name="local", directory=tmp_path, find=nothing).kind is Kind.IOTCORE
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    off = choose("auto", port=1883, name="local", directory=tmp_path, find=nothing)
    assert off.kind is Kind.OFF
    assert "install mosquitto, or fixbridge[broker]" in off.reason


@needs("mosquitto_passwd")
def test_our_password_lines_are_mosquittos(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    path.write_text(password_line("bridge", "secret") + "\n")
    subprocess.run(["mosquitto_passwd", "-b", str(path), "watch", "other"], check=True, capture_output=True)
    ours, theirs = path.read_text().splitlines()
    assert [len(part) for part in ours.split("$")[2:]] == [len(part) for part in theirs.split("$")[2:]]


@needs("mosquitto", "mosquitto_sub")
async def test_the_line_of_the_banner_shows_everything(mosquitto, script: Script, outputs) -> None:
    output = outputs(script, mosquitto.choice)
    command = mosquitto.choice.watch.replace("-v", "-v -C 1 -W 5")
    script.working()
    await until(lambda: output.sink.cursor == 3)
    shown = await asyncio.to_thread(subprocess.run, ["sh", "-c", command], capture_output=True, text=True, check=False)
    assert shown.stdout.startswith("fixbridge/local/")


@needs("mosquitto")
async def test_watchers_may_read_and_not_write(mosquitto) -> None:
    users = json.loads((mosquitto.choice.directory / "users.json").read_text())
    watch = Subscriber(mosquitto.choice.port, "fixbridge/#", user="watch", password=users["watch"])
    assert watch.ready.wait(5)
    info = watch.client.publish("fixbridge/local/events/ACC1/order_filled/AAPL", b"forged", 1)
    info.wait_for_publish(5)
    stranger = Subscriber(mosquitto.choice.port, "#")
    assert not stranger.ready.wait(0.3)
    assert watch.heard == []
    watch.close()
    stranger.close()


@needs("mosquitto")
async def test_a_taken_port_is_one_clear_line(mosquitto, tmp_path: Path) -> None:
    choice = choose("auto", port=mosquitto.choice.port, name="local", directory=tmp_path / "second")
    with pytest.raises(BrokerError, match=f"port {choice.port} is taken: set mqtt.port"):
        await BrokerChild(choice).start()


@needs("mosquitto")
async def test_a_broker_that_ends_is_started_again(mosquitto) -> None:
    first = mosquitto.pid
    os.kill(first, signal.SIGTERM)
    await until(lambda: mosquitto.pid not in (None, first))


@needs("mosquitto")
def test_the_broker_ends_with_us_however_we_end(tmp_path: Path) -> None:
    code = f"""
import asyncio
from pathlib import Path
from bridge.outputs.mqtt_broker import BrokerChild, choose
async def main():
    child = BrokerChild(choose("auto", port={free_port()}, name="local", directory=Path({str(tmp_path)!r})))
    await child.start()
    print(child.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(500):
        try:
            state = Path(f"/proc/{child}/stat").read_text().split()[2]
        except FileNotFoundError:
            break
        if state == "Z":
            break
        threading.Event().wait(0.01)
    else:
        pytest.fail("mosquitto outlives us")


async def test_iotcore_serves_both_protocols_and_carries_our_entries(script: Script, outputs, tmp_path: Path) -> None:
    choice = choose("auto", port=free_port(span=2), name="local", directory=tmp_path / "iotcore", find=nothing)
    assert choice.kind is Kind.IOTCORE
    child = BrokerChild(choice)
    await child.start()
    old = Subscriber(choice.port, "fixbridge/local/events/#", v5=False, client_id="old")
    new = Subscriber(choice.port + 1, "fixbridge/local/events/#", client_id="new")
    assert old.ready.wait(5)
    assert new.ready.wait(5)
    output = outputs(script, choice)
    for _ in range(50):
        script.fill(script.working(), "100", "187.25")
    await until(lambda: output.sink.cursor == 200)
    for one in (old, new):
        await until(lambda one=one: len(one.heard) >= 200)
        assert [told["seq"] for told in one.documents("events")] == list(range(1, 201))
        one.close()
    await output.stop()
    await child.stop()


@needs("mosquitto")
@pytest.mark.parametrize("trusted", [True, False], ids=["with our certificate", "without"])
async def test_an_external_broker_with_tls_and_client_certificates(
    trusted: bool, script: Script, outputs, tmp_path: Path
) -> None:
    authority = trustme.CA()
    server, client = authority.issue_cert("localhost", "127.0.0.1"), authority.issue_cert("bridge")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    client.private_key_pem.write_to_path(tmp_path / "client.key")
    client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    port = free_port()
    (tmp_path / "mosquitto.conf").write_text(
        f"{'user root' if os.geteuid() == 0 else ''}\nlistener {port} 127.0.0.1\nallow_anonymous true\n"
        f"cafile {tmp_path / 'ca.pem'}\ncertfile {tmp_path / 'server.pem'}\nkeyfile {tmp_path / 'server.key'}\n"
        "require_certificate true\n"
    )
    broker = await asyncio.create_subprocess_exec(
        "mosquitto", "-c", str(tmp_path / "mosquitto.conf"), stderr=asyncio.subprocess.DEVNULL
    )
    own = {"certificate": str(tmp_path / "client.pem"), "key": str(tmp_path / "client.key")} if trusted else {}
    choice = choose(
        f"mqtts://localhost:{port}", port=1, name="local", directory=tmp_path, ca=str(tmp_path / "ca.pem"), **own
    )
    output = outputs(script, choice)
    script.working()
    if trusted:
        await until(lambda: output.sink.cursor == 3)
    else:
        await asyncio.sleep(0.5)
        assert output.sink.cursor == 0
    await output.stop()
    broker.terminate()
    await broker.wait()
