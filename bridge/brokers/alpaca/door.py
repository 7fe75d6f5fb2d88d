"""One door per credential: Alpaca allows one order stream per key, so a second bridge on this machine stays out.

A Unix socket in Linux's abstract name space is held while the adapter runs. The kernel frees it with the process,
however that ends. Elsewhere, and between machines, Alpaca's own limit (406) keeps the second one out.
"""

import socket
import sys
from hashlib import blake2s


class DoorTaken(RuntimeError):
    """Another process on this machine trades with this key."""


class Door:
    """Held from the constructor to `close`. Raises DoorTaken."""

    def __init__(self, key: str, endpoint: str) -> None:
        self._socket: socket.socket | None = None
        if sys.platform != "linux":
            return
        name = blake2s(f"{endpoint}\x00{key}".encode(), digest_size=16).hexdigest()
        held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            held.bind(f"\0fixbridge-alpaca-{name}")
        except OSError:
            held.close()
            raise DoorTaken("another bridge on this machine already trades with this Alpaca key") from None
        self._socket = held

    def close(self) -> None:
        """Let the next one in."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
