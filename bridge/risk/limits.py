"""Limits: who may do how much, at which level, since when and until when.

Limits stand at levels global → broker → account → strategy → session → symbol. All that match an order apply and the
tightest wins; a profile's built-in value applies wherever nobody has set that parameter. A limit is written
`25000`, `25000 warn`, `25000 block 0.9` (mode, then the part of it at which to warn) or `off`. Source: RISK-TCA
2.6 and 2.7.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

import msgspec

from bridge.orders.events import Entry, LimitChanged, Scope
from bridge.orders.market import AssetClass
from bridge.risk.counters import Rate
from bridge.risk.profiles import ALWAYS_ON, BY_NAME, PARAMETERS, PROFILES, Parameter, Strictest, Unit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000_000
INFINITY = Decimal("Infinity")
WARN_AT = Decimal("0.8")
NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?\Z")
TABLES = 50_000  # cached tables; more distinct orders than this at one time start the cache anew


def utc_ns(time: datetime) -> int:
    """Nanoseconds since 1970 UTC, exactly (a float would lose microseconds)."""
    return (time - EPOCH) // MICROSECOND * 1000


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


class Bound(msgspec.Struct, frozen=True, gc=False):
    """What holds for one parameter: refuse above `block`, warn above `warn`; `where` says whose limit `block` is."""

    block: Decimal
    warn: Decimal
    where: str


class Names(msgspec.Struct, frozen=True):
    """What holds for a parameter that is a set."""

    names: frozenset[str]
    mode: LimitMode
    where: str


def aside(name: str) -> bool:
    """True for a window or a rate, which is no limit by itself."""
    parameter = BY_NAME.get(name)
    return parameter is not None and parameter.aside


class Table:
    """All limits that hold for one kind of order, resolved: what the rules read.

    `bounds` lacks what is off; `off` names what somebody switched off. A parameter in neither has no limit at all,
    which refuses (NO_LIMIT).
    """

    __slots__ = (
        "bounds",
        "buffer",
        "buffer_up",
        "collar_ticks",
        "equity_age",
        "equity_floor",
        "fees_up",
        "free_part",
        "long_rate",
        "mark_age",
        "names",
        "off",
        "quote_age",
        "short_rate",
        "spread",
        "stale_warn",
        "trade_age",
    )

    def __init__(self, bounds: dict[str, Bound], names: dict[str, Names], off: frozenset[str]) -> None:
        self.bounds = bounds
        self.names = names
        self.off = off
        # without an age nothing is fresh, without a width no quote is narrow: what is off here refuses, never passes
        self.quote_age = self.ns("PX.quote_age")
        self.trade_age = self.ns("PX.trade_age")
        self.mark_age = self.ns("PX.mark_age")
        self.equity_age = self.ns("PX.equity_age")
        self.spread = self.number("PX.spread")
        self.buffer = self.number("PX.buffer")
        self.buffer_up = 1 + self.buffer
        self.equity_floor = self.number("PX.equity_floor")
        # a margin rate that is off is full margin, a haircut that is off is none
        self.long_rate = self.number("R10.long_rate") or Decimal(1)
        self.short_rate = self.number("R10.short_rate") or Decimal(1)
        self.free_part = 1 - self.number("R10")
        self.fees_up = 1 + self.number("R10.fees")
        stale = bounds.get("R26")
        self.stale_warn = int(stale.warn * SECOND) if stale is not None else -1
        self.collar_ticks = self.number("R04.ticks")

    def is_off(self, rule: str) -> bool:
        """True when somebody switched off every number of the rule."""
        numbers = [name for name in self.off if name.partition(".")[0] == rule]
        live = (*self.bounds, *self.names)
        return bool(numbers) and not any(name.partition(".")[0] == rule and not aside(name) for name in live)

    def number(self, name: str) -> Decimal:
        """The number of a parameter, 0 where it is off."""
        bound = self.bounds.get(name)
        return bound.block if bound is not None else Decimal(0)

    def ns(self, name: str) -> int:
        """A parameter in seconds as nanoseconds, 0 where it is off."""
        return int(self.number(name) * SECOND)


class Change(msgspec.Struct, frozen=True):
    """A journalled change of one limit: what holds from `effective` until `expiry`, UTC ns. None: as configured."""

    seq: int
    limit: Limit | None
    effective: int
    expiry: int | None
    event: LimitChanged


Place = tuple[str, Scope, str]  # parameter, level, name


class Limits:
    """The limits in force: configuration, and the LimitChanged entries on top of it. A fold, driven by `on_entry`."""

    def __init__(self, profile: str = "starter", rows: Iterable[Row] = ()) -> None:
        if profile not in PROFILES:
            raise LimitError(f"profile {profile!r} is not one of {', '.join(PROFILES)}")
        self.profile = profile
        self.configured: dict[Place, Limit] = {(r.rule, r.scope, r.name): r.limit for r in rows}
        self.changes: dict[Place, list[Change]] = {}
        self._tables: dict[tuple[str, str, str | None, str, str, AssetClass | None], Table] = {}
        self._rates: dict[tuple[Scope, str], Rate | None] = {}
        self.version = 0  # grows whenever what is in force may have changed
        self.rated_brokers: frozenset[str] = frozenset()
        self.until = 0  # cached tables hold before this time, UTC ns
        self._explicit: dict[Place, Limit] = {}
        self._parameters: tuple[str, ...] = ()

    def on_entry(self, entry: Entry) -> None:
        """Fold a LimitChanged; other entries change nothing."""
        event = entry.event
        if isinstance(event, LimitChanged):
            parameter = BY_NAME.get(event.rule)
            unit = parameter.unit if parameter is not None else Unit.BASE
            change = Change(
                entry.seq,
                parse_limit(event.new, unit) if event.new is not None else None,
                utc_ns(event.effective),
                utc_ns(event.expiry) if event.expiry is not None else None,
                event,
            )
            self.changes.setdefault((event.rule, event.scope, event.name), []).append(change)
            self.until = 0

    def in_force(self, place: Place, now_ns: int) -> Limit | None:
        """The explicit limit of one place at a time; None when there is none and built-in values hold."""
        for change in reversed(self.changes.get(place, ())):
            if change.effective <= now_ns and (change.expiry is None or now_ns < change.expiry):
                if change.limit is None:
                    break
                return change.limit
        return self.configured.get(place)

    def explicit(self, now_ns: int) -> dict[Place, Limit]:
        """Every explicit limit in force."""
        places = self.configured.keys() | self.changes.keys()
        found = ((place, self.in_force(place, now_ns)) for place in places)
        return {place: limit for place, limit in found if limit is not None}

    def table(self, order: Any, asset_class: AssetClass | None, now_ns: int) -> Table:
        """The limits for an order, UTC ns. One lookup when hot. `asset_class` None: values that differ by class do not
        matter, or the instrument is unknown and the order will be refused for that.
        """
        if now_ns >= self.until:
            self._roll(now_ns)
        key = (order.broker, order.account, order.strategy, order.session_id, order.symbol, asset_class)
        table = self._tables.get(key)
        if table is None:
            if len(self._tables) >= TABLES:
                self._tables.clear()
            table = self._tables[key] = self.resolve(*key)
        return table

    def rate(self, scope: Scope, name: str, now_ns: int) -> Rate | None:
        """The message rate (R18) of one session, account, symbol or broker: its own limit or the global one, whichever
        is tighter, else the profile's. A broker has none but its own. None when it is off.
        """
        if now_ns >= self.until:
            self._roll(now_ns)
        key = (scope, name)
        if key not in self._rates:
            self._rates[key] = self._resolve_rate(scope, name)
        return self._rates[key]

    def _resolve_rate(self, scope: Scope, name: str) -> Rate | None:
        places: list[tuple[Scope, str]] = [(scope, name)]
        if scope is not Scope.BROKER:
            places.append((Scope.GLOBAL, ""))
        found = {}
        for parameter in ("R18", "R18.burst"):
            live = self._matching(parameter, places)
            if not live and (scope is not Scope.BROKER or parameter == "R18.burst"):
                live = [(self._built_in(BY_NAME[parameter], None), f"{self.profile} profile")]
            live = [(limit, where) for limit, where in live if limit.mode is LimitMode.BLOCK]
            if not live:
                return None
            found[parameter] = _tightest(live, Strictest.SMALLEST)
        per_second, burst = found["R18"].block, max(1, int(found["R18.burst"].block))
        if per_second <= 0:
            return Rate(SECOND, -(1 << 62), found["R18"].where, per_second, 0)  # never a token
        if scope is Scope.BROKER:
            burst = max(1, min(burst, int(per_second)))  # what a broker publishes is a rate, not a burst
        interval = int(SECOND / per_second)
        return Rate(interval, interval * (burst - 1), found["R18"].where, per_second, burst)

    def _roll(self, now_ns: int) -> None:
        """Take over what has become effective or has expired, and learn when that happens next."""
        self._tables.clear()
        self._rates.clear()
        self.version += 1
        self._explicit = self.explicit(now_ns)
        self.rated_brokers = frozenset(
            name for rule, scope, name in self._explicit if scope is Scope.BROKER and rule == "R18"
        )
        self._parameters = tuple(BY_NAME) + tuple({rule for rule, _, _ in self._explicit} - BY_NAME.keys())
        edges = [
            edge
            for changes in self.changes.values()
            for change in changes
            for edge in (change.effective, change.expiry)
            if edge is not None and edge > now_ns
        ]
        self.until = min(edges, default=1 << 63)

    def resolve(
        self,
        broker: str = "",
        account: str = "",
        strategy: str | None = None,
        session: str = "",
        symbol: str = "",
        asset_class: AssetClass | None = None,
    ) -> Table:
        """The tightest of all explicit limits that match, per parameter; the profile's value where there is none."""
        places = [
            (Scope.GLOBAL, ""),
            (Scope.BROKER, broker),
            (Scope.ACCOUNT, account),
            (Scope.STRATEGY, strategy or ""),
            (Scope.SESSION, session),
            (Scope.SYMBOL, symbol),
            (Scope.SYMBOL, f"{symbol}@{broker}"),
            (Scope.SYMBOL, f"{symbol}@{account}"),
        ]
        bounds: dict[str, Bound] = {}
        names: dict[str, Names] = {}
        off: set[str] = set()
        for name in self._parameters or tuple(BY_NAME):
            parameter = BY_NAME.get(name)
            found = self._matching(name, places)
            if not found and parameter is not None and parameter.follows is not None:
                found = self._matching(parameter.follows, places)
            if not found and parameter is not None:
                found = [(self._built_in(parameter, asset_class), f"{self.profile} profile")]
            live = [(limit, where) for limit, where in found if limit.mode is not LimitMode.OFF]
            if not live:
                if found:
                    off.add(name)
            elif parameter is not None and parameter.unit is Unit.NAMES:
                names[name] = _tightest_names(live, parameter.strictest)
            else:
                bounds[name] = _tightest(live, parameter.strictest if parameter is not None else Strictest.SMALLEST)
        return Table(bounds, names, frozenset(off))

    def _matching(self, name: str, places: list[tuple[Scope, str]]) -> list[tuple[Limit, str]]:
        explicit = self._explicit
        return [
            (limit, f"{scope.value} {who}".strip())
            for scope, who in places
            if (scope is Scope.GLOBAL or who) and (limit := explicit.get((name, scope, who))) is not None
        ]

    def built_in_tightest(self, parameter: Parameter) -> Limit:
        """The profile's value, of all asset classes the tightest."""
        found = [self._built_in(parameter, asset_class) for asset_class in (None, *parameter.classes)]
        choose = max if parameter.strictest is Strictest.LARGEST else min
        return choose(found, key=lambda limit: INFINITY if limit.value is None else limit.value)

    def _built_in(self, parameter: Parameter, asset_class: AssetClass | None) -> Limit:
        if self.profile == "none" and not parameter.aside and parameter.name not in ALWAYS_ON:
            return OFF
        professional = self.profile == "professional"
        text = parameter.professional if professional else parameter.starter
        if asset_class is not None and asset_class in parameter.classes:
            text = parameter.classes[asset_class][professional]
        return parse_limit(text, parameter.unit)


def _tightest(live: list[tuple[Limit, str]], strictest: Strictest) -> Bound:
    """Refuse above the tightest blocking limit; warn above the tightest of warning limits and warning marks."""
    choose = max if strictest is Strictest.LARGEST else min
    blocking = [(limit.value, where) for limit, where in live if limit.mode is LimitMode.BLOCK]
    marks = [
        limit.value if limit.mode is LimitMode.WARN else limit.value * limit.warn_at
        for limit, _ in live
        if limit.value is not None
    ]
    block, where = choose(blocking, key=lambda found: found[0] or Decimal(0)) if blocking else (INFINITY, live[0][1])
    assert block is not None
    return Bound(block, min(marks), where)


def _tightest_names(live: list[tuple[Limit, str]], strictest: Strictest) -> Names:
    sets = [limit.names or frozenset() for limit, _ in live]
    joined = frozenset.union(*sets) if strictest is Strictest.ALL else frozenset.intersection(*sets)
    blocking = any(limit.mode is LimitMode.BLOCK for limit, _ in live)
    where = ", ".join(where for _, where in live)
    return Names(joined, LimitMode.BLOCK if blocking else LimitMode.WARN, where)
