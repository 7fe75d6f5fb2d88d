"""Symbols → IB contracts, asked for once and kept: ambiguous is refused, and prices must fit IB's increments.

The symbol master says what a symbol is (SecurityType(167), MaturityMonthYear(200), SecurityExchange(207),
Currency(15)); IB says which contract that is, by its conId, and at which prices it trades (ADAPTERS B.2).
"""

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from bridge.brokers.ib import wire
from bridge.brokers.ib.questions import IbRefused
from bridge.interfaces import Clock
from bridge.orders.market import Instrument
from bridge.orders.order import Order, PendingReplace
from bridge.orders.reasons import ReasonCode, Rejection
from fixspec.enums import OrdType, Side, TimeInForce

DAY_NS = 86_400_000_000_000
KEEP = 24 * 3600.0
"""Seconds a contract is kept: market rules and the front month of a root change overnight."""

SECURITY_TYPES = {"CS": "STK", "FUT": "FUT", "FOR": "CASH", "OPT": "OPT"}
EXCHANGES = {
    "XCME": "CME",
    "XCBT": "CBOT",
    "XNYM": "NYMEX",
    "XCEC": "COMEX",
    "XCBF": "CFE",
    "IFUS": "NYBOT",
    "IFEU": "IPE",
    "IFLL": "ICEEU",
    "XEUR": "EUREX",
    "XNAS": "NASDAQ",
    "XNYS": "NYSE",
    "ARCX": "ARCA",
    "XASE": "AMEX",
    "BATS": "BATS",
}
"""Market identifier codes (ISO 10383) → IB's names; any other name is passed on as it stands."""

LISTED_TYPES = {"MKT": "MKT", "LMT": "LMT", "STP": "STP", "STP LMT": "STPLMT", "MOC": "MOC", "LOC": "LOC"}
LISTED_TIMES = frozenset({"GTC", "IOC", "GTD", "OPG"})
"""Times in force that contractDetails.orderTypes names; of others (FOK) IB is the judge."""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """A contract as IB knows it. `steps` are (price from which it holds, increment), ascending; `hours` when it can be
    traded, extended hours included: (from, to) in UTC ns, for the days that IB told.
    """

    contract: Any
    symbol: str
    steps: tuple[tuple[Decimal, Decimal], ...]
    order_types: frozenset[str]
    size_step: Decimal
    multiplier: Decimal
    kept_at: float
    hours: tuple[tuple[int, int], ...] = ()


class Unresolved(Exception):
    """There is no such contract at IB, or more than one."""

    def __init__(self, code: ReasonCode, text: str) -> None:
        self.code = code
        super().__init__(text)


SIDES = frozenset({Side.BUY, Side.SELL, Side.SELL_SHORT})

Ask = Callable[[Any], Awaitable[list[Any]]]
AskRule = Callable[[int], Awaitable[list[Any]]]


