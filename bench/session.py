"""What a session costs: run `python bench/session.py [--quick]` on a quiet machine.

Prints the session's own cost per message (what it adds to framing, decoding and encoding), the resend rate, memory per
idle session, a thousand sessions that only exchange heartbeats, and how long a store with a million sent messages takes
to open. Every figure is the median of repeats; compare only figures of one run.
"""

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import structlog
import uvloop

from fixspec.codec import Decoder, Encoder
from fixspec.enums import EncryptMethod, ExecType, OrdStatus, OrdType, Side
from fixspec.fields import utc_timestamp_ns
from fixspec.framing import Framer
from fixspec.messages import ExecutionReport, Heartbeat, Logon, NewOrderSingle, ResendRequest
from sessions.acceptor import Acceptor
from sessions.admission import AdmissionLimits
from sessions.clock import SystemClock
from sessions.config import SessionConfig, SessionId
from sessions.interfaces import Store
from sessions.session import Session
from sessions.store import FileStore, MemoryStore

CLOCK = SystemClock()
NOW = datetime.now(UTC)
WINDOW = 64
ORDER = NewOrderSingle(
    cl_ord_id="A-000001", symbol="IBM", side=Side.BUY, transact_time=NOW, order_qty=Decimal(100),
    ord_type=OrdType.LIMIT, price=Decimal("187.25"), account="ACC1",
)  # fmt: skip
REPORT = ExecutionReport(
    order_id="1", cl_ord_id="A-000001", exec_id="E1", exec_type=ExecType.NEW, ord_status=OrdStatus.NEW, symbol="IBM",
    side=Side.BUY, order_qty=Decimal(100), ord_type=OrdType.LIMIT, price=Decimal("187.25"), leaves_qty=Decimal(100),
    cum_qty=Decimal(0), avg_px=Decimal(0), transact_time=NOW, account="ACC1",
)  # fmt: skip
HEARTBEAT = Heartbeat()
CLIENT = Encoder("CLIENT", "BRIDGE")


def stamp() -> bytes:
    """SendingTime(52) for now."""
    return utc_timestamp_ns(CLOCK.utc_ns())


def timed(work: Callable[[], None]) -> float:
    """How long `work` takes, in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def logged_on(store: Store) -> Session:
    """An established acceptor's session without a network."""
    session = Session(SessionConfig(name="S", id=SessionId("BRIDGE", "CLIENT")), store, CLOCK)
    session.connect()
    session.receive_data(CLIENT.encode(Logon(encrypt_method=EncryptMethod.NONE, heart_bt_int=30), 1, stamp()))
    while session.next_event() is not None:
        pass
    session.take_output()
    return session


def own_cost(count: int, repeats: int, place: Path) -> None:
    """In: 64 orders a read. Out: a report each, gathered. Both against the codec alone, interleaved."""
    frames = [CLIENT.encode(ORDER, number + 2, stamp()) for number in range(count)]
    reads = [b"".join(frames[at : at + WINDOW]) for at in range(0, count, WINDOW)]
    figures: dict[str, list[float]] = {name: [] for name in ("decode", "in", "encode", "out", "out, memory")}

    def decode() -> None:
        framer, decoder = Framer(), Decoder()
        for read in reads:
            framer.feed(read)
            while (frame := framer.next_frame()) is not None:
                decoder.decode(frame)

    def receive(session: Session) -> None:
        for read in reads:
            session.receive_data(read)
            while session.next_event() is not None:
                pass

    def encode() -> None:
        for number in range(count):
            CLIENT.encode(REPORT, number, stamp())

    def send(session: Session) -> None:
        for number in range(count):
            session.send(REPORT, number)
            if number % WINDOW == 0:
                session.take_output()

    for repeat in range(repeats):
        store = FileStore(place / f"own{repeat}")
        session = logged_on(store)
        figures["decode"].append(timed(decode))
        figures["in"].append(timed(lambda session=session: receive(session)))  # type: ignore[misc]
        figures["encode"].append(timed(encode))
        figures["out"].append(timed(lambda session=session: send(session)))  # type: ignore[misc]
        memory = logged_on(MemoryStore())
        figures["out, memory"].append(timed(lambda session=memory: send(session)))  # type: ignore[misc]
        store.close()
    cost = {name: statistics.median(times) / count * 1e6 for name, times in figures.items()}
    print(f"framing and decoding       {cost['decode']:6.2f} us a message")
    print(f"session, in                {cost['in'] - cost['decode']:6.2f} us on top, next_target kept in the file")
    print(f"encoding                   {cost['encode']:6.2f} us a message")
    print(f"session, out, FileStore    {cost['out'] - cost['encode']:6.2f} us on top, one write() each")
    print(f"session, out, MemoryStore  {cost['out, memory'] - cost['encode']:6.2f} us on top")
    print(f"session, one order         {cost['in'] - cost['decode'] + cost['out'] - cost['encode']:6.2f} us in and out")


def resend_rate(count: int, place: Path) -> None:
    """One ResendRequest(2) for everything, served from the file."""
    store = FileStore(place / "resend")
    session = logged_on(store)
    for number in range(count):
        session.send(REPORT, number)
    session.take_output()
    session.receive_data(CLIENT.encode(ResendRequest(begin_seq_no=1, end_seq_no=0), 2, stamp()))
    worst, slices, size = 0.0, 0, 0
    began = time.perf_counter()
    while session.next_event() is not None:
        pass
    size += len(session.take_output())
    while session.has_work:
        at = time.perf_counter()
        session.work()
        size += len(session.take_output())
        worst = max(worst, time.perf_counter() - at)
        slices += 1
    took = time.perf_counter() - began
    print(f"resend                     {count / took:,.0f} messages/s ({size / took / 1e6:.0f} MB/s), "
          f"longest of {slices} slices {worst * 1e3:.1f} ms")  # fmt: skip
    store.close()


