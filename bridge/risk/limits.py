"""The limits in force, resolved for the rules.

Limits stand at levels global → broker → account → strategy → session → symbol. All that match an order apply and the
tightest wins; a profile's built-in value applies wherever nobody has set that parameter. Source: RISK-TCA 2.6 and 2.7.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from bridge.orders.events import Entry, LimitChanged, Scope
from bridge.orders.market import AssetClass
from bridge.risk.counters import Rate
from bridge.risk.profiles import ALWAYS_ON, BY_NAME, PROFILES, Parameter, Strictest, Unit
from bridge.risk.times import SECOND, utc_ns
from bridge.risk.written import Limit, LimitError, LimitMode, Row, broker_rows, parse_limit, row

INFINITY = Decimal("Infinity")
TABLES = 50_000  # cached tables; more distinct orders than this at one time start the cache anew
OFF = Limit(mode=LimitMode.OFF)


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
        "run",
        "short_rate",
        "spread",
        "stale_warn",
        "trade_age",
        "usual",
    )

    def __init__(self, bounds: dict[str, Bound], names: dict[str, Names], off: frozenset[str]) -> None:
        self.bounds = bounds
        self.names = names
        self.run: Any = None  # which rules matter under these limits: the chain's note (`bridge.risk.chain.Plan`)
        self.usual: Any = None  # the numbers of the one pass over a plain order (`bridge.risk.usual`); False: unfit
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


class Scoped(Protocol):
    """What limits are resolved for: an order, or a holding or account by itself."""

    @property
    def broker(self) -> str:
        """Name of the broker, empty for none."""
        ...

    @property
    def account(self) -> str:
        """Account(1)."""
        ...

    @property
    def strategy(self) -> str | None:
        """SenderSubID(50)."""
        ...

    @property
    def session_id(self) -> str:
        """Name of the session, empty for none."""
        ...

    @property
    def symbol(self) -> str:
        """Symbol(55), empty for none."""
        ...


class Limits:
    """The limits in force: configuration, and the LimitChanged entries on top of it. A fold, driven by `on_entry`."""

    def __init__(self, profile: str = "starter", rows: Iterable[Row] = ()) -> None:
        if profile not in PROFILES:
            raise LimitError(f"profile {profile!r} is not one of {', '.join(PROFILES)}")
        self.profile = profile
        self.configured: dict[Place, Limit] = {(r.rule, r.scope, r.name): r.limit for r in rows}
        self.changes: dict[Place, list[Change]] = {}
        self._tables: dict[tuple[str, str, str | None, str, str], Table] = {}
        self._classless: dict[tuple[str, str, str | None, str, str], Table] = {}
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

    def table(self, order: Scoped, asset_class: AssetClass | None, now_ns: int) -> Table:
        """The limits for an order, UTC ns. One lookup when hot. `asset_class` None: values that differ by class do not
        matter, or the instrument is unknown and the order will be refused for that.
        """
        if now_ns >= self.until:
            self._roll(now_ns)
        # a symbol has one class, so that is no part of the key (enumerations hash slowly)
        tables = self._tables if asset_class is not None else self._classless
        key = (order.broker, order.account, order.strategy, order.session_id, order.symbol)
        table = tables.get(key)
        if table is None:
            if len(tables) >= TABLES:
                tables.clear()
            table = tables[key] = self.resolve(*key, asset_class)
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
        self._classless.clear()
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


__all__ = ["Bound", "Limit", "LimitError", "LimitMode", "Limits", "Row", "Table", "broker_rows", "parse_limit", "row"]
