"""What is refused before it is sent, mapped errors, endpoints: tables."""

from decimal import Decimal

import pytest

from bridge.brokers.alpaca import AlpacaBroker, WrongMode, endpoints, rules
from bridge.brokers.alpaca.answers import Denied, cancel_reason, denial, known, reason
from bridge.brokers.alpaca.rules import Asset
from bridge.brokers.alpaca.wire import Unreadable, moment, new_order, optional, replacement, text
from bridge.orders.events import Mode
from bridge.orders.reasons import ReasonCode
from fixspec.enums import CxlRejReason, OrdType, Side, TimeInForce
from sessions.clock import SystemClock
from tests.contract.venue import Orders

MAKE = Orders("AAPL", "ALPACA", "alpaca")


def order(**changes):
    import msgspec

    made = MAKE.new("buy", 10, limit="98.00")
    return msgspec.structs.replace(made, **changes)


CRYPTO = {"symbol": "BTC/USD", "time_in_force": TimeInForce.GOOD_TILL_CANCEL}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"price": Decimal("98.005")}, ReasonCode.TICK_SIZE),
        ({"price": Decimal("0.9999")}, None),
        ({"price": Decimal("0.99995")}, ReasonCode.TICK_SIZE),
        ({"ord_type": OrdType.PEGGED}, ReasonCode.ORDTYPE),
        ({"time_in_force": TimeInForce.GTD}, ReasonCode.TIF),
        ({"time_in_force": TimeInForce.OPENING}, None),
        ({"time_in_force": TimeInForce.CLOSE, "ord_type": OrdType.STOP, "price": None}, ReasonCode.ORDTYPE),
        ({"order_qty": Decimal("1.5")}, None),
        ({"order_qty": Decimal("1.5"), "time_in_force": TimeInForce.GOOD_TILL_CANCEL}, ReasonCode.TIF),
        ({"order_qty": Decimal("1.5"), "side": Side.SELL_SHORT}, ReasonCode.LOT_SIZE),
        ({"order_qty": Decimal("0.0000000001")}, ReasonCode.QTY_FORMAT),
        ({"order_qty": None, "cash_order_qty": Decimal(100)}, None),
        ({"order_qty": None, "cash_order_qty": Decimal("0.99")}, ReasonCode.MIN_QTY),
        ({"order_qty": None, "cash_order_qty": Decimal("10.001")}, ReasonCode.QTY_FORMAT),
        ({"trading_session_id": "EXT"}, None),
        ({"trading_session_id": "EXT", "time_in_force": TimeInForce.IOC}, ReasonCode.ORDTYPE),
        ({"trading_session_id": "EXT", "ord_type": OrdType.MARKET, "price": None}, ReasonCode.ORDTYPE),
        ({"trading_session_id": "NIGHT"}, ReasonCode.CAPABILITY),
        (CRYPTO, None),
        (CRYPTO | {"time_in_force": TimeInForce.DAY}, ReasonCode.TIF),
        (CRYPTO | {"ord_type": OrdType.STOP}, ReasonCode.ORDTYPE),
        (CRYPTO | {"side": Side.SELL_SHORT}, ReasonCode.CAPABILITY),
        (CRYPTO | {"trading_session_id": "EXT"}, ReasonCode.CAPABILITY),
        (CRYPTO | {"order_qty": None, "cash_order_qty": Decimal(9)}, ReasonCode.MIN_QTY),
    ],
)
def test_new_orders_against_the_capability_table(changes, code):
    found = rules.check(order(**changes))
    assert (found and found.code) == code


@pytest.mark.parametrize(
    ("asset", "changes", "code"),
    [
        ({"tradable": False}, {}, ReasonCode.SYMBOL_INACTIVE),
        ({"shortable": False}, {"side": Side.SELL_SHORT}, ReasonCode.NO_LOCATE),
        ({"fractionable": False}, {"order_qty": Decimal("0.5")}, ReasonCode.LOT_SIZE),
        ({"crypto": True, "min_qty": Decimal("0.001")}, CRYPTO | {"order_qty": Decimal("0.0001")}, ReasonCode.MIN_QTY),
        ({"crypto": True, "lot": Decimal("0.01")}, CRYPTO | {"order_qty": Decimal("0.015")}, ReasonCode.LOT_SIZE),
        ({"crypto": True, "tick": Decimal("0.5")}, CRYPTO | {"price": Decimal("98.2")}, ReasonCode.TICK_SIZE),
        ({"fractionable": True, "shortable": True}, {"order_qty": Decimal("0.5")}, None),
    ],
)
def test_new_orders_against_what_is_known_of_the_asset(asset, changes, code):
    found = rules.check(order(**changes), Asset(symbol="X", **({"crypto": False} | asset)))
    assert (found and found.code) == code


@pytest.mark.parametrize(
    ("status", "code", "words", "ours"),
    [
        (403, 40310000, "insufficient buying power", ReasonCode.BUYING_POWER),
        (403, 40310000, "potential wash trade detected. use complex orders", ReasonCode.SELF_MATCH),
        (403, 40310000, 'asset "XYZ" cannot be sold short', ReasonCode.NO_LOCATE),
        (403, 40310000, "requested asset is not fractionable", ReasonCode.LOT_SIZE),
        (403, 40310000, "insufficient qty available for order", ReasonCode.BROKER_REJECT),
        (422, 42210000, "sub-penny increment does not fulfill minimum pricing criteria", ReasonCode.TICK_SIZE),
        (422, 42210000, "asset XYZ is not tradable", ReasonCode.SYMBOL_INACTIVE),
        (422, 40010001, 'asset "XYZ" not found', ReasonCode.SYMBOL_UNKNOWN),
        (403, 40310000, "cost basis must be >= minimal amount of order 10", ReasonCode.MIN_QTY),
        (403, 40310000, "trading is blocked for the account", ReasonCode.ACCOUNT_NOT_ENTITLED),
        (401, None, "unauthorized.", ReasonCode.ACCOUNT_NOT_ENTITLED),
        (429, 42910000, "rate limit exceeded", ReasonCode.THROTTLE),
        (422, 49999999, "the moon is in the wrong house", ReasonCode.BROKER_REJECT),
    ],
)
def test_refusals_have_our_reason(status, code, words, ours):
    assert reason(Denied(status, code, words)) is ours


