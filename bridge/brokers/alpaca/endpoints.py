"""Where Alpaca is, by mode. A paper connection can never be given a live address, nor the other way round."""

from urllib.parse import urlsplit

import msgspec

from bridge.orders.events import Mode

PAPER_HOST = "paper-api.alpaca.markets"
LIVE_HOST = "api.alpaca.markets"
DATA_STREAM = "wss://stream.data.alpaca.markets"
KEY_PREFIX = {Mode.PAPER: "AK", Mode.LIVE: "PK"}
"""How keys of the *other* mode begin: Alpaca's live keys begin with AK, its paper keys with PK."""


class WrongMode(ValueError):
    """Address or key belong to the other mode. The text says which and what to change; it never holds the key."""


class Endpoints(msgspec.Struct, frozen=True):
    """`rest` without `/v2`, as the client library wants it; `order_stream` is the whole address."""

    mode: Mode
    rest: str
    order_stream: str


def endpoints(mode: Mode, rest: str | None = None, order_stream: str | None = None) -> Endpoints:
    """The addresses of one mode, or one's own (a sandbox, a proxy). Raises WrongMode."""
    host = PAPER_HOST if mode is Mode.PAPER else LIVE_HOST
    address = (rest or f"https://{host}").rstrip("/").removesuffix("/v2")
    stream = order_stream or "ws" + address.removeprefix("http") + "/stream"
    for url, schemes in ((address, {"http", "https"}), (stream, {"ws", "wss"})):
        parts = urlsplit(url)
        if parts.scheme not in schemes or not parts.hostname:
            raise WrongMode(f"{url} is no address; expected {' or '.join(sorted(schemes))}://host")
        if parts.hostname in {PAPER_HOST, LIVE_HOST} and parts.hostname != host:
            raise WrongMode(f"{url} is not for a {mode.value} connection, {host} is")
        if parts.hostname in {PAPER_HOST, LIVE_HOST} and parts.scheme in {"http", "ws"}:
            raise WrongMode(f"{url} would send the key in the clear")
    return Endpoints(mode, address, stream)


def check_key(mode: Mode, key: str) -> None:
    """The mode belongs to the credentials (ADAPTERS A.12). Raises WrongMode."""
    if key.startswith(KEY_PREFIX[mode]):
        other = "live" if mode is Mode.PAPER else "paper"
        change = "`live: true` and --live are needed" if mode is Mode.PAPER else "leave `live: true` out"
        raise WrongMode(f"this is a {other} key; {change}")
