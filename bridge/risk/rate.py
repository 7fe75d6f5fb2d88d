"""How many and how often: R17 open orders, R18 message throttle, R21 messages per fill, R22 turnover."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from bridge.orders.events import Scope
from bridge.orders.order import ZERO, Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case, show
from bridge.risk.counters import Bucket


@dataclass(frozen=True, slots=True)
class MessageRate:
    """R18: no token left in the bucket of the session, account, symbol or broker, for new orders and replaces.

    Cancels take none: they never meet a rule.
    """

    rule: ClassVar[str] = "R18"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """THROTTLE."""
        book, now = view.portfolio, view.now_ns
        limits = book.limits
        version = limits.version if now < limits.until else -1
        # the usual case without a call: a bucket at the present rate that has a token
        bucket = book.sessions.get(order.session_id)
        if bucket is None or bucket.version != version or bucket.full_at - now > bucket.slack:
            rejection = self._slow(Scope.SESSION, order.session_id, book.sessions, view)
            if rejection is not None:
                return rejection
        bucket = book.account_buckets.get(order.account)
        if bucket is None or bucket.version != version or bucket.full_at - now > bucket.slack:
            rejection = self._slow(Scope.ACCOUNT, order.account, book.account_buckets, view)
            if rejection is not None:
                return rejection
        bucket = book.symbols.get(order.symbol)
        if bucket is None or bucket.version != version or bucket.full_at - now > bucket.slack:
            rejection = self._slow(Scope.SYMBOL, order.symbol, book.symbols, view)
            if rejection is not None:
                return rejection
        if order.broker not in limits.rated_brokers:
            return None
        return self._slow(Scope.BROKER, order.broker, book.brokers, view)

    def _slow(self, scope: Scope, name: str, buckets: dict[str, Bucket], view: Case) -> Rejection | None:
        bucket = view.portfolio.bucket(buckets, scope, name, view.now_ns)
        if bucket is None or bucket.has_token(view.now_ns):
            return None
        rate = bucket.rate
        text = f"R18 {scope.value} {name} sends more than {show(rate.per_second)}/s, burst {rate.burst} ({rate.where})"
        return Rejection(ReasonCode.THROTTLE, text, "R18", rate.per_second)


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """R17: working orders of the account, and of the account in the symbol, this one included."""

    rule: ClassVar[str] = "R17"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """MAX_OPEN_ORDERS."""
        bound, per_symbol = view.limits.get("R17"), view.limits.get("R17.symbol")
        one = 1 if view.line is None else 0
        if bound is None:
            rejection = view.unset("R17")
        else:
            count = view.book.working + one
            rejection = None
            if count > bound.warn or view.explaining:
                what = "working orders of the account"
                rejection = view.weigh("R17", ReasonCode.MAX_OPEN_ORDERS, what, Decimal(count), bound)
        if rejection is not None or per_symbol is None:
            return rejection
        seen, holding = view.seen, view.holding
        count = one if holding is None else holding.buys + holding.sells + one
        if count <= per_symbol.warn and not view.explaining:
            return None
        what = "working orders in the symbol"
        rejection = view.weigh("R17", ReasonCode.MAX_OPEN_ORDERS, what, Decimal(count), per_symbol)
        if rejection is None and seen is not None and seen.value * per_symbol.block > count * seen.block:
            view.seen = seen  # show the tighter of the two
        return rejection


@dataclass(frozen=True, slots=True)
class OrderToTrade:
    """R21: messages / max(fills, 1) over the day, once there were enough messages to mean anything."""

    rule: ClassVar[str] = "R21"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """THROTTLE, by default a warning only."""
        bound = view.limits.get("R21")
        if bound is None:
            return view.unset("R21")
        day = view.book.day
        after = view.limits.get("R21.after")
        if after is not None and day.messages < after.block:
            return None
        if day.messages <= bound.warn * max(day.fills, 1) and not view.explaining:
            return None
        ratio = Decimal(day.messages) / max(day.fills, 1)
        return view.weigh("R21", ReasonCode.THROTTLE, "messages per fill today", ratio, bound)


@dataclass(frozen=True, slots=True)
class Turnover:
    """R22: Σ V sent today, and how many orders. A replace adds what it raises the value by."""

    rule: ClassVar[str] = "R22"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """DAILY_TURNOVER."""
        bound, count = view.limits.get("R22"), view.limits.get("R22.orders")
        day = view.book.day
        line = view.line
        if count is not None and line is None and (day.orders >= count.warn or view.explaining):
            what = "orders sent today"
            rejection = view.weigh("R22", ReasonCode.DAILY_TURNOVER, what, Decimal(day.orders + 1), count)
            if rejection is not None:
                return rejection
        if bound is None:
            return view.unset("R22")
        if view.value is None:
            return view.unknown("R22")
        more = view.value if line is None else max(view.value - line.value, ZERO)
        if day.turnover + more <= bound.warn and not view.explaining:
            return None
        return view.weigh("R22", ReasonCode.DAILY_TURNOVER, "value sent today", day.turnover + more, bound)
