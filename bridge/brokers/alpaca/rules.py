"""What Alpaca takes, as a table, and the check before anything is sent: the first reason found is the answer.

From Alpaca's documents (Orders at Alpaca, Fractional Trading, Crypto Trading): rules that depend on the account or the
market (buying power, wash trades, locates) are left to Alpaca, whose refusal is mapped by `answers`.
"""

from decimal import Decimal

import msgspec

from bridge.interfaces import Capabilities
from bridge.orders.order import Order, PendingReplace
from bridge.orders.reasons import ReasonCode, Rejection
from fixspec.enums import ExecInst, OrdType, Side, TimeInForce

EXTENDED = "EXT"
"""TradingSessionID(336) that asks for extended hours."""

CENT, SUBCENT, DOLLAR = Decimal("0.01"), Decimal("0.0001"), Decimal(1)
NANO = Decimal("0.000000001")
MIN_NOTIONAL = {False: Decimal(1), True: Decimal(10)}
"""Smallest CashOrderQty(152) in US dollars, by whether it is crypto."""

ORD_TYPES = frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT})
CRYPTO_TYPES = frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP_LIMIT})
TIMES = frozenset(
    {
        TimeInForce.DAY,
        TimeInForce.GOOD_TILL_CANCEL,
        TimeInForce.OPENING,
        TimeInForce.CLOSE,
        TimeInForce.IOC,
        TimeInForce.FOK,
    }
)
CRYPTO_TIMES = frozenset({TimeInForce.GOOD_TILL_CANCEL, TimeInForce.IOC})
AUCTIONS = frozenset({TimeInForce.OPENING, TimeInForce.CLOSE})
EXTENDED_TIMES = frozenset({TimeInForce.DAY, TimeInForce.GOOD_TILL_CANCEL})
SHORT_SALES = frozenset({Side.SELL_SHORT, Side.SELL_SHORT_EXEMPT})

