"""What those who watch cost those who trade: FIX acknowledgement latency with and without WebSocket and REST load.

    python bench/watchers.py [--orders 600] [--rate 100] [--clients 50] [--gets 20]

Real parts: the daemon in its two processes, a FIX client here (simplefix), the watchers in a process of their own.
Latency counts from the write of a NewOrderSingle(D) to the read of its ExecutionReport(8). The same orders run three
times: nobody watching, WebSocket clients that take every entry and state, and the REST reads besides.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from bridge.sdk.fix import FixClient, new_order_single

CONFIG = Path(__file__).with_name("daemon.yaml")
WATCHERS = """
import asyncio, sys, json, time
import httpx
from websockets.asyncio.client import connect
url, clients, gets = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
frames = 0
async def watch():
    global frames
    async with connect(url.replace("http", "ws") + "/v1/stream", compression=None, max_size=None) as socket:
        await socket.recv()
        await socket.send('{"op":"subscribe","id":1,"states":["orders","positions","accounts"]}')
        async for _ in socket:
            frames += 1
async def ask():
    async with httpx.AsyncClient(base_url=url) as http:
        while True:
            for path in ("/v1/orders?limit=100", "/v1/positions", "/v1/executions?limit=100", "/v1/entries?limit=100"):
                await http.get(path)
                await asyncio.sleep(1 / gets)
async def main():
    tasks = [asyncio.create_task(watch()) for _ in range(clients)]
    if gets:
        tasks.append(asyncio.create_task(ask()))
    await asyncio.sleep(2)
    print("ready", flush=True)
    began, first = time.monotonic(), frames
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print(json.dumps({"frames": (frames - first) / (time.monotonic() - began)}), flush=True)
    import os
    os._exit(0)
asyncio.run(main())
"""


def configuration(directory: str) -> Path:
    """The bench daemon's configuration with outputs in a process of their own and free ports."""
    documents = list(yaml.safe_load_all(CONFIG.read_text()))
    documents[0] |= {
        "outputs": "process",
        "data_dir": f"{directory}/var",
        "listeners": {"fix": {"port": 0}},
        "http": {"port": 0},
        "mqtt": {"broker": "off"},
        "log": {"fix_messages": False, "format": "json"},
    }
    file = Path(directory) / "bridge.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    return file


async def measured(client: FixClient, orders: int, rate: float, prefix: str) -> list[float]:
    """Milliseconds from write to report, one order every 1/rate seconds."""
    times: list[float] = []
    loop = asyncio.get_running_loop()
    due = loop.time()
    for number in range(orders):
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - loop.time()))
        order = new_order_single(f"{prefix}-{number}", "AAPL", "buy", "1", price="1.00", account="ACC1")
        began = time.perf_counter_ns()
        await client.send(order)
        report = await client.receive()
        times.append((time.perf_counter_ns() - began) / 1e6)
        if number == 0 and report.get(39) not in (b"0", b"2"):
            raise SystemExit(f"order refused: {report.get(58)!r}")
    return times


def ports(log: Path) -> tuple[int, int]:
    """(FIX, HTTP) ports out of the daemon's banner; SystemExit when it does not come up."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = {}
        for line in log.read_text().splitlines():
            for word, key in (("FIX 4.4", "fix"), ("HTTP", "http")):
                if word in line and "127.0.0.1:" in line:
                    found[key] = int("".join(c for c in line.split("127.0.0.1:")[1].split()[0] if c.isdigit()))
        if len(found) == 2:
            return found["fix"], found["http"]
        time.sleep(0.1)
    raise SystemExit(f"the daemon did not start:\n{log.read_text()}")


def row(name: str, times: Sequence[float], frames: float) -> str:
    """One line of the table."""
    cuts = statistics.quantiles(times, n=100)
    return f"{name:<34}{cuts[49]:>8.2f}{cuts[89]:>8.2f}{cuts[98]:>8.2f}{max(times):>8.1f}{frames:>12.0f}"


async def main() -> None:
    """Run the daemon, measure three times, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--orders", type=int, default=600)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--gets", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fixbridge-bench-") as directory:
        log = Path(directory) / "log"
        with log.open("w") as out:
            daemon = subprocess.Popen(  # noqa: ASYNC220, S603 - started before anything is measured
                [sys.executable, "-m", "bridge", "run", "--config", str(configuration(directory))],
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            fix, http = ports(log)
            print(f"{options.orders} orders at {options.rate:g}/s; milliseconds from D to 8")
            print(f"{'who watches':<34}{'p50':>8}{'p90':>8}{'p99':>8}{'worst':>8}{'frames/s':>12}")
            async with FixClient(port=fix, sender="CLIENT") as client:
                await measured(client, 100, options.rate, "warm")
                print(row("nobody", await measured(client, options.orders, options.rate, "a"), 0))
                for name, gets in (
                    (f"{options.clients} WebSocket", 0),
                    (f"{options.clients} WebSocket, {options.gets} GET/s", options.gets),
                ):
                    watching = subprocess.Popen(  # noqa: ASYNC220, S603
                        [sys.executable, "-c", WATCHERS, f"http://127.0.0.1:{http}", str(options.clients), str(gets)],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        text=True,
                    )
                    assert watching.stdout is not None
                    await asyncio.to_thread(watching.stdout.readline)
                    times = await measured(client, options.orders, options.rate, f"b{gets}")
                    told, _ = await asyncio.to_thread(watching.communicate, "\n")
                    print(row(name, times, json.loads(told)["frames"]))
        finally:
            daemon.terminate()
            daemon.wait(20)


if __name__ == "__main__":
    asyncio.run(main())
