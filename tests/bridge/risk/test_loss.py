from decimal import Decimal

import pytest

from bridge.orders.events import CommissionReported, DayOpened, Scope, TradingState
from bridge.risk.limits import broker_rows
from bridge.risk.watch import Watch
from fixspec.enums import Side

D = Decimal


@pytest.mark.parametrize(
    ("equity", "said"), [(991000, "pass"), (989999, "warn"), ("980000.01", "warn"), (980000, "DAILY_LOSS")]
)
def test_r11_two_percent_of_the_opening_equity_is_the_most_that_may_be_lost(world, equity, said):
    world.state_account(equity=D(str(equity)))
    assert world.says("DailyLoss", Side.BUY, "AAPL", 1, 100) == said


def test_r11_money_moved_is_no_loss(world):
    world.state_account(equity=D(500000), net_transfers=D(-500000))
    assert world.says("DailyLoss", Side.BUY, "AAPL", 1, 100) == "pass"
    world.state_account(equity=D(1000000), net_transfers=D(20000))
    assert world.says("DailyLoss", Side.BUY, "AAPL", 1, 100) == "DAILY_LOSS"


def test_r11_moves_on_with_prices_between_statements_longs_at_the_bid(world):
    world.hold(1000)
    world.state_account(equity=D(1000000))
    assert world.chain.marks.equity("ACC1", world.desk) == D(1000000) - 10  # out at 99.99
    world.wait("5.000001")
    world.quote("AAPL", 90, width=2)
    assert world.chain.marks.equity("ACC1", world.desk) == D(1000000) - 11000  # out at 89


def test_r11_counts_fills_and_fees_since_the_statement(world):
    assert world.chain.marks.equity("ACC1", world.desk) == D(1000000)
    order_id = world.place(Side.BUY, "AAPL", 100, 100)
    world.fill(order_id, 100, "99.50")
    assert world.chain.marks.equity("ACC1", world.desk) == D(1000000) + 49  # bought at 99.50, out at 99.99
    sold = world.place(Side.SELL, "AAPL", 100, 100)
    world.fill(sold, 100, 100)
    assert world.chain.marks.equity("ACC1", world.desk) == D(1000000) + 50


def test_r11_refuses_without_the_days_opening_equity(world):
    assert world.says("DailyLoss", Side.BUY, "AAPL", 1, 100, account="ACC2") == "pass"
    world.wait(86400)
    world.state_account()
    world.quote("AAPL", 100)
    assert world.says("DailyLoss", Side.BUY, "AAPL", 1, 100) == "NO_EQUITY"
    world.open_day()
    assert world.says("DailyLoss", Side.BUY, "AAPL", 1, 100) == "pass"


def test_r11_refuses_without_a_fresh_statement(world):
    world.wait("60.000001")
    world.quote("AAPL", 100)
    assert world.says("DailyLoss", Side.BUY, "AAPL", 1, 100) == "NO_EQUITY"


def test_r11_an_amount_from_a_brokers_descriptor_applies_unchanged(make_world):
    world = make_world(rows=broker_rows("paper", {"maxDailyLoss": 500}))
    world.state_account(equity=D("999500.01"))
    assert world.says("DailyLoss", Side.BUY, "AAPL", 1, 100) == "warn"
    world.state_account(equity=D(999500))
    assert world.says("DailyLoss", Side.BUY, "AAPL", 1, 100) == "DAILY_LOSS"


