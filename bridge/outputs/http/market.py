"""Instruments and quotes, and quotes from outside for the `push` market data source."""

from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import FromPath
from msgspec import Meta

from bridge.control_commands import MarketState
from bridge.marketdata.push import Pushed
from bridge.orders.market import Instrument
from bridge.outputs.http.bodies import QuoteIn, TicksIn, TradeIn
from bridge.outputs.http.documents import InstrumentPage, MarketPage
from bridge.outputs.http.endpoint import Asked, answered, body_of, endpoint, query_of, state
from bridge.outputs.http.principal import Role
from bridge.outputs.http.services import Behind, Services, Who
from bridge.problems import FieldFault, refuse


class QuotesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which symbols, separated by commas; all instruments when absent. Those never quoted are left out."""

    symbols: Annotated[str, Meta(max_length=4096)] = ""


@endpoint(
    "GET", "/instruments", role=Role.READ, tag="market", answer=InstrumentPage, problems=("unavailable",), state=True
)
async def instruments(request: Asked, services: Behind) -> Response[bytes]:
    """The symbol master."""
    return state(request, InstrumentPage(items=await services.instruments()))


@endpoint(
    "GET",
    "/instruments/{symbol:path}",
    role=Role.READ,
    tag="market",
    answer=Instrument,
    problems=("not-found", "unavailable"),
    state=True,
)
async def instrument_by_symbol(request: Asked, symbol: FromPath[str], services: Behind) -> Response[bytes]:
    """One row of the symbol master: tick, lot, multiplier, currency, sector."""
    name = symbol.removeprefix("/")
    for instrument in await services.instruments():
        if instrument.symbol == name:
            return state(request, instrument)
    raise refuse("not-found", f"there is no instrument {name}")


@endpoint(
    "GET", "/quotes", role=Role.READ, tag="market", answer=MarketPage, query=QuotesQuery, problems=("unavailable",)
)
async def quotes(request: Asked, services: Behind) -> Response[bytes]:
    """Freshest quotes and trades, as risk and the paper broker see them."""
    query = query_of(request, QuotesQuery)
    symbols = [symbol for symbol in query.symbols.split(",") if symbol]
    if not symbols:
        symbols = [instrument.symbol for instrument in await services.instruments()]
    known = await _market(services, symbols)
    return answered(MarketPage(items=tuple(each for each in known if each.quote or each.trade)))


@endpoint(
    "GET",
    "/quotes/{symbol:path}",
    role=Role.READ,
    tag="market",
    answer=MarketState,
    problems=("not-found", "unavailable"),
    state=True,
)
async def quote_by_symbol(request: Asked, symbol: FromPath[str], services: Behind) -> Response[bytes]:
    """The freshest quote and trade of a symbol."""
    name = symbol.removeprefix("/")
    for market in await _market(services, [name]):
        if market.quote is not None or market.trade is not None:
            return state(request, market)
    raise refuse("not-found", f"{name} has never been quoted here")


async def _market(services: Services, symbols: list[str]) -> tuple[MarketState, ...]:
    return await services.engine.ask("market", tuple[MarketState, ...], symbols=symbols)


@endpoint(
    "POST",
    "/quotes",
    role=Role.FEED,
    tag="market",
    answer=Pushed,
    problems=("conflict", "refused", "unavailable", "outcome-unknown"),
    body=TicksIn,
)
async def push_quotes(request: Asked, services: Behind, principal: Who) -> Response[bytes]:
    """Hand in quotes and trades. 200 with what was refused beside what was taken; 422 when nothing could be taken."""
    data = await body_of(request, TicksIn)
    pushed = await services.engine.ask(
        "quotes",
        Pushed,
        principal.session_id,
        quotes=[_row(quote) for quote in data.quotes],
        trades=[_row(trade) for trade in data.trades],
    )
    if pushed.refused and not pushed.accepted:
        faults = tuple(FieldFault(f"{item.list}[{item.index}]", item.reason) for item in pushed.refused)
        raise refuse("refused", "; ".join(f"{fault.field}: {fault.detail}" for fault in faults[:5]), errors=faults)
    return answered(pushed)


def _row(item: QuoteIn | TradeIn) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(item)
    return row
