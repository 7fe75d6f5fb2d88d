"""Entries as JSON, and back: one shape for the journal, MQTT, REST and WebSocket (OUTPUTS.md section 0).

Quantities and prices are strings and never in exponent form. `str(Decimal)` prints `1E-7` for 0.0000001, and that is
what msgspec writes. Such values are rare, so the common path encodes once and looks behind each `E` for the sign with
which an exponent begins; the rare path looks at each field, so that text which merely looks like a number (a
ClOrdID(11) of "1E-7") stays as it is.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from bridge.interfaces import JournalError
from bridge.orders.events import Arrival, Entry, Mode, Request
from bridge.orders.order import Order
from fixspec.enums import ExecInst, OrdStatus, OrdType, SecurityType, Side, TimeInForce

_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder(Entry).decode
_E = ord("E")
_SIGNS = frozenset(b"+-")
_EXPONENT = re.compile(rb'"-?\d+(?:\.\d+)?E[+-]\d+"')


class OrderState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order as the outside sees it: its terms and, by FIX's rules, OrdStatus(39), LeavesQty(151) and AvgPx(6)."""

    order_id: int
    session_id: str
    cl_ord_id: str
    orig_cl_ord_id: str | None = None
    account: str
    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    order_qty: Decimal | None = None
    cash_order_qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    expire_date: date | None = None
    expire_time: datetime | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    min_qty: Decimal | None = None
    max_floor: Decimal | None = None
    security_type: SecurityType | None = None
    currency: str | None = None
    strategy: str | None = None
    broker: str = ""
    broker_client_id: str | None = None
    broker_order_id: str | None = None
    transact_time: datetime
    received: datetime
    external: bool = False
    held: bool = False
    mode: Mode = Mode.PAPER
    unknown: Request | None = None  # the request whose outcome nobody has told yet
    pending_cancel: str | None = None  # ClOrdID(11) of the cancel that waits for its answer
    pending_replace: str | None = None  # ClOrdID(11) of the replace that waits for its answer
    commission: Decimal = Decimal(0)
    arrival: Arrival | None = None
    ord_status: OrdStatus
    cum_qty: Decimal
    leaves_qty: Decimal
    avg_px: Decimal
    last_seq: int


def order_state(order: Order) -> OrderState:
    """What is told about `order` on every channel."""
    cancel, pending = order.pending_cancel, order.pending_replace
    return OrderState(
        order_id=order.order_id,
        session_id=order.session_id,
        cl_ord_id=order.cl_ord_id,
        orig_cl_ord_id=order.orig_cl_ord_id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        ord_type=order.ord_type,
        time_in_force=order.time_in_force,
        order_qty=order.order_qty,
        cash_order_qty=order.cash_order_qty,
        price=order.price,
        stop_px=order.stop_px,
        expire_date=order.expire_date,
        expire_time=order.expire_time,
        exec_inst=order.exec_inst,
        min_qty=order.min_qty,
        max_floor=order.max_floor,
        security_type=order.security_type,
        currency=order.currency,
        strategy=order.strategy,
        broker=order.broker,
        broker_client_id=order.broker_client_id,
        broker_order_id=order.broker_order_id,
        transact_time=order.transact_time,
        received=order.received,
        external=order.external,
        held=order.held,
        mode=order.mode,
        unknown=order.unknown,
        pending_cancel=None if cancel is None else cancel.cl_ord_id,
        pending_replace=None if pending is None else pending.cl_ord_id,
        commission=order.commission,
        arrival=order.arrival,
        ord_status=order.ord_status,
        cum_qty=order.cum_qty,
        leaves_qty=order.leaves_qty,
        avg_px=order.avg_px,
        last_seq=order.last_seq,
    )


def to_json(value: Any) -> bytes:
    """Any Struct, list or dict of ours as one line of JSON in which no Decimal is in exponent form."""
    raw = _to_json(value)
    if _E in raw and _has_exponent(raw):
        return _to_json(_written_out(msgspec.to_builtins(value, builtin_types=(Decimal,))))
    return raw


def _has_exponent(raw: bytes) -> bool:
    at = raw.find(_E)
    while at >= 0:
        if raw[at + 1] in _SIGNS:  # something always follows: a quote at least
            return _EXPONENT.search(raw) is not None
        at = raw.find(_E, at + 1)
    return False


def _written_out(value: Any) -> Any:
    """`value` with every Decimal as a string of plain digits; strings are left alone."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {key: _written_out(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written_out(item) for item in value]
    return value


def encode(entry: Entry) -> bytes:
    """`entry` as the JSON of its journal record: one line, no newline at its end."""
    raw = _to_json(entry)
    # A byte as a number is found by memchr; as a piece of bytes it is ten times slower, a pair of them thirty.
    if _E in raw and _has_exponent(raw):
        return to_json(entry)
    return raw


def decode(raw: bytes | memoryview) -> Entry:
    """The entry of a journal record. Fields that this version does not know are ignored.

    Raises JournalError for JSON that is no entry, a kind of event from a later version included.
    """
    try:
        return _from_json(raw)
    except msgspec.DecodeError as error:
        raise JournalError(f"not an entry this version can read: {error}; {bytes(raw[:200])!r}") from error


def outward(entry: Entry, order: Order | None) -> bytes:
    """The entry as MQTT, REST and WebSocket carry it: the journal's JSON plus `order`, the order's state after it."""
    return outward_of(encode(entry), order)


def outward_of(record: bytes, order: Order | None) -> bytes:
    """`outward` for an entry whose journal JSON is at hand."""
    if order is None:
        return record
    return record[:-1] + b',"order":' + to_json(order_state(order)) + b"}"
