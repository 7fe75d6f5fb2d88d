"""The FIX message log: one line per message with time and direction, secrets masked, rotated by size.

    20240101-00:00:00.000123 STRATEGY in  8=FIX.4.4|9=67|35=A|...|554=***|10=073|

SOH is written as `|`; other control characters as `\\xNN`, so that no peer can forge a line. Lines are gathered and
written by `flush` (the acceptor's tick) or when enough have come, so a message costs no system call of its own.
"""

import os
import re
from pathlib import Path

from fixspec.fields import utc_timestamp_ns

_GATHER_BYTES = 64 * 1024
_SECRETS = re.compile(rb"(?<=\x01)(554|925|1402|1404|96|1400|1401)=[^\x01]*")
_DATA = re.compile(rb"(?<=\x01)95=(\d{1,6})\x0196=")
_SECRETIVE = re.compile(rb"\x0135=(?:A|BE)\x01")
_END = re.compile(rb"\x0110=\d{3}\x01")
_CONTROL = re.compile(rb"[\x00\x02-\x1f\x7f]")


def masked(message: bytes) -> bytes:
    """A message without its Password(554), NewPassword(925) and RawData(96), which are only in Logon(A) and (BE)."""
    if _SECRETIVE.search(message, 0, 64) is None:
        return message
    while (data := _DATA.search(message)) is not None:
        end = data.end() + int(data[1])
        message = message[: data.start()] + b"95=***\x0196=***" + message[max(end, data.end()) :]
    return _SECRETS.sub(rb"\1=***", message)


def readable(message: bytes) -> bytes:
    """SOH as `|`, other control characters escaped."""
    if _CONTROL.search(message) is not None:
        message = _CONTROL.sub(lambda found: b"\\x%02x" % found[0][0], message)
    return message.replace(b"\x01", b"|")


class FileWireLog:
    """Lines in `path`, renamed to `path.1` .. `path.<keep>` when it exceeds `max_bytes`.

    A line that cannot be written (disk full) is dropped and counted in `lost`: this log is for people, the journal and
    the stores are what must not fail.
    """

    def __init__(self, path: str | Path, *, max_bytes: int = 64 * 1024 * 1024, keep: int = 10) -> None:
        """OSError if the file cannot be opened."""
        self.lost = 0
        self._path = Path(path)
        self._max_bytes = max_bytes
        self._keep = keep
        self._lines: list[bytes] = []
        self._gathered = 0
        self._partial: dict[tuple[str, str], bytes] = {}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def write(self, session_id: str, direction: str, data: bytes, at_ns: int) -> None:
        """Take bytes as they were read or written; pieces wait until their message is whole."""
        head = b"%b %b %-4b" % (utc_timestamp_ns(at_ns, 6), session_id.encode(), direction.encode())
        if direction == "note":
            self._add(head + readable(data))
            return
        key = (session_id, direction)
        data = self._partial.pop(key, b"") + data
        start = 0
        for end in _END.finditer(data):
            self._add(head + readable(masked(data[start : end.end()])))
            start = end.end()
        if start < len(data):
            rest = data[start:]
            if len(rest) > _GATHER_BYTES:
                self._add(head + b"(%d bytes without an end)" % len(rest))
            else:
                self._partial[key] = rest

    def flush(self) -> None:
        """Write what was gathered."""
        if not self._lines:
            return
        block = b"".join(self._lines)
        count = len(self._lines)
        self._lines.clear()
        self._gathered = 0
        try:
            if os.write(self._fd, block) != len(block):
                self.lost += 1
            if os.fstat(self._fd).st_size > self._max_bytes:
                self._rotate()
        except OSError:
            self.lost += count

    def close(self) -> None:
        """Write what was gathered and close the file."""
        self.flush()
        os.close(self._fd)

    def _add(self, line: bytes) -> None:
        self._lines.append(line + b"\n")
        self._gathered += len(line)
        if self._gathered > _GATHER_BYTES:
            self.flush()

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _rotate(self) -> None:
        os.close(self._fd)
        for number in range(self._keep, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = self._path if number == 1 else self._path.with_name(f"{self._path.name}.{number - 1}")
            if newer.exists():
                newer.replace(older)
        self._open()
