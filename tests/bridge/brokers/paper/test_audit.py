"""The auditor must object: each wrong fill is named."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bridge.brokers.paper.audit import Audit
from bridge.brokers.paper.records import Accepted, Canceled, Filled, Triggered
from bridge.orders.market import Aggressor, Quote, Trade
from fixspec.enums import OrdType, Side, TimeInForce

TIME = datetime(2024, 7, 1, tzinfo=UTC)
D = Decimal


def accepted(no=1, side=Side.BUY, qty=10, price="10.00", ord_type=OrdType.LIMIT, tif=TimeInForce.DAY):
    price = None if price is None else D(price)
    return Accepted(1, no, f"f{no}", "PAPER", "X", side, ord_type, tif, D(qty), price)


def quote(bid="9.99", bid_sz=5, ask="10.00", ask_sz=5):
    return Quote("X", D(bid), D(bid_sz), D(ask), D(ask_sz), TIME, 1)


def fill(no=1, qty=5, px="10.00", made=False, level="10.00", execution=1):
    return Filled(1, no, execution, D(qty), D(px), made=made, level=None if level is None else D(level))


def printed(price="9.98", size=5, aggressor=Aggressor.SELL):
    return Trade("X", D(price), D(size), TIME, 1, aggressor)


RIGHT = [accepted(), quote(), fill()]


def violations(*story):
    audit = Audit()
    for part in story:
        if isinstance(part, Quote | Trade):
            audit.tick(part)
        else:
            audit.records([part])
    return audit.violations


def test_right_fills_pass():
    assert violations(*RIGHT) == []
    assert violations(accepted(price="9.99"), quote(), printed(), fill(px="9.99", made=True, level=None)) == []
    assert violations(*RIGHT, quote(ask_sz=9), fill(qty=4, execution=2)) == []


@pytest.mark.parametrize(
    ("story", "says"),
    [
        ([accepted(), fill()], "nothing was ever displayed"),
        ([accepted(), quote(ask="10.01"), fill(level="10.00")], "better than the touch 10.01"),
        ([accepted(price="9.99"), quote(), fill()], "beyond its limit 9.99"),
        ([accepted(), quote(ask_sz=4), fill()], "5 used of 4 displayed"),
        ([*RIGHT, fill(no=1, execution=2)], "10 used of 5 displayed"),
        ([*RIGHT, quote(ask="9.98", bid="9.97"), quote(), fill(execution=2)], "10 used of 5 displayed"),
        ([accepted(qty=4), quote(), fill()], "filled 5 of 4"),
        ([accepted(), Canceled(1, 1), quote(), fill()], "filled after its end"),
        ([accepted(ord_type=OrdType.STOP, price=None), quote(), fill()], "before its stop was triggered"),
        ([accepted(), quote(bid="10.01", ask="10.00"), fill()], "no usable price"),
        ([accepted(), quote(), fill(px="9.99", made=True)], "away from its price 10.00"),
        ([accepted(), quote(), fill(px="9.99")], "took at 9.99 what was displayed at 10.00"),
        ([accepted(price="10.05"), quote(), fill(px="10.01", level="10.01")], "used the display at 10.01"),
        ([accepted(price="9.99"), quote(), fill(px="9.99", made=True, level=None)], "a print that there was not"),
        ([accepted(price="9.97"), quote(), printed(), fill(px="9.97", made=True, level=None)], "better than the print"),
        (
            [accepted(price="9.98"), quote(), printed(aggressor=Aggressor.BUY), fill(px="9.98", made=True, level=None)],
            "a print of its own side",
        ),
        (
            [accepted(price="9.99"), quote(), printed(size=4), fill(px="9.99", made=True, level=None)],
            "5 given out of a print of 4",
        ),
        (
            [accepted(), accepted(2, price="10.01"), quote(ask="9.99", bid="9.98"), fill(made=True, level="9.99")],
            "before order 2 at 10.01",
        ),
        ([accepted(tif=TimeInForce.IOC), quote(), fill(made=True)], "for immediate execution"),
        ([accepted(tif=TimeInForce.FOK), quote(), fill(), Canceled(1, 1)], "fill or kill was filled in part"),
    ],
)
def test_wrong_fills_are_named(story, says):
    assert any(says in violation for violation in violations(*story)), violations(*story)


def test_a_stop_may_fill_once_it_is_triggered():
    story = [accepted(ord_type=OrdType.STOP, price=None), quote(), Triggered(1, 1), fill()]
    assert violations(*story) == []
