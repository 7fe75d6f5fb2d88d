"""Is an order acceptable at the paper exchange? Checked once, on entry; the first reason found is the answer."""

from decimal import Decimal
from zlib import crc32

from bridge.brokers.paper.ledger import Account
from bridge.brokers.paper.market import Market
from bridge.brokers.paper.model import HouseRules, Imitated
from bridge.brokers.paper.orders import Ladder, PaperOrder
from bridge.brokers.paper.records import ZERO
from bridge.orders.market import Instrument
from bridge.orders.reasons import ReasonCode, Rejection
from fixspec.enums import ExecInst, OrdType, Side, TimeInForce

SIDES = frozenset({Side.BUY, Side.SELL, Side.SELL_SHORT, Side.SELL_SHORT_EXEMPT})
ORD_TYPES = frozenset({OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT, OrdType.PEGGED})
TIMES_IN_FORCE = frozenset(
    {
        TimeInForce.DAY,
        TimeInForce.GOOD_TILL_CANCEL,
        TimeInForce.GTD,
        TimeInForce.IOC,
        TimeInForce.FOK,
        TimeInForce.OPENING,
        TimeInForce.CLOSE,
    }
)
EXEC_INSTS = frozenset(
    {
        ExecInst.PARTICIPATE_DO_NOT_INITIATE,
        ExecInst.DO_NOT_INCREASE,
        ExecInst.CANCEL_ON_TRADING_HALT,
        ExecInst.TRAILING_STOP_PEG,
    }
)
PRICED = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})
STOPPED = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})


def terms(
    instrument: Instrument,
    ord_type: OrdType,
    time_in_force: TimeInForce,
    qty: Decimal | None,
    price: Decimal | None,
    stop_px: Decimal | None,
    exec_inst: tuple[ExecInst, ...],
) -> Rejection | None:
    """The order's own terms: type, time in force, instructions, quantity on the lot, prices on the tick."""
    if ord_type not in ORD_TYPES:
        return Rejection(ReasonCode.ORDTYPE, f"OrdType(40) {ord_type.value} is not traded here")
    if time_in_force not in TIMES_IN_FORCE:
        return Rejection(ReasonCode.TIF, f"TimeInForce(59) {time_in_force.value} is not offered here")
    if qty is None or not qty > ZERO:
        return Rejection(ReasonCode.QTY_FORMAT, f"OrderQty(38) {qty} must be above zero")
    if qty % instrument.lot_size:
        return Rejection(ReasonCode.LOT_SIZE, f"OrderQty(38) {qty} is no multiple of the lot {instrument.lot_size}")
    if instrument.min_qty is not None and qty < instrument.min_qty:
        return Rejection(ReasonCode.MIN_QTY, f"OrderQty(38) {qty} is below the minimum {instrument.min_qty}")
    if instrument.max_qty is not None and qty > instrument.max_qty:
        return Rejection(ReasonCode.MAX_QTY, f"OrderQty(38) {qty} is above the maximum {instrument.max_qty}")
    if ord_type in PRICED:
        if price is None or not price > ZERO:
            return Rejection(ReasonCode.ORDTYPE, f"Price(44) {price} must be above zero for {ord_type.value}")
        if price % instrument.tick_size:
            return Rejection(ReasonCode.TICK_SIZE, f"Price(44) {price} is not on the tick {instrument.tick_size}")
    if ord_type in STOPPED:
        if stop_px is None or not stop_px > ZERO:
            return Rejection(ReasonCode.ORDTYPE, f"StopPx(99) {stop_px} must be above zero for {ord_type.value}")
        if stop_px % instrument.tick_size:
            return Rejection(ReasonCode.TICK_SIZE, f"StopPx(99) {stop_px} is not on the tick {instrument.tick_size}")
    return _instructions(ord_type, time_in_force, exec_inst) if exec_inst else None


def _instructions(ord_type: OrdType, time_in_force: TimeInForce, exec_inst: tuple[ExecInst, ...]) -> Rejection | None:
    for instruction in exec_inst:
        if instruction not in EXEC_INSTS:
            return Rejection(ReasonCode.EXECINST, f"ExecInst(18) {instruction.value} is not offered here")
    if ExecInst.PARTICIPATE_DO_NOT_INITIATE in exec_inst and (
        ord_type is not OrdType.LIMIT or time_in_force in {TimeInForce.IOC, TimeInForce.FOK}
    ):
        return Rejection(ReasonCode.EXECINST, "a post-only order must be a limit that can wait")
    return None


def trailing(instrument: Instrument, exec_inst: tuple[ExecInst, ...], trail: Decimal | None) -> Rejection | None:
    """OrdType(40)=P is taken as a trailing stop alone: ExecInst(18)=a and a PegOffsetValue(211) on the tick."""
    if ExecInst.TRAILING_STOP_PEG not in exec_inst:
        return Rejection(ReasonCode.ORDTYPE, "OrdType(40) pegged is traded as a trailing stop only, ExecInst(18)=a")
    if trail is None or not trail or trail % instrument.tick_size:
        text = f"PegOffsetValue(211) {trail} must be a multiple of the tick {instrument.tick_size} other than zero"
        return Rejection(ReasonCode.TICK_SIZE, text)
    return None


