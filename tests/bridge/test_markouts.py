"""Mids after a fill: taken when due, complete in one entry, dropped when not fresh."""

from decimal import Decimal

from msgspec.structs import replace

from bridge.markouts import Markouts
from bridge.orders.events import MarkoutsTaken
from fixspec.enums import ArrivalSource, Side
from tests.bridge.outputs.script import Script, ns

D = Decimal
FRESH = 5_000_000_000


def watched(script: Script, **options: object) -> Markouts:
    """Markouts that have been shown everything in the script."""
    markouts = Markouts(script.quotes.get, FRESH, **options)  # type: ignore[arg-type]
    blotter = script.fold(0)
    for entry in script.entries:
        markouts.on_entry(entry, blotter.apply(entry))
    return markouts


def later(script: Script, markouts: Markouts, seconds: float, mid: str) -> list[MarkoutsTaken]:
    script.later(seconds)
    script.quote("AAPL", str(D(mid) - D("0.02")), str(D(mid) + D("0.02")))
    return markouts.due(ns(script.now))


def at_each_horizon(script: Script, markouts: Markouts, mid: str) -> list[MarkoutsTaken]:
    """Look at 1, 10, 60 and 300 s with the same mid; what is complete in the end."""
    found = []
    for seconds in (1, 9, 50, 240):
        found += later(script, markouts, seconds, mid)
    return found


def bought(script: Script, qty: str = "100") -> int:
    script.quote("AAPL", "99.98", "100.02")
    order = script.working(price="100.02")
    script.fill(order, qty, "100.02")
    return order


def test_all_horizons_of_a_fill_come_as_one_entry() -> None:
    script = Script()
    order = bought(script)
    markouts = watched(script)
    assert markouts.next_due_ns == ns(script.now) + 1_000_000_000
    assert later(script, markouts, 1, "100.01") == []
    assert later(script, markouts, 9, "100.03") == []
    assert later(script, markouts, 50, "100.00") == []
    [taken] = later(script, markouts, 240, "99.90")
    assert (taken.order_id, taken.exec_id) == (order, "E4")
    assert [(one.seconds, one.mid) for one in taken.markouts] == [
        (1, D("100.01")),
        (10, D("100.03")),
        (60, D("100.00")),
        (300, D("99.90")),
    ]
    first, last = taken.markouts[0], taken.markouts[-1]
    assert (first.realised_bps, first.impact_bps, first.reversion_bps) == (D("2.00"), D("2.00"), D("1.00"))
    assert (last.realised_bps, last.impact_bps, last.reversion_bps) == (D("24.00"), D("-20.00"), D("12.00"))
    assert markouts.next_due_ns is None


def test_a_fill_that_leaves_the_order_open_says_nothing_about_reversion() -> None:
    script = Script()
    bought(script, "40")
    [taken] = at_each_horizon(script, watched(script), "100.00")
    assert {one.reversion_bps for one in taken.markouts} == {None}


def test_an_order_that_ends_by_cancel_tells_its_reversion_apart() -> None:
    script = Script()
    order = bought(script, "40")
    script.cancel(order)
    both = at_each_horizon(script, watched(script), "99.80")
    assert sorted(taken.exec_id for taken in both) == ["", "E4"]
    [end] = [taken for taken in both if not taken.exec_id]
    assert end.markouts[0].reversion_bps == D("22.00")
    assert end.markouts[0].realised_bps is None


def test_a_stale_or_foreign_quote_is_dropped_with_its_reason() -> None:
    script = Script()
    bought(script)
    markouts = watched(script)
    later(script, markouts, 1, "100.01")
    script.later(9)
    assert markouts.due(ns(script.now)) == []
    for seconds in (50, 240):
        script.later(seconds)
        script.quote("AAPL", "99.98", "100.02")
        script.quotes["AAPL"] = replace(script.quotes["AAPL"], source=ArrivalSource.LAST)
        complete = markouts.due(ns(script.now))
    assert [one.dropped for one in complete[0].markouts] == [None, "stale_quote", "source", "source"]


def test_a_look_that_comes_too_late_is_no_sample() -> None:
    script = Script()
    bought(script)
    [taken] = later(script, watched(script), 300.5, "100.01")
    assert [one.dropped for one in taken.markouts] == ["late", "late", "late", None]


def test_a_sale_is_seen_from_the_sellers_side() -> None:
    script = Script()
    script.quote("AAPL", "99.98", "100.02")
    script.fill(script.working(side=Side.SELL, price="99.98"), "100", "99.98")
    [taken] = at_each_horizon(script, watched(script), "99.90")
    assert taken.markouts[0].realised_bps == D("-16.00")
    assert taken.markouts[0].impact_bps == D("20.00")


def test_fills_without_a_mid_and_late_fills_are_not_followed() -> None:
    script = Script()
    script.fill(script.working(), "10", "187.25")
    script.quote("AAPL", "99.98", "100.02")
    order = script.working()
    script.cancel(order)
    script.fill(order, "10", "100.02", late=True)
    assert watched(script).next_due_ns is None


def test_memory_is_bounded() -> None:
    script = Script()
    script.quote("AAPL", "99.98", "100.02")
    order = script.working(qty="1000")
    for _ in range(5):
        script.fill(order, "1", "100.02")
    markouts = watched(script, limit=3)
    assert markouts.dropped == 2
