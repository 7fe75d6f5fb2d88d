"""What a start and a comparison cost: a million orders in the journal, with and without a snapshot; memory per open
order; reconciliation of ten thousand open orders.

    python bench/recovery.py [--directory PLACE] [--orders 1000000] [--open 100000] [--compare 10000]

PLACE must be on the disk that is meant; everything is written in a temporary directory there and removed. Each figure
is taken in a process of its own, so that memory is its own.
"""

import argparse
import asyncio
import gc
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from bridge.brokers.router import Router
from bridge.desk import AccountTerms, Desk
from bridge.engine import Engine
from bridge.interfaces import Capabilities, Fence
from bridge.journal.file import FileJournal
from bridge.journal.memory import MemoryJournal
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.blotter import Blotter
from bridge.orders.events import Entry, Mode, OrderAccepted, OrderFilled, OrderReceived, OrderRouted, Reservation
from bridge.orders.order import Order
from bridge.orders.reports import BrokerOrder
from bridge.reconciler import Reconciler
from bridge.risk.chain import RiskChain
from bridge.standing import RiskTerms, Standing, newest, uncollected
from fixspec.enums import OrdType, Side, TimeInForce
from sessions.clock import SystemClock

T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=8)
SYMBOLS = [f"SYM{number}" for number in range(50)]
PX, QTY = Decimal("187.25"), Decimal(100)
TERMS = RiskTerms("starter")
BATCH = 50


def life(seq: int, number: int, filled: bool) -> list[Entry]:
    """The entries of one order: received, routed, accepted and, if wanted, filled."""
    at = T0 + timedelta(milliseconds=number * 20)
    received = OrderReceived(
        order_id=seq,
        session_id="ALPHA1",
        msg_seq_num=number + 2,
        cl_ord_id=f"A-{number}",
        account="ACC1",
        symbol=SYMBOLS[number % 50],
        side=Side.BUY if number % 2 else Side.SELL,
        ord_type=OrdType.LIMIT,
        order_qty=QTY,
        price=PX,
        transact_time=at,
        broker="street",
        strategy="S1",
    )
    reserved = Reservation(price=PX, value=PX * QTY, margin=PX * QTY, funds=PX * QTY)
    events: list[Any] = [
        received,
        OrderRouted(order_id=seq, broker="street", broker_client_id=f"f{number:020}", reserved=reserved),
        OrderAccepted(order_id=seq, broker_order_id=f"b-{number}", transact_time=at),
    ]
    if filled:
        events.append(
            OrderFilled(
                order_id=seq,
                exec_id=f"T{number:020}",
                broker_exec_id=f"x-{number}",
                last_qty=QTY,
                last_px=PX,
                transact_time=at,
                mode=Mode.PAPER,
            )
        )
    return [Entry(seq + place, at, event, seq - 1 + place) for place, event in enumerate(events)]


def line(what: str, *figures: str) -> None:
    """One row."""
    print(f"{what:<62}" + "".join(f"{figure:>12}" for figure in figures), flush=True)


def resident() -> float:
    """Memory of this process now, MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def peak() -> float:
    """The most it ever was, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write(place: Path, orders: int) -> None:
    """A journal of filled orders, and a hundred open ones at its end."""
    began = time.perf_counter()
    journal = FileJournal(place, clock=SystemClock(), seq_block=10_000_000, any_file_system=True)
    batch: list[Entry] = []
    for number in range(orders):
        batch += life(journal.next_seq + len(batch), number, filled=number < orders - 100)
        if len(batch) >= BATCH:
            journal.append(batch)
            batch = []
    journal.append(batch)
    size = journal.size
    last = journal.next_seq - 1
    journal.close()
    seconds = f"{time.perf_counter() - began:.1f}"
    line(f"journal of {orders:,} orders (entries; MiB; s to write)", f"{last:,}", f"{size / 2**20:.0f}", seconds)


def start(place: Path) -> None:
    """What a start does before ports open: recover the journal, thaw the newest snapshot, fold the rest."""
    before = resident()
    began = time.perf_counter()
    journal = FileJournal(place, clock=SystemClock(), any_file_system=True)
    opened = time.perf_counter()
    with uncollected():
        standing = newest(place, TERMS, journal.durable)
        thawed, after = time.perf_counter(), standing.seq
        count = 0
        for entry in journal.read(after):
            standing.apply(entry)
            count += 1
    done = time.perf_counter()
    what = (
        f"start from a snapshot, {count:,} entries after it"
        if after
        else f"start without a snapshot, {count:,} entries"
    )
    times = (f"{opened - began:.2f}", f"{thawed - opened:.2f}", f"{done - began:.2f}")
    line(f"{what} (s: open, thaw, all)", *times)
    orders = sum(1 for _ in standing.blotter.orders())
    line("   memory (MiB: now, peak; orders held)", f"{resident() - before:.0f}", f"{peak():.0f}", f"{orders:,}")
    began = time.perf_counter()
    gc.collect()
    line("   a full garbage collection then (ms)", f"{(time.perf_counter() - began) * 1e3:.1f}")
    journal.close()


