"""IB's words → reports (the table of ADAPTERS B.3, row by row), each possibly repeated, early, late or missing.

Executions make fills. A status is a hint: where it shows more filled than the executions told, they are asked for, and
what ends the order is told after them. An error means what `codes` says it means; none of them ends an order by itself
that IB has accepted.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog

from bridge.brokers.ib import codes, wire
from bridge.brokers.ib.book import Book, Known
from bridge.brokers.ib.codes import Means
from bridge.brokers.ib.tap import OrderStatus
from bridge.orders.events import Request, Source
from bridge.orders.reasons import ReasonCode
from bridge.orders.reports import (
    Acknowledged,
    Canceled,
    CancelRefused,
    CommissionKnown,
    Executed,
    Expired,
    NoAnswer,
    Refused,
    Replaced,
    ReplaceRefused,
    Report,
    Restated,
    Suspended,
)
from fixspec.enums import CxlRejReason, ExecRestatementReason

log = structlog.get_logger("bridge.brokers.ib")

LIVING = frozenset({"PreSubmitted", "Submitted"})
UNDER_WAY = frozenset({"PendingSubmit", "ApiPending", "PendingCancel"})
CANCELED = frozenset({"Cancelled", "ApiCancelled"})
ERROR_TEXT = 0.3
"""Seconds that an Inactive waits for the error that explains it."""
EXECUTIONS_KEPT = 50_000

Later = Callable[[float, Callable[[], None]], object]


class Listener:
    """Everything happens on the loop, in the order it came. `tap.Hears`, apart from the connection's notices."""

    def __init__(
        self,
        name: str,
        book: Book,
        *,
        say: Callable[[Report], None],
        symbol: Callable[[Any], str],
        check: Callable[[Known, float], None],
        again: Callable[[Known], None],
        cancel: Callable[[Known], None],
        later: Later,
        account: Callable[[str], str],
        patience: float,
    ) -> None:
        """`check`: ask for the order's executions and state in that many seconds; `again`: send a new order once more
        under another id; `cancel`: cancel an order that must not live; `later`: a timer; `account`: our name of IB's
        account; `patience`: seconds that a status waits for the executions it speaks of, before they are asked for.
        """
        self._name = name
        self._book = book
        self._say = say
        self._symbol = symbol
        self._check = check
        self._again = again
        self._cancel = cancel
        self._later = later
        self._roots: dict[str, tuple[str, str | None, int]] = {}  # execution id → root, ref, permId
        self._early: dict[str, tuple[Decimal, str]] = {}  # commissions told before their execution
        self._account = account
        self._patience = patience
        self.caught_up = False  # before the first comparison, executions of orders not in hand are not news
        self.unknown: Counter[int] = Counter()  # error codes nobody listed

    # --- terms and states --------------------------------------------------------------------------------------------

    def open_order(self, contract: Any, order: Any, state: Any) -> None:
        """Terms and state of an order, after a request, at a login, or because somebody asked."""
        known = self._book.met(order.orderRef, order.clientId, order.orderId, order.permId)
        known.contract = contract
        known.account = order.account
        known.symbol = self._symbol(contract)
        known.side = known.side or wire.side_of(order.action)
        now = wire.terms_of(order)
        if known.asked is None:
            if known.acked and known.terms is not None and not same(now, known.terms):
                self._restated(known, now)
            known.terms = now
        elif state.status in LIVING:
            self._answered(known, known.asked, now)
        known.held = known.held or (not known.acked and order.orderType in {"STP", "STP LMT"})
        self._state(known, state.status, None, "")

    def _answered(self, known: Known, asked: wire.Terms, now: wire.Terms) -> None:
        """Terms in force while a change is under way: the new ones, the old ones still, or somebody else's."""
        if same(now, asked):
            self._changed(known, now)
        elif known.terms is not None and not same(now, known.terms):
            self._restated(known, now)
        else:
            known.terms = now

    def _changed(self, known: Known, now: wire.Terms) -> None:
        known.terms, known.asked, known.asked_for, known.change_lost = now, None, None, False
        self._tell(Replaced, known, order_qty=now.qty, price=now.price, stop_px=now.stop_px)

    def _restated(self, known: Known, now: wire.Terms) -> None:
        """Somebody changed it in TWS, or IB did."""
        known.terms = now
        self._tell(
            Restated,
            known,
            reason=ExecRestatementReason.OTHER,
            order_qty=now.qty,
            price=now.price,
            stop_px=now.stop_px,
            text="changed at IB",
        )

    def order_status(self, said: OrderStatus) -> None:
        """A hint. It names no reference: an order nobody has stated yet is left to its openOrder."""
        known = self._book.find("", said.client_id, said.order_id, said.perm_id)
        if known is None:
            return
        if said.perm_id:
            self._book.met(known.ref or "", said.client_id, said.order_id, said.perm_id)
        self._state(known, said.status, said.filled, said.why_held)

    def _state(self, known: Known, status: str, filled: Decimal | None, why_held: str) -> None:
        known.heard = True
        known.asked_heard = True
        if filled is not None:
            known.stated = max(known.stated, filled)
        if known.ended is not None:
            if known.ended == "refused" and status in LIVING:
                log.critical("IB works an order that it had refused: it is cancelled", ref=known.ref, status=status)
                self._cancel(known)
            return
        if status in LIVING:
            self._living(known, why_held)
        elif status in CANCELED:
            self._over(known)
        elif status == "Filled":
            self._filled(known)
        elif status == "Inactive":
            self._inactive(known, why_held)
        elif status not in UNDER_WAY:
            log.warning("unknown order status of IB", status=status, ref=known.ref)
            self._check(known, 0.0)
        self._missing(known)

    def _missing(self, known: Known) -> None:
        """IB calls more filled than its executions told: they may be under way, or have to be asked for."""
        if known.ended is None and known.stated > known.cum:
            self._check(known, self._patience)

    def _living(self, known: Known, why_held: str) -> None:
        """PreSubmitted is New too: it waits for its trigger, its parent, or for the session to open."""
        known.error, known.locating = None, False
        if known.suspended:
            known.suspended = False
            self._tell(Restated, known, reason=ExecRestatementReason.MARKET, text="works again")
        if known.acked:
            return
        known.acked = True
        if not known.fills and known.ref is not None:  # an order nobody here sent is adopted, and new by that
            self._tell(Acknowledged, known, held=known.held or bool(why_held))

    def _filled(self, known: Known) -> None:
        if known.asked is not None:
            self._refuse_change(known, CxlRejReason.TOO_LATE_TO_CANCEL, "the order was filled before the change", None)
        if known.terms is not None and known.cum >= known.terms.qty:
            self._complete(known)
        else:
            self._check(known, self._patience)

    def _complete(self, known: Known) -> None:
        self._book.end(known, "filled")
        if known.canceling:
            known.canceling = False
            text = "the order was filled before the cancel"
            self._tell(CancelRefused, known, cxl_rej_reason=CxlRejReason.TOO_LATE_TO_CANCEL, text=text)

    def _over(self, known: Known) -> None:
        """Cancelled, whoever asked: told when every execution IB speaks of is here."""
        if known.error is None and not known.acked and not known.fills and not known.canceling:
            self._later(ERROR_TEXT, lambda: self._over_now(known))  # a refusal's error may come after it
        else:
            self._over_now(known)

    def _over_now(self, known: Known) -> None:
        if known.ended is not None:
            return
        error = known.error
        if error is not None and error[0] != 202 and not known.cum:
            self._refused(known, *error)
            return
        known.ending = ("canceled", error[1] if error is not None else None)
        self.conclude(known)

    def conclude(self, known: Known, at_last: bool = False) -> None:
        """Tell how an order ended, if its executions are here; `at_last`: IB has no more of them."""
        if known.ending is None or known.ended is not None:
            return
        if known.stated > known.cum:
            if not at_last:
                self._check(known, self._patience)
                return
            log.error("IB calls more filled than it has executions", ref=known.ref, stated=known.stated, ours=known.cum)
        _, text = known.ending
        self._book.end(known, "canceled")
        known.asked = None
        if text is not None and "expire" in text.lower():
            self._tell(Expired, known, text=text)
            return
        reason = None
        if not known.canceling and (known.terms is None or known.terms.tif not in {"IOC", "FOK"}):
            reason = ExecRestatementReason.OTHER
        known.canceling = False
        self._tell(Canceled, known, reason=reason, text=text)
        self._check(known, self._patience)  # a cancel is provisional until the executions agree

    def _inactive(self, known: Known, why_held: str) -> None:
        """A refusal, or an order that waits, or one that was suspended: the error text tells, if it comes."""
        known.locating = known.locating or "locate" in why_held
        if known.locating:
            return
        if known.error is not None:
            self._inactive_now(known)
        else:
            self._later(ERROR_TEXT, lambda: self._inactive_now(known))

    def _inactive_now(self, known: Known) -> None:
        if known.ended is not None or known.locating or (known.acked and known.error is None and known.suspended):
            return
        error = known.error
        if error is not None and error[0] in {202, *codes.REFUSALS}:
            if known.cum:
                known.ending = ("canceled", error[1])
                self.conclude(known)
            else:
                self._refused(known, *error)
        elif not known.acked and not known.fills:
            self._refused(known, 0, "IB made the order inactive and says no more")
        else:
            known.suspended = True
            self._tell(Suspended, known, text="IB made the order inactive")

    # --- executions --------------------------------------------------------------------------------------------------

    def execution(self, contract: Any, said: Any, live: bool) -> None:
        """A fill or a correction. Live ones are told always, those of a list when we have the order in hand."""
        known = self._book.find(said.orderRef, said.clientId, said.orderId, said.permId)
        if known is None:
            known = self._book.met(said.orderRef, said.clientId, said.orderId, said.permId)
            known.contract, known.account = contract, said.acctNumber
            known.symbol = self._symbol(contract)
            known.side = wire.side_of(said.side)
        elif said.permId:
            self._book.met(known.ref or "", said.clientId, said.orderId, said.permId)
        report = self.executed(contract, said, Source.LIVE if live else Source.RECON)
        root = report.exec_root or report.broker_exec_id
        before = known.fills.get(root)
        if before is not None and before[0] >= report.revision:
            return
        known.fills[root] = (report.revision, report.last_qty)
        known.heard = True
        known.doubts = 0
        self._remember(said.execId, root, known)
        if live or known.order is not None or (self.caught_up and known.ref is not None):
            self._say(report)
            self._early_commission(said.execId)
        if known.ended is None:
            if known.ending is not None:
                self.conclude(known)
            elif known.terms is not None and known.asked is None and known.cum >= known.terms.qty:
                self._complete(known)

    def executed(self, contract: Any, said: Any, source: Source) -> Executed:
        """The report of an execution of IB's."""
        root, revision = wire.revision(said.execId)
        known = self._book.find(said.orderRef, said.clientId, said.orderId, said.permId)
        return Executed(
            broker=self._name,
            broker_client_id=known.ref if known is not None else said.orderRef or None,
            broker_order_id=str(said.permId) if said.permId else None,
            transact_time=said.time,
            source=source,
            broker_exec_id=said.execId,
            exec_root=root,
            revision=revision,
            symbol=self._symbol(contract),
            side=wire.side_of(said.side),
            account=self._account(said.acctNumber),
            last_qty=wire.quantity(said.shares),
            last_px=wire.quantity(said.price),
            liquidity=wire.LIQUIDITY.get(int(said.lastLiquidity)),
            last_mkt=said.exchange or None,
        )

    def _remember(self, exec_id: str, root: str, known: Known) -> None:
        self._roots[exec_id] = (root, known.ref, known.perm_id)
        if len(self._roots) > EXECUTIONS_KEPT:
            for old in list(self._roots)[: EXECUTIONS_KEPT // 10]:
                del self._roots[old]

    def commission(self, exec_id: str, commission: Decimal, currency: str) -> None:
        """What an execution cost, told after it; one that comes first is kept."""
        cost = wire.number(commission)
        if cost is None:
            return
        if exec_id not in self._roots:
            self._early[exec_id] = (cost, currency)
            if len(self._early) > 1000:
                del self._early[next(iter(self._early))]
            return
        root, ref, perm_id = self._roots[exec_id]
        self._say(
            CommissionKnown(
                broker=self._name,
                broker_client_id=ref,
                broker_order_id=str(perm_id) if perm_id else None,
                exec_root=root,
                commission=cost,
                currency=currency or None,
            )
        )

    def _early_commission(self, exec_id: str) -> None:
        early = self._early.pop(exec_id, None)
        if early is not None:
            self.commission(exec_id, *early)

    # --- errors ------------------------------------------------------------------------------------------------------

    def order_error(self, order_id: int, code: int, text: str) -> None:
        """An error on an order id: a refusal, a warning, or an answer to a cancel."""
        known = self._book.by_order_id(order_id)
        if known is None:
            log.warning("IB's error on an order id that is not ours", order_id=order_id, code=code, text=text)
            return
        changing = known.asked is not None
        meaning = codes.means(code, changing=changing, accepted=known.acked or bool(known.fills))
        log.info("IB's error on an order", ref=known.ref, code=code, text=text, means=meaning.value)
        if meaning is Means.NOTHING:
            known.heard = True
            known.held = known.held or code in codes.HOLDS
            known.locating = known.locating or code == codes.LOCATING
        elif meaning is Means.CANCELED:
            known.error = (code, text)
            self._check(known, self._patience)
        elif meaning is Means.CANCEL_REFUSED:
            self._cancel_refused(known, code, text)
        elif meaning is Means.DUPLICATE:
            self._duplicate(known, code, text)
        elif known.ended is not None:
            return
        elif meaning in {Means.REFUSED, Means.CHANGE_REFUSED} and changing:
            self._refuse_change(known, CxlRejReason.BROKER_OPTION, text, code)
        elif meaning is Means.REFUSED and not known.acked and not known.fills:
            self._refused(known, code, text)
        elif meaning is Means.REFUSED:
            known.error = (code, text)
            self._check(known, self._patience)
        else:
            self._unknown(known, code, text)

    def _refused(self, known: Known, code: int, text: str) -> None:
        self._book.end(known, "refused")
        known.canceling = False
        self._tell(Refused, known, code=codes.reason(code, text), text=text, broker_code=str(code) if code else None)

    def _refuse_change(self, known: Known, reason: CxlRejReason, text: str, code: int | None) -> None:
        known.asked, known.asked_for, known.change_lost = None, None, False
        self._tell(
            ReplaceRefused, known, cxl_rej_reason=reason, text=text, broker_code=None if code is None else str(code)
        )
        if known.ended is None and known.terms is not None and known.cum >= known.terms.qty:
            self._complete(known)

    def _cancel_refused(self, known: Known, code: int, text: str) -> None:
        """The answer to a cancel, and the only one: whether the order was filled or is unknown has to be asked."""
        if known.canceling:
            known.canceling = False
            reason = codes.CANCELS[code]
            self._tell(CancelRefused, known, cxl_rej_reason=reason, text=text, broker_code=str(code))
        self._check(known, 0.0)

    def _duplicate(self, known: Known, code: int, text: str) -> None:
        """103: the id belongs to another order, so this one was surely not taken; once more under a fresh id."""
        if known.asked is not None:
            self._refuse_change(known, CxlRejReason.BROKER_OPTION, text, code)
        elif known.ended is not None or known.acked or known.fills:
            log.error("IB calls the id of a living order a duplicate", ref=known.ref, text=text)
            self._check(known, 0.0)
        elif known.retried:
            self._refused(known, code, text)
        else:
            known.retried = True
            self._again(known)

    def _unknown(self, known: Known, code: int, text: str) -> None:
        """A code nobody listed proves nothing."""
        self.unknown[code] += 1
        log.error("unknown error code of IB", code=code, text=text, ref=known.ref)
        request = None
        if known.asked is not None:
            request = Request.REPLACE
        elif known.canceling:
            request = Request.CANCEL
        elif not known.acked and not known.fills:
            request = Request.SUBMIT
        if request is not None:
            self.no_answer(known, request, f"{text} ({code})")
        self._check(known, 0.0)

    # --- what is told ------------------------------------------------------------------------------------------------

    def no_answer(self, known: Known, request: Request, text: str) -> None:
        """Nobody knows what became of a request."""
        self._tell(NoAnswer, known, request=request, text=text)

    def refuse(self, known: Known, code: ReasonCode, text: str) -> None:
        """An order that surely never left."""
        self._book.end(known, "refused")
        self._tell(Refused, known, code=code, text=text)

    def completed(self, contract: Any, order: Any, state: Any) -> None:
        """An order as the list of today's ended orders has it."""
        known = self._book.find(order.orderRef, 0, 0, order.permId)
        if known is None or known.ended is not None:
            return
        self._book.met(known.ref or "", 0, 0, order.permId)
        known.heard = True
        known.stated = max(known.stated, wire.quantity(order.filledQuantity))
        text = state.completedStatus or None
        if state.status == "Filled":
            self._filled(known)
        elif state.status in CANCELED:
            known.ending = ("canceled", text)
            self.conclude(known)
        elif state.status == "Inactive" and not known.stated:
            self._refused(known, *(known.error or (0, text or "refused, as IB's list of ended orders says")))

    def _tell(self, kind: type[Report], known: Known, at: datetime | None = None, **said: Any) -> None:
        self._say(
            kind(
                broker=self._name,
                broker_client_id=known.ref,
                broker_order_id=str(known.perm_id) if known.perm_id else None,
                transact_time=at,
                **said,
            )
        )


def same(one: wire.Terms, other: wire.Terms) -> bool:
    """Equal quantity and prices; a price that one side does not have says nothing."""
    return (
        one.qty == other.qty
        and (one.price is None or other.price is None or one.price == other.price)
        and (one.stop_px is None or other.stop_px is None or one.stop_px == other.stop_px)
    )
