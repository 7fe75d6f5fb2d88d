"""The door before the application: host names, origins, tokens, rates, the audit line, and headers on every answer.

Plain ASGI around everything, so that no route can forget it. It decides *who* asks; what they may is each route's role.
"""

import ipaddress
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog

from bridge.outputs.http.errors import CHANGES, PROBLEM_JSON
from bridge.outputs.http.principal import ANONYMOUS, Principal
from bridge.outputs.http.tokens import Token, TokenStore
from bridge.problems import Problem, problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "fixbridge"
PRINCIPAL = "fixbridge.principal"  # where routes find who asks, in the ASGI scope
VALID = "fixbridge.valid"  # whether the token still holds, for connections that outlive a request
OPEN_PATHS = ("/healthz", "/readyz", "/metrics", "/v1/openapi.json", "/problems/", "/v1/login", "/v1/logout")
CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY),
)

_audit = structlog.get_logger("bridge.audit")


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """How the door is set.

    `hosts` are the names this daemon answers to; addresses always are, a rebound name never is. `origins` are foreign
    pages that may change things. `open_loopback` lets requests from this machine in without a token: only in the
    default paper configuration. `rate` and `burst` are requests a second and at once, per token.
    """

    hosts: tuple[str, ...] = ("localhost",)
    origins: tuple[str, ...] = ()
    open_loopback: bool = False
    rate: float = 50.0
    burst: float = 100.0


class _Bucket:
    """A token bucket; `level` is what may be taken at `at`."""

    __slots__ = ("at", "level")

    def __init__(self, level: float, at: float) -> None:
        self.level = level
        self.at = at


