"""FIX 4.4 enumerations of the messages we serve, one class per field.

A member's `value` is the word used in JSON and in logs, `wire` its bytes in a FIX message. Integer fields
(`OrdRejReason(103)`) are enumerations like character fields: only the dictionary knows the difference.
Names follow the descriptions of the FIX 4.4 specification.
"""

from enum import Enum
from typing import ClassVar, Self, cast


class FixEnum(Enum):
    """An enumerated FIX field: `Side.BUY.value == "buy"`, `Side.BUY.wire == b"1"`, `Side.by_wire[b"1"] is Side.BUY`."""

    wire: bytes
    by_wire: ClassVar[dict[bytes, Self]]

    def __new__(cls, word: str, wire: bytes) -> Self:
        """A member from its JSON word and its bytes on the wire."""
        member = object.__new__(cls)
        member._value_ = word
        member.wire = wire
        return member

    def __init_subclass__(cls) -> None:
        cls.by_wire = cast("dict[bytes, Self]", {member.wire: member for member in cls})

    # Members are singletons, so identity hashes them; Enum would hash the name on every lookup.
    __hash__ = object.__hash__

    @classmethod
    def from_wire(cls, raw: bytes) -> Self:
        """The member `raw` stands for; ValueError when FIX 4.4 does not know it."""
        try:
            return cls.by_wire[raw]
        except KeyError:
            raise ValueError(f"{raw!r} is no {cls.__name__}") from None


class MsgType(FixEnum):
    """MsgType(35): all 93 message types of FIX 4.4.

    Also those not served, so that "unknown" (Reject, 373=11) and "not offered" (j, 380=3) stay apart.
    """

    HEARTBEAT = "heartbeat", b"0"
    TEST_REQUEST = "test_request", b"1"
    RESEND_REQUEST = "resend_request", b"2"
    REJECT = "reject", b"3"
    SEQUENCE_RESET = "sequence_reset", b"4"
    LOGOUT = "logout", b"5"
    IOI = "ioi", b"6"
    ADVERTISEMENT = "advertisement", b"7"
    EXECUTION_REPORT = "execution_report", b"8"
    ORDER_CANCEL_REJECT = "order_cancel_reject", b"9"
    LOGON = "logon", b"A"
    NEWS = "news", b"B"
    EMAIL = "email", b"C"
    NEW_ORDER_SINGLE = "new_order_single", b"D"
    NEW_ORDER_LIST = "new_order_list", b"E"
    ORDER_CANCEL_REQUEST = "order_cancel_request", b"F"
    ORDER_CANCEL_REPLACE_REQUEST = "order_cancel_replace_request", b"G"
    ORDER_STATUS_REQUEST = "order_status_request", b"H"
    ALLOCATION_INSTRUCTION = "allocation_instruction", b"J"
    LIST_CANCEL_REQUEST = "list_cancel_request", b"K"
    LIST_EXECUTE = "list_execute", b"L"
    LIST_STATUS_REQUEST = "list_status_request", b"M"
    LIST_STATUS = "list_status", b"N"
    ALLOCATION_INSTRUCTION_ACK = "allocation_instruction_ack", b"P"
    DONT_KNOW_TRADE = "dont_know_trade", b"Q"
    QUOTE_REQUEST = "quote_request", b"R"
    QUOTE = "quote", b"S"
    SETTLEMENT_INSTRUCTIONS = "settlement_instructions", b"T"
    MARKET_DATA_REQUEST = "market_data_request", b"V"
    MARKET_DATA_SNAPSHOT_FULL_REFRESH = "market_data_snapshot_full_refresh", b"W"
    MARKET_DATA_INCREMENTAL_REFRESH = "market_data_incremental_refresh", b"X"
    MARKET_DATA_REQUEST_REJECT = "market_data_request_reject", b"Y"
    QUOTE_CANCEL = "quote_cancel", b"Z"
    QUOTE_STATUS_REQUEST = "quote_status_request", b"a"
    MASS_QUOTE_ACKNOWLEDGEMENT = "mass_quote_acknowledgement", b"b"
    SECURITY_DEFINITION_REQUEST = "security_definition_request", b"c"
    SECURITY_DEFINITION = "security_definition", b"d"
    SECURITY_STATUS_REQUEST = "security_status_request", b"e"
    SECURITY_STATUS = "security_status", b"f"
    TRADING_SESSION_STATUS_REQUEST = "trading_session_status_request", b"g"
    TRADING_SESSION_STATUS = "trading_session_status", b"h"
    MASS_QUOTE = "mass_quote", b"i"
    BUSINESS_MESSAGE_REJECT = "business_message_reject", b"j"
    BID_REQUEST = "bid_request", b"k"
    BID_RESPONSE = "bid_response", b"l"
    LIST_STRIKE_PRICE = "list_strike_price", b"m"
    XML_NON_FIX = "xml_non_fix", b"n"
    REGISTRATION_INSTRUCTIONS = "registration_instructions", b"o"
    REGISTRATION_INSTRUCTIONS_RESPONSE = "registration_instructions_response", b"p"
    ORDER_MASS_CANCEL_REQUEST = "order_mass_cancel_request", b"q"
    ORDER_MASS_CANCEL_REPORT = "order_mass_cancel_report", b"r"
    NEW_ORDER_CROSS = "new_order_cross", b"s"
    CROSS_ORDER_CANCEL_REPLACE_REQUEST = "cross_order_cancel_replace_request", b"t"
    CROSS_ORDER_CANCEL_REQUEST = "cross_order_cancel_request", b"u"
    SECURITY_TYPE_REQUEST = "security_type_request", b"v"
    SECURITY_TYPES = "security_types", b"w"
    SECURITY_LIST_REQUEST = "security_list_request", b"x"
    SECURITY_LIST = "security_list", b"y"
    DERIVATIVE_SECURITY_LIST_REQUEST = "derivative_security_list_request", b"z"
    DERIVATIVE_SECURITY_LIST = "derivative_security_list", b"AA"
    NEW_ORDER_MULTILEG = "new_order_multileg", b"AB"
    MULTILEG_ORDER_CANCEL_REPLACE = "multileg_order_cancel_replace", b"AC"
    TRADE_CAPTURE_REPORT_REQUEST = "trade_capture_report_request", b"AD"
    TRADE_CAPTURE_REPORT = "trade_capture_report", b"AE"
    ORDER_MASS_STATUS_REQUEST = "order_mass_status_request", b"AF"
    QUOTE_REQUEST_REJECT = "quote_request_reject", b"AG"
    RFQ_REQUEST = "rfq_request", b"AH"
    QUOTE_STATUS_REPORT = "quote_status_report", b"AI"
    QUOTE_RESPONSE = "quote_response", b"AJ"
    CONFIRMATION = "confirmation", b"AK"
    POSITION_MAINTENANCE_REQUEST = "position_maintenance_request", b"AL"
    POSITION_MAINTENANCE_REPORT = "position_maintenance_report", b"AM"
    REQUEST_FOR_POSITIONS = "request_for_positions", b"AN"
    REQUEST_FOR_POSITIONS_ACK = "request_for_positions_ack", b"AO"
    POSITION_REPORT = "position_report", b"AP"
    TRADE_CAPTURE_REPORT_REQUEST_ACK = "trade_capture_report_request_ack", b"AQ"
    TRADE_CAPTURE_REPORT_ACK = "trade_capture_report_ack", b"AR"
    ALLOCATION_REPORT = "allocation_report", b"AS"
    ALLOCATION_REPORT_ACK = "allocation_report_ack", b"AT"
    CONFIRMATION_ACK = "confirmation_ack", b"AU"
    SETTLEMENT_INSTRUCTION_REQUEST = "settlement_instruction_request", b"AV"
    ASSIGNMENT_REPORT = "assignment_report", b"AW"
    COLLATERAL_REQUEST = "collateral_request", b"AX"
    COLLATERAL_ASSIGNMENT = "collateral_assignment", b"AY"
    COLLATERAL_RESPONSE = "collateral_response", b"AZ"
    COLLATERAL_REPORT = "collateral_report", b"BA"
    COLLATERAL_INQUIRY = "collateral_inquiry", b"BB"
    NETWORK_COUNTERPARTY_SYSTEM_STATUS_REQUEST = "network_counterparty_system_status_request", b"BC"
    NETWORK_COUNTERPARTY_SYSTEM_STATUS_RESPONSE = "network_counterparty_system_status_response", b"BD"
    USER_REQUEST = "user_request", b"BE"
    USER_RESPONSE = "user_response", b"BF"
    COLLATERAL_INQUIRY_ACK = "collateral_inquiry_ack", b"BG"
    CONFIRMATION_REQUEST = "confirmation_request", b"BH"


