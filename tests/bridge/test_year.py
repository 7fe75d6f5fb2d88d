"""A year of days with the real paper broker: DAY orders expire, GTC orders live on, books add up, nothing piles up."""

import asyncio
from datetime import timedelta
from decimal import Decimal

from bridge.brokers.paper import AccountTerms, PaperBroker
from bridge.desk import utc
from bridge.orders.blotter import Blotter
from bridge.orders.blotter import freeze as freeze_book
from bridge.orders.events import DayOpened, DayRolled
from bridge.reconciler import Reconciler
from bridge.risk import snapshot as risk
from bridge.risk.watch import Watch
from bridge.standing import RiskTerms, Standing, freeze, thaw
from fixspec.enums import OrdStatus, Side, TimeInForce
from tests.bridge.desk.rig import AAPL, ES, Rig

D = Decimal
DAYS = 365
TERMS = RiskTerms("none")
BOOKS = {"AAPL": AAPL, "ESZ6": ES}


class Year(Rig):
    """One account traded by two strategies, day after day."""

    def __init__(self) -> None:
        super().__init__(
            adapter=lambda quotes, clock: PaperBroker(
                quotes=quotes,
                clock=clock,
                instrument=BOOKS.get,
                directory=None,
                name="street",
                accounts=[AccountTerms(name="ACC1", cash=D(1_000_000))],
            ),
            strategies=("S1", "S2"),
        )
        self.reconciler = Reconciler(self.engine, {"street": self.adapter}, self.clock, estimate=self.chain.estimate)
        self.watch = Watch(self.chain)
        self.day = 0
        self.reports: dict[str, int] = {}
        self.expiring: list[str] = []
        self.good_till_cancel: dict[str, int] = {}
        self.forever = ""

    async def until(self, hour: int, minute: int = 0) -> None:
        """Let the clock show that time of the present day, UTC."""
        now = utc(self.clock.utc_ns())
        at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        self.clock.advance((at - now).total_seconds())
        await self.turn()

    async def turn(self) -> None:
        self.adapter.wake()
        for _ in range(3):
            await asyncio.sleep(0)
        for fields in self.heard():
            assert fields[35] == "8", fields
            self.reports[fields[150]] = self.reports.get(fields[150], 0) + 1

    async def trade(self) -> None:
        """A morning: fills for both strategies, orders for the day, some until they are cancelled, changes."""
        mid = D(100) + D(self.day % 11) - 5
        self.quote(str(mid - D("0.01")), str(mid + D("0.01")))
        self.order("7", None, t50="S1")
        self.order("3", None, t50="S2", t54="2" if self.day % 2 else "1")
        self.expiring = [self.order("10", "50.00", t50="S1", t59="0") for _ in range(2)]
        changed = self.order("10", "51.00", t50="S2", t59="0")
        await self.turn()
        self.replace(changed, "12", "52.00")
        dropped = self.order("5", "49.00", t50="S2", t59="0")
        await self.turn()
        self.cancel(dropped)
        if self.day % 7 == 0:
            self.good_till_cancel[self.order("4", "40.00", t50="S1", t59="1")] = self.day
        if not self.forever:
            self.forever = self.order("20", "30.00", t50="S2", t59="1")
        for cl_ord_id in [old for old, since in self.good_till_cancel.items() if self.day - since > 30]:
            del self.good_till_cancel[cl_ord_id]
            self.cancel(cl_ord_id)
        if self.day % 2:
            self.order("7", None, t50="S1", t54="2")
        await self.turn()
        self.expiring.append(changed)

    async def end(self) -> None:
        """The day is over: statements, comparison, roll."""
        await self.reconciler.run("street", "timer")
        self.engine.refresh()
        decided = self.watch.tick(self.desk, ["ACC1"])
        self.engine.record(*decided.events)
        self.engine.record(DayRolled(day=utc(self.clock.utc_ns()).date(), keep_days=7))

    async def check(self) -> None:
        blotter = self.desk.blotter
        for cl_ord_id in self.expiring:
            assert self.of(cl_ord_id).ord_status is OrdStatus.EXPIRED
        working = list(blotter.open_orders())
        assert {order.time_in_force for order in working} <= {TimeInForce.GTC}
        assert {order.cl_ord_id for order in working} - {self.forever} == set(self.good_till_cancel)
        assert self.chain.portfolio.discrepancies(working) == []
        (position,) = [each for each in blotter.positions("ACC1") if each.symbol == "AAPL"]
        books = [each for _, each in blotter.books() if each.symbol == "AAPL"]
        assert sum(each.qty for each in books) == position.qty
        for each in (position, *books):
            assert each.bought - each.sold == each.qty
        assert sum((each.bought for each in books), D(0)) == position.bought
        theirs = {each.symbol: each.qty for each in await self.adapter.positions()}
        assert theirs.get("AAPL", D(0)) == position.qty
        assert self.chain.portfolio.holding("ACC1", "AAPL").pos == position.qty
        assert self.reconciler.breaks["street"] == []
        self.bought = position.bought

    def held(self) -> dict[str, int]:
        """How many of everything are kept in memory."""
        blotter, portfolio = self.desk.blotter, self.chain.portfolio
        tables = ("_orders", "_ids", "_client_ids", "_broker_ids", "_executions", "_order_executions", "_told", "_days")
        return {name: len(getattr(blotter, name)) for name in tables} | {
            "lines": len(portfolio.lines),
            "holdings": len(portfolio.holdings),
            "lookalikes": len(portfolio.lookalikes.seen),
            "absent": len(self.reconciler._absent),
            "results": len(self.reconciler.results),
            "done": min(len(portfolio.done), 10_000) // 10_000,  # bounded by itself
        }


