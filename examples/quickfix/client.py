"""A QuickFIX initiator in one class: enter, replace and cancel orders, wait for what becomes of them.

Used by trade.py and replay_esu4.py beside it. QuickFIX calls the application from its own thread; everything it learns
is handed over under one lock.
"""

import sys
import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import quickfix as fix

DICTIONARY = Path(sys.prefix) / "share" / "quickfix" / "FIX44.xml"

BUY, SELL = fix.Side_BUY, fix.Side_SELL
MARKET, LIMIT, STOP, STOP_LIMIT = fix.OrdType_MARKET, fix.OrdType_LIMIT, fix.OrdType_STOP, fix.OrdType_STOP_LIMIT
TYPES = {MARKET: "market", LIMIT: "limit", STOP: "stop", STOP_LIMIT: "stop limit"}
STATUS = {
    "0": "new",
    "1": "partly filled",
    "2": "filled",
    "4": "canceled",
    "6": "pending cancel",
    "8": "rejected",
    "C": "expired",
    "E": "pending replace",
}


@dataclass
class Fill:
    """One execution: LastQty(32), LastPx(31), TransactTime(60)."""

    qty: Decimal
    px: Decimal
    time: str


@dataclass
class Order:
    """One order as its reports tell it. `status` is OrdStatus(39)."""

    cl_ord_id: str
    symbol: str
    side: str
    ord_type: str
    qty: Decimal
    price: Decimal | None = None
    stop_px: Decimal | None = None
    status: str = ""
    text: str = ""
    fills: list[Fill] = field(default_factory=list)
    replaced: bool = False
    refusal: str = ""

    @property
    def done(self) -> bool:
        """Filled, canceled, rejected or expired."""
        return self.status in ("2", "4", "8", "C")

    def __str__(self) -> str:
        terms = [TYPES[self.ord_type]]
        if self.stop_px is not None:
            terms.append(f"stop {self.stop_px}")
        if self.price is not None:
            terms.append(f"at {self.price}")
        return f"{'buy' if self.side == BUY else 'sell'} {self.qty} {self.symbol} {' '.join(terms)}"