class Rates:
    """One bucket per name. `take` gives the seconds to wait, 0 when the request may pass."""

    def __init__(self, rate: float, burst: float, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._buckets: dict[str, _Bucket] = {}

    def take(self, name: str) -> float:
        """Take one request out of `name`'s bucket."""
        now = self._monotonic()
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= 4096:
                self._forget(now)
            bucket = self._buckets[name] = _Bucket(self._burst, now)
        bucket.level = min(self._burst, bucket.level + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.level < 1:
            return (1 - bucket.level) / self._rate
        bucket.level -= 1
        return 0.0

    def _forget(self, now: float) -> None:
        """Drop the buckets that are full again: a new one would be the same."""
        full = self._burst / self._rate
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if now - bucket.at < full}


class Refused(Exception):
    """The request ends at the door."""

    def __init__(self, refusal: Problem) -> None:
        super().__init__(refusal.detail)
        self.problem = refusal


class Door:
    """Wraps `app`, set once it is made. `observe(route, method, status, seconds)` is told of every finished request."""

    def __init__(
        self,
        access: Access,
        tokens: TokenStore | None = None,
        *,
        public: Callable[[str], bool] = lambda path: False,
        observe: Callable[[str, str, int, float], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app: App
        self.closers: list[Callable[[], Awaitable[None]]] = []
        self.access = access
        self._tokens = tokens
        self._hosts = {name.lower() for name in access.hosts}
        self._public = public
        self._observe = observe
        self._monotonic = monotonic
        self.rates = Rates(access.rate, access.burst, monotonic)

    async def close(self) -> None:
        """End what outlives requests; called before the listener stops."""
        for closer in self.closers:
            await closer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        began = self._monotonic()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        changes = scope["type"] == "http" and scope["method"] in CHANGES
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), *_missing(message)]}
            await send(message)

        try:
            self._host(headers)
            self._origin(scope, headers, changes)
            self._media_type(headers, changes)
            principal = self._principal(scope, headers)
            if principal is not None:
                scope[PRINCIPAL] = principal
            elif not self._open(scope):
                raise Refused(problem("unauthenticated", "send `Authorization: Bearer fbt_…`"))
            self._rate(scope, principal)
        except Refused as refused:
            await _refuse(scope, receive, watched, refused.problem)
        else:
            await self.app(scope, receive, watched)
        finally:
            if scope["type"] == "http":
                self._finished(scope, changes, status, self._monotonic() - began)

    def _host(self, headers: dict[bytes, bytes]) -> None:
        """Only our own names and plain addresses: a page whose name was rebound to us sends its own name."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = urlsplit(f"//{host}").hostname or ""
        if name not in self._hosts and not _is_address(name):
            raise Refused(problem("misdirected", f"{name or 'no host name'} is not among http.hosts"))

    def _origin(self, scope: Scope, headers: dict[bytes, bytes], changes: bool) -> None:
        """Browsers name the page that asks: for a change or a stream it must be ours."""
        if not changes and scope["type"] == "http":
            return
        origin = headers.get(b"origin")
        if origin is not None:
            text = origin.decode("latin-1").lower()
            host = headers.get(b"host", b"").decode("latin-1").lower()
            if urlsplit(text).netloc != host and text not in self.access.origins:
                raise Refused(problem("forbidden", f"pages of {text} may not do this"))
        elif headers.get(b"sec-fetch-site") not in (None, b"same-origin", b"none"):
            raise Refused(problem("forbidden", "another site's page may not do this"))

    def _media_type(self, headers: dict[bytes, bytes], changes: bool) -> None:
        if not changes or (headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers):
            return
        media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if media_type != b"application/json":
            raise Refused(problem("unsupported-media-type", "send `Content-Type: application/json`"))

    def _principal(self, scope: Scope, headers: dict[bytes, bytes]) -> Principal | None:
        """Who asks, None when nobody says so. A token that is given and wrong is refused, also on open paths; a cookie
        that is no longer good counts as none there, so that one can log in again.
        """
        secret = _bearer(headers)
        if secret is None:
            secret = _cookie(headers)
            if secret is not None and self._open(scope) and self._find(secret, scope) is None:
                secret = None
        address = scope["client"][0] if scope.get("client") else None
        if secret is not None:
            token = self._find(secret, scope)
            if token is None:
                raise Refused(problem("unauthenticated", "the token is unknown, expired, or not for this address"))
            scope[VALID] = lambda: self._find(secret, scope) is not None
            return token.principal
        forwarded = b"forwarded" in headers or b"x-forwarded-for" in headers
        if self.access.open_loopback and not forwarded and address is not None and _is_loopback(address):
            return ANONYMOUS
        return None

    def _find(self, secret: str, scope: Scope) -> Token | None:
        address = scope["client"][0] if scope.get("client") else None
        return self._tokens.find(secret, address) if self._tokens is not None else None

    def _open(self, scope: Scope) -> bool:
        """Paths that need no token; a WebSocket may still name its token in the first frame."""
        path: str = scope["path"]
        return scope["type"] == "websocket" or path.startswith(OPEN_PATHS) or self._public(path)

    def _rate(self, scope: Scope, principal: Principal | None) -> None:
        address = scope["client"][0] if scope.get("client") else ""
        wait = self.rates.take(f"token {principal.name}" if principal is not None else f"address {address}")
        if wait:
            seconds = max(1, round(wait))
            raise Refused(
                problem("throttled", f"more than {self.access.rate:g} requests a second", retry_after=seconds)
            )

    def _finished(self, scope: Scope, changes: bool, status: int, seconds: float) -> None:
        if self._observe is not None:
            self._observe(str(scope.get("path_template") or "other"), scope["method"], status, seconds)
        if changes:
            principal: Principal | None = scope.get(PRINCIPAL)
            _audit.info(
                "change asked for",
                who=principal.name if principal is not None else None,
                address=scope["client"][0] if scope.get("client") else None,
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("latin-1"),
                status=status,
            )


def _missing(message: Message) -> list[tuple[bytes, bytes]]:
    """Our headers, where the application has not set them itself."""
    present = {name.lower() for name, _ in message.get("headers", ())}
    headers = [pair for pair in HEADERS if pair[0] not in present]
    if b"cache-control" not in present:
        headers.append((b"cache-control", b"no-store"))
    return headers


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: Problem) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send(
            {"type": "websocket.close", "code": 4401 if refusal.status == 401 else 4403, "reason": refusal.title}
        )
        return
    headers = [(b"content-type", PROBLEM_JSON.encode())]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(refusal.retry_after).encode()))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="fixbridge"'))
    body = msgspec.json.encode(refusal)
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _bearer(headers: dict[bytes, bytes]) -> str | None:
    scheme, _, secret = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _cookie(headers: dict[bytes, bytes]) -> str | None:
    try:
        morsel = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
