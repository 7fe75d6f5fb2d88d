"""A daemon elsewhere: the engine's commands and the lists of the desk over its REST interface.

Only what the standard library has is used. A request that was never handed over (`Unreachable`) and one that was and
got no answer (`NoAnswer`) are told apart as on the control socket.
"""

import http.client
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from bridge.control_commands import OrderAnswer
from bridge.control_frames import NoAnswer, Unreachable
from bridge.problems import Problem, ProblemError, problem
from fixspec.messages import NewOrderSingle

T = TypeVar("T")
PAGE = 500
PREFER = {"Prefer": "wait=2"}  # answer with the broker's word, as the commands do beside the journal
ORDER_FIELDS = (
    "cl_ord_id",
    "account",
    "symbol",
    "side",
    "ord_type",
    "order_qty",
    "price",
    "stop_px",
    "time_in_force",
)


class NotOverRest(Exception):
    """The REST interface has no such command; the text names it."""


class Request(msgspec.Struct, frozen=True):
    """One request below /v1; `unpack` makes the answer's document what the command answers."""

    method: str
    path: str
    body: Any = None
    params: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}
    unpack: Callable[[Any], Any] = lambda document: document


class Remote:
    """One daemon by its URL. `token` is sent as a bearer token; `ca` are the authorities of an https URL, PEM."""

    def __init__(self, url: str, token: str | None = None, *, ca: str | None = None) -> None:
        parts = urlsplit(url)
        self.url = url.rstrip("/")
        self._host, self._base = parts.netloc, parts.path.rstrip("/")
        self._tls = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
        self._token = token

    def ask(self, name: str, answer: type[T], arguments: Mapping[str, Any], *, timeout: float) -> T:
        """One of the engine's commands. Raises Unreachable, NoAnswer, ProblemError; NotOverRest for one it has not."""
        make = COMMANDS.get(name)
        if make is None:
            raise NotOverRest(name)
        request = make(arguments)
        document, headers = self.send(request, timeout=timeout)
        if answer is OrderAnswer:
            replayed = headers.get("Idempotency-Replayed") == "true"
            document = {"order": document, "seq": document["last_seq"], "replayed": replayed}
        return msgspec.convert(request.unpack(document), answer, strict=False)

    def items(self, resource: str, **params: Any) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page."""
        cursor = None
        while True:
            asked = {**params, "cursor": cursor}
            document, _ = self.send(Request("GET", f"/{resource}", params=asked))
            yield from document["items"]
            cursor = document.get("next")
            if cursor is None:
                return

    def get(self, resource: str, **params: Any) -> Any:
        """One document."""
        return self.send(Request("GET", f"/{resource}", params=params))[0]

    def send(self, request: Request, *, timeout: float = 10.0) -> tuple[Any, Mapping[str, str]]:
        """The answer's document and headers. Raises Unreachable, NoAnswer, ProblemError."""
        given = {name: value for name, value in request.params.items() if value is not None}
        path = f"{self._base}/v1{request.path}" + (f"?{urlencode(given)}" if given else "")
        headers = {"Accept": "application/json", **request.headers}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        body = None
        if request.body is not None:
            body = msgspec.json.encode(request.body)
            headers["Content-Type"] = "application/json"
        if self._tls is not None:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host, timeout=timeout, context=self._tls
            )
        else:
            connection = http.client.HTTPConnection(self._host, timeout=timeout)
        try:
            try:
                connection.connect()
            except OSError as error:
                raise Unreachable(f"{self.url} cannot be reached: {error}") from error
            try:
                connection.request(request.method, path, body, headers)
                response = connection.getresponse()
                told = response.read()
            except (OSError, http.client.HTTPException) as error:
                raise NoAnswer(f"{self.url} was asked and gave no answer: {error!r}") from error
            if response.status >= 400:
                raise ProblemError(_problem(response.status, told, self.url))
            try:
                return (json.loads(told) if told else None), dict(response.getheaders())
            except ValueError as error:
                raise NoAnswer(f"{self.url} gave an answer that is not JSON; is a fixbridge there?") from error
        finally:
            connection.close()


