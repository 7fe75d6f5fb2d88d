"""The TWS socket protocol from the server's side: frames, requests decoded, answers encoded, by server version.

A frame is a length (4 bytes, big endian) and fields that each end with NUL; a number that is not set is the largest
double there is. Field orders follow IB's TWS API for server versions 157 to 178.
"""

import struct
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

LOWEST, HIGHEST = 157, 178
UNSET = "1.7976931348623157E308"
UNSET_INT = 2147483647
Field = str | int | Decimal | bool | None


def text(value: Field) -> str:
    """One field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def frame(fields: Sequence[Field]) -> bytes:
    """One message with its length before it."""
    body = "".join(f"{text(field)}\0" for field in fields).encode()
    return struct.pack(">I", len(body)) + body


class Frames:
    """Bytes → messages; the first bytes of a connection are `API` and a NUL."""

    def __init__(self) -> None:
        self._data = b""
        self._greeted = False
        self._first = True

    def feed(self, data: bytes) -> Iterator[str | list[str]]:
        """The version range as a string first, then lists of fields. Raises ValueError for what is no TWS client."""
        self._data += data
        if not self._greeted:
            if len(self._data) < 4:
                return
            if self._data[:4] != b"API\0":
                raise ValueError("expected the bytes API and NUL")
            self._data = self._data[4:]
            self._greeted = True
        while len(self._data) >= 4:
            end = 4 + struct.unpack(">I", self._data[:4])[0]
            if len(self._data) < end:
                return
            body = self._data[4:end].decode(errors="replace")
            self._data = self._data[end:]
            if self._first:
                self._first = False
                yield body
            else:
                yield body.split("\0")[:-1]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A contract of the sandbox. `rule` is its market rule, `multiplier` 1 for shares."""

    con_id: int
    symbol: str
    sec_type: str
    currency: str
    exchange: str
    primary: str = ""
    local: str = ""
    month: str = ""
    strike: str = "0"
    right: str = ""
    multiplier: str = ""
    trading_class: str = ""
    min_tick: str = "0.01"
    rule: int = 26
    order_types: str = "ACTIVETIM,DAY,GTC,GTD,IOC,LMT,LOC,MKT,MOC,OPG,STP,STPLMT"
    exchanges: str = "SMART"
    size_step: str = "1"
    name: str = ""

    def short(self) -> list[Field]:
        """conId to tradingClass, as order and execution messages have it."""
        return [
            self.con_id,
            self.symbol,
            self.sec_type,
            self.month,
            self.strike,
            self.right,
            self.multiplier,
            self.exchange,
            self.currency,
            self.local or self.symbol,
            self.trading_class or self.symbol,
        ]


class Placed(msgspec.Struct, kw_only=True):
    """placeOrder(3) as far as the sandbox trades by it."""

    order_id: int
    con_id: int
    symbol: str
    sec_type: str
    currency: str
    action: str
    qty: Decimal
    kind: str
    price: Decimal
    stop: Decimal
    tif: str
    account: str
    ref: str
    outside_rth: bool
    transmit: bool = True
    parent: int = 0
    good_till: str = ""
    all_or_none: bool = False


def placed(fields: list[str], version: int) -> Placed:
    """placeOrder(3). Raises ValueError for a message that is too short or has no number where one belongs."""
    if len(fields) < 80:
        raise ValueError(f"placeOrder with {len(fields)} fields")
    return Placed(
        order_id=int(fields[1]),
        con_id=int(fields[2] or 0),
        symbol=fields[3],
        sec_type=fields[4],
        currency=fields[11],
        action=fields[16],
        kind=fields[18],
        tif=fields[21],
        account=fields[23],
        ref=fields[26],
        transmit=fields[27] == "1",
        parent=int(fields[28] or 0),
        outside_rth=fields[33] == "1",
        good_till=fields[38],
        qty=Decimal(fields[17] or 0),
        price=Decimal(fields[19] or 0),
        stop=Decimal(fields[20] or 0),
    )


def order_status(order: Any, status: str, *, why_held: str = "") -> list[Field]:
    """orderStatus(3)."""
    return [
        3,
        order.order_id,
        status,
        order.filled,
        order.qty - order.filled,
        order.average,
        order.perm_id,
        0,
        order.last_px,
        order.client_id,
        why_held,
        Decimal(0),
    ]


