"""Limits, trading states, halt, kill and resume."""

import msgspec
from litestar import Response
from litestar.params import FromPath

from bridge.control_commands import KillReport, LimitState, RiskState
from bridge.orders.events import Scope, TradingState
from bridge.outputs.http.bodies import HaltIn, KillIn, LimitIn, ResumeIn, ScopeIn, aware
from bridge.outputs.http.documents import AccountTrading, LimitPage, RiskStates, UsedLimit
from bridge.outputs.http.endpoint import Asked, answered, body_of, endpoint, state
from bridge.outputs.http.principal import Principal, Role
from bridge.outputs.http.services import Behind, Who
from bridge.problems import refuse

CHANGE = ("refused", "conflict", "unavailable", "outcome-unknown")


@endpoint("GET", "/risk/limits", role=Role.READ, tag="risk", answer=LimitPage, problems=("unavailable",), state=True)
async def limits(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Every limit in force, with who set it and why."""
    known = await services.engine.ask("risk_limits", tuple[LimitState, ...])
    items = tuple(each for each in known if each.scope is not Scope.ACCOUNT or principal.sees(each.name))
    return state(request, LimitPage(items=items))


@endpoint(
    "PATCH",
    "/risk/limits/{limit_id:path}",
    role=Role.RISK,
    tag="risk",
    answer=LimitState,
    problems=("not-found", *CHANGE),
    body=LimitIn,
)
async def change_limit(request: Asked, limit_id: FromPath[str], services: Behind, principal: Who) -> Response[bytes]:
    """Set a limit, `<rule>:<scope>:<name>`. Tightening holds at once, loosening after the delay."""
    data = await body_of(request, LimitIn)
    rule, _, rest = limit_id.removeprefix("/").partition(":")
    word, _, name = rest.partition(":")
    try:
        scope = Scope(word)
    except ValueError:
        raise refuse("not-found", f"{limit_id} is no limit: expected <rule>:<scope>:<name>") from None
    _require(principal, scope, name)
    answer = await services.engine.ask(
        "risk_set",
        LimitState,
        principal.session_id,
        rule=rule,
        scope=scope,
        name=name,
        value=data.value,
        reason=data.reason,
        expiry=aware(data.expiry, "expiry"),
    )
    return answered(answer)


@endpoint("GET", "/risk/states", role=Role.READ, tag="risk", answer=RiskStates, state=True)
async def risk_states(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Every scope that is not active, every account's effective state, and how much of the limits is used."""
    states, blotter = services.book.states, services.book.blotter
    scopes = tuple(
        RiskState(scope=scope, name=name, state=halt.state, who=halt.who, reason=halt.reason)
        for (scope, name), halt in blotter.states().items()
        if halt.state is not TradingState.ACTIVE and (scope is not Scope.ACCOUNT or principal.sees(name))
    )
    accounts = tuple(
        msgspec.convert(states.trading(name), AccountTrading) for name in states.accounts() if principal.sees(name)
    )
    used = tuple(
        msgspec.convert(document, UsedLimit, strict=False)
        for document in states.limits()
        if principal.sees(document["account"])
    )
    return state(request, RiskStates(scopes=scopes, accounts=accounts, used=used, seq=services.book.seq))


@endpoint("POST", "/risk/halt", role=Role.RISK, tag="risk", answer=RiskState, problems=CHANGE, body=HaltIn)
async def halt(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Make a scope stricter, at once. Working orders stay."""
    data = await body_of(request, HaltIn)
    _check(principal, data)
    answer = await services.engine.ask(
        "halt",
        RiskState,
        principal.session_id,
        scope=data.scope,
        name=data.name,
        state=data.state,
        reason=data.reason,
    )
    await services.book.reached(answer.seq or 0)
    return answered(answer)


@endpoint("POST", "/risk/resume", role=Role.RISK, tag="risk", answer=RiskState, problems=CHANGE, body=ResumeIn)
async def resume(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Make a scope looser. Needs a reason; a LOCKED scope stays as it is until its time is over."""
    data = await body_of(request, ResumeIn)
    _check(principal, data)
    answer = await services.engine.ask(
        "resume",
        RiskState,
        principal.session_id,
        scope=data.scope,
        name=data.name,
        state=data.state,
        reason=data.reason,
    )
    await services.book.reached(answer.seq or 0)
    return answered(answer)


@endpoint(
    "POST",
    "/risk/kill",
    role=Role.RISK,
    tag="risk",
    answer=KillReport,
    status=202,
    problems=CHANGE,
    headers={"Location": "Where the kill's progress is"},
    body=KillIn,
)
async def kill(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Fence the scope and cancel everything in it; `/risk/kills/{id}` tells when nothing is left."""
    data = await body_of(request, KillIn)
    _check(principal, data)
    answer = await services.engine.ask(
        "kill",
        KillReport,
        principal.session_id,
        scope=data.scope,
        name=data.name,
        reason=data.reason,
        flatten=data.flatten,
    )
    await services.book.reached(answer.seq)
    return answered(answer, 202, {"Location": f"/v1/risk/kills/{answer.kill_id}"})


@endpoint("GET", "/risk/kills/{kill_id:int}", role=Role.READ, tag="risk", answer=KillReport, problems=("not-found",))
async def kill_report(kill_id: FromPath[int], services: Behind) -> Response[bytes]:
    """How far a kill is, and what is left."""
    return answered(await services.engine.ask("kill_report", KillReport, kill_id=kill_id))


def _check(principal: Principal, data: ScopeIn) -> None:
    data.check()
    _require(principal, data.scope, data.name)


def _require(principal: Principal, scope: Scope, name: str) -> None:
    """A token for some accounts may act on those accounts only."""
    if principal.accounts and not (scope is Scope.ACCOUNT and name in principal.accounts):
        raise refuse("forbidden", f"token {principal.name} covers accounts {', '.join(principal.accounts)} only")