def snapshot(place: Path, upto: int) -> None:
    """What the child does, in a child."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "bridge.standing", str(place), str(upto)]
    subprocess.run(command, check=True, input=msgspec.json.encode(TERMS))  # noqa: S603 - our own words
    seconds = time.perf_counter() - began
    size = max(path.stat().st_size for path in place.glob("*.snapshot"))
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    line("a child takes a snapshot (s; MiB written; MiB peak)", f"{seconds:.1f}", f"{size / 2**20:.0f}", f"{most:.0f}")


def memory(count: int) -> None:
    """Bytes for each open order, in the book alone and with what risk reserves for it."""
    for what, portfolio in (("book", False), ("book and risk", True)):
        gc.collect()
        before = resident()
        standing = Standing(Blotter(), TERMS.portfolio())
        seq = 1
        for number in range(count):
            for entry in life(seq, number, filled=False):
                if portfolio:
                    standing.apply(entry)
                else:
                    standing.blotter.apply(entry)
                seq += 1
        used = resident() - before
        line(f"{count:,} open orders, {what} (MiB; bytes each)", f"{used:.0f}", f"{used * 2**20 / count:.0f}")
        if not portfolio:
            del standing


class Listing:
    """A broker that lists what it is given."""

    name = "street"
    mode = Mode.PAPER
    fence = Fence.NONE
    settle = 30.0
    unready: str | None = None
    capabilities = Capabilities(ord_types=frozenset(OrdType), times_in_force=frozenset(TimeInForce))

    def __init__(self) -> None:
        self.listed: list[BrokerOrder] = []

    async def open_orders(self) -> Sequence[BrokerOrder]:
        """As given."""
        return self.listed

    async def executions(self, since: datetime) -> Sequence[Any]:
        """None."""
        return ()

    async def positions(self) -> Sequence[Any]:
        """None."""
        return ()

    async def accounts(self) -> Sequence[Any]:
        """None."""
        return ()

    async def find(self, order: Order) -> BrokerOrder | None:
        """Nothing is known that is not listed."""
        return None

    def cancel(self, order: Order) -> None:
        """Not asked for here."""


async def compare(count: int) -> None:
    """`Reconciler.run` over so many open orders: all listed, nothing new, and none listed."""
    broker = Listing()
    journal = MemoryJournal()
    quotes = QuoteBook()
    chain = RiskChain((), TERMS.portfolio())
    desk = Desk(
        blotter=Blotter(),
        quotes=quotes,
        instruments={},
        adapters={"street": broker},  # type: ignore[dict-item]
        accounts=[AccountTerms(account="ACC1", broker="street")],
        sessions=[],
    )
    clock = SystemClock()
    router = Router({}, lambda said: None, clock.utc_ns)
    engine = Engine(
        desk=desk,
        journal=journal,
        risk=chain,
        clock=clock,
        sinks=(),
        router=router,
        sink_failed=lambda sink, entry, error: None,
        journal_failed=lambda reason: None,
        followers=(chain.portfolio,),
    )
    reconciler = Reconciler(engine, {"street": broker}, clock)  # type: ignore[dict-item]
    for number in range(count):
        engine.record(*(entry.event for entry in life(journal.next_seq, number, filled=False)))
    broker.listed = [
        BrokerOrder(
            broker_client_id=order.broker_client_id,
            broker_order_id=order.broker_order_id or "",
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            ord_type=order.ord_type,
            order_qty=QTY,
            price=PX,
        )
        for order in desk.blotter.open_orders()
    ]
    for what, trigger in (("at start", "start"), ("by the timer, nothing new", "timer")):
        began, seq = time.perf_counter(), journal.next_seq
        await reconciler.run("street", trigger)
        spent = (time.perf_counter() - began) * 1e3
        line(f"{count:,} open orders compared {what} (ms; entries)", f"{spent:.0f}", f"{journal.next_seq - seq}")
    broker.listed = []
    began, seq = time.perf_counter(), journal.next_seq
    await reconciler.run("street", "reconnect")
    spent = (time.perf_counter() - began) * 1e3
    line(
        f"{count:,} open orders, none listed, each asked for (ms; entries)", f"{spent:.0f}", f"{journal.next_seq - seq}"
    )


def apart(*arguments: str) -> None:
    """A step in a fresh process."""
    subprocess.run([sys.executable, __file__, *arguments], check=True)  # noqa: S603 - our own words


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, default=Path.cwd())
    parser.add_argument("--orders", type=int, default=1_000_000, help="orders in the journal, four entries each")
    parser.add_argument("--open", type=int, default=100_000, help="open orders whose memory is measured")
    parser.add_argument("--compare", type=int, default=10_000, help="open orders that are compared")
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step is not None:
        what, argument = options.step
        if what == "start":
            start(Path(argument))
        elif what == "memory":
            memory(int(argument))
        else:
            asyncio.run(compare(int(argument)))
        return
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="recovery-bench-") as name:
        place = Path(name) / "journal"
        print(f"Python {sys.version.split()[0]}")
        write(place, options.orders)
        apart("--step", "start", str(place))
        last = options.orders * 4 - 100
        snapshot(place, last - min(100_000, last // 2))
        apart("--step", "start", str(place))
    apart("--step", "memory", str(options.open))
    apart("--step", "compare", str(options.compare))


if __name__ == "__main__":
    main()
