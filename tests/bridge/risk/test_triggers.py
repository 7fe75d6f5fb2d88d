from decimal import Decimal

from bridge.orders.events import (
    CancelRequested,
    Initiator,
    OrderCanceled,
    OrderRejected,
    Scope,
    TradingResumed,
    TradingState,
)
from bridge.risk.watch import Watch
from fixspec.enums import OrdRejReason, Side

D = Decimal


def obey(world):
    """Commit what is due, as the engine does after each commit."""
    events = Watch(world.chain).due()
    world.commit(*events)
    return [(event.scope, event.name, event.state, event.who) for event in events]


def test_r06_the_sixth_collar_failure_in_a_minute_disables_the_strategy(world):
    for _ in range(5):
        world.place(Side.BUY, "AAPL", 1, 200, strategy="slow")
        assert obey(world) == []
    world.place(Side.BUY, "AAPL", 1, 200, strategy="slow")
    assert obey(world) == [(Scope.STRATEGY, "slow", TradingState.CANCEL_ONLY, "R06")]
    assert world.code(Side.BUY, "MSFT", 1, 400, strategy="slow") == "R27 STRATEGY_DISABLED"
    assert world.check(Side.BUY, "MSFT", 1, 400, strategy="other") is None


def test_r06_failures_spread_over_time_do_no_harm(world):
    for _ in range(20):
        world.place(Side.BUY, "AAPL", 1, 200, strategy="slow")
        world.wait(13)
        world.quote("AAPL", 100)
        assert obey(world) == []


def test_r06_without_a_strategy_the_session_is_disabled(world):
    for _ in range(6):
        world.place(Side.BUY, "AAPL", 1, 200)
    assert obey(world) == [(Scope.SESSION, "S1", TradingState.CANCEL_ONLY, "R06")]


def test_r19_too_many_fills_of_one_kind_disable_until_a_person_says_otherwise(world):
    order_id = world.place(Side.BUY, "PENNY", 1000, "0.5", strategy="slow")
    for _ in range(20):
        world.fill(order_id, 1, "0.5")
    assert obey(world) == []
    world.fill(order_id, 1, "0.5")
    assert obey(world) == [(Scope.STRATEGY, "slow", TradingState.CANCEL_ONLY, "R19")]
    world.commit(TradingResumed(scope=Scope.STRATEGY, name="slow", who="ann", reason="was a test"))
    world.fill(order_id, 1, "0.5")
    assert obey(world) == []


def test_r19_counts_each_symbol_and_side_by_itself(world):
    for side, symbol in ((Side.BUY, "PENNY"), (Side.SELL_SHORT, "AAPL")):
        order_id = world.place(side, symbol, 100, 100 if symbol == "AAPL" else "0.5", strategy="slow")
        for _ in range(20):
            world.fill(order_id, 1, 100)
    assert obey(world) == []


def test_r20_too_many_refusals_disable_the_session(world):
    for _ in range(25):
        world.place(Side.BUY, "NOPE", 1, 100)
    assert obey(world) == []
    world.place(Side.BUY, "NOPE", 1, 100)
    assert obey(world) == [(Scope.SESSION, "S1", TradingState.CANCEL_ONLY, "R20")]


def test_r20_sent_and_cancelled_over_and_over_is_a_loop_too(world):
    for number in range(26):
        order_id = world.place(Side.BUY, "AAPL", 1, 90, check=False)
        world.commit(CancelRequested(order_id=order_id, session_id="S1", cl_ord_id=f"X{number}", orig_cl_ord_id="C"))
        world.cancel(order_id)
    assert obey(world) == [(Scope.SESSION, "S1", TradingState.CANCEL_ONLY, "R20")]


def test_r20_cancels_of_others_and_of_old_orders_are_no_loop(world):
    for number in range(60):
        order_id = world.place(Side.BUY, "AAPL", 1, 90, check=False)
        initiator = (Initiator.KILL, Initiator.DISCONNECT, Initiator.OPERATOR)[number % 3]
        world.commit(
            CancelRequested(
                order_id=order_id,
                session_id="S1",
                cl_ord_id=f"X{number}",
                orig_cl_ord_id="C",
                initiator=initiator,
            )
        )
        world.commit(OrderCanceled(order_id=order_id))
    old = [world.place(Side.BUY, "AAPL", 1, 90, check=False) for _ in range(60)]
    world.wait(11)
    for order_id in old:
        world.cancel(order_id)
    assert obey(world) == []


def test_an_overfill_lets_the_account_only_reduce(world):
    order_id = world.place(Side.BUY, "AAPL", 10, 100)
    world.fill(order_id, 11, 100)
    assert obey(world) == [(Scope.ACCOUNT, "ACC1", TradingState.REDUCE_ONLY, "overfill")]


def test_what_was_due_at_a_crash_is_due_after_it_and_what_was_done_is_not(make_world, world):
    def refold():
        again = make_world()
        again.portfolio.triggers.due.clear()
        for entry in world.entries:
            event = entry.event
            before = again.blotter.order(getattr(event, "order_id", 0))
            if entry.seq > again.blotter.seq:
                after = again.blotter.apply(entry)
                again.portfolio.on_entry(entry, before, after)
        return Watch(again.chain).due()

    for _ in range(6):
        world.place(Side.BUY, "AAPL", 1, 200, strategy="slow")
    assert [event.who for event in refold()] == ["R06"]
    obey(world)
    assert refold() == ()
    world.commit(TradingResumed(scope=Scope.STRATEGY, name="slow", who="ann", reason="fine"))
    assert refold() == ()


def test_a_broker_refusal_is_no_collar_failure(world):
    for _ in range(10):
        order_id = world.place(Side.BUY, "AAPL", 1, 99, check=False, accept=False, strategy="slow")
        world.commit(
            OrderRejected(
                order_id=order_id,
                code="BROKER_REJECT",
                ord_rej_reason=OrdRejReason.BROKER_OPTION,
                text="no",
                source="broker",
            )
        )
    assert obey(world) == []
