"""Closing positions on purpose, as protected orders: never more than is held, never at any price."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from bridge.interfaces import View
from bridge.risk.portfolio import Portfolio
from bridge.risk.pricing import NoPrice, protected_px, reference
from fixspec.enums import Side


class ClosingOrder(msgspec.Struct, frozen=True):
    """A limit order that closes what is free of a position, at the collar's edge. Without a price it cannot be sent and
    `missing` says why: an operator has to.
    """

    account: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal | None = None
    missing: str | None = None


def flatten(portfolio: Portfolio, view: View, account: str) -> Iterator[ClosingOrder]:
    """One order per open position of the account, for what no working order would close already."""
    for holding in portfolio.account(account).holdings:
        pos = holding.pos
        qty = pos - holding.sell if pos > 0 else -pos - holding.buy
        if not pos or qty <= 0:
            continue
        side = Side.SELL if pos > 0 else Side.BUY
        product = view.instrument(holding.symbol)
        if product is None:
            yield ClosingOrder(account, holding.symbol, side, qty, missing="the symbol is not in the symbol master")
            continue
        table = portfolio.limits.table(holding, product.asset_class, view.now_ns)
        ref = reference(account, holding.symbol, view, table, view.now_ns)
        if isinstance(ref, NoPrice):
            yield ClosingOrder(account, holding.symbol, side, qty, missing=ref.text)
        else:
            yield ClosingOrder(account, holding.symbol, side, qty, protected_px(side, ref, product.tick_size, table))
