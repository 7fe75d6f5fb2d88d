"""Trading states: the strictest of all scopes an order belongs to holds (RISK-TCA section 4)."""

from datetime import datetime, timedelta

from bridge.orders.events import Entry, Scope, TradingHalted, TradingResumed, TradingState
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode, Rejection

SEVERITY = {
    TradingState.ACTIVE: 0,
    TradingState.REDUCE_ONLY: 1,
    TradingState.CANCEL_ONLY: 2,
    TradingState.LOCKED: 3,
}


class Halt:
    """A scope that is not active: what holds, since when, who said so and why; the last kill epoch of a kill."""

    __slots__ = ("event", "name", "reason", "scope", "since", "state", "who")

    def __init__(self, event: TradingHalted | TradingResumed, since: datetime) -> None:
        self.event = event
        self.scope = event.scope
        self.name = event.name
        self.state = event.state
        self.who = event.who
        self.reason = event.reason
        self.since = since

    @property
    def killed(self) -> bool:
        """True when it came from the kill switch."""
        return isinstance(self.event, TradingHalted) and self.event.kill_epoch > 0


class States:
    """The fold of TradingHalted and TradingResumed."""

    def __init__(self) -> None:
        self.halts: dict[tuple[Scope, str], Halt] = {}
        self.kill_epoch = 0

    def on_entry(self, entry: Entry) -> None:
        """Fold one entry; others than halts and resumes change nothing."""
        event = entry.event
        if isinstance(event, TradingHalted):
            held = self.halts.get((event.scope, event.name))
            self.kill_epoch = max(self.kill_epoch, event.kill_epoch)
            if held is None or SEVERITY[event.state] >= SEVERITY[held.state]:  # a halt never loosens
                self.halts[event.scope, event.name] = Halt(event, entry.time)
        elif isinstance(event, TradingResumed):
            self.halts.pop((event.scope, event.name), None)
            if event.state is not TradingState.ACTIVE:
                self.halts[event.scope, event.name] = Halt(event, entry.time)

    def of(self, scope: Scope, name: str) -> TradingState:
        """The state of one scope."""
        halt = self.halts.get((scope, name))
        return halt.state if halt is not None else TradingState.ACTIVE

    def strictest(self, order: Order) -> Halt | None:
        """The halt that holds for an order, None when all its scopes are active."""
        halts = self.halts
        if not halts:
            return None
        return max(
            (
                halt
                for scope, name in (
                    (Scope.GLOBAL, ""),
                    (Scope.BROKER, order.broker),
                    (Scope.ACCOUNT, order.account),
                    (Scope.STRATEGY, order.strategy or ""),
                    (Scope.SESSION, order.session_id),
                    (Scope.SYMBOL, order.symbol),
                )
                if (halt := halts.get((scope, name))) is not None
            ),
            key=lambda halt: SEVERITY[halt.state],
            default=None,
        )

    def resume(
        self,
        scope: Scope,
        name: str,
        *,
        who: str,
        reason: str,
        now: datetime,
        state: TradingState = TradingState.ACTIVE,
        locked_for: timedelta = timedelta(minutes=15),
    ) -> TradingResumed | Rejection:
        """The event that loosens a scope, or why it may not be: only a named person, with a reason, never from a lock
        that is younger than `locked_for`.
        """
        halt = self.halts.get((scope, name))
        label = f"{scope.value} {name}".strip()
        if not who.strip() or not reason.strip():
            return Rejection(ReasonCode.HALTED, "a scope is resumed by a named person, with a reason")
        if halt is None:
            return Rejection(ReasonCode.HALTED, f"{label} is active")
        if SEVERITY[state] >= SEVERITY[halt.state]:
            return Rejection(ReasonCode.HALTED, f"{label} is {halt.state.value}: {state.value} is not looser")
        if halt.state is TradingState.LOCKED and now < halt.since + locked_for:
            return Rejection(
                ReasonCode.HALTED, f"{label} is locked until {halt.since + locked_for:%Y-%m-%d %H:%M:%S} UTC"
            )
        return TradingResumed(scope=scope, name=name, state=state, who=who, reason=reason)
