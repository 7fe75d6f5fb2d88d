"""How much and how often: R18 message throttle."""

from dataclasses import dataclass
from typing import ClassVar

from bridge.orders.events import Scope
from bridge.orders.order import Order
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
        bucket = book.brokers.get(order.broker)
        if bucket is None or bucket.version != version or bucket.full_at - now > bucket.slack:
            return self._slow(Scope.BROKER, order.broker, book.brokers, view)
        return None

    def _slow(self, scope: Scope, name: str, buckets: dict[str, Bucket], view: Case) -> Rejection | None:
        bucket = view.portfolio.bucket(buckets, scope, name, view.now_ns)
        if bucket is None or bucket.has_token(view.now_ns):
            return None
        rate = bucket.rate
        text = f"R18 {scope.value} {name} sends more than {show(rate.per_second)}/s, burst {rate.burst} ({rate.where})"
        return Rejection(ReasonCode.THROTTLE, text, "R18", rate.per_second)
