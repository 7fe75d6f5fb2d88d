from decimal import Decimal

from bridge.orders.events import CancelRejected, Scope
from fixspec.enums import CxlRejReason, CxlRejResponseTo, Side

D = Decimal


def messages(world, count, **fields):
    for _ in range(count):
        world.place(Side.BUY, "AAPL", 1, 90, check=False, accept=False, **fields)


def test_r18_lets_a_burst_pass_and_then_the_rate(world):
    messages(world, 39)
    assert world.says("MessageRate", Side.BUY, "MSFT", 1, 390) == "pass"
    messages(world, 1)
    assert world.says("MessageRate", Side.BUY, "MSFT", 1, 390) == "THROTTLE"
    world.wait("0.049")
    assert world.says("MessageRate", Side.BUY, "MSFT", 1, 390) == "THROTTLE"
    world.wait("0.001")
    assert world.says("MessageRate", Side.BUY, "MSFT", 1, 390) == "pass"


def test_r18_has_a_bucket_for_session_account_and_symbol(world):
    messages(world, 40)
    assert world.says("MessageRate", Side.BUY, "MSFT", 1, 390) == "THROTTLE"
    assert world.says("MessageRate", Side.BUY, "MSFT", 1, 390, session="S2") == "THROTTLE"  # the account
    assert world.says("MessageRate", Side.BUY, "AAPL", 1, 90, session="S2", account="ACC2") == "THROTTLE"  # the symbol
    assert world.says("MessageRate", Side.BUY, "MSFT", 1, 390, session="S2", account="ACC2") == "pass"


def test_r18_a_refused_message_takes_no_token_from_an_empty_bucket(world):
    messages(world, 400)
    world.wait("0.05")
    assert world.says("MessageRate", Side.BUY, "AAPL", 1, 90) == "pass"


def test_r18_counts_replaces_and_refused_replaces_and_never_cancels(world):
    order_id = world.place(Side.BUY, "AAPL", 1, 90, check=False)

    def refused(response_to):
        world.commit(
            CancelRejected(
                order_id=order_id,
                session_id="S1",
                msg_seq_num=9,
                cl_ord_id="X",
                orig_cl_ord_id="Y",
                response_to=response_to,
                cxl_rej_reason=CxlRejReason.OTHER,
                code="THROTTLE",
                text="",
            )
        )

    for _ in range(100):
        refused(CxlRejResponseTo.ORDER_CANCEL_REQUEST)
    assert world.says("MessageRate", Side.BUY, "AAPL", 1, 90) == "pass"
    for _ in range(38):
        refused(CxlRejResponseTo.ORDER_CANCEL_REPLACE_REQUEST)
    assert world.says("MessageRate", Side.BUY, "AAPL", 1, 90) == "pass"
    world.replace(order_id, check=False, price="91")
    assert world.says("MessageRate", Side.BUY, "AAPL", 1, 90) == "THROTTLE"


def test_r18_keeps_to_the_rate_that_a_broker_publishes(world):
    world.set("R18", "2", Scope.BROKER, "paper")
    messages(world, 2)
    assert world.says("MessageRate", Side.BUY, "MSFT", 1, 390) == "THROTTLE"
    world.wait("0.5")
    assert world.says("MessageRate", Side.BUY, "MSFT", 1, 390) == "pass"


def test_r18_at_zero_lets_nothing_pass(world):
    world.set("R18", "0", Scope.SESSION, "S1")
    assert world.says("MessageRate", Side.BUY, "AAPL", 1, 90) == "THROTTLE"
    assert world.says("MessageRate", Side.BUY, "AAPL", 1, 90, session="S2") == "pass"


def test_r18_holds_for_the_very_next_message_after_a_change(world):
    messages(world, 30)
    world.set("R18.burst", "20")
    assert world.says("MessageRate", Side.BUY, "AAPL", 1, 90) == "THROTTLE"


def test_r17_counts_working_orders_of_the_account_and_of_the_symbol(world):
    messages(world, 19)
    assert world.says("OpenOrders", Side.BUY, "AAPL", 1, 90) == "warn"
    messages(world, 1)
    assert world.says("OpenOrders", Side.BUY, "AAPL", 1, 90) == "MAX_OPEN_ORDERS"
    assert world.says("OpenOrders", Side.BUY, "MSFT", 1, 390) == "pass"
    world.set("R17", "20")
    assert world.says("OpenOrders", Side.BUY, "MSFT", 1, 390) == "MAX_OPEN_ORDERS"
    assert world.says("OpenOrders", Side.BUY, "MSFT", 1, 390, account="ACC2") == "pass"


def test_r17_a_replace_adds_no_order(world):
    messages(world, 20)
    order_id = next(iter(world.portfolio.lines))
    verdicts = world.chain.explain(world.replaced(order_id, price="90.5"), world.desk)
    assert {v.name: world.word(v) for v in verdicts}["OpenOrders"] == "warn"


def test_r21_warns_of_many_messages_per_fill_once_there_are_enough(world):
    world.set("R21", "500")
    day = world.portfolio.account("ACC1").day
    day.messages, day.fills = 999, 0
    assert world.says("OrderToTrade", Side.BUY, "AAPL", 1, 90) == "pass"
    day.messages = 1000
    assert world.says("OrderToTrade", Side.BUY, "AAPL", 1, 90) == "THROTTLE"
    day.fills = 2
    assert world.says("OrderToTrade", Side.BUY, "AAPL", 1, 90) == "warn"
    day.fills = 3
    assert world.says("OrderToTrade", Side.BUY, "AAPL", 1, 90) == "pass"


def test_r22_adds_up_what_is_sent_in_a_day(world):
    world.set("R22", "20000")
    world.place(Side.BUY, "AAPL", 100, 90)
    assert world.portfolio.account("ACC1").day.turnover == 9000
    assert world.says("Turnover", Side.BUY, "AAPL", 110, 100) == "warn"
    assert world.says("Turnover", Side.BUY, "AAPL", 111, 100) == "DAILY_TURNOVER"
    world.wait(86400)
    world.open_day()
    world.quote("AAPL", 100)
    assert world.says("Turnover", Side.BUY, "AAPL", 111, 100) == "pass"


def test_r22_counts_a_replace_by_what_it_adds(world):
    order_id = world.place(Side.BUY, "AAPL", 100, 90)
    assert world.replace(order_id, order_qty=150) is None
    assert world.portfolio.account("ACC1").day.turnover == 13500
    world.confirm(order_id)
    assert world.replace(order_id, order_qty=120) is None
    assert world.portfolio.account("ACC1").day.turnover == 13500


def test_r22_counts_orders(world):
    world.set("R22.orders", "3")
    messages(world, 2)
    assert world.says("Turnover", Side.BUY, "AAPL", 1, 90) == "warn"
    messages(world, 1)
    assert world.says("Turnover", Side.BUY, "AAPL", 1, 90) == "DAILY_TURNOVER"


def test_r22_refuses_what_cannot_be_valued(world):
    del world.prices.quotes["AAPL"]
    assert world.says("Turnover", Side.BUY, "AAPL", 1) == "NO_REFERENCE_PRICE"


def test_r22_judges_a_replace_by_what_it_adds(world):
    world.set("R22", "10000")
    order_id = world.place(Side.BUY, "AAPL", 90, 100)

    def said(qty):
        verdicts = world.chain.explain(world.replaced(order_id, order_qty=qty), world.desk)
        return {v.name: world.word(v) for v in verdicts}["Turnover"]

    assert said(100) == "warn"
    assert said(101) == "DAILY_TURNOVER"
