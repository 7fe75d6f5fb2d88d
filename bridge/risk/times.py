"""Time as risk reckons it: whole nanoseconds since 1970 UTC."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000_000


def utc_ns(time: datetime) -> int:
    """Nanoseconds since 1970 UTC, exactly (a float would lose microseconds)."""
    return (time - EPOCH) // MICROSECOND * 1000
