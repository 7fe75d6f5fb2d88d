"""What the journal costs: append and commit per mode, reading, opening with and without a snapshot.

    python bench/journal.py [--directory PLACE] [--orders 1000000]

PLACE must be on the disk that is meant; everything is written in a temporary directory there and removed.
"""

import argparse
import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from bridge.journal.encoding import encode
from bridge.journal.evidence import ls
from bridge.journal.file import FileJournal
from bridge.journal.reader import JournalReader
from bridge.journal.snapshot import newest_snapshot
from bridge.journal.state import blotter_at, take_snapshot
from bridge.journal.storage import file_system
from bridge.orders.blotter import Blotter, thaw
from bridge.orders.events import Entry, Mode, OrderAccepted, OrderFilled, OrderReceived, OrderRouted
from fixspec.enums import OrdType, Side
from sessions.clock import SystemClock

T0 = datetime.now(UTC)
SYMBOLS = [f"SYM{number}" for number in range(50)]


def order(seq: int, number: int) -> tuple[Entry, Entry]:
    """The two entries of an order that passes: what risk and duplicates allow and what is sent."""
    received = OrderReceived(
        order_id=seq,
        session_id="ALPHA1",
        msg_seq_num=number + 2,
        cl_ord_id=f"A-{number}",
        account="ACC1",
        symbol=SYMBOLS[number % 50],
        side=Side.BUY if number % 2 else Side.SELL,
        ord_type=OrdType.LIMIT,
        order_qty=Decimal(100),
        price=Decimal("187.25"),
        transact_time=T0,
    )
    routed = OrderRouted(order_id=seq, broker="paper", broker_client_id=f"f{number:020}")
    return Entry(seq, T0, received), Entry(seq + 1, T0, routed, seq)


def fill(seq: int, order_id: int, number: int) -> tuple[Entry, Entry]:
    """What the broker says then."""
    accepted = OrderAccepted(order_id=order_id, broker_order_id=f"b-{number}", transact_time=T0)
    filled = OrderFilled(
        order_id=order_id,
        exec_id=f"T{number}",
        broker_exec_id=f"x-{number}",
        last_qty=Decimal(100),
        last_px=Decimal("187.25"),
        transact_time=T0,
        mode=Mode.PAPER,
    )
    return Entry(seq, T0, accepted, seq - 1), Entry(seq + 1, T0, filled, seq)


def line(what: str, *figures: str) -> None:
    """One row."""
    print(f"{what:<58}" + "".join(f"{figure:>14}" for figure in figures), flush=True)


def quantiles(values: Sequence[float], unit: float) -> list[str]:
    """p50, p99 and the worst."""
    ordered = sorted(values)
    return [f"{ordered[int(len(ordered) * part)] / unit:.2f}" for part in (0.5, 0.99)] + [f"{ordered[-1] / unit:.2f}"]


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds of one call, and what it returned."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def append_write(place: Path, count: int) -> None:
    """A batch of two entries in `write` mode, including the write(2), with the flush behind running."""
    journal = FileJournal(place, clock=SystemClock(), seq_block=10_000)
    spent: list[float] = []
    for number in range(count):
        entries = order(journal.next_seq, number)
        began = time.perf_counter_ns()
        journal.append(entries)
        spent.append(time.perf_counter_ns() - began)
    journal.close()
    line("append in write mode, batch of 2 (µs: p50, p99, worst)", *quantiles(spent, 1e3))


def encoding(count: int) -> None:
    """JSON alone."""
    entries = [entry for number in range(count) for entry in order(1 + number * 2, number)]
    seconds, _ = timed(lambda: [encode(entry) for entry in entries])
    size = statistics.mean(len(encode(entry)) for entry in entries)
    line("encode one entry (µs; mean bytes)", f"{seconds / len(entries) * 1e6:.2f}", f"{size:.0f}")