class Side(FixEnum):
    """Side(54)."""

    BUY = "buy", b"1"
    SELL = "sell", b"2"
    BUY_MINUS = "buy_minus", b"3"
    SELL_PLUS = "sell_plus", b"4"
    SELL_SHORT = "sell_short", b"5"
    SELL_SHORT_EXEMPT = "sell_short_exempt", b"6"
    UNDISCLOSED = "undisclosed", b"7"
    CROSS = "cross", b"8"
    CROSS_SHORT = "cross_short", b"9"
    CROSS_SHORT_EXEMPT = "cross_short_exempt", b"A"
    AS_DEFINED = "as_defined", b"B"
    OPPOSITE = "opposite", b"C"
    SUBSCRIBE = "subscribe", b"D"
    REDEEM = "redeem", b"E"
    LEND = "lend", b"F"
    BORROW = "borrow", b"G"


class OrdType(FixEnum):
    """OrdType(40)."""

    MARKET = "market", b"1"
    LIMIT = "limit", b"2"
    STOP = "stop", b"3"
    STOP_LIMIT = "stop_limit", b"4"
    WITH_OR_WITHOUT = "with_or_without", b"6"
    LIMIT_OR_BETTER = "limit_or_better", b"7"
    LIMIT_WITH_OR_WITHOUT = "limit_with_or_without", b"8"
    ON_BASIS = "on_basis", b"9"
    PREVIOUSLY_QUOTED = "previously_quoted", b"D"
    PREVIOUSLY_INDICATED = "previously_indicated", b"E"
    FOREX_SWAP = "forex_swap", b"G"
    FUNARI = "funari", b"I"
    MARKET_IF_TOUCHED = "market_if_touched", b"J"
    MARKET_WITH_LEFT_OVER_AS_LIMIT = "market_with_left_over_as_limit", b"K"
    PREVIOUS_FUND_VALUATION_POINT = "previous_fund_valuation_point", b"L"
    NEXT_FUND_VALUATION_POINT = "next_fund_valuation_point", b"M"
    PEGGED = "pegged", b"P"


class TimeInForce(FixEnum):
    """TimeInForce(59): how long an order stays in force, in the desk's abbreviations."""

    DAY = "day", b"0"
    GOOD_TILL_CANCEL = "gtc", b"1"
    OPENING = "opening", b"2"
    IOC = "ioc", b"3"
    FOK = "fok", b"4"
    GTX = "gtx", b"5"
    GTD = "gtd", b"6"
    CLOSE = "close", b"7"
    GTC = GOOD_TILL_CANCEL


class OrdStatus(FixEnum):
    """OrdStatus(39): the state of an order.

    5 (replaced) is no state in FIX 4.4: a replaced order is NEW or PARTIALLY_FILLED.
    """

    NEW = "new", b"0"
    PARTIALLY_FILLED = "partially_filled", b"1"
    FILLED = "filled", b"2"
    DONE_FOR_DAY = "done_for_day", b"3"
    CANCELED = "canceled", b"4"
    PENDING_CANCEL = "pending_cancel", b"6"
    STOPPED = "stopped", b"7"
    REJECTED = "rejected", b"8"
    SUSPENDED = "suspended", b"9"
    PENDING_NEW = "pending_new", b"A"
    CALCULATED = "calculated", b"B"
    EXPIRED = "expired", b"C"
    ACCEPTED_FOR_BIDDING = "accepted_for_bidding", b"D"
    PENDING_REPLACE = "pending_replace", b"E"


class ExecType(FixEnum):
    """ExecType(150): what an ExecutionReport(8) tells."""

    NEW = "new", b"0"
    DONE_FOR_DAY = "done_for_day", b"3"
    CANCELED = "canceled", b"4"
    REPLACED = "replaced", b"5"
    PENDING_CANCEL = "pending_cancel", b"6"
    STOPPED = "stopped", b"7"
    REJECTED = "rejected", b"8"
    SUSPENDED = "suspended", b"9"
    PENDING_NEW = "pending_new", b"A"
    CALCULATED = "calculated", b"B"
    EXPIRED = "expired", b"C"
    RESTATED = "restated", b"D"
    PENDING_REPLACE = "pending_replace", b"E"
    TRADE = "trade", b"F"
    TRADE_CORRECT = "trade_correct", b"G"
    TRADE_CANCEL = "trade_cancel", b"H"
    ORDER_STATUS = "order_status", b"I"


class OrdRejReason(FixEnum):
    """OrdRejReason(103): why an order was refused.

    12, 16 and 18 are not in the 4.4 dictionary and are sent only to counterparties that agreed to them.
    """

    BROKER_OPTION = "broker_option", b"0"
    UNKNOWN_SYMBOL = "unknown_symbol", b"1"
    EXCHANGE_CLOSED = "exchange_closed", b"2"
    ORDER_EXCEEDS_LIMIT = "order_exceeds_limit", b"3"
    TOO_LATE_TO_ENTER = "too_late_to_enter", b"4"
    UNKNOWN_ORDER = "unknown_order", b"5"
    DUPLICATE_ORDER = "duplicate_order", b"6"
    DUPLICATE_OF_A_VERBALLY_COMMUNICATED_ORDER = "duplicate_of_a_verbally_communicated_order", b"7"
    STALE_ORDER = "stale_order", b"8"
    TRADE_ALONG_REQUIRED = "trade_along_required", b"9"
    INVALID_INVESTOR_ID = "invalid_investor_id", b"10"
    UNSUPPORTED_ORDER_CHARACTERISTIC = "unsupported_order_characteristic", b"11"
    SURVEILLANCE_OPTION = "surveillance_option", b"12"
    INCORRECT_QUANTITY = "incorrect_quantity", b"13"
    INCORRECT_ALLOCATED_QUANTITY = "incorrect_allocated_quantity", b"14"
    UNKNOWN_ACCOUNT = "unknown_account", b"15"
    PRICE_EXCEEDS_CURRENT_PRICE_BAND = "price_exceeds_current_price_band", b"16"
    INVALID_PRICE_INCREMENT = "invalid_price_increment", b"18"
    OTHER = "other", b"99"


class CxlRejReason(FixEnum):
    """CxlRejReason(102)."""

    TOO_LATE_TO_CANCEL = "too_late_to_cancel", b"0"
    UNKNOWN_ORDER = "unknown_order", b"1"
    BROKER_OPTION = "broker_option", b"2"
    ORDER_ALREADY_IN_PENDING_STATUS = "order_already_in_pending_status", b"3"
    UNABLE_TO_PROCESS_ORDER_MASS_CANCEL_REQUEST = "unable_to_process_order_mass_cancel_request", b"4"
    ORIG_ORD_MOD_TIME = "orig_ord_mod_time", b"5"
    DUPLICATE_CL_ORD_ID = "duplicate_cl_ord_id", b"6"
    OTHER = "other", b"99"


class CxlRejResponseTo(FixEnum):
    """CxlRejResponseTo(434)."""

    ORDER_CANCEL_REQUEST = "order_cancel_request", b"1"
    ORDER_CANCEL_REPLACE_REQUEST = "order_cancel_replace_request", b"2"


class ExecRestatementReason(FixEnum):
    """ExecRestatementReason(378): why an order changed without a request.

    12 and 13 come from FIX 5.0 SP2 and are sent only where agreed.
    """

    GT_CORPORATE_ACTION = "gt_corporate_action", b"0"
    GT_RENEWAL = "gt_renewal", b"1"
    VERBAL_CHANGE = "verbal_change", b"2"
    REPRICING_OF_ORDER = "repricing_of_order", b"3"
    BROKER_OPTION = "broker_option", b"4"
    PARTIAL_DECLINE_OF_ORDER_QTY = "partial_decline_of_order_qty", b"5"
    CANCEL_ON_TRADING_HALT = "cancel_on_trading_halt", b"6"
    CANCEL_ON_SYSTEM_FAILURE = "cancel_on_system_failure", b"7"
    MARKET = "market", b"8"
    CANCELED = "canceled", b"9"
    WAREHOUSE_RECAP = "warehouse_recap", b"10"
    CANCEL_ON_CONNECTION_LOSS = "cancel_on_connection_loss", b"12"
    CANCEL_ON_LOGOUT = "cancel_on_logout", b"13"
    OTHER = "other", b"99"


