"""Is it alive, is it ready, and its metrics: for load balancers, Prometheus and people with curl."""

import asyncio
from typing import Annotated

import msgspec
from litestar import Response
from msgspec import Meta

from bridge.outputs.http.documents import Document
from bridge.outputs.http.endpoint import Asked, answered, endpoint, query_of
from bridge.outputs.http.services import Behind
from bridge.problems import refuse


class Health(Document, frozen=True, kw_only=True):
    """The outputs process answers."""

    status: str


class ReadyQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which partition; there is one, 0."""

    partition: Annotated[int, Meta(ge=0, le=9999)] = 0


@endpoint("GET", "/healthz", role=None, tag="operations", answer=Health)
async def health() -> Response[bytes]:
    """Alive: this process answers. Says nothing about the engine; ask `/readyz` for that."""
    return answered(Health(status="alive"))


@endpoint(
    "GET", "/readyz", role=None, tag="operations", answer=Health, query=ReadyQuery, problems=("not-found", "not-ready")
)
async def ready(request: Asked, services: Behind) -> Response[bytes]:
    """Ready: the engine's vitals are younger than 3 s and every broker is ready; else 503 with what is missing."""
    query = query_of(request, ReadyQuery)
    if query.partition:
        raise refuse("not-found", f"partition {query.partition} is not here")
    missing = tuple(services.missing())
    if missing:
        raise refuse("not-ready", "; ".join(missing), missing=missing)
    return answered(Health(status="ready"))


@endpoint("GET", "/metrics", role=None, tag="operations", answer=None, media_type="text/plain")
async def metrics(request: Asked, services: Behind) -> Response[bytes]:
    """Prometheus' text or OpenMetrics, by `Accept`. Rendered in a worker thread: it takes up to 50 ms."""
    accept = request.headers.get("accept", "")
    body, content_type = await asyncio.to_thread(services.render_metrics, accept)
    return Response(body, media_type=content_type)
