"""Members of enumerations that are compared for every order. `Side.BUY` costs 50 ns at each look, a global 5."""

from bridge.orders.market import AssetClass
from fixspec.enums import OrdType, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
MARKET, LIMIT, STOP, STOP_LIMIT = OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT
DAY, OPENING = TimeInForce.DAY, TimeInForce.OPENING
CRYPTO, FUTURE, OPTION = AssetClass.CRYPTO, AssetClass.FUTURE, AssetClass.OPTION