class BusinessRejectReason(FixEnum):
    """BusinessRejectReason(380): why a BusinessMessageReject(j) was sent."""

    OTHER = "other", b"0"
    UNKNOWN_ID = "unknown_id", b"1"
    UNKNOWN_SECURITY = "unknown_security", b"2"
    UNSUPPORTED_MESSAGE_TYPE = "unsupported_message_type", b"3"
    APPLICATION_NOT_AVAILABLE = "application_not_available", b"4"
    CONDITIONALLY_REQUIRED_FIELD_MISSING = "conditionally_required_field_missing", b"5"
    NOT_AUTHORIZED = "not_authorized", b"6"
    DELIVER_TO_FIRM_NOT_AVAILABLE = "deliver_to_firm_not_available", b"7"


class SessionRejectReason(FixEnum):
    """SessionRejectReason(373): why a Reject(3) was sent."""

    INVALID_TAG_NUMBER = "invalid_tag_number", b"0"
    REQUIRED_TAG_MISSING = "required_tag_missing", b"1"
    TAG_NOT_DEFINED_FOR_THIS_MESSAGE_TYPE = "tag_not_defined_for_this_message_type", b"2"
    UNDEFINED_TAG = "undefined_tag", b"3"
    TAG_SPECIFIED_WITHOUT_A_VALUE = "tag_specified_without_a_value", b"4"
    VALUE_IS_INCORRECT = "value_is_incorrect", b"5"
    INCORRECT_DATA_FORMAT_FOR_VALUE = "incorrect_data_format_for_value", b"6"
    DECRYPTION_PROBLEM = "decryption_problem", b"7"
    SIGNATURE_PROBLEM = "signature_problem", b"8"
    COMP_ID_PROBLEM = "comp_id_problem", b"9"
    SENDING_TIME_ACCURACY_PROBLEM = "sending_time_accuracy_problem", b"10"
    INVALID_MSG_TYPE = "invalid_msg_type", b"11"
    XML_VALIDATION_ERROR = "xml_validation_error", b"12"
    TAG_APPEARS_MORE_THAN_ONCE = "tag_appears_more_than_once", b"13"
    TAG_SPECIFIED_OUT_OF_REQUIRED_ORDER = "tag_specified_out_of_required_order", b"14"
    REPEATING_GROUP_FIELDS_OUT_OF_ORDER = "repeating_group_fields_out_of_order", b"15"
    INCORRECT_NUM_IN_GROUP_COUNT = "incorrect_num_in_group_count", b"16"
    NON_DATA_VALUE_INCLUDES_FIELD_DELIMITER = "non_data_value_includes_field_delimiter", b"17"
    OTHER = "other", b"99"


class HandlInst(FixEnum):
    """HandlInst(21)."""

    AUTOMATED_EXECUTION_NO_INTERVENTION = "automated_execution_no_intervention", b"1"
    AUTOMATED_EXECUTION_INTERVENTION_OK = "automated_execution_intervention_ok", b"2"
    MANUAL_ORDER = "manual_order", b"3"


class ExecInst(FixEnum):
    """ExecInst(18)."""

    STAY_ON_OFFER_SIDE = "stay_on_offer_side", b"0"
    NOT_HELD = "not_held", b"1"
    WORK = "work", b"2"
    GO_ALONG = "go_along", b"3"
    OVER_THE_DAY = "over_the_day", b"4"
    HELD = "held", b"5"
    PARTICIPATE_DO_NOT_INITIATE = "participate_do_not_initiate", b"6"
    STRICT_SCALE = "strict_scale", b"7"
    TRY_TO_SCALE = "try_to_scale", b"8"
    STAY_ON_BID_SIDE = "stay_on_bid_side", b"9"
    NO_CROSS = "no_cross", b"A"
    OK_TO_CROSS = "ok_to_cross", b"B"
    CALL_FIRST = "call_first", b"C"
    PERCENT_OF_VOLUME = "percent_of_volume", b"D"
    DO_NOT_INCREASE = "do_not_increase", b"E"
    DO_NOT_REDUCE = "do_not_reduce", b"F"
    ALL_OR_NONE = "all_or_none", b"G"
    REINSTATE_ON_SYSTEM_FAILURE = "reinstate_on_system_failure", b"H"
    INSTITUTIONS_ONLY = "institutions_only", b"I"
    REINSTATE_ON_TRADING_HALT = "reinstate_on_trading_halt", b"J"
    CANCEL_ON_TRADING_HALT = "cancel_on_trading_halt", b"K"
    LAST_PEG = "last_peg", b"L"
    MID_PRICE_PEG = "mid_price_peg", b"M"
    NON_NEGOTIABLE = "non_negotiable", b"N"
    OPENING_PEG = "opening_peg", b"O"
    MARKET_PEG = "market_peg", b"P"
    CANCEL_ON_SYSTEM_FAILURE = "cancel_on_system_failure", b"Q"
    PRIMARY_PEG = "primary_peg", b"R"
    SUSPEND = "suspend", b"S"
    CUSTOMER_DISPLAY_INSTRUCTION = "customer_display_instruction", b"U"
    NETTING = "netting", b"V"
    PEG_TO_VWAP = "peg_to_vwap", b"W"
    TRADE_ALONG = "trade_along", b"X"
    TRY_TO_STOP = "try_to_stop", b"Y"
    CANCEL_IF_NOT_BEST = "cancel_if_not_best", b"Z"
    TRAILING_STOP_PEG = "trailing_stop_peg", b"a"
    STRICT_LIMIT = "strict_limit", b"b"
    IGNORE_PRICE_VALIDITY_CHECKS = "ignore_price_validity_checks", b"c"
    PEG_TO_LIMIT_PRICE = "peg_to_limit_price", b"d"
    WORK_TO_TARGET_STRATEGY = "work_to_target_strategy", b"e"


class OrderCapacity(FixEnum):
    """OrderCapacity(528)."""

    AGENCY = "agency", b"A"
    PROPRIETARY = "proprietary", b"G"
    INDIVIDUAL = "individual", b"I"
    PRINCIPAL = "principal", b"P"
    RISKLESS_PRINCIPAL = "riskless_principal", b"R"
    AGENT_FOR_OTHER_MEMBER = "agent_for_other_member", b"W"


class OrderRestrictions(FixEnum):
    """OrderRestrictions(529)."""

    PROGRAM_TRADE = "program_trade", b"1"
    INDEX_ARBITRAGE = "index_arbitrage", b"2"
    NON_INDEX_ARBITRAGE = "non_index_arbitrage", b"3"
    COMPETING_MARKET_MAKER = "competing_market_maker", b"4"
    ACTING_AS_MARKET_MAKER_OR_SPECIALIST_IN_SECURITY = "acting_as_market_maker_or_specialist_in_security", b"5"
    ACTING_AS_MARKET_MAKER_OR_SPECIALIST_IN_UNDERLYING = "acting_as_market_maker_or_specialist_in_underlying", b"6"
    FOREIGN_ENTITY = "foreign_entity", b"7"
    EXTERNAL_MARKET_PARTICIPANT = "external_market_participant", b"8"
    EXTERNAL_INTER_CONNECTED_MARKET_LINKAGE = "external_inter_connected_market_linkage", b"9"
    RISKLESS_ARBITRAGE = "riskless_arbitrage", b"A"


class CustOrderCapacity(FixEnum):
    """CustOrderCapacity(582)."""

    MEMBER_TRADING_FOR_THEIR_OWN_ACCOUNT = "member_trading_for_their_own_account", b"1"
    CLEARING_FIRM_TRADING_FOR_ITS_PROPRIETARY_ACCOUNT = "clearing_firm_trading_for_its_proprietary_account", b"2"
    MEMBER_TRADING_FOR_ANOTHER_MEMBER = "member_trading_for_another_member", b"3"
    ALL_OTHER = "all_other", b"4"


class PositionEffect(FixEnum):
    """PositionEffect(77)."""

    CLOSE = "close", b"C"
    FIFO = "fifo", b"F"
    OPEN = "open", b"O"
    ROLLED = "rolled", b"R"


class CoveredOrUncovered(FixEnum):
    """CoveredOrUncovered(203)."""

    COVERED = "covered", b"0"
    UNCOVERED = "uncovered", b"1"


class CashMargin(FixEnum):
    """CashMargin(544)."""

    CASH = "cash", b"1"
    MARGIN_OPEN = "margin_open", b"2"
    MARGIN_CLOSE = "margin_close", b"3"


