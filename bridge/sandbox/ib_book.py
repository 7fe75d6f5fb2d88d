"""The sandbox's market and its orders: quotes that are set, matching against them, money, positions. No socket here.

Market orders take the quoted size at the quoted price and wait for the next quote with the rest; limit orders likewise
while the quote reaches them; stops become market orders when the quote reaches them.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from bridge.instruments import Instruments
from bridge.orders.market import AssetClass, Instrument
from bridge.sandbox.ib_wire import Listed, Placed

ZERO = Decimal(0)
RULES: dict[int, tuple[tuple[str, str], ...]] = {
    26: (("0", "0.0001"), ("1", "0.01")),
    67: (("0", "0.25"),),
    239: (("0", "0.00005"),),
    32: (("0", "0.01"), ("3", "0.05")),
}
"""Market rules: price from which, increment. 26 US stocks, 67 ES, 239 IDEALPRO, 32 US options; others by minTick."""
EXCHANGES = {"XCME": "CME", "XCBT": "CBOT", "XNYM": "NYMEX", "XCEC": "COMEX", "IFUS": "NYBOT", "IFEU": "IPE"}
PRIMARY = {"XNAS": "NASDAQ", "XNYS": "NYSE", "ARCX": "ARCA"}
COMMISSION = Decimal("0.005")
FUNDS = Decimal(1_000_000)
WORKING = frozenset({"PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel", "Inactive"})


class Quoted:
    """A quote whose sizes are used up by fills."""

    __slots__ = ("ask", "ask_size", "bid", "bid_size")

    def __init__(self, bid: Decimal, ask: Decimal, bid_size: Decimal, ask_size: Decimal) -> None:
        self.bid, self.ask, self.bid_size, self.ask_size = bid, ask, bid_size, ask_size


class Done:
    """One execution, in its newest form."""

    __slots__ = ("at", "average", "cum", "exec_id", "market", "order", "px", "qty", "time", "told")

    def __init__(self, order: "Working", exec_id: str, at: datetime, time: str, qty: Decimal, px: Decimal) -> None:
        self.at = at
        self.order, self.exec_id, self.time, self.qty, self.px = order, exec_id, time, qty, px
        self.market = order.listed.primary or order.listed.exchange
        self.cum, self.average = order.filled, order.average
        self.told = True


class Working:
    """One order."""

    def __init__(self, asked: Placed, client_id: int, perm_id: int, listed: Listed) -> None:
        self.client_id, self.order_id, self.perm_id, self.listed = client_id, asked.order_id, perm_id, listed
        self.action, self.account, self.ref, self.parent = asked.action, asked.account, asked.ref, asked.parent
        self.filled = self.gross = self.last_px = ZERO
        self.status = "Submitted"
        self.triggered = "STP" not in asked.kind
        self.held = False
        self.told = True  # this client hears of it
        self.completed_text = ""
        self.terms(asked)

    def terms(self, asked: Placed) -> None:
        """The order as it was sent last."""
        self.qty, self.price, self.stop, self.kind, self.tif = asked.qty, asked.price, asked.stop, asked.kind, asked.tif
        self.outside_rth, self.good_till, self.all_or_none = asked.outside_rth, asked.good_till, asked.all_or_none

    @property
    def working(self) -> bool:
        """Can still be filled, or is shown as open."""
        return self.status in WORKING

    @property
    def average(self) -> Decimal:
        """Average price of what is filled."""
        return self.gross / self.filled if self.filled else ZERO

    @property
    def leaves(self) -> Decimal:
        """What may still be filled."""
        return self.qty - self.filled


def listed(known: Iterable[Instrument]) -> list[Listed]:
    """The symbol master's rows as contracts of IB; crypto is left out."""
    made = []
    for number, row in enumerate(known, 265_598):
        if row.asset_class is AssetClass.CRYPTO:
            continue
        tick = f"{row.tick_size:f}"
        if row.security_type == "FUT":
            assert row.maturity is not None
            made.append(
                Listed(
                    con_id=number,
                    symbol=row.underlying or row.symbol,
                    sec_type="FUT",
                    currency=row.currency,
                    exchange=EXCHANGES.get(row.exchange or "", row.exchange or ""),
                    local=row.symbol,
                    month=f"{row.maturity:%Y%m%d}",
                    multiplier=f"{row.multiplier.normalize():f}",
                    min_tick=tick,
                    rule=67 if tick == "0.25" else 0,
                    exchanges=EXCHANGES.get(row.exchange or "", row.exchange or ""),
                    name=row.description or "",
                )
            )
        elif row.asset_class is AssetClass.FX:
            base, _, quoted = row.symbol.partition("/")
            made.append(
                Listed(
                    con_id=number,
                    symbol=base,
                    sec_type="CASH",
                    currency=quoted,
                    exchange="IDEALPRO",
                    local=f"{base}.{quoted}",
                    min_tick="0.00005",
                    rule=239,
                    exchanges="IDEALPRO",
                    size_step="0.01",
                )
            )
        else:
            primary = PRIMARY.get(row.exchange or "", "NASDAQ")
            symbol = row.symbol.replace(".", " ")
            made.append(
                Listed(
                    con_id=number,
                    symbol=symbol,
                    sec_type="STK",
                    currency=row.currency,
                    exchange="SMART",
                    primary=primary,
                    exchanges=f"SMART,{primary}",
                    size_step="0.0001",
                    name=row.description or "",
                )
            )
    return made


