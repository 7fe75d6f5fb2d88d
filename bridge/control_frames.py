"""Frames of the control socket: a big-endian length of four bytes and one msgpack value.

A client sends calls, each with a number of its own and the caller's name, and gets the result or a typed problem under
that number; it may also subscribe to topics, which the engine pushes.
"""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bridge.problems import Problem

MAX_FRAME = 4 * 1024 * 1024  # bytes; a page of 500 orders is about 400 kB
SUN_PATH = 107  # longest name in sockaddr_un (unix(7)), without its NUL

_LENGTH = struct.Struct(">I")


class Call(msgspec.Struct, frozen=True, array_like=True, tag="call"):
    """Do `name` with `arguments` for `caller`."""

    id: int
    name: str
    caller: str
    arguments: msgspec.Raw


class Answer(msgspec.Struct, frozen=True, array_like=True, tag="answer"):
    """What the call returned."""

    id: int
    result: msgspec.Raw


class Refusal(msgspec.Struct, frozen=True, array_like=True, tag="problem"):
    """The call was refused, or failed."""

    id: int
    problem: Problem


class Subscribe(msgspec.Struct, frozen=True, array_like=True, tag="subscribe"):
    """Send me what is published on `topic`."""

    topic: str


class Unsubscribe(msgspec.Struct, frozen=True, array_like=True, tag="unsubscribe"):
    """No more of `topic`."""

    topic: str


class Push(msgspec.Struct, frozen=True, array_like=True, tag="push"):
    """One value published on `topic`."""

    topic: str
    payload: msgspec.Raw


encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(Call | Subscribe | Unsubscribe).decode
decode_reply = msgspec.msgpack.Decoder(Answer | Refusal | Push).decode


class FrameError(Exception):
    """The peer sent what is no frame of ours; the connection ends."""


class ControlError(Exception):
    """Root of what can go wrong between a client and the engine's socket."""


class SocketInUseError(ControlError):
    """Another process answers on the socket."""


class Unreachable(ControlError):
    """The engine is not connected: nothing was handed over, the call may be repeated."""


class NoAnswer(ControlError):
    """The call was handed over and no answer came: whether it was done is unknown."""


def frame(value: object) -> bytes:
    """`value` as it goes over the socket; FrameError when it is over MAX_FRAME bytes."""
    body = encode(value)
    if len(body) > MAX_FRAME:
        raise FrameError(f"a frame of {len(body)} bytes is over the limit of {MAX_FRAME}")
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Cuts a byte stream into frames. At most one incomplete frame is held."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """More bytes from the socket."""
        self._data += data

    def __iter__(self) -> Iterator[bytes]:
        """Whole frames so far; FrameError when one announces more than MAX_FRAME bytes."""
        while len(self._data) >= 4:
            (length,) = _LENGTH.unpack_from(self._data)
            if length > MAX_FRAME:
                raise FrameError(f"a frame of {length} bytes is over the limit of {MAX_FRAME}")
            if len(self._data) < 4 + length:
                return
            frame = bytes(self._data[4 : 4 + length])
            del self._data[: 4 + length]
            yield frame


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """`path` as a socket address: through a descriptor of its directory when it is too long for sockaddr_un."""
    name = str(path)
    if len(os.fsencode(name)) <= SUN_PATH:
        yield name
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def connect(path: Path, timeout: float | None) -> socket.socket:
    """A connected socket; Unreachable when nobody listens."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        with address_of(path) as address:
            sock.connect(address)
    except OSError as error:
        sock.close()
        raise Unreachable(f"no engine answers on {path}: {error.strerror or error}") from error
    return sock
