"""The engine's side of the seam for tests: a real journal and head, a control socket with vitals, scripted orders."""

import asyncio
import os
import urllib.request
from pathlib import Path

from bridge.control import ControlServer
from bridge.journal.file import FileJournal
from bridge.outputs.child import InlineOutputs, OutputsChild
from bridge.outputs.mqtt_broker import BrokerChild
from bridge.settings import Settings
from bridge.vitals import Vitals
from sessions.clock import SystemClock
from tests.bridge.outputs.script import Script, free_port


class Engine:
    """The engine's side of the seam: journal, head, control socket with vitals. Orders come from a script."""

    def __init__(self, directory: Path, mosquitto: BrokerChild) -> None:
        end = mosquitto.choice.endpoint
        assert end is not None
        os.environ["TEST_MQTT_PASSWORD"] = end.password or ""
        self.settings = Settings.model_validate(
            {
                "data_dir": str(directory),
                "mode": "paper",
                "mqtt": {
                    "broker": f"mqtt://127.0.0.1:{end.port}",
                    "username": end.username,
                    "password": {"env": "TEST_MQTT_PASSWORD"},
                },
                "http": {"port": free_port()},
            }
        )
        self.journal = FileJournal(
            self.settings.journal_dir, mode="write", clock=SystemClock(), loop=asyncio.get_running_loop()
        )
        self.script = Script(live_clock=True, journal=self.journal)
        self.vitals = Vitals()
        self.control = ControlServer(self.settings.control_socket)
        self.child: OutputsChild | InlineOutputs = OutputsChild(self.settings.dump(), self._waker)
        self._task: asyncio.Task[None] | None = None

    def _waker(self, fd: int | None) -> None:
        assert self.journal.head is not None
        self.journal.head.wake_fd = fd

    async def start(self) -> None:
        await self.control.serve()
        self._task = asyncio.create_task(self._pulse())
        started = await self.child.start()
        assert started.error is None, started.error

    async def _pulse(self) -> None:
        while True:
            self.vitals.broker("paper").unready = ""
            self.vitals.journal_seq = self.journal.next_seq - 1
            self.control.publish("vitals", self.vitals.snapshot(SystemClock().utc_ns()))
            await asyncio.sleep(0.2)

    def work(self, orders: int = 1) -> None:
        """Orders with a fill each: 4 entries."""
        for _ in range(orders):
            self.script.fill(self.script.working(), "100", "187.25")

    async def stop(self) -> None:
        await self.child.stop()
        assert self._task is not None
        self._task.cancel()
        await self.control.close()
        self.journal.close()

    def get(self, path: str) -> str:
        url = f"http://127.0.0.1:{self.settings.http.port}{path}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
