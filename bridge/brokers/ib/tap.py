"""Every callback of the library, as it comes off the wire, handed on at once. Names are the library's.

Two kinds come in one stream: what TWS tells by itself, and rows of an answer. Rows are collected by the question they
belong to and told to the book as well: an order's state is news whoever asked for it.
"""

from collections.abc import Callable
from datetime import UTC
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Protocol

import structlog

from bridge.brokers.ib.questions import Questions

log = structlog.get_logger("bridge.brokers.ib")

LIVE = -1
"""Request id of what nobody asked for."""


class Hears(Protocol):
    """Who is told."""

    def open_order(self, contract: Any, order: Any, state: Any) -> None:
        """An order's terms and state."""
        ...

    def order_status(self, status: "OrderStatus") -> None:
        """A word about an order: a hint."""
        ...

    def execution(self, contract: Any, execution: Any, live: bool) -> None:
        """A fill, or a corrected one."""
        ...

    def commission(self, exec_id: str, commission: Decimal, currency: str) -> None:
        """What an execution cost."""
        ...

    def order_error(self, order_id: int, code: int, text: str) -> None:
        """An error on an order id of ours."""
        ...

    def notice(self, code: int, text: str) -> None:
        """An error or a notice on no request."""
        ...

    def next_id(self, order_id: int) -> None:
        """IB's next valid order id."""
        ...

    def unreadable(self, kind: str, text: str) -> None:
        """A message that could not be decoded: something is not known now."""
        ...


class OrderStatus:
    """One orderStatus message."""

    __slots__ = ("average", "client_id", "filled", "order_id", "perm_id", "remaining", "status", "why_held")

    def __init__(
        self,
        order_id: int,
        status: str,
        filled: Decimal,
        remaining: Decimal,
        average: Decimal,
        perm_id: int,
        client_id: int,
        why_held: str,
    ) -> None:
        self.order_id, self.status, self.filled, self.remaining = order_id, status, filled, remaining
        self.average, self.perm_id, self.client_id, self.why_held = average, perm_id, client_id, why_held


