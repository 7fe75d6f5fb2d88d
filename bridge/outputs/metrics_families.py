"""Plain families of numbers with labels, one budget of series over all of them, and their text for Prometheus.

Counting costs a dictionary lookup. The text is written here because prometheus_client takes 9 µs a line and 21 with
exemplars, 100 ms of a held interpreter for a page at the budget, where this takes less than one a line. A new
combination of labels that would pass the budget, or a label with too many values, is counted under `other` and
`bridge_metrics_collapsed_total` rises: nothing is lost from the sums, and a scrape never grows without bound
(RISK-TCA section 6).
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.registry import Collector

from bridge.vitals import SECONDS_NS, Histogram

OPEN_METRICS = "application/openmetrics-text"

BUDGET = 5000  # series of one process
OTHER = "other"
CAPS: Mapping[str, int] = {
    "account": 50,
    "session": 100,
    "broker": 25,
    "rule": 40,
    "code": 80,
    "name": 60,
    "kind": 25,
    "reason": 30,
    "route": 60,
    "msg_type": 30,
    "sink": 20,
}
"""How many values a label may have; labels that are not named here have a closed list of values."""

RATIO_BOUNDS: tuple[float, ...] = (
    0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05,
)  # fmt: skip
"""Upper bounds of ratios: 0.5 to 500 basis points."""

Labels = tuple[str, ...]


class Budget:
    """How many series there are, and which label values are known."""

    def __init__(self, limit: int = BUDGET) -> None:
        self.limit = limit
        self.series = 0
        self.collapsed = 0
        self._known: dict[str, set[str]] = {}

    def admit(self, names: Labels, values: Labels, cost: int) -> Labels:
        """The labels to count under: `values`, or with `other` where the value or the series is one too many."""
        admitted = tuple(self._value(name, value) for name, value in zip(names, values, strict=True))
        if self.series + cost > self.limit and names:
            self.collapsed += 1
            return (OTHER,) * len(names)
        if admitted != values:
            self.collapsed += 1
        return admitted

    def _value(self, name: str, value: str) -> str:
        cap = CAPS.get(name)
        if cap is None:
            return value
        known = self._known.setdefault(name, set())
        if value in known:
            return value
        if len(known) >= cap:
            return OTHER
        known.add(value)
        return value


def number(value: float) -> str:
    """A value as both formats write it."""
    if math.isfinite(value):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def edge(bound: float) -> str:
    """A bucket's upper bound: always with a point, and without the noise of a binary product."""
    return repr(float(f"{bound:.10g}"))


