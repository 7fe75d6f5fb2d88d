"""The chain: every control in its fixed order, cheap first; the first hard failure refuses.

Two classes of rules (RISK-TCA 2.2): *always* rules judge every order, *opening* rules are skipped by an order that only
reduces a position. Cancels meet no rule: they never come here.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Protocol

import msgspec

from bridge.interfaces import View
from bridge.orders.events import Reservation
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case
from bridge.risk.limits import Limits, Table
from bridge.risk.marks import Marks
from bridge.risk.portfolio import Portfolio
from bridge.risk.usual import AUDIT, Unfit, Usual

Check = Callable[[Order, Case], Rejection | None]

TIMED_EVERY = 64
"""Of so many orders that pass, the rules of one are timed."""


class Rule(Protocol):
    """A RiskCheck, built in or of one's own. Every interfaces.RiskCheck is one: a Case is a View."""

    @property
    def rule(self) -> str:
        """RiskRuleId(5701)."""
        ...

    @property
    def opening(self) -> bool:
        """True when reducing orders skip it."""
        ...

    def check(self, order: Order, view: Case) -> Rejection | None:
        """None when the order may pass."""
        ...


Plan = tuple["RiskChain", tuple[Check, ...], tuple[Check, ...]]
"""Whose plan it is, the rules for orders that open nothing, and those for all others."""


