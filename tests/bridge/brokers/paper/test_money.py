from datetime import date
from decimal import Decimal

import pytest

from bridge.brokers.paper import AccountTerms, HouseRules, MarginTerms
from bridge.brokers.paper.fees import (
    SCHEDULES,
    AlpacaFees,
    Executed,
    InteractiveBrokersFees,
    MakerTaker,
)
from bridge.instruments import Instruments
from bridge.orders.market import AssetClass
from bridge.orders.reports import Executed as ExecutedReport

D = Decimal


@pytest.fixture(scope="module")
def known():
    return Instruments.starter(date(2024, 1, 2))


def sold(qty, px, multiplier=1):
    return Executed(False, D(qty), D(qty) * D(px) * multiplier)


def bought(qty, px, multiplier=1, made=0):
    return Executed(True, D(qty), D(qty) * D(px) * multiplier, D(made) * D(px))


def test_alpaca_charges_sellers_of_shares_for_the_regulators_and_nobody_else(known):
    fees = AlpacaFees()
    assert fees.total(known["AAPL"], bought(1000, 100)) == 0
    # 100 000 × 0.0000278 = 2.78; 1 000 × 0.000166 = 0.166 → 0.17
    assert fees.total(known["AAPL"], sold(1000, 100)) == D("2.95")
    assert fees.total(known["AAPL"], sold(100_000, 1)) == D("2.78") + D("8.30")
    assert fees.total(known["BTC/USD"], bought(1, 60000)) == 150
    assert fees.total(known["BTC/USD"], bought(1, 60000, made=1)) == 90


def test_fixed_pricing_has_a_minimum_and_a_maximum_per_order(known):
    fees = InteractiveBrokersFees()
    aapl = known["AAPL"]
    assert fees.total(aapl, bought(100, 25)) == D("1.00")
    assert fees.total(aapl, bought(1000, 25)) == D("5.00")
    assert fees.total(aapl, bought(1000, "0.25")) == D("2.50")
    assert fees.total(known["EUR/USD"], bought(1_000_000, "1.10")) == D("22")
    assert fees.total(known["ESH4"], bought(2, 5000, 50)) == D("4.50")
    assert fees.total(known["MESH4"], bought(2, 5000, 5)) == D("1.24")


def test_tiered_pricing_adds_what_venues_and_clearing_take(known):
    total = InteractiveBrokersFees.tiered().total(known["AAPL"], bought(1000, 25))
    assert total == D("3.5") * D("1.000738") + 1000 * D("0.0032")


def test_maker_and_taker_pay_by_role(known):
    fees = MakerTaker(maker_bps=D(10), taker_bps=D(20))
    assert fees.total(known["ETH/USD"], Executed(True, D(2), D(4000), D(2000))) == 2 + 4


async def test_partial_fills_together_cost_what_the_order_costs(make_desk):
    desk = await make_desk(fees=SCHEDULES["ib-fixed"])
    desk.quote("AAPL", "100.00", 300, "100.00", 60)
    order = desk.order("buy", 500)
    desk.match()
    for _ in range(8):
        desk.quote("AAPL", "99.00", 300, "99.98", 60)
        desk.quote("AAPL", "99.00", 300, "100.00", 60)
        desk.quote("AAPL", "99.00", 300, "100.01", 60)
    charged = [report.commission for report in desk.reports if isinstance(report, ExecutedReport)]
    assert len(charged) > 3
    assert charged[:2] == [1, 0]
    assert sum(charged) == D("2.50")
    (account,) = await desk.broker.accounts()
    spent = sum(report.last_qty * report.last_px for report in desk.reports if isinstance(report, ExecutedReport))
    assert account.cash == 1_000_000 - spent - D("2.50")
    assert desk.fills(order)


async def test_a_cash_account_pays_in_full_and_sells_what_it_has(make_desk):
    terms = AccountTerms(cash=D(10_000), margin=MarginTerms.cash_account())
    desk = await make_desk(accounts=[terms])
    desk.quote("AAPL", "100.00", 1000, "100.00", 1000)
    desk.order("buy", 101)
    assert desk.last().code.value == "BUYING_POWER"
    desk.order("buy", 100)
    desk.match()
    desk.order("sell", 101)
    assert desk.last().code.value == "SHORT_MARKING"
    desk.order("sell", 100)
    desk.match()
    (account,) = await desk.broker.accounts()
    assert (account.cash, account.margin_account, account.shorting_allowed) == (10_000, False, False)


