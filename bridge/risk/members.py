"""Members of enumerations that are compared for every order. `Side.BUY` costs 50 ns at each look, a global 5."""

from bridge.orders.events import Scope
from bridge.orders.market import AssetClass
from fixspec.enums import OrdType, SecurityType, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
MARKET, LIMIT, STOP, STOP_LIMIT = OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT
DAY, OPENING = TimeInForce.DAY, TimeInForce.OPENING
CRYPTO, FUTURE, OPTION = AssetClass.CRYPTO, AssetClass.FUTURE, AssetClass.OPTION
COMMON_STOCK = SecurityType.COMMON_STOCK
SESSION, ACCOUNT, SYMBOL, BROKER = Scope.SESSION, Scope.ACCOUNT, Scope.SYMBOL, Scope.BROKER
STRATEGY = Scope.STRATEGY
