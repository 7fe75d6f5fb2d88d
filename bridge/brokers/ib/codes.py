"""IB's error codes as answers: one number space for refusals, warnings, cancel's answers and notices (ADAPTERS B.3).

What a code means depends on what is under way: 201 refuses a new order, or a change, and a code nobody listed says
nothing, so the outcome is unknown and is asked for.
"""

from enum import Enum

from bridge.orders.reasons import ReasonCode
from fixspec.enums import CxlRejReason


class Means(Enum):
    """What an error on an order id says."""

    NOTHING = "nothing"  # a warning: the order lives as it was
    REFUSED = "refused"  # the new order, or the change under way, is refused
    CHANGE_REFUSED = "change_refused"  # only ever about a change; the order lives as it was
    CANCEL_REFUSED = "cancel_refused"
    DUPLICATE = "duplicate"  # the order id was used before
    CANCELED = "canceled"  # only the reason of a cancel: the status follows
    UNKNOWN = "unknown"


WARNINGS = frozenset({399, 404, 492, 10167, 10349})
LOCATING = 404
HOLDS = frozenset({399, 404})
"""Warnings of orders that wait: for the session to open, for shares to borrow."""
CHANGES = frozenset({104, 105, 135, 329})
CANCELS = {
    161: CxlRejReason.OTHER,
    10147: CxlRejReason.UNKNOWN_ORDER,
    10148: CxlRejReason.TOO_LATE_TO_CANCEL,
}
REFUSALS: dict[int, ReasonCode] = {
    107: ReasonCode.BROKER_REJECT,
    109: ReasonCode.PRICE_COLLAR,
    110: ReasonCode.TICK_SIZE,
    111: ReasonCode.TIF,
    113: ReasonCode.TIF,
    116: ReasonCode.BROKER_REJECT,
    117: ReasonCode.BROKER_REJECT,
    200: ReasonCode.SYMBOL_UNKNOWN,
    201: ReasonCode.BROKER_REJECT,
    203: ReasonCode.RESTRICTED_SYMBOL,
    320: ReasonCode.INTERNAL,
    321: ReasonCode.BROKER_REJECT,
    325: ReasonCode.EXECINST,
    328: ReasonCode.ORDTYPE,
    336: ReasonCode.QTY_FORMAT,
    355: ReasonCode.LOT_SIZE,
    387: ReasonCode.ORDTYPE,
    388: ReasonCode.MIN_QTY,
    391: ReasonCode.TIF,
    403: ReasonCode.ORDTYPE,
    413: ReasonCode.RESTRICTED_SYMBOL,
    434: ReasonCode.QTY_FORMAT,
    435: ReasonCode.ACCOUNT_UNKNOWN,
    436: ReasonCode.ACCOUNT_UNKNOWN,
    460: ReasonCode.RESTRICTED_SYMBOL,
    461: ReasonCode.BROKER_REJECT,
    463: ReasonCode.PRICE_COLLAR,
    478: ReasonCode.SYMBOL_UNKNOWN,
    10005: ReasonCode.ORDTYPE,
    10006: ReasonCode.BROKER_REJECT,
    10052: ReasonCode.TIF,
    10242: ReasonCode.LOT_SIZE,
    10243: ReasonCode.LOT_SIZE,
    10244: ReasonCode.LOT_SIZE,
    10268: ReasonCode.BROKER_REJECT,
    10269: ReasonCode.BROKER_REJECT,
    10289: ReasonCode.CAPABILITY,
}
"""Codes that refuse an order which IB has not accepted, with our reason."""

LOST = 1100
BACK_DATA_LOST, BACK = 1101, 1102
SERVER_BROKEN = 2110
CLIENT_ID_IN_USE = 326
QUIET = frozenset({2103, 2104, 2105, 2106, 2107, 2108, 2119, 2158, 2100})
"""Farm and data notices on no request: logged, no more."""


def means(code: int, *, changing: bool, accepted: bool) -> Means:
    """What an error on an order says while a change is under way or not, the order being accepted or not."""
    if code == 202:
        return Means.CANCELED
    if code == 103:
        return Means.DUPLICATE
    if code in CANCELS:
        return Means.CANCEL_REFUSED
    if code in WARNINGS or 2100 <= code < 2200:
        return Means.NOTHING
    if code in CHANGES:
        return Means.CHANGE_REFUSED
    if code in REFUSALS and (changing or not accepted or code == 201):
        return Means.REFUSED
    return Means.UNKNOWN


def reason(code: int, text: str) -> ReasonCode:
    """Our reason for a refusal; 201 carries everything in its text."""
    if code == 201:
        lower = text.lower()
        if any(word in lower for word in ("margin", "buying power", "available funds", "equity with loan")):
            return ReasonCode.BUYING_POWER
        if "short" in lower and ("not available" in lower or "locate" in lower):
            return ReasonCode.NO_LOCATE
        if "time-in-force" in lower or "time in force" in lower:
            return ReasonCode.TIF
    return REFUSALS.get(code, ReasonCode.BROKER_REJECT)
