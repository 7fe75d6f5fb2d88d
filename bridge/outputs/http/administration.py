"""Tokens, configuration, drain, the console's login, and the pages about problems."""

from typing import Any

import msgspec
from litestar import Response
from litestar.params import FromPath

from bridge.control_commands import Status
from bridge.outputs.http.bodies import LoginIn, ReasonIn, TokenIn, aware
from bridge.outputs.http.documents import TokenMade, TokenPage, TokenState, Whoami
from bridge.outputs.http.door import COOKIE
from bridge.outputs.http.endpoint import JSON, Asked, answered, body_of, endpoint, state
from bridge.outputs.http.principal import ANONYMOUS, Principal, Role
from bridge.outputs.http.services import Behind, Services, Who
from bridge.outputs.http.tokens import Token, TokenError
from bridge.problems import KINDS, refuse

COOKIE_SECONDS = 12 * 3600


@endpoint("GET", "/tokens", role=Role.ADMIN, tag="administration", answer=TokenPage, state=True)
async def tokens(request: Asked, services: Behind) -> Response[bytes]:
    """All tokens, without their secrets."""
    return state(request, TokenPage(items=tuple(_shown(token) for token in services.tokens.all())))


@endpoint(
    "POST",
    "/tokens",
    role=Role.ADMIN,
    tag="administration",
    answer=TokenMade,
    status=201,
    problems=("refused",),
    body=TokenIn,
)
async def create_token(request: Asked, services: Behind) -> Response[bytes]:
    """Make a token. Its secret is in this answer and nowhere else."""
    data = await body_of(request, TokenIn)
    try:
        secret, token = services.tokens.create(
            data.name, data.role, accounts=data.accounts, cidrs=data.cidrs, expires=aware(data.expires, "expires")
        )
    except TokenError as error:
        raise refuse("refused", str(error)) from error
    made = TokenMade(secret=secret, **msgspec.structs.asdict(_shown(token)))
    return answered(made, 201)


@endpoint(
    "DELETE",
    "/tokens/{name:str}",
    role=Role.ADMIN,
    tag="administration",
    answer=None,
    status=204,
    problems=("not-found",),
)
async def revoke_token(name: FromPath[str], services: Behind) -> Response[bytes]:
    """Revoke a token, in force with the next request."""
    if not services.tokens.revoke(name):
        raise refuse("not-found", f"there is no token {name}")
    return Response(b"", status_code=204)


@endpoint("GET", "/config", role=Role.ADMIN, tag="administration", answer=dict[str, Any], state=True)
async def config(request: Asked, services: Behind) -> Response[bytes]:
    """The effective configuration, secrets masked."""
    return state(request, services.about.config())


@endpoint(
    "POST",
    "/drain",
    role=Role.ADMIN,
    tag="administration",
    answer=Status,
    status=202,
    problems=("unavailable", "outcome-unknown"),
    body=ReasonIn,
)
async def drain(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Take no new orders, log out, flush and end."""
    data = await body_of(request, ReasonIn)
    status = await services.engine.ask("drain", Status, principal.session_id, reason=data.reason)
    return answered(status, 202)


@endpoint("GET", "/status", role=Role.READ, tag="operations", answer=Status, problems=("unavailable",))
async def status(services: Behind) -> Response[bytes]:
    """The daemon in one screen."""
    return answered(await services.engine.ask("status", Status))


@endpoint("GET", "/whoami", role=Role.READ, tag="operations", answer=Whoami, state=True)
async def whoami(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Who asks, and which daemon this is."""
    return state(request, _whoami(services, principal))


@endpoint("POST", "/login", role=None, tag="operations", answer=Whoami, problems=("unauthenticated",), body=LoginIn)
async def login(request: Asked, services: Behind) -> Response[bytes]:
    """Swap a token for the console's cookie: HttpOnly, SameSite=Strict, for twelve hours."""
    data = await body_of(request, LoginIn)
    address = request.client.host if request.client is not None else None
    token = services.tokens.find(data.token, address)
    if token is None:
        raise refuse("unauthenticated", "the token is unknown, expired, or not for this address")
    secure = "; Secure" if request.url.scheme == "https" else ""
    cookie = f"{COOKIE}={data.token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={COOKIE_SECONDS}{secure}"
    return answered(_whoami(services, token.principal), headers={"Set-Cookie": cookie})


@endpoint("POST", "/logout", role=None, tag="operations", answer=None, status=204)
async def logout() -> Response[bytes]:
    """Forget the console's cookie."""
    cookie = f"{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
    return Response(b"", status_code=204, headers={"Set-Cookie": cookie})


@endpoint("GET", "/openapi.json", role=None, tag="operations", answer=dict[str, Any])
async def openapi_json(services: Behind) -> Response[bytes]:
    """The description of this interface."""
    from bridge.outputs.http.openapi import document

    return Response(document(services.about.version), media_type=JSON)


@endpoint(
    "GET",
    "/problems/{slug:str}",
    role=None,
    tag="operations",
    answer=None,
    problems=("not-found",),
    media_type="text/plain",
)
async def problem_page(slug: FromPath[str]) -> Response[bytes]:
    """What a kind of problem means; `type` of every problem leads here."""
    kind = KINDS.get(slug)
    if kind is None:
        raise refuse("not-found", f"there is no problem {slug}")
    text = f"{kind.title} (HTTP {kind.status})\n\n{kind.explanation}\n"
    return Response(text.encode(), media_type="text/plain; charset=utf-8")


def _shown(token: Token) -> TokenState:
    return TokenState(
        name=token.name,
        role=token.role,
        accounts=token.accounts,
        cidrs=token.cidrs,
        created=token.created,
        expires=token.expires,
    )


def _whoami(services: Services, principal: Principal) -> Whoami:
    return Whoami(
        name=principal.name,
        role=principal.role,
        roles=tuple(role for role in Role if principal.role.covers(role)),
        accounts=principal.accounts,
        anonymous=principal is ANONYMOUS,
        bridge=services.about.name,
        mode=services.about.mode,
        version=services.about.version,
    )
