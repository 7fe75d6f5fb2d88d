"""What may be asked: the bodies of requests. Names are FIX's in snake_case, enums are words, numbers are text."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bridge.control_answers import OrderChange
from bridge.orders.events import Scope, TradingState
from bridge.outputs.http.principal import Role
from bridge.outputs.http.text import (
    END,
    AccountText,
    ClOrdIdText,
    PriceText,
    QtyText,
    ReasonText,
    SymbolText,
    decimal_or_none,
)
from bridge.problems import FieldFault, ProblemError, problem
from fixspec.enums import (
    ExecInst,
    OrderCapacity,
    OrdType,
    PartyIDSource,
    PartyRole,
    PositionEffect,
    SecurityType,
    Side,
    TimeInForce,
)
from fixspec.messages import NewOrderSingle, Party, TradingSession

ShortText = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[ -~]+" + END)]
FreeText = Annotated[str, Meta(max_length=256, description="Text(58), stored and never interpreted")]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Unknown fields are refused: a misspelt one must not be silently without effect."""


class PartyIn(Body, frozen=True, kw_only=True):
    """One PartyID(448): `party_role` client_id or executing_trader and so on."""

    party_id: ShortText
    party_id_source: PartyIDSource | None = None
    party_role: PartyRole | None = None


class NewOrderIn(Body, frozen=True, kw_only=True):
    """A NewOrderSingle(D). Exactly one of `order_qty` and `cash_order_qty`; `transact_time` is now when absent."""

    cl_ord_id: ClOrdIdText | None = None
    client_order_id: Annotated[str, Meta(description="Another name of cl_ord_id", max_length=64)] | None = None
    account: AccountText | None = None
    symbol: SymbolText
    side: Side
    ord_type: OrdType
    order_qty: QtyText | None = None
    cash_order_qty: QtyText | None = None
    price: PriceText | None = None
    stop_px: PriceText | None = None
    time_in_force: TimeInForce | None = None
    expire_date: date | None = None
    expire_time: datetime | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    min_qty: QtyText | None = None
    max_floor: QtyText | None = None
    ex_destination: ShortText | None = None
    trading_session_id: ShortText | None = None
    security_type: SecurityType | None = None
    currency: Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,8}" + END)] | None = None
    locate_reqd: bool | None = None
    position_effect: PositionEffect | None = None
    order_capacity: OrderCapacity | None = None
    secondary_cl_ord_id: ShortText | None = None
    cl_ord_link_id: ShortText | None = None
    parties: Annotated[tuple[PartyIn, ...], Meta(max_length=5)] = ()
    strategy: Annotated[str, Meta(min_length=1, max_length=64, description="SenderSubID(50)")] | None = None
    text: FreeText | None = None
    decision_px: PriceText | None = None
    decision_time: datetime | None = None
    allow_duplicate: bool = False
    transact_time: datetime | None = None

    @property
    def id(self) -> str:
        """ClOrdID(11) under either of its names; ProblemError `malformed` without one, or with two."""
        if (self.cl_ord_id is None) == (self.client_order_id is None):
            fault = "exactly one of cl_ord_id and client_order_id is required"
            raise ProblemError(problem("malformed", fault, errors=(FieldFault("cl_ord_id", fault),)))
        return self.cl_ord_id or self.client_order_id or ""

    def message(self, now: datetime) -> NewOrderSingle:
        """The NewOrderSingle(D) this stands for; `now` where it has no TransactTime(60)."""
        return NewOrderSingle(
            cl_ord_id=self.id,
            secondary_cl_ord_id=self.secondary_cl_ord_id,
            cl_ord_link_id=self.cl_ord_link_id,
            parties=tuple(
                Party(party_id=each.party_id, party_id_source=each.party_id_source, party_role=each.party_role)
                for each in self.parties
            ),
            account=self.account,
            exec_inst=self.exec_inst,
            min_qty=decimal_or_none(self.min_qty, "min_qty"),
            max_floor=decimal_or_none(self.max_floor, "max_floor"),
            ex_destination=self.ex_destination,
            trading_sessions=(
                () if self.trading_session_id is None else (TradingSession(trading_session_id=self.trading_session_id),)
            ),
            symbol=self.symbol,
            security_type=self.security_type,
            side=self.side,
            locate_reqd=self.locate_reqd,
            transact_time=aware(self.transact_time, "transact_time") or now,
            order_qty=decimal_or_none(self.order_qty, "order_qty"),
            cash_order_qty=decimal_or_none(self.cash_order_qty, "cash_order_qty"),
            ord_type=self.ord_type,
            price=decimal_or_none(self.price, "price"),
            stop_px=decimal_or_none(self.stop_px, "stop_px"),
            currency=self.currency,
            time_in_force=self.time_in_force,
            expire_date=self.expire_date,
            expire_time=aware(self.expire_time, "expire_time"),
            order_capacity=self.order_capacity,
            text=self.text,
            position_effect=self.position_effect,
            decision_px=decimal_or_none(self.decision_px, "decision_px"),
            decision_time=aware(self.decision_time, "decision_time"),
            allow_duplicate=self.allow_duplicate or None,
        )


