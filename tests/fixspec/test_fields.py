"""Values of each FIX type: what is allowed, what it means, how it is written."""

import contextlib
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixspec.errors import FieldError
from fixspec.fields import (
    PARSERS,
    decimal_text,
    parse_any_timestamp,
    parse_boolean,
    parse_char,
    parse_count,
    parse_date,
    parse_decimal,
    parse_int,
    parse_long_decimal,
    parse_month_year,
    parse_multiple,
    parse_string,
    parse_time,
    parse_utc_timestamp,
    timestamp_text,
    utc_timestamp,
    utc_timestamp_ns,
)
from tests.fixspec.strategies import decimals, timestamps


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("-0", "-0"),
        ("00023.23", "23.23"),
        ("100.2500", "100.2500"),
        ("-12.5", "-12.5"),
        ("123456789012345", "123456789012345"),
        ("0.00000000000001", "1E-14"),
        ("1.000000000000000", "1.000000000000000"),
        ("000000000000123", "123"),
        ("23.", "23"),
        ("23.0", "23.0"),
    ],
)
def test_a_decimal_is_taken_digit_by_digit(text: str, value: str) -> None:
    parsed = parse_decimal(text)
    assert isinstance(parsed, Decimal)
    assert parsed.compare_total(Decimal(value)) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1 ",
        "+1",
        "1e3",
        "1E3",
        ".5",
        "1.2.3",
        "--1",
        "1,000",
        "NaN",
        "Infinity",
        "-",
        "0x10",
        "1_000",
        "1234567890123456",
        "1234567890.123456",
        "0.1234567890123456",
        "²",
        "１",
    ],
)
def test_what_is_no_fix_number_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (".5", "0.5"),
        ("-.25", "-0.25"),
        ("0.000000000000000001", "1E-18"),
        ("12345678901234567890.123456789", "12345678901234567890.123456789"),
    ],
)
def test_brokers_may_write_numbers_their_way(text: str, value: str) -> None:
    assert parse_long_decimal(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", ".", "-", "1e3", "NaN", "1,0", "9" * 39, "1." + "0" * 39])
def test_brokers_may_not_write_anything_they_like(text: str) -> None:
    with pytest.raises(FieldError):
        parse_long_decimal(text)


@pytest.mark.parametrize(("fraction", "micros"), [("", 0), (".1", 100000), (".12", 120000), (".1234567", 123456)])
def test_brokers_may_have_any_fraction_of_a_second(fraction: str, micros: int) -> None:
    assert parse_any_timestamp(f"20260302-14:30:15{fraction}") == datetime(2026, 3, 2, 14, 30, 15, micros, tzinfo=UTC)
    with pytest.raises(FieldError):
        parse_any_timestamp(f"20260230-14:30:15{fraction}")


@given(decimals)
def test_decimals_come_back_as_they_went(value: Decimal) -> None:
    text = decimal_text(value)
    assert "E" not in text
    assert parse_decimal(text) == value


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_not_a_number_is_not_written(text: str) -> None:
    with pytest.raises(FieldError):
        decimal_text(Decimal(text))


def test_exponents_are_written_out() -> None:
    assert decimal_text(Decimal("1E+5")) == "100000"
    assert decimal_text(Decimal("1E-10")) == "0.0000000001"


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("20260302-14:30:15", 0),
        ("20260302-14:30:15.123", 123000),
        ("20260302-14:30:15.123456", 123456),
        ("20260302-14:30:15.123456789", 123456),
        ("20260302-14:30:15.999999999999", 999999),
    ],
)
def test_a_timestamp_may_have_0_3_6_9_or_12_fraction_digits(text: str, micros: int) -> None:
    assert parse_utc_timestamp(text) == datetime(2026, 3, 2, 14, 30, 15, micros, tzinfo=UTC)


def test_a_leap_second_stays_in_its_minute_and_in_order() -> None:
    leap = parse_utc_timestamp("20161231-23:59:60.500")
    assert parse_utc_timestamp("20161231-23:59:59.999") < leap < parse_utc_timestamp("20170101-00:00:00")