class SettlType(FixEnum):
    """SettlType(63)."""

    REGULAR = "regular", b"0"
    CASH = "cash", b"1"
    NEXT_DAY = "next_day", b"2"
    T_PLUS_2 = "t_plus_2", b"3"
    T_PLUS_3 = "t_plus_3", b"4"
    T_PLUS_4 = "t_plus_4", b"5"
    FUTURE = "future", b"6"
    WHEN_AND_IF_ISSUED = "when_and_if_issued", b"7"
    SELLERS_OPTION = "sellers_option", b"8"
    T_PLUS_5 = "t_plus_5", b"9"


class PriceType(FixEnum):
    """PriceType(423)."""

    PERCENTAGE = "percentage", b"1"
    PER_UNIT = "per_unit", b"2"
    FIXED_AMOUNT = "fixed_amount", b"3"
    DISCOUNT = "discount", b"4"
    PREMIUM = "premium", b"5"
    SPREAD = "spread", b"6"
    TED_PRICE = "ted_price", b"7"
    TED_YIELD = "ted_yield", b"8"
    YIELD = "yield", b"9"
    FIXED_CABINET_TRADE_PRICE = "fixed_cabinet_trade_price", b"10"
    VARIABLE_CABINET_TRADE_PRICE = "variable_cabinet_trade_price", b"11"


class QtyType(FixEnum):
    """QtyType(854)."""

    UNITS = "units", b"0"
    CONTRACTS = "contracts", b"1"


class GTBookingInst(FixEnum):
    """GTBookingInst(427)."""

    BOOK_OUT_ALL_TRADES_ON_DAY_OF_EXECUTION = "book_out_all_trades_on_day_of_execution", b"0"
    ACCUMULATE_UNTIL_FILLED_OR_EXPIRED = "accumulate_until_filled_or_expired", b"1"
    ACCUMULATE_UNTIL_VERBALLY_NOTIFIED_OTHERWISE = "accumulate_until_verbally_notified_otherwise", b"2"


class BookingType(FixEnum):
    """BookingType(775)."""

    REGULAR_BOOKING = "regular_booking", b"0"
    CFD = "cfd", b"1"
    TOTAL_RETURN_SWAP = "total_return_swap", b"2"


class LastCapacity(FixEnum):
    """LastCapacity(29)."""

    AGENT = "agent", b"1"
    CROSS_AS_AGENT = "cross_as_agent", b"2"
    CROSS_AS_PRINCIPAL = "cross_as_principal", b"3"
    PRINCIPAL = "principal", b"4"


class LastLiquidityInd(FixEnum):
    """LastLiquidityInd(851)."""

    ADDED_LIQUIDITY = "added_liquidity", b"1"
    REMOVED_LIQUIDITY = "removed_liquidity", b"2"
    LIQUIDITY_ROUTED_OUT = "liquidity_routed_out", b"3"


class CommType(FixEnum):
    """CommType(13)."""

    PER_UNIT = "per_unit", b"1"
    PERCENT = "percent", b"2"
    ABSOLUTE = "absolute", b"3"
    PERCENTAGE_WAIVED_CASH_DISCOUNT = "percentage_waived_cash_discount", b"4"
    PERCENTAGE_WAIVED_ENHANCED_UNITS = "percentage_waived_enhanced_units", b"5"
    POINTS_PER_BOND_OR_CONTRACT = "points_per_bond_or_contract", b"6"


class MiscFeeType(FixEnum):
    """MiscFeeType(139)."""

    REGULATORY = "regulatory", b"1"
    TAX = "tax", b"2"
    LOCAL_COMMISSION = "local_commission", b"3"
    EXCHANGE_FEES = "exchange_fees", b"4"
    STAMP = "stamp", b"5"
    LEVY = "levy", b"6"
    OTHER = "other", b"7"
    MARKUP = "markup", b"8"
    CONSUMPTION_TAX = "consumption_tax", b"9"
    PER_TRANSACTION = "per_transaction", b"10"
    CONVERSION = "conversion", b"11"
    AGENT = "agent", b"12"


class MiscFeeBasis(FixEnum):
    """MiscFeeBasis(891)."""

    ABSOLUTE = "absolute", b"0"
    PER_UNIT = "per_unit", b"1"
    PERCENTAGE = "percentage", b"2"


class MultiLegReportingType(FixEnum):
    """MultiLegReportingType(442)."""

    SINGLE_SECURITY = "single_security", b"1"
    INDIVIDUAL_LEG_OF_A_MULTI_LEG_SECURITY = "individual_leg_of_a_multi_leg_security", b"2"
    MULTI_LEG_SECURITY = "multi_leg_security", b"3"


class DKReason(FixEnum):
    """DKReason(127)."""

    UNKNOWN_SYMBOL = "unknown_symbol", b"A"
    WRONG_SIDE = "wrong_side", b"B"
    QUANTITY_EXCEEDS_ORDER = "quantity_exceeds_order", b"C"
    NO_MATCHING_ORDER = "no_matching_order", b"D"
    PRICE_EXCEEDS_LIMIT = "price_exceeds_limit", b"E"
    CALCULATION_DIFFERENCE = "calculation_difference", b"F"
    OTHER = "other", b"Z"


class PegMoveType(FixEnum):
    """PegMoveType(835)."""

    FLOATING = "floating", b"0"
    FIXED = "fixed", b"1"


class PegOffsetType(FixEnum):
    """PegOffsetType(836)."""

    PRICE = "price", b"0"
    BASIS_POINTS = "basis_points", b"1"
    TICKS = "ticks", b"2"
    PRICE_TIER = "price_tier", b"3"


class PegLimitType(FixEnum):
    """PegLimitType(837)."""

    OR_BETTER = "or_better", b"0"
    STRICT = "strict", b"1"
    OR_WORSE = "or_worse", b"2"


class PegRoundDirection(FixEnum):
    """PegRoundDirection(838)."""

    MORE_AGGRESSIVE = "more_aggressive", b"1"
    MORE_PASSIVE = "more_passive", b"2"


class PegScope(FixEnum):
    """PegScope(840)."""

    LOCAL = "local", b"1"
    NATIONAL = "national", b"2"
    GLOBAL = "global", b"3"
    NATIONAL_EXCLUDING_LOCAL = "national_excluding_local", b"4"


class DiscretionInst(FixEnum):
    """DiscretionInst(388)."""

    RELATED_TO_DISPLAYED_PRICE = "related_to_displayed_price", b"0"
    RELATED_TO_MARKET_PRICE = "related_to_market_price", b"1"
    RELATED_TO_PRIMARY_PRICE = "related_to_primary_price", b"2"
    RELATED_TO_LOCAL_PRIMARY_PRICE = "related_to_local_primary_price", b"3"
    RELATED_TO_MIDPOINT_PRICE = "related_to_midpoint_price", b"4"
    RELATED_TO_LAST_TRADE_PRICE = "related_to_last_trade_price", b"5"
    RELATED_TO_VWAP = "related_to_vwap", b"6"


class AccountType(FixEnum):
    """AccountType(581)."""

    CARRIED_CUSTOMER_SIDE = "carried_customer_side", b"1"
    CARRIED_NON_CUSTOMER_SIDE = "carried_non_customer_side", b"2"
    HOUSE_TRADER = "house_trader", b"3"
    FLOOR_TRADER = "floor_trader", b"4"
    CARRIED_NON_CUSTOMER_SIDE_CROSS_MARGINED = "carried_non_customer_side_cross_margined", b"6"
    HOUSE_TRADER_CROSS_MARGINED = "house_trader_cross_margined", b"7"
    JOINT_BACK_OFFICE_ACCOUNT = "joint_back_office_account", b"8"


class AcctIDSource(FixEnum):
    """AcctIDSource(660)."""

    BIC = "bic", b"1"
    SID_CODE = "sid_code", b"2"
    TFM = "tfm", b"3"
    OMGEO = "omgeo", b"4"
    DTCC_CODE = "dtcc_code", b"5"
    OTHER = "other", b"99"


