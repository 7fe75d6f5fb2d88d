"""The built-in controls in their fixed order, cheap first. Rules know nothing of each other, this file knows all."""

from bridge.risk.buying_power import BuyingPower
from bridge.risk.chain import Rule
from bridge.risk.duplicate import DuplicateClOrdID, LookAlike, SelfMatch
from bridge.risk.exposure import Concentration, GrossExposure, NetExposure, SectorExposure
from bridge.risk.halt import BrokerHealth, TradingStates
from bridge.risk.hours import StaleOrder
from bridge.risk.loss import DailyLoss, Drawdown
from bridge.risk.position import CrossZero, DayTrades, MaxPosition, ShortMarking
from bridge.risk.price import PassiveCollar, PriceCollar
from bridge.risk.rate import MessageRate, OpenOrders, OrderToTrade, Turnover
from bridge.risk.size import FatFinger, MaxOrderQty, MaxOrderValue
from bridge.risk.symbols import AllowList, Validation


def standard_checks() -> tuple[Rule, ...]:
    """Every built-in rule; limits decide which of them matter. R06, R19 and R20 are automatic (bridge.risk.triggers):
    they disable, and R27 refuses.
    """
    return (
        TradingStates(),
        MessageRate(),
        StaleOrder(),
        DuplicateClOrdID(),
        LookAlike(),
        Validation(),
        AllowList(),
        BrokerHealth(),
        MaxOrderQty(),
        PriceCollar(),
        PassiveCollar(),
        FatFinger(),
        ShortMarking(),
        SelfMatch(),
        OpenOrders(),
        OrderToTrade(),
        DayTrades(),
        MaxOrderValue(),
        Turnover(),
        CrossZero(),
        MaxPosition(),
        BuyingPower(),
        DailyLoss(),
        Drawdown(),
        Concentration(),
        SectorExposure(),
        NetExposure(),
        GrossExposure(),
    )
