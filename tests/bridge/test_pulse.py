"""The process's hiccups are seen: a loop that is held, a collector that runs."""

import asyncio
import gc
import time

from bridge.pulse import Pulse
from bridge.vitals import Histogram


async def test_a_held_loop_shows_as_lag_of_about_that_time() -> None:
    lag, pause = Histogram(), Histogram()
    pulse = Pulse(lag, pause, period=0.01)
    pulse.start()
    await asyncio.sleep(0.03)
    time.sleep(0.06)  # noqa: ASYNC251 - what is to be seen
    await asyncio.sleep(0.03)
    pulse.stop()
    assert lag.count >= 2
    assert lag.total >= 50_000_000


async def test_a_collection_is_timed_and_the_hook_goes_away_again() -> None:
    lag, pause = Histogram(), Histogram()
    before = len(gc.callbacks)
    pulse = Pulse(lag, pause)
    pulse.start()
    pulse.start()
    gc.collect()
    assert pause.count >= 1
    pulse.stop()
    pulse.stop()
    assert len(gc.callbacks) == before