class PartyIDSource(FixEnum):
    """PartyIDSource(447)."""

    KOREAN_INVESTOR_ID = "korean_investor_id", b"1"
    TAIWANESE_FOREIGN_INVESTOR_ID = "taiwanese_foreign_investor_id", b"2"
    TAIWANESE_TRADING_ACCT = "taiwanese_trading_acct", b"3"
    MALAYSIAN_CENTRAL_DEPOSITORY = "malaysian_central_depository", b"4"
    CHINESE_INVESTOR_ID = "chinese_investor_id", b"5"
    UK_NATIONAL_INSURANCE_OR_PENSION_NUMBER = "uk_national_insurance_or_pension_number", b"6"
    US_SOCIAL_SECURITY_NUMBER = "us_social_security_number", b"7"
    US_EMPLOYER_OR_TAX_ID_NUMBER = "us_employer_or_tax_id_number", b"8"
    AUSTRALIAN_BUSINESS_NUMBER = "australian_business_number", b"9"
    AUSTRALIAN_TAX_FILE_NUMBER = "australian_tax_file_number", b"A"
    BIC = "bic", b"B"
    GENERAL_IDENTIFIER = "general_identifier", b"C"
    PROPRIETARY = "proprietary", b"D"
    ISO_COUNTRY_CODE = "iso_country_code", b"E"
    SETTLEMENT_ENTITY_LOCATION = "settlement_entity_location", b"F"
    MIC = "mic", b"G"
    CSD_PARTICIPANT = "csd_participant", b"H"
    ISITC_ACRONYM = "isitc_acronym", b"I"


class PartyRole(FixEnum):
    """PartyRole(452)."""

    EXECUTING_FIRM = "executing_firm", b"1"
    BROKER_OF_CREDIT = "broker_of_credit", b"2"
    CLIENT_ID = "client_id", b"3"
    CLEARING_FIRM = "clearing_firm", b"4"
    INVESTOR_ID = "investor_id", b"5"
    INTRODUCING_FIRM = "introducing_firm", b"6"
    ENTERING_FIRM = "entering_firm", b"7"
    LOCATE = "locate", b"8"
    FUND_MANAGER_CLIENT_ID = "fund_manager_client_id", b"9"
    SETTLEMENT_LOCATION = "settlement_location", b"10"
    ORDER_ORIGINATION_TRADER = "order_origination_trader", b"11"
    EXECUTING_TRADER = "executing_trader", b"12"
    ORDER_ORIGINATION_FIRM = "order_origination_firm", b"13"
    GIVEUP_CLEARING_FIRM = "giveup_clearing_firm", b"14"
    CORRESPONDENT_CLEARING_FIRM = "correspondent_clearing_firm", b"15"
    EXECUTING_SYSTEM = "executing_system", b"16"
    CONTRA_FIRM = "contra_firm", b"17"
    CONTRA_CLEARING_FIRM = "contra_clearing_firm", b"18"
    SPONSORING_FIRM = "sponsoring_firm", b"19"
    UNDERLYING_CONTRA_FIRM = "underlying_contra_firm", b"20"
    CLEARING_ORGANIZATION = "clearing_organization", b"21"
    EXCHANGE = "exchange", b"22"
    CUSTOMER_ACCOUNT = "customer_account", b"24"
    CORRESPONDENT_CLEARING_ORGANIZATION = "correspondent_clearing_organization", b"25"
    CORRESPONDENT_BROKER = "correspondent_broker", b"26"
    BUYER = "buyer", b"27"
    CUSTODIAN = "custodian", b"28"
    INTERMEDIARY = "intermediary", b"29"
    AGENT = "agent", b"30"
    SUB_CUSTODIAN = "sub_custodian", b"31"
    BENEFICIARY = "beneficiary", b"32"
    INTERESTED_PARTY = "interested_party", b"33"
    REGULATORY_BODY = "regulatory_body", b"34"
    LIQUIDITY_PROVIDER = "liquidity_provider", b"35"
    ENTERING_TRADER = "entering_trader", b"36"
    CONTRA_TRADER = "contra_trader", b"37"
    POSITION_ACCOUNT = "position_account", b"38"


class PartySubIDType(FixEnum):
    """PartySubIDType(803)."""

    FIRM = "firm", b"1"
    PERSON = "person", b"2"
    SYSTEM = "system", b"3"
    APPLICATION = "application", b"4"
    FULL_LEGAL_NAME_OF_FIRM = "full_legal_name_of_firm", b"5"
    POSTAL_ADDRESS = "postal_address", b"6"
    PHONE_NUMBER = "phone_number", b"7"
    EMAIL_ADDRESS = "email_address", b"8"
    CONTACT_NAME = "contact_name", b"9"
    SECURITIES_ACCOUNT_NUMBER = "securities_account_number", b"10"
    REGISTRATION_NUMBER = "registration_number", b"11"
    REGISTERED_ADDRESS_FOR_CONFIRMATION = "registered_address_for_confirmation", b"12"
    REGULATORY_STATUS = "regulatory_status", b"13"
    REGISTRATION_NAME = "registration_name", b"14"
    CASH_ACCOUNT_NUMBER = "cash_account_number", b"15"
    BIC = "bic", b"16"
    CSD_PARTICIPANT_MEMBER_CODE = "csd_participant_member_code", b"17"
    REGISTERED_ADDRESS = "registered_address", b"18"
    FUND_ACCOUNT_NAME = "fund_account_name", b"19"
    TELEX_NUMBER = "telex_number", b"20"
    FAX_NUMBER = "fax_number", b"21"
    SECURITIES_ACCOUNT_NAME = "securities_account_name", b"22"
    CASH_ACCOUNT_NAME = "cash_account_name", b"23"
    DEPARTMENT = "department", b"24"
    LOCATION_DESK = "location_desk", b"25"
    POSITION_ACCOUNT_TYPE = "position_account_type", b"26"


