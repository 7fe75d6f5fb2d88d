"""Is it alive, is it ready, and its metrics: for load balancers, Prometheus and people with curl."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, Response, get

from bridge.outputs.http.services import Behind
from bridge.problems import refuse


class Health(msgspec.Struct, frozen=True):
    """The outputs process answers."""

    status: str


@get("/healthz", opt={"open": True}, tags=["operations"], operation_id="health")
async def health() -> Health:
    """Alive: this process answers. Says nothing about the engine; ask `/readyz` for that."""
    return Health("alive")


@get("/readyz", opt={"open": True}, tags=["operations"], operation_id="ready")
async def ready(services: Behind) -> Health:
    """Ready: the engine's vitals are younger than 3 s and every broker is ready; else 503 with what is missing."""
    missing = tuple(services.missing())
    if missing:
        raise refuse("not-ready", "; ".join(missing), missing=missing)
    return Health("ready")


@get("/metrics", opt={"open": True}, tags=["operations"], operation_id="metrics", include_in_schema=False)
async def metrics(request: Request[Any, Any, Any], services: Behind) -> Response[bytes]:
    """Prometheus' text or OpenMetrics, by `Accept`. Rendered in a worker thread: it takes up to 50 ms."""
    accept = request.headers.get("accept", "")
    body, content_type = await asyncio.to_thread(services.render_metrics, accept)
    return Response(body, media_type=content_type)
