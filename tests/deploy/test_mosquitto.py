"""The broker configuration that we ship starts, keeps a backlog, and gives each his rights."""

import asyncio
import os
from pathlib import Path

import trustme

from bridge.outputs.mqtt_broker import password_line
from bridge.outputs.mqtt_doctor import Level, check_queue
from bridge.outputs.mqtt_endpoint import Endpoint
from tests.bridge.outputs.script import free_port, needs
from tests.deploy.conftest import DEPLOY


@needs("mosquitto")
async def test_the_shipped_configuration_loses_nothing(tmp_path: Path) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    server.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    (tmp_path / "fixbridge.passwords").write_text(password_line("bridge", "secret") + "\n")
    (tmp_path / "fixbridge.passwords").chmod(0o600)
    (tmp_path / "fixbridge.acl").write_text((DEPLOY / "mosquitto" / "acl").read_text())
    port = free_port()
    text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text()
    text = text.replace("/etc/mosquitto/certs", str(tmp_path)).replace("/etc/mosquitto", str(tmp_path))
    text = text.replace("/var/lib/mosquitto", str(tmp_path)).replace("listener 8883", f"listener {port} 127.0.0.1")
    (tmp_path / "mosquitto.conf").write_text(("user root\n" if os.geteuid() == 0 else "") + text)
    broker = await asyncio.create_subprocess_exec(
        "mosquitto", "-c", str(tmp_path / "mosquitto.conf"), stderr=asyncio.subprocess.DEVNULL
    )
    await asyncio.sleep(0.3)
    assert broker.returncode is None
    end = Endpoint(
        host="localhost", port=port, username="bridge", password="secret", tls=True, ca=str(tmp_path / "ca.pem")
    )
    finding = await check_queue(end, "fixbridge/local", messages=1500)
    broker.terminate()
    await broker.wait()
    assert finding.level is Level.OK, finding.text
