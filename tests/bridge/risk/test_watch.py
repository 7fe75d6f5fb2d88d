from datetime import UTC, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from bridge.orders.events import DayOpened, Scope, TradingState
from bridge.risk.day import DayRoll
from bridge.risk.watch import Watch
from fixspec.enums import Side

D = Decimal


def test_a_trading_day_opens_with_the_first_fresh_statement(world):
    watch = Watch(world.chain)
    world.wait(86400)
    assert watch.tick(world.desk, ["ACC1"]).events == ()
    world.state_account(equity=D(123456))
    (event,) = watch.tick(world.desk, ["ACC1"]).events
    assert event == DayOpened(account="ACC1", day=world.now.date(), equity=D(123456))
    world.commit(event)
    assert watch.tick(world.desk, ["ACC1"]).events == ()


def test_each_account_has_its_own_day(world):
    world.portfolio.rolls = {"ACC1": DayRoll(ZoneInfo("America/New_York"), time(17)), "ACC2": DayRoll(UTC, time(0))}
    watch = Watch(world.chain)
    world.commit(*watch.tick(world.desk, ["ACC1", "ACC2"]).events)
    world.wait(7 * 3600)  # 22:00 UTC is 17:00 in New York
    world.state_account("ACC1")
    world.state_account("ACC2")
    assert [event.account for event in watch.tick(world.desk, ["ACC1", "ACC2"]).events] == ["ACC1"]


def test_a_day_does_not_open_twice_after_a_restart(make_world, world):
    again = make_world()
    for entry in world.entries:
        if entry.seq > again.blotter.seq:
            again.portfolio.on_entry(entry, None, None)
    assert Watch(again.chain).tick(again.desk, ["ACC1"]).events == ()


def test_marks_are_kept_fresh_between_decisions(world):
    watch = Watch(world.chain)
    world.hold(10)
    watch.tick(world.desk, ["ACC1"])
    marked = world.chain.marks.totals("ACC1", world.desk).marked["AAPL"]
    world.wait("4.5")
    world.quote("AAPL", 110)
    watch.tick(world.desk, ["ACC1"])
    fresh = world.chain.marks.totals("ACC1", world.desk).marked["AAPL"]
    assert fresh.good_until > marked.good_until
    assert fresh.held == 1100


def test_halts_that_are_due_come_with_the_tick(world):
    for _ in range(6):
        world.place(Side.BUY, "AAPL", 1, 200, strategy="slow")
    events = Watch(world.chain).tick(world.desk, ["ACC1"]).events
    assert [(event.scope, event.state) for event in events] == [(Scope.STRATEGY, TradingState.CANCEL_ONLY)]


def test_where_reservations_and_working_orders_differ_nothing_may_be_opened(world):
    watch = Watch(world.chain)
    world.place(Side.BUY, "AAPL", 10, 99)
    assert watch.prove(world.blotter.open_orders()) == ()
    world.portfolio.holding("ACC1", "AAPL").buy += 1
    world.commit(*watch.prove(world.blotter.open_orders()))
    assert world.code(Side.BUY, "AAPL", 1, 98) == "R27 HALTED"
    assert watch.prove(world.blotter.open_orders()) == ()


def test_the_self_test_says_everything_and_halts_nobody_when_all_rules_fire(world):
    said, halts = Watch(world.chain).self_test({"ACC1": "paper", "ACC2": "paper"}, world.desk.now_ns)
    assert len(said) == 2 * 31
    assert halts == ()
