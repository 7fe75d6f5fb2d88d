"""What the engine answers over its control socket: the shell around `Engine` that the CLI and the outputs process
speak to.

Each method is one command of `bridge.control_commands.Commands`. Order entry builds the same FIX message a session
would send
and enters the engine by the same method: the same risk, the same duplicates, the same journal.
"""

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Protocol

import structlog

from bridge.control_commands import (
    CancelAfterAnswer,
    Entrant,
    KillReport,
    LimitState,
    MarketState,
    MassCancelAnswer,
    OrderAnswer,
    OrderChange,
    ReconcileAnswer,
    RiskState,
    RuleVerdict,
    SessionNumbers,
    Status,
    Verdict,
)
from bridge.decide.orders import same_terms
from bridge.desk import utc
from bridge.engine import Engine
from bridge.interfaces import BrokerUnreachable, Clock
from bridge.journal.encoding import order_state
from bridge.marketdata.push import Pushed
from bridge.orders.events import (
    CancelRejected,
    Entry,
    Initiator,
    MassCancelRequested,
    OrderRejected,
    Scope,
    TradingHalted,
    TradingResumed,
    TradingState,
)
from bridge.orders.market import Instrument
from bridge.orders.order import Order
from bridge.orders.terms import SessionTerms
from bridge.problems import ProblemError, refuse
from bridge.reconciler import Reconciler
from bridge.vitals import Vitals
from fixspec.enums import CxlRejReason, MassCancelRequestType, Side
from fixspec.messages import Header, NewOrderSingle, OrderCancelReplaceRequest, OrderCancelRequest