def worst_price(market: Market, price: Decimal | None, stop_px: Decimal | None, *, buy: bool) -> Decimal | None:
    """What a unit may cost, for the margin: the limit, the trigger, else the touch, else the last trade."""
    if price is not None:
        return price
    if stop_px is not None:
        return stop_px
    touch = market.ask if buy else market.bid
    return touch if touch is not None else market.mark


def short(house: HouseRules, account: Account, instrument: Instrument, opening: Decimal) -> Rejection | None:
    """May this sale open a short position?"""
    if not account.terms.shorting:
        text = f"account {account.name} may not sell short: {opening} more than it holds"
        return Rejection(ReasonCode.SHORT_MARKING, text)
    if not instrument.shortable or instrument.symbol in house.hard_to_borrow:
        return Rejection(ReasonCode.SHORT_MARKING, f"{instrument.symbol} cannot be sold short")
    return None


def band(house: HouseRules, market: Market, price: Decimal | None, *, buy: bool) -> Rejection | None:
    """A limit may not be further beyond the reference than the band: buys above it, sells below it."""
    share = house.price_bands.get(market.instrument.asset_class)
    reference = market.last if market.last is not None else market.mark
    if share is None or price is None or reference is None:
        return None
    limit = reference * (1 + share) if buy else reference * (1 - share)
    if (price > limit) if buy else (price < limit):
        side = "above" if buy else "below"
        text = f"Price(44) {price} is more than {share:.2%} {side} the reference price {reference}"
        return Rejection(ReasonCode.PRICE_COLLAR, text, None, limit, price)
    return None


def wash(market: Market, account: str, price: Decimal | None, *, buy: bool) -> Rejection | None:
    """Would it meet an order of its own account? A waiting market order always, a limit when prices cross."""
    waiting = market.taking_sells if buy else market.taking_buys
    ladder: Ladder = market.sells if buy else market.buys
    against: list[PaperOrder] = [*waiting.values()]
    for level in ladder.served(price):
        against.extend(level.orders.values())
    for order in against:
        if order.account == account:
            text = f"potential wash trade with the working order {order.id} of account {account}"
            return Rejection(ReasonCode.SELF_MATCH, text)
    return None


def unlucky(house: HouseRules, client_id: str) -> Rejection | None:
    """The share of orders that is refused for no reason: crc32(seed:id) / 2³² below it."""
    if house.reject_share and crc32(f"{house.seed}:{client_id}".encode()) / 2**32 < house.reject_share:
        return Rejection(ReasonCode.BROKER_REJECT, "the order was refused at random, as configured")
    return None


# Words and codes of real brokers; what is missing here is said in our own words.
_WORDS: dict[Imitated, dict[ReasonCode, tuple[str, str]]] = {
    Imitated.NONE: {},
    Imitated.ALPACA: {
        ReasonCode.BUYING_POWER: ("40310000", "insufficient buying power"),
        ReasonCode.SHORT_MARKING: ("40310000", "account is not allowed to short"),
        ReasonCode.SELF_MATCH: ("40310000", "potential wash trade detected. use complex orders"),
        ReasonCode.SYMBOL_UNKNOWN: ("42210000", "asset not found"),
        ReasonCode.TICK_SIZE: (
            "42210000",
            "invalid price. sub-penny increment does not fulfill minimum pricing criteria",
        ),
        ReasonCode.LOT_SIZE: ("42210000", "fractional quantity is not allowed for this order"),
        ReasonCode.MARKET_CLOSED: ("42210000", "market is closed"),
        ReasonCode.DUP_CLORDID: ("40010001", "client_order_id must be unique"),
    },
    Imitated.INTERACTIVE_BROKERS: {
        ReasonCode.BUYING_POWER: ("201", "Order rejected - reason:YOUR AVAILABLE FUNDS ARE NOT SUFFICIENT"),
        ReasonCode.SHORT_MARKING: ("201", "Order rejected - reason:The contract is not available for short sale."),
        ReasonCode.SYMBOL_UNKNOWN: ("200", "No security definition has been found for the request"),
        ReasonCode.TICK_SIZE: ("110", "The price does not conform to the minimum price variation for this contract."),
        ReasonCode.LOT_SIZE: ("10318", "This order doesn't support fractional quantity trading"),
        ReasonCode.MARKET_CLOSED: ("201", "Order rejected - reason:Exchange is closed."),
        ReasonCode.PRICE_COLLAR: (
            "202",
            "Order cancelled - reason:We cannot accept an order at the limit price you selected.",
        ),
    },
}


def worded(house: HouseRules, rejection: Rejection) -> tuple[str, str | None]:
    """Text and the broker's own code, as the imitated broker would say it."""
    code, text = _WORDS[house.imitate].get(rejection.code, (None, rejection.text))
    return text, code
