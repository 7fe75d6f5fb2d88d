"""What may be asked of the engine over its control socket: one protocol, its answers, and the client's side of it.

`Commands` is what the engine implements (a method may be plain or async); `offer` hands it to a ControlServer, `Engine`
asks from the other end. Order entry carries FIX's own messages, so that what comes by REST means what comes by FIX. A
refusal is a ProblemError: `refused` with the reason code, `duplicate-cl-ord-id` and `already-pending` with the order.
"""

from collections.abc import Awaitable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol, TypeAlias, TypeVar, Union

import msgspec

from bridge.control import ControlClient, ControlServer, NoAnswer
from bridge.journal.encoding import OrderState
from bridge.marketdata.push import Pushed
from bridge.orders.events import Scope, TradingState
from bridge.orders.market import Instrument, Quote, Trade
from bridge.problems import refuse
from fixspec.enums import ExecInst, OrdType, Side, TimeInForce
from fixspec.messages import NewOrderSingle

T = TypeVar("T")
Result: TypeAlias = Union[T, Awaitable[T]]  # noqa: UP007 - a TypeVar has no | in an alias


class Entrant(msgspec.Struct, frozen=True):
    """Who enters orders beside the FIX sessions: `REST:<token>`. Without `accounts` it is entitled to all.

    `strategy` stands for SenderSubID(50).
    """

    session_id: str
    accounts: tuple[str, ...] = ()
    strategy: str | None = None


class OrderChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A replace as REST has it: unlike in G, what is left out stays as it is. `order_qty` is the new total."""

    cl_ord_id: str
    order_qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    ord_type: OrdType | None = None
    time_in_force: TimeInForce | None = None
    expire_date: date | None = None
    expire_time: datetime | None = None
    exec_inst: tuple[ExecInst, ...] | None = None
    side: Side | None = None
    text: str | None = None


class OrderAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The order as committed. `replayed`: the same request had been taken before, nothing was done again."""

    order: OrderState
    seq: int
    replayed: bool = False


class MassCancelAnswer(msgspec.Struct, frozen=True):
    """The orders a cancel-all asks for; each is reported on its own."""

    mass_id: int
    count: int
    order_ids: tuple[int, ...]
    seq: int


class CancelAfterAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """When the entrant's orders will be cancelled unless renewed; without `at` never."""

    seconds: int
    at: datetime | None = None


class RuleVerdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one rule says: `outcome` pass, warn, refuse, skip or off. Numbers are text, in the rule's own unit.

    `headroom` is `limit` less `value`, `utilisation` their ratio, where both are numbers.
    """

    rule: str
    name: str
    outcome: str
    limit: str | None = None
    value: str | None = None
    headroom: str | None = None
    utilisation: str | None = None
    code: str | None = None
    text: str | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would become of an order now: `code` DRYRUN_PASS, or the first refusal's; nothing is reserved or sent."""

    code: str
    passed: bool
    text: str | None = None
    rules: tuple[RuleVerdict, ...] = ()


class LimitState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One limit in force. `id` is `<rule>:<scope>:<name>`; `value` is written as in the configuration."""

    id: str
    rule: str
    scope: Scope
    name: str = ""
    value: str
    title: str | None = None
    unit: str | None = None
    used: str | None = None
    ratio: float | None = None
    source: str | None = None  # profile, configuration, or who changed it
    who: str | None = None
    reason: str | None = None
    effective: datetime | None = None
    expiry: datetime | None = None


class RiskState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The trading state of one scope, who set it and why."""

    scope: Scope
    name: str = ""
    state: TradingState
    who: str | None = None
    reason: str | None = None
    seq: int | None = None
    time: datetime | None = None


class KillStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a kill: `fenced`, `cancels sent`, `broker list empty twice`, `flattened`."""

    name: str
    time: datetime
    count: int | None = None
    text: str | None = None


class KillReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A kill so far. `complete` only when the broker's own list was empty twice; `left` are the orders still there."""

    kill_id: int
    scope: Scope
    name: str = ""
    who: str
    reason: str
    flatten: bool = False
    seq: int
    steps: tuple[KillStep, ...] = ()
    complete: bool = False
    incomplete: bool = False
    left: tuple[int, ...] = ()


class ReconcileAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A comparison with the broker that has ended."""

    broker: str
    seq: int
    orders: int = 0
    executions: int = 0
    positions: int = 0
    breaks: int = 0


class SessionNumbers(msgspec.Struct, frozen=True):
    """The next MsgSeqNum(34) each way after a change."""

    session_id: str
    next_in: int
    next_out: int


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The daemon in one screen; the rest is in `vitals`."""

    name: str
    mode: str
    version: str
    since: datetime
    seq: int
    trading: TradingState
    open_orders: int
    unknown_orders: int
    draining: bool = False
    pid: int = 0


