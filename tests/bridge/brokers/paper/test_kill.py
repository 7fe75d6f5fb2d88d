"""A real kill -9 of a real process: everything it said is in its book."""

import subprocess
import sys
from pathlib import Path

from bridge.brokers.paper.book import FileBook
from bridge.brokers.paper.records import Accepted, Filled, Opened

ROOT = Path(__file__).parents[4]
CHILD = """
import asyncio, sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from bridge.brokers.paper import PaperBroker
from bridge.instruments import Instruments
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.market import Quote
from bridge.orders.order import Order
from bridge.orders.reports import Acknowledged, Executed
from fixspec.enums import OrdType, Side, TimeInForce
from sessions.clock import SystemClock

TIME = datetime(2024, 1, 2, tzinfo=UTC)

def say(report):
    if isinstance(report, Acknowledged):
        print("A", report.broker_client_id, flush=True)
    elif isinstance(report, Executed):
        print("F", report.broker_exec_id, flush=True)

async def main():
    clock, quotes = SystemClock(), QuoteBook()
    known = Instruments.starter(date(2024, 1, 2))
    broker = PaperBroker(quotes=quotes, clock=clock, instrument=known.get, directory=Path(sys.argv[1]))
    await broker.start(say)
    size = Decimal(10**9)
    quotes.publish(Quote("AAPL", Decimal("100.00"), size, Decimal("100.02"), size, TIME, clock.utc_ns()))
    number = 0
    while True:
        number += 1
        broker.submit(Order(
            order_id=number, session_id="S", cl_ord_id=f"C{number}", account="PAPER", symbol="AAPL",
            side=Side.BUY if number % 2 else Side.SELL, ord_type=OrdType.MARKET, time_in_force=TimeInForce.DAY,
            order_qty=Decimal(1), broker_client_id=f"f{number}", transact_time=TIME, received=TIME,
        ))
        await asyncio.sleep(0)

asyncio.run(main())
"""


def test_what_was_told_before_a_kill_is_in_the_book(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    said = [child.stdout.readline().split() for _ in range(2_000)]
    child.kill()
    said += [line.split() for line in child.communicate()[0].splitlines(keepends=True) if line.endswith("\n")]
    book = FileBook(tmp_path / "paper.book")
    records = list(book.read())
    book.close()
    name = next(record.book for record in records if isinstance(record, Opened))
    orders = {record.id for record in records if isinstance(record, Accepted)}
    fills = {f"{name}-{record.no}-{record.execution}" for record in records if isinstance(record, Filled)}
    assert {word for kind, word in said if kind == "A"} <= orders
    assert {word for kind, word in said if kind == "F"} <= fills
    assert len(said) >= 2_000
