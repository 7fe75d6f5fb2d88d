from decimal import Decimal

from bridge.orders.events import OrderAdopted, OrderCanceled, Scope
from fixspec.enums import OrdType, Side

D = Decimal


def rich(world, **fields):
    """Only buying power matters here."""
    for rule in ("R02", "R03", "R09", "R13", "R14", "R16", "R22"):
        world.set(rule, "off")
    world.state_account(**fields)


def test_r10_a_margin_account_needs_half_of_the_value_and_all_of_it_from_the_broker(world):
    rich(world, equity=D(10000), buying_power=D(40000))
    # own sums: 10,000 less 2 % haircut, half of the value is needed
    assert world.says("BuyingPower", Side.BUY, "AAPL", 196, 100) == "pass"
    assert world.says("BuyingPower", Side.BUY, "AAPL", 197, 100) == "BUYING_POWER"
    world.state_account(equity=D(100000), buying_power=D(10000))
    assert world.says("BuyingPower", Side.BUY, "AAPL", 98, 100) == "pass"
    assert world.says("BuyingPower", Side.BUY, "AAPL", 99, 100) == "BUYING_POWER"


def test_r10_a_cash_account_needs_the_value_and_expected_fees(world):
    rich(world, margin_account=False, cash=D(10000), equity=D(10000), buying_power=D(10000))
    world.set("R10", "0")
    assert world.says("BuyingPower", Side.BUY, "AAPL", 99, 100) == "pass"
    assert world.says("BuyingPower", Side.BUY, "AAPL", 100, 100) == "BUYING_POWER"


def test_r10_crypto_is_paid_in_full_and_futures_by_table_or_in_full(world):
    rich(world, equity=D(100000), buying_power=D(1000000))
    assert world.explain(Side.BUY, "BTC/USD", 1, 50000)["BuyingPower"].value == 50000
    assert world.explain(Side.BUY, "ESZ6", 1, 5000)["BuyingPower"].value == 250000
    world.set("R10.margin", "15000", Scope.SYMBOL, "ESZ6")
    assert world.explain(Side.BUY, "ESZ6", 1, 5000)["BuyingPower"].value == 15000


def test_r10_working_orders_count_before_the_broker_shows_them_and_are_not_counted_twice_after(world):
    rich(world, equity=D(1000000), buying_power=D(20000))
    world.set("R10", "0")
    world.place(Side.BUY, "AAPL", 100, 100)
    assert world.says("BuyingPower", Side.BUY, "MSFT", 25, 400) == "pass"
    assert world.says("BuyingPower", Side.BUY, "MSFT", 26, 400) == "BUYING_POWER"
    world.wait(2)
    world.state_account(equity=D(1000000), buying_power=D(10000))  # 2 s after the acknowledgement: not yet shown
    assert world.says("BuyingPower", Side.BUY, "MSFT", 1, 400) == "BUYING_POWER"
    world.wait("0.000001")
    world.state_account(equity=D(1000000), buying_power=D(10000))
    world.quote("MSFT", 400)
    assert world.says("BuyingPower", Side.BUY, "MSFT", 25, 400) == "pass"
    assert world.says("BuyingPower", Side.BUY, "MSFT", 26, 400) == "BUYING_POWER"


def test_r10_an_order_without_an_acknowledgement_is_never_shown(world):
    rich(world, equity=D(1000000), buying_power=D(20000))
    world.set("R10", "0")
    world.place(Side.BUY, "AAPL", 100, 100, accept=False)
    world.wait(3600)
    world.state_account(equity=D(1000000), buying_power=D(20000))
    world.quote("AAPL", 100)
    world.quote("MSFT", 400)
    assert world.says("BuyingPower", Side.BUY, "MSFT", 26, 400) == "BUYING_POWER"


def test_r10_a_fill_stays_spent_until_the_statement_is_younger(world):
    rich(world, equity=D(1000000), buying_power=D(20000))
    world.set("R10", "0")
    order_id = world.place(Side.BUY, "AAPL", 100, 100)
    world.fill(order_id, 100, 100)
    assert world.says("BuyingPower", Side.BUY, "MSFT", 26, 400) == "BUYING_POWER"
    world.wait("2.000001")
    world.quote("MSFT", 400)
    world.quote("AAPL", 100)
    world.state_account(equity=D(1000000), buying_power=D(20000))
    assert world.says("BuyingPower", Side.BUY, "MSFT", 26, 400) == "pass"


