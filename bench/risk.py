"""What risk costs an order: microseconds per rule and in total, and whether that grows with what is held and working.

    python bench/risk.py [--repeat 7]

Three portfolios of one account: one symbol held and 100 orders working; 50 and 500; 500 and 5,000. The whole chain must
cost the same in all three, because it reads sums and loops over nothing. Figures are the best of `repeat` runs, because
everything else on the machine only ever adds.
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from bridge.desk import AccountTerms, Desk
from bridge.interfaces import Capabilities
from bridge.orders.blotter import Blotter
from bridge.orders.events import (
    DayOpened,
    Entry,
    Event,
    Mode,
    OrderAccepted,
    OrderEvent,
    OrderFilled,
    OrderReceived,
    OrderRouted,
    Scope,
)
from bridge.orders.market import AssetClass, Instrument, Quote, Trade
from bridge.orders.order import Order, received
from bridge.orders.reports import BrokerAccount
from bridge.risk.case import Case
from bridge.risk.chain import RiskChain
from bridge.risk.kill import CancelOrder, Kill
from bridge.risk.limits import Limits, row
from bridge.risk.portfolio import Portfolio
from bridge.risk.standard import standard_checks
from bridge.risk.times import utc_ns
from fixspec.enums import OrdType, Side, TimeInForce

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
NOW_NS = utc_ns(NOW)
D = Decimal
SIZES = ((1, 100), (50, 500), (500, 5000))
ROWS = [row("R17", "100000"), row("R17.symbol", "100000"), row("R18", "1000000"), row("R18.burst", "1000000")]
WIDE = [row(name, "1000000000") for name in ("R09", "R13", "R14", "R15", "R16", "R22", "R22.orders")]


class NullAdapter:
    """A broker that takes everything."""

    name = "paper"
    mode = Mode.PAPER
    unready = None
    capabilities = Capabilities(ord_types=frozenset(OrdType), times_in_force=frozenset(TimeInForce), short=True)


class Prices:
    """Newest quotes, all fresh."""

    def __init__(self) -> None:
        self.quotes: dict[str, Quote] = {}

    def quote(self, symbol: str) -> Quote | None:
        """The quote."""
        return self.quotes.get(symbol)

    def last_trade(self, symbol: str) -> Trade | None:
        """None."""
        return None


class Room:
    """An account with `held` symbols and `working` orders, as the engine would have it."""

    def __init__(self, held: int, working: int) -> None:
        symbols = [f"S{number}" for number in range(max(held, 1))]
        self.prices = Prices()
        for symbol in symbols:
            self.prices.quotes[symbol] = Quote(symbol, D("99.99"), D(500), D("100.01"), D(500), NOW, NOW_NS)
        instruments = {
            symbol: Instrument(
                symbol=symbol,
                asset_class=AssetClass.EQUITY,
                security_type="CS",
                currency="USD",
                tick_size=D("0.01"),
                lot_size=D(1),
                sector=f"Sector {number % 11}",
            )
            for number, symbol in enumerate(symbols)
        }
        self.blotter = Blotter()
        self.desk = Desk(
            blotter=self.blotter,
            quotes=self.prices,
            instruments=instruments,
            adapters={"paper": NullAdapter()},  # type: ignore[dict-item]
            accounts=[AccountTerms(account="ACC1", broker="paper")],
            sessions=[],
        )
        self.desk.now_ns = NOW_NS
        self.desk.state_account(
            BrokerAccount(
                account="ACC1",
                currency="USD",
                cash=D(10**9),
                equity=D(10**9),
                buying_power=D(10**9),
                taken_ns=NOW_NS,
                margin_account=True,
                shorting_allowed=True,
            )
        )
        self.portfolio = Portfolio(Limits("starter", ROWS + WIDE))
        self.chain = RiskChain(standard_checks(), self.portfolio)
        self.commit(DayOpened(account="ACC1", day=NOW.date(), equity=D(10**9)))
        for symbol in symbols[:held]:
            order_id = self.place(symbol, 100, "100.00")
            self.commit(
                OrderFilled(
                    order_id=order_id,
                    exec_id=f"T{order_id}",
                    broker_exec_id=f"T{order_id}",
                    last_qty=D(100),
                    last_px=D(100),
                    transact_time=NOW,
                )
            )
        for number in range(working):
            self.place(symbols[number % len(symbols)], 10, f"{90 + number % 9}.{number % 100:02}")

    def commit(self, *events: Event) -> None:
        """Number, fold, follow."""
        for event in events:
            entry = Entry(self.blotter.seq + 1, NOW, event)  # type: ignore[arg-type]
            before = self.blotter.order(event.order_id) if isinstance(event, OrderEvent) else None
            self.portfolio.on_entry(entry, before, self.blotter.apply(entry))

    def order(self, symbol: str = "S0", qty: int = 10, price: str = "100.00") -> Order:
        """An order that passes."""
        seq = self.blotter.seq + 1
        event = OrderReceived(
            order_id=seq,
            session_id="S1",
            cl_ord_id=f"C{seq}",
            account="ACC1",
            symbol=symbol,
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_qty=D(qty),
            price=D(price),
            transact_time=NOW,
            broker="paper",
            strategy="bench",
        )
        self.event = event
        return received(Entry(seq, NOW, event), event)

    def place(self, symbol: str, qty: int, price: str) -> int:
        """Send an order; its OrderID."""
        order = self.order(symbol, qty, price)
        reserved = self.chain.estimate(order, self.desk)
        self.commit(
            self.event,
            OrderRouted(
                order_id=order.order_id, broker="paper", broker_client_id=f"f{order.order_id}", reserved=reserved
            ),
            OrderAccepted(order_id=order.order_id, broker_order_id=f"B{order.order_id}"),
        )
        return order.order_id


def timed(call: Callable[[], Any], number: int, repeat: int) -> float:
    """Best of `repeat` runs of `number` calls, in µs per call."""
    runs = []
    for _ in range(repeat):
        began = time.perf_counter_ns()
        for _ in range(number):
            call()
        runs.append((time.perf_counter_ns() - began) / number / 1000)
    return min(runs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeat", type=int, default=60)
    parser.add_argument("--number", type=int, default=300)
    arguments = parser.parse_args()
    rooms = [Room(held, working) for held, working in SIZES]
    columns = [column(room, arguments.number, arguments.repeat) for room in rooms]
    print(f"{'µs per order':28}" + "".join(f"{f'{held} held, {working} working':>24}" for held, working in SIZES))
    for name in columns[0]:
        print(f"{name:28}" + "".join(f"{each[name]:24.2f}" for each in columns))
    fold(rooms[-1], 7)
    kill(rooms[-1], 7)


def column(room: Room, number: int, repeat: int) -> dict[str, float]:
    """Everything measured in one room, in µs."""
    order, desk = room.order(), room.desk
    rejection = room.chain.check(order, desk)
    if rejection is not None:
        raise SystemExit(f"the order of this benchmark is refused: {rejection.text}")
    case = Case(order, desk, room.portfolio, room.chain.marks)
    calls: dict[str, Callable[[], Any]] = {
        "the whole chain": lambda: room.chain.check(order, desk),
        "  the case": lambda: Case(order, desk, room.portfolio, room.chain.marks),
    }
    for check in room.chain.checks:
        calls[f"  {check.rule} {type(check).__name__}"] = partial(check.check, order, case)
    calls["the reservation"] = room.chain.reservation
    return {name: timed(call, number, repeat) for name, call in calls.items()}


def fold(room: Room, repeat: int) -> None:
    """What following one order through its entries costs: received, routed, accepted, filled."""
    blotter, portfolio = room.blotter, room.portfolio
    runs = []
    for _ in range(repeat):
        shown = []
        for _ in range(500):
            order = room.order()
            reserved = room.chain.estimate(order, room.desk)
            fill = OrderFilled(
                order_id=order.order_id,
                exec_id=f"T{order.order_id}",
                broker_exec_id=f"T{order.order_id}",
                last_qty=D(10),
                last_px=D(100),
                transact_time=NOW,
            )
            for event in (
                room.event,
                OrderRouted(
                    order_id=order.order_id, broker="paper", broker_client_id=f"f{order.order_id}", reserved=reserved
                ),
                OrderAccepted(order_id=order.order_id, broker_order_id="B"),
                fill,
            ):
                entry = Entry(blotter.seq + 1, NOW, event)
                before = blotter.order(event.order_id)
                shown.append((entry, before, blotter.apply(entry)))
        began = time.perf_counter_ns()
        for entry, before, after in shown:
            portfolio.on_entry(entry, before, after)
        runs.append((time.perf_counter_ns() - began) / 500 / 1000)
    print(f"\nfold of an order's four entries {min(runs):.2f} µs")


def kill(room: Room, repeat: int) -> None:
    """From the command to the first and the last cancel handed to the engine, over all working orders."""
    runs = []
    for _ in range(repeat):
        began = time.perf_counter_ns()
        machine = Kill(scope=Scope.GLOBAL, who="bench", reason="bench", epoch=1, now_ns=NOW_NS)
        actions = machine.begin(room.blotter.open_orders(), ["paper"], NOW_NS)
        runs.append((time.perf_counter_ns() - began) / 1e6)
    count = sum(isinstance(action, CancelOrder) for action in actions)
    print(f"kill: {count} cancels decided in {min(runs):.2f} ms")


if __name__ == "__main__":
    main()