class Client(fix.Application):
    """The application QuickFIX calls, and the methods a strategy calls."""

    def __init__(self, settings: str, *, port: int | None = None, directory: Path | None = None) -> None:
        super().__init__()
        self.orders: dict[str, Order] = {}
        self.session_id: fix.SessionID | None = None
        self._changed = threading.Condition()
        self._logged_on = False
        self._last_word = ""
        self._number = 0
        self._prefix = time.strftime("Q%H%M%S")
        self._settings = fix.SessionSettings(settings)
        self._configure(port, directory)
        self._store = fix.FileStoreFactory(self._settings)
        self._log = fix.FileLogFactory(self._settings)
        self._initiator = fix.SocketInitiator(self, self._store, self._settings, self._log)

    def _configure(self, port: int | None, directory: Path | None) -> None:
        """What depends on the machine: where the dictionary is, and for scripts the port and where to keep files."""
        for session_id in self._settings.getSessions():
            session = self._settings.get(session_id)
            session.setString("DataDictionary", str(DICTIONARY))
            if directory is not None:
                session.setString("FileStorePath", str(directory / "store"))
                session.setString("FileLogPath", str(directory / "log"))
            if port is not None:
                session.setString("SocketConnectPort", str(port))

    # --- called by the strategy --------------------------------------------------------------------------------------

    def start(self, within: float = 10.0) -> None:
        """Connect and log on. Raises TimeoutError."""
        self._initiator.start()
        try:
            self._wait(lambda: self._logged_on, within, "no Logon(A) was answered")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the daemon's last word: {self._last_word or 'none'}") from None

    def stop(self) -> None:
        """Log out and disconnect."""
        self._initiator.stop()

    def enter(
        self,
        symbol: str,
        side: str,
        qty: int,
        ord_type: str,
        *,
        price: Decimal | None = None,
        stop_px: Decimal | None = None,
    ) -> Order:
        """Send a NewOrderSingle(D)."""
        order = Order(self._next_id(), symbol, side, ord_type, Decimal(qty), price, stop_px)
        self.orders[order.cl_ord_id] = order
        message = self._message(fix.MsgType_NewOrderSingle, order)
        message.setField(fix.StringField(11, order.cl_ord_id))
        self._terms(message, order)
        fix.Session.sendToTarget(message, self.session_id)
        return order

    def replace(self, order: Order, price: Decimal) -> None:
        """Send an OrderCancelReplaceRequest(G) with another price."""
        new_id = self._next_id()
        self.orders[new_id] = order
        message = self._message(fix.MsgType_OrderCancelReplaceRequest, order)
        message.setField(fix.StringField(11, new_id))
        message.setField(fix.StringField(41, order.cl_ord_id))
        self._terms(message, order)
        message.setField(fix.StringField(44, str(price)))
        fix.Session.sendToTarget(message, self.session_id)

    def cancel(self, order: Order) -> None:
        """Send an OrderCancelRequest(F)."""
        new_id = self._next_id()
        self.orders[new_id] = order
        message = self._message(fix.MsgType_OrderCancelRequest, order)
        message.setField(fix.StringField(11, new_id))
        message.setField(fix.StringField(41, order.cl_ord_id))
        message.setField(fix.StringField(38, str(order.qty)))
        fix.Session.sendToTarget(message, self.session_id)

    def wait(self, order: Order, status: str | None = None, within: float = 5.0) -> bool:
        """Wait until an order is done, or in `status`; tells whether it is."""
        try:
            self._wait(lambda: order.done or (status is not None and order.status == status), within, "")
        except TimeoutError:
            return False
        return True

    def wait_replaced(self, order: Order, within: float = 5.0) -> bool:
        """Wait until a replace was confirmed; tells whether it was."""
        try:
            self._wait(lambda: order.replaced or order.done or bool(order.refusal), within, "")
        except TimeoutError:
            return False
        return order.replaced

    # --- called by QuickFIX ------------------------------------------------------------------------------------------

    def onCreate(self, session_id: fix.SessionID) -> None:  # noqa: N802 - QuickFIX's names
        self.session_id = session_id

    def onLogon(self, session_id: fix.SessionID) -> None:  # noqa: N802
        with self._changed:
            self._logged_on = True
            self._changed.notify_all()

    def onLogout(self, session_id: fix.SessionID) -> None:  # noqa: N802
        with self._changed:
            self._logged_on = False
            self._changed.notify_all()

    def toAdmin(self, message: fix.Message, session_id: fix.SessionID) -> None:  # noqa: N802
        pass

    def fromAdmin(self, message: fix.Message, session_id: fix.SessionID) -> None:  # noqa: N802
        if message.getHeader().getField(35) in ("3", "5"):
            self._last_word = _get(message, 58)

    def toApp(self, message: fix.Message, session_id: fix.SessionID) -> None:  # noqa: N802
        pass

    def fromApp(self, message: fix.Message, session_id: fix.SessionID) -> None:  # noqa: N802
        with self._changed:
            msg_type = message.getHeader().getField(35)
            order = self.orders.get(_get(message, 11))
            if order is not None and msg_type == "8":
                self._report(order, message)
            elif order is not None and msg_type == "9":
                order.refusal = _get(message, 58) or "refused"
                order.status = _get(message, 39)
            self._changed.notify_all()

    def _report(self, order: Order, message: fix.Message) -> None:
        kind = _get(message, 150)
        order.status = _get(message, 39)
        if kind == "F":
            order.fills.append(Fill(Decimal(_get(message, 32)), Decimal(_get(message, 31)), _get(message, 60)))
        elif kind == "5":
            order.cl_ord_id, order.replaced = _get(message, 11), True
            order.price = Decimal(_get(message, 44))
        elif kind == "8":
            order.text = _get(message, 58)

    # --- messages ----------------------------------------------------------------------------------------------------

    def _next_id(self) -> str:
        self._number += 1
        return f"{self._prefix}-{self._number}"

    def _message(self, msg_type: str, order: Order) -> fix.Message:
        message = fix.Message()
        message.getHeader().setField(fix.StringField(35, msg_type))
        message.setField(fix.StringField(55, order.symbol))
        message.setField(fix.StringField(54, order.side))
        message.setField(fix.TransactTime())
        return message

    def _terms(self, message: fix.Message, order: Order) -> None:
        message.setField(fix.StringField(38, str(order.qty)))
        message.setField(fix.StringField(40, order.ord_type))
        if order.price is not None:
            message.setField(fix.StringField(44, str(order.price)))
        if order.stop_px is not None:
            message.setField(fix.StringField(99, str(order.stop_px)))

    def _wait(self, condition, within: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, within):
                raise TimeoutError(f"{what} within {within:g} s")


def _get(message: fix.Message, tag: int) -> str:
    return message.getField(tag) if message.isSetField(tag) else ""
