"""Why something was refused: our closed list of codes, each with the FIX reason it is sent as (FIX-APP section 8)."""

from decimal import Decimal
from enum import Enum

import msgspec

from fixspec.enums import OrdRejReason


class ReasonCode(Enum):
    """RiskCode(5700), and the first word of Text(58)."""

    KILL_SWITCH = "KILL_SWITCH"
    HALTED = "HALTED"
    REDUCE_ONLY_STATE = "REDUCE_ONLY_STATE"
    BROKER_REJECT = "BROKER_REJECT"
    RESTRICTED_SYMBOL = "RESTRICTED_SYMBOL"
    STRATEGY_DISABLED = "STRATEGY_DISABLED"
    SYMBOL_UNKNOWN = "SYMBOL_UNKNOWN"
    SYMBOL_AMBIGUOUS = "SYMBOL_AMBIGUOUS"
    SYMBOL_INACTIVE = "SYMBOL_INACTIVE"
    MARKET_CLOSED = "MARKET_CLOSED"
    BROKER_UNAVAILABLE = "BROKER_UNAVAILABLE"
    RECONCILING = "RECONCILING"
    DRAINING = "DRAINING"
    MAX_QTY = "MAX_QTY"
    MAX_VALUE = "MAX_VALUE"
    MAX_POSITION = "MAX_POSITION"
    BUYING_POWER = "BUYING_POWER"
    CONCENTRATION = "CONCENTRATION"
    SECTOR = "SECTOR"
    NET_EXPOSURE = "NET_EXPOSURE"
    GROSS_EXPOSURE = "GROSS_EXPOSURE"
    MAX_OPEN_ORDERS = "MAX_OPEN_ORDERS"
    DAILY_TURNOVER = "DAILY_TURNOVER"
    TIF_CUTOFF = "TIF_CUTOFF"
    DUP_CLORDID = "DUP_CLORDID"
    DUP_LOOKALIKE = "DUP_LOOKALIKE"
    STALE_ORDER = "STALE_ORDER"
    ORDTYPE = "ORDTYPE"
    TIF = "TIF"
    EXECINST = "EXECINST"
    CAPABILITY = "CAPABILITY"
    TICK_SIZE = "TICK_SIZE"
    CROSS_ZERO = "CROSS_ZERO"
    LOT_SIZE = "LOT_SIZE"
    MIN_QTY = "MIN_QTY"
    QTY_FORMAT = "QTY_FORMAT"
    ACCOUNT_UNKNOWN = "ACCOUNT_UNKNOWN"
    ACCOUNT_NOT_ENTITLED = "ACCOUNT_NOT_ENTITLED"
    MODE_MISMATCH = "MODE_MISMATCH"
    PRICE_COLLAR = "PRICE_COLLAR"
    NO_REFERENCE_PRICE = "NO_REFERENCE_PRICE"
    STALE_REFERENCE_PRICE = "STALE_REFERENCE_PRICE"
    NO_LIMIT = "NO_LIMIT"
    NO_EQUITY = "NO_EQUITY"
    THROTTLE = "THROTTLE"
    REPEAT_EXECUTION = "REPEAT_EXECUTION"
    DAILY_LOSS = "DAILY_LOSS"
    SELF_MATCH = "SELF_MATCH"
    SHORT_MARKING = "SHORT_MARKING"
    NO_LOCATE = "NO_LOCATE"
    NOT_AT_BROKER = "NOT_AT_BROKER"
    DRYRUN_PASS = "DRYRUN_PASS"
    CLORDID_FORMAT = "CLORDID_FORMAT"
    NOT_CHANGEABLE = "NOT_CHANGEABLE"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    TOO_LATE = "TOO_LATE"
    ALREADY_PENDING = "ALREADY_PENDING"
    MISMATCH = "MISMATCH"
    ORDER_MODIFIED = "ORDER_MODIFIED"
    INTERNAL = "INTERNAL"

    @property
    def ord_rej_reason(self) -> OrdRejReason:
        """OrdRejReason(103) this code is sent as."""
        return _ORD_REJ_REASON.get(self, OrdRejReason.OTHER)


_CODES_BY_REASON: dict[OrdRejReason, tuple[ReasonCode, ...]] = {
    OrdRejReason.BROKER_OPTION: (
        ReasonCode.KILL_SWITCH,
        ReasonCode.HALTED,
        ReasonCode.REDUCE_ONLY_STATE,
        ReasonCode.BROKER_REJECT,
        ReasonCode.RESTRICTED_SYMBOL,
        ReasonCode.STRATEGY_DISABLED,
    ),
    OrdRejReason.UNKNOWN_SYMBOL: (
        ReasonCode.SYMBOL_UNKNOWN,
        ReasonCode.SYMBOL_AMBIGUOUS,
        ReasonCode.SYMBOL_INACTIVE,
    ),
    OrdRejReason.EXCHANGE_CLOSED: (
        ReasonCode.MARKET_CLOSED,
        ReasonCode.BROKER_UNAVAILABLE,
        ReasonCode.RECONCILING,
        ReasonCode.DRAINING,
    ),
    OrdRejReason.ORDER_EXCEEDS_LIMIT: (
        ReasonCode.MAX_QTY,
        ReasonCode.MAX_VALUE,
        ReasonCode.MAX_POSITION,
        ReasonCode.BUYING_POWER,
        ReasonCode.CONCENTRATION,
        ReasonCode.SECTOR,
        ReasonCode.NET_EXPOSURE,
        ReasonCode.GROSS_EXPOSURE,
        ReasonCode.MAX_OPEN_ORDERS,
        ReasonCode.DAILY_TURNOVER,
    ),
    OrdRejReason.TOO_LATE_TO_ENTER: (ReasonCode.TIF_CUTOFF,),
    OrdRejReason.DUPLICATE_ORDER: (ReasonCode.DUP_CLORDID, ReasonCode.DUP_LOOKALIKE),
    OrdRejReason.STALE_ORDER: (ReasonCode.STALE_ORDER,),
    OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC: (
        ReasonCode.ORDTYPE,
        ReasonCode.TIF,
        ReasonCode.EXECINST,
        ReasonCode.CAPABILITY,
        ReasonCode.TICK_SIZE,
        ReasonCode.CROSS_ZERO,
    ),
    OrdRejReason.INCORRECT_QUANTITY: (ReasonCode.LOT_SIZE, ReasonCode.MIN_QTY, ReasonCode.QTY_FORMAT),
    OrdRejReason.UNKNOWN_ACCOUNT: (
        ReasonCode.ACCOUNT_UNKNOWN,
        ReasonCode.ACCOUNT_NOT_ENTITLED,
        ReasonCode.MODE_MISMATCH,
    ),
}
_ORD_REJ_REASON = {code: reason for reason, codes in _CODES_BY_REASON.items() for code in codes}


class Rejection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A refusal as a value: code, one plain sentence, and for risk rules the rule, its limit and the observed value."""

    code: ReasonCode
    text: str
    rule: str | None = None  # RiskRuleId(5701), e.g. "R03"
    limit: Decimal | str | None = None
    value: Decimal | str | None = None

    @property
    def ord_rej_reason(self) -> OrdRejReason:
        """OrdRejReason(103)."""
        return self.code.ord_rej_reason
