"""Is the machine fit for these settings? Looked at before anything starts, so that each obstacle is one clear line."""

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bridge.instruments import InstrumentFileError, Instruments
from bridge.journal.errors import JournalLocked
from bridge.journal.storage import LOCK, Lock
from bridge.plugins import PluginError, find
from bridge.settings.problems import Problem
from bridge.settings.tree import Outputs, Settings, Tls
from sessions.tls import server_context

BUILT_IN_BROKERS = frozenset({"paper", "alpaca", "interactive-brokers", "ccxt", "oanda", "fix"})


def obstacles(settings: Settings) -> list[Problem]:
    """What would keep the daemon from starting, in words; empty when nothing would.

    Ports may be taken by somebody else a moment later, so the daemon still says so itself when it cannot listen.
    """
    if held := _held(settings):
        # The ports are taken by that one then, and saying so as well would only confuse.
        return [held]
    return [*_data_dir(settings), *_listeners(settings), *_files(settings), *_plugins(settings)]


def unfit(settings: Settings) -> list[Problem]:
    """Files and plug-ins that are named and cannot be used, whoever listens or runs."""
    fix, http = settings.listeners.fix, settings.http
    found = [*_files(settings), *_plugins(settings)]
    for key, tls in (("listeners.fix.tls", fix.tls), ("http.tls", http.tls)):
        if tls is not None:
            found += _tls(key, tls)
    return found


def _held(settings: Settings) -> Problem | None:
    if not (settings.journal_dir / LOCK).exists():
        return None
    try:
        Lock(settings.journal_dir, "start").release()
    except JournalLocked as error:
        return Problem("", "data_dir", f"{error}; stop it, or give this one a data directory of its own (--data-dir)")
    except OSError as error:
        return Problem("", "data_dir", f"{settings.journal_dir} cannot be used: {error.strerror}")
    return None


def _data_dir(settings: Settings) -> Iterator[Problem]:
    directory = settings.data_dir
    existing = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    if not existing.is_dir():
        yield Problem("", "data_dir", f"{existing} is not a directory")
    elif not os.access(existing, os.W_OK | os.X_OK):
        what = directory if existing == directory.absolute() else f"{directory} cannot be made, {existing}"
        yield Problem("", "data_dir", f"{what} is not writable for this user")


def _listeners(settings: Settings) -> Iterator[Problem]:
    wanted: list[tuple[str, str, int, Tls | None]] = []
    fix, http = settings.listeners.fix, settings.http
    wanted.append(("listeners.fix", fix.host, fix.port, fix.tls))
    if http.enabled and settings.outputs is not Outputs.OFF:
        wanted.append(("http", http.host, http.port, http.tls))
    for key, host, port, tls in wanted:
        if tls is not None:
            yield from _tls(f"{key}.tls", tls)
        if sentence := port_taken(host, port):
            yield Problem("", f"{key}.port", sentence)


def port_taken(host: str, port: int) -> str | None:
    """Why nobody can listen there now, or None."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        return f"{host} is no address of this machine: {error.strerror}"
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return listen_failure(host, port, error)
    return None


def listen_failure(host: str, port: int, error: OSError) -> str:
    """An error from bind or listen as a sentence."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use by another process; stop it, or choose another port (0 = any free one)"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs privileges; choose one above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine"
    return f"cannot listen on {host}:{port}: {error.strerror or error}"


def _tls(key: str, tls: Tls) -> Iterator[Problem]:
    missing = False
    for name, path in (("certificate", tls.certificate), ("key", tls.key), ("client_ca", tls.client_ca)):
        if path is not None and (sentence := _unreadable(path)):
            missing = True
            yield Problem("", f"{key}.{name}", sentence)
    if missing:
        return
    if "ENCRYPTED" in tls.key.read_text(errors="replace"):
        # Whoever loads it would be asked for the passphrase on a terminal, and a daemon has none.
        yield Problem(
            "", f"{key}.key", f"{tls.key} is encrypted; give the key without a passphrase, readable only for us"
        )
        return
    try:
        server_context(tls.certificate, tls.key, client_ca=tls.client_ca)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        yield Problem("", key, f"{tls.certificate} and {tls.key} cannot be used: {reason}")


def _files(settings: Settings) -> Iterator[Problem]:
    for index, path in enumerate(settings.marketdata.replay.files):
        if settings.marketdata.source == "replay" and (sentence := _unreadable(path)):
            yield Problem("", f"marketdata.replay.files[{index}]", sentence)
    for index, session in enumerate(settings.sessions):
        if session.dictionary is not None and (sentence := _unreadable(session.dictionary)):
            yield Problem("", f"sessions[{index}].dictionary", sentence)
    try:
        Instruments.load(
            settings.instruments.files, today=datetime.now(UTC).date(), starter=settings.instruments.starter
        )
    except InstrumentFileError as error:
        yield Problem("", "instruments.files", str(error))
    except OSError as error:
        yield Problem("", "instruments.files", f"{error.filename} cannot be read: {error.strerror}")


def _unreadable(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return None


def _plugins(settings: Settings) -> Iterator[Problem]:
    wanted = [(f"risk.checks[{index}].use", check.use) for index, check in enumerate(settings.risk.checks)]
    wanted += [
        (f"BrokerSpec {spec.name}: broker.type", spec.broker.type)
        for spec in settings.brokers
        if spec.broker.type not in BUILT_IN_BROKERS
    ]
    if ":" in settings.marketdata.source:
        wanted.append(("marketdata.source", settings.marketdata.source))
    for key, use in wanted:
        try:
            find(use)
        except PluginError as error:
            yield Problem("", key, str(error))