def test_r11_a_breach_latches_until_the_next_day_and_a_person(world):
    watch = Watch(world.chain)
    world.state_account(equity=D(980000))
    decisions = watch.tick(world.desk, ["ACC1", "ACC2"])
    world.commit(*decisions.events)
    assert world.portfolio.states.of(Scope.ACCOUNT, "ACC1") is TradingState.REDUCE_ONLY
    assert world.portfolio.states.of(Scope.ACCOUNT, "ACC2") is TradingState.ACTIVE
    assert watch.tick(world.desk, ["ACC1"]).events == ()
    world.state_account(equity=D(1000000))
    assert world.code(Side.BUY, "AAPL", 1, 100) == "R27 REDUCE_ONLY_STATE"
    resume = world.portfolio.resume(Scope.ACCOUNT, "ACC1", who="ann", reason="looked", now=world.now)
    assert resume.code.value == "DAILY_LOSS"
    world.wait(86400)
    world.state_account()
    world.quote("AAPL", 100)
    world.commit(*watch.tick(world.desk, ["ACC1"]).events)
    assert world.code(Side.BUY, "AAPL", 1, 100) == "R27 REDUCE_ONLY_STATE"
    world.commit(world.portfolio.resume(Scope.ACCOUNT, "ACC1", who="ann", reason="new day", now=world.now))
    assert world.check(Side.BUY, "AAPL", 1, 100) is None


def test_r11_may_ask_for_positions_to_be_closed_as_well(world):
    world.set("R11.flatten", "1")
    world.state_account(equity=D(900000))
    decisions = Watch(world.chain).tick(world.desk, ["ACC1"])
    assert decisions.flatten == ("ACC1",)
    assert [event.who for event in decisions.events] == ["R11"]


def test_r12_is_off_until_somebody_wants_it(world):
    world.commit(DayOpened(account="ACC1", day=world.now.date(), equity=D(1000000), high=D(2000000)))
    assert world.says("Drawdown", Side.BUY, "AAPL", 1, 100) == "off"
    world.set("R12", "1000000")
    assert world.says("Drawdown", Side.BUY, "AAPL", 1, 100) == "DAILY_LOSS"
    world.set("R12", "1000001")
    assert world.says("Drawdown", Side.BUY, "AAPL", 1, 100) == "warn"


def test_r12_a_new_high_is_journalled_and_latches_from_there(world):
    watch = Watch(world.chain)
    world.set("R12", "5000")
    world.state_account(equity=D(1010000))
    world.commit(*watch.tick(world.desk, ["ACC1"]).events)
    assert world.portfolio.account("ACC1").day_high == 1010000
    assert world.portfolio.account("ACC1").opening_equity == 1000000
    world.state_account(equity=D(1005000))
    halted = watch.tick(world.desk, ["ACC1"]).events
    assert [(event.who, event.state) for event in halted] == [("R12", TradingState.REDUCE_ONLY)]


def test_losses_of_one_account_are_no_losses_of_another(world):
    world.state_account("ACC2", equity=D(1))
    assert world.says("DailyLoss", Side.BUY, "AAPL", 1, 100) == "pass"
    assert world.says("DailyLoss", Side.BUY, "AAPL", 1, 100, account="ACC2") == "DAILY_LOSS"


def test_r11_counts_commission_that_comes_later(world):
    order_id = world.place(Side.BUY, "AAPL", 100, 100)
    exec_id = world.fill(order_id, 100, "99.99")
    world.chain.marks.equity("ACC1", world.desk)
    before = world.chain.marks.equity("ACC1", world.desk)
    world.commit(CommissionReported(order_id=order_id, exec_ref_id=exec_id, commission=D("1.5")))
    world.commit(CommissionReported(order_id=order_id, exec_ref_id=exec_id, commission=D("0.5")))
    assert world.chain.marks.equity("ACC1", world.desk) == before - 2


def test_r11_knows_what_was_lost_in_another_currency_and_is_flat_now(world):
    world.quote("EUR/USD", "1.25", width="0.00002")
    assert world.chain.marks.equity("ACC1", world.desk) == 1000000
    bought = world.place(Side.BUY, "SAP", 100, 100)
    world.fill(bought, 100, 100)
    sold = world.place(Side.SELL, "SAP", 100, 100)
    world.fill(sold, 100, 99)
    assert world.chain.marks.equity("ACC1", world.desk) == 1000000 - 125


def test_while_a_holding_has_no_price_the_brokers_equity_stands(world):
    world.hold(100, "XOM", 50)
    world.chain.marks.equity("ACC1", world.desk)
    world.wait(6)
    assert world.chain.marks.equity("ACC1", world.desk) == 1000000
