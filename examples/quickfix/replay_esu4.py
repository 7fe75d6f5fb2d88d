"""Trade a recorded market through real QuickFIX and check every fill against what the recording allowed at that moment.

    .venv/bin/python examples/quickfix/replay_esu4.py DATA [--speed 8]

DATA holds ESU4_2024-07-01_quotes.csv and ESU4_2024-07-01_trades.csv: four minutes of the
E-mini S&P 500 future around midnight. The script starts a daemon of its own that plays them, enters market, limit, stop
and stop-limit orders, a cancel and a replace, and prints a table. Exit code 0: all went as the market allowed.

What "allowed" means: the daemon's source writes a tape of each quote and trade with the time it was published. A fill
took liquidity if its price is the far side of the quote in force at its TransactTime(60); a resting limit order may
also fill at its own price when the far side, or a printed trade, has come to it.
"""

import argparse
import bisect
import csv
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from client import BUY, LIMIT, MARKET, SELL, STATUS, STOP, STOP_LIMIT, Client, Fill, Order
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
SYMBOL = "ESU4"
QUOTES, TRADES = "ESU4_2024-07-01_quotes.csv", "ESU4_2024-07-01_trades.csv"
RESOLUTION_NS = 1_000  # TransactTime(60) is cut to microseconds

CONFIG = """\
kind: BridgeConfig
name: esu4
data_dir: {directory}/var
outputs: off
listeners: {{fix: {{port: 0}}}}
sessions: [{{comp_id: STRATEGY, timestamp_digits: 6}}]
risk: {{profile: professional}}
instruments: {{files: [{directory}/esu4.csv]}}
marketdata:
  source: tape:TapedReplay
  options: {{files: [{quotes}, {trades}], tape: {directory}/tape.csv, speed: {speed}}}
---
kind: BrokerSpec
metadata: {{name: paper}}
broker: {{type: paper, account: PAPER}}
# One contract is worth 276,000, so a million would soon meet the limits on concentration.
paper: {{cash: 10000000}}
"""

# The contract expired in September 2024 and would be refused for it; without a date it lives on.
INSTRUMENT = """\
symbol,asset_class,security_type,currency,tick_size,lot_size,multiplier,sector,exchange,calendar,description
ESU4,future,FUT,USD,0.25,1,50,Equity Index,XCME,24/7,E-mini S&P 500 September 2024 as recorded
"""


@dataclass
class Tick:
    """One line of the tape."""

    at_ns: int
    kind: str
    values: tuple[str, ...]


class Tape:
    """What was published when."""

    def __init__(self, path: Path) -> None:
        self.ticks = [Tick(int(row[0]), row[1], tuple(row[2:])) for row in csv.reader(path.open())]
        self.times = [tick.at_ns for tick in self.ticks]

    def allowed(self, order: Order, fill: Fill) -> str:
        """By what the market allowed the fill; empty when it did not."""
        at_ns = transact_ns(fill.time)
        end = bisect.bisect_right(self.times, at_ns + RESOLUTION_NS)
        begin = bisect.bisect_left(self.times, at_ns - RESOLUTION_NS)
        # The quote in force just before, and every tick that is not distinguishable in time from the fill.
        before = next((tick for tick in reversed(self.ticks[:begin]) if tick.kind == "quote"), None)
        candidates = [*([before] if before else []), *self.ticks[begin:end]]
        for tick in candidates:
            if tick.kind == "quote":
                bid, bid_size, ask, ask_size = map(Decimal, tick.values)
                far, size = (ask, ask_size) if order.side == BUY else (bid, bid_size)
                if fill.px == far and fill.qty <= size:
                    return f"{'ask' if order.side == BUY else 'bid'} {size} at {far}"
                if resting(order, fill) and better(order.side, far, fill.px):
                    return f"{'ask' if order.side == BUY else 'bid'} came to {far}"
            elif resting(order, fill) and better(order.side, Decimal(tick.values[0]), fill.px):
                return f"trade printed at {tick.values[0]}"
        return ""


def resting(order: Order, fill: Fill) -> bool:
    """Whether the fill is at the order's own limit."""
    return order.ord_type in (LIMIT, STOP_LIMIT) and fill.px == order.price


def better(side: str, market: Decimal, px: Decimal) -> bool:
    """Whether the market is at `px` or better for somebody who does `side`."""
    return market <= px if side == BUY else market >= px


def transact_ns(text: str) -> int:
    """UTCTimestamp as UTC ns."""
    head, _, fraction = text.partition(".")
    seconds = int(datetime.strptime(head, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC).timestamp())
    return seconds * 1_000_000_000 + int(fraction.ljust(9, "0")[:9] or 0)


