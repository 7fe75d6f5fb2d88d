from datetime import timedelta

import pytest

from fixspec.enums import Side


@pytest.mark.parametrize(
    ("late", "said"),
    [
        (0, "pass"),
        (8, "pass"),
        (10, "warn"),
        ("10.000001", "STALE_ORDER"),
        (-4, "pass"),
        (-5, "warn"),
        ("-5.000001", "STALE_ORDER"),
    ],
)
def test_r26_refuses_what_is_too_old_or_from_the_future(world, late, said):
    at = world.now - timedelta(seconds=float(late))
    assert world.says("StaleOrder", Side.BUY, "AAPL", 1, 100, transact_time=at) == said


def test_r26_judges_a_replace_by_its_own_time(world):
    order_id = world.place(Side.BUY, "AAPL", 1, 99)
    world.wait(3600)
    world.quote("AAPL", 100)
    world.state_account()
    assert world.chain.check(world.replaced(order_id, price="99.5"), world.desk) is None
