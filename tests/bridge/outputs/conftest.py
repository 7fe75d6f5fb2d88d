"""Brokers and a running MQTT output for the tests that need them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bridge.outputs.mqtt import MqttSink
from bridge.outputs.mqtt_board import Board
from bridge.outputs.mqtt_broker import BrokerChild, Choice, Kind, choose
from bridge.outputs.mqtt_topics import Topics
from bridge.outputs.states import States
from bridge.outputs.stream import Outward, Stream
from bridge.outputs.tail import Tail
from tests.bridge.outputs.script import Script, free_port


class Output:
    """Tail, board and sink over a scripted journal, started and stopped by the test."""

    def __init__(self, script: Script, choice: Choice, directory: Path, **options: object) -> None:
        assert choice.endpoint is not None
        self.published: list[tuple[Outward, float]] = []
        self.stream = Stream(script)
        self.states = States(lambda: self.tail.blotter, directory / "states.json")
        self.topics = Topics(choice.name)
        self.board = Board(self.states, self.topics, lambda: self.tail.blotter, directory / "board.json")
        self.tail = Tail(script, script, self.stream, (self.states, self.board))
        self.tail.begin()
        self.sink = MqttSink(
            self.stream,
            self.board,
            self.topics,
            choice.endpoint,
            directory / "mqtt.json",
            client_id=f"fixbridge-{choice.name}",
            version="0.1.0",
            mode="paper",
            published=lambda item, seconds: self.published.append((item, seconds)),
            alarm=self.states.mqtt_refused,
            **options,  # type: ignore[arg-type]
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self.tail.run()), asyncio.create_task(self.sink.run())]

    async def stop(self) -> None:
        for task in reversed(self._tasks):
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self.states.store()
        self.board.store()
        for result in results:
            if isinstance(result, Exception):
                raise result


@pytest.fixture
def script() -> Script:
    return Script(live_clock=True)


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[BrokerChild]:
    choice = choose("auto", port=free_port(), name="local", directory=tmp_path / "mqtt")
    assert choice.kind is Kind.MOSQUITTO, choice.reason
    child = BrokerChild(choice)
    await child.start()
    yield child
    await child.stop()


@pytest.fixture
async def outputs(tmp_path: Path) -> AsyncIterator[Callable[..., Output]]:
    """Makes running outputs, and stops those that still run."""
    made: list[Output] = []

    def make(script: Script, choice: Choice, **options: object) -> Output:
        output = Output(script, choice, tmp_path / "outputs", **options)
        output.start()
        made.append(output)
        return output

    yield make
    for output in made:
        await output.stop()
