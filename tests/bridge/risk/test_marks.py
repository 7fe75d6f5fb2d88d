"""When a holding is looked at again."""

HOUR_NS = 3_600_000_000_000


def test_a_holding_marked_ahead_at_the_same_quote_is_still_looked_at_when_that_quote_is_old(world):
    world.hold(100)
    marks = world.chain.marks
    assert marks.totals("ACC1", world.desk).held == 100 * 100
    assert marks.refresh(world.desk, HOUR_NS, 10) == 1
    world.wait(3600)
    assert "AAPL" in marks.totals("ACC1", world.desk).unpriced


def test_a_holding_marked_ahead_at_a_newer_quote_is_good_until_that_one_is_old(world):
    world.hold(100)
    marks = world.chain.marks
    marks.totals("ACC1", world.desk)
    world.wait(1)
    world.quote("AAPL", 101)
    assert marks.refresh(world.desk, HOUR_NS, 10) == 1
    assert marks.totals("ACC1", world.desk).held == 100 * 101
    world.wait(3600)
    assert "AAPL" in marks.totals("ACC1", world.desk).unpriced


def test_the_price_of_a_holding_is_used_again_while_nothing_it_came_from_has_changed(world):
    world.hold(100)
    world.chain.marks.totals("ACC1", world.desk)
    price = world.chain.marks.totals("ACC1", world.desk).marked["AAPL"].price
    world.hold(1)
    totals = world.chain.marks.totals("ACC1", world.desk)
    assert totals.marked["AAPL"].price is price
    assert totals.held == 101 * 100


def test_a_newer_quote_a_newer_statement_and_a_changed_limit_each_count_at_the_next_mark(world):
    world.hold(100)
    assert world.chain.marks.totals("ACC1", world.desk).margin < 100 * 100
    world.quote("AAPL", 102)
    world.hold(1)
    assert world.chain.marks.totals("ACC1", world.desk).held == 101 * 102
    world.state_account(margin_account=False)
    world.hold(1)
    assert world.chain.marks.totals("ACC1", world.desk).margin == 102 * 102
    world.set("PX.spread", "0.0001")
    world.hold(1)
    assert "AAPL" in world.chain.marks.totals("ACC1", world.desk).unpriced


def test_a_holding_in_another_currency_follows_the_rate_and_not_only_its_quote(world):
    world.hold(100, "SAP")
    assert world.chain.marks.totals("ACC1", world.desk).held == 110 * 100
    world.quote("EUR/USD", "1.2", width="0.00002")
    world.hold(1, "SAP")
    assert world.chain.marks.totals("ACC1", world.desk).held == 120 * 101
