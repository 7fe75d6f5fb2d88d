"""Is an order acceptable at the paper exchange? Checked once, on entry; the first reason found is the answer."""

from decimal import Decimal

from bridge.brokers.paper.ledger import Account
from bridge.brokers.paper.market import Market
from bridge.orders.market import Instrument
from bridge.orders.reasons import ReasonCode, Rejection
from fixspec.enums import OrdType, Side, TimeInForce

ORD_TYPES = frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT})
TIMES_IN_FORCE = frozenset(
    {TimeInForce.DAY, TimeInForce.GOOD_TILL_CANCEL, TimeInForce.IOC, TimeInForce.FOK},
)
SIDES = frozenset({Side.BUY, Side.SELL, Side.SELL_SHORT, Side.SELL_SHORT_EXEMPT})
PRICED = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})
STOPPED = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})


def terms(
    instrument: Instrument,
    ord_type: OrdType,
    time_in_force: TimeInForce,
    qty: Decimal | None,
    price: Decimal | None,
    stop_px: Decimal | None,
) -> Rejection | None:
    """The order's own terms: type, time in force, quantity on the lot, prices on the tick."""
    if ord_type not in ORD_TYPES:
        return Rejection(ReasonCode.ORDTYPE, f"OrdType(40) {ord_type.value} is not traded here")
    if time_in_force not in TIMES_IN_FORCE:
        return Rejection(ReasonCode.TIF, f"TimeInForce(59) {time_in_force.value} is not offered here")
    if qty is None or not qty > 0:
        return Rejection(ReasonCode.QTY_FORMAT, f"OrderQty(38) {qty} must be above zero")
    if qty % instrument.lot_size:
        return Rejection(ReasonCode.LOT_SIZE, f"OrderQty(38) {qty} is no multiple of the lot {instrument.lot_size}")
    if instrument.min_qty is not None and qty < instrument.min_qty:
        return Rejection(ReasonCode.MIN_QTY, f"OrderQty(38) {qty} is below the minimum {instrument.min_qty}")
    if instrument.max_qty is not None and qty > instrument.max_qty:
        return Rejection(ReasonCode.MAX_QTY, f"OrderQty(38) {qty} is above the maximum {instrument.max_qty}")
    if ord_type in PRICED:
        if price is None or not price > 0:
            return Rejection(ReasonCode.ORDTYPE, f"Price(44) {price} must be above zero for {ord_type.value}")
        if price % instrument.tick_size:
            return Rejection(ReasonCode.TICK_SIZE, f"Price(44) {price} is not on the tick {instrument.tick_size}")
    if ord_type in STOPPED:
        if stop_px is None or not stop_px > 0:
            return Rejection(ReasonCode.ORDTYPE, f"StopPx(99) {stop_px} must be above zero for {ord_type.value}")
        if stop_px % instrument.tick_size:
            return Rejection(ReasonCode.TICK_SIZE, f"StopPx(99) {stop_px} is not on the tick {instrument.tick_size}")
    return None


def worst_price(market: Market, price: Decimal | None, stop_px: Decimal | None, *, buy: bool) -> Decimal | None:
    """What a unit may cost, for the margin: the limit, the trigger, else the touch, else the last trade."""
    if price is not None:
        return price
    if stop_px is not None:
        return stop_px
    touch = market.ask if buy else market.bid
    return touch if touch is not None else market.mark


def short(account: Account, instrument: Instrument, side: Side, opening: Decimal) -> Rejection | None:
    """May this sale open a short position?"""
    if side is Side.BUY or not opening:
        return None
    if not account.terms.shorting or not account.terms.margin_account:
        return Rejection(ReasonCode.SHORT_MARKING, f"account {account.name} may not sell {opening} short")
    if not instrument.shortable:
        return Rejection(ReasonCode.SHORT_MARKING, f"{instrument.symbol} cannot be sold short")
    return None
