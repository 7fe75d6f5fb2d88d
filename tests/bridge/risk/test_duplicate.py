from decimal import Decimal

from bridge.orders.events import OrderAccepted, Scope
from fixspec.enums import Side, TimeInForce

D = Decimal


def test_r07_refuses_an_id_that_was_used(world):
    order_id = world.place(Side.BUY, "AAPL", 1, 99)
    used = world.blotter.order(order_id).cl_ord_id
    assert world.says("DuplicateClOrdID", Side.BUY, "MSFT", 1, 390, cl_ord_id=used) == "DUP_CLORDID"
    assert world.says("DuplicateClOrdID", Side.BUY, "MSFT", 1, 390, cl_ord_id=used, session="S2") == "pass"
    assert world.says("DuplicateClOrdID", Side.BUY, "MSFT", 1, 390) == "pass"


def test_r08_refuses_the_same_order_twice_within_half_a_second(world):
    world.place(Side.BUY, "AAPL", 1, 99)
    assert world.says("LookAlike", Side.BUY, "AAPL", 1, 99) == "DUP_LOOKALIKE"
    world.wait("0.499999")
    assert world.says("LookAlike", Side.BUY, "AAPL", 1, 99) == "DUP_LOOKALIKE"
    world.wait("0.000001")
    assert world.says("LookAlike", Side.BUY, "AAPL", 1, 99) == "pass"


def test_r08_lets_pass_whatever_differs(world):
    world.place(Side.BUY, "AAPL", 1, 99)
    for order in (
        (Side.BUY, "AAPL", 2, 99),
        (Side.BUY, "AAPL", 1, 98),
        (Side.BUY, "MSFT", 1, 99),
        (Side.BUY, "AAPL", 1),
    ):
        assert world.says("LookAlike", *order) == "pass"
    for fields in ({"session": "S2"}, {"account": "ACC2"}, {"time_in_force": TimeInForce.GTC}):
        assert world.says("LookAlike", Side.BUY, "AAPL", 1, 99, **fields) == "pass"


def test_r08_may_be_waived_for_one_order(world):
    world.place(Side.BUY, "AAPL", 1, 99)
    assert world.says("LookAlike", Side.BUY, "AAPL", 1, 99, allow_duplicate=True) == "pass"


def test_r08_looks_back_five_minutes_at_a_possible_resend(world):
    world.place(Side.BUY, "AAPL", 1, 99)
    world.wait(299)
    assert world.says("LookAlike", Side.BUY, "AAPL", 1, 99) == "pass"
    assert world.says("LookAlike", Side.BUY, "AAPL", 1, 99, poss_resend=True) == "DUP_LOOKALIKE"
    world.wait(1)
    assert world.says("LookAlike", Side.BUY, "AAPL", 1, 99, poss_resend=True) == "pass"


def test_r08_does_not_remember_what_was_refused(world):
    world.place(Side.BUY, "AAPL", 1, 200)
    assert world.blotter.order(world.blotter.seq - 1).closed is not None
    assert world.says("LookAlike", Side.BUY, "AAPL", 1, 200) == "pass"


def test_r25_refuses_to_trade_with_itself(world):
    world.place(Side.SELL_SHORT, "AAPL", 1, 101)
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1, "100.99") == "pass"
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1, 101) == "SELF_MATCH"
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1) == "SELF_MATCH"
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1, 101, account="ACC2") == "pass"


def test_r25_looks_at_the_best_of_many_and_forgets_what_ended(world):
    ids = [world.place(Side.BUY, "AAPL", 1, price, session=f"S{price}", check=False) for price in (97, 99, 98)]
    assert world.says("SelfMatch", Side.SELL_SHORT, "AAPL", 1, 99) == "SELF_MATCH"
    world.cancel(ids[1])
    assert world.says("SelfMatch", Side.SELL_SHORT, "AAPL", 1, 99) == "pass"
    assert world.says("SelfMatch", Side.SELL_SHORT, "AAPL", 1, 98) == "SELF_MATCH"


def test_r25_an_own_market_order_meets_every_price(world):
    world.place(Side.BUY, "AAPL", 1, check=False)
    assert world.says("SelfMatch", Side.SELL_SHORT, "AAPL", 1, 150) == "SELF_MATCH"


def test_r25_counts_both_prices_of_a_replace_under_way(world):
    order_id = world.place(Side.SELL_SHORT, "AAPL", 1, 103)
    world.replace(order_id, check=False, price=101)
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1, 101) == "SELF_MATCH"
    world.confirm(order_id)
    world.replace(order_id, check=False, price=103)
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1, 101) == "SELF_MATCH"
    world.confirm(order_id)
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1, 101) == "pass"


def test_r25_stops_rest_in_no_book(world):
    world.place(Side.SELL_SHORT, "AAPL", 1, stop=99, check=False)
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1, 104) == "pass"
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1, stop=104) == "pass"


def test_r25_a_stop_limit_rests_once_it_is_triggered(world):
    order_id = world.place(Side.SELL_SHORT, "AAPL", 1, 99, 99, check=False, accept=False)
    world.commit(OrderAccepted(order_id=order_id, broker_order_id="B1", held=True))
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1, 104) == "pass"
    world.commit(OrderAccepted(order_id=order_id, broker_order_id="B1", held=False))
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1, 104) == "SELF_MATCH"


def test_r25_may_be_off(world):
    world.place(Side.SELL_SHORT, "AAPL", 1, 101)
    world.set("R25", "off", Scope.ACCOUNT, "ACC1")
    assert world.says("SelfMatch", Side.BUY, "AAPL", 1, 101) == "off"
