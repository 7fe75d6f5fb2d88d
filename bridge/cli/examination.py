"""What `doctor` looks at, each as a Finding: ports, clock, disk, lock, socket, files, MQTT broker.

Nothing is left behind, nothing is asked of the network but the configured MQTT broker.
"""

import asyncio
import ctypes
import os
import resource
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import msgspec

from bridge.control import NoAnswer, Unreachable, ask_once
from bridge.control_commands import Status
from bridge.interfaces import JournalError
from bridge.journal.errors import JournalLocked
from bridge.journal.evidence import ls
from bridge.journal.storage import LOCK, Lock, check_file_system, file_system
from bridge.outputs.composition import mqtt_choice
from bridge.outputs.mqtt_broker import HOW_TO_GET_ONE, Kind
from bridge.outputs.mqtt_doctor import Level, check_queue
from bridge.problems import ProblemError
from bridge.settings import Settings
from bridge.settings.preflight import port_taken, unfit
from bridge.settings.tree import Durability, Outputs

SOCKET_PATH = 107  # bytes a Unix socket's path may have on Linux
MIB = 1 << 20
FLUSHES = 40
SLOW_FLUSH = 0.020  # seconds: a sync-mode acknowledgement waits for one
CLOCK_SAMPLE = 0.2  # seconds
CLOCK_DRIFT = 0.000_5  # parts: NTP slews by no more than this
STA_UNSYNC, TIME_ERROR = 0x40, 5


