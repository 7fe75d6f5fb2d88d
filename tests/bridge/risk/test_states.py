from datetime import timedelta

import pytest

from bridge.orders.events import Scope, TradingHalted, TradingResumed, TradingState
from bridge.orders.reasons import Rejection

ACCOUNT = Scope.ACCOUNT, "ACC1"


def halted(world, state, who="ann"):
    world.commit(TradingHalted(scope=Scope.ACCOUNT, name="ACC1", state=state, who=who, reason="test"))


def test_a_halt_never_loosens(world):
    halted(world, TradingState.LOCKED)
    halted(world, TradingState.REDUCE_ONLY)
    assert world.portfolio.states.of(*ACCOUNT) is TradingState.LOCKED


@pytest.mark.parametrize(("who", "reason"), [("", "fine"), (" ", "fine"), ("ann", ""), ("ann", "  ")])
def test_resuming_needs_a_person_and_a_reason(world, who, reason):
    halted(world, TradingState.CANCEL_ONLY)
    assert isinstance(world.portfolio.resume(*ACCOUNT, who=who, reason=reason, now=world.now), Rejection)


def test_only_a_looser_state_is_a_resume(world):
    halted(world, TradingState.REDUCE_ONLY)
    for state in (TradingState.REDUCE_ONLY, TradingState.LOCKED):
        said = world.portfolio.resume(*ACCOUNT, who="bob", reason="x", now=world.now, state=state)
        assert isinstance(said, Rejection)
    assert isinstance(world.portfolio.resume(*ACCOUNT, who="bob", reason="x", now=world.now), TradingResumed)


def test_what_is_active_cannot_be_resumed(world):
    assert isinstance(world.portfolio.resume(*ACCOUNT, who="bob", reason="x", now=world.now), Rejection)


def test_a_lock_holds_for_fifteen_minutes_whoever_asks(world):
    halted(world, TradingState.LOCKED)
    world.wait(899)
    assert isinstance(world.portfolio.resume(*ACCOUNT, who="bob", reason="x", now=world.now), Rejection)
    assert isinstance(
        world.portfolio.resume(*ACCOUNT, who="bob", reason="x", now=world.now + timedelta(seconds=1)), TradingResumed
    )


def test_a_restart_finds_every_halt(make_world, world):
    halted(world, TradingState.CANCEL_ONLY)
    world.commit(TradingHalted(scope=Scope.GLOBAL, who="ann", reason="kill", kill_epoch=7))
    again = make_world()
    for entry in world.entries:
        again.portfolio.on_entry(entry, None, None)
    assert again.portfolio.states.of(*ACCOUNT) is TradingState.CANCEL_ONLY
    assert again.portfolio.states.kill_epoch == 7