class SecurityType(FixEnum):
    """SecurityType(167)."""

    OTHER_ANTICIPATION_NOTES = "other_anticipation_notes", b"AN"
    BANKERS_ACCEPTANCE = "bankers_acceptance", b"BA"
    BANK_NOTES = "bank_notes", b"BN"
    CONVERTIBLE_BOND = "convertible_bond", b"CB"
    CERTIFICATE_OF_DEPOSIT = "certificate_of_deposit", b"CD"
    CALL_LOANS = "call_loans", b"CL"
    COMMERCIAL_PAPER = "commercial_paper", b"CP"
    COMMON_STOCK = "common_stock", b"CS"
    DEPOSIT_NOTES = "deposit_notes", b"DN"
    GENERAL_OBLIGATION_BONDS = "general_obligation_bonds", b"GO"
    MUTUAL_FUND = "mutual_fund", b"MF"
    MANDATORY_TENDER = "mandatory_tender", b"MT"
    PROMISSORY_NOTE = "promissory_note", b"PN"
    PREFERRED_STOCK = "preferred_stock", b"PS"
    TIME_DEPOSIT = "time_deposit", b"TD"
    ASSET_BACKED_SECURITIES = "asset_backed_securities", b"ABS"
    BILL_OF_EXCHANGES = "bill_of_exchanges", b"BOX"
    COLLATERALIZED_MORTGAGE_OBLIGATION = "collateralized_mortgage_obligation", b"CMO"
    CORPORATE_PRIVATE_PLACEMENT = "corporate_private_placement", b"CPP"
    FEDERAL_AGENCY_COUPON = "federal_agency_coupon", b"FAC"
    FOREIGN_EXCHANGE_CONTRACT = "foreign_exchange_contract", b"FOR"
    FUTURE = "future", b"FUT"
    IOETTE_MORTGAGE = "ioette_mortgage", b"IET"
    LIQUIDITY_NOTE = "liquidity_note", b"LQN"
    MORTGAGE_BACKED_SECURITIES = "mortgage_backed_securities", b"MBS"
    MORTGAGE_INTEREST_ONLY = "mortgage_interest_only", b"MIO"
    MORTGAGE_PRINCIPAL_ONLY = "mortgage_principal_only", b"MPO"
    MORTGAGE_PRIVATE_PLACEMENT = "mortgage_private_placement", b"MPP"
    MISCELLANEOUS_PASS_THROUGH = "miscellaneous_pass_through", b"MPT"
    MEDIUM_TERM_NOTES = "medium_term_notes", b"MTN"
    OPTION = "option", b"OPT"
    PRIVATE_EXPORT_FUNDING = "private_export_funding", b"PEF"
    REVENUE_ANTICIPATION_NOTE = "revenue_anticipation_note", b"RAN"
    REVENUE_BONDS = "revenue_bonds", b"REV"
    SHORT_TERM_LOAN_NOTE = "short_term_loan_note", b"STN"
    TAX_ANTICIPATION_NOTE = "tax_anticipation_note", b"TAN"
    TO_BE_ANNOUNCED = "to_be_announced", b"TBA"
    US_TREASURY_NOTE_OLD = "us_treasury_note_old", b"UST"
    WARRANT = "warrant", b"WAR"
    EXTENDED_COMMERCIAL_NOTE = "extended_commercial_note", b"XCN"
    YANKEE_CERTIFICATE_OF_DEPOSIT = "yankee_certificate_of_deposit", b"YCD"
    CORPORATE_MORTGAGE_BACKED_SECURITIES = "corporate_mortgage_backed_securities", b"CMBS"
    CERTIFICATE_OF_OBLIGATION = "certificate_of_obligation", b"COFO"
    CERTIFICATE_OF_PARTICIPATION = "certificate_of_participation", b"COFP"
    CORPORATE_BOND = "corporate_bond", b"CORP"
    DEBTOR_IN_POSSESSION = "debtor_in_possession", b"DINP"
    DUAL_CURRENCY = "dual_currency", b"DUAL"
    EURO_CERTIFICATE_OF_DEPOSIT = "euro_certificate_of_deposit", b"EUCD"
    EURO_COMMERCIAL_PAPER = "euro_commercial_paper", b"EUCP"
    FEDERAL_AGENCY_DISCOUNT_NOTE = "federal_agency_discount_note", b"FADN"
    LETTER_OF_CREDIT = "letter_of_credit", b"LOFC"
    MULTILEG_INSTRUMENT = "multileg_instrument", b"MLEG"
    NO_SECURITY_TYPE = "no_security_type", b"NONE"
    PLAZOS_FIJOS = "plazos_fijos", b"PZFJ"
    REPURCHASE = "repurchase", b"REPO"
    REVOLVER_LOAN = "revolver_loan", b"RVLV"
    TAX_ALLOCATION = "tax_allocation", b"TAXA"
    PRINCIPAL_STRIP_OF_A_CALLABLE_BOND_OR_NOTE = "principal_strip_of_a_callable_bond_or_note", b"TCAL"
    TAX_EXEMPT_COMMERCIAL_PAPER = "tax_exempt_commercial_paper", b"TECP"
    TERM_LOAN = "term_loan", b"TERM"
    INTEREST_STRIP_FROM_ANY_BOND_OR_NOTE = "interest_strip_from_any_bond_or_note", b"TINT"
    TREASURY_INFLATION_PROTECTED_SECURITIES = "treasury_inflation_protected_securities", b"TIPS"
    PRINCIPAL_STRIP_FROM_A_NON_CALLABLE_BOND_OR_NOTE = "principal_strip_from_a_non_callable_bond_or_note", b"TPRN"
    TAX_REVENUE_ANTICIPATION_NOTE = "tax_revenue_anticipation_note", b"TRAN"
    US_TREASURY_BILL_OLD = "us_treasury_bill_old", b"USTB"
    VARIABLE_RATE_DEMAND_NOTE = "variable_rate_demand_note", b"VRDN"
    YANKEE_CORPORATE_BOND = "yankee_corporate_bond", b"YANK"
    BRADY_BOND = "brady_bond", b"BRADY"
    EURO_SOVEREIGNS = "euro_sovereigns", b"EUSOV"
    OVERNIGHT = "overnight", b"ONITE"
    PFANDBRIEFE = "pfandbriefe", b"PFAND"
    SPECIAL_ASSESSMENT = "special_assessment", b"SPCLA"
    SPECIAL_OBLIGATION = "special_obligation", b"SPCLO"
    SPECIAL_TAX = "special_tax", b"SPCLT"
    USD_SUPRANATIONAL_COUPONS = "usd_supranational_coupons", b"SUPRA"
    SWING_LINE_FACILITY = "swing_line_facility", b"SWING"
    US_TREASURY_BILL = "us_treasury_bill", b"TBILL"
    US_TREASURY_BOND = "us_treasury_bond", b"TBOND"
    US_TREASURY_NOTE = "us_treasury_note", b"TNOTE"
    BRIDGE_LOAN = "bridge_loan", b"BRIDGE"
    EURO_CORPORATE_BOND = "euro_corporate_bond", b"EUCORP"
    STRUCTURED_NOTES = "structured_notes", b"STRUCT"
    INDEXED_LINKED = "indexed_linked", b"XLINKD"
    AMENDED = "amended", b"AMENDED"
    BUY_SELLBACK = "buy_sellback", b"BUYSELL"
    DEFAULTED = "defaulted", b"DEFLTED"
    EURO_SUPRANATIONAL_COUPONS = "euro_supranational_coupons", b"EUSUPRA"
    FORWARD = "forward", b"FORWARD"
    MATURED = "matured", b"MATURED"
    REPLACED = "replaced", b"REPLACD"
    RETIRED = "retired", b"RETIRED"
    REVOLVER_TERM_LOAN = "revolver_term_loan", b"RVLVTRM"
    SECURITIES_LOAN = "securities_loan", b"SECLOAN"
    WITHDRAWN = "withdrawn", b"WITHDRN"
    SECURITIES_PLEDGE = "securities_pledge", b"SECPLEDGE"


class SecurityIDSource(FixEnum):
    """SecurityIDSource(22)."""

    CUSIP = "cusip", b"1"
    SEDOL = "sedol", b"2"
    QUIK = "quik", b"3"
    ISIN_NUMBER = "isin_number", b"4"
    RIC_CODE = "ric_code", b"5"
    ISO_CURRENCY_CODE = "iso_currency_code", b"6"
    ISO_COUNTRY_CODE = "iso_country_code", b"7"
    EXCHANGE_SYMBOL = "exchange_symbol", b"8"
    CONSOLIDATED_TAPE_ASSOCIATION = "consolidated_tape_association", b"9"
    BLOOMBERG_SYMBOL = "bloomberg_symbol", b"A"
    WERTPAPIER = "wertpapier", b"B"
    DUTCH = "dutch", b"C"
    VALOREN = "valoren", b"D"
    SICOVAM = "sicovam", b"E"
    BELGIAN = "belgian", b"F"
    COMMON = "common", b"G"
    CLEARING_HOUSE = "clearing_house", b"H"
    ISDA_FPML_SPECIFICATION = "isda_fpml_specification", b"I"
    OPTION_PRICE_REPORTING_AUTHORITY = "option_price_reporting_authority", b"J"


class Product(FixEnum):
    """Product(460)."""

    AGENCY = "agency", b"1"
    COMMODITY = "commodity", b"2"
    CORPORATE = "corporate", b"3"
    CURRENCY = "currency", b"4"
    EQUITY = "equity", b"5"
    GOVERNMENT = "government", b"6"
    INDEX = "index", b"7"
    LOAN = "loan", b"8"
    MONEYMARKET = "moneymarket", b"9"
    MORTGAGE = "mortgage", b"10"
    MUNICIPAL = "municipal", b"11"
    OTHER = "other", b"12"
    FINANCING = "financing", b"13"


class PutOrCall(FixEnum):
    """PutOrCall(201)."""

    PUT = "put", b"0"
    CALL = "call", b"1"


class MassCancelRequestType(FixEnum):
    """MassCancelRequestType(530)."""

    CANCEL_ORDERS_FOR_A_SECURITY = "cancel_orders_for_a_security", b"1"
    CANCEL_ORDERS_FOR_AN_UNDERLYING_SECURITY = "cancel_orders_for_an_underlying_security", b"2"
    CANCEL_ORDERS_FOR_A_PRODUCT = "cancel_orders_for_a_product", b"3"
    CANCEL_ORDERS_FOR_A_CFI_CODE = "cancel_orders_for_a_cfi_code", b"4"
    CANCEL_ORDERS_FOR_A_SECURITY_TYPE = "cancel_orders_for_a_security_type", b"5"
    CANCEL_ORDERS_FOR_A_TRADING_SESSION = "cancel_orders_for_a_trading_session", b"6"
    CANCEL_ALL_ORDERS = "cancel_all_orders", b"7"


class MassCancelResponse(FixEnum):
    """MassCancelResponse(531)."""

    CANCEL_REQUEST_REJECTED = "cancel_request_rejected", b"0"
    CANCEL_ORDERS_FOR_A_SECURITY = "cancel_orders_for_a_security", b"1"
    CANCEL_ORDERS_FOR_AN_UNDERLYING_SECURITY = "cancel_orders_for_an_underlying_security", b"2"
    CANCEL_ORDERS_FOR_A_PRODUCT = "cancel_orders_for_a_product", b"3"
    CANCEL_ORDERS_FOR_A_CFI_CODE = "cancel_orders_for_a_cfi_code", b"4"
    CANCEL_ORDERS_FOR_A_SECURITY_TYPE = "cancel_orders_for_a_security_type", b"5"
    CANCEL_ORDERS_FOR_A_TRADING_SESSION = "cancel_orders_for_a_trading_session", b"6"
    CANCEL_ALL_ORDERS = "cancel_all_orders", b"7"


