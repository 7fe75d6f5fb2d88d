"""When an account's trading day begins: in its own time zone, at its own hour (RISK-TCA section 1).

Equities 00:00 America/New_York, FX and futures 17:00 America/New_York, crypto 00:00 UTC. The zone comes from outside;
nothing here reads a clock or a file.
"""

from datetime import date, datetime, time, timedelta, tzinfo

import msgspec

from bridge.risk.times import EPOCH, utc_ns

NOON = time(12)
ONE_DAY = timedelta(days=1)


class DayRoll(msgspec.Struct, frozen=True):
    """A trading day begins at `at` in `zone`. One that begins in the afternoon belongs to the next date."""

    zone: tzinfo
    at: time

    def day(self, now_ns: int) -> date:
        """The trading day at a time, UTC ns."""
        local = (EPOCH + timedelta(microseconds=now_ns // 1000)).astimezone(self.zone)
        began = local.time() >= self.at
        if self.at < NOON:
            return local.date() if began else local.date() - ONE_DAY
        return local.date() + ONE_DAY if began else local.date()

    def end_ns(self, day: date) -> int:
        """When that day is over and the next begins, UTC ns. Across a clock change as the zone's law says."""
        last = day + ONE_DAY if self.at < NOON else day
        return utc_ns(datetime.combine(last, self.at, tzinfo=self.zone))
