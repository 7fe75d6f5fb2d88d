"""What the outputs cost: commit to MQTT subscriber, publishing, rendering of /metrics.

    python bench/outputs.py [--seconds 10] [--rate 500] [--backlog 20000]

Real parts: a file journal written here, the outputs process, a Mosquitto, a paho subscriber in a process of its own.
Latency counts from the return of `append` to the subscriber's callback, on the machine's monotonic clock.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from bridge.control import ControlServer
from bridge.journal.file import FileJournal
from bridge.orders.events import Entry, OrderAccepted, OrderFilled, OrderReceived, OrderRouted
from bridge.outputs.child import OutputsChild
from bridge.outputs.mqtt_broker import BrokerChild, Kind, choose
from bridge.settings import Settings
from bridge.vitals import Vitals
from fixspec.enums import OrdType, Side
from sessions.clock import SystemClock

SUBSCRIBER = """
import json, sys, time
import paho.mqtt.client as mqtt
port, user, password, wanted = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
got = []
def heard(client, userdata, message):
    got.append((message.payload[:40], time.monotonic_ns()))
    if len(got) >= wanted:
        client.disconnect()
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.username_pw_set(user, password)
client.on_message = heard
client.on_connect = lambda *_: client.subscribe("fixbridge/local/events/#", 1)
client.on_subscribe = lambda *_: print("ready", flush=True)
client.connect("127.0.0.1", port)
client.loop_forever()
for head, ns in got:
    print(int(head[7:head.index(b",")]), ns)
"""


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Writer:
    """Writes orders with one fill each, four entries, and remembers when each was committed."""

    def __init__(self, journal: FileJournal) -> None:
        self._journal = journal
        self._number = 0
        self.committed: dict[int, int] = {}

    def order(self) -> None:
        """One order: received and routed in a batch, accepted, filled."""
        journal, now = self._journal, datetime.now(UTC)
        self._number += 1
        order_id = journal.next_seq
        terms = OrderReceived(
            order_id=order_id,
            session_id="ALPHA1",
            cl_ord_id=f"A-{self._number}",
            account="PAPER",
            symbol="AAPL",
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_qty=Decimal(100),
            price=Decimal("187.25"),
            transact_time=now,
            msg_seq_num=self._number,
            broker="paper",
        )
        events = [
            [terms, OrderRouted(order_id=order_id, broker="paper", broker_client_id=f"f{order_id:019d}")],
            [OrderAccepted(order_id=order_id, broker_order_id=f"B{order_id}")],
            [
                OrderFilled(
                    order_id=order_id,
                    exec_id=f"E{order_id}",
                    broker_exec_id=f"X{order_id}",
                    last_qty=Decimal(100),
                    last_px=Decimal("187.25"),
                    transact_time=now,
                )
            ],
        ]
        for batch in events:
            first = journal.next_seq
            journal.append([Entry(first + index, now, event) for index, event in enumerate(batch)])
            ns = time.monotonic_ns()
            for index in range(len(batch)):
                self.committed[first + index] = ns


def cpu(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of all lies."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


async def subscriber(port: int, user: str, password: str, wanted: int) -> asyncio.subprocess.Process:
    """Start the subscriber; it is subscribed when this returns."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUBSCRIBER, str(port), user, password, str(wanted), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    return process


async def arrivals(process: asyncio.subprocess.Process) -> dict[int, int]:
    """When each entry reached the subscriber, monotonic ns."""
    assert process.stdout is not None
    lines = (await process.stdout.read()).decode().split("\n")
    return {int(seq): int(ns) for seq, ns in (line.split() for line in lines if line)}


