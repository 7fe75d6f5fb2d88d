"""What the codec costs per message, and simplefix beside it.

`python bench/codec.py [--json]`: median of nine repeats, microseconds per message, one thread. Run it on a quiet
machine and compare only figures of one run.
"""

import json
import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter_ns

import simplefix

from fixspec.codec import Decoder, Encoder, decode, restamp
from fixspec.enums import ExecType, HandlInst, OrdStatus, OrdType, PartyRole, Side, TimeInForce
from fixspec.fields import utc_timestamp, utc_timestamp_ns
from fixspec.framing import Framer
from fixspec.messages import ExecutionReport, NewOrderSingle, Party

REPEATS = 9
NOW = datetime(2026, 3, 2, 14, 30, 0, 250000, tzinfo=UTC)
SENT = utc_timestamp(NOW)
ORDER = NewOrderSingle(
    cl_ord_id="L6541a2b3f-000012345",
    account="ACC1",
    handl_inst=HandlInst.AUTOMATED_EXECUTION_NO_INTERVENTION,
    symbol="AAPL",
    side=Side.BUY,
    transact_time=NOW,
    order_qty=Decimal(100),
    ord_type=OrdType.LIMIT,
    price=Decimal("187.25"),
    currency="USD",
    time_in_force=TimeInForce.DAY,
    text="morning list",
)
WITH_PARTIES = NewOrderSingle(
    cl_ord_id="L6541a2b3f-000012345",
    parties=(
        Party(party_id="CLIENT7", party_role=PartyRole.CLIENT_ID),
        Party(party_id="TRADER3", party_role=PartyRole.ORDER_ORIGINATION_TRADER),
    ),
    symbol="AAPL",
    side=Side.BUY,
    transact_time=NOW,
    order_qty=Decimal(100),
    ord_type=OrdType.LIMIT,
    price=Decimal("187.25"),
)
REPORT = ExecutionReport(
    order_id="12345",
    cl_ord_id="L6541a2b3f-000012345",
    exec_id="E000024690",
    exec_type=ExecType.TRADE,
    ord_status=OrdStatus.PARTIALLY_FILLED,
    account="ACC1",
    symbol="AAPL",
    security_exchange="XNAS",
    side=Side.BUY,
    order_qty=Decimal(100),
    ord_type=OrdType.LIMIT,
    price=Decimal("187.25"),
    time_in_force=TimeInForce.DAY,
    last_qty=Decimal(40),
    last_px=Decimal("187.24"),
    leaves_qty=Decimal(60),
    cum_qty=Decimal(40),
    avg_px=Decimal("187.24"),
    transact_time=NOW,
)


def microseconds(act: Callable[[], object], count: int) -> float:
    """The median time of one call."""
    for _ in range(32):
        act()
    times = []
    for _ in range(REPEATS):
        began = perf_counter_ns()
        for _ in range(count):
            act()
        times.append((perf_counter_ns() - began) / count / 1000)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    encoder = Encoder("CLIENT", "BRIDGE")
    order = encoder.encode(ORDER, 12345, SENT)
    parties = encoder.encode(WITH_PARTIES, 12345, SENT)
    report = encoder.encode(REPORT, 12345, SENT)
    exact = Decoder(learn=False)
    parser = simplefix.FixParser()
    framer = Framer()

    def parse() -> object:
        parser.append_buffer(order)
        return parser.get_message()

    def cut() -> object:
        framer.feed(order)
        return framer.next_frame()

    pairs = parse().pairs  # type: ignore[attr-defined]

    def build() -> object:
        message = simplefix.FixMessage()
        for tag, value in pairs[:1] + pairs[2:-1]:
            message.append_pair(tag, value)
        return message.encode()

    rows: list[tuple[str, Callable[[], object], int]] = [
        (f"frame a NewOrderSingle of {order.count(1)} fields", cut, 20000),
        ("decode and validate it", lambda: decode(order), 20000),
        ("the same, tags in an order not seen before", lambda: exact.decode(order), 3000),
        ("decode and validate one with two parties", lambda: decode(parties), 20000),
        (f"decode and validate an ExecutionReport of {report.count(1)} fields", lambda: decode(report), 20000),
        ("encode the ExecutionReport", lambda: encoder.encode(REPORT, 12345, SENT), 20000),
        ("encode the NewOrderSingle", lambda: encoder.encode(ORDER, 12345, SENT), 20000),
        ("restamp the ExecutionReport for a resend", lambda: restamp(report, SENT), 20000),
        ("UTCTimestamp from nanoseconds", lambda: utc_timestamp_ns(1_772_461_800_250_123_456), 20000),
        ("simplefix: frame and split the NewOrderSingle, nothing validated", parse, 2000),
        ("simplefix: build and encode the NewOrderSingle from bytes", build, 2000),
    ]
    results = {name: round(microseconds(act, count), 2) for name, act, count in rows}
    if "--json" in sys.argv:
        print(json.dumps(results, indent=1))
        return
    print(f"Python {sys.version.split()[0]}, microseconds per message")
    for name, value in results.items():
        print(f"{value:9.2f}  {name}")


if __name__ == "__main__":
    main()