def aware(time: datetime | None, field: str) -> datetime | None:
    """A time with its offset; ProblemError `malformed` without one."""
    if time is not None and time.tzinfo is None:
        fault = "expected a time with its offset, such as 2026-11-23T14:00:00Z"
        raise ProblemError(problem("malformed", f"{field}: {fault}", errors=(FieldFault(field, fault),)))
    return time


class OrderChangeIn(Body, frozen=True, kw_only=True):
    """New terms. Unlike in OrderCancelReplaceRequest(G) what is left out stays; `order_qty` is the new total."""

    cl_ord_id: ClOrdIdText
    order_qty: QtyText | None = None
    price: PriceText | None = None
    stop_px: PriceText | None = None
    ord_type: OrdType | None = None
    time_in_force: TimeInForce | None = None
    expire_date: date | None = None
    expire_time: datetime | None = None
    exec_inst: tuple[ExecInst, ...] | None = None
    side: Side | None = None
    text: FreeText | None = None

    def change(self) -> OrderChange:
        """As the engine takes it."""
        return OrderChange(
            cl_ord_id=self.cl_ord_id,
            order_qty=decimal_or_none(self.order_qty, "order_qty"),
            price=decimal_or_none(self.price, "price"),
            stop_px=decimal_or_none(self.stop_px, "stop_px"),
            ord_type=self.ord_type,
            time_in_force=self.time_in_force,
            expire_date=self.expire_date,
            expire_time=aware(self.expire_time, "expire_time"),
            exec_inst=self.exec_inst,
            side=self.side,
            text=self.text,
        )


class CancelAllIn(Body, frozen=True, kw_only=True):
    """An OrderMassCancelRequest(q): every working order that matches, whoever entered it."""

    cl_ord_id: ClOrdIdText
    account: AccountText | None = None
    symbol: SymbolText | None = None
    side: Side | None = None


class CancelAfterIn(Body, frozen=True, kw_only=True):
    """Cancel the token's own orders in `seconds` unless renewed before; 0 ends it."""

    seconds: Annotated[int, Meta(ge=0, le=86_400)]


class ScopeIn(Body, frozen=True, kw_only=True):
    """A scope and why; `name` is empty for scope global and names the account, broker, … otherwise."""

    scope: Scope
    name: Annotated[str, Meta(max_length=64)] = ""
    reason: ReasonText

    def check(self) -> None:
        """ProblemError `malformed` unless the scope has exactly the name it needs."""
        if (self.scope is Scope.GLOBAL) != (self.name == ""):
            fault = "scope global has no name, every other scope needs one"
            raise ProblemError(problem("malformed", fault, errors=(FieldFault("name", fault),)))


class HaltIn(ScopeIn, frozen=True, kw_only=True):
    """Make a scope stricter."""

    state: TradingState = TradingState.CANCEL_ONLY


class KillIn(ScopeIn, frozen=True, kw_only=True):
    """Fence the scope, cancel everything in it, prove it; with `flatten` close its positions as well."""

    flatten: bool = False


class ResumeIn(ScopeIn, frozen=True, kw_only=True):
    """Make a scope looser. Never possible past LOCKED."""

    state: TradingState = TradingState.ACTIVE


class LimitIn(Body, frozen=True, kw_only=True):
    """A limit's new value as configurations write it (`25000`, `25000 warn`, `off`); absent: back to the configured."""

    value: Annotated[str, Meta(min_length=1, max_length=256, examples=["25000"])] | None = None
    reason: ReasonText
    expiry: datetime | None = None


class ReasonIn(Body, frozen=True, kw_only=True):
    """Why."""

    reason: ReasonText


class NextNumbersIn(Body, frozen=True, kw_only=True):
    """The next MsgSeqNum(34) in, out, or both."""

    next_in: Annotated[int, Meta(ge=1, le=999_999_999)] | None = None
    next_out: Annotated[int, Meta(ge=1, le=999_999_999)] | None = None
    reason: ReasonText


class EnableIn(Body, frozen=True, kw_only=True):
    """Whether the session may log on."""

    enabled: bool
    reason: ReasonText


class TokenIn(Body, frozen=True, kw_only=True):
    """A token to make. Without `accounts` it covers all; `cidrs` limits where it may be used from."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,32}" + END, max_length=32)]
    role: Role
    accounts: tuple[AccountText, ...] = ()
    cidrs: tuple[Annotated[str, Meta(max_length=64)], ...] = ()
    expires: datetime | None = None


class LoginIn(Body, frozen=True, kw_only=True):
    """A token, to be swapped for the console's cookie."""

    token: Annotated[str, Meta(min_length=1, max_length=128)]


class QuoteIn(Body, frozen=True, kw_only=True):
    """Top of book. At least one side; a size needs its price."""

    symbol: SymbolText
    bid_px: QtyText | None = None
    bid_sz: QtyText | None = None
    ask_px: QtyText | None = None
    ask_sz: QtyText | None = None
    time: datetime | None = None


class TradeIn(Body, frozen=True, kw_only=True):
    """One printed trade."""

    symbol: SymbolText
    price: QtyText
    size: QtyText
    aggressor: str | None = None
    time: datetime | None = None


class TicksIn(Body, frozen=True, kw_only=True):
    """Quotes first, then trades, in the order given."""

    quotes: Annotated[tuple[QuoteIn, ...], Meta(max_length=500)] = ()
    trades: Annotated[tuple[TradeIn, ...], Meta(max_length=500)] = ()
