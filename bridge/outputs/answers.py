"""Answers about positions, money, trades and instruments: AN → AO, AP; BB → BG, BA; AD → AQ, AE; x → y (FIX-APP
section 4).
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from bridge.desk import Desk
from bridge.interfaces import Position
from bridge.orders.identity import parse_order_id, render_order_id
from bridge.orders.market import Instrument
from bridge.orders.order import ZERO, Execution, Order
from bridge.orders.terms import SessionTerms
from fixspec.enums import (
    AccountType,
    CollInquiryResult,
    CollInquiryStatus,
    CollStatus,
    CommType,
    ExecType,
    PosAmtType,
    PosReqResult,
    PosReqStatus,
    PosReqType,
    PosType,
    SecurityListRequestType,
    SecurityRequestResult,
    SecurityType,
    SettlPriceType,
    TradeRequestResult,
    TradeRequestStatus,
    TradeRequestType,
)
from fixspec.messages import (
    CollateralInquiry,
    CollateralInquiryAck,
    CollateralReport,
    Message,
    PositionAmount,
    PositionReport,
    RelatedSymbol,
    RequestForPositions,
    RequestForPositionsAck,
    SecurityList,
    SecurityListRequest,
    TradeCaptureReport,
    TradeCaptureReportRequest,
    TradeCaptureReportRequestAck,
    TradeSide,
)
from fixspec.messages import Position as PositionGroup

CENT = Decimal("0.01")
SYMBOLS_PER_MESSAGE = 50


def rounded(value: Decimal) -> Decimal:
    """An amount of money for the wire."""
    return value.quantize(CENT, ROUND_HALF_EVEN)


# --- positions -------------------------------------------------------------------------------------------------------


def positions(message: RequestForPositions, desk: Desk, terms: SessionTerms) -> list[Message]:
    """AO, then one AP per symbol held or traded today."""
    result = PosReqResult.VALID_REQUEST
    found: list[Position] = []
    if message.pos_req_type is not PosReqType.POSITIONS:
        result = PosReqResult.REQUEST_FOR_POSITION_NOT_SUPPORTED
    elif message.account not in terms.accounts:
        result = PosReqResult.NOT_AUTHORIZED_TO_REQUEST_POSITIONS
    else:
        found = [
            position
            for position in desk.positions(message.account)
            if message.symbol is None or position.symbol == message.symbol
        ]
        if not found:
            result = PosReqResult.NO_POSITIONS_FOUND_THAT_MATCH_CRITERIA
    refused = result not in (PosReqResult.VALID_REQUEST, PosReqResult.NO_POSITIONS_FOUND_THAT_MATCH_CRITERIA)
    ack = RequestForPositionsAck(
        pos_maint_rpt_id=f"P{desk.blotter.seq}",
        pos_req_id=message.pos_req_id,
        total_num_pos_reports=len(found),
        pos_req_result=result,
        pos_req_status=PosReqStatus.REJECTED if refused else PosReqStatus.COMPLETED,
        parties=message.parties,
        account=message.account,
        account_type=message.account_type,
        symbol=message.symbol,
    )
    return [ack, *(position_report(each, desk, message, len(found)) for each in found)]


def position_report(
    position: Position, desk: Desk, message: RequestForPositions, total: int, *, unsolicited: bool = False
) -> PositionReport:
    """AP of one symbol. The mark is the mid or the last trade, else the average price of the position."""
    instrument = desk.instrument(position.symbol)
    multiplier = instrument.multiplier if instrument is not None else Decimal(1)
    mark = mark_of(desk, position)
    unrealised = (mark - position.avg_px) * position.qty * multiplier
    working = desk.working(position.account, position.symbol)
    statement = desk.account(position.account)
    terms = desk.accounts.get(position.account)
    return PositionReport(
        pos_maint_rpt_id=f"P{desk.blotter.seq}-{position.symbol}",
        pos_req_id=message.pos_req_id,
        pos_req_type=PosReqType.POSITIONS,
        subscription_request_type=message.subscription_request_type,
        total_num_pos_reports=total,
        unsolicited_indicator=True if unsolicited else None,
        pos_req_result=PosReqResult.VALID_REQUEST,
        clearing_business_date=message.clearing_business_date,
        parties=message.parties,
        account=position.account,
        account_type=message.account_type,
        symbol=position.symbol,
        security_type=security_type(instrument),
        currency=instrument.currency if instrument is not None else None,
        settl_price=mark,
        settl_price_type=SettlPriceType.THEORETICAL,
        prior_settl_price=position.avg_px,
        positions=(
            PositionGroup(
                pos_type=PosType.TOTAL_TRANSACTION_QTY,
                long_qty=max(position.qty, ZERO),
                short_qty=max(-position.qty, ZERO),
            ),
        ),
        position_amounts=(
            PositionAmount(
                pos_amt_type=PosAmtType.FINAL_MARK_TO_MARKET_AMOUNT,
                pos_amt=rounded(mark * position.qty * multiplier),
            ),
            PositionAmount(
                pos_amt_type=PosAmtType.CASH_AMOUNT, pos_amt=rounded(statement.cash) if statement is not None else ZERO
            ),
        ),
        avg_entry_px=position.avg_px,
        unrealized_pnl=rounded(unrealised),
        realized_pnl=rounded(position.realised),
        working_buy_qty=working.buy_qty,
        working_sell_qty=working.sell_qty,
        event_seq=desk.blotter.seq,
        mode=terms.mode if terms is not None else None,
    )


def mark_of(desk: Desk, position: Position) -> Decimal:
    """What one unit is worth now."""
    quote = desk.quote(position.symbol)
    mid = quote.mid if quote is not None else None
    if mid is not None:
        return mid
    trade = desk.last_trade(position.symbol)
    return trade.price if trade is not None else position.avg_px


def security_type(instrument: Instrument | None) -> SecurityType | None:
    """SecurityType(167) of the symbol master's row."""
    if instrument is None:
        return None
    return SecurityType.by_wire.get(instrument.security_type.encode())