class Outcome(Enum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was looked at: what was found, and where it is not right, what to do."""

    check: str
    outcome: Outcome
    found: str
    hint: str | None = None


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check in its order; each takes a second or less, the MQTT broker's a few."""
    status, finding = control(settings)
    yield finding
    yield lock(settings, status)
    yield from ports(settings, status)
    yield from parts(settings)
    yield directory(settings)
    yield flushes(settings)
    yield space(settings)
    yield from clock(settings)
    yield files(settings)
    yield cores(settings)
    yield mqtt(settings, status)


def _ok(check: str, found: str) -> Finding:
    return Finding(check, Outcome.OK, found)


def _warn(check: str, found: str, hint: str) -> Finding:
    return Finding(check, Outcome.WARN, found, hint)


def _fail(check: str, found: str, hint: str) -> Finding:
    return Finding(check, Outcome.FAIL, found, hint)


# --- the daemon ------------------------------------------------------------------------------------------------------


def control(settings: Settings) -> tuple[Status | None, Finding]:
    """Does a daemon answer on the control socket; and could one listen there?"""
    path = settings.control_socket.absolute()
    length = len(os.fsencode(path))
    if length > SOCKET_PATH:
        hint = f"a socket's path has at most {SOCKET_PATH} bytes; choose a shorter data directory"
        return None, _fail("control socket", f"{path} has {length} bytes", hint)
    began = time.monotonic()
    try:
        status = ask_once(settings.control_socket, "status", Status, {}, timeout=2.0)
    except Unreachable:
        return None, _ok("control socket", "no daemon runs in this data directory")
    except (NoAnswer, ProblemError) as error:
        hint = "the engine's loop hangs; look at its log, and at `bridge_loop_lag_seconds`"
        return None, _fail("control socket", str(error), hint)
    took = (time.monotonic() - began) * 1000
    return status, _ok("control socket", f"process {status.pid} answers in {took:.1f} ms")


def lock(settings: Settings, status: Status | None) -> Finding:
    """Is the journal free, or held by the daemon that answers?"""
    check = "journal lock"
    if not (settings.journal_dir / LOCK).exists():
        return _ok(check, "no journal yet")
    try:
        Lock(settings.journal_dir, "doctor").release()
    except JournalLocked as error:
        if status is not None:
            return _ok(check, f"held by the daemon, process {status.pid}")
        hint = "it holds the journal and does not answer: stop that process, or wait for it"
        return _fail(check, str(error), hint)
    except OSError as error:
        return _fail(check, f"{settings.journal_dir}: {error.strerror}", "give the directory to this user")
    return _ok(check, "free")


def ports(settings: Settings, status: Status | None) -> Iterator[Finding]:
    """Can the daemon listen; where it runs, does it?"""
    fix, http = settings.listeners.fix, settings.http
    wanted = [("FIX port", fix.host, fix.port)]
    if settings.outputs is not Outputs.OFF:
        if http.enabled:
            wanted.append(("HTTP port", http.host, http.port))
        if settings.mqtt.broker == "auto":
            wanted.append(("MQTT port", "127.0.0.1", settings.mqtt.port))
    for check, host, port in wanted:
        if not port:
            yield _ok(check, "any free one")
        elif status is not None:
            answered = _accepts(host, port)
            hint = "the daemon runs and nobody listens here: it was started with another configuration, see `diff`"
            yield _ok(check, f"{host}:{port} answers") if answered else _warn(check, f"{host}:{port} is silent", hint)
        elif sentence := port_taken(host, port):
            if check == "MQTT port":
                hint = "give mqtt.port another number, or mqtt.broker the URL of that broker"
                yield _warn(check, f"port {port} is in use", hint)
            else:
                found, _, hint = sentence.partition("; ")
                yield _fail(check, found, hint or "choose another address")
        else:
            yield _ok(check, f"{host}:{port} is free")


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def parts(settings: Settings) -> Iterator[Finding]:
    """Are the files and plug-ins that the configuration names there?"""
    found = unfit(settings)
    for problem in found:
        yield _fail("configuration", f"{problem.key}: {problem.text}", "`fixbridge config show` says where it is set")
    if not found:
        yield _ok("configuration", "its certificates, symbol files, recordings and plug-ins are there")


# --- the machine -----------------------------------------------------------------------------------------------------


def directory(settings: Settings) -> Finding:
    """Does the file system keep what the journal promises, and is it ours alone?"""
    check, place = "data directory", _existing(settings.data_dir)
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return _fail(check, f"{place} is not writable for this user", "give it to this user, or choose --data-dir")
    kind = file_system(place)
    sync = settings.journal.durability is Durability.SYNC
    try:
        check_file_system(place, flushed=sync and not settings.journal.allow_volatile)
    except JournalError as error:
        return _fail(check, str(error), "put the data directory on a local disk")
    if kind in ("tmpfs", "ramfs"):
        return _warn(check, f"{place} is on {kind}, gone with the machine's power", "put it on a disk")
    if place == settings.data_dir.absolute() and place.stat().st_mode & 0o077:
        hint = f"chmod 700 {place}: journal and session stores are in it"
        return _warn(check, f"{place} can be read by other users", hint)
    return _ok(check, f"{place} on {kind}")


def flushes(settings: Settings) -> Finding:
    """What one flush costs: in sync mode every acknowledgement waits for one."""
    check = "disk flush"
    try:
        took = flush_times(_existing(settings.journal_dir))
    except OSError as error:
        return _fail(check, f"cannot be tried: {error.strerror}", "give the data directory to this user")
    middle, worst = statistics.median(took), max(took)
    told = f"p50 {middle * 1000:.2f} ms, worst of {len(took)} {worst * 1000:.1f} ms"
    if worst > settings.journal.stall_limit_seconds:
        hint = "flushes as slow as journal.stall_limit_seconds stop new orders: use another disk"
        return _fail(check, told, hint)
    if middle > SLOW_FLUSH and settings.journal.durability is Durability.SYNC:
        return _warn(check, told, "in sync mode an order waits for a flush: use a disk with a protected cache")
    return _ok(check, told)


def flush_times(place: Path, count: int = FLUSHES) -> list[float]:
    """Seconds that each of `count` small appends with fdatasync takes there. Raises OSError."""
    took = []
    with tempfile.TemporaryFile(dir=place) as file:
        number = file.fileno()
        os.posix_fallocate(number, 0, 4096 * count)
        os.fsync(number)
        for _ in range(count):
            os.write(number, b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(number)
            took.append(time.perf_counter() - began)
    return took


def space(settings: Settings) -> Finding:
    """Is there room: for the next segments, and for a while?"""
    check, free = "free space", shutil.disk_usage(_existing(settings.data_dir)).free
    segment = settings.journal.segment_mb * MIB
    told = f"{free / (1 << 30):.1f} GiB"
    if free < 2 * segment:
        hint = f"two segments of {settings.journal.segment_mb} MiB must fit; make room, or set journal.keep_days"
        return _fail(check, told, hint)
    if free < 1024 * MIB + 2 * segment:
        return _warn(check, told, "make room, or set journal.keep_days: a full disk stops new orders")
    return _ok(check, told)


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as it is read; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


def synchronised() -> tuple[bool, float] | None:
    """Whether the kernel's clock is disciplined (by NTP, PTP or a host), and its greatest error in seconds.

    None where the kernel does not tell. Only reads.
    """
    try:
        told = _Timex()
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told))
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    return state != TIME_ERROR and not told.status & STA_UNSYNC, told.maxerror / 1e6


