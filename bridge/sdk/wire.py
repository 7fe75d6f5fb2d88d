"""REST underneath: requests that may be repeated, answers as Structs, problems as exceptions."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx
import msgspec

from bridge.problems import Problem, problem
from bridge.sdk.errors import BridgeError, OutcomeUnknown, Unavailable, error_of, unavailable

T = TypeVar("T")

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Wire:
    """One HTTP connection pool. `retry_for` seconds are spent on repeating what may be repeated."""

    def __init__(self, url: str, token: str | None, *, timeout: float, retry_for: float, verify: Any) -> None:
        headers = {"accept": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self.url = url.rstrip("/")
        self.retry_for = retry_for
        self._client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=timeout, verify=verify)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, path: str, kind: type[T], params: Mapping[str, Any] | None = None) -> T:
        """Read something; repeated until it is answered or `retry_for` is over."""
        return (await self.request("GET", path, kind, params=params))[0]

    async def request(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        cl_ord_id: str | None = None,
        once: bool = False,
    ) -> tuple[T, httpx.Response]:
        """Ask, and ask again while there is no answer: every request of ours is safe to repeat, unless `once`.

        Raises the BridgeError of the answer; Unavailable when no try was ever handed over; OutcomeUnknown when one was
        and no answer came.
        """
        deadline = asyncio.get_running_loop().time() + self.retry_for
        handed_over = False
        pause = 0.05
        while True:
            try:
                response = await self._client.request(
                    method,
                    path,
                    content=None if body is None else msgspec.json.encode(body),
                    params=None
                    if params is None
                    else {name: value for name, value in params.items() if value is not None},
                    headers={**(headers or {}), **({} if body is None else {"content-type": "application/json"})},
                )
            except NOT_SENT as error:
                failure: BridgeError = unavailable(f"{self.url} cannot be reached: {error}")
            except httpx.TransportError as error:
                handed_over = True
                failure = OutcomeUnknown(problem("outcome-unknown", f"no answer: {error!r}"), cl_ord_id)
            else:
                if response.status_code < 400:
                    return _decoded(response, kind), response
                failure = error_of(_problem(response))
                if isinstance(failure, OutcomeUnknown):
                    handed_over = True
                    failure.cl_ord_id = cl_ord_id
                elif not isinstance(failure, Unavailable):
                    raise failure
                pause = max(pause, float(failure.problem.retry_after or 0))
            left = deadline - asyncio.get_running_loop().time()
            if once or left <= pause:
                if handed_over and method != "GET" and not isinstance(failure, OutcomeUnknown):
                    failure = OutcomeUnknown(problem("outcome-unknown", str(failure)), cl_ord_id)
                raise failure
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - jitter, no secret
            pause = min(2 * pause, 2.0)


def _decoded(response: httpx.Response, kind: type[T]) -> T:
    if kind is type(None):
        return None
    return msgspec.json.decode(response.content, type=kind)


def _problem(response: httpx.Response) -> Problem:
    """The problem in an answer; one made up when something between us and the bridge answered."""
    try:
        return msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        kinds = {429: "throttled", 502: "unavailable", 503: "unavailable", 504: "outcome-unknown"}
        slug = kinds.get(response.status_code, "internal")
        made = problem(slug, f"HTTP {response.status_code} from {response.url.host}")
        return msgspec.structs.replace(made, status=response.status_code if slug == "internal" else made.status)


def amount(value: Any, name: str) -> str | None:
    """A quantity or price as text. TypeError for a float: it would have lost the price before it got here."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, float)):
        raise TypeError(f"{name} must be a str, an int or a Decimal, not the {type(value).__name__} {value!r}")
    return f"{value:f}" if hasattr(value, "as_tuple") else str(value)


def loop_call(callback: Callable[..., Any], *arguments: Any) -> None:
    """Call a listener; one that returns an awaitable is run as a task of its own."""
    result = callback(*arguments)
    if asyncio.iscoroutine(result):
        task = asyncio.ensure_future(result)
        _running.add(task)
        task.add_done_callback(_running.discard)


_running: set["asyncio.Future[Any]"] = set()