# --- money -----------------------------------------------------------------------------------------------------------


def collateral(message: CollateralInquiry, desk: Desk, terms: SessionTerms) -> list[Message] | str:
    """BG and BA: buying power left, equity and cash; or what is missing in the inquiry."""
    account = message.account or (terms.accounts[0] if len(terms.accounts) == 1 else None)
    if message.coll_inquiry_id is None:
        return "CollInquiryID(909) is required"
    if account is None:
        return "Account(1) is required: the session has more than one"
    statement = desk.account(account) if account in terms.accounts else None
    if statement is None:
        entitled = account in terms.accounts
        unknown = CollInquiryResult.OTHER if entitled else CollInquiryResult.UNAUTHORIZED_FOR_COLLATERAL_INQUIRY
        return [
            CollateralInquiryAck(
                coll_inquiry_id=message.coll_inquiry_id,
                coll_inquiry_status=CollInquiryStatus.REJECTED,
                coll_inquiry_result=unknown,
                account=account,
                text="No statement of the broker yet" if entitled else "Account(1) is not open to this session",
            )
        ]
    age = (desk.now_ns - statement.taken_ns) / 1e9
    return [
        CollateralInquiryAck(
            coll_inquiry_id=message.coll_inquiry_id,
            coll_inquiry_status=CollInquiryStatus.COMPLETED,
            coll_inquiry_result=CollInquiryResult.SUCCESSFUL,
            tot_num_reports=1,
            account=account,
        ),
        CollateralReport(
            coll_rpt_id=f"M{desk.blotter.seq}",
            coll_inquiry_id=message.coll_inquiry_id,
            coll_status=CollStatus.ASSIGNED,
            tot_num_reports=1,
            last_rpt_requested=True,
            account=account,
            account_type=AccountType.CARRIED_CUSTOMER_SIDE,
            currency=statement.currency,
            margin_excess=rounded(statement.buying_power),
            total_net_value=rounded(statement.equity),
            cash_outstanding=rounded(statement.cash),
            text=f"as the broker stated {max(age, 0.0):.1f} s ago",
            event_seq=desk.blotter.seq,
            mode=desk.accounts[account].mode,
        ),
    ]


# --- trades ----------------------------------------------------------------------------------------------------------


def trades(message: TradeCaptureReportRequest, desk: Desk, terms: SessionTerms) -> list[Message]:
    """AQ and one AE per execution asked for: the way to rebuild after a lost store."""
    result = TradeRequestResult.SUCCESSFUL
    if message.trade_request_type not in (
        TradeRequestType.ALL_TRADES,
        TradeRequestType.MATCHED_TRADES_MATCHING_CRITERIA,
    ):
        result = TradeRequestResult.TRADE_REQUEST_TYPE_NOT_SUPPORTED
    elif message.account is not None and message.account not in terms.accounts:
        result = TradeRequestResult.NOT_AUTHORIZED
    chosen: list[tuple[Execution, Order]] = []
    if result is TradeRequestResult.SUCCESSFUL:
        chosen = list(_executions(message, desk, terms))
    ack = TradeCaptureReportRequestAck(
        trade_request_id=message.trade_request_id,
        trade_request_type=message.trade_request_type,
        tot_num_trade_reports=len(chosen),
        trade_request_result=result,
        trade_request_status=TradeRequestStatus.COMPLETED
        if result is TradeRequestResult.SUCCESSFUL
        else TradeRequestStatus.REJECTED,
        symbol=message.symbol or "[N/A]",
    )
    reports = [
        trade_report(execution, order, message.trade_request_id, len(chosen), number == len(chosen))
        for number, (execution, order) in enumerate(chosen, 1)
    ]
    return [ack, *reports]


