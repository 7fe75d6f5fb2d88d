"""Who may trade now: R27 trading states and kill switch, R29 broker health."""

from dataclasses import dataclass
from typing import ClassVar

from bridge.orders.events import Scope, TradingState
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.risk.case import Case


@dataclass(frozen=True, slots=True)
class TradingStates:
    """R27: the strictest state of the order's scopes. REDUCE_ONLY lets reducing orders pass, stricter states none."""

    rule: ClassVar[str] = "R27"
    opening: ClassVar[bool] = False

    def check(self, order: Order, view: Case) -> Rejection | None:
        """KILL_SWITCH, HALTED, STRATEGY_DISABLED, REDUCE_ONLY_STATE."""
        halt = view.portfolio.states.strictest(order)
        if halt is None or halt.state is TradingState.ACTIVE:
            return None
        where = f"{halt.scope.value} {halt.name}".strip()
        by = f"by {halt.who}: {halt.reason}"
        if halt.state is TradingState.REDUCE_ONLY:
            if not view.opening:
                return None
            return view.no("R27", ReasonCode.REDUCE_ONLY_STATE, f"{where} may only reduce, {by}")
        if halt.killed:
            return view.no("R27", ReasonCode.KILL_SWITCH, f"{where} is killed, {by}")
        if halt.scope is Scope.STRATEGY:
            return view.no("R27", ReasonCode.STRATEGY_DISABLED, f"{where} is disabled, {by}")
        return view.no("R27", ReasonCode.HALTED, f"{where} is {halt.state.value.replace('_', ' ')}, {by}")


@dataclass(frozen=True, slots=True)
class BrokerHealth:
    """R29: the broker's adapter is not ready: stream down, reconciling, restart window."""

    rule: ClassVar[str] = "R29"
    opening: ClassVar[bool] = True

    def check(self, order: Order, view: Case) -> Rejection | None:
        """BROKER_UNAVAILABLE."""
        broker = view.broker
        if broker is None:
            return view.no("R29", ReasonCode.BROKER_UNAVAILABLE, f"there is no broker {order.broker!r}")
        unready = broker.unready
        if unready is not None:
            return view.no("R29", ReasonCode.BROKER_UNAVAILABLE, f"{order.broker} is not ready: {unready}")
        return None