class Tap:
    """What the library's client calls. `ticks` takes market data, when somebody wants it."""

    defaultTimezone = UTC  # noqa: N815 - the library's name
    ib: SimpleNamespace

    def __init__(self, hears: Hears, questions: Questions, closed: Callable[[str], None]) -> None:
        self._hears = hears
        self._questions = questions
        self._closed = closed
        self.accounts: tuple[str, ...] = ()
        self.next_valid_id = 0
        self.refusal = ""  # what was said before the connection was ready
        self.last_heard = 0
        self.marks: dict[tuple[str, int], Decimal] = {}  # (account, conId) → IB's price of the position
        self.ticks: Any = None

    # --- the connection ----------------------------------------------------------------------------------------------

    def connectAck(self) -> None:  # noqa: N802
        """The handshake is done."""

    def setEventsDone(self) -> None:  # noqa: N802
        """The socket is gone, before or after the connection was ready."""
        self._closed(self.refusal)

    def connectionClosed(self) -> None:  # noqa: N802
        """Told by `setEventsDone` already."""

    def tcpDataArrived(self) -> None:  # noqa: N802
        """Something was heard."""
        self.last_heard += 1

    def managedAccounts(self, accounts: str) -> None:  # noqa: N802
        """The accounts under this login."""
        self.accounts = tuple(each for each in accounts.split(",") if each)

    def nextValidId(self, order_id: int) -> None:  # noqa: N802
        """From here on ids may be used, as far as IB knows."""
        self.next_valid_id = order_id
        self._hears.next_id(order_id)

    def currentTime(self, seconds: int) -> None:  # noqa: N802
        """The answer to a heartbeat."""
        self._questions.end("time", seconds)

    def unreadable(self, fields: list[str], error: Exception) -> None:
        """A message that could not be decoded."""
        self._questions.spoil(f"a message of IB could not be read ({type(error).__name__}: {error})")
        log.error("message of IB not understood", kind=fields[:1], error=f"{type(error).__name__}: {error}")
        self._hears.unreadable(fields[0] if fields else "", f"{type(error).__name__}: {error}")

    def error(self, request: int, code: int, text: str, advanced: str = "") -> None:
        """An error, a warning or a notice: IB sends all three alike."""
        if advanced:
            text = f"{text} {advanced}"
        text = text.replace("\n", " ").strip()
        if request not in {LIVE, 0}:  # orders made by hand and bound to client 0 have negative ids
            if not self._questions.fail(request, code, text):
                self._hears.order_error(request, code, text)
            return
        self.refusal = f"{text} ({code})"
        self._hears.notice(code, text)

    # --- orders ------------------------------------------------------------------------------------------------------

    def openOrder(self, order_id: int, contract: Any, order: Any, state: Any) -> None:  # noqa: N802
        """Terms and state of a working order."""
        self._questions.row("open", (contract, order, state))
        self._hears.open_order(contract, order, state)

    def openOrderEnd(self) -> None:  # noqa: N802
        """All were told."""
        self._questions.end("open")

    def orderStatus(  # noqa: N802
        self,
        order_id: int,
        status: str,
        filled: Decimal,
        remaining: Decimal,
        average: Decimal,
        perm_id: int,
        parent_id: int = 0,
        last_price: Decimal = Decimal(0),
        client_id: int = 0,
        why_held: str = "",
        cap_price: Decimal = Decimal(0),
    ) -> None:
        """A hint: doubled, late, early or missing."""
        said = OrderStatus(order_id, status, filled, remaining, average, perm_id, client_id, why_held)
        self._questions.row("open", said)
        self._hears.order_status(said)

    def completedOrder(self, contract: Any, order: Any, state: Any) -> None:  # noqa: N802
        """An order that ended today."""
        self._questions.row("completed", (contract, order, state))

    def completedOrdersEnd(self) -> None:  # noqa: N802
        """All were told."""
        self._questions.end("completed")

    def execDetails(self, request: int, contract: Any, execution: Any) -> None:  # noqa: N802
        """A fill, live or asked for."""
        if request != LIVE:
            self._questions.row(request, (contract, execution))
        self._hears.execution(contract, execution, request == LIVE)

    def execDetailsEnd(self, request: int) -> None:  # noqa: N802
        """All were told."""
        self._questions.end(request)

    def commissionReport(self, report: Any) -> None:  # noqa: N802
        """The cost of an execution, after it."""
        self._hears.commission(report.execId, Decimal(str(report.commission)), report.currency)

    # --- positions and money -----------------------------------------------------------------------------------------

    def position(self, account: str, contract: Any, position: float, average: float) -> None:
        """One position."""
        row = (account, contract, Decimal(str(position)), Decimal(str(average)))
        self._questions.row("positions", row)

    def positionEnd(self) -> None:  # noqa: N802
        """All were told."""
        self._questions.end("positions")

    def updatePortfolio(  # noqa: N802
        self,
        contract: Any,
        position: float,
        price: float,
        value: float,
        cost: float,
        open_: float,
        done: float,
        name: str,
    ) -> None:
        """IB's price of a position."""
        self.marks[name, contract.conId] = Decimal(str(price))

    def accountSummary(self, request: int, account: str, tag: str, value: str, currency: str) -> None:  # noqa: N802
        """One figure of an account."""
        self._questions.row(request, (account, tag, value, currency))

    def accountSummaryEnd(self, request: int) -> None:  # noqa: N802
        """All were told."""
        self._questions.end(request)

    # --- contracts and prices ----------------------------------------------------------------------------------------

    def contractDetails(self, request: int, details: Any) -> None:  # noqa: N802
        """One contract that fits."""
        self._questions.row(request, details)

    def contractDetailsEnd(self, request: int) -> None:  # noqa: N802
        """All were told."""
        self._questions.end(request)

    def marketRule(self, rule: int, increments: list[Any]) -> None:  # noqa: N802
        """Price increments of a rule."""
        self._questions.end(f"rule {rule}", increments)

    def priceSizeTick(self, request: int, kind: int, price: Decimal, size: Decimal) -> None:  # noqa: N802
        """A price with its size."""
        if self.ticks is not None:
            self.ticks.price(request, kind, price, size)

    def tickSize(self, request: int, kind: int, size: Decimal) -> None:  # noqa: N802
        """A size alone."""
        if self.ticks is not None:
            self.ticks.size(request, kind, size)

    def tickString(self, request: int, kind: int, text: str) -> None:  # noqa: N802
        """A time, among others."""
        if self.ticks is not None:
            self.ticks.text(request, kind, text)

    def marketDataType(self, request: int, kind: int) -> None:  # noqa: N802
        """Whether the prices are live, frozen or delayed."""
        if self.ticks is not None:
            self.ticks.kind(request, kind)
