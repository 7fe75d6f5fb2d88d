"""Random books: whatever the market and the orders do, no fill is one that the tape forbids, and the money adds up."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.brokers.paper import FillModel, Resting, Taking
from bridge.brokers.paper.audit import Audit
from bridge.brokers.paper.exchange import Exchange
from bridge.brokers.paper.records import Accepted, Filled, Record
from bridge.orders.market import Aggressor, AssetClass, Instrument, Quote, Trade
from bridge.orders.order import Order, PendingReplace
from fixspec.enums import ExecInst, OrdType, Side, TimeInForce

TIME = datetime(2024, 7, 1, tzinfo=UTC)
TICK = Decimal("0.01")
BASE = Decimal("10.00")
SHARE = Instrument(
    symbol="X",
    asset_class=AssetClass.EQUITY,
    security_type="CS",
    currency="USD",
    tick_size=TICK,
    lot_size=Decimal(1),
)

price = st.integers(-4, 4).map(lambda ticks: BASE + ticks * TICK)
size = st.integers(0, 9).map(Decimal)
quotes = st.tuples(st.just("quote"), st.none() | price, size, st.none() | price, st.none() | size)
trades = st.tuples(st.just("trade"), price, st.integers(1, 9).map(Decimal), st.sampled_from(Aggressor))
sides = st.sampled_from([Side.BUY, Side.SELL])
new = st.tuples(
    st.just("new"),
    sides,
    st.integers(1, 12).map(Decimal),
    st.sampled_from([OrdType.MARKET, OrdType.LIMIT, OrdType.LIMIT, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT]),
    st.sampled_from([TimeInForce.DAY, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
    price,
    price,
    st.sampled_from([(), (), (), (ExecInst.PARTICIPATE_DO_NOT_INITIATE,), (ExecInst.DO_NOT_INCREASE,)]),
)
cancel = st.tuples(st.just("cancel"), st.integers(0, 30))
change = st.tuples(st.just("replace"), st.integers(0, 30), st.integers(1, 12).map(Decimal), price)
turn = st.tuples(st.just("turn"))
actions = st.lists(st.one_of(quotes, quotes, trades, new, new, cancel, change, turn), max_size=60)
models = st.builds(
    FillModel,
    taking=st.sampled_from(Taking),
    resting=st.sampled_from(Resting),
    participation=st.sampled_from([Decimal(1), Decimal("0.5")]),
    untold_size=st.sampled_from([{}, {AssetClass.EQUITY: Decimal(3)}]),
)


class Run:
    """Plays actions on an exchange, with the auditor beside it."""

    def __init__(self, model):
        self.model = model
        self.now = 1_700_000_000_000_000_000
        self.exchange = self._exchange()
        self.exchange.open("P1", self.now)
        self.records: list[Record] = []
        self.orders: list[Order] = []
        self.audit = Audit(
            participation=model.participation,
            untold=model.untold_size.get(AssetClass.EQUITY, Decimal(0)),
            walks=model.taking is Taking.WALK,
        )
        self.drain()

    def _exchange(self):
        return Exchange(instrument={"X": SHARE}.get, model=self.model)

    def drain(self):
        out, self.exchange.out = self.exchange.out, []
        self.audit.records(out)
        self.records += [record for record in out if isinstance(record, Record)]

    def play(self, action):
        kind, *terms = action
        self.now += 1_000_000
        if kind in {"quote", "trade"}:
            self.exchange.match(self.now)
            self.drain()
            if kind == "quote":
                tick = Quote("X", terms[0], terms[1], terms[2], terms[3], TIME, self.now)
                self.audit.tick(tick)
                self.exchange.quote(tick, self.now)
            else:
                tick = Trade("X", terms[0], terms[1], TIME, self.now, terms[2])
                self.audit.tick(tick)
                self.exchange.trade(tick, self.now)
        elif kind == "new":
            self.submit(*terms)
        elif kind == "turn":
            self.exchange.match(self.now)
        elif terms[0] < len(self.orders):
            order = self.orders[terms[0]]
            if kind == "cancel":
                self.exchange.cancel(order, self.now)
            else:
                self.change(terms[0], order, *terms[1:])
        self.drain()

    def submit(self, side, qty, ord_type, tif, limit, stop, exec_inst):
        number = len(self.orders)
        order = Order(
            order_id=number + 1,
            session_id="S",
            cl_ord_id=f"C{number}",
            account="PAPER",
            symbol="X",
            side=side,
            ord_type=ord_type,
            time_in_force=tif,
            order_qty=qty,
            price=limit if ord_type in {OrdType.LIMIT, OrdType.STOP_LIMIT} else None,
            stop_px=stop if ord_type in {OrdType.STOP, OrdType.STOP_LIMIT} else None,
            exec_inst=exec_inst,
            broker_client_id=f"f{number}",
            transact_time=TIME,
            received=TIME,
        )
        self.orders.append(order)
        self.exchange.submit(order, self.now)

    def change(self, number, order, qty, limit):
        new_id = f"r{number}-{self.now}"
        pending = PendingReplace(
            cl_ord_id="R",
            session_id="S",
            broker_client_id=new_id,
            side=order.side,
            ord_type=order.ord_type,
            time_in_force=order.time_in_force,
            order_qty=qty,
            price=None if order.price is None else limit,
            stop_px=order.stop_px,
            exec_inst=order.exec_inst,
        )
        self.exchange.replace(replace(order, pending_replace=pending), self.now)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(models, actions)
def test_no_fill_is_one_that_the_tape_forbids(model, some):
    run = Run(model)
    for action in some:
        run.play(action)
    assert run.audit.violations == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(models, actions)
def test_the_money_is_the_sum_of_the_fills_and_nothing_stays_reserved(model, some):
    run = Run(model)
    for action in some:
        run.play(action)
    side = {record.no: record.side for record in run.records if isinstance(record, Accepted)}
    fills = [record for record in run.records if isinstance(record, Filled)]
    bought = sum((f.qty * f.px for f in fills if side[f.no] is Side.BUY), Decimal(0))
    sold = sum((f.qty * f.px for f in fills if side[f.no] is not Side.BUY), Decimal(0))
    account = run.exchange.accounts["PAPER"]
    assert account.cash == 1_000_000 - bought + sold
    holding = account.holdings.get("X")
    working = run.exchange.open_orders()
    if holding is not None:
        assert holding.buying == sum((o.left for o in working if o.buy), Decimal(0))
        assert holding.selling == sum((o.left for o in working if not o.buy), Decimal(0))
    for order in working:
        run.exchange.cancel(replace(run.orders[0], broker_client_id=order.id), run.now)
    assert account.reserved == 0


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(models, actions)
def test_a_book_folds_to_the_state_that_wrote_it(model, some):
    run = Run(model)
    for action in some:
        run.play(action)
    run.exchange.match(run.now)
    run.drain()
    again = run._exchange()
    again.restore(run.records, run.now)

    def state(exchange):
        account = exchange.accounts["PAPER"]
        return (
            [
                (o.no, o.id, o.cum, o.left, o.gross, o.price, o.stop_px, o.closed, o.triggered)
                for o in exchange.state.orders.values()
            ],
            account.cash,
            {s: (h.qty, h.cost, h.realised, h.buying, h.selling) for s, h in account.holdings.items() if h.qty},
            exchange.state.next_no,
        )

    assert state(again) == state(run.exchange)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(models, actions)
def test_the_same_inputs_give_the_same_records(model, some):
    runs = [Run(model), Run(model)]
    for run in runs:
        for action in some:
            run.play(action)
    assert runs[0].records == runs[1].records
