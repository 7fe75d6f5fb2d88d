"""The operators' side of risk: limits in force and their audited changes, and the kill switch carried out."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

import msgspec
import structlog

from bridge import faults
from bridge.control_commands import KillReport, KillStep, LimitState
from bridge.desk import utc
from bridge.engine import Engine
from bridge.interfaces import BrokerAdapter, BrokerUnreachable, Clock
from bridge.orders.events import Initiator, Scope
from bridge.orders.order import ZERO
from bridge.orders.terms import SessionTerms
from bridge.problems import refuse
from bridge.reconciler import Reconciler
from bridge.risk.chain import RiskChain
from bridge.risk.changes import ChangeTerms, change_limit
from bridge.risk.flatten import flatten
from bridge.risk.kill import (
    Action,
    Alarm,
    AskOpenOrders,
    CancelAll,
    CancelListed,
    CancelOrder,
    Kill,
    Step,
)
from bridge.risk.limits import Limit, LimitError
from bridge.risk.profiles import PARAMETERS, Parameter
from bridge.risk.usage import Usage, usage
from fixspec.enums import OrdType, TimeInForce
from fixspec.messages import Header, NewOrderSingle

log = structlog.get_logger("bridge.risk")

CLOSER = "RISK"
"""The session id under which risk itself sends closing orders."""

ASK_WITHIN = 5.0
"""Seconds a broker has to list its open orders; without an answer it is asked again."""


def with_use(row: LimitState, used: Mapping[tuple[str, str], Usage]) -> LimitState:
    """The row with what is used of it: by its account, or for wider scopes by the account that uses most."""
    found = used.get((row.rule, row.name if row.scope is Scope.ACCOUNT else ""))
    if found is None or found.value is None or row.scope not in (Scope.GLOBAL, Scope.ACCOUNT):
        return row
    ratio = None if found.ratio is None else float(found.ratio)
    return msgspec.structs.replace(row, used=f"{found.value:f}", ratio=ratio)


class RiskDesk:
    """Limits and kills. `terms` say how limits may be changed."""

    def __init__(
        self,
        engine: Engine,
        chain: RiskChain,
        terms: ChangeTerms,
        adapters: Mapping[str, BrokerAdapter],
        reconciler: Reconciler,
        clock: Clock,
    ) -> None:
        self._engine = engine
        self._chain = chain
        self._limits = chain.portfolio.limits
        self._terms = terms
        self._adapters = adapters
        self._reconciler = reconciler
        self._clock = clock
        self._parameters = {each.name: each for each in PARAMETERS}
        self._kills: dict[int, Kill] = {}
        self._asking: set[asyncio.Task[None]] = set()

    # --- limits ------------------------------------------------------------------------------------------------------

    def limits(self) -> tuple[LimitState, ...]:
        """Every limit in force: the profile's, then what configuration and operators set."""
        self._engine.refresh()
        explicit = self._limits.explicit(self._engine.desk.now_ns)
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
        rows += [self._row(rule, scope, name, limit) for (rule, scope, name), limit in explicit.items()]
        used = self._used()
        return tuple(sorted((with_use(row, used) for row in rows), key=lambda row: row.id))

    def _used(self) -> dict[tuple[str, str], Usage]:
        """By rule and account, and under the empty account what uses most of a rule."""
        found: dict[tuple[str, str], Usage] = {}
        desk = self._engine.desk
        for account in desk.accounts:
            for each in usage(self._chain, desk, account):
                for key in ((each.rule, account), (each.rule, "")):
                    known = found.get(key)
                    if known is None or (each.ratio or ZERO) > (known.ratio or ZERO):
                        found[key] = each
        return found

    def _built_in(self, parameter: Parameter) -> str:
        if self._limits.profile == "none" and not parameter.aside:
            return "off"
        return parameter.professional if self._limits.profile == "professional" else parameter.starter

    def _row(self, rule: str, scope: Scope, name: str, limit: Limit | None) -> LimitState:
        parameter = self._parameters[rule]
        changes = self._limits.changes.get((rule, scope, name), ())
        event = changes[-1].event if changes else None
        return LimitState(
            id=f"{rule}:{scope.value}:{name}",
            rule=rule,
            scope=scope,
            name=name,
            value=str(limit) if limit is not None else self._built_in(parameter),
            title=parameter.text,
            unit=parameter.unit.value,
            source="changed" if event is not None else "configuration",
            who=event.who if event is not None else None,
            reason=event.reason if event is not None else None,
            effective=event.effective if event is not None else None,
            expiry=event.expiry if event is not None else None,
        )

    def change(
        self, rule: str, scope: Scope, name: str, value: str | None, reason: str, who: str, expiry: datetime | None
    ) -> LimitState:
        """Change a limit through the audited door: tightening at once, loosening after the delay."""
        if rule not in self._parameters:
            raise refuse("not-found", f"no limit {rule}")
        self._engine.refresh()
        try:
            event = change_limit(
                self._limits,
                rule=rule,
                scope=scope,
                name=name,
                new=value,
                who=who,
                reason=reason,
                now=self._engine.desk.now,
                expiry=expiry,
                terms=self._terms,
            )
        except LimitError as error:
            raise refuse("malformed", str(error)) from error
        self._engine.record(event)
        log.warning("limit changed", rule=rule, scope=scope.value, name=name, old=event.old, new=event.new, who=who)
        return self._row(rule, scope, name, self._limits.in_force((rule, scope, name), self._engine.desk.now_ns))

    # --- closing positions -------------------------------------------------------------------------------------------

    def flatten(self, account: str) -> None:
        """Close the account's positions with protected limit orders, through the same risk as everybody's."""
        engine = self._engine
        engine.refresh()
        desk = engine.desk
        desk.sessions[CLOSER] = SessionTerms(session_id=CLOSER, accounts=tuple(desk.accounts))
        for closing in list(flatten(self._chain.portfolio, desk, account)):
            if closing.price is None:
                log.critical(
                    "position cannot be closed", account=account, symbol=closing.symbol, reason=closing.missing
                )
                continue
            now = utc(self._clock.utc_ns())
            header = Header(msg_type="D", msg_seq_num=0, sender_comp_id=CLOSER, target_comp_id="", sending_time=now)
            order = NewOrderSingle(
                cl_ord_id=f"flatten-{desk.blotter.seq}-{closing.symbol}",
                account=account,
                symbol=closing.symbol,
                side=closing.side,
                ord_type=OrdType.LIMIT,
                order_qty=closing.qty,
                price=closing.price,
                time_in_force=TimeInForce.DAY,
                transact_time=now,
                text="loss limit: closing",
            )
            log.critical("closing position", account=account, symbol=closing.symbol, qty=str(closing.qty))
            engine.new_order(CLOSER, header, order)

    # --- kill --------------------------------------------------------------------------------------------------------

    def kill(self, scope: Scope, name: str, reason: str, who: str, flatten: bool) -> KillReport:
        """Fence the scope, send the cancels, and begin to prove that nothing is left (RISK-TCA section 4)."""
        if flatten:
            raise refuse("conflict", "a kill closes no positions here: halt to reduce_only and send the closing orders")
        engine = self._engine
        now = self._clock.utc_ns()
        epoch = engine.desk.blotter.kill_epoch + 1
        kill = Kill(scope=scope, name=name, who=who, reason=reason, epoch=epoch, now_ns=now)
        try:
            engine.record(kill.event)
            faults.point("kill.fenced")
        finally:
            # what cannot be recorded any more is still cancelled: the path works with a full disk
            self._begin(kill)
        faults.point("kill.cancelled")
        log.critical("kill", scope=scope.value, name=name, who=who, reason=reason, epoch=epoch)
        return self._report(kill)

    def resume_kills(self) -> None:
        """After a restart: kills whose scope still stands go on from the cancels."""
        for halt in self._engine.desk.blotter.states().values():
            if halt.kill_epoch:
                self._begin(Kill.again(halt, self._clock.utc_ns()))

    def _begin(self, kill: Kill) -> None:
        self._kills[kill.epoch] = kill
        orders = list(self._engine.desk.blotter.open_orders())
        self._do(kill, kill.begin(orders, self._adapters, self._clock.utc_ns()))

    def _do(self, kill: Kill, actions: list[Action]) -> None:
        """Carry out what the kill asks for: cancels first, questions after."""
        blotter = self._engine.desk.blotter
        for action in actions:
            if isinstance(action, CancelOrder):
                order = blotter.order(action.order_id)
                if order is not None:
                    self._engine.cancel_orders([order], Initiator.KILL, text=f"kill: {kill.reason}", again=True)
            elif isinstance(action, CancelListed):
                self._cancel_listed(kill, action)
            elif isinstance(action, AskOpenOrders):
                task = asyncio.ensure_future(self._ask(kill, action.broker))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)
            elif isinstance(action, Alarm):
                log.critical("kill incomplete", text=action.text)
            elif isinstance(action, CancelAll):
                log.error("no adapter cancels all at once", broker=action.broker)

    def _cancel_listed(self, kill: Kill, action: CancelListed) -> None:
        """An order the broker lists: one of ours is cancelled again, one of nobody's is adopted first."""
        theirs = action.order
        blotter = self._engine.desk.blotter
        order = blotter.by_broker(action.broker, theirs.broker_client_id, theirs.broker_order_id)
        if order is None:
            self._reconciler.adopt(action.broker, theirs)
            order = blotter.by_broker(action.broker, theirs.broker_client_id, theirs.broker_order_id)
        if order is not None:
            self._engine.cancel_orders([order], Initiator.KILL, text=f"kill: {kill.reason}", again=True)

    async def _ask(self, kill: Kill, broker: str) -> None:
        asked = self._clock.utc_ns()
        try:
            async with asyncio.timeout(ASK_WITHIN):
                listed = await self._adapters[broker].open_orders()
        except (BrokerUnreachable, TimeoutError) as error:
            kill.on_unreachable(broker, str(error) or "no answer in time")
            return
        self._do(kill, kill.on_listed(broker, listed, asked, self._clock.utc_ns()))
        if kill.step is Step.KILLED:
            log.critical("killed", scope=kill.scope.value, name=kill.name, epoch=kill.epoch, nothing_left=True)

    def tick(self) -> None:
        """A few times a second: ask again, raise the alarm."""
        for kill in self._kills.values():
            if kill.step is not Step.KILLED:
                self._do(kill, kill.on_tick(self._clock.utc_ns()))

    @property
    def incomplete(self) -> int:
        """Kills that are not proven yet although they should be."""
        return sum(kill.step is Step.INCOMPLETE for kill in self._kills.values())

    def kill_report(self, kill_id: int) -> KillReport | None:
        """How far a kill is."""
        kill = self._kills.get(kill_id)
        return self._report(kill) if kill is not None else None

    def _report(self, kill: Kill) -> KillReport:
        said = kill.report
        began = kill.began_ns
        steps = [KillStep("fenced", utc(began))]
        if said.first_cancel_ns is not None:
            steps.append(KillStep("cancels sent", utc(began + said.first_cancel_ns), said.cancels))
        if said.proven_ns is not None:
            steps.append(KillStep("broker list empty twice", utc(began + said.proven_ns)))
        orders = [order.order_id for order in self._engine.desk.blotter.open_orders() if kill.covers(order)]
        return KillReport(
            kill_id=said.epoch,
            scope=said.scope,
            name=said.name,
            who=said.who,
            reason=said.reason,
            seq=self._engine.desk.blotter.seq,
            steps=tuple(steps),
            complete=said.done,
            incomplete=said.step is Step.INCOMPLETE,
            left=tuple(orders),
        )
