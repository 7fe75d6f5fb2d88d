"""FIX sessions and brokers: their state, and what an operator may do to them."""

import msgspec
from litestar import Response
from litestar.params import FromPath

from bridge.control_commands import ReconcileAnswer, SessionNumbers
from bridge.outputs.http.bodies import EnableIn, NextNumbersIn, ReasonIn
from bridge.outputs.http.documents import BrokerPage, ReconciliationPage, SessionPage
from bridge.outputs.http.endpoint import Asked, answered, body_of, endpoint, state
from bridge.outputs.http.principal import Role
from bridge.outputs.http.services import Behind, Who
from bridge.problems import refuse

CHANGE = ("not-found", "conflict", "unavailable", "outcome-unknown")
RECONCILE_WITHIN = 60.0  # seconds


@endpoint("GET", "/sessions", role=Role.READ, tag="counterparties", answer=SessionPage, state=True)
async def sessions(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """All FIX sessions as of the engine's last vitals. Peers are named to tokens without account scope only."""
    items = list(services.book.states.sessions())
    if principal.accounts:
        for document in items:
            document.pop("peer", None)
    return state(request, {"items": items, "seq": services.book.seq})


@endpoint(
    "POST",
    "/sessions/{session_id:str}/disconnect",
    role=Role.ADMIN,
    tag="counterparties",
    answer=SessionNumbers,
    problems=CHANGE,
    body=ReasonIn,
)
async def disconnect_session(
    request: Asked, session_id: FromPath[str], services: Behind, principal: Who
) -> Response[bytes]:
    """Log the session out with the reason as Text(58)."""
    data = await body_of(request, ReasonIn)
    answer = await services.engine.ask(
        "session_disconnect", SessionNumbers, principal.session_id, session_id=session_id, reason=data.reason
    )
    return answered(answer)


@endpoint(
    "POST",
    "/sessions/{session_id:str}/reset",
    role=Role.ADMIN,
    tag="counterparties",
    answer=SessionNumbers,
    problems=CHANGE,
    body=ReasonIn,
)
async def reset_session(request: Asked, session_id: FromPath[str], services: Behind, principal: Who) -> Response[bytes]:
    """Both numbers of a session that is logged out are 1 again."""
    data = await body_of(request, ReasonIn)
    answer = await services.engine.ask(
        "session_reset", SessionNumbers, principal.session_id, session_id=session_id, reason=data.reason
    )
    return answered(answer)


@endpoint(
    "POST",
    "/sessions/{session_id:str}/next-numbers",
    role=Role.ADMIN,
    tag="counterparties",
    answer=SessionNumbers,
    problems=CHANGE,
    body=NextNumbersIn,
)
async def set_next_numbers(
    request: Asked, session_id: FromPath[str], services: Behind, principal: Who
) -> Response[bytes]:
    """Set the next MsgSeqNum(34) of a session that is logged out."""
    data = await body_of(request, NextNumbersIn)
    if data.next_in is None and data.next_out is None:
        raise refuse("malformed", "next_in, next_out: at least one is needed")
    answer = await services.engine.ask(
        "session_next_numbers",
        SessionNumbers,
        principal.session_id,
        session_id=session_id,
        reason=data.reason,
        next_in=data.next_in,
        next_out=data.next_out,
    )
    return answered(answer)


@endpoint(
    "PUT",
    "/sessions/{session_id:str}/enabled",
    role=Role.ADMIN,
    tag="counterparties",
    answer=SessionNumbers,
    problems=CHANGE,
    body=EnableIn,
)
async def enable_session(
    request: Asked, session_id: FromPath[str], services: Behind, principal: Who
) -> Response[bytes]:
    """Whether the session may log on; disabling one logs it out."""
    data = await body_of(request, EnableIn)
    answer = await services.engine.ask(
        "session_enable",
        SessionNumbers,
        principal.session_id,
        session_id=session_id,
        enabled=data.enabled,
        reason=data.reason,
    )
    return answered(answer)


@endpoint("GET", "/brokers", role=Role.READ, tag="counterparties", answer=BrokerPage, state=True)
async def brokers(request: Asked, services: Behind) -> Response[bytes]:
    """All broker connections as of the engine's last vitals."""
    return state(request, {"items": list(services.book.states.brokers()), "seq": services.book.seq})


@endpoint("GET", "/reconciliations", role=Role.READ, tag="counterparties", answer=ReconciliationPage, state=True)
async def reconciliations(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """The newest comparisons with the brokers and what they found, newest first."""
    items = [
        msgspec.structs.replace(
            each, found=tuple(found for found in each.found if principal.sees(found.get("account")))
        )
        for each in reversed(services.book.reconciliations)
    ]
    return state(request, ReconciliationPage(items=tuple(items), seq=services.book.seq))


@endpoint(
    "POST",
    "/brokers/{broker:str}/reconcile",
    role=Role.RISK,
    tag="counterparties",
    answer=ReconcileAnswer,
    problems=("not-found", "unavailable", "outcome-unknown"),
)
async def reconcile_broker(broker: FromPath[str], services: Behind, principal: Who) -> Response[bytes]:
    """Compare orders, executions and positions with the broker now; answers when done."""
    answer = await services.engine.ask_with(
        "reconcile", ReconcileAnswer, {"broker": broker}, principal.session_id, RECONCILE_WITHIN
    )
    await services.book.reached(answer.seq)
    return answered(answer)
