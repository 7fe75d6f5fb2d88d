from datetime import date
from decimal import Decimal

import pytest

from bridge.instruments import InstrumentFileError, Instruments
from bridge.orders.market import AssetClass

TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def starter():
    return Instruments.starter(TODAY)


def test_the_starter_universe_has_stocks_funds_futures_currencies_and_coins(starter):
    classes = [instrument.asset_class for instrument in starter]
    assert classes.count(AssetClass.EQUITY) + classes.count(AssetClass.ETF) >= 25
    assert classes.count(AssetClass.FUTURE) >= 2
    assert {"EUR/USD", "GBP/USD", "BTC/USD", "ETH/USD"} <= set(starter.symbols)


def test_every_listed_instrument_is_complete_and_has_a_price_to_start_from(starter):
    for instrument in starter:
        assert instrument.tick_size > 0
        assert instrument.lot_size > 0
        assert instrument.multiplier > 0
        assert instrument.sector != "UNCLASSIFIED"
        price = starter.reference_px(instrument.symbol)
        assert price is not None
        assert price % instrument.tick_size == 0


def test_futures_have_the_exchanges_tick_multiplier_and_last_day(starter):
    es, mes = starter["ESU4"], starter["MESU4"]
    assert (es.tick_size, es.multiplier, es.maturity) == (Decimal("0.25"), 50, date(2024, 9, 20))
    assert (mes.multiplier, mes.currency, mes.security_type) == (5, "USD", "FUT")


def test_a_contract_is_found_by_one_two_or_four_digits_of_the_year(starter):
    assert starter["ESU4"].maturity == starter["ESU24"].maturity == starter["ESU2024"].maturity
    assert starter["ESU24"].symbol == "ESU24"


def test_one_digit_means_the_nearest_year():
    assert Instruments.starter(date(2024, 7, 1))["ESU4"].maturity.year == 2024
    assert Instruments.starter(date(2029, 12, 31))["ESU4"].maturity.year == 2034
    assert Instruments.starter(date(2031, 1, 2))["ESZ9"].maturity.year == 2029


def test_months_that_are_not_listed_and_unknown_roots_are_unknown(starter):
    assert starter.get("ESX4") is None
    assert starter.get("ZZU4") is None
    assert "NOPE" not in starter
    with pytest.raises(KeyError):
        starter["NOPE"]


def test_a_root_and_a_month_name_the_same_contract(starter):
    assert starter.future("ES", "202409").symbol == "ESU4"
    assert starter.future("ES", "202410") is None
    assert starter.future("ES", "2024") is None
    assert starter.future("XX", "202409") is None


def test_the_front_month_changes_eight_days_before_it_expires():
    assert "ESU4" in Instruments.starter(date(2024, 9, 11)).symbols
    assert "ESZ4" in Instruments.starter(date(2024, 9, 12)).symbols


def test_a_users_csv_adds_and_replaces(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text(
        "symbol,asset_class,currency,tick_size,lot_size,sector\nAAPL,equity,USD,0.05,10,Fruit\nVOD.L,equity,GBP,0.0001,1,Telecom\n"
    )
    mine = Instruments.load([file], today=TODAY)
    assert (mine["AAPL"].lot_size, mine["AAPL"].sector) == (10, "Fruit")
    assert mine["VOD.L"].security_type == "CS"
    assert mine.reference_px("VOD.L") is None
    assert "MSFT" in mine
    assert Instruments.load([file], today=TODAY, starter=False).symbols == ("AAPL", "VOD.L")


def test_a_users_yaml_adds_instruments_and_roots(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "futures:\n"
        "- {root: CL, currency: USD, tick_size: 0.01, multiplier: 1000, months: FGHJKMNQUVXZ, expiry: month_end}\n"
        "instruments:\n"
        "- {symbol: SOL/USD, asset_class: crypto, currency: USD, tick_size: 0.001, lot_size: 0.01, shortable: false}\n"
    )
    mine = Instruments.load([file], today=TODAY)
    assert mine["CLF7"].multiplier == 1000
    assert mine["SOL/USD"].shortable is False


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,tick\nA,1\n", r"mine.csv:1: .*must name the columns"),
        ("symbol,asset_class,currency,tick_size\nA,equity,USD,0.01\n", r"mine.csv:2: lot_size: missing"),
        (
            "symbol,asset_class,currency,tick_size,lot_size\nA,equity,USD,0,1\n",
            r"mine.csv:2: tick_size: found '0', allowed",
        ),
        (
            "symbol,asset_class,currency,tick_size,lot_size\nA,equity,USD,1e-2,1\n",
            r"mine.csv:2: tick_size: found '1e-2'",
        ),
        ("symbol,asset_class,currency,tick_size,lot_size\nA,share,USD,0.01,1\n", r"mine.csv:2: "),
        (
            "symbol,asset_class,currency,tick_size,lot_size,colour\nA,equity,USD,0.01,1,red\n",
            r"colour: unknown key, allowed",
        ),
        ("symbol,asset_class,currency,tick_size,lot_size\nA B,equity,USD,0.01,1\n", r"symbol: found 'A B'"),
        ("symbol,asset_class,currency,tick_size,lot_size\nA,equity,USD,0.01\n", r"mine.csv:2: expected 5 columns"),
        ("root,currency,tick_size,multiplier,months\nES,USD,0.25,50,HX!\n", r"months: found 'HX!'"),
        ("root,currency,tick_size,multiplier,expiry\nES,USD,0.25,50,never\n", r"expiry: found 'never'"),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_key(tmp_path, text, says):
    file = tmp_path / "mine.csv"
    file.write_text(text)
    with pytest.raises(InstrumentFileError, match=says):
        Instruments.load([file], today=TODAY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("instruments: [1]", r"instruments\[1\]: expected a mapping"),
        ("- a", "expected the lists"),
        ("a: [", "not YAML"),
        ("instruments:\n- {asset_class: equity}", "the key `symbol`"),
    ],
)
def test_a_wrong_yaml_is_refused_by_item(tmp_path, text, says):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InstrumentFileError, match=says):
        Instruments.load([file], today=TODAY)