class Daemon:
    """A daemon of our own, playing the recording."""

    def __init__(self, data: Path, directory: Path, speed: float) -> None:
        config = directory / "esu4.yaml"
        config.write_text(CONFIG.format(directory=directory, quotes=data / QUOTES, trades=data / TRADES, speed=speed))
        (directory / "esu4.csv").write_text(INSTRUMENT)
        self.log = directory / "daemon.log"
        self._out = self.log.open("wb")
        command = [sys.executable, "-m", "bridge", "run", "--config", str(config)]
        environment = {"PYTHONPATH": f"{HERE}:{HERE.parent.parent}", "PATH": "/usr/bin:/bin"}
        self.process = subprocess.Popen(command, stdout=self._out, stderr=subprocess.STDOUT, env=environment)

    def port(self, within: float = 30.0) -> int:
        """Its FIX port, once the banner tells. Raises RuntimeError when it does not start."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(r"FIX 4\.4 .*?127\.0\.0\.1:(\d+)", self.log.read_text()):
                return int(found[1])
            time.sleep(0.05)
        raise RuntimeError(f"the daemon did not start:\n{self.log.read_text()}")

    def stop(self) -> int:
        """Drain it; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        finally:
            self._out.close()


def trade(client: Client, speed: float) -> list[Order]:
    """Every kind of order, in the order the recording makes them interesting. Gives them with what became of them."""
    began = time.monotonic()

    def until(recorded_second: float) -> None:
        time.sleep(max(0.0, began + recorded_second / speed - time.monotonic()))

    def enter(side: str, ord_type: str, price: str | None = None, stop_px: str | None = None) -> Order:
        order = client.enter(
            SYMBOL, side, 1, ord_type, price=price and Decimal(price), stop_px=stop_px and Decimal(stop_px)
        )
        client.wait(order, status="0")
        return order

    until(2)
    market = enter(BUY, MARKET)
    marketable = enter(BUY, LIMIT, price="5529.50")
    client.wait(marketable)
    # Below the market: one is cancelled, the other comes up to it by a replace.
    canceled = enter(BUY, LIMIT, price="5520.00")
    replaced = enter(BUY, LIMIT, price="5521.00")
    client.cancel(canceled)
    client.wait(canceled)
    client.replace(replaced, Decimal("5529.50"))
    client.wait_replaced(replaced)
    client.wait(replaced)
    # Above the market, which comes to it two minutes later, around midnight.
    resting_offer = enter(SELL, LIMIT, price="5529.00")
    client.wait(resting_offer, within=150 / speed)
    # Triggered by the next rise.
    stop = enter(BUY, STOP, stop_px="5529.25")
    stop_limit = enter(BUY, STOP_LIMIT, price="5529.75", stop_px="5529.25")
    client.wait(stop, within=120 / speed)
    client.wait(stop_limit, within=120 / speed)
    flat = enter(SELL, MARKET)
    client.wait(flat)
    return [market, marketable, canceled, replaced, resting_offer, stop, stop_limit, flat]


def report(orders: list[Order], tape: Tape) -> list[str]:
    """Print the table; gives what is wrong."""
    table = Table("order", "status", "filled at", "TransactTime(60)", "allowed by")
    faults = []
    for number, order in enumerate(orders, 1):
        wanted = "4" if number == 3 else "2"
        if order.status != wanted:
            status = STATUS.get(order.status, order.status)
            faults.append(f"{order}: {status}, expected {STATUS[wanted]} {order.text}{order.refusal}")
        rows = []
        for fill in order.fills:
            why = tape.allowed(order, fill)
            if not why:
                faults.append(f"{order}: {fill.qty} at {fill.px} at {fill.time} was not in the market")
            rows.append((f"{fill.qty} at {fill.px}", fill.time[9:], why or "[red]NOTHING[/red]"))
        for at, when, why in rows or [("", "", "")]:
            table.add_row(str(order), STATUS.get(order.status, order.status), at, when, why)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    if not orders[3].replaced:
        faults.append("the replace was not confirmed")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="directory of the recordings")
    parser.add_argument("--speed", type=float, default=8.0, help="factor on the recording's pace")
    arguments = parser.parse_args()
    missing = [name for name in (QUOTES, TRADES) if not (arguments.data / name).is_file()]
    if missing:
        print(f"{arguments.data} lacks {' and '.join(missing)}; name the directory that has them", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="esu4-") as name:
        directory = Path(name)
        daemon = Daemon(arguments.data.resolve(), directory, arguments.speed)
        try:
            client = Client(str(HERE / "client.cfg"), port=daemon.port(), directory=directory)
            try:
                client.start()
                orders = trade(client, arguments.speed)
            finally:
                client.stop()
            code = daemon.stop()
            faults = report(orders, Tape(directory / "tape.csv"))
            if code:
                faults.append(f"the daemon ended with {code}:\n{daemon.log.read_text()}")
        finally:
            daemon.process.kill()
            daemon.process.wait()
    for fault in faults:
        print(fault, file=sys.stderr)
    fills = sum(len(order.fills) for order in orders)
    print(f"{len(orders)} orders, {fills} fills, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