def test_r10_a_cancelled_order_frees_what_it_held(world):
    rich(world, equity=D(1000000), buying_power=D(20000))
    world.set("R10", "0")
    order_id = world.place(Side.BUY, "AAPL", 200, 100)
    assert world.says("BuyingPower", Side.BUY, "MSFT", 1, 400) == "BUYING_POWER"
    world.cancel(order_id)
    assert world.says("BuyingPower", Side.BUY, "MSFT", 50, 400) == "pass"
    book = world.portfolio.account("ACC1")
    assert (book.value, book.margin, book.funds, book.hidden) == (0, 0, 0, 0)


def test_r10_a_replace_asks_the_broker_only_for_what_it_adds(world):
    rich(world, equity=D(1000000), buying_power=D(20000))
    world.set("R10", "0")
    order_id = world.place(Side.BUY, "AAPL", 150, 100)
    said = {v.name: world.word(v) for v in world.chain.explain(world.replaced(order_id, order_qty=200), world.desk)}
    assert said["BuyingPower"] == "pass"
    said = {v.name: world.word(v) for v in world.chain.explain(world.replaced(order_id, order_qty=201), world.desk)}
    assert said["BuyingPower"] == "BUYING_POWER"


def test_r10_positions_use_margin_of_our_own(world):
    rich(world, equity=D(10000), buying_power=D(1000000))
    world.set("R10", "0")
    world.hold(100)
    assert world.says("BuyingPower", Side.BUY, "MSFT", 25, 400) == "pass"
    assert world.says("BuyingPower", Side.BUY, "MSFT", 26, 400) == "BUYING_POWER"


def test_r10_refuses_without_a_fresh_statement(world):
    world.wait(60)
    world.quote("AAPL", 100)
    assert world.says("BuyingPower", Side.BUY, "AAPL", 1, 100) == "pass"
    world.wait("0.000001")
    assert world.says("BuyingPower", Side.BUY, "AAPL", 1, 100) == "NO_EQUITY"
    world.desk.statements.clear()
    assert world.says("BuyingPower", Side.BUY, "AAPL", 1, 100) == "NO_EQUITY"


def test_r10_refuses_while_a_position_has_no_price(world):
    world.hold(1, "XOM", 50)
    del world.prices.quotes["XOM"]
    assert world.says("BuyingPower", Side.BUY, "AAPL", 1, 100) == "NO_REFERENCE_PRICE"


def test_r10_refuses_while_an_order_from_elsewhere_has_no_value(world):
    order_id = world.blotter.seq + 1
    adopted = OrderAdopted(
        order_id=order_id,
        account="ACC1",
        symbol="XOM",
        side=Side.BUY,
        ord_type=OrdType.MARKET,
        order_qty=D(10),
        broker="paper",
        broker_order_id="E1",
    )
    world.commit(adopted)
    assert world.says("BuyingPower", Side.BUY, "AAPL", 1, 100) == "NO_REFERENCE_PRICE"
    world.commit(OrderCanceled(order_id=order_id))
    assert world.says("BuyingPower", Side.BUY, "AAPL", 1, 100) == "pass"


def test_r10_an_order_from_elsewhere_with_a_limit_is_reserved_at_that(world):
    world.commit(
        OrderAdopted(
            order_id=world.blotter.seq + 1,
            account="ACC1",
            symbol="XOM",
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_qty=D(10),
            price=D(50),
            broker="paper",
            broker_order_id="E1",
        )
    )
    assert world.portfolio.account("ACC1").margin == 500
    assert world.says("BuyingPower", Side.BUY, "AAPL", 1, 100) == "pass"


def test_r10_held_futures_take_their_table_margin(world):
    rich(world, equity=D(100000), buying_power=D(10000000))
    world.set("R10", "0")
    world.set("R09.cross", "off")
    world.set("R10.margin", "15000", Scope.SYMBOL, "ESZ6")
    world.hold(-4, "ESZ6", 5000)
    assert world.chain.marks.totals("ACC1", world.desk).margin == 60000
    assert world.says("BuyingPower", Side.BUY, "AAPL", 800, 100) == "pass"
    assert world.says("BuyingPower", Side.BUY, "AAPL", 801, 100) == "BUYING_POWER"
