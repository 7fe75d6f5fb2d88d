"""The built-in controls in their fixed order, cheap first. Rules know nothing of each other, this file knows all."""

from bridge.risk.chain import Rule
from bridge.risk.halt import BrokerHealth, TradingStates
from bridge.risk.hours import StaleOrder
from bridge.risk.position import CrossZero, MaxPosition
from bridge.risk.price import PassiveCollar, PriceCollar
from bridge.risk.rate import MessageRate
from bridge.risk.size import MaxOrderQty, MaxOrderValue
from bridge.risk.symbols import AllowList, Validation


def standard_checks() -> tuple[Rule, ...]:
    """Every built-in rule; limits decide which of them matter."""
    return (
        TradingStates(),
        MessageRate(),
        StaleOrder(),
        Validation(),
        AllowList(),
        BrokerHealth(),
        MaxOrderQty(),
        PriceCollar(),
        PassiveCollar(),
        MaxOrderValue(),
        CrossZero(),
        MaxPosition(),
    )