def open_order(order: Any, status: str, version: int) -> list[Field]:
    """openOrder(5). A line below is a group of the API's documentation."""
    fields: list[Field] = [5, order.order_id, *order.listed.short()]
    fields += [order.action, order.qty, order.kind, order.price, order.stop, order.tif]
    fields += ["", order.account, "", 0, order.ref, order.client_id, order.perm_id, order.outside_rth, False, "0.0"]
    fields += ["", ""]  # goodAfterTime, deprecated sharesAllocation
    fields += ["", "", ""]  # advisor's group, method, percentage
    if version < 177:
        fields.append("")
    fields += ["", order.good_till, "", "", "", 0, "", -1]  # modelCode .. exemptCode
    fields += [0, "", "", "", "", ""]  # auctionStrategy .. stockRangeUpper
    fields += ["", False, False, order.all_or_none, "", 3, False, False, "", order.parent, 0]  # displaySize .. trigger
    fields += ["", 0, "", ""]  # volatility, its type, delta neutral type and price
    fields += [False, 0, "", "", "", "", ""]  # continuousUpdate .. comboLegsDescrip
    fields += [0, 0, 0]  # legs, order legs, routing parameters
    fields += ["", "", "", ""]  # scale sizes and increment, hedgeType
    fields += [False, "", "IB", False, 0, ""]  # optOut, clearing, notHeld, delta neutral contract, algo
    fields += [False, False, status, *([UNSET] * 9)]  # solicited, whatIf, state and margins
    fields += [UNSET, UNSET, UNSET, "", "", False, False, 0]  # commissions, warning, randomize, conditions
    fields += ["None", UNSET, UNSET, UNSET, UNSET, UNSET, UNSET, 0, "", "", ""]  # adjusted order, soft dollars
    fields += ["0", False, False, False, False]  # cashQty .. usePriceMgmtAlgo
    fields += [UNSET_INT] * ((version >= 159) + (version >= 160))  # duration, postToAts
    if version >= 162:
        fields.append(False)
    if version >= 170:
        fields += ["", "", UNSET, UNSET, UNSET]
    return fields


def completed_order(order: Any, version: int, at: str) -> list[Field]:
    """completedOrder(101): no order id, no client id, and no quantity."""
    fields: list[Field] = [101, *order.listed.short()]
    fields += [order.action, Decimal(0), order.kind, order.price, order.stop, order.tif]
    fields += ["", order.account, "", 0, order.ref, order.perm_id, order.outside_rth, False, "0.0"]
    fields += ["", "", "", ""]  # goodAfterTime, advisor's group, method, percentage
    if version < 177:
        fields.append("")
    fields += ["", order.good_till, "", "", "", 0, "", -1]  # modelCode .. exemptCode
    fields += ["", "", "", "", ""]  # startingPrice .. stockRangeUpper
    fields += ["", False, order.all_or_none, "", 3, 0]  # displaySize .. triggerMethod
    fields += ["", 0, "", ""]  # volatility, its type, delta neutral type and price
    fields += [False, 0, "", "", ""]  # continuousUpdate .. comboLegsDescrip
    fields += [0, 0, 0]  # legs, order legs, routing parameters
    fields += ["", "", "", ""]  # scale sizes and increment, hedgeType
    fields += ["", "IB", False, 0, ""]  # clearing, notHeld, delta neutral contract, algo
    fields += [False, order.status, False, False, 0]  # solicited, status, randomize, conditions
    fields += [UNSET, UNSET, "0", False, False, "", order.filled, 0, False, "", False, False, 0]
    fields += [at, order.completed_text]
    if version >= 170:
        fields += ["", "", UNSET, UNSET, UNSET]
    return fields


def exec_details(request: int, done: Any, version: int) -> list[Field]:
    """execDetails(11)."""
    order = done.order
    fields: list[Field] = [
        *(11, request, order.order_id, *order.listed.short()),
        *(done.exec_id, done.time, order.account, done.market, "BOT" if order.action == "BUY" else "SLD"),
        *(done.qty, done.px, order.perm_id, order.client_id, 0, done.cum, done.average, order.ref, "", "", "", 2),
    ]
    if version >= 178:
        fields.append(False)
    return fields


def contract_details(request: int, listed: Listed, version: int, hours: str = "") -> list[Field]:
    """contractDetails(10). `hours` in the zone of New York."""
    old: list[Field] = [8] if version < 164 else []
    fields: list[Field] = [
        *(10, *old, request, listed.symbol, listed.sec_type, listed.month, listed.strike, listed.right),
        *(listed.exchange, listed.currency, listed.local or listed.symbol, listed.symbol),
        *(listed.trading_class or listed.symbol, listed.con_id, listed.min_tick),
        *([1] if version < 164 else []),
        *(listed.multiplier, listed.order_types, listed.exchanges, 1, 0, listed.name, listed.primary, listed.month[:6]),
        *("", "", "", "America/New_York", hours, hours, "", 0, 0),
        *(1, "", "", ",".join([str(listed.rule)] * (listed.exchanges.count(",") + 1)), listed.month, "COMMON"),
    ]
    if version == 163:
        fields.append(listed.size_step)
    if version >= 164:
        fields += [listed.size_step, listed.size_step, listed.size_step]
    return fields


def position(account: str, listed: Listed, qty: Decimal, cost: Decimal) -> list[Field]:
    """position(61)."""
    return [61, 3, account, *listed.short(), qty, cost]


def portfolio(account: str, listed: Listed, qty: Decimal, px: Decimal, cost: Decimal) -> list[Field]:
    """portfolioValue(7)."""
    short = listed.short()
    short[7] = listed.primary or listed.exchange
    return [7, 8, *short, qty, px, qty * px, cost, Decimal(0), Decimal(0), account]
