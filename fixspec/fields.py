"""Value ↔ text per FIX type (FIX 4.4, volume 1, "FIX data types").

Parsers take the value's text (the message decoded as ISO 8859-1, so every byte is one character and nothing is lost)
and raise FieldError for anything the type does not allow; they never guess.

- Qty, Price, Amt, Percentage, float: `Decimal`; digits and an optional point, at most 15 significant digits, no
  exponent.
- UTCTimestamp: aware `datetime`, 0, 3, 6, 9 or 12 fraction digits in; microseconds are kept, the rest is cut off. A
  leap second (`:60`) is the last microsecond of its minute, since datetime has no other place for it.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from fixspec.errors import FieldError

_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{3}(?:[0-9]{3}(?:[0-9]{3}(?:[0-9]{3})?)?)?)?"
_is_timestamp = re.compile(r"[0-9]{8}-" + _TIME).fullmatch
_is_time = re.compile(_TIME).fullmatch
_is_decimal = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{0,15})?").fullmatch
_is_long_decimal = re.compile(r"-?(?:[0-9]{1,38}(?:\.[0-9]{0,38})?|\.[0-9]{1,38})").fullmatch
_has_odd_fraction = re.compile(r"[0-9]{8}-(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}\.[0-9]{1,12}").fullmatch
_is_int = re.compile(r"-?[0-9]{1,18}").fullmatch
_is_month_year = re.compile(r"[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]|w[1-5])?").fullmatch
_from_iso = datetime.fromisoformat
_SIGNIFICANT = 15


def parse_string(text: str) -> str:
    """String: any characters but the field delimiter, at least one."""
    if not text:
        raise FieldError("empty value")
    return text


def parse_char(text: str) -> str:
    """Char: exactly one character."""
    if len(text) != 1:
        raise FieldError(f"{text[:20]!r} is not one character")
    return text


def parse_boolean(text: str) -> bool:
    """Boolean: `Y` or `N`."""
    if text == "Y":
        return True
    if text == "N":
        return False
    raise FieldError(f"{text[:20]!r} is neither Y nor N")


def parse_int(text: str) -> int:
    """Int: an optional minus and up to 18 digits; leading zeros are allowed, a plus sign is not."""
    if _is_int(text):
        return int(text)
    raise FieldError(f"{text[:20]!r} is not an int")


def parse_count(text: str) -> int:
    """SeqNum, Length, NumInGroup: an int that is not negative."""
    if text.isdecimal() and len(text) <= 18:
        return int(text)
    raise FieldError(f"{text[:20]!r} is not a count")


def parse_decimal(text: str) -> Decimal:
    """Qty, Price, PriceOffset, Amt, Percentage, float: exact, at most 15 significant digits.

    Leading and trailing zeros are allowed, and a point without digits after it: `23.0`, `0023` and `23.` are 23.
    """
    if _is_decimal(text) and (len(text) <= _SIGNIFICANT or _significant(text) <= _SIGNIFICANT):
        return Decimal(text)
    raise FieldError(f"{text[:40]!r} is not a decimal number of at most {_SIGNIFICANT} significant digits")


def parse_long_decimal(text: str) -> Decimal:
    """The same, but exact to 38 digits before and after the point, and `.5` is a half."""
    if _is_long_decimal(text):
        return Decimal(text)
    raise FieldError(f"{text[:40]!r} is not a decimal number")


def _significant(text: str) -> int:
    digits = text.lstrip("-")
    if "." in digits:
        digits = digits.rstrip("0").replace(".", "")
    return len(digits.lstrip("0"))


def parse_utc_timestamp(text: str) -> datetime:
    """UTCTimestamp: `YYYYMMDD-HH:MM:SS` with 0, 3, 6, 9 or 12 fraction digits."""
    try:
        if _is_timestamp(text):
            return _from_iso(text + "Z")
        if text[15:17] == "60" and _is_timestamp(f"{text[:15]}59{text[17:]}"):
            return _from_iso(f"{text[:15]}59.999999Z")
    except ValueError:
        pass
    raise FieldError(f"{text[:40]!r} is not a UTCTimestamp")


def parse_any_timestamp(text: str) -> datetime:
    """UTCTimestamp with any number of fraction digits up to 12."""
    if _has_odd_fraction(text):
        try:
            return _from_iso(f"{text[:17]}{text[17:].ljust(7, '0')}Z")
        except ValueError:
            pass
    return parse_utc_timestamp(text)


def parse_date(text: str) -> date:
    """LocalMktDate, UTCDateOnly: `YYYYMMDD`."""
    if len(text) == 8 and text.isdecimal():
        try:
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            pass
    raise FieldError(f"{text[:20]!r} is not a date")


def parse_time(text: str) -> time:
    """UTCTimeOnly: `HH:MM:SS` with the fractions of a UTCTimestamp."""
    if _is_time(text):
        return time.fromisoformat(text + "Z")
    if text[6:8] == "60" and _is_time(f"{text[:6]}59{text[8:]}"):
        return time.fromisoformat(f"{text[:6]}59.999999Z")
    raise FieldError(f"{text[:20]!r} is not a UTCTimeOnly")


def parse_month_year(text: str) -> str:
    """MonthYear: `YYYYMM`, `YYYYMMDD` or `YYYYMMwN`; the text itself, for the instrument keeps it so."""
    if _is_month_year(text):
        return text
    raise FieldError(f"{text[:20]!r} is not a month-year")


def parse_multiple(text: str) -> tuple[str, ...]:
    """MultipleValueString: values separated by single spaces."""
    values = tuple(text.split(" "))
    if "" in values:
        raise FieldError(f"{text[:40]!r} is not a list of values separated by single spaces")
    return values


def parse_data(text: str) -> bytes:
    """Data: the bytes themselves."""
    return text.encode("latin-1")


PARSERS: dict[str, Callable[[str], object]] = {
    "CHAR": parse_char,
    "BOOLEAN": parse_boolean,
    "INT": parse_int,
    "DAYOFMONTH": parse_count,
    "SEQNUM": parse_count,
    "LENGTH": parse_count,
    "NUMINGROUP": parse_count,
    "QTY": parse_decimal,
    "PRICE": parse_decimal,
    "PRICEOFFSET": parse_decimal,
    "AMT": parse_decimal,
    "PERCENTAGE": parse_decimal,
    "FLOAT": parse_decimal,
    "UTCTIMESTAMP": parse_utc_timestamp,
    "UTCTIMEONLY": parse_time,
    "UTCDATEONLY": parse_date,
    "UTCDATE": parse_date,
    "LOCALMKTDATE": parse_date,
    "MONTHYEAR": parse_month_year,
    "MULTIPLEVALUESTRING": parse_multiple,
    "MULTIPLESTRINGVALUE": parse_multiple,
    "MULTIPLECHARVALUE": parse_multiple,
    "DATA": parse_data,
    "XMLDATA": parse_data,
}
"""Parser per type name of a data dictionary; a type not named here (STRING, CURRENCY, EXCHANGE, ...) is a String."""


def decimal_text(value: Decimal) -> str:
    """A Decimal as FIX writes it: no exponent, digits as they are; FieldError for NaN and infinities."""
    if not value.is_finite():
        raise FieldError(f"{value} is not a number")
    text = str(value)
    return format(value, "f") if "E" in text else text


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_seconds: dict[int, str] = {}
"""Seconds since the epoch → their text; a burst of messages formats each second once."""


def _second_text(second: int) -> str:
    text = _seconds.get(second)
    if text is None:
        if len(_seconds) >= 256:
            _seconds.clear()
        text = _seconds[second] = f"{_EPOCH + timedelta(seconds=second):%Y%m%d-%H:%M:%S}".rjust(17, "0")
    return text


def timestamp_text(value: datetime, digits: int | None = 3) -> str:
    """`YYYYMMDD-HH:MM:SS` and `digits` (0, 3 or 6) fraction digits; None: 6 when 3 would lose something, else 3.

    A zone other than UTC is converted; FieldError for a datetime without zone.
    """
    try:
        since = value - _EPOCH
    except TypeError:
        raise FieldError(f"{value} is not a datetime with a time zone") from None
    prefix = _second_text(since.days * 86400 + since.seconds)
    micros = since.microseconds
    if digits == 3 or (digits is None and micros % 1000 == 0):
        return f"{prefix}.{micros // 1000:03d}"
    return f"{prefix}.{micros:06d}" if digits != 0 else prefix


def date_text(value: date) -> str:
    """`YYYYMMDD`."""
    return value.isoformat().replace("-", "")


def utc_timestamp(value: datetime, digits: int = 3) -> bytes:
    """A UTCTimestamp with 0, 3 or 6 fraction digits; FieldError for a datetime without zone."""
    return timestamp_text(value, digits).encode()


def utc_timestamp_ns(ns: int, digits: int = 3) -> bytes:
    """A UTCTimestamp from nanoseconds since 1970-01-01 UTC, with 0, 3, 6 or 9 fraction digits."""
    second, fraction = divmod(ns, 1_000_000_000)
    prefix = _second_text(second)
    if digits == 3:
        return f"{prefix}.{fraction // 1_000_000:03d}".encode()
    if digits == 6:
        return f"{prefix}.{fraction // 1000:06d}".encode()
    return f"{prefix}.{fraction:09d}".encode() if digits == 9 else prefix.encode()