def test_a_code_nobody_knows_is_known_as_such():
    assert known(Denied(422, 42210000, "x"))
    assert not known(Denied(422, 49999999, "x"))
    assert not known(Denied(418, None, "x"))


@pytest.mark.parametrize(
    ("status", "words", "ours"),
    [
        (422, 'order is already in "filled" state', CxlRejReason.TOO_LATE_TO_CANCEL),
        (422, "original order pending replacement", CxlRejReason.ORDER_ALREADY_IN_PENDING_STATUS),
        (404, "order not found for x", CxlRejReason.UNKNOWN_ORDER),
        (422, "qty must be > filled_qty", CxlRejReason.BROKER_OPTION),
    ],
)
def test_refused_cancels_and_replaces_have_fixs_reason(status, words, ours):
    assert cancel_reason(Denied(status, 42210000, words)) is ours


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, '{"code": 50010000, "message": "internal"}'),
        (502, "<html>"),
        (504, ""),
        (408, '{"message": "timeout"}'),
        (403, "<html>blocked by a proxy</html>"),
        (404, '"not found"'),
        (422, '{"detail": "no message"}'),
    ],
)
def test_what_is_not_alpacas_own_refusal_proves_nothing(status, body):
    assert denial(status, body) is None


def test_only_alpacas_own_404_says_that_there_is_no_such_order():
    assert denial(404, '{"code": 40410000, "message": "order not found for x"}').unknown_order
    assert not denial(404, '{"message": "Not Found"}').unknown_order


# --- endpoints and keys ----------------------------------------------------------------------------------------------


def test_each_mode_has_its_own_addresses():
    paper, live = endpoints(Mode.PAPER), endpoints(Mode.LIVE)
    assert paper.rest == "https://paper-api.alpaca.markets"
    assert paper.order_stream == "wss://paper-api.alpaca.markets/stream"
    assert live.rest == "https://api.alpaca.markets"
    assert "paper" not in live.order_stream


@pytest.mark.parametrize(
    ("mode", "rest", "stream"),
    [
        (Mode.PAPER, "https://api.alpaca.markets", None),
        (Mode.PAPER, None, "wss://api.alpaca.markets/stream"),
        (Mode.LIVE, "https://paper-api.alpaca.markets/v2", None),
        (Mode.PAPER, "http://paper-api.alpaca.markets", None),
        (Mode.PAPER, "paper-api.alpaca.markets", None),
        (Mode.PAPER, None, "https://paper-api.alpaca.markets/stream"),
    ],
)
def test_addresses_of_the_other_mode_in_the_clear_or_of_no_use_are_refused(mode, rest, stream):
    with pytest.raises(WrongMode):
        endpoints(mode, rest, stream)


@pytest.mark.parametrize(("mode", "key"), [(Mode.PAPER, "AKLIVEKEY"), (Mode.LIVE, "PKPAPERKEY")])
def test_a_key_of_the_other_mode_is_refused_and_not_repeated(mode, key):
    with pytest.raises(WrongMode) as refused:
        AlpacaBroker(name="a", account="A", key=key, secret="s", clock=SystemClock(), mode=mode)
    assert key not in str(refused.value)


def test_a_paper_broker_holds_nothing_that_reaches_the_live_host():
    broker = AlpacaBroker(name="a", account="A", key="PKX", secret="s", clock=SystemClock(), endpoint=None)
    assert broker.mode is Mode.PAPER
    assert "//api.alpaca.markets" not in f"{broker.endpoints} {vars(broker)}"


def test_times_in_which_absence_could_be_concluded_too_early_are_refused():
    with pytest.raises(ValueError, match="settle"):
        AlpacaBroker(name="a", account="A", key="PKX", secret="s", clock=SystemClock(), settle=10.0)


# --- numbers on the wire ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "sent"),
    [("100.00", "100"), ("0.000000001", "0.000000001"), ("1E+3", "1000"), ("1.50", "1.5"), ("0.30", "0.3")],
)
def test_decimals_are_sent_as_plain_strings(value, sent):
    assert text(Decimal(value)) == sent


def test_a_body_holds_no_binary_float_and_only_what_changes():
    import msgspec

    made = order(order_qty=Decimal("0.1") + Decimal("0.2"), price=Decimal("1e1"))
    body = new_order(made)
    assert (body["qty"], body["limit_price"], body["client_order_id"]) == ("0.3", "10", made.broker_client_id)
    assert not [value for value in body.values() if isinstance(value, float)]
    asking = MAKE.asking(msgspec.structs.replace(made, order_qty=Decimal(5)), limit="11.00")
    assert set(replacement(asking, asking.pending_replace)) == {"client_order_id", "limit_price"}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "ten", True, [], {}])
def test_what_is_no_number_is_unreadable(value):
    with pytest.raises(Unreadable):
        optional({"qty": value}, "qty")


def test_times_keep_their_microseconds_and_their_zone():
    assert moment("2026-11-24T15:04:05.123456789Z").isoformat() == "2026-11-24T15:04:05.123456+00:00"
    assert moment("2026-11-24T10:04:05-05:00").isoformat() == "2026-11-24T15:04:05+00:00"
    with pytest.raises(Unreadable):
        moment("yesterday")
