"""May an order, or its new terms, be taken in now: terms, house rules, hours and money. The first reason found
counts.
"""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from bridge.brokers.paper import rules
from bridge.brokers.paper.ledger import REVALUE_NS, Account
from bridge.brokers.paper.market import Market
from bridge.brokers.paper.model import HouseRules
from bridge.brokers.paper.orders import PaperOrder
from bridge.brokers.paper.records import ZERO
from bridge.brokers.paper.state import State
from bridge.marketdata.hours import NEW_YORK, Hours, Phase
from bridge.orders.market import AssetClass, Instrument
from bridge.orders.order import Order, PendingReplace
from bridge.orders.reasons import ReasonCode, Rejection
from fixspec.enums import ExecInst, OrdType, Side, TimeInForce

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OPENING_WINDOW = 300_000_000_000  # an at-open order waits five minutes for the first quote
# Looked up once: until Python 3.12 an attribute of an Enum class costs more than a call.
BUY = Side.BUY
DAY = TimeInForce.DAY
GTD = TimeInForce.GTD
OPENING = TimeInForce.OPENING
PEGGED = OrdType.PEGGED
OPEN = Phase.OPEN
FUTURE = AssetClass.FUTURE
NEVER_ENDING = frozenset({TimeInForce.GOOD_TILL_CANCEL, TimeInForce.IOC, TimeInForce.FOK})
PLAIN_TIMES = frozenset({DAY}) | NEVER_ENDING
NOT_BY_REPLACE = frozenset({TimeInForce.IOC, TimeInForce.FOK, TimeInForce.OPENING, TimeInForce.CLOSE})