async def test_a_year_of_days():
    year = Year()
    await year.adapter.start(year.engine.on_report)
    start = utc(year.clock.utc_ns())
    sizes: dict[int, dict[str, int]] = {}
    snapshot: bytes | None = None
    for year.day in range(DAYS):
        await year.until(15)
        await year.trade()
        await year.until(22, 30)  # after 17:00 in New York, in summer and in winter
        await year.end()
        await year.check()
        sizes[year.day] = year.held()
        if year.day == 200:
            snapshot = frozen_so_far(year)
        year.clock.advance(86_400 - 22.5 * 3600 + 600)
    assert utc(year.clock.utc_ns()) - start > timedelta(days=364)

    for name, count in sizes[364].items():
        most = max(size[name] for day, size in sizes.items() if 100 <= day < 140)
        assert count <= most, f"{name} grows: {most} in the fourth month, {count} at the end of the year"
    assert len(list(year.desk.blotter.orders())) < 9 * 9 + 10
    assert year.reports["C"] == 3 * DAYS, "three orders a day expired, and each was told once"
    first = year.of(year.forever)
    assert (first.open, first.received - start < timedelta(days=1)) == (True, True), "a GTC order lives on"

    entries = list(year.journal.read())
    assert sum(isinstance(entry.event, DayOpened) for entry in entries) == DAYS
    whole, everything = Standing(Blotter(), TERMS.portfolio()), Blotter(everything=True)
    for entry in entries:
        whole.apply(entry)
        everything.apply(entry)
    assert freeze_book(whole.blotter) == freeze_book(year.desk.blotter)
    assert risk.freeze(whole.portfolio) == risk.freeze(year.chain.portfolio)
    assert len(list(everything.orders())) > 6 * DAYS, "the journal has them all"
    total = sum((order.cum_qty if order.side is Side.BUY else -order.cum_qty for order in everything.orders()), D(0))
    assert total == year.desk.blotter.position("ACC1", "AAPL").qty
    assert year.bought == sum((order.cum_qty for order in everything.orders() if order.side is Side.BUY), D(0))

    assert snapshot is not None
    cold = thaw(snapshot, TERMS)
    for entry in entries:
        if entry.seq > cold.seq:
            cold.apply(entry)
    assert freeze(cold) == freeze(whole), "a start from a snapshot of July is the same as one from January"
    await year.adapter.stop()


def frozen_so_far(year: Year) -> bytes:
    """A snapshot of this evening, as the child would fold it."""
    standing = Standing(Blotter(), TERMS.portfolio())
    for entry in year.journal.read():
        standing.apply(entry)
    return freeze(standing)
