"""A real daemon in a process of its own for tests that kill it, and the check of what is left afterwards."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

from client import Client

from bridge.brokers.paper import records
from bridge.brokers.paper.book import FileBook
from bridge.journal.reader import JournalReader
from bridge.orders.blotter import Blotter
from bridge.orders.events import OrderFilled

ROOT = Path(__file__).parents[2]

CONFIG = """
apiVersion: fixbridge/v1
kind: BridgeConfig
outputs: "off"
log: {{fix_messages: true}}
journal: {{durability: {mode}, allow_volatile: true}}
marketdata: {{source: "bench.deep_market:DeepMarket"}}
accounts: [{{name: PAPER, broker: paper}}]
risk:
  profile: none
---
apiVersion: datafye.io/v1
kind: BrokerSpec
metadata: {{name: paper}}
broker: {{type: paper, account: PAPER}}
paper: {{cash: 100000000000}}
"""


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Daemon:
    """`python -m bridge run` on a directory, started and killed as often as wanted."""

    def __init__(self, directory: Path, mode: str = "write") -> None:
        self.directory = directory
        self.port = free_port()
        self.config = directory / "bridge.yaml"
        self.config.write_text(CONFIG.format(mode=mode))
        self.data = directory / "var"
        self.process: subprocess.Popen[bytes] | None = None
        self.log = directory / "daemon.log"

    def start(self, faults: str = "") -> None:
        """Start; returns at once."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FIXBRIDGE_FAULTS": faults,
            "FIXBRIDGE_LISTENERS__FIX__PORT": str(self.port),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bridge", "run", "--config", str(self.config), "--data-dir", str(self.data)],
                cwd=ROOT, env=environment, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def alive(self) -> bool:
        """Running."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()

    def died(self, within: float = 10.0) -> bool:
        """Wait for it to die of its own."""
        assert self.process is not None
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


class Trader:
    """Sends a mix of orders through a client that outlives the daemon."""

    def __init__(self, port: int) -> None:
        self.client = Client(port)
        self.orders: list[str] = []
        self.changes: list[str] = []
        self._ids = 0

    def _id(self, letter: str) -> str:
        self._ids += 1
        return f"{letter}{self._ids}"

    def order(self, price: str | None, qty: str = "10", side: str = "1", tif: str = "0") -> str:
        """One NewOrderSingle(D)."""
        cl_ord_id = self._id("D")
        self.orders.append(cl_ord_id)
        fields = [(11, cl_ord_id), (55, "AAPL"), (54, side), (60, Client.now()), (38, qty), (59, tif)]
        self.client.send("D", *fields, *([(40, "2"), (44, price)] if price else [(40, "1")]))
        return cl_ord_id

    def mix(self, count: int, pace: float = 0.0) -> None:
        """Filled, resting, replaced and cancelled orders; stops early when the session is lost."""
        for number in range(count):
            if not self.client.connected:
                return
            kind = number % 4
            if kind == 0:
                self.order(None, side="1" if number % 8 else "2")
            elif kind == 1:
                self.order("100.30")
            elif kind == 2:
                orig = self.order("50.00", tif="1")
                self._change("F", orig)
            else:
                orig = self.order("50.00")
                self._change("G", orig, (38, "20"), (40, "2"), (44, "51.00"))
            self.client.read(pace)

    def wait_for_answers(self, within: float) -> None:
        """Read until every request has been answered with something, for so long at most."""
        deadline = time.monotonic() + within
        asked = {*self.orders, *self.changes}
        while time.monotonic() < deadline and self.client.connected:
            answered = {report.get(11, "") for report in self.client.reports.values()}
            answered |= {report.get(41, "") for report in self.client.reports.values()}
            if asked <= answered:
                return
            self.client.read(0.05)

    def _change(self, msg_type: str, orig: str, *more: tuple[int, str]) -> None:
        cl_ord_id = self._id(msg_type)
        self.changes.append(cl_ord_id)
        fields = [(11, cl_ord_id), (41, orig), (55, "AAPL"), (54, "1"), (60, Client.now())]
        self.client.read(0.02)
        self.client.send(msg_type, *fields, *more)


def check(daemon: Daemon, trader: Trader) -> dict[str, int]:
    """What the client heard, the journal, and the broker's own book agree order by order and execution by execution."""
    blotter = Blotter()
    fills_journalled: dict[str, Decimal] = {}
    for entry in JournalReader(daemon.data / "journal").read():
        blotter.apply(entry)
        if isinstance(entry.event, OrderFilled):
            assert entry.event.exec_id not in fills_journalled, "a fill is booked once"
            fills_journalled[entry.event.exec_id] = entry.event.last_qty
    book = FileBook(daemon.data / "brokers" / "paper.book")
    history = list(book.read())
    book.close()
    accepted = [record for record in history if isinstance(record, records.Accepted)]
    filled = [record for record in history if isinstance(record, records.Filled)]
    by_id: dict[str, int] = {}
    for record in accepted:
        by_id[record.id] = by_id.get(record.id, 0) + 1
    assert max(by_id.values(), default=0) <= 1, "at most one broker order per client order"
    assert len(filled) == len(fills_journalled), "every execution of the broker is in the journal, and no other"

    meaning: dict[str, tuple[str, ...]] = {}
    heard_fills: dict[str, Decimal] = {}
    answers: dict[str, list[dict[int, str]]] = {}
    for number in sorted(trader.client.reports):
        report = trader.client.reports[number]
        if report[35] == "8":
            if report[17] != "0":
                what = (report[37], report[150], report.get(32, ""), report.get(31, ""))
                assert meaning.setdefault(report[17], what) == what, "an ExecID(17) means one thing"
            if report[150] == "F":
                heard_fills[report[17]] = Decimal(report[32])
            answers.setdefault(report[11], []).append(report)
            if 41 in report:
                answers.setdefault(report[41], []).append(report)
        elif report[35] == "9":
            answers.setdefault(report[11], []).append(report)
        else:
            raise AssertionError(f"the client was told {report}")
    assert heard_fills == fills_journalled, "the client heard every fill, each with its quantity"

    for cl_ord_id in trader.orders:
        order = blotter.find("STRATEGY", cl_ord_id)
        assert order is not None, f"{cl_ord_id} was sent and is not in the journal"
        told = answers.get(cl_ord_id)
        assert told, f"{cl_ord_id} got no answer"
        at_broker = by_id.get(order.broker_client_id or "", 0) or any(
            record.id == order.broker_client_id for record in history if isinstance(record, records.Replaced)
        )
        rejected = order.ord_status.value == "rejected"
        if not at_broker and order.ord_status.value == "canceled" and not order.accepted:
            continue  # the cancel came while the order waited for the disk: it was withdrawn
        assert bool(at_broker) != rejected, f"{cl_ord_id}: rejected exactly when the broker has none"
    for cl_ord_id in trader.changes:
        assert answers.get(cl_ord_id), f"{cl_ord_id} got no answer"
    final = {}
    for cl_ord_id in trader.orders:
        order = blotter.find("STRATEGY", cl_ord_id)
        assert order is not None
        last = [each for each in trader.client.reports.values() if each.get(37) == str(order.order_id)][-1]
        assert last[39] == order.ord_status.wire.decode(), f"{cl_ord_id}: the client's last word is the journal's state"
        final[order.ord_status.value] = final.get(order.ord_status.value, 0) + 1
    position = sum(
        (order.cum_qty if order.side.value == "buy" else -order.cum_qty for order in blotter.orders()), Decimal(0)
    )
    assert blotter.position("PAPER", "AAPL").qty == position
    return final


def settle(daemon: Daemon, trader: Trader) -> None:
    """Connect again if need be, let everything be said, log out, stop the daemon."""
    client = trader.client
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not daemon.alive:
            daemon.start()
        if client.connected or client.connect(10.0):
            trader.wait_for_answers(40.0)
            client.quiet(0.7, 15.0)
        if client.connected:  # a connection to one that was killed looks alive until it is read
            break
    assert client.connected, daemon.tail()
    client.close()
    assert daemon.stop() == 0, daemon.tail()
