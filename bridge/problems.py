"""Refusals as problem details (RFC 9457): one shape for HTTP, WebSocket, the control socket, the SDK and the CLI.

`type` is `/problems/<slug>`, a page the daemon serves. `code`, `rule`, `limit` and `value` are those of the FIX reject
(FIX-APP section 8), so a refusal reads the same on every channel. Only `outcome-unknown` ever means "maybe".
"""

from typing import Any

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """One kind of problem: its HTTP status, title, and what the page about it says."""

    status: int
    title: str
    explanation: str


KINDS: dict[str, Kind] = {
    "malformed": Kind(400, "The request is malformed", "A field is missing, unknown or not written as documented."),
    "unauthenticated": Kind(401, "Authentication is needed", "Send `Authorization: Bearer fbt_…` with a valid token."),
    "forbidden": Kind(403, "Not allowed", "The token's role or account scope does not cover this."),
    "not-found": Kind(404, "Not found", "Nothing is known under that name or number."),
    "method-not-allowed": Kind(405, "Method not allowed", "The `Allow` header names the methods of this resource."),
    "duplicate-cl-ord-id": Kind(
        409, "ClOrdID(11) is known with other terms", "The existing order is in `order`; it was not touched."
    ),
    "already-pending": Kind(
        409, "A request is already pending", "Wait for the answer to the pending cancel or replace."
    ),
    "conflict": Kind(409, "Not possible in the present state", "The detail says what stands in the way."),
    "cursor-gone": Kind(410, "Older than the journal kept", "Take a snapshot and follow from its `seq`."),
    "changed": Kind(412, "The order has changed since", "`If-Match` names an older state; read the order again."),
    "too-large": Kind(413, "The body is too large", "A request body may hold 64 KiB."),
    "unsupported-media-type": Kind(415, "Only JSON is read", "Send `Content-Type: application/json`."),
    "misdirected": Kind(421, "Unknown host name", "The `Host` header is not one this daemon answers to."),
    "refused": Kind(
        422, "Refused", "Validation, risk or the broker refused; `code`, `rule`, `limit`, `value` say why."
    ),
    "throttled": Kind(429, "Too many requests", "Wait as long as `Retry-After` says."),
    "internal": Kind(500, "Internal error", "A defect of the bridge; its log has the details."),
    "unavailable": Kind(503, "Not available now", "Starting, draining or restarting. Nothing was accepted."),
    "not-ready": Kind(503, "Not ready", "`missing` lists what is not there yet."),
    "outcome-unknown": Kind(
        504, "The outcome is unknown", "The request was handed over and no answer came: query by cl_ord_id."
    ),
}


class FieldFault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one field of the request; `field` is its path, empty for the whole body."""

    field: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Problem details. Members without a meaning here are absent."""

    type: str
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    code: str | None = None
    rule: str | None = None
    limit: str | None = None
    value: str | None = None
    order_id: int | None = None
    seq: int | None = None
    missing: tuple[str, ...] = ()
    errors: tuple[FieldFault, ...] = ()
    retry_after: int | None = None
    order: dict[str, Any] | None = None

    @property
    def slug(self) -> str:
        """The last part of `type`."""
        return self.type.rpartition("/")[2]


def problem(slug: str, detail: str | None = None, **members: Any) -> Problem:
    """A problem of the kind `slug`; KeyError for an unknown kind (a bug)."""
    kind = KINDS[slug]
    return Problem(type=f"/problems/{slug}", title=kind.title, status=kind.status, detail=detail, **members)


class ProblemError(Exception):
    """A refusal on its way out, as far as a function cannot return it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem = problem


def refuse(slug: str, detail: str | None = None, **members: Any) -> ProblemError:
    """The exception for `raise refuse("not-found", "…")`."""
    return ProblemError(problem(slug, detail, **members))
