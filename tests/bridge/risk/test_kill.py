from decimal import Decimal

import pytest

from bridge.orders.events import Scope, TradingState
from bridge.orders.reports import BrokerOrder
from bridge.risk.kill import Alarm, AskOpenOrders, CancelAll, CancelListed, CancelOrder, Kill, Step
from fixspec.enums import OrdType, Side

D = Decimal
SECOND = 1_000_000_000


def listed(number="B1", account="ACC1", symbol="AAPL", client_id=None):
    return BrokerOrder(
        broker_client_id=client_id,
        broker_order_id=number,
        account=account,
        symbol=symbol,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=D(1),
        price=D(99),
    )


def kill(world, scope=Scope.GLOBAL, name=""):
    return Kill(scope=scope, name=name, who="ann", reason="runaway", epoch=3, now_ns=world.desk.now_ns)


def begin(world, machine, **fields):
    return machine.begin(world.blotter.open_orders(), ["paper"], world.desk.now_ns, **fields)


def test_state_and_epoch_are_one_entry_and_orders_are_refused_from_then_on(world):
    event = kill(world).event
    assert (event.state, event.kill_epoch, event.who) == (TradingState.CANCEL_ONLY, 3, "ann")
    world.commit(event)
    assert world.portfolio.states.kill_epoch == 3
    assert world.code(Side.BUY, "AAPL", 1, 100) == "R27 KILL_SWITCH"


def test_every_working_order_is_cancelled_and_the_broker_is_asked(world):
    ids = [world.place(Side.BUY, "AAPL", 1, 99, session=f"S{n}", accept=n != 2, check=False) for n in range(4)]
    actions = begin(world, kill(world))
    assert actions == [*(CancelOrder(order_id) for order_id in ids), AskOpenOrders("paper")]


@pytest.mark.parametrize(
    ("scope", "name", "count"),
    [
        (Scope.GLOBAL, "", 3),
        (Scope.BROKER, "paper", 3),
        (Scope.BROKER, "other", 0),
        (Scope.ACCOUNT, "ACC1", 2),
        (Scope.STRATEGY, "slow", 1),
        (Scope.SESSION, "S2", 1),
        (Scope.SYMBOL, "MSFT", 1),
    ],
)
def test_only_orders_of_the_scope_are_cancelled(world, scope, name, count):
    world.place(Side.BUY, "AAPL", 1, 99, strategy="slow", check=False)
    world.place(Side.BUY, "AAPL", 1, 99, session="S2", account="ACC2", check=False)
    world.place(Side.BUY, "MSFT", 1, 399, check=False)
    machine = kill(world, scope, name)
    actions = machine.begin(world.blotter.open_orders(), ["paper"], world.desk.now_ns)
    assert sum(isinstance(action, CancelOrder) for action in actions) == count


def test_a_broker_that_cancels_all_at_once_is_asked_to(world):
    world.place(Side.BUY, "AAPL", 1, 99)
    assert begin(world, kill(world), cancel_all=frozenset({"paper"})) == [CancelAll("paper"), AskOpenOrders("paper")]


def test_killed_means_two_empty_lists_asked_a_second_apart(world):
    machine = kill(world)
    begin(world, machine)
    now = world.desk.now_ns
    assert machine.on_listed("paper", [], now, now + 5) == []
    assert machine.step is Step.CANCELLING
    machine.on_listed("paper", [], now + SECOND - 1, now + SECOND)
    assert machine.step is Step.CANCELLING
    machine.on_listed("paper", [], now + SECOND, now + SECOND + 5)
    assert machine.step is Step.KILLED
    assert machine.report.done
    assert machine.report.proven_ns == SECOND + 5
    assert machine.on_tick(now + 100 * SECOND) == []


def test_an_order_that_is_still_listed_is_cancelled_again_and_counting_starts_anew(world):
    machine = kill(world)
    begin(world, machine)
    now = world.desk.now_ns
    machine.on_listed("paper", [], now, now)
    again = machine.on_listed("paper", [listed()], now + SECOND, now + SECOND)
    assert again == [CancelListed("paper", listed())]
    machine.on_listed("paper", [], now + 2 * SECOND, now + 2 * SECOND)
    assert machine.step is Step.CANCELLING
    machine.on_listed("paper", [], now + 3 * SECOND, now + 3 * SECOND)
    assert machine.step is Step.KILLED


def test_the_broker_is_asked_once_a_second_and_never_twice_at_a_time(world):
    machine = kill(world)
    begin(world, machine)
    now = world.desk.now_ns
    assert machine.on_tick(now + 2 * SECOND) == []
    machine.on_listed("paper", [], now, now + 2 * SECOND)
    assert machine.on_tick(now + 3 * SECOND) == [AskOpenOrders("paper")]


