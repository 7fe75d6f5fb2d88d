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
