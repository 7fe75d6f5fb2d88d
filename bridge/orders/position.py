"""What is held and what is reserved, per account and symbol: the sums the blotter keeps."""

from decimal import Decimal

import msgspec


class Position(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Position from confirmed fills. `qty` signed, `avg_px` per unit, `realised` in the instrument's currency, fees
    apart.
    """

    account: str
    symbol: str
    qty: Decimal = Decimal(0)
    avg_px: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)
    bought: Decimal = Decimal(0)
    sold: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)


class Working(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What is reserved by working orders of one account and symbol, at worst: sums of `Order.reserved_qty` (RISK-TCA
    1).
    """

    buy_qty: Decimal = Decimal(0)
    sell_qty: Decimal = Decimal(0)
    buy_orders: int = 0
    sell_orders: int = 0