def clock(settings: Settings) -> Iterator[Finding]:
    """Is the wall clock kept right, does it run evenly, and is it not before what the journal holds?"""
    kept = synchronised()
    hint = "run chrony, ntpd or systemd-timesyncd: SendingTime(52) and quote ages are told by it"
    if kept is None:
        yield _warn("clock", "the kernel does not tell whether it is synchronised", hint)
    elif kept[0]:
        yield _ok("clock", f"synchronised, error at most {kept[1] * 1000:.1f} ms")
    else:
        yield _warn("clock", "not synchronised", hint)
    wall, steady = time.time(), time.monotonic()
    time.sleep(CLOCK_SAMPLE)
    passed = time.monotonic() - steady
    apart = abs(time.time() - wall - passed)
    if apart > 0.001 + passed * CLOCK_DRIFT:
        found = f"the wall clock moved {apart * 1000:.1f} ms against the steady one in {passed:.1f} s"
        yield _warn("clock", found, "something steps the clock; slew it instead")
    ahead = _journal_ahead(settings)
    if ahead > 1.0:
        found = f"the journal was written {ahead:.0f} s in the future"
        yield _fail("clock", found, "set the clock right: times of orders must not go back")


def _journal_ahead(settings: Settings) -> float:
    """Seconds by which the newest segment began after now."""
    if not settings.journal_dir.is_dir():
        return 0.0
    began = [row.began for row in ls(settings.journal_dir).segments if row.began is not None]
    return (max(began) - datetime.now(UTC)).total_seconds() if began else 0.0


def files(settings: Settings) -> Finding:
    """May the process open as many files as it takes connections?"""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.listeners.fix.max_connections + 500  # clients of HTTP and WebSocket, segments, stores, logs
    told = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    if soft != resource.RLIM_INFINITY and soft < needed:
        more = f"ulimit -n {needed}" if hard == resource.RLIM_INFINITY or hard >= needed else f"LimitNOFILE={needed}"
        return _warn("file limit", f"{told}, and up to {needed} may be open", f"{more}, or fewer max_connections")
    return _ok("file limit", told)


def cores(settings: Settings) -> Finding:
    """Do engine and outputs each have a core?"""
    count = len(os.sched_getaffinity(0))
    if count < 2 and settings.outputs is Outputs.PROCESS:
        return _warn("cores", str(count), "engine and outputs share it: FIX waits for dashboards; give it two")
    return _ok("cores", str(count))


# --- MQTT ------------------------------------------------------------------------------------------------------------


def mqtt(settings: Settings, status: Status | None) -> Finding:
    """Which broker it will be, and whether it keeps the fills for a reader that is away."""
    check = "MQTT broker"
    if settings.outputs is Outputs.OFF or settings.mqtt.broker == "off":
        return _ok(check, "off")
    own = settings.mqtt.broker == "auto"
    if own and not (settings.data_dir / "mqtt").is_dir():
        if shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/sbin"):
            return _ok(check, "mosquitto, started with the daemon and room for a million messages")
        return _warn(check, "no mosquitto on this machine", HOW_TO_GET_ONE)
    try:
        choice = mqtt_choice(settings)
    except (OSError, ValueError) as error:
        return _fail(check, str(error), "see mqtt in the configuration")
    if choice.kind is Kind.OFF or choice.endpoint is None:
        return _warn(check, choice.reason, HOW_TO_GET_ONE)
    if own and status is None:
        return _ok(check, f"{choice.kind.value}, started with the daemon")
    said = asyncio.run(check_queue(choice.endpoint, f"fixbridge/{settings.name}"))
    found, _, hint = said.text.partition(": ") if said.level is Level.ERROR else (said.text, "", "")
    outcome = {Level.OK: Outcome.OK, Level.WARNING: Outcome.WARN, Level.ERROR: Outcome.FAIL}[said.level]
    return Finding(check, outcome, found, hint or ("see the broker's log" if outcome is not Outcome.OK else None))


def _existing(path: Path) -> Path:
    """The directory itself, or the nearest above it that is there."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
