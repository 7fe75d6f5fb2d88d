"""What the engine answers over its control socket: the shell around `Engine` that the CLI and the outputs process
speak to.

Each method is one command of `bridge.control_commands.Commands`. Order entry builds the same FIX message a session
would send
and enters the engine by the same method: the same risk, the same duplicates, the same journal.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import structlog

from bridge.control_commands import (
    KillReport,
    LimitState,
    MarketState,
    PaperAccount,
    ReconcileAnswer,
    RiskState,
    SessionNumbers,
    Status,
)
from bridge.control_orders import ControlOrders
from bridge.desk import utc
from bridge.engine import Engine
from bridge.interfaces import BrokerUnreachable, Clock
from bridge.marketdata.push import Pushed
from bridge.orders.events import (
    Scope,
    TradingHalted,
    TradingResumed,
    TradingState,
)
from bridge.orders.market import Instrument
from bridge.paper_desk import PaperDesk
from bridge.problems import refuse
from bridge.reconciler import Acceptance, Reconciler
from bridge.vitals import Vitals

log = structlog.get_logger("bridge.commands")

STRICTNESS = {state: rank for rank, state in enumerate(TradingState)}


class Sessions(Protocol):
    """What commands need of the acceptor."""

    def disconnect(self, session_id: str, reason: str) -> None:
        """Log out with `reason` as Text(58)."""
        ...

    def reset(self, session_id: str) -> None:
        """Both numbers 1; ValueError while logged on."""
        ...

    def set_next(self, session_id: str, sender: int | None = None, target: int | None = None) -> None:
        """Set the next numbers; ValueError while logged on."""
        ...

    def enable(self, session_id: str) -> None:
        """Let the session log on again."""
        ...

    def disable(self, session_id: str, reason: str = "") -> None:
        """Log out and refuse further Logons."""
        ...

    def numbers(self, session_id: str) -> tuple[int, int]:
        """The next MsgSeqNum(34) out and in."""
        ...


class RiskDoor(Protocol):
    """What commands need of the risk layer."""

    def limits(self) -> tuple[LimitState, ...]:
        """Every limit in force."""
        ...

    def change(
        self, rule: str, scope: Scope, name: str, value: str | None, reason: str, who: str, expiry: datetime | None
    ) -> LimitState:
        """Change a limit through the audited door."""
        ...

    def kill(self, scope: Scope, name: str, reason: str, who: str, flatten: bool) -> KillReport:
        """Begin the kill sequence."""
        ...

    def kill_report(self, kill_id: int) -> KillReport | None:
        """How far a kill is; None for an unknown one."""
        ...


class EngineCommands:
    """See the module. `push` takes pushed ticks, None when another source is configured; `stop` drains the daemon.

    `configuration` is what `Settings.dump` says: it holds references to secrets, never a secret.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        clock: Clock,
        vitals: Vitals,
        reconciler: Reconciler,
        sessions: Sessions,
        risk: RiskDoor,
        orders: ControlOrders,
        instruments: Iterable[Instrument],
        push: Callable[[Iterable[dict[str, Any]], Iterable[dict[str, Any]]], Pushed] | None,
        stop: Callable[[str], None],
        name: str,
        mode: str,
        version: str,
        paper: PaperDesk | None = None,
        configuration: Mapping[str, Any] | None = None,
    ) -> None:
        self._engine = engine
        self._desk = engine.desk
        self._clock = clock
        self._vitals = vitals
        self._reconciler = reconciler
        self._sessions = sessions
        self._risk = risk
        self._instruments = tuple(instruments)
        self._push = push
        self._stop = stop
        self._name = name
        self._mode = mode
        self._version = version
        self._paper = paper
        self._configuration = dict(configuration or {})
        self._since = utc(clock.utc_ns())
        self.new_order = orders.new_order
        self.replace_order = orders.replace_order
        self.cancel_order = orders.cancel_order
        self.cancel_all = orders.cancel_all
        self.cancel_after = orders.cancel_after
        self.dry_run = orders.dry_run
        self.explain = orders.explain

    # --- reads -------------------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """The daemon in one screen."""
        desk = self._desk
        return Status(
            name=self._name,
            mode=self._mode,
            version=self._version,
            since=self._since,
            seq=self._engine.gate.released,
            trading=desk.state(Scope.GLOBAL, ""),
            open_orders=sum(1 for _ in desk.blotter.open_orders()),
            unknown_orders=sum(1 for _ in desk.blotter.unknown()),
            draining=self._vitals.draining,
            pid=os.getpid(),
        )

    def vitals(self) -> dict[str, Any]:
        """The counters of now."""
        return self._vitals.snapshot(self._clock.utc_ns())

    def instruments(self) -> tuple[Instrument, ...]:
        """The symbol master."""
        return self._instruments

    def market(self, symbols: tuple[str, ...]) -> tuple[MarketState, ...]:
        """Freshest quotes and trades; without `symbols` of every instrument that has any."""
        desk = self._desk
        asked = symbols or tuple(each.symbol for each in self._instruments)
        states = (MarketState(symbol, desk.quote(symbol), desk.last_trade(symbol)) for symbol in asked)
        return tuple(each for each in states if symbols or each.quote is not None or each.trade is not None)

    def risk_limits(self) -> tuple[LimitState, ...]:
        """Every limit in force."""
        return self._risk.limits()

    def kill_report(self, kill_id: int) -> KillReport:
        """How far a kill is."""
        report = self._risk.kill_report(kill_id)
        if report is None:
            raise refuse("not-found", f"no kill {kill_id}")
        return report

    # --- risk --------------------------------------------------------------------------------------------------------

    def risk_set(
        self,
        rule: str,
        scope: Scope,
        name: str,
        value: str | None,
        reason: str,
        caller: str,
        expiry: datetime | None = None,
    ) -> LimitState:
        """Change a limit through the audited door."""
        return self._risk.change(rule, scope, name, value, reason, caller, expiry)

    def halt(self, scope: Scope, name: str, state: TradingState, reason: str, caller: str) -> RiskState:
        """Make a scope stricter, at once."""
        now = self._desk.state(scope, name)
        if STRICTNESS[state] <= STRICTNESS[now]:
            raise refuse("conflict", f"{scope.value} {name or 'state'} is {now.value} already; resume makes it looser")
        self._engine.record(TradingHalted(scope=scope, name=name, state=state, who=caller, reason=reason))
        return self._state(scope, name, caller, reason)

    def resume(self, scope: Scope, name: str, state: TradingState, reason: str, caller: str) -> RiskState:
        """Make a scope looser, by a named person."""
        now = self._desk.state(scope, name)
        if now is TradingState.LOCKED:
            raise refuse("conflict", "the scope is locked")
        if STRICTNESS[state] >= STRICTNESS[now]:
            raise refuse("conflict", f"{scope.value} {name or 'state'} is {now.value}; halt makes it stricter")
        self._engine.record(TradingResumed(scope=scope, name=name, state=state, who=caller, reason=reason))
        return self._state(scope, name, caller, reason)

    def _state(self, scope: Scope, name: str, who: str, reason: str) -> RiskState:
        return RiskState(
            scope=scope,
            name=name,
            state=self._desk.state(scope, name),
            who=who,
            reason=reason,
            seq=self._desk.blotter.seq,
            time=utc(self._clock.utc_ns()),
        )

    def kill(self, scope: Scope, name: str, reason: str, caller: str, flatten: bool = False) -> KillReport:
        """Fence, cancel, prove."""
        return self._risk.kill(scope, name, reason, caller, flatten)

    # --- operations --------------------------------------------------------------------------------------------------

    def quotes(self, quotes: tuple[dict[str, Any], ...], trades: tuple[dict[str, Any], ...], caller: str) -> Pushed:
        """Ticks for the `push` source."""
        if self._push is None:
            raise refuse("conflict", "marketdata.source is not push")
        return self._push(quotes, trades)

    async def reconcile(self, broker: str, caller: str, accept_positions: str = "") -> ReconcileAnswer:
        """Compare with the broker now; with a reason in `accept_positions`, take its positions over."""
        if broker not in self._desk.adapters:
            raise refuse("not-found", f"no broker {broker}")
        try:
            accept = Acceptance(caller, accept_positions) if accept_positions else None
            result = await self._reconciler.run(broker, f"asked by {caller}", accept)
        except BrokerUnreachable as error:
            raise refuse("unavailable", f"{broker} does not answer: {error}") from error
        return ReconcileAnswer(
            broker=broker,
            seq=self._desk.blotter.seq,
            orders=result.orders,
            executions=result.executions,
            positions=result.positions,
            breaks=result.breaks,
        )

    def session_disconnect(self, session_id: str, reason: str, caller: str) -> SessionNumbers:
        """Log the session out."""
        return self._session(session_id, caller, reason, lambda: self._sessions.disconnect(session_id, reason))

    def session_reset(self, session_id: str, reason: str, caller: str) -> SessionNumbers:
        """Both numbers 1 again."""
        return self._session(session_id, caller, reason, lambda: self._sessions.reset(session_id))

    def session_next_numbers(
        self, session_id: str, reason: str, caller: str, next_in: int | None = None, next_out: int | None = None
    ) -> SessionNumbers:
        """Set one number or both."""
        return self._session(
            session_id, caller, reason, lambda: self._sessions.set_next(session_id, sender=next_out, target=next_in)
        )

    def session_enable(self, session_id: str, enabled: bool, reason: str, caller: str) -> SessionNumbers:
        """Whether the session may log on."""

        def act() -> None:
            if enabled:
                self._sessions.enable(session_id)
            else:
                self._sessions.disable(session_id, reason)

        return self._session(session_id, caller, reason, act)

    def _session(self, session_id: str, caller: str, reason: str, act: Callable[[], None]) -> SessionNumbers:
        try:
            act()
            sender, target = self._sessions.numbers(session_id)
        except KeyError as error:
            raise refuse("not-found", f"no session {session_id}") from error
        except ValueError as error:
            raise refuse("conflict", str(error)) from error
        log.warning("session changed by an operator", session=session_id, who=caller, reason=reason)
        return SessionNumbers(session_id, next_in=target, next_out=sender)

    async def paper_accounts(self) -> tuple[PaperAccount, ...]:
        """What the paper brokers hold."""
        return await self._paper.accounts() if self._paper is not None else ()

    async def paper_reset(self, account: str, cash: Decimal, reason: str, caller: str) -> PaperAccount:
        """Begin anew with this cash."""
        if self._paper is None:
            raise refuse("conflict", "there is no paper broker here")
        return await self._paper.reset(account, cash, reason, caller)

    def configuration(self) -> dict[str, Any]:
        """The effective settings."""
        return self._configuration

    def drain(self, reason: str, caller: str) -> Status:
        """Take no new orders, log out, flush and end."""
        log.warning("drain asked for", who=caller, reason=reason)
        self._stop(f"{reason} ({caller})")
        return self.status()