async def test_intraday_margin_buys_four_times_equity_and_working_orders_count(make_desk):
    desk = await make_desk(accounts=[AccountTerms(cash=D(10_000))])
    desk.quote("AAPL", "100.00", 1000, "100.00", 1000)
    desk.order("buy", 300, limit="90.00")
    desk.match()
    desk.order("buy", 131)
    assert desk.last().code.value == "BUYING_POWER"
    desk.order("buy", 130)
    desk.match()
    assert len(desk.fills()) == 1


async def test_a_cancelled_order_gives_its_margin_back(make_desk):
    desk = await make_desk(accounts=[AccountTerms(cash=D(10_000))])
    desk.quote("AAPL", "100.00", 1000, "100.00", 1000)
    order = desk.order("buy", 400, limit="99.00")
    desk.match()
    desk.cancel(order)
    (account,) = await desk.broker.accounts()
    assert account.buying_power == 40_000
    state = desk.broker.exchange.accounts["PAPER"]
    assert (state.reserved, state.holdings["AAPL"].buying) == (0, 0)


async def test_closing_needs_no_margin_even_when_there_is_none(make_desk):
    desk = await make_desk(accounts=[AccountTerms(cash=D(10_000))])
    desk.quote("AAPL", "100.00", 1000, "100.00", 1000)
    desk.order("buy", 400)
    desk.match()
    desk.quote("AAPL", "80.00", 1000, "80.00", 1000)
    desk.order("buy", 1)
    assert desk.last().code.value == "BUYING_POWER"
    order = desk.order("sell", 400)
    desk.match()
    assert desk.fills(order) == [("400", "80.00")]


async def test_other_currencies_are_converted_at_the_pair(make_desk):
    desk = await make_desk()
    sap = desk.instruments["AAPL"].__class__(
        symbol="SAP.DE",
        asset_class=AssetClass.EQUITY,
        security_type="CS",
        currency="EUR",
        tick_size=D("0.01"),
        lot_size=D(1),
    )
    desk.instruments._rows["SAP.DE"] = sap
    desk.quote("SAP.DE", "200.00", 100, "200.00", 100)
    desk.order("buy", 10, "SAP.DE")
    assert desk.last().code.value == "NO_REFERENCE_PRICE"
    desk.quote("EUR/USD", "1.10000", None, "1.10000", None)
    desk.order("buy", 10, "SAP.DE")
    desk.match()
    (account,) = await desk.broker.accounts()
    assert account.cash == 1_000_000 - 2200
    desk.quote("EUR/USD", "1.20000", None, "1.20000", None)
    (account,) = await desk.broker.accounts()
    assert account.equity == 1_000_200


async def test_accounts_are_apart_but_share_the_displayed_size(make_desk):
    desk = await make_desk(accounts=[AccountTerms(name="A"), AccountTerms(name="B")])
    desk.quote("AAPL", "100.00", 300, "100.02", 150)
    first, second = desk.order("buy", 100, account="A"), desk.order("buy", 100, account="B")
    desk.match()
    assert (desk.fills(first), desk.fills(second)) == ([("100", "100.02")], [("50", "100.02")])
    assert {(p.account, p.qty) for p in await desk.broker.positions()} == {("A", 100), ("B", 50)}


async def test_shares_sold_short_pay_for_the_borrow_by_the_day(make_desk):
    desk = await make_desk(house=HouseRules(borrow_rate=D("0.36")))
    desk.quote("AAPL", "100.00", 300, "100.00", 500)
    desk.order("sell_short", 100)
    desk.match()
    desk.later(24 * 3600)
    (account,) = await desk.broker.accounts()
    assert account.cash == 1_000_000 + 10_000 - 10


async def test_a_reset_empties_the_account_and_tells_the_orders_owners(desk):
    desk.quote("AAPL", "100.00", 300, "100.02", 500)
    desk.order("buy", 100)
    order = desk.order("buy", 100, limit="99.00")
    desk.match()
    desk.broker.reset("PAPER", D(5000))
    assert desk.said(order) == ["Acknowledged", "Canceled"]
    assert await desk.broker.positions() == []
    (account,) = await desk.broker.accounts()
    assert (account.cash, account.equity) == (5000, 5000)
    assert account.net_transfers < -900_000
