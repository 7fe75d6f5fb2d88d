"""A byte stream into whole FIX messages.

A message is whole and sound when it starts with BeginString(8), BodyLength(9), MsgType(35) in this order, ends with a
three-digit CheckSum(10) where BodyLength says, and both numbers are right (FIX 4.4 volume 2, "Message format"). A piece
waits for the rest; anything else is garbled: it is skipped up to the next `8=FIX`, counted, and answered with nothing.
"""

import zlib
from collections import deque
from typing import Final

BEGIN_STRING: Final = b"FIX.4.4"
_START: Final = b"8=FIX"
_USUAL: Final = b"8=FIX.4.4\x019="
_LONGEST_START: Final = 40
"""No BeginString and BodyLength together are longer than this: `8=FIXT.1.1|9=` and nine digits take 24."""
_TRAILER: Final = 7
_REASONS_KEPT: Final = 32


def checksum(data: bytes) -> int:
    """The sum of the bytes modulo 256, as in CheckSum(10).

    Adler-32's low half is the plain sum modulo 65521: exact for 256 bytes of any kind and for 515 of ASCII.
    """
    exact = 515 if data.isascii() else 256
    if len(data) <= exact:
        return zlib.adler32(data, 0) & 255
    view = memoryview(data)
    return sum([zlib.adler32(view[at : at + exact], 0) & 255 for at in range(0, len(view), exact)]) & 255


def begin_string(frame: bytes) -> bytes:
    """BeginString(8) of a frame: `b"FIX.4.4"`."""
    return frame[2 : frame.find(b"\x01")]


class Framer:
    """Cuts a stream into frames: `feed` what was read, then take `next_frame` until it is None.

    A frame may carry another BeginString(8) than FIX.4.4: to refuse that version is the session's to do. `max_message`
    bounds BodyLength(9), and with it what is kept of a message still incomplete; both in bytes.
    """

    __slots__ = ("_buffer", "_garbage", "_need", "_reasons", "garbled", "max_message")

    def __init__(self, max_message: int = 65536) -> None:
        self.max_message = max_message
        self.garbled = 0
        """How many stretches of bytes were skipped so far."""
        self._buffer = bytearray()
        self._need = 0
        self._garbage = False
        self._reasons: deque[str] = deque(maxlen=_REASONS_KEPT)

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add what was read from the wire."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """The next sound message as it came, or None when more data is needed."""
        buffer = self._buffer
        while len(buffer) > self._need:
            at = buffer.find(b"\x01", 12, 22) + 1
            if buffer.startswith(_USUAL) and at > 13 and (digits := buffer[12 : at - 1]).isdigit():
                length = int(digits)
                if length > self.max_message:
                    self._skip(f"BodyLength(9) {length} over {self.max_message}")
                    continue
            elif not self._aligned():
                return None
            else:
                found = self._body()
                if found is None:
                    return None
                at, length = found
                if at < 0:
                    continue
            end = at + length + _TRAILER
            if len(buffer) < end:
                self._need = end - 1
                return None
            frame = bytes(memoryview(buffer)[:end])
            fault = _fault(frame, at)
            if fault is None:
                del buffer[:end]
                self._need = 0
                self._garbage = False
                return frame
            self._skip(fault)
        return None

    def take_garbled(self) -> tuple[str, ...]:
        """Why bytes were skipped since this was last asked, oldest first, the last 32 at most."""
        reasons = tuple(self._reasons)
        self._reasons.clear()
        return reasons

    @property
    def pending(self) -> int:
        """How many bytes wait for the rest of their message."""
        return len(self._buffer)

    def _aligned(self) -> bool:
        """Drop what precedes the next `8=FIX`; False when there is none yet."""
        at = self._buffer.find(_START)
        if at < 0:
            self._need = self._tail()
            at = len(self._buffer) - self._need
        if at > 0:
            self._drop(at, "no BeginString(8)")
        return len(self._buffer) > self._need

    def _tail(self) -> int:
        """How many bytes at the end may be the beginning of `8=FIX`."""
        buffer = self._buffer
        return next((n for n in range(min(len(_START) - 1, len(buffer)), 0, -1) if buffer.endswith(_START[:n])), 0)

    def _body(self) -> tuple[int, int] | None:
        """Where the body starts and its BodyLength(9); None: not all there yet, (-1, 0): garbled and skipped."""
        buffer = self._buffer
        first = buffer.find(b"\x01", 0, _LONGEST_START)
        second = buffer.find(b"\x01", first + 1, _LONGEST_START) if first >= 0 else -1
        if second < 0:
            if len(buffer) < _LONGEST_START:
                self._need = len(buffer)
                return None
            self._skip("BodyLength(9) is not the second field")
            return -1, 0
        digits = bytes(buffer[first + 3 : second])
        if buffer[first + 1 : first + 3] != b"9=" or not digits.isdigit() or len(digits) > 9:
            self._skip("BodyLength(9) is not the second field or not a number")
            return -1, 0
        length = int(digits)
        if length > self.max_message:
            self._skip(f"BodyLength(9) {length} over {self.max_message}")
            return -1, 0
        return second + 1, length

    def _skip(self, reason: str) -> None:
        """Drop the garbled message at the front, up to the next `8=FIX`."""
        at = self._buffer.find(_START, 1)
        self._garbage = False
        self._drop(at if at > 0 else len(self._buffer) - self._tail(), reason)
        self._need = 0
        self._garbage = at < 0

    def _drop(self, size: int, reason: str) -> None:
        """Drop `size` bytes; garbage that comes in pieces counts once. What it held stays out of the reasons."""
        if not self._garbage:
            self.garbled += 1
            self._reasons.append(f"{reason}: skipped {size} bytes")
        self._garbage = True
        del self._buffer[:size]


def _fault(frame: bytes, at: int) -> str | None:
    """What is wrong with a frame whose body starts at `at`."""
    trailer = frame[-_TRAILER - 1 :]
    body = frame[:-_TRAILER]
    if frame.startswith(b"35=", at) and frame[at + 3] != 1 and trailer == _TRAILERS[checksum(body)]:
        return None
    if not (trailer[0] == trailer[-1] == 1 and trailer.startswith(b"10=", 1)):
        return "no CheckSum(10) where BodyLength(9) says"
    if not frame.startswith(b"35=", at) or frame[at + 3] == 1:
        return "MsgType(35) is not the third field"
    return f"CheckSum(10) {trailer[4:7].decode('latin-1')!r} should be {checksum(body):03d}"


_TRAILERS: Final = tuple(b"\x0110=%03d\x01" % value for value in range(256))
"""The end of a message by its checksum, from the last delimiter of the body on."""
