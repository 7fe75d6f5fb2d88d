"""Would this MQTT broker lose fills? Tried out, not read from its configuration (OUTPUTS.md section 1).

By default Mosquitto acknowledges everything to us and silently drops a reader's backlog beyond 1,000 messages; EMQX
and VerneMQ have limits of that kind too. So a session subscribes and leaves, more messages than that are published,
and the session comes back and counts.
"""

import asyncio
import secrets
from enum import Enum
from typing import Any

import aiomqtt
import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.outputs.mqtt_endpoint import Endpoint
from bridge.outputs.mqtt_window import REFUSED, Window

MESSAGES = 2_500
SIZE = 800  # bytes, about that of a fill
IDLE = 2.0  # seconds without a message after which nothing more is expected
EXPIRY = 120  # seconds after which the broker may forget the session of a check that died


class Level(Enum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: a code for programs, a sentence for people."""

    level: Level
    code: str
    text: str


async def check_queue(endpoint: Endpoint, root: str, *, messages: int = MESSAGES) -> Finding:
    """Whether a reader that is away for a while gets everything. Takes a second or two; leaves nothing behind.

    `root` is the daemon's (`fixbridge/<name>`); the topics used lie below `<root>/doctor`. Never raises for what the
    broker does: that is the finding.
    """
    try:
        async with asyncio.timeout(60):
            return await _check(endpoint, root, messages)
    except TimeoutError:
        return Finding(Level.ERROR, "mqtt_slow", f"{endpoint!r} did not take {messages} messages within a minute")
    except (aiomqtt.MqttError, OSError) as error:
        return Finding(Level.ERROR, "mqtt_unreachable", f"{endpoint!r} cannot be used: {error}")


async def _check(endpoint: Endpoint, root: str, messages: int) -> Finding:
    name = f"fixbridge-doctor-{secrets.token_hex(6)}"
    topic = f"{root}/doctor/{name}"
    try:
        async with _client(endpoint, name, clean=True, keep=True) as reader:
            granted = await reader.subscribe(topic, qos=1)
            if any(_code(reason) >= REFUSED for reason in granted):
                return Finding(
                    Level.WARNING,
                    "mqtt_not_checked",
                    f"{endpoint!r} lets us not read below {root}/doctor: queue limits are not checked",
                )
        refused = await _publish(endpoint, topic, messages)
        if refused is not None:
            return Finding(
                Level.ERROR,
                "mqtt_refused",
                f"{endpoint!r} refuses what we publish below {root} (reason {refused:#x})",
            )
        kept = await _count(endpoint, name, messages)
    finally:
        async with _client(endpoint, name, clean=True, keep=False):
            pass  # forgets the session
    if kept >= messages:
        return Finding(Level.OK, "mqtt_queue", f"{endpoint!r} kept {messages} messages for a reader that was away")
    return Finding(
        Level.ERROR,
        "mqtt_queue",
        f"{endpoint!r} acknowledged {messages} messages and kept {kept} for a reader that was away: fills get lost. "
        "Mosquitto: max_queued_messages 1000000, max_queued_bytes 67108864, persistence true, "
        "persistent_client_expiration 7d. EMQX: raise max_mqueue_len, or durable sessions. "
        "VerneMQ: raise max_offline_messages and max_online_messages.",
    )


async def _publish(endpoint: Endpoint, topic: str, messages: int) -> int | None:
    """Publish and wait for all acknowledgements; the reason of the first refusal, None when there was none."""
    client = _client(endpoint, None, clean=True, keep=False)
    window = Window(client, 100)
    refused: list[int] = []

    def acknowledged(reason: int) -> None:
        if reason >= REFUSED:
            refused.append(reason)

    payload = b"x" * SIZE
    async with client:
        watch = asyncio.create_task(window.watch())
        try:
            for _ in range(messages):
                await window.room(window.size)
                window.publish(topic, payload, acknowledged, retain=False, properties=None)
                if refused:
                    break
            await window.room(1)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
    return refused[0] if refused else None


async def _count(endpoint: Endpoint, name: str, messages: int) -> int:
    """Come back as the reader and count what was kept."""
    kept = 0
    async with _client(endpoint, name, clean=False, keep=True) as reader:
        incoming = reader.messages
        while kept < messages:
            try:
                async with asyncio.timeout(IDLE):
                    await anext(incoming)
            except TimeoutError:
                break
            kept += 1
    return kept


def _client(endpoint: Endpoint, identifier: str | None, *, clean: bool, keep: bool) -> aiomqtt.Client:
    v5 = endpoint.protocol == "5"
    properties = None
    if v5 and keep:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = EXPIRY
    return aiomqtt.Client(
        endpoint.host,
        endpoint.port,
        username=endpoint.username,
        password=endpoint.password,
        identifier=identifier,
        protocol=aiomqtt.ProtocolVersion.V5 if v5 else aiomqtt.ProtocolVersion.V311,
        clean_session=None if v5 else not keep,
        clean_start=clean if v5 else 3,
        properties=properties,
        tls_context=endpoint.tls_context(),
        timeout=10,
    )


def _code(reason: Any) -> int:
    """A SUBACK's code; 3.1.1 gives the number itself."""
    return int(getattr(reason, "value", reason))
