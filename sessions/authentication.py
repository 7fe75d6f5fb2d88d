"""Is the sender of this Logon(A) who it says it is?

Password: Username(553) and Password(554) against an argon2 hash. The hash is slow on purpose, so it is verified in a
thread of its own and no session waits for it.

Signed: the secret never travels and a recorded Logon(A) is worth nothing.

    RawData(96)  = T "." N      T: milliseconds since 1970 UTC, decimal; N: at least 16 random characters
    Password(554) = lower-case hex of HMAC-SHA256(secret, RawData SOH SenderCompID SOH TargetCompID SOH MsgSeqNum)

with the CompIDs and MsgSeqNum(34) as they stand in the Logon(A). It is taken if T is within the session's window of our
clock and not older than this process, N has not been seen within the window, and the signature is right. A process
forgets the nonces it saw when it ends: hence "not older than this process".
"""

import asyncio
import hmac
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fixspec.messages import Header, Logon
from sessions.config import HmacCredential, PasswordCredential, SessionConfig

_MIN_NONCE = 16
_MAX_NONCES = 100_000


class Nonces:
    """Nonces seen, until they could not be taken any more anyway. Bounded; full means no."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[bytes, int] = {}

    def fresh(self, nonce: bytes, until_ms: int, now_ms: int) -> bool:
        """Remember `nonce` until `until_ms`; False if it is known or there is no room."""
        if len(self._seen) >= _MAX_NONCES:
            self._seen = {known: until for known, until in self._seen.items() if until > now_ms}
        if nonce in self._seen or len(self._seen) >= _MAX_NONCES:
            return False
        self._seen[nonce] = until_ms
        return True


class Authenticator:
    """Verifies Logon(A) messages; `close` ends its thread."""

    def __init__(self, started_ns: int) -> None:
        """`started_ns`: UTC nanoseconds; signatures made before are not taken."""
        self._started_ms = started_ns // 1_000_000
        self._nonces = Nonces()
        self._hasher = PasswordHasher()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fix-logon")

    def needs_time(self, config: SessionConfig) -> bool:
        """Whether `verify` must be awaited (a password), or `verify_at_once` will do."""
        return isinstance(config.credential, PasswordCredential)

    def verify_at_once(self, config: SessionConfig, header: Header, logon: Logon, now_ns: int) -> bool:
        """A session without credential, or with a signature."""
        credential = config.credential
        if credential is None:
            return True
        assert isinstance(credential, HmacCredential)
        return self._signature_is_right(credential, header, logon, now_ns // 1_000_000)

    async def verify(self, config: SessionConfig, logon: Logon) -> bool:
        """A password, in the thread; a wrong Username(553) takes as long as a wrong Password(554)."""
        credential = config.credential
        assert isinstance(credential, PasswordCredential)
        # The bytes as they came: an argon2 hash of UTF-8 text matches a password sent in UTF-8.
        password = (logon.password or "").encode("latin-1", "replace")
        right = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._password_is_right, credential.argon2_hash, password
        )
        return right and hmac.compare_digest((logon.username or "").encode(), credential.username.encode())

    def close(self) -> None:
        """End the thread without waiting for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _password_is_right(self, argon2_hash: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(argon2_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _signature_is_right(self, credential: HmacCredential, header: Header, logon: Logon, now_ms: int) -> bool:
        raw = logon.raw_data or b""
        stamp, _, nonce = raw.partition(b".")
        if not stamp.isdigit() or len(stamp) > 15 or len(nonce) < _MIN_NONCE:
            return False
        window_ms = int(credential.window_seconds * 1000)
        made_ms = int(stamp)
        if abs(now_ms - made_ms) > window_ms or made_ms < self._started_ms:
            return False
        expected = signature(
            credential.secret, raw, header.sender_comp_id, header.target_comp_id, header.msg_seq_num
        ).encode()
        if not hmac.compare_digest((logon.password or "").encode("latin-1", "replace"), expected):
            return False
        if not hmac.compare_digest((logon.username or "").encode(), credential.username.encode()):
            return False
        # Last, so that only the holder of the secret can fill the memory of nonces.
        return self._nonces.fresh(nonce, made_ms + window_ms, now_ms)


def signature(secret: bytes, raw_data: bytes, sender_comp_id: str, target_comp_id: str, msg_seq_num: int) -> str:
    """What a signed Logon(A) carries in Password(554)."""
    text = b"\x01".join((raw_data, sender_comp_id.encode(), target_comp_id.encode(), b"%d" % msg_seq_num))
    return hmac.new(secret, text, sha256).hexdigest()


def signer(config: SessionConfig, utc_ns: Callable[[], int]) -> Callable[[int], tuple[bytes, str]]:
    """For an initiator: MsgSeqNum(34) -> RawData(96) and Password(554) of a signed Logon(A)."""
    assert config.outgoing is not None
    secret = config.outgoing.password.encode()

    def sign(msg_seq_num: int) -> tuple[bytes, str]:
        raw = b"%d.%b" % (utc_ns() // 1_000_000, secrets.token_urlsafe(24).encode())
        return raw, signature(secret, raw, config.id.sender_comp_id, config.id.target_comp_id, msg_seq_num)

    return sign


def hash_password(password: str) -> str:
    """An argon2id hash for `PasswordCredential`."""
    return PasswordHasher().hash(password)