def _problem(status: int, told: bytes, url: str) -> Problem:
    """The problem in an answer; one made up when something between us and the daemon answered."""
    try:
        return msgspec.json.decode(told, type=Problem)
    except msgspec.DecodeError:
        slug = {401: "unauthenticated", 403: "forbidden", 429: "throttled", 502: "unavailable", 503: "unavailable"}
        return problem(
            slug.get(status, "outcome-unknown" if status == 504 else "internal"), f"HTTP {status} from {url}"
        )


# --- the engine's commands as requests -------------------------------------------------------------------------------


def _order(arguments: Mapping[str, Any], *, dry_run: bool) -> Request:
    message: NewOrderSingle = arguments["order"]
    fields = {name: getattr(message, name) for name in ORDER_FIELDS}
    body = {name: value for name, value in fields.items() if value is not None}
    params = {"dry_run": "true"} if dry_run else {}
    return Request("POST", "/orders", _plain(body), params, PREFER)


def _replace(arguments: Mapping[str, Any]) -> Request:
    change = msgspec.structs.asdict(arguments["change"])
    body = {name: value for name, value in change.items() if value is not None}
    return Request("PATCH", f"/orders/{arguments['order_id']}", _plain(body), headers=PREFER)


def _cancel(arguments: Mapping[str, Any]) -> Request:
    params = {"cl_ord_id": arguments["cl_ord_id"]}
    return Request("DELETE", f"/orders/{arguments['order_id']}", params=params, headers=PREFER)


def _scoped(verb: str, *fields: str) -> Callable[[Mapping[str, Any]], Request]:
    def make(arguments: Mapping[str, Any]) -> Request:
        wanted = ("scope", "name", "reason", *fields)
        return Request("POST", f"/risk/{verb}", {name: arguments[name] for name in wanted})

    return make


def _limit(arguments: Mapping[str, Any]) -> Request:
    where = f"{arguments['rule']}:{arguments['scope'].value}:{arguments['name']}"
    body = {name: arguments[name] for name in ("value", "reason", "expiry") if arguments[name] is not None}
    return Request("PATCH", f"/risk/limits/{quote(where, safe=':')}", body)


def _session(verb: str, *fields: str, method: str = "POST") -> Callable[[Mapping[str, Any]], Request]:
    def make(arguments: Mapping[str, Any]) -> Request:
        body = {name: arguments[name] for name in ("reason", *fields) if arguments[name] is not None}
        return Request(method, f"/sessions/{quote(arguments['session_id'], safe='')}/{verb}", body)

    return make


def _reconcile(arguments: Mapping[str, Any]) -> Request:
    if arguments.get("accept_positions"):
        raise NotOverRest("reconcile with --accept-positions")
    return Request("POST", f"/brokers/{quote(arguments['broker'], safe='')}/reconcile")


def _items(document: Any) -> Any:
    return document["items"]


COMMANDS: dict[str, Callable[[Mapping[str, Any]], Request]] = {
    "status": lambda _: Request("GET", "/status"),
    "new_order": lambda a: _order(a, dry_run=False),
    "dry_run": lambda a: _order(a, dry_run=True),
    "replace_order": _replace,
    "cancel_order": _cancel,
    "explain": lambda a: Request("GET", f"/orders/{a['order_id']}/verdict"),
    "halt": _scoped("halt", "state"),
    "resume": _scoped("resume", "state"),
    "kill": _scoped("kill", "flatten"),
    "kill_report": lambda a: Request("GET", f"/risk/kills/{a['kill_id']}"),
    "risk_limits": lambda _: Request("GET", "/risk/limits", unpack=_items),
    "risk_set": _limit,
    "market": lambda a: Request("GET", "/quotes", params={"symbols": ",".join(a["symbols"])}, unpack=_items),
    "reconcile": _reconcile,
    "session_disconnect": _session("disconnect"),
    "session_reset": _session("reset"),
    "session_next_numbers": _session("next-numbers", "next_in", "next_out"),
    "session_enable": _session("enabled", "enabled", method="PUT"),
    "configuration": lambda _: Request("GET", "/config"),
}


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """Decimals as text without an exponent; the rest as JSON has it."""
    return {name: f"{value:f}" if hasattr(value, "as_tuple") else value for name, value in body.items()}