class Outcome(Enum):
    """What a rule said."""

    PASS = "pass"
    WARN = "warn"
    REFUSE = "refuse"
    SKIP = "skip"  # the order opens nothing, or the rule has nothing to weigh
    OFF = "off"


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one rule says about one order. `headroom` is limit − value, `utilisation` value / limit, 1 at the limit."""

    rule: str
    name: str
    outcome: Outcome
    limit: Decimal | str | None = None
    value: Decimal | str | None = None
    headroom: Decimal | None = None
    utilisation: Decimal | None = None
    code: ReasonCode | None = None
    text: str | None = None


class RiskChain:
    """All controls together. Reads the portfolio and the view, changes neither.

    `refused` and `warned` count decisions by rule, `passed` orders, for the metrics.
    """

    def __init__(self, checks: Sequence[Rule], portfolio: Portfolio | None = None, *, one_pass: bool = False) -> None:
        """`one_pass` when `checks` are the standard ones and no others: then a plain order far from all limits is
        judged in one pass (`bridge.risk.usual`), and one in `AUDIT` of these by the rules too.
        """
        self.portfolio = portfolio if portfolio is not None else Portfolio(Limits())
        self.marks = Marks(self.portfolio)
        self.checks = tuple(checks)
        self._last: Case | None = None
        self._passed: Reservation | None = None
        self._one_pass = one_pass
        self._unaudited = 0
        self.disagreed = 0  # orders the one pass let through and a rule did not: a bug; the rules judge alone from then
        self.passed = 0
        self.refused: dict[str, int] = {}
        self.warned: dict[str, int] = {}
        self._rules: dict[Check, str] = {check.check: check.rule for check in checks}
        self._observe: Callable[[str, int], None] | None = None
        self._perf_ns: Callable[[], int]

    def time_rules(self, observe: Callable[[str, int], None], perf_ns: Callable[[], int]) -> None:
        """Tell `observe` (rule, ns) what each rule took, for one order in TIMED_EVERY: two clock readings a rule would
        cost more than most rules do.
        """
        self._observe = observe
        self._perf_ns = perf_ns

    def _timed(self, check: Check) -> Check:
        observe, perf_ns, rule = self._observe, self._perf_ns, self._rules[check]
        assert observe is not None

        def ask(order: Order, case: Case) -> Rejection | None:
            began = perf_ns()
            rejection = check(order, case)
            observe(rule, perf_ns() - began)
            return rejection

        return ask

    def check(self, order: Order, view: View) -> Rejection | None:
        """None when the order may pass, the first hard failure otherwise.

        Synchronous and without effect: the reservation is the fold of the entries that follow, in the same turn.
        """
        self._last = None
        try:
            self._passed = self._in_one_pass(order, view) if self._one_pass else None
            if self._passed is not None:
                self.passed += 1
                return None
            case = Case(order, view, self.portfolio, self.marks)
            plan: Plan | None = case.table.run
            if plan is None or plan[0] is not self:
                plan = case.table.run = self._plan(case.table)
            asked = plan[1] if case.reducing or case.lessening else plan[2]
            if self._observe is not None and not self.passed % TIMED_EVERY:
                asked = tuple(self._timed(check) for check in asked)
            for check in asked:
                rejection = check(order, case)
                if rejection is not None:
                    rule = rejection.rule or "?"
                    self.refused[rule] = self.refused.get(rule, 0) + 1
                    return rejection
        except ArithmeticError as error:  # a number that is none: it decides nothing, so it lets nothing pass
            self.refused["?"] = self.refused.get("?", 0) + 1
            return unusable(error)
        self.passed += 1
        self._last = case
        if case.warnings is not None:
            for rule, _ in case.warnings:
                self.warned[rule] = self.warned.get(rule, 0) + 1
        return None

    def _in_one_pass(self, order: Order, view: View) -> Reservation | None:
        """What to set aside for a plain order far from all limits; None when the rules must be asked."""
        product = view.instrument(order.symbol)
        if product is None:
            return None
        portfolio = self.portfolio
        table = portfolio.limits.table(order, product.asset_class, view.now_ns)
        usual = table.usual
        try:
            if usual is False:
                return None
            if usual is None or usual.product is not product:
                usual = table.usual = Usual(table, product, portfolio.limits, order, view.now_ns)
            reserved: Reservation | None = usual.passes(order, view, portfolio, self.marks)
        except Unfit:
            table.usual = False
            return None
        except ArithmeticError:
            return None
        self._unaudited += 1
        if reserved is None or self._unaudited < AUDIT:
            return reserved
        self._unaudited = 0
        if reserved != self._audited(order, view):
            self.disagreed += 1
            self._one_pass = False
            return None
        return reserved

    def _audited(self, order: Order, view: View) -> Reservation | None:
        """What the rules say about an order that passed: the reservation when all let it pass without a word."""
        case = Case(order, view, self.portfolio, self.marks)
        for check in self.checks:
            if (check.opening and not case.opening) or case.table.is_off(check.rule):
                continue
            if check.check(order, case) is not None or case.warnings is not None:
                return None
        return case.reservation()

    def _plan(self, table: Table) -> Plan:
        """Which rules to run under these limits: those that are off by name are not even asked."""
        live = [check for check in self.checks if not table.is_off(check.rule)]
        always = tuple(check.check for check in live if not check.opening)
        return self, always, tuple(check.check for check in live)

    def reservation(self) -> Reservation | None:
        """What to set aside for the order that `check` let pass last; None when it refused.

        Goes into the OrderRouted or ReplaceRequested of the same turn.
        """
        return self._last.reservation() if self._last is not None else self._passed

    def estimate(self, order: Order, view: View) -> Reservation:
        """What to set aside for an order that nobody asked about: one found at the broker (OrderAdopted)."""
        return Case(order, view, self.portfolio, self.marks).reservation()

    def explain(self, order: Order, view: View) -> list[Verdict]:
        """What every rule says, in order, with nothing placed (DryRun(5746), `fixbridge risk explain`)."""
        try:
            case = Case(order, view, self.portfolio, self.marks)
        except ArithmeticError as error:
            unusable_number = unusable(error)
            return [Verdict("?", "Case", Outcome.REFUSE, code=unusable_number.code, text=unusable_number.text)]
        case.explaining = True
        return [verdict(check, order, case) for check in self.checks]


def unusable(error: ArithmeticError) -> Rejection:
    """The refusal for a number that is none."""
    text = f"a number this order depends on cannot be used ({type(error).__name__})"
    return Rejection(ReasonCode.INTERNAL, text)


def verdict(check: Rule, order: Order, case: Case) -> Verdict:
    """One rule's word about a case, with what it weighed."""
    name = type(check).__name__
    if check.opening and not case.opening:
        return Verdict(check.rule, name, Outcome.SKIP, text="the order opens nothing")
    case.afresh()
    try:
        rejection = check.check(order, case)
    except ArithmeticError as error:
        rejection = unusable(error)
    seen = case.seen
    said = rejection or (case.warnings[0][1] if case.warnings else None)
    if rejection is not None:
        outcome = Outcome.REFUSE
    elif said is not None:
        outcome = Outcome.WARN
    elif seen is None and case.table.is_off(check.rule):
        outcome = Outcome.OFF
    else:
        outcome = Outcome.PASS
    limit: Decimal | str | None = None
    value: Decimal | str | None = None
    if seen is not None:
        limit, value = seen.tightest, seen.value
    elif said is not None:
        limit, value = said.limit, said.value
    headroom = utilisation = None
    if seen is not None:
        headroom = seen.tightest - seen.value
        utilisation = seen.value / seen.tightest if seen.tightest > 0 else None
    return Verdict(
        check.rule,
        name,
        outcome,
        limit,
        value,
        headroom,
        utilisation,
        said.code if said is not None else None,
        said.text if said is not None else None,
    )
