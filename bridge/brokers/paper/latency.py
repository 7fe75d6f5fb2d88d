"""How long things take at the exchange: seeded draws that depend on the order and nothing else.

A draw is keyed by (seed, what is delayed, the order's id), so the same order meets the same delay in every run, however
the wall clock, other orders or a restart lie around it.
"""

from math import exp
from random import Random

import msgspec

NS = 1_000_000


class Delay(msgspec.Struct, frozen=True):
    """A delay in milliseconds: `floor` + a log-normal part with median `median` and standard deviation `sigma` of its
    log.

    median 0 is a constant. The mean of the log-normal part is median × exp(sigma² / 2).
    """

    floor: float = 0.0
    median: float = 0.0
    sigma: float = 0.0

    def __bool__(self) -> bool:
        """Is there any delay?"""
        return bool(self.floor or self.median)

    def draw(self, key: str) -> int:
        """Nanoseconds for this key."""
        delay = self.floor
        if self.median:
            delay += self.median * exp(self.sigma * Random(key).gauss(0.0, 1.0))  # noqa: S311  a model, not a secret
        return int(delay * NS)


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Delays by kind; all zero by default. `submit`, `cancel` and `replace` are from the client to the exchange's book;
    `report` is how long after the fact an execution is told.
    """

    submit: Delay = Delay()
    cancel: Delay = Delay()
    replace: Delay = Delay()
    report: Delay = Delay()
    seed: int = 1

    def __bool__(self) -> bool:
        """Is anything delayed at all?"""
        return bool(self.submit or self.cancel or self.replace or self.report)

    def to_book(self, kind: str, key: str) -> int:
        """Nanoseconds until a `submit`, `cancel` or `replace` reaches the book."""
        delay: Delay = getattr(self, kind)
        return delay.draw(f"{self.seed}:{kind}:{key}")

    def to_client(self, key: str) -> int:
        """Nanoseconds until an execution is told."""
        return self.report.draw(f"{self.seed}:report:{key}")
