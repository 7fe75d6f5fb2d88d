"""Times the stages of the order path into `Vitals`: the engine says when, this remembers and subtracts.

Durations come from one monotonic clock in ns. Nothing here can fail an order: what was not begun is not counted.
"""

from collections.abc import Callable

from bridge.interfaces import RiskLayer, View
from bridge.orders.events import Entry, OrderAccepted, OrderFilled, OrderRejected, OrderRouted, Reservation
from bridge.orders.order import Order
from bridge.orders.reasons import Rejection
from bridge.vitals import Histogram, Vitals


class Stages:
    """One per engine. `perf_ns` is a clock for durations."""

    events = frozenset({OrderRouted, OrderAccepted, OrderRejected, OrderFilled})

    def __init__(self, vitals: Vitals, perf_ns: Callable[[], int]) -> None:
        self.perf_ns = perf_ns
        self._vitals = vitals
        self._journal = vitals.stage("journal")
        self._risk = vitals.stage("risk")
        self._decode = vitals.stage("decode")
        self._read = self._mark = 0  # when bytes of a session came in, and when the last message of them was done with
        self._came = 0  # when the message being handled came in, 0 for none
        self._to_wire: dict[str, Histogram] = {}  # each by broker
        self._routes: dict[str, Histogram] = {}
        self._to_ack: dict[str, Histogram] = {}
        self._to_report: dict[str, Histogram] = {}
        self._sent: dict[int, int] = {}  # order → when it went to its broker

    def read(self) -> None:
        """Bytes of a session came in."""
        self._read = self._mark = self.perf_ns()

    def decoded(self) -> None:
        """A message of them is whole, checked and in sequence: decode."""
        self._came = self._read
        if self._mark:
            self._decode.observe(self.perf_ns() - self._mark)

    def handled(self) -> None:
        """The message is done with; what follows of the same bytes begins here."""
        self._came, self._mark = 0, self.perf_ns()

    def since(self) -> int:
        """When the message being handled came in; now, for one that did not come by a session."""
        return self._came or self.perf_ns()

    def journalled(self, since: int, seq: int) -> None:
        """The batch has been handed to the journal."""
        self._journal.observe(self.perf_ns() - since, seq)

    def handed_over(self, since: int, order: Order | None, seq: int) -> None:
        """The order, or its refusal, is on its way: recv_to_wire."""
        broker = order.broker if order is not None else ""
        stage = self._to_wire.get(broker) or self._begin(self._to_wire, "recv_to_wire", broker)
        stage.observe(self.perf_ns() - since, seq)

    def routed(self, since: int, order: Order) -> None:
        """The adapter has taken the order: route."""
        broker = order.broker
        stage = self._routes.get(broker) or self._begin(self._routes, "route", broker)
        stage.observe(self.perf_ns() - since, order.last_seq)

    def reported(self, since: int, order: Order | None, entry: Entry) -> None:
        """A broker's report has gone to the sinks: exec_to_report for executions."""
        if order is not None and type(entry.event) is OrderFilled:
            broker = order.broker
            stage = self._to_report.get(broker) or self._begin(self._to_report, "exec_to_report", broker)
            stage.observe(self.perf_ns() - since, entry.seq)

    def on_entry(self, entry: Entry, before: Order | None, after: Order | None) -> None:
        """Follow the engine: from OrderRouted to the broker's first word is wire_to_ack."""
        if after is None:
            return
        if type(entry.event) is OrderRouted:
            self._sent[after.order_id] = self.perf_ns()
            return
        sent = self._sent.pop(after.order_id, None)
        if sent is not None:
            broker = after.broker
            stage = self._to_ack.get(broker) or self._begin(self._to_ack, "wire_to_ack", broker)
            stage.observe(self.perf_ns() - sent, entry.seq)

    def _begin(self, stages: dict[str, Histogram], name: str, broker: str) -> Histogram:
        stage = stages[broker] = self._vitals.stage(name, broker)
        return stage

    def timed(self, risk: RiskLayer) -> RiskLayer:
        """The same risk layer, with its time counted."""
        return _TimedRisk(risk, self._risk, self.perf_ns)


class _TimedRisk:
    def __init__(self, risk: RiskLayer, histogram: Histogram, perf_ns: Callable[[], int]) -> None:
        self._risk = risk
        self._histogram = histogram
        self._perf_ns = perf_ns

    def check(self, order: Order, view: View) -> Rejection | None:
        """As the layer inside."""
        began = self._perf_ns()
        rejection = self._risk.check(order, view)
        self._histogram.observe(self._perf_ns() - began)
        return rejection

    def reservation(self) -> Reservation | None:
        """As the layer inside."""
        return self._risk.reservation()