def labelled(names: Iterable[str], values: Iterable[str]) -> str:
    """`a="1",b="2"`, escaped."""
    escaped = (value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') for value in values)
    return ",".join(f'{name}="{value}"' for name, value in zip(names, escaped, strict=True))


def heading(name: str, about: str, kind: str, open_metrics: bool) -> str:
    """HELP and TYPE. A counter's family is named without `_total` in OpenMetrics and with it in the classic text."""
    if kind == "counter" and not open_metrics:
        name = f"{name}_total"
    return f"# HELP {name} {about}\n# TYPE {name} {kind}\n"


class Family:
    """One metric: its name without prefix and `_total`, help, type and the children by label values."""

    kind = "gauge"

    def __init__(self, budget: Budget, name: str, about: str, labels: Labels) -> None:
        self.name = f"bridge_{name}"
        self.about = about
        self.labels = labels
        self._budget = budget
        self._names: dict[Labels, Labels] = {}  # asked for → counted under

    cost = 1

    def _admit(self, values: Labels) -> Labels:
        admitted = self._names.get(values)
        if admitted is None:
            admitted = self._budget.admit(self.labels, values, self.cost)
            if admitted not in self._names.values():
                self._budget.series += self.cost
            if len(self._names) < 10_000:
                self._names[values] = admitted
        return admitted

    def write(self, into: list[str], open_metrics: bool) -> None:
        """Append the lines of all samples. May run beside counting: what it reads is copied in single steps."""
        raise TypeError(f"{type(self).__name__} has no samples")


class Numbers(Family):
    """Counters and gauges."""

    def __init__(self, budget: Budget, name: str, about: str, labels: Labels, kind: str) -> None:
        super().__init__(budget, name, about, labels)
        self.kind = kind
        self._values: dict[Labels, float] = {}
        self._texts: dict[Labels, str] = {}
        if not labels and kind == "counter":
            self.add(amount=0.0)  # a gauge is not there before it is known; a counter that begins at 1 hides its first

    def add(self, *values: str, amount: float = 1.0) -> None:
        """Count."""
        labels = self._names.get(values) or self._admit(values)
        self._values[labels] = self._values.get(labels, 0.0) + amount

    def set(self, *values: str, to: float) -> None:
        """Set one child."""
        self._values[self._names.get(values) or self._admit(values)] = to

    def replace(self, children: Iterable[tuple[Labels, float]]) -> None:
        """Set all children at once; what is not named is gone. Collapsed ones are added up."""
        values: dict[Labels, float] = {}
        for asked, value in children:
            labels = self._names.get(asked) or self._admit(asked)
            values[labels] = values.get(labels, 0.0) + value if labels != asked else value
        self._values = values

    def get(self, *values: str) -> float:
        """One child's value, 0 when there is none."""
        return self._values.get(values, 0.0)

    def write(self, into: list[str], open_metrics: bool) -> None:
        """Append the lines of all samples."""
        into.append(heading(self.name, self.about, self.kind, open_metrics))
        name = f"{self.name}_total" if self.kind == "counter" else self.name
        for labels, value in list(self._values.items()):
            text = self._texts.get(labels)
            if text is None:
                text = self._texts[labels] = f"{name}{{{labelled(self.labels, labels)}}} " if labels else f"{name} "
            into.append(f"{text}{number(value)}\n")


class Histograms(Family):
    """Histograms of one metric. `scale` turns the unit of the bounds into the metric's: 1e-9 for ns to seconds."""

    kind = "histogram"

    def __init__(
        self,
        budget: Budget,
        name: str,
        about: str,
        labels: Labels,
        bounds: tuple[Any, ...] = SECONDS_NS,
        scale: float = 1e-9,
    ) -> None:
        self.cost = len(bounds) + 3
        super().__init__(budget, name, about, labels)
        self.bounds = bounds
        self._scale = scale
        self._les = [*(edge(bound * scale) for bound in bounds), "+Inf"]
        self._texts: dict[Labels, tuple[list[str], str]] = {}
        self._children: dict[Labels, Any] = {}
        self._foreign: dict[Labels, Any] = {}

    def observe(self, *values: str, value: Any, seq: int = 0) -> None:
        """Count one value, in the unit of the bounds."""
        labels = self._names.get(values) or self._admit(values)
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = Histogram(self.bounds)
        child.observe(value, seq)

    def touch(self, *values: str) -> None:
        """Make the child, empty: a difference of two histograms needs both."""
        labels = self._names.get(values) or self._admit(values)
        if labels not in self._children:
            self._children[labels] = Histogram(self.bounds)

    def replace(self, children: Iterable[tuple[Labels, Mapping[str, Any]]]) -> None:
        """Take over histograms that the engine counted (`Histogram.snapshot`), beside those counted here."""
        foreign: dict[Labels, Any] = {}
        for asked, snapshot in children:
            labels = self._names.get(asked) or self._admit(asked)
            if labels not in foreign:
                foreign[labels] = (snapshot["counts"], snapshot["sum"], snapshot["exemplars"])
            else:
                counts, total, exemplars = foreign[labels]
                foreign[labels] = (
                    [ours + theirs for ours, theirs in zip(counts, snapshot["counts"], strict=True)],
                    total + snapshot["sum"],
                    {**exemplars, **snapshot["exemplars"]},
                )
        self._foreign = foreign

    def count(self, *values: str) -> int:
        """Observations of one child."""
        child = self._children.get(values)
        counts, _, _ = self._foreign.get(values, ((), 0, {}))
        ours: int = child.count if child is not None else 0
        return ours + int(sum(counts))

    def write(self, into: list[str], open_metrics: bool) -> None:
        """Append the lines of all samples; in OpenMetrics with the last `seq` of each bucket as exemplar."""
        into.append(heading(self.name, self.about, self.kind, open_metrics))
        for labels, child in list(self._children.items()):
            self._write(into, labels, list(child.counts), child.total, dict(child.exemplars) if open_metrics else {})
        for labels, (counts, total, exemplars) in self._foreign.items():
            if labels not in self._children:
                told = {int(place): pair for place, pair in exemplars.items()} if open_metrics else {}
                self._write(into, labels, counts, total, told)

    def _write(
        self, into: list[str], labels: Labels, counts: list[int], total: float, exemplars: Mapping[int, Any]
    ) -> None:
        buckets, rest = self._texts.get(labels) or self._text(labels)
        running = 0
        for place, (text, count) in enumerate(zip(buckets, counts, strict=True)):
            running += count
            pair = exemplars.get(place)
            if pair is None:
                into.append(f"{text}{running}\n")
            else:
                into.append(f'{text}{running} # {{seq="{pair[0]}"}} {number(pair[1] * self._scale)}\n')
        into.append(f"{self.name}_sum{rest}{number(total * self._scale)}\n{self.name}_count{rest}{running}\n")

    def _text(self, labels: Labels) -> tuple[list[str], str]:
        """What stands before the numbers of one child, made once."""
        own = labelled(self.labels, labels)
        before = f"{self.name}_bucket{{{own}{',' if own else ''}le="
        made = [f'{before}"{bound}"}} ' for bound in self._les], f"{{{own}}} " if own else " "
        self._texts[labels] = made
        return made


class Families:
    """All families of one process, in the order they were made."""

    def __init__(self, limit: int = BUDGET) -> None:
        self.budget = Budget(limit)
        self._all: list[Family] = []
        self._more: list[Collector] = []

    def counter(self, name: str, about: str, *labels: str) -> Numbers:
        """A counter; `name` without `bridge_` and `_total`."""
        family = Numbers(self.budget, name, about, labels, "counter")
        self._all.append(family)
        return family

    def gauge(self, name: str, about: str, *labels: str) -> Numbers:
        """A gauge."""
        family = Numbers(self.budget, name, about, labels, "gauge")
        self._all.append(family)
        return family

    def histogram(
        self, name: str, about: str, *labels: str, bounds: tuple[Any, ...] = SECONDS_NS, scale: float = 1e-9
    ) -> Histograms:
        """A histogram; by default of times observed in ns and told in seconds."""
        family = Histograms(self.budget, name, about, labels, bounds, scale)
        self._all.append(family)
        return family

    def also(self, collector: Collector) -> None:
        """Render another collector's metrics too."""
        self._more.append(collector)

    def __iter__(self) -> Iterator[Family]:
        return iter(self._all)

    def names(self) -> list[str]:
        """Every name that can be queried: counters with `_total`, histograms with their three suffixes."""
        found = []
        for family in self._all:
            if family.kind == "histogram":
                found += [f"{family.name}_{suffix}" for suffix in ("bucket", "sum", "count")]
            else:
                found.append(f"{family.name}_total" if family.kind == "counter" else family.name)
        return found

    def render(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type: OpenMetrics with exemplars when `accept` asks for it, else classic text."""
        open_metrics = OPEN_METRICS in accept
        lines: list[str] = []
        for family in self._all:
            family.write(lines, open_metrics)
        for collector in self._more:
            for metric in collector.collect():
                lines.append(heading(metric.name, metric.documentation, metric.type, open_metrics))
                for sample in metric.samples:
                    labels = labelled(sample.labels, sample.labels.values())
                    lines.append(f"{sample.name}{{{labels}}} {number(sample.value)}\n")
        if open_metrics:
            lines.append("# EOF\n")
            return "".join(lines).encode(), f"{OPEN_METRICS}; version=1.0.0; charset=utf-8"
        return "".join(lines).encode(), "text/plain; version=0.0.4; charset=utf-8"
