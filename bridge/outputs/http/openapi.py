"""The description of the REST interface, read off the routes and the Structs themselves: it cannot say anything else.

`python -m bridge.outputs.http.openapi` prints it; `docs/openapi.json` is that output and a test compares them.
"""

import functools
import inspect
import re
import sys
from collections.abc import Iterable
from importlib import metadata
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from bridge.outputs.http.endpoint import Doc
from bridge.outputs.http.services import MAX_NUMBER
from bridge.outputs.http.text import END
from bridge.problems import KINDS, Problem

PARAMETER = re.compile(r"\{([a-z_]+):(int|str|path)\}")
DECIMAL = r"^-?[0-9]+(\.[0-9]+)?$"
ALWAYS = ("misdirected", "throttled", "internal")
WITH_ROLE = ("unauthenticated", "forbidden")
WITH_BODY = ("malformed", "too-large", "unsupported-media-type")
CROSS_SITE = ("forbidden",)
REF = "#/components/schemas/{name}"
INTRODUCTION = """\
Orders enter the same engine, the same risk checks and the same journal as over FIX; names are FIX's in snake_case,
enums are words, quantities and prices are strings of plain digits, times are RFC 3339 in UTC, and what is absent is
missing rather than null. `cl_ord_id` makes every change idempotent: any request may be repeated. Only 504
`outcome-unknown` means "maybe". Errors are problem details (RFC 9457) with the reason codes of the FIX rejects.
"""

Json = dict[str, Any]


def described(routes: Iterable[HTTPRouteHandler], v1: Iterable[HTTPRouteHandler], version: str) -> Json:
    """The OpenAPI 3.1 document of these routes; those of `v1` stand below `/v1`."""
    pairs = [("", route) for route in routes] + [("/v1", route) for route in v1]
    schemas = _Schemas(
        [Problem, *(kind for _, route in pairs for kind in _types(route))],
    )
    paths: dict[str, Json] = {}
    for prefix, route in pairs:
        for path in route.paths:
            whole = prefix + PARAMETER.sub(r"{\1}", path)
            paths.setdefault(whole, {})[next(iter(route.http_methods)).lower()] = _operation(route, path, schemas)
    reached = _reached(paths, schemas.components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fixbridge",
            "version": version,
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "this daemon"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {name: schema for name, schema in sorted(schemas.components.items()) if name in reached},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`fbt_` and 43 characters"},
                "console": {"type": "apiKey", "in": "cookie", "name": "fixbridge"},
            },
        },
    }


def _reached(document: Any, components: dict[str, Json]) -> set[str]:
    """Names of the components a document refers to, directly or not."""
    found: set[str] = set()
    todo = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found.add(name)
                todo.append(components[name])
            todo += value.values()
        elif isinstance(value, list):
            todo += value
    return found


class _Schemas:
    """Schemas of all types together, so that names are shared and unique."""

    def __init__(self, types: list[Any]) -> None:
        unique = list(dict.fromkeys(types))
        schemas, self.components = schemas_of(unique)
        self._of = dict(zip(unique, schemas, strict=True))

    def of(self, kind: Any) -> Json:
        schema: Json = self._of[kind]
        return schema

    def any_of(self, kinds: list[Any]) -> Json:
        return self.of(kinds[0]) if len(kinds) == 1 else {"anyOf": [self.of(kind) for kind in kinds]}

    def fields(self, kind: type[msgspec.Struct]) -> tuple[dict[str, Json], set[str]]:
        """Properties and required names of a Struct."""
        schema = self.components[self.of(kind)["$ref"].rpartition("/")[2]]
        return schema.get("properties", {}), set(schema.get("required", ()))


def schemas_of(kinds: list[Any]) -> tuple[list[Json], dict[str, Json]]:
    """(schema of each type, schemas of everything they refer to by name)."""
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    return polished(schemas), polished(components)


def polished(schema: Any) -> Any:
    """Patterns as JSON Schema reads them, Decimals with theirs, one line per description."""
    if isinstance(schema, dict):
        changed = {name: polished(value) for name, value in schema.items()}
        if changed.get("format") == "decimal":
            changed.setdefault("pattern", DECIMAL)
        if isinstance(changed.get("pattern"), str):
            changed["pattern"] = changed["pattern"].replace(END, "$")
        if isinstance(changed.get("description"), str):
            changed["description"] = inspect.cleandoc(changed["description"])
        return changed
    if isinstance(schema, (list, tuple)):
        return [polished(value) for value in schema]
    return schema


