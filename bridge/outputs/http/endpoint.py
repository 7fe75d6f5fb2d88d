"""How a route is written: one decorator that says who may, what is asked, what is answered. OpenAPI is read off it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from bridge.journal.encoding import to_json
from bridge.outputs.http.principal import Role
from bridge.problems import FieldFault, ProblemError, problem

JSON = "application/json"
T = TypeVar("T")

Asked = Request[Any, Any, Any]


class Doc(msgspec.Struct, frozen=True, kw_only=True):
    """What the description says about a route. `answer` None: no body."""

    role: Role | None
    tag: str
    answer: Any
    status: int
    body: type[msgspec.Struct] | None
    query: type[msgspec.Struct] | None
    problems: tuple[str, ...]
    headers: Mapping[str, str]
    request_headers: Mapping[str, str]
    also: Mapping[int, str]
    also_answers: tuple[Any, ...]
    state: bool
    media_type: str


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


def endpoint(
    method: Method,
    path: str,
    *,
    role: Role | None,
    tag: str,
    answer: Any,
    status: int = 200,
    body: type[msgspec.Struct] | None = None,
    query: type[msgspec.Struct] | None = None,
    problems: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    request_headers: Mapping[str, str] | None = None,
    also: Mapping[int, str] | None = None,
    also_answers: Sequence[Any] = (),
    state: bool = False,
    media_type: str = JSON,
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """A route. Without `role` it is open to everybody. `answer` is the type of the body, `also` are other good
    statuses and `also_answers` other bodies they may have; a `state` has an ETag.
    """
    doc = Doc(
        role=role,
        tag=tag,
        answer=answer,
        status=status,
        body=body,
        query=query,
        problems=tuple(problems),
        headers=dict(headers or {}),
        request_headers=dict(request_headers or {}),
        also=dict(also or {}),
        also_answers=tuple(also_answers),
        state=state,
        media_type=media_type,
    )

    def made(function: Callable[..., Any]) -> HTTPRouteHandler:
        opt: dict[str, Any] = {"doc": doc, "open": True} if role is None else {"doc": doc, "role": role}
        return HTTPRouteHandler(
            path,
            http_method=method,
            opt=opt,
            status_code=200,  # every route answers with a status of its own
            operation_id=function.__name__,
            name=function.__name__,
        )(function)

    return made


def query_of(request: Asked, kind: type[T]) -> T:
    """The query string as a Struct; an unknown or repeated name is malformed, so that a typo never widens a filter."""
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise _malformed(name, "given more than once")
        values[name] = value
    try:
        query = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `$.")
        raise _malformed(where.rstrip("`"), text) from error
    for name in values:
        if getattr(query, name) is None:
            raise _malformed(name, "`null` is no value; leave it out")
    return query


async def body_of(request: Asked, kind: type[T]) -> T:
    """The request's body as a Struct, strictly: a number is no string, a string no number, unknown names are refused.

    ProblemError `malformed` names the field.
    """
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `$")
        raise _malformed(where.rstrip("`").lstrip("."), text) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed("", f"not JSON: {error}") from error


def _malformed(field: str, fault: str) -> ProblemError:
    detail = f"{field}: {fault}" if field else fault
    return ProblemError(problem("malformed", detail, errors=(FieldFault(field, fault),)))


def answered(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """`value` as JSON, Decimals in plain digits."""
    return Response(to_json(value), status_code=status, media_type=JSON, headers=dict(headers or {}))


def state(request: Asked, value: Any, etag: str | None = None) -> Response[bytes]:
    """A state: with an ETag, and 304 to the `If-None-Match` that names it."""
    body = to_json(value)
    tag = f'"{etag}"' if etag is not None else f'"{hashlib.blake2s(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = request.headers.get("if-none-match", "")
    if known == "*" or tag in (each.strip().removeprefix("W/") for each in known.split(",")):
        return Response(b"", status_code=304, media_type=JSON, headers=headers)
    return Response(body, media_type=JSON, headers=headers)


def if_match(request: Asked) -> int | None:
    """`If-Match: "<last_seq>"` as a number; None when absent or `*`."""
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    text = given.strip().removeprefix('"').removesuffix('"')
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise _malformed("If-Match", f'expected "<last_seq>", got {given[:40]}')
    return int(text)
