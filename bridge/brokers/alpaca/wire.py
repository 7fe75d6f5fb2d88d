"""Alpaca's JSON ↔ our words. Numbers are decimal strings both ways; a binary float never comes near them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from bridge.brokers.alpaca.rules import EXTENDED, Asset
from bridge.orders.market import AssetClass, Instrument
from bridge.orders.order import Order, PendingReplace
from bridge.orders.reports import BrokerAccount, BrokerOrder, BrokerPosition
from fixspec.enums import OrdStatus, OrdType, Side, TimeInForce

Json = Mapping[str, Any]


class Unreadable(ValueError):
    """A body that is not what Alpaca documents; it counts as no answer."""


def json_object(body: Any) -> Json:
    """The body, if it is an object. Raises Unreadable."""
    if not isinstance(body, dict):
        raise Unreadable("not an object")
    return body


ORD_TYPE_WORDS = {
    OrdType.MARKET: "market",
    OrdType.LIMIT: "limit",
    OrdType.STOP: "stop",
    OrdType.STOP_LIMIT: "stop_limit",
}
ORD_TYPES = {word: kind for kind, word in ORD_TYPE_WORDS.items()} | {"trailing_stop": OrdType.STOP}
TIME_WORDS = {
    TimeInForce.DAY: "day",
    TimeInForce.GOOD_TILL_CANCEL: "gtc",
    TimeInForce.OPENING: "opg",
    TimeInForce.CLOSE: "cls",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
}
TIMES = {word: time for time, word in TIME_WORDS.items()}
SIDES = {"buy": Side.BUY, "sell": Side.SELL, "sell_short": Side.SELL_SHORT}

WORKING = frozenset(
    {
        "new",
        "partially_filled",
        "accepted",
        "accepted_for_bidding",
        "held",
        "pending_new",
        "pending_cancel",
        "pending_replace",
        "done_for_day",
        "stopped",
        "suspended",
        "calculated",
    }
)
ENDED = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
_STATUSES = {
    "new": OrdStatus.NEW,
    "partially_filled": OrdStatus.PARTIALLY_FILLED,
    "filled": OrdStatus.FILLED,
    "done_for_day": OrdStatus.DONE_FOR_DAY,
    "canceled": OrdStatus.CANCELED,
    "expired": OrdStatus.EXPIRED,
    "rejected": OrdStatus.REJECTED,
    "suspended": OrdStatus.SUSPENDED,
    "stopped": OrdStatus.STOPPED,
    "calculated": OrdStatus.CALCULATED,
    "pending_cancel": OrdStatus.PENDING_CANCEL,
    "pending_replace": OrdStatus.PENDING_REPLACE,
}


def text(value: Decimal) -> str:
    """A decimal as Alpaca wants it: never in exponent form, no trailing zeros after the point."""
    plain = format(value, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def new_order(order: Order) -> dict[str, Any]:
    """The body of POST /v2/orders."""
    body: dict[str, Any] = {
        "client_order_id": order.broker_client_id,
        "symbol": order.symbol,
        "side": "buy" if order.side is Side.BUY else "sell",
        "type": ORD_TYPE_WORDS[order.ord_type],
        "time_in_force": TIME_WORDS[order.time_in_force],
    }
    if order.cash_order_qty is not None:
        body["notional"] = text(order.cash_order_qty)
    elif order.order_qty is not None:
        body["qty"] = text(order.order_qty)
    if order.price is not None:
        body["limit_price"] = text(order.price)
    if order.stop_px is not None:
        body["stop_price"] = text(order.stop_px)
    if order.trading_session_id == EXTENDED:
        body["extended_hours"] = True
    return body


def replacement(order: Order, wanted: PendingReplace) -> dict[str, Any]:
    """The body of PATCH /v2/orders/{id}: what changes, under the request's own id.

    `qty` is the total of the chain, filled shares included, as OrderQty(38) of a replace is.
    """
    body: dict[str, Any] = {"client_order_id": wanted.broker_client_id}
    if wanted.order_qty != order.order_qty:
        body["qty"] = text(wanted.order_qty)
    if wanted.price is not None and wanted.price != order.price:
        body["limit_price"] = text(wanted.price)
    if wanted.stop_px is not None and wanted.stop_px != order.stop_px:
        body["stop_price"] = text(wanted.stop_px)
    if wanted.time_in_force is not order.time_in_force:
        body["time_in_force"] = TIME_WORDS[wanted.time_in_force]
    return body


def decimal(body: Json, key: str) -> Decimal:
    """A required number. Raises Unreadable."""
    found = optional(body, key)
    if found is None:
        raise Unreadable(f"{key} is missing")
    return found


def optional(body: Json, key: str) -> Decimal | None:
    """A number that may be null or absent. Raises Unreadable."""
    value = body.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal | float):
        raise Unreadable(f"{key}: {value!r} is no number")
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise Unreadable(f"{key}: {value!r} is no number") from None
    if not found.is_finite():
        raise Unreadable(f"{key}: {value!r} is no number")
    return found


def word(body: Json, key: str) -> str:
    """A required, non-empty text. Raises Unreadable."""
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{key} is missing")
    return value


def moment(value: Any) -> datetime | None:
    """RFC 3339 with nanoseconds, cut to microseconds; None for null. Raises Unreadable."""
    if value is None or value == "":
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Unreadable(f"{value!r} is no time") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def side(body: Json) -> Side:
    """Side(54). Raises Unreadable."""
    found = SIDES.get(body.get("side") or "")
    if found is None:
        raise Unreadable(f"side: {body.get('side')!r}")
    return found


def listed(body: Json, account: str, client_id: str | None, cum_qty: Decimal) -> BrokerOrder:
    """An order as the broker states it. `cum_qty` is that of the whole replace chain. Raises Unreadable."""
    status = word(body, "status")
    filled = decimal(body, "filled_qty")
    kind = ORD_TYPES.get(body.get("type") or body.get("order_type") or "", OrdType.MARKET)
    price, stop_px = optional(body, "limit_price"), optional(body, "stop_price")
    found = _STATUSES.get(status, OrdStatus.NEW)
    if found is OrdStatus.NEW and cum_qty:
        found = OrdStatus.PARTIALLY_FILLED
    return BrokerOrder(
        broker_client_id=client_id,
        broker_order_id=word(body, "id"),
        account=account,
        symbol=word(body, "symbol"),
        side=side(body),
        ord_type=kind,
        time_in_force=TIMES.get(body.get("time_in_force") or "", TimeInForce.DAY),
        order_qty=_order_qty(body, status, filled, price),
        price=price,
        stop_px=stop_px,
        cum_qty=cum_qty,
        avg_px=optional(body, "filled_avg_price"),
        ord_status=found,
    )


def _order_qty(body: Json, status: str, filled: Decimal, price: Decimal | None) -> Decimal:
    qty = optional(body, "qty")
    if qty is not None:
        return qty
    if status in ENDED:
        return filled
    # An order by value that still works has no quantity yet. The most it can come to is counted: at its limit, else
    # as if a unit cost a dollar.
    return filled + decimal(body, "notional") / (price or Decimal(1))


def position(row: Json, account: str, symbol: str) -> BrokerPosition:
    """One position; short ones are negative. Raises Unreadable."""
    qty = decimal(row, "qty")
    if row.get("side") == "short" and qty > 0:
        qty = -qty
    return BrokerPosition(
        account=account,
        symbol=symbol,
        qty=qty,
        avg_px=optional(row, "avg_entry_price"),
        mark=optional(row, "current_price"),
    )


def statement(body: Json, account: str, taken_ns: int) -> BrokerAccount:
    """The account. Raises Unreadable."""
    multiplier = optional(body, "multiplier") or Decimal(1)
    return BrokerAccount(
        account=account,
        currency=body.get("currency") or "USD",
        cash=decimal(body, "cash"),
        equity=decimal(body, "equity"),
        buying_power=decimal(body, "buying_power"),
        taken_ns=taken_ns,
        margin_account=multiplier > 1,
        shorting_allowed=bool(body.get("shorting_enabled")),
    )


def asset(row: Json) -> Asset:
    """One row of /v2/assets. Raises Unreadable."""
    return Asset(
        symbol=word(row, "symbol"),
        crypto=row.get("class") == "crypto",
        name=row.get("name") or "",
        exchange=row.get("exchange") or "",
        tradable=bool(row.get("tradable")) and row.get("status", "active") == "active",
        shortable=bool(row.get("shortable")),
        easy_to_borrow=bool(row.get("easy_to_borrow")),
        fractionable=bool(row.get("fractionable")),
        min_qty=optional(row, "min_order_size"),
        lot=optional(row, "min_trade_increment"),
        tick=optional(row, "price_increment"),
    )


def instrument(found: Asset) -> Instrument:
    """An asset as a row of the symbol master. Shares: ticks of a cent, whole units."""
    return Instrument(
        symbol=found.symbol,
        asset_class=AssetClass.CRYPTO if found.crypto else AssetClass.EQUITY,
        security_type="FOR" if found.crypto else "CS",
        currency=found.symbol.rpartition("/")[2] if found.crypto else "USD",
        tick_size=found.tick or Decimal("0.01"),
        lot_size=found.lot or (Decimal("0.000000001") if found.crypto else Decimal(1)),
        exchange=found.exchange or None,
        calendar="24/7" if found.crypto else "XNYS",
        description=found.name or None,
        min_qty=found.min_qty,
        active=found.tradable,
        shortable=found.shortable,
    )
