"""Settings → parts: everything the daemon is put together from, each with one clear sentence when it cannot be had."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from ssl import SSLContext, SSLError
from typing import Protocol

from bridge.brokers.ib import IbBroker, IbOptions, LibraryMissing
from bridge.brokers.paper.options import PaperOptions
from bridge.desk import AccountTerms, OpeningHours
from bridge.instruments import InstrumentFileError, Instruments
from bridge.interfaces import BrokerAdapter, Clock, JournalError, MarketData
from bridge.journal.file import FileJournal
from bridge.journal.head import HeadWriter
from bridge.marketdata.push import PushSource
from bridge.marketdata.quotes import QuoteBook
from bridge.marketdata.replay import ReplaySource
from bridge.marketdata.synthetic import SyntheticSource
from bridge.orders.events import Mode
from bridge.orders.market import Instrument
from bridge.orders.terms import SessionKind, SessionTerms, UnknownTags
from bridge.outputs.child import OutputsChild
from bridge.outputs.process import Outputs as InlineOutputs
from bridge.outputs.process import OutputsFailed, Started
from bridge.plugins import PluginError, create
from bridge.risk.chain import RiskChain
from bridge.risk.limits import LimitError, Row, broker_rows, row
from bridge.risk.portfolio import Portfolio
from bridge.risk.standard import standard_checks
from bridge.settings import BrokerSpec, Settings
from bridge.settings.preflight import listen_failure
from bridge.settings.tree import Durability, Outputs, Tls
from bridge.standing import RiskTerms
from sessions.config import CancelScope
from sessions.tls import server_context


class StartFailed(Exception):
    """The daemon cannot start; the text is one clear line for the operator."""


def journal(settings: Settings, clock: Clock) -> FileJournal:
    """The book of record, locked and recovered."""
    wanted = settings.journal
    durability = wanted.durability or (Durability.SYNC if settings.live else Durability.WRITE)
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileJournal(
            settings.journal_dir,
            mode=durability.value,
            clock=clock,
            loop=asyncio.get_running_loop(),
            segment_bytes=wanted.segment_mb << 20,
            flush_interval=wanted.flush_interval_ms / 1000,
            any_file_system=wanted.allow_volatile,
        )
    except OSError as error:
        raise StartFailed(f"data directory {settings.data_dir}: {error.strerror or error}") from error
    except JournalError as error:
        raise StartFailed(str(error)) from error


def instruments(settings: Settings) -> Instruments:
    """The symbol master."""
    wanted = settings.instruments
    try:
        return Instruments.load(wanted.files, today=datetime.now(UTC).date(), starter=wanted.starter)
    except (InstrumentFileError, OSError) as error:
        raise StartFailed(f"instruments: {error}") from error


def market_data(settings: Settings, clock: Clock, known: Instruments) -> tuple[MarketData, PushSource | None]:
    """The source of prices; the second is the same one where quotes are pushed."""
    wanted = settings.marketdata
    if wanted.source == "synthetic":
        options = wanted.synthetic
        return SyntheticSource(
            known,
            clock=clock,
            seed=options.seed,
            interval=options.interval_seconds,
            share=options.share,
            symbols=options.symbols or None,
        ), None
    if wanted.source == "replay":
        replay = wanted.replay
        if not replay.files:
            raise StartFailed("marketdata.replay.files: name at least one CSV file of quotes or trades")
        return ReplaySource(replay.files, clock=clock, speed=replay.factor, loop=replay.loop), None
    if wanted.source == "push":
        push = PushSource(clock=clock, instruments=known)
        return push, push

    def credentials_of(name: str) -> tuple[str, str]:
        for spec in settings.brokers:
            if spec.name == name:
                return credentials(spec)
        raise LookupError(f"there is no BrokerSpec {name}")

    try:
        provided = {"clock": clock, "instruments": known, "credentials": credentials_of}
        return create(wanted.source, wanted.options, provided), None
    except PluginError as error:
        raise StartFailed(str(error)) from error


def brokers(settings: Settings, clock: Clock, known: Instruments, quotes: QuoteBook) -> dict[str, BrokerAdapter]:
    """One adapter per BrokerSpec."""
    return {spec.name: broker(spec, settings, clock, known, quotes) for spec in settings.brokers}


def broker(spec: BrokerSpec, settings: Settings, clock: Clock, known: Instruments, quotes: QuoteBook) -> BrokerAdapter:
    """The adapter a BrokerSpec asks for."""
    names = [each.name for each in settings.accounts if each.broker == spec.name]
    kind = spec.broker.type
    if kind == "paper":
        directory = settings.data_dir / "brokers"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            options = PaperOptions.parse(spec.paper.document())
            return options.build(
                quotes=quotes,
                clock=clock,
                instrument=known.get,
                directory=directory,
                name=spec.name,
                accounts=[options.account(name, spec.paper.currency, spec.paper.cash) for name in names],
            )
        except (ValueError, OSError) as error:
            raise StartFailed(f"broker {spec.name}: {error}") from error
    if kind == "alpaca":
        return alpaca(spec, names, clock)
    if kind == "interactive-brokers":
        return interactive_brokers(spec, names, settings, clock, known)
    if ":" in kind:
        provided = {
            "spec": spec,
            "name": spec.name,
            "clock": clock,
            "quotes": quotes,
            "instruments": known,
            "default_route": spec.routing.default_route,
            "symbol_routes": spec.routing.symbol_routes,
        }
        try:
            return create(kind, spec.broker.options, provided)  # type: ignore[no-any-return]
        except PluginError as error:
            raise StartFailed(str(error)) from error
    raise StartFailed(f"broker {spec.name}: type {kind} is not available in this version")


def notes(settings: Settings) -> list[str]:
    """What is configured and has no effect, for the banner."""
    return [
        f"routing of {spec.name} is not used: {spec.broker.type} takes no routes from here"
        for spec in settings.brokers
        if ":" not in spec.broker.type and (spec.routing.default_route or spec.routing.symbol_routes)
    ]


def alpaca(spec: BrokerSpec, names: Sequence[str], clock: Clock) -> BrokerAdapter:
    """The Alpaca adapter of a BrokerSpec. One key is one account."""
    if len(names) != 1:
        raise StartFailed(f"broker {spec.name}: an Alpaca key is one account; {len(names)} of `accounts` name it")
    if find_spec("alpaca") is None:
        raise StartFailed(f"broker {spec.name}: Alpaca needs its client library: pip install fixbridge[alpaca]")
    key, secret = credentials(spec)
    provided = {
        "name": spec.name,
        "account": names[0],
        "key": key,
        "secret": secret,
        "clock": clock,
        "mode": Mode.LIVE if spec.live else Mode.PAPER,
        "endpoint": spec.broker.endpoint,
    }
    try:
        adapter: BrokerAdapter = create("bridge.brokers.alpaca:AlpacaBroker", spec.broker.options, provided)
    except PluginError as error:
        raise StartFailed(f"broker {spec.name}: {error}") from error
    return adapter


def interactive_brokers(
    spec: BrokerSpec, names: Sequence[str], settings: Settings, clock: Clock, known: Instruments
) -> BrokerAdapter:
    """The adapter of a BrokerSpec for TWS or IB Gateway. One login may have several accounts."""
    directory = settings.data_dir / "brokers"
    given, theirs = dict(spec.broker.options), spec.broker.account
    if theirs is not None and len(names) == 1 and names[0] != theirs:
        given.setdefault("accounts", {names[0]: theirs})
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return IbBroker(
            clock=clock,
            instrument=known.get,
            directory=directory,
            name=spec.name,
            mode=Mode.LIVE if spec.live else Mode.PAPER,
            address=spec.broker.endpoint,
            account=theirs,
            options=IbOptions.parse(given),
            symbols=known.symbols,
        )
    except (LibraryMissing, ValueError, OSError) as error:
        raise StartFailed(f"broker {spec.name}: {error}") from error


def credentials(spec: BrokerSpec) -> tuple[str, str]:
    """Key and secret of a BrokerSpec. Raises StartFailed when it names none."""
    given = spec.broker.credentials
    if given.api_key is None or given.api_secret is None:
        raise StartFailed(f"broker {spec.name}: broker.credentials needs apiKey and apiSecret")
    return given.api_key.reveal(), given.api_secret.reveal()


def accounts(settings: Settings, adapters: Mapping[str, BrokerAdapter]) -> list[AccountTerms]:
    """Every account that can be traded."""
    return [
        AccountTerms(
            account=each.name,
            broker=each.broker,
            currency=settings.broker(each.broker).paper.currency,
            mode=adapters[each.broker].mode,
        )
        for each in settings.accounts
    ]


def session_terms(settings: Settings) -> list[SessionTerms]:
    """The application's side of every configured session."""
    everything = tuple(each.name for each in settings.accounts)
    terms = []
    for each in settings.sessions:
        cod = each.cancel_on_disconnect
        terms.append(
            SessionTerms(
                session_id=each.session_id,
                kind=SessionKind(each.kind.value),
                accounts=each.accounts or (everything if len(everything) == 1 else ()),
                strategies=each.strategies,
                ack_pending_new=each.ack_pending_new,
                custom_tags=not settings.live if each.custom_tags is None else each.custom_tags,
                lenient_cancel=each.lenient_cancel,
                replace_inherits_tif=each.replace_inherits_tif,
                unknown_tags=UnknownTags(each.unknown_tags.value),
                extended_enums=each.extended_enums,
                timestamp_digits=each.timestamp_digits,
                drop_accounts=each.drop_copy.accounts,
                drop_sessions=each.drop_copy.sessions,
                cancel_account_orders=cod.scope is CancelScope.ACCOUNT_ORDERS,
                cancel_excludes_gt=cod.exclude_gt,
            )
        )
    return terms


