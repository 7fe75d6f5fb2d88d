"""How much of its limits an account uses, per rule: for bars, gauges, alerts. Loops over holdings: not for orders."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from bridge.interfaces import View
from bridge.orders.order import ZERO
from bridge.risk.chain import RiskChain
from bridge.risk.limits import Bound
from bridge.risk.marks import UNCLASSIFIED, Totals


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One limit of one account. `what` names the symbol or sector that uses most of it; `ratio` 1 is at the limit.

    Without a value (a price or the account's statement is missing) the rule refuses what opens.
    """

    account: str
    rule: str
    limit: Decimal
    where: str
    value: Decimal | None = None
    ratio: Decimal | None = None
    what: str | None = None


def usage(chain: RiskChain, view: View, account: str) -> Iterator[Usage]:
    """Every limit of the account that something can be said about, in the order of the rules."""
    portfolio, now = chain.portfolio, view.now_ns
    book = portfolio.account(account)
    bounds = portfolio.limits.table(book, None, now).bounds
    statement = view.account(account)
    totals = chain.marks.totals(account, view)
    priced = not totals.unpriced and chain.marks.fresh_rates(totals, account, view) is None
    now_equity = chain.marks.equity(account, view)
    table = portfolio.limits.table(book, None, now)
    equity = max(statement.equity, table.equity_floor) if statement is not None and now_equity is not None else None

    def said(
        rule: str, value: Decimal | int | None, times: Decimal | None = None, what: str | None = None
    ) -> Iterator[Usage]:
        bound = bounds.get(rule)
        if bound is not None:
            yield of(account, rule, bound, None if value is None else Decimal(value), times, what)

    if priced:
        yield from positions(chain, view, totals)
    if statement is not None and statement.margin_account and "R10" in bounds and equity is not None:
        free = statement.equity * table.free_part
        held = totals.margin + book.margin if priced else None
        yield of(account, "R10", Bound(free, free, "own sums"), held)
    if book.opening_equity is not None and statement is not None:
        loss = None if now_equity is None else book.opening_equity + statement.net_transfers - now_equity
        yield from said("R11", loss, book.opening_equity)
        yield from said("R11.amount", loss)
    if book.day_high is not None:
        yield from said("R12", None if now_equity is None else book.day_high - now_equity)
    if priced and equity is not None:
        largest = max(totals.marked.values(), key=lambda marked: marked.gross, default=None)
        if largest is not None:
            yield from said("R13", largest.gross, equity, largest.holding.symbol)
        for sector, gross in totals.sectors.items():
            yield from said("R14.unclassified" if sector == UNCLASSIFIED else "R14", gross, equity, sector)
        yield from said("R15", max(abs(totals.long), abs(totals.short)), equity)
        cash = statement is not None and not statement.margin_account
        yield from said("R16.cash" if cash else "R16", totals.gross, equity)
    yield from said("R17", book.working)
    busiest = max(book.holdings, key=lambda holding: holding.buys + holding.sells, default=None)
    if busiest is not None:
        yield from said("R17.symbol", busiest.buys + busiest.sells, None, busiest.symbol)
    yield from said("R22", book.day.turnover)
    yield from said("R22.orders", book.day.orders)


def positions(chain: RiskChain, view: View, totals: Totals) -> Iterator[Usage]:
    """R09 of the symbol that uses most of it."""
    most: Usage | None = None
    for symbol, marked in totals.marked.items():
        product = view.instrument(symbol)
        asset_class = product.asset_class if product is not None else None
        bound = chain.portfolio.limits.table(marked.holding, asset_class, view.now_ns).bounds.get("R09")
        if bound is not None:
            found = of(marked.holding.account, "R09", bound, max(marked.long, -marked.short), None, symbol)
            if most is None or (found.ratio or ZERO) > (most.ratio or ZERO):
                most = found
    if most is not None:
        yield most


def of(
    account: str, rule: str, bound: Bound, value: Decimal | None, times: Decimal | None = None, what: str | None = None
) -> Usage:
    """A value against a bound, which is a part of `times` where that is given."""
    limit = bound.block if bound.block.is_finite() else bound.warn
    if times is not None:
        limit *= times
    ratio = value / limit if value is not None and limit > 0 else None
    return Usage(account, rule, limit, bound.where, value, ratio, what)
