from decimal import Decimal

from bridge.brokers.paper import HouseRules, Imitated
from bridge.orders.market import AssetClass
from bridge.orders.reports import Refused


async def test_a_limit_beyond_the_band_is_refused_on_its_own_side_alone(make_desk):
    desk = await make_desk(house=HouseRules(price_bands={AssetClass.EQUITY: Decimal("0.10")}))
    desk.quote("AAPL", "100.00", 300, "100.00", 500)
    for side, limit, refused in (
        ("buy", "110.00", False),
        ("buy", "110.01", True),
        ("buy", "1.00", False),
        ("sell", "90.00", False),
        ("sell", "89.99", True),
    ):
        desk.order(side, 1, limit=limit)
        assert isinstance(desk.last(), Refused) is refused, (side, limit)
        if refused:
            assert desk.last().code.value == "PRICE_COLLAR"


async def test_a_wash_trade_is_refused_where_the_house_does_not_allow_it(make_desk):
    desk = await make_desk(house=HouseRules(allow_wash_trades=False, imitate=Imitated.ALPACA))
    desk.quote("AAPL", "100.00", 300, "100.05", 500)
    desk.order("sell", 10, limit="100.03")
    desk.match()
    for terms, refused in (({"limit": "100.02"}, False), ({"limit": "100.03"}, True), ({}, True)):
        desk.order("buy", 10, **terms)
        assert isinstance(desk.last(), Refused) is refused, terms
    assert (desk.last().broker_code, desk.last().text[:20]) == ("40310000", "potential wash trade")


async def test_hard_to_borrow_shares_cannot_be_sold_short(make_desk):
    desk = await make_desk(house=HouseRules(hard_to_borrow=frozenset({"AAPL"})))
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.order("sell_short", 10)
    assert desk.last().code.value == "SHORT_MARKING"


async def test_refusals_have_the_words_and_codes_of_the_imitated_broker(make_desk):
    for imitate, text, code in (
        (Imitated.NONE, "insufficient buying power: 2500500.00 USD of margin needed", None),
        (Imitated.ALPACA, "insufficient buying power", "40310000"),
        (Imitated.INTERACTIVE_BROKERS, "Order rejected - reason:YOUR AVAILABLE FUNDS", "201"),
    ):
        desk = await make_desk(house=HouseRules(imitate=imitate))
        desk.quote("AAPL", "100.00", 300, "100.02", 500)
        desk.order("buy", 100_000)
        assert desk.last().text.startswith(text)
        assert desk.last().broker_code == code
        assert desk.last().code.value == "BUYING_POWER"


async def test_a_share_of_the_orders_is_refused_at_random_and_always_the_same_ones(make_desk):
    refused = []
    for _ in range(2):
        desk = await make_desk(house=HouseRules(reject_share=0.2, seed=7))
        desk.quote("AAPL", "100.00", 300, "100.02", 500)
        for _ in range(200):
            desk.order("buy", 1, limit="99.00")
        refused.append([r.broker_client_id for r in desk.reports if isinstance(r, Refused)])
    assert refused[0] == refused[1]
    assert 20 < len(refused[0]) < 60