def opening_hours(settings: Settings, adapters: Mapping[str, BrokerAdapter]) -> OpeningHours:
    """When markets are open: a simulated market never closes; of real ones what their calendar says, or else a broker
    that knows its hours (`market_open(instrument, now_ns)`).
    """
    if all(spec.broker.type == "paper" for spec in settings.brokers):
        return lambda instrument, now_ns: True
    asked: list[OpeningHours] = [each.market_open for each in adapters.values() if hasattr(each, "market_open")]

    def hours(instrument: Instrument, now_ns: int) -> bool | None:
        known = around_the_clock_only(instrument, now_ns)
        for ask in asked:
            known = ask(instrument, now_ns) if known is None else known
        return known

    return hours


def around_the_clock_only(instrument: Instrument, now_ns: int) -> bool | None:
    """Open for what never closes, unknown for the rest."""
    return True if instrument.calendar == "24/7" else None


def risk_terms(settings: Settings) -> RiskTerms:
    """What the risk fold depends on: the same for the engine and for the child that takes snapshots."""
    try:
        rows: list[Row] = [row(each.rule, each.limit, each.scope, each.name) for each in settings.risk.limits]
        for spec in settings.brokers:
            rows += [*broker_rows(spec.name, spec.risk.block()), *spec.execution.rows(spec.name)]
        days = tuple((each.name, each.day_zone, each.day_begins) for each in settings.accounts)
        terms = RiskTerms(settings.risk.profile.value, tuple(rows), days=days)
        terms.limits()
    except LimitError as error:
        raise StartFailed(f"risk: {error}") from error
    return terms


