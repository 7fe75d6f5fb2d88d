"""What the routes need, put together once: handed in by the daemon, nothing is looked up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import SkipValidation

from bridge.control_commands import Engine
from bridge.orders.market import Instrument
from bridge.outputs.http.book import Book
from bridge.outputs.http.door import PRINCIPAL
from bridge.outputs.http.engine_vitals import EngineVitals
from bridge.outputs.http.principal import Principal, Role
from bridge.outputs.http.series import Charts
from bridge.outputs.http.tokens import TokenStore
from bridge.problems import refuse

INSTRUMENTS_FOR = timedelta(seconds=30)
MAX_NUMBER = 10**18  # no `seq` or order id is greater, and none is negative

Render = Callable[[str], tuple[bytes, str]]
"""(Accept header) → (body, content type): the metrics page; called in a worker thread."""


class About:
    """Which daemon this is. `config` gives the effective configuration with secrets masked."""

    def __init__(self, name: str, mode: str, version: str, config: Callable[[], dict[str, Any]]) -> None:
        self.name = name
        self.mode = mode
        self.version = version
        self.config = config


@dataclass(slots=True)
class Services:
    """Everything behind the routes. `missing` names what is not ready, nothing when all is well; `now` is UTC."""

    engine: Engine
    book: Book
    vitals: EngineVitals
    tokens: TokenStore
    charts: Charts
    about: About
    render_metrics: Render
    missing: Callable[[], Sequence[str]]
    now: Callable[[], datetime]
    _instruments: tuple[datetime, tuple[Instrument, ...]] | None = None

    async def instruments(self) -> tuple[Instrument, ...]:
        """The symbol master, at most INSTRUMENTS_FOR old: it is large and hardly ever changes."""
        now = self.now()
        if self._instruments is None or now - self._instruments[0] > INSTRUMENTS_FOR:
            self._instruments = (now, await self.engine.ask("instruments", tuple[Instrument, ...]))
        return self._instruments[1]


Behind: TypeAlias = NamedDependency[SkipValidation[Services]]
Who: TypeAlias = NamedDependency[SkipValidation[Principal]]


def principal_of(request: Request[Any, Any, Any]) -> Principal:
    """Who asks; ProblemError `unauthenticated` when nobody says so."""
    principal = request.scope.get(PRINCIPAL)
    if not isinstance(principal, Principal):
        raise refuse("unauthenticated", "send `Authorization: Bearer fbt_…`")
    return principal


def by_role(connection: "ASGIConnection[Any, Any, Any, Any]", handler: BaseRouteHandler) -> None:
    """Guard of every route: `opt` must say `role=Role.…` or `open=True`, else nobody may."""
    if handler.opt.get("open") is True:
        return
    principal = connection.scope.get(PRINCIPAL)
    if not isinstance(principal, Principal):
        raise refuse("unauthenticated", "send `Authorization: Bearer fbt_…`")
    needed = handler.opt.get("role")
    if not isinstance(needed, Role) or not principal.role.covers(needed):
        wanted = needed.value if isinstance(needed, Role) else "no token's"
        raise refuse("forbidden", f"this needs role {wanted}, token {principal.name} has {principal.role.value}")
    for value in connection.path_params.values():
        if isinstance(value, int) and not 0 <= value <= MAX_NUMBER:
            raise refuse("not-found", f"there is no number {str(value)[:40]}")
    if needed is Role.ADMIN and principal.accounts:
        raise refuse("forbidden", f"token {principal.name} is for some accounts only, this is for all")
