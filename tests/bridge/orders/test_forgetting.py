"""Orders that ended long ago leave the book, in every fold at the same entry (FIX-APP section 8)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.orders.blotter import Blotter, freeze, thaw
from bridge.orders.events import (
    CancelRequested,
    DayRolled,
    Entry,
    Event,
    MassCancelRequested,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderReceived,
    OrderReplaced,
    OrderRouted,
    ReplaceRequested,
)
from fixspec.enums import MassCancelRequestType, OrdType, Side, TimeInForce

T0 = datetime(2026, 1, 5, 12, tzinfo=UTC)
D = Decimal


class Book:
    """A blotter and the entries that made it; `day` is what its clock shows."""

    def __init__(self) -> None:
        self.blotter = Blotter()
        self.entries: list[Entry] = []
        self.day = 0
        self.ids = 0

    def commit(self, event: Event) -> int:
        entry = Entry(self.next, T0 + timedelta(days=self.day), event)
        self.entries.append(entry)
        self.blotter.apply(entry)
        return entry.seq

    @property
    def next(self) -> int:
        return len(self.entries) + 1

    def roll(self, days: int = 1, keep: int = 7) -> None:
        for _ in range(days):
            self.day += 1
            self.commit(DayRolled(day=date(2026, 1, 5) + timedelta(days=self.day), keep_days=keep))

    def order(self) -> int:
        self.ids += 1
        order_id = self.next
        self.commit(
            OrderReceived(
                order_id=order_id,
                session_id="S",
                msg_seq_num=self.ids,
                cl_ord_id=f"D{order_id}",
                account="ACC1",
                symbol="AAPL",
                side=Side.BUY,
                ord_type=OrdType.LIMIT,
                time_in_force=TimeInForce.GTC,
                order_qty=D(100),
                price=D(10),
                transact_time=T0,
            )
        )
        self.commit(OrderRouted(order_id=order_id, broker="street", broker_client_id=f"f{order_id}"))
        self.commit(OrderAccepted(order_id=order_id, broker_order_id=f"b{order_id}"))
        return order_id

    def fill(self, order_id: int, qty: int = 100) -> None:
        self.commit(
            OrderFilled(
                order_id=order_id,
                exec_id=f"T{self.next}",
                broker_exec_id=f"x{self.next}",
                last_qty=D(qty),
                last_px=D(10),
                transact_time=T0 + timedelta(days=self.day),
            )
        )

    def replace(self, order_id: int) -> None:
        order = self.blotter.order(order_id)
        terms = {"ord_type": OrdType.LIMIT, "order_qty": D(100), "price": D(11), "side": Side.BUY, "transact_time": T0}
        ids = {"order_id": order_id, "cl_ord_id": f"G{self.next}", "orig_cl_ord_id": order.cl_ord_id}
        self.ids += 1
        self.commit(
            ReplaceRequested(**ids, **terms, session_id="S", msg_seq_num=self.ids, broker_client_id=f"f{self.next}")
        )
        self.commit(OrderReplaced(**ids, **terms))

    def cancel(self, order_id: int) -> None:
        self.ids += 1
        cl_ord_id = f"F{self.next}"
        orig = self.blotter.order(order_id).cl_ord_id
        self.commit(
            CancelRequested(
                order_id=order_id, session_id="S", msg_seq_num=self.ids, cl_ord_id=cl_ord_id, orig_cl_ord_id=orig
            )
        )
        self.commit(OrderCanceled(order_id=order_id, cl_ord_id=cl_ord_id))

    def mass(self) -> str:
        self.ids += 1
        cl_ord_id = f"q{self.next}"
        self.commit(
            MassCancelRequested(
                mass_id=self.next,
                session_id="S",
                msg_seq_num=self.ids,
                cl_ord_id=cl_ord_id,
                request_type=MassCancelRequestType.CANCEL_ALL_ORDERS,
            )
        )
        return cl_ord_id


def test_an_order_is_remembered_for_seven_days_after_it_ended_and_then_forgotten_with_all_its_ids():
    book = Book()
    book.roll()
    order_id = book.order()
    book.replace(order_id)
    chain = book.blotter.order(order_id)
    book.roll(3)
    book.fill(order_id)
    book.roll(7)
    assert book.blotter.order(order_id) is not None
    assert book.blotter.knows("S", f"D{order_id}")
    book.roll()
    blotter = book.blotter
    assert blotter.order(order_id) is None
    assert not blotter.knows("S", f"D{order_id}")
    assert not blotter.knows("S", chain.cl_ord_id)
    for client_id in (f"f{order_id}", chain.broker_client_id):
        assert blotter.by_broker("street", client_id, f"b{order_id}") is None
    assert not list(blotter.all_executions())
    assert list(blotter.orders()) == []


def test_what_it_left_stays_positions_books_numbers_and_who_was_told():
    book = Book()
    order_id = book.order()
    book.fill(order_id)
    before = book.blotter
    held, seq, told = before.position("ACC1", "AAPL"), before.next_inbound("S"), dict(before.told())
    book.roll(10)
    after = book.blotter
    assert after.position("ACC1", "AAPL") == held
    assert [position for _, position in after.books()] == [held]
    assert (after.next_inbound("S"), dict(after.told())) == (seq, told)


def test_an_open_order_is_remembered_however_old_it_is():
    book = Book()
    order_id = book.order()
    book.fill(order_id, 10)
    book.roll(400)
    order = book.blotter.order(order_id)
    assert order is not None
    assert book.blotter.find("S", f"D{order_id}") is order
    assert [execution.last_qty for execution in book.blotter.executions(order_id)] == [10]
    book.cancel(order_id)
    book.roll(8)
    assert book.blotter.order(order_id) is None
    book.roll()
    assert not book.blotter._executions


def test_an_execution_is_known_a_day_longer_than_its_order():
    book = Book()
    book.roll()
    order_id = book.order()
    book.fill(order_id)
    exec_id = next(book.blotter.all_executions()).exec_id
    book.roll(8)
    assert book.blotter.order(order_id) is None
    assert book.blotter.execution(exec_id) is not None
    book.roll()
    assert book.blotter.execution(exec_id) is None


def test_the_id_of_a_mass_cancel_is_remembered_as_long_as_that_of_an_order():
    book = Book()
    cl_ord_id = book.mass()
    order_id = book.order()
    book.roll(7)
    assert book.blotter.knows("S", cl_ord_id)
    assert book.blotter.find("S", cl_ord_id) is None
    book.roll()
    assert not book.blotter.knows("S", cl_ord_id)
    assert book.blotter.knows("S", f"D{order_id}"), "it is open"


def test_days_are_counted_not_dated_so_a_wrong_wall_clock_forgets_nothing_too_early():
    book = Book()
    order_id = book.order()
    book.fill(order_id)
    book.roll()
    book.day += 300
    book.roll()
    assert book.blotter.order(order_id) is not None


def test_the_book_begins_where_the_oldest_day_kept_began():
    book = Book()
    assert book.blotter.kept_from == datetime(1970, 1, 1, tzinfo=UTC)
    book.roll(7)
    assert book.blotter.kept_from == datetime(1970, 1, 1, tzinfo=UTC)
    book.roll()
    assert book.blotter.kept_from == T0 + timedelta(days=1)
    assert book.blotter.day == date(2026, 1, 13).toordinal()


def test_who_wants_everything_forgets_nothing():
    book = Book()
    order_id = book.order()
    book.fill(order_id)
    book.roll(20)
    whole = Blotter(everything=True)
    for entry in book.entries:
        whole.apply(entry)
    assert whole.order(order_id) is not None
    assert book.blotter.order(order_id) is None
    assert whole.position("ACC1", "AAPL") == book.blotter.position("ACC1", "AAPL")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["order", "order", "fill", "replace", "cancel", "mass", "roll", "roll"]), st.integers(0, 9)
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, cut=st.integers(0, 250))
def test_exactly_what_ended_untouched_before_the_oldest_day_kept_is_forgotten(steps, cut):
    book = Book()
    for what, number in steps:
        if what in ("order", "mass", "roll"):
            getattr(book, what)()
            continue
        working = list(book.blotter.open_orders())
        if working:
            getattr(book, what)(working[number % len(working)].order_id)
    whole, cold = Blotter(everything=True), Blotter()
    for entry in book.entries:
        if entry.seq == cut:
            cold = thaw(freeze(cold))
        whole.apply(entry)
        cold.apply(entry)
    assert freeze(cold) == freeze(book.blotter)
    below = book.blotter._kept_from.seq
    kept = {order.order_id: order for order in whole.orders() if order.open or order.last_seq >= below}
    assert {order.order_id: order for order in book.blotter.orders()} == kept
    for table in ("_ids", "_client_ids", "_broker_ids"):
        expected = {
            key: value
            for key, value in getattr(whole, table).items()
            if value in kept or (value < 0 and -value >= below)
        }
        ours = {key: value for key, value in getattr(book.blotter, table).items() if value in kept or -value >= below}
        assert ours == expected
    assert list(book.blotter.all_executions()) == [e for e in whole.all_executions() if e.order_id in kept]
