"""A long outage of the MQTT broker under load: nothing lost, order kept, memory bounded."""

import asyncio
import json

import pytest

from bridge.outputs.mqtt_broker import BrokerChild, choose
from tests.bridge.outputs.script import Subscriber, free_port, needs, until

pytestmark = [needs("mosquitto"), pytest.mark.long]
ORDERS = 15_000  # 60,000 entries: an hour at the pace of a busy account, three times what memory holds


async def test_an_hours_backlog_is_delivered_in_order_and_never_held_in_memory(tmp_path, script, outputs) -> None:
    choice = choose("auto", port=free_port(), name="local", directory=tmp_path / "mqtt")
    output = outputs(script, choice)  # nobody there yet
    for number in range(ORDERS):
        script.fill(script.working(), "100", "187.25")
        if number % 50 == 0:
            await asyncio.sleep(0)
    await until(lambda: output.stream.last == 4 * ORDERS, within=60)
    assert output.sink.cursor == 0
    assert len(output.sink._sent) == 0
    assert len(output.stream._items) <= 40_000
    child = BrokerChild(choice)
    await child.start()
    users = (tmp_path / "mqtt" / "users.json").read_text()
    watch = listening(choice.port, users)
    await until(lambda: output.sink.cursor == 4 * ORDERS, within=110)
    assert len(output.sink._sent) <= 100
    await until(lambda: len(watch.heard) >= 4 * ORDERS, within=30)
    seqs = [told["seq"] for told in watch.documents("/events/")]
    watch.close()
    await output.stop()
    await child.stop()
    assert list(dict.fromkeys(seqs)) == list(range(1, 4 * ORDERS + 1))


def listening(port: int, users: str) -> Subscriber:
    watch = Subscriber(port, "fixbridge/local/events/#", user="watch", password=json.loads(users)["watch"])
    assert watch.ready.wait(5)
    return watch
