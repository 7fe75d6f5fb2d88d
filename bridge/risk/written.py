"""Limits as they are written: `25000`, `25000 warn`, `25000 block 0.9` (mode, then the part of it to warn at), `off`.

Also where they may stand, and how the `risk` block of a BrokerSpec reads as limits. Source: RISK-TCA 2.6.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

import msgspec

from bridge.orders.events import Scope
from bridge.risk.profiles import ALWAYS_ON, BY_NAME, PARAMETERS, Unit

WARN_AT = Decimal("0.8")
NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?\Z")


class LimitMode(Enum):
    """What happens above the limit."""

    OFF = "off"
    WARN = "warn"
    BLOCK = "block"


class LimitError(ValueError):
    """A limit that cannot be read or may not be set; the text says what is allowed."""


class Limit(msgspec.Struct, frozen=True):
    """One limit: a number or a set of names, what happens above it, and from which part of it on to warn."""

    value: Decimal | None = None
    names: frozenset[str] | None = None
    mode: LimitMode = LimitMode.BLOCK
    warn_at: Decimal = WARN_AT

    def __str__(self) -> str:
        if self.mode is LimitMode.OFF:
            return "off"
        words = [",".join(sorted(self.names)) if self.names is not None else f"{self.value:f}"]
        if self.mode is LimitMode.WARN or self.warn_at != WARN_AT:
            words.append(self.mode.value)
        if self.warn_at != WARN_AT:
            words.append(f"{self.warn_at:f}")
        return " ".join(words)


OFF = Limit(mode=LimitMode.OFF)


def parse_limit(text: str, unit: Unit = Unit.BASE) -> Limit:
    """Read a limit as it is written; raises LimitError with what is allowed."""
    words = text.split()
    if words == ["off"]:
        return OFF
    if not words or len(words) > 3:
        raise LimitError(f"limit {text!r} is neither 'off' nor 'VALUE [warn|block [WARN_AT]]'")
    try:
        mode = LimitMode(words[1]) if len(words) > 1 else LimitMode.BLOCK
        warn_at = _number(words[2]) if len(words) > 2 else WARN_AT
    except ValueError as error:
        raise LimitError(f"limit {text!r} is not 'VALUE [warn|block [WARN_AT]]'") from error
    if mode is LimitMode.OFF or not 0 < warn_at <= 1:
        raise LimitError(f"limit {text!r}: WARN_AT is above 0 and at most 1, 'off' stands alone")
    if unit is Unit.NAMES:
        return Limit(names=frozenset(filter(None, words[0].split(","))), mode=mode, warn_at=warn_at)
    return Limit(value=_number(words[0]), mode=mode, warn_at=warn_at)


def _number(text: str) -> Decimal:
    if not NUMBER.match(text):
        raise LimitError(f"{text!r} is not a plain positive number")
    return Decimal(text)


class Row(msgspec.Struct, frozen=True):
    """A limit somebody has set. A SYMBOL's name is `AAPL`, or `AAPL@alpaca` for one broker or account only."""

    rule: str
    scope: Scope
    name: str
    limit: Limit


def row(rule: str, text: str, scope: Scope = Scope.GLOBAL, name: str = "") -> Row:
    """A row from words; raises LimitError for an unknown parameter, scope without name, or unreadable limit."""
    parameter = BY_NAME.get(rule)
    if parameter is None and rule.partition(".")[0] in {p.rule for p in PARAMETERS}:
        raise LimitError(f"{rule} is not a parameter; known are {', '.join(BY_NAME)}")
    check_place(scope, name)
    limit = parse_limit(text, parameter.unit if parameter is not None else Unit.BASE)
    if limit.mode is not LimitMode.BLOCK and rule in ALWAYS_ON:
        raise LimitError(f"{rule} cannot be switched off")
    if limit.mode is LimitMode.WARN and parameter is not None and parameter.aside and parameter.rule == "R10":
        # above a limit that only warns there is no number to reckon with
        raise LimitError(f"{rule} is a rate to reckon with, no limit: it cannot only warn")
    return Row(rule, scope, name, limit)


def check_place(scope: Scope, name: str) -> None:
    """Raises LimitError for a global limit with a name, or any other without one."""
    if (scope is Scope.GLOBAL) != (name == ""):
        raise LimitError(f"scope {scope.value} {'takes no' if scope is Scope.GLOBAL else 'needs a'} name")


def broker_rows(broker: str, risk: Mapping[str, Any]) -> list[Row]:
    """The `risk` block of a BrokerSpec as limits of that broker, numbers unchanged.

    maxPositionSize is a quantity per symbol, long and short; maxOrderValue and maxDailyLoss are money; positionLimits
    maps symbols to quantities, or lists `{symbol, maxPositionSize}`. Raises LimitError for anything else.
    """
    rows: list[Row] = []
    for key, value in risk.items():
        match key:
            case "maxPositionSize":
                rows += _position_rows(Scope.BROKER, broker, value)
            case "maxOrderValue":
                rows.append(row("R03", _plain(key, value), Scope.BROKER, broker))
            case "maxDailyLoss":
                rows.append(row("R11.amount", _plain(key, value), Scope.BROKER, broker))
            case "positionLimits":
                for symbol, qty in _by_symbol(value):
                    rows += _position_rows(Scope.SYMBOL, f"{symbol}@{broker}", qty)
            case _:
                raise LimitError(
                    f"risk.{key} is not known; known are maxPositionSize, maxOrderValue, maxDailyLoss, positionLimits"
                )
    return rows


def _position_rows(scope: Scope, name: str, qty: Any) -> list[Row]:
    text = _plain("maxPositionSize", qty)
    return [row("R09.long", text, scope, name), row("R09.short", text, scope, name)]


def _plain(key: str, value: Any) -> str:
    """A YAML number or string as a plain decimal. A float is taken by its shortest text, 0.1 is 0.1."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal(-1)
    if isinstance(value, bool) or not number.is_finite() or number < 0:
        raise LimitError(f"risk.{key} is {value!r}, not a positive number")
    return f"{number:f}"


def _by_symbol(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(str(symbol), _size(qty)) for symbol, qty in value.items()]
    if isinstance(value, list) and all(isinstance(item, Mapping) and "symbol" in item for item in value):
        return [(str(item["symbol"]), _size(item)) for item in value]
    raise LimitError("risk.positionLimits is neither a mapping of symbols to quantities nor a list of {symbol, …}")


def _size(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    sizes = [number for key, number in value.items() if key != "symbol"]
    if len(sizes) != 1:
        raise LimitError(f"risk.positionLimits has {dict(value)!r}, not one quantity per symbol")
    return sizes[0]
