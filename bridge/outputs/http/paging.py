"""Cursors: opaque to the client, the last number shown inside; stable because numbers only grow."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from msgspec import Meta

from bridge.problems import refuse

LIMIT = 100
MAX_LIMIT = 500
SCAN = 50_000  # rows looked at for one page: a rare filter gives short pages instead of a long wait

Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="Items of a page")]
Cursor = Annotated[str, Meta(min_length=1, max_length=64, description="`next` of the page before")]


def cursor(kind: str, number: int) -> str:
    """The cursor that goes on below `number`."""
    return urlsafe_b64encode(f"{kind}{number}".encode()).decode().rstrip("=")


def below(kind: str, text: str | None) -> int | None:
    """The number in a cursor, None without one; ProblemError `malformed` for anything we did not write."""
    if text is None:
        return None
    try:
        inside = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        inside = ""
    number = inside.removeprefix(kind)
    if not inside.startswith(kind) or not (number.isdigit() and len(number) <= 18) or cursor(kind, int(number)) != text:
        raise refuse("malformed", "cursor: not one of this list")
    return int(number)