def _types(route: HTTPRouteHandler) -> list[Any]:
    doc: Doc = route.opt["doc"]
    return [kind for kind in (doc.body, doc.answer, doc.query, *doc.also_answers) if kind is not None]


def _operation(route: HTTPRouteHandler, path: str, schemas: _Schemas) -> Json:
    doc: Doc = route.opt["doc"]
    body = doc.body
    summary, _, details = inspect.cleandoc(route.fn.__doc__ or "").partition("\n")
    operation: Json = {
        "operationId": route.fn.__name__,
        "tags": [doc.tag],
        "summary": summary.rstrip("."),
        "description": f"{summary}\n{details}".strip(),
        "parameters": _parameters(doc, path, schemas),
        "responses": _responses(route, doc, body is not None, path, schemas),
        "security": [] if doc.role is None else [{"token": []}, {"console": []}],
    }
    if doc.role is not None:
        operation["x-role"] = doc.role.value
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schemas.of(body)}}}
    return operation


def _parameters(doc: Doc, path: str, schemas: _Schemas) -> list[Json]:
    parameters: list[Json] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 0, "maximum": MAX_NUMBER}
            if kind == "int"
            else {"type": "string", "minLength": 1},
        }
        for name, kind in PARAMETER.findall(path)
    ]
    if doc.query is not None:
        properties, required = schemas.fields(doc.query)
        for name, schema in properties.items():
            parameters.append({"name": name, "in": "query", "required": name in required, "schema": _absent(schema)})
    headers = dict(doc.request_headers)
    if doc.state:
        headers["If-None-Match"] = "ETag of what is known: 304 when it is still the same"
    parameters += [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in headers.items()
    ]
    return parameters


def _absent(schema: Json) -> Json:
    """A query parameter is absent rather than null."""
    kinds = schema.get("anyOf")
    if kinds is None:
        return schema
    left = [kind for kind in kinds if kind != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**rest, **left[0]} if len(left) == 1 else {**rest, "anyOf": left}


def _responses(route: HTTPRouteHandler, doc: Doc, has_body: bool, path: str, schemas: _Schemas) -> Json:
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in doc.headers.items()}
    if doc.state:
        headers["ETag"] = {"description": "Names this state", "schema": {"type": "string"}}
    good: Json = {"description": "Done"}
    if doc.answer is not None:
        kinds = [doc.answer] if doc.also else [doc.answer, *doc.also_answers]
        good["content"] = {doc.media_type: {"schema": schemas.any_of(kinds)}}
    elif doc.status != 204:
        good["content"] = {doc.media_type: {"schema": {"type": "string"}}}
    if headers:
        good["headers"] = headers
    responses: Json = {str(doc.status): good}
    for status, text in doc.also.items():
        schema = schemas.any_of([doc.answer, *doc.also_answers])
        responses[str(status)] = {"description": text, "content": {doc.media_type: {"schema": schema}}}
    if doc.state:
        responses["304"] = {"description": "Not changed since"}
    changes = next(iter(route.http_methods)) != "GET"
    slugs = [*doc.problems, *ALWAYS]
    if doc.role is not None:
        slugs += WITH_ROLE
    if doc.query is not None or PARAMETER.search(path):
        slugs.append("malformed")
    if changes:
        slugs += [*CROSS_SITE, "too-large", "unsupported-media-type"]
    if has_body:
        slugs += WITH_BODY
    if PARAMETER.search(path):
        slugs.append("not-found")
    by_status: dict[int, list[str]] = {}
    for slug in dict.fromkeys(slugs):
        by_status.setdefault(KINDS[slug].status, []).append(slug)
    for status, names in sorted(by_status.items()):
        text = "; ".join(f"`{name}`: {KINDS[name].title}" for name in names)
        response: Json = {
            "description": text,
            "content": {"application/problem+json": {"schema": schemas.of(Problem)}},
        }
        if status == 429:
            response["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
        responses[str(status)] = response
    return dict(sorted(responses.items()))


@functools.cache
def document(version: str) -> bytes:
    """The description of this daemon's REST interface as JSON, indented, with a newline at its end."""
    from bridge.outputs.http.app import ROOT, V1

    return msgspec.json.format(msgspec.json.encode(described(ROOT, V1, version)), indent=1) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(document(metadata.version("fixbridge")))