async def measure(arguments: argparse.Namespace, directory: Path) -> None:
    """Everything that needs real parts."""
    choice = choose("auto", port=free_port(), name="local", directory=directory / "mqtt")
    if choice.kind is not Kind.MOSQUITTO or choice.endpoint is None:
        sys.exit("mosquitto is not installed")
    users = json.loads((directory / "mqtt" / "users.json").read_text())
    broker = BrokerChild(choice)
    await broker.start()
    os.environ["BENCH_MQTT_PASSWORD"] = users["bridge"]
    settings = Settings.model_validate(
        {
            "data_dir": str(directory / "data"),
            "mode": "paper",
            "mqtt": {
                "broker": f"mqtt://127.0.0.1:{choice.port}",
                "username": "bridge",
                "password": {"env": "BENCH_MQTT_PASSWORD"},
            },
            "http": {"port": free_port()},
            "log": {"level": "error"},
        }
    )
    clock = SystemClock()
    journal = FileJournal(settings.journal_dir, mode="write", clock=clock, loop=asyncio.get_running_loop())
    control = ControlServer(settings.control_socket)
    await control.serve()
    vitals = Vitals()

    async def pulse() -> None:
        while True:
            control.publish("vitals", vitals.snapshot(clock.utc_ns()))
            await asyncio.sleep(1)

    pulsing = asyncio.create_task(pulse())

    def waker(fd: int | None) -> None:
        assert journal.head is not None
        journal.head.wake_fd = fd

    child = OutputsChild(settings.dump(), waker)
    started = await child.start()
    assert started.error is None, started.error
    assert child.pid is not None
    writer = Writer(journal)
    await asyncio.sleep(2.5)

    print(f"entries at {arguments.rate}/s for {arguments.seconds} s")
    count = arguments.rate * arguments.seconds // 4
    listening = await subscriber(choice.port, "watch", users["watch"], count * 4)
    before, began = cpu(child.pid), time.monotonic()
    for number in range(count):
        writer.order()
        await asyncio.sleep(max(began + (number + 1) * 4 / arguments.rate - time.monotonic(), 0))
    seen = await asyncio.wait_for(arrivals(listening), 30)
    used = cpu(child.pid) - before
    latencies = [(seen[seq] - ns) / 1e6 for seq, ns in writer.committed.items() if seq in seen]
    print(
        f"  commit to subscriber  p50 {statistics.median(latencies):.2f} ms  p99 {percentile(latencies, 0.99):.2f} ms",
        end="",
    )
    print(f"  worst {max(latencies):.2f} ms  ({len(latencies)} of {len(writer.committed)})")
    print(f"  CPU of outputs        {used / (time.monotonic() - began) * 100:.0f} % of a core, all outputs")

    print(f"a backlog of {arguments.backlog} entries")
    listening = await subscriber(choice.port, "watch", users["watch"], arguments.backlog)
    before, began = cpu(child.pid), time.monotonic()
    for _ in range(arguments.backlog // 4):
        writer.order()
    seen = await asyncio.wait_for(arrivals(listening), 120)
    took, used = time.monotonic() - began, cpu(child.pid) - before
    each = used / arguments.backlog * 1e6
    print(f"  {arguments.backlog / took:,.0f} entries/s to the subscriber, {each:.0f} µs CPU an entry")
    print("  (read, folded, encoded, published as an event, its order's state as well)")

    times, size = [], 0
    for _ in range(20):
        began = time.monotonic()
        page = await asyncio.to_thread(fetch, f"http://127.0.0.1:{settings.http.port}/metrics")
        times.append((time.monotonic() - began) * 1000)
        size = page.count(b"\n")
    print(f"/metrics, {size} lines: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms")

    pulsing.cancel()
    await child.stop()
    await control.close()
    journal.close()
    await broker.stop()


def fetch(url: str) -> bytes:
    """A page."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback address
        return bytes(answer.read())


def rendering() -> None:
    """Rendering alone, of a page near the budget of series, in a process of its own."""
    code = (
        "import time, statistics\n"
        "from bridge.outputs.metrics_families import Families\n"
        "families = Families()\n"
        "stages = families.histogram('stage_duration_seconds', 'Time.', 'stage', 'broker')\n"
        "for stage in range(30):\n"
        "    for broker in range(8):\n"
        "        stages.observe(str(stage), str(broker), value=1_000_000, seq=1)\n"
        "for accept in ('', 'application/openmetrics-text; version=1.0.0'):\n"
        "    times = []\n"
        "    for _ in range(20):\n"
        "        began = time.perf_counter(); page, _ = families.render(accept)\n"
        "        times.append((time.perf_counter() - began) * 1000)\n"
        "    lines = page.count(b'\\n')\n"
        "    print(f'  {accept[12:23] or \"classic\":12} {lines} lines: {statistics.median(times):.1f} ms,'\n"
        "          f' {statistics.median(times) / lines * 1000:.1f} µs a line')\n"
    )
    print("rendering alone", flush=True)
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rate", type=int, default=500, help="entries per second")
    parser.add_argument("--backlog", type=int, default=20_000, help="entries")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measure(arguments, Path(directory)))
    rendering()


if __name__ == "__main__":
    main()
