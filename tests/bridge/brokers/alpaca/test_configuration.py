"""From a BrokerSpec to the adapter: the shipped example, and one clear sentence for everything that is wrong."""

from datetime import date
from pathlib import Path

import pytest

from bridge import assembly
from bridge.assembly import StartFailed
from bridge.brokers.alpaca import AlpacaBroker
from bridge.instruments import Instruments
from bridge.marketdata.alpaca import AlpacaSource
from bridge.marketdata.quotes import QuoteBook
from bridge.orders.events import Mode
from bridge.settings import SettingsError
from bridge.settings.load import load
from sessions.clock import SystemClock

EXAMPLE = Path(__file__).parents[4] / "examples" / "alpaca-paper.yaml"
TODAY = date(2026, 11, 24)
KEYS = {"ALPACA_KEY": "PKEXAMPLE", "ALPACA_SECRET": "example"}


def changed(tmp_path, *changes):
    text = EXAMPLE.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "changed.yaml"
    path.write_text(text)
    return path


def brokers(path, environ=KEYS, **settings):
    known = Instruments.starter(TODAY)
    return assembly.brokers(load([path], environ, **settings), SystemClock(), known, QuoteBook())


async def test_the_example_makes_a_paper_broker_and_a_source_of_prices_with_its_key():
    settings = load([EXAMPLE], KEYS)
    adapter = brokers(EXAMPLE)["alpaca-paper"]
    assert isinstance(adapter, AlpacaBroker)
    assert (adapter.mode, adapter.endpoints.rest) == (Mode.PAPER, "https://paper-api.alpaca.markets")
    source, _ = assembly.market_data(settings, SystemClock(), Instruments.starter(TODAY))
    assert isinstance(source, AlpacaSource)


async def test_options_reach_the_adapter_and_unknown_ones_are_named(tmp_path):
    path = changed(tmp_path, ("  credentials:", "  options: {settle: 45, requests_per_minute: 1000}\n  credentials:"))
    adapter = brokers(path)["alpaca-paper"]
    assert (adapter.settle, adapter.budget.limit) == (45, 1000)
    path = changed(tmp_path, ("  credentials:", "  options: {setle: 45}\n  credentials:"))
    with pytest.raises(StartFailed, match="setle; did you mean settle"):
        brokers(path)


async def test_live_needs_the_word_in_the_document_at_the_start_and_in_the_key(tmp_path):
    path = changed(tmp_path, ("# live: true # real money", "live: true # real money"))
    with pytest.raises(SettingsError):
        load([path], KEYS)
    with pytest.raises(StartFailed, match="this is a paper key"):
        brokers(path, live=True)
    adapter = brokers(path, KEYS | {"ALPACA_KEY": "AKLIVE"}, live=True)["alpaca-paper"]
    assert (adapter.mode, adapter.endpoints.rest) == (Mode.LIVE, "https://api.alpaca.markets")


async def test_a_paper_document_cannot_name_the_live_address(tmp_path):
    path = changed(
        tmp_path,
        ("# endpoint: http://127.0.0.1:9100 # the sandbox\nexec", "endpoint: https://api.alpaca.markets\nexec"),
    )
    with pytest.raises(StartFailed, match="not for a paper connection"):
        brokers(path)


async def test_without_credentials_or_library_the_sentence_says_what_to_do(tmp_path, monkeypatch):
    bare = changed(
        tmp_path,
        ("  credentials:\n    apiKey: {env: ALPACA_KEY}\n    apiSecret: {env: ALPACA_SECRET}\n", ""),
    )
    with pytest.raises(StartFailed, match="apiKey and apiSecret"):
        brokers(bare)
    monkeypatch.setattr(assembly, "find_spec", lambda name: None)
    with pytest.raises(StartFailed, match=r"pip install fixbridge\[alpaca\]"):
        brokers(EXAMPLE)


async def test_one_key_is_one_account(tmp_path):
    path = changed(
        tmp_path,
        (
            "  - {name: ALPACA, broker: alpaca-paper}",
            "  - {name: A, broker: alpaca-paper}\n  - {name: B, broker: alpaca-paper}",
        ),
        ("marketdata:", "sessions: [{comp_id: S, accounts: [A]}]\nmarketdata:"),
    )
    with pytest.raises(StartFailed, match="one account"):
        brokers(path)
