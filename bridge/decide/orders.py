"""NewOrderSingle(D): is it complete, may it pass, where does it go? (FIX-APP sections 2 and 6)"""

from decimal import Decimal

from bridge.desk import Desk
from bridge.interfaces import RiskLayer
from bridge.orders.events import (
    Arrival,
    DuplicateRefused,
    Entry,
    Event,
    OrderAccepted,
    OrderReceived,
    OrderRejected,
    OrderRouted,
    Source,
)
from bridge.orders.identity import broker_client_id
from bridge.orders.market import Instrument
from bridge.orders.order import Order, received
from bridge.orders.reasons import ReasonCode, Rejection
from bridge.orders.terms import SessionTerms, UnknownTags
from fixspec.enums import ExecInst, HandlInst, OrdType, Side, TimeInForce
from fixspec.messages import Header, NewOrderSingle

PRICED = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})
STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})
SERVED_TYPES = PRICED | STOPS | {OrdType.MARKET}
SERVED_SIDES = frozenset({Side.BUY, Side.SELL, Side.SELL_SHORT, Side.SELL_SHORT_EXEMPT})
SERVED_INSTRUCTIONS = frozenset(
    {
        ExecInst.PARTICIPATE_DO_NOT_INITIATE,
        ExecInst.DO_NOT_INCREASE,
        ExecInst.ALL_OR_NONE,
        ExecInst.CANCEL_ON_SYSTEM_FAILURE,
        ExecInst.TRAILING_STOP_PEG,
    }
)
ONE = Decimal(1)


def new_order(
    desk: Desk,
    terms: SessionTerms,
    header: Header,
    message: NewOrderSingle,
    risk: RiskLayer,
    arrival: Arrival | None = None,
) -> tuple[Event, ...]:
    """(OrderReceived, OrderRouted), (OrderReceived, OrderRejected), or (DuplicateRefused,) for a ClOrdID(11) we
    know.
    """
    session_id = terms.session_id
    if desk.blotter.knows(session_id, message.cl_ord_id):
        return (duplicate(desk, terms, header, message),)
    event, broken = intake(desk, terms, header, message, arrival)
    client_id = broker_client_id(session_id, event.cl_ord_id, event.transact_time.date())
    if broken is None and client_id in desk.unclaimed:
        return claim(desk, event, client_id)
    if broken is None and desk.blotter.by_broker(event.broker, client_id, None) is not None:
        text = f"the broker has had an order under the id of ClOrdID(11) {event.cl_ord_id} before"
        broken = Rejection(ReasonCode.DUP_CLORDID, text)  # adopted: its journal entry was lost with the machine
    rejection = broken or refusal(desk, event, message, terms, risk)
    if rejection is not None:
        return (event, rejected(event.order_id, rejection, "validation" if rejection.rule is None else "risk"))
    routed = OrderRouted(
        order_id=event.order_id, broker=event.broker, broker_client_id=client_id, reserved=risk.reservation()
    )
    return (event, routed)


def claim(desk: Desk, event: OrderReceived, client_id: str) -> tuple[Event, ...]:
    """A resent D meets the order it made before the journal lost its tail: it is at the broker under the id that only
    this message gives, so nothing is sent and no rule is asked (DURABILITY section 6).
    """
    theirs = desk.unclaimed.pop(client_id)
    if (theirs.symbol, theirs.side, theirs.order_qty) != (event.symbol, event.side, event.order_qty):
        text = f"the broker holds another order under the id of ClOrdID(11) {event.cl_ord_id}"
        return (event, rejected(event.order_id, Rejection(ReasonCode.DUP_CLORDID, text), "validation"))
    routed = OrderRouted(order_id=event.order_id, broker=event.broker, broker_client_id=client_id, claimed=True)
    accepted = OrderAccepted(order_id=event.order_id, broker_order_id=theirs.broker_order_id, source=Source.RECON)
    return (event, routed, accepted)


