"""What is in a snapshot: the folds, each as an opaque part of its own, behind a line that names the version.

Whoever watches needs the book alone, the engine needs the risk part as well; neither reads what it does not need.
"""

from datetime import datetime

import msgspec

VERSION = 2
"""Of the parts together. Fields added with defaults keep it; anything else raises it, and `unpack` must go on reading
the version before: a journal cut by retention starts from nothing but snapshots."""

HEAD = b"fixbridge state %d\n" % VERSION
NIL = b"\xc0"


class Payload(msgspec.Struct, frozen=True, array_like=True):
    """`risk` is msgpack's nil where only the book was kept. `moved` is the time of the newest entry that is not the
    journal's own, None when there was none.
    """

    blotter: msgspec.Raw
    risk: msgspec.Raw
    moved: datetime | None

    @property
    def whole(self) -> bool:
        """True when an engine can start from it."""
        return bytes(memoryview(self.risk)[:1]) != NIL


def pack(blotter: bytes, risk: bytes = NIL, moved: datetime | None = None) -> bytes:
    """The payload of `write_snapshot`; the parts are msgpack."""
    return HEAD + msgspec.msgpack.encode(Payload(msgspec.Raw(blotter), msgspec.Raw(risk), moved))


def readable(payload: bytes) -> bool:
    """True for a payload of a version that this program reads."""
    return payload.startswith(HEAD)


def unpack(payload: bytes) -> Payload:
    """What `pack` made; the parts are views into `payload`. Raises msgspec.DecodeError for anything else."""
    if not readable(payload):
        raise msgspec.DecodeError(f"the state is of another version than {VERSION}")
    return msgspec.msgpack.decode(memoryview(payload)[len(HEAD) :], type=Payload)