async def commit_sync(place: Path, count: int, window: int) -> None:
    """From append to the callback in `sync` mode, `window` batches in flight."""
    journal = FileJournal(place, mode="sync", clock=SystemClock(), loop=asyncio.get_running_loop())
    began: dict[int, int] = {}
    spent: list[float] = []
    loop_time: list[float] = []
    free = asyncio.Semaphore(window)

    def durable(seq: int) -> None:
        now = time.perf_counter_ns()
        for last in [last for last in began if last <= seq]:
            spent.append(now - began.pop(last))
            free.release()

    journal.on_durable(durable)
    start = time.perf_counter()
    for number in range(count):
        await free.acquire()
        entries = order(journal.next_seq, number)
        now = time.perf_counter_ns()
        began[entries[-1].seq] = now
        journal.append(entries)
        loop_time.append(time.perf_counter_ns() - now)
    for _ in range(window):
        await free.acquire()
    seconds = time.perf_counter() - start
    journal.close()
    line(f"commit in sync mode, {window} in flight (ms: p50, p99, worst)", *quantiles(spent, 1e6))
    line("   batches/s; append on the loop (µs: p50)", f"{count / seconds:.0f}", quantiles(loop_time, 1e3)[0])


def fill_journal(place: Path, orders: int) -> int:
    """Orders with four entries each; the last number."""
    journal = FileJournal(place, clock=SystemClock(), seq_block=10_000_000)
    for number in range(orders):
        order_id = journal.next_seq
        journal.append(order(order_id, number))
        journal.append(fill(journal.next_seq, order_id, number))
    journal.close()
    return journal.next_seq - 1


def memory() -> float:
    """Peak of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def opening(place: Path) -> None:
    """What a start does: open, then fold what the newest snapshot does not hold. Run in a process of its own."""
    began = time.perf_counter()
    journal = FileJournal(place, clock=SystemClock())
    opened = time.perf_counter() - began
    newest = newest_snapshot(place)
    blotter = Blotter() if newest is None else thaw(newest.payload)
    after = 0 if newest is None else newest.seq
    thawed = time.perf_counter() - began - opened
    count = 0
    for entry in journal.read(after):
        blotter.apply(entry)
        count += 1
    total = time.perf_counter() - began
    journal.close()
    what = f"start {'from a snapshot' if newest else 'without a snapshot'}, {count} entries folded"
    line(f"{what} (s: open, thaw, all)", f"{opened:.2f}", f"{thawed:.2f}", f"{total:.2f}")
    line("   peak memory (MiB), orders", f"{memory():.0f}", f"{len(list(blotter.orders()))}")


def apart(place: Path) -> None:
    """`opening` in a fresh process."""
    subprocess.run([sys.executable, __file__, "--open", str(place)], check=True)  # noqa: S603


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, default=Path.cwd())
    parser.add_argument("--orders", type=int, default=1_000_000, help="orders in the large journal, four entries each")
    parser.add_argument("--batches", type=int, default=50_000, help="batches for the append figures")
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open is not None:
        opening(options.open)
        return
    with tempfile.TemporaryDirectory(dir=options.directory, prefix="journal-bench-") as name:
        place = Path(name)
        print(f"file system {file_system(place)}, Python {sys.version.split()[0]}")
        encoding(options.batches)
        append_write(place / "write", options.batches)
        for window in (1, 64):
            asyncio.run(
                commit_sync(place / f"sync{window}", options.batches // 25 if window == 1 else options.batches, window)
            )
        large = place / "large"
        last = fill_journal(large, options.orders)
        size = sum(row.size for row in ls(large).segments)
        line("large journal (entries; MiB; bytes an entry)", f"{last}", f"{size / 2**20:.0f}", f"{size / last:.0f}")
        seconds, _ = timed(lambda: sum(len(batch.records) for batch in JournalReader(large).batches()))
        line("read and check a million entries (s)", f"{seconds / last * 1e6:.2f}")
        seconds, _ = timed(lambda: sum(1 for _ in JournalReader(large).read()))
        line("read, check and decode a million entries (s)", f"{seconds / last * 1e6:.2f}")
        seconds, _ = timed(lambda: next(iter(JournalReader(large).read(last - 5))))
        line("find an entry near the end (ms)", f"{seconds * 1e3:.1f}")
        apart(large)
        seconds, _ = timed(lambda: take_snapshot(large, last - min(100_000, last // 2)))
        line("take a snapshot (s; MiB)", f"{seconds:.1f}", f"{ls(large).snapshots[0].size / 2**20:.0f}")
        apart(large)
        seconds, _ = timed(lambda: blotter_at(large, last // 2))
        line("replay to the middle (s)", f"{seconds:.1f}")


if __name__ == "__main__":
    main()