def verdict(
    desk: Desk, terms: SessionTerms, header: Header, message: NewOrderSingle, risk: RiskLayer
) -> tuple[Order, Rejection | None]:
    """DryRun(5746): what `new_order` would say, with nothing recorded."""
    event, broken = intake(desk, terms, header, message, None)
    order = received(Entry(desk.next_seq, desk.now, event), event)
    if desk.blotter.knows(terms.session_id, message.cl_ord_id):
        return order, Rejection(ReasonCode.DUP_CLORDID, f"ClOrdID(11) {message.cl_ord_id} is known", "R07")
    return order, broken or refusal(desk, event, message, terms, risk)


def rejected(order_id: int, rejection: Rejection, source: str) -> OrderRejected:
    """The event of a refusal."""
    return OrderRejected(
        order_id=order_id,
        code=rejection.code.value,
        ord_rej_reason=rejection.ord_rej_reason,
        text=rejection.text,
        source=source,
        rule=rejection.rule,
        limit=None if rejection.limit is None else str(rejection.limit),
        value=None if rejection.value is None else str(rejection.value),
    )


def duplicate(desk: Desk, terms: SessionTerms, header: Header, message: NewOrderSingle) -> DuplicateRefused:
    """A ClOrdID(11) we know: the live order stays untouched; a possible resend of the same terms is answered with its
    status instead of a refusal (FIX-APP 6, rows F.1.a and F.1.b).
    """
    order = desk.blotter.find(terms.session_id, message.cl_ord_id)
    same = order is not None and same_terms(order, message)
    again = header.poss_resend or header.poss_dup_flag
    return DuplicateRefused(
        order_id=order.order_id if order is not None else 0,
        session_id=terms.session_id,
        msg_seq_num=header.msg_seq_num,
        cl_ord_id=message.cl_ord_id,
        account=order.account if order is not None else message.account or "",
        symbol=message.symbol,
        side=message.side,
        text=f"ClOrdID(11) {message.cl_ord_id} was used before",
        same_terms=same,
        poss_resend=again,
    )


def same_terms(order: Order, message: NewOrderSingle) -> bool:
    """True when the message repeats the order as it was last accepted."""
    return (
        order.symbol == message.symbol
        and order.side is message.side
        and order.ord_type is message.ord_type
        and order.order_qty == message.order_qty
        and order.price == message.price
        and order.stop_px == message.stop_px
        and order.time_in_force is (message.time_in_force or TimeInForce.DAY)
    )


