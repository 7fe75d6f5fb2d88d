"""What a request to Alpaca can come to: an answer, a refusal that is an answer, or nothing, which is none.

Alpaca's messages change, its codes and statuses are the contract; a code stands for many cases, so the message narrows
it where that is safe, and a code nobody knows is told as it came, counted and logged.
"""

import json
import re
from typing import Any

from bridge.orders.reasons import ReasonCode
from fixspec.enums import CxlRejReason

NOT_UNIQUE = "client_order_id must be unique"


class NoReply(Exception):
    """No answer: a timeout, a lost connection, 5xx, an unreadable body. Whether it was carried out is unknown."""


class NotSent(NoReply):
    """Proof that nothing left: no connection could be made, or we decided not to send."""


class Throttled(NotSent):
    """The rate limit is used up; nothing left."""


class Denied(Exception):
    """Alpaca answered and said no: HTTP 4xx with its JSON. `code` is Alpaca's, None where it sends none (401)."""

    def __init__(self, status: int, code: int | None, text: str, body: Any = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text
        self.body = body

    @property
    def broker_code(self) -> str:
        """What goes into reports as the broker's own code."""
        return str(self.code) if self.code is not None else f"HTTP {self.status}"

    @property
    def unknown_order(self) -> bool:
        """Alpaca itself says that there is no such order: 404 with its code, not some proxy's page."""
        return self.status == 404 and self.code == 40410000

    @property
    def throttled(self) -> bool:
        """Too many requests; nothing was done."""
        return self.status == 429


def denial(status: int, text: str) -> Denied | None:
    """The refusal that an error body is, None where it is no answer of Alpaca's (5xx, 408, pages of proxies)."""
    if not 400 <= status < 500 or status == 408:
        return None
    try:
        body = json.loads(text)
    except ValueError:
        # Some proxy between us and them: it proves nothing about the order. 429 is the exception that every proxy
        # means in the same way.
        return Denied(status, None, "too many requests") if status == 429 else None
    if not isinstance(body, dict):
        return None
    code, message = body.get("code"), body.get("message")
    if not isinstance(message, str):
        return None
    return Denied(status, code if isinstance(code, int) else None, message, body)


# Narrower than the code, where the words are plain; the first that matches.
_WORDS: tuple[tuple[re.Pattern[str], ReasonCode], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), code)
    for pattern, code in (
        (r"client_order_id must be unique", ReasonCode.DUP_CLORDID),
        (r"buying power|insufficient balance", ReasonCode.BUYING_POWER),
        (r"wash trade|opposite side", ReasonCode.SELF_MATCH),
        (r"sold short|not shortable|shorting|short sell|not allowed to short", ReasonCode.NO_LOCATE),
        (r"not fractionable|fractional", ReasonCode.LOT_SIZE),
        (r"sub-?penny|price increment|minimum increment", ReasonCode.TICK_SIZE),
        (r"not tradable|not active|inactive|halted", ReasonCode.SYMBOL_INACTIVE),
        (r"asset .*not found|could not find asset|invalid symbol", ReasonCode.SYMBOL_UNKNOWN),
        (r"market (is )?closed|market hours", ReasonCode.MARKET_CLOSED),
        (r"time_in_force|extended.?hours", ReasonCode.TIF),
        (r"cost basis must be|minimal amount|min(imum)? order", ReasonCode.MIN_QTY),
        (r"day trading|pattern day", ReasonCode.ACCOUNT_NOT_ENTITLED),
        (r"account .*(blocked|restricted)|trading is blocked|unauthorized|forbidden", ReasonCode.ACCOUNT_NOT_ENTITLED),
    )
)
KNOWN_CODES = frozenset({40010000, 40010001, 40310000, 40410000, 42210000, 42910000})


def reason(denied: Denied) -> ReasonCode:
    """Our code for a refused order (FIX-APP section 8); BROKER_REJECT where Alpaca's words fit no other."""
    if denied.throttled:
        return ReasonCode.THROTTLE
    for pattern, code in _WORDS:
        if pattern.search(denied.text):
            return code
    if denied.status == 401:
        return ReasonCode.ACCOUNT_NOT_ENTITLED
    return ReasonCode.BROKER_REJECT


def known(denied: Denied) -> bool:
    """False for a code that no document of Alpaca's names: counted and logged by the adapter."""
    return denied.code in KNOWN_CODES or (denied.code is None and denied.status in {401, 403, 429})


def cancel_reason(denied: Denied) -> CxlRejReason:
    """CxlRejReason(102) of a refused PATCH or DELETE."""
    text = denied.text.lower()
    if denied.status == 404:
        return CxlRejReason.UNKNOWN_ORDER
    if "pending" in text:
        return CxlRejReason.ORDER_ALREADY_IN_PENDING_STATUS
    if any(word in text for word in ('"filled"', "filled state", "canceled", "expired", "not open", "rejected")):
        return CxlRejReason.TOO_LATE_TO_CANCEL
    return CxlRejReason.BROKER_OPTION
