"""What may be asked of the engine over its control socket: one protocol, its answers, and the client's side of it.

`Commands` is what the engine implements (a method may be plain or async); `offer` hands it to a ControlServer, `Engine`
asks from the other end. Order entry carries FIX's own messages, so that what comes by REST means what comes by FIX. A
refusal is a ProblemError: `refused` with the reason code, `duplicate-cl-ord-id` and `already-pending` with the order.
"""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, TypeAlias, TypeVar, Union

from bridge.control import ControlClient, ControlServer, NoAnswer
from bridge.control_answers import (
    CancelAfterAnswer,
    Entrant,
    KillReport,
    KillStep,
    LimitState,
    MarketState,
    MassCancelAnswer,
    OrderAnswer,
    OrderChange,
    PaperAccount,
    PaperHolding,
    ReconcileAnswer,
    RiskState,
    RuleVerdict,
    SessionNumbers,
    Status,
    Verdict,
)
from bridge.marketdata.push import Pushed
from bridge.orders.events import Scope, TradingState
from bridge.orders.market import Instrument
from bridge.problems import refuse
from fixspec.enums import Side
from fixspec.messages import NewOrderSingle

__all__ = [
    "COMMANDS",
    "READS",
    "CancelAfterAnswer",
    "Commands",
    "Engine",
    "Entrant",
    "KillReport",
    "KillStep",
    "LimitState",
    "MarketState",
    "MassCancelAnswer",
    "OrderAnswer",
    "OrderChange",
    "PaperAccount",
    "PaperHolding",
    "ReconcileAnswer",
    "Result",
    "RiskState",
    "RuleVerdict",
    "SessionNumbers",
    "Status",
    "Verdict",
    "offer",
]

T = TypeVar("T")
Result: TypeAlias = Union[T, Awaitable[T]]  # noqa: UP007 - a TypeVar has no | in an alias


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
        """Freshest quotes and trades, without `symbols` all there are; also pushed on topic `market/<symbol>`, at most
        twice a second while demanded.
        """
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

    def reconcile(self, broker: str, caller: str, accept_positions: str = "") -> Result[ReconcileAnswer]:
        """Compare with the broker now; answers when done. `accept_positions` is the reason for which the broker's
        positions become ours where they differ; empty leaves ours.
        """
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

    def paper_accounts(self) -> Result[tuple[PaperAccount, ...]]:
        """Every account at a paper broker: cash, equity, positions."""
        ...

    def paper_reset(self, account: str, cash: Decimal, reason: str, caller: str) -> Result[PaperAccount]:
        """Cancel the account's orders, drop its positions, give it this cash; `conflict` at a real broker."""
        ...

    def configuration(self) -> Result[dict[str, Any]]:
        """The effective settings the daemon was started with; secrets as references."""
        ...

    def drain(self, reason: str, caller: str) -> Result[Status]:
        """Take no new orders, log out, flush and end."""
        ...


COMMANDS: tuple[str, ...] = tuple(name for name in vars(Commands) if not name.startswith("_"))
READS: frozenset[str] = frozenset(
    {
        "status",
        "vitals",
        "instruments",
        "market",
        "dry_run",
        "explain",
        "risk_limits",
        "kill_report",
        "paper_accounts",
        "configuration",
    }
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