def intake(
    desk: Desk, terms: SessionTerms, header: Header, message: NewOrderSingle, arrival: Arrival | None
) -> tuple[OrderReceived, Rejection | None]:
    """The message with account, instrument and route resolved, and what could not be resolved."""
    broken: Rejection | None = None
    account = message.account
    if account is None and len(terms.accounts) == 1:
        account = terms.accounts[0]
    known = desk.accounts.get(account) if account is not None else None
    if account is None:
        broken = Rejection(ReasonCode.ACCOUNT_UNKNOWN, "Account(1) is required: the session has more than one")
    elif known is None:
        broken = Rejection(ReasonCode.ACCOUNT_UNKNOWN, f"Account(1) {account} is not known here")
    elif account not in terms.accounts:
        broken = Rejection(ReasonCode.ACCOUNT_NOT_ENTITLED, f"Account(1) {account} is not open to this session")
    elif terms.strategies and header.sender_sub_id not in terms.strategies:
        broken = Rejection(ReasonCode.ACCOUNT_NOT_ENTITLED, f"SenderSubID(50) {header.sender_sub_id} is not allowed")
    symbol = message.symbol if message.symbol_sfx is None else f"{message.symbol}.{message.symbol_sfx}"
    instrument = desk.instrument(symbol)
    if broken is None and instrument is None:
        broken = Rejection(ReasonCode.SYMBOL_UNKNOWN, f"Symbol(55) {symbol} is not in the symbol master")
    elif broken is None and instrument is not None and not instrument.active:
        broken = Rejection(ReasonCode.SYMBOL_INACTIVE, f"Symbol(55) {symbol} is not active")
    broker = "" if known is None else desk.routing.broker(known, symbol, message.ex_destination)
    if broken is None and broker not in desk.adapters:
        broken = Rejection(ReasonCode.CAPABILITY, f"ExDestination(100) {broker} is no broker here")
    return (
        OrderReceived(
            order_id=desk.next_seq,
            session_id=terms.session_id,
            cl_ord_id=message.cl_ord_id,
            account=account or "",
            symbol=symbol,
            side=message.side,
            ord_type=message.ord_type,
            time_in_force=message.time_in_force or TimeInForce.DAY,
            order_qty=message.order_qty,
            cash_order_qty=message.cash_order_qty,
            price=message.price,
            stop_px=message.stop_px,
            transact_time=message.transact_time,
            msg_seq_num=header.msg_seq_num,
            strategy=header.sender_sub_id,
            broker=broker,
            expire_date=message.expire_date,
            expire_time=message.expire_time,
            exec_inst=message.exec_inst,
            min_qty=message.min_qty,
            max_floor=message.max_floor,
            trading_session_id=message.trading_sessions[0].trading_session_id if message.trading_sessions else None,
            security_type=message.security_type,
            currency=message.currency or (instrument.currency if instrument is not None else None),
            multiplier=instrument.multiplier if instrument is not None else ONE,
            position_effect=message.position_effect,
            locate_reqd=message.locate_reqd,
            secondary_cl_ord_id=message.secondary_cl_ord_id,
            cl_ord_link_id=message.cl_ord_link_id,
            parties=message.parties,
            order_capacity=message.order_capacity,
            text=message.text,
            decision_px=message.decision_px,
            decision_time=message.decision_time,
            allow_duplicate=bool(message.allow_duplicate),
            poss_resend=header.poss_resend,
            arrival=arrival,
            other=tuple((tag, value.decode("latin-1")) for tag, value in message.other) if message.other else (),
        ),
        broken,
    )


def refusal(
    desk: Desk, event: OrderReceived, message: NewOrderSingle, terms: SessionTerms, risk: RiskLayer
) -> Rejection | None:
    """Validation first, then risk: the first reason not to send the order, or None."""
    if desk.unavailable is not None:
        return Rejection(ReasonCode.BROKER_UNAVAILABLE, desk.unavailable)
    instrument = desk.instrument(event.symbol)
    assert instrument is not None
    rejection = malformed(message, terms, instrument) or unsupported(desk, event)
    if rejection is not None:
        return rejection
    return risk.check(received(Entry(desk.next_seq, desk.now, event), event), desk)


def malformed(message: NewOrderSingle, terms: SessionTerms, instrument: Instrument) -> Rejection | None:
    """Fields that contradict each other or that we do not take (table of FIX-APP section 2)."""
    cl_ord_id = message.cl_ord_id
    if not (
        0 < len(cl_ord_id) <= 64 and cl_ord_id.isascii() and cl_ord_id.isprintable() and cl_ord_id == cl_ord_id.strip()
    ):
        return Rejection(
            ReasonCode.CLORDID_FORMAT, "ClOrdID(11) is 1 to 64 printable ASCII characters without outer spaces"
        )
    if message.other and terms.unknown_tags is UnknownTags.REJECT:
        return Rejection(ReasonCode.CAPABILITY, f"Tag {message.other[0][0]} is not taken by this session")
    if message.handl_inst is HandlInst.MANUAL_ORDER:
        return Rejection(ReasonCode.CAPABILITY, "HandlInst(21)=3: there is nobody to work orders by hand")
    if message.side not in SERVED_SIDES:
        return Rejection(ReasonCode.CAPABILITY, f"Side(54)={message.side.wire.decode()} is not taken")
    if message.target_strategy is not None or message.target_strategy_parameters is not None:
        return Rejection(ReasonCode.CAPABILITY, "TargetStrategy(847): no algorithms are offered")
    if (message.order_qty is None) == (message.cash_order_qty is None):
        return Rejection(ReasonCode.QTY_FORMAT, "Exactly one of OrderQty(38) and CashOrderQty(152) is required")
    if not (message.order_qty or message.cash_order_qty or 0) > 0:
        return Rejection(ReasonCode.QTY_FORMAT, "OrderQty(38) or CashOrderQty(152) must be above zero")
    if message.currency is not None and message.currency != instrument.currency:
        return Rejection(
            ReasonCode.CAPABILITY,
            f"Currency(15) {message.currency}: {instrument.symbol} is dealt in {instrument.currency}",
        )
    for instruction in message.exec_inst:
        if instruction not in SERVED_INSTRUCTIONS:
            return Rejection(ReasonCode.EXECINST, f"ExecInst(18)={instruction.wire.decode()} is not taken")
    return prices(message.ord_type, message.price, message.stop_px) or expiry(message)


