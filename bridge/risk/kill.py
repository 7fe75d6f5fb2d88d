"""The kill switch as a state machine: fence, cancel, prove, and say what is left (RISK-TCA section 4).

It reads no prices, no limits and no accounts, so it works when they are missing. The engine carries out its actions and
tells it what came of them; it is over only when every broker's own list was empty twice, asked at least a second apart.

1. `event` is committed: the state is CANCEL_ONLY and the kill epoch grows, in one entry.
2. Sends that wait with an older kill epoch are dropped by whoever holds them.
3. `begin` cancels: all at once where the broker offers that for exactly this scope, else order by order.
4. Brokers are asked for their open orders until two lists are empty; what they still list is cancelled again.
5. Then positions may be closed by `bridge.risk.flatten`, which is the caller's wish.
6. `report` says killed, or incomplete with what is left; an alarm repeats until it is over.
"""

from collections.abc import Iterable, Sequence
from enum import Enum

import msgspec

from bridge.orders.events import Scope, TradingHalted, TradingState
from bridge.orders.order import Order
from bridge.orders.reports import BrokerOrder

SECOND = 1_000_000_000
APART_NS = SECOND  # between the two empty lists
PATIENCE_NS = 10 * SECOND  # after this it is incomplete, and says so again and again


class Step(Enum):
    """How far a kill has come."""

    FENCED = "fenced"
    CANCELLING = "cancelling"
    INCOMPLETE = "kill_incomplete"
    KILLED = "killed"


class CancelAll(msgspec.Struct, frozen=True):
    """Ask the broker to cancel everything at once."""

    broker: str


class CancelOrder(msgspec.Struct, frozen=True):
    """Cancel one order of ours, in the priority lane. May be repeated."""

    order_id: int


class CancelListed(msgspec.Struct, frozen=True):
    """Cancel an order that the broker lists and we do not know as working: adopt it, then cancel it."""

    broker: str
    order: BrokerOrder


class AskOpenOrders(msgspec.Struct, frozen=True):
    """Ask the broker for everything that works there, and tell `on_listed` or `on_unreachable`."""

    broker: str


class Alarm(msgspec.Struct, frozen=True):
    """Tell the operators, now and every time it comes again."""

    text: str


Action = CancelAll | CancelOrder | CancelListed | AskOpenOrders | Alarm


class KillReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a kill stands. Times in ns since it was asked for; `left` names what brokers still list."""

    epoch: int
    scope: Scope
    name: str
    who: str
    reason: str
    step: Step
    cancels: int
    left: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    first_cancel_ns: int | None = None
    proven_ns: int | None = None

    @property
    def done(self) -> bool:
        """True when nothing is left."""
        return self.step is Step.KILLED


class _Broker:
    """What one broker has told since the kill."""

    __slots__ = ("asked", "empty_ns", "listed", "proven", "unreachable")

    def __init__(self) -> None:
        self.asked = False
        self.empty_ns: int | None = None  # when the first of the empty lists was asked for
        self.listed: tuple[BrokerOrder, ...] = ()
        self.proven = False
        self.unreachable: str | None = None


class Kill:
    """One kill of one scope. Times are UTC ns from outside."""

    def __init__(self, *, scope: Scope, name: str = "", who: str, reason: str, epoch: int, now_ns: int) -> None:
        self.scope = scope
        self.name = name
        self.who = who
        self.reason = reason
        self.epoch = epoch
        self.began_ns = now_ns
        self._brokers: dict[str, _Broker] = {}
        self._client_ids: set[str] = set()
        self._broker_ids: set[tuple[str, str]] = set()
        self._cancels = 0
        self._first_cancel_ns: int | None = None
        self._proven_ns: int | None = None
        self._next_poll_ns = now_ns
        self._next_alarm_ns = now_ns + PATIENCE_NS
        self.step = Step.FENCED

    @classmethod
    def again(cls, halt: TradingHalted, now_ns: int) -> "Kill":
        """The kill that a restart finds in the journal: it goes on from the cancels, under its own epoch."""
        return cls(
            scope=halt.scope, name=halt.name, who=halt.who, reason=halt.reason, epoch=halt.kill_epoch, now_ns=now_ns
        )

    @property
    def event(self) -> TradingHalted:
        """State and kill epoch in one entry: commit it before anything else."""
        return TradingHalted(
            scope=self.scope,
            name=self.name,
            state=TradingState.CANCEL_ONLY,
            who=self.who,
            reason=self.reason,
            kill_epoch=self.epoch,
        )

    def covers(self, order: Order) -> bool:
        """True when an order of ours is in the killed scope."""
        match self.scope:
            case Scope.GLOBAL:
                return True
            case Scope.BROKER:
                return order.broker == self.name
            case Scope.ACCOUNT:
                return order.account == self.name
            case Scope.STRATEGY:
                return order.strategy == self.name
            case Scope.SESSION:
                return order.session_id == self.name
            case Scope.SYMBOL:
                return order.symbol == self.name

    def begin(
        self, orders: Iterable[Order], brokers: Iterable[str], now_ns: int, cancel_all: frozenset[str] = frozenset()
    ) -> list[Action]:
        """Cancel everything. `orders` are all working orders, external and unknown ones included; `brokers` all that
        may hold orders of the scope; `cancel_all` those whose cancel-all hits exactly the scope.
        """
        self.step = Step.CANCELLING
        self._brokers = {
            broker: _Broker() for broker in brokers if self.scope is not Scope.BROKER or broker == self.name
        }
        actions: list[Action] = [CancelAll(broker) for broker in self._brokers if broker in cancel_all]
        for order in orders:
            if not self.covers(order):
                continue
            if order.broker_client_id is not None:
                self._client_ids.add(order.broker_client_id)
            if order.broker_order_id is not None:
                self._broker_ids.add((order.broker, order.broker_order_id))
            if order.broker not in cancel_all:
                actions.append(CancelOrder(order.order_id))
        self._count(actions, now_ns)
        return [*actions, *self._poll(now_ns)]

    def on_listed(self, broker: str, listed: Sequence[BrokerOrder], asked_ns: int, now_ns: int) -> list[Action]:
        """The broker's open orders, as of a request made at `asked_ns`."""
        state = self._brokers.get(broker)
        if state is None or self.step is Step.KILLED:
            return []
        state.asked = False
        state.unreachable = None
        state.listed = tuple(order for order in listed if self._listed(broker, order))
        if state.listed:
            state.empty_ns = None
            state.proven = False
            again: list[Action] = [CancelListed(broker, order) for order in state.listed]
            self._count(again, now_ns)
            return again
        if state.empty_ns is None:
            state.empty_ns = asked_ns
        elif asked_ns >= state.empty_ns + APART_NS:
            state.proven = True
        if all(each.proven for each in self._brokers.values()):
            self.step = Step.KILLED
            self._proven_ns = now_ns
        return []

    def on_unreachable(self, broker: str, text: str) -> None:
        """The broker did not answer: nothing is known, so nothing is proven; it is asked again."""
        state = self._brokers.get(broker)
        if state is not None and self.step is not Step.KILLED:
            state.asked = False
            state.unreachable = text

    def on_tick(self, now_ns: int) -> list[Action]:
        """Ask again, and raise the alarm when it takes too long. Call it a few times a second."""
        if self.step is Step.KILLED or self.step is Step.FENCED:
            return []
        actions = self._poll(now_ns) if now_ns >= self._next_poll_ns else []
        if now_ns >= self._next_alarm_ns:
            self.step = Step.INCOMPLETE
            self._next_alarm_ns = now_ns + PATIENCE_NS
            for state in self._brokers.values():
                state.asked = False  # a question without any answer for this long is asked again
            report = self.report
            left = ", ".join(report.left + report.unreachable) or "no second empty list yet"
            actions.append(
                Alarm(f"kill {self.epoch} of {self.scope.value} {self.name}".rstrip() + f" is incomplete: {left}")
            )
        return actions

    @property
    def report(self) -> KillReport:
        """How it stands."""
        left = tuple(
            f"{broker} {order.broker_order_id} {order.side.value} {order.order_qty:f} {order.symbol}"
            for broker, state in self._brokers.items()
            for order in state.listed
        )
        unreachable = tuple(
            f"{broker}: {state.unreachable}" for broker, state in self._brokers.items() if state.unreachable
        )
        return KillReport(
            epoch=self.epoch,
            scope=self.scope,
            name=self.name,
            who=self.who,
            reason=self.reason,
            step=self.step,
            cancels=self._cancels,
            left=left,
            unreachable=unreachable,
            first_cancel_ns=None if self._first_cancel_ns is None else self._first_cancel_ns - self.began_ns,
            proven_ns=None if self._proven_ns is None else self._proven_ns - self.began_ns,
        )

    def _listed(self, broker: str, order: BrokerOrder) -> bool:
        """Is a listed order in scope? One whose strategy or session nobody can tell is, when it is ours by id."""
        match self.scope:
            case Scope.GLOBAL | Scope.BROKER:
                return True
            case Scope.ACCOUNT:
                return order.account == self.name
            case Scope.SYMBOL:
                return order.symbol == self.name
            case _:
                ours = order.broker_client_id in self._client_ids
                return ours or (broker, order.broker_order_id) in self._broker_ids

    def _poll(self, now_ns: int) -> list[Action]:
        self._next_poll_ns = now_ns + APART_NS
        actions: list[Action] = []
        for broker, state in self._brokers.items():
            if not state.asked and not state.proven:
                state.asked = True
                actions.append(AskOpenOrders(broker))
        if not self._brokers:
            self.step = Step.KILLED
            self._proven_ns = now_ns
        return actions

    def _count(self, actions: Sequence[Action], now_ns: int) -> None:
        self._cancels += len(actions)
        if actions and self._first_cancel_ns is None:
            self._first_cancel_ns = now_ns
