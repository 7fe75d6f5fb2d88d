"""Positions, strategies' books and accounts: the documents MQTT publishes, under the same names."""

import msgspec
from litestar import Response
from litestar.params import FromPath

from bridge.outputs.http.documents import (
    AccountPage,
    AccountState,
    Alert,
    AlertPage,
    BookPage,
    BookState,
    PositionPage,
)
from bridge.outputs.http.endpoint import Asked, endpoint, query_of, state
from bridge.outputs.http.principal import Role
from bridge.outputs.http.services import Behind, Who
from bridge.problems import refuse


class PositionsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which positions; `flat` shows those that are closed as well."""

    account: str | None = None
    symbol: str | None = None
    flat: bool = False


class BooksQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which strategies' books."""

    account: str | None = None
    symbol: str | None = None
    strategy: str | None = None


@endpoint("GET", "/positions", role=Role.READ, tag="accounts", answer=PositionPage, query=PositionsQuery, state=True)
async def positions(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Positions from confirmed fills, with the broker's mark where one is known."""
    query = query_of(request, PositionsQuery)
    book = services.book
    items = [
        book.states.position(position)
        for position in book.blotter.positions(query.account)
        if principal.sees(position.account)
        and (query.symbol is None or position.symbol == query.symbol)
        and (query.flat or position.qty)
    ]
    return state(request, {"items": items, "seq": book.seq})


@endpoint("GET", "/books", role=Role.READ, tag="accounts", answer=BookPage, query=BooksQuery, state=True)
async def books(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Positions by strategy; they add up to the account's. Orders without a strategy are in the book of no name."""
    query = query_of(request, BooksQuery)
    items = tuple(
        BookState(
            strategy=strategy,
            account=position.account,
            symbol=position.symbol,
            qty=position.qty,
            avg_px=position.avg_px,
            realised=position.realised,
            fees=position.fees,
        )
        for strategy, position in services.book.blotter.books()
        if principal.sees(position.account)
        and (query.account is None or position.account == query.account)
        and (query.symbol is None or position.symbol == query.symbol)
        and (query.strategy is None or strategy == query.strategy)
    )
    return state(request, BookPage(items=items, seq=services.book.seq))


@endpoint("GET", "/accounts", role=Role.READ, tag="accounts", answer=AccountPage, state=True)
async def accounts(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """All accounts the token covers."""
    states = services.book.states
    items = [states.account(name) for name in states.accounts() if principal.sees(name)]
    return state(request, {"items": items, "seq": services.book.seq})


@endpoint(
    "GET",
    "/accounts/{account:str}",
    role=Role.READ,
    tag="accounts",
    answer=AccountState,
    problems=("not-found",),
    state=True,
)
async def account_by_name(request: Asked, account: FromPath[str], services: Behind, principal: Who) -> Response[bytes]:
    """An account's money and its day so far."""
    states = services.book.states
    if account not in states.accounts() or not principal.sees(account):
        raise refuse("not-found", f"there is no account {account}")
    return state(request, states.account(account))


@endpoint("GET", "/alerts", role=Role.READ, tag="operations", answer=AlertPage, state=True)
async def alerts(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """What needs a person now."""
    book = services.book
    items = []
    for document in book.states.alerts(services.now().timestamp()).values():
        if principal.sees(document.get("account")):
            detail = {name: value for name, value in document.items() if name not in ("code", "severity", "account")}
            items.append(
                Alert(
                    code=document["code"],
                    severity=document["severity"],
                    account=document.get("account"),
                    detail=detail,
                )
            )
    return state(request, AlertPage(items=tuple(items), seq=book.seq))
