"""A message given by its fields is written as its Struct is, or fails as its Struct does."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixspec.codec import Encoder
from fixspec.enums import ExecType, OrdStatus, OrdType, Side
from fixspec.errors import EncodeError
from fixspec.fields import utc_timestamp
from fixspec.messages import ExecutionReport, Message
from fixspec.sparse import Sparse
from tests.fixspec.strategies import messages

SENT = utc_timestamp(datetime(2026, 3, 2, 14, 30, tzinfo=UTC))
ENCODER = Encoder("BRIDGE", "CLIENT", timestamp_digits=None)
REPORT: dict[str, Any] = {
    "order_id": "7",
    "exec_id": "E8",
    "exec_type": ExecType.NEW,
    "ord_status": OrdStatus.NEW,
    "symbol": "AAPL",
    "side": Side.BUY,
    "order_qty": Decimal(100),
    "price": Decimal("187.25"),
    "ord_type": OrdType.LIMIT,
    "leaves_qty": Decimal(100),
    "cum_qty": Decimal(0),
    "avg_px": Decimal(0),
    "event_seq": 9,
    "transact_time": datetime(2026, 3, 2, 14, 30, 1, 5000, tzinfo=UTC),
}


def both(**fields: Any) -> tuple[bytes, bytes]:
    """The report as its fields and as its Struct give it."""
    given_fields = {**REPORT, **fields}
    sparse = ENCODER.encode(Sparse(ExecutionReport, given_fields), 5, SENT, poss_resend=True)
    return sparse, ENCODER.encode(ExecutionReport(**given_fields), 5, SENT, poss_resend=True)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(message=messages(), data=st.data())
def test_it_is_written_as_its_struct_is_whatever_the_message(message: Message, data: st.DataObject) -> None:
    names = [name for name in message.__struct_fields__ if getattr(message, name) is not None]
    fields = {name: getattr(message, name) for name in data.draw(st.permutations(names))}
    for _ in range(2):
        assert ENCODER.encode(Sparse(type(message), fields), 3, SENT) == ENCODER.encode(message, 3, SENT)


def test_the_usual_report_is_written_in_the_order_of_its_struct() -> None:
    sparse, whole = both()
    assert sparse == whole
    assert b"\x0137=7\x0117=E8\x01" in sparse


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "of two\x01parts"},
        {"text": ""},
        {"text": "ends with ="},
        {"text": None},
        {"price": None},
        {"price": Decimal("1E-9")},
        {"price": Decimal("1E+3")},
        {"event_seq": None},
        {"working_indicator": False},
        {"working_indicator": True},
        {"working_indicator": None},
        {"text": "5 € → 6 é"},
        {"other": ((9999, b"x"),)},
    ],
)
def test_what_is_unusual_is_written_as_its_struct_is(fields: dict[str, Any]) -> None:
    for _ in range(2):
        sparse, whole = both(**fields)
        assert sparse == whole


@pytest.mark.parametrize(
    "fields",
    [
        {"symbol": "A\x01B"},
        {"symbol": ""},
        {"price": Decimal("NaN")},
        {"price": Decimal("Infinity")},
        {"price": "187.25"},
        {"ord_status": "new"},
        {"transact_time": datetime(2026, 3, 2)},
        {"transact_time": None, "symbol": "\x01"},
        {"nonsense": 1},
    ],
)
def test_what_cannot_be_sent_is_an_error_and_never_a_message(fields: dict[str, Any]) -> None:
    for _ in range(2):
        with pytest.raises(EncodeError):
            ENCODER.encode(Sparse(ExecutionReport, {**REPORT, **fields}), 5, SENT)


def test_it_tells_its_type_and_gives_its_struct() -> None:
    sparse = Sparse(ExecutionReport, REPORT)
    assert sparse.msg_type is ExecutionReport.msg_type
    assert sparse.whole() == ExecutionReport(**REPORT)
