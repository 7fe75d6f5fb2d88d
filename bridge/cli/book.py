"""The journal, folded: what the commands show without asking a daemon."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NoReturn

import msgspec

from bridge.cli.engine import answered
from bridge.cli.output import ExitCode, fail
from bridge.cli.remote import PAGE, Remote
from bridge.interfaces import JournalError
from bridge.journal.encoding import decode, order_state
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


def halts(found: Settings | Remote) -> list[dict[str, Any]]:
    """Every scope that is not active, with the entry that made it so, newest first."""
    if isinstance(found, Remote):
        with answered(found):
            return list(found.get("risk/states")["scopes"])
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


def executions(found: Settings | Remote) -> Iterator[dict[str, Any]]:
    """Every fill as a row, oldest first."""
    if isinstance(found, Remote):
        yield from _executed(found)
        return
    upto = released(found)
    book = Blotter()
    try:
        for entry in JournalReader(found.journal_dir).read(0, upto):
            order = book.apply(entry)
            if isinstance(entry.event, OrderFilled) and order is not None:
                yield _fill(entry.seq, entry.event, order)
    except JournalError as error:
        unreadable(error)


def _executed(found: Remote) -> list[dict[str, Any]]:
    """The same from a daemon elsewhere, which gives the newest first and does not tell what a fill cost."""
    with answered(found):
        items = list(found.items("executions", limit=PAGE))
    return [{**item, "qty": item["last_qty"], "px": item["last_px"]} for item in reversed(items)]


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


def orders(
    found: Settings | Remote, *, every: bool, account: str | None, symbol: str | None, session: str | None
) -> list[dict[str, Any]]:
    """Orders that match, oldest first: `every` one, or those that work."""
    if isinstance(found, Remote):
        asked = {"account": account, "symbol": symbol, "session": session, "status": "all" if every else "open"}
        with answered(found):
            return list(found.items("orders", limit=PAGE, **asked))[::-1]
    book = folded(found)
    wanted = [
        order
        for order in (book.orders() if every else book.open_orders())
        if (account is None or order.account == account)
        and (symbol is None or order.symbol == symbol)
        and (session is None or order.session_id == session)
    ]
    return [msgspec.to_builtins(order_state(order)) for order in sorted(wanted, key=lambda order: order.order_id)]


def order(found: Settings | Remote, order_id: int) -> dict[str, Any]:
    """One order as it stands; exits 1 when there is none."""
    if isinstance(found, Remote):
        with answered(found):
            return dict(found.get(f"orders/{order_id}"))
    known = folded(found).order(order_id)
    if known is None:
        fail(f"there is no order {order_id}")
    state: dict[str, Any] = msgspec.to_builtins(order_state(known))
    return state


def entries_of(found: Settings | Remote, order_id: int) -> Iterator[tuple[int, bytes]]:
    """The entries about one order, each as its number and its JSON."""
    if isinstance(found, Remote):
        with answered(found):
            for item in found.get(f"orders/{order_id}/entries")["items"]:
                yield item["seq"], msgspec.json.encode(item)
        return
    reader = JournalReader(found.journal_dir)
    try:
        for seq, record in reader.records(order_id - 1, released(found)):
            if seq == order_id or f'"order_id":{order_id}'.encode() in record:
                event = msgspec.json.decode(record)["event"]
                if seq == order_id or event.get("order_id") == order_id:
                    yield seq, record
    except JournalError as error:
        unreadable(error)