def _executions(
    message: TradeCaptureReportRequest, desk: Desk, terms: SessionTerms
) -> Iterable[tuple[Execution, Order]]:
    order_id = parse_order_id(message.order_id) if message.order_id is not None else None
    days = {each.trade_date for each in message.dates}
    times = [each.transact_time for each in message.dates if each.transact_time is not None]
    since, until = (min(times), max(times)) if times else (None, None)
    for execution in desk.blotter.all_executions():
        order = desk.blotter.order(execution.order_id)
        if order is None or execution.busted or order.account not in terms.accounts:
            continue
        at = execution.transact_time
        if (
            (message.account is None or order.account == message.account)
            and (message.symbol is None or order.symbol == message.symbol)
            and (message.side is None or order.side is message.side)
            and (message.exec_id is None or execution.exec_id == message.exec_id)
            and (order_id is None or order.order_id == order_id)
            and (message.cl_ord_id is None or desk.blotter.find(terms.session_id, message.cl_ord_id) is order)
            and (not days or (at is not None and at.date() in days))
            and (since is None or (at is not None and at >= since))
            and (until is None or len(times) < 2 or (at is not None and at <= until))
        ):
            yield execution, order


def trade_report(execution: Execution, order: Order, request_id: str, total: int, last: bool) -> TradeCaptureReport:
    """AE of one execution, with the ExecID(17) it was reported under."""
    at = execution.transact_time or order.received
    return TradeCaptureReport(
        trade_report_id=f"R{execution.exec_id}",
        trade_request_id=request_id,
        exec_type=ExecType.TRADE if not execution.revision else ExecType.TRADE_CORRECT,
        tot_num_trade_reports=total,
        last_rpt_requested=last,
        exec_id=execution.exec_id,
        ord_status=order.ord_status,
        secondary_exec_id=execution.broker_exec_id or None,
        previously_reported=True,
        symbol=order.symbol,
        security_type=order.security_type,
        order_qty=order.order_qty,
        last_qty=execution.last_qty,
        last_px=execution.last_px,
        trade_date=at.date(),
        transact_time=at,
        avg_px=order.avg_px,
        sides=(
            TradeSide(
                side=order.side,
                order_id=render_order_id(order.order_id),
                secondary_order_id=order.broker_order_id,
                cl_ord_id=order.cl_ord_id,
                account=order.account,
                ord_type=order.ord_type,
                commission=execution.commission,
                comm_type=CommType.ABSOLUTE if execution.commission is not None else None,
            ),
        ),
        event_seq=execution.seq,
        mode=order.mode,
    )


# --- instruments -----------------------------------------------------------------------------------------------------


def securities(message: SecurityListRequest, instruments: Iterable[Instrument], desk: Desk) -> list[Message]:
    """y, at most 50 symbols in each: tick and lot, multiplier, currency, sector and state in words in Text(58)."""
    kind = message.security_list_request_type
    result = SecurityRequestResult.VALID_REQUEST
    chosen: list[Instrument] = []
    if kind is SecurityListRequestType.ALL_SECURITIES:
        chosen = list(instruments)
    elif kind is SecurityListRequestType.SYMBOL and message.symbol is not None:
        row = desk.instrument(message.symbol)
        chosen = [row] if row is not None else []
    elif kind is SecurityListRequestType.SECURITY_TYPE_AND_OR_CFI_CODE and message.security_type is not None:
        chosen = [each for each in instruments if each.security_type == message.security_type.wire.decode()]
    else:
        result = SecurityRequestResult.REQUEST_FOR_INSTRUMENT_DATA_NOT_SUPPORTED
    if result is SecurityRequestResult.VALID_REQUEST and not chosen:
        result = SecurityRequestResult.NO_INSTRUMENTS_FOUND
    parts = [chosen[at : at + SYMBOLS_PER_MESSAGE] for at in range(0, len(chosen), SYMBOLS_PER_MESSAGE)] or [[]]
    return [
        SecurityList(
            security_req_id=message.security_req_id,
            security_response_id=f"{message.security_req_id}-{number}",
            security_request_result=result,
            tot_no_related_sym=len(chosen),
            last_fragment=number == len(parts),
            related_symbols=tuple(related(each) for each in part),
        )
        for number, part in enumerate(parts, 1)
    ]


def related(instrument: Instrument) -> RelatedSymbol:
    """One symbol of the list."""
    words = [f"tick {instrument.tick_size:f}", f"lot {instrument.lot_size:f}", f"sector {instrument.sector}"]
    words += [] if instrument.active else ["inactive"]
    words += [] if instrument.shortable else ["not shortable"]
    return RelatedSymbol(
        symbol=instrument.symbol,
        security_type=security_type(instrument),
        maturity_date=instrument.maturity,
        contract_multiplier=instrument.multiplier,
        security_exchange=instrument.exchange,
        security_desc=instrument.description,
        currency=instrument.currency,
        round_lot=instrument.lot_size,
        min_trade_vol=instrument.min_qty,
        text=", ".join(words),
    )