class Contracts:
    """The cache, by our symbol and by conId."""

    def __init__(
        self,
        *,
        instrument: Callable[[str], Instrument | None],
        named: Mapping[str, Mapping[str, str | int]],
        ask: Ask,
        ask_rule: AskRule,
        clock: Clock,
    ) -> None:
        """`named` are contracts by symbol that the user wrote down; they win over the symbol master."""
        self._instrument = instrument
        self._named = named
        self._ask = ask
        self._ask_rule = ask_rule
        self._clock = clock
        self._by_symbol: dict[str, Resolved] = {}
        self._symbols: dict[int, str] = {}
        self._rules: dict[int, tuple[tuple[Decimal, Decimal], ...]] = {}

    def get(self, symbol: str) -> Resolved | None:
        """A contract asked for today."""
        found = self._by_symbol.get(symbol)
        if found is None or self._clock.monotonic() - found.kept_at > KEEP:
            return None
        return found

    def symbol(self, contract: Any) -> str:
        """Our name of a contract of IB's."""
        return self._symbols.get(contract.conId) or wire.symbol_of(contract)

    def multiplier(self, contract: Any) -> Decimal:
        """Value of one price unit of one contract."""
        return wire.number(contract.multiplier) or Decimal(1)

    def currency(self, symbol: str) -> str | None:
        """What the symbol master says."""
        instrument = self._instrument(symbol)
        return None if instrument is None else instrument.currency

    async def resolve(self, symbol: str) -> Resolved:
        """The contract of a symbol. Raises Unresolved, BrokerUnreachable."""
        found = self.get(symbol)
        if found is not None:
            return found
        wanted = self.wanted(symbol)
        try:
            rows = await self._ask(wanted)
        except IbRefused as error:
            raise Unresolved(ReasonCode.SYMBOL_UNKNOWN, f"{symbol}: {error}") from error
        contracts = {row.contract.conId: row for row in rows}
        if not contracts:
            raise Unresolved(ReasonCode.SYMBOL_UNKNOWN, f"IB knows no contract for {symbol}")
        if len(contracts) > 1:
            several = ", ".join(sorted(row.contract.localSymbol or str(number) for number, row in contracts.items()))
            raise Unresolved(ReasonCode.SYMBOL_AMBIGUOUS, f"IB knows several contracts for {symbol}: {several}")
        details = next(iter(contracts.values()))
        if wanted.exchange:
            details.contract.exchange = wanted.exchange
        made = Resolved(
            contract=details.contract,
            symbol=symbol,
            steps=await self._steps(details, wanted.exchange),
            order_types=frozenset(word for word in details.orderTypes.split(",") if word),
            size_step=wire.number(details.sizeIncrement) or Decimal(1),
            multiplier=self.multiplier(details.contract),
            kept_at=self._clock.monotonic(),
            hours=hours(details.tradingHours, details.timeZoneId),
        )
        self._by_symbol[symbol] = made
        self._symbols[details.contract.conId] = symbol
        return made

    async def _steps(self, details: Any, exchange: str) -> tuple[tuple[Decimal, Decimal], ...]:
        """The increments at this exchange: its place in validExchanges is its place in marketRuleIds."""
        least = wire.number(details.minTick) or Decimal(0)
        exchanges, rules = details.validExchanges.split(","), details.marketRuleIds.split(",")
        rule = next((text for name, text in zip(exchanges, rules, strict=False) if name == exchange), "")
        if not rule.isdigit():
            return ((Decimal(0), least),) if least else ()
        number = int(rule)
        if number not in self._rules:
            rows = await self._ask_rule(number)
            steps = sorted((Decimal(str(row.lowEdge)), Decimal(str(row.increment))) for row in rows)
            self._rules[number] = tuple(steps)
        return self._rules[number] or (((Decimal(0), least),) if least else ())

    def wanted(self, symbol: str) -> Any:
        """What is asked for. Raises Unresolved when the symbol master does not say enough."""
        from bridge.brokers.ib.transport import Contract

        named = self._named.get(symbol)
        if named is not None:
            return Contract(**{"exchange": "SMART", **named})  # type: ignore[arg-type]
        instrument = self._instrument(symbol)
        if instrument is None:
            raise Unresolved(ReasonCode.SYMBOL_UNKNOWN, f"{symbol} is not in the symbol master")
        kind = instrument.security_type
        exchange = EXCHANGES.get(instrument.exchange or "", instrument.exchange or "")
        if kind == "FOR":
            base, slash, quoted = symbol.partition("/")
            if instrument.asset_class.value == "crypto" or not slash:
                raise Unresolved(ReasonCode.CAPABILITY, f"{symbol}: this adapter trades no crypto at IB")
            return Contract(secType="CASH", symbol=base, currency=quoted, exchange="IDEALPRO")
        if kind == "FUT":
            if instrument.maturity is None:
                raise Unresolved(ReasonCode.SYMBOL_AMBIGUOUS, f"{symbol} has no MaturityMonthYear(200)")
            return Contract(
                secType="FUT",
                symbol=instrument.underlying or symbol,
                lastTradeDateOrContractMonth=f"{instrument.maturity:%Y%m}",
                exchange=exchange,
                currency=instrument.currency,
                multiplier=wire.text(instrument.multiplier.normalize()),
            )
        if kind == "OPT":
            root, rest = symbol[:-15].rstrip(), symbol[-15:]
            return Contract(
                secType="OPT", localSymbol=f"{root:<6}{rest}", exchange="SMART", currency=instrument.currency
            )
        if kind == "CS":
            return Contract(
                secType="STK",
                symbol=symbol.replace(".", " "),
                exchange="SMART",
                primaryExchange=exchange,
                currency=instrument.currency,
            )
        raise Unresolved(ReasonCode.CAPABILITY, f"{symbol}: SecurityType(167)={kind} is not traded at IB by us")


