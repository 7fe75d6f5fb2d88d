"""A day's reconciliation: what is counted, and that it explains the positions."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from bridge.orders.blotter import Blotter
from bridge.orders.events import BreakFound, CommissionReported, Reconciled, TradeBusted, TradeCorrected
from bridge.statement import Statement, bounds, statement
from fixspec.enums import Side
from tests.bridge.outputs.script import Script

D = Decimal
DAY = date(2026, 11, 23)


def told(script: Script, day: date = DAY) -> Statement:
    """The statement of a day of the script, the book before it folded as a command does."""
    begin, end = bounds(day, UTC)
    book = Blotter()
    for entry in script.entries:
        if entry.time >= begin:
            break
        book.apply(entry)
    return statement(day, end, book, [entry for entry in script.entries if entry.seq > book.seq])


@pytest.fixture
def script() -> Script:
    return Script(start=datetime(2026, 11, 22, 14, 0, tzinfo=UTC))


def test_positions_go_from_one_end_of_the_day_to_the_other_and_executions_explain_them(script):
    script.fill(script.working(), "100", "187.20", commission="0.50")
    script.later(86_400)
    script.fill(script.working(side=Side.SELL), "40", "188.20", commission="0.20")
    script.fill(script.working(symbol="MSFT"), "10", "400")
    aapl, msft = told(script).positions
    assert (aapl.start, aapl.bought, aapl.sold, aapl.end, aapl.difference) == (100, 0, 40, 60, 0)
    assert (aapl.realised, aapl.fees) == (D(40), D("0.20"))
    assert (msft.start, msft.bought, msft.end) == (0, 10, 10)
    sums = {row.symbol: row for row in told(script).executions}
    assert (sums["AAPL"].executions, sums["AAPL"].sold, sums["AAPL"].value) == (1, 40, D("7528.00"))
    assert (sums["MSFT"].value, sums["MSFT"].fees) == (-4000, 0)
    assert told(script).good


def test_orders_are_counted_by_their_end_and_those_of_earlier_days_apart(script):
    old = script.working()
    quiet = script.working()
    script.later(86_400)
    script.fill(old, "100", "187.20")
    part = script.working()
    script.fill(part, "10", "187.20")
    script.cancel(part)
    script.cancel(script.working())
    script.reject(script.order(), code="MAX_VALUE")
    ends = {row.end: (row.orders, row.of_these_entered) for row in told(script).orders}
    assert ends == {
        "filled": (1, 0),
        "partly filled, canceled": (1, 1),
        "canceled": (1, 1),
        "rejected": (1, 1),
        "working": (1, 0),
    }
    assert script.blotter.order(quiet).open
    (refused,) = told(script).refusals
    assert (refused.code, refused.source, refused.count) == ("MAX_VALUE", "risk", 1)


def test_busts_corrections_and_late_commissions_of_the_day_are_in_the_sums(script):
    order = script.working()
    first = script.fill(order, "60", "187.20")
    script.later(86_400)
    second = script.fill(order, "40", "187.30")
    when = script.now
    script.add(TradeBusted(order_id=order, exec_id="E-b", exec_ref_id=first, broker_exec_id="b", transact_time=when))
    script.add(
        TradeCorrected(
            order_id=order,
            exec_id="E-c",
            exec_ref_id=second,
            broker_exec_id="c",
            last_qty=D(30),
            last_px=D("187.10"),
            transact_time=when,
        )
    )
    script.add(CommissionReported(order_id=order, exec_ref_id="E-c", commission=D("1.5")))
    (sums,) = told(script).executions
    assert (sums.executions, sums.busted, sums.corrected) == (1, 1, 1)
    assert (sums.bought, sums.fees) == (D(-30), D("1.5"))
    assert sums.value == D("60") * D("187.20") - D(30) * D("187.10")
    (held,) = told(script).positions
    assert (held.start, held.end, held.difference) == (60, 30, 0)
    assert told(script).good


def test_a_difference_with_a_broker_means_that_the_day_does_not_reconcile(script):
    script.later(86_400)
    script.add(BreakFound(broker="paper", kind="position", account="ACC1", symbol="AAPL", ours="100", theirs="90"))
    script.add(Reconciled(broker="paper", trigger="timer", breaks=1))
    day = told(script)
    assert day.comparisons == 1
    assert [(each.kind, each.ours, each.theirs) for each in day.breaks] == [("position", "100", "90")]
    assert not day.good


def test_what_comes_after_the_day_is_left_out(script):
    script.later(86_400)
    script.fill(script.working(), "100", "187.20")
    script.later(86_400)
    script.fill(script.working(), "100", "187.20")
    (held,) = told(script).positions
    assert held.end == 100
    assert told(script, date(2026, 11, 21)).orders == ()


def test_a_day_begins_at_its_own_zones_midnight_across_a_change_of_clocks():
    begin, end = bounds(date(2026, 11, 1), ZoneInfo("America/New_York"))
    assert begin.astimezone(UTC) == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert end.astimezone(UTC) == datetime(2026, 11, 2, 5, tzinfo=UTC)
