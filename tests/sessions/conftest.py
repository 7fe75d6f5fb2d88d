import asyncio
import contextlib
import json
import sys
from pathlib import Path

import pytest
import uvloop

HERE = Path(__file__).parent


def pytest_asyncio_loop_factories(config, item):
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class QuickFix:
    """A QuickFIX engine in a process of its own; see quickfix_peer.py."""

    def __init__(self, process):
        self._process = process
        self._events = []
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def _read(self):
        while line := await self._process.stdout.readline():
            async with self._news:
                self._events.append(json.loads(line))
                self._news.notify_all()

    def do(self, command):
        self._process.stdin.write(command.encode() + b"\n")

    def seen(self, event, part=""):
        return [item for item in self._events if item["event"] == event and part in item.get("raw", "")]

    async def until(self, event, part="", count=1, seconds=20.0):
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(lambda: len(self.seen(event, part)) >= count), seconds)
            except TimeoutError:
                raise AssertionError(f"no {event} {part!r} x{count} in {self._events}") from None
        return self.seen(event, part)[count - 1]

    async def numbers(self):
        count = len(self.seen("numbers")) + 1
        self.do("numbers")
        found = await self.until("numbers", count=count)
        return found["sender"], found["target"]

    async def reaches(self, sender, target, seconds=10.0):
        """Its numbers move after its callbacks, so they are asked for until they are right."""
        async with asyncio.timeout(seconds):
            while await self.numbers() != (sender, target):
                pass

    async def end(self):
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, ConnectionResetError, BrokenPipeError):
                self._process.kill()
        await self._process.wait()
        self._reader.cancel()


@pytest.fixture
async def quickfix(tmp_path):
    """Start a QuickFIX engine: await quickfix("initiator", port, **settings)."""
    started = []
    runs = 0

    async def start(role, port, *, store=None, **settings):
        nonlocal runs
        runs += 1
        place = store or tmp_path / f"quickfix{runs}"
        lines = {
            "ConnectionType": role,
            "FileStorePath": place,
            "FileLogPath": tmp_path / f"log{runs}",
            "StartTime": "00:00:00",
            "EndTime": "00:00:00",
            "NonStopSession": "Y",
            "UseDataDictionary": "Y",
            "DataDictionary": Path(sys.prefix) / "share/quickfix/FIX44.xml",
            "HeartBtInt": "30",
            "ReconnectInterval": "1",
            "SocketConnectHost": "127.0.0.1",
            "SocketConnectPort": port,
            "SocketAcceptPort": port,
            "SocketReuseAddress": "Y",
            **settings,
        }
        session = {"BeginString": "FIX.4.4", "SenderCompID": "CLIENT", "TargetCompID": "BRIDGE"}
        for key in ("SenderCompID", "TargetCompID"):
            session[key] = lines.pop(key, session[key])
        path = tmp_path / f"quickfix{runs}.cfg"
        text = "[DEFAULT]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())
        text += "[SESSION]\n" + "".join(f"{key}={value}\n" for key, value in session.items())
        path.write_text(text)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "quickfix_peer.py"),
            role,
            str(path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**22,
        )
        peer = QuickFix(process)
        started.append(peer)
        await peer.until("ready")
        peer.do("start")
        await peer.until("started")
        return peer

    yield start
    for peer in started:
        await peer.end()


class Recorder:
    """An application that remembers what it was told, and answers orders if asked to."""

    def __init__(self):
        self.calls = []
        self.messages = []
        self.on_each = None
        self._news = asyncio.Event()

    def _note(self, *call):
        self.calls.append(call)
        self._news.set()

    def on_logon(self, session_id):
        self._note("logon", session_id)

    def on_message(self, session_id, header, message):
        self.messages.append((header, message))
        if self.on_each is not None:
            self.on_each(session_id, header, message)
        self._note("message", session_id, header.msg_seq_num)

    def on_reject(self, session_id, header, reject):
        self._note("reject", session_id, reject)

    def on_logout(self, session_id, reason, clean):
        self._note("logout", session_id, reason, clean)

    def on_reset(self, session_id, reason):
        self._note("reset", session_id, reason)

    def on_cancel_on_disconnect(self, session_id, reason):
        self._note("cancel", session_id, reason)

    def count(self, kind):
        return sum(call[0] == kind for call in self.calls)

    async def until(self, kind, count=1, seconds=20.0):
        async with asyncio.timeout(seconds):
            while self.count(kind) < count:
                self._news.clear()
                await self._news.wait()
        return [call for call in self.calls if call[0] == kind][count - 1]


@pytest.fixture
def recorder():
    return Recorder()
