"""The demo's book: what reports make of orders and positions."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simplefix import FixMessage

from bridge.demo.trader import BUY, LIMIT, SELL, Holding, Trader


class Sent:
    """Stands in for the session: remembers what would have been sent."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict]] = []

    def send(self, msg_type, fields) -> int:
        self.messages.append((msg_type, dict(fields)))
        return len(self.messages)


@pytest.fixture
def trader():
    lines: list[str] = []
    trader = Trader(Sent(), lines.append)  # type: ignore[arg-type]
    trader.lines = lines  # type: ignore[attr-defined]
    return trader


def report(order, kind, status, **fields) -> FixMessage:
    message = FixMessage()
    tags = {"qty": 32, "px": 31, "execution": 17, "text": 58, "price": 44, "cum": 14, "avg": 6}
    for tag, value in ((35, "8"), (11, order.cl_ord_id), (150, kind), (39, status)):
        message.append_pair(tag, value)
    for name, value in fields.items():
        message.append_pair(tags[name], value)
    return message


def test_an_order_carries_what_fix_wants_of_its_type(trader):
    trader.enter("AAPL", SELL, Decimal(3), LIMIT, price=Decimal("1.50"))
    (msg_type, fields) = trader.client.messages[0]
    assert msg_type == "D"
    assert {55: "AAPL", 54: "2", 38: Decimal(3), 40: "2", 44: Decimal("1.50"), 59: "0"}.items() <= fields.items()
    assert 99 not in fields


def test_a_fill_is_booked_once_whatever_comes_twice(trader):
    order = trader.enter("AAPL", BUY, Decimal(3))
    fill = report(order, "F", "2", qty=3, px="10.5", execution="T1", cum=3, avg="10.5")
    trader.take(fill)
    trader.take(fill)
    assert (trader.fills, trader.holding("AAPL").qty, order.done) == (1, 3, True)


def test_a_refusal_is_counted_and_told_with_its_text(trader):
    order = trader.enter("AAPL", BUY, Decimal(3))
    trader.take(report(order, "8", "8", text="MAX_QTY: too much"))
    assert (trader.refused, order.text) == (1, "MAX_QTY: too much")
    assert trader.lines[-1].endswith("MAX_QTY: too much")


def test_a_replaced_order_answers_to_its_new_id(trader):
    order = trader.enter("AAPL", SELL, Decimal(3), LIMIT, price=Decimal(2))
    old = order.cl_ord_id
    trader.replace(order, price=Decimal(1))
    new = trader.client.messages[-1][1][11]
    message = report(order, "5", "0", price=1)
    message.remove(11)
    message.append_pair(11, new)
    trader.take(message)
    assert order.cl_ord_id == new != old
    assert order.price == 1
    trader.cancel(order)
    assert trader.client.messages[-1][1][41] == new


def test_ids_are_never_used_twice(trader):
    assert len({trader.next_id() for _ in range(1000)}) == 1000


@given(st.lists(st.tuples(st.sampled_from([BUY, SELL]), st.integers(1, 50), st.integers(1, 500)), max_size=30))
def test_realised_and_open_profit_are_together_what_was_earned(trades):
    holding, cash = Holding(), Decimal(0)
    for side, qty, px in trades:
        holding.fill(side, Decimal(qty), Decimal(px))
        cash += (-1 if side == BUY else 1) * qty * px
    mark = Decimal(100)
    open_profit = holding.qty * (mark - holding.avg_px) if holding.qty else Decimal(0)
    assert abs((holding.realised + open_profit) - (cash + holding.qty * mark)) < Decimal("1e-15")