def test_silence_is_no_empty_list(world):
    machine = kill(world)
    begin(world, machine)
    now = world.desk.now_ns
    for second in range(1, 10):
        machine.on_unreachable("paper", "stream is down")
        assert machine.on_tick(now + second * SECOND) == [AskOpenOrders("paper")]
    assert machine.step is Step.CANCELLING
    machine.on_unreachable("paper", "stream is down")
    actions = machine.on_tick(now + 10 * SECOND)
    assert [type(action) for action in actions] == [AskOpenOrders, Alarm]
    assert machine.step is Step.INCOMPLETE
    assert "stream is down" in machine.report.unreachable[0]
    machine.on_listed("paper", [], now + 11 * SECOND, now + 11 * SECOND)
    machine.on_listed("paper", [], now + 12 * SECOND, now + 12 * SECOND)
    assert machine.step is Step.KILLED


def test_an_incomplete_kill_says_what_is_left_again_and_again(world):
    machine = kill(world)
    begin(world, machine)
    now = world.desk.now_ns
    alarms = 0
    for second in range(35):
        machine.on_listed("paper", [listed()], now + second * SECOND, now + second * SECOND)
        alarms += sum(isinstance(action, Alarm) for action in machine.on_tick(now + second * SECOND))
    assert alarms == 3
    assert machine.report.left == ("paper B1 buy 1 AAPL",)
    assert not machine.report.done


def test_other_accounts_orders_do_not_keep_a_kill_open(world):
    machine = kill(world, Scope.ACCOUNT, "ACC1")
    begin(world, machine)
    now = world.desk.now_ns
    others = [listed("B9", account="ACC2")]
    assert machine.on_listed("paper", others, now, now) == []
    machine.on_listed("paper", others, now + SECOND, now + SECOND)
    assert machine.step is Step.KILLED


def test_a_strategys_orders_are_known_at_the_broker_by_our_ids(world):
    order_id = world.place(Side.BUY, "AAPL", 1, 99, strategy="slow")
    machine = kill(world, Scope.STRATEGY, "slow")
    begin(world, machine)
    now = world.desk.now_ns
    ours, other = listed("B7", client_id=f"f{order_id}"), listed("B8", client_id="another")
    assert machine.on_listed("paper", [ours, other], now, now) == [CancelListed("paper", ours)]


def test_with_two_brokers_both_must_prove_it(world):
    machine = kill(world)
    machine.begin([], ["paper", "ib"], world.desk.now_ns)
    now = world.desk.now_ns
    for at in (now, now + SECOND):
        machine.on_listed("paper", [], at, at)
    assert machine.step is Step.CANCELLING
    for at in (now + SECOND, now + 2 * SECOND):
        machine.on_listed("ib", [], at, at)
    assert machine.step is Step.KILLED


def test_a_restart_goes_on_under_the_same_epoch(world):
    machine = kill(world, Scope.ACCOUNT, "ACC1")
    world.commit(machine.event)
    halt = world.portfolio.states.halts[Scope.ACCOUNT, "ACC1"]
    again = Kill.again(halt.event, world.desk.now_ns)
    assert again.event == machine.event
    world.place(Side.BUY, "AAPL", 1, 99, check=False)
    assert CancelOrder(world.blotter.seq - 2) in begin(world, again)


def test_a_kill_needs_no_price_no_account_and_no_limit(world):
    world.place(Side.BUY, "AAPL", 1, 99)
    world.prices.quotes.clear()
    world.desk.statements.clear()
    world.limits.configured.clear()
    world.instruments.clear()
    assert len(begin(world, kill(world))) == 2


def test_the_report_tells_when_the_first_cancel_left(world):
    world.place(Side.BUY, "AAPL", 1, 99)
    machine = kill(world)
    machine.begin(world.blotter.open_orders(), ["paper"], world.desk.now_ns + 7)
    assert machine.report.first_cancel_ns == 7
    assert machine.report.cancels == 1


def test_answers_of_brokers_nobody_asked_change_nothing(world):
    machine = kill(world)
    begin(world, machine)
    now = world.desk.now_ns
    machine.on_unreachable("elsewhere", "who?")
    assert machine.on_listed("elsewhere", [listed()], now, now) == []
    for at in (now, now + SECOND):
        machine.on_listed("paper", [], at, at)
    machine.on_unreachable("paper", "late")
    assert machine.report.done
    assert machine.report.unreachable == ()
