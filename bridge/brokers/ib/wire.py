"""IB's words and ours: numbers, sides, order types, times in force, contracts' symbols. Pure.

IB sends an unset number as the largest there is, and prices as text; ib_async makes binary floats of them. Here a
number is a Decimal of the text that was sent, or None when it was not set.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bridge.orders.order import Order, PendingReplace
from fixspec.enums import ExecInst, LastLiquidityInd, OrdStatus, OrdType, Side, TimeInForce

UNSET = Decimal("1E300")
"""IB's unset doubles are 1.7976931348623157E308; nothing real is near."""
UNSET_INT = 2_147_483_647
MARK = "EXT"
"""TradingSessionID(336) that asks for trading outside regular hours."""

ORD_TYPES = {OrdType.MARKET: "MKT", OrdType.LIMIT: "LMT", OrdType.STOP: "STP", OrdType.STOP_LIMIT: "STP LMT"}
AT_CLOSE = {OrdType.MARKET: "MOC", OrdType.LIMIT: "LOC"}
_ORD_TYPES = {theirs: ours for ours, theirs in (*ORD_TYPES.items(), *AT_CLOSE.items())}
TIMES = {
    TimeInForce.DAY: "DAY",
    TimeInForce.GOOD_TILL_CANCEL: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.GTD: "GTD",
    TimeInForce.OPENING: "OPG",
}
_TIMES = {theirs: ours for ours, theirs in TIMES.items()}
LIQUIDITY = {
    1: LastLiquidityInd.ADDED_LIQUIDITY,
    2: LastLiquidityInd.REMOVED_LIQUIDITY,
    3: LastLiquidityInd.LIQUIDITY_ROUTED_OUT,
}
STATES = {
    "ApiPending": OrdStatus.PENDING_NEW,
    "PendingSubmit": OrdStatus.PENDING_NEW,
    "PreSubmitted": OrdStatus.NEW,
    "Submitted": OrdStatus.NEW,
    "PendingCancel": OrdStatus.NEW,
    "Filled": OrdStatus.FILLED,
    "Cancelled": OrdStatus.CANCELED,
    "ApiCancelled": OrdStatus.CANCELED,
    "Inactive": OrdStatus.SUSPENDED,
}


class Terms(msgspec.Struct, frozen=True):
    """What an order works at."""

    qty: Decimal
    price: Decimal | None
    stop_px: Decimal | None
    tif: str


def number(value: Any) -> Decimal | None:
    """A number as it was sent, None when unset or no number."""
    if value is None or value == "":
        return None
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    return exact if exact.is_finite() and -UNSET < exact < UNSET else None


def text(value: Decimal | None) -> str:
    """A number as IB takes it: never with an exponent, empty when there is none."""
    return "" if value is None else f"{value:f}"


def quantity(value: Any) -> Decimal:
    """A quantity; unset is none."""
    return number(value) or Decimal(0)


def action(side: Side) -> str:
    """BUY or SELL. A short sale is a plain SELL here: SSHORT is for institutions."""
    return "BUY" if side in {Side.BUY, Side.BUY_MINUS} else "SELL"


def side_of(word: str) -> Side:
    """BUY and BOT, SELL, SLD and SSHORT."""
    return Side.BUY if word.upper() in {"BUY", "BOT"} else Side.SELL


def order_words(ord_type: OrdType, tif: TimeInForce) -> tuple[str, str]:
    """orderType and tif: an order for the close is a type of its own at IB. KeyError for what IB does not have."""
    if tif is TimeInForce.CLOSE:
        return AT_CLOSE[ord_type], "DAY"
    return ORD_TYPES[ord_type], TIMES[tif]


def ord_type_of(word: str) -> OrdType:
    """Types we do not know (trailing, pegged: made by hand in TWS) are counted as market orders by risk."""
    return _ORD_TYPES.get(word, OrdType.MARKET)


def tif_of(order_type: str, tif: str) -> TimeInForce:
    """DAY when IB names none."""
    if order_type in AT_CLOSE.values():
        return TimeInForce.CLOSE
    return _TIMES.get(tif, TimeInForce.DAY)


def terms(order: Order | PendingReplace) -> Terms:
    """The terms that an order, or its pending replace, asks for."""
    assert order.order_qty is not None
    return Terms(order.order_qty, order.price, order.stop_px, order_words(order.ord_type, order.time_in_force)[1])


def terms_of(order: Any) -> Terms:
    """The terms of an order as IB states it; prices only where its type has them."""
    kind = order.orderType
    price = number(order.lmtPrice) if kind in {"LMT", "STP LMT", "LOC"} else None
    stop = number(order.auxPrice) if kind in {"STP", "STP LMT"} else None
    return Terms(quantity(order.totalQuantity), price, stop, order.tif or "DAY")


def good_till(expire_date: date | None, expire_time: datetime | None) -> str:
    """goodTillDate in IB's UTC form; a date ends with that day in UTC."""
    if expire_time is not None:
        return f"{expire_time.astimezone(UTC):%Y%m%d-%H:%M:%S}"
    return "" if expire_date is None else f"{expire_date:%Y%m%d}-23:59:59"


def fill(ib_order: Any, order: Order, now: Order | PendingReplace, account: str) -> Any:
    """Every field of an IB order that we mean, in `ib_order`. All that TWS presets could rewrite is set explicitly."""
    ib_order.action = action(now.side)
    ib_order.orderType, ib_order.tif = order_words(now.ord_type, now.time_in_force)
    ib_order.totalQuantity = text(now.order_qty)
    ib_order.lmtPrice = text(now.price)
    ib_order.auxPrice = text(now.stop_px)
    ib_order.account = account
    ib_order.orderRef = order.broker_client_id
    ib_order.outsideRth = order.trading_session_id == MARK
    ib_order.transmit = True
    ib_order.allOrNone = ExecInst.ALL_OR_NONE in now.exec_inst
    if now.time_in_force is TimeInForce.GTD:
        ib_order.goodTillDate = good_till(now.expire_date, now.expire_time)
    if order.min_qty is not None:
        ib_order.minQty = int(order.min_qty)
    if order.max_floor is not None:
        ib_order.displaySize = int(order.max_floor)
    return ib_order


def revision(exec_id: str) -> tuple[str, int]:
    """`0000e0d5.65a3b1c2.01.02` → root and revision: the last group counts corrections from 01."""
    root, dot, last = exec_id.rpartition(".")
    if not dot or not last.isdigit():
        return exec_id, 0
    return root, max(0, int(last) - 1)


def symbol_of(contract: Any) -> str:
    """Our usual name of an IB contract: BRK.B, ESU4, EUR/USD, the OSI name of an option without its blanks."""
    kind = contract.secType
    if kind in {"CASH", "CRYPTO"}:
        return f"{contract.symbol}/{contract.currency}"
    if kind == "STK":
        return str(contract.symbol).replace(" ", ".")
    return str(contract.localSymbol or contract.symbol).replace(" ", "")


def with_zone(stamp: str, fallback: str) -> str:
    """A time of IB's in a form the library reads right: `YYYYMMDD HH:MM:SS Zone`, or seconds since 1970.

    `YYYYMMDD-HH:MM:SS` is UTC by IB's rules; a time without a zone, or with one that nobody knows, is `fallback`'s.
    """
    if stamp.isdigit():
        return stamp
    if stamp[8:9] == "-":
        return f"{stamp[:8]} {stamp[9:]} UTC"
    parts = stamp.split()
    zone = parts[2] if len(parts) > 2 else fallback
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = fallback
    return f"{parts[0]} {parts[1]} {zone}"
