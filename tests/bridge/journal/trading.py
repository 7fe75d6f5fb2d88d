"""A journal of plausible trading, for tests that fold it."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from bridge.journal.file import FileJournal
from bridge.orders.events import (
    AnyEvent,
    Cost,
    Entry,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderReceived,
    OrderRejected,
    OrderRouted,
    Timing,
    TradingHalted,
)
from bridge.orders.events import Scope as HaltScope
from fixspec.enums import OrdRejReason, OrdType, Side
from sessions.clock import ManualClock
from tests.bridge.journal.stand import T0

SYMBOLS = ["AAPL", "MSFT", "BTC/USD", "EUR/USD", "ESU4"]


def order_events(order_id: int, number: int) -> Iterator[list[AnyEvent]]:
    """The batches of one order's life; every kind of end comes round."""
    symbol = SYMBOLS[number % len(SYMBOLS)]
    qty = Decimal(100) if number % 4 else Decimal("0.0000001")
    at = T0 + timedelta(seconds=number)
    received = OrderReceived(
        order_id=order_id,
        session_id="ALPHA1",
        msg_seq_num=number + 2,
        cl_ord_id=f"A-{number}",
        account=f"ACC{number % 2 + 1}",
        symbol=symbol,
        side=Side.SELL if number % 3 == 0 else Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=qty,
        price=Decimal("187.25"),
        transact_time=at,
        strategy=f"S{number % 3}",
        text='a "quoted", comma-ridden text\nin two lines' if number % 7 == 0 else None,
    )
    if number % 5 == 4:
        yield [
            received,
            OrderRejected(
                order_id=order_id,
                code="MAX_QTY",
                ord_rej_reason=OrdRejReason.ORDER_EXCEEDS_LIMIT,
                text="OrderQty(38) 100 over 50",
                rule="R03",
            ),
        ]
        return
    routed = OrderRouted(
        order_id=order_id, broker="paper", broker_client_id=f"f{number:020}", timing=Timing(risk_us=12)
    )
    yield [received, routed]
    yield [OrderAccepted(order_id=order_id, broker_order_id=f"b-{number}", transact_time=at)]
    half = qty / 2
    for part in range(1 if number % 5 == 3 else 2):
        yield [
            OrderFilled(
                order_id=order_id,
                exec_id=f"T{number}.{part}",
                broker_exec_id=f"x-{number}-{part}",
                last_qty=half,
                last_px=Decimal("187.2") + part,
                transact_time=at,
                cost=Cost(arrival_mid=Decimal("187.23"), slippage_bps=Decimal("1.07")),
            )
        ]
    if number % 5 == 3:
        yield [OrderCanceled(order_id=order_id, text="end of test", transact_time=at)]


def day_of_trading(directory: Path, orders: int, mode: str = "write", **options) -> int:
    """Trade so many orders, close the journal cleanly, tell the last `seq`."""
    clock = ManualClock(int(T0.timestamp()) * 10**9)
    journal = FileJournal(directory, mode="write", clock=clock, **options)
    for number in range(orders):
        clock.advance(1)
        order_id = journal.next_seq
        for events in order_events(order_id, number):
            at = T0 + timedelta(seconds=number)
            first = journal.next_seq
            journal.append([Entry(first + i, at, event) for i, event in enumerate(events)])
        if number % 20 == 19:
            halted = TradingHalted(scope=HaltScope.SYMBOL, name="AAPL", who="desk", reason="test")
            journal.append([Entry(journal.next_seq, T0 + timedelta(seconds=number), halted)])
    journal.close()
    return journal.next_seq - 1
