"""The fold over random histories: several sessions on one account, replaces, partial fills, busts, unknown outcomes."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.orders.blotter import Blotter
from bridge.orders.events import (
    CancelRejected,
    CancelRequested,
    CommissionReported,
    LimitChanged,
    OrderAccepted,
    OrderAdopted,
    OrderCanceled,
    OrderDoneForDay,
    OrderEvent,
    OrderExpired,
    OrderRejected,
    OrderRestated,
    OrderSuspended,
    OutcomeUnknown,
    Request,
    Scope,
    TradeBusted,
    TradeCorrected,
    TradingHalted,
)
from bridge.orders.order import ZERO
from bridge.risk.limits import Limits
from bridge.risk.portfolio import Portfolio
from bridge.risk.snapshot import freeze, thaw
from fixspec.enums import (
    CxlRejReason,
    CxlRejResponseTo,
    ExecRestatementReason,
    OrdRejReason,
    OrdType,
    Side,
    TimeInForce,
)

D = Decimal
LINKED = frozenset({"S2"})


def state_of(portfolio: Portfolio) -> dict[str, Any]:
    """All that a portfolio knows, as values."""
    return {
        "holdings": {
            key: (h.pos, h.paid, h.buy, h.sell, h.buys, h.sells, h.bids, h.offers, h.groups, h.opened_today, h.paired)
            for key, h in portfolio.holdings.items()
        },
        "lines": {
            key: (line.qty, line.px, line.value, line.margin, line.funds, line.hidden, line.acked_ns)
            for key, line in portfolio.lines.items()
        },
        "accounts": {
            name: (
                *(book.working, book.unvalued, book.value, book.margin, book.funds, book.hidden, book.fees),
                *(book.day.orders, book.day.messages, book.day.fills, book.day.turnover, book.day_trades, book.pairs),
                *(book.opening_equity, book.day_high, book.day_end_ns),
            )
            for name, book in portfolio.accounts.items()
        },
        "buckets": {name: bucket.full_at for name, bucket in portfolio.sessions.items()},
        "lookalikes": portfolio.lookalikes.seen,
        "sizes": {name: sizes.ordered for name, sizes in portfolio.sizes.items()},
        "due": portfolio.triggers.due,
    }


def refold(world: Any) -> Portfolio:
    """A restart: the same entries through a new blotter and a new portfolio."""
    blotter, portfolio = Blotter(), Portfolio(Limits("none"), one_cancels_other=LINKED)
    for entry in world.entries:
        event = entry.event
        before = blotter.order(event.order_id) if isinstance(event, OrderEvent) else None
        after = blotter.apply(entry)
        portfolio.on_entry(entry, before, after)
    return portfolio


class History:
    """Draws events that may follow, in the order a broker could tell them."""

    def __init__(self, world: Any, data: st.DataObject) -> None:
        self.world = world
        self.draw = data.draw

    def step(self) -> None:
        ids = [order.order_id for order in self.world.blotter.orders()]
        order = self.world.blotter.order(self.draw(st.sampled_from(ids))) if ids else None
        names = ["place", "place", "wait", "adopt"]
        if order is not None and order.routed:
            names += ["fill", "fill", "bust", "correct", "commission"] if order.order_qty is not None else []
            if order.open:
                names += [
                    "ack",
                    "cancel_request",
                    "replace",
                    "unknown",
                    "dfd",
                    "cancel",
                    "expire",
                    "restate",
                    "suspend",
                ]
            if order.open and order.pending_replace is not None:
                names += ["confirm", "confirm", "refuse_replace"]
            if order.open and order.pending_cancel is not None:
                names += ["cancel", "refuse_cancel"]
            if order.open and not order.accepted:
                names += ["refuse"]
        getattr(self, self.draw(st.sampled_from(names)))(order)

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def place(self, _: Any) -> None:
        kind = self.draw(st.sampled_from(["limit", "market", "stop", "stop limit", "cash"]))
        symbol = self.draw(st.sampled_from(["AAPL", "ESZ6", "SAP"]))
        fields: dict[str, Any] = {
            "session": self.draw(st.sampled_from(["S1", "S2", "S3"])),
            "account": self.draw(st.sampled_from(["ACC1", "ACC2"])),
            "strategy": self.draw(st.sampled_from([None, "slow"])),
            "time_in_force": self.draw(st.sampled_from([TimeInForce.DAY, TimeInForce.GTC])),
            "cl_ord_link_id": self.draw(st.sampled_from([None, "L1", "L2"])),
        }
        side = self.draw(st.sampled_from([Side.BUY, Side.SELL, Side.SELL_SHORT]))
        price = self.number(90, 110) if kind in ("limit", "stop limit") else None
        stop = self.number(90, 110) if kind in ("stop", "stop limit") else None
        qty: int | None = self.number(1, 100)
        if kind == "cash":
            fields["cash_order_qty"] = D(self.number(1, 10000))
            qty, price = None, self.number(90, 110)
        accept = self.draw(st.booleans())
        if self.draw(st.booleans()):
            self.world.place(side, symbol, qty, price, stop, accept=accept, check=False, **fields)
        else:  # as an older journal has it: nobody said what it is worth
            event = self.world.received(side, symbol, qty, price, stop, **fields)
            self.world.commit(event)
            if self.draw(st.booleans()):
                self.world.commit(self.world.routed(event.order_id))

    def wait(self, _: Any) -> None:
        self.world.wait(self.number(1, 100))
        if self.draw(st.booleans()):
            self.world.state_account("ACC1")
            self.world.portfolio.account("ACC1").unshown(self.world.desk.now_ns)

    def adopt(self, _: Any) -> None:
        priced = self.draw(st.booleans())
        self.world.commit(
            OrderAdopted(
                order_id=self.world.blotter.seq + 1,
                account="ACC1",
                symbol="AAPL",
                side=self.draw(st.sampled_from([Side.BUY, Side.SELL])),
                ord_type=OrdType.LIMIT if priced else OrdType.MARKET,
                order_qty=D(self.number(1, 50)),
                price=D(100) if priced else None,
                broker="paper",
                broker_order_id=f"E{self.world.blotter.seq}",
            )
        )

    def fill(self, order: Any) -> None:
        left = int(max(order.leaves_qty, 1))
        self.world.fill(order.order_id, self.number(1, left + 2), self.number(90, 110))

    def executions(self, order: Any) -> list[Any]:
        return [each for each in self.world.blotter.executions(order.order_id) if not each.busted]

    def bust(self, order: Any) -> None:
        live = self.executions(order)
        if live:
            was = live[self.number(0, len(live) - 1)]
            self.world.ids += 1
            name = f"T{self.world.ids}"
            self.world.commit(
                TradeBusted(
                    order_id=order.order_id,
                    exec_id=name,
                    exec_ref_id=was.exec_id,
                    broker_exec_id=name,
                    transact_time=self.world.now,
                )
            )

    def correct(self, order: Any) -> None:
        live = self.executions(order)
        if live:
            was = live[self.number(0, len(live) - 1)]
            self.world.ids += 1
            name = f"T{self.world.ids}"
            self.world.commit(
                TradeCorrected(
                    order_id=order.order_id,
                    exec_id=name,
                    exec_ref_id=was.exec_id,
                    broker_exec_id=name,
                    last_qty=D(self.number(1, 100)),
                    last_px=D(self.number(90, 110)),
                    transact_time=self.world.now,
                )
            )

    def commission(self, order: Any) -> None:
        live = self.executions(order)
        if live:
            self.world.commit(
                CommissionReported(order_id=order.order_id, exec_ref_id=live[0].exec_id, commission=D("1.25"))
            )

    def ack(self, order: Any) -> None:
        held = self.draw(st.booleans())
        self.world.commit(OrderAccepted(order_id=order.order_id, broker_order_id="B", held=held))

    def cancel_request(self, order: Any) -> None:
        if order.pending_cancel is None:
            self.world.ids += 1
            self.world.commit(
                CancelRequested(
                    order_id=order.order_id,
                    session_id=order.session_id,
                    cl_ord_id=f"X{self.world.ids}",
                    orig_cl_ord_id=order.cl_ord_id,
                )
            )

    def replace(self, order: Any) -> None:
        if order.pending_replace is None and order.order_qty is not None:
            total = order.cum_qty + self.number(0, 100)
            terms: dict[str, Any] = {"order_qty": max(total, D(1))}
            if order.price is not None:
                terms["price"] = self.number(90, 110)
            self.world.replace(order.order_id, check=False, **terms)

    def confirm(self, order: Any) -> None:
        self.world.confirm(order.order_id)

    def refuse_replace(self, order: Any) -> None:
        self.rejected(order, order.pending_replace.cl_ord_id, CxlRejResponseTo.ORDER_CANCEL_REPLACE_REQUEST)

    def refuse_cancel(self, order: Any) -> None:
        self.rejected(order, order.pending_cancel.cl_ord_id, CxlRejResponseTo.ORDER_CANCEL_REQUEST)

    def rejected(self, order: Any, cl_ord_id: str, response_to: CxlRejResponseTo) -> None:
        self.world.commit(
            CancelRejected(
                order_id=order.order_id,
                session_id=order.session_id,
                cl_ord_id=cl_ord_id,
                orig_cl_ord_id=order.cl_ord_id,
                response_to=response_to,
                cxl_rej_reason=CxlRejReason.OTHER,
                code="BROKER_REJECT",
                text="",
            )
        )

    def unknown(self, order: Any) -> None:
        self.world.commit(
            OutcomeUnknown(order_id=order.order_id, request=self.draw(st.sampled_from(list(Request))), text="no answer")
        )

    def dfd(self, order: Any) -> None:
        self.world.commit(OrderDoneForDay(order_id=order.order_id))

    def cancel(self, order: Any) -> None:
        self.world.commit(OrderCanceled(order_id=order.order_id))

    def expire(self, order: Any) -> None:
        self.world.commit(OrderExpired(order_id=order.order_id))

    def suspend(self, order: Any) -> None:
        self.world.commit(OrderSuspended(order_id=order.order_id))

    def restate(self, order: Any) -> None:
        qty = D(self.number(1, 100)) if order.order_qty is not None and self.draw(st.booleans()) else None
        price = D(self.number(90, 110)) if order.price is not None and self.draw(st.booleans()) else None
        self.world.commit(
            OrderRestated(order_id=order.order_id, reason=ExecRestatementReason.OTHER, order_qty=qty, price=price)
        )

    def refuse(self, order: Any) -> None:
        self.world.commit(
            OrderRejected(
                order_id=order.order_id,
                code="BROKER_REJECT",
                ord_rej_reason=OrdRejReason.OTHER,
                text="",
                source="broker",
            )
        )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), steps=st.integers(1, 60))
def test_after_every_event_reservations_are_the_sum_of_working_orders_and_a_restart_finds_the_same(
    make_world: Any, data: st.DataObject, steps: int
) -> None:
    world = make_world("none", linked=LINKED)
    history = History(world, data)
    shown = 0
    for _ in range(steps):
        history.step()
        assert world.portfolio.discrepancies(world.blotter.open_orders()) == []
        positions = {(p.account, p.symbol): p.qty for p in world.blotter.positions()}
        held = {key: holding.pos for key, holding in world.portfolio.holdings.items() if holding.pos}
        assert held == {key: qty for key, qty in positions.items() if qty}
        for book in world.portfolio.accounts.values():
            shown = max(shown, book.shown_ns)
            assert book.hidden >= 0
    # what a statement shows is told again after a restart by the next statement
    again = refold(world)
    now = world.desk.now_ns + 10_000_000_000
    for portfolio in (world.portfolio, again):
        for book in portfolio.accounts.values():
            book.unshown(now)
    assert state_of(again) == state_of(world.portfolio)
    assert again.discrepancies(world.blotter.open_orders()) == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), steps=st.integers(1, 60))
def test_a_start_from_a_snapshot_is_a_start_from_the_first_entry(
    make_world: Any, data: st.DataObject, steps: int
) -> None:
    world = make_world(linked=LINKED)
    history = History(world, data)
    for _ in range(steps):
        history.step()
    cut = data.draw(st.integers(0, len(world.entries)))
    blotter, whole = Blotter(), Portfolio(Limits(), one_cancels_other=LINKED)
    cold: Portfolio | None = None
    for number, entry in enumerate(world.entries):
        if number == cut:
            cold = thaw(freeze(whole), blotter.order, Limits(), one_cancels_other=LINKED)
        event = entry.event
        before = blotter.order(event.order_id) if isinstance(event, OrderEvent) else None
        after = blotter.apply(entry)
        whole.on_entry(entry, before, after)
        if cold is not None:
            cold.on_entry(entry, before, after)
    cold = cold or thaw(freeze(whole), blotter.order, Limits(), one_cancels_other=LINKED)
    assert freeze(cold) == freeze(whole)
    assert state_of(cold) == state_of(whole)
    assert cold.discrepancies(blotter.open_orders()) == []
    now = world.desk.now_ns + 5_000_000_000
    for account, book in whole.accounts.items():
        assert cold.account(account).unshown(now) == book.unshown(now)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), steps=st.integers(1, 40))
def test_marks_are_the_sums_that_a_loop_over_everything_gives(make_world: Any, data: st.DataObject, steps: int) -> None:
    world = make_world("none")
    history = History(world, data)
    for _ in range(steps):
        history.step()
        if data.draw(st.booleans()):
            for symbol, price in (("AAPL", 100), ("ESZ6", 5000), ("SAP", 100)):
                world.quote(symbol, price + data.draw(st.integers(-5, 5)), width="0.5")
            world.quote("EUR/USD", "1.25", width="0.00002")
        for account in ("ACC1", "ACC2"):
            totals = world.chain.marks.totals(account, world.desk)
            if totals.unpriced:
                continue
            long = short = gross = held = ZERO
            for (owner, symbol), holding in world.portfolio.holdings.items():
                marked = totals.marked.get(symbol)
                if owner != account or holding.idle:
                    continue
                assert marked is not None
                assert marked.good_until >= world.desk.now_ns
                px = marked.long / holding.worst_long if holding.worst_long else ZERO
                px = px or (marked.short / holding.worst_short if holding.worst_short else ZERO)
                long += holding.worst_long * px
                short += holding.worst_short * px
                gross += max(abs(holding.worst_long), abs(holding.worst_short)) * px
                held += holding.pos * px
            for ours, theirs in (
                (totals.long, long),
                (totals.short, short),
                (totals.gross, gross),
                (totals.held, held),
                (sum(totals.sectors.values(), ZERO), gross),
            ):
                assert abs(ours - theirs) < D("1E-9")


def test_linked_legs_count_the_largest_so_a_stop_and_a_target_stay_reducing(make_world):
    world = make_world(linked=frozenset({"S1"}))
    world.hold(100)
    assert world.check(Side.SELL, "AAPL", 100, 104, cl_ord_link_id="OCO") is None
    world.place(Side.SELL, "AAPL", 100, 104, cl_ord_link_id="OCO")
    assert world.check(Side.SELL, "AAPL", 100, stop=95, cl_ord_link_id="OCO") is None
    assert world.check(Side.SELL, "AAPL", 100, stop=95, cl_ord_link_id="another").code.value == "SHORT_MARKING"
    world.place(Side.SELL, "AAPL", 100, stop=95, cl_ord_link_id="OCO")
    assert world.portfolio.holding("ACC1", "AAPL").sell == 100


def test_without_that_word_linked_legs_both_count(world):
    world.hold(100)
    world.place(Side.SELL, "AAPL", 100, 104, cl_ord_link_id="OCO")
    assert world.check(Side.SELL, "AAPL", 100, stop=95, cl_ord_link_id="OCO").code.value == "SHORT_MARKING"


def test_a_bust_after_the_end_reverses_the_position_and_reserves_nothing(world):
    order_id = world.place(Side.BUY, "AAPL", 100, 100)
    exec_id = world.fill(order_id, 60, 100)
    world.cancel(order_id)
    world.commit(
        TradeBusted(order_id=order_id, exec_id="B1", exec_ref_id=exec_id, broker_exec_id="B1", transact_time=world.now)
    )
    holding = world.portfolio.holding("ACC1", "AAPL")
    assert (holding.pos, holding.buy, holding.buys) == (0, 0, 0)


def test_a_bust_of_a_filled_order_reserves_again_at_its_value_while_the_broker_works_it(world):
    order_id = world.place(Side.BUY, "AAPL", 100, 100)
    exec_id = world.fill(order_id, 100, 99)
    assert world.portfolio.line(order_id) is None
    world.commit(
        TradeBusted(order_id=order_id, exec_id="B1", exec_ref_id=exec_id, broker_exec_id="B1", transact_time=world.now)
    )
    line = world.portfolio.line(order_id)
    assert (line.qty, line.value, world.portfolio.account("ACC1").value) == (100, 10000, 10000)
    world.cancel(order_id)
    assert world.portfolio.account("ACC1").value == 0


@pytest.mark.parametrize("request_", list(Request))
def test_an_unknown_outcome_stays_reserved(world, request_):
    order_id = world.place(Side.BUY, "AAPL", 100, 100, accept=False)
    world.commit(OutcomeUnknown(order_id=order_id, request=request_, text="no answer"))
    world.wait(86400)
    assert world.portfolio.holding("ACC1", "AAPL").buy == 100


def test_a_fill_moves_quantity_from_reserved_to_held_in_one_step(world):
    order_id = world.place(Side.BUY, "AAPL", 100, 100)
    worst = world.portfolio.holding("ACC1", "AAPL").worst_long
    world.fill(order_id, 40, 99)
    holding = world.portfolio.holding("ACC1", "AAPL")
    assert (holding.pos, holding.buy, holding.worst_long) == (40, 60, worst)
    assert world.portfolio.account("ACC1").value == 6000


def test_a_replace_reserves_the_worse_of_both_until_it_is_answered(world):
    order_id = world.place(Side.BUY, "AAPL", 100, 100)
    world.replace(order_id, order_qty=50, price=101)
    line = world.portfolio.line(order_id)
    assert (line.qty, line.value) == (100, 10100)
    world.confirm(order_id)
    assert (line.qty, line.value) == (50, 5050)


def test_a_day_order_done_for_the_day_is_released_and_a_gtc_order_is_not(world):
    for tif, left in ((TimeInForce.DAY, 0), (TimeInForce.GTC, 10)):
        order_id = world.place(Side.BUY, "AAPL", 10, 99, time_in_force=tif)
        world.commit(OrderDoneForDay(order_id=order_id))
        assert world.portfolio.holding("ACC1", "AAPL").buy == left


def test_discrepancies_name_what_is_wrong(world):
    order_id = world.place(Side.BUY, "AAPL", 10, 99)
    orders = list(world.blotter.open_orders())
    world.portfolio.holding("ACC1", "AAPL").buy += 1
    assert "ACC1 AAPL" in world.portfolio.discrepancies(orders)[0]
    assert "not reserved" in world.portfolio.discrepancies([*orders, *_another(world)])[0]
    assert f"order {order_id} has ended" in world.portfolio.discrepancies([])[0]


def _another(world):
    order = world.order(Side.BUY, "MSFT", 1, 390)
    return [order]


def test_shuffled_sessions_share_one_reservation_per_account(world):
    for session in ("S1", "S2", "S3"):
        world.place(Side.BUY, "AAPL", 100, 100, session=session)
    assert world.portfolio.holding("ACC1", "AAPL").buy == 300
    assert world.code(Side.BUY, "AAPL", 201, 100, session="S4") == "R09 MAX_POSITION"
    assert world.check(Side.BUY, "AAPL", 200, 100, session="S4") is None


def test_a_price_that_the_broker_raises_raises_the_reservation_and_one_it_lowers_does_not_lower_it(world):
    order_id = world.place(Side.BUY, "AAPL", 10, 100)
    for price, value in ((110, 1100), (105, 1100), (121, D(1100) * 121 / 105)):
        world.commit(OrderRestated(order_id=order_id, reason=ExecRestatementReason.OTHER, price=D(price)))
        assert abs(world.portfolio.account("ACC1").value - value) < D("1E-7")


def test_a_stop_that_the_broker_moves_is_reserved_at_the_worse_trigger(world):
    order_id = world.place(Side.BUY, "AAPL", 10, stop=110)
    before = world.portfolio.account("ACC1").value
    world.commit(OrderRestated(order_id=order_id, reason=ExecRestatementReason.OTHER, stop_px=D(121)))
    assert world.portfolio.account("ACC1").value == before * D("1.1")


def test_an_order_found_at_the_broker_is_shown_by_its_next_statement(world):
    world.commit(
        OrderAdopted(
            order_id=world.blotter.seq + 1,
            account="ACC1",
            symbol="AAPL",
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_qty=D(10),
            price=D(100),
            broker="paper",
            broker_order_id="E1",
        )
    )
    book = world.portfolio.account("ACC1")
    assert book.unshown(world.desk.now_ns) == 1000
    assert book.unshown(world.desk.now_ns + 2_000_000_001) == 0


def test_the_remembered_value_of_filled_orders_is_bounded(world):
    from bridge.risk import portfolio

    world.portfolio.done.update(dict.fromkeys(range(-portfolio.BUSTABLE, 0)))
    order_id = world.place(Side.BUY, "AAPL", 10, 100)
    world.fill(order_id, 10, 100)
    assert len(world.portfolio.done) == portfolio.BUSTABLE
    assert order_id in world.portfolio.done


def test_a_snapshot_keeps_halts_limit_changes_days_and_what_is_due(world):
    world.place(Side.BUY, "AAPL", 10, 99)
    for _ in range(6):
        world.place(Side.BUY, "AAPL", 1, 200, strategy="slow")
    world.commit(TradingHalted(scope=Scope.ACCOUNT, name="ACC2", who="ann", reason="x", kill_epoch=4))
    world.commit(LimitChanged(rule="R03", scope=Scope.GLOBAL, new="1000", who="ann", reason="x", effective=world.now))
    cold = thaw(freeze(world.portfolio), world.blotter.order, Limits())
    assert cold.states.kill_epoch == 4
    assert cold.states.halts[Scope.ACCOUNT, "ACC2"].killed
    assert [halt.who for halt in cold.triggers.due.values()] == ["R06"]
    assert cold.limits.in_force(("R03", Scope.GLOBAL, ""), world.desk.now_ns).value == 1000
    assert cold.account("ACC1").opening_equity == 1_000_000
    assert cold.account("ACC1").day.turnover == 990


def test_a_snapshot_without_its_orders_is_refused(world):
    world.place(Side.BUY, "AAPL", 10, 99)
    with pytest.raises(KeyError):
        thaw(freeze(world.portfolio), lambda order_id: None, Limits())


def test_a_replace_that_the_broker_refuses_frees_what_it_reserved_and_is_no_second_message(world):
    order_id = world.place(Side.BUY, "AAPL", 100, 100)
    world.replace(order_id, order_qty=150)
    line, book = world.portfolio.line(order_id), world.portfolio.account("ACC1")
    messages = book.day.messages
    assert (line.qty, line.value) == (150, 15000)
    world.commit(
        CancelRejected(
            order_id=order_id,
            session_id="S1",
            cl_ord_id=world.blotter.order(order_id).pending_replace.cl_ord_id,
            orig_cl_ord_id="C",
            response_to=CxlRejResponseTo.ORDER_CANCEL_REPLACE_REQUEST,
            cxl_rej_reason=CxlRejReason.BROKER_OPTION,
            code="BROKER_REJECT",
            text="no",
        )
    )
    assert (line.qty, line.value, book.day.messages) == (100, 10000, messages)
    assert world.replace(order_id, order_qty=120) is None


def test_after_a_partial_fill_a_replace_reserves_the_rest_at_its_own_value(world):
    order_id = world.place(Side.BUY, "AAPL", 100, 100)
    world.fill(order_id, 40, 100)
    world.replace(order_id, order_qty=100, price=102)
    assert world.portfolio.line(order_id).value == 60 * 102
    world.confirm(order_id)
    world.fill(order_id, 30, 102)
    assert world.portfolio.line(order_id).value == 30 * 102


def test_currencies_of_what_is_held_are_counted_up_and_down(world):
    world.quote("EUR/USD", "1.25", width="0.00002")
    world.hold(10, "SAP", 100)
    totals = world.chain.marks.totals("ACC1", world.desk)
    assert totals.currencies == {"EUR": 1}
    sold = world.place(Side.SELL, "SAP", 10, 100, check=False)
    world.fill(sold, 10, 100)
    assert world.chain.marks.totals("ACC1", world.desk).currencies == {}
