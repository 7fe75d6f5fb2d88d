"""Two clocks: the machine's, and one that moves only when told."""

import time


class SystemClock:
    """The machine's clocks."""

    __slots__ = ()

    utc_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)


class ManualClock:
    """Moves only by `advance`; both readings move together unless `step_utc` bends the wall clock alone."""

    __slots__ = ("_monotonic_ns", "_utc_ns")

    def __init__(self, utc_ns: int = 1_704_067_200_000_000_000) -> None:
        """Start at `utc_ns`, by default 2024-01-01T00:00:00Z."""
        self._utc_ns = utc_ns
        self._monotonic_ns = 1_000_000_000

    def utc_ns(self) -> int:
        """Wall clock in nanoseconds since 1970 UTC."""
        return self._utc_ns

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        return self._monotonic_ns / 1e9

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on both clocks; ValueError if negative."""
        if seconds < 0:
            raise ValueError("time does not run backwards; step_utc sets the wall clock")
        ns = round(seconds * 1e9)
        self._utc_ns += ns
        self._monotonic_ns += ns

    def step_utc(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or a broken time server would."""
        self._utc_ns += round(seconds * 1e9)
