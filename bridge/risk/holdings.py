"""The records of the portfolio: a line per working order, a holding per account and symbol, a book per account.

All sums are moved by differences. Quantities in units of OrderQty(38), money in the account's base currency, times UTC
ns. Source: RISK-TCA sections 1 and 2.5.
"""

from bisect import bisect_left, insort
from collections import deque
from decimal import ROUND_CEILING, Decimal

from bridge.orders.events import Reservation
from bridge.orders.order import EIGHT_PLACES, ZERO, Order
from bridge.risk.counters import DAYS, Day
from bridge.risk.members import BUY, COMMON_STOCK, DAY, STOP, STOP_LIMIT

ANY_PRICE = Decimal("Infinity")  # a market buy meets every offer
SHOWN_AFTER_NS = 2_000_000_000  # a statement shows what the broker acknowledged this long before it
NINE_PLACES = Decimal("0.000000001")
ONE = Decimal(1)
NONE_OF_IT = (ZERO, ZERO, ZERO)


def money(amount: Decimal) -> Decimal:
    """An amount to 8 places, upwards: sums of such amounts are exact, whatever division they come from."""
    return amount.quantize(EIGHT_PLACES, ROUND_CEILING)


def reserved_qty(order: Order) -> Decimal:
    """What an order may still execute at worst: the larger of old and requested leaves until a replace is answered, in
    full while a cancel is pending or an outcome unknown, nothing once it has ended or is a day order done for the day.

    A CashOrderQty(152) order has no quantity; it is reckoned at the bid it met on arrival (the lower price, the larger
    quantity), which is in the journal.
    """
    if order.closed is not None or (order.done_for_day and order.time_in_force is DAY):
        return ZERO
    qty = order.order_qty
    if qty is not None:
        if order.pending_replace is not None:
            return order.reserved_qty
        left = qty - order.cum_qty
        return left if left > ZERO else ZERO
    if order.cash_order_qty is None:
        return ZERO
    left = order.cash_order_qty - order.gross * order.multiplier
    arrival = order.arrival
    px = (arrival.bid or arrival.mid if arrival is not None else None) or order.price
    if left <= 0 or px is None or px <= 0:
        return ZERO
    return (left / (px * order.multiplier)).quantize(NINE_PLACES, ROUND_CEILING)


def meeting_px(order: Order) -> Decimal | None:
    """The price at which a working order may meet an own opposite one: the more aggressive of old and requested terms.

    None for a stop, which rests in no book until it is triggered.
    """
    if order.ord_type is STOP or (order.ord_type is STOP_LIMIT and order.held):
        return None
    buy = order.side is BUY
    px = order.price if order.price is not None else (ANY_PRICE if buy else ZERO)
    pending = order.pending_replace
    if pending is not None and pending.price is not None:
        px = max(px, pending.price) if buy else min(px, pending.price)
    return px


def day_traded(order: Order) -> bool:
    """Whether its fills count as day trades: shares only (R28)."""
    kind = order.security_type
    return (kind is None or kind is COMMON_STOCK) and order.multiplier == ONE


class Line:
    """One working order, as it is reserved. `qty` at worst, money per unit as risk valued it when it let it pass.

    While a replace is unanswered the worse of old and new value counts.
    """

    __slots__ = (
        "acked",
        "acked_ns",
        "buy",
        "fresh",
        "funds",
        "holding",
        "link",
        "margin",
        "next",
        "now",
        "order",
        "px",
        "qty",
        "rated",
        "value",
    )

    def __init__(self, order: Order, holding: "Holding", link: str | None) -> None:
        self.order = order
        self.holding = holding
        self.link = link
        self.buy = order.side is BUY
        self.qty = ZERO
        self.px: Decimal | None = None
        self.rated = False  # True once risk, or nobody, has said what it is worth
        self.now = UNRATED  # of the terms that stand
        self.next: Rates | None = None  # of the terms asked for
        self.value = self.margin = self.funds = ZERO
        self.fresh = ZERO  # part of funds that the broker has not acknowledged
        self.acked = ZERO  # part that it has, at `acked_ns`, and that its statement does not show yet
        self.acked_ns = 0

    @property
    def hidden(self) -> Decimal:
        """The part of `funds` that the broker's statement does not show yet."""
        return self.acked + self.fresh

    @property
    def unvalued(self) -> bool:
        """True when it works and nobody can say what it is worth: an external market order without a word of risk."""
        return self.rated and not self.now.known


