"""At most so many publishes without an acknowledgement, over one aiomqtt connection.

aiomqtt keeps the connection; publishes go to its paho client at once, without a task per message, because three
things are needed that its `publish` does not give (version 2.5): the reason of a PUBACK (it returns normally when the
broker says *not authorised*), an end as soon as the connection is gone (it sleeps its whole timeout), and no warning
and scan above ten calls.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS
from paho.mqtt.properties import Properties

REFUSED = 0x80  # reasons from here on say that the broker did not take the message
UNHEARD = 0x10  # taken, and nobody subscribes to it

Acknowledged = Callable[[int], None]


class Window:
    """The unacknowledged publishes of one connection. Made before it is entered; good for that one connection.

    `size` shrinks to the broker's Receive Maximum when it tells one (MQTT 5).
    """

    def __init__(self, client: aiomqtt.Client, size: int) -> None:
        self.size = size
        self._client = client
        self._paho = client._client
        self._flying: dict[int, Acknowledged] = {}
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._lost: aiomqtt.MqttError | None = None
        self._connected: Callable[..., None] | None = self._paho.on_connect
        self._published: Callable[..., None] | None = self._paho.on_publish
        self._paho.on_connect = self._on_connect
        self._paho.on_publish = self._on_publish
        self._paho.max_inflight_messages_set(size)

    @property
    def flying(self) -> int:
        """Publishes without an answer."""
        return len(self._flying)

    def publish(
        self, topic: str, payload: bytes, acknowledged: Acknowledged, *, retain: bool, properties: Properties | None
    ) -> None:
        """Send at QoS 1; `acknowledged(reason)` is called with the PUBACK's reason code (0 on MQTT 3.1.1), or never
        when the connection ends first. Raises MqttError when it has ended.
        """
        if self._lost is not None:
            raise self._lost
        info = self._paho.publish(topic, payload, 1, retain, properties)
        if info.rc != MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(info.rc, f"could not publish to {topic}")
        self._flying[info.mid] = acknowledged

    async def room(self, limit: int) -> None:
        """Return when fewer than `limit` publishes are without an answer. Raises MqttError when the connection ends."""
        while len(self._flying) >= limit:
            if self._lost is not None:
                raise self._lost
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((limit, future))
            await future
        if self._lost is not None:
            raise self._lost

    async def answer(self, future: asyncio.Future[int]) -> int:
        """The result of `future`, which an acknowledgement sets. Raises MqttError when the connection ends before."""
        while not future.done():
            if self._lost is not None:
                raise self._lost
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((0, gone))
            either: set[asyncio.Future[Any]] = {future, gone}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
        return future.result()

    def forget(self) -> None:
        """Answers still to come concern nobody any more."""
        for mid in self._flying:
            self._flying[mid] = _ignore

    async def watch(self) -> None:
        """Wait for the end of the connection, then wake everybody and raise MqttError."""
        try:
            async for _ in self._client.messages:
                pass
        except aiomqtt.MqttError as error:
            self._lost = error
            raise
        finally:
            self._lost = self._lost or aiomqtt.MqttError("disconnected")
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for limit, future in waiting:
            if future.done():
                continue
            if self._lost is not None or len(self._flying) < limit:
                future.set_result(None)
            else:
                self._waiting.append((limit, future))

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any = None) -> None:
        allowed = getattr(properties, "ReceiveMaximum", None)
        if allowed:
            self.size = min(self.size, allowed)
        assert self._connected is not None
        self._connected(client, userdata, flags, reason, properties)

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        assert self._published is not None
        self._published(client, userdata, mid, reason, properties)
        acknowledged = self._flying.pop(mid, None)
        if acknowledged is not None:
            acknowledged(reason.value)
        if self._waiting:
            self._wake()


def _ignore(reason: int) -> None:
    return None