def risk(settings: Settings, portfolio: Portfolio) -> RiskChain:
    """The chain of standard and own checks over what the fold has counted."""
    try:
        own = [create(each.use, each.options) for each in settings.risk.checks]
    except PluginError as error:
        raise StartFailed(f"risk: {error}") from error
    return RiskChain([*standard_checks(), *own], portfolio, one_pass=not own)


def loosen_delay(settings: Settings) -> timedelta:
    """How long a loosened limit waits."""
    return timedelta(seconds=settings.risk.loosen_delay_seconds)


def server_tls(tls: Tls) -> SSLContext:
    """The listener's TLS."""
    try:
        return server_context(tls.certificate, tls.key, client_ca=tls.client_ca)
    except (OSError, SSLError) as error:
        raise StartFailed(f"TLS certificate {tls.certificate} or key {tls.key}: {error}") from error


def cannot_listen(host: str, port: int, error: OSError) -> str:
    """Why a port cannot be had, in one sentence."""
    return listen_failure(host, port, error)


class Watchers(Protocol):
    """MQTT, metrics and HTTP as the daemon sees them."""

    async def stop(self) -> None:
        """Tell what was released, then end."""
        ...


async def outputs(settings: Settings, head: HeadWriter | None) -> tuple[Watchers | None, Started]:
    """MQTT, metrics and HTTP: a process of their own, in this loop, or not at all."""
    if settings.outputs is Outputs.OFF:
        return None, Started()
    if settings.outputs is Outputs.INLINE:
        inline = InlineOutputs(settings, engine_pid=os.getpid())
        try:
            return inline, await inline.start()
        except OutputsFailed as error:
            raise StartFailed(str(error)) from error

    def wake(fd: int | None) -> None:
        if head is not None:
            head.wake_fd = fd

    child = OutputsChild(settings.dump(), wake)
    started = await child.start()
    if started.error is not None:
        raise StartFailed(started.error)
    return child, started
