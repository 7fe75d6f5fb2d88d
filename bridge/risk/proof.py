"""The sums checked against the orders they are sums of: after each event in tests, every 10 s live (RISK-TCA 2.5)."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from bridge.orders.order import ZERO, Order
from bridge.risk.holdings import AccountBook, Holding, Line, reserved_qty
from bridge.risk.members import BUY


def discrepancies(
    lines: Mapping[int, Line],
    holdings: Mapping[tuple[str, str], Holding],
    accounts: Mapping[str, AccountBook],
    orders: Iterable[Order],
    linked: Callable[[Order], bool],
) -> list[str]:
    """Where the sums differ from `orders`, which are all working orders: empty, or a bug. Costs their number.

    An order that is filled while a larger replace is unanswered may be listed or not: it works no more, and yet the
    broker may still take the replace.
    """
    expected: dict[tuple[str, str], list[Decimal | int]] = {}
    groups: dict[tuple[str, str, int, str], Decimal] = {}
    seen: set[int] = set()
    filled = (line.order for line in lines.values() if line.order.filled and line.order.pending_replace)
    for order in (*orders, *filled):
        qty = reserved_qty(order)
        if not qty or order.order_id in seen:
            continue
        seen.add(order.order_id)
        sums = expected.setdefault((order.account, order.symbol), [ZERO, ZERO, 0, 0])
        side = 0 if order.side is BUY else 1
        sums[side + 2] += 1
        if order.cl_ord_link_id is not None and linked(order):
            leg = (order.account, order.symbol, side, order.cl_ord_link_id)
            groups[leg] = max(groups.get(leg, ZERO), qty)
        else:
            sums[side] += qty
    for (account, symbol, side, _), qty in groups.items():
        expected[account, symbol][side] += qty
    found = [f"order {order_id} has ended and is still reserved" for order_id in lines.keys() - seen]
    found += [f"order {order_id} works and is not reserved" for order_id in seen - lines.keys()]
    for key, holding in holdings.items():
        ours = [holding.buy, holding.sell, holding.buys, holding.sells]
        theirs = expected.pop(key, [ZERO, ZERO, 0, 0])
        if ours != theirs:
            found.append(f"{key[0]} {key[1]}: reserved {ours}, working {theirs}")
    sums_of: dict[str, list[Decimal | int]] = {}
    for line in lines.values():
        own = sums_of.setdefault(line.holding.account, [0, ZERO, ZERO, ZERO])
        own[0] += 1
        own[1] += line.value
        own[2] += line.margin
        own[3] += line.funds
    for account, book in accounts.items():
        ours = [book.working, book.value, book.margin, book.funds]
        theirs = sums_of.get(account, [0, ZERO, ZERO, ZERO])
        if ours != theirs:
            found.append(f"{account}: orders, value, margin and funds {ours}, sums of its lines {theirs}")
    return found
