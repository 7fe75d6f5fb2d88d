"""Trade through fixbridge from Python: async, typed, reconnecting, resuming (OUTPUTS.md section 6).

Needs httpx, websockets and msgspec, and none of the daemon's libraries.

    async with Bridge("http://127.0.0.1:8080", token_file="~/.fixbridge/token") as bridge:
        order = await bridge.buy("AAPL", "100", limit="187.25", account="ACC1")
        async for fill in order.fills():
            print(fill.last_qty, "@", fill.last_px)
"""

from bridge.sdk.bridge import Bridge
from bridge.sdk.checkpoint import Checkpoint, FileCheckpoint
from bridge.sdk.errors import (
    BadRequest,
    BridgeError,
    Conflict,
    NotFound,
    OutcomeUnknown,
    Refused,
    Unauthorized,
    Unavailable,
)
from bridge.sdk.order import Order

__all__ = [
    "BadRequest",
    "Bridge",
    "BridgeError",
    "Checkpoint",
    "Conflict",
    "FileCheckpoint",
    "NotFound",
    "Order",
    "OutcomeUnknown",
    "Refused",
    "Unauthorized",
    "Unavailable",
]
