"""What happens to orders from outside the matching: halts, splits, corrections, busts, late fills, an account's
reset.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from bridge.brokers.paper.exchange import Exchange
from bridge.brokers.paper.market import Market
from bridge.brokers.paper.orders import PaperOrder
from bridge.brokers.paper.records import (
    Busted,
    Canceled,
    Corrected,
    Filled,
    Halted,
    Reset,
    Restated,
    Resumed,
    Split,
    Suspended,
)
from fixspec.enums import ExecRestatementReason, OrdStatus


def halt(exchange: Exchange, symbol: str, now: int, text: str = "Trading is halted") -> None:
    """Stop trading. Orders are suspended, or cancelled where ExecInst(18)=K says so. KeyError if unknown."""
    exchange.advance(now)
    exchange.match(now)
    market = _market(exchange, symbol)
    if market.halted:
        return
    exchange.happened(Halted(now, symbol, text))
    for order in _working(exchange, symbol):
        if order.cancel_on_halt:
            exchange.happened(Canceled(now, order.no, ExecRestatementReason.CANCEL_ON_TRADING_HALT, text))
        else:
            exchange.happened(Suspended(now, order.no, text))


def resume(exchange: Exchange, symbol: str, now: int) -> None:
    """Go on trading, from the next quote. KeyError if unknown."""
    exchange.advance(now)
    market = _market(exchange, symbol)
    if not market.halted:
        return
    exchange.happened(Resumed(now, symbol))
    for order in _working(exchange, symbol):
        exchange.happened(Restated(now, order.no, ExecRestatementReason.MARKET, text="Trading has resumed"))


def split(exchange: Exchange, symbol: str, new: int, old: int, now: int) -> None:
    """`old` shares become `new`: positions, and orders that outlive the day, by FIX 4.4 H.1.d. KeyError if unknown.

    Quantity × new / old down to the lot; prices × old / new, a buy's down and a sell's up to the tick.
    """
    if new < 1 or old < 1:
        raise ValueError(f"a split of {old} into {new} is none")
    exchange.advance(now)
    exchange.match(now)
    market = _market(exchange, symbol)
    exchange.happened(Split(now, symbol, new, old))
    instrument = market.instrument
    for order in _working(exchange, symbol):
        left = order.left * new / old
        left -= left % instrument.lot_size
        if not left:
            text = f"Less than a lot is left after the split of {old} into {new}"
            exchange.happened(Canceled(now, order.no, ExecRestatementReason.GT_CORPORATE_ACTION, text))
            continue
        rounding = ROUND_FLOOR if order.buy else ROUND_CEILING
        price, stop_px = (
            None
            if px is None
            else (px * old / new / instrument.tick_size).to_integral_value(rounding) * instrument.tick_size
            for px in (order.price, order.stop_px)
        )
        text = f"Split of {old} into {new}"
        reason = ExecRestatementReason.GT_CORPORATE_ACTION
        exchange.happened(Restated(now, order.no, reason, order.cum + left, price, stop_px, text))
        exchange.place(order)


def bust(exchange: Exchange, no: int, execution: int, now: int) -> None:
    """Take an execution back. A filled order is not worked again: its remainder is cancelled (J.1.a)."""
    order = exchange.state.orders[no]
    exchange.happened(Busted(now, no, execution, order.executions[execution - 1].revision + 1))
    if order.closed is OrdStatus.FILLED:
        exchange.happened(Canceled(now, no, ExecRestatementReason.MARKET, "An execution was taken back"))


def correct(exchange: Exchange, no: int, execution: int, qty: Decimal, px: Decimal, now: int) -> None:
    """Change an execution."""
    revision = exchange.state.orders[no].executions[execution - 1].revision + 1
    exchange.happened(Corrected(now, no, execution, revision, qty, px))


def fill(exchange: Exchange, no: int, qty: Decimal, px: Decimal, now: int) -> None:
    """An execution the market did not give: before its end, or a late one after it. KeyError for an unknown order."""
    exchange.match(now)
    order = exchange.state.orders[no]
    if order.closed is None:
        qty = min(qty, order.left)
    exchange.happened(Filled(now, no, len(order.executions) + 1, qty, px))


def reset(exchange: Exchange, account: str, cash: Decimal, now: int) -> None:
    """Cancel the account's orders, drop its positions, give it this cash. KeyError if unknown."""
    exchange.advance(now)
    exchange.match(now)
    known = exchange.state.accounts[account]
    for order in exchange.open_orders():
        if order.account == account:
            reason = ExecRestatementReason.OTHER
            exchange.happened(Canceled(now, order.no, reason, "The account was reset"))
    exchange.happened(Reset(now, known.name, cash))


def _market(exchange: Exchange, symbol: str) -> Market:
    market = exchange.state.market(symbol)
    if market is None:
        raise KeyError(symbol)
    return market


def _working(exchange: Exchange, symbol: str) -> list[PaperOrder]:
    return [order for order in exchange.open_orders() if order.symbol == symbol]