class MassCancelRejectReason(FixEnum):
    """MassCancelRejectReason(532)."""

    MASS_CANCEL_NOT_SUPPORTED = "mass_cancel_not_supported", b"0"
    INVALID_OR_UNKNOWN_SECURITY = "invalid_or_unknown_security", b"1"
    INVALID_OR_UNKNOWN_UNDERLYING_SECURITY = "invalid_or_unknown_underlying_security", b"2"
    INVALID_OR_UNKNOWN_PRODUCT = "invalid_or_unknown_product", b"3"
    INVALID_OR_UNKNOWN_CFI_CODE = "invalid_or_unknown_cfi_code", b"4"
    INVALID_OR_UNKNOWN_SECURITY_TYPE = "invalid_or_unknown_security_type", b"5"
    INVALID_OR_UNKNOWN_TRADING_SESSION = "invalid_or_unknown_trading_session", b"6"
    OTHER = "other", b"99"


class MassStatusReqType(FixEnum):
    """MassStatusReqType(585)."""

    STATUS_FOR_ORDERS_FOR_A_SECURITY = "status_for_orders_for_a_security", b"1"
    STATUS_FOR_ORDERS_FOR_AN_UNDERLYING_SECURITY = "status_for_orders_for_an_underlying_security", b"2"
    STATUS_FOR_ORDERS_FOR_A_PRODUCT = "status_for_orders_for_a_product", b"3"
    STATUS_FOR_ORDERS_FOR_A_CFI_CODE = "status_for_orders_for_a_cfi_code", b"4"
    STATUS_FOR_ORDERS_FOR_A_SECURITY_TYPE = "status_for_orders_for_a_security_type", b"5"
    STATUS_FOR_ORDERS_FOR_A_TRADING_SESSION = "status_for_orders_for_a_trading_session", b"6"
    STATUS_FOR_ALL_ORDERS = "status_for_all_orders", b"7"
    STATUS_FOR_ORDERS_FOR_A_PARTY_ID = "status_for_orders_for_a_party_id", b"8"


class SubscriptionRequestType(FixEnum):
    """SubscriptionRequestType(263)."""

    SNAPSHOT = "snapshot", b"0"
    SNAPSHOT_AND_UPDATES = "snapshot_and_updates", b"1"
    DISABLE_PREVIOUS_SNAPSHOT = "disable_previous_snapshot", b"2"


class ResponseTransportType(FixEnum):
    """ResponseTransportType(725)."""

    INBAND = "inband", b"0"
    OUT_OF_BAND = "out_of_band", b"1"


class PosReqType(FixEnum):
    """PosReqType(724)."""

    POSITIONS = "positions", b"0"
    TRADES = "trades", b"1"
    EXERCISES = "exercises", b"2"
    ASSIGNMENTS = "assignments", b"3"


class PosReqResult(FixEnum):
    """PosReqResult(728)."""

    VALID_REQUEST = "valid_request", b"0"
    INVALID_OR_UNSUPPORTED_REQUEST = "invalid_or_unsupported_request", b"1"
    NO_POSITIONS_FOUND_THAT_MATCH_CRITERIA = "no_positions_found_that_match_criteria", b"2"
    NOT_AUTHORIZED_TO_REQUEST_POSITIONS = "not_authorized_to_request_positions", b"3"
    REQUEST_FOR_POSITION_NOT_SUPPORTED = "request_for_position_not_supported", b"4"
    OTHER = "other", b"99"


class PosReqStatus(FixEnum):
    """PosReqStatus(729)."""

    COMPLETED = "completed", b"0"
    COMPLETED_WITH_WARNINGS = "completed_with_warnings", b"1"
    REJECTED = "rejected", b"2"


class PosType(FixEnum):
    """PosType(703)."""

    OPTION_ASSIGNMENT = "option_assignment", b"AS"
    OPTION_EXERCISE_QTY = "option_exercise_qty", b"EX"
    ADJUSTMENT_QTY = "adjustment_qty", b"PA"
    TRANSACTION_FROM_ASSIGNMENT = "transaction_from_assignment", b"TA"
    TRANSACTION_QUANTITY = "transaction_quantity", b"TQ"
    TRANSACTION_FROM_EXERCISE = "transaction_from_exercise", b"TX"
    CROSS_MARGIN_QTY = "cross_margin_qty", b"XM"
    ALLOCATION_TRADE_QTY = "allocation_trade_qty", b"ALC"
    AS_OF_TRADE_QTY = "as_of_trade_qty", b"ASF"
    DELIVERY_QTY = "delivery_qty", b"DLV"
    ELECTRONIC_TRADE_QTY = "electronic_trade_qty", b"ETR"
    END_OF_DAY_QTY = "end_of_day_qty", b"FIN"
    INTRA_SPREAD_QTY = "intra_spread_qty", b"IAS"
    INTER_SPREAD_QTY = "inter_spread_qty", b"IES"
    PIT_TRADE_QTY = "pit_trade_qty", b"PIT"
    START_OF_DAY_QTY = "start_of_day_qty", b"SOD"
    INTEGRAL_SPLIT = "integral_split", b"SPL"
    TOTAL_TRANSACTION_QTY = "total_transaction_qty", b"TOT"
    TRANSFER_TRADE_QTY = "transfer_trade_qty", b"TRF"


class PosQtyStatus(FixEnum):
    """PosQtyStatus(706)."""

    SUBMITTED = "submitted", b"0"
    ACCEPTED = "accepted", b"1"
    REJECTED = "rejected", b"2"


class PosAmtType(FixEnum):
    """PosAmtType(707)."""

    CASH_AMOUNT = "cash_amount", b"CASH"
    CASH_RESIDUAL_AMOUNT = "cash_residual_amount", b"CRES"
    FINAL_MARK_TO_MARKET_AMOUNT = "final_mark_to_market_amount", b"FMTM"
    INCREMENTAL_MARK_TO_MARKET_AMOUNT = "incremental_mark_to_market_amount", b"IMTM"
    PREMIUM_AMOUNT = "premium_amount", b"PREM"
    START_OF_DAY_MARK_TO_MARKET_AMOUNT = "start_of_day_mark_to_market_amount", b"SMTM"
    TRADE_VARIATION_AMOUNT = "trade_variation_amount", b"TVAR"
    VALUE_ADJUSTED_AMOUNT = "value_adjusted_amount", b"VADJ"


class SettlPriceType(FixEnum):
    """SettlPriceType(731)."""

    FINAL = "final", b"1"
    THEORETICAL = "theoretical", b"2"


class SettlSessID(FixEnum):
    """SettlSessID(716)."""

    ELECTRONIC_TRADING_HOURS = "electronic_trading_hours", b"ETH"
    INTRADAY = "intraday", b"ITD"
    REGULAR_TRADING_HOURS = "regular_trading_hours", b"RTH"


class RegistStatus(FixEnum):
    """RegistStatus(506)."""

    ACCEPTED = "accepted", b"A"
    HELD = "held", b"H"
    REMINDER = "reminder", b"N"
    REJECTED = "rejected", b"R"


class TradeRequestType(FixEnum):
    """TradeRequestType(569)."""

    ALL_TRADES = "all_trades", b"0"
    MATCHED_TRADES_MATCHING_CRITERIA = "matched_trades_matching_criteria", b"1"
    UNMATCHED_TRADES_THAT_MATCH_CRITERIA = "unmatched_trades_that_match_criteria", b"2"
    UNREPORTED_TRADES_THAT_MATCH_CRITERIA = "unreported_trades_that_match_criteria", b"3"
    ADVISORIES_THAT_MATCH_CRITERIA = "advisories_that_match_criteria", b"4"


class TradeRequestResult(FixEnum):
    """TradeRequestResult(749)."""

    SUCCESSFUL = "successful", b"0"
    INVALID_OR_UNKNOWN_INSTRUMENT = "invalid_or_unknown_instrument", b"1"
    INVALID_TYPE_OF_TRADE_REQUESTED = "invalid_type_of_trade_requested", b"2"
    INVALID_PARTIES = "invalid_parties", b"3"
    INVALID_TRANSPORT_TYPE_REQUESTED = "invalid_transport_type_requested", b"4"
    INVALID_DESTINATION_REQUESTED = "invalid_destination_requested", b"5"
    TRADE_REQUEST_TYPE_NOT_SUPPORTED = "trade_request_type_not_supported", b"8"
    NOT_AUTHORIZED = "not_authorized", b"9"
    OTHER = "other", b"99"


