"""How to reach an MQTT broker, and what MQTT 5 lets us say with a message."""

import ssl
from collections.abc import Mapping

import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how to connect. `protocol` is "5" or "3.1.1"; the latter cannot tell why a publish was refused."""

    host: str
    port: int
    protocol: str = "5"
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def tls_context(self) -> ssl.SSLContext | None:
        """The client's side of TLS with hostname check. Raises OSError for a file that cannot be read."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context

    def __repr__(self) -> str:
        """Without the password."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def publish_properties(expiry: int | None) -> Properties:
    """Of every message: JSON in UTF-8, and after how many seconds the broker may drop it."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.PayloadFormatIndicator = 1
    properties.ContentType = "application/json"
    if expiry is not None:
        properties.MessageExpiryInterval = expiry
    return properties


def will_properties() -> Properties:
    """Of the will: told five seconds after the connection was lost, so that a quick return says nothing."""
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
    properties.WillDelayInterval = 5
    properties.PayloadFormatIndicator = 1
    properties.ContentType = "application/json"
    return properties


REASONS: Mapping[int, str] = {
    0x80: "unspecified",
    0x83: "implementation",
    0x87: "not_authorised",
    0x90: "topic_name",
    0x91: "packet_id",
    0x97: "quota",
    0x99: "payload_format",
}


def reason_word(code: int) -> str:
    """The reason in a word, from a closed list, for logs and labels."""
    return REASONS.get(code, "other")
