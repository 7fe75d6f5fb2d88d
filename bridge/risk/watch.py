"""What follows from risk without an order: days that begin, loss limits that latch, strategies that are disabled.

The engine asks after each commit (`due`, nearly always nothing) and a few times a second (`tick`), and commits what
comes back. Nothing here changes state: the entries do, so a restart finds everything as it was.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import msgspec

from bridge.interfaces import View
from bridge.orders.events import DayOpened, Event, Scope, TradingHalted, TradingState
from bridge.orders.order import Order
from bridge.orders.reports import BrokerAccount
from bridge.risk.chain import RiskChain
from bridge.risk.holdings import AccountBook
from bridge.risk.limits import Bound, Table
from bridge.risk.selftest import Fired, halt_for, self_test
from bridge.risk.states import SEVERITY

REFRESH_AHEAD_NS = 1_000_000_000
REFRESH_MOST = 50
NEW_HIGH = Decimal("1.001")  # a new high is journalled when it is this much above the last


class Decisions(msgspec.Struct, frozen=True):
    """Events to commit now, and accounts whose positions are to be closed as well (`R11.flatten`)."""

    events: tuple[Event, ...] = ()
    flatten: tuple[str, ...] = ()


NOTHING = Decisions()


class Watch:
    """The watch over all accounts of one engine."""

    def __init__(self, chain: RiskChain) -> None:
        self._chain = chain
        self._portfolio = chain.portfolio
        self._marks = chain.marks

    def due(self) -> tuple[Event, ...]:
        """Halts that what was committed so far makes due (R06, R19, R20, overfill). Commit them in the same turn."""
        due = self._portfolio.triggers.due
        return tuple(due.values()) if due else ()

    def tick(self, view: View, accounts: Iterable[str]) -> Decisions:
        """What is due now for all accounts we trade. Also keeps marks fresh, so that decisions need not. Call it about
        four times a second, between decisions.
        """
        events: list[Event] = list(self.due())
        flatten: list[str] = []
        for account in accounts:
            statement = view.account(account)
            book = self._portfolio.account(account)
            fresh = statement is not None and view.now_ns <= statement.taken_ns + self._table(book, view).equity_age
            if statement is None or not fresh:
                continue
            day = self._portfolio.roll(account).day(view.now_ns)
            if book.today != day.toordinal() or book.opening_equity is None:
                events.append(DayOpened(account=account, day=day, equity=statement.equity))
            else:
                events += self._losses(book, statement, day, view, flatten)
        self._marks.refresh(view, REFRESH_AHEAD_NS, REFRESH_MOST)
        return Decisions(tuple(events), tuple(flatten)) if events or flatten else NOTHING

    def prove(self, orders: Iterable[Order]) -> tuple[Event, ...]:
        """Compare what is reserved with `orders`, which are all working orders; every 10 s. Where they differ no limit
        can be trusted any more, so nothing may be opened until a person has looked.
        """
        wrong = self._portfolio.discrepancies(orders)
        if not wrong or SEVERITY[self._portfolio.states.of(Scope.GLOBAL, "")] >= SEVERITY[TradingState.CANCEL_ONLY]:
            return ()
        return (TradingHalted(scope=Scope.GLOBAL, who="sum check", reason="; ".join(wrong[:3])),)

    def self_test(self, accounts: Mapping[str, str], now_ns: int) -> tuple[list[Fired], tuple[Event, ...]]:
        """Fire a synthetic order at each rule on each account (name → broker): everything said, and the halts of
        accounts on which a rule stayed silent. Run at start, before any port opens.
        """
        said: list[Fired] = []
        halts: list[Event] = []
        for account, broker in accounts.items():
            results = self_test(self._chain, account, broker, now_ns)
            said += results
            halt = halt_for(account, results)
            if halt is not None:
                halts.append(halt)
        return said, tuple(halts)

    def _table(self, book: AccountBook, view: View) -> Table:
        return self._portfolio.limits.table(book, None, view.now_ns)

    def _losses(
        self, book: AccountBook, statement: BrokerAccount, day: date, view: View, flatten: list[str]
    ) -> Iterable[Event]:
        account = book.account
        bounds = self._table(book, view).bounds
        fraction, amount, fall = bounds.get("R11"), bounds.get("R11.amount"), bounds.get("R12")
        if fraction is None and amount is None and fall is None:
            return
        now = self._marks.equity(account, view)
        opening, high = book.opening_equity, book.day_high
        if now is None or opening is None:
            return
        loss = opening + statement.net_transfers - now
        tests: list[tuple[str, str, Decimal, Bound | None]] = [
            ("R11", "loss of the day", loss, _of(fraction, opening)),
            ("R11", "loss of the day", loss, amount),
        ]
        if high is not None:
            tests.append(("R12", "fall from the day's high", high - now, fall))
        for rule, what, value, bound in tests:
            if bound is not None and value >= bound.block:
                if SEVERITY[self._portfolio.states.of(Scope.ACCOUNT, account)] < SEVERITY[TradingState.REDUCE_ONLY]:
                    reason = f"{what} {value:,.2f} reached limit {bound.block:,.2f} ({bound.where})"
                    state = TradingState.REDUCE_ONLY
                    yield TradingHalted(scope=Scope.ACCOUNT, name=account, state=state, who=rule, reason=reason)
                    if rule == "R11" and "R11.flatten" in bounds:
                        flatten.append(account)
                break
        if fall is not None and high is not None and now > high * NEW_HIGH:
            yield DayOpened(account=account, day=day, equity=opening, high=now)


def _of(fraction: Bound | None, base: Decimal) -> Bound | None:
    return None if fraction is None else Bound(fraction.block * base, fraction.warn * base, fraction.where)