def check(order: Order | PendingReplace, found: Resolved) -> Rejection | None:
    """What this contract does not take, found before IB is asked (its errors 110, 201, 387)."""
    kind, tif = wire.order_words(order.ord_type, order.time_in_force)
    listed = LISTED_TYPES[kind]
    if found.order_types and listed not in found.order_types:
        return Rejection(ReasonCode.ORDTYPE, f"IB takes no {kind} orders in {found.symbol}")
    if found.order_types and tif in LISTED_TIMES and tif not in found.order_types:
        return Rejection(ReasonCode.TIF, f"IB takes no {tif} orders in {found.symbol}")
    assert order.order_qty is not None
    if order.order_qty % found.size_step:
        text = f"OrderQty(38) {order.order_qty:f} is no multiple of {found.size_step:f}"
        return Rejection(ReasonCode.LOT_SIZE, text)
    for name, price in (("Price(44)", order.price), ("StopPx(99)", order.stop_px)):
        step = increment(found.steps, price) if price is not None else None
        if price is not None and step and price % step:
            text = f"{name} {price:f} is not on the increment {step:f} of {found.symbol} at IB"
            return Rejection(ReasonCode.TICK_SIZE, text, limit=step, value=price)
    return None


def increment(steps: tuple[tuple[Decimal, Decimal], ...], price: Decimal) -> Decimal | None:
    """The increment that holds at a price; negative prices have that of their size."""
    at = bisect_right(steps, abs(price), key=lambda step: step[0]) - 1
    return steps[at][1] if at >= 0 else None


def hours(text: str, zone: str) -> tuple[tuple[int, int], ...]:
    """`20240102:0400-20240102:2000;20240103:CLOSED` → spans in UTC ns, a closed day as an empty one. What cannot be
    read is left out: then it is not known whether the market is open.
    """
    try:
        there = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ()
    spans = []
    for day in text.split(";"):
        for part in day.split(","):
            first, _, rest = part.partition("-")
            if part.endswith("CLOSED"):
                first, rest = f"{part[:8]}:0000", f"{part[:8]}:0000"
            elif ":" not in rest:
                rest = f"{first[:8]}:{rest}"
            try:
                start, end = (datetime.strptime(each, "%Y%m%d:%H%M").replace(tzinfo=there) for each in (first, rest))
            except ValueError:
                continue
            spans.append((int(start.timestamp()) * 1_000_000_000, int(end.timestamp()) * 1_000_000_000))
    return tuple(sorted(spans))


def is_open(found: Resolved, now_ns: int) -> bool | None:
    """Whether the contract can be traded now; None beyond the days that IB told."""
    if not found.hours or not found.hours[0][0] - DAY_NS <= now_ns <= found.hours[-1][1] + DAY_NS:
        return None
    return any(start <= now_ns < end for start, end in found.hours)


def unsupported(order: Order) -> Rejection | None:
    """What IB never takes from us, whatever the contract."""
    if order.order_qty is None or order.cash_order_qty is not None:
        return Rejection(ReasonCode.CAPABILITY, "IB takes no CashOrderQty(152) from us")
    if order.ord_type not in wire.ORD_TYPES:
        return Rejection(ReasonCode.ORDTYPE, f"OrdType(40)={order.ord_type.wire.decode()} is not sent to IB")
    closing = order.time_in_force is TimeInForce.CLOSE
    if (closing and order.ord_type not in wire.AT_CLOSE) or (not closing and order.time_in_force not in wire.TIMES):
        return Rejection(ReasonCode.TIF, f"TimeInForce(59)={order.time_in_force.wire.decode()} is not sent to IB")
    if order.time_in_force is TimeInForce.OPENING and order.ord_type not in {OrdType.MARKET, OrdType.LIMIT}:
        return Rejection(ReasonCode.TIF, "IB takes market and limit orders for the opening")
    if order.side not in SIDES:
        return Rejection(ReasonCode.CAPABILITY, f"Side(54)={order.side.wire.decode()} is not sent to IB")
    return None
