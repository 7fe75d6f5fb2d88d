"""The HTTP application: all routes behind one door."""

from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler

from bridge.outputs.http import (
    accounts,
    administration,
    counterparties,
    entries,
    executions,
    market,
    operations,
    orders,
    quality,
    risk,
)
from bridge.outputs.http.console_files import Console
from bridge.outputs.http.door import Access, Door, Receive, Scope, Send
from bridge.outputs.http.errors import answer_error
from bridge.outputs.http.services import Services, by_role, principal_of
from bridge.outputs.http.streams import PATH, Streams

BODY_LIMIT = 64 * 1024  # bytes

Observe = Callable[[str, str, int, float], None]
"""(route template, method, status, seconds) of every finished request."""

ROOT: tuple[HTTPRouteHandler, ...] = (
    operations.health,
    operations.ready,
    operations.metrics,
    administration.problem_page,
)
V1: tuple[HTTPRouteHandler, ...] = (
    orders.new_order,
    orders.orders,
    orders.order_by_id,
    orders.order_by_cl_ord_id,
    orders.replace_order,
    orders.cancel_order,
    orders.cancel_all,
    orders.cancel_after,
    orders.order_verdict,
    entries.order_entries,
    entries.entries,
    entries.entry_by_seq,
    executions.executions,
    accounts.positions,
    accounts.books,
    accounts.accounts,
    accounts.account_by_name,
    accounts.alerts,
    market.instruments,
    market.instrument_by_symbol,
    market.quotes,
    market.quote_by_symbol,
    market.push_quotes,
    counterparties.sessions,
    counterparties.disconnect_session,
    counterparties.reset_session,
    counterparties.set_next_numbers,
    counterparties.enable_session,
    counterparties.brokers,
    counterparties.reconciliations,
    counterparties.reconcile_broker,
    risk.limits,
    risk.change_limit,
    risk.risk_states,
    risk.halt,
    risk.resume,
    risk.kill,
    risk.kill_report,
    quality.costs,
    quality.series,
    administration.tokens,
    administration.create_token,
    administration.revoke_token,
    administration.config,
    administration.drain,
    administration.status,
    administration.whoami,
    administration.login,
    administration.logout,
    administration.openapi_json,
)


def create_app(
    services: Services,
    access: Access,
    observe: Observe | None = None,
    watch_streams: Callable[[int, int], None] | None = None,
) -> Door:
    """The ASGI application: the console, `/metrics`, `/healthz`, `/readyz` and everything below `/v1`.

    `access` says who may come in. `observe` is told of every finished request, `watch_streams(clients, slow)` of every
    change in the number of WebSocket clients.
    """

    async def provide_services() -> Services:
        return services

    async def provide_principal(request: Request[Any, Any, Any]) -> object:
        return principal_of(request)

    app = Litestar(
        route_handlers=[*ROOT, Router("/v1", route_handlers=V1)],
        dependencies={"services": Provide(provide_services), "principal": Provide(provide_principal)},
        guards=[by_role],
        exception_handlers={Exception: answer_error},
        request_max_body_size=BODY_LIMIT,
        logging_config=None,
        openapi_config=None,
    )
    console = Console()
    door = Door(access, services.tokens, public=console.has, observe=observe)
    streams = Streams(services, door.rates.take, watch_streams)
    door.closers.append(streams.close)

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] == PATH:
            await streams(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and console.has(scope["path"]):
            await console(scope, receive, send)
        else:
            await app(scope, receive, send)  # type: ignore[arg-type]

    door.app = dispatch
    return door
