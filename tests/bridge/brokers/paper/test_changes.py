from msgspec.structs import replace

from bridge.orders.reports import CancelRefused, Replaced, ReplaceRefused
from fixspec.enums import CxlRejReason, OrdType


def test_a_cancel_ends_the_remainder(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 100)
    order = desk.order("buy", 300, limit="100.02")
    desk.match()
    desk.cancel(order)
    assert desk.said(order) == ["Acknowledged", "Executed", "Canceled"]
    desk.quote("AAPL", "100.00", 300, "100.01", 900)
    assert len(desk.fills(order)) == 1


def test_a_cancel_after_the_fill_is_refused_as_too_late(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100)
    desk.cancel(order)
    assert desk.said(order) == ["Acknowledged", "Executed", "CancelRefused"]
    assert desk.last().cxl_rej_reason is CxlRejReason.TOO_LATE_TO_CANCEL


def test_a_cancel_of_something_unknown_is_refused_as_unknown(desk):
    order = desk.order("buy", 100, limit="1.00", account="OTHER")
    desk.orders[order] = replace(desk.orders[order], broker_client_id="x")
    desk.cancel(order)
    assert isinstance(desk.last(), CancelRefused)
    assert desk.last().cxl_rej_reason is CxlRejReason.UNKNOWN_ORDER


def test_a_replace_moves_the_price_and_may_take_at_once(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100, limit="99.00")
    desk.match()
    new = desk.replace(order, limit="100.05")
    assert isinstance(desk.last(), Replaced)
    desk.match()
    assert desk.fills(new) == [("100", "100.02")]


def test_reducing_keeps_the_place_and_raising_loses_it(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    reduced, raised, third = (desk.order("buy", 100, limit="99.99") for _ in range(3))
    desk.match()
    reduced, raised = desk.replace(reduced, qty=80), desk.replace(raised, qty=120)
    desk.match()
    desk.quote("AAPL", "99.90", 300, "99.98", 180)
    assert (desk.fills(reduced), desk.fills(third), desk.fills(raised)) == ([("80", "99.99")], [("100", "99.99")], [])


def test_lowering_to_what_is_filled_ends_the_order(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 100)
    order = desk.order("buy", 300, limit="100.02")
    desk.match()
    new = desk.replace(order, qty=50)
    assert desk.last().order_qty == 100
    desk.quote("AAPL", "100.00", 300, "100.01", 900)
    assert desk.fills(new) == []
    desk.cancel(new)
    assert isinstance(desk.last(), CancelRefused)


def test_a_replace_of_an_ended_order_is_too_late(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100)
    desk.match()
    desk.replace(order, qty=200)
    assert isinstance(desk.last(), ReplaceRefused)
    assert desk.last().cxl_rej_reason is CxlRejReason.TOO_LATE_TO_CANCEL


def test_bad_terms_are_refused_and_the_old_ones_stay(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100, limit="99.99")
    desk.match()
    desk.replace(order, limit="99.995")
    assert isinstance(desk.last(), ReplaceRefused)
    desk.replace(order, qty=100_000_000, new_id="big")
    assert isinstance(desk.last(), ReplaceRefused)
    desk.quote("AAPL", "99.90", 300, "99.98", 180)
    assert desk.fills(order) == [("100", "99.99")]


def test_a_stop_limit_may_become_a_limit(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    order = desk.order("buy", 100, stop="100.10", limit="100.12")
    desk.match()
    desk.orders[order] = replace(desk.orders[order], stop_px=None)
    new = desk.replace(order, ord_type=OrdType.LIMIT)
    desk.match()
    assert desk.fills(new) == [("100", "100.02")]