class Acceptance:
    """The checks on entry. It changes nothing."""

    def __init__(self, state: State, house: HouseRules, hours: Hours) -> None:
        self._state = state
        self._house = house
        self._hours = hours

    def check(self, market: Market, account: Account, order: Order, now: int) -> tuple[Decimal, Rejection | None]:
        """The margin a new order needs, and why it is refused, or None."""
        refusal = self._unacceptable(market, account, order)
        if refusal is None:
            plain = order.time_in_force in PLAIN_TIMES and order.trading_session_id is None
            if not plain or market.session.phase is not OPEN:
                refusal = self._at_wrong_time(market, order, now)
        return (ZERO, refusal) if refusal is not None else self._covered(market, account, order, now)

    def _unacceptable(self, market: Market, account: Account, order: Order) -> Rejection | None:
        """The order's terms and what the house does not take."""
        if order.side not in rules.SIDES:
            return Rejection(ReasonCode.CAPABILITY, f"Side(54) {order.side.value} is not traded here")
        instrument, house = market.instrument, self._house
        refusal = rules.terms(
            instrument,
            order.ord_type,
            order.time_in_force,
            order.order_qty,
            order.price,
            order.stop_px,
            order.exec_inst,
        )
        if refusal is not None:
            return refusal
        buy = order.side is BUY
        if order.ord_type is PEGGED:
            refusal = rules.trailing(instrument, order.exec_inst, order.peg_offset_value)
        if refusal is None and house.price_bands:
            refusal = rules.band(house, market, order.price, buy=buy)
        if refusal is None and not house.allow_wash_trades:
            refusal = rules.wash(market, account.name, order.price, buy=buy)
        if refusal is None and order.exec_inst:
            refusal = self._instructed(market, account, order, buy=buy)
        if refusal is None and house.reject_share:
            refusal = rules.unlucky(house, order.broker_client_id or "")
        return refusal

    def _instructed(self, market: Market, account: Account, order: Order, *, buy: bool) -> Rejection | None:
        if ExecInst.PARTICIPATE_DO_NOT_INITIATE in order.exec_inst:
            return _takes(market, order.price, buy=buy)
        if ExecInst.DO_NOT_INCREASE in order.exec_inst:
            assert order.order_qty is not None
            opening = account.opening(market.instrument, order.order_qty, buy=buy)
            if opening:
                text = f"the reduce-only order would open {opening} of {market.instrument.symbol}"
                return Rejection(ReasonCode.BROKER_REJECT, text)
        return None

    def _at_wrong_time(self, market: Market, order: Order, now: int) -> Rejection | None:
        """Is the order for a time that has passed, or for a market that is closed?"""
        session, tif = market.session, order.time_in_force
        if order.trading_session_id == "EXT" and order.ord_type is not OrdType.LIMIT:
            return Rejection(ReasonCode.ORDTYPE, "extended hours take limit orders only")
        if tif is TimeInForce.OPENING and session.phase is Phase.OPEN:
            return Rejection(ReasonCode.TIF_CUTOFF, "at-the-open orders are taken until the market opens")
        if tif is TimeInForce.CLOSE and session.phase is Phase.OPEN:
            if session.closes - now < self._house.close_cutoff * 1e9:
                text = f"at-the-close orders are taken until {self._house.close_cutoff:.0f} s before the close"
                return Rejection(ReasonCode.TIF_CUTOFF, text)
            return None
        if tif is TimeInForce.GTD:
            expires = self.expires(market, tif, order, now)
            if expires is None:
                return Rejection(ReasonCode.TIF, "TimeInForce(59) gtd needs ExpireDate(432) or ExpireTime(126)")
            if expires <= now:
                return Rejection(ReasonCode.TIF_CUTOFF, "ExpireDate(432) or ExpireTime(126) has passed")
        if session.phase is Phase.OPEN or (order.trading_session_id == "EXT" and session.phase is not Phase.CLOSED):
            return None
        if tif in {TimeInForce.IOC, TimeInForce.FOK} or not self._house.hold_when_closed:
            return Rejection(ReasonCode.MARKET_CLOSED, f"{market.instrument.symbol} is not traded now")
        return None

    def _covered(self, market: Market, account: Account, order: Order, now: int) -> tuple[Decimal, Rejection | None]:
        """The margin the order needs, and why it cannot be had."""
        instrument = market.instrument
        buy = order.side is BUY
        assert order.order_qty is not None
        px = order.price if order.price is not None else rules.worst_price(market, order.price, order.stop_px, buy=buy)
        if px is None:
            text = f"there is no market in {instrument.symbol}"
            return ZERO, Rejection(ReasonCode.NO_REFERENCE_PRICE, text)
        opening = account.opening(instrument, order.order_qty, buy=buy)
        if not opening:
            return ZERO, None
        if not buy and instrument.asset_class is not FUTURE:
            refusal = rules.short(self._house, account, instrument, opening)
            if refusal is not None:
                return ZERO, refusal
        return self._margin(account, instrument, opening, px, now)

    def _margin(
        self, account: Account, instrument: Instrument, opening: Decimal, px: Decimal, now: int
    ) -> tuple[Decimal, Rejection | None]:
        need = opening * px * account.holding(instrument).unit_margin
        if instrument.currency != account.currency:
            rate = self._state.rate(instrument.currency, account.currency)
            if rate is None:
                text = f"no price of {instrument.currency} in {account.currency} is known"
                return ZERO, Rejection(ReasonCode.NO_REFERENCE_PRICE, text)
            need *= rate
        if now - account.valued_ns > REVALUE_NS:
            account.revalue(now, self._state.mark, self._state.rate)
        if need <= account.excess:
            return need, None
        account.revalue(now, self._state.mark, self._state.rate)
        excess = account.excess
        if need <= excess:
            return need, None
        text = f"insufficient buying power: {need:.2f} {account.currency} of margin needed, {excess:.2f} free"
        return need, Rejection(ReasonCode.BUYING_POWER, text, None, f"{excess:.2f}", f"{need:.2f}")

    def check_replace(self, market: Market, order: PaperOrder, pending: PendingReplace, now: int) -> Rejection | None:
        """Why an order may not have these terms."""
        instrument = market.instrument
        if (pending.side is Side.BUY) is not order.buy:
            return Rejection(ReasonCode.NOT_CHANGEABLE, "Side(54) cannot be changed from buy to sell")
        if (order.ord_type is OrdType.PEGGED) is not (pending.ord_type is OrdType.PEGGED):
            return Rejection(ReasonCode.NOT_CHANGEABLE, "OrdType(40) cannot be changed from or to pegged")
        if pending.time_in_force in NOT_BY_REPLACE and pending.time_in_force is not order.time_in_force:
            text = f"TimeInForce(59) cannot be changed to {pending.time_in_force.value}"
            return Rejection(ReasonCode.NOT_CHANGEABLE, text)
        refusal = rules.terms(
            instrument,
            pending.ord_type,
            pending.time_in_force,
            pending.order_qty,
            pending.price,
            pending.stop_px,
            pending.exec_inst,
        )
        if refusal is None:
            refusal = rules.band(self._house, market, pending.price, buy=order.buy)
        if refusal is None and ExecInst.PARTICIPATE_DO_NOT_INITIATE in pending.exec_inst:
            refusal = _takes(market, pending.price, buy=order.buy)
        px = rules.worst_price(market, pending.price, pending.stop_px, buy=order.buy)
        left = pending.order_qty - order.cum
        if refusal is not None or px is None or left <= 0:
            return refusal
        account = self._state.accounts[order.account]
        self._state.release(order)
        opening = account.opening(instrument, left, buy=order.buy)
        if opening:
            refusal = self._margin(account, instrument, opening, px, now)[1]
        self._state.reserve(order)
        return refusal

    def expires(
        self,
        market: Market,
        tif: TimeInForce,
        asked: Order | PendingReplace,
        now: int,
        *,
        extended: bool | None = None,
    ) -> int | None:
        """When the time in force ends: a day order's at the end of the session it is for, None for never."""
        if tif in NEVER_ENDING:
            return None
        if extended is None:
            extended = isinstance(asked, Order) and asked.trading_session_id == "EXT"
        session = market.session
        if tif is GTD:
            if asked.expire_time is not None:
                return (asked.expire_time - EPOCH) // timedelta(microseconds=1) * 1000
            if asked.expire_date is None:
                return None
            noon = datetime.combine(asked.expire_date, time(12), NEW_YORK)
            noon_ns = (noon - EPOCH) // timedelta(microseconds=1) * 1000
            session = self._hours.at(market.instrument.calendar, noon_ns)
            if session.day != asked.expire_date:
                return noon_ns  # no trading day: it ends with the one before
            return session.ends if extended else session.closes
        if extended:
            return session.ends
        if now >= session.closes or (tif is OPENING and now >= session.opens):
            session = self._hours.at(market.instrument.calendar, session.ends)
        return session.opens + OPENING_WINDOW if tif is OPENING else session.closes


def _takes(market: Market, price: Decimal | None, *, buy: bool) -> Rejection | None:
    """A post-only order may not meet the other side on entry."""
    touch = market.ask if buy else market.bid
    if touch is not None and price is not None and ((price >= touch) if buy else (price <= touch)):
        text = f"the post-only order at {price} would take from the touch at {touch}"
        return Rejection(ReasonCode.BROKER_REJECT, text)
    return None