log = structlog.get_logger()

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

    def verdicts(self, order: Order) -> tuple[RuleVerdict, ...]:
        """What every rule says of an order."""
        ...

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
    """See the module. `push` takes pushed ticks, None when another source is configured; `stop` drains the daemon."""

    def __init__(
        self,
        *,
        engine: Engine,
        clock: Clock,
        vitals: Vitals,
        reconciler: Reconciler,
        sessions: Sessions,
        risk: RiskDoor,
        instruments: Iterable[Instrument],
        push: Callable[[Iterable[dict[str, Any]], Iterable[dict[str, Any]]], Pushed] | None,
        stop: Callable[[str], None],
        name: str,
        mode: str,
        version: str,
        call_later: Callable[[float, Callable[[], None]], Any],
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
        self._since = utc(clock.utc_ns())
        self._call_later = call_later
        self._after: dict[str, Any] = {}
        self._last: dict[int, OrderRejected | CancelRejected] = {}

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
        """Freshest quotes and trades."""
        return tuple(MarketState(symbol, self._desk.quote(symbol), self._desk.last_trade(symbol)) for symbol in symbols)

    def explain(self, order_id: int) -> Verdict:
        """Every rule's verdict on an order as it stands."""
        order = self._order(order_id)
        return self._verdict(order, None)

    def dry_run(self, order: NewOrderSingle, entrant: Entrant) -> Verdict:
        """Every rule's verdict; nothing is committed."""
        session_id = self._enrol(entrant)
        as_order, rejection = self._engine.verdict(session_id, self._header(session_id), order)
        if rejection is not None and rejection.rule is None:
            return Verdict(code=rejection.code.value, passed=False, text=rejection.text)
        return self._verdict(as_order, rejection.text if rejection is not None else None)

    def _verdict(self, order: Order, text: str | None) -> Verdict:
        rules = self._risk.verdicts(order)
        first = next((rule for rule in rules if not rule.passed), None)
        if first is None:
            return Verdict(code="DRYRUN_PASS", passed=True, rules=rules)
        return Verdict(code=first.code or first.rule, passed=False, text=text or first.text, rules=rules)

    def risk_limits(self) -> tuple[LimitState, ...]:
        """Every limit in force."""
        return self._risk.limits()

    def kill_report(self, kill_id: int) -> KillReport:
        """How far a kill is."""
        report = self._risk.kill_report(kill_id)
        if report is None:
            raise refuse("not-found", f"no kill {kill_id}")
        return report

    # --- order entry -------------------------------------------------------------------------------------------------

    def _enrol(self, entrant: Entrant) -> str:
        """Give the entrant the terms of a session of that name, as its token says now."""
        accounts = entrant.accounts or tuple(self._desk.accounts)
        known = self._desk.sessions.get(entrant.session_id)
        if known is None or known.accounts != accounts:
            self._desk.sessions[entrant.session_id] = SessionTerms(session_id=entrant.session_id, accounts=accounts)
        return entrant.session_id

    def _header(self, session_id: str) -> Header:
        """The header of a message that did not come by FIX: MsgSeqNum(34) 0 counts for no session."""
        return Header(
            msg_type="",
            msg_seq_num=0,
            sender_comp_id=session_id,
            target_comp_id=self._name,
            sending_time=utc(self._clock.utc_ns()),
        )

    def new_order(self, order: NewOrderSingle, entrant: Entrant, caller: str) -> OrderAnswer:
        """Take an order in, as from a session of that name."""
        session_id = self._enrol(entrant)
        known = self._desk.blotter.find(session_id, order.cl_ord_id)
        if known is not None:
            if same_terms(known, order):
                return OrderAnswer(order_state(known), known.last_seq, replayed=True)
            raise refuse(
                "duplicate-cl-ord-id",
                f"ClOrdID(11) {order.cl_ord_id} was used before",
                code="DUP_CLORDID",
                order_id=known.order_id,
            )
        self._engine.new_order(session_id, self._header(session_id), order)
        taken = self._desk.blotter.find(session_id, order.cl_ord_id)
        assert taken is not None
        refused = self._refusal(taken)
        if refused is not None:
            raise refused
        return OrderAnswer(order_state(taken), taken.last_seq)

    def _refusal(self, order: Order) -> ProblemError | None:
        """The problem of an order that was refused at once, from its own entries."""
        event = self._last.get(order.order_id)
        if order.closed is None or not isinstance(event, OrderRejected):
            return None
        return refuse(
            "refused",
            event.text,
            code=event.code,
            rule=event.rule,
            limit=event.limit,
            value=event.value,
            order_id=order.order_id,
            seq=order.last_seq,
        )

    def replace_order(
        self, order_id: int, change: OrderChange, entrant: Entrant, caller: str, if_match: int | None = None
    ) -> OrderAnswer:
        """Ask for new terms; what is left out stays as it is."""
        order = self._entitled(order_id, entrant, if_match)
        session_id = self._enrol(entrant)
        if self._desk.blotter.find(session_id, change.cl_ord_id) is order:
            return OrderAnswer(order_state(order), order.last_seq, replayed=True)
        self._engine.replace(
            session_id,
            self._header(session_id),
            OrderCancelReplaceRequest(
                cl_ord_id=change.cl_ord_id,
                orig_cl_ord_id="NONE",
                order_id=str(order_id),
                account=order.account,
                symbol=order.symbol,
                side=change.side or order.side,
                ord_type=change.ord_type or order.ord_type,
                time_in_force=change.time_in_force or order.time_in_force,
                order_qty=change.order_qty if change.order_qty is not None else order.order_qty,
                price=change.price if change.price is not None else order.price,
                stop_px=change.stop_px if change.stop_px is not None else order.stop_px,
                expire_date=change.expire_date or order.expire_date,
                expire_time=change.expire_time or order.expire_time,
                exec_inst=order.exec_inst if change.exec_inst is None else change.exec_inst,
                transact_time=utc(self._clock.utc_ns()),
                text=change.text,
            ),
        )
        return self._changed(order_id)

    def cancel_order(
        self, order_id: int, cl_ord_id: str, entrant: Entrant, caller: str, if_match: int | None = None
    ) -> OrderAnswer:
        """Ask for the remainder to be cancelled."""
        order = self._entitled(order_id, entrant, if_match)
        session_id = self._enrol(entrant)
        if self._desk.blotter.find(session_id, cl_ord_id) is order:
            return OrderAnswer(order_state(order), order.last_seq, replayed=True)
        self._engine.cancel(
            session_id,
            self._header(session_id),
            OrderCancelRequest(
                cl_ord_id=cl_ord_id,
                orig_cl_ord_id="NONE",
                order_id=str(order_id),
                symbol=order.symbol,
                side=order.side,
                transact_time=utc(self._clock.utc_ns()),
            ),
        )
        return self._changed(order_id)

    def _changed(self, order_id: int) -> OrderAnswer:
        order = self._order(order_id)
        event = self._last.pop(order_id, None)
        if isinstance(event, CancelRejected) and not event.msg_seq_num:
            slug = (
                "already-pending" if event.cxl_rej_reason is CxlRejReason.ORDER_ALREADY_IN_PENDING_STATUS else "refused"
            )
            raise refuse(
                slug,
                event.text,
                code=event.code,
                rule=event.rule,
                limit=event.limit,
                value=event.value,
                order_id=order_id,
                seq=order.last_seq,
            )
        return OrderAnswer(order_state(order), order.last_seq)

    def _order(self, order_id: int) -> Order:
        order = self._desk.blotter.order(order_id)
        if order is None:
            raise refuse("not-found", f"no order {order_id}")
        return order

    def _entitled(self, order_id: int, entrant: Entrant, if_match: int | None) -> Order:
        order = self._order(order_id)
        if entrant.accounts and order.account not in entrant.accounts:
            raise refuse("forbidden", f"account {order.account} is not open to {entrant.session_id}")
        if if_match is not None and order.last_seq != if_match:
            raise refuse("changed", f"the order is at {order.last_seq}", order_id=order_id, seq=order.last_seq)
        return order

    def cancel_all(
        self,
        cl_ord_id: str,
        entrant: Entrant,
        caller: str,
        account: str | None = None,
        symbol: str | None = None,
        side: Side | None = None,
    ) -> MassCancelAnswer:
        """Cancel every working order of the entrant's accounts that matches, whoever entered it."""
        session_id = self._enrol(entrant)
        accounts = self._desk.sessions[session_id].accounts
        if account is not None and account not in accounts:
            raise refuse("forbidden", f"account {account} is not open to {session_id}")
        if self._desk.knows(session_id, cl_ord_id):
            raise refuse("duplicate-cl-ord-id", f"ClOrdID(11) {cl_ord_id} was used before", code="DUP_CLORDID")
        chosen = [
            order
            for name in accounts
            if account is None or name == account
            for order in self._desk.open_orders(name)
            if (symbol is None or order.symbol == symbol) and (side is None or order.side is side)
        ]
        mass_id = self._desk.next_seq
        kind = MassCancelRequestType.CANCEL_ORDERS_FOR_A_SECURITY if symbol else MassCancelRequestType.CANCEL_ALL_ORDERS
        self._engine.record(
            MassCancelRequested(
                mass_id=mass_id,
                session_id=session_id,
                cl_ord_id=cl_ord_id,
                request_type=kind.value,
                account=account,
                symbol=symbol,
                side=side,
                order_ids=tuple(order.order_id for order in chosen),
            )
        )
        self._engine.cancel_orders(chosen, Initiator.MASS, mass_id=mass_id, text=f"mass cancel {cl_ord_id}")
        ids = tuple(order.order_id for order in chosen)
        return MassCancelAnswer(mass_id, len(ids), ids, self._desk.blotter.seq)

    def cancel_after(self, seconds: int, entrant: Entrant, caller: str) -> CancelAfterAnswer:
        """Cancel the entrant's own orders in `seconds` unless called again before; 0 ends it."""
        session_id = self._enrol(entrant)
        running = self._after.pop(session_id, None)
        if running is not None:
            running.cancel()
        if not seconds:
            return CancelAfterAnswer(0)
        self._after[session_id] = self._call_later(seconds, lambda: self._expired(session_id))
        return CancelAfterAnswer(seconds, utc(self._clock.utc_ns() + seconds * 1_000_000_000))

    def _expired(self, session_id: str) -> None:
        self._after.pop(session_id, None)
        orders = [order for order in self._desk.blotter.open_orders() if order.session_id == session_id]
        log.warning("cancel-after expired", session=session_id, orders=len(orders))
        self._engine.cancel_orders(orders, Initiator.DISCONNECT, text="cancel-after was not renewed")

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

    async def reconcile(self, broker: str, caller: str) -> ReconcileAnswer:
        """Compare with the broker now."""
        if broker not in self._desk.adapters:
            raise refuse("not-found", f"no broker {broker}")
        try:
            result = await self._reconciler.run(broker, f"asked by {caller}")
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

    def drain(self, reason: str, caller: str) -> Status:
        """Take no new orders, log out, flush and end."""
        log.warning("drain asked for", who=caller, reason=reason)
        self._stop(f"{reason} ({caller})")
        return self.status()

    # --- engine follower ---------------------------------------------------------------------------------------------

    def on_entry(self, entry: Entry, before: Order | None, after: Order | None) -> None:
        """Keep refusals of requests that came by this door until they are answered."""
        event = entry.event
        if after is None:
            return
        if isinstance(event, OrderRejected) or (isinstance(event, CancelRejected) and not event.msg_seq_num):
            if not after.session_id.startswith("REST:"):
                return
            self._last[after.order_id] = event
            if len(self._last) > 1000:
                self._last.pop(next(iter(self._last)))
