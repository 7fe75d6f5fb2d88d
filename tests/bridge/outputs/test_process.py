"""The outputs process over a real journal: started, woken, killed, frozen, stopped, orphaned."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.outputs.child import InlineOutputs, OutputsChild
from bridge.outputs.mqtt_broker import BrokerChild
from tests.bridge.outputs.engine import Engine
from tests.bridge.outputs.script import Subscriber, needs, until

pytestmark = needs("mosquitto")


@pytest.fixture
async def engine(tmp_path: Path, mosquitto: BrokerChild) -> AsyncIterator[Engine]:
    one = Engine(tmp_path / "data", mosquitto)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
def watch(mosquitto: BrokerChild):  # type: ignore[no-untyped-def]
    users = json.loads((mosquitto.choice.directory / "users.json").read_text())
    one = Subscriber(mosquitto.choice.port, "fixbridge/local/#", user="watch", password=users["watch"])
    assert one.ready.wait(5)
    yield one
    one.close()


def heard(watch: Subscriber) -> list[int]:
    return sorted({told["seq"] for told in watch.documents("/events/")})


async def test_entries_reach_mqtt_and_metrics_across_the_processes(engine: Engine, watch: Subscriber) -> None:
    engine.work(5)
    last = engine.journal.durable
    await until(lambda: watch.documents("/events/") and watch.documents("/events/")[-1]["seq"] == last)
    body = await asyncio.to_thread(engine.get, "/metrics")
    assert 'bridge_fills_total{broker="paper",liquidity="removed_liquidity"} 5\n' in body
    assert "bridge_mqtt_connected 1" in body or await asyncio.to_thread(engine.get, "/healthz")
    ready = await asyncio.to_thread(engine.get, "/readyz")
    assert json.loads(ready)["status"] == "ready"


async def test_a_killed_process_comes_back_and_no_entry_is_lost(engine: Engine, watch: Subscriber) -> None:
    engine.work(50)
    await until(lambda: len(heard(watch)) > 20)
    first = engine.child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    engine.work(50)
    await until(lambda: engine.child.pid not in (None, first))
    last = engine.journal.durable
    await until(lambda: last in heard(watch), within=15)
    assert heard(watch) == list(range(1, last + 1))


async def test_a_frozen_process_does_not_hold_the_engine_and_catches_up(engine: Engine, watch: Subscriber) -> None:
    engine.work(1)
    await until(lambda: heard(watch))
    pid = engine.child.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    began = datetime.now(UTC)
    engine.work(250)
    assert (datetime.now(UTC) - began).total_seconds() < 2
    os.kill(pid, signal.SIGCONT)
    last = engine.journal.durable
    await until(lambda: last in heard(watch), within=15)
    assert heard(watch) == list(range(1, last + 1))


async def test_a_clean_stop_flushes_and_says_stopped(engine: Engine, watch: Subscriber) -> None:
    await until(lambda: watch.documents("/status"))
    engine.work(100)
    await engine.child.stop()
    last = engine.journal.durable
    await until(lambda: watch.documents("/status")[-1]["status"] == "stopped")
    assert heard(watch) == list(range(1, last + 1))


async def test_when_the_engine_is_gone_the_process_says_lost_and_ends(engine: Engine, watch: Subscriber) -> None:
    await until(lambda: watch.documents("/status"))
    process = engine.child._process
    assert process is not None
    engine.child._watch.cancel()
    engine.child._close()  # the end of the socketpair is all that a dead engine leaves
    assert await asyncio.wait_for(process.wait(), 8) == 0
    await until(lambda: watch.documents("/status")[-1]["status"] == "lost")


async def test_a_taken_http_port_is_one_clear_line(tmp_path: Path, mosquitto: BrokerChild) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        one = Engine(tmp_path / "data", mosquitto)
        port = taken.getsockname()[1]
        child = OutputsChild(json.dumps({**json.loads(one.settings.dump()), "http": {"port": port}}), lambda fd: None)
        started = await child.start()
        one.journal.close()
    assert started.error == f"HTTP: cannot listen on 127.0.0.1:{port}: Address already in use"
    assert child.pid is None


async def test_inline_outputs_tell_the_same_in_the_engines_own_loop(
    tmp_path: Path, mosquitto: BrokerChild, watch: Subscriber
) -> None:
    one = Engine(tmp_path / "data", mosquitto)
    one.settings.mqtt.password.resolve(os.environ)
    one.child = InlineOutputs(one.settings, one._waker)
    await one.start()
    one.work(20)
    last = one.journal.durable
    await until(lambda: last in heard(watch))
    assert heard(watch) == list(range(1, last + 1))
    body = await asyncio.to_thread(one.get, "/metrics")
    assert 'process_cpu_seconds_total{process="engine"}' in body
    await one.stop()
    await until(lambda: watch.documents("/status")[-1]["status"] == "stopped")
