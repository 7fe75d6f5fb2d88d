"""Quotes and trades from outside, for the `push` market data source."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Response, post
from litestar.params import JSONBody
from msgspec import Meta

from bridge.marketdata.push import Pushed
from bridge.outputs.http.principal import Role
from bridge.outputs.http.services import Behind, Who
from bridge.problems import FieldFault, refuse

NUMBER = r"^[0-9]{1,15}(\.[0-9]{1,15})?$"
UnsignedText = Annotated[
    str,
    Meta(
        pattern=NUMBER, max_length=31, description="Plain decimal digits, at most 15 significant", examples=["187.25"]
    ),
]
SymbolText = Annotated[str, Meta(min_length=1, max_length=64, examples=["AAPL"])]


class QuoteIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Top of book. At least one side; a size needs its price."""

    symbol: SymbolText
    bid_px: UnsignedText | None = None
    bid_sz: UnsignedText | None = None
    ask_px: UnsignedText | None = None
    ask_sz: UnsignedText | None = None
    time: datetime | None = None


class TradeIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One printed trade."""

    symbol: SymbolText
    price: UnsignedText
    size: UnsignedText
    aggressor: str | None = None
    time: datetime | None = None


class TicksIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Quotes first, then trades, in the order given."""

    quotes: Annotated[tuple[QuoteIn, ...], Meta(max_length=500)] = ()
    trades: Annotated[tuple[TradeIn, ...], Meta(max_length=500)] = ()


@post("/quotes", opt={"role": Role.FEED}, status_code=200, tags=["market data"], operation_id="push_quotes")
async def push_quotes(data: JSONBody[TicksIn], services: Behind, principal: Who) -> Response[Pushed]:
    """Hand in quotes and trades. 200 with what was refused beside what was taken; 422 when nothing could be taken."""
    pushed = await services.engine.ask(
        "quotes",
        Pushed,
        f"REST:{principal.name}",
        quotes=[_row(quote) for quote in data.quotes],
        trades=[_row(trade) for trade in data.trades],
    )
    if pushed.refused and not pushed.accepted:
        faults = tuple(FieldFault(f"{item.list}[{item.index}]", item.reason) for item in pushed.refused)
        raise refuse("refused", "; ".join(f"{fault.field}: {fault.detail}" for fault in faults[:5]), errors=faults)
    return Response(pushed)


def _row(item: QuoteIn | TradeIn) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(item)
    return row
