"""The screen of `fixbridge top`: the engine's figures as it pushes them, orders as the journal tells them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import DataTable, Footer, Static

from bridge.cli.glance import brokers, latencies, limits, sessions
from bridge.cli.output import cell
from bridge.control_client import ControlClient
from bridge.control_commands import Status
from bridge.control_frames import NoAnswer, Unreachable
from bridge.interfaces import JournalError
from bridge.journal.encoding import order_state
from bridge.journal.head import HeadReader
from bridge.journal.reader import JournalReader
from bridge.journal.state import blotter_at
from bridge.orders.blotter import Blotter
from bridge.problems import ProblemError

SESSIONS = ("session", "state", "in", "out", "queue", "last")
BROKERS = ("broker", "mode", "state", "ack_p50", "ack_p99", "breaks")
LIMITS = ("account", "rule", "used", "limit", "ratio", "bar")
LATENCY = ("stage", "broker", "count", "p50", "p99", "max")
ORDERS = (
    "order_id",
    "received",
    "account",
    "symbol",
    "side",
    "order_qty",
    "price",
    "ord_status",
    "cum_qty",
    "avg_px",
    "broker",
)
RIGHT = frozenset(
    {"in", "out", "queue", "last", "used", "limit", "ratio", "count", "p50", "p99", "max", "ack_p50", "ack_p99"}
    | {"order_id", "order_qty", "price", "cum_qty", "avg_px"}
)
FOLLOW_SECONDS = 0.25
SILENT_SECONDS = 3.0
AT_ONCE = 5_000  # entries folded without letting the screen have its turn


class Pane(DataTable[Text]):
    """A table that keeps its place when its rows are written again."""

    def __init__(self, name: str, columns: Sequence[str]) -> None:
        super().__init__(id=name, cursor_type="row", zebra_stripes=True)
        self.border_title = name
        self._columns = columns

    def on_mount(self) -> None:
        """The columns do not change."""
        for column in self._columns:
            self.add_column(column.replace("_", " ").upper(), key=column)

    def fill(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write all rows anew."""
        row, scrolled = self.cursor_row, self.scroll_y
        self.clear()
        for each in rows:
            self.add_row(*(_cell(column, each.get(column)) for column in self._columns))
        self.move_cursor(row=min(row, max(0, self.row_count - 1)), scroll=False)
        self.scroll_to(y=scrolled, animate=False)