CAPABILITIES = Capabilities(
    ord_types=ORD_TYPES,
    times_in_force=TIMES,
    replace=True,
    fractional=True,
    notional=True,
    short=True,
    extended_hours=True,
    exec_insts=frozenset({ExecInst.DO_NOT_INCREASE.wire.decode()}),
    notes=(
        "Prices: 2 decimals at 1.00 and above, 4 below",
        "Fractional OrderQty(38) and CashOrderQty(152): day orders, no short sales, no replace; at most 9 decimals",
        "TradingSessionID(336)=EXT: limit orders, day or GTC",
        "At the opening and the close: market and limit orders",
        "Crypto: market, limit and stop limit; GTC and IOC; from 10 USD; no short sales, no extended hours",
        "Replace: quantity, prices and time in force; not of fractional or notional orders, never the side or the type",
        "200 requests a minute and account, one order stream a key",
    ),
)


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One row of GET /v2/assets, as far as orders depend on it."""

    symbol: str
    crypto: bool
    name: str = ""
    exchange: str = ""
    tradable: bool = True
    shortable: bool = False
    easy_to_borrow: bool = False
    fractionable: bool = False
    min_qty: Decimal | None = None
    lot: Decimal | None = None
    tick: Decimal | None = None


def is_crypto(symbol: str) -> bool:
    """Crypto pairs are written with a slash, BTC/USD; shares never are."""
    return "/" in symbol


def check(order: Order, asset: Asset | None = None) -> Rejection | None:
    """A new order. `asset` None: its row is not known yet, and Alpaca judges what depends on it."""
    crypto = is_crypto(order.symbol)
    rejection = (
        _kind(order.ord_type, order.time_in_force, crypto)
        or _prices(order.price, order.stop_px, crypto)
        or _quantity(order, crypto)
        or _session(order, crypto)
    )
    if rejection is not None:
        return rejection
    if crypto and order.side in SHORT_SALES:
        return Rejection(ReasonCode.CAPABILITY, "crypto cannot be sold short at Alpaca")
    return None if asset is None else _by_asset(order, asset)


def check_replace(order: Order, wanted: PendingReplace) -> Rejection | None:
    """New terms for a working order."""
    if order.cash_order_qty is not None or order.order_qty is None:
        return Rejection(ReasonCode.NOT_CHANGEABLE, "Alpaca replaces no order by value (CashOrderQty 152)")
    if _fraction(order.order_qty) or _fraction(wanted.order_qty):
        return Rejection(ReasonCode.NOT_CHANGEABLE, "Alpaca replaces no fractional order")
    if wanted.ord_type is not order.ord_type or (wanted.side is Side.BUY) != (order.side is Side.BUY):
        return Rejection(ReasonCode.NOT_CHANGEABLE, "Alpaca replaces neither Side(54) nor OrdType(40)")
    crypto = is_crypto(order.symbol)
    return _kind(wanted.ord_type, wanted.time_in_force, crypto) or _prices(wanted.price, wanted.stop_px, crypto)


def _kind(ord_type: OrdType, time_in_force: TimeInForce, crypto: bool) -> Rejection | None:
    if ord_type not in (CRYPTO_TYPES if crypto else ORD_TYPES):
        return Rejection(ReasonCode.ORDTYPE, f"OrdType(40) {ord_type.value} is not taken{' for crypto' * crypto}")
    if time_in_force not in (CRYPTO_TIMES if crypto else TIMES):
        return Rejection(ReasonCode.TIF, f"TimeInForce(59) {time_in_force.value} is not taken{' for crypto' * crypto}")
    if time_in_force in AUCTIONS and ord_type not in {OrdType.MARKET, OrdType.LIMIT}:
        return Rejection(ReasonCode.ORDTYPE, f"OrdType(40) {ord_type.value} takes part in no auction")
    return None


def _prices(price: Decimal | None, stop_px: Decimal | None, crypto: bool) -> Rejection | None:
    for field, value in (("Price(44)", price), ("StopPx(99)", stop_px)):
        if value is None:
            continue
        increment = NANO if crypto else CENT if value >= DOLLAR else SUBCENT
        if value <= 0 or value % increment:
            text = f"{field} {value:f} is not a positive multiple of {increment:f}"
            return Rejection(ReasonCode.TICK_SIZE, text, limit=increment, value=value)
    return None


def _quantity(order: Order, crypto: bool) -> Rejection | None:
    value, qty = order.cash_order_qty, order.order_qty
    if value is not None:
        least = MIN_NOTIONAL[crypto]
        if value < least:
            text = f"CashOrderQty(152) {value:f} is below {least:f}"
            return Rejection(ReasonCode.MIN_QTY, text, limit=least, value=value)
        if value % CENT:
            return Rejection(ReasonCode.QTY_FORMAT, f"CashOrderQty(152) {value:f} has more than 2 decimals")
    elif qty is None or qty <= 0 or qty % NANO:
        return Rejection(ReasonCode.QTY_FORMAT, f"OrderQty(38) {qty} is not above zero with at most 9 decimals")
    if crypto or (value is None and not _fraction(qty)):
        return None
    what = "CashOrderQty(152)" if value is not None else "a fractional OrderQty(38)"
    if order.time_in_force is not TimeInForce.DAY:
        return Rejection(ReasonCode.TIF, f"{what} is taken for day orders only")
    if order.side in SHORT_SALES:
        return Rejection(ReasonCode.LOT_SIZE, f"{what} cannot be sold short")
    return None


def _session(order: Order, crypto: bool) -> Rejection | None:
    wanted = order.trading_session_id
    if wanted is None:
        return None
    if wanted != EXTENDED or crypto:
        return Rejection(
            ReasonCode.CAPABILITY, f"TradingSessionID(336) {wanted} is not offered{' for crypto' * crypto}"
        )
    if order.ord_type is not OrdType.LIMIT or order.time_in_force not in EXTENDED_TIMES:
        return Rejection(ReasonCode.ORDTYPE, "extended hours take limit orders, day or GTC, only")
    return None


def _by_asset(order: Order, asset: Asset) -> Rejection | None:
    if not asset.tradable:
        return Rejection(ReasonCode.SYMBOL_INACTIVE, f"{asset.symbol} is not tradable at Alpaca")
    if order.side in SHORT_SALES and not asset.shortable:
        return Rejection(ReasonCode.NO_LOCATE, f"{asset.symbol} cannot be sold short at Alpaca")
    qty = order.order_qty
    if not asset.crypto and not asset.fractionable and (order.cash_order_qty is not None or _fraction(qty)):
        return Rejection(ReasonCode.LOT_SIZE, f"{asset.symbol} is not fractionable at Alpaca")
    if qty is not None and asset.min_qty is not None and qty < asset.min_qty:
        text = f"OrderQty(38) {qty:f} is below the smallest of {asset.symbol}, {asset.min_qty:f}"
        return Rejection(ReasonCode.MIN_QTY, text, limit=asset.min_qty, value=qty)
    if qty is not None and asset.crypto and asset.lot and qty % asset.lot:
        text = f"OrderQty(38) {qty:f} is no multiple of {asset.lot:f}"
        return Rejection(ReasonCode.LOT_SIZE, text, limit=asset.lot, value=qty)
    if order.price is not None and asset.crypto and asset.tick and order.price % asset.tick:
        text = f"Price(44) {order.price:f} is no multiple of {asset.tick:f}"
        return Rejection(ReasonCode.TICK_SIZE, text, limit=asset.tick, value=order.price)
    return None


def _fraction(qty: Decimal | None) -> bool:
    return qty is not None and qty % 1 != 0
