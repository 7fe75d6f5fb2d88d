"""Names that come out the same after any loss of memory (DURABILITY section 6): pure functions of the request."""

from datetime import date
from hashlib import blake2s

# base32 of ten bits at a time: the library's own encoder is pure Python and takes three times as long
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]


def base32_20(key: str) -> str:
    """The first 20 characters of the base32 form of a 13-byte BLAKE2s hash of `key`."""
    bits = int.from_bytes(blake2s(key.encode(), digest_size=13).digest(), "big") >> 4
    pairs = _PAIRS
    return (
        pairs[bits >> 90]
        + pairs[bits >> 80 & 1023]
        + pairs[bits >> 70 & 1023]
        + pairs[bits >> 60 & 1023]
        + pairs[bits >> 50 & 1023]
        + pairs[bits >> 40 & 1023]
        + pairs[bits >> 30 & 1023]
        + pairs[bits >> 20 & 1023]
        + pairs[bits >> 10 & 1023]
        + pairs[bits & 1023]
    )


def broker_client_id(session_id: str, cl_ord_id: str, day: date, leg: int = 0) -> str:
    """Our id for the order at its broker: 21 characters of `f` and base32, the same for every resend of one message.

    `day` is the date of the client's TransactTime(60): it keeps ids apart when a ClOrdID(11) is used again later.
    """
    key = f"{session_id}\x00{cl_ord_id}\x00{day.isoformat()}\x00{leg}"
    return "f" + base32_20(key).lower()


def is_ours(client_id: str | None) -> bool:
    """Does a broker's listing carry an id of our making?"""
    return client_id is not None and len(client_id) == 21 and client_id[0] == "f" and client_id.isalnum()


def fill_exec_id(broker: str, account: str, exec_root: str, revision: int = 0) -> str:
    """ExecID(17) of an execution: `T` and 20 characters of base32, so that a repeat of the broker's word is
    recognised.
    """
    key = f"{broker}\x00{account}\x00{exec_root}\x00{revision}"
    return "T" + base32_20(key)


def entry_exec_id(seq: int, partition: int = 0) -> str:
    """ExecID(17) of a report that is no fill: `E` and the journal number."""
    return f"E{seq}" if partition == 0 else f"E{partition}-{seq}"


def render_order_id(order_id: int, partition: int = 0) -> str:
    """OrderID(37): the bare number in partition 0."""
    return str(order_id) if partition == 0 else f"{partition}-{order_id}"


def parse_order_id(text: str) -> int | None:
    """The number in an OrderID(37) of ours, None when it is not one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
