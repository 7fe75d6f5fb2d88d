"""The description of MQTT and WebSocket, generated from the same Structs as that of REST.

`python -m bridge.outputs.http.asyncapi` prints it; `docs/asyncapi.yaml` is that output and a test compares them.
"""

import sys
import typing
from importlib import metadata
from typing import Any, Literal

import msgspec
import yaml

from bridge.journal.encoding import OrderState
from bridge.outputs.http import stream_frames as frames
from bridge.outputs.http.documents import (
    AccountState,
    AccountTrading,
    BrokerState,
    Document,
    OutwardEntry,
    PositionState,
    SessionState,
    UsedLimit,
)
from bridge.outputs.http.openapi import Json, polished, schemas_of

REF = "#/components/schemas/{name}"
INTRODUCTION = """\
Entries say what happened: numbered by `seq`, in order, at least once; keep the last `seq` and ignore what is not
greater. States say what is: the newest wins. Both are the same bytes on MQTT, WebSocket and REST.
"""


class BridgeStatus(Document, frozen=True, kw_only=True):
    """Birth, heartbeat every ten seconds, and will. Ignore `lost` with a `connection` below the newest seen."""

    status: Literal["online", "lost", "stopped"]
    connection: int
    time: str | None = None
    seq: int | None = None
    mode: str | None = None
    version: str | None = None
    since: str | None = None


class AlertDocument(Document, frozen=True, kw_only=True):
    """Something that needs a person; an empty payload when it is over."""

    code: str
    severity: str
    account: str | None = None


TOPICS: tuple[tuple[str, str, Any, bool, str], ...] = (
    ("status", "status", BridgeStatus, True, "Whether the bridge is there"),
    ("events", "events/{account}/{type}/{symbol}", OutwardEntry, False, "Every entry; a fill is type order_filled"),
    ("orders", "orders/{account}/{order_id}", OrderState, True, "An order; cleared an hour after it has ended"),
    ("positions", "positions/{account}/{symbol}", PositionState, True, "A position, at most once a second"),
    ("accounts", "accounts/{account}", AccountState, True, "An account's money and its day so far"),
    ("riskLimits", "risk/{account}/{rule}", UsedLimit, True, "How much of a limit is used"),
    ("riskState", "risk/{account}/state", AccountTrading, True, "An account's trading state"),
    ("sessions", "sessions/{session}", SessionState, True, "A FIX session"),
    ("brokers", "brokers/{broker}", BrokerState, True, "A broker connection"),
    ("alerts", "alerts/{account}/{code}", AlertDocument, True, "What needs a person"),
)
"""(name, topic below `fixbridge/<name>`, payload, retained, summary); QoS 1 all of them."""

CLIENT = typing.get_args(frames.ClientFrames)
SERVER = (*typing.get_args(frames.ServerFrames), OutwardEntry)


def described(version: str) -> Json:
    """The AsyncAPI 3.0 document."""
    kinds = list(dict.fromkeys([*CLIENT, *SERVER, *(kind for _, _, kind, _, _ in TOPICS)]))
    schemas, components = schemas_of(kinds)
    by_kind = dict(zip(kinds, schemas, strict=True))
    messages = {kind.__name__: {"payload": by_kind[kind], "summary": _summary(kind)} for kind in kinds}
    channels: Json = {
        "stream": {
            "address": "/v1/stream",
            "description": "One WebSocket; text frames of JSON.",
            "servers": [{"$ref": "#/servers/http"}],
            "messages": {
                kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in (*CLIENT, *SERVER)
            },
            "x-close-codes": {str(code): text for code, text in frames.CLOSES.items()},
        }
    }
    operations: Json = {
        "sendToStream": _operation("receive", "stream", CLIENT, "What a client sends"),
        "receiveFromStream": _operation("send", "stream", SERVER, "What the bridge sends"),
    }
    for name, topic, kind, retained, summary in TOPICS:
        parameters = [part[1:-1] for part in topic.split("/") if part.startswith("{")]
        channels[name] = {
            "address": f"fixbridge/{{bridge}}/{topic}",
            "servers": [{"$ref": "#/servers/mqtt"}],
            "parameters": {each: {"description": _PARAMETERS[each]} for each in ["bridge", *parameters]},
            "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}},
            "bindings": {"mqtt": {"qos": 1, "retain": retained}},
        }
        operations[f"publish{name[0].upper()}{name[1:]}"] = _operation("send", name, (kind,), summary)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "fixbridge", "version": version, "description": INTRODUCTION},
        "servers": {
            "http": {"host": "127.0.0.1:8080", "protocol": "ws", "description": "The daemon's HTTP port"},
            "mqtt": {"host": "127.0.0.1:1883", "protocol": "mqtt", "description": "The configured MQTT broker"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": dict(sorted(components.items()))},
    }


_PARAMETERS = {
    "bridge": "The daemon's configured name",
    "account": "Account(1), percent-encoded; `_` for none",
    "type": "The event's name in snake_case",
    "symbol": "Symbol(55), percent-encoded; `_` for none",
    "order_id": "OrderID(37)",
    "rule": "The rule's id",
    "session": "The session's name",
    "broker": "The BrokerSpec's name",
    "code": "The alert's code",
}


def _summary(kind: Any) -> str:
    return str(kind.__doc__ or "").strip().partition("\n")[0]


def _operation(action: str, channel: str, kinds: tuple[Any, ...], summary: str) -> Json:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{kind.__name__}"} for kind in kinds],
    }


def document(version: str) -> bytes:
    """The description as YAML."""
    plain = msgspec.to_builtins(polished(described(version)))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120).encode()


if __name__ == "__main__":
    sys.stdout.buffer.write(document(metadata.version("fixbridge")))
