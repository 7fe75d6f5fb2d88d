"""Chart points of the last hour, one a second, taken from the engine's vitals and the entries as they come."""

from collections import deque
from typing import Any

from bridge.orders.events import Entry, OrderFilled, OrderReceived, OrderRejected
from bridge.orders.order import Order
from bridge.vitals import SECONDS_NS

POINTS = 3600
QUANTILES = (("p50", 0.50), ("p99", 0.99))
STAGES = ("recv_to_wire", "wire_to_ack", "exec_to_report", "risk", "journal")

Point = float | None


class Charts:
    """Series by name. An EventSink for what is counted from entries; `take` adds one point to every series."""

    name = "charts"
    cursor = 0

    def __init__(self) -> None:
        self.times: deque[int] = deque(maxlen=POINTS)
        self.units: dict[str, str] = {}
        self._values: dict[str, deque[Point]] = {}
        self._counts = {"orders": 0, "fills": 0, "refusals": 0}
        for name in self._counts:
            self._begin(name, "per second")
        for stage in STAGES:
            for label, _ in QUANTILES:
                self._begin(f"{stage}_{label}", "ms")
        self._before: dict[str, int] = {}
        self._stages: dict[tuple[str, str], list[int]] = {}

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """Count what flows."""
        kind = type(entry.event)
        if kind is OrderReceived:
            self._counts["orders"] += 1
        elif kind is OrderFilled:
            self._counts["fills"] += 1
        elif kind is OrderRejected:
            self._counts["refusals"] += 1

    def take(self, time: int, vitals: dict[str, Any]) -> None:
        """One point of everything for the second `time`, seconds since 1970. The first of a count is no point yet."""
        points: dict[str, tuple[str, Point]] = {}
        for name, count in self._counts.items():
            before = self._before.get(name)
            points[name] = ("per second", None if before is None else float(count - before))
            self._before[name] = count
        self._latencies(points, vitals.get("stages", ()))
        for account, known in vitals.get("accounts", {}).items():
            for name in ("equity", "day_pnl", "buying_power"):
                if known.get(name) is not None:
                    points[f"{name}:{account}"] = (known.get("currency") or "", float(known[name]))
        for account, rule, _, _, ratio in vitals.get("utilisation", ()):
            points[f"limit:{account}:{rule}"] = ("ratio", float(ratio))
        self.times.append(time)
        for name, (unit, value) in points.items():
            if name not in self._values:
                self._begin(name, unit)
            self._values[name].append(value)
        for name, values in self._values.items():
            if name not in points:
                values.append(None)

    def _begin(self, name: str, unit: str) -> None:
        """A new series, without a value so far."""
        gone = max(len(self.times) - 1, 0)
        self._values[name] = deque([None] * gone, maxlen=POINTS)
        self.units[name] = unit

    def _latencies(self, points: dict[str, tuple[str, Point]], stages: Any) -> None:
        """Quantiles of what came since the last second, per stage over all brokers, in milliseconds."""
        fresh: dict[str, list[int]] = {}
        for stage, broker, histogram in stages:
            counts: list[int] = histogram["counts"]
            before = self._stages.get((stage, broker))
            self._stages[stage, broker] = counts
            if stage in STAGES and before is not None and len(before) == len(counts):
                sums = fresh.setdefault(stage, [0] * len(counts))
                for place, count in enumerate(counts):
                    sums[place] += max(count - before[place], 0)
        for stage in STAGES:
            for label, share in QUANTILES:
                points[f"{stage}_{label}"] = ("ms", quantile(fresh.get(stage, []), share))

    def names(self) -> list[str]:
        """All series there are."""
        return sorted(self._values)

    def points(self, name: str, step: int) -> tuple[list[int], list[Point]] | None:
        """(times, values) with one point every `step` seconds, the mean of those that are there; None if unknown."""
        values = self._values.get(name)
        if values is None:
            return None
        times: list[int] = []
        means: list[Point] = []
        bucket: list[float] = []
        current: int | None = None
        for time, value in zip(self.times, values, strict=True):
            start = time - time % step
            if current is not None and start != current:
                times.append(current)
                means.append(sum(bucket) / len(bucket) if bucket else None)
                bucket = []
            current = start
            if value is not None:
                bucket.append(value)
        if current is not None:
            times.append(current)
            means.append(sum(bucket) / len(bucket) if bucket else None)
        return times, means


def quantile(counts: list[int], share: float) -> Point:
    """Milliseconds below which `share` of the counted times lie, straight within the bucket; None without any."""
    total = sum(counts)
    if not total:
        return None
    left = share * total
    for place, count in enumerate(counts):
        if count and left <= count:
            low = SECONDS_NS[place - 1] if place else 0
            high = SECONDS_NS[min(place, len(SECONDS_NS) - 1)]
            return (low + (high - low) * left / count) / 1e6
        left -= count
    return SECONDS_NS[-1] / 1e6
