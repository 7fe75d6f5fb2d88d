"""The FIX 4.4 messages we serve, one frozen Struct per message.

A field bears its FIX name in snake_case: `cl_ord_id` is ClOrdID(11), so its tag and type come from the dictionary and
need no annotation here. Fields the specification always requires have no default; everything else is None or () when
absent. A repeating group is a tuple of Structs which name the NumInGroup field that counts them. Data fields
(`raw_data`) carry their length themselves; the codec writes and reads RawDataLength(95) and its kind. The order of the
fields is their order on the wire.

`other` holds what a message carried beyond the modelled fields (unknown, user-defined, or FIX fields we do not use) in
wire order; it is written back after the modelled fields.

Units: quantities are in the instrument's own units (shares, contracts), prices per unit in the price currency, times
are UTC and timezone-aware. `datetime` holds microseconds, so finer fractions of a UTCTimestamp are cut off.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

import msgspec

from fixspec.enums import (
    AccountType,
    AcctIDSource,
    ArrivalSource,
    AvgPxIndicator,
    BookingType,
    BusinessRejectReason,
    CancelOnDisconnectType,
    CashMargin,
    CollInquiryQualifier,
    CollInquiryResult,
    CollInquiryStatus,
    CollStatus,
    CommType,
    CoveredOrUncovered,
    CustOrderCapacity,
    CxlRejReason,
    CxlRejResponseTo,
    DiscretionInst,
    DKReason,
    EncryptMethod,
    EventSource,
    ExecInst,
    ExecRestatementReason,
    ExecType,
    GTBookingInst,
    HandlInst,
    LastCapacity,
    LastLiquidityInd,
    MassCancelRejectReason,
    MassCancelRequestType,
    MassCancelResponse,
    MassStatusReqType,
    MatchStatus,
    MiscFeeBasis,
    MiscFeeType,
    Mode,
    MsgDirection,
    MsgType,
    MultiLegReportingType,
    OrderCapacity,
    OrderRestrictions,
    OrdRejReason,
    OrdStatus,
    OrdType,
    Origin,
    PartyIDSource,
    PartyRole,
    PartySubIDType,
    PegLimitType,
    PegMoveType,
    PegOffsetType,
    PegRoundDirection,
    PegScope,
    PosAmtType,
    PositionEffect,
    PosQtyStatus,
    PosReqResult,
    PosReqStatus,
    PosReqType,
    PosType,
    PriceType,
    Product,
    PutOrCall,
    QtyType,
    RegistStatus,
    ReplaceMode,
    ResponseTransportType,
    SecurityIDSource,
    SecurityListRequestType,
    SecurityRequestResult,
    SecurityType,
    SessionRejectReason,
    SettlPriceType,
    SettlSessID,
    SettlType,
    Side,
    SubscriptionRequestType,
    TimeInForce,
    TradeReportType,
    TradeRequestResult,
    TradeRequestStatus,
    TradeRequestType,
    TrdType,
    UserRequestType,
    UserStatus,
)

Fields = tuple[tuple[int, bytes], ...]


class Message(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, kw_only=True, tag=True, tag_field="msg_type"):
    """What every message is: `msg_type` tells its MsgType(35), in JSON the class name does."""

    msg_type: ClassVar[MsgType]


class Group(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, kw_only=True):
    """One entry of a repeating group; `count_tag` is the NumInGroup field before it."""

    count_tag: ClassVar[int]


class Header(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, kw_only=True):
    """The standard header without BeginString(8), BodyLength(9); `msg_type` is MsgType(35) as it came."""

    msg_type: str
    msg_seq_num: int
    sender_comp_id: str
    target_comp_id: str
    sending_time: datetime
    poss_dup_flag: bool = False
    poss_resend: bool = False
    orig_sending_time: datetime | None = None
    sender_sub_id: str | None = None
    sender_location_id: str | None = None
    target_sub_id: str | None = None
    target_location_id: str | None = None
    on_behalf_of_comp_id: str | None = None
    on_behalf_of_sub_id: str | None = None
    on_behalf_of_location_id: str | None = None
    deliver_to_comp_id: str | None = None
    deliver_to_sub_id: str | None = None
    deliver_to_location_id: str | None = None
    last_msg_seq_num_processed: int | None = None
    other: Fields = ()


# Repeating groups


class PartySubID(Group, frozen=True, kw_only=True):
    """NoPartySubIDs(802)."""

    count_tag: ClassVar[int] = 802

    party_sub_id: str
    party_sub_id_type: PartySubIDType | None = None
    other: Fields = ()


class Party(Group, frozen=True, kw_only=True):
    """NoPartyIDs(453)."""

    count_tag: ClassVar[int] = 453

    party_id: str
    party_id_source: PartyIDSource | None = None
    party_role: PartyRole | None = None
    party_sub_ids: tuple[PartySubID, ...] = ()
    other: Fields = ()


class TradingSession(Group, frozen=True, kw_only=True):
    """NoTradingSessions(386)."""

    count_tag: ClassVar[int] = 386

    trading_session_id: str
    trading_session_sub_id: str | None = None
    other: Fields = ()


class SecurityAltID(Group, frozen=True, kw_only=True):
    """NoSecurityAltID(454)."""

    count_tag: ClassVar[int] = 454

    security_alt_id: str
    security_alt_id_source: SecurityIDSource | None = None
    other: Fields = ()


class AffectedOrder(Group, frozen=True, kw_only=True):
    """NoAffectedOrders(534)."""

    count_tag: ClassVar[int] = 534

    orig_cl_ord_id: str
    affected_order_id: str | None = None
    affected_secondary_order_id: str | None = None
    other: Fields = ()


class ContraBroker(Group, frozen=True, kw_only=True):
    """NoContraBrokers(382)."""

    count_tag: ClassVar[int] = 382

    contra_broker: str
    contra_trader: str | None = None
    contra_trade_qty: Decimal | None = None
    contra_trade_time: datetime | None = None
    contra_leg_ref_id: str | None = None
    other: Fields = ()


class MiscFee(Group, frozen=True, kw_only=True):
    """NoMiscFees(136)."""

    count_tag: ClassVar[int] = 136

    misc_fee_amt: Decimal
    misc_fee_curr: str | None = None
    misc_fee_type: MiscFeeType | None = None
    misc_fee_basis: MiscFeeBasis | None = None
    other: Fields = ()


class Position(Group, frozen=True, kw_only=True):
    """NoPositions(702)."""

    count_tag: ClassVar[int] = 702

    pos_type: PosType
    long_qty: Decimal | None = None
    short_qty: Decimal | None = None
    pos_qty_status: PosQtyStatus | None = None
    other: Fields = ()


class PositionAmount(Group, frozen=True, kw_only=True):
    """NoPosAmt(753)."""

    count_tag: ClassVar[int] = 753

    pos_amt_type: PosAmtType
    pos_amt: Decimal
    other: Fields = ()


class TradeDate(Group, frozen=True, kw_only=True):
    """NoDates(580): a range when there are two."""

    count_tag: ClassVar[int] = 580

    trade_date: date
    transact_time: datetime | None = None
    other: Fields = ()


class CollateralQualifier(Group, frozen=True, kw_only=True):
    """NoCollInquiryQualifier(938)."""

    count_tag: ClassVar[int] = 938

    coll_inquiry_qualifier: CollInquiryQualifier
    other: Fields = ()


class SupportedMsgType(Group, frozen=True, kw_only=True):
    """NoMsgTypes(384) of a Logon(A)."""

    count_tag: ClassVar[int] = 384

    ref_msg_type: str
    msg_direction: MsgDirection | None = None
    other: Fields = ()


class TradeSide(Group, frozen=True, kw_only=True):
    """NoSides(552) of a TradeCaptureReport(AE)."""

    count_tag: ClassVar[int] = 552

    side: Side
    order_id: str
    secondary_order_id: str | None = None
    cl_ord_id: str | None = None
    secondary_cl_ord_id: str | None = None
    list_id: str | None = None
    parties: tuple[Party, ...] = ()
    account: str | None = None
    acct_id_source: AcctIDSource | None = None
    account_type: AccountType | None = None
    currency: str | None = None
    order_capacity: OrderCapacity | None = None
    order_restrictions: tuple[OrderRestrictions, ...] = ()
    cust_order_capacity: CustOrderCapacity | None = None
    ord_type: OrdType | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    trading_session_id: str | None = None
    trading_session_sub_id: str | None = None
    commission: Decimal | None = None
    comm_type: CommType | None = None
    comm_currency: str | None = None
    gross_trade_amt: Decimal | None = None
    net_money: Decimal | None = None
    settl_curr_amt: Decimal | None = None
    settl_currency: str | None = None
    position_effect: PositionEffect | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    misc_fees: tuple[MiscFee, ...] = ()
    other: Fields = ()


class RelatedSymbol(Group, frozen=True, kw_only=True):
    """NoRelatedSym(146) of a SecurityList(y). Tick, lot and capability notes beyond FIX 4.4 travel in `text`."""

    count_tag: ClassVar[int] = 146

    symbol: str
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    security_alt_ids: tuple[SecurityAltID, ...] = ()
    product: Product | None = None
    cfi_code: str | None = None
    security_type: SecurityType | None = None
    maturity_month_year: str | None = None
    maturity_date: date | None = None
    put_or_call: PutOrCall | None = None
    strike_price: Decimal | None = None
    strike_currency: str | None = None
    contract_multiplier: Decimal | None = None
    security_exchange: str | None = None
    issuer: str | None = None
    security_desc: str | None = None
    currency: str | None = None
    round_lot: Decimal | None = None
    min_trade_vol: Decimal | None = None
    trading_session_id: str | None = None
    trading_session_sub_id: str | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


# Session messages


class Heartbeat(Message, frozen=True, kw_only=True):
    """Heartbeat(0)."""

    msg_type: ClassVar[MsgType] = MsgType.HEARTBEAT

    test_req_id: str | None = None
    other: Fields = ()


class TestRequest(Message, frozen=True, kw_only=True):
    """TestRequest(1)."""

    __test__: ClassVar[bool] = False  # pytest takes classes named Test... for its own
    msg_type: ClassVar[MsgType] = MsgType.TEST_REQUEST

    test_req_id: str
    other: Fields = ()


class ResendRequest(Message, frozen=True, kw_only=True):
    """ResendRequest(2); EndSeqNo(16) 0 asks for everything from BeginSeqNo(7) on."""

    msg_type: ClassVar[MsgType] = MsgType.RESEND_REQUEST

    begin_seq_no: int
    end_seq_no: int
    other: Fields = ()


class Reject(Message, frozen=True, kw_only=True):
    """Reject(3): the session-level refusal of one message."""

    msg_type: ClassVar[MsgType] = MsgType.REJECT

    ref_seq_num: int
    ref_tag_id: int | None = None
    ref_msg_type: str | None = None
    session_reject_reason: SessionRejectReason | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


class SequenceReset(Message, frozen=True, kw_only=True):
    """SequenceReset(4): gap fill when GapFillFlag(123) is Y, reset otherwise."""

    msg_type: ClassVar[MsgType] = MsgType.SEQUENCE_RESET

    gap_fill_flag: bool | None = None
    new_seq_no: int
    other: Fields = ()


class Logout(Message, frozen=True, kw_only=True):
    """Logout(5)."""

    msg_type: ClassVar[MsgType] = MsgType.LOGOUT

    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


class Logon(Message, frozen=True, kw_only=True):
    """Logon(A). HeartBtInt(108) is in seconds, CodGraceMs(5742) in milliseconds."""

    msg_type: ClassVar[MsgType] = MsgType.LOGON

    encrypt_method: EncryptMethod
    heart_bt_int: int
    raw_data: bytes | None = None
    reset_seq_num_flag: bool | None = None
    next_expected_msg_seq_num: int | None = None
    max_message_size: int | None = None
    msg_types: tuple[SupportedMsgType, ...] = ()
    test_message_indicator: bool | None = None
    username: str | None = None
    password: str | None = None
    cancel_on_disconnect_type: CancelOnDisconnectType | None = None
    cod_grace_ms: int | None = None
    other: Fields = ()

    def __repr__(self) -> str:
        """Without Password(554) and RawData(96), so that no log line can hold them."""
        return f"Logon(heart_bt_int={self.heart_bt_int}, username={self.username!r}, ...)"


# Orders in


class NewOrderSingle(Message, frozen=True, kw_only=True):
    """NewOrderSingle(D)."""

    msg_type: ClassVar[MsgType] = MsgType.NEW_ORDER_SINGLE

    cl_ord_id: str
    secondary_cl_ord_id: str | None = None
    cl_ord_link_id: str | None = None
    parties: tuple[Party, ...] = ()
    account: str | None = None
    acct_id_source: AcctIDSource | None = None
    account_type: AccountType | None = None
    settl_type: SettlType | None = None
    settl_date: date | None = None
    cash_margin: CashMargin | None = None
    handl_inst: HandlInst | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    min_qty: Decimal | None = None
    max_floor: Decimal | None = None
    ex_destination: str | None = None
    trading_sessions: tuple[TradingSession, ...] = ()
    symbol: str
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    security_alt_ids: tuple[SecurityAltID, ...] = ()
    product: Product | None = None
    cfi_code: str | None = None
    security_type: SecurityType | None = None
    maturity_month_year: str | None = None
    maturity_date: date | None = None
    put_or_call: PutOrCall | None = None
    strike_price: Decimal | None = None
    strike_currency: str | None = None
    contract_multiplier: Decimal | None = None
    security_exchange: str | None = None
    security_desc: str | None = None
    side: Side
    locate_reqd: bool | None = None
    transact_time: datetime
    qty_type: QtyType | None = None
    order_qty: Decimal | None = None
    cash_order_qty: Decimal | None = None
    ord_type: OrdType
    price_type: PriceType | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    currency: str | None = None
    compliance_id: str | None = None
    time_in_force: TimeInForce | None = None
    effective_time: datetime | None = None
    expire_date: date | None = None
    expire_time: datetime | None = None
    gt_booking_inst: GTBookingInst | None = None
    commission: Decimal | None = None
    comm_type: CommType | None = None
    comm_currency: str | None = None
    order_capacity: OrderCapacity | None = None
    order_restrictions: tuple[OrderRestrictions, ...] = ()
    cust_order_capacity: CustOrderCapacity | None = None
    booking_type: BookingType | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    position_effect: PositionEffect | None = None
    covered_or_uncovered: CoveredOrUncovered | None = None
    max_show: Decimal | None = None
    peg_offset_value: Decimal | None = None
    peg_move_type: PegMoveType | None = None
    peg_offset_type: PegOffsetType | None = None
    peg_limit_type: PegLimitType | None = None
    peg_round_direction: PegRoundDirection | None = None
    peg_scope: PegScope | None = None
    discretion_inst: DiscretionInst | None = None
    discretion_offset_value: Decimal | None = None
    target_strategy: int | None = None
    target_strategy_parameters: str | None = None
    participation_rate: Decimal | None = None
    decision_px: Decimal | None = None
    decision_time: datetime | None = None
    allow_duplicate: bool | None = None
    dry_run: bool | None = None
    other: Fields = ()


class OrderCancelRequest(Message, frozen=True, kw_only=True):
    """OrderCancelRequest(F): the whole remainder is asked for, whatever OrderQty(38) says."""

    msg_type: ClassVar[MsgType] = MsgType.ORDER_CANCEL_REQUEST

    orig_cl_ord_id: str
    order_id: str | None = None
    cl_ord_id: str
    secondary_cl_ord_id: str | None = None
    cl_ord_link_id: str | None = None
    list_id: str | None = None
    orig_ord_mod_time: datetime | None = None
    account: str | None = None
    acct_id_source: AcctIDSource | None = None
    account_type: AccountType | None = None
    parties: tuple[Party, ...] = ()
    symbol: str
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    cfi_code: str | None = None
    security_type: SecurityType | None = None
    maturity_month_year: str | None = None
    maturity_date: date | None = None
    put_or_call: PutOrCall | None = None
    strike_price: Decimal | None = None
    security_exchange: str | None = None
    side: Side
    transact_time: datetime
    order_qty: Decimal | None = None
    cash_order_qty: Decimal | None = None
    compliance_id: str | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


class OrderCancelReplaceRequest(Message, frozen=True, kw_only=True):
    """OrderCancelReplaceRequest(G): restates the whole order; OrderQty(38) is the new total, filled part included."""

    msg_type: ClassVar[MsgType] = MsgType.ORDER_CANCEL_REPLACE_REQUEST

    order_id: str | None = None
    parties: tuple[Party, ...] = ()
    orig_cl_ord_id: str
    cl_ord_id: str
    secondary_cl_ord_id: str | None = None
    cl_ord_link_id: str | None = None
    list_id: str | None = None
    orig_ord_mod_time: datetime | None = None
    account: str | None = None
    acct_id_source: AcctIDSource | None = None
    account_type: AccountType | None = None
    settl_type: SettlType | None = None
    settl_date: date | None = None
    cash_margin: CashMargin | None = None
    handl_inst: HandlInst | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    min_qty: Decimal | None = None
    max_floor: Decimal | None = None
    ex_destination: str | None = None
    trading_sessions: tuple[TradingSession, ...] = ()
    symbol: str
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    security_alt_ids: tuple[SecurityAltID, ...] = ()
    product: Product | None = None
    cfi_code: str | None = None
    security_type: SecurityType | None = None
    maturity_month_year: str | None = None
    maturity_date: date | None = None
    put_or_call: PutOrCall | None = None
    strike_price: Decimal | None = None
    strike_currency: str | None = None
    contract_multiplier: Decimal | None = None
    security_exchange: str | None = None
    security_desc: str | None = None
    side: Side
    transact_time: datetime
    qty_type: QtyType | None = None
    order_qty: Decimal | None = None
    cash_order_qty: Decimal | None = None
    ord_type: OrdType
    price_type: PriceType | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    peg_offset_value: Decimal | None = None
    peg_move_type: PegMoveType | None = None
    peg_offset_type: PegOffsetType | None = None
    peg_limit_type: PegLimitType | None = None
    peg_round_direction: PegRoundDirection | None = None
    peg_scope: PegScope | None = None
    discretion_inst: DiscretionInst | None = None
    discretion_offset_value: Decimal | None = None
    target_strategy: int | None = None
    target_strategy_parameters: str | None = None
    participation_rate: Decimal | None = None
    compliance_id: str | None = None
    currency: str | None = None
    time_in_force: TimeInForce | None = None
    effective_time: datetime | None = None
    expire_date: date | None = None
    expire_time: datetime | None = None
    gt_booking_inst: GTBookingInst | None = None
    commission: Decimal | None = None
    comm_type: CommType | None = None
    comm_currency: str | None = None
    order_capacity: OrderCapacity | None = None
    order_restrictions: tuple[OrderRestrictions, ...] = ()
    cust_order_capacity: CustOrderCapacity | None = None
    booking_type: BookingType | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    position_effect: PositionEffect | None = None
    covered_or_uncovered: CoveredOrUncovered | None = None
    max_show: Decimal | None = None
    locate_reqd: bool | None = None
    other: Fields = ()


class OrderStatusRequest(Message, frozen=True, kw_only=True):
    """OrderStatusRequest(H)."""

    msg_type: ClassVar[MsgType] = MsgType.ORDER_STATUS_REQUEST

    order_id: str | None = None
    cl_ord_id: str
    secondary_cl_ord_id: str | None = None
    cl_ord_link_id: str | None = None
    parties: tuple[Party, ...] = ()
    ord_status_req_id: str | None = None
    account: str | None = None
    acct_id_source: AcctIDSource | None = None
    symbol: str
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    security_type: SecurityType | None = None
    security_exchange: str | None = None
    side: Side
    other: Fields = ()


class OrderMassStatusRequest(Message, frozen=True, kw_only=True):
    """OrderMassStatusRequest(AF); IncludeClosed(5747) adds orders closed today."""

    msg_type: ClassVar[MsgType] = MsgType.ORDER_MASS_STATUS_REQUEST

    mass_status_req_id: str
    mass_status_req_type: MassStatusReqType
    parties: tuple[Party, ...] = ()
    account: str | None = None
    acct_id_source: AcctIDSource | None = None
    trading_session_id: str | None = None
    trading_session_sub_id: str | None = None
    symbol: str | None = None
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    product: Product | None = None
    cfi_code: str | None = None
    security_type: SecurityType | None = None
    security_exchange: str | None = None
    side: Side | None = None
    include_closed: bool | None = None
    other: Fields = ()


class OrderMassCancelRequest(Message, frozen=True, kw_only=True):
    """OrderMassCancelRequest(q)."""

    msg_type: ClassVar[MsgType] = MsgType.ORDER_MASS_CANCEL_REQUEST

    cl_ord_id: str
    secondary_cl_ord_id: str | None = None
    mass_cancel_request_type: MassCancelRequestType
    trading_session_id: str | None = None
    trading_session_sub_id: str | None = None
    account: str | None = None
    symbol: str | None = None
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    product: Product | None = None
    cfi_code: str | None = None
    security_type: SecurityType | None = None
    security_exchange: str | None = None
    side: Side | None = None
    transact_time: datetime
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


# Reports out


class OrderMassCancelReport(Message, frozen=True, kw_only=True):
    """OrderMassCancelReport(r)."""

    msg_type: ClassVar[MsgType] = MsgType.ORDER_MASS_CANCEL_REPORT

    cl_ord_id: str | None = None
    secondary_cl_ord_id: str | None = None
    order_id: str
    secondary_order_id: str | None = None
    mass_cancel_request_type: MassCancelRequestType
    mass_cancel_response: MassCancelResponse
    mass_cancel_reject_reason: MassCancelRejectReason | None = None
    total_affected_orders: int | None = None
    affected_orders: tuple[AffectedOrder, ...] = ()
    trading_session_id: str | None = None
    trading_session_sub_id: str | None = None
    account: str | None = None
    symbol: str | None = None
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    product: Product | None = None
    cfi_code: str | None = None
    security_type: SecurityType | None = None
    security_exchange: str | None = None
    side: Side | None = None
    transact_time: datetime | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    event_seq: int | None = None
    mode: Mode | None = None
    mass_cancel_ref: str | None = None
    other: Fields = ()


class ExecutionReport(Message, frozen=True, kw_only=True):
    """ExecutionReport(8).

    The slippages 5712 to 5715 are in basis points, positive = cost. ArrivalQuoteAgeMicros(5707) and 5721 to 5724 are in
    microseconds. EventSeq(5735) is the number of the journal entry the report tells of.
    """

    msg_type: ClassVar[MsgType] = MsgType.EXECUTION_REPORT

    order_id: str
    secondary_order_id: str | None = None
    secondary_cl_ord_id: str | None = None
    secondary_exec_id: str | None = None
    cl_ord_id: str | None = None
    orig_cl_ord_id: str | None = None
    cl_ord_link_id: str | None = None
    ord_status_req_id: str | None = None
    mass_status_req_id: str | None = None
    tot_num_reports: int | None = None
    last_rpt_requested: bool | None = None
    parties: tuple[Party, ...] = ()
    contra_brokers: tuple[ContraBroker, ...] = ()
    list_id: str | None = None
    exec_id: str
    exec_ref_id: str | None = None
    exec_type: ExecType
    ord_status: OrdStatus
    working_indicator: bool | None = None
    ord_rej_reason: OrdRejReason | None = None
    exec_restatement_reason: ExecRestatementReason | None = None
    account: str | None = None
    acct_id_source: AcctIDSource | None = None
    account_type: AccountType | None = None
    settl_type: SettlType | None = None
    settl_date: date | None = None
    cash_margin: CashMargin | None = None
    symbol: str
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    security_alt_ids: tuple[SecurityAltID, ...] = ()
    product: Product | None = None
    cfi_code: str | None = None
    security_type: SecurityType | None = None
    maturity_month_year: str | None = None
    maturity_date: date | None = None
    put_or_call: PutOrCall | None = None
    strike_price: Decimal | None = None
    strike_currency: str | None = None
    contract_multiplier: Decimal | None = None
    security_exchange: str | None = None
    security_desc: str | None = None
    side: Side
    qty_type: QtyType | None = None
    order_qty: Decimal | None = None
    cash_order_qty: Decimal | None = None
    ord_type: OrdType | None = None
    price_type: PriceType | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    peg_offset_value: Decimal | None = None
    peg_move_type: PegMoveType | None = None
    peg_offset_type: PegOffsetType | None = None
    peg_limit_type: PegLimitType | None = None
    peg_round_direction: PegRoundDirection | None = None
    peg_scope: PegScope | None = None
    discretion_inst: DiscretionInst | None = None
    discretion_offset_value: Decimal | None = None
    pegged_price: Decimal | None = None
    currency: str | None = None
    compliance_id: str | None = None
    time_in_force: TimeInForce | None = None
    effective_time: datetime | None = None
    expire_date: date | None = None
    expire_time: datetime | None = None
    exec_inst: tuple[ExecInst, ...] = ()
    order_capacity: OrderCapacity | None = None
    order_restrictions: tuple[OrderRestrictions, ...] = ()
    cust_order_capacity: CustOrderCapacity | None = None
    last_qty: Decimal | None = None
    last_px: Decimal | None = None
    last_par_px: Decimal | None = None
    last_spot_rate: Decimal | None = None
    last_forward_points: Decimal | None = None
    last_mkt: str | None = None
    trading_session_id: str | None = None
    trading_session_sub_id: str | None = None
    last_capacity: LastCapacity | None = None
    leaves_qty: Decimal
    cum_qty: Decimal
    avg_px: Decimal
    day_order_qty: Decimal | None = None
    day_cum_qty: Decimal | None = None
    day_avg_px: Decimal | None = None
    gt_booking_inst: GTBookingInst | None = None
    trade_date: date | None = None
    transact_time: datetime | None = None
    commission: Decimal | None = None
    comm_type: CommType | None = None
    comm_currency: str | None = None
    gross_trade_amt: Decimal | None = None
    net_money: Decimal | None = None
    settl_curr_amt: Decimal | None = None
    settl_currency: str | None = None
    handl_inst: HandlInst | None = None
    min_qty: Decimal | None = None
    max_floor: Decimal | None = None
    position_effect: PositionEffect | None = None
    max_show: Decimal | None = None
    booking_type: BookingType | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    multi_leg_reporting_type: MultiLegReportingType | None = None
    last_liquidity_ind: LastLiquidityInd | None = None
    copy_msg_indicator: bool | None = None
    misc_fees: tuple[MiscFee, ...] = ()
    risk_code: str | None = None
    risk_rule_id: str | None = None
    risk_limit: Decimal | None = None
    risk_value: Decimal | None = None
    arrival_bid: Decimal | None = None
    arrival_offer: Decimal | None = None
    arrival_mid: Decimal | None = None
    arrival_quote_age_micros: int | None = None
    arrival_source: ArrivalSource | None = None
    fill_slippage_bps: Decimal | None = None
    order_slippage_bps: Decimal | None = None
    effective_spread_bps: Decimal | None = None
    shortfall_bps: Decimal | None = None
    recv_time: datetime | None = None
    risk_micros: int | None = None
    recv_to_wire_micros: int | None = None
    wire_to_ack_micros: int | None = None
    exec_to_report_micros: int | None = None
    outcome_unknown: bool | None = None
    overfill_qty: Decimal | None = None
    event_source: EventSource | None = None
    origin: Origin | None = None
    replace_mode: ReplaceMode | None = None
    event_seq: int | None = None
    mode: Mode | None = None
    broker_name: str | None = None
    broker_code: str | None = None
    mass_cancel_ref: str | None = None
    other: Fields = ()


class OrderCancelReject(Message, frozen=True, kw_only=True):
    """OrderCancelReject(9)."""

    msg_type: ClassVar[MsgType] = MsgType.ORDER_CANCEL_REJECT

    order_id: str
    secondary_order_id: str | None = None
    secondary_cl_ord_id: str | None = None
    cl_ord_id: str
    cl_ord_link_id: str | None = None
    orig_cl_ord_id: str
    ord_status: OrdStatus
    working_indicator: bool | None = None
    orig_ord_mod_time: datetime | None = None
    list_id: str | None = None
    account: str | None = None
    acct_id_source: AcctIDSource | None = None
    account_type: AccountType | None = None
    trade_date: date | None = None
    transact_time: datetime | None = None
    cxl_rej_response_to: CxlRejResponseTo
    cxl_rej_reason: CxlRejReason | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    copy_msg_indicator: bool | None = None
    risk_code: str | None = None
    risk_rule_id: str | None = None
    risk_limit: Decimal | None = None
    risk_value: Decimal | None = None
    event_source: EventSource | None = None
    event_seq: int | None = None
    mode: Mode | None = None
    broker_name: str | None = None
    broker_code: str | None = None
    other: Fields = ()


class BusinessMessageReject(Message, frozen=True, kw_only=True):
    """BusinessMessageReject(j)."""

    msg_type: ClassVar[MsgType] = MsgType.BUSINESS_MESSAGE_REJECT

    ref_seq_num: int | None = None
    ref_msg_type: str
    business_reject_ref_id: str | None = None
    business_reject_reason: BusinessRejectReason
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


class DontKnowTrade(Message, frozen=True, kw_only=True):
    """DontKnowTrade(Q)."""

    msg_type: ClassVar[MsgType] = MsgType.DONT_KNOW_TRADE

    order_id: str
    secondary_order_id: str | None = None
    exec_id: str
    dk_reason: DKReason
    symbol: str
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    security_type: SecurityType | None = None
    security_exchange: str | None = None
    side: Side
    order_qty: Decimal | None = None
    cash_order_qty: Decimal | None = None
    last_qty: Decimal | None = None
    last_px: Decimal | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


# Positions and collateral


class RequestForPositions(Message, frozen=True, kw_only=True):
    """RequestForPositions(AN)."""

    msg_type: ClassVar[MsgType] = MsgType.REQUEST_FOR_POSITIONS

    pos_req_id: str
    pos_req_type: PosReqType
    match_status: MatchStatus | None = None
    subscription_request_type: SubscriptionRequestType | None = None
    parties: tuple[Party, ...] = ()
    account: str
    acct_id_source: AcctIDSource | None = None
    account_type: AccountType
    symbol: str | None = None
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    security_type: SecurityType | None = None
    security_exchange: str | None = None
    currency: str | None = None
    clearing_business_date: date
    settl_sess_id: SettlSessID | None = None
    settl_sess_sub_id: str | None = None
    trading_sessions: tuple[TradingSession, ...] = ()
    transact_time: datetime
    response_transport_type: ResponseTransportType | None = None
    response_destination: str | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


class RequestForPositionsAck(Message, frozen=True, kw_only=True):
    """RequestForPositionsAck(AO)."""

    msg_type: ClassVar[MsgType] = MsgType.REQUEST_FOR_POSITIONS_ACK

    pos_maint_rpt_id: str
    pos_req_id: str | None = None
    total_num_pos_reports: int | None = None
    unsolicited_indicator: bool | None = None
    pos_req_result: PosReqResult
    pos_req_status: PosReqStatus
    parties: tuple[Party, ...] = ()
    account: str
    acct_id_source: AcctIDSource | None = None
    account_type: AccountType
    symbol: str | None = None
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    security_type: SecurityType | None = None
    security_exchange: str | None = None
    currency: str | None = None
    response_transport_type: ResponseTransportType | None = None
    response_destination: str | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


class PositionReport(Message, frozen=True, kw_only=True):
    """PositionReport(AP).

    AvgEntryPx(5750) is a price, UnrealizedPnl(5751) and RealizedPnl(5752, today's) are amounts in Currency(15),
    WorkingBuyQty(5753) and WorkingSellQty(5754) what open orders may still add.
    """

    msg_type: ClassVar[MsgType] = MsgType.POSITION_REPORT

    pos_maint_rpt_id: str
    pos_req_id: str | None = None
    pos_req_type: PosReqType | None = None
    subscription_request_type: SubscriptionRequestType | None = None
    total_num_pos_reports: int | None = None
    unsolicited_indicator: bool | None = None
    pos_req_result: PosReqResult
    clearing_business_date: date
    settl_sess_id: SettlSessID | None = None
    settl_sess_sub_id: str | None = None
    parties: tuple[Party, ...] = ()
    account: str
    acct_id_source: AcctIDSource | None = None
    account_type: AccountType
    symbol: str | None = None
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    product: Product | None = None
    cfi_code: str | None = None
    security_type: SecurityType | None = None
    maturity_month_year: str | None = None
    maturity_date: date | None = None
    put_or_call: PutOrCall | None = None
    strike_price: Decimal | None = None
    contract_multiplier: Decimal | None = None
    security_exchange: str | None = None
    currency: str | None = None
    settl_price: Decimal
    settl_price_type: SettlPriceType
    prior_settl_price: Decimal
    positions: tuple[Position, ...] = ()
    position_amounts: tuple[PositionAmount, ...] = ()
    regist_status: RegistStatus | None = None
    delivery_date: date | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    avg_entry_px: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    realized_pnl: Decimal | None = None
    working_buy_qty: Decimal | None = None
    working_sell_qty: Decimal | None = None
    event_seq: int | None = None
    mode: Mode | None = None
    other: Fields = ()


class CollateralInquiry(Message, frozen=True, kw_only=True):
    """CollateralInquiry(BB)."""

    msg_type: ClassVar[MsgType] = MsgType.COLLATERAL_INQUIRY

    coll_inquiry_id: str | None = None
    coll_inquiry_qualifiers: tuple[CollateralQualifier, ...] = ()
    subscription_request_type: SubscriptionRequestType | None = None
    response_transport_type: ResponseTransportType | None = None
    response_destination: str | None = None
    parties: tuple[Party, ...] = ()
    account: str | None = None
    account_type: AccountType | None = None
    cl_ord_id: str | None = None
    order_id: str | None = None
    symbol: str | None = None
    currency: str | None = None
    clearing_business_date: date | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


class CollateralInquiryAck(Message, frozen=True, kw_only=True):
    """CollateralInquiryAck(BG)."""

    msg_type: ClassVar[MsgType] = MsgType.COLLATERAL_INQUIRY_ACK

    coll_inquiry_id: str
    coll_inquiry_status: CollInquiryStatus
    coll_inquiry_result: CollInquiryResult | None = None
    coll_inquiry_qualifiers: tuple[CollateralQualifier, ...] = ()
    tot_num_reports: int | None = None
    parties: tuple[Party, ...] = ()
    account: str | None = None
    account_type: AccountType | None = None
    currency: str | None = None
    clearing_business_date: date | None = None
    response_transport_type: ResponseTransportType | None = None
    response_destination: str | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


class CollateralReport(Message, frozen=True, kw_only=True):
    """CollateralReport(BA): MarginExcess(899), TotalNetValue(900), CashOutstanding(901) in Currency(15)."""

    msg_type: ClassVar[MsgType] = MsgType.COLLATERAL_REPORT

    coll_rpt_id: str
    coll_inquiry_id: str | None = None
    coll_status: CollStatus
    tot_num_reports: int | None = None
    last_rpt_requested: bool | None = None
    parties: tuple[Party, ...] = ()
    account: str | None = None
    account_type: AccountType | None = None
    quantity: Decimal | None = None
    currency: str | None = None
    margin_excess: Decimal | None = None
    total_net_value: Decimal | None = None
    cash_outstanding: Decimal | None = None
    clearing_business_date: date | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    event_seq: int | None = None
    mode: Mode | None = None
    other: Fields = ()


# Trades


class TradeCaptureReportRequest(Message, frozen=True, kw_only=True):
    """TradeCaptureReportRequest(AD)."""

    msg_type: ClassVar[MsgType] = MsgType.TRADE_CAPTURE_REPORT_REQUEST

    trade_request_id: str
    trade_request_type: TradeRequestType
    subscription_request_type: SubscriptionRequestType | None = None
    trade_report_id: str | None = None
    exec_id: str | None = None
    exec_type: ExecType | None = None
    order_id: str | None = None
    cl_ord_id: str | None = None
    match_status: MatchStatus | None = None
    trd_type: TrdType | None = None
    parties: tuple[Party, ...] = ()
    account: str | None = None
    symbol: str | None = None
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    security_type: SecurityType | None = None
    security_exchange: str | None = None
    dates: tuple[TradeDate, ...] = ()
    clearing_business_date: date | None = None
    side: Side | None = None
    response_transport_type: ResponseTransportType | None = None
    response_destination: str | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


class TradeCaptureReportRequestAck(Message, frozen=True, kw_only=True):
    """TradeCaptureReportRequestAck(AQ)."""

    msg_type: ClassVar[MsgType] = MsgType.TRADE_CAPTURE_REPORT_REQUEST_ACK

    trade_request_id: str
    trade_request_type: TradeRequestType
    subscription_request_type: SubscriptionRequestType | None = None
    tot_num_trade_reports: int | None = None
    trade_request_result: TradeRequestResult
    trade_request_status: TradeRequestStatus
    symbol: str
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    security_type: SecurityType | None = None
    security_exchange: str | None = None
    multi_leg_reporting_type: MultiLegReportingType | None = None
    response_transport_type: ResponseTransportType | None = None
    response_destination: str | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    other: Fields = ()


class TradeCaptureReport(Message, frozen=True, kw_only=True):
    """TradeCaptureReport(AE)."""

    msg_type: ClassVar[MsgType] = MsgType.TRADE_CAPTURE_REPORT

    trade_report_id: str
    trade_report_trans_type: int | None = None
    trade_report_type: TradeReportType | None = None
    trade_request_id: str | None = None
    trd_type: TrdType | None = None
    exec_type: ExecType | None = None
    tot_num_trade_reports: int | None = None
    last_rpt_requested: bool | None = None
    unsolicited_indicator: bool | None = None
    subscription_request_type: SubscriptionRequestType | None = None
    trade_report_ref_id: str | None = None
    exec_id: str | None = None
    ord_status: OrdStatus | None = None
    secondary_exec_id: str | None = None
    exec_restatement_reason: ExecRestatementReason | None = None
    previously_reported: bool
    price_type: PriceType | None = None
    symbol: str
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    product: Product | None = None
    cfi_code: str | None = None
    security_type: SecurityType | None = None
    maturity_month_year: str | None = None
    maturity_date: date | None = None
    put_or_call: PutOrCall | None = None
    strike_price: Decimal | None = None
    contract_multiplier: Decimal | None = None
    security_exchange: str | None = None
    order_qty: Decimal | None = None
    cash_order_qty: Decimal | None = None
    qty_type: QtyType | None = None
    last_qty: Decimal
    last_px: Decimal
    last_par_px: Decimal | None = None
    last_spot_rate: Decimal | None = None
    last_forward_points: Decimal | None = None
    last_mkt: str | None = None
    trade_date: date
    clearing_business_date: date | None = None
    avg_px: Decimal | None = None
    avg_px_indicator: AvgPxIndicator | None = None
    multi_leg_reporting_type: MultiLegReportingType | None = None
    transact_time: datetime
    settl_type: SettlType | None = None
    settl_date: date | None = None
    match_status: MatchStatus | None = None
    sides: tuple[TradeSide, ...] = ()
    copy_msg_indicator: bool | None = None
    event_seq: int | None = None
    mode: Mode | None = None
    other: Fields = ()


# Securities and users


class SecurityListRequest(Message, frozen=True, kw_only=True):
    """SecurityListRequest(x)."""

    msg_type: ClassVar[MsgType] = MsgType.SECURITY_LIST_REQUEST

    security_req_id: str
    security_list_request_type: SecurityListRequestType
    symbol: str | None = None
    symbol_sfx: str | None = None
    security_id: str | None = None
    security_id_source: SecurityIDSource | None = None
    product: Product | None = None
    cfi_code: str | None = None
    security_type: SecurityType | None = None
    security_exchange: str | None = None
    currency: str | None = None
    text: str | None = None
    encoded_text: bytes | None = None
    trading_session_id: str | None = None
    trading_session_sub_id: str | None = None
    subscription_request_type: SubscriptionRequestType | None = None
    other: Fields = ()


class SecurityList(Message, frozen=True, kw_only=True):
    """SecurityList(y)."""

    msg_type: ClassVar[MsgType] = MsgType.SECURITY_LIST

    security_req_id: str
    security_response_id: str
    security_request_result: SecurityRequestResult
    tot_no_related_sym: int | None = None
    last_fragment: bool | None = None
    related_symbols: tuple[RelatedSymbol, ...] = ()
    other: Fields = ()


class UserRequest(Message, frozen=True, kw_only=True):
    """UserRequest(BE)."""

    msg_type: ClassVar[MsgType] = MsgType.USER_REQUEST

    user_request_id: str
    user_request_type: UserRequestType
    username: str
    password: str | None = None
    new_password: str | None = None
    raw_data: bytes | None = None
    other: Fields = ()

    def __repr__(self) -> str:
        """Without Password(554), NewPassword(925) and RawData(96), so that no log line can hold them."""
        return f"UserRequest(user_request_id={self.user_request_id!r}, username={self.username!r}, ...)"


class UserResponse(Message, frozen=True, kw_only=True):
    """UserResponse(BF)."""

    msg_type: ClassVar[MsgType] = MsgType.USER_RESPONSE

    user_request_id: str
    username: str
    user_status: UserStatus | None = None
    user_status_text: str | None = None
    other: Fields = ()


class Unserved(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, kw_only=True):
    """A message of a type FIX 4.4 has and we do not serve: validated, its fields left as they came."""

    msg_type: str
    other: Fields = ()


SERVED: dict[str, type[Message]] = {
    cls.msg_type.wire.decode(): cls
    for cls in (
        Heartbeat,
        TestRequest,
        ResendRequest,
        Reject,
        SequenceReset,
        Logout,
        Logon,
        NewOrderSingle,
        OrderCancelRequest,
        OrderCancelReplaceRequest,
        OrderStatusRequest,
        OrderMassStatusRequest,
        OrderMassCancelRequest,
        OrderMassCancelReport,
        ExecutionReport,
        OrderCancelReject,
        BusinessMessageReject,
        DontKnowTrade,
        RequestForPositions,
        RequestForPositionsAck,
        PositionReport,
        CollateralInquiry,
        CollateralInquiryAck,
        CollateralReport,
        TradeCaptureReportRequest,
        TradeCaptureReportRequestAck,
        TradeCaptureReport,
        SecurityListRequest,
        SecurityList,
        UserRequest,
        UserResponse,
    )
}

CUSTOM_FIELDS: dict[int, tuple[str, str]] = {
    5700: ("RiskCode", "STRING"),
    5701: ("RiskRuleId", "STRING"),
    5702: ("RiskLimit", "FLOAT"),
    5703: ("RiskValue", "FLOAT"),
    5704: ("ArrivalBid", "PRICE"),
    5705: ("ArrivalOffer", "PRICE"),
    5706: ("ArrivalMid", "PRICE"),
    5707: ("ArrivalQuoteAgeMicros", "INT"),
    5708: ("ArrivalSource", "STRING"),
    5710: ("DecisionPx", "PRICE"),
    5711: ("DecisionTime", "UTCTIMESTAMP"),
    5712: ("FillSlippageBps", "FLOAT"),
    5713: ("OrderSlippageBps", "FLOAT"),
    5714: ("EffectiveSpreadBps", "FLOAT"),
    5715: ("ShortfallBps", "FLOAT"),
    5720: ("RecvTime", "UTCTIMESTAMP"),
    5721: ("RiskMicros", "INT"),
    5722: ("RecvToWireMicros", "INT"),
    5723: ("WireToAckMicros", "INT"),
    5724: ("ExecToReportMicros", "INT"),
    5730: ("OutcomeUnknown", "BOOLEAN"),
    5731: ("OverfillQty", "QTY"),
    5732: ("EventSource", "STRING"),
    5733: ("Origin", "STRING"),
    5734: ("ReplaceMode", "CHAR"),
    5735: ("EventSeq", "INT"),
    5736: ("Mode", "CHAR"),
    5737: ("BrokerName", "STRING"),
    5738: ("BrokerCode", "STRING"),
    5741: ("CancelOnDisconnectType", "INT"),
    5742: ("CodGraceMs", "INT"),
    5745: ("AllowDuplicate", "BOOLEAN"),
    5746: ("DryRun", "BOOLEAN"),
    5747: ("IncludeClosed", "BOOLEAN"),
    5748: ("MassCancelRef", "STRING"),
    5750: ("AvgEntryPx", "PRICE"),
    5751: ("UnrealizedPnl", "AMT"),
    5752: ("RealizedPnl", "AMT"),
    5753: ("WorkingBuyQty", "QTY"),
    5754: ("WorkingSellQty", "QTY"),
}
"""Our user-defined fields: tag → (name, FIX type)."""

EXTENSIONS: dict[str, tuple[int, ...]] = {"q": (1,), "r": (1,), "AD": (1,), "9": (797,)}
"""FIX fields we use in messages where FIX 4.4 has them not: Account(1) narrows a mass cancel or a trade report request,
CopyMsgIndicator(797) marks the copy of an OrderCancelReject(9) on a drop copy session."""