def open_store(count: int, place: Path) -> None:
    """Save, close and open; kill and open; reboot and open."""
    data = CLIENT.encode(REPORT, 1, stamp())
    store = FileStore(place / "million")

    def save() -> None:
        for number in range(1, count + 1):
            store.save(number, data, number)

    took = timed(save)
    print(f"store, save                {took / count * 1e6:6.2f} us a message of {len(data)} bytes")
    store.close()
    program = (
        "import sys, time; from sessions.store import FileStore; began = time.perf_counter();"
        "store = FileStore(sys.argv[1]); took = time.perf_counter() - began;"
        "assert store.next_sender == int(sys.argv[2]) + 1; print(took); sys.stdout.flush(); import os; os._exit(9)"
    )
    for what in ("closed", "killed"):
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", program, str(place / "million"), str(count)],
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"store, open, was {what}    {float(done.stdout) * 1e3:6.2f} ms with {count:,} messages")
    page = place / "million" / "numbers"
    raw = bytearray(page.read_bytes())
    raw[16:40] = bytes(24)  # another boot, no clean close
    page.write_bytes(raw)
    print(f"store, open, was rebooted  {timed(lambda: FileStore(place / 'million').close()) * 1e3:6.0f} ms")


class Nobody:
    """An application without opinions."""

    # ruff: noqa: D102

    def on_logon(self, *_: object) -> None: ...
    def on_message(self, *_: object) -> None: ...
    def on_reject(self, *_: object) -> None: ...
    def on_logout(self, *_: object) -> None: ...
    def on_reset(self, *_: object) -> None: ...
    def on_cancel_on_disconnect(self, *_: object) -> None: ...


def serve(count: int, place: Path) -> None:
    """The process under measurement: an acceptor with `count` sessions; answers `cpu rss` to every line."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=open(os.devnull, "w")))  # noqa: SIM115

    async def main() -> None:
        configs = [SessionConfig(name=f"S{n}", id=SessionId("BRIDGE", f"C{n}")) for n in range(count)]
        limits = AdmissionLimits(connections_per_address=count + 10, waiting=count + 10)
        acceptor = Acceptor(configs, lambda c: FileStore(place / c.name), Nobody(), CLOCK, admission=limits)
        acceptor.open()
        print(*figures(), flush=True)
        await acceptor.start()
        print(acceptor.port, flush=True)
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            up = sum(status.state == "logged_on" for status in acceptor.status())
            print(*figures(), up, flush=True)
        await acceptor.stop(timeout_seconds=0.1)

    def figures() -> tuple[float, int]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return usage.ru_utime + usage.ru_stime, pages * os.sysconf("SC_PAGESIZE")

    print(*figures(), flush=True)
    uvloop.run(main())


async def many(count: int, seconds: float, place: Path) -> None:
    """Clients in this process, the acceptor in another; HeartBtInt(108) is one second."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--serve", str(count), str(place),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    stdin, stdout = server.stdin, server.stdout

    async def line() -> list[str]:
        return (await stdout.readline()).decode().split()

    async def ask() -> tuple[float, int, int]:
        stdin.write(b"\n")
        cpu, memory, up = await line()
        return float(cpu), int(memory), int(up)

    empty = int((await line())[1])
    opened = int((await line())[1])
    port = int((await line())[0])
    heard = 0

    async def client(number: int) -> None:
        nonlocal heard
        encoder = Encoder(f"C{number}", "BRIDGE")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(encoder.encode(Logon(encrypt_method=EncryptMethod.NONE, heart_bt_int=1), 1, stamp()))
        await reader.read(4096)
        sequence = 2
        while True:
            data = await reader.read(4096)
            if not data:
                return
            heard += data.count(b"\x0135=0\x01")
            writer.write(encoder.encode(HEARTBEAT, sequence, stamp()))
            sequence += 1

    tasks = [asyncio.create_task(client(number)) for number in range(count)]
    async with asyncio.timeout(60):
        while (await ask())[2] < count:  # noqa: ASYNC110 - the other process can only be asked
            await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    heard = 0
    before, memory, _ = await ask()
    await asyncio.sleep(seconds)
    after, _, up = await ask()
    print(f"memory                     {(opened - empty) / count / 1024:6.1f} kB a session with its FileStore, "
          f"{(memory - opened) / count / 1024:.1f} kB more when connected")  # fmt: skip
    print(f"{count:,} sessions, 1 s hearts  {heard / seconds:,.0f} heartbeats/s, {up:,} still up, "
          f"{(after - before) / seconds * 100:.0f} % of a core")  # fmt: skip
    for task in tasks:
        task.cancel()
    stdin.close()
    await server.wait()


def main() -> None:
    """Read the options, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(int(arguments.serve[0]), Path(arguments.serve[1]))
        return
    share = 10 if arguments.quick else 1
    with tempfile.TemporaryDirectory() as place:
        own_cost(50_000 // share, 3 if arguments.quick else 7, Path(place))
        resend_rate(200_000 // share, Path(place))
        open_store(1_000_000 // share, Path(place))
        uvloop.run(many(1_000 // share, 3 if arguments.quick else 10, Path(place) / "many"))


if __name__ == "__main__":
    main()
