"""A market data source of one's own: the replay, and a tape of what it published and when, by the daemon's clock.

Configured as `marketdata.source: tape:TapedReplay`. replay_esu4.py beside it reads the tape to judge the fills.
"""

from collections.abc import Callable
from pathlib import Path

from bridge.interfaces import Clock
from bridge.marketdata.replay import ReplaySource
from bridge.orders.market import Quote, Tick


class TapedReplay(ReplaySource):
    """Publishes recorded ticks and writes each to `tape`: UTC ns, kind, then bid, size, ask, size, or price, size."""

    def __init__(self, files: list[str], tape: str, *, clock: Clock, speed: float = 1.0) -> None:
        super().__init__(files, clock=clock, speed=speed)
        self._tape = Path(tape).open("w", buffering=1)  # noqa: SIM115 - closed by stop

    async def start(self, publish: Callable[[Tick], None]) -> None:
        """Play, writing each tick before anybody acts on it."""

        def taped(tick: Tick) -> None:
            if isinstance(tick, Quote):
                what = f"quote,{tick.bid_px},{tick.bid_sz},{tick.ask_px},{tick.ask_sz}"
            else:
                what = f"trade,{tick.price},{tick.size},,"
            self._tape.write(f"{tick.received_ns},{what}\n")
            publish(tick)

        await super().start(taped)

    async def stop(self) -> None:
        """End, and close the tape."""
        await super().stop()
        self._tape.close()
