"""Faults between settings: each one usable alone, together not."""

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import combinations

import msgspec

from bridge.brokers.paper.options import PaperOptions
from bridge.orders.events import Mode, Scope
from bridge.risk.limits import LimitError, row
from bridge.risk.profiles import BY_NAME
from bridge.settings.section import loopback
from bridge.settings.tree import Settings
from sessions.config import Kind


class Fault(msgspec.Struct, frozen=True):
    """What does not fit, and at which key to say so."""

    path: tuple[str | int, ...]
    text: str
    found: str = ""
    allowed: str = ""


def faults(settings: Settings, *, live: bool) -> Iterator[Fault]:
    """Every fault, in no particular order. `live` is the operator's `--live`."""
    yield from _live(settings, live=live)
    yield from _accounts(settings)
    yield from _sessions(settings)
    yield from _reach(settings)
    yield from _limits(settings)
    yield from _paper(settings)
    if settings.marketdata.source == "replay" and not settings.marketdata.replay.files:
        yield Fault(("marketdata", "replay", "files"), "missing, and the source is replay", "", "a list of CSV files")


def _live(settings: Settings, *, live: bool) -> Iterator[Fault]:
    real = [(index, spec) for index, spec in enumerate(settings.brokers) if spec.live]
    for index, spec in real:
        if spec.broker.type == "paper":
            yield Fault(("brokers", index, "live"), "a paper broker cannot be live", "true", "false")
        if settings.mode is Mode.PAPER:
            yield Fault(("brokers", index, "live"), "this broker is live and `mode` is paper", "true", "false")
        elif not live:
            yield Fault(("brokers", index, "live"), "real money: start with --live as well", "true")
    if settings.mode is Mode.LIVE and not real:
        yield Fault(("mode",), "no BrokerSpec says `live: true`", "live", "paper")


def _accounts(settings: Settings) -> Iterator[Fault]:
    names = [spec.name for spec in settings.brokers]
    for index, account in enumerate(settings.accounts):
        if account.broker not in names:
            yield Fault(("accounts", index, "broker"), "no BrokerSpec of this name", account.broker, ", ".join(names))
    for name, count in Counter(account.name for account in settings.accounts).items():
        if count > 1:
            yield Fault(("accounts",), "two accounts of one name", name, "a name for each")


def _sessions(settings: Settings) -> Iterator[Fault]:
    accounts = [account.name for account in settings.accounts]
    for index, session in enumerate(settings.sessions):
        path = ("sessions", index)
        for account in session.accounts:
            if account not in accounts:
                yield Fault((*path, "accounts"), "unknown account", account, ", ".join(accounts))
        if not session.accounts and session.kind is Kind.ORDER_ENTRY:
            yield Fault((*path, "accounts"), "missing, and there are several accounts", "", ", ".join(accounts))
        if session.min_heartbeat > session.max_heartbeat:
            found = str(session.min_heartbeat)
            yield Fault((*path, "min_heartbeat"), "above max_heartbeat", found, f"up to {session.max_heartbeat}")
        if session.timestamp_digits not in (0, 3, 6, 9):
            yield Fault((*path, "timestamp_digits"), "not usable", str(session.timestamp_digits), "0, 3, 6, 9")
    for what, values in (
        ("two sessions of one name", [session.session_id for session in settings.sessions]),
        (
            "two sessions of one CompID and qualifier",
            [f"{s.our_comp_id or ''} {s.comp_id} {s.qualifier}".strip() for s in settings.sessions],
        ),
    ):
        for value, count in Counter(values).items():
            if count > 1:
                yield Fault(("sessions", values.index(value)), what, value)


def _reach(settings: Settings) -> Iterator[Fault]:
    fix = settings.listeners.fix
    if not loopback(fix.host):
        mutual = fix.tls is not None and fix.tls.client_ca is not None
        for index, session in enumerate(settings.sessions):
            if session.authentication is None and not (mutual and session.tls_names):
                text = f"anybody who reaches {fix.host} could trade as {session.comp_id}"
                allowed = "`authentication`, or `tls_names` with `listeners.fix.tls.client_ca`"
                yield Fault(("sessions", index), text, "", allowed)
    if settings.http.enabled and not loopback(settings.http.host) and settings.http.tls is None:
        yield Fault(("http", "host"), "not loopback and no TLS", settings.http.host, "127.0.0.1, or give http.tls")
    ports = {"listeners.fix.port": fix.port, "http.port": settings.http.port if settings.http.enabled else 0}
    if settings.mqtt.broker == "auto":
        ports["mqtt.port"] = settings.mqtt.port
    for (key, port), (other, same) in combinations(ports.items(), 2):
        if port and port == same:
            yield Fault(tuple(other.split(".")), f"the same port as {key}", str(port), "another port")


def _limits(settings: Settings) -> Iterator[Fault]:
    for index, limit in enumerate(settings.risk.limits):
        if limit.rule not in BY_NAME and not settings.risk.checks:
            close = get_close_matches(limit.rule, BY_NAME, n=1, cutoff=0.7)
            text = f"unknown parameter; did you mean {close[0]}?" if close else "unknown parameter"
            yield Fault(("risk", "limits", index, "rule"), text, limit.rule, ", ".join(BY_NAME))
            continue
        try:
            row(limit.rule, limit.limit, limit.scope, limit.name)
        except LimitError as error:
            yield Fault(("risk", "limits", index), str(error), f"{limit.rule} {limit.limit}")
    names = {
        Scope.BROKER: [spec.name for spec in settings.brokers],
        Scope.ACCOUNT: [account.name for account in settings.accounts],
        Scope.SESSION: [session.session_id for session in settings.sessions],
    }
    for index, limit in enumerate(settings.risk.limits):
        known = names.get(limit.scope)
        if known is not None and limit.name and limit.name not in known:
            text = f"no {limit.scope.value} of this name"
            yield Fault(("risk", "limits", index, "name"), text, limit.name, ", ".join(known))


def _paper(settings: Settings) -> Iterator[Fault]:
    for index, spec in enumerate(settings.brokers):
        if spec.broker.type == "paper":
            try:
                PaperOptions.parse(spec.paper.document())
            except ValueError as error:
                yield Fault(("brokers", index, "paper"), str(error).removeprefix("paper: "))
