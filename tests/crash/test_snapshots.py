"""kill -9 around a snapshot, and a start from one: what was there is there (DURABILITY.md 14, points 21 and 27)."""

import json
import time
from decimal import Decimal

import pytest
from daemon import Daemon, Trader, check, settle

from bridge.control_client import call_once
from bridge.journal.reader import EVERYTHING, JournalReader
from bridge.journal.snapshot import snapshots
from bridge.journal.state import blotter_at, take_snapshot
from bridge.journal.storage import DiskStorage
from bridge.orders.events import DayOpened, LimitChanged, OrderRouted, TradingHalted
from bridge.standing import RiskTerms, folding

TERMS = RiskTerms("none")
EVERY = "\njournal: {durability: write, allow_volatile: true, snapshot_every: 1000}\n"


def often(daemon: Daemon) -> Daemon:
    """Snapshots as often as settings allow."""
    text = daemon.config.read_text()
    line = next(line for line in text.splitlines() if line.startswith("journal:"))
    daemon.config.write_text(text.replace(line, EVERY.strip()))
    return daemon


def kept(daemon: Daemon) -> list[int]:
    return [seq for seq, _ in snapshots(DiskStorage(daemon.data / "journal").names())]


def started_from(daemon: Daemon) -> int:
    """The snapshot of the newest start, as its log says."""
    lines = daemon.log.read_text(errors="replace").splitlines()
    said = [json.loads(line) for line in lines if line.startswith("{")]
    return next(each["snapshot"] for each in reversed(said) if each["event"] == "recovered")


def last_seq(daemon: Daemon) -> int:
    return blotter_at(daemon.data / "journal").seq


def trade_until(daemon: Daemon, trader: Trader, text: str, least: int) -> None:
    """Trade at least so many orders, and then until the log says it."""
    deadline = time.monotonic() + 40
    trader.mix(least, 0.0005)
    while text not in daemon.log.read_text(errors="replace"):
        assert time.monotonic() < deadline, daemon.tail()
        assert daemon.alive, daemon.tail()
        trader.client.read(0.1)


@pytest.mark.parametrize("point", ["snapshot.written", "snapshot.renamed", "snapshot.forgotten"])
def test_a_daemon_and_its_child_killed_around_a_snapshot_start_from_what_is_whole(tmp_path, point):
    daemon = often(Daemon(tmp_path))
    trader = Trader(daemon.port)
    daemon.start()
    assert trader.client.connect(), daemon.tail()
    trader.mix(20, 0.001)
    trader.client.quiet()
    daemon.kill()
    trader.client.read(0.01)
    last = last_seq(daemon)
    for upto in (last // 2, last):
        take_snapshot(daemon.data / "journal", upto, folding(TERMS))
    before = kept(daemon)
    assert len(before) == 2

    daemon.start(f"{point}=kill")
    assert trader.client.connect(), daemon.tail()
    trade_until(daemon, trader, "failed with code -9", 260)
    daemon.kill()
    trader.client.read(0.01)
    after = kept(daemon)
    expected = {"snapshot.written": 2, "snapshot.renamed": 3, "snapshot.forgotten": 3}[point]
    assert len(after) == expected
    assert after[-2:] == before, "the last good one is there whatever happens to the new one"

    daemon.start()
    assert trader.client.connect(), daemon.tail()
    assert started_from(daemon) == after[0]
    trader.mix(8, 0.001)
    settle(daemon, trader)
    assert check(daemon, trader)["filled"]


def ask(daemon: Daemon, command: str, /, **arguments: object):
    return call_once(daemon.data / "control.sock", command, **arguments)


def heard(trader: Trader, cl_ord_id: str) -> dict[int, str]:
    """The last report about a ClOrdID(11), once it is there."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        trader.client.read(0.05)
        about = [each for each in trader.client.reports.values() if each.get(11) == cl_ord_id]
        if about:
            return about[-1]
    raise AssertionError(f"nothing was told about {cl_ord_id}")


def test_a_start_from_a_snapshot_finds_orders_positions_counters_limits_a_halt_and_a_kill(tmp_path):
    daemon = Daemon(tmp_path)
    trader = Trader(daemon.port)
    journal = daemon.data / "journal"
    daemon.start()
    assert trader.client.connect(), daemon.tail()
    resting = [trader.order("50.00", tif="1") for _ in range(5)]
    for _ in range(6):
        trader.order(None, qty="7")
    trader.wait_for_answers(10.0)
    trader.client.quiet()
    sent = sum(isinstance(entry.event, OrderRouted) for entry in JournalReader(journal).read())
    assert sent == 11
    reason = {"reason": "end of test"}
    ask(daemon, "risk_set", rule="R22.orders", scope="global", name="", value=str(sent), **reason)
    ask(daemon, "halt", scope="symbol", name="MSFT", state="cancel_only", **reason)
    ask(daemon, "kill", scope="strategy", name="S9", flatten=False, **reason)
    refused = trader.order(None)
    limit = heard(trader, refused)
    assert (limit[39], "orders sent today" in limit[58]) == ("8", True), limit
    trader.client.quiet()
    daemon.kill()
    trader.client.read(0.01)
    last = last_seq(daemon)
    assert take_snapshot(journal, last, folding(TERMS)) == last

    daemon.start()
    assert trader.client.connect(), daemon.tail()
    assert started_from(daemon) == last
    status = ask(daemon, "status")
    assert status["open_orders"] == len(resting)
    again = heard(trader, trader.order(None))
    assert again[39] == "8"
    assert again[58] == limit[58], "the day's counter and the changed limit are as they were"
    for extra, word in (([(55, "MSFT")], "symbol MSFT"), ([(50, "S9")], "strategy S9")):
        assert word in heard(trader, order_with(trader, extra))[58]
    since = list(JournalReader(journal).read(last))
    kinds = (DayOpened, TradingHalted, LimitChanged)
    assert not [entry for entry in since if isinstance(entry.event, kinds)], "nothing of it has to be said again"
    for cl_ord_id in resting:
        trader._change("F", cl_ord_id)
    assert {heard(trader, each)[39] for each in trader.changes} <= {"4", "6"}
    settle(daemon, trader)
    book = blotter_at(journal, EVERYTHING)
    assert not list(book.open_orders())
    assert book.position("PAPER", "AAPL").qty == Decimal(42)
    assert check(daemon, trader)["filled"] == 6


def order_with(trader: Trader, extra: list[tuple[int, str]]) -> str:
    """A NewOrderSingle(D) for one share with some fields of its own."""
    cl_ord_id = trader._id("X")
    own = dict(extra)  # first as well: SenderSubID(50) is one of the header
    fields = own | {11: cl_ord_id, 55: "AAPL", 54: "1", 60: trader.client.now(), 38: "1", 40: "1", 59: "0"} | own
    trader.client.send("D", *fields.items())
    return cl_ord_id