@pytest.mark.parametrize(
    "text",
    [
        "20260302",
        "20260302 14:30:15",
        "20260302T14:30:15",
        "20260302-14:30",
        "20260302-24:00:00",
        "20260302-14:60:00",
        "20260302-14:30:61",
        "20260302-14:30:15.1",
        "20260302-14:30:15.1234",
        "20260302-14:30:15.",
        "20260229-10:00:00",
        "20261302-14:30:15",
        "00000101-00:00:00",
        "2026-W1-1-14:30:15",
        "20260302-14:30:15Z",
        "20260302-14:30:15+01:00",
        "",
    ],
)
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        parse_utc_timestamp(text)


@given(timestamps)
def test_timestamps_come_back_as_they_went(value: datetime) -> None:
    assert parse_utc_timestamp(timestamp_text(value, 6)) == value
    assert parse_utc_timestamp(timestamp_text(value, None)) == value
    assert parse_utc_timestamp(utc_timestamp(value).decode()) == value.replace(
        microsecond=value.microsecond // 1000 * 1000
    )
    assert len(timestamp_text(value, None)) == (24 if value.microsecond % 1000 else 21)


@given(st.integers(0, 4 * 10**18))
def test_nanoseconds_are_cut_to_the_digits_asked_for(ns: int) -> None:
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)
    assert utc_timestamp_ns(ns, 6) == utc_timestamp(whole, 6)
    assert utc_timestamp_ns(ns, 3) == utc_timestamp(whole, 3) == utc_timestamp_ns(ns)
    assert utc_timestamp_ns(ns, 0) == utc_timestamp(whole, 0)
    assert utc_timestamp_ns(ns, 9) == b"%b.%09d" % (utc_timestamp(whole, 0), ns % 10**9)


def test_another_zone_is_converted_and_none_is_refused() -> None:
    there = datetime(2026, 3, 2, 9, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert utc_timestamp(there) == b"20260302-14:30:00.000"
    with pytest.raises(FieldError):
        utc_timestamp(datetime(2026, 3, 2, 9, 30))


def test_the_small_types() -> None:
    assert parse_boolean("Y")
    assert not parse_boolean("N")
    assert parse_int("-007") == -7
    assert parse_count("007") == 7
    assert parse_date("20260302") == date(2026, 3, 2)
    assert parse_time("14:30:15.123") == time(14, 30, 15, 123000, tzinfo=UTC)
    assert parse_time("23:59:60") == time(23, 59, 59, 999999, tzinfo=UTC)
    assert parse_month_year("202603") == "202603"
    assert parse_month_year("202603w2") == "202603w2"
    assert parse_multiple("6 G") == ("6", "G")
    assert parse_char("é") == "é"
    assert parse_string("x") == "x"


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("BOOLEAN", ["", "y", "YES", "1"]),
        ("INT", ["", "+1", "1.0", "1 ", "1_0", "9" * 19, "²", "--1"]),
        ("SEQNUM", ["", "-1", "+1", "1.0", "9" * 19, "²"]),
        ("CHAR", ["", "ab"]),
        ("LOCALMKTDATE", ["", "2026030", "20260230", "2026030²", "2026-3-2"]),
        ("UTCTIMEONLY", ["", "14:30", "25:00:00", "14:30:15.12"]),
        ("MONTHYEAR", ["", "202600", "2026", "20260332", "202603w6", "202603w"]),
        ("MULTIPLEVALUESTRING", ["", " ", "a ", " a", "a  b"]),
    ],
)
def test_what_a_type_does_not_allow_is_refused(kind: str, texts: list[str]) -> None:
    for text in texts:
        with pytest.raises(FieldError):
            PARSERS[kind](text)


@given(st.text(st.characters(max_codepoint=255), max_size=30))
def test_a_parser_answers_or_refuses_and_does_nothing_else(text: str) -> None:
    for parse in PARSERS.values():
        with contextlib.suppress(FieldError):
            parse(text)
