"""Order entry as REST and WebSocket share it: the same checks of who may, the same commands, the same answers."""

from typing import Any

from bridge.control_answers import Entrant, MassCancelAnswer, OrderAnswer, Status, Verdict
from bridge.orders.order import Order
from bridge.outputs.http.bodies import CancelAllIn, NewOrderIn, OrderChangeIn
from bridge.outputs.http.principal import Principal
from bridge.outputs.http.services import Services
from bridge.problems import ProblemError, refuse


def entrant(principal: Principal, strategy: str | None = None) -> Entrant:
    """The session a token's orders enter under."""
    return Entrant(principal.session_id, principal.accounts, strategy)


async def visible(services: Services, principal: Principal, order_id: int) -> Order:
    """An order the token may see; another's does not exist for it."""
    order = services.book.blotter.order(order_id)
    if order is None:
        await caught_up(services)
        order = services.book.blotter.order(order_id)
    if order is None or not principal.sees(order.account):
        raise refuse("not-found", f"there is no order {order_id}")
    return order


async def by_cl_ord_id(services: Services, principal: Principal, session_id: str, cl_ord_id: str) -> Order:
    """The order whose chain a session's ClOrdID(11) belongs to."""
    order = services.book.blotter.find(session_id, cl_ord_id)
    if order is None:
        await caught_up(services)
        order = services.book.blotter.find(session_id, cl_ord_id)
    if order is None or not principal.sees(order.account):
        raise refuse("not-found", f"no order with ClOrdID(11) {cl_ord_id}")
    return order


async def caught_up(services: Services) -> None:
    """Return once everything the engine has released is folded here: only then is "not found" an answer.

    Who asks after 504 must not be told that there is no order because we are a moment behind. ProblemError
    `unavailable` when the engine does not say how far it is, or we do not get there.
    """
    status = await services.engine.ask("status", Status)
    if not await services.book.reached(status.seq):
        raise refuse("unavailable", f"the outputs are at {services.book.seq}, the engine at {status.seq}: ask again")


async def enter(services: Services, principal: Principal, data: NewOrderIn) -> OrderAnswer:
    """NewOrderSingle(D)."""
    message = data.message(services.now())
    if data.account is not None:
        principal.require(data.account)
    who = entrant(principal, data.strategy)
    return await _asked(services, "new_order", principal, order=message, entrant=who)


async def dry_run(services: Services, principal: Principal, data: NewOrderIn) -> Verdict:
    """What would become of it; nothing is recorded."""
    message = data.message(services.now())
    if data.account is not None:
        principal.require(data.account)
    who = entrant(principal, data.strategy)
    return await services.engine.ask("dry_run", Verdict, principal.session_id, order=message, entrant=who)


async def replace(
    services: Services, principal: Principal, order_id: int, data: OrderChangeIn, if_match: int | None
) -> OrderAnswer:
    """OrderCancelReplaceRequest(G), with what is left out staying as it is."""
    await visible(services, principal, order_id)
    return await _asked(
        services,
        "replace_order",
        principal,
        order_id=order_id,
        change=data.change(),
        entrant=entrant(principal),
        if_match=if_match,
    )


async def cancel(
    services: Services, principal: Principal, order_id: int, cl_ord_id: str, if_match: int | None
) -> OrderAnswer:
    """OrderCancelRequest(F)."""
    await visible(services, principal, order_id)
    return await _asked(
        services,
        "cancel_order",
        principal,
        order_id=order_id,
        cl_ord_id=cl_ord_id,
        entrant=entrant(principal),
        if_match=if_match,
    )


async def cancel_all(services: Services, principal: Principal, data: CancelAllIn) -> MassCancelAnswer:
    """OrderMassCancelRequest(q)."""
    if data.account is not None:
        principal.require(data.account)
    answer = await services.engine.ask(
        "cancel_all",
        MassCancelAnswer,
        principal.session_id,
        cl_ord_id=data.cl_ord_id,
        entrant=entrant(principal),
        account=data.account,
        symbol=data.symbol,
        side=data.side,
    )
    await services.book.reached(answer.seq)
    return answer


async def _asked(services: Services, name: str, principal: Principal, **arguments: Any) -> OrderAnswer:
    """The engine's answer once it can be read here; so is a refusal it has journalled."""
    try:
        answer = await services.engine.ask(name, OrderAnswer, principal.session_id, **arguments)
    except ProblemError as error:
        if error.problem.seq is not None:
            await services.book.reached(error.problem.seq)
        raise
    await services.book.reached(answer.seq)
    return answer
