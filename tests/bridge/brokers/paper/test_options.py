from datetime import date
from decimal import Decimal

import pytest
import yaml

from bridge.brokers.paper import DifficultBroker, Imitated, PaperBroker, PaperOptions, Resting, Taking
from bridge.instruments import Instruments
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.market import AssetClass
from sessions.clock import ManualClock

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
    assert not options.account("A", "USD", Decimal(5)).margin.margin_account


async def test_options_build_a_broker_that_keeps_them(tmp_path):
    clock, quotes = ManualClock(), QuoteBook()
    options = PaperOptions.parse(yaml.safe_load("{fees: maker-taker, house: {hold_when_closed: false}}"))
    common = {
        "quotes": quotes,
        "clock": clock,
        "instrument": Instruments.starter(date(2024, 7, 1)).get,
        "directory": tmp_path,
        "name": "paper",
        "accounts": [options.account("A", "USD", Decimal(50_000))],
    }
    broker = options.build(**common)
    assert type(broker) is PaperBroker
    await broker.start(lambda report: None)
    (account,) = await broker.accounts()
    assert (account.account, account.cash) == ("A", 50_000)
    await broker.stop()
    scenario = tmp_path / "bad.yaml"
    scenario.write_text("kind: PaperScenario\nfaults: [{fault: lost_ack, nth: 1}]\n")
    assert isinstance(PaperOptions.parse({"scenario": str(scenario)}).build(**common), DifficultBroker)


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
