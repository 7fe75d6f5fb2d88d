"""Order entry over the control socket: the same engine, the same decisions, the same journal as for FIX.

A request becomes the FIX message it stands for and enters the engine under the entrant's session, beside the FIX
sessions. The answer is what was committed, given when it is durable: this is a sink like any other, so it sees each
entry when the gate releases it, and nothing undurable is ever answered (DURABILITY section 1).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from bridge.control_commands import (
    CancelAfterAnswer,
    Entrant,
    MassCancelAnswer,
    OrderAnswer,
    OrderChange,
    Verdict,
)
from bridge.control_messages import cancelling, explained, replacing, shown, unchanged_since
from bridge.decide.orders import same_terms
from bridge.desk import Desk, utc
from bridge.engine import Engine
from bridge.interfaces import Clock, JournalError
from bridge.journal.encoding import order_state
from bridge.orders.events import (
    CancelRejected,
    CancelRequested,
    DuplicateRefused,
    Entry,
    Initiator,
    MassCancelRequested,
    OrderReceived,
    OrderRejected,
    OrderReplaced,
    OrderRouted,
    ReplaceRequested,
)
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode
from bridge.orders.terms import SessionTerms
from bridge.problems import Problem, ProblemError, problem, refuse
from bridge.risk.chain import RiskChain
from fixspec.enums import CxlRejReason, MassCancelRequestType, Side
from fixspec.messages import Header, NewOrderSingle

MAX_CANCEL_AFTER = 24 * 3600  # seconds
REMEMBERED = 10_000  # refusals that a retry is answered with again; an older one gets the order's state

Key = tuple[str, str]  # session, ClOrdID(11)
_PENDING = frozenset({CxlRejReason.ORDER_ALREADY_IN_PENDING_STATUS})


class ControlOrders:
    """Implements the order part of `control_commands.Commands`. An EventSink: add it to the engine's.

    `attach` names the engine, which is built with its sinks and so comes later.
    """

    name = "control"
    cursor = 0

    def __init__(self, clock: Clock, chain: RiskChain | None = None, path: Path | None = None) -> None:
        """`chain` explains; the engine has its own reference to it for deciding. `path` keeps armed cancel-afters, so
        that they outlive us: see `resume`.
        """
        self._clock = clock
        self._chain = chain
        self._path = path
        self._deadlines: dict[str, int] = {}  # session → UTC ns
        self._engine: Engine
        self._waiting: dict[Key, asyncio.Future[OrderAnswer | Problem]] = {}
        self._mass: dict[Key, asyncio.Future[int]] = {}
        self._masses: dict[Key, MassCancelAnswer] = {}
        self._received: dict[int, Key] = {}
        self._refusals: dict[int, Problem] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._rules: dict[type[Any], Callable[[Entry, Any, Order | None], None]] = {
            OrderReceived: self._on_received,
            OrderRouted: self._on_routed,
            OrderRejected: self._on_rejected,
            DuplicateRefused: self._on_duplicate,
            CancelRequested: self._on_requested,
            ReplaceRequested: self._on_requested,
            OrderReplaced: self._on_requested,
            CancelRejected: self._on_cancel_rejected,
            MassCancelRequested: self._on_mass_cancel,
        }
        self.events = frozenset(self._rules)

    def attach(self, engine: Engine) -> None:
        """The engine to enter orders into."""
        self._engine = engine

    # --- commands ----------------------------------------------------------------------------------------------------

    async def new_order(self, order: NewOrderSingle, entrant: Entrant, caller: str) -> OrderAnswer:
        """See `Commands.new_order`."""
        desk = self._engine.desk
        known = desk.blotter.find(entrant.session_id, order.cl_ord_id)
        if known is not None and same_terms(known, order) and order.account in (None, known.account):
            return await self._replayed(known)
        header = self._header("D", entrant, order.transact_time)
        key = (entrant.session_id, order.cl_ord_id)
        return await self._entered(key, lambda: self._engine.new_order(entrant.session_id, header, order))

    def dry_run(self, order: NewOrderSingle, entrant: Entrant) -> Verdict:
        """See `Commands.dry_run`: the first refusal, or DRYRUN_PASS."""
        header = self._header("D", entrant, order.transact_time)
        would_be, rejection = self._engine.verdict(entrant.session_id, header, order)
        rules = explained(self._chain, would_be, self._engine.desk)
        if rejection is None:
            return Verdict(code=ReasonCode.DRYRUN_PASS.value, passed=True, text="every check passes", rules=rules)
        return Verdict(code=rejection.code.value, passed=False, text=rejection.text, rules=rules)

    def explain(self, order_id: int) -> Verdict:
        """See `Commands.explain`."""
        order = self._engine.desk.blotter.order(order_id)
        if order is None:
            raise refuse("not-found", f"there is no order {order_id}", code=ReasonCode.UNKNOWN_ORDER.value)
        self._engine.desk.excluded = order
        try:
            rules = explained(self._chain, order, self._engine.desk)
        finally:
            self._engine.desk.excluded = None
        failed = next((rule for rule in rules if rule.outcome == "refuse"), None)
        if failed is None:
            return Verdict(code=ReasonCode.DRYRUN_PASS.value, passed=True, text="every check passes", rules=rules)
        return Verdict(code=failed.code or "", passed=False, text=failed.text, rules=rules)

    async def replace_order(
        self, order_id: int, change: OrderChange, entrant: Entrant, caller: str, if_match: int | None = None
    ) -> OrderAnswer:
        """See `Commands.replace_order`."""
        order = self._order(order_id, entrant)
        if self._engine.desk.blotter.find(entrant.session_id, change.cl_ord_id) is order:
            return await self._replayed(order)
        unchanged_since(order, if_match)
        message = replacing(order, change, self._now())
        header = self._header("G", entrant, message.transact_time)
        key = (entrant.session_id, change.cl_ord_id)
        return await self._entered(key, lambda: self._engine.replace(entrant.session_id, header, message))

    async def cancel_order(
        self, order_id: int, cl_ord_id: str, entrant: Entrant, caller: str, if_match: int | None = None
    ) -> OrderAnswer:
        """See `Commands.cancel_order`."""
        order = self._order(order_id, entrant)
        if self._engine.desk.blotter.find(entrant.session_id, cl_ord_id) is order:
            return await self._replayed(order)
        unchanged_since(order, if_match)
        message = cancelling(order, cl_ord_id, self._now())
        header = self._header("F", entrant, message.transact_time)
        key = (entrant.session_id, cl_ord_id)
        return await self._entered(key, lambda: self._engine.cancel(entrant.session_id, header, message))

    async def cancel_all(
        self,
        cl_ord_id: str,
        entrant: Entrant,
        caller: str,
        account: str | None = None,
        symbol: str | None = None,
        side: Side | None = None,
    ) -> MassCancelAnswer:
        """See `Commands.cancel_all`."""
        accounts = self._terms(entrant).accounts
        if account is not None and account not in accounts:
            raise refuse("forbidden", f"account {account} is not covered", code="ACCOUNT_NOT_ENTITLED")
        engine = self._engine
        key = (entrant.session_id, cl_ord_id)
        known = self._masses.get(key)
        if known is not None:
            return known
        if engine.desk.blotter.knows(*key):
            raise refuse("duplicate-cl-ord-id", f"ClOrdID(11) {cl_ord_id} was used before", code="DUP_CLORDID")
        chosen = [
            order
            for order in engine.desk.blotter.open_orders(account)
            if order.account in accounts
            and (symbol is None or order.symbol == symbol)
            and (side is None or order.side is side)
        ]

        def work() -> None:
            kind = MassCancelRequestType.CANCEL_ORDERS_FOR_A_SECURITY if symbol else None
            engine.commit(
                (
                    MassCancelRequested(
                        mass_id=engine.desk.next_seq,
                        session_id=entrant.session_id,
                        cl_ord_id=cl_ord_id,
                        request_type=kind or MassCancelRequestType.CANCEL_ALL_ORDERS,
                        account=account,
                        symbol=symbol,
                        side=side,
                        order_ids=tuple(order.order_id for order in chosen),
                    ),
                )
            )

        future = self._mass[key] = asyncio.get_running_loop().create_future()
        try:
            engine.turn(work)
            mass_id = engine.desk.blotter.seq
            engine.cancel_orders(chosen, Initiator.MASS, mass_id=mass_id, text=f"cancel-all by {caller}")
            await future
        except JournalError as error:
            raise refuse("unavailable", f"the journal has failed: {error}") from error
        finally:
            self._mass.pop(key, None)
        ids = tuple(order.order_id for order in chosen)
        answer = self._masses[key] = MassCancelAnswer(mass_id, len(ids), ids, engine.desk.blotter.seq)
        if len(self._masses) > REMEMBERED:
            del self._masses[next(iter(self._masses))]
        return answer

    def cancel_after(self, seconds: int, entrant: Entrant, caller: str) -> CancelAfterAnswer:
        """See `Commands.cancel_after`."""
        if not 0 <= seconds <= MAX_CANCEL_AFTER:
            raise refuse("refused", f"seconds must be 0 to {MAX_CANCEL_AFTER}")
        running = self._timers.pop(entrant.session_id, None)
        if running is not None:
            running.cancel()
        if not seconds:
            self._deadlines.pop(entrant.session_id, None)
            self._keep()
            return CancelAfterAnswer(0)
        deadline = self._clock.utc_ns() + seconds * 1_000_000_000
        self._arm(entrant.session_id, deadline)
        self._keep()
        return CancelAfterAnswer(seconds, utc(deadline))

    def resume(self) -> None:
        """Arm again what was armed when we stopped, and cancel at once what ran out meanwhile.

        Call it when the brokers are connected and before anybody may trade. Raises OSError, msgspec.DecodeError for a
        file that cannot be read: a dead man's switch that is not understood must not be silently off.
        """
        if self._path is None or not self._path.exists():
            return
        for session_id, deadline in msgspec.json.decode(self._path.read_bytes(), type=dict[str, int]).items():
            self._arm(session_id, deadline)

    def _arm(self, session_id: str, deadline: int) -> None:
        self._deadlines[session_id] = deadline
        left = max((deadline - self._clock.utc_ns()) / 1e9, 0.0)
        self._timers[session_id] = asyncio.get_running_loop().call_later(left, self._not_renewed, session_id)

    def _keep(self) -> None:
        if self._path is not None:
            new = self._path.with_suffix(".new")
            new.write_bytes(msgspec.json.encode(self._deadlines))
            new.replace(self._path)

    def _not_renewed(self, session_id: str) -> None:
        self._timers.pop(session_id, None)
        deadline = self._deadlines.pop(session_id, 0)
        mine = [order for order in self._engine.desk.blotter.open_orders() if order.session_id == session_id]
        text = f"cancel-after: not renewed by {utc(deadline):%H:%M:%S} UTC"
        self._engine.cancel_orders(mine, Initiator.DISCONNECT, text=text)
        self._keep()

    # --- what the journal says about them ----------------------------------------------------------------------------

    def on_entry(self, entry: Entry, order: Order | None) -> None:
        """Answer whoever waits for this entry."""
        self.cursor = entry.seq
        if self._waiting or self._received or self._mass:
            rule = self._rules.get(type(entry.event))
            if rule is not None:
                rule(entry, entry.event, order)

    def _on_received(self, entry: Entry, event: OrderReceived, order: Order | None) -> None:
        key = (event.session_id, event.cl_ord_id)
        if key in self._waiting:
            self._received[event.order_id] = key

    def _on_routed(self, entry: Entry, event: OrderRouted, order: Order | None) -> None:
        key = self._received.pop(event.order_id, None)
        if key is not None and order is not None:
            self._answer(key, OrderAnswer(order_state(order), entry.seq))

    def _on_rejected(self, entry: Entry, event: OrderRejected, order: Order | None) -> None:
        key = self._received.pop(event.order_id, None)
        if key is not None:
            refusal = problem(
                "refused",
                event.text,
                code=event.code,
                rule=event.rule,
                limit=event.limit,
                value=event.value,
                order_id=event.order_id,
                seq=entry.seq,
                order=shown(order),
            )
            self._refusals[event.order_id] = refusal
            if len(self._refusals) > REMEMBERED:
                del self._refusals[next(iter(self._refusals))]
            self._answer(key, refusal)

    def _on_duplicate(self, entry: Entry, event: DuplicateRefused, order: Order | None) -> None:
        refusal = problem(
            "duplicate-cl-ord-id",
            event.text,
            code=ReasonCode.DUP_CLORDID.value,
            order_id=event.order_id or None,
            seq=entry.seq,
            order=shown(order),
        )
        self._answer((event.session_id, event.cl_ord_id), refusal)

    def _on_requested(
        self, entry: Entry, event: CancelRequested | ReplaceRequested | OrderReplaced, order: Order | None
    ) -> None:
        if order is not None:
            self._answer((event.session_id, event.cl_ord_id), OrderAnswer(order_state(order), entry.seq))

    def _on_cancel_rejected(self, entry: Entry, event: CancelRejected, order: Order | None) -> None:
        slug = "already-pending" if event.cxl_rej_reason in _PENDING else "refused"
        if event.cxl_rej_reason is CxlRejReason.DUPLICATE_CL_ORD_ID:
            slug = "duplicate-cl-ord-id"
        refusal = problem(
            slug,
            event.text,
            code=event.code,
            rule=event.rule,
            limit=event.limit,
            value=event.value,
            order_id=event.order_id or None,
            seq=entry.seq,
            order=shown(order),
        )
        self._answer((event.session_id, event.cl_ord_id), refusal)

    def _on_mass_cancel(self, entry: Entry, event: MassCancelRequested, order: Order | None) -> None:
        future = self._mass.get((event.session_id, event.cl_ord_id))
        if future is not None and not future.done():
            future.set_result(entry.seq)

    # --- ways --------------------------------------------------------------------------------------------------------

    async def _entered(self, key: Key, enter: Callable[[], None]) -> OrderAnswer:
        """Enter a message and wait for the entry that answers it to be durable."""
        if key in self._waiting:
            raise refuse("already-pending", f"a request with ClOrdID(11) {key[1]} is being answered")
        future: asyncio.Future[OrderAnswer | Problem] = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        try:
            enter()
            answer = await future
        except JournalError as error:
            raise refuse("unavailable", f"the journal has failed: {error}") from error
        finally:
            self._waiting.pop(key, None)
        if isinstance(answer, Problem):
            raise ProblemError(answer)
        return answer

    async def _replayed(self, order: Order) -> OrderAnswer:
        """The order as it is, once all of it is durable."""
        future: asyncio.Future[OrderAnswer] = asyncio.get_running_loop().create_future()

        def answer(desk: Desk) -> None:
            now = desk.blotter.order(order.order_id) or order
            future.set_result(OrderAnswer(order_state(now), now.last_seq, replayed=True))

        self._engine.answer(answer)
        found = await future
        refusal = self._refusals.get(order.order_id)
        if refusal is not None:
            raise ProblemError(refusal)
        return found

    def _answer(self, key: Key, answer: OrderAnswer | Problem) -> None:
        future = self._waiting.get(key)
        if future is not None and not future.done():
            future.set_result(answer)

    def _order(self, order_id: int, entrant: Entrant) -> Order:
        order = self._engine.desk.blotter.order(order_id)
        if order is None:
            raise refuse("not-found", f"there is no order {order_id}", code=ReasonCode.UNKNOWN_ORDER.value)
        if order.account not in self._terms(entrant).accounts:
            raise refuse("forbidden", f"account {order.account} is not covered", code="ACCOUNT_NOT_ENTITLED")
        return order

    def _terms(self, entrant: Entrant) -> SessionTerms:
        """The entrant's session, made or changed when its accounts have."""
        desk = self._engine.desk
        accounts = entrant.accounts or tuple(desk.accounts)
        terms = desk.sessions.get(entrant.session_id)
        if terms is None or terms.accounts != accounts:
            terms = desk.sessions[entrant.session_id] = SessionTerms(session_id=entrant.session_id, accounts=accounts)
        return terms

    def _header(self, msg_type: str, entrant: Entrant, at: datetime) -> Header:
        self._terms(entrant)
        return Header(
            msg_type=msg_type,
            msg_seq_num=0,
            sender_comp_id=entrant.session_id,
            target_comp_id="BRIDGE",
            sending_time=at,
            sender_sub_id=entrant.strategy,
        )

    def _now(self) -> datetime:
        return utc(self._clock.utc_ns())
