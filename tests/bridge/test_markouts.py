"""Mids after a fill: taken when due, complete in one entry, dropped when not fresh."""

from decimal import Decimal

from bridge.markouts import Markouts
from bridge.orders.events import MarkoutsTaken
from bridge.orders.market import Quote
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
    [taken] = later(script, watched(script), 300, "100.00")
    assert {one.reversion_bps for one in taken.markouts} == {None}


def test_an_order_that_ends_by_cancel_tells_its_reversion_apart() -> None:
    script = Script()
    order = bought(script, "40")
    script.cancel(order)
    both = later(script, watched(script), 301, "99.80")
    assert sorted(taken.exec_id for taken in both) == ["", "E4"]
    [end] = [taken for taken in both if not taken.exec_id]
    assert end.markouts[0].reversion_bps == D("22.00")
    assert end.markouts[0].realised_bps is None


def test_a_stale_or_foreign_quote_is_dropped_with_its_reason() -> None:
    script = Script()
    bought(script)
    markouts = watched(script)
    script.later(10)
    assert markouts.due(ns(script.now)) == []
    quote = script.quotes["AAPL"]
    script.quotes["AAPL"] = Quote(
        "AAPL", quote.bid_px, None, quote.ask_px, None, script.now, ns(script.now) + 290_000_000_000, ArrivalSource.LAST
    )
    script.later(290)
    [taken] = markouts.due(ns(script.now))
    assert [one.dropped for one in taken.markouts] == ["stale_quote", "stale_quote", "source", "source"]


def test_a_sale_is_seen_from_the_sellers_side() -> None:
    script = Script()
    script.quote("AAPL", "99.98", "100.02")
    script.fill(script.working(side=Side.SELL, price="99.98"), "100", "99.98")
    [taken] = later(script, watched(script), 300, "99.90")
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
