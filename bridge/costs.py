"""Execution quality, exactly as RISK-TCA section 5 defines it: pure functions of quotes, orders and fills.

Cost is positive, gain negative. `s` is +1 for a buy and -1 for a sell. Ratios are Decimals where 0.0001 is one basis
point; what is put on events is in basis points with two places. A mid counts only while its quote is fresh and
two-sided; a sample without one is None and its reason is told, so that it is dropped and counted, never guessed. Mids
of different sources (ArrivalSource(5708)) are never compared with each other.

Sources: Perold, "The Implementation Shortfall" (1988); Kissell, "The Expanded Implementation Shortfall" (2006); SEC
Rule 605 (effective and realised spread); Huang and Stoll (1996) for impact = effective - realised.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

import msgspec

from bridge.orders.events import Arrival, Cost
from bridge.orders.market import Quote
from bridge.orders.order import Order
from fixspec.enums import OrdType, Side

EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)
"""Wide enough that sums of quantity times price are exact (15 digits each, a few million fills)."""

BPS = Decimal(10_000)
HUNDREDTH = Decimal("0.01")
HORIZONS: tuple[int, ...] = (1, 10, 60, 300)
"""Seconds after a fill at which realised spread, impact and reversion are taken."""

ZERO = Decimal(0)
_BUYS = frozenset({Side.BUY, Side.BUY_MINUS})
_MARKETABLE = frozenset({OrdType.MARKET})


def sign(side: Side) -> int:
    """+1 for a buy, -1 for every kind of sell."""
    return 1 if side in _BUYS else -1


def fresh_mid(quote: Quote | None, now_ns: int, max_age_ns: int) -> tuple[Decimal | None, str | None]:
    """The mid of a fresh two-sided quote, or None and why not: `no_quote` or `stale_quote`."""
    if quote is None or (mid := quote.mid) is None:
        return None, "no_quote"
    if now_ns - quote.received_ns > max_age_ns:
        return None, "stale_quote"
    return mid, None


def arrival(quote: Quote | None, now_ns: int, max_age_ns: int) -> Arrival:
    """The quote an order meets at `now_ns` (tags 5704-5708).

    Prices are given only from a fresh, two-sided quote; of a stale one only the age is told, so that the reason can
    be counted.
    """
    if quote is None or (mid := quote.mid) is None:
        return Arrival()
    age_ns = now_ns - quote.received_ns
    age_us = age_ns // 1000 if age_ns > 0 else 0
    if age_ns > max_age_ns:
        return Arrival(quote_age_us=age_us)
    return Arrival(bid=quote.bid_px, offer=quote.ask_px, mid=mid, quote_age_us=age_us, source=quote.source)


def bps(ratio: Decimal | None) -> Decimal | None:
    """A ratio in basis points, two places, half even."""
    return None if ratio is None else (ratio * BPS).quantize(HUNDREDTH)


def slippage(side: Side, px: Decimal, benchmark: Decimal | None) -> Decimal | None:
    """s(p - B)/B: against the arrival mid, the decision price, a stop price. None without a positive benchmark."""
    if benchmark is None or benchmark <= 0:
        return None
    return sign(side) * (px - benchmark) / benchmark


def delay(side: Side, later: Decimal | None, earlier: Decimal | None) -> Decimal | None:
    """s(later - earlier)/earlier: client delay from D to M(t0), bridge delay from M(t0) to M(t1)."""
    return None if later is None else slippage(side, later, earlier)


def limit_give(side: Side, px: Decimal, limit: Decimal | None) -> Decimal | None:
    """s(limit - p)/limit: how much better than its limit an order was filled; a gain is positive here."""
    if limit is None or limit <= 0:
        return None
    return sign(side) * (limit - px) / limit


def quoted_spread(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    """(ask - bid)/M, or None without a two-sided quote."""
    if bid is None or ask is None or not 0 < bid <= ask:
        return None
    return 2 * (ask - bid) / (ask + bid)


def effective_spread(side: Side, px: Decimal, mid: Decimal | None) -> Decimal | None:
    """2s(p - M(t))/M(t)."""
    return None if mid is None else 2 * sign(side) * (px - mid) / mid


def realised_spread(side: Side, px: Decimal, mid: Decimal | None, mid_later: Decimal | None) -> Decimal | None:
    """2s(p - M(t+Δ))/M(t): what the other side kept."""
    return None if mid is None or mid_later is None else 2 * sign(side) * (px - mid_later) / mid


def impact(side: Side, mid: Decimal | None, mid_later: Decimal | None) -> Decimal | None:
    """2s(M(t+Δ) - M(t))/M(t). Effective = realised + impact."""
    return None if mid is None or mid_later is None else 2 * sign(side) * (mid_later - mid) / mid


def reversion(side: Side, avg_px: Decimal, mid_later: Decimal | None) -> Decimal | None:
    """-s(M(T+Δ) - p̄)/p̄: positive when the price comes back."""
    return None if mid_later is None or avg_px <= 0 else -sign(side) * (mid_later - avg_px) / avg_px


def price_improvement(order: Order, px: Decimal, arrival: Arrival | None) -> Decimal | None:
    """s(far touch - p)/M for an order that could trade at once when it was sent, else None.

    The far touch is the one at arrival: the order is handed to the broker in the same turn, under the same quote.
    """
    if arrival is None or arrival.mid is None or not marketable(order, arrival):
        return None
    s = sign(order.side)
    touch = arrival.offer if s > 0 else arrival.bid
    assert touch is not None
    return s * (touch - px) / arrival.mid


def marketable(order: Order, arrival: Arrival) -> bool:
    """True for a market order, and for a limit at or through the far touch."""
    if order.ord_type in _MARKETABLE:
        return True
    if order.ord_type is not OrdType.LIMIT or order.price is None or arrival.bid is None or arrival.offer is None:
        return False
    return order.price >= arrival.offer if sign(order.side) > 0 else order.price <= arrival.bid


class Shortfall(msgspec.Struct, frozen=True):
    """Implementation shortfall (Perold) in the instrument's currency per unit of multiplier, and its parts.

    `delay + trading + opportunity + fees == total`, exactly. `paper` is Q·D, the paper portfolio's cost: a part over
    it is the part's ratio. `benchmark` is `decision`, or `arrival` when no DecisionPx(5710) was given.
    """

    delay: Decimal
    trading: Decimal
    opportunity: Decimal
    fees: Decimal
    total: Decimal
    paper: Decimal
    benchmark: str

    @property
    def ratio(self) -> Decimal:
        """Total over Q·D."""
        return self.total / self.paper


def shortfall(
    side: Side,
    ordered: Decimal,
    fills: Sequence[tuple[Decimal, Decimal]],
    *,
    arrival_mid: Decimal | None,
    end_mid: Decimal | None,
    decision_px: Decimal | None = None,
    fees: Decimal = Decimal(0),
) -> Shortfall | None:
    """Shortfall of one order. `fills` are (quantity, price); `end_mid` is M(T) and only matters when something is
    left.

    `fees` are in the same unit as quantity times price. None without an arrival mid, without M(T) where it is needed,
    or when nothing was ordered.
    """
    with localcontext(EXACT):
        filled = sum((qty for qty, _ in fills), Decimal(0))
        gross = sum((qty * px for qty, px in fills), Decimal(0))
    return shortfall_of(
        side, ordered, filled, gross, arrival_mid=arrival_mid, end_mid=end_mid, decision_px=decision_px, fees=fees
    )


def shortfall_of(
    side: Side,
    ordered: Decimal,
    filled: Decimal,
    gross: Decimal,
    *,
    arrival_mid: Decimal | None,
    end_mid: Decimal | None,
    decision_px: Decimal | None = None,
    fees: Decimal = Decimal(0),
) -> Shortfall | None:
    """As `shortfall`, from the sums: `filled` is Σq, `gross` is Σqp."""
    if arrival_mid is None or ordered <= 0:
        return None
    left = ordered - filled
    if left > 0 and end_mid is None:
        return None
    s = sign(side)
    benchmark = "arrival" if decision_px is None else "decision"
    decision = arrival_mid if decision_px is None else decision_px
    with localcontext(EXACT):
        missed = left * ((end_mid or arrival_mid) - arrival_mid) if left > 0 else Decimal(0)
        waited = s * ordered * (arrival_mid - decision) if left >= 0 else s * filled * (arrival_mid - decision)
        traded = s * (gross - filled * arrival_mid)
        total = s * (gross - filled * decision) + fees
        if left > 0:
            total += s * left * ((end_mid or arrival_mid) - decision)
        return Shortfall(
            delay=waited,
            trading=traded,
            opportunity=s * missed,
            fees=fees,
            total=total,
            paper=max(ordered, filled) * decision,
            benchmark=benchmark,
        )


def fill_cost(
    order: Order,
    last_qty: Decimal,
    last_px: Decimal,
    quote: Quote | None,
    now_ns: int,
    max_age_ns: int,
    commission: Decimal | None = None,
) -> Cost:
    """Cost of one fill, for OrderFilled. `order` is the order before the fill; `quote` the newest at `now_ns`.

    Never raises for missing data: what cannot be measured is absent and `dropped` says why.
    """
    met, side, ordered, decision = order.arrival, order.side, order.order_qty, order.decision_px
    mid, dropped = fresh_mid(quote, now_ns, max_age_ns)
    arrival_mid = met.mid if met is not None else None
    if arrival_mid is None:
        dropped = "no_quote" if met is None or met.quote_age_us is None else "stale_quote"
    before = order.cum_qty
    filled = before + last_qty
    gross = order.gross + last_qty * last_px
    slipped = whole_slipped = bps(slippage(side, last_px, arrival_mid))
    if before:
        whole_slipped = bps(slippage(side, gross / filled, arrival_mid)) if filled else None
    shortfall_bps = benchmark = None
    if ordered is not None and filled >= ordered and arrival_mid is not None and ordered > 0:
        # nothing is left, so of the shortfall's sum (`shortfall_of`) this remains: s(Σqp - D·Σq) + fees over Q·D
        benchmark, against = ("arrival", arrival_mid) if decision is None else ("decision", decision)
        fees = (order.commission + (commission or ZERO)) / order.multiplier
        with localcontext(EXACT):
            total = sign(side) * (gross - filled * against) + fees
            paper = filled * against
        shortfall_bps = bps(total / paper)
    told = quote if mid is not None else None
    return Cost(
        arrival_mid=arrival_mid,
        slippage_bps=slipped,
        order_slippage_bps=whole_slipped,
        effective_spread_bps=bps(effective_spread(side, last_px, mid)),
        shortfall_bps=shortfall_bps,
        benchmark=benchmark,
        mid=mid,
        quoted_spread_bps=bps(quoted_spread(told.bid_px, told.ask_px)) if told is not None else None,
        decision_slippage_bps=bps(slippage(side, last_px, decision)) if decision is not None else None,
        improvement_bps=bps(price_improvement(order, last_px, met)),
        dropped=dropped,
        source=told.source if told is not None else None,
    )


def end_cost(order: Order, quote: Quote | None, now_ns: int, max_age_ns: int) -> Cost | None:
    """Cost of an order that ends with something left, for OrderCanceled and OrderExpired: what was not traded is
    charged at M(T).

    None when there is nothing to say: no quantity, or the order was never at a broker.
    """
    if order.order_qty is None or not order.routed:
        return None
    met = order.arrival
    mid, dropped = fresh_mid(quote, now_ns, max_age_ns)
    arrival_mid = met.mid if met is not None else None
    if met is None or arrival_mid is None:
        dropped = "no_quote" if met is None or met.quote_age_us is None else "stale_quote"
    elif quote is not None and mid is not None and quote.source is not met.source:
        mid, dropped = None, "source"
    whole = shortfall_of(
        order.side, order.order_qty, order.cum_qty, order.gross,
        arrival_mid=arrival_mid, end_mid=mid, decision_px=order.decision_px, fees=order.commission / order.multiplier,
    )  # fmt: skip
    average = order.gross / order.cum_qty if order.cum_qty else None
    return Cost(
        arrival_mid=arrival_mid,
        order_slippage_bps=bps(slippage(order.side, average, arrival_mid)) if average is not None else None,
        shortfall_bps=bps(whole.ratio) if whole is not None else None,
        benchmark=whole.benchmark if whole is not None else None,
        mid=mid,
        dropped=dropped,
        source=quote.source if mid is not None and quote is not None else None,
    )