class MarketState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The freshest quote and trade of a symbol; absent when none has come."""

    symbol: str
    quote: Quote | None = None
    trade: Trade | None = None


class Commands(Protocol):
    """What the engine answers. `caller` is who asks, for the audit; times are UTC."""

    def status(self) -> Result[Status]:
        """The daemon in one screen."""
        ...

    def vitals(self) -> Result[dict[str, Any]]:
        """`Vitals.snapshot` of now; the same is pushed on topic `vitals` once a second."""
        ...

    def instruments(self) -> Result[tuple[Instrument, ...]]:
        """The symbol master."""
        ...

    def market(self, symbols: tuple[str, ...]) -> Result[tuple[MarketState, ...]]:
        """Freshest quotes and trades; also pushed on topic `market/<symbol>`, at most twice a second while demanded."""
        ...

    def quotes(
        self, quotes: tuple[dict[str, Any], ...], trades: tuple[dict[str, Any], ...], caller: str
    ) -> Result[Pushed]:
        """Ticks for the `push` source; `conflict` when another source is configured."""
        ...

    def new_order(self, order: NewOrderSingle, entrant: Entrant, caller: str) -> Result[OrderAnswer]:
        """Take an order in, as from a session of that name.

        The entrant's known ClOrdID(11) with the same terms answers `replayed` and commits nothing; with other terms
        `duplicate-cl-ord-id`. A refusal by validation or risk is journalled and raised as `refused`.
        """
        ...

    def dry_run(self, order: NewOrderSingle, entrant: Entrant) -> Result[Verdict]:
        """Every rule's verdict; nothing is committed."""
        ...

    def replace_order(
        self, order_id: int, change: OrderChange, entrant: Entrant, caller: str, if_match: int | None = None
    ) -> Result[OrderAnswer]:
        """Ask for new terms. `changed` unless `last_seq` is `if_match`; `forbidden` outside the entrant's accounts."""
        ...

    def cancel_order(
        self, order_id: int, cl_ord_id: str, entrant: Entrant, caller: str, if_match: int | None = None
    ) -> Result[OrderAnswer]:
        """Ask for the remainder to be cancelled; the same `cl_ord_id` again is `replayed`."""
        ...

    def cancel_all(
        self,
        cl_ord_id: str,
        entrant: Entrant,
        caller: str,
        account: str | None = None,
        symbol: str | None = None,
        side: Side | None = None,
    ) -> Result[MassCancelAnswer]:
        """Cancel every working order of the entrant's accounts that matches, whoever entered it."""
        ...

    def cancel_after(self, seconds: int, entrant: Entrant, caller: str) -> Result[CancelAfterAnswer]:
        """Cancel the entrant's own orders in `seconds` unless called again before; 0 ends it. Held by the engine."""
        ...

    def explain(self, order_id: int) -> Result[Verdict]:
        """Every rule's verdict on an order as it stands."""
        ...

    def risk_limits(self) -> Result[tuple[LimitState, ...]]:
        """Every limit in force."""
        ...

    def risk_set(
        self,
        rule: str,
        scope: Scope,
        name: str,
        value: str | None,
        reason: str,
        caller: str,
        expiry: datetime | None = None,
    ) -> Result[LimitState]:
        """Change a limit; None goes back to the configuration. Loosening takes effect after the delay."""
        ...

    def halt(self, scope: Scope, name: str, state: TradingState, reason: str, caller: str) -> Result[RiskState]:
        """Make a scope stricter, at once."""
        ...

    def resume(self, scope: Scope, name: str, state: TradingState, reason: str, caller: str) -> Result[RiskState]:
        """Make a scope looser; `conflict` while it is LOCKED."""
        ...

    def kill(self, scope: Scope, name: str, reason: str, caller: str, flatten: bool = False) -> Result[KillReport]:
        """Fence, cancel, prove; answers when the fence stands and the cancels are sent."""
        ...

    def kill_report(self, kill_id: int) -> Result[KillReport]:
        """How far a kill is."""
        ...

    def reconcile(self, broker: str, caller: str) -> Result[ReconcileAnswer]:
        """Compare with the broker now; answers when done."""
        ...

    def session_disconnect(self, session_id: str, reason: str, caller: str) -> Result[SessionNumbers]:
        """Log the session out with `reason` as Text(58)."""
        ...

    def session_reset(self, session_id: str, reason: str, caller: str) -> Result[SessionNumbers]:
        """Both numbers 1 again; `conflict` while logged on."""
        ...

    def session_next_numbers(
        self, session_id: str, reason: str, caller: str, next_in: int | None = None, next_out: int | None = None
    ) -> Result[SessionNumbers]:
        """Set one number or both; `conflict` while logged on."""
        ...

    def session_enable(self, session_id: str, enabled: bool, reason: str, caller: str) -> Result[SessionNumbers]:
        """Whether the session may log on."""
        ...

    def drain(self, reason: str, caller: str) -> Result[Status]:
        """Take no new orders, log out, flush and end."""
        ...


COMMANDS: tuple[str, ...] = tuple(name for name in vars(Commands) if not name.startswith("_"))
READS: frozenset[str] = frozenset(
    {"status", "vitals", "instruments", "market", "dry_run", "explain", "risk_limits", "kill_report"}
)
"""Commands that change nothing: without an answer they are merely unavailable."""


def offer(server: ControlServer, engine: Commands) -> None:
    """Offer all commands of `engine` on `server`."""
    for name in COMMANDS:
        server.command(name, getattr(engine, name))


class Engine:
    """The engine as the outputs process sees it: `Commands` by name, over a client that comes back by itself."""

    def __init__(self, client: ControlClient) -> None:
        self.client = client

    @property
    def connected(self) -> bool:
        """Whether a command would be handed over now."""
        return self.client.connected

    async def ask(self, name: str, answer: type[T], caller: str = "", /, **arguments: Any) -> T:
        """Run a command.

        Raises ProblemError (refused), Unreachable (nothing was handed over), NoAnswer (the outcome is unknown).
        """
        return await self.ask_with(name, answer, arguments, caller)

    async def ask_with(
        self, name: str, answer: type[T], arguments: Mapping[str, Any], caller: str = "", within: float | None = None
    ) -> T:
        """`ask` with the arguments as a mapping and, in seconds, how long to wait."""
        try:
            return await self.client.ask(name, answer, arguments, caller=caller, within=within)
        except NoAnswer as error:
            if name in READS:
                raise refuse("unavailable", str(error)) from error
            raise
