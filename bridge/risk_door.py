"""The operators' side of risk: limits in force and their audited changes, and the kill."""

from datetime import datetime, timedelta

import msgspec

from bridge.control_commands import KillReport, KillStep, LimitState
from bridge.engine import Engine
from bridge.orders.events import Initiator, LimitChanged, Scope, TradingHalted, TradingState
from bridge.orders.order import Order
from bridge.problems import refuse
from bridge.risk.chain import RiskChain
from bridge.risk.limits import Limit, LimitError, parse_limit
from bridge.risk.profiles import PARAMETERS, Parameter, Strictest


class RiskDesk:
    """Limits. `loosen_delay` is what a loosened limit waits before it holds."""

    def __init__(self, engine: Engine, chain: RiskChain, loosen_delay: timedelta) -> None:
        self._engine = engine
        self._chain = chain
        self._limits = chain.portfolio.limits
        self._loosen_delay = loosen_delay
        self._kills: dict[int, KillReport] = {}
        self._parameters = {each.name: each for each in PARAMETERS}

    def limits(self) -> tuple[LimitState, ...]:
        """Every limit in force: the profile's, then what configuration and operators set."""
        now = self._engine.desk.now_ns
        explicit = self._limits.explicit(now)
        rows = [
            LimitState(
                id=f"{each.name}:global:",
                rule=each.name,
                scope=Scope.GLOBAL,
                value=self._built_in(each),
                title=each.text,
                unit=each.unit.value,
                source=f"profile {self._limits.profile}",
            )
            for each in PARAMETERS
            if (each.name, Scope.GLOBAL, "") not in explicit
        ]
        for (rule, scope, name), limit in explicit.items():
            rows.append(self._row(rule, scope, name, limit))
        return tuple(sorted(rows, key=lambda row: row.id))

    def _built_in(self, parameter: Parameter) -> str:
        if self._limits.profile == "none" and not parameter.aside:
            return "off"
        return parameter.professional if self._limits.profile == "professional" else parameter.starter

    def _row(self, rule: str, scope: Scope, name: str, limit: Limit) -> LimitState:
        parameter = self._parameters.get(rule)
        changes = self._limits.changes.get((rule, scope, name), ())
        newest = changes[-1] if changes else None
        event = newest.event if newest is not None else None
        return LimitState(
            id=f"{rule}:{scope.value}:{name}",
            rule=rule,
            scope=scope,
            name=name,
            value=str(limit),
            title=parameter.text if parameter is not None else None,
            unit=parameter.unit.value if parameter is not None else None,
            source="changed" if event is not None else "configuration",
            who=event.who if event is not None else None,
            reason=event.reason if event is not None else None,
            effective=event.effective if event is not None else None,
            expiry=event.expiry if event is not None else None,
        )

    def change(
        self, rule: str, scope: Scope, name: str, value: str | None, reason: str, who: str, expiry: datetime | None
    ) -> LimitState:
        """Change a limit: tightening at once, loosening after the delay; at most one trading day when it expires."""
        parameter = self._parameters.get(rule)
        if parameter is None:
            raise refuse("not-found", f"no limit {rule}")
        if not reason.strip():
            raise refuse("malformed", "a reason is needed")
        try:
            wanted = parse_limit(value, parameter.unit) if value is not None else None
        except LimitError as error:
            raise refuse("malformed", str(error)) from error
        self._engine.refresh()
        now = self._engine.desk.now
        old = self._limits.in_force((rule, scope, name), self._engine.desk.now_ns)
        effective = now if self._tightens(parameter, old, wanted) else now + self._loosen_delay
        if expiry is not None and not now < expiry <= now + timedelta(days=1):
            raise refuse("malformed", "expiry must lie within one day from now")
        self._engine.record(
            LimitChanged(
                rule=rule,
                scope=scope,
                name=name,
                old=None if old is None else str(old),
                new=None if wanted is None else str(wanted),
                who=who,
                reason=reason,
                effective=effective,
                expiry=expiry,
            )
        )
        held = self._limits.in_force((rule, scope, name), self._engine.desk.now_ns) or wanted
        if held is None:
            held = parse_limit(self._built_in(parameter), parameter.unit)
        return self._row(rule, scope, name, held)

    def _tightens(self, parameter: Parameter, old: Limit | None, new: Limit | None) -> bool:
        """Surely no looser than before; whatever is not sure waits."""
        before = old or parse_limit(self._built_in(parameter), parameter.unit)
        if new is None or new.mode is not before.mode or new.value is None or before.value is None:
            return False
        if parameter.strictest is Strictest.SMALLEST:
            return new.value <= before.value
        return parameter.strictest is Strictest.LARGEST and new.value >= before.value

    # --- kill --------------------------------------------------------------------------------------------------------

    def kill(self, scope: Scope, name: str, reason: str, who: str, flatten: bool) -> KillReport:
        """Fence the scope and cancel everything in it; the report is complete when the brokers have nothing left."""
        engine = self._engine
        engine.refresh()
        epoch = engine.desk.blotter.kill_epoch + 1
        event = TradingHalted(
            scope=scope, name=name, state=TradingState.CANCEL_ONLY, who=who, reason=reason, kill_epoch=epoch
        )
        engine.record(event)
        orders = [order for order in engine.desk.blotter.open_orders() if within(order, scope, name)]
        fenced = KillStep("fenced", engine.desk.now)
        engine.cancel_orders(orders, Initiator.KILL, text=f"kill: {reason}")
        engine.refresh()
        report = KillReport(
            kill_id=epoch,
            scope=scope,
            name=name,
            who=who,
            reason=reason,
            flatten=flatten,
            seq=engine.desk.blotter.seq,
            steps=(fenced, KillStep("cancels sent", engine.desk.now, len(orders))),
        )
        self._kills[epoch] = report
        return report

    def kill_report(self, kill_id: int) -> KillReport | None:
        """How far a kill is."""
        report = self._kills.get(kill_id)
        if report is None:
            return None
        orders = self._engine.desk.blotter.open_orders()
        left = tuple(order.order_id for order in orders if within(order, report.scope, report.name))
        return msgspec.structs.replace(report, left=left, complete=not left)


def within(order: Order, scope: Scope, name: str) -> bool:
    """Is the order in the scope of a kill?"""
    return {
        Scope.GLOBAL: True,
        Scope.BROKER: order.broker == name,
        Scope.ACCOUNT: order.account == name,
        Scope.STRATEGY: (order.strategy or "") == name,
        Scope.SESSION: order.session_id == name,
        Scope.SYMBOL: order.symbol == name,
    }[scope]
