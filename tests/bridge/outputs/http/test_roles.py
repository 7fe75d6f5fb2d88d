"""Each role can do what it may and nothing else: every route is asked by every role."""

import re
from typing import Any

import pytest

from bridge.outputs.http.app import ROOT, V1
from bridge.outputs.http.endpoint import Doc
from bridge.outputs.http.principal import Role

from .conftest import Browse, House

MAY: dict[Role, set[Role]] = {
    Role.READ: {Role.READ},
    Role.TRADE: {Role.READ, Role.TRADE},
    Role.RISK: {Role.READ, Role.RISK},
    Role.ADMIN: {Role.READ, Role.TRADE, Role.RISK, Role.ADMIN, Role.FEED},
    Role.FEED: {Role.FEED},
}
ROUTES = [(next(iter(handler.http_methods)), next(iter(handler.paths)), handler.opt["doc"]) for handler in V1]


def plain(path: str) -> str:
    """The path with something in place of its parameters."""
    return "/v1" + re.sub(r"\{[a-z_]+:(int|str|path)\}", lambda kind: "1" if kind[1] == "int" else "X", path)


@pytest.mark.parametrize(("method", "path", "doc"), ROUTES, ids=lambda value: str(value)[:40])
async def test_a_route_lets_in_who_may_and_nobody_else(
    browse: Browse, house: House, method: str, path: str, doc: Doc
) -> None:
    if doc.role is None:
        assert path in ("/login", "/logout", "/openapi.json")
        return
    for role, may in MAY.items():
        secret, _ = house.tokens.create(f"{role.value}", role)
        answer = await browse(token=secret).request(method, plain(path), json={} if method != "GET" else None)
        if doc.role in may:
            assert answer.status_code not in (401, 403), (role, answer.text)
        else:
            assert answer.status_code == 403, role
        house.tokens.revoke(role.value)
    stranger = await browse(open_loopback=False).request(method, plain(path), json={} if method != "GET" else None)
    assert stranger.status_code == 401


def test_every_route_says_who_may() -> None:
    for handler in (*ROOT, *V1):
        doc: Any = handler.opt["doc"]
        assert isinstance(doc, Doc)
        assert (handler.opt.get("open") is True) == (doc.role is None)
