"""What Alpaca refuses, with its statuses, codes and words (ADAPTERS C.1 names where each was seen)."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from bridge.sandbox.alpaca_connection import Answer

TYPES = ("market", "limit", "stop", "stop_limit", "trailing_stop")
TIMES = ("day", "gtc", "opg", "cls", "ioc", "fok")
PARAMETER, RULE, FORBIDDEN, UNKNOWN = 40010001, 42210000, 40310000, 40410000


class Refusal(Exception):
    """An answer that says no."""

    def __init__(self, status: int, code: int | None, message: str, **more: Any) -> None:
        super().__init__(message)
        body = {"message": message, **more} if code is None else {"code": code, "message": message, **more}
        self.answer = Answer(status, body)


def parameter(message: str) -> Refusal:
    """A parameter that cannot be used."""
    return Refusal(422, PARAMETER, message)


def rule(message: str) -> Refusal:
    """A rule that is broken."""
    return Refusal(422, RULE, message)


def forbidden(message: str, **more: Any) -> Refusal:
    """Something the account may not do now."""
    return Refusal(403, FORBIDDEN, message, **more)


def number(body: Mapping[str, Any], key: str) -> Decimal | None:
    """A number, given as JSON string or number. Raises Refusal."""
    value = body.get(key)
    if value is None:
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise parameter(f"{key} must be a number") from None
    if isinstance(value, bool) or not found.is_finite():
        raise parameter(f"{key} must be a number")
    return found


def places(value: Decimal) -> int:
    """Decimals that count."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def check_price(price: Decimal | None, key: str) -> None:
    """Sub-penny rule. Raises Refusal."""
    if price is None:
        return
    if price <= 0:
        raise parameter(f"{key} must be > 0")
    if places(price) > (2 if price >= 1 else 4):
        raise rule(f"invalid {key} {price}. sub-penny increment does not fulfill minimum pricing criteria")


def check_terms(body: Mapping[str, Any], crypto: bool, fractionable: bool) -> None:
    """The terms of a new order among themselves. Raises Refusal."""
    kind, tif = body.get("type"), body.get("time_in_force")
    if body.get("side") not in ("buy", "sell"):
        raise parameter("invalid side")
    if kind not in TYPES:
        raise parameter("invalid order type")
    if tif not in TIMES:
        raise parameter("invalid time_in_force")
    qty, notional = number(body, "qty"), number(body, "notional")
    if (qty is None) == (notional is None):
        raise parameter("qty or notional is required" if qty is None else "only one of qty or notional is accepted")
    if (qty if qty is not None else notional or 0) <= 0:
        raise parameter("qty must be > 0" if qty is not None else "notional must be > 0")
    limit, stop = number(body, "limit_price"), number(body, "stop_price")
    if (limit is not None) != (kind in ("limit", "stop_limit")):
        raise parameter("limit orders require a limit price" if limit is None else f"{kind} orders take no limit price")
    if (stop is not None) != (kind in ("stop", "stop_limit")):
        raise parameter("stop orders require a stop price" if stop is None else f"{kind} orders take no stop price")
    if not crypto:
        check_price(limit, "limit_price")
        check_price(stop, "stop_price")
    _check_class(kind or "", tif or "", qty, notional, crypto, fractionable)
    if body.get("extended_hours"):
        if crypto:
            raise rule("extended hours order must not be crypto")
        if kind != "limit" or tif not in ("day", "gtc"):
            raise rule("extended hours order must be DAY or GTC limit orders")


def _check_class(
    kind: str, tif: str, qty: Decimal | None, notional: Decimal | None, crypto: bool, fractionable: bool
) -> None:
    if crypto:
        if tif not in ("gtc", "ioc"):
            raise rule("invalid crypto time_in_force")
        if kind not in ("market", "limit", "stop_limit"):
            raise rule("invalid order type for crypto order")
        return
    if notional is not None or (qty is not None and qty % 1):
        if not fractionable:
            raise forbidden("requested asset is not fractionable")
        if tif != "day":
            raise rule("fractional orders must be DAY orders")
        if places(qty if qty is not None else notional or Decimal(0)) > 9:
            raise rule("qty increment must be at most 9 decimal places")
    if tif in ("opg", "cls") and kind not in ("market", "limit"):
        raise rule(f"{tif} orders must be market or limit orders")
