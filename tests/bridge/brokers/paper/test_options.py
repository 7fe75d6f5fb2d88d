from decimal import Decimal

import pytest
import yaml

from bridge.brokers.paper import Imitated, PaperOptions, Resting, Taking
from bridge.brokers.paper.fees import InteractiveBrokersFees
from bridge.marketdata.hours import ExchangeHours
from bridge.orders.market import AssetClass

DOCUMENT = """
fill: {taking: walk, walk_depth: 0.5, resting: through, participation: 0.1, untold_size: {fx: 500000}}
fees: ib-fixed
latency: {submit: {median: 20, sigma: 0.4}, seed: 3}
house: {imitate: alpaca, price_bands: {equity: 0.1}, hard_to_borrow: [GME], reject_share: 0.01}
hours: calendar
margin: cash
"""


def test_a_document_becomes_the_parts_of_the_broker():
    options = PaperOptions.parse(yaml.safe_load(DOCUMENT))
    assert (options.fill.taking, options.fill.resting) == (Taking.WALK, Resting.THROUGH)
    assert (options.fill.participation, options.fill.walk_depth) == (Decimal("0.1"), Decimal("0.5"))
    assert options.house.price_bands == {AssetClass.EQUITY: Decimal("0.1")}
    assert options.house.imitate is Imitated.ALPACA
    parts = options.parts()
    assert isinstance(parts["fees"], InteractiveBrokersFees)
    assert isinstance(parts["hours"], ExchangeHours)
    assert not options.account("A", "USD", Decimal(5)).margin.margin_account


def test_everything_may_be_left_out():
    options = PaperOptions.parse({})
    assert options == PaperOptions()
    assert options.account("A", "EUR", Decimal(5)).currency == "EUR"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"fees": "cheap"}, "fees: found 'cheap', allowed are none, alpaca"),
        ({"fill": {"taking": "run"}}, r"Invalid enum value 'run' - at `\$.fill.taking`"),
        ({"fill": {"participation": 2}}, r"participation 2 must be above 0"),
        ({"colour": "red"}, "unknown field `colour`"),
        ({"latency": {"submit": "slow"}}, "Expected `object`"),
    ],
)
def test_a_wrong_document_is_refused_by_key(document, says):
    with pytest.raises(ValueError, match=says):
        PaperOptions.parse(document)
