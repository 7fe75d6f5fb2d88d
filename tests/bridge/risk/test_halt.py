import pytest

from bridge.orders.events import Scope, TradingHalted, TradingResumed, TradingState
from fixspec.enums import Side

PLACES = [
    (Scope.GLOBAL, ""),
    (Scope.BROKER, "paper"),
    (Scope.ACCOUNT, "ACC1"),
    (Scope.STRATEGY, "slow"),
    (Scope.SESSION, "S1"),
    (Scope.SYMBOL, "AAPL"),
]


def halt(world, scope, name, state=TradingState.CANCEL_ONLY, **fields):
    world.commit(TradingHalted(scope=scope, name=name, state=state, who="ann", reason="test", **fields))


@pytest.mark.parametrize(("scope", "name"), PLACES)
def test_r27_a_halt_of_any_scope_stops_its_orders_and_no_others(world, scope, name):
    world.hold(10)
    halt(world, scope, name)
    code = "STRATEGY_DISABLED" if scope is Scope.STRATEGY else "HALTED"
    assert world.code(Side.BUY, "AAPL", 1, 100, strategy="slow") == f"R27 {code}"
    assert world.code(Side.SELL, "AAPL", 10, 100, strategy="slow") == f"R27 {code}"
    other = world.code(Side.BUY, "MSFT", 1, 400, account="ACC2", session="S2", broker="paper")
    assert other == (f"R27 {code}" if scope in (Scope.GLOBAL, Scope.BROKER) else None)


def test_r27_the_strictest_state_wins(world):
    world.hold(10)
    halt(world, Scope.ACCOUNT, "ACC1", TradingState.REDUCE_ONLY)
    assert world.code(Side.BUY, "AAPL", 1, 100) == "R27 REDUCE_ONLY_STATE"
    assert world.check(Side.SELL, "AAPL", 10, 100) is None
    halt(world, Scope.SYMBOL, "AAPL", TradingState.LOCKED)
    assert world.code(Side.SELL, "AAPL", 10, 100) == "R27 HALTED"


def test_r27_a_kill_has_its_own_code(world):
    halt(world, Scope.GLOBAL, "", kill_epoch=1)
    assert world.code(Side.BUY, "AAPL", 1, 100) == "R27 KILL_SWITCH"
    assert world.portfolio.states.kill_epoch == 1


def test_r27_resuming_lets_orders_pass_again(world):
    halt(world, Scope.GLOBAL, "", TradingState.LOCKED)
    world.commit(TradingResumed(scope=Scope.GLOBAL, state=TradingState.REDUCE_ONLY, who="bob", reason="looked"))
    assert world.code(Side.BUY, "AAPL", 1, 100) == "R27 REDUCE_ONLY_STATE"
    world.commit(TradingResumed(scope=Scope.GLOBAL, who="bob", reason="fine"))
    assert world.check(Side.BUY, "AAPL", 1, 100) is None


def test_r27_in_reduce_only_an_order_may_still_be_made_smaller(world):
    order_id = world.place(Side.BUY, "AAPL", 100, 99)
    halt(world, Scope.ACCOUNT, "ACC1", TradingState.REDUCE_ONLY)
    assert world.chain.check(world.replaced(order_id, order_qty=50), world.desk) is None
    rejection = world.chain.check(world.replaced(order_id, order_qty=101), world.desk)
    assert rejection.rule == "R27"


def test_r29_an_adapter_that_is_not_ready_stops_opening_only(world):
    world.hold(10)
    world.adapter.unready = "stream is down"
    assert world.code(Side.BUY, "AAPL", 1, 100) == "R29 BROKER_UNAVAILABLE"
    assert world.check(Side.SELL, "AAPL", 10, 100) is None
