from datetime import UTC, datetime
from decimal import Decimal

from bridge.marketdata.quotes import QuoteBook
from bridge.orders.market import Quote, Trade

TIME = datetime(2024, 1, 2, tzinfo=UTC)


def quote(symbol="AAPL", bid="1.00", received_ns=1):
    return Quote(symbol, Decimal(bid), Decimal(1), Decimal("9.00"), Decimal(1), TIME, received_ns)


def test_the_newest_quote_and_trade_are_kept_per_symbol():
    book = QuoteBook()
    trade = Trade("AAPL", Decimal("5.00"), Decimal(1), TIME, 3)
    for tick in (quote(bid="1.00"), quote(bid="2.00"), quote("MSFT"), trade):
        book.publish(tick)
    assert book.quote("AAPL").bid_px == 2
    assert book.last_trade("AAPL") is trade
    assert book.quote("NOPE") is None
    assert book.last_trade("MSFT") is None
    assert book.symbols == ("AAPL", "MSFT")
    assert book.published == 4


def test_a_listener_hears_everything_after_it_was_stored_until_it_is_silenced():
    book = QuoteBook()
    heard = []
    silence = book.listen(lambda tick: heard.append((tick, book.quote(tick.symbol))))
    first = quote()
    book.publish(first)
    silence()
    book.publish(quote())
    assert heard == [(first, first)]


def test_a_listener_may_ask_for_some_symbols_only():
    book = QuoteBook()
    heard = []
    silence = book.listen(heard.append, ["AAPL", "AAPL"])
    book.publish(quote("MSFT"))
    book.publish(quote("AAPL"))
    silence()
    book.publish(quote("AAPL"))
    assert [tick.symbol for tick in heard] == ["AAPL"]


def test_a_crossed_quote_is_kept_as_it_came():
    book = QuoteBook()
    book.publish(quote(bid="99.00"))
    assert not book.quote("AAPL").two_sided
