import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.interfaces import JournalError
from bridge.journal.encoding import decode, encode, order_state, outward, to_json
from bridge.orders.events import Entry, OrderAccepted, OrderFilled, OrderReceived
from bridge.orders.order import apply, received
from fixspec.enums import OrdType, Side

T0 = datetime(2026, 11, 23, 14, 0, 0, 481932, tzinfo=UTC)


def an_order(
    seq: int = 7, cl_ord_id: str = "A-17", qty: Decimal = Decimal("100"), price: Decimal | None = None
) -> Entry:
    event = OrderReceived(
        order_id=seq,
        session_id="ALPHA1",
        cl_ord_id=cl_ord_id,
        account="ACC1",
        symbol="AAPL",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=qty,
        price=price,
        transact_time=T0,
    )
    return Entry(seq, T0, event)


def a_fill(seq: int, last_qty: Decimal, last_px: Decimal) -> Entry:
    event = OrderFilled(
        order_id=7, exec_id="T4XQ", broker_exec_id="x-1", last_qty=last_qty, last_px=last_px, transact_time=T0
    )
    return Entry(seq, T0, event, account_prev=7)


def test_an_entry_is_one_line_of_json_with_words_for_enumerations_and_strings_for_quantities():
    line = encode(an_order(price=Decimal("187.25")))
    assert json.loads(line) == {
        "seq": 7,
        "time": "2026-11-23T14:00:00.481932Z",
        "event": {
            "type": "order_received",
            "order_id": 7,
            "session_id": "ALPHA1",
            "cl_ord_id": "A-17",
            "account": "ACC1",
            "symbol": "AAPL",
            "side": "buy",
            "ord_type": "limit",
            "order_qty": "100",
            "price": "187.25",
            "transact_time": "2026-11-23T14:00:00.481932Z",
        },
    }


@pytest.mark.parametrize(
    ("value", "printed"),
    [("1E-7", "0.0000001"), ("-2.5E-8", "-0.000000025"), ("1E+3", "1000"), ("0E-8", "0.00000000"), ("12.50", "12.50")],
)
def test_a_decimal_is_never_written_with_an_exponent(value, printed):
    line = encode(a_fill(9, Decimal(value), Decimal(1)))
    assert json.loads(line)["event"]["last_qty"] == printed
    assert decode(line).event.last_qty == Decimal(value)


def test_text_that_looks_like_a_number_with_an_exponent_stays_as_it_is():
    line = encode(an_order(cl_ord_id="1E-7", qty=Decimal("1E-7")))
    event = json.loads(line)["event"]
    assert event["cl_ord_id"] == "1E-7"
    assert event["order_qty"] == "0.0000001"


@given(
    text=st.text(max_size=30),
    qty=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15),
    px=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15),
)
def test_what_is_encoded_is_decoded_again(text, qty, px):
    entry = an_order(cl_ord_id=text, qty=qty, price=px)
    line = encode(entry)
    assert b"\n" not in line
    assert decode(line) == entry
    event = json.loads(line)["event"]
    assert "E" not in event["order_qty"] + event["price"]


def test_a_field_of_a_later_version_is_ignored_and_a_kind_of_a_later_version_is_an_error():
    line = encode(an_order())
    assert decode(line.replace(b'"symbol"', b'"colour":"red","symbol"')) == an_order()
    with pytest.raises(JournalError, match="order_teleported"):
        decode(line.replace(b"order_received", b"order_teleported"))


def test_the_outward_entry_is_the_record_plus_the_order_after_it():
    first = an_order(price=Decimal("187.25"))
    order = received(first, first.event)
    accepted = Entry(8, T0, OrderAccepted(order_id=7, broker_order_id="b-1"))
    order = apply(order, accepted)
    fill = a_fill(9, Decimal(40), Decimal("187.25"))
    order = apply(order, fill)
    told = json.loads(outward(fill, order))
    record = json.loads(encode(fill))
    assert {key: told[key] for key in record} == record
    assert set(told) - set(record) == {"order"}
    expected = {
        "ord_status": "partially_filled",
        "cum_qty": "40",
        "leaves_qty": "60",
        "avg_px": "187.25",
        "last_seq": 9,
    }
    assert expected.items() <= told["order"].items()
    assert told["order"] == json.loads(to_json(order_state(order)))


def test_the_outward_entry_about_no_order_is_the_record():
    entry = an_order()
    assert outward(entry, None) == encode(entry)
