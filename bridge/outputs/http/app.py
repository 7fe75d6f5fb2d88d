"""The HTTP application: all routes behind one door."""

from collections.abc import Callable, Sequence

from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from bridge.outputs.http import operations, quotes
from bridge.outputs.http.door import Access, Door
from bridge.outputs.http.errors import answer_error
from bridge.outputs.http.services import Services, by_role, principal_of
from bridge.outputs.http.tokens import TokenStore

BODY_LIMIT = 64 * 1024  # bytes

Observe = Callable[[str, str, int, float], None]
"""(route template, method, status, seconds) of every finished request."""


def create_app(
    services: Services, access: Access, tokens: TokenStore | None = None, observe: Observe | None = None
) -> Door:
    """The ASGI application: `/metrics`, `/healthz`, `/readyz` and everything below `/v1`.

    `access` says who may come in; without `tokens` only requests that need none. `observe` is told of every request.
    """
    v1: Sequence[ControllerRouterHandler] = (quotes.push_quotes,)

    async def provide_services() -> Services:
        return services

    async def provide_principal(request: Request) -> object:  # type: ignore[type-arg]
        return principal_of(request)

    app = Litestar(
        route_handlers=[
            operations.health,
            operations.ready,
            operations.metrics,
            Router("/v1", route_handlers=v1),
        ],
        dependencies={"services": Provide(provide_services), "principal": Provide(provide_principal)},
        guards=[by_role],
        exception_handlers={Exception: answer_error},
        request_max_body_size=BODY_LIMIT,
        logging_config=None,
        openapi_config=None,
    )
    return Door(app, access, tokens, observe=observe)  # type: ignore[arg-type]
