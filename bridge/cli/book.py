"""The journal, folded: what the commands show without asking a daemon."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NoReturn

import msgspec

from bridge.cli.output import ExitCode, fail
from bridge.interfaces import JournalError
from bridge.journal.encoding import decode
from bridge.journal.errors import JournalDamaged
from bridge.journal.head import HeadReader
from bridge.journal.reader import JournalReader
from bridge.journal.state import blotter_at
from bridge.orders.blotter import Blotter
from bridge.orders.events import OrderFilled, Scope, TradingHalted, TradingResumed
from bridge.orders.order import Order
from bridge.settings import Settings

_STATES = (TradingHalted, TradingResumed)


def unreadable(error: JournalError) -> NoReturn:
    """Say what is wrong with the journal: exit 3 when it is damaged, else 1 (DURABILITY.md section 3)."""
    fail(str(error), ExitCode.REFUSED if isinstance(error, JournalDamaged) else ExitCode.ERROR)


def released(found: Settings) -> int:
    """The last entry that may be shown: what the gate has released. Exits when there is no journal."""
    try:
        head = HeadReader(found.journal_dir / "head")
    except OSError as error:
        fail(f"no journal in {found.journal_dir}: {error.strerror}; name the data directory with --data-dir")
    try:
        return head.seq
    finally:
        head.close()


def folded(found: Settings) -> Blotter:
    """All orders and positions as of the last released entry."""
    try:
        return blotter_at(found.journal_dir, released(found))
    except JournalError as error:
        unreadable(error)


def halts(found: Settings) -> list[dict[str, Any]]:
    """Every scope that is not active, with the entry that made it so, newest first."""
    book = folded(found)
    since: dict[tuple[Scope, str], tuple[int, datetime, TradingHalted | TradingResumed]] = {}
    if book.states():
        for seq, record in JournalReader(found.journal_dir).records(0, book.seq):
            if b'"trading_' in record and isinstance(event := (entry := decode(record)).event, _STATES):
                since[event.scope, event.name] = (seq, entry.time, event)
    rows = []
    for (scope, name), halt in book.states().items():
        seq, time, event = since[scope, name]
        rows.append(
            {
                "scope": scope,
                "name": name,
                "state": book.state(scope, name),
                "time": time,
                "seq": seq,
                "who": event.who,
                "reason": event.reason,
                "kill": halt.kill_epoch > 0,
            }
        )
    return sorted(rows, key=lambda row: -row["seq"])


def executions(found: Settings) -> Iterator[dict[str, Any]]:
    """Every fill as a row, oldest first."""
    upto = released(found)
    book = Blotter()
    try:
        for entry in JournalReader(found.journal_dir).read(0, upto):
            order = book.apply(entry)
            if isinstance(entry.event, OrderFilled) and order is not None:
                yield _fill(entry.seq, entry.event, order)
    except JournalError as error:
        unreadable(error)


def _fill(seq: int, event: OrderFilled, order: Order) -> dict[str, Any]:
    return {
        "seq": seq,
        "time": event.transact_time,
        "order_id": order.order_id,
        "cl_ord_id": order.cl_ord_id,
        "account": order.account,
        "symbol": order.symbol,
        "side": order.side,
        "qty": event.last_qty,
        "px": event.last_px,
        "cost_bp": event.cost.slippage_bps if event.cost else None,
        "broker": order.broker,
        "exec_id": event.exec_id,
    }


def entries_of(found: Settings, order_id: int) -> Iterator[tuple[int, bytes]]:
    """The entries about one order, each as its number and its JSON."""
    reader = JournalReader(found.journal_dir)
    try:
        for seq, record in reader.records(order_id - 1, released(found)):
            if seq == order_id or f'"order_id":{order_id}'.encode() in record:
                event = msgspec.json.decode(record)["event"]
                if seq == order_id or event.get("order_id") == order_id:
                    yield seq, record
    except JournalError as error:
        unreadable(error)
