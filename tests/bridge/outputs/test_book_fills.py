"""The example that books fills: each once and none missed, whoever is killed in between."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.orders.events import OrderFilled
from bridge.outputs.mqtt_broker import BrokerChild
from tests.bridge.outputs.engine import Engine
from tests.bridge.outputs.script import needs, until

pytestmark = needs("mosquitto")
EXAMPLE = Path(__file__).parents[3] / "examples" / "book_fills.py"


@pytest.fixture
async def engine(tmp_path: Path, mosquitto: BrokerChild) -> AsyncIterator[Engine]:
    one = Engine(tmp_path / "data", mosquitto)
    await one.start()
    yield one
    await one.stop()


class Booker:
    """The example as a process of its own, and the book it keeps."""

    def __init__(self, engine: Engine, mosquitto: BrokerChild, path: Path) -> None:
        users = json.loads((mosquitto.choice.directory / "users.json").read_text())
        self._path = path
        self._command = [
            sys.executable,
            str(EXAMPLE),
            "ACC1",
            f"mqtt://watch:{users['watch']}@127.0.0.1:{mosquitto.choice.port}",
            f"http://127.0.0.1:{engine.settings.http.port}",
            str(path),
        ]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def fills(self) -> list[tuple[str, str]]:
        if not self._path.exists():
            return []
        with sqlite3.connect(self._path) as book:
            try:
                return book.execute("select exec_id, qty from fill").fetchall()
            except sqlite3.OperationalError:
                return []


@pytest.fixture
def booker(engine: Engine, mosquitto: BrokerChild, tmp_path: Path) -> Iterator[Booker]:
    one = Booker(engine, mosquitto, tmp_path / "fills.db")
    yield one
    one.kill()


def expected(engine: Engine) -> set[str]:
    return {entry.event.exec_id for entry in engine.script.entries if isinstance(entry.event, OrderFilled)}


async def booked(engine: Engine, booker: Booker) -> None:
    await until(lambda: {exec_id for exec_id, _ in booker.fills()} == expected(engine), within=20)


async def test_each_fill_is_booked_once_though_everybody_dies_once(
    engine: Engine, booker: Booker, mosquitto: BrokerChild
) -> None:
    engine.work(15)
    await booked(engine, booker)
    booker.kill()
    engine.work(15)  # kept by the broker for the booker's session
    booker.start()
    await booked(engine, booker)
    outputs = engine.child.pid
    assert outputs is not None
    os.kill(outputs, signal.SIGKILL)
    engine.work(15)
    await until(lambda: engine.child.pid not in (None, outputs))
    await booked(engine, booker)
    broker = mosquitto.pid
    assert broker is not None
    os.kill(broker, signal.SIGKILL)  # forgets the booker's session and what it had queued
    engine.work(15)
    await until(lambda: mosquitto.pid not in (None, broker))
    engine.work(1)
    await booked(engine, booker)
    quantities = [Decimal(qty) for _, qty in booker.fills()]
    assert sum(quantities) == 100 * len(expected(engine)) == 100 * 61