class Rates:
    """What so much of an order is worth. An order that nobody valued counts at its own price in full."""

    __slots__ = ("funds", "known", "margin", "qty", "value")

    def __init__(self, reserved: Reservation | None = None, order: Order | None = None, qty: Decimal = ZERO) -> None:
        if reserved is not None and (value := reserved.value) is not None and qty > ZERO:
            margin, funds = reserved.margin, reserved.funds
            self.known = True
            self.qty = qty
            self.value = value
            self.margin = value if margin is None else margin
            self.funds = value if funds is None else funds
            return
        self.value = self.margin = self.funds = ZERO
        self.qty = ONE
        self.known = False
        if order is not None:
            px = order.price if order.price is not None else order.stop_px
            if px is not None:
                self.known = True
                self.value = self.margin = self.funds = px * order.multiplier

    def of(self, qty: Decimal) -> tuple[Decimal, Decimal, Decimal]:
        """Value, margin and funds of a quantity."""
        if not qty:
            return NONE_OF_IT
        if qty == self.qty:
            value, margin, funds = self.value, self.margin, self.funds
            worth = money(value)
            need = worth if margin is value else money(margin)
            return worth, need, worth if funds is value else need if funds is margin else money(funds)
        part = qty / self.qty
        return money(self.value * part), money(self.margin * part), money(self.funds * part)

    def scaled(self, factor: Decimal) -> "Rates":
        """The same for a price that is `factor` times as high."""
        rates = Rates()
        rates.known, rates.qty = self.known, self.qty
        rates.value, rates.margin, rates.funds = self.value * factor, self.margin * factor, self.funds * factor
        return rates


UNRATED = Rates()


class Holding:
    """One account and symbol: signed position from fills, and the sums over working orders."""

    __slots__ = (
        "account",
        "bids",
        "broker",
        "buy",
        "buys",
        "groups",
        "offers",
        "opened_today",
        "paid",
        "paired",
        "pos",
        "sell",
        "sells",
        "session_id",
        "strategy",
        "symbol",
    )

    def __init__(self, account: str, symbol: str) -> None:
        self.account = account
        self.symbol = symbol
        self.broker = self.session_id = ""  # limits of a holding are those of its account and symbol
        self.strategy: str | None = None
        self.pos = ZERO
        self.paid = ZERO  # Σ ±q·p·m of all fills, in the instrument's currency
        self.buy = ZERO  # B, sum of leaves of working buys
        self.sell = ZERO  # S, sum of leaves of working sells
        self.buys = 0
        self.sells = 0
        self.bids: list[Decimal] = []  # prices of working buys, ascending: the last is the best
        self.offers: list[Decimal] = []  # prices of working sells, ascending: the first is the best
        self.groups: dict[tuple[bool, str], dict[int, Decimal]] = {}  # one-cancels-other: (buy, link) → leg → leaves
        self.opened_today = False
        self.paired = False

    @property
    def worst_long(self) -> Decimal:
        """WL = pos + B."""
        return self.pos + self.buy

    @property
    def worst_short(self) -> Decimal:
        """WS = pos − S."""
        return self.pos - self.sell

    @property
    def idle(self) -> bool:
        """True when nothing is held and nothing works."""
        return not (self.pos or self.buys or self.sells)

    def reserve(self, line: Line, qty: Decimal) -> None:
        """Let a line count `qty`. Of linked legs only the largest counts."""
        change = qty - line.qty
        if line.link is not None:
            legs = self.groups.setdefault((line.buy, line.link), {})
            was = max(legs.values(), default=ZERO)
            legs[line.order.order_id] = qty
            if not qty:
                del legs[line.order.order_id]
                if not legs:
                    del self.groups[line.buy, line.link]
            change = max(legs.values(), default=ZERO) - was
        if line.buy:
            self.buy += change
        else:
            self.sell += change
        line.qty = qty

    def rest(self, line: Line, px: Decimal | None) -> None:
        """Let a line rest at a price, or nowhere."""
        prices = self.bids if line.buy else self.offers
        if line.px is not None:
            del prices[bisect_left(prices, line.px)]
        if px is not None:
            insort(prices, px)
        line.px = px


