"""Measures the process's own hiccups into `Vitals`: how late the event loop is, how long the garbage collector stops
it.

Both use the monotonic performance counter. The loop is probed ten times a second: a callback asks for a moment and
counts how much later it came. With uvloop, timers are whole milliseconds, so values below 1 ms say no more than that.
"""

import asyncio
import gc
from time import perf_counter_ns

from bridge.vitals import Histogram

PERIOD = 0.1  # seconds between two probes of the loop


class Pulse:
    """Probes the running loop and hooks the collector. `start` on the loop, `stop` once at the end; both may be
    repeated."""

    def __init__(self, loop_lag: Histogram, gc_pause: Histogram, period: float = PERIOD) -> None:
        self._lag = loop_lag
        self._pause = gc_pause
        self._period = period
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0
        self._began = 0

    def start(self) -> None:
        """Begin to measure."""
        if self._timer is None:
            gc.callbacks.append(self._collector)
            self._arm()

    def stop(self) -> None:
        """End; what was counted stays."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            gc.callbacks.remove(self._collector)

    def _arm(self) -> None:
        self._due = perf_counter_ns() + int(self._period * 1e9)
        self._timer = asyncio.get_running_loop().call_later(self._period, self._beat)

    def _beat(self) -> None:
        self._lag.observe(max(perf_counter_ns() - self._due, 0))
        self._arm()

    def _collector(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = perf_counter_ns()
        elif self._began:
            self._pause.observe(perf_counter_ns() - self._began)
