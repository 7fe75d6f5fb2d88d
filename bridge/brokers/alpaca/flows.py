"""What becomes of a request: sent once, answered, refused, or unknown and then asked for until it is known.

A submit and a replace leave once. Cancels are repeated, which harms nothing. Nothing here decides that an order is
absent: that takes two lists and the reconciler (fence NONE); a replacement that Alpaca has never had is proven so by
its own id.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import structlog

from bridge.brokers.alpaca import answers, wire
from bridge.brokers.alpaca.answers import Denied, NoReply, NotSent, Throttled
from bridge.brokers.alpaca.budget import Use
from bridge.brokers.alpaca.listener import Listener
from bridge.brokers.alpaca.queries import Queries
from bridge.brokers.alpaca.seen import Seen
from bridge.brokers.alpaca.wire import Json, Unreadable, json_object
from bridge.orders.events import Request, Source
from bridge.orders.order import Order
from bridge.orders.reasons import ReasonCode
from bridge.orders.reports import CancelRefused, NoAnswer, Refused, ReplaceRefused, Report
from fixspec.enums import CxlRejReason

log = structlog.get_logger("bridge.brokers.alpaca")

CANCEL_TRIES = 6
GONE = frozenset({"filled", "canceled", "expired", "rejected"})


class Send(Protocol):
    """Sends one request when the rate limit lets it, and at once where it does. Raises Denied, NotSent, NoReply."""

    def __call__(self, use: Use, method: str, path: str, data: Any = None) -> Awaitable[Any]:
        """The request is on its way when this returns, unless it has to wait."""
        ...


class Flows:
    """Requests of one adapter. Waits in seconds."""

    def __init__(
        self,
        name: str,
        *,
        send: Send,
        queries: Queries,
        listener: Listener,
        say: Callable[[Report], None],
        refused: Callable[[Denied], None],
        watch: Callable[[Seen], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float],
        first_look: float = 0.25,
        settle: float = 30.0,
    ) -> None:
        self._name = name
        self._send = send
        self._queries = queries
        self._listener = listener
        self._say = say
        self._refused = refused
        self._watch = watch
        self._sleep = sleep
        self._clock = clock
        self._first_look = first_look
        self._settle = settle
        self._canceling: set[str] = set()

    # --- submit -------------------------------------------------------------------------------------------------------

    async def submit(self, order: Order, under_way: Awaitable[Any]) -> None:
        """The outcome of a POST that is on its way."""
        client_id = order.broker_client_id or ""
        try:
            body = await under_way
        except NotSent as error:
            code = ReasonCode.THROTTLE if isinstance(error, Throttled) else ReasonCode.BROKER_UNAVAILABLE
            self.refuse(order, code, f"not sent: {error}")
        except NoReply as error:
            await self._unknown(client_id, str(error))
        except Denied as denied:
            if answers.NOT_UNIQUE in denied.text:
                # On our first use of an id this says that the order is there: an answer was lost on the way.
                await self._unknown(client_id, f"Alpaca knows the id already ({denied.text})")
                return
            self._refused(denied)
            self.refuse(order, answers.reason(denied), denied.text, denied.broker_code)
        else:
            try:
                self._watch(self._listener.body(json_object(body)))
            except Unreadable as error:
                await self._unknown(client_id, f"unreadable answer: {error}")

    def refuse(self, order: Order, code: ReasonCode, text: str, broker_code: str | None = None) -> None:
        """The order was refused, by Alpaca or before anything left."""
        self._say(
            Refused(
                broker=self._name,
                broker_client_id=order.broker_client_id,
                code=code,
                text=text,
                broker_code=broker_code,
            )
        )

    async def _unknown(self, client_id: str, text: str) -> None:
        self._no_answer(client_id, Request.SUBMIT, text)
        if not await self._look(client_id):
            log.warning("order not found yet after a lost answer", broker=self._name, client_id=client_id)

    async def _look(self, client_id: str) -> bool:
        """Ask for an order by our id until it is found, within `settle`; the stream may answer first."""
        async for found in self._sightings(client_id):
            if found is not None:
                return self._tell(found)
        return False

    async def _sightings(self, client_id: str) -> AsyncIterator[Json | None]:
        """What Alpaca says about an id, again and again for at least `settle`; what is no answer is left out."""
        began, wait = self._clock(), self._first_look
        while True:
            await self._sleep(wait)
            wait = min(wait * 2, 8.0)
            try:
                found = await self._queries.by_client_id(client_id)
            except (NoReply, Denied, Unreadable) as error:
                log.info("no answer about an order", broker=self._name, client_id=client_id, error=str(error))
                if self._clock() - began > 4 * self._settle:
                    return
                continue
            yield found
            if found is not None or self._clock() - began >= self._settle:
                return

    # --- replace ------------------------------------------------------------------------------------------------------

    async def replace(self, order: Order, order_id: str, under_way: Awaitable[Any]) -> None:
        """The outcome of a PATCH that is on its way."""
        wanted = order.pending_replace
        assert wanted is not None
        client_id = wanted.broker_client_id
        try:
            body = await under_way
        except NotSent as error:
            self._listener.expected.pop(order_id, None)
            self.refuse_replace(order, f"not sent: {error}")
        except NoReply as error:
            self._no_answer(client_id, Request.REPLACE, str(error))
            await self._settle_replace(order, order_id)
        except Denied as denied:
            if answers.NOT_UNIQUE in denied.text:
                self._no_answer(client_id, Request.REPLACE, denied.text)
                await self._settle_replace(order, order_id)
                return
            self._refused(denied)
            self._listener.expected.pop(order_id, None)
            # a refusal often means that the order has changed: what it is now is told before the refusal
            state = await self._state(order_id)
            reason = answers.cancel_reason(denied)
            if state is not None and state.get("status") in GONE:
                reason = CxlRejReason.TOO_LATE_TO_CANCEL
            self.refuse_replace(order, denied.text, reason, denied.broker_code, order_id)
        else:
            try:
                self._watch(self._listener.body(json_object(body)))
            except Unreadable as error:
                self._no_answer(client_id, Request.REPLACE, f"unreadable answer: {error}")
                await self._settle_replace(order, order_id)

    async def _settle_replace(self, order: Order, order_id: str) -> None:
        """Found: the listener tells it when it is in force. Never found while `settle` passed: it never arrived."""
        wanted = order.pending_replace
        assert wanted is not None
        answered = 0
        async for found in self._sightings(wanted.broker_client_id):
            if found is not None:
                self._watch(self._listener.body(found))
                return
            answered += 1
        if answered >= 2 and self._listener.expected.pop(order_id, None) is not None:
            await self._state(order_id)
            self.refuse_replace(order, "Alpaca has never had the replacement", order_id=order_id)

    def refuse_replace(
        self,
        order: Order,
        text: str,
        reason: CxlRejReason = CxlRejReason.BROKER_OPTION,
        broker_code: str | None = None,
        order_id: str | None = None,
    ) -> None:
        """The replace was refused; after the fills of the order that explain why."""
        assert order.pending_replace is not None
        report = ReplaceRefused(
            broker=self._name,
            broker_client_id=order.pending_replace.broker_client_id,
            broker_order_id=order_id,
            cxl_rej_reason=reason,
            text=text,
            broker_code=broker_code,
        )
        self._after_fills(order_id, report)

    async def stop_at_filled(self, order: Order, order_id: str) -> None:
        """A replace to a total that is filled already: Alpaca takes no such PATCH, so the rest is cancelled, and what
        that comes to is the answer to the replace (FIX 4.4 appendix D, C.3.b and C.3.c).
        """
        wanted = order.pending_replace
        assert wanted is not None
        seen = self._listener.introduce(order_id, order.broker_client_id)
        seen.stopping = wanted.broker_client_id
        self._listener.expect(order_id, wanted.broker_client_id)
        wait, told = self._first_look, False
        for _ in range(CANCEL_TRIES):
            try:
                await self._send(Use.CANCEL, "DELETE", f"/orders/{order_id}")
            except Denied as denied:
                state = None if denied.throttled else await self._state(order_id)
                if state is not None and state.get("status") in GONE:
                    return  # what it has come to is told already
            except NoReply as error:
                if not told:
                    told = True
                    self._no_answer(wanted.broker_client_id, Request.REPLACE, str(error))
            else:
                self._watch(seen)
                return
            await self._sleep(wait)
            wait *= 2
        if not told and self._listener.expected.pop(order_id, None) is not None:
            seen.stopping = None
            self.refuse_replace(order, "Alpaca does not take the cancel of the rest", order_id=order_id)

    # --- cancel -------------------------------------------------------------------------------------------------------

    async def cancel(self, order: Order) -> None:
        """DELETE until Alpaca has taken it, refused it, or is silent for too long. Once at a time per order."""
        client_id = order.broker_client_id or ""
        if client_id in self._canceling:
            return
        self._canceling.add(client_id)
        try:
            await self._cancel(order, client_id)
        finally:
            self._canceling.discard(client_id)

    async def _cancel(self, order: Order, client_id: str) -> None:
        wait, told = self._first_look, False
        order_id = self._target(order)
        for attempt in range(CANCEL_TRIES):
            if attempt:
                await self._sleep(wait)
                wait *= 2
            try:
                if order_id is None:
                    found = await self._queries.by_client_id(client_id)
                    if found is None:
                        text = "Alpaca does not know the order"
                        self._cancel_refused(order, None, text, CxlRejReason.UNKNOWN_ORDER)
                        return
                    order_id = wire.word(await self._queries.newest(found), "id")
                await self._send(Use.CANCEL, "DELETE", f"/orders/{order_id}")
            except Denied as denied:
                if not denied.throttled:
                    order_id = await self._refused_cancel(order, order_id, denied, last=attempt == CANCEL_TRIES - 1)
                    if order_id is None:
                        return
            except (NoReply, Unreadable) as error:
                if not told:
                    told = True
                    self._no_answer(client_id, Request.CANCEL, str(error))
            else:
                self._taken(order_id, client_id)
                return
        if not told:
            self._no_answer(client_id, Request.CANCEL, "the rate limit left no room for the cancel")

    def _taken(self, order_id: str, client_id: str | None) -> None:
        """204 means "requested": what it comes to is told by the stream, or asked for."""
        seen = self._listener.introduce(order_id, client_id)
        if not seen.ended:
            seen.canceling = True
            self._watch(seen)

    def _target(self, order: Order) -> str | None:
        seen = self._listener.orders.of_client(order.broker_client_id)
        return seen.id if seen is not None else order.broker_order_id

    async def _refused_cancel(self, order: Order, order_id: str | None, denied: Denied, *, last: bool) -> str | None:
        """A cancel's refusal starts a query (ADAPTERS A.7). The id to try again with, None when it is answered."""
        try:
            state = None if order_id is None else await self._queries.order(order_id)
        except Denied as unknown:
            if not unknown.unknown_order:
                return order_id
            state = None
        except (NoReply, Unreadable):
            return order_id
        if state is None:
            self._refused(denied)
            self._cancel_refused(order, None, denied.text, CxlRejReason.UNKNOWN_ORDER, denied.broker_code)
            return None
        status = state.get("status")
        self._tell(state)
        if status == "replaced":
            return state.get("replaced_by") or order_id
        if status == "pending_cancel":
            self._taken(wire.word(state, "id"), order.broker_client_id)
            return None
        if status in GONE:
            self._cancel_refused(order, order_id, denied.text, CxlRejReason.TOO_LATE_TO_CANCEL, denied.broker_code)
            return None
        if not last:
            return order_id  # pending_replace and the like refuse a cancel for a moment
        self._refused(denied)
        self._cancel_refused(order, order_id, denied.text, answers.cancel_reason(denied), denied.broker_code)
        return None

    def _cancel_refused(
        self, order: Order, order_id: str | None, text: str, reason: CxlRejReason, broker_code: str | None = None
    ) -> None:
        report = CancelRefused(
            broker=self._name,
            broker_client_id=order.broker_client_id,
            broker_order_id=order_id,
            cxl_rej_reason=reason,
            text=text,
            broker_code=broker_code,
        )
        self._after_fills(order_id, report)

    # --- all three ----------------------------------------------------------------------------------------------------

    async def _state(self, order_id: str) -> Json | None:
        try:
            state = await self._queries.order(order_id)
        except (NoReply, Denied, Unreadable) as error:
            log.info("no answer about an order", broker=self._name, order=order_id, error=str(error))
            return None
        self._tell(state)
        return state

    def _tell(self, body: Json) -> bool:
        try:
            self._listener.body(body, Source.RECON)
        except Unreadable as error:
            log.error("order cannot be read", broker=self._name, error=str(error))
            return False
        return True

    def _after_fills(self, order_id: str | None, report: Report) -> None:
        seen = self._listener.orders.get(order_id)
        if seen is None:
            self._say(report)
        else:
            self._listener.after_fills(seen, report)

    def _no_answer(self, client_id: str, request: Request, text: str) -> None:
        self._say(NoAnswer(broker=self._name, broker_client_id=client_id, request=request, text=text))
