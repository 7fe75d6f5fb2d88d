"""What people type to move a running TWS sandbox, a line at a time. Nothing of this exists at IB."""

from collections.abc import Callable

from bridge.sandbox.ib import TwsSandbox
from bridge.sandbox.ib_faults import Fault, How, On

HELP = """quote SYMBOL BID ASK [SIZE]      set a market
trade SYMBOL PRICE SIZE           print a trade
orders                            what works
fill REF QTY PRICE                an execution out of the blue
hand SYMBOL BUY|SELL QTY PRICE    somebody types an order into TWS
fault place|replace|cancel HOW [CODE TEXT]   the next such request meets a failure: {how}
drop                              break every connection
down | up                         let nobody in; let them in again
silent | speak                    say nothing; speak again
1100 | 1101 | 1102                lose IB's servers; find them, market data lost or kept
restart [NEXT_ID]                 the nightly restart, with ids that fall back
clear                             no more faults"""


class Commands:
    """`do` one line; the answer is text for people."""

    def __init__(self, sandbox: TwsSandbox) -> None:
        self._sandbox = sandbox
        self._commands: dict[str, Callable[[list[str]], str | None]] = {
            "quote": self._quote,
            "trade": self._trade,
            "orders": self._orders,
            "fill": self._fill,
            "hand": self._hand,
            "fault": self._fault,
            "drop": lambda words: sandbox.drop(),
            "down": self._down,
            "up": lambda words: setattr(sandbox.faults, "down", False),
            "silent": lambda words: setattr(sandbox.faults, "silent", True),
            "speak": lambda words: setattr(sandbox.faults, "silent", False),
            "1100": lambda words: sandbox.lose_servers(),
            "1101": lambda words: sandbox.find_servers(data_lost=True),
            "1102": lambda words: sandbox.find_servers(),
            "restart": lambda words: sandbox.restart(int(words[0]) if words else None),
            "clear": lambda words: sandbox.faults.clear(),
            "help": lambda words: HELP.format(how=", ".join(how.value for how in How)),
        }

    def do(self, line: str) -> str:
        """What was done, or why not."""
        words = line.split()
        if not words:
            return ""
        command = self._commands.get(words[0])
        if command is None:
            return f"no command {words[0]!r}; help lists them"
        try:
            return command(words[1:]) or "done"
        except (ValueError, KeyError, ArithmeticError, IndexError, TypeError) as error:
            return f"not done: {type(error).__name__}: {error}"

    def _quote(self, words: list[str]) -> None:
        self._sandbox.quote(*words)

    def _trade(self, words: list[str]) -> None:
        symbol, price, size = words
        self._sandbox.trade(symbol, price, size)

    def _orders(self, words: list[str]) -> str:
        rows = [
            f"{order.ref or '-'} {order.action} {order.qty:f} {order.listed.symbol} {order.kind} {order.price:f} "
            f"{order.status} filled {order.filled:f}"
            for order in self._sandbox.market.orders
            if order.working
        ]
        return "\n".join(rows) or "none works"

    def _fill(self, words: list[str]) -> None:
        ref, qty, price = words
        self._sandbox.fill(ref, qty, price)

    def _hand(self, words: list[str]) -> None:
        symbol, action, qty, price = words
        if action not in {"BUY", "SELL"}:
            raise ValueError(f"BUY or SELL, not {action!r}")
        self._sandbox.by_hand(symbol, action, qty, price)

    def _down(self, words: list[str]) -> None:
        self._sandbox.faults.down = True
        self._sandbox.drop()

    def _fault(self, words: list[str]) -> None:
        on, how, *rest = words
        fault = Fault(on=On(on), how=How(how))
        if rest:
            fault.code, fault.text = int(rest[0]), " ".join(rest[1:]) or fault.text
        self._sandbox.faults.arm(fault)
