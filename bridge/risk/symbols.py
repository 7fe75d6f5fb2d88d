"""What may be traded at all: R01 validation, R23 restricted and allowed lists."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from bridge.orders.market import AssetClass, Instrument
from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case, show
from bridge.risk.limits import LimitMode
from fixspec.enums import ExecInst, Side

DAY_NS = 86_400_000_000_000
UNIX_DAY = date(1970, 1, 1).toordinal()
SHORT_SALES = frozenset({Side.SELL_SHORT, Side.SELL_SHORT_EXEMPT})
SHARES = frozenset({AssetClass.EQUITY, AssetClass.ETF})


@dataclass(frozen=True, slots=True)
class Validation:
    """R01: symbol known, active and open; tick, lot, smallest and largest quantity; what the broker takes; and
    ExecInst(18)=E, which may only reduce.
    """

    rule: ClassVar[str] = "R01"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """SYMBOL_UNKNOWN, SYMBOL_INACTIVE, MARKET_CLOSED, TICK_SIZE, LOT_SIZE, MIN_QTY, CAPABILITY, EXECINST."""
        product = view.product
        if product is None:
            text = f"Symbol(55) {order.symbol} is not in the symbol master"
            return view.no("R01", ReasonCode.SYMBOL_UNKNOWN, text)
        if not product.active:
            return view.no("R01", ReasonCode.SYMBOL_INACTIVE, f"Symbol(55) {order.symbol} is not active")
        if product.maturity is not None and product.maturity.toordinal() < UNIX_DAY + view.now_ns // DAY_NS:
            return view.no("R01", ReasonCode.SYMBOL_INACTIVE, f"{order.symbol} expired on {product.maturity}")
        is_open = view.view.market_open(order.symbol)
        if not is_open:
            word = "closed" if is_open is False else "not known to be open"
            return view.no("R01", ReasonCode.MARKET_CLOSED, f"the market of {order.symbol} is {word}")
        tick = product.tick_size
        price, stop = order.price, order.stop_px
        if price is not None and (price <= ZERO or price % tick):
            return self._off_tick("Price(44)", price, tick)
        if stop is not None and (stop <= ZERO or stop % tick):
            return self._off_tick("StopPx(99)", stop, tick)
        return self._quantity(order, view, product) or self._capability(order, view)

    def _off_tick(self, field: str, price: Decimal, tick: Decimal) -> Rejection:
        text = f"R01 {field} {price:f} is not a positive multiple of the tick {tick:f}"
        return Rejection(ReasonCode.TICK_SIZE, text, "R01", tick, price)

    def _quantity(self, order: Order, view: Case, product: Instrument) -> Rejection | None:
        qty = order.order_qty
        if qty is None:
            return None if order.cash_order_qty is not None else view.unknown("R01")
        if qty <= ZERO:
            return Rejection(ReasonCode.QTY_FORMAT, f"R01 OrderQty(38) {qty:f} is not above zero", "R01", None, qty)
        lot = product.lot_size
        if qty % lot:
            broker = view.broker
            parts = broker is not None and broker.capabilities.fractional and product.asset_class in SHARES and lot == 1
            if not parts:
                text = f"R01 OrderQty(38) {qty:f} is not a multiple of the lot {lot:f}"
                return Rejection(ReasonCode.LOT_SIZE, text, "R01", lot, qty)
        least, most = product.min_qty, product.max_qty
        if least is not None and qty < least:
            text = f"R01 OrderQty(38) {show(qty)} is below the smallest of {order.symbol}, {show(least)}"
            return Rejection(ReasonCode.MIN_QTY, text, "R01", least, qty)
        if most is not None and qty > most:
            text = f"R01 OrderQty(38) {show(qty)} is above the largest of {order.symbol}, {show(most)}"
            return Rejection(ReasonCode.MAX_QTY, text, "R01", most, qty)
        return None

    def _capability(self, order: Order, view: Case) -> Rejection | None:
        broker = view.broker
        if broker is None:
            return view.no("R01", ReasonCode.BROKER_UNAVAILABLE, f"there is no broker {order.broker!r}")
        can = broker.capabilities
        if order.ord_type not in can.ord_types:
            return view.no("R01", ReasonCode.CAPABILITY, f"{order.broker} takes no {order.ord_type.value} orders")
        if order.time_in_force not in can.times_in_force:
            text = f"{order.broker} takes no TimeInForce(59) {order.time_in_force.value}"
            return view.no("R01", ReasonCode.CAPABILITY, text)
        if order.side in SHORT_SALES and not can.short:
            return view.no("R01", ReasonCode.CAPABILITY, f"{order.broker} takes no short sales")
        if order.cash_order_qty is not None and not can.notional:
            return view.no("R01", ReasonCode.CAPABILITY, f"{order.broker} takes no CashOrderQty(152)")
        if order.exec_inst and ExecInst.DO_NOT_INCREASE in order.exec_inst and not view.reducing:
            text = f"ExecInst(18)=E may only reduce, and position {show(view.pos)} leaves no room for the order"
            return view.no("R01", ReasonCode.EXECINST, text)
        return None


@dataclass(frozen=True, slots=True)
class AllowList:
    """R23: symbol restricted or not allowed; asset class, side or order type not among those allowed."""

    rule: ClassVar[str] = "R23"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """RESTRICTED_SYMBOL."""
        lists = view.table.names
        if not lists:
            return None
        denied = lists.get("R23.deny")
        if denied is not None and order.symbol in denied.names:
            rejection = self._say(view, denied.mode, f"{order.symbol} is restricted ({denied.where})")
            if rejection is not None:
                return rejection
        product = view.product
        for name, word, what in (
            ("R23.allow", order.symbol, "symbols"),
            ("R23.classes", product.asset_class.value if product is not None else "", "asset classes"),
            ("R23.sides", order.side.value, "sides"),
            ("R23.ord_types", order.ord_type.value, "order types"),
        ):
            allowed = lists.get(name)
            if allowed is not None and word not in allowed.names:
                text = f"{word or order.symbol} is not among the {what} allowed ({allowed.where})"
                rejection = self._say(view, allowed.mode, text)
                if rejection is not None:
                    return rejection
        return None

    def _say(self, view: Case, mode: LimitMode, text: str) -> Rejection | None:
        rejection = view.no("R23", ReasonCode.RESTRICTED_SYMBOL, text)
        if mode is LimitMode.BLOCK:
            return rejection
        view.warn("R23", rejection)
        return None
