"""The doctor tells a broker that keeps a backlog from one that drops it."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.outputs.mqtt_doctor import Level, check_queue
from bridge.outputs.mqtt_endpoint import Endpoint
from tests.bridge.outputs.script import free_port, needs

pytestmark = needs("mosquitto")


@pytest.fixture
async def as_delivered(tmp_path: Path) -> AsyncIterator[Endpoint]:
    """Mosquitto with the limits it has when nobody sets them."""
    port = free_port()
    (tmp_path / "mosquitto.conf").write_text(
        f"{'user root' if os.geteuid() == 0 else ''}\nlistener {port} 127.0.0.1\nallow_anonymous true\n"
    )
    broker = await asyncio.create_subprocess_exec(
        "mosquitto", "-c", str(tmp_path / "mosquitto.conf"), stderr=asyncio.subprocess.DEVNULL
    )
    await asyncio.sleep(0.2)
    yield Endpoint(host="127.0.0.1", port=port)
    broker.terminate()
    await broker.wait()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_mosquitto_as_delivered_would_lose_fills(as_delivered: Endpoint, protocol: str) -> None:
    end = Endpoint(host=as_delivered.host, port=as_delivered.port, protocol=protocol)
    finding = await check_queue(end, "fixbridge/local", messages=1500)
    assert (finding.level, finding.code) == (Level.ERROR, "mqtt_queue")
    assert "acknowledged 1500 messages and kept 1" in finding.text
    assert "max_queued_messages 1000000" in finding.text


async def test_our_own_broker_keeps_everything(mosquitto) -> None:
    finding = await check_queue(mosquitto.choice.endpoint, "fixbridge/local", messages=1500)
    assert (finding.level, finding.code) == (Level.OK, "mqtt_queue")


async def test_a_broker_that_lets_us_not_read_is_a_warning(mosquitto) -> None:
    finding = await check_queue(mosquitto.choice.endpoint, "fixbridge/other", messages=10)
    assert finding.level in (Level.WARNING, Level.ERROR)
    assert finding.code in ("mqtt_not_checked", "mqtt_refused")


async def test_nobody_there_is_a_finding_too() -> None:
    finding = await check_queue(Endpoint(host="127.0.0.1", port=free_port()), "fixbridge/local")
    assert (finding.level, finding.code) == (Level.ERROR, "mqtt_unreachable")
