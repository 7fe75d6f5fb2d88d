"""Tokens: `fbt_` and 43 characters, shown once, stored as SHA-256 in one file of the data directory.

The CLI and the daemon share the file: writers lock it and replace it whole, readers see that it changed.
"""

import contextlib
import fcntl
import hashlib
import ipaddress
import os
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from bridge.outputs.http.principal import Principal, Role

PREFIX = "fbt_"
NAME = re.compile(r"[A-Za-z0-9._-]{1,32}")


class TokenError(Exception):
    """The token cannot be made, or the file cannot be read."""


class Token(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token without its secret. Without `accounts` it covers all; `cidrs` limits where it may be used from."""

    name: str
    role: Role
    accounts: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()
    created: datetime
    expires: datetime | None = None
    sha256: str = ""

    @property
    def principal(self) -> Principal:
        """Whom the token stands for."""
        return Principal(self.name, self.role, self.accounts)


class _File(msgspec.Struct, frozen=True):
    version: int = 1
    tokens: tuple[Token, ...] = ()


def hashed(secret: str) -> str:
    """What is stored of a secret. Secrets have 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


class TokenStore:
    """The tokens of one data directory. `now` gives the current UTC time."""

    def __init__(self, path: str | os.PathLike[str], now: Callable[[], datetime]) -> None:
        self.path = Path(path)
        self._now = now
        self._seen: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}

    def create(
        self,
        name: str,
        role: Role,
        *,
        accounts: tuple[str, ...] = (),
        cidrs: tuple[str, ...] = (),
        expires: datetime | None = None,
    ) -> tuple[str, Token]:
        """A new token and its secret, which is stored nowhere. TokenError for a bad or used name, network or date."""
        if NAME.fullmatch(name) is None:
            raise TokenError(f"a token's name is 1 to 32 of A-Z a-z 0-9 . _ -, not {name!r}")
        for cidr in cidrs:
            try:
                ipaddress.ip_network(cidr)
            except ValueError as error:
                raise TokenError(f"{cidr!r} is no network: {error}") from error
        now = self._now()
        if expires is not None and expires <= now:
            raise TokenError(f"the token would already have expired at {expires.isoformat()}")
        secret = PREFIX + secrets.token_urlsafe(32)
        token = Token(
            name=name, role=role, accounts=accounts, cidrs=cidrs, created=now, expires=expires, sha256=hashed(secret)
        )
        with self._locked() as tokens:
            if any(other.name == name for other in tokens):
                raise TokenError(f"there is a token {name} already")
            tokens.append(token)
        return secret, token

    def revoke(self, name: str) -> bool:
        """Forget a token, in force with the next request; False when there is none of that name."""
        with self._locked() as tokens:
            left = [token for token in tokens if token.name != name]
            found = len(left) < len(tokens)
            tokens[:] = left
        return found

    def all(self) -> tuple[Token, ...]:
        """All tokens by name, without their hashes."""
        self._refresh()
        return tuple(
            msgspec.structs.replace(token, sha256="") for token in sorted(self._tokens.values(), key=lambda t: t.name)
        )

    def find(self, secret: str, address: str | None = None) -> Token | None:
        """The token with this secret, if it is in force now and may be used from `address`."""
        self._refresh()
        token = self._tokens.get(hashed(secret))
        if token is None or (token.expires is not None and token.expires <= self._now()):
            return None
        if token.cidrs and not (address is not None and _within(address, token.cidrs)):
            return None
        return token

    def _refresh(self) -> None:
        """Read the file again when it was replaced or changed."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._seen, self._tokens = None, {}
            return
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            self._tokens = {token.sha256: token for token in self._read()}
            self._seen = seen

    def _read(self) -> tuple[Token, ...]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_File).tokens
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError) as error:
            raise TokenError(f"{self.path} cannot be read: {error}") from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[list[Token]]:
        """The list to change; written when the body ends well."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            tokens = list(self._read())
            yield tokens
            self._write(tuple(tokens))
        finally:
            os.close(lock)

    def _write(self, tokens: tuple[Token, ...]) -> None:
        new = self.path.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_File(tokens=tokens))) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)


def _within(address: str, cidrs: tuple[str, ...]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return any((mapped or ip) in ipaddress.ip_network(cidr) for cidr in cidrs)