def prices(ord_type: OrdType, price: Decimal | None, stop_px: Decimal | None) -> Rejection | None:
    """Price(44) and StopPx(99) as OrdType(40) wants them."""
    if ord_type not in SERVED_TYPES:
        return Rejection(ReasonCode.ORDTYPE, f"OrdType(40)={ord_type.wire.decode()} is not taken")
    if (price is not None) != (ord_type in PRICED):
        word = "required" if ord_type in PRICED else "not allowed"
        return Rejection(ReasonCode.ORDTYPE, f"Price(44) is {word} with OrdType(40)={ord_type.wire.decode()}")
    if (stop_px is not None) != (ord_type in STOPS):
        word = "required" if ord_type in STOPS else "not allowed"
        return Rejection(ReasonCode.ORDTYPE, f"StopPx(99) is {word} with OrdType(40)={ord_type.wire.decode()}")
    return None


def expiry(message: NewOrderSingle) -> Rejection | None:
    """ExpireDate(432) or ExpireTime(126) go with TimeInForce(59)=6 and with nothing else."""
    dated = message.expire_date is not None or message.expire_time is not None
    if message.time_in_force is TimeInForce.GTD and not dated:
        return Rejection(ReasonCode.TIF, "TimeInForce(59)=6 needs ExpireDate(432) or ExpireTime(126)")
    if dated and message.time_in_force is not TimeInForce.GTD:
        return Rejection(ReasonCode.TIF, "ExpireDate(432) and ExpireTime(126) go with TimeInForce(59)=6 only")
    return None


def unsupported(desk: Desk, event: OrderReceived) -> Rejection | None:
    """What this broker does not take, before anything is sent to it."""
    adapter = desk.adapters[event.broker]
    can = adapter.capabilities
    if event.ord_type not in can.ord_types:
        return Rejection(ReasonCode.ORDTYPE, f"{adapter.name} takes no OrdType(40)={event.ord_type.wire.decode()}")
    if event.time_in_force not in can.times_in_force:
        return Rejection(ReasonCode.TIF, f"{adapter.name} takes no TimeInForce(59)={event.time_in_force.wire.decode()}")
    if event.cash_order_qty is not None and not can.notional:
        return Rejection(ReasonCode.CAPABILITY, f"{adapter.name} takes no CashOrderQty(152)")
    if (event.min_qty is not None or event.max_floor is not None) and "min_qty" not in can.exec_insts:
        return Rejection(ReasonCode.CAPABILITY, f"{adapter.name} takes neither MinQty(110) nor MaxFloor(111)")
    if event.trading_session_id is not None and not can.extended_hours:
        return Rejection(ReasonCode.CAPABILITY, f"{adapter.name} takes no TradingSessionID(336)")
    for instruction in event.exec_inst:
        if instruction.wire.decode() not in can.exec_insts:
            return Rejection(ReasonCode.EXECINST, f"{adapter.name} takes no ExecInst(18)={instruction.wire.decode()}")
    if adapter.unready is not None:
        return Rejection(ReasonCode.BROKER_UNAVAILABLE, f"{adapter.name}: {adapter.unready}")
    return None
