"""The MQTT broker of `mqtt.broker: auto`: Mosquitto as our child, else the embedded iotcore, else none and a word
why.

`choose` decides without starting anything, so that the banner, the outputs process and `fixbridge doctor` say the
same. The child listens on loopback only and ends with us. Mosquitto gets a user per role with a random password, an
ACL, persistence and, above all, unlimited queues: by default it acknowledges everything to us and drops a slow
reader's backlog beyond 1,000.
"""

import asyncio
import base64
import contextlib
import ctypes
import hashlib
import importlib.util
import os
import secrets
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import structlog

from bridge.outputs.files import load, save
from bridge.outputs.mqtt_endpoint import Endpoint
from bridge.outputs.mqtt_topics import segment

BRIDGE_USER = "bridge"
WATCH_USER = "watch"
READY_WITHIN = 10.0  # seconds until a started broker must take connections
PR_SET_PDEATHSIG = 1
_ITERATIONS = 101  # what mosquitto_passwd of 2.0 uses

_log = structlog.get_logger("bridge.outputs.mqtt")
_libc = ctypes.CDLL(None, use_errno=True)

HOW_TO_GET_ONE = "install mosquitto, or fixbridge[broker], or set mqtt.broker to the URL of one"


class Kind(Enum):
    """Which broker we publish to."""

    OFF = "off"
    EXTERNAL = "external"
    MOSQUITTO = "mosquitto"
    IOTCORE = "iotcore"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided: the broker, how we connect, why it is off, and a line that shows everything in a terminal."""

    kind: Kind
    endpoint: Endpoint | None = None
    reason: str = ""
    watch: str = ""
    directory: Path | None = None
    port: int = 0
    name: str = "local"

    @property
    def managed(self) -> bool:
        """True when we start the broker."""
        return self.kind in (Kind.MOSQUITTO, Kind.IOTCORE)


def choose(
    broker: str,
    *,
    port: int,
    name: str,
    directory: Path,
    protocol: str = "5",
    username: str | None = None,
    password: str | None = None,
    ca: str | None = None,
    certificate: str | None = None,
    key: str | None = None,
    find: Callable[[str], str | None] | None = None,
) -> Choice:
    """What `mqtt.broker` means on this machine.

    `broker` is `auto`, `off` or a URL; `port` that of an `auto` broker, on loopback; `directory` holds its files and is
    made when needed. `find` looks for programs (shutil.which, with /usr/sbin). Raises ValueError for a bad URL, OSError
    when the directory cannot be written.
    """
    if broker == "off":
        return Choice(kind=Kind.OFF, reason="mqtt.broker is off")
    if broker != "auto":
        return _external(broker, name, protocol, username, password, ca, certificate, key)
    if (find or _find)("mosquitto") is not None:
        users = _users(directory)
        line = f"mosquitto_sub -p {port} -u {WATCH_USER} -P {users[WATCH_USER]} -t 'fixbridge/{segment(name)}/#' -v"
        end = Endpoint(host="127.0.0.1", port=port, username=BRIDGE_USER, password=users[BRIDGE_USER])
        return Choice(kind=Kind.MOSQUITTO, endpoint=end, watch=line, directory=directory, port=port, name=name)
    if importlib.util.find_spec("iotcore") is not None:
        line = f"mosquitto_sub -p {port} -t 'fixbridge/{segment(name)}/#' -v"
        # Over 3.1.1: what bears MQTT 5 properties, iotcore does not pass on to 3.1.1 clients, and it never refuses.
        end = Endpoint(host="127.0.0.1", port=port, protocol="3.1.1")
        return Choice(kind=Kind.IOTCORE, endpoint=end, watch=line, directory=directory, port=port, name=name)
    return Choice(kind=Kind.OFF, reason=f"no MQTT broker on this machine: {HOW_TO_GET_ONE}")


def _external(
    url: str,
    name: str,
    protocol: str,
    username: str | None,
    password: str | None,
    ca: str | None,
    certificate: str | None,
    key: str | None,
) -> Choice:
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError(f"{url} is not mqtt://host:port or mqtts://host:port")
    tls = parts.scheme == "mqtts"
    end = Endpoint(
        host=parts.hostname,
        port=parts.port or (8883 if tls else 1883),
        protocol=protocol,
        username=username,
        password=password,
        tls=tls,
        ca=ca,
        certificate=certificate,
        key=key,
    )
    words = ["mosquitto_sub", "-h", end.host, "-p", str(end.port)]
    words += ["--cafile", ca] if tls and ca is not None else []
    words += ["-t", f"fixbridge/{segment(name)}/#", "-v"]
    return Choice(kind=Kind.EXTERNAL, endpoint=end, watch=shlex.join(words), name=name)


def _find(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")


def _users(directory: Path) -> dict[str, str]:
    """A password per role, made once and kept, so that a watcher's command line works after a restart."""
    path = directory / "users.json"
    users = load(path, dict[str, str])
    if users is None or users.keys() != {BRIDGE_USER, WATCH_USER}:
        users = {role: secrets.token_urlsafe(18) for role in (BRIDGE_USER, WATCH_USER)}
        save(path, users)
    return users


