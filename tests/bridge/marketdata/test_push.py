from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from bridge.instruments import Instruments
from bridge.marketdata.push import PushSource
from bridge.orders.market import Quote, Trade
from sessions.clock import ManualClock

QUOTE = {"symbol": "AAPL", "bid_px": "187.20", "bid_sz": "300", "ask_px": "187.25", "ask_sz": "500"}
TRADE = {"symbol": "AAPL", "price": "187.25", "size": "100", "aggressor": "buy"}


@pytest.fixture
async def pushed():
    heard = []
    clock = ManualClock()
    source = PushSource(clock=clock, instruments=Instruments.starter(date(2024, 7, 1)))
    await source.start(heard.append)
    return source, heard, clock


def refusal(source, **changed):
    rows = {**QUOTE, **changed}
    answer = source.push(quotes=[{key: value for key, value in rows.items() if value is not ...}])
    assert answer.accepted == 0
    return answer.refused[0].reason


async def test_quotes_and_trades_are_published_with_the_time_they_arrived(pushed):
    source, heard, clock = pushed
    answer = source.push(quotes=[QUOTE], trades=[TRADE])
    assert (answer.accepted, answer.refused) == (2, ())
    quote, trade = heard
    assert isinstance(quote, Quote)
    assert isinstance(trade, Trade)
    assert (quote.bid_px, quote.ask_sz, quote.received_ns) == (Decimal("187.20"), 500, clock.utc_ns())
    assert quote.time == datetime(2024, 1, 1, tzinfo=UTC)


async def test_an_event_time_may_be_given(pushed):
    source, heard, _ = pushed
    source.push(quotes=[{**QUOTE, "time": "2024-07-01T10:00:00+02:00"}])
    assert heard[0].time == datetime(2024, 7, 1, 8, tzinfo=UTC)


async def test_sizes_may_be_unknown_and_a_side_may_be_missing(pushed):
    source, heard, _ = pushed
    answer = source.push(quotes=[{"symbol": "AAPL", "bid_px": "1.00"}, {**QUOTE, "bid_sz": "", "ask_sz": None}])
    assert answer.accepted == 2
    assert (heard[0].ask_px, heard[1].bid_sz, heard[1].ask_sz) == (None, None, None)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"bid_px": "187.30"}, "crossed"),
        ({"bid_px": "0"}, "bid_px: must be above zero"),
        ({"bid_px": "-1"}, "bid_px: found '-1'"),
        ({"bid_px": "NaN"}, "bid_px: found 'NaN'"),
        ({"bid_px": "1e5"}, "bid_px: found '1e5'"),
        ({"bid_px": " 1"}, "bid_px: found ' 1'"),
        ({"bid_px": 187.2}, "bid_px: found 187.2"),
        ({"ask_sz": "-5"}, "ask_sz: found '-5'"),
        ({"ask_px": ...}, "a size without its price"),
        ({"bid_px": ..., "ask_px": ..., "bid_sz": ..., "ask_sz": ...}, "at least one is needed"),
        ({"symbol": ...}, "symbol: missing"),
        ({"symbol": "NOPE"}, "not in the symbol master"),
        ({"colour": "red"}, "unknown keys colour"),
        ({"time": "noon"}, "time: found 'noon'"),
        ({"time": "2024-07-01T10:00:00"}, "no offset"),
    ],
)
async def test_a_quote_that_cannot_be_believed_is_refused_with_the_reason(pushed, changed, reason):
    source, heard, _ = pushed
    assert reason in refusal(source, **changed)
    assert heard == []


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"price": "0"}, "price: must be above zero"),
        ({"price": None}, "price: missing"),
        ({"size": "0"}, "size: must be above zero"),
        ({"aggressor": "both"}, "aggressor: found 'both'"),
    ],
)
async def test_so_is_a_trade(pushed, changed, reason):
    source, _, _ = pushed
    (refused,) = source.push(trades=[{**TRADE, **changed}]).refused
    assert reason in refused.reason
    assert (refused.list, refused.index, refused.symbol) == ("trades", 0, "AAPL")


async def test_a_wrong_item_does_not_keep_the_others_out(pushed):
    source, heard, _ = pushed
    answer = source.push(quotes=[QUOTE, "what", QUOTE])
    assert (answer.accepted, answer.refused[0].index) == (2, 1)
    assert len(heard) == 2


async def test_a_source_that_is_not_running_takes_nothing(pushed):
    source, heard, _ = pushed
    await source.stop()
    assert source.push(quotes=[QUOTE]).refused[0].reason == "the source is not running"
    assert heard == []


async def test_watching_remembers_symbols(pushed):
    source, _, _ = pushed
    source.watch(["AAPL", "AAPL"])
    assert list(source.watched) == ["AAPL"]
