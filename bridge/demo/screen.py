"""The demo's picture: orders, fills and positions as they come. Redrawn on a terminal, a line each when piped."""

from collections import deque
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.demo.trader import BUY, STATUS, TYPES, Trader

LAST_ORDERS = 12
LAST_LINES = 8


class Screen:
    """Shows one trader. `told` is what the trader calls with each sentence."""

    def __init__(self, console: Console, peer: str) -> None:
        self.console = console
        self.peer = peer
        self.trader: Trader | None = None
        self.wanted = 0
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._live: Live | None = None

    def __enter__(self) -> "Screen":
        if self.console.is_terminal:
            self._live = Live(get_renderable=self._picture, console=self.console, refresh_per_second=8)
            self._live.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._live is not None:
            self._live.refresh()
            self._live.__exit__(None, None, None)
            self._live = None

    def told(self, line: str) -> None:
        """Something happened."""
        now = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
        if self._live is not None:
            self._lines.append(f"{now} {line}")
        else:
            print(f"{now} {line}", file=self.console.file, flush=True)

    def summary(self) -> None:
        """The last words: how many orders, fills and refusals, what is held, how fast it was."""
        trader = self.trader
        if trader is None:
            return
        orders = len(set(trader.orders.values()))
        say = f"{orders} orders, {trader.fills} fills, {trader.refused} refused"
        if trader.latencies_us:
            say += f"; first answer p50 {_share(trader, 0.5)}, p99 {_share(trader, 0.99)}"
        print(say, file=self.console.file)
        for symbol, holding in trader.holdings.items():
            if holding.qty:
                print(f"still held: {holding.qty} {symbol} at {holding.avg_px:.4f}", file=self.console.file)
        realised = sum((holding.realised for holding in trader.holdings.values()), Decimal(0))
        print(f"realised {realised:+.2f} USD before fees", file=self.console.file, flush=True)

    def _picture(self) -> RenderableType:
        if self.trader is None:
            return Text(f"logging on to {self.peer} …", style="dim")
        parts = [Panel(self._orders(self.trader), title=self._title(self.trader), title_align="left")]
        held = self._positions(self.trader)
        if held.row_count:
            parts.append(Panel(held, title="positions", title_align="left"))
        parts.append(Panel(Text("\n".join(self._lines), no_wrap=True, overflow="ellipsis"), title="what happened"))
        return Group(*parts, Text("Ctrl-C cancels what works and logs out", style="dim"))

    def _title(self, trader: Trader) -> str:
        goal = f" of {self.wanted}" if self.wanted else ""
        speed = f", first answer p50 {_share(trader, 0.5)}" if trader.latencies_us else ""
        orders = len(set(trader.orders.values()))
        return f"{self.peer}: {orders}{goal} orders, {trader.fills} fills, {trader.refused} refused{speed}"

    @staticmethod
    def _orders(trader: Trader) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for title in ("ClOrdID", "symbol", "side", "type", "qty", "price", "stop", "status", "filled", "at", "answer"):
            right = title in ("qty", "price", "stop", "filled", "at", "answer")
            table.add_column(title, justify="right" if right else "left", no_wrap=True)
        for order in list(dict.fromkeys(reversed(trader.orders.values())))[:LAST_ORDERS][::-1]:
            table.add_row(
                order.cl_ord_id,
                order.symbol,
                "buy" if order.side == BUY else "sell",
                TYPES[order.ord_type],
                str(order.qty),
                str(order.price or ""),
                str(order.stop_px or ""),
                Text(STATUS.get(order.status, "sent"), style=_STYLES.get(order.status, "")),
                str(order.cum_qty or ""),
                f"{order.avg_px:.2f}" if order.cum_qty else "",
                f"{order.answer_us / 1000:.2f} ms" if order.answer_us is not None else "",
            )
        return table

    @staticmethod
    def _positions(trader: Trader) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for title in ("symbol", "qty", "average", "last fill", "realised"):
            table.add_column(title, justify="left" if title == "symbol" else "right", no_wrap=True)
        for symbol, holding in trader.holdings.items():
            table.add_row(
                symbol,
                str(holding.qty),
                f"{holding.avg_px:.4f}" if holding.qty else "",
                str(holding.last_px),
                f"{holding.realised:+.2f}",
            )
        return table


_STYLES = {"2": "green", "8": "red", "4": "dim", "C": "dim", "1": "yellow", "0": "cyan"}


def _share(trader: Trader, share: float) -> str:
    ordered = sorted(trader.latencies_us)
    return f"{ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000:.2f} ms"
