"""Alpaca's synchronous client beside the loop: three lanes of threads, each with warm connections of its own.

Cancels never queue behind orders, orders never behind questions. The client's own retries are off (it repeats a POST
after a 504, which may have been accepted), every request has a timeout (it has none), and sockets give up on
unacknowledged bytes before absence is concluded, so that a healed network delivers nothing old.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from time import perf_counter_ns
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bridge.brokers.alpaca.answers import Denied, NoReply, NotSent, denial
from bridge.vitals import Histogram

EXTRA = "Alpaca needs its client library: pip install fixbridge[alpaca]"


class Lane(Enum):
    """Who waits for whom: nobody across lanes."""

    CANCEL = "cancel"
    ORDER = "order"
    READ = "read"


THREADS = {Lane.CANCEL: 4, Lane.ORDER: 8, Lane.READ: 4}


class Headers(msgspec.Struct, frozen=True):
    """What every answer tells about the rate limit; None where it does not."""

    limit: int | None = None
    remaining: int | None = None
    reset: int | None = None  # unix seconds


class Latency:
    """Time per call in ns: `wire` is request to answer, `queued` the wait for a thread, `library` all the rest."""

    def __init__(self) -> None:
        self.wire: dict[str, Histogram] = {}
        self.queued: dict[str, Histogram] = {}
        self.library: dict[str, Histogram] = {}

    def observe(self, call: str, queued: int, wire: int, whole: int) -> None:
        """Count one call by its name, as in `POST orders`."""
        for table, value in ((self.wire, wire), (self.queued, queued), (self.library, whole - wire)):
            table.setdefault(call, Histogram()).observe(max(0, value))

    def lines(self) -> list[tuple[str, int, int, int, int, int]]:
        """For people: call, count, wire p50 and p99, queue p99, library p50; ns, as upper bounds of buckets."""
        return [
            (
                call,
                wire.count,
                wire.quantile(0.5),
                wire.quantile(0.99),
                self.queued[call].quantile(0.99),
                self.library[call].quantile(0.5),
            )
            for call, wire in sorted(self.wire.items())
        ]


class Rest:
    """The three lanes. `call` is used on the loop; `told` hears every answer's headers there."""

    def __init__(
        self,
        base_url: str,
        key: str,
        secret: str,
        *,
        paper: bool,
        connect_timeout: float,
        read_timeout: float,
        user_timeout: float,
        told: Callable[[Headers, int], None],
    ) -> None:
        """Timeouts in seconds. Raises ImportError with one clear sentence without alpaca-py."""
        self._loop = asyncio.get_running_loop()
        self._told = told
        self._connect_timeout = connect_timeout
        self.latency = Latency()
        self._heard = threading.local()
        self._clients = {
            lane: self._client(base_url, key, secret, paper, (connect_timeout, read_timeout), user_timeout, count)
            for lane, count in THREADS.items()
        }
        self._threads = {
            lane: ThreadPoolExecutor(count, thread_name_prefix=f"alpaca-{lane.value}")
            for lane, count in THREADS.items()
        }

    def _client(
        self,
        base_url: str,
        key: str,
        secret: str,
        paper: bool,
        timeout: tuple[float, float],
        user_timeout: float,
        connections: int,
    ) -> Any:
        try:
            from alpaca.trading.client import TradingClient
        except ImportError as error:
            raise ImportError(EXTRA) from error
        client = TradingClient(key, secret, paper=paper, raw_data=True, url_override=base_url)
        client._retry = 0
        session: Any = client._session
        for scheme in ("https://", "http://"):
            session.mount(scheme, _adapter(connections, user_timeout))
        # A proxy of the environment is on the way to a broker, not to a sandbox on this machine.
        session.trust_env = urlsplit(base_url).hostname not in {"127.0.0.1", "::1", "localhost"}
        plain, heard = session.request, self._heard

        def request(method: str, url: str, **options: Any) -> Any:
            began = perf_counter_ns()
            heard.headers, heard.status = Headers(), 0
            try:
                response = plain(method, url, timeout=timeout, **options)
                heard.status, heard.headers = response.status_code, _headers(response.headers)
                return response
            finally:
                heard.wire = perf_counter_ns() - began

        session.request = request
        return client

    def call(self, lane: Lane, method: str, path: str, data: Any = None) -> "asyncio.Future[Any]":
        """One request, sent once; the future gives the decoded body (None for 204).

        It raises Denied, NotSent or NoReply. Cancelling the future does not take a request back that has left.
        """
        return self._loop.run_in_executor(
            self._threads[lane], self._perform, lane, method, path, data, perf_counter_ns()
        )

    async def warm(self) -> None:
        """A connection and its TLS in each lane, before the first order needs it."""
        await asyncio.gather(*(self.call(lane, "GET", "/clock") for lane in Lane))

    def close(self) -> None:
        """Begin no more requests; those under way end by their timeouts."""
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client._session.close()

    def _perform(self, lane: Lane, method: str, path: str, data: Any, asked: int) -> Any:
        import requests
        from alpaca.common.exceptions import APIError

        heard = self._heard
        heard.wire, heard.status, heard.headers = 0, 0, Headers()
        began = perf_counter_ns()
        try:
            return self._clients[lane]._request(method, path, data)
        except APIError as error:
            status = error.status_code or 0
            said = str(error)
            refused = denial(status, said)
            if refused is not None:
                raise refused from None
            raise NoReply(f"HTTP {status}: {' '.join(said.split())[:160]}") from None
        except requests.exceptions.RequestException as error:
            if isinstance(error, requests.exceptions.JSONDecodeError):
                raise NoReply(f"HTTP {heard.status} with an unreadable body") from None
            never = _never_connected(error)
            raise (NotSent if never else NoReply)(_told(error)) from None
        except (ValueError, OSError) as error:
            raise NoReply(_told(error)) from None
        finally:
            self._measured(f"{method} {path.split('/')[1]}", asked, began)

    def _measured(self, call: str, asked: int, began: int) -> None:
        ended, heard = perf_counter_ns(), self._heard
        wire, headers, status = heard.wire, heard.headers, heard.status

        def tell() -> None:
            self.latency.observe(call, began - asked, wire, ended - began)
            self._told(headers, status)

        try:
            self._loop.call_soon_threadsafe(tell)
        except RuntimeError:  # the loop has ended meanwhile, and nobody counts any more
            return


def _adapter(connections: int, user_timeout: float) -> Any:
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection

    options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(user_timeout * 1000)))

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, socket_options=options, **kwargs)

    return Adapter(pool_connections=1, pool_maxsize=connections, max_retries=0)


def _headers(found: Any) -> Headers:
    def number(name: str) -> int | None:
        value = found.get(name)
        return int(value) if value is not None and str(value).isdigit() else None

    return Headers(number("X-Ratelimit-Limit"), number("X-Ratelimit-Remaining"), number("X-Ratelimit-Reset"))


def _never_connected(error: Exception) -> bool:
    """True when no connection came about, so that not one byte can have left."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    inner: Any = error.args[0] if error.args else None
    inner = getattr(inner, "reason", inner)
    return isinstance(inner, NewConnectionError | ConnectTimeoutError)


def _told(error: Exception) -> str:
    inner: Any = error.args[0] if error.args else None
    inner = getattr(inner, "reason", None) or inner
    return f"{type(error).__name__}: {' '.join(str(inner or error).split())[:160]}"


__all__ = ["EXTRA", "Denied", "Headers", "Lane", "Latency", "NoReply", "NotSent", "Rest"]