class Market:
    """Contracts, quotes, orders, executions and money. `tell` is called with each thing that happens."""

    def __init__(
        self,
        contracts: Iterable[Listed],
        now: Callable[[], datetime],
        stamp: Callable[[], str],
        tell: Callable[[str, Any], None],
    ) -> None:
        """`now` gives the time, `stamp` the time as IB writes it; `tell(what, about)`: state, done, ended."""
        self.contracts = {each.con_id: each for each in contracts}
        self._now = now
        self._stamp = stamp
        self._tell = tell
        self.quotes: dict[int, Quoted] = {}
        self.orders: list[Working] = []
        self.done: list[Done] = []
        self.cash: dict[str, Decimal] = {}
        self.positions: dict[tuple[str, int], tuple[Decimal, Decimal]] = {}
        self._perm_id = 1_100_000_000
        self._executions = 0

    @classmethod
    def starter(
        cls,
        known: Instruments,
        now: Callable[[], datetime],
        stamp: Callable[[], str],
        tell: Callable[[str, Any], None],
    ) -> "Market":
        """The symbol master's universe."""
        return cls(listed(known), now, stamp, tell)

    def matching(self, **wanted: str) -> list[Listed]:
        """Contracts that have all of these, empty ones ignored; a month is a prefix."""
        con_id = int(wanted.pop("con_id", "0") or 0)
        if con_id:
            found = self.contracts.get(con_id)
            return [] if found is None else [found]
        month = wanted.pop("month", "")
        return [
            each
            for each in self.contracts.values()
            if each.month.startswith(month)
            and all(not value or (getattr(each, key) or each.symbol) == value for key, value in wanted.items())
        ]

    def called(self, symbol: str) -> Listed:
        """By the symbol master's name. KeyError."""
        for each in self.contracts.values():
            names = {each.local, f"{each.symbol}/{each.currency}", each.symbol.replace(" ", ".")}
            if each.sec_type == "FUT":
                names = {each.local}
            if symbol in names:
                return each
        raise KeyError(symbol)

    def next_perm_id(self) -> int:
        """IB's permanent ids."""
        self._perm_id += 1
        return self._perm_id

    # --- orders ------------------------------------------------------------------------------------------------------

    def add(self, asked: Placed, client_id: int, found: Listed) -> Working:
        """Take an order in; nothing is told and nothing filled yet."""
        order = Working(asked, client_id, self.next_perm_id(), found)
        if not order.triggered:
            order.status = "PreSubmitted"
        self.orders.append(order)
        return order

    def funds_for(self, asked: Placed, found: Listed) -> bool:
        """Four times the equity may be held."""
        quoted = self.quotes.get(found.con_id)
        px = asked.price or (quoted.ask if quoted is not None else ZERO)
        value = asked.qty * px * Decimal(found.multiplier or 1)
        return value <= self.equity(asked.account) * 4

    def match(self, order: Working) -> None:
        """Fill what the quote reaches."""
        if not order.working or order.held or order.status in {"Inactive", "PendingSubmit"}:
            return
        quoted = self.quotes.get(order.listed.con_id)
        buying = order.action == "BUY"
        if quoted is not None and not order.triggered:
            touched = quoted.ask >= order.stop if buying else quoted.bid <= order.stop
            if touched:
                order.triggered = True
                order.status = "Submitted"
                self._tell("state", order)
        if quoted is not None and order.triggered:
            px = quoted.ask if buying else quoted.bid
            size = quoted.ask_size if buying else quoted.bid_size
            limited = order.kind in {"LMT", "STP LMT", "LOC"}
            reached = not limited or (px <= order.price if buying else px >= order.price)
            qty = min(order.leaves, size) if reached and px else ZERO
            if order.tif == "FOK" and qty < order.leaves:
                qty = ZERO
            if qty > 0:
                if buying:
                    quoted.ask_size -= qty
                else:
                    quoted.bid_size -= qty
                self.fill(order, qty, px)
        if order.tif in {"IOC", "FOK"} and order.working:
            self.cancel(order, "")

    def fill(self, order: Working, qty: Decimal, px: Decimal, *, told: bool = True) -> Done:
        """One execution, whatever the market is."""
        order.filled += qty
        order.gross += qty * px
        order.last_px = px
        self._executions += 1
        exec_id = f"0000e0d5.{0x65A30000 + self._executions:08x}.01.01"
        done = Done(order, exec_id, self._now(), self._stamp(), qty, px)
        done.told = told
        self.done.append(done)
        self._book(order, qty, px, 1)
        if order.filled >= order.qty and order.status != "Cancelled":
            order.status = "Filled"
            order.completed_text = "Filled Size: " + f"{order.filled:f}"
        self._tell("done", done)
        return done

    def correct(self, done: Done, qty: Decimal, px: Decimal) -> None:
        """The same execution in another form, under the next revision."""
        order = done.order
        self._book(order, done.qty, done.px, -1)
        order.filled += qty - done.qty
        order.gross += qty * px - done.qty * done.px
        self._book(order, qty, px, 1)
        root, _, last = done.exec_id.rpartition(".")
        done.exec_id = f"{root}.{int(last) + 1:02}"
        done.qty, done.px, done.cum, done.average = qty, px, order.filled, order.average
        self._tell("corrected", done)

    def _book(self, order: Working, qty: Decimal, px: Decimal, way: int) -> None:
        signed = qty * way * (1 if order.action == "BUY" else -1)
        multiplier = Decimal(order.listed.multiplier or 1)
        key = (order.account, order.listed.con_id)
        held, cost = self.positions.get(key, (ZERO, ZERO))
        after = held + signed
        if after and held * signed >= 0:
            cost = (held * cost + signed * px * multiplier) / after
        elif held * after < 0:
            cost = px * multiplier
        self.positions[key] = (after, cost if after else ZERO)
        cash = self.cash.setdefault(order.account, FUNDS)
        self.cash[order.account] = cash - signed * px * multiplier - qty * way * COMMISSION

    def cancel(self, order: Working, why: str) -> None:
        """End what is left of it."""
        order.status = "Cancelled"
        order.completed_text = why or "Cancelled by Trader"
        self._tell("ended", order)

    # --- the market --------------------------------------------------------------------------------------------------

    def quote(self, found: Listed, bid: Decimal, ask: Decimal, bid_size: Decimal, ask_size: Decimal) -> None:
        """The market moves."""
        self.quotes[found.con_id] = Quoted(bid, ask, bid_size, ask_size)
        self._tell("quote", found)
        for order in list(self.orders):
            if order.listed is found and order.working:
                self.match(order)

    def mark(self, con_id: int) -> Decimal:
        """Middle of the quote, 0 without one."""
        quoted = self.quotes.get(con_id)
        return ZERO if quoted is None else (quoted.bid + quoted.ask) / 2

    def equity(self, account: str) -> Decimal:
        """Cash and positions at the market."""
        total = self.cash.setdefault(account, FUNDS)
        for (name, con_id), (qty, _) in self.positions.items():
            if name == account:
                total += qty * self.mark(con_id) * Decimal(self.contracts[con_id].multiplier or 1)
        return total