class Top(App[None]):
    """See the module. `control` is the engine's socket, `journal` the journal's directory."""

    TITLE = "fixbridge top"
    CSS = """
    #head { height: 2; padding: 0 1; }
    #head.stale { background: $error; color: $text; }
    Pane { border: round $primary; height: 1fr; }
    #upper { height: 2fr; } #lower { height: 3fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "leave"),
        ("f", "filter", "working / all"),
        ("p", "hold", "hold"),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, control: Path, journal: Path, *, last: int = 200) -> None:
        super().__init__()
        self._control = ControlClient(control, timeout=2.0)
        self._journal = journal
        self._last = last
        self._book = Blotter()
        self._shown = -1
        self._all = False
        self._held = False
        self._heard = 0.0
        self._status: Status | None = None
        self._vitals: dict[str, Any] | None = None

    def compose(self) -> ComposeResult:
        """Head, four small tables, the orders."""
        yield Static("waiting for the daemon …", id="head", markup=False)
        with Vertical():
            with Horizontal(id="upper"):
                with Vertical():
                    yield Pane("sessions", SESSIONS)
                    yield Pane("brokers", BROKERS)
                with Vertical():
                    yield Pane("limits", LIMITS)
                    yield Pane("latency", LATENCY)
            with Horizontal(id="lower"):
                yield Pane("orders", ORDERS)
        yield Footer()

    async def on_mount(self) -> None:
        """Begin to listen and to read."""
        self._control.subscribe("vitals", dict[str, Any], self._pushed)
        await self._control.start()
        self.set_interval(0.5, self._head)
        self.run_worker(self._follow(), name="journal")
        self.run_worker(self._ask(), name="status")

    async def on_unmount(self) -> None:
        """Let go of the engine."""
        await self._control.stop()

    # --- what comes in -----------------------------------------------------------------------------------------------

    def _pushed(self, vitals: dict[str, Any]) -> None:
        self._heard = asyncio.get_running_loop().time()
        self._vitals = vitals
        if self._held:
            return
        self.query_one("#sessions", Pane).fill(sessions(vitals))
        self.query_one("#brokers", Pane).fill(brokers(vitals))
        self.query_one("#limits", Pane).fill(limits(vitals))
        self.query_one("#latency", Pane).fill(latencies(vitals))

    async def _ask(self) -> None:
        """The status once a second, for it is not pushed."""
        while True:
            try:
                self._status = await self._control.ask("status", Status, {})
            except (Unreachable, NoAnswer, ProblemError):
                self._status = None
            await asyncio.sleep(1.0)

    async def _follow(self) -> None:
        """Fold the journal as it grows; a long one bit by bit, so that keys are answered meanwhile."""
        try:
            head = HeadReader(self._journal / "head")
            try:
                self._book = await asyncio.to_thread(blotter_at, self._journal, head.seq)
                reader = JournalReader(self._journal)
                while True:
                    upto = head.seq
                    if upto > self._book.seq:
                        for count, entry in enumerate(reader.read(self._book.seq, upto), 1):
                            self._book.apply(entry)
                            if not count % AT_ONCE:
                                await asyncio.sleep(0)
                    self._orders()
                    await asyncio.sleep(FOLLOW_SECONDS)
            finally:
                head.close()
        except (JournalError, OSError) as error:
            self.query_one("#orders", Pane).border_subtitle = str(error)

    # --- what is shown -----------------------------------------------------------------------------------------------

    def _orders(self) -> None:
        if self._held or self._book.seq == self._shown:
            return
        self._shown = self._book.seq
        working = sorted(self._book.open_orders(), key=lambda order: -order.order_id)
        chosen = working[: self._last]
        if self._all and len(chosen) < self._last:
            every = reversed(list(self._book.orders()))
            closed = (order for order in every if not order.open)
            chosen += [order for order, _ in zip(closed, range(self._last - len(chosen)), strict=False)]
        pane = self.query_one("#orders", Pane)
        pane.border_title = f"orders, {'all' if self._all else 'working'} ({len(working)} working)"
        pane.fill(msgspec.to_builtins(order_state(order)) for order in chosen)

    def _head(self) -> None:
        """One line of the daemon, one of the money; red when it has gone silent."""
        head = self.query_one("#head", Static)
        silent = asyncio.get_running_loop().time() - self._heard
        status, vitals = self._status, self._vitals
        head.set_class(status is None or silent > SILENT_SECONDS, "stale")
        if status is None or vitals is None:
            head.update("no daemon answers; figures are of the time before" if vitals else "waiting for the daemon …")
            return
        money = "   ".join(_money(name, told) for name, told in vitals["accounts"].items())
        words = [f"fixbridge {status.name}", status.mode.upper(), status.version, f"seq {status.seq:,}"]
        words += [f"TRADING {status.trading.value}", f"OPEN {status.open_orders}", f"UNKNOWN {status.unknown_orders}"]
        words += ["DRAINING"] * status.draining + ["HELD"] * self._held
        words += [f"silent for {silent:.0f} s"] * (silent > SILENT_SECONDS)
        head.update(Text("   ".join(words) + "\n" + money, style="bold red" if status.mode == "live" else ""))

    def action_filter(self) -> None:
        """Working orders only, or the last ones of any state."""
        self._all = not self._all
        self._shown = -1
        self._orders()

    def action_hold(self) -> None:
        """Let the picture stand still, or go on."""
        self._held = not self._held
        self._shown = -1
        self._head()


def _money(name: str, told: Mapping[str, Any]) -> str:
    equity, day = told["equity"], told["day_pnl"]
    amount = f"{Decimal(equity):,.2f} {told['currency']}" if equity is not None else "unknown"
    return f"{name} {amount}" + (f" ({Decimal(day):+,.2f} today)" if day is not None else "")


def _cell(column: str, value: Any) -> Text:
    text = cell(value)
    if column == "received":
        text = text[11:19]
    style = ""
    if column == "side":
        style = "green" if text == "buy" else "red"
    elif column == "state" and text not in ("ready", "logged on"):
        style = "bold yellow"
    elif column == "bar":
        style = "bold red" if len(text) > 9 else "yellow" if len(text) > 8 else "green"
    return Text(text or "–", style=style, justify="right" if column in RIGHT else "left")
