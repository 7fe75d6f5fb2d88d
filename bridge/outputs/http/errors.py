"""Every error as problem details: what the handlers raise, what Litestar raises, and what nobody expected."""

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from bridge.control import NoAnswer, Unreachable
from bridge.problems import FieldFault, Problem, ProblemError, problem

PROBLEM_JSON = "application/problem+json"
CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_log = structlog.get_logger("bridge.http")
_BY_STATUS = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
    429: "throttled",
    503: "unavailable",
}


def problem_of(error: Exception, *, changes: bool) -> Problem:
    """What an error is to the outside. `changes` tells whether the request asked for a change."""
    match error:
        case ProblemError():
            return error.problem
        case Unreachable():
            return problem("unavailable", "the engine does not answer; nothing was accepted")
        case NoAnswer() if changes:
            return problem("outcome-unknown", "the request was handed over and not answered: query by cl_ord_id")
        case NoAnswer():
            return problem("unavailable", "the engine did not answer in time")
        case ValidationException():
            faults = _faults(error.extra)
            detail = "; ".join(f"{fault.field}: {fault.detail}" if fault.field else fault.detail for fault in faults)
            return problem("malformed", detail or error.detail, errors=faults)
        case HTTPException() if error.status_code in _BY_STATUS:
            return problem(_BY_STATUS[error.status_code], error.detail)
        case HTTPException() if error.status_code < 500:
            return problem("malformed", error.detail)
    return problem("internal", f"{type(error).__name__}; the log has the details")


def _faults(extra: Any) -> tuple[FieldFault, ...]:
    if not isinstance(extra, list):
        return ()
    return tuple(
        FieldFault(str(item.get("key", "")), str(item.get("message", "")))
        for item in extra
        if isinstance(item, Mapping)
    )


def problem_response(refusal: Problem, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """A response with `refusal` as its body."""
    sent = dict(headers or {})
    if refusal.retry_after is not None:
        sent["Retry-After"] = str(refusal.retry_after)
    if refusal.status == 401:
        sent["WWW-Authenticate"] = 'Bearer realm="fixbridge"'
    return Response(msgspec.json.encode(refusal), status_code=refusal.status, media_type=PROBLEM_JSON, headers=sent)


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything."""
    refusal = problem_of(error, changes=request.method in CHANGES)
    if refusal.status == 500:
        _log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    headers = error.headers if isinstance(error, HTTPException) else None
    return problem_response(refusal, headers)
