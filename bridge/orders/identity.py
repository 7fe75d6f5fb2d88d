"""Names that come out the same after any loss of memory (DURABILITY section 6): pure functions of the request."""

from base64 import b32encode
from datetime import date
from hashlib import blake2s


def broker_client_id(session_id: str, cl_ord_id: str, day: date, leg: int = 0) -> str:
    """Our id for the order at its broker: 21 characters of `f` and base32, the same for every resend of one message.

    `day` is the date of the client's TransactTime(60): it keeps ids apart when a ClOrdID(11) is used again later.
    """
    key = f"{session_id}\x00{cl_ord_id}\x00{day.isoformat()}\x00{leg}"
    return "f" + b32encode(blake2s(key.encode(), digest_size=13).digest()).decode()[:20].lower()


def fill_exec_id(broker: str, account: str, exec_root: str, revision: int = 0) -> str:
    """ExecID(17) of an execution: `T` and 20 characters of base32, so that a repeat of the broker's word is
    recognised.
    """
    key = f"{broker}\x00{account}\x00{exec_root}\x00{revision}"
    return "T" + b32encode(blake2s(key.encode(), digest_size=13).digest()).decode()[:20]


def entry_exec_id(seq: int, partition: int = 0) -> str:
    """ExecID(17) of a report that is no fill: `E` and the journal number."""
    return f"E{seq}" if partition == 0 else f"E{partition}-{seq}"


def render_order_id(order_id: int, partition: int = 0) -> str:
    """OrderID(37): the bare number in partition 0."""
    return str(order_id) if partition == 0 else f"{partition}-{order_id}"


def parse_order_id(text: str) -> int | None:
    """The number in an OrderID(37) of ours, None when it is not one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
