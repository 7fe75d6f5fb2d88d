"""The engine's newest vitals, and from them what is not ready."""

from collections.abc import Callable
from typing import Any

MAX_AGE = 3.0  # seconds


class EngineVitals:
    """Keeps what the engine pushes on topic `vitals`; hand `take` to `ControlClient.subscribe`.

    `missing` is empty when the newest is younger than 3 s, every broker is ready and no drain has begun.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._taken: float | None = None
        self.snapshot: dict[str, Any] = {}

    def take(self, snapshot: dict[str, Any]) -> None:
        """The newest `Vitals.snapshot`."""
        self.snapshot = snapshot
        self._taken = self._monotonic()

    @property
    def age(self) -> float | None:
        """Seconds since the newest came; None when none ever has."""
        return None if self._taken is None else self._monotonic() - self._taken

    def missing(self) -> list[str]:
        """What is not ready, in words."""
        age = self.age
        if age is None:
            return ["engine: no vitals yet"]
        if age >= MAX_AGE:
            return [f"engine: vitals are {age:.1f} s old"]
        missing = ["engine: draining"] if self.snapshot.get("draining") else []
        brokers: dict[str, dict[str, Any]] = self.snapshot.get("brokers", {})
        return missing + [
            f"broker {name}: {broker['unready']}" for name, broker in brokers.items() if broker["unready"]
        ]