class AccountBook:
    """What is reserved and counted for one account."""

    __slots__ = (
        "_acks",
        "_spent",
        "account",
        "broker",
        "day",
        "day_end_ns",
        "day_high",
        "day_start_ns",
        "day_trades",
        "fees",
        "funds",
        "hidden",
        "holdings",
        "margin",
        "opening_equity",
        "pairs",
        "past_day_trades",
        "session_id",
        "shown_ns",
        "strategy",
        "symbol",
        "today",
        "unvalued",
        "value",
        "working",
    )

    def __init__(self, account: str) -> None:
        self.account = account
        self.broker = self.session_id = self.symbol = ""  # limits of an account are those of its name and broker
        self.strategy: str | None = None
        self.holdings: list[Holding] = []
        self.working = 0
        self.unvalued = 0  # working orders that nobody can value
        self.value = self.margin = self.funds = ZERO  # reserved, over all lines
        self.fees = ZERO  # commission of all fills
        self.hidden = ZERO  # funds reserved or spent that the broker's statement does not show yet
        self.shown_ns = 0
        self._acks: deque[tuple[int, Line]] = deque()
        self._spent: deque[tuple[int, Decimal]] = deque()
        self.today: int | None = None  # ordinal of the trading day, None before the first
        self.day = Day()
        self.day_start_ns = 0
        self.day_end_ns = 0
        self.opening_equity: Decimal | None = None
        self.day_high: Decimal | None = None
        self.day_trades = 0
        self.past_day_trades: deque[int] = deque(maxlen=DAYS - 1)
        self.pairs = 0  # symbols that would make a day trade if what works there fills

    def reckon(self, line: Line, now_ns: int, filled: bool) -> None:
        """Bring the money of a line and of the account in step with its quantity and rates."""
        if not line.qty:
            self._release(line, now_ns, filled)
            return
        value, margin, funds = line.now.of(line.qty)
        if line.next is not None:
            value, margin, funds = map(max, (value, margin, funds), line.next.of(line.qty))
        self.value += value - line.value
        self.margin += margin - line.margin
        more = funds - line.funds
        if more > ZERO:
            line.fresh += more
            self.hidden += more
        elif more:
            self._take(line, -more, now_ns, filled)
        self.funds += more
        line.value, line.margin, line.funds = value, margin, funds

    def _release(self, line: Line, now_ns: int, filled: bool) -> None:
        """A line needs nothing any more."""
        self.value -= line.value
        self.margin -= line.margin
        self.funds -= line.funds
        hidden = line.acked + line.fresh
        if filled and hidden:
            self._spent.append((now_ns, hidden))  # as in `_take`
        else:
            self.hidden -= hidden
        line.value = line.margin = line.funds = line.acked = line.fresh = ZERO

    def _take(self, line: Line, less: Decimal, now_ns: int, filled: bool) -> None:
        """A line needs less: first what statements show, then what they will, last what nobody has acknowledged."""
        less -= min(less, line.funds - line.hidden)
        acked = min(less, line.acked)
        fresh = less - acked
        line.acked -= acked
        line.fresh -= fresh
        if filled and less:
            self._spent.append((now_ns, less))  # the money is gone, and no statement shows that yet
        else:
            self.hidden -= less

    def acknowledged(self, line: Line, now_ns: int) -> None:
        """The broker has it: statements from `SHOWN_AFTER_NS` later on show it."""
        line.acked += line.fresh
        line.fresh = ZERO
        line.acked_ns = now_ns
        self._acks.append((now_ns, line))

    def unshown(self, taken_ns: int) -> Decimal:
        """Funds that a statement taken at `taken_ns` does not show; statements only become newer."""
        if taken_ns > self.shown_ns:
            self.shown_ns = taken_ns
            acks, spent = self._acks, self._spent
            while acks and acks[0][0] + SHOWN_AFTER_NS < taken_ns:
                acked_ns, line = acks.popleft()
                if line.acked_ns == acked_ns:
                    self.hidden -= line.acked
                    line.acked = ZERO
            while spent and spent[0][0] + SHOWN_AFTER_NS < taken_ns:
                self.hidden -= spent.popleft()[1]
        return self.hidden

    def waiting(self) -> tuple[list[tuple[int, int]], list[tuple[int, Decimal]]]:
        """What the next statements will show: acknowledgements as (ns, OrderID), and money spent as (ns, amount)."""
        live = [(at, line.order.order_id) for at, line in self._acks if line.acked_ns == at and line.acked]
        return live, list(self._spent)

    def restore(self, acks: list[tuple[int, Line]], spent: list[tuple[int, Decimal]]) -> None:
        """As `waiting` told."""
        self._acks.extend(acks)
        self._spent.extend(spent)

    def pair(self, holding: Holding) -> None:
        """Count the symbol among those whose working orders would make a day trade."""
        pos, buys, sells = holding.pos, holding.buys, holding.sells
        closing = sells if pos > 0 else buys if pos < 0 else 0
        paired = bool((holding.opened_today and closing) or (buys and sells))
        if paired is not holding.paired:
            holding.paired = paired
            self.pairs += 1 if paired else -1
