"""REST v2 as the sandbox answers it: orders, activities, positions, account, assets, clock, calendar."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from bridge.sandbox.alpaca_book import Book, Holding, Market
from bridge.sandbox.alpaca_connection import Answer
from bridge.sandbox.alpaca_orders import ZERO, SandboxOrder, number, timestamp
from bridge.sandbox.alpaca_rules import (
    PARAMETER,
    UNKNOWN,
    Refusal,
    check_price,
    check_terms,
    forbidden,
    parameter,
    rule,
)
from bridge.sandbox.alpaca_rules import number as given

ACCOUNT_ID = "e6fe16f3-64a4-4921-8928-cadf02f92f98"
CHANGEABLE = ("new", "partially_filled", "held")
PENDING = {"pending_cancel": "order pending cancellation", "pending_replace": "original order pending replacement"}


class RestApi:
    """Answers of one account. Raises Refusal."""

    def __init__(self, book: Book, now: Callable[[], int]) -> None:
        self._book = book
        self._now = now
        self.blocked = False

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        """One request."""
        match (method, path.strip("/").split("/")):
            case ("POST", ["orders"]):
                return self._submit(body)
            case ("GET", ["orders"]):
                return Answer(200, self._listed(query))
            case ("DELETE", ["orders"]):
                return Answer(207, [self._cancel_one(order) for order in self._working()])
            case ("GET", ["orders:by_client_order_id"]):
                wanted = query.get("client_order_id", "")
                if wanted not in self._book.by_client:
                    raise Refusal(404, UNKNOWN, f"order not found for {wanted}")
                return Answer(200, self._book.orders[self._book.by_client[wanted]].body())
            case ("GET", ["orders", order_id]):
                return Answer(200, self._order(order_id).body())
            case ("PATCH", ["orders", order_id]):
                return self._replace(self._order(order_id), body)
            case ("DELETE", ["orders", order_id]):
                return self._cancel(self._order(order_id))
            case ("GET", ["account"]):
                return Answer(200, self._account())
            case ("GET", ["positions"]):
                return Answer(200, [self._position(*each) for each in self._book.holdings.items()])
            case ("GET", ["account", "activities", *kind]):
                return Answer(200, self._activities(query, kind[0] if kind else query.get("activity_types", "FILL")))
            case ("GET", ["assets"]):
                return Answer(200, self._assets(query))
            case ("GET", ["assets", *symbol]):
                return Answer(200, self._asset(self._market("/".join(symbol))))
            case ("GET", ["clock"]):
                return Answer(200, self._clock())
            case ("GET", ["calendar"]):
                return Answer(200, self._calendar(query))
        raise Refusal(404, UNKNOWN, "endpoint not found.")

    # --- orders -------------------------------------------------------------------------------------------------------

    def _submit(self, body: Any) -> Answer:
        if not isinstance(body, dict):
            raise Refusal(400, 40010000, "request body format is invalid")
        if self.blocked:
            raise forbidden("trading is blocked for the account")
        market = self._tradable(body.get("symbol"))
        check_terms(body, market.crypto, market.fractionable)
        order = SandboxOrder(
            client_order_id=self._client_id(body),
            symbol=market.symbol,
            asset_class="crypto" if market.crypto else "us_equity",
            side=body["side"],
            type=body["type"],
            time_in_force=body["time_in_force"],
            qty=given(body, "qty"),
            notional=given(body, "notional"),
            limit_price=given(body, "limit_price"),
            stop_price=given(body, "stop_price"),
            extended_hours=bool(body.get("extended_hours")),
            created=self._now(),
        )
        self._permit(order, market)
        self._book.add(order)
        answer = Answer(200, order.body())
        self._book.work(order)
        return answer

    def _client_id(self, body: Mapping[str, Any]) -> str:
        wanted = body.get("client_order_id")
        if wanted is None:
            return str(uuid4())
        if not isinstance(wanted, str) or not 0 < len(wanted) <= 128:
            raise parameter("client_order_id must be no more than 128 characters")
        if wanted in self._book.by_client:
            raise parameter("client_order_id must be unique")
        return wanted

    def _tradable(self, symbol: Any) -> Market:
        market = self._book.markets.get(symbol) if isinstance(symbol, str) else None
        if market is None:
            raise parameter(f'asset "{symbol}" not found')
        if not market.tradable:
            raise rule(f"asset {symbol} is not tradable")
        return market

    def _permit(self, order: SandboxOrder, market: Market) -> None:
        book = self._book
        held = book.holdings.get(order.symbol, Holding()).qty
        working = [each for each in self._working() if each.symbol == order.symbol]
        opposite = [each for each in working if each.side != order.side]
        for each in opposite:
            if _crosses(order, each):
                raise forbidden(
                    "potential wash trade detected. use complex orders",
                    existing_order_id=each.id,
                    reject_reason="opposite side market/stop order exists"
                    if each.price_limit is None
                    else "opposite side limit order exists",
                )
        if order.side == "buy" and held == 0 and any(each.side == "sell" for each in opposite):
            raise forbidden("cannot open a long buy while a short sell order is open")
        if order.side == "sell":
            self._permit_sale(order, market, held, working)
        opens = held >= 0 if order.side == "buy" else held <= 0
        if opens and book.value(order) > book.buying_power:
            raise forbidden("insufficient buying power", buying_power=number(book.buying_power))

    def _permit_sale(self, order: SandboxOrder, market: Market, held: Decimal, working: list[SandboxOrder]) -> None:
        promised = sum((each.left for each in working if each.side == "sell"), ZERO)
        wanted = order.qty if order.qty is not None else (order.notional or ZERO) / market.bid
        if held > 0:
            if wanted > held - promised:
                raise forbidden(
                    f"insufficient qty available for order (requested: {number(wanted)}, available: "
                    f"{number(held - promised)})",
                    available=number(held - promised),
                    existing_qty=number(held),
                    held_for_orders=number(promised),
                    symbol=order.symbol,
                )
        elif market.crypto:
            raise forbidden(f"insufficient balance for {order.symbol.partition('/')[0]} (available: 0)")
        elif not market.shortable:
            raise forbidden(f'asset "{order.symbol}" cannot be sold short')
        elif order.notional is not None or wanted % 1:
            raise rule("fractional orders cannot be sold short")

    def _replace(self, old: SandboxOrder, body: Any) -> Answer:
        if not isinstance(body, dict):
            raise Refusal(400, 40010000, "request body format is invalid")
        if old.status not in CHANGEABLE:
            raise rule(PENDING.get(old.status, f'order is already in "{old.status}" state'))
        if old.notional is not None or (old.qty is not None and old.qty % 1):
            raise rule("fractional orders cannot be replaced")
        qty, limit, stop = given(body, "qty"), given(body, "limit_price"), given(body, "stop_price")
        if qty is not None and qty % 1:
            raise parameter("qty must be an integer")
        if qty is not None and qty <= old.before_qty + old.filled_qty:
            raise rule("qty must be > filled_qty")
        if limit is not None and old.limit_price is None:
            raise parameter("limit_price is only valid for limit orders")
        if stop is not None and old.stop_price is None:
            raise parameter("stop_price is only valid for stop orders")
        if old.asset_class != "crypto":
            check_price(limit, "limit_price")
            check_price(stop, "stop_price")
        tif = body.get("time_in_force") or old.time_in_force
        new = SandboxOrder(
            client_order_id=self._client_id(body),
            symbol=old.symbol,
            asset_class=old.asset_class,
            side=old.side,
            type=old.type,
            time_in_force=tif,
            qty=old.qty if qty is None else qty,
            notional=None,
            limit_price=old.limit_price if limit is None else limit,
            stop_price=old.stop_price if stop is None else stop,
            extended_hours=old.extended_hours,
            created=self._now(),
            replaces=old.id,
            triggered=old.triggered,
        )
        if (new.qty, new.limit_price, new.stop_price, new.time_in_force) == (
            old.qty,
            old.limit_price,
            old.stop_price,
            old.time_in_force,
        ):
            raise rule("order parameters are not changed")
        self._book.replace(old, new)
        answer = Answer(200, new.body())
        if not self._book.manual:
            self._book.replaced(old, new)
        return answer

    def _cancel(self, order: SandboxOrder) -> Answer:
        if order.status in PENDING:
            raise rule(PENDING[order.status])
        if not order.open:
            raise rule(f'order is already in "{order.status}" state')
        self._book.cancel(order)
        return Answer(204)

    def _cancel_one(self, order: SandboxOrder) -> dict[str, Any]:
        try:
            self._cancel(order)
        except Refusal as refusal:
            return {"id": order.id, "status": refusal.answer.status, "body": refusal.answer.body}
        return {"id": order.id, "status": 200}

    def _order(self, order_id: str) -> SandboxOrder:
        found = self._book.orders.get(order_id)
        if found is None:
            raise Refusal(404, UNKNOWN, f"order not found for {order_id}")
        return found

    def _working(self) -> list[SandboxOrder]:
        return [order for order in self._book.orders.values() if order.open]

    def _listed(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        status, limit = query.get("status", "open"), int(query.get("limit", 50))
        if status not in ("open", "closed", "all") or not 0 < limit <= 500:
            raise parameter("invalid status or limit")
        symbols = query["symbols"].split(",") if query.get("symbols") else None
        after, until = _ns(query.get("after")), _ns(query.get("until"))
        found = [
            order
            for order in self._book.orders.values()
            if (status == "all" or order.open == (status == "open"))
            and (symbols is None or order.symbol in symbols)
            and (after is None or order.created > after)
            and (until is None or order.created < until)
        ]
        found.sort(key=lambda order: order.created, reverse=query.get("direction", "desc") != "asc")
        return [order.body() for order in found[:limit]]

    # --- activities ---------------------------------------------------------------------------------------------------

    def _activities(self, query: Mapping[str, str], kinds: str) -> list[dict[str, Any]]:
        if "FILL" not in kinds.split(","):
            return []
        size = int(query.get("page_size", 100))
        if not 0 < size <= 100:
            raise parameter("page_size must be between 1 and 100")
        rows = sorted(self._book.fills, key=lambda row: row["id"])
        after, until = _ns(query.get("after")), _ns(query.get("until"))
        rows = [
            row
            for row in rows
            if (after is None or (_ns(row["transaction_time"]) or 0) > after)
            and (until is None or (_ns(row["transaction_time"]) or 0) < until)
        ]
        ascending = query.get("direction", "desc") == "asc"
        if not ascending:
            rows.reverse()
        token = query.get("page_token")
        if token is not None:
            rows = [row for row in rows if (row["id"] > token if ascending else row["id"] < token)]
        return rows[:size]

    # --- the account and what is traded -------------------------------------------------------------------------------

    def _account(self) -> dict[str, Any]:
        book = self._book
        return {
            "id": ACCOUNT_ID,
            "account_number": "PA3SANDBOX00",
            "status": "ACTIVE",
            "currency": "USD",
            "cash": number(book.cash),
            "portfolio_value": number(book.equity),
            "equity": number(book.equity),
            "last_equity": number(book.equity),
            "buying_power": number(book.buying_power),
            "multiplier": "2",
            "shorting_enabled": True,
            "pattern_day_trader": False,
            "trading_blocked": self.blocked,
            "transfers_blocked": False,
            "account_blocked": False,
            "trade_suspended_by_user": False,
            "crypto_status": "ACTIVE",
            "created_at": "2024-01-02T00:00:00Z",
        }

    def _position(self, symbol: str, held: Holding) -> dict[str, Any]:
        price = self._book.price(symbol)
        return {
            "asset_id": str(uuid4()),
            "symbol": symbol.replace("/", ""),
            "exchange": "",
            "asset_class": "crypto" if "/" in symbol else "us_equity",
            "qty": number(held.qty),
            "side": "long" if held.qty > 0 else "short",
            "avg_entry_price": number(held.avg),
            "market_value": number(held.qty * price),
            "cost_basis": number(held.qty * held.avg),
            "current_price": number(price),
            "qty_available": number(held.qty),
        }

    def _market(self, symbol: str) -> Market:
        found = self._book.markets.get(symbol)
        if found is None:
            raise Refusal(404, UNKNOWN, f"asset not found for {symbol}")
        return found

    def _assets(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        wanted = query.get("asset_class", "us_equity")
        return [
            self._asset(market)
            for market in self._book.markets.values()
            if wanted == ("crypto" if market.crypto else "us_equity")
        ]

    def _asset(self, market: Market) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": str(uuid4()),
            "class": "crypto" if market.crypto else "us_equity",
            "exchange": "CRYPTO" if market.crypto else "NASDAQ",
            "symbol": market.symbol,
            "name": market.name or market.symbol,
            "status": "active",
            "tradable": market.tradable,
            "marginable": not market.crypto,
            "shortable": market.shortable,
            "easy_to_borrow": market.shortable,
            "fractionable": market.fractionable,
        }
        if market.crypto:
            row |= {"min_order_size": "0.0001", "min_trade_increment": "0.000000001", "price_increment": "0.01"}
        return row

    def _clock(self) -> dict[str, Any]:
        now = self._now()
        return {
            "timestamp": timestamp(now),
            "is_open": self._book.is_open,
            "next_open": timestamp(now + 3_600_000_000_000),
            "next_close": timestamp(now + 7_200_000_000_000),
        }

    def _calendar(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Every day is a trading day, around the clock, so that one can rehearse at any time."""
        today = datetime.fromtimestamp(self._now() / 1e9, UTC).date()
        try:
            first = date.fromisoformat(query.get("start", today.isoformat()))
            last = date.fromisoformat(query.get("end", today.isoformat()))
        except ValueError:
            raise Refusal(422, PARAMETER, "invalid date") from None
        return [
            {
                "date": (first + timedelta(days=day)).isoformat(),
                "open": "00:00",
                "close": "23:59",
                "session_open": "0000",
                "session_close": "2359",
            }
            for day in range((last - first).days + 1)
        ]


def _crosses(new: SandboxOrder, old: SandboxOrder) -> bool:
    """Whether two orders of one account could trade with each other (Alpaca's wash trade table)."""
    a, b = new.price_limit, old.price_limit
    if a is None or b is None:
        return True
    return a >= b if new.side == "buy" else a <= b


def _ns(text: str | None) -> int | None:
    if not text:
        return None
    match = re.fullmatch(r"(.+?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", text.replace(" ", "+"))
    if match is None:
        raise parameter("invalid time")
    try:
        whole = datetime.fromisoformat(match[1] + (match[3] or "+00:00").replace("Z", "+00:00"))
    except ValueError:
        raise parameter("invalid time") from None
    return int(whole.timestamp()) * 1_000_000_000 + int((match[2] or "0").ljust(9, "0"))