class TradeRequestStatus(FixEnum):
    """TradeRequestStatus(750)."""

    ACCEPTED = "accepted", b"0"
    COMPLETED = "completed", b"1"
    REJECTED = "rejected", b"2"


class TradeReportType(FixEnum):
    """TradeReportType(856)."""

    SUBMIT = "submit", b"0"
    ALLEGED = "alleged", b"1"
    ACCEPT = "accept", b"2"
    DECLINE = "decline", b"3"
    ADDENDUM = "addendum", b"4"
    NO_WAS = "no_was", b"5"
    TRADE_REPORT_CANCEL = "trade_report_cancel", b"6"
    LOCKED_IN = "locked_in", b"7"


class TrdType(FixEnum):
    """TrdType(828)."""

    REGULAR_TRADE = "regular_trade", b"0"
    BLOCK_TRADE = "block_trade", b"1"
    EFP = "efp", b"2"
    TRANSFER = "transfer", b"3"
    LATE_TRADE = "late_trade", b"4"
    T_TRADE = "t_trade", b"5"
    WEIGHTED_AVERAGE_PRICE_TRADE = "weighted_average_price_trade", b"6"
    BUNCHED_TRADE = "bunched_trade", b"7"
    LATE_BUNCHED_TRADE = "late_bunched_trade", b"8"
    PRIOR_REFERENCE_PRICE_TRADE = "prior_reference_price_trade", b"9"
    AFTER_HOURS_TRADE = "after_hours_trade", b"10"


class MatchStatus(FixEnum):
    """MatchStatus(573)."""

    COMPARED = "compared", b"0"
    UNCOMPARED = "uncompared", b"1"
    ADVISORY_OR_ALERT = "advisory_or_alert", b"2"


class AvgPxIndicator(FixEnum):
    """AvgPxIndicator(819)."""

    NO_AVERAGE_PRICING = "no_average_pricing", b"0"
    TRADE = "trade", b"1"
    LAST_TRADE = "last_trade", b"2"


class CollInquiryQualifier(FixEnum):
    """CollInquiryQualifier(896)."""

    TRADE_DATE = "trade_date", b"0"
    GC_INSTRUMENT = "gc_instrument", b"1"
    COLLATERAL_INSTRUMENT = "collateral_instrument", b"2"
    SUBSTITUTION_ELIGIBLE = "substitution_eligible", b"3"
    NOT_ASSIGNED = "not_assigned", b"4"
    PARTIALLY_ASSIGNED = "partially_assigned", b"5"
    FULLY_ASSIGNED = "fully_assigned", b"6"
    OUTSTANDING_TRADES = "outstanding_trades", b"7"


class CollInquiryStatus(FixEnum):
    """CollInquiryStatus(945)."""

    ACCEPTED = "accepted", b"0"
    ACCEPTED_WITH_WARNINGS = "accepted_with_warnings", b"1"
    COMPLETED = "completed", b"2"
    COMPLETED_WITH_WARNINGS = "completed_with_warnings", b"3"
    REJECTED = "rejected", b"4"


class CollInquiryResult(FixEnum):
    """CollInquiryResult(946)."""

    SUCCESSFUL = "successful", b"0"
    INVALID_OR_UNKNOWN_INSTRUMENT = "invalid_or_unknown_instrument", b"1"
    INVALID_OR_UNKNOWN_COLLATERAL_TYPE = "invalid_or_unknown_collateral_type", b"2"
    INVALID_PARTIES = "invalid_parties", b"3"
    INVALID_TRANSPORT_TYPE_REQUESTED = "invalid_transport_type_requested", b"4"
    INVALID_DESTINATION_REQUESTED = "invalid_destination_requested", b"5"
    NO_COLLATERAL_FOUND_FOR_THE_TRADE_SPECIFIED = "no_collateral_found_for_the_trade_specified", b"6"
    NO_COLLATERAL_FOUND_FOR_THE_ORDER_SPECIFIED = "no_collateral_found_for_the_order_specified", b"7"
    COLLATERAL_INQUIRY_TYPE_NOT_SUPPORTED = "collateral_inquiry_type_not_supported", b"8"
    UNAUTHORIZED_FOR_COLLATERAL_INQUIRY = "unauthorized_for_collateral_inquiry", b"9"
    OTHER = "other", b"99"


class CollStatus(FixEnum):
    """CollStatus(910)."""

    UNASSIGNED = "unassigned", b"0"
    PARTIALLY_ASSIGNED = "partially_assigned", b"1"
    ASSIGNMENT_PROPOSED = "assignment_proposed", b"2"
    ASSIGNED = "assigned", b"3"
    CHALLENGED = "challenged", b"4"


class SecurityListRequestType(FixEnum):
    """SecurityListRequestType(559)."""

    SYMBOL = "symbol", b"0"
    SECURITY_TYPE_AND_OR_CFI_CODE = "security_type_and_or_cfi_code", b"1"
    PRODUCT = "product", b"2"
    TRADING_SESSION_ID = "trading_session_id", b"3"
    ALL_SECURITIES = "all_securities", b"4"


class SecurityRequestResult(FixEnum):
    """SecurityRequestResult(560)."""

    VALID_REQUEST = "valid_request", b"0"
    INVALID_OR_UNSUPPORTED_REQUEST = "invalid_or_unsupported_request", b"1"
    NO_INSTRUMENTS_FOUND = "no_instruments_found", b"2"
    NOT_AUTHORIZED_TO_RETRIEVE_INSTRUMENT_DATA = "not_authorized_to_retrieve_instrument_data", b"3"
    INSTRUMENT_DATA_TEMPORARILY_UNAVAILABLE = "instrument_data_temporarily_unavailable", b"4"
    REQUEST_FOR_INSTRUMENT_DATA_NOT_SUPPORTED = "request_for_instrument_data_not_supported", b"5"


class EncryptMethod(FixEnum):
    """EncryptMethod(98)."""

    NONE = "none", b"0"
    PKCS = "pkcs", b"1"
    DES = "des", b"2"
    PKCSDES = "pkcsdes", b"3"
    PGPDES = "pgpdes", b"4"
    PGPDESMD5 = "pgpdesmd5", b"5"
    PEM = "pem", b"6"


class MsgDirection(FixEnum):
    """MsgDirection(385)."""

    RECEIVE = "receive", b"R"
    SEND = "send", b"S"


class UserRequestType(FixEnum):
    """UserRequestType(924)."""

    LOG_ON_USER = "log_on_user", b"1"
    LOG_OFF_USER = "log_off_user", b"2"
    CHANGE_PASSWORD_FOR_USER = "change_password_for_user", b"3"
    REQUEST_INDIVIDUAL_USER_STATUS = "request_individual_user_status", b"4"


class UserStatus(FixEnum):
    """UserStatus(926)."""

    LOGGED_IN = "logged_in", b"1"
    NOT_LOGGED_IN = "not_logged_in", b"2"
    USER_NOT_RECOGNIZED = "user_not_recognized", b"3"
    PASSWORD_INCORRECT = "password_incorrect", b"4"
    PASSWORD_CHANGED = "password_changed", b"5"
    OTHER = "other", b"6"


class ArrivalSource(FixEnum):
    """ArrivalSource(5708): which quote gave the arrival price."""

    NBBO = "nbbo", b"NBBO"
    BBO = "bbo", b"BBO"
    LAST = "last", b"LAST"
    BROKER = "broker", b"BROKER"
    NONE = "none", b"NONE"


class EventSource(FixEnum):
    """EventSource(5732): how the bridge learnt of the event."""

    LIVE = "live", b"LIVE"
    RECON = "recon", b"RECON"
    SNAPSHOT = "snapshot", b"SNAPSHOT"
    OPERATOR = "operator", b"OPERATOR"


class Origin(FixEnum):
    """Origin(5733): a client of ours sent the order, or it was found at the broker."""

    CLIENT = "client", b"CLIENT"
    EXT = "ext", b"EXT"


class ReplaceMode(FixEnum):
    """ReplaceMode(5734): replaced by the broker, or by cancel and a new order."""

    NATIVE = "native", b"N"
    EMULATED = "emulated", b"E"


class Mode(FixEnum):
    """Mode(5736): paper or live money."""

    PAPER = "paper", b"P"
    LIVE = "live", b"L"


class CancelOnDisconnectType(FixEnum):
    """CancelOnDisconnectType(5741): when a session's open orders are cancelled."""

    OFF = "off", b"0"
    DISCONNECT = "disconnect", b"1"
    LOGOUT = "logout", b"2"
    BOTH = "both", b"3"
