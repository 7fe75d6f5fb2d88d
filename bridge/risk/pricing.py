"""What an instrument is worth now and what an order may cost at worst: reference price R and valuation price P.

Exact decimals. Whatever is missing, too old, crossed, zero or negative is no price: it refuses, it is never guessed.
Source: RISK-TCA section 1.
"""

from decimal import Decimal

import msgspec

from bridge.interfaces import View
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode
from bridge.risk.limits import Bound, Table
from bridge.risk.members import BUY, MARKET, OPENING
from fixspec.enums import ArrivalSource, Side

ZERO = Decimal(0)
ONE = Decimal(1)
TWO = Decimal(2)
MIDDLE = Decimal(25)  # prices from here on are high ones


class Reference(msgspec.Struct, frozen=True, gc=False):
    """The reference price R: `bid` and `ask` only where a fresh two-sided quote gave it; `good_until` in UTC ns."""

    price: Decimal
    bid: Decimal | None
    ask: Decimal | None
    source: ArrivalSource
    good_until: int


class NoPrice(msgspec.Struct, frozen=True, gc=False):
    """Why there is no reference price: never one, or none that is young enough."""

    code: ReasonCode
    text: str


def reference(account: str, symbol: str, view: View, table: Table, now: int) -> Reference | NoPrice:
    """R: the mid of a fresh two-sided quote of sensible width, else a fresh trade, else a fresh broker mark."""
    quote = view.quote(symbol)
    if quote is not None:
        bid, ask = quote.bid_px, quote.ask_px
        good_until = quote.received_ns + table.quote_age
        if (
            bid is not None
            and ask is not None
            and now <= good_until
            and bid.is_finite()
            and ask.is_finite()
            and ZERO < bid <= ask
        ):
            mid = (bid + ask) / TWO
            if ask - bid <= table.spread * mid:
                return Reference(mid, bid, ask, quote.source, good_until)
    trade = view.last_trade(symbol)
    if trade is not None:
        good_until = trade.received_ns + table.trade_age
        if now <= good_until and trade.price.is_finite() and trade.price > ZERO:
            return Reference(trade.price, None, None, ArrivalSource.LAST, good_until)
    mark = view.mark(account, symbol)
    if mark is not None:
        good_until = mark.taken_ns + table.mark_age
        if now <= good_until and mark.price.is_finite() and mark.price > ZERO:
            return Reference(mark.price, None, None, ArrivalSource.BROKER, good_until)
    if quote is None and trade is None and mark is None:
        return NoPrice(ReasonCode.NO_REFERENCE_PRICE, f"no price of {symbol} is known")
    times = [t for t in (quote and quote.received_ns, trade and trade.received_ns, mark and mark.taken_ns) if t]
    if quote is not None and now <= quote.received_ns + table.quote_age:
        return NoPrice(ReasonCode.NO_REFERENCE_PRICE, f"the quote of {symbol} is one-sided, crossed or too wide")
    age = (now - max(times, default=0)) / 1_000_000_000
    return NoPrice(ReasonCode.STALE_REFERENCE_PRICE, f"the newest price of {symbol} is {age:.1f} s old")


def valuation(order: Order, ref: Reference | None, table: Table) -> Decimal | None:
    """P: the worst price the order may trade at, as far as its terms and a buffer tell; None without the price it
    needs.

    A limit buy costs its limit at most. A limit sell is valued at the better of limit and bid: what it would open
    short. Without a limit the touch counts, with `PX.buffer` on top; in an opening auction twice the buffer on R.
    """
    buy = order.side is BUY
    limit = order.price
    if limit is not None:
        if buy:
            return limit
        bid = ref.bid if ref is not None and ref.bid is not None else ref.price if ref is not None else None
        return None if bid is None else limit if limit >= bid else bid
    if ref is None:
        return None
    if order.time_in_force is OPENING:
        return ref.price * (ONE + 2 * table.buffer)
    stop = order.stop_px
    if order.ord_type is MARKET or stop is None:
        if ref.bid is None or ref.ask is None:
            return None
        return (ref.ask if buy else ref.bid) * table.buffer_up
    if buy:
        touch = ref.ask if ref.ask is not None else ref.price
        return (stop if stop >= touch else touch) * table.buffer_up
    touch = ref.bid if ref.bid is not None else ref.price
    return stop if stop >= touch else touch


def collar(price: Decimal, tick: Decimal, table: Table) -> Bound | None:
    """How far from R a limit may be on its aggressive side, as a fraction of R; None where R04 is off.

    The fraction depends on the price band. `R04.ticks` widens it where a price has few ticks.
    """
    name = "R04" if price >= MIDDLE else "R04.below_25" if price >= ONE else "R04.below_1"
    bound = table.bounds.get(name)
    if bound is None or not table.collar_ticks:
        return bound
    width = table.collar_ticks * tick / price
    if width <= bound.block and width <= bound.warn:
        return bound
    return Bound(max(bound.block, width), max(bound.warn, width), bound.where)


def protected_px(side: Side, ref: Reference, tick: Decimal, table: Table) -> Decimal:
    """A limit for an order that should trade at once but not at any price: R·(1 ± c) on tick, inside the collar.

    Used for the optional conversion of market orders and for flattening. Where R04 is off the market buffer is used.
    """
    bound = collar(ref.price, tick, table)
    fraction = table.buffer if bound is None else bound.block if bound.block.is_finite() else bound.warn
    width = fraction * ref.price
    if side is BUY:
        return (ref.price + width) // tick * tick
    return -((width - ref.price) // tick) * tick