def password_line(user: str, password: str) -> str:
    """One line of a Mosquitto password file: PBKDF2-HMAC-SHA512, as mosquitto_passwd writes it."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"{user}:$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def mosquitto_configuration(choice: Choice) -> dict[str, str]:
    """The files Mosquitto needs, by name: configuration, passwords, rights."""
    assert choice.directory is not None
    directory, root = choice.directory, f"fixbridge/{segment(choice.name)}"
    users = _users(directory)
    return {
        "mosquitto.conf": "\n".join(
            (
                "# written at every start; not for editing",
                "user root" if os.geteuid() == 0 else "# runs as the user of the bridge",
                f"listener {choice.port} 127.0.0.1",
                "allow_anonymous false",
                f"password_file {directory / 'passwords'}",
                f"acl_file {directory / 'rights'}",
                "persistence true",
                f"persistence_location {directory}/",
                "autosave_interval 60",
                # Not 0 for unlimited: Mosquitto 2.0 then also ends the connection of a client whose publish it denies.
                "max_queued_messages 1000000",
                "max_queued_bytes 67108864",
                "max_inflight_messages 200",
                "persistent_client_expiration 7d",
                "set_tcp_nodelay true",
                "log_dest stderr",
                "log_type error",
                "log_type warning",
                "",
            )
        ),
        "passwords": "\n".join((*(password_line(user, word) for user, word in users.items()), "")),
        "rights": "\n".join(
            (
                f"user {BRIDGE_USER}",
                f"topic readwrite {root}/#",
                f"user {WATCH_USER}",
                f"topic read {root}/#",
                "topic read $SYS/#",
                "",
            )
        ),
    }


def iotcore_configuration(port: int) -> str:
    """rumqttd's TOML: MQTT 3.1.1 on `port`, 5 on the next one, loopback."""
    listeners = "\n".join(
        f"""
[v{version}.1]
name = "v{version}"
listen = "127.0.0.1:{number}"
next_connection_delay_ms = 1
[v{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = 262144
max_inflight_count = 200
dynamic_filters = true
"""
        for version, number in ((4, port), (5, port + 1))
    )
    return f"""id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
{listeners}"""


class BrokerError(Exception):
    """The broker could not be started; the text is one line for the operator."""


class BrokerChild:
    """A broker of our own, started, watched and started again with growing pauses until `stop`."""

    def __init__(self, choice: Choice) -> None:
        assert choice.directory is not None
        self.choice = choice
        self._directory = choice.directory
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start and wait until it takes connections. Raises BrokerError."""
        ports = (self.choice.port, self.choice.port + 1) if self.choice.kind is Kind.IOTCORE else (self.choice.port,)
        for port in ports:
            if not _free(port):
                raise BrokerError(
                    f"port {port} is taken: set mqtt.port, or mqtt.broker to the URL of the broker that has it"
                )
        self._write()
        await self._launch()
        self._watch = asyncio.create_task(self._keep_running(), name="mqtt broker")

    async def stop(self) -> None:
        """End the child and wait for it."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(5.0):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    def _write(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        if self.choice.kind is Kind.MOSQUITTO:
            files = mosquitto_configuration(self.choice)
        else:
            files = {"iotcore.toml": iotcore_configuration(self.choice.port)}
        for name, text in files.items():
            path = self._directory / name
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)

    def _command(self) -> list[str]:
        if self.choice.kind is Kind.MOSQUITTO:
            program = _find("mosquitto")
            if program is None:
                raise BrokerError("mosquitto is gone from the path")
            return [program, "-c", str(self._directory / "mosquitto.conf")]
        return [
            sys.executable,
            "-m",
            "iotcore",
            "--config",
            str(self._directory / "iotcore.toml"),
            "--log-level",
            "ERROR",
        ]

    async def _launch(self) -> None:
        with (self._directory / "broker.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
                start_new_session=True,
            )
        deadline = asyncio.get_running_loop().time() + READY_WITHIN
        port = self.choice.endpoint.port if self.choice.endpoint is not None else self.choice.port
        while asyncio.get_running_loop().time() < deadline:
            if self._process.returncode is not None:
                raise BrokerError(f"{self.choice.kind.value} ended at once: {self._last_words()}")
            if await _accepts(port):
                return
            await asyncio.sleep(0.02)
        self._process.kill()
        await self._process.wait()
        raise BrokerError(f"{self.choice.kind.value} does not take connections on port {port}")

    def _last_words(self) -> str:
        lines = (self._directory / "broker.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "without a word"

    async def _keep_running(self) -> None:
        pause = 0.5
        while True:
            assert self._process is not None
            began = asyncio.get_running_loop().time()
            code = await self._process.wait()
            if asyncio.get_running_loop().time() - began > 60:
                pause = 0.5
            _log.error("mqtt broker ended, starting it again", broker=self.choice.kind.value, code=code, pause_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, 30.0)
            try:
                await self._launch()
            except BrokerError as error:
                _log.error("mqtt broker does not start", error=str(error))


def _die_with_parent() -> None:
    """In the child, before exec: the kernel ends it when we die, however we die."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
